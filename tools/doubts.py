"""What the data cannot tell: laws as good as the winner, and drag too small to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy

from motionlaw.tools.contest import Rival, fit_rival
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.equation import format_expr
from motionlaw.tools.observe import Evidence

# Rivals nearer than this to the winner's score are said to be possible too (2·ln of a Bayes factor of about 20).
POSSIBLE = 6.0
# A drag this many standard errors from zero can be told, whatever the contest thought of its cost.
SEEN = 3.0


def near_rivals(ranked: Sequence[Rival], winner: Rival) -> list[str]:
    """Sentences about laws that the data cannot tell from the winner."""
    near = [rival for rival in ranked if rival.score - ranked[0].score < POSSIBLE and rival.key != winner.key]
    if not near:
        return []
    texts = [" and ".join(format_expr(e, digits=3) for e in rival.model.expressions().values()) for rival in near[:3]]
    return [f"The data cannot tell the law from: {'; '.join(texts)}."]


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
