"""One small picture of a motion for a small model: four panels of points whose colour tells a third quantity.

Phase portrait (colour: acceleration), acceleration over position (colour: velocity), acceleration over velocity
(colour: position), and position over time (colour: acceleration). Lines of the grid lie one unit apart, so that the
picture tells sizes without words. A model is trained on these very pictures; figures for people are
`motionlaw.tools.plot`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A panel's side in pixels; the picture has twice two of them.
SIDE_PX = 32
# Rows are joined by straight lines of so many points in all.
POINTS = 501
# Panels as across, up and colour, in the order left to right, top to bottom.
PANELS = (("x", "v", "a"), ("x", "a", "v"), ("v", "a", "x"), ("t", "x", "a"))
# Points on a pixel that make it as bright as can be: this many, less the e-th part.
FULL = 3.0
EDGE_PX = 1.0
GRID, ZERO, MOST_LINES = 0.3, 0.7, 12


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
    """Draws one picture for each motion.

    Args:
        motions: The motions, without NaN.

    Returns:
        Pixels, shape (N, 64, 64, 3), uint8, red, green, blue.

    Example:
        >>> t = np.linspace(0, 6, 50)
        >>> draw_panels(Motions(t, np.sin(t)[None], np.cos(t)[None], -np.sin(t)[None])).shape
        (1, 64, 64, 3)
    """
    count = len(motions.x)
    even = motions if len(motions.t) == POINTS else motions.joined()
    columns = {"t": np.broadcast_to(even.t, even.x.shape), "x": even.x, "v": even.v, "a": even.a}
    low = {name: values.min(axis=1, keepdims=True) for name, values in columns.items()}
    span = {name: np.maximum(np.ptp(values, axis=1)[:, None], 1e-12) for name, values in columns.items()}
    share = {name: (values - low[name]) / span[name] for name, values in columns.items()}
    picture = np.empty((count, 2 * SIDE_PX, 2 * SIDE_PX, 3), np.float32)
    for k, (across, up, colour) in enumerate(PANELS):
        row, column = divmod(k, 2)
        panel = _points(share[across], 1 - share[up], share[colour])
        lines = np.maximum(
            _lines(low[across], span[across])[:, None, :], _lines(low[up], span[up])[:, ::-1, None]
        ) if across != "t" else np.broadcast_to(_lines(low[up], span[up])[:, ::-1, None], panel.shape[:3])  # fmt: skip
        panel[..., 1] = np.maximum(panel[..., 1], lines)
        picture[:, row * SIDE_PX : (row + 1) * SIDE_PX, column * SIDE_PX : (column + 1) * SIDE_PX] = panel
    return np.round(255 * picture).astype(np.uint8)


def _points(across: np.ndarray, down: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Points spread over four pixels each, (N, S, S, 3): red for large values, blue for small ones."""
    count, side = len(across), SIDE_PX
    px, py = (EDGE_PX + each * (side - 1 - 2 * EDGE_PX) for each in (across, down))
    ix, iy = px.astype(np.int64), py.astype(np.int64)
    fx, fy = px - ix, py - iy
    base = np.arange(count)[:, None] * side * side + iy * side + ix
    places = np.concatenate([base, base + 1, base + side, base + side + 1], axis=1).ravel()
    weight = np.concatenate([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=1)
    total = np.bincount(places, weight.ravel(), count * side * side)
    summed = np.bincount(places, (weight * np.tile(value, 4)).ravel(), count * side * side)
    light = 1 - np.exp(-total / FULL)
    mean = summed / np.maximum(total, 1e-9)
    return np.stack([light * mean, np.zeros_like(light), light * (1 - mean)], axis=-1).reshape(count, side, side, 3)


def _lines(low: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Brightness of grid lines along one axis, shape (N, S): one unit (or a power of ten) apart, zero brighter."""
    step = 10.0 ** np.maximum(0, np.ceil(np.log10(span / MOST_LINES)))
    inner = SIDE_PX - 1 - 2 * EDGE_PX
    values = (np.arange(SIDE_PX) - EDGE_PX) / inner * span + low
    pixel = span / inner
    off = np.abs(values - np.round(values / step) * step) / pixel
    is_zero = np.abs(values) < step / 2
    return np.clip(1 - off, 0, 1) * np.where(is_zero, ZERO, GRID)
