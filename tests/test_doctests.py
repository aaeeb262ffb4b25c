"""The examples in docstrings, walked by import name (pytest's own walk would import twins named tools.x)."""

import doctest
import importlib
import pkgutil

import pytest

import motionlaw

PACKAGES = ("tools", "agent", "data_builders", "eval", "training")


def module_names():
    """Yields every module by its import name, without importing more than packages."""
    yield from ("motionlaw", "motionlaw.cli", "motionlaw.ending")
    for folder in PACKAGES:
        package = importlib.import_module(f"motionlaw.{folder}")
        yield from (info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))


@pytest.mark.parametrize("name", sorted(module_names()))
def test_examples_in_docstrings_hold(name):
    """Every example gives what it says, and every module says what it is for."""
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0


def test_the_version_is_the_one_of_the_package(root):
    """The version is written in two places, which agree."""
    import tomllib

    assert motionlaw.__version__ == tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
