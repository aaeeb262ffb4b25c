"""A vLLM server of our own: started with the right words, waited for, gone when we are; vLLM is a stand-in here."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from commands import interruptible

from motionlaw.agent.messages import Message
from motionlaw.agent.models import keeper
from motionlaw.agent.models.vllm_server import MOST_PICTURES, VLLM, OwnServer, command, environment, find_vllm
from motionlaw.tools.errors import UserError

STAND_IN = """
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
mode = open(words["--model"] + "/mode.txt").read()
if mode == "dies":
    print("loading"); sys.exit("ValueError: there is no room for its weights")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(words["--model"] + "/pids.txt", "w").write(f"{os.getpid()} {child.pid}")
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": words["--served-model-name"]}]}).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        os._exit(3)
    def log_message(self, *words): pass
HTTPServer(("127.0.0.1", int(words["--port"])), Answers).serve_forever()
"""


@pytest.fixture
def folder(tmp_path):
    """A folder that looks like a checkpoint."""
    made = tmp_path / "tiny"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "mode.txt").write_text("serves")
    return made


@pytest.fixture
def vllm(tmp_path, monkeypatch):
    """A Python whose vLLM is a stand-in: it takes vLLM's words and has a child, as vLLM has."""
    place = tmp_path / "site" / "vllm" / "entrypoints" / "openai"
    place.mkdir(parents=True)
    for package in (place, place.parent, place.parent.parent):
        (package / "__init__.py").touch()
    (place / "api_server.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    found = find_vllm()
    assert found is not None
    return found


def started(folder, vllm, tell=lambda line: None):
    return OwnServer(folder, vllm, log=folder.parent / "logs" / "vllm.log", tell=tell, start_s=60)


def pids(folder):
    return [int(word) for word in (folder / "pids.txt").read_text().split()]


def must_end(pid, *, most_s=300.0):
    """Waits until a process is gone or a zombie; so long that no busy machine is taken for a server left behind."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is left behind")


def test_the_words_make_tools_pictures_and_silence(tmp_path):
    """Hermes calls, pictures enough for a conversation, this machine only; nothing fetched and nothing reported."""
    (tmp_path / "config.json").write_text("{}")
    words = command(VLLM("python", True), tmp_path, "tiny", 8001)
    pairs = dict(itertools.pairwise(words))
    assert pairs["--tool-call-parser"] == "hermes" and "--enable-auto-tool-choice" in words
    assert pairs["--served-model-name"] == "tiny" and pairs["--host"] == "127.0.0.1" and pairs["--port"] == "8001"
    assert f'"image": {MOST_PICTURES}' in pairs["--limit-mm-per-prompt"] and "--enforce-eager" in words
    assert "--enforce-eager" not in command(VLLM("python", False), tmp_path, "tiny", 8001) and "--dtype" not in words
    (tmp_path / "config.json").write_text('{"question_form": "brief"}')  # a small one, that ships in bfloat16
    assert dict(itertools.pairwise(command(VLLM("python", True), tmp_path, "tiny", 8001)))["--dtype"] == "float32"
    given = {"PYTHONPATH": "/own", "HOME": "/home"}
    on_cpu, on_gpu = environment(VLLM("python", True), given), environment(VLLM("python", False), given)
    assert on_cpu["HF_HUB_OFFLINE"] == on_gpu["HF_HUB_OFFLINE"] == on_gpu["VLLM_NO_USAGE_STATS"] == "1"
    site, own = on_cpu["PYTHONPATH"].split(os.pathsep)
    assert (Path(site) / "sitecustomize.py").is_file() and own == "/own" and on_gpu["PYTHONPATH"] == "/own"


def test_it_is_started_and_ends_with_all_its_children(folder, vllm):
    """The model has the folder's name; the start is told; after closing nothing is left."""
    told = []
    server = started(folder, vllm, told.append)
    try:
        assert server.name == "tiny" and "vllm.log" in told[0] and "answers after" in told[-1]
        of_server = pids(folder)
    finally:
        server.close()
    for pid in of_server:
        must_end(pid)


def test_a_server_that_dies_at_the_start_says_why(folder, vllm):
    """Its last lines stand in the sentence, and where the rest is."""
    (folder / "mode.txt").write_text("dies")
    said = r"status 1: loading \| ValueError: there is no room for its weights\. .*vllm\.log"
    with pytest.raises(UserError, match=said):
        started(folder, vllm)


def test_a_server_that_dies_later_says_so(folder, vllm):
    """A question afterwards is answered by what became of it, not by a closed connection."""
    server = started(folder, vllm)
    try:
        with pytest.raises(UserError, match="vLLM ended with status 3"):
            server.reply([Message.user("Still there?")])
    finally:
        server.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_however_we_end(folder, vllm, end):
    """Killed, stopped or interrupted in mid-wait: neither the server nor its child survives."""
    script = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from motionlaw.agent.models.vllm_server import VLLM, OwnServer
        server = OwnServer(Path({str(folder)!r}), VLLM({vllm.python!r}, False), log=Path({str(folder)!r}) / "log",
                           tell=lambda line: None)
        print("ready", flush=True)
        time.sleep(600)
    """)
    process = interruptible([sys.executable, "-c", script])
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(end)
        process.communicate(timeout=60)
    finally:
        process.kill()
    for pid in pids(folder):
        must_end(pid)


def test_the_keeper_hands_on_the_status():
    """A program that ends by itself ends the keeper with its status."""
    kept = [sys.executable, "-I", keeper.__file__, sys.executable, "-c", "raise SystemExit(5)"]
    with subprocess.Popen(kept, stdin=subprocess.PIPE) as process:  # the pipe stays open until it has ended
        assert process.wait() == 5


def test_what_is_no_python_is_a_sentence(tmp_path):
    """Neither a missing program nor one that is no Python makes a traceback."""
    for path in (str(tmp_path / "none"), "/bin/true"):
        with pytest.raises(UserError, match="must name a Python that has vLLM"):
            find_vllm(path)


def test_a_folder_without_a_checkpoint_starts_nothing(tmp_path):
    """It is said before a process is started."""
    with pytest.raises(UserError, match=r"no config\.json"):
        OwnServer(tmp_path, VLLM(sys.executable, False), log=tmp_path / "log", tell=lambda line: None)


def serve(**options):
    pytest.importorskip("fastapi", reason="the page needs FastAPI: pip install 'motionlaw[web]'")
    from motionlaw.agent.serve.command import serve_command

    return serve_command(**{"model": "none", "host": "127.0.0.1", "port": 0, "upload_mb": 1, "scale": None, **options})


def test_the_page_says_what_vllm_it_lacks(folder, tmp_path):
    """A Python without vLLM, or a model that vLLM cannot serve, is a sentence with its remedy."""
    empty = tmp_path / "python"
    empty.write_text('#!/bin/sh\necho \'{"vllm": false, "cpu": false}\'\n')
    empty.chmod(0o755)
    with pytest.raises(UserError, match=rf"has no vLLM\. Install it there: {empty} -m pip install vllm"):
        serve(model=str(folder), vllm=str(empty))
    with pytest.raises(UserError, match="vllm serves the folder of a checkpoint"):
        serve(model="http://localhost:8000/v1", vllm=str(empty))


def test_a_port_that_is_taken_is_a_sentence_before_a_model_starts(folder, vllm):
    """The page's port is tried first: a model takes minutes."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="Give another --port"):
        serve(model=str(folder), port=other.getsockname()[1])
    assert not (folder / "pids.txt").exists()
