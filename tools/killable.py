"""Runs a job in a process of its own, which is killed when its time is over; what it had found by then is kept.

The job gets two functions: one to tell what it is doing, one to keep its best result so far. Both send through a
pipe, so the last thing kept is there even if the job never answers again. Where the system can fork, the process
starts with everything already loaded; elsewhere it starts afresh and the job must be picklable.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Tell = Callable[[str], None]
Keep = Callable[[Any], None]


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Args:
        result: What it returned, or the last thing it kept, ``None`` if it kept nothing.
        reason: Why it did not return, ``""`` if it did.
    """

    result: Any
    reason: str = ""


def run_killable(
    job: Callable[[Tell, Keep], Any],
    *,
    seconds: float,
    showing: AbstractContextManager[Tell] | None = None,
    method: str | None = None,
) -> Ended:
    """Runs a job until it returns or its time is over; then it is killed.

    Args:
        job: Called in a process of its own with ``tell`` and ``keep``; what it returns and keeps must be picklable.
        seconds: Time after which it is killed.
        showing: Gives what is called here with each line that the job tells; entered when the process runs, since a
            status line has a thread, which a fork would cut in half.
        method: How the process starts: ``"fork"``, ``"forkserver"`` or ``"spawn"``; chosen by the system if not given.

    Returns:
        The job's result, or what it kept and the reason.

    Raises:
        Exception: Whatever the job raised, with its traceback as a note.

    Example:
        >>> run_killable(_example, seconds=10).result
        42
    """
    # Forking is not safe beside Apple's frameworks.
    is_linux = sys.platform.startswith("linux")
    context: Any = multiprocessing.get_context((method or "fork") if is_linux else "spawn")
    ready_to_fork()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, sender), daemon=True)
    deadline = time.monotonic() + seconds
    kept: bytes | None = None
    process.start()
    sender.close()  # the job holds the other end: when it dies, the pipe ends
    try:
        with showing or nullcontext(lambda line: None) as tell:
            while receiver.poll(max(0.0, deadline - time.monotonic())):
                kind, value = receiver.recv()
                if kind == "told":
                    tell(value)
                elif kind == "kept":
                    kept = value
                elif kind == "raised":
                    raise value
                else:
                    return Ended(value)
        reason = f"The search did not answer within {seconds:.3g} s and was stopped."
    except EOFError:
        process.join()
        reason = f"The search ended by itself with status {process.exitcode}, perhaps for want of memory."
    finally:
        process.kill()
        process.join()
        receiver.close()
    return Ended(None if kept is None else pickle.loads(kept), reason)


def ready_to_fork() -> None:
    """Ends OpenCV's threads: a fork leaves them behind, and who changes their number there waits for them for ever."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)


def _work(job: Callable[[Tell, Keep], Any], sender: Connection) -> None:
    """The job's side of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which kills this process
    try:
        result = job(
            lambda line: sender.send(("told", line)),
            # Packed twice: the parent need not unpack what is never used.
            lambda value: sender.send(("kept", pickle.dumps(value))),
        )
        sender.send(("returned", result))
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception as error:  # every error belongs to the caller, in the other process
        error.add_note(traceback.format_exc())
        sender.send(("raised", error))


def _example(tell: Tell, keep: Keep) -> int:
    return 42
