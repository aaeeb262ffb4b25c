"""Films with their tracks, made or real, and what a cutter can do with them: trim, reverse, mirror, double, speed up.

A `Clip` is frames of a source in some order, with the tracks that are true of that order. Cuts give the same question
other answers: a film and its reverse show the same frames and tell the opposite. Leaves out drawing (`render`),
tracking (`motionlaw.tools.tracking`) and what is said of clips (`facts`, `chains`, `questions`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from motionlaw.data_builders.scene import Scene
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracks import mirrored, rows_of, smoothed
from motionlaw.tools.trajectory import Track

CRF = 23
WIDEST, LONGEST = 480, 300
"""Cuts of real videos are made smaller than this, pixels, and of their first frames only."""


@dataclass(frozen=True)
class Cut:
    """What is done with the frames of a clip.

    Args:
        start: First frame that is kept.
        stop: Frame after the last.
        is_reversed: Whether it is played backwards.
        is_doubled: Whether it is played there and back: the kept frames, then the same in the other order.
        is_mirrored: Whether left and right are swapped.
        speed: By what the frame rate is multiplied.
        twin: What is different in the twin scene that it is cut from, in words; ``""`` if it is cut from the scene.
    """

    start: int
    stop: int
    is_reversed: bool = False
    is_doubled: bool = False
    is_mirrored: bool = False
    speed: float = 1.0
    twin: str = ""

    @property
    def rows(self) -> np.ndarray:
        """The frames in their order, shape (T,)."""
        rows = np.arange(self.start, self.stop)
        rows = rows[::-1] if self.is_reversed else rows
        return np.concatenate([rows, rows[-2::-1]]) if self.is_doubled else rows

    @property
    def words(self) -> str:
        """What was done, for people, e.g. ``"frames 0 to 40, reversed, 1.5 times as fast"``."""
        out = [f"frames {self.start} to {self.stop - 1}"]
        out += ["reversed"] * self.is_reversed + ["there and back"] * self.is_doubled
        out += ["mirrored"] * self.is_mirrored + [f"{self.speed:.4g} times as fast"] * (self.speed != 1.0)
        return ", ".join(out + [self.twin] * bool(self.twin))


@dataclass(frozen=True)
class Clip:
    """A film and what moves in it.

    Args:
        name: The source: all that is cut from one source has its name.
        tracks: One an object, at the clip's own times and pixels.
        width: Pixels.
        height: Pixels.
        fps: Frames a second.
        timestamps: Seconds, shape (T,).
        scene: The made scene, ``None`` for a real video.
        video: The real video's file, ``None`` for a made scene.
        cut: How it was cut from its source; ``None`` if it is the source.
        camera_moves: Whether the camera of a real video moves.
    """

    name: str
    tracks: tuple[Track, ...]
    width: int
    height: int
    fps: float
    timestamps: np.ndarray
    scene: Scene | None = None
    video: Path | None = None
    cut: Cut | None = None
    camera_moves: bool = False
    _frames: Callable[[], np.ndarray] = field(repr=False, compare=False, default=lambda: np.empty(0))

    @property
    def duration_s(self) -> float:
        """From the first frame to the last, seconds."""
        return float(self.timestamps[-1] - self.timestamps[0])

    @cached_property
    def frames(self) -> np.ndarray:
        """The pictures, uint8, shape (T, H, W, 3), RGB."""
        return self._frames()

    def is_steady(self) -> bool:
        """Whether the camera stands still and frames come at a constant rate, so that the clip may be cut."""
        steps = np.diff(self.timestamps)
        is_even = bool(np.ptp(steps) < 0.2 * np.median(steps))
        return is_even and not self.camera_moves and (self.scene is None or self.scene.look.camera == "still")

    def still_tracks(self) -> tuple[Track, ...] | None:
        """The tracks with the camera's motion taken out, in pixels of the first frame; ``None`` where it is unknown."""
        if self.scene is None or self.cut is not None:
            return None
        linear = np.linalg.inv(self.scene.camera[:, :, :2])
        shift = self.scene.camera[:, :, 2]

        def back(points: np.ndarray) -> np.ndarray:
            return np.einsum("tij,tj->ti", linear, points - shift)

        return tuple(
            replace(
                track,
                position=back(track.position),
                xyxy=np.concatenate([back(track.xyxy[:, :2]), back(track.xyxy[:, 2:])], axis=1),
            )
            for track in self.tracks
        )

    def edited(self, cut: Cut) -> Clip:
        """Cuts the clip; frames then come at a constant rate from 0 s on.

        Raises:
            ValueError: The clip was cut before.
        """
        if self.cut is not None:
            raise ValueError("A clip is cut from its source, not from another cut.")
        rows = cut.rows
        fps = self.fps * cut.speed
        t = np.arange(len(rows)) / fps
        factor = min(1.0, WIDEST / self.width) if self.video else 1.0
        width, height = (2 * round(factor * side / 2) for side in (self.width, self.height))
        tracks = [replace(rows_of(each, rows), frame=np.arange(len(rows)), timestamps=t) for each in self.tracks]
        if factor != 1.0:
            tracks = [_resized(track, width / self.width, height / self.height) for track in tracks]
        if cut.is_mirrored:
            tracks = [mirrored(track, width) for track in tracks]
        return replace(
            self, tracks=tuple(tracks), width=width, height=height, fps=fps, timestamps=t, cut=cut,
            _frames=lambda: self.frames[rows, :, ::-1] if cut.is_mirrored else self.frames[rows],
        )  # fmt: skip

    def film(self) -> bytes:
        """The clip as mp4, the same bytes for the same clip; a real video that was not cut is its own file."""
        if self.cut is None and self.video is not None:
            return self.video.read_bytes()
        from motionlaw.tools.film import write_h264

        file = io.BytesIO()
        write_h264((np.ascontiguousarray(frame) for frame in self.frames), file, fps=self.fps, crf=CRF)
        return file.getvalue()


