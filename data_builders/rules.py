"""What a rule for questions is: it asks one thing of several cuts of a source that must answer it differently.

A rule proposes a question, its four possible answers and the cuts of one source; the answer of each cut is then
measured on the cut (`facts`). Reversing, mirroring, doubling (there and back) and speeding up take every answer to
every other, so that the text does not tell which one is asked for; and the cuts of a set share a frame
(`about_a_frame`) or begin alike and go on differently (twin scenes), so that one frame does not tell it either. The
rules are in `motion_rules` and `physics_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from motionlaw.data_builders.clips import LONGEST, Clip, Cut
from motionlaw.tools.trajectory import Track

CORNERS = ("upper left", "upper right", "lower left", "lower right")
SHORTEST = 8  # frames of a cut
TRIES = 20  # windows that are tried for a question
SHORT_WAY = 0.15  # of the picture's lesser side: on a longer way, where a thing is tells where it came from
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
        twins: Clips of twin scenes by what is different in them, for the cuts that name it.
        evidence: Says what was measured on a cut clip, where the answer does not say it.
        needs_options: Whether the films show the answer well enough to choose it, but not to give it freely.
    """

    question: str
    answers: tuple[str, ...]
    cuts: tuple[Cut, ...]
    read: Callable[[Clip], str | None]
    objects: tuple[str, ...]
    unit: str | None = None
    twins: Mapping[str, Clip] = field(default_factory=dict)
    evidence: Callable[[Clip], str] | None = None
    needs_options: bool = False

    def clip_of(self, cut: Cut, clip: Clip) -> Clip:
        """One of the cuts as a clip, from the clip that was proposed for or from its twin."""
        return (self.twins[cut.twin] if cut.twin else clip).edited(cut)


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
        is_wide: Whether its cuts lie on both sides of a frame (`about_a_frame`), so that windows are twice as long.
    """

    name: str
    category: str
    about: str
    propose: Callable[[Clip, Names, Window, Rng], Proposal | None]
    is_for_two: bool = False
    needs_scene: bool = False
    weight: float = 1.0
    tries: int = TRIES
    is_wide: bool = False


def named(clip: Clip, name: str) -> Track:
    """Returns the track of an object."""
    return next(track for track in clip.tracks if track.name == name)


def hides_its_way(clip: Clip, name: str) -> bool:
    """Whether an object stays within a small part of the picture, so that its place hardly tells where it came from."""
    track = named(clip, name)
    if not np.isfinite(track.position[[0, -1]]).all():
        return False
    low, high = np.nanmin(track.position, axis=0), np.nanmax(track.position, axis=0)
    return bool(np.max(high - low) <= SHORT_WAY * min(clip.width, clip.height))


def slowed(clip: Clip, window: Window) -> float:
    """The speed at which a window of a clip lasts long enough to be watched."""
    return min(1.0, (window[1] - window[0]) / clip.fps / LEAST_S)


def about_a_frame(clip: Clip, window: Window, rng: Rng) -> tuple[Cut, ...]:
    """Cuts about the middle of a window that go one way, the other way, and both ways in turn, first one or the other.

    All four last equally long (there and back runs twice as fast), and one of their frames, drawn at random, is the
    same in all: the first, the last or the middle one. None where the window is too short.
    """
    reach = (window[1] - window[0] - 1) // 2
    if reach < SHORTEST - 1:
        return ()
    at, speed = window[0] + reach, slowed(clip, (0, reach + 1))
    before, after = (at - reach, at + 1), (at, at + reach + 1)
    about = (at - reach // 2, at - reach // 2 + reach + 1)
    shared = int(rng.integers(3))
    one, other = ((after, before), (before, after), (about, about))[shared]
    # There and back: both ends are the shared frame, or the turn is.
    first, second = (before, after) if one is about else (after, before)
    return (
        Cut(*one, speed=speed), Cut(*other, is_reversed=True, speed=speed),
        Cut(*first, is_doubled=True, speed=2 * speed),
        Cut(*second, is_reversed=True, is_doubled=True, speed=2 * speed),
    )  # fmt: skip


def later_half(window: Window) -> Cut:
    """The second half of a window, where `about_a_frame` looks one way."""
    return Cut(window[0] + (window[1] - window[0] - 1) // 2, window[1])


def _said(words: Sequence[str] | None, only: str, then: str) -> str | None:
    """Words for one way, or for two in turn."""
    if not words:
        return None
    return only.format(*words) if len(words) == 1 else then.format(*words)


def ask_order(
    question: str, pair: tuple[str, str], only: str, then: str, words: Callable[[Clip], tuple[str, ...] | None]
) -> Callable[[Clip, Window, Names, Rng], Proposal | None]:
    """Asks which of two opposite things is done, or in which order both.

    Args:
        question: The question.
        pair: The two things.
        only: Words for one of them, with ``{}``.
        then: Words for both in turn, with two ``{}``.
        words: Measures the one or two things that a cut clip shows.

    Returns:
        Makes the proposal of a clip, a window, the names of the objects and the random numbers.
    """
    one, other = pair
    answers = (only.format(one), only.format(other), then.format(one, other), then.format(other, one))

    def make(clip: Clip, window: Window, names: Names, rng: Rng) -> Proposal | None:
        cuts = about_a_frame(clip, window, rng)
        return Proposal(question, answers, cuts, lambda cut: _said(words(cut), only, then), names) if cuts else None

    return make


def windows(clip: Clip, rng: Rng, count: int, *, is_wide: bool = False) -> list[Window]:
    """Draws stretches of a clip to ask about, more short ones than long ones; wide ones are twice as long."""
    length = min(len(clip.timestamps), LONGEST)
    out = []
    for _ in range(count):
        size = round(SHORTEST * (max(length / 2, SHORTEST) / SHORTEST) ** rng.random())
        size = 2 * size + 1 if is_wide else size
        if size <= length:
            start = int(rng.integers(0, length - size + 1))
            out.append((start, start + size))
    return out
