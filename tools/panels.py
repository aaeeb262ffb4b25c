"""Three small pictures of a motion for a small model: what position, velocity and time do, two panels each.

Position: what it does to the acceleration (red, and blue what is about the origin), and of that what a straight line
(red) and a cubic (blue) leave. Velocity: what it does (colour: position), and how much for each unit of velocity, over
velocity (red) and over position (blue). Time: periodograms of what position and velocity leave (red) and of what the
best wave leaves then (blue) with bands that end at the waves found, and the phase portrait (colour: acceleration).
They are pictures of their own so that each is judged by itself, whatever it came with in training. The parts are those
of `motionlaw.tools.components`. Lines of the grid lie one unit apart, so that a picture tells sizes without words; bars
at the edges of panels without such lines tell their spans by powers of ten. A model is trained on these very pictures;
figures for people are `motionlaw.tools.plot`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motionlaw.tools.components import WAVES, Components, frequencies, take_apart

# The pictures, a panel's side in pixels, and panels in each picture, beside each other.
PICTURES, SIDE_PX, ACROSS = ("position", "velocity", "time"), 32, 2
# Rows are joined by straight lines of so many points in all.
POINTS = 501
# Points on a pixel that make it as bright as can be: this many, less the e-th part.
FULL = 3.0
EDGE_PX = 1.0
GRID, ZERO, MOST_LINES = 0.3, 0.7, 12
# How far what is about the origin reaches, in units.
ORIGIN = 1.5
# Spans that leave a bar empty and fill it.
LEAST_SPAN, MOST_SPAN = 1e-3, 1e2


@dataclass(frozen=True)
class Motions:
    """Motions of one coordinate on common times.

    Args:
        t: Shape (T,).
        x: Positions, shape (N, T).
        v: Velocities, shape (N, T).
        a: Accelerations, shape (N, T).
    """

    t: np.ndarray
    x: np.ndarray
    v: np.ndarray
    a: np.ndarray

    def joined(self) -> Motions:
        """The same, joined by straight lines, at `POINTS` even times."""
        even = np.linspace(self.t[0], self.t[-1], POINTS)
        x, v, a = (np.array([np.interp(even, self.t, row) for row in each]) for each in (self.x, self.v, self.a))
        return Motions(even, x, v, a)


def draw_panels(motions: Motions) -> np.ndarray:
    """Draws the pictures of each motion.

    Args:
        motions: The motions, without NaN.

    Returns:
        Pixels, shape (N, 3, 32, 64, 3), uint8, red, green, blue; the pictures in the order of `PICTURES`.

    Example:
        >>> t = np.linspace(0, 6, 50)
        >>> draw_panels(Motions(t, np.sin(t)[None], np.cos(t)[None], -np.sin(t)[None])).shape
        (1, 3, 32, 64, 3)
    """
    return draw_with_waves(motions)[0]


def draw_with_waves(motions: Motions) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of each motion, and the frequencies of the waves in them, the strongest first, shape (N, 2), NaN
    where there is none."""
    even = motions if len(motions.t) == POINTS else motions.joined()
    parts = take_apart(even.t, even.x, even.v, even.a)
    of_x, of_v = parts.of_x + parts.left, parts.of_v + parts.left
    pictures = [
        (_of_position(even.x, of_x, parts.floor), _remainders(even.x, of_x, parts.floor)),
        (_points(even.v, of_v, even.x, parts.floor), _strengths(even, parts)),
        (_spectra(parts), _points(even.x, even.v, even.a)),
    ]
    images = np.stack([np.concatenate(pair, axis=2) for pair in pictures], axis=1)
    return np.round(255 * images).astype(np.uint8), parts.frequency


def _points(
    across: np.ndarray, up: np.ndarray, colour: np.ndarray, floor: np.ndarray | float = 0.0
) -> np.ndarray:
    """Points spread over four pixels each, (N, S, S, 3): red for large values, blue for small ones, a grid in green."""
    (px, low_x, span_x), (value, *_) = _share(across), _share(colour)
    py, low_y, span_y = _share(up, floor)
    total, summed = _spread(px, 1 - py, value)
    light, mean = 1 - np.exp(-total / FULL), summed / np.maximum(total, 1e-9)
    lines = np.maximum(_lines(low_x, span_x)[:, None, :], _lines(low_y, span_y)[:, ::-1, None])
    return np.stack([light * mean, lines, light * (1 - mean)], axis=-1)


