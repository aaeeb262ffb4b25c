"""Motion chains of thought: claims about where things are and how they move, in a grammar that can be checked.

    <think>The <obj>red ball</obj><box>[10,20,30,40]</box>at<t>0.5</t>s falls.
    <motion obj="red ball" dir="S" speed="fast" scale="stable" from="0" to="1.5"/></think><answer>B</answer>

Values and their writer; `mcot_reader` reads, `mcot_changes` mirrors, reverses, speeds up and freezes, `mcot_checks`
holds chains against tracks. Words of motion are those of `motionlaw.tools.motion_classes`, the one definition.

Source: Motion-o, arXiv 2603.18856 (the grammar); ``from``, ``to``, ``frame``, ``ref``, ``shape``, ``phase``,
``unknown`` and measured numbers are added here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from html import escape
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError
from motionlaw.tools.motion_classes import (
    DIRECTIONS,
    PHASES,
    SCALES,
    SHAPES,
    SPEEDS,
    STATIONARY,
    UNKNOWN,
    MotionClasses,
)

FRAMES = ("image", "scene", "object")
WORDS = {
    "direction": (*DIRECTIONS, STATIONARY, UNKNOWN),
    "speed": (*SPEEDS, UNKNOWN),
    "scale": (*SCALES, UNKNOWN),
    "shape": (*SHAPES, UNKNOWN),
    "phase": (*PHASES, UNKNOWN),
}
"""The words that each attribute of a motion tag may have."""


@dataclass(frozen=True)
class Prose:
    """Words between the claims; white space is one blank each."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join(self.text.split()))


@dataclass(frozen=True)
class Observation:
    """The claim that an object is in a box at a time.

    Args:
        name: The object.
        box: Left, upper, right and lower edge, pixels (or shares of the picture in imported chains), y down.
        t: Seconds of the container; ``None`` where a model gave no time.
    """

    name: str
    box: tuple[float, float, float, float]
    t: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(self.name.split()))
        x1, y1, x2, y2 = self.box
        if not (np.isfinite(self.box).all() and x1 < x2 and y1 < y2):
            raise ToolError(f"box must be finite with x1 < x2 and y1 < y2, got {list(self.box)}.")
        if self.t is not None and not np.isfinite(self.t):
            raise ToolError(f"t must be finite, got {self.t}.")


@dataclass(frozen=True)
class Measured:
    """A measured mean speed along the path with its 95 % interval.

    Args:
        value: The number.
        low: Lower end of the interval.
        high: Upper end.
        unit: ``"px/s"``, ``"m/s"`` or ``"diagonals/s"`` (mean box diagonals).
    """

    value: float
    low: float
    high: float
    unit: str = "diagonals/s"

    def __post_init__(self) -> None:
        numbers = (self.low, self.value, self.high)
        if not (np.isfinite(numbers).all() and self.low <= self.value <= self.high):
            raise ToolError(f"measured must be finite with low <= value <= high, got {numbers}.")


@dataclass(frozen=True)
class MotionTag:
    """The claim that an object moves in a way between two times.

    Args:
        name: The object.
        direction: One of E NE N NW W SW S SE, STAT, or unknown; screen-up is N.
        speed: stationary, slow, moderate, fast, or unknown.
        scale: approaching, receding, stable, or unknown.
        t_from: Seconds; ``None`` for the object's first observation.
        t_to: Seconds; ``None`` for its last.
        frame: What the motion is relative to: the ``"image"``, the ``"scene"`` (camera motion taken out), or an
            ``"object"``, the one named by ``reference``.
        reference: Name of that object.
        shape: straight, arc, returning, oscillating, circular, irregular, STAT or unknown; ``None`` for no claim.
        phase: accelerating, decelerating, constant, varying, STAT or unknown; ``None`` for no claim.
        measured: The measured speed, if any.
    """

    name: str
    direction: str = UNKNOWN
    speed: str = UNKNOWN
    scale: str = UNKNOWN
    t_from: float | None = None
    t_to: float | None = None
    frame: str = "image"
    reference: str | None = None
    shape: str | None = None
    phase: str | None = None
    measured: Measured | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(self.name.split()))
        for attribute, words in WORDS.items():
            word = getattr(self, attribute)
            if word not in words and not (word is None and attribute in ("shape", "phase")):
                raise ToolError(f"{attribute} must be one of {', '.join(words)}, got '{word}'.")
        if self.frame not in FRAMES or (self.frame == "object") != (self.reference is not None):
            raise ToolError(f"frame must be image or scene, or object with a ref, got '{self.frame}'.")
        if not np.isfinite([t for t in (self.t_from, self.t_to) if t is not None]).all():
            raise ToolError(f"from and to must be finite, got {self.t_from} and {self.t_to}.")

    @classmethod
    def of(cls, name: str, words: MotionClasses, **more: Any) -> MotionTag:
        """Makes a tag of words that were measured; ``more`` are further arguments of the tag."""
        return cls(name, words.direction, words.speed, words.scale, shape=words.shape, phase=words.phase, **more)


