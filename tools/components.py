"""A force taken apart into what position does, what velocity does, and waves in time, for plots of each alone.

An additive regression (Buja, Hastie and Tibshirani 1989): a smooth function of position, velocity terms whose strength
may depend on position, and up to two waves whose frequencies are found by a periodogram of what the rest leaves. It
names no law: a component is a curve, drawn by `motionlaw.tools.panels` as a component-plus-residual plot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Highest power of the function of position; frequencies of the periodogram, rad a unit of time; waves.
DEGREE = 9
LOWEST, HIGHEST, FREQUENCIES = 0.35, 4.0, 64
WAVES = 2
# Of what may stand before a velocity, so many depend on velocity alone.
ALONE = 3
# Every so manieth row seeks waves; steps of the refinement, and the farthest that one may go.
SPARSE, STEPS, FARTHEST = 2, 3, 0.12
# Kinds of the rest that are tried: highest power of position, and how many of the velocity terms. The fewest are kept
# that explain as much, by a Bayesian criterion of so many independent rows that calls this share of the rms exact: of a
# motion that only runs down, position and velocity tell the same, and all columns together would say nothing.
POWERS, VELOCITIES = (0, 1, 3, DEGREE), (0, 1, ALONE, 5)
INDEPENDENT, EXACT = 100, 3e-4
# The ridge of columns of size one, and the share of the force's rms below which nothing is worth showing.
RIDGE, FLOOR = 1e-7, 3e-3


@dataclass(frozen=True)
class Components:
    """The parts of the acceleration of N motions.

    Args:
        of_x: What depends on position alone, shape (N, T).
        of_v: What velocity does, shape (N, T).
        drag: What velocity does for each unit of velocity, as it depends on velocity (at position zero), shape (N, T).
        swing: How that changes with position, shape (N, T).
        left: What no part explains, shape (N, T).
        spectra: Share of what position and velocity leave that a wave explains, and of what the best wave leaves then,
            shape (N, 2, F).
        frequency: Of the waves, rad a unit of time, shape (N, 2); NaN where there is no need of one.
        cosine: The cosine's share of the power of each wave, the rest being the sine's, shape (N, 2).
        floor: Below this a part is not worth showing, shape (N,).
    """

    of_x: np.ndarray
    of_v: np.ndarray
    drag: np.ndarray
    swing: np.ndarray
    left: np.ndarray
    spectra: np.ndarray
    frequency: np.ndarray
    cosine: np.ndarray
    floor: np.ndarray


def frequencies() -> np.ndarray:
    """The frequencies of the periodograms, evenly by their ratios, shape (F,)."""
    return np.geomspace(LOWEST, HIGHEST, FREQUENCIES)


def take_apart(t: np.ndarray, x: np.ndarray, v: np.ndarray, a: np.ndarray) -> Components:
    """Takes the accelerations of motions apart.

    Args:
        t: Times, shape (T,).
        x: Positions, shape (N, T).
        v: Velocities, shape (N, T).
        a: Accelerations, shape (N, T).

    Example:
        >>> t = np.linspace(0, 20, 501)
        >>> x, v = np.sin(t)[None] + 0.1 * np.sin(3 * t), np.cos(t)[None] + 0.3 * np.cos(3 * t)
        >>> found = take_apart(t, x, v, -2 * x + 0.5 * np.cos(1.7 * t))
        >>> found.frequency.round(2).tolist()
        [[1.7, nan]]
    """
    size = np.maximum(np.sqrt(np.mean(a**2, axis=1)), 1e-12)
    floor = FLOOR * size
    of_x, strengths = _columns(x, v)
    of_v = strengths * v[:, None, :]
    static = np.concatenate([of_x, of_v], axis=1)
    few = slice(None, None, SPARSE)
    frequency, spectra = _waves(t[few], static[:, :, few], a[:, few], floor)
    waves = _wave_columns(t, frequency)
    everything = np.concatenate([static, waves], axis=1)
    everything = everything * _needed(everything, a, size)[:, :, None]
    ridge = np.full(len(x), RIDGE)
    for _ in range(2):  # the second time with the ridge that the noise left by the first asks for
        weights = _solved(everything, a, ridge)
        left = a - np.einsum("npt,np->nt", everything, weights)
        ridge = np.maximum(RIDGE, everything.shape[1] * np.mean(left**2, axis=1) / size**2 / x.shape[1])
    x_part = np.einsum("npt,np->nt", of_x, weights[:, : of_x.shape[1]])
    each = strengths * weights[:, of_x.shape[1] : static.shape[1], None]
    drag, swing = each[:, :ALONE].sum(axis=1), each[:, ALONE:].sum(axis=1)
    power = weights[:, static.shape[1] :].reshape(len(x), 2, WAVES) ** 2
    cosine = power[:, 0] / np.maximum(power.sum(axis=1), 1e-12)
    return Components(x_part, (drag + swing) * v, drag, swing, left, spectra, frequency, cosine, floor)


def _columns(x: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev polynomials of position, and what may stand before a velocity, so sized that all terms have mean square
    one, each (N, P, T)."""
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    scaled = (2 * x - low - high) / np.maximum(high - low, 1e-12)
    powers = [np.ones_like(x), scaled]
    for _ in range(DEGREE - 1):
        powers.append(2 * scaled * powers[-1] - powers[-2])
    before = np.stack([np.ones_like(v), np.abs(v), v**2, x, x**2], axis=1)
    return _sized(np.stack(powers, axis=1)), before / _size(before * v[:, None, :])


def _sized(columns: np.ndarray) -> np.ndarray:
    sized: np.ndarray = columns / _size(columns)
    return sized


def _size(columns: np.ndarray) -> np.ndarray:
    size: np.ndarray = np.maximum(np.sqrt(np.mean(columns**2, axis=2, keepdims=True)), 1e-30)
    return size


