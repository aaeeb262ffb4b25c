"""The loop: observe → hypothesise → fit → realign → verify → report, from trajectories to a `Discovery`.

Run it as ``motionlaw discover PATH…``. This file joins the steps; each step lives in a file of its own
(`observe`, `hypotheses`, `contest`, `verify`, `finding`), and reading inputs in `discover`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress

import numpy as np

from motionlaw.tools.contest import FLOOR, Rival, compete, fit_rival, is_chaotic, rank, validate
from motionlaw.tools.engines import ENGINES as OTHER_ENGINES
from motionlaw.tools.errors import UserError
from motionlaw.tools.finding import Contest, refused, reported
from motionlaw.tools.flow_contest import rank_first_order, searched_first_order
from motionlaw.tools.hypotheses import (
    REALIGNED,
    Proposal,
    Reading,
    catalogue_rivals,
    engine_rivals,
    proposed_rivals,
    searched_rivals,
    with_shared_bonus,
)
from motionlaw.tools.known_contest import CHOSEN, rank_with_known
from motionlaw.tools.law import Discovery, Regime
from motionlaw.tools.long_records import within_limit
from motionlaw.tools.observe import NOISE_FLOOR, Evidence, gather_evidence, gather_flow
from motionlaw.tools.rate_search import has_accelerations, rate_rivals
from motionlaw.tools.response_search import PLAIN, is_white, response_rivals
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.verify import why_no_motion

ENGINES = ("search", *OTHER_ENGINES)
# Below this many rows the structure is chosen on all of them, among this many rivals.
SHORT, MOST_SETTLED = 40, 10
# Regimes have laws of their own where the shared law misses the longest one by this many times its own law's misfit.
# A shared law may be more complicated than the longest stretch's own by one plain term, no more.
REGIMES_DIFFER, ONE_TERM = 3.0, 1.0
MOST_REGIMES = 5
# A law of no more than this cost that leaves nothing but noise is not put against the whole grammar in accelerations.
FEW_PLAIN = 3.0
# Rows that pay for each unit of a law's cost, where that is more than what is plain anyway.
ROWS_OF_COST = 200
# The share of what the search's law leaves that a longer proposed law may leave, if that is more than noise.
MUCH_LESS = 0.5
# A motion turns back that goes at least this share of its highest speed the other way.
TURNED = 0.1
Progress = Callable[[str], None]
OnBest = Callable[[Contest], None]


@dataclass(frozen=True)
class DiscoverySettings:
    """How to search.

    Args:
        order: ``"1"``, ``"2"`` or ``"auto"``.
        sr: Engines, from ``search``, ``operon``, ``sindy``, ``pysr``.
        time_limit: Seconds for the whole search.
        seed: Seed of everything random.
        hypotheses: Laws proposed from outside.
        readings: Kinds of term that somebody knows laws to be sums of.
    """

    order: str = "auto"
    sr: tuple[str, ...] = ("search",)
    time_limit: float = 60.0
    seed: int = 0
    hypotheses: tuple[Proposal, ...] = ()
    readings: tuple[Reading, ...] = ()

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
    noise_floor: float = NOISE_FLOOR,
    on_progress: Progress | None = None,
    on_best: OnBest | None = None,
) -> Discovery:
    """Finds the law of motion behind trajectories.

    Args:
        trajectories: Runs of one law in the same coordinates.
        name: What to call the input.
        settings: How to search.
        has_velocity_meaning: Whether the coordinates are places, so that forces act on accelerations; ``False``
            lets ``order="auto"`` consider first-order laws.
        noise_floor: Least noise that is believed, as a share of the spread of each coordinate.
        on_progress: Called with a line about what is going on.
        on_best: Called with the state of the contest whenever another law takes the lead, see `best_so_far`.

    Returns:
        The law with its errors and checks; status ``refused`` and a reason where the data carry none.
    """
    from motionlaw import __version__

    settings = settings or DiscoverySettings()
    started = time.monotonic()
    deadline = started + settings.time_limit * 0.8
    # What points marked in pictures err together looks like strange forces: no strange terms are sought there.
    is_wide = "search" in settings.sr and noise_floor <= NOISE_FLOOR
    search = _Search(settings, deadline, has_velocity_meaning, on_progress, on_best, is_wide)
    gather = gather_flow if settings.order == "1" else gather_evidence
    trajectories, said = within_limit(trajectories)
    evidence = gather(trajectories, noise_floor=noise_floor)
    evidence = replace(evidence, warnings=(said, *evidence.warnings)) if said else evidence
    found = _found(trajectories, evidence, search)
    if found.status != "ok" and (settings.hypotheses or settings.readings):
        found = _without_proposals(found, trajectories, evidence, search)
    engine = found.engine if found.law else ",".join(settings.sr)
    return replace(
        found,
        input=name,
        engine=engine,
        seconds=round(time.monotonic() - started, 3),
        seed=settings.seed,
        version=__version__,
    )


def _without_proposals(
    found: Discovery, trajectories: Sequence[Trajectory], evidence: Evidence, search: _Search
) -> Discovery:
    """The law that the search finds alone if it can be relied on, where with proposals none could be."""
    settings = replace(search.settings, hypotheses=(), readings=())
    alone = _found(trajectories, evidence, replace(search, settings=settings))
    if alone.status != "ok":
        return found
    return replace(alone, hypotheses=tuple(replace(each, used=False) for each in found.hypotheses))


def best_so_far(contest: Contest, reason: str) -> Discovery:
    """The law that led when a search was stopped, never more than weak.

    Args:
        contest: The last state that `discover_law` handed to ``on_best``.
        reason: Why it was stopped, a sentence.
    """
    runs = [run.trajectory for run in contest.evidence.runs]
    found = reported(runs, replace(contest, was_cut=True, warnings=[*contest.warnings, f"{reason} Best law so far."]))
    return replace(found, status="weak", reason=reason) if found.law else found


def _found(trajectories: Sequence[Trajectory], evidence: Evidence, search: _Search) -> Discovery:
    """One law for all stretches where it holds, else the law of the longest with the others beside it."""
    nothing = Contest(evidence, warnings=list(evidence.warnings))
    reason = why_no_motion(trajectories) or _why_no_runs(evidence)
    if reason:
        return refused(trajectories, nothing, reason)
    contest = search.run(evidence)
    own = _law_of_longest(contest, trajectories, search)
    if own is not None:
        return own
    if not contest.ranked:
        return refused(trajectories, contest, "Every law tried ran away from the data.")
    return reported(trajectories, contest)


def _law_of_longest(contest: Contest, trajectories: Sequence[Trajectory], search: _Search) -> Discovery | None:
    """The law of the longest stretch, and the others' own laws, where one law for all does not hold."""
    runs = contest.evidence.runs
    if len(runs) < 2 or len(trajectories) > 1:
        return None
    longest = max(range(len(runs)), key=lambda k: runs[k].path_length)
    alone = search.run(contest.evidence.only(longest))
    if not alone.ranked:
        return None
    if contest.ranked and contest.is_joined:
        shared, own = contest.ranked[0], alone.ranked[0]
        ratio = shared.fit.misfit_of(longest) / max(own.fit.misfit_of(0), FLOOR / 3)
        if ratio < REGIMES_DIFFER and shared.cost <= own.cost + ONE_TERM:
            return None
    found = reported(trajectories, alone)
    others = [k for k in range(len(runs)) if k != longest][:MOST_REGIMES]
    laws = {
        runs[k].trajectory.t[0]: reported(trajectories, each).law
        for k in others
        if (each := search.run(contest.evidence.only(k), is_quick=True)).ranked
    }
    regimes = tuple(_given(regime, laws) for regime in found.regimes)
    warning = (
        f"No one law holds in all {len(runs)} stretches of motion: this is the law of the longest "
        f"({runs[longest].trajectory.t[0]:.4g} s to {runs[longest].trajectory.t[-1]:.4g} s); the others' are listed "
        "with the regimes."
    )
    return replace(found, regimes=regimes, warnings=(*found.warnings, warning))


