"""A motion smoothed as one that an additive force drives."""

import numpy as np
import pytest

from motionlaw.data_builders.physsymbol import draw_oscillators
from motionlaw.tools.additive_smoothing import POINTS, smooth_additively
from motionlaw.tools.smoothing import smooth_curves


def off(found: np.ndarray, drawn) -> float:
    """How far an acceleration is off, as a share of its spread."""
    return float(np.sqrt(np.mean((found - drawn.a) ** 2)) / np.std(drawn.a))


def measured(drawn, rows: int, noise: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Its position in some rows."""
    some = np.linspace(0, len(drawn.t) - 1, rows).astype(int)
    return drawn.t[some], drawn.x[some] + noise * np.std(drawn.x) * rng.normal(size=rows)


def level(columns: np.ndarray, drawn) -> np.ndarray:
    """The acceleration between what lies above and below it, at the times of the drawn motion."""
    a = columns[:, 3]
    return np.interp(drawn.t, columns[1:-1, 0], (a[:-2] + 2 * a[1:-1] + a[2:]) / 4)


def test_it_knows_more_of_noisy_oscillators_than_a_spline(rng):
    """Ten drawn oscillators, 100 rows with 5 % noise: less than half of a spline's error in the median."""
    pairs = []
    for drawn in draw_oscillators(10, seed=4711):
        t, x = measured(drawn, 100, 0.05, rng)
        spline = smooth_curves(t, x[:, None])[0].at(drawn.t, 2)
        pairs.append((off(level(smooth_additively(t, x), drawn), drawn), off(spline, drawn)))
    ours, theirs = np.median(pairs, axis=0)
    assert ours < 0.5 * theirs


def test_without_noise_it_is_nearly_exact(rng):
    """A hundred rows of a driven oscillator."""
    t = np.linspace(0, 20, 100)
    rows = smooth_additively(t, np.cos(1.9 * t) + 0.3 * np.sin(1.3 * t))
    true = -(1.9**2) * np.cos(1.9 * rows[:, 0]) - 0.3 * 1.3**2 * np.sin(1.3 * rows[:, 0])
    assert rows.shape == (POINTS, 4)
    assert np.abs(rows[:, 3] - true).max() < 0.02 * true.std()


def test_the_scatter_grows_with_the_noise(rng):
    """Accelerations lie above and below the curve in turn by what they are uncertain by."""
    t = np.linspace(0, 20, 120)
    widths = []
    for noise in (0.005, 0.05):
        a = smooth_additively(t, np.cos(2 * t) + noise * rng.normal(size=120))[:, 3]
        widths.append(float(np.abs(np.diff(a, 2)).mean()))
    assert widths[1] > 3 * widths[0]


@pytest.mark.parametrize("rows", [60, 3000])
def test_few_and_many_rows_and_another_unit_and_beginning(rows, rng):
    """Kilometres, begun late, uneven times: the same as metres."""
    t = np.sort(rng.uniform(0, 15, rows))
    x = np.cos(2 * t) + 0.01 * rng.normal(size=rows)
    plain, scaled = smooth_additively(t, x), smooth_additively(5e4 + t, 1e-3 * x)
    assert np.allclose(scaled[:, 0], 5e4 + plain[:, 0])
    assert np.abs(1e3 * scaled[:, 3] - plain[:, 3]).max() < 0.01 * np.std(plain[:, 3])


@pytest.mark.parametrize("kind", ["walk", "still", "bounces", "steps", "gap", "eight rows"])
def test_what_no_additive_force_drives_is_smoothed_all_the_same(kind, rng):
    """Finite numbers, near the rows."""
    t = np.linspace(0, 9, 8 if kind == "eight rows" else 400)
    x = {
        "walk": np.cumsum(rng.normal(size=len(t))), "still": np.ones_like(t), "bounces": np.abs(np.sin(3 * t)),
        "steps": np.sign(np.sin(2 * t)), "gap": np.cos(t), "eight rows": np.cos(t),
    }[kind]  # fmt: skip
    if kind == "gap":
        t = np.where(t > 4, t + 5, t)
    rows = smooth_additively(t, x)
    assert np.isfinite(rows).all()
    assert np.std(np.interp(t, rows[:, 0], rows[:, 1]) - x) < 0.4 * np.std(x) + 1e-9
