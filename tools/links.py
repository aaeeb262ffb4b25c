"""The angles of a linkage: points that keep their distances, in a chain from a fixed pivot.

The chain is read off the distances, not off the names: a link is a pair of points whose distance varies by less than a
fiftieth and much less than they move. Leaves out: loops, and rigid bodies marked by three points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from motionlaw.tools.law import Quantity
from motionlaw.tools.points import Angle, Point, angle_of, known, orientation, pull_direction
from motionlaw.tools.shapes import fit_circle
from motionlaw.tools.trajectory import Trajectory

LOOSE = 0.02  # of the length: how much a rigid link may seem to stretch
Described = tuple[tuple[Trajectory, ...], tuple[Quantity, ...], np.ndarray, str]


@dataclass(frozen=True)
class _Joint:
    """A point of the linkage: where it is (all runs in a row), its rates' source, its noise."""

    name: str
    point: Point | None
    place: np.ndarray
    sigma: float


def _stacked(runs: Sequence[Trajectory], point: Point) -> np.ndarray:
    return np.concatenate([run.position[:, list(point.columns)] for run in runs])


def _length(a: _Joint, b: _Joint) -> tuple[float, float]:
    """Mean distance and its spread."""
    distance = np.linalg.norm(a.place - b.place, axis=1)
    return float(np.nanmean(distance)), float(np.nanstd(distance))


def _is_rigid(a: _Joint, b: _Joint) -> bool:
    mean, spread = _length(a, b)
    travel = float(np.sqrt(np.nanmean(np.nanvar(b.place - a.place, axis=0))))
    return spread < LOOSE * mean and spread < 0.1 * travel


def _pivots(runs: Sequence[Trajectory], joints: Sequence[_Joint], fixed: Sequence[Point]) -> list[_Joint]:
    """Pivots to start a chain from: points that stand still, else the centre of a point's circle."""
    rows = len(joints[0].place)
    marked = [np.concatenate([known(run, one) for run in runs]).mean(axis=0) for one in fixed]
    if marked:
        return [_Joint(one.name, None, np.tile(place, (rows, 1)), 0.0)
                for one, place in zip(fixed, marked, strict=True)]
    found = []
    for joint in joints:
        circle = fit_circle(joint.place[np.all(np.isfinite(joint.place), axis=1)])
        rest = circle.residual_std
        if rest < max(4.0 * joint.sigma, 0.01 * circle.radius) and circle.sagitta > 8.0 * rest:
            found.append((rest / circle.radius, circle.centre))
    best = sorted(found, key=lambda one: one[0])[:1]
    return [_Joint("pivot", None, np.tile(centre, (rows, 1)), 0.0) for _, centre in best]


def _chain(start: _Joint, joints: Sequence[_Joint]) -> list[_Joint]:
    """Follows rigid links outwards from a pivot."""
    chain, left = [start], list(joints)
    while left:
        following = [joint for joint in left if _is_rigid(chain[-1], joint)]
        if not following:
            break
        nearest = min(following, key=lambda joint: _length(chain[-1], joint)[1])
        chain.append(nearest)
        left.remove(nearest)
    return chain


def link_angles(runs: Sequence[Trajectory], moving: Sequence[Point], fixed: Sequence[Point], noise: np.ndarray, *,
                y_down: bool | None = None) -> Described | None:
    """Describes a linkage by the angle of each link from straight down.

    Args:
        runs: Runs with these points.
        moving: Points that move.
        fixed: Points that stand still.
        noise: Measurement noise of every column.
        y_down: Whether y grows downwards; found from where the points are on average if not given.

    Returns:
        The runs in theta1, theta2, ..., lengths and pivot, the noise of the angles, and a note; None if the moving
        points form no chain.
    """
    joints = [_Joint(point.name, point, _stacked(runs, point), float(np.sqrt(np.mean(noise[list(point.columns)] ** 2))))
              for point in moving]
    chains = [_chain(pivot, joints) for pivot in _pivots(runs, joints, fixed)]
    whole = [chain for chain in chains if len(chain) == len(joints) + 1]
    if not whole:
        return None
    chain = whole[0]
    lean = sum(np.nanmean(outer.place - inner.place, axis=0) for inner, outer in pairwise(chain))
    rows = _rows(runs)
    pull = pull_direction([[joint.place[part] for joint in chain[1:]] for part in rows], max(j.sigma for j in joints))
    down = pull.direction if pull else lean / max(float(np.linalg.norm(lean)), 1e-300)
    downwards, zero, where = orientation(down, y_down)
    names = tuple(f"theta{number}" for number in range(1, len(chain)))
    lengths = [_length(inner, outer) for inner, outer in pairwise(chain)]
    unit = runs[0].units[moving[0].columns[0]]
    note = (f"{' - '.join(joint.name for joint in chain)} is a linkage with lengths "
            f"{', '.join(f'{mean:.5g}' for mean, _ in lengths)} {unit}".rstrip()
            + f"; {', '.join(names)} are zero straight down{where}.")
    made = [_described(run, part, chain, (downwards, zero), (names, note))
            for run, part in zip(runs, rows, strict=True)]
    sigma = np.array([np.hypot(inner.sigma, outer.sigma) / mean for (inner, outer), (mean, _) in
                      zip(pairwise(chain), lengths, strict=True)])
    count = max(len(chain[0].place), 1)
    parameters = [Quantity(f"length {number}", mean, float(spread / np.sqrt(count)), unit)
                  for number, (mean, spread) in enumerate(lengths, start=1)]
    pivot = chain[0].place[0]
    parameters += [Quantity("pivot x", float(pivot[0]), None, unit), Quantity("pivot y", float(pivot[1]), None, unit)]
    parameters += [Quantity("zero of theta", zero, None, "rad")] if zero else []
    return tuple(made), tuple(parameters), sigma, note


def _rows(runs: Sequence[Trajectory]) -> list[slice]:
    ends = np.cumsum([len(run.t) for run in runs]).tolist()
    return [slice(end - len(run.t), end) for run, end in zip(runs, ends, strict=True)]


def _rate_of(rate: np.ndarray, joint: _Joint) -> np.ndarray:
    return np.zeros((len(rate), 2)) if joint.point is None else rate[:, list(joint.point.columns)]


def _described(run: Trajectory, rows: slice, chain: Sequence[_Joint], axes: tuple[bool, float],
               words: tuple[tuple[str, ...], str]) -> Trajectory:
    """Turns one run into the angles of its links; ``axes`` is y_down and zero, ``words`` the names and the note."""
    (downwards, zero), (names, note) = axes, words
    angles: list[Angle] = []
    for inner, outer in pairwise(chain):
        rates = []
        for rate in (run.velocity, run.acceleration):
            rates.append(None if rate is None else _rate_of(rate, outer) - _rate_of(rate, inner))
        angles.append(angle_of(outer.place[rows] - inner.place[rows], rates[0], rates[1], y_down=downwards, zero=zero))
    velocity = [angle.velocity for angle in angles if angle.velocity is not None]
    acceleration = [angle.acceleration for angle in angles if angle.acceleration is not None]
    return replace(run, coordinates=names, position=np.stack([angle.value for angle in angles], axis=1),
                   velocity=np.stack(velocity, axis=1) if velocity else None,
                   acceleration=np.stack(acceleration, axis=1) if acceleration else None,
                   units=("rad",) * len(names), notes=(*run.notes, note))
