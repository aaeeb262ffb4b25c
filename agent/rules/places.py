"""Rules about where things are and go: direction, end against start, axis, one beside another, moving or not."""

from __future__ import annotations

import itertools

import numpy as np

from motionlaw.agent.contacts import span_of
from motionlaw.agent.facts import Facts, Path2
from motionlaw.agent.finding import Finding, extent, path_of, subject_of, subjects_of
from motionlaw.agent.lexicon import tokens_in
from motionlaw.agent.question import Question
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import turning_points

STILL_SHARE = 0.15
"""A thing that goes by less than this share of its diagonal stays where it is."""

DIAGONAL = 0.8
"""Both directions are named where the smaller displacement is more than this share of the larger one."""

SMALL_PART = 0.15
"""A part of a way below this share of it does not count as going that way."""

RETURNED = 0.4
"""A thing returns where its net displacement is less than this share of its reach."""

NAMES = (("right", "left"), ("up", "down"))


def direction(question: Question, facts: Facts) -> Finding:
    """Which way a thing goes: its net displacement, or its legs one after the other where it turns back."""
    if facts.nothing_moves:
        return _at_rest()
    subject = subject_of(question, facts)
    thing = subject.thing
    span = span_of(question, thing, facts)
    path = path_of(thing, question).between(span.get("start_s"), span.get("end_s"))
    net, error = displacement(path)
    still = max(STILL_SHARE * thing.diagonal_px, 3.0 * float(np.max(path.noise)))
    axis = _axis_of(question)
    legs = legs_of(path, still, axis=axis)
    measured = _displacements(thing.tracked.scale.metres_per_pixel, thing.tracked.scale.unit, net, error)
    scores = _scores(net, error, still)
    reach = np.ptp(path.xy, axis=0)
    trust = subject.sureness * thing.sureness
    if extent(path) < still:
        return Finding("it does not move", f"it stays within {extent(path):.1f} px", 0.9 * trust, scores,
                       things=(thing,), measurements=measured)  # fmt: skip
    if axis is not None:
        net, reach = net * (np.arange(2) == axis), reach * (np.arange(2) == axis)
        scores = _scores(net, error, still)
    if np.hypot(*net) < RETURNED * np.hypot(*reach) and len(legs) > 1:
        words = " then ".join(legs) if len(legs) <= 4 else "back and forth"
        why = f"it turns back {len(legs) - 1} times and ends {np.hypot(*net):.0f} px from where it began"
        return Finding(words, why, 0.8 * trust, scores, legs, things=(thing,), measurements=measured)
    words = _way(net)
    holds, trust = _goes_that_way(question, net, still, trust)
    parts = [f"{abs(way):.0f} px {names[int(way < 0)]}" for way, names in zip(net, NAMES, strict=True)]
    why = f"it goes {' and '.join(parts)} from {path.t[0]:.2f} to {path.t[-1]:.2f} s"
    sure = float(np.clip(np.hypot(*net) / max(4.0 * float(np.hypot(*error)), 1e-9), 0.0, 1.0))
    return Finding(words, why, sure * trust, scores, legs, holds=holds, things=(thing,), measurements=measured)


def _goes_that_way(question: Question, net: np.ndarray, still: float, trust: float) -> tuple[bool | None, float]:
    """Whether a way has a part in the one direction that is asked about, and the trust that is left.

    What falls while it flies on falls, too; a part that is small beside the whole way is neither yes nor no.
    """
    asked = [token for token, _ in question.alternatives]
    if not question.is_yes_no or len(asked) != 1 or question.says(r"\b(?:not|never|only|just|straight)\b"):
        return None, trust
    axis = next((k for k, names in enumerate(NAMES) if asked[0] in names), None)
    if axis is None:
        return None, trust
    part = float(net[axis]) * (1 if asked[0] == NAMES[axis][0] else -1)
    share = part / max(float(np.hypot(*net)), 1e-9)
    holds = part > still and share > SMALL_PART
    return holds, trust * (0.5 if abs(share) < 2 * SMALL_PART and abs(part) > 0.3 * still else 1.0)


