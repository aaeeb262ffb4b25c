"""Does the camera move? And if it shakes or drifts a little: the clip as a camera at rest would have seen it.

Corners are followed from frame to frame (Lucas-Kanade). A camera at rest leaves most of them where they are,
whatever else moves; a moving one takes them along, all over the picture, in one similarity transform.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.tracking.background import Background
from motionlaw.tools.tracking.clip import Clip

PAIRS = 6
"""Pairs of frames compared to tell whether the camera moves."""

STILL_PX = 0.6
"""A corner that moved by less, in coarse pixels, stayed."""

FARTHEST = 0.12
"""Shift that can be compensated, as a share of the picture's diagonal: beyond it no background stays in view."""


@dataclass(frozen=True)
class CameraMotion:
    """How the picture's background moves.

    Args:
        moves: Whether it does.
        warps: Similarity transforms from each frame to the first, shape (T, 2, 3), coarse pixels; ``None`` if still.
        farthest_px: Largest shift of the picture's middle, coarse pixels.
        is_known: Whether every frame could be matched with the one before.
    """

    moves: bool
    warps: np.ndarray | None = None
    farthest_px: float = 0.0
    is_known: bool = True


def find_camera_motion(clip: Clip, *, reference: np.ndarray | None = None) -> CameraMotion:
    """Tells whether the camera moves and, if so, how.

    Args:
        clip: The reduced frames.
        reference: Luma of the frame to be matched, of the first clip; the clip's first when ``None``.

    Returns:
        The motion of the background over the clip.
    """
    luma = clip.planes[0]
    others = np.unique(np.linspace(0, clip.length - 1, PAIRS + 1).round().astype(int))[1:]
    # Near pairs tell a shake, far pairs a slow drift.
    pairs = [(max(0, k - 1), k) for k in others] + [(0, k) for k in others[:: max(1, len(others) // 3)]]
    votes = [vote for a, b in pairs if (vote := _moved(_match(luma[a], luma[b]), clip.shape)) is not None]
    if not votes or np.mean(votes) < 0.3:
        return CameraMotion(False)
    warps, known = [np.eye(2, 3)], True
    if reference is not None:
        warp, known = _warp(luma[0], reference)
        warps = [warp]
    for k in range(1, clip.length):
        step, ok = _warp(luma[k], luma[k - 1])
        known &= ok
        warps.append(_chained(warps[-1], step))
    stack = np.stack(warps)
    middle = np.array([clip.shape[1] / 2, clip.shape[0] / 2, 1.0])
    return CameraMotion(True, stack, float(np.max(np.hypot(*(stack @ middle - middle[:2]).T))), known)


def can_compensate(motion: CameraMotion, clip: Clip) -> bool:
    """Whether enough of the scene stays in view, and every frame was matched."""
    return motion.is_known and motion.farthest_px < FARTHEST * float(np.hypot(*clip.shape))


def compensated(clip: Clip, motion: CameraMotion) -> tuple[Clip, np.ndarray]:
    """Returns the clip as seen by a camera that stayed where it was in the first frame.

    Args:
        clip: The reduced frames.
        motion: How the camera moved.

    Returns:
        The clip with every frame warped into the first one's place, and where it has no picture, shape (T, h, w).
    """
    import cv2

    assert motion.warps is not None
    height, width = clip.shape
    y, u, v = (np.empty_like(plane) for plane in clip.planes)
    blank = np.zeros((clip.length, height, width), dtype=bool)
    full = np.full((height, width), 255, np.uint8)
    for k, warp in enumerate(motion.warps):
        for plane, target, way in zip(clip.planes, (y, u, v), (warp, _halved(warp), _halved(warp)), strict=True):
            size = (target.shape[2], target.shape[1])
            cv2.warpAffine(plane[k], way, size, dst=target[k], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        blank[k] = cv2.warpAffine(full, warp, (width, height)) < 255
    return replace(clip, planes=(y, u, v)), blank


def fill_blank(clip: Clip, blank: np.ndarray, background: Background) -> None:
    """Gives frames the background where they have no picture, so that nothing seems to move there."""
    for k in range(clip.length):
        for plane, still in zip(clip.frame_planes(k), background.planes, strict=True):
            share = blank.shape[1] // plane.shape[0]
            np.copyto(plane, still, where=blank[k, ::share, ::share])


def _halved(warp: np.ndarray) -> np.ndarray:
    """The same transform in pixels of twice the size: the middle of the first is at (0.5, 0.5) of the small ones."""
    middle = np.array([0.5, 0.5])
    return np.column_stack([warp[:, :2], (warp[:, :2] @ middle + warp[:, 2] - middle) / 2])


def _match(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns corners of the first picture and where they are in the second, both shape (N, 2)."""
    import cv2

    corners = cv2.goodFeaturesToTrack(first, 250, 0.01, 7)
    if corners is None:
        return np.zeros((0, 2)), np.zeros((0, 2))
    # The fourth argument is room for the answer.
    there, again = np.empty_like(corners), np.empty_like(corners)
    ahead, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, there, winSize=(15, 15), maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(second, first, ahead, again, winSize=(15, 15), maxLevel=4)
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & (np.hypot(*(back - corners)[:, 0].T) < 0.7)
    return corners[good, 0], ahead[good, 0]


def _moved(match: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]) -> bool | None:
    """Whether the corners of a picture went along together; ``None`` where it has too few."""
    before, after = match
    if len(before) < 12:
        return None
    if np.mean(np.hypot(*(after - before).T) < STILL_PX) > 0.35:
        return False
    inlier = _similarity(before, after)[1]
    reach = np.ptp(before[inlier], axis=0) if inlier.any() else np.zeros(2)
    # One large thing on a blank wall moves its corners together, too, but not all over the picture.
    return bool(inlier.mean() > 0.5 and reach[0] > 0.5 * shape[1] and reach[1] > 0.4 * shape[0])


def _similarity(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    import cv2

    cv2.setRNGSeed(0)  # RANSAC draws: the same video gives the same answer
    warp, inlier = cv2.estimateAffinePartial2D(before, after, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    return warp, np.zeros(len(before), dtype=bool) if inlier is None else inlier[:, 0] > 0


def _warp(picture: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, bool]:
    before, after = _match(picture, reference)
    if len(before) < 12:
        return np.eye(2, 3), False
    warp, inlier = _similarity(before, after)
    return (np.eye(2, 3), False) if warp is None or inlier.mean() < 0.4 else (warp, True)


def _chained(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return outer @ np.vstack([inner, [0.0, 0.0, 1.0]])
