"""Things told by their colour, measured whole: their outlines before the background that they uncover.

A background by medians needs things to leave their place; in a short film they may not. Here the colour that a thing is
named by says roughly where it is in each frame, what is behind is taken from the frames in which it is elsewhere, and
all that then stands out at the rough place is the thing: its stripes and its dark side too, but neither its shadow nor
a thread that it hangs on. Centre and size come from the share of each pixel that it covers. Leaves out moving cameras
and things that have no colour of their own.

Source: the mixing of foreground and background in a pixel is that of Porter and Duff, 1984.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.colour_masks import LEAST_LEVEL, colour_masks, foreign_table, named_pixels, without_stripes
from motionlaw.tools.coloured import Chain, linked, patches_of
from motionlaw.tools.registration import registered

MARGIN = 3
"""Pixels about a thing in which nothing of the background is learned: its blurred edge is there."""

FAINT, FULL = 0.35, 0.65
"""Shares of a thing's contrast below which a pixel is background, above which it is covered: shadows stay below."""

LEAST_CONTRAST = 16.0
"""Levels by which a thing differs from what is behind it at the least."""

WHOLE = 0.93
"""A thing whose area is less than this share of its usual one is partly hidden."""

TURNED = 1.1
"""Factor by which the side nearer to the horizontal changes where a thing turns over."""

LEVEL = 0.06
"""Share by which a box is wider than what stands level in it: between a pixel's parts at its sides and a slope."""

SAMPLES = 48
"""Frames that the background is taken from."""

VIVID = 25.0
"""Chroma levels that set a thing apart by its hue, so that shades count for little."""

SHADE_WEIGHT = 0.3
"""What a difference in luma counts then."""

SEEN_SHARE = 0.4
"""A thing is there in at least this share of the frames."""

MOSTLY = 0.7
"""Share of a part that must lie where the thing's colour is, if it is a part of the thing."""

STRIPE = 0.3
"""Widest stripe of another colour across a thing, as a share of its size."""

MOSTLY_GREY = 0.2
"""Where a smaller share of a picture than this is vivid, that is things and not what is behind them."""

NEARLY_SURE = 0.85
"""A patch that is as sure as this is looked for at no other level."""

STABLE = 14.0
"""Levels by which a pixel that nothing passes may change."""

MOVED_PX = 1.6
"""A patch that goes farther in eight tenths of the frames moves."""

CUT_OFF = 0.9
"""Share of the frames in which the picture's edge cuts a floor or a wall."""

ROOM, ROOM_OF_GREYS = 0.12, 0.2
"""Shares of its size by which a thing may be larger than its colour showed at first; the shades of white are greys."""


@dataclass(frozen=True)
class Silhouettes:
    """One thing's outlines over time.

    Args:
        position: Centres, shape (T, 2), pixels, [x, y], NaN where it is not seen.
        area: Pixels that it covers, shape (T,), 0 where it is not seen.
        xyxy: Boxes about it, shape (T, 4), pixels, NaN where it is not seen.
        sides: Width and height of a rectangle as large and as long, shape (T, 2), pixels; the width is the side nearer
            to the horizontal.
        at_low: Whether it touches the picture's left and upper edge, shape (T, 2).
        at_high: Whether it touches the right and lower one.
        outlines: Of each frame the corners of its convex outline between the centres of its outer pixels, shape (N, 2),
            pixels, [x, y]; no rows where it is not seen.
    """

    position: np.ndarray
    area: np.ndarray
    xyxy: np.ndarray
    sides: np.ndarray
    at_low: np.ndarray
    at_high: np.ndarray
    outlines: tuple[np.ndarray, ...] = ()

    @property
    def is_whole(self) -> np.ndarray:
        """Where it is seen and nothing hides a part of it, the picture's edge neither, shape (T,)."""
        seen = (self.area > 0) & ~self.at_edge
        return seen & (self.area > WHOLE * np.percentile(self.area[seen], 75)) if seen.any() else seen

    @property
    def centres(self) -> np.ndarray:
        """Centres, shape (T, 2), NaN where hidden; at the picture's edge half a usual box away from the edge seen."""
        whole = self.is_whole
        out = np.where(whole[:, None], self.position, np.nan)
        if whole.any():
            half = np.median(self.xyxy[whole, 2:] - self.xyxy[whole, :2], axis=0) / 2
            low, high = self.xyxy[:, :2] + half, self.xyxy[:, 2:] - half
            cut = np.where(self.at_low, high, np.where(self.at_high, low, self.position))
            rows = self.at_edge & ~(self.at_low & self.at_high).any(axis=1)
            out[rows] = cut[rows]
        return out

    @property
    def at_edge(self) -> np.ndarray:
        """Where the picture's edge cuts it, shape (T,)."""
        return (self.at_low | self.at_high).any(axis=1)

    @property
    def diameter_px(self) -> float:
        """Diameter of the disc that covers as much."""
        return float(np.sqrt(4 / np.pi * np.median(self.area[self.is_whole])))

    @property
    def width_px(self) -> float:
        """Its width, that of its box where it is level; the longer side of what turns over."""
        sides, boxes = self.sides[self.is_whole], self.xyxy[self.is_whole]
        low, high = np.percentile(sides[:, 0], [10, 90])
        if high > TURNED * low:
            return float(np.median(np.max(sides, axis=1)))
        side, wide = float(np.median(sides[:, 0])), float(np.median(boxes[:, 2] - boxes[:, 0]))
        return wide if abs(wide / side - 1) < LEVEL else side


