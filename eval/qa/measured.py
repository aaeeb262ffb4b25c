"""Answers to the questions of `motionlaw build questions` from what is seen in the film, by their wording.

The questions are our own, so their forms are known; `motionlaw ask` reads any wording and knows fewer of them. Only the
film and the text are used: a thing is the one of the colour that the question names (`things`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.data_builders import facts
from motionlaw.eval.qa.items import LETTERS, Item
from motionlaw.eval.qa.scores import read_number
from motionlaw.eval.qa.things import Thing, distance, first_touch, jolt, path_length
from motionlaw.tools.measures import oscillation, principal, turning_points

BACK = 0.3  # of its range: a coordinate that goes back by more turns round
AVERAGED = 5  # frames that a speed is averaged over
TURNED = 0.12  # of its reach: a thing that goes back by more has turned
FEWEST = 4  # frames in which a thing's place is known


@dataclass(frozen=True)
class _Asked:
    """A question with the things that it names, in its order."""

    text: str
    things: tuple[Thing, ...]


def measured_answer(item: Item, things: tuple[Thing, ...]) -> str:
    """Answers an item from the things that it names.

    Args:
        item: A question of ours.
        things: Those of its film, see `motionlaw.eval.qa.things.named_things`.

    Returns:
        A letter where there are options, else the words; ``""`` where the form is not known or a thing is not found.
    """
    rule = next((rule for pattern, rule in _RULES if re.search(pattern, item.question)), None)
    if rule is None or not things or min(len(thing.t) for thing in things) < FEWEST:
        return ""
    said = rule(_Asked(item.question, things))
    return _chosen(said, item.options) if said and item.options else said


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


def _speed(thing: Thing) -> np.ndarray:
    speed = np.linalg.norm(np.diff(thing.path, axis=0), axis=1) / np.diff(thing.t)
    width = min(AVERAGED, len(speed))
    return np.convolve(speed, np.ones(width) / width, mode="valid")


def _speed_order(asked: _Asked) -> str:
    return _in_words(
        _senses(_speed(asked.things[0])), ("slower", "faster"), "it only gets {}", "it first gets {}, then {}"
    )


def _ways(axis: int, pair: tuple[str, str]) -> Callable[[_Asked], str]:
    def rule(asked: _Asked) -> str:
        return _in_words(_senses(asked.things[0].path[:, axis]), pair, "only {}", "first {}, then {}")

    return rule


def _distances(asked: _Asked) -> np.ndarray:
    apart = distance(*asked.things[:2])
    return apart[np.isfinite(apart)]


def _distance_order(asked: _Asked) -> str:
    return _in_words(_senses(_distances(asked)), ("shrinks", "grows"), "it only {}", "it first {}, then {}")


def _who_moves(asked: _Asked) -> str:
    side = re.search(r"to the (left|right)", asked.text)
    wanted = 1 if side and side[1] == "right" else -1
    goes = [bool((thing.path[-1, 0] - thing.path[0, 0]) * wanted > 0) for thing in asked.things[:2]]
    if goes[0] == goes[1]:
        return "both" if goes[0] else "neither"
    return f"only the {asked.things[0 if goes[0] else 1].name}"


def _who_is_faster(asked: _Asked) -> str:
    pace = [path_length(thing) / float(thing.t[-1] - thing.t[0]) for thing in asked.things[:2]]
    closer = _senses(_distances(asked))[-1] < 0
    return f"the {asked.things[int(pace[1] > pace[0])].name}, and they {'come closer' if closer else 'move apart'}"


def _scaled(measure: Callable[[Thing], float], unit: str) -> Callable[[_Asked], str]:
    def rule(asked: _Asked) -> str:
        width = re.search(r"is ([\d.]+) m wide", asked.text)
        thing = asked.things[0]
        return "" if width is None else f"{measure(thing) * float(width[1]) / thing.width_px:.3g} {unit}"

    return rule


def _mean_speed(thing: Thing) -> float:
    return path_length(thing) / float(thing.t[-1] - thing.t[0])


def _acceleration(thing: Thing) -> float:
    """Size of the one acceleration that fits best, pixels per second squared."""
    return 2.0 * float(np.linalg.norm(np.polyfit(thing.t - thing.t.mean(), thing.path, 2)[0]))


def _energy(asked: _Asked) -> str:
    found = facts.swing_changes(asked.things[0].track)
    if not found:
        return ""
    senses = tuple(1 if word == "wider" else -1 for word in found)
    return _in_words(senses, ("lost", "gained"), "it is only {}", "it is first {}, then {}")


def _corner(asked: _Asked) -> str:
    path = asked.things[0].path
    return f"the {_corner_of(path[-1] - path[0])} corner"


def _corner_of(step: np.ndarray) -> str:
    return f"{'upper' if step[1] > 0 else 'lower'} {'right' if step[0] > 0 else 'left'}"


def _way_and_speed(asked: _Asked) -> str:
    path = asked.things[0].path
    way = "right" if path[-1, 0] > path[0, 0] else "left"
    return f"to the {way}, getting {'faster' if _senses(_speed(asked.things[0]))[-1] > 0 else 'slower'}"


def _turns(asked: _Asked) -> str:
    thing = asked.things[0]
    return str(len(turning_points(principal(thing.path), least=TURNED * thing.reach_px)))


def _period(asked: _Asked) -> str:
    thing = asked.things[0]
    found = {each.name: each.value for each in oscillation(thing.t, thing.path)}
    return f"{found['period']:.4g} s" if found else ""


def _when_they_touch(asked: _Asked) -> str:
    when = first_touch(*asked.things[:2])
    return "" if when is None else f"{when:.4g} s"


def _heavier(asked: _Asked) -> str:
    """The one whose velocity changes less when they touch: momentum is kept."""
    one, other = asked.things[:2]
    when = first_touch(one, other)
    if when is None:
        return ""
    jolts = jolt(one, when), jolt(other, when)
    if jolts[0] is None or jolts[1] is None:
        return ""
    heavy = 0 if jolts[0][0] < jolts[1][0] else 1
    across = (jolts[0], jolts[1])[heavy][1]
    return f"the {asked.things[heavy].name}, to the {'right' if across > 0 else 'left'}"


def _next(asked: _Asked) -> str:
    """Where it goes on to if its acceleration stays as it is."""
    ahead = re.search(r"in the ([\d.]+) s after", asked.text)
    if ahead is None:
        return ""
    thing, later = asked.things[0], float(ahead[1])
    fit = np.polyfit(thing.t - thing.t[-1], thing.path, 2)
    return f"towards the {_corner_of(fit[0] * later**2 + fit[1] * later)} corner"


_RULES: tuple[tuple[str, Callable[[_Asked], str]], ...] = (
    (r"How does the speed of the", _speed_order),
    (r"move left and right\?", _ways(0, ("left", "right"))),
    (r"move up and down\?", _ways(1, ("down", "up"))),
    (r"How does the distance between", _distance_order),
    (r"which moves to the (?:left|right)\?", _who_moves),
    (r"Which is faster, .*, and do they", _who_is_faster),
    (r"What is its mean speed along its path", _scaled(_mean_speed, "m/s")),
    (r"What is its acceleration", _scaled(_acceleration, "m/s²")),
    (r"mechanical energy", _energy),
    (r"How many times does the .* turn back", _turns),
    (r"What is the period of the motion", _period),
    (r"At what time .* first touch", _when_they_touch),
    (r"Which is heavier", _heavier),
    (r"Where does the .* move in the [\d.]+ s after", _next),
    (r"Towards which corner of the picture does the .* move|Which corner does the .* head for", _corner),
    (r"Which way does the .* move, and how does its speed change|How does the .* move\?", _way_and_speed),
)
