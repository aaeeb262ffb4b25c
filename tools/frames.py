"""Coordinates that suit a motion: an angle about a pivot, the way along a line, the angles of a linkage, or the plane.

Names say which columns are points (``x, y``; ``x1, y1``; ``tip_x, tip_y``); the data say everything else: which points
stand still, which keep their distance, where the pivot is and which way is down. Angles are zero where a body hangs
and grow counter-clockwise seen with y up. Leaves out: three dimensions and tilted views of circles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.law import Quantity
from motionlaw.tools.links import link_angles
from motionlaw.tools.noise import noise_std
from motionlaw.tools.pivot import angle_about_pivot
from motionlaw.tools.points import Point, known
from motionlaw.tools.shapes import Line, fit_circle, fit_line, parabola_residual_std
from motionlaw.tools.trajectory import Trajectory

DEGREE_UNITS = ("deg", "degree", "degrees", "°")
NEAR_AXIS = np.deg2rad(8.0)
# At most this share of a run's rows may be left out as strays from a circle.
MOST_STRAYS, STRAY_FACTORS = 0.15, (20, 10, 7, 5, 5)
_POINT_NAME = re.compile(r"^(?P<before>.*?)[_\s.]?(?P<axis>[xy])[_\s]?(?P<after>\d*)$", re.IGNORECASE)


@dataclass(frozen=True)
class CoordinateChoice:
    """One way to describe a motion.

    Args:
        kind: ``angle``, ``angles``, ``line``, ``plane`` or ``given``.
        trajectories: The runs in these coordinates, as many as were given.
        quantities: What was fitted (pivot, length, direction), with standard errors.
        noise_std: Measurement noise of each coordinate, shape (D,).
        note: One sentence for the reader.
    """

    kind: str
    trajectories: tuple[Trajectory, ...]
    quantities: tuple[Quantity, ...]
    noise_std: np.ndarray
    note: str

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return self.trajectories[0].coordinates

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the coordinates."""
        return self.trajectories[0].units


def find_points(coordinates: Sequence[str]) -> tuple[Point, ...]:
    """Finds the points that pairs of columns stand for.

    Example:
        >>> [(point.name, point.columns) for point in find_points(("tip_x", "tip_y", "theta"))]
        [('tip', (0, 1))]
        >>> [point.columns for point in find_points(("x1", "y1", "x2", "y2"))]
        [(0, 1), (2, 3)]
    """
    found: dict[tuple[str, str], dict[str, int]] = {}
    for column, name in enumerate(coordinates):
        match = _POINT_NAME.match(name)
        # 'max' is no x of 'ma': a longer name needs a separator or a capital before its axis.
        if match and (not match["before"] or re.search(r"[_\s.][xyXY]\d*$", name) or name[-1] in "XY"):
            found.setdefault((match["before"], match["after"]), {})[match["axis"].lower()] = column
    return tuple(Point((before + after) or "point", (axes["x"], axes["y"]))
                 for (before, after), axes in found.items() if len(axes) == 2)


def _in_radians(trajectory: Trajectory) -> Trajectory:
    """Turns columns in degrees into radians, and angles that were cut at a full turn into continuous ones."""
    position, notes, units = trajectory.position.copy(), list(trajectory.notes), list(trajectory.units)
    factor = np.ones(len(units))
    for column, unit in enumerate(trajectory.units):
        values = position[:, column]
        seen = np.isfinite(values)
        if unit.lower() in DEGREE_UNITS:
            factor[column], units[column] = np.pi / 180.0, "rad"
            values *= factor[column]
            notes.append(f"{trajectory.coordinates[column]} was in degrees and is in radians now.")
        if units[column] == "rad" and np.any(np.abs(np.diff(values[seen])) > 1.5 * np.pi):
            values[seen] = np.unwrap(values[seen])
            notes.append(f"{trajectory.coordinates[column]} was cut at full turns and is continuous now.")
    scaled = [None if rate is None else rate * factor for rate in (trajectory.velocity, trajectory.acceleration)]
    return replace(trajectory, position=position, velocity=scaled[0], acceleration=scaled[1], units=tuple(units),
                   notes=tuple(notes))


