"""What the data cannot tell: laws as good as the winner, and drag too small to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy

from motionlaw.tools.contest import FLOOR, Rival, fit_rival
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.equation import evaluate, format_expr
from motionlaw.tools.library import feature_library
from motionlaw.tools.observe import Evidence

# Rivals nearer than this to the winner's score are said to be possible too (2·ln of a Bayes factor of about 20).
POSSIBLE = 6.0
# Columns whose cosine is above this run alike; so many exchanges are fitted.
ALIKE, MOST_TRIED = 0.99, 3
# A drag this many standard errors from zero can be told, whatever the contest thought of its cost.
SEEN = 3.0


def near_rivals(ranked: Sequence[Rival], winner: Rival) -> list[str]:
    """Sentences about laws that the data cannot tell from the winner."""
    best = min(rival.fit.chi2 / rival.fit.count for rival in ranked)

    def misfit(rival: Rival) -> float:
        independent = max(rival.fit.count / rival.fit.correlation_length, 4.0)
        spread = max(rival.fit.chi2 / rival.fit.count, FLOOR) / max(best, FLOOR)
        return float(independent * np.log(spread) + np.log(independent) * len(rival.model.parameters))

    def is_near(rival: Rival) -> bool:
        """By the score, or by the fit alone where the rival is another law and not the winner with a term more."""
        as_good = misfit(rival) - misfit(winner) < POSSIBLE and not _terms_of(winner) <= _terms_of(rival)
        return as_good or rival.score - ranked[0].score < POSSIBLE

    near = [rival for rival in ranked if rival.key != winner.key and is_near(rival)]
    if not near:
        return []
    return [f"The data cannot tell the law from: {'; '.join(map(_text, near[:3]))}."]


def _terms_of(rival: Rival) -> set[tuple[int, str]]:
    """The terms of every equation, constants without names."""
    return {(k, term) for k, equation in enumerate(rival.key.split("|")[1:]) for term in equation.split("+")}


def _text(rival: Rival) -> str:
    return " and ".join(format_expr(e, digits=3) for e in rival.model.expressions().values())


def look_alikes(
    winner: Rival, evidence: Evidence, *, known: Sequence[Rival] = (), is_joined: bool = True
) -> list[str]:
    """Names what would do as well in place of a term, and was passed over only because it is less plain.

    Terms of the library that run alike over the data (at small amplitudes sin x runs as x does) are put in the
    term's place and fitted; those whose fit is no worse are named.

    Args:
        winner: The law, fitted to whole runs.
        evidence: The data.
        known: Rivals that had their chance (`near_rivals`).
        is_joined: As in `fit_trajectories`.

    Returns:
        One sentence for a second-order law with such a term, else nothing.
    """
    model = winner.model
    if model.order != 2 or not evidence.runs:
        return []
    names = [*model.state, "t"]
    rows = np.concatenate([np.column_stack([r.states[:, : len(names) - 1], r.trajectory.t]) for r in evidence.runs])
    named, keys = [], {rival.key for rival in known}
    for substitute in _substitutes(model, evidence, dict(zip(names, rows.T, strict=True)))[:MOST_TRIED]:
        rival = replace(winner, model=substitute)
        if rival.key in keys:
            continue
        rival = fit_rival(rival, evidence, whole=True, is_joined=is_joined)
        if rival.fit.status == "ok" and rival.fit.chi2 - winner.fit.chi2 < POSSIBLE * winner.fit.reduced_chi2:
            named.append(_text(rival))
    return [f"Over the range seen, these less plain laws fit as well: {'; '.join(named)}."] if named else []


def _substitutes(model: Model, evidence: Evidence, columns: dict[str, np.ndarray]) -> list[Model]:
    """The law with one term exchanged for one that runs alike, the most alike first."""
    constants = {sympy.Symbol(name) for name in model.parameters}
    found: list[tuple[float, Model]] = []
    for target, equation in enumerate(model.equations):
        terms = sympy.Add.make_args(equation)
        known = [term.as_independent(*(term.free_symbols - constants))[1] for term in terms]
        library = feature_library(evidence.coordinates, target, order=2, is_angle=evidence.is_angle)
        for term in terms:
            factor, rest = term.as_independent(*(term.free_symbols - constants))
            if factor not in constants or rest.free_symbols & constants or not rest.free_symbols:
                continue
            own = evaluate(rest, columns)
            for feature in library:
                values = evaluate(feature.expression, columns)
                alike = _alikeness(own, values)
                if alike < ALIKE or feature.expression in known:
                    continue
                equations = list(model.equations)
                equations[target] = equation - term + factor * feature.expression
                found.append((-alike, replace(model, equations=tuple(equations))))
    return [substitute for _, substitute in sorted(found, key=lambda pair: pair[0])]


def _alikeness(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two columns, whatever their signs and sizes."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return abs(float(a @ b)) / size if np.isfinite(size) and size > 0 else 0.0


def unseen_drag(winner: Rival, evidence: Evidence, *, is_joined: bool = True) -> list[str]:
    """What a drag would be, with its error, where the law has none: fitted beside the law's own terms.

    Args:
        winner: The law, fitted to whole runs.
        evidence: The data.
        is_joined: As in `fit_trajectories`.

    Returns:
        One sentence for a second-order law of one coordinate without any velocity in it, else nothing.
    """
    name = velocity_names(evidence.coordinates)[0]
    v, constant = sympy.Symbol(name), sympy.Symbol("c_drag")
    model = winner.model
    if len(evidence.coordinates) != 1 or model.order != 2 or model.equations[0].has(v):
        return []
    wider = Model(
        model.order,
        model.coordinates,
        (model.equations[0] + constant * sympy.Abs(v) * v,),
        (*model.parameters, constant.name),
        np.append(model.values, 0.0),
    )
    fit = fit_rival(replace(winner, model=wider), evidence, whole=True, is_joined=is_joined).fit
    value, stderr = fit.model.values[-1], fit.stderr[-1]
    if fit.status == "diverged" or not np.isfinite(stderr) or abs(value) > SEEN * stderr:
        return []
    unit = f" 1/{evidence.units[0]}" if evidence.units[0] not in ("", "rad") else ""
    return [f"Drag cannot be told from none here: a term {name}*abs({name}) would be {value:.2g} ± {stderr:.2g}{unit}."]
