"""Motion chains from tracks: where things are at key times, how they move in between, a question and its answer.

Key times are the ends of the film, turning points, contacts and breaks of the motion; a motion tag speaks of each
stretch between two of them, with the words of `motionlaw.tools.motion_classes` for the whole track there. Boxes are
added until the chain's own boxes give the same words. The rows are made in `chain_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from motionlaw.agent.mcot import Chain, Measured, MotionTag, Observation, Prose, Step
from motionlaw.agent.mcot_checks import check_itself
from motionlaw.data_builders.clips import Clip
from motionlaw.data_builders.facts import seen_path
from motionlaw.tools.errors import ToolError
from motionlaw.tools.events import find_events
from motionlaw.tools.measures import mean_with_error, speeds, turning_points
from motionlaw.tools.tracks import between, has_box, motion_words, rows_of
from motionlaw.tools.trajectory import Track

STRETCHES = 12  # of one object; a longer chain is cut off there
BOXES = 6  # of one stretch
SHORTEST_ROWS = 3
WHOLE = 0.98  # share of an object that must be in sight for its box to be claimed
EDGE = 2.0  # pixels from the edge of the picture: a tracker's box that comes nearer may be cut off there


def key_rows(clip: Clip, track: Track) -> np.ndarray:
    """Finds the rows at which a motion begins, ends or changes: ends, turning points, contacts, gaps.

    Args:
        clip: The clip, whose scene's contacts count.
        track: One of its tracks.

    Returns:
        Rows of the track with a whole box, increasing; fewer than two where it is hardly seen.
    """
    seen = np.flatnonzero(has_box(track) & _is_whole(clip, track))
    if len(seen) < 2:
        return seen
    here = rows_of(track, seen)
    t, path = seen_path(here)
    diagonal = float(np.mean(np.hypot(*(here.xyxy[:, 2:] - here.xyxy[:, :2]).T)))
    keys = {0, len(seen) - 1}
    for axis in (0, 1):
        least = max(0.1 * float(np.ptp(path[:, axis])), 0.15 * diagonal)
        keys |= set(turning_points(path[:, axis], least=least).tolist())
    if clip.scene is not None:
        times = [e.t for e in clip.scene.events if e.kind in ("contact", "bounce", "rest") and track.name in e.bodies]
    else:
        times = [event.t for event in find_events(t, path) if event.kind in ("contact", "release", "rest")]
    keys |= {int(np.argmin(np.abs(t - each))) for each in times}
    gaps = np.flatnonzero(np.diff(seen) > 1)
    keys |= set(gaps.tolist()) | set((gaps + 1).tolist())
    return seen[_apart(sorted(keys), len(seen))]


def _is_whole(clip: Clip, track: Track) -> np.ndarray:
    """Marks the rows in which the whole object is in sight, as far as that is known, shape (T,)."""
    if clip.scene is not None:
        return track.confidence >= WHOLE
    edges = np.array([clip.width, clip.height]) - EDGE
    return np.all((track.xyxy[:, :2] > EDGE - 1) & (track.xyxy[:, 2:] < edges), axis=1)


def _apart(keys: Sequence[int], length: int) -> list[int]:
    """Drops keys that are too near to the one before, but keeps the ends."""
    kept = [keys[0]]
    for key in keys[1:]:
        if key - kept[-1] >= SHORTEST_ROWS:
            kept.append(key)
        elif key == length - 1 and len(kept) > 1:
            kept[-1] = key
    return kept if kept[-1] == length - 1 else [*kept, length - 1]


def _place(track: Track, row: int) -> Observation:
    x1, y1, x2, y2 = np.round(track.xyxy[row]).tolist()
    return Observation(track.name, (x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)), _time(track, row))


def _time(track: Track, row: int) -> float:
    return round(float(track.timestamps[row]), 3)


def _measured(track: Track, *, is_exact: bool) -> Measured | None:
    """Mean speed along a stretch in box diagonals per second, with its interval; that of a true track has no width."""
    t, path = seen_path(track)
    size = track.xyxy[has_box(track)]
    diagonal = float(np.mean(np.hypot(*(size[:, 2:] - size[:, :2]).T)))
    if is_exact:
        mean, error = float(np.sum(np.hypot(*np.diff(path, axis=0).T)) / (t[-1] - t[0])), 0.0
    elif len(t) < 8:
        return None
    else:
        value, stderr, kinematics = speeds(t, path)
        mean, error = mean_with_error(value, stderr, kinematics)
    if not np.isfinite([mean, error]).all():
        return None
    low, middle, high = (1e3 * each / diagonal for each in (max(mean - 1.96 * error, 0.0), mean, mean + 1.96 * error))
    # Rounded outwards, so that the interval is not made narrower than it is.
    return Measured(round(middle) / 1e3, float(np.floor(low)) / 1e3, float(np.ceil(high)) / 1e3)


def stretch_steps(track: Track, start: int, stop: int, *, is_exact: bool) -> list[Step]:
    """Says where an object is between two rows and how it moves there.

    Args:
        track: The object.
        start: First row.
        stop: Last row, included.
        is_exact: Whether the track is true, not measured.

    Returns:
        Observations and a tag whose direction, speed and scale follow from them; where boxes on whole pixels cannot
        give the right words, the tag has those of the track all the same.
    """
    part = between(track, float(track.timestamps[start]), float(track.timestamps[stop]))
    words = motion_words(part)
    measured = _measured(part, is_exact=is_exact)
    tag = MotionTag.of(track.name, words, t_from=_time(track, start), t_to=_time(track, stop), measured=measured)
    rows = [start, stop]
    while True:
        steps: list[Step] = [*(_place(track, row) for row in rows), tag]
        (check,) = check_itself(Chain(tuple(steps)))
        if all(check.right.values()) or len(rows) >= BOXES:
            return steps
        more = _between(rows)
        if len(more) == len(rows):
            return steps
        rows = more


def _between(rows: Sequence[int]) -> list[int]:
    """Adds a row in the middle of the longest gap."""
    gaps = [after - before for before, after in pairwise(rows)]
    longest = int(np.argmax(gaps))
    if gaps[longest] < 2:
        return list(rows)
    return sorted([*rows, (rows[longest] + rows[longest + 1]) // 2])


def object_steps(clip: Clip, track: Track) -> list[Step]:
    """Tells one object's motion, stretch by stretch."""
    keys = key_rows(clip, track).tolist()
    steps: list[Step] = []
    if len(keys) == 1:
        return [_place(track, keys[0]), MotionTag(track.name)]
    for start, stop in list(pairwise(keys))[:STRETCHES]:
        part = slice(start, stop + 1)
        if not has_box(track)[part].all():
            steps.append(Prose(f"The {track.name} is out of sight for a while."))
            continue
        try:
            told = stretch_steps(track, start, stop, is_exact=clip.scene is not None)
        except ToolError:  # a box without extent at the picture's edge
            continue
        # A box that was just given need not be given again.
        steps += told[1:] if steps and told[0] in steps[-3:] else told
    return steps


