"""From factors to formulas: their exponents are found in logarithms, rounded where they may be, and written plainly.

Leaves out which factors there are (`algebraic_factors`) and the fit to the target itself (`algebraic_fit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import POWERS, TRANSFORMS, Formula, Rows, weight
from motionlaw.tools.algebraic_forms import FORMS, Factor
from motionlaw.tools.algebraic_groups import Pieces

# Exponents: the largest that is believed, how near to a fraction counts as that fraction, and which fractions.
MOST_POWER, NEAR_FRACTION, DENOMINATORS = 8.0, 0.02, (1, 2, 3, 4)
# An exponent may be a fraction that is within so many of its errors.
ERRORS = 2.5
# What exponents cost in free constants: one that is no plain fraction, and an odd one.
FREE, ODD = 2.5, 0.8
# Rows on which exponents are found, and how many products are handed on.
MOST_ROWS, HANDED_ON = 400, 30
# Rows count where the target exceeds this share of its standard deviation, or is among this share of the largest.
BRIGHT, BRIGHTEST = 0.3, 0.3


@dataclass(frozen=True)
class Goal:
    """The logarithm of a (transformed) target in the rows that have one: values and weights, shape (n,), and which."""

    values: np.ndarray
    weights: np.ndarray
    rows: np.ndarray


def goal_of(rows: Rows, transform: str, relative: bool, about: np.ndarray | None) -> Goal:
    """The logarithm of the target where it stands well above noise, or about a prediction of it.

    Noise of one size is the larger in the logarithm the smaller the target, and biased where both are alike; about a
    prediction the logarithm is taken to first order, which leaves no bias.
    """
    change = TRANSFORMS[transform]
    with np.errstate(all="ignore"):
        target = change.apply(rows.y)
        if about is not None:
            expected = change.apply(about)
            values = np.log(np.abs(expected)) + (target - expected) / expected
            weights = np.abs(expected / change.slope(about))
        else:
            values = np.log(np.abs(target))
            weights = np.ones(len(target)) if relative else np.abs(target / change.slope(rows.y))
    good = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    if not relative and np.any(good):
        few = np.quantile(weights[good], 1 - BRIGHTEST)
        good &= weights >= min(BRIGHT * np.std(rows.y), few)
    return Goal(values[good], weights[good] / np.max(weights[good], initial=1e-300), good)


@dataclass(frozen=True)
class Product:
    """Powers of columns times powers of factors.

    Args:
        factors: The factors.
        estimates: Exponents of columns, then of factors, as least squares gives them.
        exponents: The same, rounded; ``None`` for one that is no plain fraction, and for an exponential's.
        score: Description length in nats.
    """

    factors: tuple[Factor, ...]
    estimates: np.ndarray
    exponents: tuple[sympy.Rational | None, ...]
    score: float


def ranked_products(
    rows: Rows, names: Sequence[str], pieces: Pieces, choices: Sequence[Sequence[Factor]], goal: Goal, price: float
) -> list[Product]:
    """The best products, those first whose exponents may be plain fractions.

    Args:
        rows: The table.
        names: Columns that may stand to any power.
        pieces: What the factors' groups are made of.
        choices: Sets of factors; the first is kept in any case.
        goal: The logarithm of the target.
        price: Nats of a free constant.
    """
    with np.errstate(all="ignore"):
        bases = np.log(np.abs(np.array([rows.columns[name] for name in names]))).T.reshape(len(rows.y), -1)
    products = [_product(bases, pieces, tuple(factors), goal, price) for factors in choices]
    found = [product for product in products if product is not None]
    return found[:1] + sorted(found[1:], key=lambda product: product.score)[:HANDED_ON]


def _product(
    bases: np.ndarray, pieces: Pieces, factors: tuple[Factor, ...], goal: Goal, price: float
) -> Product | None:
    """A set of factors with its exponents, the surest rounded first; ``None`` where they make no law."""
    kept = np.flatnonzero(goal.rows)
    few = np.linspace(0, len(kept) - 1, min(len(kept), MOST_ROWS)).astype(int)
    part = replace(pieces, values=pieces.values[kept[few]])
    with np.errstate(all="ignore"):
        logs = [FORMS[factor.form].log(factor.k * part.of(np.array([factor.powers]))) for factor in factors]
    matrix = np.column_stack([np.ones(len(few)), bases[kept[few]], *logs]) * goal.weights[few, None]
    target = goal.values[few] * goal.weights[few]
    good = np.all(np.isfinite(matrix), axis=1)
    if np.sum(good) <= matrix.shape[1]:
        return None
    matrix, target = matrix[good], target[good]
    plain = [True] * bases.shape[1] + [factor.form != "exp" for factor in factors]
    given = {bases.shape[1] + k: factor.exponent for k, factor in enumerate(factors) if factor.exponent is not None}
    exponents = {k: sympy.Rational(exponent) for k, exponent in given.items()}
    estimates, errors = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    while True:
        fixed = sorted(exponents)
        rest = target - matrix[:, [1 + k for k in fixed]] @ np.array([float(exponents[k]) for k in fixed])
        free = [k for k in range(matrix.shape[1]) if k - 1 not in exponents]
        estimates[free], errors[free] = _least_squares(matrix[:, free], rest)
        estimates[[1 + k for k in fixed]] = [float(exponents[k]) for k in fixed]
        if any(abs(estimates[1 + k]) > MOST_POWER for k, is_plain in enumerate(plain) if is_plain):
            return None
        open_ = [k for k, is_plain in enumerate(plain) if is_plain and k not in exponents]
        near = {k: _fraction(estimates[1 + k], max(ERRORS * errors[1 + k], NEAR_FRACTION)) for k in open_}
        sure = [k for k in open_ if near[k] is not None]
        if not sure:
            break
        best = min(sure, key=lambda k: errors[1 + k])
        exponents[best] = near[best]
    left = float(np.sum((target - matrix @ estimates) ** 2))
    cost = sum(factor.cost for factor in factors) + sum(
        _power_cost(exponents.get(k)) for k, is_plain in enumerate(plain) if is_plain
    )
    floor = 1e-22 * float(target @ target) + 1e-300
    listed = tuple(exponents.get(k) for k in range(len(plain)))
    return Product(factors, estimates[1:], listed, len(target) * float(np.log(left + floor)) + 2 * price * cost)


def _least_squares(matrix: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solution and its standard errors."""
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    left, singular, right = np.linalg.svd(matrix / scale, full_matrices=False)
    inverse = np.where(singular > 1e-12 * singular[0], 1 / np.maximum(singular, 1e-300), 0.0)
    solution = right.T @ (inverse * (left.T @ target))
    variance = np.sum((target - matrix / scale @ solution) ** 2) / max(len(target) - len(solution), 1)
    return solution / scale, np.sqrt(np.sum((right.T * inverse) ** 2, axis=1) * variance) / scale


