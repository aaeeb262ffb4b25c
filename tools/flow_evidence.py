"""Evidence as flows: first-order laws fitted to the runs of a search.

Such fits do not shoot: the data hold the path all the way, so that no law runs away from a poor first state.
"""

from __future__ import annotations

import numpy as np

from motionlaw.tools.dynamics import Model
from motionlaw.tools.flow import Flow, fit_flow, make_flow, trajectory_fit
from motionlaw.tools.observe import Evidence
from motionlaw.tools.shooting import TrajectoryFit


def flow_of(evidence: Evidence, *, whole: bool, most_rows: int | None = None) -> Flow:
    """The evidence as a flow.

    Args:
        evidence: The data.
        whole: Whether the held-out tail is part of it.
        most_rows: Rows of all runs that are kept, evenly; all by default.
    """
    rows = [np.arange(len(run.trajectory.t) if whole else run.rows_fitted) for run in evidence.runs]
    step = 1 if most_rows is None else max(1, int(np.ceil(sum(map(len, rows)) / most_rows)))
    known: dict[tuple[bool, int], Flow] = evidence.__dict__.setdefault("_flows", {})  # many laws are fitted to each
    if (whole, step) not in known:
        runs = [(run, each[::step]) for run, each in zip(evidence.runs, rows, strict=True)]
        known[whole, step] = make_flow(
            evidence.coordinates,
            [run.trajectory.t[each] for run, each in runs],
            [run.trajectory.position[each] for run, each in runs],
            [run.row_noise[each] for run, each in runs],
        )
    return known[whole, step]


def fit_first_order(
    model: Model, evidence: Evidence, *, whole: bool = False, deadline: float = np.inf
) -> TrajectoryFit:
    """Fits a first-order law's constants to the evidence: to the rows before the tail, or to the whole runs."""
    return trajectory_fit(fit_flow(flow_of(evidence, whole=whole), model, deadline=deadline))
