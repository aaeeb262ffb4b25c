"""Breaks in a motion: rows where two short polynomials, one on each side, beat a smooth one with as many numbers.

A contact changes the velocity within a frame or three; the two pieces then meet between those frames with different
slopes. A jump (an identity switch, a lost and wrongly found object) leaves pieces that do not meet. Motion that is
only fast is better described by the smooth polynomial, because its order is twice as high, and does not
fire where a turn takes ten frames or more.
Leaves out: changes of the acceleration alone, which belong to laws (Coulomb friction) as often as to events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial import legendre

# Degree of the pieces and rows in each; lines serve the short tracks that people mark by hand.
SCALES = ((1, 3), (1, 4), (1, 6), (2, 5), (2, 8), (2, 12), (2, 20), (2, 32))
GUARDS = (0, 1, 2)  # rows between the pieces that the contact itself may take
EVIDENCE = 45.0  # gain in chi-squared that no smooth motion reaches by chance
RATIO = 8.0  # and how many times better the pieces must fit
NARROW = (0.0, 1.0, 2.0, 3.0)  # frames a contact may last
SLOWER = 1.6  # a slower or smooth turn must be this many times worse, noise included
CHUNK = 4000


@dataclass(frozen=True)
class Break:
    """A break between rows ``before`` and ``after``: time (seconds), kind (contact or jump), change of velocity."""

    t: float
    kind: str
    before: int
    after: int
    delta_velocity: np.ndarray
    evidence: float


@dataclass(frozen=True)
class _Fits:
    """Polynomials of one degree over all windows; W windows, D coordinates: ends are (first row, last row)."""

    energy: np.ndarray  # (W, D)
    value: np.ndarray  # (2, W, D)
    slope: np.ndarray  # (2, W, D)
    slope_gain: np.ndarray  # (2, W): variance of the slope over the variance of a row


@cache
def _slopes(degree: int) -> np.ndarray:
    """Slopes of the Legendre polynomials at -1 and 1, shape (2, degree + 1)."""
    each = [legendre.legval(np.array([-1.0, 1.0]), legendre.legder(row)) for row in np.eye(degree + 1)]
    return np.stack(each, axis=1)


def _fit(t: np.ndarray, x: np.ndarray, rows: np.ndarray, degree: int) -> _Fits:
    """Fits all windows of ``len(rows)`` consecutive rows, leaving out those where the mask ``rows`` is False."""
    steps = np.diff(t)
    times = sliding_window_view(t, len(rows))
    scale = 0.5 * (times[:, -1] - times[:, 0])
    if np.ptp(steps) < 1e-6 * steps[0]:
        times = times[:1]  # even times: one design serves every window
    u = (times - 0.5 * (times[:, -1:] + times[:, :1])) / (0.5 * (times[:, -1:] - times[:, :1]))
    data = sliding_window_view(x, len(rows), axis=0)
    ends, slopes = legendre.legvander(np.array([-1.0, 1.0]), degree), _slopes(degree)
    energy, value, slope, gain = [], [], [], []
    for start in range(0, len(data), CHUNK):
        design = legendre.legvander(u[start : start + CHUNK] if len(u) > 1 else u, degree)[:, rows]
        values = data[start : start + CHUNK].transpose(0, 2, 1)[:, rows]
        inverse = np.linalg.inv(np.matmul(design.transpose(0, 2, 1), design))
        coefficient = np.matmul(np.matmul(inverse, design.transpose(0, 2, 1)), values)
        rest = values - np.matmul(design, coefficient)
        width = scale[start : start + CHUNK]
        energy.append(np.einsum("wrd,wrd->wd", rest, rest))
        value.append(np.matmul(ends, coefficient))
        slope.append(np.matmul(slopes, coefficient) / width[:, None, None])
        gain.append(np.einsum("ek,wkl,el->we", slopes, inverse, slopes) / width[:, None] ** 2)
    return _Fits(np.concatenate(energy), np.concatenate(value).transpose(1, 0, 2),
                 np.concatenate(slope).transpose(1, 0, 2), np.concatenate(gain).T)


@dataclass(frozen=True)
class _Candidates:
    """All splits at one scale; S splits."""

    before: np.ndarray  # (S,)
    guard: int
    rows: int
    evidence: np.ndarray  # (S,)
    broken: np.ndarray  # (S,) chi-squared of the pieces
    smooth: np.ndarray  # (S,)
    freedom: int
    meeting: np.ndarray  # (S,) seconds where the pieces meet, NaN if nowhere near
    delta_velocity: np.ndarray  # (S, D)
    delta_sigmas: np.ndarray  # (S,)
    offset: np.ndarray  # (S,) distance of the pieces in the middle, in standard deviations of a row


def _candidates(
    t: np.ndarray, x: np.ndarray, noise: np.ndarray, pieces: _Fits, degree: int, rows: int, guard: int
) -> _Candidates:
    """Compares pieces and smooth polynomial for every split at one scale."""
    length = len(t)
    mask = np.ones(2 * rows + guard, dtype=bool)
    mask[rows : rows + guard] = False
    smooth = _fit(t, x, mask, 2 * degree + 1)
    left = np.arange(length - 2 * rows - guard + 1)
    right = left + rows + guard
    before = left + rows - 1
    weight = 1.0 / noise**2
    broken_energy = np.sum((pieces.energy[left] + pieces.energy[right]) * weight, axis=1)
    smooth_energy = np.sum(smooth.energy * weight, axis=1)
    start, stop = t[before], t[before + 1 + guard]
    middle = 0.5 * (start + stop)
    # Lines to the middle: the pieces' slopes at their inner ends.
    slope_left, slope_right = pieces.slope[1, left], pieces.slope[0, right]
    value_left = pieces.value[1, left] + slope_left * (middle - start)[:, None]
    value_right = pieces.value[0, right] - slope_right * (stop - middle)[:, None]
    delta_v, delta_x = slope_right - slope_left, value_right - value_left
    power = np.sum(delta_v**2 * weight, axis=1)
    meeting = middle - np.sum(delta_v * delta_x * weight, axis=1) / np.maximum(power, 1e-300)
    missed = delta_x + delta_v * (meeting - middle)[:, None]
    gain = pieces.slope_gain[1, left] + pieces.slope_gain[0, right]
    return _Candidates(before, guard, rows, smooth_energy - broken_energy, broken_energy, smooth_energy,
                       2 * (rows - degree - 1) * x.shape[1], meeting, delta_v, np.sqrt(power / gain),
                       np.sqrt(np.sum(missed**2 * weight, axis=1)))


def _accepted(found: _Candidates, t: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Marks contacts and jumps among the candidates of one scale."""
    start, stop = t[found.before], t[found.before + 1 + found.guard]
    frame = (stop - start) / (1 + found.guard)
    white = found.broken <= 1.1 * found.freedom + 3.5 * np.sqrt(2.0 * found.freedom) + 2.0
    better = (found.evidence > EVIDENCE) & (white | (found.smooth > 60.0 * found.broken))
    better &= found.smooth > RATIO * (found.broken - found.freedom)
    meets = (found.meeting > start - 0.6 * frame) & (found.meeting < stop + 0.6 * frame)
    meets &= found.offset < 6.0 + 0.05 * np.sqrt(found.smooth)
    sudden = (found.delta_sigmas > 6.0) & (np.linalg.norm(found.delta_velocity, axis=1) > 0.08 * speed)
    # Through a gap, short as it is, nobody saw what happened.
    steps = np.diff(t)
    gaps = np.r_[0, np.cumsum(steps > 4.0 * np.quantile(steps, 0.75))]
    better &= gaps[found.before - found.rows + 1] == gaps[found.before + found.guard + found.rows]
    contact = better & meets & sudden
    jump = better & ~meets & (found.offset > 12.0) & (found.guard == 0)
    return contact, jump


