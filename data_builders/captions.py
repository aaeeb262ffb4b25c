"""Captions of motion, by rule or by a model that is handed the facts alone; and the check that drops what they invent.

A sentence stays only if the facts, which are measured from the tracks anew, bear out every number in it (of an object
that it names, in the unit it gives, to the digits it is written with, or two standard errors) and every word of
motion (`claims`). Leaves out taste.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Sampling
from motionlaw.data_builders.claims import false_claim
from motionlaw.data_builders.measured_facts import Fact
from motionlaw.tools.motion_classes import STATIONARY

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
        camera: What the camera does, e.g. ``"pan left"``, or ``"static"``; what is not known is not said.

    Example:
        >>> rule_caption([Fact("red ball", "sideways", word="right")], camera=["static"])
        'The camera is static. The red ball moves to the right.'
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
    """The sentences about one object."""
    known = {each.name: each for each in facts}
    if "direction" in known and known["direction"].word == STATIONARY:
        return [f"The {name} stands still."]
    moves = _way(*(known[axis].word if axis in known else "" for axis in ("sideways", "upright")))
    if not moves:
        return []
    out = [f"The {name} moves {moves}."]
    turns = known.get("turns")
    if turns is not None and turns.value:
        out.append(f"The {name} turns back {turns.value:.0f} time{'s' * (turns.value != 1)}.")
    if "period" in known:
        out.append(f"The {name} repeats its motion every {_said(known['period'])}.")
    if "mean speed" in known:
        out.append(f"The mean speed of the {name} is {_said(known['mean speed'])}.")
    out += [f"The {name} {_WORDS[word]}." for each in facts if (word := f"{each.name} {each.word}") in _WORDS]
    return out


_WORDS = {
    "phase accelerating": "gets faster", "phase decelerating": "gets slower", "ends at rest": "comes to rest",
    "size approaching": "becomes larger in the picture", "size receding": "becomes smaller in the picture",
    "shape circular": "goes round",
}  # fmt: skip


def _way(sideways: str, upright: str) -> str:
    """How a thing moves, from the senses along both axes; ``""`` for neither."""
    across = f"to the {sideways.replace(', then', ' and then to the')}"
    both = upright.replace(", then", " and then")
    if "to and fro" in (sideways, upright):
        parts = ["from side to side"] * (sideways == "to and fro") + ["up and down"] * (upright == "to and fro")
        return " and ".join(parts)
    if "," in upright and sideways:
        return f"{across if ',' not in sideways else f'first {across}'}, first {both}"
    if "," in sideways and upright:
        return f"{upright}, first {across}"
    if "," in sideways or "," in upright:
        return f"first {across if sideways else both}"
    if sideways and upright:
        return f"{upright} and {across}"
    return across if sideways else upright


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


def checked_caption(
    text: str, facts: Sequence[Fact], *, source: str = "rule", camera: Sequence[str] | None = None
) -> Caption:
    """Keeps the sentences of a caption that facts bear out.

    Args:
        text: The caption.
        facts: What is known of all objects, measured from the tracks.
        source: Who wrote it.
        camera: What the camera does; ``None``: not known, and not checked.
    """
    kept, dropped = [], []
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z<])|\n+", text.strip()):
        if not sentence.strip():
            continue
        reason = untrue(sentence, facts, camera=camera)
        if reason:
            dropped.append((sentence.strip(), reason))
        else:
            kept.append(sentence.strip())
    return Caption(" ".join(kept), tuple(dropped), source)


def untrue(sentence: str, facts: Sequence[Fact], *, camera: Sequence[str] | None = None) -> str:
    """Says what in a sentence the facts do not bear out; ``""`` if nothing.

    Args:
        sentence: One sentence.
        facts: Of all objects.
        camera: What the camera does; ``None``: not known, and not checked.

    Example:
        >>> untrue("The ball turns back twice.", [Fact("ball", "turns", 3.0)])
        'no fact gives 2'
    """
    text = sentence
    for words, unit in SPEED_WORDS.items():
        text = re.sub(rf"\b{words}", unit, text, flags=re.I)
    names = sorted({each.object for each in facts}, key=len, reverse=True)
    where: dict[str, int] = {}
    for name in names:  # the longest first: "red ball 2" is not "red ball"
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
        if found_name := re.search(pattern, text, flags=re.I):
            where[name] = found_name.start()
            text = re.sub(pattern, lambda each: " " * len(each[0]), text, flags=re.I)
    named = sorted(where, key=lambda name: where[name])
    of = [each for each in facts if each.object in named] if named else list(facts)
    for words, count in COUNTS.items():
        text = re.sub(rf"\b{words}\b(?=\s+times?\b|\s*[.,;]|\s*$)", str(count), text, flags=re.I)
    for found in _NUMBER.finditer(text):
        if not any(_gives(each, found[1], (found[3] or "").lower()) for each in of):
            return f"no fact gives {' '.join(filter(None, (found[1], found[3])))}"
    return false_claim(text, of, named, camera=camera)


def _gives(known: Fact, written: str, unit: str) -> bool:
    """Whether a number as it is written is that of a fact."""
    if known.value is None or unit in FOREIGN or UNITS.get(unit, "") != known.unit:
        return False
    digits = len(written.partition(".")[2])
    slack = max(0.5 * 10.0**-digits, 2 * (known.stderr or 0.0)) + 1e-9
    value = float(written)
    return min(abs(value - known.value), abs(value - abs(known.value))) <= slack


_MOTION = re.compile(r"\b(?:mov|turn|repeat|speed|faster|slower|larger|smaller|goes|still|falls|rises|rest)\w*\b", re.I)


def tells_motion(sentence: str) -> bool:
    """Whether a sentence says how a thing moves; that the camera does is no such thing."""
    return "camera" not in sentence.lower() and _MOTION.search(sentence) is not None
