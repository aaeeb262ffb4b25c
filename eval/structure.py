"""Whether two laws are the same: numerically, by their canonical terms, and by what their constants can be made to do.

Two questions are answered here. *Equivalent*: the same function, constants included. *Same structure*: the same
function once the constants are free. For the second, skeletons are compared first. Forms that differ on paper
(``tanh(k*x)`` and ``1/(1 + exp(-k*x))``) are compared by fitting: the found law has the true structure if, with its own
constants fitted again, it becomes the true function to rounding on a box twice as wide as the data, and has no more
constants than the truth. A longer law that merely comes close is never the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.eval.forms import SAME_FREQUENCY, Form, law_form
from motionlaw.tools.equation import canonical_terms, compile_rhs, evaluate
from motionlaw.tools.errors import UserError
from motionlaw.tools.limits import call_limited

POINTS, FEWEST_POINTS = 256, 40
# The box is this many times as wide as the data.
WIDER = 2.0
# Two functions are equal where they differ by less than this share of their spread.
EQUAL, FITTED = 1e-8, 1e-6
SIMPLIFY_S = 3.0
# Where nothing is known of the data: far enough from 0 and 1 for powers to differ.
NO_DATA = (-2.0, 2.0)
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Box:
    """Points at which functions are compared, drawn independently in every variable.

    Args:
        points: Values of each variable, each of shape (points,).
        positive: Variables that are positive in the data; they stay so.
    """

    points: Columns
    positive: frozenset[str] = frozenset()


def sample_box(columns: Columns | None, variables: Collection[str], *, seed: int = 0) -> Box:
    """Draws points in a box twice as wide as the data; a variable without data lies within ±2.

    Args:
        columns: The data, each of shape (rows,).
        variables: Names that expressions use.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    points, positive = {}, set()
    for name in sorted({*variables, *(columns or {})}):
        low, high = NO_DATA
        values = np.asarray(columns[name], dtype=float) if columns and name in columns else np.empty(0)
        values = values[np.isfinite(values)]
        if len(values):
            first, last = float(values.min()), float(values.max())
            reach = (WIDER - 1) / 2 * (last - first) or 0.5 * abs(first) or 1.0
            low, high = first - reach, last + reach
            if first > 0:
                positive.add(name)
                low = max(low, first / 2)
        points[name] = rng.uniform(low, high, POINTS)
    return Box(points, frozenset(positive))


def variables_of(*expressions: sympy.Expr) -> set[str]:
    """Names of the variables in expressions."""
    return {symbol.name for expression in expressions for symbol in expression.free_symbols}


def values_in(expression: sympy.Expr, box: Box) -> np.ndarray:
    """Values of an expression at a box's points, shape (points,); empty where the box has no variable."""
    return np.broadcast_to(evaluate(expression, box.points), (POINTS,)) if box.points else np.empty(0)


def is_equivalent(a: sympy.Expr, b: sympy.Expr, columns: Columns | None = None) -> bool | None:
    """Whether two expressions are one function: numeric → canonical → simplify under a hard limit.

    Args:
        a: One expression.
        b: The other.
        columns: Data that say where the variables lie; undefined regions of the one must be those of the other.

    Returns:
        The answer; ``None`` where too few points are defined and simplifying was not done in time.

    Example:
        >>> x = sympy.Symbol("x")
        >>> is_equivalent((x + 1)**2, x**2 + 2 * x + 1), is_equivalent(x, x**3)
        (True, False)
    """
    box = sample_box(columns, variables_of(a, b))
    if box.points:
        left, right = values_in(a, box), values_in(b, box)
        if not np.array_equal(np.isfinite(left), np.isfinite(right)):
            return False
        defined = np.isfinite(left)
        if not np.allclose(left[defined], right[defined], rtol=EQUAL, atol=EQUAL * _spread(right[defined])):
            return False
        if defined.sum() >= FEWEST_POINTS:
            return True
    outcome = call_limited(_is_same_text, a, b, seconds=SIMPLIFY_S)
    return outcome.value if outcome.status == "ok" else None


def _is_same_text(a: sympy.Expr, b: sympy.Expr) -> bool:
    return canonical_terms(a) == canonical_terms(b) or bool(sympy.simplify(a - b) == 0)


def _spread(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0)) or 1.0


def is_constant(values: np.ndarray, scale: float) -> bool:
    """Whether values are one constant, up to rounding on a scale."""
    return len(values) >= FEWEST_POINTS and float(np.ptp(values)) <= FITTED * scale


@dataclass(frozen=True)
class Comparison:
    """A found law beside the true one.

    Args:
        found: Its form.
        truth: The true form.
        constants: Pairs of the found law's constants and the values that would make it the truth, ``None`` where the
            structures differ; each with the skeleton of its term, and whether it is the term's coefficient.
    """

    found: Form
    truth: Form
    constants: tuple[Pair, ...] | None

    @property
    def is_same(self) -> bool:
        """Whether the structures agree."""
        return self.constants is not None


@dataclass(frozen=True)
class Pair:
    """A found constant, its true value, and the skeleton of the term whose coefficient it is (``""`` if inside)."""

    found: float
    truth: float
    term: str = ""


