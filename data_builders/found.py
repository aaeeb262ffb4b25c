"""What was found in a real video: its camera, and its tracks in the picture and before its background.

The first half of `autolabel`: gate, detect, track. Where the camera stands still the tracker's tracks are the scene's;
where it moves, what moves by itself is found against the background's flow, and its place is told before the first
frame's background.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.models.torch_setup import prepare_torch
from motionlaw.data_builders.clips import Clip, numbered, video_clip
from motionlaw.data_builders.foundation_motion import read_tracks
from motionlaw.data_builders.standing_out import changed_over, things
from motionlaw.tools.camera import CameraPath, camera_path
from motionlaw.tools.camera_moves import KINDS, WAYS, CameraInterval, CameraMove, CameraMoves, camera_moves
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracks import smoothed
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import probe, read_frames

LONGEST_S = 60.0
VERY_SURE = 0.75  # confidence from which it is believed against a tracker that saw a still background
MOVER = "moving object"
LOOKED_AT = (0.0, 0.25, 0.5, 0.75)  # parts of a film: a detector's things are those of the frame that shows most
LIKE = (("pan", "truck"), ("tilt", "pedestal"), ("zoom", "dolly"))  # pairs of moves that look alike
CLEAR = 4.0  # one of such a pair is this many times as large as the other: then it is the one
SURE = 0.65  # confidence from which a camera's move is told of
SURE_COLOUR = 0.75  # share of the frames in which a thing must clearly have the colour that it is named by


@dataclass(frozen=True)
class Found:
    """A video's camera and things.

    Args:
        clip: The video with its tracks in pixels of each frame.
        scene_tracks: The same before the background of the first frame; those of the clip where the camera is still.
        camera: The camera's moves.
        tracker: Which way the things were found.
        is_still: Whether the tracker saw a background that stands still and no move of the camera is very sure.
        background: How the background moves, where things were found by that.
    """

    clip: Clip
    scene_tracks: tuple[Track, ...]
    camera: CameraMoves
    tracker: str
    is_still: bool = False
    background: CameraPath | None = None

    @property
    def camera_words(self) -> tuple[str, ...]:
        """The camera's moves in words: those that are sure, or else the surest, or else those of the background."""
        words = ("static",) if self.is_still else sure_words(self.camera)
        if self.background is not None and words in ((), ("static",)):
            return self.background.words()
        return words

    @property
    def told_camera(self) -> tuple[str, ...]:
        """The camera's moves as a caption may tell them: pictures of one film seldom tell a pan from a truck."""
        words = self.camera_words
        if words == ("static",) or words != sure_words(self.camera):
            return words
        totals = dict(zip(KINDS, np.sum(self.camera.amounts, axis=0).tolist(), strict=True))
        out: list[str] = []
        for move in words:
            pair = next((each for each in LIKE if move.split()[0] in each), ())
            if not pair:
                out.append(move)
                continue
            first, second = sorted(pair, key=lambda kind: -abs(totals[kind]))
            is_one = abs(totals[first]) > CLEAR * abs(totals[second])
            if is_one or totals[first] * totals[second] > 0:
                kinds = first if is_one else " or ".join(pair)
                out.append(f"{kinds} {WAYS[first][int(totals[first] + totals[second] < 0)]}")
        return tuple(dict.fromkeys(out))

    @property
    def camera_intervals(self) -> list[dict[str, Any]]:
        """The camera's moves over time, as plain values."""
        if self.is_still:
            t = self.clip.timestamps
            static = CameraMove("static", "", 0.0, "", 1.0)
            return [CameraInterval(float(t[0]), float(t[-1]), (static,)).to_dict()]
        return [part.to_dict() for part in self.camera.intervals()]


def sure_words(camera: CameraMoves) -> tuple[str, ...]:
    """The camera's moves that are sure, in words, or else the surest."""
    moves = camera.moves
    return tuple(move.words for move in moves if move.confidence >= SURE) or tuple(move.words for move in moves[:1])


def gate(path: Path) -> CameraMoves:
    """Says what the camera does, the first step.

    Raises:
        UserError: The video cannot be used or is too long.
        ToolError: It is too short.
    """
    info = probe(path)
    if info.duration_s > LONGEST_S:
        raise UserError(f"{path.name} lasts {info.duration_s:.0f} s, more than {LONGEST_S:.0f} s. Cut it into clips.")
    return camera_moves(path)


