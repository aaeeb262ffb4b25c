"""Conversations without a model: measured answers, calls told like a model's, laws of films and tables."""

import re

import numpy as np
import pytest
from films import moving_discs
from springs import spring

from motionlaw.agent.session import Session
from motionlaw.tools.workspace import FoundLaw, Workspace


@pytest.fixture
def film(tmp_path):
    """A disc that falls freely at 200 px/s^2."""
    return moving_discs(tmp_path / "fall.mp4", [lambda t: (160, 30 + 100 * t**2)], times=np.arange(40) / 30)


def test_questions_are_answered_from_measurements(tmp_path, film):
    """Direction and law come with their numbers; a second question does not track again."""
    session, events = Session(tmp_path / "log.jsonl", None, Workspace()), []
    session.show(film)
    assert session.ask("Which way does it move?", events.append).startswith("down")
    assert next(event.data["name"] for event in events if event.kind == "call") == "track"
    events.clear()
    said = session.ask("What is its law of motion?", events.append)
    found = float(re.match(r"v' = (-[\d.]+)\n", said)[1])
    assert found == pytest.approx(-200, abs=1) and "coefficient of 1: -" in said
    assert "track" not in [event.data["name"] for event in events if event.kind == "call"]
    assert list(session.workspace.all(FoundLaw)) == ["law 1"]
    session.close()


def test_calls_and_results_make_a_whole_conversation(tmp_path, film):
    """Every call has its result, so that a model can take the session up."""
    session = Session(tmp_path / "log.jsonl", None, Workspace())
    session.show(film)
    session.ask("How fast is it?")
    asked = [one.id for message in session.messages for one in message.tool_calls]
    answered = [message.tool_call_id for message in session.messages if message.role == "tool"]
    assert asked and asked == answered
    session.close()


def test_a_call_is_told_before_it_is_made(tmp_path, film):
    """Who watches sees what is being measured; a log that breaks off there knows what was open."""
    session, events = Session(tmp_path / "log.jsonl", None, Workspace()), []
    session.show(film)
    session.ask("How fast is it?", events.append)
    named = {one["id"]: k for k, event in enumerate(events) for one in event.data.get("tool_calls", ())}
    made = {event.data["id"]: k for k, event in enumerate(events) if event.kind == "call"}
    assert made and all(named[key] < place for key, place in made.items())
    session.close()


def test_the_law_of_a_table_can_be_asked(tmp_path):
    """A table has a law too; what is no question about it is not answered."""
    spring().to_csv(tmp_path / "run.csv", index=False)
    session = Session(tmp_path / "log.jsonl", None, Workspace())
    session.show(tmp_path / "run.csv")
    assert "v' = -4*x - 0.1*v" in session.ask("Which equation does it follow?").replace("4.0*", "4*")
    assert session.ask("Which way does it move?").startswith("Show a video first")
    session.close()


def test_without_a_file_a_file_is_asked_for(tmp_path):
    """Nothing can be measured before anything is shown."""
    session = Session(tmp_path / "log.jsonl", None, Workspace())
    assert session.ask("How fast?").startswith("Show a video first")
    session.close()
