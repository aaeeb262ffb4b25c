"""Exchange of families: another function with an inner constant in the place of the one that was found.

Scanned constants can mislead: a curve that lies between two of its own family's grid points may be nearer to a grid
point of another family (tanh(k*x) to x/(k + x^2)). So every term with an inner constant is set against all families
of the same variables, each at its best grid point, and the caller fits their constants. Leaves out that fit.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy

from motionlaw.tools.candidates import Candidates
from motionlaw.tools.judging import Choice
from motionlaw.tools.pieces import INNER, Term

# Families that are tried in the place of one term, and nats that they may be dearer than it.
FAMILIES, DEARER = 6, 2.0


def exchanged(
    candidates: Candidates, choice: Choice, rows: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> list[Choice]:
    """Choices with one term of another family, at its best scanned constant.

    Args:
        candidates: The terms.
        choice: Indices of some of them.
        rows: The rows to look at.
        target: The target on them, shape (n,).
        weights: One over the noise on them, shape (n,).
    """
    found = []
    for place, term in enumerate(choice):
        if len(candidates.constants_of([term])) != 1:
            continue
        rest = choice[:place] + choice[place + 1 :]
        others = _others(candidates, term)
        columns = candidates.columns(others, rows) * weights
        left = weights * target
        if rest:
            basis, _ = np.linalg.qr((candidates.columns(np.array(rest), rows) * weights).T)
            columns = columns - (columns @ basis) @ basis.T
            left = left - basis @ (basis.T @ left)
        sizes = np.einsum("fn,fn->f", columns, columns)
        gains = np.where(sizes > 0, (columns @ left) ** 2 / np.where(sizes > 0, sizes, 1.0), 0.0)
        best: dict[tuple[str, ...], int] = {}
        for index in np.argsort(-gains, kind="stable").tolist():
            best.setdefault(_family(candidates, int(others[index])), int(others[index]))
        best.pop(_family(candidates, term), None)
        found += [tuple(sorted((*rest, other))) for other in list(best.values())[:FAMILIES] if other not in rest]
    return found


def _others(candidates: Candidates, term: int) -> np.ndarray:
    """Candidates with one inner constant, of the same variables, that are not much dearer."""
    symbols = set().union(*(_symbols(part) for part in candidates.parts_of(term)))
    parts = [candidates.part(k) for k in range(len(candidates.pieces) + len(candidates.later))]
    has_constant = np.array([part is not None and len(part.constants) == 1 and not part.is_shared for part in parts])
    is_foreign = np.array([part is not None and not _symbols(part) <= symbols for part in parts])
    factors = candidates.factors
    is_like = (has_constant[factors].sum(axis=1) == 1) & ~is_foreign[factors].any(axis=1)
    return np.flatnonzero(is_like & (candidates.costs <= candidates.costs[term] + DEARER))


def _symbols(part: Term) -> set[sympy.Symbol]:
    """The data that a piece is a function of."""
    return _free(part.template) - {INNER, *(sympy.Symbol(name) for name, _ in part.constants)}


@cache
def _free(template: sympy.Expr) -> set[sympy.Symbol]:
    return set(template.free_symbols)


def _family(candidates: Candidates, index: int) -> tuple[str, ...]:
    """What candidates that differ by the values of their inner constants only have in common."""
    return tuple(sorted(str(part.template) for part in candidates.parts_of(index)))
