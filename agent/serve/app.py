"""The page's interface: rooms, files, tracks, questions with everything that happens on the way, reports.

Errors are one sentence in ``{"error": …}``: 400 for what cannot be used, 404 for a room or file that is not there, 409
while another question is being answered, 413 for a file that is too long.
"""

from __future__ import annotations

import asyncio
import json
import queue
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from motionlaw.agent.log import Event, read_log
from motionlaw.agent.serve.completions import add_completions
from motionlaw.agent.serve.guard import Guard
from motionlaw.agent.serve.rooms import BusyError, NoRoomError, Room, Rooms, Upload
from motionlaw.agent.serve.tracks import tracks_of
from motionlaw.tools.errors import ToolError, UserError

WEB = files("motionlaw.agent.serve") / "web"
KINDS = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
# Seconds an upload may take, and characters a question may have.
UPLOAD_S, LONGEST_QUESTION = 120.0, 4000
# Questions answered at a time; more wait.
ANSWERED_AT_ONCE = 64


def make_app(rooms: Rooms, *, token: str | None = None) -> FastAPI:
    """Makes the application.

    Args:
        rooms: The rooms.
        token: What visitors must bring; ``None`` where only this machine can connect.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        answering.shutdown(wait=False, cancel_futures=True)
        rooms.close()

    answering = ThreadPoolExecutor(ANSWERED_AT_ONCE, thread_name_prefix="answer")
    app = FastAPI(title="motionlaw", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, token=token)
    for error, status in ((NoRoomError, 404), (BusyError, 409), (UserError, 400), (ToolError, 400)):
        app.add_exception_handler(error, _teller(status))
    _add_page(app)
    _add_rooms(app, rooms)
    _add_questions(app, rooms, answering)
    add_completions(app, rooms.model, answering)
    return app


def _teller(status: int) -> Callable[[Request, Exception], Response]:
    def tell(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return tell


def _add_page(app: FastAPI) -> None:
    @app.get("/")
    def index() -> Response:
        return Response((WEB / "index.html").read_bytes(), media_type="text/html")

    @app.get("/web/{name}")
    def part(name: str) -> Response:
        if name not in KINDS:
            raise NoRoomError(f"No file {name[:80]!r} here.")
        return Response((WEB / name).read_bytes(), media_type=KINDS[name])


def _add_rooms(app: FastAPI, rooms: Rooms) -> None:
    @app.post("/api/rooms")
    def new_room() -> dict[str, Any]:
        return {"room": rooms.new().name, "model": rooms.model.name if rooms.model else "none"}

    @app.get("/api/rooms/{name}")
    def history(name: str) -> dict[str, Any]:
        room = rooms.get(name)
        events = [shown for event in read_log(room.session.path) if (shown := for_page(event)) is not None]
        model = rooms.model.name if rooms.model else "none"
        return {"room": name, "files": list(room.session.workspace.files), "events": events, "model": model}

    @app.delete("/api/rooms/{name}")
    def leave(name: str) -> dict[str, Any]:
        room = rooms.get(name)
        with room.at_work():
            rooms.remove(room)
        return {"room": name}

    @app.post("/api/rooms/{name}/files")
    async def upload(name: str, file: str, request: Request) -> Response:
        room = rooms.get(name)
        length = int(request.headers.get("content-length") or 0)
        if length > rooms.most_bytes:
            await _drained(request)
            return JSONResponse({"error": f"A file may have {rooms.most_bytes / 2**20:.0f} MB."}, 413)
        one = Upload(room, file, most_bytes=rooms.most_bytes)
        try:
            async with asyncio.timeout(UPLOAD_S):
                async for block in request.stream():
                    one.write(block)
            about = await run_in_threadpool(one.finish)
        except TimeoutError:
            raise UserError(f"The upload took longer than {UPLOAD_S:.0f} s and was given up.") from None
        finally:
            one.drop()
        return JSONResponse({"file": one.path.name, "about": about})

    @app.get("/api/rooms/{name}/files/{file}")
    def download(name: str, file: str) -> Response:
        return FileResponse(rooms.get(name).file(file))

    @app.get("/api/rooms/{name}/tracks/{file}")
    def tracks(name: str, file: str) -> dict[str, Any]:
        room = rooms.get(name)
        return tracks_of(room.file(file), room.folder)

    @app.get("/api/rooms/{name}/report")
    def report(name: str) -> Response:
        room = rooms.get(name)
        with room.at_work() as session, tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "report.html"
            session.report(page)
            text = page.read_text(encoding="utf-8")
        # The report brings a policy of its own; sandboxed, it cannot reach the rooms whatever it holds.
        return HTMLResponse(
            text,
            headers={
                "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            },
        )


async def _drained(request: Request) -> None:
    """Reads on a little, so that a browser hears the answer before the connection closes."""
    taken = 0
    async for block in request.stream():
        taken += len(block)
        if taken > 2**20:
            return


def _add_questions(app: FastAPI, rooms: Rooms, answering: ThreadPoolExecutor) -> None:
    @app.post("/api/rooms/{name}/ask")
    async def ask(name: str, request: Request) -> Response:
        room = rooms.get(name)
        question = await _question(request)
        if room.lock.locked():
            raise BusyError("A question is being answered in this room. Wait for its answer.")
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        answering.submit(_answer, room, question, events)
        return StreamingResponse(
            _lines(events), media_type="application/x-ndjson", headers={"cache-control": "no-store"}
        )


async def _question(request: Request) -> str:
    try:
        said = json.loads(await request.body())
        question = said["question"]
    except (ValueError, KeyError, TypeError):
        raise UserError('A question is sent as {"question": "…"}.') from None
    if not isinstance(question, str) or not question.strip() or len(question) > LONGEST_QUESTION:
        raise UserError(f"A question must have 1 to {LONGEST_QUESTION} characters.")
    return question.strip()


def _answer(room: Room, question: str, events: queue.Queue[dict[str, Any] | None]) -> None:
    """Answers in a thread; whatever happens is put into the queue, the end as ``None``.

    The answer is worked out and kept in the log also where the visitor has gone.
    """

    def tell(event: Event) -> None:
        shown = for_page(event)
        if shown is not None:
            events.put(shown)

    try:
        with room.at_work() as session:
            session.ask(question, tell)
    except (UserError, ToolError) as error:
        events.put({"kind": "error", "text": str(error)})
    except Exception as error:  # a fault of ours must reach the visitor and the server's log, not hang the page
        events.put({"kind": "error", "text": f"A fault in the program: {type(error).__name__}."})
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))
    finally:
        events.put(None)


async def _lines(events: queue.Queue[dict[str, Any] | None]) -> AsyncIterator[str]:
    """The events as lines of JSON, as they come."""
    while True:
        try:
            event = events.get_nowait()
        except queue.Empty:
            await asyncio.sleep(0.03)
            continue
        if event is None:
            return
        yield json.dumps(event, ensure_ascii=False) + "\n"


def for_page(event: Event) -> dict[str, Any] | None:
    """What the page shows of an event; ``None`` for what it does not.

    Frames that a model was shown stay behind; pictures that instruments returned go along.
    """
    data = event.data
    if event.kind in ("text", "note"):
        return {"kind": event.kind, "text": data["text"]} if data["text"] else None
    if event.kind == "file":
        return {"kind": "file", "file": Path(str(data["path"])).name, "text": data["about"]}
    if event.kind == "call":
        return {"kind": "call", **{key: data[key] for key in ("name", "arguments", "ok", "seconds", "text")}}
    if event.kind == "stop":
        return {"kind": "stop", "text": data["reason"]}
    if event.kind != "message":
        return None
    content = data["content"] if isinstance(data["content"], list) else [{"type": "text", "text": data["content"]}]
    words = [part["text"] for part in content if part["type"] == "text" and not part["text"].startswith("File ")]
    pictures = [part["image_url"]["url"] for part in content if part["type"] == "image_url" and data["role"] == "tool"]
    if data["role"] == "tool":
        return {"kind": "pictures", "pictures": pictures} if pictures else None
    text = "".join(words).strip()
    called = [one["function"]["name"] for one in data.get("tool_calls", ())]
    shown = {"calling": called} if called else {}  # what is being measured, while it is
    return {"kind": data["role"], "text": text, **shown} if text or called else None