def _of_position(x: np.ndarray, part: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """A part over position: red all of it, on a grid, and blue what is about the origin."""
    panel = _points(x, part, np.ones_like(x), floor)
    panel[..., 0] += panel[..., 2]
    near = np.maximum(np.abs(x), np.abs(part)) < ORIGIN
    across, down = (0.5 + 0.5 * np.clip(each / ORIGIN, -1, 1) for each in (x, -part))
    _, total = _spread(across, down, near.astype(float))
    panel[..., 2] = 1 - np.exp(-total / FULL)
    return panel


def _strengths(motions: Motions, parts: Components) -> np.ndarray:
    """What velocity does for each unit of velocity: red over velocity, blue what position changes in it, over position;
    a line at zero, and a bar of the span."""
    panel = np.zeros((len(parts.floor), SIDE_PX, SIDE_PX, 3))
    both = np.stack([parts.drag, parts.swing])
    low, high = np.minimum(both.min(axis=(0, 2)), 0), np.maximum(both.max(axis=(0, 2)), 0)
    fastest = np.maximum(np.abs(motions.v).max(axis=1), 1e-12)
    span = np.maximum(high - low, 2 * parts.floor / fastest)[:, None]
    for colour, across, up in ((0, motions.v, parts.drag), (2, motions.x, parts.swing)):
        total, _ = _spread(_share(across)[0], 1 - (up - low[:, None]) / span, None)
        panel[..., colour] = 1 - np.exp(-total / FULL)
    zero = EDGE_PX + (1 + low[:, None] / span) * (SIDE_PX - 1 - 2 * EDGE_PX)
    panel[..., 1] = ZERO * np.clip(1 - np.abs(np.arange(SIDE_PX) - zero), 0, 1)[:, :, None]
    panel[:, :, 0, 1] = _bar(span)
    return panel


def _bar(span: np.ndarray) -> np.ndarray:
    """A bar from below whose height is the logarithm of a span, (N, S)."""
    filled = np.log(span / LEAST_SPAN) / np.log(MOST_SPAN / LEAST_SPAN) * SIDE_PX
    bar: np.ndarray = np.clip(filled - np.arange(SIDE_PX)[::-1], 0, 1)
    return bar


def _remainders(across: np.ndarray, part: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """What a straight line (red) and a cubic (blue) leave of a part, each over its own span, with bars of the spans."""
    panel = np.zeros((len(part), SIDE_PX, SIDE_PX, 3))
    px, low, span = _share(across)
    for colour, degree, edge in ((0, 1, 0), (2, 3, SIDE_PX - 1)):
        rest = _left_by(across, part, degree)
        half = np.maximum(np.abs(rest).max(axis=1), floor)[:, None]
        total, _ = _spread(px, 0.5 - 0.5 * rest / half, None)
        panel[..., colour] = 1 - np.exp(-total / FULL)
        panel[:, :, edge, 1] = _bar(half)
    panel[..., 1:-1, 1] = np.maximum(_lines(low, span)[:, None, 1:-1], 0)
    return panel


def _left_by(across: np.ndarray, part: np.ndarray, degree: int) -> np.ndarray:
    """What is left of a part by the polynomial of a degree that fits it best, shape (N, T)."""
    scaled = 2 * _share(across)[0] - 1
    powers = np.stack([scaled**k for k in range(degree + 1)], axis=1)
    gram = powers @ powers.transpose(0, 2, 1) + 1e-9 * part.shape[1] * np.eye(degree + 1)
    weights = np.linalg.solve(gram, powers @ part[:, :, None])
    left: np.ndarray = part - (weights.transpose(0, 2, 1) @ powers)[:, 0]
    return left


def _spectra(parts: Components) -> np.ndarray:
    """Periodograms as bars from below, red before the best wave is taken out and blue after; in green for each wave a
    band from the left up to its frequency, and below it one as bright as the wave is a cosine."""
    count, band = len(parts.floor), SIDE_PX // (2 * WAVES)
    panel = np.zeros((count, SIDE_PX, SIDE_PX, 3))
    heights = np.sqrt(parts.spectra).reshape(count, WAVES, SIDE_PX, -1).max(axis=3) * SIDE_PX
    for k, colour in ((0, 0), (1, 2)):
        panel[..., colour] = np.clip(heights[:, k, None, :] - np.arange(SIDE_PX)[::-1, None], 0, 1)
    grid = np.log(frequencies())
    place = (np.log(np.nan_to_num(parts.frequency, nan=1e-6)) - grid[0]) / (grid[-1] - grid[0]) * (SIDE_PX - 1)
    lit = np.clip(place[:, :, None] + 1 - np.arange(SIDE_PX), 0, 1)
    both = ZERO * np.stack([lit, lit * parts.cosine[:, :, None]], axis=2)
    panel[..., 1] = np.repeat(both.reshape(count, 2 * WAVES, SIDE_PX), band, axis=1)
    return panel


def _share(values: np.ndarray, floor: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values as shares of their span, or of twice the floor about their middle, and where that begins and its size."""
    low, high = values.min(axis=1), values.max(axis=1)
    span = np.maximum(np.maximum(high - low, 2 * np.asarray(floor)), 1e-12)[:, None]
    low = np.where(high - low < span[:, 0], (low + high - span[:, 0]) / 2, low)[:, None]
    return (values - low) / span, low, span


def _spread(across: np.ndarray, down: np.ndarray, value: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """How many points lie on each pixel, spread over four pixels each, and the sum of their values, (N, S, S)."""
    count, side = len(across), SIDE_PX
    px, py = (EDGE_PX + each * (side - 1 - 2 * EDGE_PX) for each in (across, down))
    ix, iy = px.astype(np.int64), py.astype(np.int64)
    fx, fy = px - ix, py - iy
    base = np.arange(count)[:, None] * side * side + iy * side + ix
    places = np.concatenate([base, base + 1, base + side, base + side + 1], axis=1).ravel()
    weight = np.concatenate([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=1)
    total = np.bincount(places, weight.ravel(), count * side * side).reshape(count, side, side)
    if value is None:
        return total, total
    summed = np.bincount(places, (weight * np.tile(value, 4)).ravel(), count * side * side)
    return total, summed.reshape(count, side, side)


def _lines(low: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Brightness of grid lines along one axis, shape (N, S): one unit (or a power of ten) apart, zero brighter."""
    step = 10.0 ** np.maximum(0, np.ceil(np.log10(span / MOST_LINES)))
    inner = SIDE_PX - 1 - 2 * EDGE_PX
    values = (np.arange(SIDE_PX) - EDGE_PX) / inner * span + low
    pixel = span / inner
    off = np.abs(values - np.round(values / step) * step) / pixel
    is_zero = np.abs(values) < step / 2
    return np.clip(1 - off, 0, 1) * np.where(is_zero, ZERO, GRID)
