"""What a rule for questions is: it asks one thing of several cuts of a source that must answer it differently.

A rule proposes a question, its four possible answers and the cuts of one source; the answer of each cut is then
measured on the cut (`facts`). Reversing, mirroring, doubling (there and back) and speeding up take every answer to
every other, so that neither the text nor, where the frames stay the same, a single frame tells which one is asked for.
The rules are in `motion_rules` and `physics_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.data_builders.clips import LONGEST, Clip, Cut
from motionlaw.tools.trajectory import Track

CORNERS = ("upper left", "upper right", "lower left", "lower right")
SHORTEST = 8  # frames of a cut
TRIES = 20  # windows that are tried for a question
SHORT_WAY = 0.1  # of the picture's lesser side: on a longer way, where a thing is tells where it came from
MIDDLE = 0.2  # of the picture's width, each side of its middle
LEAST_S = 0.8  # a cut that would be over sooner runs slower

Names = tuple[str, ...]
Window = tuple[int, int]
Rng = np.random.Generator


@dataclass(frozen=True)
class Proposal:
    """A question that several cuts of one source answer differently.

    Args:
        question: The text, the same for all cuts.
        answers: All possible answers, in words.
        cuts: The cuts.
        read: Measures the answer of a cut clip, one of ``answers``, or ``None`` where it is not clear.
        objects: Names of the objects that are asked about.
        unit: Unit of the answers where they are numbers, ``""`` for counts.
    """

    question: str
    answers: tuple[str, ...]
    cuts: tuple[Cut, ...]
    read: Callable[[Clip], str | None]
    objects: tuple[str, ...]
    unit: str | None = None


@dataclass(frozen=True)
class Rule:
    """A kind of question.

    Args:
        name: What it is called.
        category: One of FoundationMotion's five, or ``"physics"``.
        about: What it asks, for the card.
        propose: Makes a proposal for a window of a clip, ``None`` where that does not lend itself.
        is_for_two: Whether it asks about two objects.
        needs_scene: Whether it needs what only a made scene knows.
        weight: How early it is tried: large for rules that few clips lend themselves to.
        tries: In how many windows of a clip it is tried; few for rules that look at the whole of it.
    """

    name: str
    category: str
    about: str
    propose: Callable[[Clip, Names, Window, Rng], Proposal | None]
    is_for_two: bool = False
    needs_scene: bool = False
    weight: float = 1.0
    tries: int = TRIES


def named(clip: Clip, name: str) -> Track:
    """Returns the track of an object."""
    return next(track for track in clip.tracks if track.name == name)


def hides_its_way(clip: Clip, name: str, *, is_mirrored: bool = False) -> bool:
    """Whether an object stays within a small part of the picture, so that its place does not tell its way.

    Args:
        clip: The cut.
        name: The object.
        is_mirrored: Whether cuts are mirrored: then that part must be about the middle, or the side would tell.
    """
    track = named(clip, name)
    if not np.isfinite(track.position[[0, -1]]).all():
        return False
    low, high = np.nanmin(track.position, axis=0), np.nanmax(track.position, axis=0)
    if np.max(high - low) > SHORT_WAY * min(clip.width, clip.height):
        return False
    return not is_mirrored or abs((low[0] + high[0]) / 2 / clip.width - 0.5) < MIDDLE


def slowed(clip: Clip, window: Window) -> float:
    """The speed at which a window of a clip lasts long enough to be watched."""
    return min(1.0, (window[1] - window[0]) / clip.fps / LEAST_S)


def mirrors_and_reverses(clip: Clip, window: Window) -> tuple[Cut, ...]:
    """A window of the film, mirrored, reversed, and both."""
    return tuple(Cut(*window, r, False, m, slowed(clip, window)) for r in (False, True) for m in (False, True))


def there_and_back(clip: Clip, window: Window) -> tuple[Cut, ...]:
    """A window of the film, reversed, there and back, and reversed there and back."""
    return tuple(Cut(*window, r, d, False, slowed(clip, window)) for d in (False, True) for r in (False, True))


def _said(words: Sequence[str] | None, only: str, then: str) -> str | None:
    """Words for one way, or for two in turn."""
    if not words:
        return None
    return only.format(*words) if len(words) == 1 else then.format(*words)


def ask_order(
    question: str, pair: tuple[str, str], only: str, then: str, words: Callable[[Clip], tuple[str, ...] | None]
) -> Callable[[Clip, Window, Names], Proposal]:
    """Asks which of two opposite things is done, or in which order both.

    Args:
        question: The question.
        pair: The two things.
        only: Words for one of them, with ``{}``.
        then: Words for both in turn, with two ``{}``.
        words: Measures the one or two things that a cut clip shows.

    Returns:
        Makes the proposal of a clip, a window and the names of the objects.
    """
    one, other = pair
    answers = (only.format(one), only.format(other), then.format(one, other), then.format(other, one))
    return lambda clip, window, names: Proposal(
        question, answers, there_and_back(clip, window), lambda cut: _said(words(cut), only, then), names
    )


def windows(clip: Clip, rng: Rng, count: int) -> list[Window]:
    """Draws stretches of a clip to ask about, more short ones than long ones."""
    length = min(len(clip.timestamps), LONGEST)
    out = []
    for _ in range(count):
        size = round(SHORTEST * (max(length / 2, SHORTEST) / SHORTEST) ** rng.random())
        if size <= length:
            start = int(rng.integers(0, length - size + 1))
            out.append((start, start + size))
    return out
