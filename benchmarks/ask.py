"""How many questions ``motionlaw ask`` answers right without a model: real clips, and films with known truth.

    python benchmarks/ask.py [--clips CLIP,...] [--films N] [--seed S]

Real clips and their questions come from the folder of recordings (``MOTIONLAW_SHARED_DATA``); films are those of
``motionlaw build worlds``, with questions whose answers follow from their true tracks. Answers are compared by
`motionlaw.eval.answers`. Beside stand chance (one over the number of answers that a question names) and the majority
(always the most frequent answer to that question, known beforehand). A wrong answer with a confidence of 0.6 or more is
marked: each needs a reason in docs/log.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.agent.answer import SURE, Answer, answer
from motionlaw.agent.facts import Facts
from motionlaw.agent.question import read_question
from motionlaw.data_builders.render import film
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import make_scene
from motionlaw.eval.answers import is_right
from motionlaw.tools.trajectory import Trajectory

DATA = Path(os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
CHANCES = {"direction": 1 / 4, "camera": 1 / 4, "kind": 1 / 5, "axis": 1 / 2}
"""Chance for open questions; those that want a number or a name have none."""


@dataclass(frozen=True)
class Asked:
    """A question, its true answer, how far a number may be off, and what came of it."""

    clip: str
    question: str
    truth: str
    tolerance: float | None
    found: Answer
    cpu_s: float

    @property
    def is_right(self) -> bool:
        rivals = [words for _, words in read_question(self.question).alternatives if words != self.truth]
        return is_right(self.found.text, self.truth, rivals=rivals, tolerance=self.tolerance)

    @property
    def is_confident(self) -> bool:
        return self.found.confidence >= SURE

    @property
    def chance(self) -> float:
        read = read_question(self.question)
        if read.is_yes_no:
            return 0.5
        return 1 / len(read.alternatives) if len(read.alternatives) > 1 else CHANCES.get(read.topic, 0.0)


def ask(facts: Facts, clip: str, question: str, truth: str, tolerance: float | None = None) -> Asked:
    """Asks one question and prints a line."""
    begun = time.process_time() + sum(os.times()[2:4])
    found = answer(facts, question)
    asked = Asked(clip, question, truth, tolerance, found, time.process_time() + sum(os.times()[2:4]) - begun)
    mark = (
        "right"
        if asked.is_right
        else "WRONG, confident"
        if asked.is_confident
        else "wrong"
        if found.text
        else "no answer"
    )
    print(
        f"| {clip} | {question} | {truth} | {found.text or found.reason} | {found.confidence:.2f} "
        f"| {asked.cpu_s:.1f} | {mark} |",
        flush=True,
    )
    return asked


def real_clips(only: str | None) -> Iterator[Asked]:
    """All questions of the recordings, clip by clip."""
    for path in sorted(DATA.glob("*/*/qa.json")):
        clip = path.parent.name
        if only is not None and clip not in only.split(","):
            continue
        facts = Facts(path.parent / "video.mp4")
        for one in json.loads(path.read_text()):
            yield ask(facts, clip, one["question"], one["answer"])


def films(count: int, seed: int) -> Iterator[Asked]:
    """Questions about made films whose truth is known."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            scene = make_scene(seed, index)
            path = Path(folder) / f"{scene.world}_{index}.mp4"
            path.write_bytes(film(scene))
            facts = Facts(path)
            for question, truth, tolerance in questions_of(scene):
                yield ask(facts, path.stem, question, truth, tolerance)


def questions_of(scene: Scene) -> Iterator[tuple[str, str, float | None]]:
    """Questions about a scene that its true tracks answer clearly: the question, the answer, a tolerance."""
    yield "Is the camera static or moving?", "static" if scene.look.camera == "still" else "moving", None
    shapes = {body.shape for body in scene.bodies}
    seen = [np.isfinite(track.position).all(axis=1) for track in scene.tracks]
    if len(shapes) == 1 and all(rows.mean() > 0.5 for rows in seen) and len(scene.bodies) < 4:
        yield f"How many {shapes.pop()}s are there?", str(len(scene.bodies)), None
    for body, run, rows in zip(scene.bodies, scene.trajectories, seen, strict=True):
        if rows.sum() >= 8:
            yield from _of_one(body.name, run.rows(rows), scene)
    if len(scene.bodies) == 2 and np.sum(seen[0] & seen[1]) >= 8:
        yield from _of_two(scene, seen[0] & seen[1])


