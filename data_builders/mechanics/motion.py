"""What a world is made of: declared ranges, and a motion that can be asked where everything is at any time.

Every number that a world draws is a `Range` in its table; a draw for ``test_ood`` takes some of them from outside the
training range. Leaves out the camera and the picture (`staging`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.data_builders.scene import COLOURS, Body, Fixture, Link, SceneEvent

G_M_PER_S2 = 9.81
GREY = (96, 92, 90)  # of floors, walls and rails
DENSITY_KG_PER_M3 = 700.0  # of wood: balls and blocks whose mass is not drawn


@dataclass(frozen=True)
class Range:
    """A number that is drawn uniformly.

    Args:
        low: From.
        high: To.
        unit: Its unit.
        ood: Stretches outside, for ``test_ood``.
        is_whole: Whether it is a whole number, both ends included.
    """

    low: float
    high: float
    unit: str
    ood: tuple[tuple[float, float], ...] = ()
    is_whole: bool = False


@dataclass(frozen=True)
class States:
    """Where B bodies are at T times.

    Args:
        position: Centres, shape (T, B, 2), metres, y up.
        velocity: Shape (T, B, 2), metres per second; just after a contact, where one falls on the time.
        angle: Turned from the drawing's own axes, shape (T, B), radians, counter-clockwise.
    """

    position: np.ndarray
    velocity: np.ndarray
    angle: np.ndarray


def upright(position: np.ndarray, velocity: np.ndarray) -> States:
    """Returns the states of bodies that do not turn; both arguments of shape (T, B, 2)."""
    return States(position, velocity, np.zeros(position.shape[:2]))


@dataclass(frozen=True)
class MotionLaw:
    """A true law of a motion and the coordinates that it is written in.

    Args:
        bodies: Numbers of the bodies.
        coordinates: Their names, e.g. ``("theta",)``.
        units: One a coordinate.
        law: Right-hand sides by state.
        at: Coordinates, shape (T, D), and their rates, shape (T, D), at times, shape (T,).
        t_start: From when it holds, seconds.
        t_end: Until when; contacts interrupt it.
    """

    bodies: tuple[int, ...]
    coordinates: tuple[str, ...]
    units: tuple[str, ...]
    law: Mapping[str, str]
    at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    t_start: float = 0.0
    t_end: float = np.inf


@dataclass(frozen=True)
class Motion:
    """One motion of a world.

    Args:
        description: What is seen, in plain words.
        bodies: What moves.
        duration_s: Length of the clip.
        states: Where everything is at given times, shape (T,), from slightly before 0 to slightly past the end.
        laws: The true laws.
        view: What must be seen: left, bottom, right, top, metres.
        events: What happens; staging adds what depends on the picture.
        fixtures: What does not move.
        links: Threads, rods, springs.
        is_view_exact: Whether the view is the frame's edge, as in phyworld, not only to be inside it.
        further: Numbers that follow from the drawn ones: value and unit by name.
    """

    description: str
    bodies: tuple[Body, ...]
    duration_s: float
    states: Callable[[np.ndarray], States]
    laws: tuple[MotionLaw, ...]
    view: tuple[float, float, float, float]
    events: tuple[SceneEvent, ...] = ()
    fixtures: tuple[Fixture, ...] = ()
    links: tuple[Link, ...] = ()
    is_view_exact: bool = False
    further: Mapping[str, tuple[float, str]] | None = None


@dataclass(frozen=True)
class World:
    """A kind of world.

    Args:
        name: What it is called.
        about: One sentence for the dataset's card.
        ranges: What is drawn, by name.
        play: Makes the motion from the drawn numbers; ``None`` asks for another draw.
        frame_size: Width and height in pixels where the world fixes them.
        fps: Frames a second where the world fixes them.
    """

    name: str
    about: str
    ranges: Mapping[str, Range]
    play: Callable[[Mapping[str, float], np.random.Generator], Motion | None]
    frame_size: tuple[int, int] | None = None
    fps: float | None = None


def draw_values(world: World, rng: np.random.Generator, *, is_ood: bool) -> dict[str, float]:
    """Draws a world's numbers, to four significant digits so that they can be printed as they are.

    Args:
        world: The world.
        rng: The random numbers.
        is_ood: Whether at least one number is taken from outside the training range.
    """
    outer = [name for name, each in world.ranges.items() if each.ood]
    chosen: set[str] = set()
    if is_ood:
        chosen = {name for name in outer if rng.random() < 0.5} or {outer[rng.integers(len(outer))]}
    values = {}
    for name, each in world.ranges.items():
        low, high = each.ood[rng.integers(len(each.ood))] if name in chosen else (each.low, each.high)
        value = rng.integers(int(low), int(high) + 1) if each.is_whole else rng.uniform(low, high)
        values[name] = float(f"{value:.4g}")
    return values


def pick_colours(count: int, rng: np.random.Generator) -> list[str]:
    """Picks colours for bodies, no two alike."""
    return [str(name) for name in rng.permutation(sorted(COLOURS))[:count]]


def pick_texture(rng: np.random.Generator) -> str:
    """Picks how a body is painted; half are plain."""
    return str(rng.choice(["plain", "plain", "plain", "striped", "dotted", "ringed"]))


def make_ball(colour: str, radius_m: float, rng: np.random.Generator, *, mass_kg: float | None = None) -> Body:
    """Makes a ball; of wood, if its mass is not given."""
    mass = DENSITY_KG_PER_M3 * 4 / 3 * np.pi * radius_m**3 if mass_kg is None else mass_kg
    size = (2 * radius_m, 2 * radius_m)
    return Body(f"{colour} ball", "ball", colour, size, float(f"{mass:.4g}"), pick_texture(rng))


def slab(
    name: str, left: float, bottom: float, right: float, top: float, *, rgb: tuple[int, int, int] = GREY
) -> Fixture:
    """Makes an upright rectangle that does not move, edges in metres."""
    return Fixture(name, ((left, bottom), (right, bottom), (right, top), (left, top)), rgb)


def make_block(colour: str, size_m: tuple[float, float], mass_kg: float, rng: np.random.Generator) -> Body:
    """Makes a block."""
    return Body(f"{colour} block", "block", colour, size_m, mass_kg, pick_texture(rng))


def line_law(
    coordinate: str,
    law: str,
    at: Callable[[np.ndarray], Iterable[np.ndarray]],
    *,
    body: int = 0,
    unit: str = "m",
    t_end: float = np.inf,
) -> MotionLaw:
    """Returns a body's law in one coordinate; ``at`` gives it and its rate, shape (T,), at times, shape (T,)."""

    def columns(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, v = at(t)
        return x[:, None], v[:, None]

    return MotionLaw((body,), (coordinate,), (unit,), {"v": law}, columns, t_end=t_end)


def plane_law(
    states: Callable[[np.ndarray], States],
    body: int,
    law: Mapping[str, str],
    *,
    t_start: float = 0.0,
    t_end: float = np.inf,
) -> MotionLaw:
    """Returns a body's law in x and y."""

    def at(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now = states(t)
        return now.position[:, body], now.velocity[:, body]

    return MotionLaw((body,), ("x", "y"), ("m", "m"), law, at, t_start, t_end)


def integrated(
    slope: Callable[[Any, Any], Any], state: Sequence[float], duration_s: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Integrates equations of motion to a relative error of 1e-11 by an eighth-order method.

    Args:
        slope: Time derivative of the state.
        state: At t = 0, shape (n,).
        duration_s: How far.

    Returns:
        The state, shape (n, T), at times, shape (T,), from a twentieth of a second before 0 to as much past the end.

    Source: DOP853, Hairer, Nørsett & Wanner (1993), through SciPy.
    """
    from scipy.integrate import solve_ivp

    spare = 0.05
    options: dict[str, Any] = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12, "dense_output": True}
    later = solve_ivp(slope, (0.0, duration_s + spare), state, **options).sol
    before = solve_ivp(slope, (0.0, -spare), state, **options).sol
    return lambda t: np.where(np.asarray(t) < 0, before(np.minimum(t, 0.0)), later(np.maximum(t, 0.0)))


def seen_box(
    states: Callable[[np.ndarray], States], duration_s: float, radius_m: float
) -> tuple[float, float, float, float]:
    """Returns left, bottom, right and top of where bodies of a radius get to, metres."""
    position = states(np.linspace(0.0, duration_s, 500)).position.reshape(-1, 2)
    low, high = position.min(axis=0) - radius_m, position.max(axis=0) + radius_m
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def crossings(value: Callable[[np.ndarray], np.ndarray], start: float, stop: float, *, step: float) -> list[float]:
    """Finds the times at which a function changes its sign, to rounding.

    Args:
        value: The function, from times, shape (T,), to values, shape (T,).
        start: From, seconds.
        stop: To, seconds.
        step: Two changes must be further apart than this.
    """
    from scipy.optimize import brentq

    t = np.arange(start, stop + step / 2, step)
    signs = np.sign(value(t))
    changed = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    return [float(brentq(lambda s: float(value(np.array([s]))[0]), t[k], t[k + 1], xtol=1e-13)) for k in changed]


def turning_points(
    rate: Callable[[np.ndarray], np.ndarray], name: str, duration_s: float, *, details: tuple[str, str] = ("", "")
) -> tuple[SceneEvent, ...]:
    """Finds where a coordinate turns back.

    Args:
        rate: Its velocity at times, shape (T,).
        name: Whose coordinate it is.
        duration_s: From 0 to when.
        details: What to say where it stops growing, and where it stops shrinking.
    """
    grows = bool(rate(np.array([0.005]))[0] > 0)
    events = []
    for t in crossings(rate, 0.0, duration_s, step=0.01):
        events.append(SceneEvent(t, "turning point", (name,), details[0] if grows else details[1]))
        grows = not grows
    return tuple(events)
