"""Runge-Kutta over many stretches and many variants of a law at once.

Segments stand side by side in one array, each with steps of its own length; what lies between two steps is read off a
cubic through their states and slopes. Leaves out what a law is (`dynamics`) and its fit (`shooting`).

Source: classical Runge-Kutta and cubic Hermite output, Hairer, Nørsett & Wanner (1993), II.1 and II.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from motionlaw.tools.dynamics import Model


@dataclass(frozen=True)
class Grid:
    """Steps of S segments side by side, and where among them the rows lie.

    Args:
        start: Seconds at which each segment starts, shape (S,).
        h: Length of each segment's steps in seconds, shape (S,).
        steps: Number of steps, the same in all segments.
        before: Step before each row, shape (T, S); segments of fewer rows repeat their last.
        share: Share of that step at which the row lies, shape (T, S).
    """

    start: np.ndarray
    h: np.ndarray
    steps: int
    before: np.ndarray
    share: np.ndarray


def make_grid(times: Sequence[np.ndarray], longest_step: float) -> Grid:
    """Cuts segments into equal steps no longer than ``longest_step`` seconds; rows between two steps are interpolated.

    Args:
        times: Rows of each segment, seconds, increasing.
        longest_step: Seconds.
    """
    spans = np.array([t[-1] - t[0] for t in times])
    steps = int(max(1, np.ceil(spans.max() / longest_step - 1e-9)))
    h = spans / steps
    most = max(len(t) for t in times)
    place = np.empty((most, len(times)))
    for column, t in enumerate(times):
        place[: len(t), column] = (t - t[0]) / (h[column] or 1.0)
        place[len(t) :, column] = place[len(t) - 1, column]
    # A row within rounding of a step is on it.
    nearest = np.round(place)
    place = np.where(np.abs(place - nearest) < 1e-9, nearest, place)
    before = np.clip(np.floor(place).astype(int), 0, steps - 1)
    return Grid(np.array([t[0] for t in times]), h, steps, before, place - before)


def integrate(model: Model, grid: Grid, state: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classical Runge-Kutta over all segments and variants at once.

    Args:
        model: The law.
        grid: Steps of the S segments.
        state: First states, shape (n, S, Q) for Q variants of states and constants.
        values: Constants, shape (P, S, Q).

    Returns:
        States and their time derivatives at every step, each of shape (steps + 1, n, S, Q); NaN or huge where the
        law runs away.
    """
    n, segments, variants = state.shape
    width = segments * variants
    if width == 1:
        path, rates = _integrated_alone(model, grid, state.ravel(), values.ravel())
        return path[:, :, None, None], rates[:, :, None, None]
    h, start = np.repeat(grid.h, variants), np.repeat(grid.start, variants)
    half, sixth = 0.5 * h, h / 6
    path, rates = np.empty((2, grid.steps + 1, n, width))
    path[0] = state.reshape(n, width)
    k2, k3, k4, place = np.empty((4, n, width))
    slope = model.slope_function(values.reshape(len(values), width))
    t = start
    with np.errstate(all="ignore"):
        for k in range(grid.steps):
            now, k1 = path[k], rates[k]
            slope(now, t, k1)
            later = t + half
            np.multiply(half, k1, place)
            place += now
            slope(place, later, k2)
            np.multiply(half, k2, place)
            place += now
            slope(place, later, k3)
            np.multiply(h, k3, place)
            place += now
            t = start + (k + 1) * h
            slope(place, t, k4)
            k2 += k3
            k2 *= 2
            k2 += k1
            k2 += k4
            k2 *= sixth
            np.add(now, k2, path[k + 1])
        slope(path[-1], t, rates[-1])
    shape = (grid.steps + 1, n, segments, variants)
    return path.reshape(shape), rates.reshape(shape)


def _integrated_alone(
    model: Model, grid: Grid, state: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same for one segment and one variant, in numbers: arrays of one number cost many times as much.

    Returns:
        States and their time derivatives at every step, each of shape (steps + 1, n).
    """
    h, start = grid.h[0], grid.start[0]
    half, sixth = 0.5 * h, h / 6
    rate = model.rate_function(list(values))
    now, t, path, rates = list(state), start, [], []
    with np.errstate(all="ignore"):
        for k in range(grid.steps):
            k1 = rate(now, t)
            path.append(now)
            rates.append(k1)
            later = t + half
            k2 = rate([x + half * slope for x, slope in zip(now, k1, strict=True)], later)
            k3 = rate([x + half * slope for x, slope in zip(now, k2, strict=True)], later)
            t = start + (k + 1) * h
            k4 = rate([x + h * slope for x, slope in zip(now, k3, strict=True)], t)
            now = [x + sixth * (a + 2 * (b + c) + d) for x, a, b, c, d in zip(now, k1, k2, k3, k4, strict=True)]
        path.append(now)
        rates.append(rate(now, t))
    return np.array(path, dtype=float), np.array(rates, dtype=float)


def at_rows(grid: Grid, path: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """States at a grid's rows, shape (T, n, S, Q), from the states and slopes at its steps (see `integrate`)."""
    segment = np.arange(path.shape[2])
    u = grid.share[:, :, None, None]
    first, h = grid.before, grid.h[:, None, None]
    low, high = path[first, :, segment], path[first + 1, :, segment]  # (T, S, n, Q)
    with np.errstate(all="ignore"):
        turn = u * (1 - u)
        slope = h * ((1 - u) * rates[first, :, segment] - u * rates[first + 1, :, segment])
        between = low + u * u * (3 - 2 * u) * (high - low) + turn * slope
    # On a step nothing of its neighbour may enter: that may have run away already.
    rows = np.where(u == 0, low, np.where(u == 1, high, between))
    return rows.transpose(0, 2, 1, 3)


def play(
    model: Model, times: Sequence[np.ndarray], state: np.ndarray, values: np.ndarray, *, longest_step: float
) -> np.ndarray:
    """Plays variants of a law through several segments.

    Args:
        model: The law.
        times: Rows of each of S segments, seconds.
        state: First states, shape (n, S, Q).
        values: Constants, shape (P, S, Q).
        longest_step: Seconds.

    Returns:
        States at the rows, shape (T, n, S, Q); shorter segments repeat their last row.
    """
    grid = make_grid(times, longest_step)
    return at_rows(grid, *integrate(model, grid, state, values))
