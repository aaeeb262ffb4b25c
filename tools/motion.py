"""Kinematics: measurement noise, and position, velocity and acceleration with their covariance.

Derivatives are read off local polynomials whose width and degree are chosen row by row so that the acceleration's
expected error (noise plus bias) is smallest; the bias that remains is part of the stated error. Long gaps are not
bridged, and errors grow towards the ends of a record. Leaves out: contacts and regimes (`events`), classes of
direction and speed (`motion_classes`), and any law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motionlaw.tools.frequency import Frequency, dominant_frequency
from motionlaw.tools.local_polynomial import COLUMNS, DEGREES, LocalFits
from motionlaw.tools.motion_classes import Msd, direction_class, msd, scale_class, speed_class
from motionlaw.tools.noise import checked_rows, columns_seen_together, fit_levels, noise_of_columns, noise_std, segments

__all__ = ["Frequency", "Kinematics", "Msd", "direction_class", "dominant_frequency", "msd", "noise_std",
           "scale_class", "segments", "smooth", "speed_class"]

WIDE = 12  # windows on each side, four half-widths, over which the bias is averaged
STATIONS = 600  # places where the width is chosen; rows in between take the nearest


@dataclass(frozen=True)
class Kinematics:
    """Position, velocity and acceleration of one run with their errors; NaN where the position is.

    Args:
        t: Seconds, shape (T,).
        position: Smoothed, shape (T, D).
        velocity: Shape (T, D), per second.
        acceleration: Shape (T, D), per second squared.
        position_stderr: Standard error, bias included, shape (T, D).
        velocity_stderr: Likewise, shape (T, D).
        acceleration_stderr: Likewise, shape (T, D).
        covariance: Of (position, velocity, acceleration) in each row, shape (T, D, 3, 3).
        noise_std: Measurement noise of each coordinate, shape (D,).
        bandwidth_s: Half-width of the window behind each row, seconds, shape (T, D).
    """

    t: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    position_stderr: np.ndarray
    velocity_stderr: np.ndarray
    acceleration_stderr: np.ndarray
    covariance: np.ndarray
    noise_std: np.ndarray
    bandwidth_s: np.ndarray


def _pooled(values: np.ndarray, reach: int) -> np.ndarray:
    """Averages over neighbouring windows, ``reach`` on each side, along the first axis."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    return (total[high] - total[low]) / (high - low).reshape(-1, *([1] * (values.ndim - 1)))


