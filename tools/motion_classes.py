"""Words for motion: direction, speed and change of size, and how far things spread.

The one definition of these classes, for whoever writes chains, scores them or answers with them. Thresholds are in
mean box diagonals of the object, so that they do not depend on the resolution.

Source: Motion-o, arXiv 2603.18856 (classes); angles are taken in square pixels here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motionlaw.tools.errors import ToolError

DIRECTIONS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
STATIONARY, UNKNOWN = "STAT", "unknown"
SPEEDS = ("stationary", "slow", "moderate", "fast")
SCALES = ("approaching", "receding", "stable")


def _seen(centres: np.ndarray) -> np.ndarray:
    centres = np.asarray(centres, dtype=float)
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ToolError(f"centres must have shape (T, 2), got {centres.shape}.")
    return np.all(np.isfinite(centres), axis=1)


def direction_class(centres: np.ndarray, box_diagonal: float, *, y_down: bool = True, aspect: float = 1.0) -> str:
    """Says which way something moved: E NE N NW W SW S SE, STAT, or unknown.

    Args:
        centres: Positions, shape (T, 2), [x, y], NaN where unseen.
        box_diagonal: Mean diagonal of its box, in the units of y.
        y_down: Whether y grows downwards, as in images; north is up either way.
        aspect: Length of one unit of x over one of y, e.g. 16/9 where both run from 0 to 1 over a 16:9 picture.

    Returns:
        The 45-degree bin with the longest way in it; STAT below 0.02 diagonals of way; unknown with one observation.

    Example:
        >>> import numpy as np
        >>> direction_class(np.array([[0.0, 0.0], [10.0, -9.0]]), 20.0)
        'NE'
    """
    points = np.asarray(centres, dtype=float)[_seen(centres)]
    if len(points) < 2:
        return UNKNOWN
    step = np.diff(points, axis=0) * [aspect, -1.0 if y_down else 1.0]
    length = np.hypot(step[:, 0], step[:, 1])
    if np.sum(length) < 0.02 * box_diagonal:
        return STATIONARY
    bins = np.round(np.arctan2(step[:, 1], step[:, 0]) / (np.pi / 4)).astype(int) % 8
    return DIRECTIONS[int(np.argmax(np.bincount(bins, weights=length, minlength=8)))]


def speed_class(t: np.ndarray, centres: np.ndarray, box_diagonal: float, *, aspect: float = 1.0) -> str:
    """Says how fast something moved, in box diagonals per second: stationary, slow, moderate, fast, or unknown.

    Args:
        t: Seconds, shape (T,).
        centres: Positions, shape (T, 2), NaN where unseen.
        box_diagonal: Mean diagonal of its box, in the units of y.
        aspect: Length of one unit of x over one of y.

    Example:
        >>> import numpy as np
        >>> speed_class(np.array([0.0, 2.0]), np.array([[0.0, 0.0], [10.0, 0.0]]), 20.0)
        'moderate'
    """
    seen = _seen(centres)
    if np.sum(seen) < 2:
        return UNKNOWN
    step = np.diff(np.asarray(centres, dtype=float)[seen], axis=0) * [aspect, 1.0]
    times = np.asarray(t, dtype=float)[seen]
    speed = np.sum(np.hypot(step[:, 0], step[:, 1])) / (times[-1] - times[0]) / box_diagonal
    return SPEEDS[int(np.searchsorted([0.02, 0.10, 0.30], speed, side="right"))]


def scale_class(area: np.ndarray) -> str:
    """Says whether something came nearer, from the area of its box, shape (T,): approaching, receding or stable.

    Example:
        >>> import numpy as np
        >>> scale_class(np.array([100.0, 150.0]))
        'approaching'
    """
    area = np.asarray(area, dtype=float)
    area = area[np.isfinite(area) & (area > 0)]
    if len(area) < 2:
        return UNKNOWN
    growth = float(np.log(area[-1] / area[0]))
    return SCALES[0] if growth > 0.15 else SCALES[1] if growth < -0.15 else SCALES[2]


@dataclass(frozen=True)
class Msd:
    """Mean squared displacement: ``value`` (L,) over ``lag_s`` (L,) seconds, from ``pairs`` (L,) pairs of rows."""

    lag_s: np.ndarray
    value: np.ndarray
    pairs: np.ndarray


def msd(t: np.ndarray, position: np.ndarray, *, max_lag: int | None = None) -> Msd:
    """Measures the mean squared displacement over lags of 1, 2, ... rows: ~lag for diffusion, ~lag² for a flight.

    Args:
        t: Seconds, shape (T,).
        position: Shape (T, D), NaN where unseen.
        max_lag: Longest lag in rows; a quarter of the record, at most 1,000, if not given.

    Example:
        >>> import numpy as np
        >>> t = np.arange(8.0)
        >>> msd(t, 3.0 * t[:, None]).value.tolist()
        [9.0, 36.0]
    """
    t, position = np.asarray(t, dtype=float), np.asarray(position, dtype=float)
    position = position[:, None] if position.ndim == 1 else position
    longest = min(max(len(t) // 4, 1), 1000) if max_lag is None else max_lag
    lags = np.arange(1, min(longest, len(t) - 1) + 1)
    squared = [np.sum((position[lag:] - position[:-lag]) ** 2, axis=1) for lag in lags]
    pairs = np.array([int(np.sum(np.isfinite(values))) for values in squared], dtype=int)
    value = np.array([np.nanmean(values) if count else np.nan for values, count in zip(squared, pairs, strict=True)])
    return Msd(np.array([np.mean(t[lag:] - t[:-lag]) for lag in lags]), value, pairs)