def scene_clip(scene: Scene) -> Clip:
    """Makes the clip of a made scene; it is drawn when its frames are asked for."""

    def draw() -> np.ndarray:
        from motionlaw.data_builders.render import render

        return np.stack(list(render(scene)))

    return Clip(
        scene.name, scene.tracks, scene.width, scene.height, scene.fps, scene.timestamps, scene=scene, _frames=draw
    )


def _resized(track: Track, across: float, up: float) -> Track:
    factor = np.array([across, up])
    return replace(
        track,
        position=(track.position + 0.5) * factor - 0.5,
        xyxy=(track.xyxy + 0.5) * np.tile(factor, 2) - 0.5,
    )


def _read_small(path: Path, width: int, height: int) -> np.ndarray:
    """Reads the first frames of a video at the size that its cuts have."""
    import cv2

    from motionlaw.tools.video import read_frames

    factor = min(1.0, WIDEST / width)
    size = (2 * round(factor * width / 2), 2 * round(factor * height / 2))
    frames = islice(read_frames(path), LONGEST)
    return np.stack([cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) for frame in frames])


def video_clip(path: str | Path, *, sureness: float = 0.0) -> Clip:
    """Makes the clip of a real video by tracking it; objects are named by their looks.

    Args:
        path: The video.
        sureness: Least share of the frames in which a colour must be clear to be part of a name.

    Raises:
        UserError: The video cannot be read or nothing in it can be tracked.
    """
    from motionlaw.tools.looks import looks_of
    from motionlaw.tools.tracking.run import track_video

    path = Path(path)
    found = track_video(path)
    if not found.tracks:
        raise UserError(f"Nothing that moves was found in {path}. Leave it out.")
    looks = looks_of(path, found.tracks)
    names = numbered([f"{each.colour if each.sureness >= sureness else ''} object".strip() for each in looks])
    tracks = tuple(smoothed(replace(track, name=name)) for track, name in zip(found.tracks, names, strict=True))
    t = found.tracks[0].timestamps
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Clip(
        f"video {digest}", tracks, found.info.width, found.info.height, float(1 / np.median(np.diff(t))), t,
        video=path, camera_moves=found.camera_moves,
        _frames=lambda: _read_small(path, found.info.width, found.info.height),
    )  # fmt: skip


def numbered(names: list[str]) -> list[str]:
    """Makes names different from one another by numbers."""
    out = []
    for number, name in enumerate(names):
        same = names[:number].count(name)
        out.append(name if names.count(name) == 1 else f"{name} {same + 1}")
    return out
