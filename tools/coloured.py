"""Things of one colour, moving or not: patches of that colour in every frame, linked over time.

For what is asked about by its colour and was not found by its motion. A patch's colour is that of
`motionlaw.tools.looks`. Leaves out things of several colours, and light that changes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from motionlaw.tools.errors import ToolError
from motionlaw.tools.looks import COLOURS, colour_name
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

WIDE = 480
"""Frames are made this wide."""

LEAST_SHARE, LARGEST_SHARE = 2e-4, 0.35
"""Smallest and largest patch, as shares of the picture; a larger one is background."""

SEEN_SHARE = 0.25
"""A thing is there in at least this share of the frames."""

VIVID = 0.33
"""Saturation from which a thing counts as coloured: tinted walls are not."""

MOST_PATCHES = 12
"""More patches of a colour than this in a frame are texture."""

LEVELS = 32
"""Levels a channel of the table that names colours."""


@dataclass
class Chain:
    """Patches taken for one thing: the frame of each, and left, top, right, bottom, x, y, area."""

    rows: list[int] = field(default_factory=list)
    patches: list[np.ndarray] = field(default_factory=list)


def find_coloured(
    path: str | os.PathLike[str],
    colour: str,
    *,
    most: int = 4,
    start_s: float | None = None,
    end_s: float | None = None,
) -> tuple[Track, ...]:
    """Finds and follows the things of one colour.

    Args:
        path: The video.
        colour: One of the eleven basic colours.
        most: How many at the most, largest first.
        start_s: First time wanted, seconds.
        end_s: Last time wanted, seconds.

    Returns:
        The tracks, pixels of each frame.

    Raises:
        ToolError: There is no such colour, or nothing of it in a quarter of the frames.
    """
    import cv2

    if colour not in COLOURS:
        raise ToolError(f"No colour '{colour[:40]}'. Colours: {', '.join(COLOURS)}.")
    table = colour_table(colour)
    times, numbers, found = [], [], []
    factor = 1.0
    for frame in read_frames(path, start_s=start_s, end_s=end_s):
        factor = max(1.0, frame.image.shape[1] / WIDE)
        size = (round(frame.image.shape[1] / factor), round(frame.image.shape[0] / factor))
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) if factor > 1 else frame.image
        index = (small // (256 // LEVELS)).astype(int)
        mask = table[index[..., 0], index[..., 1], index[..., 2]]
        found.append(patches_of(mask))
        times.append(frame.timestamp)
        numbers.append(frame.index)
    chains = [chain for chain in linked(found) if len(chain.rows) >= max(2.0, SEEN_SHARE * len(times))]
    if not chains:
        raise ToolError(f"Nothing {colour} is seen in a quarter of the frames.")
    chains.sort(key=lambda chain: -float(np.median([patch[6] for patch in chain.patches])) * len(chain.rows))
    return tuple(
        _track(number, chain, np.array(times), np.array(numbers), factor) for number, chain in enumerate(chains[:most])
    )


@lru_cache
def colour_table(colour: str) -> np.ndarray:
    """Which coarse colours have this name, shape (LEVELS, LEVELS, LEVELS)."""
    middle = (np.arange(LEVELS) + 0.5) * (256 // LEVELS)
    least = 0.0 if colour in ("black", "white", "grey") else VIVID
    named = [
        colour_name((r, g, b)) == colour and max(r, g, b) - min(r, g, b) > least * max(r, g, b)
        for r in middle
        for g in middle
        for b in middle
    ]
    return np.array(named, dtype=np.uint8).reshape(LEVELS, LEVELS, LEVELS)


def patches_of(mask: np.ndarray) -> np.ndarray:
    """Patches of a mask that could be things, shape (N, 7)."""
    import cv2

    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, _, stats, centres = cv2.connectedComponentsWithStats(opened, connectivity=8)
    area = stats[1:, cv2.CC_STAT_AREA]
    kept = np.flatnonzero((area > LEAST_SHARE * mask.size) & (area < LARGEST_SHARE * mask.size)) + 1
    filled = area[kept - 1] > 0.3 * stats[kept, cv2.CC_STAT_WIDTH] * stats[kept, cv2.CC_STAT_HEIGHT]
    kept = kept[filled] if filled.sum() <= MOST_PATCHES else kept[:0]
    boxes = stats[kept, :4].astype(float)
    return np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:], centres[kept], stats[kept, cv2.CC_STAT_AREA]])


def linked(found: list[np.ndarray]) -> list[Chain]:
    """Joins patches of like size that are near each other from frame to frame."""
    chains: list[Chain] = []
    for row, patches in enumerate(found):
        free = list(range(len(patches)))
        for chain in sorted(chains, key=lambda chain: -chain.patches[-1][6]):
            last = chain.patches[-1]
            expected = last[4:6]
            if len(chain.rows) > 1 and chain.rows[-1] - chain.rows[-2] <= 2:
                pace = (last[4:6] - chain.patches[-2][4:6]) / (chain.rows[-1] - chain.rows[-2])
                expected = last[4:6] + pace * (row - chain.rows[-1])
            if not free or row - chain.rows[-1] > 5:
                continue
            reach = 3.0 * float(np.hypot(last[2] - last[0], last[3] - last[1])) + 10.0
            costs = [
                float(np.hypot(*(patches[k][4:6] - expected))) / reach + 0.5 * abs(np.log(patches[k][6] / last[6]))
                for k in free
            ]
            best = int(np.argmin(costs))
            if costs[best] < 1.2:
                chain.rows.append(row)
                chain.patches.append(patches[free.pop(best)])
        chains += [Chain([row], [patches[k]]) for k in free]
    return chains


def _track(number: int, chain: Chain, times: np.ndarray, frames: np.ndarray, factor: float) -> Track:
    position, xyxy, confidence = (
        np.full((len(times), 2), np.nan),
        np.full((len(times), 4), np.nan),
        np.zeros(len(times)),
    )
    rows, patches = np.array(chain.rows), np.array(chain.patches)
    position[rows] = (patches[:, 4:6] + 0.5) * factor - 0.5
    xyxy[rows] = patches[:, :4] * factor
    usual = np.median(patches[:, 6])
    confidence[rows] = np.clip(1.0 - np.abs(np.log(patches[:, 6] / usual)), 0.1, 1.0)
    return Track(number, f"object {number + 1}", frames, times, position, confidence, xyxy)
