"""Instruments that look at files: track, read_table, frames, camera_motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.looks import looks_of
from motionlaw.tools.motion_classes import direction_class, speed_class
from motionlaw.tools.registry import Output
from motionlaw.tools.schema import Between
from motionlaw.tools.tracking.result import TrackingResult
from motionlaw.tools.workspace import Run, Tracked, Workspace

Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"]
"""The colours of `motionlaw.tools.looks`."""

MOST_PIXELS = 960
"""Pictures given to a model are at most this wide."""


def track(
    workspace: Workspace,
    video: str | None = None,
    at: list[str] | None = None,
    colour: Colour | None = None,
    objects: Annotated[int, Between(1, 20)] = 8,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Output:
    """Finds what moves and follows it, or what is pointed at, or what has a colour; results are called "track 1", ...

    Args:
        video: Name of the video; the session's only file if left out.
        at: Clicks "x,y@t" or boxes "x1,y1,x2,y2@t", pixels (y down) and seconds; left out, whatever moves is found.
        colour: Follow the things of this colour instead, moving or not.
        objects: How many objects at the most.
        start_s: First time to look at, seconds.
        end_s: Last time to look at, seconds.
    """
    from motionlaw.tools.plot import tracks_over_frame
    from motionlaw.tools.tracking import track_video

    path = workspace.path(video)
    to_first = None
    try:
        if colour is not None and not at:
            result = _coloured(path, colour, objects, start_s, end_s)
        else:
            result = track_video(path, at=at or "auto", objects=objects, start_s=start_s, end_s=end_s)
        if result.camera_moves or colour is not None:
            result, to_first = _in_both_frames(path, result, start_s, end_s, is_of_frames=bool(at or colour))
    except UserError as trouble:
        if at:
            raise
        result, to_first = _mover(path, start_s, end_s, trouble)
    looks = looks_of(path, result.tracks)
    kept = {
        workspace.handle("track", number): Tracked(
            one,
            path.name,
            workspace.scale,
            look.colour,
            look.shape,
            result.camera_moves,
            to_first,
            (result.info.width, result.info.height),
        )
        for number, (one, look) in enumerate(zip(result.tracks, looks, strict=True))
    }
    entries = [_entry(handle, value) for handle, value in kept.items()]
    lines = [_sentence(entry) for entry in entries] + [f"Note: {text}" for text in result.warnings]
    info = result.info
    head = f"{path.name}: {info.width}x{info.height} px, {info.frame_count} frames, {info.duration_s:.4g} s."
    data = {"video": path.name, "tracks": entries, "warnings": list(result.warnings)}
    drawn = picture_of(tracks_over_frame(result.frame, result.tracks, width_in=6.4))
    return Output("\n".join([head, *lines]), data, (drawn,), dict(kept))


def _coloured(path: Path, colour: str, objects: int, start_s: float | None, end_s: float | None) -> TrackingResult:
    """The things of a colour; positions are pixels of each frame, whatever the camera does."""
    from motionlaw.tools.coloured import find_coloured
    from motionlaw.tools.video import probe, read_frames

    tracks = find_coloured(path, colour, most=objects, start_s=start_s, end_s=end_s)
    frame = next(read_frames(path, start_s=float(tracks[0].timestamps[0]))).image
    return TrackingResult(tracks, probe(path), False, (), frame)


def _in_both_frames(
    path: Path, result: TrackingResult, start_s: float | None, end_s: float | None, *, is_of_frames: bool
) -> tuple[TrackingResult, np.ndarray | None]:
    """The tracks in the pixels of each frame, and what takes these to the first one's background if the camera moves.

    Args:
        path: The video.
        result: Its tracks.
        start_s: First time looked at.
        end_s: Last time.
        is_of_frames: Whether the tracks are in pixels of each frame already.
    """
    from motionlaw.tools.camera_frames import IN_SCENE, camera_frames

    frames = camera_frames(path, result.tracks[0].timestamps, start_s=start_s, end_s=end_s)
    if frames is None:
        return result, None
    tracks = result.tracks if is_of_frames else tuple(frames.in_frames(one) for one in result.tracks)
    warnings = (IN_SCENE, *(text for text in result.warnings if not text.startswith("The camera moves")))
    return replace(result, tracks=tracks, camera_moves=True, warnings=warnings), frames.to_first


def _mover(
    path: Path, start_s: float | None, end_s: float | None, trouble: UserError
) -> tuple[TrackingResult, np.ndarray]:
    """What moves by itself where the tracker finds no background that stands still, or nothing on it.

    Raises:
        UserError: The tracker's own sentence, where nothing is found this way either.
    """
    from motionlaw.tools.camera import camera_path
    from motionlaw.tools.camera_frames import IN_SCENE
    from motionlaw.tools.mover import find_mover
    from motionlaw.tools.video import probe, read_frames

    camera = camera_path(path, start_s=start_s, end_s=end_s)
    try:
        one = find_mover(path, camera)
    except ToolError:
        raise trouble from None
    note = "Found by its flow against the background's, roughly: good to a tenth of its size."
    moved = IN_SCENE if camera.moves else ""
    frame = next(read_frames(path, start_s=float(camera.timestamps[0]))).image
    result = TrackingResult((one,), probe(path), camera.moves, tuple(text for text in (moved, note) if text), frame)
    return result, camera.to_first()


def _entry(handle: str, value: Tracked) -> dict[str, Any]:
    one = value.track
    seen = np.flatnonzero(np.isfinite(one.position).all(axis=1))
    box = np.nanmedian(one.xyxy[:, 2:] - one.xyxy[:, :2], axis=0) if np.isfinite(one.xyxy).any() else np.zeros(2)
    diagonal = float(np.hypot(*box)) or 1.0
    first, last = seen[0], seen[-1]
    return {
        "handle": handle,
        "looks": f"{value.colour} {value.shape}".strip(),
        "from_s": float(one.timestamps[first]),
        "to_s": float(one.timestamps[last]),
        "seen_frames": len(seen),
        "start_px": one.position[first].round(1).tolist(),
        "end_px": one.position[last].round(1).tolist(),
        "box_px": box.round(1).tolist(),
        "direction": direction_class(one.position, diagonal),
        "speed": speed_class(one.timestamps, one.position, diagonal),
        "confidence": round(float(np.mean(one.confidence[seen])), 3),
        "warnings": list(one.warnings),
    }


def _sentence(entry: dict[str, Any]) -> str:
    (x1, y1), (x2, y2) = entry["start_px"], entry["end_px"]
    notes = "".join(f" Note: {text}" for text in entry["warnings"])
    return (
        f"{entry['handle']} ({entry['looks'] or 'unknown looks'}): seen {entry['from_s']:.4g} to {entry['to_s']:.4g} s "
        f"in {entry['seen_frames']} frames, from ({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f}) px (y down), mostly "
        f"{entry['direction']}, {entry['speed']}, confidence {entry['confidence']:.2f}.{notes}"
    )


def read_table(workspace: Workspace, table: str | None = None, columns: str | None = None) -> Output:
    """Reads a table of motion (csv, tsv, npz, parquet, ...); its runs are called "run 1", ...

    Args:
        table: Name of the file; the session's only file if left out.
        columns: Columns to use, with commas, e.g. "x,v"; all that are understood if left out.
    """
    from motionlaw.tools.table import read_trajectories

    path = workspace.path(table)
    found = read_trajectories([path], columns=columns)
    kept = {workspace.handle("run", number): Run(one, path.name) for number, one in enumerate(found.trajectories[:20])}
    entries: list[dict[str, Any]] = [
        {
            "handle": handle,
            "rows": len(run.trajectory.t),
            "from_s": float(run.trajectory.t[0]),
            "to_s": float(run.trajectory.t[-1]),
            "coordinates": dict(zip(run.trajectory.coordinates, run.trajectory.units, strict=True)),
        }
        for handle, run in kept.items()
    ]
    lines = [
        f"{entry['handle']}: {entry['rows']} rows, {entry['from_s']:.4g} to {entry['to_s']:.4g} s, "
        + ", ".join(f"{name} ({unit or 'no unit'})" for name, unit in entry["coordinates"].items())
        for entry in entries
    ]
    lines += [f"Note: {text}" for text in found.warnings]
    return Output("\n".join(lines), {"runs": entries, "warnings": list(found.warnings)}, (), dict(kept))


def frames(
    workspace: Workspace,
    video: str | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    number: Annotated[int, Between(1, 16)] = 4,
    box: list[float] | None = None,
) -> Output:
    """Shows frames of a video: a still, a zoom into a box, or a short span in slow motion (many frames of it).

    Args:
        video: Name of the video; the session's only file if left out.
        start_s: Time of the first frame, seconds.
        end_s: Time of the last frame, seconds; the end of the video if left out.
        number: How many frames, evenly spread over that time; 1 for a still.
        box: Part of the frame to enlarge, [x1, y1, x2, y2] in pixels, y down.
    """
    import cv2

    from motionlaw.tools.video import probe, read_frames

    path = workspace.path(video)
    info = probe(path)
    last = float(info.timestamps[-1])
    stop = last if end_s is None else min(end_s, last)
    if not info.timestamps[0] - 1e-9 <= start_s <= stop:
        raise ToolError(f"frames must lie between {info.timestamps[0]:.4g} and {last:.4g} s, start before end.")
    crop = _crop(box, info.width, info.height)
    wanted = np.unique([int(np.argmin(np.abs(info.timestamps - t))) for t in np.linspace(start_s, stop, number)])
    pictures, times = [], []
    half = 0.5 / info.fps
    for one in read_frames(path, start_s=float(info.timestamps[wanted[0]]) - half, end_s=stop + half, crop=crop):
        if one.index not in wanted:
            continue
        factor = min(MOST_PIXELS / one.image.shape[1], 4.0) if crop else min(MOST_PIXELS / one.image.shape[1], 1.0)
        shape = (max(2, round(one.image.shape[1] * factor)), max(2, round(one.image.shape[0] * factor)))
        pictures.append(cv2.resize(one.image, shape, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA))
        times.append(one.timestamp)
    where = f", box {list(crop)} px" if crop else ""
    text = f"{path.name}{where}: frames at {', '.join(f'{t:.3f}' for t in times)} s."
    return Output(text, {"video": path.name, "timestamps": times, "box": list(crop) if crop else None}, tuple(pictures))


def _crop(box: list[float] | None, width: int, height: int) -> tuple[int, int, int, int] | None:
    if box is None:
        return None
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
        raise ToolError(f"box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2, got {box}.")
    x1, y1, x2, y2 = int(max(box[0], 0)), int(max(box[1], 0)), int(min(box[2], width)), int(min(box[3], height))
    if x2 - x1 < 2 or y2 - y1 < 2:
        raise ToolError(f"box must lie inside the frame of {width}x{height} px, got {box}.")
    return x1, y1, x2, y2


def camera_motion(
    workspace: Workspace, video: str | None = None, start_s: float | None = None, end_s: float | None = None
) -> Output:
    """Says whether the camera moves, and how: pan, tilt, zoom, roll or static, over time.

    Args:
        video: Name of the video; the session's only file if left out.
        start_s: First time to look at, seconds.
        end_s: Last time to look at, seconds.
    """
    from motionlaw.tools.camera import camera_path

    found = camera_path(workspace.path(video), start_s=start_s, end_s=end_s)
    total = found.total
    lines = [
        f"The camera {'moves' if found.moves else 'stands still'}: {', '.join(found.words())}.",
        f"In all: pan {total['pan']:+.3f} and tilt {total['tilt']:+.3f} picture widths (right, down positive), "
        f"zoom {total['zoom']:+.3f} e-folds (in positive), roll {np.degrees(total['roll']):+.1f} degrees clockwise.",
    ]
    if found.moves:
        lines += [f"{one.t_start:.2f} to {one.t_end:.2f} s: {', '.join(one.words)}" for one in found.stretches()]
    return Output("\n".join(lines), found.to_dict())


def picture_of(figure: Any) -> np.ndarray:
    """Draws a matplotlib figure into an array, shape (H, W, 3), uint8 RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(110)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
