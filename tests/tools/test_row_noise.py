"""Noise told from neighbouring rows."""

import numpy as np
import pytest

from motionlaw.tools.row_noise import noise_between_rows

T = np.arange(0, 20, 0.01)
X = np.sqrt(2) * np.cos(1.7 * T)


def test_noise_in_proportion_is_told_as_a_share_of_the_value():
    """Five per cent of each value come out as five per cent."""
    y = X * (1 + 0.05 * np.random.default_rng(1).normal(size=len(T)))
    seen = noise_between_rows(T, y, [T, X])
    assert seen is not None
    assert seen.share == pytest.approx(0.05, rel=0.1)
    assert seen.constant < 1e-3 * seen.share


def test_even_noise_is_told_as_a_constant():
    """Noise of one size comes out as such: its share matters little."""
    seen = noise_between_rows(T, X + 0.03 * np.random.default_rng(2).normal(size=len(T)), [T, X])
    assert seen is not None
    assert seen.constant == pytest.approx(0.03, rel=0.1)
    assert seen.share < 0.3 * seen.constant


@pytest.mark.parametrize("y", [X, X + np.sign(X), np.exp(-3 * T) * X], ids=["wave", "jumps", "fades"])
def test_a_smooth_target_has_none(y):
    """Neither jumps nor values that fade away are noise."""
    assert noise_between_rows(T, y, [T, X]) is None


def test_rows_that_are_no_motion_tell_nothing():
    """Where the inputs themselves are drawn row by row, a rough target is no noise."""
    x = np.random.default_rng(3).normal(size=len(T))
    assert noise_between_rows(T, x**2 - x, [T, x]) is None


def test_runs_that_follow_one_another_are_not_mixed():
    """Where the time falls back another run begins; the step between them is no noise."""
    t, x = np.tile(T[:500], 4), np.concatenate([k * X[:500] for k in (1, -2, 3, -1)])
    assert noise_between_rows(t, x, [t, x]) is None
    noisy = x * (1 + 0.02 * np.random.default_rng(4).normal(size=len(t)))
    seen = noise_between_rows(t, noisy, [t, x])
    assert seen is not None and seen.share == pytest.approx(0.02, rel=0.1)
