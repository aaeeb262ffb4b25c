"""What a solver sees: noise where it belongs, on training rows only, the same for every order of cases."""

import numpy as np
import pytest

from motionlaw.eval.tasks import Condition, MotionCase, Play, RowCase, Table, corrupted
from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Trajectory

T = np.linspace(0, 10, 4001)


def motion(*, is_relative=False):
    x = 3 + np.sin(T)
    run = Trajectory("m", T, ("x",), x[:, None], velocity=None)
    return MotionCase("m", 2, (run,), {"reconstruct": Play(T, np.column_stack([x, np.cos(T)]))}, {}, is_relative)


def rows():
    table = Table({"x": np.sin(T)}, 5 * np.cos(T))
    return RowCase("r", "a", table, {"id": table}, None, {"x": "coordinate"}, motion())


def test_noise_on_the_target_multiplies_training_rows():
    """y becomes y·(1 + 0.05·N(0, 1)); inputs and test rows stay."""
    clean, noisy = rows(), corrupted(rows(), Condition(0.05))
    share = noisy.train.y / clean.train.y - 1
    assert np.std(share) == pytest.approx(0.05, rel=0.05)
    assert np.array_equal(noisy.train.columns["x"], clean.train.columns["x"])
    assert np.array_equal(noisy.tests["id"].y, clean.tests["id"].y)


def test_noise_on_positions_withholds_the_derivatives():
    """A table of an oscillator becomes its positions alone, with noise that is a share of their spread."""
    noisy = corrupted(rows(), Condition(0.05, "position"))
    assert isinstance(noisy, MotionCase)
    run = noisy.runs[0]
    assert run.velocity is None and run.acceleration is None
    assert np.std(run.position[:, 0] - 3 - np.sin(T)) == pytest.approx(0.05 * np.std(np.sin(T)), rel=0.05)


def test_relative_noise_multiplies_each_position():
    """ODEBench's noise is x·(1 + 0.05·N(0, 1))."""
    noisy = corrupted(motion(is_relative=True), Condition(0.05, "position"))
    assert np.std(noisy.runs[0].position[:, 0] / (3 + np.sin(T)) - 1) == pytest.approx(0.05, rel=0.05)


def test_half_of_the_rows_are_kept_in_their_order():
    """A fraction drops rows at random; the times still rise."""
    run = corrupted(motion(), Condition(0.0, "position", 0.5)).runs[0]
    assert len(run.t) == round(0.5 * len(T)) and np.all(np.diff(run.t) > 0)
    assert np.ptp(np.diff(run.t)) > 0


def test_a_condition_gives_the_same_rows_again():
    """The draw depends on the case, the seed and nothing else."""
    draws = [corrupted(rows(), Condition(0.05, seed=seed)).train.y for seed in (3, 3, 4)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -0.1}, "noise must be a share from 0 to below 1, got -0.1"),
        ({"noise": 5.0}, "0.05 is 5 %"),
        ({"fraction": 0.0}, "fraction must be above 0"),
        ({"noise_on": "velocity"}, "noise must be on target or position, got 'velocity'"),
    ],
)
def test_wrong_conditions_are_refused(options, message):
    """Percentages given as shares are the likeliest slip."""
    with pytest.raises(UserError, match=message):
        Condition(**options)


def test_noise_needs_something_to_lie_on():
    """A plain table has no positions, a motion no target."""
    table = RowCase("r", "y", Table({"x": T}, T))
    with pytest.raises(UserError, match="needs a motion, got the table r"):
        corrupted(table, Condition(0.1, "position"))
    with pytest.raises(UserError, match="needs a table, got the motion m"):
        corrupted(motion(), Condition(0.1, "target"))
