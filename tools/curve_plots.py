"""Plots of curves, drawn straight into pixels: a phase portrait or x(t) in a few milliseconds, in several styles.

A plot has a frame, ticks with numbers, a grid, names of the axes, and one curve with its start marked. Colours, line
width, size and the like are drawn from a seed (`draw_style`). The data set `physsymbol` shows them and a model that is
asked sees them; figures for people to read are `motionlaw.tools.plot`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

# Width and height in pixels.
SIZES = ((320, 240), (384, 288), (448, 336), (512, 384), (384, 384), (448, 448), (560, 336))
# Background, plot area, frame and words, grid, curve, start; red, green, blue.
PALETTES = {
    "plain": ("ffffff", "ffffff", "222222", "d9d9d9", "1f77b4", "d62728"),
    "black": ("ffffff", "ffffff", "000000", "cccccc", "000000", "c00000"),
    "grey": ("ffffff", "ebebeb", "555555", "ffffff", "d1495b", "00798c"),
    "night": ("1b1e28", "1b1e28", "d8dee9", "3b4252", "88c0d0", "ebcb8b"),
    "paper": ("fbf7ec", "fbf7ec", "4a3f35", "e3d9c3", "8c2d04", "08519c"),
    "green": ("ffffff", "f7faf7", "2b2b2b", "d5e3d5", "238b45", "d94801"),
    "violet": ("ffffff", "ffffff", "333333", "e4e0ee", "6a51a3", "e6550d"),
}
FRAMES = ("box", "left and bottom", "through zero")
# Positions are handed to OpenCV in sixteenths of a pixel.
SHIFT = 4
# A dotted curve shows every so manieth row.
DOTS = 3


@dataclass(frozen=True)
class Style:
    """How a plot looks.

    Args:
        width: Pixels.
        height: Pixels.
        palette: One of `PALETTES`.
        frame: One of `FRAMES`.
        has_grid: Whether grid lines are drawn.
        line_px: OpenCV's thickness of the curve; with its soft edges it looks a pixel wider.
        is_dotted: Whether rows are dots instead of a line.
        has_start: Whether the first row is marked.
        is_filled_by_motion: Whether the axes end where the curve ends, or at ticks.
        font_px: Size of the words, pixels.
    """

    width: int
    height: int
    palette: str
    frame: str
    has_grid: bool
    line_px: int
    is_dotted: bool
    has_start: bool
    is_filled_by_motion: bool
    font_px: int


# How plots look that a model is asked about; it was trained on all styles.
PLAIN = Style(448, 336, "plain", "box", True, 2, False, True, True, 14)


def draw_style(rng: np.random.Generator) -> Style:
    """Draws a style; a quarter are plain dots, two thirds have a grid."""
    width, height = SIZES[rng.integers(len(SIZES))]
    return Style(
        width=width,
        height=height,
        palette=list(PALETTES)[rng.integers(len(PALETTES))],
        frame=FRAMES[rng.choice(len(FRAMES), p=(0.5, 0.35, 0.15))],
        has_grid=bool(rng.random() < 0.65),
        line_px=int(rng.integers(1, 3)),
        is_dotted=bool(rng.random() < 0.15),
        has_start=bool(rng.random() < 0.5),
        is_filled_by_motion=bool(rng.random() < 0.7),
        font_px=round(height / 26) + int(rng.integers(0, 3)),
    )


def ticks_between(low: float, high: float, most: int) -> np.ndarray:
    """Round numbers in a range, evenly spaced by 1, 2, 2.5 or 5 times a power of ten.

    Example:
        >>> ticks_between(-1.3, 2.2, 5).tolist()
        [-1.0, 0.0, 1.0, 2.0]
    """
    step = tick_step(low, high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return np.arange(first, last + 1) * step


def tick_step(low: float, high: float, most: int) -> float:
    """The smallest round step that cuts a range into at most so many parts."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * each for each in (1.0, 2.0, 2.5, 5.0, 10.0) if power * each >= least * (1 - 1e-9))


