"""A formula for one column of rows: structure search, noise model, inner constants and the choice among rivals.

The candidates come from a grammar (`candidates.py`) in tiers, plain ones first; subsets are found by `subsets.py`.
The noise is estimated with the formula: its standard deviation is a constant, a share of the value, or both, and rows
are weighed by it. Rivals are compared by description length: misfit in nats, plus the price of the terms, plus half
the logarithm of the rows for each constant. Leaves out derivatives, trajectories and files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import sympy

from motionlaw.tools.candidates import Candidates, candidate_terms
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.errors import UserError
from motionlaw.tools.inner import fit_inner_constants
from motionlaw.tools.pieces import Term, Variable
from motionlaw.tools.ratios import (
    denominator_of,
    find_ratios,
    over_piece,
    ratio_rows,
    with_ratio,
)
from motionlaw.tools.subsets import EXACT, NOISE_FREE, Worth, best_subsets, pool_of

# Tiers of candidates without inner constants, plain ones first; the last pass screens all there are.
TIERS = (60, 150, 400)
MOST_TERMS = 8
# Rows that formulas are judged by, that the search looks at, and that all candidates are screened on; the coefficients
# of the best come from all rows.
MOST_ROWS, SEARCHED_ROWS, SCREENED_ROWS = 6_000, 1500, 500
# Rows that the data are taken for in the search for plain subsets; subsets of each search that are judged.
TEMPERED, LISTED, JUDGED = 60, 20, 50
# A weighted mean square below this may be rounding, once the inner constants are right.
NEARLY = 1e-6
# An uneven noise is believed where it gains this many nats; rounds in which formula and noise are found in turn.
UNEVEN, ROUNDS, REWEIGHED = 8.0, 3, 3
# Constant over proportional noise, in units of the target's size: first guess, and what is tried.
PROXY, RATIOS = 1e-3, np.geomspace(1e-9, 10.0, 51)
# The noise never falls below this share of what it is at the target's usual size.
LEAST_SHAPE = 1e-10
# Nats of a function of a difference or a distance beyond those of the function.
DIFFERENCE, DISTANCE = 1.0, 1.5
# Choices of each size whose inner constants are fitted (more of few terms: they look poorest before), and the most
# constants that are fitted at once.
REFINED, REFINED_OF_FEW, FEW, MOST_INNER = 2, 8, 3, 3
# Rivals within this many nats of the best are alternatives.
POSSIBLE = 12.0


@dataclass(frozen=True)
class Fitted:
    """A formula fitted to rows.

    Args:
        candidates: Where its terms are from.
        support: Their indices.
        coefficients: One a term.
        stderr: Standard errors of the coefficients.
        misfit: Weighted mean square of the residuals; weights are relative.
        score: Description length in nats, lower is better.
    """

    candidates: Candidates
    support: tuple[int, ...]
    coefficients: np.ndarray
    stderr: np.ndarray
    misfit: float
    score: float

    def scaled(self, size: float) -> Fitted:
        """The formula for a target ``size`` times as large."""
        return replace(self, coefficients=self.coefficients * size, stderr=self.stderr * size)

    @property
    def terms(self) -> tuple[Term, ...]:
        return tuple(self.candidates.term(k) for k in self.support)

    @property
    def expression(self) -> sympy.Expr:
        """The formula with its numbers."""
        parts = []
        for coefficient, term in zip(self.coefficients, self.terms, strict=True):
            numbers = {sympy.Symbol(name): sympy.Float(value) for name, value in term.constants}
            parts.append(sympy.Float(coefficient) * term.expression.xreplace(numbers))
        return sympy.Add(*parts)


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
    """

    best: Fitted
    alternatives: tuple[Fitted, ...]
    noise_constant: float
    noise_share: float
    seconds: float
    was_cut: bool = False

    @property
    def expression(self) -> sympy.Expr:
        return self.best.expression


