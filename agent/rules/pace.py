"""Rules about speed, acceleration, distance, and which of several things has more of something."""

from __future__ import annotations

import itertools
import re

import numpy as np

from motionlaw.agent.contacts import contact_times, span_of
from motionlaw.agent.facts import Facts, Path2, Thing
from motionlaw.agent.finding import Finding, Subject, extent, path_of, subject_of, subjects_of
from motionlaw.agent.question import Question
from motionlaw.agent.rules.places import displacement
from motionlaw.agent.rules.views import trend_of
from motionlaw.tools.errors import ToolError
from motionlaw.tools.events import find_events
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import polynomial_rate, speeds
from motionlaw.tools.scale import Scale

AXES = ((r"\bvertical\w*|\bupwards?\b|\bfall\w*|\bheight\b", 1), (r"\bhorizontal\w*|\bsideways\b", 0))
"""Words that ask about one component only."""


def speed(question: Question, facts: Facts) -> Finding:
    """How fast a thing is, in numbers."""
    subject = subject_of(question, facts)
    thing = subject.thing
    span = span_of(question, thing, facts)
    found = facts.numbers("speed", of=thing.handle, **span)
    name = "largest speed" if question.says(r"\b(?:max\w*|top|highest|greatest|largest|peak)\b") else "mean speed"
    if question.phase == "end":
        name = "speed at last"
    if question.phase == "start" or question.says(r"\binitial\w*\b"):
        name = "speed at first"
    component = _component(question)
    value = found[name]
    if component is not None:
        path = thing.scene.between(span.get("start_s"), span.get("end_s"))
        rate, error, _ = polynomial_rate(path.t, path.xy[:, component], 1)
        scale = thing.tracked.scale
        value = Quantity(f"{('horizontal', 'vertical')[component]} velocity", rate * scale.metres_per_pixel,
                         error * scale.metres_per_pixel, f"{scale.unit}/s")  # fmt: skip
    measured = (value, *(one for key, one in found.items() if key != name))
    sure = float(np.clip(1.0 - (value.stderr or 0.0) / max(abs(value.value), 1e-9), 0.1, 1.0))
    why = f"its {value.name} is {_text(value)}"
    return Finding(
        _text(value),
        why,
        sure * subject.sureness * thing.sureness,
        number=value,
        things=(thing,),
        measurements=measured,
    )


