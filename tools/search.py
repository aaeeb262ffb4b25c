"""Structure search: which few terms of a library make up a law.

The equations are tested in weak form: multiplied by smooth windows and integrated by parts, so that noisy data
are never differentiated. The windows' noise covariance is known and whitened away, and subsets of terms are grown
by a beam with swaps over orthogonal updates. What comes out is a short list of rivals; which of them wins is
decided by fitting whole trajectories (`dynamics.py`, `discovery.py`), because only there is the noise the data's own.

Source: weak form after Messenger & Bortz (2021); orthogonal least squares after Chen, Billings & Luo (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.library import Feature

# Power of the window (1 - u²)^p: its derivatives up to p - 1 vanish at the ends.
WINDOW_POWER = 5
# Relative error that is always allowed for: smoothing and quadrature leave about this much.
MODEL_ERROR = 1e-4
MOST_ROWS = 1200
# The states inside the terms are estimates too: this share of the windows' noise variance is theirs. Without it the
# whitening believes fine differences between overlapping windows that those estimates do not hold.
STATE_ERROR = 0.1
# Two terms whose columns differ by less than this (one minus their correlation) are the same term on these data.
SAME = 1e-7
# A column of size one that leaves less than this beside others is made up of them.
DEPENDENT = 1e-7
# A term whose largest value is this many times its usual one runs through a pole: no law of this motion has it.
SPIKE = 8.0


@dataclass(frozen=True)
class Samples:
    """One run as the search sees it, rows without gaps in them.

    Args:
        t: Seconds, shape (T,).
        position: Measured coordinates, shape (T, D).
        states: Smooth estimates of all states, shape (T, n).
        noise_std: Noise of what is integrated by parts, shape (D,).
        velocity: Measured velocities, shape (T, D), or ``None``.
        acceleration: Measured accelerations, shape (T, D), or ``None``.
    """

    t: np.ndarray
    position: np.ndarray
    states: np.ndarray
    noise_std: np.ndarray
    velocity: np.ndarray | None = None
    acceleration: np.ndarray | None = None


@dataclass(frozen=True)
class Support:
    """A choice of terms for one equation, with coefficients and the whitened misfit it leaves."""

    features: tuple[Feature, ...]
    coefficients: np.ndarray
    misfit: float
    score: float


@dataclass(frozen=True)
class WeakSystem:
    """Whitened equations ``matrix @ coefficients = vector`` for one target; rows are windows."""

    matrix: np.ndarray
    vector: np.ndarray
    features: tuple[Feature, ...]
    rows: int


def _windows(t: np.ndarray, length_s: float) -> list[slice]:
    """Overlapping stretches of ``length_s`` seconds, an eighth apart, each with at least five rows."""
    starts = np.arange(t[0], t[-1] - length_s * 0.999, length_s / 8)
    cuts = [slice(*np.searchsorted(t, [s - 1e-12, s + length_s * 1.001])) for s in starts]
    wide = [cut for cut in cuts if cut.stop - cut.start >= min(5, len(t))]
    return wide or [slice(0, len(t))]


def _bump(t: np.ndarray, derivative: int) -> np.ndarray:
    """The window (1 - u²)^p over the times given, or its first or second time derivative."""
    centre, half = (t[0] + t[-1]) / 2, (t[-1] - t[0]) / 2
    u, p = (t - centre) / half, WINDOW_POWER
    base = np.maximum(1 - u**2, 0.0)
    if derivative == 0:
        return base**p
    if derivative == 1:
        return -2 * p * u * base ** (p - 1) / half
    return (-2 * p * base ** (p - 1) + 4 * p * (p - 1) * u**2 * base ** (p - 2)) / half**2


def _quadrature(t: np.ndarray) -> np.ndarray:
    """Trapezoid weights in seconds."""
    weights = np.zeros(len(t))
    weights[:-1] += np.diff(t) / 2
    weights[1:] += np.diff(t) / 2
    return weights


def _test_matrices(t: np.ndarray, length_s: float, derivative: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that integrate a signal against the windows, and against the windows' derivative of given order."""
    cuts = _windows(t, length_s)
    plain, derived = np.zeros((2, len(cuts), len(t)))
    for row, cut in enumerate(cuts):
        weights = _quadrature(t[cut])
        plain[row, cut] = _bump(t[cut], 0) * weights
        derived[row, cut] = _bump(t[cut], derivative) * weights
    return plain, derived


