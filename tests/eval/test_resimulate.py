"""Playing laws again: exact solutions, runaways, and laws that stall the integrator."""

import time

import numpy as np
import sympy

from motionlaw.eval.resimulate import resimulate
from motionlaw.tools.equation import parse

T = np.linspace(0, 10, 101)


def test_a_spring_is_a_cosine():
    """The integrator's error is far below every threshold of the scores."""
    path = resimulate([sympy.Symbol("v"), parse("-4*x")], ["x", "v"], T, np.array([1.0, 0.0]))
    assert np.abs(path[:, 0] - np.cos(2 * T)).max() < 1e-6


def test_time_may_drive_the_law():
    """A right-hand side in t alone is integrated as such."""
    path = resimulate([parse("cos(t)")], ["x"], T, np.zeros(1))
    assert np.abs(path[:, 0] - np.sin(T)).max() < 1e-6


def test_a_runaway_is_nan_from_there_on():
    """dx/dt = x² ends at t = 1: before it is right, after it does not exist."""
    path = resimulate([parse("x**2")], ["x"], T, np.ones(1))
    assert abs(path[9, 0] - 10) < 1e-3
    assert np.isnan(path[11:, 0]).all()


def test_a_law_that_is_undefined_at_once_is_nan():
    """The logarithm of a negative number has no trajectory."""
    path = resimulate([parse("log(x)")], ["x"], T, np.array([-1.0]))
    assert np.isnan(path[1:]).all()


def test_the_time_limit_holds():
    """A law that oscillates beyond all measure is given up; what was reached is kept."""
    started = time.monotonic()
    path = resimulate([parse("cos(1e7*t)*1e7")], ["x"], T, np.zeros(1), seconds=0.5)
    assert time.monotonic() - started < 30
    assert path[0, 0] == 0.0 and np.isnan(path[-1, 0])