def _columns(trajectory: Trajectory, columns: Sequence[int]) -> Trajectory:
    keep = list(columns)
    rates = [None if rate is None else rate[:, keep] for rate in (trajectory.velocity, trajectory.acceleration)]
    return replace(trajectory, coordinates=tuple(trajectory.coordinates[k] for k in keep),
                   position=trajectory.position[:, keep], velocity=rates[0], acceleration=rates[1],
                   units=tuple(trajectory.units[k] for k in keep))


def measured_noise(trajectories: Sequence[Trajectory]) -> np.ndarray:
    """Returns the measurement noise of each coordinate, the median over the runs, shape (D,)."""
    each = np.array([noise_std(trajectory.t, trajectory.position) for trajectory in trajectories])
    seen = np.any(np.isfinite(each), axis=0)
    return np.where(seen, np.nanmedian(np.where(seen, each, 0.0), axis=0), np.nan)


def _still_columns(trajectories: Sequence[Trajectory], noise: np.ndarray) -> np.ndarray:
    """Marks columns that do not move: at the level of their noise, or a two-hundredth of the widest of their unit."""
    seen = [values[np.isfinite(values)] for values in np.concatenate([run.position for run in trajectories]).T]
    spread = np.array([np.std(values) if len(values) else 0.0 for values in seen])
    units = np.array(trajectories[0].units)
    widest = np.array([np.max(spread[units == unit]) for unit in units])
    still = (spread <= 1.5 * noise) & (spread < 0.05 * widest) | (spread < 0.005 * widest)
    return still & (spread < widest)


def choose_coordinates(trajectories: Sequence[Trajectory], *,
                       y_down: bool | None = None) -> tuple[CoordinateChoice, ...]:
    """Proposes coordinates for a motion, best first; the last are those given, less what stands still.

    Args:
        trajectories: Runs of one motion, with the same coordinates.
        y_down: Whether y grows downwards, as in image pixels; found from where bodies hang if not given.

    Returns:
        One to three choices.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0.0, 10.0, 400)
        >>> angle = 0.5 * np.cos(2.0 * t)
        >>> swing = np.stack([3.0 + np.sin(angle), 1.0 - np.cos(angle)], axis=1)
        >>> best = choose_coordinates([Trajectory("swing", t, ("x", "y"), swing)])[0]
        >>> best.kind, best.coordinates, bool(np.allclose(best.trajectories[0].position[:, 0], angle, atol=1e-6))
        ('angle', ('theta',), True)
    """
    runs = [_in_radians(trajectory) for trajectory in trajectories]
    noise = measured_noise(runs)
    still = _still_columns(runs, noise)
    points = find_points(runs[0].coordinates)
    in_points = {column for point in points for column in point.columns}
    choices: list[CoordinateChoice] = []
    if points and len(in_points) == len(runs[0].coordinates):
        moving = [point for point in points if not all(still[list(point.columns)])]
        fixed = [point for point in points if all(still[list(point.columns)])]
        if len(moving) == 1:
            choices += _one_point(runs, moving[0], noise, y_down)
        elif len(moving) > 1:
            angles = link_angles(runs, moving, fixed, noise, y_down=y_down)
            if angles is not None:
                choices.append(CoordinateChoice("angles", *angles))
    kept = [column for column in range(len(still)) if not still[column]]
    # A point that only moves sideways keeps both coordinates here: 'line' is the choice that drops one.
    kept = [column for column in range(len(still)) if column in kept or any(
        column in point.columns and not all(still[list(point.columns)]) for point in points)]
    dropped = [name for column, name in enumerate(runs[0].coordinates) if column not in kept]
    note = f"{', '.join(dropped)} stand still and were left out." if dropped else "Coordinates as given."
    plain = [_columns(run, kept) for run in runs]
    if dropped:
        plain = [replace(run, notes=(*run.notes, note)) for run in plain]
    kind = "plane" if points else "given"
    return (*choices, CoordinateChoice(kind, tuple(plain), (), noise[kept], note))


