"""What adapters of plain tables share: reading csv, splitting rows, and keeping a truth only where the data agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.scorers import r2
from motionlaw.eval.tasks import Table
from motionlaw.tools.equation import evaluate, parse

TEST_SHARE = 0.25
# A published formula that explains less of the clean target belongs to other data.
AGREES = 0.999


def read_table(path: Path) -> tuple[Table, str]:
    """Reads a csv whose last column is the target; columns ``unc_…`` are errors of others and left out.

    Returns:
        The table and the target's name.
    """
    import pandas as pd

    frame = pd.read_csv(path)
    names = [name for name in frame.columns if not name.startswith("unc_")]
    columns = {name: frame[name].to_numpy(dtype=float) for name in names}
    target = names[-1]
    return Table({name: columns[name] for name in names[:-1]}, columns[target]), target


def split(table: Table) -> tuple[Table, Table]:
    """Three quarters of the rows to learn from and a quarter to test on, the same in every run."""
    order = np.random.default_rng(0).permutation(len(table.y))
    cut = round(TEST_SHARE * len(table.y))
    return table.rows(np.sort(order[cut:])), table.rows(np.sort(order[:cut]))


def truth_for(table: Table, text: str, *, must_agree: bool = True) -> sympy.Expr | None:
    """A published formula, if the table has its variables and agrees with it.

    Args:
        table: Clean rows.
        text: The formula; empty where none was published.
        must_agree: Whether its numbers are those of the data; else only its structure is meant.
    """
    if not text:
        return None
    truth = parse(text)
    if not {symbol.name for symbol in truth.free_symbols} <= set(table.columns):
        return None
    agreement = r2(evaluate(truth, table.columns), table.y)
    return truth if not must_agree or (agreement is not None and agreement > AGREES) else None


def kinds_of(names: Sequence[str], target: str) -> dict[str, str]:
    """What columns are, where a table of an acceleration ``a`` names them x, v and t."""
    motion = {"t": "time", "x": "coordinate", "v": "velocity"} if target == "a" else {}
    return {name: motion.get(name, "plain") for name in names}
