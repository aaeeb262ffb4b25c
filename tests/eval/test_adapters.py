"""Adapters: the published formats are read, from the benchmark's own folder or from one that holds it."""

import json
import shutil

import numpy as np
import pytest
from cases import write_oscillator

from motionlaw.eval.adapters import BENCHMARKS, load
from motionlaw.eval.scorers import r2
from motionlaw.eval.tasks import MotionCase, RowCase
from motionlaw.tools.equation import evaluate
from motionlaw.tools.errors import UserError


def test_a_case_with_another_number_is_read(tmp_path):
    """Files of the same format work, whatever their ids."""
    write_oscillator(tmp_path, "PO1")
    write_oscillator(tmp_path, "PO43")
    cases = load("oscillators", tmp_path).cases
    assert [case.name for case in cases] == ["PO1", "PO43"]
    assert set(cases[0].train.columns) == {"t", "x", "v"} and len(cases[0].tests["ood"].y) == 100
    assert cases[0].position.targets == ("v",)


def test_the_folder_that_holds_the_benchmark_will_do(tmp_path, monkeypatch):
    """Its own folder, its parent, and the environment variable all lead to the data."""
    write_oscillator(tmp_path / "llm_srbench_phys_osc_regenerated")
    assert len(load("oscillators", tmp_path).cases) == 1
    assert len(load("oscillators", tmp_path / "llm_srbench_phys_osc_regenerated").cases) == 1
    monkeypatch.setenv("MOTIONLAW_SHARED_DATA", str(tmp_path))
    assert len(load("oscillators").cases) == 1


def test_a_folder_of_another_name_is_found_by_its_files(tmp_path):
    """A copy under another name is recognised by what lies in it."""
    write_oscillator(tmp_path / "the_other_half")
    assert len(load("oscillators", tmp_path).cases) == 1


def test_missing_data_is_said(tmp_path):
    """No folder or the wrong one is bad input with a remedy."""
    with pytest.raises(UserError, match="Give the folder with --data"):
        load("odebench", tmp_path)
    with pytest.raises(UserError, match="Give it with --data"):
        load("odebench", tmp_path / "nowhere")
    with pytest.raises(UserError, match="No benchmark 'pong'"):
        load("pong")


def test_a_system_of_odebench_is_read(tmp_path):
    """Two states, two solutions: the first is shown thinned, both are to be played."""
    t = np.linspace(0, 10, 512)
    solution = [{"t": t.tolist(), "y": [np.exp(-t).tolist(), np.exp(-2 * t).tolist()]}] * 2
    entry = {"id": 99, "dim": 2, "substituted": [["-x_0", "-2.0*x_1"]], "solutions": [solution]}
    (tmp_path / "odes.json").write_text(json.dumps([entry]))
    (case,) = load("odebench", tmp_path).cases
    assert (case.name, case.state, case.targets, len(case.runs[0].t)) == ("ode99", ("x_0", "x_1"), ("x_0", "x_1"), 150)
    assert set(case.plays) == {"reconstruct", "generalise"}
    assert case.plays["reconstruct"].t[[0, -1]].tolist() == [0.0, 10.0]


def test_a_truth_that_the_rows_deny_is_dropped(tmp_path):
    """A file under a known name with other data has no truth to be scored by."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100))
    for name, label in (("lv1", 3 * x - 2 * x * y - x**2), ("lv2", x)):
        np.savetxt(tmp_path / f"d_{name}.txt", np.column_stack([label, x, y]), delimiter=",", header="label,x,y")
    first, second = load("strogatz", tmp_path).cases
    assert first.truth is not None and second.truth is None
    assert (first.target, second.target) == ("x_dot", "y_dot")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_shared_cases_agree_with_their_truth(name, shared_data):
    """Every published formula reproduces its clean rows, or its structure alone is meant."""
    benchmark = load(name, shared_data)
    assert len({case.name for case in benchmark.cases}) == len(benchmark.cases)
    for case in benchmark.cases:
        if isinstance(case, RowCase) and case.truth is not None and name != "empirical":
            for table in (case.train, *case.tests.values()):
                assert r2(evaluate(case.truth, table.columns), table.y) > 0.999, case.name
        if isinstance(case, MotionCase):
            assert set(case.truth) == set(case.targets)
            assert case.plays["reconstruct"].states.shape == (len(case.plays["reconstruct"].t), len(case.state))


def test_the_order_of_a_copy_does_not_matter(shared_data, tmp_path):
    """Reading a copied folder gives the same cases."""
    shutil.copytree(shared_data / "ode_strogatz", tmp_path / "ode_strogatz")
    names = [[case.name for case in load("strogatz", folder).cases] for folder in (shared_data, tmp_path)]
    assert names[0] == names[1]
