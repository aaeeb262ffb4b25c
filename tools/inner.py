"""Inner constants of a formula, such as a frequency or a saturation, fitted by variable projection.

The outer coefficients are linear and are solved for exactly at every trial, so that only the inner constants are
searched. Leaves out which terms there are.

Source: variable projection after Golub & Pereyra (1973).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from motionlaw.tools.pieces import Term

# Most steps of a fit; it ends when the misfit falls by less than this share.
STEPS, SETTLED = 20, 1e-9
# Rows of the first pass.
FEW_ROWS = 300
# A constant that would have to change by more than this factor belongs to another start; a steeper curve is a step.
FARTHEST = 2.0
# Relative change of a constant for its slope.
SLOPE = 1e-5


class _Sum:
    """Weighted terms of a sum for values of their inner constants, which are by name and in one order.

    Args:
        plain: Product of every term's factors without constants, weighted, shape (k, n).
        shaped: For every term its factors with constants; factors may share constants.
        inputs: The data by column.
        names: The constants.
    """

    def __init__(
        self, plain: np.ndarray, shaped: Sequence[Sequence[Term]], inputs: Mapping[str, np.ndarray], names: list[str]
    ) -> None:
        self.plain, self.shaped, self.inputs, self.names = plain, shaped, inputs, names
        self.rows = {name: [] for name in names}  # type: dict[str, list[int]]
        for row, parts in enumerate(shaped):
            for name in {name for part in parts for name, _ in part.constants}:
                self.rows[name].append(row)

    def at(self, constants: np.ndarray, rows: Sequence[int] | None = None) -> np.ndarray:
        """Values of the terms named, of all if none are."""
        numbers = dict(zip(self.names, constants.tolist(), strict=True))
        chosen = range(len(self.plain)) if rows is None else rows
        found = self.plain[list(chosen)]
        known: dict[Term, np.ndarray] = {}
        for column, row in zip(found, chosen, strict=True):
            for part in self.shaped[row]:
                if part not in known:
                    known[part] = part.values(self.inputs, numbers)
                column *= known[part]
        return found

    def slopes(self, constants: np.ndarray, matrix: np.ndarray, outer: np.ndarray) -> np.ndarray:
        """What the sum changes by when the logarithm of each constant does, shape (K, n)."""
        found = np.empty((len(self.names), matrix.shape[1]))
        for k, name in enumerate(self.names):
            moved = constants.copy()
            moved[k] *= 1 + SLOPE
            rows = self.rows[name]
            found[k] = outer[rows] @ (self.at(moved, rows) - matrix[rows]) / SLOPE
        return found


def fit_inner_constants(
    plain: np.ndarray,
    shaped: Sequence[Sequence[Term]],
    inputs: dict[str, np.ndarray],
    y: np.ndarray,
    weights: np.ndarray,
) -> dict[str, float]:
    """Finds the inner constants under which a sum of terms is nearest to the target.

    Args:
        plain: For every term the product of its factors without inner constants, shape (k, n).
        shaped: For every term its factors with inner constants and first guesses of these; they may share some.
        inputs: The data by column, each of shape (n,).
        y: The target, shape (n,).
        weights: One over the noise, shape (n,).

    Returns:
        The constants by name; the first guesses where nothing nearer was found.
    """
    guesses = dict(pair for parts in shaped for part in parts for pair in part.constants)
    values = np.array(list(guesses.values()))
    # Few rows bring the constants near, all of them bring them home.
    for step in sorted({max(1, len(y) // FEW_ROWS), 1}, reverse=True):
        some = {name: column[::step] for name, column in inputs.items()}
        terms = _Sum(plain[:, ::step] * weights[::step], shaped, some, list(guesses))
        values = _nearest(terms, y[::step] * weights[::step], values)
    return dict(zip(guesses, values.tolist(), strict=True))


def _nearest(terms: _Sum, target: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Constants that leave the least of the target, from a guess: Gauss-Newton with damping in their logarithms.

    Args:
        terms: The weighted terms.
        target: The weighted target, shape (n,).
        guess: The constants, shape (K,).
    """
    bound, damping = np.log(FARTHEST), 1e-3
    place, best = np.zeros(len(guess)), np.inf
    values, rest, q, outer = guess, target, np.zeros((len(target), 0)), np.zeros(0)
    trial = place
    for _ in range(STEPS):
        now = guess * np.exp(trial)
        matrix = terms.at(now)
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
            slopes = terms.slopes(values, matrix, outer)
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
