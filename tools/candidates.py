"""The grammar of candidate terms: what a law may be made of, and how plain each term is.

A term is a product of pieces (`pieces.py`) and costs the sum of their prices, so that tens of thousands of terms can
be listed, cheap ones first, and a strange one is believed only on evidence that pays for it. Columns are computed in
bulk; a term becomes an expression only when somebody asks for it. Leaves out choosing among the terms (`subsets.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.pieces import Piece, Variable, pieces_of

TERM, FACTOR = 1.0, 0.5  # nats of every term, and of every factor beyond the first
# Terms dearer than this are not listed, nor more than so many; those of time are kept plainer.
DEAREST, DEAREST_OF_TIME, MOST_TERMS = 13.0, 9.0, 20_000
# Powers that other pieces are multiplied by are cheaper than this.
PLAIN = 3.5
# Two terms whose columns differ by less than this, as a share, are one term on these data.
SAME = 1e-9


@dataclass(frozen=True)
class Term:
    """One candidate: an expression without its coefficient, its price in nats, its inner constants' first guesses."""

    expression: sympy.Expr
    cost: float
    constants: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Candidates:
    """Candidate terms over given rows.

    Args:
        pieces: What terms are products of, P of them.
        values: Values of the pieces, shape (P + 1, n); the last row is 1.
        factors: For every term the pieces it is a product of, shape (F, 3); P stands for no piece.
        costs: Nats, shape (F,), ascending.
    """

    pieces: tuple[Piece, ...]
    values: np.ndarray
    factors: np.ndarray
    costs: np.ndarray

    def __len__(self) -> int:
        return len(self.costs)

    def columns(self, terms: np.ndarray | slice = slice(None), rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Values of terms on rows, shape (F, n): one row of the result a term, so that they lie together in memory."""
        used, places = np.unique(self.factors[terms], return_inverse=True)
        values = self.values[used][:, rows]
        first, *others = places.reshape(-1, 3).T
        result = values[first]
        for factor in others:
            held = np.flatnonzero(used[factor] < len(self.pieces))
            result[held] *= values[factor[held]]
        return result

    def pieces_of(self, index: int) -> list[Piece]:
        """The pieces that a candidate is a product of."""
        return [self.pieces[k] for k in self.factors[index] if k < len(self.pieces)]

    def constants_of(self, terms: Sequence[int]) -> dict[str, float]:
        """Inner constants of candidates by name."""
        return dict(piece.constant for index in terms for piece in self.pieces_of(index) if piece.constant)

    def term(self, index: int) -> Term:
        """A candidate as an expression."""
        product = sympy.Mul(*(piece.expression for piece in self.pieces_of(index)))
        return Term(product, float(self.costs[index]), tuple(self.constants_of([index]).items()))

    def is_plain(self) -> np.ndarray:
        """Whether each candidate is without inner constants, shape (F,)."""
        has_constant = np.array([*(piece.constant is not None for piece in self.pieces), False])
        return ~has_constant[self.factors].any(axis=1)

    def refined(
        self, support: Sequence[int], constants: dict[str, float], columns: dict[Variable, np.ndarray]
    ) -> tuple[Candidates, tuple[int, ...]]:
        """The candidates and, at their end, some of them again with other inner constants.

        Args:
            support: Which.
            constants: New values by name; the names change so that old and new stay apart.
            columns: The data by variable.

        Returns:
            The candidates and the places of the new ones.
        """
        count, pieces, values = len(self.pieces), [], []
        moved: dict[int, int] = {}
        for k in np.unique(self.factors[list(support)]):
            if k < count and (constant := self.pieces[k].constant):
                moved[int(k)] = count + len(pieces)
                name = f"{constant[0]}_{len(self)}"
                pieces.append(replace(self.pieces[k], constant=(name, constants[constant[0]])))
                values.append(pieces[-1].values(columns[pieces[-1].variable]))
        one = count + len(pieces)
        factors = np.where(self.factors == count, one, self.factors)
        again = np.array([[moved.get(int(k), int(k)) for k in factors[index]] for index in support])
        found = Candidates(
            (*self.pieces, *pieces),
            np.vstack([self.values[:-1], *values, self.values[-1:]]),
            np.vstack([factors, again]),
            np.concatenate([self.costs, self.costs[list(support)]]),
        )
        return found, tuple(range(len(self), len(found)))

    def only(self, terms: np.ndarray) -> Candidates:
        """The candidates named, in their order."""
        return replace(self, factors=self.factors[terms], costs=self.costs[terms])


def variable_values(variables: Sequence[Variable], names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """Values of variables, shape (variables, n), from the columns of the data, shape (V, n)."""
    return compile_rhs([variable.expression for variable in variables], list(names))(np.asarray(values, dtype=float))


def candidate_terms(variables: Sequence[Variable], names: Sequence[str], values: np.ndarray) -> Candidates:
    """Lists the terms that a law of these variables may hold, as far as the data let them be.

    Args:
        variables: What the pieces are functions of.
        names: The columns of the data, V of them.
        values: The data, shape (V, n).

    Returns:
        Terms, plain ones first; those without a finite value in some row are left out, and of several that are equal
        on these rows only the plainest is kept (such as ``v*abs(v)`` and ``v^2`` where v > 0).

    Example:
        >>> x = np.linspace(-1, 1, 50)
        >>> terms = candidate_terms([Variable(sympy.Symbol("x"), "angle")], ["x"], x[None])
        >>> [str(terms.term(k).expression) for k in range(3)]
        ['1', 'sin(x)', 'x']
    """
    pieces: list[Piece] = []
    every: list[np.ndarray] = []
    for number, (variable, column) in enumerate(zip(variables, variable_values(variables, names, values), strict=True)):
        found, of_found = pieces_of(variable, column, str(number))
        pieces += found
        every.append(of_found)
    factors, costs = _products(pieces)
    order = np.argsort(costs, kind="stable")[:MOST_TERMS]
    with_one = np.concatenate([*every, np.ones((1, np.shape(values)[1]))])
    listed = Candidates(tuple(pieces), with_one, factors[order], costs[order])
    return listed.only(_distinct(listed))


def _products(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """All products that are not too dear: pieces as factors, shape (F, 3), and their costs."""
    prices = np.array([piece.cost for piece in pieces])
    variables = {piece.variable: place for place, piece in enumerate(pieces)}
    owner = np.array([variables[piece.variable] for piece in pieces], dtype=int)
    is_power = np.array([piece.is_power for piece in pieces], dtype=bool)
    is_scanned = np.array([piece.constant is not None for piece in pieces], dtype=bool)
    is_time = np.array([piece.variable.kind == "time" for piece in pieces], dtype=bool)
    one, count = len(prices), len(prices)
    lists = [np.array([[one, one, one]]), np.column_stack([np.arange(count), np.full((count, 2), one)])]
    costs = [np.array([TERM]), TERM + prices]
    first, second = np.triu_indices(count, 1)
    is_own = owner[first] == owner[second]
    fits = np.where(is_own, is_power[first] ^ is_power[second], True)
    # Scanned pieces are many: they multiply plain powers only, and driving forces the first power only.
    plain = is_power & (prices < PLAIN)
    fits &= ~is_scanned[first] | plain[second]
    fits &= ~is_scanned[second] | plain[first]
    price = TERM + FACTOR + prices[first] + prices[second]
    fits &= price <= np.where(is_time[first] | is_time[second], DEAREST_OF_TIME, DEAREST)
    first, second, price = first[fits], second[fits], price[fits]
    lists.append(np.column_stack([first, second, np.full(len(first), one)]))
    costs.append(price)
    # Three factors: two plain powers of different variables and any piece that is not scanned.
    pairs = [(a, b) for a, b in combinations(np.flatnonzero(plain), 2) if owner[a] != owner[b]]
    thirds = np.flatnonzero(~is_scanned & ~is_time)
    for a, b in pairs:
        others = thirds[(~is_power[thirds]) | (owner[thirds] > max(owner[a], owner[b]))]
        price = TERM + 2 * FACTOR + prices[a] + prices[b] + prices[others]
        others, price = others[price <= DEAREST], price[price <= DEAREST]
        lists.append(np.column_stack([np.full(len(others), a), np.full(len(others), b), others]))
        costs.append(price)
    return np.concatenate(lists), np.concatenate(costs)


def _distinct(terms: Candidates) -> np.ndarray:
    """Indices of the cheapest of those that are equal on the rows up to a factor."""
    rows = np.linspace(0, terms.values.shape[1] - 1, min(64, terms.values.shape[1])).astype(int)
    with np.errstate(all="ignore"):
        columns = terms.columns(rows=np.unique(rows))
        norms = np.linalg.norm(columns, axis=1)
        alive = np.isfinite(norms) & (norms > 1e-150) & (norms < 1e150)
        columns = np.where(alive[:, None], columns / norms[:, None], 0.0)
    rng = np.random.default_rng(0)
    prints = np.abs(columns @ rng.normal(size=(columns.shape[1], 2)))
    order = np.lexsort((terms.costs, np.round(prints[:, 0] / SAME)))
    kept = []
    previous = None
    for index in order:
        if not alive[index]:
            continue
        is_twin = previous is not None and np.all(np.abs(prints[index] - prints[previous]) < 3 * SAME)
        if not is_twin:
            kept.append(index)
            previous = index
    return np.sort(np.array(kept, dtype=int))
