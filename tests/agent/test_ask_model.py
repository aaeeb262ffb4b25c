"""A question answered by a model with the instruments: grounded in measurements, checked against tracks, hedged."""

import json

import numpy as np
import pytest
from chat_server import chat_server
from films import moving_discs
from typer.testing import CliRunner

from motionlaw.agent.answer import SURE
from motionlaw.agent.ask_model import answer_with_model, read_answer
from motionlaw.agent.log import read_log
from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.agent.question import read_question
from motionlaw.cli import app

QUESTION = "Which way does the red ball move?"
TRACK = Message.assistant(tool_calls=[ToolCall("a", "track", "{}")])
SPEED = Message.assistant(tool_calls=[ToolCall("b", "speed", '{"of": "track 1"}')])


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A red disc of radius 11 that goes right at 60 pixels a second; at 0.5 s it is at (90, 120)."""
    path = tmp_path_factory.mktemp("films") / "disc.mp4"
    return str(moving_discs(path, [lambda t: (60 + 60 * t, 120)], times=np.arange(10) / 10))


def chain(answer="right", box="[79,109,101,131]", direction="E", name="red ball"):
    tag = f'<motion obj="{name}" dir="{direction}" speed="fast" scale="stable" from="0" to="0.9"/>'
    return f"<think>The <obj>{name}</obj><box>{box}</box>at<t>0.5</t>s {tag}</think><answer>{answer}</answer>"


def test_a_measured_answer_carries_its_evidence(film):
    """Answer, chain, boxes, words of motion, numbers and calls; four samples that agree are a confident answer."""
    model = ScriptedModel([TRACK, SPEED, *[chain()] * 4])
    found = answer_with_model(film, QUESTION, model)
    assert (found.text, found.model) == ("right", "scripted")
    assert found.confidence == pytest.approx(0.9)
    assert [(one.object, one.t) for one in found.evidence] == [("red ball", 0.5)]
    assert found.motion[0]["dir"] == "E"
    assert "mean speed" in {one.name for one in found.measurements}
    assert [one.name for one in found.tools] == ["track", "speed"]
    assert "corrected" not in found.reason.lower() and "dropped" not in found.reason.lower()


def test_wrong_claims_are_corrected_or_dropped_and_marked(film):
    """A box beside the track, a wrong direction, and a thing that is not there."""
    wrong = chain(box="[200,20,240,60]", direction="W")
    found = answer_with_model(film, QUESTION, ScriptedModel([TRACK, SPEED, wrong]), samples=1)
    assert found.evidence[0].box == pytest.approx((79, 109, 101, 131), abs=5)
    assert found.motion[0]["dir"] == "E"
    assert "Corrected: the box of red ball" in found.reason and "direction W to E" in found.reason
    ghost = chain(name="green elephant", box="[200,20,240,60]")
    found = answer_with_model(film, QUESTION, ScriptedModel([TRACK, SPEED, ghost]), samples=1)
    assert found.evidence == () and "dropped" in found.reason.lower()


def test_confidence_is_the_agreement_of_samples(film):
    """Two of four say right: the answer stands, hardly sure."""
    said = [chain("right"), chain("left"), chain("Right."), chain("up")]
    found = answer_with_model(film, QUESTION, ScriptedModel([TRACK, SPEED, *said]))
    assert found.text == "right" and found.confidence == pytest.approx(0.5)


def test_an_answer_without_a_measurement_is_never_confident(film):
    """The model's eye alone is said to be so; its claims are held against tracks all the same."""
    found = answer_with_model(film, QUESTION, ScriptedModel([chain(box="[200,20,240,60]")] * 4))
    assert found.confidence < SURE and "Nothing was measured" in found.reason
    assert found.evidence[0].box == pytest.approx((79, 109, 101, 131), abs=5)


OPTIONS = read_question(QUESTION, ("A) left", "B) right")).options


@pytest.mark.parametrize("said", ["B", "(B)", "B) right", "right", "Right."])
def test_an_option_is_chosen_by_letter_or_by_words(said):
    """However the model writes it."""
    assert read_answer(chain(said), OPTIONS) == ("right", "B")


@pytest.mark.parametrize("said", ["", "<answer>left</answer> or <answer>right</answer>", "<answer>Q</answer>"])
def test_no_single_answer_is_no_choice(said):
    """Nothing, two answers, or an option that is not there."""
    assert read_answer(said, OPTIONS) == ("", None)


def test_no_answer_is_said_to_be_none(film):
    """Not answered, with the reason."""
    found = answer_with_model(film, QUESTION, ScriptedModel(["", ""]), samples=1)
    assert not found.is_answered and found.confidence == 0 and "no answer" in found.reason


def test_the_command_asks_a_server_and_logs_the_run(film, tmp_path, monkeypatch):
    """ask --model URL --json: the JSON of an answer, and a log that can be shown again."""
    monkeypatch.setenv("MOTIONLAW_HOME", str(tmp_path))
    with chat_server(TRACK, SPEED, chain(), models=("qwen",)) as server:
        done = CliRunner().invoke(app, ["ask", film, QUESTION, "--model", server.url, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["answer"], found["model"], found["schema"]) == ("right", "qwen", 1)
    log = next((tmp_path / "runs").glob("*.jsonl"))
    assert [event.data["name"] for event in read_log(log) if event.kind == "call"] == ["track", "speed"]
    assert QUESTION in CliRunner().invoke(app, ["chat", "--replay", str(log)]).stdout
