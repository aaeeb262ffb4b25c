"""What a session's instruments may read, and what they have found so far.

Files are named, never reached by a path: a name stands for a file that the session was given, or for one inside its
folder. Results are kept by handle ("track 1", "run 1", "law 1"), so that calls can build on each other.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.law import Discovery
from motionlaw.tools.scale import Scale
from motionlaw.tools.schema import clipped, did_you_mean
from motionlaw.tools.trajectory import Track, Trajectory

MOST_LISTED = 20
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Tracked:
    """A tracked object.

    Args:
        track: Its track; pixels of each frame.
        video: Name of the video.
        scale: What turns pixels into lengths.
        colour: How it looks, in a word; ``""`` where that cannot be told.
        shape: Its outline, likewise.
        camera_moves: Whether the camera moves.
        to_first: Transform from each frame to the first one's background, shape (T, 2, 3); ``None`` where the track
            needs none.
        frame_size: Width and height of the video, pixels; ``None`` where unknown.
    """

    track: Track
    video: str
    scale: Scale
    colour: str = ""
    shape: str = ""
    camera_moves: bool = False
    to_first: np.ndarray | None = None
    frame_size: tuple[int, int] | None = None

    @property
    def whole_track(self) -> Track:
        """Its track without the places where the picture's edge cuts it off: there a box's middle is not the thing's.

        Where it is seen whole in too few frames, or fills the picture, nothing is left out.
        """
        if self.frame_size is None:
            return self.track
        (width, height), box = self.frame_size, self.track.xyxy
        with np.errstate(invalid="ignore"):
            cut = (box[:, :2] < 0.5).any(axis=1) | (box[:, 2] > width - 1.5) | (box[:, 3] > height - 1.5)
        seen = np.isfinite(self.track.position).all(axis=1)
        if (seen & ~cut).sum() < max(5, 0.3 * seen.sum()):
            return self.track
        return replace(self.track, position=np.where(cut[:, None], np.nan, self.track.position))

    @property
    def scene_track(self) -> Track:
        """Its track before the background: the camera's motion is taken out."""
        if self.to_first is None:
            return self.whole_track
        from motionlaw.tools.camera_frames import CameraFrames

        return CameraFrames(self.to_first).in_scene(self.whole_track)

    @property
    def trajectory(self) -> Trajectory:
        """Its coordinates x and y, y up; the camera's motion is taken out."""
        return self.scale.apply(self.scene_track)


@dataclass(frozen=True)
class Run:
    """A run from a table."""

    trajectory: Trajectory
    table: str


@dataclass(frozen=True)
class FoundLaw:
    """A law, and the handles of what it was found in."""

    discovery: Discovery
    of: tuple[str, ...]