def _wave_columns(t: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Cosines and sines, shape (N, 2 W, T); zero where there is no frequency."""
    phase = np.nan_to_num(frequency)[:, :, None] * t
    there = np.isfinite(frequency)[:, :, None] * np.sqrt(2)
    return np.concatenate([np.cos(phase) * there, np.sin(phase) * there], axis=1)


def _solved(columns: np.ndarray, a: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Weights of columns by least squares with a ridge, shape (N, P)."""
    gram = columns @ columns.transpose(0, 2, 1) / columns.shape[2]
    gram += ridge[:, None, None] * np.eye(gram.shape[1])
    found: np.ndarray = np.linalg.solve(gram, np.einsum("npt,nt->np", columns, a)[..., None] / columns.shape[2])[..., 0]
    return found


def _needed(columns: np.ndarray, a: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which columns are needed, 1 or 0, shape (N, P): of the kinds of model, the best by the criterion."""
    count, rows = columns.shape[1:]
    gram = columns @ columns.transpose(0, 2, 1) / rows
    wanted = np.einsum("npt,nt->np", columns, a) / rows
    best, chosen = np.full(len(a), np.inf), np.ones(columns.shape[:2])
    for power in POWERS:
        for velocities in VELOCITIES:
            kept = np.ones(count)
            kept[power + 1 : DEGREE + 1] = 0
            kept[DEGREE + 1 + velocities : DEGREE + 1 + max(VELOCITIES)] = 0
            some = gram * np.outer(kept, kept) + np.diag(1 - kept + RIDGE)
            weights = np.linalg.solve(some, (wanted * kept)[..., None])[..., 0]
            rest = size**2 - 2 * np.sum(weights * wanted, axis=1) + np.einsum("np,npq,nq->n", weights, gram, weights)
            score = INDEPENDENT * np.log(np.maximum(rest, 0) + (EXACT * size) ** 2) + np.log(INDEPENDENT) * kept.sum()
            chosen[score < best] = kept
            best = np.minimum(best, score)
    return chosen


def _waves(t: np.ndarray, static: np.ndarray, a: np.ndarray, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, shape (N, 2), and the periodograms that they were found in."""
    grid = frequencies()
    frequency = np.full((len(a), WAVES), np.nan)
    spectra = np.empty((len(a), WAVES, len(grid)))
    for k in range(WAVES):
        columns = np.concatenate([static, _wave_columns(t, frequency)], axis=1)
        share, rest = _periodogram(t, columns, a, grid, floor)
        spectra[:, k] = share
        wanted = rest > floor**2
        frequency[wanted, k] = grid[np.argmax(share[wanted], axis=1)]
        if wanted.any():
            frequency[wanted] = _refined(t, static[wanted], a[wanted], frequency[wanted])
    return frequency, spectra


def _periodogram(
    t: np.ndarray, columns: np.ndarray, a: np.ndarray, grid: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share of what columns leave of a that a wave of each frequency explains beside them, and what they leave."""
    rows = len(t)
    waves = np.sqrt(2) * np.stack([np.cos(grid[:, None] * t), np.sin(grid[:, None] * t)])
    gram = columns @ columns.transpose(0, 2, 1) / rows + RIDGE * np.eye(columns.shape[1])
    flat = waves.reshape(-1, rows)
    wanted = np.concatenate([columns @ flat.T, columns @ a[:, :, None]], axis=2) / rows
    solved = np.linalg.solve(gram, wanted)
    rest = np.mean(a**2, axis=1) - np.einsum("np,np->n", wanted[:, :, -1], solved[:, :, -1])
    along = (a @ flat.T) / rows - np.einsum("npk,np->nk", wanted[:, :, :-1], solved[:, :, -1])
    c, s = along.reshape(len(a), 2, -1).transpose(1, 0, 2)
    own = np.einsum("iwt,jwt->ijw", waves, waves) / rows
    seen = [wanted[:, :, k * len(grid) : (k + 1) * len(grid)] for k in range(2)]
    met = [solved[:, :, k * len(grid) : (k + 1) * len(grid)] for k in range(2)]
    cc, ss, cs = (own[i, j] - np.einsum("npw,npw->nw", seen[i], met[j]) for i, j in ((0, 0), (1, 1), (0, 1)))
    cc, ss = cc + 1e-5, ss + 1e-5
    explained = (ss * c**2 - 2 * cs * c * s + cc * s**2) / np.maximum(cc * ss - cs**2, 1e-12)
    rest = np.maximum(rest, 0.0)
    return np.clip(explained / (rest + floor**2)[:, None], 0.0, 1.0), rest


def _refined(t: np.ndarray, static: np.ndarray, a: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Gauss-Newton steps of the frequencies, all other weights along (variable projection)."""
    there, middle = np.isfinite(frequency), float(t.mean())
    for _ in range(STEPS):
        waves = _wave_columns(t, frequency)
        columns = np.concatenate([static, waves], axis=1)
        weights = _solved(columns, a, np.full(len(a), RIDGE))[:, static.shape[1] :]
        cosines, sines = weights[:, :WAVES, None], weights[:, WAVES:, None]
        slopes = (t - middle) * (sines * waves[:, :WAVES] - cosines * waves[:, WAVES:])
        scale = np.maximum(np.sqrt(np.mean(slopes**2, axis=2)), 1e-12)
        joint = _solved(np.concatenate([columns, slopes / scale[:, :, None]], axis=1), a, np.full(len(a), RIDGE))
        step = joint[:, -WAVES:] / scale
        frequency = np.clip(frequency + np.clip(np.where(there, step, 0), -FARTHEST, FARTHEST), LOWEST, HIGHEST)
    return frequency
