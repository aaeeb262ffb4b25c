"""Inner constants of a formula, such as a frequency or a saturation, fitted by variable projection.

The outer coefficients are linear and are solved for exactly at every trial, so that only the inner constants are
searched. Leaves out which terms there are.

Source: variable projection after Golub & Pereyra (1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from motionlaw.tools.evaluation import compile_rows
from motionlaw.tools.pieces import Term

# Most steps of a fit; it ends when the misfit falls by less than this share.
STEPS, SETTLED = 20, 1e-9
# Rows of the first pass.
FEW_ROWS = 300
# A constant that would have to change by more than this factor belongs to another start; a steeper curve is a step.
FARTHEST = 2.0
# Relative change of a constant for its slope.
SLOPE = 1e-5


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
    guesses = dict(pair for term in terms for pair in term.constants)
    run = compile_rows([term.expression for term in terms], [*inputs, *guesses])
    values = np.array(list(guesses.values()))
    # Few rows bring the constants near, all of them bring them home.
    for step in sorted({max(1, len(y) // FEW_ROWS), 1}, reverse=True):
        columns = [column[::step] for column in inputs.values()]
        some = weights[::step]

        def evaluate(constants: np.ndarray, columns: list[np.ndarray] = columns, some: np.ndarray = some) -> np.ndarray:
            with np.errstate(all="ignore"):
                found = run([*columns, *constants])
            return np.array([np.broadcast_to(each, some.shape) for each in found]) * some

        values = _nearest(evaluate, y[::step] * some, values)
    return dict(zip(guesses, values.tolist(), strict=True))


def _nearest(evaluate: Callable[[np.ndarray], np.ndarray], target: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Constants that leave the least of the target, from a guess: Gauss-Newton with damping in their logarithms.

    Args:
        evaluate: Weighted terms for constants, shape (k, n).
        target: The weighted target, shape (n,).
        guess: The constants, shape (K,).
    """
    bound, damping = np.log(FARTHEST), 1e-3
    place, best = np.zeros(len(guess)), np.inf
    values, rest, q, outer = guess, target, np.zeros((len(target), 0)), np.zeros(0)
    trial = place
    for _ in range(STEPS):
        now = guess * np.exp(trial)
        matrix = evaluate(now)
        misfit = np.inf
        if np.all(np.isfinite(matrix)):
            norms = np.linalg.norm(matrix, axis=1)
            norms = np.where(norms > 0, norms, 1.0)
            basis, corner = np.linalg.qr((matrix / norms[:, None]).T)
            left = target - basis @ (basis.T @ target)
            misfit = float(left @ left)
        if misfit < best:
            is_settled = best - misfit < SETTLED * misfit
            place, best, values, rest, q = trial, misfit, now, left, basis
            if is_settled:
                break
            outer = np.linalg.lstsq(corner, basis.T @ target, rcond=1e-13)[0] / norms
            slopes = np.array([
                outer @ (evaluate(_stepped(values, k, SLOPE)) - evaluate(_stepped(values, k, -SLOPE))) / (2 * SLOPE)
                for k in range(len(guess))
            ])  # fmt: skip
            slopes = slopes - (slopes @ q) @ q.T
            if not np.all(np.isfinite(slopes)):
                break
            damping /= 10
        else:
            damping *= 10
            if damping > 1e3:
                break
        gram = slopes @ slopes.T
        brake = np.diag(damping * np.diag(gram) + 1e-300)
        step = np.linalg.lstsq(gram + brake, slopes @ rest, rcond=1e-14)[0]
        trial = np.clip(place + step, -bound, bound)
        if np.all(np.abs(trial - place) < 1e-15):
            break
    return values


def _stepped(values: np.ndarray, index: int, share: float) -> np.ndarray:
    """Constants with one of them moved by a share."""
    found = values.copy()
    found[index] *= 1 + share
    return found
