"""One small interface to any vision-language model, and the choice of one from the text of ``--model``.

A model is given messages and tools and answers with a message; it may stream, may be held to a JSON schema, and can
say how probable an answer would have been. Where it runs is its own file: `motionlaw.agent.models.openai_server`
(vLLM and every other OpenAI-compatible server), `in_process` (a local checkpoint in transformers), `small` (the one
that ships, in NumPy), `scripted` (tests).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from motionlaw.agent.messages import Message
from motionlaw.tools.errors import UserError

EMBEDDED, MOVES, READER = "embedded", "embedded_motion", "embedded_reader"
"""The checkpoints that ship: one proposes laws, one tells what moves (`motionlaw.agent.motion_question`), and one reads
questions (`motionlaw.agent.reading`)."""
ONLY = {
    "brief": "proposes laws (motionlaw discover --model {})",
    "pairs": "tells what moves between two frames (motionlaw eval chains --model {})",
    "readings": "reads questions (motionlaw ask --model {})",
}
"""What a checkpoint can do that was trained to be asked in one form alone."""

OnText = Callable[[str], None]
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Sampling:
    """How a reply is drawn.

    Args:
        temperature: 0 takes the most probable token each time.
        max_tokens: Longest reply, tokens.
        seed: Same messages, seed and model: same reply, as far as the server keeps that promise.
        json_schema: Holds the reply to JSON of this schema.
        timeout_s: Seconds the reply may take.
    """

    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0
    json_schema: Schema | None = None
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and self.max_tokens >= 1 and self.timeout_s > 0):
            raise UserError(
                "A reply needs temperature >= 0, max_tokens >= 1 and timeout_s > 0, got "
                f"{self.temperature}, {self.max_tokens}, {self.timeout_s}."
            )


GREEDY = Sampling()


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Args:
        message: The assistant's message, with its tool calls.
        finish_reason: ``"stop"``, ``"tool_calls"``, or ``"length"`` where max_tokens cut it off.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        notes: What was done to make the messages fit, e.g. frames left out.
    """

    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    notes: tuple[str, ...] = ()


class Model(Protocol):
    """Anything that answers messages; ``parallel`` is how many requests it takes at once.

    ``form`` is how it wants to be asked for a law (`motionlaw.agent.law_question.FORMS`).
    """

    name: str
    parallel: int
    form: str

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Answers a conversation.

        Args:
            messages: The conversation so far.
            tools: OpenAI's descriptions of the functions it may call.
            sampling: How the reply is drawn.
            on_text: Called with each piece of text as it comes; the reply is then streamed.

        Raises:
            UserError: The model cannot be reached, does not exist, cannot see, or did not answer in time.
        """

    def log_probability(self, messages: Sequence[Message], answer: str) -> float:
        """Returns the natural logarithm of the probability of ``answer`` as the next message.

        Raises:
            UserError: The model does not tell.
        """

    def close(self) -> None:
        """Lets go of connections and memory."""


@runtime_checkable
class ManyReplies(Protocol):
    """A model that draws several replies to one conversation at once, which is quicker than one after the other."""

    def replies(self, messages: Sequence[Message], samplings: Sequence[Sampling]) -> list[Reply]:
        """Answers a conversation once for each sampling.

        Args:
            messages: The conversation so far.
            samplings: How each reply is drawn; the shortest of their timeouts holds for all.

        Raises:
            UserError: As `Model.reply`; there is then no reply at all.
        """


def choose_model(text: str, *, talks: bool = True, embedded: str = EMBEDDED) -> Model | None:
    """Returns the model that ``--model`` names; ``None`` for ``none``.

    Args:
        text: ``none``, ``embedded``, a server's address such as ``http://localhost:8000/v1`` (with ``#name`` where it
            serves several models), or the folder of a checkpoint.
        talks: Whether it must answer questions; a small model that was trained for one thing alone cannot.
        embedded: Which of the checkpoints that ship is meant by ``embedded``.

    Raises:
        UserError: The text names nothing that can answer, or a model that cannot do what is wanted.
    """
    if text == "none":
        return None
    if text.startswith(("http://", "https://")):
        from motionlaw.agent.models.openai_server import OpenAIServer

        return OpenAIServer(text)
    folder = Path(str(files("motionlaw.agent").joinpath(embedded))) if text == EMBEDDED else Path(text)
    known = ("full",) if talks else ("full", {EMBEDDED: "brief", MOVES: "pairs", READER: "readings"}[embedded])
    if (form := _form(folder)) not in known:
        raise UserError(
            f"The model {folder.name} only {ONLY[form].format(text)}; for questions use none, so that the instruments "
            "answer, a server (http://localhost:8000/v1), or the folder of a larger checkpoint."
        )
    if text == EMBEDDED:
        from motionlaw.agent.models.small import SmallModel

        return SmallModel(folder)
    if folder.is_dir():
        from motionlaw.agent.models.in_process import InProcessModel

        return InProcessModel(folder)
    raise UserError(
        f"model must be none, embedded, a server's address (http://localhost:8000/v1) or the folder of a checkpoint, "
        f"got {text!r}."
    )


def _form(folder: Path) -> str:
    """The form in which a checkpoint was trained to be asked, ``full`` where it knows all questions."""
    try:
        form = json.loads((folder / "config.json").read_text("utf-8")).get("question_form")
    except (OSError, ValueError):
        return "full"  # whoever loads it says what is wrong
    return form if form in ONLY else "full"
