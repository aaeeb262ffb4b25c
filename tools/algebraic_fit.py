"""Formulas with constants: fitted to the rows of a table and scored, for algebraic laws y = f(columns).

Every formula, wherever it comes from, is fitted to y itself, and its score is a description length, lower is better:
-2·log-likelihood + (log(n) + 5)·cost. The noise may have one size, or a share of y: whichever
explains the formula's own misfit better. Leaves out where formulas come from (`algebraic_search`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy
from scipy.optimize import least_squares

from motionlaw.tools.contest import IDLE
from motionlaw.tools.equation import compile_rhs, ordered_terms

# Scatter under proportional noise may exceed that under constant noise so many times, for a target of both signs.
WORSE = 1.5
# Misfit below this share of the target's variance is rounding of the numbers in the table, and no evidence.
ROUNDING = 1e-20
# Proportional noise does not shrink below this share of the target's size.
LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Transform:
    """What of the target a formula gives.

    Args:
        undo: From the formula to the target.
        text: How it is written.
        apply: From the target to its transform, with numbers.
        slope: The derivative of ``apply``.
        low: Least and greatest target for which there is one way back.
        cost: In free constants.
        power: The exponent, if it is a power.
    """

    undo: Callable[[sympy.Expr], sympy.Expr]
    text: str
    apply: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float
    cost: float
    power: int | None = None


_RIGHT, _ALL = np.pi / 2, np.inf
TRANSFORMS = {
    "": Transform(lambda f: f, "{}", lambda y: y, np.ones_like, -_ALL, _ALL, 0.0, 1),
    "1/y": Transform(lambda f: 1 / f, "1/{}", lambda y: 1 / y, lambda y: y**-2.0, -_ALL, _ALL, 0.4, -1),
    "y^2": Transform(sympy.sqrt, "{}^2", np.square, lambda y: 2 * y, 0.0, _ALL, 0.5, 2),
    "1/y^2": Transform(lambda f: 1 / sympy.sqrt(f), "1/{}^2", lambda y: y**-2.0, lambda y: y**-3.0, 0.0, _ALL, 0.7, -2),
    "log y": Transform(sympy.exp, "log({})", np.log, lambda y: 1 / y, 0.0, _ALL, 0.8),
    "exp y": Transform(sympy.log, "exp({})", np.exp, np.exp, -30.0, 30.0, 0.8),
    "sin y": Transform(sympy.asin, "sin({})", np.sin, np.cos, -_RIGHT, _RIGHT, 0.8),
    "cos y": Transform(sympy.acos, "cos({})", np.cos, np.sin, 0.0, np.pi, 0.8),
    "tan y": Transform(sympy.atan, "tan({})", np.tan, lambda y: np.cos(y) ** -2.0, -_RIGHT, _RIGHT, 0.8),
}
# What a free constant's worth of a formula costs in description length beside log(rows): some hundred thousand formulas
# of about that many pieces are looked at, and the best of so many fits by luck.
CHOICE = 5.0
# The prior: what a piece of a formula costs beyond its constants, in free constants.
COLUMN, FUNCTION, INNER_SUM, ODD_POWER, NUMBER = 0.25, 0.8, 0.1, 0.8, 0.5
# What a third root costs (a fourth root twice that), and a number added to one bare column, or an exponential of it:
# few columns have their natural scale as their unit.
ODD_ROOT, BARE = 1.2, 0.5
# An exponent that is no plain fraction is long odds in nature; this is what it costs beside its constant.
FREE_POWER = 1.5
POWERS = {1: 0.0, 2: 0.25, 3: 0.55, sympy.Rational(1, 2): 0.5, sympy.Rational(3, 2): 0.65}
NEGATIVE = 0.15
# Formulas whose misfits differ by less than this share are one curve.
SAME = 1e-7
# Directions in which the curve changes less than this, relative to the others, cannot be told from none.
BLIND = 1e-11
# Slopes by constants inside a formula are central differences with this relative step.
STEP = 1e-5
# Equal coefficients are believed to be one constant only if each is known this well.
TIE_ERROR = 0.05


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Args:
        columns: The predictors by name, each of shape (n,).
        y: The target, shape (n,).
        stderr: Stated standard errors of the target, shape (n,), or ``None``.
        dimensions: Vectors of dimensions of the columns, ``None`` unless those of all are known.
    """

    columns: dict[str, np.ndarray]
    y: np.ndarray
    stderr: np.ndarray | None = None
    dimensions: Mapping[str, np.ndarray] | None = None

    @property
    def spread(self) -> float:
        """Variance of the target."""
        return float(np.var(self.y))

    def only(self, chosen: np.ndarray) -> Rows:
        """The rows of a mask or list of indices."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        stderr = None if self.stderr is None else self.stderr[chosen]
        return Rows(columns, self.y[chosen], stderr, self.dimensions)


@dataclass(frozen=True)
class Formula:
    """A law for the target with named constants.

    Args:
        inside: Expression in columns and constants; constants have names that start with ``_``.
        values: First guesses or fitted values of the constants, by name; ``_c…`` multiply a term.
        transform: Key of `TRANSFORMS`: what of the target ``inside`` gives.
        source: Who proposed it.
        stderr: Standard errors of the constants, empty before the fit.
        misfit: -2·log-likelihood up to a constant that all formulas share, infinite before the fit.
        noise_std: Scatter of the rows about the formula, in the target's unit.
        noise: ``"constant"``, ``"proportional"`` (to y) or ``"stated"``.
        score: Description length, lower is better; infinite before `rank`.
        foreign: What units cost it, in free constants (`algebraic_units`).
    """

    inside: sympy.Expr
    values: Mapping[str, float]
    transform: str = ""
    source: str = "search"
    stderr: Mapping[str, float] = field(default_factory=dict)
    misfit: float = np.inf
    noise_std: float = np.nan
    noise: str = "constant"
    score: float = np.inf
    foreign: float = 0.0

    @property
    def outside(self) -> sympy.Expr:
        """The target as an expression in columns and constants."""
        return TRANSFORMS[self.transform].undo(self.inside)

    @property
    def key(self) -> str:
        """Text that is equal for equal structures."""
        names = {sympy.Symbol(name): sympy.Symbol("_") for name in self.values}
        terms = sorted(str(term.subs(names)) for term in sympy.Add.make_args(self.inside))
        return f"{self.transform}|{'+'.join(terms)}"

    @property
    def cost(self) -> float:
        """How exotic the formula is, in free constants."""
        terms = sympy.Add.make_args(self.inside)
        return len(self.values) + sum(map(weight, terms)) + TRANSFORMS[self.transform].cost + self.foreign

    def expression(self) -> sympy.Expr:
        """The target as an expression in the columns alone."""
        return self.outside.subs({sympy.Symbol(name): sympy.Float(value) for name, value in self.values.items()})


def weight(node: sympy.Expr) -> float:
    """Cost of an expression beyond its constants.

    Example:
        >>> x = sympy.Symbol("x")
        >>> weight(x), weight(x**2), weight(sympy.sin(x))
        (0.25, 0.5, 1.05)
    """
    if node.is_Symbol:
        return 0.0 if node.name.startswith("_") else COLUMN
    if node.is_Number:
        return 0.0 if abs(node) == 1 else NUMBER
    if node.is_Pow:
        if not node.exp.is_Number:
            return weight(node.base) + weight(node.exp) + FREE_POWER
        root = node.exp.q if node.exp.is_Rational else 4
        odd = ODD_POWER if root <= 2 else ODD_ROOT * (root - 2)
        return weight(node.base) + POWERS.get(abs(node.exp), odd) + (NEGATIVE if node.exp < 0 else 0.0)
    parts = sum(map(weight, node.args))
    if node.is_Add:
        is_bare = len(node.free_symbols) == 1 and any(term.is_Number for term in node.args)
        return parts + INNER_SUM + (BARE if is_bare else 0.0)
    if not node.is_Function:
        return parts
    is_bare = len(node.free_symbols) == 1 and isinstance(node, (sympy.exp, sympy.cosh, sympy.tanh))
    return parts + FUNCTION + (BARE if is_bare else 0.0)


class _Curve:
    """A formula and its slopes as numbers: one row of the table after the other, all at once."""

    def __init__(self, formula: Formula, rows: Rows) -> None:
        self.names = list(formula.values)
        self.is_linear = formula.transform == "" and all(name.startswith("_c") for name in self.names)
        self._evaluate = compile_rhs([formula.outside], [*rows.columns, *self.names])
        self._columns = list(rows.columns.values())
        self._rows = len(rows.y)

    def value(self, values: np.ndarray) -> np.ndarray:
        """Values, shape (n,)."""
        return self._evaluate(np.array([*self._columns, *(np.full(self._rows, value) for value in values)]))[0]

    def at(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values, shape (n,), and slopes by constant, shape (n, P), by central differences.

        Coefficients take a step as large as themselves, which is exact where the formula is linear in them.
        """
        values = np.asarray(values, dtype=float)
        count = len(values)
        share = np.array([1.0 if name.startswith("_c") and self.is_linear else STEP for name in self.names])
        steps = share * np.where(values == 0, 1.0, np.abs(values))
        points = np.vstack([values, values + np.diag(steps), values - np.diag(steps)])
        shape = (2 * count + 1, self._rows)
        inputs = np.empty((len(self._columns) + count, *shape))
        for row, column in enumerate(self._columns):
            inputs[row] = column
        inputs[len(self._columns) :] = points.T[:, :, None]
        result = self._evaluate(inputs)[0]
        with np.errstate(all="ignore"):
            above, below = result[1 : count + 1], result[count + 1 :]
            slopes = (above - below) / (2 * steps[:, None])
            at_edge = ~np.isfinite(slopes)  # e.g. of an arc sine: from the side that has a value
            one_sided = np.where(np.isfinite(above), above - result[0], result[0] - below) / steps[:, None]
            slopes = np.where(at_edge, one_sided, slopes)
        return result[0], slopes.T


