"""What the README promises exists: its commands, its options, its files."""

import re
import shlex

import pytest
from typer.main import get_command

from motionlaw.cli import app


@pytest.fixture
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_commands_in_the_readme_exist(readme, root):
    """Every motionlaw command names a verb and options that the command has; every make target is in the Makefile."""
    verbs = get_command(app).commands
    targets = re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), flags=re.M)
    found = 0
    for line in re.findall(r"(?:^|`|\$ )((?:motionlaw|make) [^`\n#]+)", readme, flags=re.M):
        program, verb, *words = shlex.split(line)
        found += 1
        if program == "make":
            assert verb in targets, line
            continue
        assert verb in verbs, line
        known = {option for parameter in verbs[verb].params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, line
    assert found >= 3


def test_files_in_the_readme_exist(readme, root):
    """Every path in the annotated tree and every linked file is there."""
    named = re.findall(r"\]\((?!http)([^)#]+)\)", readme)
    named += re.findall(r"^\s*([\w./-]+(?:/|\.py|\.md|\.toml))\s{2,}", readme, flags=re.M)
    assert named
    for name in named:
        assert (root / name).exists(), name


def test_the_readme_is_short(readme):
    """It fits a screen or two."""
    assert len(readme.splitlines()) <= 45
