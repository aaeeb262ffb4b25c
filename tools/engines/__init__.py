"""Symbolic-regression engines behind one function, each run in a child process with a hard kill.

``regress("operon", X, y, ["x", "v"], time_limit=10, seed=0)`` returns an `EngineResult` whatever happens: an engine
that is missing, crashes or does not end is a status and not an exception. What an engine prints as its formula is
data: it is read by our own grammar and evaluated again before it is believed.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.errors import UserError

ENGINES = ("operon", "sindy", "pysr")
# Peers for benchmarks, which `discover` does not offer.
REFERENCES = ("gplearn",)
# Below this the residual is rounding error, and a better one says nothing.
LOSS_FLOOR = 1e-12
# Engines see variables under these names: names of ours may mean something to them (I, S, pi ...).
NEUTRAL = "u{}"


@dataclass(frozen=True)
class Candidate:
    """One formula of an engine: its text in the caller's names, its nodes, and its mean squared error on all rows."""

    expression: str
    complexity: int
    loss: float


@dataclass(frozen=True)
class EngineResult:
    """What an engine found.

    Args:
        status: ``"ok"``, ``"timeout"`` (killed; the best so far is kept), ``"failed"`` or ``"unavailable"``.
        expression: The chosen formula in our grammar, ``None`` if there is none.
        loss: Its mean squared error on all rows, NaN if there is none.
        seconds: Wall time, with the start of the child process.
        message: What went wrong, empty if nothing did.
        front: The best formula of each complexity, simple ones first.
    """

    status: str
    expression: str | None
    loss: float
    seconds: float
    message: str = ""
    front: tuple[Candidate, ...] = ()


def preflight(engine: str) -> None:
    """Checks that an engine can run here, without starting it.

    Raises:
        UserError: The engine is unknown, or something it needs is missing; the sentence says what to install.
    """
    if engine not in (*ENGINES, *REFERENCES):
        raise UserError(f"An engine must be one of {', '.join(ENGINES)}, got '{engine}'.")
    importlib.import_module(f"motionlaw.tools.engines.{engine}").preflight()


def regress(
    engine: str,
    X: np.ndarray,
    y: np.ndarray,
    variable_names: Sequence[str],
    *,
    time_limit: float,
    seed: int,
    guesses: Sequence[str] = (),
) -> EngineResult:
    """Searches a formula y = f(X) with another symbolic-regression engine.

    Args:
        engine: One of `ENGINES` or `REFERENCES`.
        X: Inputs, shape (rows, variables); rows with NaN are left out.
        y: Target, shape (rows,).
        variable_names: Name of each column of X.
        time_limit: Seconds for the whole call; the child is killed shortly after.
        seed: The same seed and limit give the same formula (operon, sindy; pysr in its deterministic mode).
        guesses: Formulas to start from; used by pysr, the other engines take none.

    Returns:
        The formula that balances error and length best (BIC), and the whole front.

    Raises:
        UserError: The arguments do not fit together, or a guess is not in our grammar.
    """
    from motionlaw.tools.engines.child import run_engine

    start = time.perf_counter()
    X, y = _checked(X, y, variable_names, time_limit)
    neutral = [NEUTRAL.format(index) for index in range(X.shape[1])]
    task = {
        "names": neutral,
        "seed": int(seed),
        "guesses": [_renamed(text, variable_names, neutral) for text in guesses],
    }
    try:
        preflight(engine)
    except UserError as error:
        if engine not in (*ENGINES, *REFERENCES):
            raise
        return EngineResult("unavailable", None, math.nan, time.perf_counter() - start, str(error))
    outcome = run_engine(engine, X, y, task, time_limit=time_limit)
    front = _front(outcome.candidates, X, y, neutral, variable_names)
    chosen = _choose(front, len(y))
    status, message = outcome.status, outcome.message
    if status == "ok" and chosen is None:
        status, message = "failed", f"{engine} returned no formula that our grammar reads."
    return EngineResult(
        status,
        chosen.expression if chosen else None,
        chosen.loss if chosen else math.nan,
        time.perf_counter() - start,
        message,
        front,
    )


def _checked(X: np.ndarray, y: np.ndarray, names: Sequence[str], time_limit: float) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise UserError(f"X must have shape (rows, variables) and y (rows,), got {X.shape} and {y.shape}.")
    if len(names) != X.shape[1]:
        raise UserError(f"variable_names must name the {X.shape[1]} columns of X, got {len(names)}.")
    if not time_limit > 0:
        raise UserError(f"time_limit must be positive, got {time_limit}.")
    finite = np.isfinite(X).all(axis=1) & np.isfinite(y)
    if finite.sum() < 10:
        raise UserError(f"A formula needs at least 10 complete rows, got {finite.sum()}.")
    return X[finite], y[finite]


def _renamed(text: str, names: Sequence[str], others: Sequence[str]) -> str:
    """Reads a formula in some names and writes it in others."""
    from motionlaw.tools.equation import format_expr, parse
    from motionlaw.tools.nodes import symbol

    swapped = {symbol(old): symbol(new) for old, new in zip(names, others, strict=True)}
    return format_expr(parse(text, variables=list(names)).xreplace(swapped), 15)


def _front(
    texts: Sequence[str], X: np.ndarray, y: np.ndarray, neutral: Sequence[str], names: Sequence[str]
) -> tuple[Candidate, ...]:
    """Reads an engine's formulas, evaluates them again, and keeps those that no simpler one beats."""
    from motionlaw.tools.equation import complexity, evaluate, format_expr, parse
    from motionlaw.tools.nodes import symbol

    columns = {name: X[:, index] for index, name in enumerate(names)}
    swapped = {symbol(old): symbol(new) for old, new in zip(neutral, names, strict=True)}
    candidates = []
    for text in texts:
        try:
            expr = parse(text, variables=list(neutral)).xreplace(swapped)
        except UserError:
            continue  # longer than our limits: no law that anyone would read
        loss = float(np.mean((evaluate(expr, columns) - y) ** 2))
        if math.isfinite(loss):
            candidates.append(Candidate(format_expr(expr, 15), complexity(expr), loss))
    candidates.sort(key=lambda candidate: (candidate.complexity, candidate.loss, candidate.expression))
    front: list[Candidate] = []
    for candidate in candidates:
        if not front or candidate.loss < front[-1].loss:
            front.append(candidate)
    return tuple(front)


def _choose(front: Sequence[Candidate], rows: int) -> Candidate | None:
    """The candidate with the smallest BIC, one parameter a node."""
    if not front:
        return None
    floor = LOSS_FLOOR * max(candidate.loss for candidate in front) + 1e-300

    def score(candidate: Candidate) -> float:
        return rows * math.log(max(candidate.loss, floor)) + candidate.complexity * math.log(rows)

    return min(front, key=score)
