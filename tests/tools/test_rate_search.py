"""Second-order laws sought in accelerations."""

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from motionlaw.tools import discovery
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.equation import canonical_terms, compile_rhs, parse
from motionlaw.tools.observe import gather_evidence
from motionlaw.tools.rate_search import is_searched, rate_rivals
from motionlaw.tools.trajectory import Trajectory

T = np.linspace(0, 20, 2000)


def _law(x, v, t):
    return -2 * x * np.exp(-np.abs(x)) - 0.2 * v * np.abs(v)


def _played(acceleration):
    return solve_ivp(
        lambda t, s: [s[1], acceleration(s[0], s[1], t)], (0, 20), [1.5, 0], t_eval=T, rtol=1e-10, atol=1e-12
    ).y


def test_terms_of_the_whole_grammar_come_out_of_positions_alone():
    """A spring that slackens far out, which no plain library holds, is found from clean positions."""
    x, _ = _played(_law)
    found = discover_law([Trajectory("run", T, ("x",), x[:, None])])
    assert found.status == "ok"
    terms = canonical_terms(parse(found.law["v"]))
    assert set(terms) == {"x*exp(-abs(x))", "v*abs(v)"}
    assert terms["x*exp(-abs(x))"] == pytest.approx(-2, rel=1e-3)


def test_noise_on_a_measured_acceleration_does_not_hide_the_law():
    """Five per cent noise on the acceleration column: positions and velocities still tell the law."""
    x, v = _played(_law)
    a = _law(x, v, T) * (1 + 0.05 * np.random.default_rng(0).normal(size=len(T)))
    run = Trajectory("run", T, ("x",), x[:, None], velocity=v[:, None], acceleration=a[:, None])
    found = discover_law([run], settings=DiscoverySettings(order="2"))
    assert set(canonical_terms(parse(found.law["v"]))) == {"x*exp(-abs(x))", "v*abs(v)"}


def test_exact_measured_accelerations_end_the_search():
    """Where a law gives the measured accelerations to rounding, it is the only rival."""
    x, v = _played(_law)
    run = Trajectory("run", T, ("x",), x[:, None], velocity=v[:, None], acceleration=_law(x, v, T)[:, None])
    rivals, is_exact = rate_rivals(gather_evidence([run]), deadline=np.inf)
    assert is_exact and len(rivals) == 1


def test_few_rows_are_left_to_the_weak_form():
    """Thirty rows are too few for a search among thousands of terms."""
    x, _ = _played(_law)
    run = Trajectory("run", T[:300:10], ("x",), x[:300:10, None])
    assert rate_rivals(gather_evidence([run]), deadline=np.inf) == ([], False)


def test_noisy_positions_are_left_to_the_weak_form():
    """One per cent noise, as films have, brings no search of accelerations."""
    x, _ = _played(_law)
    noisy = x + 0.01 * np.random.default_rng(0).normal(size=len(x))
    assert rate_rivals(gather_evidence([Trajectory("run", T, ("x",), noisy[:, None])]), deadline=np.inf) == ([], False)


def test_noisy_positions_beside_a_noisier_acceleration_are_left_to_the_weak_form():
    """An acceleration column that is poorer than the positions' own does not make noisy positions clean."""
    x, v = _played(_law)
    rng = np.random.default_rng(0)
    noisy = x + 0.01 * x.std() * rng.normal(size=len(T))
    a = _law(x, v, T) * (1 + 3 * rng.normal(size=len(T)))
    evidence = gather_evidence([Trajectory("run", T, ("x",), noisy[:, None], acceleration=a[:, None])])
    assert rate_rivals(evidence, deadline=np.inf) == ([], False)
    assert not is_searched(evidence)


