"""Hypotheses turned into laws that can compete: refit first, then realign the residual (SR²).

A hypothesis is an expression from anywhere: the catalogue, a model's ansatz, an engine, a person. Its numbers are
only first guesses: they become named constants and are fitted again before anything else is concluded. What
is left over is then searched for missing terms, and terms that the data do not need are dropped.

Source: Symbolic Residual Realignment of VIPER-R1 (2508.17380), with the refit before the residual that it lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.candidates import FACTOR, TERM
from motionlaw.tools.contest import cost_of
from motionlaw.tools.dynamics import Model
from motionlaw.tools.equation import ordered_terms
from motionlaw.tools.library import COSTS, Feature
from motionlaw.tools.pieces import price_of
from motionlaw.tools.search import Samples, Support, best_subsets, weak_system


def named_constants(expressions: Sequence[sympy.Expr], *, coordinates: Sequence[str], order: int) -> Model:
    """Turns the numbers in expressions into constants to be fitted.

    Integers and small rationals that stand as exponents stay; like terms are merged by expanding first.

    Args:
        expressions: One right-hand side a coordinate.
        coordinates: Names of the coordinates.
        order: 1 or 2.

    Returns:
        The law with constants ``c_1`` … (coefficients) and ``k_1`` … (inside functions).

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> model = named_constants([-4.9 * sympy.sin(1.1 * x) - 0.1 * v], coordinates=("x",), order=2)
        >>> model.parameters, [str(e) for e in model.equations]
        (('c_1', 'c_2', 'k_1'), ['c_1*sin(k_1*x) + c_2*v'])
    """
    outer: list[float] = []
    inner: list[float] = []

    def inside(node: sympy.Expr) -> sympy.Expr:
        if node.is_Float or (node.is_Rational and not node.is_Integer):
            inner.append(float(node))
            return sympy.Symbol(f"k_{len(inner)}")
        if node.is_Pow and node.exp.is_number:
            return sympy.Pow(inside(node.base), sympy.nsimplify(node.exp, rational=True, tolerance=1e-6))
        return node.func(*[inside(child) for child in node.args]) if node.args else node

    equations = []
    for expression in expressions:
        terms = []
        for term in ordered_terms(sympy.expand(expression)):
            coefficient, rest = term.as_coeff_Mul()
            outer.append(float(coefficient))
            terms.append(sympy.Symbol(f"c_{len(outer)}") * inside(rest))
        equations.append(sympy.Add(*terms))
    names = [f"c_{k + 1}" for k in range(len(outer))] + [f"k_{k + 1}" for k in range(len(inner))]
    return Model(order, tuple(coordinates), tuple(equations), tuple(names), np.array(outer + inner))


@dataclass(frozen=True)
class Prices:
    """What a proposed law costs, in free constants: no less than it would cost the search.

    The search finds laws by its library of plain terms and by its grammar of products of pieces; each has a price list,
    and a proposal pays the dearer one.

    Args:
        library: Plain terms with their cost.
        kinds: What each state, and ``t``, is: ``"coordinate"``, ``"angle"``, ``"velocity"``, ``"time"``.
        rows: How many are fitted; the grammar's prices are in nats.
    """

    library: Sequence[Feature]
    kinds: Mapping[str, str]
    rows: int

    def features(self, expression: sympy.Expr) -> list[Feature]:
        """The terms of a right-hand side, its numbers first guesses; what is not listed is at the grammar's price."""
        rests = [term.as_coeff_Mul()[1] for term in sympy.Add.make_args(sympy.expand(expression))]
        return [Feature(rest, self._listed(rest) or self._by_grammar([rest])) for rest in rests]

    def of(self, terms: Sequence[sympy.Expr]) -> float:
        """The cost of a right-hand side by the grammar, or by the library if it lists all terms and asks for more."""
        listed = [self._listed(term) for term in terms]
        by_library = sum(cost for cost in listed if cost is not None) if None not in listed else 0.0
        return max(by_library, self._by_grammar(terms))

    def _listed(self, term: sympy.Expr) -> float | None:
        if term.func in (sympy.sin, sympy.cos) and term.free_symbols == {sympy.Symbol("t")}:
            return COSTS["forcing"]
        return next((feature.cost for feature in self.library if feature.expression == term), None)

    def _by_grammar(self, terms: Sequence[sympy.Expr]) -> float:
        constants = sum(1 + len(term.atoms(sympy.Float)) for term in terms)
        return cost_of(sum(self._nats(term) for term in terms), constants, self.rows)

    def _nats(self, term: sympy.Expr) -> float:
        groups: dict[frozenset[sympy.Basic], list[sympy.Expr]] = {}
        for factor in sympy.Mul.make_args(term):
            groups.setdefault(frozenset(factor.free_symbols), []).append(factor)
        groups.pop(frozenset(), None)  # the constant term
        return TERM + FACTOR * max(len(groups) - 1, 0) + sum(self._price(factors) for factors in groups.values())

    def _price(self, factors: Sequence[sympy.Expr]) -> float:
        """Nats of factors in the same variable: one piece, such as v |v|, or several."""
        apart = sum(price_of(factor, self.kinds) for factor in factors) + FACTOR * (len(factors) - 1)
        return min(apart, price_of(sympy.Mul(*factors), self.kinds))


def realign(
    own: Sequence[Feature],
    runs: Sequence[Samples],
    library: Sequence[Feature],
    target: int,
    *,
    coordinates: Sequence[str],
    order: int,
    window_s: float,
    most_terms: int = 7,
) -> list[Support]:
    """Refits an ansatz, searches what it leaves over, and drops what the data do not need.

    Args:
        own: Terms of the ansatz for one target, see `Prices.features`.
        runs: The data.
        library: Terms that may be added.
        target: Index of the coordinate whose equation it is.
        coordinates: Names of the coordinates.
        order: 1 or 2.
        window_s: Length of the weak form's windows, seconds.
        most_terms: Largest number of terms.

    Returns:
        Choices of terms, best first: the ansatz refitted, the ansatz with terms added, and both without the
        terms of the ansatz that earn nothing.
    """
    others = [feature for feature in library if feature.expression not in {f.expression for f in own}]
    system = weak_system(runs, [*own, *others], target, coordinates=coordinates, order=order, window_s=window_s)
    forced = [index for index, feature in enumerate(system.features) if feature in own]
    most = max(most_terms, len(forced))
    supports = best_subsets(system, most_terms=most, forced=forced, beam=8, kept_per_size=2)
    for dropped in forced:
        rest = [index for index in forced if index != dropped]
        supports += best_subsets(system, most_terms=len(rest) + 1, forced=rest, beam=4, kept_per_size=1)
    return sorted(supports, key=lambda support: support.score)
