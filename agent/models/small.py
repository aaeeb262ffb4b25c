"""A small checkpoint in this process without torch: the one that ships, in NumPy, with the contract of every model.

    motionlaw discover swing.csv --model embedded

Several replies to one conversation are drawn side by side: the prompt is read once and each step is one product for
all of them. Every reply has a generator of its own, so a seed draws the same words whoever is asked beside it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.messages import Image, Message, Text, VideoFrames
from motionlaw.agent.model import GREEDY, OnText, Reply, Sampling, Schema
from motionlaw.agent.models.small_network import SmallNetwork
from motionlaw.agent.models.small_tokens import SmallTokenizer
from motionlaw.agent.models.small_tower import Seen
from motionlaw.agent.pictures import decode
from motionlaw.agent.tool_text import as_data
from motionlaw.tools.errors import UserError

PICTURE = "<|vision_start|>{}<|vision_end|>"
# As the processor of Qwen3-VL writes a film of two frames, which share one time.
FILM = "Video {}:<|vision_start|><{:.1f} seconds>" + PICTURE + "<|vision_end|>"


class SmallModel:
    """A small Qwen3-VL run by NumPy.

    Args:
        folder: A folder in the Hugging Face format.

    Raises:
        UserError: The folder holds no checkpoint of the kind that NumPy can run here.

    Example:
        >>> from importlib.resources import files
        >>> model = SmallModel(Path(str(files("motionlaw.agent").joinpath("embedded"))))
        >>> model.name, model.form
        ('embedded', 'brief')
    """

    parallel = 1

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder)
        self._network = SmallNetwork(path)
        self._tokenizer = SmallTokenizer(path / "tokenizer.json")
        try:
            colours: dict[str, Any] = json.loads((path / "preprocessor_config.json").read_text("utf-8"))
            self._mean, self._spread = (np.asarray(colours[name], float) for name in ("image_mean", "image_std"))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{path} does not tell how pictures are scaled: preprocessor_config.json ({error})."
            ) from None
        self.form = str(self._network.config.get("question_form", "full"))
        self.name = path.resolve().name

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Answers a conversation, see `motionlaw.agent.model.Model`; it is told in one piece."""
        if tools:
            raise UserError(f"{self.name} knows no tools. Name a larger model.")
        (reply,) = self.replies(messages, [sampling])
        if on_text is not None:
            on_text(reply.message.text)
        return reply

    def replies(self, messages: Sequence[Message], samplings: Sequence[Sampling]) -> list[Reply]:
        """Draws several replies to one conversation side by side, see `motionlaw.agent.model.ManyReplies`."""
        if any(sampling.json_schema is not None for sampling in samplings):
            raise UserError(f"{self.name} cannot be held to a JSON schema. Name a larger model.")
        deadline = time.monotonic() + min(sampling.timeout_s for sampling in samplings)
        most = max(sampling.max_tokens for sampling in samplings)
        asked, seen = self._prompt(messages, room=most)
        logits, memory = self._network.read(asked, seen, room=most)
        generators = [np.random.default_rng(sampling.seed) for sampling in samplings]
        told: list[list[int]] = [[] for _ in samplings]
        live = list(range(len(samplings)))
        memory, after = memory.copied(len(samplings)), np.repeat(logits[-1:], len(samplings), axis=0)
        while True:
            for row, number in enumerate(live):
                told[number].append(_drawn(after[row], samplings[number].temperature, generators[number]))
            kept = [k for k, n in enumerate(live) if not self._is_over(told[n], samplings[n])]
            if not kept:
                break
            if time.monotonic() > deadline:
                raise UserError(
                    f"{self.name} did not answer within {min(each.timeout_s for each in samplings):g} s. "
                    "Ask for less, or wait longer."
                )
            if len(kept) < len(live):
                live, memory = [live[k] for k in kept], memory.only(np.array(kept))
            after, memory = self._network.go_on(np.array([told[number][-1] for number in live]), memory)
        return [self._reply(tokens, len(asked)) for tokens in told]

    def log_probability(self, messages: Sequence[Message], answer: str) -> float:
        """Returns the sum of the log-probabilities of the answer's tokens."""
        tokens = self._tokenizer.encode(answer)
        asked, seen = self._prompt(messages, room=len(tokens))
        logits, _ = self._network.read([*asked, *tokens], seen)
        logits = logits[len(asked) - 1 : -1].astype(float)
        highest = logits.max(axis=1, keepdims=True)
        told = logits - highest - np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
        return float(told[np.arange(len(tokens)), tokens].sum())

    def close(self) -> None:
        """Has nothing to let go of but memory."""

    def _is_over(self, tokens: Sequence[int], sampling: Sampling) -> bool:
        return tokens[-1] in self._network.ends or len(tokens) >= sampling.max_tokens

    def _reply(self, tokens: Sequence[int], asked: int) -> Reply:
        finish = "stop" if tokens[-1] in self._network.ends else "length"
        return Reply(Message.assistant(self._tokenizer.decode(tokens)), finish, asked, len(tokens))

    def _prompt(self, messages: Sequence[Message], *, room: int) -> tuple[list[int], list[Seen]]:
        """A conversation in ChatML as tokens, and its pictures as they are seen; room is left for an answer."""
        words, seen = [], []
        for message in messages:
            is_data = message.role == "user"
            words.append(f"<|im_start|>{message.role}\n")
            for part in message.content:
                if isinstance(part, Text):
                    words.append(as_data(part.text) if is_data else part.text)
                elif isinstance(part, Image):
                    seen.append(self._network.see(self._scaled(decode(part))))
                    words.append(PICTURE.format("<|image_pad|>" * len(seen[-1].tokens)))
                else:
                    seen.append(self._film(part))
                    words.append(FILM.format(as_data(part.name), _middle(part), "<|video_pad|>" * len(seen[-1].tokens)))
            words.append("<|im_end|>\n")
        tokens = self._tokenizer.encode("".join([*words, "<|im_start|>assistant\n"]))
        if len(tokens) + room > self._network.context:
            raise UserError(
                f"The conversation is too long for {self.name}: {len(tokens)} tokens and {room} for the answer, its "
                f"context has {self._network.context}. Start a new one."
            )
        return tokens, seen

    def _film(self, film: VideoFrames) -> Seen:
        """Two frames as one patch in time.

        Raises:
            UserError: There are more, or fewer.
        """
        if len(film.frames) != 2:
            raise UserError(f"{self.name} sees pictures, and films of two frames, got {len(film.frames)}.")
        return self._network.see(np.stack([self._scaled(decode(frame)) for frame in film.frames]))

    def _scaled(self, picture: np.ndarray) -> np.ndarray:
        """Colours as the tower knows them.

        Raises:
            UserError: The sides are not whole tokens.
        """
        height, width, _ = picture.shape
        if height % self._network.factor or width % self._network.factor:
            raise UserError(
                f"Pictures for {self.name} need sides that are multiples of {self._network.factor} pixels, got "
                f"{width} x {height}."
            )
        return (picture / 255.0 - self._mean) / self._spread


def _middle(film: VideoFrames) -> float:
    """The time that two frames share, seconds."""
    return sum(round(1e3 * t) / 1e3 for t in film.timestamps) / len(film.timestamps)


def _drawn(logits: np.ndarray, temperature: float, generator: np.random.Generator) -> int:
    """The next token: the most probable one, or one drawn by probability."""
    if temperature == 0:
        return int(np.argmax(logits))
    scaled = logits.astype(float) / temperature
    shares = np.cumsum(np.exp(scaled - scaled.max()))
    return int(np.searchsorted(shares, generator.random() * shares[-1], side="right"))
