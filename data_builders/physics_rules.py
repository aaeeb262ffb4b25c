"""Rules that ask for physics: heavier, energy, what happens next, speed, acceleration, period, time of contact.

Numbers are asked of the film as it runs, at its own times: it may run faster or slower than the motion did, so that a
known number (9.81 m/s²) is no more likely than another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import LONGEST, Clip, Cut
from motionlaw.data_builders.rules import (
    CORNERS,
    Names,
    Proposal,
    Rng,
    Rule,
    Window,
    ask_order,
    mirrors_and_reverses,
    named,
    slowed,
)
from motionlaw.tools.trajectory import Track


def _heavier(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    one, other = names
    touch = facts.contact_s(clip, named(clip, one), named(clip, other))
    heavy = facts.heavier_one(clip, named(clip, one), named(clip, other))
    if touch is None or heavy is None:
        return None
    at = int(np.searchsorted(clip.timestamps, touch)) + 1
    ends = [at + ahead for ahead in (24, 18, 12, 9, 7) if at + ahead <= len(clip.timestamps)]
    stop = next((end for end in ends if facts.way(named(clip.edited(Cut(at, end)), heavy))), None)
    if at < 4 or stop is None:
        return None
    answers = tuple(f"the {name}, to the {side}" for name in names for side in ("left", "right"))

    def read(cut: Clip) -> str | None:
        after = Cut(at, stop, is_mirrored=bool(cut.cut and cut.cut.is_mirrored))
        way = facts.way(named(clip.edited(after), heavy))
        return way and f"the {heavy}, to the {way}"

    question = f"Which is heavier, the {one} or the {other}, and which way does it move after they touch?"
    cuts = tuple(Cut(max(0, at - 15), stop, is_mirrored=m) for m in (False, True))
    return Proposal(question, answers, cuts, read, names)


def _swing(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    if len(clip.tracks) != 1:  # two bodies hand energy to each other
        return None
    question = f"What happens to the mechanical energy of the {name}?"

    def words(cut: Clip) -> tuple[str, ...] | None:
        found = facts.swing_changes(named(cut, name))
        return found and tuple("gained" if word == "wider" else "lost" for word in found)

    # Most of the film, for a window would hold too few swings; from any phase, for films often start at an extreme.
    length = min(len(clip.timestamps), LONGEST)
    whole = (int(rng.integers(0, length // 4 + 1)), length - int(rng.integers(0, length // 4 + 1)))
    make = ask_order(question, ("lost", "gained"), "it is only {}", "it is first {}, then {}", words)
    return make(clip, whole, names)


def _next(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    start, stop = window
    ahead = max(6, round(0.3 * clip.fps))
    if start < ahead or stop + ahead > min(len(clip.timestamps), LONGEST):
        return None
    answers = tuple(f"towards the {corner} corner" for corner in CORNERS)

    def read(cut: Clip) -> str | None:
        done = cut.cut
        if done is None:
            return None
        if done.is_reversed:
            later = replace(done, start=done.start - ahead, stop=done.start + 1)
        else:
            later = replace(done, start=done.stop - 1, stop=done.stop + ahead)
        corner = facts.corner(named(clip.edited(later), name))
        return corner and f"towards the {corner} corner"

    question = f"Where does the {name} move in the {ahead / clip.fps:.2g} s after the film ends?"
    return Proposal(question, answers, mirrors_and_reverses(clip, window), read, names)


def _ladder(value: float, power: int, step: float, rng: Rng) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Four numbers a factor ``step`` apart about a value, and the speeds of the film that give them."""
    first = float(rng.uniform(0.0, 3.0))
    numbers = tuple(value * step ** (k - first) for k in range(4))
    return numbers, tuple(float((number / value) ** (1.0 / power)) for number in numbers)


def _numeric(
    measure: Callable[[Clip], float | None], power: int, step: float, unit: str
) -> Callable[[Clip, Window, str, Names, Rng], Proposal | None]:
    """Asks for a number that grows with a power of the film's speed."""

    def make(clip: Clip, window: Window, question: str, names: Names, rng: Rng) -> Proposal | None:
        pace = slowed(clip, window)
        value = measure(clip.edited(Cut(*window, speed=pace)))
        if value is None or not value > 0:
            return None
        numbers, speeds = _ladder(value, power, step, rng)
        answers = tuple(f"{number:.3g} {unit}" for number in numbers)

        def read(cut: Clip) -> str | None:
            found = measure(cut)
            if found is None:
                return None
            off = [abs(np.log(found / number)) for number in numbers]
            return answers[int(np.argmin(off))] if min(off) < 0.05 * np.log(step) else None

        cuts = tuple(Cut(*window, speed=pace * speed) for speed in speeds)
        return Proposal(question, answers, cuts, read, names, unit=unit)

    return make


def _scaled(measure: Callable[[Track], float | None], name: str) -> Callable[[Clip], float | None]:
    def measured(clip: Clip) -> float | None:
        value, length = measure(named(clip, name)), facts.metres_per_pixel(clip)
        return None if value is None or length is None else value * length

    return measured


def _size_of(clip: Clip, name: str) -> str:
    body = next(body for body in clip.scene.bodies if body.name == name)  # type: ignore[union-attr]
    return f"The {name} is {body.size_m[0]:.3g} m wide."


def _speed(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    question = f"{_size_of(clip, name)} What is its mean speed along its path?"
    return _numeric(_scaled(facts.mean_speed, name), 1, 1.4, "m/s")(clip, window, question, names, rng)


def _acceleration(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    question = f"{_size_of(clip, name)} What is its acceleration?"
    return _numeric(_scaled(facts.acceleration, name), 2, 1.6, "m/s²")(clip, window, question, names, rng)


def _period(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    whole = (0, min(len(clip.timestamps), LONGEST))
    question = f"What is the period of the motion of the {name}?"
    return _numeric(lambda cut: facts.period_s(named(cut, name)), -1, 1.35, "s")(clip, whole, question, names, rng)


def _contact(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    one, other = names
    touch = facts.contact_s(clip, named(clip, one), named(clip, other))
    if touch is None or touch < 4 / clip.fps:
        return None
    at = int(np.searchsorted(clip.timestamps, touch))
    start = int(rng.integers(0, max(at - 4, 1)))
    stop = min(len(clip.timestamps), at + int(rng.integers(5, 25)))

    def measure(cut: Clip) -> float | None:
        return (touch - start / clip.fps) * clip.fps / cut.fps

    question = f"At what time after the start of the film do the {one} and the {other} first touch?"
    return _numeric(measure, -1, 1.35, "s")(clip, (start, stop), question, names, rng)


PHYSICS_RULES = (
    Rule("heavier", "physics", "which of two is heavier and where it goes", _heavier, True, True, weight=20, tries=4),
    Rule("energy", "physics", "whether a swing loses or gains energy", _swing, weight=12, tries=8),
    Rule("next", "physics", "where it moves after the film ends", _next, weight=8),
    Rule("mean speed", "physics", "metres per second along the path", _speed, needs_scene=True, weight=0.3),
    Rule("acceleration", "physics", "metres per second squared", _acceleration, needs_scene=True, weight=1.5),
    Rule("period", "physics", "seconds of a swing", _period, weight=3, tries=2),
    Rule("contact", "physics", "seconds to the first touch", _contact, True, True, weight=4, tries=4),
)
