"""Questions about one real clip as it is: of its facts, and of parts of it through the rules of `questions`.

Unlike the sets of `questions`, these have no reversed or mirrored twin, so that their texts may tell something of their
answers: they are labels, and `questions` is the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from motionlaw.data_builders.clips import Clip
from motionlaw.data_builders.measured_facts import Fact
from motionlaw.data_builders.questions import LETTERS, sets_of, shuffled

SIDES = {"E": "to the right", "W": "to the left", "N": "up", "S": "down"}
CAMERA = ("static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "dolly in", "dolly out",
          "truck left", "truck right")  # fmt: skip
CLEAR = 3.0  # standard errors by which two objects' speeds must differ


def choice(rule: str, question: str, answers: Sequence[str], right: str, seed: int) -> dict[str, Any]:
    """A question with four options in an order that the seed gives."""
    options = shuffled(tuple(answers), seed)
    return {"question": question, "options": options, "answer": LETTERS[options.index(right)], "answer_text": right,
            "rule": rule, "shuffle_seed": seed}  # fmt: skip


def free(rule: str, question: str, answer: str) -> dict[str, Any]:
    """A question without options."""
    return {"question": question, "options": [], "answer": answer, "answer_text": answer, "rule": rule,
            "shuffle_seed": None}  # fmt: skip


def ask_of_facts(facts: Sequence[Fact], camera: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Asks what the facts answer clearly.

    Args:
        facts: Of all objects.
        camera: The camera's moves in words.
        seed: Seed of the options' order.
    """
    rng = np.random.default_rng([seed, 7])
    out = []
    if len(camera) == 1 and camera[0] in CAMERA:
        others = [str(each) for each in rng.permutation([each for each in CAMERA if not _look_alike(each, camera[0])])]
        others = others[:3]
        asked = "What does the camera do?"
        out.append(choice("camera", asked, (camera[0], *others), camera[0], int(rng.integers(2**31))))
    for name in dict.fromkeys(each.object for each in facts):
        own = {each.name: each for each in facts if each.object == name}
        out += _of_one(name, own, rng)
    speeds = [
        each for each in facts if each.name == "mean speed" and each.value is not None and each.stderr is not None
    ]
    if len(speeds) == 2:
        slow, fast = sorted(speeds, key=lambda each: each.value or 0.0)
        gap = (fast.value or 0.0) - (slow.value or 0.0)
        if gap > CLEAR * float(np.hypot(slow.stderr or 0.0, fast.stderr or 0.0)) and gap > 0.3 * (slow.value or 0.0):
            out.append(free("faster", f"Which is faster, the {slow.object} or the {fast.object}?", fast.object))
    return out


def _look_alike(one: str, other: str) -> bool:
    """Whether two moves are the same, or hard to tell apart: a pan and a truck the same way."""
    alike = {"truck": "pan", "pedestal": "tilt", "dolly": "zoom"}
    plain = [" ".join([alike.get(kind, kind), *way]) for kind, *way in (one.split(), other.split())]
    return plain[0] == plain[1]


def _of_one(name: str, own: dict[str, Fact], rng: np.random.Generator) -> list[dict[str, Any]]:
    out = []
    turns, way = own.get("turns"), own.get("direction")
    if way is not None and way.word in SIDES and turns is not None and not turns.value and _is_clear(own, way.word):
        asked = f"Which way does the {name} move in the picture?"
        out.append(choice("direction", asked, tuple(SIDES.values()), SIDES[way.word], int(rng.integers(2**31))))
    if turns is not None and turns.value is not None and turns.value >= 1:
        low = int(max(turns.value - rng.integers(0, 4), 0))
        answers = tuple(str(low + k) for k in range(4))
        asked = f"How many times does the {name} turn back?"
        out.append(choice("repetition", asked, answers, f"{turns.value:.0f}", int(rng.integers(2**31))))
    speed, period = own.get("mean speed"), own.get("period")
    if speed is not None and speed.value and (speed.stderr or 0.0) < 0.1 * speed.value:
        out.append(
            free("speed", f"What is the mean speed of the {name}, in pixels per second?", f"{speed.value:.3g} px/s")
        )
    if period is not None and period.value:
        out.append(free("period", f"What is the period of the {name}, in seconds?", f"{period.value:.3g} s"))
    return out


def _is_clear(own: dict[str, Fact], way: str) -> bool:
    """Whether an object goes one of the four ways by far more than any other."""
    across, up, path = own.get("way to the right"), own.get("way up"), own.get("path length")
    if across is None or up is None or path is None:
        return False
    along, beside = (across, up) if way in "EW" else (up, across)
    length = path.value or 0.0
    return abs(along.value or 0.0) > max(3 * abs(beside.value or 0.0), 0.8 * length)


def ask_of_parts(clip: Clip, seed: int) -> list[dict[str, Any]]:
    """Asks of parts of a steady clip that play as they were filmed, by the rules of `questions`; with their times."""
    rng = np.random.default_rng([seed, 8])
    out = []
    for items in sets_of(clip, rng):
        for item in items:
            cut = item.clip.cut
            if cut is None or cut.is_reversed or cut.is_doubled or cut.is_mirrored or cut.speed != 1.0:
                continue
            start, stop = clip.timestamps[cut.start], clip.timestamps[cut.stop - 1]
            asked = f"From {start:.2f} s to {stop:.2f} s: {item.proposal.question}"
            seed_of = int(rng.integers(2**31))
            out.append(choice(item.rule.name, asked, item.proposal.answers, item.answer, seed_of))
    return out