def find(
    path: Path, camera: CameraMoves, *, detector: str = "", labels: tuple[str, ...] = (), tracks: Path | None = None
) -> Found:
    """Finds what moves in a video.

    Args:
        path: The video.
        camera: What its camera does, from `gate`.
        detector: Folder of a zero-shot detector's checkpoint; classical detection if empty.
        labels: What the detector looks for.
        tracks: FoundationMotion's track file to take instead of tracking.

    Raises:
        UserError: Nothing in it can be followed.
        ToolError: Nothing moves by itself before a moving background.
    """
    if tracks is not None:
        clip = _given_clip(path, tracks, camera)
        return Found(clip, clip.tracks, camera, "given")
    if detector:
        clip = _detected_clip(path, detector, labels, camera)
        return Found(clip, clip.tracks, camera, "detector")
    try:
        clip = video_clip(path, sureness=SURE_COLOUR)
    except UserError:
        return _before_background(path, camera, camera_path(path))
    if not clip.camera_moves and not _is_surely_static(camera):
        background = camera_path(path)
        if background.moves:  # then what the tracker took for a still background was not
            return _before_background(path, camera, background)
    if not clip.camera_moves:
        clip = _with_things(path, clip)
    doubt = max((move.confidence for move in camera.moves if move.kind != "static"), default=0.0)
    return Found(clip, clip.tracks, camera, "classical", is_still=not clip.camera_moves and doubt < VERY_SURE)


def _is_surely_static(camera: CameraMoves) -> bool:
    """Whether the camera is seen to stand still nearly all the time."""
    return bool(camera.scores()["static"] >= VERY_SURE and np.mean(camera.is_known) >= VERY_SURE)


def _name(path: Path) -> str:
    return f"video {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def _clip(path: Path, tracks: tuple[Track, ...], camera: CameraMoves) -> Clip:
    info = probe(path)
    t = tracks[0].timestamps
    moves = [move.kind for move in camera.moves] != ["static"]
    return Clip(_name(path), tracks, info.width, info.height, info.fps, t, video=path, camera_moves=moves)


def _given_clip(path: Path, file: Path, camera: CameraMoves) -> Clip:
    info = probe(path)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} must be FoundationMotion's tracks as JSON: {error}.") from None
    found = read_tracks(values, info.timestamps, info.width, info.height)
    return _clip(path, tuple(smoothed(track) for track in found), camera)


def _detected_clip(path: Path, detector: str, labels: tuple[str, ...], camera: CameraMoves) -> Clip:
    from motionlaw.tools.tracking.detector import Detection, detect
    from motionlaw.tools.tracking.run import track_video

    if Path(detector).is_dir():
        prepare_torch()
    best: tuple[Detection, ...] = ()
    t = 0.0
    frame_count = probe(path).frame_count
    looked_at = {round(share * (frame_count - 1)) for share in LOOKED_AT}
    for frame in read_frames(path):
        if frame.index in looked_at:
            seen = detect(frame.image, labels, checkpoint=detector)
            best, t = (seen, frame.timestamp) if len(seen) > len(best) else (best, t)
    if not best:
        raise UserError(f"The detector finds none of {', '.join(labels) or 'its classes'} in {path.name}.")
    found = track_video(path, at=[thing.pointer(t) for thing in best])
    names = numbered([thing.label for thing in best])
    named = [smoothed(replace(track, name=name)) for track, name in zip(found.tracks, names, strict=True)]
    return _clip(path, tuple(named), camera)


def _with_things(path: Path, clip: Clip) -> Clip:
    """The clip without ghosts, shadows, and tracks that may have gone over to another thing."""
    kept = [track for track, is_thing in zip(clip.tracks, things(path, clip.tracks), strict=True) if is_thing]
    kept = [track for track, is_unsure in zip(kept, changed_over(kept), strict=True) if not is_unsure]
    if not kept:
        raise UserError(f"Nothing in {path.name} moves that can be told from a glint or a shadow.")
    names = numbered([re.sub(r" \d+$", "", track.name) for track in kept])
    return replace(clip, tracks=tuple(replace(track, name=name) for track, name in zip(kept, names, strict=True)))


def _before_background(path: Path, moves: CameraMoves, camera: CameraPath) -> Found:
    """Finds the thing that moves by itself while the camera does."""
    from motionlaw.tools.mover import find_mover

    one = replace(find_mover(path, camera), name=MOVER)  # its outline is too rough to name a colour
    linear, shift = camera.to_first()[:, :, :2], camera.to_first()[:, :, 2]

    def back(points: np.ndarray) -> np.ndarray:
        return np.einsum("tij,tj->ti", linear, points) + shift

    still = replace(
        one,
        position=back(one.position),
        xyxy=np.concatenate([back(one.xyxy[:, :2]), back(one.xyxy[:, 2:])], axis=1),
    )
    clip = _clip(path, (one,), moves)
    return Found(clip, (smoothed(still),), moves, "flow", background=camera)
