"""Engines: found formulas are checked again, a child that does not end is killed, what is missing is said."""

import ast
import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from motionlaw.tools.engines import EngineResult, preflight, regress
from motionlaw.tools.engines import pysr as pysr_engine
from motionlaw.tools.engines.child import GRACE_S, Outcome, run_engine, run_killable
from motionlaw.tools.equation import canonical_terms, parse
from motionlaw.tools.errors import UserError

TASK = {"names": ["u0", "u1"], "seed": 0, "guesses": []}


@pytest.fixture
def pendulum_rows(rng):
    """Angle, velocity and time with the noisy acceleration of a damped pendulum."""
    X = rng.normal(size=(400, 3))
    return X, -4.905 * np.sin(X[:, 0]) - 0.11 * X[:, 1] + 0.02 * rng.normal(size=400)


def _needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'motionlaw[symbolic]'")


@pytest.mark.needs_symbolic
def test_sindy_finds_the_pendulum(pendulum_rows):
    """The threshold chosen on unseen rows leaves the true terms and nothing else."""
    _needs("pysindy")
    result = regress("sindy", *pendulum_rows, ["theta", "v", "t"], time_limit=20, seed=0)
    terms = canonical_terms(parse(result.expression))
    assert result.status == "ok"
    assert terms == pytest.approx({"sin(theta)": -4.905, "v": -0.11}, rel=0.05)
    assert result.loss == pytest.approx(0.02**2, rel=0.3)


@pytest.mark.needs_symbolic
def test_operon_finds_the_pendulum_and_repeats_it(pendulum_rows):
    """The same seed gives the same formula, good to the noise, within the time limit."""
    _needs("pyoperon")
    results = [regress("operon", *pendulum_rows, ["theta", "v", "t"], time_limit=20, seed=3) for _ in range(2)]
    assert [result.status for result in results] == ["ok", "ok"]
    assert results[0].expression == results[1].expression
    assert results[0].loss < 3 * 0.02**2
    assert all(result.seconds < 20 + GRACE_S + 10 for result in results)
    losses = [candidate.loss for candidate in results[0].front]
    assert losses == sorted(losses, reverse=True)


