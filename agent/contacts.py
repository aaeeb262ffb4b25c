"""When two things meet, and when one bounces: from their paths before and after, to less than a frame.

Where two things merge in the picture their places are missing or wrong just when they touch; so the paths before and
after are extended to where they cross. Leaves out contacts that change no velocity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.agent.facts import Facts, Thing
from motionlaw.agent.question import Question
from motionlaw.tools.errors import ToolError
from motionlaw.tools.events import find_contacts, find_events
from motionlaw.tools.measures import turning_points
from motionlaw.tools.trajectory import Trajectory

TOUCHING = 0.25
"""Two things touch where the gap between them is less than this share of their size."""

SIDE = 6
"""Rows on each side of a meeting that its lines are fitted to."""

CUSP = 3.0
"""A low place is a bounce where the path bends this many times as much as it usually does."""


@dataclass(frozen=True)
class Meeting:
    """The nearest approach of two things.

    Args:
        t: Seconds, where the lines of approach and separation cross; the nearest row where they do not.
        stderr_s: How well that is known.
        gap_px: Distance then, less the size of the two along the line between them.
        size_px: That size.
        is_break: Whether the distance turns from shrinking to growing, or stays, more suddenly than its noise allows.
    """

    t: float
    stderr_s: float
    gap_px: float
    size_px: float
    is_break: bool

    @property
    def is_touch(self) -> bool:
        """Whether the two touch."""
        return self.gap_px < (2 * TOUCHING if self.is_break else TOUCHING) * self.size_px


def meeting(one: Thing, other: Thing) -> Meeting:
    """Measures the nearest approach of two things.

    Raises:
        ToolError: They are hardly ever seen at the same time.
    """
    t, offset = offsets(one, other)
    gap = np.linalg.norm(offset, axis=1)
    row = int(np.argmin(gap))
    step = float(np.median(np.diff(t)))
    before, after = slice(max(0, row - SIDE + 1), row + 1), slice(row, min(len(t), row + SIDE))
    along = offset[row] / max(float(gap[row]), 1e-9)
    size = float(np.abs(along) @ (one.size_px + other.size_px)) / 2
    if one.tracked.shape == other.tracked.shape == "round":
        size = float(np.mean([*one.size_px, *other.size_px]))
    time, least, is_break = float(t[row]), float(gap[row]), False
    if before.stop - before.start >= 3 and after.stop - after.start >= 3:
        first, last = np.polyfit(t[before] - time, gap[before], 1), np.polyfit(t[after] - time, gap[after], 1)
        noise = max(float(np.max(one.image.noise)), float(np.max(other.image.noise)), 0.3)
        turn = float(last[0] - first[0])
        is_break = bool(first[0] < 0 and turn > 4 * noise / (SIDE * step) and last[0] > -0.3 * abs(first[0]))
        cross = (first[1] - last[1]) / turn if abs(turn) > 1e-9 else 0.0
        lowest, highest = t[max(row - 1, 0)] - time - step, t[min(row + 1, len(t) - 1)] - time + step
        if is_break and lowest <= cross <= highest:
            time, least = time + float(cross), min(least, float(np.polyval(first, cross)))
    return Meeting(time, step / 2, least - size, size, is_break)


def contact_times(things: Sequence[Thing], facts: Facts) -> tuple[float, ...]:
    """Returns when any two of the things hit each other, in order."""
    found: list[float] = []
    for a in range(len(things)):
        for b in range(a + 1, len(things)):
            one, other = things[a], things[b]
            try:
                met = meeting(one, other)
            except ToolError:
                continue
            if not met.is_touch:
                continue
            facts.call("events", of=one.handle, other=other.handle)
            step = 2 * met.stderr_s
            hits = [event.t for event in find_contacts(_run(one), _run(other))]
            hits = [t for t in hits if abs(t - met.t) > 3 * step]  # the same one is known better already
            found += [float(t) for t in hits] + ([met.t] if met.is_break else [])
    return tuple(sorted(found))


def span_of(question: Question, thing: Thing, facts: Facts) -> dict[str, float]:
    """Returns the time range that a question asks about, as arguments of an instrument; empty for the whole video.

    Before and after are meant of a thing's first contact: with another thing, or seen in its own velocity.
    """
    asked = (("start_s", question.start_s), ("end_s", question.end_s))
    span = {name: value for name, value in asked if value is not None}
    if span or question.phase not in ("before", "after"):
        return span
    hits = [
        t for other in facts.things[:4] if other.handle != thing.handle for t in contact_times((thing, other), facts)
    ]
    hits = hits or [one.t for one in find_events(thing.scene.t, thing.scene.xy) if one.kind == "contact"]
    if not hits:
        raise ToolError(f"No contact was found that anything could be {question.phase}.")
    return {"end_s": min(hits)} if question.phase == "before" else {"start_s": min(hits)}


def bounce_times(thing: Thing) -> tuple[float, ...]:
    """Returns when a thing's height turns from falling to rising more suddenly than the path usually bends."""
    path = thing.scene
    t, y = path.t, path.xy[:, 1]
    if len(t) < 6:
        return ()
    noise = float(path.noise[1])
    step = float(np.median(np.diff(t)))
    bend = np.zeros(len(t))
    bend[1:-1] = (y[2:] - 2 * y[1:-1] + y[:-2]) / step**2
    usual = float(np.median(np.abs(bend[1:-1])))
    found = []
    for row in turning_points(y, least=max(4 * noise, 0.04 * thing.diagonal_px, 1.0)):
        if y[row] > np.min(y[max(row - 2, 0) : row + 3]) + 1e-9:
            continue  # a high place
        sharp = float(np.max(bend[max(row - 1, 1) : row + 2]))
        if sharp > max(CUSP * usual, 4 * np.sqrt(6.0) * noise / step**2):
            found.append(_crossing(t, y, int(row)))
    return tuple(found)


def _crossing(t: np.ndarray, y: np.ndarray, row: int) -> float:
    """Where the lines through the rows before and after a low place cross, within a frame of it."""
    before, after = slice(max(0, row - 2), row + 1), slice(row, row + 3)
    if row < 2 or row > len(t) - 3:
        return float(t[row])
    first, last = np.polyfit(t[before], y[before], 1), np.polyfit(t[after], y[after], 1)
    if abs(last[0] - first[0]) < 1e-9:
        return float(t[row])
    return float(np.clip((first[1] - last[1]) / (last[0] - first[0]), t[row - 1], t[row + 1]))


def offsets(one: Thing, other: Thing, *, whole: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Returns the times at which both are seen, shape (N,), and the way from one to the other, shape (N, 2), pixels.

    Args:
        one: A thing.
        other: Another.
        whole: Leave out places that the picture's edge cuts off.

    Raises:
        ToolError: There are fewer than three.
    """
    first, second = (one.image, other.image) if whole else (one.seen, other.seen)
    t, rows, others = np.intersect1d(np.round(first.t, 5), np.round(second.t, 5), return_indices=True)
    if len(t) < 3:
        raise ToolError("The two are hardly ever seen at the same time.")
    return t, second.xy[others] - first.xy[rows]


def _run(thing: Thing) -> Trajectory:
    return Trajectory(thing.handle, thing.scene.t, ("x", "y"), thing.scene.xy)
