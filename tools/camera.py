"""How the camera moves: the background's shift, zoom and roll from frame to frame, and the words for it over time.

Corners are followed from frame to frame (Lucas-Kanade, checked backwards) and the similarity transform that most of
them obey is taken for the background's (RANSAC). Pictures alone do not tell turning from travelling along: a
sideways shift is called pan and an upright one tilt, whichever it was. Only where the distance stays in place while
something that reaches from edge to edge goes by, as from a train, is it called truck or pedestal.
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

RATES = {"pan": 0.006, "tilt": 0.006, "zoom": 0.0075, "roll": 0.0075}
"""Least rate to be named: picture widths per second, e-folds per second, radians per second."""

TOTALS = {"pan": 0.015, "tilt": 0.015, "zoom": 0.02, "roll": 0.02}
"""Least change over a stretch to be named: picture widths, e-folds, radians."""

WORDS = {
    "pan": ("right", "left"), "tilt": ("down", "up"), "zoom": ("in", "out"), "roll": ("clockwise", "counter-clockwise"),
}  # fmt: skip
"""What a positive and a negative value of each primitive is called."""


COVER = (0.5, 0.35)
"""Shares of the picture's width and height that the background's corners must span: one thing's do not."""

FAR_PAIRS = 8
"""Pairs of frames far apart that are compared, too: a slow drift is not seen from frame to frame."""

LEAST_DRIFT_PX = 2.0
"""Shift between such pairs, reduced pixels, from which it is the camera and not the film's weave."""

FRAME_GRID = np.array([[x, y, 1.0] for x in (40.0, 160.0, 320.0, 440.0) for y in (30.0, 90.0, 180.0, 240.0)]).T
"""Places spread over a reduced picture."""

LEAST_KNOWN = 0.3
"""Share of the steps that must be known before a camera is said to move."""

PASSING = 0.4
"""Share of the steps in which a layer must go by from edge to edge for the camera to travel."""

EDGE = 0.1
"""A layer reaches from edge to edge if it comes as near to both as this share of the picture."""