def _power_cost(power: sympy.Rational | None) -> float:
    return FREE if power is None else 0.0 if power == 0 else POWERS.get(abs(power), ODD) if abs(power) != 1 else 0.0


def _fraction(value: float, near: float) -> sympy.Rational | None:
    """The nearest plain fraction within ``near``, the plainest of those about as near; ``None`` if there is none."""
    options = [sympy.Rational(round(value * q), q) for q in DENOMINATORS]
    best = min(options, key=lambda option: abs(float(option) - value) + (0.02 + near / 4) * (option.q - 1))
    return best if abs(float(best) - value) < near else None


def formulas_of(
    rows: Rows, names: Sequence[str], pieces: Pieces, product: Product, transform: str
) -> Iterator[Formula]:
    """A product as formulas: with the exponents it has, and with the nearest fractions for those that have none."""
    plain = [True] * len(names) + [factor.form != "exp" for factor in product.factors]
    options = [product.exponents]
    if any(is_plain and power is None for is_plain, power in zip(plain, product.exponents, strict=True)):
        near = [_fraction(value, np.inf) for value in product.estimates]
        options.append(tuple(near[k] if is_plain else None for k, is_plain in enumerate(plain)))
    for exponents in options:
        formula = _built(rows, names, pieces, replace(product, exponents=exponents), transform)
        if formula is not None:
            yield formula


