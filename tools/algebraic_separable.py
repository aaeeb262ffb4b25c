"""Laws that are a product of one function of each column: y = f(a)·g(b)·h(c).

The factors are first found as free curves, one column after the other (alternating least squares), which shows whether
the target is such a product at all. Then each curve is matched with plain shapes: powers, saturations, steps and bumps
at a place and of a width of their own, and products of two of them. Leaves out the fit of the whole to the target.

Source: backfitting after Friedman & Stuetzle (1981), with products in place of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from scipy.optimize import least_squares

from motionlaw.tools.algebraic_fit import Formula, Rows

# Points of a free curve, rows that it takes to be sought, and rounds of backfitting.
POINTS, FEWEST, ROUNDS = 18, 300, 12
# A product of free curves must leave less than this share of what is left so far for the shapes to be worth a search.
WORTH = 0.2
# Shapes, and products of two, that are kept for each column, and where their constants start: places along the column,
# widths of its range; and how many ranges away they may end.
KEPT, PLACES, WIDTHS, FAR = 3, (0.15, 0.5, 0.85), (0.05, 0.2), 3.0


@dataclass(frozen=True)
class Curve:
    """A free curve: places, values there and their errors, each of shape (P,)."""

    place: np.ndarray
    value: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Shape:
    """A plain function of one column with constants inside, as numbers and as an expression."""

    values: Callable[..., np.ndarray]
    build: Callable[..., sympy.Expr]
    constants: int


def _bump(function: Callable, symbolic: Callable) -> Shape:
    """A function of (x - place)/width."""
    return Shape(lambda x, m, w: function((x - m) / w), lambda x, m, w: symbolic((x - m) / w), 2)


SHAPES = {
    "power": Shape(lambda x, p: np.abs(x) ** p, lambda x, p: x**p, 1),
    "line": Shape(lambda x, m: x - m, lambda x, m: x - m, 1),
    "saturation": Shape(lambda x, k: x / (x + k), lambda x, k: x / (x + k), 1),
    "exponential": Shape(lambda x, w: np.exp(x / w), lambda x, w: sympy.exp(x / w), 1),
    "gaussian": _bump(lambda z: np.exp(-(z**2)), lambda z: sympy.exp(-(z**2))),
    "cusp": _bump(lambda z: np.exp(-np.abs(z)), lambda z: sympy.exp(-sympy.Abs(z))),
    "lorentzian": _bump(lambda z: 1 / (1 + z**2), lambda z: 1 / (1 + z**2)),
    "plateau": _bump(lambda z: 1 / (1 + z**4), lambda z: 1 / (1 + z**4)),
    "step": _bump(lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (1 + sympy.exp(-z))),
    "tanh": _bump(np.tanh, sympy.tanh),
    "wave": _bump(np.sin, sympy.sin),
    "wave squared": _bump(lambda z: np.sin(z) ** 2, lambda z: sympy.sin(z) ** 2),
}  # fmt: skip


@dataclass(frozen=True)
class _Match:
    """Shapes whose product fits a curve, with their constants and how badly it does."""

    names: tuple[str, ...]
    constants: np.ndarray
    score: float


def separable_formulas(rows: Rows, left: float, late: Callable[[], bool]) -> list[Formula]:
    """Products of shapes, one for each column, most promising first.

    Args:
        rows: The table.
        left: Mean square that the best law so far leaves; free curves must leave far less.
        late: Whether time is up.
    """
    curves = free_curves(rows, left) if len(rows.y) >= FEWEST else None
    matches: list[list[_Match]] = []
    for curve in (curves or {}).values():
        matches.append(_matched(curve))
        if late() or not matches[-1]:
            return []
    if not curves:
        return []
    best = [each[0] for each in matches]
    swapped = [[*best[:k], other, *best[k + 1 :]] for k, each in enumerate(matches) for other in each[1:]]
    return [_formula(rows, list(curves), chosen) for chosen in [best, *swapped]]


def free_curves(rows: Rows, left_so_far: float) -> dict[str, Curve] | None:
    """The factors of the target as piecewise linear curves.

    Args:
        rows: The table.
        left_so_far: Mean square that the best law so far leaves.

    Returns:
        A curve for each column, ``None`` if the target is no such product or that tells little that is new.
    """
    spots, hats = {}, {}
    for name, values in rows.columns.items():
        spots[name] = np.unique(np.quantile(values, np.linspace(0, 1, POINTS)))
        if len(spots[name]) < 5:
            return None
        hats[name] = _hats(values, spots[name])
    heights = {name: np.ones(len(spot)) for name, spot in spots.items()}
    errors = dict(heights)
    last = list(rows.columns)[-1]
    for _ in range(ROUNDS):
        for name in rows.columns:
            others = np.prod([hats[other] @ heights[other] for other in hats if other != name], axis=0)
            matrix = hats[name] * np.broadcast_to(others, len(rows.y))[:, None]
            gram = matrix.T @ matrix
            gram += 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
            heights[name] = np.linalg.solve(gram, matrix.T @ rows.y)
            left = float(np.mean((rows.y - matrix @ heights[name]) ** 2))
            errors[name] = np.sqrt(np.diag(np.linalg.inv(gram)) * left)
            if name != last:
                scale = np.max(np.abs(heights[name]))
                heights[name], errors[name] = heights[name] / scale, errors[name] / scale
    if not left < WORTH * min(left_so_far, rows.spread):
        return None
    return {name: Curve(spots[name], heights[name], errors[name]) for name in rows.columns}


def _hats(values: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Piecewise linear basis functions at the rows, shape (n, P)."""
    left = np.clip(np.searchsorted(spots, values) - 1, 0, len(spots) - 2)
    share = (values - spots[left]) / (spots[left + 1] - spots[left])
    matrix = np.zeros((len(values), len(spots)))
    index = np.arange(len(values))
    matrix[index, left], matrix[index, left + 1] = 1 - share, share
    return matrix


