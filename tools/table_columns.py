"""Says what the columns of a table of motion are: time, run, object, coordinates, their velocities and accelerations.

Names propose and data decide: a column called ``v`` is the velocity of ``x`` only if it is the time derivative of ``x``
(correlation above 0.95, slope near 1). Leaves out reading files (`table_files`) and mending rows (`table`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError
from motionlaw.tools.table_derivatives import match_accelerations, match_by_data, match_velocities
from motionlaw.tools.table_files import TIME_STEMS, is_run_number, parse_header

FRAME_NAMES = ("frame", "frames", "frame_number", "frame_index", "frame_id", "index", "n")
RUN_NAMES = ("trajectory", "trajectory_id", "traj", "trial", "run", "run_id", "experiment", "series")
OBJECT_NAMES = ("track", "track_id", "tracker_id", "object", "object_id", "id", "particle", "body")
IGNORED = {"confidence", "likelihood", "score", "area", "w", "h", "width", "height", "visible", "occluded", "inliers"}
UNCERTAINTY = re.compile(r"^(unc|err|error|sigma|stderr|std|d?uncertainty)_|_(unc|err|error|sigma|stderr|std)$", re.I)
ACCELEROMETER = re.compile(r"^(?:(?:linear_)?acc(?:el(?:eration)?)?|a|g?_?f)_?([xyz])$", re.I)


@dataclass(frozen=True)
class Keys:
    """The columns that say when and of what a row is, and the columns that are left."""

    time: str | None
    frame: str | None
    trajectory: str | None
    object: str | None
    values: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roles:
    """Which columns are coordinates, and which hold their derivatives."""

    coordinates: tuple[str, ...]
    velocity: dict[str, str] = field(default_factory=dict)
    acceleration: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_accelerometer: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the coordinates are called in the law: their columns, or ``a_x`` ... for an accelerometer."""
        if not self.is_accelerometer:
            return self.coordinates
        return tuple("a_" + c[-1].lower() for c in self.coordinates)


def find_column(name: str, columns: Iterable[str]) -> str:
    """Finds a column by the name a user gave it, with or without its unit.

    Raises:
        UserError: There is no such column; the message lists the ones there are.

    Example:
        >>> find_column("Time (s)", ["Time", "x"])
        'Time'
    """
    columns = list(columns)
    lowered = {column.lower(): column for column in reversed(columns)}
    for candidate in (name, parse_header(name)[0]):
        if candidate in columns:
            return candidate
        if candidate.lower() in lowered:
            return lowered[candidate.lower()]
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    hint = f" Did you mean '{lowered[near[0]]}'?" if near else ""
    raise UserError(f"No column '{name}'.{hint} Columns: {', '.join(columns)}.")


def find_keys(
    frame: pd.DataFrame, unnamed: Sequence[str], *, time: str | None, trajectory: str | None, fps: float | None
) -> Keys:
    """Finds time, frame, run and object columns by name, or by shape where the header names none.

    Args:
        frame: The table.
        unnamed: Columns without a title.
        time: The user's time column.
        trajectory: The user's column of run numbers.
        fps: Frames a second; an unnamed increasing column is then a frame count and no time.

    Returns:
        The keys and the names of the numeric columns left.
    """
    lowered = {column.lower(): column for column in reversed(list(frame.columns))}

    def named(names: Iterable[str]) -> str | None:
        return next((lowered[name] for name in names if name in lowered), None)

    time = find_column(time, frame.columns) if time else named((*TIME_STEMS, "sec", "secs", "seconds"))
    frame_column = named(FRAME_NAMES)
    run = find_column(trajectory, frame.columns) if trajectory else named(RUN_NAMES)
    objects = named(OBJECT_NAMES) if not trajectory else None
    leading = [column for column in frame.columns[:2] if column in unnamed]
    counted = len(leading) == 2 and is_run_number(frame[leading[0]]) and _rises(frame[leading[1]], frame[leading[0]])
    if counted and run is None and time is None:
        run, time = leading
    elif time is None and leading and leading[0] == frame.columns[0] and _rises(frame[leading[0]]):
        time, frame_column = (leading[0], frame_column) if fps is None else (None, leading[0])
    keys = {time, frame_column, run, objects}
    values = [column for column in frame.columns if column not in keys]
    values, notes = _leave_out(frame, values, frame_column)
    return Keys(time, frame_column, run, objects, tuple(values), tuple(notes))


def _rises(column: pd.Series, groups: pd.Series | None = None) -> bool:
    if not pd.api.types.is_numeric_dtype(column):
        return False
    steps = column.diff() if groups is None else column.groupby(groups).diff()
    return bool((steps.dropna() > 0).all()) and len(column) > 1


