"""Groups: products of powers of columns, one of which may stand inside a plain function or a difference.

Everything that algebraic laws are made of here is a function of groups, e.g. v²/c², h·ω/(k·T), (a - b)·t, cos(θ)/r.
They are listed by how plain they are, as rows of exponents, so that thousands are evaluated by one matrix product.
Leaves out what is done with them: sums (`algebraic_sums`) and factors (`algebraic_factors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import Rows
from motionlaw.tools.equation import compile_rhs

# What a common power of a whole group costs, in columns: v²/c² is a plain thing to do with v/c.
COMMON = {Fraction(1): 0.0, Fraction(2): 0.5, Fraction(1, 2): 1.0, Fraction(3): 1.5}
# A piece's cost in columns, beyond that of the columns in it.
PIECE = 0.5
# An angle turns through some of its circle; what runs to more than this is none.
MOST_TURNED = 100.0


@dataclass(frozen=True)
class Pieces:
    """Columns, and functions of one or two columns, that groups are made of.

    Args:
        expressions: The pieces; the columns come first.
        columns: How many of them are columns.
        values: Values, shape (n, P).
        costs: How many columns a piece counts for, shape (P,).
        dimensions: Dimensions of the pieces, shape (P, D), if they are known.
    """

    expressions: tuple[sympy.Expr, ...]
    columns: int
    values: np.ndarray
    costs: np.ndarray
    dimensions: np.ndarray | None = None

    def are_numbers(self, powers: np.ndarray) -> np.ndarray:
        """Whether groups may be pure numbers, shape (G, P) -> (G,)."""
        if self.dimensions is None:
            return np.ones(len(powers), dtype=bool)
        return ~np.any(np.abs(powers @ self.dimensions) > 1e-9, axis=1)

    def of(self, powers: np.ndarray) -> np.ndarray:
        """Values of groups given by their exponents, shape (G, P) -> (n, G); NaN where a root is of a negative."""
        with np.errstate(all="ignore"):
            sizes = np.exp(np.log(np.abs(self.values)) @ powers.T)
            if np.any(self.values < 0):
                odd = (self.values < 0) @ np.where(powers % 2 == 1, 1.0, 0.0).T
                broken = (self.values < 0) @ np.where(powers % 1 != 0, 1.0, 0.0).T
                sizes = np.where(broken > 0, np.nan, np.where(odd % 2 == 1, -sizes, sizes))
        return sizes

    def group(self, powers: np.ndarray) -> sympy.Expr:
        """One group as an expression."""
        return sympy.Mul(*(
            piece ** _rational(power)
            for piece, power in zip(self.expressions, powers, strict=True) if power
        ))  # fmt: skip

    def cost(self, powers: np.ndarray) -> np.ndarray:
        """How many columns groups count for, shape (G, P) -> (G,)."""
        return np.array([_cost(row, self.costs) for row in powers])


def _rational(power: float) -> sympy.Rational:
    return sympy.Rational(Fraction(float(power)).limit_denominator(6))


def _cost(powers: np.ndarray, costs: np.ndarray) -> float:
    used = np.flatnonzero(powers)
    if not len(used):
        return 0.0
    common = Fraction(0)
    for power in powers[used]:
        step = Fraction(float(power)).limit_denominator(6)
        common = Fraction(
            np.gcd(common.numerator * step.denominator, step.numerator * common.denominator),
            common.denominator * step.denominator,
        )
    scaled = np.abs(powers[used]) / float(common)
    return float(scaled @ costs[used]) + COMMON.get(abs(common), 2.0)


def pieces_of(rows: Rows, names: Sequence[str], *, angles: bool = False, differences: bool = False) -> Pieces:
    """The pieces that may stand in a group: columns, and their sines, cosines, sums and differences.

    Args:
        rows: The table.
        names: The columns to use.
        angles: Whether to add sines and cosines.
        differences: Whether to add sums and differences of two columns.
    """
    symbols = [sympy.Symbol(name) for name in names]
    expressions: list[sympy.Expr] = list(symbols)
    costs = [1.0] * len(symbols)
    turning = [s for s in symbols if 1.0 < np.max(np.abs(rows.columns[s.name])) < MOST_TURNED] if angles else []
    for symbol in turning:
        expressions += [sympy.sin(symbol), sympy.cos(symbol)]
        costs += [1.0 + PIECE] * 2
    for a, b in combinations(symbols if differences else (), 2):
        expressions += [a - b, a + b]
        costs += [1.5 + PIECE] * 2
        if a in turning and b in turning:
            expressions += [sympy.cos(a - b), sympy.sin(a - b)]
            costs += [2.0 + PIECE] * 2
    dimensions = None
    if rows.dimensions is not None:
        expressions, costs, dimensions = _like_with_like(expressions, costs, rows.dimensions)
    values = compile_rhs(expressions, list(rows.columns))(np.array(list(rows.columns.values()))).T
    return Pieces(tuple(expressions), len(symbols), values, np.array(costs), dimensions)


def _like_with_like(
    expressions: list[sympy.Expr], costs: list[float], dimensions: Mapping[str, np.ndarray]
) -> tuple[list[sympy.Expr], list[float], np.ndarray]:
    """The pieces that mix no dimensions, with theirs."""
    kept, vectors = [], []
    for place, expression in enumerate(expressions):
        own = [dimensions[symbol.name] for symbol in expression.free_symbols]
        if any(np.any(each != own[0]) for each in own) or (expression.is_Function and np.any(own[0])):
            continue
        kept.append(place)
        vectors.append(own[0])
    width = len(next(iter(dimensions.values())))
    return [expressions[k] for k in kept], [costs[k] for k in kept], np.array(vectors).reshape(-1, width)


def groups(pieces: Pieces, most: int, *, both_signs: bool) -> np.ndarray:
    """Exponents of the plainest groups, each row a group, plainest first.

    Args:
        pieces: What they are made of; a group holds at most one piece that is no column, to a positive power.
        most: How many to list.
        both_signs: Whether to list a group and its inverse.

    Returns:
        Shape (G, P), without the empty group.
    """
    plain = pieces.columns
    found: list[tuple[float, np.ndarray]] = []
    reach = 1
    while reach <= 9:
        found = [(_cost(row, pieces.costs), row) for row in _all(plain, reach, len(pieces.costs), tuple(pieces.costs))]
        if len(found) * (1 + both_signs) >= most:
            break
        reach += 1
        if plain == 1 and reach > 4:
            break
    found.sort(key=lambda pair: pair[0])
    rows = [row for _, row in found]
    if both_signs:
        rows = [signed for row in rows for signed in ((row, -row) if not np.any(row[plain:]) else (row,))]
    return np.array(rows[:most]).reshape(-1, len(pieces.costs))


def _all(plain: int, reach: int, total: int, costs: tuple[float, ...]) -> list[np.ndarray]:
    """All groups of up to ``reach`` columns, with common powers, one of each pair of inverses."""
    result = []
    for base in _integer_points(plain, reach):
        if np.gcd.reduce(base) == 1:
            row = np.zeros(total)
            row[:plain] = base
            size = sum(map(abs, base))
            result += [float(power) * row for power, extra in COMMON.items() if size + extra <= reach + 0.5]
    for piece in range(plain, total):
        for base in [(0,) * plain, *_integer_points(plain, max(0, int(reach - costs[piece])), halved=False)]:
            row = np.zeros(total)
            row[:plain], row[piece] = base, 1.0
            result.append(row)
            if any(base) and sum(map(abs, base)) + costs[piece] + 0.5 <= reach:
                row = row.copy()
                row[:plain] /= 2
                result.append(row)
            if sum(map(abs, base)) + costs[piece] + 0.5 <= reach:
                result.append(2 * row)
                row = row.copy()
                row[piece] = 2.0
                if any(base):
                    result.append(row)
    return result


@lru_cache(maxsize=64)
def _integer_points(dimensions: int, reach: int, *, halved: bool = True) -> tuple[tuple[int, ...], ...]:
    """Integer points other than zero within a distance of ``reach`` steps; one of each opposite pair if ``halved``."""
    points: list[tuple[int, ...]] = [()]
    for _ in range(dimensions):
        points = [
            (*point, step)
            for point in points
            for room in [reach - sum(map(abs, point))]
            for step in range(-room, room + 1)
        ]
    chosen = [point for point in points if any(point)]
    if halved:
        chosen = [point for point in chosen if next(step for step in point if step) > 0]
    return tuple(chosen)
