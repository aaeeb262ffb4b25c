"""A question about a video answered by a model with the instruments: measured, checked, as sure as samples agree.

The model calls instruments in a bounded turn and ends in a motion chain (`mcot`). Its claims are held against the
tracks, which are made if the model did not ask for them; the last reply is sampled again, and the share of samples
that agree is the confidence. An answer with no measurement behind it is never a confident one.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from motionlaw.agent.answer import SURE, Answer, Evidence
from motionlaw.agent.claims import checked_chain
from motionlaw.agent.facts import Call
from motionlaw.agent.log import Event
from motionlaw.agent.loop import Budget, OnEvent, Turn, run_turn
from motionlaw.agent.mcot import Chain, write_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.agent.mcot_words import told
from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Sampling
from motionlaw.agent.motion_question import tell_motion
from motionlaw.agent.pictures import FRAMES, video_frames
from motionlaw.agent.question import Described, Option, read_question
from motionlaw.tools.errors import UserError
from motionlaw.tools.instruments import instruments
from motionlaw.tools.law import Quantity
from motionlaw.tools.registry import Tool, call
from motionlaw.tools.scale import Scale
from motionlaw.tools.tracks import smoothed
from motionlaw.tools.trajectory import Track
from motionlaw.tools.workspace import Tracked, Workspace

SAMPLES = 4
TEMPERATURE = 0.7
UNMEASURED = 0.9 * SURE
_LABEL = re.compile(r"^\W*([A-Za-z])\b\s*[).:]?")


def answer_with_model(
    video: str | Path,
    question: str,
    model: Model,
    *,
    options: Sequence[str] = (),
    scale: Scale | None = None,
    samples: int = SAMPLES,
    budget: Budget | None = None,
    on_event: OnEvent | None = None,
) -> Answer:
    """Answers a question about a video.

    Args:
        video: The video file.
        question: In words.
        model: Who answers.
        options: Answers to choose from, e.g. ``"A) left"``.
        scale: What turns pixels into lengths.
        samples: How often the last reply is drawn.
        budget: What the turn may cost.
        on_event: Told of everything as it happens.

    Returns:
        The answer, or, with an empty text, the reason why there is none.

    Raises:
        UserError: The video or the model is unusable.
    """
    begun = time.monotonic()
    workspace = Workspace([video], scale=scale)
    tools = instruments(workspace)
    prompt = files("motionlaw.agent").joinpath("prompts/ask.md").read_text("utf-8")
    asked = [Message.system(prompt), Message.user(video_frames(video), "\n".join([question, *options]))]
    if on_event is not None:
        on_event(Event.of_message(asked[1]))
    turn = run_turn(model, asked, tools, budget=budget, on_event=on_event)
    read = read_question(question, tuple(options))
    known = read.options
    said = [turn.answer, *_said_again(model, [*asked, *turn.messages[:-1]], samples - 1)]
    text, choice, share = _agreed([read_answer(each, known) for each in said])
    tracks = _tracks(workspace, tools, read.things)
    chain, marks = _checked(next(each for each in said if read_answer(each, known) == (text, choice)), tracks)
    measured = _measurements(turn)
    made = Answer(
        question, text, choice, share if measured or not text else min(share, UNMEASURED),
        _reason(turn, text, bool(measured), marks), write_chain(chain), _evidence(chain), _motion(chain), measured,
        _calls(turn), model=model.name, tracks=tuple(tracks),
    )  # fmt: skip
    return replace(made, seconds=time.monotonic() - begun)


def answer_by_looking(video: str | Path, question: str, model: Model, *, scale: Scale | None = None) -> Answer:
    """Answers how things move by a model that is asked about pairs of frames, and knows no other question.

    Args:
        video: The video file.
        question: In words; it may name a thing by its colour.
        model: Of the form `motionlaw.agent.motion_question.PAIRS`.
        scale: What turns pixels into lengths.

    Returns:
        The answer, as sure as its claims meet the tracks; those that miss are corrected or left out.

    Raises:
        UserError: The video is unusable.
    """
    begun = time.monotonic()
    colours = {thing.colour for thing in read_question(question).things if thing.colour}
    said = tell_motion(model, video, most=FRAMES)
    wanted = [step for step in said.steps if not colours or getattr(step, "name", "").split()[0] in colours]
    # The model's names begin with a colour, by which a track that is the only one of its colour is known.
    names = dict.fromkeys(tag.name for tag in said.motion_tags)
    workspace = Workspace([video], scale=scale)
    tracks = _tracks(workspace, instruments(workspace), [Described(name, name.split()[0]) for name in names])
    checked = checked_chain(Chain(tuple(wanted)), tracks)
    text = told(checked.chain)
    count, missed = len(wanted), len(checked.marks)
    reason = f"The model's eye alone, two frames at a time; {missed} of its {count} claims missed the tracks."
    reason = reason if text else "Of what the model sees nothing is borne out by the tracks."
    return Answer(
        question, text, None, UNMEASURED * (count - missed) / count if text else 0.0, reason,
        write_chain(replace(checked.chain, answer=text or None)), _evidence(checked.chain), _motion(checked.chain),
        topic="motion", model=model.name, tracks=tuple(tracks), seconds=time.monotonic() - begun,
    )  # fmt: skip


def _said_again(model: Model, messages: Sequence[Message], count: int) -> list[str]:
    """More draws of the last reply; those that fail are left out."""
    said = []
    for seed in range(1, count + 1):
        try:
            reply = model.reply(messages, sampling=Sampling(temperature=TEMPERATURE, seed=seed))
        except UserError:
            continue
        said.append(reply.message.text)
    return said


def read_answer(text: str, options: Sequence[Option]) -> tuple[str, str | None]:
    """Reads the answer in a reply and the label of the option that it names; ``""`` where there is not exactly one."""
    chain = read_chain(text).chain
    words = (chain.answer if chain.answer is not None else "" if "<answer>" in text.lower() else text).strip()
    label = _LABEL.match(words)
    for option in options:
        is_letter = label is not None and label.group(1).upper() == option.label.upper() and len(words) <= 3
        is_whole = words.lower().strip(" .") in (option.text.lower(), f"{option.label}) {option.text}".lower())
        if is_letter or is_whole:
            return option.text, option.label
    return ("", None) if options else (words, None)


def _agreed(answers: Sequence[tuple[str, str | None]]) -> tuple[str, str | None, float]:
    """The answer that most samples give, the first one's in a draw, and a cautious share of them."""
    keys = [(text.lower().strip(" ."), choice) for text, choice in answers]
    counts = Counter(key for key in keys if key[0])
    if not counts:
        return (*answers[0][:2], 0.0)
    best = max(counts, key=lambda key: (counts[key], -keys.index(key)))
    text, choice = answers[keys.index(best)]
    return text, choice, (counts[best] + 0.5) / (len(answers) + 1)


