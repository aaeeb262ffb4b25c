"""The thing that moves before a moving background: found where the picture's flow is not the camera's.

For pans and shakes that leave no background in place, which `tracking` refuses. The background's motion from frame to
frame is that of `camera`; dense flow (DIS) that disagrees with it marks what moves by itself. The marked patches are
linked over time, and the chain that stands out longest and most is the subject. Its outline is rough: centres are
good to a part of its size, not to a pixel. How it grows is told by the corners inside it, too, which spread or draw
together from frame to frame; the boxes' sizes are the mean of both.

Source: Kroeger et al. 2016 (dense inverse search).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import numpy as np

from motionlaw.tools.camera import CameraPath
from motionlaw.tools.errors import ToolError
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

WIDE = 320
"""Width of the picture in which flow is computed, pixels."""

LEAST_SHARE = 0.002
"""Smallest patch, as a share of the picture."""

LARGEST_SHARE = 0.5
"""A larger patch means that the background was not known."""

LEAST_CORNERS = 6
"""Corners of a thing from which its growth is told."""

KEPT_PATCHES = 4
"""Patches of each frame that may be the subject."""

LINKED = 0.25
"""Patches of two frames are the same thing where they overlap by this share of the smaller one."""


@dataclass
class _Chain:
    """Patches linked over time."""

    rows: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    centres: list[np.ndarray] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    score: float = 0.0


@dataclass(frozen=True)
class _Patch:
    box: np.ndarray
    centre: np.ndarray
    area: float
    score: float


def find_mover(path: str | os.PathLike[str], camera: CameraPath) -> Track:
    """Finds and follows the most salient thing that moves by itself.

    Args:
        path: The video.
        camera: Its background's motion, from frame to frame.

    Returns:
        The track, pixels of each frame; ``confidence`` is how clearly it stands out.

    Raises:
        ToolError: Nothing stands out from the background's motion in a tenth of the frames.
    """
    pictures, patches = _patches(path, camera)
    chains = _linked(patches)
    least = max(4, len(patches) // 10)
    chains = [chain for chain in chains if len(chain.rows) >= least]
    if not chains:
        raise ToolError("Nothing is seen to move by itself before the moving background.")
    track = _track(max(chains, key=lambda chain: chain.score), camera)
    return _with_sizes(track, _growth(track, camera, pictures))


def _patches(path: str | os.PathLike[str], camera: CameraPath) -> tuple[list[np.ndarray], list[list[_Patch]]]:
    """Returns the small grey frames, and the patches that move by themselves from each to the next."""
    import cv2

    cv2.setNumThreads(1)
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    scale = min(1.0, WIDE / camera.size[0])
    size = (max(8, round(camera.size[0] * scale)), max(8, round(camera.size[1] * scale)))
    rows = {int(number): row for row, number in enumerate(camera.frame)}
    x, y = np.meshgrid(np.arange(size[0], dtype=float), np.arange(size[1], dtype=float))
    pictures: list[np.ndarray] = []
    found: list[list[_Patch]] = []
    for frame in read_frames(path, start_s=float(camera.timestamps[0]), end_s=float(camera.timestamps[-1])):
        row = rows.get(frame.index)
        if row is None:
            continue
        grey = cv2.cvtColor(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        if pictures:
            warp = camera.warps[row - 1].copy()
            warp[:, 2] *= scale
            own = np.asarray(flow_of.calc(pictures[-1], grey, np.zeros((*grey.shape, 2), np.float32)))
            behind = np.stack(
                [warp[0, 0] * x + warp[0, 1] * y + warp[0, 2] - x, warp[1, 0] * x + warp[1, 1] * y + warp[1, 2] - y],
                axis=2,
            )
            known = camera.is_known[row - 1]
            found.append(_standing_out(own - behind, behind) if known else [])
        pictures.append(grey)
    return pictures, found


def _growth(track: Track, camera: CameraPath, pictures: list[np.ndarray]) -> np.ndarray:
    """Logarithm of how much the thing's picture grows in each step, shape (T - 1,); NaN where that is not seen."""
    scale = min(1.0, WIDE / camera.size[0])
    growth = np.full(len(pictures) - 1, np.nan)
    for k in np.flatnonzero(np.isfinite(track.xyxy[:-1]).all(axis=1)):
        warp = camera.warps[k].copy()
        warp[:, 2] *= scale
        growth[k] = _growth_of(pictures[k], pictures[k + 1], track.xyxy[k] * scale, warp)
    return growth


