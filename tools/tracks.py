"""Views of a track: where it is at a time, between two times, smoothed, thinned, filled, and changed as a film can be.

The four changes that every answer about motion must follow: `mirrored` (left and right), `reversed_in_time`,
`sped_up`, `frozen`. Leaves out: finding tracks (`motionlaw.tools.tracking`) and naming motions (`motion_classes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from motionlaw.tools.errors import ToolError
from motionlaw.tools.events import find_regimes
from motionlaw.tools.motion import smooth
from motionlaw.tools.motion_classes import MotionClasses, classify_motion
from motionlaw.tools.trajectory import Track

FEWEST_TO_SMOOTH = 6
MEDIAN_REACH = 4  # rows on each side
MS = 1e-3
NO_BOX = np.full(4, np.nan)


def rows_of(track: Track, chosen: slice | np.ndarray) -> Track:
    """Returns some of the rows of a track, by a slice, a mask or indices."""
    return replace(
        track,
        frame=track.frame[chosen],
        timestamps=track.timestamps[chosen],
        position=track.position[chosen],
        confidence=track.confidence[chosen],
        xyxy=track.xyxy[chosen],
    )


def between(track: Track, t_start: float, t_end: float) -> Track:
    """Returns the rows between two times, both included; times may be rounded to a millisecond."""
    return rows_of(track, (track.timestamps >= t_start - MS) & (track.timestamps <= t_end + MS))


def has_box(track: Track) -> np.ndarray:
    """Marks the rows in which the whole of the object's box is known, shape (T,)."""
    return np.all(np.isfinite(track.xyxy), axis=1)


