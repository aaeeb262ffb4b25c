"""Equivalence in stages and the box of points on which functions are compared."""

import time

import numpy as np
import pytest

from motionlaw.eval import structure
from motionlaw.eval.structure import compare, is_equivalent, sample_box
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        ("(x + 1)**2", "x**2 + 2*x + 1", True),
        ("sin(x)**2 + cos(x)**2", "1", True),
        ("exp(x + v)", "exp(x)*exp(v)", True),
        ("0.33333*x", "x/3", False),
        ("v", "v**3", False),
        ("sin(x)", "cos(x - 1.5707963267948966)", True),
        ("log(x**2)", "2*log(x)", False),  # the one exists for negative x, the other does not
        ("x/x", "1", True),
        ("sqrt(-1 - x**2)", "sqrt(-1 - x**2)", True),  # defined nowhere
        ("2", "2", True),
        ("2", "3", False),
    ],
)
def test_equivalence(a, b, answer):
    """Equal as functions, with the regions where they are undefined."""
    assert is_equivalent(parse(a), parse(b)) is answer


def test_the_domain_of_the_data_counts():
    """On positive data log(x²) is 2 log x."""
    assert is_equivalent(parse("log(x**2)"), parse("2*log(x)"), {"x": RNG.uniform(1, 2, 50)}) is True


def test_simplifying_stops_in_time(monkeypatch):
    """Where points do not decide and simplifying takes too long there is no answer, soon."""
    monkeypatch.setattr(structure, "SIMPLIFY_S", 0.5)
    monkeypatch.setattr(structure.sympy, "simplify", lambda expression: time.sleep(60))
    started = time.monotonic()
    assert is_equivalent(parse("sqrt(-1 - x**2)"), parse("sqrt(-1 - 2*x**2)")) is None
    assert time.monotonic() - started < 30


def test_the_box_is_wider_than_the_data_and_keeps_signs():
    """Functions are told apart beyond the data, but a length does not become negative."""
    box = sample_box({"x": RNG.uniform(-1, 1, 500), "m": RNG.uniform(1, 3, 500)}, ["x", "m", "t"])
    assert np.abs(box.points["x"]).max() > 1.5
    assert 0.5 <= box.points["m"].min() < 1 < 3 < box.points["m"].max()
    assert box.positive == {"m"}
    assert set(box.points) == {"x", "m", "t"}


def test_a_truth_that_is_no_law_is_refused():
    """A truth of many hundred terms is an error of the benchmark."""
    long = "+".join(f"sin({k}.5*x)*v**{k % 9}" for k in range(95))
    with pytest.raises(UserError, match="must be shorter"):
        compare(parse("x"), parse(long) ** 2 * parse(long.replace("x", "t")) ** 3)


def test_constants_are_paired_with_their_true_values():
    """In another form, the found constants stand beside those that would make it the truth."""
    comparison = compare(parse("0.6*tanh(0.5*x)"), parse("-0.5 + 1/(1 + exp(-x))"), {"x": RNG.uniform(-2, 2, 99)})
    assert [pair.truth for pair in comparison.constants] == pytest.approx([0.5, 0.5], rel=1e-5)
    assert [pair.found for pair in comparison.constants] == [0.6, 0.5]
