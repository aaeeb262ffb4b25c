"""Calls that must not hang or crash their caller: each runs in a child process that is killed when its time is over.

What the child prints goes into a log; if it dies, the last line of its traceback is the reason. A child may make many
calls, one after the other, where starting one for each would cost. Results come back in the order in which calls end,
so a caller that needs another order sorts by index.
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
class _Child:
    """A process that makes one call after another, and the call it is at."""

    log: Path
    calls_left: int
    index: int
    deadline: float
    process: BaseProcess
    connection: Connection


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
    calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]],
    *,
    seconds: float,
    workers: int = 1,
    calls_a_child: int = 1,
) -> Generator[tuple[int, Outcome], None, None]:
    """Makes many calls in children, at most ``workers`` at a time.

    Args:
        calls: Functions and their arguments; the next is taken when there is room for it.
        seconds: Wall time of each call.
        workers: Children at a time.
        calls_a_child: Calls that a child makes before another takes its place. The first finds the child as fresh as
            its parent; those after it are quicker, and must not depend on what the ones before left behind.

    Yields:
        The index of a call and its outcome, as calls end. Closing the generator, or Ctrl-C, kills what still runs.
    """
    busy: list[_Child] = []
    idle: list[_Child] = []
    waiting = enumerate(calls)
    with tempfile.TemporaryDirectory(prefix="motionlaw-") as folder:
        try:
            while True:
                for index, call in islice(waiting, workers - len(busy)):
                    if not _handed_on(busy, idle, index, call, seconds):
                        others = [each.connection for each in (*busy, *idle)]
                        _start(busy, others, index, call, Path(folder) / f"{index}.txt", seconds, calls_a_child)
                if not busy:
                    return
                patience = max(0.0, min(each.deadline for each in busy) - time.monotonic())
                ready = wait([each.connection for each in busy], timeout=patience)
                over = [each for each in busy if each.connection in ready or time.monotonic() > each.deadline]
                for each in over:
                    outcome = _ended(each, seconds)
                    busy.remove(each)
                    if outcome.status == "ok" and each.calls_left:
                        idle.append(each)
                    else:
                        _kill(each)
                    yield each.index, outcome
        finally:
            for each in (*busy, *idle):
                _kill(each)


def _start(
    busy: list[_Child],
    others: list[Connection],
    index: int,
    call: tuple[Callable[..., Any], tuple[Any, ...]],
    log: Path,
    seconds: float,
    calls: int,
) -> None:
    """Starts a child and puts it on the list, first of all: Ctrl-C at any moment must find it there."""
    ready_to_fork()
    ours, theirs = _CONTEXT.Pipe()
    # What a fork has of its parent's ends of pipes must be closed: a child would never learn that the parent is gone.
    inherited = [*others, ours] if _FORKS else []
    process = _CONTEXT.Process(target=_child, args=(theirs, inherited, str(log), seconds, call))
    sys.stdout.flush()  # a forked child must not print what its parent has not yet
    sys.stderr.flush()
    busy.append(_Child(log, calls - 1, index, time.monotonic() + seconds, process, ours))
    process.start()
    theirs.close()  # so that the end of the child is the end of the pipe


def _handed_on(
    busy: list[_Child],
    idle: list[_Child],
    index: int,
    call: tuple[Callable[..., Any], tuple[Any, ...]],
    seconds: float,
) -> bool:
    """Hands a call to a child that waits, if one does."""
    while idle:
        child = idle[-1]
        try:
            child.connection.send(call)
        except OSError:  # it was killed while it waited
            _kill(idle.pop())
            continue
        child.index, child.deadline, child.calls_left = index, time.monotonic() + seconds, child.calls_left - 1
        busy.append(child)
        idle.pop()
        return True
    return False


def _child(
    connection: Connection,
    inherited: list[Connection],
    log: str,
    seconds: float,
    call: tuple[Callable[..., Any], tuple[Any, ...]],
) -> None:
    """The child's side. An exception passes through: Python prints it into the log and ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which kills this process
    for other in inherited:
        other.close()
    file = open(log, "w", encoding="utf-8", buffering=1)  # noqa: SIM115  (it stays open as long as the process)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = file
    while True:
        _limit_cpu(seconds)
        function, arguments = call
        connection.send(function(*arguments))
        try:
            call = connection.recv()
        except EOFError:  # the parent is gone
            return


def _limit_cpu(seconds: float) -> None:
    """Lets the system end this process if it computes on when nobody is left to kill it."""
    if os.name == "posix":
        import resource

        most = int(time.process_time() + seconds) + SPARE_S
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _ended(each: _Child, seconds: float) -> Outcome:
    """The outcome of a call whose child has answered, died, or used up its time."""
    try:
        value = each.connection.recv() if each.connection.poll() else _TOO_LATE
    except (EOFError, OSError):  # the pipe's end, or an answer that was cut off in its middle
        value = _DIED
        each.process.join(10.0)  # an exit that is under way has its own status
    code = each.process.exitcode
    if value is _TOO_LATE or (value is _DIED and os.name == "posix" and code == -signal.SIGXCPU):
        return Outcome("timeout", message=f"Stopped after {seconds:g} s.")
    if value is _DIED:
        is_killed = code is not None and code < 0
        message = _last_line(each.log) or f"The process ended with status {code}."
        return Outcome("killed" if is_killed else "failed", message=message)
    return Outcome("ok", value)


_TOO_LATE, _DIED = object(), object()


def _kill(each: _Child) -> None:
    if each.process.pid is not None:  # else Ctrl-C came before it was started
        each.process.kill()
        each.process.join()
    each.connection.close()
    each.log.unlink(missing_ok=True)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
