"""A motion smoothed as one that an additive force drives: derivatives of few noisy rows, with their errors.

A smoothing spline knows nothing of what it smooths. Here the curve is drawn towards a solution of x'' = f, where f is
an additive regression with the columns of `motionlaw.tools.components` that is estimated along with the curve: whatever
the law, as long as it is a sum of what position, velocity and time do. No law is named.

Source: Ramsay, Hooker, Campbell and Cao (2007), Parameter estimation for differential equations: a generalized
smoothing approach. Which columns stay is chosen by Wald statistics of the profiled weights and the Bayesian criterion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve

from motionlaw.tools.components import DEGREE, take_apart

# Times at which the motion is told, functions of the basis, and rows that are fitted: more are averaged in bins.
POINTS, FUNCTIONS, MOST_ROWS = 501, 166, 501
ORDER, ROUGHNESS = 5, 3
# In parts of the stiffness that leaves a parabola.
STIFFNESSES = np.geomspace(1e-10, 1e2, 49)
# Noise is never believed to be less than this share of the spread.
LEAST_NOISE = 2e-4
# The curve may leave the law by as much as the regression leaves, and no less than this share of the force's rms.
LEAST_LEFT = 3e-3
# Prior width of the weights of columns of size one, in rms of the force.
WIDTH = 3.0
ROUNDS, STEPS = 3, 3
# The noise is what the curve leaves, and more by what it follows.
FREE = 1.1
# How far a frequency may go in a step, rad a unit of time.
FREQUENCY_WIDTH = 0.05
# A curve that is farther off the rows than so many times what a spline leaves is given up for that spline.
MISSES = 2.0
# Columns that may stay: powers of position up to one of these, the first few velocity terms, some of the waves.
POWERS, VELOCITIES = (0, 1, 2, 3, 5, DEGREE), (0, 1, 2, 3, 5)
BY_POSITION, BY_VELOCITY = DEGREE + 1, max(VELOCITIES)
STATIC = BY_POSITION + BY_VELOCITY


def smooth_additively(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Smooths a coordinate as the motion of an additive force.

    Args:
        t: Times, shape (T,), increasing, in units in which waves of `components.frequencies` can drive it.
        x: Positions, shape (T,), without NaN.

    Returns:
        Rows of t, x, v, a at even times, shape (501, 4); the accelerations lie off the curve by their standard error,
        above and below in turn, so that a plot of them shows how well they are known. Where no additive force drives
        the motion they are those of a smooth curve.

    Example:
        >>> t = np.linspace(0, 12, 90)
        >>> rows = smooth_additively(t, np.cos(2 * t) + 0.03 * np.random.default_rng(0).normal(size=90))
        >>> bool(np.abs(rows[:, 3] + 4 * np.cos(2 * rows[:, 0])).max() < 0.4)
        True
    """
    if len(t) > MOST_ROWS:
        bins = np.array_split(np.arange(len(t)), MOST_ROWS)
        t, x = (np.array([each[rows].mean() for rows in bins]) for each in (t, x))
    span = float(t[-1] - t[0])
    fit = _Fit(_bases(((t - t[0]) / span).tobytes()), span, x)
    first, noise = fit.curve, fit.noise
    for number in range(ROUNDS):
        fit.improve(is_last=number == ROUNDS - 1)
    if not fit.off < MISSES * noise:
        fit.curve, fit.errors = first, np.zeros(POINTS)
    scatter = fit.errors * (-1.0) ** np.arange(POINTS)
    return np.column_stack([t[0] + fit.t, fit.x, fit.v, fit.a + scatter])


@dataclass(frozen=True)
class _Bases:
    """B-splines over a time of one: values in the rows and, with two derivatives, at the points; and the roughness."""

    rows: np.ndarray
    points: tuple[np.ndarray, np.ndarray, np.ndarray]
    roughness: np.ndarray
    bending: np.ndarray
    modes: np.ndarray

    def stiffest(self, x: np.ndarray) -> tuple[float, float]:
        """The stiffness of the likeliest curve through the rows, and the noise, by restricted maximum likelihood."""
        wanted = (self.modes.T @ x) ** 2
        tried = self.bending.max() * STIFFNESSES
        kept = 1 / (1 + self.bending / tried[:, None])
        energy = kept @ wanted + 1e-28 * float(np.sum(x**2))
        best = int(np.argmin(len(wanted) * np.log(energy) - np.log(kept).sum(axis=1)))
        return float(tried[best]), float(np.sqrt(energy[best] / len(wanted)))


