"""Where laws compete: every hypothesis is fitted to the whole trajectories and judged by one score.

The score is a description length, lower is better: n·log(misfit) + log(n)·(first states) + (log(n) + 2)·(cost of the
terms), where n counts independent observations (rows over the residuals' correlation length), so that slow
tracking errors do not pass for evidence. Leaves out where hypotheses come from and the check on unseen data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.flow_evidence import fit_first_order
from motionlaw.tools.observe import FEWEST_ROWS, Evidence
from motionlaw.tools.shooting import UNFITTED, Observation, TrajectoryFit, fit_trajectories

# Misfit below this share of the estimated noise variance is no further evidence.
FLOOR = 0.3
# Nats a term must earn beyond log(n): it was chosen among dozens, and the best of dozens looks good by chance.
CHOICE = 2.0
# Every segment adds unknowns to a fit, and its algebra grows with their square.
MOST_SEGMENTS = 60
# Runge-Kutta steps in one characteristic time where the noise is this share of the spread; what a step gets wrong
# grows with its fourth power, and is to stay as far below the noise where that is less.
STEPS_PER_TIME_SCALE, USUAL_NOISE = 40, 1e-2
# At most as many more where the law jumps and the rows are precise: what a step over the jump gets wrong is to stay
# below this share of the noise.
STEPS_FOR_JUMPS, SEEN_OF_JUMP = 8, 0.1
# Rows with less noise than this share of the spread get a step each: chaos magnifies what coarse steps get wrong.
PRECISE = 1e-3
# A run whose segments fit this much better apart than joined is not followed by any single first state.
CHAOTIC = 20.0
# A joined fit that leaves less than this share of the variance follows the run, whatever short stretches gain.
NEGLIGIBLE = 1e-5
# Terms smaller than this share of the right-hand side are not believed.
TRIFLE, TRIFLE_IN_VELOCITY = 1e-3, 1e-4
# Terms within this many standard errors of zero are not stated.
IDLE = 2.0
# A rival this many nats behind the closest fit, before the cost of its terms is counted, cannot win.
HOPELESS = 100.0
# Finalists are refitted on this share of the fitted rows and predict the rest, if there are rows enough.
KEPT_FOR_VALIDATION = 0.75
FEWEST_FOR_VALIDATION = 100
FINALISTS_WITHIN = 40.0
MOST_FINALISTS = 5


@dataclass(frozen=True)
class Rival:
    """A law in the contest.

    Args:
        model: The law; its constants are first guesses until it is fitted.
        cost: Prior cost of its terms, in free constants.
        source: Who proposed it.
        bonus: Nats by which a prior puts it ahead.
        term_constants: For every target, the constants that multiply its terms (those that may be dropped).
        fit: Its fit to the trajectories, `UNFITTED` before.
        score: Description length, ``inf`` before.
    """

    model: Model
    cost: float
    source: str
    fit: TrajectoryFit = UNFITTED
    score: float = np.inf
    bonus: float = 0.0

    @property
    def key(self) -> str:
        """Text that is equal for equal structures, whoever proposed them."""
        return _key(self.model.order, self.model.equations, self.model.parameters)


@lru_cache(maxsize=4096)
def _key(order: int, equations: tuple[sympy.Expr, ...], parameters: tuple[str, ...]) -> str:
    constants = {sympy.Symbol(name): sympy.Symbol("c") for name in parameters}
    terms = (sympy.Add.make_args(equation) for equation in equations)
    return f"{order}|" + "|".join("+".join(sorted(str(term.xreplace(constants)) for term in each)) for each in terms)


def cost_of(nats: float, constants: int, count: int) -> float:
    """A price in nats, and the constants that come with it, as the cost in free constants that library terms have.

    Args:
        nats: Price of the terms.
        constants: How many constants they have.
        count: Number of values that are fitted.
    """
    each = np.log(max(count, 3))
    return float((2 * nats + each * constants) / (each + CHOICE))


def nats_within(cost: float, constants: int, count: int) -> float:
    """The price in nats that so many constants may come with at a cost in free constants: `cost_of` turned round."""
    each = np.log(max(count, 3))
    return float((cost * (each + CHOICE) - each * constants) / 2)


def longest_step(evidence: Evidence, model: Model) -> float:
    """Runge-Kutta step for a law on the evidence, seconds: finer for rows with little noise, finest where it jumps."""
    step, missed = _step(evidence, model)
    return step / float(np.clip(missed / SEEN_OF_JUMP, 1.0, STEPS_FOR_JUMPS))


def _step(evidence: Evidence, model: Model) -> tuple[float, float]:
    """The step for a law without its jumps, and how far such steps lead astray at those that count (`_missed`)."""
    shares = [run.noise_std / np.maximum(np.std(run.trajectory.position, axis=0), 1e-300) for run in evidence.runs]
    share = float(np.min(shares))
    step = evidence.time_scale_s / STEPS_PER_TIME_SCALE * min(1.0, (share / USUAL_NOISE) ** 0.25)
    jumps = any(equation.has(sympy.sign) for equation in model.equations)
    if share > PRECISE and not jumps:
        return step, 0.0
    step = min(step, float(np.median(np.concatenate([np.diff(run.trajectory.t) for run in evidence.runs]))))
    return step, _missed(evidence, model, step) if jumps and share <= PRECISE else 0.0


def _missed(evidence: Evidence, model: Model, step: float) -> float:
    """How far a step over a jump of the law leads astray in a characteristic time, in units of the noise.

    A Runge-Kutta step that a jump parts errs by a third of the jump at most: the velocity by that times the step.
    """
    terms = [[term for term in sympy.Add.make_args(each) if term.has(sympy.sign)] for each in model.equations]
    parts = replace(model, equations=tuple(sympy.Add(*some) for some in terms))
    size = 0.0
    for run in evidence.runs:
        values = np.repeat(model.values[:, None], len(run.trajectory.t), axis=1)
        states = run.states[:, : len(model.state)].T
        jump = 2 * np.abs(parts.derivative(states, run.trajectory.t, values)[-len(model.coordinates) :])
        size = max(size, float(np.max(np.sqrt(np.mean(jump**2, axis=1)) / run.noise_std)))
    rise = step * evidence.time_scale_s / (2 * np.pi) if model.order == 2 else step
    return size * rise / 3


def fit_rival(
    rival: Rival,
    evidence: Evidence,
    *,
    whole: bool = False,
    is_joined: bool = True,
    deadline: float = np.inf,
    hopeless_chi2: float = np.inf,
) -> Rival:
    """Fits a rival's constants to the trajectories; the score is given by `rank`."""
    if rival.model.order == 1:
        first_order = fit_first_order(rival.model, evidence, whole=whole, deadline=deadline)
        return replace(rival, model=first_order.model, fit=first_order)
    runs = [run.observation(order=rival.model.order, whole=whole) for run in evidence.runs]
    fit_law = partial(
        fit_trajectories,
        runs=runs,
        segment_rows=_segment_rows(runs, evidence.time_scale_s),
        is_joined=is_joined,
        deadline=deadline,
        hopeless_chi2=hopeless_chi2,
    )
    step, missed = _step(evidence, rival.model)
    if missed > SEEN_OF_JUMP and np.isfinite(hopeless_chi2):  # in steps of a row each it may be seen to be hopeless
        fit = fit_law(rival.model, longest_step=step)
        best = np.sqrt(hopeless_chi2 / max(fit.count, 1)) + missed
        if np.isfinite(fit.chi2) and np.sqrt(fit.chi2 / max(fit.count, 1)) > best:
            return replace(rival, model=fit.model, fit=fit)
    fit_law = partial(fit_law, longest_step=longest_step(evidence, rival.model))
    fit = fit_law(rival.model)
    if fit.status == "diverged":  # a first guess may blow up where no force at all does not
        calm = [
            0.0 if name.startswith("c_") else value
            for name, value in zip(rival.model.parameters, rival.model.values, strict=True)
        ]
        fit = fit_law(rival.model.with_values(np.array(calm)))
    return replace(rival, model=fit.model, fit=fit)


