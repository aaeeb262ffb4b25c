"""Answers to the questions of `motionlaw build questions` from what the tracker finds in the film, by their wording.

The questions are our own, so their forms are known; `motionlaw ask` reads any wording and knows fewer of them. Only the
film and the text are used. Leaves out which of two is heavier and where a thing will go next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import Clip, video_clip
from motionlaw.eval.qa.items import LETTERS, Item
from motionlaw.eval.qa.scores import read_number
from motionlaw.tools.looks import COLOURS
from motionlaw.tools.tracks import has_box
from motionlaw.tools.trajectory import Track

_NAMED = re.compile(rf"\b(?:{'|'.join(COLOURS)}) \w+")
BACK = 0.3  # of its range: a coordinate that goes back by more turns round
AVERAGED = 5  # frames that a speed is averaged over


@dataclass(frozen=True)
class _Asked:
    """A question with the tracks of the things that it names, in its order."""

    text: str
    names: tuple[str, ...]
    tracks: tuple[Track, ...]


def measured_answer(item: Item, clip: Clip) -> str:
    """Answers an item from the tracks of its film.

    Args:
        item: A question of ours.
        clip: Its film, tracked.

    Returns:
        A letter where there are options, else the words; ``""`` where the form is not known or a thing is not found.
    """
    asked = _asked(item.question, clip)
    if asked is None:
        return ""
    for pattern, rule in _RULES:
        if re.search(pattern, f"{item.question} {' '.join(item.options)}"):
            said = rule(asked)
            return _chosen(said, item.options) if said and item.options else said
    return ""


def tracked_film(path: Path) -> Clip:
    """The film with what moves in it.

    Raises:
        UserError: Nothing is found.
    """
    return video_clip(path)


def _asked(question: str, clip: Clip) -> _Asked | None:
    """Finds the named things among the tracks: by colour, and those of no track's colour among what is left."""
    names = tuple(dict.fromkeys(_NAMED.findall(question)))
    free = sorted(clip.tracks, key=lambda track: -int(np.sum(has_box(track))))
    found: dict[str, Track] = {}
    for by_colour in (True, False):
        for name in names:
            alike = [track for track in free if track.name.split()[0] == name.split()[0] or not by_colour]
            if name not in found and alike:
                found[name] = alike[0]
                free = [track for track in free if track is not alike[0]]
    return _Asked(question, names, tuple(found[name] for name in names)) if names and len(found) == len(names) else None


def _chosen(said: str, options: Sequence[str]) -> str:
    """The letter of the option that is said, or of the number nearest in ratio."""
    if said in options:
        return LETTERS[list(options).index(said)]
    value, numbers = read_number(said), [read_number(option) for option in options]
    if value is None or value <= 0 or any(number is None or number <= 0 for number in numbers):
        return ""
    return LETTERS[int(np.argmin([abs(np.log(value / number)) for number in numbers if number]))]


def _senses(values: np.ndarray) -> tuple[int, ...]:
    """Whether values grow (1) or shrink (-1), or the one and then the other."""
    size = float(np.ptp(values)) or 1.0
    for turn in (int(np.argmax(values)), int(np.argmin(values))):
        parts = (float(values[turn] - values[0]), float(values[-1] - values[turn]))
        if min(abs(part) for part in parts) > BACK * size and parts[0] * parts[1] < 0:
            return int(np.sign(parts[0])), int(np.sign(parts[1]))
    return (1 if values[-1] >= values[0] else -1,)


def _in_words(senses: tuple[int, ...], pair: tuple[str, str], only: str, then: str) -> str:
    words = [pair[int(sense > 0)] for sense in senses]
    return only.format(*words) if len(words) == 1 else then.format(*words)


def _speed(track: Track) -> np.ndarray:
    t, path = facts.seen_path(track)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / np.diff(t)
    width = min(AVERAGED, len(speed))
    return np.convolve(speed, np.ones(width) / width, mode="valid")


def _speed_order(asked: _Asked) -> str:
    return _in_words(
        _senses(_speed(asked.tracks[0])), ("slower", "faster"), "it only gets {}", "it first gets {}, then {}"
    )


