"""Tracks where the camera moves, in both frames of reference: each picture's pixels, and the first one's background.

The tracker leaves places that were pointed at, or found by their colour, in the pixels of each frame; places of what it
found by itself it tells before the first frame's background. Here one is made of the other by the camera's own path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.camera import CameraPath
from motionlaw.tools.trajectory import Track

IN_SCENE = "The camera moves; motion is told before the background of the first frame."
"""What is said of tracks whose camera's motion was taken out."""


@dataclass(frozen=True)
class CameraFrames:
    """The camera's transforms at a track's times.

    Args:
        to_first: From each frame to the first one's background, shape (T, 2, 3), pixels.
    """

    to_first: np.ndarray

    def in_scene(self, track: Track) -> Track:
        """A track in pixels of each frame, as it is before the first frame's background."""
        return _moved(track, self.to_first)

    def in_frames(self, track: Track) -> Track:
        """A track before the first frame's background, as it is in the pixels of each frame."""
        linear = np.linalg.inv(self.to_first[:, :, :2])
        shift = -np.einsum("tij,tj->ti", linear, self.to_first[:, :, 2])
        return _moved(track, np.concatenate([linear, shift[:, :, None]], axis=2))


def camera_frames(
    path: str | os.PathLike[str], timestamps: np.ndarray, *, start_s: float | None = None, end_s: float | None = None
) -> CameraFrames | None:
    """Measures how the camera moves at some times of a video.

    Args:
        path: The video.
        timestamps: Seconds, shape (T,), increasing.
        start_s: First time to look at, seconds.
        end_s: Last time to look at, seconds.

    Returns:
        The transforms; ``None`` where the camera stands still.

    Raises:
        ToolError: The video shows too few frames there.
    """
    from motionlaw.tools.camera import camera_path

    camera = camera_path(path, start_s=start_s, end_s=end_s)
    return CameraFrames(_at(camera, timestamps)) if camera.moves else None


def _at(camera: CameraPath, timestamps: np.ndarray) -> np.ndarray:
    """Transforms between the camera's own times: those of long videos are every few frames."""
    known = camera.to_first()
    out = np.empty((len(timestamps), 2, 3))
    for row in range(2):
        for column in range(3):
            out[:, row, column] = np.interp(timestamps, camera.timestamps, known[:, row, column])
    return out


def _moved(track: Track, transforms: np.ndarray) -> Track:
    """A track by a transform at each of its times; boxes stay upright and grow with the picture."""

    def moved(points: np.ndarray) -> np.ndarray:
        return np.einsum("tij,tj->ti", transforms[:, :, :2], points) + transforms[:, :, 2]

    middle, half = (track.xyxy[:, :2] + track.xyxy[:, 2:]) / 2, (track.xyxy[:, 2:] - track.xyxy[:, :2]) / 2
    growth = np.sqrt(np.abs(np.linalg.det(transforms[:, :, :2])))[:, None]
    middle = moved(middle)
    return replace(
        track,
        position=moved(track.position),
        xyxy=np.concatenate([middle - growth * half, middle + growth * half], axis=1),
    )
