"""The values motion is handed around in: they survive the way to JSON and back, and refuse wrong shapes."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import tracks, trajectories

from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track, Trajectory


def assert_same(one, other):
    for key, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, key))
        else:
            assert value == getattr(other, key)


@given(trajectories())
@settings(deadline=None, max_examples=30)
def test_a_trajectory_survives_json(trajectory):
    """from_dict(to_dict(x)) == x, gaps and missing velocities included."""
    assert_same(trajectory, Trajectory.from_dict(json.loads(json.dumps(trajectory.to_dict(), allow_nan=False))))


@given(tracks())
@settings(deadline=None, max_examples=30)
def test_a_track_survives_json(track):
    """A track comes back with its unseen frames."""
    assert_same(track, Track.from_dict(json.loads(json.dumps(track.to_dict(), allow_nan=False))))


def test_shapes_that_do_not_fit_are_refused():
    """A velocity of another length than the positions is named with both shapes."""
    t = np.arange(5.0)
    with pytest.raises(UserError, match=r"velocity must have shape \(5, 1\), got \(4, 1\)"):
        Trajectory("run", t, ("x",), np.zeros((5, 1)), velocity=np.zeros((4, 1)))
