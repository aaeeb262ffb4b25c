"""Ratios of sums: laws y·q = p with a sum q of few terms, such as a mass that depends on where it is.

Multiplied out, y = p - y·(q - 1) is linear in all coefficients, so that numerator and denominator are found together as
one small subset of columns. In the columns y·d an estimate stands for the measured values, whose noise would make
the coefficients of q too small; rows are weighed by one over the last q, since y's noise is multiplied by it. Leaves
out the fit of the ratio itself, which is a choice of terms with one piece 1/q in common (`regression`).

Source: Levy (1959) and Sanathanan & Koerner (1963) for the weights; Kaheman, Kutz & Brunton (2020) for sparse laws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.candidates import Candidates
from motionlaw.tools.pieces import Term
from motionlaw.tools.subsets import NOISE_FREE, Products, Worth, best_subsets, sparsest

# Nats of being a ratio, beyond the price of the denominator's terms.
RATIO = 2.0
# Nats of a denominator's term that has both signs.
ODD = 1.5
# Plainest terms that numerators and denominators are made of, few first: among many, clean rows find curious fits.
TIERS = ((12, 8), (40, 16), (150, 30))
# Largest ratio, in coefficients; largest denominator beside its 1; ratios that are handed on, and subsets
# they are taken from.
MOST_TERMS, MOST_BELOW, KEPT, KEPT_SUBSETS = 6, 3, 5, 40
# A denominator keeps this distance from zero, as a share of its usual size.
LEAST = 0.05


@dataclass(frozen=True)
class Ratio:
    """A numerator and a denominator ``1 + Σ share·term``.

    Args:
        above: Indices of the numerator's candidates.
        below: Indices of the denominator's candidates, without the 1.
        shares: Their coefficients.
    """

    above: tuple[int, ...]
    below: tuple[int, ...]
    shares: np.ndarray


@dataclass(frozen=True)
class RatioRows:
    """What ratios are sought in: n rows.

    Args:
        above: Indices of the candidates that may stand in a numerator.
        below: Indices of those that may stand in a denominator.
        upper: Values of the former, shape (A, n).
        lower: Values of the latter, shape (B, n).
        costs: Nats of both, shape (A + B,).
        y: The target, shape (n,).
        weights: One over the noise, shape (n,).
    """

    above: np.ndarray
    below: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    costs: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def first(self, above: int, below: int) -> RatioRows:
        """The same with the first few terms only."""
        costs = np.append(self.costs[: len(self.above)][:above], self.costs[len(self.above) :][:below])
        return replace(
            self, above=self.above[:above], below=self.below[:below], upper=self.upper[:above],
            lower=self.lower[:below], costs=costs,
        )  # fmt: skip


@dataclass(frozen=True)
class _Scored:
    ratio: Ratio
    score: float
    misfit: float
    values: np.ndarray
    bottom: np.ndarray


def ratio_rows(
    candidates: Candidates,
    shaped: Sequence[int],
    times: set[sympy.Symbol],
    rows: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
) -> RatioRows:
    """Chooses what ratios are made of.

    Args:
        candidates: The terms.
        shaped: Indices of terms with inner constants that may stand in a numerator, such as a driving force.
        times: Symbols that stand in no denominator.
        rows: The rows to look at.
        y: The target, on all rows.
        weights: One over the noise, on all rows.
    """
    plain = np.flatnonzero(candidates.is_plain())
    most, deepest = TIERS[-1]
    first = TIERS[0][0]
    above = np.array([*plain[:first], *shaped, *plain[first:most]], dtype=int)
    free = [k for k in plain[1 : 4 * deepest] if not times & candidates.term(int(k)).expression.free_symbols]
    lower = candidates.columns(np.array(free, dtype=int), rows)
    # What has both signs makes a denominator vanish sooner or later.
    odd = ODD * ((lower.min(axis=1) < 0) & (lower.max(axis=1) > 0))
    costs = candidates.costs[free] + odd
    order = np.argsort(costs, kind="stable")[:deepest]
    return RatioRows(
        above, np.array(free)[order], candidates.columns(above, rows), lower[order],
        np.append(candidates.costs[above], costs[order]), y[rows], weights[rows],
    )  # fmt: skip


def find_ratios(
    rows: RatioRows, estimates: Sequence[np.ndarray], independents: Sequence[float], *, is_exact: bool = False
) -> list[Ratio]:
    """Finds ratios that follow a target.

    Args:
        rows: What they are sought in.
        estimates: Estimates of the target without its noise, shape (n,) each; the best ratio's values come last.
        independents: Numbers of rows that the data are taken for; the first decides, few bring out plain ratios.
        is_exact: Whether the target may be without noise: then columns much alike can be told apart.

    Returns:
        Ratios, best first.
    """
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], _Scored] = {}
    for upper, lower in TIERS:
        some = rows.first(upper, lower)
        for estimate in estimates:
            _enter(some, estimate, rows.weights, independents, found, is_exact)
        if found:
            leader = min(found.values(), key=lambda each: each.score)
            if leader.misfit < NOISE_FREE:
                break
            _enter(some, leader.values, rows.weights / leader.bottom, independents, found, is_exact)
    return [each.ratio for each in sorted(found.values(), key=lambda each: each.score)[:KEPT]]


def _enter(
    rows: RatioRows,
    estimate: np.ndarray,
    scale: np.ndarray,
    independents: Sequence[float],
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], _Scored],
    is_exact: bool,
) -> None:
    """Enters the ratios that one estimate and its weights bring."""
    columns, target = np.vstack([rows.upper, -estimate * rows.lower]) * scale, scale * rows.y
    products = Products(columns, target)
    choices: set[tuple[int, ...]] = set()
    for independent in independents:
        worth = Worth(rows.costs, independent, products.total)
        best = best_subsets(products, worth, most_terms=MOST_TERMS, kept=KEPT_SUBSETS, swaps=1)
        choices |= {subset.columns for subset in best}
    if is_exact:
        choices |= {few for few in sparsest(columns, target, rows.costs) if len(few) <= MOST_TERMS}
    for choice in sorted(choices):
        each = _scored(rows, np.array(choice, dtype=int), columns, target, independents[0])
        key = (each.ratio.above, each.ratio.below) if each is not None else ((), ())
        if each is not None and (key not in found or each.score < found[key].score):
            found[key] = each


def _scored(
    rows: RatioRows, chosen: np.ndarray, columns: np.ndarray, target: np.ndarray, independent: float
) -> _Scored | None:
    """A choice of columns as a ratio with its description length; ``None`` if it is none, or has a pole."""
    is_below = chosen >= len(rows.above)
    over, under = chosen[~is_below], chosen[is_below] - len(rows.above)
    if not len(over) or not 0 < len(under) <= MOST_BELOW:
        return None
    solution = np.linalg.lstsq(columns[chosen].T, target, rcond=1e-12)[0]
    bottom = 1 + solution[is_below] @ rows.lower[under]
    if np.min(bottom) < LEAST * np.median(np.abs(bottom)):
        return None
    values = solution[~is_below] @ rows.upper[over] / bottom
    total = float(np.sum((rows.weights * rows.y) ** 2))
    worth = Worth(rows.costs, independent, total)
    misfit = float(np.sum((rows.weights * (rows.y - values)) ** 2))
    score = float(worth.score(misfit, rows.costs[chosen].sum() + RATIO, len(chosen)))
    above, below = tuple(rows.above[over].tolist()), tuple(rows.below[under].tolist())
    return _Scored(Ratio(above, below, solution[is_below]), score, misfit / total, values, bottom)


def with_ratio(
    candidates: Candidates, ratio: Ratio, inputs: dict[str, np.ndarray]
) -> tuple[Candidates, tuple[int, ...]]:
    """The candidates and, at their end, the terms of a ratio.

    Args:
        candidates: The terms.
        ratio: The ratio.
        inputs: The data by column.
    """
    names = [f"q_{len(candidates)}_{k}" for k in range(len(ratio.below))]
    terms = [candidates.term(k) for k in ratio.below]
    below = sympy.Add(1, *(sympy.Symbol(n) * t.expression for n, t in zip(names, terms, strict=True)))
    constants = tuple(zip(names, ratio.shares.tolist(), strict=True))
    piece = Term(1 / below, RATIO + sum(term.cost for term in terms), constants, is_shared=True)
    found, place = candidates.with_pieces([piece], inputs)
    return over_piece(found, place, ratio.above)


def over_piece(candidates: Candidates, place: int, terms: Sequence[int]) -> tuple[Candidates, tuple[int, ...]]:
    """The candidates and, at their end, some of them times a piece, one over a denominator; with their places."""
    one, chosen = len(candidates.pieces) - 1, list(terms)
    factors = candidates.factors
    if np.any(factors[chosen, -1] != one):  # products of as many pieces as there is room for
        factors = np.column_stack([factors, np.full(len(factors), one)])
    again = factors[chosen]
    again[:, -1] = place
    found = replace(candidates, factors=factors).and_also(again, candidates.costs[chosen])
    return found, tuple(range(len(candidates), len(found)))


def denominator_of(candidates: Candidates, terms: Sequence[int]) -> int | None:
    """The place of the piece that is the denominator of some of the terms, ``None`` where there is none."""
    used = np.unique(candidates.factors[list(terms)]).tolist()
    return next((k for k in used if (part := candidates.part(k)) is not None and part.is_shared), None)


def without_denominator(candidates: Candidates, terms: Sequence[int], place: int) -> tuple[Candidates, tuple[int, ...]]:
    """The candidates and, at their end, some of them without a piece, one over a denominator; with their places."""
    factors = candidates.factors[list(terms)]
    factors[factors == place] = len(candidates.pieces) - 1
    found = candidates.and_also(factors, candidates.costs[list(terms)])
    return found, tuple(range(len(candidates), len(found)))
