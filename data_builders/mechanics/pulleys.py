"""Pulleys: Atwood's machine, and a cart that a hanging weight pulls along a track. All closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    slab,
    upright,
)
from motionlaw.data_builders.scene import Body, Fixture, Link, SceneEvent

LONGEST_S, SHORTEST_S = 2.5, 0.8
WHEEL = (108, 108, 116)


def _steady(start: float, speed: float, acceleration: float) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return lambda t: (start + speed * t + acceleration * t**2 / 2, speed + acceleration * t)


def _atwood(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """Two blocks on a thread over a wheel, started with a push."""
    m1, m2, wheel = values["mass 1"], values["mass 2"], values["wheel mass"]
    a = G_M_PER_S2 * (m2 - m1) / (m1 + m2 + wheel / 2)  # of block 1, upwards; the wheel is a disc
    speed, radius, below = -np.sign(a) * values["speed"], 0.12, 1.3
    t = np.linspace(0.0, LONGEST_S, 251)
    way = speed * t + a * t**2 / 2
    duration = t[np.argmax(np.abs(way) > 0.45)] if np.any(np.abs(way) > 0.45) else LONGEST_S
    if duration < SHORTEST_S:
        return None
    middle = -0.68
    paths = (_steady(middle, speed, a), _steady(middle, -speed, -a))
    colours = pick_colours(2, rng)
    # The heavier block is the larger one.
    sides = [0.17 * (mass / 0.3) ** (1 / 3) for mass in (m1, m2)]
    blocks = tuple(
        make_block(colour, (side, side), mass, rng) for colour, side, mass in zip(colours, sides, (m1, m2), strict=True)
    )

    def states(t: np.ndarray) -> States:
        moving = np.zeros((2, len(t), 2, 2))
        moving[0, :, :, 0] = [-radius, radius]
        for k, path in enumerate(paths):
            moving[:, :, k, 1] = path(t)
        return upright(moving[0], moving[1])

    turn = -speed / a
    events = tuple(SceneEvent(float(turn), "turning point", (block.name,)) for block in blocks if 0 < turn < duration)
    return Motion(
        description=f"A {colours[0]} block and a {colours[1]} block hang on a thread over a pulley.",
        bodies=blocks,
        duration_s=float(duration),
        states=states,
        laws=(line_law("y", f"{a:.6g}", paths[0]), line_law("y", f"{-a:.6g}", paths[1], body=1)),
        view=(-0.7, -below, 0.7, 0.2),
        events=events,
        fixtures=(
            slab("holder", -0.02, 0.0, 0.02, 0.4),
            Fixture("pulley", ((0.0, 0.0), (radius, 0.0)), WHEEL, is_disc=True),
        ),
        links=(Link("thread", (-radius, 0.0), 0), Link("thread", (radius, 0.0), 1)),
        further={"gravity": (G_M_PER_S2, "m/s^2"), "acceleration": (float(a), "m/s^2")},
    )


def _pulled_cart(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """A cart on a level track, pulled by a weight over a pulley at its end."""
    cart_mass, weight_mass, friction = values["cart mass"], values["weight"], values["friction"]
    a = G_M_PER_S2 * (weight_mass - friction * cart_mass) / (cart_mass + weight_mass)
    way = 0.62
    duration = min(LONGEST_S, np.sqrt(2 * way / a)) if a > 0.1 else 0.0
    if duration < SHORTEST_S:
        return None
    tall, wheel, end = 0.12, 0.05, 0.9
    along, down = _steady(0.1, 0.0, a), _steady(-0.2, 0.0, -a)
    colours = pick_colours(2, rng)
    cart = Body(f"{colours[0]} cart", "cart", colours[0], (0.2, tall), cart_mass)
    block = make_block(colours[1], (0.07, 0.07), weight_mass, rng)

    def states(t: np.ndarray) -> States:
        moving = np.zeros((2, len(t), 2, 2))
        moving[:, :, 0, 0], moving[:, :, 1, 1] = along(t), down(t)
        moving[0, :, 1, 0] = end + wheel
        return upright(moving[0], moving[1])

    floor = -tall / 2
    return Motion(
        description=f"A {colours[0]} cart on a track is pulled by a {colours[1]} block that sinks.",
        bodies=(cart, block),
        duration_s=float(duration),
        states=states,
        laws=(line_law("x", f"{a:.6g}", along), line_law("y", f"{-a:.6g}", down, body=1)),
        view=(-0.05, -0.9, end + 0.15, 0.2),
        fixtures=(
            slab("track", -0.1, floor - 0.04, end, floor),
            slab("leg", 0.05, -1.2, 0.09, floor - 0.04),
            slab("leg", end - 0.2, -1.2, end - 0.16, floor - 0.04),
            Fixture("pulley", ((end, -wheel), (end + wheel, -wheel)), WHEEL, is_disc=True),
        ),
        links=(Link("thread", 0, (end, 0.0)), Link("thread", (end + wheel, -wheel), 1)),
        further={"gravity": (G_M_PER_S2, "m/s^2"), "acceleration": (float(a), "m/s^2")},
    )


WORLDS = (
    World(
        "pulley",
        "Atwood's machine: two blocks on a thread over a wheel that is a disc; y is each block's height.",
        {
            "mass 1": Range(0.2, 0.5, "kg", ((0.6, 0.9),)),
            "mass 2": Range(0.2, 0.5, "kg", ((0.6, 0.9),)),
            "wheel mass": Range(0.05, 0.2, "kg"),
            "speed": Range(0.0, 0.7, "m/s"),
        },
        _atwood,
    ),
    World(
        "pulled_cart",
        "A cart on a level track with friction is pulled by a sinking weight.",
        {
            "cart mass": Range(0.3, 1.0, "kg", ((1.2, 2.0),)),
            "weight": Range(0.03, 0.15, "kg", ((0.16, 0.25),)),
            "friction": Range(0.0, 0.04, ""),
        },
        _pulled_cart,
    ),
)