@dataclass(frozen=True)
class _Noise:
    """Standard deviation of the noise: the root of constant² + (share·value)²."""

    constant: float = 1.0
    share: float = 0.0

    def shape(self, value: np.ndarray) -> np.ndarray:
        """The standard deviation up to a common factor; 1 where it does not depend on the value."""
        if not self.share:
            return np.ones_like(value)
        least = max(self.constant / self.share, LEAST_SHAPE * float(np.sqrt(np.mean(value**2))))
        return np.sqrt(value**2 + least**2)

    def is_like(self, other: _Noise) -> bool:
        return bool(np.allclose([self.constant, self.share], [other.constant, other.share], rtol=0.03))


@dataclass(frozen=True)
class _Rows:
    """The rows of the search: inputs by name, the target, its errors up to a factor (1 if not known)."""

    names: tuple[str, ...]
    inputs: np.ndarray
    y: np.ndarray
    errors: np.ndarray
    has_known_errors: bool

    def only(self, kept: np.ndarray) -> _Rows:
        return replace(self, inputs=self.inputs[:, kept], y=self.y[kept], errors=self.errors[kept])


def variables_of(names: Sequence[str], kinds: Mapping[str, str]) -> list[Variable]:
    """What pieces are functions of: the columns, differences of like ones, the distance from the origin and the speed.

    Args:
        names: The columns.
        kinds: Their kinds, as in `find_formula`.
    """
    symbols = {name: sympy.Symbol(name) for name in names}
    found = [Variable(symbols[name], kinds.get(name, "plain")) for name in names]
    for kind in ("coordinate", "angle", "velocity"):
        like = [symbols[name] for name in names if kinds.get(name) == kind]
        found += [Variable(a - b, kind, surcharge=DIFFERENCE) for a, b in combinations(like, 2)]
        if len(like) > 1 and kind != "angle":
            found.append(Variable(sympy.sqrt(sum(each**2 for each in like)), kind, surcharge=DISTANCE))
    return found


