"""gplearn: plain genetic programming in Python (package gplearn), a reference for benchmarks.

Source: Stephens (2016), https://gplearn.readthedocs.io.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import missing_extra

FUNCTIONS = ("add", "sub", "mul", "div", "sin", "cos", "abs")
POPULATION, MOST_ROWS, MOST_GENERATIONS = 1000, 500, 50
# Measured: 1000 individuals, one generation and 500 rows take about 0.35 s on one core.
GENERATION_S = 0.35
PLANNED_SHARE = 0.6
GOOD_ENOUGH = 1e-9
BEST = "best.json"
_INFIX = {"add": "({} + {})", "sub": "({} - {})", "mul": "({}*{})", "div": "({}/{})"}


def preflight() -> None:
    """Checks that gplearn is installed."""
    if find_spec("gplearn") is None:
        raise missing_extra("Searching with gplearn", "gplearn", "bench")


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
    """Evolves programs and returns the best one of each length in the last generation.

    The number of generations follows from the time limit, not from the clock, so that a seed gives one answer; the
    clock ends a search only on a machine that is much slower than planned. Division is protected (1 where the divisor
    is nearly 0); the caller evaluates the formulas again.
    """
    planned = deadline - time.time()
    from gplearn.genetic import SymbolicRegressor

    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False)
        X, y = X[rows], y[rows]
    size = float(np.std(y)) or 1.0  # constants are drawn from -2 to 2, so the target must be of that size
    generations = int(PLANNED_SHARE * max(1.0, round(planned - 1.0)) / GENERATION_S)
    regressor = SymbolicRegressor(
        population_size=POPULATION,
        warm_start=True,
        function_set=FUNCTIONS,
        const_range=(-2.0, 2.0),
        parsimony_coefficient=1e-3,
        metric="mse",
        random_state=seed,
    )
    texts: list[str] = []
    for generation in range(1, min(MOST_GENERATIONS, max(3, generations)) + 1):
        regressor.set_params(generations=generation).fit(X, y / size)
        texts = _best_of_each_length(regressor, size, names)
        (folder / BEST).write_text(json.dumps(texts))
        if regressor._program.raw_fitness_ < GOOD_ENOUGH or time.time() > deadline - 2 * GENERATION_S:
            break
    return texts


def _best_of_each_length(regressor: Any, size: float, names: Sequence[str]) -> list[str]:
    best: dict[int, Any] = {}
    for program in (*regressor._programs[-1], regressor._program):
        if program is None:
            continue
        rival = best.get(program.length_)
        if rival is None or program.raw_fitness_ < rival.raw_fitness_:
            best[program.length_] = program
    return [f"{size!r}*{as_text(program.program, names)}" for _, program in sorted(best.items())]


def as_text(program: Sequence[Any], names: Sequence[str]) -> str:
    """Writes a program, a list in prefix order of functions, column numbers and constants, in our grammar."""

    def read(index: int) -> tuple[str, int]:
        node = program[index]
        if isinstance(node, (int, np.integer)):
            return names[int(node)], index + 1
        if isinstance(node, (float, np.floating)):
            return f"({float(node)!r})", index + 1
        parts, place = [], index + 1
        for _ in range(node.arity):
            text, place = read(place)
            parts.append(text)
        return _INFIX.get(node.name, node.name + "({})").format(*parts), place

    return read(0)[0]


def best_so_far(folder: Path) -> list[str]:
    """The programs of the last whole generation."""
    path = folder / BEST
    return json.loads(path.read_text()) if path.exists() else []
