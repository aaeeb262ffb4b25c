"""Fits of laws to whole trajectories by multiple shooting: the constants, their errors, the residuals.

Long runs are cut into short segments that are integrated side by side and must meet; so fits converge from poor
guesses, and every error bar comes from measured positions: no derivative of noisy data enters.

Source: multiple shooting after Bock (1983), with Levenberg-Marquardt steps after Marquardt (1963).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.dynamics import Model
from motionlaw.tools.segments import Shooting, Solution
from motionlaw.tools.trajectory import Trajectory

# Constants whose variance, the others being known, is this many times less than it is are hardly told apart.
SINGULAR = 1e8


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
        nats_of_constants: What the data had to say to pin the constants down, in nats; NaN where that is not known.
        last_states: The row at which the last segment of each run begins, and the state there, where runs are cut.
    """

    model: Model
    covariance: np.ndarray
    residuals: tuple[np.ndarray, ...]
    first_states: tuple[np.ndarray, ...]
    chi2: float
    count: int
    correlation_length: float
    status: str
    nats_of_constants: float = np.nan
    last_states: tuple[tuple[int, np.ndarray], ...] = ()

    def state_to_go_on_from(self, run: int) -> tuple[int, np.ndarray]:
        """The last row of a run at which the fit has a state of its own, and that state, shape (n,)."""
        return self.last_states[run] if self.last_states else (0, self.first_states[run])

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
    problem = Shooting(model, runs, segment_rows, is_joined, longest_step)
    with np.errstate(all="ignore"):  # a trial law may run away; its cost is then infinite and the step refused
        solution = problem.solve(iterations, deadline, hopeless_chi2)
        if solution.normal is None or not np.isfinite(solution.cost):
            return _failed(model, runs)
        return _summarise(problem, solution, solution.normal)


def _summarise(problem: Shooting, solution: Solution, normal: np.ndarray) -> TrajectoryFit:
    """Turns a solved problem into residuals by run and a covariance for the noise that they show."""
    rest = problem.residuals(solution.values, solution.first)
    by_run = [np.full(run.states.shape, np.nan) for run in problem.runs]
    starts: dict[int, np.ndarray] = {}
    lasts: dict[int, tuple[int, np.ndarray]] = {}
    for s, (index, cut) in enumerate(problem.slices):
        rows = cut.stop - cut.start
        part = by_run[index][cut]  # a view: the border row belongs to the segment that counts it
        for place, column in enumerate(problem.measured):
            part[:, column] = np.where(problem.mask[:rows, place, s], rest[:rows, place, s], part[:, column])
        starts.setdefault(index, solution.first[:, s])
        lasts[index] = (cut.start, solution.first[:, s])
    chi2 = float(sum(np.nansum(run**2) for run in by_run))
    count = int(sum(np.isfinite(run).sum() for run in by_run))
    length = correlation_length(by_run)
    free = max(1, count - problem.p - problem.n * len(starts))
    return TrajectoryFit(
        model=problem.model.with_values(solution.values),
        covariance=_inverse_corner(normal, problem.p) * (chi2 / free) * length,
        residuals=tuple(by_run),
        first_states=tuple(starts[index] for index in range(len(problem.runs))),
        chi2=chi2,
        count=count,
        correlation_length=length,
        status="ok" if solution.converged else "did not converge",
        last_states=tuple(lasts[index] for index in range(len(problem.runs))),
    )


def _inverse_corner(normal: np.ndarray, size: int) -> np.ndarray:
    """The corner, shape (size, size), of the inverse of normal equations, or of their pseudo-inverse."""
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled, corner = normal * scale[:, None] * scale, np.full((size, size), np.inf)
    with contextlib.suppress(np.linalg.LinAlgError):
        corner = np.linalg.solve(scaled, np.eye(len(scaled), size))[:size]
    if not np.trace(corner) < SINGULAR or np.any(np.diag(corner) < 0):
        corner = np.linalg.pinv(scaled, rcond=1e-13, hermitian=True)[:size, :size]
    return corner * scale[:size, None] * scale[:size]


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
