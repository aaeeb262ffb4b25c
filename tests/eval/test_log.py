"""The log: one header, one line a row, readable after a kill, resumable."""

import json
import math

import pytest

from motionlaw.eval.log import Log, key_of, read_log
from motionlaw.tools.errors import UserError

HEADER = {"command": "motionlaw eval x", "config": {"seeds": 1, "solvers": ["search"]}}


def row(case="a", **scores):
    key = {"case": case, "solver": "search", "noise": 0.0, "noise_on": "target", "fraction": 1.0, "seed": 0}
    return key | {"law": {"a": "x"}, "scores": scores, "cpu_s": 0.1}


def test_what_is_written_is_read(tmp_path):
    """Infinite errors and missing scores survive, and every line is plain JSON."""
    log = Log(tmp_path, HEADER, resume=False)
    log.add(row(exact=True, nmse_ood=math.inf, r2=-math.inf, s_acc=None))
    log.close()
    header, rows = read_log(log.path)
    assert header["config"] == HEADER["config"] and header["version"]
    assert rows[0]["scores"] == {"exact": True, "nmse_ood": math.inf, "r2": -math.inf, "s_acc": None}
    for line in log.path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_second_run_does_not_overwrite_the_first(tmp_path):
    """A folder with a log is refused, unless it is to be resumed."""
    Log(tmp_path, HEADER, resume=False).close()
    with pytest.raises(UserError, match="Go on with --resume"):
        Log(tmp_path, HEADER, resume=False)


def test_a_run_goes_on_after_a_kill_in_mid_line(tmp_path):
    """The line that was cut short is dropped and its row done again."""
    log = Log(tmp_path, HEADER, resume=False)
    log.add(row("a"))
    log.close()
    with log.path.open("a") as file:
        file.write('{"kind": "row", "case": "b", "sol')
    again = Log(tmp_path, HEADER, resume=True)
    assert again.done == {key_of(row("a"))}
    again.add(row("b"))
    again.close()
    assert [each["case"] for each in read_log(log.path)[1]] == ["a", "b"]


def test_a_run_with_other_settings_is_not_resumed(tmp_path):
    """Rows of two settings never share a log."""
    Log(tmp_path, HEADER, resume=False).close()
    other = HEADER | {"config": {"seeds": 2, "solvers": ["search"]}}
    with pytest.raises(UserError, match=r"other settings \(seeds\)"):
        Log(tmp_path, other, resume=True)


def test_what_is_no_log_is_said(tmp_path):
    """A missing file, a file without header and a broken line are bad input."""
    path = tmp_path / "run.jsonl"
    with pytest.raises(UserError, match="Cannot read the log"):
        read_log(path)
    path.write_text('{"kind": "row"}\n')
    with pytest.raises(UserError, match="must start with a header"):
        read_log(path)
    path.write_text('{"kind": "header"}\nnonsense\n{"kind": "row"}\n')
    with pytest.raises(UserError, match="Line 2"):
        read_log(path)
