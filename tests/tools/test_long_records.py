"""Long records become short ones without losing what their rows say."""

import numpy as np
import pytest

from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.long_records import ROW_LIMIT, within_limit
from motionlaw.tools.trajectory import Trajectory

T = np.linspace(0, 40, 200_001)


def _run(x: np.ndarray, t: np.ndarray = T, **more: np.ndarray) -> Trajectory:
    return Trajectory("run", t, ("x",), x[:, None], **more)


def test_a_record_within_the_limit_is_left_as_it_is():
    """The very same runs come back, with nothing to say."""
    runs = [_run(np.sin(T[:5000]), T[:5000])] * 4
    kept, said = within_limit(runs)
    assert said == "" and all(a is b for a, b in zip(kept, runs, strict=True))


@pytest.mark.parametrize("is_even", [True, False], ids=["even times", "uneven times"])
def test_means_keep_what_all_rows_say(rng, is_even):
    """Noise falls with the root of the rows in a mean; the bend of a swing of 25 means is not averaged away."""
    t = T if is_even else np.sort(rng.uniform(0, 40, len(T)))
    x = np.cos(2 * np.pi * 10 * t) + 0.05 * rng.normal(size=len(t))
    (run,), said = within_limit([_run(x, t)])
    miss = run.position[:, 0] - np.cos(2 * np.pi * 10 * run.t)
    step = len(t) // len(run.t)
    assert "their mean" in said and step > 1 and len(run.t) <= ROW_LIMIT
    assert np.std(miss) < 1.2 * 0.05 / np.sqrt(step)
    amplitude = np.polyfit(np.cos(2 * np.pi * 10 * run.t), run.position[:, 0], 1)[0]
    assert abs(amplitude - 1) < 5 * 0.05 / np.sqrt(len(t) / 2)


def test_means_take_rows_that_were_seen_and_never_cross_a_gap(rng):
    """Rows unseen count for nothing, a block of none is unseen, and no mean lies within a gap."""
    t = np.where(T > 20, T + 5, T)
    x = np.sin(t) + 0.05 * rng.normal(size=len(T))
    x[::3] = np.nan
    x[1000:1200] = np.nan
    (run,), said = within_limit([_run(x, t, velocity=np.where(np.isnan(x), 7.0, 0.0)[:, None])])
    step = len(T) // len(run.t)
    assert "their mean" in said and not np.any((run.t > 20.001) & (run.t < 24.999))
    assert abs(np.sum(np.isnan(run.position)) - 200 / step) <= 3
    assert np.nanstd(run.position[:, 0] - np.sin(run.t)) < 1.2 * 0.05 / np.sqrt(2 * step / 3)
    assert np.all(run.velocity[np.isfinite(run.position)] == 0)


def test_exact_rows_are_picked_not_averaged():
    """Where a row's noise is less than the bend, rows stand as they were written."""
    (run,), said = within_limit([_run(np.cos(T))])
    assert "mean" not in said and np.array_equal(run.position[:, 0], np.cos(run.t))


def test_coefficients_profit_from_all_rows(rng):
    """A spring's stiffness from 200,000 noisy rows is known much better than one in 80 of them would tell."""
    x = 1.5 * np.exp(-0.05 * T) * np.cos(2 * T) + 0.05 * rng.normal(size=len(T))
    found = discover_law([_run(x)], settings=DiscoverySettings(order="2"))
    assert set(found.law) == {"v"} and [term.term for term in found.terms] == ["x", "v"]
    stiffness = found.terms[0]
    assert abs(stiffness.coefficient + 4.0025) < 4 * stiffness.stderr and stiffness.stderr < 4e-4
    assert "200001 rows" in found.warnings[0]
