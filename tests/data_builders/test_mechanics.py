"""Mechanics: contacts, springs, slopes and tumbling keep to momentum, energy, closed forms and each other."""

import numpy as np
import pytest

from motionlaw.data_builders.mechanics.contacts import Disc, Table, play_discs
from motionlaw.data_builders.mechanics.motion import draw_values, integrated
from motionlaw.data_builders.mechanics.pendulums import double_pendulum_slope
from motionlaw.data_builders.scene import Body
from motionlaw.data_builders.worlds import WORLDS, make_scene


def world(name):
    """The world of that name."""
    return next(each for each in WORLDS if each.name == name)


def draw(name, rng):
    """Numbers of a world and the motion that they make."""
    while True:
        values = draw_values(world(name), rng, is_ood=False)
        motion = world(name).play(values, rng)
        if motion is not None:
            return values, motion


def moving_discs(rng, count=6):
    """Discs of unlike mass and radius that fly about in a box."""
    places = [(x, y) for x in (-0.6, 0.0, 0.6) for y in (-0.4, 0.4)][:count]
    return [
        Disc(place, tuple(rng.uniform(-2, 2, 2)), float(rng.uniform(0.05, 0.15)), float(rng.uniform(0.1, 1.0)))
        for place in places
    ]


def test_contacts_keep_energy_and_never_overlap(rng):
    """Elastic discs in a box: kinetic energy is constant through dozens of contacts, and no two overlap."""
    discs = moving_discs(rng)
    played = play_discs(discs, Table((-1.0, 1.0, -0.7, 0.7)), 5.0)
    assert sum(contact.second is not None for contact in played.contacts) > 10
    t = np.linspace(0, 5, 2001)
    states = played.states(t)
    masses, radii = np.array([d.mass_kg for d in discs]), np.array([d.radius_m for d in discs])
    energy = np.sum(masses * np.sum(states.velocity**2, axis=2), axis=1)
    assert np.ptp(energy) < 1e-10 * energy[0]
    apart = np.linalg.norm(states.position[:, :, None] - states.position[:, None], axis=3)
    room = apart - (radii[:, None] + radii[None, :]) + 10 * np.eye(len(discs))
    assert room.min() > -1e-9


def test_a_contact_keeps_momentum_and_gives_its_restitution(rng):
    """Across every contact of two discs momentum stays, and they part at the stated share of their approach."""
    discs = moving_discs(rng)
    played = play_discs(discs, Table((-1.0, 1.0, -0.7, 0.7), restitution=0.6, wall_restitution=0.8), 3.0)
    masses = np.array([d.mass_kg for d in discs])
    for number, contact in enumerate(played.contacts):
        before, after = (played.pieces[number + k] for k in (0, 1))
        speeds_before = before.v + before.a * (contact.t - before.t)
        if contact.second is None:
            assert contact.speed_after == pytest.approx(0.8 * contact.speed_before)
            continue
        assert np.allclose(masses @ speeds_before, masses @ after.v, atol=1e-12)
        pair = [contact.first, contact.second]
        normal = after.x[pair[1]] - after.x[pair[0]]
        normal /= np.linalg.norm(normal)
        parting = (after.v[pair[1]] - after.v[pair[0]]) @ normal
        closing = (speeds_before[pair[0]] - speeds_before[pair[1]]) @ normal
        assert parting == pytest.approx(0.6 * closing)


def test_bounces_follow_the_geometric_series():
    """A dropped ball reaches e² of its height after each bounce, and the flights last e times as long."""
    g, e, height = 9.81, 0.7, 1.0
    played = play_discs(
        [Disc((0.0, height + 0.1), (0.0, 0.0), 0.1, 1.0)], Table((-9, 9, 0.0, 9), g, wall_restitution=e), 4.0
    )
    times = np.array([contact.t for contact in played.contacts[:6]])
    first = np.sqrt(2 * height / g)
    expected = first + np.concatenate([[0.0], np.cumsum(2 * first * e ** np.arange(1, 6))])
    assert np.allclose(times, expected, atol=1e-12)
    top = played.states((times[1:2] + times[:1]) / 2).position[0, 0, 1] - 0.1
    assert top == pytest.approx(e**2 * height)


