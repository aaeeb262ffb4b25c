"""Every score of a law, once: evaluation reports these numbers and training rewards adapt them.

A score is a number or a truth value; ``None`` means *not scored* (no truth is known, or it could not be decided in
time), never 0. Values that are not finite are failures, not exceptions. Comparing expressions lives in `structure`,
edit distance in `trees`, playing a law again in `resimulate`.

Source: method.md of this project's design; SRBench (La Cava et al. 2021, arXiv 2107.14351); ODEBench (d'Ascoli et al.
2023, arXiv 2310.05573); VIPER-R1 (arXiv 2508.17380), whose structure score is kept for comparison only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import sympy

from motionlaw.eval.forms import Form, law_form
from motionlaw.eval.structure import Columns, Comparison, compare, is_constant, sample_box, values_in, variables_of
from motionlaw.eval.trees import normalised_edit_distance
from motionlaw.tools.equation import evaluate
from motionlaw.tools.nodes import rebuild

# A coefficient is right within this share of the true one, or within this many standard errors.
COEFFICIENT_SHARE, COEFFICIENT_STDERRS = 0.05, 2.0
# SRBench: a formula that explains less is no solution; constants are rounded to this many decimals.
SOLUTION_R2, SOLUTION_DECIMALS = 0.5, 3


@dataclass(frozen=True)
class LawScores:
    """The scores of one equation against the true one; ``None`` where not scored.

    Args:
        is_exact: The structures are equal.
        s_struct: Jaccard index of the canonical terms.
        term_f1: F1 of the canonical terms.
        s_struct_viper: The published structure score, for comparison only.
        s_acc: Exact, and every constant is right.
        is_solution: SRBench's symbolic solution.
        ned: Normalised edit distance, 0 is best, 1 is worst.
    """

    is_exact: bool | None = None
    s_struct: float | None = None
    term_f1: float | None = None
    s_struct_viper: float | None = None
    s_acc: bool | None = None
    is_solution: bool | None = None
    ned: float | None = None

    def to_dict(self) -> dict[str, float | bool | None]:
        """The scores by name."""
        return asdict(self)


def score_law(
    found: sympy.Expr | None,
    truth: sympy.Expr | None,
    columns: Columns | None = None,
    *,
    stderr: Mapping[str, float] | None = None,
) -> LawScores:
    """Scores a found equation against the true one.

    Args:
        found: The right-hand side that was found, ``None`` where there is none: it fails every score.
        truth: The true one, ``None`` where none is known: nothing is scored.
        columns: Values of the variables, each of shape (rows,).
        stderr: Standard errors of coefficients by term, e.g. ``{"sin(x)": 0.01}``.

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> scores = score_law(-2.01 * x, -2 * x - 0.1 * v)
        >>> scores.is_exact, scores.s_struct, scores.s_acc
        (False, 0.5, False)
    """
    if truth is None:
        return LawScores()
    if found is None:
        return LawScores(False, 0.0, 0.0, 0.0, False, False, 1.0)
    comparison = compare(found, truth, columns)
    viper = s_struct_viper(found, truth)
    if comparison is None:
        return LawScores(is_exact=False, s_struct_viper=viper, s_acc=False, is_solution=False, ned=1.0)
    shared = len(comparison.found.pairs(comparison.truth))
    sizes = len(comparison.found.terms), len(comparison.truth.terms)
    return LawScores(
        is_exact=comparison.is_same,
        s_struct=1.0 if comparison.is_same else shared / (sum(sizes) - shared),
        term_f1=1.0 if comparison.is_same else 2 * shared / sum(sizes),
        s_struct_viper=viper,
        s_acc=_are_constants_right(comparison, stderr or {}),
        is_solution=is_symbolic_solution(found, truth, columns),
        ned=0.0 if comparison.is_same else normalised_edit_distance(comparison.found.tree, comparison.truth.tree),
    )


def _are_constants_right(comparison: Comparison, stderr: Mapping[str, float]) -> bool:
    from motionlaw.tools.equation import parse

    if comparison.constants is None:
        return False
    errors: dict[str, float] = {}
    for text, value in stderr.items():
        form = law_form(parse(text))
        if form is not None and len(form.terms) == 1:
            errors[str(form.terms[0].tree)] = value * abs(form.terms[0].coefficient)
    for pair in comparison.constants:
        room = max(COEFFICIENT_SHARE * abs(pair.truth), COEFFICIENT_STDERRS * errors.get(pair.term, 0.0))
        if not abs(pair.found - pair.truth) <= room:
            return False
    return True


def s_struct_viper(found: sympy.Expr, truth: sympy.Expr) -> float:
    """The structure score as VIPER-R1 words it: numbers become their signs, terms are compared as written.

    Its code was never released; this is the rule in its paper. Powers are lost and factored forms score 0, so it
    serves for comparison only.

    Example:
        >>> v = sympy.Symbol("v")
        >>> s_struct_viper(-2 * v, -0.5 * v**3)
        1.0
    """
    mine, theirs = _signs_only(found), _signs_only(truth)
    return len(mine & theirs) / len(mine | theirs)


def _signs_only(expression: sympy.Expr) -> set[str]:
    def signed(node: sympy.Expr) -> sympy.Expr:
        if node.is_number:
            value = float(sympy.re(node.evalf()))
            return sympy.Integer((value > 0) - (value < 0))
        return rebuild(node, [signed(argument) for argument in node.args]) if node.args else node

    return {str(signed(term)) for term in sympy.Add.make_args(expression)}


def is_symbolic_solution(found: sympy.Expr, truth: sympy.Expr, columns: Columns | None = None) -> bool | None:
    """SRBench's criterion: the difference or the ratio of found and true law is a constant.

    Constants are rounded to three decimals first, in the expanded form; a formula that explains less than half of the
    variance is none. The constancy is decided on 256 points, where it cannot hang.

    Args:
        found: The found formula.
        truth: The true one.
        columns: The data; they say where the points lie.

    Returns:
        The answer; ``None`` where rounding would erase the truth's own constants.

    Example:
        >>> x = sympy.Symbol("x")
        >>> is_symbolic_solution(2.0003 * sympy.sin(x) + 0.7, 2 * sympy.sin(x)), is_symbolic_solution(x**3, x)
        (True, False)
    """
    box = sample_box(columns, variables_of(found, truth))
    mine, theirs = law_form(found, box.positive), law_form(truth, box.positive)
    if mine is None or theirs is None:
        return False
    if columns and not (r2(evaluate(found, columns), evaluate(truth, columns)) or -1.0) > SOLUTION_R2:
        return False
    if any(term.coefficient and not round(term.coefficient, SOLUTION_DECIMALS) for term in theirs.terms):
        return None
    if not _rounded(mine).free_symbols:
        return False
    left, right = values_in(_rounded(mine), box), values_in(_rounded(theirs), box)
    if not np.array_equal(np.isfinite(left), np.isfinite(right)):
        return False
    left, right = left[np.isfinite(left)], right[np.isfinite(right)]
    scale = float(np.abs(right).max(initial=0.0))
    if is_constant(left - right, scale):
        return True
    clear = np.abs(right) > 1e-6 * scale
    ratio = left[clear] / right[clear]
    return is_constant(ratio, float(np.abs(ratio).max(initial=0.0)))


def _rounded(form: Form) -> sympy.Expr:
    """A law with all its constants rounded; of a wave with a phase only the sine is kept."""
    terms = []
    for term in form.terms:
        values = {constant.symbol: sympy.Float(round(constant.value, SOLUTION_DECIMALS)) for constant in term.constants}
        terms.append(sympy.Float(round(term.coefficient, SOLUTION_DECIMALS)) * term.columns[0].xreplace(values))
    return sympy.Add(*terms)


def nmse(predicted: np.ndarray, target: np.ndarray) -> float | None:
    """Mean squared error over the target's variance.

    Args:
        predicted: Values, shape (rows,) or (rows, dimensions); one that is not finite makes the error infinite.
        target: The true values, same shape.

    Returns:
        The error, worst dimension first; ``None`` where the target has no finite rows.

    Example:
        >>> nmse(np.array([1.0, 2.0]), np.array([1.0, 2.0])), nmse(np.array([np.nan, 2.0]), np.array([1.0, 2.0]))
        (0.0, inf)
    """
    predicted, target = _as_columns(predicted), _as_columns(target)
    if predicted.shape != target.shape or not len(target) or not np.isfinite(target).all():
        return None
    if not np.isfinite(predicted).all():
        return math.inf
    with np.errstate(all="ignore"):
        errors, spreads = np.mean((predicted - target) ** 2, axis=0), np.var(target, axis=0)
        # A dimension that never moves is right to rounding or wrong.
        size = np.max(np.abs(target), axis=0)
        still = spreads <= (1e-12 * size) ** 2
        of_still = np.where(errors <= (1e-6 * np.where(size, size, 1.0)) ** 2, 0.0, np.inf)
        shares = np.where(still, of_still, errors / np.where(still, 1.0, spreads))
    return float(shares.max())


def _as_columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def r2(predicted: np.ndarray, target: np.ndarray) -> float | None:
    """Coefficient of determination, of the worst dimension: 1 - NMSE, minus infinity for values that do not exist."""
    error = nmse(predicted, target)
    return None if error is None else 1.0 - error


def is_above(value: float | None, limit: float) -> bool | None:
    """Whether a score passes a limit; not scored stays not scored."""
    return None if value is None else bool(value > limit)
