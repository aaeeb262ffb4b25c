"""Plots by our own rasteriser: every row lies where its value says, in every style."""

import cv2
import numpy as np
import pytest

from motionlaw.tools.curve_plots import (
    FRAMES,
    PALETTES,
    SIZES,
    Style,
    draw_plot,
    draw_style,
    encode_png,
    tick_names,
    ticks_between,
)  # fmt: skip

PLAIN = Style(448, 336, "plain", "box", True, 2, False, False, True, 14)


def colour(word):
    return np.array([int(word[k : k + 2], 16) for k in (4, 2, 0)])


def curve_pixels(image, palette):
    """Where the curve's own colour is, rows and columns."""
    return np.argwhere(np.abs(image.astype(int) - colour(PALETTES[palette][4])).max(axis=2) < 10)


def test_a_straight_line_lies_on_the_diagonal():
    """From corner to corner of the plot area, to a pixel, whatever the numbers."""
    for low, high in ((0.0, 1.0), (-1e-4, 3e-4), (2e3, 9e3)):
        x = np.linspace(low, high, 500)
        found = curve_pixels(draw_plot(x, 2 * x - 1, ("x", "y"), PLAIN), "plain")
        slope, offset = np.polyfit(found[:, 1], found[:, 0], 1)
        assert np.abs(found[:, 0] - slope * found[:, 1] - offset).max() < 2.5
        assert slope < 0, "up is up"


def test_grid_lines_lie_at_round_numbers():
    """The curve of a square wave at ±1 lies on the grid lines of ±1."""
    x = np.linspace(0, 10, 1001)
    image = draw_plot(x, np.sign(np.sin(x)), ("t", "x"), PLAIN)
    found = curve_pixels(image, "plain")
    grid = np.argwhere(np.abs(image.astype(int) - colour(PALETTES["plain"][3])).max(axis=2) < 3)
    lines = np.flatnonzero(np.bincount(grid[:, 0]) > 100)
    middle = image.shape[0] / 2 - 20
    for side in (found[:, 0] < middle - 60, found[:, 0] > middle + 60):
        level = np.argsort(np.bincount(found[side, 0]))[-3:].mean()  # the curve is three pixels wide
        assert np.abs(lines - level).min() < 0.6


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("frame", FRAMES)
def test_every_style_shows_the_whole_curve(palette, frame):
    """In every size, and nothing of it outside the picture's frame."""
    t = np.linspace(0, 20, 1001)
    for width, height in SIZES:
        style = Style(width, height, palette, frame, True, 2, False, True, False, 13)
        image = draw_plot(np.cos(t), -np.sin(t), ("x (m)", "v (m/s)"), style)
        assert image.shape == (height, width, 3)
        found = curve_pixels(image, palette)
        assert np.ptp(found[:, 0]) > 0.5 * height and np.ptp(found[:, 1]) > 0.5 * width


def test_a_constant_and_a_single_kind_of_dot_can_be_drawn():
    """No range is no reason to fail."""
    x = np.linspace(0, 1, 50)
    dotted = Style(320, 240, "black", "left and bottom", False, 1, True, True, False, 12)
    assert len(curve_pixels(draw_plot(x, np.full(50, 3.0), ("t", "x"), dotted), "black")) > 20


def test_ticks_are_round_and_few():
    """Steps of 1, 2, 2.5 or 5 times a power of ten, all inside, at most as many as asked for and one."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = rng.normal() * 10 ** rng.uniform(-3, 3)
        high = low + 10 ** rng.uniform(-3, 3)
        ticks = ticks_between(low, high, 6)
        assert 1 <= len(ticks) <= 7 and low - 1e-9 <= ticks[0] and ticks[-1] <= high + 1e-9 * abs(high)
        assert [float(word.replace("−", "-")) for word in tick_names(ticks)] == pytest.approx(ticks.tolist())


def test_the_seed_decides_the_style():
    """And styles differ."""
    styles = [draw_style(np.random.default_rng(seed)) for seed in range(40)]
    assert styles == [draw_style(np.random.default_rng(seed)) for seed in range(40)]
    assert len({style.palette for style in styles}) > 4 and len({(s.width, s.height) for s in styles}) > 4


def test_a_png_holds_the_pixels():
    """Nothing is lost."""
    image = draw_plot(np.arange(9.0), np.arange(9.0) ** 2, ("x", "y"), PLAIN)
    assert np.array_equal(cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_COLOR), image)
