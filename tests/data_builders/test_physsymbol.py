"""PhysSymbol rebuilt: declared families, reproducible draws, motions that obey their laws."""

import numpy as np
import pytest

from motionlaw.data_builders.physsymbol import FAMILIES, LEAST_SHARE, MOST_REACH, draw_oscillators
from motionlaw.tools.equation import evaluate


@pytest.fixture(scope="module")
def oscillators():
    return draw_oscillators(12, seed=3)


def test_there_are_eleven_families(oscillators):
    """As many as published, two to five in a law, none twice."""
    assert len({family.name for family in FAMILIES}) == 11
    for each in oscillators:
        assert 2 <= len(set(each.families)) == len(each.families) <= 5


def test_the_motion_obeys_the_law(oscillators):
    """The second difference of x is the acceleration, and the acceleration is the law."""
    for each in oscillators:
        step = each.t[1] - each.t[0]
        second = (each.x[2:] - 2 * each.x[1:-1] + each.x[:-2]) / step**2
        assert np.sqrt(np.mean((second - each.a[1:-1]) ** 2)) < 0.01 * np.std(each.a)
        law = evaluate(each.law, {"x": each.x, "v": each.v, "t": each.t})
        assert np.allclose(law, each.a)


def test_motions_stay_in_reach_and_terms_matter(oscillators):
    """Nothing runs away and no term is idle."""
    for each in oscillators:
        assert np.abs(each.x).max() <= MOST_REACH
        values = {"x": each.x, "v": each.v, "t": each.t}
        sizes = [np.sqrt(np.mean(evaluate(term, values) ** 2)) for term in each.law.as_ordered_terms()]
        assert min(sizes) >= 0.99 * LEAST_SHARE * max(sizes)


def test_the_seed_gives_the_same_draw_whatever_the_count(oscillators):
    """Case 2 is case 2."""
    again = draw_oscillators(3, seed=3)[2]
    assert again.law == oscillators[2].law and np.array_equal(again.x, oscillators[2].x)
    assert draw_oscillators(1, seed=4)[0].law != oscillators[0].law


def test_measurement_noise_leaves_the_motion_alone():
    """It is added to x only, as a share of its spread."""
    clean, noisy = (draw_oscillators(1, seed=0, measurement_noise=noise)[0] for noise in (0.0, 0.05))
    assert np.std(noisy.x - clean.x) == pytest.approx(0.05 * np.std(clean.x), rel=0.1)
    assert np.array_equal(noisy.v, clean.v)


def test_process_noise_pushes_the_motion_itself():
    """The path departs from the clean one and stays smooth."""
    clean, pushed = (draw_oscillators(1, seed=0, process_noise=noise)[0] for noise in (0.0, 0.5))
    assert np.abs(pushed.x - clean.x).max() > 1e-3
    assert np.abs(np.diff(pushed.x)).max() < 2 * np.abs(np.diff(clean.x)).max()