def find_formula(
    columns: Mapping[str, np.ndarray],
    y: np.ndarray,
    *,
    kinds: Mapping[str, str] | None = None,
    stderr: np.ndarray | None = None,
    independent: float | None = None,
    floor: float = EXACT,
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
    ranked, noise = _Search(some, dict(kinds or {}), started + time_limit, rng, share, floor).run()
    ranked = _distinct([each for each in ranked if each.score - ranked[0].score < POSSIBLE])
    if len(rows.y) > MOST_ROWS:
        ranked[0] = _refitted(ranked[0], rows, noise)
    ranked = [each.scaled(size) for each in ranked]
    seconds = time.monotonic() - started
    return Regression(
        ranked[0], tuple(ranked[1:]), noise.constant * size, noise.share, seconds, was_cut=seconds > time_limit
    )


def _some(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of at most so many rows, ascending."""
    return np.arange(count) if count <= most else np.sort(rng.permutation(count)[:most])


def _checked(columns: Mapping[str, np.ndarray], y: np.ndarray, stderr: np.ndarray | None) -> _Rows:
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
    return _Rows(tuple(columns), inputs[:, good], target[good], errors[good], stderr is not None)


@dataclass
class _Search:
    """One search on one set of rows, whose target has a mean square of 1."""

    rows: _Rows
    kinds: dict[str, str]
    deadline: float
    rng: np.random.Generator
    independent_share: float
    floor: float

    def run(self) -> tuple[list[Fitted], _Noise]:
        """Ranked formulas, best first, and the noise that they were judged by."""
        rows = self.rows
        self.candidates = candidate_terms(variables_of(rows.names, self.kinds), rows.names, rows.inputs)
        self.looked = _some(len(rows.y), SEARCHED_ROWS, self.rng)
        self.plain = np.flatnonzero(self.candidates.is_plain())
        found = self._supports(1 / rows.errors)
        even = _Noise()
        ranked = self._ranked(found, even)
        if ranked[0].misfit > NOISE_FREE:
            found |= self._ratios(ranked, even)
            ranked = self._ranked(found, even)
        if NOISE_FREE < ranked[0].misfit < NEARLY or rows.has_known_errors:
            found |= self._refined(found, even)
            ranked = self._ranked(found, even)
        if ranked[0].misfit < NOISE_FREE or rows.has_known_errors or self._late():
            return ranked, _Noise(float(np.sqrt(ranked[0].misfit)))
        # Where the noise is a share of the value, the measured values stand in for the true ones at first, since a
        # poor formula is poorest where they are small.
        noise = _Noise(PROXY, 1.0)
        weights = 1 / noise.shape(rows.y)
        for _ in range(ROUNDS):
            found |= self._supports(weights)
            uneven = self._ranked(found, noise)
            before, noise = noise, self._noise_of(uneven[0])
            if noise.is_like(before) or self._late():
                break
            weights = 1 / noise.shape(self._values(uneven[0]))
        is_uneven = self._ranked(found, noise)[0].score < self._ranked(found, even)[0].score - UNEVEN
        noise = noise if is_uneven else even
        found |= self._ratios(self._ranked(found, noise), noise)
        ranked = self._ranked(found | self._refined(found, noise), noise)
        return ranked, noise if is_uneven else _Noise(float(np.sqrt(ranked[0].misfit)))

    def _refined(self, found: set[tuple[int, ...]], noise: _Noise) -> set[tuple[int, ...]]:
        """The most promising choices with inner constants again, with those constants fitted."""
        by_size: dict[int, list[tuple[int, ...]]] = {}
        look = self._first_look(noise)
        for each in sorted(sorted(found), key=look):
            if 0 < len(self.candidates.constants_of(each)) <= MOST_INNER:
                by_size.setdefault(len(each), []).append(each)
        refined = set()
        chosen = [each for size, some in by_size.items() for each in some[: REFINED_OF_FEW if size <= FEW else REFINED]]
        for support in sorted(chosen, key=look):
            refined |= self._settled(support, noise)
        return refined

    def _settled(self, support: tuple[int, ...], noise: _Noise) -> set[tuple[int, ...]]:
        """A choice with its inner constants fitted, and again without the terms that are idle then."""
        settled = set()
        while support and not self._late() and self.candidates.constants_of(support):
            longer = support
            support = self._with_fitted_constants(support, noise)
            settled.add(support)
            if len(support) == len(longer):
                break
        return settled

    def _ratios(self, ranked: Sequence[Fitted], noise: _Noise) -> set[tuple[int, ...]]:
        """Ratios of sums, and sums of other terms and such over the denominator of the best."""
        inputs = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        nearest = self._values(min(ranked, key=lambda each: each.misfit))
        weights = 1 / (noise.shape(nearest) * self.rows.errors)
        looked = self.looked
        shaped = {k for each in ranked for k in each.support if self.candidates.constants_of([k])}
        times = {sympy.Symbol(name) for name, kind in self.kinds.items() if kind == "time"}
        rows = ratio_rows(self.candidates, sorted(shaped), times, looked, self.rows.y, weights)
        found: set[tuple[int, ...]] = set()
        estimates = (rows.y, nearest[looked])
        for ratio in find_ratios(rows, estimates, (self.independent_share * len(looked), TEMPERED)):
            self.candidates, own = with_ratio(self.candidates, ratio, inputs)
            found |= self._settled(own, noise)
        best = self._ranked(found, noise)[:1]
        place = denominator_of(self.candidates, best[0].support) if best else None
        if place is not None and best[0].score < ranked[0].score and not self._late():
            beside = self.plain[: TIERS[0]]
            self.candidates, over = over_piece(self.candidates, place, beside)
            for each in self._tier(np.append(beside, over), weights, MOST_TERMS):
                found |= {each} | self._settled(each, noise)
        return found

    def _with_fitted_constants(self, support: tuple[int, ...], noise: _Noise) -> tuple[int, ...]:
        """A choice with its inner constants fitted, without the terms that are idle then."""
        weights = 1 / (noise.shape(self._values(self._judged(support, noise))) * self.rows.errors)
        inputs = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        terms = [self.candidates.term(k) for k in support]
        constants = fit_inner_constants(terms, inputs, self.rows.y, weights)
        self.candidates, fresh = self.candidates.refined(support, constants, inputs)
        return self._pruned(fresh, weights, slice(None))

    def _independent(self) -> float:
        """Number of independent rows."""
        return self.independent_share * len(self.rows.y)

    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    def _supports(self, weights: np.ndarray) -> set[tuple[int, ...]]:
        """Promising choices of candidates, from every tier and from the screening of all."""
        found: set[tuple[int, ...]] = set()
        most = max(1, min(MOST_TERMS, len(self.rows.y) // 6))
        for tier in TIERS:
            if self._late() and found:
                return found
            found |= self._tier(self.plain[:tier], weights, most)
        if not self._late():
            some = _some(len(self.rows.y), SCREENED_ROWS, self.rng)
            target = weights[some] * self.rows.y[some]
            worth = Worth(self.candidates.costs, len(some), float(target @ target), self.floor)
            wide = self.candidates.columns(rows=some) * weights[some]
            found |= self._tier(pool_of(wide, target, worth, most_terms=most), weights, most)
        return found

    def _tier(self, pool: np.ndarray, weights: np.ndarray, most: int) -> set[tuple[int, ...]]:
        """Subsets of a pool, judged by the data as they are and by data that count for less, so that plain ones show.

        What comes back is fitted and has lost the terms that earn less than they cost.
        """
        weights = weights[self.looked]
        columns, target = self.candidates.columns(pool, self.looked) * weights, weights * self.rows.y[self.looked]
        found: set[tuple[int, ...]] = set()
        for independent in (self.independent_share * len(target), TEMPERED):
            if independent <= len(target):
                worth = Worth(self.candidates.costs[pool], independent, float(target @ target), self.floor)
                best = best_subsets(columns, target, worth, most_terms=most, kept=LISTED)
                found |= {tuple(int(pool[k]) for k in subset.columns) for subset in best if subset.columns}
        return {self._pruned(support, weights, self.looked) for support in sorted(found)}

    def _ranked(self, supports: set[tuple[int, ...]], noise: _Noise) -> list[Fitted]:
        """The best choices judged by their own likelihood, best first; the measured values tell which are the best."""
        likely = sorted(sorted(supports), key=self._first_look(noise))[:JUDGED]
        return sorted((self._judged(each, noise) for each in likely), key=lambda each: each.score)

    def _first_look(self, noise: _Noise) -> Callable[[tuple[int, ...]], float]:
        """The description length of choices with the measured values standing in for the true ones in the noise."""
        weights = 1 / (noise.shape(self.rows.y) * self.rows.errors)[self.looked]
        target = weights * self.rows.y[self.looked]

        def look(support: tuple[int, ...]) -> float:
            columns = self.candidates.columns(np.array(support), self.looked)
            return self._description(support, _triangle(columns * weights, target))

        return look

    def _pruned(self, support: tuple[int, ...], weights: np.ndarray, rows: np.ndarray | slice) -> tuple[int, ...]:
        """A choice without the terms that earn less than they cost."""
        columns = self.candidates.columns(np.array(support), rows)
        triangle = _triangle(columns * weights, weights * self.rows.y[rows])
        places = list(range(len(support)))
        best = self._description(support, triangle)
        while len(places) > 1:
            trials = []
            for out in places:
                rest = [k for k in places if k != out]
                smaller = _triangle(triangle[:, rest].T, triangle[:, -1])
                trials.append(self._description(tuple(support[k] for k in rest), smaller))
            out = int(np.argmin(trials))
            if trials[out] >= best:
                break
            best = trials[out]
            del places[out]
        return tuple(support[k] for k in places)

    def _description(self, support: tuple[int, ...], triangle: np.ndarray) -> float:
        """Nats of the misfit and the terms, for noise of one size."""
        n, total = self._independent(), float(triangle[:, -1] @ triangle[:, -1])
        misfit = float(triangle[-1, -1] ** 2) / total
        return (
            0.5 * n * float(np.log(misfit + self.floor)) + self._price(support) + 0.5 * len(support) * float(np.log(n))
        )

    def _price(self, support: tuple[int, ...]) -> float:
        """Nats of the terms and of the digits of their inner constants."""
        inner = len(self.candidates.constants_of(support))
        return self.candidates.price(support) + 0.5 * inner * float(np.log(self._independent()))

    def _judged(self, support: tuple[int, ...], noise: _Noise) -> Fitted:
        """A choice fitted with weights from its own values, and its description length."""
        y, n, k = self.rows.y, len(self.rows.y), len(support)
        columns = self.candidates.columns(np.array(support))
        shape = noise.shape(y) * self.rows.errors
        for _ in range(REWEIGHED if noise.share else 1):
            triangle = _triangle(columns / shape, y / shape)
            solution, inverse = _solved(triangle)
            shape = noise.shape(solution @ columns) * self.rows.errors
        rest = (y - solution @ columns) / shape
        variance = float(np.mean(rest**2))
        least = self.floor * float(np.mean((y / shape) ** 2))
        nats = float(np.sum(np.log(shape))) + 0.5 * n * float(np.log(variance + least))
        score = self.independent_share * nats + self._price(support) + 0.5 * k * float(np.log(self._independent()))
        errors = np.sqrt(np.sum(inverse**2, axis=1) * variance * n / max(1, n - k))
        return Fitted(self.candidates, support, solution, errors, variance, score)

    def _noise_of(self, best: Fitted) -> _Noise:
        """The likeliest mixture of a constant noise and one that is a share of the value."""
        value = self._values(best)
        rest = self.rows.y - value
        shapes = np.sqrt(value**2 + RATIOS[:, None] ** 2)
        scales = np.sqrt(np.mean((rest / shapes) ** 2, axis=1))
        place = int(np.argmin(np.mean(np.log(shapes), axis=1) + np.log(scales)))
        return _Noise(float(scales[place] * RATIOS[place]), float(scales[place]))

    def _values(self, fitted: Fitted) -> np.ndarray:
        return fitted.coefficients @ self.candidates.columns(np.array(fitted.support))


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


def _refitted(fitted: Fitted, rows: _Rows, noise: _Noise) -> Fitted:
    """The coefficients from all rows, a part of them at a time; inner constants stay as they are."""
    numbers = {sympy.Symbol(name): sympy.Float(value) for t in fitted.terms for name, value in t.constants}
    evaluate = compile_rhs([term.expression.xreplace(numbers) for term in fitted.terms], list(rows.names))
    k, n = len(fitted.support), len(rows.y)
    triangle = np.zeros((0, k + 1))
    for start in range(0, n, MOST_ROWS):
        part = rows.only(np.arange(start, min(start + MOST_ROWS, n)))
        columns = evaluate(part.inputs)
        shape = noise.shape(fitted.coefficients @ columns) * part.errors
        both = np.vstack([triangle, np.column_stack([(columns / shape).T, part.y / shape])])
        triangle = _triangle(both[:, :-1].T, both[:, -1])
    solution, inverse = _solved(triangle)
    misfit = float(triangle[-1, -1] ** 2) / n
    errors = np.sqrt(np.sum(inverse**2, axis=1) * misfit * n / max(1, n - k))
    return replace(fitted, coefficients=solution, stderr=errors, misfit=misfit)


def _triangle(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Upper triangle of the columns, shape (k, n), with the target as last column; its last entry is what is left."""
    triangle: np.ndarray = np.asarray(np.linalg.qr(np.column_stack([columns.T, target]), mode="r"))
    return triangle


def _solved(triangle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and a root of their covariance for unit noise, shape (k, k)."""
    matrix, target = triangle[:-1, :-1], triangle[:-1, -1]
    norms = np.linalg.norm(matrix, axis=0)
    inverse = np.linalg.pinv(matrix / norms, rcond=1e-14) / norms[:, None]
    return inverse @ target, inverse
