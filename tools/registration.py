"""Where a thing is, to some hundredths of a pixel: its own picture laid over itself in every frame.

The centre of an outline trembles by a tenth or two of a pixel as a film's codec blurs the edge; all that is seen of a
thing, its edge, stripes and shades, is carried by its motion. Here each frame's picture of it is shifted until it fits
the mean of all, to which a step of light is added freely. What does not fit, since it turns, or is partly hidden, keeps
the centre of its outline. Leaves out turning and growing.

Source: Lucas & Kanade 1981; Baker & Matthews 2004, the constant template of the inverse composition.
"""

from __future__ import annotations

import numpy as np

ROOM = 3
"""Pixels about an outline that belong to its picture: the blurred edge tells most."""

ROUNDS, STEPS = 2, 4
"""How often the mean picture is made anew, and steps towards it in each frame."""

FARTHEST = 1.5
"""Pixels by which an outline's centre may be off."""

LIKE = 0.35
"""Share of the picture's contrast that may be left over where it fits."""


def registered(frames: np.ndarray, centres: np.ndarray, masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Refines where a thing is by its own picture.

    Args:
        frames: uint8, shape (T, H, W, 3).
        centres: Of its outlines, shape (T, 2), pixels, [x, y].
        masks: Its outlines, bool, shape (T, H, W).
        rows: Frames in which it is whole.

    Returns:
        The centres, shape (T, 2), with the same median offset from the outlines as before.
    """
    if len(rows) < 4:
        return centres
    half = _half_size(masks, rows) + ROOM
    own = np.mean([_patch(masks[k].astype(np.float32), centres[k], half) for k in rows], axis=0) > 0.5
    own = _grown(own)
    places = centres[rows].copy()
    fits = np.zeros(len(rows), dtype=bool)
    for _ in range(ROUNDS):
        mean = np.mean([_patch(frames[k], place, half) for k, place in zip(rows, places, strict=True)], axis=0)
        down, across = np.gradient(mean, axis=(0, 1))
        light = np.broadcast_to(np.eye(3)[:, None, None], (3, *mean.shape[:2], 3))
        design = np.concatenate([np.stack([across, down]), light])[:, own].reshape(5, -1).T
        to_shift = np.linalg.pinv(design)
        contrast = float(np.std(mean[own], axis=0).max())
        for number, k in enumerate(rows):
            place = places[number]
            for _ in range(STEPS):
                left = (_patch(frames[k], place, half) - mean)[own].ravel()
                place = place - (to_shift @ left)[:2]
                if np.hypot(*(place - centres[k])) > FARTHEST:
                    break
            left = (_patch(frames[k], place, half) - mean)[own].ravel()
            left -= design @ (to_shift @ left)
            fits[number] = np.hypot(*(place - centres[k])) < FARTHEST and np.std(left) < LIKE * contrast
            if fits[number]:
                places[number] = place
    if np.count_nonzero(fits) < max(4, len(rows) // 2):
        return centres
    out = centres.copy()
    chosen = rows[fits]
    out[chosen] = places[fits] + np.median(centres[chosen] - places[fits], axis=0)
    return out


def _half_size(masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Half the usual width and height of some outlines, whole pixels."""
    wide = np.median([np.count_nonzero(masks[k].any(axis=0)) for k in rows])
    high = np.median([np.count_nonzero(masks[k].any(axis=1)) for k in rows])
    return np.ceil(np.array([wide, high]) / 2).astype(int)


def _patch(picture: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """What is about a centre, between the pixels, float, shape (2 h + 1, 2 w + 1) and channels."""
    import cv2

    size = (2 * int(half[0]) + 1, 2 * int(half[1]) + 1)
    return cv2.getRectSubPix(picture, size, (float(centre[0]), float(centre[1])), patchType=cv2.CV_32F)


def _grown(mask: np.ndarray) -> np.ndarray:
    import cv2

    kernel = np.ones((2 * ROOM + 1, 2 * ROOM + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0