def end(question: Question, facts: Facts) -> Finding:
    """Where a thing ends against where it began, along the axis that the question asks about."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question) if question.phase == "" else thing.scene
    net, error = displacement(path, ends=1)
    still = question.tolerance_px or max(STILL_SHARE * thing.diagonal_px, 3.0 * float(np.max(path.noise)))
    named = {token for token, _ in question.alternatives} or {"left", "right"}
    axis = 0 if named & {"left", "right"} else 1
    value = float(net[axis])
    token = "still" if abs(value) <= still else NAMES[axis][int(value < 0)]
    scores = {name: 0.0 for pair in NAMES for name in pair} | {"still": 0.0}
    # How far from the edge of the tolerance, in standard errors.
    margin = float(np.clip(abs(abs(value) - still) / max(2.0 * float(error[axis]), 0.05 * still, 1.0), 0.0, 1.0))
    scores[token] = 0.5 + 0.5 * margin
    if "still" not in named and not question.is_yes_no:  # one of the two is wanted
        scores = scores | {NAMES[axis][int(value < 0)]: 0.5 + 0.5 * margin, "still": 0.0}
    why = f"it ends {value:+.1f} ± {float(error[axis]):.1f} px {'across' if axis == 0 else 'up'} from where it began"
    measured = _displacements(thing.tracked.scale.metres_per_pixel, thing.tracked.scale.unit, net, error)
    words = {"still": "same place"}.get(token, token)
    return Finding(words, why, subject.sureness * thing.sureness, scores, things=(thing,), measurements=measured)


def _axis_of(question: Question) -> int | None:
    """The axis that a question is about: that of the outcomes it names, if they are all on one."""
    named = {token for token, _ in question.alternatives}
    named |= {token for option in question.options for token, _ in tokens_in(option.text, "direction")}
    if len(named) < 2:
        return None
    return 0 if named <= {"left", "right", "still"} else 1 if named <= {"up", "down", "still"} else None


def axis(question: Question, facts: Facts) -> Finding:
    """Along which axis a thing mainly moves: that in which its path reaches farther."""
    subject = subject_of(question, facts)
    thing = subject.thing
    reach = np.ptp(path_of(thing, question).xy, axis=0)
    share = float(reach.max() / max(reach.sum(), 1e-9))
    token = "diagonal" if share < 0.56 else "horizontal" if reach[0] > reach[1] else "vertical"
    scores = {"horizontal": float(reach[0] / reach.sum()), "vertical": float(reach[1] / reach.sum()),
              "diagonal": 1.0 if token == "diagonal" else 0.0}  # fmt: skip
    why = f"its path reaches {reach[0]:.0f} px across and {reach[1]:.0f} px up"
    measured = (
        Quantity("reach across", float(reach[0]), None, "px"),
        Quantity("reach up", float(reach[1]), None, "px"),
    )
    trust = subject.sureness * thing.sureness * min(1.0, 2 * share - 0.4)
    return Finding(token, why, trust, scores, things=(thing,), measurements=measured)


def relative(question: Question, facts: Facts) -> Finding:
    """Where one thing is beside another, at the start or at the end."""
    if sum(bool(one.colour or one.size or one.place) for one in question.things) < 2:
        raise ToolError("Which two things are meant was not understood. Name both by colour, size or place.")
    subject = subjects_of(question, facts)
    one, other = subject.things[:2]
    first, second = one.image, other.image
    t, rows, others = np.intersect1d(np.round(first.t, 5), np.round(second.t, 5), return_indices=True)
    if not len(t):
        raise ToolError("The two are never seen at the same time.")
    row = -1 if question.phase in ("end", "after") else 0
    offset = first.xy[rows[row]] - second.xy[others[row]]
    scores = _scores(offset, np.hypot(first.noise, second.noise) + 1.0, 1.0)
    way = NAMES[0][int(offset[0] < 0)] if abs(offset[0]) > abs(offset[1]) else NAMES[1][int(offset[1] < 0)]
    words = {"right": "to the right", "left": "to the left", "up": "above", "down": "below"}[way]
    why = f"at {t[row]:.2f} s the first is {offset[0]:+.0f} px across and {offset[1]:+.0f} px up from the second"
    trust = subject.sureness * min(one.sureness, other.sureness)
    return Finding(words, why, trust, scores, things=(one, other), times=(float(t[row]),))


def moves(question: Question, facts: Facts) -> Finding:
    """Whether a thing moves."""
    if facts.nothing_moves:
        return _at_rest()
    if question.says(r"\b(?:both|all|each|every|everything|none)\b"):
        raise ToolError("Whether every one of several things moves cannot be told: what stands still is not tracked.")
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    reach, least = extent(path), max(STILL_SHARE * thing.diagonal_px, 5.0 * float(np.max(path.noise)), 2.0)
    moving = float(np.clip(0.5 + (reach - least) / (4.0 * least), 0.0, 1.0))
    why = f"it reaches {reach:.1f} px, {reach / thing.diagonal_px:.2f} of its own diagonal"
    measured = (Quantity("reach", reach, float(np.hypot(*path.noise)), "px"),)
    trust = subject.sureness * max(thing.sureness, 0.5)
    words = "moving" if moving > 0.5 else "still"
    return Finding(words, why, trust, {"moving": moving, "still": 1 - moving}, things=(thing,), measurements=measured)


def _at_rest() -> Finding:
    """What is found where nothing moves; a thing of another colour than the tracker's may still be asked for."""
    scores = {"still": 1.0, "moving": 0.0, "rest": 1.0}
    return Finding("it does not move", "nothing moves by more than the noise", 0.7, scores, ("still",))


