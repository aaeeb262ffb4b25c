"""Kinds of term that somebody knows laws to be sums of, with the ranges of their numbers.

A model that was trained on made laws was taught these: a prior of laws, of how many terms there are, which of them, how
strong. All sets of one size are as likely, and all sizes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
import sympy

from motionlaw.tools.equation import parse

# What stands for the coordinate, its velocity and a wave's frequency in the text of a kind.
COORDINATE, VELOCITY, FREQUENCY = "x", "v", "w"


@dataclass(frozen=True)
class KnownTerm:
    """A kind of term.

    Args:
        text: The term at strength one, e.g. ``"-x**3"`` or ``"sin(w*t)"``.
        strength: Low and high end of its strength.
        has_either_sign: Whether the strength may as well be negative.
        frequency: Low and high end of ``w``, ``()`` where there is none.
    """

    text: str
    strength: tuple[float, float]
    has_either_sign: bool = False
    frequency: tuple[float, ...] = ()

    @cached_property
    def expression(self) -> sympy.Expr:
        """The term at strength one."""
        return parse(self.text, variables=[COORDINATE, VELOCITY, "t", FREQUENCY])


@dataclass(frozen=True)
class Kinds:
    """The kinds that laws are sums of, each at most once.

    Args:
        terms: The kinds.
        fewest: Least number of terms of a law.
        most: Largest number.
    """

    terms: tuple[KnownTerm, ...]
    fewest: int
    most: int

    def sets(self) -> list[tuple[int, ...]]:
        """All sets of kinds that a law may be made of."""
        every = range(len(self.terms))
        return [each for size in range(self.fewest, self.most + 1) for each in combinations(every, size)]

    def nats(self, some: Sequence[int]) -> float:
        """What a set of kinds costs before the motion is fitted: minus the logarithm of its prior probability."""
        return float(np.log((self.most - self.fewest + 1) * comb(len(self.terms), len(some))))


def read_kinds(text: str) -> Kinds:
    """Reads kinds from JSON, as `written` writes them."""
    told = json.loads(text)
    terms = [
        KnownTerm(each["term"], tuple(each["strength"]), each["either_sign"], tuple(each["frequency"]))
        for each in told["terms"]
    ]
    return Kinds(tuple(terms), *told["count"])


def written(kinds: Kinds) -> str:
    """The kinds as JSON."""
    terms = [
        {
            "term": each.text, "strength": each.strength, "either_sign": each.has_either_sign,
            "frequency": each.frequency,
        }
        for each in kinds.terms
    ]  # fmt: skip
    return json.dumps({"count": [kinds.fewest, kinds.most], "terms": terms}, indent=1) + "\n"
