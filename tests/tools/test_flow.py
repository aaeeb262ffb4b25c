"""First-order laws from positions alone: smooth paths, linear responses, fits, and the search for the terms."""

import time

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from motionlaw.tools.candidates import Term
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.dynamics import Model
from motionlaw.tools.equation import canonical_terms, parse
from motionlaw.tools.flow import fit_flow, linearised, make_flow, trajectory_fit
from motionlaw.tools.flow_prior import price_of
from motionlaw.tools.flow_regression import Choice
from motionlaw.tools.flow_search import search_flow
from motionlaw.tools.flow_terms import Item
from motionlaw.tools.realign import named_constants
from motionlaw.tools.smoothing import smooth_curves
from motionlaw.tools.trajectory import Trajectory


def played(rates, first, *, seconds=10.0, rows=120, noise=0.0, seed=0):
    """Times and positions of x' = rates(x), with noise as a share of each position."""
    t = np.linspace(0, seconds, rows)
    path = solve_ivp(lambda _, x: rates(x), (0, seconds), first, t_eval=t, rtol=1e-9, atol=1e-11).y.T
    return t, path * (1 + noise * np.random.default_rng(seed).normal(size=path.shape))


def logistic(x):
    return 1.2 * x - 0.3 * x**2


def predators(x):
    return np.array([x[0] - 0.6 * x[0] * x[1], -0.8 * x[1] + 0.4 * x[0] * x[1]])


def test_a_smooth_curve_keeps_a_fast_start_that_calms_down():
    """Positions that fall within a few rows and then rest are followed to a thousandth between the rows."""
    t = np.linspace(0, 10, 120)
    curve = smooth_curves(t, np.exp(-3 * t)[:, None])[0]
    between = (t[:-1] + t[1:]) / 2
    np.testing.assert_allclose(curve.at(between, 0), np.exp(-3 * between), atol=1e-3)


def test_noise_that_grows_with_the_position_is_seen():
    """Noise of 5 % of the position is stated as such: larger where the position is larger."""
    t, x = played(logistic, [0.1], noise=0.05)
    sigma = smooth_curves(t, x)[0].noise_std
    assert sigma[-1] == pytest.approx(0.05 * 4.0, rel=0.35)
    assert sigma[0] < 0.3 * sigma[-1]


def test_a_positive_quantity_that_spikes_is_followed_in_its_logarithm():
    """Spikes over four decades with 5 % noise come out within a tenth, and the noise as a share of the value."""
    t = np.linspace(0, 6, 90)
    truth = np.exp(4.5 * np.sin(2 * t))
    noisy = truth * (1 + 0.05 * np.random.default_rng(1).normal(size=len(t)))
    curve = smooth_curves(t, noisy[:, None])[0]
    np.testing.assert_allclose(curve.at(t, 0)[3:-3], truth[3:-3], rtol=0.1)
    np.testing.assert_allclose(np.median(curve.noise_std / truth), 0.05, rtol=0.3)


def test_a_flow_between_two_quantities_is_paid_for_once():
    """The same product in two equations costs little more than in one; a square without its plain term costs extra."""
    x, y = sympy.symbols("x y")
    exchange = Item((Term(x, 1.0), Term(y, 1.0)), 2.2)
    once = Choice((exchange,), np.ones(1), {}, 0.0)
    assert price_of([once]) == pytest.approx(2.2)
    assert 2.2 < price_of([once, once]) < 3.5
    square, plain = Item((Term(x**2, 2.0),), 2.4), Item((Term(x, 1.0),), 1.3)
    assert price_of([Choice((square,), np.ones(1), {}, 0.0)]) > 2.4
    assert price_of([Choice((square, plain), np.ones(2), {}, 0.0)]) == pytest.approx(3.7)


