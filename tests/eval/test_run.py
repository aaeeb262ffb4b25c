"""Running a benchmark: crashes are rows, any number of workers gives one answer, a stopped run goes on."""

import json
import os
import signal
import sys
import time

import numpy as np
import pytest
from cases import write_oscillator
from commands import interruptible

from motionlaw.eval import run as runner
from motionlaw.eval.command import eval_command
from motionlaw.eval.log import read_log
from motionlaw.eval.run import EvalSettings, run_benchmark
from motionlaw.eval.solvers import Answer
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError

CASES = ("PO1", "PO3", "PO5", "PO7")


@pytest.fixture
def data(tmp_path):
    """Four cases of one law."""
    for name in CASES:
        write_oscillator(tmp_path / "data", name)
    return tmp_path / "data"


def scripted(case, solver, *, time_limit, seed):
    """A solver that crashes, dies, answers or refuses, by the name of the case."""
    if case.name == "PO1":
        raise ZeroDivisionError("a bug in the solver")
    if case.name == "PO3":
        os.kill(os.getpid(), signal.SIGKILL)
    if case.name == "PO5":
        return Answer({}, message="Brownian dust has no force law.")
    return Answer({"a": parse(f"-2*x - 0.3*v + {0.2 + case.train.y[0] * 1e-9}*sin(t)")})


@pytest.fixture
def fake(monkeypatch):
    """The scripted solver in place of the search; children are forked and so have it too."""
    monkeypatch.setattr(runner, "solve", scripted)


def settings(data, **options):
    return EvalSettings("oscillators", data=str(data), **({"noise": (0.0, 0.05)} | options))


def test_a_crash_is_a_failed_row_with_its_reason(data, fake, tmp_path):
    """The run goes on; what failed is wrong in every score and says why."""
    _, rows = read_log(run_benchmark(settings(data, noise=(0.0,)), tmp_path / "out"))
    by_case = {row["case"]: row for row in rows}
    assert by_case["PO1"]["message"] == "ZeroDivisionError: a bug in the solver"
    assert [by_case[name]["status"] for name in CASES] == ["failed", "failed", "refused", "ok"]
    assert [by_case[name]["scores"]["exact"] for name in CASES] == [False, False, False, True]
    assert by_case["PO5"]["message"] == "Brownian dust has no force law."


def test_a_solver_that_hangs_is_killed(data, monkeypatch, tmp_path):
    """Its row is a time-out."""
    monkeypatch.setattr(runner, "solve", lambda *a, **k: time.sleep(60))
    monkeypatch.setattr(runner, "SCORING_S", 0.2)
    log = run_benchmark(settings(data, noise=(0.0,), cases=("PO1",), time_limit=0.2), tmp_path / "out")
    assert read_log(log)[1][0]["status"] == "timeout"


def test_any_number_of_workers_gives_the_same_answer(data, fake, tmp_path):
    """Laws and scores do not depend on what runs beside them."""
    answers = []
    for workers in (1, 3):
        _, rows = read_log(run_benchmark(settings(data, workers=workers), tmp_path / str(workers)))
        answers.append(sorted((row["case"], row["noise"], str(row["law"]), str(row["scores"])) for row in rows))
    assert answers[0] == answers[1]


def test_the_noise_reaches_the_solver_and_not_the_score(data, fake, tmp_path):
    """The scripted law depends on the first noisy row; its error is taken on clean ones."""
    _, rows = read_log(run_benchmark(settings(data, cases=("PO7",)), tmp_path / "out"))
    assert rows[0]["law"] == rows[1]["law"] == {"a": "-2*x - 0.3*v + 0.2*sin(t)"}
    assert 0 < max(row["scores"]["nmse_ood"] for row in rows) < 1e-15


def test_a_run_is_resumed_where_it_stopped(data, fake, tmp_path):
    """What is done is not done again; the log ends as if nothing had happened."""
    path = run_benchmark(settings(data), tmp_path / "out")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:4]) + "\n" + lines[4][:20])
    run_benchmark(settings(data), tmp_path / "out", resume=True)
    again = path.read_text().splitlines()
    assert again[:4] == lines[:4] and len(again) == len(lines)
    assert sorted(json.loads(line).get("case", "") for line in again) == sorted(
        json.loads(line).get("case", "") for line in lines
    )


