"""Questions are asked, logged, resumed and scored: views, pairs, baselines, error bars by video, cost."""

import json

import numpy as np
import pytest
from films import moving_discs
from typer.testing import CliRunner

from motionlaw.agent.messages import VideoFrames
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.cli import app
from motionlaw.eval.qa import run
from motionlaw.eval.qa.answerers import majority, seen
from motionlaw.eval.qa.items import Item
from motionlaw.eval.qa.own import made_items
from motionlaw.eval.qa.run import QASettings, _category_means, paired, run_questions
from motionlaw.tools.errors import UserError


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two clips with questions, as the recordings have them."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, pace in (("right", 60), ("left", -60)):
        clip = folder / "made" / name
        clip.mkdir(parents=True)
        moving_discs(clip / "video.mp4", [lambda t, v=pace: (160 + v * t, 120)], times=np.arange(20) / 15)
        asked = [{"question": "Which way does the disc move, left or right?", "answer": name}]
        (clip / "qa.json").write_text(json.dumps(asked))
    return folder


def test_the_instruments_answer_recordings_through_the_command(recordings, tmp_path):
    """Both right, beside chance and majority, clustered by clip."""
    out = tmp_path / "run"
    command = ["eval", "real-qa", "--data", str(recordings), "--out", str(out), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    score = json.loads(done.stdout)["results"]["video"]["score"]
    assert (score["mean"], score["n"], score["n_clusters"]) == (1.0, 2, 2)
    table = (out / "table.md").read_text()
    assert "| majority | 50.0 ± 50.0 | 2 | 2 |" in table and "| chance | 0.0" in table


def test_options_of_laws_are_refused_for_questions():
    """An option that would do nothing is an error."""
    done = CliRunner().invoke(app, ["eval", "real-qa", "--noise", "0.1"])
    assert isinstance(done.exception, UserError) and "benchmarks of laws" in str(done.exception)
    with pytest.raises(UserError, match="views must be of"):
        QASettings("real-qa", model="http://x", views=("sideways",))


def items_of(folder):
    return [
        Item(
            f"q{k}",
            folder / "made" / way / "video.mp4",
            "Which way?",
            "AB"[k],
            "choice",
            way,
            ("right", "left"),
            "way",
            "p",
        )
        for k, way in enumerate(("right", "left"))
    ]


def test_a_model_is_asked_in_every_view_and_a_stopped_run_goes_on(recordings, tmp_path, monkeypatch):
    """Always "A": one of two right, no pair; the log holds frames, rate and tokens, and nothing is asked twice."""
    model = ScriptedModel(["A"] * 8)
    model.close = lambda: None
    monkeypatch.setattr(run, "choose_model", lambda text, **_: model)
    monkeypatch.setattr(run, "load_items", lambda settings, folder: items_of(recordings))
    settings = QASettings("tomato", model="scripted", frames=4)
    _, rows = run_questions(settings, tmp_path)
    assert len(rows) == len(model.asked) == 8
    video = [row for row in rows if row["solver"] == "video"]
    assert [row["scores"]["right"] for row in video] == [1.0, 0.0]
    assert paired(video).mean == 0.0
    assert (video[0]["frames"], round(video[0]["fps"], 1)) == (4, 2.4)
    shown = [sum(isinstance(part, VideoFrames) for part in asked[0].content) for asked in model.asked]
    assert shown == [1, 0, 1, 1] * 2
    table = (tmp_path / "table.md").read_text()
    assert "at most 4 frames a video" in table and "| reversed |" in table
    run_questions(settings, tmp_path, resume=True)
    assert len(model.asked) == 8


def test_reversed_frames_keep_the_times_of_true_ones(recordings):
    """The order of pictures is turned round, not the clock; blind shows nothing, one frame is the middle one."""
    path = recordings / "made" / "right" / "video.mp4"
    whole, back = seen(path, "video", 5), seen(path, "reversed", 5)
    assert back.timestamps == whole.timestamps
    assert back.frames == whole.frames[::-1]
    assert seen(path, "blind", 5) is None
    assert len(seen(path, "frame", 5).frames) == 1


def test_majority_knows_the_commonest_answer_of_each_category(recordings):
    """Items without a published answer have none."""
    one, other = items_of(recordings)
    third = Item("q3", one.video, "?", None, "choice", "right", ("a", "b"), "way")
    assert majority([one, other, third]) == {"q0": 0.0, "q1": 1.0, "q3": None}


def test_made_camera_items_are_answered_by_the_instruments(tmp_path):
    """Four options, one right; the camera's own instrument answers them."""
    settings = QASettings("camera", items=3)
    _, rows = run_questions(settings, tmp_path)
    assert [row["scores"]["right"] for row in rows] == [1.0, 1.0, 1.0]
    assert all(len(row["options"]) == 4 for row in rows)


def test_made_world_items_come_in_sets(tmp_path):
    """The cuts of one source stand together and count together."""
    items = made_items("worlds-qa", 4, tmp_path)
    assert len(items) == 4 and all(item.video.is_file() for item in items)
    assert len({item.pair for item in items}) < 4


def test_a_run_that_found_no_data_leaves_nothing_behind(tmp_path, recordings):
    """The same folder serves once the data are named."""
    with pytest.raises(UserError, match="No folder"):
        run_questions(QASettings("tomato", data=str(tmp_path / "nowhere")), tmp_path / "run")
    _, rows = run_questions(QASettings("real-qa", data=str(recordings), items=1), tmp_path / "run")
    assert len(rows) == 1


def test_levels_of_one_task_are_averaged_before_the_tasks_are():
    """VSI-Bench counts its three levels of direction as one task, not as three."""
    rows = [
        {"solver": "video", "category": category, "scores": {"right": right}}
        for category, right in (("direction_easy", 1.0), ("direction_hard", 0.0), ("size", 1.0))
    ]
    assert _category_means(rows, "video") == 0.75
