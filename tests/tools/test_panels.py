"""Panels: points lie where their values say, with the colour of the third quantity, on a grid of units."""

import numpy as np

from motionlaw.tools.panels import EDGE_PX, SIDE_PX, Motions, draw_panels

T = np.linspace(0, 10, 400)


def panels_of(x, v, a, t=T):
    """The four panels of one motion: phase portrait, a over x, a over v, x over t."""
    picture = draw_panels(Motions(t, x[None], v[None], a[None]))[0].astype(int)
    top, bottom = picture[:SIDE_PX], picture[SIDE_PX:]
    return [half[:, columns] for half in (top, bottom) for columns in (slice(0, SIDE_PX), slice(SIDE_PX, None))]


def place(values, k):
    """The pixel of a value along an axis."""
    return EDGE_PX + (values[k] - values.min()) / np.ptp(values) * (SIDE_PX - 1 - 2 * EDGE_PX)


def test_every_point_is_drawn_where_it_is():
    """In each panel the pixel of a row's values is lit."""
    x, v, a = np.cos(T), -np.sin(T), -np.cos(T)
    for panel, (across, up) in zip(panels_of(x, v, a), ((x, v), (x, a), (v, a), (T, x)), strict=True):
        light = panel[..., 0] + panel[..., 2]
        for k in (0, 57, 200, 399):
            column, row = place(across, k), SIDE_PX - 1 - place(up, k)
            near = light[max(0, round(row) - 1) : round(row) + 2, max(0, round(column) - 1) : round(column) + 2]
            assert near.max() > 20


def test_colour_tells_the_third_quantity():
    """In the phase portrait, red is large acceleration and blue is small."""
    portrait = panels_of(np.cos(T), -np.sin(T), -np.cos(T))[0]
    left, right = portrait[:, :6], portrait[:, -6:]
    assert left[..., 0].sum() > 5 * left[..., 2].sum() and right[..., 2].sum() > 5 * right[..., 0].sum()


def test_grid_lines_are_one_unit_apart():
    """Twice the reach shows twice the lines, and zero is the brightest."""
    counts = []
    for size in (2.5, 5.2):
        x = size * np.cos(T)
        green = panels_of(x, -x, x)[0][..., 1]
        row = green.min(axis=0)  # upright lines alone
        counts.append(int(((row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:]) & (row[1:-1] > 25)).sum()))
        assert abs(int(np.argmax(green.sum(axis=0))) - (SIDE_PX - 1) / 2) < 1.5
    assert counts == [5, 11]


def test_few_rows_are_joined_and_any_size_is_drawn():
    """A dozen rows, lengths in micrometres or kilometres, and a thing at rest are all drawn."""
    t = np.linspace(0, 3, 12)
    for size in (1e-6, 1.0, 1e3, 0.0):
        picture = draw_panels(Motions(t, size * np.sin(t)[None], size * np.cos(t)[None], -size * np.sin(t)[None]))
        assert picture.shape == (1, 2 * SIDE_PX, 2 * SIDE_PX, 3) and picture[..., ::2].max() > 100
