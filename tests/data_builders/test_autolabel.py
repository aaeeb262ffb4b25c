"""Labels of real videos: facts from tracks, captions that are checked against them, failures kept as rows."""

import json

import numpy as np
import pyarrow.parquet as parquet
import pytest
from films import moving_discs, wall, write_film
from typer.testing import CliRunner

from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.cli import app
from motionlaw.data_builders import autolabel
from motionlaw.data_builders.autolabel import builder, told_facts
from motionlaw.data_builders.captions import checked_caption, rule_caption, untrue
from motionlaw.data_builders.found import find, gate
from motionlaw.data_builders.foundation_motion import read_questions, read_tracks, write_questions, write_tracks
from motionlaw.data_builders.measured_facts import Fact, fact, facts_of
from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.detector import detect, detections
from motionlaw.tools.trajectory import Track

T = np.arange(50) / 25


def track(x, y, *, name="red ball", half=10.0, number=0):
    place = np.stack([x, y], axis=1)
    return Track(
        number, name, np.arange(len(x)), T[: len(x)], place, np.ones(len(x)), np.hstack([place - half, place + half])
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A disc that goes right at 60 px/s."""
    path = tmp_path_factory.mktemp("films") / "disc.mp4"
    return moving_discs(path, [lambda t: (50 + 60 * t, 120)], times=np.arange(50) / 15)


@pytest.fixture(scope="module")
def row(film):
    """Its labels."""
    return builder(videos=str(film)).make(0, 0)[0]


def test_a_clip_is_labelled_from_camera_to_questions(row):
    """Camera, facts near the truth, a caption, questions with the right answers, FoundationMotion's JSON."""
    assert (row["status"], row["camera"], row["tracker"]) == ("ok", ["static"], "classical")
    facts = told_facts(row)
    assert fact(facts, "direction").word == "E"
    assert fact(facts, "mean speed").value == pytest.approx(60, rel=0.02)
    assert "to the right" in row["caption"] and row["caption_dropped"] == []
    by_rule = {each["rule"]: each for each in row["questions"]}
    assert by_rule["camera"]["answer_text"] == "static"
    assert by_rule["direction"]["options"][ord(by_rule["direction"]["answer"]) - ord("A")] == "to the right"
    questions = read_questions(json.loads(row["foundation_motion_questions"]))
    assert len(questions) == sum(bool(each["options"]) for each in row["questions"])


def test_reversed_tracks_turn_the_facts_round():
    """Equivariance: the direction and the way flip, speed and turns stay."""
    there = track(100 + 80 * T, 100 + 0 * T)
    back = track((100 + 80 * T)[::-1].copy(), 100 + 0 * T)
    one, other = facts_of(there), facts_of(back)
    assert (fact(one, "direction").word, fact(other, "direction").word) == ("E", "W")
    assert fact(one, "way to the right").value == pytest.approx(-fact(other, "way to the right").value)
    assert fact(one, "mean speed").value == pytest.approx(fact(other, "mean speed").value)


def test_turns_and_period_are_measured():
    """Two full swings of 0.8 s: three or four turns, the period to a hundredth."""
    facts = facts_of(track(200 + 60 * np.sin(2 * np.pi * T / 0.8), 100 + 0 * T))
    assert fact(facts, "period").value == pytest.approx(0.8, rel=0.02)
    assert fact(facts, "turns").value == 5


FACTS = (
    Fact("red ball", "sideways", word="right"),
    Fact("red ball", "phase", word="accelerating"),
    Fact("red ball", "direction", word="E"),
    Fact("red ball", "mean speed", 60.2, stderr=0.4, unit="px/s"),
    Fact("red ball", "turns", 0.0),
    Fact("red ball 2", "mean speed", 12.0, stderr=0.4, unit="px/s"),
    Fact("red ball 2", "upright", word="up, then down"),
    Fact("red ball 2", "turns", 3.0),
    Fact("red ball 2", "period", 0.81, stderr=0.01, unit="s"),
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The red ball moves to the right at 60 pixels per second.",
        "The red ball 2 turns back three times.",
        "The red ball 2 repeats its motion every 0.81 ± 0.01 s.",
        "The red ball 2 moves upward and then comes back.",
        "The red ball 2 rises and then falls.",
        "The red ball gets faster.",
        "The red ball is faster than the red ball 2.",
        "The camera pans left.",
        "Things move.",
    ],
)
def test_sentences_that_follow_from_the_facts_stay(sentence):
    """Numbers to their digits or two errors, number words, directions."""
    assert untrue(sentence, FACTS, camera=["pan left"]) == ""


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The red ball moves at 75 px/s.", "no fact gives 75 px/s"),
        ("The red ball turns back three times.", "no fact gives 3"),
        ("The red ball 2 moves at 60 px/s.", "no fact gives 60 px/s"),
        ("The red ball moves for 60 s.", "no fact gives 60 s"),
        ("The red ball moves to the left.", "it moves right"),
        ("The red ball 2 moves down and then up.", "it moves up, then down"),
        ("The red ball 2 moves to the right.", "is not known"),
        ("The red ball gets slower.", "it gets no slower"),
        ("The red ball stops at the wall.", "it does not stop"),
        ("The red ball swings.", "it does not go to and fro"),
        ("The red ball stands still.", "it does not stand still"),
        ("The red ball rolls.", "how it turns itself is not known"),
        ("The red ball 2 is faster than the red ball.", "is not clearly faster"),
        ("The camera pans right.", "the camera's pan goes left"),
        ("The camera zooms in.", "the camera makes no zoom"),
        ("The ball is 5 cm wide.", "no fact gives 5 cm"),
    ],
)
def test_sentences_that_do_not_follow_are_dropped(sentence, reason):
    """A wrong number, another object's number, a wrong unit, a wrong way, a number from nowhere."""
    assert reason in untrue(sentence, FACTS, camera=["pan left"])
    caption = checked_caption(f"Things move. {sentence}", FACTS, camera=["pan left"])
    assert caption.text == "Things move."
    assert caption.dropped[0][0] == sentence


