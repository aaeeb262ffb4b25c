"""Writes docs/cli.md from the help pages of the command: ``make docs``. A test compares the two."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HEADER = """# The command line

Made from `motionlaw --help` by `make docs`; do not edit.
Results go to stdout, progress to stderr; every verb has `--json`.
Exit 0: done, 1: ran but found nothing that holds, 2: bad input.
"""


def help_pages() -> str:
    """Returns the help of the command and of every verb, as Markdown."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = "100"
    from typer.main import get_command
    from typer.testing import CliRunner

    from motionlaw.cli import app

    runner = CliRunner()
    parts = [HEADER]
    for verb in ("", *get_command(app).commands):  # type: ignore[attr-defined]
        said = runner.invoke(app, [*verb.split(), "--help"], prog_name="motionlaw", terminal_width=100).stdout
        lines = "\n".join(line.rstrip() for line in said.strip().splitlines())
        parts.append(f"## motionlaw {verb}".rstrip() + f"\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    target = Path(__file__).parent / "cli.md"
    target.write_text(help_pages(), encoding="utf-8")
    print(f"{target.name}: {target.stat().st_size} bytes", file=sys.stderr)
