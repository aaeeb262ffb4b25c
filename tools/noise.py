"""Measurement noise, estimated from the data alone, and the stretches of a record between long gaps.

Leaves out: noise that is itself smooth on the scale of the motion (a swaying camera), which no such estimate sees.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import special

from motionlaw.tools.errors import ToolError
from motionlaw.tools.local_polynomial import COLUMNS, DEGREES, LocalFits, fit_windows, half_widths

GAP_IN_STEPS = 10.0  # a gap of more steps than this is not bridged
BLOCKS, BLOCK = 5, 1200  # longer records are sampled for their noise
CONFIDENCE = 0.02  # of the upper limit by which estimates of the noise compete


def checked_rows(t: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns t, shape (T,), and position, shape (T, D), as floats, or says what is wrong with them."""
    t = np.asarray(t, dtype=float)
    position = np.asarray(position, dtype=float)
    position = position[:, None] if position.ndim == 1 else position
    if t.ndim != 1 or position.ndim != 2 or len(position) != len(t):
        raise ToolError(f"position must have shape (T, D) with T = len(t), got {position.shape} and {t.shape}.")
    if len(t) and not (np.all(np.isfinite(t)) and np.all(np.diff(t) > 0)):
        raise ToolError("t must be finite and strictly increasing. Sort the rows and drop repeated times.")
    return t, position


def segments(t: np.ndarray) -> list[slice]:
    """Returns the stretches between long gaps, as slices of the rows.

    Example:
        >>> import numpy as np
        >>> segments(np.r_[np.arange(5.0), np.arange(50.0, 55.0)])
        [slice(0, 5, None), slice(5, 10, None)]
    """
    if len(t) < 2:
        return [slice(0, len(t))]
    steps = np.diff(t)
    # Uneven sampling is no gap: the usual step is taken from the wider half of the steps.
    cuts = np.flatnonzero(steps > GAP_IN_STEPS * np.quantile(steps, 0.75)) + 1
    bounds = [0, *cuts.tolist(), len(t)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def fit_levels(t: np.ndarray, values: np.ndarray, noise: np.ndarray | None = None) -> list[LocalFits]:
    """Fits one stretch with every half-width, up to where even the highest degree no longer follows the data.

    Args:
        t: Seconds, shape (T,).
        values: Shape (T, D), no NaN.
        noise: Standard deviations, shape (D,), where they are known.
    """
    columns = min(COLUMNS, len(t))
    levels: list[LocalFits] = []
    best = np.full(values.shape[1], np.inf)
    floor = (1e-9 * np.ptp(values, axis=0)) ** 2 + 1e-300
    floor = floor if noise is None else np.maximum(floor, noise**2)
    for half_width in half_widths(t, columns=columns):
        fits = fit_windows(t, values, half_width, columns=columns)
        spare = np.maximum(fits.rows() - columns, 0)
        if np.sum(spare) > 0:
            variance = np.median(fits.residual_energy[spare > 0] / spare[spare > 0, None], axis=0)
            best = np.minimum(best, np.maximum(variance, floor)) if np.median(spare) >= columns // 2 else best
            if len(levels) > 2 and np.all(variance > 100.0 * best):
                break
        levels.append(fits)
    return levels


def _quantum_std(values: np.ndarray) -> float:
    """Returns step/sqrt(12) if all values lie on a lattice (integers, printed decimals), else 0."""
    distinct = np.unique(values)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-9 * np.max(np.abs(values))] if len(gaps) else gaps
    if len(gaps) < 2:
        return 0.0
    for divisor in (1, 2, 3):
        steps = gaps / (np.min(gaps) / divisor)
        # Few steps between neighbours: else any numbers lie near some fine lattice.
        if np.max(steps) < 1e6 and np.all(np.abs(steps - np.round(steps)) < 2e-3 + 1e-7 * steps):
            return float(np.min(gaps) / divisor / np.sqrt(12.0))
    return 0.0


