"""Reads what ``motionlaw discover`` is given, tables or videos, into trajectories.

Leaves out what their laws are (`discover`). A video's objects are tracked, scaled, and moved to an origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError
from motionlaw.tools.table import TableInput, is_table_path, read_trajectories, trajectories_in
from motionlaw.tools.table_files import as_table
from motionlaw.tools.tracking.result import TrackingResult
from motionlaw.tools.trajectory import Track, Trajectory

# Coordinates of these names are places: forces act on their accelerations.
PLACES = ("position", "displacement", "height", "angle", "theta", "phi")


@dataclass(frozen=True)
class Inputs:
    """What the paths hold.

    Args:
        trajectories: Runs of one law, or the objects of one scene.
        is_scene: True if they are objects that move at the same time.
        is_place: True if they are known to be places, so that only accelerations can have laws.
        warnings: Repairs and doubts, one sentence each.
        tracking: What the tracker returned, for the report; ``None`` for tables.
        is_video: Whether they were tracked in a video, which is trusted to half a pixel at the most.
    """

    trajectories: tuple[Trajectory, ...]
    is_scene: bool
    is_place: bool
    warnings: tuple[str, ...]
    tracking: Any = None
    is_video: bool = False

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks behind the trajectories; none for tables."""
        return self.tracking.tracks if self.tracking is not None else ()