def _bias_energy(fits: LocalFits, column: int, degree: int, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimates the energy of the motion beyond ``degree`` in each window, one coordinate.

    Returns:
        The energy in each of the next two columns, shape (C, 2), and the part of the residual that is beyond
        doubt no noise, shape (C,).
    """
    energy = fits.coefficient[:, degree + 1 : degree + 3, column] ** 2 - variance
    wide, near = _pooled(energy, WIDE), _pooled(energy, 2)
    spare = fits.rows() - degree - 1
    surplus = _pooled(fits.energy_beyond(degree)[:, column] - variance * spare, 2)
    # Four deviations and the skew of chi-squared: one false alarm blocks every wider window.
    surplus = surplus - variance * (4.0 * np.sqrt(2.0 * np.maximum(spare, 1)) + 10.0)
    return np.maximum(np.maximum(wide, near - 1.5 * variance), 0.0), np.maximum(surplus, 0.0)


def _degrees(columns: int) -> list[int]:
    # A degree is used only where at least one more column can tell its bias.
    return [degree for degree in DEGREES if degree <= columns - 2] or [max(columns - 1, 0)]


def _choose(levels: list[LocalFits], column: int, times: np.ndarray, variance: float) -> np.ndarray:
    """Picks the (level, degree) with the smallest expected error of the acceleration at each time."""
    table = []
    degrees = _degrees(levels[0].to_orthonormal.shape[1])
    misfit = np.zeros((len(degrees), len(times)))
    for fits in levels:
        window = fits.nearest(times)
        basis = fits.basis(times, window)
        for number, degree in enumerate(degrees):
            if degree == basis.shape[2] - 1:  # nothing left to tell the bias by
                table.append(np.full(len(times), 1e300))
                continue
            energy, surplus = _bias_energy(fits, column, degree, variance)
            second = basis[2] ** 2
            following = second[:, degree + 1 : degree + 3]
            # A window that misses the motion shows it as slower than it is: a wider one is never better again.
            misfit[number] = np.maximum(misfit[number], surplus[window] * np.mean(following, axis=1))
            bias = np.maximum(np.sum(energy[window] * following, axis=1), misfit[number])
            table.append(variance * np.sum(second[:, : degree + 1], axis=1) + bias)
    return np.argmin(np.array(table), axis=0)


def _smooth_stretch(t: np.ndarray, levels: list[LocalFits], column: int, variance: float) -> tuple[np.ndarray, ...]:
    """Smooths one coordinate over one stretch: states (T, 3), covariances (T, 3, 3), half-widths (T,)."""
    length = len(t)
    degrees = _degrees(levels[0].to_orthonormal.shape[1])
    step = max(length // STATIONS, 1)
    edges = np.arange(min(2 * COLUMNS, length))
    stations = np.unique(np.r_[edges, np.arange(0, length, step), length - 1 - edges])
    choice = _choose(levels, column, t[stations], variance)
    bounds = np.r_[-1, (stations[1:] + stations[:-1]) // 2, length - 1]
    choice = np.repeat(choice, np.diff(bounds))
    state, covariance, half_width = np.empty((length, 3)), np.empty((length, 3, 3)), np.empty(length)
    for number in np.unique(choice):
        fits, degree = levels[number // len(degrees)], degrees[number % len(degrees)]
        rows = np.flatnonzero(choice == number)
        window = fits.nearest(t[rows])
        basis = fits.basis(t[rows], window)
        state[rows] = np.einsum("ink,nk->ni", basis[:, :, : degree + 1], fits.coefficient[window, : degree + 1, column])
        used = basis[:, :, : degree + 1].transpose(1, 0, 2)
        covariance[rows] = variance * np.matmul(used, used.transpose(0, 2, 1))
        following = basis[:, :, degree + 1 : degree + 3] ** 2
        if following.shape[2]:
            energy, surplus = _bias_energy(fits, column, degree, variance)
            bias = np.sum(np.maximum(energy, surplus[:, None] / 2)[window] * following, axis=2).T
            covariance[rows[:, None], np.arange(3), np.arange(3)] += bias
        else:
            covariance[rows] = np.inf
        half_width[rows] = fits.scale[window]
    return state, covariance, half_width


def smooth(t: np.ndarray, position: np.ndarray, *, noise_std: np.ndarray | None = None) -> Kinematics:
    """Estimates position, velocity and acceleration with their errors.

    Args:
        t: Seconds, shape (T,), strictly increasing, uneven or not.
        position: Shape (T, D) or (T,), NaN where unseen.
        noise_std: Measurement noise of each coordinate, shape (D,); estimated if not given.

    Returns:
        The kinematics; rows without a position and stretches of fewer than three rows are NaN.

    Raises:
        ToolError: The shapes do not agree or the times do not increase.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0.0, 2.0, 101)
        >>> fall = smooth(t, 5.0 - 4.905 * t**2)
        >>> round(float(fall.acceleration[50, 0]), 3)
        -9.81
    """
    t, position = checked_rows(t, position)
    length, coordinates = position.shape
    state = np.full((length, coordinates, 3), np.nan)
    covariance = np.full((length, coordinates, 3, 3), np.nan)
    bandwidth = np.full((length, coordinates), np.nan)
    noise = np.full(coordinates, np.nan) if noise_std is None else np.broadcast_to(
        np.asarray(noise_std, dtype=float), (coordinates,)).copy()
    for columns, seen in columns_seen_together(position):
        if len(seen) < 3:
            continue
        times, values = t[seen], position[np.ix_(seen, columns)]
        mean = np.mean(values, axis=0)
        parts = [part for part in segments(times) if part.stop - part.start >= 3]
        known = None if noise_std is None else noise[columns]
        levels = [fit_levels(times[part], values[part] - mean, known) for part in parts]
        if noise_std is None:
            long_enough = [level for part, level in zip(parts, levels, strict=True) if part.stop - part.start >= 4]
            noise[columns] = noise_of_columns(times, values, long_enough or None)
        variance = np.where(np.isfinite(noise[columns]), noise[columns] ** 2, np.var(values, axis=0))
        for part, level in zip(parts, levels, strict=True):
            for number, column in enumerate(columns):
                rows = seen[part]
                state[rows, column], covariance[rows, column], bandwidth[rows, column] = _smooth_stretch(
                    times[part], level, number, float(variance[number]))
                state[rows, column, 0] += mean[number]
    stderr = np.sqrt(np.diagonal(covariance, axis1=2, axis2=3))
    return Kinematics(t, state[:, :, 0], state[:, :, 1], state[:, :, 2], stderr[:, :, 0], stderr[:, :, 1],
                      stderr[:, :, 2], covariance, noise, bandwidth)
