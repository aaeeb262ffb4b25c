"""Accelerometers that ride on the body: what their tables can tell, which is an oscillation and its damping.

A sensor in the body's own frame turns with it and feels the string's pull, so its axes are no coordinates of a law
of motion. The axis that swings most clearly still has the motion's frequency; a law is sought for that signal only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from motionlaw.tools.events import steady_oscillation
from motionlaw.tools.frequency import dominant_frequency
from motionlaw.tools.trajectory import Trajectory


def is_sensor(trajectories: Sequence[Trajectory]) -> bool:
    """Whether the coordinates are accelerations of a sensor (``a_x``, ``a_y`` …), as accelerometer tables give them."""
    return all(name.startswith("a_") for trajectory in trajectories for name in trajectory.coordinates)


def swinging_axis(trajectory: Trajectory) -> Trajectory | None:
    """The axis and stretch in which a sensor swings most clearly.

    Args:
        trajectory: Accelerations in the sensor's frame.

    Returns:
        That axis alone over that stretch, with a note; ``None`` where no axis swings steadily.
    """
    best: tuple[float, Trajectory] | None = None
    for column, name in enumerate(trajectory.coordinates):
        seen = np.isfinite(trajectory.position[:, column])
        t, signal = trajectory.t[seen], trajectory.position[seen, column]
        rows = steady_oscillation(t, signal)
        if rows is None:
            continue
        t, signal = t[rows], signal[rows]
        frequency = dominant_frequency(t, signal)
        turns = frequency.value * (t[-1] - t[0]) / (2 * np.pi)
        power = float(frequency.power_share * np.var(signal) * min(turns, 20.0))
        if best is None or power > best[0]:
            note = (
                f"{name} swings steadily from {t[0]:.3g} s to {t[-1]:.3g} s: the law is one of this signal in the "
                "sensor's frame, so it tells frequency and damping but no force."
            )
            swing = replace(
                trajectory, t=t, coordinates=(name,), position=signal[:, None], velocity=None, acceleration=None,
                units=(trajectory.units[column],), notes=(*trajectory.notes, note),
            )  # fmt: skip
            best = (power, swing)
    return best[1] if best else None
