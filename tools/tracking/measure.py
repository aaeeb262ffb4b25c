"""Two measurements of one object, its blob's centre and its looks' place, made into one path with a confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.tracking.candidates import Candidate, robust_extent
from motionlaw.tools.tracking.follow import ACCEPTED, Path
from motionlaw.tools.tracking.quality import combine, continuing, noise_std, ratio_of_motion

AGREED = 0.85
"""Share of frames in which an object's looks must be found in its blob, or the two are different things."""


@dataclass(frozen=True)
class ObjectPath:
    """One object through one clip.

    Args:
        position: Centres, shape (T, 2), coarse pixels, NaN where unseen.
        confidence: Shape (T,), 0 to 1.
        xyxy: Boxes, shape (T, 4), coarse pixels.
        score: How likely it is what the video is about.
        source: Which measurement leads: ``"looks"``, ``"blob"`` or ``"colour"``.
        strays: Frames left out, in which it seems to have been taken for another object.
    """

    position: np.ndarray
    confidence: np.ndarray
    xyxy: np.ndarray
    score: float = 0.0
    source: str = "looks"
    strays: int = 0

    @property
    def is_seen(self) -> np.ndarray:
        """Where it was seen, shape (T,)."""
        return np.isfinite(self.position).all(axis=1)


def measure(
    path: Path, one: Candidate | None, box: np.ndarray, *, seed: int, shape: tuple[int, int], area: float
) -> ObjectPath:
    """Makes one path of what an object's looks and its blobs say.

    The centre of a blob is exact where the background behind it is known, whatever turns; its looks are exact where
    it does not turn, whatever is behind it. Which of the two leads is decided for the whole clip, so that the point
    that is tracked stays the same.

    Args:
        path: Where it was found by its looks.
        one: Its blobs, if any.
        box: Its box at the seed, coarse pixels.
        seed: Frame of the seed.
        shape: Height and width of the coarse picture.
        area: Usual area, coarse pixels, for the ranking.

    Returns:
        The path.
    """
    looks = ObjectPath(path.position, _looks_confidence(path), _boxes(path.position, box), source="looks")
    looks = as_one_body(looks, seed)
    if one is None:
        return scored(looks, 0.0, shape, area)
    blob_position = np.where(one.is_clean[:, None], one.centre, np.nan)
    steadiness = _steadiness(one)
    blob = ObjectPath(blob_position, np.where(one.is_clean, steadiness, 0.0), one.xyxy, source="blob")
    blob = as_one_body(blob, seed)
    agreement = _agreement(path, one)
    if agreement < AGREED and not one.is_clean[seed]:
        return scored(looks, 0.0, shape, area)  # the blobs were never its own
    if _blob_leads(path, blob, one, agreement):
        main, other = blob, looks
    else:
        main, other = looks, blob
    if 0.93 < ratio_of_motion(main.position, other.position) < 1.07:
        if main is looks:  # the same point, wherever the box was drawn: the middle of its blob
            shift = np.nanmedian(blob.position - looks.position, axis=0)
            main = replace(looks, position=looks.position + shift, xyxy=looks.xyxy + np.tile(shift, 2))
        position, patched = combine(main.position, other.position)
        confidence = np.where(patched, 0.8 * other.confidence, main.confidence)
        box_size = np.nanmedian(main.xyxy[:, 2:] - main.xyxy[:, :2], axis=0)
        half = np.concatenate([-box_size, box_size]) / 2
        xyxy = np.where(patched[:, None], np.tile(position, 2) + half, main.xyxy)
        main = replace(
            main, position=position, confidence=np.where(np.isfinite(position[:, 0]), confidence, 0.0), xyxy=xyxy
        )
    return scored(as_one_body(main, seed), one.border_share, shape, area)


def as_one_body(path: ObjectPath, seed: int) -> ObjectPath:
    """Leaves out what does not go on from the seed as a body does: most likely it is another object."""
    if not path.is_seen.any():
        return path
    size = float(np.nanmedian(np.max(path.xyxy[:, 2:] - path.xyxy[:, :2], axis=1)))
    keep = continuing(path.position, seed, size)
    lost = int(np.count_nonzero(path.is_seen & ~keep))
    position = np.where(keep[:, None], path.position, np.nan)
    confidence = np.where(keep, path.confidence, 0.0)
    return replace(path, position=position, confidence=confidence, strays=path.strays + lost)


def _agreement(path: Path, one: Candidate) -> float:
    """Share of frames in which what looks like the object lies in its blob; 1 where there are no such frames."""
    both = one.is_clean & (path.score > 0)
    inside = np.all((path.position >= one.xyxy[:, :2] - 3) & (path.position <= one.xyxy[:, 2:] + 3), axis=1)
    return float(inside[both].mean()) if both.any() else 1.0


def _blob_leads(path: Path, blob: ObjectPath, one: Candidate, agreement: float) -> bool:
    found, clean = path.score > 0, one.is_clean
    if clean.sum() < max(4, 0.5 * one.is_whole.sum()):
        return False
    if not found.any() or found[clean].mean() < 0.7 or np.median(path.score[found]) < ACCEPTED + 0.1:
        return True
    if agreement < AGREED:
        return True  # its looks stuck to something else
    slope = ratio_of_motion(blob.position, path.position)
    turns = path.drifted[found].mean() > 0.3
    if not 0.93 < slope < 1.07 and not turns:
        return False  # the background holds a smear of it, or its blob grows and shrinks as it moves
    return bool(turns or not noise_std(path.position) < 0.8 * noise_std(blob.position))


def _looks_confidence(path: Path) -> np.ndarray:
    return np.clip((path.score - 0.4) / 0.5, 0.0, 1.0) * np.where(path.drifted, 0.8, 1.0)


def _steadiness(one: Candidate) -> np.ndarray:
    """Trust in each blob: 1 where it has its usual area, less where it grew or shrank."""
    oddness = np.abs(np.log(np.maximum(one.area, 0.1) / one.usual_area))
    return np.clip(1.05 - oddness, 0.0, 1.0)


def _boxes(position: np.ndarray, box: np.ndarray) -> np.ndarray:
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    return np.concatenate([position + 0.5 - half, position + 0.5 + half], axis=1)


def scored(path: ObjectPath, border_share: float, shape: tuple[int, int], area: float) -> ObjectPath:
    """Weighs a followed object: long, far, large, sure, smooth, and not reaching in from outside.

    Args:
        path: The object.
        border_share: Share of its frames in which its blob touches the picture's edge.
        shape: Height and width of the coarse picture.
        area: Its usual area, coarse pixels.

    Returns:
        The path with its score.
    """
    seen = path.is_seen
    if seen.sum() < 2:
        return replace(path, score=0.0)
    extent = robust_extent(path.position)
    noise = noise_std(path.position)
    smooth = 1.0 / (1.0 + 20.0 * noise / max(extent, 1e-6)) if np.isfinite(noise) else 0.7
    inside = 1.0 - 0.85 * border_share**2
    score = (
        seen.mean()
        * np.sqrt(extent / np.hypot(*shape))
        * max(area, 1.0) ** 0.3
        * np.mean(path.confidence[seen])
        * smooth
        * inside
    )
    return replace(path, score=float(score))
