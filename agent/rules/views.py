"""Rules about the camera, and about the shape of a motion: size, kind, rotation."""

from __future__ import annotations

from typing import Any

import numpy as np

from motionlaw.agent.facts import Facts, Path2
from motionlaw.agent.finding import Finding, extent, path_of, subject_of
from motionlaw.agent.question import Question
from motionlaw.tools.errors import ToolError
from motionlaw.tools.law import Quantity
from motionlaw.tools.measures import OSCILLATES, oscillation, polynomial_rate, principal, turned_angle, turning_points

CIRCLE_REST = 0.12
"""A path is a circle where it stays this near to one, as a share of its radius."""

CIRCLE_TURN = 1.5 * np.pi
"""A path goes round where it sweeps this angle about the centre of its circle."""

STRAIGHT_REST = 0.06
"""A path is straight where it leaves its line by less than this share of its length."""

AXES = {
    "pan": r"\bpan\w*|\bturn\w*|\bsideways\b|\bhorizontal\w*|\bleft\b|\bright\b",
    "tilt": r"\btilt\w*|\bup\b|\bdown\b|\bvertical\w*",
    "zoom": r"\bzoom\w*|\bdolly\b|\b(?:forward|backward)s?\b", "roll": r"\broll\w*|clockwise",
}  # fmt: skip
SHAKES = r"\b(?:mov|shak|jitter|wobbl|drift|follow|track|swing|change|stop)\w*"
"""What else a camera may be asked to do: whether it moves at all."""

WORDS = {
    "pan": ("right", "left"),
    "tilt": ("down", "up"),
    "zoom": ("in", "out"),
    "roll": ("clockwise", "counter-clockwise"),
}


def camera(question: Question, facts: Facts) -> Finding:
    """Whether the camera moves, and which way."""
    seen = facts.camera
    total: dict[str, float] = seen["total"]
    measured = tuple(Quantity(f"camera {name}", value, None, seen["units"][name]) for name, value in total.items())
    trust = 0.6 + 0.35 * float(seen["share_known"])
    if seen["words"][0].startswith(("truck", "pedestal")):
        trust = 0.65  # something as wide as the picture may go by a camera that stands still
    moving = 1.0 if seen["moves"] else 0.0
    scores = {"moving": moving, "static": 1.0 - moving} | _camera_scores(total)
    words = ", ".join(seen["words"])
    why = f"the background says: {words}"
    asked = [name for name, pattern in AXES.items() if question.says(pattern)]
    if question.is_yes_no and not asked and not question.alternatives and not question.says(SHAKES):
        raise ToolError("What is asked of the camera was not understood; whether and which way it moves can be asked.")
    if question.is_yes_no and asked and not question.alternatives:
        done = any(word.split()[0] in asked for word in seen["words"])
        return Finding(words, why, trust * 0.9, scores, holds=done, measurements=measured)
    if question.says(r"\bwhich (?:way|direction)\b|\bdirections?\b|\bhow\b|\bwhat\b") or asked:
        if not seen["moves"]:
            return Finding("static", why, trust, scores, measurements=measured)
        kind = asked[0] if asked else max(total, key=lambda name: abs(total[name]))
        way = WORDS[kind][total[kind] < 0]
        named = any(word.startswith(kind) for word in seen["words"])
        if seen["words"][0].startswith(("truck", "pedestal")) and kind in ("pan", "tilt"):
            way, named = seen["words"][0].split()[1], True
        if question.says(r"\bhow\b|\bwhat\b") and not asked:
            return Finding(words, why, trust, scores, measurements=measured)
        return Finding(way, why, trust * (0.95 if named else 0.5), scores, measurements=measured)
    return Finding("moving" if moving else "static", why, trust, scores, measurements=measured)


def _camera_scores(total: dict[str, float]) -> dict[str, float]:
    largest = max(*(abs(value) for value in total.values()), 1e-9)
    scores = {}
    for name, (positive, negative) in WORDS.items():
        share = abs(total[name]) / largest
        scores[positive], scores[negative] = (share, 0.0) if total[name] > 0 else (0.0, share)
    return scores


def camera_speed(question: Question, facts: Facts) -> Finding:
    """Whether the camera's motion becomes faster or slower."""
    if not facts.camera["moves"]:
        return Finding("not moving at all", "the background stays where it is", 0.85, {"none": 1.0}, sequence=("none",))
    from motionlaw.tools.camera import camera_path

    path = camera_path(next(iter(facts.workspace.files.values())))
    steps = np.hypot(path.steps[:, 0], path.steps[:, 1]) / np.diff(path.timestamps)
    return trend_of(path.timestamps[:-1], steps, "the background's speed", 0.7)


