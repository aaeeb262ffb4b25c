"""Questions about a video, answered from measurements: a rule finds, and the answer is put in the form asked for.

``answer`` is the way in for one video and one question; ``motionlaw ask`` is its command (`motionlaw.agent.ask`). What
is not understood or cannot be measured is said to be so; nothing is answered without a measurement behind it. The text
of a question is matched against patterns and never obeyed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from motionlaw.agent.claims import checked_chain
from motionlaw.agent.facts import Call, Facts, Thing
from motionlaw.agent.finding import NEAR, Finding
from motionlaw.agent.mcot import Chain, MotionTag, Observation, Prose, Step, write_chain
from motionlaw.agent.model import Model
from motionlaw.agent.phrase import Phrased, phrase
from motionlaw.agent.question import Question, read_question
from motionlaw.agent.reading import LEAST, SURER, read_freely
from motionlaw.agent.rules import RULES
from motionlaw.tools.camera_frames import IN_SCENE
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity
from motionlaw.tools.motion_classes import MotionClasses
from motionlaw.tools.tracks import between, box_at, motion_words, smoothed
from motionlaw.tools.trajectory import Track

SURE = 0.6
"""From this confidence on an answer counts as a confident one."""

ASKS = "law of motion, direction, speed, comparison, count, time, order, period, size, kind of motion, place, camera"
"""What can be asked, for messages."""


@dataclass(frozen=True)
class Evidence:
    """Where a thing is at a time: its box, pixels, y down."""

    object: str
    t: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Answer:
    """An answer and what it rests on.

    Args:
        question: As asked.
        text: The answer; ``""`` where there is none.
        choice: Label of the option chosen; ``None`` without options, or where none fits.
        confidence: 0 to 1; 0 where there is no answer.
        reason: Why, or why there is no answer.
        chain: The motion chain of thought.
        evidence: Boxes.
        motion: One entry a thing: its words of motion between two times; before the background where the camera
            moves (``frame`` is then ``scene``).
        measurements: Numbers with their errors.
        tools: Calls of instruments.
        topic: What the question was taken to ask; ``""`` where it was not understood.
        model: Who answered, or, where a model read the question, who read it.
        read_as: How a model read the question, where that is what was answered; ``""`` where it was read by the rules.
        seconds: Wall-clock seconds.
    """

    question: str
    text: str
    choice: str | None
    confidence: float
    reason: str
    chain: str
    evidence: tuple[Evidence, ...] = ()
    motion: tuple[dict[str, Any], ...] = ()
    measurements: tuple[Quantity, ...] = ()
    tools: tuple[Call, ...] = ()
    topic: str = ""
    model: str = "none"
    read_as: str = ""
    seconds: float = 0.0
    tracks: tuple[Track, ...] = field(default=(), repr=False, compare=False)

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer."""
        return bool(self.text)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON of ``motionlaw ask --json``."""
        return {
            "schema": 1,
            "question": self.question,
            "answer": self.text,
            "choice": self.choice,
            "confidence": round(self.confidence, 3),
            "reason": self.reason,
            "topic": self.topic,
            "chain": self.chain,
            "evidence": [{"object": one.object, "t": one.t, "box": list(one.box)} for one in self.evidence],
            "motion": list(self.motion),
            "measurements": [asdict(one) for one in self.measurements],
            "tools": [asdict(one) for one in self.tools],
            "model": self.model,
            "read_as": self.read_as,
            "seconds": round(self.seconds, 3),
        }


def answer(facts: Facts, text: str, *, options: Sequence[str] = (), reader: Model | None = None) -> Answer:
    """Answers a question about a video by rule, from measurements.

    Args:
        facts: What is known about the video; several questions may share them.
        text: The question.
        options: Answers to choose from, e.g. ``"A) left"``.
        reader: A model that reads questions, see `understood`.

    Returns:
        The answer, or, with an empty text, the reason why there is none.

    Raises:
        UserError: The file is no usable video.
    """
    begun, before = time.monotonic(), len(facts.calls)
    question, read_as = understood(text, tuple(options), reader)
    try:
        rule = RULES.get(question.topic)
        if rule is None:
            raise ToolError(_not_understood(question))
        finding = rule(question, facts)
        said = phrase(question, finding)
        made = _answered(question, finding, said, facts)
    except ToolError as error:
        made = Answer(text, "", None, 0.0, str(error), write_chain(Chain((Prose(str(error)),))), topic=question.topic)
    by = {"question": text, "model": reader.name, "read_as": read_as} if reader is not None and read_as else {}
    calls = tuple(facts.calls[before:])
    return Answer(**{**vars(made), **by, "tools": calls, "seconds": time.monotonic() - begun})


def understood(text: str, options: tuple[str, ...], reader: Model | None) -> tuple[Question, str]:
    """Returns a question as it is understood, and how a model read it; ``""`` where it is taken as the rules read it.

    The rules look for words and cannot know that a question is another one with the same words; so a model that is
    surer is believed against them where it reads another topic. What they call unseen, and what it calls so, stays.

    Args:
        text: The question.
        options: Answers to choose from.
        reader: The model, or ``None``.
    """
    question = read_question(text, options)
    reading = None if reader is None or question.topic == "unseen" else read_freely(reader, text)
    if reading is None or reading.probability < (SURER if question.topic else LEAST):
        return question, ""
    if not reading.is_measured:
        return (question, "") if question.topic else (replace(question, topic="unseen"), reading.text)
    read = read_question(reading.sentence, options)
    return (question, "") if read.topic == question.topic else (read, reading.sentence)


def _not_understood(question: Question) -> str:
    if question.topic == "unseen":
        return "The question asks for what the instruments do not measure (sounds, colours, names, reasons, masses)."
    return f"The question was not understood. What can be asked: {ASKS}."


def _answered(question: Question, finding: Finding, said: Phrased, facts: Facts) -> Answer:
    names = _names(question, finding.things)
    tracks = {names[one.handle]: _named(one, names[one.handle]) for one in finding.things}
    times = finding.times or _shared_times(list(tracks.values()))
    evidence = tuple(spot for track in tracks.values() for spot in _evidence(track, times))
    still = {names[one.handle]: _still(one, names[one.handle]) for one in finding.things if one.moves_with_camera}
    motion = tuple(entry for name, track in tracks.items() for entry in _motion(name, track, still.get(name)))
    why = " ".join([_sentence(finding.why), *([IN_SCENE] if still else [])])
    chain = _chain(why, said, tracks, still, evidence)
    return Answer(
        question.text, said.text, said.choice, float(np.clip(said.confidence, 0.0, 0.99)), why,
        write_chain(chain), evidence, motion, finding.measurements, (), question.topic, tracks=tuple(tracks.values()),
    )  # fmt: skip


def _sentence(why: str) -> str:
    return f"{why[0].upper()}{why[1:]}."


def _names(question: Question, things: tuple[Thing, ...]) -> dict[str, str]:
    """A name for each thing: the question's own for a single one, otherwise its looks, told apart by number."""
    asked = [one for one in question.things if one.name and not one.is_plural]
    if len(things) == 1 and len(asked) == 1:
        return {things[0].handle: asked[0].name}
    by_colour = {near: one.name for one in asked for near in (*NEAR.get(one.colour, ()), one.colour) if near}
    by_colour |= {one.colour: one.name for one in asked if one.colour}
    looks = [by_colour.get(one.tracked.colour, one.looks) for one in things]
    names = {}
    for number, (one, name) in enumerate(zip(things, looks, strict=True)):
        names[one.handle] = name if looks.count(name) == 1 else f"{name} {looks[: number + 1].count(name)}"
    return names


