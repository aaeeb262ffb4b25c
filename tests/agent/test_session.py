"""A chat on disk: nothing that was said is lost, whatever ends the program."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from chat_server import Trickle, chat_server
from films import moving_discs

from motionlaw.agent.log import Event, RunLog, read_log
from motionlaw.agent.messages import Message, ToolCall, VideoFrames
from motionlaw.agent.models.openai_server import OpenAIServer
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.agent.session import INTERRUPTED, NO_RESULT, Session, find_session
from motionlaw.tools.errors import UserError
from motionlaw.tools.workspace import Workspace


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A disc that goes right at 60 pixels a second, ten frames."""
    path = tmp_path_factory.mktemp("films") / "disc.mp4"
    return moving_discs(path, [lambda t: (60 + 60 * t, 120)], times=np.arange(10) / 10)


def track_then(words):
    return [Message.assistant(tool_calls=[ToolCall("a", "track", "{}")]), words]


def test_a_session_is_taken_up_where_it_was_left(tmp_path, film):
    """Messages, files and results by handle are there again; frames keep their times."""
    path = tmp_path / "chat.jsonl"
    first = Session(path, ScriptedModel(track_then("It goes right.")), Workspace())
    first.show(film)
    assert first.ask("Where does it go?") == "It goes right."
    first.close()
    model = ScriptedModel(["60 px/s"])
    again = Session(path, model, Workspace())
    assert again.messages == first.messages
    assert again.ask("How fast?") == "60 px/s"
    assert list(again.workspace.kept) == ["track 1"]
    video = model.asked[0][1].content[1]
    assert isinstance(video, VideoFrames)
    np.testing.assert_allclose(video.timestamps, np.arange(10) / 10, atol=1e-4)
    again.close()