def displacement(path: Path2, *, ends: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the way from the first places to the last ones and its error, both shape (2,), pixels, y up."""
    count = max(1, min(5, len(path.t) // 12)) if ends is None else ends
    net = np.mean(path.xy[-count:], axis=0) - np.mean(path.xy[:count], axis=0)
    return net, np.sqrt(2.0 / count) * np.maximum(path.noise, 0.3)


def legs_of(path: Path2, least: float, *, axis: int | None = None) -> tuple[str, ...]:
    """Returns the directions of a path one after the other.

    An L-shaped path, along one axis and then along the other, gives one leg each.

    Args:
        path: The path.
        least: Ways shorter than this are none, pixels.
        axis: 0 across, 1 up; the one in which it reaches farther if not given.
    """
    reach = np.ptp(path.xy, axis=0)
    main = int(reach[1] > reach[0]) if axis is None else axis
    values = path.xy[:, main]
    turns = turning_points(values, least=max(least, 0.15 * float(reach[main])))
    marks = [0, *turns.tolist(), len(values) - 1]
    legs = [NAMES[main][int(values[b] < values[a])] for a, b in itertools.pairwise(marks)]
    if axis is None and len(legs) == 1 and reach.min() > 0.3 * reach.max():
        # The corner of an L is what lies farthest from the line between its ends.
        net = path.xy[-1] - path.xy[0]
        off = np.abs((path.xy - path.xy[0]) @ [-net[1], net[0]])
        corner = path.xy[int(np.argmax(off))]
        ways = [corner - path.xy[0], path.xy[-1] - corner]
        if all(np.abs(way).min() < 0.15 * np.abs(way).max() for way in ways):
            axes = [int(abs(way[1]) > abs(way[0])) for way in ways]
            if axes[0] != axes[1]:
                return tuple(NAMES[k][int(way[k] < 0)] for k, way in zip(axes, ways, strict=True))
    return tuple(legs)


def returns(question: Question, facts: Facts) -> Finding:
    """Whether a thing comes back to where it began, after it has gone away by more than its size."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    away = np.linalg.norm(path.xy - path.xy[0], axis=1)
    farthest = int(np.argmax(away))
    rest = float(away[farthest:].min())
    share = rest / max(float(away[farthest]), 1e-9)
    left = float(away[farthest]) > max(thing.diagonal_px, 5 * float(np.max(path.noise)))
    holds = left and share < 0.2
    why = f"it goes {away[farthest]:.0f} px away and comes back to within {rest:.0f} px"
    measured = (Quantity("farthest from the start", float(away[farthest]), float(np.hypot(*path.noise)), "px"),
                Quantity("nearest after that", rest, float(np.hypot(*path.noise)), "px"))  # fmt: skip
    trust = subject.sureness * thing.sureness * float(np.clip(abs(share - 0.2) / 0.2, 0.4, 0.95))
    return Finding("yes" if holds else "no", why, trust, holds=holds, things=(thing,), measurements=measured)


def _way(net: np.ndarray) -> str:
    across, up = NAMES[0][int(net[0] < 0)], NAMES[1][int(net[1] < 0)]
    small, large = sorted(np.abs(net))
    if small > DIAGONAL * large:
        return f"{up} and to the {across}"
    return across if abs(net[0]) > abs(net[1]) else up


def _scores(net: np.ndarray, error: np.ndarray, still: float) -> dict[str, float]:
    """How well each direction is supported by a displacement, 0 to 1."""
    size = max(float(np.hypot(*net)), 1e-9)
    scores = {"still": float(np.clip(1.2 - size / max(still, 1e-9), 0.0, 1.0))}
    for k, names in enumerate(NAMES):
        sure = float(np.clip(abs(net[k]) / (3.0 * float(error[k])), 0.0, 1.0))
        scores[names[int(net[k] < 0)]] = float(net[k] / size) ** 2 * sure
        scores[names[int(net[k] >= 0)]] = 0.0
    return scores


def _displacements(scale: float, unit: str, net: np.ndarray, error: np.ndarray) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(f"displacement {name}", float(value * scale), float(stderr * scale), unit)
        for name, value, stderr in zip(("across", "up"), net, error, strict=True)
    )
