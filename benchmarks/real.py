"""Real videos and tables with known answers, through the same call as ``motionlaw discover``: one table of what held.

    python benchmarks/real.py [--only NAME] [--data FOLDER] [--out docs/real.md]

Every case gets its file and the scale, nothing else; where several things move, clicks are allowed and counted.
The truth comes from the folder's own labels or from the people who measured it (each folder's SOURCE.md).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.discover import discover
from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Discovery
from motionlaw.tools.motion import smooth


@dataclass(frozen=True)
class Claim:
    """One number that must come out: what was found, the truth, and how far it may be off (as a share)."""

    what: str
    found: float | None
    truth: float
    share: float

    @property
    def error(self) -> float:
        """Distance from the truth as a share of it; infinite where nothing was found."""
        if self.found is None or not math.isfinite(self.found):
            return math.inf
        return abs(self.found - self.truth) / abs(self.truth) if self.truth else abs(self.found)

    @property
    def holds(self) -> bool:
        """Whether the number is near enough."""
        return self.error <= self.share


@dataclass(frozen=True)
class Case:
    """A file, how to read it, and the claims its discovery must meet."""

    name: str
    path: str
    claims: Callable[[Discovery, Path], list[Claim]]
    reading: dict[str, Any] = field(default_factory=dict)

    @property
    def clicks(self) -> int:
        """Number of clicks the case is given."""
        return len(self.reading.get("track", ()))


def quantity(found: Discovery, name: str) -> float | None:
    """A number of the discovery by the start of its name."""
    return next((q.value for q in found.quantities if q.name.startswith(name)), None)


def right_side(found: Discovery, target: str, **state: float) -> float | None:
    """The law's right-hand side at a state; states that are not given are 0."""
    if target not in found.law:
        return None
    values = dict.fromkeys([*found.state, "t"], 0.0) | state
    expression = parse(found.law[target], variables=list(values))
    return float(evaluate(expression, {name: np.array(value) for name, value in values.items()}))


def slope(found: Discovery, target: str, name: str, at: dict[str, float], size: float) -> float | None:
    """Derivative of the law's right-hand side by one state, by central difference over ``size``."""
    high = right_side(found, target, **at | {name: at.get(name, 0.0) + size})
    low = right_side(found, target, **at | {name: at.get(name, 0.0) - size})
    return None if high is None or low is None else (high - low) / (2 * size)


def stiffness(found: Discovery) -> float | None:
    """-∂a/∂x of a law of one coordinate, over the range that was seen."""
    position = np.concatenate([t.position[:, 0] for t in found.trajectories])
    middle, half = np.nanmean(position), np.nanstd(position)
    value = slope(found, "v", found.state[0], {found.state[0]: float(middle)}, float(half))
    return None if value is None else -value


def damping(found: Discovery) -> float | None:
    """-∂a/∂v of a law of one coordinate, over the velocities that were seen."""
    speed = np.concatenate([np.gradient(t.position[:, 0], t.t) for t in found.trajectories])
    middle = float(np.nanmean(np.concatenate([t.position[:, 0] for t in found.trajectories])))
    value = slope(found, "v", "v", {found.state[0]: middle}, float(np.nanstd(speed)))
    return None if value is None else -value


def has_sign(value: float | None, sign: int) -> float:
    """1.0 where a number has the sign, 0.0 otherwise: for claims about signs."""
    return float(value is not None and value * sign > 0)


def status_is(found: Discovery, status: str) -> Claim:
    """The claim that a discovery has a status."""
    return Claim(f"status {status}", float(found.status == status), 1.0, 0.0)


def spring_cart(found: Discovery, folder: Path) -> list[Claim]:
    return [
        Claim("k/m, 1/s²", stiffness(found), 6.1, 0.05),
        Claim("damping > 0", has_sign(damping(found), 1), 1.0, 0.0),
    ]


def simulated_cart(found: Discovery, folder: Path) -> list[Claim]:
    return [
        Claim("k/m, 1/s²", stiffness(found), 3.0, 0.01),
        Claim("c/m, 1/s", damping(found), 0.1, 0.05),
        Claim("terms", float(len(found.terms)), 3.0, 0.0),
    ]


