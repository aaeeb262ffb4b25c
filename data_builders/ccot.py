"""The causal chain of thought (C-CoT) of a motion: what is seen, what each term is for, and the law; all measured.

Every sentence states numbers that were measured on the clean rows, and is left out where its condition does not hold:
the orbit's form, its symmetry, equilibria, the period against the swing, drag, the work of velocity, a drive, beats,
and for each term how far the acceleration is missed without it. The numbers come along, so that each sentence can be
tested.

Source: the form, first the structure of the motion and then the terms, is VIPER-R1's (arXiv 2508.17380).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.data_builders.physsymbol import Oscillator, Term

# A closed orbit's swings agree to the first share; they shrink or grow if each differs from the last by the second.
CLOSED, CHANGED = 0.005, 0.002
# Left and right reach equally far if they agree to this share of the swing.
SYMMETRIC = 0.03
# A period is said to change, or not, with swings that change at least so much; it changes by more than the second
# share, or stays within the third.
SWING_CHANGED, PERIOD_CHANGED, PERIOD_KEPT = 0.25, 0.03, 0.01
# The same state: so near, as shares of the spreads of x and v. Another acceleration: by at least this share of its own.
NEAR, OTHER = 0.01, 0.25
# Swings beat if they rise and fall by at least this share, and come to rest below this share of the first.
BEAT, RESTING = 0.25, 0.02

# What a kind of term does, said of the term.
ROLES = {
    "spring": "pulls back in proportion to x",
    "damping": "drags in proportion to the speed",
    "cubic spring": "pulls back with the cube of x, so stiffer the farther out",
    "cubic damping": "drags with the cube of the speed",
    "quadratic spring": "pushes to the left on both sides",
    "x cos x": "pulls back near zero and pushes away beyond x = π/2",
    "sine force": "drives with a sine of time",
    "cosine force": "drives with a cosine of time",
    "quadratic drag": "drags with the square of the speed, against it",
    "constant force": "pushes the same everywhere and always",
    "self-excitation": "acts along or against the velocity, the other way beyond |x| = 1",
    "pendulum": "pulls back with the sine of x",
    "quintic spring": "pulls back with the fifth power of x",
    "saturating spring": "pulls back up to a largest force",
    "dragged velocity": "acts along the velocity on one side and against it on the other",
    "quadratic velocity": "pushes one way with the square of the speed",
    "swinging spring": "is a spring whose stiffness swings in time",
}
TIMED = ("sine force", "cosine force", "swinging spring")
DISSIPATIVE = (
    "damping",
    "cubic damping",
    "quadratic drag",
    "self-excitation",
    "dragged velocity",
    "quadratic velocity",
)


@dataclass(frozen=True)
class Observation:
    """A sentence and what it rests on.

    Args:
        kind: Which condition it states, e.g. ``"orbit inward"``.
        text: The sentence.
        values: The measured numbers in it.
    """

    kind: str
    text: str
    values: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "text": self.text, "values": dict(self.values)}


@dataclass(frozen=True)
class Turns:
    """Where a motion turns back.

    Args:
        t: Seconds, shape (N,).
        x: Positions, shape (N,).
    """

    t: np.ndarray
    x: np.ndarray

    @property
    def swings(self) -> np.ndarray:
        """Distances from each turn to the next, shape (N - 1,)."""
        return np.abs(np.diff(self.x))

    @property
    def periods(self) -> np.ndarray:
        """Seconds from each turn to the next but one, shape (N - 2,)."""
        return self.t[2:] - self.t[:-2]


def find_turns(t: np.ndarray, x: np.ndarray, v: np.ndarray, a: np.ndarray) -> Turns:
    """Finds where the velocity changes its sign, between rows by a straight line and a parabola.

    Args:
        t: Seconds, shape (T,).
        x: Positions, shape (T,).
        v: Velocities, shape (T,).
        a: Accelerations, shape (T,).

    Example:
        >>> t = np.linspace(0, 10, 501)
        >>> turns = find_turns(t, np.cos(2 * t), -2 * np.sin(2 * t), -4 * np.cos(2 * t))
        >>> turns.t.round(3).tolist()[:3], turns.swings.round(4).tolist()[:2]
        ([1.571, 3.142, 4.712], [2.0, 2.0])
    """
    before = np.flatnonzero(v[:-1] * v[1:] < 0)
    share = v[before] / (v[before] - v[before + 1])
    h = (t[before + 1] - t[before]) * share
    return Turns(
        t[before] + h, x[before] + v[before] * h + a[before] * h**2 / 2 + (a[before + 1] - a[before]) * share * h**2 / 6
    )


def observe(drawn: Oscillator) -> list[Observation]:
    """What can be seen in the pictures and rows, as sentences that hold."""
    turns = find_turns(drawn.t, drawn.x, drawn.v, drawn.a)
    is_timed = any(term.family.name in TIMED for term in drawn.terms)
    found = [_orbit(turns, drawn), _symmetry(turns), _beats(turns), _same_state(drawn)]
    found += [None if is_timed else part for part in (_equilibria(drawn), _periods(turns), _decay(turns))]
    found.append(_work(drawn))
    return [each for each in found if each is not None]


def explain_terms(drawn: Oscillator) -> list[Observation]:
    """For each term, what it does and how far the acceleration is missed without it."""
    columns = np.column_stack([term.values(drawn.x, drawn.v, drawn.t) for term in drawn.terms])
    size = float(np.sqrt(np.mean(drawn.a**2)))
    found = []
    for k, term in enumerate(drawn.terms):
        rest = np.delete(columns, k, axis=1)
        fitted = rest @ np.linalg.lstsq(rest, drawn.a, rcond=None)[0]
        missed = float(np.sqrt(np.mean((drawn.a - fitted) ** 2))) / size
        text = (
            f"A term {term_text(term)} {ROLES[term.family.name]}: the other terms alone, fitted again, miss "
            f"{_n(100 * missed)} % of the acceleration."
        )
        found.append(Observation(f"term {term.family.name}", text, {"missed_percent": 100 * missed}))
    return found


def chain(drawn: Oscillator) -> list[Observation]:
    """All sentences of the chain, without the law."""
    return [*observe(drawn), *explain_terms(drawn)]


def term_text(term: Term) -> str:
    """A term in our grammar, e.g. ``-0.5*x**3``."""
    from motionlaw.tools.printing import format_expr

    return format_expr(term.expression, 6)


def _n(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"


def _orbit(turns: Turns, drawn: Oscillator) -> Observation:
    d = turns.swings
    if len(d) < 3:
        values = {"turns": float(len(turns.t)), "last_x": float(drawn.x[-1])}
        text = f"The motion turns back {len(turns.t)} times in {_n(drawn.t[-1])} s and ends at x = {_n(drawn.x[-1])} m."
        return Observation("few turns", text.replace(" 1 times", " once"), values)
    ratio = d[1:] / d[:-1]
    first_last = {"first_swing_m": float(d[0]), "last_swing_m": float(d[-1])}
    words = f"from {_n(d[0])} m to {_n(d[-1])} m"
    if d.max() / d.min() - 1 < CLOSED:
        return Observation(
            "orbit closed",
            f"The orbit closes on itself: all swings are {_n(d.mean())} m.",
            {"swing_m": float(d.mean())},
        )
    if np.all(ratio < 1 - CHANGED):
        if d[-1] < RESTING * d[0]:
            text = f"The orbit spirals inward until it rests near x = {_n(drawn.x[-1])} m; swings shrink {words}."
            return Observation("orbit to rest", text, first_last | {"last_x": float(drawn.x[-1])})
        return Observation("orbit inward", f"The orbit spirals inward: swings shrink {words}.", first_last)
    if np.all(ratio > 1 + CHANGED):
        return Observation("orbit outward", f"The orbit spirals outward: swings grow {words}.", first_last)
    late = d[-3:]
    if late.max() / late.min() - 1 < CLOSED:
        text = f"The orbit comes to close on itself: the last swings are {_n(late.mean())} m, the first {_n(d[0])} m."
        return Observation("orbit closes", text, {"first_swing_m": float(d[0]), "last_swing_m": float(late.mean())})
    text = f"The orbit neither closes nor keeps to one spiral: swings lie between {_n(d.min())} m and {_n(d.max())} m."
    return Observation("orbit irregular", text, {"least_swing_m": float(d.min()), "most_swing_m": float(d.max())})


def _symmetry(turns: Turns) -> Observation | None:
    """By the last full swing and its neighbour: the middle of a shrinking spiral is the mean of three turns."""
    if len(turns.x) < 4:
        return None
    a, b, c = turns.x[-3:]
    middle, swing = float((a + 2 * b + c) / 4), float((abs(b - a) + abs(c - b)) / 2)
    values = {"middle_m": middle, "swing_m": swing}
    if abs(middle) < SYMMETRIC * swing:
        return Observation(
            "symmetric", f"Its last swing of {_n(swing)} m reaches equally far to both sides of zero.", values
        )
    if abs(middle) > 3 * SYMMETRIC * swing:
        side = "right" if middle > 0 else "left"
        text = f"Its last swing of {_n(swing)} m lies about x = {_n(middle)} m, to the {side} of zero."
        return Observation("off centre", text, values)
    return None


def _beats(turns: Turns) -> Observation | None:
    d = turns.swings
    if len(d) < 5:
        return None
    tops = [k for k in range(1, len(d) - 1) if d[k] >= d[k - 1] and d[k] > d[k + 1]]
    dips = [k for k in range(1, len(d) - 1) if d[k] <= d[k - 1] and d[k] < d[k + 1]]
    if not tops or not dips:
        return None
    top, dip = max(d[k] for k in tops), min(d[k] for k in dips)
    if dip > (1 - BEAT) * top:
        return None
    values = {"tops": float(len(tops)), "dips": float(len(dips)), "largest_m": float(top), "smallest_m": float(dip)}
    return Observation("beats", f"Swings grow and shrink in turn, between {_n(dip)} m and {_n(top)} m.", values)


def _same_state(drawn: Oscillator) -> Observation | None:
    """Two times of nearly one state but different acceleration: the force depends on time."""
    some = slice(None, None, 2)
    t, x, v, a = (each[some] for each in (drawn.t, drawn.x, drawn.v, drawn.a))
    near = (np.abs(x[:, None] - x) < NEAR * np.std(x)) & (np.abs(v[:, None] - v) < NEAR * np.std(v))
    apart = np.where(near, np.abs(a[:, None] - a), 0.0)
    i, j = np.unravel_index(int(np.argmax(apart)), apart.shape)
    if apart[i, j] < OTHER * np.std(a):
        return None
    i, j = min(i, j), max(i, j)
    values = {
        "t1_s": float(t[i]),
        "t2_s": float(t[j]),
        "x_m": float(x[i]),
        "v": float(v[i]),
        "a1": float(a[i]),
        "a2": float(a[j]),
    }
    text = (
        f"At t = {_n(t[i])} s and t = {_n(t[j])} s it is in nearly the same state (x = {_n(x[i])} m, "
        f"v = {_n(v[i])} m/s) but accelerates by {_n(a[i])} m/s² and {_n(a[j])} m/s²: the force depends on time."
    )
    return Observation("force depends on time", text, values)


def _equilibria(drawn: Oscillator) -> Observation:
    """Zeros of the force at rest within the range covered."""
    x = np.linspace(drawn.x.min(), drawn.x.max(), 4001)
    force = np.sum([term.values(x, 0 * x, 0 * x) for term in drawn.terms], axis=0)
    crossing = np.flatnonzero(force[:-1] * force[1:] < 0)
    places = x[crossing] - force[crossing] * (x[1] - x[0]) / (force[crossing + 1] - force[crossing])
    values = {"count": float(len(places))} | {f"x{k + 1}_m": float(place) for k, place in enumerate(places)}
    if not len(places):
        return Observation("equilibria 0", "Nowhere in the range covered would it stay at rest.", values)
    each = [
        f"x = {_n(place)} m ({'stable' if force[k] > 0 else 'unstable'})"
        for place, k in zip(places, crossing, strict=True)
    ]
    many = "one place" if len(places) == 1 else f"{len(places)} places"
    return Observation(
        f"equilibria {len(places)}",
        f"At rest the force is zero at {many} in the range covered: {', '.join(each)}.",
        values,
    )


def _periods(turns: Turns) -> Observation | None:
    """The period against the swing, where the swings change in one direction."""
    d, periods = turns.swings, turns.periods
    if len(periods) < 3 or not (np.all(np.diff(d) < 0) or np.all(np.diff(d) > 0)):
        return None
    swings = (d[0] + d[1]) / 2, (d[-2] + d[-1]) / 2
    if abs(swings[1] / swings[0] - 1) < SWING_CHANGED:
        return None
    change = float(periods[-1] / periods[0] - 1)
    values = {
        "first_swing_m": float(swings[0]),
        "last_swing_m": float(swings[1]),
        "first_period_s": float(periods[0]),
        "last_period_s": float(periods[-1]),
    }
    words = f"While swings go from {_n(swings[0])} m to {_n(swings[1])} m, the period"
    if abs(change) < PERIOD_KEPT:
        return Observation("period kept", f"{words} keeps to 1 %: {_n(periods[0])} s and {_n(periods[-1])} s.", values)
    if abs(change) < PERIOD_CHANGED:
        return None
    is_stiffer = (change > 0) == (swings[1] < swings[0])
    kind = "period shorter at large swings" if is_stiffer else "period longer at large swings"
    verdict = "large swings are faster" if is_stiffer else "large swings are slower"
    return Observation(kind, f"{words} goes from {_n(periods[0])} s to {_n(periods[-1])} s: {verdict}.", values)


def _decay(turns: Turns) -> Observation | None:
    """How the ratio of successive swings changes as they shrink."""
    d = turns.swings
    if len(d) < 4 or not np.all(np.diff(d) < 0):
        return None
    first, last = float(d[1] / d[0]), float(d[-1] / d[-2])
    values = {"first_ratio": first, "last_ratio": last}
    text = f"Each swing is {_n(first)} times the one before at first and {_n(last)} times at the end"
    if abs(last - first) < 0.01:
        return Observation("ratio kept", f"{text}: the swings shrink by the same share.", values)
    if last > first + 0.03:
        return Observation("ratio rises", f"{text}: small swings lose a smaller share.", values)
    if last < first - 0.03:
        return Observation("ratio falls", f"{text}: small swings lose a larger share.", values)
    return None


def _work(drawn: Oscillator) -> Observation | None:
    """What the terms in v do, summed over the time: they take energy or give it."""
    parts = [term.values(drawn.x, drawn.v, drawn.t) for term in drawn.terms if term.family.name in DISSIPATIVE]
    if not parts:
        return Observation("no velocity terms", "Going left or right at one place and time, it accelerates alike.", {})
    power: np.ndarray = np.sum(parts, axis=0) * drawn.v
    work = float(np.sum((power[1:] + power[:-1]) / 2 * np.diff(drawn.t)))
    if work == 0.0:
        return None
    verb = "takes" if work < 0 else "gives"
    kind = "velocity takes energy" if work < 0 else "velocity gives energy"
    text = f"What depends on the velocity {verb} {_n(abs(work))} J for each kilogram in {_n(drawn.t[-1])} s."
    return Observation(kind, text, {"work_j_per_kg": work})


def chain_text(observations: Sequence[Observation], law: str) -> str:
    """The chain as text, one sentence a line, with the law at its end."""
    return "\n".join([*(each.text for each in observations), f"Together: a = {law}"])
