"""A folder missing from the list of packages works in an editable install and is absent from the wheel."""

import tomllib

FOLDERS = ("agent", "data_builders", "eval", "tools", "training")


def test_every_package_on_disk_is_listed(root):
    """pyproject.toml lists exactly the folders that have an __init__.py, and says where each lies."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {path.parent.relative_to(root) for folder in FOLDERS for path in (root / folder).rglob("__init__.py")}
    on_disk = {"motionlaw": "motionlaw"} | {f"motionlaw.{'.'.join(path.parts)}": path.as_posix() for path in found}
    assert set(settings["packages"]) == set(on_disk)
    assert settings["package-dir"] == on_disk
    assert len(settings["packages"]) == len(on_disk)


def test_data_beside_the_code_is_shipped(root):
    """Files that are no Python but are read at run time are in package-data."""
    data = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package, pattern = f"motionlaw.{folder}", f"{path.parent.relative_to(root / folder).as_posix()}/*"
                assert pattern in data.get(package, []), f"{path.relative_to(root)} is not shipped"
