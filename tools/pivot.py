"""The pivot and angle of one point that keeps to a circle: a pendulum, or a mark on a wheel.

The circle is believed only if the points leave it by much less than the arc bends, fit it better than a parabola, and
the radius is known to a few per cent. Leaves out: linkages (`links`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from motionlaw.tools.law import Quantity
from motionlaw.tools.points import Point, angle_of, known, orientation, pull_direction
from motionlaw.tools.shapes import Circle, fit_circle, parabola_residual_std
from motionlaw.tools.trajectory import Trajectory

UPRIGHT = np.deg2rad(30.0)  # hanging so near to y is hanging along y, but for a small turn of the camera
FULL_TURN = np.deg2rad(300.0)  # of arc: from here on there is no middle of a swing
Described = tuple[tuple[Trajectory, ...], tuple[Quantity, ...], np.ndarray, str]


def _is_circle(circle: Circle, points: np.ndarray, sigma: float) -> bool:
    bends = circle.sagitta > 8.0 * circle.residual_std and circle.arc > np.deg2rad(5.0)
    known_radius = circle.stderr[2] < 0.05 * circle.radius
    close = circle.residual_std < max(4.0 * sigma, 0.03 * circle.sagitta)
    # A thrown ball bends too: over a wide arc the two curves part, and over a short one a swing comes back.
    rival = parabola_residual_std(points)
    return bool(bends and known_radius and close and circle.residual_std < max(1.2 * rival, 1.5 * sigma))


def _comes_back(run: Trajectory, point: Point) -> bool:
    """Asks whether a point turns round along its arc, or goes round it: not true of a single flight."""
    points = known(run, point)
    way = points @ np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    extent = np.ptp(way)
    travelled = max(way.max() - way[0], way[0] - way.min()) + max(way.max() - way[-1], way[-1] - way.min())
    return bool(travelled > 1.3 * extent or np.sum(np.abs(np.diff(way))) > 1.6 * extent)


def _middle_of_swing(value: np.ndarray) -> tuple[float, float]:
    """Where a swing balances and how well that is known: the mean of successive turning points' middles, radians."""
    value = value[np.isfinite(value)]
    low, high = np.min(value), np.max(value)
    side = value - 0.5 * (low + high)
    crossings = np.flatnonzero(np.diff(np.sign(side)) != 0)
    tops = np.array([part[np.argmax(np.abs(part - 0.5 * (low + high)))]
                     for part in np.split(value, crossings + 1)[1:-1] if len(part) > 2])
    if len(tops) < 4:
        return 0.0, np.inf
    # (a + 2b + c)/4 of three turning points: free of the amplitude and of its decay to first order.
    middles = 0.25 * (tops[:-2] + 2.0 * tops[1:-1] + tops[2:])
    return float(np.median(middles)), float(1.3 * np.std(middles) / np.sqrt(len(middles)) + 1e-6)


def _down(clouds: Sequence[np.ndarray], circle: Circle, sigma: float) -> np.ndarray:
    """Finds where a body on the circle hangs: below its swing, or where it is fastest if it goes round."""
    if circle.arc < FULL_TURN:
        lean = np.concatenate(clouds).mean(axis=0) - circle.centre
        return lean / max(float(np.linalg.norm(lean)), 1e-300)
    pull = pull_direction([[cloud] for cloud in clouds], sigma)
    return pull.direction if pull else np.array([0.0, -1.0])


def _zero(circle: Circle, clouds: Sequence[np.ndarray], arms: Sequence[np.ndarray], sigma: float,
          y_down: bool | None) -> tuple[bool, float, float, str]:
    """Says whether y grows downwards, where zero is (radians from straight down), its standard error, and the words."""
    downwards, zero, where = orientation(_down(clouds, circle, sigma), y_down)
    if circle.arc >= FULL_TURN:
        return downwards, zero, 0.0, where
    # A swing is about its own middle: a tilted camera, or a force that is not along y, shows there.
    upright = 0.0 if abs(zero) < UPRIGHT else zero
    raw = [angle_of(arm, None, None, y_down=downwards, zero=upright).value for arm in arms]
    middle, stderr = min((_middle_of_swing(value) for value in raw), key=lambda pair: pair[1])
    is_off = np.isfinite(stderr) and abs(middle) > max(4.0 * stderr, 0.003)
    zero, stderr = (upright + middle, stderr) if is_off else (upright, 0.0)
    where = f", {np.rad2deg(zero):.2f} degrees from straight down along y" if zero else ""
    where += ", and y was taken to grow downwards" if downwards and y_down is None else ""
    return downwards, zero, stderr, where


