"""Rows of the data sets as conversations to be trained on: what is asked and shown, and what is right to answer.

Tasks: ``msi0`` (pictures and numbers → reasoning), ``msi1`` (the same → reasoning and law), ``msi2`` (the same and the
reasoning → law), ``mcot`` (frames with their times and a question → motion chain), ``pairs`` (two frames → what moves),
``readings`` (a question in free words → the form that the rules know), ``traces`` (calls of instruments).
A question about a law is worded by `motionlaw.agent.law_question`, frames by `motionlaw.agent.models.wire`: a model is
trained on what it will be asked.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.law_question import BRIEF, FULL, ROWS, brief_question, named, question_text
from motionlaw.agent.messages import Image, Message, VideoFrames
from motionlaw.agent.models.wire import to_wire, untimed_film
from motionlaw.agent.motion_question import pair_question, written
from motionlaw.agent.pictures import encode, video_frames
from motionlaw.tools.errors import UserError

# Pictures of a law's question, as `hypothesise` shows them.
PICTURES = ("phase_portrait", "trajectory")
FRAMES = 8
# A source that is not on disk: oscillators drawn as they are needed, written TASK=fresh:COUNT:SEED.
FRESH = "fresh"
CHAIN_GIVEN = "What the pictures show was said already:\n{chain}\nGive the law that follows, and nothing else."
KINDS = ("image", "video")
Part = dict[str, Any]


@dataclass(frozen=True)
class Conversation:
    """A conversation to learn from.

    Args:
        messages: As chat templates take them; a picture's part is ``{"type": "image"}``.
        images: Encoded pictures, which fill these parts in their order, and those of films, ``{"type": "video"}``.
        tools: Schemas of tools that may be called.
        left_out: Which of the assistant's messages are not learned (calls that are wrong on purpose), from 0.
        times: When the frames of each film were taken, seconds.
    """

    messages: tuple[dict[str, Any], ...]
    images: tuple[bytes, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    left_out: tuple[int, ...] = ()
    times: tuple[tuple[float, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A row for a trainer: the pictures, and the rest as JSON text."""
        rest = {"messages": self.messages, "tools": self.tools, "left_out": self.left_out, "times": self.times}
        return {"images": list(self.images), "conversation": json.dumps(rest)}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Conversation:
        """Reads `to_dict`; a row of `fresh_rows` is made now."""
        rest = json.loads(row["conversation"])
        if FRESH in rest:
            task, seed, number, form = rest[FRESH]
            return TASKS[task](_drawn_row(task, seed, number), Asking(form))
        times = tuple(tuple(each) for each in rest["times"])
        return cls(tuple(rest["messages"]), tuple(row["images"]), tuple(rest["tools"]), tuple(rest["left_out"]), times)

    def media(self) -> tuple[list[bytes], list[VideoFrames]]:
        """Its pictures, and its films."""
        kinds = [part["type"] for message in self.messages for part in message["content"] if part["type"] in KINDS]
        pictures: list[bytes] = []
        films: list[VideoFrames] = []
        left = list(self.images)
        for kind in kinds:
            if kind == "image":
                pictures.append(left.pop(0))
                continue
            times = self.times[len(films)]
            films.append(VideoFrames(tuple(Image(left.pop(0)) for _ in times), times))
        return pictures, films

    @property
    def question(self) -> tuple[dict[str, Any], ...]:
        """The messages before the first answer."""
        first = next(k for k, message in enumerate(self.messages) if message["role"] == "assistant")
        return self.messages[:first]


@dataclass(frozen=True)
class Asking:
    """How questions about laws are asked; see `motionlaw.agent.law_question`.

    Args:
        form: ``"full"`` or ``"brief"``.
        rows: How many rows of a motion the full form tells.
    """

    form: str = FULL
    rows: int = ROWS