def _chi_squared(design: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Residual chi-squared of many least-squares fits: designs (M, R, K), data (R, D) in units of the noise."""
    basis, _ = np.linalg.qr(design)
    return np.sum(data**2) - np.sum(np.matmul(basis.transpose(0, 2, 1), data) ** 2, axis=(1, 2))


def _is_sudden(t: np.ndarray, x: np.ndarray, noise: np.ndarray, one: Break, reach: tuple[int, int, int]) -> bool:
    """Asks whether a turn within a few frames fits better than a slower turn, or a smooth polynomial of degree 9."""
    first, last, degree = reach
    frame = (t[last] - t[first]) / (last - first)
    s = (t[first : last + 1] - one.t) / frame
    data = x[first : last + 1] / noise
    data = data - data.mean(axis=0)
    widths = np.r_[NARROW, np.geomspace(5.0, max(last - first, 6.0), 9)]
    shifts = np.linspace(-0.6, 0.6, 9)[None, :] * np.maximum(widths, 1.0)[:, None]
    from_middle = s - shifts.reshape(-1, 1)
    width = np.maximum(np.repeat(widths, shifts.shape[1]), 1e-6)[:, None]
    # The velocity climbs evenly over the width; its integral is a parabola between two lines.
    inside = np.clip(from_middle + width / 2, 0.0, width)
    turn = inside**2 / (2 * width) + np.maximum(from_middle - width / 2, 0.0)
    columns = [np.ones_like(turn), np.broadcast_to(s, turn.shape), turn]
    if degree == 2:
        columns += [columns[1] ** 2, np.maximum(from_middle, 0.0) ** 2]
    chi = _chi_squared(np.stack(columns, axis=2), data).reshape(shifts.shape).min(axis=1)
    narrow, wide = np.min(chi[: len(NARROW)]), np.min(chi[len(NARROW) :])
    smooth_degree = min(9, len(s) // 2)
    half = 0.5 * (s[-1] - s[0])
    smooth = _chi_squared(legendre.legvander((s - 0.5 * (s[-1] + s[0])) / half, smooth_degree)[None], data)[0]
    smooth += 2.0 * (smooth_degree + 1 - len(columns)) * x.shape[1]
    # Slower turns must be worse in proportion where noise is no excuse, and not better where it is.
    return bool(narrow < wide / SLOWER + 2.0 and narrow + 10.0 < smooth / SLOWER)


def find_breaks(t: np.ndarray, x: np.ndarray, noise: np.ndarray) -> tuple[Break, ...]:
    """Finds contacts and jumps in one stretch without gaps.

    Args:
        t: Seconds, shape (T,).
        x: Shape (T, D), no NaN.
        noise: Standard deviation of a row, shape (D,).
    """
    if len(t) < 6:
        return ()
    taken: list[Break] = []
    found: list[tuple[float, int, int, int, Break]] = []
    lag = min(3, len(t) - 1)  # over three steps: noise over one short step is no speed
    pace = (x[lag:] - x[:-lag]) / (t[lag:] - t[:-lag])[:, None]
    speed = float(np.linalg.norm(np.quantile(pace, 0.98, axis=0) - np.quantile(pace, 0.02, axis=0)))
    for degree, rows in SCALES:
        if len(t) < 2 * rows:
            continue
        pieces = _fit(t, x, np.ones(rows, dtype=bool), degree)
        for guard in GUARDS:
            if len(t) < 2 * rows + guard:
                continue
            candidates = _candidates(t, x, noise, pieces, degree, rows, guard)
            for kind, marked in zip(("contact", "jump"), _accepted(candidates, t, speed), strict=True):
                for index in np.flatnonzero(marked):
                    before = int(candidates.before[index])
                    when = candidates.meeting[index] if kind == "contact" else 0.5 * (t[before] + t[before + 1])
                    one = Break(float(when), kind, before, before + 1 + guard, candidates.delta_velocity[index],
                                float(candidates.evidence[index]))
                    # A guarded row costs nothing to leave out, so a split without it is believed first.
                    found.append((one.evidence * 0.8**guard, before - rows + 1, before + guard + rows, degree, one))
    for _, first, last, degree, one in sorted(found, key=lambda item: -item[0]):
        # Windows over a break already taken say nothing of their own.
        if any(first <= other.before and other.after <= last for other in taken):
            continue
        if one.kind == "jump" or _is_sudden(t, x, noise, one, (first, last, degree)):
            taken.append(one)
    return tuple(sorted(taken, key=lambda one: one.t))
