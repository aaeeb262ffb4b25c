"""Springs: a block on a spring that hangs or slides, and two blocks between three springs.

Equations of motion are integrated to eleven digits.
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
    make_block,
    pick_colours,
    slab,
    turning_points,
    upright,
)
from motionlaw.data_builders.scene import Fixture, Link

DURATION_S = 3.0
LENGTH_M = 0.45  # of the spring at rest


def _spring(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    """One block on a spring, sliding on a rail or hanging from a ceiling."""
    m, k, c = values["mass"], values["stiffness"], values["damping"]
    hangs, side = bool(rng.random() < 0.5), 0.1 + 0.05 * rng.random()
    at = integrated(lambda _, s: (s[1], -k / m * s[0] - c / m * s[1]), (values["amplitude"], 0.0), DURATION_S)

    def states(t: np.ndarray) -> States:
        moving = np.zeros((2, len(t), 1, 2))
        moving[..., 0, 1 if hangs else 0] = at(t)
        return upright(moving[0], moving[1])

    colour, name = pick_colours(1, rng)[0], "y" if hangs else "x"
    block = make_block(colour, (side, side), m, rng)
    floor = -side / 2
    fixtures: tuple[Fixture, ...]
    if hangs:
        fixtures = (slab("ceiling", -0.3, LENGTH_M, 0.3, LENGTH_M + 0.03),)
        anchor, view = (0.0, LENGTH_M), (-0.4, -0.43, 0.4, LENGTH_M + 0.03)
    else:
        bed = slab("rail", -LENGTH_M, floor - 0.02, 0.5, floor)
        fixtures = (bed, slab("wall", -LENGTH_M - 0.03, floor - 0.02, -LENGTH_M, 0.15))
        anchor, view = (-LENGTH_M, 0.0), (-LENGTH_M - 0.03, -0.22, 0.45, 0.22)
    ends = ("highest", "lowest") if hangs else ("rightmost", "leftmost")
    seen = "hangs from a spring and bobs up and down" if hangs else "on a spring slides to and fro"
    further = {"angular frequency": (float(np.sqrt(k / m)), "rad/s")}
    return Motion(
        description=f"A {colour} block {seen}.",
        bodies=(block,),
        duration_s=DURATION_S,
        states=states,
        laws=(line_law(name, f"-{k / m:.6g}*{name} - {c / m:.6g}*v", at),),
        view=view,
        events=turning_points(lambda t: at(t)[1], block.name, DURATION_S, details=ends),
        fixtures=fixtures,
        links=(Link("spring", anchor, 0),),
        further=further | ({"gravity": (G_M_PER_S2, "m/s^2")} if hangs else {}),
    )


def _coupled(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """Two blocks between two walls, on three springs."""
    m = np.array([values["mass 1"], values["mass 2"]])
    outer, inner = values["outer stiffness"], values["inner stiffness"]
    pull = np.array([[outer + inner, -inner], [-inner, outer + inner]]) / m[:, None]
    start = (*(rng.choice([-1.0, 1.0]) * values[f"displacement {k}"] for k in (1, 2)), 0.0, 0.0)

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        return np.concatenate([state[2:], -pull @ state[:2]])

    solution = integrated(slope, start, DURATION_S)
    side, apart = 0.1, 0.5
    x1, x2 = solution(np.linspace(0.0, DURATION_S, 600))[:2]
    if np.min(apart + x2 - x1) < 1.3 * side or max(np.ptp(x1), np.ptp(x2)) > 0.5:
        return None  # the blocks would touch, or a spring be pressed flat

    def at(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = solution(t).T
        return now[:, :2], now[:, 2:]

    def states(t: np.ndarray) -> States:
        moving = np.zeros((2, len(t), 2, 2))
        moving[..., 0] = at(t)
        moving[0, ..., 0] += [-apart / 2, apart / 2]
        return upright(moving[0], moving[1])

    colours = pick_colours(2, rng)
    blocks = tuple(make_block(colour, (side, side), mass, rng) for colour, mass in zip(colours, m, strict=True))
    law = {
        "v_x1": f"-{pull[0, 0]:.6g}*x1 + {-pull[0, 1]:.6g}*x2",
        "v_x2": f"{-pull[1, 0]:.6g}*x1 - {pull[1, 1]:.6g}*x2",
    }
    end, floor = 3 * apart / 2, -side / 2
    walls = tuple(slab("wall", x, floor - 0.02, x + 0.03, 0.16) for x in (-end - 0.03, end))
    ends = ("rightmost", "leftmost")
    turns = (
        *turning_points(lambda t: at(t)[1][:, 0], blocks[0].name, DURATION_S, details=ends),
        *turning_points(lambda t: at(t)[1][:, 1], blocks[1].name, DURATION_S, details=ends),
    )
    return Motion(
        description=f"A {colours[0]} block and a {colours[1]} block slide on springs that couple them.",
        bodies=blocks,
        duration_s=DURATION_S,
        states=states,
        laws=(MotionLaw((0, 1), ("x1", "x2"), ("m", "m"), law, at),),
        view=(-end - 0.03, -0.3, end + 0.03, 0.3),
        events=turns,
        fixtures=(slab("rail", -end - 0.03, floor - 0.02, end + 0.03, floor), *walls),
        links=(Link("spring", (-end, 0.0), 0), Link("spring", 0, 1), Link("spring", 1, (end, 0.0))),
    )


_DISPLACEMENT = Range(0.08, 0.17, "m")
WORLDS = (
    World(
        "spring",
        "A block on a spring, hanging or sliding, slightly damped; x or y is measured from where it rests.",
        {
            "mass": Range(0.1, 0.5, "kg", ((0.5, 0.9),)),
            "stiffness": Range(4.0, 25.0, "N/m", ((25.0, 45.0),)),
            "damping": Range(0.0, 0.1, "kg/s", ((0.15, 0.3),)),
            "amplitude": Range(0.12, 0.3, "m", ((0.05, 0.1),)),
        },
        _spring,
    ),
    World(
        "coupled_springs",
        "Two blocks between two walls on three springs, without friction; x1 and x2 are measured from where they rest.",
        {
            "mass 1": Range(0.2, 0.5, "kg", ((0.6, 1.0),)),
            "mass 2": Range(0.2, 0.5, "kg", ((0.6, 1.0),)),
            "outer stiffness": Range(4.0, 15.0, "N/m"),
            "inner stiffness": Range(2.0, 15.0, "N/m", ((0.5, 1.5), (18.0, 25.0))),
            "displacement 1": _DISPLACEMENT,
            "displacement 2": _DISPLACEMENT,
        },
        _coupled,
    ),
)