def test_kill_in_mid_answer_loses_nothing(tmp_path, film):
    """A chat killed while words come in has kept the question and every word that had come."""
    answer = " ".join(f"word{k}" for k in range(400))
    environment = {"MOTIONLAW_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PATH": ""}
    with chat_server(Trickle(answer, 0.02), "Going on.") as server:
        command = [sys.executable, "-m", "motionlaw", "chat", str(film), "--model", server.url, "--json"]
        chat = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        chat.stdin.write("What is it?\n")
        chat.stdin.flush()
        seen = []
        for line in chat.stdout:
            event = json.loads(line)
            seen += [event["data"]["text"]] if event["kind"] == "text" else []
            if len(seen) == 5:
                chat.send_signal(signal.SIGKILL)
                break
        assert chat.wait(10) == -signal.SIGKILL
        chat.stdin.close()
        chat.stdout.close()
        path = next((tmp_path / "sessions").glob("*.jsonl"))
        again = Session(path, OpenAIServer(server.url), Workspace())
        question, broken = again.messages
        assert question.text.endswith("What is it?")
        assert broken.text.startswith("".join(seen)) and broken.text.endswith(INTERRUPTED)
        assert again.ask("Go on.").strip() == "Going on."
        again.close()
    sent = server.requests[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "word0" in sent[2]["content"]


def test_a_file_shown_but_not_asked_about_is_seen_after_a_kill(tmp_path, film):
    """It goes along with the next question, once."""
    first = Session(tmp_path / "chat.jsonl", ScriptedModel([]), Workspace())
    first.show(film)
    first.close()
    model = ScriptedModel(["Yes.", "No."])
    again = Session(tmp_path / "chat.jsonl", model, Workspace())
    again.ask("Does it move?")
    again.ask("Does it turn?")
    again.close()
    assert [message.has_vision for message in model.asked[1][1:]] == [True, False, False]


def test_calls_cut_off_get_a_result(tmp_path):
    """A log that ends between a call and its result is closed, and stays closed."""
    path = tmp_path / "chat.jsonl"
    log = RunLog(path)
    log.write(Event.of_message(Message.user("Fast?")))
    log.write(
        Event.of_message(Message.assistant(tool_calls=[ToolCall("a", "track", "{}"), ToolCall("b", "track", "{}")]))
    )
    log.write(Event.of_message(Message.tool("a", "track 1")))
    log.close()
    for _ in range(2):
        session = Session(path, None, Workspace())
        assert session.messages[3] == Message.tool("b", NO_RESULT)
        assert session.messages[4] == Message.assistant(INTERRUPTED)
        assert len(session.messages) == 5
        session.close()


def test_a_torn_last_line_is_left_out(tmp_path):
    """What a kill in mid-write leaves does not spoil the log, nor the line after it."""
    path = tmp_path / "chat.jsonl"
    log = RunLog(path)
    log.write(Event("note", {"text": "one"}))
    log.close()
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"kind": "note", "da')
    assert [event.data["text"] for event in read_log(path)] == ["one"]
    log = RunLog(path)
    log.write(Event("note", {"text": "two"}))
    log.close()
    assert [event.data["text"] for event in read_log(path)] == ["one", "two"]


def test_a_file_that_is_no_log_is_a_sentence(tmp_path):
    """Not a traceback, and nothing is written to it."""
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(UserError, match="no log of motionlaw: line 1"):
        Session(path, None, Workspace())
    assert path.read_text() == "hello\n"


def test_a_video_that_was_changed_is_refused(tmp_path):
    """The times of the frames in the log must still be those of the file."""
    film = moving_discs(tmp_path / "a.mp4", [lambda t: (60 + 60 * t, 120)], times=np.arange(5) / 10)
    path = tmp_path / "chat.jsonl"
    session = Session(path, ScriptedModel(["Yes."]), Workspace())
    session.show(film)
    session.ask("Does it move?")
    session.close()
    moving_discs(film, [lambda t: (60 + 60 * t, 120)], times=np.arange(5) / 7)
    with pytest.raises(UserError, match="the file was changed"):
        Session(path, ScriptedModel([]), Workspace())


def test_a_model_that_fails_keeps_the_question(tmp_path):
    """The turn is closed, and the next question is answered."""
    session = Session(tmp_path / "chat.jsonl", ScriptedModel([UserError("The server is gone."), "Yes."]), Workspace())
    with pytest.raises(UserError, match="gone"):
        session.ask("Does it move?")
    assert [message.text for message in session.messages] == ["Does it move?", INTERRUPTED]
    assert session.ask("And now?") == "Yes."
    session.close()


def test_a_session_that_is_open_elsewhere_is_not_written_to(tmp_path):
    """Two writers would mix two conversations."""
    first = Session(tmp_path / "chat.jsonl", ScriptedModel(["Yes."]), Workspace())
    with pytest.raises(UserError, match="chat is open elsewhere"):
        Session(tmp_path / "chat.jsonl", None, Workspace())
    assert first.ask("Still there?") == "Yes."
    first.close()
    Session(tmp_path / "chat.jsonl", None, Workspace()).close()


def test_ctrl_c_in_mid_answer_closes_the_turn(tmp_path):
    """What was asked stays, and the next question is answered."""

    def interrupted(messages):
        raise KeyboardInterrupt

    session = Session(tmp_path / "chat.jsonl", ScriptedModel([interrupted, "Yes."]), Workspace())
    with pytest.raises(KeyboardInterrupt):
        session.ask("Does it move?")
    assert session.messages[-1] == Message.assistant(INTERRUPTED)
    assert session.ask("And now?") == "Yes."
    session.close()


def test_sessions_are_found_by_name(tmp_path, monkeypatch):
    """The last one, one by its name, one by its path; else the names that there are."""
    monkeypatch.setenv("MOTIONLAW_HOME", str(tmp_path))
    with pytest.raises(UserError, match="The latest: none"):
        find_session("last")
    for name in ("first", "second"):
        Session(tmp_path / "sessions" / f"{name}.jsonl", None, Workspace()).close()
        time.sleep(0.01)
    assert find_session("last").stem == "second"
    assert find_session("first") == find_session(str(tmp_path / "sessions" / "first.jsonl"))
    with pytest.raises(UserError, match="The latest: second, first"):
        find_session("third")
