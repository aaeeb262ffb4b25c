"""Coordinates against scenes whose pivot, line and links are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from motionlaw.tools import motion
from motionlaw.tools.frames import choose_coordinates, find_points
from motionlaw.tools.trajectory import Trajectory

T = np.arange(0, 12, 1 / 60)


def swing(amplitude: float, *, length: float = 1.0, omega: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angle, and place and velocity about the pivot (y up), of a lightly damped pendulum."""
    state = solve_ivp(lambda _, s: [s[1], -omega**2 * np.sin(s[0]) - 0.02 * s[1]], (0, T[-1]), [amplitude, 0], t_eval=T,
                      rtol=1e-10, atol=1e-12).y
    place = length * np.stack([np.sin(state[0]), -np.cos(state[0])], axis=1)
    return state[0], place, length * state[1][:, None] * np.stack([np.cos(state[0]), np.sin(state[0])], axis=1)


def best(t: np.ndarray, names: tuple[str, ...], position: np.ndarray, **options: object):  # type: ignore[no-untyped-def]
    """The first choice for one run."""
    velocity = options.pop("velocity", None)
    return choose_coordinates([Trajectory("run", t, names, position, velocity=velocity)], **options)[0]  # type: ignore[arg-type]


@settings(deadline=None, max_examples=15)
@given(amplitude=st.floats(0.15, 2.4), shift=st.floats(-500, 500), size=st.floats(0.01, 500), tilt=st.floats(-0.2, 0.2),
       flip=st.booleans(), seed=st.integers(0, 99))
def test_angle_does_not_depend_on_the_view(amplitude, shift, size, tilt, flip, seed) -> None:
    """Pivot, size, a tilted camera and y down do not change the angle; the radius scales."""
    angle, place, _ = swing(amplitude)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    scene = shift + size * (place @ turn.T + 0.001 * np.random.default_rng(seed).standard_normal(place.shape))
    choice = best(T, ("x", "y"), scene * [1, -1] if flip else scene)
    assert choice.kind == "angle"
    found = choice.trajectories[0].position[:, 0]
    assert np.sqrt(np.mean((found - angle) ** 2)) < 0.01
    radius = next(quantity for quantity in choice.quantities if quantity.name == "radius")
    assert abs(radius.value - size) < 5 * radius.stderr + 0.003 * size
    assert choice.noise_std[0] == pytest.approx(0.001, rel=0.35)


def test_measured_velocities_turn_along() -> None:
    """A velocity in the table becomes the rate of the angle."""
    angle, place, velocity = swing(1.0)
    choice = best(T, ("x", "y"), place, velocity=velocity)
    spin = choice.trajectories[0].velocity[:, 0]
    assert np.allclose(spin[1:-1], np.gradient(angle, T)[1:-1], atol=5e-3)


def test_wheel_is_unwrapped(rng) -> None:
    """Uniform rotation becomes an angle that grows evenly over many turns."""
    phase = 5.0 * T + 1.0
    choice = best(T, ("x", "y"), np.stack([np.cos(phase), np.sin(phase)], 1) + 0.002 * rng.standard_normal((len(T), 2)))
    assert choice.kind == "angle"
    assert np.polyfit(T, choice.trajectories[0].position[:, 0], 1)[0] == pytest.approx(5.0, rel=1e-3)


def test_thrown_ball_keeps_both_coordinates(rng) -> None:
    """A parabola is no circle and no line."""
    t = np.linspace(0, 1.2, 60)
    flight = np.stack([3 * t, 6 * t - 4.905 * t**2], axis=1) + 0.003 * rng.standard_normal((60, 2))
    choices = choose_coordinates([Trajectory("throw", t, ("x", "y"), flight)])
    assert [choice.kind for choice in choices] == ["plane"]


@pytest.mark.parametrize("angle, name", [(0.02, "x"), (np.pi / 2 + 0.02, "y"), (0.5, "s")])
def test_line_is_named_after_its_direction(angle, name, rng) -> None:
    """Motion along a line becomes one coordinate: x to the right, y up, else s; its size stays."""
    way = 0.3 * np.cos(2 * T)
    scene = way[:, None] * [np.cos(angle), np.sin(angle)] + [2.0, 1.0] + 0.001 * rng.standard_normal((len(T), 2))
    choice = best(T, ("x", "y"), scene)
    assert choice.coordinates == (name,)
    found = choice.trajectories[0].position[:, 0]
    assert np.allclose(found - found.mean(), way - way.mean(), atol=0.006)


def double_pendulum() -> np.ndarray:
    """Angles of a released double pendulum of equal masses and lengths, shape (T, 2)."""
    def rates(_: float, s: np.ndarray) -> list[float]:
        a, b, p, q = s
        c, n = np.cos(a - b), np.sin(a - b)
        alpha = (-9.8 * 2 * np.sin(a) - n * (q**2 + p**2 * c) + 9.8 * np.sin(b) * c) / (2 - c**2)
        beta = (n * (2 * p**2 + q**2 * c) + 2 * 9.8 * (np.sin(a) * c - np.sin(b))) / (2 - c**2)
        return [p, q, alpha, beta]

    return solve_ivp(rates, (0, T[-1]), [2.0, 1.0, 0, 0], t_eval=T, rtol=1e-9).y[:2].T


