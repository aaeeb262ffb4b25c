"""Discoveries made by simulation, for the tests of plots and pages: what a search hands over, without the search."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.integrate import solve_ivp

from motionlaw.tools.law import Alternative, Discovery, Event, Hypothesis, Prediction, Quantity, Regime, Term
from motionlaw.tools.trajectory import Track, Trajectory

PENDULUM = {"v": "-4.9051*sin(theta) - 0.1098*v"}


def pendulum_run(rows: int = 1000, *, seed: int = 0, angle: float = 1.2, noise: float = 0.02, name: str = "run3.csv"):
    """A damped pendulum seen with noise, with a gap and a held-out tail, and its law played again."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0.0, 20.0, rows)
    slope = lambda _, s: (s[1], -4.905 * np.sin(s[0]) - 0.11 * s[1])  # noqa: E731
    clean = solve_ivp(slope, (0, 20.0), (angle, 0.0), t_eval=t, rtol=1e-8).y.T
    position = clean[:, :1] + noise * rng.standard_normal((rows, 1))
    position[int(0.3 * rows) : int(0.34 * rows)] = np.nan
    run = Trajectory(name, t, ("theta",), position, units=("rad",), notes=("Pivot found at (0.02, 0.51) m.",))
    band = 1.96 * noise * np.ones_like(clean[:, :1])
    law = clean[:, :1] * (1 + 0.0005 * t[:, None])
    return run, Prediction(name, t, law, law - band, law + band, t_holdout=16.0)


def pendulum(rows: int = 1000, *, runs: int = 1, **changes) -> Discovery:
    """A law that holds, with everything a report can show."""
    pairs = [pendulum_run(rows, seed=k, angle=1.2 - 0.3 * k, name=f"run{k + 1}.csv") for k in range(runs)]
    values = {
        "input": "run3.csv", "status": "ok", "reason": "", "order": 2, "state": ("theta", "v"), "length_unit": "m",
        "law": PENDULUM,
        "terms": (
            Term("v", "sin(theta)", -4.9051, 0.0123, "1/s^2"),
            Term("v", "v", -0.1098, 0.0031, "1/s"),
        ),
        "fit": {"nmse_acceleration": 1.2e-3, "nmse_trajectory": 2.1e-4, "noise_std": 0.0201, "rows": rows * runs},
        "holdout": {"nmse_trajectory": 4.3e-4, "span_s": 4.0},
        "alternatives": (
            Alternative({"v": "-4.88*theta + 0.75*theta**3 - 0.11*v"}, 12.3, 4.1, 3.1e-4),
            Alternative({"v": "-4.9*sin(theta) - 0.1*v*Abs(v)"}, 20.9, 12.7, 9.1e-3),
        ),
        "hypotheses": (
            Hypothesis("catalogue", "damped pendulum", {"v": "-c0*sin(theta) - c1*v"}, True),
            Hypothesis("search", "", {"v": "-4.9*sin(theta)"}, False),
        ),
        "events": (Event(0.32, "release", "held before"), Event(6.0, "lost", "no sight for 0.8 s")),
        "regimes": (Regime(0.0, 0.32, "held", {}), Regime(0.32, 20.0, "motion", PENDULUM)),
        "quantities": (
            Quantity("period of small swings", 2.8369, 0.0036, "s"), Quantity("length", 2.0, 0.005, "m"),
            Quantity("damping time", 18.2, 0.51, "s"),
        ),
        "warnings": ("40 of 1000 rows have no position.",),
        "seconds": 0.83, "seed": 0, "version": "0.1.0",
        "trajectories": tuple(run for run, _ in pairs), "predictions": tuple(played for _, played in pairs),
    }  # fmt: skip
    return Discovery(**(values | changes))


