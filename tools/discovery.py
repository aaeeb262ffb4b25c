"""The loop: observe → hypothesise → fit → realign → verify → report, from trajectories to a `Discovery`.

Run it as ``motionlaw discover PATH…``. This file joins the steps; each step lives in a file of its own
(`observe`, `hypotheses`, `contest`, `verify`, `quantities`), and reading inputs in `inputs`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.contest import Rival, compete, fit_rival, is_chaotic, rank, validate, without_trifles
from motionlaw.tools.doubts import near_rivals, unseen_drag
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.equation import format_expr
from motionlaw.tools.errors import UserError
from motionlaw.tools.hypotheses import catalogue_rivals, engine_rivals, proposed_rivals, searched_rivals
from motionlaw.tools.law import Alternative, Discovery, Event, Hypothesis, Regime, Term
from motionlaw.tools.observe import Evidence, gather_evidence
from motionlaw.tools.quantities import read_quantities
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.units import coefficient_unit
from motionlaw.tools.verify import WEAK_NMSE, Check, check_law, verdict, why_no_motion

ENGINES = ("search", "operon", "sindy", "pysr")
# Short forecasts stand in for a long prediction that fails only where they are this many times better.
FORECAST_GAIN = 0.01
# Below this many rows the structure is chosen on all of them, among this many rivals.
SHORT, MOST_SETTLED = 40, 10
Progress = Callable[[str], None]


@dataclass(frozen=True)
class DiscoverySettings:
    """How to search.

    Args:
        order: ``"1"``, ``"2"`` or ``"auto"``.
        sr: Engines, from ``search``, ``operon``, ``sindy``, ``pysr``.
        time_limit: Seconds for the whole search.
        seed: Seed of everything random.
        hypotheses: Laws proposed from outside, each a formula by target state.
    """

    order: str = "auto"
    sr: tuple[str, ...] = ("search",)
    time_limit: float = 60.0
    seed: int = 0
    hypotheses: tuple[dict[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.order not in ("1", "2", "auto"):
            raise UserError(f"order must be 1, 2 or auto, got {self.order!r}.")
        unknown = [name for name in self.sr if name not in ENGINES]
        if unknown or not self.sr:
            raise UserError(f"sr must name engines among {', '.join(ENGINES)}, got {', '.join(unknown) or 'none'}.")
        if not self.time_limit > 0:
            raise UserError(f"time limit must be positive, got {self.time_limit}. Give seconds, e.g. --time-limit 60.")


def discover_law(
    trajectories: Sequence[Trajectory],
    *,
    name: str = "",
    settings: DiscoverySettings | None = None,
    has_velocity_meaning: bool = True,
    on_progress: Progress | None = None,
) -> Discovery:
    """Finds the law of motion behind trajectories.

    Args:
        trajectories: Runs of one law in the same coordinates.
        name: What to call the input.
        settings: How to search.
        has_velocity_meaning: Whether the coordinates are places, so that forces act on accelerations; ``False``
            lets ``order="auto"`` consider first-order laws.
        on_progress: Called with a line about what is going on.

    Returns:
        The law with its errors and checks; status ``refused`` and a reason where the data carry none.
    """
    settings = settings or DiscoverySettings()
    started = time.monotonic()
    deadline = started + settings.time_limit * 0.8
    evidence = gather_evidence(trajectories)
    reason = why_no_motion(trajectories) or _why_no_runs(evidence)
    if reason:
        return _refused(trajectories, evidence, reason, name, settings, started)
    orders = {"1": (1,), "2": (2,), "auto": (2,) if has_velocity_meaning else (1, 2)}[settings.order]
    contest = _Contest(evidence, settings, deadline, on_progress)
    for order in orders:
        contest.enter(order)
    contest.settle()
    if not contest.ranked:
        return _refused(trajectories, evidence, "Every law tried ran away from the data.", name, settings, started)
    return _reported(contest, trajectories, name, started)


class _Contest:
    """The state of one search: who has been tried, who leads, what went wrong."""

    def __init__(self, evidence: Evidence, settings: DiscoverySettings, deadline: float, on_progress: Progress | None):
        self.evidence, self.settings, self.deadline, self.on_progress = evidence, settings, deadline, on_progress
        self.ranked: list[Rival] = []
        self.proposed: list[Rival] = []
        self.warnings: list[str] = list(evidence.warnings)
        self.is_joined = True

    def enter(self, order: int) -> None:
        """Lets the laws of one order compete and merges them with those before."""
        rivals: list[Rival] = []
        limit = max(1.0, self.deadline - time.monotonic())
        for engine in self.settings.sr:
            if engine == "search":
                rivals += catalogue_rivals(self.evidence, order=order) + searched_rivals(self.evidence, order=order)
            else:
                found, trouble = engine_rivals(
                    engine, self.evidence, order=order, time_limit=limit / len(self.settings.sr), seed=self.settings.seed
                )
                rivals += found
                self.warnings += [trouble] if trouble else []
        for number, texts in enumerate(self.settings.hypotheses, start=1):
            rivals += proposed_rivals(texts, self.evidence, order=order, source=f"hypothesis {number}")
        self.proposed += [rival for rival in rivals if rival.source != "search"]
        fitted, was_cut = self._fit(rivals)
        if was_cut:
            self.warnings.append(f"The time limit of {self.settings.time_limit:g} s cut the search short: best law so far.")
        self.ranked = validate(rank([*self.ranked, *fitted]), self.evidence, is_joined=self.is_joined)

    def settle(self) -> None:
        """Chooses the structure of short runs on all of their rows: without the tail too little would be left."""
        if self.evidence.rows >= SHORT or not self.ranked:
            return
        by_key = {rival.key: rival for rival in self.ranked[:MOST_SETTLED]}
        order = [rival.key for rival in rank([fit_rival(replace(r, fit=None), self.evidence, whole=True) for r in by_key.values()])]
        self.ranked = [by_key[key] for key in order if key in by_key]
        self.warnings.append(
            f"With {self.evidence.rows} rows the terms of the law were chosen on all of them; the tail checks their constants only."
        )

    def _fit(self, rivals: list[Rival]) -> tuple[list[Rival], bool]:
        """Fits joined runs; where those are chaotic, fits short stretches instead."""
        ranked, was_cut = compete(rivals, self.evidence, deadline=self.deadline, on_progress=self.on_progress)
        outsiders = [rival for rival in rivals if rival.source != "search"]
        if self.is_joined and (not ranked or is_chaotic([ranked[0], *outsiders], ranked[0], self.evidence)):
            finalists = [*outsiders, *(replace(r, fit=None) for r in ranked[:4])]
            apart, was_cut = compete(finalists or rivals, self.evidence, deadline=self.deadline, is_joined=False)
            if apart:
                self.is_joined = False
                self.warnings.append(
                    "No single first state follows a whole run (chaos, or disturbances on the way): the law was fitted to "
                    "short stretches and is judged by forecasts."
                )
                return apart, was_cut
        return ranked, was_cut


def _why_no_runs(evidence: Evidence) -> str:
    if evidence.runs:
        return ""
    kinds = sorted({regime.kind for regime in evidence.regimes})
    return f"No stretch of motion is long enough for a law (found only: {', '.join(kinds) or 'too few rows'})."


def _refused(
    trajectories: Sequence[Trajectory], evidence: Evidence, reason: str, name: str, settings: DiscoverySettings, started: float
) -> Discovery:
    from motionlaw import __version__

    return Discovery(
        input=name,
        status="refused",
        reason=reason,
        order=2,
        state=(*trajectories[0].coordinates, *velocity_names(trajectories[0].coordinates)),
        length_unit=_length_unit(trajectories[0]),
        law={},
        terms=(),
        fit={"nmse_acceleration": None, "nmse_trajectory": None, "noise_std": None, "rows": evidence.rows},
        holdout={"nmse_trajectory": None, "span_s": 0.0},
        events=evidence.events,
        regimes=evidence.regimes,
        warnings=evidence.warnings,
        engine=",".join(settings.sr),
        seconds=round(time.monotonic() - started, 3),
        seed=settings.seed,
        version=__version__,
        trajectories=tuple(trajectories),
    )


def _length_unit(trajectory: Trajectory) -> str:
    return next((unit for unit in trajectory.units if unit not in ("", "rad")), "")


def _reported(contest: _Contest, trajectories: Sequence[Trajectory], name: str, started: float) -> Discovery:
    """Verifies the winner and turns it, its rivals and the evidence into a `Discovery`."""
    from motionlaw import __version__

    evidence = contest.evidence
    winner = without_trifles(contest.ranked[0], evidence, is_joined=contest.is_joined)
    winner, check = _checked(contest, winner)
    status, reason = verdict(evidence, winner, check)
    final = fit_rival(winner, evidence, whole=True, is_joined=contest.is_joined)
    if final.fit.status == "diverged":
        final = winner
    if contest.warnings and status == "ok" and any("time limit" in warning for warning in contest.warnings):
        status, reason = "weak", "The time limit cut the search short."
    law = {target: format_expr(expression) for target, expression in final.model.expressions().items()}
    if status == "refused":
        return replace(
            _refused(trajectories, evidence, reason, name, contest.settings, started),
            alternatives=_alternatives(contest, winner.score),
            warnings=tuple(contest.warnings),
        )
    return Discovery(
        input=name,
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
        holdout={"nmse_trajectory": check.nmse_holdout, "span_s": check.span_s},
        alternatives=_alternatives(contest, winner.score),
        hypotheses=_hypotheses(contest, winner),
        events=evidence.events,
        regimes=tuple(replace(r, law=law if r.kind == "motion" else {}) for r in evidence.regimes),
        quantities=tuple(read_quantities(final, evidence)),
        warnings=tuple(contest.warnings + near_rivals(contest.ranked, winner) + unseen_drag(final, evidence, is_joined=contest.is_joined)),
        engine=winner.source,
        seconds=round(time.monotonic() - started, 3),
        seed=contest.settings.seed,
        version=__version__,
        trajectories=tuple(run.trajectory for run in evidence.runs),
        predictions=check.predictions,
    )


def _checked(contest: _Contest, winner: Rival) -> tuple[Rival, Check]:
    """The check on unseen data; a law whose long prediction fails is fitted to and judged by short stretches."""
    check = check_law(winner, contest.evidence, is_joined=contest.is_joined)
    if check.is_forecast or check.nmse_holdout is None or check.nmse_holdout < WEAK_NMSE:
        return winner, check
    forecast = check_law(winner, contest.evidence, is_joined=False)
    if forecast.nmse_holdout is not None and forecast.nmse_holdout < FORECAST_GAIN * check.nmse_holdout:
        contest.warnings.append(
            f"Played from its first state the law loses the motion in the unseen tail (it misses by {check.nmse_holdout:.2g} of "
            "the variance), as chaotic motion does; it is judged by short forecasts instead."
        )
        contest.is_joined = False
        winner = fit_rival(replace(winner, fit=None), contest.evidence, is_joined=False)
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
        for term in sympy.Add.make_args(equation):
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


def _alternatives(contest: _Contest, best: float) -> tuple[Alternative, ...]:
    """The runners-up, with their error on the rows they were fitted to."""
    found = []
    for rival in contest.ranked[1:6]:
        law = {target: format_expr(expression) for target, expression in rival.model.expressions().items()}
        error = check_law(rival, contest.evidence, is_joined=contest.is_joined).nmse_holdout
        found.append(Alternative(law, round(rival.score, 3), round(rival.score - best, 3), error))
    return tuple(found)


def _hypotheses(contest: _Contest, winner: Rival) -> tuple[Hypothesis, ...]:
    """What was proposed from outside the search, and whether it won."""
    found = []
    for rival in contest.proposed:
        law = {target: format_expr(expression) for target, expression in rival.model.expressions().items()}
        text = "; ".join(f"{target}' = {formula}" for target, formula in law.items())
        found.append(Hypothesis(rival.source, text, law, rival.key == winner.key))
    return tuple(found)


__all__ = ["Check", "DiscoverySettings", "Event", "Regime", "discover_law"]