def blender_pendulum(found: Discovery, folder: Path) -> list[Claim]:
    return [
        Claim("period, s", quantity(found, "period of small"), 0.553, 0.02),
        Claim("length, px", quantity(found, "radius"), 520.8, 0.02),
        Claim("sin(theta) in the law", float("sin(theta)" in str(found.law)), 1.0, 0.0),
        Claim("damping > 0", has_sign(damping(found), 1), 1.0, 0.0),
    ]


def phone(omega: float) -> Callable[[Discovery, Path], list[Claim]]:
    def claims(found: Discovery, folder: Path) -> list[Claim]:
        period = quantity(found, "measured period") or quantity(found, "period of small")
        return [Claim("angular frequency, rad/s", 2 * math.pi / period if period else None, omega, 0.02)]

    return claims


def ball_drop(found: Discovery, folder: Path) -> list[Claim]:
    told = any("Drag cannot be told" in warning for warning in found.warnings)
    return [
        Claim("acceleration, m/s²", quantity(found, "acceleration of y"), -9.60, 0.03),
        Claim("drag cannot be told", float(told), 1.0, 0.0),
    ]


def terminal(speed: float) -> Callable[[Discovery, Path], list[Claim]]:
    def claims(found: Discovery, folder: Path) -> list[Claim]:
        value = quantity(found, "terminal velocity")
        return [Claim("terminal speed, m/s", None if value is None else abs(value), speed, 0.05)]

    return claims


def ball_in_oil(found: Discovery, folder: Path) -> list[Claim]:
    return [Claim("k/m, 1/s²", stiffness(found), 38.4, 0.05), Claim("b/m, 1/s", damping(found), 1.1, 0.3)]


def wheel(found: Discovery, folder: Path) -> list[Claim]:
    turn = quantity(found, "velocity of theta")
    return [
        Claim("angular speed, rad/s", None if turn is None else abs(turn), 22.73, 0.05),
        Claim("radius, m", quantity(found, "radius"), 0.301, 0.05),
        Claim("no angular acceleration", float(found.law.get("v") == "0"), 1.0, 0.0),
    ]


def drag_pendulum(found: Discovery, folder: Path) -> list[Claim]:
    meta = json.loads((folder / "meta.json").read_text())
    truth = meta["truth"]
    # The author's time step is 0.034 s, the film's 1/30 s: his period is in his time.
    slow = 1 / meta["video"]["container_fps"] / meta["dt_s"]
    return [
        Claim("period, s", quantity(found, "period of small"), truth["small_angle_period_s"] * slow, 0.02),
        Claim("damping > 0", has_sign(damping(found), 1), 1.0, 0.0),
    ]


def projectile(g: float) -> Callable[[Discovery, Path], list[Claim]]:
    def claims(found: Discovery, folder: Path) -> list[Claim]:
        sideways = quantity(found, "velocity of x")
        return [
            Claim("ay, m/s²", quantity(found, "acceleration of y"), g, 0.03),
            Claim("ax = 0", float(found.law.get("v_x") == "0" and sideways is not None), 1.0, 0.0),
        ]

    return claims


def thrown_from_truck(found: Discovery, folder: Path) -> list[Claim]:
    sideways = quantity(found, "mean velocity of x")
    truth = json.loads((folder / "meta.json").read_text())["truth"]
    fall = quantity(found, "acceleration of y")
    return [
        Claim("ay, m/s²", fall, truth["fit_of_human_track_ay"], 0.03),
        Claim("mean vx against the truck's speed, m/s", sideways, truth["truck_speed_m_per_s"], 0.1),
    ]


def uniform(speed: float) -> Callable[[Discovery, Path], list[Claim]]:
    def claims(found: Discovery, folder: Path) -> list[Claim]:
        along = [q.value for q in found.quantities if q.name.startswith("velocity of")]
        still = all(formula == "0" for formula in found.law.values()) and bool(found.law)
        return [
            Claim("speed, m/s", math.hypot(*along) if along else None, speed, 0.03),
            Claim("no acceleration", float(still), 1.0, 0.0),
        ]

    return claims


