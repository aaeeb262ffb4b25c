"""The way in: from a video file to tracks, with the backend of choice."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.classical import Scene, look, track_moving, track_pointed
from motionlaw.tools.tracking.clip import Clip, read_clips
from motionlaw.tools.tracking.measure import ObjectPath
from motionlaw.tools.tracking.quality import track_warnings
from motionlaw.tools.tracking.result import Pointer, TrackingResult, parse_pointers
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import VideoInfo, probe, read_frames

BACKENDS = ("classical", "cotracker3", "sam2")
"""Trackers that can be asked for; all but the first need a checkpoint on this machine."""

MIN_FRAMES = 4
"""Fewer frames carry no motion."""


def track_video(
    path: str | os.PathLike[str],
    *,
    at: str | list[str] | tuple[str, ...] = "auto",
    objects: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    backend: str = "classical",
    checkpoint: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> TrackingResult:
    """Tracks what moves in a video, or what the user points at.

    Args:
        path: The video file.
        at: ``"auto"``, or clicks ``"x,y@t"`` and boxes ``"x1,y1,x2,y2@t"`` (pixels of the upright frame, seconds).
        objects: How many objects to return at the most when searching; all that clearly move when ``None``.
        start_s: First time wanted, seconds of the container.
        end_s: Last time wanted.
        crop: Part of the frame to look into, ``(x1, y1, x2, y2)``.
        backend: ``"classical"``, or ``"cotracker3"`` or ``"sam2"`` from a local checkpoint.
        checkpoint: The checkpoint of a learned backend.
        progress: Called with the share done, 0 to 1.

    Returns:
        The tracks with their confidence, gaps and warnings.

    Raises:
        UserError: The file is no usable video, nothing moves, or everything does.
    """
    if backend not in BACKENDS:
        raise UserError(f"No backend '{backend}'. Backends: {', '.join(BACKENDS)}.")
    info = probe(path)
    if info.frame_count < MIN_FRAMES:
        raise UserError(f"{info.path} has {info.frame_count} frame{'s' * (info.frame_count != 1)}; motion needs at least {MIN_FRAMES}.")
    pointers = parse_pointers(at, info)
    parts: list[list[ObjectPath]] = []
    clips: list[Clip] = []
    for clip in read_clips(info, start_s=start_s, end_s=end_s, crop=crop, progress=progress):
        scene = look(clip)
        parts.append([_pointed(scene, one) for one in pointers] if pointers else track_moving(scene))
        clips.append(clip)
    clip, paths = clips[0], parts[0]
    if not paths:
        raise UserError(f"Nothing moves in {info.path}. Point at the object with --track x,y@t, or give the right time range.")
    tracks = tuple(_track(i, path_, clip, info) for i, path_ in enumerate(paths[: objects or len(paths)]))
    return TrackingResult(tracks, info, False, (), _sample_frame(info, start_s, end_s))


def _pointed(scene: Scene, pointer: Pointer) -> ObjectPath:
    clip = scene.clip
    t = clip.timestamps[0] if pointer.t is None else pointer.t
    k = int(np.argmin(np.abs(clip.timestamps - t)))
    return track_pointed(scene, k, clip.to_coarse(np.array([pointer.x1, pointer.y1, pointer.x2, pointer.y2])))


def _track(number: int, path: ObjectPath, clip: Clip, info: VideoInfo) -> Track:
    position, xyxy = clip.to_video(path.position), clip.to_video(path.xyxy)
    xyxy[~path.is_seen] = np.nan
    confidence = np.where(path.is_seen, path.confidence, 0.0)
    warnings = track_warnings(
        position=position, confidence=confidence, xyxy=xyxy, timestamps=clip.timestamps, frame_size=(info.width, info.height)
    )
    return Track(number, f"object {number + 1}", clip.frame, clip.timestamps, position, confidence, xyxy, warnings)


def _sample_frame(info: VideoInfo, start_s: float | None, end_s: float | None) -> np.ndarray:
    """Returns one frame for pictures of the tracks: the first of the range."""
    return next(read_frames(info.path, start_s=start_s, end_s=end_s, max_width=1280)).image
