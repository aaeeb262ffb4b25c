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
        found = np.empty((len(places) + 1, len(places) + 1))
        found[:-1, :-1] = self.of(places)[:, places]
        found[:-1, -1] = found[-1, :-1] = self.moment[places]
        found[-1, -1] = self.total
        return found

    def start(self) -> _Level:
        width = len(self.columns)
        return _Level(
            np.zeros((1, 0), dtype=int), self.moment[None].copy(), np.ones((1, width)), np.array([self.total]),
            np.zeros((1, 0, width)),
        )  # fmt: skip

    def grown(self, level: _Level, parents: np.ndarray, chosen: np.ndarray) -> _Level:
        """The subsets ``parents`` with one column each added, by Gram-Schmidt."""
        rows, size = np.arange(len(parents)), level.basis.shape[1]
        basis = np.empty((len(parents), size + 1, level.basis.shape[2]))
        basis[:, :size] = level.basis[parents]
        room = np.sqrt(np.maximum(level.room[parents, chosen], ALIKE))
        new, old = basis[:, size], basis[:, :size]
        np.subtract(self.of(chosen), np.einsum("sk,skf->sf", old[rows, :, chosen], old), out=new)
        new /= room[:, None]
        step = level.left[parents, chosen] / room
        return _Level(
            members=np.column_stack([level.members[parents], chosen]),
            left=level.left[parents] - step[:, None] * new,
            room=level.room[parents] - new**2,
            misfit=level.misfit[parents] - step**2,
            basis=basis,
        )

    def subsets(self, members: np.ndarray) -> _Level:
        """The level of given subsets of one size, shape (S, k), each once and in order: they share their beginnings."""
        level, within = self.start(), np.zeros(len(members), dtype=int)
        for size in range(1, members.shape[1] + 1):
            is_new = np.any(members[1:, :size] != members[:-1, :size], axis=1)
            first = np.append(0, 1 + np.flatnonzero(is_new))
            level = self.grown(level, within[first], members[first, size - 1])
            within = np.append(0, np.cumsum(is_new))
        return level


def _unit(columns: np.ndarray) -> np.ndarray:
    """Columns scaled to length one, those without length left at zero."""
    norms = np.sqrt(np.einsum("fn,fn->f", columns, columns))
    return columns / np.where(norms > 0, norms, np.inf)[:, None]


class _Seen:
    """Subsets by a number each: the exclusive or of random numbers of their columns.

    Args:
        width: Number of columns.
    """

    def __init__(self, width: int) -> None:
        self.marks = np.random.default_rng(0).integers(1 << 62, size=width)
        self.numbers: set[int] = set()

    def of(self, members: np.ndarray) -> np.ndarray:
        """Numbers of subsets, shape (S,), whatever the order of their members, shape (S, k)."""
        return np.bitwise_xor.reduce(self.marks[members], axis=1)

    def best(self, scores: np.ndarray, level: _Level, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Parents and columns of the best subsets that were not seen before."""
        flat = scores.ravel()
        most = min(4 * count + 20, flat.size)
        nearest = np.argpartition(flat, most - 1)[:most] if most < flat.size else np.arange(flat.size)
        nearest = nearest[np.argsort(flat[nearest], kind="stable")]
        nearest = nearest[np.isfinite(flat[nearest])]
        parents, columns = np.divmod(nearest, scores.shape[1])
        fresh: list[int] = []
        for place, number in enumerate((self.of(level.members)[parents] ^ self.marks[columns]).tolist()):
            if number not in self.numbers:
                self.numbers.add(number)
                fresh.append(place)
                if len(fresh) == count:
                    break
        return parents[fresh], columns[fresh]


class _Found:
    """All subsets that were weighed, each at its best.

    Args:
        worth: How they are compared.
        seen: What numbers them.
        most_terms: Members of the largest.
    """

    def __init__(self, worth: Worth, seen: _Seen, most_terms: int) -> None:
        self.worth, self.seen, self.most_terms = worth, seen, most_terms
        self.parts: list[tuple[np.ndarray, ...]] = []

    def note(self, level: _Level) -> None:
        """Enters a level's subsets."""
        prices = self.worth.prices[level.members].sum(axis=1)
        scores = np.atleast_1d(self.worth.score(level.misfit, prices, level.members.shape[1]))
        members = np.full((len(scores), self.most_terms), -1)
        members[:, : level.members.shape[1]] = level.members
        self.parts.append((self.seen.of(level.members), scores, level.misfit, members))

    def ranked(self) -> tuple[np.ndarray, ...]:
        """Scores, misfits and members, shape (S, most_terms) with -1 for none, best first."""
        numbers, scores, misfits, members = (np.concatenate(each) for each in zip(*self.parts, strict=True))
        order = np.lexsort((np.arange(len(numbers)), scores))
        _, first = np.unique(numbers[order], return_index=True)
        order = order[np.sort(first)]
        self.parts = [(numbers[order], scores[order], misfits[order], members[order])]
        return self.parts[0][1:]


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
    level, seen = products.start(), _Seen(len(columns))
    growth = _Growth(worth)
    wanted: dict[int, float] = {int(k): -np.inf for k in np.argsort(worth.prices, kind="stable")[: POOL // 3]}
    for _ in range(most_terms):
        scores = _scores(level, worth)
        for row in scores:
            near = np.argpartition(row, POOLED_EACH)[:POOLED_EACH] if len(row) > POOLED_EACH else np.arange(len(row))
            best = row[near].min()
            for k in near[np.isfinite(row[near])]:
                wanted[int(k)] = min(wanted.get(int(k), np.inf), float(row[k] - best))
        parents, chosen = seen.best(scores, level, beam)
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
    seen = _Seen(len(products.columns))
    found = _Found(worth, seen, most_terms)
    growth = _Growth(worth)
    found.note(level)
    for _ in range(most_terms - len(forced)):
        parents, chosen = seen.best(_scores(level, worth), level, beam)
        if not len(parents):
            break
        level = products.grown(level, parents, chosen)
        found.note(level)
        if growth.is_over(level):
            break
    scores, misfits, members = found.ranked()
    for _ in range(swaps):
        leaders = members[: beam // 2]
        sizes = np.sum(leaders >= 0, axis=1)
        for size in sorted(set(sizes.tolist()) - {len(forced)}):
            level = products.subsets(_one_less(np.sort(leaders[sizes == size, :size], axis=1), forced))
            found.note(level)
            parents, chosen = seen.best(_scores(level, worth), level, beam)
            if len(parents):
                found.note(products.grown(level, parents, chosen))
        before = len(scores)
        scores, misfits, members = found.ranked()
        if len(scores) == before:
            break
    sizes = np.sum(members >= 0, axis=1)
    of_its_size = np.zeros(len(sizes), dtype=int)
    for size in np.unique(sizes):
        of_its_size[sizes == size] = np.arange(np.sum(sizes == size))
    best = np.flatnonzero((np.arange(len(sizes)) < kept) | (of_its_size < kept_of_each_size))
    return [
        Subset(tuple(sorted(members[k, : sizes[k]].tolist())), max(float(misfits[k]), 0.0), float(scores[k]))
        for k in best
    ]


def _one_less(members: np.ndarray, forced: Sequence[int]) -> np.ndarray:
    """All subsets, in order, that lack one member of the given ones, shape (S, k), but none of the forced."""
    size = members.shape[1]
    if size == 1:
        return np.zeros((1, 0), dtype=int)
    others = np.array([[k for k in range(size) if k != out] for out in range(size)])
    fewer = members[:, others][~np.isin(members, forced)]
    return np.unique(fewer, axis=0)


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