def _shares_pivot(circle: Circle, clouds: Sequence[np.ndarray], sigma: float) -> bool:
    """Asks whether runs that each keep to a circle keep to this one as well."""
    alone = [(fit_circle(cloud), cloud) for cloud in clouds if len(cloud) >= 8]
    believed = [one.residual_std for one, cloud in alone if _is_circle(one, cloud, sigma)]
    return not believed or circle.residual_std < 3.0 * max(believed) + 2.0 * sigma


def angle_about_pivot(runs: Sequence[Trajectory], point: Point, sigma: float, *,
                      y_down: bool | None = None) -> Described | None:
    """Describes a point on a circle by its angle.

    Args:
        runs: Runs with that point; each may have a pivot of its own.
        point: The moving point.
        sigma: Measurement noise of the point.
        y_down: Whether y grows downwards; found from the data if not given.

    Returns:
        The runs in theta, the pivot and radius, the noise of theta, and a note; None if it is no circle.
    """
    together = _about_one_pivot(runs, point, sigma, y_down)
    if together is not None or len(runs) == 1:
        return together
    made: list[Trajectory] = []
    quantities: list[Quantity] = []
    sigmas, notes = [], []
    for run in runs:
        alone = _about_one_pivot([run], point, sigma, y_down)
        if alone is None:
            return None
        made += alone[0]
        quantities += [replace(quantity, name=f"{quantity.name} of {run.name}") for quantity in alone[1]]
        sigmas.append(alone[2])
        notes.append(f"{run.name}: {alone[3]}")
    return tuple(made), tuple(quantities), np.median(sigmas, axis=0), " ".join(notes)


def _about_one_pivot(runs: Sequence[Trajectory], point: Point, sigma: float, y_down: bool | None) -> Described | None:
    """Describes runs about the same pivot."""
    clouds = [known(run, point) for run in runs]
    points = np.concatenate(clouds)
    if len(points) < 8:
        return None
    circle = fit_circle(points)
    if not _is_circle(circle, points, sigma) or not any(_comes_back(run, point) for run in runs):
        return None
    if len(runs) > 1 and not _shares_pivot(circle, clouds, sigma):
        return None
    columns = list(point.columns)
    arms = [run.position[:, columns] - circle.centre for run in runs]
    downwards, zero, zero_stderr, where = _zero(circle, clouds, arms, sigma, y_down)
    made = []
    unit = runs[0].units[columns[0]]
    note = (f"{point.name} keeps to a circle of radius {circle.radius:.5g} {unit}".rstrip()
            + f" about ({circle.centre[0]:.5g}, {circle.centre[1]:.5g}), to {circle.residual_std:.2g}; "
            f"theta is zero where it hangs{where}.")
    for run, arm in zip(runs, arms, strict=True):
        rates = [None if rate is None else rate[:, columns] for rate in (run.velocity, run.acceleration)]
        angle = angle_of(arm, rates[0], rates[1], y_down=downwards, zero=zero)
        spins = [None if rate is None else rate[:, None] for rate in (angle.velocity, angle.acceleration)]
        made.append(replace(run, coordinates=("theta",), position=angle.value[:, None], velocity=spins[0],
                            acceleration=spins[1], units=("rad",), notes=(*run.notes, note)))
    parameters = (
        Quantity("pivot x", float(circle.centre[0]), float(circle.stderr[0]), unit),
        Quantity("pivot y", float(circle.centre[1]), float(circle.stderr[1]), unit),
        Quantity("radius", circle.radius, float(circle.stderr[2]), unit),
        *((Quantity("zero of theta", zero, zero_stderr, "rad"),) if zero else ()),
    )
    return tuple(made), parameters, np.array([sigma / circle.radius]), note
