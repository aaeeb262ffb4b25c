"""Orbits: a ball about a fixed centre that pulls with the inverse square of the distance.

Equations of motion are integrated to eleven digits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from motionlaw.data_builders.mechanics.motion import (
    Motion,
    Range,
    States,
    World,
    integrated,
    make_ball,
    pick_colours,
    plane_law,
    turning_points,
    upright,
)
from motionlaw.data_builders.scene import Fixture

DURATION_S = 4.0


def _orbit(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    pull, distance, share = values["pull"], values["distance"], values["speed share"]
    # Launched across; a share of 1 gives a circle, the square root of 2 would escape.
    speed, angle = share * np.sqrt(pull / distance), rng.uniform(0, 2 * np.pi)
    sense = 1.0 if rng.random() < 0.5 else -1.0
    out, across = np.array([np.cos(angle), np.sin(angle)]), sense * np.array([-np.sin(angle), np.cos(angle)])
    axis = 1 / (2 / distance - speed**2 / pull)
    reach = max(distance, 2 * axis - distance)
    if reach > 1.2:
        return None

    def slope(_: float, s: np.ndarray) -> tuple[float, ...]:
        strength = -pull / np.hypot(s[0], s[1]) ** 3
        return (s[2], s[3], strength * s[0], strength * s[1])

    solution = integrated(slope, [*(distance * out), *(speed * across)], DURATION_S)

    def states(t: np.ndarray) -> States:
        now = solution(t).T[:, None]
        return upright(now[..., :2], now[..., 2:])

    def outward(t: np.ndarray) -> np.ndarray:
        x, y, u, v = solution(t)
        return x * u + y * v

    colour, radius = pick_colours(1, rng)[0], 0.09 * reach
    ball = make_ball(colour, radius, rng)
    law = {f"v_{c}": f"-{pull:.6g}*{c}/(x**2 + y**2)**(3/2)" for c in "xy"}
    edge = reach + radius
    return Motion(
        description=f"A {colour} ball circles a fixed centre.",
        bodies=(ball,),
        duration_s=DURATION_S,
        states=states,
        laws=(plane_law(states, 0, law),),
        view=(-edge, -edge, edge, edge),
        events=turning_points(outward, ball.name, DURATION_S, details=("farthest", "nearest")),
        fixtures=(Fixture("centre", ((0.0, 0.0), (0.05 * reach, 0.0)), (248, 214, 92), is_disc=True),),
        further={"period": (float(2 * np.pi * np.sqrt(axis**3 / pull)), "s"), "semi-major axis": (float(axis), "m")},
    )


WORLDS = (
    World(
        "orbit",
        "A ball about a fixed centre that pulls with the inverse square of the distance.",
        {
            "pull": Range(0.15, 0.6, "m^3/s^2", ((0.7, 1.0),)),
            "distance": Range(0.3, 0.5, "m", ((0.55, 0.7),)),
            "speed share": Range(0.8, 1.15, "", ((0.65, 0.75), (1.18, 1.25))),
        },
        _orbit,
    ),
)
