"""Rules about how many, how often and when: things, collisions, bounces, swings, periods, order, sticking together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionlaw.agent.contacts import bounce_times, contact_times, meeting, offsets
from motionlaw.agent.facts import Facts, Thing
from motionlaw.agent.finding import Finding, alike, extent, path_of, subject_of, subjects_of
from motionlaw.agent.question import Question, number_in
from motionlaw.agent.rules.pace import words_for
from motionlaw.agent.rules.views import trend_of
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import OSCILLATES, amplitudes, oscillation, principal, turned_angle, turning_points

APART = 0.35
"""Things that stuck together stay within this share of their mean size of the distance at which they met."""


def count(question: Question, facts: Facts) -> Finding:
    """How many things of one kind there are, or how many move."""
    described = question.things[0] if question.things else None
    everything = facts.things
    if described is not None and described.colour:
        moving = tuple(one for one in everything if one.tracked.colour == described.colour)
        things = moving or facts.of_colour(described.colour)
    elif question.says(r"\b(?:objects?|things?|bodies|items)\b"):
        things = tuple(one for one in everything if extent(one.image) > 0.5 * one.diagonal_px)
    else:
        things = tuple(one for one in alike(everything) if one is everything[0] or one.tracked.shape != "long")
    facts.call("count")
    others = len(everything) - len(things)
    value = Quantity("number of things", float(len(things)), None, "")
    # A thing that was missed leaves no trace: a count is never as sure as its tracks.
    sure = float(np.mean([one.sureness for one in things]))
    trust = sure * (0.7 if others <= 0 else 0.6) * 0.95 ** max(len(things) - 2, 0)
    if len(things) == 1 and question.says(r"\bhow many\b"):
        trust *= 0.8  # several were expected; what does not move, or was missed, is not counted
    why = f"{len(things)} things of like size move"
    why += f"; {others} others, of another size or outline, were left out" if others > 0 else ""
    holds = None
    if question.is_yes_no:
        asked = number_in(question.words) or 0.0
        holds = (
            len(things) > asked if question.says(r"\bmore than\b")
            else len(things) < asked if question.says(r"\b(?:fewer|less) than\b")
            else len(things) == asked
        )  # fmt: skip
    return Finding(str(len(things)), why, trust, number=value, holds=holds, things=things, measurements=(value,))


def count_events(question: Question, facts: Facts) -> Finding:
    """How often a thing bounces, collides, swings, turns back or goes round."""
    if question.says(r"\bcollision\w*|\bcollide\w*|\btouch\w*"):
        subject = subjects_of(question, facts)
        times = contact_times(subject.things, facts)
        return _counted(len(times), "collisions", times, subject.things, subject.sureness * 0.75)
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    trust = subject.sureness * thing.sureness
    if question.says(r"\bbounc\w*|\bhits?\b|\bimpacts?\b|\bcontacts?\b|\brebound\w*"):
        times = bounce_times(thing)
        facts.call("events", of=thing.handle)
        return _counted(len(times), "bounces", times, (thing,), 0.8 * trust)
    if question.says(r"\bspins?\b|\brotat\w*|\brevol\w*|\bloops?\b|\blaps?\b|\bgo(?:es)? (?:a)?round\b|\bcircl\w*"):
        swept, _, rest = turned_angle(path.xy)
        number = int(abs(swept) / (2 * np.pi) + 0.1)
        return _counted(number, "turns", (), (thing,), trust * (0.8 if rest < 0.15 else 0.3))
    signal = principal(path.xy)
    turns = turning_points(signal, least=max(0.04 * float(np.ptp(signal)), 6.0 * float(np.max(path.noise)), 1.0))
    times = tuple(float(t) for t in path.t[turns])
    if question.says(r"\bturns?\b|\breverse\w*|\bchange\w* direction\b"):
        return _counted(len(turns), "reversals", times, (thing,), 0.8 * trust)
    if question.says(r"\b(?:up|down|left|right)\w*\b"):
        halves = int(np.ceil((len(turns) + 1) / 2)) if len(turns) else int(extent(path) > thing.diagonal_px)
        return _counted(halves, "times", times, (thing,), 0.6 * trust)
    found = {one.name: one for one in oscillation(path.t, path.xy)}
    if found and found["share explained"].value > OSCILLATES:
        return _counted(int(found["cycles"].value + 0.15), "full swings", times, (thing,), 0.75 * trust)
    return _counted((len(turns) + 1) // 2, "full swings", times, (thing,), 0.5 * trust)


def time(question: Question, facts: Facts) -> Finding:
    """When something happens: a collision, a bounce, the start or end of motion, the highest or lowest place."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = thing.scene
    trust = subject.sureness * thing.sureness
    half = float(np.median(np.diff(path.t))) / 2
    if question.says(
        r"\bcollid\w*|\bcollision\w*|\btouch\w*|\bmeets?\b|\bcontact\w*|\bhits? (?:the other|each)\b|\bcrash\w*"
    ):
        things = subjects_of(question, facts)
        times = contact_times(things.things, facts)
        return _when("collision", times, half, things.things, 0.85 * trust)
    facts.call("events", of=thing.handle)
    if question.says(r"\bbounc\w*|\bhits?\b|\bland\w*|\bimpact\w*|\breach\w* the (?:ground|floor)\b"):
        return _when("bounce", bounce_times(thing), half, (thing,), 0.8 * trust)
    if question.says(r"\b(?:highest|top|peak|apex|maximum height)\b"):
        return _when("highest place", _tops(path.t, path.xy[:, 1]), half, (thing,), 0.85 * trust)
    if question.says(r"\b(?:lowest|bottom)\b"):
        return _when("lowest place", _tops(path.t, -path.xy[:, 1]), half, (thing,), 0.85 * trust)
    if question.says(r"\bturns?\b|\breverse\w*|\bchanges? direction\b"):
        turns = path.t[turning_points(principal(path.xy))]
        return _when("reversal", tuple(float(t) for t in turns), half, (thing,), 0.8 * trust)
    if question.says(r"\b(?:starts?|begins?|starts? moving)\b"):
        return _when("start of motion", (_onset(thing),), 2 * half, (thing,), 0.7 * trust)
    if question.says(r"\b(?:stops?|comes? to rest|ends?)\b"):
        return _when("end of motion", (_offset(thing),), 2 * half, (thing,), 0.7 * trust)
    if question.says(r"\bfast\w*|\bhighest speed\b"):
        found = facts.numbers("speed", of=thing.handle)["time of largest speed"]
        return _when("largest speed", (found.value,), 2 * half, (thing,), 0.6 * trust)
    raise ToolError("What happens then is nothing that the instruments know how to find.")


