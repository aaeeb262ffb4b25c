"""Rules that ask how things move: FoundationMotion's five categories, answered by rule from tracks.

Motion recognition, action order, motion-related objects, location-related motion, repetition count.

Source: the categories are those of FoundationMotion, arXiv 2512.10927; the rules are our own.
"""

from __future__ import annotations

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import LONGEST, Clip, Cut
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
    later_half,
    named,
    slowed,
)
from motionlaw.tools.tracks import rows_of

OPPOSITE = {
    "upper left": "lower right", "lower right": "upper left", "upper right": "lower left", "lower left": "upper right",
    "left": "right", "right": "left", "up": "down", "down": "up", "faster": "slower", "slower": "faster",
}  # fmt: skip


def _corner(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Two corners on the line on which it moves: a slope or a path that one sees tells that line."""
    (name,) = names
    corner = facts.corner(named(clip.edited(later_half(window)), name))
    if corner is None:
        return None
    pair = tuple(sorted((corner, OPPOSITE[corner])))
    asked = ("Towards which corner of the picture does the {} move?", "Which corner does the {} head for?")

    def words(cut: Clip) -> tuple[str, ...] | None:
        return facts.corners(named(cut, name)) if hides_its_way(cut, name) else None

    question = str(rng.choice(asked)).format(name)
    make = ask_order(question, (pair[0], pair[1]), "the {} corner", "first the {} corner, then the {} corner", words)
    return make(clip, window, names, rng)


def _way_and_speed(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Two ways with their speeds, as a force in one direction makes them: where a thing is can tell the force."""
    (name,) = names
    axis = int(rng.integers(2))

    def words(cut: Clip) -> tuple[str, ...] | None:
        ways, speeds = facts.ways(named(cut, name), axis), facts.speed_changes(named(cut, name))
        if not ways or not speeds or len(ways) != len(speeds) or not hides_its_way(cut, name):
            return None
        return tuple(f"{way}, getting {speed}" for way, speed in zip(ways, speeds, strict=True))

    track = named(clip.edited(later_half(window)), name)
    way, speed = facts.way(track, axis), facts.speed_changes(track)
    if way is None or speed is None or len(speed) != 1:
        return None
    pair = sorted(((way, speed[0]), (OPPOSITE[way], OPPOSITE[speed[0]])))
    one, other = (f"{way}, getting {speed}" for way, speed in pair)
    asked = ("Which way does the {} move, and how does its speed change?", "How does the {} move?")
    make = ask_order(str(rng.choice(asked)).format(name), (one, other), "{}", "first {}, then {}", words)
    return make(clip, window, names, rng)


def _order_of_ways(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    axis = int(rng.integers(2))
    pair, question = (
        (("left", "right"), f"In which order does the {name} move left and right?"),
        (("up", "down"), f"In which order does the {name} move up and down?"),
    )[axis]

    def words(cut: Clip) -> tuple[str, ...] | None:
        return facts.ways(named(cut, name), axis) if hides_its_way(cut, name) else None

    return ask_order(question, pair, "only {}", "first {}, then {}", words)(clip, window, names, rng)


def _order_of_speeds(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    (name,) = names
    question = f"How does the speed of the {name} change?"

    def words(cut: Clip) -> tuple[str, ...] | None:
        return facts.speed_changes(named(cut, name)) if hides_its_way(cut, name) else None

    make = ask_order(question, ("faster", "slower"), "it only gets {}", "it first gets {}, then {}", words)
    return make(clip, window, names, rng)


def _order_of_distances(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    one, other = names
    question = f"How does the distance between the {one} and the {other} change?"

    def words(cut: Clip) -> tuple[str, ...] | None:
        found = facts.distance_changes(named(cut, one), named(cut, other))
        return found and tuple("shrinks" if word == "closer" else "grows" for word in found)

    make = ask_order(question, ("shrinks", "grows"), "it only {}", "it first {}, then {}", words)
    return make(clip, window, names, rng)


def _turns(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Counts turns in four windows that begin, end or have their middle together: four numbers in a row."""
    (name,) = names
    track = named(clip, name)
    length = min(len(track.timestamps), LONGEST)
    shared = int(rng.integers(3))
    found: dict[int, list[Cut]] = {}
    at = int(rng.integers(0, length))
    for size in range(SHORTEST, length + 1, 2):
        start = (at, at - size + 1, at - size // 2)[shared]
        if start >= 0 and start + size <= length:
            count = facts.turns(rows_of(track, slice(start, start + size)))
            if count is not None:
                found.setdefault(count, []).append(Cut(start, start + size))
    firsts = [low for low in found if all(low + k in found for k in range(4))]
    if not firsts:
        return None
    low = int(rng.choice(firsts))
    cuts = tuple(found[low + k][int(rng.integers(len(found[low + k])))] for k in range(4))
    answers = tuple(str(low + k) for k in range(4))

    def read(cut: Clip) -> str | None:
        count = facts.turns(named(cut, name))
        return None if count is None else str(count)

    return Proposal(f"How many times does the {name} turn back?", answers, cuts, read, names, unit="")


def _who_moves(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Needs one window in which two objects go the same way and one in which they do not; mirrors do the rest."""
    one, other = names
    side = str(rng.choice(["left", "right"]))
    answers = (f"only the {one}", f"only the {other}", "both", "neither")

    def read(cut: Clip) -> str | None:
        ways = [facts.way(named(cut, name)) for name in names]
        return None if None in ways else answers[{(1, 0): 0, (0, 1): 1, (1, 1): 2, (0, 0): 3}[
            (int(ways[0] == side), int(ways[1] == side))]]  # fmt: skip

    start, stop = window
    with_mirrors = []
    for is_same in (True, False):
        for _ in range(TRIES):
            at = int(rng.integers(0, max(min(len(clip.timestamps), LONGEST) - (stop - start), 1)))
            word = read(clip.edited(Cut(at, at + stop - start)))
            if word is not None and (word in answers[2:]) == is_same:
                pace = slowed(clip, window)
                with_mirrors += [Cut(at, at + stop - start, is_mirrored=m, speed=pace) for m in (False, True)]
                break
    if len(with_mirrors) != 4:
        return None
    return Proposal(
        f"Of the {one} and the {other}, which moves to the {side}?", answers, tuple(with_mirrors), read, names
    )


MOTION_RULES = (
    Rule("corner", "location-related motion", "towards which corner it moves, or first one, then the other",
         _corner, weight=8, tries=60, is_wide=True),
    Rule("way and speed", "motion recognition", "which way and how the speed changes, or both ways in turn",
         _way_and_speed, weight=6, tries=60, is_wide=True),
    Rule("speed", "motion recognition", "faster, slower, or one after the other",
         _order_of_speeds, weight=2, tries=60, is_wide=True),
    Rule("order of ways", "action order", "left, right, up, down, or one after the other",
         _order_of_ways, tries=40, is_wide=True),
    Rule("order of distances", "action order", "closer, apart, or both in turn",
         _order_of_distances, True, weight=3, is_wide=True),
    Rule("turns", "repetition count", "how often it turns back", _turns, weight=3, tries=4),
    Rule("who moves", "motion-related objects", "which of two moves to a side", _who_moves, True, weight=40, tries=4),
)  # fmt: skip