def law_question(row: dict[str, Any], asking: Asking) -> tuple[list[Part], tuple[bytes, ...]]:
    """The parts of the question about a law, and its pictures.

    Args:
        row: A row of the data set `physsymbol`.
        asking: The form.

    Raises:
        UserError: The form wants pictures that the row does not have.
    """
    columns = np.column_stack([row[name] for name in "txva"])
    parts: list[Part]
    if asking.form == BRIEF:
        pictures, text = brief_question(columns)
        parts = [*({"type": "image"} for _ in pictures), {"type": "text", "text": text}]
        return parts, tuple(each.data for each in pictures)
    if PICTURES[0] not in row:
        raise UserError(f"Oscillators of {FRESH}: have no plots; a model of the full form needs data from a folder.")
    parts = [{"type": "image"} for _ in PICTURES]
    parts.append({"type": "text", "text": question_text(("x",), ("m",), columns, most=asking.rows)})
    return parts, tuple(row[name]["bytes"] for name in PICTURES)


def reasoning(row: dict[str, Any], form: str = FULL, asked: str = "") -> str:
    """The chain of thought without its last line, the law.

    In the brief form each observation is its kind, without numbers, and the terms are named before the law is written.
    """
    if form == FULL:
        return str(row["ccot"]).rsplit("\nTogether:", 1)[0]
    kinds = [each["kind"] for each in json.loads(row["observations"])]
    seen = "; ".join(kind for kind in kinds if not kind.startswith("term "))
    return f"{seen}.\nTerms: {', '.join(skeletons(_law(row, form, asked)))}."


def skeletons(law: str) -> list[str]:
    """The terms of a printed law without their factors, in its order.

    Example:
        >>> skeletons("-0.1*x**2 + 1.05*cos(0.7*t) - v*x**2 - 0.3")
        ['x**2', 'cos(0.7*t)', 'v*x**2', '1']
    """
    terms = re.split(r" [+-] ", law.removeprefix("-"))
    return [re.sub(r"^[0-9.]+(?:e-?[0-9]+)?(?:\*|$)", "", term) or "1" for term in terms]


def rounded(law: str) -> str:
    """A printed law with two digits in its numbers: more cannot be read off a small picture.

    Example:
        >>> rounded("-0.1*x**2 + 1.05*cos(0.704*t) - v*x**2 - 12.34")
        '-0.1*x**2 + 1.1*cos(0.7*t) - v*x**2 - 12'
    """
    return re.sub(r"\d*\.\d+(?:e-?\d+)?", lambda found: f"{float(found.group()):.2g}", law)


def answer(row: dict[str, Any], form: str = FULL, asked: str = "") -> str:
    """The law as the one answer; in the brief form with two digits, and frequencies as the question names them."""
    return f"<answer>a = {_law(row, form, asked)}</answer>"


def _law(row: dict[str, Any], form: str, asked: str) -> str:
    return str(row["law"]) if form == FULL else rounded(named(row["law"], asked))


def law_answer(row: dict[str, Any], form: str = FULL, asked: str = "") -> str:
    """The reasoning, and the law as the one answer.

    Args:
        row: A row of the data set `physsymbol`.
        form: The form of the question.
        asked: Its words.
    """
    return f"{reasoning(row, form, asked)}\n{answer(row, form, asked)}"


def msi0(row: dict[str, Any], asking: Asking) -> Conversation:
    """Before the first phase, for models from scratch: the reasoning alone, so that digits do not drown the terms."""
    parts, images = law_question(row, asking)
    said = reasoning(row, asking.form, parts[-1]["text"])
    return Conversation((says("user", parts), says("assistant", said)), images)


def msi1(row: dict[str, Any], asking: Asking) -> Conversation:
    """Motion structure induction, first phase: reasoning and law from pictures and rows."""
    parts, images = law_question(row, asking)
    said = law_answer(row, asking.form, parts[-1]["text"])
    return Conversation((says("user", parts), says("assistant", said)), images)


