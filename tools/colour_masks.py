"""Where pictures have a colour: masks by the names of colours, cleaned of specks and of stripes.

Vivid colours are told by themselves, black and white beside the rest of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from motionlaw.tools.coloured import colour_table

STRIPES = (0.06, 0.02)
"""Widest stripes of another colour across a thing, as shares of the picture's longer side: those of a large thing, and
of a small one, which a wide gap parts from what is beside it."""

LEAST_LEVEL = {"white": 150.0, "black": 180.0}
"""How bright, or how far from bright, all channels of what is white or black are at the least."""

VIVID_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
NEIGHBOURS = {
    "red": ("orange", "pink"), "orange": ("red", "yellow"), "yellow": ("orange",), "blue": ("purple",),
    "purple": ("blue", "pink"), "pink": ("red", "purple"),
}  # fmt: skip
"""Colours that shades of a thing may pass for."""

DIM = 64
"""The hue of what is darker is noise."""

EXTREMES = (0.35, 0.5, 0.65)
"""How far it is from the picture's usual level towards its brightest or darkest; the first that shows what moves."""


def colour_masks(frames: np.ndarray, colour: str) -> Iterator[np.ndarray]:
    """Yields where frames have a colour, uint8, shape (T, H, W).

    Black and white are told beside the rest of the picture, at several levels: at a low one a thing's shades belong to
    it, at a high one what is merely bright does not; other colours as they are, then where they are most vivid. Stripes
    are filled, first wide ones, then narrow ones.
    """
    import cv2

    if colour in LEAST_LEVEL:
        # White is what is bright in all channels, black what is dark in all.
        level = frames.min(axis=3) if colour == "white" else 255 - frames.max(axis=3)
        usual = float(np.median(level[:: max(1, len(frames) // 5), ::4, ::4]))
        top = _top(level)
        found = [level > max(LEAST_LEVEL[colour], usual + share * (top - usual)) for share in EXTREMES]
    else:
        named = named_pixels(frames, colour_table(colour) > 0)
        found = [named, named & _stands_out(frames, named)]
    for widest in STRIPES:
        for each in found:
            specks = np.ones((3, 3), np.uint8)
            opened = (cv2.morphologyEx(mask, cv2.MORPH_OPEN, specks) for mask in each.astype(np.uint8))
            yield np.stack([without_stripes(mask, widest * max(mask.shape), cv2.MORPH_RECT) for mask in opened])


def _stands_out(frames: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Which pixels are more vivid than halfway from a colour's usual to its most vivid in the frames: wood is not."""
    vividness = np.where(named, frames.max(axis=3) - frames.min(axis=3), 0).astype(np.uint8)
    usual = float(np.median(vividness[named])) if named.any() else 0.0
    return np.asarray(vividness > (usual + _top(vividness)) / 2)


def _top(levels: np.ndarray) -> float:
    """The highest level that is no speck."""
    import cv2

    return max(float(cv2.blur(each, (5, 5)).max()) for each in levels)


def named_pixels(picture: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Which pixels, shape (..., 3), are of a table's colours."""
    index = picture // (256 // len(table))
    return table[index[..., 0], index[..., 1], index[..., 2]]


@lru_cache
def foreign_table(colour: str) -> np.ndarray:
    """The table of the vivid colours that a thing of this colour does not have, its shades and its shine included."""
    tables = [colour_table(each) for each in VIVID_COLOURS if each != colour and each not in NEIGHBOURS.get(colour, ())]
    size = len(tables[0])
    index = np.arange(size)
    is_lit = np.maximum(np.maximum(index[:, None, None], index[None, :, None]), index) * (256 // size) > DIM
    return np.logical_or.reduce(tables) & is_lit


def without_stripes(mask: np.ndarray, width: float, shape: int) -> np.ndarray:
    """A mask, uint8, with its holes filled and stripes of another colour up to a width, by a kernel of OpenCV's."""
    import cv2

    size = max(round(width), 2)
    kernel = cv2.getStructuringElement(shape, (2 * (size // 2) + 1,) * 2)
    roomy = cv2.copyMakeBorder(mask, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(roomy, cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(closed, contours, -1, 1, -1)[size:-size, size:-size]
