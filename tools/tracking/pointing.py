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

SAME_COLOUR = 14
"""Grey levels by which neighbouring pixels of one patch may differ."""


def chain_at(chains: list[Chain], blobs: list[Blobs], k: int, xyxy: np.ndarray, shape: tuple[int, int]) -> Chain | None:
    """Finds the chain whose blob lies under a click or fills a box at frame ``k``; ``None`` if there is none.

    Blobs over more than a fifth of the picture are no objects; of several, the smallest is meant.
    """
    best, best_area = None, 0.2 * shape[0] * shape[1]
    point = (xyxy[:2] + xyxy[2:]) / 2
    for chain in chains:
        if k not in chain.frames:
            continue
        row = chain.rows[chain.frames.index(k)]
        box = blobs[k].xyxy[row]
        inside = np.all(point >= box[:2] - SLACK) and np.all(point <= box[2:] - 1 + SLACK)
        if inside and blobs[k].area[row] < best_area and _fits(box, xyxy):
            best, best_area = chain, blobs[k].area[row]
    return best


def box_at(clip: Clip, background: Background, one: Candidate | None, k: int, xyxy: np.ndarray) -> np.ndarray:
    """Returns the box of the thing that is pointed at, coarse pixels.

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
    if xyxy[2] > xyxy[0]:
        return xyxy
    point = xyxy[:2]
    if one is not None and np.isfinite(one.xyxy[k]).all():
        box = seed_box(clip, background, one, k)
        if np.all(point >= box[:2] - SLACK) and np.all(point <= box[2:] + SLACK):
            return box
    return _patch(clip, k, point)


def _patch(clip: Clip, k: int, point: np.ndarray) -> np.ndarray:
    """Returns the box of the patch of even colour at a point, or a small square where that is no patch."""
    import cv2

    height, width = clip.shape
    x, y = int(np.clip(round(point[0]), 0, width - 1)), int(np.clip(round(point[1]), 0, height - 1))
    picture = cv2.merge([np.ascontiguousarray(plane[k]) for plane in clip.planes])
    mask = np.zeros((height + 2, width + 2), np.uint8)
    tolerance = (2 * SAME_COLOUR, SAME_COLOUR, SAME_COLOUR)
    area, _, _, (bx, by, bw, bh) = cv2.floodFill(picture, mask, (x, y), 0, tolerance, tolerance, cv2.FLOODFILL_FIXED_RANGE | 4)
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