def test_every_caption_by_rule_passes_its_own_check():
    """Random motions of two objects: nothing that the rules write is dropped."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        waves = [rng.uniform(-60, 60) * T + rng.uniform(0, 50) * np.sin(rng.uniform(1, 9) * T) for _ in range(4)]
        tracks = [
            track(200 + waves[0], 200 + waves[1]),
            track(300 + waves[2], 200 + waves[3], name="blue ball", number=1),
        ]
        facts = [each for one in tracks for each in facts_of(one)]
        assert checked_caption(rule_caption(facts, camera=["pan left"]), facts).dropped == ()


def test_a_model_writes_from_facts_alone_and_its_inventions_go(film, monkeypatch):
    """The model sees no picture; a number it makes up is taken out and kept aside."""
    model = ScriptedModel(["The orange object moves to the right. The orange object weighs 3 kg."])
    monkeypatch.setattr(autolabel, "choose_model", lambda text: model)
    model.close = lambda: None
    row = builder(videos=str(film), model="scripted").make(0, 0)[0]
    assert not model.asked[0][0].has_vision and "mean speed" in model.asked[0][0].text
    assert "3 kg" not in row["caption"]
    assert [each["sentence"] for each in row["caption_dropped"]] == ["The orange object weighs 3 kg."]


def test_a_moving_camera_is_labelled_and_the_motion_told_before_the_background(tmp_path):
    """The disc stays in the picture while the camera pans right: before the background it goes right."""
    from films import disc

    scene = wall(900, 240, seed=2)

    def picture(k, t):
        image = scene[:, 5 * k : 5 * k + 320].copy()
        disc(image, (150 + 0.5 * k, 120), 22, (200, 40, 40))
        return image

    path = write_film(tmp_path / "pan.mp4", picture, np.arange(50) / 30)
    found = find(path, gate(path))
    assert (found.camera_words, found.tracker) == (("pan right",), "flow")
    facts = facts_of(found.scene_tracks[0])
    assert fact(facts, "direction").word == "E"
    assert fact(facts, "way to the right").value == pytest.approx(5.5 * 49, rel=0.1)
    row = builder(videos=str(path)).make(0, 0)[0]
    assert "moves to the right" in row["caption"] and "speed" not in row["caption"]


def test_failures_are_rows_and_the_build_goes_on(film, tmp_path):
    """A still film beside a good one, through the command: two rows, one with a reason, and a rate on stderr."""
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(film.read_bytes())
    write_film(folder / "b.mp4", lambda k, t: wall(), np.arange(20) / 30)
    out = tmp_path / "labels"
    done = CliRunner().invoke(app, ["build", "autolabel", "--from", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "sources a minute" in done.stderr
    rows = [each for file in (out / "data").glob("*.parquet") for each in parquet.read_table(file).to_pylist()]
    status = {each["file"]: (each["status"], bool(each["reason"])) for each in rows}
    assert status == {"clips/a.mp4": ("ok", False), "clips/b.mp4": ("failed", True)}


def test_foundation_motions_tracks_come_back():
    """Out and in: boxes to a thousandth of a picture, gaps, names; objects that meet interact."""
    one, other = track(100 + 80 * T, 100 + 0 * T), track(180 + 0 * T, 100 + 0 * T, name="cup", number=1)
    other.xyxy[3] = np.nan
    written = json.loads(json.dumps(write_tracks([one, other], 640, 480)))
    assert written["object_01"]["bbox"][3] is None
    assert written["object_00"]["interactions"][25] == ["object_01"]
    assert written["object_00"]["interactions"][0] is None
    read = read_tracks(written, T, 640, 480)
    assert [each.name for each in read] == ["red ball", "cup"]
    assert np.allclose(read[0].xyxy, one.xyxy, atol=0.05)


def test_foundation_motions_questions_come_back():
    """The published form: options by letter and the right one's letter; free questions have no place."""
    asked = [
        {"question": "Which way?", "options": list("wxyz"), "answer": "C"},
        {"question": "?", "options": [], "answer": "1"},
    ]
    written = write_questions(asked)
    assert written == {
        "questions": [{"question": "Which way?", "A": "w", "B": "x", "C": "y", "D": "z", "correct_answer": "C"}]
    }
    assert read_questions(written) == asked[:1]
    with pytest.raises(UserError, match="correct_answer of A to D, got 'E'"):
        read_questions({"questions": [written["questions"][0] | {"correct_answer": "E"}]})


