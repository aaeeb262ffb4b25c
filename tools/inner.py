"""Inner constants of a formula, such as a frequency or a saturation, fitted by variable projection.

The outer coefficients are linear and are solved for exactly at every trial, so that only the inner constants are
searched. Leaves out which terms there are.

Source: variable projection after Golub & Pereyra (1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import least_squares

from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.pieces import Term

# Most evaluations of a formula in one fit.
EVALUATIONS = 40
# Rows of the first pass.
FEW_ROWS = 300
# A constant that would have to change by more than this factor belongs to another start; a steeper curve is a step.
FARTHEST = 2.0


def fit_inner_constants(
    terms: Sequence[Term], inputs: dict[str, np.ndarray], y: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    """Finds the inner constants under which a sum of terms is nearest to the target.

    Args:
        terms: The terms with first guesses of their constants; terms may share constants.
        inputs: The data by column, each of shape (n,).
        y: The target, shape (n,).
        weights: One over the noise, shape (n,).

    Returns:
        The constants by name; the first guesses where nothing nearer was found.
    """
    names = list(dict(pair for term in terms for pair in term.constants))
    evaluate = compile_rhs([term.expression for term in terms], [*inputs, *names])
    values = np.array([dict(pair for term in terms for pair in term.constants)[name] for name in names])
    # Few rows bring the constants near, all of them bring them home.
    for step in sorted({max(1, len(y) // FEW_ROWS), 1}, reverse=True):
        columns = np.array(list(inputs.values()))[:, ::step]
        values = _nearest(evaluate, columns, y[::step], weights[::step], values)
    return dict(zip(names, values.tolist(), strict=True))


def _nearest(
    evaluate: Callable[[np.ndarray], np.ndarray],
    columns: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    guess: np.ndarray,
) -> np.ndarray:
    """Constants that leave the least of the target, from a guess."""
    target = y * weights

    def rest(logarithms: np.ndarray) -> np.ndarray:
        constants = np.broadcast_to((guess * np.exp(logarithms))[:, None], (len(guess), len(y)))
        with np.errstate(all="ignore"):
            matrix = (evaluate(np.vstack([columns, constants])) * weights).T
        if not np.all(np.isfinite(matrix)):
            return np.full(len(y), 1e30)
        norms = np.linalg.norm(matrix, axis=0)
        q, _ = np.linalg.qr(matrix / np.where(norms > 0, norms, 1.0))
        return target - q @ (q.T @ target)

    bound = np.log(FARTHEST)
    found = least_squares(
        rest,
        np.zeros(len(guess)),
        jac="3-point",
        bounds=(-bound, bound),
        max_nfev=EVALUATIONS,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    return guess * np.exp(found.x)
