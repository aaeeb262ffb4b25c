"""ODEBench: 63 systems of one to four first-order equations, two initial states each.

The law is sought in the first state's trajectory, positions alone, thinned to 150 of the 512 published points; it must
reproduce that trajectory and the second state's. Noise multiplies positions, as in the paper.

Source: d'Ascoli et al. (2023), arXiv 2310.05573. Format: a JSON list of systems with ``substituted`` (the truth) and
``solutions``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.eval.tasks import Condition, MotionCase, Play
from motionlaw.tools.equation import parse
from motionlaw.tools.trajectory import Trajectory

FOLDERS = ("odebench",)
MARKER = "*.json"
POINTS = 150
CONDITIONS = (Condition(0.0, "position"), Condition(0.05, "position", 0.5))
HEADLINE = ("reconstructed", "generalised", "exact", "s_struct")


def read_cases(folders: Sequence[Path]) -> list[MotionCase]:
    """One case a system, with its first set of constants."""
    entries = [
        entry
        for folder in folders
        for path in sorted(folder.glob(MARKER))
        for entry in json.loads(path.read_text(encoding="utf-8"))
    ]
    return [_case(entry) for entry in entries]


def _case(entry: dict[str, Any]) -> MotionCase:
    name, dimensions = f"ode{entry['id']}", int(entry["dim"])
    coordinates = tuple(f"x_{k}" for k in range(dimensions))
    solutions = [_play(solution) for solution in entry["solutions"][0]]
    plays = dict(zip(("reconstruct", "generalise"), solutions, strict=False))
    truth = {
        target: parse(text, variables=coordinates)
        for target, text in zip(coordinates, entry["substituted"][0], strict=True)
    }
    seen = plays["reconstruct"]
    return MotionCase(name, 1, (Trajectory(name, seen.t, coordinates, seen.states),), plays, truth, is_relative=True)


def _play(solution: dict[str, Any]) -> Play:
    t, states = np.asarray(solution["t"], dtype=float), np.asarray(solution["y"], dtype=float).T
    chosen = np.unique(np.linspace(0, len(t) - 1, min(POINTS, len(t))).round().astype(int))
    return Play(t[chosen], states[chosen])
