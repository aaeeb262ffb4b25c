"""The regression of one equation of a first-order law: which few terms make up the measured positions.

Terms enter through their responses (`response`), with first states and other equations projected out. Subsets of terms
without inner constants are found by `subsets`; shapes with inner constants are set beside every few of the plainest
terms, to first order in their constants, and the best are polished. Leaves out whole laws (`flow_search`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from motionlaw.tools.candidates import Candidates
from motionlaw.tools.flow import FLOOR, Linearised
from motionlaw.tools.flow_terms import Item, items_of, lonely_powers, part_values, shared_price
from motionlaw.tools.positive import BELOW_ZERO, is_pushed_below_zero
from motionlaw.tools.subsets import Products, Subset, Worth, best_subsets, pool_of

# Nats of a term that stands in another equation already, and of a power without the coordinate itself beside it.
SHARED, LONELY = 1.0, 0.7
# Subsets of every size that are fitted with all care, and how many shapes one may hold.
LISTED, MOST_SHAPED = 10, 2
# Scanned shapes are set beside up to so many of the plainest terms; pairs that are kept for each base, and fitted for
# each shape.
PLAINEST, LARGEST_BASE, KEPT_PAIRS, PAIRS_EACH = 10, 3, 6, 3
# Constants of a scanned shape may move so far, as a share, from where they were tried.
FARTHEST_MOVE = 0.6
# The last search for subsets: plain terms, shapes, size.
PLAIN_BESIDE_SHAPES, MOST_FRESH, MOST_BESIDE_SHAPES = 200, 40, 6
# Terms whose responses are computed at once.
AT_ONCE = 500
# Nats by which a choice without a term may look worse before its constants are polished.
WORTH_A_TRY = 8.0


@dataclass(frozen=True)
class Choice:
    """Terms for one equation, with coefficients and inner constants, and what it is worth in nats."""

    items: tuple[Item, ...]
    coefficients: np.ndarray
    constants: dict[str, float]
    score: float

    @cached_property
    def key(self) -> str:
        """Text that is equal for equal structures."""
        return "+".join(sorted(item.key for item in self.items))


class Regression:
    """The regression of one equation about the present paths.

    Args:
        about: The flow and what carries deviations along its paths.
        target: Index of the coordinate whose equation is sought.
        others: Whitened responses of the other equations' terms, shape (T·D, M).
        wanted: Whitened positions without any force, shape (T·D,).
        is_coupled: Whether deviations of one coordinate reach the others.
        shared: Terms of the other equations: what leaves one quantity often enters another, so they are cheap here.
    """

    def __init__(
        self,
        about: Linearised,
        target: int,
        others: np.ndarray,
        wanted: np.ndarray,
        *,
        is_coupled: bool,
        shared: Sequence[Item] = (),
    ) -> None:
        names = about.flow.names
        # A coordinate that is not measured has infinite noise.
        rows = np.concatenate([np.isfinite(noise).ravel() for noise in about.flow.noise_std])
        if not is_coupled:
            rows &= np.arange(len(rows)) % len(names) == target
        nuisance = np.hstack([about.first_states(), others])[rows]
        norms = np.linalg.norm(nuisance, axis=0)
        self.about, self.target, self.rows = about, target, rows
        self.basis, _ = np.linalg.qr(nuisance[:, norms > 0] / norms[norms > 0])
        self.wanted = self._outside(wanted[rows])
        self.nodes, self.rate = about.flow.nodes(), about.rates()[:, target]
        self.is_positive = all(np.min(position[:, target]) > 0 for position in about.flow.position)
        self.empty = self.nodes[:, :: max(1, self.nodes.shape[1] // 200)].copy()
        self.empty[target] = 0.0
        self.inputs = (*names, "t")
        self.shared = {item.key: item for item in shared}
        self._columns: dict[str, np.ndarray] = {}
        self._empty: dict[str, np.ndarray] = {}

    def responses(self, values: np.ndarray) -> np.ndarray:
        """What forces of given values on the nodes, shape (F, N), add to the whitened positions, shape (F, rows)."""
        with np.errstate(all="ignore"):  # a term may have a pole on the path
            return self._outside(self.about.responses(values.T, self.target)[self.rows]).T

    def _outside(self, columns: np.ndarray) -> np.ndarray:
        """Columns without what first states and the other equations explain."""
        return columns - self.basis @ (self.basis.T @ columns)

    def price(self, item: Item) -> float:
        """Nats of an item in this equation."""
        return min(item.price, SHARED) if self.shared and item.key in self.shared else item.price

    def worth(self, prices: np.ndarray) -> Worth:
        """How choices are compared."""
        rows, total = len(self.wanted), max(float(self.wanted @ self.wanted), 1e-300)
        return Worth(prices, float(rows), total, FLOOR * rows / total)

    def columns(self, item: Item, constants: dict[str, float]) -> np.ndarray:
        """Responses of an item and of its derivatives by its inner constants, shape (1 + K, rows)."""
        if not item.constants and item.key in self._columns:
            return self._columns[item.key]
        found = self.responses(self.values(item, constants))
        if not item.constants:
            self._columns[item.key] = found
        return found

    def values(self, item: Item, constants: dict[str, float], nodes: np.ndarray | None = None) -> np.ndarray:
        """An item and its derivatives by its inner constants on the nodes, or others, shape (1 + K, N)."""
        nodes = self.nodes if nodes is None else nodes
        plain, rows = np.ones(nodes.shape[1]), [np.ones(nodes.shape[1])]
        for part in item.parts:
            values = part_values(part, [constants[name] for name, _ in part.constants], nodes, self.inputs)
            with np.errstate(invalid="ignore"):  # zero times a pole
                rows = [row * values[0] for row in rows] + [plain * slope for slope in values[1:]]
                plain = plain * values[0]
        return np.array(rows)

    def fitted(self, items: Sequence[Item], constants: dict[str, float], *, steps: int) -> Choice:
        """Least squares for the coefficients, Gauss-Newton with relative steps for the inner constants."""
        names = list(dict.fromkeys(name for item in items for name in item.constants))
        best, values = Choice(tuple(items), np.zeros(len(items)), dict(constants), np.inf), dict(constants)
        damping, least, blocks_of_best = 1e-3, np.inf, list[np.ndarray]()
        for _ in range(steps if names else 1):
            blocks = [self.columns(item, values) for item in items]
            misfit, solution = self._misfit(blocks)
            if misfit < least and all(np.isfinite(list(values.values()))):
                is_settled = least - misfit < 1e-3 * misfit
                best = replace(best, coefficients=solution, constants=dict(values))
                least, blocks_of_best, damping = misfit, blocks, damping / 5
                if is_settled:
                    break
            else:
                damping *= 10
            if not names or not blocks_of_best or damping > 1e3:
                break
            values = self._next(best, blocks_of_best, names, damping)
        if not np.isfinite(least):
            return best
        price = sum(self.price(item) for item in items) + shared_price(items) + LONELY * lonely_powers(items)
        price += BELOW_ZERO * self._is_pushed_below_zero(best)
        score = self.worth(np.zeros(0)).score(least, price, len(items) + len(names))
        return replace(best, score=float(score))

    def _is_pushed_below_zero(self, choice: Choice) -> bool:
        """Whether a choice would push the coordinate below zero, if it was never seen there."""
        if not self.is_positive:
            return False
        rate = np.zeros(self.empty.shape[1])
        for item, coefficient in zip(choice.items, choice.coefficients, strict=True):
            if item.constants or item.key not in self._empty:
                values = self.values(item, choice.constants, self.empty)[0]
                self._empty[item.key] = values
            with np.errstate(invalid="ignore"):  # poles of both signs at zero
                rate = rate + coefficient * self._empty[item.key]
        return is_pushed_below_zero(rate, self.rate)

    def _misfit(self, blocks: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        design = np.array([block[0] for block in blocks]).reshape(len(blocks), len(self.wanted)).T
        if not all(np.all(np.isfinite(block)) for block in blocks):
            return np.inf, np.zeros(len(blocks))
        size = np.maximum(np.linalg.norm(design, axis=0), 1e-300)
        solution = np.linalg.lstsq(design / size, self.wanted, rcond=1e-11)[0] / size
        return float(np.sum((self.wanted - design @ solution) ** 2)), solution

    def _next(
        self, best: Choice, blocks: Sequence[np.ndarray], names: Sequence[str], damping: float
    ) -> dict[str, float]:
        """Inner constants after one damped step."""
        design = np.array([block[0] for block in blocks]).T
        inner = np.zeros((len(self.wanted), len(names)))
        for item, c, block in zip(best.items, best.coefficients, blocks, strict=True):
            for name, row in zip(item.constants, block[1:], strict=True):  # terms may share a constant
                inner[:, names.index(name)] += c * row
        jacobian = np.hstack([design, inner * [abs(best.constants[name]) for name in names]])
        norms = np.maximum(np.linalg.norm(jacobian, axis=0), 1e-300)
        scaled = jacobian / norms
        brake = np.concatenate([np.full(len(blocks), 1e-12), np.full(len(names), damping)])
        rest = self.wanted - design @ best.coefficients
        step = np.linalg.lstsq(scaled.T @ scaled + np.diag(brake), scaled.T @ rest, rcond=1e-14)[0] / norms
        moves = np.clip(step[len(blocks) :], -0.6, 0.6)
        return {name: best.constants[name] * (1 + move) for name, move in zip(names, moves, strict=True)}


def choices_of(
    regression: Regression, candidates: Candidates, most_terms: int, deadline: float, *, tiers: Sequence[int] = ()
) -> list[Choice]:
    """Good choices of terms for one equation, inner constants polished, best first.

    Subsets of terms without inner constants come first; to the best of every size each shape is added where its
    constants fit best; the shapes so found then stand among the other terms in a last search for subsets.

    Args:
        regression: The regression.
        candidates: The terms, plain ones first.
        most_terms: Largest choice.
        deadline: `time.monotonic` value after which no more choices are fitted.
        tiers: Subsets are sought among so many of the plainest terms, too: among hundreds that imitate one another the
            search may take a wrong turn.
    """
    is_shape = np.array([bool(part.constants) for part in candidates.parts] + [False])[candidates.factors].any(axis=1)
    plain = candidates.only(np.flatnonzero(~is_shape))
    columns = _responses(regression, plain)
    norms = np.linalg.norm(columns, axis=1)
    usable = np.flatnonzero(np.isfinite(norms) & (norms > 1e-9))
    if not len(usable) or not np.all(np.isfinite(regression.wanted)):
        return []
    worth = regression.worth(plain.costs[usable])
    pool = usable[pool_of(columns[usable], regression.wanted, worth, most_terms=most_terms)]
    items, columns = items_of(plain, pool), columns[pool]
    extra = [s for key, s in regression.shared.items() if not s.constants and key not in {i.key for i in items}]
    if extra:
        columns = np.vstack([columns, *(regression.columns(item, {}) for item in extra)])
        items = items + extra
    subsets = best_subsets(
        Products(columns, regression.wanted), _worth_of(regression, items), most_terms=most_terms, kept=3000
    )
    for count in tiers:
        products, worth = Products(columns[:count], regression.wanted), _worth_of(regression, items[:count])
        subsets += best_subsets(products, worth, most_terms=most_terms, kept=300)
    if tiers:
        subsets = sorted({subset.columns: subset for subset in subsets}.values(), key=lambda subset: subset.score)
    found: dict[str, Choice] = {}
    _enter(regression, items, subsets, found, deadline)
    shapes = candidates.only(np.flatnonzero(is_shape))
    if len(shapes) and time.monotonic() < deadline:
        fresh = _shaped(regression, items, shapes, found, deadline)
        items = items[:PLAIN_BESIDE_SHAPES] + fresh
        rows = [regression.columns(item, item.constants)[0] for item in fresh]
        columns = np.vstack([columns[:PLAIN_BESIDE_SHAPES], *rows])
        worth = _worth_of(regression, items)
        subsets = best_subsets(
            Products(columns, regression.wanted), worth, most_terms=MOST_BESIDE_SHAPES, kept=2000
        )
        _enter(regression, items, subsets, found, deadline)
    return sorted(found.values(), key=lambda choice: choice.score)


def choice_with(regression: Regression, item: Item, choices: Sequence[Choice]) -> Choice:
    """The best choice that holds a term, beside up to two plain terms that other choices hold.

    Args:
        regression: The regression; the term is taken as shared with another equation.
        item: The term, its inner constants as they were found there.
        choices: Choices for this equation.
    """
    plain = {each.key: each for choice in choices for each in choice.items if not each.constants and each != item}
    plainest = sorted(plain.values(), key=lambda each: each.price)[:PLAINEST]
    regression.shared[item.key] = item
    bases = (base for count in range(3) for base in combinations(plainest, count))
    trials = (regression.fitted((*base, item), item.constants, steps=1) for base in bases)
    best = min(trials, key=lambda choice: choice.score)
    return regression.fitted(best.items, best.constants, steps=12)


def _worth_of(regression: Regression, items: Sequence[Item]) -> Worth:
    constants = np.array([len(item.constants) for item in items])
    return regression.worth(
        np.array([regression.price(item) for item in items]) + 0.5 * np.log(len(regression.wanted)) * constants
    )


def _enter(
    regression: Regression, items: Sequence[Item], subsets: Sequence[Subset], found: dict[str, Choice], deadline: float
) -> None:
    """Fits the best subsets of every size with all care."""
    taken: dict[int, int] = {}
    for subset in subsets:
        merged = {items[k].key: items[k] for k in reversed(subset.columns)}
        chosen = tuple(merged.values())
        constants = {name: value for item in chosen for name, value in item.constants.items()}
        if taken.get(len(chosen), 0) >= LISTED or sum(bool(item.constants) for item in chosen) > MOST_SHAPED:
            continue
        if time.monotonic() > deadline and found:
            return
        taken[len(chosen)] = taken.get(len(chosen), 0) + 1
        prune(regression, regression.fitted(chosen, constants, steps=12), found)


def _shaped(
    regression: Regression, items: Sequence[Item], shapes: Candidates, found: dict[str, Choice], deadline: float
) -> list[Item]:
    """Sets every scanned shape beside every few of the plainest terms, and fits the best pairs.

    Args:
        regression: The regression.
        items: Plain terms, cheap ones first.
        shapes: The scanned shapes.
        found: Choices found so far; new ones are entered.
        deadline: `time.monotonic` value after which no more are fitted.

    Returns:
        Shapes with the constants that fit.
    """
    scanned = items_of(shapes, np.arange(len(shapes)))
    plainest = sorted(items, key=regression.price)[:PLAINEST]
    pairs = _pairs(regression, plainest, scanned, shape_responses(regression, shapes))
    taken: dict[str, int] = {}
    fresh: dict[tuple[str, ...], Item] = {}
    for _, base, place, move in pairs:
        item = scanned[place]
        if taken.get(item.key, 0) >= PAIRS_EACH or len(fresh) >= MOST_FRESH or time.monotonic() > deadline:
            continue
        taken[item.key] = taken.get(item.key, 0) + 1
        start = {name: value * (1 + m) for (name, value), m in zip(item.constants.items(), move, strict=False)}
        choice = regression.fitted((*(plainest[k] for k in base), item), start, steps=12)
        prune(regression, choice, found)
        kept = item.with_constants(choice.constants)
        fresh.setdefault((item.key, *(f"{value:.2g}" for value in kept.constants.values())), kept)
    return list(fresh.values())


def _pairs(
    regression: Regression, plainest: Sequence[Item], scanned: Sequence[Item], responses: Sequence[np.ndarray]
) -> list[tuple[float, tuple[int, ...], int, np.ndarray]]:
    """Scores of every small base with every scanned shape, the shape's constants moved to first order.

    Returns:
        Score, base, index of the shape and relative moves of its constants, best first.
    """
    columns = np.array([regression.columns(item, {})[0] for item in plainest])
    columns = columns / np.maximum(np.linalg.norm(columns, axis=1), 1e-300)[:, None]
    size = np.maximum(np.linalg.norm(responses[0], axis=1), 1e-300)[:, None]
    shapes = np.array([each / size for each in responses])  # (3, S, rows)
    own = np.einsum("msr,nsr->smn", shapes, shapes)
    cross = np.einsum("msr,kr->smk", shapes, columns)
    moment = np.einsum("msr,r->sm", shapes, regression.wanted)
    gram, sides, total = columns @ columns.T, columns @ regression.wanted, float(regression.wanted @ regression.wanted)
    each = 0.5 * np.log(max(len(regression.wanted), 3))
    prices = np.array([regression.price(item) + each * len(item.constants) for item in scanned])
    worth = regression.worth(prices)
    best = []
    for count in range(LARGEST_BASE + 1):
        for base in combinations(range(len(plainest)), count):
            chosen = list(base)
            inverse = np.linalg.pinv(gram[np.ix_(chosen, chosen)], rcond=1e-12, hermitian=True)
            part = cross[:, :, chosen]
            outside = own - part @ inverse @ part.transpose(0, 2, 1)
            rest = moment - part @ (inverse @ sides[chosen])
            left = total - float(sides[chosen] @ inverse @ sides[chosen])
            misfits, moves = _beside(outside, rest, left)
            scores = np.asarray(
                worth.score(misfits, prices + sum(regression.price(plainest[k]) for k in base), count + 1)
            )
            few = np.argpartition(scores, min(KEPT_PAIRS, len(scores) - 1))[:KEPT_PAIRS]
            best += [(float(scores[k]), base, int(k), moves[k]) for k in few]
    return sorted(best, key=lambda pair: pair[0])


def _beside(own: np.ndarray, moment: np.ndarray, left: float) -> tuple[np.ndarray, np.ndarray]:
    """Misfits with a shape and its constants moved to first order, and these moves.

    Args:
        own: Inner products of each shape and its slopes, shape (S, 3, 3).
        moment: Inner products with the target, shape (S, 3).
        left: Sum of squares of the target.
    """
    with np.errstate(all="ignore"):
        room = own[:, 0, 0]
        alone = left - moment[:, 0] ** 2 / room
        share = own[:, 0, 1:] / room[:, None]
        outside = own[:, 1:, 1:] - share[:, :, None] * own[:, 0, None, 1:]
        ridge = 1e-9 * (np.trace(own[:, 1:, 1:], axis1=1, axis2=2) + 1e-300)
        outside = outside + ridge[:, None, None] * np.eye(2)
        rest = moment[:, 1:] - share * moment[:, :1]
        determinant = outside[:, 0, 0] * outside[:, 1, 1] - outside[:, 0, 1] ** 2
        steps = (
            np.stack(
                [
                    outside[:, 1, 1] * rest[:, 0] - outside[:, 0, 1] * rest[:, 1],
                    outside[:, 0, 0] * rest[:, 1] - outside[:, 0, 1] * rest[:, 0],
                ],
                axis=1,
            )
            / determinant[:, None]
        )
        level = moment[:, 0] / room - np.sum(steps * share, axis=1)
        moves = steps / level[:, None]
        better = alone - np.sum(steps * rest, axis=1)
        is_near = np.all(np.abs(moves) < FARTHEST_MOVE, axis=1)
        misfits = np.where(is_near, np.maximum(better, 0.0), alone)
    is_usable = np.isfinite(misfits) & (room > 1e-10)
    return np.where(is_usable, misfits, left), np.where(is_near[:, None], moves, 0.0)


def shape_responses(regression: Regression, shapes: Candidates) -> list[np.ndarray]:
    """Responses of scanned terms and of their derivatives by the logarithms of up to two constants, (S, rows) each."""
    pieces = [shapes.pieces.copy() for _ in range(3)]
    for k, part in enumerate(shapes.parts):
        if part.constants:
            constants = [value for _, value in part.constants]
            values = part_values(part, constants, regression.nodes, regression.inputs)
            for order in (1, 2):
                pieces[order][k] = values[order] * constants[order - 1] if order < len(values) else 0.0
    return [_responses(regression, replace(shapes, pieces=each)) for each in pieces]


def _responses(regression: Regression, terms: Candidates) -> np.ndarray:
    """Responses of terms, shape (F, rows): a part of them at a time, for nodes are many times as many as rows."""
    parts = [slice(start, start + AT_ONCE) for start in range(0, max(len(terms), 1), AT_ONCE)]
    return np.vstack([regression.responses(terms.columns(part)) for part in parts])


def prune(regression: Regression, choice: Choice, found: dict[str, Choice]) -> None:
    """Enters a choice, and those that are left when its terms go one by one, as long as that may be better."""
    if choice.key in found and found[choice.key].score <= choice.score:
        return
    found[choice.key] = choice
    if len(choice.items) < 2:
        return
    trials = []
    for out in range(len(choice.items)):
        items = [item for k, item in enumerate(choice.items) if k != out]
        constants = {name: choice.constants[name] for item in items for name in item.constants}
        trials.append(regression.fitted(items, constants, steps=1))
    best = min(trials, key=lambda trial: trial.score)
    if best.score < choice.score + WORTH_A_TRY and best.key not in found:
        prune(regression, regression.fitted(best.items, best.constants, steps=10), found)