def silhouettes(frames: np.ndarray, colours: Sequence[str]) -> dict[str, Silhouettes]:
    """Measures the things of some colours, one of each: the one that moves, or the largest.

    Args:
        frames: Pictures of a camera at rest, uint8, shape (T, H, W, 3), RGB.
        colours: Basic colours, see `motionlaw.tools.looks.COLOURS`.

    Returns:
        The outlines by colour; those of which nothing is found are left out.
    """
    rough: dict[str, np.ndarray] = {}
    for colour in colours:
        best = 0.0
        for masks in colour_masks(frames, colour):
            chain = _thing(linked([patches_of(mask) for mask in masks]), masks.shape)
            sureness = 0.0 if chain is None else _sureness(chain, len(frames))
            if chain is not None and sureness > best:
                best, rough[colour] = sureness, _hulls(masks, chain)
            if best > NEARLY_SURE:
                break
    found: dict[str, _Meter] = {}
    for is_known in (False, True):  # once the things are known whole, so is what is behind them
        if rough:
            still = _background(frames, rough, is_known=is_known)
        found = {colour: _Meter(frames, still, rough, colour) for colour in rough}
        rough = {colour: meter.filled for colour, meter in found.items() if meter.filled.any()}
    return {colour: meter.registered() for colour, meter in found.items()}


def _thing(chains: Sequence[Chain], shape: tuple[int, ...]) -> Chain | None:
    """The patches that are there for long, move, and stay of one size; rather large ones, and no floor or wall."""
    length, height, width = shape
    chains = [
        chain
        for chain in chains
        if len(chain.rows) >= max(2.0, SEEN_SHARE * length) and not _is_cut_off(chain, width, height)
    ]

    def weight(chain: Chain) -> float:
        return _sureness(chain, length) * float(np.median(np.array(chain.patches)[:, 6])) ** 0.5

    return max(chains, key=weight, default=None)


def _is_cut_off(chain: Chain, width: int, height: int) -> bool:
    """Whether the picture's edge cuts it nearly all the time: what reaches on outside holds still."""
    left, top, right, bottom = np.array(chain.patches)[:, :4].T
    return bool(np.mean((left < 1) | (top < 1) | (right > width - 1) | (bottom > height - 1)) > CUT_OFF)


def _sureness(chain: Chain, length: int) -> float:
    """How likely a chain is one thing that moves: there all the time, and of one size, not merged now and then."""
    sizes = np.log(np.array(chain.patches)[:, 6])
    moves = 1.0 if _way(chain) > MOVED_PX else 0.1
    return moves * len(chain.rows) / length * float(np.exp(-np.std(sizes)))


def _way(chain: Chain) -> float:
    """How far a patch moves, pixels; now and then it may be one with something else."""
    low, high = np.percentile(np.array(chain.patches)[:, 4:6], [10, 90], axis=0)
    return float(np.hypot(*(high - low)))


def _hulls(masks: np.ndarray, chain: Chain) -> np.ndarray:
    """The convex hulls of a chain's patches, bool, shape (T, H, W)."""
    import cv2

    out = np.zeros(masks.shape, np.uint8)
    for row, patch in zip(chain.rows, chain.patches, strict=True):
        x1, y1, x2, y2 = (int(value) for value in patch[:4])
        points = cv2.findNonZero(masks[row, y1:y2, x1:x2])
        cv2.fillConvexPoly(out[row], cv2.convexHull(points) + np.array([x1, y1]), 1)
    return out > 0