def _solve(curve: _Curve, start: np.ndarray, y: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """The constants that fit best where row k has the error ``sizes[k]``."""
    first, slope = curve.at(start)
    if not (np.all(np.isfinite(first)) and np.all(np.isfinite(slope))):
        return None
    if curve.is_linear:
        scale = np.maximum(np.linalg.norm(slope / sizes[:, None], axis=0), 1e-300)
        step, *_ = np.linalg.lstsq(slope / sizes[:, None] / scale, (y - first) / sizes, rcond=1e-13)
        return start + step / scale
    unit = np.maximum(np.abs(start), 1e-12 * max(np.max(np.abs(start)), 1e-12))

    def residual(scaled: np.ndarray) -> np.ndarray:
        return np.nan_to_num((curve.value(scaled * unit) - y) / sizes, nan=1e150, posinf=1e150, neginf=-1e150)

    def slopes(scaled: np.ndarray) -> np.ndarray:
        return np.nan_to_num(curve.at(scaled * unit)[1] * unit / sizes[:, None], nan=0.0, posinf=0.0, neginf=0.0)

    limits = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14, "max_nfev": 60}
    try:
        with np.errstate(all="ignore"):  # trial values may overflow; they are turned down
            found = least_squares(residual, start / unit, slopes, method="lm", **limits)
    except ValueError:  # fewer rows than constants, or numbers that overflow
        return None
    return found.x * unit


