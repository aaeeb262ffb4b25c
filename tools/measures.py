"""Numbers read off a path with their errors: speed, acceleration, distance, angle, period, turns, size.

Each takes the times and positions of one run (seen rows only, y up) and returns `Quantity` values. Leaves out
finding the path (`tracking`), events (`events`) and laws (`discovery`).
"""

from __future__ import annotations

import numpy as np

from motionlaw.tools.frequency import dominant_frequency
from motionlaw.tools.law import Quantity
from motionlaw.tools.motion import Kinematics, smooth
from motionlaw.tools.noise import noise_std
from motionlaw.tools.shapes import fit_circle

OSCILLATES = 0.5
"""Share of the variance that one damped sine must explain for a motion to count as an oscillation."""

TURN_SHARE = 0.08
"""A coordinate turns round where it goes back by more than this share of its range."""


def mean_with_error(values: np.ndarray, stderr: np.ndarray, kinematics: Kinematics) -> tuple[float, float]:
    """Averages derived values; rows within one smoothing window err together and count as one."""
    span = float(kinematics.t[-1] - kinematics.t[0])
    window = float(np.nanmedian(kinematics.bandwidth_s))
    independent = max(1.0, min(len(values), span / max(2 * window, 1e-12)))
    return float(np.nanmean(values)), float(np.sqrt(np.nanmean(stderr**2) / independent))


def speeds(t: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, Kinematics]:
    """Returns the speed at each row and its standard error, both shape (T,), and the kinematics behind them.

    Args:
        t: Seconds, shape (T,).
        position: Shape (T, D).

    Example:
        >>> t = np.linspace(0.0, 1.0, 20)
        >>> values, _, _ = speeds(t, np.stack([3 * t, 4 * t], axis=1))
        >>> round(float(values.mean()), 6)
        5.0
    """
    kinematics = smooth(t, position)
    speed = np.linalg.norm(kinematics.velocity, axis=1)
    along = kinematics.velocity / np.maximum(speed, 1e-300)[:, None]
    return speed, np.sqrt(np.sum((along * kinematics.velocity_stderr) ** 2, axis=1)), kinematics


def polynomial_rate(t: np.ndarray, values: np.ndarray, degree: int) -> tuple[float, float, float]:
    """Fits a polynomial and returns its highest derivative, that one's standard error, and the rest's spread.

    Neighbouring residuals that err together widen the error.

    Example:
        >>> t = np.linspace(0.0, 1.0, 20)
        >>> round(polynomial_rate(t, 1.0 - 4.905 * t**2, 2)[0], 6)
        -9.81
    """
    u = t - t.mean()
    design = np.stack([u**k for k in range(degree + 1)], axis=1)
    coefficient = np.linalg.lstsq(design, values, rcond=None)[0]
    rest = values - design @ coefficient
    freedom = max(len(t) - degree - 1, 1)
    variance = float(np.sum(rest**2) / freedom)
    correlation = float(np.sum(rest[1:] * rest[:-1]) / max(np.sum(rest**2), 1e-300)) if len(t) > degree + 2 else 0.0
    widening = (1 + max(correlation, 0.0)) / (1 - min(max(correlation, 0.0), 0.9))
    covariance = np.linalg.pinv(design.T @ design) * variance * widening
    factor = float(np.prod(np.arange(1, degree + 1)))
    return factor * float(coefficient[-1]), factor * float(np.sqrt(covariance[-1, -1])), float(np.sqrt(variance))


def noise_of(t: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Measurement noise of each coordinate, shape (D,); zero where there are too few rows to tell."""
    return np.nan_to_num(noise_std(t, position)) if len(t) >= 6 else np.zeros(position.shape[1])


def net_displacement(t: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the way from the first to the last row and its standard errors, both shape (D,)."""
    return position[-1] - position[0], np.sqrt(2.0) * noise_of(t, position)


def path_length(t: np.ndarray, position: np.ndarray) -> float:
    """Length of the smoothed path: that of the raw one grows with the noise."""
    smoothed = smooth(t, position).position if len(t) >= 6 else position
    return float(np.nansum(np.linalg.norm(np.diff(smoothed, axis=0), axis=1)))


def principal(position: np.ndarray) -> np.ndarray:
    """Returns the coordinate along the direction of largest spread, shape (T,), zero at the mean."""
    centred = position - position.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][0]


def turning_points(values: np.ndarray, *, least: float | None = None) -> np.ndarray:
    """Returns the rows at which a coordinate turns round by more than ``least`` (a share of its range by default).

    Example:
        >>> turning_points(np.array([0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0])).tolist()
        [2, 4]
    """
    least = TURN_SHARE * float(np.ptp(values)) if least is None else least
    turns: list[int] = []
    way, extreme = 0, 0
    for row in range(1, len(values)):
        step = values[row] - values[extreme]
        if way == 0:
            low, high = int(np.argmin(values[: row + 1])), int(np.argmax(values[: row + 1]))
            if values[high] - values[low] > least:
                way, extreme = (1, high) if high > low else (-1, low)
        elif way * step > 0:
            extreme = row
        elif -way * step > least:
            turns.append(extreme)
            way, extreme = -way, row
    return np.array(turns, dtype=int)


def oscillation(t: np.ndarray, position: np.ndarray) -> tuple[Quantity, ...]:
    """Measures an oscillation along its main direction: period, amplitude's decay rate, cycles, explained share.

    Returns:
        ``period`` (s), ``decay rate`` (1/s), ``cycles``, ``share explained``; empty where no frequency fits.
    """
    signal = principal(position)
    found = dominant_frequency(t, signal)
    if not np.isfinite(found.value) or found.value <= 0:
        return ()
    period = 2 * np.pi / found.value
    span = float(t[-1] - t[0])
    return (
        Quantity("period", period, period * found.stderr / found.value, "s"),
        Quantity("decay rate", found.damping, None, "1/s"),
        Quantity("cycles", span / period, span / period * found.stderr / found.value, ""),
        Quantity("share explained", found.power_share, None, ""),
    )


def amplitudes(t: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns half the way between successive turning points and the times in between, shapes (N,)."""
    signal = principal(position)
    turns = turning_points(signal)
    return np.abs(np.diff(signal[turns])) / 2, (t[turns][1:] + t[turns][:-1]) / 2


def turned_angle(position: np.ndarray) -> tuple[float, float, float]:
    """Returns the angle swept about the centre of a path's circle (rad), its radius, and the rest over the radius.

    Counter-clockwise is positive, y up.
    """
    circle = fit_circle(position)
    offset = position - circle.centre
    angle = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
    return float(angle[-1] - angle[0]), circle.radius, circle.residual_std / max(circle.radius, 1e-300)


def size_ratio(xyxy: np.ndarray) -> tuple[float, float]:
    """Returns the area of a box at the end over that at the start, and its standard error.

    Args:
        xyxy: Boxes, shape (T, 4), pixels; rows without a box are left out.
    """
    boxes = xyxy[np.isfinite(xyxy).all(axis=1)]
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9), axis=1)
    count = max(1, len(area) // 5)
    first, last = np.log(area[:count]), np.log(area[-count:])
    ratio = float(np.exp(np.median(last) - np.median(first)))
    return ratio, ratio * float(np.sqrt((np.var(first) + np.var(last)) / count))
