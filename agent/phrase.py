"""Puts what a rule found into the form asked for: yes or no, one of the outcomes named, an option, a number."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from motionlaw.agent.finding import Finding
from motionlaw.agent.lexicon import tokens_in
from motionlaw.agent.question import KIND_OF, Option, Question, describe_thing, number_in

NO_MATCH = 0.3
"""Options that fit less than this are not chosen."""

NO_OUTCOME = 0.05
"""Support below which an outcome is not what was found."""


@dataclass(frozen=True)
class Phrased:
    """An answer in words, the label of the option chosen, and the confidence that is left."""

    text: str
    choice: str | None
    confidence: float


def phrase(question: Question, finding: Finding) -> Phrased:
    """Puts a finding into words.

    Args:
        question: What was asked, and in what form.
        finding: What a rule found.
    """
    if question.options:
        return _option(question, finding)
    if question.is_yes_no:
        return _yes_no(question, finding)
    if len(question.alternatives) > 1:
        return _alternative(question, finding)
    return Phrased(finding.words, None, finding.confidence)


def _alternative(question: Question, finding: Finding) -> Phrased:
    """The outcome with most support among those that the question names, in its own words."""
    named = dict(question.alternatives)
    support = {token: _support(finding, (token,)) for token in named}
    best = max(support, key=lambda token: support[token])
    if support[best] < NO_OUTCOME:
        return Phrased(finding.words, None, 0.5 * finding.confidence)
    return Phrased(named[best], None, finding.confidence * _margin(list(support.values())))


def _yes_no(question: Question, finding: Finding) -> Phrased:
    """Yes where the outcome that the question names is the one that was found."""
    if finding.holds is not None:
        return Phrased("yes" if finding.holds else "no", None, finding.confidence)
    if not question.alternatives:
        if question.topic == "camera":
            return Phrased("yes" if finding.scores.get("moving", 0) > 0.5 else "no", None, finding.confidence)
        if question.topic == "moves":
            return Phrased("yes" if finding.scores.get("moving", 0) > 0.5 else "no", None, finding.confidence)
        return Phrased(finding.words, None, 0.5 * finding.confidence)
    asked = tuple(token for token, _ in question.alternatives)
    mine = _support(finding, asked)
    if len(asked) > 1:  # "up and then down"
        return Phrased("yes" if mine >= 0.5 else "no", None, 0.8 * finding.confidence)
    others = [value for token, value in finding.scores.items() if token != asked[0]]
    holds = mine > 0.5 * max([*others, NO_OUTCOME]) and mine >= NO_OUTCOME * 2
    if question.says(r"\b(?:not|n't|never|nothing)\b"):
        holds = not holds
    margin = _margin([mine, max([*others, 0.0])])
    return Phrased("yes" if holds else "no", None, finding.confidence * margin)


def _option(question: Question, finding: Finding) -> Phrased:
    """The option that fits best."""
    fits = [_fit(question, finding, option, rank) for rank, option in enumerate(question.options)]
    best = int(np.argmax(fits))
    if fits[best] < NO_MATCH:
        return Phrased(finding.words, None, 0.3 * finding.confidence)
    chosen = question.options[best]
    return Phrased(chosen.text.rstrip("."), chosen.label, finding.confidence * _margin(fits))


def _fit(question: Question, finding: Finding, option: Option, rank: int) -> float:
    """How well an option agrees with a finding, 0 to 1."""
    text = option.text.lower().strip(" .")
    if finding.holds is not None and re.match(r"(?:yes|no|true|false)\b", text):
        return float(text.startswith(("yes", "true")) == finding.holds)
    if finding.number is not None and number_in(text) is not None:
        value, said = finding.number.value, float(number_in(text) or 0.0)
        reach = max(3 * (finding.number.stderr or 0.0), 0.15 * abs(value), 0.3 if finding.number.unit == "" else 1e-9)
        return float(np.exp(-abs(value - said) / reach))
    if finding.among:
        return _fit_thing(finding, text)
    kind = KIND_OF.get(question.topic, "")
    if kind:
        named = tuple(token for token, _ in tokens_in(text, kind))
        if named:
            return _support(finding, named)
    if question.is_yes_no and re.match(r"(?:yes|no)\b", text):
        return float(_yes_no(question, finding).text == text[: 3 if text.startswith("yes") else 2])
    return 1.0 if text == finding.words.lower() else 0.0


def _fit_thing(finding: Finding, text: str) -> float:
    """How well an option describes the thing chosen, against the others it was chosen from."""
    assert finding.chosen is not None
    if re.search(r"\b(?:same|both|equal\w*|neither|simultaneous\w*)\b", text):
        return 0.9 if finding.words == "at the same time" else 0.1
    described = describe_thing(f"the {text}" if not text.startswith(("the ", "a ")) else text)
    if described.colour:
        return float(finding.chosen.tracked.colour == described.colour)
    if described.place:
        axis, sign = {"left": (0, 1), "right": (0, -1), "up": (1, -1), "down": (1, 1)}[described.place]
        order = sorted(finding.among, key=lambda one: sign * one.image.xy[0, axis])
        return float(order[0] is finding.chosen)
    if described.size:
        order = sorted(finding.among, key=lambda one: one.diagonal_px)
        return float(order[-1 if described.size == "large" else 0] is finding.chosen)
    return 1.0 if text in finding.words.lower() or finding.words.lower() in text else 0.0


def _support(finding: Finding, named: tuple[str, ...]) -> float:
    """How well a sequence of outcomes is supported."""
    if len(named) > 1:
        if finding.sequence[: len(named)] == named and len(finding.sequence) <= len(named) + 1:
            return 1.0
        legs = set(finding.sequence)
        if len(legs) <= 1:  # "up and to the right"
            return min(1.0, 2 * min(finding.scores.get(token, 0.0) for token in named))
        return 0.1 if set(named) <= legs else 0.0
    turned_back = 0.3 if len(set(finding.sequence)) > 1 else 1.0
    return turned_back * finding.scores.get(named[0], 0.0)


def _margin(support: list[float]) -> float:
    """How far the best is ahead of the next, 0.5 to 1."""
    ordered = sorted(support, reverse=True)
    if len(ordered) < 2 or ordered[0] <= 0:
        return 1.0 if ordered and ordered[0] > 0 else 0.5
    return 0.5 + 0.5 * (ordered[0] - max(ordered[1], 0.0)) / ordered[0]
