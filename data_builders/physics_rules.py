"""Rules that ask for physics: heavier, energy, what happens next, speed, acceleration, period, time of contact.

Numbers are asked of the film as it runs, at its own times: it may run faster or slower than the motion did, so that a
known number (9.81 m/s²) is no more likely than another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import LONGEST, Clip, Cut, scene_clip
from motionlaw.data_builders.rules import (
    SHORTEST,
    TRIES,
    Names,
    Proposal,
    Rng,
    Rule,
    Window,
    ask_order,
    hides_its_way,
    named,
    slowed,
)
from motionlaw.data_builders.touching import touch_error
from motionlaw.data_builders.worlds import make_twin
from motionlaw.tools.trajectory import Track


def _twin(clip: Clip, **changed: float) -> Clip | None:
    """The clip of a scene made again with other numbers; ``_`` stands for a blank in their names."""
    if clip.scene is None:
        return None
    rounded = {name.replace("_", " "): float(f"{value:.4g}") for name, value in changed.items()}
    twin = make_twin(clip.scene, rounded)
    return None if twin is None else scene_clip(twin)


def _parameter(clip: Clip, name: str) -> float:
    assert clip.scene is not None
    return next(each.value for each in clip.scene.parameters if each.name == name)


def _heavier(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Two carts that collide, their masses exchanged, their masses alike, and the film that ends before they touch.

    All four films begin with the same frame.
    """
    one, other = names
    if clip.scene is None or clip.scene.world != "carts":  # elsewhere the larger body is the heavier one
        return None
    touch = facts.contact_s(clip, named(clip, one), named(clip, other))
    masses = _parameter(clip, "mass 1"), _parameter(clip, "mass 2")
    if touch is None or max(masses) < facts.CLEAR_RATIO * min(masses):
        return None
    mean = np.sqrt(masses[0] * masses[1])
    exchanged = _twin(clip, mass_1=masses[1], mass_2=masses[0])
    alike = _twin(clip, mass_1=mean, mass_2=mean)
    at = int(np.searchsorted(clip.timestamps, touch))
    length = 2 * (at // 2)
    if exchanged is None or alike is None or at < 2 * SHORTEST or at + length // 2 > len(clip.timestamps):
        return None
    # The film without the touch lasts as long as the others.
    middle = (at - length // 2, at + length // 2)
    answers = (f"the {one}", f"the {other}", "they weigh the same", "it does not show: they do not touch")
    twins = {"masses exchanged": exchanged, "masses alike": alike}

    def read(cut: Clip) -> str | None:
        done = cut.cut
        if done is None or cut.scene is None or not all(facts.is_seen(named(cut, name)) for name in names):
            return None
        if done.stop <= at:
            return answers[3]
        kilograms = {body.name: body.mass_kg for body in cut.scene.bodies}
        ratio = kilograms[one] / kilograms[other]
        return answers[2] if ratio == 1 else answers[0] if ratio > 1 else answers[1]

    pace = slowed(clip, (0, length))
    cuts = (
        Cut(*middle, speed=pace), Cut(*middle, speed=pace, twin="masses exchanged"),
        Cut(*middle, speed=pace, twin="masses alike"), Cut(at - length, at, speed=pace),
    )  # fmt: skip
    return Proposal(f"Which is heavier, the {one} or the {other}?", answers, cuts, read, names, twins=twins)


def _energies(clip: Clip, name: str) -> Callable[[Clip], str]:
    """Says the energies that were measured on a cut."""

    def say(cut: Clip) -> str:
        found = facts.turning_energies(cut, named(cut, name))
        assert found is not None  # its answer was read from them
        return "; ".join(f"{energy:.3g} J/kg at {t:.3g} s" for t, energy in zip(*found, strict=True))

    return say


def _losing(clip: Clip, lost: float, start: float) -> Clip | None:
    """The twin of a single body that swings or bounces: it loses a share of its energy over the film.

    Args:
        clip: The film.
        lost: About how large a share it loses.
        start: Its energy at first, as a share of that in the film.
    """
    if clip.scene is None or clip.scene.world not in ("pendulum", "spring", "bouncing"):
        return None
    span = float(clip.timestamps[-1])
    if clip.scene.world == "pendulum":
        angle = np.arccos(1 - start * (1 - np.cos(_parameter(clip, "release angle"))))
        return _twin(clip, damping=-np.log(1 - lost) / span, release_angle=angle)
    if clip.scene.world == "spring":
        damping = -np.log(1 - lost) / span * _parameter(clip, "mass")
        return _twin(clip, damping=damping, amplitude=np.sqrt(start) * _parameter(clip, "amplitude"))
    height = start * _parameter(clip, "height")
    # A ball that loses little is at its top about so many times.
    tops = span / np.sqrt(8 * height / _parameter(clip, "gravity"))
    return _twin(clip, restitution=(1 - lost) ** (0.5 / tops), height=height)


def _whole(clip: Clip, rng: Rng) -> Window:
    """Most of a film, for a window would hold too few swings; from any phase, for films often start at an extreme."""
    length = min(len(clip.timestamps), LONGEST)
    return int(rng.integers(0, length // 8 + 1)), length - int(rng.integers(0, length // 8 + 1))


def _energy(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """A film as it would be without loss, with a little, with much, and backwards; or swings that change, if real.

    All four begin, or all four end, with the same energy.
    """
    (name,) = names
    if len(clip.tracks) != 1:  # two bodies hand energy to each other
        return None
    question = f"What happens to the mechanical energy of the {name}?"
    if clip.scene is None:
        return _swings(clip, names, question, rng)
    little, much, backwards = rng.uniform((0.2, 0.72, 0.3), (0.45, 0.85, 0.8)).tolist()
    starts = (1 - backwards,) * 3 + (1.0,)
    if rng.integers(2):
        starts = (1 - much, (1 - much) / (1 - little), 1.0, 1 - much)
    losses = {"without loss": 0.0, "with a little loss": little, "with much loss": much, "with loss": backwards}
    twins = {}
    for (words, lost), start in zip(losses.items(), starts, strict=True):
        twin = _losing(clip, lost, start)
        if twin is None:
            return None
        twins[words] = twin
    answers = ("it stays the same", "it falls by less than half", "it falls by more than half", "it rises")

    def read(cut: Clip) -> str | None:
        change = facts.energy_change(cut, named(cut, name))
        if change is None or 0 < abs(change) < 0.12 or abs(change + 0.5) < 0.06:
            return None
        return answers[0] if change == 0 else answers[3] if change > 0 else answers[1 if change > -0.5 else 2]

    cuts = tuple(Cut(*_whole(clip, rng), is_reversed=words == "with loss", twin=words) for words in twins)
    return Proposal(question, answers, cuts, read, names, twins=twins, evidence=_energies(clip, name))


def _swings(clip: Clip, names: Names, question: str, rng: Rng) -> Proposal | None:
    """Whether swings get wider or narrower, or both in turn."""

    def words(cut: Clip) -> tuple[str, ...] | None:
        found = facts.swing_changes(named(cut, names[0]))
        return found and tuple("gained" if word == "wider" else "lost" for word in found)

    make = ask_order(question, ("lost", "gained"), "it is only {}", "it is first {}, then {}", words)
    return make(clip, _whole(clip, rng), names, rng)


def _conserved(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """A film that loses energy and one that does not, each with two numbers of turns."""
    (name,) = names
    lost = float(rng.uniform(0.3, 0.7))
    keeps, loses = _losing(clip, 0.0, float(rng.uniform(1 - lost, 1.0))), _losing(clip, lost, 1.0)
    if len(clip.tracks) != 1 or keeps is None or loses is None:
        return None
    twins = {"without loss": keeps, "with loss": loses}
    found: dict[str, dict[int, Cut]] = {words: {} for words in twins}
    for words, twin in twins.items():
        for _ in range(TRIES):
            cut = Cut(*_whole(clip, rng), is_reversed=bool(rng.integers(2)), twin=words)
            energies = facts.turning_energies(twin, named(twin.edited(cut), name))
            if energies is not None:
                found[words].setdefault(len(energies[0]), cut)
    both = sorted(set(found["without loss"]) & set(found["with loss"]))
    if len(both) < 2:
        return None
    start = int(rng.integers(0, len(both) - 1))
    counts = both[start], both[start + 1]
    answers = tuple(f"{yes}; {count} times" for yes in ("yes", "no") for count in counts)

    def read(cut: Clip) -> str | None:
        change, energies = facts.energy_change(cut, named(cut, name)), facts.turning_energies(cut, named(cut, name))
        if change is None or energies is None or len(energies[0]) not in counts or 0 < abs(change) < 0.12:
            return None
        return f"{'no' if change else 'yes'}; {len(energies[0])} times"

    counted = "is it at a highest point" if clip.scene and clip.scene.world == "bouncing" else "does it turn back"
    question = f"Does the {name} conserve its mechanical energy, and how many times {counted}?"
    cuts = tuple(found[words][count] for words in twins for count in counts)
    return Proposal(question, answers, cuts, read, names, twins=twins, evidence=_energies(clip, name))


FREE_NEARLY = 0.05  # share of a way or time to which it must be known where there are no options to choose from
QUICK = 1.6  # a film that runs so many times as fast goes so much further in the same time


def _next(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Films that end (or begin) with the same frame and go on one way or the other, slowly or quickly.

    What a film does not show is not asked: its plain motion must last until then and be seen well enough.
    """
    (name,) = names
    pace = slowed(clip, window)
    at, size = window[0], window[1] - window[0] - 1
    ahead = max(5, round(0.4 * clip.fps * pace))
    is_first = bool(rng.integers(2))
    length = min(len(clip.timestamps), LONGEST)

    def cuts_at(speed: float) -> tuple[Cut, Cut]:
        way = round(size * speed)
        before, after = (at - way, at + 1), (at, at + way + 1)
        forwards, backwards = (after, before) if is_first else (before, after)
        return Cut(*forwards, speed=pace * speed), Cut(*backwards, is_reversed=True, speed=pace * speed)

    def after(cut: Clip) -> Track | None:
        done = cut.cut
        if done is None:
            return None
        frames = round(ahead * done.speed / pace)
        later = (done.start - frames, done.start + 1) if done.is_reversed else (done.stop - 1, done.stop + frames)
        if later[0] < 0 or later[1] > length:
            return None
        return named(clip.edited(Cut(*later, is_reversed=done.is_reversed, speed=done.speed)), name)

    def where(cut: Clip) -> str | None:
        track = after(cut)
        step = None if track is None else facts.net_way(track)
        return step and f"{step[0]:.3g} of its diagonal {step[1]}"

    cuts = (*cuts_at(1.0), *cuts_at(QUICK))
    if min(cut.start for cut in cuts) < 0 or max(cut.stop for cut in cuts) > length:
        return None
    clips = [clip.edited(cut) for cut in cuts]
    answers = tuple(answer for each in clips if (answer := where(each)))
    if len(answers) < 4 or not all(hides_its_way(each, name) for each in clips[:2]):
        return None
    lengths = [float(answer.split()[0]) for answer in answers]
    if any(quick < 1.25 * slow for slow, quick in zip(lengths[:2], lengths[2:], strict=True)):
        return None
    if not all(facts.are_apart(*pair) for pair in combinations(answers, 2)):
        return None
    worst = max(facts.foretelling_share(named(each, name), track) for each in clips if (track := after(each)))
    if worst > facts.NEARLY:
        return None
    question = f"Where does the {name} get to in the {ahead / clip.fps / pace:.3g} s after the film ends?"
    return Proposal(question, answers, cuts, where, names, needs_options=worst > FREE_NEARLY)


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
    """When two touch; asked only where the frames before show it well enough, for the time since the film's start."""
    one, other = names
    touch = facts.contact_s(clip, named(clip, one), named(clip, other))
    if touch is None or touch < 4 / clip.fps:
        return None
    at = int(np.searchsorted(clip.timestamps, touch))
    start = int(rng.integers(0, max(at - 4, 1)))
    stop = min(len(clip.timestamps), at + int(rng.integers(5, 25)))
    share = touch_error(clip, (one, other), touch) / (touch - start / clip.fps)
    if share > facts.NEARLY:
        return None

    def measure(cut: Clip) -> float | None:
        return (touch - start / clip.fps) * clip.fps / cut.fps

    question = f"At what time after the start of the film do the {one} and the {other} first touch?"
    made = _numeric(measure, -1, 1.35, "s")(clip, (start, stop), question, names, rng)
    return made and replace(made, needs_options=share > FREE_NEARLY)


PHYSICS_RULES = (
    Rule("heavier", "physics", "which of two is heavier", _heavier, True, True, weight=20, tries=2),
    Rule("energy", "physics", "whether mechanical energy stays, falls or rises", _energy, weight=8, tries=3),
    Rule("conserves", "physics", "whether it conserves mechanical energy", _conserved, needs_scene=True, weight=8,
         tries=2),
    Rule("next", "physics", "where it gets to after the film ends", _next, weight=8, tries=40),
    Rule("mean speed", "physics", "metres per second along the path", _speed, needs_scene=True, weight=0.3),
    Rule("acceleration", "physics", "metres per second squared", _acceleration, needs_scene=True, weight=1.5),
    Rule("period", "physics", "seconds of a swing", _period, weight=3, tries=2),
    Rule("contact", "physics", "seconds to the first touch", _contact, True, True, weight=4, tries=4),
)  # fmt: skip
