"""Second-order laws from noisy positions, with the whole grammar of terms.

A first law that nearly holds has a path near the data, else a smooth one serves; about that path every candidate term
has a response, what it adds to the positions (`response`). So terms are sought by one linear regression of the
positions, without a derivative of noisy data. Leaves out the first law (`hypotheses`) and the choice among rivals
(`contest`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy

from motionlaw.tools.candidates import candidate_terms
from motionlaw.tools.contest import Rival, cost_of
from motionlaw.tools.dynamics import Model
from motionlaw.tools.flow import Flow, fit_flow, linearised
from motionlaw.tools.flow_prior import price_of
from motionlaw.tools.flow_regression import Choice, Regression, choices_of
from motionlaw.tools.flow_search import model_of_choices
from motionlaw.tools.observe import Evidence, Run
from motionlaw.tools.rate_search import is_searched
from motionlaw.tools.regression import variables_of
from motionlaw.tools.response import Cells, make_cells
from motionlaw.tools.shooting import TrajectoryFit
from motionlaw.tools.smoothing import smooth_curves

# Rows of all runs that are looked at; means stand for neighbours.
MOST_ROWS = 800
# Runs that are left with fewer rows by that take no part.
FEWEST_CELLS = 8
# Cells are no longer than this share of a characteristic time.
CELLS = 0.25
# Dearest terms, in nats, largest choices, and choices that become rivals: the best of all, and of each size.
DEAREST, MOST_TERMS, TRIED, EACH = 9.0, 6, 4, 2
# A law that leaves more than this times the noise does not lead the path; the smooth one stays.
NEAR = 4.0
# Residuals that are independent after so few rows, or after no more than white ones show by chance in one of twenty (in
# these standard errors), hold nothing that a law could explain; and a law of less cost than this, in free constants,
# leaves no room for a plainer one.
WHITE, BY_CHANCE, PLAIN = 1.25, 2.0, 8.0


def is_white(fit: TrajectoryFit) -> bool:
    """Whether a law leaves nothing but noise.

    The correlation length of n white residuals sums five autocorrelations, each with a variance of 1/n.
    """
    return fit.correlation_length < max(WHITE, 1 + BY_CHANCE * 2 * np.sqrt(5 / max(fit.count, 1)))


def response_rivals(leader: Rival, evidence: Evidence, *, deadline: float) -> list[Rival]:
    """Laws sought about the path of a first law.

    Args:
        leader: The first law, fitted.
        evidence: The data.
        deadline: `time.monotonic` value after which no more choices are looked at.

    Returns:
        Rivals, most promising first; none where a plain first law leaves nothing but noise or has several coordinates,
        nor where positions are so clean that the accelerations were searched.
    """
    model = leader.model
    is_settled = is_white(leader.fit) and leader.cost < PLAIN
    if model.order != 2 or len(model.coordinates) != 1 or is_settled or evidence.is_short or is_searched(evidence):
        return []
    step = max(1, int(np.ceil(evidence.rows / MOST_ROWS)))
    long_enough = [run for run in evidence.runs if run.rows_fitted // step >= FEWEST_CELLS]
    if not long_enough:
        return []
    velocity = sympy.Symbol(model.state[1])
    first_order = Model(1, model.state, (velocity, *model.equations), model.parameters, model.values)
    flow = _flow(long_enough, model.state, step, evidence.time_scale_s)
    fit = fit_flow(flow, first_order, deadline=deadline)
    if fit.has_settled and fit.chi2 < NEAR * sum(len(each) for each in flow.position):
        flow, first_order = fit.flow, fit.model
    about = linearised(flow, first_order)
    if not all(np.all(np.isfinite(moved.ahead)) for moved in about.moved):
        return []
    force = about.rates()[:, [1]]
    wanted = about.apart() + about.responses(force, 1)[:, 0]
    regression = Regression(about, 1, np.zeros((len(wanted), 0)), wanted, is_coupled=True)
    kinds = dict(zip(model.state, ("angle" if evidence.is_angle[0] else "coordinate", "velocity"), strict=True))
    names = (*model.state, "t")
    candidates = candidate_terms(variables_of(names, kinds | {"t": "time"}), names, about.flow.nodes())
    candidates = candidates.only(np.flatnonzero(candidates.costs <= DEAREST))
    choices = choices_of(regression, candidates, MOST_TERMS, deadline)
    return [_rival(choice, evidence) for choice in _champions(choices)]


def _champions(choices: Sequence[Choice]) -> list[Choice]:
    """The best few and the best few of each size: an uncertain path makes long choices look too good."""
    of_size: dict[int, list[Choice]] = {}
    for choice in choices:
        of_size.setdefault(len(choice.items), []).append(choice)
    best = [*choices[:TRIED], *(choice for own in of_size.values() for choice in own[:EACH])]
    kept = {choice.key: choice for choice in best}
    return sorted(kept.values(), key=lambda choice: choice.score)


def _flow(runs: Sequence[Run], state: Sequence[str], step: int, time_scale_s: float) -> Flow:
    """The measured positions, velocities unmeasured, with smooth paths."""
    parts = [_thinned(run, step, time_scale_s) for run in runs]
    spread = np.std(np.concatenate([np.column_stack([p, v]) for _, p, v, _ in parts]), axis=0)
    return Flow(
        tuple(state),
        tuple(cells for cells, *_ in parts),
        tuple(np.column_stack([position, velocity]) for _, position, velocity, _ in parts),
        tuple(np.column_stack([noise, np.full(len(noise), np.inf)]) for *_, noise in parts),
        np.maximum(spread, 1e-300),
    )


def _thinned(run: Run, step: int, time_scale_s: float) -> tuple[Cells, np.ndarray, np.ndarray, np.ndarray]:
    """Cells with a smooth path, and means of neighbouring rows: positions, path's velocities, noise of the means."""
    count = run.rows_fitted // step * step

    def means(column: np.ndarray) -> np.ndarray:
        return column[:count].reshape(-1, step).mean(axis=1)

    t, position = means(run.trajectory.t), means(run.trajectory.position[:, 0])
    noise = np.sqrt(means(run.row_noise[:, 0] ** 2) / step)
    curves = smooth_curves(t, np.column_stack([position, means(run.states[:, 1])]))
    cells = make_cells(t, curves, longest=CELLS * time_scale_s)
    return cells, position, cells.at_rows(cells.state)[:, 1], noise


def _rival(choice: Choice, evidence: Evidence) -> Rival:
    law = model_of_choices(evidence.coordinates, [choice])
    model = Model(2, evidence.coordinates, law.equations, law.parameters, law.values)
    return Rival(model=model, cost=cost_of(price_of([choice]), len(law.values), evidence.rows), source="search")
