"""Best subsets: which few of thousands of columns make up a target.

Two passes of one beam search over orthogonal updates: a wide pass over all columns on some of the rows, which
collects a pool, and a deep one with swaps over the pool on all rows, on the columns' products alone. What a subset is
worth is the caller's description length: misfit in nats plus the price of its columns.

Source: orthogonal least squares after Chen, Billings & Luo (1989); swaps after Miller, Subset Selection (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A column whose part outside the chosen ones is less than this share of it adds nothing.
ALIKE = 1e-10
# The misfit is never believed to be a smaller share of the target: doubles end there.
EXACT = 1e-26
# A mean square below this share of the target's is rounding.
NOISE_FREE = 1e-20
# Noise alone is left below so many times what is expected of it; then so many larger sizes are tried in vain.
NOISE_LEFT, IDLE_SIZES = 1.2, 2
WIDE_BEAM, DEEP_BEAM = 12, 60
POOL, POOLED_EACH = 500, 40
# Rounds of reweighting, singular values that count as zero, and the shares of the largest coefficient that are large.
REWEIGHED, SAME_AS_ZERO, LARGER = 60, 1e-11, (1e-2, 1e-4)


@dataclass(frozen=True)
class Subset:
    """A choice of columns.

    Args:
        columns: Their indices, ascending.
        misfit: Sum of squares that they leave of the target.
        score: Description length in nats, lower is better.
    """

    columns: tuple[int, ...]
    misfit: float
    score: float


@dataclass(frozen=True)
class Worth:
    """How subsets are compared: ``independent/2·log(misfit) + Σ price + k/2·log(independent)``.

    Args:
        prices: Nats of each column.
        independent: Number of independent rows.
        total: Sum of squares of the target.
        floor: Misfit per row, as a share of the target's mean square, below which there is no further evidence.
        noise: What noise leaves of the target, as a share of its sum of squares; 0 where that is not known.
    """

    prices: np.ndarray
    independent: float
    total: float
    floor: float = EXACT
    noise: float = 0.0

    def score(self, misfit: np.ndarray | float, price: np.ndarray | float, size: int) -> np.ndarray | float:
        share = np.maximum(np.maximum(misfit, 0.0) / self.total, 0.0) + self.floor
        return 0.5 * self.independent * np.log(share) + price + 0.5 * size * np.log(max(self.independent, 3.0))


class _Growth:
    """Tells when subsets need not grow further: noise alone is left, and larger ones no longer pay."""

    def __init__(self, worth: Worth) -> None:
        self.worth, self.best, self.idle = worth, np.inf, 0

    def is_over(self, level: _Level) -> bool:
        """Whether the last sizes, this level's among them, brought nothing that noise does not."""
        prices = self.worth.prices[level.members].sum(axis=1)
        best = float(np.min(self.worth.score(level.misfit, prices, level.members.shape[1])))
        is_noise = float(level.misfit.min()) < NOISE_LEFT * self.worth.noise * self.worth.total
        self.idle = self.idle + 1 if is_noise and best >= self.best else 0
        self.best = min(self.best, best)
        return self.idle == IDLE_SIZES


@dataclass
class _Level:
    """All subsets of one size in the beam, S of them: what is left of the target and of every column (F of them).

    Args:
        members: Indices, shape (S, k).
        left: Inner product of every column with the rest of the target, shape (S, F).
        room: Squared norm of every column's part outside the subset, shape (S, F).
        misfit: Shape (S,).
        basis: Inner products of every column with the subset's orthonormal basis, shape (S, k, F).
    """

    members: np.ndarray
    left: np.ndarray
    room: np.ndarray
    misfit: np.ndarray
    basis: np.ndarray

    def gains(self) -> np.ndarray:
        """What each column would take off the misfit, shape (S, F); nothing for those that add nothing."""
        open_ = self.room > ALIKE
        return np.where(open_, self.left**2 / np.where(open_, self.room, 1.0), -1.0)