def _segment_rows(runs: Sequence[Observation], time_scale_s: float) -> int:
    """Rows in a quarter of a characteristic time: short segments run side by side, but not too many of them."""
    spacing = float(np.median(np.concatenate([np.diff(run.t) for run in runs])))
    rows = sum(len(run.t) for run in runs)
    return int(max(np.clip(0.25 * time_scale_s / spacing, 6, 20), rows / MOST_SEGMENTS))


def rank(rivals: Sequence[Rival]) -> list[Rival]:
    """Scores fitted rivals on a common footing and sorts them, best first; those that ran away are dropped."""
    fitted = [rival for rival in rivals if np.isfinite(rival.fit.chi2)]
    if not fitted:
        return []
    closest = min(fitted, key=lambda rival: rival.fit.chi2)
    count = closest.fit.count
    independent = max(count / closest.fit.correlation_length, 4.0)
    scored = []
    for rival in fitted:
        misfit = max(rival.fit.chi2 / count, FLOOR)
        states = sum(len(state) for state in rival.fit.first_states)
        score = (
            independent * np.log(misfit) + np.log(independent) * states + (np.log(independent) + CHOICE) * rival.cost
        )
        # A score is twice the nats of a probability.
        scored.append(replace(rival, score=float(score) - 2 * rival.bonus))
    return sorted(scored, key=lambda rival: rival.score)