def test_responses_are_what_a_force_adds_to_the_motion():
    """A constant force on x' = -x adds 1 - exp(-t), and a first state exp(-t)."""
    t = np.linspace(0, 3, 40)
    flow = make_flow(("x",), [t], [np.exp(-t)[:, None]], [np.ones((40, 1))])
    decay = Model(1, ("x",), (-sympy.Symbol("x"),), (), np.zeros(0))
    about = linearised(flow, decay)
    ones = np.ones((flow.nodes().shape[1], 1))
    np.testing.assert_allclose(about.responses(ones, 0)[:, 0], 1 - np.exp(-t), atol=1e-6)
    np.testing.assert_allclose(about.first_states()[:, 0], np.exp(-t) * flow.spread[0], atol=1e-6)


def test_responses_start_anew_where_paths_do():
    """Row by row, a deviation is carried by the law and pushed by the force, and is none where a path starts anew."""
    t, x = played(lambda x: np.array([3 * x[0] + x[1], -x[0]]), [0.1, 0.0], seconds=3.0, rows=40)
    names = ("x", "y")
    law = [parse(text, variables=names) for text in ("3*x + y", "-x")]
    model = named_constants(law, coordinates=names, order=1)
    about = linearised(make_flow(names, [t], [x], [np.ones((40, 2))]), model)
    (cells,), (moved,) = about.flow.cells, about.moved
    assert 1 < len(cells.starts) < len(cells.h)
    force = np.random.default_rng(0).normal(size=(*cells.t.shape, 1))
    deviation, rows = np.zeros(2), [np.zeros(2)]
    for cell in range(len(cells.h)):
        deviation = np.zeros(2) if cell in cells.starts else deviation
        deviation = moved.ahead[cell, -1] @ deviation + moved.pushed[cell, -1, :, :, 1] @ force[cell, :, 0]
        rows.append(deviation)
    expected = np.array([np.zeros(2) if border in cells.starts else rows[border] for border in cells.border])
    np.testing.assert_allclose(about.responses(force.reshape(-1, 1), 1)[:, 0], expected.ravel(), rtol=1e-9, atol=1e-12)
    assert about.responses(np.zeros((force.size, 0)), np.zeros(0, dtype=int)).shape == (80, 0)


def test_a_fit_that_starts_anew_in_every_row_is_none():
    """A law so steep that every row has a first state of its own fits anything, and is not taken for a fit."""
    t, x = played(logistic, [0.1], rows=40)
    steep = Model(1, ("x",), (sympy.Symbol("c_1") * sympy.Symbol("x"),), ("c_1",), np.array([40.0]))
    assert np.isinf(fit_flow(make_flow(("x",), [t], [x]), steep).chi2)


def test_four_coupled_states_in_noise_are_told_without_dear_terms():
    """Each of four states decays into the next: nine constants leave the noise alone, so nothing longer is believed."""
    rates = np.array([0.5, 0.9, 1.3, 1.7])
    matrix = np.diag(-rates) + np.diag(rates[:-1], -1)
    t, x = played(lambda x: matrix @ x, [3.5, 0.5, 0.5, 0.5], seconds=6.0, rows=200, noise=0.01, seed=3)
    names = ("p", "q", "r", "s")
    terms = found_terms(names, t, x)
    wanted = [{"p": -0.5}, {"p": 0.5, "q": -0.9}, {"q": 0.9, "r": -1.3}, {"r": 1.3, "s": -1.7}]
    assert all(found == pytest.approx(each, rel=0.05) for found, each in zip(terms, wanted, strict=True))


def test_a_fit_finds_constants_with_honest_errors():
    """Constants of a noisy logistic curve come out within four of their standard errors, from a poor guess."""
    t, x = played(logistic, [0.1], noise=0.03)
    symbols = sympy.symbols("x c_1 c_2")
    law = symbols[1] * symbols[0] + symbols[2] * symbols[0] ** 2
    model = Model(1, ("x",), (law,), ("c_1", "c_2"), np.array([0.5, -0.05]))
    fit = trajectory_fit(fit_flow(make_flow(("x",), [t], [x]), model))
    assert fit.status == "ok"
    assert np.all(np.abs(fit.model.values - [1.2, -0.3]) < 4 * fit.stderr)
    assert np.all(fit.stderr < [0.1, 0.03])


