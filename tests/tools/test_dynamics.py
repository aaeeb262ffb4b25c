"""Simulation and trajectory fits, against exact solutions."""

import numpy as np
import pytest
import sympy

from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.integration import play
from motionlaw.tools.shooting import Observation, correlation_length, fit_trajectories

X, V, K, C = sympy.symbols("x v k c")
OSCILLATOR = Model(2, ("x",), (-K * X - C * V,), ("k", "c"), np.array([4.0, 0.1]))


def exact_oscillator(t, k=4.0, c=0.1):
    """x(0) = 1, v(0) = 0."""
    omega = np.sqrt(k - c**2 / 4)
    return np.exp(-c * t / 2) * (np.cos(omega * t) + c / (2 * omega) * np.sin(omega * t))


def observed(t, position, noise, guess_noise=0.0):
    states = np.column_stack([position, np.full_like(position, np.nan)])
    guess = np.column_stack([position, np.gradient(position, t)])
    return Observation(t, states, np.array([noise, 1.0]), guess + guess_noise)


def test_simulation_converges_with_fourth_order():
    """Halving the step divides the error by about sixteen."""
    t = np.linspace(0, 10, 11)
    errors = [
        np.abs(simulate(OSCILLATOR, t, np.array([1.0, 0.0]), longest_step=step)[:, 0] - exact_oscillator(t)).max()
        for step in (0.1, 0.05, 0.025)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.3)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4.0, abs=0.3)


def test_simulation_keeps_uneven_times():
    """States come back at the very times asked for."""
    t = np.array([0.0, 0.13, 0.9, 1.0, 4.0])
    path = simulate(OSCILLATOR, t, np.array([1.0, 0.0]), longest_step=0.01)
    np.testing.assert_allclose(path[:, 0], exact_oscillator(t), atol=1e-7)


def test_fit_recovers_constants_within_their_errors(rng):
    """Constants of a noisy oscillator come back within four standard errors, and the errors are small."""
    t = np.linspace(0, 12, 300)
    run = observed(t, exact_oscillator(t) + 0.02 * rng.normal(size=300), 0.02)
    fit = fit_trajectories(OSCILLATOR.with_values([3.5, 0.3]), [run], longest_step=0.05)
    assert fit.status == "ok"
    assert np.all(np.abs(fit.model.values - [4.0, 0.1]) < 4 * fit.stderr)
    assert np.all(fit.stderr < [0.02, 0.01])
    assert fit.reduced_chi2 == pytest.approx(1.0, abs=0.25)


def test_stated_errors_cover_the_truth(rng):
    """The 95 % interval of the stiffness holds the truth in 88 to 100 % of 60 repeats."""
    t = np.linspace(0, 6, 120)
    hits = 0
    for _ in range(60):
        run = observed(t, exact_oscillator(t) + 0.05 * rng.normal(size=120), 0.05)
        fit = fit_trajectories(OSCILLATOR, [run], longest_step=0.05)
        hits += abs(fit.model.values[0] - 4.0) < 1.96 * fit.stderr[0]
    assert 53 <= hits <= 60


def test_several_runs_share_the_constants(rng):
    """Two runs with different first states give one set of constants and two first states."""
    t = np.linspace(0, 6, 150)
    runs = [observed(t, scale * exact_oscillator(t) + 0.01 * rng.normal(size=150), 0.01) for scale in (1.0, -2.0)]
    fit = fit_trajectories(OSCILLATOR.with_values([4.4, 0.0]), runs, longest_step=0.05)
    assert fit.model.values == pytest.approx([4.0, 0.1], abs=0.01)
    assert fit.first_states[1][0] == pytest.approx(-2.0, abs=0.02)


def test_a_law_that_runs_away_is_a_status_not_an_exception():
    """A hopeless law ends as 'diverged' with infinite misfit."""
    t = np.linspace(0, 50, 200)
    wild = Model(2, ("x",), (K * X**5,), ("k",), np.array([50.0]))
    fit = fit_trajectories(wild, [observed(t, 3 * np.cos(t), 0.01)], longest_step=0.5, segment_rows=100)
    assert fit.status == "diverged"
    assert fit.chi2 == np.inf


def test_slow_residuals_count_for_fewer_rows(rng):
    """The correlation length of a first-order autoregression is (1 + a)/(1 - a)."""
    series = np.zeros(40_000)
    for k, kick in enumerate(rng.normal(size=39_999), start=1):
        series[k] = 0.8 * series[k - 1] + kick
    assert correlation_length([series]) == pytest.approx(9.0, rel=0.15)


def test_a_path_alone_is_the_same_as_among_others():
    """One path is played in numbers, several in arrays; a law that runs away does so in both."""
    t = np.linspace(0, 3, 50)
    blow_up = Model(2, ("x",), (K * X**3 + C / X,), ("k", "c"), np.array([9.0, 0.1]))
    for model in (OSCILLATOR, blow_up):
        first = np.array([1.0, 0.0])
        alone = simulate(model, t, first, longest_step=0.01)
        state, values = np.tile(first[:, None, None], 3), np.tile(model.values[:, None, None], 3)
        among = play(model, [t], state, values, longest_step=0.01)[:, :, 0, 1]
        np.testing.assert_allclose(alone, among, rtol=1e-9)
    assert not np.isfinite(alone[-1]).all()