def without_term(rival: Rival, constant: str) -> Rival | None:
    """The same law without the term that ``constant`` multiplies, or ``None`` where that is not one term."""
    symbol = sympy.Symbol(constant)
    holders = [k for k, equation in enumerate(rival.model.equations) if equation.has(symbol)]
    if len(holders) != 1:
        return None
    equations = list(rival.model.equations)
    equations[holders[0]] = equations[holders[0]].subs(symbol, 0)
    used = set().union(*(equation.free_symbols for equation in equations))
    kept = [k for k, name in enumerate(rival.model.parameters) if sympy.Symbol(name) in used]
    model = Model(
        rival.model.order,
        rival.model.coordinates,
        tuple(equations),
        tuple(rival.model.parameters[k] for k in kept),
        rival.model.values[kept],
    )
    return Rival(model=model, cost=rival.cost - 1.0, source=rival.source)


def compete(
    rivals: Sequence[Rival],
    evidence: Evidence,
    *,
    deadline: float,
    is_joined: bool = True,
    on_fit: Callable[[list[Rival]], None] | None = None,
    known: Sequence[Rival] = (),
) -> tuple[list[Rival], bool]:
    """Fits rivals in the order given until they are done or time is up, then drops idle terms of the leader.

    Args:
        rivals: Hypotheses, most promising first.
        evidence: The data.
        deadline: `time.monotonic` value after which no further fit is started.
        is_joined: Whether the segments of a run must meet (see `fit_trajectories`).
        on_fit: Called after each fit with all laws fitted so far.
        known: Laws fitted before: they are not fitted again, and what cannot catch up with them is given up early.

    Returns:
        Ranked rivals and whether the deadline cut the contest short.
    """
    fitted: list[Rival] = []
    seen = {rival.key for rival in known}
    for rival in rivals:
        if fitted and time.monotonic() > deadline:
            return rank(fitted), True
        if rival.key in seen:
            continue
        seen.add(rival.key)
        hopeless = _hopeless_chi2([*known, *fitted])
        trial = fit_rival(rival, evidence, is_joined=is_joined, deadline=deadline, hopeless_chi2=hopeless)
        if not _says_nothing(trial):
            fitted.append(trial)
        if on_fit:
            on_fit(fitted)
    ranked = rank(fitted)
    for _ in range(4):
        if not ranked or time.monotonic() > deadline:
            break
        trimmed = [smaller for rival in ranked[:3] if (smaller := _without_idlest_term(rival, seen)) is not None]
        if not trimmed:
            break
        fitted += [fit_rival(rival, evidence, is_joined=is_joined, deadline=deadline) for rival in trimmed]
        ranked = rank(fitted)
    return ranked, False


def _hopeless_chi2(fitted: Sequence[Rival]) -> float:
    """Chi-squared above which no rival can catch up with the closest fit so far, however plain it is."""
    fits = [rival.fit for rival in fitted if np.isfinite(rival.fit.chi2)]
    if not fits:
        return np.inf
    best = min(fits, key=lambda fit: fit.chi2)
    behind = HOPELESS * best.correlation_length / best.count
    return max(best.chi2, FLOOR * best.count) * float(np.exp(min(behind, 50.0)))


def _says_nothing(rival: Rival) -> bool:
    """Whether a law from the books has only constants that could be zero: it is then no law of these data."""
    idle = np.abs(rival.model.values) < 3 * rival.fit.stderr
    return rival.source.startswith("catalogue") and bool(np.all(idle))


def _without_idlest_term(rival: Rival, seen: set[str]) -> Rival | None:
    """A rival without the term that is nearest to zero in standard errors, if it is within three of them."""
    with np.errstate(all="ignore"):
        distance = np.abs(rival.model.values) / rival.fit.stderr
    for index in np.argsort(distance):
        if not distance[index] < 3:
            return None
        smaller = without_term(rival, rival.model.parameters[index])
        if smaller is not None and smaller.key not in seen:
            seen.add(smaller.key)
            return smaller
    return None


def _shortened(evidence: Evidence) -> Evidence:
    """The evidence with the last quarter of every run's fitted rows unseen as well."""
    runs = [
        replace(run, rows_fitted=max(FEWEST_ROWS, int(KEPT_FOR_VALIDATION * run.rows_fitted))) for run in evidence.runs
    ]
    return replace(evidence, runs=tuple(runs))


def play_on(rival: Rival, evidence: Evidence, run: int, rows: slice) -> np.ndarray:
    """Positions that a fitted law foretells for rows of a run that it has not seen, shape (len(rows), D)."""
    start, state = rival.fit.state_to_go_on_from(run)
    t = evidence.runs[run].trajectory.t[start : rows.stop]
    path = simulate(rival.model, t, state, longest_step=longest_step(evidence, rival.model))
    return path[rows.start - start :, : len(evidence.coordinates)]


