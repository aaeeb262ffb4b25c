"""A model that says what it was told to say: for tests of everything that talks to one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from motionlaw.agent.messages import Message
from motionlaw.agent.model import GREEDY, OnText, Reply, Sampling, Schema
from motionlaw.tools.errors import UserError

Turn = str | Message | Reply | Exception | Callable[[Sequence[Message]], "str | Message | Reply"]


@dataclass
class ScriptedModel:
    """Gives its turns one after the other; a turn may be words, a message, an error to raise, or a function.

    Args:
        turns: What to say.
        name: What it is called.
        log_probabilities: What it says of answers; others are an error.
        seconds_per_word: How slowly it streams.
        asked: The conversations it was given, for the tests to look at.
        parallel: It has one voice.
        form: How it wants to be asked for a law.

    Example:
        >>> ScriptedModel(["It moves."]).reply([Message.user("Does it move?")]).message.text
        'It moves.'
    """

    turns: list[Turn]
    name: str = "scripted"
    log_probabilities: dict[str, float] = field(default_factory=dict)
    seconds_per_word: float = 0.0
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    parallel: int = 1
    form: str = "full"

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Gives the next turn, see `motionlaw.agent.model.Model`."""
        if len(self.asked) >= len(self.turns):
            raise UserError(f"The scripted model has {len(self.turns)} turns and was asked for one more.")
        turn = self.turns[len(self.asked)]
        self.asked.append(tuple(messages))
        if isinstance(turn, Exception):
            raise turn
        said = turn(messages) if callable(turn) else turn
        if isinstance(said, str):
            said = Message.assistant(said)
        if isinstance(said, Message):
            words = len(said.text.split())
            said = Reply(said, "tool_calls" if said.tool_calls else "stop", len(messages), words)
        if on_text is not None:
            for word in said.message.text.split(" "):
                time.sleep(self.seconds_per_word)
                on_text(word if word is said.message.text else f"{word} ")
        return said

    def log_probability(self, messages: Sequence[Message], answer: str) -> float:
        """Looks the answer up."""
        if answer not in self.log_probabilities:
            raise UserError(f"The scripted model has no probability for {answer!r}.")
        return self.log_probabilities[answer]

    def close(self) -> None:
        """Has nothing to let go of."""
