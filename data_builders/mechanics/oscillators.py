"""Springs: a block on a spring that hangs or slides, and two blocks on three springs.

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
    crossings,
    integrated,
    pick_colours,
    pick_texture,
)
from motionlaw.data_builders.scene import Body, Fixture, Link, SceneEvent

DURATION_S = 3.0
GREY = (96, 92, 90)


def turning_points(
    rate: np.ndarray | object, name: str, duration_s: float, *, step: float = 0.01
) -> tuple[SceneEvent, ...]:
    """Events where a coordinate turns back; ``rate`` gives its velocity at times, shape (T,)."""
    return tuple(SceneEvent(t, "turning point", (name,)) for t in crossings(rate, 0.0, duration_s, step=step))  # type: ignore[arg-type]


def _block(colour: str, side: float, mass: float, rng: np.random.Generator) -> Body:
    return Body(f"{colour} block", "block", colour, (side, side), mass, pick_texture(rng))


def _spring(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    """One block on a spring, sliding on a rail or hanging from a ceiling."""
    m, k, c = values["mass"], values["stiffness"], values["damping"]
    hangs, side, length = rng.random() < 0.5, 0.06 + 0.04 * rng.random(), 0.45
    solution = integrated(lambda _, s: (s[1], -k / m * s[0] - c / m * s[1]), (values["amplitude"], 0.0), DURATION_S)

    def at(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, v = solution(t)
        return x[:, None], v[:, None]

    def states(t: np.ndarray) -> States:
        x, v = at(t)
        still = np.zeros_like(x)
        along = (lambda p, q: np.stack([q, p], axis=2)) if hangs else (lambda p, q: np.stack([p, q], axis=2))
        return States(along(x, still), along(v, still), np.zeros_like(x))

    colour = pick_colours(1, rng)[0]
    block = _block(colour, side, m, rng)
    if hangs:
        fixed = Fixture("ceiling", ((-0.3, length), (0.3, length), (0.3, length + 0.03), (-0.3, length + 0.03)), GREY)
        fixtures, anchor, view = (fixed,), (0.0, length), (-0.4, -0.45, 0.4, length + 0.03)
    else:
        bed = Fixture(
            "rail", ((-length, -side / 2 - 0.02), (0.5, -side / 2 - 0.02), (0.5, -side / 2), (-length, -side / 2)), GREY
        )
        wall = Fixture(
            "wall",
            ((-length - 0.03, -side / 2 - 0.02), (-length, -side / 2 - 0.02), (-length, 0.15), (-length - 0.03, 0.15)),
            GREY,
        )
        fixtures, anchor, view = (bed, wall), (-length, 0.0), (-length - 0.03, -0.25, 0.5, 0.25)
    where = "hangs from a spring and bobs up and down" if hangs else "on a spring slides to and fro"
    law = MotionLaw(
        (0,), ("y" if hangs else "x",), ("m",), {"v": f"-{k / m:.6g}*{'y' if hangs else 'x'} - {c / m:.6g}*v"}, at
    )
    return Motion(
        description=f"A {colour} block {where}.",
        bodies=(block,),
        duration_s=DURATION_S,
        states=states,
        laws=(law,),
        view=view,
        events=turning_points(lambda t: at(t)[1][:, 0], block.name, DURATION_S),
        fixtures=fixtures,
        links=(Link("spring", anchor, 0),),
        further={"angular frequency": (float(np.sqrt(k / m)), "rad/s")}
        | ({"gravity": (G_M_PER_S2, "m/s^2")} if hangs else {}),
    )


WORLDS = (
    World(
        "spring",
        "A block on a spring, hanging or sliding, slightly damped; x or y is measured from where it rests.",
        {
            "mass": Range(0.1, 0.5, "kg", ((0.5, 0.9),)),
            "stiffness": Range(4.0, 25.0, "N/m", ((25.0, 45.0),)),
            "damping": Range(0.0, 0.1, "kg/s", ((0.15, 0.3),)),
            "amplitude": Range(0.1, 0.3, "m", ((0.04, 0.08),)),
        },
        _spring,
    ),
)
