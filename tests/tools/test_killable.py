"""Jobs in a process of their own: results, errors, hangs and deaths; and a search that hangs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from motionlaw.tools import contest, discovery, killable
from motionlaw.tools.discover import GRACE_S, discover_command
from motionlaw.tools.errors import UserError
from motionlaw.tools.killable import Keep, Tell, run_killable


def hang(tell: Tell, keep: Keep) -> None:
    """Keeps two things and never answers again."""
    keep("first")
    keep("second")
    while True:
        pass


def test_what_a_job_returns_and_tells_comes_back() -> None:
    """The result is the job's, and its lines are called for in order."""
    lines: list[str] = []

    @contextmanager
    def showing() -> Iterator[Tell]:
        yield lines.append

    def job(tell: Tell, keep: Keep) -> int:
        tell("one")
        tell("two")
        return os.getpid()

    ended = run_killable(job, seconds=20, showing=showing())
    assert ended.reason == ""
    assert ended.result != os.getpid()
    assert lines == ["one", "two"]


def test_a_job_that_hangs_is_killed_and_leaves_what_it_kept() -> None:
    """The limit holds, whatever the job does."""
    start = time.monotonic()
    ended = run_killable(hang, seconds=0.5)
    assert time.monotonic() - start < 30
    assert ended.result == "second"
    assert "did not answer within 0.5 s" in ended.reason


def test_a_job_that_dies_leaves_what_it_kept() -> None:
    """A process that is killed for its memory is no hang and no crash of ours."""

    def job(tell: Tell, keep: Keep) -> None:
        keep(1)
        os._exit(9)

    ended = run_killable(job, seconds=20)
    assert ended.result == 1
    assert "status 9" in ended.reason


def test_errors_cross_over_with_their_traceback() -> None:
    """A `UserError` stays one, and the note says where it was raised."""

    def job(tell: Tell, keep: Keep) -> None:
        raise UserError("x must be 1, got 2.")

    with pytest.raises(UserError, match="x must be 1") as error:
        run_killable(job, seconds=20)
    assert any("test_killable" in note for note in error.value.__notes__)


def test_ctrl_c_kills_the_job() -> None:
    """An interrupt in the parent ends the child as well."""
    pids: list[int] = []

    @contextmanager
    def showing() -> Iterator[Tell]:
        def stop(line: str) -> None:
            pids.append(int(line))
            raise KeyboardInterrupt

        yield stop

    def job(tell: Tell, keep: Keep) -> None:
        tell(str(os.getpid()))
        hang(tell, keep)

    with pytest.raises(KeyboardInterrupt):
        run_killable(job, seconds=20, showing=showing())
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_without_fork_a_fresh_process_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where forking is not safe the job starts in a new interpreter."""
    monkeypatch.setattr(killable.sys, "platform", "darwin")
    assert run_killable(killable._example, seconds=60).result == 42


def set_opencv_threads(tell: Tell, keep: Keep) -> str:
    import cv2

    cv2.setNumThreads(1)
    return "done"


def test_a_process_that_used_opencv_can_fork() -> None:
    """Its threads are not there after a fork; the job must not wait for them."""
    import cv2

    cv2.setNumThreads(4)
    cv2.cvtColor(np.zeros((600, 800, 3), np.uint8), cv2.COLOR_RGB2BGR)
    assert run_killable(set_opencv_threads, seconds=5).result == "done"


def swing(path: Path) -> str:
    """A table of a damped oscillation."""
    t = np.linspace(0, 10, 300)
    x = np.exp(-0.1 * t) * np.cos(2 * t) + 1e-3 * np.random.default_rng(0).normal(size=300)
    np.savetxt(path, np.column_stack([t, x]), delimiter=",", header="t,x", comments="")
    return str(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the hang is handed on by forking")
def test_a_search_that_hangs_gives_the_law_that_led(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the limit and a little grace the best law so far is printed, weak, with the reason."""
    monkeypatch.setattr(discovery, "validate", lambda *args, **options: time.sleep(60))
    start = time.monotonic()
    status = discover_command([swing(tmp_path / "swing.csv")], order="2", time_limit=3.0, json=True)
    assert time.monotonic() - start < 3.0 + 2 * GRACE_S + 30
    found = json.loads(capsys.readouterr().out)
    assert (status, found["status"]) == (0, "weak")
    assert "did not answer within 5 s" in found["reason"]
    constants = {term["term"]: term["coefficient"] for term in found["terms"]}
    assert constants == pytest.approx({"x": -4.01, "v": -0.2}, rel=0.01)
    assert found["input"] == "swing.csv"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the hang is handed on by forking")
def test_a_search_that_hangs_at_once_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any law fitted there is nothing to print but the reason."""
    monkeypatch.setattr(contest, "fit_rival", lambda *args, **options: time.sleep(60))
    status = discover_command([swing(tmp_path / "swing.csv")], time_limit=0.2, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (status, found["status"], found["law"]) == (1, "refused", {})
    assert "No law had been fitted" in found["reason"]


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_an_engine_ends_with_the_search_that_started_it() -> None:
    """An engine whose parent was killed does not run on."""
    engine = "from motionlaw.tools.engines.child import end_with_parent as e; e(); import time; time.sleep(60)"
    search = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', {engine!r}], start_new_session=True); "
        "print(p.pid, flush=True); time.sleep(4)"
    )
    pid = int(subprocess.run([sys.executable, "-c", search], capture_output=True, text=True, check=True).stdout)
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return  # dead, and nobody has asked how it ended
        time.sleep(0.2)
    os.kill(pid, 9)
    pytest.fail("the engine outlived its search")
