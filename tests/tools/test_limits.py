"""Calls in child processes: results, crashes, time-outs, and no child left behind."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

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
    assert call_limited(busy, seconds=0.5).status == "timeout"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_child_that_dies_says_so():
    """Being killed from outside, as by a lack of memory, is told from failing."""
    outcome = call_limited(dies, seconds=30)
    assert (outcome.status, outcome.message) == ("killed", "The process ended with status -9.")


def hears_ctrl_c(value):
    os.kill(os.getpid(), signal.SIGINT)
    return value


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_the_parents_affair():
    """The terminal tells all processes: a child that heard it would look like work that failed."""
    assert call_limited(hears_ctrl_c, 7, seconds=60).value == 7


def test_workers_run_side_by_side(tmp_path):
    """Four that end only when all four have begun do end with four workers."""
    done = dict(call_all([(meets, (tmp_path, k, 4)) for k in range(4)], seconds=60, workers=4))
    assert {index: outcome.value for index, outcome in done.items()} == {k: k for k in range(4)}


def test_closing_the_generator_kills_what_runs():
    """After Ctrl-C no child works on."""
    others = set(multiprocessing.active_children())
    calls = call_all([(slow, (0.0, "first")), (slow, (600.0, "second"))], seconds=1200, workers=2)
    assert next(calls)[1].value == "first"
    calls.close()
    assert set(multiprocessing.active_children()) <= others


def test_a_large_result_does_not_block():
    """More than a pipe holds comes through."""
    assert len(call_limited(bytes, 10_000_000, seconds=30).value) == 10_000_000


def pid_of(_):
    return os.getpid()


def dies_or_tells(is_deadly):
    if is_deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_a_child_makes_many_calls():
    """Calls are handed from one to the next child only when the number that a child makes is reached."""
    pids = [outcome.value for _, outcome in call_all([(pid_of, (k,)) for k in range(5)], seconds=30, calls_a_child=2)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_child_that_dies_has_a_successor():
    """One call of a child kills it: that call alone is lost; and a child that is killed while it waits costs none."""
    calls = call_all([(dies_or_tells, (k == 1,)) for k in range(4)], seconds=30, calls_a_child=9)
    first, second, third = (next(calls)[1] for _ in range(3))
    assert (first.status, second.status, third.status) == ("ok", "killed", "ok") and first.value != third.value
    os.kill(third.value, signal.SIGKILL)
    os.waitid(os.P_PID, third.value, os.WEXITED | os.WNOWAIT)  # until it is dead; its parent is to find it so
    assert next(calls)[1].status == "ok"


def tells_then_waits(pipe, seconds):
    """The parent of a child that waits for its next call."""
    calls = call_all([(pid_of, (0,)), (pid_of, (1,))], seconds=60, calls_a_child=2)
    pipe.send(next(calls)[1].value)
    time.sleep(seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and /proc")
def test_no_child_outlives_its_parent():
    """A parent that is killed leaves nobody waiting for calls."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    parent = multiprocessing.get_context("fork").Process(target=tells_then_waits, args=(theirs, 60))
    parent.start()
    child = ours.recv()
    parent.kill()
    parent.join()
    status = Path(f"/proc/{child}/status")
    for _ in range(600):
        if not status.exists() or "\nState:\tZ" in status.read_text():
            return
        time.sleep(0.1)
    raise AssertionError("The child still waits a minute after its parent's end.")
