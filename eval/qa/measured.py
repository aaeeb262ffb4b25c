"""Answers to the questions of `motionlaw build questions` from what is seen in the film, by their wording.

The questions are our own, so their forms are known; `motionlaw ask` reads any wording and knows fewer of them. Only the
film and the text are used: a thing is the one of the colour that the question names (`things`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.data_builders.facts import SECTORS, step_of
from motionlaw.eval.qa.items import LETTERS, Item
from motionlaw.eval.qa.motions import foretold, turning_energies
from motionlaw.eval.qa.scores import read_number
from motionlaw.eval.qa.things import Thing, distance, first_touch, jolt, path_length
from motionlaw.tools.measures import oscillation, principal, turning_points

BACK = 0.3  # of its range: a coordinate that goes back by more turns round
AVERAGED = 5  # frames that a speed is averaged over
TURNED = 0.12  # of its reach: a thing that goes back by more has turned
KEPT = 0.06  # share of an energy by which it may seem to change
ALIKE = 1.18  # ratio of two masses that are called the same
FEWEST = 4  # frames in which a thing's place is known


@dataclass(frozen=True)
class _Asked:
    """A question with the things that it names, in its order."""

    text: str
    things: tuple[Thing, ...]
    options: tuple[str, ...] = ()


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
    said = rule(_Asked(item.question, things, item.options))
    return _chosen(said, item.options) if said and item.options else said


def _chosen(said: str, options: Sequence[str]) -> str:
    """The letter of the option that is said, or of the number nearest in ratio."""
    if said in options:
        return LETTERS[list(options).index(said)]
    value, numbers = read_number(said), [read_number(option) for option in options]
    if value is None or value <= 0 or any(number is None or number <= 0 for number in numbers):
        return ""
    return LETTERS[int(np.argmin([abs(np.log(value / number)) for number in numbers if number]))]


def _turn(values: np.ndarray) -> int | None:
    """The row at which values turn round; ``None`` where they go one way."""
    size = float(np.ptp(values)) or 1.0
    for turn in (int(np.argmax(values)), int(np.argmin(values))):
        parts = (float(values[turn] - values[0]), float(values[-1] - values[turn]))
        if min(abs(part) for part in parts) > BACK * size and parts[0] * parts[1] < 0:
            return turn
    return None


def _senses(values: np.ndarray) -> tuple[int, ...]:
    """Whether values grow (1) or shrink (-1), or the one and then the other."""
    turn = _turn(values)
    if turn is None:
        return (1 if values[-1] >= values[0] else -1,)
    return int(np.sign(values[turn] - values[0])), int(np.sign(values[-1] - values[turn]))


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
    found = turning_energies(asked.things[0])
    if len(found) < 2:
        return ""
    change = found[-1] / found[0] - 1
    if abs(change) < KEPT:
        return "it stays the same"
    return "it rises" if change > 0 else f"it falls by {'less' if change > -0.5 else 'more'} than half"


def _conserved(asked: _Asked) -> str:
    found = turning_energies(asked.things[0])
    if len(found) < 2:
        return ""
    return f"{'yes' if abs(found[-1] / found[0] - 1) < KEPT else 'no'}; {len(found)} times"


def _corner(asked: _Asked) -> str:
    corners = [f"the {_corner_of(step)} corner" for step in _steps(asked.things[0])]
    return corners[0] if len(corners) == 1 else f"first {corners[0]}, then {corners[1]}"


def _corner_of(step: np.ndarray) -> str:
    return f"{'upper' if step[1] > 0 else 'lower'} {'right' if step[0] > 0 else 'left'}"


def _steps(thing: Thing) -> list[np.ndarray]:
    """Where it gets to, [right, up] in pixels; in two steps where it turns back on its way."""
    path = thing.path
    turn = _turn(principal(path))
    return [path[-1] - path[0]] if turn is None else [path[turn] - path[0], path[-1] - path[turn]]


def _way_and_speed(asked: _Asked) -> str:
    thing = asked.things[0]
    path = thing.path
    named = [axis for axis, words in enumerate((("left", "right"), ("up", "down"))) if any(
        re.search(rf"\b{word}\b", option) for word in words for option in asked.options)]  # fmt: skip
    axis = named[0] if named else int(np.argmax(np.ptp(path, axis=0)))
    turn = _turn(path[:, axis])
    parts = [slice(0, len(path))] if turn is None else [slice(0, turn + 1), slice(turn, len(path))]
    said = []
    for part in parts:
        way = (("left", "right"), ("down", "up"))[axis][int(path[part][-1, axis] > path[part][0, axis])]
        pace = np.linalg.norm(np.diff(path[part], axis=0), axis=1)
        half = max(len(pace) // 2, 1)
        said.append(f"{way}, getting {'faster' if np.mean(pace[-half:]) > np.mean(pace[:half]) else 'slower'}")
    return said[0] if len(said) == 1 else f"first {said[0]}, then {said[1]}"


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
    when = first_touch(one, other, is_sure=True)
    jolts = (None, None) if when is None else (jolt(one, when), jolt(other, when))
    if jolts[0] is None or jolts[1] is None:
        return "it does not show: they do not touch"
    ratio = jolts[1] / max(jolts[0], 1e-9)
    if 1 / ALIKE < ratio < ALIKE:
        return "they weigh the same"
    return f"the {(one if ratio > 1 else other).name}"


def _next(asked: _Asked) -> str:
    """Where it gets to if its motion goes on as it did; in options' words, or in its own."""
    ahead = re.search(r"in the ([\d.]+) s after", asked.text)
    if ahead is None:
        return ""
    thing = asked.things[0]
    step = foretold(thing.t, thing.path, float(ahead[1])) / thing.diagonal_px
    sector = SECTORS[round(float(np.arctan2(step[1], step[0])) / (np.pi / 4)) % 8]
    said = f"{np.hypot(*step):.3g} of its diagonal {sector}"
    if not asked.options:
        return said
    return min(asked.options, key=lambda option: float(np.linalg.norm(step_of(option) - step_of(said))))


_RULES: tuple[tuple[str, Callable[[_Asked], str]], ...] = (
    (r"How does the speed of the", _speed_order),
    (r"move left and right\?", _ways(0, ("left", "right"))),
    (r"move up and down\?", _ways(1, ("down", "up"))),
    (r"How does the distance between", _distance_order),
    (r"which moves to the (?:left|right)\?", _who_moves),
    (r"What is its mean speed along its path", _scaled(_mean_speed, "m/s")),
    (r"What is its acceleration", _scaled(_acceleration, "m/s²")),
    (r"conserve its mechanical energy", _conserved),
    (r"mechanical energy", _energy),
    (r"How many times does the .* turn back", _turns),
    (r"What is the period of the motion", _period),
    (r"At what time .* first touch", _when_they_touch),
    (r"Which is heavier", _heavier),
    (r"Where does the .* get to in the [\d.]+ s after", _next),
    (r"Towards which corner of the picture does the .* move|Which corner does the .* head for", _corner),
    (r"Which way does the .* move, and how does its speed change|How does the .* move\?", _way_and_speed),
)
