"""Whether what a law leaves of a table is white: no smooth function of the columns explains any of it.

A flexible regression on the residual stands for all laws that were not tried, and so does the likeness of neighbouring
rows (von Neumann's ratio over nearest neighbours). Leaves out time series, whose whiteness
is another matter (`noise`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import fdtrc  # not scipy.stats: a quarter of a second of imports

# The regression would do as well by chance this often, or more, where the residual is called white.
BY_CHANCE = 0.02
# It has no more features than this share of the rows.
SHARE = 0.2
# Fewer rows than this say nothing.
FEWEST = 60
# Neighbours are alike if the mean square of their differences is so many errors below that of strangers.
ALIKE = 3.0


def is_white(residual: np.ndarray, columns: Mapping[str, np.ndarray], predicted: np.ndarray) -> bool:
    """Tests a residual against polynomials in the columns' ranks and in the prediction, up to the third power.

    Args:
        residual: What the law leaves in every row, over the size of its error, shape (n,).
        columns: The table's columns, each of shape (n,).
        predicted: The law's values, shape (n,).

    Returns:
        ``False`` too where there are so few rows that the test would say nothing.
    """
    n = len(residual)
    ranks = [2 * (_ranks(values) - 0.5) / n - 1 for values in (*columns.values(), predicted)]
    listed = [np.ones(n), *ranks]
    for degree in (2, 3):
        for chosen in combinations_with_replacement(range(len(ranks)), degree):
            if len(listed) < SHARE * n:
                listed.append(np.prod([ranks[k] for k in chosen], axis=0))
    features = np.column_stack(listed)
    if n < FEWEST or features.shape[1] < 2 * len(ranks) or not np.all(np.isfinite(residual)):
        return False
    basis, triangle = np.linalg.qr(features)
    sure = np.abs(np.diag(triangle)) > 1e-9 * np.abs(triangle[0, 0])
    explained = basis[:, sure].T @ residual
    count = int(np.sum(sure))
    total = float(residual @ residual)
    left = total - float(explained @ explained)
    if left <= 0 or _is_smooth(residual, np.column_stack(ranks[:-1])):
        return False
    ratio = (total - left) / count / (left / (n - count))
    return bool(fdtrc(count, n - count, ratio) > BY_CHANCE)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the middle of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _is_smooth(residual: np.ndarray, places: np.ndarray) -> bool:
    """Whether rows that lie close together have residuals more alike than chance gives."""
    _, nearest = cKDTree(places).query(places, k=2)
    steps = (residual - residual[nearest[:, 1]]) ** 2
    centred = (residual - residual.mean()) ** 2
    ratio = float(np.mean(steps) / (2 * np.mean(centred)))
    error = float(np.std(steps / (2 * np.mean(centred)) - centred / np.mean(centred)) / np.sqrt(len(residual)))
    return ratio < 1 - ALIKE * error