def _tracks(workspace: Workspace, tools: Sequence[Tool], things: Sequence[Described]) -> list[Track]:
    """What truly moves, named as the question names it, else by its looks; tracked if the model did not ask for it."""
    if not workspace.all(Tracked):
        call(tools, "track", {})
    found = list(workspace.all(Tracked).values())
    colours = [one.colour for one in found]
    asked = {one.colour: one.name for one in things if one.colour and colours.count(one.colour) == 1}
    looks = [asked.get(one.colour) or f"{one.colour} {one.shape}".strip() or one.track.name for one in found]
    names = [name if looks.count(name) == 1 else f"{name} {looks[: k + 1].count(name)}" for k, name in enumerate(looks)]
    return [smoothed(replace(one.track, name=name)) for one, name in zip(found, names, strict=True)]


def _checked(text: str, tracks: Sequence[Track]) -> tuple[Chain, tuple[str, ...]]:
    checked = checked_chain(read_chain(text).chain, tracks)
    return checked.chain, checked.marks


def _reason(turn: Turn, text: str, is_measured: bool, marks: Sequence[str]) -> str:
    if not text:
        return f"The model gave no answer ({turn.stopped})."
    basis = "Answered from measurements." if is_measured else "Nothing was measured: this is the model's eye alone."
    return " ".join([basis, *(f"{mark[0].upper()}{mark[1:]}." for mark in marks)])


def _measurements(turn: Turn) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(str(each["name"]), float(each["value"]), each["stderr"], str(each["unit"]))
        for _, result in turn.calls
        if result.ok
        for each in result.data.get("measurements", ())
    )


def _calls(turn: Turn) -> tuple[Call, ...]:
    made = []
    for one, result in turn.calls:
        try:
            arguments = json.loads(one.arguments or "{}")
        except ValueError:
            arguments = one.arguments
        made.append(Call(one.name, arguments if isinstance(arguments, dict) else {}, result.seconds, result.ok))
    return tuple(made)


def _evidence(chain: Chain) -> tuple[Evidence, ...]:
    return tuple(Evidence(one.name, one.t, one.box) for one in chain.observations if one.t is not None)


def _motion(chain: Chain) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "obj": tag.name,
            "dir": tag.direction,
            "speed": tag.speed,
            "scale": tag.scale,
            "from": tag.t_from,
            "to": tag.t_to,
        }
        for tag in chain.motion_tags
    )