def test_a_plain_law_that_leaves_nothing_is_not_put_against_the_whole_grammar(monkeypatch):
    """A clean damped spring is settled by plain terms: no strange term could be better."""
    monkeypatch.setattr(discovery, "rate_rivals", lambda *_, **__: pytest.fail("the whole grammar was searched"))
    t = np.linspace(0, 10, 300)
    x = np.exp(-0.1 * t) * np.cos(2 * t)
    found = discover_law([Trajectory("run", t, ("x",), x[:, None])], settings=DiscoverySettings(order="2"))
    terms = canonical_terms(parse(found.law["v"]))
    assert set(terms) == {"x", "v"}
    assert terms["x"] == pytest.approx(-4.01, rel=1e-4)


def test_a_measured_acceleration_of_zero_is_uniform_motion():
    """A table whose acceleration column is zero throughout is no fault: nothing pulls."""
    t = np.linspace(0, 5, 300)
    still = np.zeros((300, 1))
    found = discover_law([Trajectory("run", t, ("x",), 2 * t[:, None], velocity=still + 2, acceleration=still)])
    assert found.law == {"v": "0"}


def test_another_family_of_curves_is_not_taken_for_the_true_one():
    """tanh(1.5 x), which lies between two scanned tanh and nearer to x/(k + x^2), is found by exchange of families."""
    x, v = _played(lambda x, v, t: -2 * np.tanh(1.5 * x) - 0.1 * v)
    found = discover_law([Trajectory("run", T, ("x",), x[:, None])], settings=DiscoverySettings(order="2"))
    expected = -2 * np.tanh(1.5 * x) - 0.1 * v
    law = sympy.lambdify(sympy.symbols("x v"), parse(found.law["v"]), "numpy")
    assert "tanh" in found.law["v"] and found.law["v"].count("*x") == 1
    np.testing.assert_allclose(law(x, v), expected, atol=1e-3)


def test_a_sum_that_imitates_the_law_to_eleven_digits_does_not_end_the_search():
    """Near-harmonic motion under x cos x: seven plain terms leave 1e-22 of the square, the law leaves rounding."""
    run = _computed("-0.32*x^2 - 1.97*x*cos(x)", (0.35, 0.1))
    rivals, is_exact = rate_rivals(gather_evidence([run]), deadline=np.inf)
    equation = rivals[0].model.equations[0]
    assert is_exact and set(canonical_terms(equation.subs({"c_1": 1, "c_2": 1}))) == {"x**2", "x*cos(x)"}


def test_no_hand_is_suspected_in_computed_motion():
    """A slow drive that brings a body nearly to a stop: the rows are not cut, as a film's would be."""
    run = _computed("-1.37*x*cos(x) + 0.923*v - 0.277*v^3 - 0.923*x^2*v + 1.74*cos(2.94*t) + 1.4", (-0.266, -0.071))
    assert [len(each.trajectory.t) for each in gather_evidence([run]).runs] == [len(T)]
    filmed = Trajectory("run", T, ("x",), run.position)
    assert [len(each.trajectory.t) for each in gather_evidence([filmed]).runs] != [len(T)]


def _computed(law, start):
    """The run of a law from a first state, with its velocities and accelerations."""
    force = compile_rhs([parse(law)], ["x", "v", "t"])
    x, v = solve_ivp(
        lambda t, s: [s[1], force(np.array([s[0], s[1], t]))[0]], (0, 20), start, "DOP853", T, rtol=1e-12, atol=1e-13
    ).y
    a = force(np.array([x, v, T]))[0]
    return Trajectory("run", T, ("x",), x[:, None], velocity=v[:, None], acceleration=a[:, None])


def test_only_plainer_laws_are_wanted_below_a_cost():
    """Below the cost of a known law only cheaper sums are handed on, the true one among them."""
    x, _ = _played(lambda x, v, t: -4 * x * np.abs(x) - 0.2 * v)
    run = Trajectory("run", T[::4], ("x",), x[::4, None])
    evidence = gather_evidence([run])
    rivals, _ = rate_rivals(evidence, deadline=np.inf, most_cost=4.5)
    assert "2|c*v+c*x*Abs(x)" in {rival.key for rival in rivals}
    assert max(rival.cost for rival in rivals) < 4.5
