"""Equations: one door to reading, printing, comparing and evaluating them, and to their units.

Text from a person, a model or an engine is read by our own grammar (`motionlaw.tools.grammar`), never evaluated;
numbers come from `motionlaw.tools.evaluation`, text and LaTeX from `motionlaw.tools.printing`, the form in which
two laws are compared from `motionlaw.tools.canonical`, units from `motionlaw.tools.units`.
"""

from motionlaw.tools.canonical import canonical_terms
from motionlaw.tools.evaluation import compile_rhs, evaluate
from motionlaw.tools.grammar import Equation, parse, parse_equation
from motionlaw.tools.printing import complexity, format_expr, latex_name, ordered_terms, round_expr, to_latex
from motionlaw.tools.units import check_units, coefficient_unit

__all__ = [
    "Equation", "canonical_terms", "check_units", "coefficient_unit", "compile_rhs", "complexity", "evaluate",
    "format_expr", "latex_name", "ordered_terms", "parse", "parse_equation", "round_expr", "to_latex",
]  # fmt: skip
