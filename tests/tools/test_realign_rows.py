"""SR² on rows: wrong numbers are refitted, missing terms are found, idle ones dropped, noise is left alone."""

import numpy as np
import pytest

from motionlaw.tools.equation import canonical_terms, evaluate, parse
from motionlaw.tools.realign_rows import is_noise, prune, realign_rows, refit

T = np.linspace(0, 30, 800)
ROWS = {"t": T, "x": np.sin(1.3 * T) * np.exp(-0.02 * T) + 0.2 * np.cos(3.1 * T), "v": 1.2 * np.cos(1.3 * T + 0.2)}
KINDS = {"t": "time", "x": "coordinate", "v": "velocity"}
TRUTH = parse("-2*x - 0.3*v - 0.5*x**3")
Y = evaluate(TRUTH, ROWS)


def noisy(share=0.05):
    return Y * (1 + share * np.random.default_rng(0).normal(size=len(Y)))


def test_printed_numbers_are_guesses_only():
    """The right terms with wrong numbers leave nothing to search."""
    found = realign_rows(parse("-4.8*x - 0.01*v + 3*x**3"), ROWS, Y, kinds=KINDS)
    assert found.rounds == 0
    assert canonical_terms(found.expression) == pytest.approx({"x": -2, "v": -0.3, "x**3": -0.5}, rel=1e-6)


def test_missing_terms_come_from_the_residual_and_wrong_ones_go():
    """A half-right ansatz with a term that is not there ends at the truth."""
    found = realign_rows(parse("-2.4*x + 0.3*cos(v)"), ROWS, noisy(), kinds=KINDS)
    assert found.rounds > 0
    assert canonical_terms(found.expression) == pytest.approx({"x": -2, "v": -0.3, "x**3": -0.5}, rel=0.05)


def test_noise_is_not_searched():
    """The true law of noisy rows leaves noise: no round is spent on it."""
    found = realign_rows(parse("-x - v - x**3"), ROWS, noisy(), kinds=KINDS)
    assert found.rounds == 0
    assert set(canonical_terms(found.expression)) == {"x", "v", "x**3"}


def test_noise_is_told_from_structure():
    """Uneven noise is noise; a small smooth term in it is not."""
    assert is_noise(noisy() - Y, ROWS, Y)
    assert not is_noise(noisy() - Y + 0.05 * np.sin(T), ROWS, Y)
    assert is_noise(1e-14 * np.sin(T), ROWS, Y)


def test_inner_constants_are_refitted():
    """A frequency starts from its printed value."""
    y = 2 * np.sin(1.7 * T)
    assert canonical_terms(refit(parse("sin(1.68*t)"), {"t": T}, y)) == pytest.approx({"sin(1.7*t + phase)": 2.0})


def test_idle_terms_are_pruned():
    """Terms that pay nothing are dropped, the others stay."""
    assert set(canonical_terms(prune(parse("x + v + x**3 + cos(x) + sin(t)"), ROWS, noisy()))) == {"x", "v", "x**3"}
