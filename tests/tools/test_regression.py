"""Formulas for rows."""

import time

import numpy as np
import pytest
import sympy

from motionlaw.tools.candidates import variables_of
from motionlaw.tools.equation import canonical_terms, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.regression import find_formula

# Seconds: enough for a machine with much else to do.
BUSY = 120.0
KINDS = {"x": "coordinate", "v": "velocity", "t": "time"}


def _rows(seed: int = 0, n: int = 1500):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 30, n)
    x = np.sin(0.8 * t) + 0.3 * np.cos(2.1 * t)
    v = 0.8 * np.cos(0.8 * t) - 0.63 * np.sin(2.1 * t)
    return {"x": x, "v": v, "t": t}, rng


LAWS = {
    "spring and drag": "-2*x - 0.3*v*abs(v)",
    "saturating spring": "-2*tanh(2.5*x) - 0.3*v",
    "driven at an odd frequency": "-2*x - 0.3*v + 0.7*sin(1.37*t + 0.4)",
    "van der Pol": "-x + 1.5*v - 1.5*v*x^2",
    "friction": "-3*x - 0.4*sign(v)",
    "root": "-x^3 - 0.6*abs(v)^(1/3)",
}


@pytest.mark.parametrize("name", LAWS)
def test_noise_free_rows_give_the_exact_law(name):
    """Structure and every number come out, to rounding."""
    columns, _ = _rows()
    law = parse(LAWS[name])
    y = sympy.lambdify(list(columns), law, "numpy")(*columns.values())
    found = find_formula(columns, y, kinds=KINDS, time_limit=BUSY)
    expected, got = canonical_terms(law), canonical_terms(found.expression)
    assert set(got) == set(expected)
    for term, value in expected.items():
        assert got[term] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", ["spring and drag", "van der Pol", "friction"])
def test_noise_that_is_a_share_of_the_value_is_seen_and_used(name):
    """Five per cent of the value: the law is found, and the noise is told to be proportional."""
    columns, rng = _rows()
    law = parse(LAWS[name])
    y = sympy.lambdify(list(columns), law, "numpy")(*columns.values())
    found = find_formula(columns, y * (1 + 0.05 * rng.normal(size=len(y))), kinds=KINDS, time_limit=BUSY)
    assert set(canonical_terms(found.expression)) == set(canonical_terms(law))
    assert found.noise_share == pytest.approx(0.05, rel=0.15)
    assert found.noise_constant < 0.01


def test_constant_noise_is_not_taken_for_proportional():
    """Noise of one size everywhere: its size comes out, its share is zero."""
    columns, rng = _rows()
    y = -2 * columns["x"] - 0.3 * columns["v"] + 0.1 * rng.normal(size=1500)
    found = find_formula(columns, y, kinds=KINDS, time_limit=BUSY)
    assert found.noise_share == 0
    assert found.noise_constant == pytest.approx(0.1, rel=0.1)
    assert set(canonical_terms(found.expression)) == {"x", "v"}


def test_errors_cover_the_true_coefficients():
    """Over thirty draws, the truth lies within two standard errors about as often as it should."""
    inside = []
    for seed in range(15):
        columns, rng = _rows(seed, 400)
        y = -2 * columns["x"] - 0.3 * columns["v"] + 0.1 * rng.normal(size=400)
        best = find_formula(columns, y, kinds=KINDS, time_limit=BUSY).best
        named = {str(term.expression): k for k, term in enumerate(best.terms)}
        if set(named) == {"x", "v"}:
            for name, true in (("x", -2.0), ("v", -0.3)):
                inside.append(abs(best.coefficients[named[name]] - true) < 2 * best.stderr[named[name]])
    assert len(inside) >= 24
    assert 0.85 <= np.mean(inside) <= 1.0


def test_scaling_the_target_scales_the_law():
    """A thousand times the target has a thousand times the coefficients, and the same terms."""
    columns, rng = _rows()
    y = -2 * columns["x"] - 0.3 * columns["v"] + 0.05 * rng.normal(size=1500)
    small, large = (find_formula(columns, size * y, kinds=KINDS, time_limit=BUSY) for size in (1, 1000))
    assert [t.expression for t in small.best.terms] == [t.expression for t in large.best.terms]
    np.testing.assert_allclose(large.best.coefficients, 1000 * small.best.coefficients, rtol=1e-6)


def test_the_same_seed_gives_the_same_formula():
    """Rows, seed and version decide the answer."""
    columns, rng = _rows(n=5000)
    y = -columns["x"] + 0.3 * rng.normal(size=5000)
    first, second = (find_formula(columns, y, kinds=KINDS, seed=3, time_limit=BUSY) for _ in range(2))
    assert first.expression == second.expression


def test_a_hundred_thousand_rows_all_count():
    """Coefficients come from all rows: their errors are those of a fit to all, and cover the truth."""
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 100_000))
    y = -2 * x - 0.3 * v + 0.1 * rng.normal(size=100_000)
    best = find_formula({"x": x, "v": v}, y, kinds=KINDS, time_limit=BUSY).best
    named = {str(term.expression): k for k, term in enumerate(best.terms)}
    assert set(named) == {"x", "v"}
    assert best.stderr[named["x"]] == pytest.approx(0.1 / np.sqrt(100_000), rel=0.02)
    assert abs(best.coefficients[named["x"]] + 2) < 4 * best.stderr[named["x"]]


def test_rivals_that_the_data_cannot_tell_apart_are_listed():
    """At small amplitude sin(x) and x - x^3/6 are rivals."""
    rng = np.random.default_rng(0)
    x = 0.4 * np.sin(np.linspace(0, 60, 600))
    y = -9.8 * np.sin(x) + 0.05 * rng.normal(size=600)
    found = find_formula({"x": x}, y, kinds={"x": "angle"})
    texts = [set(canonical_terms(each.expression)) for each in (found.best, *found.alternatives)]
    assert {"sin(x)"} in texts
    assert any("x" in terms for terms in texts)


def test_time_limit_is_kept():
    """A search cut short comes back in time and says so."""
    columns, rng = _rows(n=5000)
    y = -columns["x"] + 0.3 * rng.normal(size=5000)
    before = time.process_time()
    found = find_formula(columns, y, kinds=KINDS, time_limit=0.05)
    assert found.was_cut
    assert time.process_time() - before < 1.0


def test_distances_and_differences_are_variables():
    """Two coordinates bring their distance from the origin and their difference."""
    texts = {str(each.expression) for each in variables_of(["x", "y"], {"x": "coordinate", "y": "coordinate"})}
    assert texts == {"x", "y", "x - y", "sqrt(x**2 + y**2)"}


@pytest.mark.parametrize(
    ("columns", "y", "message"),
    [
        ({}, np.ones(20), "at least one input"),
        ({"x": np.ones(19)}, np.ones(20), "one length"),
        ({"x": np.ones(20)}, np.full(20, np.nan), "at least 8 complete rows"),
        ({"x": np.ones(20)}, np.zeros(20), "only zeros"),
    ],
)
def test_bad_rows_are_refused_in_one_sentence(columns, y, message):
    """No inputs, unlike lengths, no complete rows."""
    with pytest.raises(UserError, match=message):
        find_formula(columns, y)
