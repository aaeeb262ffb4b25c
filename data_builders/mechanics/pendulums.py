"""Pendulums: one on a thread, and two on rods, one below the other, which move chaotically.

Equations of motion are integrated to eleven digits. Angles are radians from hanging down, positive to the right.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from motionlaw.data_builders.mechanics.motion import (
    G_M_PER_S2,
    Motion,
    MotionLaw,
    Range,
    States,
    World,
    integrated,
    line_law,
    make_ball,
    pick_colours,
    seen_box,
    slab,
    turning_points,
)
from motionlaw.data_builders.scene import Link

DURATION_S = 3.0


def _hung(theta: np.ndarray, rate: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity of a point that hangs from (0, 0), shape (T, 2)."""
    position = length * np.stack([np.sin(theta), -np.cos(theta)], axis=1)
    return position, length * rate[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)


def _pendulum(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    length, damping, theta0 = values["length"], values["damping"], values["release angle"]
    stiffness = G_M_PER_S2 / length
    theta0 *= 1 if rng.random() < 0.5 else -1
    at = integrated(lambda _, s: (s[1], -stiffness * np.sin(s[0]) - damping * s[1]), (theta0, 0.0), DURATION_S)

    def states(t: np.ndarray) -> States:
        theta, rate = at(t)
        position, velocity = _hung(theta, rate, length)
        return States(position[:, None], velocity[:, None], theta[:, None])

    colour, radius = pick_colours(1, rng)[0], length * rng.uniform(0.08, 0.13)
    ball = make_ball(colour, radius, rng)
    reach = length * max(np.sin(min(abs(theta0), np.pi / 2)), 0.45) + radius
    top = max(-length * np.cos(theta0) + radius, 0.03)
    holder = "rod" if abs(theta0) > 1.5 else "thread"  # a thread would slacken
    return Motion(
        description=f"A {colour} ball swings on a {holder} as a pendulum.",
        bodies=(ball,),
        duration_s=DURATION_S,
        states=states,
        laws=(line_law("theta", f"-{stiffness:.6g}*sin(theta) - {damping:.6g}*v", at, unit="rad"),),
        view=(-reach, -length - radius, reach, top),
        events=turning_points(lambda t: at(t)[1], ball.name, DURATION_S, details=("rightmost", "leftmost")),
        fixtures=(slab("beam", -0.12 * length, 0.0, 0.12 * length, 0.05 * length),),
        links=(Link(holder, (0.0, 0.0), 0),),
        further={"gravity": (G_M_PER_S2, "m/s^2")},
    )


def double_pendulum_slope(state: np.ndarray, lengths: tuple[float, float], masses: tuple[float, float]) -> np.ndarray:
    """Time derivative of (theta1, theta2, rate1, rate2) of two point masses on massless rods.

    Source: Lagrange's equations, e.g. Goldstein (1980), chapter 1.
    """
    (a, b, u, v), (l1, l2), (m1, m2) = state, lengths, masses
    g, between = G_M_PER_S2, a - b
    below = 2 * m1 + m2 - m2 * np.cos(2 * between)
    first = -g * (2 * m1 + m2) * np.sin(a) - m2 * g * np.sin(a - 2 * b)
    first -= 2 * np.sin(between) * m2 * (v * v * l2 + u * u * l1 * np.cos(between))
    second = 2 * np.sin(between) * ((m1 + m2) * (u * u * l1 + g * np.cos(a)) + v * v * l2 * m2 * np.cos(between))
    return np.array([u, v, first / (l1 * below), second / (l2 * below)])


def _double_law(lengths: tuple[float, float], masses: tuple[float, float]) -> dict[str, str]:
    (l1, l2), (m1, m2) = lengths, masses
    g, total = G_M_PER_S2, m1 + m2
    below = f"({2 * m1 + m2:.8g} - {m2:.8g}*cos(2*theta1 - 2*theta2))"
    first = (
        f"-{g * (2 * m1 + m2):.8g}*sin(theta1) - {m2 * g:.8g}*sin(theta1 - 2*theta2)"
        f" - {2 * m2:.8g}*sin(theta1 - theta2)*({l2:.8g}*v_theta2**2 + {l1:.8g}*v_theta1**2*cos(theta1 - theta2))"
    )
    second = (
        f"2*sin(theta1 - theta2)*({total * l1:.8g}*v_theta1**2 + {total * g:.8g}*cos(theta1)"
        f" + {l2 * m2:.8g}*v_theta2**2*cos(theta1 - theta2))"
    )
    return {"v_theta1": f"({first})/({l1:.8g}*{below})", "v_theta2": f"({second})/({l2:.8g}*{below})"}


def _double_pendulum(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    lengths = values["length 1"], values["length 2"]
    masses = values["mass 1"], values["mass 2"]
    start = [values["release angle 1"], values["release angle 2"], 0.0, 0.0]
    solution = integrated(lambda _, s: double_pendulum_slope(s, lengths, masses), start, DURATION_S)

    def at(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = solution(t).T
        return now[:, :2], now[:, 2:]

    def states(t: np.ndarray) -> States:
        angle, rate = at(t)
        upper, upper_rate = _hung(angle[:, 0], rate[:, 0], lengths[0])
        lower, lower_rate = _hung(angle[:, 1], rate[:, 1], lengths[1])
        position, velocity = np.stack([upper, upper + lower], 1), np.stack([upper_rate, upper_rate + lower_rate], 1)
        return States(position, velocity, angle)

    colours, whole = pick_colours(2, rng), sum(lengths)
    # Iron bobs: the heavier one is the larger one.
    radii = [0.055 * whole * (mass / 0.2) ** (1 / 3) for mass in masses]
    balls = tuple(make_ball(c, r, rng, mass_kg=m) for c, r, m in zip(colours, radii, masses, strict=True))
    left, bottom, right, top = seen_box(states, DURATION_S, max(radii))
    return Motion(
        description=f"A {colours[0]} ball and below it a {colours[1]} ball swing on rods as a double pendulum.",
        bodies=balls,
        duration_s=DURATION_S,
        states=states,
        laws=(MotionLaw((0, 1), ("theta1", "theta2"), ("rad", "rad"), _double_law(lengths, masses), at),),
        view=(left, bottom, right, max(top, 0.05 * whole)),
        fixtures=(slab("beam", -0.04 * whole, -0.015 * whole, 0.04 * whole, 0.05 * whole),),
        links=(Link("rod", (0.0, 0.0), 0), Link("rod", 0, 1)),
        further={"gravity": (G_M_PER_S2, "m/s^2")},
    )


_MASS, _LENGTH = Range(0.1, 0.3, "kg", ((0.4, 0.6),)), Range(0.2, 0.35, "m")
WORLDS = (
    World(
        "pendulum",
        "A ball on a thread (on a rod where it would slacken), slightly damped.",
        {
            "length": Range(0.25, 0.6, "m", ((0.7, 1.0),)),
            "release angle": Range(0.25, 1.3, "rad", ((1.7, 2.6),)),
            "damping": Range(0.0, 0.12, "1/s", ((0.2, 0.4),)),
        },
        _pendulum,
    ),
    World(
        "double_pendulum",
        "Two balls on rods, one below the other, without friction.",
        {
            "length 1": _LENGTH,
            "length 2": _LENGTH,
            "mass 1": _MASS,
            "mass 2": _MASS,
            "release angle 1": Range(-1.2, 1.2, "rad", ((1.3, 1.6),)),
            "release angle 2": Range(-1.2, 1.2, "rad", ((1.3, 2.2),)),
        },
        _double_pendulum,
    ),
)
