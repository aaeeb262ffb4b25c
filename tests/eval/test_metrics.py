"""Means whose error bars know that runs of one case are no independent draws."""

import numpy as np
import pytest

from motionlaw.eval.metrics import clustered_mean


def test_single_draws_give_the_usual_standard_error(rng):
    """With a cluster for each value the error is that of the mean."""
    values = rng.normal(size=200).tolist()
    estimate = clustered_mean(values, range(200))
    assert estimate.mean == pytest.approx(np.mean(values))
    assert estimate.stderr == pytest.approx(np.std(values, ddof=1) / np.sqrt(200))


def test_copies_of_a_case_do_not_sharpen_the_error(rng):
    """Ten seeds that always agree are worth one: the error stays, however many there are."""
    values = rng.normal(size=30).tolist()
    once = clustered_mean(values, range(30))
    tenfold = clustered_mean(values * 10, list(range(30)) * 10)
    assert tenfold.stderr == pytest.approx(once.stderr)
    assert tenfold.n_clusters == 30


def test_the_error_covers_the_truth(rng):
    """Of 400 clustered samples about 95 % lie within two errors of the true mean."""
    hits = 0
    for _ in range(400):
        offsets = rng.normal(size=25)
        values = (np.repeat(offsets, 4) + 0.3 * rng.normal(size=100)).tolist()
        estimate = clustered_mean(values, np.repeat(range(25), 4).tolist())
        hits += abs(estimate.mean) < 2 * estimate.stderr
    assert 0.91 < hits / 400 < 0.98


def test_not_scored_is_left_out_and_counted():
    """None is no zero."""
    estimate = clustered_mean([True, None, None], ["a", "b", "c"])
    assert (estimate.mean, estimate.stderr, estimate.n, estimate.n_unscored) == (1.0, None, 1, 2)
    assert clustered_mean([None], ["a"]).mean is None
