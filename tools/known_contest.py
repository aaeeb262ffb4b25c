"""Where sums of terms that somebody knows compete with what the search found.

To whoever knows kinds of term they are as plain as x and v are to everybody; how sums of them compare with one another
is a matter of evidence (`motionlaw.tools.term_sets`). A law that is none of them is protected: it must be beaten by as
much as any plain law that leaves nothing but noise, and pendulums compete at the price that they have in angles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy

from motionlaw.tools.contest import Rival, cost_of, fit_rival, rank
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.hypotheses import Reading, pendulum_rivals
from motionlaw.tools.known_terms import COORDINATE, VELOCITY
from motionlaw.tools.observe import Evidence
from motionlaw.tools.realign import named_constants
from motionlaw.tools.response_search import PLAIN, is_white
from motionlaw.tools.term_sets import weigh_sums

# Nats by which a law must lead a plain one that leaves nothing but noise: it was chosen among thousands.
CHOSEN = 4.0
# Sums of known terms that are fitted, if rows are this many and noise is this share of the spread: without noise
# accelerations tell more.
WEIGHED, MOST_WEIGHED, FEWEST_WEIGHED, LEAST_WEIGHED = ", weighed", 6, 40, 1e-3
# Of so many rows a plain law that is wrong leaves more than noise.
ENOUGH = 400


def rank_with_known(
    reading: Reading, evidence: Evidence, ranked: Sequence[Rival], *, deadline: float
) -> tuple[list[Rival], list[Rival]]:
    """Lets the likeliest sums of known terms compete.

    Args:
        reading: The kinds.
        evidence: The data.
        ranked: What the search found, best first.
        deadline: `time.monotonic` value after which nothing is added.

    Returns:
        The sums, and all laws, best first, each once.
    """
    is_plain = bool(ranked) and is_white(ranked[0].fit) and ranked[0].cost <= PLAIN
    if is_plain and evidence.rows > ENOUGH:
        return [], list(ranked)
    known = weighed_rivals(reading, evidence, deadline=deadline)
    # A law that they know as well needs no protection from them.
    if is_plain and not any(is_same_kind(ranked[0].model, rival.model) for rival in known):
        lead = cost_of(CHOSEN, 0, evidence.values_fitted)
        known = [replace(rival, cost=rival.cost + lead) for rival in known]
    others = [*known, *(pendulum_rivals(evidence) if known else [])]
    fitted = [fit_rival(rival, evidence, deadline=deadline) for rival in others]
    # Whoever knows the kinds knows their signs: with another sign it is another law, at the price of others.
    own = [each for each, rival in zip(fitted, others, strict=True) if is_same_kind(each.model, rival.model)]
    best: dict[str, Rival] = {}
    for rival in rank([*ranked, *own]):
        best.setdefault(rival.key, rival)
    return known, rank([*best.values()])


def weighed_rivals(reading: Reading, evidence: Evidence, *, deadline: float) -> list[Rival]:
    """The likeliest sums of the kinds of term that a model knows.

    The likeliest costs what it would if its terms were as plain as x and v: to those who know them they are. The
    others cost as much more as they are less likely beside their misfit.

    Args:
        reading: The kinds.
        evidence: The data; the longest run is looked at.
        deadline: `time.monotonic` value after which nothing is found.
    """
    if evidence.coordinates != reading.coordinates or not evidence.runs:
        return []
    run = max(evidence.runs, key=lambda each: each.rows_fitted)
    t, x = run.trajectory.t[: run.rows_fitted], run.trajectory.position[: run.rows_fitted, 0]
    if len(t) < FEWEST_WEIGHED or float(run.noise_std[0]) < LEAST_WEIGHED * float(np.std(x)):
        return []
    name, rate = evidence.coordinates[0], velocity_names(evidence.coordinates)[0]
    names = {sympy.Symbol(COORDINATE): sympy.Symbol(name), sympy.Symbol(VELOCITY): sympy.Symbol(rate)}
    found: list[Rival] = []
    sums = weigh_sums(t, x, reading.kinds, most=MOST_WEIGHED, deadline=deadline)
    for each in sums:
        model = named_constants([each.expression.xreplace(names)], coordinates=evidence.coordinates, order=2)
        beside = each.nats - sums[0].nats
        cost = cost_of(beside, 0, len(t)) + (found[0].cost if found else float(len(model.parameters)))
        found.append(Rival(model, cost, f"{reading.source}{WEIGHED}"))
    return found


def is_same_kind(one: Model, other: Model) -> bool:
    """Whether laws have the same terms with the same signs."""
    return _signs(one) == _signs(other)


def _signs(model: Model) -> dict[str, bool]:
    """Whether each term of the first equation has a positive coefficient, constants inside being one letter."""
    law = next(iter(model.expressions().values()))
    terms = [term.as_coeff_Mul() for term in sympy.Add.make_args(sympy.expand(law))]
    inside = sympy.Symbol("k")
    return {str(rest.xreplace(dict.fromkeys(rest.atoms(sympy.Float), inside))): bool(c > 0) for c, rest in terms}
