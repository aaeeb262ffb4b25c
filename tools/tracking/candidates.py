"""Which chains of blobs are worth following, and from which frame: things that move far, long, and of one piece."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.tracking.background import Background, Blobs, difference_image
from motionlaw.tools.tracking.clip import Clip
from motionlaw.tools.tracking.linking import Chain
from motionlaw.tools.tracking.quality import continuing


@dataclass(frozen=True)
class Candidate:
    """A chain laid out over the clip.

    Args:
        centre: Blob centres, shape (T, 2), coarse pixels, NaN where the chain has no blob.
        xyxy: Blob boxes, shape (T, 4), coarse pixels, NaN likewise.
        area: Blob areas, shape (T,), coarse pixels, 0 likewise.
        is_whole: Whether there is a blob and it is clear of the picture's edge, shape (T,).
        is_clean: Whether it is of usual size as well, neither merged with another nor in pieces, shape (T,).
        border_share: Share of its frames in which it touches the picture's edge.
        colour: Mean luma and chroma.
        score: How likely it is what the video is about, before it was followed.
    """

    centre: np.ndarray
    xyxy: np.ndarray
    area: np.ndarray
    is_whole: np.ndarray
    is_clean: np.ndarray
    border_share: float
    colour: np.ndarray
    score: float

    @property
    def usual_area(self) -> float:
        """Median area of the whole blobs, coarse pixels."""
        chosen = self.is_clean if self.is_clean.any() else self.area > 0
        return float(np.median(self.area[chosen]))


def candidate(chain: Chain, blobs: list[Blobs]) -> Candidate:
    """Lays a chain out over the clip and weighs it."""
    length, frames = len(blobs), np.asarray(chain.frames)
    centre, xyxy, area = np.full((length, 2), np.nan), np.full((length, 4), np.nan), np.zeros(length)
    border = np.zeros(length, dtype=bool)
    for k, row in zip(chain.frames, chain.rows, strict=True):
        centre[k], xyxy[k], area[k], border[k] = (
            blobs[k].centre[row],
            blobs[k].xyxy[row],
            blobs[k].area[row],
            blobs[k].touches_border[row],
        )
    whole = (area > 0) & ~border
    usual = float(np.median(area[whole if whole.any() else area > 0]))
    is_clean = whole & (area > 0.6 * usual) & (area < 1.6 * usual)
    share = float(np.mean(border[frames]))
    extent = robust_extent(centre)
    score = np.sqrt(len(frames) / length * extent) * max(usual, 1.0) ** 0.25 * (1 - 0.85 * share**2)
    score = float(score) if len(frames) >= min(4, length) else 0.0
    return Candidate(centre, xyxy, area, whole, is_clean, share, chain.colour, score)


def in_one_piece(one: Candidate, k: int) -> Candidate | None:
    """Returns the part of a candidate that goes on from frame ``k`` as a body does; ``None`` if it is a short one."""
    size = float(np.nanmedian(np.max(one.xyxy[:, 2:] - one.xyxy[:, :2], axis=1)))
    keep = continuing(one.centre, k, size)
    if np.count_nonzero(keep) < min(4, len(keep)):
        return None
    return replace(
        one,
        centre=np.where(keep[:, None], one.centre, np.nan),
        xyxy=np.where(keep[:, None], one.xyxy, np.nan),
        area=np.where(keep, one.area, 0.0),
        is_whole=one.is_whole & keep,
        is_clean=one.is_clean & keep,
    )


def choose(chains: list[Chain], blobs: list[Blobs], *, most: int) -> list[Candidate]:
    """Returns the chains that move, the best first."""
    found = [candidate(chain, blobs) for chain in chains if len(chain.frames) >= min(4, len(blobs))]
    found = [one for one in found if robust_extent(one.centre) > max(1.5, 0.12 * np.sqrt(one.usual_area))]
    found.sort(key=lambda one: -one.score)
    return [one for one in found if one.score > 0.15 * found[0].score][:most]


def seed_frame(one: Candidate) -> int:
    """Picks the frame in which the object is most itself: of usual size, clear of the edge, not at its fastest."""
    usual = one.usual_area
    oddness = np.abs(np.log(np.maximum(one.area, 0.1) / usual))
    step = np.hypot(*np.gradient(one.centre, axis=0).T) if len(one.area) > 1 else np.zeros(1)
    step = np.where(np.isfinite(step), step, np.nanmax(step) if np.isfinite(step).any() else 0.0)
    fast = step / (np.max(step) + 1e-9)
    oddness = oddness + 0.3 * fast + np.where(one.is_clean, 0.0, 3.0)
    return int(np.argmin(np.where(one.area > 0, oddness, np.inf)))


def seed_box(clip: Clip, background: Background, one: Candidate, k: int) -> np.ndarray:
    """Returns the box of the object at its seed; of a ball on a string, the ball's."""
    import cv2

    x1, y1, x2, y2 = one.xyxy[k].astype(int)
    difference = difference_image(clip.frame_planes(k), background)[y1:y2, x1:x2]
    mask = cv2.copyMakeBorder((difference > 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    _, radius, _, thickest = cv2.minMaxLoc(depth)
    if radius < 2:
        return one.xyxy[k]
    # Opening with a disc nearly as wide as the thickest place keeps the body and drops its string, stick or shadow:
    # what lies within the disc's radius of a place that deep inside. Distances cost less than a disc of that size.
    shallow = (depth <= int(0.7 * radius)).astype(np.uint8)
    opened = (cv2.distanceTransform(shallow, cv2.DIST_L2, 5) <= int(0.7 * radius)).astype(np.uint8)
    for contour in cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        if cv2.pointPolygonTest(contour, (float(thickest[0]), float(thickest[1])), False) >= 0:
            bx, by, bw, bh = cv2.boundingRect(contour)
            return np.array([x1 + bx - 1, y1 + by - 1, x1 + bx - 1 + bw, y1 + by - 1 + bh], dtype=float)
    return one.xyxy[k]


def robust_extent(position: np.ndarray) -> float:
    """Returns how far positions reach, shape (T, 2), NaN left out, without the outermost twentieth at each end."""
    seen = position[np.isfinite(position).all(axis=1)]
    if len(seen) < 2:
        return 0.0
    low, high = np.percentile(seen, [5, 95], axis=0)
    return float(np.hypot(*(high - low)))