def _noise_variance(levels: list[LocalFits], length: int) -> np.ndarray:
    """Chooses, for each coordinate, the residual variance with the smallest upper confidence limit."""
    bounds, variances = [], []
    for fits in levels:
        columns = fits.to_orthonormal.shape[1]
        for degree in sorted({*DEGREES, 9}):
            if degree >= columns:
                continue
            spare = fits.rows() - degree - 1
            used = spare > 0
            # Uneven times leave rows to spare in the densest windows only: too few to speak for the record.
            if np.mean(used) < 0.8 and np.any(fits.rows() > columns):
                continue
            if not np.any(used):
                continue
            ratio = fits.energy_beyond(degree)[used] / spare[used, None]
            # Windows over a contact or an outlier stand far out; the rest are averaged.
            typical = 3.0 * np.median(ratio, axis=0) if np.median(spare[used]) >= 8 else np.inf
            kept = ratio <= typical
            variance = np.sum(np.where(kept, ratio * spare[used, None], 0.0), axis=0)
            variance /= np.maximum(np.sum(np.where(kept, spare[used, None], 0), axis=0), 1)
            freedom = max(length * np.sum(spare[used]) / np.sum(fits.rows()) * np.mean(kept), 1.0)
            variances.append(variance)
            bounds.append(variance * freedom / (2.0 * special.gammaincinv(freedom / 2.0, CONFIDENCE)))
    if not variances:
        return np.zeros(levels[0].coefficient.shape[2])
    best = np.argmin(np.array(bounds), axis=0)
    return np.array(variances)[best, np.arange(len(best))]


def noise_std(t: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Estimates the measurement noise of each coordinate from the data alone.

    It is what local polynomials leave unexplained, at the width and degree where that is least; never less than
    the rounding of the numbers. Times may be uneven and rows missing (NaN).

    Args:
        t: Seconds, shape (T,), strictly increasing.
        position: Shape (T, D) or (T,).

    Returns:
        Standard deviation of each coordinate, shape (D,), NaN with fewer than four rows.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0.0, 10.0, 400)
        >>> x = np.sin(3.0 * t) + 0.01 * np.random.default_rng(0).standard_normal(400)
        >>> bool(0.0085 < noise_std(t, x)[0] < 0.0115)
        True
    """
    t, position = checked_rows(t, position)
    return _noise_of(t.tobytes(), position.tobytes(), position.shape).copy()


@lru_cache(maxsize=4)
def _noise_of(t: bytes, position: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """`noise_std` of checked rows: the steps of a search ask for that of the same rows again."""
    times, rows = np.frombuffer(t), np.frombuffer(position).reshape(shape)
    noise = np.full(shape[1], np.nan)
    for columns, seen in columns_seen_together(rows):
        noise[columns] = noise_of_columns(times[seen], rows[np.ix_(seen, columns)])
    return noise


def columns_seen_together(position: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Groups columns by the rows in which they were seen: pairs of column and row indices."""
    seen = np.isfinite(position)
    groups: dict[bytes, list[int]] = {}
    for column in range(position.shape[1]):
        groups.setdefault(np.packbits(seen[:, column]).tobytes(), []).append(column)
    return [(np.array(columns), np.flatnonzero(seen[:, columns[0]])) for columns in groups.values()]


def _samples(t: np.ndarray) -> list[slice]:
    """Stretches to estimate the noise from: all of them, or blocks spread over a long record."""
    parts = [part for part in segments(t) if part.stop - part.start >= 4] or [slice(0, len(t))]
    if len(t) <= BLOCKS * BLOCK:
        return parts
    starts = np.linspace(0, len(t) - BLOCK, BLOCKS).astype(int)
    blocks = [slice(max(start, part.start), min(start + BLOCK, part.stop)) for start in starts for part in parts]
    return [block for block in blocks if block.stop - block.start >= 4]


def noise_of_columns(t: np.ndarray, values: np.ndarray, levels: list[list[LocalFits]] | None = None) -> np.ndarray:
    """Estimates the noise of columns without NaN, shape (T, D); ``levels`` are the fits of each stretch, if made."""
    if len(t) < 4:
        return np.full(values.shape[1], np.nan)
    if levels is None:
        centred = values - np.mean(values, axis=0)
        levels = [fit_levels(t[part], centred[part]) for part in _samples(t)]
    lengths = np.array([int(level[0].stop[-1]) for level in levels])
    each = np.array([_noise_variance(level, length) for level, length in zip(levels, lengths, strict=True)])
    measured = np.sqrt(np.average(each, axis=0, weights=lengths))
    rounding = 4.0 * np.finfo(float).eps * np.max(np.abs(values), axis=0)
    floor = np.maximum(np.maximum(1e-12 * np.ptp(values, axis=0), rounding), 1e-300)
    quantum = np.array([_quantum_std(column) for column in values.T])
    # Rounding shows in the residual too, or in repeated values; else the lattice is the motion's own (a parabola's).
    repeated = np.array([len(np.unique(column)) < 0.5 * len(column) for column in values.T])
    return np.maximum(np.maximum(measured, np.where((measured > 0.1 * quantum) | repeated, quantum, 0.0)), floor)
