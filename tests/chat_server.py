"""An OpenAI-compatible server over real HTTP whose answers are a script: what a client meets, without a model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from motionlaw.agent.messages import Message


@dataclass
class Refusal:
    """Turns a request down, e.g. ``Refusal(503, "starting")``."""

    status: int
    words: str


@dataclass
class BreakOff:
    """Starts to answer with these words and hangs up."""

    words: str


@dataclass
class Slow:
    """Waits, then answers."""

    seconds: float
    words: str = "late"


@dataclass
class Trickle:
    """Streams its words one by one, slowly."""

    words: str
    seconds_a_word: float


Answer = Trickle | str | Message | Refusal | BreakOff | Slow | dict | Callable[[dict[str, Any]], Any]


@dataclass
class ChatServer:
    """Answers requests one after the other from a script; the last turn is repeated.

    Args:
        script: What to answer; a function is given the request's body.
        models: Names that are served.
        url: Where it listens.
        requests: The bodies of all chat requests so far.
    """

    script: list[Answer]
    models: tuple[str, ...] = ("tiny",)
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, body: dict[str, Any]) -> Any:
        """Returns what to answer to a request."""
        with self.lock:
            turn = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(body)
        return turn(body) if callable(turn) else turn


@contextmanager
def chat_server(*script: Answer, models: tuple[str, ...] = ("tiny",)) -> Iterator[ChatServer]:
    """Serves a script on a free local port."""
    told = ChatServer(list(script), models)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            told.keys.append(self.headers.get("Authorization"))
            self._send(200, {"object": "list", "data": [{"id": name} for name in told.models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            turn = told.next(body)
            if isinstance(turn, Slow):
                time.sleep(turn.seconds)
                turn = turn.words
            if isinstance(turn, Refusal):
                self._send(turn.status, {"error": {"message": turn.words, "code": turn.status}})
            elif body.get("stream"):
                self._stream(turn)
            elif isinstance(turn, dict):
                self._send(200, turn)
            elif isinstance(turn, BreakOff):
                self.close_connection = True
            else:
                self._send(200, completion(turn))

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, turn: Any) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            pause_s = turn.seconds_a_word if isinstance(turn, Trickle) else 0.0
            for event in stream(turn.words if isinstance(turn, Trickle) else turn):
                time.sleep(pause_s)
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
            if not isinstance(turn, BreakOff):
                self.wfile.write(b"data: [DONE]\n\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def completion(turn: str | Message) -> dict[str, Any]:
    """Returns a whole answer as servers send it."""
    message = Message.assistant(turn) if isinstance(turn, str) else turn
    finish = "tool_calls" if message.tool_calls else "stop"
    sent = {**message.to_dict(), "content": message.text or None}
    usage = {"prompt_tokens": 7, "completion_tokens": max(1, len(message.text.split()))}
    return {"choices": [{"index": 0, "message": sent, "finish_reason": finish}], "usage": usage}


def stream(turn: str | Message | BreakOff) -> Iterator[dict[str, Any]]:
    """Yields the answer in pieces as servers stream it: words, then calls with their arguments cut in two."""
    is_cut = isinstance(turn, BreakOff)
    words = turn.words if isinstance(turn, BreakOff) else turn
    message = Message.assistant(words) if isinstance(words, str) else words
    for piece in message.text.split(" ") if message.text else ():
        yield _delta({"content": f"{piece} "})
    for index, call in enumerate(message.tool_calls):
        half = len(call.arguments) // 2
        head = {"index": index, "id": call.id, "type": "function"}
        yield _delta({"tool_calls": [{**head, "function": {"name": call.name, "arguments": call.arguments[:half]}}]})
        yield _delta({"tool_calls": [{"index": index, "function": {"arguments": call.arguments[half:]}}]})
    if not is_cut:
        yield {
            "choices": [{"index": 0, "delta": {}, "finish_reason": completion(message)["choices"][0]["finish_reason"]}]
        }
        yield {"choices": [], "usage": completion(message)["usage"]}


def _delta(delta: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