def _leave_out(frame: pd.DataFrame, values: list[str], frame_column: str | None) -> tuple[list[str], list[str]]:
    """Drops text, box sizes, uncertainties, and pixels that stand beside calibrated coordinates."""
    lowered = {value.lower() for value in values}
    dropped = {value for value in values if value.lower() in IGNORED or UNCERTAINTY.search(value)}
    dropped |= {value for value in values if not pd.api.types.is_numeric_dtype(frame[value])}
    if {"cx", "cy", "w", "h"} <= lowered:
        dropped |= {value for value in values if value.lower() in ("x", "y")}
    if {"x", "y"} <= lowered:
        boxes = ("px_x", "px_y", "x_px", "y_px", "u", "v") if {"px_x", "x_px"} & lowered else ()
        corners = ("x1", "y1", "x2", "y2") if {"x1", "y1", "x2", "y2"} <= lowered else ()
        dropped |= {value for value in values if value.lower() in (*boxes, *corners)}
    dropped |= {value for value in values if value in frame and value != frame_column and value.lower() in FRAME_NAMES}
    kept = [value for value in values if value not in dropped]
    left = [value for value in values if value in dropped]
    return kept, [f"Columns left out: {', '.join(left)}."] if left else []


def find_roles(
    runs: Sequence[pd.DataFrame], values: Sequence[str], unnamed: Sequence[str], *, trust_names: bool = False
) -> Roles:
    """Sorts columns into coordinates, velocities and accelerations.

    Args:
        runs: The table cut into runs, each with seconds in the column ``t``.
        values: The columns to sort, at least one.
        unnamed: Those among them without a title of their own.
        trust_names: The user chose the columns: names need no proof.

    Returns:
        The roles; every column of ``values`` is a coordinate, a derivative, or named in a note.
    """
    moving = [c for c in values if any(run[c].nunique() != 1 for run in runs)] or list(values)
    still = [c for c in values if c not in moving]
    notes = [f"Columns that do not change: {', '.join(still)}."] if still else []
    warnings: list[str] = []
    for drop in (_drop_repeats, _drop_norms):
        moving, said = drop(runs, moving, unnamed)
        notes += said
    if all(ACCELEROMETER.match(c) for c in moving):
        notes.append("The table holds accelerations only, in the frame of the sensor: they are the coordinates here.")
        return Roles(tuple(moving), notes=tuple(notes), is_accelerometer=True)
    velocity, left_out = match_velocities(runs, moving, trust_names, warnings)
    bases = [c for c in moving if c not in velocity.values() and c not in left_out]
    acceleration, misfits = match_accelerations(runs, bases, velocity, trust_names, warnings)
    left_out |= misfits
    if not trust_names:
        free = [c for c in bases if c not in acceleration.values() and c not in left_out]
        match_by_data(runs, free, unnamed, velocity, acceleration, notes)
    derivatives = {*velocity.values(), *acceleration.values()}
    coordinates = [c for c in moving if c not in derivatives and c not in left_out]
    lost = [c for c in coordinates if c in unnamed and len(unnamed) < len(values)]
    if lost and len(lost) < len(coordinates):  # the header names the others, so these are additions nobody described
        coordinates = [c for c in coordinates if c not in lost]
        notes.append(f"Unnamed columns left out: {', '.join(lost)}.")
    return Roles(tuple(coordinates), velocity, acceleration, tuple(notes), tuple(warnings))


def _drop_repeats(
    runs: Sequence[pd.DataFrame], columns: list[str], unnamed: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Drops unnamed columns that repeat another one exactly."""
    kept: list[str] = []
    for column in columns:
        if not (column in unnamed and any(all(run[column].equals(run[other]) for run in runs) for other in kept)):
            kept.append(column)
    lost = [column for column in columns if column not in kept]
    return kept, [f"Columns that repeat others: {', '.join(lost)}."] if lost else []


def _drop_norms(
    runs: Sequence[pd.DataFrame], columns: list[str], unnamed: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Drops a column that is the length of the vector made of two or three others, such as a speed."""
    groups: dict[str, list[str]] = {}
    for column in columns:
        axis = re.match(r"^(\w*?)_?([xyz])$", column)
        if axis:
            groups.setdefault(axis.group(1).lower(), []).append(column)
    lost = []
    for column in columns:
        for parts in groups.values():
            if len(parts) < 2 or column in parts:
                continue
            pooled = pd.concat(runs)
            length = np.sqrt((pooled[parts].to_numpy(float) ** 2).sum(axis=1))
            if np.allclose(length, pooled[column].to_numpy(float), rtol=1e-2, atol=1e-6, equal_nan=True):
                lost.append(column)
                break
    kept = [c for c in columns if c not in lost]
    return kept, [f"Columns that are lengths of others: {', '.join(lost)}."] if lost else []
