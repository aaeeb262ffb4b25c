"""Frequencies of driving forces in rows: waves in time beside plain terms of the state, on clean rows.

A frequency off by a hundredth of a turn leaves a misfit that a dozen strange terms fill better than the truth. So the
frequencies are sought first, with the coefficients of all plain terms at once left free: what the plain terms cannot
make is scanned for one wave, then another, and all frequencies are fitted together. Of the plain terms and the
waves the sparsest exact sum is taken.

Source: variable projection after Golub & Pereyra (1973); the scan is a least-squares periodogram (Lomb 1976).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import sympy

from motionlaw.tools.candidates import TERM, Candidates
from motionlaw.tools.pieces import INNER, SHAPES_OF_TIME, Term
from motionlaw.tools.subsets import sparsest

# Plain terms that are left free: few first, since many can make anything.
FREE = (9, 25, 100)
# Rows that are looked at; rounds in which terms and frequencies are found in turn.
ROWS, ROUNDS = 500, 2
# Frequencies are scanned in steps of this share of a turn over the span, up to so many; the best so many are followed.
STEP, SCANNED, FOLLOWED = 1 / 8, 400, 3
# Slow waves, which plain terms nearly make, leave narrow peaks: up to so many turns, steps are so many times finer.
SLOW, FINER_IF_SLOW = 3.0, 8
# Between two steps a peak is looked for at these shares of a step.
FINER = np.linspace(-1, 1, 17)
# A fitted frequency lies within so many steps of the scanned one.
FARTHEST = 3.0
# Fourth differences of a target are usually smaller than this share of its spread, if it is smooth.
ROUGH = 0.01
# A column whose part outside the others is a smaller share of it adds nothing.
ALIKE = 1e-9


def find_frequencies(
    columns: np.ndarray, target: np.ndarray, t: np.ndarray, *, enough: float
) -> list[tuple[float, ...]]:
    """Finds one or two frequencies that, beside plain terms, explain a target.

    Args:
        columns: Plain terms, plainest first, shape (F, n).
        target: Shape (n,).
        t: Seconds, shape (n,).
        enough: Share of the target's square that may be left.

    Returns:
        Frequencies in radians a second, ascending: one that does it alone, or every pair that does (the own wave of
        an undamped spring can stand in for one of its drives); none where no one or two waves explain so much.

    Example:
        >>> t = np.linspace(0, 20, 500)
        >>> x = np.exp(-0.1 * t) * np.cos(2 * t)
        >>> target = 1.5 * x + 0.8 * np.sin(1.234 * t)
        >>> find_frequencies(x[None], target, t, enough=1e-12)
        [(1.234,)]
    """
    least = enough * float(target @ target)
    best: tuple[float, ...] = ()
    for count in FREE:
        plain = _basis(columns[:count])
        rest = target - plain @ (plain.T @ target)
        if float(rest @ rest) <= least:
            return []
        # What was best with fewer terms comes first: the more are free, the more frequencies look alike.
        smallest, pairs = np.inf, {}
        for found, left in _trials(best, plain, rest, t):
            if left <= least and len(found) == 1:
                return [found]
            if left <= least:
                pairs[tuple(round(each, 6) for each in found)] = found
            if left < smallest:
                best, smallest = found, left
        if pairs or len(columns) <= count:
            return list(pairs.values())
    return []


def _trials(
    first: tuple[float, ...], plain: np.ndarray, rest: np.ndarray, t: np.ndarray
) -> Iterator[tuple[tuple[float, ...], float]]:
    """Fitted frequencies, one or two, and the squares that they leave of the rest; the given ones first."""
    if first:
        yield _fitted(first, plain, rest, t)
    for start in _likely(plain, rest, t):
        yield _fitted((start,), plain, rest, t)
    for pair in _likely_pairs(plain, rest, t):
        yield _fitted(pair, plain, rest, t)


def driven(
    candidates: Candidates,
    plain: np.ndarray,
    inputs: Mapping[str, np.ndarray],
    time_name: str,
    target: np.ndarray,
    *,
    enough: float,
) -> tuple[Candidates, list[tuple[int, ...]]]:
    """Looks for driving waves beside plain terms, and for the few of both that make up a clean target.

    Args:
        candidates: The grammar's terms.
        plain: Those without inner constants, plainest first.
        inputs: The data by column.
        time_name: The column of seconds.
        target: Shape (n,).
        enough: Share of the target's square that may be left.

    Returns:
        The candidates with the waves added, and choices of them; none where no one or two waves will do.
    """
    t, some = sympy.Symbol(time_name), slice(None, None, max(1, len(target) // ROWS))
    free = [int(k) for k in plain[: 2 * FREE[-1]] if t not in candidates.term(k).expression.free_symbols]
    columns = candidates.columns(np.array(free), some)
    frequencies = find_frequencies(columns, target[some], inputs[time_name][some], enough=enough)
    found = []
    for better, count in product(frequencies, FREE):
        for _ in range(ROUNDS):
            candidates, waves = _with_waves(candidates, t, better, inputs)
            pool = [*free[:count], *waves]
            few = sparsest(candidates.columns(np.array(pool), some), target[some], candidates.costs[pool])
            found += [tuple(pool[k] for k in subset) for subset in few if len(subset) < len(target[some]) // 6]
            # Beside the few terms that are left, the frequencies are sharper.
            basis = _basis(columns[[k for k in few[-1] if k < len(free[:count])]])
            rest = target[some] - basis @ (basis.T @ target[some])
            better = _fitted(better, basis, rest, inputs[time_name][some])[0]
    return candidates, found


def _with_waves(
    candidates: Candidates, t: sympy.Symbol, frequencies: Sequence[float], inputs: Mapping[str, np.ndarray]
) -> tuple[Candidates, list[int]]:
    """The candidates with a sine and a cosine of each frequency at their end, and the places of those."""
    pieces, costs = [], []
    for number, frequency in enumerate(frequencies):
        for text, template in (("sin(k*u)", sympy.sin(INNER * t)), ("cos(k*u)", sympy.cos(INNER * t))):
            pieces.append(Term(template, SHAPES_OF_TIME[text], ((f"k_wave_{number}", frequency),)))
            costs.append(TERM + SHAPES_OF_TIME[text])
    wider, first = candidates.with_pieces(pieces, dict(inputs))
    one = len(wider.pieces) - 1
    factors = np.array([[first + k, one, one] for k in range(len(pieces))])
    return wider.and_also(factors, np.array(costs)), list(range(len(candidates), len(candidates) + len(pieces)))


def is_smooth(t: np.ndarray, target: np.ndarray) -> bool:
    """Whether a target has so little noise from row to row, in order of time, that its waves can be told exactly."""
    rough = np.diff(target[np.argsort(t, kind="stable")], 4)
    return bool(len(rough)) and float(np.median(np.abs(rough))) < ROUGH * float(np.std(target))


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the same, shape (n, R); where some are alike, a little more."""
    norms = np.linalg.norm(columns, axis=1)
    return np.linalg.qr((columns[norms > 0] / norms[norms > 0, None]).T)[0]


