"""The page's server: rooms kept apart, files checked, questions streamed, strangers kept out, nothing lost."""

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import threading

import httpx
import numpy as np
import pytest
from films import moving_discs

from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.model import Reply
from motionlaw.agent.models.scripted import ScriptedModel

pytest.importorskip("fastapi", reason="the page needs FastAPI: pip install 'motionlaw[web]'")
from fastapi.testclient import TestClient

from motionlaw.agent.serve import rooms as rooms_module
from motionlaw.agent.serve.app import make_app
from motionlaw.agent.serve.rooms import Rooms

HOST = {"base_url": "http://localhost"}


class Echo:
    """A model that says which file it was shown and what it was asked, whoever asks."""

    name, parallel, form = "echo", 64, "full"

    def reply(self, messages, *, tools=(), sampling=None, on_text=None):
        asked = [message.text for message in messages if message.role == "user"]
        files = re.findall(r"File (\S+):", " ".join(asked))
        said = f"{files[0] if files else 'nothing'} | {asked[-1].strip().splitlines()[-1]}"
        if on_text is not None:
            for word in said.split(" "):
                on_text(f"{word} ")
        return Reply(Message.assistant(said))

    def log_probability(self, messages, answer):
        return 0.0

    def close(self):
        pass


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A disc that goes right."""
    path = tmp_path_factory.mktemp("films") / "disc.mp4"
    return moving_discs(path, [lambda t: (60 + 60 * t, 120)], times=np.arange(20) / 20)


def client(folder, model=None, *, token=None, most_bytes=2**20):
    return TestClient(make_app(Rooms(folder, model, most_bytes=most_bytes), token=token), **HOST)


def opened(browser):
    return browser.post("/api/rooms").json()["room"]


def brought(browser, room, path, name=None):
    return browser.post(f"/api/rooms/{room}/files", params={"file": name or path.name}, content=path.read_bytes())


def asked(browser, room, question):
    reply = browser.post(f"/api/rooms/{room}/ask", json={"question": question})
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_the_page_loads_only_its_own_files(tmp_path):
    """Page, script and style come with a policy that forbids anything from elsewhere, inline scripts among it."""
    browser = client(tmp_path)
    page = browser.get("/")
    assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert sorted(named) == ["/web/page.css", "/web/page.js"] and "<script>" not in page.text
    assert [browser.get(name).status_code for name in named] == [200, 200]
    assert browser.get("/web/../app.py").status_code == 404


def test_a_film_is_brought_tracked_and_asked_about(tmp_path, film):
    """The answer comes in pieces, the tracks as places in pixels, and all of it again when the page is opened anew."""
    script = [Message.assistant(tool_calls=[ToolCall("a", "track", "{}")]), "It goes right."]
    browser = client(tmp_path, ScriptedModel(script))
    room = opened(browser)
    assert brought(browser, room, film).json()["about"].startswith("disc.mp4: a video, 320x240 px, 20 frames")
    tracks = browser.get(f"/api/rooms/{room}/tracks/disc.mp4").json()
    assert tracks["width"] == 320 and abs(tracks["tracks"][0]["xy"][10][0] - 90) < 1
    events = asked(browser, room, "Where does it go?")
    assert [event["kind"] for event in events] == [
        "user",
        "assistant",
        "call",
        "pictures",
        "text",
        "text",
        "text",
        "assistant",
        "stop",
    ]
    assert events[1]["calling"] == ["track"] and events[3]["pictures"][0].startswith("data:image/png;base64,")
    history = browser.get(f"/api/rooms/{room}").json()
    assert history["files"] == ["disc.mp4"] and history["events"][-2]["text"] == "It goes right."
    assert browser.get(f"/api/rooms/{room}/files/disc.mp4", headers={"range": "bytes=0-9"}).status_code == 206


def test_without_a_model_the_law_is_found_and_reported(tmp_path, film):
    """Instruments alone answer, and the report is a page in a sandbox."""
    browser = client(tmp_path)
    room = opened(browser)
    assert browser.get(f"/api/rooms/{room}/report").status_code == 400
    brought(browser, room, film)
    assert "right" in asked(browser, room, "Which way does it move?")[-1]["text"]
    assert asked(browser, room, "What is its law of motion?")[-1]["text"].startswith("v' = 0")
    report = browser.get(f"/api/rooms/{room}/report")
    assert report.status_code == 200 and report.headers["content-security-policy"].startswith("sandbox")


def test_rooms_are_kept_apart(tmp_path, film):
    """Many visitors at once each get answers about their own file and question."""
    browser = client(tmp_path, Echo())
    rooms = [opened(browser) for _ in range(12)]
    for number, room in enumerate(rooms):
        assert brought(browser, room, film, f"clip{number}.mp4").status_code == 200
    said: dict[int, str] = {}

    def visit(number):
        for turn in range(3):
            said[number] = asked(browser, rooms[number], f"question {number}.{turn}")[-2]["text"]

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: f"clip{number}.mp4 | question {number}.2" for number in range(12)}
    assert browser.get(f"/api/rooms/{rooms[0]}/files/clip1.mp4").status_code == 404


def test_rooms_are_put_away_and_taken_out_again(tmp_path, monkeypatch):
    """Memory holds a bounded number of rooms; what was said in the others lies on disk."""
    monkeypatch.setattr(rooms_module, "MOST_OPEN", 3)
    all_rooms = Rooms(tmp_path, Echo(), most_bytes=2**20)
    browser = TestClient(make_app(all_rooms), **HOST)
    names = [opened(browser) for _ in range(8)]
    assert len(all_rooms._open) == 3
    asked(browser, names[0], "still there?")
    assert browser.get(f"/api/rooms/{names[0]}").json()["events"][0]["text"] == "still there?"


@pytest.mark.parametrize(
    ("name", "content", "status", "sentence"),
    [
        ("notes.pdf", b"x", 400, r"A file must be a video or a table"),
        ("clip.mp4", b"no video at all", 400, r"cannot be read as a video"),
        ("clip.mp4", b"x" * 2_000_000, 413, r"A file may have 1 MB"),
        ("clip.mp4", b"", 400, r"is empty"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, name, content, status, sentence):
    """One sentence says why, and nothing is left behind."""
    browser = client(tmp_path)
    room = opened(browser)
    reply = browser.post(f"/api/rooms/{room}/files", params={"file": name}, content=content)
    assert reply.status_code == status and re.search(sentence, reply.json()["error"])
    assert list((tmp_path / room / "files").iterdir()) == []


def test_a_file_without_a_length_is_cut_off_as_well(tmp_path):
    """A client that does not say how long its file is cannot fill the disk."""
    browser = client(tmp_path)
    room = opened(browser)
    blocks = (b"x" * 100_000 for _ in range(50))
    reply = browser.post(f"/api/rooms/{room}/files", params={"file": "a.mp4"}, content=blocks)
    assert reply.status_code == 400 and "this one has more" in reply.json()["error"]
    assert list((tmp_path / room / "files").iterdir()) == []


def test_names_of_files_are_data(tmp_path, film):
    """A name is no path, and does not overwrite another file of its name."""
    browser = client(tmp_path)
    room = opened(browser)
    names = [
        brought(browser, room, film, name).json()["file"] for name in ("../../../etc/a b.mp4", "..\\a b.mp4", "a.mp4")
    ]
    assert names == ["a_b.mp4", "a_b-2.mp4", "a.mp4"]
    assert sorted(path.name for path in (tmp_path / room / "files").iterdir()) == sorted(names)
    assert browser.get(f"/api/rooms/{room}/files/..%2flog.jsonl").status_code == 404


@pytest.mark.parametrize("room", ["..", "x" * 24, "%2e%2e%2f", "a b"])
def test_rooms_that_are_not_there(tmp_path, room):
    """A name that opens nothing gets 404, whatever it looks like."""
    assert client(tmp_path / "rooms").get(f"/api/rooms/{room}").status_code in (404, 405)


def test_one_question_at_a_time(tmp_path):
    """A second question in a room must wait for the first one's answer."""
    begun, may_end = threading.Event(), threading.Event()

    def slowly(messages):
        begun.set()
        assert may_end.wait(60)
        return "At rest."

    browser = client(tmp_path, ScriptedModel([slowly]))
    room = opened(browser)
    first = threading.Thread(target=asked, args=(browser, room, "first"))
    first.start()
    assert begun.wait(60)
    reply = browser.post(f"/api/rooms/{room}/ask", json={"question": "second"})
    may_end.set()
    first.join()
    assert reply.status_code == 409 and "Wait for its answer" in reply.json()["error"]


