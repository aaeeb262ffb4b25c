"""Plain motions: uniform, uniformly accelerated, swinging, dying away; fitted to places, carried on, with errors.

What a viewer who knows mechanics carries on a motion with where nothing else is known. A path on a line is fitted along
it, any other in both coordinates with common rates, so that going round in a circle or an ellipse is a swing, too.
Leaves out contacts: a motion is plain from one to the next.

Source: variable projection, Golub & Pereyra 1973; the choice between motions, Schwarz 1978.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

KINDS = ("uniform", "accelerated", "swinging", "dying away")
"""From the plainest on; the last two have a rate, 1/s, and a rate and a damping."""

COLUMNS = {"uniform": 2, "accelerated": 3, "swinging": 3, "dying away": 3}
RATES = {"uniform": 0, "accelerated": 0, "swinging": 1, "dying away": 2}
SCANNED = 48
"""Rates that are tried of a swing, from a part of a turn in all to a turn in a few rows."""

SLOWEST, ROWS_A_TURN = 0.6, 4.0
"""Radians of a swing in all its time at the least; and rows in a turn."""

STRAIGHT_PX = 0.12
"""A path whose points are this near to a line, root mean square, is one; errors of places are below it."""

PLACE_PX = 0.05
"""How well a place is known from a film at best: `motionlaw.tools.registration`, on made films read back from H.264."""

KINK, KINK_PX = 4.0, 0.6
"""A path has a kink where it bends by so many times what it usually does, and by some tenths of a pixel."""


@dataclass(frozen=True)
class PlainMotion:
    """A fitted motion.

    Args:
        kind: One of `KINDS`.
        rates: Angular frequency and damping, 1/s, as far as the kind has them.
        weights: Of the columns of its design, shape (K, D).
        axes: Directions of its D coordinates, shape (D, 2): one for a straight path, else both.
        left: Sum of squares that it leaves, pixels squared; across a straight path, too.
        freedom: How many numbers it has.
    """

    kind: str
    rates: tuple[float, ...]
    weights: np.ndarray
    axes: np.ndarray
    left: float
    freedom: int

    def step(self, start_s: float, end_s: float) -> np.ndarray:
        """How far it gets between two times, shape (2,), pixels."""
        ends = _design(self.kind, self.rates, np.array([start_s, end_s])) @ self.weights
        return (ends[1] - ends[0]) @ self.axes

    def step_error(self, t: np.ndarray, start_s: float, end_s: float, noise_px: float) -> float:
        """Standard error of the step, pixels, in its worst direction, by places at times ``t`` with so much noise.

        The least that any unbiased reader of the places can reach who knows the kind of motion (Cramér and Rao).
        """
        rows = self._slopes(t)
        ends = self._slopes(np.array([start_s, end_s]))
        wanted = ends[len(self.axes) :] - ends[: len(self.axes)]
        scale = np.linalg.norm(rows, axis=0)
        scale[scale == 0] = 1.0
        spread = wanted / scale @ np.linalg.pinv(rows / scale, rcond=1e-9)
        error = noise_px * float(np.linalg.norm(spread, ord=2))
        if len(self.axes) == 2:
            return error
        along = _design(self.kind, self.rates, t) @ self.weights[:, 0]
        far = float(np.linalg.norm(self.step(start_s, end_s)))
        turned = noise_px / max(float(np.linalg.norm(along - along.mean())), 1e-12)
        return max(error, far * turned)

    def _slopes(self, t: np.ndarray) -> np.ndarray:
        """How its places at T times change with its numbers, shape (T D, numbers): time by time, D rows each."""
        design = _design(self.kind, self.rates, t)
        count = len(self.axes)
        columns = [np.kron(design, np.eye(count)[:, [k]]) for k in range(count)]
        for number, rate in enumerate(self.rates):
            small = 1e-4 * max(abs(rate), 1.0 / max(float(np.ptp(t)), 1e-9))
            moved = [list(self.rates), list(self.rates)]
            moved[0][number], moved[1][number] = rate - small, rate + small
            low, high = (_design(self.kind, tuple(each), t) @ self.weights for each in moved)
            columns.append(((high - low) / (2 * small)).reshape(-1, 1))
        return np.concatenate(columns, axis=1)


def _design(kind: str, rates: tuple[float, ...], t: np.ndarray) -> np.ndarray:
    one = np.ones_like(t)
    if kind == "uniform":
        return np.stack([one, t], axis=1)
    if kind == "accelerated":
        return np.stack([one, t, t**2], axis=1)
    fading = np.exp(-rates[1] * t) if kind == "dying away" else one
    return np.stack([one, fading * np.cos(rates[0] * t), fading * np.sin(rates[0] * t)], axis=1)


def fits(t: np.ndarray, path: np.ndarray) -> Iterator[PlainMotion]:
    """Fits every plain motion that enough rows are there for, the plainest first.

    Args:
        t: Seconds, shape (T,).
        path: Places, shape (T, 2), pixels.

    Example:
        >>> t = np.linspace(0, 1, 20)
        >>> found = {each.kind: each for each in fits(t, np.stack([40 * t + 9 * t**2, 0 * t], axis=1))}
        >>> found["accelerated"].step(1.0, 1.5).round(3).tolist()
        [31.25, 0.0]
    """
    axes, values, aside = _axes(path)
    for kind in KINDS:
        freedom = COLUMNS[kind] * values.shape[1] + RATES[kind] + 2 * (values.shape[1] == 1)
        if values.size <= COLUMNS[kind] * values.shape[1] + RATES[kind] + 1:
            continue
        rates = _rates(kind, t, values)
        if rates is None:
            continue
        design = _design(kind, rates, t)
        weights = np.linalg.lstsq(design, values, rcond=None)[0]
        left = float(np.sum((values - design @ weights) ** 2)) + aside
        yield PlainMotion(kind, rates, weights, axes, left, freedom)


def _axes(path: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The directions that a path needs, its coordinates along them, and the squares that it leaves aside."""
    middle = path.mean(axis=0)
    _, lengths, axes = np.linalg.svd(path - middle, full_matrices=False)
    if lengths[1] / np.sqrt(len(path)) < STRAIGHT_PX:
        return axes[:1], path @ axes[:1].T, float(lengths[1] ** 2)
    return np.eye(2), path, 0.0


