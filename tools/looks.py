"""How tracked things look, in words: colour and outline, from a few of their frames.

Names are the eleven basic colour words of English (Berlin and Kay, 1969) and ``round``, ``square``, ``long``. An object
is told from what is behind it by its colour: pixels of the box unlike the rim around the box. Leaves out what a thing
is called.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import read_frames

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
HUES = (  # upper ends, degrees
    (15.0, "red"), (42.0, "orange"), (70.0, "yellow"), (170.0, "green"), (258.0, "blue"), (300.0, "purple"),
    (340.0, "pink"), (360.0, "red"),
)  # fmt: skip
LOOKED_AT = 5
"""Frames of each object that are looked at."""

SHIFTED = 0.08
"""Share by which one of the three colours may be off without another name."""


@dataclass(frozen=True)
class Looks:
    """Colour and outline in words, ``""`` where they cannot be told.

    Args:
        colour: E.g. ``"red"``.
        shape: ``"round"``, ``"square"`` or ``"long"``.
        sureness: Share of the frames looked at in which the thing stood out and had this colour, not near another one.
    """

    colour: str
    shape: str
    sureness: float = 0.0


def colour_name(rgb: Sequence[float]) -> str:
    """Names a colour, red, green and blue from 0 to 255.

    Example:
        >>> [colour_name(c) for c in ((220, 40, 30), (30, 90, 200), (250, 250, 250), (90, 60, 40), (20, 20, 20))]
        ['red', 'blue', 'white', 'brown', 'black']
    """
    high, low = max(rgb), min(rgb)
    chroma = high - low
    if high < 45:
        return "black"
    if chroma < 0.16 * high or chroma < 18:
        return "white" if high > 190 else "grey" if high > 70 else "black"
    r, g, b = rgb
    sector = ((g - b) / chroma) % 6 if high == r else (b - r) / chroma + 2 if high == g else (r - g) / chroma + 4
    hue = 60.0 * sector
    name = next(name for end, name in HUES if hue <= end)
    if name in ("orange", "yellow", "red") and high < 150 and 10 < hue < 60:
        return "brown"
    if name == "red" and low > 130 and high > 200:
        return "pink"
    return name


def is_clear_colour(rgb: Sequence[float], around: Sequence[float]) -> bool:
    """Whether a colour keeps its name in a little more or less of each light, and is not a white that looks grey.

    Example:
        >>> is_clear_colour((220, 40, 30), (90, 90, 90)), is_clear_colour((150, 210, 190), (90, 60, 40))
        (True, False)
    """
    name = colour_name(rgb)
    doubles = [
        [min(255.0, value * (1 + change * (k == channel))) for k, value in enumerate(rgb)]
        for channel in range(3)
        for change in (-SHIFTED, SHIFTED)
    ]
    is_dimmed = name in ("white", "grey") and sum(around) > 600 and 0.6 * sum(around) < sum(rgb) < 0.93 * sum(around)
    return all(colour_name(each) == name for each in doubles) and not (name == "white" and is_dimmed)


def looks_of(path: str | os.PathLike[str], tracks: Sequence[Track]) -> tuple[Looks, ...]:
    """Says how tracked objects look.

    Args:
        path: Their video.
        tracks: Positions and boxes in its pixels.

    Returns:
        One `Looks` a track.
    """
    wanted = {id(one): _rows(one) for one in tracks}
    every = sorted({int(one.frame[row]) for one in tracks for row in wanted[id(one)]})
    pixels: dict[int, list[np.ndarray]] = {id(one): [] for one in tracks}
    outlines: dict[int, list[str]] = {id(one): [] for one in tracks}
    clear: dict[int, list[str]] = {id(one): [] for one in tracks}
    if every:
        times = {int(f): float(t) for one in tracks for f, t in zip(one.frame, one.timestamps, strict=True)}
        for frame in read_frames(path, end_s=times[every[-1]] + 1e-6):
            if frame.index not in every:
                continue
            for one in tracks:
                for row in wanted[id(one)]:
                    if one.frame[row] == frame.index:
                        colour, shape, around = _look(frame.image, one.xyxy[row])
                        pixels[id(one)] += colour
                        outlines[id(one)] += shape
                        if shape and is_clear_colour(colour[0].tolist(), around.tolist()):
                            clear[id(one)].append(colour_name(colour[0].tolist()))
    return tuple(
        _summed(pixels[id(one)], outlines[id(one)], clear[id(one)], max(len(wanted[id(one)]), 1)) for one in tracks
    )


def _rows(track: Track) -> list[int]:
    """The rows of a track in which it is seen best, spread over time."""
    seen = np.flatnonzero(np.isfinite(track.xyxy).all(axis=1) & (track.confidence > 0))
    if not len(seen):
        return []
    parts = np.array_split(seen, min(LOOKED_AT, len(seen)))
    return [int(part[np.argmax(track.confidence[part])]) for part in parts]


def _look(image: np.ndarray, xyxy: np.ndarray) -> tuple[list[np.ndarray], list[str], np.ndarray]:
    """Colour and outline of what is in a box, in lists that are empty where nothing stands out; and the surround."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = xyxy
    margin = max(2.0, 0.25 * max(x2 - x1, y2 - y1))
    left, top = int(max(x1 - margin, 0)), int(max(y1 - margin, 0))
    right, bottom = int(min(x2 + margin + 1, width)), int(min(y2 + margin + 1, height))
    patch = image[top:bottom, left:right].astype(float)
    y, x = np.mgrid[top:bottom, left:right]
    inside = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
    if inside.sum() < 4 or (~inside).sum() < 4:
        return [], [], np.zeros(3)
    around = np.median(patch[~inside], axis=0)
    spread = float(np.median(np.abs(patch[~inside] - around).sum(axis=1)))
    apart = np.abs(patch - around).sum(axis=2)
    own = inside & (apart > max(45.0, 3.0 * spread, 0.4 * float(np.percentile(apart[inside], 95))))
    if own.sum() < max(4, 0.1 * inside.sum()):
        core = (np.abs(x - (x1 + x2) / 2) < (x2 - x1) / 4) & (np.abs(y - (y1 + y2) / 2) < (y2 - y1) / 4)
        return ([np.median(patch[core], axis=0)] if core.any() else []), [], around
    return [np.median(patch[own], axis=0)], [_outline(own)], around


def _outline(own: np.ndarray) -> str:
    """Round, square or long, from the moments of a mask and how it fills its box."""
    y, x = np.nonzero(own)
    if len(x) < 12:
        return ""
    values = np.linalg.eigvalsh(np.cov(np.stack([x, y])))
    if values[1] > 6.0 * max(values[0], 1e-9):
        return "long"
    fill = len(x) / ((np.ptp(x) + 1) * (np.ptp(y) + 1))
    return "square" if fill > 0.9 else "round" if fill > 0.6 and values[1] < 1.8 * values[0] else ""


def _summed(pixels: list[np.ndarray], outlines: list[str], clear: list[str], count: int) -> Looks:
    names = [colour_name(one.tolist()) for one in pixels]
    colour = max(set(names), key=lambda name: (names.count(name), name)) if names else ""
    shape = max(set(outlines), key=lambda name: (outlines.count(name), name)) if outlines else ""
    return Looks(colour, shape, clear.count(colour) / count)
