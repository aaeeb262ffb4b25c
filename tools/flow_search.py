"""Structure search for first-order laws known from positions alone.

Every equation has its regression about the present path (`flow_regression`); whole laws are then fitted (`flow`), the
path moves onto the best, and the search goes on about that better path and with dearer terms, as long as those could
still pay. Leaves out the final contest (`flow_contest`).

Source: quasi-linearisation after Bellman & Kalaba (1965), here with the structure open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model
from motionlaw.tools.flow import FLOOR, Flow, FlowFit, Linearised, fit_flow, linearised, rates_of, slopes_of
from motionlaw.tools.flow_prior import mirrored, price_below_zero, price_of
from motionlaw.tools.flow_ratios import with_ratios
from motionlaw.tools.flow_regression import SHARED, Choice, Regression, choice_with, choices_of
from motionlaw.tools.flow_terms import Item, rounded, shared_price, terms_of

# Largest choices for one equation: of plain terms, and of all.
MOST_PLAIN_TERMS, MOST_TERMS = 8, 6
# Terms up to these prices are searched first: what is plain and fits needs no rival.
TIERS = (4.6, 7.6, np.inf)
MOST_ROUNDS = 2
# The search ends where a perfect fit would gain less than this, in nats.
WORTH_GOING_ON = 6.0
# Terms smaller than this share of a rate are not believed.
TRIFLE = 1e-3
# A law with a larger constant has a term that ran away, such as c/(1 + k*x) towards 1/x.
LARGEST = 1e9
# A law that will be so many nats worse than the best is not fitted to the end.
HOPELESS = 30.0
# Nats that a law of one dearer term must at least save on the terms it replaces.
PLAINER = 4.0
# Choices of each equation that whole laws are made of.
TRIED = 4
# Times that all equations have their turn.
SWEEPS = 2
# Terms dearer than this many nats are tried in two equations at once, so many of them.
DEAR, MOST_EXCHANGED = 4.0, 6
# A law nearer to the data than this many times the noise leads the path.
NEAR = 3.0


@dataclass(frozen=True)
class FlowLaw:
    """A whole law: a choice for every equation, its fit, its description length and what of that is prior, in nats."""

    choices: tuple[Choice, ...]
    fit: FlowFit
    score: float
    price: float


def model_of_choices(names: Sequence[str], choices: Sequence[Choice]) -> Model:
    """Joins the choices into a law with constants ``c_1`` … and ``k_1`` …"""
    equations, outer, inner = [], [], []
    for choice in choices:
        terms = []
        renamed: dict[sympy.Symbol, sympy.Symbol] = {}  # terms of a choice may share a constant
        for item, coefficient in zip(choice.items, choice.coefficients, strict=True):
            for name in item.constants:
                if sympy.Symbol(name) not in renamed:
                    inner.append(choice.constants[name])
                    renamed[sympy.Symbol(name)] = sympy.Symbol(f"k_{len(inner)}")
            outer.append(float(coefficient))
            parts = [part.expression.xreplace(renamed) for part in item.parts]
            terms.append(sympy.Mul(sympy.Symbol(f"c_{len(outer)}"), *parts))
        equations.append(sympy.Add(*terms))
    parameters = [f"c_{k + 1}" for k in range(len(outer))] + [f"k_{k + 1}" for k in range(len(inner))]
    return Model(1, tuple(names), tuple(equations), tuple(parameters), np.array(outer + inner))


def with_constants(law: Model, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """The choices with the constants of the fitted law made of them."""
    place, inner = 0, sum(len(choice.items) for choice in choices)
    found = []
    for choice in choices:
        size, names = len(choice.items), list(dict.fromkeys(name for item in choice.items for name in item.constants))
        constants = dict(zip(names, law.values[inner : inner + len(names)].tolist(), strict=True))
        found.append(replace(choice, coefficients=law.values[place : place + size], constants=constants))
        place, inner = place + size, inner + len(names)
    return tuple(found)


def fitted_law(flow: Flow, choices: Sequence[Choice], deadline: float, *, least: float = np.inf) -> FlowLaw:
    """Fits a whole law and scores it; the fit is given up where the score will not come near ``least``."""
    count = sum(each.size for each in flow.position)
    model = model_of_choices(flow.names, choices)
    price = price_of(choices, flow.names)
    digits = 0.5 * len(model.values) * np.log(count)
    hopeless = count * np.exp(min(2 * (least + HOPELESS - price - digits) / count, 50.0))
    fit = fit_flow(flow, model, deadline=deadline, hopeless_chi2=float(hopeless))
    price += price_below_zero(flow, fit.model)
    score = np.inf
    if np.isfinite(fit.chi2) and fit.has_settled and np.max(np.abs(fit.model.values), initial=0.0) < LARGEST:
        score = 0.5 * count * np.log(fit.chi2 / count + FLOOR) + price + digits
        score += 0.5 * fit.first_states * np.log(count)
    return FlowLaw(with_constants(fit.model, choices), fit, float(score), price)


def _champions(choices: Sequence[Choice]) -> list[Choice]:
    """The best few and the best of every size: an uncertain path makes long choices look too good."""
    best: dict[int, Choice] = {}
    for choice in choices:
        best.setdefault(len(choice.items), choice)
    kept = [choice for choice in choices[:TRIED] if best[len(choice.items)] is not choice]
    return sorted([*best.values(), *kept], key=lambda choice: choice.score)


class FlowSearch:
    """One search; `run` does it.

    Args:
        flow: The measured runs with smooth paths.
        deadline: `time.monotonic` value after which the best so far are returned.
        on_best: Called with every law that takes the lead.
        tiers: Prices in nats up to which terms are searched, one after the other.
    """

    def __init__(
        self,
        flow: Flow,
        deadline: float,
        on_best: Callable[[FlowLaw], None] | None = None,
        tiers: Sequence[float] = TIERS,
    ) -> None:
        self.flow, self.deadline, self.on_best, self.tiers = flow, deadline, on_best, tiers
        self.laws: dict[str, FlowLaw] = {}
        self.failed: dict[tuple[object, ...], Flow] = {}
        self.best: FlowLaw | None = None
        self.count = sum(each.size for each in flow.position)
        self.smooth_chi2 = float(np.sum(linearised(flow, None).apart() ** 2))

    def run(self) -> list[FlowLaw]:
        """Finds laws, best first."""
        for cheapest, tier in zip((0.0, *self.tiers), self.tiers, strict=False):
            if cheapest and self._near() is not None and self._leaves_more_than_noise() and not self._is_late():
                # The leader is wrong, and about its path the true law looks wrong as well.
                self._round(cheapest, tier, is_smooth=True)
            for _ in range(MOST_ROUNDS):
                before = self.best
                self._round(cheapest, tier)
                if self._is_late() or self.best is before or self._is_perfect() or self._near() is None:
                    break
            if self._is_late() or not self._is_open(tier):
                break
        # Laws that score better than the best hold trifles, which were taken from it.
        least = self.best.score if self.best is not None else -np.inf
        return sorted((law for law in self.laws.values() if law.score >= least), key=lambda law: law.score)

    def _near(self) -> FlowLaw | None:
        """The best law if it is near enough to the data to lead the path."""
        return self.best if self.best is not None and self.best.fit.chi2 < NEAR**2 * self.count else None

    def _is_late(self) -> bool:
        return time.monotonic() > self.deadline

    def _is_perfect(self) -> bool:
        """Whether even a perfect fit could not pay for a dearer law."""
        return self._gain_to(0.0) < WORTH_GOING_ON

    def _is_as_good_as_any(self) -> bool:
        """Whether even a law that fits as well as the smooth path, free as that is, could not pay for a dearer term."""
        return self._gain_to(self.smooth_chi2) < WORTH_GOING_ON

    def _leaves_noise(self) -> bool:
        """Whether even a law that left the noise alone, which the smooth path follows, could not pay for more."""
        return self._gain_to(self.smooth_chi2 + self.flow.noise_followed) < WORTH_GOING_ON

    def _leaves_more_than_noise(self) -> bool:
        """Whether a law that left no more than the noise could pay for a dearer term."""
        return self._gain_to(float(self.count)) > WORTH_GOING_ON

    def _gain_to(self, chi2: float) -> float:
        """Nats that the best law would gain with a chi-squared."""
        return self._gain(self.best, chi2) if self.best is not None else np.inf

    def _gain(self, law: FlowLaw, chi2: float) -> float:
        now, then = (each / self.count + FLOOR for each in (law.fit.chi2, chi2))
        return 0.5 * self.count * float(np.log(now / then))

    def _is_plain(self, target: int, tier: float) -> bool:
        """Whether an equation is so plain that no law with a dearer term could be plainer."""
        choice = self.best.choices[target] if self.best else None
        return choice is not None and self._cost([choice]) < tier + 0.5 * np.log(self.count) + PLAINER

    def _cost(self, choices: Sequence[Choice], names: Sequence[str] = ()) -> float:
        """Nats that terms and the digits of their constants cost; of a whole law if ``names`` are given."""
        constants = sum(len(choice.items) + len(choice.constants) for choice in choices)
        return price_of(choices, names) + 0.5 * float(np.log(self.count)) * constants

    def _could_pay(self, leader: FlowLaw, changed: Sequence[Choice]) -> bool:
        """Whether another law could gain what it costs more than the leader."""
        gain = self._gain(leader, self.smooth_chi2 + self.flow.noise_followed)
        more = self._cost(changed, self.flow.names) - self._cost(leader.choices, self.flow.names)
        return more < max(gain, 0.0) + WORTH_GOING_ON

    def _is_open(self, tier: float) -> bool:
        """Whether terms of the next tier could make a better law."""
        return not self._leaves_noise() or not all(self._is_plain(d, tier) for d in range(len(self.flow.names)))

    def _round(self, cheapest: float, tier: float, *, is_smooth: bool = False) -> None:
        """Searches every equation about the best law's path, or the smooth one, and lets whole laws compete."""
        near = None if is_smooth else self._near()
        flow, law = (near.fit.flow, near.fit.model) if near else (self.flow, None)
        about = linearised(flow, law)
        has_time = tier > TIERS[0] and not self._is_as_good_as_any()
        candidates = terms_of(flow.names, about.flow.nodes(), has_time=has_time)
        candidates = candidates.only(np.flatnonzero(candidates.costs <= tier))
        rates = about.rates()
        wanted = about.apart() + about.of_rates(rates)
        shortlists: list[list[Choice]] = []
        regressions: dict[int, Regression] = {}
        for target in range(len(flow.names)):
            if self._is_as_good_as_any() and self._is_plain(target, cheapest):
                shortlists.append([self.best.choices[target]] if self.best else [])
                continue
            others = self._others(about, near, target)
            shared = self._shared(target)
            regression = Regression(about, target, others, wanted, is_coupled=law is not None, shared=shared)
            most = MOST_PLAIN_TERMS if tier == TIERS[0] else MOST_TERMS
            choices = choices_of(regression, candidates, most, self.deadline)
            if tier > TIERS[0]:
                choices = with_ratios(regression, candidates, choices, self.deadline)
            shortlists.append(choices)
            regressions[target] = regression
        self._descend(flow, shortlists, is_near=near is not None)
        self._exchange(flow, regressions, shortlists)

    def _exchange(self, flow: Flow, regressions: dict[int, Regression], shortlists: Sequence[Sequence[Choice]]) -> None:
        """Lets a dear term that one equation would like enter another at once: a flow between two quantities.

        About the path of a wrong law neither equation alone may be the better for it.
        """
        if self.best is None:
            return
        liked: dict[str, tuple[int, Choice, Item]] = {}
        for source in regressions:
            for choice in shortlists[source][:TRIED]:
                for item in choice.items:
                    if item.price + shared_price([item]) > DEAR:
                        kept = item.with_constants({name: choice.constants[name] for name in item.constants})
                        liked.setdefault(item.key, (source, choice, kept))
        leader = self.best
        for source, choice, item in list(liked.values())[:MOST_EXCHANGED]:
            for target, regression in regressions.items():
                if target == source or self._is_late():
                    continue
                changed = list(leader.choices)
                changed[source] = choice
                changed[target] = choice_with(regression, item, shortlists[target])
                law = self._tried(flow, changed)
                leader = law if law.score < leader.score else leader
        if leader is not self.best:
            self.best = self._rounded(flow, self._thinned(flow, leader))
            if self.on_best is not None:
                self.on_best(self.best)

    def _shared(self, target: int) -> list[Item]:
        """Terms of the best law's other equations and their mirror images, but for those that are cheap anyway."""
        choices = self.best.choices if self.best is not None else ()
        found: list[Item] = []
        for source, choice in enumerate(choices):
            if source != target:
                names = self.flow.names[source], self.flow.names[target]
                own = [item for item in choice.items if item.price > SHARED]
                found += own + [mirrored(item, *names) for item in own if not item.constants]
        return found

    def _others(self, about: Linearised, near: FlowLaw | None, target: int) -> np.ndarray:
        """Responses of the other equations' terms, and of their inner constants."""
        if near is None:
            return np.zeros((self.count, 0))
        model, nodes = near.fit.model, about.flow.nodes()
        slopes, now = slopes_of(model, nodes), rates_of(model, model.values, nodes)
        blocks = [np.zeros((self.count, 0))]
        for d in range(len(about.flow.names)):
            if d != target:
                own = np.flatnonzero(np.any(slopes[:, :, d] != 0, axis=1))
                blocks.append(about.responses(np.hstack([slopes[own, :, d].T, now[:, [d]]]), d))
        return np.hstack(blocks)

    def _descend(self, flow: Flow, shortlists: Sequence[Sequence[Choice]], *, is_near: bool) -> None:
        """Fits the leaders together, then changes one equation at a time for the better."""
        if not all(shortlists):
            return
        leader = self._tried(flow, [choices[0] for choices in shortlists])
        if self.best is not None and self.best.score <= leader.score:
            leader = self.best
        for _ in range(SWEEPS):
            before = leader
            for target, choices in enumerate(shortlists):
                for choice in choices[:TRIED] if is_near else _champions(choices):
                    if self._is_late():
                        break
                    changed = list(leader.choices)
                    changed[target] = choice
                    if not self._could_pay(leader, changed):
                        continue
                    law = self._tried(flow, changed)
                    if law.score < leader.score:
                        leader = law
            if leader is before:
                break
        best_before = self.best
        self.best = self._rounded(flow, self._thinned(flow, leader)) if np.isfinite(leader.score) else None
        if self.on_best is not None and self.best is not None and self.best is not best_before:
            self.on_best(self.best)

    def _thinned(self, flow: Flow, law: FlowLaw) -> FlowLaw:
        """Drops terms from a whole law, the smallest first, as long as that makes it better."""
        shares = self._shares(law)
        for target, place in sorted(shares, key=shares.__getitem__):
            choice = law.choices[target]
            if self._is_late() or len(choice.items) < 2:
                continue
            items = tuple(item for k, item in enumerate(choice.items) if k != place)
            constants = {name: choice.constants[name] for item in items for name in item.constants}
            coefficients = np.delete(choice.coefficients, place)
            shorter = replace(choice, items=items, coefficients=coefficients, constants=constants)
            trial = self._tried(flow, [shorter if d == target else c for d, c in enumerate(law.choices)])
            # Without it the law still fits to the noise: such a term is the data's own error.
            is_trifle = shares[target, place] < TRIFLE and trial.fit.chi2 < self.count
            if trial.score < law.score or (is_trifle and np.isfinite(trial.score)):
                return self._thinned(flow, trial)
        return law

    def _rounded(self, flow: Flow, law: FlowLaw) -> FlowLaw:
        """Writes whole numbers for exponents where that is no worse."""
        for target, choice in enumerate(law.choices):
            for place, item in enumerate(choice.items):
                whole = rounded(item, choice.constants)
                if whole is None or self._is_late():
                    continue
                items = (*choice.items[:place], whole, *choice.items[place + 1 :])
                constants = {name: choice.constants[name] for each in items for name in each.constants}
                plainer = replace(choice, items=items, constants=constants)
                trial = self._tried(flow, [plainer if d == target else c for d, c in enumerate(law.choices)])
                if trial.score < law.score:
                    return self._rounded(flow, trial)
        return law

    def _shares(self, law: FlowLaw) -> dict[tuple[int, int], float]:
        """Size of every term as a share of its equation's rate, by equation and place."""
        model, nodes = law.fit.model, law.fit.flow.nodes()
        whole = np.sqrt(np.mean(rates_of(model, model.values, nodes) ** 2, axis=0))
        slopes, found, index = slopes_of(model, nodes), {}, 0
        for target, choice in enumerate(law.choices):
            for place in range(len(choice.items)):
                size = np.sqrt(np.mean((slopes[index, :, target] * model.values[index]) ** 2))
                found[target, place] = float(size / max(whole[target], 1e-300))
                index += 1
        return found

    def _tried(self, flow: Flow, choices: Sequence[Choice]) -> FlowLaw:
        key = "|".join(choice.key for choice in choices)
        if key not in self.laws or not np.isfinite(self.laws[key].score):
            start = (key, id(flow), *((c.coefficients.tobytes(), *c.constants.values()) for c in choices))
            if start in self.failed:  # what did not come to rest will not from the same start
                return self.laws[key]
            least = min((law.score for law in self.laws.values()), default=np.inf)
            self.laws[key] = fitted_law(flow, choices, self.deadline, least=least)
            if not np.isfinite(self.laws[key].score):
                self.failed[start] = flow  # kept, so that no other flow takes its identity
        return self.laws[key]


def search_flow(
    flow: Flow, *, deadline: float, on_best: Callable[[FlowLaw], None] | None = None, is_plain: bool = False
) -> list[FlowLaw]:
    """Finds first-order laws, best first.

    Args:
        flow: The measured runs with smooth paths.
        deadline: `time.monotonic` value after which the best so far are returned.
        on_best: Called with every law that takes the lead.
        is_plain: Whether only laws of plain terms are of interest.
    """
    return FlowSearch(flow, deadline, on_best, TIERS[:1] if is_plain else TIERS).run()
