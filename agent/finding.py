"""What a rule found, and which things a question is about."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from motionlaw.agent.facts import Facts, Path2, Thing
from motionlaw.agent.question import Described, Question
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity

NEAR = {
    "red": ("orange", "pink", "brown"),
    "orange": ("red", "yellow", "brown"),
    "yellow": ("orange", "white"),
    "green": (),
    "blue": ("purple",),
    "purple": ("blue", "pink"),
    "pink": ("red", "purple"),
    "brown": ("orange", "red", "black"),
    "black": ("grey", "brown"),
    "white": ("grey", "yellow"),
    "grey": ("white", "black"),
}
"""Colours that are taken for each other, in poor light."""

ALIKE = 1.8
"""Things whose diagonals differ by less than this factor are of one kind."""

MARKERS = frozenset(("sticker", "marker", "mark", "dot", "tape", "label", "spot", "reflector", "led"))
"""Names of things that are put somewhere to be seen: of a vivid colour."""

VIVID = ("green", "red", "blue", "yellow", "orange", "pink", "purple")


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Args:
        words: The answer to an open question.
        why: The reason, with its numbers, in a sentence.
        confidence: Trust in it, 0 to 1.
        scores: How well each outcome is supported, 0 to 1, for questions that name outcomes to choose from.
        sequence: Outcomes one after the other, where there are several.
        holds: The answer to a question of yes or no, where it needs no outcome.
        number: The answer in numbers.
        chosen: The thing that is the answer.
        among: The things it was chosen from.
        things: What the evidence is about.
        measurements: Numbers measured on the way.
        times: Times of the evidence, seconds; those of the things' first, middle and last rows if empty.
    """

    words: str
    why: str
    confidence: float
    scores: dict[str, float] = field(default_factory=dict)
    sequence: tuple[str, ...] = ()
    holds: bool | None = None
    number: Quantity | None = None
    chosen: Thing | None = None
    among: tuple[Thing, ...] = ()
    things: tuple[Thing, ...] = ()
    measurements: tuple[Quantity, ...] = ()
    times: tuple[float, ...] = ()


@dataclass(frozen=True)
class Subject:
    """The things a question is about, and how sure it is that they are meant."""

    things: tuple[Thing, ...]
    sureness: float

    @property
    def thing(self) -> Thing:
        """The first of them."""
        return self.things[0]


def subject_of(question: Question, facts: Facts) -> Subject:
    """Finds the one thing that a question is about.

    Raises:
        ToolError: Nothing moves, or nothing looks like it.
    """
    if not question.things:
        return _most_salient(facts.things, Described(""))
    return _found(question.things[0], facts)


def subjects_of(question: Question, facts: Facts, *, least: int = 2) -> Subject:
    """Finds the things that a question compares: those it names, or all that look alike.

    Raises:
        ToolError: There are fewer than ``least``.
    """
    named = [thing for thing in question.things if thing.colour or thing.size or thing.place]
    if len(named) >= 2:
        taken = {one.colour for one in named}
        found = [_found(one, facts, taken - {one.colour}) for one in named]
        things = tuple(dict.fromkeys(one.thing for one in found))
        if len(things) >= least:
            return Subject(things, float(np.prod([one.sureness for one in found])))
    if named and any(one.is_plural for one in named) and named[0].colour:
        things = facts.of_colour(named[0].colour)
    else:
        things = alike(facts.things)
    if len(things) < least:
        raise ToolError(f"{len(things)} thing is seen to move, {least} are needed to compare.")
    return Subject(things, 0.9 if len(things) == least else 0.6)


def alike(things: Sequence[Thing]) -> tuple[Thing, ...]:
    """Returns the things of one kind with the most salient: of like size, and moved by a good part of it."""
    main = things[0]
    return tuple(
        one
        for one in things
        if max(one.diagonal_px, main.diagonal_px) < ALIKE * min(one.diagonal_px, main.diagonal_px)
        and extent(one.image) > 0.5 * one.diagonal_px
    ) or (main,)


def extent(path: Path2) -> float:
    """How far a path reaches, pixels."""
    return float(np.hypot(*np.ptp(path.xy, axis=0)))


