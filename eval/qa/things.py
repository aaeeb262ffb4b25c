"""The things that a question names by their colours, measured in its film: paths, widths, gaps, touches."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from motionlaw.tools.looks import COLOURS
from motionlaw.tools.measures import noise_of, principal
from motionlaw.tools.shapes import outline_distance
from motionlaw.tools.silhouettes import Silhouettes, silhouettes
from motionlaw.tools.tracks import frozen, reversed_in_time
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

_NAMED = re.compile(rf"\b(?:{'|'.join(COLOURS)}) \w+")
CHORD = 5.0
"""Times the noise: steps of a path that are shorter are taken together."""

TOUCHING = 0.04
"""A gap of this share of two things' sizes may be none."""

CLOSING, JOLTED = 4, 5
"""Frames before a touch that tell when the gap is closed, and that a velocity before or after it is taken from."""


@dataclass(frozen=True)
class Thing:
    """A thing of a question: its track in the film, how wide it is, pixels, and its outlines where they were seen."""

    name: str
    track: Track
    width_px: float
    outlines: tuple[np.ndarray, ...] = ()

    @property
    def is_ball(self) -> bool:
        """Whether its name is that of a ball."""
        return self.name.endswith("ball")

    @property
    def is_level(self) -> bool:
        """Whether it goes along a level track: its name is that of a cart, or no outlines are known."""
        return self.name.endswith("cart") or not self.outlines

    def edge(self, side: int) -> np.ndarray:
        """Where its left (0) or right edge (2) is, shape (T,), pixels: as far from its middle as usual."""
        middle = self.track.position[:, 0]
        return middle + float(np.nanmedian(self.track.xyxy[:, side] - middle))

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
    return Thing(name, track, seen.diameter_px if name.endswith("ball") else seen.width_px, seen.outlines)


def viewed(things: tuple[Thing, ...], view: str) -> tuple[Thing, ...]:
    """The things as a view of their film shows them: backwards, as in the middle frame all the time, or not at all."""
    if view == "blind":
        return ()
    if view == "video":
        return things
    return tuple(_changed(each, view) for each in things)


def _changed(thing: Thing, view: str) -> Thing:
    if view == "reversed":
        return replace(thing, track=reversed_in_time(thing.track), outlines=thing.outlines[::-1])
    middle = len(thing.track.timestamps) // 2
    track = frozen(thing.track, float(thing.track.timestamps[middle]))
    return replace(thing, track=track, outlines=thing.outlines[middle : middle + 1] * len(thing.outlines))


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
    """How far apart the edges of two things are, shape (T,), pixels; of two that are no balls, by their outlines."""
    if one.is_ball and other.is_ball:
        return distance(one, other) - (one.width_px + other.width_px) / 2
    if one.is_level and other.is_level:
        left, right = sorted((one, other), key=lambda each: float(np.nanmean(each.track.position[:, 0])))
        return right.edge(0) - left.edge(2)
    out = np.full(len(one.track.timestamps), np.nan)
    for k, (a, b) in enumerate(zip(one.outlines, other.outlines, strict=True)):
        if len(a) and len(b):
            out[k] = outline_distance(a, b) - 1.0  # outlines go through the centres of the outer pixels
    return out


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
    later = seen[np.argmax(between[seen] < max(touching, nearest + 0.5)) :]
    turn = int(next((k for k, after in pairwise(later) if between[after] > between[k]), later[-1]))
    # In the row of the least gap they may have touched and be apart again.
    before = seen[(seen < turn) & (between[seen] > 0.5)][-CLOSING:]
    slope, height = _line(t[before] - t[turn], between[before]) if len(before) > 1 else (0.0, nearest)
    step = -slope * float(np.median(np.diff(t)))  # a touch may be a frame's closing away from the nearest frame
    if nearest > max(touching, step):
        return None if is_sure else float(t[turn])
    if slope >= 0:
        return float(t[turn])
    return float(np.clip(t[turn] - height / slope, t[before[-1]], t[min(turn + 1, len(t) - 1)]))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and height at 0 of a line that one false point does not turn (Theil 1950)."""
    first, second = np.triu_indices(len(x), 1)
    slope = float(np.median((y[second] - y[first]) / (x[second] - x[first])))
    return slope, float(np.median(y - slope * x))


def jolt(thing: Thing, t: float) -> float | None:
    """How much a thing's velocity changes at a time, pixels per second."""
    is_before = thing.t < t
    rows = np.flatnonzero(is_before)[-JOLTED:], np.flatnonzero(~is_before)[:JOLTED]
    if min(len(each) for each in rows) < 2:
        return None
    before, after = (np.polyfit(thing.t[each], thing.path[each], 1)[0] for each in rows)
    return float(np.linalg.norm(after - before))
