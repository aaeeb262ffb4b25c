"""Ratios of sums as rates of first-order laws, such as Michaelis-Menten kinetics with an inhibitor.

A rate p/q obeys rate = p - rate·(q - 1), so that with the path's own rate in the last term numerator and denominator
are found together as one small subset of responses (`ratios`, for rows). Ratios so found are then fitted as such, and
compete with other choices of terms. Leaves out whole laws (`flow_search`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.candidates import Candidates
from motionlaw.tools.flow_regression import Choice, Regression, prune
from motionlaw.tools.flow_terms import Item, items_of
from motionlaw.tools.pieces import Term
from motionlaw.tools.ratios import LEAST, ODD, RATIO
from motionlaw.tools.subsets import Products, best_subsets

# Plainest terms that numerators and denominators are made of; few numerators first: among many, an uncertain rate finds
# curious ones. Choices of numerators that are grown and kept for each denominator, ratios that are fitted each time,
# and choices looked at beside the best.
TIERS, DENOMINATORS, MOST_TERMS = (5, 24), 8, 8
BEAM, EACH, FITTED, KEPT_SUBSETS = 12, 2, 8, 40
# A smooth path of a positive coordinate goes no further below zero than this share of its largest value.
BARELY = 0.02


def with_ratios(
    regression: Regression, candidates: Candidates, choices: Sequence[Choice], deadline: float
) -> list[Choice]:
    """Adds ratios of sums to the choices for one equation.

    Args:
        regression: The regression of the equation.
        candidates: The terms, plain ones first.
        choices: Choices found so far.
        deadline: `time.monotonic` value after which no more are fitted.

    Returns:
        All choices, best first.
    """
    plain = items_of(candidates, np.flatnonzero(candidates.is_plain())[: 2 * TIERS[-1]])
    above = plain[: TIERS[-1]]
    below = _below(plain, regression)
    if not below:
        return list(choices)
    values = np.array([regression.values(item, {})[0] for item in below])
    columns = np.vstack(
        [*(regression.columns(item, {})[0] for item in above), *regression.responses(-regression.rate * values)]
    )
    if not np.all(np.isfinite(columns)):
        return list(choices)
    found = {choice.key: choice for choice in choices}
    ratios: list[Choice] = []
    items = [*above, *below]
    for upper in TIERS:
        few = [*range(min(upper, len(above))), *range(len(above), len(items))]
        fitted = 0
        for chosen in _subsets(regression, columns[few], [items[k] for k in few], len(few) - len(below)):
            own = [few[k] for k in chosen]
            ratio = _ratio(own, columns, regression.wanted, above, below, values, f"q_{len(ratios)}")
            if ratio and fitted < FITTED and time.monotonic() < deadline:
                fitted += 1
                ratios.append(_fitted(regression, ratio, found))
    if ratios:
        _beside(regression, min(ratios, key=lambda each: each.score), above, found, deadline)
    return sorted(found.values(), key=lambda choice: choice.score)


def _below(items: Sequence[Item], regression: Regression) -> list[Item]:
    """The plainest powers and their products, dearer where they have both signs: they make a denominator vanish.

    Other terms are as good as constant over some range, and the rate times a constant fits anything.
    """
    found: list[Item] = []
    for item in items:
        if item.parts and all(map(_is_power, item.parts)):
            values = regression.values(item, {})[0]
            is_odd = np.min(values) < -BARELY * np.max(values)
            found.append(replace(item, price=item.price + ODD) if is_odd else item)
    return sorted(found, key=lambda item: item.price)[:DENOMINATORS]


def _is_power(part: Term) -> bool:
    base, power = part.expression.as_base_exp()
    return bool(base.is_Symbol and base.name != "t" and power.is_Integer and power > 0)


def _subsets(
    regression: Regression, columns: np.ndarray, items: Sequence[Item], above: int
) -> list[tuple[int, ...]]:
    """Good choices of numerators for every small denominator, best first.

    Denominators are not left to the search: on a path, which is a curve, sums of them vanish by themselves.
    """
    worth = regression.worth(np.array([regression.price(item) for item in items]))
    found: dict[tuple[int, ...], float] = {}
    below = range(above, len(items))
    for under in [(k,) for k in below] + list(combinations(below, 2)):
        chosen = np.array([*range(above), *under])
        products = Products(columns[chosen], regression.wanted)
        own = replace(worth, prices=worth.prices[chosen])
        forced = range(above, len(chosen))
        for subset in best_subsets(products, own, most_terms=MOST_TERMS, forced=forced, beam=BEAM, swaps=1, kept=EACH):
            found[tuple(chosen[list(subset.columns)].tolist())] = subset.score
    return sorted(found, key=found.__getitem__)


def _fitted(regression: Regression, items: Sequence[Item], found: dict[str, Choice]) -> Choice:
    """Fits terms with their inner constants, and enters them without those that are idle."""
    constants = {name: value for item in items for name, value in item.constants.items()}
    choice = regression.fitted(items, constants, steps=12)
    prune(regression, choice, found)
    return choice


def _beside(
    regression: Regression, ratio: Choice, above: Sequence[Item], found: dict[str, Choice], deadline: float
) -> None:
    """Enters sums of plain terms and of such over the denominator of a ratio: multiplied out they were long."""
    pieces = [part for item in ratio.items for part in item.parts if part.is_shared]
    piece = replace(pieces[0], constants=tuple((name, ratio.constants[name]) for name, _ in pieces[0].constants))
    items = [*above, *(Item((*item.parts, piece), item.price) for item in above)]
    columns = np.array([regression.columns(item, item.constants)[0] for item in items])
    worth = regression.worth(np.array([regression.price(item) for item in items]))
    fitted = 0
    for subset in best_subsets(Products(columns, regression.wanted), worth, most_terms=MOST_TERMS, kept=KEPT_SUBSETS):
        if any(k >= len(above) for k in subset.columns) and fitted < FITTED and time.monotonic() < deadline:
            fitted += 1
            _fitted(regression, [items[k] for k in subset.columns], found)


def _ratio(
    chosen: Sequence[int],
    columns: np.ndarray,
    wanted: np.ndarray,
    above: Sequence[Item],
    below: Sequence[Item],
    values: np.ndarray,
    name: str,
) -> list[Item]:
    """The terms of the ratio that a choice of columns stands for; none if it is no ratio, or has a pole on the path."""
    over = [k for k in chosen if k < len(above)]
    under = [k - len(above) for k in chosen if k >= len(above)]
    if not over:
        return []
    solution = np.linalg.lstsq(columns[list(chosen)].T, wanted, rcond=1e-12)[0]
    shares = solution[len(over) :]
    bottom = 1 + shares @ values[under]
    if np.min(bottom) < LEAST * np.median(np.abs(bottom)):
        return []
    names = [f"{name}_{k}" for k in range(len(under))]
    terms = [
        sympy.Symbol(n) * sympy.Mul(*(p.expression for p in below[k].parts)) for n, k in zip(names, under, strict=True)
    ]
    price = RATIO + sum(below[k].price for k in under)
    piece = Term(1 / sympy.Add(1, *terms), price, tuple(zip(names, shares.tolist(), strict=True)), is_shared=True)
    return [Item((*above[k].parts, piece), above[k].price) for k in over]
