"""What tracks say of each object, as named numbers with errors and words: all that a caption may claim.

Positions are pixels of the picture (of the first frame where the camera's motion was taken out), y up in words. A
number without enough rows for an error has none. Leaves out sentences (`captions`) and questions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motionlaw.data_builders.facts import seen_path
from motionlaw.tools.measures import (
    OSCILLATES,
    mean_with_error,
    net_displacement,
    oscillation,
    path_length,
    principal,
    speeds,
    turning_points,
)
from motionlaw.tools.motion_classes import STATIONARY, UNKNOWN
from motionlaw.tools.tracks import has_box, motion_words
from motionlaw.tools.trajectory import Track

FEWEST = 6
FEWEST_FOR_NUMBERS = 12
SEEN_SHARE = 0.6  # of the frames, for what is only roughly outlined
LEAST_CYCLES = 1.5
SURE = 0.3  # a number whose error is a larger share of it is none
ROUGH = ("direction", "size", "first seen", "last seen")
CLEAR_GROWTH = 0.3  # of the logarithm of the area
CLEAR_TURN = 0.15  # of a box diagonal: a smaller way back is no turn


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
        is_rough: Its outline is only good to a tenth of its size: which way and whether it grows are said, no numbers.

    Returns:
        When it is seen, its words, its numbers with errors; no numbers of fewer than twelve frames, nothing of fewer
        than six, nor of a rough outline in fewer than six tenths of the frames.
    """
    name = track.name
    t, path = seen_path(track)
    if len(t) < FEWEST or not has_box(track).any() or (is_rough and len(t) < SEEN_SHARE * len(track.timestamps)):
        return ()
    words = motion_words(track)
    out = [
        Fact(name, "first seen", float(t[0]), unit="s"),
        Fact(name, "last seen", float(t[-1]), unit="s"),
        *(
            Fact(name, kind, word=word)
            for kind, word in (
                ("direction", words.direction),
                ("speed", words.speed),
                ("size", words.scale if _is_clear_growth(track) else UNKNOWN),
                ("shape", words.shape),
                ("phase", words.phase),
            )
            if word != UNKNOWN and (kind != "phase" or len(t) >= FEWEST_FOR_NUMBERS)
        ),
    ]
    if is_rough:
        return tuple(each for each in out if each.name in ROUGH)
    if words.direction == STATIONARY or len(t) < FEWEST_FOR_NUMBERS:
        return tuple(out)
    return (*out, *_numbers(track, t, path))


def _is_clear_growth(track: Track) -> bool:
    """Whether the box is clearly larger or smaller in the last fifth than in the first, and in between half way."""
    seen = track.xyxy[has_box(track)]
    area = np.log(np.maximum(np.prod(seen[:, 2:] - seen[:, :2], axis=1), 1.0))
    parts = [float(np.median(part)) for part in np.array_split(area, 5)] if len(area) >= FEWEST_FOR_NUMBERS else [0.0]
    growth = parts[-1] - parts[0]
    steps = np.sign(np.diff(parts)) * np.sign(growth)
    is_same = np.sign(growth) == np.sign(area[-1] - area[0])
    return bool(is_same and abs(growth) > CLEAR_GROWTH and np.all(steps >= 0))


def _numbers(track: Track, t: np.ndarray, path: np.ndarray) -> list[Fact]:
    name = track.name
    net, error = net_displacement(t, path)
    value, stderr, kinematics = speeds(t, path)
    mean, mean_error = mean_with_error(value, stderr, kinematics)
    out = [
        Fact(name, "way to the right", float(net[0]), stderr=float(error[0]), unit="px"),
        Fact(name, "way up", float(net[1]), stderr=float(error[1]), unit="px"),
        Fact(name, "path length", path_length(t, path), stderr=float(np.hypot(*error)), unit="px"),
    ]
    if np.isfinite([mean, mean_error]).all() and mean_error < SURE * mean:
        out.append(Fact(name, "mean speed", mean, stderr=mean_error, unit="px/s"))
    size = track.xyxy[has_box(track)]
    diagonal = float(np.mean(np.hypot(*(size[:, 2:] - size[:, :2]).T)))
    along = principal(path)
    turns = turning_points(along, least=max(CLEAR_TURN * diagonal, 0.1 * float(np.ptp(along))))
    out.append(Fact(name, "turns", float(len(turns))))
    swing = {each.name: each for each in oscillation(t, path)} if len(turns) > 1 else {}
    if swing and swing["share explained"].value > OSCILLATES and swing["cycles"].value >= LEAST_CYCLES:
        period = swing["period"]
        if period.stderr is not None and period.stderr < 0.2 * period.value:
            out.append(Fact(name, "period", period.value, stderr=period.stderr, unit="s"))
    return out


def fact(facts: tuple[Fact, ...], name: str, *, of: str | None = None) -> Fact | None:
    """Looks a fact up by its name, of an object where several are told of; ``None`` if it is not known."""
    return next((each for each in facts if each.name == name and of in (None, each.object)), None)
