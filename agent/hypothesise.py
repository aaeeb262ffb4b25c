"""Laws proposed by a vision-language model: it sees two pictures and some rows, reasons, and writes a formula.

    motionlaw discover swing.csv --model http://localhost:8000/v1

Several answers are sampled; the one law in each (`motionlaw.agent.law_answer`) competes with all others on the data: a
proposal's numbers are first guesses and are fitted again. Its probability under the model may serve as a prior.

Source: the causal chain of thought and its ansatz are those of VIPER-R1 (arXiv 2508.17380); the refit and the
competition are ours.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import sympy

from motionlaw.agent.law_answer import read_law
from motionlaw.agent.law_question import BRIEF, filled, known_kinds, named, question, smoothed
from motionlaw.agent.messages import Message
from motionlaw.agent.model import ManyReplies, Model, Reply, Sampling, choose_model
from motionlaw.agent.swing import FEWEST_ROWS, Units, as_swing
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.frames import choose_coordinates
from motionlaw.tools.hypotheses import Proposal, Proposals, Reading
from motionlaw.tools.inputs import Inputs
from motionlaw.tools.law import Hypothesis
from motionlaw.tools.sensor import is_sensor

TEMPERATURE = 0.8
MOST_TOKENS = 800
UNKNOWN = "not asked: it knows what one coordinate does that swings to and fro, and no other motion."


def proposer(text: str, *, samples: int, prior: float, seed: int, timeout_s: float) -> Callable[[Inputs], Proposals]:
    """Chooses the model that ``--model`` names and returns what ``motionlaw discover`` asks for proposals.

    Raises:
        UserError: There is no such model, or a number makes no sense.
    """
    if samples < 1 or not prior >= 0:
        raise UserError(f"samples must be at least 1 and prior at least 0, got {samples} and {prior}.")
    model = choose_model(text, talks=False)
    if model is None:
        raise UserError("No model was named that could propose laws.")
    return partial(propose_laws, model=model, samples=samples, prior=prior, seed=seed, timeout_s=timeout_s)


@dataclass(frozen=True)
class ServerProposer:
    """Asks a model's servers for laws from whatever process it is sent to: it holds addresses, not connections.

    Args:
        url: The server, e.g. ``"http://localhost:8000/v1"``, or several that serve the same, with commas. Recordings
            are spread over them by content, and where one does not answer the next is asked.
        samples: Answers for each object.
        prior: Weight of a law's log-probability.
        seed: Of the samples.
        timeout_s: Seconds an answer may take.
    """

    url: str
    samples: int = 8
    prior: float = 0.0
    seed: int = 0
    timeout_s: float = 120.0

    def __call__(self, inputs: Inputs) -> Proposals:
        """Asks, see `propose_laws`."""
        addresses = _addresses(self.url)
        first = zlib.crc32(b"".join(run.position.tobytes() for run in inputs.trajectories)) % len(addresses)
        troubles = []
        for address in (*addresses[first:], *addresses[:first]):
            try:
                return self._ask(address, inputs)
            except UserError as error:
                troubles.append(error)
        raise troubles[0]

    def _ask(self, address: str, inputs: Inputs) -> Proposals:
        model = choose_model(address, talks=False)
        assert model is not None
        try:
            return propose_laws(
                inputs, model, samples=self.samples, prior=self.prior, seed=self.seed, timeout_s=self.timeout_s
            )
        finally:
            model.close()


def _addresses(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def server_proposer(text: str, *, samples: int, prior: float, seed: int, timeout_s: float) -> ServerProposer:
    """Returns what ``motionlaw batch`` asks for proposals.

    Raises:
        UserError: The text is no server's address, or nobody answers at any.
    """
    addresses = _addresses(text)
    if not addresses or not all(address.startswith(("http://", "https://")) for address in addresses):
        raise UserError(f"A batch asks a model's server, e.g. --model http://localhost:8000/v1, got {text!r}.")
    troubles = []
    for address in addresses:  # says early what is wrong
        try:
            proposer(address, samples=samples, prior=prior, seed=seed, timeout_s=timeout_s)
        except UserError as error:
            troubles.append(error)
    if len(troubles) == len(addresses):
        raise troubles[0]
    for trouble in troubles:
        print(f"{trouble} The other servers are asked.", file=sys.stderr)
    return ServerProposer(text, samples, prior, seed, timeout_s)


def propose_laws(
    inputs: Inputs, model: Model, *, samples: int = 8, prior: float = 0.0, seed: int = 0, timeout_s: float = 120.0
) -> Proposals:
    """Asks a model for laws behind a motion.

    Args:
        inputs: The motion; of a scene every object is asked about.
        model: Who is asked.
        samples: Answers for each object.
        prior: Weight of a law's log-probability under the model; 0 leaves it out, and it is not asked for.
        seed: Of the samples.
        timeout_s: Seconds that all answers may take together.

    Raises:
        UserError: No answer came at all (the model cannot be reached, cannot see, is too slow), or it does not tell
            probabilities although they have weight.
    """
    deadline = time.monotonic() + timeout_s
    groups = [(one,) for one in inputs.trajectories] if inputs.is_scene else [inputs.trajectories]
    proposals: list[Proposal] = []
    unread: list[Hypothesis] = []
    readings: list[Reading] = []
    for group in groups:
        if is_sensor(group) or max(len(run.t) for run in group) < FEWEST_ROWS:
            continue
        runs = choose_coordinates(list(group))[0].trajectories
        swing = as_swing(runs) if model.form == BRIEF else None
        if model.form == BRIEF and swing is None:
            unknown = Hypothesis(model.name, UNKNOWN, {}, False)
            unread += [] if unknown in unread else [unknown]  # said once, however many objects there are
            continue
        asked = question(runs, swing.columns if swing else smoothed(runs), form=model.form)
        replies = _replies(model, asked, deadline, range(seed, seed + samples))
        failures = [reply for reply in replies if isinstance(reply, UserError)]
        if len(failures) == len(replies):
            raise failures[0]
        name, units = group[0].name if inputs.is_scene else "", swing.units if swing else Units()
        about = _About(model, asked, runs[0].coordinates, name, units)
        read, others = about.read(replies, first=len(proposals) + len(unread) + 1)
        proposals += _distinct(_with_prior(model, asked, read, prior) if prior else read)
        unread += others
        readings += about.readings()
    return Proposals(tuple(proposals), tuple(unread), model.name, tuple(readings))


@dataclass(frozen=True)
class _About:
    """What a model was asked, about which coordinates of which object, and in which units."""

    model: Model
    asked: Sequence[Message]
    coordinates: tuple[str, ...]
    object: str
    units: Units

    def read(self, replies: Sequence[Reply | UserError], *, first: int) -> tuple[list[Proposal], list[Hypothesis]]:
        """The laws in replies, which are numbered from ``first``, and what holds none."""
        is_brief, names = self.model.form == BRIEF, self.coordinates
        laws: list[Proposal] = []
        others: list[Hypothesis] = []
        for number, reply in enumerate(replies, start=first):
            source, said = f"{self.model.name} {number}", ""
            try:
                said = _said(reply)
                said = filled(said, self.asked[0].text) if is_brief else said
                law, text, chain = read_law(said, ("x",) if is_brief else names)
                if is_brief:
                    law = {rate: self.units.law(each, names[0]) for rate, each in law.items()}
                laws.append(Proposal(law, source, text, chain, names, self.object))
            except UserError as error:
                others.append(Hypothesis(source, f"not used: {error}", {}, False, said))
        return laws, others

    def readings(self) -> list[Reading]:
        """What the model was taught that laws are sums of: terms, signs and ranges of numbers.

        The ranges mean something in the units that they were drawn in, and in no others.
        """
        if self.model.form != BRIEF or self.units != Units():
            return []
        return [Reading(known_kinds(), self.model.name, self.coordinates, self.object)]


def _distinct(proposals: Sequence[Proposal]) -> list[Proposal]:
    """One law of each structure, the likeliest: their numbers are fitted again all the same."""
    kept: dict[frozenset[tuple[str, str]], Proposal] = {}
    for each in sorted(proposals, key=lambda one: -one.bonus):
        sides = {rate: sympy.Add.make_args(sympy.expand(parse(formula))) for rate, formula in each.law.items()}
        key = frozenset((rate, str(term.as_coeff_Mul()[1])) for rate, terms in sides.items() for term in terms)
        kept.setdefault(key, each)
    return list(kept.values())


def _replies(model: Model, asked: Sequence[Message], deadline: float, seeds: Sequence[int]) -> list[Reply | UserError]:
    """An answer for each seed, side by side as far as the model can."""
    left_s = deadline - time.monotonic()
    if isinstance(model, ManyReplies) and left_s > 0:
        try:
            return [
                *model.replies(asked, [Sampling(TEMPERATURE, MOST_TOKENS, seed, timeout_s=left_s) for seed in seeds])
            ]
        except UserError as error:
            return [error]
    with ThreadPoolExecutor(max_workers=max(1, min(model.parallel, len(seeds)))) as pool:
        return list(pool.map(partial(_asked, model, asked, deadline), seeds))


def _asked(model: Model, messages: Sequence[Message], deadline: float, seed: int) -> Reply | UserError:
    """One answer, or why there is none: one that fails does not undo the others."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        return UserError("There was no time left to ask.")
    try:
        return model.reply(messages, sampling=Sampling(TEMPERATURE, MOST_TOKENS, seed, timeout_s=left_s))
    except UserError as error:
        return error


def _said(reply: Reply | UserError) -> str:
    if isinstance(reply, UserError):
        raise reply
    return reply.message.text


def _with_prior(model: Model, asked: Sequence[Message], read: Sequence[Proposal], weight: float) -> list[Proposal]:
    """Gives each law its lead over the least probable one of them, in nats.

    Laws that the model did not propose are less probable than those that it did; by how much is not known, and they
    are put level with the least probable of these.
    """
    told: dict[str, float] = {}
    for text, chain in {(each.text, each.chain) for each in read}:
        # With its reasoning before it, as it was said: a law alone is nothing that a model was trained to say.
        answer = f"{chain}\n<answer>{text}</answer>".lstrip()
        found = model.log_probability(asked, named(answer, asked[0].text) if model.form == BRIEF else answer)
        told[text] = max(found, told.get(text, found))
    least = min(told.values(), default=0.0)
    return [replace(each, bonus=weight * (told[each.text] - least)) for each in read]
