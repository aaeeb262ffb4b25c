"""LLM-SRBench's oscillators: a = f(t, x, v), or the same motion from noisy positions.

Source: Shojaee et al. (2025), arXiv 2504.10415; samples simulated again from the published laws (SOURCE.md there).
Format: ``index.json`` (name, law, columns) and one npz a case with the arrays ``train`` and ``ood``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.tasks import Condition, MotionCase, Play, RowCase, Table
from motionlaw.tools.equation import parse
from motionlaw.tools.trajectory import Trajectory

FOLDERS = ("llm_srbench_phys_osc_regenerated",)
MARKER = "*.npz"
CONDITIONS = tuple(Condition(noise) for noise in (0.0, 0.01, 0.05))
HEADLINE = ("exact", "exact_any", "s_acc", "s_struct", "nmse_ood")
KINDS = {"t": "time", "x": "coordinate", "v": "velocity"}


def read_cases(folders: Sequence[Path]) -> list[RowCase]:
    """One case a file, in the order of the index."""
    cases = []
    for folder in folders:
        index = folder / "index.json"
        entries = json.loads(index.read_text(encoding="utf-8")) if index.exists() else []
        laws = {entry["name"]: entry for entry in entries}
        paths = {path.stem: path for path in sorted(folder.glob(MARKER))}
        order = [name for name in laws if name in paths] + [name for name in paths if name not in laws]
        cases += [_case(paths[name], laws.get(name, {})) for name in order]
    return cases


def _case(path: Path, entry: dict[str, object]) -> RowCase:
    names = list(entry.get("columns", ["t", "x", "v", "a"]))  # type: ignore[call-overload]
    with np.load(path) as arrays:
        tables = {key: dict(zip(names, np.asarray(arrays[key], dtype=float).T, strict=True)) for key in arrays.files}
    inputs = [name for name in names if name != "a"]
    rows = {key: Table({name: table[name] for name in inputs}, table["a"]) for key, table in tables.items()}
    law = parse(str(entry["law"]), variables=inputs) if "law" in entry else None
    tests = {"id": rows["train"]} | ({"ood": rows["ood"]} if "ood" in rows else {})
    return RowCase(path.stem, "a", rows["train"], tests, law, KINDS, _motion(path.stem, rows, law))


def _motion(name: str, rows: dict[str, Table], law: sympy.Expr | None) -> MotionCase:
    train = rows["train"].columns
    plays = {
        play: Play(rows[key].columns["t"], np.column_stack([rows[key].columns["x"], rows[key].columns["v"]]))
        for play, key in (("reconstruct", "train"), ("generalise", "ood"))
        if key in rows and len(rows[key].y)
    }
    run = Trajectory(name, train["t"], ("x",), train["x"][:, None])
    truth = {} if law is None else {"v": law}
    return MotionCase(name, 2, (run,), plays, truth, tests={"v": rows["train"]})