def validate(ranked: Sequence[Rival], evidence: Evidence, *, is_joined: bool = True) -> list[Rival]:
    """Lets the finalists predict: refits them on the first part of the fitted rows and adds how they did on the rest.

    The held-out tail takes no part, so that it stays unseen. Short runs leave nothing to predict and keep their order.

    Args:
        ranked: Rivals, best first.
        evidence: The data.
        is_joined: As in `compete`; chaotic runs are not predicted and keep their order.

    Returns:
        The rivals with the finalists' scores put right, best first.
    """
    finalists = [rival for rival in ranked if rival.score - ranked[0].score < FINALISTS_WITHIN][:MOST_FINALISTS]
    rows = sum(run.rows_fitted for run in evidence.runs)
    if len(finalists) < 2 or rows < FEWEST_FOR_VALIDATION or not is_joined:
        return list(ranked)
    shorter = _shortened(evidence)
    errors, count = [], 0
    for rival in finalists:
        trial = fit_rival(rival, shorter)
        total, count = 0.0, 0
        for index, (run, cut) in enumerate(zip(evidence.runs, shorter.runs, strict=True)):
            rows_ahead = slice(cut.rows_fitted, run.rows_fitted)
            ahead = play_on(trial, evidence, index, rows_ahead)
            with np.errstate(over="ignore"):  # who runs away is infinitely far off
                total += float(np.sum(((run.trajectory.position[rows_ahead] - ahead) / run.noise_std) ** 2))
            count += ahead.size
        errors.append(total / max(count, 1) if np.isfinite(total) else np.inf)
    independent = count / finalists[int(np.argmin(errors))].fit.correlation_length
    scored = [
        replace(rival, score=rival.score + independent * (np.log(max(error, FLOOR)) - np.log(max(min(errors), FLOOR))))
        for rival, error in zip(finalists, errors, strict=True)
    ]
    others = [
        replace(rival, score=max(rival.score, max(s.score for s in scored if np.isfinite(s.score))))
        for rival in ranked[len(finalists) :]
    ]
    return sorted([rival for rival in scored if np.isfinite(rival.score)], key=lambda rival: rival.score) + others


def without_trifles(rival: Rival, evidence: Evidence, *, is_joined: bool = True) -> Rival:
    """Drops terms that could be zero or are too small to be told from errors of the data's source, and fits again.

    A term's size is its root mean square over that of the whole right-hand side. Terms in a velocity may be smaller
    than others: what they take or give adds up over many turns.
    """
    states = np.concatenate([run.states for run in evidence.runs])[:, : len(rival.model.state)].T
    t = np.concatenate([run.trajectory.t for run in evidence.runs])
    rates = {sympy.Symbol(name) for name in rival.model.state[len(evidence.coordinates) :]}

    def right_side(values: np.ndarray) -> np.ndarray:
        columns = np.repeat(values[:, None], len(t), axis=1)
        with np.errstate(all="ignore"):
            return rival.model.derivative(states, t, columns)[-len(evidence.coordinates) :]

    whole = np.sqrt(np.mean(right_side(rival.model.values) ** 2, axis=1))
    for index, name in enumerate(rival.model.parameters):
        smaller = without_term(rival, name) if name.startswith("c_") else None
        if smaller is None:
            continue
        values = rival.model.values.copy()
        values[index] = 0.0
        part = np.sqrt(np.mean((right_side(rival.model.values) - right_side(values)) ** 2, axis=1))
        size = np.max(part / np.maximum(whole, 1e-300))
        term = next(e.coeff(sympy.Symbol(name)) for e in rival.model.equations if e.has(sympy.Symbol(name)))
        is_idle = abs(rival.model.values[index]) < IDLE * rival.fit.stderr[index] and rival.source == "search"
        if is_idle or size < (TRIFLE_IN_VELOCITY if term.free_symbols & rates else TRIFLE):
            return without_trifles(
                replace(fit_rival(smaller, evidence, is_joined=is_joined), score=rival.score),
                evidence,
                is_joined=is_joined,
            )
    return rival


def is_chaotic(rivals: Sequence[Rival], best: Rival, evidence: Evidence) -> bool:
    """Whether no first state follows the runs, although one of the rivals holds over short stretches.

    Args:
        rivals: Laws to try over short stretches.
        best: The rival that fits the whole runs best.
        evidence: The data.
    """
    spread = np.concatenate([np.std(run.trajectory.position, axis=0) / run.noise_std for run in evidence.runs])
    if best.fit.reduced_chi2 < NEGLIGIBLE * np.mean(spread**2):
        return False
    apart = [fit_rival(rival, evidence, is_joined=False).fit.reduced_chi2 for rival in rivals]
    return bool(min(apart) * CHAOTIC < best.fit.reduced_chi2)
