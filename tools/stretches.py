"""Which rows of a stretch of motion belong to one law: without ragged ends, handling, and changes of force.

`events` finds what breaks a path (contacts, jumps, rest). This file finds what only a law's eye sees: rows where the
tracker held something else, a hand that leads before it lets go, one constant force that gives way to another.
"""

from __future__ import annotations

import numpy as np

from motionlaw.tools.trajectory import Trajectory

# Shorter runs show no handling; ends are judged where there are rows enough to continue.
FEWEST_FOR_HANDLING = 60
FEWEST_FOR_ENDS = 14
# A law seen at work is believed up to this many times the half range of the states it was seen in.
REACH_OF_LAW = 2.0
# A change of force takes this share of the stretch after it: a hand lets go by and by.
MOMENT = 0.05
# Two constant accelerations are looked for in runs of this length; long runs turn too often to be parabolas.
FEWEST_FOR_PARABOLA, MOST_FOR_PARABOLA = 6, 300


def between_ragged_ends(trajectory: Trajectory, rows: slice, noise: np.ndarray) -> slice:
    """Leaves out up to three rows at each end that the next six rows, continued, miss by far.

    A tracker takes hold of an object, and loses it, on rows that belong to something else.
    """
    t, position = trajectory.t[rows], trajectory.position[rows]
    if len(t) < FEWEST_FOR_ENDS:
        return rows
    span = np.ptp(position, axis=0)
    cut = []
    for order in (slice(None), slice(None, None, -1)):
        times, path = t[order], position[order]
        ragged = [k + 1 for k in range(3) if _is_off(times[k:], path[k:], noise, span)]
        cut.append(max(ragged, default=0))
    return slice(rows.start + cut[0], rows.stop - cut[1])


def _is_off(t: np.ndarray, position: np.ndarray, noise: np.ndarray, span: np.ndarray) -> bool:
    """Whether the first row lies far off the parabola through the next six."""
    u = (t[:7] - t[0]) / (t[6] - t[0])
    columns = np.vander(u, 3)
    course, *_ = np.linalg.lstsq(columns[1:], position[1:7], rcond=None)
    scatter = np.sqrt(np.sum((position[1:7] - columns[1:] @ course) ** 2, axis=0) / 3)
    miss = np.abs(position[0] - columns[0] @ course)
    return bool(np.any((miss > 12 * np.maximum(scatter, noise)) & (miss > 0.03 * span)))


def beside_change(row: int, rows: int) -> tuple[slice, slice]:
    """The rows before and after a change; the change itself takes a moment that belongs to neither."""
    return slice(0, row), slice(row + max(1, round(MOMENT * (rows - row))), None)


def change_of_force(t: np.ndarray, position: np.ndarray) -> int | None:
    """Row at which a path of two parabolas with common tangent changes over, ``None`` where it is no such path.

    Two parabolas must explain the path far better than one, and better than one smooth curve of the same freedom.
    """
    rows = len(t)
    if not 2 * FEWEST_FOR_PARABOLA < rows <= MOST_FOR_PARABOLA:
        return None
    u = (t - t[0]) / (t[-1] - t[0])

    def misfit(columns: list[np.ndarray]) -> float:
        matrix = np.column_stack(columns)
        solution, *_ = np.linalg.lstsq(matrix, position, rcond=None)
        return float(np.sum((position - matrix @ solution) ** 2))

    powers = [u**k for k in range(5)]
    at = np.arange(FEWEST_FOR_PARABOLA, rows - FEWEST_FOR_PARABOLA)
    breaks = [misfit([*powers[:3], np.maximum(u - u[row], 0.0) ** 2]) for row in at]
    best = int(np.argmin(breaks))
    if breaks[best] * 10 < misfit(powers[:3]) and breaks[best] * 4 < misfit(powers):
        return int(at[best])
    return None


def after_handling(states: np.ndarray, acceleration: np.ndarray, acceleration_stderr: np.ndarray) -> int:
    """Row from which a run follows one law, 0 where it does from the start: a hand may lead it before it lets go.

    A flexible smooth law is fitted to the accelerations of the last two thirds; the rows before, up to the last one
    that it misses by far, are handling. Cuts of a few rows are not believed.
    """
    rows, half = acceleration.shape
    if rows < FEWEST_FOR_HANDLING:
        return 0
    position, velocity = states[:, :half], states[:, half:]
    x = (position - position.mean(axis=0)) / np.maximum(position.std(axis=0), 1e-300)
    v = velocity / np.maximum(np.sqrt(np.mean(velocity**2, axis=0)), 1e-300)  # a steady velocity has no spread
    columns = np.hstack([np.ones((rows, 1)), x, v, x**2, x**3, x * v, np.abs(v) * v, np.sin(position)])
    late = slice(rows // 3, rows)
    law, *_ = np.linalg.lstsq(columns[late], acceleration[late], rcond=1e-10)
    rest = acceleration - columns @ law
    error = np.hypot(1.4826 * np.median(np.abs(rest[late]), axis=0), acceleration_stderr)
    reach = np.std(acceleration[late], axis=0)
    missed = np.any((np.abs(rest) > 8 * error) & (np.abs(rest) > 0.2 * reach), axis=1)
    # Only states like those seen later can be judged: a fall's first rows are slower than all that follow.
    states = np.hstack([position, velocity])
    low, high = states[late].min(axis=0), states[late].max(axis=0)
    missed &= np.all(np.abs(states - (low + high) / 2) <= REACH_OF_LAW * (high - low) / 2, axis=1)
    early = np.flatnonzero(missed[: rows // 3])
    if not len(early) or np.mean(missed[late]) > 0.01:
        return 0
    start = int(early[-1]) + 1
    # Most of the rows before must be missed too, or it is one bad row.
    return start if start >= 5 and np.mean(missed[:start]) > 0.3 else 0
