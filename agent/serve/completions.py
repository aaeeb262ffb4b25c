"""The agent behind OpenAI's own interface, so that clients which talk to a model can talk to it.

``POST /v1/chat/completions`` takes messages with text, images, and videos as data URLs (``{"type": "video_url",
"video_url": {"url": "data:video/mp4;base64,…"}}``), streams if asked to, and answers like a model called ``motionlaw``;
the calls of instruments behind the answer are in ``motionlaw.calls``. The server keeps nothing of it. Tools of the
client are refused: the agent has its own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import queue
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from motionlaw.agent.alone import Alone
from motionlaw.agent.log import Event
from motionlaw.agent.loop import run_turn
from motionlaw.agent.messages import Message, Part, Text
from motionlaw.agent.model import Model, Sampling
from motionlaw.agent.pictures import video_frames
from motionlaw.agent.reading import is_reader
from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.instruments import instruments
from motionlaw.tools.workspace import Workspace

NAME = "motionlaw"
MOST_BYTES, MOST_VIDEOS = 64 * 2**20, 4
ENDINGS = {"video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov", "video/x-matroska": ".mkv"}


@dataclass
class Asked:
    """A request as it was understood.

    Args:
        messages: The conversation.
        videos: Bytes and ending of each video, in order; the part of the message where it belongs says its name.
        sampling: How replies are drawn.
        is_streaming: Whether pieces are wanted.
        is_counting: Whether the tokens used are wanted after the last piece.
    """

    messages: Sequence[Mapping[str, Any]]
    videos: dict[str, bytes]
    sampling: Sampling
    is_streaming: bool
    is_counting: bool = False


@dataclass
class _Told:
    """What happened while an answer was made."""

    pieces: queue.Queue[str | None] = field(default_factory=queue.Queue)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if event.kind == "text":
            self.pieces.put(str(event.data["text"]))
        elif event.kind == "call":
            self.calls.append({key: event.data[key] for key in ("name", "arguments", "ok", "seconds", "text")})


def add_completions(app: FastAPI, model: Model | None, answering: ThreadPoolExecutor) -> None:
    """Adds the routes.

    Args:
        app: The application.
        model: Who answers; ``None`` for the instruments alone.
        answering: Where answers are worked out.
    """

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": NAME, "object": "model", "created": 0, "owned_by": NAME}]}

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> Response:
        try:
            asked = read_request(await _body(request))
        except (UserError, ToolError) as error:
            return JSONResponse({"error": {"message": str(error), "type": "invalid_request_error"}}, 400)
        told, loop = _Told(), asyncio.get_running_loop()
        work = loop.run_in_executor(answering, _answered, model, asked, told)
        if asked.is_streaming:
            return StreamingResponse(_chunks(work, told, asked), media_type="text/event-stream")
        try:
            answer, reason, tokens = await work
        except (UserError, ToolError) as error:
            return JSONResponse({"error": {"message": str(error), "type": "server_error"}}, 502)
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": reason}
        return JSONResponse(
            _head("chat.completion") | {"choices": [choice], "usage": _usage(tokens), NAME: {"calls": told.calls}}
        )


async def _body(request: Request) -> Any:
    taken = bytearray()
    async for block in request.stream():
        taken += block
        if len(taken) > 2 * MOST_BYTES:
            raise UserError(f"A request may have {2 * MOST_BYTES / 2**20:.0f} MB.")
    try:
        return json.loads(bytes(taken))
    except (ValueError, RecursionError):
        raise UserError("The request is no JSON.") from None


def read_request(body: Any) -> Asked:
    """Reads the body of a request.

    Raises:
        UserError: It has no messages, asks for what cannot be done, or holds what is no video.
    """
    messages = body.get("messages") if isinstance(body, Mapping) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(one, Mapping) for one in messages):
        raise UserError("A request must have messages, a list with at least one.")
    if body.get("tools"):
        raise UserError("tools are refused: the agent calls instruments of its own. Leave tools out.")
    if body.get("n") not in (None, 1):
        raise UserError(f"n must be 1, got {body['n']!r}.")
    videos: dict[str, bytes] = {}
    plain = [_without_videos(message, videos) for message in messages]
    try:
        sampling = Sampling(
            temperature=float(body.get("temperature") or 0.0),
            max_tokens=int(body.get("max_completion_tokens") or body.get("max_tokens") or 1024),
            seed=int(body.get("seed") or 0),
        )
    except (TypeError, ValueError):
        raise UserError("temperature, max_tokens and seed must be numbers.") from None
    for message in plain:
        Message.from_dict({**message, "content": [p for p in _parts(message) if p.get("type") != "video_name"]})
    options = body.get("stream_options")
    is_counting = bool(options.get("include_usage")) if isinstance(options, Mapping) else False
    return Asked(plain, videos, sampling, bool(body.get("stream")), is_counting)


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _without_videos(message: Mapping[str, Any], videos: dict[str, bytes]) -> dict[str, Any]:
    """A message with the names of videos in their place."""
    parts: list[Any] = []
    for part in _parts(message):
        if isinstance(part, Mapping) and part.get("type") == "video_url":
            url = part.get("video_url")
            data, ending = _decoded(url.get("url") if isinstance(url, Mapping) else None)
            if len(videos) >= MOST_VIDEOS:
                raise UserError(f"A request may have {MOST_VIDEOS} videos.")
            name = f"video{len(videos) + 1}{ending}"
            videos[name] = data
            parts.append({"type": "video_name", "name": name})
        else:
            parts.append(part)
    return {**message, "content": parts}


def _decoded(url: Any) -> tuple[bytes, str]:
    head, comma, body = url.partition(",") if isinstance(url, str) else ("", "", "")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if not comma or kind not in ENDINGS or not head.endswith(";base64"):
        raise UserError(f"A video must be a data URL in base64 of {', '.join(ENDINGS)}; addresses are not fetched.")
    try:
        return base64.b64decode(body, validate=True), ENDINGS[kind]
    except binascii.Error:
        raise UserError("A video's data URL must hold base64.") from None


def _answered(model: Model | None, asked: Asked, told: _Told) -> tuple[str, str, int]:
    """Works an answer out, in a thread: its words, why it ended, tokens used."""
    try:
        with tempfile.TemporaryDirectory(prefix="motionlaw-") as folder:
            for name, data in asked.videos.items():
                (Path(folder) / name).write_bytes(data)
            workspace = Workspace([Path(folder) / name for name in asked.videos])
            is_alone = model is None or is_reader(model)
            messages = [_message(one, workspace, with_frames=not is_alone) for one in asked.messages]
            if model is None or is_alone:
                said = next((one.text for one in reversed(messages) if one.role == "user"), "")
                answer = Alone(model)(workspace, said, told)
                told.pieces.put(answer)
                return answer, "stop", 0
            prompt = Message.system(files("motionlaw.agent").joinpath("prompts/chat.md").read_text("utf-8"))
            turn = run_turn(model, [prompt, *messages], instruments(workspace), sampling=asked.sampling, on_event=told)
            return turn.answer, "length" if turn.stopped == "length" else "stop", turn.tokens
    finally:
        told.pieces.put(None)


def _message(message: Mapping[str, Any], workspace: Workspace, *, with_frames: bool) -> Message:
    """A message with the frames of its videos, or only their names where nobody looks at them."""
    parts: list[Part] = []
    for part in _parts(message):
        if part.get("type") != "video_name":
            parts += Message.from_dict({"role": "user", "content": [part]}).content
        elif with_frames:
            parts += [Text(f"File {part['name']}\n"), video_frames(workspace.path(part["name"]))]
    plain = Message.from_dict({**message, "content": []})
    return Message(plain.role, tuple(parts), plain.tool_calls, plain.tool_call_id)


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": kind, "created": int(time.time()), "model": NAME}


def _usage(tokens: int) -> dict[str, int]:
    """Tokens of all replies behind an answer, read and written together."""
    return {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}


async def _chunks(work: asyncio.Future[tuple[str, str, int]], told: _Told, asked: Asked) -> AsyncIterator[str]:
    """The answer in pieces, as server-sent events."""
    head = _head("chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return f"data: {json.dumps(head | {'choices': [choice]} | more)}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    while True:
        try:
            piece = told.pieces.get_nowait()
        except queue.Empty:
            await asyncio.sleep(0.02)
            continue
        if piece is None:
            break
        yield chunk({"content": piece})
    try:
        _, reason, tokens = await work
        yield chunk({}, reason, **{NAME: {"calls": told.calls}})
        if asked.is_counting:
            yield f"data: {json.dumps(head | {'choices': [], 'usage': _usage(tokens)})}\n\n"
    except (UserError, ToolError) as error:
        yield f"data: {json.dumps({'error': {'message': str(error), 'type': 'server_error'}})}\n\n"
    yield "data: [DONE]\n\n"