def _left(kind: str, rates: tuple[float, ...], t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What a motion of these rates leaves, flat."""
    design = _design(kind, rates, t)
    return (values - design @ np.linalg.lstsq(design, values, rcond=None)[0]).ravel()


def _rates(kind: str, t: np.ndarray, values: np.ndarray) -> tuple[float, ...] | None:
    """The rates with which a motion fits best; ``None`` where none is found."""
    if RATES[kind] == 0:
        return ()
    from scipy.optimize import least_squares

    span, rows = float(np.ptp(t)), len(t)
    low, high = SLOWEST / span, 2 * np.pi * (rows - 1) / (ROWS_A_TURN * span)
    if not low < high:
        return None
    scan = np.geomspace(low, high, SCANNED)
    best = min(scan, key=lambda rate: float(np.sum(_left("swinging", (rate,), t, values) ** 2)))
    begun = (float(best),) if kind == "swinging" else (float(best), 0.0)
    bounds = ([low], [high]) if kind == "swinging" else ([low, -2 / span], [high, 6 / span])
    found = least_squares(
        lambda rates: _left(kind, tuple(rates), t, values), begun, bounds=bounds, x_scale=1.0 / span, max_nfev=60
    )
    return tuple(float(rate) for rate in found.x)


def plainest(t: np.ndarray, path: np.ndarray, *, noise_px: float) -> PlainMotion | None:
    """The motion that the places bear out best, less what its freedom costs.

    Args:
        t: Seconds, shape (T,).
        path: Shape (T, 2), pixels.
        noise_px: No place is better known than this.

    Returns:
        The motion; ``None`` where there are too few rows for any.
    """
    size = path.size

    def cost(motion: PlainMotion) -> float:
        return float(size * np.log(motion.left / size + noise_px**2) + motion.freedom * np.log(size))

    return min(fits(t, path), key=cost, default=None)


def since_last_kink(t: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows since a path last bent as it never does else, at a contact; all where fewer than four are left."""
    bend = np.linalg.norm(np.diff(path, 2, axis=0), axis=1)
    sharp = np.flatnonzero(bend > KINK * np.median(bend) + KINK_PX)
    start = int(sharp[-1]) + 2 if len(sharp) else 0
    return (t[start:], path[start:]) if len(t) - start >= 4 else (t, path)


def foretelling_error(t: np.ndarray, path: np.ndarray, ahead_s: float, step: np.ndarray) -> float:
    """How far off the best reader of a film may be who foretells a true motion, pixels.

    The plainest motion that agrees with the places in the film as well as they can be seen is carried on: by how much
    it misses what happens, and two standard errors of that by places seen as well as can be.

    Args:
        t: Seconds, shape (T,).
        path: True places in the film, shape (T, 2), pixels.
        ahead_s: How long after.
        step: How far it truly gets then, shape (2,), pixels.

    Returns:
        Pixels; infinite where no plain motion agrees.
    """
    t, path = since_last_kink(t, path)
    for motion in fits(t, path):
        if motion.left <= path.size * PLACE_PX**2:
            missed = float(np.linalg.norm(motion.step(t[-1], t[-1] + ahead_s) - step))
            return missed + 2 * motion.step_error(t, t[-1], t[-1] + ahead_s, PLACE_PX)
    return float("inf")
