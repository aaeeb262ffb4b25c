"""A formula for one column of rows: structure search, noise model, inner constants and the choice among rivals.

The candidates come from a grammar (`candidates.py`) in tiers, plain ones first; subsets are found by `subsets.py`.
The noise is estimated with the formula: its standard deviation is a constant, a share of the value, or both, and rows
are weighed by it. Rivals are compared by description length: misfit in nats, plus the price of the terms, plus half
the logarithm of the rows for each constant. Leaves out derivatives, trajectories and files.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.candidates import DEAREST, candidate_terms, variables_of
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.errors import UserError
from motionlaw.tools.exchange import exchanged
from motionlaw.tools.judging import Choice, Fitted, Judge, Noise, Rows, corner_of, solved, triangle
from motionlaw.tools.ratios import (
    denominator_of,
    find_ratios,
    over_piece,
    ratio_rows,
    with_ratio,
    without_denominator,
)
from motionlaw.tools.row_noise import noise_between_rows
from motionlaw.tools.subsets import EXACT, NOISE_FREE, NOISE_LEFT, Products, Worth, best_subsets, pool_of, sparsest
from motionlaw.tools.waves import FREE, driven, is_smooth

# Tiers of candidates without inner constants, plain ones first; the last pass screens all there are.
TIERS = (60, 150, 400)
MOST_TERMS = 8
# Rows that formulas are judged by, that the search looks at, and that all candidates are screened on; the coefficients
# of the best come from all rows.
MOST_ROWS, SEARCHED_ROWS, SCREENED_ROWS = 6_000, 1500, 500
# Rows that the data are taken for in the search for plain subsets; subsets of each search that are kept.
TEMPERED, LISTED = 60, 20
# A weighted mean square below this may be rounding, once the inner constants are right.
NEARLY = 1e-6
# A wave in time is believed that leaves less than this share of the target's square beside plain terms.
EXPLAINED = 1e-16
# An uneven noise is believed where it gains this many nats, at once where it gains more; rounds in which formula and
# noise are found in turn.
UNEVEN, CLEARLY, ROUNDS = 8.0, 200.0, 3
# Constant over proportional noise, in units of the target's size: first guess, and what is tried.
PROXY, RATIOS = 1e-3, np.geomspace(1e-9, 10.0, 51)
# The noise never falls below this share of what it is at the target's usual size.
LEAST_SHAPE = 1e-10
# Choices of each size whose inner constants are fitted (more of few terms: they look poorest before), and the most
# constants that are fitted at once.
REFINED, REFINED_OF_FEW, FEW, MOST_INNER = 2, 8, 3, 3
# A denominator that a fit shrinks below this share of what it was is on its way to a plain 1: a fit moves it to a
# quarter at most.
FADED = 0.3
# Nats by which the fit of a formula may gain by luck.
LUCK = 10.0
# Other families of functions are tried in the best few choices of up to so many terms: longer ones mix several.
EXCHANGED, EXCHANGED_EACH = 3, 3
# Rivals within this many nats of the best are alternatives.
POSSIBLE = 12.0


@dataclass(frozen=True)
class Regression:
    """What was found for the target.

    Args:
        best: The formula with the least description length.
        alternatives: Rivals, best first.
        noise_constant: Constant part of the noise's standard deviation.
        noise_share: Proportional part, as a share of the value.
        seconds: Wall-clock seconds.
        was_cut: Whether the time limit ended the search.
        plainer: The best formula of each smaller number of constants, plainest last: errors of the target that are
            alike in neighbouring rows can make longer ones look better.
    """

    best: Fitted
    alternatives: tuple[Fitted, ...]
    noise_constant: float
    noise_share: float
    seconds: float
    was_cut: bool = False
    plainer: tuple[Fitted, ...] = ()

    @property
    def expression(self) -> sympy.Expr:
        return self.best.expression


def find_formula(
    columns: Mapping[str, np.ndarray],
    y: np.ndarray,
    *,
    kinds: Mapping[str, str] | None = None,
    stderr: np.ndarray | None = None,
    independent: float | None = None,
    floor: float = EXACT,
    most_terms: int | None = None,
    dearest: float = DEAREST,
    time_limit: float = 10.0,
    seed: int = 0,
) -> Regression:
    """Finds a formula for ``y`` in terms of the columns: a sum of few terms of the grammar.

    Args:
        columns: Inputs by name, each of shape (n,).
        y: The target, shape (n,).
        kinds: ``"coordinate"``, ``"angle"``, ``"velocity"``, ``"time"`` or ``"plain"`` by column.
        stderr: Standard errors of the target up to a common factor, shape (n,), where they are known; the noise is
            then not modelled, which is quicker.
        independent: Number of independent rows, where neighbouring rows err together; all if not given.
        floor: Mean square misfit, as a share of the target's, that is no further evidence: what the target's own
            errors may be.
        most_terms: Only sums of so many listed terms are wanted, where given: what is found beyond them (driving waves,
            ratios, other families of functions, fitted inner constants) is dearer.
        dearest: Nats of the dearest terms looked at.
        time_limit: Seconds; the best formula so far comes back.
        seed: Chooses the rows that are looked at where there are many.

    Raises:
        UserError: There are no columns, too few rows, lengths differ, ``y`` is zero throughout, or errors are not
            positive.
    """
    started = time.monotonic()
    rng = np.random.default_rng(seed)
    rows = _checked(columns, y, stderr)
    size = float(np.sqrt(np.mean(rows.y**2))) or 1.0
    rows = replace(rows, y=rows.y / size)
    share = 1.0 if independent is None else min(1.0, independent / len(rows.y))
    some = rows.only(_some(len(rows.y), MOST_ROWS, rng))
    ranked, noise = _Search(some, dict(kinds or {}), started + time_limit, rng, share, floor, most_terms, dearest).run()
    every = _distinct(ranked)
    ranked = [each for each in every if each.score - ranked[0].score < POSSIBLE]
    if len(rows.y) > MOST_ROWS:
        ranked[0] = _refitted(ranked[0], rows, noise)
    ranked, plainer = ([each.scaled(size) for each in some] for some in (ranked, _plainer(every)))
    seconds = time.monotonic() - started
    return Regression(
        ranked[0],
        tuple(ranked[1:]),
        noise.constant * size,
        noise.share,
        seconds,
        was_cut=seconds > time_limit,
        plainer=tuple(plainer),
    )


def _some(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of at most so many rows, ascending."""
    return np.arange(count) if count <= most else np.sort(rng.permutation(count)[:most])


