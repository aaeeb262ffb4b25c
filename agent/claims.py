"""Claims held against tracks: a claim that misses is corrected where the track tells better, or dropped, and marked.

Used for chains of rules and of models alike. A box misses where it overlaps the track's by less than half; a motion
tag is wrong where a word differs from the one that the track gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Prose, Step
from motionlaw.agent.mcot_checks import ObservationCheck, TagCheck, verify_chain
from motionlaw.tools.tracks import box_at
from motionlaw.tools.trajectory import Track

HITS = 0.5
"""Least overlap (intersection over union) of a claimed box with the track's."""


@dataclass(frozen=True)
class CheckedChain:
    """A chain whose claims agree with the tracks, and one sentence for each claim that was corrected or dropped."""

    chain: Chain
    marks: tuple[str, ...]


def checked_chain(chain: Chain, tracks: Sequence[Track], *, still: Sequence[Track] = ()) -> CheckedChain:
    """Corrects or drops what a chain claims against the tracks.

    Args:
        chain: The chain; boxes in the tracks' pixels.
        tracks: What truly moves.
        still: The same with the camera's motion taken out, where it moves.

    Returns:
        The chain with a mark in its prose beside every claim that was changed, and the marks.
    """
    found = verify_chain(chain, tracks, still=still)
    seen = {id(check.observation): check for check in found.observations}
    tags = {id(check.tag): check for check in found.tags}
    by_name = {track.name: track for track in tracks}
    steps: list[Step] = []
    marks: list[str] = []
    for step in chain.steps:
        kept: Step | None = step
        mark = ""
        if isinstance(step, Observation):
            kept, mark = _observation(step, seen[id(step)], by_name)
        elif isinstance(step, MotionTag):
            kept, mark = _tag(step, tags[id(step)])
        steps += [kept] if kept is not None else []
        if mark:
            marks.append(mark)
            steps.append(Prose(f"[{mark}]"))
    return CheckedChain(Chain(tuple(steps), chain.answer), tuple(marks))


def _observation(step: Observation, check: ObservationCheck, tracks: dict[str, Track]) -> tuple[Step | None, str]:
    if check.track is None:
        return None, f"dropped: nothing tracked is called {step.name[:60]}"
    if check.iou is None:
        return None, f"dropped: the place of {step.name[:60]} has no time"
    if check.iou >= HITS:
        return step, ""
    box = box_at(tracks[check.track], float(step.t or 0.0))
    if not np.isfinite(box).all():
        return None, f"dropped: {step.name[:60]} is not seen at {step.t:.2f} s"
    x1, y1, x2, y2 = (round(float(edge), 1) for edge in box)
    return replace(
        step, box=(x1, y1, x2, y2)
    ), f"corrected: the box of {step.name[:60]} at {step.t:.2f} s missed the track"


def _tag(step: MotionTag, check: TagCheck) -> tuple[Step | None, str]:
    if check.track is None or check.expected is None:
        return (step, "") if check.track is not None else (None, f"dropped: nothing tracked is called {step.name[:60]}")
    wrong = [name for name, right in check.right.items() if not right]
    if not wrong:
        return step, ""
    better = {name: getattr(check.expected, name) for name in wrong}
    changed = ", ".join(f"{name} {getattr(step, name)} to {value}" for name, value in better.items())
    return replace(step, **better), f"corrected: {step.name[:60]}: {changed}"
