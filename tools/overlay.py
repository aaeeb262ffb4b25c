"""The video again with its tracks drawn in: boxes, trails and times, as an mp4 that any player shows."""

from __future__ import annotations

import itertools
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.tracking.output import replaced_when_done
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

COLOURS = (
    (230, 60, 60),
    (40, 120, 230),
    (30, 160, 80),
    (240, 160, 20),
    (150, 70, 200),
    (20, 170, 170),
    (220, 90, 160),
    (110, 110, 110),
)
"""One RGB colour per object, used again after the last."""

TRAIL_S = 1.5
"""Seconds of the past drawn behind each object."""


def write_overlay(
    video: str | os.PathLike[str],
    tracks: tuple[Track, ...] | list[Track],
    out_path: str | os.PathLike[str],
    *,
    max_width: int = 960,
) -> Path:
    """Writes the video with its tracks drawn in.

    Args:
        video: The video that was tracked.
        tracks: Its tracks, pixels of the upright frame.
        out_path: File to write, ending in .mp4; an existing one is replaced only when all went well.
        max_width: Wider frames are made smaller.

    Returns:
        The file.

    Raises:
        UserError: The ending is not .mp4, the file cannot be written, or there is no track.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise missing_extra("Writing video", "PyAV", "video") from None
    path = Path(out_path)
    check_overlay(path)
    if not tracks:
        raise UserError("The overlay needs at least one track.")
    first, last = float(tracks[0].timestamps[0]), float(tracks[0].timestamps[-1])
    with replaced_when_done(path) as partial, av.open(str(partial), "w") as container:
        stream, start = None, 0.0
        for frame in read_frames(video, start_s=first, end_s=last):
            image, scale = _resized(frame.image, max_width)
            draw_tracks(image, tracks, frame.timestamp, scale=scale)
            if stream is None:
                stream, start = _stream(container, image, tracks[0]), frame.timestamp
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.time_base = stream.codec_context.time_base
            picture.pts = round((frame.timestamp - start) / float(picture.time_base))
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


def check_overlay(path: str | os.PathLike[str]) -> None:
    """Raises a `UserError` unless the overlay's name ends in .mp4."""
    if Path(path).suffix != ".mp4":
        raise UserError(f"overlay must be an .mp4 file, got '{path}'.")


def draw_tracks(
    image: np.ndarray, tracks: tuple[Track, ...] | list[Track], timestamp: float, *, scale: float = 1.0
) -> None:
    """Draws the tracks at one time into a picture, in place.

    Args:
        image: Shape (H, W, 3), uint8 RGB.
        tracks: Pixels of the video.
        timestamp: Seconds.
        scale: Picture pixels per video pixel.
    """
    import cv2

    height, width = image.shape[:2]
    weight = 1 + (max(height, width) > 700)
    for track in tracks:
        colour = COLOURS[track.tracker_id % len(COLOURS)]
        k = int(np.argmin(np.abs(track.timestamps - timestamp)))
        past = (track.timestamps > timestamp - TRAIL_S) & (track.timestamps <= timestamp + 1e-9)
        trail = (track.position[past] + 0.5) * scale
        for a, b in itertools.pairwise(trail):
            if np.isfinite(a).all() and np.isfinite(b).all():
                cv2.line(image, _pixel(a), _pixel(b), colour, weight, cv2.LINE_AA)
        if not np.isfinite(track.position[k]).all():
            continue
        centre, box = (track.position[k] + 0.5) * scale, (track.xyxy[k] + 0.5) * scale
        cv2.drawMarker(image, _pixel(centre), colour, cv2.MARKER_CROSS, 9, weight)
        if np.isfinite(box).all():
            cv2.rectangle(image, _pixel(box[:2]), _pixel(box[2:]), colour, weight)
            corner = (int(max(box[0], 2)), int(max(box[1] - 5, 12)))
            label = f"{track.name} {track.confidence[k]:.2f}"
            cv2.putText(image, label, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    label = f"t = {timestamp:.3f} s"
    for tone, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, label, (8, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, tone, thickness, cv2.LINE_AA)


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return int(np.clip(round(float(point[0])), -9999, 9999)), int(np.clip(round(float(point[1])), -9999, 9999))


def _resized(image: np.ndarray, max_width: int) -> tuple[np.ndarray, float]:
    """Returns the picture no wider than wanted and of even sides, as H.264 asks for, and its scale."""
    import cv2

    scale = min(1.0, max_width / image.shape[1])
    if scale < 1.0:
        size = (max_width, round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[: max(2, image.shape[0] & ~1), : max(2, image.shape[1] & ~1)]), scale


def _stream(container: Any, image: np.ndarray, track: Track) -> Any:
    steps = np.diff(track.timestamps)
    rate = Fraction(1.0 / float(np.median(steps))).limit_denominator(1001) if len(steps) else Fraction(30)
    stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
    stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
    stream.codec_context.time_base = Fraction(1, 90000)  # true times, also at a variable rate
    return stream