def test_a_child_that_ignores_signals_is_killed(tmp_path):
    """A process that shrugs off SIGTERM and loops for ever is gone soon after its time, with its own children."""
    program = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {inner.pid}')\n"
        "print('noise' * 1000, flush=True)\n"
        "while True: pass\n"
    )
    start = time.perf_counter()
    assert run_killable([sys.executable, "-c", program], folder=tmp_path, time_limit=4.0) is None
    assert time.perf_counter() - start < 30
    time.sleep(0.2)
    assert not any(_is_running(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().split(") ")[1][0] != "Z"


def test_what_an_engine_prints_stays_away(tmp_path, capfd):
    """Nothing that a child writes reaches our stdout or stderr."""
    command = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"]
    assert run_killable(command, folder=tmp_path, time_limit=20) == 0
    assert capfd.readouterr() == ("", "")


def test_a_search_beyond_its_time_is_a_status(pendulum_rows, monkeypatch):
    """An engine stopped by the clock gives status 'timeout', no exception."""
    monkeypatch.setattr("motionlaw.tools.engines.child.GRACE_S", 0.0)
    outcome = run_engine("sindy", pendulum_rows[0][:, :2], pendulum_rows[1], TASK, time_limit=0.01)
    assert outcome == Outcome("timeout", (), "sindy was stopped after 0.01 s.")


def test_a_crash_is_a_status_with_its_last_line(pendulum_rows):
    """An engine that dies gives status 'failed' and says what it died of."""
    _needs("pysindy")
    outcome = run_engine("sindy", pendulum_rows[0], pendulum_rows[1], TASK | {"names": []}, time_limit=20)
    assert outcome.status == "failed"
    assert outcome.message.startswith("sindy ended with status 1: ")


def test_formulas_are_read_by_our_grammar_and_never_trusted(pendulum_rows, monkeypatch):
    """Hostile and wrong formulas of an engine are dropped; the loss is computed again."""
    found = ("__import__('os').system('x')", "u0 +", "9**9**9", "log(u0 - 100)", "-4.905*sin(u0) - 0.11*u1", "u0")
    monkeypatch.setattr("motionlaw.tools.engines.preflight", lambda engine: None)
    monkeypatch.setattr("motionlaw.tools.engines.child.run_engine", lambda *args, **options: Outcome("ok", found))
    result = regress("operon", *pendulum_rows, ["theta", "v", "t"], time_limit=1, seed=0)
    assert [candidate.expression for candidate in result.front] == ["theta", "-4.905*sin(theta) - 0.11*v"]
    assert result.expression == "-4.905*sin(theta) - 0.11*v"
    assert result.loss == pytest.approx(0.02**2, rel=0.3)


def test_what_is_missing_is_said_before_anything_starts(pendulum_rows, monkeypatch):
    """Without Julia, PySR is unavailable with a sentence on what to install."""
    monkeypatch.setattr(pysr_engine, "find_spec", lambda name: object())
    monkeypatch.setattr(pysr_engine, "find_julia", lambda: None)
    result = regress("pysr", *pendulum_rows, ["theta", "v", "t"], time_limit=5, seed=0)
    assert isinstance(result, EngineResult)
    assert (result.status, result.expression) == ("unavailable", None)
    assert "needs Julia 1.10 or later" in result.message
    monkeypatch.setattr(pysr_engine, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'motionlaw\[pysr\]'"):
        preflight("pysr")


def test_julia_is_found_where_the_environment_names_it(tmp_path, monkeypatch):
    """A Julia named in the environment, or in a folder of it, counts without being on the path."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pysr_engine.find_julia() is None
    julia = tmp_path / "bin" / "julia"
    julia.parent.mkdir()
    julia.write_text("#!/bin/sh\n")
    julia.chmod(0o755)
    monkeypatch.setenv("JULIA_BINDIR", str(julia.parent))
    assert pysr_engine.find_julia() == str(julia)


def test_arguments_that_do_not_fit_are_refused(pendulum_rows):
    """Unknown engines, wrong shapes, hostile guesses and too few rows are UserErrors."""
    X, y = pendulum_rows
    names = ["theta", "v", "t"]
    for engine, inputs, target, labels, options, words in [
        ("eureqa", X, y, names, {}, "An engine must be one of operon, sindy, pysr, got 'eureqa'"),
        ("operon", X, y[:5], names, {}, "X must have shape"),
        ("operon", X, y, ["theta"], {}, "variable_names must name the 3 columns"),
        ("operon", X[:5], y[:5], names, {}, "at least 10 complete rows, got 5"),
        ("pysr", X, y, names, {"guesses": ["__import__('os')"]}, "Unexpected '_'"),
        ("operon", X, y, names, {"time_limit": 0.0}, "time_limit must be positive"),
    ]:
        with pytest.raises(UserError, match=words):
            regress(engine, inputs, target, labels, **({"time_limit": 1.0, "seed": 0} | options))


def test_guesses_reach_pysr_in_julia_s_spelling(tmp_path):
    """An ansatz keeps its numbers, its powers become ^, and its functions are allowed in the search."""
    options = pysr_engine.keywords(seed=0, seconds=5.0, guesses=["-2*u0**3 + tanh(u1)"], folder=tmp_path)
    assert options["guesses"] == ["-2*u0^3 + tanh(u1)"]
    assert "tanh" in options["unary_operators"] and "log" not in options["unary_operators"]


def test_a_killed_pysr_search_is_not_lost(tmp_path):
    """The hall of fame that PySR writes while it runs is read after a kill."""
    place = tmp_path / "pysr" / pysr_engine.RUN_ID
    place.mkdir(parents=True)
    (place / "hall_of_fame.csv").write_text('Complexity,Loss,Equation\n1,2.1,"u0"\n4,0.01,"sin(u0) * -4.9"\n')
    assert pysr_engine.best_so_far(tmp_path) == ["u0", "sin(u0) * -4.9"]


def test_every_keyword_for_pysr_exists_in_its_signature(tmp_path):
    """What we pass to PySRRegressor is in its __init__; read from source, because importing it starts Julia."""
    spec = importlib.util.find_spec("pysr")
    if spec is None or spec.origin is None:
        pytest.skip("pysr is not installed: pip install 'motionlaw[pysr]'")
    source = ast.parse((Path(spec.origin).parent / "sr.py").read_text())
    regressor = next(node for node in source.body if isinstance(node, ast.ClassDef) and node.name == "PySRRegressor")
    methods = {node.name: node.args for node in regressor.body if isinstance(node, ast.FunctionDef)}
    known = {argument.arg for argument in methods["__init__"].args + methods["__init__"].kwonlyargs}
    passed = pysr_engine.keywords(seed=0, seconds=5.0, guesses=["u0"], folder=tmp_path)
    assert set(passed) <= known
    assert "variable_names" in {argument.arg for argument in methods["fit"].args + methods["fit"].kwonlyargs}


@pytest.mark.needs_julia
def test_pysr_starts_from_a_guess(pendulum_rows):
    """Where Julia is found, PySR refines an ansatz to the noise."""
    try:
        preflight("pysr")
    except UserError as error:
        pytest.skip(str(error))
    guess = "-4*sin(theta)"
    result = regress("pysr", *pendulum_rows, ["theta", "v", "t"], time_limit=240, seed=0, guesses=[guess])
    assert result.status == "ok"
    assert result.loss < 3 * 0.02**2
