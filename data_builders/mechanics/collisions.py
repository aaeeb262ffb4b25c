"""Things that meet: a bouncing ball, billiard balls, carts on a track. Exact from contact to contact (`contacts`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motionlaw.data_builders.mechanics.contacts import Disc, Played, Table, contact_events, highest_points, play_discs
from motionlaw.data_builders.mechanics.motion import (
    G_M_PER_S2,
    Motion,
    Range,
    World,
    line_law,
    make_ball,
    pick_colours,
    plane_law,
    slab,
)
from motionlaw.data_builders.scene import Body

RAIL, CLOTH = (94, 62, 40), (64, 126, 88)
SIDE_NAMES = {"left": "left cushion", "right": "right cushion", "bottom": "lower cushion", "top": "upper cushion"}


def _bouncing(values: Mapping[str, float], rng: np.random.Generator) -> Motion:
    """A ball that is thrown sideways and bounces on a floor."""
    duration, radius, height, speed = 2.5, 0.06, values["height"], values["speed"]
    sign = 1.0 if rng.random() < 0.5 else -1.0
    far = speed * duration
    table = Table((-np.inf, np.inf, 0.0, np.inf), G_M_PER_S2, wall_restitution=values["restitution"])
    start = Disc((-sign * far / 2, height + radius), (sign * speed, 0.0), radius, 0.1)
    played = play_discs([start], table, duration)
    colour = pick_colours(1, rng)[0]
    ball = replace(make_ball(colour, radius, rng, mass_kg=0.1), properties={"restitution": values["restitution"]})
    rest = next((c.t for c in played.contacts if c.speed_after == 0), np.inf)
    half = max(far / 2 + 2 * radius, 0.6 * height)
    return Motion(
        description=f"A {colour} ball is thrown to the {'right' if sign > 0 else 'left'} and bounces on a floor.",
        bodies=(ball,),
        duration_s=duration,
        states=played.states,
        laws=(plane_law(played.states, 0, {"v_x": "0", "v_y": f"{-G_M_PER_S2}"}, t_end=rest),),
        view=(-half, -0.08, half, height + 2 * radius),
        events=(*contact_events(played, [ball], walls={"bottom": "floor"}), *highest_points(played, 0, ball.name)),
        fixtures=(slab("floor", -9.0, -0.5, 9.0, 0.0),),
        further={"gravity": (G_M_PER_S2, "m/s^2"), "radius": (radius, "m")},
    )


def _moving_spans(played: Played, disc: int, duration_s: float) -> tuple[float, float]:
    """From when to when a disc first moves."""
    moves = [bool(np.any(piece.v[disc])) for piece in played.pieces]
    if not any(moves):
        return duration_s, duration_s
    first = moves.index(True)
    last = next((k for k in range(first, len(moves)) if not moves[k]), None)
    return played.pieces[first].t, np.inf if last is None else played.pieces[last].t


def _billiards(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """A ball is shot at others that lie on a table with cushions, seen from above."""
    duration, count, radius = 3.0, int(values["balls"]), 0.06
    walls = (-1.0, 1.0, -0.5, 0.5)
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform([walls[0] + 0.1, walls[2] + 0.1], [walls[1] - 0.1, walls[3] - 0.1])
        if all(np.hypot(*(place - other)) > 3 * radius for other in places):
            places.append(place)
    aim = places[1] + rng.uniform(-radius, radius, 2) - places[0]
    shot = values["speed"] * aim / np.hypot(*aim)
    mass = 0.17
    discs = [
        Disc((float(x), float(y)), (float(shot[0]), float(shot[1])) if k == 0 else (0.0, 0.0), radius, mass)
        for k, (x, y) in enumerate(places)
    ]
    deceleration = values["rolling friction"] * G_M_PER_S2
    table = Table(walls, 0.0, deceleration, values["cushion restitution"], values["restitution"])
    played = play_discs(discs, table, duration)
    if not any(contact.second is not None for contact in played.contacts):
        return None
    colours = [colour for colour in pick_colours(8, rng) if colour != "green"][:count]
    balls = [make_ball(colour, radius, rng, mass_kg=mass) for colour in colours]
    law = {axis: f"-{deceleration:.6g}*{axis}/sqrt(v_x**2 + v_y**2)" for axis in ("v_x", "v_y")}
    spans = [_moving_spans(played, k, duration) for k in range(count)]
    edge = 0.07
    rails = [
        slab("cushion", -1 - edge, -0.5 - edge, 1 + edge, -0.5, rgb=RAIL),
        slab("cushion", -1 - edge, 0.5, 1 + edge, 0.5 + edge, rgb=RAIL),
        slab("cushion", -1 - edge, -0.5, -1.0, 0.5, rgb=RAIL),
        slab("cushion", 1.0, -0.5, 1 + edge, 0.5, rgb=RAIL),
    ]
    return Motion(
        description=f"A {colours[0]} ball is shot at {count - 1} others on a table with cushions, seen from above.",
        bodies=tuple(balls),
        duration_s=duration,
        states=played.states,
        laws=tuple(
            plane_law(played.states, k, law, t_start=start, t_end=stop)
            for k, (start, stop) in enumerate(spans)
            if start < duration
        ),
        view=(-1 - edge, -0.5 - edge, 1 + edge, 0.5 + edge),
        events=contact_events(played, balls, walls=SIDE_NAMES),
        fixtures=(slab("cloth", -1.0, -0.5, 1.0, 0.5, rgb=CLOTH), *rails),
        further={"radius": (radius, "m"), "mass": (mass, "kg"), "deceleration": (deceleration, "m/s^2")},
    )


def _carts(values: Mapping[str, float], rng: np.random.Generator) -> Motion | None:
    """Two carts that run into each other on a level track with end stops."""
    duration, end, tall = 3.0, 0.95, 0.12
    masses = values["mass 1"], values["mass 2"]
    lengths = rng.uniform(0.14, 0.32, 2).round(3).tolist()  # no frame tells which is heavier
    starts, speeds = (-0.5, rng.uniform(0.0, 0.4)), (values["speed 1"], values["speed 2"])
    discs = [
        Disc((x, 0.0), (v, 0.0), length / 2, mass)
        for x, v, length, mass in zip(starts, speeds, lengths, masses, strict=True)
    ]
    table = Table((-end, end, -np.inf, np.inf), wall_restitution=0.9, restitution=values["restitution"])
    played = play_discs(discs, table, duration)
    meets = [contact.t for contact in played.contacts if contact.second is not None]
    if not meets or meets[0] > 0.7 * duration:
        return None
    colours = pick_colours(2, rng)
    carts = tuple(
        Body(f"{colour} cart", "cart", colour, (length, tall), mass, properties={"restitution": values["restitution"]})
        for colour, length, mass in zip(colours, lengths, masses, strict=True)
    )

    def at(number: int):
        def along(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            now = played.states(t)
            return now.position[:, number, 0], now.velocity[:, number, 0]

        return along

    floor = -tall / 2
    stops = [slab("end stop", x, floor - 0.03, x + 0.03, 0.1) for x in (-end - 0.03, end)]
    return Motion(
        description=f"A {colours[0]} cart and a {colours[1]} cart collide on a level track.",
        bodies=carts,
        duration_s=duration,
        states=played.states,
        laws=tuple(line_law("x", "0", at(k), body=k) for k in range(2)),
        view=(-end - 0.03, -0.35, end + 0.03, 0.35),
        events=contact_events(played, carts, walls={"left": "left end stop", "right": "right end stop"}),
        fixtures=(slab("track", -end - 0.03, floor - 0.03, end + 0.03, floor), *stops),
        further={"end stop restitution": (0.9, "")},
    )


WORLDS = (
    World(
        "bouncing",
        "A ball is thrown sideways and bounces on a floor.",
        {
            "height": Range(0.5, 1.4, "m", ((1.5, 2.0),)),
            "speed": Range(0.2, 0.9, "m/s", ((1.0, 1.4),)),
            "restitution": Range(0.55, 0.88, "", ((0.3, 0.45), (0.92, 0.97))),
        },
        _bouncing,
    ),
    World(
        "billiards",
        "A ball is shot at others on a table of 2 by 1 metres with cushions, from above; balls slow down by friction.",
        {
            "balls": Range(3, 5, "", is_whole=True),
            "speed": Range(0.8, 2.2, "m/s", ((2.4, 3.2),)),
            "rolling friction": Range(0.01, 0.04, "", ((0.05, 0.08),)),
            "restitution": Range(0.9, 0.98, ""),
            "cushion restitution": Range(0.6, 0.9, "", ((0.3, 0.5),)),
        },
        _billiards,
    ),
    World(
        "carts",
        "Two carts collide on a level track without friction.",
        {
            "mass 1": Range(0.2, 0.8, "kg", ((0.9, 1.3),)),
            "mass 2": Range(0.2, 0.8, "kg", ((0.9, 1.3),)),
            "speed 1": Range(0.3, 0.9, "m/s"),
            "speed 2": Range(-0.6, 0.1, "m/s"),
            "restitution": Range(0.5, 1.0, "", ((0.1, 0.4),)),
        },
        _carts,
    ),
)
