"""Fits of laws to whole trajectories by multiple shooting: the constants, their errors, the residuals.

Long runs are cut into short segments that are integrated side by side and must meet; so fits converge from poor
guesses, and every error bar comes from measured positions: no derivative of noisy data enters.

Source: multiple shooting after Bock (1983), with Levenberg-Marquardt steps after Marquardt (1963).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from motionlaw.tools.dynamics import Model, integrate, make_grid
from motionlaw.tools.trajectory import Trajectory

# Continuity between shooting segments is held to this share of the measurement noise.
CONTINUITY = 1e-3
# A step that lowers chi-squared by less than this (for residuals scaled to one) moves no constant by a
# noticeable share of its error: the fit has converged. Below EXACT the residuals are numerical dust.
SMALL_GAIN = 1e-3
EXACT = 1e-8
# A step that promises no more than this is not tried; a fit that cannot win stops at steps of a small share.
NO_GAIN = 1e-4
SMALL_GAIN_OF_LOSERS = 0.02


@dataclass(frozen=True)
class Observation:
    """What one run gives the fit: times, states (NaN where not measured) and their noise.

    Args:
        t: Seconds, shape (T,).
        states: Measured states, shape (T, n): positions and, where measured, velocities.
        noise_std: Standard deviation of each state's measurement, shape (n,).
        guess: A smooth estimate of every state, shape (T, n): the start of the fit.
    """

    t: np.ndarray
    states: np.ndarray
    noise_std: np.ndarray
    guess: np.ndarray


@dataclass(frozen=True)
class TrajectoryFit:
    """Constants found from whole trajectories.

    Args:
        model: The law with the fitted constants.
        covariance: Of the constants, shape (P, P), for the noise that the residuals show.
        residuals: Observed minus simulated states over noise, one (T, n) array a run, NaN where unobserved.
        first_states: One (n,) array a run.
        chi2: Sum of squared residuals in units of the noise.
        count: Number of observed values.
        correlation_length: Rows after which residuals are independent; 1 for white residuals.
        status: ``"ok"``, ``"did not converge"`` or ``"diverged"``.
    """

    model: Model
    covariance: np.ndarray
    residuals: tuple[np.ndarray, ...]
    first_states: tuple[np.ndarray, ...]
    chi2: float
    count: int
    correlation_length: float
    status: str

    @property
    def reduced_chi2(self) -> float:
        """Chi-squared over the degrees of freedom: 1 where the law leaves nothing but noise."""
        used = len(self.model.values) + sum(len(state) for state in self.first_states)
        return self.chi2 / max(1, self.count - used)

    def misfit_of(self, run: int) -> float:
        """Mean squared residual of one run in units of the noise."""
        return float(np.nanmean(self.residuals[run] ** 2))

    @property
    def stderr(self) -> np.ndarray:
        """Standard errors of the constants, shape (P,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


def correlation_length(residuals: Sequence[np.ndarray]) -> float:
    """Rows after which residuals are independent: 1 + 2·(sum of positive autocorrelations), at least 1.

    Args:
        residuals: One array a run, shape (T,) or (T, n), NaN where unobserved.

    Source: Sokal (1997), integrated autocorrelation time with a self-consistent window.

    Example:
        >>> bool(correlation_length([np.random.default_rng(0).normal(size=2000)]) < 1.3)
        True
    """
    lengths = []
    for run in residuals:
        for series in np.atleast_2d(run.T):
            values = series[np.isfinite(series)]
            if len(values) < 8 or not np.any(values):
                continue
            size = 1 << (2 * len(values) - 1).bit_length()
            power = np.abs(np.fft.rfft(values - 0.0, size)) ** 2
            rho = np.fft.irfft(power)[: len(values) // 2]
            rho = rho / rho[0]
            tau = 2 * np.cumsum(rho) - 1
            window = np.flatnonzero(np.arange(len(tau)) >= 5 * tau)
            lengths.append((tau[window[0]] if len(window) else tau[-1], len(values)))
    if not lengths:
        return 1.0
    tau, weight = np.array(lengths).T
    return float(max(1.0, np.average(tau, weights=weight)))


UNFITTED = TrajectoryFit(
    Model(1, (), (), (), np.zeros(0)), np.zeros((0, 0)), (), (), np.inf, 0, 1.0, status="not fitted"
)
"""What stands in the place of a fit before there is one: a misfit without end."""


class _Shooting:
    """The least-squares problem of one fit: unknowns are the constants and the first state of every segment."""

    def __init__(self, model: Model, runs: Sequence[Observation], rows: int, joined: bool, longest_step: float):
        self.model, self.runs, self.joined = model, runs, joined
        self.n, self.p = len(model.state), len(model.values)
        self.slices: list[tuple[int, slice]] = []
        for index, run in enumerate(runs):
            cuts = np.linspace(0, len(run.t) - 1, max(1, round((len(run.t) - 1) / rows)) + 1).round().astype(int)
            self.slices += [(index, slice(a, b + 1)) for a, b in pairwise(cuts)]
        self.grid = make_grid([runs[i].t[cut] for i, cut in self.slices], longest_step)
        self.first = np.stack([runs[i].guess[cut.start] for i, cut in self.slices], axis=1)  # (n, S)
        self.follows = np.array([s > 0 and self.slices[s][0] == self.slices[s - 1][0] for s in range(len(self.slices))])
        self.scale = np.maximum(np.max([np.nanstd(run.guess, axis=0) for run in runs], axis=0), 1e-12)
        self._flatten()

    def observed(self, s: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Measured states of segment s, their mask and noise; a shared border row counts once."""
        index, cut = self.slices[s]
        run = self.runs[index]
        states = run.states[cut]
        mask = np.isfinite(states)
        if s + 1 < len(self.slices) and self.follows[s + 1]:
            mask[-1] = False
        return states, mask, run.noise_std

    def _flatten(self) -> None:
        """Lists every observed value with its step, state, segment and noise, so that residuals are one lookup."""
        steps, states, segments, values, noises = [], [], [], [], []
        for s in range(len(self.slices)):
            measured, mask, noise = self.observed(s)
            row, state = np.nonzero(mask)
            steps.append(self.grid.seen[s][row])
            states.append(state)
            segments.append(np.full(len(row), s))
            values.append(measured[mask])
            noises.append(noise[state])
        self.where = np.concatenate(steps), np.concatenate(states), np.concatenate(segments)
        self.values, self.noise = np.concatenate(values), np.concatenate(noises)
        self.tied = np.flatnonzero(self.follows) if self.joined else np.zeros(0, dtype=int)
        self.tie_ends = np.array([self.grid.seen[s - 1][-1] for s in self.tied], dtype=int)
        weights = [1 / (CONTINUITY * self._tolerance(int(s))) for s in self.tied]
        self.tie_weights = np.array(weights).reshape(len(self.tied), self.n)

    def path(self, values: np.ndarray, first: np.ndarray, jacobian: bool) -> tuple[np.ndarray, np.ndarray]:
        """Integrates the segments, and with them a small step in every unknown."""
        extra = self.n + self.p if jacobian else 0
        state = np.repeat(first[:, :, None], 1 + extra, axis=2)
        constants = np.repeat(np.repeat(values[:, None, None], first.shape[1], axis=1), 1 + extra, axis=2)
        steps = np.zeros(extra)
        for k in range(extra):
            if k < self.n:
                steps[k] = 1e-6 * self.scale[k]
                state[k, :, 1 + k] += steps[k]
            else:
                steps[k] = 1e-6 * max(abs(values[k - self.n]), 1e-3)
                constants[k - self.n, :, 1 + k] += steps[k]
        return integrate(self.model, self.grid, state, constants), steps

    def residuals(self, values: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals in units of noise, shape (R,), and their derivatives, shape (R, P + n·S)."""
        path, steps = self.path(values, first, True)
        seen = path[self.where]  # (R, Q)
        missed = (self.values - seen[:, 0]) / self.noise
        slope = -(seen[:, 1:] - seen[:, :1]) / steps / self.noise[:, None]
        matrix = self._placed(slope, self.where[2])
        if not len(self.tied):
            return missed, matrix
        ends = path[self.tie_ends, :, self.tied - 1, :]  # (ties, n, Q)
        jumps = (ends[:, :, 0] - first[:, self.tied].T) * self.tie_weights
        rates = (ends[:, :, 1:] - ends[:, :, :1]) / steps * self.tie_weights[:, :, None]
        ties = self._placed(rates.reshape(-1, len(steps)), np.repeat(self.tied - 1, self.n))
        own = self.p + (self.tied[:, None] * self.n + np.arange(self.n)).ravel()
        ties[np.arange(len(ties)), own] -= self.tie_weights.ravel()
        return np.concatenate([missed, jumps.ravel()]), np.concatenate([matrix, ties])

    def _placed(self, slope: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """Puts derivatives by first state and constants, shape (R, n + P), into the columns of their segments."""
        matrix = np.zeros((len(slope), self.p + self.n * len(self.slices)))
        matrix[:, : self.p] = slope[:, self.n :]
        columns = self.p + segments[:, None] * self.n + np.arange(self.n)
        matrix[np.arange(len(slope))[:, None], columns] = slope[:, : self.n]
        return matrix

    def _tolerance(self, s: int) -> np.ndarray:
        """Noise of each state, for velocities that were not measured in proportion to the positions'."""
        noise = self.runs[self.slices[s][0]].noise_std.copy()
        half = len(self.model.coordinates)
        if self.model.order == 2:
            noise[half:] = noise[:half] * self.scale[half:] / self.scale[:half]
        return noise

    def solve(
        self, iterations: int, deadline: float, hopeless_chi2: float
    ) -> tuple[np.ndarray, np.ndarray, float, np.ndarray | None, bool]:
        """Levenberg-Marquardt from the guess; returns constants, first states, cost, Jacobian, converged."""
        values, first, damping = self.model.values.copy(), self.first.copy(), 1e-7
        residual, slope = self.residuals(values, first)
        cost, converged = float(residual @ residual), False
        if not np.isfinite(cost) or not np.all(np.isfinite(slope)):
            return values, first, np.inf, None, False
        for _ in range(iterations):
            if time.monotonic() > deadline:
                break
            normal, gradient = slope.T @ slope, slope.T @ residual
            diagonal = np.maximum(np.diag(normal), 1e-300)
            better = False
            while damping < 1e8:
                step = -_solve(normal + np.diag(damping * diagonal), gradient, diagonal)
                if -step @ gradient <= NO_GAIN * cost / len(residual):
                    break
                trial = values + step[: self.p], first + step[self.p :].reshape(-1, self.n).T
                candidate, new_slope = self.residuals(*trial)
                trial_cost = float(candidate @ candidate)
                if np.isfinite(trial_cost) and trial_cost <= cost:
                    better = True
                    break
                damping *= 30
            if not better:
                converged = True  # no step improves: a minimum to rounding
                break
            gain, (values, first) = cost - trial_cost, trial
            cost, damping = trial_cost, max(damping / 30, 1e-12)
            residual = candidate
            if not np.all(np.isfinite(new_slope)):
                return values, first, cost, slope, False
            slope = new_slope
            enough = SMALL_GAIN_OF_LOSERS if cost > hopeless_chi2 else SMALL_GAIN / len(residual)
            if gain <= enough * cost or cost < EXACT * len(residual):
                converged = True
                break
        return values, first, cost, slope, converged


def _solve(matrix: np.ndarray, vector: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Solves symmetric equations after scaling to a unit diagonal, by least squares where they are singular."""
    scale = 1 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale
    try:
        return scale * np.linalg.solve(scaled, scale * vector)
    except np.linalg.LinAlgError:
        return scale * np.linalg.lstsq(scaled, scale * vector, rcond=1e-12)[0]


def fit_trajectories(
    model: Model,
    runs: Sequence[Observation],
    *,
    longest_step: float,
    segment_rows: int = 12,
    is_joined: bool = True,
    iterations: int = 15,
    deadline: float = np.inf,
    hopeless_chi2: float = np.inf,
) -> TrajectoryFit:
    """Finds the constants under which a law passes through the measured states.

    Args:
        model: The law with a first guess of its constants.
        runs: The measured runs; all share the constants, each has its own first state.
        longest_step: Longest Runge-Kutta step, seconds.
        segment_rows: Rows a shooting segment; short segments converge from poor guesses.
        is_joined: Whether segments of a run must meet; ``False`` for chaotic runs, whose far future no
            first state determines.
        iterations: Most Levenberg-Marquardt steps.
        deadline: `time.monotonic` value after which no further step is taken.
        hopeless_chi2: Chi-squared above which the fit cannot win, so that a rough minimum will do.

    Returns:
        The fit; its status says whether it converged, numeric failure is no exception.
    """
    problem = _Shooting(model, runs, segment_rows, is_joined, longest_step)
    with np.errstate(all="ignore"):  # a trial law may run away; its cost is then infinite and the step refused
        values, first, cost, slope, converged = problem.solve(iterations, deadline, hopeless_chi2)
    if slope is None or not np.isfinite(cost):
        return _failed(model, runs)
    return _summarise(problem, values, first, slope, converged)


def _summarise(
    problem: _Shooting, values: np.ndarray, first: np.ndarray, slope: np.ndarray, converged: bool
) -> TrajectoryFit:
    """Turns a solved problem into residuals by run and a covariance for the noise that they show."""
    path, _ = problem.path(values, first, False)
    by_run = [np.full(run.states.shape, np.nan) for run in problem.runs]
    starts: dict[int, np.ndarray] = {}
    for s, (index, cut) in enumerate(problem.slices):
        states, mask, noise = problem.observed(s)
        part = (states - path[problem.grid.seen[s], :, s, 0]) / noise
        by_run[index][cut] = np.where(mask, part, by_run[index][cut])
        starts.setdefault(index, first[:, s])
    chi2 = float(sum(np.nansum(run**2) for run in by_run))
    count = int(sum(np.isfinite(run).sum() for run in by_run))
    length = correlation_length(by_run)
    normal = slope.T @ slope
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-300))
    inverse = np.linalg.pinv(normal * scale[:, None] * scale, rcond=1e-13, hermitian=True) * scale[:, None] * scale
    free = max(1, count - problem.p - problem.n * len(starts))
    return TrajectoryFit(
        model=problem.model.with_values(values),
        covariance=inverse[: problem.p, : problem.p] * (chi2 / free) * length,
        residuals=tuple(by_run),
        first_states=tuple(starts[index] for index in range(len(problem.runs))),
        chi2=chi2,
        count=count,
        correlation_length=length,
        status="ok" if converged else "did not converge",
    )


def _failed(model: Model, runs: Sequence[Observation]) -> TrajectoryFit:
    count = int(sum(np.isfinite(run.states).sum() for run in runs))
    return TrajectoryFit(
        model=model,
        covariance=np.full((len(model.values),) * 2, np.nan),
        residuals=tuple(np.full(run.states.shape, np.nan) for run in runs),
        first_states=tuple(run.guess[0] for run in runs),
        chi2=np.inf,
        count=count,
        correlation_length=1.0,
        status="diverged",
    )


def observe(trajectory: Trajectory, noise_std: np.ndarray, guess: np.ndarray, *, order: int) -> Observation:
    """Puts a trajectory's measured positions (velocities stay unmeasured) beside a smooth guess of its states."""
    states = trajectory.position
    if order == 2:
        states = np.concatenate([states, np.full_like(states, np.nan)], axis=1)
        noise_std = np.concatenate([noise_std, np.ones_like(noise_std)])
    return Observation(t=trajectory.t, states=states, noise_std=noise_std, guess=guess)
