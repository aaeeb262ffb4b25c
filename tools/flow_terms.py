"""Candidate terms of first-order laws, as products of parts.

To the grammar of `candidates` come what rates of first order are made of: couplings by differences, Hill functions and
logistic curves, products that saturate; and monomials are cheaper. Leaves out choosing among them (`flow_regression`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.candidates import DEAREST, FACTOR, TERM, Candidates, candidate_terms
from motionlaw.tools.equation import compile_rhs, parse
from motionlaw.tools.pieces import INNER, Term, Variable

# Nats for a piece of a difference of two coordinates, and of time.
DIFFERENCE, TIME = 1.0, 3.0
# Nats of a monomial by its degree, and what they are less for every further coordinate in it. Rates of first order are
# mostly sums of such: growth, decay, mass action, normal forms. A source that never changes is rarer than decay.
MONOMIALS = np.array([2.4, 1.3, 2.4, 3.2, 4.5, 5.5])
MIXED = 0.2
# Nats added to a term with a free scale that does not saturate (sin(k*x), exp(-k*x), …), to roots, logarithms and
# exponentials, and to a cosine: a turning coordinate is at rest at zero more often than a quarter turn from it.
FREE_SCALE, CURVED, COSINE = 1.5, 1.0, 1.5
# Couplings by a difference u of two coordinates, in nats.
COUPLINGS = {"sin(u)": 3.0, "cos(u)": 4.0, "tanh(u)": 4.5, "abs(u)*u": 4.5, "exp(-u)": 5.5, "abs(u)": 5.5}
# Nats of a Hill function and of a logistic curve, and where their two constants are tried.
HILL, LOGISTIC = 5.0, 5.0
HILL_EXPONENTS = (2.0, 3.0, 4.5, 7.0)
HILL_PLACES = np.geomspace(0.15, 2.5, 8)
EXPONENT, NEAR_WHOLE = "n_", 0.06
LOGISTIC_STEEPNESS = np.array([0.4, 1.0, 2.5, 6.0])


@dataclass(frozen=True)
class Item:
    """One candidate term as a product of parts, with its price in nats."""

    parts: tuple[Term, ...]
    price: float

    @cached_property
    def key(self) -> str:
        """Text that is equal for terms that differ by the values of their inner constants alone."""
        return "*".join(sorted(_text(part) for part in self.parts)) or "1"

    @cached_property
    def constants(self) -> dict[str, float]:
        """Inner constants by name with a first guess."""
        return {name: value for part in self.parts for name, value in part.constants}

    def with_constants(self, constants: dict[str, float]) -> Item:
        """The item with other first guesses."""
        parts = (replace(p, constants=tuple((n, constants[n]) for n, _ in p.constants)) for p in self.parts)
        return Item(tuple(parts), self.price)


def shared_price(items: Sequence[Item]) -> float:
    """Nats of the denominators that terms have in common, each paid for once."""
    shared = {_text(part): part.cost for item in items for part in item.parts if part.is_shared}
    return sum(shared.values())


def _generic(part: Term) -> sympy.Expr:
    """A part with its constants called ``k_0``, ``k_1``: one expression for all scanned values of a shape."""
    if len(part.constants) == 1 and part.template.has(INNER):
        return _renamed(part.template, (INNER.name,))
    return _renamed(part.expression, tuple(name for name, _ in part.constants))


@cache
def _renamed(expression: sympy.Expr, names: tuple[str, ...]) -> sympy.Expr:
    return expression.xreplace({sympy.Symbol(name): sympy.Symbol(f"k_{i}") for i, name in enumerate(names)})


@cache
def _text(part: Term) -> str:
    return f"({_generic(part)})" if part.expression.is_Add else str(_generic(part))


@cache
def _compiled(part: sympy.Expr, count: int, inputs: tuple[str, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """A part and its derivatives by its constants as one function."""
    constants = [f"k_{i}" for i in range(count)]
    return compile_rhs([part, *(sympy.diff(part, name) for name in constants)], [*inputs, *constants])


def part_values(part: Term, constants: Sequence[float], nodes: np.ndarray, inputs: tuple[str, ...]) -> np.ndarray:
    """A part and its derivatives by its constants on the nodes, shape (1 + K, N)."""
    fixed = [np.full(nodes.shape[1], value) for value in constants]
    return _compiled(_generic(part), len(fixed), inputs)(np.vstack([nodes, *fixed]))


def items_of(candidates: Candidates, chosen: np.ndarray) -> list[Item]:
    """Some candidates as items."""
    parts, one = candidates.parts, len(candidates.parts)
    return [Item(tuple(parts[k] for k in candidates.factors[j] if k < one), float(candidates.costs[j])) for j in chosen]


def lonely_powers(items: Sequence[Item]) -> int:
    """Number of powers of a coordinate among terms that do not hold the coordinate itself.

    Source: marginality after Nelder (1977): a square is rarely meant where the plain term is missing.
    """
    keys = {item.key for item in items}
    alone = [item.parts[0].expression for item in items if len(item.parts) == 1]
    return sum(1 < _degree(part) < 9 and str(part.base) not in keys for part in alone)


def terms_of(names: Sequence[str], nodes: np.ndarray, *, has_time: bool) -> Candidates:
    """Candidate terms on the nodes: those of the grammar, couplings by differences, saturations and thresholds.

    Args:
        names: Names of the D coordinates.
        nodes: States and time, shape (D + 1, N).
        has_time: Whether time may stand in a law.
    """
    variables = [Variable(sympy.Symbol(name), "coordinate") for name in names]
    if has_time:
        variables.append(Variable(sympy.Symbol("t"), "time", TIME))
    found = with_saturations(candidate_terms(variables, [*names, "t"], nodes), names, nodes)
    degrees = np.array([_degree(part.expression) for part in found.parts] + [0])[found.factors]
    size, count = degrees.sum(axis=1), np.count_nonzero(degrees, axis=1)
    monomials = MONOMIALS[np.minimum(size, len(MONOMIALS) - 1)] - MIXED * np.maximum(count - 1, 0)
    added = np.array([_surcharge(part) for part in found.parts] + [0.0])[found.factors].sum(axis=1)
    costs = np.where(size < len(MONOMIALS), monomials, found.costs + added)
    order = np.argsort(costs, kind="stable")
    return Candidates(found.pieces, found.factors[order], costs[order], found.parts)


def _surcharge(part: Term) -> float:
    """What a part costs more in a rate of first order than in the grammar."""
    if part.constants:
        return 0.0 if _is_denominator(part) or len(part.constants) > 1 else FREE_SCALE
    if part.expression.func is sympy.cos:
        return COSINE
    power = part.expression.as_base_exp()[1]
    is_root = bool(power.is_Rational and not power.is_Integer)
    return CURVED if is_root or part.expression.has(sympy.log, sympy.exp) else 0.0


def _degree(part: sympy.Expr) -> int:
    """Degree of a power of a coordinate; 9 for what is none."""
    base, power = part.as_base_exp()
    return int(power) if base.is_Symbol and base.name != "t" and power.is_Integer and power > 0 else 9


def with_saturations(terms: Candidates, names: Sequence[str], nodes: np.ndarray) -> Candidates:
    """Adds Hill functions and logistic curves of one coordinate, and products of two coordinates that saturate.

    Args:
        terms: Candidates on the nodes.
        names: Names of the D coordinates.
        nodes: States and time, shape (D + 1, N).
    """
    parts, values = list(terms.parts), []
    one = len(terms.parts)
    symbols = {sympy.Symbol(name): place for place, name in enumerate(names)}
    powers = [
        k for k, part in enumerate(parts) if _owner(part, symbols) is not None and _is_small_power(part.expression)
    ]
    for place, name in enumerate(names):
        for part in _thresholds(sympy.Symbol(name), place, nodes[place]):
            parts.append(part)
            values.append(part_values(part, [value for _, value in part.constants], nodes, (*names, "t"))[0])
    for a, b in combinations(names, 2):
        for text, price in COUPLINGS.items():
            expression = parse(text, variables=["u"]).xreplace({sympy.Symbol("u"): sympy.Symbol(a) - sympy.Symbol(b)})
            parts.append(Term(expression, price + DIFFERENCE))
            values.append(part_values(parts[-1], [], nodes, (*names, "t"))[0])
    new = np.arange(one, len(parts))
    shift = np.where(terms.factors == one, len(parts), terms.factors)
    factors, costs = [shift], [terms.costs]
    prices = np.array([part.cost for part in parts])
    end = len(parts)
    factors.append(np.column_stack([new, np.full((len(new), 2), end)]))
    costs.append(TERM + prices[new])
    for power in powers:
        factors.append(np.column_stack([np.full(len(new), power), new, np.full(len(new), end)]))
        costs.append(TERM + FACTOR + prices[power] + prices[new])
    scanned = [
        k
        for k in range(one)
        if parts[k].constants and _owner(parts[k], symbols) is not None and _is_denominator(parts[k])
    ]
    for one_power, other in combinations(powers, 2):
        if _owner(parts[one_power], symbols) != _owner(parts[other], symbols):
            factors.append(np.column_stack([np.full((len(scanned), 2), [one_power, other]), scanned]))
            costs.append(TERM + 2 * FACTOR + prices[one_power] + prices[other] + prices[scanned])
    pieces = np.vstack([terms.pieces[:-1], *values, terms.pieces[-1:]])
    all_costs = np.concatenate(costs)
    kept = np.flatnonzero(all_costs <= DEAREST)
    order = kept[np.argsort(all_costs[kept], kind="stable")]
    return Candidates(pieces, np.concatenate(factors).astype(int)[order], all_costs[order], tuple(parts))


def _owner(part: Term, symbols: dict[sympy.Symbol, int]) -> int | None:
    """Which coordinate a part is a function of, ``None`` for differences and time."""
    inner = {sympy.Symbol(name) for name, _ in part.constants}
    used = part.expression.free_symbols - inner
    return symbols.get(next(iter(used))) if len(used) == 1 else None


def _is_small_power(part: sympy.Expr) -> bool:
    return part.is_Symbol or (part.is_Pow and part.base.is_Symbol and part.exp in (2, 3))


def _is_denominator(part: Term) -> bool:
    return part.expression.is_Pow and part.expression.exp == -1 and part.expression.base.is_Add


def _thresholds(u: sympy.Symbol, number: int, values: np.ndarray) -> list[Term]:
    """Hill functions u^n/(k^n + u^n) of a positive coordinate and logistic curves of any, over a grid of constants."""
    found: list[Term] = []
    places = np.unique(np.quantile(values, np.linspace(0.0, 1.0, 7)))
    if np.min(values) > 0:
        for n in HILL_EXPONENTS:
            for k in places[-1] * HILL_PLACES:
                names = [f"h_{number}_{len(found)}", f"{EXPONENT}{number}_{len(found)}"]
                expression = 1 / (1 + (sympy.Symbol(names[0]) / u) ** sympy.Symbol(names[1]))
                found.append(Term(expression, HILL, tuple(zip(names, (float(k), n), strict=True))))
    for steepness in LOGISTIC_STEEPNESS / max(float(np.std(values)), 1e-300):
        for k in places:
            names = [f"s_{number}_{len(found)}", f"j_{number}_{len(found)}"]
            expression = 1 / (1 + sympy.Symbol(names[0]) * sympy.exp(-sympy.Symbol(names[1]) * u))
            size = float(np.exp(np.clip(steepness * k, -30, 30)))
            found.append(Term(expression, LOGISTIC, tuple(zip(names, (size, float(steepness)), strict=True))))
    return found


def rounded(item: Item, constants: dict[str, float]) -> Item | None:
    """The item with whole numbers for Hill exponents that are near such, ``None`` if it has none."""
    parts, is_new = [], False
    for part in item.parts:
        for name, _ in part.constants:
            near = round(constants[name])
            if name.startswith(EXPONENT) and near >= 1 and abs(constants[name] - near) < NEAR_WHOLE * near:
                kept = tuple((n, v) for n, v in part.constants if n != name)
                part = replace(part, template=part.expression.xreplace({sympy.Symbol(name): sympy.Integer(near)}),
                               constants=kept)  # fmt: skip
                is_new = True
        parts.append(part)
    return Item(tuple(parts), item.price) if is_new else None
