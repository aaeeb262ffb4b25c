"""Sums of known terms in fit: many laws played side by side, each drawn towards a smooth path as strongly as is wanted.

A play that is drawn to the data converges from a poor guess; the draw is weakened until the law moves alone. Numbers
stay within the ranges that are known of them. Which sums are fitted, and which is believed, is decided in
`motionlaw.tools.term_sets`.

Source: nudging as in Hoke and Anthes (1976); steps of Levenberg and Marquardt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.evaluation import compile_rows
from motionlaw.tools.known_terms import COORDINATE, FREQUENCY, VELOCITY, Kinds
from motionlaw.tools.smoothing import Curve, smooth_curves

# Longest Runge-Kutta step, in units of time of the known frequencies; more rows than so many are averaged.
STEP, MOST_ROWS = 0.05, 200
# Sums played together, and fits of one set that stay.
TOGETHER, KEPT = 512, 2
# Noise is never believed to be less than this share of the spread.
LEAST_NOISE = 3e-4
# Where a play has run away, in spreads, and the sum of squares that stands for it.
AWAY, LOST = 30.0, 1e12


class SmoothPath:
    """The rows, a smooth path through them at half steps, and how rows lie between steps."""

    def __init__(self, t: np.ndarray, x: np.ndarray) -> None:
        curve = smooth_curves(t - t[0], x[:, None])[0]
        self.t: np.ndarray = t - t[0]
        self.x: np.ndarray = x
        if len(t) > MOST_ROWS:
            self.t, self.x = _averaged(self.t, x, curve)
        self.noise = float(np.sqrt(np.mean(curve.noise_std**2) * len(self.t) / len(t)))
        self.steps = max(2, int(np.ceil((t[-1] - t[0]) / STEP)))
        self.step = float(t[-1] - t[0]) / self.steps
        self.half = np.linspace(0, t[-1] - t[0], 2 * self.steps + 1)
        self.smooth = curve.at(self.half, 0), curve.at(self.half, 1)
        self.spread = float(np.std(x)), float(np.std(self.smooth[1]))
        self.floor = (LEAST_NOISE * self.spread[0]) ** 2
        self.before = np.clip((self.t / self.step).astype(int), 0, self.steps - 1)
        u = self.t / self.step - self.before
        self.weights = (
            (1 + 2 * u) * (1 - u) ** 2, self.step * u * (1 - u) ** 2,
            u * u * (3 - 2 * u), self.step * u * u * (u - 1),
        )  # fmt: skip

    def misfit(self, square: np.ndarray) -> np.ndarray:
        """Minus the logarithm of the likelihood of a sum of squares, the noise being what is left."""
        rows = len(self.t)
        return np.asarray(0.5 * rows * np.log(square / rows + self.floor))

    def played(
        self,
        rate: Callable[[np.ndarray, int], np.ndarray],
        state: np.ndarray,
        settle: Callable[[np.ndarray], None] = lambda state: None,
    ) -> np.ndarray:
        """The first half of a state in the rows, played by classical Runge-Kutta from the first of them.

        Args:
            rate: Rates of a state at a half step.
            state: Positions and velocities, shape (2, ...).
            settle: Changes a state in place after each step.
        """
        h, states, rates = self.step, *np.empty((2, self.steps + 1, *state.shape[1:]))
        for row in range(self.steps):
            a = rate(state, 2 * row)
            states[row], rates[row] = state[0], a[0]
            b = rate(state + h / 2 * a, 2 * row + 1)
            c = rate(state + h / 2 * b, 2 * row + 1)
            state = state + h / 6 * (a + 2 * (b + c) + rate(state + h * c, 2 * row + 2))
            settle(state)
        states[-1], rates[-1] = state[0], rate(state, 2 * self.steps)[0]
        return self.at_rows(states, rates)

    def at_rows(self, values: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Values in the rows of what is known with its rate at every step, shape (steps + 1, ...)."""
        a, b, c, d = (each.reshape(-1, *[1] * (values.ndim - 1)) for each in self.weights)
        k = self.before
        return np.asarray(a * values[k] + b * rates[k] + c * values[k + 1] + d * rates[k + 1])