def _left_side(samples: Samples, target: int, order: int) -> tuple[np.ndarray, int, float]:
    """Signal whose integral stands for the target, the number of derivatives moved to the window, its noise."""
    if order == 2 and samples.acceleration is not None:
        return samples.acceleration[:, target], 0, float(samples.noise_std[target])
    if samples.velocity is not None:
        return samples.velocity[:, target], order - 1, float(samples.noise_std[target])
    return samples.position[:, target], order, float(samples.noise_std[target])


def _thin(samples: Samples) -> Samples:
    """Keeps every k-th row of a long run: the windows average, so the search loses little."""
    step = int(np.ceil(len(samples.t) / MOST_ROWS))
    if step == 1:
        return samples
    return Samples(
        t=samples.t[::step],
        position=samples.position[::step],
        states=samples.states[::step],
        noise_std=samples.noise_std,
        velocity=None if samples.velocity is None else samples.velocity[::step],
        acceleration=None if samples.acceleration is None else samples.acceleration[::step],
    )


def weak_system(
    runs: Sequence[Samples],
    features: Sequence[Feature],
    target: int,
    *,
    coordinates: Sequence[str],
    order: int,
    window_s: float,
) -> WeakSystem:
    """Builds the whitened weak-form equations of one target over all runs.

    Args:
        runs: The runs.
        features: Candidate terms.
        target: Index of the coordinate whose equation is sought.
        coordinates: Names of the coordinates.
        order: 1 or 2.
        window_s: Length of the windows, seconds.

    Returns:
        The system; features with a pole within the data are left out.
    """
    names = [*coordinates, *(velocity_names(coordinates) if order == 2 else ()), "t"]
    guesses = {sympy.Symbol(k): sympy.Float(v) for feature in features for k, v in feature.constants}
    evaluate = compile_rhs([feature.expression.subs(guesses) for feature in features], names)
    blocks, targets = [], []
    spiky = np.zeros(len(features), dtype=bool)
    for samples in map(_thin, runs):
        signal, moved, noise = _left_side(samples, target, order)
        window = min(window_s, samples.t[-1] - samples.t[0])
        plain, derived = _test_matrices(samples.t, window, moved)
        with np.errstate(all="ignore"):
            columns = evaluate(np.vstack([samples.states.T, samples.t]))
            spiky |= ~(np.max(np.abs(columns), axis=1) < SPIKE * np.sqrt(np.mean(columns**2, axis=1)) + 1e-300)
        left = (-1) ** moved * derived @ signal
        covariance = (derived * noise**2) @ derived.T
        allowed = (MODEL_ERROR * np.linalg.norm(np.abs(plain) @ np.abs(samples.states[:, target])) / len(left)) ** 2
        floor = max(
            MODEL_ERROR**2 * np.mean(left**2), STATE_ERROR * np.mean(np.diag(covariance)), 1e-8 * allowed, 1e-300
        )
        factor = np.linalg.cholesky(covariance + floor * np.eye(len(left)))
        blocks.append(np.linalg.solve(factor, plain @ np.broadcast_to(columns, (len(features), len(samples.t))).T))
        targets.append(np.linalg.solve(factor, left))
    matrix, vector = np.concatenate(blocks), np.concatenate(targets)
    usable = np.all(np.isfinite(matrix), axis=0) & ~spiky
    kept = tuple(feature for feature, good in zip(features, usable, strict=True) if good)
    return WeakSystem(matrix=matrix[:, usable], vector=vector, features=kept, rows=len(vector))


