"""Chains from tracks: every claim holds, the chain agrees with itself, and Motion-o's rows come in with right tags."""

import json

import numpy as np
import pytest

from motionlaw.agent.mcot import MotionTag
from motionlaw.agent.mcot_checks import check_itself, verify_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.data_builders.chain_rows import builder, motion_o_rows, read_rows, told
from motionlaw.data_builders.chains import chain_of, key_rows
from motionlaw.data_builders.clips import Clip, scene_clip
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track

T = np.arange(90) / 30.0


def bouncing() -> Clip:
    """A ball thrown to the right that turns back at a wall after two seconds."""
    position = np.stack([300 - 100 * np.abs(T - 2.0), 100 + 0 * T], axis=1)
    xyxy = np.concatenate([position - 10, position + 10], axis=1)
    return Clip("test", (Track(0, "ball", np.arange(90), T, position, np.ones(90), xyxy),), 320, 240, 30.0, T)


def test_key_times_are_ends_and_turning_points() -> None:
    """A motion with one turn has three key times and a tag for each stretch."""
    clip = bouncing()
    assert T[key_rows(clip, clip.tracks[0])].tolist() == pytest.approx([0.0, 2.0, 89 / 30], abs=0.04)
    tags = chain_of(clip).motion_tags
    assert [(tag.direction, tag.speed, tag.shape, tag.phase) for tag in tags] == [
        ("E", "fast", "straight", "constant"),
        ("W", "fast", "straight", "constant"),
    ]
    assert tags[0].measured is not None
    assert tags[0].measured.low <= 100 / np.hypot(20, 20) <= tags[0].measured.high
    assert told(chain_of(clip)) == "The ball moves to the right, then to the left."


def test_chains_of_all_worlds_hold() -> None:
    """Read back from text, chains agree with the true tracks and with their own boxes; boxes overlap by 0.9."""
    words, own, places = [], [], []
    for index in range(len(WORLDS)):
        clip = scene_clip(make_scene(9, index))
        chain = chain_of(clip)
        checks = verify_chain(chain, clip.tracks, still=clip.still_tracks())
        words += [check.share_right for check in checks.tags if check.expected is not None]
        places += [check.iou for check in checks.observations]
        own += [check.share_right for check in check_itself(chain) if check.expected is not None]
    assert np.mean(words) == 1.0 and np.mean(own) > 0.98 and np.quantile(places, 0.05) > 0.85


def test_one_frame_tells_no_motion() -> None:
    """An object that is seen once gets a tag that says unknown."""
    clip = bouncing()
    track = clip.tracks[0]
    track.position[1:], track.xyxy[1:], track.confidence[1:] = np.nan, np.nan, 0.0
    assert chain_of(clip).motion_tags == (MotionTag("ball"),)


def test_a_moving_camera_is_taken_out() -> None:
    """Where the camera moves, a tag before the scene is given, and the checks find it right."""
    scenes = (make_scene(9, index) for index in range(200))
    clip = scene_clip(next(scene for scene in scenes if scene.look.camera.startswith("pan")))
    chain = chain_of(clip)
    tags = [tag for tag in chain.motion_tags if tag.frame == "scene"]
    assert tags
    found = [c for c in verify_chain(chain, clip.tracks, still=clip.still_tracks()).tags if c.tag.frame == "scene"]
    assert all(check.share_right == 1.0 for check in found)


def test_rows_hold_the_chain_and_its_checks() -> None:
    """A row's chain reads without a problem, is the structured one, and its answer is the row's."""
    import pyarrow as pa

    made = builder()
    rows = next(rows for index in range(30) if len(rows := made.make(3, index)) > 1)
    assert len(rows) > 1 and pa.Table.from_pylist(rows, schema=made.schema).num_rows == len(rows)
    for row in rows:
        reading = read_chain(row["chain"])
        assert reading.problems == () and reading.chain.to_dict() == json.loads(row["chain_json"])
        assert reading.chain.answer == row["answer"] and row["self_consistency"] > 0.95


def test_a_film_that_is_tracked_gives_the_true_chain(tmp_path) -> None:
    """End to end: a made film is tracked like a real one; the words of its chain hold for the true tracks."""
    scene = next(s for s in (make_scene(9, index) for index in range(3, 200, 15)) if s.look.level == "plain")
    assert scene.world == "spring"
    (tmp_path / "film.mp4").write_bytes(scene_clip(scene).film())
    made = builder(videos=str(tmp_path))
    rows = made.make(0, 0)
    chain = read_chain(rows[0]["chain"]).chain
    assert "spring" not in rows[0]["name"] and {tag.name.split()[-1] for tag in chain.motion_tags} == {"object"}
    moving = next(k for k, track in enumerate(scene.tracks) if np.nanmax(np.ptp(track.position, axis=0)) > 5)
    found = verify_chain(chain, [scene.tracks[moving]])
    assert found.agreement > 0.9 and found.mean_iou > 0.6
    assert made.make(0, 1) == []


MOTION_O = {
    "question": "What does the cup do?",
    "answer": "It slides to the right.",
    "task": "temporal-spatial free-form QA",
    "source": "made",
    "video_path": "a.mp4",
    "image_size": [200, 100],
    "key_frames": [{"idx": 0, "time": 0.0}, {"idx": 30, "time": 1.0}, {"idx": 60, "time": 2.0}],
    "key_items": {
        "0": {"cup": [[0.1, 0.1, 0.2, 0.3]], "jug": [[0.8, 0.1, 0.9, 0.3]]},
        "30": {"cup": [[0.3, 0.1, 0.4, 0.3]]},
        "60": {"cup": [[0.5, 0.1, 0.6, 0.3]]},
    },
    "reasoning_process": "The <obj>cup</obj><box>[0.1,0.1,0.2,0.3]</box>at<t>0</t>s slides to "
    "<obj>cup</obj><box>[0.5,0.1,0.6,0.3]</box>at<t>2</t>s"
    '<motion obj="cup" dir="W" speed="fast" scale="stable"/> past the <obj>jug</obj><box>[0.8,0.1,0.9,0.3]</box>at<t>0'
    '</t>s<motion obj="jug" dir="STAT" speed="stationary" scale="stable"/>.',
}


def test_motion_o_rows_get_right_tags_and_dense_tracks(tmp_path) -> None:
    """Wrong tags are made again from the keyframes, one keyframe is unknown, and tracks are filled in between."""
    (row,) = motion_o_rows(MOTION_O, None)
    tags = {tag.name: tag for tag in read_chain(row["chain"]).chain.motion_tags}
    assert (tags["cup"].direction, tags["cup"].speed, tags["jug"].direction) == ("E", "fast", "unknown")
    assert 'dir="W"' in row["chain_given"] and row["agreement"] < 0.6
    cup = next(track for track in row["tracks"] if track["name"] == "cup")
    assert row["timestamps"][5] == pytest.approx(0.5) and cup["position"][5] == pytest.approx([50.0, 20.0])
    assert "slides to" in row["chain"] and row["answer"] == "It slides to the right."
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([MOTION_O, MOTION_O]))
    made = builder(motion_o=str(file))
    assert [len(made.make(0, index)) for index in range(3)] == [1, 1, 0]


def test_files_that_are_no_rows_are_refused(tmp_path) -> None:
    """Broken JSON and folders without videos are errors in a sentence."""
    file = tmp_path / "rows.json"
    file.write_text("[{")
    with pytest.raises(UserError, match="list of rows"):
        read_rows(str(file))
    with pytest.raises(UserError, match="no video"):
        builder(videos=str(tmp_path))
