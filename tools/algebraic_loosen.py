"""Sums whose exponents are let loose: every term may be multiplied by any power of any column, then powers are rounded.

A listed term that is nearly right is the start of a search over real exponents by least squares, so that terms of many
columns need not be listed. Leaves out where the starts come from (`algebraic_sums`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy
from scipy.optimize import least_squares

from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula, Rows
from motionlaw.tools.equation import compile_rhs

# Sums of more terms than this are not loosened; so many of each number of terms are.
MOST_TERMS, OF_EACH = 3, 3
# Exponents count as a multiple of a half if they are this near to it or within so many errors.
NEAR, ERRORS = 0.06, 3.0
# An exponent that left this range is no law's.
MOST_POWER = 6.0
STEPS = 40


def loosened(formulas: Sequence[Formula], rows: Rows, names: Sequence[str]) -> list[Formula]:
    """Lets the exponents in the most promising short sums go, and rounds where they settle.

    Args:
        formulas: Sums of terms, most promising first.
        rows: The table.
        names: The columns whose exponents are let go, as far as they are positive.
    """
    positive = [name for name in names if np.all(rows.columns[name] > 0)]
    found = []
    for size in range(2, MOST_TERMS + 1):
        short = [each for each in formulas if len(each.values) == size == len(sympy.Add.make_args(each.inside))]
        for formula in short[:OF_EACH]:
            if positive and len(rows.y) > 3 * size * (1 + len(positive)):
                found += _settled(formula, rows, positive)
    return found


def _settled(formula: Formula, rows: Rows, names: Sequence[str]) -> list[Formula]:
    """One sum with its exponents at the nearest halves of where they settle."""
    numbers = {sympy.Symbol(name): value for name, value in formula.values.items()}
    terms = sympy.Add.make_args(formula.inside.subs(numbers))
    values = compile_rhs(list(terms), list(rows.columns))(np.array(list(rows.columns.values())))
    logs = np.log(np.array([rows.columns[name] for name in names]))
    logs -= logs.mean(axis=1, keepdims=True)
    change = TRANSFORMS[formula.transform]
    with np.errstate(all="ignore"):
        target, sizes = change.apply(rows.y), np.abs(change.slope(rows.y))
    good = np.isfinite(target) & np.isfinite(sizes) & (sizes > 0) & np.all(np.isfinite(values), axis=0)
    if np.sum(good) < 0.8 * len(good):
        return []
    values, logs, target, sizes = values[:, good], logs[:, good], target[good], sizes[good]
    sizes /= np.median(sizes)
    count, width = len(terms), len(names)

    def parts(point: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return values * np.exp(np.clip(point[count:].reshape(count, width) @ logs, -200, 200))

    def residual(point: np.ndarray) -> np.ndarray:
        return (point[:count] @ parts(point) - target) / sizes

    def slopes(point: np.ndarray) -> np.ndarray:
        each = parts(point)
        inner = (point[:count, None] * each)[:, None, :] * logs[None]
        return np.vstack([each, inner.reshape(count * width, -1)]).T / sizes[:, None]

    start = np.concatenate([np.ones(count), np.zeros(count * width)])
    settled = least_squares(residual, start, slopes, method="lm", max_nfev=STEPS)
    powers = settled.x[count:]
    free = max(len(target) - len(start), 1)
    spread = np.linalg.pinv(settled.jac.T @ settled.jac)
    errors = np.sqrt(np.maximum(np.diag(spread)[count:], 0) * np.sum(settled.fun**2) / free)
    rounded = np.round(2 * powers) / 2
    if np.max(np.abs(powers)) > MOST_POWER or np.any(np.abs(rounded - powers) > np.maximum(NEAR, ERRORS * errors)):
        return []
    constants, inside = {}, []
    for number, (term, row) in enumerate(zip(terms, rounded.reshape(count, width), strict=True), start=1):
        constants[f"_c{number}"] = 1.0
        _, bare = term.as_coeff_Mul()
        extra = sympy.Mul(*(sympy.Symbol(n) ** sympy.Rational(int(2 * p), 2) for n, p in zip(names, row, strict=True)))
        inside.append(sympy.Symbol(f"_c{number}") * bare * extra)
    total = sympy.Add(*inside)
    return [replace(formula, inside=total, values=constants)] if len(sympy.Add.make_args(total)) == count else []