def relative_steps(clip: Clip) -> list[Step]:
    """Tells how the first two objects move before each other, where both are seen all the time."""
    if len(clip.tracks) < 2 or not all(has_box(track).all() for track in clip.tracks[:2]):
        return []
    one, other = clip.tracks[:2]
    words = motion_words(one, reference=other)
    tag = MotionTag(
        one.name, words.direction, words.speed, words.scale, _time(one, 0), _time(one, -1), "object", other.name
    )
    return [Prose(f"Seen from the {other.name}:"), tag]


def scene_steps(clip: Clip) -> list[Step]:
    """Tells how objects move before the still background, where the camera moves and its motion is known."""
    still = clip.still_tracks()
    if still is None or clip.scene is None or clip.scene.look.camera == "still":
        return []
    steps: list[Step] = [Prose(f"The camera moves ({clip.scene.look.camera}). Before the background:")]
    for track in still:
        rows = np.flatnonzero(has_box(track))
        if len(rows) < 2:
            continue
        words = motion_words(rows_of(track, slice(rows[0], rows[-1] + 1)))
        span = _time(track, rows[0]), _time(track, rows[-1])
        steps.append(MotionTag(track.name, words.direction, words.speed, words.scale, *span, "scene"))
    return steps


def chain_of(clip: Clip, *, objects: Sequence[str] = (), answer: str | None = None, because: str = "") -> Chain:
    """Makes the chain of a clip.

    Args:
        clip: The clip.
        objects: Names of the objects to tell of; all if empty.
        answer: The answer.
        because: Words before it.
    """
    chosen = [track for track in clip.tracks if not objects or track.name in objects]
    steps: list[Step] = []
    for track in chosen:
        steps += object_steps(clip, track)
    shown = replace(clip, tracks=tuple(chosen))
    steps += relative_steps(shown) + scene_steps(shown)
    return Chain((*steps, Prose(because)), answer)
