"""Oscillators of `physsymbol`'s distributions in blocks, thousands a second, for training that never sees one twice.

    block = draw_block(seed=0, number=7)

A block is the same whenever it is drawn again. Half of the motions are seen as a recording shows them: fewer rows,
noise on the positions, and derivatives of these as those who ask a model take them. Families that are held out for
`test_structure` never meet in it. Motions are integrated together by classical Runge-Kutta (errors of 1e-5 of the
spread, far below a pixel); data sets that are kept and measured come from `motionlaw.data_builders.physsymbol`, one by
one and to eleven digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from motionlaw.data_builders.identifiability import are_identifiable
from motionlaw.data_builders.physsymbol import (
    FAMILIES,
    FEWEST_TERMS,
    MOST_REACH,
    MOST_TERMS,
    START,
    T_END_S,
    Oscillator,
    Term,
    is_informative,
)
from motionlaw.data_builders.physsymbol_rows import is_held_out
from motionlaw.tools.additive_smoothing import smooth_additively
from motionlaw.tools.panels import Motions

# Motions in a block, laws integrated together, and the time between rows.
BLOCK, TOGETHER, STEP_S = 512, 1024, 0.04
# Every so manieth row decides whether terms show.
SPARSE = 5
# Every second motion is measured badly, with so many rows and at most so much noise (a share of the spread). Smoothing
# takes its time, so that of a seed's endless ones only the first many are shown, again and again.
EVERY, ROWS, NOISE, MEASURED = 2, (80, 100, 125, 160, 200, 250, 333, 501), 0.07, 48_000


@dataclass(frozen=True)
class OscillatorBlock:
    """Laws and their motions.

    Args:
        laws: The terms of each law.
        motions: Times, positions, velocities, accelerations.
    """

    laws: tuple[tuple[Term, ...], ...]
    motions: Motions

    def oscillator(self, k: int, name: str) -> Oscillator:
        """One of them by itself."""
        m = self.motions
        return Oscillator(name, self.laws[k], m.t, m.x[k], m.v[k], m.a[k])


@dataclass(frozen=True)
class Shown:
    """An oscillator and its motion as it is shown.

    Args:
        drawn: The oscillator.
        columns: t, x, v, a, shape (T, 4), as they are or measured badly.
    """

    drawn: Oscillator
    columns: np.ndarray


def show(seed: int, number: int) -> Shown:
    """One of a seed's endless oscillators, as it is shown.

    Example:
        >>> show(0, 5).columns.shape[1], show(0, 5).drawn.name
        (4, 'fresh 0/5')
    """
    if number % EVERY:
        return _measured(seed, number % MEASURED)
    drawn = _drawn(seed, number)
    return Shown(drawn, np.column_stack([drawn.t, drawn.x, drawn.v, drawn.a]))


def _drawn(seed: int, number: int) -> Oscillator:
    return draw_block(seed, number // BLOCK).oscillator(number % BLOCK, f"fresh {seed}/{number}")


@lru_cache(maxsize=MEASURED // EVERY)
def _measured(seed: int, number: int) -> Shown:
    drawn = _drawn(seed, number)
    return Shown(drawn, measured_badly(drawn.t, drawn.x, np.random.default_rng([seed, number, 1])))


def measured_badly(t: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A motion as it is seen in some rows of its position with some noise, drawn; see `measured`."""
    return measured(t, x, int(rng.choice(ROWS)), rng.uniform(0, NOISE), rng)


def measured(t: np.ndarray, x: np.ndarray, rows: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A motion as it is seen in rows of its position with noise: t, x, v, a, shape (501, 4).

    Args:
        t: Times, shape (T,).
        x: Positions, shape (T,).
        rows: How many of them are measured, evenly.
        noise: Standard deviation, a share of the positions' spread.
        rng: The random numbers.
    """
    return smooth_additively(*noisy_rows(t, x, rows, noise, rng))


def noisy_rows(
    t: np.ndarray, x: np.ndarray, rows: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Times and positions of some rows, as of `measured`, before they are smoothed."""
    some = np.linspace(0, len(t) - 1, min(rows, len(t))).astype(int)
    return t[some], x[some] + noise * np.std(x) * rng.normal(size=len(some))


@lru_cache(maxsize=2)
def draw_block(seed: int, number: int) -> OscillatorBlock:
    """Draws a block of `BLOCK` oscillators whose terms all show.

    Example:
        >>> block = draw_block(0, 1)
        >>> len(block.laws), block.motions.x.shape
        (512, (512, 501))
    """
    rng = np.random.default_rng([seed, number])
    t = np.arange(round(T_END_S / STEP_S) + 1) * STEP_S
    laws: list[tuple[Term, ...]] = []
    kept: list[np.ndarray] = []
    while len(laws) < BLOCK:
        tried = [_law(rng) for _ in range(TOGETHER)]
        states = _play(tried, rng.uniform(*START, size=(2, TOGETHER)), len(t))
        moving = np.array([k for k in range(TOGETHER) if is_informative(states[0, k])])
        sparse = states[:2, moving, ::SPARSE]
        shown = moving[are_identifiable([tried[k] for k in moving], t[::SPARSE], *sparse)]
        laws += [tried[k] for k in shown]
        kept.append(states[:, shown])
    x, v, a = np.concatenate(kept, axis=1)[:, :BLOCK]
    return OscillatorBlock(tuple(laws[:BLOCK]), Motions(t, x, v, a))


def _law(rng: np.random.Generator) -> tuple[Term, ...]:
    while True:
        chosen = rng.choice(len(FAMILIES), int(rng.integers(FEWEST_TERMS, MOST_TERMS + 1)), replace=False)
        terms = tuple(FAMILIES[k].draw(rng) for k in sorted(chosen))
        if not is_held_out([term.family.name for term in terms]):
            return terms


def _play(laws: Sequence[tuple[Term, ...]], start: np.ndarray, rows: int) -> np.ndarray:
    """Positions, velocities, accelerations, shape (3, N, T); NaN where one leaves its reach."""
    of_family = []
    for family in FAMILIES:
        have = [(k, term.numbers) for k, law in enumerate(laws) for term in law if term.family is family]
        if have:
            places = np.array([k for k, _ in have])
            of_family.append((family.term, places, np.array([numbers for _, numbers in have]).T))

    def force(x: np.ndarray, v: np.ndarray, t: float) -> np.ndarray:
        a = np.zeros_like(x)
        for term, places, numbers in of_family:
            a[places] += term(np, x[places], v[places], t, *numbers)
        return a

    x, v = start
    states, h = np.empty((3, rows, len(laws))), STEP_S
    with np.errstate(all="ignore"):
        for row in range(rows):
            t = row * h
            a1 = force(x, v, t)
            states[:, row] = x, v, a1
            v2 = v + h / 2 * a1
            a2 = force(x + h / 2 * v, v2, t + h / 2)
            v3 = v + h / 2 * a2
            a3 = force(x + h / 2 * v2, v3, t + h / 2)
            v4 = v + h * a3
            a4 = force(x + h * v3, v4, t + h)
            x, v = x + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            lost = ~(np.abs(x) < MOST_REACH)
            x, v = np.where(lost, np.nan, x), np.where(lost, np.nan, v)
    return states.transpose(0, 2, 1)
