"""The chat in the terminal: answers on stdout, work on stderr, sessions on disk."""

import io
import json

import numpy as np
import pytest
from chat_server import chat_server
from films import moving_discs

from motionlaw.agent.chat import chat_command
from motionlaw.agent.messages import Message, ToolCall
from motionlaw.tools.errors import UserError


@pytest.fixture
def film(tmp_path):
    """A disc that goes right."""
    return str(moving_discs(tmp_path / "disc.mp4", [lambda t: (60 + 60 * t, 120)], times=np.arange(10) / 10))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Sessions of a test are its own."""
    monkeypatch.setenv("MOTIONLAW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def chat(monkeypatch, lines, *script, **options):
    """Runs the command with these lines typed and a server that answers so; returns the requests."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    with chat_server(*script) as server:
        assert chat_command(options.pop("video", None), model=server.url, **options) == 0
    return server.requests


def test_a_question_is_answered_with_the_instruments_on_stderr(monkeypatch, capsys, film, home):
    """The answer alone is the result; the log can be shown again."""
    script = [Message.assistant(tool_calls=[ToolCall("a", "track", "{}")]), "It goes right."]
    chat(monkeypatch, ["", "Where does it go?", "/quit"], *script, video=film)
    shown = capsys.readouterr()
    assert shown.out.strip() == "It goes right."
    assert "disc.mp4: a video, 320x240 px, 10 frames" in shown.err
    assert "[track {}] disc.mp4" in shown.err
    log = next((home / "sessions").glob("*.jsonl"))
    assert chat_command(replay=str(log)) == 0
    shown = capsys.readouterr()
    asked, answered = shown.out.strip().splitlines()[-2:]
    assert asked.endswith("Where does it go?") and answered == "It goes right."
    assert "[track {}]" in shown.err


def test_a_session_goes_on(monkeypatch, capsys):
    """--resume last shows the last exchange and keeps the conversation."""
    chat(monkeypatch, ["One?"], "First.")
    sent = chat(monkeypatch, ["Two?"], "Second.", resume="last")
    assert [message["content"].strip() for message in sent[0]["messages"][1:]] == ["One?", "First.", "Two?"]
    assert capsys.readouterr().out.split() == ["First.", ">", "One?", "First.", "Second."]


def test_a_report_of_the_law_is_written(monkeypatch, capsys, tmp_path):
    """/report writes the page of the last law, also after the session was taken up again."""
    t = np.linspace(0, 8, 200)
    table = tmp_path / "swing.csv"
    rows = "\n".join(f"{a:.4f},{np.cos(2 * a):.6f}" for a in t)
    table.write_text(f"t,x\n{rows}\n")
    calls = [
        Message.assistant(tool_calls=[ToolCall("a", "read_table", "{}")]),
        Message.assistant(tool_calls=[ToolCall("b", "discover_law", '{"of": ["run 1"], "seconds": 2}')]),
    ]
    page = tmp_path / "law.html"
    chat(monkeypatch, ["/report", "What is its law?"], *calls, "A spring.", video=str(table))
    assert "No law has been found" in capsys.readouterr().err
    chat(monkeypatch, [f"/report {page}"], "", resume="last")
    assert "<html" in page.read_text() and "run 1" in page.read_text()


@pytest.mark.parametrize("line", ["/dance", "/video", "/video no.mp4", '/video "no', "/report a b"])
def test_a_wrong_command_is_answered_and_the_chat_goes_on(monkeypatch, capsys, line):
    """No traceback, and the next question is answered."""
    chat(monkeypatch, [line, "Still there?"], "Yes.")
    shown = capsys.readouterr()
    assert shown.out.strip() == "Yes." and "Traceback" not in shown.err
    assert len(shown.err.strip().splitlines()) == 2


def test_events_come_as_json(monkeypatch, capsys):
    """--json prints what happens, one event a line."""
    chat(monkeypatch, ["Hello?"], "Yes.", json=True)
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["message", "text", "reply", "message", "stop"]


def test_control_characters_of_a_file_name_do_not_reach_the_terminal(monkeypatch, capsys):
    """A name may hold an escape sequence, and so may an answer; what is printed does not."""
    chat(monkeypatch, ["/video \x1b[2Jevil.mp4", "Hello?"], "Yes \x1b[2J sir.")
    shown = capsys.readouterr()
    assert "\x1b" not in shown.err + shown.out and "sir." in shown.out


def test_what_there_is_not_is_a_sentence(tmp_path):
    """A session, a log or a model that does not exist ends the command with one sentence."""
    for options in ({"resume": "last"}, {"replay": str(tmp_path / "no.jsonl")}, {"model": "nowhere"}):
        with pytest.raises(UserError):
            chat_command(**options)
