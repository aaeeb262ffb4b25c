"""Registration: a thing's own picture tells its place better than its outline; what does not fit keeps its outline."""

import cv2
import numpy as np
import pytest

from motionlaw.tools.registration import registered

ROWS = np.arange(12)


def film(centres: np.ndarray, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A shaded disc on a plain background, blurred as films are: frames and masks."""
    rng = np.random.default_rng(1)
    down, right = np.mgrid[:60, :90].astype(float)
    frames, masks = [], []
    for x, y in centres:
        share = np.clip(12.5 - np.hypot(right - x, down - y), 0.0, 1.0)[:, :, None]
        lit = 150 + 5 * (right - x)[:, :, None] + np.zeros(3)
        picture = cv2.GaussianBlur(90 + share * (lit - 90), (0, 0), 0.8)
        frames.append(np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8))
        masks.append(share[:, :, 0] > 0.5)
    return np.stack(frames), np.stack(masks)


def test_places_are_known_to_some_hundredths_of_a_pixel():
    """From outlines that are off by a third of a pixel at random, without a common offset."""
    true = np.stack([30 + 2.3 * ROWS, 28 + 0.37 * ROWS], axis=1)
    frames, masks = film(true)
    rough = true + np.random.default_rng(2).normal(0, 0.3, true.shape)
    error = registered(frames, rough, masks, ROWS) - true
    assert np.std(error, axis=0).max() < 0.05
    assert np.abs(np.median(error, axis=0)).max() < 0.3


def test_a_thing_that_is_hidden_in_a_frame_keeps_its_outlines_centre_there():
    """Half of it is painted over in one frame."""
    true = np.stack([30 + 2.0 * ROWS, 30 + 0.0 * ROWS], axis=1)
    frames, masks = film(true)
    frames[5, 30:] = 20
    found = registered(frames, true + 0.2, masks, ROWS)
    assert found[5] == pytest.approx(true[5] + 0.2)
    assert np.std((found - true)[np.arange(12) != 5], axis=0).max() < 0.05


def test_fewer_than_four_frames_are_left_as_they_are():
    """There is no mean picture to speak of."""
    true = np.full((3, 2), 30.0)
    frames, masks = film(true)
    assert registered(frames, true, masks, ROWS[:3]) is true
