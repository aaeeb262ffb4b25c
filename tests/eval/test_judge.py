"""Judging answers: true laws earn everything, none earns nothing, and errors are taken on clean values."""

import math

import numpy as np
import pytest

from motionlaw.eval.judge import NO_LAW, score_answer
from motionlaw.eval.solvers import Answer
from motionlaw.eval.tasks import MotionCase, Play, RowCase, Table
from motionlaw.tools.equation import parse
from motionlaw.tools.trajectory import Trajectory

T = np.linspace(0, 10, 200)
RNG = np.random.default_rng(0)


@pytest.fixture
def rows():
    """A table of a = -2x - 0.3v with a test set beyond the training range."""
    x, v = RNG.normal(size=(2, 100))
    far = {"x": 3 * x, "v": 3 * v}
    train = Table({"x": x, "v": v}, -2 * x - 0.3 * v)
    return RowCase("r", "a", train, {"ood": Table(far, 3 * train.y)}, parse("-2*x - 0.3*v"))


@pytest.fixture
def decay():
    """Two decays, the second from another start."""
    first, second = np.exp(-T), 5 * np.exp(-T)
    run = Trajectory("d", T, ("x",), first[:, None])
    plays = {"reconstruct": Play(T, first[:, None]), "generalise": Play(T, second[:, None])}
    return MotionCase("d", 1, (run,), plays, {"x": parse("-x")})


def test_the_true_law_of_rows(rows):
    """All scores are best."""
    scores = score_answer(rows, Answer({"a": parse("-2*x - 0.3*v")}))
    assert scores["exact"] and scores["exact_any"] and scores["s_acc"] and scores["solution"]
    assert scores["nmse_ood"] == pytest.approx(0, abs=1e-20) and scores["r2_above_0.999"]


def test_the_truth_among_the_alternatives(rows):
    """It counts for exact_any only."""
    answer = Answer({"a": parse("-2*x")}, ({"a": parse("-2*sin(x)")}, {"a": parse("-1.9*x - 0.2*v")}))
    scores = score_answer(rows, answer)
    assert (scores["exact"], scores["exact_any"]) == (False, True)


def test_no_law_fails_everything(rows, decay):
    """A solver that finds nothing is wrong, with infinite errors."""
    scores = score_answer(rows, NO_LAW)
    assert (scores["exact"], scores["s_struct"], scores["ned"], scores["nmse_ood"]) == (False, 0.0, 1.0, math.inf)
    assert score_answer(decay, NO_LAW)["reconstructed"] is False


def test_without_a_truth_only_errors_are_scored(rows):
    """Structure is not scored where no law is published."""
    case = RowCase("r", "a", rows.train, rows.tests)
    scores = score_answer(case, Answer({"a": parse("-2*x")}))
    assert scores["exact"] is None and scores["exact_any"] is None and scores["s_struct"] is None
    assert 0 < scores["nmse_ood"] < 1


def test_a_law_is_played_from_both_starts(decay):
    """A law that follows one motion need not follow the other."""
    scores = score_answer(decay, Answer({"x": parse("-x")}))
    assert scores["reconstructed"] and scores["generalised"] and scores["nmse_reconstruct"] < 1e-10
    other = score_answer(decay, Answer({"x": parse("-x**2/(0.03 + x**1.08)")}))
    assert other["exact"] is False and other["nmse_generalise"] > other["nmse_reconstruct"]


def test_an_equation_short_is_no_law():
    """A system is only played with all of its equations."""
    states = np.column_stack([np.exp(-T), np.exp(-2 * T)])
    run = Trajectory("d", T, ("x", "y"), states)
    case = MotionCase("d", 1, (run,), {"reconstruct": Play(T, states)}, {"x": parse("-x"), "y": parse("-2*y")})
    scores = score_answer(case, Answer({"x": parse("-x")}))
    assert (scores["exact"], scores["reconstructed"], scores["s_struct"]) == (False, False, 0.5)