def _given(regime: Regime, laws: dict[float, dict[str, str]]) -> Regime:
    """A regime with the law found in it, if any."""
    mine = [law for start, law in laws.items() if regime.kind == "motion" and regime.t_start <= start <= regime.t_end]
    return replace(regime, law=mine[0]) if mine and not regime.law else regime


def _is_no_flow(evidence: Evidence) -> bool:
    """Whether laws of first order need not be sought: on a line such a law never turns back, unless time drives it.

    A law that time drives must be asked for with ``order="1"``: with enough of time in it one fits any motion.
    """
    runs = evidence.runs
    if any(run.states.shape[1] != 2 for run in runs):
        return False
    velocity = np.concatenate([run.states[:, 1] for run in runs])
    return bool(min(velocity.max(), -velocity.min()) > TURNED * np.abs(velocity).max())


def _why_no_runs(evidence: Evidence) -> str:
    if evidence.runs:
        return ""
    kinds = sorted({regime.kind for regime in evidence.regimes})
    return f"No stretch of motion is long enough for a law (found only: {', '.join(kinds) or 'too few rows'})."


def _is_settled(ranked: Sequence[Rival]) -> bool:
    """Whether a few plain terms leave nothing but noise, or less than is believed: no strange term could be better."""
    if not ranked or ranked[0].cost > FEW_PLAIN:
        return False
    return ranked[0].fit.chi2 < FLOOR * ranked[0].fit.count or _leaves_noise(ranked)


