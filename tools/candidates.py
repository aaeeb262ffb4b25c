"""The grammar of candidate terms: what a law may be made of, and how plain each term is.

A term is a product of pieces, each a plain function of one variable (a coordinate, a velocity, time, a distance).
The prior is a probability: every piece has a price in nats, minus the logarithm of how likely a law is to hold it,
and a term costs the sum of its pieces. So tens of thousands of terms can be listed, cheap ones first, and a strange
one is believed only on evidence that pays for it. Columns are computed in bulk; a term becomes an expression only
when somebody asks for it. Leaves out choosing among the terms (`subsets.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs, parse

# The one table of the prior, in nats. Pieces of a variable u; k is an inner constant that is fitted to the data.
PIECES = {
    "u": 1.0, "u^2": 2.0, "u^3": 2.0, "u^4": 4.0, "u^5": 4.0,
    "abs(u)": 4.0, "abs(u)*u": 2.5, "abs(u)^3": 5.0, "sign(u)": 3.0,
    "abs(u)^(1/2)": 5.0, "abs(u)^(1/3)": 5.0, "abs(u)^(2/3)": 6.0, "abs(u)^(3/2)": 5.0,
    "sign(u)*abs(u)^(1/2)": 5.0, "sign(u)*abs(u)^(1/3)": 5.0, "sign(u)*abs(u)^(3/2)": 5.0,
    "1/u": 3.0, "1/u^2": 3.0, "1/u^3": 4.0, "abs(u)^(-1/2)": 5.0,
    "sin(u)": 3.0, "cos(u)": 3.5, "sin(2*u)": 5.0, "cos(2*u)": 5.0, "tanh(u)": 4.0, "atan(u)": 5.0,
    "exp(u)": 5.0, "exp(-u)": 4.5, "exp(-abs(u))": 4.0, "exp(-u^2)": 4.5,
    "log(abs(u))": 5.0, "log(1 + abs(u))": 4.5,
    "1/(1 + abs(u))": 5.0, "1/(1 + u^2)": 4.5, "sqrt(1 + u^2)": 5.5,
}  # fmt: skip
# Angles turn round: their sines are the plain pieces.
PIECES_OF_ANGLES = PIECES | {"sin(u)": 0.7, "cos(u)": 2.0, "sin(2*u)": 3.0, "cos(2*u)": 3.5, "u": 1.5}
# What rubs or drags acts against the velocity, whichever way that points.
PIECES_OF_VELOCITIES = PIECES | {"abs(u)*u": 2.0, "sign(u)": 2.0}
PIECES_OF_TIME = {
    "u": 3.0, "u^2": 5.0, "sin(u)": 2.5, "cos(u)": 2.5, "sin(2*u)": 3.5, "cos(2*u)": 3.5, "sin(3*u)": 4.0,
    "cos(3*u)": 4.0, "sin(u/2)": 4.0, "cos(u/2)": 4.0, "exp(-u)": 5.0,
}  # fmt: skip
SHAPES = {
    "sin(k*u)": 4.0, "cos(k*u)": 4.5, "tanh(k*u)": 4.5, "exp(-k*u)": 4.0, "exp(-k*abs(u))": 5.0, "exp(-k*u^2)": 5.0,
    "log(1 + k*abs(u))": 5.0, "1/(k + abs(u))": 4.5, "1/(k + u^2)": 4.5, "1/(k + abs(u)^3)": 6.0,
}  # fmt: skip
SHAPES_OF_TIME = {"sin(k*u)": 3.0, "cos(k*u)": 3.0, "exp(-k*u)": 5.0}
TERM, FACTOR = 1.0, 0.5  # every term, and every factor beyond the first
OTHER = 0.5  # a piece of another coordinate than the one whose equation is sought
# Terms dearer than this are not listed, nor more than so many.
DEAREST, MOST_TERMS = 13.0, 20_000
# Inner constants are scanned over these multiples of one over the variable's size, and refined later.
SCAN = np.geomspace(0.25, 8.0, 9)
MOST_FREQUENCIES = 200
# A negative power's variable keeps this distance from zero, as a share of its usual size.
POLE = 0.02
# Two terms whose columns differ by less than this, as a share, are one term on these data.
SAME = 1e-9


@dataclass(frozen=True)
class Variable:
    """What pieces are functions of.

    Args:
        expression: A symbol, or a combination of symbols such as a distance.
        kind: ``"coordinate"``, ``"angle"``, ``"velocity"``, ``"time"`` or ``"plain"``.
        surcharge: Nats added to each of its pieces.
    """

    expression: sympy.Expr
    kind: str = "plain"
    surcharge: float = 0.0


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
        pieces: Values of the pieces, shape (P, n); the last one is 1.
        factors: For every term the pieces it is a product of, shape (F, 3).
        costs: Nats, shape (F,), ascending.
        parts: The pieces as terms of their own.
    """

    pieces: np.ndarray
    factors: np.ndarray
    costs: np.ndarray
    parts: tuple[Term, ...]

    def __len__(self) -> int:
        return len(self.costs)

    def columns(self, terms: np.ndarray | slice = slice(None), rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Values of terms on rows, shape (F, n): one row of the result a term, so that they lie together in memory."""
        values = np.ascontiguousarray(self.pieces[:, rows])
        a, b, c = self.factors[terms].T
        result = values[a]
        _multiply(result, values, b, len(self.parts))
        _multiply(result, values, c, len(self.parts))
        return result

    def term(self, index: int) -> Term:
        """A candidate as an expression."""
        parts = [self.parts[k] for k in self.factors[index] if k < len(self.parts)]
        constants = tuple(pair for part in parts for pair in part.constants)
        return Term(sympy.Mul(*(part.expression for part in parts)), float(self.costs[index]), constants)

    def refined(
        self, support: Sequence[int], constants: dict[str, float], inputs: dict[str, np.ndarray]
    ) -> tuple[Candidates, tuple[int, ...]]:
        """The candidates and, at their end, some of them again with other inner constants.

        Args:
            support: Which.
            constants: New values by name; the names change so that old and new stay apart.
            inputs: The data by column.
        """
        parts, pieces, rows = list(self.parts), [], []
        place = {len(self.parts): len(self.parts)}
        for index in support:
            for k in self.factors[index]:
                if k in place or not self.parts[k].constants:
                    place.setdefault(int(k), int(k))
                    continue
                ((name, _),) = self.parts[k].constants
                new = sympy.Symbol(f"{name}_{len(self)}")
                part = replace(
                    self.parts[k],
                    expression=self.parts[k].expression.xreplace({sympy.Symbol(name): new}),
                    constants=((new.name, constants[name]),),
                )
                place[int(k)] = len(parts)
                parts.append(part)
                pieces.append(_piece_values([part], inputs)[0])
        one = len(self.parts)
        shift = {k: v for k, v in place.items()} | {one: len(parts)}
        old = np.where(self.factors == one, len(parts), self.factors)
        rows = [[shift[int(k)] for k in self.factors[index]] for index in support]
        values = np.vstack([self.pieces[:-1], *pieces, self.pieces[-1:]])
        found = Candidates(
            values, np.vstack([old, rows]), np.concatenate([self.costs, self.costs[list(support)]]), tuple(parts)
        )
        return found, tuple(range(len(self), len(found)))

    def only(self, terms: np.ndarray) -> Candidates:
        """The candidates named, in their order."""
        return Candidates(self.pieces, self.factors[terms], self.costs[terms], self.parts)


def _multiply(result: np.ndarray, values: np.ndarray, factor: np.ndarray, one: int) -> None:
    rows = np.flatnonzero(factor < one)
    result[rows] *= values[factor[rows]]


@cache
def _parsed(text: str) -> sympy.Expr:
    return parse(text, variables=["u", "k"])


def _tables(kind: str) -> tuple[dict[str, float], dict[str, float]]:
    if kind == "time":
        return PIECES_OF_TIME, SHAPES_OF_TIME
    return {"angle": PIECES_OF_ANGLES, "velocity": PIECES_OF_VELOCITIES}.get(kind, PIECES), SHAPES


def _scanned(text: str, kind: str, size: float, span: float) -> np.ndarray:
    """Values at which an inner constant is tried: frequencies a quarter turn apart over the span, else scales."""
    if kind == "time" and text.startswith(("sin", "cos")):
        return np.arange(1, MOST_FREQUENCIES + 1) * np.pi / (2 * span)
    if text.startswith("1/(k + u^2"):
        return (size / SCAN) ** 2
    if text.startswith("1/(k + abs(u)^3"):
        return (size / SCAN) ** 3
    if text.startswith("1/("):
        return size / SCAN
    if text.startswith("exp(-k*u^2"):
        return (SCAN / size) ** 2
    if text.startswith("exp(-k*u)"):
        return np.concatenate((-SCAN, SCAN)) / size
    return SCAN / size


def _pieces_of(number: int, variable: Variable, values: np.ndarray) -> list[tuple[Term, bool]]:
    """Pieces of one variable that have a value in every row, and whether each is a plain power."""
    u, k = sympy.symbols("u k")
    size, span = float(np.sqrt(np.mean(values**2))), float(np.ptp(values))
    if not size > 0 or not span > 0:
        return []
    is_clear = float(np.min(np.abs(values))) > POLE * size
    plain, shapes = _tables(variable.kind)
    found = []
    for text, price in plain.items():
        if text in ("1/u", "1/u^2", "1/u^3", "abs(u)^(-1/2)", "log(abs(u))") and not is_clear:
            continue
        if text.startswith("exp") and size > 30:
            continue
        expression = _parsed(text).xreplace({u: variable.expression})
        found.append((Term(expression, price + variable.surcharge), text in ("u", "u^2", "u^3", "u^4", "u^5")))
    for text, price in shapes.items():
        for place, value in enumerate(_scanned(text, variable.kind, size, span)):
            # A sine and a cosine of one frequency are one wave: they share their constant.
            family = list(shapes).index(text.replace("cos(", "sin("))
            name = sympy.Symbol(f"k_{number}_{family}_{place}")
            expression = _parsed(text).xreplace({u: variable.expression, k: name})
            found.append((Term(expression, price + variable.surcharge, ((name.name, float(value)),)), False))
    return found


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
    inputs = dict(zip(names, values, strict=True))
    own = compile_rhs([variable.expression for variable in variables], list(names))(np.asarray(values, dtype=float))
    parts: list[Term] = []
    of_variable: list[int] = []
    powers: list[bool] = []
    for number, (variable, column) in enumerate(zip(variables, own, strict=True)):
        for part, is_power in _pieces_of(number, variable, column):
            parts.append(part)
            of_variable.append(number)
            powers.append(is_power)
    pieces = _piece_values(parts, inputs)
    good = np.all(np.isfinite(pieces), axis=1) & (np.max(np.abs(pieces), axis=1) < 1e60)
    parts = [part for part, keep in zip(parts, good, strict=True) if keep]
    pieces = np.vstack([pieces[good], np.ones(pieces.shape[1])])
    owner, is_power = np.array(of_variable, dtype=int)[good], np.array(powers, dtype=bool)[good]
    prices = np.array([part.cost for part in parts])
    is_scanned = np.array([bool(part.constants) for part in parts], dtype=bool)
    is_time = np.array([variables[k].kind == "time" for k in owner], dtype=bool)
    factors, costs = _products(prices, owner, is_power, is_scanned, is_time)
    order = np.argsort(costs, kind="stable")[:MOST_TERMS]
    found = Candidates(pieces, factors[order], costs[order], tuple(parts))
    return found.only(_distinct(found))


def _piece_values(parts: Sequence[Term], inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Values of the pieces, shape (P, n)."""
    constants = sorted({pair for part in parts for pair in part.constants})
    rows = len(next(iter(inputs.values())))
    evaluate = compile_rhs([part.expression for part in parts], [*inputs, *(name for name, _ in constants)])
    columns = [*inputs.values(), *(np.full(rows, value) for _, value in constants)]
    with np.errstate(all="ignore"):
        return np.array(np.broadcast_to(evaluate(np.array(columns)), (len(parts), rows)))


def _products(
    prices: np.ndarray, owner: np.ndarray, is_power: np.ndarray, is_scanned: np.ndarray, is_time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All products that are not too dear: pieces as factors, shape (F, 3), and their costs."""
    one, count = len(prices), len(prices)
    lists = [np.array([[one, one, one]]), np.column_stack([np.arange(count), np.full((count, 2), one)])]
    costs = [np.array([TERM]), TERM + prices]
    first, second = np.triu_indices(count, 1)
    is_own = owner[first] == owner[second]
    fits = np.where(is_own, is_power[first] ^ is_power[second], True)
    # Scanned pieces are many: they multiply plain powers only, and driving forces the first power only.
    plain = is_power & (prices < 3.5)
    fits &= ~is_scanned[first] | plain[second]
    fits &= ~is_scanned[second] | plain[first]
    price = TERM + FACTOR + prices[first] + prices[second]
    fits &= price <= np.where(is_time[first] | is_time[second], DEAREST - 4.0, DEAREST)
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
    rows = np.linspace(0, terms.pieces.shape[1] - 1, min(64, terms.pieces.shape[1])).astype(int)
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
