"""Sums: a power or another transform of the target as a sum of a few terms, each a constant times a group.

Terms are groups of columns (`algebraic_groups`) and functions of one column with a scanned constant inside. Columns
that only multiply the target (`algebraic_powers`) are divided out first and stand in front of every term.
Leaves out choosing among subsets (`subsets`) and the fit to y itself (`algebraic_fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import CHOICE, TRANSFORMS, Formula, Rows, weight
from motionlaw.tools.algebraic_groups import Pieces, groups
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.subsets import Products, Worth, best_subsets, pool_of

# Rows on which thousands of terms are screened; the few that pass are compared on all.
SCREENED_ROWS = 250
MOST_GROUPS, MOST_TERMS = 3000, 6
# A noisy target is not taken for smaller than this share of its standard deviation where it gives weights.
FAINT = 0.3
# How many sums are handed on: the best, and the best of each number of terms.
BEST, OF_EACH_SIZE = 8, 3
# Growth rates and angular frequencies are scanned over these multiples of one over a column's range.
RATES = np.geomspace(0.2, 20.0, 30)
TURNS = np.geomspace(1.0, 60.0, 80)
# Terms larger than this are left out: sums of their squares would overflow.
HUGE = 1e120


@dataclass(frozen=True)
class Terms:
    """Terms that may be added: expressions, first guesses of the constants in them, costs, and values, shape (n, F)."""

    expressions: tuple[sympy.Expr, ...]
    constants: tuple[Mapping[str, float], ...]
    costs: np.ndarray
    values: np.ndarray


def terms_of(rows: Rows, pieces: Pieces, most: int = MOST_GROUPS) -> Terms:
    """The constant, groups of pieces and functions of one column that have a value in every row.

    Args:
        rows: The table.
        pieces: What groups are made of, on the same rows.
        most: How many groups to consider.
    """
    listed = groups(pieces, most, both_signs=True)
    values = pieces.of(listed)
    with np.errstate(all="ignore"):
        good = np.all(np.isfinite(values), axis=0) & (np.max(np.abs(values), axis=0) < HUGE)
    expressions = [pieces.group(row) for row in listed[good]]
    extra = _lone(rows, pieces)
    extra_values = [_valued(expression, constants, rows) for expression, constants in extra]
    keep = [k for k, v in enumerate(extra_values) if np.all(np.isfinite(v)) and 0 < np.max(np.abs(v)) < HUGE]
    everything = [sympy.Integer(1), *expressions, *(extra[k][0] for k in keep)]
    constants = [{}, *({} for _ in expressions), *(extra[k][1] for k in keep)]
    matrix = np.column_stack([np.ones(len(rows.y)), values[:, good], *(extra_values[k] for k in keep)])
    costs = np.array([weight(e) + len(c) for e, c in zip(everything, constants, strict=True)])
    first: dict[sympy.Expr, int] = {}
    for place, expression in enumerate(everything):
        first.setdefault(expression, place)
    chosen = sorted(first.values())
    return Terms(
        tuple(everything[k] for k in chosen), tuple(constants[k] for k in chosen), costs[chosen], matrix[:, chosen]
    )


def _valued(expression: sympy.Expr, constants: Mapping[str, float], rows: Rows) -> np.ndarray:
    inputs = [*rows.columns.values(), *(np.full(len(rows.y), value) for value in constants.values())]
    return compile_rhs([expression], [*rows.columns, *constants])(np.array(inputs))[0]


def _lone(rows: Rows, pieces: Pieces) -> list[tuple[sympy.Expr, dict[str, float]]]:
    """Functions of one column, some with a constant inside at the value that explains most of the target."""
    found: list[tuple[sympy.Expr, dict[str, float]]] = []
    centred = rows.y - rows.y.mean()
    for index, x in enumerate(pieces.expressions[: pieces.columns]):
        values = rows.columns[x.name]
        span, largest = np.ptp(values), np.max(np.abs(values))
        found += [(x**power, {}) for power in (3, 4, 5)]
        if np.min(values) > 0:
            found += [(sympy.log(x), {}), (x * sympy.log(x), {})]
        if np.min(values) < 0 < np.max(values):
            found += [(sympy.Abs(x), {}), (x * sympy.Abs(x), {})]
        if largest < 100:
            found += [(sympy.sin(x), {}), (sympy.cos(x), {}), (x * sympy.sin(x), {}), (x * sympy.cos(x), {})]
        if largest < 30:
            found += [(sympy.exp(x), {}), (sympy.exp(-x), {}), (x * sympy.exp(x), {}), (x * sympy.exp(-x), {})]
            found += [(sympy.exp(-(x**2)), {}), (sympy.tanh(x), {})]
        rate, omega = f"_k{index}e", f"_k{index}w"
        both = np.concatenate((-RATES, RATES)) / span
        best = _best(both, partial(_growth, values), centred)
        found.append((sympy.exp(sympy.Symbol(rate) * x), {rate: best}))
        best = _best(TURNS / span, partial(_turns, values), centred)
        found += [(function(sympy.Symbol(omega) * x), {omega: best}) for function in (sympy.sin, sympy.cos)]
        if np.min(values) >= 0:
            half = f"_k{index}s"
            best = _best(RATES * np.median(values) / 2, partial(_saturation, values), centred)
            found.append((1 / (sympy.Symbol(half) + x), {half: best}))
            power = f"_p{index}s"
            best = _best(np.array([0.2, 0.35, 0.7, 1.4, 2.5, 4.0]), partial(_power, values), centred)
            found.append((x ** sympy.Symbol(power), {power: best}))
    return found


def _growth(values: np.ndarray, rate: float) -> list[np.ndarray]:
    return [np.exp(rate * (values - values.mean()))]


def _turns(values: np.ndarray, rate: float) -> list[np.ndarray]:
    return [np.sin(rate * values), np.cos(rate * values)]


def _saturation(values: np.ndarray, half: float) -> list[np.ndarray]:
    return [1 / (half + values)]


def _power(values: np.ndarray, power: float) -> list[np.ndarray]:
    return [values**power]


def _best(rates: np.ndarray, shapes: Callable[[float], list[np.ndarray]], centred: np.ndarray) -> float:
    """The rate at which one or two shapes and a constant leave the least of the target."""

    def left(rate: float) -> float:
        columns = np.stack([shape - shape.mean() for shape in shapes(rate)], axis=1)
        if not np.all(np.isfinite(columns)):
            return np.inf
        solution, *_ = np.linalg.lstsq(columns, centred, rcond=1e-12)
        return float(np.sum((centred - columns @ solution) ** 2))

    return float(min(rates, key=left))


def sum_formulas(
    rows: Rows,
    terms: Terms,
    *,
    transform: str = "",
    in_front: Mapping[str, sympy.Rational] | None = None,
    about: np.ndarray | None = None,
) -> list[Formula]:
    """Sums of terms for the target or a transform of it, best first.

    Args:
        rows: The table.
        terms: What may be added, on the same rows.
        transform: What of the target is a sum; a power, if columns stand in front.
        in_front: Powers of columns that multiply the whole target.
        about: A prediction of the target, about which its transform is taken to first order.
    """
    change = TRANSFORMS[transform]
    factor, before = _in_front(rows, in_front or {})
    with np.errstate(all="ignore"):
        if about is None:
            near = np.sign(rows.y) * np.maximum(np.abs(rows.y), FAINT * np.std(rows.y))
            target, slope = change.apply(rows.y / before), change.slope(near / before)
        else:
            slope = change.slope(about / before)
            target = change.apply(about / before) + slope * (rows.y - about) / before
        weights = np.abs(before / slope)
    inside = (rows.y >= change.low) & (rows.y <= change.high) if about is None else np.isfinite(about)
    usable = np.isfinite(target) & np.isfinite(weights) & inside
    if rows.stderr is not None and not transform:
        weights = weights / rows.stderr
    if np.sum(usable) < max(5, 0.8 * len(target)):
        return []
    weights = np.minimum(weights / np.median(weights[usable]), 1e3)
    most = max(1, min(MOST_TERMS, int(np.sum(usable)) // 5))
    columns = (terms.values[usable] * weights[usable, None]).T
    goal = target[usable] * weights[usable]
    n = len(rows.y)
    prices = 0.5 * ((np.log(n) + CHOICE) * terms.costs + CHOICE)
    few = np.linspace(0, len(goal) - 1, min(len(goal), SCREENED_ROWS)).astype(int)
    worth = Worth(prices, float(len(few)), float(goal[few] @ goal[few]))
    pool = pool_of(columns[:, few], goal[few], worth, most_terms=most)
    worth = Worth(prices[pool], float(len(goal)), float(goal @ goal))
    subsets = best_subsets(
        Products(columns[pool], goal), worth, most_terms=most, kept=BEST, kept_of_each_size=OF_EACH_SIZE
    )
    found = []
    for subset in subsets:
        if len(subset.columns) > (transform != ""):
            chosen = pool[list(subset.columns)]
            found.append(_formula(terms, chosen, columns[chosen], goal, transform, factor))
    return found


def _in_front(rows: Rows, powers: Mapping[str, sympy.Rational]) -> tuple[sympy.Expr, np.ndarray]:
    """The product that stands in front, and its values."""
    values = np.ones(len(rows.y))
    for name, power in powers.items():
        values = values * rows.columns[name] ** float(power)
    return sympy.Mul(*(sympy.Symbol(name) ** power for name, power in powers.items())), values


def _formula(
    terms: Terms, chosen: np.ndarray, columns: np.ndarray, goal: np.ndarray, transform: str, factor: sympy.Expr
) -> Formula:
    """A sum of terms with named constants."""
    scale = np.maximum(np.linalg.norm(columns, axis=1), 1e-300)
    solution, *_ = np.linalg.lstsq(columns.T / scale, goal, rcond=1e-14)
    values, parts = {}, []
    power = TRANSFORMS[transform].power
    front = factor ** (power or 0)
    for number, (place, coefficient) in enumerate(zip(chosen, solution / scale, strict=True), start=1):
        values[f"_c{number}"] = float(coefficient)
        parts.append(sympy.Symbol(f"_c{number}") * front * terms.expressions[place])
    inner = {name: value for place in chosen for name, value in terms.constants[place].items()}
    return Formula(sympy.Add(*parts), values | inner, transform)