@pytest.mark.parametrize(
    "body", [b"{", b'{"question": 3}', b'{"question": "  "}', json.dumps({"question": "x" * 5000}).encode()]
)
def test_questions_that_are_none(tmp_path, body):
    """Broken bodies get a sentence."""
    browser = client(tmp_path)
    reply = browser.post(f"/api/rooms/{opened(browser)}/ask", content=body)
    assert reply.status_code == 400 and "question" in reply.json()["error"].lower()


def test_other_pages_cannot_reach_the_server(tmp_path):
    """A foreign page, or a name that was pointed at this machine, gets nothing."""
    browser = client(tmp_path)
    assert browser.post("/api/rooms", headers={"origin": "http://evil.example"}).status_code == 403
    assert browser.get("/", headers={"host": "evil.example"}).status_code == 421
    assert browser.post("/api/rooms", headers={"origin": "http://localhost"}).status_code == 200


def test_from_elsewhere_a_token_is_needed(tmp_path):
    """The printed address sets a cookie; without it nothing but a sentence comes back."""
    browser = client(tmp_path, token="secret-token")
    assert browser.get("/").status_code == 401 and browser.post("/v1/chat/completions", json={}).status_code == 401
    assert browser.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert browser.get("/v1/models", headers={"authorization": "Bearer secret-token"}).status_code == 200
    landed = browser.get("/?token=secret-token")
    assert landed.status_code == 200 and "token" not in str(landed.url)
    assert browser.post("/api/rooms").status_code == 200


