"""The way in: from a video file to tracks, with the backend of choice."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.classical import (
    FOLLOWED,
    Scene,
    continue_path,
    is_known,
    look,
    track_moving,
    track_pointed,
)
from motionlaw.tools.tracking.clip import Clip, read_clips
from motionlaw.tools.tracking.measure import ObjectPath
from motionlaw.tools.tracking.quality import track_warnings
from motionlaw.tools.tracking.result import Pointer, TrackingResult, parse_pointers
from motionlaw.tools.tracking.stabilise import can_compensate, compensated, find_camera_motion
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import Video, VideoInfo, read_frames

BACKENDS = ("classical", "cotracker3", "sam2")
"""Trackers that can be asked for; all but the first need a checkpoint on this machine."""

LEAST_SCORE = 0.1
"""Objects that score less than this share of the best are flicker, shadows and the like."""

SAME_POINT = 0.75
"""Coarse pixels within which two clips' measurements of a shared frame are the same point, but for noise."""

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
    with Video(path) as video:
        info = video.info
        if info.frame_count < MIN_FRAMES:
            raise UserError(
                f"{info.path} has {info.frame_count} frame{'s' * (info.frame_count != 1)}; "
                f"motion needs at least {MIN_FRAMES}."
            )
        pointers = parse_pointers(at, info)
        if backend == "classical":
            session = _Session(info, pointers)
            for clip in read_clips(video, start_s=start_s, end_s=end_s, crop=crop, progress=progress):
                session.take(clip)
            return session.result(objects)
    from motionlaw.tools.tracking.learned import track_learned

    tracks = track_learned(info, pointers, backend=backend, checkpoint=checkpoint, start_s=start_s, end_s=end_s)
    frame = next(read_frames(info.path, start_s=start_s, end_s=end_s)).image
    return TrackingResult(tracks, info, False, (), frame)


