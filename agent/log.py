"""One JSONL file a run or a chat: every message, call and result as it happens, so that nothing is lost and all of it
can be shown again.

A line is written and handed to the system before the next thing is done: after ``kill -9`` the file holds all but, at
worst, a torn last line, which reading leaves out.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motionlaw.agent.messages import Message
from motionlaw.tools.errors import UserError


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Args:
        kind: ``start``, ``message``, ``text`` (a piece of an answer as it comes), ``reply``, ``call``, ``note``,
            ``stop``.
        data: What there is to say about it, plain JSON.
        time_s: When, seconds since 1970.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    time_s: float = field(default_factory=time.time)

    @classmethod
    def of_message(cls, message: Message) -> Event:
        """Says that a message was added to the conversation."""
        return cls("message", message.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Returns the line of the log."""
        return {"kind": self.kind, "time_s": round(self.time_s, 3), "data": dict(self.data)}


class RunLog:
    """Writes events to a file, one a line, each safe before the next.

    Args:
        path: The file; events are appended to it.

    Raises:
        UserError: The file cannot be written, or somebody else is writing it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # 0600: conversations are nobody else's business.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise UserError(f"The log {self.path} cannot be written ({error.strerror}).") from None
        self._file = os.fdopen(descriptor, "a", encoding="utf-8")
        if not _locked(descriptor):
            self._file.close()
            raise UserError(f"The session {self.path.stem} is open elsewhere. Close it there, or start a new one.")
        _cut_torn_line(self.path)

    def write(self, event: Event) -> None:
        """Appends an event."""
        self._file.write(json.dumps(event.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_log(path: str | os.PathLike[str]) -> Iterator[Event]:
    """Reads the events of a log; a torn last line is left out.

    Raises:
        UserError: The file is missing or is no log.
    """
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                event = _event(line)
                if event is not None:
                    yield event
                elif line.endswith("\n"):
                    raise UserError(f"{path} is no log of motionlaw: line {number} is {line[:40]!r}.")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The log {path} cannot be read ({getattr(error, 'strerror', None) or error}).") from None


def _event(line: str) -> Event | None:
    try:
        said = json.loads(line)
        return Event(str(said["kind"]), said["data"], float(said["time_s"]))
    except (ValueError, KeyError, TypeError):
        return None


def _locked(descriptor: int) -> bool:
    """Keeps the file for this process, where the system can; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _cut_torn_line(path: Path) -> None:
    """Takes the half line away that a kill in mid-write has left, so that the next line starts on its own."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