def _matched(curve: Curve) -> list[_Match]:
    """The shapes, and products of two, that fit a curve best."""
    singles = [match for name in SHAPES for match in [_best_match(curve, (name,), None)] if match is not None]
    singles.sort(key=lambda match: match.score)
    pairs = [_best_match(curve, (first.names[0], name), first.constants) for first in singles[:KEPT] for name in SHAPES]
    doubles = sorted((pair for pair in pairs if pair is not None), key=lambda match: match.score)
    return sorted([*singles[:KEPT], *doubles[:KEPT]], key=lambda match: match.score)


def _best_match(curve: Curve, names: tuple[str, ...], known: np.ndarray | None) -> _Match | None:
    """Fits one product of shapes to a curve from several starts; those of the first shape may be known already."""
    x, span = curve.place, np.ptp(curve.place)
    shape = SHAPES[names[-1]]
    if names[-1] in ("power", "saturation") and np.min(x) <= 0:
        return None
    error = np.hypot(curve.error, 0.01 * np.max(np.abs(curve.value)))
    starts = {
        "power": [[0.5], [1.0], [2.0], [-1.0]], "saturation": [[np.median(x)], [0.2 * np.median(x)]],
        "line": [[x[0] + place * span] for place in (-0.5, *PLACES, 1.5)], "exponential": [[0.3 * span], [-0.3 * span]],
    }.get(names[-1], [[x[0] + place * span, width * span] for place in PLACES for width in WIDTHS])  # fmt: skip
    best: _Match | None = None

    def residual(point: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            shaped = _valued(names, point, x)
            amount = np.sum(shaped * curve.value / error**2) / max(np.sum(shaped**2 / error**2), 1e-300)
            return np.nan_to_num((amount * shaped - curve.value) / error, nan=1e6, posinf=1e6, neginf=-1e6)

    for start in starts:
        point = np.concatenate([known, start]) if known is not None else np.array(start, dtype=float)
        if len(point) + 2 > len(x) or not shape.constants:
            continue
        found = least_squares(residual, point, method="lm", max_nfev=80, ftol=1e-5, xtol=1e-5)
        if np.max(np.abs(found.x)) > FAR * max(np.max(np.abs(x)), span):
            continue  # so wide or so far away that a plainer shape says the same
        score = 2 * float(found.cost) + (np.log(len(x)) + 2) * (len(point) + 0.5 * len(names))
        if best is None or score < best.score:
            best = _Match(names, found.x, score)
    return best


def _valued(names: tuple[str, ...], point: np.ndarray, x: np.ndarray) -> np.ndarray:
    result, place = np.ones(len(x)), 0
    for name in names:
        count = SHAPES[name].constants
        result = result * SHAPES[name].values(x, *point[place : place + count])
        place += count
    return result


def _formula(rows: Rows, names: list[str], chosen: Sequence[_Match]) -> Formula:
    """The product of the columns' shapes with named constants."""
    values: dict[str, float] = {"_c1": 1.0}
    parts: list[sympy.Expr] = [sympy.Symbol("_c1")]
    size = np.ones(len(rows.y))
    for column, (name, match) in enumerate(zip(names, chosen, strict=True)):
        size = size * _valued(match.names, match.constants, rows.columns[name])
        place = 0
        for number, shape_name in enumerate(match.names):
            shape = SHAPES[shape_name]
            numbers: list[sympy.Expr] = []
            for value in match.constants[place : place + SHAPES[shape_name].constants]:
                constant = f"_k{column}{'ab'[number]}{len(numbers)}"
                if shape_name == "power" and abs(value - round(value)) < 0.05 and round(value):
                    numbers.append(sympy.Integer(round(value)))
                else:
                    values[constant] = float(value)
                    numbers.append(sympy.Symbol(constant))
            place += shape.constants
            parts.append(shape.build(sympy.Symbol(name), *numbers))
    with np.errstate(all="ignore"):
        values["_c1"] = float(np.nansum(size * rows.y) / max(np.nansum(size**2), 1e-300))
    return Formula(sympy.Mul(*parts), values)
