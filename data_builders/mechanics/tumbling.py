"""Tumbling: blocks and balls are thrown onto a floor between walls, with friction, spin and restitution (pymunk).

pymunk moves first and accelerates then: with the velocity started half a step late, free flight is exact. Contacts
are resolved within a step of `STEP_S`, and their times refined by how deep the bodies overlap when they are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from motionlaw.data_builders.mechanics.motion import (
    G_M_PER_S2,
    Motion,
    Range,
    States,
    World,
    make_ball,
    make_block,
    pick_colours,
    plane_law,
    slab,
)
from motionlaw.data_builders.scene import Body, SceneEvent
from motionlaw.tools.errors import missing_extra

if TYPE_CHECKING:
    import pymunk

STEP_S = 1 / 4000
DURATION_S = 2.5
SPARE_S = 0.06  # simulated beyond the film, for the open shutter
HALF_M = 0.7  # from the middle to each wall
THICK_M = 0.1  # floor and walls, so that nothing passes them in a step
EDGES = (
    ("floor", (-9.0, -THICK_M), (9.0, -THICK_M)),
    ("left wall", (-HALF_M - THICK_M, 0.0), (-HALF_M - THICK_M, 9.0)),
    ("right wall", (HALF_M + THICK_M, 0.0), (HALF_M + THICK_M, 9.0)),
)
REST_M_PER_S, REST_S = 0.02, 0.2  # slower for the last so many seconds is rest
APART_S = 0.1  # two touches of the same bodies closer than this are one contact


@dataclass(frozen=True)
class Start:
    """A body at the start: position and velocity in metres and seconds, angle and spin in radians."""

    body: Body
    position: tuple[float, float]
    velocity: tuple[float, float]
    angle: float
    spin: float


@dataclass(frozen=True)
class Run:
    """What pymunk did: times, shape (S,), states (x, y, angle, and their rates), shape (S, B, 6), and touches.

    A touch is its time and the names of the two that touch.
    """

    t: np.ndarray
    states: np.ndarray
    touches: tuple[tuple[float, str, str], ...]


def play_bodies(
    starts: list[Start], *, friction: float, restitution: float, seconds: float, gravity: float = G_M_PER_S2
) -> Run:
    """Plays bodies between two walls and a floor at y = 0.

    Args:
        starts: The bodies.
        friction: Coulomb's coefficient of any two surfaces.
        restitution: Of any two.
        seconds: How far.
        gravity: Downwards, m/s².

    Raises:
        UserError: pymunk is missing.
    """
    try:
        import pymunk
    except ImportError as error:
        raise missing_extra("The world 'tumbling'", "pymunk", "data") from error
    space = pymunk.Space()
    space.gravity, space.iterations = (0.0, -gravity), 40
    space.collision_slop, space.collision_bias = 1e-5, (1 - 0.2) ** 60
    names: dict[pymunk.Shape, str] = {}
    for name, start, end in EDGES:
        segment = pymunk.Segment(space.static_body, start, end, THICK_M)
        segment.friction, segment.elasticity = np.sqrt(friction), np.sqrt(restitution)  # pymunk multiplies the two
        space.add(segment)
        names[segment] = name
    bodies = [_add_body(space, start, friction, restitution, gravity, names) for start in starts]
    touches: list[tuple[float, str, str]] = []
    clock = [0.0]

    def begin(arbiter: pymunk.Arbiter, *_: Any) -> None:
        first, second = arbiter.shapes
        touches.append((clock[0] - _late_s(arbiter), names[first], names[second]))

    space.on_collision(begin=begin)
    count = round(seconds / STEP_S)
    states = np.empty((count + 1, len(bodies), 6))
    for step in range(count + 1):
        clock[0] = (step + 1) * STEP_S  # touches are found where a step leads to
        for k, body in enumerate(bodies):
            states[step, k] = (*body.position, body.angle, *body.velocity, body.angular_velocity)
        space.step(STEP_S)
    states[:, :, 4] += gravity * STEP_S / 2  # from half a step later back to the time of the position
    return Run(np.arange(count + 1) * STEP_S, states, tuple(touches))


def _add_body(
    space: pymunk.Space,
    start: Start,
    friction: float,
    restitution: float,
    gravity: float,
    names: dict[pymunk.Shape, str],
) -> pymunk.Body:
    import pymunk

    width, height = start.body.size_m
    mass = start.body.mass_kg
    is_ball = start.body.shape == "ball"
    inertia = mass * width**2 / 10 if is_ball else mass * (width**2 + height**2) / 12
    body = pymunk.Body(mass, inertia)
    shape = pymunk.Circle(body, width / 2) if is_ball else pymunk.Poly.create_box(body, (width, height))
    body.position, body.angle, body.angular_velocity = start.position, start.angle, start.spin
    body.velocity = (start.velocity[0], start.velocity[1] - gravity * STEP_S / 2)
    shape.friction, shape.elasticity = np.sqrt(friction), np.sqrt(restitution)
    space.add(body, shape)
    names[shape] = start.body.name
    return body


def _late_s(arbiter: pymunk.Arbiter) -> float:
    """How long ago two shapes first touched, from their overlap and how fast they close."""
    import pymunk

    contact = arbiter.contact_point_set
    if not contact.points:
        return 0.0
    deepest = min(contact.points, key=lambda point: point.distance)
    first, second = (
        shape.body.velocity_at_world_point(point) if shape.body else pymunk.Vec2d.zero()
        for shape, point in zip(arbiter.shapes, (deepest.point_a, deepest.point_b), strict=True)
    )
    closing = (first - second).dot(contact.normal)
    return min(-deepest.distance / closing, STEP_S) if closing > 0 and deepest.distance < 0 else 0.0


def _tumbling(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """One to three things are dropped between two walls."""
    count = int(values["bodies"])
    starts = []
    for k, colour in enumerate(pick_colours(count, rng)):
        size = rng.uniform(0.15, 0.24) * (0.75 if count == 3 else 1.0)
        mass = float(f"{rng.uniform(0.1, 0.5):.3g}")
        body = (
            make_ball(colour, size / 2, rng, mass_kg=mass)
            if rng.random() < 0.4
            else make_block(colour, (size, size * rng.uniform(0.6, 1.0)), mass, rng)
        )
        x = (-0.45 + 0.9 * (k + 0.5) / count) + rng.uniform(-0.05, 0.05)
        velocity = values["speed"] * (1 if rng.random() < 0.5 else -1), rng.uniform(-0.3, 0.6)
        place = (x, values["height"] + rng.uniform(-0.1, 0.1))
        starts.append(Start(body, place, velocity, rng.uniform(0, 1.5), rng.uniform(-4, 4)))
    bodies = tuple(start.body for start in starts)
    if any(_touch(one, other) for one, other in combinations(starts, 2)):
        return None
    friction, restitution = values["friction"], values["restitution"]
    run = play_bodies(starts, friction=friction, restitution=restitution, seconds=DURATION_S + SPARE_S)

    def states(t: np.ndarray) -> States:
        now = np.stack(
            [[np.interp(t, run.t, run.states[:, k, i]) for i in range(6)] for k in range(count)], axis=1
        ).T  # (T, B, 6)
        early = np.minimum(t, 0.0)[:, None]
        position = now[..., :2] + now[..., 3:5] * early[..., None]
        return States(position, now[..., 3:5], now[..., 2] + now[..., 5] * early)

    first = [min((t for t, *who in run.touches if body.name in who), default=np.inf) for body in bodies]
    law = {"v_x": "0", "v_y": f"-{G_M_PER_S2}"}
    highest = float(run.states[:, :, 1].max())
    return Motion(
        description=_said([body.name for body in bodies]),
        bodies=bodies,
        duration_s=DURATION_S,
        states=states,
        laws=tuple(plane_law(states, k, law, t_end=t) for k, t in enumerate(first)),
        view=(-HALF_M - 0.06, -0.08, HALF_M + 0.06, max(0.75, highest + 0.14)),
        events=_events(run, bodies),
        fixtures=(
            slab("floor", -9.0, -0.5, 9.0, 0.0),
            slab("wall", -HALF_M - 0.05, 0.0, -HALF_M, 2.5),
            slab("wall", HALF_M, 0.0, HALF_M + 0.05, 2.5),
        ),
        further={"gravity": (G_M_PER_S2, "m/s^2")},
    )


def _touch(one: Start, other: Start) -> bool:
    """Whether the circles around two bodies overlap."""
    width, height = np.array([one.body.size_m, other.body.size_m]).T
    reach = float(np.sum(np.hypot(width, height)) / 2)
    return bool(np.hypot(one.position[0] - other.position[0], one.position[1] - other.position[1]) < reach)


def _said(names: list[str]) -> str:
    if len(names) == 1:
        return f"A {names[0]} falls on a floor and tumbles."
    return f"A {', a '.join(names[:-1])} and a {names[-1]} fall on a floor and tumble."


def _events(run: Run, bodies: Sequence[Body]) -> tuple[SceneEvent, ...]:
    """Contacts, bounces off fixtures, and rest; touches in quick succession are one contact."""
    events: list[SceneEvent] = []
    last: dict[tuple[str, ...], float] = {}
    fixed = [name for name, *_ in EDGES]
    for t, *who in sorted(run.touches):
        touching = tuple(name for name in who if name not in fixed)
        key = tuple(sorted(who))
        if t - last.get(key, -np.inf) > APART_S:
            detail = next((name for name in who if name in fixed), "")
            events.append(SceneEvent(t, "bounce" if detail else "contact", touching, detail))
        last[key] = t
    for k, body in enumerate(bodies):
        speed = np.hypot(run.states[:, k, 3], run.states[:, k, 4]) + max(body.size_m) * np.abs(run.states[:, k, 5])
        moving = np.flatnonzero(speed > REST_M_PER_S)
        rest = run.t[moving[-1]] if len(moving) else 0.0
        if rest < DURATION_S - REST_S:
            events.append(SceneEvent(float(rest), "rest", (body.name,)))
    return tuple(events)


WORLDS = (
    World(
        "tumbling",
        "Blocks and balls fall on a floor between two walls, with friction and spin (pymunk).",
        {
            "bodies": Range(1, 3, "", is_whole=True),
            "height": Range(0.5, 0.8, "m"),
            "speed": Range(0.0, 0.8, "m/s", ((1.0, 1.6),)),
            "friction": Range(0.1, 0.6, "", ((0.7, 0.9),)),
            "restitution": Range(0.2, 0.6, "", ((0.65, 0.8),)),
        },
        _tumbling,
    ),
)