def _background(frames: np.ndarray, covered: Mapping[str, np.ndarray], *, is_known: bool) -> np.ndarray:
    """What is behind the things, float32, shape (H, W, 3), YCrCb: the mean of frames in which they are elsewhere."""
    import cv2

    kernels = {}
    for colour, masks in covered.items():
        usual = float(np.sqrt(np.median(np.count_nonzero(masks[masks.any(axis=(1, 2))], axis=(1, 2)))))
        room = 0.0 if is_known else ROOM_OF_GREYS if colour in LEAST_LEVEL else ROOM
        size = 2 * (MARGIN + round(room * usual)) + 1
        kernels[colour] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    total, count = np.zeros(frames.shape[1:], np.float32), np.zeros(frames.shape[1:3], np.float32)
    ever = np.zeros(frames.shape[1:3], dtype=bool)
    low, high = np.full_like(frames[0], 255), np.zeros_like(frames[0])
    for k in np.unique(np.linspace(0, len(frames) - 1, SAMPLES).round().astype(int)):
        grown = [cv2.dilate(masks[k].astype(np.uint8), kernels[colour]) for colour, masks in covered.items()]
        vivid = named_pixels(frames[k], foreign_table("")).astype(np.uint8)
        if np.mean(vivid) < MOSTLY_GREY:  # things that were not asked for
            grown.append(cv2.dilate(vivid, np.ones((2 * MARGIN + 1,) * 2, np.uint8)))
        free = 1.0 - np.maximum.reduce(grown).astype(np.float32)
        total += frames[k] * free[:, :, None]
        count += free
        ever |= np.logical_or.reduce([masks[k] for masks in covered.values()])
        smooth = cv2.blur(frames[k], (3, 3))
        low, high = np.minimum(low, smooth), np.maximum(high, smooth)
    # What is near a thing all the time, and neither of its colour nor ever another, is behind it: a rail, a wall.
    still = (np.max(high - low, axis=2) < STABLE) & ~cv2.dilate(ever.astype(np.uint8), np.ones((3, 3))).astype(bool)
    still &= count == 0
    total[still], count[still] = (low[still] / 2.0 + high[still] / 2.0), 1.0
    mean = (total / np.maximum(count, 1.0)[:, :, None]).astype(np.uint8)
    return _ycc(cv2.inpaint(mean, (count == 0).astype(np.uint8), MARGIN, cv2.INPAINT_TELEA))


