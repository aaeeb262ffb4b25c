"""Average precision, by hand and at its ends."""

import pytest

from motionlaw.eval.ranking import average_precision


def test_average_precision_by_hand():
    """Ranks 1, 3 and 4 hold what is true: (1/1 + 2/3 + 3/4) / 3."""
    assert average_precision([0.9, 0.8, 0.7, 0.6], [True, False, True, True]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_equal_scores_are_one_threshold():
    """A constant score gives the share of positives, whatever their order."""
    assert average_precision([1, 1, 1, 1], [True, False, False, False]) == pytest.approx(0.25)
    assert average_precision([1, 1, 1, 1], [False, False, False, True]) == pytest.approx(0.25)


def test_nothing_true_is_not_scored():
    """None, not 0."""
    assert average_precision([0.3, 0.2], [False, False]) is None
    assert average_precision([0.3, 0.2], [True, False]) == 1.0
