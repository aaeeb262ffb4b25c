"""Dimensional analysis of algebraic laws: which formulas may hold at all, and which need no constant with a unit.

Where every column and the target carry units, sums must add like to like and functions need pure numbers, unless a
fitted constant stands there, which may carry any unit. A law whose coefficients are pure numbers is the plainer one.
Leaves out reading units (`units`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula
from motionlaw.tools.units import parse_unit

# What a law costs, in free constants, whose coefficients must carry units.
FOREIGN = 0.75


def known_dimensions(units: Mapping[str, str]) -> dict[str, np.ndarray] | None:
    """Dimensions by name, each a vector of powers of the base dimensions; ``None`` unless all units are known."""
    if not all(units.values()):
        return None
    return {name: np.array(parse_unit(text).dimension, dtype=float) for name, text in units.items()}


def foreign_cost(formula: Formula, target: str, dimensions: Mapping[str, np.ndarray]) -> float:
    """0 for a law that holds with pure numbers, `FOREIGN` if its coefficients carry units, infinite if it cannot hold.

    Args:
        formula: The formula.
        target: The target's name.
        dimensions: Dimensions of the columns and the target.
    """
    wanted = dimensions[target]
    power = TRANSFORMS[formula.transform].power
    if power is None and np.any(wanted):
        return np.inf if formula.transform != "log y" else FOREIGN
    for are_pure in (True, False):
        got = _dimension(formula.inside, dimensions, are_pure)
        if got is not None and (got[1] or np.allclose(got[0], wanted * (power or 0))):
            return 0.0 if are_pure else FOREIGN
    return np.inf


def _dimension(
    node: sympy.Expr, dimensions: Mapping[str, np.ndarray], are_pure: bool
) -> tuple[np.ndarray, bool] | None:
    """Dimension of an expression and whether a constant makes it any; ``None`` where it mixes dimensions.

    ``are_pure``: whether coefficients, ``_c…``, are numbers; other constants carry what they must.
    """
    none = np.zeros(len(next(iter(dimensions.values()))))
    if node.is_Symbol:
        if not node.name.startswith("_"):
            return dimensions[node.name], False
        return none, not (are_pure and node.name.startswith("_c"))
    if node.is_Number:
        return none, False
    parts = [_dimension(child, dimensions, are_pure) for child in node.args]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if node.is_Mul:
        return sum((part[0] for part in known), none), any(part[1] for part in known)
    if node.is_Pow:
        base, exponent = known
        if node.exp.is_Number:
            return base[0] * float(node.exp), base[1]
        return (none, True) if exponent[1] else None
    if node.is_Add:
        fixed = [part[0] for part in known if not part[1]]
        if any(not np.allclose(part, fixed[0]) for part in fixed):
            return None
        return (fixed[0], False) if fixed else (none, True)
    if isinstance(node, sympy.Abs):
        return known[0]
    return (none, False) if known[0][1] or not np.any(known[0][0]) else None
