"""Blobs of successive frames joined into chains: which blob now was which blob before.

The assignment is the optimal one (Hungarian, SciPy) over distance from the predicted place, size and colour. A chain
may miss a few frames. Chains that belong to one object are joined later, by its appearance.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from motionlaw.tools.tracking.background import Blobs

MAX_MISSED = 4
"""Frames that a chain may miss before it ends."""

HOP_WINDOW = 4
"""Steps on either side that a step is compared with."""

LONGEST_GAP = 12
"""Frames between the end of one chain and the beginning of its continuation, at the most."""

REACH = 0.3
"""How far a blob may jump between two frames at the most, as a share of the picture's diagonal."""


@dataclass
class Chain:
    """Blobs taken for one thing.

    Args:
        frames: Frame of each blob within the clip, increasing.
        rows: Number of the blob among the blobs of its frame.
        centre: Last seen centre, coarse pixels.
        velocity: Last step, coarse pixels per frame.
    """

    frames: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    centre: np.ndarray = field(default_factory=lambda: np.zeros(2))
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    area: float = 0.0
    colour: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def add(self, frame: int, row: int, blobs: Blobs) -> None:
        """Takes a blob in, and learns its speed, size and colour."""
        centre = blobs.centre[row]
        if self.frames:
            self.velocity = (centre - self.centre) / (frame - self.frames[-1])
            self.area = 0.7 * self.area + 0.3 * blobs.area[row]
            self.colour = 0.7 * self.colour + 0.3 * blobs.colour[row]
        else:
            self.area, self.colour = float(blobs.area[row]), blobs.colour[row]
        self.centre = centre
        self.frames.append(frame)
        self.rows.append(row)


def link(blobs: list[Blobs], *, shape: tuple[int, int]) -> list[Chain]:
    """Joins the blobs of a clip into chains.

    Args:
        blobs: The blobs of each frame.
        shape: Height and width of the picture.

    Returns:
        All chains, in order of their first frame.
    """
    from scipy.optimize import linear_sum_assignment

    reach = REACH * float(np.hypot(*shape))
    ended: list[Chain] = []
    running: list[Chain] = []
    for frame, found in enumerate(blobs):
        ended += [chain for chain in running if frame - chain.frames[-1] > MAX_MISSED]
        running = [chain for chain in running if frame - chain.frames[-1] <= MAX_MISSED]
        taken = np.zeros(len(found.area), dtype=bool)
        if running and len(found.area):
            cost = _cost(running, frame, found, reach)
            for i, j in zip(*linear_sum_assignment(np.minimum(cost, 1e3)), strict=True):
                if cost[i, j] < 1e3:
                    running[i].add(frame, int(j), found)
                    taken[j] = True
        for row in np.flatnonzero(~taken):
            chain = Chain()
            chain.add(frame, int(row), found)
            running.append(chain)
    pieces = [piece for chain in ended + running for piece in _split(chain, blobs)]
    return _stitched(sorted(pieces, key=lambda chain: chain.frames[0]), blobs)


def _rebuilt(frames: list[int], rows: list[int], blobs: list[Blobs]) -> Chain:
    chain = Chain()
    for frame, row in zip(frames, rows, strict=True):
        chain.add(frame, row, blobs[frame])
    return chain


def _split(chain: Chain, blobs: list[Blobs]) -> list[Chain]:
    """Cuts a chain where it hops to a neighbour: one step unlike those before and after it.

    A bounce changes all later steps and is no hop.
    """
    if len(chain.frames) < 6:
        return [chain]
    centre = np.array([blobs[frame].centre[row] for frame, row in zip(chain.frames, chain.rows, strict=True)])
    steps = np.diff(centre, axis=0) / np.diff(chain.frames)[:, None]
    size = np.sqrt(np.median([blobs[frame].area[row] for frame, row in zip(chain.frames, chain.rows, strict=True)]))
    # All windows at once, filled up with NaN at the ends.
    rim = np.full((HOP_WINDOW, 2), np.nan)
    around = np.lib.stride_tricks.sliding_window_view(np.concatenate([rim, steps, rim]), 2 * HOP_WINDOW + 1, axis=0)
    usual = _nan_median(around)
    deviation = _nan_median(np.hypot(*np.moveaxis(around - usual[..., None], 1, 0)))
    own = np.hypot(*(steps - usual).T)
    cuts = np.flatnonzero(own > np.maximum(0.8 * size, 5 * deviation + 1)) + 1
    bounds = [0, *cuts, len(chain.frames)]
    return [_rebuilt(chain.frames[a:b], chain.rows[a:b], blobs) for a, b in itertools.pairwise(bounds)]


