"""Who answers questions: the instruments, or a model that is shown frames; and the views of a video that it is shown.

Views: ``video`` (frames with their times), ``blind`` (no frame), ``frame`` (the middle one alone), ``reversed`` (the
same frames in the other order, at the times of the true ones). A model that scores as well blind, or on one frame, does
not use the motion; one that does not mind the order does not use time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from motionlaw.agent.messages import Message, Part, VideoFrames
from motionlaw.agent.model import Model, Sampling
from motionlaw.eval.qa.items import LETTERS, Item
from motionlaw.eval.qa.mot_text import mot_answer, mot_words
from motionlaw.eval.qa.things import Thing, named_things, viewed
from motionlaw.tools.errors import ToolError, UserError

VIEWS = ("video", "blind", "frame", "reversed")
ASK_LETTER = "Answer with the letter of the right option alone."
ASK_YES_NO = "Answer with yes or no alone."
TEXT = ".txt"  # boxes in words, where there is no video
ASK_SHORT = "Answer in a few words or with a number and its unit, and nothing else."


@dataclass(frozen=True)
class Reply:
    """What was answered, and what it cost.

    Args:
        text: The answer; ``""`` where there is none.
        error: Why there is none.
        seconds: Wall-clock seconds.
        prompt_tokens: Tokens read; 0 for the instruments.
        completion_tokens: Tokens written.
        frames: Frames that were shown.
        fps: Frames a second that were shown, ``None`` for fewer than two.
    """

    text: str
    error: str = ""
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    frames: int = 0
    fps: float | None = None


@dataclass
class Instruments:
    """Answers by rule from measurements, one video after the other.

    Args:
        reader: A model that reads questions, see `motionlaw.agent.reading`.
    """

    reader: Model | None = None
    name: str = "instruments"
    _known: dict[Path, object] = field(default_factory=dict)
    _things: tuple[str, tuple[Thing, ...]] = ("", ())

    def answer(self, item: Item, view: str) -> Reply:
        """Answers an item; of other views than the video only questions of our own forms."""
        from motionlaw.agent.answer import answer
        from motionlaw.agent.facts import Facts

        begun = time.monotonic()
        try:
            if item.video.suffix == TEXT and view == "video":
                return Reply(mot_answer(item), seconds=time.monotonic() - begun)
            if view != "video":
                said = self._by_form(item, view) if item.is_ours else ""
                reason = "" if said else f"The instruments need the video, not {view}."
                return Reply(said, reason, time.monotonic() - begun)
            if item.category == "camera" and item.options:
                return Reply(_camera_choice(item), seconds=time.monotonic() - begun)
            if item.is_ours and (said := self._by_form(item, view)):
                return Reply(said, seconds=time.monotonic() - begun)
            if item.video not in self._known:
                self._known.clear()  # a video's questions stand together
                self._known[item.video] = Facts(item.video)
            options = [f"{letter}) {text}" for letter, text in zip(LETTERS, item.options, strict=False)]
            found = answer(self._known[item.video], item.question, options=options, reader=self.reader)  # type: ignore[arg-type]
        except (UserError, ToolError) as error:
            return Reply("", str(error), time.monotonic() - begun)
        text = (found.choice or "") if item.options else found.text
        if item.scorer == "yes_no" and text:
            text = text.split()[0]
        return Reply(text, "" if text else found.reason, time.monotonic() - begun)

    def _by_form(self, item: Item, view: str) -> str:
        from motionlaw.eval.qa.measured import measured_answer

        if self._things[0] != item.id:  # the views of an item stand together
            self._things = (item.id, named_things(item.question, item.video))
        return measured_answer(item, viewed(self._things[1], view))

    def close(self) -> None:
        """Forgets what is known."""
        self._known.clear()
        if self.reader is not None:
            self.reader.close()


def _camera_choice(item: Item) -> str:
    from motionlaw.tools.camera_moves import camera_moves

    scores = camera_moves(item.video).scores()
    best = max(range(len(item.options)), key=lambda k: scores.get(item.options[k], 0.0))
    return LETTERS[best]


@dataclass
class Shown:
    """A model that is shown a budget of frames.

    Args:
        model: The model.
        frames: Most frames of a video.
        seed: Seed of its replies.
    """

    model: Model
    frames: int
    seed: int = 0

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.name

    def answer(self, item: Item, view: str) -> Reply:
        """Asks the model, with what the view shows of the video."""
        begun = time.monotonic()
        try:
            shown = None if item.video.suffix == TEXT else seen(item.video, view, self.frames)
            table = mot_words(item.video, view) if item.video.suffix == TEXT else ""
            parts: list[Part | str] = [*([] if shown is None else [shown]), f"{table}\n\n{prompt(item)}".strip()]
            reply = self.model.reply([Message.user(*parts)], sampling=Sampling(seed=self.seed, max_tokens=512))
        except UserError as error:
            return Reply("", str(error), time.monotonic() - begun)
        times = () if shown is None else shown.timestamps
        fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None
        return Reply(reply.message.text, "", time.monotonic() - begun, reply.prompt_tokens, reply.completion_tokens,
                     len(times), fps)  # fmt: skip

    def close(self) -> None:
        """Lets go of the model."""
        self.model.close()


def prompt(item: Item) -> str:
    """The words that a model is asked with: the question, its options by letter, and in which form to answer."""
    lines = [item.question, *([item.context] if item.context else [])]
    lines += [f"{letter}. {text}" for letter, text in zip(LETTERS, item.options, strict=False)]
    lines.append(ASK_LETTER if item.options else ASK_YES_NO if item.scorer == "yes_no" else ASK_SHORT)
    return "\n".join(lines)


def seen(video: Path, view: str, frames: int) -> VideoFrames | None:
    """What a view shows of a video; ``None`` for nothing.

    Raises:
        UserError: There is no such view, or the video cannot be read.
    """
    from motionlaw.agent.pictures import video_frames

    if view not in VIEWS:
        raise UserError(f"No view '{view}'. Views: {', '.join(VIEWS)}.")
    if view == "blind":
        return None
    whole = video_frames(video, most=3 if view == "frame" else frames)
    if view == "frame":
        middle = len(whole.frames) // 2
        return VideoFrames((whole.frames[middle],), (whole.timestamps[middle],), whole.name)
    if view == "reversed":
        return VideoFrames(whole.frames[::-1], whole.timestamps, whole.name)
    return whole


def majority(items: Sequence[Item]) -> dict[str, float | None]:
    """What one answer for all items of a category scores, the most frequent one, known beforehand; by item id."""
    answers: dict[str, dict[str, int]] = {}
    for item in items:
        if item.answer is not None:
            counts = answers.setdefault(item.category, {})
            counts[item.answer] = counts.get(item.answer, 0) + 1
    best = {category: max(counts, key=lambda each: (counts[each], each)) for category, counts in answers.items()}
    return {item.id: None if item.answer is None else float(item.answer == best[item.category]) for item in items}