def track_velocity(folder: Path, track: str) -> np.ndarray:
    """Mean velocity of a human track in image pixels a second, y up, shape (2,)."""
    rows = [row for row in csv.DictReader((folder / "tracks.csv").open()) if row["track"] == track]
    t = np.array([float(row["t_s"]) for row in rows])
    place = np.array([[float(row["px_x"]), -float(row["px_y"])] for row in rows])
    return np.polyfit(t, place, 1)[0]


def drifting(found: Discovery, folder: Path) -> list[Claim]:
    claims = []
    for name, each in zip(("Car", "grass"), found.objects, strict=False):
        truth = track_velocity(folder, name)[0]
        along = quantity(each, "mean velocity of x")
        claims.append(Claim(f"image speed of {name}, px/s", along, float(truth), 0.1))
    return claims or [Claim("two objects", 0.0, 2.0, 0.0)]


def reversal(found: Discovery, name: str) -> Claim:
    """The claim that a velocity has the other sign after the contact."""
    before, after = (quantity(found, f"velocity of {name} {when} contact") for when in ("before", "after"))
    is_reversed = before is not None and after is not None and before * after < 0
    return Claim(f"velocity of {name} reverses", float(is_reversed), 1.0, 0.0)


def contact(frame: float, fps: float, *, bounces: bool) -> Callable[[Discovery, Path], list[Claim]]:
    def claims(found: Discovery, folder: Path) -> list[Claim]:
        times = [event.t for event in found.events if event.kind == "contact"]
        nearest = min(times, key=lambda t: abs(t * fps - frame)) * fps if times else None
        if bounces:
            law = [reversal(found, "x1"), reversal(found, "x2")]
        else:
            law = [Claim("mass ratio", quantity(found, "mass ratio"), 1.0, 0.25)]
        return [
            Claim("contact within 2 frames", None if nearest is None else float(abs(nearest - frame) <= 2), 1.0, 0.0),
            Claim("two objects", float(len(found.objects)), 2.0, 0.0),
            *law,
        ]

    return claims


def labelled(column: str, number: str, share: float) -> Callable[[Discovery, Path], list[Claim]]:
    """A claim whose truth stands in the folder's labels.csv."""

    def claims(found: Discovery, folder: Path) -> list[Claim]:
        rows = {row["file"]: row for row in csv.DictReader((folder / "labels.csv").open())}
        value = quantity(found, number)
        truth = float(rows[found.input][column])
        return [Claim(f"{number} against {column}", None if value is None else abs(value), truth, share)]

    return claims


def film_pendulum(found: Discovery, folder: Path) -> list[Claim]:
    return [Claim("period, s", quantity(found, "measured period"), 1.025, 0.02)]


def linked(found: Discovery, folder: Path) -> list[Claim]:
    gains = forecast_gains(found)
    return [
        Claim(f"0.5 s forecast ≥ 10 × constant acceleration (is {gains[0]:.3g} ×)", float(gains[0] >= 10), 1.0, 0.0),
        Claim(f"next step ≥ 10 × constant acceleration (is {gains[1]:.3g} ×)", float(gains[1] >= 10), 1.0, 0.0),
    ]


def forecast_gains(found: Discovery, *, horizon_s: float = 0.5) -> tuple[float, float]:
    """How many times better than constant acceleration the law forecasts the unseen tail: over 0.5 s, and one row.

    Both start from the same smoothed state; the error is the root mean square against the measured positions.
    """
    from motionlaw.tools.dynamics import Model, simulate

    if not found.law:
        return 0.0, 0.0
    far: list[np.ndarray] = []
    near: list[np.ndarray] = []
    names = [*found.state, "t"]
    law = [parse(formula, variables=names) for formula in found.law.values()]
    run = found.trajectories[0]
    model = Model(2, run.coordinates, tuple(law), (), np.zeros(0))
    for run in found.trajectories:
        kinematics = smooth(run.t, run.position)
        states = np.hstack([kinematics.position, kinematics.velocity])
        first = int(0.8 * len(run.t))
        last = int(np.searchsorted(run.t, run.t[-1] - horizon_s))
        for start in np.linspace(first, max(first, last - 1), 12).astype(int):
            for horizon, errors in ((horizon_s, far), (0.0, near)):
                stop = max(start + 1, int(np.searchsorted(run.t, run.t[start] + horizon)))
                if stop >= len(run.t):
                    continue
                dt = run.t[stop] - run.t[start]
                path = simulate(model, run.t[start : stop + 1], states[start])[-1, : len(run.coordinates)]
                constant = (
                    kinematics.position[start]
                    + kinematics.velocity[start] * dt
                    + kinematics.acceleration[start] * dt**2 / 2
                )
                errors.append(np.stack([path - run.position[stop], constant - run.position[stop]]))
    gains = []
    for errors in (far, near):
        law_error, constant_error = np.sqrt(np.mean(np.square(errors), axis=(0, 2))) if errors else (np.inf, 0.0)
        gains.append(float(constant_error / law_error))
    return gains[0], gains[1]


