"""Panels: points lie where their values say, with the colour of the third quantity, on a grid of units."""

import numpy as np

from motionlaw.tools.components import frequencies
from motionlaw.tools.panels import ACROSS, EDGE_PX, PICTURES, SIDE_PX, Motions, draw_panels

T = np.linspace(0, 10, 501)


def panels_of(x, v, a, t=T):
    """The six panels of one motion: of position and its remainders, of velocity and its strength, spectra, portrait."""
    pictures = draw_panels(Motions(t, x[None], v[None], a[None]))[0].astype(int)
    return [picture[:, k * SIDE_PX : (k + 1) * SIDE_PX] for picture in pictures for k in range(ACROSS)]


def two_swings(t=T):
    """A motion that goes over the same places at different speeds."""
    x = np.cos(t) + 0.4 * np.cos(2.3 * t)
    return x, -np.sin(t) - 0.92 * np.sin(2.3 * t)


def place(values, k):
    """The pixel of a value along an axis."""
    return EDGE_PX + (values[k] - values.min()) / np.ptp(values) * (SIDE_PX - 1 - 2 * EDGE_PX)


def test_every_point_is_drawn_where_it_is():
    """The pixel of a row's values is lit: in the phase portrait, and where parts of a force are drawn over x and v."""
    x, v = two_swings()
    of_x, of_v = -2 * x**3, -0.5 * v * np.abs(v)
    panels = panels_of(x, v, of_x + of_v)
    for panel, (across, up) in zip((panels[5], panels[0], panels[2]), ((x, v), (x, of_x), (v, of_v)), strict=True):
        light = panel[..., 0] + panel[..., 2]
        for k in (0, 57, 200, 499):
            column, row = place(across, k), SIDE_PX - 1 - place(up, k)
            near = light[max(0, round(row) - 1) : round(row) + 2, max(0, round(column) - 1) : round(column) + 2]
            assert near.max() > 20


def test_what_a_line_and_a_cubic_leave_is_shown_apart():
    """A cubic force leaves something of a straight line, red, and nothing of a cubic, blue; bars tell how much."""
    x, v = two_swings()
    panel = panels_of(x, v, -2 * x**3)[1]
    rows = np.arange(SIDE_PX)[:, None]
    spread = [np.ptp((rows * (panel[..., k] > 30))[panel[..., k] > 30]) for k in (0, 2)]
    assert spread[0] > SIDE_PX / 2 and spread[1] <= 2
    assert panel[:, 0, 1].sum() > 2 * panel[:, -1, 1].sum()


def test_the_strength_of_drag_is_shown_over_velocity_and_position():
    """Linear drag is a level line off zero, quadratic drag a roof at zero, and one that depends on x swings with x."""
    x, v = two_swings()
    tops = {}
    for name, force in (("linear", -0.4 * v), ("quadratic", -0.4 * v * np.abs(v)), ("swinging", 0.4 * x**2 * v)):
        panel = panels_of(x, v, -x + force)[3]
        rows = {k: [int(np.argmax(panel[:, column, k])) for column in (2, SIDE_PX // 2, SIDE_PX - 3)] for k in (0, 2)}
        zero = int(np.argmax(panel[:, 10, 1]))
        tops[name] = rows[0] if name != "swinging" else rows[2]
        if name == "linear":
            assert np.ptp(rows[0]) <= 1 and rows[0][0] > zero + SIDE_PX / 2
    assert tops["quadratic"][1] < min(tops["quadratic"][0], tops["quadratic"][2]) - SIDE_PX / 4
    assert tops["swinging"][1] > max(tops["swinging"][0], tops["swinging"][2]) + SIDE_PX / 4


def test_a_wave_stands_at_its_frequency():
    """The periodogram is highest, and a band ends, where a force swings that x and v do not explain; a second band
    tells whether that is a cosine."""
    x, v = two_swings()
    for w, is_cosine in ((0.8, True), (1.7, False)):
        panel = panels_of(x, v, -x + 0.7 * (np.cos if is_cosine else np.sin)(w * T))[4]
        grid = np.log(frequencies())
        column = (np.log(w) - grid[0]) / (grid[-1] - grid[0]) * (SIDE_PX - 1)
        assert abs(np.argmax(panel[..., 0].sum(axis=0)) - column) <= 1
        band, below = panel[0, :, 1], panel[SIDE_PX // 4, :, 1]
        assert abs(band.sum() / band.max() - column - 1) <= 0.1
        assert (below.sum() > band.sum() / 2) == is_cosine
    assert panels_of(x, v, -x)[4].max() < 20


def test_colour_tells_the_third_quantity():
    """In the phase portrait, red is large acceleration and blue is small."""
    portrait = panels_of(np.cos(T), -np.sin(T), -np.cos(T))[5]
    left, right = portrait[:, :6], portrait[:, -6:]
    assert left[..., 0].sum() > 5 * left[..., 2].sum() and right[..., 2].sum() > 5 * right[..., 0].sum()


def test_grid_lines_are_one_unit_apart():
    """Twice the reach shows twice the lines, and zero is the brightest."""
    counts = []
    for size in (2.5, 5.2):
        x = size * np.cos(T)
        green = panels_of(x, -x, x)[5][..., 1]
        row = green.min(axis=0)  # upright lines alone
        counts.append(int(((row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:]) & (row[1:-1] > 25)).sum()))
        assert abs(int(np.argmax(green.sum(axis=0))) - (SIDE_PX - 1) / 2) < 1.5
    assert counts == [5, 11]


def test_few_rows_are_joined_and_any_size_is_drawn():
    """A dozen rows, lengths in micrometres or kilometres, and a thing at rest are all drawn."""
    t = np.linspace(0, 3, 12)
    for size in (1e-6, 1.0, 1e3, 0.0):
        picture = draw_panels(Motions(t, size * np.sin(t)[None], size * np.cos(t)[None], -size * np.sin(t)[None]))
        assert picture.shape == (1, len(PICTURES), SIDE_PX, ACROSS * SIDE_PX, 3) and picture[..., ::2].max() > 100