def size(question: Question, facts: Facts) -> Finding:
    """Whether a thing becomes larger or smaller in the picture."""
    subject = subject_of(question, facts)
    thing = subject.thing
    ratio = facts.numbers("size", of=thing.handle)["area at last over area at first"]
    growth, error = float(np.log(ratio.value)), float((ratio.stderr or 0.0) / ratio.value)
    same = 0.15
    token = "same" if abs(growth) < same else "larger" if growth > 0 else "smaller"
    sure = float(np.clip(abs(abs(growth) - same) / max(error, 0.1), 0.3, 1.0))
    scores = {"larger": 0.1 + max(growth, 0.0), "smaller": 0.1 + max(-growth, 0.0), "same": same}
    scores = {name: value / max(scores.values()) for name, value in scores.items()}
    why = f"its area at last is {ratio.value:.2f} ± {ratio.stderr or 0:.2f} of that at first"
    words = {"same": "it stays the same"}.get(token, token)
    trust = subject.sureness * thing.sureness * (0.6 + 0.4 * sure)
    return Finding(words, why, trust, scores, things=(thing,), measurements=(ratio,))


def kind(question: Question, facts: Facts) -> Finding:
    """What kind of motion it is: circular, a swing, an oscillation, a parabola, a fall, uniform, or none of them."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    still = max(0.15 * thing.diagonal_px, 4.0 * float(np.max(path.noise)))
    trust = subject.sureness * thing.sureness
    if extent(path) < still:
        return Finding("at rest", f"it stays within {extent(path):.1f} px", trust, {"rest": 1.0}, things=(thing,))
    token, words, why, sure, measured = _kind_of(path, still)
    scores = {token: sure}
    if token == "pendulum":
        scores["oscillation"] = 0.8 * sure
    if token == "fall":
        scores["accelerated"] = 0.8 * sure
    if token in ("fall", "accelerated"):
        scores["straight"] = 0.7 * sure  # a straight line, if not at constant speed
    return Finding(words, why, sure * trust, scores, (token,), things=(thing,), measurements=measured)


def _kind_of(path: Path2, still: float) -> tuple[str, str, str, float, tuple[Quantity, ...]]:
    """The kind of a path: token, words, reason, sureness, numbers."""
    if len(path.t) >= 5:
        swept, radius, rest = turned_angle(path.xy)
        if abs(swept) > CIRCLE_TURN and rest < CIRCLE_REST:
            numbers = (
                Quantity("angle swept", float(np.degrees(swept)), None, "degrees"),
                Quantity("radius", radius, None, "px"),
            )
            return "circular", "circular", f"it sweeps {np.degrees(swept):.0f} degrees about a circle", 0.9, numbers
        signal = principal(path.xy)
        turns = turning_points(signal, least=max(still, 0.25 * float(np.ptp(signal))))
        found = {one.name: one for one in oscillation(path.t, path.xy)} if len(turns) >= 2 else {}
        if found and found["share explained"].value > OSCILLATES:
            return _oscillation_of(path, found, len(turns), radius, rest)
        if len(turns) >= 3:
            return "irregular", "irregular", f"it turns back {len(turns)} times without one period", 0.5, ()
    return _flight_of(path)


def _oscillation_of(
    path: Path2, found: dict[str, Quantity], turns: int, radius: float, rest: float
) -> tuple[str, str, str, float, tuple[Quantity, ...]]:
    """A swing on an arc below its pivot, or an oscillation along a line."""
    reach = np.ptp(path.xy, axis=0)
    why = f"it turns back {turns} times with a period of {found['period'].value:.3g} s"
    sagitta = float(reach[1])
    is_arc = reach[0] > reach[1] > 0.02 * reach[0] and rest < 0.05 and radius < 8 * reach[0]
    # On an arc about a pivot above, it is lowest in the middle.
    middle = np.abs(path.xy[:, 0] - np.mean([path.xy[:, 0].min(), path.xy[:, 0].max()])) < 0.15 * reach[0]
    is_lowest = middle.any() and np.median(path.xy[middle, 1]) < path.xy[:, 1].min() + 0.4 * sagitta
    if is_arc and is_lowest:
        return (
            "pendulum",
            "pendulum oscillation",
            f"{why}, on an arc of radius {radius:.0f} px",
            0.9,
            (found["period"],),
        )
    way = "vertical" if reach[1] > 2 * reach[0] else "horizontal" if reach[0] > 2 * reach[1] else ""
    return "oscillation", f"{way} oscillation".strip(), why, 0.85, (found["period"],)


def _flight_of(path: Path2) -> tuple[str, str, str, float, tuple[Quantity, ...]]:
    """A path that does not come back: straight and uniform, speeding up, falling, or a parabola."""
    centred = path.xy - path.xy.mean(axis=0)
    sizes = np.linalg.svd(centred, compute_uv=False)
    bend = float(sizes[1] / max(sizes[0], 1e-9))
    if len(path.t) < 5:
        return "straight", "straight", "too few places to tell more than a line", 0.4, ()
    pulls = [polynomial_rate(path.t, path.xy[:, k], 2) for k in (0, 1)]
    span = float(path.t[-1] - path.t[0])
    # How much of the way an acceleration makes, along each axis.
    shares = [abs(one[0]) * span**2 / 8 / max(float(np.ptp(path.xy[:, k])), 1e-9) for k, one in enumerate(pulls)]
    numbers = tuple(
        Quantity(f"acceleration {name}", one[0], one[1], "px/s^2")
        for name, one in zip(("across", "up"), pulls, strict=True)
    )
    falls = pulls[1][0] < -3 * pulls[1][1] and shares[1] > 0.1
    if falls and bend > STRAIGHT_REST and np.ptp(path.xy[:, 0]) > 0.2 * np.ptp(path.xy[:, 1]):
        return "parabola", "projectile motion", "it falls faster and faster while it goes across", 0.8, numbers
    if falls and np.ptp(path.xy[:, 1]) > 2 * np.ptp(path.xy[:, 0]):
        return "fall", "free fall", "it goes down faster and faster", 0.8, numbers
    if bend < STRAIGHT_REST:
        along = principal(path.xy)
        pull, error, _ = polynomial_rate(path.t, along, 2)
        share = abs(pull) * span**2 / 8 / max(float(np.ptp(along)), 1e-9)
        if abs(pull) > 3 * error and share > 0.06:
            return "accelerated", "straight and accelerated", "its speed changes along a straight line", 0.75, numbers
        return "straight", "uniform straight-line motion", "it goes straight at a constant speed", 0.8, numbers
    return "irregular", "curved", "its path is neither straight nor a circle nor a parabola", 0.4, numbers


def rotation(question: Question, facts: Facts) -> Finding:
    """Whether a thing goes round clockwise or counter-clockwise, from its path; turning on the spot is not seen."""
    subject = subject_of(question, facts)
    thing = subject.thing
    path = path_of(thing, question)
    if len(path.t) < 5:
        raise ToolError("There are too few places to tell a rotation.")
    swept, radius, rest = turned_angle(path.xy)
    if abs(swept) < np.pi or rest > 0.25:
        why = "its path goes round nothing; turning in place is not seen"
        scores = {"none": 0.6, "clockwise": 0.2, "counter-clockwise": 0.2}
        holds = False if question.is_yes_no and not question.alternatives else None
        return Finding("no rotation", why, 0.3, scores, ("none",), holds=holds, things=(thing,))
    token = "counter-clockwise" if swept > 0 else "clockwise"
    why = f"it sweeps {np.degrees(swept):+.0f} degrees (counter-clockwise positive) at a radius of {radius:.0f} px"
    measured = (Quantity("angle swept", float(np.degrees(swept)), float(np.degrees(rest)), "degrees"),)
    trust = subject.sureness * thing.sureness * (1 - rest)
    holds = True if question.is_yes_no and not question.alternatives else None
    return Finding(token, why, trust, {token: 1.0}, (token,), holds=holds, things=(thing,), measurements=measured)


def trend_of(t: np.ndarray, values: np.ndarray, name: str, trust: float, **more: Any) -> Finding:
    """Whether values grow, shrink or stay, from a line through them; the rule of all questions about change."""
    slope, error, _ = polynomial_rate(t, values, 1)
    mean = float(np.mean(np.abs(values)))
    change = slope * float(t[-1] - t[0]) / max(mean, 1e-12)
    sure = float(np.clip(abs(slope) / max(3.0 * error, 1e-12), 0.0, 1.0))
    is_same = abs(change) < 0.15 or sure < 0.7
    token = "same" if is_same else "increase" if slope > 0 else "decrease"
    scores = {
        "increase": max(change, 0.0) * sure,
        "decrease": max(-change, 0.0) * sure,
        "same": 0.15 + (0.3 if sure < 0.7 else 0),
    }
    top = max(scores.values())
    scores = {key: value / top for key, value in scores.items()}
    why = f"{name} changes by {100 * change:+.0f} % of its mean"
    words = {"same": "it stays constant", "increase": "it increases", "decrease": "it decreases"}[token]
    confidence = trust * (0.5 + 0.5 * sure if token != "same" else 0.7)
    return Finding(words, why, confidence, scores, (token,), **more)
