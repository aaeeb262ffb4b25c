"""Second-order laws from noisy positions, with the whole grammar of terms.

A first law that nearly holds has a path near the data, else a smooth one serves; about that path every candidate term
has a response, what it adds to the positions (`response`). So terms are sought by one linear regression of the
positions, without a derivative of noisy data. Leaves out the first law (`hypotheses`) and the choice among rivals
(`contest`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.candidates import candidate_terms, variables_of
from motionlaw.tools.contest import Rival, cost_of
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.flow import FLOOR, Flow, FlowFit, fit_flow, linearised
from motionlaw.tools.flow_prior import price_of
from motionlaw.tools.flow_regression import Choice, Regression, choices_of
from motionlaw.tools.flow_search import model_of_choices
from motionlaw.tools.observe import Evidence, Run
from motionlaw.tools.penalised_spline import PenalisedSpline
from motionlaw.tools.rate_search import is_searched
from motionlaw.tools.response import Cells, make_cells
from motionlaw.tools.shooting import TrajectoryFit
from motionlaw.tools.smoothing import Curve

# Means that stand for neighbouring rows: so many in a characteristic time, but in all runs no fewer than the first
# number and no more than the second.
MEANS_PER_TIME_SCALE, FEWEST_MEANS, MOST_MEANS = 12, 200, 480
# Runs that are left with fewer rows by that take no part.
FEWEST_CELLS = 8
# Cells are no longer than this share of a characteristic time.
CELLS = 0.25
# A law's derivatives are taken over this share of the spread: what the path is unsure of.
BLUR = 0.03
# Dearest terms, in nats, largest choices, and choices that are fitted: the best of all, and of each size.
DEAREST, MOST_TERMS, TRIED, EACH = 9.0, 6, 6, 1
# Numbers of plainest terms that are searched alone first.
TIERS = (30, 60, 120, 240)
# Paths of better laws that plain terms are sought about, and those with shapes; laws that become rivals.
ROUNDS, ROUNDS_OF_SHAPES, MOST_RIVALS = 4, 2, 8
# A law that will be so many nats worse than the best is not fitted to the end; steps of a fit.
HOPELESS, STEPS = 30.0, 12
# A law that leaves more than this times the noise does not lead the path; the smooth one stays. A fit that promises
# more than the second is given up.
NEAR, FAR = 4.0, 30.0
# Residuals that are independent after so few rows, or after no more than white ones show by chance in one of twenty (in
# these standard errors), hold nothing that a law could explain. A law of less cost than `PLAIN`, in free constants, may
# be believed then; one of no more than `FAMILIAR` (Duffing's and van der Pol's oscillators) is not put against the
# whole grammar of terms: of thousands one fits the noise of a true law better than it does now and then.
WHITE, BY_CHANCE, PLAIN, FAMILIAR = 1.25, 2.0, 8.0, 6.0


def is_white(fit: TrajectoryFit) -> bool:
    """Whether a law leaves nothing but noise.

    The correlation length of n white residuals sums five autocorrelations, each with a variance of 1/n.
    """
    return fit.correlation_length < max(WHITE, 1 + BY_CHANCE * 2 * np.sqrt(5 / max(fit.count, 1)))


def response_rivals(leader: Rival, evidence: Evidence, *, deadline: float) -> list[Rival]:
    """Laws sought about the path of a first law, then about those of the better ones found.

    Args:
        leader: The first law, fitted.
        evidence: The data.
        deadline: `time.monotonic` value after which no more choices are looked at.

    Returns:
        Rivals, most promising first; none where a first law of few plain terms leaves nothing but noise or has several
        coordinates, nor where positions are so clean that the accelerations were searched.
    """
    model = leader.model
    is_settled = is_white(leader.fit) and leader.cost <= FAMILIAR
    if model.order != 2 or len(model.coordinates) != 1 or is_settled or evidence.is_short or is_searched(evidence):
        return []
    flow = _flow(evidence)
    if not flow.cells:
        return []
    search = _ResponseSearch(flow, evidence, deadline)
    search.run(leader)
    return [_rival(law, evidence) for law in search.best(MOST_RIVALS)]


@dataclass(frozen=True)
class _Law:
    """A choice of terms fitted to the means of the rows, and what it is worth in nats, less being better."""

    choice: Choice
    fit: FlowFit
    score: float


class _ResponseSearch:
    """Looks for terms about one path after the other, each of a better law."""

    def __init__(self, flow: Flow, evidence: Evidence, deadline: float) -> None:
        self.flow, self.deadline = flow, deadline
        kinds = ("angle" if evidence.is_angle[0] else "coordinate", "velocity", "time")
        self.names = (*flow.names, "t")
        self.variables = variables_of(self.names, dict(zip(self.names, kinds, strict=True)))
        self.laws: dict[str, _Law] = {}

    def run(self, leader: Rival) -> None:
        """Finds laws, first of plain terms, then with shapes, about the leader's path and about the smooth one."""
        first = fit_flow(self.flow, _in_states(leader.model), deadline=self.deadline, steps=STEPS)
        if self._is_near(first):
            paths: list[tuple[Flow, Model | None, bool]] = [(first.flow, first.model, True)]
        else:
            paths = [(self.flow, _in_states(leader.model), False)]
        if not is_white(leader.fit) or leader.cost > PLAIN:  # about a wrong law's path the true one may look wrong
            paths.append((self.flow, None, False))
        for has_shapes in (False, True):
            if not self._near_laws():
                for flow, law, is_near in paths:
                    self._look(flow, law, is_near=is_near, has_shapes=has_shapes)
            for _ in range(ROUNDS_OF_SHAPES if has_shapes else ROUNDS):
                near = self._near_laws()
                if not near or time.monotonic() > self.deadline:
                    break
                self._look(near[0].fit.flow, near[0].fit.model, is_near=True, has_shapes=has_shapes)
                if self._near_laws()[0] is near[0]:
                    break

    def _near_laws(self) -> list[_Law]:
        """The laws found so far, best first, if the best is near the data."""
        best = self.best(len(self.laws))
        return best if best and self._is_near(best[0].fit) else []

    def best(self, count: int) -> list[_Law]:
        """The best laws found so far."""
        settled = [law for law in self.laws.values() if np.isfinite(law.score)]
        return sorted(settled, key=lambda law: law.score)[:count]

    def _is_near(self, fit: FlowFit) -> bool:
        return fit.has_settled and fit.chi2 < NEAR * self.flow.rows

    def _look(self, flow: Flow, law: Model | None, *, is_near: bool, has_shapes: bool) -> None:
        """Fits the most promising choices of terms about a path; ``law`` carries deviations along it, if any."""
        still = Model(1, self.flow.names, (sympy.Symbol(self.flow.names[1]), sympy.Integer(0)), (), np.zeros(0))
        about = linearised(flow, law or still)
        if not all(np.all(np.isfinite(moved.ahead)) for moved in about.moved):
            return
        nodes = about.flow.nodes()
        wanted = about.apart() + about.of_rates(about.rates()) - about.responses(nodes[1, :, None], 0)[:, 0]
        regression = Regression(about, 1, np.zeros((len(wanted), 0)), wanted, is_coupled=True)
        candidates = candidate_terms(self.variables, self.names, nodes)
        is_listed = (candidates.costs <= DEAREST) & (has_shapes | candidates.is_plain())
        candidates = candidates.only(np.flatnonzero(is_listed))
        choices = choices_of(regression, candidates, MOST_TERMS, self.deadline, tiers=TIERS)
        for choice in choices[:TRIED] if is_near else _champions(choices):
            if choice.key not in self.laws or not np.isfinite(self.laws[choice.key].score):
                self.laws[choice.key] = self._fitted(flow, choice)

    def _fitted(self, flow: Flow, choice: Choice) -> _Law:
        model = model_of_choices(flow.names[:1], [choice])
        rows, digits = flow.rows, price_of([choice]) + 0.5 * len(model.values) * np.log(flow.rows)
        least = min((law.score for law in self.laws.values()), default=np.inf)
        hopeless = rows * min(FAR, float(np.exp(min(2 * (least + HOPELESS - digits) / rows, 50.0))))
        fit = fit_flow(flow, _in_states(model), deadline=self.deadline, steps=STEPS, hopeless_chi2=hopeless)
        if not (fit.has_settled and np.isfinite(fit.chi2)):
            return _Law(choice, fit, np.inf)
        return _Law(choice, fit, float(0.5 * rows * np.log(fit.chi2 / rows + FLOOR) + digits))


