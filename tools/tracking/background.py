"""What stands still: the background of a clip, and the blobs that differ from it in each frame.

The background is the median of frames sampled over the clip, in luma and both colour differences. Where an object
rests for most of the clip the median holds the object itself; such ghosts are found (the picture has no edge where
the blob ends, the background has) and painted out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from motionlaw.tools.tracking.clip import Clip, Planes, enlarged

SAMPLES = 41
"""Frames that the median is taken over."""

MIN_CONTRAST = 14
"""Grey levels by which a pixel must differ from the background at the least."""

MAX_BLOBS = 24
"""Blobs kept per frame, the largest."""

RESTLESS = 9
"""Grey levels by which a pixel usually differs from the background where there is none."""

CUT_SHARE = 0.45
"""A frame that differs from the background over this share of the picture is a cut, a flash or a fade."""


@dataclass(frozen=True)
class Background:
    """The still picture.

    Args:
        planes: Luma, shape (h, w), and chroma, shape (h/2, w/2), uint8.
        threshold: Difference that a pixel must exceed, shape (h, w), uint8.
        noise: Typical difference of a still pixel, grey levels.
        restless_share: Share of the picture that hardly ever looks like the background.
    """

    planes: Planes
    threshold: np.ndarray
    noise: float
    restless_share: float = 0.0

    @cached_property
    def least(self) -> int:
        """The lowest threshold of all pixels."""
        return int(self.threshold.min())


@dataclass(frozen=True)
class Blobs:
    """What differs from the background in one frame.

    Args:
        centre: Centres of the difference, shape (N, 2), coarse pixels, [x, y].
        xyxy: Boxes, shape (N, 4), coarse pixels, the far edges not included.
        area: Pixels that differ, shape (N,).
        colour: Mean luma and chroma, shape (N, 3).
        touches_border: Whether the box ends at the picture's edge, shape (N,).
        is_cut: Whether the frame differs nearly everywhere, so that its blobs were dropped.
    """

    centre: np.ndarray
    xyxy: np.ndarray
    area: np.ndarray
    colour: np.ndarray
    touches_border: np.ndarray
    is_cut: bool = False


def find_background(clip: Clip) -> Background:
    """Finds the still picture of a clip.

    Args:
        clip: At least two frames.

    Returns:
        The background with its noise and the threshold of every pixel.
    """
    index = np.unique(np.linspace(0, clip.length - 1, min(SAMPLES, clip.length)).round().astype(int))
    samples = [plane[index] for plane in clip.planes]
    planes = _medians(samples)
    # Titles, black frames and cuts would blur the median: leave out the frames that differ widely, and repeat.
    apart = np.array([np.mean(np.abs(sample.astype(np.int16) - planes[0]) > 30) for sample in samples[0]])
    keep = apart <= CUT_SHARE
    if 2 <= keep.sum() < len(index):
        samples = [sample[keep] for sample in samples]
        planes = _medians(samples)
    planes = _without_ghosts(samples, planes)
    coarse = np.stack([sample[::4, ::4] for sample in samples[0]]).astype(np.int16)
    usual = np.median(np.abs(coarse - planes[0][::4, ::4].astype(np.int16)), axis=0)
    # Where a thing moves through, a pixel is still for most of the time: only the median over time is its noise.
    noise = 1.25 * float(np.median(usual))
    return Background(planes, _threshold(planes, noise), noise, float(np.mean(usual > RESTLESS)))


def find_blobs(clip: Clip, background: Background, k: int, *, min_area: int = 5) -> Blobs:
    """Finds what differs from the background in frame ``k`` of the clip.

    Args:
        clip: The reduced frames.
        background: The still picture.
        k: Frame within the clip.
        min_area: Pixels that a blob must have.

    Returns:
        The blobs, the largest first.
    """
    return blobs_of(difference_image(clip.frame_planes(k), background), clip, k, min_area=min_area)


def blobs_of(difference: np.ndarray, clip: Clip, k: int, *, min_area: int) -> Blobs:
    """Cuts a picture of differences into blobs.

    Args:
        difference: How far each pixel is in, shape (h, w), uint8, 0 where it is out.
        clip: The reduced frames, for the colours.
        k: Frame within the clip.
        min_area: Pixels that a blob must have.

    Returns:
        The blobs, the largest first; none, and ``is_cut``, where nearly everything differs.
    """
    import cv2

    mask = cv2.threshold(difference, 0, 255, cv2.THRESH_BINARY)[1]
    if cv2.countNonZero(mask) > CUT_SHARE * mask.size:
        return _blobs([], is_cut=True)
    closed = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = sorted((cv2.boundingRect(contour) for contour in contours), key=lambda box: -box[2] * box[3])
    rows = []
    for x, y, w, h in boxes[: 2 * MAX_BLOBS]:
        part = np.s_[y : y + h, x : x + w]
        area = cv2.countNonZero(mask[part])
        if area < min_area:
            continue
        # Capped at half the usual difference, what lies behind the object hardly shifts its centre.
        cap = max(1.0, 0.5 * cv2.mean(difference[part], mask[part])[0])
        moments = cv2.moments(cv2.threshold(difference[part], cap, 0, cv2.THRESH_TRUNC)[1])
        colour = _mean_colour(clip, k, mask, (x, y, x + w, y + h))
        centre = (x + moments["m10"] / moments["m00"], y + moments["m01"] / moments["m00"])
        border = x <= 0 or y <= 0 or x + w >= mask.shape[1] or y + h >= mask.shape[0]
        rows.append((*centre, x, y, x + w, y + h, area, *colour, border))
    rows.sort(key=lambda row: -row[6])
    return _blobs(rows[:MAX_BLOBS])


def _mean_colour(clip: Clip, k: int, mask: np.ndarray, box: tuple[int, int, int, int]) -> list[float]:
    import cv2

    luma, *chroma = clip.frame_planes(k)
    x1, y1, x2, y2 = box
    inside = mask[y1:y2, x1:x2]
    # Chroma has a pixel for each two by two of luma: that of the upper left one.
    x1, y1 = x1 // 2, y1 // 2
    thin = np.ascontiguousarray(mask[2 * y1 : y2 : 2, 2 * x1 : x2 : 2])
    part = np.s_[y1 : y1 + thin.shape[0], x1 : x1 + thin.shape[1]]
    known = thin if cv2.countNonZero(thin) else None
    return [cv2.mean(luma[box[1] : y2, box[0] : x2], inside)[0], *(cv2.mean(plane[part], known)[0] for plane in chroma)]


def difference_image(planes: Planes, background: Background) -> np.ndarray:
    """Returns by how much each pixel exceeds its threshold, in luma or twice that in colour, shape (h, w), uint8."""
    import cv2

    still = background.planes[0]
    gain = _gain(planes[0], still)
    if abs(gain - 1) > 0.01:  # the camera's automatic exposure answers whatever comes into view
        still = cv2.convertScaleAbs(still, alpha=gain)
    difference = _difference(planes, (still, *background.planes[1:]), background.least)
    return cv2.subtract(difference, background.threshold)


def _difference(planes: Planes, still: Planes, least: int) -> np.ndarray:
    """The difference in luma or twice that in colour, whichever is larger, shape (h, w).

    Colour counts where it may exceed ``least``.
    """
    import cv2

    y, *chroma = (cv2.absdiff(plane, known) for plane, known in zip(planes, still, strict=True))
    x1, y1, w, h = cv2.boundingRect(cv2.threshold(cv2.max(*chroma), least // 2, 255, cv2.THRESH_BINARY)[1])
    if w:
        # Chroma is enlarged before it is compared, or two things of unlike colours would grow together; only where
        # there is any.
        part = np.s_[max(y1 - 1, 0) : y1 + h + 1, max(x1 - 1, 0) : x1 + w + 1]
        u, v = (
            cv2.absdiff(enlarged(plane[part]), enlarged(known[part]))
            for plane, known in zip(planes[1:], still[1:], strict=True)
        )
        colour, rows, columns = cv2.max(u, v), 2 * part[0].start, 2 * part[1].start
        inside = y[rows : rows + colour.shape[0], columns : columns + colour.shape[1]]
        cv2.max(inside, cv2.add(colour, colour), dst=inside)
    return y


def _gain(luma: np.ndarray, still: np.ndarray) -> float:
    """How much brighter a frame is than the background, by the median over a sparse grid."""
    ratios = ((luma[4::16, 4::16] + 1.0) / (still[4::16, 4::16] + 1.0)).ravel()
    ratios.partition(len(ratios) // 2)  # np.median takes four times as long, once a frame
    return float(ratios[len(ratios) // 2])


def _blobs(rows: list[tuple[float, ...]], *, is_cut: bool = False) -> Blobs:
    table = np.asarray(rows, dtype=float).reshape(len(rows), 11)
    return Blobs(table[:, :2], table[:, 2:6], table[:, 6], table[:, 7:10], table[:, 10] > 0, is_cut)


def _medians(samples: list[np.ndarray]) -> Planes:
    y, u, v = (_median(sample) for sample in samples)
    return y, u, v


def _median(samples: np.ndarray) -> np.ndarray:
    """Median over the first axis by Batcher's odd-even merge sort of whole pictures.

    A network of vectorised minima and maxima in bytes is ten times faster here than any per-pixel selection.
    Source: K. E. Batcher, Sorting networks and their applications, AFIPS 1968.
    """
    import cv2

    rows, count = [sample.copy() for sample in samples], len(samples)
    p = 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                for i in range(min(k, count - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        low = cv2.min(rows[i + j], rows[i + j + k])
                        cv2.max(rows[i + j], rows[i + j + k], dst=rows[i + j + k])
                        rows[i + j] = low
            k //= 2
        p *= 2
    return rows[count // 2]


def _threshold(planes: Planes, noise: float) -> np.ndarray:
    """Higher where the picture has edges: a quiver of a quarter pixel there is no motion."""
    import cv2

    luma = planes[0].astype(np.float32)
    gradient = cv2.magnitude(
        cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=0.125)
    )
    return np.clip(max(MIN_CONTRAST, 5 * noise) + 0.3 * cv2.blur(gradient, (3, 3)), 0, 255).astype(np.uint8)


def _without_ghosts(samples: list[np.ndarray], planes: Planes) -> Planes:
    """Paints out objects that rested for most of the clip and so got into the median."""
    import cv2

    planes = (planes[0].copy(), planes[1].copy(), planes[2].copy())
    for k in range(len(samples[0])):
        frame = (samples[0][k], samples[1][k], samples[2][k])
        difference = _difference(frame, planes, 2 * MIN_CONTRAST)
        mask = cv2.threshold(difference, 2 * MIN_CONTRAST, 255, cv2.THRESH_BINARY)[1]
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            _x, _y, w, h = cv2.boundingRect(contour)
            if w * h < 16 or w * h > 0.25 * mask.size or not _is_ghost(samples[0][k], planes[0], contour):
                continue
            outline = cv2.drawContours(np.zeros_like(mask), [contour], -1, 255, -1)
            region = cv2.dilate(outline, np.ones((5, 5), np.uint8)) > 0
            for sample, plane in zip(frame, planes, strict=True):
                share = region.shape[0] // plane.shape[0]
                np.copyto(plane, sample, where=region[::share, ::share])
    return planes


def _is_ghost(luma: np.ndarray, still: np.ndarray, contour: np.ndarray) -> bool:
    """Tells an object from the hole it left: which of the two pictures has an edge along the outline?"""
    points = contour[:, 0, :]
    height, width = luma.shape
    x, y = np.clip(points[:, 0], 2, width - 3), np.clip(points[:, 1], 2, height - 3)

    def edge(picture: np.ndarray) -> float:
        right, left, below, above = picture[(y, y, y + 2, y - 2), (x + 2, x - 2, x, x)].astype(np.float32)
        return float(np.mean(np.hypot(right - left, below - above)))

    return edge(still) > 1.5 * edge(luma) + 4
