"""Instruments that measure tracks and runs: speed, acceleration, angle, distance, size, period, count, events."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from motionlaw.tools import measures
from motionlaw.tools.errors import ToolError
from motionlaw.tools.events import find_contacts, find_events
from motionlaw.tools.law import Quantity
from motionlaw.tools.registry import Output
from motionlaw.tools.summary import with_error
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.workspace import Tracked, Workspace


def speed(workspace: Workspace, of: str, start_s: float | None = None, end_s: float | None = None) -> Output:
    """Measures how fast something moves: mean speed, largest speed and when, and whether it speeds up.

    Args:
        of: Handle of a track or run, e.g. "track 1".
        start_s: First time, seconds; the beginning if left out.
        end_s: Last time, seconds; the end if left out.
    """
    run = workspace.between(of, start_s, end_s, least=4)
    values, errors, kinematics = measures.speeds(run.t, run.position)
    good = np.isfinite(values)
    if good.sum() < 3:
        raise ToolError(f"{of} has too few neighbouring rows for a speed.")
    unit = rate(run, 1)
    mean, stderr = measures.mean_with_error(values[good], errors[good], kinematics)
    top = int(np.nanargmax(values))
    third = max(1, int(good.sum()) // 3)
    early, late = np.flatnonzero(good)[:third], np.flatnonzero(good)[-third:]
    found = (
        Quantity("mean speed", mean, stderr, unit),
        Quantity("largest speed", float(values[top]), float(errors[top]), unit),
        Quantity("time of largest speed", float(run.t[top]), None, "s"),
        Quantity("speed at first", *measures.mean_with_error(values[early], errors[early], kinematics), unit),
        Quantity("speed at last", *measures.mean_with_error(values[late], errors[late], kinematics), unit),
    )
    return measured(of, run, found)


def acceleration(workspace: Workspace, of: str, start_s: float | None = None, end_s: float | None = None) -> Output:
    """Measures the acceleration of each coordinate by fitting a parabola; says where that does not fit.

    Args:
        of: Handle of a track or run.
        start_s: First time, seconds.
        end_s: Last time, seconds.
    """
    run = workspace.between(of, start_s, end_s, least=5)
    found = []
    doubt = ""
    noise = measures.noise_of(run.t, run.position)
    for column, name in enumerate(run.coordinates):
        value, stderr, rest = measures.polynomial_rate(run.t, run.position[:, column], 2)
        found.append(Quantity(f"acceleration of {name}", value, stderr, rate(run, 2)))
        if noise[column] > 0 and rest > 4 * noise[column]:
            doubt += f" The acceleration of {name} is not constant in that time; this is its mean, in effect."
    return measured(of, run, tuple(found), doubt.strip())


def angle(
    workspace: Workspace,
    of: str,
    kind: Literal["direction", "turned", "between"] = "direction",
    other: str | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Output:
    """Measures an angle: of the way gone, swept about the centre of its circle, or of the line to another object.

    Args:
        of: Handle of a track or run with two coordinates.
        kind: "direction" of the net displacement, "turned" about a circle's centre, "between" it and another.
        other: Handle of the other object, for "between".
        start_s: First time, seconds.
        end_s: Last time, seconds.
    """
    run = workspace.between(of, start_s, end_s, least=3)
    found: tuple[Quantity, ...]
    if run.position.shape[1] != 2:
        raise ToolError(f"angle needs two coordinates, {of} has {run.position.shape[1]}.")
    if kind == "between":
        if other is None:
            raise ToolError("angle needs the argument 'other' for kind 'between'.")
        t, offset = _apart(run, workspace.between(other, start_s, end_s, least=3))
        turned = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
        first, last = np.degrees(turned[[0, -1]])
        found = (Quantity("angle at first", first, None, "degrees"), Quantity("angle at last", last, None, "degrees"))
        return measured(f"line from {of} to {other}", run, found, f"From {t[0]:.4g} to {t[-1]:.4g} s.")
    if kind == "turned":
        swept, radius, rest = measures.turned_angle(run.position)
        found = (
            Quantity("angle swept", float(np.degrees(swept)), float(np.degrees(rest)), "degrees"),
            Quantity("radius", radius, rest * radius / np.sqrt(len(run.t)), run.units[0]),
            Quantity("distance from the circle, share of its radius", rest, None, ""),
        )
        return measured(of, run, found, "Counter-clockwise is positive." + (" It is no circle." if rest > 0.1 else ""))
    way, error = measures.net_displacement(run.t, run.position)
    length = float(np.hypot(*way))
    if length <= 2 * float(np.hypot(*error)):
        raise ToolError(f"{of} ends where it began, within the error: its way has no direction.")
    stderr = float(np.degrees(np.hypot(way[1] * error[0], way[0] * error[1]) / length**2))
    value = float(np.degrees(np.arctan2(way[1], way[0])))
    return measured(of, run, (Quantity("direction", value, stderr, "degrees"),), "0 is right, 90 is up.")


def distance(
    workspace: Workspace, of: str, other: str | None = None, start_s: float | None = None, end_s: float | None = None
) -> Output:
    """Measures how far something went (path and net displacement), or how far it is from another object.

    Args:
        of: Handle of a track or run.
        other: Handle of another one; left out, the way of the first is measured.
        start_s: First time, seconds.
        end_s: Last time, seconds.
    """
    run = workspace.between(of, start_s, end_s, least=2)
    unit = run.units[0]
    if other is not None:
        t, offset = _apart(run, workspace.between(other, start_s, end_s))
        gap = np.linalg.norm(offset, axis=1)
        near = int(np.argmin(gap))
        noise = float(np.linalg.norm(measures.noise_of(t, offset)))
        found: tuple[Quantity, ...] = (
            Quantity("distance at first", float(gap[0]), noise, unit),
            Quantity("distance at last", float(gap[-1]), noise, unit),
            Quantity("least distance", float(gap[near]), noise, unit),
            Quantity("time of least distance", float(t[near]), None, "s"),
        )
        return measured(f"{of} and {other}", run, found)
    way, error = measures.net_displacement(run.t, run.position)
    found = (
        Quantity("path length", measures.path_length(run.t, run.position), float(np.hypot(*error)), unit),
        Quantity("net displacement", float(np.linalg.norm(way)), float(np.linalg.norm(error)), unit),
        *(
            Quantity(f"displacement of {name}", float(value), float(stderr), unit)
            for name, value, stderr in zip(run.coordinates, way, error, strict=True)
        ),
    )
    return measured(of, run, found)


def size(workspace: Workspace, of: str) -> Output:
    """Measures how the size of a tracked object in the picture changes: the area of its box at last over at first.

    Args:
        of: Handle of a track.
    """
    tracked = workspace.get(of, Tracked)
    ratio, stderr = measures.size_ratio(tracked.track.xyxy)
    return measured(of, tracked.trajectory, (Quantity("area at last over area at first", ratio, stderr, ""),))


def period(workspace: Workspace, of: str, start_s: float | None = None, end_s: float | None = None) -> Output:
    """Measures an oscillation: period, number of cycles, and whether its amplitude shrinks.

    Args:
        of: Handle of a track or run.
        start_s: First time, seconds.
        end_s: Last time, seconds.
    """
    run = workspace.between(of, start_s, end_s, least=8)
    found = measures.oscillation(run.t, run.position)
    if not found:
        raise ToolError(f"{of} shows no oscillation: no frequency fits.")
    heights, _ = measures.amplitudes(run.t, run.position)
    if len(heights) >= 2:
        found += (
            Quantity("amplitude at first", float(heights[0]), None, run.units[0]),
            Quantity("amplitude at last", float(heights[-1]), None, run.units[0]),
        )
    share = next(one.value for one in found if one.name == "share explained")
    doubt = "One damped sine explains less than half of the motion: it may be no oscillation."
    return measured(of, run, found, doubt if share < measures.OSCILLATES else "")


def count(workspace: Workspace, t: float | None = None) -> Output:
    """Counts the tracked objects: in all, and at once; call track first.

    Args:
        t: Time at which to count, seconds; the most at any time if left out.
    """
    tracks = workspace.all(Tracked)
    if not tracks:
        raise ToolError("Nothing has been tracked. Call track first.")
    times = np.unique(np.concatenate([one.track.timestamps for one in tracks.values()]))
    times = times if t is None else times[[int(np.argmin(np.abs(times - t)))]]
    there = np.zeros(len(times), dtype=int)
    for one in tracks.values():
        seen = np.isfinite(one.track.position).all(axis=1)
        there += np.isin(times, one.track.timestamps[seen])
    at = int(np.argmax(there))
    text = f"{len(tracks)} objects were tracked; {there[at]} at once at {times[at]:.4g} s."
    return Output(text, {"objects": len(tracks), "at_once": int(there[at]), "t": float(times[at])})


def events(workspace: Workspace, of: str, other: str | None = None) -> Output:
    """Finds when something happens: contacts, release, rest, jumps, losses, turning points; or contacts of two.

    Args:
        of: Handle of a track or run.
        other: Handle of another one: then contacts between the two.
    """
    run = workspace.between(of, None, None, least=4)
    if other is not None:
        found = find_contacts(run, workspace.between(other, None, None, least=4))
        turns: list[float] = []
    else:
        found = find_events(run.t, run.position)
        turns = run.t[measures.turning_points(measures.principal(run.position))].tolist()
    step = float(np.median(np.diff(run.t)))
    lines = [f"{one.kind} at {one.t:.4g} s ± {step / 2:.2g} s {one.detail}".rstrip() for one in found]
    if turns:
        lines.append("turns round at " + ", ".join(f"{t:.4g}" for t in turns[:20]) + " s")
    data = {
        "events": [{"t": one.t, "kind": one.kind, "detail": one.detail, "stderr_s": step / 2} for one in found],
        "turning_points_s": turns,
    }
    return Output("\n".join(lines) or "Nothing happens that a sudden change of velocity would show.", data)


def rate(run: Trajectory, order: int) -> str:
    """The unit of a derivative of the run's first coordinate."""
    return f"{run.units[0]}/s" + (f"^{order}" if order > 1 else "")


def measured(of: str, run: Trajectory, found: tuple[Quantity, ...], note: str = "") -> Output:
    """Writes measured numbers as lines and as data."""
    lines = [f"{of}, {run.t[0]:.4g} to {run.t[-1]:.4g} s:"]
    lines += [f"{one.name}: {with_error(one.value, one.stderr, one.unit)}" for one in found]
    listed: list[dict[str, Any]] = [
        {"name": one.name, "value": one.value, "stderr": one.stderr, "unit": one.unit} for one in found
    ]
    return Output("\n".join([*lines, *([note] if note else [])]), {"of": of, "measurements": listed, "note": note})


def _apart(one: Trajectory, other: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """The times at which both are seen, and the way from one to the other, shape (T, D)."""
    t, rows, others = np.intersect1d(np.round(one.t, 6), np.round(other.t, 6), return_indices=True)
    if len(t) < 2:
        raise ToolError("The two are never seen at the same time.")
    return t, other.position[others] - one.position[rows]