def duration(question: Question, facts: Facts) -> Finding:
    """How long a thing moves, from when it leaves its first place to when it reaches its last."""
    subject = subject_of(question, facts)
    thing = subject.thing
    begin, end = _onset(thing), _offset(thing)
    step = float(np.median(np.diff(thing.scene.t)))
    value = Quantity("time in motion", max(end - begin, 0.0), 2 * step, "s")
    facts.call("events", of=thing.handle)
    why = f"it moves from {begin:.2f} to {end:.2f} s, as far as it is seen"
    trust = 0.65 * subject.sureness * thing.sureness
    words = f"{value.value:.2f} s"
    return Finding(words, why, trust, number=value, things=(thing,), measurements=(value,), times=(begin, end))


def order(question: Question, facts: Facts) -> Finding:
    """Which thing moves, stops or hits first or last."""
    subject = subjects_of(question, facts)
    things = subject.things
    if question.says(r"\bstops?\b|\brest\b"):
        name, times = "stops", [_offset(one) for one in things]
    elif question.says(r"\bhits?\b|\bland\w*|\bbounc\w*|\breach\w*|\bground\b|\bfloor\b|\bbottom\b|\bimpact\w*"):
        name, times = "reaches its lowest place", [_lowest(one) for one in things]
    elif question.says(r"\bappear\w*|\benter\w*|\bcomes? in\b"):
        name, times = "appears", [float(one.image.t[0]) for one in things]
    elif question.says(r"\bleaves?\b|\bexit\w*|\bdisappear\w*|\bgone\b"):
        name, times = "leaves", [float(one.image.t[-1]) for one in things]
    else:
        name, times = "moves", [_onset(one) for one in things]
    values = np.array(times)
    wants_last = question.says(r"\blast\b|\blatest\b|\blater\b")
    ranked = np.argsort(-values if wants_last else values)
    best, second = int(ranked[0]), int(ranked[1])
    step = float(np.median(np.diff(things[best].image.t)))
    gap = abs(values[best] - values[second])
    sure = float(np.clip(gap / (3 * step), 0.0, 1.0))
    chosen = things[best]
    trust = subject.sureness * chosen.sureness * (0.3 + 0.6 * sure)
    why = ", ".join(f"the {one.looks} {name} at {t:.2f} s" for one, t in zip(things, times, strict=True))
    words = "at the same time" if gap < 0.6 * step else words_for(chosen, things)
    measured = tuple(
        Quantity(f"time at which {one.handle} {name}", t, step / 2, "s") for one, t in zip(things, times, strict=True)
    )
    return Finding(words, why, trust, chosen=chosen, among=things, things=things, measurements=measured,
                   holds=(best == 0) if question.is_yes_no else None)  # fmt: skip


