"""Kinds of term that somebody knows laws to be sums of, with the ranges of their numbers.

A model that was trained on made laws was taught these. What it sees in a motion makes some likelier than others
(`Kinds.likely`); the rest is prior: how many terms, which of them, how strong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
import sympy

from motionlaw.tools.equation import parse

# What stands for the coordinate, its velocity and a wave's frequency in the text of a kind.
COORDINATE, VELOCITY, FREQUENCY = "x", "v", "w"
# Votes for and against each kind before any are counted: a model that does not see a term may be wrong.
UNSEEN = 2.0


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
        votes: Of how many laws, that a model read off the motion, each kind is a term; none where nobody looked.
        voters: How many laws these were.
    """

    terms: tuple[KnownTerm, ...]
    fewest: int
    most: int
    votes: tuple[int, ...] = ()
    voters: int = 0

    def seen_in(self, laws: Iterable[sympy.Expr]) -> Kinds:
        """The kinds with the votes of laws, in ``x``, ``v`` and ``t``."""
        laws = list(laws)
        counts = [0] * len(self.terms)
        for law in laws:
            rests = {_bare(term) for term in sympy.Add.make_args(sympy.expand(law))}
            for k, kind in enumerate(self.terms):
                own = {_bare(term) for term in sympy.Add.make_args(sympy.expand(kind.expression))}
                counts[k] += own <= rests
        return replace(self, votes=tuple(counts), voters=len(laws))

    def sets(self) -> list[tuple[int, ...]]:
        """All sets of kinds that a law may be made of."""
        every = range(len(self.terms))
        return [each for size in range(self.fewest, self.most + 1) for each in combinations(every, size)]

    def nats(self, some: Sequence[int]) -> float:
        """What a set of kinds costs before the motion is fitted: minus the logarithm of its prior probability."""
        sizes = self.most - self.fewest + 1
        if not self.votes:
            return float(np.log(sizes * comb(len(self.terms), len(some))))
        share = (np.array(self.votes) + UNSEEN) / (self.voters + 2 * UNSEEN)
        is_in = np.isin(np.arange(len(share)), some)
        return float(-np.sum(np.log(np.where(is_in, share, 1 - share))))


def _bare(term: sympy.Expr) -> sympy.Expr:
    """A term without its strength, every number inside functions being ``w``."""
    rest = term.as_coeff_Mul()[1]
    inner = {node: sympy.Symbol(FREQUENCY) for node in rest.atoms(sympy.Float)}
    return rest.xreplace(inner)


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