def best_subsets(
    system: WeakSystem, *, most_terms: int, forced: Sequence[int] = (), beam: int = 24, kept_per_size: int = 4
) -> list[Support]:
    """Finds good small subsets of the features.

    Args:
        system: Whitened equations.
        most_terms: Largest number of terms.
        forced: Indices of features that every subset holds (an ansatz to build upon).
        beam: How many subsets of each size are grown.
        kept_per_size: How many of each size are returned.

    Returns:
        Subsets of all sizes from ``len(forced)`` up, best score first. The score is a description length:
        rows·log(misfit per row + 1) + log(rows)·(cost of the terms).
    """
    norms = np.linalg.norm(system.matrix, axis=0)
    alive = norms > 1e-12 * max(norms.max(initial=0.0), 1e-300)
    scaled = np.where(alive, system.matrix / np.where(alive, norms, 1.0), 0.0)
    gram, moment = scaled.T @ scaled, scaled.T @ system.vector
    total = float(system.vector @ system.vector)
    costs = np.array([feature.cost for feature in system.features])
    forced = _independent(gram, forced)
    alive &= ~_echoes(gram, costs, forced)

    def misfit_of(support: tuple[int, ...]) -> tuple[float, np.ndarray]:
        if not support:
            return total, np.zeros(0)
        solution, *_ = np.linalg.lstsq(scaled[:, support], system.vector, rcond=1e-10)
        return float(np.sum((system.vector - scaled[:, support] @ solution) ** 2)), solution

    def score_of(support: tuple[int, ...], misfit: float) -> float:
        rows = system.rows
        return rows * np.log(misfit / rows + 1.0) + np.log(max(rows, 3)) * costs[list(support)].sum()

    start = tuple(sorted(forced))
    level, found = {start: misfit_of(start)[0]}, {}
    found[start] = level[start]
    for _ in range(most_terms - len(start)):
        grown: dict[tuple[int, ...], float] = {}
        for support, misfit in level.items():
            chosen = list(support)
            reduced_gram, reduced_moment = np.diag(gram).copy(), moment.copy()
            if chosen:
                cross = np.linalg.solve(gram[np.ix_(chosen, chosen)], gram[chosen]).T  # regular: see ``open_``
                reduced_moment = moment - cross @ moment[chosen]
                reduced_gram = reduced_gram - np.einsum("ij,ij->i", cross, gram[:, chosen])
            open_ = alive & (reduced_gram > DEPENDENT)
            open_[chosen] = False
            gain = np.where(open_, reduced_moment**2 / np.where(open_, reduced_gram, 1.0), -np.inf)
            for j in np.flatnonzero(open_):
                grown.setdefault(tuple(sorted((*support, int(j)))), misfit - gain[j])
        ranked = sorted(grown, key=lambda s: score_of(s, max(grown[s], 0.0)))[:beam]
        if not ranked:
            break
        level = {support: misfit_of(support)[0] for support in ranked}
        found |= level
    return _shortlist(system, found, misfit_of, score_of, norms, kept_per_size)


def _independent(gram: np.ndarray, forced: Sequence[int]) -> list[int]:
    """Forced features without those that others before them make up here: an ansatz may say a thing twice."""
    kept: list[int] = []
    for j in forced:
        told = gram[j, kept] @ np.linalg.solve(gram[np.ix_(kept, kept)], gram[kept, j]) if kept else 0.0
        if gram[j, j] - told > DEPENDENT:
            kept.append(j)
    return kept


def _echoes(gram: np.ndarray, costs: np.ndarray, forced: Sequence[int]) -> np.ndarray:
    """Marks features that equal a plainer one up to a factor on these data, such as sign(v) where v > 0."""
    echoes = np.zeros(len(costs), dtype=bool)
    order = sorted(range(len(costs)), key=lambda j: (j not in forced, costs[j]))
    for place, j in enumerate(order):
        if not echoes[j]:
            later = [k for k in order[place + 1 :] if k not in forced]
            echoes[later] |= np.abs(gram[j, later]) > 1 - SAME
    return echoes


def _shortlist(system, found, misfit_of, score_of, norms, kept_per_size) -> list[Support]:  # type: ignore[no-untyped-def]
    """The best few of each size, with their coefficients."""
    by_size: dict[int, list[tuple[int, ...]]] = {}
    for support in found:
        by_size.setdefault(len(support), []).append(support)
    result = []
    for supports in by_size.values():
        for support in sorted(supports, key=lambda s: score_of(s, found[s]))[:kept_per_size]:
            misfit, solution = misfit_of(support)
            result.append(
                Support(
                    features=tuple(system.features[j] for j in support),
                    coefficients=solution / norms[list(support)],
                    misfit=misfit,
                    score=float(score_of(support, misfit)),
                )
            )
    return sorted(result, key=lambda support: support.score)


def model_of(supports: Sequence[Support], *, coordinates: Sequence[str], order: int) -> Model:
    """Joins one choice of terms for each coordinate into a law with named constants ``c_1``, ``c_2`` …"""
    equations: list[sympy.Expr] = []
    names: list[str] = []
    values: list[float] = []
    inner: dict[str, float] = {}
    for support in supports:
        terms = []
        for feature, coefficient in zip(support.features, support.coefficients, strict=True):
            names.append(f"c_{len(names) + 1}")
            values.append(float(coefficient))
            terms.append(sympy.Symbol(names[-1]) * feature.expression)
            inner.update(feature.constants)
        equations.append(sympy.Add(*terms))
    return Model(
        order=order,
        coordinates=tuple(coordinates),
        equations=tuple(equations),
        parameters=(*names, *inner),
        values=np.array([*values, *inner.values()], dtype=float),
    )
