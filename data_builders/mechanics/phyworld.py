"""phyworld's three scenarios: uniform motion, collision and parabola, in a world of 10 by 10 metres.

256 by 256 pixels, 32 frames, 0.1 s apart; parameters in and out of the training range as there. Everything is exact.

Source: Kang et al. (2024), How far is video generation from world model, arXiv 2411.02385: mass goes with area,
collisions are elastic, gravity is 2.5, a ball starts high up and is thrown sideways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from motionlaw.data_builders.mechanics.contacts import Disc, Table, contact_events, play_discs
from motionlaw.data_builders.mechanics.motion import (
    Motion,
    Range,
    States,
    World,
    make_ball,
    pick_colours,
    plane_law,
    upright,
)
from motionlaw.data_builders.scene import Body

SIDE_M, FRAMES, FPS, G = 10.0, 32, 10.0, 2.5
DURATION_S = FRAMES / FPS
PRE_FRAMES = 4  # before a collision, and in the picture before a thrown ball leaves it
RADIUS = Range(0.7, 1.4, "m", ((0.3, 0.6), (1.5, 2.0)))
SPEED = Range(1.0, 4.0, "m/s", ((0.0, 0.8), (4.5, 6.0)))


def _ball(colour: str, radius: float, rng: np.random.Generator) -> Body:
    return make_ball(colour, radius, rng, mass_kg=np.pi * radius**2)


def _one_ball(values: Mapping[str, float], rng: np.random.Generator, *, g: float) -> Motion:
    """A ball that starts sideways and, if g is not nought, falls."""
    radius, speed = values["radius"], values["speed"]
    reach = SIDE_M - PRE_FRAMES * speed / FPS - radius
    start = rng.uniform(radius, max(reach, radius + 0.5))
    x0, v = (start, speed) if rng.random() < 0.5 else (SIDE_M - start, -speed)
    low, high = (0.95 * SIDE_M - radius - 1.0 if g else 0.05 * SIDE_M + radius), 0.95 * SIDE_M - radius
    y0 = rng.uniform(low, high)
    colour = pick_colours(1, rng)[0]

    def states(t: np.ndarray) -> States:
        position = np.stack([x0 + v * t, y0 - g * t**2 / 2], axis=1)[:, None]
        velocity = np.stack([np.full_like(t, v), -g * t], axis=1)[:, None]
        return upright(position, velocity)

    side = "right" if v > 0 else "left"
    seen = f"thrown to the {side} and falls" if g else f"moving to the {side} at a steady {abs(v):g} m/s"
    return Motion(
        description=f"A {colour} ball is {seen}.",
        bodies=(_ball(colour, radius, rng),),
        duration_s=DURATION_S,
        states=states,
        laws=(plane_law(states, 0, {"v_x": "0", "v_y": f"{-g:g}" if g else "0"}),),
        view=(0.0, 0.0, SIDE_M, SIDE_M),
        is_view_exact=True,
        further={"gravity": (g, "m/s^2")},
    )


def _uniform(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    return _one_ball(values, rng, g=0.0)


def _parabola(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    return _one_ball(values, rng, g=G)


def _collision(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """Two balls that run towards each other, head on."""
    radii, speeds = (values["radius 1"], values["radius 2"]), (values["speed 1"], values["speed 2"])
    closing = sum(speeds)
    if closing < 0.2:
        return None
    nearest = PRE_FRAMES / FPS * closing + sum(radii)
    farthest = min((DURATION_S - PRE_FRAMES / FPS) * closing, SIDE_M - 2 * sum(radii)) + sum(radii)
    if nearest > farthest:
        return None
    distance = rng.uniform(nearest, farthest)
    x1 = rng.uniform(radii[0], SIDE_M - radii[1] - distance)
    y = rng.uniform(0.05 * SIDE_M + max(radii), 0.95 * SIDE_M - max(radii))
    colours = pick_colours(2, rng)
    balls = tuple(_ball(colour, radius, rng) for colour, radius in zip(colours, radii, strict=True))
    places, velocities = ((x1, y), (x1 + distance, y)), ((speeds[0], 0.0), (-speeds[1], 0.0))
    discs = [
        Disc(place, velocity, radius, ball.mass_kg)
        for place, velocity, radius, ball in zip(places, velocities, radii, balls, strict=True)
    ]
    played = play_discs(discs, Table(), DURATION_S)
    return Motion(
        description=f"A {colours[0]} ball and a {colours[1]} ball run towards each other and collide.",
        bodies=balls,
        duration_s=DURATION_S,
        states=played.states,
        laws=tuple(plane_law(played.states, k, {"v_x": "0", "v_y": "0"}) for k in range(2)),
        view=(0.0, 0.0, SIDE_M, SIDE_M),
        events=contact_events(played, balls),
        is_view_exact=True,
        further={"restitution": (1.0, "")},
    )


_FIXED: dict[str, Any] = {"frame_size": (256, 256), "fps": FPS}
_TWO = {"radius 1": RADIUS, "radius 2": RADIUS, "speed 1": SPEED, "speed 2": SPEED}
WORLDS = (
    World(
        "uniform_motion",
        "phyworld: one ball at a steady speed.",
        {"radius": RADIUS, "speed": SPEED},
        _uniform,
        **_FIXED,
    ),
    World("collision", "phyworld: two balls collide head on, elastically.", _TWO, _collision, **_FIXED),
    World(
        "parabola",
        "phyworld: one ball is thrown sideways and falls.",
        {"radius": RADIUS, "speed": SPEED},
        _parabola,
        **_FIXED,
    ),
)
