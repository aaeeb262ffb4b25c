"""The last step of the loop: does the law hold on unseen data, and is there a law at all?

Plays the fitted law into the held-out tail, computes errors and bands, and says why motion has no law where it
has none (white noise, a random walk, nothing that holds on unseen data). Leaves out the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.contest import Rival, longest_step, play_on
from motionlaw.tools.dynamics import Model
from motionlaw.tools.integration import play
from motionlaw.tools.law import Prediction
from motionlaw.tools.motion import noise_std
from motionlaw.tools.observe import Evidence, Run
from motionlaw.tools.trajectory import Trajectory

# Above this share of the variance left unexplained in the tail, a law does not hold.
REFUSED_NMSE = 0.5
WEAK_NMSE = 0.1
# Constants whose fit was still moving are good enough where the law misses the tail by less than this.
SETTLED_NMSE = 1e-4
# Errors in the tail are no fault of the law up to this many times what the measurement noise alone would give.
NOISE_ALLOWED = 1.5
# A path whose mean squared displacement grows slower than time to this power is diffusion, not motion under a force.
DIFFUSIVE_EXPONENT = 1.4
# A first-order law that leaves no more than this in units of the noise explains the path.
EXPLAINED_CHI2 = 2.0
# Seconds of a forecast for chaotic runs, in characteristic times.
FORECAST_TIME_SCALES = 0.5


@dataclass(frozen=True)
class Check:
    """How a law does on the data it was fitted to and on the tail it has not seen.

    NMSE is the mean squared error over the variance of the run; ``None`` where there was nothing to judge by.
    ``noise_share`` is what measurement noise alone would give in the tail.
    """

    nmse_fit: float | None
    nmse_holdout: float | None
    span_s: float
    nmse_acceleration: float | None
    predictions: tuple[Prediction, ...]
    is_forecast: bool
    noise_share: float = 0.0


def _played(
    model: Model, t: np.ndarray, first: np.ndarray, covariance: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """The law from a first state, shape (T, n), and the variance that the constants' errors give it."""
    count = len(model.values)
    state = np.repeat(first[:, None, None], 1 + count, axis=2)
    values = np.repeat(model.values[:, None, None], 1 + count, axis=2)
    sizes = 1e-5 * np.maximum(np.abs(model.values), 1e-3)
    values[np.arange(count), 0, 1 + np.arange(count)] += sizes
    path = play(model, [t], state, values, longest_step=step)[:, :, 0, :]
    with np.errstate(all="ignore"):
        slope = (path[:, :, 1:] - path[:, :, :1]) / sizes
        variance = np.einsum("tnp,pq,tnq->tn", slope, np.nan_to_num(covariance), slope)
    return path[:, :, 0], np.maximum(variance, 0.0)


def _ratio(errors: Sequence[np.ndarray], spreads: Sequence[np.ndarray]) -> float | None:
    """Summed squared errors over summed variance."""
    total = sum(float(np.sum(spread)) for spread in spreads)
    with np.errstate(all="ignore"):
        wrong = sum(float(np.sum(error**2)) for error in errors)
    if not any(len(error) for error in errors) or total <= 0:
        return None
    return wrong / total if np.isfinite(wrong) else float("inf")


def check_law(rival: Rival, evidence: Evidence, *, is_joined: bool = True) -> Check:
    """Plays a law fitted to the runs' first parts through the whole runs.

    Args:
        rival: The fitted law.
        evidence: The runs.
        is_joined: ``False`` for chaotic runs: then the law is started anew from smoothed states within the
            tail and judged by short forecasts.
    """
    step = longest_step(evidence, rival.model)
    fits, tails, fit_spread, tail_spread, tail_noise, predictions, span = [], [], [], [], [], [], 0.0
    for index, run in enumerate(evidence.runs):
        if is_joined:
            path, variance = _played(
                rival.model, run.trajectory.t, rival.fit.first_states[index], rival.fit.covariance, step
            )
        else:
            path, variance = _forecasts(rival.model, run, FORECAST_TIME_SCALES * evidence.time_scale_s, step)
        width = len(evidence.coordinates)
        position, cut = path[:, :width], run.rows_fitted
        error = run.trajectory.position - position
        spread = np.broadcast_to(np.var(run.trajectory.position, axis=0), error.shape)
        fits.append(error[:cut])
        fit_spread.append(spread[:cut])
        tails.append(error[cut:])
        tail_spread.append(spread[cut:])
        tail_noise.append(run.row_noise[cut:])
        span += float(run.trajectory.t[-1] - run.trajectory.t[cut - 1])
        noise = run.noise_std * np.sqrt(max(1.0, rival.fit.reduced_chi2))
        half = 1.96 * np.sqrt(variance[:, :width] + noise**2)
        unseen = float(run.trajectory.t[cut]) if cut < len(run.trajectory.t) else None
        predictions.append(
            Prediction(run.trajectory.name, run.trajectory.t, position, position - half, position + half, unseen)
        )
    return Check(
        nmse_fit=_ratio(fits, fit_spread),
        nmse_holdout=_ratio(tails, tail_spread),
        span_s=span,
        nmse_acceleration=_acceleration_error(rival.model, evidence),
        predictions=tuple(predictions),
        is_forecast=not is_joined,
        noise_share=_ratio(tail_noise, tail_spread) or 0.0,
    )


