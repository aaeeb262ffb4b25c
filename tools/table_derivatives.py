"""Finds the columns that are time derivatives of others: names propose, data decide.

A column called ``v`` is the velocity of ``x`` only if it is the time derivative of ``x`` (correlation above 0.95, slope
near 1). Leaves out everything else a column may be (`table_columns`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

MIN_CORRELATION = 0.95
SLOPE_RANGE = (0.8, 1.25)  # for names that propose a derivative; noise in the columns bends the slope
STRICT_SLOPE = (0.95, 1.05)  # for columns whose names say nothing
ANGLE = re.compile(r"^(o|th|theta|phi|angle|psi)_?(\d*)$", re.I)
DERIVATIVE = re.compile(r"^(v|a|w|om|omega|vel|velocity|speed|acc|accel|acceleration|alpha)(_.*|\d*|[xyz])$", re.I)
PLAIN_POSITION = re.compile(
    r"^([xyz]\d*|[xyz]_\w+|\w+_[xyz]|r|s|q\d*|o\d*|th\d*|theta\d*|phi\d*|psi\d*|angle\d*|pos(ition)?_?[xyz]?)$", re.I
)


def _index(name: str) -> str:
    """Returns the number at the end of a name: ``"2"`` for theta2, ``""`` for x."""
    found = re.match(r"^[a-z]+_?(\d*)$", name)
    return found.group(1) if found else name


def _derivative_names(
    name: str, alone: bool, letters: Sequence[str], angles: Sequence[str], dots: Sequence[str]
) -> set[str]:
    """Lists what a derivative of a coordinate may be called."""
    c = name.lower()
    axis = re.match(r"^pos(?:ition)?_?([xyz])$", c)
    stems = {c, axis.group(1)} if axis else {c}
    names = {f"{letter}{gap}{stem}" for letter in letters for gap in ("", "_") for stem in stems}
    names |= {f"{stem}_{letter}" for letter in letters for stem in stems}
    names |= {dot.format(stem) for dot in dots for stem in stems}
    if ANGLE.match(c):
        names |= {f"{word}{gap}{ANGLE.match(c)[2]}" for word in angles for gap in ("", "_")}  # type: ignore[index]
    if alone or _index(c):
        names |= {f"{letter}{gap}{_index(c)}".rstrip("_") for letter in letters for gap in ("", "_")}
    return names - {c}


def _velocity_names(name: str, alone: bool) -> set[str]:
    letters = ("v", "vel", "velocity", "speed", "p")
    dots = ("{}_dot", "{}dot", "d{}", "d{}_dt", "d{}dt")
    return _derivative_names(name, alone, letters, ("w", "omega", "om", "angular_velocity"), dots)


def _acceleration_names(name: str, alone: bool) -> set[str]:
    letters = ("a", "acc", "accel", "acceleration")
    dots = ("{}_ddot", "{}ddot", "dd{}", "d2{}", "d2{}_dt2", "d2{}dt2")
    return _derivative_names(name, alone, letters, ("alpha", "angular_acceleration"), dots)


def _fits(correlation: float, slope: float) -> bool:
    return correlation > MIN_CORRELATION and SLOPE_RANGE[0] < slope < SLOPE_RANGE[1]


def match_velocities(
    runs: Sequence[pd.DataFrame], columns: list[str], trust: bool, warnings: list[str]
) -> tuple[dict[str, str], set[str]]:
    """Pairs coordinates with the columns that their names propose and the data confirm; also returns misfits."""
    found: dict[str, str] = {}
    misfits: set[str] = set()
    alone = len([c for c in columns if not DERIVATIVE.match(c)]) == 1
    for c in (c for c in columns if not DERIVATIVE.match(c)):
        for d in (d for d in columns if d not in found.values() and d.lower() in _velocity_names(c, alone)):
            correlation, slope = derivative_match(runs, c, d)
            if trust or _fits(correlation, slope):
                found[c] = d
                break
            if correlation > MIN_CORRELATION:
                misfits.add(d)
                warnings.append(
                    f"Column {d} is {slope:.3g} times d{c}/dt, so their units differ, or the time or fps is wrong by "
                    f"that factor; it is left out."
                )
            else:
                warnings.append(
                    f"Column {d} is not the time derivative of {c} (correlation {correlation:.2f}); it is kept as a "
                    "coordinate. Choose with --columns."
                )
    return found, misfits


def match_accelerations(
    runs: Sequence[pd.DataFrame], bases: list[str], velocity: dict[str, str], trust: bool, warnings: list[str]
) -> tuple[dict[str, str], set[str]]:
    """Pairs coordinates with acceleration columns, through the velocity column where there is one."""
    found: dict[str, str] = {}
    misfits: set[str] = set()
    alone = len([c for c in bases if not DERIVATIVE.match(c)]) == 1
    for c in (c for c in bases if not DERIVATIVE.match(c)):
        for d in (d for d in bases if d not in found.values() and d.lower() in _acceleration_names(c, alone)):
            through = velocity.get(c)
            compared = derivative_match(runs, through, d) if through else second_derivative_match(runs, c, d)
            if trust or _fits(*compared):
                found[c] = d
                break
            correlation, slope = compared
            if correlation > MIN_CORRELATION:
                misfits.add(d)
            fate = "left out" if d in misfits else "kept as a coordinate. Choose with --columns"
            warnings.append(
                f"Column {d} is not the second time derivative of {c} (correlation {correlation:.2f}, "
                f"factor {slope:.4g}); it is {fate}."
            )
    return found, misfits


def match_by_data(
    runs: Sequence[pd.DataFrame],
    columns: list[str],
    unnamed: Sequence[str],
    velocity: dict[str, str],
    acceleration: dict[str, str],
    notes: list[str],
) -> None:
    """Pairs columns whose names say nothing, where the data leave no doubt."""
    for d in columns:
        if PLAIN_POSITION.match(d) and d not in unnamed:
            continue
        taken = {*velocity.values(), *acceleration.values()}
        bases = (("velocity", velocity, {c: c for c in columns}), ("acceleration", acceleration, velocity))
        for kind, table, base_of in bases:
            scores = {
                c: derivative_match(runs, base, d, strict=True)
                for c, base in base_of.items()
                if c not in table and c not in taken and d not in (c, base)
            }
            low, high = STRICT_SLOPE
            good = {c: r for c, (r, slope) in scores.items() if r > MIN_CORRELATION and low < slope < high}
            if good:
                best = max(good, key=lambda c: good[c])
                table[best] = d
                notes.append(f"Column {d} is the {kind} of {best} (correlation {good[best]:.3f}).")
                break


def derivative_match(
    runs: Sequence[pd.DataFrame], base: str, candidate: str, *, strict: bool = False
) -> tuple[float, float]:
    """Compares a column with the time derivative of another.

    Args:
        runs: Tables with seconds in the column ``t``.
        base: The column to differentiate.
        candidate: The column that may be its derivative.
        strict: Compare derivatives only. Otherwise integrals too, which stand noise that derivatives do not.

    Returns:
        The better correlation and its slope (candidate per true derivative), 1 and 1 for a perfect match.

    Example:
        >>> t = np.linspace(0, 9, 300)
        >>> run = pd.DataFrame({"t": t, "x": np.sin(2 * t), "v": 2 * np.cos(2 * t)})
        >>> [round(value, 2) for value in derivative_match([run], "x", "v")]
        [1.0, 1.0]
    """
    pairs = [_differentiated(run, base, candidate) for run in runs]
    best = _correlate(pairs)
    if not strict:
        best = max(best, _correlate([_integrated(run, base, candidate) for run in runs]))
    return best


def second_derivative_match(runs: Sequence[pd.DataFrame], base: str, candidate: str) -> tuple[float, float]:
    """Compares a column with the second time derivative of another, both ways of `derivative_match`."""
    twice = [
        run.assign(_first=np.gradient(run[base].to_numpy(float), run["t"].to_numpy(float)))
        for run in runs
        if len(run) > 4
    ]
    once = [run.assign(_sum=_cumulated(run, candidate)) for run in runs]
    by_integral = _correlate([_integrated(run, base, "_sum", trend=True) for run in once])
    return max(_correlate([_differentiated(run, "_first", candidate) for run in twice]), by_integral)


def _differentiated(run: pd.DataFrame, base: str, candidate: str) -> tuple[np.ndarray, np.ndarray]:
    rows = run[["t", base, candidate]].dropna()
    if len(rows) < 5:
        return np.empty(0), np.empty(0)
    t, x, c = rows.to_numpy(float).T
    derivative = np.gradient(x, t)
    keep = slice(1, -1)  # the ends are one-sided differences
    return derivative[keep], c[keep]


def _cumulated(run: pd.DataFrame, column: str) -> np.ndarray:
    t, c = run["t"].to_numpy(float), run[column].ffill().bfill().to_numpy(float)
    return np.concatenate([[0.0], np.cumsum(np.diff(t) * (c[1:] + c[:-1]) / 2)])


def _integrated(run: pd.DataFrame, base: str, candidate: str, *, trend: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rows = run[["t", base, candidate]].dropna()
    if len(rows) < 5:
        return np.empty(0), np.empty(0)
    t, x = rows["t"].to_numpy(float), rows[base].to_numpy(float)
    total = _cumulated(rows, candidate)
    degree = 1 if trend else 0
    scaled = (t - t.mean()) / max(np.ptp(t), 1e-300)
    return tuple(values - np.polyval(np.polyfit(scaled, values, degree), scaled) for values in (x, total))  # type: ignore[return-value]


def _correlate(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Pools pairs (truth, candidate); returns their correlation and the slope of candidate on truth."""
    truth = np.concatenate([pair[0] for pair in pairs]) if pairs else np.empty(0)
    candidate = np.concatenate([pair[1] for pair in pairs]) if pairs else np.empty(0)
    if len(truth) < 5 or np.ptp(truth) == 0 or np.ptp(candidate) == 0:
        return 0.0, 0.0
    with np.errstate(all="ignore"):  # columns near the largest float overflow; they correlate with nothing
        correlation = float(np.corrcoef(truth, candidate)[0, 1])
        slope = float(np.std(candidate) / np.std(truth) * np.sign(correlation))
    return (correlation, slope) if np.isfinite([correlation, slope]).all() else (0.0, 0.0)