def refused(found: Discovery, folder: Path) -> list[Claim]:
    return [status_is(found, "refused"), Claim("a reason is given", float(bool(found.reason)), 1.0, 0.0)]


def cases(data: Path) -> Iterator[Case]:
    """All cases, in the order of the issue's table."""
    for name in ("real_linear_h_1", "real_linear_a_1"):
        yield Case(f"air-track cart, {name}", f"schmidt_lipson_2009/{name}.txt", spring_cart)
    for name in ("linear_h_1", "lienar_a_1"):
        yield Case(f"simulated cart, {name}", f"schmidt_lipson_2009/{name}.txt", simulated_cart)
    yield Case("real double pendulum", "schmidt_lipson_2009/real_double_pend_h_1.txt", linked)
    yield Case("simulated double pendulum", "schmidt_lipson_2009/double_pend_h_1.txt", linked)
    for run in (0, 2):
        yield Case(f"IBM double pendulum {run}", f"ibm_double_pendulum/run_{run}.csv", linked, {"fps": 400.0})
    yield Case("Blender pendulum", "blender_tracked_ball_and_pendulum/PENDULUM.csv", blender_pendulum, {"fps": 60.0})
    yield Case("phone pendulum, long, 15°", "phone_pendulum/long_theta15.csv", phone(6.10))
    yield Case("phone pendulum, short, 45°", "phone_pendulum/short_theta45.csv", phone(7.67))
    yield Case("ball drop", "student_ball_drop/black_ball.txt", ball_drop)
    yield from osp_cases()
    for path in sorted((data / "video_mass_spring").glob("*.mp4")):
        yield Case(f"mass on spring {path.stem}", f"video_mass_spring/{path.name}",
                   labelled("period_s_measured", "measured period", 0.02))  # fmt: skip
    for path in sorted((data / "video_cart_newton2").glob("*.mp4")):
        yield Case(f"pulled cart {path.stem}", f"video_cart_newton2/{path.name}",
                   labelled("a_measured_px_per_s2", "mean acceleration of x", 0.05))  # fmt: skip
    yield Case("pendulum film", "video_pendulum/film1_vga.mp4", film_pendulum)


def osp_cases() -> Iterator[Case]:
    """The Tracker clips: from the video alone, and from a click where several things move."""
    clip = "osp_tracker_clips/{}/video.mp4".format
    cup = "86.966px=1m"
    yield Case("cup 3 falling", clip("cups_falling"), terminal(2.13), {"scale": cup, "track": ["204.2,50.3@0.234"]})
    yield Case("cup 7 falling", clip("cups_falling"), terminal(3.40), {"scale": cup, "track": ["252,98.4@0.434"]})
    yield Case("ball in oil (human track)", "osp_tracker_clips/ball_in_oil/tracks.csv", ball_in_oil)
    yield Case("ball in oil (video)", clip("ball_in_oil"), ball_in_oil, {"scale": "2843.3px=1m"})
    yield Case("bicycle wheel", clip("bicycle_wheel"), wheel, {"scale": "285.07px=1m", "track": ["200.9,94.4@0.1"]})
    yield Case(
        "car seen from a train",
        clip("car_and_moving_camera"),
        drifting,
        {"track": ["189.5,213.8@0.1", "201.3,224.9@0.267"]},
    )
    yield Case(
        "pucks that bounce",
        clip("collision_pucks_bounce"),
        contact(5.5, 1 / 0.066, bounces=True),
        {"track": ["85,328@0.198", "455,330@0.198"]},
    )
    yield Case("galileo's projectile", clip("galileo_projectile"), projectile(-9.87), {"scale": "320px=1m"})
    yield Case(
        "pendulum with drag", clip("pendulum_drag"), drag_pendulum, {"scale": "532.74px=1m", "track": ["263,320@1.933"]}
    )
    yield Case(
        "pucks collide",
        clip("pucks_collide"),
        contact(15.3, 29.97, bounces=False),
        {"track": ["132,120.5@0.367", "189,172.6@0.367"]},
    )
    yield Case(
        "ball from a truck",
        clip("truck_projectile"),
        thrown_from_truck,
        {"scale": "17.979px=1m", "track": ["124,132.8@0.801"]},
    )
    yield Case(
        "uniform ball",
        clip("uniform_ball_fast"),
        uniform(0.533),
        {"scale": "262.47px=1m", "track": ["195.3,290.9@0.667"]},
    )


