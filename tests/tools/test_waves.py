"""Driving frequencies beside plain terms: found to many digits on clean rows, and not invented elsewhere."""

import numpy as np
import pytest

from motionlaw.eval.structure import compare
from motionlaw.tools.equation import parse
from motionlaw.tools.regression import NOISE_FREE, find_formula
from motionlaw.tools.waves import find_frequencies, is_smooth

T = np.linspace(0, 20, 600)
PLAIN = np.array([np.ones_like(T), np.exp(-0.1 * T) * np.cos(1.9 * T), np.exp(-0.1 * T) * np.sin(1.9 * T)])


@pytest.mark.parametrize("frequencies", [(0.7131,), (2.9871,), (0.9, 1.1), (0.6, 2.7)])
def test_frequencies_are_found_to_nine_digits(frequencies):
    """One or two, near each other or far apart, beside terms with coefficients of their own."""
    target = PLAIN.T @ np.array([0.3, -1.2, 0.4])
    for size, frequency in zip((1.0, 0.4), frequencies, strict=False):
        target = target + size * np.sin(frequency * T + 0.5)
    found = find_frequencies(PLAIN, target, T, enough=1e-16)
    assert len(found) == 1 and found[0] == pytest.approx(frequencies, rel=1e-9)


def test_every_pair_is_found_where_the_springs_own_wave_can_stand_in():
    """An undamped spring under two drives: three frequencies, of which any two and the position explain all."""
    x = 0.7 * np.cos(0.9 * T) + 0.4 * np.sin(1.54 * T) - 0.3 * np.cos(2.84 * T)
    target = -0.81 * x + 0.5 * np.sin(1.54 * T) + 1.8 * np.cos(2.84 * T)
    found = find_frequencies(np.array([np.ones_like(T), x]), target, T, enough=1e-16)
    assert {tuple(np.round(pair, 6).tolist()) for pair in found} >= {(1.54, 2.84), (0.9, 2.84)}


def test_none_is_found_where_there_is_none():
    """Neither in what the plain terms explain, nor in noise, nor in a law that no wave explains."""
    rng = np.random.default_rng(0)
    for target in (PLAIN[1], rng.normal(size=len(T)), np.exp(-((T - 7) ** 2))):
        assert find_frequencies(PLAIN, target, T, enough=1e-16) == []


def test_noise_is_no_smooth_target():
    """A half per cent is enough; the order of the rows does not matter."""
    rng = np.random.default_rng(0)
    clean, order = np.sin(3 * T), rng.permutation(len(T))
    assert is_smooth(T, clean) and is_smooth(T[order], clean[order])
    assert not is_smooth(T, clean + 0.005 * rng.normal(size=len(T)))


@pytest.mark.parametrize(
    "law",
    [
        "-1.37*x*cos(x) + 0.923*v - 0.277*v^3 - 0.923*x^2*v + 1.74*cos(2.94*t) + 1.4",
        "-1.85*x - 0.138*v^3 + 1.44*cos(2.12*t) + 0.348*sin(0.811*t) - 1.31",
        "-1.07*x - 0.311*v + 0.835*cos(0.584*t) - 0.802",
        "-0.4*x^3 - 1.2*x*cos(x) + 1.4*cos(2.3*t) + sin(2.55*t)",  # less than a turn apart: one peak in the scan
        "-0.14*v - 0.2*x^2*v + 0.7*cos(2*t) + 1.8*sin(0.55*t) + 0.2",  # the best single wave is neither of the two
    ],
)
def test_a_driven_law_is_found_exactly(law):
    """From rows of its own motion, whatever the frequency."""
    from scipy.integrate import solve_ivp

    from motionlaw.tools.equation import compile_rhs

    truth, t = parse(law), np.linspace(0, 12, 601)
    force = compile_rhs([truth], ["x", "v", "t"])
    played = solve_ivp(
        lambda t, s: (s[1], force(np.array([s[0], s[1], t]))[0]), (0, 12), (0.4, -0.7), "DOP853", t,
        rtol=1e-11, atol=1e-12,
    )  # fmt: skip
    columns = {"x": played.y[0], "v": played.y[1], "t": t}
    kinds = {"x": "coordinate", "v": "velocity", "t": "time"}
    a = force(np.array([*columns.values()]))[0]
    found = find_formula(columns, a, kinds=kinds, stderr=np.ones_like(a), time_limit=60)
    assert found.best.misfit < NOISE_FREE
    assert compare(found.expression, truth, columns).is_same
