"""Which calls answer which question, and when the answer is true: the rules behind the builder `traces`.

A plan is a generator: it yields calls, is sent their results, and returns the answer with the value that the ground
truth is held against. It sees what a model would see, results of instruments, and never the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.data_builders.physsymbol import Oscillator
from motionlaw.data_builders.scene import Scene
from motionlaw.tools.canonical import canonical_terms
from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.motion_classes import direction_class
from motionlaw.tools.registry import ToolResult
from motionlaw.tools.summary import with_error

Calls = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """What a plan ends in: words, and the value in them that can be true or false."""

    text: str
    value: Any = None


Plan = Generator[Calls, list[ToolResult], Answer]


@dataclass(frozen=True)
class Task:
    """A question with its plan.

    Args:
        topic: What is asked.
        question: In words.
        plan: Makes the calls and the answer.
        is_true: Whether a value agrees with the ground truth.
    """

    topic: str
    question: str
    plan: Callable[[], Plan]
    is_true: Callable[[Any], bool]


# Agreement with the truth: a share of the value, or this many standard errors; times within so many frames.
SHARE, ERRORS, FRAMES = 0.05, 3.0, 2.5
# A measurement whose standard error is more than this share of it says nothing.
VAGUE = 0.1
# Only motions that a direction word says something about: as straight as this (net way over path).
STRAIGHT = 0.9
DIRECTIONS = {
    "E": "to the right", "W": "to the left", "N": "upwards", "S": "downwards", "NE": "up and to the right",
    "NW": "up and to the left", "SE": "down and to the right", "SW": "down and to the left",
}  # fmt: skip
COMPASS = tuple(DIRECTIONS)
# Asked for, and not to be had from a film's motion alone.
UNSEEN = (
    ("How heavy is the {body} in kilograms?", "Its mass cannot be known from its motion in this film alone."),
    ("What does the {body} sound like when it moves?", "The instruments measure motion; a film's sound is not theirs."),
    ("Who set the {body} in motion?", "The instruments measure motion; who caused it is not among what they measure."),
    ("How warm is the {body}?", "Its temperature cannot be measured from its motion."),
)
OSCILLATES = ("spring", "pendulum")
FALLS = ("parabola",)


def world_tasks(scene: Scene, rng: np.random.Generator) -> list[Task]:
    """Returns all questions that can be asked about a scene, with their truth."""
    names = [body.name for body in scene.bodies]
    one = names[int(rng.integers(len(names)))]
    tasks = [
        *_directions(scene, one), _speed(scene, one), *_periods(scene, one), *_accelerations(scene, one),
        _count(scene), _camera(scene), _unseen(one, rng), _absent(scene, rng),
    ]  # fmt: skip
    if len(names) > 1:
        first, second = (names[k] for k in rng.permutation(len(names))[:2])
        tasks += [_faster(scene, first, second), *_contacts(scene, first, second)]
    return tasks


def law_task(drawn: Oscillator) -> Task:
    """Asks for the law behind a table of t, x, v and a."""

    def plan() -> Plan:
        (table,) = yield [("read_table", {})]
        run = table.data["runs"][0]["handle"]
        yield [("phase_portrait", {"of": run})]
        (found,) = yield [("discover_law", {"of": [run], "seconds": 60.0})]
        data = found.data
        if data["status"] == "refused":
            return Answer(f"The data carry no law: {data['reason']}")
        missed = data["holdout"]["nmse_trajectory"]
        checked = "" if missed is None else f" On rows it had not seen it misses {missed:.2g} of the variance."
        return Answer(f"a = {data['law']['v']} (x in m, t in s).{checked}", data["law"]["v"])

    def is_true(value: Any) -> bool:
        law = parse(value, ["x", "v", "t"])
        columns = {"x": drawn.x, "v": drawn.v, "t": drawn.t}
        left = evaluate(law, columns) - drawn.a
        as_many = len(canonical_terms(law)) == len(canonical_terms(drawn.law))
        return as_many and bool(np.sqrt(np.mean(left**2)) < 0.01 * np.std(drawn.a))

    return Task("law", "What is the acceleration of this motion as a function of x, v and t?", plan, is_true)


def handle_of(looked: ToolResult, body: str) -> str | None:
    """The one track that looks like what is asked about; ``None`` where there is none, or several."""
    colour = body.split()[0]
    found = [entry["handle"] for entry in looked.data["tracks"] if entry["looks"].split()[:1] == [colour]]
    return str(found[0]) if len(found) == 1 else None


def _not_one(looked: ToolResult, body: str) -> Answer:
    seen = ", ".join(entry["looks"] or "something" for entry in looked.data["tracks"]) or "nothing"
    return Answer(f"I cannot tell which track is the {body}. What moves: {seen}.", None)


def _measured(result: ToolResult, name: str) -> tuple[float, float | None, str] | None:
    """Value, standard error and unit of a measurement by name."""
    for each in result.data.get("measurements", ()):
        if each["name"] == name:
            return float(each["value"]), each["stderr"], str(each["unit"])
    return None


def _agrees(value: Any, truth: float) -> bool:
    """Whether a measured (value, standard error) is the true one."""
    if value is None or (value[1] or 0.0) > VAGUE * abs(value[0]):
        return False
    return bool(abs(value[0] - truth) <= max(SHARE * abs(truth), ERRORS * (value[1] or 0.0)) and abs(truth) > 0)


def _seen_path(scene: Scene, body: str) -> tuple[np.ndarray, np.ndarray]:
    """True places and velocities in metres of the frames in which a body is seen."""
    number = [each.name for each in scene.bodies].index(body)
    seen = np.isfinite(scene.tracks[number].position).all(axis=1)
    path = scene.trajectories[number]
    assert path.velocity is not None
    return path.position[seen], path.velocity[seen]


def _of_one(body: str, name: str, finish: Callable[[ToolResult], Answer]) -> Callable[[], Plan]:
    """A plan that tracks, calls one instrument on the body's track, and reads the answer from it."""

    def plan() -> Plan:
        (looked,) = yield [("track", {})]
        handle = handle_of(looked, body)
        if handle is None:
            return _not_one(looked, body)
        (result,) = yield [(name, {"of": handle})]
        return finish(result)

    return plan