def made_noise(folder: Path) -> list[Case]:
    """White noise, a random walk and Brownian dust, written as tables."""
    rng = np.random.default_rng(7)
    steps = rng.normal(size=(600, 2))
    made = {
        "white noise": steps[:, :1],
        "random walk": np.cumsum(steps[:, :1], axis=0),
        "Brownian dust": np.cumsum(steps, axis=0) + 0.3 * rng.normal(size=(600, 2)),
    }
    found = []
    for name, path in made.items():
        file = folder / f"{name.replace(' ', '_')}.csv"
        columns = ["t", "x", "y"][: path.shape[1] + 1]
        np.savetxt(
            file, np.column_stack([np.arange(600) / 30, path]), delimiter=",", header=",".join(columns), comments=""
        )
        found.append(Case(name, str(file), refused))
    return found


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: Case
    law: str
    claims: list[Claim]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every claim of the case holds."""
        return bool(self.claims) and all(claim.holds for claim in self.claims)

    def line(self) -> str:
        """The row in Markdown."""
        found = "; ".join(
            f"{c.what}: {'–' if c.found is None else f'{c.found:.4g}'} ({c.truth:.4g})" for c in self.claims
        )
        worst = max((claim.error for claim in self.claims), default=math.inf)
        mark = "yes" if self.holds else "**no**"
        cells = (self.case.name, self.case.clicks, f"`{self.law}`", found, f"{worst:.1%}", f"{self.seconds:.1f}", mark)
        return f"| {' | '.join(map(str, cells))} |"


def run(case: Case, data: Path) -> Row:
    """Runs one case."""
    path = Path(case.path) if Path(case.path).is_absolute() else data / case.path
    started = time.perf_counter()
    try:
        found = discover([path], **case.reading)
    except UserError as error:
        return Row(case, f"refused input: {error}", [], time.perf_counter() - started)
    seconds = time.perf_counter() - started
    laws = [each.law for each in found.objects] or [found.law]
    text = (
        "; ".join(f"{target}' = {formula}" for law in laws for target, formula in law.items())
        or f"{found.status}: {found.reason}"
    )
    return Row(case, text if len(text) < 160 else text[:157] + "…", case.claims(found, path.parent), seconds)


def main() -> None:
    """Runs the cases and prints the table."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1].parent / "shared" / "data")
    parser.add_argument("--only", default="", help="run the cases whose name or path holds this text")
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"No folder {options.data}. Give the recordings with --data.")
    lines = [
        "| case | clicks | law found | found (truth) | worst error | seconds | holds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        chosen = [
            c
            for c in [*cases(options.data), *made_noise(Path(folder))]
            if options.only in c.name or options.only in c.path
        ]
        rows = []
        for case in chosen:
            rows.append(run(case, options.data))
            print(rows[-1].line(), flush=True)
    held = [row for row in rows if row.holds]
    without = sum(not row.case.clicks for row in held)
    total = f"\n{len(held)} of {len(rows)} cases hold, {without} of them without a click."
    print(total)
    if options.out:
        options.out.write_text("\n".join([*lines, *(row.line() for row in rows), total, ""]))


if __name__ == "__main__":
    main()
