"""The things that a question names by their colours, measured in its film: paths, widths, gaps, touches."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from motionlaw.tools.looks import COLOURS
from motionlaw.tools.measures import noise_of, principal
from motionlaw.tools.silhouettes import Silhouettes, silhouettes
from motionlaw.tools.tracks import frozen, reversed_in_time
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

_NAMED = re.compile(rf"\b(?:{'|'.join(COLOURS)}) \w+")
CHORD = 5.0
"""Times the noise: steps of a path that are shorter are taken together."""

TOUCHING = 0.04
"""A gap of this share of two things' sizes may be none."""

CLOSING = 5
"""Frames that a velocity before or after a touch is taken from."""


@dataclass(frozen=True)
class Thing:
    """A thing of a question: its track in the film, and how wide it is, pixels."""

    name: str
    track: Track
    width_px: float

    @property
    def is_ball(self) -> bool:
        """Whether its name is that of a ball."""
        return self.name.endswith("ball")

    @property
    def seen(self) -> np.ndarray:
        """Rows in which its place is known, shape (T,)."""
        return np.isfinite(self.track.position).all(axis=1)

    @property
    def t(self) -> np.ndarray:
        """Times at which its place is known, seconds."""
        return self.track.timestamps[self.seen]

    @property
    def path(self) -> np.ndarray:
        """Where it is then, shape (N, 2), pixels, y up."""
        return self.track.position[self.seen] * [1.0, -1.0]

    @property
    def diagonal_px(self) -> float:
        """Diagonal of its box."""
        boxes = self.track.xyxy[self.seen]
        return float(np.nanmedian(np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])))

    @property
    def reach_px(self) -> float:
        """How far its path reaches along its main direction."""
        return float(np.ptp(principal(self.path)))


def named_things(question: str, film: Path) -> tuple[Thing, ...]:
    """Finds the things that a question names in its film; none where one of them is never seen whole.

    Raises:
        UserError: The film cannot be read.
    """
    names = tuple(dict.fromkeys(_NAMED.findall(question)))
    if not names:
        return ()
    shown = list(read_frames(film))
    found = silhouettes(np.stack([frame.image for frame in shown]), [_colour(name) for name in names])
    if not all(name in found and found[name].is_whole.any() for name in map(_colour, names)):
        return ()
    t = np.array([frame.timestamp for frame in shown])
    return tuple(_outlined(name, t, found[_colour(name)]) for name in names)


def _colour(name: str) -> str:
    return name.split()[0]


def _outlined(name: str, t: np.ndarray, seen: Silhouettes) -> Thing:
    track = Track(0, name, np.arange(len(t)), t, seen.centres, seen.is_whole.astype(float), seen.xyxy)
    return Thing(name, track, seen.diameter_px if name.endswith("ball") else seen.width_px)


def viewed(things: tuple[Thing, ...], view: str) -> tuple[Thing, ...]:
    """The things as a view of their film shows them: backwards, as in the middle frame all the time, or not at all."""
    if view == "blind":
        return ()
    if view == "video":
        return things
    return tuple(replace(each, track=_changed(each.track, view)) for each in things)


def _changed(track: Track, view: str) -> Track:
    if view == "reversed":
        return reversed_in_time(track)
    return frozen(track, float(track.timestamps[len(track.timestamps) // 2]))


def path_length(thing: Thing) -> float:
    """Length of a path, pixels, without what noise adds: chords of several times the noise, less its share of each."""
    path = thing.path
    noise = float(np.sqrt(np.mean(noise_of(thing.t, path) ** 2)))
    step = float(np.median(np.linalg.norm(np.diff(path, axis=0), axis=1)))
    stride = int(np.clip(np.ceil(CHORD * noise / max(step, 1e-9)), 1, max(1, (len(path) - 1) // 3)))
    lengths = []
    for first in range(stride):
        rows = np.unique(np.concatenate([[0], np.arange(first, len(path), stride), [len(path) - 1]]))
        chords = np.linalg.norm(np.diff(path[rows], axis=0), axis=1)
        lengths.append(float(np.sum(np.sqrt(np.maximum(chords**2 - 2 * noise**2, 0.0)))))
    return float(np.mean(lengths))


def distance(one: Thing, other: Thing) -> np.ndarray:
    """How far apart two things' middles are at each time, shape (T,), pixels, NaN where one is not seen."""
    return np.linalg.norm(one.track.position - other.track.position, axis=1)


def gap(one: Thing, other: Thing) -> np.ndarray:
    """How far apart the edges of two balls are, or of two things on a level, shape (T,), pixels."""
    are_round = one.is_ball and other.is_ball
    between = distance(one, other) if are_round else np.abs(one.track.position[:, 0] - other.track.position[:, 0])
    return between - (one.width_px + other.width_px) / 2


def first_touch(one: Thing, other: Thing, *, is_sure: bool = False) -> float | None:
    """When two things first touch, seconds, by how the gap closes before.

    Args:
        one: A thing.
        other: Another.
        is_sure: Give no time where they only come near.

    Returns:
        The time; ``None`` where they are hardly seen.
    """
    between, t = gap(one, other), one.track.timestamps
    seen = np.flatnonzero(np.isfinite(between))
    if len(seen) < 4:
        return None
    touching, nearest = TOUCHING * (one.width_px + other.width_px), float(np.min(between[seen]))
    if is_sure and nearest > touching:
        return None
    later = seen[np.argmax(between[seen] < max(touching, nearest + 0.5)) :]
    turn = int(next((k for k, after in pairwise(later) if between[after] > between[k]), later[-1]))
    # In the row of the least gap they may have touched and be apart again.
    before = seen[(seen < turn) & (between[seen] > 0.5)][-CLOSING:]
    if len(before) < 2 or nearest > touching:
        return float(t[turn])
    slope, offset = np.polyfit(t[before] - t[turn], between[before], 1)
    if slope >= 0:
        return float(t[turn])
    return float(np.clip(t[turn] - offset / slope, t[before[-1]], t[min(turn + 1, len(t) - 1)]))


def jolt(thing: Thing, t: float) -> float | None:
    """How much a thing's velocity changes at a time, pixels per second."""
    is_before = thing.t < t
    rows = np.flatnonzero(is_before)[-CLOSING:], np.flatnonzero(~is_before)[:CLOSING]
    if min(len(each) for each in rows) < 2:
        return None
    before, after = (np.polyfit(thing.t[each], thing.path[each], 1)[0] for each in rows)
    return float(np.linalg.norm(after - before))