def _averaged(t: np.ndarray, x: np.ndarray, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Means of what neighbouring rows are beside the smooth path, which hardly bends between them."""
    groups = np.arange(len(t)) * MOST_ROWS // len(t)
    sizes = np.bincount(groups)
    middle = np.bincount(groups, t) / sizes
    return middle, curve.at(middle, 0) + np.bincount(groups, x - curve.at(t, 0)) / sizes


class KnownForce:
    """The kinds' values and slopes as functions of arrays."""

    def __init__(self, kinds: Kinds) -> None:
        x, v = (sympy.Symbol(name, real=True) for name in (COORDINATE, VELOCITY))
        real = {sympy.Symbol(name): sympy.Symbol(name, real=True) for name in (COORDINATE, VELOCITY)}
        w = sympy.Symbol(FREQUENCY)
        self.kinds, self.waves = kinds, [k for k, kind in enumerate(kinds.terms) if kind.frequency]
        own = {k: sympy.Symbol(f"w_{k}") for k in self.waves}
        self.terms = [kind.expression.xreplace(real | {w: own.get(k, w)}) for k, kind in enumerate(kinds.terms)]
        self.by_x = [k for k, term in enumerate(self.terms) if term.has(x)]
        self.by_v = [k for k, term in enumerate(self.terms) if term.has(v)]
        slopes = [sympy.diff(self.terms[k], x) for k in self.by_x] + [sympy.diff(self.terms[k], v) for k in self.by_v]
        turns = [sympy.diff(self.terms[k], own[k]) for k in self.waves]
        names = [COORDINATE, VELOCITY, "t", *(own[k].name for k in self.waves)]
        self.values = compile_rows(self.terms, names)
        self.everything = compile_rows([*self.terms, *slopes, *turns], names)
        ranges = np.array([kind.strength for kind in kinds.terms])
        self.either = np.array([kind.has_either_sign for kind in kinds.terms])
        self.low, self.high = np.where(self.either, -ranges[:, 1], ranges[:, 0]), ranges[:, 1]
        self.least = ranges[:, 0]
        self.width = (self.high - self.least) * np.where(self.either, 2, 1)
        self.frequencies = np.array([kinds.terms[k].frequency for k in self.waves]).reshape(-1, 2)


@dataclass(frozen=True)
class Sums:
    """N sums in fit. Of S slots the first hold strengths, then come the frequencies of all waves, then a first state.

    Args:
        of_set: Number of each one's set, shape (N,).
        kind: Kinds of the strengths, shape (M, N).
        has: Which slots are used, shape (S, N).
        numbers: The numbers, shape (S, N), within ``low`` and ``high``, as their ``width`` is known.
        damping: Of the next step, shape (N,).
        square: Sum of squares that is left, shape (N,).
        normal: Normal equations, shape (N, S, S).
        slope: Their right side, shape (N, S).
    """

    of_set: np.ndarray
    kind: np.ndarray
    has: np.ndarray
    numbers: np.ndarray
    low: np.ndarray
    high: np.ndarray
    width: np.ndarray
    damping: np.ndarray
    square: np.ndarray
    normal: np.ndarray
    slope: np.ndarray

    def only(self, some: np.ndarray) -> Sums:
        """Some of them."""
        last = {"normal": 0, "slope": 0}
        return replace(
            self, **{f.name: np.take(getattr(self, f.name), some, last.get(f.name, -1)) for f in fields(self)}
        )

    def kept(self, score: np.ndarray, behind: float) -> Sums:
        """Those that are no more than so many nats behind the best, and the best few of each set."""
        count: dict[int, int] = {}
        some = []
        for k in np.argsort(score):
            if score[k] > score.min() + behind:
                break
            count[self.of_set[k]] = count.get(self.of_set[k], 0) + 1
            if count[self.of_set[k]] <= KEPT:
                some.append(k)
        return self.only(np.array(some))

    def on_one_side(self, force: KnownForce) -> Sums:
        """Strengths of either sign stay on the side where they are, and are no weaker than is known."""
        strengths = self.numbers[: len(self.kind)]
        either, least = force.either[self.kind], force.least[self.kind]
        low, high = self.low.copy(), self.high.copy()
        low[: len(self.kind)] = np.where(either & (strengths >= 0), least, low[: len(self.kind)])
        high[: len(self.kind)] = np.where(either & (strengths < 0), -least, high[: len(self.kind)])
        return replace(self, low=low, high=high, numbers=np.clip(self.numbers, low, high))

    def begun(self, path: SmoothPath, force: KnownForce, drawn: float) -> Sums:
        """Played with a strength of the draw, without a step."""
        square, normal, slope = _played(self, self.numbers, path, force, drawn)
        return replace(self, square=square, normal=normal, slope=slope, damping=np.full(len(square), 1e-3))

    def improved(self, path: SmoothPath, force: KnownForce, drawn: float) -> Sums:
        """A step of Levenberg and Marquardt within bounds, where it leads to less."""
        free = self._is_free().T
        both = free[:, :, None] & free[:, None, :]
        normal = np.where(both, self.normal, 0.0)
        slots = np.arange(len(self.has))
        normal[:, slots, slots] += np.where(free, self.damping[:, None] * normal[:, slots, slots] + 1e-9, 1.0)
        step = np.linalg.solve(normal, np.where(free, self.slope, 0.0)[..., None])[..., 0].T
        numbers = np.clip(self.numbers + step, self.low, self.high)
        square, normal, slope = _played(self, numbers, path, force, drawn)
        better = square < self.square
        return replace(
            self,
            numbers=np.where(better, numbers, self.numbers),
            square=np.where(better, square, self.square),
            normal=np.where(better[:, None, None], normal, self.normal),
            slope=np.where(better[:, None], slope, self.slope),
            damping=np.clip(self.damping * np.where(better, 0.2, 30.0), 1e-7, 1e6),
        )

    def _is_free(self) -> np.ndarray:
        """Which numbers may move: not those at an end of their range that would leave it."""
        at_low = (self.numbers <= self.low) & (self.slope.T < 0)
        at_high = (self.numbers >= self.high) & (self.slope.T > 0)
        return np.asarray(self.has & ~at_low & ~at_high)

    def nats_of_numbers(self, path: SmoothPath, force: KnownForce) -> np.ndarray:
        """How much of their ranges the rows leave to the numbers, in nats, shape (N,)."""
        noise = self.square / len(path.t) + path.floor
        normal, slope = self.normal / noise[:, None, None], self.slope / noise[:, None]
        free = self._is_free().T
        slots = np.arange(len(self.has))
        prior = 12 / self.width.T**2
        curved = normal[:, slots, slots] + prior
        inner = np.where(free[:, :, None] & free[:, None, :], normal, 0.0)
        inner[:, slots, slots] += np.where(free, prior, 1.0)
        left = 0.5 * free.sum(axis=1) * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(inner)[1]
        # One at an end of its range: a slope that falls off within it.
        ends = -np.log(np.abs(slope) + np.sqrt(2 * curved / np.pi))
        left += np.where(self.has.T & ~free, ends, 0.0).sum(axis=1)
        return np.asarray(np.where(self.has, np.log(self.width), 0.0).sum(axis=0) - left)

    def expression(self, k: int, force: KnownForce) -> sympy.Expr:
        """The law of one of them."""
        strengths, first = self.numbers[: len(self.kind), k], len(self.kind)
        frequency = {sympy.Symbol(f"w_{wave}"): sympy.Float(self.numbers[first + place, k])
                     for place, wave in enumerate(force.waves)}  # fmt: skip
        terms = [
            sympy.Float(strengths[slot]) * force.terms[self.kind[slot, k]].xreplace(frequency)
            for slot in np.flatnonzero(self.has[:first, k])
        ]
        law = sympy.expand(sympy.Add(*terms))
        return law.xreplace({symbol: sympy.Symbol(symbol.name) for symbol in law.free_symbols})


def _played(
    fits: Sums, numbers: np.ndarray, path: SmoothPath, force: KnownForce, drawn: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of squares that these numbers leave, (N,), normal equations, (N, S, S), and right sides, (N, S)."""
    parts = []
    for first in range(0, numbers.shape[1], TOGETHER):
        cut = slice(first, first + TOGETHER)
        position, moved = _play(fits.kind[:, cut], fits.has[:, cut], numbers[:, cut], path, force, drawn)
        rest = path.x[:, None] - position
        away = ~(np.abs(position).max(axis=0) < AWAY * path.spread[0] + np.abs(path.x).max())
        moved = np.where(away | ~fits.has[:, cut], 0.0, moved)
        slopes = moved.transpose(2, 1, 0)
        rest = np.where(away, 0.0, rest)
        square = np.where(away, LOST, np.sum(rest**2, axis=0))
        parts.append((square, slopes @ slopes.transpose(0, 2, 1), np.einsum("nst,tn->ns", slopes, rest)))
    square, normal, slope = (np.concatenate(each) for each in zip(*parts, strict=True))
    return square, normal, slope


def _play(
    kind: np.ndarray, has: np.ndarray, numbers: np.ndarray, path: SmoothPath, force: KnownForce, drawn: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the rows, shape (T, N), and what they change by with each number, shape (T, S, N)."""
    (slots, count), most = numbers.shape, len(kind)
    terms, waves = len(force.terms), len(force.waves)
    strength = np.zeros((terms, count))
    for slot in range(most):
        strength[kind[slot], np.arange(count)] += np.where(has[slot], numbers[slot], 0.0)
    gather = kind * count + np.arange(count)
    first, second = 2 * drawn, drawn**2
    own = [numbers[most + k] for k in range(waves)]
    smooth = path.smooth[0]
    values = np.empty((terms, count))

    def rate(state: np.ndarray, half: int) -> np.ndarray:
        """Rates of position, velocity and their changes with each number, shape (2, 1 + S, N)."""
        x, v = state[:, 0]
        told: list[Any] = force.everything([x, v, path.half[half], *own])
        for k in range(terms):
            values[k] = told[k]
        by_x = sum((strength[k] * told[terms + j] for j, k in enumerate(force.by_x)), np.zeros(count))
        place = terms + len(force.by_x)
        by_v = sum((strength[k] * told[place + j] for j, k in enumerate(force.by_v)), np.zeros(count))
        rates = np.empty_like(state)
        rates[0] = state[1] - first * state[0]
        rates[1] = (by_x - second) * state[0] + by_v * state[1]
        rates[1, 1 : 1 + most] += np.where(has[:most], values.reshape(-1)[gather], 0.0)
        for j, k in enumerate(force.waves):
            rates[1, 1 + most + j] += strength[k] * told[place + len(force.by_v) + j]
        rates[0, 0] = v + first * (smooth[half] - x)
        rates[1, 0] = np.einsum("kn,kn->n", strength, values) + second * (smooth[half] - x)
        return rates

    state = np.zeros((2, 1 + slots, count))
    state[:, 0], state[0, slots - 1], state[1, slots] = numbers[-2:], 1.0, 1.0
    limit = AWAY * path.spread[0] + np.abs(path.x).max()

    def settle(state: np.ndarray) -> None:
        away = ~(np.abs(state[0, 0]) < 2 * limit)
        if away.any():  # it rests there, and will be counted as lost
            state[:, :, away] = 0.0
            state[0, 0, away] = 2 * limit

    with np.errstate(all="ignore"):
        rows = path.played(rate, state, settle)
    return rows[:, 0], np.nan_to_num(rows[:, 1:], posinf=0.0, neginf=0.0)
