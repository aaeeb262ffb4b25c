"""Two paths that are one object: it went behind something and came out again at the pace it went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from motionlaw.tools.tracking.measure import ObjectPath

LONGEST_GAP = 25
"""Frames that an object may be hidden for."""

STEPS = 9
"""Steps on either side of a gap that tell the pace; the half-hidden ones are outvoted."""


def joined_over_gaps(paths: list[ObjectPath]) -> list[ObjectPath]:
    """Joins paths of which one begins where the other would be by then.

    Args:
        paths: The likeliest subject first.

    Returns:
        The same, with such pairs made one; its score is the sum of the two.
    """
    paths = list(paths)
    for i in range(len(paths)):
        j = i + 1
        while j < len(paths):
            if _continues(paths[i], paths[j]) or _continues(paths[j], paths[i]):
                paths[i] = _merged(paths[i], paths.pop(j))
                j = i + 1
            else:
                j += 1
    return sorted(paths, key=lambda path: -path.score)


def _continues(first: ObjectPath, second: ObjectPath) -> bool:
    before, after = np.flatnonzero(first.is_seen), np.flatnonzero(second.is_seen)
    if len(before) < 4 or len(after) < 4:
        return False
    gap = after[0] - before[-1]
    if not 0 < gap <= LONGEST_GAP:
        return False
    out, back = first.position[before[-STEPS:]], second.position[after[:STEPS]]
    pace_out = np.median(np.diff(out, axis=0) / np.diff(before[-STEPS:])[:, None], axis=0)
    pace_back = np.median(np.diff(back, axis=0) / np.diff(after[:STEPS])[:, None], axis=0)
    pace = (pace_out + pace_back) / 2
    size, other = _size(first), _size(second)
    speed = float(np.hypot(*pace))
    miss = float(np.hypot(*(out[-1] + gap * pace - back[0])))
    alike = 0.6 < size / other < 1.7 and np.hypot(*(pace_out - pace_back)) < 0.5 * speed + 0.5
    # Half hidden at both ends, its visible middle lags by up to half its size at each.
    return bool(alike and miss < max(size, other) + 0.15 * gap * speed)


def _merged(path: ObjectPath, other: ObjectPath) -> ObjectPath:
    take = other.is_seen & ~path.is_seen
    return replace(
        path,
        position=np.where(take[:, None], other.position, path.position),
        xyxy=np.where(take[:, None], other.xyxy, path.xyxy),
        confidence=np.where(take, other.confidence, path.confidence),
        score=path.score + other.score,
        strays=path.strays + other.strays,
    )


def _size(path: ObjectPath) -> float:
    return float(np.nanmedian(np.max(path.xyxy[:, 2:] - path.xyxy[:, :2], axis=1))) + 1e-6
