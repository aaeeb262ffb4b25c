"""Events against motions whose contacts, releases and stops are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from motionlaw.tools import events
from motionlaw.tools.observe import NOISE_FLOOR_OF_VIDEO, gather_evidence
from motionlaw.tools.trajectory import Trajectory

FPS = 60.0


def bouncing_ball(restitution: float) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Times, heights and moments of contact of a ball dropped from 1.2 m, until flights get shorter than 12 frames."""
    t = np.arange(300) / FPS
    y = 1.2 - 4.905 * t**2
    contact, speed, moments = np.sqrt(2.4 / 9.81), np.sqrt(2 * 9.81 * 1.2), []
    while True:
        speed *= restitution
        if 2 * speed / 9.81 < 12 / FPS or contact > t[-1]:
            break
        moments.append(float(contact))
        late = t >= contact
        y[late] = speed * (t[late] - contact) - 4.905 * (t[late] - contact) ** 2
        contact += 2 * speed / 9.81
    rows = t < contact
    last = t[rows][-1] - 6 / FPS
    return t[rows], y[rows], [moment for moment in moments if moment < last]


@pytest.mark.parametrize("restitution", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("noise", [0.0, 0.0003, 0.003])
def test_bounces_are_found_within_two_frames(restitution, noise, rng) -> None:
    """Every bounce of a ball is found within two frames, and nothing else."""
    t, y, moments = bouncing_ball(restitution)
    found = [event.t for event in events.find_events(t, (y + noise * rng.standard_normal(len(t)))[:, None])]
    assert len(found) == len(moments)
    assert np.max(np.abs(np.array(found) - moments)) < 2 / FPS


def smooth_motions(rng: np.random.Generator) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """A pendulum, a fall with drag, a relaxation oscillation (turns of ten frames and more), a sum of sines."""
    t = np.arange(int(rng.integers(80, 400))) / 30.0
    omega, amplitude = rng.uniform(1, 9), rng.uniform(0.2, 2.8)
    swing = solve_ivp(lambda _, s: [s[1], -omega**2 * np.sin(s[0]) - 0.1 * s[1]], (0, t[-1]), [amplitude, 0],
                      t_eval=t, rtol=1e-9).y[0]
    terminal = rng.uniform(1, 10)
    drag = -terminal**2 / 9.81 * np.log(np.cosh(9.81 * t[:60] / terminal))
    mu = rng.uniform(0.5, 5)
    slow = t * 30.0 * 0.13 / mu
    relaxation = solve_ivp(lambda _, s: [s[1], mu * (1 - s[0] ** 2) * s[1] - s[0]], (0, slow[-1] + 30), [0.5, 0],
                           t_eval=slow + 30, rtol=1e-9).y[0]
    sines = np.sum([rng.normal() * np.cos(2 * np.pi * f * t + rng.uniform(0, 6)) for f in rng.uniform(0.05, 1.5, 4)], 0)
    return [("pendulum", t, np.stack([np.sin(swing), -np.cos(swing)], 1)), ("drag", t[:60], drag[:, None]),
            ("relaxation", slow, relaxation[:, None]), ("sines", t, sines[:, None])]


def test_smooth_motion_raises_no_alarm(rng) -> None:
    """Of 160 smooth runs with 0 to 5 % noise, at most one shows a contact or a jump."""
    alarms = []
    for _ in range(40):
        noise = rng.choice([0.0, 0.001, 0.01, 0.05])
        for name, t, x in smooth_motions(rng):
            seen = x + noise * x.std(axis=0) * rng.standard_normal(x.shape)
            found = events.find_events(t, seen)
            alarms += [(name, noise, event) for event in found if event.kind in ("contact", "jump")]
    assert len({(name, noise) for name, noise, _ in alarms}) <= 1, alarms


@settings(deadline=None, max_examples=12)
@given(angle=st.floats(0, 6.28), scale=st.floats(1e-3, 1e3), pace=st.floats(0.1, 10))
def test_contacts_do_not_depend_on_the_view(angle, scale, pace) -> None:
    """Turning and rescaling the scene, or another clock, moves no contact."""
    t, y, moments = bouncing_ball(0.7)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scene = np.stack([1.3 * t, y], axis=1) + 0.001 * np.random.default_rng(0).standard_normal((len(t), 2))
    found = [event.t / pace for event in events.find_events(pace * t, scale * scene @ turn.T)]
    assert found == pytest.approx(moments, abs=1 / FPS)


@pytest.mark.parametrize("tremble, kind", [(0.0, "rest"), (0.01, "held")])
def test_release_is_found(tremble, kind, rng) -> None:
    """A mass that rests, or trembles in a hand, and is let go after a second gives that stretch its own regime."""
    t = np.arange(300) / FPS
    x = np.where(t < 1, 1 + tremble * (1 - t) * np.sin(17 * t), np.cos(5 * np.maximum(t - 1, 0)))
    x = x + 0.0005 * rng.standard_normal(300)
    stretches = events.find_regimes(t, x[:, None])
    assert [stretch.kind for stretch in stretches][-1] == "motion" and stretches[0].kind in ("rest", "held")
    assert kind == "rest" or stretches[0].kind == "held"
    assert stretches[0].stop == pytest.approx(60, abs=6)


def test_dry_friction_stops(rng) -> None:
    """An oscillator with dry friction comes to rest once, and its turning points are no contacts."""
    omega, friction = 5.0, 0.12
    t = np.arange(300) / FPS
    half = np.floor(t * omega / np.pi)
    moving = 1 - 2 * friction * half > friction
    x = (1 - friction - 2 * friction * half) * np.cos(omega * t) + friction * (-1) ** half
    x = np.where(moving, x, x[moving][-1]) + 0.003 * rng.standard_normal(300)
    found = events.find_events(t, x[:, None])
    assert [event.kind for event in found] == ["rest"]
    assert found[0].t == pytest.approx(t[moving][-1], abs=0.25)


def test_jumps_and_gaps_cut_the_motion(rng) -> None:
    """An identity switch is a jump between its two frames; a long unseen stretch is a loss."""
    t = np.arange(200) / 30.0
    place = np.stack([30 * t, 50 - 4 * t**2], axis=1) + 0.2 * rng.standard_normal((200, 2))
    place[100:] += [25, 5]
    place[140:170] = np.nan
    found = events.find_events(t, place)
    assert [event.kind for event in found] == ["jump", "lost"]
    assert t[99] <= found[0].t <= t[100] and found[1].t == pytest.approx(t[139])
    first = events.find_regimes(t, place)[0]
    assert (first.start, first.stop) == (0, 100)


def test_nothing_moves() -> None:
    """A constant is rest from end to end."""
    t = np.arange(50) / 30.0
    assert [stretch.kind for stretch in events.find_regimes(t, np.ones((50, 2)))] == ["rest"]


def test_two_bodies_touch_where_they_are_nearest() -> None:
    """Two carts of equal mass exchange velocities; a wall that one of them hits is no contact of the pair."""
    t = np.arange(120) / FPS
    meet, wall = 1.0083, 1.6
    a = np.where(t < meet, t, meet - 0.2 * (t - meet))
    b = np.where(t < meet, meet + 0.1 - 0.2 * (t - meet), meet + 0.1 + (t - meet))
    b = np.where(t < wall, b, meet + 0.1 + (wall - meet) - 0.9 * (t - wall))
    pair = [Trajectory(name, t, ("x",), x[:, None]) for name, x in (("a", a), ("b", b))]
    assert [event.t for event in events.find_contacts(*pair)] == pytest.approx([meet], abs=2 / FPS)


PUCKS = [("pucks_collide", 0.405, 0.0334), ("collision_pucks_bounce", 0.355, 0.066)]


@pytest.mark.parametrize("clip, moment, frame_s", PUCKS)
def test_real_pucks_collide(shared_data, clip, moment, frame_s) -> None:
    """Sparse human tracks of two air pucks show their collision, in the pair and in each puck alone."""
    table = pd.read_csv(shared_data / "osp_tracker_clips" / clip / "tracks.csv")
    pucks = [Trajectory(str(name), rows.t_s.to_numpy(), ("x", "y"), rows[["x", "y"]].to_numpy())
             for name, rows in table.groupby("track")]
    assert [event.t for event in events.find_contacts(*pucks)] == pytest.approx([moment], abs=2 * frame_s)
    for puck in pucks:
        assert [event.kind for event in events.find_events(puck.t, puck.position)] == ["contact"]


def test_real_smooth_runs_stay_whole(shared_data) -> None:
    """Real motions without contacts are one stretch of motion: ball in oil, wheel, dropped ball, cart, pendulum."""
    for clip in ("ball_in_oil", "bicycle_wheel"):
        rows = pd.read_csv(shared_data / "osp_tracker_clips" / clip / "tracks.csv")
        assert not events.find_events(rows.t_s.to_numpy(), rows[["x", "y"]].to_numpy())
    drop = pd.read_csv(shared_data / "student_ball_drop" / "black_ball.txt", sep="\t")
    assert not events.find_events(drop.t.to_numpy(), drop[["x", "y"]].to_numpy())
    cart = np.loadtxt(shared_data / "schmidt_lipson_2009" / "real_linear_h_1.txt", comments="%")
    assert not events.find_events(cart[:, 1], cart[:, 2:3])
    swing = pd.read_csv(shared_data / "blender_tracked_ball_and_pendulum" / "PENDULUM.csv").to_numpy()
    assert not events.find_events(np.arange(len(swing)) / 60, swing)


def test_steady_part_of_a_handled_record(shared_data) -> None:
    """The steady oscillation of a phone pendulum is found and gives the known frequency within 2 %."""
    table = pd.read_csv(shared_data / "phone_pendulum" / "long_theta15.csv").to_numpy()
    rows = events.steady_oscillation(table[:, 0], table[:, 1])
    assert rows is not None and rows.start <= 1000 and rows.stop >= 1400


def test_a_film_that_creeps_while_its_coding_settles_is_at_rest() -> None:
    """A drift of a few noises, far below what tracking can be trusted to, is no motion before the release."""
    t = np.arange(240) / 30
    fall = np.where(t > 3, -0.5 * 120 * (t - 3) ** 2, 0.0)
    creep = 0.15 * np.exp(-t / 0.3)
    x = fall + creep + 0.03 * np.random.default_rng(0).normal(size=240)
    run = Trajectory("cart", t, ("x",), x[:, None], units=("px",))
    evidence = gather_evidence([run], noise_floor=NOISE_FLOOR_OF_VIDEO)
    assert [regime.kind for regime in evidence.regimes] == ["rest", "motion"]
    assert evidence.regimes[0].t_end == pytest.approx(3.0, abs=0.15)