Step = Prose | Observation | MotionTag


def _joined(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Joins neighbouring prose and drops what is empty."""
    out: list[Step] = []
    for step in steps:
        if isinstance(step, Prose) and out and isinstance(out[-1], Prose):
            out[-1] = Prose(f"{out[-1].text} {step.text}")
        elif not isinstance(step, Prose) or step.text:
            out.append(step)
    return tuple(out)


@dataclass(frozen=True)
class Chain:
    """A chain: prose, observations and motion tags in order, and the answer.

    Args:
        steps: What is thought, in order; neighbouring prose is joined.
        answer: The answer; ``None`` where there is not exactly one.

    Example:
        >>> chain = Chain((Observation("a & b", (0, 0, 4, 3), 0.5), MotionTag("a & b", "E", "slow", "stable")), "east")
        >>> write_chain(chain)
        '<think><obj>a &amp; b</obj><box>[0,0,4,3]</box>at<t>0.5</t>s <motion obj="a &amp; b" dir="E" speed="slow" \
scale="stable"/></think><answer>east</answer>'
    """

    steps: tuple[Step, ...] = ()
    answer: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _joined(self.steps))
        if self.answer is not None:
            object.__setattr__(self, "answer", self.answer.strip())

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The observations in order."""
        return tuple(step for step in self.steps if isinstance(step, Observation))

    @property
    def motion_tags(self) -> tuple[MotionTag, ...]:
        """The motion tags in order."""
        return tuple(step for step in self.steps if isinstance(step, MotionTag))

    def to_dict(self) -> dict[str, Any]:
        """Returns the chain as lists, numbers and strings."""
        return {"steps": [_step_to_dict(step) for step in self.steps], "answer": self.answer}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Chain:
        """Rebuilds a chain from `to_dict`."""
        return cls(tuple(_step_from_dict(step) for step in values["steps"]), values["answer"])


_KINDS: dict[str, type[Prose] | type[Observation] | type[MotionTag]] = {
    "prose": Prose, "observation": Observation, "motion": MotionTag,
}  # fmt: skip


def _step_to_dict(step: Step) -> dict[str, Any]:
    kind = next(name for name, of in _KINDS.items() if isinstance(step, of))
    values = {each.name: getattr(step, each.name) for each in fields(step)}
    if isinstance(step, Observation):
        values["box"] = list(step.box)
    if isinstance(step, MotionTag) and step.measured:
        values["measured"] = {each.name: getattr(step.measured, each.name) for each in fields(step.measured)}
    return {"kind": kind} | values


def _step_from_dict(values: dict[str, Any]) -> Step:
    values = dict(values)
    kind = values.pop("kind")
    if kind == "observation":
        values["box"] = tuple(values["box"])
    if values.get("measured"):
        values["measured"] = Measured(**values["measured"])
    return _KINDS[kind](**values)


def _number(value: float) -> str:
    """Writes the shortest text that reads back as the same number."""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _written(step: Step) -> str:
    if isinstance(step, Prose):
        return escape(step.text, quote=False)
    if isinstance(step, Observation):
        box = ",".join(_number(edge) for edge in step.box)
        time = "" if step.t is None else f"at<t>{_number(step.t)}</t>s"
        return f"<obj>{escape(step.name, quote=False)}</obj><box>[{box}]</box>{time}"
    attributes: list[tuple[str, str | None]] = [
        ("obj", step.name),
        ("dir", step.direction),
        ("speed", step.speed),
        ("scale", step.scale),
        ("from", None if step.t_from is None else _number(step.t_from)),
        ("to", None if step.t_to is None else _number(step.t_to)),
        ("frame", None if step.frame == "image" else step.frame),
        ("ref", step.reference),
        ("shape", step.shape),
        ("phase", step.phase),
    ]
    if step.measured:
        number = step.measured
        attributes += [
            ("measured", _number(number.value)),
            ("interval", f"[{_number(number.low)},{_number(number.high)}]"),
            ("unit", number.unit),
        ]
    return "<motion " + " ".join(f'{key}="{escape(value)}"' for key, value in attributes if value is not None) + "/>"


def write_chain(chain: Chain) -> str:
    """Writes a chain in the grammar; `motionlaw.agent.mcot_reader.read_chain` gives the same chain back."""
    answer = "" if chain.answer is None else f"<answer>{escape(chain.answer, quote=False)}</answer>"
    return f"<think>{' '.join(_written(step) for step in chain.steps)}</think>{answer}"


@dataclass(frozen=True)
class Reading:
    """A chain that was read from text, and what was wrong with the text.

    Args:
        chain: All that could be read.
        problems: One sentence each.
    """

    chain: Chain
    problems: tuple[str, ...] = field(default=())
