"""Runs a program for as long as whoever started this lives, and ends it with all its children afterwards.

    python keeper.py COMMAND... < pipe

The pipe's other end is the caller's life: it closes when the caller dies, however it dies (Ctrl-C, ``kill -9``), and a
byte through it asks to stop. The program has a process group of its own, so that its children go with it. Imports
nothing of motionlaw, since it starts on its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

# Seconds in which a program may end by itself after it was asked to.
GRACE_S = 10.0


def keep(command: list[str]) -> int:
    """Runs a command until it ends, or standard input ends or says something.

    Returns:
        Its exit status, negative for a signal; 0 where it was ended because nobody waits for it any more.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    is_left = threading.Event()

    def watch() -> None:
        os.read(0, 1)
        is_left.set()
        _signalled(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _signalled(process.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    status = process.wait()
    _signalled(process.pid, signal.SIGKILL)  # what the program left behind
    return 0 if is_left.is_set() else status


def _signalled(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that is gone
        os.killpg(group, number)


if __name__ == "__main__":
    for stopping in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The terminal's Ctrl-C is the caller's. Not SIG_IGN: that would be handed on to the program.
        signal.signal(stopping, lambda *_: None)
    sys.exit(keep(sys.argv[1:]))
