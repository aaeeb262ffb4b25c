"""Points in a table of coordinates, and the angle between two of them with its rates; used by `pivot` and `links`.

Also which way a constant force pulls, read off the speed: a picture may be turned or upside down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.trajectory import Trajectory

NEAR_AXIS = np.deg2rad(5.0)
LAGS = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Point:
    """A point of a table: its name and the indices of its x and y columns."""

    name: str
    columns: tuple[int, int]


def known(run: Trajectory, point: Point) -> np.ndarray:
    """Returns the rows of a point that were seen, shape (N, 2)."""
    values = run.position[:, list(point.columns)]
    return values[np.all(np.isfinite(values), axis=1)]


@dataclass(frozen=True)
class Angle:
    """An angle over time with its rates where they were measured: each of shape (T,), rates maybe None."""

    value: np.ndarray
    velocity: np.ndarray | None
    acceleration: np.ndarray | None


def angle_of(arm: np.ndarray, velocity: np.ndarray | None, acceleration: np.ndarray | None, *,
             y_down: bool, zero: float = 0.0) -> Angle:
    """Measures the angle of an arm from straight down, counter-clockwise seen with y up, without cuts.

    Args:
        arm: From the pivot to the body, shape (T, 2), NaN where unseen.
        velocity: Its rate, shape (T, 2), if measured.
        acceleration: Its second rate, shape (T, 2), if measured.
        y_down: Whether y grows downwards.
        zero: Where zero is, radians from straight down.
    """
    sign = np.array([1.0, -1.0 if y_down else 1.0])
    x, y = (arm * sign).T
    value = np.arctan2(x, -y) - zero
    seen = np.isfinite(value)
    if np.any(seen):
        value[seen] = np.unwrap(value[seen])
        # The first row lies within half a turn of zero.
        value -= 2 * np.pi * np.round(value[seen][0] / (2 * np.pi))
    square = x**2 + y**2
    if velocity is None:
        return Angle(value, None, None)
    vx, vy = (velocity * sign).T
    spin = (x * vy - y * vx) / square
    if acceleration is None:
        return Angle(value, spin, None)
    ax, ay = (acceleration * sign).T
    return Angle(value, spin, (x * ay - y * ax) / square - 2.0 * spin * (x * vx + y * vy) / square)


@dataclass(frozen=True)
class Pull:
    """The direction in which moving points gain speed, a unit vector (2,), and the share of the gain it explains."""

    direction: np.ndarray
    share: float


def pull_direction(runs: Sequence[Sequence[np.ndarray]], sigma: float) -> Pull | None:
    """Finds which way a constant force points: kinetic energy grows along it, whatever the links do.

    Args:
        runs: For each run the places of its moving points over evenly counted rows, each of shape (T, 2).
        sigma: Measurement noise of a place.

    Returns:
        The direction, or None where there are too few rows or the speed does not follow the place.
    """
    gains, ways = [], []
    for places in runs:
        cloud = np.stack(places)
        # As short a step as the noise allows.
        steps = [np.sum((cloud[:, 2 * k :] - cloud[:, : -2 * k]) ** 2, axis=2) for k in LAGS if 2 * k < cloud.shape[1]]
        long_enough = (k for k, step in zip(LAGS, steps, strict=False) if np.nanmean(step) > (30.0 * sigma) ** 2)
        lag = next(long_enough, LAGS[-1])
        span = 8 * lag
        if cloud.shape[1] < 2 * lag + span + 20:
            continue
        energy = np.sum((cloud[:, 2 * lag :] - cloud[:, : -2 * lag]) ** 2, axis=(0, 2))
        where = np.sum(cloud, axis=0)[lag:-lag]
        gains.append(energy[span:] - energy[:-span])
        ways.append(where[span:] - where[:-span])
    if not gains:
        return None
    gain, way = np.concatenate(gains), np.concatenate(ways)
    seen = np.isfinite(gain) & np.all(np.isfinite(way), axis=1)
    if np.sum(seen) < 60:
        return None
    force = np.linalg.lstsq(way[seen], gain[seen], rcond=None)[0]
    share = 1.0 - float(np.sum((gain[seen] - way[seen] @ force) ** 2) / max(np.sum(gain[seen] ** 2), 1e-300))
    return Pull(force / max(float(np.linalg.norm(force)), 1e-300), share) if share > 0.1 else None


def orientation(down: np.ndarray, y_down: bool | None) -> tuple[bool, float, str]:
    """Says how to measure angles from a hanging direction.

    Args:
        down: Unit vector along which bodies hang, shape (2,), in the axes of the data.
        y_down: Whether y grows downwards; taken from ``down`` if not given.

    Returns:
        Whether y grows downwards, where zero is (radians from straight down along y, 0 within five degrees of an
        axis), and words for the note.
    """
    downwards = bool(down[1] > np.cos(np.pi / 4)) if y_down is None else y_down
    zero = float(np.arctan2(down[0], down[1] if downwards else -down[1]))
    quarter = float(np.round(zero / (np.pi / 2)) * np.pi / 2)
    zero = quarter if abs(zero - quarter) < NEAR_AXIS else zero
    if abs(zero) > 1e-9:
        return downwards, zero, f", along ({down[0]:.2f}, {down[1]:.2f}) in the axes of the data, where the speed grows"
    return downwards, 0.0, ", and y was taken to grow downwards" if downwards else ""
