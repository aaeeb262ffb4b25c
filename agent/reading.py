"""A question in free words, read by a small model: which of the forms that the rules know asks the same.

The rules (`question`) know the words of many questions and not of most. A small model writes such a question again in
one of the forms of ``prompts/forms.txt``; the rules then read that and the instruments answer. The model chooses what
is measured and nothing else. What it writes is not believed as it is: it must be one of the forms to the letter, the
rules must read it as that form, its things and numbers must stand in the question, and it must be probable enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files

from motionlaw.agent.lexicon import COLOURS
from motionlaw.agent.messages import Message
from motionlaw.agent.model import Model, Sampling
from motionlaw.agent.question import Question, plain_words, read_question

READINGS = "readings"
"""The form of a model that is asked so (`motionlaw.agent.model`)."""
UNMEASURED = "that is not measured"
"""What a model writes for what no instrument here measures."""
LEAST, SURER = 0.5, 0.9
"""Readings that are less probable are not taken; nor, less than the second, against the rules."""
LONGEST, MOST_TOKENS = 300, 64  # letters of a question, tokens of a reading
ALIKE = 0.6  # how alike a thing's word and a word of the question must be: slips in spelling are allowed
THINGS = frozenset(("the", "one", "thing", "things", "large", "small", "left", "right", "upper", "lower"))
NUMBER = r"\d+(?:\.\d+)?"
TAILS = (
    "after the collision", "before the collision", "at the start", "at the end", "relative to the background",
    "between {n} and {n} s", "before {n} s", "after {n} s",
)  # fmt: skip
"""What may follow a form; ``{n}`` is a number."""


@dataclass(frozen=True)
class Reading:
    """A question as a model read it.

    Args:
        text: The form with its things, or `UNMEASURED`.
        probability: Of the text, by the model.
    """

    text: str
    probability: float

    @property
    def is_measured(self) -> bool:
        """Whether it asks for something that is measured."""
        return self.text != UNMEASURED

    @property
    def sentence(self) -> str:
        """The reading as a question to be shown."""
        return f"{self.text[0].upper()}{self.text[1:]}?"


def is_reader(model: Model | None) -> bool:
    """Whether a model only reads questions, so that the instruments answer."""
    return model is not None and model.form == READINGS


@cache
def forms() -> tuple[str, ...]:
    """The forms; ``{a}`` and ``{b}`` are things, ``{s}`` is a kind of thing in the plural."""
    return tuple(files("motionlaw.agent").joinpath("prompts/forms.txt").read_text("utf-8").split("\n")[:-1])


def fill(form: str, things: Sequence[str] = (), tail: str = "") -> str:
    """Puts things into a form; without them it asks about "it", "they" or "which one".

    Example:
        >>> fill("which is faster, {a} or {b}", ("the red ball", "the blue ball"), "after the collision")
        'which is faster, the red ball or the blue ball after the collision'
        >>> fill("which is faster, {a} or {b}"), fill("do {a} and {b} collide"), fill("how far does {a} go")
        ('which one is faster', 'do they collide', 'how far does it go')
    """
    if not things:
        form = form.replace("between {a} and {b}", "between them").replace("{a} and {b}", "they").replace("{a}", "it")
        form = form.replace("which ", "which one ", 1).replace(", it or {b}", "") if ", it or {b}" in form else form
    else:
        form = form.format(a=things[0], b=things[-1], s=things[0])
    return f"{form} {tail}".rstrip()


def read_freely(model: Model, text: str) -> Reading | None:
    """Reads a question by a model.

    Args:
        model: Of the form `READINGS`.
        text: The question.

    Returns:
        The reading; ``None`` where the model wrote nothing that can be held against the question.
    """
    words = plain_words(text[:LONGEST])
    asked = [Message.user(words)]
    written = model.reply(asked, sampling=Sampling(max_tokens=MOST_TOKENS)).message.text.strip()
    if not is_reading(written) or not is_borne_out(written, words):
        return None
    return Reading(written, math.exp(model.log_probability(asked, written)))


def is_reading(written: str) -> bool:
    """Whether a text is a form with its things, and is read by the rules as that form.

    Example:
        >>> is_reading("does the red ball bounce"), is_reading("does the red ball sing"), is_reading(UNMEASURED)
        (True, False, True)
    """
    if written == UNMEASURED:
        return True
    meant = [
        _example(form, len(found.groups())) for pattern, form in _patterns() if (found := pattern.fullmatch(written))
    ]
    return bool(meant) and _asks(read_question(written)) in [_asks(each) for each in meant]


@cache
def _example(form: str, things: int) -> Question:
    """A form with things that no rule can mistake."""
    return read_question(fill(form, ("balls",) if "{s}" in form else ("the red ball", "the blue ball")[:things]))


def _asks(question: Question) -> tuple[object, ...]:
    return question.topic, question.is_yes_no, question.alternatives


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Each form as a pattern of its texts, with things and without."""
    thing, kind = r"(the (?:[a-z0-9'-]+ ){0,3}?[a-z0-9'-]+)", r"((?:[a-z0-9'-]+ ){0,2}?[a-z0-9'-]+)"
    tail = "|".join(re.escape(each).replace(r"\{n\}", NUMBER) for each in TAILS)
    made = []
    for form in forms():
        texts = [form] if "{s}" in form or ("{b}" in form and " or {b}" not in form and " and {b}" not in form) else [
            form, fill(form)]  # fmt: skip
        for text in dict.fromkeys(texts):
            body = re.escape(text).replace(r"\{a\}", thing).replace(r"\{b\}", thing).replace(r"\{s\}", kind)
            made.append((re.compile(f"{body}(?: (?:{tail}))?"), form))
    return tuple(made)


def is_borne_out(written: str, words: str) -> bool:
    """Whether the things and numbers of a reading stand in the question, and all colours of the question in it.

    Args:
        written: The reading.
        words: The question in plain words.

    Example:
        >>> written = "does the red ball bounce"
        >>> is_borne_out(written, "dose the redd ball jump"), is_borne_out(written, "does the ball")
        (True, False)
    """
    if written == UNMEASURED:
        return True
    asked = words.split()
    if not set(re.findall(NUMBER, written)) <= set(re.findall(NUMBER, words)):
        return False
    things = _named(written)
    named = [word for each in things for word in each.split() if word not in THINGS]
    if len(set(things)) < len(things) or not all(_resembles(word, asked) for word in named):
        return False
    return {COLOURS[word] for word in asked if word in COLOURS} <= {COLOURS[word] for word in named if word in COLOURS}


def _named(written: str) -> list[str]:
    """The things that a reading names."""
    found = next((found for pattern, _ in _patterns() if (found := pattern.fullmatch(written))), None)
    return [each for each in found.groups() if each] if found else []


def _resembles(word: str, asked: Sequence[str]) -> bool:
    return any(SequenceMatcher(None, word, each).ratio() >= ALIKE for each in asked)