def test_sliding_discs_stop_where_friction_says():
    """A disc that slides to rest goes v²/2a far in v/a seconds."""
    played = play_discs([Disc((0.0, 0.0), (1.2, 0.9), 0.05, 0.2)], Table(friction=0.5), 5.0)
    assert played.contacts[-1].wall == "rest" and played.contacts[-1].t == pytest.approx(3.0)
    assert np.linalg.norm(played.states(np.array([5.0])).position[0, 0]) == pytest.approx(1.5**2 / (2 * 0.5))


def test_integration_is_exact_to_many_digits():
    """An oscillator is where the closed form has it, and a chaotic double pendulum keeps its energy, to 1e-8."""
    solution = integrated(lambda _, s: (s[1], -7.3 * s[0]), (0.4, 0.0), 10.0)
    t = np.linspace(-0.05, 10, 500)
    assert np.abs(solution(t)[0] - 0.4 * np.cos(np.sqrt(7.3) * t)).max() < 1e-9
    lengths, masses = (0.3, 0.25), (0.2, 0.3)
    double = integrated(lambda _, s: double_pendulum_slope(s, lengths, masses), (2.0, 2.5, 0.0, 0.0), 5.0)
    a, b, u, v = double(np.linspace(0, 5, 800))
    upper, lower = lengths[0] * u, lengths[1] * v
    kinetic = masses[0] * upper**2 + masses[1] * (upper**2 + lower**2 + 2 * upper * lower * np.cos(a - b))
    height = -sum(masses) * lengths[0] * np.cos(a) - masses[1] * lengths[1] * np.cos(b)
    energy = kinetic / 2 + 9.81 * height
    assert np.ptp(energy) < 1e-8 * np.ptp(kinetic)


def test_friction_is_recovered_from_a_ramp(rng):
    """Up and down the slope, the two accelerations give back angle and friction."""
    for _ in range(5):
        values, motion = draw("ramp", rng)
        turn = motion.events[0].t

        def pull(t, motion=motion):
            velocity = motion.states(np.array([t - 1e-4, t + 1e-4])).velocity[:, 0]
            return np.linalg.norm(velocity[1] - velocity[0]) / 2e-4

        up = pull(turn / 2)
        slope = np.radians(values["slope"])
        assert (up / 9.81 - np.sin(slope)) / np.cos(slope) == pytest.approx(values["friction"], abs=1e-6)
        if motion.events[0].kind == "rest":
            still = motion.states(np.array([turn + 1e-4, motion.duration_s])).velocity
            assert np.abs(still).max() == 0.0
            continue
        down = pull((turn + motion.duration_s) / 2)
        assert (np.sin(slope) - down / 9.81) / np.cos(slope) == pytest.approx(values["friction"], abs=1e-6)


def test_an_orbit_closes_after_keplers_period(rng):
    """After 2 pi sqrt(a³/mu) seconds the ball is where it was, and its angular momentum is constant."""
    _, motion = draw("orbit", rng)
    period = motion.further["period"][0]
    states = motion.states(np.array([0.0, min(period, 4.0)]))
    if period <= 4.0:
        assert np.allclose(states.position[0], states.position[1], atol=1e-8)
    along = motion.states(np.linspace(0, 4, 300))
    (x, y), (u, v) = along.position[:, 0].T, along.velocity[:, 0].T
    assert np.ptp(x * v - y * u) < 1e-9


def test_atwoods_blocks_keep_the_thread_taut_and_the_energy(rng):
    """What one block rises the other sinks; potential, kinetic and the wheel's energy add up to the same."""
    values, motion = draw("pulley", rng)
    t = np.linspace(0, motion.duration_s, 200)
    states = motion.states(t)
    height, speed = states.position[:, :, 1], states.velocity[:, :, 1]
    assert np.ptp(height.sum(axis=1)) < 1e-12
    masses = np.array([values["mass 1"], values["mass 2"]])
    energy = (masses * (9.81 * height + speed**2 / 2)).sum(axis=1) + values["wheel mass"] / 4 * speed[:, 0] ** 2
    assert np.ptp(energy) < 1e-12 + 1e-10 * np.abs(energy).max()


