"""Turns tables into trajectories: finds time and coordinates, mends what can be mended, refuses what cannot.

    motionlaw discover run1.csv run2.csv --time t --columns x,v

Leaves out opening files (`table_files`) and sorting columns (`table_columns`). Every repair is told in ``warnings``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError
from motionlaw.tools.long_records import within_limit
from motionlaw.tools.table_columns import Keys, Roles, find_column, find_keys, find_roles
from motionlaw.tools.table_derivatives import ANGLE
from motionlaw.tools.table_files import TABLE_SUFFIXES, RawTable, read_tables
from motionlaw.tools.table_rows import MIN_ROWS, Run, check_gaps, long_enough, mend, refuse_infinite, split_runs
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.units import parse_unit

SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60.0, "h": 3600.0}
UNIT_WORDS = {"degrees": "deg", "degree": "deg", "°": "deg", "inch": "in", "inches": "in", "foot": "ft", "feet": "ft"}
UNIT_WORDS |= {"meters": "m", "metres": "m", "pixels": "px", "seconds": "s", "radians": "rad"}
UNIT_GRAMMAR = re.compile(r"^[A-Za-zµ°%.]+(\^?-?\d+)?([*/· ]+[A-Za-zµ°%.]+(\^?-?\d+)?)*$")


@dataclass(frozen=True)
class TableInput:
    """What the tables hold.

    Args:
        trajectories: One for each run, or for each object of one scene.
        warnings: Repairs and doubts, one sentence each.
        frame: All numeric columns of all rows, for algebraic laws (``--target``).
        units: Unit of a column of ``frame``, where its header gives one.
        is_scene: True if the trajectories are objects that move at the same time, not runs of one law.
    """

    trajectories: tuple[Trajectory, ...]
    warnings: tuple[str, ...]
    frame: pd.DataFrame
    units: dict[str, str]
    is_scene: bool = False


def is_table_path(path: str | Path) -> bool:
    """Says whether a path is read as a table, going by its ending.

    Example:
        >>> is_table_path("run.CSV"), is_table_path("run.mp4")
        (True, False)
    """
    return Path(path).suffix.lower() in TABLE_SUFFIXES


def read_trajectories(
    paths: Sequence[str | Path],
    *,
    time: str | None = None,
    columns: Sequence[str] | str | None = None,
    fps: float | None = None,
    trajectory: str | None = None,
) -> TableInput:
    """Reads tables of motion from files, see `trajectories_in`.

    Args:
        paths: Tables with the same columns; each is a run of its own (or several).
        time: The time column; found by name if not given.
        columns: Columns to use, as a list or ``"x,v,a"``; their names are then trusted. All if not given.
        fps: Rows a second, where there is no time column.
        trajectory: The column that tells runs apart; found by name if not given.

    Returns:
        Trajectories with strictly increasing times, and what was done to the rows.

    Raises:
        UserError: A file is unusable; the message says what to do.
    """
    return trajectories_in(_raw_tables(paths), time=time, columns=columns, fps=fps, trajectory=trajectory)


def trajectories_in(
    tables: Iterable[tuple[Path, RawTable]],
    *,
    time: str | None = None,
    columns: Sequence[str] | str | None = None,
    fps: float | None = None,
    trajectory: str | None = None,
) -> TableInput:
    """Turns tables that have been opened into trajectories.

    Args:
        tables: Each with the path, or any other name, that it is called by.
        time: As in `read_trajectories`, like the others.
        columns: Columns to use.
        fps: Rows a second.
        trajectory: The column that tells runs apart.

    Returns:
        Trajectories with strictly increasing times, and what was done to the rows.

    Raises:
        UserError: A table is unusable; the message says what to do.
    """
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise UserError(f"fps must be positive, got {fps}. Give the true rate, e.g. --fps 29.97.")
    wanted = _listed(columns)
    warnings: list[str] = []
    opened = [
        _open(path, raw, wanted, warnings, time=time, trajectory=trajectory, fps=fps) for path, raw in tables
    ]
    first = opened[0]
    for table in opened[1:]:
        if set(table.keys.values) != set(first.keys.values):
            raise UserError(
                f"All tables must have the same columns, but {table.name} has {', '.join(table.keys.values)} and "
                f"{first.name} has {', '.join(first.keys.values)}. Choose with --columns, or give them one by one."
            )
    pieces = [piece for table in opened for piece in table.runs]
    runs = long_enough([mend(piece, first.keys.values, warnings) for piece in pieces], first.keys.values, warnings)
    roles = find_roles([run.rows for run in runs], first.keys.values, first.raw.unnamed, trust_names=wanted is not None)
    check_gaps(runs, roles)
    notes = (*first.keys.notes, *roles.notes)
    units = _read_units(first.raw.units, roles.coordinates, warnings)
    trajectories, said = within_limit([_trajectory(run, roles, units, notes) for run in runs])
    warnings += [said] if said else []
    return TableInput(
        trajectories=tuple(trajectories),
        warnings=tuple(dict.fromkeys((*warnings, *roles.warnings))),
        frame=pd.concat([table.raw.frame.select_dtypes("number") for table in opened], ignore_index=True),
        units=units,
        is_scene=any(table.is_scene for table in opened),
    )


@dataclass(frozen=True)
class _Opened:
    """A table with its keys found, cut into runs."""

    name: str
    raw: RawTable
    keys: Keys
    runs: list[Run]
    is_scene: bool


def _raw_tables(paths: Sequence[str | Path]) -> Iterator[tuple[Path, RawTable]]:
    if not paths:
        raise UserError("No table was given. Name at least one file, e.g. run.csv.")
    return ((Path(path), raw) for path in paths for raw in read_tables(path))


def _open(
    path: Path,
    raw: RawTable,
    wanted: list[str] | None,
    warnings: list[str],
    *,
    time: str | None,
    trajectory: str | None,
    fps: float | None,
) -> _Opened:
    """Finds time and runs of one table."""
    name = f"{path.name} {raw.name}".strip()
    raw = _as_numbers(_titled(raw), name, warnings)
    keys = _chosen(find_keys(raw.frame, raw.unnamed, time=time, trajectory=trajectory, fps=fps), raw, wanted, name)
    titles = {keys.time: "t", keys.trajectory: "trajectory"}
    titles = {column: title for column, title in titles.items() if column in raw.unnamed}
    raw = replace(raw, frame=raw.frame.rename(columns=titles))  # so that --target can name them
    keys = replace(keys, time=titles.get(keys.time, keys.time), trajectory=titles.get(keys.trajectory, keys.trajectory))
    named = raw.frame[[c for c in (keys.trajectory, keys.object, *keys.values) if c is not None]]
    runs, is_scene = split_runs(named.assign(t=_seconds(raw, keys, fps, name)), keys, name, warnings)
    return _Opened(name, raw, keys, runs, is_scene)


def read_columns(paths: Sequence[str | Path], *, columns: Sequence[str] | str | None = None) -> TableInput:
    """Reads tables as mere columns, for algebraic laws; no time is needed.

    Args:
        paths: Tables with the same columns.
        columns: Columns to use; all numeric ones if not given.

    Returns:
        A `TableInput` without trajectories. Rows with a missing value are left out, with a warning.
    """
    warnings: list[str] = []
    tables = [_as_numbers(raw, Path(path).name, warnings) for path in paths for raw in read_tables(path)]
    numeric = [table.frame.select_dtypes("number") for table in tables]
    names = [find_column(name, numeric[0].columns) for name in _listed(columns) or list(numeric[0].columns)]
    for path, frame in zip(paths, numeric, strict=False):
        if not set(names) <= set(frame.columns):
            found = ", ".join(frame.columns)
            raise UserError(f"All tables must have the columns {', '.join(names)}, but {Path(path).name} has {found}.")
    frame = pd.concat(numeric, ignore_index=True)[names]
    for name in names:
        refuse_infinite(frame, name, "the table")
    complete = frame.dropna()
    if len(complete) < len(frame):
        warnings.append(f"{len(frame) - len(complete)} of {len(frame)} rows have a missing value and are left out.")
    if len(complete) < MIN_ROWS or len(names) < 2:
        got = f"got {len(names)} and {len(complete)}"
        raise UserError(f"An algebraic law needs at least 2 columns and {MIN_ROWS} complete rows, {got}.")
    return TableInput((), tuple(warnings), complete.reset_index(drop=True), tables[0].units)


def _listed(columns: Sequence[str] | str | None) -> list[str] | None:
    names = columns.split(",") if isinstance(columns, str) else columns
    return None if names is None else [name.strip() for name in names if name.strip()]


def _titled(raw: RawTable) -> RawTable:
    """Names the columns of a table without header: t, then x, v, a or x1, x2, ... as the data say."""
    if len(raw.unnamed) < raw.frame.shape[1]:
        return raw
    keys = find_keys(raw.frame, raw.unnamed, time=None, trajectory=None, fps=None)
    if keys.time is None:
        names = {column: f"x{i}" if len(keys.values) > 1 else "x" for i, column in enumerate(keys.values, start=1)}
    else:
        runs = [raw.frame.assign(t=raw.frame[keys.time])]
        roles = find_roles(runs, keys.values, keys.values)
        several = len(roles.coordinates) > 1
        names = {keys.time: "t"} | {keys.trajectory: "trajectory"} if keys.trajectory else {keys.time: "t"}
        for i, c in enumerate(roles.coordinates, start=1):
            suffix = str(i) if several else ""
            parts = {"x": c, "v": roles.velocity.get(c), "a": roles.acceleration.get(c)}
            names |= {column: f"{letter}{suffix}" for letter, column in parts.items() if column}
    frame = raw.frame.rename(columns=names)
    said = f"The table has no header; its columns are taken as {', '.join(frame.columns)}."
    return replace(raw, frame=frame, unnamed=(), warnings=(*raw.warnings, said))


def _as_numbers(raw: RawTable, name: str, warnings: list[str]) -> RawTable:
    """Turns columns that are mostly numbers into numbers; a stray word becomes a gap."""
    warnings += [said for said in raw.warnings if said not in warnings]
    frame = raw.frame.copy()
    for column in frame.columns:
        if pd.api.types.is_bool_dtype(frame[column]):
            frame[column] = frame[column].astype(float)
        if pd.api.types.is_numeric_dtype(frame[column]):
            continue
        numbers = pd.to_numeric(frame[column], errors="coerce")
        words = frame[column].notna() & numbers.isna()
        if numbers.notna().mean() >= 0.5:
            frame[column] = numbers
        if numbers.notna().mean() >= 0.5 and words.any():
            first = frame.index[words][0] + 1
            count = int(words.sum())
            warnings.append(f"{name}: {count} cells of {column} are no numbers (first in row {first}); they are gaps.")
    return replace(raw, frame=frame)


def _chosen(keys: Keys, table: RawTable, wanted: list[str] | None, name: str) -> Keys:
    """Keeps the columns that the user wants, and says so if there is nothing to keep."""
    if wanted is not None:
        values = tuple(find_column(column, table.frame.columns) for column in wanted)
        text = [column for column in values if not pd.api.types.is_numeric_dtype(table.frame[column])]
        if text:
            raise UserError(f"Column '{text[0]}' of {name} must hold numbers, but it holds text.")
        keys = replace(keys, values=values, notes=())
        run, thing = (None if column in values else column for column in (keys.trajectory, keys.object))
        keys = replace(keys, trajectory=run, object=thing)
    if not keys.values:
        columns = ", ".join(table.frame.columns)
        raise UserError(
            f"{name} needs a time and at least one column of numbers, got: {columns}. Check header and separator."
        )
    return keys


def _seconds(table: RawTable, keys: Keys, fps: float | None, name: str) -> np.ndarray:
    """Returns the time of each row in seconds."""
    if keys.time is not None:
        column = table.frame[keys.time]
        if not pd.api.types.is_numeric_dtype(column):
            got = column.iloc[0]
            raise UserError(f"The time column '{keys.time}' of {name} must hold numbers, got '{got}'. Or give --fps.")
        unit = table.units.get(keys.time, "s").lower()
        if unit not in SECONDS:
            known = ", ".join(SECONDS)
            raise UserError(f"The time column '{keys.time}' of {name} must be in one of {known}, got '{unit}'.")
        refuse_infinite(table.frame, keys.time, name)
        return column.to_numpy(float) * SECONDS[unit]
    if fps is None:
        found = ", ".join(table.frame.columns)
        raise UserError(
            f"{name} has no time column (columns: {found}). Name it with --time, or give the frame rate, e.g. "
            "--fps 60, or a column to explain with --target."
        )
    if keys.frame is not None and pd.api.types.is_numeric_dtype(table.frame[keys.frame]):
        return table.frame[keys.frame].to_numpy(float) / fps
    return np.arange(len(table.frame)) / fps


def _trajectory(run: Run, roles: Roles, units_of: dict[str, str], notes: tuple[str, ...]) -> Trajectory:
    """Makes the value, with angles in radians."""
    units = [_unit(column, units_of) for column in roles.coordinates]
    to_radians = np.array([np.pi / 180 if unit == "deg" else 1.0 for unit in units])

    def stacked(columns: dict[str, str]) -> np.ndarray | None:
        if set(columns) != set(roles.coordinates):
            return None  # a law needs the derivatives of all coordinates or makes its own
        return run.rows[[columns[c] for c in roles.coordinates]].to_numpy(float) * to_radians

    return Trajectory(
        name=run.name,
        t=run.rows["t"].to_numpy(float),
        coordinates=roles.names,
        position=run.rows[list(roles.coordinates)].to_numpy(float) * to_radians,
        velocity=stacked(roles.velocity),
        acceleration=stacked(roles.acceleration),
        units=tuple("rad" if scale != 1.0 else unit for unit, scale in zip(units, to_radians, strict=True)),
        notes=notes,
    )


def _unit(column: str, units: dict[str, str]) -> str:
    if column in units:
        return units[column]
    if re.match(r"^px_|_px$", column):
        return "px"
    return "rad" if ANGLE.match(column) else ""


def _read_units(units: dict[str, str], columns: Sequence[str], warnings: list[str]) -> dict[str, str]:
    """Writes units the way `units` does; drops those it has no name for, with a warning.

    Raises:
        UserError: A unit is no product of powers at all.
    """
    plain = dict(units)
    for column in (column for column in columns if column in units):
        words = re.sub(r"([A-Za-z])(-?\d)", r"\1^\2", units[column].strip())
        plain[column] = re.sub(r"[A-Za-z°]+", lambda word: UNIT_WORDS.get(word[0].lower(), word[0]), words)
        try:
            parse_unit(plain[column])
        except UserError as error:
            if not UNIT_GRAMMAR.match(words):
                raise UserError(f"The unit of column {column} cannot be read: {error} Change the header.") from None
            warnings.append(f"The unit '{units[column]}' of column {column} is not known and is left out.")
            plain[column] = ""
    return plain
