"""Things told by their colours and measured whole, on pictures painted by coverage: centres, sizes, stripes."""

import cv2
import numpy as np
import pytest

from motionlaw.tools.silhouettes import silhouettes

SIZE = (160, 120)
FINE = 8
RED, GREEN, BLACK, WHITE = (200, 40, 36), (30, 132, 58), (34, 34, 38), (240, 240, 236)
X, Y = np.meshgrid((np.arange(SIZE[0] * FINE) + 0.5) / FINE - 0.5, (np.arange(SIZE[1] * FINE) + 0.5) / FINE - 0.5)


def painted(shapes, *, grey=150, noise=1.5, seed=0):
    """A picture of shapes (a fine mask and a colour or a factor each) on a wall with a grain."""
    rng = np.random.default_rng(0)
    wall = grey + cv2.GaussianBlur(rng.normal(0, 20, (SIZE[1], SIZE[0])), (0, 0), 3)
    image = np.repeat(wall[:, :, None], 3, axis=2)
    for mask, paint in shapes:
        cover = cv2.resize(mask.astype(np.float32), SIZE, interpolation=cv2.INTER_AREA)[:, :, None]
        image = image + cover * ((image * paint if np.isscalar(paint) else np.array(paint)) - image)
    image = image + np.random.default_rng(seed + 1).normal(0, noise, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def disc(x, y, radius):
    return np.hypot(X - x, Y - y) < radius


def block(x, y, width, height, angle=0.0):
    across = np.cos(angle) * (X - x) + np.sin(angle) * (Y - y)
    along = -np.sin(angle) * (X - x) + np.cos(angle) * (Y - y)
    return (np.abs(across) < width / 2) & (np.abs(along) < height / 2)


CENTRES = np.stack([60 + 1.3 * np.arange(9), 55 + 0.4 * np.arange(9)], axis=1)
"""Nine frames in which a disc 40 pixels wide moves by a quarter of itself."""


@pytest.mark.parametrize(("colour", "paint", "grey"), [("red", RED, 150), ("black", BLACK, 150), ("white", WHITE, 90)])
def test_a_thing_that_hardly_moves_is_measured_whole(colour, paint, grey):
    """Its shadow beside it and a stripe across it change neither its centre nor its size."""
    second = tuple(0.5 * np.array(paint) + 118) if colour == "red" else (120, 120, 122)
    frames = []
    for k, (x, y) in enumerate(CENTRES):
        stripe = disc(x, y, 20) & (np.abs(X - x) < 3)
        shapes = [(disc(x - 3, y + 4, 20), 0.82), (disc(x, y, 20), paint), (stripe, second)]
        frames.append(painted(shapes, grey=grey, seed=k))
    (found,) = silhouettes(np.stack(frames), [colour]).values()
    assert found.is_whole.all()
    assert found.diameter_px == pytest.approx(40, rel=0.025)
    # A constant offset by the shadow is small, and what moves does so truly.
    assert np.abs(found.position - CENTRES).max() < 0.8
    assert np.abs(np.diff(found.position - CENTRES, axis=0)).max() < 0.25


def test_two_things_that_touch_are_told_apart():
    """A red disc comes up to a green one; each keeps its own outline."""
    frames = [painted([(disc(56 + k, 60, 14), RED), (disc(92, 60, 14), GREEN)], seed=k) for k in range(9)]
    found = silhouettes(np.stack(frames), ["red", "green"])
    assert found["red"].diameter_px == pytest.approx(28, rel=0.03)
    assert np.abs(found["red"].position[:, 0] - 56 - np.arange(9)).max() < 0.3
    assert np.abs(found["green"].position - [92, 60]).max() < 0.3


def test_the_width_of_a_block_is_its_own_and_not_its_boxs():
    """On a slope of 25 degrees; and the longer side of one that turns over."""
    slope = [painted([(block(*place, 44, 28, 0.44), GREEN)], seed=k) for k, place in enumerate(CENTRES)]
    assert silhouettes(np.stack(slope), ["green"])["green"].width_px == pytest.approx(44, rel=0.02)
    over = [painted([(block(*place, 44, 28, 0.25 * k), GREEN)], seed=k) for k, place in enumerate(CENTRES)]
    assert silhouettes(np.stack(over), ["green"])["green"].width_px == pytest.approx(44, rel=0.02)


def test_what_the_edge_of_the_picture_cuts_off_is_completed():
    """A disc that leaves to the left: its centre goes on by its visible side."""
    x = 24.0 - 3.0 * np.arange(9)
    frames = [painted([(disc(left, 60, 15), RED)], seed=k) for k, left in enumerate(x)]
    found = silhouettes(np.stack(frames), ["red"])["red"]
    assert found.is_whole.tolist() == [True] * 4 + [False] * 5
    assert np.abs(found.centres[:, 0] - x).max() < 0.8


def test_a_colour_that_is_not_there_is_left_out():
    """No patch, no thing."""
    assert silhouettes(np.stack([painted([(disc(60, 60, 15), RED)])] * 4), ["green"]) == {}


GREY, NOISE = np.full((8, 40, 60, 3), 128), np.random.default_rng(0).integers(0, 255, (8, 40, 60, 3))


@pytest.mark.parametrize("frames", [GREY, NOISE], ids=["grey", "noise"])
def test_what_is_not_there_is_left_out(frames):
    """A colour that no thing has gives nothing."""
    assert silhouettes(frames.astype(np.uint8), ["red", "blue"]) == {}
