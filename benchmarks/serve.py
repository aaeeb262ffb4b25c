"""Many people at the page at once, with a scripted model: errors, mixed-up rooms, time to answer, memory.

    OMP_NUM_THREADS=1 python benchmarks/serve.py --users 50 --seconds 120

Each user opens a room, brings a film, and asks again and again; the model calls an instrument and repeats the question,
so that an answer from another room shows. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.model import Reply

EVERY = 20
"""One question in so many calls a real instrument."""


class Parrot:
    """A fast model: it calls ``track`` when asked to, and repeats its room's file and the question."""

    name, parallel = "parrot", 1000

    def reply(self, messages, *, tools=(), sampling=None, on_text=None):  # type: ignore[no-untyped-def]
        """Answers, see `motionlaw.agent.model.Model`."""
        asked = [message.text for message in messages if message.role == "user"]
        question = asked[-1].strip().splitlines()[-1]
        file = re.findall(r"File (\S+):", " ".join(asked))[0]
        if "track" in question and messages[-1].role == "user":
            return Reply(
                Message.assistant(tool_calls=[ToolCall("t", "track", json.dumps({"video": file}))]), "tool_calls"
            )
        said = f"{file} | {question}"
        if on_text is not None:
            for word in said.split(" "):
                on_text(f"{word} ")
        return Reply(Message.assistant(said))

    def log_probability(self, messages, answer):  # type: ignore[no-untyped-def]
        """It has no opinion."""
        return 0.0

    def close(self) -> None:
        """It holds nothing."""


def serve(port: int, home: str) -> None:
    """The server, in a process of its own."""
    import uvicorn

    from motionlaw.agent.serve.app import make_app
    from motionlaw.agent.serve.rooms import Rooms

    rooms = Rooms(Path(home), Parrot(), most_bytes=50 * 2**20)
    uvicorn.run(make_app(rooms), host="127.0.0.1", port=port, log_level="error")


class User(threading.Thread):
    """Asks until the time is over."""

    def __init__(self, number: int, address: str, film: bytes, until: float) -> None:
        super().__init__(daemon=True)
        self.number, self.address, self.film, self.until = number, address, film, until
        self.times: list[float] = []
        self.errors: list[str] = []
        self.mixed = 0

    def run(self) -> None:
        """Opens a room, brings a film, asks."""
        try:
            with httpx.Client(base_url=self.address, timeout=180) as client:
                room = client.post("/api/rooms").json()["room"]
                name = f"film{self.number}.mp4"
                client.post(f"/api/rooms/{room}/files", params={"file": name}, content=self.film).raise_for_status()
                turn = 0
                while time.monotonic() < self.until:
                    self._ask(client, room, name, turn)
                    turn += 1
        except (httpx.HTTPError, KeyError, ValueError) as error:
            self.errors.append(repr(error))

    def _ask(self, client: httpx.Client, room: str, name: str, turn: int) -> None:
        question = f"{'track' if (turn + self.number) % EVERY == 0 else 'say'} {self.number}.{turn}"
        began = time.monotonic()
        reply = client.post(f"/api/rooms/{room}/ask", json={"question": question})
        self.times.append(time.monotonic() - began)
        events = [json.loads(line) for line in reply.text.splitlines()] if reply.status_code == 200 else []
        said = [event["text"] for event in events if event["kind"] == "assistant"]
        if not said or any(event["kind"] == "error" for event in events):
            self.errors.append(reply.text[-200:])
        elif said[-1] != f"{name} | {question}":
            self.mixed += 1


def film_bytes() -> bytes:
    """A short film of the demo's pendulum."""
    from motionlaw.tools.demo_video import Pendulum, write_video

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_video(Pendulum(seconds=1.0, fps=30.0), path)
        return path.read_bytes()


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Runs the users and prints what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(int(options.serve[0]), options.serve[1])
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        server = subprocess.Popen([sys.executable, __file__, "--serve", str(port), home])
        try:
            measure(options.users, options.seconds, f"http://127.0.0.1:{port}", server.pid)
        finally:
            server.kill()
            server.wait()


def measure(count: int, seconds: float, address: str, pid: int) -> None:
    """Lets users in and prints the table."""
    for _ in range(300):
        try:
            httpx.get(address, timeout=5)
            break
        except httpx.HTTPError:
            time.sleep(0.2)
    film, until = film_bytes(), time.monotonic() + seconds
    users = [User(number, address, film, until) for number in range(count)]
    for user in users:
        user.start()
    memory = []
    while time.monotonic() < until:
        time.sleep(1.0)
        memory.append(resident_mb(pid))
    for user in users:
        user.join(timeout=200)
    times = np.array([t for user in users for t in user.times])
    errors = [error for user in users for error in user.errors]
    fifth = max(1, len(memory) // 5)
    print("| users | seconds | questions | errors | mixed up | median s | 95 % s | server MB, second and last fifth |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print(
        f"| {count} | {seconds:.0f} | {len(times)} | {len(errors)} | {sum(user.mixed for user in users)} | "
        f"{np.median(times):.3f} | {np.quantile(times, 0.95):.2f} | "
        f"{max(memory[fifth : 2 * fifth]):.0f} → {max(memory[-fifth:]):.0f} |"
    )
    for error in errors[:5]:
        print("error:", error)


if __name__ == "__main__":
    main()
