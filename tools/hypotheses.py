"""Where laws to be tried come from: the structure search, the catalogue, proposed texts, and other engines.

Every source ends in the same value, a `Rival` with constants to be fitted, so that all compete on one score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import sympy

from motionlaw.tools.catalogue import known_laws
from motionlaw.tools.contest import Rival
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.equation import compile_rhs, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.frequency import dominant_frequency
from motionlaw.tools.known_terms import Kinds
from motionlaw.tools.law import Hypothesis
from motionlaw.tools.library import Feature, feature_library, forcing_features
from motionlaw.tools.observe import Evidence
from motionlaw.tools.realign import Prices, named_constants, realign
from motionlaw.tools.search import Samples, Support, WeakSystem, best_subsets, model_of, weak_system

# Laws fitted to trajectories, over all sizes; the weak form has sorted out the rest.
MOST_RIVALS = 14
REALIGNED = ", realigned"
# The plainest laws are tried whatever the weak form says of them: it sees little in few rows, and it takes the
# systematic errors of a tracker (a patterned ball that turns) for fine structure.
PLAIN_LAWS = (
    ("1",), ("1", "v"), ("1", "v*abs(v)"), ("1", "sign(v)"), ("q",), ("q", "v"), ("q", "1"), ("q", "v", "1"),
    ("q", "v*abs(v)"), ("q", "sign(v)"), ("q", "v*abs(v)", "1"),
)  # fmt: skip
PLAIN_LAWS_OF_EACH = (("1", "v"), ("1", "v*abs(v)"), ("q", "1"), ("q", "v", "1"))
PLAIN_LAWS_OF_ANGLES = (("1",), ("1", "v"), ("sin(q)",), ("sin(q)", "v"), ("sin(q)", "v*abs(v)"), ("sin(q)", "sign(v)"))
# A driving frequency is believed where it explains this share of what the best law without it leaves over.
FORCING_SHARE = 0.5


@dataclass(frozen=True)
class Proposal:
    """A law that somebody proposes: a person, a model, an engine.

    Args:
        law: One formula a target state, in our grammar; its numbers are first guesses.
        source: Who proposed it; a number is given where there is none.
        text: As it was written.
        chain: The reasoning that led to it.
        coordinates: Those that it is written in; it stays out where others are used. ``()`` for any.
        object: Name of the object it is about; ``""`` for all.
        bonus: Nats that it is ahead of laws nobody proposed, e.g. from the probability that a model gives it.
    """

    law: Mapping[str, str]
    source: str = ""
    text: str = ""
    chain: str = ""
    coordinates: tuple[str, ...] = ()
    object: str = ""
    bonus: float = 0.0

    def is_about(self, coordinates: Sequence[str], *, order: int) -> bool:
        """Whether it is written for these coordinates and for this order, as far as it says."""
        rates = velocity_names(coordinates)
        others = coordinates if order == 2 else rates
        return self.coordinates in ((), tuple(coordinates)) and set(self.law) != set(others)


@dataclass(frozen=True)
class Reading:
    """The kinds of term that a model knows laws to be sums of, where it knows a motion.

    Args:
        kinds: The kinds.
        source: Who knows them.
        coordinates: The one coordinate that it is about.
        object: Name of the object it is about; ``""`` for all.
    """

    kinds: Kinds
    source: str
    coordinates: tuple[str, ...]
    object: str = ""


@dataclass(frozen=True)
class Proposals:
    """What somebody proposed.

    Args:
        laws: Laws that can compete.
        unread: What holds no law that could be read, with the reason.
        model: Who proposed them.
        readings: What kinds of term they know laws to be sums of, if any.
    """

    laws: tuple[Proposal, ...]
    unread: tuple[Hypothesis, ...]
    model: str
    readings: tuple[Reading, ...] = ()


def _most_terms(evidence: Evidence) -> int:
    """Terms an equation may have: one for every five rows, two to six."""
    rows = sum(run.rows_fitted for run in evidence.runs)
    return int(np.clip(rows // 5, 2, 6))


def window_seconds(evidence: Evidence) -> float:
    """Length of the weak form's windows: half a characteristic time, a quarter of the runs, at least five rows."""
    spacing = float(np.median(np.concatenate([np.diff(run.trajectory.t) for run in evidence.runs])))
    longest = max(run.trajectory.t[run.rows_fitted - 1] - run.trajectory.t[0] for run in evidence.runs)
    return max(min(0.5 * evidence.time_scale_s, 0.25 * longest), 5 * spacing)


