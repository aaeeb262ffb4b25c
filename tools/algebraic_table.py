"""Tables for algebraic laws: which column is explained, by which others, with which errors and units.

Leaves out opening files (`table_files`) and mending them (`table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.tools.algebraic_fit import Rows
from motionlaw.tools.errors import UserError
from motionlaw.tools.table import read_columns
from motionlaw.tools.table_columns import find_column
from motionlaw.tools.table_files import read_tables
from motionlaw.tools.units import parse_unit


@dataclass(frozen=True)
class StaticTable:
    """What was read: the rows, the target's name, units by column, and what the reader ought to know."""

    rows: Rows
    target: str
    units: dict[str, str]
    warnings: list[str]


def refuse_constant(target: str, y: np.ndarray) -> None:
    """Refuses a target that never changes.

    Raises:
        UserError: All values are the same.
    """
    if np.ptp(y) <= 1e-12 * np.max(np.abs(y)):
        raise UserError(f"The target column '{target}' must vary, but it is {y[0]:g} in all {len(y)} rows.")


def read_static(paths: Sequence[str | Path], target: str, columns: Sequence[str] | str | None) -> StaticTable:
    """Reads the columns of tables and tells predictors from stated errors.

    Args:
        paths: Tables with the same columns.
        target: The column to explain; ``unc_<target>`` holds its standard errors.
        columns: The columns that may explain it; all numeric ones if ``None``.

    Raises:
        UserError: The table has no such column, nothing to explain it by, or too few rows.
    """
    if not paths:
        raise UserError("No input was given. Name a table, e.g. motionlaw discover table.csv --target y.")
    names = list(read_tables(paths[0])[0].frame.columns)
    target = find_column(target, names)
    listed = columns.split(",") if isinstance(columns, str) else columns
    errors = f"unc_{target}"
    wanted = None
    if listed is not None:
        chosen = [find_column(name.strip(), names) for name in listed if name.strip()]
        wanted = list(dict.fromkeys([*chosen, target, *([errors] if errors in names else [])]))
    read = read_columns(paths, columns=wanted)
    warnings, frame = list(read.warnings), read.frame
    if target not in frame:
        raise UserError(f"The target column '{target}' must hold numbers, but it holds text.")
    y = frame[target].to_numpy(float)
    refuse_constant(target, y)
    stated = frame[errors].to_numpy(float) if errors in frame else None
    if stated is not None and not np.all(stated > 0):
        warnings.append(f"Column {errors} has errors that are not positive and is not used.")
        stated = None
    others = [name for name in frame.columns if name != target]
    uncertain = [name for name in others if name.startswith("unc_") and name[4:] in frame]
    if any(name != errors for name in uncertain):
        warnings.append("Only the errors of the target are taken into account, not those of other columns.")
    constant = [name for name in others if name not in uncertain and np.ptp(frame[name]) == 0]
    warnings += [f"Column {name} is the same in all rows and can explain nothing." for name in constant]
    used = [name for name in others if name not in uncertain and name not in constant]
    if not used:
        got = ", ".join(names)
        raise UserError(f"There is no other column of numbers that varies to explain '{target}' by, got: {got}.")
    rows = Rows({name: frame[name].to_numpy(float) for name in used}, y, stated)
    units = {name: _unit(name, read.units.get(name, "")) for name in [*used, target]}
    return StaticTable(rows, target, units, warnings)


def _unit(name: str, given: str) -> str:
    """The unit of a column from its header, else from a name such as ``mass_g``; ``""`` where unknown."""
    stem, _, ending = name.rpartition("_")
    for text in (given, ending if len(stem) > 2 and not ending.isdigit() else ""):
        try:
            if text and parse_unit(text) is not None:
                return text
        except UserError:
            continue  # a unit that we have no name for, or no unit at all
    return ""