@lru_cache(maxsize=16)
def _bases(rows: bytes) -> _Bases:
    at = np.frombuffer(rows)
    knots = np.concatenate([np.zeros(ORDER), np.linspace(0, 1, FUNCTIONS - ORDER + 1), np.ones(ORDER)])
    splines = BSpline(knots, np.eye(FUNCTIONS), ORDER)
    even = np.linspace(0, 1, POINTS)
    nodes, weights = np.polynomial.legendre.leggauss(ORDER - ROUGHNESS + 1)
    width = 1 / (FUNCTIONS - ORDER)
    places = (np.arange(FUNCTIONS - ORDER)[:, None] * width + width * (nodes + 1) / 2).ravel()
    third = splines.derivative(ROUGHNESS)(places)
    roughness = third.T @ (third * np.tile(weights * width / 2, FUNCTIONS - ORDER)[:, None])
    values, vectors = np.linalg.eigh(roughness)
    values, vectors = values[ROUGHNESS:], vectors[:, ROUGHNESS:]
    inside = splines(at)
    smooth = (inside @ vectors) / np.sqrt(values)
    rest = np.linalg.qr(np.vander(2 * at - 1, ROUGHNESS), mode="complete")[0][:, ROUGHNESS:]
    bending, modes = np.linalg.eigh((rest.T @ smooth) @ (smooth.T @ rest))
    points = (splines(even), splines.derivative(1)(even), splines.derivative(2)(even))
    return _Bases(inside, points, roughness, np.maximum(bending, 0.0), rest @ modes)


