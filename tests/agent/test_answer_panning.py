"""Questions about films whose camera turns: answered before the background, with boxes in the pictures as they are."""

import cv2
import numpy as np
import pytest
from films import disc, write_film

from motionlaw.agent.answer import answer
from motionlaw.agent.facts import Facts
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.tools.camera_frames import IN_SCENE, camera_frames
from motionlaw.tools.inputs import read_inputs

SIZE = (320, 240)
T = np.arange(30) / 30
PAN, PACE = 90.0, 36.0  # pixels a second: the camera to the right, the ball on the wall likewise, but slower


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A red ball that goes to the right before a wall, while the camera pans faster: in the picture it goes left."""
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (SIZE[1], 600)), (0, 0), 2.5)
    wall = np.repeat((135 + 22 * grain / grain.std())[:, :, None], 3, axis=2)

    def picture(k, t):
        left = PAN * t
        shift = np.array([[1, 0, -left], [0, 1, 0]])
        image = np.clip(cv2.warpAffine(wall, shift, SIZE, flags=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
        disc(image, place(t), 13, (200, 40, 40))
        return image

    return write_film(tmp_path_factory.mktemp("pan") / "pan.mp4", picture, T)


@pytest.fixture(scope="module")
def facts(film):
    return Facts(film)


def place(t):
    return 210 + (PACE - PAN) * t, 120.0


def test_the_way_is_told_before_the_background_and_said_so(facts):
    """To the right, though the picture shows it drift to the left; the picture is asked for by its name."""
    found = answer(facts, "Which way does the red ball move, left or right?")
    assert found.text == "right" and IN_SCENE in found.reason
    (entry,) = found.motion
    assert (entry["dir"], entry["frame"]) == ("E", "scene")
    (tag,) = read_chain(found.chain).chain.motion_tags
    assert (tag.direction, tag.frame) == ("E", "scene")
    assert answer(facts, "Which way does the red ball move in the picture, left or right?").text == "left"


def test_speed_is_that_before_the_background_and_boxes_are_the_pictures(facts):
    """36 px/s to a tenth; boxes where the ball is in each frame, to 4 px."""
    found = answer(facts, "How fast is the red ball?")
    speed = next(one for one in found.measurements if one.name.startswith("speed"))
    assert speed.value == pytest.approx(PACE, rel=0.1)
    for spot in found.evidence:
        middle = (np.array(spot.box[:2]) + np.array(spot.box[2:])) / 2
        assert np.abs(middle - place(spot.t)).max() < 4


def test_the_law_of_what_was_clicked_is_sought_before_the_background(film):
    """Pointed at, it is followed in the pixels of the frames; its trajectory goes to the right."""
    inputs = read_inputs([film], track="210,120@0")
    (run,) = inputs.trajectories
    assert IN_SCENE in inputs.warnings
    assert np.polyfit(run.t, run.position[:, 0], 1)[0] == pytest.approx(PACE, rel=0.1)


def test_both_frames_of_reference_lead_back_to_each_other(film, facts):
    """There and back is the same track, boxes too."""
    one = facts.of_colour("red")[0]
    frames = camera_frames(film, one.track.timestamps)
    again = frames.in_frames(frames.in_scene(one.track))
    np.testing.assert_allclose(again.position, one.track.position, atol=1e-6)
    np.testing.assert_allclose(again.xyxy, one.track.xyxy, atol=1e-6)