class Products:
    """Inner products of columns scaled to length one, and of these with a target.

    Args:
        columns: Shape (F, n).
        target: Shape (n,).
        has_gram: Whether all products are computed at once; for wide problems they come from the columns as needed.
    """

    def __init__(self, columns: np.ndarray, target: np.ndarray, *, has_gram: bool = True) -> None:
        self.columns = _unit(columns)
        self.moment = self.columns @ target
        self.total = float(target @ target)
        self.gram = self.columns @ self.columns.T if has_gram else None

    def of(self, chosen: np.ndarray) -> np.ndarray:
        """Inner products of the chosen columns with all, shape (S, F)."""
        return self.columns[chosen] @ self.columns.T if self.gram is None else self.gram[chosen]

    def with_target(self, chosen: Sequence[int]) -> np.ndarray:
        """Products of the chosen columns and, last, the target with one another, shape (k + 1, k + 1)."""
        places = np.array(chosen, dtype=int)
        inner, across = self.of(places)[:, places], self.moment[places]
        return np.block([[inner, across[:, None]], [across, np.array(self.total)]])

    def start(self) -> _Level:
        width = len(self.columns)
        return _Level(
            np.zeros((1, 0), dtype=int), self.moment[None].copy(), np.ones((1, width)), np.array([self.total]),
            np.zeros((1, 0, width)),
        )  # fmt: skip

    def grown(self, level: _Level, parents: np.ndarray, chosen: np.ndarray) -> _Level:
        """The subsets ``parents`` with one column each added, by Gram-Schmidt."""
        rows = np.arange(len(parents))
        basis = level.basis[parents]
        room = np.maximum(level.room[parents, chosen], ALIKE)
        overlap = self.of(chosen) - np.einsum("sk,skf->sf", basis[rows, :, chosen], basis)
        new = overlap / np.sqrt(room)[:, None]
        step = level.left[parents, chosen] / np.sqrt(room)
        return _Level(
            members=np.column_stack([level.members[parents], chosen]),
            left=level.left[parents] - step[:, None] * new,
            room=level.room[parents] - new**2,
            misfit=level.misfit[parents] - step**2,
            basis=np.concatenate([basis, new[:, None]], axis=1),
        )

    def subsets(self, members: np.ndarray) -> _Level:
        """The level of given subsets of one size, shape (S, k)."""
        start, rows = self.start(), np.arange(len(members))
        many = [np.repeat(each, len(rows), axis=0) for each in (start.left, start.room, start.misfit, start.basis)]
        level = _Level(np.zeros((len(rows), 0), dtype=int), *many)
        for place in range(members.shape[1]):
            level = self.grown(level, rows, members[:, place])
        return level


def _unit(columns: np.ndarray) -> np.ndarray:
    """Columns scaled to length one, those without length left at zero."""
    norms = np.sqrt(np.einsum("fn,fn->f", columns, columns))
    return columns / np.where(norms > 0, norms, np.inf)[:, None]


