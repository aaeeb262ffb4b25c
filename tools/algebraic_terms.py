"""Where algebraic laws come from: sums of terms, products of powers, and both of a transformed target.

`proposed_formulas` lists formulas for the rows of a table, most promising first; they are fitted and judged
elsewhere (`algebraic_fit`). Sums are sought among products of plain pieces such as x², sin(x) or 1/x of up to three
columns; products among powers of columns, of sums of two columns and of plain functions, in logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula, Rows, weight
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.library import Feature
from motionlaw.tools.search import Support, WeakSystem, best_subsets

# Most terms of two or three columns that enter the search, and most that are listed before they are screened.
MOST_MIXED, MOST_LISTED = 150, 2000
MOST_TERMS = 6
# A logarithm's or quotient's argument must keep this distance from zero, as a share of its largest value.
POLE = 1e-4
# Whitened by so little noise that best_subsets' score becomes rows·log(misfit): the noise is not known yet.
TINY = 1e-9
# Terms larger than this are left out: sums of their squares would overflow.
HUGE = 1e120
# Exponents this near to a fraction may be that fraction, if their errors do not say so already.
NEAR_FRACTION = 0.03
DENOMINATORS = (1, 2, 3)
# An exponent this small is none.
ZERO_POWER = 1e-6
# So many of the best sets of terms are tried with one term added or exchanged.
REFINED = 4
# Growth rates and angular frequencies are scanned over these multiples of one over a column's range.
RATES = np.geomspace(0.2, 20.0, 30)
TURNS = np.geomspace(1.0, 60.0, 80)
Deadline = Callable[[], bool]


@dataclass(frozen=True)
class _Terms:
    """Terms with their values on the rows, shape (n, F)."""

    features: list[Feature]
    matrix: np.ndarray


def _valued(features: Sequence[Feature], rows: Rows) -> _Terms:
    """Evaluates terms and drops those without a value in some row, or without any variation in it."""
    guesses = {sympy.Symbol(k): sympy.Float(v) for feature in features for k, v in feature.constants}
    if not features:
        return _Terms([], np.zeros((len(rows.y), 0)))
    expressions = [f.expression.subs(guesses) if f.constants else f.expression for f in features]
    evaluate = compile_rhs(expressions, list(rows.columns))
    matrix = evaluate(np.array(list(rows.columns.values()))).T
    good = np.all(np.isfinite(matrix), axis=0) & np.any(matrix != 0, axis=0) & (np.max(np.abs(matrix), axis=0) < HUGE)
    return _Terms([feature for feature, keep in zip(features, good, strict=True) if keep], matrix[:, good])


def _feature(expression: sympy.Expr, constants: tuple[tuple[str, float], ...] = ()) -> Feature:
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
        rate = _best_rate(np.concatenate((-RATES, RATES)) / span, lambda r, v=values: [np.exp(r * (v - v.mean()))], centred)
        features.append(_feature(sympy.exp(k * x), ((k.name, rate),)))
        k = sympy.Symbol(f"_k{index}w")
        omega = _best_rate(TURNS / span, lambda r, v=values: [np.sin(r * v), np.cos(r * v)], centred)
        features += [_feature(function(k * x), ((k.name, omega),)) for function in (sympy.sin, sympy.cos)]
        if np.min(values) >= 0:
            k = sympy.Symbol(f"_k{index}s")
            half = _best_rate(RATES * np.median(values) / 2, lambda r, v=values: [1 / (r + v)], centred)
            features.append(_feature(1 / (k + x), ((k.name, half),)))
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
    return [sympy.Symbol(name) * piece for name in pieces for piece in pieces[name] if isinstance(piece, (sympy.Function, sympy.exp))]


def _screened(mixed: _Terms, basis: np.ndarray, target: np.ndarray, count: int) -> list[int]:
    """The terms most correlated with what a basis leaves of the target."""
    q, _ = np.linalg.qr(basis)
    rest = target - q @ (q.T @ target)
    columns = mixed.matrix - q @ (q.T @ mixed.matrix)
    lengths = np.linalg.norm(columns, axis=0)
    alive = lengths > 1e-6 * np.linalg.norm(mixed.matrix, axis=0)
    with np.errstate(all="ignore"):
        share = np.where(alive, np.abs(rest @ columns) / lengths, 0.0)
    return list(np.argsort(-share)[:count])


def _subsets(terms: _Terms, target: np.ndarray, weights: np.ndarray, *, most_terms: int, forced: Sequence[int] = ()) -> list[Support]:
    """Good small sets of terms for a target; the rows are first compressed to a triangle, which loses nothing."""
    whole = np.column_stack([terms.matrix, target]) * weights[:, None]
    norms = np.maximum(np.linalg.norm(whole, axis=0), 1e-300)
    triangle = np.linalg.qr(whole / norms, mode="r") if len(whole) > whole.shape[1] else whole / norms
    spread = np.std(whole[:, -1]) / norms[-1]
    unit = max(TINY * spread, 1e-14)
    system = WeakSystem(triangle[:, :-1] / unit, triangle[:, -1] / unit, tuple(terms.features), len(target))
    found = best_subsets(system, most_terms=most_terms, forced=forced, beam=20, kept_per_size=4)
    place = {id(feature): k for k, feature in enumerate(terms.features)}
    chosen = [tuple(place[id(feature)] for feature in support.features) for support in found if support.features]
    refined = [better for indices in chosen[:REFINED] for better in _refined(system, indices, most_terms)]
    result = []
    for indices in dict.fromkeys(tuple(sorted(each)) for each in chosen + refined):
        solution, misfit = _exact(system, indices)
        features = tuple(terms.features[k] for k in indices)
        score = len(target) * np.log(misfit / len(target) + 1.0) + np.log(len(target)) * sum(f.cost for f in features)
        result.append(Support(features, solution * norms[-1] / norms[list(indices)], misfit, float(score)))
    return sorted(result, key=lambda support: support.score)


def _exact(system: WeakSystem, indices: Sequence[int]) -> tuple[np.ndarray, float]:
    """Least squares without the loss of digits that comes with normal equations."""
    solution, *_ = np.linalg.lstsq(system.matrix[:, list(indices)], system.vector, rcond=1e-14)
    return solution, float(np.sum((system.vector - system.matrix[:, list(indices)] @ solution) ** 2))


def _refined(system: WeakSystem, indices: tuple[int, ...], most_terms: int) -> list[tuple[int, ...]]:
    """The best term to add to a set, and the best exchange of each of its terms, among terms almost alike too.

    `best_subsets` leaves out terms that nearly follow from those it has; in exact tables they can be told apart.
    """
    bases = [indices] * (len(indices) < most_terms) + [indices[:k] + indices[k + 1 :] for k in range(len(indices))]
    result = []
    for basis in bases:
        q, _ = np.linalg.qr(system.matrix[:, list(basis)])
        rest = system.vector - q @ (q.T @ system.vector)
        columns = system.matrix - q @ (q.T @ system.matrix)
        columns -= q @ (q.T @ columns)  # twice is enough
        lengths = np.linalg.norm(columns, axis=0)
        alive = lengths > 1e-11 * np.linalg.norm(system.matrix, axis=0)
        with np.errstate(all="ignore"):
            gain = np.where(alive, np.abs(rest @ columns) / lengths, 0.0)
        result += [(*basis, int(k)) for k in np.argsort(-gain)[:2] if k not in basis]
    return result


def _sum_of(support: Support, transform: str) -> Formula:
    """A sum of terms as a formula with named constants."""
    values, terms = {}, []
    for number, (feature, coefficient) in enumerate(zip(support.features, support.coefficients, strict=True), start=1):
        values[f"_c{number}"] = float(coefficient)
        terms.append(sympy.Symbol(f"_c{number}") * feature.expression)
    inner = {name: value for feature in support.features for name, value in feature.constants}
    return Formula(sympy.Add(*terms), values | inner, transform)


def sum_terms(rows: Rows) -> tuple[_Terms, _Terms]:
    """Terms of one column, all of which are tried, and of several, which are screened first."""
    pieces = {name: _pieces(name, values) for name, values in rows.columns.items()}
    lone = [_feature(sympy.Integer(1)), *(_feature(p) for name in pieces for p in pieces[name])]
    lone += [_feature(p) for p in _own_products(pieces)] + _scanned(rows)
    return _valued(lone, rows), _valued([_feature(p) for p in _mixed(pieces)], rows)


def sums(rows: Rows, terms: _Terms, mixed: _Terms, *, transform: str = "") -> list[Formula]:
    """Sums of terms for the target, or for a transformed target, best first."""
    with np.errstate(all="ignore"):
        target = {"": rows.y, "1/y": 1 / rows.y, "y^2": rows.y**2, "log y": np.log(np.abs(rows.y))}[transform]
        weights = {"": np.ones(len(target)), "1/y": rows.y, "y^2": 1 / target, "log y": np.ones(len(target))}[transform]
    if transform == "" and rows.stderr is not None:
        weights = 1 / rows.stderr
    most = max(1, min(MOST_TERMS, len(target) // 5))
    found = _subsets(terms, target, weights, most_terms=most)
    if mixed.features:
        weighted = _Terms(mixed.features, mixed.matrix * weights[:, None])
        bases = [(), (sympy.Integer(1),)] + [tuple(f.expression for f in support.features) for support in found[:2]]
        chosen: list[int] = []
        for basis in bases:
            columns = [k for k, feature in enumerate(terms.features) if feature.expression in basis]
            matrix = (terms.matrix * weights[:, None])[:, columns]
            chosen += _screened(weighted, matrix, target * weights, MOST_MIXED // len(bases))
        kept = sorted(set(chosen))
        both = _Terms([*terms.features, *(mixed.features[k] for k in kept)], np.column_stack([terms.matrix, mixed.matrix[:, kept]]))
        found = _subsets(both, target, weights, most_terms=most) + found[:3]
    found.sort(key=lambda support: support.score)
    if transform:  # one term alone is a product of powers, which `products` finds
        found = [support for support in found if len(support.features) > 1]
    return [_sum_of(support, transform) for support in found]


def _factors(rows: Rows) -> list[sympy.Expr]:
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
        found += [sympy.log(b / a), sympy.exp(a / b), sympy.exp(b / a), sympy.exp(a * b), sympy.exp(a**2 / b**2), sympy.exp(b**2 / a**2)]
    return found


def products(rows: Rows) -> list[Formula]:
    """Products of powers of factors, found in logarithms, with free exponents and with rounded ones."""
    if np.min(np.abs(rows.y)) <= POLE * np.max(np.abs(rows.y)) * 1e-6:
        return []
    terms = _valued([_feature(factor) for factor in _factors(rows)], rows)
    kept = np.all(terms.matrix != 0, axis=0)
    features = [_feature(sympy.Integer(1)), *(f for f, keep in zip(terms.features, kept, strict=True) if keep)]
    terms = _Terms(features, np.column_stack([np.ones(len(rows.y)), np.log(np.abs(terms.matrix[:, kept]))]))
    most = max(2, min(len(rows.columns) + 3, len(rows.y) // 4))
    target, weights = np.log(np.abs(rows.y)), np.ones(len(rows.y))
    supports = _subsets(terms, target, weights, most_terms=most)[:12]
    # Sums of columns can hide a plain power law from a greedy search: build upon it as well.
    columns = {sympy.Symbol(name) for name in rows.columns} | {sympy.Integer(1)}
    forced = [k for k, feature in enumerate(terms.features) if feature.expression in columns]
    if len(forced) < most + 2 and len(forced) < len(rows.y) - 2:
        supports += _subsets(terms, target, weights, most_terms=max(most, len(forced)), forced=forced)[:8]
    found = []
    for support in supports:
        powers = {f.expression: p for f, p in zip(support.features, support.coefficients, strict=True) if f.expression != 1}
        if powers:
            found += _products_of(powers, rows)
    return found


def _products_of(powers: dict[sympy.Expr, float], rows: Rows) -> list[Formula]:
    """One product with its exponents free, and with those rounded that are near small fractions."""
    errors = _power_errors(powers, rows)
    kept = {factor: power for factor, power in powers.items() if abs(power) > max(2 * errors[factor], ZERO_POWER)}
    if kept and len(kept) < len(powers):
        return _products_of(kept, rows)
    rounded = {
        factor: fraction if abs(float(fraction) - power) < max(2 * errors[factor], NEAR_FRACTION) and fraction != 0 else None
        for factor, power in powers.items()
        for fraction in [_fraction(power)]
    }
    formulas = [_product(powers, rounded, rows)]
    if any(value is not None for value in rounded.values()):
        formulas.append(_product(powers, dict.fromkeys(powers), rows))
    return [formula for formula in formulas if formula is not None]


def _fraction(value: float) -> sympy.Rational:
    """The nearest multiple of 1, 1/2 or 1/3; the plainest of those that are about as near."""
    options = [sympy.Rational(round(value * q), q) for q in DENOMINATORS]
    return min(options, key=lambda option: abs(float(option) - value) + 0.02 * (option.q - 1))


def _power_errors(powers: dict[sympy.Expr, float], rows: Rows) -> dict[sympy.Expr, float]:
    """Standard errors of exponents, from the fit in logarithms."""
    factors = compile_rhs(list(powers), list(rows.columns))(np.array(list(rows.columns.values())))
    columns = np.column_stack([np.log(np.abs(factors)).T, np.ones(len(rows.y))])
    target = np.log(np.abs(rows.y))
    solution, *_ = np.linalg.lstsq(columns, target, rcond=None)
    variance = np.sum((target - columns @ solution) ** 2) / max(len(target) - columns.shape[1], 1)
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(columns.T @ columns)), 0) * variance)
    return dict(zip(powers, map(float, errors[:-1]), strict=True))


def _product(powers: dict[sympy.Expr, float], rounded: dict[sympy.Expr, sympy.Rational | None], rows: Rows) -> Formula | None:
    """``c·Π factor^power`` with the sign it needs."""
    evaluate = compile_rhs(list(powers), list(rows.columns))
    values = dict(zip(powers, evaluate(np.array(list(rows.columns.values()))), strict=True))
    constants, parts = {"_c1": 1.0}, [sympy.Symbol("_c1")]
    for number, (factor, power) in enumerate(powers.items()):
        fixed, base = rounded[factor], factor
        exponential = isinstance(factor, sympy.exp)
        if fixed is None:
            name = f"_p{number}"
            constants[name] = float(power)
            fixed = sympy.Symbol(name)
        if exponential:
            parts.append(sympy.exp(fixed * factor.args[0]))
            continue
        is_odd = fixed.is_Integer and fixed % 2 == 1
        if np.any(values[factor] <= 0) and not fixed.is_Integer:
            if np.any(values[factor] >= 0):
                return None  # changes sign: no real power
            base = -factor
        elif is_odd and np.all(values[factor] < 0):
            base = -factor
        parts.append(base**fixed)
    expression = sympy.Mul(*parts)
    guess = compile_rhs([expression], [*rows.columns, *constants])
    inputs = np.array([*rows.columns.values(), *(np.full(len(rows.y), v) for v in constants.values())])
    with np.errstate(all="ignore"):
        ratio = rows.y / guess(inputs)[0]
    constants["_c1"] = float(np.median(ratio)) if np.all(np.isfinite(ratio)) else 1.0
    return Formula(expression, constants)


def proposed_formulas(rows: Rows, *, is_late: Deadline) -> tuple[list[Formula], bool]:
    """Proposes formulas for the target.

    Args:
        rows: The table.
        is_late: Says whether time is up; the plainest families come first.

    Returns:
        Formulas, most promising families first, and whether some were not sought for lack of time.
    """
    found = [Formula(sympy.Symbol("_c1"), {"_c1": float(rows.y.mean())})]
    has_one_sign = bool(np.all(rows.y > 0) or np.all(rows.y < 0))
    terms, mixed = sum_terms(rows)
    families: list[Callable[[], list[Formula]]] = [lambda: products(rows), lambda: sums(rows, terms, mixed)[:24]]
    for transform in TRANSFORMS:
        if transform and has_one_sign and (transform == "1/y" or np.all(rows.y > 0)):
            families.append(lambda transform=transform: sums(rows, terms, mixed, transform=transform)[:8])
    for number, family in enumerate(families):
        if is_late() and number:
            return found, True
        found += family()
    return found, False
