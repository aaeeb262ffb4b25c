"""How the camera moves: the background's shift, zoom and roll from frame to frame, and the words for it over time.

Corners are followed from frame to frame (Lucas-Kanade, checked backwards) and the similarity transform that most of
them obey is taken for the background's (RANSAC). Pictures alone do not tell turning from travelling along: a
sideways shift is called pan and an upright one tilt, whichever it was. Leaves out depth and parallax.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError
from motionlaw.tools.video import read_frames

SIDE = 480
"""Frames are made this wide before corners are followed."""

MOST_STEPS = 600
"""Longer videos are looked at in this many steps of several frames each."""

STAYED_PX = 0.5
"""A corner that moved by less, in reduced pixels per step, stayed."""

STILL_SHARE = 0.35
"""Where this share of the corners stays, so does the camera: moving things alone do not leave any behind."""

RATES = {"pan": 0.02, "tilt": 0.02, "zoom": 0.02, "roll": 0.02}
"""Least rate to be named: picture widths per second, e-folds per second, radians per second."""

TOTALS = {"pan": 0.015, "tilt": 0.015, "zoom": 0.02, "roll": 0.02}
"""Least change over a stretch to be named: picture widths, e-folds, radians."""

WORDS = {
    "pan": ("right", "left"), "tilt": ("down", "up"), "zoom": ("in", "out"), "roll": ("clockwise", "counter-clockwise"),
}  # fmt: skip
"""What a positive and a negative value of each primitive is called."""


@dataclass(frozen=True)
class CameraStretch:
    """What the camera did for a while: words such as ``pan left``, or ``static``."""

    t_start: float
    t_end: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class CameraPath:
    """The camera's motion through a video.

    Args:
        timestamps: Seconds, shape (T,).
        frame: Frame numbers, shape (T,).
        warps: Background transform from each frame to the next, shape (T - 1, 2, 3), pixels of the video.
        is_known: Whether a step could be measured, shape (T - 1,).
        stayed: Share of corners that stayed where they were in each step, shape (T - 1,).
        inlier_share: Share of corners that obey the transform, shape (T - 1,).
        size: Width and height, pixels.
    """

    timestamps: np.ndarray
    frame: np.ndarray
    warps: np.ndarray
    is_known: np.ndarray
    stayed: np.ndarray
    inlier_share: np.ndarray
    size: tuple[int, int]

    @property
    def steps(self) -> np.ndarray:
        """Pan, tilt, zoom and roll of the camera in each step, shape (T - 1, 4): widths, widths, e-folds, radians.

        Positive is right, down, in and clockwise: the camera turns the way opposite to its background.
        """
        middle = np.array([self.size[0] / 2, self.size[1] / 2, 1.0])
        shift = self.warps @ middle - middle[:2]
        zoom = np.log(np.hypot(self.warps[:, 0, 0], self.warps[:, 1, 0]))
        roll = -np.arctan2(self.warps[:, 1, 0], self.warps[:, 0, 0])
        steps = np.stack([-shift[:, 0] / self.size[0], -shift[:, 1] / self.size[0], zoom, roll], axis=1)
        still = (self.stayed > STILL_SHARE) | ~self.is_known
        return np.where(still[:, None], 0.0, steps)

    @property
    def total(self) -> dict[str, float]:
        """Pan, tilt, zoom and roll over the whole video, in the units of `steps`."""
        return dict(zip(RATES, np.sum(self.steps, axis=0).tolist(), strict=True))

    @property
    def moves(self) -> bool:
        """Whether the camera moves in a noticeable part of the steps, and further than its jitter."""
        if not self.is_known.any():
            return False
        moving = self.stayed[self.is_known] <= STILL_SHARE
        way = np.sum(np.abs(self.steps[:, :2])) + np.sum(np.abs(self.steps[:, 2:]))
        return bool(moving.mean() > 0.2 and way > 0.01)

    def words(self) -> tuple[str, ...]:
        """Names what the camera did over the whole video, strongest first; ``("static",)`` if nothing."""
        if not self.moves:
            return ("static",)
        span = float(self.timestamps[-1] - self.timestamps[0])
        named = _named(np.sum(self.steps, axis=0), span)
        return named or ("shake",)

    def stretches(self, *, least_s: float = 0.5) -> tuple[CameraStretch, ...]:
        """Cuts the video where what the camera does changes; stretches of ``least_s`` seconds or more."""
        t = self.timestamps
        if len(t) < 2:
            return ()
        edges = np.linspace(t[0], t[-1], max(1, min(40, int((t[-1] - t[0]) / least_s))) + 1)
        found: list[CameraStretch] = []
        for low, high in pairwise(edges):
            rows = (t[:-1] >= low - 1e-9) & (t[:-1] < high - 1e-9)
            words = _named(np.sum(self.steps[rows], axis=0), float(high - low)) or ("static",)
            if found and set(found[-1].words) == set(words):
                found[-1] = CameraStretch(found[-1].t_start, float(high), found[-1].words)
            else:
                found.append(CameraStretch(float(low), float(high), words))
        return tuple(found)

    def to_first(self) -> np.ndarray:
        """Returns the transform from every frame into the first, shape (T, 2, 3), pixels; unknown steps stay put."""
        warps = [np.eye(3)]
        for warp, known in zip(self.warps, self.is_known, strict=True):
            step = np.vstack([warp, [0.0, 0.0, 1.0]]) if known else np.eye(3)
            warps.append(warps[-1] @ np.linalg.inv(step))
        return np.stack(warps)[:, :2]

    def to_dict(self) -> dict[str, Any]:
        """Returns the motion in words and numbers."""
        return {
            "moves": self.moves,
            "words": list(self.words()),
            "total": self.total,
            "units": {"pan": "picture widths", "tilt": "picture widths", "zoom": "e-folds", "roll": "rad"},
            "stretches": [
                {"t_start": one.t_start, "t_end": one.t_end, "words": list(one.words)} for one in self.stretches()
            ],
            "share_known": float(np.mean(self.is_known)) if len(self.is_known) else 0.0,
        }


def camera_path(
    path: str | os.PathLike[str], *, start_s: float | None = None, end_s: float | None = None
) -> CameraPath:
    """Measures how the background moves through a video.

    Args:
        path: The video.
        start_s: First time wanted, seconds.
        end_s: Last time wanted, seconds.

    Returns:
        The motion from frame to frame.

    Raises:
        UserError: The file is no usable video.
        ToolError: There are fewer than two frames in that time.
    """
    import cv2

    from motionlaw.tools.video import probe

    info = probe(path)
    stride = max(1, -(-info.frame_count // MOST_STEPS))
    previous, times, numbers, found = None, [], [], []
    factor = 1.0
    for count, frame in enumerate(read_frames(path, start_s=start_s, end_s=end_s)):
        if count % stride:
            continue
        factor = max(1.0, frame.image.shape[1] / SIDE)
        small = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if factor > 1:
            size = (SIDE, max(2, round(small.shape[0] / factor)))
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        if previous is not None:
            found.append(background_step(previous, small))
        previous = small
        times.append(frame.timestamp)
        numbers.append(frame.index)
    if len(times) < 2:
        raise ToolError("The camera's motion needs two frames or more in that time.")
    warps = np.stack([one[0] for one in found])
    warps[:, :, 2] *= factor
    return CameraPath(
        np.array(times), np.array(numbers), warps, np.array([one[1] for one in found]),
        np.array([one[2] for one in found]), np.array([one[3] for one in found]), (info.width, info.height),
    )  # fmt: skip


def background_step(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, bool, float, float]:
    """Measures the background's transform between two grey pictures.

    Returns:
        The transform (2, 3), whether it is known, the share of corners that stayed, the share that obeys it.
    """
    import cv2

    corners = _corners(first)
    nothing = (np.eye(2, 3), False, 1.0, 0.0)
    if corners is None or len(corners) < 8:
        return nothing
    room, again = np.empty_like(corners), np.empty_like(corners)
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, room, winSize=(17, 17), maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(second, first, there, again, winSize=(17, 17), maxLevel=4)
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & (np.hypot(*(back - corners)[:, 0].T) < 0.7)
    before, after = corners[good, 0], there[good, 0]
    if len(before) < 8:
        return nothing
    stayed = float(np.mean(np.hypot(*(after - before).T) < STAYED_PX))
    cv2.setRNGSeed(0)  # RANSAC draws: the same video gives the same answer
    warp, inlier = cv2.estimateAffinePartial2D(before, after, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    if warp is None or inlier is None:
        return nothing
    share = float(np.mean(inlier))
    return warp, share > 0.25, stayed, share


def _corners(picture: np.ndarray) -> np.ndarray | None:
    """Corners in every part of the picture, so that one textured thing does not outvote the rest."""
    import cv2

    height, width = picture.shape
    found = []
    for i in range(4):
        for j in range(4):
            top, left = i * height // 4, j * width // 4
            part = picture[top : (i + 1) * height // 4, left : (j + 1) * width // 4]
            corners = cv2.goodFeaturesToTrack(part, 40, 0.01, 5)
            if corners is not None and part.std() > 2.0:
                found.append(corners + np.array([left, top], np.float32))
    return np.concatenate(found).astype(np.float32) if found else None


def _named(change: np.ndarray, span_s: float) -> tuple[str, ...]:
    """Names the primitives in a change over some seconds, strongest first."""
    named = []
    for value, kind in zip(change.tolist(), RATES, strict=True):
        share = abs(value) / max(RATES[kind] * span_s, TOTALS[kind])
        if share >= 1:
            named.append((share, f"{kind} {WORDS[kind][value < 0]}"))
    strongest = max((share for share, _ in named), default=0.0)
    return tuple(word for share, word in sorted(named, reverse=True) if share > 0.15 * strongest)