def path_of(thing: Thing, question: Question) -> Path2:
    """Returns where a thing is in the frame of reference and the time that a question asks about."""
    path = thing.image if question.frame == "image" else thing.scene
    path = path.between(question.start_s, question.end_s)
    if question.start_s is None and question.end_s is None and question.phase in ("start", "end"):
        third = (path.t[-1] - path.t[0]) / 3
        return (
            path.between(path.t[-1] - third, None) if question.phase == "end" else path.between(None, path.t[0] + third)
        )
    return path


def _found(described: Described, facts: Facts, taken: Set[str] = frozenset()) -> Subject:
    """The thing that fits a description best; colours that are ``taken`` are those of others."""
    if described.colour:
        return _of_colour(described, facts, taken)
    things = facts.things
    if described.size or described.place:
        rivals = alike(things) if len(alike(things)) > 1 else things
        orders = {"large": -1.0, "small": 1.0}
        if described.size:
            rivals = tuple(sorted(rivals, key=lambda one: orders[described.size] * one.diagonal_px))
        else:
            axis, sign = {"left": (0, 1), "right": (0, -1), "up": (1, -1), "down": (1, 1)}[described.place]
            rivals = tuple(sorted(rivals, key=lambda one: sign * one.image.xy[0, axis]))
        return Subject(rivals, 0.85 if len(rivals) > 1 else 0.4)
    if any(word in MARKERS for word in described.name.split()):
        vivid = _vivid(facts)
        if vivid:
            return Subject(vivid, 0.8)
    return _most_salient(things, described)


def _of_colour(described: Described, facts: Facts, taken: Set[str]) -> Subject:
    moving = _moving(facts)
    exact = _preferred([one for one in moving if one.tracked.colour == described.colour], described)
    if exact:
        return Subject((_fuller(exact[0], described, facts), *exact[1:]), 0.97)
    try:
        return Subject(_preferred(list(facts.of_colour(described.colour)), described), 0.9)
    except ToolError:
        near = [one for one in moving if one.tracked.colour in set(NEAR[described.colour]) - taken]
        if near:
            return Subject(_preferred(near, described), 0.75)
        raise ToolError(f"Nothing {described.colour} was found.") from None


def _fuller(thing: Thing, described: Described, facts: Facts) -> Thing:
    """The same thing as followed by its colour, where its motion showed it for a part of the time only."""
    if np.isfinite(thing.track.position).all(axis=1).mean() > 0.9:
        return thing
    try:
        rivals = facts.of_colour(described.colour)
    except ToolError:
        return thing
    for other in rivals:
        _, rows, others = np.intersect1d(np.round(thing.image.t, 5), np.round(other.image.t, 5), return_indices=True)
        if len(rows) < 3 or len(other.image.t) < 1.2 * len(thing.image.t):
            continue
        apart = np.linalg.norm(thing.image.xy[rows] - other.image.xy[others], axis=1)
        if np.median(apart) < 0.3 * thing.diagonal_px:
            return other
    return thing


def _moving(facts: Facts) -> tuple[Thing, ...]:
    """What moves; empty where nothing does."""
    try:
        return facts.things
    except ToolError:
        return ()


def _vivid(facts: Facts) -> tuple[Thing, ...]:
    """Things of a vivid colour that move by more than their size, the farthest first."""
    found: list[Thing] = []
    for colour in VIVID:
        try:
            found += [one for one in facts.of_colour(colour) if extent(one.scene) > 2 * one.diagonal_px]
        except ToolError:
            continue
    return tuple(sorted(found, key=lambda one: -extent(one.scene) * len(one.scene.t)))


def _most_salient(things: tuple[Thing, ...], described: Described) -> Subject:
    """The tracker's first thing, or the first round one where a round one is asked about."""
    ordered = _preferred(list(things), described)
    others = [one for one in ordered[1:] if extent(one.scene) > 0.3 * extent(ordered[0].scene)]
    return Subject(ordered, 0.95 if not others else 0.8)


def _preferred(things: list[Thing], described: Described) -> tuple[Thing, ...]:
    """Round things first where a round thing is meant; otherwise the order of salience is kept."""
    if not described.is_round:
        return tuple(things)
    return tuple(sorted(things, key=lambda one: one.tracked.shape != "round"))
