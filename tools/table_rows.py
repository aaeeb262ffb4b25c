"""Mends the rows of a table of motion: cuts it into runs, sorts times, refuses contradictions.

Every repair is told in a warning; what has two readings is refused. Leaves out what the columns mean (`table_columns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError
from motionlaw.tools.table_columns import Keys, Roles

MIN_ROWS = 5  # an order-2 law has two constants of the start and at least one of its own
MAX_GAP_SHARE = 0.5


@dataclass(frozen=True)
class Run:
    """A piece of a table that belongs to one trajectory, with seconds in the column ``t``."""

    name: str
    rows: pd.DataFrame


def split_runs(rows: pd.DataFrame, keys: Keys, name: str, warnings: list[str]) -> tuple[list[Run], bool]:
    """Cuts a table at its run and object columns, or where the time starts again."""
    by = [column for column in (keys.trajectory, keys.object) if column is not None]
    if by:
        groups = list(rows.groupby(by, sort=False))
        named = len(groups) > 1
        labels = [f"{name}: {' '.join(map(_label, key))}" if named else name for key, _ in groups]
        runs = [Run(label, group.drop(columns=by)) for label, (_, group) in zip(labels, groups, strict=True)]
        return runs, keys.object is not None and named
    t = rows["t"].to_numpy(float)
    falls = np.flatnonzero(np.diff(t) < 0) + 1
    starts = [0, *falls.tolist()]
    pieces = [rows.iloc[a:b] for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]
    span = max((np.ptp(piece["t"]) for piece in pieces), default=0.0)
    restarts = all(abs(piece["t"].iloc[0] - t[0]) <= 0.1 * span for piece in pieces)
    if len(pieces) > 1 and restarts and min(map(len, pieces)) >= 2 * MIN_ROWS:
        warnings.append(f"{name}: the time starts again; the {len(pieces)} pieces are taken as runs of their own.")
        return [Run(f"{name}: run {i}", piece) for i, piece in enumerate(pieces, start=1)], False
    return [Run(name, rows)], False


def _label(key: object) -> str:
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)


def refuse_infinite(frame: pd.DataFrame, column: str, name: str) -> None:
    bad = np.flatnonzero(np.isinf(frame[column].to_numpy(float)))
    if len(bad):
        row = frame.index[bad[0]] + 1
        raise UserError(
            f"Column {column} of {name} must hold finite numbers, got infinity in data row {row}. Leave the cell empty."
        )


def mend(run: Run, values: Sequence[str], warnings: list[str]) -> Run:
    """Sorts times, drops repeats, and refuses what has no single reading."""
    rows, name = run.rows, run.name
    for column in values:
        refuse_infinite(rows, column, name)
    if rows["t"].isna().any():
        warnings.append(f"{name}: {int(rows['t'].isna().sum())} rows without a time are left out.")
        rows = rows[rows["t"].notna()]
    if (rows["t"].diff() < 0).any():
        warnings.append(f"{name}: times are not in order; the rows were sorted by time.")
        rows = rows.sort_values("t", kind="stable")
    repeated = rows.duplicated("t", keep="first")
    if repeated.any():
        same = rows.duplicated(["t", *values], keep="first")
        if (repeated & ~same).any():
            moment = rows.loc[repeated & ~same, "t"].iloc[0]
            raise UserError(
                f"{name} must have one value a time, but has different ones at t = {moment:.6g} s. If the times are "
                "rounded give --fps; if objects share the table add a column 'track'."
            )
        warnings.append(f"{name}: {int(repeated.sum())} rows that repeat another were dropped.")
        rows = rows[~repeated]
    missing = rows[list(values)].isna().any(axis=1)
    if missing.any():
        warnings.append(f"{name}: {int(missing.sum())} of {len(rows)} rows have a missing value and are kept as gaps.")
    return Run(name, rows)


def long_enough(runs: list[Run], values: Sequence[str], warnings: list[str]) -> list[Run]:
    """Keeps runs with enough rows; complains if there are none."""
    counts = [len(run.rows[list(values)].dropna(how="all")) for run in runs]
    kept = [run for run, count in zip(runs, counts, strict=True) if count >= MIN_ROWS]
    if not kept:
        empty = max(counts, default=0) == 0 and max((len(run.rows) for run in runs), default=0) >= MIN_ROWS
        reason = "but every value is missing" if empty else f"got {max(counts, default=0)}"
        raise UserError(
            f"{runs[0].name if runs else 'The table'} must have at least {MIN_ROWS} rows with a time and a position, "
            f"{reason}. Record longer, or at a higher rate."
        )
    short = [run.name for run in runs if run not in kept]
    if short:
        warnings.append(f"Left out for having fewer than {MIN_ROWS} rows: {', '.join(short)}.")
    return kept


def check_gaps(runs: list[Run], roles: Roles) -> None:
    for run in runs:
        for column in roles.coordinates:
            share = run.rows[column].isna().mean()
            if share > MAX_GAP_SHARE:
                raise UserError(
                    f"Column {column} of {run.name} must be mostly filled, but {share:.0%} of its rows are missing. "
                    "Choose other columns with --columns."
                )
