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
from motionlaw.tools.flow_prior import price_of_running_away
from motionlaw.tools.flow_search import FlowLaw, search_flow
from motionlaw.tools.observe import Evidence

# Rows of all runs that the search for the terms looks at; fits see all.
SEARCHED_ROWS = 400
# Laws of the search that are fitted to all rows; of those fitted already, that are weighed again if they are within
# so many nats of the best.
MOST_FITTED, MOST_FINALISTS, FINALISTS_WITHIN = 6, 16, 8.0


def searched_first_order(
    evidence: Evidence,
    *,
    deadline: float,
    on_best: Callable[[Rival], None] | None = None,
    is_plain: bool = False,
) -> list[Rival]:
    """First-order laws from the structure search, fitted.

    Args:
        evidence: The data.
        deadline: `time.monotonic` value after which the best so far are returned.
        on_best: Called with every law that takes the lead.
        is_plain: Whether only laws of plain terms are of interest.
    """

    def rival_of(law: FlowLaw) -> Rival:
        cost = cost_of(law.price, len(law.fit.model.values), evidence.values_fitted)
        return Rival(model=law.fit.model, cost=cost, source="search")

    def lead(law: FlowLaw) -> None:
        if on_best is not None:
            on_best(replace(rival_of(law), fit=trajectory_fit(law.fit)))

    few = flow_of(evidence, whole=evidence.is_short, most_rows=SEARCHED_ROWS)
    has_all_rows = few is flow_of(evidence, whole=evidence.is_short)
    laws = search_flow(few, deadline=deadline, on_best=lead, is_plain=is_plain)
    best = [law for law in laws if np.isfinite(law.score) and law.score < laws[0].score + FINALISTS_WITHIN]
    found = []
    for law in best[: MOST_FINALISTS if has_all_rows else MOST_FITTED]:
        rival = rival_of(law)
        if has_all_rows:
            found.append(replace(rival, fit=trajectory_fit(law.fit)))
        else:
            found.append(fit_rival(rival, evidence, whole=evidence.is_short, deadline=deadline))
    return found


def rank_first_order(rivals: Sequence[Rival], evidence: Evidence) -> list[Rival]:
    """Scores fitted rivals, lower is better, and sorts them; those that do not obey their law anywhere are dropped.

    The score is twice the negative logarithm of the marginal likelihood: the misfit, the price of the terms, what the
    data had to say to pin the constants down, and the price of running away from other starts.
    """
    each = np.log(max(evidence.values_fitted, 3))
    positions = np.concatenate([run.trajectory.position for run in evidence.runs])
    seconds = max(float(np.ptp(run.trajectory.t)) for run in evidence.runs)
    scored: dict[str, Rival] = {}
    for rival in rivals:
        if not (np.isfinite(rival.fit.chi2) and np.all(np.isfinite(rival.model.values))):
            continue
        misfit = rival.fit.chi2 / rival.fit.count + FLOOR
        score = float(rival.fit.count * np.log(misfit) + (each + CHOICE) * rival.cost) - 2 * rival.bonus
        if np.isfinite(rival.fit.nats_of_constants):  # more than a number of digits for each constant
            score += 2 * rival.fit.nats_of_constants - each * len(rival.model.values)
        score += 2 * price_of_running_away(rival.model, positions, seconds)
        if rival.key not in scored or score < scored[rival.key].score:
            scored[rival.key] = replace(rival, score=score)
    return sorted(scored.values(), key=lambda rival: rival.score)
