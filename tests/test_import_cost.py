"""Asking for help is quick: no heavy library is imported before a verb is chosen."""

import subprocess
import sys

HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "sympy",
    "matplotlib",
    "cv2",
    "av",
    "torch",
    "transformers",
    "trl",
    "datasets",
    "vllm",
    "pysr",
    "pyoperon",
    "pysindy",
    "sklearn",
    "trackpy",
}
CODE = """
import sys
from motionlaw.cli import app
from motionlaw.ending import run
sys.argv = ["motionlaw", {arguments}]
status = run(app)
print(status, *sorted({heavy} & set(sys.modules)), file=sys.stderr)
"""


def loaded_by(*arguments):
    code = CODE.format(arguments=", ".join(map(repr, arguments)), heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stderr


def test_help_imports_no_heavy_library():
    """Neither the help of the command nor that of a verb touches numpy or anything above it."""
    assert loaded_by("--help").split() == ["0"]
    assert loaded_by("discover", "--help").split() == ["0"]


def test_the_package_itself_imports_nothing_heavy():
    """``import motionlaw`` costs nothing."""
    code = f"import sys, motionlaw; print(*({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
