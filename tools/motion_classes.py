"""Words for motion: direction, speed, change of size, shape of the path, phase; and how far things spread.

The one definition of these classes, for whoever writes chains, scores them or answers with them. Thresholds are in
mean box diagonals of the object, so that they do not depend on the resolution. They take positions as they are: noise
of a tracker makes a path longer, so smooth it first (`motionlaw.tools.tracks.smoothed`).

Source: Motion-o, arXiv 2603.18856 (direction, speed, scale); angles are taken in square pixels here. Shape and phase
are our own definitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motionlaw.tools.errors import ToolError

DIRECTIONS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
STATIONARY, UNKNOWN = "STAT", "unknown"
SPEEDS = ("stationary", "slow", "moderate", "fast")
SCALES = ("approaching", "receding", "stable")
SHAPES = ("straight", "arc", "returning", "oscillating", "circular", "irregular", STATIONARY)
PHASES = ("accelerating", "decelerating", "constant", "varying", STATIONARY)

STILL_WAY = 0.02  # of a box diagonal: a shorter way is none


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
        Of bins with equally long ways the one that the net way favours; unknown if it favours none (to and fro).

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
    total = float(np.sum(length))
    if total < STILL_WAY * box_diagonal or total == 0.0:
        return STATIONARY
    bins = np.round(np.arctan2(step[:, 1], step[:, 0]) / (np.pi / 4)).astype(int) % 8
    votes = np.bincount(bins, weights=length, minlength=8)
    net = np.sum(step, axis=0)
    angle = np.arange(8) * np.pi / 4
    along = net[0] * np.cos(angle) + net[1] * np.sin(angle)
    for rank in (votes, along):
        leading = rank >= np.max(rank) - 1e-9 * total
        if np.sum(leading) == 1:
            return DIRECTIONS[int(np.argmax(leading))]
        along[~leading] = -np.inf
    return UNKNOWN


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
    return speed_word(float(np.sum(np.hypot(step[:, 0], step[:, 1])) / (times[-1] - times[0]) / box_diagonal))


def speed_word(diagonals_per_s: float) -> str:
    """Names a mean speed along the path, in box diagonals per second."""
    return SPEEDS[int(np.searchsorted([0.02, 0.10, 0.30], diagonals_per_s, side="right"))]


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


def _turns(along: np.ndarray, least: float) -> int:
    """Counts how often a coordinate turns back by at least ``least``."""
    turns, sense, extreme = 0, 0, float(along[0])
    low = high = extreme
    for value in along[1:].tolist():
        if sense == 0:
            low, high = min(low, value), max(high, value)
            if high - low >= least:
                sense = 1 if value == high else -1
                extreme = value
        elif (value - extreme) * sense >= 0:
            extreme = value
        elif abs(value - extreme) >= least:
            turns, sense, extreme = turns + 1, -sense, value
    return turns


def _evenly(points: np.ndarray, length: np.ndarray, count: int) -> np.ndarray:
    """Takes ``count`` points at equal ways along a path, shape (count, 2)."""
    way = np.concatenate([[0.0], np.cumsum(length)])
    at = np.linspace(0.0, way[-1], count)
    return np.stack([np.interp(at, way, points[:, k]) for k in (0, 1)], axis=1)


def _heading_change(points: np.ndarray) -> tuple[float, float]:
    """Measures by how much the heading turns, radians: in sum, and in sum of sizes."""
    step = np.diff(points, axis=0)
    step = step[np.hypot(step[:, 0], step[:, 1]) > 0]
    heading = np.arctan2(step[:, 1], step[:, 0])
    turn = (np.diff(heading) + np.pi) % (2 * np.pi) - np.pi
    return float(np.sum(turn)), float(np.sum(np.abs(turn)))


def shape_class(centres: np.ndarray, box_diagonal: float, *, aspect: float = 1.0) -> str:
    """Names the path: straight, arc, returning (there and back once), oscillating, circular, irregular, STAT, unknown.

    Args:
        centres: Positions, shape (T, 2), [x, y], NaN where unseen.
        box_diagonal: Mean diagonal of its box, in the units of y.
        aspect: Length of one unit of x over one of y.

    Returns:
        Circular if the heading turns nine tenths of a round, nine tenths of it in one sense. Else the place across the
        main axis is fitted by a parabola of the place along it: a misfit above 0.06 of the extent is irregular (or an
        arc, if it turns in one sense); a sagitta above 0.05 is an arc; turning back once or more by 0.1 of the extent
        is returning or oscillating. STAT below 0.02 diagonals of way; unknown with fewer than three observations.

    Example:
        >>> import numpy as np
        >>> angle = np.linspace(0.0, 6.3, 40)
        >>> shape_class(100.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 20.0)
        'circular'
    """
    points = np.asarray(centres, dtype=float)[_seen(centres)] * [aspect, 1.0]
    if len(points) < 3:
        return UNKNOWN
    length = np.hypot(*np.diff(points, axis=0).T)
    if np.sum(length) < STILL_WAY * box_diagonal or np.sum(length) == 0.0:
        return STATIONARY
    turning, all_turning = _heading_change(_evenly(points, length, min(len(points), 25)))
    in_one_sense = abs(turning) >= 0.9 * all_turning
    if in_one_sense and abs(turning) >= 0.9 * 2 * np.pi:
        return "circular"
    middle = points - points.mean(axis=0)
    axes = np.linalg.svd(middle, full_matrices=False)[2]
    along, across = middle @ axes[0], middle @ axes[1]
    extent = float(np.ptp(along))
    design = np.vander(along / extent, 3)
    fit, *_ = np.linalg.lstsq(design, across / extent, rcond=None)
    if np.max(np.abs(across / extent - design @ fit)) > 0.06:
        return "arc" if in_one_sense and abs(turning) > np.pi / 2 else "irregular"
    turns = _turns(along, 0.1 * extent)
    if turns:
        return "returning" if turns == 1 else "oscillating"
    return "straight" if abs(fit[0]) / 4 <= 0.05 else "arc"


def phase_class(t: np.ndarray, centres: np.ndarray, box_diagonal: float, *, aspect: float = 1.0) -> str:
    """Says what the speed does: accelerating, decelerating, constant, varying, STAT, or unknown.

    Args:
        t: Seconds, shape (T,).
        centres: Positions, shape (T, 2), NaN where unseen.
        box_diagonal: Mean diagonal of its box, in the units of y.
        aspect: Length of one unit of x over one of y.

    Returns:
        Accelerating or decelerating if a straight line in time explains 0.6 of the variance of the speed and changes
        by more than 0.3 of its mean; else constant if it varies by less than 0.25 of its mean. STAT below 0.02
        diagonals of way; unknown with fewer than three observations.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0.0, 1.0, 20)
        >>> phase_class(t, np.stack([0.0 * t, 100.0 * t**2], axis=1), 20.0)
        'accelerating'
    """
    seen = _seen(centres)
    if np.sum(seen) < 3:
        return UNKNOWN
    times = np.asarray(t, dtype=float)[seen]
    step = np.diff(np.asarray(centres, dtype=float)[seen], axis=0) * [aspect, 1.0]
    length, lasted = np.hypot(step[:, 0], step[:, 1]), np.diff(times)
    if np.sum(length) < STILL_WAY * box_diagonal or np.sum(length) == 0.0:
        return STATIONARY
    speed, weight = length / lasted, lasted / np.sum(lasted)
    mean = float(weight @ speed)
    middle = (times[1:] + times[:-1]) / 2
    middle = middle - weight @ middle
    variance = float(weight @ (speed - mean) ** 2)
    slope = float(weight @ (middle * speed)) / float(weight @ middle**2)
    explained = slope**2 * float(weight @ middle**2)
    if explained >= 0.6 * variance and abs(slope) * (times[-1] - times[0]) > 0.3 * mean:
        return "accelerating" if slope > 0 else "decelerating"
    return "constant" if np.sqrt(variance) < 0.25 * mean else "varying"


@dataclass(frozen=True)
class MotionClasses:
    """All the words for one motion, as a motion tag has them."""

    direction: str
    speed: str
    scale: str
    shape: str
    phase: str


def classify_motion(
    t: np.ndarray, xyxy: np.ndarray, *, centres: np.ndarray | None = None, aspect: float = 1.0
) -> MotionClasses:
    """Says all that is to be said of a motion that was seen as boxes, in pixels with y down.

    Args:
        t: Seconds, shape (T,).
        xyxy: Boxes, shape (T, 4), NaN where unseen.
        centres: Positions, shape (T, 2), where they are better known than the middle of the box.
        aspect: Length of one unit of x over one of y.

    Example:
        >>> import numpy as np
        >>> classify_motion(np.array([0.0, 1.0]), np.array([[0.0, 0.0, 6.0, 8.0], [9.0, 0.0, 15.0, 8.0]]))
        MotionClasses(direction='E', speed='fast', scale='stable', shape='unknown', phase='unknown')
    """
    xyxy = np.asarray(xyxy, dtype=float)
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise ToolError(f"xyxy must have shape (T, 4), got {xyxy.shape}.")
    size = xyxy[:, 2:] - xyxy[:, :2]
    known = np.all(np.isfinite(size), axis=1)
    if not known.any():
        return MotionClasses(*[UNKNOWN] * 5)
    diagonal = float(np.mean(np.hypot(size[known, 0] * aspect, size[known, 1])))
    places = (xyxy[:, :2] + xyxy[:, 2:]) / 2 if centres is None else np.asarray(centres, dtype=float)
    return MotionClasses(
        direction_class(places, diagonal, aspect=aspect),
        speed_class(t, places, diagonal, aspect=aspect),
        scale_class(size[:, 0] * size[:, 1]),
        shape_class(places, diagonal, aspect=aspect),
        phase_class(t, places, diagonal, aspect=aspect),
    )


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
