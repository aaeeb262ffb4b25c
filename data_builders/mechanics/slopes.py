"""Ramps with friction: a block is pushed up a slope, slides until it stops, and stays or slides back.

Everything is a closed form.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from motionlaw.data_builders.mechanics.motion import (
    G_M_PER_S2,
    Motion,
    Range,
    States,
    World,
    line_law,
    make_block,
    pick_colours,
)
from motionlaw.data_builders.scene import Fixture, SceneEvent

LONGEST_S, SHORTEST_S = 2.5, 0.8


def _ramp(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """Distance s up the slope, from the push; up and down have accelerations of their own."""
    angle, friction, speed = np.radians(values["slope"]), values["friction"], values["speed"]
    up = G_M_PER_S2 * (np.sin(angle) + friction * np.cos(angle))
    down = G_M_PER_S2 * (np.sin(angle) - friction * np.cos(angle))
    slides_back = down > 0
    turn, side, before, behind = speed / up, 0.12, rng.uniform(0.15, 0.5), 0.2
    highest = speed**2 / (2 * up)
    length = before + highest + behind
    # The film ends before the block reaches the foot of the slope.
    foot = turn + np.sqrt(2 * (highest + before - side) / down) if slides_back else np.inf
    duration = min(LONGEST_S, foot - 0.02)
    if not 0.5 < length < 1.6 or duration < max(SHORTEST_S, 1.2 * turn):
        return None

    def at(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        later = np.maximum(t - turn, 0.0)
        rising, fall = np.minimum(t, turn), (down if slides_back else 0.0)
        return speed * rising - up * rising**2 / 2 - fall * later**2 / 2, speed - up * rising - fall * later

    sign = 1.0 if rng.random() < 0.5 else -1.0
    along, normal = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    foot_to_block = before * along + side / 2 * normal

    def states(t: np.ndarray) -> States:
        s, v = at(t)
        mirror = np.array([sign, 1.0])
        position, velocity = (foot_to_block + s[:, None] * along) * mirror, v[:, None] * along * mirror
        return States(position[:, None], velocity[:, None], np.full((len(t), 1), sign * angle))

    colour = pick_colours(1, rng)[0]
    block = make_block(colour, (side, side), values["mass"], rng)
    corners = ((0.0, 0.0), (sign * length * along[0], 0.0), (sign * length * along[0], length * along[1]))
    law = f"-{G_M_PER_S2 * np.sin(angle):.6g} - {friction * G_M_PER_S2 * np.cos(angle):.6g}*sign(v)"
    left, right = sorted((0.0, sign * length * along[0]))
    after = "slides back down" if slides_back else "stays where it stops"
    return Motion(
        description=f"A {colour} block is pushed up a slope, stops, and {after}.",
        bodies=(block,),
        duration_s=float(duration),
        states=states,
        laws=(line_law("s", law, at, t_end=np.inf if slides_back else turn),),
        view=(left - 0.1, -0.06, right + 0.1, length * along[1] + 0.2),
        events=(SceneEvent(float(turn), "turning point" if slides_back else "rest", (block.name,), "highest"),),
        fixtures=(Fixture("slope", corners if sign > 0 else corners[::-1], (128, 112, 92)),),
        further={"gravity": (G_M_PER_S2, "m/s^2")},
    )


WORLDS = (
    World(
        "ramp",
        "A block is pushed up a slope with dry friction (static as large as sliding); s runs up the slope.",
        {
            "slope": Range(15.0, 35.0, "degrees", ((38.0, 45.0),)),
            "friction": Range(0.05, 0.5, "", ((0.6, 0.8),)),
            "speed": Range(1.2, 2.5, "m/s", ((2.6, 3.2),)),
            "mass": Range(0.1, 1.0, "kg"),
        },
        _ramp,
    ),
)
