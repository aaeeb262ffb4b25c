"""Reads a motion chain from whatever a model wrote: any order of attributes, missing blanks, code fences, rubbish.

Never raises and takes time in proportion to the text: one pass finds the tags of the grammar, one walks along them.
What cannot be read is left out and named in ``problems``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax import saxutils

from motionlaw.agent.mcot import FRAMES, WORDS, Chain, Measured, MotionTag, Observation, Prose, Reading, Step
from motionlaw.tools.errors import ToolError
from motionlaw.tools.motion_classes import STATIONARY, UNKNOWN

# Every repetition is bounded or stops at the next '<': no text makes it go back over much.
_TAG = re.compile(r"<\s{0,3}(/?)\s{0,3}(think|answer|obj|box|t|motion)(?![\w-])([^<>]{0,2000})>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]{0,8}```[\w-]{0,20}[ \t]{0,8}$", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?")
_ATTRIBUTE = re.compile(r"([\w-]{1,30})\s{0,3}=\s{0,3}(?:\"([^\"]{0,1000})\"|'([^']{0,1000})'|([^\s\"'/]{1,200}))")
_MOST_PROBLEMS = 20

_DIRECTIONS = {
    "east": "E", "right": "E", "rightward": "E", "rightwards": "E",
    "northeast": "NE", "upperright": "NE", "upright": "NE",
    "north": "N", "up": "N", "upward": "N", "upwards": "N",
    "northwest": "NW", "upperleft": "NW", "upleft": "NW",
    "west": "W", "left": "W", "leftward": "W", "leftwards": "W",
    "southwest": "SW", "lowerleft": "SW", "downleft": "SW",
    "south": "S", "down": "S", "downward": "S", "downwards": "S",
    "southeast": "SE", "lowerright": "SE", "downright": "SE",
    "stat": STATIONARY, "static": STATIONARY, "stationary": STATIONARY, "still": STATIONARY, "none": STATIONARY,
}  # fmt: skip
_SYNONYMS = {
    "direction": _DIRECTIONS,
    "speed": {"static": "stationary", "stat": "stationary", "still": "stationary", "medium": "moderate"},
    "scale": {"constant": "stable", "growing": "approaching", "shrinking": "receding"},
    "shape": {"linear": "straight", "curved": "arc", "stationary": STATIONARY, "circle": "circular"},
    "phase": {"steady": "constant", "stationary": STATIONARY, "reversing": "varying"},
}
"""Other words for the same; the last two with Motion-o's own words."""

_KEYS = {"dir": "direction", "direction": "direction", "speed": "speed", "scale": "scale", "shape": "shape",
         "phase": "phase"}  # fmt: skip


def unescape(text: str) -> str:
    """Resolves the few entities of XML (not numeric ones at large: a long one makes `html.unescape` raise)."""
    return saxutils.unescape(text, {"&quot;": '"', "&apos;": "'", "&#x27;": "'", "&#39;": "'"})


def _numbers(text: str) -> list[float]:
    return [value for value in map(float, _NUMBER.findall(text)) if math.isfinite(value)]


def _one_number(text: str) -> float | None:
    values = _numbers(text)
    return values[0] if len(values) == 1 else None