def double_pendulum(rows: int = 1500) -> Discovery:
    """Two coupled angles with a rational law, too long for one line."""
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 10.0, rows)

    def slope(_, s):
        a, wa, b, wb = s
        below, sine, cosine = 3 - np.cos(2 * a - 2 * b), np.sin(a - b), np.cos(a - b)
        first = -29.4 * np.sin(a) - 9.8 * np.sin(a - 2 * b) - 2 * sine * (wb**2 + wa**2 * cosine)
        second = 2 * sine * (2 * wa**2 + 19.6 * np.cos(a) + wb**2 * cosine)
        return wa, first / below, wb, second / below

    clean = solve_ivp(slope, (0, 10.0), (1.0, 0.0, 1.4, 0.0), t_eval=t, rtol=1e-9).y.T[:, [0, 2]]
    seen = clean + 0.01 * rng.standard_normal(clean.shape)
    run = Trajectory("double.txt", t, ("theta1", "theta2"), seen, units=("rad", "rad"))
    drift = clean + 0.0004 * np.exp(0.5 * t[:, None])
    played = Prediction("double.txt", t, drift, drift - 0.02, drift + 0.02, t_holdout=8.0)
    law = {
        "v_theta1": "(-29.41*sin(theta1) - 9.79*sin(theta1 - 2*theta2) - 2.0*sin(theta1 - theta2)*v_theta2**2"
        " - 1.0*sin(2*theta1 - 2*theta2)*v_theta1**2)/(3.0 - cos(2*theta1 - 2*theta2))",
        "v_theta2": "0.512*v_theta1**2*sin(theta1 - theta2) - 9.31*sin(theta2) + 4.22*cos(theta1)*sin(theta1 - theta2)"
        " - 0.0123*v_theta2 + 1.2e-5*theta1**3",
    }
    listed = (
        Term("v_theta1", "sin(theta1)", -29.41, 0.2, "1/s^2"),
        Term("v_theta1", "sin(theta1 - 2*theta2)", -9.79, 0.11, "1/s^2"),
        Term("v_theta2", "sin(theta2)", -9.31, 0.9, "1/s^2"), Term("v_theta2", "v_theta2", -0.0123, 0.011, "1/s"),
        Term("v_theta2", "theta1**3", 1.2e-5, 0.9e-5, ""),
    )  # fmt: skip
    return pendulum(
        input="double.txt", status="weak", reason="The law forecasts 0.9 s of the held-out tail, then chaos wins.",
        state=("theta1", "v_theta1", "theta2", "v_theta2"), law=law, terms=listed, alternatives=(), hypotheses=(),
        events=(), regimes=(), quantities=(), warnings=(), trajectories=(run,), predictions=(played,),
    )  # fmt: skip


def random_walk(rows: int = 800) -> Discovery:
    """Motion without a law: refused, nothing to play again."""
    rng = np.random.default_rng(2)
    t = np.arange(rows) / 30.0
    run = Trajectory("dust.csv", t, ("x", "y"), np.cumsum(rng.standard_normal((rows, 2)), axis=0), units=("px", "px"))
    return pendulum(
        input="dust.csv", status="refused", state=("x", "v_x", "y", "v_y"), length_unit="px", law={}, terms=(),
        reason="Steps are independent of each other: a random walk has no force law.",
        quantities=(), events=(), regimes=(), hypotheses=(),
        fit={"rows": rows, "noise_std": None}, holdout={}, trajectories=(run,), predictions=(), warnings=(),
        alternatives=(Alternative({"v_x": "-0.1*x"}, 1.2, 0.9, 1.4),),
    )  # fmt: skip


def video(height: int = 480, width: int = 640) -> tuple[Discovery, SimpleNamespace]:
    """A pendulum law with the tracks and the frame it was read from."""
    found = pendulum(input="swing.mp4")
    t = found.trajectories[0].t[:600:5]
    angle = found.predictions[0].position[:600:5, 0]
    down, across = np.mgrid[0:height, 0:width]
    frame = np.stack([90 + 60 * down / height, 100 + 50 * across / width, np.full(down.shape, 120)], axis=-1)
    frame = frame.astype(np.uint8)
    tracks = []
    for k, length in enumerate((300.0, 150.0)):
        position = np.stack([width / 2 + length * np.sin(angle), 60 + length * np.cos(angle)], axis=1)
        position[60:68] = np.nan
        disc = (across - position[-1, 0]) ** 2 + (down - position[-1, 1]) ** 2 < 14**2
        frame[disc] = (220, 60, 50) if k == 0 else (240, 220, 80)
        seen = np.isfinite(position[:, 0]).astype(float)
        box = np.concatenate([position - 14, position + 14], axis=1)
        tracks.append(Track(k, f"object {k + 1}", np.arange(len(t)), t, position, seen, box))
    found = pendulum(input="swing.mp4", tracks=tuple(tracks))
    return found, SimpleNamespace(frame=frame, tracks=tuple(tracks), warnings=("object 2 was lost for 0.8 s.",))
