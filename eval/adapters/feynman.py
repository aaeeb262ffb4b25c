"""The Feynman equations: rows drawn uniformly from the published ranges, the published formula as the truth.

Source: Udrescu & Tegmark (2020), arXiv 1905.11481. Format: ``FeynmanEquations.csv`` with Filename, Output, Formula and
name, low and high of each variable.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionlaw.eval.tasks import Condition, RowCase, Table
from motionlaw.tools.equation import evaluate, parse

FOLDERS = ("feynman_equations",)
MARKER = "*.csv"
ROWS = 1000
CONDITIONS = tuple(Condition(noise) for noise in (0.0, 0.01))
HEADLINE = ("exact", "solution", "r2_above_0.999", "s_struct")


def read_cases(folders: Sequence[Path]) -> list[RowCase]:
    """One case an equation; rows where it is undefined are drawn again."""
    cases = []
    for path in sorted(path for folder in folders for path in folder.glob(MARKER)):
        with path.open(encoding="utf-8", newline="") as file:
            cases += [_case(row) for row in csv.DictReader(file) if row["Filename"] and row["Formula"]]
    return cases


def _case(row: dict[str, str]) -> RowCase:
    count = next(k for k in range(1, 12) if not row.get(f"v{k}_name"))
    ranges = {row[f"v{k}_name"]: (float(row[f"v{k}_low"]), float(row[f"v{k}_high"])) for k in range(1, count)}
    truth = parse(row["Formula"], variables=ranges)
    rng = np.random.default_rng(zlib.crc32(row["Filename"].encode()))
    columns = {name: rng.uniform(low, high, 6 * ROWS) for name, (low, high) in ranges.items()}
    y = evaluate(truth, columns)
    table = Table(columns, y).rows(np.flatnonzero(np.isfinite(y))[: 2 * ROWS])
    train, test = table.rows(np.arange(ROWS)), table.rows(np.arange(ROWS, len(table.y)))
    kinds = dict.fromkeys(ranges, "plain")
    return RowCase(row["Filename"], row["Output"], train, {"id": test}, truth, kinds)