def _in_states(model: Model) -> Model:
    """A law of second order in one coordinate as one of first order in its states."""
    names = model.coordinates[0], velocity_names(model.coordinates)[0]
    return Model(1, names, (sympy.Symbol(names[1]), *model.equations), model.parameters, model.values)


def _champions(choices: Sequence[Choice]) -> list[Choice]:
    """The best few, and the best of each size: an uncertain path makes long choices look too good."""
    of_size: dict[int, list[Choice]] = {}
    for choice in choices:
        of_size.setdefault(len(choice.items), []).append(choice)
    best = [*choices[:TRIED], *(choice for own in of_size.values() for choice in own[:EACH])]
    kept = {choice.key: choice for choice in best}
    return sorted(kept.values(), key=lambda choice: choice.score)


def _flow(evidence: Evidence) -> Flow:
    """The measured positions, velocities unmeasured, with smooth paths; runs that are too short are left out."""
    seconds = sum(float(np.ptp(run.trajectory.t[: run.rows_fitted])) for run in evidence.runs)
    wanted = float(np.clip(MEANS_PER_TIME_SCALE * seconds / evidence.time_scale_s, FEWEST_MEANS, MOST_MEANS))
    share = min(1.0, wanted / sum(run.rows_fitted for run in evidence.runs))
    counts = [int(share * run.rows_fitted) for run in evidence.runs]
    parts = [_thinned(run, count, evidence.time_scale_s) for run, count in zip(evidence.runs, counts, strict=True)
             if count >= FEWEST_CELLS]  # fmt: skip
    spread = np.std(np.concatenate([[(0.0, 0.0)], *(np.column_stack([p, v]) for _, p, v, _ in parts)]), axis=0)
    return Flow(
        (evidence.coordinates[0], velocity_names(evidence.coordinates)[0]),
        tuple(cells for cells, *_ in parts),
        tuple(np.column_stack([position, velocity]) for _, position, velocity, _ in parts),
        tuple(np.column_stack([noise, np.full(len(noise), np.inf)]) for *_, noise in parts),
        np.maximum(spread, 1e-300),
        blur=BLUR,
    )