def _named(thing: Thing, name: str) -> Track:
    return Track(**{**vars(thing.track), "name": name})


def _still(thing: Thing, name: str) -> Track:
    """Its track before the background, where the camera moves."""
    return Track(**{**vars(thing.tracked.scene_track), "name": name})


def _shared_times(tracks: list[Track]) -> tuple[float, ...]:
    """The first, middle and last time at which all are seen; empty where there is none."""
    seen = [np.round(one.timestamps[np.isfinite(one.xyxy).all(axis=1)], 6) for one in tracks]
    shared = functools.reduce(np.intersect1d, seen) if seen else np.zeros(0)
    return tuple(float(t) for t in shared[[0, len(shared) // 2, -1]]) if len(shared) else ()


def _evidence(track: Track, times: tuple[float, ...]) -> list[Evidence]:
    """Boxes of a thing at the times of the evidence, or at its first, middle and last rows."""
    seen = track.timestamps[np.isfinite(track.xyxy).all(axis=1)]
    if not len(seen):
        return []
    wanted = times or tuple(seen[[0, len(seen) // 2, -1]])
    spots = []
    for t in dict.fromkeys(float(seen[int(np.argmin(np.abs(seen - t)))]) for t in wanted):
        x1, y1, x2, y2 = (round(float(edge), 1) for edge in box_at(track, t))
        if x1 < x2 and y1 < y2:
            spots.append(Evidence(track.name, round(t, 4), (x1, y1, x2, y2)))
    return spots


def _motion(name: str, track: Track, still: Track | None) -> list[dict[str, Any]]:
    """Words for the motion of a thing; where the camera moves those of its track before the background."""
    seen = np.flatnonzero(np.isfinite(track.xyxy).all(axis=1))
    if len(seen) < 2:
        return []
    begin, end = float(track.timestamps[seen[0]]), float(track.timestamps[seen[-1]])
    words = _words(still or track, begin, end)
    return [
        {
            "obj": name,
            "dir": words.direction,
            "speed": words.speed,
            "scale": words.scale,
            "from": round(begin, 4),
            "to": round(end, 4),
            **({"frame": "scene"} if still else {}),
        }
    ]


def _words(track: Track, begin: float, end: float) -> MotionClasses:
    return motion_words(between(smoothed(track), begin, end))


def _chain(
    why: str, said: Phrased, tracks: dict[str, Track], still: dict[str, Track], evidence: tuple[Evidence, ...]
) -> Chain:
    """Writes what was seen, how it moves and what follows; its claims are held against the tracks."""
    steps: list[Step] = []
    for name, track in tracks.items():
        spots = [one for one in evidence if one.object == name]
        for spot in spots:
            steps.append(Observation(name, spot.box, spot.t))
        for entry in _motion(name, track, still.get(name)):
            words = _words(still.get(name, track), entry["from"], entry["to"])
            frame = entry.get("frame", "image")
            steps.append(MotionTag.of(name, words, t_from=entry["from"], t_to=entry["to"], frame=frame))
    steps.append(Prose(why))
    chain = Chain(tuple(steps), said.text or None)
    return checked_chain(
        chain, [smoothed(track) for track in tracks.values()], still=[smoothed(track) for track in still.values()]
    ).chain
