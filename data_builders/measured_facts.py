"""What tracks say of each object, as named numbers with errors and words: all that a caption may claim.

Positions are pixels of the picture (of the first frame where the camera's motion was taken out), y up in words. A
number without enough rows for an error has none; what the errors do not allow is not said. Leaves out sentences
(`captions`) and questions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from motionlaw.data_builders.facts import seen_path
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import (
    OSCILLATES,
    mean_with_error,
    net_displacement,
    noise_of,
    oscillation,
    path_length,
    principal,
    speeds,
    turning_points,
)
from motionlaw.tools.motion_classes import DIRECTIONS, STATIONARY, UNKNOWN
from motionlaw.tools.tracks import has_box, motion_words
from motionlaw.tools.trajectory import Track

FEWEST = 6
FEWEST_FOR_NUMBERS = 12
SEEN_SHARE = 0.6  # of the frames, for what is only roughly outlined
WHOLE = 0.9  # share of the frames between its first and its last in which a thing must be seen
LEAST_CYCLES = 1.5
SURE = 0.15  # a number whose error is a larger share of it is none
AGREE = 0.12  # two ways to measure a number may differ by this share
CLEAR_GROWTH = 0.3  # of the logarithm of the area
CLEAR_PACE = 1.3  # of the speeds of the last and the first third, either way
STOPPED = 0.1  # of the first speed
SIGMAS = 5.0
CLEAR_WAY = 0.4  # of a box diagonal: a shorter way is none
BESIDE, ROUGH_BESIDE = 0.25, 0.6  # of the way along the other axis: likewise
LEAST_NOISE, ROUGH_NOISE = 0.02, 0.1  # of the diagonal: how well a track, or a rough outline, tells a place
REST_SHARE, REST_WAY = 0.15, 0.05  # of the frames, of the diagonal: still that long at the end is rest
FEW_AND_MANY = (0.25, 0.08)  # of the range: turns are counted if both thresholds give the same


@dataclass(frozen=True)
class Fact:
    """One thing that is known of an object.

    Args:
        object: Its name.
        name: What is known, e.g. ``"mean speed"``.
        value: The number, ``None`` for a word.
        word: The word, ``""`` for a number.
        stderr: Standard error, ``None`` where unknown.
        unit: Unit of the number; ``""`` for counts and ratios.
    """

    object: str
    name: str
    value: float | None = None
    word: str = ""
    stderr: float | None = None
    unit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the fact as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Fact:
        """Rebuilds a fact from `to_dict`."""
        return cls(**values)


def facts_of(track: Track, *, is_rough: bool = False) -> tuple[Fact, ...]:
    """Measures what a track says.

    Args:
        track: The object, smoothed.
        is_rough: Its outline is only good to a tenth of its size: ways and whether it grows are said, no numbers.

    Returns:
        When it is seen, its words, its numbers with errors; no more than when it is seen if there are gaps or it may
        have changed over to another object; no numbers of fewer than twelve frames; nothing of fewer than six, nor of a
        rough outline in fewer than six tenths of the frames.
    """
    name = track.name
    t, path = seen_path(track)
    if len(t) < FEWEST or not has_box(track).any() or (is_rough and len(t) < SEEN_SHARE * len(track.timestamps)):
        return ()
    size = track.xyxy[has_box(track)]
    diagonal = float(np.mean(np.hypot(*(size[:, 2:] - size[:, :2]).T)))
    # A smoothed path shows no noise: a tracker's place is not trusted to less than a part of the thing's size.
    noise = max((ROUGH_NOISE if is_rough else LEAST_NOISE) * diagonal, float(np.max(noise_of(t, path))))
    out = [Fact(name, "first seen", float(t[0]), unit="s"), Fact(name, "last seen", float(t[-1]), unit="s")]
    words = motion_words(track)
    if not is_rough and not is_whole(track):
        return tuple(out)
    if words.direction == STATIONARY:
        return (*out, Fact(name, "direction", word=STATIONARY))
    for axis, kind in enumerate(("sideways", "upright")):
        out += [Fact(name, kind, word=word) for word in _senses(t, path, axis, diagonal, noise, is_rough=is_rough)]
    out += [Fact(name, "direction", word=word) for word in _compass(path, words.direction, noise)]
    if words.scale != UNKNOWN and _is_clear_growth(track):
        out.append(Fact(name, "size", word=words.scale))
    if is_rough or len(t) < FEWEST_FOR_NUMBERS:
        return tuple(out)
    if _is_at_rest_at_last(track, path, diagonal, noise):
        out.append(Fact(name, "ends", word="at rest"))
    if words.shape == "circular":
        out.append(Fact(name, "shape", word=words.shape))
    return (*out, *_numbers(name, t, path))


def is_whole(track: Track) -> bool:
    """Whether a track has hardly a gap between its first frame and its last, nor a sign that it changed its object."""
    seen = np.flatnonzero(np.all(np.isfinite(track.position), axis=1))
    share = len(seen) / (seen[-1] - seen[0] + 1)
    return bool(share >= WHOLE and not any("id switch" in each for each in track.warnings))


def _senses(
    t: np.ndarray, path: np.ndarray, axis: int, diagonal: float, noise: float, *, is_rough: bool
) -> tuple[str, ...]:
    """Which way a path goes along an axis: one word, two in order, or to and fro; nothing where that is not clear."""
    ranges = np.ptp(path, axis=0)
    beside = (ROUGH_BESIDE if is_rough else BESIDE) * float(np.max(ranges))
    if ranges[axis] < max(CLEAR_WAY * diagonal, beside, SIGMAS * noise):
        return ()
    values = path[:, axis]
    few, many = (turning_points(values, least=share * float(ranges[axis])) for share in FEW_AND_MANY)
    many = few if is_rough else many
    if len(few) > 1:  # a tremble goes to and fro as well, but neither clearly nor evenly
        return ("to and fro",) if len(few) == len(many) or _is_wave(t, values[:, None]) else ()
    if len(few) != len(many):
        return ()
    ends = values[[0, *few, -1]]
    words = (("left", "right"), ("down", "up"))[axis]
    return (", then ".join(words[int(step > 0)] for step in np.diff(ends)),)


def _compass(path: np.ndarray, voted: str, noise: float) -> tuple[str, ...]:
    """The direction of a path that goes one way: the bin of most steps if the way from first to last is in it, too."""
    net = path[-1] - path[0]
    length = float(np.hypot(*net))
    straight = max(float(np.hypot(*np.ptp(path, axis=0))), 1e-9)
    if length < max(0.8 * straight, SIGMAS * noise) or voted == UNKNOWN:
        return ()
    octant = DIRECTIONS[int(np.round(np.arctan2(net[1], net[0]) / (np.pi / 4))) % 8]
    return (voted,) if octant == voted else ()


def _is_at_rest_at_last(track: Track, path: np.ndarray, diagonal: float, noise: float) -> bool:
    """Whether an object that is seen in the last frame has stayed in place for the last part of the film."""
    count = max(FEWEST - 1, round(REST_SHARE * len(track.timestamps)))
    if not np.isfinite(track.position[-1]).all() or len(path) <= 2 * count:
        return False
    allowed = max(REST_WAY * diagonal, 2 * noise)
    before = float(np.hypot(*np.ptp(path[:-count], axis=0)))
    return bool(np.hypot(*np.ptp(path[-count:], axis=0)) < allowed and before > SIGMAS * allowed)


def _is_clear_growth(track: Track) -> bool:
    """Whether both sides of the box are clearly longer, or shorter, in the last fifth, and in between half way.

    One side alone changes where a thing turns, or where its box is drawn tighter.
    """
    seen = track.xyxy[has_box(track)]
    if len(seen) < FEWEST_FOR_NUMBERS:
        return False
    sides = np.log(np.maximum(seen[:, 2:] - seen[:, :2], 1.0))
    parts = np.array([np.median(part, axis=0) for part in np.array_split(sides, 5)])
    growth, ends = parts[-1] - parts[0], sides[-1] - sides[0]
    sense = float(np.sign(growth.sum()))
    return bool(
        np.all(sense * growth > CLEAR_GROWTH / 2)
        and np.all(sense * np.diff(parts, axis=0) >= 0)
        and sense * ends.sum() > 0
    )


def _numbers(name: str, t: np.ndarray, path: np.ndarray) -> list[Fact]:
    net, error = net_displacement(t, path)
    value, stderr, kinematics = speeds(t, path)
    mean, mean_error = mean_with_error(value, stderr, kinematics)
    way = path_length(t, path)
    out = [
        Fact(name, "way to the right", float(net[0]), stderr=float(error[0]), unit="px"),
        Fact(name, "way up", float(net[1]), stderr=float(error[1]), unit="px"),
        Fact(name, "path length", way, stderr=float(np.hypot(*error)), unit="px"),
    ]
    # What is smoothed across a contact errs by more than its error says: the way that was gone must agree.
    apart = abs(way / float(t[-1] - t[0]) - mean)
    error_of_mean = float(np.hypot(mean_error, apart))
    if np.isfinite(error_of_mean) and error_of_mean < SURE * mean:
        out.append(Fact(name, "mean speed", mean, stderr=error_of_mean, unit="px/s"))
    along = principal(path)
    few, many = (turning_points(along, least=share * float(np.ptp(along))) for share in FEW_AND_MANY)
    period = _period(t, path, many)
    is_regular = period is None or abs(2 * float(t[-1] - t[0]) / float(period.value or np.inf) - len(many)) < 1.6
    if len(few) == len(many) and is_regular:
        out.append(Fact(name, "turns", float(len(many))))
        if not len(many):
            out += [Fact(name, "phase", word=word) for word in _pace(value, stderr)]
    if period is not None and is_regular:
        out.append(Fact(name, "period", period.value, stderr=period.stderr, unit="s"))
    return out


def _is_wave(t: np.ndarray, path: np.ndarray) -> bool:
    swing = {each.name: each.value for each in oscillation(t, path)}
    return bool(swing and swing["share explained"] >= OSCILLATES and swing["cycles"] >= LEAST_CYCLES)


def _period(t: np.ndarray, path: np.ndarray, turns: np.ndarray) -> Quantity | None:
    """The period of a motion that turns back evenly, where the wave that fits and the turns agree on it."""
    if len(turns) < 3 or not _is_wave(t, path):
        return None
    halves = np.diff(t[turns])
    period = next(each for each in oscillation(t, path) if each.name == "period")
    by_turns = 2 * float(np.mean(halves))
    apart = abs(period.value - by_turns)
    if period.stderr is None or period.stderr > SURE * period.value or apart > AGREE * period.value:
        return None
    spread = float(np.std(halves)) / np.sqrt(len(halves))
    return replace(period, stderr=float(np.hypot(period.stderr, min(apart, 2 * spread + apart / 2))))


def _pace(speed: np.ndarray, stderr: np.ndarray) -> tuple[str, ...]:
    """Whether the speed grows or shrinks clearly from the first part of the time to the last, and all between."""
    rows = np.flatnonzero(np.isfinite(speed) & np.isfinite(stderr))
    parts = np.array_split(rows, 5 if len(rows) >= 15 else 3)
    if len(parts[-1]) < FEWEST // 2:
        return ()
    pace = np.array([np.median(speed[part]) for part in parts])
    error = float(np.hypot(*(np.median(stderr[parts[k]]) for k in (0, -1))))
    sense = float(np.sign(pace[-1] - pace[0]))
    if abs(pace[-1] - pace[0]) < 3 * error or np.any(sense * np.diff(pace) < -0.05 * pace.max()):
        return ()
    # What ends at rest may have been stopped: a body that falls and lands gets no slower on its way.
    if max(pace[0], pace[-1]) < CLEAR_PACE * min(pace[0], pace[-1]) or pace[-1] < STOPPED * pace[0]:
        return ()
    return ("accelerating" if sense > 0 else "decelerating",)


def fact(facts: tuple[Fact, ...], name: str, *, of: str | None = None) -> Fact | None:
    """Looks a fact up by its name, of an object where several are told of; ``None`` if it is not known."""
    return next((each for each in facts if each.name == name and of in (None, each.object)), None)