def _directions(scene: Scene, body: str) -> list[Task]:
    path, _ = _seen_path(scene, body)
    way = float(np.hypot(*np.diff(path, axis=0).T).sum()) if len(path) > 1 else 0.0
    if way == 0 or np.hypot(*(path[-1] - path[0])) < STRAIGHT * way or scene.look.camera != "still":
        return []
    truth = direction_class(path * [1, -1] / scene.metres_per_pixel, 1.0)

    def plan() -> Plan:
        (looked,) = yield [("track", {})]
        handle = handle_of(looked, body)
        entry = next((each for each in looked.data["tracks"] if each["handle"] == handle), None)
        if entry is None or entry["direction"] not in COMPASS:
            return _not_one(looked, body)
        where = f"from {entry['from_s']:.2f} to {entry['to_s']:.2f} s"
        return Answer(f"The {body} moves {DIRECTIONS[entry['direction']]} ({where}).", entry["direction"])

    return [Task("direction", f"Which way does the {body} move?", plan, lambda value: value == truth)]


def _speed(scene: Scene, body: str) -> Task:
    _, velocity = _seen_path(scene, body)
    truth = float(np.hypot(*velocity.T).mean())

    def finish(result: ToolResult) -> Answer:
        found = _measured(result, "mean speed")
        if found is None:
            return Answer(f"Its speed could not be measured: {result.text}")
        return Answer(f"The {body} moves at {with_error(*found)} on average.", found)

    question = f"How fast is the {body} on average?"
    return Task("speed", question, _of_one(body, "speed", finish), lambda value: _agrees(value, truth))


def _faster(scene: Scene, first: str, second: str) -> Task:
    speeds = {body: float(np.hypot(*_seen_path(scene, body)[1].T).mean()) for body in (first, second)}
    truth = max(speeds, key=lambda body: speeds[body])

    def plan() -> Plan:
        (looked,) = yield [("track", {})]
        handles = {body: handle_of(looked, body) for body in (first, second)}
        for body, handle in handles.items():
            if handle is None:
                return _not_one(looked, body)
        both = yield [("speed", {"of": handle}) for handle in handles.values()]
        found = {body: _measured(result, "mean speed") for body, result in zip(handles, both, strict=True)}
        told = {body: value for body, value in found.items() if value is not None}
        if len(told) < 2:
            return Answer("One of the two speeds could not be measured.")
        (ahead, high), (behind, low) = sorted(told.items(), key=lambda item: -item[1][0])
        if high[0] - low[0] < ERRORS * float(np.hypot(high[1] or 0.0, low[1] or 0.0)):
            return Answer(f"The two speeds, {with_error(*high)} and {with_error(*low)}, cannot be told apart.")
        return Answer(f"The {ahead}: {with_error(*high)} against {with_error(*low)} of the {behind}.", ahead)

    question = f"Which is faster on average, the {first} or the {second}?"
    return Task("comparison", question, plan, lambda value: value == truth)


