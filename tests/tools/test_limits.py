"""Calls in child processes: results, crashes, time-outs, and no child left behind."""

import os
import signal
import sys
import time

import pytest

from motionlaw.tools.limits import call_all, call_limited


def slow(seconds, value):
    time.sleep(seconds)
    return value


def meets(folder, number, wanted):
    (folder / str(number)).touch()
    while len(list(folder.iterdir())) < wanted:
        time.sleep(0.02)
    return number


def broken():
    raise ValueError("fps must be positive")


def busy():
    while True:
        pass


def shouts(value):
    print("noise on stdout")
    print("noise on stderr", file=sys.stderr)
    return value


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_result_comes_back_and_prints_do_not(capfd):
    """The value passes; what the child prints stays in its log."""
    assert call_limited(shouts, [1, 2], seconds=30).value == [1, 2]
    assert capfd.readouterr() == ("", "")


def test_an_exception_is_a_reason():
    """The last line of the traceback says why."""
    outcome = call_limited(broken, seconds=30)
    assert (outcome.status, outcome.value, outcome.message) == ("failed", None, "ValueError: fps must be positive")


def test_a_loop_is_killed():
    """What does not end is stopped at its limit."""
    started = time.monotonic()
    assert call_limited(busy, seconds=0.5).status == "timeout"
    assert time.monotonic() - started < 10


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_child_that_dies_says_so():
    """Being killed from outside, as by a lack of memory, is told from failing."""
    outcome = call_limited(dies, seconds=30)
    assert (outcome.status, outcome.message) == ("killed", "The process ended with status -9.")


def test_workers_run_side_by_side(tmp_path):
    """Four that end only when all four have begun do end with four workers."""
    done = dict(call_all([(meets, (tmp_path, k, 4)) for k in range(4)], seconds=60, workers=4))
    assert {index: outcome.value for index, outcome in done.items()} == {k: k for k in range(4)}


def test_closing_the_generator_kills_what_runs():
    """After Ctrl-C no child works on."""
    calls = call_all([(slow, (0.0, "first")), (slow, (60.0, "second"))], seconds=120, workers=2)
    assert next(calls)[1].value == "first"
    started = time.monotonic()
    calls.close()
    assert time.monotonic() - started < 10


def test_a_large_result_does_not_block():
    """More than a pipe holds comes through."""
    assert len(call_limited(bytes, 10_000_000, seconds=30).value) == 10_000_000
