"""The verb ``motionlaw serve``: the page, the rooms and the endpoint, on this machine unless asked otherwise.

motionlaw serve --model none --port 8080
motionlaw serve --model http://localhost:8000/v1 --host 0.0.0.0
"""

from __future__ import annotations

import os
import secrets
import sys

from motionlaw.agent.model import choose_model
from motionlaw.agent.session import sessions_folder
from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.scale import parse_scale

TOKEN_VARIABLE = "MOTIONLAW_TOKEN"


def serve_command(*, model: str, host: str, port: int, upload_mb: int, scale: str | None) -> int:
    """Serves until it is stopped.

    Args:
        model: Who answers, see `choose_model`.
        host: The address to listen at; from other machines only with a token.
        port: Where to listen; 0 takes a free one.
        upload_mb: Largest file, MB.
        scale: What turns the pixels of videos into lengths, in every room.

    Returns:
        The exit status.

    Raises:
        UserError: The extra is missing, the model cannot be reached, or an option is unusable.
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
    rooms = Rooms(sessions_folder() / "rooms", choose_model(model), most_bytes=upload_mb * 2**20, scale=scale)
    config = uvicorn.Config(
        make_app(rooms, token=token), host=host, port=port, log_level="warning", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise UserError(f"Cannot listen at {host}:{port}; another program may. Give another --port.") from None
    socket.listen(128)  # whoever reads the address may come at once
    name = "localhost" if token is None else host
    address = f"http://{name}:{socket.getsockname()[1]}/"
    print(f"{address}?token={token}" if token else address, flush=True)
    print("Ctrl-C stops. Rooms lie in the sessions folder and stay.", file=sys.stderr)
    server.run(sockets=[socket])
    return 0