def _thinned(run: Run, count: int, time_scale_s: float) -> tuple[Cells, np.ndarray, np.ndarray, np.ndarray]:
    """Cells with a smooth path, and for groups of rows: positions, path's velocities, noise of their means.

    Means are taken of what is left beside the path, which hardly bends within a group: those of the positions
    themselves would cut every turn short.
    """
    t, position = run.trajectory.t[: run.rows_fitted], run.trajectory.position[: run.rows_fitted, 0]
    curve = PenalisedSpline(t, position)
    groups = np.arange(len(t)) * count // len(t)
    sizes = np.bincount(groups)

    def means(column: np.ndarray) -> np.ndarray:
        return np.bincount(groups, column) / sizes

    middle = means(t)
    noise = np.sqrt(means(run.row_noise[: len(t), 0] ** 2) / sizes)
    path = (Curve(curve.at, noise), Curve(lambda times, order: curve.at(times, order + 1), noise))
    cells = make_cells(middle, path, longest=CELLS * time_scale_s)
    states = cells.at_rows(cells.state)
    return cells, states[:, 0] + means(position - curve.at(t, 0)), states[:, 1], noise


def _rival(law: _Law, evidence: Evidence) -> Rival:
    fitted = law.fit.model
    model = Model(2, evidence.coordinates, fitted.equations[1:], fitted.parameters, fitted.values)
    cost = cost_of(price_of([law.choice]), len(model.values), evidence.rows)
    return Rival(model=model, cost=cost, source="search")
