"""Where algebraic laws come from: families of formulas, plain ones first.

Columns that only multiply the target are told first, because the others alone need a search (`algebraic_powers`).
Then come products of powers and factors (`algebraic_factors`), sums of terms (`algebraic_sums`), and the same for
transforms of the target. Formulas are fitted and judged elsewhere (`algebraic_fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.algebraic_factors import factor_formulas
from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula, Rows
from motionlaw.tools.algebraic_groups import Pieces, pieces_of
from motionlaw.tools.algebraic_loosen import loosened
from motionlaw.tools.algebraic_powers import multiplying_columns
from motionlaw.tools.algebraic_separable import separable_formulas
from motionlaw.tools.algebraic_sums import sum_formulas, terms_of

# A target that runs over more than this (in natural logarithms, one standard deviation) may have relative noise.
WIDE = 1.0
# So many groups of columns are looked at when there are no functions of them.
MANY = 4000
# This share of the rows may lie outside the range in which a transform has one way back.
STRAY = 0.03
# A product of shapes that leaves this share of what was left before ends the search.
SEPARATED = 0.1
# A target that runs over less than this is no angle whose sine would differ from it, and no logarithm.
ANGLE = 0.5


@dataclass(frozen=True)
class Leader:
    """The best formula so far: the target after it, shape (n,), and whether it is plain and leaves only noise."""

    predicted: np.ndarray
    is_settled: bool


def formula_families(
    rows: Rows, late: Callable[[], bool], leader: Callable[[], Leader | None]
) -> Iterator[list[Formula]]:
    """Proposes formulas for the target, plain families first.

    A settled leader ends the search, after one look at the plain families about its prediction, where logarithms and
    powers of the noisy target have no bias.

    Args:
        rows: The table.
        late: Whether time is up.
        leader: Asks for the best formula so far; ``None`` while that is a constant.

    Yields:
        Formulas of one family, most promising first; the first family is the constant alone.
    """
    yield [Formula(sympy.Symbol("_c1"), {"_c1": float(rows.y.mean())})]
    in_front = multiplying_columns(rows)
    inner = [name for name in rows.columns if name not in in_front]
    is_wide = bool(np.all(rows.y)) and np.std(np.log(np.abs(rows.y))) > WIDE
    kinds = (False, True)[: 1 + is_wide]
    for relative in kinds:
        yield factor_formulas(rows, pieces_of(rows, []), relative=relative)
    if (best := leader()) and best.is_settled:
        return
    plain = pieces_of(rows, inner)
    for relative in kinds:
        yield factor_formulas(rows, plain, relative=relative, most_groups=MANY, late=late)
    inner = inner or list(rows.columns)
    yield from _sums(rows, inner, in_front)
    families = [plain, pieces_of(rows, inner, angles=True), pieces_of(rows, inner, angles=True, differences=True)]
    if (best := leader()) and best.is_settled:
        yield from _about(rows, families[:1], inner, in_front, best.predicted, late)
        if (best := leader()) and best.is_settled:
            return
    left = float(np.mean((rows.y - best.predicted) ** 2)) if best else rows.spread
    products = separable_formulas(rows, left, late)
    yield products
    if products and (best := leader()) and np.mean((rows.y - best.predicted) ** 2) < SEPARATED * left:
        return
    for pieces in families[1:]:
        yield factor_formulas(rows, pieces, late=late)
    if best := leader():
        yield from _about(rows, families[::2], inner, in_front, best.predicted, late)
    if (best := leader()) and best.is_settled:
        return
    if in_front:
        about = best.predicted if best else None
        yield factor_formulas(rows, pieces_of(rows, list(rows.columns)), about=about, late=late)
        yield from _sums(rows, list(rows.columns), {})
    terms = terms_of(rows, families[-1])
    for transform in _transforms(rows, power=False):
        if transform != "log y":  # a product of exponentials, which the factors hold
            yield factor_formulas(rows, families[1], transform=transform, late=late)
        yield sum_formulas(rows, terms, transform=transform)


def _about(
    rows: Rows, families: Sequence[Pieces], names: Sequence[str], in_front: Mapping[str, sympy.Rational],
    about: np.ndarray, late: Callable[[], bool],
) -> Iterator[list[Formula]]:  # fmt: skip
    """Products and sums where the transformed target is taken to first order about a prediction."""
    for pieces in families:
        yield factor_formulas(rows, pieces, about=about, late=late)
    yield from _sums(rows, names, in_front, about)


def _sums(
    rows: Rows, names: Sequence[str], in_front: Mapping[str, sympy.Rational], about: np.ndarray | None = None
) -> Iterator[list[Formula]]:
    """Sums for the target and powers of it, and the same with their exponents let loose."""
    terms = terms_of(rows, pieces_of(rows, names, angles=True, differences=True))
    for transform in _transforms(rows, power=True):
        if transform or about is None:
            found = sum_formulas(rows, terms, transform=transform, in_front=in_front, about=about)
            yield found + loosened(found, rows, names)


def _transforms(rows: Rows, *, power: bool) -> list[str]:
    """The transforms that have one way back on the target's range, but for a few noisy rows."""
    low, high = np.quantile(rows.y, [STRAY, 1 - STRAY])
    has_pole = low <= 0 <= high
    return [
        name for name, change in TRANSFORMS.items()
        if (change.power is not None) == power and change.low <= low and high <= change.high
        and not (has_pole and name in ("1/y", "1/y^2", "log y"))
        and not (np.isfinite(change.high) and change.power is None and high - low < ANGLE)
    ]  # fmt: skip