CELLS = 4
"""The picture is divided into this many rows and columns."""


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
        warps: Background transform from each frame to the next, shape (T - 1, 2, 3), pixels of the video; steps that
            are not known are taken from their neighbours, or stay put where most are not.
        is_known: Whether a step could be measured, shape (T - 1,).
        stayed: Share of corners that stayed where they were in each step, shape (T - 1,).
        inlier_share: Share of corners that obey the transform, shape (T - 1,).
        layer: Shift of a layer that goes by from edge to edge in each step, shape (T - 1, 2), pixels, y down; NaN where
            there is none.
        size: Width and height, pixels.
    """

    timestamps: np.ndarray
    frame: np.ndarray
    warps: np.ndarray
    is_known: np.ndarray
    stayed: np.ndarray
    inlier_share: np.ndarray
    layer: np.ndarray
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
        still = self.stayed > STILL_SHARE
        return np.where(still[:, None], 0.0, steps)

    @property
    def total(self) -> dict[str, float]:
        """Pan, tilt, zoom and roll over the whole video, in the units of `steps`."""
        return dict(zip(RATES, np.sum(self.steps, axis=0).tolist(), strict=True))

    @property
    def moves(self) -> bool:
        """Whether the camera moves in a noticeable part of the steps, and further than its jitter."""
        if self.travels:
            return True
        if self.is_known.mean() < LEAST_KNOWN:
            return False
        moving = self.stayed[self.is_known] <= STILL_SHARE
        way = np.sum(np.abs(self.steps[:, :2])) + np.sum(np.abs(self.steps[:, 2:]))
        if _named(np.sum(self.steps, axis=0), float(self.timestamps[-1] - self.timestamps[0])):
            return bool(moving.mean() > 0.2 and way > 0.01)
        # A shake ends where it began, but its steps are steps.
        steps = np.abs(self.steps[self.is_known][moving]) @ [1.0, 1.0, 0.25, 0.25]
        return bool(moving.mean() > 0.3 and np.median(steps) * min(SIDE, self.size[0]) > STAYED_PX)

    @property
    def travels(self) -> bool:
        """Whether the distance stays in place while a layer goes by from edge to edge."""
        return bool(np.mean(np.isfinite(self.layer[:, 0])) > PASSING)

    def words(self) -> tuple[str, ...]:
        """Names what the camera did over the whole video, strongest first; ``("static",)`` if nothing."""
        if not self.moves:
            return ("static",)
        span = float(self.timestamps[-1] - self.timestamps[0])
        named = _named(np.sum(self.steps, axis=0), span)
        if not named and self.travels:
            shift = np.nansum(self.layer, axis=0)
            across = abs(shift[0]) > abs(shift[1])
            sideways, upright = ("truck left", "truck right"), ("pedestal up", "pedestal down")
            return (sideways[int(shift[0] < 0)] if across else upright[int(shift[1] < 0)],)
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
        """Returns the transform from every frame into the first, shape (T, 2, 3), pixels."""
        warps = [np.eye(3)]
        for warp in self.warps:
            warps.append(warps[-1] @ np.linalg.inv(np.vstack([warp, [0.0, 0.0, 1.0]])))
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
    pictures: list[np.ndarray | None] = []
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
        pictures.append(small if len(pictures) % max(1, info.frame_count // stride // FAR_PAIRS) == 0 else None)
        times.append(frame.timestamp)
        numbers.append(frame.index)
    if len(times) < 2:
        raise ToolError("The camera's motion needs two frames or more in that time.")
    known, stayed = np.array([one[1] for one in found]), np.array([one[2] for one in found])
    warps = _filled(np.stack([one[0] for one in found]), known)
    _add_drift(warps, known, stayed, pictures)
    warps[:, :, 2] *= factor
    return CameraPath(
        np.array(times), np.array(numbers), warps, known, stayed, np.array([one[3] for one in found]),
        factor * np.array([one[4] for one in found]), (info.width, info.height),
    )  # fmt: skip


def _add_drift(warps: np.ndarray, known: np.ndarray, stayed: np.ndarray, pictures: list[np.ndarray | None]) -> None:
    """Where corners stay from frame to frame but not from afar, takes the steps from pictures far apart, in place."""
    near = [row for row, picture in enumerate(pictures) if picture is not None]
    far_apart = [near[0], near[len(near) // 2], near[-1]]
    for first, last in (*pairwise(near), *pairwise(far_apart)):
        steps = slice(first, last)
        if first == last or np.median(stayed[steps]) <= STILL_SHARE:
            continue
        far = background_step(pictures[first], pictures[last])  # type: ignore[arg-type]
        shift = float(np.median(np.hypot(*(far[0] @ FRAME_GRID - FRAME_GRID[:2]))))
        if far[1] and far[2] <= STILL_SHARE and far[3] > 0.5 and shift > LEAST_DRIFT_PX:
            # Small changes: the n-th root of a transform near the identity.
            warps[steps] = np.eye(2, 3) + (far[0] - np.eye(2, 3)) / (last - first)
            stayed[steps], known[steps] = far[2], True


def _filled(warps: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Steps that are not known, from the known ones before and after."""
    if known.mean() < 0.5:
        return np.where(known[:, None, None], warps, np.eye(2, 3))
    rows = np.arange(len(warps))
    flat = warps.reshape(len(warps), 6)
    return np.stack([np.interp(rows, rows[known], flat[known, k]) for k in range(6)], axis=1).reshape(-1, 2, 3)


def background_step(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, bool, float, float, np.ndarray]:
    """Measures the background's transform between two grey pictures.

    Returns:
        The transform (2, 3), whether it is known, the share of corners that stayed, the share that obeys it, and the
        shift of a layer that goes by from edge to edge, NaN for none.
    """
    import cv2

    corners = corners_of(first)
    nothing = (np.eye(2, 3), False, 1.0, 0.0, np.full(2, np.nan))
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
    reach = np.ptp(before[inlier[:, 0] > 0], axis=0) / [first.shape[1], first.shape[0]]
    covers = bool(reach[0] > COVER[0] and reach[1] > COVER[1])
    return warp, share > 0.25 and covers, stayed, share, _passing_layer(before, after - before, first.shape)


def _passing_layer(place: np.ndarray, shift: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The shift of a row or column of cells that moves together from one edge to the other; NaN if there is none."""
    cell = np.minimum((place / [shape[1], shape[0]] * CELLS).astype(int), CELLS - 1)
    for across in (1, 0):  # rows of cells, then columns
        for band in range(CELLS):
            parts = [shift[(cell[:, across] == band) & (cell[:, 1 - across] == k)] for k in range(CELLS)]
            reach = place[cell[:, across] == band, 1 - across] / shape[across]
            if min(len(part) for part in parts) < 2 or reach.min() > EDGE or reach.max() < 1 - EDGE:
                continue
            middles = np.array([np.median(part, axis=0) for part in parts])
            whole = np.median(middles, axis=0)
            size = float(np.hypot(*whole))
            agree = middles @ whole / np.maximum(np.hypot(*middles.T) * size, 1e-9)
            if size > 2 * STAYED_PX and np.hypot(*middles.T).min() > 0.5 * size and agree.min() > 0.8:
                return whole
    return np.full(2, np.nan)


def corners_of(picture: np.ndarray) -> np.ndarray | None:
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
