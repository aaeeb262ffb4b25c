"""The values of tracking: what was found in a video, where the user pointed, and how both are written and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import VideoInfo


@dataclass(frozen=True)
class TrackingResult:
    """What was tracked in a video.

    Args:
        tracks: One per object, the one the video is most likely about first; clicked ones in the order of the clicks.
        info: The video.
        camera_moves: Whether the camera moves; ``warnings`` say what was done about it.
        warnings: Sentences about the video and all its tracks.
        frame: One frame of the video, shape (H, W, 3), uint8 RGB, for pictures of the tracks.
    """

    tracks: tuple[Track, ...]
    info: VideoInfo
    camera_moves: bool
    warnings: tuple[str, ...]
    frame: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the picture as lists and numbers."""
        return {
            "schema": 1,
            "input": self.info.path,
            "video": self.info.to_dict(),
            "camera_moves": self.camera_moves,
            "warnings": list(self.warnings),
            "tracks": [track.to_dict() for track in self.tracks],
        }


@dataclass(frozen=True)
class Pointer:
    """Where the user pointed: a box in the frame nearest to ``t``; a click is a box without extent.

    Args:
        x1: Left edge, pixels.
        y1: Upper edge, pixels, y down.
        x2: Right edge.
        y2: Lower edge.
        t: Seconds of the container; ``None`` for the first frame.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    t: float | None

    @property
    def is_click(self) -> bool:
        """Whether it is a single point."""
        return self.x1 == self.x2 and self.y1 == self.y2

    @property
    def centre(self) -> np.ndarray:
        """Its middle, pixels, [x, y]."""
        return np.array([(self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2])


def parse_pointer(text: str) -> Pointer:
    """Reads a click ``x,y@t`` or a box ``x1,y1,x2,y2@t``; without ``@t`` the first frame is meant.

    Args:
        text: Pixels of the upright frame, y down; seconds of the container.

    Returns:
        The pointer.

    Raises:
        UserError: The text is neither of the two.

    Example:
        >>> parse_pointer("320,240@1.5").centre
        array([320., 240.])
    """
    place, _, time = text.partition("@")
    try:
        values = [float(part) for part in place.split(",")]
        t = float(time.strip().removesuffix("s")) if time.strip() else None
    except ValueError:
        values, t = [], None
    if len(values) not in (2, 4) or not np.isfinite([*values, t or 0.0]).all():
        raise UserError(
            f"track must be 'auto', a click x,y@t or a box x1,y1,x2,y2@t, got '{text}'. Write e.g. --track 320,240@1.5."
        )
    x1, y1, x2, y2 = values if len(values) == 4 else values * 2
    if len(values) == 4 and not (x1 < x2 and y1 < y2):
        raise UserError(f"track needs a box with x1 < x2 and y1 < y2, got '{text}'.")
    return Pointer(x1, y1, x2, y2, t)


def parse_pointers(at: str | list[str] | tuple[str, ...] | None, info: VideoInfo) -> list[Pointer]:
    """Reads what a user pointed at; the empty list means that the video is to be searched.

    Args:
        at: ``"auto"``, one click or box, or several.
        info: The video, to check that they lie inside it.

    Returns:
        The pointers, in order.

    Raises:
        UserError: One does not parse, or lies outside the frame or the film.
    """
    texts = [at] if isinstance(at, str) else list(at or [])
    texts = [text.strip() for text in texts if text.strip()]
    if not texts or texts == ["auto"]:
        return []
    if "auto" in texts:
        raise UserError("track must be 'auto' or clicks, not both.")
    pointers = [parse_pointer(text) for text in texts]
    for text, one in zip(texts, pointers, strict=True):
        if one.x1 < 0 or one.y1 < 0 or one.x2 > info.width or one.y2 > info.height:
            raise UserError(f"track must point inside the frame of {info.width}x{info.height} pixels, got '{text}'.")
        if one.t is not None and not info.timestamps[0] - 1e-6 <= one.t <= info.timestamps[0] + info.duration_s + 1e-6:
            raise UserError(
                f"track must point into {info.timestamps[0]:g} to {info.timestamps[-1]:g} s of the film, got '{text}'."
            )
    return pointers
