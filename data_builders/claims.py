"""Which words of a sentence claim something about motion, and whether the facts bear them out.

Left and right, up and down, in their order; to and fro, round; faster, slower, at rest; larger, smaller; which of two
is faster; what the camera does. A word that no fact speaks for is false: what was not measured may not be said. Leaves
out numbers (`captions`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from motionlaw.data_builders.measured_facts import Fact
from motionlaw.tools.motion_classes import STATIONARY

_SIDES = {
    "right": ("sideways", "E"), "rightwards?": ("sideways", "E"), "left": ("sideways", "W"),
    "leftwards?": ("sideways", "W"), "up": ("upright", "N"), "upwards?": ("upright", "N"),
    "ris(?:es|ing)|climbs?|climbing": ("upright", "N"), "down": ("upright", "S"), "downwards?": ("upright", "S"),
    "falls?|falling|drops?|dropping|sinks?|sinking": ("upright", "S"),
}  # fmt: skip
_WAYS = {"E": "right", "W": "left", "N": "up", "S": "down"}
CLEAR = 3.0  # standard errors by which the faster of two must be faster

_Test = Callable[[Sequence[Fact]], bool]


def _is(name: str, *words: str) -> _Test:
    return lambda facts: any(each.name == name and each.word in words for each in facts)


def _turns(facts: Sequence[Fact]) -> bool:
    several = any(each.name == "turns" and (each.value or 0.0) > 1 for each in facts)
    return several or any(each.name in ("sideways", "upright") and each.word == "to and fro" for each in facts)


def _reverses(facts: Sequence[Fact]) -> bool:
    once = any(each.name == "turns" and (each.value or 0.0) >= 1 for each in facts)
    return once or _turns(facts) or any(", then" in each.word for each in facts)


_CLAIMS: tuple[tuple[str, _Test, str], ...] = (
    (r"from side to side|up and down|to and fro|back and forth|oscillat\w*|swings?|swinging|vibrat\w*", _turns,
     "it does not go to and fro"),
    (r"turns? back|turns? round|comes? back|returns?|revers\w*|bounces?", _reverses, "it does not turn back"),
    (r"(?:gets?|becomes?|grows?) faster|speeds? up|accelerat\w*", _is("phase", "accelerating"), "it gets no faster"),
    (r"(?:gets?|becomes?|grows?) slower|slows?(?: down)?|decelerat\w*", _is("phase", "decelerating"),
     "it gets no slower"),
    (r"stops?|comes? to (?:rest|a halt|a stop|a standstill)|halts?", _is("ends", "at rest"), "it does not stop"),
    (r"(?:stands?|stays?|remains?|is|keeps?) (?:still|stationary|motionless|at rest|in place)|does not move",
     _is("direction", STATIONARY), "it does not stand still"),
    (r"larger|bigger|approach\w*", _is("size", "approaching"), "it gets no larger"),
    (r"smaller|recedes?|receding", _is("size", "receding"), "it gets no smaller"),
    (r"goes round|circles?|circular|in a circle|orbits?", _is("shape", "circular"), "it does not go round"),
    (r"rotat\w*|spins?|spinning|rolls?|rolling|slid\w*", lambda facts: False, "how it turns itself is not known"),
)  # fmt: skip


def false_claim(text: str, facts: Sequence[Fact], named: Sequence[str], *, camera: Sequence[str] | None) -> str:
    """Says which word of motion in a sentence is not borne out; ``""`` if none.

    Args:
        text: The sentence, without the names of objects.
        facts: Of the objects that it names, or of all if it names none.
        named: The objects that it names, in its order.
        camera: What the camera does; ``None``: not known, and not checked.
    """
    if re.search(r"\bcamera\b", text, flags=re.I):
        return "" if camera is None else _camera(text, camera)
    for pattern, holds, reason in _CLAIMS:
        if re.search(rf"\b(?:{pattern})\b", text, flags=re.I) and not holds(facts):
            return reason
    if len(named) == 2 and re.search(r"\b(?:faster|quicker|slower) than\b", text, flags=re.I):
        return _compared(facts, named, is_faster="slower" not in text.lower())
    return _wrong_way(text, facts)


def _camera(text: str, camera: Sequence[str]) -> str:
    """A move of the camera that is not among the known ones."""
    said = set(re.findall(r"\b(?:pan|tilt|roll|zoom|dolly|truck|pedestal|shake|static)", text.lower()))
    known = {word for each in camera for word in each.split()}  # "pan or truck right" allows either
    for kind in sorted(said - known):
        return f"the camera makes no {kind}" if kind != "static" else "the camera is not static"
    for move in camera:
        *kinds, way = move.split()
        for kind in kinds:
            claimed = re.search(rf"\b{kind}\w*\s+(?:to the\s+)?(left|right|up|down|in|out)\b", text, flags=re.I)
            ways = {each.split()[-1] for each in camera if kind in each.split()}
            if claimed and claimed[1].lower() not in ways:
                return f"the camera's {kind} goes {way}"
    if re.search(r"\b(?:still|not move|fixed|stationary)\b", text, flags=re.I) and "static" not in known:
        return "the camera is not static"
    return ""


def _compared(facts: Sequence[Fact], named: Sequence[str], *, is_faster: bool) -> str:
    """Whether the first of two objects is clearly faster, or slower, than the second."""
    speeds = {each.object: each for each in facts if each.name == "mean speed"}
    if any(name not in speeds for name in named):
        return "not both speeds are known"
    one, other = (speeds[name] for name in named)
    gap = ((one.value or 0.0) - (other.value or 0.0)) * (1 if is_faster else -1)
    error = ((one.stderr or 0.0) ** 2 + (other.stderr or 0.0) ** 2) ** 0.5
    return "" if gap > CLEAR * error else f"the {named[0]} is not clearly {'faster' if is_faster else 'slower'}"


def _wrong_way(text: str, facts: Sequence[Fact]) -> str:
    """A side to which nothing that the sentence is about goes, or two in the wrong order."""
    found: list[tuple[int, str, str]] = []
    plain = re.sub(r"up and down|from side to side|to and fro|speeds? up|slows? down", " ", text, flags=re.I)
    for word, (axis, side) in _SIDES.items():
        found += [(each.start(), axis, side) for each in re.finditer(rf"\b(?:{word})\b", plain, flags=re.I)]
    for _, axis, side in found:
        if not any(_goes(each, axis, side) for each in facts):
            ways = [each.word for each in facts if each.name in (axis, "direction")]
            return f"it moves {ways[0]}" if ways else "which way it moves is not known"
    for axis in ("sideways", "upright"):
        order = [_WAYS[side] for _, own, side in sorted(found) if own == axis]
        known = [each.word for each in facts if each.name == axis]
        if len(order) == 2 and len(known) == 1 and known[0] != "to and fro" and known[0] != ", then ".join(order):
            return f"it moves {known[0]}"
    return ""


def _goes(known: Fact, axis: str, side: str) -> bool:
    if known.name == "direction":
        return side in known.word and known.word != STATIONARY
    return known.name == axis and (known.word == "to and fro" or _WAYS[side] in known.word)
