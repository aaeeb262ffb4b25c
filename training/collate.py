"""Conversations as batches of tensors, with the loss on the assistant's words alone.

Tools go into the chat template here (TRL's own collator leaves them out where there are pictures). Nothing is cut off:
a cut would tear a picture from its tokens; conversations that are too long are left out before (`count_tokens`).
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from motionlaw.agent.messages import Image, ToolCall, VideoFrames
from motionlaw.agent.models.qwen import metadata
from motionlaw.agent.pictures import decode
from motionlaw.agent.tool_text import describe_tools, write_call, write_result
from motionlaw.tools.errors import UserError
from motionlaw.training.conversations import Conversation, says

IGNORED = -100
HEAD, END = "<|im_start|>assistant\n", "<|im_end|>"


def rendered(processor: Any, conversation: Conversation) -> str:
    """The conversation as the chat template writes it, each picture as one token.

    A template that knows no tools, as Qwen2.5-VL's, would leave calls out without a word: they are written in words
    then, as the agent asks such a model (`motionlaw.agent.models.wire`).
    """
    messages, tools = list(conversation.messages), list(conversation.tools) or None
    if tools and "tools" not in str(processor.chat_template):
        messages, tools = told_in_words(conversation), None
    text: str = processor.apply_chat_template(messages, tools=tools, tokenize=False)
    return text


def told_in_words(conversation: Conversation) -> list[dict[str, Any]]:
    """The messages with tools, calls and results as words."""
    sent = [says("system", describe_tools(conversation.tools))]
    for message in conversation.messages:
        text = "".join(part.get("text", "") for part in message["content"])
        if message["role"] == "tool":
            sent.append(says("user", write_result(text)))
        elif message["role"] == "assistant":
            calls = [_call_text(call["function"]) for call in message.get("tool_calls", ())]
            sent.append(says("assistant", "\n".join(part for part in (text, *calls) if part)))
        else:
            sent.append(message)
    return sent


def _call_text(function: dict[str, Any]) -> str:
    arguments = function["arguments"]
    told = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return write_call(ToolCall("", function["name"], told))


def assistant_mask(tokens: Sequence[int], tokenizer: Any, left_out: Sequence[int] = ()) -> list[bool]:
    """Marks what the assistant says: from behind its head to the end token, included.

    Args:
        tokens: The conversation.
        tokenizer: Its tokenizer.
        left_out: Which of the assistant's messages are not marked, from 0.
    """
    head = tokenizer(HEAD, add_special_tokens=False)["input_ids"]
    end = tokenizer.convert_tokens_to_ids(END)
    marked = [False] * len(tokens)
    place, turn = 0, 0
    while place < len(tokens):
        if list(tokens[place : place + len(head)]) != head:
            place += 1
            continue
        place += len(head)
        while place < len(tokens):
            marked[place] = turn not in left_out
            place += 1
            if tokens[place - 1] == end:
                break
        turn += 1
    return marked


class Collator:
    """Makes batches of rows of `Conversation.to_dict`.

    Args:
        processor: The model's processor; its template must be of ChatML, as those of Qwen are.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns the model's inputs and ``labels``.

        Raises:
            UserError: An assistant's message was not found again: its text, or one before it, holds the template's
                own marks.
        """
        import torch

        talks = [Conversation.from_dict(row) for row in rows]
        media = [talk.media() for talk in talks]
        pictures = [[decode(Image(data)) for data in shown] for shown, _ in media]
        films = [film for _, shown in media for film in shown]
        batch = self.processor(
            text=[rendered(self.processor, talk) for talk in talks],
            images=[each for each in pictures if each] or None,
            **_films(films),
            padding=True,
            padding_side="right",
            return_tensors="pt",
        )
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for k, talk in enumerate(talks):
            tokens = batch["input_ids"][k].tolist()
            mask = torch.tensor(assistant_mask(tokens, self.processor.tokenizer, talk.left_out))
            labels[k][mask] = batch["input_ids"][k][mask]
            self._check(tokens, talk)
        batch["labels"] = labels
        return dict(batch)

    def _check(self, tokens: Sequence[int], talk: Conversation) -> None:
        head = self.processor.tokenizer(HEAD, add_special_tokens=False)["input_ids"]
        found = sum(list(tokens[k : k + len(head)]) == head for k in range(len(tokens)))
        said = sum(message["role"] == "assistant" for message in talk.messages)
        if found != said:
            raise UserError(f"A conversation must have {said} answers, its text has {found}. Defuse marks in its data.")


def _films(films: Sequence[VideoFrames]) -> dict[str, Any]:
    """What a processor is given of films, none of their frames left out."""
    if not films:
        return {}
    frames = [np.stack([decode(frame) for frame in film.frames]) for film in films]
    return {"videos": frames, "video_metadata": [metadata(film) for film in films], "do_sample_frames": False}


def count_tokens(processor: Any, conversation: Conversation) -> int:
    """Tokens of a conversation, or a few more: pictures are counted whole, before their sides are rounded down."""
    words = processor.tokenizer(rendered(processor, conversation), add_special_tokens=False)["input_ids"]
    pictures = sum(_tokens_of(processor.image_processor, data) for data in conversation.images)
    return len(words) + pictures - len(conversation.images)


def _tokens_of(processor: Any, data: bytes) -> int:
    """Tokens of a picture by its size: one for each square of merged patches, within the processor's bounds."""
    from PIL import Image as Picture

    width, height = Picture.open(io.BytesIO(data)).size
    side = processor.patch_size * processor.merge_size
    least, most = (processor.size[name] // side**2 for name in ("shortest_edge", "longest_edge"))
    return min(max(math.ceil(width / side) * math.ceil(height / side), least), most)
