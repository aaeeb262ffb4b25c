"""Operon: genetic programming in C++ with fitted coefficients (package pyoperon).

Source: Burlacu, Kronberger, Kommenda (2020), "Operon C++: an efficient genetic programming framework".
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from motionlaw.tools.errors import missing_extra

SYMBOLS = "add,sub,mul,div,square,sin,cos,exp,abs,constant,variable"
POPULATION = 500
MOST_ROWS = 500
MOST_GENERATIONS = 200
# Measured: 500 individuals, 50 generations and 500 rows take about 3.7 s on one core.
SECONDS_PER_VALUE = 3.7 / (500 * 50 * 500)
# Share of the time planned for; the rest is a reserve, so that the clock seldom decides what is found.
PLANNED_SHARE = 0.3


def preflight() -> None:
    """Checks that pyoperon is installed."""
    if find_spec("pyoperon") is None:
        raise missing_extra("Searching with operon", "pyoperon", "symbolic")


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
    """Runs Operon and returns its Pareto front of error and length.

    The number of generations follows from the time limit and the rows, not from the clock, so that the same seed
    gives the same front; ``max_time`` only ends a search on a machine that is much slower than planned. Operon
    takes no guesses.
    """
    planned = deadline - time.time()
    from pyoperon.sklearn import SymbolicRegressor

    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False)
        X, y = X[rows], y[rows]
    # Rounded to whole seconds: the few milliseconds of a slower start must not change the plan.
    seconds = max(1.0, round(planned - 1.0))
    generations = int(PLANNED_SHARE * seconds / (POPULATION * len(y) * SECONDS_PER_VALUE))
    regressor = SymbolicRegressor(
        allowed_symbols=SYMBOLS,
        objectives=["r2", "length"],
        population_size=POPULATION,
        pool_size=POPULATION,
        generations=min(MOST_GENERATIONS, max(5, generations)),
        max_evaluations=10**9,
        max_length=30,
        optimizer_iterations=10,
        epsilon=1e-6,
        n_threads=1,
        max_time=max(1, int(deadline - time.time())),
        random_state=seed,
    )
    regressor.fit(X, y)
    return [regressor.get_model_string(model["tree"], 15, list(names)) for model in regressor.pareto_front_]


def best_so_far(folder: Path) -> list[str]:
    """Operon keeps its formulas to itself until it ends."""
    return []