def _best(scores: np.ndarray, level: _Level, count: int, seen: set[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Parents and columns of the best new subsets."""
    flat = scores.ravel()
    most = min(4 * count + 20, flat.size)
    nearest = np.argpartition(flat, most - 1)[:most] if most < flat.size else np.arange(flat.size)
    nearest = nearest[np.argsort(flat[nearest], kind="stable")]
    parents: list[int] = []
    chosen: list[int] = []
    for index in nearest:
        if not np.isfinite(flat[index]) or len(parents) == count:
            break
        parent, column = divmod(int(index), scores.shape[1])
        key = tuple(sorted((*level.members[parent].tolist(), column)))
        if key not in seen:
            seen.add(key)
            parents.append(parent)
            chosen.append(column)
    return np.array(parents, dtype=int), np.array(chosen, dtype=int)


def _scores(level: _Level, worth: Worth) -> np.ndarray:
    """Scores of the subsets with one column more, shape (S, F); infinite for columns that add nothing."""
    gains = level.gains()
    size = level.members.shape[1] + 1
    price = worth.prices[level.members].sum(axis=1)[:, None] + worth.prices
    return np.where(gains >= 0, worth.score(level.misfit[:, None] - gains, price, size), np.inf)


def pool_of(
    columns: np.ndarray, target: np.ndarray, worth: Worth, *, most_terms: int, beam: int = WIDE_BEAM
) -> np.ndarray:
    """Screens many columns for those that any good subset may hold.

    Args:
        columns: Shape (F, n).
        target: Shape (n,).
        worth: How subsets are compared.
        most_terms: Largest subset.
        beam: Subsets of each size that are grown.

    Returns:
        Indices of the pool, ascending: the cheapest columns, and the best additions to every subset on the way.
    """
    products = Products(columns, target, has_gram=False)
    level, seen = products.start(), set[tuple[int, ...]]()
    growth = _Growth(worth)
    wanted: dict[int, float] = {int(k): -np.inf for k in np.argsort(worth.prices, kind="stable")[: POOL // 3]}
    for _ in range(most_terms):
        scores = _scores(level, worth)
        for row in scores:
            near = np.argpartition(row, POOLED_EACH)[:POOLED_EACH] if len(row) > POOLED_EACH else np.arange(len(row))
            best = row[near].min()
            for k in near[np.isfinite(row[near])]:
                wanted[int(k)] = min(wanted.get(int(k), np.inf), float(row[k] - best))
        parents, chosen = _best(scores, level, beam, seen)
        if not len(parents):
            break
        level = products.grown(level, parents, chosen)
        if growth.is_over(level):
            break
    ranked = sorted(wanted, key=lambda k: wanted[k])[:POOL]
    return np.sort(np.array(ranked, dtype=int))


def best_subsets(
    products: Products,
    worth: Worth,
    *,
    most_terms: int,
    forced: Sequence[int] = (),
    beam: int = DEEP_BEAM,
    swaps: int = 3,
    kept: int = 60,
    kept_of_each_size: int = 3,
) -> list[Subset]:
    """Finds the best small subsets of a few hundred columns.

    Args:
        products: The columns and the target.
        worth: How subsets are compared.
        most_terms: Largest subset, forced columns among them.
        forced: Columns that every subset holds.
        beam: Subsets of each size that are grown.
        swaps: Rounds in which every member of the best subsets is exchanged for any other column.
        kept: Best subsets returned.
        kept_of_each_size: So many of each size are returned besides.

    Returns:
        Subsets of all sizes, best first.
    """
    level = products.subsets(np.array([sorted(forced)], dtype=int)) if len(forced) else products.start()
    found: dict[tuple[int, ...], Subset] = {}
    seen: set[tuple[int, ...]] = set()
    growth = _Growth(worth)
    _note(level, worth, found)
    for _ in range(most_terms - len(forced)):
        parents, chosen = _best(_scores(level, worth), level, beam, seen)
        if not len(parents):
            break
        level = products.grown(level, parents, chosen)
        _note(level, worth, found)
        if growth.is_over(level):
            break
    for _ in range(swaps):
        before = len(found)
        leaders = sorted(found.values(), key=lambda each: each.score)[: beam // 2]
        for size in sorted({len(each.columns) for each in leaders} - {len(forced)}):
            members = {
                tuple(k for k in each.columns if k != out)
                for each in leaders if len(each.columns) == size
                for out in each.columns if out not in forced
            }  # fmt: skip
            level = products.subsets(np.array(sorted(members), dtype=int).reshape(len(members), size - 1))
            _note(level, worth, found)
            parents, chosen = _best(_scores(level, worth), level, beam, seen)
            if len(parents):
                _note(products.grown(level, parents, chosen), worth, found)
        if len(found) == before:
            break
    ranked = sorted(found.values(), key=lambda each: each.score)
    best, counts = [], dict.fromkeys(range(most_terms + 1), 0)
    for place, each in enumerate(ranked):
        counts[len(each.columns)] += 1
        if place < kept or counts[len(each.columns)] <= kept_of_each_size:
            best.append(each)
    return best


def sparsest(columns: np.ndarray, target: np.ndarray, prices: np.ndarray) -> list[tuple[int, ...]]:
    """Finds the few of many columns, however alike, that make up a target exactly; for targets without noise.

    Least squares of least norm, in which every column counts by the size that its coefficient had last: small ones
    die out, and what is left is sparse. No other use: noise keeps all of them alive.

    Args:
        columns: Shape (F, n).
        target: Shape (n,).
        prices: Nats of each column; cheap ones start larger.

    Returns:
        Subsets of the columns with the larger coefficients, for two meanings of larger.

    Source: FOCUSS, Gorodnitsky & Rao (1997).

    Example:
        >>> x = np.linspace(-1, 2, 200)
        >>> columns = np.array([x**k for k in range(12)] + [x * np.cos(x), np.sin(x)])
        >>> sparsest(columns, 2 * x**2 - x * np.cos(x), np.ones(14))[0]
        (2, 12)
    """
    norms = np.linalg.norm(columns, axis=1)
    unit = np.vstack([columns / np.where(norms > 0, norms, np.inf)[:, None], target / np.linalg.norm(target)])
    triangle = np.asarray(np.linalg.qr(unit.T, mode="r"))
    sizes = np.exp(-prices / 4)
    for _ in range(REWEIGHED):
        before = sizes
        sizes = np.abs(sizes * np.linalg.lstsq(triangle[:, :-1] * sizes, triangle[:, -1], rcond=SAME_AS_ZERO)[0])
        if np.allclose(sizes, before, rtol=1e-9, atol=1e-14):
            break
    return [tuple(np.flatnonzero(sizes > share * sizes.max()).tolist()) for share in LARGER]


def _note(level: _Level, worth: Worth, found: dict[tuple[int, ...], Subset]) -> None:
    """Enters a level's subsets among those found."""
    prices = worth.prices[level.members].sum(axis=1)
    scores = worth.score(level.misfit, prices, level.members.shape[1])
    for members, misfit, score in zip(level.members, level.misfit, np.atleast_1d(scores), strict=True):
        key = tuple(sorted(members.tolist()))
        if key not in found or found[key].score > score:
            found[key] = Subset(key, max(float(misfit), 0.0), float(score))
