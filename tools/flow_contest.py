"""The contest of first-order laws: the flow search's laws and those that others propose, on one score.

Their fits come from `flow`, not from shooting: the data hold the path all the way, so that no law runs away from a
poor first state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from motionlaw.tools.contest import CHOICE, Rival, cost_of, fit_rival
from motionlaw.tools.flow import FLOOR, trajectory_fit
from motionlaw.tools.flow_evidence import flow_of
from motionlaw.tools.flow_search import FlowLaw, price_of, search_flow
from motionlaw.tools.observe import Evidence

# Rows of all runs that the search for the terms looks at; fits see all.
SEARCHED_ROWS = 400
# Laws of the search that are fitted to all rows.
MOST_FITTED = 6


def searched_first_order(
    evidence: Evidence, *, deadline: float, on_best: Callable[[Rival], None] | None = None
) -> list[Rival]:
    """First-order laws from the structure search, fitted.

    Args:
        evidence: The data.
        deadline: `time.monotonic` value after which the best so far are returned.
        on_best: Called with every law that takes the lead.
    """

    def rival_of(law: FlowLaw) -> Rival:
        cost = cost_of(price_of(law.choices), len(law.fit.model.values), evidence.values_fitted)
        return Rival(model=law.fit.model, cost=cost, source="search")

    def lead(law: FlowLaw) -> None:
        if on_best is not None:
            on_best(replace(rival_of(law), fit=trajectory_fit(law.fit)))

    few = flow_of(evidence, whole=evidence.is_short, most_rows=SEARCHED_ROWS)
    laws = search_flow(few, deadline=deadline, on_best=lead)[:MOST_FITTED]
    return [
        fit_rival(rival_of(law), evidence, whole=evidence.is_short, deadline=deadline)
        for law in laws
        if np.isfinite(law.score)
    ]


def rank_first_order(rivals: Sequence[Rival], evidence: Evidence) -> list[Rival]:
    """Scores fitted rivals, lower is better, and sorts them; those that do not obey their law anywhere are dropped."""
    each = np.log(max(evidence.values_fitted, 3))
    scored: dict[str, Rival] = {}
    for rival in rivals:
        if not (np.isfinite(rival.fit.chi2) and np.all(np.isfinite(rival.model.values))):
            continue
        misfit = rival.fit.chi2 / rival.fit.count + FLOOR
        score = float(rival.fit.count * np.log(misfit) + (each + CHOICE) * rival.cost) - 2 * rival.bonus
        if rival.key not in scored or score < scored[rival.key].score:
            scored[rival.key] = replace(rival, score=score)
    return sorted(scored.values(), key=lambda rival: rival.score)