def msi2(row: dict[str, Any], asking: Asking) -> Conversation:
    """Second phase: the law, given the reasoning."""
    parts, images = law_question(row, asking)
    asked = parts[-1]["text"]
    parts.append({"type": "text", "text": "\n" + CHAIN_GIVEN.format(chain=reasoning(row, asking.form, asked))})
    return Conversation((says("user", parts), says("assistant", answer(row, asking.form, asked))), images)


def motion_question(row: dict[str, Any], *, frames: int = FRAMES) -> tuple[list[Part], tuple[bytes, ...]]:
    """The frames of a film with their times, then the question with the size of the picture.

    Args:
        row: A row of the data set `mcot` or `questions`.
        frames: How many frames are shown, evenly.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        path.write_bytes(row["video"]["bytes"])
        film = video_frames(path, most=frames, name="film")
    text = f"The film is {row['width']} by {row['height']} pixels. {row['question']}"
    (sent,) = to_wire([Message.user(film, text)])
    images: list[bytes] = []
    return [_without_picture(part, images) for part in sent["content"]], tuple(images)


def mcot(row: dict[str, Any], _: Asking) -> Conversation:
    """A motion chain from frames."""
    parts, images = motion_question(row)
    return Conversation((says("user", parts), says("assistant", row["chain"])), images)


def pairs(row: dict[str, Any], _: Asking) -> Conversation:
    """Two frames of a film, and what moves between them."""
    pair = row["pair"]
    pictures = (encode(pair.pictures[0]), encode(pair.pictures[1]))
    (sent,) = to_wire([pair_question(pictures, pair.times)], write_video=untimed_film)
    said = written(pair.things)
    images = tuple(each.data for each in pictures)
    return Conversation((says("user", sent["content"]), says("assistant", said)), images, times=(pair.times,))


def readings(row: dict[str, Any], _: Asking) -> Conversation:
    """A question in free words, and what it asks."""
    return Conversation((says("user", row["words"]), says("assistant", row["reading"])))


def traces(row: dict[str, Any], _: Asking) -> Conversation:
    """A conversation in which instruments are called; calls that are wrong on purpose are not learned."""
    messages = []
    for message in row["messages"]:
        parts = [{key: value for key, value in part.items() if value is not None} for part in message["content"]]
        made: dict[str, Any] = {"role": message["role"], "content": parts}
        if message["tool_calls"]:
            made["tool_calls"] = [
                {"type": "function", "function": {name: call["function"][name] for name in ("name", "arguments")}}
                for call in message["tool_calls"]
            ]
        messages.append(made)
    said = [k for k, message in enumerate(messages) if message["role"] == "assistant"]
    left_out = tuple(said.index(k) for k in row["mistakes"])
    images = tuple(image["bytes"] for image in row["images"])
    return Conversation(tuple(messages), images, tuple(json.loads(row["tools"])), left_out)


def says(role: str, content: str | list[Part]) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": [{"type": "text", "text": content}] if isinstance(content, str) else content}


def _without_picture(part: Part, images: list[bytes]) -> Part:
    if part["type"] != "image_url":
        return part
    images.append(Image.from_url(part["image_url"]["url"]).data)
    return {"type": "image"}


TASKS: dict[str, Callable[[dict[str, Any], Asking], Conversation]] = {
    "msi0": msi0, "msi1": msi1, "msi2": msi2, "mcot": mcot, "pairs": pairs, "readings": readings,
    "traces": traces,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A task and the folder of its data set, written ``TASK=FOLDER``.

    Example:
        >>> Source.read("msi1=laws")
        Source(task='msi1', folder='laws')
    """

    task: str
    folder: str

    @classmethod
    def read(cls, text: str) -> Source:
        """Reads ``TASK=FOLDER``.

        Raises:
            UserError: It is of another form.
        """
        task, _, folder = text.partition("=")
        if not task or not folder:
            raise UserError(f"data must be TASK=FOLDER, e.g. msi1=laws, got '{text}'.")
        return cls(task, folder)

    @property
    def is_fresh(self) -> bool:
        """Whether its rows are drawn as they are needed, and lie in no folder."""
        return self.folder.startswith(f"{FRESH}:")

    @property
    def fresh(self) -> tuple[int, int]:
        """How many oscillators, and their seed.

        Raises:
            UserError: They are written in another form.
        """
        words = self.folder.split(":")[1:]
        if len(words) != 2 or not all(word.isdigit() for word in words):
            raise UserError(f"Fresh oscillators are {FRESH}:COUNT:SEED, e.g. {FRESH}:9000:1, got '{self.folder}'.")
        return int(words[0]), int(words[1])

    def rows(self, split: str, *, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Reads the rows of a split from a folder of ``motionlaw build``.

        Raises:
            UserError: There is no such split.
        """
        if self.is_fresh:
            count, seed = self.fresh
            for number in range(count if most is None else min(count, most)):
                yield _drawn_row(self.task, seed, number)
            return
        import pyarrow.parquet as pq

        files = sorted(Path(self.folder).rglob(f"{split}-*.parquet"))
        if not files:
            raise UserError(f"{self.folder} holds no split {split}. Make one: motionlaw build … --out {self.folder}.")
        count = 0
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=16):
                for row in batch.to_pylist():
                    if most is not None and count >= most:
                        return
                    count += 1
                    yield row


def _drawn_row(task: str, seed: int, number: int) -> dict[str, Any]:
    """A pair of frames, a question with its reading, or what the brief form needs of a row of `physsymbol`.

    The families of its law may meet in training.

    Where the motion is shown as measured badly, ``clean`` has its true columns, by which answers are judged.
    """
    if task == "pairs":
        from motionlaw.data_builders.motion_pairs import show_pair

        return {"pair": show_pair(seed, number)}
    if task == "readings":
        from motionlaw.data_builders.readings import make_reading

        return vars(make_reading(seed, number))
    from motionlaw.data_builders.ccot import observe
    from motionlaw.data_builders.oscillator_blocks import show

    shown = show(seed, number)
    told = {"name": shown.drawn.name, "law": shown.drawn.formula}
    told["observations"] = json.dumps([each.to_dict() for each in observe(shown.drawn)])
    clean = {name: getattr(shown.drawn, name) for name in "txva"}
    return told | dict(zip("txva", shown.columns.T, strict=True)) | {"clean": clean}


def fresh_rows(source: Source, asking: Asking, *, most: int | None = None) -> list[dict[str, Any]]:
    """Rows for a trainer that only say which oscillators to draw; the conversations are made when they are batched.

    Raises:
        UserError: There is no such task.
    """
    if source.task not in TASKS:
        raise UserError(f"No task '{source.task}'. Tasks: {', '.join(TASKS)}.")
    count, seed = source.fresh
    numbers: Sequence[int] = range(count if most is None else min(count, most))
    if source.task == "readings":
        from motionlaw.data_builders.readings import in_order

        numbers = in_order(seed, len(numbers))
    names = [[source.task, seed, number, asking.form] for number in numbers]
    return [{"images": [], "conversation": json.dumps({FRESH: name})} for name in names]


def conversations(
    sources: Sequence[Source], split: str, asking: Asking, *, most: int | None = None
) -> Iterator[Conversation]:
    """The conversations of several data sets, one after the other.

    Args:
        sources: The data sets.
        split: E.g. ``"train"``.
        asking: How questions about laws are asked.
        most: Of each data set.

    Raises:
        UserError: There is no such task or data.
    """
    for source in sources:
        if source.task not in TASKS:
            raise UserError(f"No task '{source.task}'. Tasks: {', '.join(TASKS)}.")
        for row in source.rows(split, most=most):
            yield TASKS[source.task](row, asking)
