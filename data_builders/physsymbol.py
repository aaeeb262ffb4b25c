"""PhysSymbol, rebuilt openly: oscillators whose acceleration is a sum of two to five of eleven kinds of term.

Every distribution is declared here: `FAMILIES` for the terms, `START` for the first state, `T_END_S` and `DT_S` for
the times. A draw is kept if it stays in reach, goes on moving, and each of its terms shows (`identifiability.py`); else
all but the number of terms is drawn again. Rows, pictures and words are made of it in `physsymbol_rows.py`.

Source: the kinds of term are those of VIPER-R1's PhysSymbol (arXiv 2508.17380), whose cases were never released.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from motionlaw.data_builders.identifiability import is_identifiable
from motionlaw.tools.printing import format_expr

T_END_S, DT_S = 20.0, 0.02
# The seed of `motionlaw eval physsymbol-laws`; no data set is built with it.
BENCHMARK_SEED = 250817380
FEWEST_TERMS, MOST_TERMS = 2, 5
START = (-1.5, 1.5)
# Bounds of a motion: how far it may go, how widely it must move, and the share of that which must be left in the second
# half of the time.
MOST_REACH, LEAST_SPREAD, LEAST_LATE = 10.0, 0.05, 0.02
# Each term must show in so much of the time: who seeks a law keeps the rest to test it on.
SHOWN = 0.8
# Out of distribution, each number is drawn between a half and one times the low end of its range, or between one and
# one and a half times the high end.
BELOW, ABOVE = (0.5, 1.0), (1.0, 1.5)
X, V, T = sympy.symbols("x v t")


@dataclass(frozen=True)
class Family:
    """A kind of term: what it is from drawn numbers, and the ranges that these are drawn from, uniformly.

    Args:
        name: What it is called.
        term: The term from a module of functions (``math``, ``numpy``, ``sympy``), x, v, t and the numbers.
        ranges: Low and high of each number.
        has_sign: Whether the first number is negated in half of the draws.
    """

    name: str
    term: Callable[..., Any]
    ranges: tuple[tuple[float, float], ...]
    has_sign: bool = False

    def draw(self, rng: np.random.Generator, *, is_outside: bool = False) -> Term:
        """Draws the numbers, to three significant digits, so that a law can be printed as it is."""
        numbers = []
        for low, high in self.ranges:
            if is_outside:
                place, share = (low, BELOW) if rng.random() < 0.5 else (high, ABOVE)
                low, high = place * share[0], place * share[1]
            numbers.append(float(f"{rng.uniform(low, high):.3g}"))
        if self.has_sign and rng.random() < 0.5:
            numbers[0] = -numbers[0]
        return Term(self, tuple(numbers))


@dataclass(frozen=True)
class Term:
    """A term of a law: its kind and its numbers."""

    family: Family
    numbers: tuple[float, ...]

    @property
    def expression(self) -> sympy.Expr:
        """The term in x, v and t."""
        found: sympy.Expr = self.family.term(sympy, X, V, T, *(sympy.Float(each) for each in self.numbers))
        return found

    def values(self, x: np.ndarray, v: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The term in every row, shape (T,)."""
        found: np.ndarray = self.family.term(np, x, v, t, *self.numbers) + np.zeros_like(x)
        return found


FAMILIES = (
    Family("spring", lambda f, x, v, t, k: -k * x, ((0.5, 5.0),)),
    Family("damping", lambda f, x, v, t, c: -c * v, ((0.05, 0.5),)),
    Family("cubic spring", lambda f, x, v, t, a: -a * x**3, ((0.1, 2.0),)),
    Family("cubic damping", lambda f, x, v, t, c: -c * v**3, ((0.02, 0.3),)),
    Family("quadratic spring", lambda f, x, v, t, b: -b * x**2, ((0.1, 0.5),)),
    Family("x cos x", lambda f, x, v, t, a: -a * x * f.cos(x), ((0.3, 2.0),)),
    Family("sine force", lambda f, x, v, t, s, w: s * f.sin(w * t), ((0.3, 2.0), (0.5, 3.0))),
    Family("cosine force", lambda f, x, v, t, s, w: s * f.cos(w * t), ((0.3, 2.0), (0.5, 3.0))),
    Family("quadratic drag", lambda f, x, v, t, g: -g * abs(v) * v, ((0.05, 0.5),)),
    Family("constant force", lambda f, x, v, t, s: s, ((0.2, 2.0),), has_sign=True),
    Family("self-excitation", lambda f, x, v, t, m: -m * (1 - x**2) * v, ((0.1, 1.0),), has_sign=True),
)
# The wider grammar's further kinds.
WIDE = (
    *FAMILIES,
    Family("pendulum", lambda f, x, v, t, k: -k * f.sin(x), ((0.5, 5.0),)),
    Family("quintic spring", lambda f, x, v, t, a: -a * x**5, ((0.05, 0.5),)),
    Family("saturating spring", lambda f, x, v, t, k: -k * f.tanh(x), ((0.5, 3.0),)),
    Family("dragged velocity", lambda f, x, v, t, b: -b * x * v, ((0.1, 0.5),), has_sign=True),
    Family("quadratic velocity", lambda f, x, v, t, b: -b * v**2, ((0.05, 0.3),), has_sign=True),
    Family("swinging spring", lambda f, x, v, t, k, w: -k * x * f.cos(w * t), ((0.3, 1.5), (0.5, 3.0))),
)