def _shape(size: np.ndarray) -> np.ndarray | None:
    """Noise sizes in proportion to ``size``, with geometric mean one; ``None`` where that makes no sense."""
    least = LEAST_SHARE * np.sqrt(np.mean(size**2)) if np.min(size) < 0 < np.max(size) else 0.0
    size = np.maximum(np.abs(size), least)
    return size / np.exp(np.mean(np.log(size))) if np.all(size > 0) and np.all(np.isfinite(size)) else None


def fit_formula(formula: Formula, rows: Rows, *, noises: Sequence[str] | None = None) -> Formula:
    """Fits a formula's constants to the target.

    Args:
        formula: The formula with first guesses.
        rows: The table.
        noises: Kinds of noise to consider; all that the table allows if not given.

    Returns:
        The formula with values, errors, misfit and noise; an infinite misfit where it has no value in some row.
    """
    noises = noises or (("stated",) if rows.stderr is not None else ("constant", "proportional"))
    curve, n = _Curve(formula, rows), len(rows.y)
    start = np.array(list(formula.values.values()), dtype=float)
    best = replace(formula, misfit=np.inf)
    if n <= len(start):
        return best
    has_one_sign = bool(np.all(rows.y > 0) or np.all(rows.y < 0))
    for noise in noises:
        sizes = {"stated": rows.stderr, "constant": np.ones(n), "proportional": _shape(rows.y)}[noise]
        values = None if sizes is None else _solve(curve, start, rows.y, sizes)
        if values is not None and noise == "proportional":  # by the law's own size: noise in the weights biases it
            predicted = curve.at(values)[0]
            sizes = _shape(predicted) if np.all(np.sign(predicted) == np.sign(rows.y)) or not has_one_sign else None
            values = None if sizes is None else _solve(curve, values, rows.y, sizes)
        if values is not None and sizes is not None:
            trial = _judged(formula, curve, values, rows, sizes, noise)
            # Where the target changes sign its share is no measure of noise if large rows could fit far better.
            if noise == "proportional" and not has_one_sign and trial.noise_std > WORSE * best.noise_std:
                continue
            best = min(best, trial, key=lambda each: each.misfit)
    return best


