"""Long records brought down to a size that a search can take: neighbouring rows become one, their mean if noise allows.

The cost of smoothing, of events and of noise grows with the rows, and so does their memory; a mean of neighbours keeps
what all of them say. Leaves out which rows a fit sees of what is left (`observe`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from motionlaw.tools.noise import segments
from motionlaw.tools.trajectory import Trajectory

ROW_LIMIT = 20_000
FEWEST_ROWS = 5
SAMPLES_PER_PERIOD = 20  # what thinning must leave of the fastest swing


def within_limit(trajectories: Sequence[Trajectory]) -> tuple[list[Trajectory], str]:
    """Brings very long records down to about `ROW_LIMIT` rows in all.

    A swing keeps at least `SAMPLES_PER_PERIOD` rows; if more must go, the later part of each record goes.

    Args:
        trajectories: Runs of any length.

    Returns:
        The runs, and a sentence that says what was done; the same runs and no sentence where they are short enough.

    Example:
        >>> t = np.arange(50_000) * 1e-3
        >>> runs, said = within_limit([Trajectory("fall", t, ("y",), -4.9 * t[:, None] ** 2)])
        >>> len(runs[0].t), said
        (16666, 'There are 50000 rows, more than 20000: every 3 rows became one, their mean; 16666 rows are used.')
    """
    total = sum(len(run.t) for run in trajectories)
    if total <= ROW_LIMIT:
        return list(trajectories), ""
    step = int(np.ceil(total / ROW_LIMIT))
    finest = min(_samples_per_period(column) for run in trajectories for column in run.position.T)
    step = max(1, min(step, int(finest // SAMPLES_PER_PERIOD))) if np.isfinite(finest) else step
    most = [step * max(FEWEST_ROWS, ROW_LIMIT * len(run.t) // total) for run in trajectories]
    cut = [run.rows(slice(rows)) for run, rows in zip(trajectories, most, strict=True)]
    is_noisy = step > 1 and all(_is_noisy(run, step) for run in cut)
    thin = [_thinned(run, step, is_noisy) for run in cut] if step > 1 else cut
    left = sum(len(run.t) for run in thin)
    how = f"every {step} rows became one{', their mean' if is_noisy else ''}" if step > 1 else "the first were kept"
    late = sum(len(run.t) for run in cut) < total - step * len(cut)
    lost = ", and the later part left out because thinning further would lose the fastest swing" if late else ""
    return thin, f"There are {total} rows, more than {ROW_LIMIT}: {how}{lost}; {left} rows are used."


def _samples_per_period(values: np.ndarray) -> float:
    """Returns how many rows the fastest strong swing takes; infinite for a motion without one."""
    x = values[np.isfinite(values)]
    if len(x) < 16:
        return np.inf
    x = x - np.polyval(np.polyfit(np.arange(len(x)), x, 1), np.arange(len(x)))
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    # the frequency below which 99.9 % of the power lies; white noise alone would put it near the end
    share = np.cumsum(power) / max(power.sum(), 1e-300)
    floor = np.median(power) * len(power) / max(power.sum(), 1e-300)
    top = int(np.searchsorted(share, max(0.5, 0.999 - 1.5 * floor)))
    return len(x) / top if top > 0 else np.inf


def _is_noisy(run: Trajectory, step: int) -> bool:
    """Whether the noise of a row is larger than the bend within a block, in every coordinate."""
    seen = run.position[np.isfinite(run.position).all(axis=1)]
    count = len(seen) // step
    if count < FEWEST_ROWS:
        return True
    means = seen[: count * step].reshape(count, step, -1).mean(axis=1)
    bends = np.std(np.diff(means, 2, axis=0), axis=0) / 24
    noise = np.std(np.diff(seen, 3, axis=0), axis=0) / np.sqrt(20)
    return bool(np.all(noise > bends))


def _thinned(run: Trajectory, step: int, is_noisy: bool) -> Trajectory:
    """One row for every ``step``, never across a gap: the mean of those that are seen whole, else the middle row."""
    parts = [part for part in segments(run.t) if part.stop - part.start >= step]
    blocks = [np.arange(part.start, part.stop - step + 1, step) for part in parts]
    middle = run.rows(np.concatenate(blocks) + step // 2 if blocks else slice(step // 2, None, step))
    if not (is_noisy and blocks):
        return middle
    seen = np.isfinite(run.position).all(axis=1)
    measured = [values for values in (run.position, run.velocity, run.acceleration) if values is not None]
    values = np.where(seen[:, None], np.hstack(measured), 0.0)
    means = [_means(run.t, values, seen, first[:, None] + np.arange(step)) for first in blocks]
    t, rows = (np.concatenate(each) for each in zip(*means, strict=True))
    position, *given = np.split(rows, len(measured), axis=1)
    velocity = given.pop(0) if run.velocity is not None else None
    acceleration = given.pop(0) if run.acceleration is not None else None
    return replace(middle, t=t, position=position, velocity=velocity, acceleration=acceleration)


def _means(t: np.ndarray, values: np.ndarray, seen: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and values, one a block of rows: means without what the bend adds to them, NaN where nothing was seen."""
    weight = seen[blocks].astype(float)
    is_empty = ~np.any(seen[blocks], axis=1)
    weight[is_empty] = 1.0
    weight /= weight.sum(axis=1, keepdims=True)
    when = np.einsum("bs,bs->b", weight, t[blocks])
    spread = np.einsum("bs,bs->b", weight, (t[blocks] - when[:, None]) ** 2)
    mean = np.einsum("bs,bsd->bd", weight, values[blocks])
    mean[is_empty] = np.nan
    return when, mean - np.nan_to_num(_bend(when, mean)) * spread[:, None] / 2


def _bend(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Second derivatives by divided differences, those at the ends like their neighbours', shape of ``values``."""
    if len(t) < 3:
        return np.zeros_like(values)
    slopes = np.diff(values, axis=0) / np.diff(t)[:, None]
    inner = 2 * np.diff(slopes, axis=0) / (t[2:] - t[:-2])[:, None]
    return np.concatenate([inner[:1], inner, inner[-1:]])