def acceleration(question: Question, facts: Facts) -> Finding:
    """How large the acceleration is, in numbers."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = _longest_flight(thing, span_of(question, thing, facts))
    scale: Scale = thing.tracked.scale
    pulls = [polynomial_rate(path.t, path.xy[:, k], 2) for k in (0, 1)]
    component = _component(question)
    size_px, unit = scale.metres_per_pixel, f"{scale.unit}/s^2"
    both = [Quantity(f"acceleration {name}", one[0] * size_px, one[1] * size_px, unit)
            for name, one in zip(("across", "up"), pulls, strict=True)]  # fmt: skip
    if component is not None:
        value = both[component]
    else:
        size = float(np.hypot(both[0].value, both[1].value))
        error = float(np.hypot(both[0].value * (both[0].stderr or 0), both[1].value * (both[1].stderr or 0))) / max(
            size, 1e-12
        )
        value = Quantity("acceleration", size, error, f"{scale.unit}/s^2")
    sure = float(np.clip(1.0 - 2 * (value.stderr or 0.0) / max(abs(value.value), 1e-9), 0.1, 1.0))
    facts.call("acceleration", of=thing.handle, start_s=float(path.t[0]), end_s=float(path.t[-1]))
    why = f"a parabola through {len(path.t)} places from {path.t[0]:.2f} to {path.t[-1]:.2f} s gives {_text(value)}"
    return Finding(
        _text(value),
        why,
        sure * subject.sureness * thing.sureness,
        number=value,
        things=(thing,),
        measurements=(value, *both),
    )


def trend(question: Question, facts: Facts) -> Finding:
    """Whether a speed, or one component of it, increases, decreases or stays."""
    subject = subject_of(question, facts)
    thing = subject.thing
    span = span_of(question, thing, facts)
    path = thing.scene.between(span.get("start_s"), span.get("end_s"))
    if len(path.t) < 5:
        raise ToolError(f"There are {len(path.t)} places in that time; 5 are needed to tell a change of speed.")
    component = _component(question)
    values, _, kinematics = speeds(path.t, path.xy)
    name = "its speed"
    if component is not None:
        values = np.abs(kinematics.velocity[:, component])
        name = f"its {('horizontal', 'vertical')[component]} speed"
    good = np.isfinite(values)
    if good.sum() < 5:
        raise ToolError("There are too few neighbouring places to tell a change of speed.")
    facts.call("speed", of=thing.handle, **span)
    return trend_of(path.t[good], values[good], name, subject.sureness * thing.sureness, things=(thing,))


def distance(question: Question, facts: Facts) -> Finding:
    """How far a thing goes, or how far two are apart, in numbers."""
    things: tuple[Thing, ...]
    if question.says(r"\bdistance between\b|\bfar apart\b|\bhow close\b"):
        subject = subjects_of(question, facts)
        one, other = subject.things[:2]
        found = facts.numbers("distance", of=one.handle, other=other.handle)
        least = question.says(r"\b(?:least|closest|nearest|minimum|smallest)\b|\bhow close\b")
        name = (
            "least distance"
            if least
            else "distance at last"
            if question.phase in ("end", "after")
            else "distance at first"
        )
        value, things, trust = found[name], (one, other), subject.sureness * min(one.sureness, other.sureness)
    else:
        subject = subject_of(question, facts)
        thing = subject.thing
        found = facts.numbers("distance", of=thing.handle, **span_of(question, thing, facts))
        name = "path length" if question.says(r"\bpath\b|\btotal\b|\bin all\b|\bway\b") else "net displacement"
        component = _component(question)
        if component is not None or question.says(r"\bhow (?:high|much (?:higher|lower))\b"):
            name = ("displacement of x", "displacement of y")[1 if component is None else component]
        value, things, trust = found[name], (thing,), subject.sureness * thing.sureness
    why = f"the {value.name} is {_text(value)}"
    return Finding(_text(value), why, trust, number=value, things=things, measurements=tuple(found.values()))


def compare(question: Question, facts: Facts) -> Finding:
    """Which of several things has more: speed, way, acceleration, size, height, or which moves at all."""
    if question.says(r"\bnot (?:\w+ )?mov\w+|\bn't mov\w+"):
        raise ToolError("What stands still is not tracked; ask which one moves.")
    subject = _compared(question, facts)
    things = subject.things
    span = {} if question.phase not in ("before", "after") else _around_contact(question, things, facts)
    name, values, errors, wants_most = _amounts(question, things, span)
    order = np.argsort(-values if wants_most else values)
    best, second = int(order[0]), int(order[min(1, len(order) - 1)])
    gap = abs(values[best] - values[second])
    error = float(np.hypot(errors[best], errors[second]))
    sure = float(np.clip(gap / max(3.0 * error, 0.1 * max(abs(values[best]), abs(values[second]), 1e-9)), 0.0, 1.0))
    trust = subject.sureness * min(things[best].sureness, things[second].sureness) * (0.4 + 0.6 * sure)
    chosen = things[best]
    if name.startswith("way ") and values[best] < 3.0 * errors[best]:
        raise ToolError(f"None of them goes {name.removeprefix('way ')}.")
    listed = ", ".join(
        f"{one.looks} {value:.4g} ± {stderr:.2g}" for one, value, stderr in zip(things, values, errors, strict=True)
    )
    holds = None
    if question.is_yes_no:
        holds = bool(sure < 0.3) if question.says(r"\bsame\b") else best == 0
    measured = tuple(Quantity(f"{name} of the {one.looks} ({one.handle})", float(value), float(stderr), _unit(name))
                     for one, value, stderr in zip(things, values, errors, strict=True))  # fmt: skip
    for one in things[:4]:
        if name.endswith("speed") and len(one.scene.t) >= 4:
            facts.call("speed", of=one.handle, **span)
    return Finding(words_for(chosen, things), f"{name}: {listed}", trust, holds=holds, chosen=chosen, among=things,
                   things=(chosen, things[second]), measurements=measured)  # fmt: skip


def words_for(chosen: Thing, among: tuple[Thing, ...]) -> str:
    """Names a thing among others: by its colour where only it has that, or by its place at the start."""
    colours = [one.tracked.colour for one in among]
    if chosen.tracked.colour and colours.count(chosen.tracked.colour) == 1:
        return f"the {chosen.tracked.colour} one"
    t = max(float(one.image.t[0]) for one in among)
    places = np.array([one.image.xy[int(np.argmin(np.abs(one.image.t - t)))] for one in among])
    axis = int(np.ptp(places[:, 1]) > np.ptp(places[:, 0]))
    rank = int(np.argsort(np.argsort(places[:, axis]))[among.index(chosen)])
    first, last = (("left", "right"), ("lower", "upper"))[axis]
    if len(among) == 2:
        return f"the {(first, last)[rank]} one"
    if rank in (0, len(among) - 1):
        return (
            f"the {'leftmost' if axis == 0 else 'lowest'} one"
            if rank == 0
            else f"the {'rightmost' if axis == 0 else 'highest'} one"
        )
    return f"number {rank + 1} from the {('left', 'bottom')[axis]}"


def _compared(question: Question, facts: Facts) -> Subject:
    if question.says(r"\b(?:moves?|moving|stays?|still|at rest)\b") and not question.says(
        r"\b\w+(?:er|est)\b|\bmore\b|\bleast\b"
    ):
        things = facts.things
        return Subject(things, 0.8 if len(things) == 1 else 0.5)
    return subjects_of(question, facts)


def _amounts(
    question: Question, things: tuple[Thing, ...], span: dict[str, float]
) -> tuple[str, np.ndarray, np.ndarray, bool]:
    """What is compared: its name, the values and their errors, and whether the most is asked for."""
    paths = [path_of(one, question).between(span.get("start_s"), span.get("end_s")) for one in things]
    least = question.says(
        r"\bslow\w*|\bleast\b|\bless\b|\bsmall\w*|\blow(?:er|est)\b|\bbottommost\b|\bleft(?:most)?\b|\bnear\w*|\bshort\w*"
    )
    way = _way_asked(question)
    if way is not None:
        axis, sign, name = way
        parts = [displacement(one) for one in paths]
        return (
            f"way {name}",
            np.array([sign * float(net[axis]) for net, _ in parts]),
            np.array([float(error[axis]) + 1 for _, error in parts]),
            True,
        )
    if question.says(r"\b(?:larger|smaller|bigger|largest|smallest|biggest)\b"):
        return (
            "size",
            np.array([one.diagonal_px for one in things]),
            np.array([0.05 * one.diagonal_px for one in things]),
            not least,
        )
    if question.says(r"\b(?:higher|highest|lower|lowest|topmost|above|below)\b") and not question.says(r"\bspeed\b"):
        row = -1 if question.phase in ("end", "after") else 0
        return (
            "height",
            np.array([one.xy[row, 1] for one in paths]),
            np.array([float(one.noise[1]) + 1 for one in paths]),
            not least,
        )
    if question.says(r"\b(?:leftmost|rightmost|left|right)\b") and not question.says(r"\bfast\w*|\bslow\w*"):
        row = -1 if question.phase in ("end", "after") else 0
        return (
            "place",
            np.array([one.xy[row, 0] for one in paths]),
            np.array([float(one.noise[0]) + 1 for one in paths]),
            not least,
        )
    if question.says(r"\b(?:further|farther|furthest|farthest|distance|longest)\b"):
        moved = [displacement(one) for one in paths]
        return (
            "way",
            np.array([np.hypot(*net) for net, _ in moved]),
            np.array([np.hypot(*error) for _, error in moved]),
            not least,
        )
    if question.says(r"\baccelerat\w*"):
        pulls = [[polynomial_rate(one.t, one.xy[:, k], 2) for k in (0, 1)] for one in paths]
        return (
            "acceleration",
            np.array([np.hypot(a[0], b[0]) for a, b in pulls]),
            np.array([np.hypot(a[1], b[1]) for a, b in pulls]),
            not least,
        )
    if question.says(r"\b(?:stays?|still|at rest)\b"):
        return "way", np.array([extent(one) for one in paths]), np.array([1.0] * len(paths)), False
    component = _component(question)
    pace = [_pace(one, component) for one in paths]
    return "speed", np.array([one[0] for one in pace]), np.array([one[1] for one in pace]), not least


def _way_asked(question: Question) -> tuple[int, int, str] | None:
    """The way that one of several things is told by: "which one goes up", "which comes from the left".

    Returns:
        The axis, 1 or -1, and its words; ``None`` where no way is asked for.
    """
    if question.says(r"\b(?:fast|slow|quick|soon|far|furth|high|low)\w*|\bspeed\b|\b(?:first|last|end)\w*"):
        return None
    come = re.search(rf"\bcom(?:e|es|ing) (?:in )?from (?:the |its )?({'|'.join(_FROM)})\b", question.words)
    if come:
        axis, sign = _FROM[come[1]]
        return axis, sign, f"from {come[1]}"
    go = re.search(
        r"\b(?:mov|go|going|goes|travel|head|fl(?:y|ies)|roll|slid|run|driv|drift)\w* "
        r"(?:to (?:the )?|towards? (?:the )?)?"
        rf"({'|'.join(_TO)})\b",
        question.words,
    )
    if go:
        axis, sign = _TO[go[1]]
        return axis, sign, go[1]
    return None


_TO = {"right": (0, 1), "rightwards": (0, 1), "left": (0, -1), "leftwards": (0, -1), "upwards": (1, 1), "up": (1, 1),
       "downwards": (1, -1), "down": (1, -1)}  # fmt: skip
_FROM = {"right": (0, -1), "left": (0, 1), "below": (1, 1), "bottom": (1, 1), "above": (1, -1), "top": (1, -1)}


def _pace(path: Path2, component: int | None) -> tuple[float, float]:
    """Mean speed over a path, or mean size of one component of the velocity, from a line through its places."""
    rates = [polynomial_rate(path.t, path.xy[:, k], 1)[:2] for k in (0, 1)] if len(path.t) >= 3 else None
    if rates is None:
        net = (path.xy[-1] - path.xy[0]) / max(float(path.t[-1] - path.t[0]), 1e-9)
        rates = [(float(net[k]), float(path.noise[k]) + 1.0) for k in (0, 1)]
    if component is not None:
        return abs(rates[component][0]), rates[component][1]
    straight = float(np.hypot(rates[0][0], rates[1][0]))
    if len(path.t) >= 6:
        values = speeds(path.t, path.xy)[0]
        mean = float(np.nanmean(values))
        if mean > 1.5 * straight:  # it turns: the line through it is no speed
            return mean, float(np.nanstd(values)) / np.sqrt(len(values))
    return straight, float(np.hypot(rates[0][1], rates[1][1]))


def _around_contact(question: Question, things: tuple[Thing, ...], facts: Facts) -> dict[str, float]:
    """The time before or after the first contact of the things compared."""
    times = contact_times(things[:2], facts)
    if not times:
        raise ToolError("No collision was found to compare before or after.")
    return {"end_s": times[0]} if question.phase == "before" else {"start_s": times[0]}


def _longest_flight(thing: Thing, span: dict[str, float]) -> Path2:
    """The longest stretch of a path without a contact in it, at least 5 rows."""
    path = thing.scene.between(span.get("start_s"), span.get("end_s"))
    cuts = [
        path.t[0],
        *(one.t for one in find_events(path.t, path.xy) if one.kind in ("contact", "jump", "release", "rest")),
        path.t[-1],
    ]
    parts = [path.between(a, b) for a, b in itertools.pairwise(cuts)]
    best = max(parts, key=lambda one: len(one.t) if len(one.t) < len(path.t) else 0) if len(parts) > 1 else path
    if len(best.t) < 5:
        raise ToolError(f"There are {len(best.t)} places without a contact between; 5 are needed for an acceleration.")
    return best


def _component(question: Question) -> int | None:
    return next((axis for pattern, axis in AXES if question.says(pattern)), None)


def _unit(name: str) -> str:
    return {"speed": "px/s", "acceleration": "px/s^2"}.get(name, "px")


def _text(value: Quantity) -> str:
    from motionlaw.tools.summary import with_error

    return with_error(value.value, value.stderr, value.unit)
