"""The import order of the house: a folder imports only folders to its left."""

import ast

import pytest

ORDER = ["tools", "agent", "data_builders", "eval", "training", "motionlaw"]


def imported_folders(path):
    """Yields the folders that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "motionlaw" else [base]
        for name in names:
            parts = name.split(".")
            if parts[0] == "motionlaw" and len(parts) > 1 and parts[1] in ORDER:
                yield parts[1]


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_folders_to_its_left(root, folder):
    """No file reaches to the right in the list, not even inside a function."""
    allowed = set(ORDER[: ORDER.index(folder) + 1])
    wrong = [
        f"{path.relative_to(root)} imports {name}"
        for path in sorted((root / folder).rglob("*.py"))
        for name in imported_folders(path)
        if name not in allowed
    ]
    assert wrong == []


def test_no_file_is_longer_than_500_lines(root):
    """A file that fits no screen-and-a-half is two files."""
    long = {
        str(path.relative_to(root)): count
        for folder in (*ORDER, "benchmarks", "tests", "docs")
        for path in (root / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}
