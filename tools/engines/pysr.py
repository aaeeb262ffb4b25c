"""PySR: evolutionary search in Julia (package pysr), which can start from guesses.

PySR starts Julia when it is imported, so that it is looked for first, and only the child process imports it. The
live search could not be run where this was written, for want of Julia: its keywords are checked against the
installed package, and a test marked ``needs_julia`` runs it where Julia is found.

Source: Cranmer (2023), "Interpretable machine learning for science with PySR and SymbolicRegression.jl".
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError, missing_extra

UNARY = ["sin", "cos", "exp", "abs"]
# What guesses may hold beyond that; SymbolicRegression knows them by these names.
MORE_UNARY = ("tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "log", "sqrt", "sign")
MOST_ROWS = 2000
RUN_ID = "run"


def find_julia() -> str | None:
    """Finds a Julia that PySR would use: named in the environment, on the path, from juliaup, or from juliapkg."""
    named = [os.environ.get(name) for name in ("PYTHON_JULIACALL_EXE", "PYTHON_JULIAPKG_EXE")]
    folders = [os.environ.get("JULIA_BINDIR"), str(Path.home() / ".juliaup" / "bin")]
    # Where juliapkg puts the Julia that it installs itself: the project of the environment, or the one it is told.
    project = os.environ.get("PYTHON_JULIAPKG_PROJECT") or str(Path(sys.prefix) / "julia_env")
    folders.append(str(Path(project) / "pyjuliapkg" / "install" / "bin"))
    places = [path for path in named if path and Path(path).is_file()]
    places += [found for folder in folders if folder and (found := shutil.which("julia", path=folder))]
    return next(iter(places), None) or shutil.which("julia")


def preflight() -> None:
    """Checks that pysr is installed and that there is a Julia for it."""
    if find_spec("pysr") is None:
        raise missing_extra("Searching with pysr", "PySR", "pysr")
    if find_julia() is None:
        raise UserError(
            "Searching with pysr needs Julia 1.10 or later, and none was found. Install it (juliaup add release) "
            "and put julia on the PATH, or name it in PYTHON_JULIAPKG_EXE; or use --sr search,operon."
        )


def keywords(*, seed: int, seconds: float, guesses: Sequence[str], folder: Path) -> dict[str, Any]:
    """Everything that is passed to ``PySRRegressor``; a test compares the names with its signature."""
    used = [name for name in MORE_UNARY if any(f"{name}(" in guess for guess in guesses)]
    return {
        "binary_operators": ["+", "-", "*", "/", "^"],
        "unary_operators": [*UNARY, *used],
        # An exponent is a number; sines inside sines are no law of motion.
        "constraints": {"^": (-1, 1)},
        "nested_constraints": {"sin": {"sin": 0, "cos": 0}, "cos": {"sin": 0, "cos": 0}, "exp": {"exp": 0}},
        "niterations": 100_000,
        "timeout_in_seconds": seconds,
        "populations": 16,
        "population_size": 33,
        "maxsize": 30,
        "model_selection": "best",
        "precision": 64,
        "random_state": seed,
        "deterministic": True,
        "parallelism": "serial",
        "guesses": [julia_text(guess) for guess in guesses] or None,
        "verbosity": 0,
        "progress": False,
        "print_precision": 15,
        "input_stream": "devnull",
        "output_directory": str(folder / "pysr"),
        "run_id": RUN_ID,
        "temp_equation_file": False,
    }


def julia_text(text: str) -> str:
    """Writes a formula of our grammar in Julia's.

    Example:
        >>> julia_text("-2*u0**3 + abs(u1)")
        '-2*u0^3 + abs(u1)'
    """
    return text.replace("**", "^").replace("Max(", "max(").replace("Min(", "min(")


def search(
    X: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    *,
    deadline: float,
    seed: int,
    guesses: Sequence[str],
    folder: Path,
) -> list[str]:
    """Runs PySR until shortly before the deadline and returns its front of error and complexity."""
    from pysr import PySRRegressor

    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False)
        X, y = X[rows], y[rows]
    seconds = max(1.0, deadline - time.time() - 1.0)
    regressor = PySRRegressor(**keywords(seed=seed, seconds=seconds, guesses=guesses, folder=folder))
    regressor.fit(X, y, variable_names=list(names))
    return [str(equation) for equation in regressor.equations_["equation"]]


def best_so_far(folder: Path) -> list[str]:
    """Reads the hall of fame that PySR writes while it runs, so that a killed search is not lost."""
    for name in ("hall_of_fame.csv", "hall_of_fame.csv.bak"):  # the copy is whole if the kill hit the writing
        path = folder / "pysr" / RUN_ID / name
        if path.is_file():
            with path.open(newline="", errors="replace") as lines:
                return [row["Equation"] for row in csv.DictReader(lines) if row.get("Equation")]
    return []