def search_supports(evidence: Evidence, target: int, *, order: int) -> list[Support]:
    """Good choices of terms for one coordinate, best first, driving terms included where the residual oscillates."""
    samples = [part for run in evidence.runs for part in run.samples(order=order)]
    if not samples:
        return []
    library = feature_library(evidence.coordinates, target, order=order, is_angle=evidence.is_angle)

    def system_of(features: Sequence[Feature]) -> WeakSystem:
        window_s = window_seconds(evidence)
        return weak_system(samples, features, target, coordinates=evidence.coordinates, order=order, window_s=window_s)

    supports = best_subsets(system_of(library), most_terms=_most_terms(evidence))
    forcing = _forcing(evidence, supports[0], target, order=order) if supports else []
    if forcing:
        supports += best_subsets(system_of([*library, *forcing]), most_terms=_most_terms(evidence))
        supports.sort(key=lambda support: support.score)
    return supports


def _forcing(evidence: Evidence, support: Support, target: int, *, order: int) -> list[Feature]:
    """Driving terms at the strongest frequency of what a choice of terms leaves over, if it is strong."""
    run = max(evidence.runs, key=lambda run: run.rows_fitted)
    rows, width = slice(0, run.rows_fitted), len(evidence.coordinates)
    t = run.trajectory.t[rows]
    names = [*evidence.coordinates, *(velocity_names(evidence.coordinates) if order == 2 else ()), "t"]
    wanted = run.acceleration[rows, target] if order == 2 else run.states[rows, width + target]
    states = run.states[rows, : (2 * width if order == 2 else width)]
    explained = 0.0
    if support.features:
        columns = compile_rhs([f.expression for f in support.features], names)(np.vstack([states.T, t]))
        explained = support.coefficients @ np.broadcast_to(columns, (len(support.features), len(t)))
    rest = wanted - explained
    if len(t) < 40 or np.var(rest) < 1e-4 * np.var(wanted):
        return []
    frequency = dominant_frequency(t, rest)
    is_strong = frequency.power_share > FORCING_SHARE and frequency.value * (t[-1] - t[0]) > 6 * np.pi
    return forcing_features([frequency.value]) if is_strong and abs(frequency.damping) * (t[-1] - t[0]) < 1 else []


