"""The pieces of algebraic laws: terms that may be added and factors that may be multiplied.

Only pieces that have a value in every row of the table are listed. Leaves out choosing among them
(`algebraic_search`) and what each costs (`algebraic_fit.weight`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import Rows, weight
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.library import Feature

# Most products of two columns that are listed; half as many of three.
MOST_LISTED = 2000
# A quotient's or logarithm's argument must keep this distance from zero, as a share of its largest value.
POLE = 1e-4
# Terms larger than this are left out: sums of their squares would overflow.
HUGE = 1e120
# Growth rates and angular frequencies are scanned over these multiples of one over a column's range.
RATES = np.geomspace(0.2, 20.0, 30)
TURNS = np.geomspace(1.0, 60.0, 80)


@dataclass(frozen=True)
class Terms:
    """Terms with their values on the rows, shape (n, F)."""

    features: list[Feature]
    matrix: np.ndarray


def valued(features: Sequence[Feature], rows: Rows) -> Terms:
    """Evaluates terms and drops those without a value in some row, or without any variation in it."""
    guesses = {sympy.Symbol(k): sympy.Float(v) for each in features for k, v in each.constants}
    if not features:
        return Terms([], np.zeros((len(rows.y), 0)))
    expressions = [f.expression.subs(guesses) if f.constants else f.expression for f in features]
    evaluate = compile_rhs(expressions, list(rows.columns))
    matrix = evaluate(np.array(list(rows.columns.values()))).T
    good = np.all(np.isfinite(matrix), axis=0) & np.any(matrix != 0, axis=0) & (np.max(np.abs(matrix), axis=0) < HUGE)
    return Terms([each for each, keep in zip(features, good, strict=True) if keep], matrix[:, good])


def feature(expression: sympy.Expr, constants: tuple[tuple[str, float], ...] = ()) -> Feature:
    return Feature(expression, 1.0 + weight(expression) + len(constants), constants)


def _pieces(name: str, values: np.ndarray) -> list[sympy.Expr]:
    """Plain functions of one column that have a value in every row."""
    x, largest = sympy.Symbol(name), np.max(np.abs(values))
    pieces = [x, x**2, x**3]
    if np.min(np.abs(values)) > POLE * largest:
        pieces += [1 / x, x**-2, x**-3]
    if np.min(values) >= 0:
        half = sympy.Rational(1, 2)
        pieces += [sympy.sqrt(x), x ** (3 * half)]
        pieces += [x**-half, x ** (-3 * half), sympy.log(x)] if np.min(values) > POLE * largest else []
    elif np.max(values) > 0:
        pieces += [sympy.Abs(x), x * sympy.Abs(x)]
    if largest < 100:
        pieces += [sympy.sin(x), sympy.cos(x)]
    if largest < 30:
        pieces += [sympy.exp(x), sympy.exp(-x)]
    return pieces


def _scanned(rows: Rows) -> list[Feature]:
    """Functions with an inner constant, one of each kind a column, at the constant that explains most of the target."""
    features = []
    centred = rows.y - rows.y.mean()
    for index, (name, values) in enumerate(rows.columns.items()):
        x, span = sympy.Symbol(name), np.ptp(values)
        k = sympy.Symbol(f"_k{index}e")
        both = np.concatenate((-RATES, RATES)) / span
        rate = _best_rate(both, lambda r, v=values: [np.exp(r * (v - v.mean()))], centred)
        features.append(feature(sympy.exp(k * x), ((k.name, rate),)))
        k = sympy.Symbol(f"_k{index}w")
        omega = _best_rate(TURNS / span, lambda r, v=values: [np.sin(r * v), np.cos(r * v)], centred)
        features += [feature(function(k * x), ((k.name, omega),)) for function in (sympy.sin, sympy.cos)]
        if np.min(values) >= 0:
            k = sympy.Symbol(f"_k{index}s")
            half = _best_rate(RATES * np.median(values) / 2, lambda r, v=values: [1 / (r + v)], centred)
            features.append(feature(1 / (k + x), ((k.name, half),)))
    return features


def _best_rate(rates: np.ndarray, shapes: Callable[[float], list[np.ndarray]], centred: np.ndarray) -> float:
    """The rate at which one or two shapes and a constant leave the least of the target."""

    def left(rate: float) -> float:
        columns = np.stack([shape - shape.mean() for shape in shapes(rate)], axis=1)
        solution, *_ = np.linalg.lstsq(columns, centred, rcond=1e-12)
        return float(np.sum((centred - columns @ solution) ** 2))

    return float(min(rates, key=left))


def _mixed(pieces: dict[str, list[sympy.Expr]]) -> list[sympy.Expr]:
    """Products of pieces of two columns, and of the plainest pieces of three."""
    found = []
    for a, b in combinations(pieces, 2):
        found += [first * second for first, second in product(pieces[a], pieces[b])]
        found += [sympy.Pow(sympy.Symbol(a) - sympy.Symbol(b), 2), sympy.Pow(sympy.Symbol(a) + sympy.Symbol(b), 2)]
    found.sort(key=weight)
    triples = []
    for names in combinations(pieces, 3):
        plain = [[piece for piece in pieces[name] if weight(piece) < 1.2] for name in names]
        triples += [sympy.Mul(*chosen) for chosen in product(*plain)]
    triples.sort(key=weight)
    return found[:MOST_LISTED] + triples[: MOST_LISTED // 2]


def _own_products(pieces: dict[str, list[sympy.Expr]]) -> list[sympy.Expr]:
    """A column times a function of itself, e.g. x·cos(x)."""
    functions = [(sympy.Symbol(name), piece) for name in pieces for piece in pieces[name] if piece.is_Function]
    return [x * piece for x, piece in functions]


def sum_terms(rows: Rows) -> tuple[Terms, Terms]:
    """Terms of one column, all of which are tried, and of several, which are screened first."""
    pieces = {name: _pieces(name, values) for name, values in rows.columns.items()}
    lone = [feature(sympy.Integer(1)), *(feature(p) for name in pieces for p in pieces[name])]
    lone += [feature(p) for p in _own_products(pieces)] + _scanned(rows)
    return valued(lone, rows), valued([feature(p) for p in _mixed(pieces)], rows)


def factors(rows: Rows) -> list[sympy.Expr]:
    """What may be multiplied: columns, sums of two, distances from one, and plain functions of columns and ratios."""
    names = [sympy.Symbol(name) for name in rows.columns]
    lengths = {sympy.Symbol(name): np.max(np.abs(values)) for name, values in rows.columns.items()}
    found: list[sympy.Expr] = list(names)
    for x in names:
        if lengths[x] < 100:
            found += [1 + x, 1 - x, 1 + x**2, 1 - x**2, sympy.sin(x), sympy.cos(x), sympy.sin(x / 2)]
        if lengths[x] < 30:
            found += [sympy.exp(x), sympy.exp(x**2), sympy.exp(1 / x), sympy.exp(x) - 1]
    for a, b in combinations(names, 2):
        found += [a + b, a - b, a**2 + b**2, a**2 - b**2, 1 + a * b, 1 - a * b]
        found += [sympy.log(b / a), sympy.exp(a / b), sympy.exp(b / a), sympy.exp(a * b)]
        found += [sympy.exp(a**2 / b**2), sympy.exp(b**2 / a**2)]
    return found
