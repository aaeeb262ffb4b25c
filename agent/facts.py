"""What the instruments have found out about a video so far: things, camera, numbers; every call is recorded.

Nothing is measured before it is asked for, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError
from motionlaw.tools.instruments import instruments
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import noise_of
from motionlaw.tools.registry import ToolResult, call
from motionlaw.tools.scale import Scale
from motionlaw.tools.trajectory import Track
from motionlaw.tools.workspace import Tracked, Workspace

FRAGMENT_ROWS = 4
"""Tracks of fewer rows are fragments."""


@dataclass(frozen=True)
class Call:
    """One call of an instrument."""

    name: str
    arguments: dict[str, Any]
    seconds: float
    ok: bool


@dataclass(frozen=True)
class Path2:
    """Seen places of a thing: times, shape (N,), and positions, shape (N, 2), pixels, y up; with their noise (2,)."""

    t: np.ndarray
    xy: np.ndarray
    noise: np.ndarray

    def between(self, start_s: float | None, end_s: float | None) -> Path2:
        """Returns the rows in a time range; all rows where fewer than two are in it."""
        low, high = -np.inf if start_s is None else start_s, np.inf if end_s is None else end_s
        rows = (self.t >= low - 1e-6) & (self.t <= high + 1e-6)
        return Path2(self.t[rows], self.xy[rows], self.noise) if rows.sum() >= 2 else self


@dataclass(frozen=True, eq=False)
class Thing:
    """A tracked thing: its handle, its track, and its place in the order of salience (0 is first)."""

    handle: str
    tracked: Tracked
    rank: int

    @property
    def track(self) -> Track:
        """Its track, pixels, y down."""
        return self.tracked.track

    @cached_property
    def image(self) -> Path2:
        """Where it is in the picture."""
        return _path(self.tracked.whole_track)

    @cached_property
    def seen(self) -> Path2:
        """Where it is in the picture, places cut off by its edge included."""
        return _path(self.track)

    @cached_property
    def scene(self) -> Path2:
        """Where it is before the background."""
        return _path(self.tracked.scene_track)

    @property
    def moves_with_camera(self) -> bool:
        """Whether the camera moves, so that its places in the picture and before the background differ."""
        return self.tracked.to_first is not None

    @cached_property
    def size_px(self) -> np.ndarray:
        """Median width and height of its box, pixels, shape (2,)."""
        boxes = self.track.xyxy[np.isfinite(self.track.xyxy).all(axis=1)]
        return np.median(boxes[:, 2:] - boxes[:, :2], axis=0) if len(boxes) else np.ones(2)

    @property
    def diagonal_px(self) -> float:
        """Diagonal of its box, pixels."""
        return float(np.hypot(*self.size_px))

    @property
    def looks(self) -> str:
        """Its colour and outline in words, e.g. ``red round object``."""
        return " ".join(word for word in (self.tracked.colour, self.tracked.shape, "object") if word)

    @cached_property
    def sureness(self) -> float:
        """Trust in its track, 0 to 1: confidence, less for gaps and for places that were left out."""
        seen = np.isfinite(self.track.position).all(axis=1)
        trust = float(np.mean(self.track.confidence[seen])) if seen.any() else 0.0
        doubts = sum("id switch" in text or "drift" in text for text in self.track.warnings)
        return trust * 0.9**doubts * (0.85 if self.moves_with_camera else 1.0)


def _path(track: Track) -> Path2:
    seen = np.isfinite(track.position).all(axis=1)
    xy = track.position[seen] * [1.0, -1.0]
    return Path2(track.timestamps[seen], xy, noise_of(track.timestamps[seen], xy))


class Facts:
    """The findings about one video.

    Args:
        video: The file.
        scale: What turns its pixels into lengths; pixels if not given.
    """

    def __init__(self, video: str | Path, *, scale: Scale | None = None) -> None:
        self.workspace = Workspace([video], scale=scale)
        self.tools = instruments(self.workspace)
        self.calls: list[Call] = []
        self.on_begin: Callable[[str, dict[str, Any]], None] | None = None
        self.on_call: Callable[[str, dict[str, Any], ToolResult], None] | None = None

    def call(self, name: str, **arguments: Any) -> ToolResult:
        """Calls an instrument and records the call.

        Raises:
            ToolError: It could not do what it was asked.
        """
        if self.on_begin is not None:
            self.on_begin(name, arguments)
        result = call(self.tools, name, arguments)
        self.calls.append(Call(name, arguments, result.seconds, result.ok))
        if self.on_call is not None:
            self.on_call(name, arguments, result)
        if not result.ok:
            raise ToolError(result.text)
        return result

    def numbers(self, name: str, **arguments: Any) -> dict[str, Quantity]:
        """Calls an instrument that measures, and returns its numbers by name."""
        listed = self.call(name, **arguments).data["measurements"]
        return {one["name"]: Quantity(one["name"], one["value"], one["stderr"], one["unit"]) for one in listed}

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """What moves, most salient first; fragments of a few frames are left out where there is anything else."""
        found = self._kept(self.call("track"))
        whole = [one for one in found if len(one.image.t) >= FRAGMENT_ROWS]
        return tuple(whole or found)

    @cached_property
    def nothing_moves(self) -> bool:
        """Whether the tracker finds that nothing moves."""
        try:
            return not self.things
        except ToolError as error:
            return str(error).startswith("Nothing moves")

    def of_colour(self, colour: str) -> tuple[Thing, ...]:
        """What has a colour, whether it moves or not, largest first."""
        if colour not in self._coloured:
            self._coloured[colour] = tuple(self._kept(self.call("track", colour=colour)))
        return self._coloured[colour]

    @cached_property
    def _coloured(self) -> dict[str, tuple[Thing, ...]]:
        return {}

    def _kept(self, result: ToolResult) -> list[Thing]:
        kept = self.workspace.kept
        return [Thing(one["handle"], kept[one["handle"]], rank) for rank, one in enumerate(result.data["tracks"])]

    @cached_property
    def camera(self) -> dict[str, Any]:
        """How the camera moves, as the instrument ``camera_motion`` tells it."""
        return self.call("camera_motion").data

    @cached_property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the video."""
        from motionlaw.tools.video import probe

        info = probe(next(iter(self.workspace.files.values())))
        return info.width, info.height