def searched_rivals(evidence: Evidence, *, order: int) -> list[Rival]:
    """Laws from the structure search; with several coordinates, the best of each and one change at a time."""
    choices = [_short(search_supports(evidence, target, order=order)) for target in range(len(evidence.coordinates))]
    if not all(choices):
        return []
    picks: list[tuple[Support, ...]]
    if len(choices) == 1:
        picks = [(support,) for support in choices[0]]
    else:
        best = tuple(supports[0] for supports in choices)
        picks = [best]
        for target, rank in product(range(len(choices)), range(1, 6)):
            if rank < len(choices[target]):
                picks.append((*best[:target], choices[target][rank], *best[target + 1 :]))
    picks.sort(key=lambda pick: sum(support.score for support in pick))
    return [
        Rival(
            model=model_of(pick, coordinates=evidence.coordinates, order=order),
            cost=sum(feature.cost for support in pick for feature in support.features),
            source="search",
        )
        for pick in picks[: MOST_RIVALS if len(choices) == 1 else MOST_RIVALS // 2]
    ]


def _short(supports: list[Support]) -> list[Support]:
    """The best few by score, and the best of every size, so that no size is without a voice."""
    champions: dict[int, Support] = {}
    for support in supports:
        champions.setdefault(len(support.features), support)
    kept = {id(support) for support in champions.values()}
    rest = [support for support in supports if id(support) not in kept]
    chosen = [*champions.values(), *rest[: max(0, MOST_RIVALS - len(champions))]]
    return sorted(chosen, key=lambda support: support.score)


def catalogue_rivals(evidence: Evidence, *, order: int) -> list[Rival]:
    """Known laws that are no sum of library terms."""
    parts = [(run, run.samples(order=order)) for run in evidence.runs]
    samples = [part for _, found in parts for part in found]
    rates = [run.acceleration[np.searchsorted(run.trajectory.t, part.t)] for run, found in parts for part in found]
    plain = _plain_rivals(evidence, samples) if order == 2 and samples else []
    laws = known_laws(samples, rates, coordinates=evidence.coordinates, units=evidence.units, order=order)
    return [Rival(model=law.model, cost=law.cost, source=f"catalogue: {law.name}") for law in laws] + plain


def _plain_rivals(evidence: Evidence, samples: Sequence[Samples]) -> list[Rival]:
    """The plainest laws: for one coordinate those of `PLAIN_LAWS`, for several a free, driven or bound body."""
    count = len(evidence.coordinates)
    picks: list[tuple[tuple[str, ...], ...]]
    if count == 1:
        picks = [(terms,) for terms in (PLAIN_LAWS_OF_ANGLES if evidence.is_angle[0] else PLAIN_LAWS)]
    elif any(evidence.is_angle) or count > 3:
        return []
    else:
        picks = list(product(((), ("1",)), repeat=count)) + [(terms,) * count for terms in PLAIN_LAWS_OF_EACH]
    supports: dict[tuple[int, Sequence[str]], Support] = {}
    for target in range(count):
        wanted = dict.fromkeys(pick[target] for pick in picks)
        supports |= {(target, terms): found for terms, found in _plain_supports(wanted, target, evidence, samples)}
    rivals = []
    for pick in picks:
        chosen = [supports[target, terms] for target, terms in enumerate(pick)]
        cost = sum(feature.cost for support in chosen for feature in support.features)
        rivals.append(Rival(model_of(chosen, coordinates=evidence.coordinates, order=2), cost, "search"))
    return rivals


def _plain_supports(
    choices: Iterable[Sequence[str]], target: int, evidence: Evidence, samples: Sequence[Samples]
) -> Iterator[tuple[Sequence[str], Support]]:
    """Choices of named plain terms for one coordinate, their coefficients from the weak form."""
    rates = velocity_names(evidence.coordinates)
    names = {"q": evidence.coordinates[target], "v": rates[target]}
    choices = list(choices)
    wanted = {
        text: parse(text, variables=["q", "v"]).xreplace({sympy.Symbol(k): sympy.Symbol(v) for k, v in names.items()})
        for terms in choices for text in terms
    }  # fmt: skip
    library = feature_library(evidence.coordinates, target, order=2, is_angle=evidence.is_angle)
    plain = [feature for feature in library if feature.expression in wanted.values()]
    system = weak_system(
        samples, plain, target, coordinates=evidence.coordinates, order=2, window_s=window_seconds(evidence)
    )
    for terms in choices:
        own = {wanted[text] for text in terms}
        held = [k for k, feature in enumerate(system.features) if feature.expression in own]
        solution, *_ = np.linalg.lstsq(system.matrix[:, held], system.vector, rcond=1e-8)
        yield terms, Support(tuple(system.features[k] for k in held), solution, 0.0, 0.0)


def proposed_rivals(proposal: Proposal, evidence: Evidence, *, order: int, source: str) -> list[Rival]:
    """A proposed law as it is, and with its residual realigned; it costs what it would cost anybody.

    Args:
        proposal: The law.
        evidence: The data.
        order: 1 or 2.
        source: What to call it.

    Raises:
        UserError: If a formula cannot be read or a target is missing.
    """
    targets = velocity_names(evidence.coordinates) if order == 2 else evidence.coordinates
    missing = [name for name in targets if name not in proposal.law]
    if missing:
        raise UserError(f"A hypothesis needs an equation for {missing[0]}, got {', '.join(proposal.law) or 'none'}.")
    names = [*evidence.coordinates, *(targets if order == 2 else ()), "t"]
    ansatz = [parse(proposal.law[name], variables=names) for name in targets]
    kinds = {name: "angle" if turns else "coordinate" for name, turns in zip(names, evidence.is_angle, strict=False)}
    kinds |= dict.fromkeys(names[len(kinds) : -1], "velocity") | {"t": "time"}
    samples = [part for run in evidence.runs for part in run.samples(order=order)]
    choices, prices = [], []
    for target, expression in enumerate(ansatz):
        library = feature_library(evidence.coordinates, target, order=order, is_angle=evidence.is_angle)
        prices.append(Prices(library, kinds, evidence.rows))
        choices.append(
            realign(
                prices[-1].features(expression), samples, library, target,
                coordinates=evidence.coordinates, order=order, window_s=window_seconds(evidence),
            )
        )  # fmt: skip

    def cost(sides: Sequence[Sequence[Feature]]) -> float:
        return sum(each.of([f.expression for f in side]) for each, side in zip(prices, sides, strict=True))

    model = named_constants(ansatz, coordinates=evidence.coordinates, order=order)
    written = [each.features(expression) for each, expression in zip(prices, ansatz, strict=True)]
    rivals = [Rival(model=model, cost=cost(written), source=source, bonus=proposal.bonus)]
    for rank in range(4):
        pick = [supports[min(rank, len(supports) - 1)] for supports in choices]
        realigned = model_of(pick, coordinates=evidence.coordinates, order=order)
        rivals.append(Rival(realigned, cost([support.features for support in pick]), f"{source}{REALIGNED}"))
    return rivals


def pendulum_rivals(evidence: Evidence) -> list[Rival]:
    """Pendulums told in a coordinate that does not say that it is an angle, as plain as they are in one that does.

    Whatever a model knows best, everybody knows these: among sums that are cheap to it they are as cheap.
    """
    samples = [part for run in evidence.runs for part in run.samples(order=2)]
    if len(evidence.coordinates) != 1 or not samples:
        return []
    wanted = [terms for terms in PLAIN_LAWS_OF_ANGLES if "sin(q)" in terms]
    return [
        Rival(model_of([support], coordinates=evidence.coordinates, order=2), float(len(terms)), "search")
        for terms, support in _plain_supports(wanted, 0, evidence, samples)
        if len(support.features) == len(terms)
    ]


def with_shared_bonus(rivals: Sequence[Rival]) -> list[Rival]:
    """Gives a proposed law's bonus to the same law found by others: the score is the law's, not its author's."""
    bonus: dict[str, float] = {}
    for rival in rivals:
        if rival.bonus:
            bonus[rival.key] = max(rival.bonus, bonus.get(rival.key, 0.0))
    return [replace(rival, bonus=bonus.get(rival.key, 0.0)) for rival in rivals] if bonus else list(rivals)


def engine_rivals(
    engine: str, evidence: Evidence, *, order: int, time_limit: float, seed: int
) -> tuple[list[Rival], str]:
    """Laws from another symbolic-regression engine, run on the smoothed derivatives.

    Returns:
        The laws and a sentence about what the engine did not manage, empty if all went well.
    """
    from motionlaw.tools.engines import regress

    width = len(evidence.coordinates)
    names = [*evidence.coordinates, *(velocity_names(evidence.coordinates) if order == 2 else ()), "t"]
    rows = [slice(0, run.rows_fitted) for run in evidence.runs]
    states = [
        run.states[cut, : (2 * width if order == 2 else width)] for run, cut in zip(evidence.runs, rows, strict=True)
    ]
    times = [run.trajectory.t[cut, None] for run, cut in zip(evidence.runs, rows, strict=True)]
    X = np.vstack([np.hstack(pair) for pair in zip(states, times, strict=True)])
    texts: dict[str, str] = {}
    targets = velocity_names(evidence.coordinates) if order == 2 else evidence.coordinates
    for target, name in enumerate(targets):
        column = [run.acceleration[cut, target] if order == 2 else run.states[cut, width + target]
                  for run, cut in zip(evidence.runs, rows, strict=True)]  # fmt: skip
        result = regress(engine, X, np.concatenate(column), names, time_limit=time_limit / width, seed=seed)
        if result.expression is None:
            return [], f"{engine} found nothing for {name} ({result.status}): {result.message}"
        texts[name] = result.expression
    expressions = [parse(texts[name], variables=names) for name in targets]
    model = named_constants(expressions, coordinates=evidence.coordinates, order=order)
    size = sum(sympy.count_ops(expression, visual=False) for expression in expressions)
    return [Rival(model=model, cost=max(float(len(model.parameters)), 0.5 * float(size)), source=engine)], ""
