"""Tests of the figures: they draw what is there, lose no peak and no gap, and are written as files."""

from __future__ import annotations

from dataclasses import replace

import discoveries
import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlaw.tools import plot
from motionlaw.tools.errors import UserError
from motionlaw.tools.figure_style import thin
from motionlaw.tools.law import Prediction
from motionlaw.tools.trajectory import Trajectory


def test_drawing_leaves_global_settings_alone():
    """Whoever uses matplotlib themselves finds it as they left it."""
    before = dict(matplotlib.rcParams)
    run, played = discoveries.pendulum_run(200)
    plot.trajectory(run, played)
    assert dict(matplotlib.rcParams) == before


@given(st.integers(10, 4000), st.integers(4, 200), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_thinning_keeps_extremes_ends_and_gaps(rows: int, marks: int, seed: int):
    """A spike of one row in twenty thousand is still drawn, and a gap is still a gap."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(rows)
    values[rng.integers(rows)] = 50.0
    start = int(rng.integers(rows))
    values[start : start + rows // 4] = np.nan
    picked = thin(values, marks=marks)
    kept = values[picked]
    assert picked[0] == 0 and picked[-1] == rows - 1 and (np.diff(picked) > 0).all()
    assert len(picked) <= max(rows if rows <= marks else 0, 2 * marks + 4)
    if np.isfinite(values).any():
        assert np.nanmax(kept) == np.nanmax(values) and np.nanmin(kept) == np.nanmin(values)
    assert np.isnan(kept).any() == np.isnan(values).any()


def test_time_series_has_a_panel_for_each_coordinate_and_shades_the_tail():
    """Two coordinates give two panels, each with its unit, the law as one line and its band."""
    found = discoveries.double_pendulum(400)
    fig = plot.trajectory(found.trajectories[0], found.predictions[0])
    assert [ax.get_ylabel() for ax in fig.axes] == ["θ₁ (rad)", "θ₂ (rad)"]
    named = fig.axes[0].get_legend_handles_labels()[1]
    assert named == ["data", "95 % band", "law, simulated", "held out"]


def test_a_law_that_runs_away_does_not_flatten_the_data():
    """The axis follows the data, not a simulation that explodes."""
    run, played = discoveries.pendulum_run(300)
    wild = replace(played, position=played.position + np.exp(played.t)[:, None])
    low, high = plot.trajectory(run, wild).axes[0].get_ylim()
    assert -4 < low < -0.9 and 1.2 < high < 5


def test_a_gap_in_time_breaks_the_law_line():
    """No line is drawn through minutes in which nothing was recorded."""
    run, played = discoveries.pendulum_run(300)
    t = played.t + np.where(played.t > 10, 60.0, 0.0)
    fig = plot.trajectory(replace(run, t=t), replace(played, t=t))
    (line,) = [of for of in fig.axes[0].get_lines() if of.get_label() == "law, simulated"]
    assert np.isnan(line.get_ydata()).sum() == 1


@pytest.mark.parametrize(("order", "labels"), [(2, ["dθ₁/dt (rad/s)", "dθ₂/dt (rad/s)"]), (1, ["θ₂ (rad)"])])
def test_phase_portrait_follows_the_order_of_the_law(order: int, labels: list[str]):
    """At order 2 rates stand against coordinates; at order 1 the coordinates span the phase space."""
    found = discoveries.double_pendulum(300)
    fig = plot.phase_portrait(found.trajectories, found.predictions, order=order)
    assert [ax.get_ylabel() for ax in fig.axes] == labels


def test_an_angle_that_turns_over_is_wrapped_in_phase_space():
    """Ten turns are drawn on one cylinder, without a line across it."""
    t = np.linspace(0, 10, 500)
    angle = (2 * np.pi * t)[:, None]
    run = Trajectory("spin", t, ("theta",), angle, velocity=np.gradient(angle, t, axis=0), units=("rad",))
    line = plot.phase_portrait([run], [Prediction("spin", t, angle, angle, angle)]).axes[0].get_lines()[-1]
    x = line.get_xdata()
    assert np.nanmax(np.abs(x)) <= np.pi and 8 <= np.isnan(x).sum() <= 11


def test_residuals_scale_their_axis_in_powers_of_ten():
    """Micrometres are written as 10⁻⁶ m, not as an offset in a corner."""
    run, played = discoveries.pendulum_run(300)
    small = replace(run, position=played.position + 1e-4 * (run.position - played.position), units=("m",))
    assert plot.residuals(small, played).axes[0].get_ylabel() == "Δθ (10⁻⁶ m)"


def test_forest_marks_terms_that_may_be_zero():
    """A term whose interval reaches zero has another colour than one that does not."""
    ax = plot.terms(discoveries.double_pendulum(300).terms).axes[0]
    colours = [line.get_color() for line in ax.get_lines() if line.get_marker() == "o"]
    assert colours == [plot.LAW] * 3 + [plot.RESIDUAL] * 2


def test_tracks_break_where_the_object_was_not_seen():
    """A lost object leaves a hole in its path, with or without a frame below it."""
    _, tracking = discoveries.video(120, 160)
    for frame in (tracking.frame, None):
        ax = plot.tracks_over_frame(frame, tracking.tracks).axes[0]
        assert np.isnan(ax.get_lines()[0].get_ydata()).any()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_saving_twice_gives_the_same_bytes(tmp_path, ending: str):
    """A figure file is a function of its data: no date, no random ids."""
    run, played = discoveries.pendulum_run(200)
    for name in ("a", "b"):
        plot.save(plot.trajectory(run, played), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("name", ["plot.bmp", "nowhere/plot.png"])
def test_unwritable_plots_are_told_in_one_sentence(tmp_path, name: str):
    """A wrong ending or folder is the user's to mend."""
    run, _ = discoveries.pendulum_run(50)
    with pytest.raises(UserError, match=r"plot.*\.$"):
        plot.save(plot.trajectory(run), tmp_path / name)