def _judged(formula: Formula, curve: _Curve, values: np.ndarray, rows: Rows, sizes: np.ndarray, noise: str) -> Formula:
    """The formula with its errors and its misfit under one kind of noise."""
    predicted, slope = curve.at(values)
    free = len(rows.y) - len(values)
    with np.errstate(all="ignore"):
        residual = (rows.y - predicted) / sizes
        variance = float(np.sum(residual**2)) / free
        noise_std = float(np.sqrt(np.mean((rows.y - predicted) ** 2) * len(rows.y) / free))
        weighted = slope / sizes[:, None]
        scale = np.maximum(np.linalg.norm(weighted, axis=0), 1e-300)
    if not (np.isfinite(variance) and np.all(np.isfinite(weighted)) and np.all(np.isfinite(scale))):
        return replace(formula, misfit=np.inf)
    left, singular, right = np.linalg.svd(weighted / scale, full_matrices=False)
    leverage = np.sum(left[:, singular > BLIND * singular[0]] ** 2, axis=1)
    # Each row is judged by the fit to the others: a few huge rows could be met exactly by as many constants.
    alone = float(np.mean((residual / np.maximum(1 - leverage, 1e-9)) ** 2))
    stated = noise == "stated"
    misfit = variance * free if stated else len(rows.y) * np.log(max(alone, ROUNDING * rows.spread))
    sure = singular > BLIND * singular[0]
    inverse = np.sum((right[sure] / singular[sure, None]) ** 2, axis=0)
    # Constants that can change together without changing the curve have no value of their own.
    inverse[np.any(np.abs(right[~sure]) > 1e-3, axis=0)] = np.inf
    # Stated errors that are too small are widened by the scatter, never narrowed.
    errors = np.sqrt(inverse * max(variance, 1.0 if stated else 1e-300)) / scale
    return replace(
        formula,
        values=dict(zip(curve.names, map(float, values), strict=True)),
        stderr=dict(zip(curve.names, map(float, errors), strict=True)),
        misfit=float(misfit), noise_std=noise_std, noise=noise,
    )  # fmt: skip


def is_exact(formula: Formula, rows: Rows) -> bool:
    """Whether a fitted formula leaves no more than the rounding of the numbers in the table."""
    return formula.noise != "stated" and formula.misfit < len(rows.y) * np.log(1e3 * ROUNDING * rows.spread)


