"""What moves by itself before a moving background, things of one colour, and how things look."""

import numpy as np
import pytest
from films import disc, moving_discs, wall, write_film

from motionlaw.tools.camera import camera_path
from motionlaw.tools.coloured import find_coloured
from motionlaw.tools.errors import ToolError
from motionlaw.tools.looks import looks_of
from motionlaw.tools.measures import turned_angle, turning_points
from motionlaw.tools.mover import find_mover
from motionlaw.tools.tracking import track_video


def test_a_disc_is_found_before_a_pan(tmp_path):
    """The camera pans right by 5 px a frame, the disc goes right with it: still in the picture, moving in the scene."""
    scene = wall(900, 240, seed=2)

    def picture(k, t):
        image = scene[:, 5 * k : 5 * k + 320].copy()
        disc(image, (150 + 0.5 * k, 120), 22, (200, 40, 40))
        return image

    path = write_film(tmp_path / "pan.mp4", picture, np.arange(60) / 30)
    camera = camera_path(path)
    assert camera.words() == ("pan right",)
    assert camera.total["pan"] == pytest.approx(5 * 59 / 320, rel=0.02)
    track = find_mover(path, camera)
    seen = np.isfinite(track.position[:, 0])
    assert seen.mean() > 0.8
    off = np.hypot(track.position[seen, 0] - (150 + 0.5 * np.arange(60)[seen]), track.position[seen, 1] - 120)
    assert np.median(off) < 11  # a quarter of its size


def test_a_slow_drift_is_seen_from_afar(tmp_path):
    """A third of a pixel a frame is nothing from frame to frame."""
    import cv2

    scene = wall(640, 240, seed=3)

    def picture(k, t):
        return cv2.warpAffine(scene, np.array([[1.0, 0.0, -0.33 * k], [0.0, 1.0, 0.0]]), (320, 240))

    assert camera_path(write_film(tmp_path / "drift.mp4", picture, np.arange(60) / 30)).words() == ("pan right",)


def test_things_on_a_blank_wall_move_no_camera(tmp_path):
    """Where all corners are those of moving things, the background is not known to move."""

    def picture(k, t):
        image = np.full((240, 320, 3), 255, np.uint8)
        for number in range(3):
            disc(image, (60 + 90 * number, 60 + 3 * k), 20, (200, 40, 40))
        return image

    assert not camera_path(write_film(tmp_path / "blank.mp4", picture, np.arange(30) / 30)).moves


def test_a_still_thing_is_found_by_its_colour(tmp_path):
    """What does not move is followed by its colour, and has a name for its looks."""
    path = moving_discs(tmp_path / "two.mp4", [lambda t: (60 + 60 * t, 60.0), lambda t: (200.0, 150.0)])
    (blue,) = find_coloured(path, "blue")
    assert np.allclose(blue.position, [200, 150], atol=0.5)
    assert [(one.colour, one.shape) for one in looks_of(path, [blue])] == [("blue", "round")]
    assert looks_of(path, track_video(path).tracks)[0].colour == "red"
    for colour in ("yellow", "ultraviolet"):
        with pytest.raises(ToolError):
            find_coloured(path, colour)


def test_turns_and_angles():
    """A circle is swept by its angle, counter-clockwise positive; a triangle wave turns at its corners."""
    angle = np.linspace(0.0, 3 * np.pi, 100)
    swept, radius, rest = turned_angle(np.stack([5 + 2 * np.cos(angle), np.sin(angle) * 2], axis=1))
    assert swept == pytest.approx(3 * np.pi) and radius == pytest.approx(2) and rest < 1e-9
    assert turning_points(np.abs(np.arange(40) % 20 - 10.0)).tolist() == [10, 20, 30]
