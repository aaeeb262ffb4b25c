"""Where algebraic laws come from: sums of terms, products of powers, and sums that make a transformed target.

`formula_families` proposes formulas for the rows of a table, family by family; they are fitted and judged elsewhere
(`algebraic_fit`). Sums are sought among products of plain pieces of up to three columns (`algebraic_terms`), products
among powers of columns, of sums of two columns and of plain functions, in logarithms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula, Rows
from motionlaw.tools.algebraic_terms import Terms, factors, feature, sum_terms, valued
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.search import Support, WeakSystem, best_subsets

# Most terms of two or three columns that enter the search, after all were screened.
MOST_MIXED = 150
MOST_TERMS = 6
# How many sums of terms are handed on, and how many of a transformed target.
SUMS, TRANSFORMED = 24, 8
# Whitened by so little noise that best_subsets' score becomes rows·log(misfit): the noise is not known yet.
TINY = 1e-9
# Exponents this near to a fraction may be that fraction, if their errors do not say so already.
NEAR_FRACTION = 0.03
DENOMINATORS = (1, 2, 3)
# An exponent this small is none; one this large is no law's.
MOST_POWER = 12.0
ZERO_POWER = 1e-6
# So many of the best sets of terms are tried with one term added or exchanged.
REFINED = 4


def _screened(mixed: Terms, basis: np.ndarray, target: np.ndarray, count: int) -> list[int]:
    """The terms most correlated with what a basis leaves of the target."""
    q, _ = np.linalg.qr(basis)
    rest = target - q @ (q.T @ target)
    columns = mixed.matrix - q @ (q.T @ mixed.matrix)
    lengths = np.linalg.norm(columns, axis=0)
    alive = lengths > 1e-6 * np.linalg.norm(mixed.matrix, axis=0)
    with np.errstate(all="ignore"):
        share = np.where(alive, np.abs(rest @ columns) / lengths, 0.0)
    return list(np.argsort(-share)[:count])


def _subsets(
    terms: Terms, target: np.ndarray, weights: np.ndarray, *, most_terms: int, forced: Sequence[int] = ()
) -> list[Support]:
    """Good small sets of terms for a target; the rows are first compressed to a triangle, which loses nothing."""
    whole = np.column_stack([terms.matrix, target]) * weights[:, None]
    norms = np.maximum(np.linalg.norm(whole, axis=0), 1e-300)
    triangle = np.linalg.qr(whole / norms, mode="r") if len(whole) > whole.shape[1] else whole / norms
    spread = np.std(whole[:, -1]) / norms[-1]
    unit = max(TINY * spread, 1e-14)
    system = WeakSystem(triangle[:, :-1] / unit, triangle[:, -1] / unit, tuple(terms.features), len(target))
    found = best_subsets(system, most_terms=most_terms, forced=forced, beam=20, kept_per_size=4)
    place = {id(each): k for k, each in enumerate(terms.features)}
    chosen = [tuple(place[id(each)] for each in support.features) for support in found if support.features]
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
    for number, (each, coefficient) in enumerate(zip(support.features, support.coefficients, strict=True), start=1):
        values[f"_c{number}"] = float(coefficient)
        terms.append(sympy.Symbol(f"_c{number}") * each.expression)
    inner = {name: value for each in support.features for name, value in each.constants}
    return Formula(sympy.Add(*terms), values | inner, transform)


def sums(rows: Rows, terms: Terms, mixed: Terms, *, transform: str = "") -> list[Formula]:
    """Sums of terms for the target, or for a transformed target, best first."""
    with np.errstate(all="ignore"):
        target = {"": rows.y, "1/y": 1 / rows.y, "y^2": rows.y**2, "log y": np.log(np.abs(rows.y))}[transform]
        weights = {"": np.ones(len(target)), "1/y": rows.y, "y^2": 1 / target, "log y": np.ones(len(target))}[transform]
    if transform == "" and rows.stderr is not None:
        weights = 1 / rows.stderr
    most = max(1, min(MOST_TERMS, len(target) // 5))
    found = _subsets(terms, target, weights, most_terms=most)
    if mixed.features:
        weighted = Terms(mixed.features, mixed.matrix * weights[:, None])
        bases = [(), (sympy.Integer(1),)] + [tuple(f.expression for f in support.features) for support in found[:2]]
        chosen: list[int] = []
        for basis in bases:
            columns = [k for k, each in enumerate(terms.features) if each.expression in basis]
            matrix = (terms.matrix * weights[:, None])[:, columns]
            chosen += _screened(weighted, matrix, target * weights, MOST_MIXED // len(bases))
        kept = sorted(set(chosen))
        matrix = np.column_stack([terms.matrix, mixed.matrix[:, kept]])
        both = Terms([*terms.features, *(mixed.features[k] for k in kept)], matrix)
        found = _subsets(both, target, weights, most_terms=most) + found[:3]
    found.sort(key=lambda support: support.score)
    if transform:  # one term alone is a product of powers, which `products` finds
        found = [support for support in found if len(support.features) > 1]
    return [_sum_of(support, transform) for support in found]


def products(rows: Rows) -> list[Formula]:
    """Products of powers of factors, found in logarithms, with free exponents and with rounded ones."""
    if not np.all(rows.y):
        return []  # no logarithm
    terms = valued([feature(factor) for factor in factors(rows)], rows)
    kept = np.all(terms.matrix != 0, axis=0)
    features = [feature(sympy.Integer(1)), *(f for f, keep in zip(terms.features, kept, strict=True) if keep)]
    terms = Terms(features, np.column_stack([np.ones(len(rows.y)), np.log(np.abs(terms.matrix[:, kept]))]))
    most = max(2, min(len(rows.columns) + 3, len(rows.y) // 4))
    target, weights = np.log(np.abs(rows.y)), np.ones(len(rows.y))
    supports = _subsets(terms, target, weights, most_terms=most)[:12]
    # Sums of columns can hide a plain power law from a greedy search: build upon it as well.
    columns = {sympy.Symbol(name) for name in rows.columns} | {sympy.Integer(1)}
    forced = [k for k, each in enumerate(terms.features) if each.expression in columns]
    if len(forced) < most + 2 and len(forced) < len(rows.y) - 2:
        supports += _subsets(terms, target, weights, most_terms=max(most, len(forced)), forced=forced)[:8]
    found = []
    for support in supports:
        pairs = zip(support.features, support.coefficients, strict=True)
        powers = {each.expression: power for each, power in pairs if each.expression != 1}
        if powers:
            found += _products_of(powers, rows)
    return found


def _products_of(powers: dict[sympy.Expr, float], rows: Rows) -> list[Formula]:
    """One product with its exponents free, and with those rounded that are near small fractions."""
    errors = _power_errors(powers, rows)
    kept = {factor: power for factor, power in powers.items() if abs(power) > max(2 * errors[factor], ZERO_POWER)}
    if kept and len(kept) < len(powers):
        return _products_of(kept, rows)
    fractions = {factor: _fraction(power) for factor, power in powers.items()}
    rounded = {
        factor: fraction if fraction and abs(float(fraction) - powers[factor]) < near else None
        for factor, fraction in fractions.items()
        for near in [max(2 * errors[factor], NEAR_FRACTION)]
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
    values = compile_rhs(list(powers), list(rows.columns))(np.array(list(rows.columns.values())))
    columns = np.column_stack([np.log(np.abs(values)).T, np.ones(len(rows.y))])
    target = np.log(np.abs(rows.y))
    solution, *_ = np.linalg.lstsq(columns, target, rcond=None)
    variance = np.sum((target - columns @ solution) ** 2) / max(len(target) - columns.shape[1], 1)
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(columns.T @ columns)), 0) * variance)
    return dict(zip(powers, map(float, errors[:-1]), strict=True))


def _product(
    powers: dict[sympy.Expr, float], rounded: dict[sympy.Expr, sympy.Rational | None], rows: Rows
) -> Formula | None:
    """``c·Π factor^power`` with the sign it needs."""
    if max(map(abs, powers.values())) > MOST_POWER:
        return None
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


def formula_families(rows: Rows) -> Iterator[list[Formula]]:
    """Proposes formulas for the target, plain families first.

    Args:
        rows: The table.

    Yields:
        Formulas of one family, most promising first; the first family is the constant alone.
    """
    yield [Formula(sympy.Symbol("_c1"), {"_c1": float(rows.y.mean())})]
    yield products(rows)
    terms, mixed = sum_terms(rows)
    yield sums(rows, terms, mixed)[:SUMS]
    is_positive = bool(np.all(rows.y > 0))
    for transform in TRANSFORMS:
        if transform and (is_positive or (transform == "1/y" and np.all(rows.y < 0))):
            yield sums(rows, terms, mixed, transform=transform)[:TRANSFORMED]