class _Session:
    """Carries objects from one clip of a long video to the next."""

    def __init__(self, info: VideoInfo, pointers: list[Pointer]) -> None:
        self.info, self.pointers = info, pointers
        self.clips: list[Clip] = []  # without their pictures
        self.paths: list[dict[int, ObjectPath]] = [{} for _ in pointers]
        self.camera_moves, self.is_compensated, self.cuts = False, False, 0
        self.reference: np.ndarray | None = None
        self.restless_share = 0.0
        self.sample = np.zeros((0, 0, 3), np.uint8)

    def take(self, clip: Clip) -> None:
        """Tracks everything through the next clip."""
        number = len(self.clips)
        if clip.sample is not None:
            self.sample = clip.sample
        scene = self._scene(clip)
        self.restless_share = max(self.restless_share, scene.background.restless_share)
        self.cuts += int(scene.cut_frames[min(number, 1) :].sum())
        for paths in self.paths:
            box = _last_box(paths.get(number - 1))
            if box is not None:
                paths[number] = _joined(continue_path(scene, box), paths[number - 1])
        for pointer, paths in zip(self.pointers, self.paths, strict=False):
            k = _frame_of(pointer, clip)
            if number not in paths and k is not None:
                paths[number] = _pointed(scene, pointer, k)
        if not self.pointers:
            known = [paths[number] for paths in self.paths if number in paths]
            for path in track_moving(scene):
                if not is_known(path, known):
                    self.paths.append({number: path})
        self.clips.append(clip.without_pictures())

    def result(self, objects: int | None) -> TrackingResult:
        """Returns the tracks and the warnings."""
        tracks = self.tracks(objects)
        if not tracks:
            raise UserError(
                f"Nothing moves in {self.info.path}. Give the time range in which it does, "
                "or point at the object with --track x,y@t."
            )
        return TrackingResult(tracks, self.info, self.camera_moves, self.warnings(), self.sample)

    def tracks(self, objects: int | None) -> tuple[Track, ...]:
        """Returns what was tracked; when searching, the likeliest subject first."""
        total = sum(clip.length for clip in self.clips) - len(self.clips) + 1
        if not self.pointers:
            self.paths.sort(key=lambda paths: -_score(paths))
            if self.cuts > 0.5 * total or self.restless_share > 0.5:
                raise UserError(
                    f"Everything changes from frame to frame in {self.info.path} (camera shake, flicker or cuts); "
                    "no background stands still. Use a tripod, or point at the object with --track x,y@t."
                )
        chosen = self.paths
        if not self.pointers and self.paths:
            least = LEAST_SCORE * _score(self.paths[0])
            chosen = [paths for paths in self.paths if _score(paths) >= least][: objects or FOLLOWED]
        return tuple(self._track(i, paths) for i, paths in enumerate(chosen))

    def warnings(self) -> tuple[str, ...]:
        """Says what concerns the whole video."""
        out = []
        if self.info.is_variable_frame_rate:
            out.append("The frame rate varies; times are the container's own.")
        if self.is_compensated:
            out.append("The camera moves; positions are those before the background of the first frame.")
        elif self.camera_moves:
            out.append("The camera moves; positions are pixels of each frame, the camera's motion included.")
        if self.cuts:
            out.append(
                f"{self.cuts} frame{'s differ' if self.cuts > 1 else ' differs'} nearly everywhere "
                "(cut, flash or title)."
            )
        return tuple(out)

    def _scene(self, clip: Clip) -> Scene:
        motion = find_camera_motion(clip, reference=self.reference)
        if self.reference is None:
            self.reference = clip.planes[0][0].copy()
        if not motion.moves:
            return look(clip)
        self.camera_moves = True
        if self.pointers:  # the user's pixels are those of the frame
            return look(clip).without_blobs()
        if not can_compensate(motion, clip):
            raise UserError(
                f"Everything moves in {self.info.path}: the camera pans or shakes "
                f"by {motion.farthest_px * clip.factor:.0f} px or more, "
                "so that no background stands still. Use a tripod, or point at the object with --track x,y@t."
            )
        self.is_compensated = True
        still, blank = compensated(clip, motion)
        return look(still, blank=blank)

    def _track(self, number: int, paths: dict[int, ObjectPath]) -> Track:
        info, parts = self.info, []
        for i, clip in enumerate(self.clips):
            path, start = paths.get(i), min(i, 1)
            if path is None:
                path = ObjectPath(
                    np.full((clip.length, 2), np.nan), np.zeros(clip.length), np.full((clip.length, 4), np.nan)
                )
            parts.append(
                (clip.to_video(path.position)[start:], clip.to_video(path.xyxy)[start:], path.confidence[start:])
            )
        position, xyxy, confidence = (np.concatenate([part[i] for part in parts]) for i in range(3))
        frame = np.concatenate([clip.frame[min(i, 1) :] for i, clip in enumerate(self.clips)])
        timestamps = np.concatenate([clip.timestamps[min(i, 1) :] for i, clip in enumerate(self.clips)])
        unseen = ~np.isfinite(position).all(axis=1)
        xyxy[unseen], confidence[unseen] = np.nan, 0.0
        if unseen.all():
            raise UserError(
                f"The object pointed at cannot be found in {info.path}. "
                "Point at another frame, or draw a box x1,y1,x2,y2@t."
            )
        size = (info.width, info.height)
        warnings = track_warnings(
            position=position, confidence=confidence, xyxy=xyxy, timestamps=timestamps, frame_size=size
        )
        if strays := sum(path.strays for path in paths.values()):
            warnings = (
                *warnings,
                f"{strays} place{'s do' if strays > 1 else ' does'} not go on from the others and "
                f"{'were' if strays > 1 else 'was'} left out: possibly another object (id switch).",
            )
        return Track(number, f"object {number + 1}", frame, timestamps, position, confidence, xyxy, warnings)


def _score(paths: dict[int, ObjectPath]) -> float:
    return sum(path.score * len(path.position) for path in paths.values())


def _frame_of(pointer: Pointer, clip: Clip) -> int | None:
    """Returns the frame of the clip that is pointed at, if it is in there."""
    t = clip.timestamps[0] if pointer.t is None else pointer.t
    step = float(np.median(np.diff(clip.timestamps))) if clip.length > 1 else 1.0
    if not clip.timestamps[0] - step <= t <= clip.timestamps[-1] + step:
        return None
    return int(np.argmin(np.abs(clip.timestamps - t)))


def _pointed(scene: Scene, pointer: Pointer, k: int) -> ObjectPath:
    return track_pointed(scene, k, scene.clip.to_coarse(np.array([pointer.x1, pointer.y1, pointer.x2, pointer.y2])))


def _last_box(path: ObjectPath | None) -> np.ndarray | None:
    """Returns the box in the last frame, if the object was seen there."""
    return None if path is None or not path.is_seen[-1] or not np.isfinite(path.xyxy[-1]).all() else path.xyxy[-1]


def _joined(path: ObjectPath, before: ObjectPath) -> ObjectPath:
    """Shifts a path so that it goes on at the point that was tracked before, if it is another one of the body."""
    offset = before.position[-1] - path.position[0]
    if not np.isfinite(offset).all() or np.hypot(*offset) < SAME_POINT:
        return path
    return replace(path, position=path.position + offset)
