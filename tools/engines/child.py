"""Runs one engine in a process of its own, which is killed when its time is over.

The parent writes the data into a temporary folder and starts ``python -m motionlaw.tools.engines.child FOLDER``;
the child imports one engine, searches, and leaves ``result.json`` there. Nothing else passes between them: what
the engine prints goes into a log of which only the last line is shown, and only if the engine fails.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Seconds a child may go beyond its limit to write its result down.
GRACE_S = 2.0


@dataclass(frozen=True)
class Outcome:
    """What a child left behind: a status, the formulas it found (as text, not yet trusted), and why it failed."""

    status: str
    candidates: tuple[str, ...]
    message: str = ""


def run_engine(engine: str, X: np.ndarray, y: np.ndarray, task: dict[str, Any], *, time_limit: float) -> Outcome:
    """Runs an engine on data in a child process.

    Args:
        engine: Name of a module of this package with a function ``search``.
        X: Inputs, shape (rows, variables), finite.
        y: Target, shape (rows,), finite.
        task: ``names``, ``seed`` and ``guesses`` for the engine.
        time_limit: Seconds until the engine should stop; it is killed two seconds later.
    """
    with tempfile.TemporaryDirectory(prefix="motionlaw-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        np.savez(place / "data.npz", X=X, y=y)
        (place / "task.json").write_text(json.dumps(task | {"engine": engine, "deadline": time.time() + time_limit}))
        command = [sys.executable, "-m", "motionlaw.tools.engines.child", folder]
        code = run_killable(command, folder=place, time_limit=time_limit + GRACE_S)
        result = _read(place / "result.json")
        if result is not None:
            return Outcome("ok", tuple(result))
        module = importlib.import_module(f"motionlaw.tools.engines.{engine}")
        rescued = tuple(module.best_so_far(place))
        if code is None:
            return Outcome("timeout", rescued, f"{engine} was stopped after {time_limit:g} s.")
        return Outcome("failed", rescued, f"{engine} ended with status {code}: {_last_line(place / 'log.txt')}")


def run_killable(command: list[str], *, folder: Path, time_limit: float) -> int | None:
    """Runs a command until it ends or its time is over; then it is killed with all its own children.

    Args:
        command: Program and arguments.
        folder: Working folder; what the command prints goes to ``log.txt`` there.
        time_limit: Seconds.

    Returns:
        The exit status, ``None`` if the command was killed.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            return process.wait(time_limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the whole process group: SIGTERM can be ignored, SIGKILL cannot, and Julia starts processes of its own."""
    if process.poll() is None or os.name == "posix":
        try:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        except (ProcessLookupError, PermissionError):
            pass  # it ended in the meantime
    process.wait()


def _read(path: Path) -> list[str] | None:
    """Reads the result; a half-written or foreign one counts as none."""
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    is_sound = isinstance(result, list) and all(isinstance(text, str) for text in result)
    return result if is_sound else None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no message")


def end_with_parent() -> None:
    """Ends this process and those it started when the one that started it is gone: killed, it can kill no engine."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(os.getpid(), signal.SIGKILL)

    if os.name == "posix":  # elsewhere the parent's number never changes
        threading.Thread(target=watch, daemon=True).start()


def main(folder: str) -> None:
    """The child's side: reads the task, searches, writes the formulas."""
    end_with_parent()
    place = Path(folder)
    task = json.loads((place / "task.json").read_text())
    with np.load(place / "data.npz") as data:
        X, y = data["X"], data["y"]
    module = importlib.import_module(f"motionlaw.tools.engines.{task['engine']}")
    texts = module.search(
        X, y, task["names"], deadline=task["deadline"], seed=task["seed"], guesses=task["guesses"], folder=place
    )
    unfinished = place / "result.part"
    unfinished.write_text(json.dumps(list(texts)))
    unfinished.replace(place / "result.json")  # all or nothing: a kill never leaves half a result


if __name__ == "__main__":
    main(sys.argv[1])
