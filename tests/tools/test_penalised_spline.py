"""Quintic smoothing splines through many noisy rows."""

import numpy as np
import pytest

from motionlaw.tools.penalised_spline import PenalisedSpline

T = np.linspace(0, 30, 1500)


@pytest.mark.parametrize("t", [T, 30 * np.sort(np.random.default_rng(1).random(1500))], ids=["even", "uneven"])
def test_curve_and_derivatives_follow_a_noisy_motion(t):
    """One per cent noise, fifty rows a radian: the curve errs by less than half of the noise."""
    x = np.sin(t) + 0.3 * np.sin(3 * t)
    curve = PenalisedSpline(t, 5 + x + 0.01 * np.random.default_rng(0).normal(size=len(t)))
    inside = np.linspace(1, 29, 400)
    wanted = [
        5 + np.sin(inside) + 0.3 * np.sin(3 * inside),
        np.cos(inside) + 0.9 * np.cos(3 * inside),
        -np.sin(inside) - 2.7 * np.sin(3 * inside),
    ]
    for order, most in enumerate((0.004, 0.03, 0.3)):
        assert np.sqrt(np.mean((curve.at(inside, order) - wanted[order]) ** 2)) < most


def test_derivatives_belong_to_the_curve():
    """Each derivative is the slope of the one before."""
    curve = PenalisedSpline(T, np.exp(-T / 5) + 0.01 * np.random.default_rng(0).normal(size=len(T)))
    for order in (0, 1, 2):
        slope = (curve.at(T[5:-5] + 1e-4, order) - curve.at(T[5:-5] - 1e-4, order)) / 2e-4
        assert np.allclose(slope, curve.at(T[5:-5], order + 1), atol=1e-4 * np.max(np.abs(slope)))


def test_a_motion_that_is_a_parabola_is_left_as_it_is():
    """The penalty spares polynomials of the second degree: a noisy one is followed to half of its noise."""
    fall = 1 + 2 * T - 4.9 * T**2
    curve = PenalisedSpline(T, fall + np.random.default_rng(0).normal(size=len(T)))
    assert np.allclose(curve.at(T, 0), fall, rtol=0, atol=0.6)
    assert np.allclose(curve.at(T, 2), -9.8, rtol=0, atol=0.6)