def _contacts(scene: Scene, first: str, second: str) -> list[Task]:
    times = [event.t for event in scene.events if event.kind == "contact" and set(event.bodies) == {first, second}]
    if not times:
        return []

    def plan() -> Plan:
        (looked,) = yield [("track", {})]
        handles = [handle_of(looked, body) for body in (first, second)]
        if None in handles:
            return _not_one(looked, first if handles[0] is None else second)
        (result,) = yield [("events", {"of": handles[0], "other": handles[1]})]
        found = [each for each in result.data["events"] if each["kind"] == "contact"]
        if not found:
            return Answer("The tracks show no contact of the two.")
        return Answer(f"They touch at {found[0]['t']:.2f} ± {found[0]['stderr_s']:.2f} s.", found[0]["t"])

    def is_true(value: Any) -> bool:
        return value is not None and abs(value - times[0]) < FRAMES / scene.fps

    return [Task("contact", f"When do the {first} and the {second} first touch?", plan, is_true)]


def _periods(scene: Scene, body: str) -> list[Task]:
    turns = [e.t for e in scene.events if e.kind == "turning point" and e.detail == "leftmost" and body in e.bodies]
    if scene.world not in OSCILLATES or len(turns) < 2:
        return []
    truth = float(np.mean(np.diff(turns)))

    def finish(result: ToolResult) -> Answer:
        found = _measured(result, "period")
        if found is None:
            return Answer(f"Its period could not be measured: {result.text}")
        return Answer(f"One swing of the {body} takes {with_error(*found)}.", found)

    question = f"What is the period of the {body}?"
    return [Task("period", question, _of_one(body, "period", finish), lambda value: _agrees(value, truth))]


def _accelerations(scene: Scene, body: str) -> list[Task]:
    gravity = next((each.value for each in scene.parameters if each.name == "gravity"), 0.0)
    if scene.world not in FALLS or not gravity:
        return []

    def finish(result: ToolResult) -> Answer:
        found = _measured(result, "acceleration of y")
        if found is None:
            return Answer(f"Its acceleration could not be measured: {result.text}")
        return Answer(f"The {body} accelerates with {with_error(*found)} along y (up is positive).", found)

    question = f"What is the vertical acceleration of the {body}?"
    return [
        Task("acceleration", question, _of_one(body, "acceleration", finish), lambda value: _agrees(value, -gravity))
    ]


def _count(scene: Scene) -> Task:
    moving = sum(
        float(np.ptp(track.position[np.isfinite(track.position).all(axis=1)], axis=0).max()) > 2
        for track in scene.tracks
        if np.isfinite(track.position).all(axis=1).any()
    )

    def plan() -> Plan:
        yield [("track", {})]
        (counted,) = yield [("count", {})]
        number = counted.data["objects"]
        return Answer(f"{number} object{'s' if number != 1 else ''} moved in the film.", number)

    return Task("count", "How many objects move?", plan, lambda value: value == moving)


def _camera(scene: Scene) -> Task:
    def plan() -> Plan:
        (result,) = yield [("camera_motion", {})]
        if not result.data["moves"]:
            return Answer("No, the camera stands still.", "still")
        words = ", ".join(result.data["words"])
        return Answer(f"Yes: {words}.", result.data["words"])

    def is_true(value: Any) -> bool:
        truth = scene.look.camera
        return value == truth if truth == "still" or value == "still" else truth in value

    return Task("camera", "Does the camera move, and if so how?", plan, is_true)


def _unseen(body: str, rng: np.random.Generator) -> Task:
    question, refusal = UNSEEN[int(rng.integers(len(UNSEEN)))]

    def plan() -> Plan:
        yield []
        return Answer(refusal, "refused")

    return Task("unanswerable", question.format(body=body), plan, lambda value: value == "refused")


def _absent(scene: Scene, rng: np.random.Generator) -> Task:
    there = {body.colour for body in scene.bodies}
    absent = sorted({"red", "blue", "green", "yellow", "orange", "purple"} - there)
    body = f"{absent[int(rng.integers(len(absent)))]} ball"

    def plan() -> Plan:
        (looked,) = yield [("track", {})]
        if handle_of(looked, body) is not None:
            return Answer("", None)
        seen = ", ".join(entry["looks"] or "something" for entry in looked.data["tracks"]) or "nothing"
        return Answer(f"There is no {body} in the film. What moves: {seen}.", "refused")

    return Task("absent", f"How fast is the {body}?", plan, lambda value: value == "refused")