def test_given_tracks_are_taken_instead_of_tracking(film, tmp_path):
    """FoundationMotion's file beside the video: its names and boxes."""
    x = 50 + 60 * np.arange(50) / 15
    boxes = [[(v - 11) / 320, 109 / 240, (v + 11) / 320, 131 / 240] for v in x]
    given = {"object_00": {"bbox": boxes, "object_type": "puck", "interactions": [None] * 50}}
    (tmp_path / "disc.json").write_text(json.dumps(given))
    row = builder(videos=str(film), tracks=str(tmp_path)).make(0, 0)[0]
    assert (row["tracker"], row["tracks"][0]["name"]) == ("given", "puck")
    assert "The puck moves to the right." in row["caption"]


def test_a_detectors_answer_is_read_and_its_absence_told(film):
    """Doubles go, surest first; a checkpoint that is not there is one sentence."""
    found = detections(
        {
            "scores": [0.5, 0.9, 0.4],
            "boxes": [[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60]],
            "text_labels": ["a", "b", "c"],
        }
    )
    assert [each.label for each in found] == ["b", "c"]
    assert found[0].pointer(0.5) == "0.0,0.0,10.0,11.0@0.500000"
    with pytest.raises(UserError, match="detector must be the folder"):
        detect(np.zeros((4, 4, 3), np.uint8), ["ball"], checkpoint="/nowhere")
    assert "detector must be" in builder(videos=str(film), detector="/nowhere", labels="ball").make(0, 0)[0]["reason"]
