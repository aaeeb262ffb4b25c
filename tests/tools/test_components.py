"""Parts of a force: each is found as it was put in, whatever stands beside it."""

import numpy as np
import pytest

from motionlaw.tools.components import take_apart

T = np.linspace(0, 20, 501)
X = (np.cos(T) + 0.4 * np.cos(2.3 * T))[None]
V = (-np.sin(T) - 0.92 * np.sin(2.3 * T))[None]


def parted(of_x, of_v, of_t=0.0):
    return take_apart(T, X, V, of_x + of_v + of_t)


def test_what_position_and_velocity_do_is_told_apart():
    """A spring with a cosine in it, and drag with the square of the speed."""
    of_x, of_v = -X - 0.6 * X * np.cos(X) + 0.3, -0.2 * V * np.abs(V) + 0.5 * V * X**2
    found = parted(of_x, of_v)
    assert np.abs(found.of_x - of_x).max() < 1e-3 and np.abs(found.of_v - of_v).max() < 1e-3
    assert np.abs(found.drag + 0.2 * np.abs(V)).max() < 1e-3 and np.abs(found.swing - 0.5 * X**2).max() < 1e-3
    assert np.isnan(found.frequency).all()


@pytest.mark.parametrize(("first", "second"), [(0.7, 1.6), (2.9, 0.5)])
def test_two_waves_are_found_beside_the_rest(first, second):
    """Their frequencies to a thousandth, and which is a cosine."""
    waves = 1.2 * np.cos(first * T) + 0.5 * np.sin(second * T)
    found = parted(-X - 0.4 * X**3, -0.3 * V, waves)
    order = np.argsort(found.frequency[0])[:: 1 if first < second else -1]
    assert found.frequency[0, order] == pytest.approx([first, second], rel=1e-3)
    assert found.cosine[0, order] == pytest.approx([1, 0], abs=0.02)
    assert np.abs(found.left).max() < 0.01


def test_noise_is_left_over_and_bends_nothing_far(rng):
    """With a twentieth of noise the parts are off by less than that, and the noise is what is left."""
    of_x, of_v = -2 * X, -0.3 * V
    noise = 0.05 * np.std(of_x + of_v) * rng.normal(size=X.shape)
    found = parted(of_x, of_v, noise)
    assert np.std(found.of_x - of_x) < np.std(noise) / 2 and np.std(found.of_v - of_v) < np.std(noise) / 2
    assert np.corrcoef(found.left[0], noise[0])[0, 1] > 0.9


def test_motions_do_not_mix():
    """A motion is taken apart alike, alone and among others."""
    a = -X - 0.3 * V + 0.6 * np.cos(1.4 * T)
    many = take_apart(T, np.concatenate([X, 2 * X]), np.concatenate([V, 2 * V]), np.concatenate([a, -8 * X**3]))
    assert np.allclose(many.of_x[0], take_apart(T, X, V, a).of_x[0], atol=1e-9)


def test_a_thing_at_rest_is_no_trouble():
    """Nothing moves: every part is zero."""
    rest = np.zeros((1, 501))
    found = take_apart(T, rest, rest, rest)
    assert all(np.isfinite(each).all() and np.abs(each).max() < 1e-9 for each in (found.of_x, found.of_v, found.left))