def test_a_chaotic_run_starts_anew_where_errors_have_grown():
    """Lorenz's convection is fitted to its noise although no first state determines it for ten seconds."""
    t, x = played(
        lambda x: np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]),
        [1.0, 2.0, 20.0], rows=300,
    )  # fmt: skip
    names = ("x", "y", "z")
    model = named_constants(
        [parse(text, variables=names) for text in ("-9*x + 11*y", "-1.02*x*z + 27*x - y", "x*y - 2.5*z")],
        coordinates=names, order=1,
    )  # fmt: skip
    fit = fit_flow(make_flow(names, [t], [x]), model)
    assert fit.first_states > 3
    assert fit.chi2 < 9 * x.size


def found_terms(names, t, x):
    law = search_flow(make_flow(names, [t], [x]), deadline=time.monotonic() + 60)[0]
    return [canonical_terms(expression) for expression in law.fit.model.expressions().values()]


def test_search_finds_a_logistic_law():
    """Clean growth to saturation gives x and x**2 with their coefficients."""
    (terms,) = found_terms(("x",), *played(logistic, [0.1]))
    assert terms == pytest.approx({"x": 1.2, "x**2": -0.3}, rel=1e-3)


def test_search_finds_coupled_equations_in_noise():
    """Predators and prey with 2 % noise give both equations, coefficients within a tenth."""
    terms = found_terms(("x", "y"), *played(predators, [2.0, 1.0], noise=0.02))
    assert terms[0] == pytest.approx({"x": 1.0, "x*y": -0.6}, rel=0.1)
    assert terms[1] == pytest.approx({"y": -0.8, "x*y": 0.4}, rel=0.1)


def test_search_finds_a_saturation_and_its_constant():
    """Uptake x/(k + x) beside a supply is told from polynomials, and k is found."""
    t, x = played(lambda x: 0.5 - 1.4 * x / (0.7 + x), [6.0])
    law = search_flow(make_flow(("x",), [t], [x]), deadline=time.monotonic() + 60)[0]
    q = sympy.Symbol("x")
    numerator, denominator = sympy.fraction(sympy.together(law.fit.model.expressions()["x"]))
    ratio = sympy.lambdify(q, numerator / denominator)
    at = np.linspace(0.5, 20, 50)  # far beyond the data
    np.testing.assert_allclose(ratio(at), 0.5 - 1.4 * at / (0.7 + at), rtol=0.02, atol=0.01)


def test_first_order_discovery_uses_rest_as_evidence():
    """A motion that comes to rest is not cut there: the place of rest is part of the law."""
    t, x = played(logistic, [3.0], noise=0.02, rows=75)
    found = discover_law(
        [Trajectory("growth", t, ("x",), x)], settings=DiscoverySettings(order="1"), has_velocity_meaning=False
    )
    assert found.status == "ok"
    law = parse(found.law["x"], variables=["x"])
    assert float(law.subs(sympy.Symbol("x"), 4.0)) == pytest.approx(0.0, abs=0.1)
    assert found.order == 1


def test_several_runs_share_one_first_order_law():
    """Two runs, each too short alone, give one law."""
    runs = []
    for first in ([2.0, 1.0], [0.5, 3.0]):
        t, x = played(predators, first, seconds=4, rows=40)
        runs.append(Trajectory(f"from {first}", t, ("x", "y"), x))
    found = discover_law(runs, settings=DiscoverySettings(order="1"), has_velocity_meaning=False)
    assert set(canonical_terms(parse(found.law["y"], variables=["x", "y"]))) == {"y", "x*y"}


def test_first_order_search_keeps_its_time():
    """A tiny limit brings a law, marked as cut short, within a second or two."""
    t, x = played(predators, [2.0, 1.0], noise=0.05)
    started = time.process_time()
    found = discover_law(
        [Trajectory("run", t, ("x", "y"), x)], settings=DiscoverySettings(order="1", time_limit=0.05),
        has_velocity_meaning=False,
    )  # fmt: skip
    assert time.process_time() - started < 3
    assert any("time limit" in warning for warning in found.warnings)