class Workspace:
    """The files and results of one session.

    Args:
        files: Files that the session may read, by their names.
        folder: A folder in which it may read every file; ``None`` for none.
        scale: What turns the pixels of its videos into lengths; pixels if not given.

    Raises:
        UserError: A file or the folder does not exist, or two files have one name.
    """

    def __init__(
        self, files: Sequence[str | Path] = (), *, folder: str | Path | None = None, scale: Scale | None = None
    ) -> None:
        self.files: dict[str, Path] = {}
        for file in files:
            path = Path(file)
            if not path.is_file():
                raise UserError(f"No such file: {path}.")
            if self.files.setdefault(path.name, path.resolve()) != path.resolve():
                raise UserError(f"Two files are called {path.name}. Give one of them another name.")
        if folder is not None and not Path(folder).is_dir():
            raise UserError(f"No such folder: {folder}.")
        self.folder = None if folder is None else Path(folder).resolve()
        self.scale = scale or Scale()
        self.kept: dict[str, Any] = {}
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.Lock())

    def names(self) -> list[str]:
        """Returns the names of the files that may be read, at most twenty of the folder's."""
        inside: list[str] = []
        if self.folder is not None:
            found = sorted(path for path in self.folder.iterdir() if path.is_file() and path.name[0] != ".")
            inside = [path.name for path in found[:MOST_LISTED]]
        return [*self.files, *(name for name in inside if name not in self.files)]

    def path(self, name: str | None) -> Path:
        """Finds a file by its name.

        Args:
            name: Of a file of this session; ``None`` for its only one.

        Raises:
            ToolError: There is no such file here, or no single one.
        """
        if name is None:
            names = self.names()
            if len(names) != 1:
                raise ToolError(f"Say which file. Files: {', '.join(names) or 'none'}.")
            return self._inside(names[0]) or self.files[names[0]]
        path = self.files.get(name) or self._inside(name)
        if path is None:
            raise ToolError(f"No file '{clipped(name)}' here.{did_you_mean(name, self.names(), 'Files')}")
        return path

    def _inside(self, name: str) -> Path | None:
        """A file inside the folder, links followed; ``None`` for whatever lies outside."""
        if self.folder is None or "\0" in name:
            return None
        path = (self.folder / name).resolve()
        return path if path.is_relative_to(self.folder) and path.is_file() else None

    def named(self, text: str) -> str:
        """Returns a message with the names of files in place of where they lie, which is nobody's business.

        Example:
            >>> workspace = Workspace(folder=".")
            >>> workspace.named(f"{workspace.folder}/run.csv is empty.")
            'run.csv is empty.'
        """
        places = {path.parent for path in self.files.values()} | ({self.folder} if self.folder else set())
        for place in sorted(map(str, places), key=len, reverse=True):
            text = text.replace(f"{place}/", "")
        return text

    def handle(self, kind: str, offset: int = 0) -> str:
        """Returns the next free handle of a kind, e.g. ``"track 3"``; ``offset`` counts those just given out."""
        taken = sum(name.startswith(f"{kind} ") for name in self.kept)
        return f"{kind} {taken + 1 + offset}"

    def all(self, kind: type[Kept]) -> dict[str, Kept]:
        """Returns everything of a kind that was kept, by handle."""
        return {name: value for name, value in self.kept.items() if isinstance(value, kind)}

    def get(self, handle: str, kind: type[Kept]) -> Kept:
        """Returns what was kept under a handle.

        Raises:
            ToolError: There is no such thing.
        """
        of_kind = self.all(kind)
        if handle.strip().lower() not in of_kind:
            hint = did_you_mean(handle, of_kind, "Known")
            raise ToolError(f"Nothing is called '{clipped(handle)}'.{hint} Call track or discover_law first.")
        return of_kind[handle.strip().lower()]

    def trajectory(self, handle: str) -> Trajectory:
        """Returns a track, y up and in the session's unit, or a table's run, by handle.

        Raises:
            ToolError: There is no such thing.
        """
        known: dict[str, Any] = {**self.all(Tracked), **self.all(Run)}
        name = handle.strip().lower()
        if name not in known:
            hint = did_you_mean(handle, known, "Known")
            raise ToolError(f"Nothing is called '{clipped(handle)}'.{hint} Call track (a video) or read_table first.")
        return known[name].trajectory

    def between(self, handle: str, start_s: float | None, end_s: float | None, *, least: int = 2) -> Trajectory:
        """Returns the seen rows of a track or run within a time range.

        Args:
            handle: Of the track or run.
            start_s: First time, seconds.
            end_s: Last time, seconds.
            least: How many rows are needed.

        Raises:
            ToolError: There are too few rows.
        """
        run = self.trajectory(handle)
        seen = np.isfinite(run.position).all(axis=1)
        seen &= (run.t >= (-np.inf if start_s is None else start_s)) & (run.t <= (np.inf if end_s is None else end_s))
        if seen.sum() < least:
            raise ToolError(
                f"{handle} has {seen.sum()} rows in that time, {least} are needed. "
                f"It runs from {run.t[0]:.4g} s to {run.t[-1]:.4g} s."
            )
        return run.rows(seen)