def test_a_run_writes_its_tables(data, fake, tmp_path, capsys):
    """A Markdown table goes to stdout and, with a picture, into the folder."""
    options = dict(noise="0", noise_on=None, fraction=None, seeds=1, solvers="search", time_limit=5.0, cases=None)
    status = eval_command(
        "oscillators", data=str(data), workers=1, out=str(tmp_path / "out"), resume=False, as_json=False, **options
    )
    said = capsys.readouterr()
    assert status == 0
    assert said.out == (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert "| none | 100 % | search | 1/4 (25 ± 25 %) |" in said.out
    assert "`motionlaw eval oscillators --noise 0 --time-limit 5`: 4 cases, seed 0" in said.out
    assert "[4/4] PO7" in said.err
    assert (tmp_path / "out" / "table.png").read_bytes()[:4] == b"\x89PNG"


def test_json_holds_the_same_numbers(data, fake, tmp_path, capsys):
    """--json prints counts, means, errors and where the log lies."""
    options = dict(noise="0", noise_on=None, fraction=None, seeds=1, solvers="search", time_limit=5.0, cases=None)
    options |= {"workers": 1, "resume": False, "as_json": True}
    eval_command("oscillators", data=str(data), out=str(tmp_path / "o"), **options)
    said = json.loads(capsys.readouterr().out)
    (group,) = said["results"]
    assert group["scores"]["exact"]["count"] == 1 and group["scores"]["exact"]["mean"] == 0.25
    assert group["failed"] == 3 and said["log"] == str(tmp_path / "o" / "run.jsonl")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"time_limit": 0.0}, "time limit must be positive"),
        ({"solvers": ("eureqa",)}, "No solver 'eureqa'. Solvers: search, operon, sindy, gplearn"),
        ({"solvers": ()}, "solvers must name at least one"),
    ],
)
def test_wrong_settings_are_refused(options, message):
    """Each with a sentence."""
    with pytest.raises(UserError, match=message):
        EvalSettings("oscillators", **options)


def test_an_unknown_case_is_said(data, tmp_path):
    """With the names that there are."""
    with pytest.raises(UserError, match=r"No case 'PO99' in oscillators. Cases: PO1, PO3"):
        run_benchmark(settings(data, cases=("PO99",)), tmp_path / "out")


def test_conditions_of_a_bare_run_are_the_benchmarks_own(shared_data):
    """Without options ODEBench runs clean, and with 5 % noise on half the points."""
    from motionlaw.eval.adapters import load

    benchmark = load("odebench", shared_data)
    plain = [(c.noise, c.noise_on, c.fraction) for c in EvalSettings("odebench").conditions(benchmark)]
    assert plain == [(0.0, "position", 1.0), (0.05, "position", 0.5)]
    asked = EvalSettings("odebench", noise=(0.0, 0.1), fraction=(1.0, 0.5), seeds=2).conditions(benchmark)
    assert len(asked) == 8 and {c.seed for c in asked} == {0, 1}


def test_ctrl_c_keeps_what_is_done(data, tmp_path):
    """The log and the table hold the finished rows, and the command says that it stopped."""
    for number in range(40):
        write_oscillator(data, f"PO{100 + number}")
    line = [sys.executable, "-m", "motionlaw", "eval", "oscillators", "--data", str(data), "--solvers", "sindy"]
    line += ["--out", str(tmp_path / "out")]
    running = interruptible(line)
    log, deadline = tmp_path / "out" / "run.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline and (not log.exists() or len(log.read_text().splitlines()) < 3):
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=180)[1]
    assert running.returncode == 130 and "motionlaw: stopped." in said and "Traceback" not in said
    assert len(read_log(log)[1]) >= 2
    assert "sindy" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")


def test_the_search_recovers_a_plain_oscillator(tmp_path):
    """End to end through the command: a known law from its rows."""
    rng = np.random.default_rng(1)
    t, x, v = np.linspace(0, 40, 600), rng.uniform(-2, 2, 600), rng.uniform(-2, 2, 600)
    rows = np.column_stack([t, x, v, -2 * x - 0.3 * v])
    np.savez(tmp_path / "PO9.npz", train=rows[:500], ood=rows[500:])
    (tmp_path / "index.json").write_text(json.dumps([{"name": "PO9", "law": "-2*x - 0.3*v", "columns": list("txva")}]))
    log = run_benchmark(EvalSettings("oscillators", data=str(tmp_path), noise=(0.0,)), tmp_path / "out")
    (row,) = read_log(log)[1]
    assert row["scores"]["exact"] is True and row["scores"]["s_acc"] is True