class _Meter:
    """Measures one thing in all frames before a known background."""

    def __init__(self, frames: np.ndarray, still: np.ndarray, rough: Mapping[str, np.ndarray], colour: str) -> None:
        self.frames, self.still = frames, still
        self.foreign = foreign_table(colour)
        self.rough, self.others = rough[colour], [mask for name, mask in rough.items() if name != colour]
        offsets = [_ycc(frames[k])[self.rough[k]] - still[self.rough[k]] for k in self._sample()]
        offset = np.median(np.concatenate(offsets), axis=0)
        self.weights = np.array([SHADE_WEIGHT if np.hypot(*offset[1:]) > VIVID else 1.0, 1.0, 1.0], np.float32)
        self.contrast = max(float(np.linalg.norm(self.weights * offset)), LEAST_CONTRAST)
        self.filled = np.zeros_like(self.rough)
        length = len(frames)
        self.result = Silhouettes(
            np.full((length, 2), np.nan), np.zeros(length), np.full((length, 4), np.nan), np.full((length, 2), np.nan),
            np.zeros((length, 2), dtype=bool), np.zeros((length, 2), dtype=bool),
        )  # fmt: skip
        for k in range(length):
            if self.rough[k].any():
                self._measure(k)

    def registered(self) -> Silhouettes:
        """What was measured, with the outlines, and the centres refined by the thing's own picture."""
        rows = np.flatnonzero(self.result.is_whole)
        place = registered(self.frames, self.result.position, self.filled, rows)
        return replace(self.result, position=place, outlines=tuple(_convex(mask) for mask in self.filled))

    def _sample(self) -> np.ndarray:
        seen = np.flatnonzero(self.rough.any(axis=(1, 2)))
        return seen[:: max(1, len(seen) // 8)]

    def _measure(self, k: int) -> None:
        import cv2

        reach = 2 * MARGIN + 2
        x, y, width, height = cv2.boundingRect(self.rough[k].astype(np.uint8))
        rows, columns = slice(max(y - reach, 0), y + height + reach), slice(max(x - reach, 0), x + width + reach)
        apart = np.linalg.norm((_ycc(self.frames[k][rows, columns]) - self.still[rows, columns]) * self.weights, axis=2)
        own = self.rough[k][rows, columns]
        # Beside its edge a pixel is compared with the nearest that is wholly the thing's; colour is blurred in films.
        near = np.ones((7, 7) if self.weights[0] < 1 else (3, 3), np.uint8)
        local = cv2.dilate(cv2.blur(apart, (3, 3)) if self.weights[0] < 1 else apart, near)
        share = np.clip((apart / np.maximum(local, 0.6 * self.contrast) - FAINT) / (FULL - FAINT), 0.0, 1.0)
        for other in self.others:
            share[other[k][rows, columns] & ~own] = 0.0
        share[named_pixels(self.frames[k][rows, columns], self.foreign)] = 0.0
        count, labels = cv2.connectedComponents((share > 0.5).astype(np.uint8))
        if count < 2:
            return
        # A stripe may part it; what lies mostly outside of its colour is something else, but for its largest part.
        inside, every = (np.bincount(labels[where], minlength=count) for where in (own, np.ones_like(own)))
        parts = inside > MOSTLY * every
        parts[0], parts[1 + int(np.argmax(inside[1:]))] = False, True
        widest = STRIPE * float(np.sqrt(np.count_nonzero(own)))
        whole = without_stripes(parts[labels].astype(np.uint8), widest, cv2.MORPH_ELLIPSE)
        inner = cv2.erode(whole, np.ones((3, 3), np.uint8), borderValue=1) > 0
        inner |= (whole > 0) & ~parts[labels]
        share = np.where(inner, 1.0, share) * cv2.dilate(whole, np.ones((3, 3), np.uint8))
        self.filled[k, rows, columns] = whole > 0
        self._keep(k, share, columns.start, rows.start)

    def _keep(self, k: int, share: np.ndarray, left: int, top: int) -> None:
        """Writes down the moments of a picture of shares."""
        down, right = np.mgrid[: share.shape[0], : share.shape[1]]
        area = float(share.sum())
        points = np.stack([right.ravel(), down.ravel()])
        weights = share.ravel() / area
        centre = points @ weights
        spread = (points - centre[:, None]) * weights @ (points - centre[:, None]).T - np.eye(2) / 12
        squares, axes = np.linalg.eigh(spread)
        longer = float(np.sqrt(area * np.sqrt(squares[1] / max(squares[0], 0.01))))
        lengths = np.array([longer, area / longer])
        is_level = abs(axes[0, 1]) >= abs(axes[1, 1])
        result = self.result
        result.area[k], result.position[k] = area, centre + np.array([left, top])
        result.sides[k] = lengths if is_level else lengths[::-1]
        seen = np.argwhere(share > 0.5)
        low, high = seen.min(axis=0), seen.max(axis=0)
        x1, y1, x2, y2 = left + low[1], top + low[0], left + high[1], top + high[0]
        result.xyxy[k] = np.array([left, top, left, top]) + _sides(share)
        height, width = self.still.shape[:2]
        result.at_low[k], result.at_high[k] = (x1 < 1, y1 < 1), (x2 > width - 2, y2 > height - 2)


def _convex(mask: np.ndarray) -> np.ndarray:
    """The corners of the convex outline of a mask, shape (N, 2), pixels, [x, y]; none for an empty one."""
    import cv2

    points = cv2.findNonZero(mask.astype(np.uint8))
    return np.zeros((0, 2)) if points is None else cv2.convexHull(points)[:, 0].astype(float)


def _sides(share: np.ndarray) -> np.ndarray:
    """The box about a picture of shares, between the pixels: at each side the pixels that are partly covered count."""
    sides = []
    for profile in (share.max(axis=0), share.max(axis=1)):
        first, last = np.flatnonzero(profile > 0.5)[[0, -1]]
        sides.append((first + 0.5 - profile[: first + 1].sum(), last - 0.5 + profile[last:].sum()))
    return np.array([sides[0][0], sides[1][0], sides[0][1], sides[1][1]])


def _ycc(picture: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2YCrCb).astype(np.float32)
