"""Means with error bars, clustered: runs of one case are no independent draws.

Source: Cameron & Miller (2015), "A practitioner's guide to cluster-robust inference", for the mean.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean and how sure it is.

    Args:
        mean: Mean over what was scored, ``None`` if nothing was.
        stderr: Standard error, clustered; ``None`` below two clusters.
        n: Number of scored values.
        n_clusters: Number of clusters among them.
        n_unscored: Values that were ``None``.
    """

    mean: float | None
    stderr: float | None
    n: int
    n_clusters: int
    n_unscored: int

    def to_dict(self) -> dict[str, float | int | None]:
        """The numbers by name."""
        return asdict(self)


def clustered_mean(values: Sequence[float | bool | None], clusters: Sequence[Hashable]) -> Estimate:
    """Averages scores; the error bar knows that scores of one cluster (case, trajectory, video) go together.

    Args:
        values: Scores; ``None`` is not scored and left out.
        clusters: What each score belongs to.

    Example:
        >>> clustered_mean([True, True, False, None], ["a", "a", "b", "c"])
        Estimate(mean=0.6666666666666666, stderr=0.4444444444444445, n=3, n_clusters=2, n_unscored=1)
    """
    scored = [(float(v), c) for v, c in zip(values, clusters, strict=True) if v is not None]
    missing = len(values) - len(scored)
    if not scored:
        return Estimate(None, None, 0, 0, missing)
    numbers = np.array([value for value, _ in scored])
    mean = float(numbers.mean())
    sums: dict[Hashable, float] = {}
    for value, cluster in scored:
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    count = len(sums)
    stderr = None
    if count > 1 and math.isfinite(mean):
        stderr = math.sqrt(count / (count - 1) * sum(each**2 for each in sums.values())) / len(numbers)
    return Estimate(mean, stderr, len(numbers), count, missing)


def median(values: Sequence[float | None]) -> float | None:
    """Median of what was scored, ``None`` if nothing was; infinite errors count as the largest.

    Example:
        >>> median([1.0, None, 3.0, float("inf")])
        3.0
    """
    scored = [value for value in values if value is not None]
    return float(np.median(scored)) if scored else None
