"""The built-in tracker: finds what moves before a still background, or what the user points at, and follows it.

For each clip: background, blobs, chains of blobs (`linking`), the best of them followed by their looks (`follow`),
both measurements made one (`measure`), and the same object found twice dropped. Long videos come as several clips
that share a frame, in which objects are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from motionlaw.tools.tracking.background import Background, Blobs, difference_image, find_background, find_blobs
from motionlaw.tools.tracking.candidates import (
    Candidate,
    candidate,
    choose,
    in_one_piece,
    robust_extent,
    seed_box,
    seed_frame,
)
from motionlaw.tools.tracking.clip import Clip
from motionlaw.tools.tracking.colour import follow_colour
from motionlaw.tools.tracking.follow import follow
from motionlaw.tools.tracking.joining import joined_over_gaps
from motionlaw.tools.tracking.linking import Chain, link
from motionlaw.tools.tracking.measure import ObjectPath, as_one_body, measure, scored
from motionlaw.tools.tracking.pointing import box_at, chain_at
from motionlaw.tools.tracking.quality import noise_std
from motionlaw.tools.tracking.stabilise import fill_blank

FOLLOWED = 8
"""Objects followed at the most when the user pointed at none."""


MUCH_BETTER = 1.5
"""Factor by which following a clicked patch's colour must outdo following its looks, where those seem to do."""

PHANTOM_SHARE = 0.15
"""Share of an object's area that must differ from the background where only its looks were found."""


@dataclass
class Scene:
    """What one clip shows before anything is followed.

    Args:
        clip: The reduced frames.
        background: The still picture.
        blobs: What differs from it, per frame.
        chains: Blobs joined over time.
        is_still: Whether the camera is, so that what differs from the background is there.
    """

    clip: Clip
    background: Background
    blobs: list[Blobs]
    chains: list[Chain] = field(default_factory=list)
    is_still: bool = True

    @property
    def cut_frames(self) -> np.ndarray:
        """Frames that differ nearly everywhere, shape (T,)."""
        return np.array([found.is_cut for found in self.blobs])

    def without_blobs(self) -> Scene:
        """Returns the scene without what differs from the background, where that means nothing."""
        return replace(self, blobs=[replace(found, is_cut=False) for found in self.blobs], chains=[], is_still=False)


def look(clip: Clip, *, blank: np.ndarray | None = None) -> Scene:
    """Finds the background of a clip, what differs from it, and which blobs belong together.

    Args:
        clip: The reduced frames.
        blank: Where frames have no picture, shape (T, h, w), after the camera's motion was taken out.

    Returns:
        The scene.
    """
    background = find_background(clip)
    if blank is not None:
        fill_blank(clip, blank, background)
    blobs = [find_blobs(clip, background, k) for k in range(clip.length)]
    return Scene(clip, background, blobs, link(blobs, shape=clip.shape))


def track_moving(scene: Scene, *, most: int = FOLLOWED) -> list[ObjectPath]:
    """Tracks whatever moves, the likeliest subject first.

    Args:
        scene: The clip and its blobs.
        most: Objects wanted at the most.

    Returns:
        One path per object; empty when nothing moves.
    """
    found: list[ObjectPath] = []
    for one in choose(scene.chains, scene.blobs, most=most):
        k = seed_frame(one)
        piece = in_one_piece(one, k)
        if piece is None:
            continue
        path = _followed(scene, piece, k, seed_box(scene.clip, scene.background, piece, k))
        if is_moving(path):
            found.append(path)
    return joined_over_gaps(_without_doubles(sorted(found, key=lambda path: -path.score)))


def track_pointed(scene: Scene, k: int, xyxy: np.ndarray) -> ObjectPath:
    """Tracks what a click or box shows.

    Args:
        scene: The clip and its blobs.
        k: Frame within the clip.
        xyxy: Box, coarse pixels; a click has no extent.

    Returns:
        Its path.
    """
    chain = chain_at(scene.chains, scene.blobs, k, xyxy, scene.clip.shape)
    one = None if chain is None else in_one_piece(candidate(chain, scene.blobs), k)
    box, one = box_at(scene.clip, scene.background, one, k, xyxy)
    path = _followed(scene, one, k, box)
    if one is None or _is_doubtful(path):
        coloured = _coloured(scene, k, box)
        needed = 1.0 if _is_doubtful(path) else MUCH_BETTER
        if coloured.score > needed * path.score and coloured.is_seen.mean() > 0.8 * path.is_seen.mean():
            return coloured
    return path


