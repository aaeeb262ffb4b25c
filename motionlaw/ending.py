"""How a command ends: an exit status and at most one sentence; and Ctrl-C, which is heard wherever it falls."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from motionlaw.tools.errors import UserError

STOPPED = 130  # what shells expect of a program ended by Ctrl-C
AGAIN = 0.02  # seconds until an interrupt that fell where Python swallows errors is raised again


class Interrupt(KeyboardInterrupt):
    """Ctrl-C. Its own class: once a plain one left ``exec``, Python ends by the signal, whatever a program answers."""


def hear_interrupts() -> None:
    """Makes Ctrl-C raise `Interrupt`, and raise it again where it fell into a callback, in which Python drops errors.

    Where Ctrl-C is ignored, as in the background of a shell, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _raise_again


def run(command: Callable[[], object]) -> int:
    """Calls a command and turns the ways it can end into an exit status.

    Args:
        command: A callable that ends by returning, by ``SystemExit``, or by an error.

    Returns:
        0 done, 1 nothing found, 2 bad input, 130 stopped. Other errors are bugs and pass through.
    """
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        print(f"motionlaw: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("motionlaw: stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # the reader has gone (e.g. head): close quietly, also when Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:
        if end.code == STOPPED:  # typer turns Ctrl-C into this, without a word
            print("motionlaw: stopped.", file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupt


def _raise_again(dropped: Any) -> None:
    """Stands in for ``sys.unraisablehook``: told of an error that Python could hand to nobody."""
    if issubclass(dropped.exc_type, Interrupt):
        threading.Timer(AGAIN, signal.raise_signal, [signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(dropped)