class _Fit:
    """A curve and the force that drives it."""

    def __init__(self, bases: _Bases, span: float, x: np.ndarray) -> None:
        self.rows, self.seen = bases.rows, x
        stiffness, noise = bases.stiffest(x)
        self.noise = max(noise, LEAST_NOISE * float(np.std(x)), 1e-300)
        gram = self.rows.T @ self.rows + stiffness * bases.roughness
        self.curve = np.linalg.solve(gram + 1e-12 * len(x) * np.eye(len(gram)), self.rows.T @ x)
        self.points = tuple(each / span**k for k, each in enumerate(bases.points))
        self.t = np.linspace(0, span, POINTS)
        self.size = max(float(np.sqrt(np.mean(self.a**2))), 1e-300)
        self.waves: list[float] = []
        self.kept = np.zeros(0, bool)
        self.errors = np.zeros(POINTS)

    x = property(lambda self: self.points[0] @ self.curve)
    v = property(lambda self: self.points[1] @ self.curve)
    a = property(lambda self: self.points[2] @ self.curve)

    @property
    def off(self) -> float:
        """How far the curve misses the rows."""
        return float(np.sqrt(np.mean((self.seen - self.rows @ self.curve) ** 2)))

    def improve(self, *, is_last: bool) -> None:
        """Estimates the force, then force and curve together; at last with the columns alone that are needed."""
        if not is_last:
            found = take_apart(self.t, *(each[None] for each in (self.x, self.v, self.a))).frequency[0]
            self.waves = [float(each) for each in found if np.isfinite(each)]
            self.kept = np.ones(STATIC + 2 * len(self.waves), bool)
        reach = (self.x.min(), self.x.max())
        told = self._columns(reach)
        sizes = np.maximum(np.sqrt(np.mean(told[0] ** 2, axis=1)), 1e-300)
        sized = told[0] / sizes[:, None]
        gram = sized @ sized.T + 1e-6 * POINTS * np.eye(len(sized))
        weights = np.linalg.solve(gram, sized @ self.a)
        for number in range(STEPS):
            told = self._columns(reach) if number else told
            weights, system = self._step(told, sizes, weights)
        count, width = len(self.curve), len(weights)
        self.noise = min(self.noise, max(FREE * self.off, LEAST_NOISE * float(np.std(self.seen)), 1e-300))
        if is_last:
            more = len(system[0]) - count
            spread = cho_solve(system, np.pad(self.points[2].T, ((0, more), (0, 0))))[:count]
            self.errors = np.sqrt(np.maximum(np.einsum("pc,cp->p", self.points[2], spread), 0.0))
        else:
            covariance = cho_solve(system, np.eye(len(system[0]))[:, count : count + width])[count : count + width]
            self.kept = self._needed(weights, covariance)

    def _step(
        self, told: tuple[np.ndarray, np.ndarray, np.ndarray], sizes: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, Any]:
        """A step of Gauss and Newton for curve and weights together, from columns and slopes of `_columns`."""
        columns, by_x, by_v = (each / sizes[:, None] for each in told)
        left = max(float(np.sqrt(np.mean((self.a - weights @ columns) ** 2))), LEAST_LEFT * self.size)
        x, v, a = self.points
        bent = a - (weights @ by_x)[:, None] * x - (weights @ by_v)[:, None] * v
        trust = np.sqrt(len(self.seen) / POINTS) / left
        turns = self._turns(weights / sizes)
        law = trust * np.concatenate([bent, -columns.T, -turns.T], axis=1)
        off = trust * (weights @ columns - self.a)
        count = len(self.curve)
        gram = law.T @ law
        gram[:count, :count] += self.rows.T @ self.rows / self.noise**2
        wanted = law.T @ off
        wanted[:count] += self.rows.T @ (self.seen - self.rows @ self.curve) / self.noise**2
        prior = 1 / (WIDTH * self.size) ** 2
        own = np.arange(count, count + len(weights))
        gram[own, own] += prior
        wanted[own] -= prior * weights
        last = np.arange(count + len(weights), len(gram))
        gram[last, last] += 1 / FREQUENCY_WIDTH**2
        gram[np.diag_indices_from(gram)] += 1e-12 * np.trace(gram) / len(gram)
        system = cho_factor(gram, check_finite=False)
        step = cho_solve(system, wanted)
        self.curve = self.curve + step[:count]
        for wave, change in zip(self._waving(), step[last], strict=True):
            self.waves[wave] += float(np.clip(change, -FREQUENCY_WIDTH, FREQUENCY_WIDTH))
        return weights + step[own], system

    def _waving(self) -> list[int]:
        """Numbers of the waves that are kept."""
        return [int(k) for k in np.flatnonzero(self.kept[STATIC::2])]

    def _turns(self, weights: np.ndarray) -> np.ndarray:
        """What the force changes by with each frequency, shape (W, T); weights are of columns that are not sized."""
        cosines, sines = weights[len(weights) - 2 * len(self._waving()) :].reshape(-1, 2).T
        turns = [
            (self.t - self.t[-1] / 2) * (s * np.cos(self.waves[k] * self.t) - c * np.sin(self.waves[k] * self.t))
            for k, c, s in zip(self._waving(), cosines, sines, strict=True)
        ]
        return np.array(turns).reshape(-1, POINTS)

    def _columns(self, reach: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the force is a sum of at the points, and its slopes over position and velocity, each (P, T)."""
        x, v, t = self.x, self.v, self.t
        rate = 2 / max(reach[1] - reach[0], 1e-300)
        scaled = rate * (x - reach[0]) - 1
        one, none = np.ones_like(x), np.zeros_like(x)
        powers, slopes = [one, scaled], [none, rate * one]
        for _ in range(DEGREE - 1):
            slopes.append(2 * rate * powers[-1] + 2 * scaled * slopes[-1] - slopes[-2])
            powers.append(2 * scaled * powers[-1] - powers[-2])
        fast = np.abs(v)
        velocity = [v, fast * v, v**3, x * v, x**2 * v]
        waves = [wave(each * t) for each in self.waves for wave in (np.cos, np.sin)]
        still = [none] * len(waves)
        return (
            np.stack([*powers, *velocity, *waves])[self.kept],
            np.stack([*slopes, none, none, none, v, 2 * x * v, *still])[self.kept],
            np.stack([*[none] * len(powers), one, 2 * fast, 3 * v**2, x, x**2, *still])[self.kept],
        )

    def _needed(self, weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """The fewest columns that explain as much as all do, by the weights' covariance and the Bayesian criterion."""
        best, chosen = np.inf, self.kept
        for kept, frequencies in self._choices():
            dropped = ~kept
            lost = weights[dropped] @ np.linalg.solve(covariance[np.ix_(dropped, dropped)], weights[dropped])
            score = float(lost) + np.log(len(self.seen)) * (kept.sum() + frequencies)
            if score < best:
                best, chosen = score, kept
        return chosen

    def _choices(self) -> Iterator[tuple[np.ndarray, int]]:
        """Columns that may stay together, and how many frequencies they have."""
        some: list[list[int]] = [[], *([k] for k in range(len(self.waves))), list(range(len(self.waves)))]
        for power in POWERS:
            for velocities in VELOCITIES:
                for waves in some[: 1 + len(self.waves) + (len(self.waves) > 1)]:
                    kept = np.zeros(STATIC + 2 * len(self.waves), bool)
                    kept[: power + 1] = True
                    kept[BY_POSITION : BY_POSITION + velocities] = True
                    for wave in waves:
                        kept[STATIC + 2 * wave : STATIC + 2 * wave + 2] = True
                    yield kept, len(waves)
