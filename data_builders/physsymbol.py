"""PhysSymbol, rebuilt openly: oscillators whose acceleration is a sum of two to five of eleven kinds of term.

Every distribution is declared here: `FAMILIES` for the terms, `START` for the first state, `T_END_S` and `DT_S` for
the times. A draw is kept if it stays within `MOST_REACH`, moves, and each of its terms is at least `LEAST_SHARE` of the
force; else all of it is drawn again. Process noise (random pushes) and measurement noise are separate.

Source: the kinds of term are those of VIPER-R1's PhysSymbol (arXiv 2508.17380), whose cases were never released.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.equation import compile_rhs

T_END_S, DT_S = 20.0, 0.02
FEWEST_TERMS, MOST_TERMS = 2, 5
START = (-1.5, 1.5)
MOST_REACH, LEAST_REACH, LEAST_SHARE = 10.0, 0.05, 0.02
X, V, T = sympy.symbols("x v t")


@dataclass(frozen=True)
class Family:
    """A kind of term: its expression from drawn numbers, and the ranges that these are drawn from, uniformly.

    Args:
        name: What it is called.
        term: Makes the term from the numbers.
        ranges: Low and high of each number.
        has_sign: Whether the first number is negated in half of the draws.
    """

    name: str
    term: Callable[..., sympy.Expr]
    ranges: tuple[tuple[float, float], ...]
    has_sign: bool = False


FAMILIES = (
    Family("spring", lambda k: -k * X, ((0.5, 5.0),)),
    Family("damping", lambda c: -c * V, ((0.05, 0.5),)),
    Family("cubic spring", lambda a: -a * X**3, ((0.1, 2.0),)),
    Family("cubic damping", lambda c: -c * V**3, ((0.02, 0.3),)),
    Family("quadratic spring", lambda b: -b * X**2, ((0.1, 0.5),)),
    Family("x cos x", lambda a: -a * X * sympy.cos(X), ((0.3, 2.0),)),
    Family("sine force", lambda f, w: f * sympy.sin(w * T), ((0.3, 2.0), (0.5, 3.0))),
    Family("cosine force", lambda f, w: f * sympy.cos(w * T), ((0.3, 2.0), (0.5, 3.0))),
    Family("quadratic drag", lambda g: -g * sympy.Abs(V) * V, ((0.05, 0.5),)),
    Family("constant force", lambda f: f + 0 * X, ((0.2, 2.0),), has_sign=True),
    Family("self-excitation", lambda m: -m * (1 - X**2) * V, ((0.1, 1.0),), has_sign=True),
)


@dataclass(frozen=True)
class Oscillator:
    """A drawn oscillator and its motion.

    Args:
        name: ``"physsymbol 7"``.
        law: Acceleration in x, v and t.
        families: The kinds of its terms.
        t: Seconds, shape (T,).
        x: Positions, with measurement noise if asked for, shape (T,).
        v: Velocities, clean, shape (T,).
        a: Accelerations by the law, clean, shape (T,).
    """

    name: str
    law: sympy.Expr
    families: tuple[str, ...]
    t: np.ndarray
    x: np.ndarray
    v: np.ndarray
    a: np.ndarray


def draw_oscillators(
    count: int, *, seed: int, process_noise: float = 0.0, measurement_noise: float = 0.0
) -> list[Oscillator]:
    """Draws oscillators.

    Args:
        count: How many.
        seed: The same seed gives the same oscillators, whatever the count.
        process_noise: Standard deviation of a random push that lasts one step, as a share of the force's rms.
        measurement_noise: Standard deviation of the noise on x, as a share of its spread.

    Example:
        >>> first = draw_oscillators(1, seed=0)[0]
        >>> len(first.t), 2 <= len(first.families) <= 5
        (1001, True)
    """
    noise = {"process_noise": process_noise, "measurement_noise": measurement_noise}
    return [draw_oscillator(seed, number, **noise) for number in range(count)]


def draw_oscillator(
    seed: int, number: int, *, process_noise: float = 0.0, measurement_noise: float = 0.0
) -> Oscillator:
    """Draws one oscillator; see `draw_oscillators`."""
    rng = np.random.default_rng([seed, number])
    t = np.arange(0.0, T_END_S + DT_S / 2, DT_S)
    while True:
        chosen = rng.choice(len(FAMILIES), rng.integers(FEWEST_TERMS, MOST_TERMS + 1), replace=False)
        families = [FAMILIES[k] for k in sorted(chosen)]
        terms = [_term(family, rng) for family in families]
        start = rng.uniform(*START, size=2)
        states = _played(sympy.Add(*terms), t, start)
        if _is_kept(terms, t, states):
            break
    law = sympy.Add(*terms)
    if process_noise:
        states = _pushed(law, t, start, process_noise * float(np.std(_force(law, t, states))), rng)
    x, v = states.T
    noisy = x + measurement_noise * np.std(x) * rng.normal(size=len(x))
    names = tuple(family.name for family in families)
    return Oscillator(f"physsymbol {number}", law, names, t, noisy, v, _force(law, t, states))


def _term(family: Family, rng: np.random.Generator) -> sympy.Expr:
    numbers = [rng.uniform(low, high) for low, high in family.ranges]
    if family.has_sign and rng.random() < 0.5:
        numbers[0] = -numbers[0]
    # Three significant digits, so that a law can be printed as it is.
    return family.term(*(sympy.Float(f"{number:.3g}") for number in numbers))


def _force(law: sympy.Expr, t: np.ndarray, states: np.ndarray) -> np.ndarray:
    return compile_rhs([law], ["x", "v", "t"])(np.array([*states.T, t]))[0]


def _played(law: sympy.Expr, t: np.ndarray, start: np.ndarray) -> np.ndarray:
    return simulate(Model(2, ("x",), (law,), (), np.empty(0)), t, start, longest_step=DT_S / 2)


def _pushed(law: sympy.Expr, t: np.ndarray, start: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """The motion with a random push of one step's length at a time."""
    push = sympy.Symbol("push")
    states = [start]
    for k in range(len(t) - 1):
        model = Model(2, ("x",), (law + push,), ("push",), np.array([size * rng.normal()]))
        states.append(simulate(model, t[k : k + 2], states[-1])[-1])
    return np.array(states)


def _is_kept(terms: list[sympy.Expr], t: np.ndarray, states: np.ndarray) -> bool:
    if not np.isfinite(states).all() or np.abs(states[:, 0]).max() > MOST_REACH or np.std(states[:, 0]) < LEAST_REACH:
        return False
    sizes = [float(np.sqrt(np.mean(_force(term, t, states) ** 2))) for term in terms]
    return min(sizes) >= LEAST_SHARE * max(sizes)
