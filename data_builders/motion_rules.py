"""Rules that ask how things move: FoundationMotion's five categories, answered by rule from tracks.

Motion recognition, action order, motion-related objects, location-related motion, repetition count.

Source: the categories are those of FoundationMotion, arXiv 2512.10927; the rules are our own.
"""

from __future__ import annotations

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import LONGEST, Clip, Cut
from motionlaw.data_builders.rules import (
    CORNERS,
    SHORTEST,
    TRIES,
    Names,
    Proposal,
    Rng,
    Rule,
    Window,
    ask_order,
    hides_its_way,
    mirrors_and_reverses,
    named,
    slowed,
)
from motionlaw.tools.tracks import rows_of


def _corner(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    (name,) = names
    asked = ("Towards which corner of the picture does the {} move?", "Which corner does the {} head for?")
    answers = tuple(f"the {corner} corner" for corner in CORNERS)

    def read(cut: Clip) -> str | None:
        corner = facts.corner(named(cut, name)) if hides_its_way(cut, name, is_mirrored=True) else None
        return corner and f"the {corner} corner"

    return Proposal(str(rng.choice(asked)).format(name), answers, mirrors_and_reverses(clip, window), read, names)


def _way_and_speed(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    (name,) = names
    asked = ("Which way does the {} move, and how does its speed change?", "How does the {} move?")
    answers = tuple(f"to the {way}, getting {speed}" for way in ("left", "right") for speed in ("faster", "slower"))

    def read(cut: Clip) -> str | None:
        if not hides_its_way(cut, name, is_mirrored=True):
            return None
        way, speed = facts.way(named(cut, name)), facts.speed_changes(named(cut, name))
        return f"to the {way}, getting {speed[0]}" if way and speed and len(speed) == 1 else None

    return Proposal(str(rng.choice(asked)).format(name), answers, mirrors_and_reverses(clip, window), read, names)


def _order_of_ways(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    (name,) = names
    axis = int(rng.integers(2))
    pair, question = (
        (("left", "right"), f"In which order does the {name} move left and right?"),
        (("up", "down"), f"In which order does the {name} move up and down?"),
    )[axis]

    def words(cut: Clip) -> tuple[str, ...] | None:
        return facts.ways(named(cut, name), axis) if hides_its_way(cut, name) else None

    return ask_order(question, pair, "only {}", "first {}, then {}", words)(clip, window, names)


def _order_of_speeds(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    (name,) = names
    question = f"How does the speed of the {name} change?"

    def words(cut: Clip) -> tuple[str, ...] | None:
        return facts.speed_changes(named(cut, name)) if hides_its_way(cut, name) else None

    return ask_order(question, ("faster", "slower"), "it only gets {}", "it first gets {}, then {}", words)(
        clip, window, names
    )


def _order_of_distances(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    one, other = names
    question = f"How does the distance between the {one} and the {other} change?"

    def words(cut: Clip) -> tuple[str, ...] | None:
        found = facts.distance_changes(named(cut, one), named(cut, other))
        return found and tuple("shrinks" if word == "closer" else "grows" for word in found)

    return ask_order(question, ("shrinks", "grows"), "it only {}", "it first {}, then {}", words)(clip, window, names)


def _turns(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal | None:
    """Counts turns in four windows of the film that hold four consecutive numbers of them."""
    (name,) = names
    track = named(clip, name)
    length = min(len(track.timestamps), LONGEST)
    stops = range(SHORTEST, length + 1, 3)
    found: dict[int, list[Cut]] = {}
    for start in sorted({int(value) for value in rng.integers(0, max(length // 2, 1), 6)}):
        for stop in stops:
            if stop - start >= SHORTEST:
                count = facts.turns(rows_of(track, slice(start, stop)))
                if count is not None:
                    found.setdefault(count, []).append(Cut(start, stop))
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


def _faster(clip: Clip, names: Names, window: Window, rng: Rng) -> Proposal:
    one, other = names
    answers = tuple(f"the {name}, and they {do}" for name in names for do in ("come closer", "move apart"))

    def read(cut: Clip) -> str | None:
        tracks = named(cut, one), named(cut, other)
        fast, change = facts.faster_one(*tracks), facts.distance_changes(*tracks)
        if fast is None or change is None or len(change) != 1:
            return None
        return f"the {fast}, and they {'come closer' if change[0] == 'closer' else 'move apart'}"

    question = f"Which is faster, the {one} or the {other}, and do they come closer or move apart?"
    cuts = tuple(Cut(*window, is_reversed, speed=slowed(clip, window)) for is_reversed in (False, True))
    return Proposal(question, answers, cuts, read, names)


MOTION_RULES = (
    Rule("corner", "location-related motion", "towards which corner it moves", _corner, weight=8, tries=60),
    Rule("way and speed", "motion recognition", "left or right, faster or slower", _way_and_speed, weight=6, tries=60),
    Rule("speed", "motion recognition", "faster, slower, or one after the other", _order_of_speeds, weight=2, tries=60),
    Rule("order of ways", "action order", "left, right, up, down, or one after the other", _order_of_ways, tries=40),
    Rule("order of distances", "action order", "closer, apart, or both in turn", _order_of_distances, True, weight=3),
    Rule("turns", "repetition count", "how often it turns back", _turns, weight=3, tries=1),
    Rule("who moves", "motion-related objects", "which of two moves to a side", _who_moves, True, weight=40, tries=4),
    Rule("who is faster", "motion-related objects", "which of two is faster", _faster, True, weight=8, tries=40),
)
