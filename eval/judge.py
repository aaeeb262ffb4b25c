"""Scores a solver's answer to a case: the flat numbers that a log holds, one call a case."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from motionlaw.eval.resimulate import resimulate
from motionlaw.eval.scorers import LawScores, is_above, nmse, score_law
from motionlaw.eval.solvers import Answer
from motionlaw.eval.structure import Columns, compare
from motionlaw.eval.tasks import Case, MotionCase, RowCase, Table
from motionlaw.tools.equation import evaluate

# SRBench's and ODEBench's thresholds of R².
ACCURATE_R2, FOLLOWS_R2 = 0.999, 0.9
MOST_ALTERNATIVES = 49
Scores = dict[str, float | bool | None]
NO_LAW = Answer({})


def score_answer(case: Case, answer: Answer) -> Scores:
    """Scores an answer against a clean case.

    Args:
        case: The case as published, without noise.
        answer: What was found in the corrupted case; one without a law fails.

    Returns:
        Scores by name; ``None`` where not scored. ``exact`` … ``ned`` are those of `LawScores` over all equations,
        ``exact_any`` asks for the truth among the first 50 answers, ``nmse_…`` are errors on clean values.
    """
    if isinstance(case, RowCase):
        truth = {} if case.truth is None else {case.target: case.truth}
        columns = dict(case.train.columns)
        errors = {"train": case.train, **case.tests}
        scores = _structure(truth, (case.target,), answer, columns)
        scores |= {f"nmse_{name}": _error(answer.law.get(case.target), table) for name, table in errors.items()}
        judged = scores["nmse_id"] if "id" in case.tests else scores["nmse_train"]
        r2 = None if judged is None else 1 - float(judged)
        return scores | {"r2": r2, f"r2_above_{ACCURATE_R2}": is_above(r2, ACCURATE_R2)}
    columns = _columns_of(case)
    scores = _structure(case.truth, case.targets, answer, columns)
    if case.tests:
        errors_of = [_error(answer.law.get(target), table) for target, table in case.tests.items()]
        scores["nmse_acceleration"] = max((e for e in errors_of if e is not None), default=None)
    return scores | _played(case, answer.law)


def _columns_of(case: MotionCase) -> dict[str, np.ndarray]:
    states = np.concatenate([play.states for play in case.plays.values()])
    t = np.concatenate([play.t for play in case.plays.values()])
    return dict(zip(case.state, states.T, strict=True)) | {"t": t}


def _structure(
    truth: Mapping[str, sympy.Expr], targets: tuple[str, ...], answer: Answer, columns: Columns
) -> Scores:
    """Scores of the equations together: all must be exact, shares are averaged."""
    each = [
        score_law(answer.law.get(target), truth.get(target), columns, stderr=answer.stderr.get(target))
        for target in targets
    ]
    exact = _all([score.is_exact for score in each])
    return {
        "exact": exact,
        "exact_any": exact or _any_exact(truth, targets, answer, columns) if exact is not None else None,
        "s_acc": _all([score.s_acc for score in each]),
        "solution": _all([score.is_solution for score in each]),
        **{name: _mean(each, name) for name in ("s_struct", "term_f1", "s_struct_viper", "ned")},
    }


def _any_exact(
    truth: Mapping[str, sympy.Expr], targets: tuple[str, ...], answer: Answer, columns: Columns
) -> bool:
    def is_exact(law: Mapping[str, sympy.Expr]) -> bool:
        if not all(target in law for target in targets):
            return False
        comparisons = (compare(law[target], truth[target], columns) for target in targets)
        return all(comparison is not None and comparison.is_same for comparison in comparisons)

    return any(is_exact(law) for law in answer.alternatives[:MOST_ALTERNATIVES])


def _all(values: list[bool | None]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def _mean(scores: list[LawScores], name: str) -> float | None:
    values = [getattr(score, name) for score in scores]
    return None if any(value is None for value in values) else float(np.mean(values))


def _error(found: sympy.Expr | None, table: Table) -> float | None:
    if found is None:
        return float("inf")
    return nmse(np.broadcast_to(evaluate(found, table.columns), table.y.shape), table.y)


def _played(case: MotionCase, law: Mapping[str, sympy.Expr]) -> Scores:
    """Errors of the law played from the true first state of each motion."""
    scores: Scores = {}
    is_whole = all(target in law for target in case.targets)
    rates = [sympy.Symbol(name) for name in case.state[len(case.targets) :]]
    for name, play in case.plays.items():
        error: float | None = float("inf")
        if is_whole:
            equations = [*rates, *(law[target] for target in case.targets)]
            error = nmse(resimulate(equations, case.state, play.t, play.states[0]), play.states)
        scores[f"nmse_{name}"] = error
        scores[f"{name}d"] = is_above(None if error is None else 1 - error, FOLLOWS_R2)
    return {name.replace("reconstructd", "reconstructed"): value for name, value in scores.items()}
