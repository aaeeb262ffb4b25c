"""Rooms: each visitor's conversation with its own files on disk, apart from all others, open only while it is used.

A room's name cannot be guessed and is all that opens it. What is said lies in the session's log, so a room that was
put away, or a server that was killed, goes on where it was.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from motionlaw.agent.model import Model
from motionlaw.agent.session import Session
from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.table_files import TABLE_SUFFIXES
from motionlaw.tools.video import probe
from motionlaw.tools.workspace import Workspace

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v")
LOG, FILES = "log.jsonl", "files"
NAME = re.compile(r"^[A-Za-z0-9_-]{16,64}$")
# Rooms open at a time; the one used longest ago is put away first.
MOST_OPEN = 64
# Files in one room, and seconds of a video.
MOST_FILES, MOST_SECONDS = 12, 600.0


class NoRoomError(UserError):
    """There is no such room."""


class BusyError(UserError):
    """Somebody is at work in the room."""


@dataclass
class Room:
    """One visitor's conversation.

    Args:
        name: What opens it.
        folder: Its log and files.
        session: The conversation.
        lock: Held while a question is answered: one at a time.
        used: When it was last used, monotonic seconds.
    """

    name: str
    folder: Path
    session: Session
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)

    def file(self, name: str) -> Path:
        """Finds a file of the room by its name.

        Raises:
            UserError: There is no such file here.
        """
        path = self.session.workspace.files.get(name)
        if path is None:
            raise NoRoomError(f"No file {name[:80]!r} in this room.")
        return path

    @contextmanager
    def at_work(self) -> Iterator[Session]:
        """Has the session to oneself.

        Raises:
            BusyError: Another question is being answered.
        """
        if not self.lock.acquire(blocking=False):
            raise BusyError("A question is being answered in this room. Wait for its answer.")
        try:
            self.used = time.monotonic()
            yield self.session
        finally:
            self.lock.release()


class Rooms:
    """All rooms of a server.

    Args:
        folder: Where they lie.
        model: Who answers in them; ``None`` for the instruments alone.
        most_bytes: Largest file.
        scale: What turns the pixels of videos into lengths, in every room.
    """

    def __init__(self, folder: Path, model: Model | None, *, most_bytes: int, scale: str | None = None) -> None:
        self.folder, self.model, self.most_bytes, self.scale = folder, model, most_bytes, scale
        self._open: dict[str, Room] = {}
        self._lock = threading.Lock()

    def new(self) -> Room:
        """Opens a new room."""
        room = self._opened(secrets.token_urlsafe(18))
        if self.scale is not None:
            room.session.set_scale(self.scale)
        return room

    def get(self, name: str) -> Room:
        """Opens a room that is there.

        Raises:
            NoRoomError: There is none of that name.
        """
        with self._lock:
            room = self._open.get(name)
        if room is None:
            if not NAME.match(name) or not (self.folder / name / LOG).is_file():
                raise NoRoomError("There is no such room. Open the page anew.")
            room = self._opened(name)
        room.used = time.monotonic()
        return room

    def _opened(self, name: str) -> Room:
        folder = self.folder / name
        with self._lock:
            if name in self._open:  # two requests came at once
                return self._open[name]
            (folder / FILES).mkdir(parents=True, exist_ok=True, mode=0o700)
            room = Room(name, folder, Session(folder / LOG, self.model, Workspace()))
            self._open[name] = room
            self._put_away()
        return room

    def _put_away(self) -> None:
        """Closes rooms that were not used for the longest time; they lie on disk."""
        idle = sorted((room for room in self._open.values() if not room.lock.locked()), key=lambda room: room.used)
        for room in idle[: max(0, len(self._open) - MOST_OPEN)]:
            room.session.close()
            del self._open[room.name]

    def remove(self, room: Room) -> None:
        """Deletes a room with all that is in it."""
        with self._lock:
            self._open.pop(room.name, None)
        room.session.close()
        shutil.rmtree(room.folder, ignore_errors=True)

    def close(self) -> None:
        """Closes all rooms."""
        for room in self._open.values():
            room.session.close()
        self._open.clear()


class Upload:
    """A file on its way into a room: written beside the others, shown when it is whole and can be read.

    Args:
        room: Where it goes.
        name: What its owner calls it.
        most_bytes: How long it may become.

    Raises:
        UserError: Its name has another ending, or the room is full.
    """

    def __init__(self, room: Room, name: str, *, most_bytes: int) -> None:
        self.room, self.most_bytes, self.size = room, most_bytes, 0
        plain = re.sub(r"[^\w.-]+", "_", Path(name.replace("\\", "/")).name)[-80:].lstrip(".") or "file"
        suffix = Path(plain).suffix.lower()
        if suffix not in (*VIDEO_SUFFIXES, *TABLE_SUFFIXES):
            known = ", ".join((*VIDEO_SUFFIXES, *TABLE_SUFFIXES))
            raise UserError(f"A file must be a video or a table ({known}), got {name[-40:]!r}.")
        files = room.folder / FILES
        if len(list(files.iterdir())) >= MOST_FILES:
            raise UserError(f"A room holds at most {MOST_FILES} files. Open another room for more.")
        self.path = files / plain
        number = 1
        while self.path.exists():
            number += 1
            self.path = files / f"{Path(plain).stem}-{number}{suffix}"
        self.spare = files / f".{secrets.token_hex(4)}{suffix}"
        self.file: BinaryIO = self.spare.open("xb")

    def write(self, block: bytes) -> None:
        """Takes the next bytes.

        Raises:
            UserError: The file is too long.
        """
        self.size += len(block)
        if self.size > self.most_bytes:
            raise UserError(
                f"A file may have {self.most_bytes / 2**20:.0f} MB, this one has more. Cut it, or use the command line."
            )
        self.file.write(block)

    def finish(self) -> str:
        """Shows the file in the room.

        Returns:
            What it holds, a sentence.

        Raises:
            UserError: It cannot be read, or is too long a video.
        """
        self.file.close()
        if self.path.suffix.lower() in VIDEO_SUFFIXES:
            info = probe(self.spare)
            if info.duration_s > MOST_SECONDS:
                raise UserError(
                    f"A video may last {MOST_SECONDS:.0f} s, this one lasts {info.duration_s:.0f} s. Cut it."
                )
        self.spare.rename(self.path)
        with self.room.at_work() as session:
            try:
                return session.show(self.path)
            except (UserError, ToolError):
                self.path.unlink(missing_ok=True)
                raise

    def drop(self) -> None:
        """Forgets a file that did not come whole or cannot be used."""
        self.file.close()
        self.spare.unlink(missing_ok=True)
