"""One object followed by its colour: for what turns, blurs or changes its looks, but not its hue.

From the pointed patch its colour is learned, and how far that stands out from the rest of the picture; in every
frame the patches of that colour are found, and the one nearest to the predicted place and size is taken.
"""

from __future__ import annotations

import numpy as np

from motionlaw.tools.tracking.background import Blobs, blobs_of
from motionlaw.tools.tracking.clip import Clip

LUMA_WEIGHT = 0.35
"""Light and shadow change luma more than colour."""

MOST_MISSED = 8
"""Frames after which a lost patch is looked for anywhere."""


def follow_colour(clip: Clip, *, seed: int, xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follows a patch of colour from one frame both ways through the clip.

    Args:
        clip: The reduced frames.
        seed: Frame within the clip.
        xyxy: Box of the patch, coarse pixels.

    Returns:
        Centres, shape (T, 2), coarse pixels, NaN where not found; confidence, shape (T,); boxes, shape (T, 4).
    """
    position, confidence = np.full((clip.length, 2), np.nan), np.zeros(clip.length)
    boxes = np.full((clip.length, 4), np.nan)
    colour, tolerance = _learn(clip, seed, xyxy)
    first = _pick(_patches(clip, seed, colour, tolerance), (xyxy[:2] + xyxy[2:] - 1) / 2, reach=0.5 * float(np.max(xyxy[2:] - xyxy[:2])) + 3)
    if first is None:
        return position, confidence, boxes
    for frames in (range(seed, clip.length), range(seed - 1, -1, -1)):
        place, area, speed, missed = first[0], first[1], np.zeros(2), 0
        size = np.sqrt(area)
        for k in frames:
            reach = 3.0 * size + 1.0 * float(np.hypot(*speed)) + 2.0 * size * missed
            reach = reach if missed < MOST_MISSED else np.inf
            found = _pick(_patches(clip, k, colour, tolerance), place + (missed + 1) * speed * (k != seed), area=area, reach=reach)
            if found is None:
                missed += 1
                continue
            position[k], boxes[k] = found[0], found[2]
            confidence[k] = float(np.clip(1.1 - abs(np.log(found[1] / area)), 0.1, 1.0))
            speed = (found[0] - place) / (missed + 1) if missed < MOST_MISSED and k != seed else np.zeros(2)
            place, missed = found[0], 0
            area = 0.9 * area + 0.1 * found[1]
    return position, confidence, boxes


def _learn(clip: Clip, seed: int, xyxy: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the patch's colour, and a tolerance halfway to the colours around it."""
    height, width = clip.shape
    x1, y1, x2, y2 = xyxy.astype(int)
    cx, cy, rx, ry = (x1 + x2) // 2, (y1 + y2) // 2, max(1, (x2 - x1) // 5), max(1, (y2 - y1) // 5)
    inner = np.s_[max(cy - ry, 0) : cy + ry + 1, max(cx - rx, 0) : cx + rx + 1]
    colour = np.array([float(np.median(plane[seed][inner])) for plane in clip.planes])
    grown = np.s_[max(y1 - 12, 0) : min(y2 + 12, height), max(x1 - 12, 0) : min(x2 + 12, width)]
    distance = _distance([plane[seed][grown] for plane in clip.planes], colour)
    inside = np.zeros(distance.shape, dtype=bool)
    inside[y1 - grown[0].start : y2 - grown[0].start, x1 - grown[1].start : x2 - grown[1].start] = True
    spread = float(np.percentile(distance[inside], 50)) if inside.any() else 0.0
    around = float(np.percentile(distance[~inside], 10)) if (~inside).any() else 40.0
    return colour, float(np.clip(max(2.0 * spread, 0.5 * around), 8.0, 40.0))


def _distance(planes: list[np.ndarray], colour: np.ndarray) -> np.ndarray:
    y, u, v = (plane.astype(np.float32) - value for plane, value in zip(planes, colour.astype(np.float32), strict=True))
    return np.sqrt((LUMA_WEIGHT * y) ** 2 + u**2 + v**2)


def _patches(clip: Clip, k: int, colour: np.ndarray, tolerance: float) -> Blobs:
    closeness = tolerance - _distance([plane[k] for plane in clip.planes], colour)
    return blobs_of(np.clip(4 * closeness, 0, 255).astype(np.uint8), clip, k, min_area=4)


def _pick(
    found: Blobs, near: np.ndarray, *, area: float | None = None, reach: float
) -> tuple[np.ndarray, float, np.ndarray] | None:
    if not len(found.area):
        return None
    distance = np.hypot(*(found.centre - near).T)
    growth = np.zeros(len(found.area)) if area is None else np.abs(np.log(found.area / area))
    size = np.sqrt(found.area if area is None else area)
    cost = np.where((distance <= reach) & (growth < 1.4), distance / (2 * size + 2) + growth, np.inf)
    best = int(np.argmin(cost))
    return None if not np.isfinite(cost[best]) else (found.centre[best], float(found.area[best]), found.xyxy[best])