def _built(rows: Rows, names: Sequence[str], pieces: Pieces, product: Product, transform: str) -> Formula | None:
    """``c·Π base^power`` with the sign it needs; ``None`` where a root would be of a negative number."""
    constants: dict[str, float] = {"_c1": 1.0}
    parts: list[sympy.Expr] = [sympy.Symbol("_c1")]
    outer: dict[sympy.Symbol, sympy.Rational] = {}
    sums: list[tuple[sympy.Expr, sympy.Rational]] = []
    size = np.ones(len(rows.y))
    bases: list[tuple[sympy.Expr, np.ndarray]] = [(sympy.Symbol(name), rows.columns[name]) for name in names]
    for number, factor in enumerate(product.factors):
        group, value = pieces.group(np.array(factor.powers)), factor.k * pieces.of(np.array([factor.powers]))[:, 0]
        k: sympy.Expr = sympy.Integer(int(factor.k)) if factor.k == int(factor.k) else sympy.Rational(factor.k)
        if factor.form == "exp":
            rate = float(product.estimates[len(names) + number])
            constants[f"_k{number}"] = rate
            parts.append(sympy.exp(sympy.Symbol(f"_k{number}") * group))
            with np.errstate(all="ignore"):
                size *= np.exp(rate * value)
            bases.append((sympy.Integer(1), value))
            continue
        if not factor.is_exact:
            constants[f"_k{number}"] = factor.k
            k = sympy.Symbol(f"_k{number}")
        with np.errstate(all="ignore"):
            bases.append((FORMS[factor.form].build(k * group), FORMS[factor.form].value(value)))
    for number, (base, value) in enumerate(bases):
        power = product.exponents[number]
        if base == 1 or power == 0:
            continue
        if np.any(value < 0) and (power is None or not power.is_Integer):
            if np.any(value > 0):
                return None  # changes sign: no real power
            base, value = -base, -value
        number_power = float(product.estimates[number] if power is None else power)
        with np.errstate(all="ignore"):
            size *= np.sign(value) ** (int(power) if power is not None and power.is_Integer else 0) * (
                np.abs(value) ** number_power
            )
        if power is None:
            constants[f"_p{number}"] = number_power
            parts.append(base ** sympy.Symbol(f"_p{number}"))
        elif base.is_Symbol:
            outer[base] = power
        elif base.is_Add:
            sums.append((base, power))
        else:
            parts.append(base**power)
    with np.errstate(all="ignore"):
        ratio = TRANSFORMS[transform].apply(rows.y) / size
        ratio = ratio[np.isfinite(ratio)]
    constants["_c1"] = float(np.median(ratio)) if len(ratio) else 1.0
    positive = {sympy.Symbol(name) for name in names if np.all(rows.columns[name] > 0)}
    inside = sympy.Mul(*parts, _plainest(outer, sums, positive))
    used = {symbol.name for symbol in inside.free_symbols}
    return Formula(inside, {name: value for name, value in constants.items() if name in used}, transform)


def _plainest(
    outer: dict[sympy.Symbol, sympy.Rational],
    sums: list[tuple[sympy.Expr, sympy.Rational]],
    positive: set[sympy.Symbol],
) -> sympy.Expr:
    """Powers of columns times powers of sums, with columns multiplied into the sums where that is plainer.

    ``y·sqrt(1 + x²/y²)`` becomes ``sqrt(x² + y²)``, and ``1/(1 - c²/v²)`` is turned so that it reads most plainly.
    """
    rest: sympy.Expr = sympy.Mul(*(symbol**power for symbol, power in outer.items()))
    done: sympy.Expr = sympy.Integer(1)
    for base, power in sums:
        options = [(rest, base)]
        present = sorted(base.free_symbols & positive, key=str)
        into = [symbol ** (rest.as_powers_dict()[symbol] / power) for symbol in present]
        into += [
            sympy.Mul(*into),
            *(1 / term for term in base.args if not term.is_Number and term.free_symbols <= positive),
        ]
        for factor in into:
            if factor != 1:
                turned = sympy.expand(base * factor)
                options.append((rest * factor ** (-power), turned))
        rest, base = min(options, key=lambda option: weight(option[0] * option[1] ** power))
        done *= base**power
    return rest * done