def _waves(frequencies: Sequence[float] | np.ndarray, t: np.ndarray) -> np.ndarray:
    """Sines and cosines, shape (2·W, n)."""
    phases = np.multiply.outer(np.asarray(frequencies), t)
    return np.concatenate([np.sin(phases), np.cos(phases)])


def _scanned(t: np.ndarray) -> np.ndarray:
    """The frequencies that are looked at first, ascending."""
    step = 2 * np.pi * STEP / float(np.ptp(t))
    slow = np.arange(1.0, SLOW / STEP, 1 / FINER_IF_SLOW)
    return step * np.concatenate([slow, np.arange(SLOW / STEP, SCANNED + 1)])


def _finer(frequency: float, basis: np.ndarray, rest: np.ndarray, t: np.ndarray) -> float:
    """The best frequency within a step of one that was scanned."""
    fine = frequency + 2 * np.pi * STEP / float(np.ptp(t)) * FINER
    return float(fine[np.argmax(_gains(fine, basis, rest, t))])


def _likely(basis: np.ndarray, rest: np.ndarray, t: np.ndarray) -> list[float]:
    """Frequencies at which one wave takes the most off the rest, highest peaks first."""
    scanned = _scanned(t)
    gains = _gains(scanned, basis, rest, t)
    edged = np.concatenate([[np.inf], gains, [-1.0]])  # what is slower than all that were scanned is no peak
    peaks = np.flatnonzero((gains >= edged[:-2]) & (gains > edged[2:]) & (gains > 0))
    return [_finer(scanned[k], basis, rest, t) for k in peaks[np.argsort(-gains[peaks], kind="stable")][:FOLLOWED]]


