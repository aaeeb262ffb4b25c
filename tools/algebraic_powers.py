"""Which columns enter the target only as a power that multiplies everything, and which power that is.

Such columns can be divided out, so that what is left depends on fewer. They are told by a quadratic in logarithms:
where the curved and mixed terms of a column explain nothing, the column only multiplies.
Leaves out what the law is in the others.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import sympy
from scipy.special import fdtrc

from motionlaw.tools.algebraic_fit import Rows

# A column multiplies if its curved terms would be as good by chance more often than this.
BY_CHANCE = 1e-3
# Its power must be this near to a multiple of a half, or within so many errors.
NEAR_HALF, ERRORS = 0.2, 3.0


def multiplying_columns(rows: Rows) -> dict[str, sympy.Rational]:
    """Finds columns that only multiply the target, with their powers.

    Args:
        rows: The table.

    Returns:
        The power of each such column; a column that plays no part has the power 0.
    """
    names = [name for name, values in rows.columns.items() if np.all(values > 0)]
    good = rows.y != 0
    if len(names) < 2 or np.sum(good) < 60 or np.sum(good) < 0.8 * len(good):
        return {}
    logs = np.log(np.array([rows.columns[name][good] for name in names])).T
    logs -= logs.mean(axis=0)
    others = np.array([rows.columns[n][good] for n in rows.columns if n not in names]).T.reshape(len(logs), -1)
    weights = np.abs(rows.y[good]) / np.max(np.abs(rows.y))
    target = np.log(np.abs(rows.y[good])) * weights
    features = np.column_stack([logs, others / np.maximum(np.std(others, axis=0), 1e-300)])
    count = features.shape[1]
    mixed = list(combinations_with_replacement(range(count), 2))
    matrix = np.column_stack([np.ones(len(logs)), features, *(features[:, i] * features[:, j] for i, j in mixed)])
    if len(logs) < 2 * matrix.shape[1]:
        return {}
    matrix *= weights[:, None]
    involved = [[1 + count + k for k, pair in enumerate(mixed) if column in pair] for column in range(len(names))]
    left = [_left(matrix, target, [])] + [_left(matrix, target, gone) for gone in involved]
    free = len(logs) - matrix.shape[1]
    alone = []
    for column, gone in enumerate(involved):
        ratio = (left[1 + column] - left[0]) / len(gone) / max(left[0] / free, 1e-300)
        if left[1 + column] < 1e-20 * float(target @ target) or fdtrc(len(gone), free, ratio) > BY_CHANCE:
            alone.append(column)
    if not alone:
        return {}
    gone = sorted({place for column in alone for place in involved[column]})
    kept = [k for k in range(matrix.shape[1]) if k not in gone]
    return _halves([names[column] for column in alone], [kept.index(1 + c) for c in alone], matrix[:, kept], target)


def _left(matrix: np.ndarray, target: np.ndarray, gone: list[int]) -> float:
    """Sum of squares left without some columns."""
    kept = np.delete(matrix, gone, axis=1)
    solution, *_ = np.linalg.lstsq(kept, target, rcond=1e-12)
    return float(np.sum((target - kept @ solution) ** 2))


def _halves(names: list[str], places: list[int], matrix: np.ndarray, target: np.ndarray) -> dict[str, sympy.Rational]:
    """The powers that are multiples of a half, within their errors."""
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=1e-12)
    variance = np.sum((target - matrix @ solution) ** 2) / (len(target) - matrix.shape[1])
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(matrix.T @ matrix)), 0) * variance)
    found = {}
    for name, place in zip(names, places, strict=True):
        power = sympy.Rational(round(2 * solution[place]), 2)
        off = abs(float(power) - solution[place])
        if off < NEAR_HALF and off < ERRORS * errors[place] + 1e-6:
            found[name] = power
    return found
