"""From a click to a box: what is under the user's pointer."""

from __future__ import annotations

import numpy as np

from motionlaw.tools.tracking.background import Background, Blobs
from motionlaw.tools.tracking.candidates import Candidate, seed_box
from motionlaw.tools.tracking.clip import Clip
from motionlaw.tools.tracking.linking import Chain

SLACK = 3.0
"""Coarse pixels by which a click may miss its blob."""

DEFAULT_HALF = 9
"""Half the side of the box around a click on nothing in particular, coarse pixels."""

STEADY_SHARE = 0.6
"""Share of its frames in which an object's blob has about its usual size."""

FRAMES_AWAY = 6
"""A chain may miss the frame pointed at by this many frames."""

SAME_COLOUR = 14
"""Grey levels by which neighbouring pixels of one patch may differ."""


def chain_at(chains: list[Chain], blobs: list[Blobs], k: int, xyxy: np.ndarray, shape: tuple[int, int]) -> Chain | None:
    """Finds the chain whose blob lies under a click or fills a box at frame ``k``; ``None`` if there is none.

    Blobs over more than a fifth of the picture, or of ever changing size, are no objects; of several, the smallest
    is meant. A chain that misses this frame counts where it would be.
    """
    best, best_cost = None, np.inf
    point = (xyxy[:2] + xyxy[2:]) / 2
    for chain in chains:
        frames = np.asarray(chain.frames)
        areas = np.array([blobs[frame].area[row] for frame, row in zip(chain.frames, chain.rows, strict=True)])
        usual = float(np.median(areas))
        if usual > 0.2 * shape[0] * shape[1] or np.mean(np.abs(np.log(areas / usual)) < 0.5) < STEADY_SHARE:
            continue
        near = int(np.argmin(np.abs(frames - k)))
        gap = abs(int(frames[near]) - k)
        box = blobs[frames[near]].xyxy[chain.rows[near]]
        if gap:  # not seen in this very frame: merged, or below the threshold
            if gap > FRAMES_AWAY or len(frames) < 4:
                continue
            box = box + np.tile(_interpolated(chain, blobs, k) - blobs[frames[near]].centre[chain.rows[near]], 2)
        inside = np.all(point >= box[:2] - SLACK) and np.all(point <= box[2:] - 1 + SLACK)
        cost = usual * (1 + gap)
        if inside and cost < best_cost and _fits(box, xyxy):
            best, best_cost = chain, cost
    return best


def _interpolated(chain: Chain, blobs: list[Blobs], k: int) -> np.ndarray:
    """Where a chain is, or would be, at a frame without a blob of its own: a line through its nearest blobs."""
    frames = np.asarray(chain.frames)
    nearest = np.argsort(np.abs(frames - k), kind="stable")[:4]
    centre = np.array([blobs[frames[i]].centre[chain.rows[i]] for i in nearest])
    return np.array([np.polyval(np.polyfit(frames[nearest] - k, centre[:, axis], 1), 0.0) for axis in (0, 1)])


def box_at(
    clip: Clip, background: Background, one: Candidate | None, k: int, xyxy: np.ndarray
) -> tuple[np.ndarray, Candidate | None]:
    """Returns the box of the thing that is pointed at, coarse pixels, and the chain if it is the chain's thing.

    Args:
        clip: The reduced frames.
        background: The still picture.
        one: The chain under the pointer, if any.
        k: Frame within the clip.
        xyxy: The user's box, used as it is, or a click without extent.

    Returns:
        The user's box; else the blob's, if the click lies in its body; else the patch of even colour around the
        click; else a small square.
    """
    merged = one is not None and one.area[k] > 0 and not one.is_clean[k]
    if xyxy[2] > xyxy[0]:
        return xyxy, None if merged else one
    point = xyxy[:2]
    if one is not None:
        clean = np.flatnonzero(one.is_clean if one.is_clean.any() else one.area > 0)
        near = int(clean[np.argmin(np.abs(clean - k))])
        box = seed_box(clip, background, one, near)
        if near != k:  # of its usual size, here
            half = (box[2:] - box[:2]) / 2
            box = np.concatenate([point + 0.5 - half, point + 0.5 + half])
        if np.all(point >= box[:2] - SLACK) and np.all(point <= box[2:] + SLACK):
            # A body on a string, or a wreath of fragments around a turning wheel: its blob's centre is not the body's.
            whole = np.maximum(one.xyxy[near, 2:] - one.xyxy[near, :2] - 2, 1)  # boxes are a pixel wider all round
            return box, None if merged or one.usual_area < 0.35 * np.prod(whole) else one
    return _patch(clip, k, point), None


def _patch(clip: Clip, k: int, point: np.ndarray) -> np.ndarray:
    """Returns the box of the patch of even colour at a point, or a small square where that is no patch."""
    import cv2

    height, width = clip.shape
    x, y = int(np.clip(round(point[0]), 0, width - 1)), int(np.clip(round(point[1]), 0, height - 1))
    picture = cv2.merge(clip.picture(k))
    mask = np.zeros((height + 2, width + 2), np.uint8)
    tolerance = (2 * SAME_COLOUR, SAME_COLOUR, SAME_COLOUR)
    area, _, _, (bx, by, bw, bh) = cv2.floodFill(
        picture, mask, (x, y), 0, tolerance, tolerance, cv2.FLOODFILL_FIXED_RANGE | 4
    )
    square = np.array([x - DEFAULT_HALF, y - DEFAULT_HALF, x + DEFAULT_HALF + 1, y + DEFAULT_HALF + 1])
    if area < 9 or max(bw, bh) > 0.3 * min(height, width) or area < 0.25 * bw * bh:
        return np.clip(square, 0, [width, height, width, height])
    return np.array([bx, by, bx + bw, by + bh])


def _fits(box: np.ndarray, xyxy: np.ndarray) -> bool:
    """Whether a blob could be what a drawn box means: neither much larger nor much smaller; a click means any."""
    if xyxy[2] <= xyxy[0]:
        return True
    drawn, area = np.prod(xyxy[2:] - xyxy[:2]), np.prod(box[2:] - box[:2])
    return bool(0.3 < area / drawn < 2.5)
