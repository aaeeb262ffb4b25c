"""Laws that are ratios of sums, in rows and as rates of first order."""

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from motionlaw.tools.candidates import candidate_terms
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.equation import parse
from motionlaw.tools.pieces import Variable
from motionlaw.tools.ratios import find_ratios, over_piece, ratio_rows, with_ratio
from motionlaw.tools.regression import find_formula
from motionlaw.tools.trajectory import Trajectory

X, V = sympy.symbols("x v")


def _motion(law: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A clean run of a second-order law: columns t, x, v and the accelerations."""
    t = np.linspace(0, 20, 1000)
    f = sympy.lambdify([X, V], parse(law), "numpy")
    x, v = solve_ivp(lambda _, s: [s[1], f(*s)], (0, 20), [2.2, 0.3], t_eval=t, rtol=1e-10, atol=1e-12).y
    return {"t": t, "x": x, "v": v}, f(x, v)


@pytest.mark.parametrize(
    ("law", "kind"),
    [
        ("-3*x/(1 + 0.4*x^2 + 0.3*v^2)", "coordinate"),
        ("-(9.8*sin(x) + 0.4*v^2*sin(2*x))/(1 + 0.6*sin(x)^2)", "angle"),
        ("-(2*x + 0.5*x^3)/(1 + 0.6*v^2) - 0.2*v", "coordinate"),
        ("-2.371*x/(1 + 0.3995*x^2) - 0.07458*v", "coordinate"),
        ("-1.07*x - 0.1654*v + 2.055/(0.4308 + x^2)", "coordinate"),
        ("-(4.848*x + 0.2582*x*v^2 + 0.1618*v)/(1 + 0.2582*x^2)", "coordinate"),
    ],
)
def test_a_ratio_of_sums_comes_out_of_clean_rows(law, kind):
    """Masses that depend on place and speed, a pendulum on a cart, ratios and a saturation beside plain terms."""
    columns, a = _motion(law)
    found = find_formula(columns, a, kinds={"t": "time", "x": kind, "v": "velocity"}, time_limit=60)
    wide = np.random.default_rng(0).uniform(-4, 4, (2, 100))
    truth, got = (sympy.lambdify([X, V], e, "numpy")(*wide) for e in (parse(law), found.expression))
    np.testing.assert_allclose(got, truth, rtol=1e-6, atol=1e-8)


def test_noise_hardly_moves_the_constants_of_a_denominator():
    """With one per cent noise the constants are right to two per cent: the noise in y·q is allowed for."""
    rng = np.random.default_rng(1)
    s, i = rng.uniform(0.1, 4, (2, 400))
    y = 1.8 * s / (0.5 + s + 0.8 * i) * (1 + 0.01 * rng.normal(size=400))
    found = find_formula({"s": s, "i": i}, y, time_limit=60).expression
    top, bottom = sympy.fraction(sympy.together(found))
    shares = sympy.Poly(bottom, *sympy.symbols("s i")).as_dict()
    assert set(shares) == {(0, 0), (1, 0), (0, 1)}
    assert float(shares[0, 1] / shares[1, 0]) == pytest.approx(0.8, rel=0.02)
    assert float(shares[0, 0] / shares[1, 0]) == pytest.approx(0.5, rel=0.05)
    assert float(top.coeff(sympy.Symbol("s")) / shares[1, 0]) == pytest.approx(1.8, rel=0.01)


def test_terms_over_a_common_denominator_pay_for_it_once():
    """Two terms over one denominator cost the two terms and the denominator."""
    columns, a = _motion("-3*x/(1 + 0.4*x^2 + 0.3*v^2)")
    values = np.array([columns["x"], columns["v"]])
    terms = candidate_terms([Variable(X, "coordinate"), Variable(V, "velocity")], ["x", "v"], values)
    rows = ratio_rows(terms, [], set(), np.arange(len(a)), a, np.ones_like(a))
    ratio = find_ratios(rows, [a], [float(len(a))])[0]
    wider, own = with_ratio(terms, ratio, {"x": columns["x"], "v": columns["v"]})
    assert {str(terms.term(k).expression) for k in ratio.below} == {"x**2", "v**2"}
    denominator = wider.price(own) - terms.price(ratio.above)
    wider, both = over_piece(wider, len(wider.pieces) + len(wider.later) - 1, [1, 2])
    assert wider.price(both) == pytest.approx(terms.price([1, 2]) + denominator)


def test_kinetics_with_two_terms_below_are_a_rate_of_first_order():
    """A substrate that inhibits its own turnover is found from positions alone."""
    t = np.linspace(0, 12, 200)
    s = solve_ivp(lambda _, s: -2 * s / (0.4 + s + 0.7 * s**2), (0, 12), [4.0], t_eval=t, rtol=1e-10, atol=1e-12).y[0]
    run = Trajectory("run", t, ("s",), s[:, None])
    found = discover_law([run], settings=DiscoverySettings(order="1", time_limit=60), has_velocity_meaning=False)
    rate = sympy.lambdify(sympy.Symbol("s"), parse(found.law["s"]), "numpy")
    wide = np.linspace(0.05, 8, 50)
    np.testing.assert_allclose(rate(wide), -2 * wide / (0.4 + wide + 0.7 * wide**2), rtol=1e-2)


def test_noisy_kinetics_keep_their_denominator():
    """Two runs of a substrate that is always positive, with one per cent noise: the true denominator comes out.

    Times a rate, what is constant on the path (the sign of a concentration) is the rate itself.
    """
    rng, t = np.random.default_rng(3), np.linspace(0, 12, 150)
    runs = []
    for start in (3.5, 4.6):
        s = solve_ivp(lambda _, s: -2.2 * s / (0.5 + s + 0.6 * s**2), (0, 12), [start], t_eval=t, rtol=1e-10).y[0]
        runs.append(Trajectory("run", t, ("s",), (s + 0.01 * np.std(s) * rng.normal(size=len(t)))[:, None]))
    found = discover_law(runs, settings=DiscoverySettings(order="1", time_limit=600), has_velocity_meaning=False)
    top, bottom = sympy.fraction(sympy.together(parse(found.law["s"])))
    s = sympy.Symbol("s")
    assert {power for (power,), _ in sympy.Poly(top, s).terms()} == {1}
    assert {power for (power,), _ in sympy.Poly(bottom, s).terms()} == {0, 1, 2}