@pytest.mark.parametrize("order", [("pivot", "elbow", "tip"), ("b", "c", "a")])
@pytest.mark.parametrize("gravity", ["down", "up", "right"])
def test_linkage_is_read_off_the_distances(order, gravity, rng) -> None:
    """The angles of a double pendulum come out whatever its points are called and however the picture is turned."""
    angles = double_pendulum()
    elbow = np.stack([np.sin(angles[:, 0]), -np.cos(angles[:, 0])], 1)
    tip = elbow + np.stack([np.sin(angles[:, 1]), -np.cos(angles[:, 1])], 1)
    places = [np.zeros_like(elbow), elbow, tip]
    if gravity == "up":
        places = [place * [1, -1] for place in places]
    if gravity == "right":
        places = [np.stack([-place[:, 1], place[:, 0]], 1) for place in places]
    places = [place + 0.001 * rng.standard_normal(place.shape) for place in places]
    columns = sorted(zip(order, places, strict=True), key=lambda pair: pair[0])
    names = tuple(f"{name}_{axis}" for name, _ in columns for axis in "xy")
    choice = best(T, names, np.concatenate([place for _, place in columns], axis=1))
    assert choice.kind == "angles" and choice.coordinates == ("theta1", "theta2")
    found = choice.trajectories[0].position
    turns = 2 * np.pi * np.round((found - angles)[0] / (2 * np.pi))
    assert np.sqrt(np.mean((found - turns - angles) ** 2)) < 0.02


def test_angles_in_degrees_become_radians() -> None:
    """A column in degrees is turned into radians, and cuts at full turns are mended."""
    turning = np.rad2deg((3.0 * T + np.pi) % (2 * np.pi) - np.pi)
    run = choose_coordinates([Trajectory("wheel", T, ("theta",), turning[:, None], units=("deg",))])[0].trajectories[0]
    assert run.units == ("rad",) and np.allclose(run.position[:, 0], 3.0 * T, atol=1e-9)


def test_still_points_are_left_out(rng) -> None:
    """A marker that stands still is dropped, and the count of runs stays."""
    place = np.stack([T, np.sin(3 * T) + T**2 / 10], axis=1)
    still = np.tile([4.0, 5.0], (len(T), 1)) + 0.001 * rng.standard_normal((len(T), 2))
    table = np.concatenate([place, still], axis=1)
    choices = choose_coordinates([Trajectory(str(k), T, ("x1", "y1", "x2", "y2"), table) for k in range(2)])
    assert choices[-1].coordinates == ("x1", "y1") and len(choices[-1].trajectories) == 2


def test_names_that_are_no_points() -> None:
    """Only pairs of an x and a y make a point."""
    assert find_points(("x", "v", "theta")) == ()
    assert [point.name for point in find_points(("px_x", "px_y"))] == ["px"]


def test_real_pendulum_in_pixels(shared_data) -> None:
    """The tracked pendulum has a radius of 521 px and a period of 0.553 s within 2 %."""
    table = pd.read_csv(shared_data / "blender_tracked_ball_and_pendulum" / "PENDULUM.csv").to_numpy()
    t = np.arange(len(table)) / 60
    choice = best(t, ("x", "y"), table)
    radius = next(quantity.value for quantity in choice.quantities if quantity.name == "radius")
    assert radius == pytest.approx(520.8, rel=0.01)
    omega = motion.dominant_frequency(t, choice.trajectories[0].position[:, 0]).value
    assert 2 * np.pi / omega == pytest.approx(0.553, rel=0.02)


@pytest.mark.parametrize("run", [0, 2])
def test_real_double_pendulum(shared_data, run) -> None:
    """The chain pivot, elbow, tip is found with its ratio of lengths 1.30; the lower arm hangs at the start."""
    table = pd.read_csv(shared_data / "ibm_double_pendulum" / f"run_{run}.csv")
    choice = best(np.arange(len(table)) / 400, tuple(table.columns), table.to_numpy(dtype=float))
    lengths = [quantity.value for quantity in choice.quantities if quantity.name.startswith("length")]
    assert lengths[0] / lengths[1] == pytest.approx(1.30, rel=0.01)
    assert abs(choice.trajectories[0].position[0, 1]) < 0.2 < abs(choice.trajectories[0].position[0, 0])


def test_real_wheel_and_ball_in_oil(shared_data) -> None:
    """The wheel's sticker is at 0.301 m; the ball in oil moves up and down."""
    for clip, kind, name in (("bicycle_wheel", "angle", "theta"), ("ball_in_oil", "line", "y")):
        rows = pd.read_csv(shared_data / "osp_tracker_clips" / clip / "tracks.csv")
        choice = best(rows.t_s.to_numpy(), ("x", "y"), rows[["x", "y"]].to_numpy())
        assert (choice.kind, choice.coordinates) == (kind, (name,))
        if kind == "angle":
            assert next(q.value for q in choice.quantities if q.name == "radius") == pytest.approx(0.301, abs=0.002)


def test_each_run_may_have_its_own_pivot(rng) -> None:
    """Two clips of one pendulum with the pivot elsewhere in the picture give the same kind of angle."""
    runs, angles = [], []
    for shift, amplitude in ((0.0, 0.7), (300.0, 0.9)):
        angle, place, _ = swing(amplitude)
        seen = shift + place + 0.001 * rng.standard_normal(place.shape)
        runs.append(Trajectory(f"clip {shift}", T, ("x", "y"), seen))
        angles.append(angle)
    choice = choose_coordinates(runs)[0]
    assert choice.kind == "angle" and len(choice.trajectories) == 2
    for run, angle in zip(choice.trajectories, angles, strict=True):
        assert np.sqrt(np.mean((run.position[:, 0] - angle) ** 2)) < 0.01


@pytest.mark.parametrize("rows", [0, 1, 3, 6])
def test_short_or_unseen_runs_keep_their_columns(rows) -> None:
    """Too few rows, or none that were seen, are no shape and no error."""
    t = np.arange(rows) / 10
    for position in (np.full((rows, 2), np.nan), np.ones((rows, 2)), np.stack([t, t**2], axis=1)):
        assert len(choose_coordinates([Trajectory("short", t, ("x", "y"), position)])[-1].trajectories) == 1
