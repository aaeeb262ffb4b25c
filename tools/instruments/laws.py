"""Instruments that seek and use laws: phase_portrait, discover_law, regress_residual, simulate, forecast."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import sympy

from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.dynamics import simulate as play_law
from motionlaw.tools.equation import format_expr, parse, round_expr
from motionlaw.tools.errors import ToolError
from motionlaw.tools.frames import choose_coordinates
from motionlaw.tools.hypotheses import Proposal
from motionlaw.tools.instruments.seeing import picture_of
from motionlaw.tools.law import Prediction
from motionlaw.tools.motion import smooth
from motionlaw.tools.registry import Output
from motionlaw.tools.schema import Between
from motionlaw.tools.summary import summarise
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.workspace import FoundLaw, Tracked, Workspace

MOST_ROWS = 400
"""Rows of a simulation that are handed back as data."""


def phase_portrait(workspace: Workspace, of: str) -> Output:
    """Draws a motion in phase space (velocity over position) and over time, in the coordinates that suit it.

    Args:
        of: Handle of a track or run.
    """
    from motionlaw.tools.plot import phase_portrait as portrait
    from motionlaw.tools.plot import trajectory as drawn

    choice = choose_coordinates([workspace.between(of, None, None, least=8)])[0]
    run = choice.trajectories[0]
    kinematics = smooth(run.t, run.position)
    reach = {
        name: [float(np.nanmin(run.position[:, d])), float(np.nanmax(run.position[:, d]))]
        for d, name in enumerate(run.coordinates)
    }
    pace = np.nanmax(np.abs(kinematics.velocity), axis=0)
    text = f"{of}: {(choice.note or choice.kind).rstrip('.')}. Coordinates " + "; ".join(
        f"{name} from {low:.4g} to {high:.4g} {unit}, rate up to {top:.4g} {unit}/s"
        for (name, (low, high)), unit, top in zip(reach.items(), run.units, pace, strict=True)
    )
    pictures = (picture_of(portrait([run], width_in=4.5)), picture_of(drawn(run, width_in=4.5)))
    return Output(text + ".", {"coordinates": reach, "kind": choice.kind, "notes": list(run.notes)}, pictures)


def discover_law(
    workspace: Workspace,
    of: list[str],
    order: Literal["auto", "1", "2"] = "auto",
    seconds: Annotated[float, Between(1, 60)] = 20.0,
    hypothesis: str | None = None,
) -> Output:
    """Searches the law behind tracks or runs, with standard errors and a test on unseen rows; called "law 1", ...

    Args:
        of: Handles of tracks or runs that share one law.
        order: "1" for velocities, "2" for accelerations as functions of the state, "auto" to let the data choose.
        seconds: Time for the search, seconds.
        hypothesis: A proposed right-hand side to compete, e.g. "-9.8*sin(theta) - 0.1*v"; its numbers are refitted.
    """
    from motionlaw.tools.discover import discover_inputs
    from motionlaw.tools.inputs import Inputs, centred

    runs = tuple(workspace.between(handle, None, None, least=8) for handle in of)
    tracked = [handle.strip().lower() for handle in of if handle.strip().lower() in workspace.all(Tracked)]
    if tracked and len(runs) == 1 and workspace.scale.origin_px == (0.0, 0.0):  # a corner means nothing to a law
        runs = (centred(runs[0]),)
    proposed: tuple[Proposal, ...] = ()
    if hypothesis is not None:
        first = choose_coordinates(list(runs))[0].trajectories[0]
        target = velocity_names(first.coordinates)[0] if order != "1" else first.coordinates[0]
        proposed = (Proposal({target: hypothesis}),)
    settings = DiscoverySettings(order=order, time_limit=seconds, hypotheses=proposed)
    inputs = Inputs(runs, False, True, (), is_video=bool(tracked))
    found = discover_inputs(inputs, name=", ".join(of), settings=settings)
    pictures: tuple[np.ndarray, ...] = ()
    if found.predictions:
        from motionlaw.tools.plot import trajectory as drawn

        pictures = (picture_of(drawn(found.trajectories[0], found.predictions[0], width_in=4.5)),)
    handle = workspace.handle("law")
    text = f"{handle}: {summarise(found)}"
    return Output(text, {"handle": handle, **found.to_dict()}, pictures, {handle: FoundLaw(found, tuple(of))})


def regress_residual(workspace: Workspace, of: str, ansatz: str, coordinate: str | None = None) -> Output:
    """Refits a proposed acceleration to a motion, searches what it leaves over, and returns the completed formula.

    Args:
        of: Handle of a track or run.
        ansatz: Right-hand side of the acceleration in the motion's own coordinates and velocities, e.g. "-4*x - 0.1*v".
        coordinate: Which coordinate's acceleration; the first if left out.
    """
    from motionlaw.tools.equation import evaluate
    from motionlaw.tools.realign_rows import is_noise, realign_rows, refit

    run = choose_coordinates([workspace.between(of, None, None, least=20)])[0].trajectories[0]
    names = velocity_names(run.coordinates)
    if coordinate is not None and coordinate not in run.coordinates:
        raise ToolError(f"{of} has the coordinates {', '.join(run.coordinates)}, not '{coordinate[:40]}'.")
    target = run.coordinates.index(coordinate) if coordinate else 0
    known = [*run.coordinates, *names, "t"]
    proposed = parse(ansatz, known)
    motion = smooth(run.t, run.position)
    inner = slice(len(run.t) // 20, len(run.t) - len(run.t) // 20)
    columns = {
        **dict(zip(run.coordinates, motion.position[inner].T, strict=True)),
        **dict(zip(names, motion.velocity[inner].T, strict=True)), "t": run.t[inner],
    }  # fmt: skip
    y = motion.acceleration[inner, target]
    good = np.isfinite(y) & np.all([np.isfinite(values) for values in columns.values()], axis=0)
    columns, y = {name: values[good] for name, values in columns.items()}, y[good]
    fitted = refit(proposed, columns, y)
    left = y - evaluate(fitted, columns)
    before = float(np.mean(left**2) / np.var(y))
    full = fitted if is_noise(left, columns, y) else realign_rows(proposed, columns, y, time_limit=20.0).expression
    after = float(np.mean((y - evaluate(full, columns)) ** 2) / np.var(y))
    noise = float(np.mean(motion.acceleration_stderr[inner, target][good] ** 2) / np.var(y))
    first, last = format_expr(round_expr(fitted, 5)), format_expr(round_expr(full, 5))
    text = (
        f"Refitted: a = {first}, leaving {before:.3g} of the variance. Completed: a = {last}, leaving {after:.3g}. "
        f"The errors of a alone would leave about {noise:.3g}."
    )
    data = {
        "refitted": first, "completed": last, "coordinate": run.coordinates[target], "left_refitted": before,
        "left_completed": after, "noise_share": noise,
    }  # fmt: skip
    return Output(text, data)


def simulate(
    workspace: Workspace,
    law: str,
    state: list[float],
    seconds: Annotated[float, Between(1e-3, 1e4)],
    start_s: float = 0.0,
) -> Output:
    """Plays a law from a first state.

    Args:
        law: Handle of a law ("law 1"), or a formula of x, v and t for the acceleration of x, e.g. "-9.81*sin(x)".
        state: First state: the coordinates, then their velocities (second order); the law's own units, rad for angles.
        seconds: How long, seconds.
        start_s: Time of the first state, seconds.
    """
    from motionlaw.tools.plot import trajectory as drawn

    model, units = _model(workspace, law)
    if len(state) != len(model.state):
        raise ToolError(f"state must have the {len(model.state)} values of {', '.join(model.state)}, got {len(state)}.")
    t = np.linspace(start_s, start_s + seconds, MOST_ROWS)
    path = play_law(model, t, np.array(state))
    good = np.isfinite(path).all(axis=1)
    if good.sum() < 2:
        raise ToolError("The law runs away at once from that state.")
    run = Trajectory(law, t[good], model.coordinates, path[good][:, : len(model.coordinates)], units=units)
    ends = ", ".join(f"{name} = {value:.5g}" for name, value in zip(model.state, path[good][-1], strict=True))
    text = f"After {t[good][-1] - start_s:.4g} s: {ends}." + ("" if good.all() else " Then the law runs away.")
    data = {"t": t[good].tolist(), "state": list(model.state), "values": path[good].round(9).tolist()}
    return Output(text, data, (picture_of(drawn(run, width_in=4.5)),))


def forecast(
    workspace: Workspace, of: str, seconds: Annotated[float, Between(1e-3, 1e4)], law: str | None = None
) -> Output:
    """Forecasts where a motion goes on to: at constant velocity, and by a law where one is given; with 95 % intervals.

    Args:
        of: Handle of a track or run.
        seconds: How far ahead, seconds.
        law: Handle of a law that was found in it.
    """
    run = workspace.between(of, None, None, least=8)
    found = None if law is None else workspace.get(law, FoundLaw)
    if found is not None:
        if of.strip().lower() not in found.of:
            raise ToolError(f"{law} was found in {', '.join(found.of)}, not in {of}.")
        run = found.discovery.trajectories[found.of.index(of.strip().lower())]
    motion = smooth(run.t, run.position)
    last = int(np.flatnonzero(np.isfinite(motion.velocity).all(axis=1))[-1])
    ahead = np.linspace(0.0, seconds, 101)
    place, pace = motion.position[last], motion.velocity[last]
    spread = np.sqrt(
        motion.position_stderr[last] ** 2
        + (ahead[:, None] * motion.velocity_stderr[last]) ** 2
        + (ahead[:, None] ** 2 * np.nanstd(motion.acceleration, axis=0) / 2) ** 2
    )
    straight = place + ahead[:, None] * pace
    lines = [f"At constant velocity, {seconds:.4g} s after {run.t[last]:.4g} s: " + _ends(run, straight, spread)]
    data = {"t": (run.t[last] + ahead).tolist(), "constant_velocity": straight.tolist(), "stderr": spread.tolist()}
    if found is not None:
        model, _ = _model(workspace, str(law))
        first = np.r_[place, pace] if model.order == 2 else place
        path = play_law(model, run.t[last] + ahead, first)[:, : len(place)]
        sigma = _spread(model, found, run.t[last] + ahead, first, motion, last)
        lines.append("By the law: " + _ends(run, path, sigma))
        data |= {"law": path.tolist(), "law_stderr": sigma.tolist()}
        band = Prediction(of, run.t[last] + ahead, path, path - 1.96 * sigma, path + 1.96 * sigma)
        from motionlaw.tools.plot import trajectory as drawn

        return Output("\n".join(lines), data, (picture_of(drawn(run, band, width_in=4.5)),))
    return Output("\n".join(lines), data)


def _ends(run: Trajectory, path: np.ndarray, stderr: np.ndarray) -> str:
    return ", ".join(
        f"{name} = {value:.5g} ± {1.96 * error:.2g} {unit}".rstrip()
        for name, value, error, unit in zip(run.coordinates, path[-1], stderr[-1], run.units, strict=True)
    )


def _spread(model: Model, found: FoundLaw, t: np.ndarray, first: np.ndarray, motion: object, last: int) -> np.ndarray:
    """Standard error of a law's path from those of the first state and of the law's coefficients, shape (T, D)."""
    from motionlaw.tools.motion import Kinematics

    assert isinstance(motion, Kinematics)
    width = len(model.coordinates)
    errors = np.r_[motion.position_stderr[last], motion.velocity_stderr[last]][: len(first)]
    base = play_law(model, t, first)[:, :width]
    variance = np.zeros_like(base)
    for index, error in enumerate(errors):
        moved = first.copy()
        moved[index] += error
        variance += (play_law(model, t, moved)[:, :width] - base) ** 2
    for term in found.discovery.terms:
        if term.stderr and term.of in model.targets:
            row = model.targets.index(term.of)
            shifted = list(model.equations)
            shifted[row] = shifted[row] + term.stderr * parse(term.term, [*model.state, "t"])
            other = Model(model.order, model.coordinates, tuple(shifted), (), np.array([]))
            variance += (play_law(other, t, first)[:, :width] - base) ** 2
    return np.sqrt(variance)


def _model(workspace: Workspace, law: str) -> tuple[Model, tuple[str, ...]]:
    """The law of a handle, or of a formula, as something that can be played, and its coordinates' units."""
    if law.strip().lower() in workspace.all(FoundLaw):
        found = workspace.get(law, FoundLaw).discovery
        if not found.law:
            raise ToolError(f"{law} was refused and holds no formula: {found.reason}")
        coordinates = found.trajectories[0].coordinates
        names = [*found.state, "t"]
        equations = tuple(parse(text, names) for text in found.law.values())
        return Model(found.order, coordinates, equations, (), np.array([])), found.trajectories[0].units
    equation: sympy.Expr = parse(law, ["x", "v", "t"])
    return Model(2, ("x",), (equation,), (), np.array([])), ("",)
