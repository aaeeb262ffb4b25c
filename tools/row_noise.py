"""Noise of a target in rows that follow one another in time, told from neighbouring rows before any law is known.

Fourth differences of a smooth target are tiny and alike from row to row; those of noise change their sign in nearly
every row. Where they do, the target holds noise and no formula can be exact. Leaves out rows in any other order,
and noise of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from motionlaw.tools.judging import Noise, likeliest_noise

# Fourth differences of white noise are like their neighbours by -0.8, those of a smooth motion by more than zero.
WHITE = -0.65
BINOMIALS = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
# Noise below this share of the value is left to the search, which may find an exact formula all the same.
LEAST = 1e-6
# Inputs are smooth if their differences are smaller than this share of the target's.
SMOOTH = 0.1
# Fewer differences say nothing; those beyond so many usual ones are jumps.
FEWEST, JUMP = 60, 3.0


def noise_between_rows(t: np.ndarray, y: np.ndarray, inputs: Iterable[np.ndarray]) -> Noise | None:
    """Tells the noise of a target from neighbouring rows.

    Args:
        t: Seconds, shape (n,); where they fall, another run begins.
        y: The target, with a mean square near 1, shape (n,).
        inputs: What it is a function of, shape (n,) each.

    Returns:
        The noise; ``None`` where none can be told: the target is smooth, or the rows are no motion.

    Source: von Neumann (1941) for successive differences.

    Example:
        >>> t = np.arange(0, 10, 0.01)
        >>> y = np.cos(t)
        >>> noise_between_rows(t, y, [t]) is None
        True
        >>> noisy = y * (1 + 0.05 * np.random.default_rng(0).normal(size=len(t)))
        >>> round(noise_between_rows(t, noisy, [t]).share, 2)
        0.05
    """
    cuts = np.flatnonzero(np.diff(t) <= 0) + 1
    rough, local = _differences(y, cuts)
    if len(rough) < FEWEST:
        return None
    shares = rough / local
    usual = float(np.median(np.abs(shares)))
    clipped = np.clip(shares, -JUMP * usual, JUMP * usual)
    if usual < LEAST or float(clipped[1:] @ clipped[:-1]) > WHITE * float(clipped @ clipped):
        return None
    for column in inputs:
        own, sizes = _differences(column, cuts)
        if float(np.median(np.abs(own / sizes))) > SMOOTH * usual:
            return None
    return likeliest_noise(local, rough)


def _differences(values: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fourth differences within each run, as large as one value's noise, and the size of the values in them."""
    runs = [run for run in np.split(values, cuts) if len(run) >= len(BINOMIALS)]
    scale = float(np.linalg.norm(BINOMIALS))
    rough = [np.convolve(run, BINOMIALS, "valid") / scale for run in runs]
    local = [np.sqrt(np.convolve(run**2, BINOMIALS**2, "valid")) / scale for run in runs]
    return (np.concatenate(rough), np.maximum(np.concatenate(local), 1e-300)) if runs else (np.zeros(0), np.zeros(0))