class TestTumbling:
    """The world that pymunk plays."""

    pymunk = pytest.importorskip("pymunk", reason="needs the extra [data]")

    @staticmethod
    def run(*starts, seconds=1.0, **options):
        from motionlaw.data_builders.mechanics.tumbling import play_bodies

        return play_bodies(list(starts), seconds=seconds, **options)

    @staticmethod
    def ball(position, velocity, *, mass=0.3, radius=0.05, name="ball"):
        from motionlaw.data_builders.mechanics.tumbling import Start

        return Start(Body(name, "ball", "red", (2 * radius, 2 * radius), mass), position, velocity, 0.0, 0.0)

    def test_free_flight_is_a_parabola(self):
        """Before the first touch there is no error of the step at all."""
        run = self.run(self.ball((0.0, 2.0), (0.3, 1.0)), friction=0.5, restitution=0.5, seconds=0.6)
        assert np.abs(run.states[:, 0, 1] - (2.0 + run.t - 9.81 * run.t**2 / 2)).max() < 1e-9
        assert np.abs(run.states[:, 0, 4] - (1.0 - 9.81 * run.t)).max() < 1e-9

    def test_the_time_of_a_touch_and_the_restitution_are_right(self):
        """A dropped ball touches when it must and leaves at the stated share of its speed."""
        run = self.run(self.ball((0.0, 0.55), (0.0, 0.0)), friction=0.0, restitution=0.5, seconds=0.6)
        fall = np.sqrt(2 * 0.5 / 9.81)
        assert run.touches[0][0] == pytest.approx(fall, abs=2e-5)
        before, after = (np.interp(fall + late, run.t, run.states[:, 0, 4]) for late in (-0.01, 0.01))
        assert (after + 0.0981) / -(before - 0.0981) == pytest.approx(0.5, abs=0.005)

    def test_it_agrees_with_the_exact_contacts(self):
        """Two balls that collide in free space part as the exact solution says."""
        starts = [self.ball((-0.3, 2.0), (1.0, 0.1), mass=0.4), self.ball((0.3, 2.03), (-0.5, 0.0), name="other")]
        run = self.run(*starts, friction=0.0, restitution=0.7, gravity=0.0, seconds=0.8)
        discs = [Disc(s.position, s.velocity, s.body.size_m[0] / 2, s.body.mass_kg) for s in starts]
        played = play_discs(discs, Table(restitution=0.7), 0.8)
        assert run.touches[0][0] == pytest.approx(played.contacts[0].t, abs=5e-5)
        exact = played.states(np.array([0.8]))
        assert np.abs(run.states[-1, :, 3:5] - exact.velocity[0]).max() < 5e-3
        assert np.abs(run.states[-1, :, :2] - exact.position[0]).max() < 3e-3

    def test_energy_never_grows(self, rng):
        """A block and a ball that tumble lose energy by friction and bounces, and gain none beyond a thousandth."""
        from motionlaw.data_builders.mechanics.tumbling import Start

        block = Start(Body("block", "block", "blue", (0.2, 0.12), 0.4), (0.1, 0.8), (-0.5, 0.2), 0.7, 3.0)
        run = self.run(self.ball((-0.2, 0.7), (0.8, 0.0)), block, friction=0.4, restitution=0.5, seconds=2.5)
        masses, inertia = np.array([0.3, 0.4]), np.array([0.3 * 0.1**2 / 10, 0.4 * (0.2**2 + 0.12**2) / 12])
        _, y, _, u, v, spin = np.moveaxis(run.states, 2, 0)
        energy = (masses * ((u**2 + v**2) / 2 + 9.81 * y) + inertia * spin**2 / 2).sum(axis=1)
        assert (energy[1:] - np.minimum.accumulate(energy)[:-1]).max() < 1e-3 * energy[0]
        assert energy[-1] < 0.5 * energy[0]


def test_a_velocity_of_next_to_nothing_meets_no_wall():
    """A cart that a collision leaves with 8e-309 m/s (films of seed 101, number 11305)."""
    scene = make_scene(101, 11305)
    assert np.isfinite(scene.poses).all()