def _ways(axis: int, pair: tuple[str, str]) -> Callable[[_Asked], str]:
    def rule(asked: _Asked) -> str:
        return _in_words(_senses(facts.seen_path(asked.tracks[0])[1][:, axis]), pair, "only {}", "first {}, then {}")

    return rule


def _distances(asked: _Asked) -> np.ndarray:
    one, other = (track.position for track in asked.tracks[:2])
    count = min(len(one), len(other))
    apart = np.linalg.norm(one[:count] - other[:count], axis=1)
    return apart[np.isfinite(apart)]


def _distance_order(asked: _Asked) -> str:
    return _in_words(_senses(_distances(asked)), ("shrinks", "grows"), "it only {}", "it first {}, then {}")


def _who_moves(asked: _Asked) -> str:
    side = re.search(r"to the (left|right)", asked.text)
    wanted = 1 if side and side[1] == "right" else -1
    one, other = (facts.seen_path(track)[1][[0, -1], 0] for track in asked.tracks[:2])
    goes = (np.diff(one)[0] * wanted > 0, np.diff(other)[0] * wanted > 0)
    if goes[0] == goes[1]:
        return "both" if goes[0] else "neither"
    return f"only the {asked.names[0 if goes[0] else 1]}"


def _who_is_faster(asked: _Asked) -> str:
    pace = [float(np.mean(_speed(track))) for track in asked.tracks[:2]]
    closer = _senses(_distances(asked))[-1] < 0
    return f"the {asked.names[int(pace[1] > pace[0])]}, and they {'come closer' if closer else 'move apart'}"


def _scaled(measure: Callable[[Track], float | None], unit: str) -> Callable[[_Asked], str]:
    def rule(asked: _Asked) -> str:
        width = re.search(r"is ([\d.]+) m wide", asked.text)
        track = asked.tracks[0]
        value = measure(track)
        boxes = track.xyxy[has_box(track)]
        if width is None or value is None or not len(boxes):
            return ""
        sides = np.median(boxes[:, 2:] - boxes[:, :2], axis=0)
        # A ball that moves by less than its size is seen as a crescent: its longer side is whole.
        side = float(sides.max() if asked.names[0].endswith("ball") else sides[0])
        return f"{value * float(width[1]) / side:.3g} {unit}"

    return rule


def _mean_speed(track: Track) -> float | None:
    t, path = facts.seen_path(track)
    return float(np.sum(np.linalg.norm(np.diff(path, axis=0), axis=1)) / (t[-1] - t[0])) if len(t) > 2 else None


def _energy(asked: _Asked) -> str:
    found = facts.swing_changes(asked.tracks[0])
    if not found:
        return ""
    senses = tuple(1 if word == "wider" else -1 for word in found)
    return _in_words(senses, ("lost", "gained"), "it is only {}", "it is first {}, then {}")


def _corner(asked: _Asked) -> str:
    path = facts.seen_path(asked.tracks[0])[1]
    across, up = path[-1] - path[0]
    return f"the {'upper' if up > 0 else 'lower'} {'right' if across > 0 else 'left'} corner"


def _way_and_speed(asked: _Asked) -> str:
    path = facts.seen_path(asked.tracks[0])[1]
    way = "right" if path[-1, 0] > path[0, 0] else "left"
    return f"to the {way}, getting {'faster' if _senses(_speed(asked.tracks[0]))[-1] > 0 else 'slower'}"


_RULES: tuple[tuple[str, Callable[[_Asked], str]], ...] = (
    (r"How does the speed of the", _speed_order),
    (r"move left and right\?", _ways(0, ("left", "right"))),
    (r"move up and down\?", _ways(1, ("down", "up"))),
    (r"How does the distance between", _distance_order),
    (r"which moves to the (?:left|right)\?", _who_moves),
    (r"Which is faster, .*, and do they", _who_is_faster),
    (r"What is its mean speed along its path", _scaled(_mean_speed, "m/s")),
    (r"What is its acceleration", _scaled(facts.acceleration, "m/s²")),
    (r"mechanical energy", _energy),
    (r"\bthe (?:upper|lower) (?:left|right) corner", _corner),
    (r"to the (?:left|right), getting", _way_and_speed),
)
