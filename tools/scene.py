"""What several objects of one scene share: velocities before and after a contact, and the momentum they exchange."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionlaw.tools.law import Event, Quantity
from motionlaw.tools.trajectory import Trajectory

# Seconds around a contact that belong to it, in frames.
FRAMES_OF_CONTACT = 1.5


def _velocity(trajectory: Trajectory, low: float, high: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean velocity and its standard error over a time range, by straight lines, shape (D,) each."""
    rows = (trajectory.t >= low) & (trajectory.t <= high) & np.isfinite(trajectory.position).all(axis=1)
    if rows.sum() < 2:
        return None
    t, position = trajectory.t[rows], trajectory.position[rows]
    centred = t - t.mean()
    slope = centred @ position / (centred @ centred)
    rest = position - position.mean(axis=0) - np.outer(centred, slope)
    spread = np.sqrt(np.sum(rest**2, axis=0) / max(1, rows.sum() - 2))
    return slope, spread / np.sqrt(centred @ centred)


def scene_quantities(trajectories: Sequence[Trajectory], contacts: Sequence[Event]) -> tuple[Quantity, ...]:
    """Velocities of two objects before and after their first contact, and the ratio of their masses.

    The mass ratio m1/m2 = -|Δv2|/|Δv1| along the line of the exchange follows from Newton's third law.

    Args:
        trajectories: The objects; the first two are compared.
        contacts: Their contacts, in time order.
    """
    if len(trajectories) < 2 or not contacts:
        return ()
    spacing = float(np.median(np.diff(trajectories[0].t)))
    hit, margin = contacts[0].t, FRAMES_OF_CONTACT * spacing
    end = contacts[1].t - margin if len(contacts) > 1 else np.inf
    found: list[Quantity] = []
    changes = []
    for number, trajectory in enumerate(trajectories[:2], start=1):
        before = _velocity(trajectory, -np.inf, hit - margin * 0.7)
        after = _velocity(trajectory, hit + margin * 0.7, end)
        if before is None or after is None:
            return tuple(found)
        unit = f"{trajectory.units[0] or '1'}/s"
        for label, (value, error) in (("before", before), ("after", after)):
            found += [
                Quantity(f"velocity of {name}{number} {label} contact", float(v), float(e), unit)
                for name, v, e in zip(trajectory.coordinates, value, error, strict=True)
            ]
        changes.append((after[0] - before[0], np.hypot(after[1], before[1])))
    (change1, error1), (change2, error2) = changes
    along = change1 - change2
    along = along / max(float(np.linalg.norm(along)), 1e-300)
    push1, push2 = float(change1 @ along), float(change2 @ along)
    if push1 * push2 < 0:
        ratio = -push2 / push1
        error = abs(ratio) * np.hypot(
            float(np.abs(error1) @ np.abs(along)) / push1, float(np.abs(error2) @ np.abs(along)) / push2
        )
        found.append(Quantity("mass ratio m1/m2 from the exchange of momentum", ratio, float(error), "1"))
    return tuple(found)