def _growth_of(first: np.ndarray, second: np.ndarray, box: np.ndarray, warp: np.ndarray) -> float:
    """Follows the corners in a box that do not go with the background, and returns the growth of their pattern."""
    import cv2

    mask = np.zeros_like(first)
    left, top, right, bottom = box.astype(int)
    mask[max(top, 0) : bottom, max(left, 0) : right] = 255
    corners = cv2.goodFeaturesToTrack(first, 150, 0.005, 3, mask=mask)
    if corners is None:
        return float("nan")
    room, again = np.empty_like(corners), np.empty_like(corners)
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, room, winSize=(13, 13), maxLevel=3)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(second, first, there, again, winSize=(13, 13), maxLevel=3)
    place, after = corners[:, 0], there[:, 0]
    behind = place @ warp[:, :2].T + warp[:, 2]
    own = np.hypot(*(after - behind).T) > np.maximum(0.6, 0.2 * np.hypot(*(behind - place).T))
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & (np.hypot(*(back - corners)[:, 0].T) < 0.5) & own
    if good.sum() < LEAST_CORNERS:
        return float("nan")
    cv2.setRNGSeed(0)
    change, inlier = cv2.estimateAffinePartial2D(place[good], after[good], method=cv2.RANSAC, ransacReprojThreshold=1.0)
    if change is None or inlier is None or inlier.sum() < LEAST_CORNERS:
        return float("nan")
    return float(np.clip(np.log(np.hypot(change[0, 0], change[1, 0])), -0.1, 0.1))


def _with_sizes(track: Track, growth: np.ndarray) -> Track:
    """Gives the boxes sizes between those of the outline and those that the growth gives; unseen steps grow evenly."""
    if np.isfinite(growth).mean() < 0.2:
        return track
    size = np.exp(np.r_[0.0, np.cumsum(np.where(np.isfinite(growth), growth, np.nanmean(growth)))])
    usual = np.nanmedian((track.xyxy[:, 2:] - track.xyxy[:, :2]) / size[:, None], axis=0)
    middle = (track.xyxy[:, 2:] + track.xyxy[:, :2]) / 2
    # The outline errs where the thing turns or its shadow comes and goes, the corners where they are few: the mean.
    half = np.sqrt(size[:, None] * usual * (track.xyxy[:, 2:] - track.xyxy[:, :2])) / 2
    return replace(track, xyxy=np.concatenate([middle - half, middle + half], axis=1))


def _standing_out(residual: np.ndarray, behind: np.ndarray) -> list[_Patch]:
    """The largest connected patches in which the flow is not the background's."""
    import cv2

    size = np.hypot(residual[..., 0], residual[..., 1])
    usual = float(np.median(size))
    pace = np.hypot(behind[..., 0], behind[..., 1])
    mask = (size > np.maximum(0.5 + 3.0 * usual, 0.25 * pace)).astype(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), cv2.MORPH_CLOSE, kernel)
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    total = mask.size
    patches = []
    for label in np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:KEPT_PATCHES] + 1:
        left, top, width, height, area = (int(value) for value in stats[label])
        if not LEAST_SHARE * total < area < LARGEST_SHARE * total:
            continue
        inside = labels[top : top + height, left : left + width] == label
        strength = float(np.mean(size[top : top + height, left : left + width][inside])) / (0.5 + 3.0 * usual)
        box = np.array([left, top, left + width, top + height], dtype=float)
        patches.append(
            _Patch(box, centres[label].copy(), float(area), float(np.sqrt(area / total)) * min(strength, 5.0))
        )
    return patches


def _linked(patches: list[list[_Patch]]) -> list[_Chain]:
    """Joins patches that overlap from frame to frame, bridging a few frames in which one was not seen."""
    chains: list[_Chain] = []
    for row, these in enumerate(patches):
        free = list(these)
        for chain in sorted(chains, key=lambda chain: -chain.score):
            if row - chain.rows[-1] > 4 or not free:
                continue
            overlaps = [_overlap(chain.boxes[-1], one.box) for one in free]
            best = int(np.argmax(overlaps))
            if overlaps[best] > LINKED:
                _add(chain, row, free.pop(best))
        for one in free:
            chain = _Chain()
            _add(chain, row, one)
            chains.append(chain)
    return chains


def _add(chain: _Chain, row: int, one: _Patch) -> None:
    chain.rows.append(row)
    chain.boxes.append(one.box)
    chain.centres.append(one.centre)
    chain.areas.append(one.area)
    chain.score += one.score


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    side = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if (side <= 0).any():
        return 0.0
    return float(np.prod(side) / min(np.prod(one[2:] - one[:2]), np.prod(other[2:] - other[:2])))


def _track(chain: _Chain, camera: CameraPath) -> Track:
    """Turns a chain into a track: pixels of the video, one row a frame of the camera's path."""
    length = len(camera.timestamps)
    position, xyxy = np.full((length, 2), np.nan), np.full((length, 4), np.nan)
    confidence = np.zeros(length)
    scale = max(1.0, camera.size[0] / WIDE)
    rows = np.array(chain.rows)
    position[rows] = (np.array(chain.centres) + 0.5) * scale - 0.5
    xyxy[rows] = np.array(chain.boxes) * scale
    # A patch far from its chain's usual size is a piece of it, or it and something else.
    area = np.log(np.array(chain.areas))
    usual = np.array([np.median(area[max(0, k - 4) : k + 5]) for k in range(len(area))])
    confidence[rows] = np.clip(1.0 - np.abs(area - usual), 0.1, 1.0)
    return Track(0, "object 1", camera.frame, camera.timestamps, position, confidence, xyxy)
