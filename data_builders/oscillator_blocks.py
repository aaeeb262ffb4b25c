"""Oscillators of `physsymbol`'s distributions in blocks, thousands a second, for training that never sees one twice.

    block = draw_block(seed=0, number=7)

A block is the same whenever it is drawn again. A share of the motions is seen as a recording shows them: fewer rows,
noise on the positions, and derivatives of these. Families that are held out for `test_structure` never meet in it.
Motions are integrated together by classical Runge-Kutta (errors of 1e-5 of the spread, far below a pixel); data sets
that are kept and measured come from `motionlaw.data_builders.physsymbol`, one by one and to eleven digits.
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
from motionlaw.tools.panels import Motions

# Motions in a block, laws integrated together, and the time between rows.
BLOCK, TOGETHER, STEP_S = 512, 1024, 0.04
# Every so manieth row decides whether terms show.
SPARSE = 5
# The share of motions that is measured badly, with so many rows and so much noise (a share of the spread), and the
# widths of the cubic fits that their derivatives are read from; the best of them, as a good choice of the width finds
# it.
BADLY, ROWS, NOISE, WIDTHS = 0.25, (80, 501), 0.06, (5, 9, 15, 25, 41)


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
    drawn = draw_block(seed, number // BLOCK).oscillator(number % BLOCK, f"fresh {seed}/{number}")
    rng = np.random.default_rng([seed, number, 1])
    columns = np.column_stack([drawn.t, drawn.x, drawn.v, drawn.a])
    return Shown(drawn, measured_badly(columns, rng) if rng.random() < BADLY else columns)


def measured_badly(columns: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fewer rows, noise on the positions, and derivatives by local cubics.

    Args:
        columns: t, x, v, a, shape (T, 4).
        rng: The random numbers.
    """
    from scipy.signal import savgol_filter

    low, high = np.log(ROWS[0]), np.log(min(ROWS[1], len(columns)))
    t, x, _, a = columns[np.linspace(0, len(columns) - 1, round(float(np.exp(rng.uniform(low, high))))).astype(int)].T
    noisy = x + rng.uniform(0, NOISE) * np.std(x) * rng.normal(size=len(x))
    step = float(t[-1] - t[0]) / (len(t) - 1)
    tries = [savgol_filter(noisy, width, 3, deriv=2, delta=step) for width in WIDTHS]
    best = int(np.argmin([np.mean((each - a) ** 2) for each in tries]))
    smooth, rate = (savgol_filter(noisy, WIDTHS[best], 3, deriv=k, delta=step) for k in (0, 1))
    return np.column_stack([t, smooth, rate, tries[best]])


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
