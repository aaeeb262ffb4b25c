"""The command as a process that a test may stop."""

import signal
import subprocess
from collections.abc import Sequence
from typing import Any


def interruptible(line: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
    """Starts a program that hears Ctrl-C also where the tests run in the background of a shell, which ignores it."""
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options,
    )  # fmt: skip