@dataclass
class _Walk:
    """What is known while the tags are walked along."""

    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    name: str | None = None
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def blame(self, problem: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def say(self, text: str) -> None:
        self.steps.append(Prose(unescape(text)))

    def observe(self, t: float | None) -> None:
        """Ends the boxes that wait for their time."""
        for box in self.boxes:
            try:
                self.steps.append(Observation(unescape(self.name or ""), box, t))
            except ToolError as error:
                self.blame(str(error))
        self.boxes = []

    def take_box(self, text: str) -> None:
        edges = _numbers(text)
        if self.name is None:
            self.blame("A box comes before any object.")
        elif len(edges) != 4:
            self.blame(f"A box needs four numbers, got '{text.strip()[:60]}'.")
        else:
            self.boxes.append((edges[0], edges[1], edges[2], edges[3]))

    def take_time(self, text: str) -> None:
        t = _one_number(text)
        if t is None:
            self.blame(f"A time needs one number of seconds, got '{text.strip()[:60]}'.")
        self.observe(t)

    def take(self, opened: str, between: str, *, before_time: bool) -> None:
        """Takes the text between two tags; ``opened`` is the tag before it, if that is one with content."""
        if opened == "obj":
            self.observe(None)
            self.name = between.strip() or None
        elif opened == "box":
            self.take_box(between)
        elif opened == "t":
            self.take_time(between)
        elif self.boxes and before_time:
            self.say(re.sub(r"\bat\s{0,3}$", "", between))
        elif between.strip():
            self.observe(None)
            self.say(between)

    def take_motion(self, text: str) -> None:
        values = {
            key.lower(): unescape(next((part for part in quoted if part), "")).strip()
            for key, *quoted in _ATTRIBUTE.findall(text)
        }
        if not values.get("obj"):
            self.blame("A motion tag names no object.")
            return
        try:
            self.steps.append(_motion_tag(values, self.blame))
        except ToolError as error:
            self.blame(str(error))


def _word(attribute: str, text: str, blame: Callable[[str], None]) -> str:
    """Finds the word that is meant, whatever its case; unknown if there is none."""
    for word in WORDS[attribute]:
        if text.lower() == word.lower():
            return word
    plain = re.sub(r"[\s_-]", "", text.lower())[:40]
    if plain in _SYNONYMS[attribute]:
        return _SYNONYMS[attribute][plain]
    blame(f"{attribute} must be one of {', '.join(WORDS[attribute])}, got '{text[:40]}'.")
    return UNKNOWN


def _motion_tag(values: dict[str, str], blame: Callable[[str], None]) -> MotionTag:
    words = {_KEYS[key]: _word(_KEYS[key], text, blame) for key, text in values.items() if key in _KEYS}
    for missing in ("direction", "speed", "scale"):
        if missing not in words:
            blame(f"A motion tag has no {missing}.")
    times = {key: _one_number(values[key]) for key in ("from", "to") if key in values}
    for key, t in times.items():
        if t is None:
            blame(f"{key} needs one number of seconds, got '{values[key][:40]}'.")
    reference = values.get("ref") or None
    frame = values.get("frame", "object" if reference else "image").lower()
    if frame not in FRAMES or (frame == "object") != (reference is not None):
        blame(f"frame must be image or scene, or object with a ref, got '{frame[:40]}'.")
        frame, reference = ("object", reference) if reference else ("image", None)
    return MotionTag(
        values["obj"], t_from=times.get("from"), t_to=times.get("to"), frame=frame, reference=reference,
        measured=_measured(values, blame), **words,
    )  # fmt: skip


def _measured(values: dict[str, str], blame: Callable[[str], None]) -> Measured | None:
    if "measured" not in values:
        return None
    value, interval = _one_number(values["measured"]), _numbers(values.get("interval", ""))
    if value is None or len(interval) not in (0, 2):
        blame(f"measured needs a number and an interval [low,high], got '{values['measured'][:40]}'.")
        return None
    low, high = interval or (value, value)
    try:
        return Measured(value, low, high, values.get("unit", Measured.unit))
    except ToolError as error:
        blame(str(error))
        return None


def _cut_answer(text: str, walk: _Walk) -> tuple[str | None, str]:
    """Finds the one answer, and the text without its answer blocks."""
    blocks: list[str] = []
    rest: list[str] = []
    start: re.Match[str] | None = None
    position = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() != "answer":
            continue
        if not tag[1] and start is None:
            start = tag
            rest.append(text[position : tag.start()])
        elif tag[1] and start is not None:
            blocks.append(text[start.end() : tag.start()])
            start, position = None, tag.end()
    if start is not None:
        walk.blame("The answer block is not closed.")
        blocks.append(text[start.end() :])
    else:
        rest.append(text[position:])
    if len(blocks) != 1:
        walk.blame(f"There must be exactly one answer block, got {len(blocks)}.")
    return (unescape(blocks[0]).strip() if len(blocks) == 1 else None), " ".join(rest)


def read_chain(text: str) -> Reading:
    """Reads a chain from text.

    Args:
        text: What a model wrote.

    Returns:
        The chain, with the answer ``None`` unless there is exactly one answer block, and the problems of the text.

    Example:
        >>> text = "<think>A <obj>cup</obj> <box>[1, 2, 3.5, 4]</box> at <t>2</t> s falls."
        >>> text += "<motion speed=fast obj='cup' dir='down' scale='stable' /></think><answer> B </answer>"
        >>> chain = read_chain(text).chain
        >>> chain.motion_tags[0].direction, chain.observations[0].t, chain.answer
        ('S', 2.0, 'B')
    """
    walk = _Walk()
    answer, rest = _cut_answer(_FENCE.sub("", text), walk)
    opened, position = "", 0
    for tag in [*_TAG.finditer(rest), None]:
        between = rest[position : len(rest) if tag is None else tag.start()]
        is_time = tag is not None and tag[2].lower() == "t" and not tag[1]
        walk.take(opened, between, before_time=is_time)
        if tag is None:
            break
        name, closes = tag[2].lower(), bool(tag[1])
        opened = name if name in ("obj", "box", "t") and not closes else ""
        if name == "think" or (name == "motion" and not closes):
            walk.observe(None)
        if name == "motion" and not closes:
            walk.take_motion(tag[3])
        position = tag.end() + (_length_of_s(rest, tag.end()) if name == "t" and closes else 0)
    walk.observe(None)
    return Reading(Chain(tuple(walk.steps), answer), tuple(walk.problems))


def _length_of_s(text: str, position: int) -> int:
    """Counts the letters of the unit behind a time."""
    unit = re.match(r"\s{0,2}(?:s|sec|seconds)(?![\w'])", text[position : position + 12])
    return unit.end() if unit else 0
