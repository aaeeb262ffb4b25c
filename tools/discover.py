"""The command ``motionlaw discover``: videos or tables in, a law out, as text, JSON and a report.

    motionlaw discover pendulum.mp4 --scale 120px=0.5m --report pendulum.html
    motionlaw discover run1.csv run2.csv --json

Reads the inputs, chooses the coordinates the motion asks for (an angle, a line, a plane), and hands them to
`discovery`. Objects that move in one scene get a law each; runs of one experiment share one.
"""

from __future__ import annotations

import json as json_text
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.errors import UserError
from motionlaw.tools.events import find_contacts
from motionlaw.tools.frames import CoordinateChoice, choose_coordinates
from motionlaw.tools.law import Discovery, Quantity
from motionlaw.tools.observe import NOISE_FLOOR, NOISE_FLOOR_OF_POINTS, NOISE_FLOOR_OF_VIDEO
from motionlaw.tools.scene import scene_quantities
from motionlaw.tools.sensor import is_sensor, swinging_axis
from motionlaw.tools.table import is_table_path, read_trajectories
from motionlaw.tools.trajectory import Track, Trajectory

# Coordinates of these names are places: forces act on their accelerations.
PLACES = ("position", "displacement", "height", "angle", "theta", "phi")


@dataclass(frozen=True)
class Inputs:
    """What the paths hold.

    Args:
        trajectories: Runs of one law, or the objects of one scene.
        is_scene: True if they are objects that move at the same time.
        is_place: True if they are known to be places, so that only accelerations can have laws.
        warnings: Repairs and doubts, one sentence each.
        tracking: What the tracker returned, for the report; ``None`` for tables.
    """

    trajectories: tuple[Trajectory, ...]
    is_scene: bool
    is_place: bool
    warnings: tuple[str, ...]
    tracking: Any = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks behind the trajectories; none for tables."""
        return self.tracking.tracks if self.tracking is not None else ()


def read_inputs(
    paths: Sequence[str | Path],
    *,
    scale: str | None = None,
    origin: str | None = None,
    tilt: float = 0.0,
    track: Sequence[str] | str = "auto",
    fps: float | None = None,
    time: str | None = None,
    columns: str | None = None,
    start: float | None = None,
    end: float | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Inputs:
    """Reads tables, or tracks what moves in videos.

    Args:
        paths: Tables or videos, not both.
        scale: Pixels to lengths, e.g. ``"120px=0.5m"``; videos stay in pixels without it.
        origin: ``"x,y"`` in pixels of the frame.
        tilt: Degrees by which the camera was turned.
        track: ``"auto"``, or clicks ``"x,y@t"`` or boxes ``"x1,y1,x2,y2@t"``.
        fps: Rows a second for tables without a time column.
        time: Name of the time column.
        columns: Names of the columns to use, e.g. ``"x,v,a"``.
        start: Seconds to start at.
        end: Seconds to end at.
        on_progress: Called with the share of a video that is done.

    Raises:
        UserError: If an input is unusable.
    """
    if not paths:
        raise UserError("No input was given. Name a video or a table, e.g. motionlaw discover run.csv.")
    tables = [is_table_path(path) for path in paths]
    if any(tables) and not all(tables):
        raise UserError("Give either tables or videos, not both at once: one law is sought for all inputs.")
    if all(tables):
        table = read_trajectories(list(paths), time=time, columns=columns, fps=fps)
        cut = tuple(_between(trajectory, start, end) for trajectory in table.trajectories)
        is_place = all(t.velocity is not None for t in cut) or all(n.lower() in PLACES for n in cut[0].coordinates)
        return Inputs(cut, table.is_scene, is_place, table.warnings)
    return _track_videos(
        paths, scale=scale, origin=origin, tilt=tilt, track=track, start=start, end=end, on_progress=on_progress
    )


def _between(trajectory: Trajectory, start: float | None, end: float | None) -> Trajectory:
    """The rows of a trajectory from ``start`` to ``end`` seconds."""
    if start is None and end is None:
        return trajectory
    low, high = trajectory.t[0] if start is None else start, trajectory.t[-1] if end is None else end
    rows = (trajectory.t >= low) & (trajectory.t <= high)
    if rows.sum() < 2:
        raise UserError(
            f"{trajectory.name} has no rows between {low:g} s and {high:g} s. "
            f"It runs from {trajectory.t[0]:g} s to {trajectory.t[-1]:g} s."
        )
    return trajectory.rows(rows)


def _track_videos(paths: Sequence[str | Path], **options: Any) -> Inputs:
    """Tracks every video; the first track of each is its run, unless several objects were clicked in one."""
    from motionlaw.tools.scale import parse_scale
    from motionlaw.tools.tracking import track_video

    scale = parse_scale(options["scale"], origin=options["origin"], tilt_deg=options["tilt"])
    clicks = options["track"] if isinstance(options["track"], str) else list(options["track"])
    at = "auto" if clicks in ("auto", [], ["auto"]) else clicks
    trajectories: list[Trajectory] = []
    warnings: list[str] = []
    result = None
    for path in paths:
        result = track_video(
            path, at=at, start_s=options["start"], end_s=options["end"], progress=options["on_progress"]
        )
        tracks = result.tracks
        if at == "auto" and len(tracks) > 1:
            others = ", ".join(t.name for t in tracks[1:])
            warnings.append(
                f"{len(tracks)} things move; {tracks[0].name} was taken, not {others}. Choose with --track x,y@t."
            )
            tracks = tracks[:1]
        warnings += [*result.warnings, *(sentence for t in tracks for sentence in t.warnings)]
        trajectories += [replace(scale.apply(t), name=f"{Path(path).name} {t.name}") for t in tracks]
    if options["origin"] is None and not _several_clicks(at):
        trajectories = [_centred(trajectory) for trajectory in trajectories]
    if options["scale"] is None:
        warnings.append("Lengths are in pixels. Give the scale for metres, e.g. --scale 120px=0.5m.")
    is_scene = _several_clicks(at) and len(paths) == 1
    return Inputs(tuple(trajectories), is_scene, True, tuple(dict.fromkeys(warnings)), result)


def _several_clicks(at: str | list[str]) -> bool:
    return isinstance(at, list) and len(at) > 1


def _centred(trajectory: Trajectory) -> Trajectory:
    """Moves the origin into the middle of the motion: a frame's corner means nothing to a law."""
    middle = np.round((np.nanmin(trajectory.position, axis=0) + np.nanmax(trajectory.position, axis=0)) / 2, 3)
    place = ", ".join(f"{name} = {value:g}" for name, value in zip(trajectory.coordinates, middle, strict=True))
    unit = trajectory.units[0]
    note = f"The origin was moved to the middle of the motion, {place} {unit} (y up) from the frame's corner."
    return replace(trajectory, position=trajectory.position - middle, notes=(*trajectory.notes, note))