def period(question: Question, facts: Facts) -> Finding:
    """The period or the frequency of an oscillation or a rotation, in numbers."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    found = facts.numbers("period", of=thing.handle)
    value, share = found["period"], found["share explained"].value
    if question.says(r"\bfrequency\b|\bhertz\b|\bhz\b|\b(?:per|a|each|every) (?:second|sec|minute)\b"):
        value = Quantity("frequency", 1 / value.value, (value.stderr or 0.0) / value.value**2, "Hz")
    from motionlaw.tools.summary import with_error

    cycles = float(path.t[-1] - path.t[0]) / found["period"].value
    trust = subject.sureness * thing.sureness * share * min(1.0, cycles / 1.5)
    why = f"one damped sine with this period explains {100 * share:.0f} % of the motion over {cycles:.1f} cycles"
    words = with_error(value.value, value.stderr, value.unit)
    measured = (value, *(one for name, one in found.items() if name != value.name))
    return Finding(words, why, trust, number=value, things=(thing,), measurements=measured)


def amplitude(question: Question, facts: Facts) -> Finding:
    """Whether the amplitude of an oscillation grows, shrinks or stays."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    heights, times = amplitudes(path.t, path.xy)
    if len(heights) < 3:
        raise ToolError(f"{len(heights)} half swings are seen; three are needed to tell how the amplitude changes.")
    found = facts.numbers("period", of=thing.handle)
    slope = np.polyfit(times, np.log(heights), 1)[0]
    change = float(slope * (times[-1] - times[0]))
    agree = float(np.mean(np.sign(np.diff(heights)) == np.sign(slope)))
    token = "same" if abs(change) < 0.03 else "increase" if change > 0 else "decrease"
    scores = {"increase": max(change, 0.0), "decrease": max(-change, 0.0), "same": 0.03}
    scores = {name: value / max(scores.values()) for name, value in scores.items()}
    why = f"half swings go from {heights[0]:.0f} px to {heights[-1]:.0f} px, {100 * (np.exp(change) - 1):+.0f} % in all"
    words = {"same": "it stays the same", "increase": "it grows", "decrease": "it shrinks"}[token]
    trust = subject.sureness * thing.sureness * (0.5 + 0.5 * agree)
    holds = None
    if question.is_yes_no and question.says(r"\b(?:un)?damp\w*|\bdie|\bdying|\bfad|\bpeter|\bdecay"):
        holds = (token == "decrease") != question.says(r"\bundamped\b|\bnot\b")
    return Finding(
        words, why, trust, scores, (token,), holds=holds, things=(thing,), measurements=tuple(found.values())
    )


