"""Kinematics against closed-form motion: values, honest errors, noise, frequency, classes."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlaw.tools import motion
from motionlaw.tools.errors import ToolError


def oscillator(t: np.ndarray) -> np.ndarray:
    """x, v, a of a damped oscillator, shape (3, T)."""
    omega, gamma = np.pi, 0.1
    x = np.exp(-gamma * t) * np.cos(omega * t)
    v = -gamma * x - omega * np.exp(-gamma * t) * np.sin(omega * t)
    return np.stack([x, v, -2 * gamma * v - (omega**2 + gamma**2) * x])


def chirp(t: np.ndarray) -> np.ndarray:
    """x, v, a of a chirp."""
    phase, rate = 2 * t + 0.25 * t**2, 2 + 0.5 * t
    return np.stack([np.cos(phase), -rate * np.sin(phase), -0.5 * np.sin(phase) - rate**2 * np.cos(phase)])


def fall(t: np.ndarray) -> np.ndarray:
    """x, v, a of a falling ball."""
    return np.stack([50 - 4.905 * t**2, -9.81 * t, np.full_like(t, -9.81)])


@pytest.mark.parametrize("law", [oscillator, chirp, fall])
@pytest.mark.parametrize("noise", [0.001, 0.01, 0.05])
def test_intervals_cover_the_truth(law, noise, rng) -> None:
    """95 % intervals of position, velocity and acceleration cover the truth 88 to 99 % of the time."""
    t = np.linspace(0, 10, 250)
    truth = law(t)
    inside = []
    for _ in range(30):
        seen = motion.smooth(t, truth[0] + noise * np.std(truth[0]) * rng.standard_normal(len(t)))
        estimate = np.stack([seen.position, seen.velocity, seen.acceleration])[:, :, 0]
        stderr = np.stack([seen.position_stderr, seen.velocity_stderr, seen.acceleration_stderr])[:, :, 0]
        inside.append(np.mean(np.abs(estimate - truth) < 1.96 * stderr, axis=1))
    # A fall is one window: its rows err together, so a run covers nearly all or nearly none.
    slack = 0.04 if law is fall else 0.0
    assert np.all(np.mean(inside, axis=0) > 0.88 - slack) and np.all(np.mean(inside, axis=0) < 0.99)


def test_clean_data_give_the_acceleration() -> None:
    """Noise-free data with 100 rows a period give the acceleration to 1e-4, uneven times too."""
    even = np.linspace(0, 10, 501)
    for t in (even, even + 0.3 * even[1] * np.sin(37 * even)):
        x, _, a = oscillator(t)
        error = motion.smooth(t, x).acceleration[:, 0] - a
        assert np.sqrt(np.mean(error**2) / np.mean(a**2)) < 1e-4


def test_errors_shrink_with_rows_as_statistics_says(rng) -> None:
    """Four times the rows halve the error of the velocity, within a third."""
    def stderr(rows: int) -> float:
        t = np.linspace(0, 10, rows)
        return float(np.median(motion.smooth(t, oscillator(t)[0] + 0.02 * rng.standard_normal(rows)).velocity_stderr))

    assert stderr(300) / stderr(1200) == pytest.approx(2.0, rel=0.33)


def test_ends_are_less_certain(rng) -> None:
    """The standard error at the ends is several times that in the middle."""
    t = np.linspace(0, 10, 400)
    stderr = motion.smooth(t, oscillator(t)[0] + 0.01 * rng.standard_normal(400)).acceleration_stderr[:, 0]
    assert min(stderr[0], stderr[-1]) > 3 * np.median(stderr)


def test_long_gaps_are_not_bridged() -> None:
    """What lies beyond a long gap changes nothing before it; unseen rows stay NaN."""
    t = np.arange(200) / 20.0
    x = np.sin(t)
    x[80:120] = np.nan
    moved = np.where(t > 5, x + 7.0, x)
    noise = np.array([1e-3])
    before, after = motion.smooth(t, x, noise_std=noise), motion.smooth(t, moved, noise_std=noise)
    assert np.allclose(before.acceleration[:80], after.acceleration[:80], atol=1e-8)
    assert np.all(np.isnan(before.velocity[80:120]))


@settings(deadline=None, max_examples=15)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3), pace=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_units_change_answers_as_physics_says(shift, scale, pace, seed) -> None:
    """Shifting, rescaling and a slower clock act on x, v, a and their errors by the right powers."""
    t = np.linspace(0, 5, 120)
    x = np.sin(3 * t) + 0.02 * np.random.default_rng(seed).standard_normal(120)
    one, other = motion.smooth(t, x), motion.smooth(pace * t - 3, shift + scale * x)
    assert np.allclose(other.velocity, one.velocity * scale / pace, rtol=1e-4, atol=1e-5 * scale / pace)
    assert np.allclose(other.acceleration_stderr, one.acceleration_stderr * scale / pace**2, rtol=1e-3)
    assert np.allclose(other.noise_std, one.noise_std * scale, rtol=1e-4)


@pytest.mark.parametrize("law", [oscillator, chirp, fall])
@pytest.mark.parametrize("uneven", [False, True])
def test_noise_is_measured(law, uneven, rng) -> None:
    """The noise of 200 rows is found within 15 % on average of runs, and each run within 35 %."""
    found = []
    for _ in range(15):
        t = np.sort(rng.uniform(0, 10, 200)) if uneven else np.linspace(0, 10, 200)
        x = law(t)[0]
        x[50:55] = np.nan
        sigma = 0.01 * np.nanstd(x)
        found.append(motion.noise_std(t, x + sigma * rng.standard_normal(200))[0] / sigma)
    assert np.mean(found) == pytest.approx(1, abs=0.15) and np.all(np.abs(np.array(found) - 1) < 0.35)


def test_noise_of_special_records(rng) -> None:
    """Rounded numbers have at least their rounding; a simulation has almost none, but not zero; 8 rows suffice."""
    t = np.linspace(0, 10, 300)
    assert motion.noise_std(t, np.round(100 * np.sin(t)))[0] == pytest.approx(1 / np.sqrt(12), rel=0.35)
    assert motion.noise_std(t, np.round(1.4 * np.sin(t)))[0] >= 0.99 / np.sqrt(12)
    assert 0 < motion.noise_std(t, np.sin(t))[0] < 1e-10
    short = np.linspace(0, 1, 8)
    ratios = [motion.noise_std(short, 5 * short**2 + 0.01 * rng.standard_normal(8))[0] / 0.01 for _ in range(40)]
    assert 0.4 < np.median(ratios) < 2.0


def test_a_bounce_is_not_noise(rng) -> None:
    """Corners in the motion do not raise the noise."""
    t = np.linspace(0, 10, 400)
    x = np.abs(np.sin(2 * t)) + 0.003 * rng.standard_normal(400)
    assert motion.noise_std(t, x)[0] == pytest.approx(0.003, rel=0.3)


def test_frequency_of_a_damped_sine(rng) -> None:
    """The frequency comes within three standard errors, from even and uneven times."""
    for uneven in (False, True):
        t = np.sort(rng.uniform(0, 12, 500)) if uneven else np.linspace(0, 12, 500)
        signal = 2 + np.exp(-0.08 * t) * np.sin(6.104 * t + 1) + 0.1 * rng.standard_normal(500)
        found = motion.dominant_frequency(t, signal)
        assert abs(found.value - 6.104) < 3 * found.stderr < 0.05 and found.power_share > 0.9


def test_frequency_of_phone_pendulums(shared_data) -> None:
    """The known frequencies of two real pendulums come out within 2 %."""
    for name, known in (("long_theta15", 6.10), ("short_theta45", 7.67)):
        table = pd.read_csv(shared_data / "phone_pendulum" / f"{name}.csv").to_numpy()[1000:1800]
        assert motion.dominant_frequency(table[:, 0], table[:, 1]).value == pytest.approx(known, rel=0.02)


def test_directions_turn_with_the_picture() -> None:
    """Reversing a clip turns its direction by 180 degrees, a mirror swaps east and west, a frozen one stands."""
    names = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
    for k, name in enumerate(names):
        way = np.linspace(0, 1, 6)[:, None] * [np.cos(k * np.pi / 4), -np.sin(k * np.pi / 4)]
        assert motion.direction_class(way, 1.0) == name
        assert motion.direction_class(way[::-1], 1.0) == names[(k + 4) % 8]
        assert motion.direction_class(way * [-1, 1], 1.0) == names[(4 - k) % 8]
    assert motion.direction_class(np.zeros((5, 2)), 1.0) == "STAT"
    assert motion.direction_class(np.zeros((1, 2)), 1.0) == "unknown"
    slant = np.array([[0, 0], [0.3, -0.2]])
    assert motion.direction_class(slant, 1.0) == "NE" and motion.direction_class(slant, 1.0, aspect=16 / 9) == "E"


def test_speed_and_scale_have_sharp_bounds() -> None:
    """Speeds are classed in box diagonals per second and areas by their logarithm."""
    for speed, name in ((0.019, "stationary"), (0.02, "slow"), (0.1, "moderate"), (0.31, "fast")):
        assert motion.speed_class(np.array([0.0, 1.0]), np.array([[0.0, 0.0], [speed, 0.0]]), 1.0) == name
    assert [motion.scale_class(np.array([1.0, g])) for g in (1.2, 0.8, 1.1)] == ["approaching", "receding", "stable"]


def test_msd_tells_diffusion_from_flight(rng) -> None:
    """The mean squared displacement grows with the lag for a random walk, with its square for a flight."""
    t = np.arange(4000) / 10.0
    walk = motion.msd(t, np.cumsum(rng.standard_normal((4000, 2)), axis=0), max_lag=50)
    flight = motion.msd(t, t[:, None] * [1.0, 2.0], max_lag=50)
    slopes = [np.polyfit(np.log(found.lag_s), np.log(found.value), 1)[0] for found in (walk, flight)]
    assert slopes == pytest.approx([1.0, 2.0], abs=0.15)


def test_bad_input_is_named() -> None:
    """Unsorted times and wrong shapes are refused in words."""
    with pytest.raises(ToolError, match="strictly increasing"):
        motion.smooth(np.array([0.0, 1.0, 1.0]), np.zeros(3))
    with pytest.raises(ToolError, match=r"shape \(T, D\)"):
        motion.smooth(np.arange(3.0), np.zeros((4, 1)))


def test_smoothing_is_fast(rng) -> None:
    """20,000 rows take about a second."""
    t = np.linspace(0, 200, 20_000)
    start = time.process_time()
    motion.smooth(t, np.sin(2 * t) + 0.01 * rng.standard_normal(len(t)))
    assert time.process_time() - start < 2.0