def discover(
    paths: Sequence[str | Path] | str | Path, *, settings: DiscoverySettings | None = None, **reading: Any
) -> Discovery:
    """Finds the law behind videos or tables: the one call of the Python interface.

    Args:
        paths: One path or several.
        settings: How to search.
        **reading: How to read the inputs, see `read_inputs`.

    Returns:
        The law, or the reason why there is none; for a scene of several objects the first object's law, with the
        others in ``objects``.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    inputs = read_inputs(paths, **reading)
    return discover_inputs(inputs, name=", ".join(Path(path).name for path in paths), settings=settings)


def discover_inputs(
    inputs: Inputs,
    *,
    name: str = "",
    settings: DiscoverySettings | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Discovery:
    """Finds the law behind inputs that have been read already."""
    if not inputs.is_scene:
        found = _best_choice(inputs, inputs.trajectories, name, settings, on_progress)
    else:
        each = [
            replace(
                _best_choice(inputs, (trajectory,), trajectory.name, settings, on_progress),
                name_of_object=trajectory.name,
            )
            for trajectory in inputs.trajectories
        ]
        found = _with_scene(each, inputs.trajectories)
    return replace(found, input=name, warnings=(*inputs.warnings, *found.warnings), tracks=inputs.tracks)


def _with_scene(each: list[Discovery], trajectories: Sequence[Trajectory]) -> Discovery:
    """Joins the objects' laws: contacts between them, and what is conserved across them."""
    contacts = []
    for a in range(len(trajectories)):
        for b in range(a + 1, len(trajectories)):
            contacts += list(find_contacts(trajectories[a], trajectories[b]))
    quantities: tuple[Quantity, ...] = scene_quantities(trajectories, contacts)
    first = each[0]
    events = tuple(sorted({*first.events, *contacts}, key=lambda event: event.t))
    return replace(first, events=events, quantities=(*first.quantities, *quantities), objects=tuple(each))