def compare(found: sympy.Expr, truth: sympy.Expr, columns: Columns | None = None) -> Comparison | None:
    """Compares the structures of a found and a true law.

    Args:
        found: The found right-hand side.
        truth: The true one.
        columns: The data; they say where variables are positive and how wide the box is.

    Returns:
        The comparison; ``None`` where the found law is too large to be brought into a form.
    """
    box = sample_box(columns, variables_of(found, truth))
    mine, theirs = law_form(found, box.positive), law_form(truth, box.positive)
    if theirs is None:
        raise UserError(f"The true law must be shorter to be compared, got {str(truth)[:60]}….")
    if mine is None:
        return None
    pairs = mine.pairs(theirs)
    if len(pairs) == len(mine.terms) == len(theirs.terms):
        constants = [Pair(a.coefficient, b.coefficient, str(a.tree)) for a, b in pairs]
        constants += [
            Pair(p.value, q.value) for a, b in pairs for p, q in zip(a.constants, b.constants, strict=True)
        ]
        return Comparison(mine, theirs, tuple(constants))
    return Comparison(mine, theirs, _fitted(mine, theirs, truth, box))


def _fitted(found: Form, theirs: Form, truth: sympy.Expr, box: Box) -> tuple[Pair, ...] | None:
    """The found law's constants beside those that make it the true function, if there are any."""
    if not box.points:
        return None
    target = values_in(truth, box)
    usable = np.isfinite(target)
    if usable.sum() < FEWEST_POINTS:
        return None
    freed = _Freed(found, {name: values[usable] for name, values in box.points.items()}, target[usable])
    # One number that stands in several places is one constant first: exp(k*x)/(1 + exp(k*x)).
    for ties in ([float(f"{value:.9g}") for value in freed.first], list(range(len(freed.first)))):
        distinct = list(dict.fromkeys(ties))
        if len(freed.columns) + len(distinct) > theirs.n_constants:
            continue
        solution = freed.solve(np.array([distinct.index(tie) for tie in ties], dtype=int))
        if solution is not None:
            return _pairs(found, *solution)
    return None


class _Freed:
    """A found law with its constants free, on the points of a box."""

    def __init__(self, found: Form, points: Columns, target: np.ndarray) -> None:
        self.listed = [constant for term in found.terms for constant in term.constants]
        self.first = np.array([constant.value for constant in self.listed])
        # Every term numbers its constants from 0.
        own = [
            {constant.symbol: sympy.Symbol(f"_k{k}{constant.symbol.name}") for constant in term.constants}
            for k, term in enumerate(found.terms)
        ]
        self.columns = [
            column.xreplace(names) for names, term in zip(own, found.terms, strict=True) for column in term.columns
        ]
        names = [symbol.name for each in own for symbol in each.values()]
        self.evaluated = compile_rhs(self.columns, [*points, *names])
        self.points, self.target = np.array(list(points.values())), target
        self.scale = float(np.std(target)) or _spread(target)

    def coefficients(self, inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best coefficients for given inner constants, and what they leave over as shares of the spread."""
        matrix = self.evaluated(np.vstack([self.points, np.repeat(inner[:, None], self.points.shape[1], axis=1)])).T
        if not np.isfinite(matrix).all():
            return np.full(len(self.columns), np.nan), np.full(len(self.target), 1e3)
        size = np.abs(matrix).max(axis=0)
        size[size == 0] = 1.0
        solved = np.linalg.lstsq(matrix / size, self.target, rcond=None)[0] / size
        return solved, (matrix @ solved - self.target) / self.scale

    def solve(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Coefficients and inner constants with which the law is the truth; constants of one group move together."""
        from scipy.optimize import least_squares

        inner = self.first
        if len(inner) and np.isfinite(self.coefficients(inner)[0]).all():
            each = np.array([_bounds(c.value, c.is_strict) for c in self.listed])
            count = int(groups.max()) + 1
            low = [each[groups == group, 0].max() for group in range(count)]
            high = [each[groups == group, 1].min() for group in range(count)]
            shares = least_squares(
                lambda shares: self.coefficients(self.first * shares[groups])[1], np.ones(count), bounds=(low, high),
                xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200,
            ).x  # fmt: skip
            inner = self.first * shares[groups]
        solved, residual = self.coefficients(inner)
        return (solved, inner) if float(np.sqrt(np.mean(residual**2))) <= FITTED else None


def _bounds(value: float, is_strict: bool) -> tuple[float, float]:
    """How far a constant may move, as shares of itself: signs stay, frequencies and exponents stay near."""
    return (1 - SAME_FREQUENCY, 1 + SAME_FREQUENCY) if is_strict and value else (1e-6, 1e6)


def _pairs(found: Form, coefficients: np.ndarray, inner: np.ndarray) -> tuple[Pair, ...]:
    pairs, column, constant = [], 0, 0
    for term in found.terms:
        truth = float(np.hypot.reduce(coefficients[column : column + len(term.columns)]))
        if len(term.columns) == 1:
            truth = float(coefficients[column])
        pairs.append(Pair(term.coefficient, truth, str(term.tree)))
        column += len(term.columns)
        for each in term.constants:
            pairs.append(Pair(each.value, float(inner[constant])))
            constant += 1
    return tuple(pairs)
