"""Camera moves are told apart by parallax, follow mirror and reverse, and go out under CameraBench's names."""

import json

import cv2
import numpy as np
import pytest
from films import wall, write_film
from typer.testing import CliRunner

from motionlaw.cli import app
from motionlaw.data_builders.camera_scene import AMOUNTS, WAYS, CameraScene, Move, Thing, render_camera_scene
from motionlaw.tools.camera_labels import LABELS, camerabench_labels, moves_of_labels
from motionlaw.tools.camera_moves import KINDS, camera_moves, moves_of
from motionlaw.tools.errors import ToolError

THING = Thing(2.0, (-0.3, 0.1), (0.6, 0.1), 0.12)


def scene(*moves, shake=0.0, depths=(4.0, 1.0)):
    return CameraScene(
        3, 12.0, 22, 1.2, depths, tuple(Move(kind, amount, 0, 1) for kind, amount in moves), shake, (THING,)
    )


def seen(made, *, turn=lambda pictures: pictures):
    pictures = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in render_camera_scene(made)])
    return moves_of(np.ascontiguousarray(turn(pictures)), made.timestamps)


def words(found):
    return {move.words for move in found.over()}


@pytest.mark.parametrize("kind", AMOUNTS)
def test_a_single_move_is_named_alone_and_measured(kind):
    """Every primitive, with a thing that moves by itself in the picture; amounts to a tenth."""
    amount = -sum(AMOUNTS[kind]) / 2
    found = seen(scene((kind, amount)))
    assert words(found) == {f"{kind} {WAYS[kind][1]}"}
    assert found.over()[0].amount == pytest.approx(-amount, rel=0.1)


def test_two_moves_at_once_are_both_named():
    """A compound move: both primitives in every interval."""
    found = seen(scene(("truck", 0.3), ("tilt", 0.2)))
    assert words(found) == {"truck right", "tilt down"}
    assert any(part.is_compound for part in found.intervals())


def test_a_still_camera_is_static_whatever_moves_before_it():
    """Things that move by themselves do not reach across the picture."""
    found = seen(scene())
    assert words(found) == {"static"}
    assert found.scores()["static"] > 0.8


def test_shake_is_no_move():
    """A hand-held camera that goes nowhere."""
    assert words(seen(scene(shake=0.007))) == {"shake"}


def test_reversed_film_turns_every_move_round_and_mirrored_film_the_sideways_ones():
    """Equivariance: the film backwards, and left for right."""
    made = scene(("truck", 0.3), ("zoom", 0.3))
    assert words(seen(made)) == {"truck right", "zoom in"}
    assert words(seen(made, turn=lambda pictures: pictures[::-1])) == {"truck left", "zoom out"}
    assert words(seen(made, turn=lambda pictures: pictures[:, :, ::-1])) == {"truck left", "zoom in"}


def test_without_anything_near_travelling_is_called_turning():
    """One plane carries no parallax: the sense is right, the kind cannot be known."""
    found = seen(scene(("truck", 0.3), depths=(1.0,)))
    assert {move.words for move in found.over()} <= {"pan right", "truck right"}


def test_intervals_say_when(tmp_path):
    """Still for a second, then a pan: two intervals, and the pan lasts in the whole."""
    still = wall(900, 240, seed=2)
    path = write_film(tmp_path / "late.mp4", lambda k, t: still[:, max(0, 4 * (k - 30)) :][:, :320], np.arange(60) / 30)
    found = camera_moves(path)
    parts = found.intervals()
    assert [{move.words for move in part.moves} for part in parts] == [{"static"}, {"pan right"}]
    assert parts[0].t_end == pytest.approx(1.0, abs=0.15)
    assert {move.words for move in found.moves} == {"pan right"}


def test_a_short_or_blank_film_names_nothing(tmp_path):
    """No frames, no corners: refused, or no move and exit 1."""
    with pytest.raises(ToolError, match="needs 4 frames, got 2"):
        camera_moves(write_film(tmp_path / "two.mp4", lambda k, t: wall(), np.arange(2) / 30))
    blank = write_film(tmp_path / "blank.mp4", lambda k, t: np.full((240, 320, 3), 90, np.uint8), np.arange(20) / 30)
    done = CliRunner().invoke(app, ["camera", str(blank)])
    assert done.exit_code == 1
    assert "No background" in done.stdout


def test_the_command_prints_moves_frame_and_labels(tmp_path):
    """JSON for machines: reference frame, intervals, CameraBench's labels."""
    still = wall(900, 240, seed=2)
    path = write_film(tmp_path / "pan.mp4", lambda k, t: still[:, 4 * k : 4 * k + 320], np.arange(40) / 30)
    done = CliRunner().invoke(app, ["camera", str(path), "--json"])
    said = json.loads(done.stdout)
    assert done.exit_code == 0
    assert said["reference_frame"] == "camera"
    assert said["camerabench"] == ["cam_motion.camera_centric_movement.pan_right.has_pan_right"]
    assert said["intervals"][0]["moves"][0]["words"] == "pan right"
    assert "pan right" in CliRunner().invoke(app, ["camera", str(path)]).stdout


def test_every_primitive_but_shake_has_a_label_and_comes_back():
    """Out under CameraBench's names and in again."""
    every = [f"{kind} {way}" for kind in KINDS for way in WAYS[kind]] + ["static"]
    assert set(every) == set(LABELS)
    assert list(moves_of_labels(camerabench_labels([*every, "shake"]))) == every
