"""The list of instruments, on films with known motion."""

import json

import numpy as np
import pytest
from films import moving_discs, wall, write_film

from motionlaw.tools.instruments import instruments
from motionlaw.tools.registry import call
from motionlaw.tools.scale import Scale
from motionlaw.tools.workspace import Workspace


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A red disc that goes right at 90 px/s, a blue one that swings up and down with a period of 1 s."""
    folder = tmp_path_factory.mktemp("film")
    moving_discs(
        folder / "two.mp4",
        [lambda t: (40 + 90 * t, 60.0), lambda t: (250.0, 150 + 40 * np.cos(2 * np.pi * t))],
        times=np.arange(75) / 30,
    )
    (folder / "secret").mkdir()
    return folder


@pytest.fixture(scope="module")
def session(film):
    """A session that has tracked the film."""
    workspace = Workspace([film / "two.mp4"], scale=Scale(0.01, unit="m"))
    tools = instruments(workspace)
    tracked = call(tools, "track", {})
    assert tracked.ok, tracked.text
    return tools, tracked


def value(result, name):
    assert result.ok, result.text
    return next(one for one in result.data["measurements"] if one["name"] == name)


def by_looks(session, looks):
    return next(one["handle"] for one in session[1].data["tracks"] if one["looks"] == looks)


def test_tracks_have_handles_looks_and_a_picture(session):
    """What moves is found, told apart by colour and outline, and drawn."""
    assert {one["looks"] for one in session[1].data["tracks"]} == {"red round", "blue round"}
    assert session[1].images[0].ndim == 3
    json.dumps(session[1].data, allow_nan=False)


def test_speed_has_its_unit_and_its_error(session):
    """90 px/s at 0.01 m a pixel is 0.9 m/s."""
    found = value(call(session[0], "speed", {"of": by_looks(session, "red round")}), "mean speed")
    assert found["unit"] == "m/s" and abs(found["value"] - 0.9) < max(4 * found["stderr"], 0.005)


def test_period_is_that_of_the_swing(session):
    """One second, within its error."""
    found = value(call(session[0], "period", {"of": by_looks(session, "blue round")}), "period")
    assert abs(found["value"] - 1.0) < 0.01


def test_measures_of_two(session):
    """Distances and events between two objects build on earlier calls."""
    pair = {"of": by_looks(session, "red round"), "other": by_looks(session, "blue round")}
    least = value(call(session[0], "distance", pair), "least distance")
    assert 0.5 < least["value"] < 1.5
    assert call(session[0], "events", pair).ok
    assert call(session[0], "count", {}).data["objects"] == 2
    assert call(session[0], "angle", pair | {"kind": "between"}).ok


def test_law_of_a_track_and_its_forecast(session):
    """A law found under one handle is played and forecast by another call."""
    of = by_looks(session, "blue round")
    law = call(session[0], "discover_law", {"of": [of], "seconds": 5})
    assert law.ok and law.data["law"]
    ahead = call(session[0], "forecast", {"of": of, "seconds": 0.2, "law": "law 1"})
    assert ahead.ok, ahead.text
    assert len(ahead.data["law"]) == 101
    assert call(session[0], "phase_portrait", {"of": of}).images


def test_residual_of_a_wrong_ansatz_is_found(tmp_path):
    """A spring with drag, proposed without drag and with a wrong constant, is completed."""
    t = np.linspace(0, 20, 1000)
    x = np.exp(-0.1 * t) * np.cos(3 * t)
    np.savetxt(tmp_path / "run.csv", np.stack([t, x], axis=1), delimiter=",", header="t,x", comments="")
    tools = instruments(Workspace([tmp_path / "run.csv"]))
    assert call(tools, "read_table").data["runs"][0]["handle"] == "run 1"
    found = call(tools, "regress_residual", {"of": "run 1", "ansatz": "-4*x"})
    assert found.ok, found.text
    assert "v" in found.data["completed"] and found.data["left_completed"] < 1e-3 < found.data["left_refitted"]


def test_simulation_of_a_formula(session):
    """Text is read by our own grammar and played; nothing is evaluated."""
    played = call(session[0], "simulate", {"law": "-x", "state": [1.0, 0.0], "seconds": float(np.pi)})
    assert played.data["values"][-1] == pytest.approx([-1.0, 0.0], abs=1e-5)
    wrong = call(session[0], "simulate", {"law": "__import__('os').getcwd()", "state": [1.0, 0.0], "seconds": 1.0})
    assert not wrong.ok


def test_frames_zoom_and_slow_motion(session):
    """A part of the frame is enlarged, and the times are the container's."""
    shown = call(session[0], "frames", {"start_s": 0.5, "end_s": 0.7, "number": 3, "box": [60, 30, 140, 90]})
    assert shown.data["timestamps"] == pytest.approx([0.5, 0.6, 0.7], abs=0.02)
    assert shown.images[0].shape == (240, 320, 3)


def test_only_the_session_s_files_can_be_read(film, tmp_path):
    """Neither a path, nor a way up, nor a link leads out of the session's folder."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.csv").write_text("t,x\n0,1\n")
    (tmp_path / "inside" / "link.csv").symlink_to(tmp_path / "outside.csv")
    (tmp_path / "inside" / "run.csv").write_text("t,x\n" + "\n".join(f"{k},{k}" for k in range(20)))
    tools = instruments(Workspace(folder=tmp_path / "inside"))
    for name in ("../outside.csv", str(tmp_path / "outside.csv"), "link.csv", "/etc/passwd", "..", "a\0b"):
        result = call(tools, "read_table", {"table": name})
        assert not result.ok and result.text.startswith("No file"), result.text
    assert call(tools, "read_table", {"table": "run.csv"}).ok
    (tmp_path / "inside" / "broken.csv").write_text("nothing")
    broken = call(tools, "read_table", {"table": "broken.csv"}).text
    assert "broken.csv" in broken and str(tmp_path) not in broken
    only = instruments(Workspace([film / "two.mp4"]))
    assert not call(only, "track", {"video": str(film / "two.mp4")}).ok


def test_camera_words(tmp_path):
    """A picture that slides to the left is a camera that pans right; a still one is static."""
    scene = wall(640, 240, seed=1)

    def pan(k, t):
        return scene[:, 3 * k : 3 * k + 320]

    write_film(tmp_path / "pan.mp4", pan, np.arange(40) / 30)
    write_film(tmp_path / "still.mp4", lambda k, t: scene[:, :320], np.arange(20) / 30)
    tools = instruments(Workspace(folder=tmp_path))
    assert call(tools, "camera_motion", {"video": "pan.mp4"}).data["words"] == ["pan right"]
    assert call(tools, "camera_motion", {"video": "still.mp4"}).data["words"] == ["static"]
