"""Conversations in which instruments are called: questions, calls, the instruments' real results, true answers.

    motionlaw build traces --n 200 --seed 0 --out traces

The planner (`trace_plans`) follows rules, the instruments really run on films of made worlds and on tables of made
oscillators, and an answer that does not agree with the ground truth is dropped with its conversation. Some first calls
are wrong and are repaired after the instrument has said what is wrong. The form is that of OpenAI's messages, as TRL
takes it: ``messages``, ``tools`` (JSON text) and ``images``, which fill the image parts in their order.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from motionlaw.agent.messages import Image, Message, ToolCall
from motionlaw.agent.models.wire import to_wire
from motionlaw.agent.pictures import encode, video_frames
from motionlaw.data_builders.builder import Builder, Row
from motionlaw.data_builders.physsymbol import draw_oscillator
from motionlaw.data_builders.render import film
from motionlaw.data_builders.trace_plans import Calls, Task, law_task, world_tasks
from motionlaw.data_builders.worlds import make_scene
from motionlaw.tools.instruments import instruments
from motionlaw.tools.registry import Tool, ToolResult, call
from motionlaw.tools.workspace import Workspace

# Of so many sources one is an oscillator's table, the others are films.
TABLE_IN = 4
MOST_QUESTIONS = 3
MISTAKE_SHARE = 0.25
# Some questions can be asked of every film, others need the right motion and are preferred where it is there.
WEIGHTS = {"unanswerable": 0.15, "absent": 0.15, "count": 0.3, "camera": 0.3, "speed": 0.5}
FRAMES, WIDTH_PX = 6, 224
# Oscillators of the builder `physsymbol` have other seeds: its tables and these share no motion.
SEED_OF_TABLES = 7919
WRONG_HANDLE, WRONG_FILE = "track 9", "film.mov"

_PART = pa.struct([("type", pa.string()), ("text", pa.string())])
_CALL = pa.struct(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ]
)
_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.list_(_PART)),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
    ]
)
_IMAGE = pa.field("element", pa.struct([("bytes", pa.binary()), ("path", pa.string())]), metadata={"feature": "Image"})
SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("images", pa.list_(_IMAGE)),
        pa.field("messages", pa.list_(_MESSAGE)),
        pa.field("tools", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("mistakes", pa.list_(pa.int32())),
        pa.field("source", pa.string()),
        pa.field("source_split", pa.string()),
    ]
)


def builder() -> Builder:
    """Makes the builder."""
    return Builder("traces", SCHEMA, make, group, pair, describe, held_out)


def make(seed: int, index: int) -> list[Row]:
    """The conversations about one source."""
    rng = np.random.default_rng([seed, index, 2])
    with tempfile.TemporaryDirectory() as folder:
        if index % TABLE_IN == TABLE_IN - 1:
            return _about_table(seed, index, Path(folder), rng)
        return _about_film(seed, index, Path(folder), rng)


def group(row: Row) -> str:
    """The film or oscillator: all that is asked about it stays together, here and in other data sets."""
    return str(row["source"])


def pair(row: Row) -> tuple[bytes, str]:
    """What is shown and asked."""
    return str(row["source"]).encode(), question_of(row)


def held_out(row: Row) -> str | None:
    """Films out of the training range are kept out of training here too."""
    return "test_ood" if row["source_split"] == "test_ood" else None


def question_of(row: Row) -> str:
    """The words of the question."""
    user = next(message for message in row["messages"] if message["role"] == "user")
    return str(user["content"][-1]["text"])


def _about_film(seed: int, index: int, folder: Path, rng: np.random.Generator) -> list[Row]:
    scene = make_scene(seed, index)
    path = folder / "clip.mp4"
    path.write_bytes(film(scene))
    seen = video_frames(path, most=FRAMES, max_width_px=WIDTH_PX)
    every = world_tasks(scene, rng)
    weights = np.array([WEIGHTS.get(task.topic, 1.0) for task in every])
    chosen = [every[k] for k in rng.choice(len(every), MOST_QUESTIONS, replace=False, p=weights / weights.sum())]
    rows = []
    for task in chosen:
        talk = _Talk(Workspace([path], scale=scene.scale), rng)
        row = talk.row(task, Message.user(seen, task.question))
        if row is not None:
            about = {"name": f"{scene.name} {task.topic}", "source": scene.name, "source_split": scene.split}
            rows.append(row | about)
    return rows


def _about_table(seed: int, index: int, folder: Path, rng: np.random.Generator) -> list[Row]:
    drawn = draw_oscillator(SEED_OF_TABLES + seed, index)
    path = folder / "run.csv"
    columns = np.stack([drawn.t, drawn.x, drawn.v, drawn.a], axis=1)
    np.savetxt(path, columns, delimiter=",", header="t (s),x (m),v (m/s),a (m/s^2)", comments="", fmt="%.6f")
    task = law_task(drawn)
    text = f"File run.csv: a table of {len(drawn.t)} rows with t (s), x (m), v (m/s), a (m/s^2).\n{task.question}"
    row = _Talk(Workspace([path]), rng).row(task, Message.user(text))
    return [row | {"name": f"{drawn.name} law", "source": drawn.name, "source_split": ""}] if row is not None else []


@dataclass
class _Talk:
    """One conversation while it is held."""

    workspace: Workspace
    rng: np.random.Generator
    messages: list[Message] = field(default_factory=list)
    mistakes: list[int] = field(default_factory=list)
    calls: int = 0

    def row(self, task: Task, opening: Message) -> Row | None:
        """Holds the conversation; ``None`` where its answer is not true."""
        # No watch on the clock: the same calls give the same results on any machine.
        tools = [replace(tool, limit_s=None) for tool in instruments(self.workspace)]
        self.messages.append(opening)
        plan = task.plan()
        wanted = next(plan)
        has_mistake = bool(self.rng.random() < MISTAKE_SHARE)
        answer = None
        while answer is None:
            if has_mistake and wanted and self.rng.random() < 0.5:
                has_mistake = False
                self._blunder(wanted, tools)
            results = self._made(wanted, tools)
            if not all(result.ok for result in results):
                return None
            try:
                wanted = plan.send(results)
            except StopIteration as end:
                answer = end.value
        if not answer.text or not task.is_true(answer.value):
            return None
        self.messages.append(Message.assistant(answer.text))
        return _row(task, self.messages, tools, answer.text, self.mistakes)

    def _blunder(self, wanted: Calls, tools: Sequence[Tool]) -> None:
        """Makes the first of the calls wrong in one of the ways models do, and is told so."""
        name, arguments = wanted[0]
        written = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "video=clip.mp4"
        wrong = [(name[:-1], json.dumps(arguments)), (name, json.dumps(arguments | {"speed": 1})), (name, written)]
        if "of" in arguments and isinstance(arguments["of"], str):
            wrong += [(name, json.dumps(arguments | {"of": WRONG_HANDLE})), (name, "{}")]
        if name in ("track", "camera_motion"):
            wrong.append((name, json.dumps({"video": WRONG_FILE})))
        self.mistakes.append(len(self.messages))
        self._written([wrong[int(self.rng.integers(len(wrong)))]], tools)

    def _made(self, wanted: Calls, tools: Sequence[Tool]) -> list[ToolResult]:
        return self._written([(name, json.dumps(arguments)) for name, arguments in wanted], tools)

    def _written(self, wanted: Sequence[tuple[str, str]], tools: Sequence[Tool]) -> list[ToolResult]:
        """Makes calls as a model writes them and adds them with their results to the conversation."""
        if not wanted:
            return []
        asked = []
        for name, arguments in wanted:
            self.calls += 1
            asked.append(ToolCall(f"call_{self.calls}", name, arguments))
        self.messages.append(Message.assistant(tool_calls=asked))
        results = [call(tools, one.name, one.arguments) for one in asked]
        for one, result in zip(asked, results, strict=True):
            self.messages.append(Message.tool(one.id, result.text, *(encode(picture) for picture in result.images)))
        return results


def _row(
    task: Task, messages: Sequence[Message], tools: Sequence[Tool], answer: str, mistakes: Sequence[int]
) -> dict[str, Any]:
    """A conversation as TRL takes it: image parts stand empty and are filled from ``images`` in their order."""
    images: list[Row] = []
    names = {one.id: one.name for message in messages for one in message.tool_calls}
    written = [_written_out(message, images, names) for message in to_wire(messages)]
    # Pictures of results come in messages of their own: the numbers of mistakes are those of the written messages.
    calls = [k for k, message in enumerate(written) if message["tool_calls"]]
    order = [k for k, message in enumerate(messages) if message.tool_calls]
    return {
        "topic": task.topic,
        "images": images,
        "messages": written,
        "tools": json.dumps([tool.to_openai() for tool in tools]),
        "answer": answer,
        "mistakes": [calls[order.index(number)] for number in mistakes],
    }


def _written_out(message: dict[str, Any], images: list[Row], names: dict[str, str]) -> Row:
    content = message.get("content") or []
    parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    made = []
    for part in parts:
        if part["type"] == "image_url":
            image = Image.from_url(part["image_url"]["url"])
            images.append({"bytes": image.data, "path": None})
            made.append({"type": "image", "text": None})
        else:
            made.append({"type": "text", "text": part["text"]})
    call_id = message.get("tool_call_id")
    return {
        "role": message["role"],
        "content": made,
        "tool_calls": message.get("tool_calls"),
        "tool_call_id": call_id,
        "name": names.get(call_id) if call_id else None,
    }


def describe() -> str:
    """The card's text, with every distribution."""
    return f"""Conversations about films of made worlds and tables of made oscillators, in which instruments are called.

- Sources: of {TABLE_IN} sources one is a table (t, x, v, a of an oscillator of the builder `physsymbol`, from seeds of
  its own) with the question for its law; the others are films of the builder `worlds`, at most {MOST_QUESTIONS} of the
  questions that the film allows: direction, mean speed, comparison of two, count, first contact, period,
  acceleration, camera, something absent, something that motion does not show; drawn with weight 1, or that of
  {WEIGHTS}.
- A share of {MISTAKE_SHARE} of the conversations may hold one wrong call, at each step with probability 1/2 (a misspelt
  name, a parameter too many, arguments that are no JSON, an unknown handle or file, a missing argument; drawn evenly),
  with the instrument's real error.
  `mistakes` holds the numbers of the messages with wrong calls, so that training can leave them out of the loss.
- Results are those of the instruments at the versions named in the manifest. A conversation is dropped where a planned
  call fails, or where the answer disagrees with the ground truth: directions and names must be equal, numbers within
  5 % or 3 standard errors of at most 10 % each, times within 2.5 frames, laws in every term and within
  1 % of the acceleration.
- The film is shown as {FRAMES} frames, at most {WIDTH_PX} pixels wide, each after its true time.
- `messages` and `images` are OpenAI's messages as TRL takes them; `tools` is JSON text. TRL 1.16 leaves `tools` out
  where a data set has images: hand it to the chat template in the collator."""