def read_inputs(
    paths: Sequence[str | Path],
    *,
    scale: str | None = None,
    origin: str | None = None,
    tilt: float = 0.0,
    track: Sequence[str] | str = "auto",
    fps: float | None = None,
    time: str | None = None,
    columns: str | None = None,
    start: float | None = None,
    end: float | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Inputs:
    """Reads tables, or tracks what moves in videos.

    Args:
        paths: Tables or videos, not both.
        scale: Pixels to lengths, e.g. ``"120px=0.5m"``; videos stay in pixels without it.
        origin: ``"x,y"`` in pixels of the frame.
        tilt: Degrees by which the camera was turned.
        track: ``"auto"``, or clicks ``"x,y@t"`` or boxes ``"x1,y1,x2,y2@t"``.
        fps: Rows a second for tables without a time column.
        time: Name of the time column.
        columns: Names of the columns to use, e.g. ``"x,v,a"``.
        start: Seconds to start at.
        end: Seconds to end at.
        on_progress: Called with the share of a video that is done.

    Raises:
        UserError: If an input is unusable.
    """
    if not paths:
        raise UserError("No input was given. Name a video or a table, e.g. motionlaw discover run.csv.")
    tables = [is_table_path(path) for path in paths]
    if any(tables) and not all(tables):
        raise UserError("Give either tables or videos, not both at once: one law is sought for all inputs.")
    if all(tables):
        return _of_table(read_trajectories(list(paths), time=time, columns=columns, fps=fps), start, end)
    return _track_videos(
        paths, scale=scale, origin=origin, tilt=tilt, track=track, start=start, end=end, on_progress=on_progress
    )


def read_frame(
    frame: pd.DataFrame,
    name: str,
    *,
    fps: float | None = None,
    time: str | None = None,
    columns: str | None = None,
    start: float | None = None,
    end: float | None = None,
) -> Inputs:
    """Reads a table that is in memory, as `read_inputs` reads one from a file.

    Args:
        frame: The rows; titles may carry units.
        name: What to call the table.
        fps: As in `read_inputs`, like the others.
        time: Name of the time column.
        columns: Names of the columns to use.
        start: Seconds to start at.
        end: Seconds to end at.

    Raises:
        UserError: The table is unusable.
    """
    tables = [(Path(name), as_table(frame))]
    return _of_table(trajectories_in(tables, time=time, columns=columns, fps=fps), start, end)


def _of_table(table: TableInput, start: float | None, end: float | None) -> Inputs:
    cut = tuple(_between(trajectory, start, end) for trajectory in table.trajectories)
    is_place = all(t.velocity is not None for t in cut) or all(n.lower() in PLACES for n in cut[0].coordinates)
    return Inputs(cut, table.is_scene, is_place, table.warnings)


def _between(trajectory: Trajectory, start: float | None, end: float | None) -> Trajectory:
    """The rows of a trajectory from ``start`` to ``end`` seconds."""
    if start is None and end is None:
        return trajectory
    low, high = trajectory.t[0] if start is None else start, trajectory.t[-1] if end is None else end
    rows = (trajectory.t >= low) & (trajectory.t <= high)
    if rows.sum() < 2:
        raise UserError(
            f"{trajectory.name} has no rows between {low:g} s and {high:g} s. "
            f"It runs from {trajectory.t[0]:g} s to {trajectory.t[-1]:g} s."
        )
    return trajectory.rows(rows)


def _track_videos(paths: Sequence[str | Path], **options: Any) -> Inputs:
    """Tracks every video; the first track of each is its run, unless several objects were clicked in one."""
    from motionlaw.tools.scale import parse_scale
    from motionlaw.tools.tracking import track_video

    scale = parse_scale(options["scale"], origin=options["origin"], tilt_deg=options["tilt"])
    clicks = options["track"] if isinstance(options["track"], str) else list(options["track"])
    at = "auto" if clicks in ("auto", [], ["auto"]) else clicks
    trajectories: list[Trajectory] = []
    warnings: list[str] = []
    result = None
    for path in paths:
        result = track_video(
            path, at=at, start_s=options["start"], end_s=options["end"], progress=options["on_progress"]
        )
        if at != "auto" and result.camera_moves:
            result = _before_background(path, result, options["start"], options["end"])
        tracks = result.tracks
        if at == "auto" and len(tracks) > 1:
            others = ", ".join(t.name for t in tracks[1:])
            warnings.append(
                f"{len(tracks)} things move; {tracks[0].name} was taken, not {others}. Choose with --track x,y@t."
            )
            tracks = tracks[:1]
        warnings += [*result.warnings, *(sentence for t in tracks for sentence in t.warnings)]
        trajectories += [replace(scale.apply(t), name=f"{Path(path).name} {t.name}") for t in tracks]
    if options["origin"] is None and not _several_clicks(at):
        trajectories = [centred(trajectory) for trajectory in trajectories]
    if options["scale"] is None:
        warnings.append("Lengths are in pixels. Give the scale for metres, e.g. --scale 120px=0.5m.")
    is_scene = _several_clicks(at) and len(paths) == 1
    return Inputs(tuple(trajectories), is_scene, True, tuple(dict.fromkeys(warnings)), result, is_video=True)


def _before_background(
    path: str | Path, result: TrackingResult, start: float | None, end: float | None
) -> TrackingResult:
    """What was pointed at, with the camera's motion taken out: no law holds in the pixels of a moving camera."""
    from motionlaw.tools.camera_frames import IN_SCENE, camera_frames

    frames = camera_frames(path, result.tracks[0].timestamps, start_s=start, end_s=end)
    if frames is None:
        return result
    warnings = (IN_SCENE, *(text for text in result.warnings if not text.startswith("The camera moves")))
    return replace(result, tracks=tuple(frames.in_scene(one) for one in result.tracks), warnings=warnings)


def _several_clicks(at: str | list[str]) -> bool:
    return isinstance(at, list) and len(at) > 1


def centred(trajectory: Trajectory) -> Trajectory:
    """Moves the origin into the middle of the motion: a frame's corner means nothing to a law."""
    middle = np.round((np.nanmin(trajectory.position, axis=0) + np.nanmax(trajectory.position, axis=0)) / 2, 3)
    place = ", ".join(f"{name} = {value:g}" for name, value in zip(trajectory.coordinates, middle, strict=True))
    unit = trajectory.units[0]
    note = f"The origin was moved to the middle of the motion, {place} {unit} (y up) from the frame's corner."
    return replace(trajectory, position=trajectory.position - middle, notes=(*trajectory.notes, note))
