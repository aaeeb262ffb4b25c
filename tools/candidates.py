"""The grammar of candidate terms: what a law may be made of, and how plain each term is.

A term is a product of pieces (`pieces.py`) and costs the sum of their prices, so that tens of thousands of terms can
be listed, cheap ones first, and a strange one is believed only on evidence that pays for it. Columns are computed in
bulk; a term becomes an expression only when somebody asks for it. Leaves out choosing among the terms (`subsets.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.pieces import Term, Variable, pieces_of

TERM, FACTOR = 1.0, 0.5  # nats of every term, and of every factor beyond the first
# Terms dearer than this are not listed, nor more than so many; those of time are kept plainer.
DEAREST, DEAREST_OF_TIME, MOST_TERMS = 13.0, 9.0, 20_000
# Powers that other pieces are multiplied by are cheaper than this.
PLAIN = 3.5
# Nats of a function of a difference or a distance beyond those of the function.
DIFFERENCE, DISTANCE = 1.0, 1.5
# Two terms whose columns differ by less than this, as a share, are one term on these data.
SAME = 1e-9
# So many terms are computed one by one.
FEW = 12


@dataclass(frozen=True)
class Candidates:
    """Candidate terms over given rows.

    Args:
        pieces: Values of the P pieces that terms are products of, shape (P + 1, n); the last row is 1.
        factors: For every term the pieces it is a product of, shape (F, 3); P stands for no piece.
        costs: Nats, shape (F,), ascending but for terms that came later.
        parts: The pieces, those that came later at the end.
        later: Values of pieces that came later, numbered from P + 1.
    """

    pieces: np.ndarray
    factors: np.ndarray
    costs: np.ndarray
    parts: tuple[Term, ...]
    later: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.costs)

    def columns(self, terms: np.ndarray | slice = slice(None), rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Values of terms on rows, shape (F, n): one row of the result a term, so that they lie together in memory."""
        factors, one = self.factors[terms], len(self.pieces) - 1
        if len(factors) <= FEW:
            return self._few_columns(factors.tolist(), rows)
        used, places = np.unique(factors, return_inverse=True)
        count = int(np.searchsorted(used, one, side="right"))
        values = self.pieces[used[:count]][:, rows]
        if count < len(used):
            values = np.vstack([values, [self.later[k - one - 1][rows] for k in used[count:]]])
        first, *others = places.reshape(factors.shape).T
        result = values[first]
        for factor in others:
            held = np.flatnonzero(used[factor] != one)
            result[held] *= values[factor[held]]
        return result

    def _few_columns(self, factors: list[list[int]], rows: np.ndarray | slice) -> np.ndarray:
        """The same for few terms, given by their factors, without gathering the pieces first."""
        ones = self.pieces[-1][rows]
        result = np.repeat(ones[None], len(factors), axis=0)
        for column, factor in zip(result, factors, strict=True):
            for piece in factor:
                if piece != len(self.pieces) - 1:
                    column *= self.piece(piece)[rows]
        return result

    def piece(self, piece: int) -> np.ndarray:
        """Values of a piece by its number in the factors, shape (n,)."""
        count = len(self.pieces)
        return self.pieces[piece] if piece < count else self.later[piece - count]

    def part(self, piece: int) -> Term | None:
        """A piece by its number in the factors, ``None`` for no piece."""
        one = len(self.pieces) - 1
        return None if piece == one else self.parts[piece - (piece > one)]

    def parts_of(self, index: int) -> list[Term]:
        """The pieces that a candidate is a product of."""
        return [part for k in self.factors[index].tolist() if (part := self.part(k)) is not None]

    def constants_of(self, terms: Sequence[int]) -> dict[str, float]:
        """Inner constants of candidates by name."""
        return dict(pair for index in terms for part in self.parts_of(index) for pair in part.constants)

    def price(self, terms: Sequence[int]) -> float:
        """Nats of a choice: its terms, and each piece that they share once."""
        costs = float(self.costs[list(terms)].sum())
        if not self.later:
            return costs
        shared = {part for k in terms for part in self.parts_of(k) if part.is_shared}
        return costs + sum(part.cost for part in shared)

    def with_pieces(self, pieces: Sequence[Term], inputs: dict[str, np.ndarray]) -> tuple[Candidates, int]:
        """The candidates with further pieces that no term holds yet, and the place of the first of them."""
        values = _part_values(pieces, inputs)
        found = replace(self, parts=(*self.parts, *pieces), later=(*self.later, *values))
        return found, len(self.pieces) + len(self.later)

    def term(self, index: int) -> Term:
        """A candidate as an expression."""
        product = sympy.Mul(*(part.expression for part in self.parts_of(index)))
        return Term(product, float(self.costs[index]), tuple(self.constants_of([index]).items()))

    @cached_property
    def has_constants(self) -> np.ndarray:
        """Whether each candidate has inner constants, shape (F,)."""
        own = [bool(part.constants) for part in self.parts]
        own.insert(len(self.pieces) - 1, False)
        return np.array(own)[self.factors].any(axis=1)

    def is_plain(self) -> np.ndarray:
        """Whether each candidate is without inner constants, shape (F,)."""
        return ~self.has_constants

    def split(self, terms: Sequence[int]) -> tuple[np.ndarray, list[list[Term]]]:
        """For every term the product of its factors without inner constants, shape (k, n), and those that have some."""
        one = len(self.pieces) - 1
        plain = np.ones((len(terms), self.pieces.shape[1]))
        shaped: list[list[Term]] = [[] for _ in terms]
        for place, index in enumerate(terms):
            for piece in self.factors[index].tolist():
                part = self.part(piece)
                if part is not None and part.constants:
                    shaped[place].append(part)
                elif piece != one:
                    plain[place] *= self.piece(piece)
        return plain, shaped

    def refined(
        self, support: Sequence[int], constants: dict[str, float], inputs: dict[str, np.ndarray]
    ) -> tuple[Candidates, tuple[int, ...]]:
        """The candidates and, at their end, some of them again with other inner constants.

        Args:
            support: Which.
            constants: New values by name; the names change so that old and new stay apart.
            inputs: The data by column.

        Returns:
            The candidates and the places of the new ones.
        """
        parts: list[Term] = []
        moved: dict[int, int] = {}
        for k in np.unique(self.factors[list(support)]).tolist():
            part = self.part(k)
            if part is not None and part.constants:
                moved[k] = len(self.pieces) + len(self.later) + len(parts)
                names = {name: f"{name}_{len(self)}" for name, _ in part.constants}
                parts.append(part.renamed(names, constants))
        wider, _ = self.with_pieces(parts, inputs)
        again = np.array([[moved.get(k, k) for k in self.factors[j].tolist()] for j in support])
        found = wider.and_also(again, self.costs[list(support)])
        return found, tuple(range(len(self), len(found)))

    def and_also(self, factors: np.ndarray, costs: np.ndarray) -> Candidates:
        """The candidates and, at their end, further products of their pieces, shape (G, 3)."""
        return replace(self, factors=np.vstack([self.factors, factors]), costs=np.concatenate([self.costs, costs]))

    def only(self, terms: np.ndarray) -> Candidates:
        """The candidates named, in their order."""
        return replace(self, factors=self.factors[terms], costs=self.costs[terms])


