"""How well scores rank what is true above what is not: average precision.

Source: as defined for information retrieval and in scikit-learn's ``average_precision_score``: precision at each
threshold, weighted by the recall it adds; equal scores are one threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def average_precision(scores: Sequence[float], is_true: Sequence[bool]) -> float | None:
    """Measures how well scores rank; ``None`` where nothing is true, so that nothing can be ranked.

    Args:
        scores: Higher is surer.
        is_true: What holds.

    Example:
        >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), 4)
        0.8333
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(is_true, dtype=bool)
    if not truth.any():
        return None
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], truth[order]
    lasts = np.flatnonzero(np.append(np.diff(values) != 0, True))
    hits = np.cumsum(truth)[lasts]
    precision, recall = hits / (lasts + 1), hits / truth.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