def _checked(columns: Mapping[str, np.ndarray], y: np.ndarray, stderr: np.ndarray | None) -> Rows:
    if not columns:
        raise UserError("columns must hold at least one input, got none.")
    target = np.asarray(y, dtype=float)
    inputs = np.array([np.asarray(values, dtype=float) for values in columns.values()])
    if target.ndim != 1 or inputs.shape[1:] != target.shape:
        raise UserError(f"columns and y must have one length, got {inputs.shape[1:]} and {target.shape}.")
    good = np.isfinite(target) & np.isfinite(inputs).all(axis=0)
    if good.sum() < 8:
        raise UserError(f"A formula needs at least 8 complete rows, got {int(good.sum())}.")
    if not np.any(target[good]):
        raise UserError("y must not be zero in every row, got only zeros. Its formula is 0.")
    if stderr is not None and not np.all(stderr > 0):
        raise UserError(f"stderr must be positive in every row, got {np.min(stderr):g}.")
    errors = np.ones_like(target) if stderr is None else stderr / np.exp(np.mean(np.log(stderr)))
    return Rows(tuple(columns), inputs[:, good], target[good], errors[good], stderr is not None)


@dataclass
class _Search:
    """One search on one set of rows, whose target has a mean square of 1."""

    rows: Rows
    kinds: dict[str, str]
    deadline: float
    rng: np.random.Generator
    independent_share: float
    floor: float
    most_terms: int | None = None
    dearest: float = DEAREST
    # Weighted mean square that noise leaves of the target where it is known beforehand.
    left: float = 0.0

    def run(self) -> tuple[list[Fitted], Noise]:
        """Ranked formulas, best first, and the noise that they were judged by."""
        rows = self.rows
        self.looked = _some(len(rows.y), SEARCHED_ROWS, self.rng)
        variables = variables_of(rows.names, self.kinds)
        candidates = candidate_terms(variables, rows.names, rows.inputs, dearest=self.dearest)
        self.judge = Judge(rows, candidates, self.looked, self.independent_share, self.floor)
        self.plain = np.flatnonzero(candidates.is_plain())
        even = Noise()
        if self.most_terms is not None:
            return self.judge.ranked(self._tier(self._screened(1 / rows.errors), 1 / rows.errors), even), even
        seen = self._noise_seen()
        if seen is not None:
            self.left = seen.share**2
            found: set[Choice] = set()
            return self._with_noise(found, self._uneven_noise(found, even, seen))
        found = self._supports(1 / rows.errors)
        ranked = self.judge.ranked(found, even)
        is_noise = ranked[0].misfit > NOISE_FREE and self.judge.is_white(ranked[0], even)
        if ranked[0].misfit > NOISE_FREE and not is_noise:
            found |= self._driven()
            ranked = self.judge.ranked(found, even)
        if ranked[0].misfit > NOISE_FREE and not is_noise:
            found |= self._ratios(found, even)
            ranked = self.judge.ranked(found, even)
        if NOISE_FREE < ranked[0].misfit < NEARLY or rows.has_known_errors:
            found |= self._refined(found, even)
            ranked = self._exchanged(found, even)
        if ranked[0].misfit < NOISE_FREE or rows.has_known_errors or self._late():
            return ranked, Noise(float(np.sqrt(ranked[0].misfit)))
        return self._with_noise(found, self._uneven_noise(found, even, Noise(PROXY, 1.0)))

    def _noise_seen(self) -> Noise | None:
        """Noise that neighbouring rows show before any law is known: then none is exact, and none need be sought."""
        columns = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        t = next((columns[name] for name in columns if self.kinds.get(name) == "time"), None)
        if t is None or self.rows.has_known_errors:
            return None
        return noise_between_rows(t, self.rows.y, list(columns.values()))

    def _with_noise(self, found: set[Choice], noise: Noise) -> tuple[list[Fitted], Noise]:
        """Ranked formulas where there is noise: ratios too, since what noise hides, a ratio may say in fewer words."""
        if self._late():
            ranked = self.judge.ranked(found, noise)
        else:
            found |= self._ratios(found, noise)
            ranked = self._exchanged(found | self._refined(found, noise), noise)
        return ranked, noise if noise.share else Noise(float(np.sqrt(ranked[0].misfit)))

    def _uneven_noise(self, found: set[Choice], even: Noise, noise: Noise) -> Noise:
        """Finds noise that is a share of the value, and what follows from it; the even noise where that is likelier.

        The measured values stand in for the true ones at first, since a poor formula is poorest where they are small.
        """
        weights = 1 / noise.shape(self.rows.y)
        for _ in range(ROUNDS):
            found |= self._plain_supports(weights, TIERS[:-1])
            best = self.judge.ranked(found, noise)[0]
            before, noise = noise, self.judge.noise_of(best)
            weights = 1 / noise.shape(self.judge.values(best))
            if noise.is_like(before) or self._late():
                break
        found |= self._supports(weights, TIERS[-1:] if noise.is_like(before) else TIERS)
        best = self.judge.ranked(found, noise)[0]
        noise = self.judge.noise_of(best)
        if self.judge.judged(best.support, even).score > best.score + CLEARLY:
            return noise
        uneven, plain = (self.judge.ranked(found, each)[0].score for each in (noise, even))
        return noise if uneven < plain - UNEVEN else even

    def _sparse(self) -> set[Choice]:
        """Choices of plain candidates that are much alike, of which a beam does not find the right few."""
        found: set[Choice] = set()
        for count in FREE:
            pool = self.plain[:count]
            values = self.judge.candidates.columns(pool, self.looked)
            few = sparsest(values, self.rows.y[self.looked], self.judge.candidates.costs[pool])
            found |= {tuple(int(pool[k]) for k in each) for each in few if len(each) < len(self.looked) // 6}
        return {self.judge.pruned(choice, 1 / self.rows.errors, slice(None)) for choice in sorted(found)}

    def _driven(self) -> set[Choice]:
        """Choices of many alike terms, or with driving waves, where they explain all of a target without noise."""
        inputs = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        time_name = next((name for name in inputs if self.kinds.get(name) == "time"), None)
        if time_name is None or not is_smooth(inputs[time_name], self.rows.y):
            return set()
        sparse = self._sparse()
        if self._is_exact(sparse):
            return sparse
        judge, share, t = self.judge, max(EXPLAINED, 10 * self.floor), sympy.Symbol(time_name)
        judge.candidates, sums = driven(judge.candidates, self.plain, inputs, time_name, self.rows.y, enough=share)
        kept = {judge.pruned(choice, 1 / self.rows.errors, slice(None)) for choice in sums}
        found = sparse | kept.union(*(self._settled(choice, Noise()) for choice in sorted(kept)))
        best = judge.likeliest(found, Noise())[0] if found else ()
        waves = [k for k in best if t in judge.candidates.term(k).expression.free_symbols]
        if waves and not self._late():  # what a long sum beside them imitates may be few dearer terms
            found |= self._tier(np.array([*self.plain[: TIERS[1]], *waves]), 1 / self.rows.errors)
        return found

    def _refined(self, found: set[Choice], noise: Noise) -> set[Choice]:
        """The most promising choices with inner constants again, with those constants fitted."""
        by_size: dict[int, list[Choice]] = {}
        refined: set[Choice] = set()
        dearest = self._dearest(found, noise)
        for each in self.judge.likeliest(found, noise):
            if 0 < self.judge.inner_count(each) <= MOST_INNER and self.judge.dues(each) < dearest:
                some = by_size.setdefault(len(each), [])
                if len(some) < (REFINED_OF_FEW if len(each) <= FEW else REFINED):
                    some.append(each)
                    refined |= self._settled(each, noise)
        return refined

    def _is_noise(self, best: Fitted) -> bool:
        """Whether a formula leaves no more than the noise that was seen beforehand."""
        return best.misfit < NOISE_LEFT * self.left

    def _dearest(self, found: set[Choice], noise: Noise) -> float:
        """What choices with better constants may cost, if they are to lead: none fits better than noise lets it."""
        if not self._is_noise(self.judge.ranked(found, noise)[0]):
            return np.inf
        looks = [(self.judge.look(each, noise), self.judge.dues(each)) for each in found]
        return min(look for look, _ in looks) - min(look - dues for look, dues in looks) + LUCK

    def _exchanged(self, found: set[Choice], noise: Noise) -> list[Fitted]:
        """Ranked choices, with other families of functions tried in the best ones."""
        ranked = self.judge.ranked(found, noise)
        if ranked[0].misfit < NOISE_FREE or self.judge.is_white(ranked[0], noise):
            return ranked
        weights = (1 / (noise.shape(self.judge.values(ranked[0])) * self.rows.errors))[self.looked]
        trials: dict[Choice, None] = {}
        taken = dict.fromkeys(range(1, EXCHANGED + 1), 0)
        for best in self.judge.likeliest(found, noise):
            if taken.get(len(best), EXCHANGED_EACH) < EXCHANGED_EACH and self.judge.candidates.constants_of(best):
                taken[len(best)] += 1
                target = self.rows.y[self.looked]
                trials |= dict.fromkeys(exchanged(self.judge.candidates, best, self.looked, target, weights))
        fresh: set[Choice] = set()
        dearest = self._dearest(found, noise)
        for each in trials:
            if self.judge.dues(each) < dearest:
                fresh |= self._settled(each, noise)
        return self.judge.ranked(found | fresh, noise)

    def _settled(self, choice: Choice, noise: Noise) -> set[Choice]:
        """A choice with its inner constants fitted, and again without what is idle then: terms, or a denominator."""
        settled: set[Choice] = set()
        while choice and not self._late() and self.judge.candidates.constants_of(choice):
            longer = choice
            choice = self.judge.with_fitted_constants(choice, noise)
            settled.add(choice)
            place = self._faded(longer, choice)
            if place is not None:
                self.judge.candidates, choice = without_denominator(self.judge.candidates, choice, place)
                settled.add(choice)
            elif len(choice) == len(longer):
                break
        return settled

    def _faded(self, before: Choice, after: Choice) -> int | None:
        """The place of the denominator, if a fit shrank it towards a plain 1 by as much as a fit may."""
        places = [denominator_of(self.judge.candidates, choice) for choice in (before, after)]
        parts = [None if place is None else self.judge.candidates.part(place) for place in places]
        shares = [max(abs(value) for _, value in part.constants) for part in parts if part is not None]
        return places[1] if len(shares) == 2 and shares[1] < FADED * shares[0] else None

    def _ratios(self, found: set[Choice], noise: Noise) -> set[Choice]:
        """Ratios of sums, and sums of other terms and such over the denominator of the best."""
        judge, looked = self.judge, self.looked
        ranked = judge.ranked(found, noise)
        inputs = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        nearest = judge.values(min(ranked, key=lambda each: each.misfit))
        weights = 1 / (noise.shape(nearest) * self.rows.errors)
        shaped = {k for each in ranked for k in each.support if judge.candidates.constants_of([k])}
        times = {sympy.Symbol(name) for name, kind in self.kinds.items() if kind == "time"}
        rows = ratio_rows(judge.candidates, sorted(shaped), times, looked, self.rows.y, weights)
        ratios: set[Choice] = set()
        estimates = (nearest[looked],) if self._is_noise(ranked[0]) else (rows.y, nearest[looked])
        independents = (self.independent_share * len(looked), TEMPERED)
        for ratio in find_ratios(rows, estimates, independents, is_exact=not self.left and not noise.share):
            judge.candidates, own = with_ratio(judge.candidates, ratio, inputs)
            ratios |= self._settled(own, noise)
        best = judge.ranked(ratios, noise)[:1]
        place = denominator_of(judge.candidates, best[0].support) if best else None
        if place is not None and best[0].score < ranked[0].score and not self._late():
            beside = self.plain[: TIERS[0]]
            judge.candidates, over = over_piece(judge.candidates, place, beside.tolist())
            wider = self._tier(np.append(beside, over), weights)
            ratios |= wider
            for each in judge.likeliest(wider, noise)[:REFINED_OF_FEW]:
                ratios |= self._settled(each, noise)
        return ratios

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _supports(self, weights: np.ndarray, tiers: Sequence[int] = TIERS) -> set[Choice]:
        """Promising choices of candidates, from tiers of plain ones and from the screening of all."""
        found = self._plain_supports(weights, tiers)
        if not self._late() and not self._is_exact(found):
            found |= self._tier(self._screened(weights), weights)
        return found

    def _plain_supports(self, weights: np.ndarray, tiers: Sequence[int]) -> set[Choice]:
        """Promising choices of plain candidates, until one of them is exact."""
        found: set[Choice] = set()
        for tier in tiers:
            if found and (self._late() or self._is_exact(found)):
                break
            found |= self._tier(self.plain[:tier], weights)
        return found

    def _is_exact(self, found: set[Choice]) -> bool:
        """Whether a choice gives the target to rounding, so that dearer ones need not be sought.

        A sum of several plain terms can imitate a dearer one to eleven digits, but not to all sixteen.
        """
        best = self.judge.likeliest(found, Noise())[0]
        return self.judge.judged(best, Noise()).misfit < EXACT

    def _screened(self, weights: np.ndarray) -> np.ndarray:
        """The pool of candidates that any good choice may hold."""
        some = _some(len(self.rows.y), SCREENED_ROWS, self.rng)
        target = weights[some] * self.rows.y[some]
        total = float(target @ target)
        worth = Worth(self.judge.candidates.costs, len(some), total, self.floor, self.left * len(some) / total)
        wide = self.judge.candidates.columns(rows=some) * weights[some]
        return pool_of(wide, target, worth, most_terms=self._most())

    def _most(self) -> int:
        return max(1, min(self.most_terms or MOST_TERMS, len(self.rows.y) // 6))

    def _tier(self, pool: np.ndarray, weights: np.ndarray) -> set[Choice]:
        """Subsets of a pool, judged by the data as they are and by data that count for less, so that plain ones show.

        What comes back is fitted and has lost the terms that earn less than they cost.
        """
        weights = weights[self.looked]
        products = Products(
            self.judge.candidates.columns(pool, self.looked) * weights, weights * self.rows.y[self.looked]
        )
        found: set[tuple[int, ...]] = set()
        for independent in (self.independent_share * len(weights), TEMPERED):
            if independent <= len(weights):
                costs, noise = self.judge.candidates.costs[pool], self.left * len(weights) / products.total
                worth = Worth(costs, independent, products.total, self.floor, noise)
                best = best_subsets(products, worth, most_terms=self._most(), kept=LISTED)
                found |= {subset.columns for subset in best if subset.columns}
        pruned: set[Choice] = set()
        for places in sorted(found):
            choice, corner = tuple(pool[list(places)].tolist()), corner_of(products.with_target(places))
            if corner is None:
                pruned.add(self.judge.pruned(choice, weights, self.looked))
            else:
                pruned.add(self.judge.pruned_columns(choice, corner))
        return pruned


def _distinct(ranked: Sequence[Fitted]) -> list[Fitted]:
    """The best of those that differ in the values of inner constants only."""
    found: dict[tuple[str, ...], Fitted] = {}
    for each in ranked:
        blank = [
            term.expression.xreplace(dict.fromkeys(map(sympy.Symbol, dict(term.constants)), sympy.Symbol("k")))
            for term in each.terms
        ]
        found.setdefault(tuple(sorted(map(str, blank))), each)
    return list(found.values())


def _plainer(ranked: Sequence[Fitted]) -> list[Fitted]:
    """The best of each smaller number of constants than the first one's, the most constants first."""
    found: dict[int, Fitted] = {}
    for each in ranked:
        found.setdefault(len(each.support) + len(each.candidates.constants_of(each.support)), each)
    sizes = list(found)
    return [found[size] for size in sorted(sizes, reverse=True) if size < sizes[0]]


def _refitted(fitted: Fitted, rows: Rows, noise: Noise) -> Fitted:
    """The coefficients from all rows, a part of them at a time; inner constants stay as they are."""
    numbers = {sympy.Symbol(name): sympy.Float(value) for t in fitted.terms for name, value in t.constants}
    evaluate = compile_rhs([term.expression.xreplace(numbers) for term in fitted.terms], list(rows.names))
    k, n = len(fitted.support), len(rows.y)
    corner = np.zeros((0, k + 1))
    for start in range(0, n, MOST_ROWS):
        part = rows.only(np.arange(start, min(start + MOST_ROWS, n)))
        columns = evaluate(part.inputs)
        shape = noise.shape(fitted.coefficients @ columns) * part.errors
        both = np.vstack([corner, np.column_stack([(columns / shape).T, part.y / shape])])
        corner = triangle(both[:, :-1].T, both[:, -1])
    solution, inverse = solved(corner)
    misfit = float(corner[-1, -1] ** 2) / n
    errors = np.sqrt(np.sum(inverse**2, axis=1) * misfit * n / max(1, n - k))
    return replace(fitted, coefficients=solution, stderr=errors, misfit=misfit)