def holdout_error(rival: Rival, evidence: Evidence, *, is_joined: bool = True) -> float | None:
    """The NMSE in the unseen tail alone, as `check_law` has it, without the bands, which take longest."""
    step = longest_step(evidence, rival.model)
    tails, spreads = [], []
    for index, run in enumerate(evidence.runs):
        position, cut = run.trajectory.position, run.rows_fitted
        if is_joined:
            path = play_on(rival, evidence, index, slice(cut, len(position)))
        else:
            path = _forecasts(rival.model, run, FORECAST_TIME_SCALES * evidence.time_scale_s, step)[0][cut:]
        tails.append(position[cut:] - path[:, : position.shape[1]])
        spreads.append(np.broadcast_to(np.var(position, axis=0), position.shape)[cut:])
    return _ratio(tails, spreads)


def _forecasts(model: Model, run: Run, horizon_s: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The run as a chain of forecasts, each from a smoothed state and ``horizon_s`` seconds long."""
    t, n = run.trajectory.t, len(model.state)
    path, parts, start = run.states[:, :n].copy(), [], 0
    while start < len(t) - 1:
        stop = max(start + 2, int(np.searchsorted(t, t[start] + horizon_s, side="right")))
        parts.append(slice(start, min(stop, len(t))))
        start = parts[-1].stop
    first = run.states[[part.start for part in parts], :n].T[:, :, None]
    values = np.repeat(model.values[:, None, None], len(parts), axis=1)
    played = play(model, [t[part] for part in parts], first, values, longest_step=step)
    for index, part in enumerate(parts):
        path[part] = played[: part.stop - part.start, :, index, 0]
    return path, np.zeros_like(path)


def _acceleration_error(model: Model, evidence: Evidence) -> float | None:
    """NMSE of the law's right-hand side against the smoothed acceleration (order 1: velocity)."""
    errors, spreads = [], []
    width = len(evidence.coordinates)
    for run in evidence.runs:
        states = run.states.T if model.order == 2 else run.states[:, :width].T
        target = run.acceleration if model.order == 2 else run.states[:, width:]
        values = np.repeat(model.values[:, None], len(run.trajectory.t), axis=1)
        with np.errstate(all="ignore"):
            rate = model.derivative(states, run.trajectory.t, values)[-width:].T
        inner = slice(2, -2) if len(target) > 12 else slice(None)
        errors.append((target - rate)[inner])
        spreads.append(np.broadcast_to(np.mean(target**2, axis=0), target.shape)[inner])
    return _ratio(errors, spreads)


def displacement_exponent(t: np.ndarray, position: np.ndarray) -> float:
    """Power with which the mean squared displacement grows with the lag, noise taken off.

    Args:
        t: Seconds, shape (T,).
        position: Shape (T, D), without NaN.

    Returns:
        About 2 for motion under forces, 1 for diffusion (Brownian motion, random walk), 0 for white noise.

    Source: mean squared displacement as in Saxton & Jacobson (1997).

    Example:
        >>> steps = np.random.default_rng(0).normal(size=(2000, 1))
        >>> bool(0.7 < displacement_exponent(np.arange(2000.0), np.cumsum(steps, axis=0)) < 1.3)
        True
    """
    rows = np.arange(len(t))
    even = np.column_stack([np.interp(np.linspace(t[0], t[-1], len(t)), t, column) for column in position.T])
    spread = 2 * np.var(even, axis=0).sum()
    lags = np.unique(np.round(np.geomspace(1, max(4, len(rows) // 4), 24)).astype(int))
    msd = np.array([np.mean(np.sum((even[lag:] - even[:-lag]) ** 2, axis=1)) for lag in lags])
    if spread <= 0 or msd[0] > 0.7 * spread:
        return 0.0
    # Up to a tenth of the saturation the path has not turned round yet.
    most = max(3, int(np.searchsorted(msd, 0.12 * spread)))
    lags, msd = lags[:most].astype(float), msd[:most]
    best = (np.inf, 0.0)
    for exponent in np.linspace(0.0, 2.2, 45):
        columns = np.column_stack([np.ones_like(lags), lags**exponent]) / msd[:, None]
        floor = np.maximum(np.linalg.lstsq(columns, np.ones_like(msd), rcond=None)[0], 0.0)
        best = min(best, (float(np.sum((1 - columns @ floor) ** 2)), float(exponent)))
    return best[1]


def why_no_motion(trajectories: Sequence[Trajectory]) -> str:
    """Says why data carry no law before any is sought, or returns an empty string."""
    for trajectory in trajectories:
        seen = np.isfinite(trajectory.position).all(axis=1)
        t, position = trajectory.t[seen], trajectory.position[seen]
        if len(t) < 12:
            continue
        if not np.any(np.ptp(position, axis=0) > 0):
            return "Nothing moves: every coordinate is constant."
        share = noise_std(t, position) / np.maximum(np.std(position, axis=0), 1e-300)
        if np.all(share > 0.8):
            return (
                "The positions are white noise: successive values are unrelated, so no motion and no law can be seen."
            )
    return ""


def why_diffusion(evidence: Evidence, rival: Rival, check: Check) -> str:
    """Says that the path is diffusion where it is and no law explains it, or returns an empty string."""
    if rival.model.order == 1 and rival.fit.reduced_chi2 < EXPLAINED_CHI2:
        return ""  # a motion that comes to rest spreads no faster than kicks do, but the law leaves only noise of it
    exponents, weights = [], []
    for run in evidence.runs:
        if len(run.trajectory.t) >= 40:
            exponents.append(displacement_exponent(run.trajectory.t, run.trajectory.position))
            weights.append(len(run.trajectory.t))
    if not exponents:
        return ""
    exponent = float(np.average(exponents, weights=weights))
    allowed = NOISE_ALLOWED * check.noise_share
    explained = (
        check.nmse_fit is not None
        and check.nmse_fit < 0.02 + allowed
        and (check.nmse_holdout or 0.0) < 0.05 + allowed
    )
    if exponent < DIFFUSIVE_EXPONENT and not explained:
        return (
            f"The path is diffusion (its mean squared displacement grows as time^{exponent:.1f}, where forces give 2): "
            "random kicks have no force law."
        )
    return ""


def verdict(evidence: Evidence, rival: Rival, check: Check) -> tuple[str, str]:
    """Status (``ok``, ``weak`` or ``refused``) of a law and the reason."""
    diffusion = why_diffusion(evidence, rival, check)
    if diffusion:
        return "refused", diffusion
    if check.nmse_fit is None or check.nmse_fit - NOISE_ALLOWED * check.noise_share > REFUSED_NMSE:
        return "refused", "No law found follows the motion: the best leaves more than half of its variance unexplained."
    if check.nmse_holdout is None:
        return "weak", "There are too few rows to set some aside, so the law is not checked on unseen data."
    beyond_noise = check.nmse_holdout - NOISE_ALLOWED * check.noise_share
    if beyond_noise > REFUSED_NMSE:
        return "refused", (
            f"The best law fits the rows it was given but not the unseen last {check.span_s:.3g} s "
            f"(it misses by {check.nmse_holdout:.2g} of the variance)."
        )
    if beyond_noise > WEAK_NMSE:
        return "weak", f"On unseen data the law misses by {check.nmse_holdout:.2g} of the variance."
    if rival.fit.status != "ok" and check.nmse_holdout > SETTLED_NMSE:
        return "weak", f"The fit of the constants {rival.fit.status}."
    return "ok", ""