def _part_values(parts: Sequence[Term], inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Values of pieces, shape (P, n)."""
    rows = len(next(iter(inputs.values())))
    found = [np.broadcast_to(part.values(inputs, dict(part.constants)), (rows,)) for part in parts]
    return np.array(found).reshape(len(found), rows)


def variables_of(names: Sequence[str], kinds: Mapping[str, str]) -> list[Variable]:
    """What pieces are functions of: the columns, differences of like ones, the distance from the origin and the speed.

    Args:
        names: The columns.
        kinds: Their kinds, as in `motionlaw.tools.regression.find_formula`.
    """
    symbols = {name: sympy.Symbol(name) for name in names}
    found = [Variable(symbols[name], kinds.get(name, "plain")) for name in names]
    for kind in ("coordinate", "angle", "velocity"):
        like = [symbols[name] for name in names if kinds.get(name) == kind]
        found += [Variable(a - b, kind, surcharge=DIFFERENCE) for a, b in combinations(like, 2)]
        if len(like) > 1 and kind != "angle":
            found.append(Variable(sympy.sqrt(sum(each**2 for each in like)), kind, surcharge=DISTANCE))
    return found


def candidate_terms(
    variables: Sequence[Variable], names: Sequence[str], values: np.ndarray, *, dearest: float = DEAREST
) -> Candidates:
    """Lists the terms that a law of these variables may hold, as far as the data let them be.

    Args:
        variables: What the pieces are functions of.
        names: The columns of the data, V of them.
        values: The data, shape (V, n).
        dearest: Nats of the dearest terms listed.

    Returns:
        Terms, plain ones first; those without a finite value in some row are left out, and of several that are equal
        on these rows only the plainest is kept (such as ``v*abs(v)`` and ``v^2`` where v > 0).

    Example:
        >>> x = np.linspace(-1, 1, 50)
        >>> terms = candidate_terms([Variable(sympy.Symbol("x"), "angle")], ["x"], x[None])
        >>> [str(terms.term(k).expression) for k in range(3)]
        ['1', 'sin(x)', 'x']
    """
    own = compile_rhs([variable.expression for variable in variables], list(names))(np.asarray(values, dtype=float))
    found = [
        pieces_of(variable, column, str(k)) for k, (variable, column) in enumerate(zip(variables, own, strict=True))
    ]
    parts = [part for some, _, _ in found for part in some]
    owner = np.repeat(np.arange(len(found)), [len(some) for some, _, _ in found])
    is_power = np.array([flag for _, flags, _ in found for flag in flags], dtype=bool)
    is_time = np.array([variables[k].kind == "time" for k in owner.tolist()], dtype=bool)
    factors, costs = _products(parts, owner, is_power, is_time, dearest)
    order = np.argsort(costs, kind="stable")[:MOST_TERMS]
    pieces = np.concatenate([*(each for _, _, each in found), np.ones((1, np.shape(values)[1]))])
    listed = Candidates(pieces, factors[order], costs[order], tuple(parts))
    return listed.only(_distinct(listed))


def _products(
    parts: Sequence[Term], owner: np.ndarray, is_power: np.ndarray, is_time: np.ndarray, dearest: float
) -> tuple[np.ndarray, np.ndarray]:
    """All products that are not too dear: pieces as factors, shape (F, 3), and their costs."""
    prices = np.array([part.cost for part in parts])
    is_scanned = np.array([bool(part.constants) for part in parts], dtype=bool)
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
    fits &= price <= np.where(is_time[first] | is_time[second], min(DEAREST_OF_TIME, dearest), dearest)
    first, second, price = first[fits], second[fits], price[fits]
    lists.append(np.column_stack([first, second, np.full(len(first), one)]))
    costs.append(price)
    # Three factors: two plain powers of different variables and any piece that is not scanned.
    pairs = [(a, b) for a, b in combinations(np.flatnonzero(plain), 2) if owner[a] != owner[b]]
    thirds = np.flatnonzero(~is_scanned & ~is_time)
    for a, b in pairs:
        others = thirds[(~is_power[thirds]) | (owner[thirds] > max(owner[a], owner[b]))]
        price = TERM + 2 * FACTOR + prices[a] + prices[b] + prices[others]
        others, price = others[price <= dearest], price[price <= dearest]
        lists.append(np.column_stack([np.full(len(others), a), np.full(len(others), b), others]))
        costs.append(price)
    return np.concatenate(lists), np.concatenate(costs)


def _distinct(terms: Candidates) -> np.ndarray:
    """Indices of the cheapest of those that are equal on the rows up to a factor."""
    rows = np.linspace(0, terms.pieces.shape[1] - 1, min(64, terms.pieces.shape[1])).astype(int)
    with np.errstate(all="ignore"):
        columns = terms.columns(rows=np.unique(rows))
        norms = np.linalg.norm(columns, axis=1)
        alive = np.isfinite(norms) & (norms > 1e-150) & (norms < 1e150)
        columns = np.where(alive[:, None], columns / norms[:, None], 0.0)
    rng = np.random.default_rng(0)
    prints = np.abs(columns @ rng.normal(size=(columns.shape[1], 2)))
    order = np.lexsort((terms.costs, np.round(prints[:, 0] / SAME)))
    order = order[alive[order]]
    kept: list[int] = []
    first, second = -np.inf, -np.inf
    for index, one, other in zip(order.tolist(), *prints[order].T.tolist(), strict=True):
        if not (abs(one - first) < 3 * SAME and abs(other - second) < 3 * SAME):
            kept.append(index)
            first, second = one, other
        elif terms.costs[index] < terms.costs[kept[-1]]:  # rounding can put the dearer one first
            kept[-1] = index
    return np.sort(np.array(kept, dtype=int))
