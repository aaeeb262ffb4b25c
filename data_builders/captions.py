"""Captions of motion, by rule or by a model that is handed the facts alone; and the check that drops what they invent.

A sentence stays only if the facts bear out every number in it (of an object that it names, in the unit it gives, to the
digits it is written with, or two standard errors) and every direction it claims. Leaves out taste.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Sampling
from motionlaw.data_builders.measured_facts import Fact, fact

WAYS = {
    "E": "to the right", "NE": "up and to the right", "N": "up", "NW": "up and to the left", "W": "to the left",
    "SW": "down and to the left", "S": "down", "SE": "down and to the right",
}  # fmt: skip
SIDES = {"right": "E", "rightward": "E", "left": "W", "leftward": "W", "up": "N", "upward": "N", "down": "S",
         "downward": "S"}  # fmt: skip
COUNTS = {"once": 1, "twice": 2, "thrice": 3, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
          "seven": 7, "eight": 8, "nine": 9, "ten": 10}  # fmt: skip
UNITS = {"px": "px", "pixel": "px", "pixels": "px", "px/s": "px/s", "s": "s", "second": "s", "seconds": "s", "time": "",
         "times": ""}  # fmt: skip
FOREIGN = ("kg", "g", "m", "cm", "mm", "km", "m/s", "cm/s", "km/h", "mph", "inches", "feet", "degrees", "hz", "n",
           "frames", "fps", "minutes", "meters", "metres")  # fmt: skip
"""Units that no fact has: without a scale there are no metres."""

SPEED_WORDS = {"pixels per second": "px/s", "pixel per second": "px/s", "pixels/s": "px/s"}
PROMPT = (
    "Write a caption of two to five plain sentences for a video, from the facts below and nothing else. Name objects "
    "as the facts do. Use numbers only as the facts give them, with their unit. Do not guess what the objects are.\n\n"
)
_NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)(?:\s*(?:±|\+/-)\s*(\d+(?:\.\d+)?))?\s*([A-Za-z/]+)?")


@dataclass(frozen=True)
class Caption:
    """A caption and what the check took out of it.

    Args:
        text: The sentences that the facts bear out.
        dropped: Sentences that they do not, each with the reason.
        source: ``"rule"``, or the model's name.
    """

    text: str
    dropped: tuple[tuple[str, str], ...]
    source: str


def rule_caption(facts: Sequence[Fact], *, camera: Sequence[str] = ()) -> str:
    """Writes a caption from facts.

    Args:
        facts: Of all objects.
        camera: The camera's moves in words.

    Example:
        >>> rule_caption([Fact("red ball", "direction", word="STAT")], camera=["static"])
        'The camera is static. The red ball stands still.'
    """
    sentences = []
    if list(camera) == ["static"]:
        sentences.append("The camera is static.")
    elif camera:
        sentences.append(f"The camera moves: {', '.join(camera)}.")
    for name in dict.fromkeys(each.object for each in facts):
        sentences += _of_object(name, tuple(each for each in facts if each.object == name))
    return " ".join(sentences)


def _of_object(name: str, facts: tuple[Fact, ...]) -> list[str]:
    direction, shape = fact(facts, "direction"), fact(facts, "shape")
    if direction is None:
        return []
    if direction.word == "STAT":
        return [f"The {name} stands still."]
    turns, period = fact(facts, "turns"), fact(facts, "period")
    speed, size, phase = fact(facts, "mean speed"), fact(facts, "size"), fact(facts, "phase")
    goes = bool(turns and turns.value)
    out = [f"The {name} moves to and fro." if goes else f"The {name} moves mostly {WAYS[direction.word]}."]
    if goes and turns is not None and turns.value is not None:
        out.append(f"The {name} turns back {turns.value:.0f} time{'s' * (turns.value != 1)}.")
    if period is not None:
        out.append(f"The {name} repeats its motion every {_said(period)}.")
    if speed is not None:
        out.append(f"The mean speed of the {name} is {_said(speed)}.")
    if phase is not None and not goes and phase.word in ("accelerating", "decelerating"):
        out.append(f"The {name} gets {'faster' if phase.word == 'accelerating' else 'slower'}.")
    if size is not None and size.word in ("approaching", "receding"):
        out.append(f"The {name} becomes {'larger' if size.word == 'approaching' else 'smaller'} in the picture.")
    if shape is not None and not goes and shape.word == "circular":
        out.append(f"The {name} goes round.")
    return out


def _said(number: Fact) -> str:
    """A number to the digits that its error leaves, e.g. ``"12.4 ± 0.3 px"``."""
    value = number.value or 0.0
    error = number.stderr or 0.0
    digits = 0 if error >= 2 or (not error and abs(value) >= 100) else 1 if error >= 0.15 else 2
    said = f"{error:.{digits}f}"
    return f"{value:.{digits}f}{f' ± {said}' if float(said) else ''} {number.unit}"


def model_caption(model: Model, facts: Sequence[Fact], *, camera: Sequence[str] = (), seed: int = 0) -> str:
    """Lets a model write a caption; it is shown the facts, not the video.

    Raises:
        UserError: The model cannot be reached.
    """
    told = {"camera": list(camera), "facts": [each.to_dict() for each in facts]}
    message = Message.user(PROMPT + json.dumps(told, ensure_ascii=False))
    return model.reply([message], sampling=Sampling(seed=seed, max_tokens=400)).message.text.strip()


def checked_caption(text: str, facts: Sequence[Fact], *, source: str = "rule") -> Caption:
    """Keeps the sentences of a caption that facts bear out.

    Args:
        text: The caption.
        facts: What is known of all objects, measured from the tracks.
        source: Who wrote it.
    """
    kept, dropped = [], []
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z<])|\n+", text.strip()):
        if not sentence.strip():
            continue
        reason = untrue(sentence, facts)
        if reason:
            dropped.append((sentence.strip(), reason))
        else:
            kept.append(sentence.strip())
    return Caption(" ".join(kept), tuple(dropped), source)


def untrue(sentence: str, facts: Sequence[Fact]) -> str:
    """Says what in a sentence the facts do not bear out; ``""`` if nothing.

    Example:
        >>> untrue("The ball turns back twice.", [Fact("ball", "turns", 3.0)])
        'no fact gives 2'
    """
    text = sentence
    for words, unit in SPEED_WORDS.items():
        text = re.sub(rf"\b{words}", unit, text, flags=re.I)
    names = sorted({each.object for each in facts}, key=len, reverse=True)
    named = []
    for name in names:  # the longest first: "red ball 2" is not "red ball"
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
        if re.search(pattern, text, flags=re.I):
            named.append(name)
            text = re.sub(pattern, " ", text, flags=re.I)
    of = [each for each in facts if each.object in named] if named else list(facts)
    for words, count in COUNTS.items():
        text = re.sub(rf"\b{words}\b(?=\s+times?\b|\s*[.,;]|\s*$)", str(count), text, flags=re.I)
    for found in _NUMBER.finditer(text):
        if not any(_gives(each, found[1], (found[3] or "").lower()) for each in of):
            return f"no fact gives {' '.join(filter(None, (found[1], found[3])))}"
    return _wrong_way(text, of, has_one=len(named) == 1)


def _gives(known: Fact, written: str, unit: str) -> bool:
    """Whether a number as it is written is that of a fact."""
    if known.value is None or unit in FOREIGN or UNITS.get(unit, "") != known.unit:
        return False
    digits = len(written.partition(".")[2])
    slack = max(0.5 * 10.0**-digits, 2 * (known.stderr or 0.0)) + 1e-9
    value = float(written)
    return min(abs(value - known.value), abs(value - abs(known.value))) <= slack


def _wrong_way(text: str, facts: Sequence[Fact], *, has_one: bool) -> str:
    """A direction that is the opposite of, or across, the one object's that the sentence is about."""
    ways = {each.word for each in facts if each.name == "direction"}
    turns = next((each.value for each in facts if each.name == "turns"), 0.0)
    moves = re.search(r"\b(?:mov|go|travel|head|slid|roll|fall|ris|drift|run)\w*\b(.*)", text, flags=re.I)
    if not has_one or moves is None or turns or len(ways) != 1:
        return ""
    way = next(iter(ways))
    for word, side in SIDES.items():
        if re.search(rf"\b{word}\b", moves[1], flags=re.I) and side not in way:
            return f"it moves {WAYS.get(way, 'nowhere')}"
    return ""