def _likely_pairs(basis: np.ndarray, rest: np.ndarray, t: np.ndarray) -> list[tuple[float, float]]:
    """Pairs of frequencies at which two waves take the most off the rest, highest peaks first.

    The best one of two waves is often no part of the best pair: all pairs are scanned.
    """
    scanned = _scanned(t)
    waves = _waves(scanned, t)
    waves -= (waves @ basis) @ basis.T
    gains = _pair_gains(waves, rest)
    edged = np.pad(gains, 1, constant_values=-1.0)
    edged[0] = edged[:, 0] = np.inf
    inner = slice(1, -1)
    is_peak = gains > 0
    for down, right in product((slice(0, -2), inner, slice(2, None)), repeat=2):
        is_peak &= gains >= edged[down, right]
    first, second = np.nonzero(np.triu(is_peak, 1))
    best = np.argsort(-gains[first, second], kind="stable")[:FOLLOWED]
    found = []
    for a, b in zip(scanned[first[best]].tolist(), scanned[second[best]].tolist(), strict=True):
        for _ in range(2):
            beside = _basis(np.vstack([basis.T, _waves([b], t)]))
            a, b = b, _finer(a, beside, rest - beside @ (beside.T @ rest), t)
        found.append((a, b))
    return found


def _pair_gains(waves: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The square that two waves take off the rest, by their numbers, shape (W, W); the waves lie outside the basis."""
    count, limit = len(waves) // 2, ALIKE * waves.shape[1] ** 2
    gram, moment = waves @ waves.T, waves @ rest
    sine, cosine = slice(0, count), slice(count, None)
    found = np.zeros((count, count))
    for k in range(count):
        own = [k, count + k]
        if np.linalg.det(gram[np.ix_(own, own)]) <= limit:
            continue
        root = np.linalg.inv(np.linalg.cholesky(gram[np.ix_(own, own)]))
        along, taken = root @ gram[own], root @ moment[own]
        left = moment - taken @ along
        square = np.diag(gram) - np.sum(along**2, axis=0)
        across = np.diag(gram, count) - np.sum(along[:, sine] * along[:, cosine], axis=0)
        found[k] = float(taken @ taken) + _taken(
            square[sine], square[cosine], across, left[sine], left[cosine], limit
        )
    return found


def _gains(frequencies: np.ndarray, basis: np.ndarray, rest: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The square that a wave of each frequency takes off the rest, outside the basis, shape (W,)."""
    waves = _waves(frequencies, t)
    waves -= (waves @ basis) @ basis.T
    sine, cosine = waves[: len(frequencies)], waves[len(frequencies) :]
    ss, cc, sc = (np.einsum("fn,fn->f", a, b) for a, b in ((sine, sine), (cosine, cosine), (sine, cosine)))
    return _taken(ss, cc, sc, sine @ rest, cosine @ rest, ALIKE * len(t) ** 2)


def _taken(
    ss: np.ndarray, cc: np.ndarray, sc: np.ndarray, s: np.ndarray, c: np.ndarray, limit: float
) -> np.ndarray:
    """What sines and cosines take off a rest, from their products with themselves, each other, and the rest."""
    room = ss * cc - sc**2
    taken = (cc * s**2 - 2 * sc * s * c + ss * c**2) / np.maximum(room, 1e-300)
    return np.where(room > limit, taken, 0.0)


def _fitted(
    frequencies: Sequence[float], plain: np.ndarray, rest: np.ndarray, t: np.ndarray
) -> tuple[tuple[float, ...], float]:
    """The frequencies nearby that leave the least of a rest outside the plain terms, and the square that they leave."""
    from scipy.optimize import least_squares

    step = 2 * np.pi * STEP / float(np.ptp(t))
    start = np.asarray(frequencies)

    def left(shifts: np.ndarray) -> np.ndarray:
        waves = _waves(start + step * shifts, t).T
        waves = waves - plain @ (plain.T @ waves)
        q, _ = np.linalg.qr(waves)
        return np.asarray(rest - q @ (q.T @ rest))

    found = least_squares(left, np.zeros(len(start)), method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100)
    # Slower than one step, a wave is no wave: one and t can be made of it.
    if np.abs(found.x).max() > FARTHEST or (start + step * found.x).min() < 0.99 * step:
        return tuple(frequencies), np.inf
    best = np.sort(start + step * found.x)
    return tuple(float(f"{each:.13g}") for each in best), float(2 * found.cost)
