"""What a conversation is made of: messages with text, images, timed video frames, and calls of instruments.

Pure values: nothing is read, encoded or sent here. `Message.to_dict` is the JSON of OpenAI's chat messages, with one
part of our own, ``{"type": "video", "video": [...], "timestamps": [...]}``: the frames of a video with their true times
in seconds of the container, so that no time is lost on the way to a log and back. How a server wants its video is the
server's matter (`motionlaw.agent.models`).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from motionlaw.tools.errors import UserError

Role = Literal["system", "user", "assistant", "tool"]
ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Text:
    """Words in a message."""

    text: str

    def to_dict(self) -> dict[str, Any]:
        """Returns OpenAI's text part."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True)
class Image:
    """A picture in a message.

    Args:
        data: The encoded file, e.g. the bytes of a PNG.
        media_type: Its kind.
    """

    data: bytes
    media_type: str = "image/png"

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"

    @classmethod
    def from_url(cls, url: str) -> Image:
        """Reads a data URL.

        Raises:
            UserError: The text is no base64 data URL; other addresses are never fetched.
        """
        head, comma, body = url.partition(",")
        if not (head.startswith("data:") and head.endswith(";base64") and comma):
            raise UserError(f"An image must be a data URL, got {url[:60]!r}. Other addresses are not fetched.")
        try:
            data = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise UserError(f"An image's data URL must hold base64 ({error}).") from None
        return cls(data, head.removeprefix("data:").removesuffix(";base64"))

    def to_dict(self) -> dict[str, Any]:
        """Returns OpenAI's image part."""
        return {"type": "image_url", "image_url": {"url": self.url}}


@dataclass(frozen=True)
class VideoFrames:
    """Frames of a video with the time of each.

    Args:
        frames: The pictures, in order.
        timestamps: Seconds of the container, one a frame, increasing; never a frame count over a rate.
        name: What to call the video.

    Raises:
        UserError: The times are missing, are not one a frame, or do not increase.

    Example:
        >>> VideoFrames((Image(b"..."), Image(b"...")), (0.0, 0.0))
        Traceback (most recent call last):
        ...
        motionlaw.tools.errors.UserError: timestamps must increase, got 0 s after 0 s at frame 1.
    """

    frames: tuple[Image, ...]
    timestamps: tuple[float, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.timestamps) or not self.frames:
            raise UserError(
                f"timestamps must be one a frame, got {len(self.timestamps)} for {len(self.frames)} frames."
            )
        if not all(math.isfinite(t) for t in self.timestamps):
            raise UserError("timestamps must be finite seconds; a frame without a time shows no motion.")
        for number, (before, after) in enumerate(zip(self.timestamps, self.timestamps[1:], strict=False), start=1):
            if not after > before:
                raise UserError(f"timestamps must increase, got {after:g} s after {before:g} s at frame {number}.")

    def to_dict(self) -> dict[str, Any]:
        """Returns our video part: data URLs and seconds."""
        return {
            "type": "video",
            "video": [frame.url for frame in self.frames],
            "timestamps": list(self.timestamps),
            "name": self.name,
        }


Part = Text | Image | VideoFrames


@dataclass(frozen=True)
class ToolCall:
    """A call of an instrument, as a model wrote it.

    Args:
        id: What the result refers to.
        name: The instrument.
        arguments: JSON text, kept as it came: it may be broken.
    """

    id: str
    name: str
    arguments: str

    def to_dict(self) -> dict[str, Any]:
        """Returns OpenAI's tool call."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Args:
        role: ``"system"``, ``"user"``, ``"assistant"`` or ``"tool"``.
        content: Its parts, in order.
        tool_calls: Calls that an assistant asks for.
        tool_call_id: The call that a tool's message answers.

    Raises:
        UserError: The role is unknown, or a call's result names no call.

    Example:
        >>> said = Message.user("How fast is it?")
        >>> said.to_dict()
        {'role': 'user', 'content': 'How fast is it?'}
        >>> Message.from_dict(said.to_dict()) == said
        True
    """

    role: Role
    content: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise UserError(f"role must be one of {', '.join(ROLES)}, got {self.role!r}.")
        if (self.role == "tool") != (self.tool_call_id is not None):
            raise UserError(f"tool_call_id belongs to tool messages and to no other, got {self.tool_call_id!r}.")

    @classmethod
    def system(cls, text: str) -> Message:
        """Says who the assistant is."""
        return cls("system", (Text(text),))

    @classmethod
    def user(cls, *parts: Part | str) -> Message:
        """Says what a person said or showed."""
        return cls("user", _parts(parts))

    @classmethod
    def assistant(cls, *parts: Part | str, tool_calls: Sequence[ToolCall] = ()) -> Message:
        """Says what the model answered."""
        return cls("assistant", _parts(parts), tuple(tool_calls))

    @classmethod
    def tool(cls, tool_call_id: str, *parts: Part | str) -> Message:
        """Gives the result of a call."""
        return cls("tool", _parts(parts), (), tool_call_id)

    @property
    def text(self) -> str:
        """All words of the message, without its pictures."""
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def has_vision(self) -> bool:
        """Whether there is something to see in it."""
        return any(not isinstance(part, Text) for part in self.content)

    def to_dict(self) -> dict[str, Any]:
        """Returns OpenAI's chat message; plain words stay a plain string."""
        if len(self.content) == 1 and isinstance(self.content[0], Text):
            content: Any = self.content[0].text
        else:
            content = [part.to_dict() for part in self.content]
        made: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            made["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        if self.tool_call_id is not None:
            made["tool_call_id"] = self.tool_call_id
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Reads OpenAI's chat message, or what `to_dict` wrote.

        Raises:
            UserError: The message is of another form.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("role"), str):
            raise UserError(f"A message must be an object with a role, got {str(data)[:60]!r}.")
        content = data.get("content")
        if isinstance(content, str):
            parts: tuple[Part, ...] = (Text(content),)
        elif content is None or isinstance(content, list):
            parts = tuple(_part(part) for part in content or ())
        else:
            raise UserError(f"A message's content must be text or a list of parts, got {type(content).__name__}.")
        calls = tuple(_tool_call(call) for call in data.get("tool_calls") or ())
        return cls(data["role"], parts, calls, data.get("tool_call_id"))  # type: ignore[arg-type]  # checked there


def _parts(parts: Sequence[Part | str]) -> tuple[Part, ...]:
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


def _part(data: Any) -> Part:
    kind = data.get("type") if isinstance(data, Mapping) else None
    if kind == "text" and isinstance(data.get("text"), str):
        return Text(data["text"])
    if kind == "image_url" and isinstance(data.get("image_url"), Mapping):
        return Image.from_url(str(data["image_url"].get("url")))
    if kind == "video" and isinstance(data.get("video"), list) and isinstance(data.get("timestamps"), list):
        frames = tuple(Image.from_url(str(url)) for url in data["video"])
        return VideoFrames(frames, tuple(float(t) for t in data["timestamps"]), str(data.get("name", "")))
    raise UserError(
        f"A part of a message must be text, image_url, or video with its frames and timestamps, got {kind!r}."
    )


def _tool_call(data: Any) -> ToolCall:
    function = data.get("function") if isinstance(data, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UserError(f"A tool call must have a function with a name, got {str(data)[:60]!r}.")
    arguments = function.get("arguments")
    # Some servers send the arguments as an object instead of its text.
    text = arguments if isinstance(arguments, str) else json.dumps(arguments if arguments is not None else {})
    return ToolCall(str(data.get("id") or ""), function["name"], text)
