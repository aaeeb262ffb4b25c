"""Messages as OpenAI-compatible servers and chat templates take them.

A video becomes its frames with the time before each, ``<1.23 seconds>``, the words that Qwen3-VL itself puts before
frames; every model that sees images understands them. Pictures that instruments return follow their calls' results in
a user message, since a tool's message carries text only. Markup in anything that is data is defused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from motionlaw.agent.messages import Image, Message, Part, Text, VideoFrames
from motionlaw.agent.pictures import check_told
from motionlaw.agent.tool_text import as_data, describe_tools, write_call, write_result

_TIME = re.compile(r"<(-?\d+(?:\.\d+)?) seconds>")
WriteVideo = Callable[[VideoFrames], list[dict[str, Any]]]
PICTURES_OF_CALL = "Pictures returned by {call}:"


def times_in(text: str) -> list[float]:
    """Reads the times that frames are given in a prompt.

    Example:
        >>> times_in("<0.03 seconds> [picture] <1.0 seconds>")
        [0.03, 1.0]
    """
    return [float(found) for found in _TIME.findall(text)]


def to_wire(
    messages: Sequence[Message],
    *,
    tools_as_text: Sequence[Mapping[str, Any]] | None = None,
    write_video: WriteVideo | None = None,
) -> list[dict[str, Any]]:
    """Returns the messages for a request.

    Args:
        messages: The conversation.
        tools_as_text: Tools to be described in words for a server without native calls, whose results then come as
            users' words; ``None`` where calls are native.
        write_video: Makes the parts of a video; `timed_frames` if not given.

    Raises:
        UserError: The times written for a video's frames are not the container's.
    """
    as_text = tools_as_text is not None
    write = write_video or timed_frames
    sent: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for message in messages:
        if message.role != "tool" and pictures:
            sent.append({"role": "user", "content": pictures})
            pictures = []
        sent.append(_message(message, write, as_text=as_text))
        if message.role == "tool" and message.has_vision:
            head = PICTURES_OF_CALL.format(call=as_data(message.tool_call_id or ""))
            seen = tuple(part for part in message.content if not isinstance(part, Text))
            pictures += [{"type": "text", "text": head}, *_parts(seen, write, is_data=True)]
    if pictures:
        sent.append({"role": "user", "content": pictures})
    if tools_as_text:
        head = describe_tools(tools_as_text)
        if sent and sent[0]["role"] == "system":
            head = f"{sent.pop(0)['content']}\n\n{head}"
        sent.insert(0, {"role": "system", "content": head})
    return sent


def _message(message: Message, write: WriteVideo, *, as_text: bool) -> dict[str, Any]:
    is_data = message.role in ("user", "tool")
    if message.role == "tool":
        text = as_data(message.text)
        if as_text:
            return {"role": "user", "content": write_result(text)}
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": text}
    if message.role == "assistant":
        if as_text:
            written = [message.text, *(write_call(call) for call in message.tool_calls)]
            return {"role": "assistant", "content": "\n".join(part for part in written if part)}
        calls = {"tool_calls": [call.to_dict() for call in message.tool_calls]} if message.tool_calls else {}
        return {"role": "assistant", "content": message.text or (None if calls else ""), **calls}
    if not message.has_vision:
        return {"role": message.role, "content": as_data(message.text) if is_data else message.text}
    return {"role": message.role, "content": _parts(message.content, write, is_data=is_data)}


def _parts(content: Sequence[Part], write: WriteVideo, *, is_data: bool) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in content:
        if isinstance(part, Text):
            parts.append({"type": "text", "text": as_data(part.text) if is_data else part.text})
        elif isinstance(part, Image):
            parts.append(part.to_dict())
        else:
            parts += write(part)
    return parts


def timed_frames(video: VideoFrames) -> list[dict[str, Any]]:
    """Writes the frames as images, each after its time; the times are read back from the words and compared.

    Raises:
        UserError: The words would tell another time than the container.
    """
    decimals = _decimals(video.timestamps)
    words = [f"<{t:.{decimals}f} seconds>" for t in video.timestamps]
    check_told(times_in("".join(words)), video.timestamps, tolerance_s=0.5 * 10**-decimals + 1e-9)
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": f"Video {as_data(video.name)}, {len(video.frames)} frames, each after its time:"}
    ]
    for word, frame in zip(words, video.frames, strict=True):
        parts += [{"type": "text", "text": word}, frame.to_dict()]
    return parts


def untimed_film(video: VideoFrames) -> list[dict[str, Any]]:
    """Writes a film for a processor that tells the times of its frames itself."""
    return [{"type": "text", "text": f"Video {as_data(video.name)}:"}, {"type": "video"}]


def _decimals(timestamps: Sequence[float]) -> int:
    """Decimals that tell neighbouring frames apart by at least ten steps of the last one; two at the least."""
    steps = np.diff(timestamps)
    return 2 if not len(steps) else int(np.clip(np.ceil(1 - np.log10(steps.min())), 2, 6))
