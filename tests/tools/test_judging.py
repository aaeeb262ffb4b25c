"""Fits from products of columns, and from the columns where products are not exact enough."""

import numpy as np
import pytest

from motionlaw.tools.judging import shares_left, solved, triangle


@pytest.mark.parametrize("noise", [1e-2, 1e-9, 0.0])
@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-7])
def test_a_fit_is_as_good_as_one_by_reflections(noise, apart):
    """Whatever is left of the target, and however alike two columns are, coefficients and misfit are right."""
    rng = np.random.default_rng(0)
    x, other, rest = rng.normal(size=(3, 400))
    columns = np.array([1e6 * x, x + apart * other])
    target = 2e-6 * columns[0] - 3 * columns[1] + noise * rest
    corner = triangle(columns, target)
    expected, left, *_ = np.linalg.lstsq((columns / [[1e6], [1.0]]).T, target, rcond=None)
    assert solved(corner)[0] * [1e6, 1.0] == pytest.approx(expected, rel=1e-7, abs=1e-7)
    assert corner[-1, -1] ** 2 == pytest.approx(float(left[0]), rel=1e-6, abs=1e-24)


def test_what_many_choices_leave_is_what_each_leaves(rng):
    """Shares left of the target by many choices are those of one by one; NaN where columns are alike."""
    columns, target = rng.normal(size=(3, 4, 50)), rng.normal(size=50)
    both = [np.vstack([each, target]) for each in columns]
    shares = shares_left(np.array([each @ each.T for each in both]))
    corners = [triangle(each[:-1], each[-1]) for each in both]
    np.testing.assert_allclose(shares, [c[-1, -1] ** 2 / (target @ target) for c in corners], rtol=1e-9)
    both[1][2] = both[1][0] * (1 + 1e-9)
    assert np.isnan(shares_left(np.array([each @ each.T for each in both]))).tolist() == [False, True, False]