def _one_point(runs: Sequence[Trajectory], point: Point, noise: np.ndarray,
               y_down: bool | None) -> list[CoordinateChoice]:
    """Proposes an angle if the point keeps to a circle, a line if it keeps to one; the better one first."""
    sigma = float(np.sqrt(np.mean(noise[list(point.columns)] ** 2)))
    points = np.concatenate([known(run, point) for run in runs])
    if len(points) < 4:
        return []
    line = fit_line(points)
    straight = line.residual_std < max(3.0 * sigma, 0.004 * line.extent)
    choices = []
    angle = angle_about_pivot(runs, point, sigma, y_down=y_down)
    if angle is None and not straight:
        angle = angle_about_pivot([_on_circle(run, point) for run in runs], point, sigma, y_down=y_down)
    if angle is not None and not (straight and line.residual_std < 2.0 * sigma):
        choices.append(CoordinateChoice("angle", *angle))
    # A little sideways drift is a crooked camera or guide; a bend that stands out of the noise is a second coordinate.
    # A wider sway with no bend in it (a mass on a spring also swings) is a motion of its own beside the main one.
    sways = line.residual_std < 0.08 * line.extent and parabola_residual_std(points) > 0.7 * line.residual_std
    if straight or (not choices and (line.residual_std < 0.03 * line.extent or sways)):
        choices.append(_along_line(runs, point, line, sigma))
    return choices


def _on_circle(run: Trajectory, point: Point) -> Trajectory:
    """A run without the rows far off the circle that most rows keep to: a tracker's hold on something else."""
    columns = np.array(point.columns)
    seen = np.flatnonzero(np.isfinite(run.position[:, columns]).all(axis=1))
    kept = seen
    for factor in STRAY_FACTORS:  # the worst go first: they bend the circle that judges the others
        if len(kept) < max(8, (1 - MOST_STRAYS) * len(seen)):
            return run
        circle = fit_circle(run.position[np.ix_(kept, columns)])
        off = np.abs(np.linalg.norm(run.position[np.ix_(seen, columns)] - circle.centre, axis=1) - circle.radius)
        kept = seen[off <= max(factor * 1.4826 * float(np.median(off)), 1e-12)]
    strays = np.setdiff1d(seen, kept)
    if not len(strays) or len(strays) > MOST_STRAYS * len(seen):
        return run
    position = run.position.copy()
    position[np.ix_(strays, columns)] = np.nan
    note = f"{len(strays)} rows lie far off the circle and were left out."
    return replace(run, position=position, notes=(*run.notes, note))


def _along_line(runs: Sequence[Trajectory], point: Point, line: Line, sigma: float) -> CoordinateChoice:
    """Projects a point onto its line: x if near level, y if near upright, else s."""
    angle = float(np.arctan2(line.direction[1], line.direction[0]))
    if abs(angle) < NEAR_AXIS:
        name, origin = "x", float(line.point[0])
    elif abs(angle - np.pi / 2) < NEAR_AXIS:
        name, origin = "y", float(line.point[1])
    else:
        name, origin = "s", 0.0
    note = (f"{point.name} keeps to a line at {np.rad2deg(angle):.2f} degrees to x; {name} is the way along it, "
            f"{line.residual_std:.3g} sideways was left out.")
    unit = runs[0].units[point.columns[0]]
    made = []
    for run in runs:
        columns = list(point.columns)
        way = (run.position[:, columns] - line.point) @ line.direction + origin
        rates = [None if rate is None else (rate[:, columns] @ line.direction)[:, None]
                 for rate in (run.velocity, run.acceleration)]
        made.append(replace(run, coordinates=(name,), position=way[:, None], velocity=rates[0],
                            acceleration=rates[1], units=(unit,), notes=(*run.notes, note)))
    direction = Quantity("line angle", angle, line.angle_stderr, "rad")
    return CoordinateChoice("line", tuple(made), (direction,), np.array([sigma]), note)