@dataclass(frozen=True)
class Oscillator:
    """A drawn oscillator and its motion.

    Args:
        name: ``"physsymbol 0/7"``: seed and number.
        terms: Its terms, in the order of `WIDE`.
        t: Seconds, shape (T,).
        x: Positions, shape (T,).
        v: Velocities, shape (T,).
        a: Accelerations by the law, shape (T,), without the random pushes of process noise.
    """

    name: str
    terms: tuple[Term, ...]
    t: np.ndarray
    x: np.ndarray
    v: np.ndarray
    a: np.ndarray

    @property
    def law(self) -> sympy.Expr:
        """Acceleration in x, v and t."""
        return sympy.Add(*(term.expression for term in self.terms))

    @property
    def formula(self) -> str:
        """The law in our grammar, expanded, e.g. ``-0.5*v - 2*x``."""
        return format_expr(sympy.expand(self.law), 6)

    @property
    def families(self) -> tuple[str, ...]:
        """The kinds of its terms."""
        return tuple(term.family.name for term in self.terms)


def draw_oscillators(count: int, *, seed: int) -> list[Oscillator]:
    """Draws oscillators.

    Args:
        count: How many.
        seed: The same seed gives the same oscillators, whatever the count.

    Example:
        >>> first = draw_oscillators(1, seed=0)[0]
        >>> len(first.t), 2 <= len(first.families) <= 5
        (1001, True)
    """
    return [draw_oscillator(seed, number) for number in range(count)]


def draw_oscillator(
    seed: int,
    number: int,
    *,
    families: Sequence[Family] = FAMILIES,
    is_outside: bool = False,
    process_noise: float = 0.0,
) -> Oscillator:
    """Draws one oscillator.

    Args:
        seed: Seed.
        number: Which of the seed's oscillators.
        families: Kinds of term to draw from.
        is_outside: Whether its numbers lie outside the families' ranges.
        process_noise: Standard deviation of a random push that lasts one step, as a share of the force's rms.
    """
    rng = np.random.default_rng([seed, number])
    t = np.arange(round(T_END_S / DT_S) + 1) * DT_S
    count = int(rng.integers(FEWEST_TERMS, MOST_TERMS + 1))
    while True:
        chosen = rng.choice(len(families), count, replace=False)
        terms = tuple(families[k].draw(rng, is_outside=is_outside) for k in sorted(chosen))
        start = rng.uniform(*START, size=2)
        x, v = play_terms(terms, t, start)
        seen = slice(0, round(SHOWN * len(t)))
        if is_informative(x) and is_identifiable(terms, t[seen], x[seen], v[seen]):
            break
    if process_noise:
        size = process_noise * float(np.std(_force(terms, t, x, v)))
        x, v = _pushed(terms, t, start, size * rng.normal(size=len(t)))
    return Oscillator(f"physsymbol {seed}/{number}", terms, t, x, v, _force(terms, t, x, v))


def is_informative(x: np.ndarray) -> bool:
    """Whether a motion stays in reach, moves, and goes on moving in the second half of its time."""
    if not np.isfinite(x).all() or np.abs(x).max() > MOST_REACH:
        return False
    spread = float(np.std(x))
    return spread >= LEAST_SPREAD and float(np.std(x[len(x) // 2 :])) >= LEAST_LATE * spread


def play_terms(terms: Sequence[Term], t: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Plays a law of drawn terms from its first state.

    Args:
        terms: The law's terms.
        t: Seconds, shape (T,).
        start: Position and velocity at the first of them.

    Returns:
        Positions and velocities, each of shape (T,); NaN where the motion leaves `MOST_REACH`.
    """
    from scipy.integrate import odeint

    rate = _rate_function(terms)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says in words what its message says as well
        states, told = odeint(rate, start, t, tfirst=True, rtol=1e-11, atol=1e-12, mxstep=2000, full_output=True)
    if told["message"] != "Integration successful.":
        states = np.full_like(states, np.nan)
    states[np.abs(states[:, 0]) > MOST_REACH] = np.nan
    return states[:, 0], states[:, 1]


def _rate_function(terms: Sequence[Term]) -> Callable[[float, Sequence[float]], tuple[float, float]]:
    """Velocity and acceleration at one time, in Python's own numbers: the quickest for a single motion."""
    parts = [(term.family.term, term.numbers) for term in terms]

    def rate(t: float, state: Sequence[float]) -> tuple[float, float]:
        x, v = float(state[0]), float(state[1])
        if not abs(x) < 2 * MOST_REACH:  # it runs away: let it rest, it will not be kept
            return 0.0, 0.0
        a = 0.0
        for term, numbers in parts:
            a += term(math, x, v, t, *numbers)
        return v, a

    return rate


def _force(terms: Sequence[Term], t: np.ndarray, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sum([term.values(x, v, t) for term in terms], axis=0)


def _pushed(
    terms: Sequence[Term], t: np.ndarray, start: np.ndarray, pushes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The motion with a random push of one step's length at a time, by classical Runge-Kutta."""
    rate, h = _rate_function(terms), float(t[1] - t[0])
    x, v = float(start[0]), float(start[1])
    path = [(x, v)]
    for now, push in zip(t[:-1].tolist(), pushes.tolist(), strict=False):
        a1 = rate(now, (x, v))[1] + push
        v2 = v + h / 2 * a1
        a2 = rate(now + h / 2, (x + h / 2 * v, v2))[1] + push
        v3 = v + h / 2 * a2
        a3 = rate(now + h / 2, (x + h / 2 * v2, v3))[1] + push
        v4 = v + h * a3
        a4 = rate(now + h, (x + h * v3, v4))[1] + push
        x, v = x + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        path.append((x, v))
    states = np.array(path)
    return states[:, 0], states[:, 1]