def completion(browser, messages, **more):
    return browser.post("/v1/chat/completions", json={"model": "motionlaw", "messages": messages, **more})


def test_the_agent_answers_like_a_model(tmp_path, film):
    """A client of OpenAI's interface sends a video and a question and gets words and the calls behind them."""
    url = "data:video/mp4;base64," + base64.b64encode(film.read_bytes()).decode()
    content = [{"type": "video_url", "video_url": {"url": url}}, {"type": "text", "text": "Which way does it move?"}]
    reply = completion(client(tmp_path), [{"role": "user", "content": content}]).json()
    assert reply["choices"][0]["message"]["content"].startswith("right")
    assert reply["choices"][0]["finish_reason"] == "stop" and reply["motionlaw"]["calls"][0]["name"] == "track"


def test_the_agent_streams_like_a_model(tmp_path):
    """Pieces come as events and end with [DONE]."""
    browser = client(tmp_path, Echo())
    reply = completion(browser, [{"role": "user", "content": "how fast is it?"}], stream=True)
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    pieces = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert "".join(pieces).strip() == "nothing | how fast is it?" and lines[-1] == "[DONE]"


def test_tokens_are_counted_after_a_stream_where_asked_for(tmp_path):
    """As OpenAI does: a last chunk without a choice."""
    messages = [{"role": "user", "content": "how fast is it?"}]
    reply = completion(client(tmp_path, Echo()), messages, stream=True, stream_options={"include_usage": True})
    last = json.loads([line for line in reply.text.splitlines() if line][-2].removeprefix("data: "))
    assert last["choices"] == [] and last["usage"]["total_tokens"] >= 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "must have messages"),
        ({"messages": [{"role": "user", "content": "x"}], "tools": [{}]}, "tools are refused"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "role must be one of"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "file:///etc/passwd"}}]}]},
         "addresses are not fetched"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
         "Other addresses are not fetched"),
        ({"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}, "must be numbers"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_answered(tmp_path, body, sentence):
    """Each gets OpenAI's error with one sentence."""
    reply = client(tmp_path).post("/v1/chat/completions", json=body)
    assert reply.status_code == 400 and sentence in reply.json()["error"]["message"]


def serving(home, *words):
    """Starts the command and returns the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "motionlaw", "serve", "--port", "0", *words], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env={**__import__("os").environ, "MOTIONLAW_HOME": str(home)},
    )  # fmt: skip
    return process, process.stdout.readline().strip()


def test_a_killed_server_loses_nothing(tmp_path, film):
    """After kill -9 in mid-answer the room is there with its file and question, and goes on."""
    process, address = serving(tmp_path)
    try:
        room = httpx.post(f"{address}api/rooms", timeout=60).json()["room"]
        httpx.post(
            f"{address}api/rooms/{room}/files", params={"file": "disc.mp4"}, content=film.read_bytes(), timeout=60
        )
        with httpx.stream(
            "POST", f"{address}api/rooms/{room}/ask", json={"question": "How fast is it?"}, timeout=60
        ) as reply:
            assert "How fast" in next(reply.iter_lines())
            process.send_signal(signal.SIGKILL)
            process.wait()
    except httpx.HTTPError:
        pass
    process, address = serving(tmp_path)
    try:
        history = httpx.get(f"{address}api/rooms/{room}", timeout=60).json()
        assert history["files"] == ["disc.mp4"]
        assert "How fast is it?" in [event.get("text") for event in history["events"]]
        again = httpx.post(f"{address}api/rooms/{room}/ask", json={"question": "How fast is it?"}, timeout=120)
        assert "px/s" in json.loads(again.text.splitlines()[-1])["text"]
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_browser_drops_a_film_and_sees_its_law(tmp_path, film):
    """A real browser: the film is shown with its track, two questions are answered, and the console stays clean."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright and Chromium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    process, address = serving(tmp_path)
    try:
        with playwright.sync_playwright() as player:
            browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page, said = browser.new_page(), []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(address)
            page.set_input_files("#file", film)
            page.wait_for_selector("#legend li", timeout=60_000)
            for question in ("Which way does it move?", "What is its law of motion?"):
                page.fill("#question", question)
                page.click("#send")
                page.wait_for_selector("#send:not([disabled])", timeout=120_000)
            answers = page.locator("li.assistant").all_inner_texts()
            assert answers[0].startswith("right") and answers[1].startswith("v' = 0")
            assert page.locator("#report").is_visible() and page.locator("#trouble").is_hidden()
            page.reload()
            page.wait_for_selector("#legend li", timeout=60_000)
            assert page.locator("li.assistant").all_inner_texts() == answers
            assert said == []
            browser.close()
    finally:
        process.kill()
        process.wait()
