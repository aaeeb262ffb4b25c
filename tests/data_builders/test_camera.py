"""Films of moving cameras: drawn by true homographies, labelled, the same for the same seed."""

import io

import av
import numpy as np

from motionlaw.data_builders.build import BuildSettings, build
from motionlaw.data_builders.camera import builder, camera_row
from motionlaw.data_builders.camera_scene import GROUPS, CameraScene, Move, make_camera_scene, render_camera_scene
from motionlaw.tools.camera_labels import moves_of_labels


def test_scenes_are_the_same_for_the_same_numbers_and_hold_one_move_of_a_group():
    """Pure draws; no clip shows a pan with a truck, or a zoom with a dolly."""
    scenes = [make_camera_scene(4, index) for index in range(200)]
    assert scenes == [make_camera_scene(4, index) for index in range(200)]
    for scene in scenes:
        kinds = {move.kind for move in scene.moves}
        assert len(kinds) == len(scene.moves)
        assert all(len(kinds & set(group)) <= 1 for group in GROUPS)
        assert scene.primitives
    assert sum(scene.primitives == ("static",) for scene in scenes) > 5


def test_a_film_shows_what_its_row_says():
    """Frames, times and labels of a row."""
    scene = make_camera_scene(4, 0)
    row = camera_row(scene, "one")
    with av.open(io.BytesIO(row["video"]["bytes"])) as container:
        frames = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert np.allclose([float(t) for t in frames], row["timestamps"], atol=1e-3)
    assert set(moves_of_labels(row["camerabench"])) == set(scene.primitives) - {"shake"} or not scene.moves
    assert row == camera_row(scene, "one")


def test_a_pan_moves_far_and_near_alike_and_a_truck_does_not():
    """The geometry itself: the far layer alone, under a small pan and a small truck, by the same near shift."""

    def shift(kind, depths):
        made = CameraScene(1, 10.0, 2, 1.2, depths, (Move(kind, 0.05, 0, 1),), 0.0, ())
        first, second = (frame.mean(axis=2)[100:140] for frame in render_camera_scene(made))
        errors = [np.mean((first[:, 40 + k : 240 + k] - second[:, 40:240]) ** 2) for k in range(30)]
        return int(np.argmin(errors))

    assert shift("pan", (1.0,)) == shift("pan", (4.0,)) == 16
    assert shift("truck", (1.0,)) == 16
    assert shift("truck", (4.0,)) == 4


def test_the_data_set_is_built(tmp_path):
    """Two films through the builder: rows, card, manifest."""
    manifest = build(BuildSettings("camera", 2, 0), tmp_path / "camera")
    assert sum(manifest["rows"].values()) == 2
    assert "own frame" in (tmp_path / "camera" / "README.md").read_text()
    assert builder().name == "camera"
