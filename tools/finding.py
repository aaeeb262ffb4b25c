"""From the winner of a contest to a `Discovery`: the check on unseen data, terms, numbers, rivals, doubts.

Leaves out the search for the winner (`discovery`) and printing (`summary`, `report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy

from motionlaw.tools.contest import Rival, fit_rival, without_trifles
from motionlaw.tools.doubts import look_alikes, near_rivals, unseen_drag
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.equation import format_expr, ordered_terms
from motionlaw.tools.hypotheses import REALIGNED, Proposal
from motionlaw.tools.law import Alternative, Discovery, Hypothesis, Regime, Term
from motionlaw.tools.observe import Evidence
from motionlaw.tools.quantities import read_quantities
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.units import coefficient_unit
from motionlaw.tools.verify import WEAK_NMSE, Check, check_law, holdout_error, verdict

# Short forecasts stand in for a long prediction that fails only where they are this many times better.
FORECAST_GAIN = 0.01


@dataclass
class Contest:
    """The outcome of one search: who leads, who was proposed, what went wrong on the way.

    Args:
        evidence: The data.
        ranked: Fitted rivals, best first.
        proposed: Laws that came from outside the structure search.
        proposals: What was proposed, as it was written.
        warnings: Sentences for the reader.
        is_joined: ``False`` where the runs are chaotic and short stretches were fitted.
        was_cut: Whether the time limit ended the search.
    """

    evidence: Evidence
    ranked: list[Rival] = field(default_factory=list)
    proposed: list[Rival] = field(default_factory=list)
    proposals: tuple[Proposal, ...] = ()
    warnings: list[str] = field(default_factory=list)
    is_joined: bool = True
    was_cut: bool = False


def refused(trajectories: Sequence[Trajectory], contest: Contest, reason: str) -> Discovery:
    """A discovery without a law, with the reason and the rivals that did not hold."""
    first, evidence = trajectories[0], contest.evidence
    return Discovery(
        input="",
        status="refused",
        reason=reason,
        order=2,
        state=(*first.coordinates, *velocity_names(first.coordinates)),
        length_unit=_length_unit(first),
        law={},
        terms=(),
        fit={"nmse_acceleration": None, "nmse_trajectory": None, "noise_std": None, "rows": evidence.rows},
        holdout={"nmse_trajectory": None, "span_s": 0.0},
        alternatives=_alternatives(contest, contest.ranked[0].score) if contest.ranked else (),
        events=evidence.events,
        regimes=evidence.regimes,
        warnings=tuple(contest.warnings),
        trajectories=tuple(trajectories),
    )


def _length_unit(trajectory: Trajectory) -> str:
    return next((unit for unit in trajectory.units if unit not in ("", "rad")), "")


def reported(trajectories: Sequence[Trajectory], contest: Contest) -> Discovery:
    """Verifies the winner and turns it, its rivals and the evidence into a `Discovery`."""
    evidence = contest.evidence
    winner = contest.ranked[0]
    if winner.model.order == 2:
        winner = without_trifles(winner, evidence, is_joined=contest.is_joined)
    winner, check = _checked(contest, winner)
    status, reason = verdict(evidence, winner, check)
    final = fit_rival(winner, evidence, whole=True, is_joined=contest.is_joined)
    if final.fit.status == "diverged":
        final = winner
    if contest.was_cut and status == "ok":
        status, reason = "weak", "The time limit cut the search short."
    if status == "refused":
        return refused(trajectories, contest, reason)
    law = {target: format_expr(expression) for target, expression in final.model.expressions().items()}
    return Discovery(
        input="",
        status=status,
        reason=reason,
        order=final.model.order,
        state=final.model.state,
        length_unit=_length_unit(trajectories[0]),
        law=law,
        terms=tuple(_terms(final, evidence)),
        fit={
            "nmse_acceleration": check.nmse_acceleration,
            "nmse_trajectory": check.nmse_fit,
            "noise_std": _residual_std(final, evidence),
            "rows": evidence.rows,
        },
        holdout={"nmse_trajectory": check.nmse_holdout, "span_s": check.span_s, "is_forecast": check.is_forecast},
        alternatives=_alternatives(contest, winner.score),
        hypotheses=_hypotheses(contest, winner),
        events=evidence.events,
        regimes=tuple(_with_law(r, evidence, law) for r in evidence.regimes),
        quantities=tuple(read_quantities(final, evidence)),
        warnings=tuple(
            contest.warnings
            + near_rivals(contest.ranked, winner)
            + look_alikes(final, evidence, known=contest.ranked, is_joined=contest.is_joined)
            + unseen_drag(final, evidence, is_joined=contest.is_joined)
        ),
        engine=winner.source,
        trajectories=tuple(run.trajectory for run in evidence.runs),
        predictions=check.predictions,
    )


def _with_law(regime: Regime, evidence: Evidence, law: dict[str, str]) -> Regime:
    """A regime with the law, if the law was found in it."""
    starts = [run.trajectory.t[0] for run in evidence.runs]
    is_ours = regime.kind == "motion" and any(regime.t_start <= t <= regime.t_end for t in starts)
    return replace(regime, law=law) if is_ours else regime


def _checked(contest: Contest, winner: Rival) -> tuple[Rival, Check]:
    """The check on unseen data; a law whose long prediction fails is fitted to and judged by short stretches."""
    check = check_law(winner, contest.evidence, is_joined=contest.is_joined)
    if check.is_forecast or check.nmse_holdout is None or check.nmse_holdout < WEAK_NMSE:
        return winner, check
    forecast = check_law(winner, contest.evidence, is_joined=False)
    if forecast.nmse_holdout is not None and forecast.nmse_holdout < FORECAST_GAIN * check.nmse_holdout:
        contest.warnings.append(
            "Played from its first state the law loses the motion in the unseen tail (it misses by "
            f"{check.nmse_holdout:.2g} of the variance), as chaotic motion does; it is judged by short forecasts."
        )
        contest.is_joined = False
        winner = fit_rival(winner, contest.evidence, is_joined=False)
        return winner, check_law(winner, contest.evidence, is_joined=False)
    return winner, check


def _residual_std(rival: Rival, evidence: Evidence) -> float:
    """Scatter of the data about the law, in the coordinates' unit, the first coordinate's where they differ."""
    noise = np.median([run.noise_std[0] for run in evidence.runs])
    return float(noise * np.sqrt(rival.fit.reduced_chi2))


def _terms(rival: Rival, evidence: Evidence) -> list[Term]:
    """Every term with its coefficient, error and unit; laws that are no sum of terms give their constants."""
    units = dict(zip(evidence.coordinates, evidence.units, strict=True))
    if rival.model.order == 2:
        rates = velocity_names(evidence.coordinates)
        units |= {rate: f"{unit or '1'}/s" for rate, unit in zip(rates, evidence.units, strict=True)}
    power = "s^2" if rival.model.order == 2 else "s"
    symbols = {sympy.Symbol(name): k for k, name in enumerate(rival.model.parameters)}
    values = dict(zip(symbols, map(sympy.Float, rival.model.values), strict=True))
    terms = []
    for target, unit, equation in zip(rival.model.targets, evidence.units, rival.model.equations, strict=True):
        for term in ordered_terms(equation):
            factors = [factor for factor in sympy.Mul.make_args(term) if factor in symbols]
            if len(factors) != 1:
                continue
            index = symbols[factors[0]]
            rest = (term / factors[0]).subs(values)
            terms.append(
                Term(
                    of=target,
                    term=format_expr(rest),
                    coefficient=float(rival.model.values[index]),
                    stderr=_finite(rival.fit.stderr[index]),
                    unit=coefficient_unit(rest, units | {"t": "s"}, f"{unit or '1'}/{power}"),
                )
            )
    listed = {rival.model.parameters.index(name) for name in rival.model.parameters if name.startswith("c_")}
    for index, name in enumerate(rival.model.parameters):
        if index not in listed:
            stderr = _finite(rival.fit.stderr[index])
            terms.append(Term(",".join(rival.model.targets), name, float(rival.model.values[index]), stderr))
    return terms


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _alternatives(contest: Contest, best: float) -> tuple[Alternative, ...]:
    """The runners-up, with their error on the rows they were fitted to."""
    found = []
    for rival in contest.ranked[1:6]:
        law = {target: format_expr(expression) for target, expression in rival.model.expressions().items()}
        error = holdout_error(rival, contest.evidence, is_joined=contest.is_joined)
        found.append(Alternative(law, round(rival.score, 3), round(rival.score - best, 3), error))
    return tuple(found)


def _hypotheses(contest: Contest, winner: Rival) -> tuple[Hypothesis, ...]:
    """What was proposed from outside the search, and whether it won; realigned versions only where they won."""
    found = []
    written = {proposal.source: proposal for proposal in contest.proposals}
    for rival in contest.proposed:
        is_used = rival.key == winner.key
        proposal = written.get(rival.source.removesuffix(REALIGNED))
        if proposal is not None and rival.source.endswith(REALIGNED) and not is_used:
            continue
        law = {target: format_expr(expression) for target, expression in rival.model.expressions().items()}
        text = "; ".join(f"{target}' = {formula}" for target, formula in law.items())
        as_written, chain = (proposal.text or text, proposal.chain) if proposal else (text, "")
        found.append(Hypothesis(rival.source, as_written, law, is_used, chain))
    return tuple(found)
