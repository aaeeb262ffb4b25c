"""One object followed by its colour: for what turns, blurs or changes its looks, but not its hue.

From the pointed patch its colour is learned, and how far that stands out from the rest of the picture; in every
frame the patches of that colour are found, and the one nearest to the predicted place and size is taken.
"""

from __future__ import annotations

import numpy as np

from motionlaw.tools.tracking.background import Background, Blobs, blobs_of, difference_image
from motionlaw.tools.tracking.clip import Clip, Planes

LUMA_WEIGHT = 0.35
"""Light and shadow change luma more than colour."""

CHROMA_ONLY = 0.05
"""Weight of luma where the hue alone is distinct."""

DISTINCT = 12.0
"""Chroma levels that make a hue distinct."""

MOST_MISSED = 8
"""Frames after which a lost patch is looked for anywhere."""


def follow_colour(
    clip: Clip, *, seed: int, xyxy: np.ndarray, background: Background | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follows a patch of colour from one frame both ways through the clip.

    Args:
        clip: The reduced frames.
        seed: Frame within the clip.
        xyxy: Box of the patch, coarse pixels.
        background: The still picture; what looks like it is left out where it is given.

    Returns:
        Centres, shape (T, 2), coarse pixels, NaN where not found; confidence, shape (T,); boxes, shape (T, 4).
    """
    position, confidence = np.full((clip.length, 2), np.nan), np.zeros(clip.length)
    boxes = np.full((clip.length, 4), np.nan)
    learned = _learn(clip, seed, xyxy)
    middle, half = (xyxy[:2] + xyxy[2:] - 1) / 2, 0.5 * float(np.max(xyxy[2:] - xyxy[:2]))
    first = _pick(_patches(clip, seed, learned, background), middle, reach=half + 3)
    if first is None:
        return position, confidence, boxes
    for frames in (range(seed, clip.length), range(seed - 1, -1, -1)):
        place, area, speed, missed = first[0], first[1], np.zeros(2), 0
        size = np.sqrt(area)
        for k in frames:
            reach = 3.0 * size + 1.0 * float(np.hypot(*speed)) + 2.0 * size * missed
            reach = reach if missed < MOST_MISSED else np.inf
            expected = place + (missed + 1) * speed if k != seed else place
            found = _pick(_patches(clip, k, learned, background), expected, area=area, reach=reach)
            if found is None:
                missed += 1
                continue
            position[k], boxes[k] = found[0], found[2]
            confidence[k] = float(np.clip(1.1 - abs(np.log(found[1] / area)), 0.1, 1.0))
            speed = (found[0] - place) / (missed + 1) if missed < MOST_MISSED and k != seed else np.zeros(2)
            place, missed = found[0], 0
            area = 0.9 * area + 0.1 * found[1]
    return position, confidence, boxes


def _learn(clip: Clip, seed: int, xyxy: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Returns the colour that sets the patch apart from what is around it, how far it may vary, and luma's weight."""
    height, width = clip.shape
    x1, y1, x2, y2 = np.clip(xyxy, 0, [width, height, width, height]).astype(int)
    grown = np.s_[max(y1 - 20, 0) : min(y2 + 20, height), max(x1 - 20, 0) : min(x2 + 20, width)]
    inside = np.zeros((height, width), dtype=bool)
    inside[y1:y2, x1:x2] = True
    pixels = np.stack([plane[grown] for plane in clip.picture(seed)], axis=-1).astype(float)
    patch, around = pixels[inside[grown]], np.median(pixels[~inside[grown]], axis=0)
    apart = np.hypot(*(patch - around)[:, 1:].T)
    weight = CHROMA_ONLY if np.percentile(apart, 90) > DISTINCT else LUMA_WEIGHT
    scale = np.array([weight, 1.0, 1.0])
    apart = np.linalg.norm((patch - around) * scale, axis=1)
    # A click's box holds some of the surroundings; the third that differs most is the thing itself.
    colour = np.median(patch[apart >= np.percentile(apart, 67)], axis=0)
    return colour, float(np.clip(0.5 * np.linalg.norm((colour - around) * scale), 4.0, 40.0)), weight


def _distance(planes: Planes, colour: np.ndarray, weight: float) -> np.ndarray:
    y, u, v = (plane.astype(np.float32) - np.float32(value) for plane, value in zip(planes, colour, strict=True))
    return np.sqrt((weight * y) ** 2 + u**2 + v**2)


def _patches(clip: Clip, k: int, learned: tuple[np.ndarray, float, float], background: Background | None) -> Blobs:
    colour, tolerance, weight = learned
    closeness = tolerance - _distance(clip.picture(k), colour, weight)
    if background is not None:
        closeness[difference_image(clip.frame_planes(k), background) == 0] = 0.0
    return blobs_of(np.clip(255 / tolerance * closeness, 0, 255).astype(np.uint8), clip, k, min_area=4)


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
