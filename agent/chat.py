"""The command ``motionlaw chat``: a conversation in the terminal, saved as it goes and taken up again at any time.

    motionlaw chat clip.mp4 --model http://localhost:8000/v1
    motionlaw chat --resume last
    motionlaw chat --replay session.jsonl

Answers go to stdout as they come; what the instruments do goes to stderr.
"""

from __future__ import annotations

import json as json_text
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from motionlaw.agent.log import Event, read_log
from motionlaw.agent.messages import Message, VideoFrames
from motionlaw.agent.model import EMBEDDED, READER, choose_model
from motionlaw.agent.session import Session, find_session, new_session_path
from motionlaw.tools.errors import UserError
from motionlaw.tools.workspace import Workspace

HELP = """/video PATH    show a video or a table
/report [PATH] write a page about the last law that was found
/help          these lines
/quit          leave; motionlaw chat --resume last goes on from here"""
LONGEST_SHOWN = 200


def chat_command(
    video: str | None = None,
    *,
    model: str = EMBEDDED,
    scale: str | None = None,
    resume: str | None = None,
    replay: str | None = None,
    json: bool = False,
) -> int:
    """Runs ``motionlaw chat``.

    Args:
        video: A video or table to start with.
        model: Who answers, see `motionlaw.agent.model.choose_model`.
        scale: A length in the picture, e.g. ``"120px=0.5m"``.
        resume: A session to take up again: ``last``, its name, or its log.
        replay: A log to show again; nothing else is done.
        json: Print every event as a line of JSON.

    Returns:
        The exit status.

    Raises:
        UserError: A file, the session or the model is unusable.
    """
    if replay is not None:
        for event in read_log(replay):
            _show_again(event, as_json=json)
        return 0
    path = new_session_path() if resume is None else find_session(resume)
    session = Session(path, choose_model(model, talks=False, embedded=READER), Workspace())
    try:
        if scale is not None:
            session.set_scale(scale)
        _talk(session, video, as_json=json)
    finally:
        session.close()
        if session.model is not None:
            session.model.close()
    return 0


def _talk(session: Session, video: str | None, *, as_json: bool) -> None:
    _say(f"Session {session.name}. /help lists commands.")
    for message in session.messages[-2:]:
        _show_again(Event.of_message(message), as_json=as_json)
    if video is not None:
        _say(session.show(video))
    for line in _lines():
        try:
            if line.startswith("/"):
                if _command(session, line):
                    return
            else:
                session.ask(line, lambda event: _show(event, as_json=as_json))
                print("" if as_json else "\n", end="", flush=True)
        except UserError as error:
            _say(str(error))
        except KeyboardInterrupt:
            _say("stopped")


def _lines() -> Iterator[str]:
    """What the person writes, line by line, until there is no more."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        import readline  # noqa: F401  # lines can be edited and called back
    while True:
        try:
            line = input("> " if is_terminal else "").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            _say("/quit leaves")
            continue
        if line:
            yield line


def _command(session: Session, line: str) -> bool:
    """Does what a line with a slash asks for; true where it asks to leave."""
    try:
        name, *rest = shlex.split(line)
    except ValueError as error:
        raise UserError(f"{line!r} cannot be read ({error}).") from None
    if name in ("/quit", "/exit"):
        return True
    if name == "/video" and len(rest) == 1:
        _say(session.show(rest[0]))
    elif name == "/report" and len(rest) <= 1:
        path = Path(rest[0] if rest else f"{session.name}.html")
        session.report(path)
        _say(f"Report: {path}")
    elif name == "/help":
        _say(HELP)
    else:
        raise UserError(f"There is no command {line!r}. Commands: /video PATH, /report [PATH], /help, /quit.")
    return False


def _show(event: Event, *, as_json: bool) -> None:
    """Shows an event while it happens."""
    if as_json:
        print(json_text.dumps(event.to_dict(), ensure_ascii=False), flush=True)
    elif event.kind == "text":
        print(_printable(event.data["text"]), end="", flush=True)
    else:
        _show_work(event)


def _show_again(event: Event, *, as_json: bool) -> None:
    """Shows an event of a log."""
    if as_json:
        print(json_text.dumps(event.to_dict(), ensure_ascii=False))
    elif event.kind == "message":
        message = Message.from_dict(event.data)
        seen = "".join(
            f"[{part.name}: {len(part.frames)} frames, {part.timestamps[0]:.3f} to {part.timestamps[-1]:.3f} s] "
            for part in message.content
            if isinstance(part, VideoFrames)
        )
        if message.role in ("user", "assistant") and message.text.strip():
            print(_printable(f"{'> ' if message.role == 'user' else ''}{seen}{message.text.strip()}"))
    else:
        _show_work(event)


def _show_work(event: Event) -> None:
    """What the instruments and the model do besides talking."""
    data = event.data
    if event.kind == "call":
        mark = "" if data["ok"] else "failed: "
        text = str(data["text"])
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} ..."
        _say(f"[{data['name']} {data['arguments']}] {mark}{shown} ({data['seconds']:g} s)")
    elif event.kind in ("note", "file"):
        _say(str(data.get("text") or data.get("about")))
    elif event.kind == "stop" and data["reason"] != "answered":
        _say(f"The turn ended early: {data['reason']}.")


def _say(text: str) -> None:
    """A line on stderr."""
    print(_printable(text), file=sys.stderr)


def _printable(text: str) -> str:
    """Takes control characters out: what a file or a model says must not steer the terminal."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