def _best_choice(
    inputs: Inputs,
    trajectories: Sequence[Trajectory],
    name: str,
    settings: DiscoverySettings | None,
    on_progress: Callable[[str], None] | None,
) -> Discovery:
    """Tries the coordinates the motion suggests, best first, until a law is found in one."""
    if is_sensor(trajectories):
        return _from_sensor(trajectories, name, settings, on_progress)
    choices: Sequence[CoordinateChoice] = choose_coordinates(list(trajectories))[:2]
    found = None
    for choice in choices:
        is_place = inputs.is_place or any(unit == "rad" for unit in choice.trajectories[0].units)
        candidate = discover_law(
            choice.trajectories, name=name, settings=settings, has_velocity_meaning=is_place,
            noise_floor=_noise_floor(inputs, choice), on_progress=on_progress,
        )  # fmt: skip
        candidate = replace(candidate, quantities=(*candidate.quantities, *choice.quantities))
        if candidate.status == "ok":
            return candidate
        if found is None or (found.status == "refused" and candidate.status == "weak"):
            found = candidate
    assert found is not None, "choose_coordinates returns at least one choice"
    return found


def _noise_floor(inputs: Inputs, choice: CoordinateChoice) -> float:
    """How far the way the data were made lets them be trusted."""
    if inputs.tracking is not None:
        return NOISE_FLOOR_OF_VIDEO
    return NOISE_FLOOR if choice.kind == "given" else NOISE_FLOOR_OF_POINTS


def _from_sensor(
    trajectories: Sequence[Trajectory],
    name: str,
    settings: DiscoverySettings | None,
    on_progress: Callable[[str], None] | None,
) -> Discovery:
    """The law of an accelerometer's clearest axis, never more than weak: it is no coordinate of the motion."""
    swings = [swing for trajectory in trajectories if (swing := swinging_axis(trajectory)) is not None]
    found = discover_law(
        swings or trajectories, name=name, settings=settings, has_velocity_meaning=True, on_progress=on_progress
    )
    if found.status == "ok":
        reason = "Accelerations in the sensor's own frame carry frequency and damping, not the force law."
        return replace(found, status="weak", reason=reason)
    return found


def discover_command(
    paths: Sequence[str],
    *,
    scale: str | None = None,
    origin: str | None = None,
    tilt: float = 0.0,
    track: Sequence[str] = (),
    fps: float | None = None,
    time: str | None = None,
    columns: str | None = None,
    start: float | None = None,
    end: float | None = None,
    order: str = "auto",
    target: str | None = None,
    model: str = "none",
    sr: str = "search",
    time_limit: float = 60.0,
    seed: int = 0,
    report: str | None = None,
    export: str | None = None,
    json: bool = False,
) -> int:
    """Runs ``motionlaw discover`` and prints its result.

    Returns:
        The exit status: 0 where a law was found, 1 where the data carry none.

    Raises:
        UserError: If an input or option is unusable.
    """
    if model != "none":
        raise UserError(f"model must be none in this version, got {model!r}. Leave --model out.")
    settings = DiscoverySettings(order=order, sr=tuple(sr.split(",")), time_limit=time_limit, seed=seed)
    _check_writable(report)
    with _progress() as tell:
        if target is not None:
            from motionlaw.tools.algebraic import discover_algebraic

            found = discover_algebraic(paths, target, columns=columns, settings=settings)
            inputs = None
        else:
            inputs = read_inputs(
                paths, scale=scale, origin=origin, tilt=tilt, track=track or "auto", fps=fps, time=time,
                columns=columns, start=start, end=end, on_progress=lambda share: tell(f"tracking {100 * share:.0f} %"),
            )  # fmt: skip
            name = ", ".join(Path(path).name for path in paths)
            found = discover_inputs(inputs, name=name, settings=settings, on_progress=tell)
    if report is not None:
        from motionlaw.tools.report import write_report

        command = shlex.join(["motionlaw", *sys.argv[1:]])
        write_report(found, report, command=command, tracking=inputs.tracking if inputs else None)
        print(f"Report: {report}", file=sys.stderr)
    _print(found, export=export, json=json)
    return 1 if found.status == "refused" else 0


def _check_writable(report: str | None) -> None:
    if report is not None and not Path(report).absolute().parent.is_dir():
        raise UserError(f"The report's folder must exist, got {report}. Make the folder first.")


def _progress():  # type: ignore[no-untyped-def]
    """A status line on stderr; silent where stderr is no terminal."""
    from contextlib import contextmanager

    from rich.console import Console

    @contextmanager
    def status():  # type: ignore[no-untyped-def]
        with Console(stderr=True).status("reading") as line:
            yield line.update

    return status()


def _print(found: Discovery, *, export: str | None, json: bool) -> None:
    """The result on stdout: JSON, an export, or lines for people."""
    if json:
        print(json_text.dumps(found.to_dict(), allow_nan=False))
    elif export is not None:
        from motionlaw.tools.export import export_law

        if found.status == "refused":
            raise UserError(f"There is no law to export: {found.reason}")
        print(export_law(found, export))
    else:
        from motionlaw.tools.summary import summarise

        print(summarise(found))