def rank(formulas: Sequence[Formula], rows: Rows) -> list[Formula]:
    """Scores fitted formulas on a common footing and sorts them, best first, one a structure."""
    fitted = [formula for formula in formulas if np.isfinite(formula.misfit)]
    n, widened = len(rows.y), 1.0
    if rows.stderr is not None and fitted:
        widened = max(1.0, min(formula.misfit / (n - len(formula.values)) for formula in fitted))
    price = np.log(n) + CHOICE
    scored = [replace(formula, score=float(formula.misfit / widened + price * formula.cost)) for formula in fitted]
    first: dict[str, Formula] = {}
    for formula in sorted(scored, key=lambda formula: formula.score):
        first.setdefault(formula.key, formula)
    result: list[Formula] = []
    for formula in first.values():  # the same curve written in another way is no rival
        if not any(abs(formula.misfit - known.misfit) < SAME * max(abs(known.misfit), 1.0) for known in result):
            result.append(formula)
    return result


def simpler(formula: Formula) -> list[Formula]:
    """The formula without its idlest term or a needless constant, and with coefficients joined that may be one."""
    idle = [name for name in formula.values if name.startswith("_c")]
    ratio = {name: abs(formula.values[name]) / max(formula.stderr[name], 1e-300) for name in idle}
    result = []
    worst = min(idle, key=ratio.__getitem__, default=None)
    if worst is not None and len(idle) > 1 and ratio[worst] < 1.5 * IDLE:
        result.append(_put(formula, worst, sympy.Integer(0)))
    loose = [name for name in formula.values if name not in idle and not np.isfinite(formula.stderr[name])]
    if loose:  # one of constants that only count together may be any number
        result.append(_put(formula, loose[0], sympy.Float(formula.values[loose[0]])))
    for a, first in enumerate(idle):
        for second in idle[a + 1 :]:
            sign = _tie(formula, first, second)
            if sign:
                result.append(_put(formula, second, sign * sympy.Symbol(first)))
    return result


def _put(formula: Formula, name: str, value: sympy.Expr) -> Formula:
    """The formula with a constant replaced."""
    inside = formula.inside.subs(sympy.Symbol(name), value)
    used = {symbol.name for symbol in inside.free_symbols}
    return replace(formula, inside=inside, values={k: v for k, v in formula.values.items() if k in used})


def _tie(formula: Formula, first: str, second: str) -> int:
    """1 or -1 if two terms are the same function of different columns with equal or opposite coefficients, else 0."""
    a, b = (formula.values[name] for name in (first, second))
    da, db = (formula.stderr[name] for name in (first, second))
    if not (da < TIE_ERROR * abs(a) and db < TIE_ERROR * abs(b)):
        return 0
    terms = [formula.inside.coeff(sympy.Symbol(name)) for name in (first, second)]
    names = [sorted(symbol.name for symbol in term.free_symbols) for term in terms]
    lone = [sorted(set(names[k]) - set(names[1 - k])) for k in (0, 1)]
    if len(lone[0]) != 1 or len(lone[1]) != 1:
        return 0
    if terms[0].subs(sympy.Symbol(lone[0][0]), sympy.Symbol(lone[1][0])) != terms[1]:
        return 0
    close = IDLE * np.hypot(da, db) + 1e-9 * abs(a)
    return 1 if abs(a - b) < close else -1 if abs(a + b) < close else 0


def linear_terms(formula: Formula) -> list[tuple[str, sympy.Expr]]:
    """The constants that multiply a term of ``inside``, each with its term, in the order in which they are printed."""
    found: list[tuple[str, sympy.Expr]] = []
    for term in ordered_terms(formula.inside):
        symbols = [factor for factor in sympy.Mul.make_args(term) if factor.is_Symbol]
        names = [symbol.name for symbol in symbols if symbol.name.startswith("_c")]
        if len(names) == 1 and names[0] not in dict(found):
            found.append((names[0], formula.inside.coeff(sympy.Symbol(names[0]))))
    return found
