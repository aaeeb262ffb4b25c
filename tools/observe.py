"""The first step of the loop: from trajectories to evidence a law can be sought in.

Finds the stretches under one law (no rest, no hand, no contact inside), estimates the measurement noise, smooths,
and sets the tail of every run aside for the check on unseen data. Leaves out every thought about the law itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.events import find_events, find_regimes
from motionlaw.tools.law import Event, Regime
from motionlaw.tools.motion import noise_std, smooth
from motionlaw.tools.search import Samples
from motionlaw.tools.shooting import Observation, observe
from motionlaw.tools.smoothing import common_noise, smooth_curves
from motionlaw.tools.stretches import after_handling, beside_change, between_ragged_ends, change_of_force
from motionlaw.tools.trajectory import Trajectory

# Share of each run's time that no fit sees.
HOLDOUT = 0.2
# Noise is never believed to be less than this share of the motion's spread: simulation and files are finite.
NOISE_FLOOR = 1e-4
# Points marked in pictures err together by more than they scatter: lens, perspective, the edge of a patch.
NOISE_FLOOR_OF_POINTS = 2e-3
NOISE_FLOOR_OF_VIDEO = 1e-2
# Share of that below which a change is no event: a picture at rest creeps a little while its coding settles.
STILL_SHARE = 0.03
FEWEST_ROWS = 4
# Accelerations with less noise than this share of their spread were computed.
COMPUTED = 1e-5
# Below this many rows the terms of a first-order law are chosen on all of them.
FEW_ROWS_OF_FLOW = 100
# Rows used for fitting trajectories, over all runs; longer data are thinned evenly, but not below so many rows
# in a characteristic time.
MOST_ROWS = 2400
ROWS_PER_TIME_SCALE = 40


@dataclass(frozen=True)
class Run:
    """One stretch of one trajectory under one law, without unseen rows.

    Args:
        trajectory: The stretch.
        states: Smooth estimates, shape (T, 2·D): coordinates, then velocities.
        acceleration: Smooth estimate, shape (T, D).
        acceleration_stderr: Its standard error, shape (T, D).
        noise_std: Noise of the positions, shape (D,).
        rows_fitted: Rows before the held-out tail.
        row_noise: Noise of every row, shape (T, D).
    """

    trajectory: Trajectory
    states: np.ndarray
    acceleration: np.ndarray
    acceleration_stderr: np.ndarray
    noise_std: np.ndarray
    rows_fitted: int
    row_noise: np.ndarray

    @property
    def path_length(self) -> float:
        """Length of the way along the smoothed positions."""
        position = self.states[:, : self.states.shape[1] // 2]
        return float(np.sum(np.linalg.norm(np.diff(position, axis=0), axis=1)))

    def observation(self, *, order: int, whole: bool) -> Observation:
        """The run as `fit_trajectories` wants it: its fitted rows, or all of them."""
        rows = slice(None) if whole else slice(0, self.rows_fitted)
        part = self.trajectory.rows(rows)
        width = self.states.shape[1] if order == 2 else self.states.shape[1] // 2
        return observe(part, self.noise_std, self.states[rows, :width], order=order)

    def samples(self, *, order: int) -> list[Samples]:
        """The run's fitted rows as the structure search wants them, cut where rows are missing."""
        rows = np.arange(self.rows_fitted)
        gaps = np.diff(self.trajectory.t[: self.rows_fitted])
        cuts = np.flatnonzero(gaps > 3.5 * np.median(gaps)) + 1
        width = self.states.shape[1] if order == 2 else self.states.shape[1] // 2
        found = []
        for part in np.split(rows, cuts):
            if len(part) < FEWEST_ROWS:
                continue
            velocity, acceleration, noise = self._best_left_side(order, part)
            found.append(
                Samples(
                    self.trajectory.t[part],
                    self.trajectory.position[part],
                    self.states[part, :width],
                    noise,
                    velocity,
                    acceleration,
                )
            )
        return found

    def _best_left_side(self, order: int, part: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
        """Measured velocity or acceleration, where the file brings them and they are cleaner than our own."""
        t, given = self.trajectory.t[part], self.trajectory
        if order == 2 and given.acceleration is not None and np.isfinite(given.acceleration[part]).all():
            noise = noise_std(t, given.acceleration[part])
            if np.all(noise <= np.median(self.acceleration_stderr, axis=0)):
                return None, given.acceleration[part], noise
        return None, None, self.noise_std


@dataclass(frozen=True)
class Evidence:
    """Everything a law is sought in.

    Args:
        coordinates: Names of the D coordinates.
        units: Their units.
        runs: The stretches of motion.
        events: What happened between and around them.
        regimes: All stretches, also those at rest or held, without laws yet.
        time_scale_s: A characteristic time of the motion: 2π times typical position over typical velocity.
        warnings: What a reader should know about the data.
        is_short: Whether the rows are so few that the terms of a first-order law are chosen on all of them.
    """

    coordinates: tuple[str, ...]
    units: tuple[str, ...]
    runs: tuple[Run, ...]
    events: tuple[Event, ...]
    regimes: tuple[Regime, ...]
    time_scale_s: float
    warnings: tuple[str, ...]
    is_short: bool = False

    @property
    def is_angle(self) -> list[bool]:
        """Whether each coordinate is an angle in radians."""
        return [unit == "rad" for unit in self.units]

    def only(self, index: int) -> Evidence:
        """The evidence of one run alone."""
        run = self.runs[index]
        return replace(self, runs=(run,), time_scale_s=_time_scale([run]))

    @property
    def values_fitted(self) -> int:
        """Number of measured values that the fits see."""
        rows = sum(len(run.trajectory.t) if self.is_short else run.rows_fitted for run in self.runs)
        return rows * len(self.coordinates)

    @property
    def rows(self) -> int:
        """Number of rows in all runs."""
        return sum(len(run.trajectory.t) for run in self.runs)


def _seen(trajectory: Trajectory) -> Trajectory:
    return trajectory.rows(np.flatnonzero(np.isfinite(trajectory.position).all(axis=1)))


def is_computed(trajectory: Trajectory) -> bool:
    """Whether a file's own accelerations are too exact to be measured: no hand moved what was computed."""
    given = trajectory.acceleration
    if given is None or len(given) <= FEWEST_ROWS + 2 or not np.isfinite(given).all():
        return False
    return bool(np.all(noise_std(trajectory.t, given) < COMPUTED * np.std(given, axis=0)))


def _thinned(runs: list[Run]) -> tuple[list[Run], int]:
    """Keeps one row in so many that fits stay quick, but always enough rows in a characteristic time."""
    total = sum(len(run.trajectory.t) for run in runs)
    if total <= MOST_ROWS:
        return runs, 1
    spacing = float(np.median(np.concatenate([np.diff(run.trajectory.t) for run in runs])))
    step = max(1, min(int(np.ceil(total / MOST_ROWS)), int(_time_scale(runs) / spacing / ROWS_PER_TIME_SCALE)))
    thin = [
        replace(
            run,
            trajectory=run.trajectory.rows(np.arange(0, len(run.trajectory.t), step)),
            states=run.states[::step],
            acceleration=run.acceleration[::step],
            acceleration_stderr=run.acceleration_stderr[::step],
            rows_fitted=-(-run.rows_fitted // step),
            row_noise=run.row_noise[::step],
        )
        for run in runs
    ]
    return thin, step


def _run(stretch: Trajectory, noise: np.ndarray, least: float, *, is_flow: bool = False) -> Run:
    """Smooths one stretch; a file's own velocity is used where it is cleaner than ours.

    The noise of a flow may depend on the place: then ``noise`` is its usual size only.
    """
    kinematics = smooth(stretch.t, stretch.position, noise_std=noise)
    velocity = kinematics.velocity
    if stretch.velocity is not None and np.isfinite(stretch.velocity).all():
        cleaner = noise_std(stretch.t, stretch.velocity) < np.median(kinematics.velocity_stderr, axis=0)
        velocity = np.where(cleaner, stretch.velocity, velocity)
    spread = np.std(stretch.position, axis=0)
    # What a camera gets wrong it gets wrong along both axes alike.
    floor = least * np.maximum(spread if least <= NOISE_FLOOR else np.max(spread), 1e-12)
    noise = np.maximum(noise, floor)
    row_noise = np.array(np.broadcast_to(noise, stretch.position.shape))
    if is_flow:
        row_noise = common_noise(smooth_curves(stretch.t, stretch.position), stretch.position)
        row_noise = np.maximum(row_noise, floor)
        noise = np.sqrt(np.mean(row_noise**2, axis=0))
    fitted = int(np.searchsorted(stretch.t, stretch.t[0] + (1 - HOLDOUT) * (stretch.t[-1] - stretch.t[0])))
    return Run(
        trajectory=stretch,
        states=np.hstack([kinematics.position, velocity]),
        acceleration=kinematics.acceleration,
        acceleration_stderr=kinematics.acceleration_stderr,
        noise_std=noise,
        rows_fitted=max(FEWEST_ROWS, fitted) if len(stretch.t) > FEWEST_ROWS + 2 else len(stretch.t),
        row_noise=row_noise,
    )


def gather_flow(trajectories: Sequence[Trajectory], *, noise_floor: float = NOISE_FLOOR) -> Evidence:
    """Prepares trajectories for the search of a first-order law: all of a trajectory is under it, rest included.

    Args:
        trajectories: Runs of one law in the same coordinates.
        noise_floor: Least noise that is believed, as a share of the spread of each coordinate.

    Returns:
        The evidence; with no runs where too few rows were seen.
    """
    seen = [trajectory for trajectory in map(_seen, trajectories) if len(trajectory.t) >= FEWEST_ROWS]
    runs = [_run(each, noise_std(each.t, each.position), noise_floor, is_flow=True) for each in seen]
    runs, step = _thinned(runs)
    rows = sum(len(run.trajectory.t) for run in runs)
    warnings = [f"{t.name} has only {len(t.t)} rows and was left out." for t in trajectories if len(t.t) < FEWEST_ROWS]
    if step > 1:
        warnings.append(f"One row in {step} was used for the fit; all were used for smoothing.")
    if rows < FEW_ROWS_OF_FLOW:
        warnings.append(
            f"With {rows} rows the terms of the law were chosen on all of them; the tail checks their constants only."
        )
    return Evidence(
        coordinates=trajectories[0].coordinates,
        units=trajectories[0].units,
        runs=tuple(runs),
        events=(),
        regimes=tuple(Regime(float(run.trajectory.t[0]), float(run.trajectory.t[-1]), "motion", {}) for run in runs),
        time_scale_s=_time_scale(runs),
        warnings=tuple(warnings),
        is_short=rows < FEW_ROWS_OF_FLOW,
    )


def gather_evidence(trajectories: Sequence[Trajectory], *, noise_floor: float = NOISE_FLOOR) -> Evidence:
    """Prepares trajectories for the search.

    Args:
        trajectories: Runs of one law in the same coordinates.
        noise_floor: Least noise that is believed, as a share of the spread of each coordinate.

    Returns:
        The evidence; with no runs where nothing is left after rests and gaps.
    """
    warnings: list[str] = []
    stretches_of_motion: list[tuple[Trajectory, np.ndarray]] = []
    events: list[Event] = []
    regimes: list[Regime] = []
    for trajectory in map(_seen, trajectories):
        if len(trajectory.t) < FEWEST_ROWS:
            warnings.append(f"{trajectory.name} has only {len(trajectory.t)} usable rows and was left out.")
            continue
        noise = noise_std(trajectory.t, trajectory.position)
        spread = float(np.max(np.std(trajectory.position, axis=0)))
        still = np.maximum(noise, noise_floor * STILL_SHARE * spread)
        happened = find_events(trajectory.t, trajectory.position, noise_std=still)
        if is_computed(trajectory):
            happened = tuple(event for event in happened if not event.detail.startswith("held"))
        stretches = find_regimes(trajectory.t, trajectory.position, noise_std=still, events=happened)
        events += happened
        for stretch in stretches:
            rows = slice(stretch.start, stretch.stop)
            if stretch.kind == "motion":
                rows = between_ragged_ends(trajectory, rows, noise)
                ragged = (stretch.stop - stretch.start) - (rows.stop - rows.start)
                if ragged:
                    warnings.append(f"{ragged} rows at the ends of a stretch lie far off its course and were left out.")
            t = trajectory.t[rows]
            if stretch.kind == "motion" and len(t) >= FEWEST_ROWS:
                stretches_of_motion.append((trajectory.rows(rows), noise))
            if len(t):
                regimes.append(Regime(float(t[0]), float(t[-1]), stretch.kind, {}))
    whole = [_run(stretch, noise, noise_floor) for stretch, noise in stretches_of_motion]
    cut = [
        0 if is_computed(run.trajectory) else after_handling(run.states, run.acceleration, run.acceleration_stderr)
        for run in whole
    ]
    for run, start in zip(whole, cut, strict=True):
        if start:
            released = float(run.trajectory.t[start])
            events.append(
                Event(released, "release", "before it the motion does not follow the law that holds after it")
            )
            regimes = _held_until(regimes, float(run.trajectory.t[0]), released)
    runs = [_run(run.trajectory.rows(slice(start, None)), run.noise_std, noise_floor) if start else run
            for run, start in zip(whole, cut, strict=True)]  # fmt: skip
    runs, changes = _at_changes_of_force(runs)
    for change in changes:
        events.append(Event(change, "regime", "the acceleration changes from one constant value to another"))
        regimes = [part for regime in regimes for part in _parted(regime, change)]
    runs, step = _thinned(runs)
    if step > 1:
        warnings.append(f"One row in {step} was used for the fit; all were used for smoothing.")
    return Evidence(
        coordinates=trajectories[0].coordinates,
        units=trajectories[0].units,
        runs=tuple(runs),
        events=tuple(events),
        regimes=tuple(regimes),
        time_scale_s=_time_scale(runs),
        warnings=tuple(warnings),
    )


def _at_changes_of_force(runs: Sequence[Run]) -> tuple[list[Run], list[float]]:
    """Parts runs in which one constant acceleration gives way to another, as where a ball rolls off a table."""
    parted: list[Run] = []
    times: list[float] = []
    for run in runs:
        row = change_of_force(run.trajectory.t, run.trajectory.position)
        if row is None:
            parted.append(run)
            continue
        times.append(float(run.trajectory.t[row]))
        parted += [
            _run(run.trajectory.rows(part), run.noise_std, 0.0) for part in beside_change(row, len(run.trajectory.t))
        ]
    return parted, times


def _parted(regime: Regime, at: float) -> list[Regime]:
    """A regime cut in two at a time, if it holds that time."""
    if regime.kind != "motion" or not regime.t_start < at < regime.t_end:
        return [regime]
    return [replace(regime, t_end=at), replace(regime, t_start=at)]


def _held_until(regimes: list[Regime], begin: float, release: float) -> list[Regime]:
    """Marks the part of a regime from ``begin`` to ``release`` seconds as held."""
    found = []
    for regime in regimes:
        if regime.t_start <= begin < regime.t_end and regime.kind == "motion":
            found.append(Regime(regime.t_start, release, "held", {}))
            regime = Regime(release, regime.t_end, "motion", {})
        found.append(regime)
    return found


def _time_scale(runs: Sequence[Run]) -> float:
    """2π·std(velocity)/std(acceleration), at most the longest run and at least six rows."""
    if not runs:
        return 1.0
    half = runs[0].states.shape[1] // 2
    velocity = np.concatenate([run.states[:, half:] - run.states[:, half:].mean(axis=0) for run in runs])
    acceleration = np.concatenate([run.acceleration for run in runs])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.nanmin(2 * np.pi * velocity.std(axis=0) / acceleration.std(axis=0))
    longest = max(run.trajectory.t[-1] - run.trajectory.t[0] for run in runs)
    spacing = float(np.median(np.concatenate([np.diff(run.trajectory.t) for run in runs])))
    return float(np.clip(scale if np.isfinite(scale) else longest, 6 * spacing, longest))
