"""One coordinate that goes to and fro, as a small model sees it: smoothed, and in units in which it knows motions.

The small model was trained on motions of twenty units of time whose positions spread by about one unit of length. A
recording in milliseconds and pixels, or of a hundred periods, is put into such units before it is asked, of a long one
the beginning is shown, and the law that it answers is put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.additive_smoothing import smooth_additively
from motionlaw.tools.equation import parse
from motionlaw.tools.frequency import dominant_frequency
from motionlaw.tools.printing import format_expr
from motionlaw.tools.trajectory import Trajectory

FEWEST_ROWS = 8
# A motion turns back that goes at least this share of its highest speed the other way.
TURNED = 0.1
# What it was trained on: the time that is told, in which these spans are as good; angular frequencies and spreads of
# position, of one motion in a hundred to all but one in a hundred, and what others are brought to.
SPAN, SPANS = 20.0, (15.0, 30.0)
FASTEST, SPREADS, FAST, WIDE = 2.6, (0.2, 3.2), 2.0, 0.85
# A motion farther off zero than so many times its spread is told about its middle.
FARTHEST = 5.0
# Of the numbers of a law that is put back: what is taken away far from zero must not be rounded.
DIGITS = 12


@dataclass(frozen=True)
class Units:
    """Units that a motion is told in, in those of the recording.

    Args:
        time: Length of the unit of time.
        length: Size of the unit of position.
        origin: Where position is zero.
    """

    time: float = 1.0
    length: float = 1.0
    origin: float = 0.0

    def law(self, formula: str, coordinate: str = "x") -> str:
        """An acceleration in x, v and t of these units, in the units of the recording and with its coordinate's name.

        Example:
            >>> Units(time=0.5, length=10.0).law("-2*x + 0.3*cos(1.5*t)", "theta")
            '-8*theta + 12*cos(3*t)'
        """
        if self == Units() and coordinate == "x":
            return formula
        x, v, t = sympy.symbols("x v t")
        place = (sympy.Symbol(coordinate) - self.origin) / self.length
        inside = {x: place, v: v * (self.time / self.length), t: t / self.time}
        return format_expr(sympy.expand(self.length / self.time**2 * parse(formula).xreplace(inside)), DIGITS)


@dataclass(frozen=True)
class Swing:
    """A motion as it is shown.

    Args:
        columns: Rows of t, x, v, a, shape (T, 4), in the units.
        units: The units.
    """

    columns: np.ndarray
    units: Units


def as_swing(runs: Sequence[Trajectory]) -> Swing | None:
    """The longest run as a small model sees it.

    Args:
        runs: Of one law.

    Returns:
        None if it is not one coordinate that goes to and fro: such a model knows nothing else.

    Example:
        >>> t = np.linspace(0, 9, 200)
        >>> runs = [Trajectory("run", t, ("x",), x[:, None], units=("m",)) for x in (np.sin(3 * t), np.exp(t))]
        >>> as_swing(runs[:1]).columns.shape, as_swing(runs[1:])
        ((501, 4), None)
    """
    run = max(runs, key=lambda each: len(each.t))
    seen = np.isfinite(run.position).all(axis=1)
    if run.position.shape[1] != 1 or seen.sum() < FEWEST_ROWS:
        return None
    t, x = run.t[seen], run.position[seen, 0]
    units = units_for(t, x)
    shown = t <= t[0] + SPANS[1] * units.time
    if shown.sum() < FEWEST_ROWS:
        return None
    columns = smooth_additively(t[shown] / units.time, (x[shown] - units.origin) / units.length)
    there, back = columns[:, 2].max(), -columns[:, 2].min()
    return Swing(columns, units) if min(there, back) > TURNED * max(there, back) else None


def units_for(t: np.ndarray, x: np.ndarray) -> Units:
    """The units for a motion: the recording's own where the model knows such motions.

    Args:
        t: Times, shape (T,).
        x: Positions, shape (T,).

    Example:
        >>> t = np.linspace(0, 20, 500)
        >>> units_for(t, np.cos(t)), units_for(t / 1000, 50 * np.cos(t)).time
        (Units(time=1.0, length=1.0, origin=0.0), 0.001)
    """
    span, spread, middle = float(t[-1] - t[0]), float(np.std(x)), float(np.mean(x))
    length = 1.0 if SPREADS[0] <= spread <= SPREADS[1] or spread == 0 else spread / WIDE
    origin = middle if abs(middle) > FARTHEST * spread else 0.0
    omega = dominant_frequency(t, x).value
    if SPANS[0] <= span <= SPANS[1] and not omega > FASTEST:
        return Units(1.0, length, origin)
    time = span / SPAN
    return Units(FAST / omega if omega * time > FASTEST else time, length, origin)