def box_at(track: Track, t: float) -> np.ndarray:
    """Returns the box at a time, between two frames by interpolation, shape (4,); NaN where the object is unseen.

    Args:
        track: The object.
        t: Seconds; times up to half a frame outside the track count as its first or last.
    """
    times = track.timestamps
    if not len(times):
        return NO_BOX
    half = 0.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    if not times[0] - half <= t <= times[-1] + half:
        return NO_BOX
    after = int(np.clip(np.searchsorted(times, t), 1, max(len(times) - 1, 1)))
    if len(times) == 1:
        return track.xyxy[0]
    share = float(np.clip((t - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0))
    before, later = track.xyxy[after - 1], track.xyxy[after]
    if share < 1e-9 or share > 1.0 - 1e-9:
        return before if share < 0.5 else later
    return (1.0 - share) * before + share * later


def smoothed(track: Track) -> Track:
    """Takes the tracker's noise out of the positions; a still object then has no way.

    Stretches between contacts, jumps and long gaps are smoothed one by one, for a bounce is no noise. Boxes move along
    with their positions; the noise of their sizes is taken out by running medians.
    """
    position, t = track.position.copy(), track.timestamps
    for part in find_regimes(t, track.position):
        seen = np.flatnonzero(np.all(np.isfinite(track.position[part.start : part.stop]), axis=1)) + part.start
        if part.kind == "rest":
            position[seen] = np.median(track.position[seen], axis=0)
        elif len(seen) >= FEWEST_TO_SMOOTH:
            smooth_position = smooth(t[seen], track.position[seen]).position
            position[seen] = np.where(np.isfinite(smooth_position), smooth_position, position[seen])
    middle = (track.xyxy[:, :2] + track.xyxy[:, 2:]) / 2 + position - track.position
    half = _running_median((track.xyxy[:, 2:] - track.xyxy[:, :2]) / 2)
    return replace(track, position=position, xyxy=np.concatenate([middle - half, middle + half], axis=1))


def _running_median(values: np.ndarray) -> np.ndarray:
    """Medians over a few neighbouring rows that are known, shape (T, D); unknown rows stay unknown."""
    out = values.copy()
    known = np.flatnonzero(np.all(np.isfinite(values), axis=1))
    for number, row in enumerate(known):
        near = known[max(number - MEDIAN_REACH, 0) : number + MEDIAN_REACH + 1]
        out[row] = np.median(values[near], axis=0)
    return out


def motion_words(track: Track, *, reference: Track | None = None) -> MotionClasses:
    """Classifies the motion of a track as it is, or relative to another object seen at the same times.

    Args:
        track: The object; smooth it first if it comes from a tracker.
        reference: What the motion is relative to, with the same timestamps.

    Raises:
        ToolError: The two tracks have other times.
    """
    if reference is None:
        return classify_motion(track.timestamps, track.xyxy, centres=track.position)
    if not np.array_equal(track.timestamps, reference.timestamps):
        raise ToolError(f"{track.name} and {reference.name} must have the same timestamps.")
    return classify_motion(track.timestamps, track.xyxy, centres=track.position - reference.position)


def sparse(track: Track, t: Sequence[float]) -> Track:
    """Keeps only the rows nearest to the given times, each once."""
    if not len(track.timestamps):
        return track
    rows = [int(np.argmin(np.abs(track.timestamps - each))) for each in t]
    return rows_of(track, np.unique(np.array(rows, dtype=int)))


def dense(track: Track, timestamps: np.ndarray, *, longest_gap_s: float) -> Track:
    """Fills a track of keyframes up to the given times by straight lines between them.

    Args:
        track: Keyframes.
        timestamps: Seconds to fill in, shape (T,), increasing.
        longest_gap_s: Gaps between keyframes longer than this stay unseen.

    Returns:
        The dense track; NaN before the first keyframe, after the last, and in long gaps. ``confidence`` is 1 at a
        keyframe and 0.5 in between.
    """
    times = np.asarray(timestamps, dtype=float)
    seen = np.flatnonzero(np.all(np.isfinite(track.position), axis=1) & has_box(track))
    values = np.concatenate([track.position, track.xyxy], axis=1)[seen]
    keys = track.timestamps[seen]
    filled = np.full((len(times), 6), np.nan)
    confidence = np.zeros(len(times))
    if len(keys):
        after = np.clip(np.searchsorted(keys, times), 1, max(len(keys) - 1, 1))
        gap = keys[np.minimum(after, len(keys) - 1)] - keys[after - 1]
        at_key = np.min(np.abs(times[:, None] - keys[None, :]), axis=1) < 1e-4
        inside = (times > keys[0] - 1e-4) & (times < keys[-1] + 1e-4) & ((gap <= longest_gap_s) | at_key)
        for column in range(6):
            filled[inside, column] = np.interp(times[inside], keys, values[:, column])
        confidence[inside] = np.where(at_key[inside], 1.0, 0.5)
    return Track(
        track.tracker_id, track.name, np.arange(len(times)), times, filled[:, :2], confidence, filled[:, 2:],
        track.warnings,
    )  # fmt: skip


def mirrored(track: Track, width: float) -> Track:
    """Swaps left and right in a picture of ``width`` pixels; the centre of the first pixel is at 0."""
    position, xyxy = track.position.copy(), track.xyxy.copy()
    position[:, 0] = (width - 1) - track.position[:, 0]
    xyxy[:, [0, 2]] = (width - 1) - track.xyxy[:, [2, 0]]
    return replace(track, position=position, xyxy=xyxy)


def reversed_in_time(track: Track) -> Track:
    """Plays the track backwards between the same first and last time; frames are numbered likewise."""
    backwards = rows_of(track, slice(None, None, -1))
    if not len(track.timestamps):
        return track
    return replace(
        backwards,
        frame=track.frame[0] + track.frame[-1] - backwards.frame,
        timestamps=track.timestamps[0] + track.timestamps[-1] - backwards.timestamps,
    )


def sped_up(track: Track, factor: float) -> Track:
    """Plays the track ``factor`` times as fast: times are divided by it."""
    if not factor > 0:
        raise ToolError(f"factor must be positive, got {factor}.")
    return replace(track, timestamps=track.timestamps / factor)


def frozen(track: Track, t: float) -> Track:
    """Holds the track where it is in the frame nearest to ``t`` seconds, at all its times."""
    if not len(track.timestamps):
        return track
    row = int(np.argmin(np.abs(track.timestamps - t)))
    held = rows_of(track, np.full(len(track.timestamps), row))
    return replace(held, frame=track.frame, timestamps=track.timestamps)