def _nan_median(values: np.ndarray) -> np.ndarray:
    """Median over the last axis; NaN, which sorts to the end, is left out. A tenth of the time of NumPy's own."""
    ordered = np.sort(values, axis=-1)
    count = np.isfinite(values).sum(axis=-1)[..., None]
    middle = [np.take_along_axis(ordered, place, axis=-1) for place in ((count - 1) // 2, count // 2)]
    return (0.5 * (middle[0] + middle[1]))[..., 0]


def _stitched(chains: list[Chain], blobs: list[Blobs]) -> list[Chain]:
    """Joins a chain to one that begins soon after, where the first would be by then and of its size and colour."""
    out: list[Chain] = []
    for chain in chains:
        best, least = None, 1.0
        for earlier in out:
            gap = chain.frames[0] - earlier.frames[-1]
            if not 0 < gap <= LONGEST_GAP or len(earlier.frames) < 3:
                continue
            # Each must lead to the other: what vanishes at one place is not what appears at another.
            here = blobs[chain.frames[0]].centre[chain.rows[0]]
            miss = math.dist(_ahead(earlier, blobs, gap), here)
            if len(chain.frames) >= 3:
                miss = max(miss, math.dist(_behind(chain, blobs, gap), earlier.centre))
            allowed = math.sqrt(earlier.area) + 2 + 0.3 * gap * math.hypot(*earlier.velocity)
            if miss >= allowed:
                continue
            growth = abs(np.log((blobs[chain.frames[0]].area[chain.rows[0]] + 4) / (earlier.area + 4)))
            tint = float(np.linalg.norm((blobs[chain.frames[0]].colour[chain.rows[0]] - earlier.colour) * (0.5, 1, 1)))
            cost = miss / allowed + 0.3 * growth + tint / 100
            if growth < 1.2 and tint < 30 and cost < least:
                best, least = earlier, cost
        if best is None:
            out.append(chain)
        else:
            for frame, row in zip(chain.frames, chain.rows, strict=True):
                best.add(frame, row, blobs[frame])
    return out


def _ahead(chain: Chain, blobs: list[Blobs], gap: int) -> np.ndarray:
    """Where a chain would be some frames after its end, by its mean speed over the last few."""
    k = min(4, len(chain.frames))
    first = blobs[chain.frames[-k]].centre[chain.rows[-k]]
    return chain.centre + gap * (chain.centre - first) / (chain.frames[-1] - chain.frames[-k])


def _behind(chain: Chain, blobs: list[Blobs], gap: int) -> np.ndarray:
    """Where a chain would have been some frames before its beginning, by its mean speed over the first few."""
    k = min(4, len(chain.frames)) - 1
    first, later = (blobs[chain.frames[i]].centre[chain.rows[i]] for i in (0, k))
    return first - gap * (later - first) / (chain.frames[k] - chain.frames[0])


def _cost(running: list[Chain], frame: int, found: Blobs, reach: float) -> np.ndarray:
    """Distance from the predicted place in object sizes, plus changes of size and colour, shape (chains, blobs).

    1e3 where a blob cannot be the chain's.
    """
    gap = np.array([frame - chain.frames[-1] for chain in running])[:, None]
    centre, velocity = np.stack([chain.centre for chain in running]), np.stack([chain.velocity for chain in running])
    area = np.array([chain.area for chain in running])[:, None]
    is_new = np.array([len(chain.frames) < 2 for chain in running])[:, None]
    from_last = found.centre[None] - centre[:, None]
    from_predicted = from_last - (gap * velocity)[:, None]
    # A thing that just appeared, or bounced, may be anywhere near its last place as well.
    last = np.where(gap == 1, 1.5 * np.hypot(from_last[..., 0], from_last[..., 1]), np.inf)
    distance = np.minimum(np.hypot(from_predicted[..., 0], from_predicted[..., 1]), last)
    size = np.sqrt(area) + 2.0
    growth = np.abs(np.log((found.area[None] + 4.0) / (area + 4.0)))
    change = (found.colour[None] - np.stack([chain.colour for chain in running])[:, None]) * (0.5, 1.0, 1.0)
    tint = np.sqrt(np.sum(change**2, axis=2))
    gate = np.minimum(reach, 3.0 * size + np.hypot(*velocity.T)[:, None] + np.where(is_new, reach, 0.0))
    cost = distance / (2.0 * size) + 1.2 * growth + tint / 20.0
    return np.where((distance <= gate) & (growth < 1.6) & (tint < 45.0), cost, 1e3)