def tick_names(ticks: np.ndarray) -> list[str]:
    """Ticks in words, all with the same number of decimals, and a true minus sign.

    Example:
        >>> tick_names(np.array([-0.5, 0.0, 0.5]))
        ['−0.5', '0.0', '0.5']
    """
    for decimals in range(9):
        words = [f"{each:.{decimals}f}" for each in ticks]
        if np.allclose([float(word) for word in words], ticks, rtol=1e-9, atol=1e-9 * np.abs(ticks).max(initial=1e-30)):
            break
    return [word.replace("-", "−") if float(word) else word.replace("-", "") for word in words]


class _Canvas:
    """A picture under work, with the maps from values to pixels."""

    def __init__(
        self, style: Style, x: np.ndarray, y: np.ndarray, margins: tuple[int, ...], most: tuple[int, int]
    ) -> None:
        import cv2

        self.cv2, self.style = cv2, style
        colours = [tuple(int(word[k : k + 2], 16) for k in (4, 2, 0)) for word in PALETTES[style.palette]]
        self.ground, self.area, self.ink, self.grid, self.curve, self.start = colours
        self.image = np.empty((style.height, style.width, 3), np.uint8)
        self.image[:] = self.ground
        left, right, top, bottom = margins
        self.box = (left, top, style.width - right, style.height - bottom)
        self.image[top : style.height - bottom, left : style.width - right] = self.area
        self.x_range, self.y_range = _limits(x, style, most[0]), _limits(y, style, most[1])

    def to_px(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Pixels of values, shape (T, 2), in sixteenths."""
        x0, y0, x1, y1 = self.box
        (low_x, high_x), (low_y, high_y) = self.x_range, self.y_range
        px = x0 + (np.asarray(x) - low_x) / (high_x - low_x) * (x1 - x0 - 1)
        py = y1 - 1 - (np.asarray(y) - low_y) / (high_y - low_y) * (y1 - y0 - 1)
        return np.round(np.column_stack([px, py]) * 2**SHIFT).astype(np.int32)

    def rule(self, x0: int, y0: int, x1: int, y1: int, colour: Any) -> None:
        """A straight line along pixels, sharp."""
        self.image[min(y0, y1) : max(y0, y1) + 1, min(x0, x1) : max(x0, x1) + 1] = colour

    def write(self, word: str, x: int, y: int, *, across: float, down: float, is_upright: bool = False) -> None:
        """Writes a word; ``across`` and ``down`` say which part of it lies at the pixel: 0 left or top, 1 the other."""
        mask = _word(word, self.style.font_px)
        if is_upright:
            mask = np.rot90(mask)
        height, width = mask.shape
        x, y = round(x - across * width), round(y - down * height)
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + width, self.style.width), min(y + height, self.style.height)
        if x1 <= x0 or y1 <= y0:
            return
        share = mask[y0 - y : y1 - y, x0 - x : x1 - x, None].astype(np.uint16)
        under = self.image[y0:y1, x0:x1].astype(np.uint16)
        self.image[y0:y1, x0:x1] = ((under * (255 - share) + np.array(self.ink, np.uint16) * share) // 255).astype(
            np.uint8
        )


def _limits(values: np.ndarray, style: Style, most: int) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(abs(high), 1e-9):
        low, high = low - 0.5, high + 0.5
    edge = 0.05 * (high - low)
    if style.is_filled_by_motion:
        return low - edge, high + edge
    step = tick_step(low, high, most)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


@lru_cache(maxsize=4096)
def _word(word: str, font_px: int) -> np.ndarray:
    """A word as coverage from 0 to 255, cut to a line's height and its own width."""
    import cv2

    font = cv2.FontFace("sans")
    height = round(1.3 * font_px)
    mask = np.zeros((height, font_px * (len(word) + 2), 3), np.uint8)
    cv2.putText(mask, word, (2, round(1.02 * font_px)), (255, 255, 255), font, font_px, 400)
    grey = mask[:, :, 0]
    used = np.flatnonzero(grey.any(axis=0))
    return np.ascontiguousarray(grey[:, used[0] : used[-1] + 1]) if len(used) else grey[:, :1]


def draw_plot(x: np.ndarray, y: np.ndarray, names: tuple[str, str], style: Style) -> np.ndarray:
    """Draws one curve.

    Args:
        x: Shape (T,).
        y: Shape (T,).
        names: What stands at the two axes.
        style: How it looks.

    Returns:
        Pixels, shape (H, W, 3), blue, green, red.
    """
    font = style.font_px
    most = (max(4, style.width // (5 * font)), max(4, style.height // (4 * font)))
    y_words = tick_names(ticks_between(*_limits(y, style, most[1]), most[1]))
    widest = max(_word(word, font).shape[1] for word in y_words)
    margins = (widest + int(2.2 * font) + 6, int(1.2 * font), int(0.9 * font), int(2.9 * font) + 4)
    canvas = _Canvas(style, x, y, margins, most)
    x_ticks, y_ticks = ticks_between(*canvas.x_range, most[0]), ticks_between(*canvas.y_range, most[1])
    _draw_axes(canvas, x_ticks, y_ticks, names)
    _draw_curve(canvas, x, y)
    return canvas.image


def whole(px: np.ndarray) -> np.ndarray:
    """The nearest pixels of places in sixteenths."""
    return (px + 2 ** (SHIFT - 1)) >> SHIFT


def _draw_axes(canvas: _Canvas, x_ticks: np.ndarray, y_ticks: np.ndarray, names: tuple[str, str]) -> None:
    style, font = canvas.style, canvas.style.font_px
    x0, y0, x1, y1 = canvas.box
    low_x, low_y = canvas.x_range[0], canvas.y_range[0]
    xs = whole(canvas.to_px(x_ticks, np.full(len(x_ticks), low_y)))[:, 0]
    ys = whole(canvas.to_px(np.full(len(y_ticks), low_x), y_ticks))[:, 1]
    if style.has_grid:
        for px in xs.tolist():
            canvas.rule(px, y0, px, y1 - 1, canvas.grid)
        for py in ys.tolist():
            canvas.rule(x0, py, x1 - 1, py, canvas.grid)
    across, up = x0, y1 - 1
    if style.frame == "through zero":
        zero_x, zero_y = whole(canvas.to_px(np.zeros(1), np.zeros(1)))[0].tolist()
        across, up = (zero_x if x0 < zero_x < x1 else x0), (zero_y if y0 < zero_y < y1 else y1 - 1)
    canvas.rule(across, y0, across, y1 - 1, canvas.ink)
    canvas.rule(x0, up, x1 - 1, up, canvas.ink)
    if style.frame == "box":
        canvas.rule(x1 - 1, y0, x1 - 1, y1 - 1, canvas.ink)
        canvas.rule(x0, y0, x1 - 1, y0, canvas.ink)
    mark = max(3, font // 3)
    for px, word in zip(xs.tolist(), tick_names(x_ticks), strict=True):
        canvas.rule(px, up, px, up + mark, canvas.ink)
        canvas.write(word, px, y1 + mark + 2, across=0.5, down=0.0)
    for py, word in zip(ys.tolist(), tick_names(y_ticks), strict=True):
        canvas.rule(across - mark, py, across, py, canvas.ink)
        canvas.write(word, x0 - mark - 3, py, across=1.0, down=0.5)
    canvas.write(names[0], (x0 + x1) // 2, style.height - 2, across=0.5, down=1.0)
    canvas.write(names[1], 3, (y0 + y1) // 2, across=0.0, down=0.5, is_upright=True)


def _draw_curve(canvas: _Canvas, x: np.ndarray, y: np.ndarray) -> None:
    cv2, style = canvas.cv2, canvas.style
    points = canvas.to_px(x, y)
    if style.is_dotted:
        for px, py in points[::DOTS].tolist():
            cv2.circle(canvas.image, (px, py), (style.line_px + 2) << (SHIFT - 1), canvas.curve, -1, cv2.LINE_AA, SHIFT)
    else:
        cv2.polylines(canvas.image, [points], False, canvas.curve, style.line_px, cv2.LINE_AA, SHIFT)
    if style.has_start:
        centre = (int(points[0, 0]), int(points[0, 1]))
        cv2.circle(canvas.image, centre, (style.line_px + 3) << SHIFT, canvas.start, -1, cv2.LINE_AA, SHIFT)


def encode_png(image: np.ndarray) -> bytes:
    """The bytes of a PNG."""
    import cv2

    return bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1])
