"""Chains held against tracks and against themselves: right claims pass, wrong ones and omissions cost."""

from dataclasses import replace

import numpy as np
import pytest

from motionlaw.agent.mcot import Chain, MotionTag, Observation
from motionlaw.agent.mcot_checks import box_iou, check_itself, verify_chain
from motionlaw.agent.motion_o import MotionORow, read_motion_o, write_motion_o
from motionlaw.tools.errors import ToolError
from motionlaw.tools.tracks import motion_words
from motionlaw.tools.trajectory import Track

T = np.linspace(0.0, 2.0, 21)


def moving(number: int, name: str, velocity: tuple[float, float], start: tuple[float, float] = (100.0, 100.0)) -> Track:
    """A track with constant velocity and a box of 20 by 10 pixels."""
    position = np.array(start) + T[:, None] * np.array(velocity)
    half = np.array([10, 5])
    xyxy = np.concatenate([position - half, position + half], axis=1)
    return Track(number, name, np.arange(len(T)), T, position, np.ones(len(T)), xyxy)


def true_chain(*tracks: Track) -> Chain:
    """The chain that says of each track where it is at the ends and how it moves."""
    steps = []
    for track in tracks:
        steps += [Observation(track.name, tuple(track.xyxy[row]), float(track.timestamps[row])) for row in (0, -1)]
        words = motion_words(track)
        steps.append(MotionTag(track.name, words.direction, words.speed, words.scale))
    return Chain(tuple(steps), "B")


EAST, NORTH = moving(0, "red ball", (30, 0)), moving(1, "blue block", (0, -30), (200.0, 300.0))


def test_the_truth_passes() -> None:
    """A true chain agrees everywhere, covers all and overlaps its boxes."""
    checks = verify_chain(true_chain(EAST, NORTH), [EAST, NORTH])
    assert (checks.agreement, checks.coverage, checks.left_out) == (1.0, 1.0, ())
    assert checks.mean_iou == pytest.approx(1.0)
    assert all(check.share_right == 1.0 for check in check_itself(true_chain(EAST, NORTH)))


def test_omission_costs() -> None:
    """Leaving an object out halves the agreement, as does claiming only half of the time."""
    assert verify_chain(true_chain(EAST), [EAST, NORTH]).agreement == pytest.approx(0.5)
    assert verify_chain(true_chain(EAST), [EAST, NORTH]).left_out == ("blue block",)
    half = Chain((MotionTag("red ball", "E", "fast", "stable", 0.0, 0.95),))
    assert verify_chain(half, [EAST]).agreement == pytest.approx(10 / 21)


def test_wrong_words_cost() -> None:
    """A wrong direction is found, by the track and by the chain's own boxes."""
    chain = true_chain(EAST)
    wrong = Chain((*chain.observations, replace(chain.motion_tags[0], direction="W")))
    (check,) = verify_chain(wrong, [EAST]).tags
    assert check.right == {"direction": False, "speed": True, "scale": True}
    assert check_itself(wrong)[0].right["direction"] is False


def test_an_object_of_another_name_is_found_by_its_boxes() -> None:
    """A cup that is where the red ball is, is the red ball; one that is elsewhere is nothing."""
    chain = true_chain(replace(EAST, name="cup"))
    assert verify_chain(chain, [NORTH, EAST]).tags[0].track == "red ball"
    far = verify_chain(true_chain(moving(0, "cup", (30, 0), (400.0, 50.0))), [NORTH, EAST])
    assert far.tags[0].track is None and far.agreement == 0.0 and far.mean_iou == 0.0


def test_one_observation_is_unknown() -> None:
    """A single box tells no motion: STAT is wrong, unknown is right."""
    place = Observation("cup", (0, 0, 10, 10), 1.0)
    (still,) = check_itself(Chain((place, MotionTag("cup", "STAT", "stationary", "stable"))))
    (unknown,) = check_itself(Chain((place, MotionTag("cup"))))
    assert still.share_right == 0.0 and unknown.share_right == 1.0


def test_motion_relative_to_an_object_and_to_the_scene() -> None:
    """A tag may speak of the motion before another object; before the scene only where the camera is known."""
    chain = Chain((MotionTag("red ball", "SE", "fast", "stable", 0, 2, "object", "blue block"),))
    assert verify_chain(chain, [EAST, NORTH]).tags[0].right == {"direction": True, "speed": True, "scale": True}
    scene = Chain((MotionTag("red ball", "STAT", "stationary", "stable", 0, 2, "scene"),))
    assert verify_chain(scene, [EAST]).tags[0].expected is None
    assert verify_chain(scene, [EAST], still=[moving(0, "red ball", (0, 0))]).tags[0].share_right == 1.0


def test_overlap_of_boxes() -> None:
    """Equal boxes overlap wholly, distant and unknown ones not at all."""
    assert box_iou([0, 0, 1, 1], [0, 0, 1, 1]) == 1.0
    assert box_iou([0, 0, 1, 1], [5, 5, 6, 6]) == box_iou([0, 0, 1, 1], [np.nan] * 4) == 0.0


def test_rows_of_motion_o_come_back() -> None:
    """What is written in Motion-o's form is read with the same question, boxes and times; boxes are shares there."""
    row = MotionORow("Where to?", true_chain(EAST, NORTH), (EAST, NORTH), (640, 480), "a.mp4", "worlds")
    written = write_motion_o(row)
    assert max(written["key_items"]["0"]["red ball"][0]) <= 1.0 and written["key_frames"][1]["time"] == T[1]
    back = read_motion_o(written)
    assert (back.question, back.chain.answer, back.size, back.problems) == ("Where to?", "B", (640, 480), ())
    assert [track.name for track in back.tracks] == ["red ball", "blue block"]
    assert np.allclose(back.tracks[0].xyxy, EAST.xyxy, atol=0.1) and np.array_equal(back.tracks[0].timestamps, T)
    assert [tag.direction for tag in back.chain.motion_tags] == ["E", "N"]
    assert back.chain.observations[0].box == pytest.approx(tuple(EAST.xyxy[0]), abs=0.1)


def test_faults_of_motion_o_rows_are_named() -> None:
    """A frame without a time is left out and said so; no size is an error; no chain is an empty one."""
    row = {"question": "?", "key_frames": [{"idx": 1, "time": 0.5}],
           "key_items": {"1": {"cup": [[0.1, 0.1, 0.2, 0.2]]}, "9": {"cup": [[0, 0, 1, 1]]}}}  # fmt: skip
    read = read_motion_o(row, size=(100, 100))
    assert read.tracks[0].xyxy.tolist() == [[10, 10, 20, 20]] and "Frame 9" in read.problems[0]
    assert read.chain.steps == ()
    with pytest.raises(ToolError, match="size"):
        read_motion_o(row)
