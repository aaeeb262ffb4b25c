"""Calls that must not hang or crash their caller: each runs in a child process that is killed when its time is over.

What the child prints goes into a log; if it dies, the last line of its traceback is the reason. Results come back
in the order in which children end, so a caller that needs another order sorts by index.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from motionlaw.tools.killable import ready_to_fork

# Forked, a child has all imports of its parent; where that is not to be had it starts afresh.
_FORKS = "fork" in multiprocessing.get_all_start_methods()
_CONTEXT: Any = multiprocessing.get_context("fork" if _FORKS else "spawn")
# CPU seconds beyond the limit after which the system ends a child whose parent is gone.
SPARE_S = 5


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Args:
        status: ``"ok"``, ``"timeout"`` (killed when its time was over), ``"failed"`` (it raised or ended by itself) or
            ``"killed"`` (by somebody else, or by the system for want of memory).
        value: What the function returned, ``None`` unless the status is ``"ok"``.
        message: Why there is no value, empty if there is one.
    """

    status: str
    value: Any = None
    message: str = ""


@dataclass
class _Running:
    index: int
    process: BaseProcess
    connection: Connection
    log: Path
    deadline: float


def call_limited(function: Callable[..., Any], *arguments: Any, seconds: float) -> Outcome:
    """Calls a function of a module in a child process.

    Args:
        function: What to call.
        arguments: Its arguments; they and the result must be picklable.
        seconds: Wall time after which the child is killed.

    Example:
        >>> call_limited(max, 3, 4, seconds=10).value
        4
        >>> call_limited(int, "x", seconds=10).message
        "ValueError: invalid literal for int() with base 10: 'x'"
    """
    return next(call_all([(function, arguments)], seconds=seconds))[1]


def call_all(
    calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]], *, seconds: float, workers: int = 1
) -> Generator[tuple[int, Outcome], None, None]:
    """Makes many calls, each in a child of its own, at most ``workers`` at a time.

    Args:
        calls: Functions and their arguments; the next is taken when there is room for it.
        seconds: Wall time of each call.
        workers: Children at a time.

    Yields:
        The index of a call and its outcome, as calls end. Closing the generator, or Ctrl-C, kills what still runs.
    """
    running: list[_Running] = []
    waiting = enumerate(calls)
    with tempfile.TemporaryDirectory(prefix="motionlaw-") as folder:
        try:
            while True:
                for index, (function, arguments) in islice(waiting, workers - len(running)):
                    _start(running, index, function, arguments, Path(folder) / f"{index}.txt", seconds)
                if not running:
                    return
                patience = max(0.0, min(each.deadline for each in running) - time.monotonic())
                ready = wait([each.connection for each in running], timeout=patience)
                over = [e for e in running if e.connection in ready or time.monotonic() > e.deadline]
                for each in over:
                    running.remove(each)
                    yield each.index, _ended(each, seconds)
        finally:
            for each in running:
                _kill(each)


def _start(
    running: list[_Running],
    index: int,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    log: Path,
    seconds: float,
) -> None:
    """Starts a child and puts it on the list, first of all: Ctrl-C at any moment must find it there."""
    ready_to_fork()
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_child, args=(theirs, str(log), seconds, function, arguments))
    sys.stdout.flush()  # a forked child must not print what its parent has not yet
    sys.stderr.flush()
    running.append(_Running(index, process, ours, log, time.monotonic() + seconds))
    process.start()
    theirs.close()  # so that the end of the child is the end of the pipe


def _child(
    connection: Connection, log: str, seconds: float, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """The child's side. An exception passes through: Python prints it into the log and ends the process."""
    file = open(log, "w", encoding="utf-8", buffering=1)  # noqa: SIM115  (it stays open as long as the process)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = file
    if os.name == "posix":
        import resource

        most = int(seconds) + SPARE_S
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    connection.send(function(*arguments))
    connection.close()


def _ended(each: _Running, seconds: float) -> Outcome:
    """The outcome of a child that has answered, died, or used up its time."""
    try:
        value = each.connection.recv() if each.connection.poll() else _TOO_LATE
    except EOFError:
        value = _DIED
    _kill(each, is_done=value is not _TOO_LATE)
    code, said = each.process.exitcode, _last_line(each.log)
    each.log.unlink(missing_ok=True)
    if value is _TOO_LATE or (value is _DIED and os.name == "posix" and code == -signal.SIGXCPU):
        return Outcome("timeout", message=f"Stopped after {seconds:g} s.")
    if value is _DIED:
        is_killed = code is not None and code < 0
        message = said or f"The process ended with status {code}."
        return Outcome("killed" if is_killed else "failed", message=message)
    return Outcome("ok", value)


_TOO_LATE, _DIED = object(), object()


def _kill(each: _Running, *, is_done: bool = False) -> None:
    if is_done:
        each.process.join(10.0)  # an exit that is under way has its own status
    if each.process.pid is not None:  # else Ctrl-C came before it was started
        each.process.kill()
        each.process.join()
    each.connection.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