def _of_one(name: str, run: Trajectory, scene: Scene) -> Iterator[tuple[str, str, float | None]]:
    reach, net = np.ptp(run.position, axis=0), run.position[-1] - run.position[0]
    size = next(body.size_m for body in scene.bodies if body.name == name)
    main = int(reach[1] > reach[0])
    if reach.max() < 0.5 * max(size):
        return
    if reach[main] > 2 * reach[1 - main]:
        yield f"Along which axis does the {name} mainly move?", ("horizontal", "vertical")[main], None
    if abs(net[main]) > 0.8 * reach[main] and reach[main] > 2 * abs(net[1 - main]):
        yield f"Which way does the {name} move?", (("right", "left"), ("up", "down"))[main][int(net[main] < 0)], None
    if abs(net[1]) > size[1]:
        yield f"Does the {name} end higher or lower than it began?", "higher" if net[1] > 0 else "lower", None
    kinds = [event.kind for event in scene.events if name in event.bodies and run.t[0] < event.t < run.t[-1]]
    times = [event.t for event in scene.events if name in event.bodies and run.t[0] < event.t < run.t[-1]]
    bounces = [t for t, kind in zip(times, kinds, strict=True) if kind == "bounce"]
    gaps = np.diff([*bounces, run.t[-1]])
    if scene.world == "bouncing" and "hidden" not in kinds and (not len(gaps) or gaps.min() > 4 / scene.fps):
        yield f"How many times does the {name} bounce?", str(len(bounces)), None
        if bounces:
            yield f"When does the {name} first bounce?", f"{bounces[0]:.3f} s", 1.5 / scene.fps
    turns = [t for t, kind in zip(times, kinds, strict=True) if kind == "turning point"]
    if scene.world in ("spring", "pendulum") and len(turns) >= 3:
        period = 2 * float(np.mean(np.diff(turns)))
        yield f"What is the period of the {name}?", f"{period:.3f} s", 0.05 * period
        yield f"How many times does the {name} change direction?", str(len(turns)), None
        kind = "pendulum" if scene.world == "pendulum" else "oscillation"
        yield f"What kind of motion does the {name} perform?", kind, None
    if scene.world == "uniform_motion" and scene.look.camera == "still" and run.velocity is not None:
        pace = float(np.mean(np.linalg.norm(run.velocity, axis=1))) / scene.metres_per_pixel
        yield f"How fast is the {name}?", f"{pace:.2f} px/s", 0.05 * pace


def _of_two(scene: Scene, both: np.ndarray) -> Iterator[tuple[str, str, float | None]]:
    first, second = scene.bodies
    if first.colour == second.colour:
        return
    runs = [run.rows(both) for run in scene.trajectories]
    pace = [float(np.mean(np.linalg.norm(np.diff(run.position, axis=0), axis=1) / np.diff(run.t))) for run in runs]
    if max(pace) > 1.3 * min(pace):
        truth = (first, second)[int(pace[1] > pace[0])].colour
        yield f"Which is faster, the {first.name} or the {second.name}?", truth, None
    offset = runs[0].position[0] - runs[1].position[0]
    if abs(offset[0]) > max(first.size_m[0], second.size_m[0]):
        question = f"Is the {first.name} to the left of the {second.name} at the start?"
        yield question, "yes" if offset[0] < 0 else "no", None
    hits = [
        event.t for event in scene.events if event.kind == "contact" and set(event.bodies) == {first.name, second.name}
    ]
    if scene.world in ("collision", "carts"):
        yield f"Do the {first.name} and the {second.name} touch?", "yes" if hits else "no", None
        if hits:
            yield f"When do the {first.name} and the {second.name} collide?", f"{hits[0]:.3f} s", 1.5 / scene.fps


def summary(name: str, asked: list[Asked]) -> None:
    """Prints the share right, with chance and majority beside, by topic and in all."""
    print(
        f"\n{name}\n\n| topic | questions | right | confident and wrong | no answer | chance | majority |\n"
        "|---|---|---|---|---|---|---|"
    )
    topics: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        topics[one.found.topic or "not understood"].append(one)
    for topic, part in [*sorted(topics.items()), ("**all**", asked)]:
        right = sum(one.is_right for one in part)
        sure = sum(one.is_confident and not one.is_right for one in part)
        none = sum(not one.found.text for one in part)
        chance = np.mean([one.chance for one in part])
        print(f"| {topic} | {len(part)} | {right} ({100 * right / len(part):.0f} %) | {sure} | {none} | "
              f"{100 * chance:.0f} % | {100 * majority(part) / len(part):.0f} % |")  # fmt: skip
    print(f"\nCPU seconds a question: {np.mean([one.cpu_s for one in asked]):.1f}", flush=True)


def majority(asked: list[Asked]) -> int:
    """How many are right if the most frequent answer to each kind of question is always given."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for one in asked:
        groups[one.found.topic + str(sorted(words for words, _ in read_question(one.question).alternatives))][
            one.truth
        ] += 1
    return sum(max(counter.values()) for counter in groups.values())


def main() -> None:
    """Asks and prints."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--clips", help="only these clips, with commas; none for films alone")
    options.add_argument("--films", type=int, default=30)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    print("| clip | question | truth | answer | confidence | CPU s | |\n|---|---|---|---|---|---|---|")
    parts = {"Real clips": list(real_clips(chosen.clips)), "Films": list(films(chosen.films, chosen.seed))}
    for name, asked in parts.items():
        if asked:
            summary(name, asked)


if __name__ == "__main__":
    main()
