"""Which of a few known kinds of term drive a noisy motion: all sums of them fitted to positions at once, and weighed.

Each sum is played from its first state and fitted to the measured positions (`motionlaw.tools.term_fits`); no
derivative of noisy rows is taken. What a sum is worth is its evidence: how much of the ranges that are known of its
numbers the rows leave. All sums are integrated side by side, a few hundred in the time that one takes alone.

Source: Laplace's approximation of the evidence as in MacKay (1992), Bayesian interpolation.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.known_terms import Kinds
from motionlaw.tools.term_fits import KnownForce, SmoothPath, Sums

# Most steps of a play.
MOST_STEPS = 800
# Frequencies tried in a linewidth, 2 pi over the time; starts of a sum with one wave and with several.
TRIED_IN_WIDTH, APART, STARTS, STARTS_OF_SEVERAL = 6, 2, 3, 4
# How strongly a play is drawn to the smooth path, for so many steps each, and nats behind the best of those that stay.
DRAWN = ((1.0, 2, 80.0), (0.3, 3, 80.0), (0.0, 4, 60.0), (0.0, 3, 25.0))
BEHIND_AT_FIRST = 100.0
# Where the best leaves so many times the noise it is something else that moves.
FAR = 4.0
# First states lie within so many spreads of the rows about the smooth path's.
STATE_SPREADS = 1.0


@dataclass(frozen=True)
class Weighed:
    """A sum of known terms, fitted.

    Args:
        expression: The law's right-hand side, in ``x``, ``v`` and ``t``.
        nats: What it costs beside its misfit: its place among the sets, and how much of its numbers' ranges is left.
        evidence: Logarithm of the probability of the rows, up to what all sums have in common.
    """

    expression: sympy.Expr
    nats: float
    evidence: float


def weigh_sums(t: np.ndarray, x: np.ndarray, kinds: Kinds, *, most: int, deadline: float = np.inf) -> list[Weighed]:
    """Fits all sums of known terms to a motion and returns the likeliest, best first.

    Args:
        t: Times, shape (T,), increasing, in the units of the kinds' frequencies.
        x: Positions, shape (T,), without NaN.
        kinds: What a law may be a sum of.
        most: How many are returned.
        deadline: `time.monotonic` value after which no more steps are taken; then nothing is returned.

    Example:
        >>> from motionlaw.tools.known_terms import KnownTerm
        >>> kinds = Kinds(tuple(KnownTerm(each, (0.05, 5)) for each in ("-x", "-v", "-x**3", "-v**3")), 1, 2)
        >>> t = np.linspace(0, 9, 90)
        >>> x = np.exp(-0.1 * t) * np.cos(2 * t) + 0.02 * np.random.default_rng(0).normal(size=90)
        >>> [sorted(map(str, one.expression.free_symbols)) for one in weigh_sums(t, x, kinds, most=1)]
        [['v', 'x']]
    """
    path, sets = SmoothPath(t, x), kinds.sets()
    if not sets or path.steps > MOST_STEPS:
        return []
    force = KnownForce(kinds)
    prior = np.array([kinds.nats(some) for some in sets])
    fits = _first_guesses(path, force, sets, prior)
    for drawn, steps, behind in DRAWN:
        fits = fits.begun(path, force, drawn)
        for _ in range(steps):
            if time.monotonic() > deadline:
                return []
            fits = fits.improved(path, force, drawn)
        if drawn and float(np.min(fits.square)) > len(path.t) * (FAR * path.noise) ** 2:
            return []
        fits = fits.kept(path.misfit(fits.square) + prior[fits.of_set], behind)
        fits = fits.on_one_side(force) if not drawn else fits
    nats = fits.nats_of_numbers(path, force) + prior[fits.of_set]
    evidence = -path.misfit(fits.square) - nats
    order = np.argsort(-evidence)
    first = {fits.of_set[k]: k for k in order[::-1]}
    chosen = sorted(first.values(), key=lambda k: -evidence[k])[:most]
    return [Weighed(fits.expression(k, force), float(nats[k]), float(evidence[k])) for k in chosen]


def _responses(path: SmoothPath, forces: np.ndarray, drawn: float) -> tuple[np.ndarray, np.ndarray]:
    """What forces along the smooth path add to the positions of a play that is drawn to it, (T, P); the play itself."""
    count = len(forces)
    driven = np.concatenate([forces, np.zeros((3, forces.shape[1]))])
    state = np.zeros((2, count + 3))
    state[0, count], state[1, count + 1] = 1.0, 1.0
    along = np.zeros(count + 3)
    along[-1] = 1.0

    def rate(state: np.ndarray, half: int) -> np.ndarray:
        off = path.smooth[0][half] * along - state[0]
        return np.stack([state[1] + 2 * drawn * off, driven[:, half] + drawn**2 * off])

    rows = path.played(rate, state)
    return rows[:, :-1], rows[:, -1]


@dataclass(frozen=True)
class _Guess:
    """Number of a set, its strengths and a first state, frequencies of all waves, and minus the square explained."""

    number: int
    weights: np.ndarray
    frequency: np.ndarray
    gain: float


def _first_guesses(path: SmoothPath, force: KnownForce, sets: Sequence[tuple[int, ...]], prior: np.ndarray) -> Sums:
    """Sums with first numbers from a linear regression about the smooth path; what is far behind there is left out."""
    regression = _Regression(path, force)
    guesses = [guess for number, some in enumerate(sets) for guess in regression.guesses(number, some)]
    square = regression.square + np.array([each.gain for each in guesses])
    score = path.misfit(np.maximum(square, 0.0)) + prior[[each.number for each in guesses]]
    likely = np.flatnonzero(score < score.min() + BEHIND_AT_FIRST)
    return _begin(path, force, sets, [guesses[k] for k in likely])


class _Regression:
    """Responses of all terms along the smooth path, of waves at many frequencies, for regressions on some of them."""

    def __init__(self, path: SmoothPath, force: KnownForce) -> None:
        self.waves, self.either = force.waves, force.either
        width = 2 * np.pi / path.t[-1] / TRIED_IN_WIDTH
        self.tried = [np.linspace(low, high, 1 + int(np.ceil((high - low) / width))) for low, high in force.frequencies]
        columns: list[np.ndarray] = []
        self.places: list[np.ndarray] = []
        for k in range(len(force.terms)):
            wave = self.waves.index(k) if k in self.waves else None
            grid = np.ones(1) if wave is None else self.tried[wave]
            self.places.append(len(columns) + np.arange(len(grid)))
            for frequency in grid:
                inputs: list[Any] = [*path.smooth, path.half, *[frequency] * len(self.waves)]
                columns.append(force.values(inputs)[k] + np.zeros_like(path.half))
        matrix, play = _responses(path, np.array(columns), DRAWN[0][0])
        self.size = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
        matrix, wanted = matrix / self.size, path.x - play
        self.gram, self.along, self.square = matrix.T @ matrix, matrix.T @ wanted, float(wanted @ wanted)

    def guesses(self, number: int, some: tuple[int, ...]) -> list[_Guess]:
        """First numbers of a set: the best few of all frequencies that are tried."""
        own = [k for k in some if k in self.waves]
        grids = [self.tried[self.waves.index(k)] for k in own]
        choices = list(product(*(range(len(grid)) for grid in grids)))
        at = np.array(choices, dtype=int).reshape(len(choices), len(own))
        weights, gain = self._solved(some, own, at)
        frequency = np.ones((len(at), len(self.waves)))
        for place, k in enumerate(own):
            frequency[:, self.waves.index(k)] = grids[place][at[:, place]]
        most = STARTS if len(own) < 2 else STARTS_OF_SEVERAL
        picked: list[int] = []
        for row in np.argsort(gain):
            if len(picked) == most or (picked and not np.isfinite(gain[row])):
                break
            if not picked or all(np.abs(at[row] - at[other]).max(initial=0) >= APART for other in picked):
                picked.append(int(row))
        return [_Guess(number, weights[row], frequency[row], float(gain[row])) for row in picked]

    def _solved(self, some: tuple[int, ...], own: Sequence[int], at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Strengths and a first state at each choice of frequencies, and minus the square that they explain."""
        index = np.empty((len(at), len(some) + 2), int)
        for slot, k in enumerate(some):
            index[:, slot] = self.places[k][at[:, own.index(k)]] if k in own else self.places[k][0]
        index[:, -2:] = [len(self.gram) - 2, len(self.gram) - 1]
        inner = self.gram[index[:, :, None], index[:, None, :]] + 1e-6 * np.eye(index.shape[1])
        weights = np.linalg.solve(inner, self.along[index][..., None])[..., 0]
        gain = -np.sum(weights * self.along[index], axis=1)
        weights = weights / self.size[index]
        for slot, k in enumerate(some):
            if k in own and not self.either[k]:  # a wave of the wrong sign is no start
                gain = np.where(weights[:, slot] < 0, np.inf, gain)
        return weights, gain