def _leaves_noise(ranked: Sequence[Rival]) -> bool:
    """Whether the best law is no long one and leaves nothing but noise, so that only a plainer one could be better."""
    return bool(ranked) and ranked[0].cost < PLAIN and is_white(ranked[0].fit)


def _at_lower_price(ranked: Sequence[Rival], others: Sequence[Rival]) -> list[Rival]:
    """Ranked laws where those that others found as well cost the less of both prices.

    With two prices a further term would cost the difference.
    """
    prices = {rival.key: rival.cost for rival in others}
    return rank([replace(each, cost=min(each.cost, prices.get(each.key, each.cost))) for each in ranked])


def _is_better(proposed: Rival, leader: Rival) -> bool:
    """Whether a proposed law may take the lead: a longer one leaves nothing but noise, or much less than the leader.

    A long sum imitates whatever a real recording's errors are.
    """
    is_longer = proposed.cost > leader.cost
    return not is_longer or is_white(proposed.fit) or proposed.fit.chi2 < MUCH_LESS * leader.fit.chi2


@dataclass(frozen=True)
class _Search:
    """Runs contests under one set of settings and one deadline."""

    settings: DiscoverySettings
    deadline: float
    has_velocity_meaning: bool
    on_progress: Progress | None
    on_best: OnBest | None = None
    is_wide: bool = True

    def run(self, evidence: Evidence, *, is_quick: bool = False) -> Contest:
        """Lets laws of all orders in question compete on the evidence; in a quick run the plain and known laws only."""
        contest = Contest(evidence, warnings=list(evidence.warnings), proposals=self._named())
        orders = {"1": (1,), "2": (2,), "auto": (2,) if self.has_velocity_meaning else (2, 1)}[self.settings.order]
        for order in orders:
            if order == 1 and contest.ranked and _is_no_flow(evidence):
                break
            self._enter(contest, order, is_quick)
        self._settle(contest)
        return contest

    def _enter(self, contest: Contest, order: int, is_quick: bool) -> None:
        """Lets the laws of one order compete and merges them with those before."""
        if order == 1:
            self._enter_first_order(contest)
            return
        rivals = (
            catalogue_rivals(contest.evidence, order=order) if is_quick and order == 2 else self._rivals(contest, order)
        )
        contest.proposed += [rival for rival in rivals if rival.source != "search"]
        fitted, was_cut = self._fit(contest, rivals, is_wide=self.is_wide and not is_quick)
        if was_cut:
            self._say_cut(contest)
        contest.ranked = rank([*contest.ranked, *fitted])
        if time.monotonic() < self.deadline:
            contest.ranked = validate(contest.ranked, contest.evidence, is_joined=contest.is_joined)

    def _with_rates(self, contest: Contest, ranked: list[Rival]) -> tuple[list[Rival], bool]:
        """Adds laws sought in the accelerations of clean positions, with the whole grammar of terms."""
        if has_accelerations(contest.evidence):
            return ranked, False  # they were searched before
        most = ranked[0].cost if _leaves_noise(ranked) else np.inf
        rivals, _ = rate_rivals(contest.evidence, deadline=self.deadline, seed=self.settings.seed, most_cost=most)
        if contest.proposals:
            rivals = with_shared_bonus([*contest.proposed, *rivals])[len(contest.proposed) :]
        more, was_cut = compete(
            rivals, contest.evidence, deadline=self.deadline, on_fit=partial(self._follow, contest), known=ranked
        )
        return rank([*ranked, *more]), was_cut

    def _widened(self, evidence: Evidence, ranked: list[Rival]) -> tuple[list[Rival], bool]:
        """Adds laws with the whole grammar of terms, sought about the paths of the best law and of better ones.

        Those compete that are plain for so many rows or no longer than the first law, if one of them leaves nothing but
        noise: with thousands of terms a long sum imitates whatever a real recording's errors are.
        """
        rivals = response_rivals(ranked[0], evidence, deadline=self.deadline) if ranked else []
        ranked = _at_lower_price(ranked, rivals)
        more, was_cut = compete(rivals, evidence, deadline=self.deadline, known=ranked)
        most = max([PLAIN, evidence.rows / ROWS_OF_COST, *(rival.cost for rival in ranked[:1])])
        plain = [each for each in more if each.cost <= most]
        if ranked and is_white(ranked[0].fit) and ranked[0].cost <= PLAIN:
            plain = [replace(each, bonus=each.bonus - CHOSEN) for each in plain]
        return (rank([*ranked, *plain]) if any(is_white(each.fit) for each in plain) else ranked), was_cut

    def _enter_first_order(self, contest: Contest) -> None:
        """Lets first-order laws compete, found or proposed, and merges them with those before."""
        evidence = contest.evidence
        found: list[Rival] = []
        if "search" in self.settings.sr:
            # Where a few plain forces leave nothing but noise, only a law as plain could be preferred for its order.
            found = searched_first_order(
                evidence,
                deadline=self.deadline,
                on_best=lambda rival: self._lead(contest, rival),
                is_plain=_is_settled(contest.ranked),
            )
        others = self._proposed(contest, 1)
        contest.proposed += others
        found += [fit_rival(rival, evidence, whole=evidence.is_short, deadline=self.deadline) for rival in others]
        ranked = rank_first_order(with_shared_bonus(found), evidence)
        # Laws of second order are scored on a common footing with them.
        contest.ranked = rank([*contest.ranked, *ranked]) if contest.ranked else ranked
        if any(rival.model.order == 2 for rival in contest.ranked) and time.monotonic() < self.deadline:
            contest.ranked = validate(contest.ranked, evidence, is_joined=contest.is_joined)
        if time.monotonic() > self.deadline:
            self._say_cut(contest)

    def _lead(self, contest: Contest, rival: Rival) -> None:
        if self.on_best is not None:
            self.on_best(replace(contest, ranked=[rival]))

    def _say_cut(self, contest: Contest) -> None:
        if not contest.was_cut:
            contest.warnings.append(
                f"The time limit of {self.settings.time_limit:g} s cut the search short: best law so far."
            )
        contest.was_cut = True

    def _rivals(self, contest: Contest, order: int) -> list[Rival]:
        """Hypotheses of plain terms and of measured accelerations, other engines', and whoever proposed any."""
        evidence, is_exact = contest.evidence, False
        own: list[Rival] = []
        if has_accelerations(evidence):
            own, is_exact = rate_rivals(evidence, deadline=self.deadline, seed=self.settings.seed)
        if not is_exact:
            # The likeliest first: laws that cannot catch up with it are given up early.
            searched = searched_rivals(evidence, order=order)
            own += searched[:1] + catalogue_rivals(evidence, order=order) + searched[1:]
        return with_shared_bonus((own if "search" in self.settings.sr else []) + self._proposed(contest, order))

    def _proposed(self, contest: Contest, order: int) -> list[Rival]:
        """Hypotheses from other engines and from whoever proposed any."""
        rivals: list[Rival] = []
        evidence, engines = contest.evidence, self.settings.sr
        for engine in engines:
            if engine == "search":
                continue
            limit = max(1.0, self.deadline - time.monotonic()) / len(engines)
            found, trouble = engine_rivals(engine, evidence, order=order, time_limit=limit, seed=self.settings.seed)
            rivals += found
            contest.warnings += [trouble] if trouble else []
        for proposal in contest.proposals:
            if proposal.is_about(evidence.coordinates, order=order):
                rivals += proposed_rivals(proposal, evidence, order=order, source=proposal.source)
        return rivals

    def _named(self) -> tuple[Proposal, ...]:
        """The proposals, each with a source."""
        numbered = enumerate(self.settings.hypotheses, start=1)
        return tuple(replace(each, source=each.source or f"hypothesis {number}") for number, each in numbered)

    def _fit(self, contest: Contest, rivals: list[Rival], *, is_wide: bool) -> tuple[list[Rival], bool]:
        """Fits joined runs; where those are chaotic, fits short stretches instead."""
        evidence = contest.evidence
        # The search goes its own way first: what others propose can only add to what it finds.
        written = {proposal.source for proposal in contest.proposals}
        is_own = [rival.source.removesuffix(REALIGNED) not in written for rival in rivals]
        ranked, was_cut = self._searched(contest, list(compress(rivals, is_own)), is_wide=is_wide)
        others = [rival for rival, own in zip(rivals, is_own, strict=True) if not own]
        if others and not was_cut:
            ranked, was_cut = self._with_others(contest, ranked, others, is_wide=is_wide)
        if is_wide and not was_cut:
            ranked, was_cut = self._with_known_terms(contest, ranked)
        # One coordinate is seldom chaotic: a long proposal that imitates short stretches is no sign of it.
        trusted = [True] * len(rivals) if len(evidence.coordinates) > 1 else is_own
        outsiders = [rival for rival in compress(rivals, trusted) if rival.source != "search"]
        if (
            was_cut
            or not contest.is_joined
            or (ranked and not is_chaotic([ranked[0], *outsiders], ranked[0], evidence))
        ):
            return ranked, was_cut
        finalists = [*outsiders, *(rival for rival in ranked[:4])]
        apart, was_cut = compete(finalists or rivals, evidence, deadline=self.deadline, is_joined=False)
        if not apart:
            return ranked, was_cut
        contest.is_joined = False
        contest.warnings.append(
            "No single first state follows a whole run (chaos, or disturbances on the way): the law was fitted to "
            "short stretches and is judged by forecasts."
        )
        return apart, was_cut

    def _searched(self, contest: Contest, rivals: list[Rival], *, is_wide: bool) -> tuple[list[Rival], bool]:
        """Fits rivals, and where they leave more than noise those sought with the whole grammar of terms."""
        evidence = contest.evidence
        ranked, was_cut = compete(rivals, evidence, deadline=self.deadline, on_fit=partial(self._follow, contest))
        if not was_cut and contest.is_joined and "search" in self.settings.sr and not _is_settled(ranked):
            ranked, was_cut = self._with_rates(contest, ranked)
        if is_wide and contest.is_joined and not was_cut:
            ranked, was_cut = self._widened(evidence, ranked)
        return ranked, was_cut

    def _with_others(
        self, contest: Contest, ranked: list[Rival], others: list[Rival], *, is_wide: bool
    ) -> tuple[list[Rival], bool]:
        """Adds laws that somebody proposed; where one leads and leaves more than noise, terms are sought about it."""
        more, was_cut = compete(
            others,
            contest.evidence,
            deadline=self.deadline,
            on_fit=lambda fitted: self._follow(contest, [*ranked, *fitted]),
            known=ranked,
        )
        more = [each for each in more if not ranked or _is_better(each, ranked[0])]
        joined = rank([*ranked, *more])
        # About a path that is hardly nearer than the leader's the search would find what it found, and more by chance.
        leads = bool(joined) and joined[0].key in {rival.key for rival in more}
        leads = leads and not (ranked and joined[0].fit.chi2 > MUCH_LESS * ranked[0].fit.chi2)
        if leads and is_wide and contest.is_joined and not was_cut:
            return self._widened(contest.evidence, joined)
        return joined, was_cut

    def _with_known_terms(self, contest: Contest, ranked: list[Rival]) -> tuple[list[Rival], bool]:
        """Adds the likeliest sums of terms that somebody knows laws to be made of."""
        for reading in self.settings.readings:
            known, ranked = rank_with_known(reading, contest.evidence, ranked, deadline=self.deadline)
            contest.proposed += known
        return ranked, time.monotonic() > self.deadline

    def _follow(self, contest: Contest, fitted: list[Rival]) -> None:
        """Tells how many laws were fitted, and hands on the state of the contest where the last one leads."""
        if self.on_progress is not None:
            self.on_progress(f"fitted {len(fitted)} laws")
        if self.on_best is None or not fitted:
            return
        ranked = rank([*contest.ranked, *fitted])
        if ranked and ranked[0].key == fitted[-1].key:
            self.on_best(replace(contest, ranked=ranked[:MOST_SETTLED]))

    def _settle(self, contest: Contest) -> None:
        """Chooses the structure of short runs on all of their rows: without the tail too little would be left."""
        rows = contest.evidence.rows
        if rows >= SHORT or not contest.ranked or contest.evidence.is_short:
            return
        by_key = {rival.key: rival for rival in contest.ranked[:MOST_SETTLED]}
        whole = [fit_rival(rival, contest.evidence, whole=True) for rival in by_key.values()]
        contest.ranked = [by_key[rival.key] for rival in rank(whole) if rival.key in by_key]
        contest.warnings.append(
            f"With {rows} rows the terms of the law were chosen on all of them; the tail checks their constants only."
        )