def rate(question: Question, facts: Facts) -> Finding:
    """Whether repetitions come faster or slower: from the times between reversals."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    turns = path.t[turning_points(principal(path.xy))]
    if len(turns) < 5:
        raise ToolError(f"{len(turns)} reversals are seen; five are needed to tell how their rate changes.")
    facts.call("events", of=thing.handle)
    middle = (turns[1:] + turns[:-1]) / 2
    return trend_of(
        middle, 1 / np.diff(turns), "the rate of reversals", 0.7 * subject.sureness * thing.sureness, things=(thing,)
    )


def collide(question: Question, facts: Facts) -> Finding:
    """Whether two things touch."""
    subject = subjects_of(question, facts)
    one, other = subject.things[:2]
    met = meeting(one, other)
    facts.call("distance", of=one.handle, other=other.handle)
    share = met.gap_px / met.size_px
    sure = 0.9 if (met.is_break and met.is_touch) or share > 1 else 0.6
    why = f"they come within {max(met.gap_px, 0.0):.0f} px of each other at {met.t:.2f} s"
    why += ", where their distance suddenly stops shrinking" if met.is_break else ""
    measured = (
        Quantity("least gap", met.gap_px, None, "px"),
        Quantity("time of the least gap", met.t, met.stderr_s, "s"),
    )
    trust = subject.sureness * min(one.sureness, other.sureness) * sure
    words = "yes" if met.is_touch else "no"
    return Finding(words, why, trust, holds=met.is_touch, things=(one, other), measurements=measured, times=(met.t,))


def approach(question: Question, facts: Facts) -> Finding:
    """Whether two things come closer together or move apart."""
    subject = subjects_of(question, facts)
    one, other = subject.things[:2]
    t, offset = offsets(one, other, whole=False)
    gap = np.linalg.norm(offset, axis=1)
    nearest = int(np.argmin(gap))
    rows = {"before": slice(0, nearest + 1), "after": slice(nearest, len(t))}.get(question.phase, slice(0, len(t)))
    if len(t[rows]) < 3:
        raise ToolError("They are seen together too shortly in that time to tell.")
    facts.call("distance", of=one.handle, other=other.handle)
    change = float(np.median(gap[rows][-2:]) - np.median(gap[rows][:2]))
    sure = float(np.clip(abs(change) / (0.3 * float(np.mean([one.diagonal_px, other.diagonal_px]))), 0.3, 1.0))
    asks_apart = question.says(r"\bapart\b|\baway from\b|\b(?:grow|increas)\w*")
    words = "closer together" if change < 0 else "apart"
    why = f"their distance changes by {change:+.0f} px from {t[rows][0]:.2f} to {t[rows][-1]:.2f} s"
    trust = subject.sureness * min(one.sureness, other.sureness) * sure * 0.9
    holds = (change > 0) == asks_apart if question.is_yes_no else None
    measured = (Quantity("change of the distance", change, None, "px"),)
    return Finding(words, why, trust, holds=holds, things=(one, other), measurements=measured)


def bounce(question: Question, facts: Facts) -> Finding:
    """Whether a thing bounces: a contact after which it goes back up."""
    subject = subject_of(question, facts)
    thing = subject.thing
    times = bounce_times(thing)
    facts.call("events", of=thing.handle)
    why = (
        f"its vertical velocity turns round suddenly at {', '.join(f'{t:.2f}' for t in times)} s"
        if times
        else "no sudden reversal is seen"
    )
    return Finding(
        "yes" if times else "no",
        why,
        0.75 * subject.sureness * thing.sureness,
        holds=bool(times),
        things=(thing,),
        times=times,
    )


def stick(question: Question, facts: Facts) -> Finding:
    """Whether two things stay together after they met."""
    subject = subjects_of(question, facts)
    one, other = subject.things[:2]
    met = meeting(one, other)
    facts.call("distance", of=one.handle, other=other.handle)
    t, offset = offsets(one, other, whole=False)
    gap = np.linalg.norm(offset, axis=1)
    after = t >= met.t - met.stderr_s
    if after.sum() < 3:
        raise ToolError("They are seen together too shortly after they met to tell.")
    if not met.is_touch:
        raise ToolError(f"They never meet: the least gap between them is {met.gap_px:.0f} px.")
    grown = float(np.median(gap[after][-3:]) - np.min(gap[after]))
    stays = grown < APART * met.size_px
    sure = float(np.clip(abs(grown - APART * met.size_px) / (APART * met.size_px), 0.3, 1.0))
    holds = stays != question.says(r"\bseparate\b|\bapart\b|\b(?:bounc|rebound|recoil)\w*")
    why = f"their distance grows by {grown:.0f} px after {met.t:.2f} s, {grown / met.size_px:.2f} of their size"
    measured = (Quantity("growth of the distance after the contact", grown, None, "px"),)
    trust = subject.sureness * min(one.sureness, other.sureness) * sure
    words, times = "yes" if holds else "no", (met.t, float(t[-1]))
    return Finding(words, why, trust, holds=holds, things=(one, other), measurements=measured, times=times)


def _counted(number: int, name: str, times: Sequence[float], things: tuple[Thing, ...], trust: float) -> Finding:
    value = Quantity(f"number of {name}", float(number), None, "")
    at = f" at {', '.join(f'{t:.2f}' for t in times[:12])} s" if times else ""
    return Finding(str(number), f"{number} {name}{at}", trust, number=value, things=things, measurements=(value,),
                   times=tuple(times[:6]))  # fmt: skip


def _when(name: str, times: Sequence[float], error: float, things: tuple[Thing, ...], trust: float) -> Finding:
    if not times:
        raise ToolError(f"No {name} was found.")
    value = Quantity(f"time of the {name}", float(times[0]), error, "s")
    more = f"; again at {', '.join(f'{t:.2f}' for t in times[1:6])} s" if len(times) > 1 else ""
    return Finding(f"{times[0]:.2f} s", f"{name} at {times[0]:.3f} ± {error:.3f} s{more}", trust, number=value,
                   things=things, measurements=(value,), times=(float(times[0]),))  # fmt: skip


def _tops(t: np.ndarray, values: np.ndarray) -> tuple[float, ...]:
    """When a coordinate is largest: once, or each time it comes as high within a twentieth of its range."""
    high = values > values.max() - 0.05 * np.ptp(values)
    edges = np.flatnonzero(np.diff(np.r_[0, high.astype(int), 0])).reshape(-1, 2)
    return tuple(float(t[a + int(np.argmax(values[a:b]))]) for a, b in edges)


def _onset(thing: Thing) -> float:
    """When a thing has left the place where it was first seen, by a tenth of its size or of its way."""
    path = thing.scene
    away = np.linalg.norm(path.xy - path.xy[0], axis=1)
    least = min(max(0.1 * thing.diagonal_px, 4 * float(np.max(path.noise))), 0.5 * float(away.max()))
    return float(path.t[int(np.argmax(away > least))])


def _offset(thing: Thing) -> float:
    """When a thing has come to the place where it is last seen."""
    path = thing.scene
    away = np.linalg.norm(path.xy - path.xy[-1], axis=1)
    least = min(max(0.1 * thing.diagonal_px, 4 * float(np.max(path.noise))), 0.5 * float(away.max()))
    return float(path.t[len(away) - 1 - int(np.argmax(away[::-1] > least))])


def _lowest(thing: Thing) -> float:
    """When a thing first comes within a twentieth of its way of its lowest place."""
    y = thing.scene.xy[:, 1]
    return float(thing.scene.t[int(np.argmax(y < y.min() + 0.05 * np.ptp(y) + 1e-9))])