def _begin(
    path: SmoothPath,
    force: KnownForce,
    sets: Sequence[tuple[int, ...]],
    guesses: Sequence[_Guess],
) -> Sums:
    count, most, waves = len(guesses), max(map(len, sets)), len(force.waves)
    slots = most + waves + 2
    kind, has, numbers = np.zeros((most, count), int), np.zeros((slots, count), bool), np.zeros((slots, count))
    for k, guess in enumerate(guesses):
        some = sets[guess.number]
        kind[: len(some), k], has[: len(some), k] = some, True
        numbers[: len(some), k] = guess.weights[:-2]
        has[most : most + waves, k] = [wave in some for wave in force.waves]
        numbers[most:-2, k], numbers[-2:, k] = guess.frequency, guess.weights[-2:]
    has[-2:] = True
    low, high, width = np.zeros((slots, count)), np.zeros((slots, count)), np.ones((slots, count))
    low[:most], high[:most], width[:most] = force.low[kind], force.high[kind], force.width[kind]
    for place, (least, greatest) in enumerate(force.frequencies):
        low[most + place], high[most + place], width[most + place] = least, greatest, greatest - least
    for place, (start, spread) in enumerate(zip((path.smooth[0][0], path.smooth[1][0]), path.spread, strict=True)):
        reach = STATE_SPREADS * spread
        low[-2 + place], high[-2 + place], width[-2 + place] = start - reach, start + reach, 2 * reach
    low, high = np.where(has, low, 0.0), np.where(has, high, 0.0)
    low[most:-2], high[most:-2] = np.where(has[most:-2], low[most:-2], 1), np.where(has[most:-2], high[most:-2], 1)
    empty = np.zeros((count, slots, slots))
    return Sums(
        np.array([guess.number for guess in guesses]), kind, has, np.clip(numbers, low, high), low, high, width,
        np.full(count, 1e-3), np.full(count, np.inf), empty, empty[:, 0],
    )  # fmt: skip
