"""PhysSymbol, rebuilt: oscillators of the eleven published kinds of term, from positions alone.

The published cases were never released; these come from `motionlaw.data_builders.physsymbol`, which declares every
distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionlaw.data_builders.physsymbol import BENCHMARK_SEED, draw_oscillators
from motionlaw.eval.tasks import Condition, MotionCase, Play, Table
from motionlaw.tools.trajectory import Trajectory

FOLDERS: tuple[str, ...] = ()
MARKER = ""
CASES = 40
CONDITIONS = tuple(Condition(noise, "position") for noise in (0.0, 0.01, 0.05))
HEADLINE = ("exact", "s_struct", "s_acc", "nmse_acceleration")


def read_cases(folders: Sequence[Path]) -> list[MotionCase]:
    """Forty oscillators of a seed that no data set is built with."""
    cases = []
    for number, each in enumerate(draw_oscillators(CASES, seed=BENCHMARK_SEED)):
        name = f"physsymbol {number}"
        play = Play(each.t, np.column_stack([each.x, each.v]))
        run = Trajectory(name, each.t, ("x",), each.x[:, None])
        rows = Table({"t": each.t, "x": each.x, "v": each.v}, each.a)
        cases.append(MotionCase(name, 2, (run,), {"reconstruct": play}, {"v": each.law}, tests={"v": rows}))
    return cases