def continue_path(scene: Scene, box: np.ndarray) -> ObjectPath:
    """Tracks on, in the next clip, what was last seen in its first frame."""
    chain = chain_at(scene.chains, scene.blobs, 0, box, scene.clip.shape)
    return _followed(scene, None if chain is None else in_one_piece(candidate(chain, scene.blobs), 0), 0, box)


def is_known(path: ObjectPath, others: list[ObjectPath]) -> bool:
    """Whether a path goes along with one of the others."""
    return any(_is_same(path, other) for other in others)


def is_moving(path: ObjectPath) -> bool:
    """Whether an object moves by more than a flicker: two and a half coarse pixels and six times its own noise."""
    extent, noise = robust_extent(path.position), noise_std(path.position)
    return bool(path.is_seen.sum() >= 4 and extent > 2.5 and not extent < 6 * noise)


def _is_doubtful(path: ObjectPath) -> bool:
    """Whether looks and blobs failed: unseen for long, hardly sure, not moving, or never looking the same again."""
    seen = path.is_seen
    changes = path.source == "looks" and np.mean(path.confidence[seen] > 0.8) < 0.1
    return bool(seen.mean() < 0.3 or np.mean(path.confidence[seen]) < 0.5 or not is_moving(path) or changes)


def _coloured(scene: Scene, k: int, box: np.ndarray) -> ObjectPath:
    area = float(np.prod(box[2:] - box[:2]))
    background = scene.background if _stands_out(scene, None, area, k, box) else None
    position, confidence, boxes = follow_colour(scene.clip, seed=k, xyxy=box, background=background)
    path = as_one_body(ObjectPath(position, confidence, boxes, source="colour"), k)
    return scored(path, 0.0, scene.clip.shape, area)


def _followed(scene: Scene, one: Candidate | None, k: int, box: np.ndarray) -> ObjectPath:
    clip = scene.clip
    area = float((box[2] - box[0]) * (box[3] - box[1])) if one is None else one.usual_area
    is_there = partial(_stands_out, scene, one, area)
    guide = None if one is None else one.centre
    # Who does not stand out where it certainly is, part of the background or before a moving one, may be anywhere.
    path = follow(clip, seed=k, xyxy=box, guide=guide, is_there=is_there if is_there(k, box) else None)
    return measure(path, one, box, seed=k, shape=clip.shape, area=area)


def _stands_out(scene: Scene, one: Candidate | None, area: float, k: int, box: np.ndarray) -> bool:
    """Whether anything differs from the background where an object was found."""
    if one is not None and one.area[k] > 0:
        return True
    if not scene.is_still:
        return False
    height, width = scene.clip.shape
    x1, y1, x2, y2 = np.clip(box, 0, [width, height, width, height]).astype(int)
    difference = difference_image(scene.clip.frame_planes(k), scene.background)[y1:y2, x1:x2]
    return bool(np.count_nonzero(difference) > PHANTOM_SHARE * area)


def _without_doubles(paths: list[ObjectPath]) -> list[ObjectPath]:
    """Drops objects that go along with a better one: the same thing, its other half, or its shadow."""
    kept: list[ObjectPath] = []
    for path in paths:
        if not is_known(path, kept):
            kept.append(path)
    return kept


def _is_same(path: ObjectPath, other: ObjectPath) -> bool:
    both = path.is_seen & other.is_seen
    if both.sum() < 0.5 * path.is_seen.sum():
        return False
    apart = path.position[both] - other.position[both]
    middle = np.median(apart, axis=0)
    size = np.nanmedian(other.xyxy[:, 2:] - other.xyxy[:, :2], axis=0)
    return bool(
        np.all(np.abs(middle) < 0.75 * size + 2) and np.median(np.hypot(*(apart - middle).T)) < 0.35 * np.max(size) + 1
    )
