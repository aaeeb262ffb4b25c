"""The command itself: help that matches the docs, exits that mean something, errors that are sentences."""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from commands import interruptible

from motionlaw.ending import run
from motionlaw.tools.errors import UserError


def command(*arguments, **options):
    line = [sys.executable, "-m", "motionlaw", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, **options)


def test_the_help_pages_are_those_in_the_docs(root):
    """docs/cli.md is what --help says; run ``make docs`` after a change, and read the diff."""
    spec = importlib.util.spec_from_file_location("make_cli", root / "docs" / "make_cli.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.help_pages() == (root / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_version_is_printed():
    """--version prints the version and stops."""
    from motionlaw import __version__

    done = command("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"motionlaw {__version__}")


def test_no_arguments_show_the_help():
    """The bare command says what it can do."""
    done = command()
    assert "discover" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [("discovr",), ("discover",), ("discover", "a.csv", "--order", "7"), ("discover", "a.csv", "--nope")]
)
def test_wrong_options_exit_with_2(arguments):
    """A wrong verb or option is bad input, told in words."""
    done = command(*arguments)
    assert done.returncode == 2
    assert "Error:" in done.stderr and "Traceback" not in done.stderr


def test_a_user_error_is_one_sentence_and_a_bug_keeps_its_traceback(capsys):
    """Bad input prints its sentence and gives 2; anything unexpected passes through."""

    def bad_input():
        raise UserError("fps must be positive, got 0.0.")

    assert run(bad_input) == 2
    assert capsys.readouterr().err == "motionlaw: fps must be positive, got 0.0.\n"
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_ctrl_c_stops_with_130(tmp_path):
    """An interrupted command says that it stopped, without a traceback."""
    line = [sys.executable, "-m", "motionlaw", "demo", "--out", "demo"]
    running = interruptible(line, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "demo").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "motionlaw: stopped." in said and "Traceback" not in said


HARD_PLACES = {
    "a callback of a weak reference": """
class Thing:
    pass
thing = Thing()
kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
del thing
""",
    "a text that is run": "exec('signal.raise_signal(signal.SIGINT)')",
}


@pytest.mark.parametrize("place", HARD_PLACES)
def test_ctrl_c_is_heard_where_python_drops_it(place):
    """Where Python forgets an interrupt, or ends by the signal itself, the command stops with 130 as elsewhere."""
    code = f"""
import signal, sys, time, weakref
from motionlaw.ending import hear_interrupts, run
signal.signal(signal.SIGINT, signal.default_int_handler)
def command():
{textwrap.indent(HARD_PLACES[place], "    ")}
    time.sleep(60)
hear_interrupts()
sys.exit(run(command))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "motionlaw: stopped.\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes are closed otherwise elsewhere")
def test_a_closed_pipe_is_no_error():
    """``motionlaw … | head`` ends quietly."""
    line = f"{sys.executable} -m motionlaw discover --help | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
