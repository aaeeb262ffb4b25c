"""Questions about motion with answers by rule: four options or free, in sets that one source answers in several ways.

    motionlaw build questions --n 1000 --seed 0 --out questions
    motionlaw build questions --set videos=FOLDER --n 40 --out real-questions

Each set asks the same of two or four cuts of one source, each with another answer (`rules`). A fact within the margin
of two answers gives no question. Options are shuffled with a stored seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pyarrow as pa

from motionlaw.data_builders.builder import Builder, Row, video_field
from motionlaw.data_builders.clips import Clip, Cut, scene_clip
from motionlaw.data_builders.motion_rules import MOTION_RULES
from motionlaw.data_builders.physics_rules import PHYSICS_RULES
from motionlaw.data_builders.rules import Proposal, Rng, Rule, windows
from motionlaw.data_builders.sources import VIDEOS_SETTING, find_videos, track_columns, track_row, tracked
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.trajectory import Track

RULES: tuple[Rule, ...] = (*MOTION_RULES, *PHYSICS_RULES)
LETTERS = "ABCD"
SETS = 3  # at most, of one source
FREE_SHARE = 0.25

SCHEMA = pa.schema(
    [
        video_field("video"),
        *(pa.field(name, pa.string()) for name in ("name", "world", "split_of_scene", "rule", "category", "form")),
        pa.field("question", pa.string()),
        pa.field("options", pa.list_(pa.string())),
        pa.field("answer", pa.string()),
        pa.field("answer_text", pa.string()),
        pa.field("number", pa.float64()),
        pa.field("unit", pa.string()),
        pa.field("evidence", pa.string()),
        pa.field("objects", pa.list_(pa.string())),
        pa.field("set", pa.string()),
        pa.field("cut", pa.string()),
        pa.field("shuffle_seed", pa.int64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("fps", pa.float64()),
        pa.field("timestamps", pa.list_(pa.float64())),
        track_columns(),
    ]
)


@dataclass(frozen=True)
class Item:
    """A question about a clip.

    Args:
        rule: The rule that it follows.
        proposal: The set that it belongs to.
        clip: The clip.
        answer: The right one of the proposal's answers.
    """

    rule: Rule
    proposal: Proposal
    clip: Clip
    answer: str


def is_sure(track: Track) -> bool:
    """Whether a tracker has no doubt about an object, but that it leaves the frame."""
    return all(warning.startswith("Leaves the frame") for warning in track.warnings)


def ask(rule: Rule, clip: Clip, rng: Rng) -> list[Item]:
    """Makes one set of a rule's questions about a steady clip; empty where not each cut has a clear answer of its own.

    Args:
        rule: The rule.
        clip: An uncut clip.
        rng: The random numbers.
    """
    if rule.needs_scene and clip.scene is None:
        return []
    names = [track.name for track in clip.tracks if is_sure(track)]
    objects = list(permutations(names, 2)) if rule.is_for_two else [(name,) for name in names]
    if not objects:
        return []
    for window in windows(clip, rng, rule.tries, is_wide=rule.is_wide):
        proposal = rule.propose(clip, objects[int(rng.integers(len(objects)))], window, rng)
        if proposal is None:
            continue
        items: list[Item] = []
        for cut in proposal.cuts:
            cut_clip = proposal.clip_of(cut, clip)
            word = proposal.read(cut_clip)
            if word not in proposal.answers or any(item.answer == word for item in items):
                break
            items.append(Item(rule, proposal, cut_clip, word))
        if len(items) == len(proposal.cuts):
            return items
    return []


def sets_of(clip: Clip, rng: Rng) -> Iterator[list[Item]]:
    """Yields the sets of questions about a clip; rules that seldom apply are likely to be tried first."""
    if not clip.is_steady():
        return
    count = 0
    weights = np.array([rule.weight for rule in RULES])
    for number in rng.choice(len(RULES), len(RULES), replace=False, p=weights / weights.sum()).tolist():
        items = ask(RULES[number], clip, rng)
        if items:
            count += 1
            yield items
        if count == SETS:
            return


def shuffled(answers: tuple[str, ...], seed: int) -> list[str]:
    """The options in the order of a seed.

    Example:
        >>> sorted(shuffled(("a", "b", "c", "d"), 7))
        ['a', 'b', 'c', 'd']
    """
    return [answers[k] for k in np.random.default_rng(seed).permutation(len(answers))]


def item_row(item: Item, number: str, *, is_free: bool, seed: int) -> Row:
    """Makes the row of an item."""
    options = [] if is_free else shuffled(item.proposal.answers, seed)
    unit = item.proposal.unit
    clip, cut = item.clip, item.clip.cut or Cut(0, len(item.clip.timestamps))
    return {
        "video": {"bytes": clip.film(), "path": None},
        "name": clip.name,
        "world": clip.scene.world if clip.scene else "",
        "split_of_scene": clip.scene.split if clip.scene else "",
        "rule": item.rule.name,
        "category": item.rule.category,
        "form": "free" if is_free else "choice",
        "question": item.proposal.question,
        "options": options,
        "answer": item.answer if is_free else LETTERS[options.index(item.answer)],
        "answer_text": item.answer,
        "number": None if unit is None else float(item.answer.split()[0]),
        "unit": unit,
        "evidence": item.proposal.evidence(clip) if item.proposal.evidence else "",
        "objects": list(item.proposal.objects),
        "set": number,
        "cut": cut.words,
        "shuffle_seed": seed,
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "timestamps": clip.timestamps.tolist(),
        "tracks": [track_row(track) for track in clip.tracks],
    }


def builder(videos: str = "") -> Builder:
    """Makes the builder.

    Args:
        videos: A folder of real videos, or files with commas; made worlds if empty.
    """
    files = find_videos(videos)

    def make(seed: int, index: int) -> list[Row]:
        clip = tracked(files[index % len(files)]) if files else scene_clip(make_scene(seed, index))
        if clip is None:
            return []
        rng = np.random.default_rng([seed, index, 1])
        rows = []
        for number, items in enumerate(sets_of(clip, rng)):
            is_free = bool(rng.random() < FREE_SHARE) and not items[0].proposal.needs_options
            for item in items:
                name = f"{clip.name} {seed}-{index} {number}"
                rows.append(item_row(item, name, is_free=is_free, seed=int(rng.integers(2**31))))
        return rows

    return Builder("questions", SCHEMA, make, _group, _pair, describe, _held_out)


def _group(row: Row) -> str:
    return str(row["name"])


def _pair(row: Row) -> tuple[bytes, str]:
    return row["video"]["bytes"], row["question"]


def _held_out(row: Row) -> str | None:
    return "test_ood" if row["split_of_scene"] == "test_ood" else None


def describe() -> str:
    """The card's text."""
    lines = [
        "Questions about how things move, answered by rule from tracks. All rows of one `set` ask the same of two or "
        "four cuts of one source (trimmed, reversed, mirrored, played there and back, or at another speed), each with "
        "another answer: the text of a question does not tell its answer, nor does an answer come up more often. "
        "Where a fact is not clear by a margin, nothing is asked; nor is what comes next, or when two touch, where the "
        "film does not show it: the plain motion of the true places, or the closing of the gap, is carried on with the "
        "error that places known to 0.05 px, or a gap known to 0.25 px, leave, and must be right to 10 %, to 5 % for "
        "free answers. Numbers hold for the film as it runs, at its own times. Films whose camera moves are left out.",
        "",
        f"{FREE_SHARE:.0%} of the sets have `form` free (no options, `answer` in words), the others four options in an "
        "order drawn with `shuffle_seed` (`answer` is a letter). `number` and `unit` are given where the answer is a "
        "number. `tracks` are those of the cut, in pixels, y down.",
        "",
        f"Sources: the {len(WORLDS)} worlds of `motionlaw build worlds`, the same scenes for the same seed; or real "
        f"videos that were tracked (`{VIDEOS_SETTING}`). At most {SETS} sets a source, rules in random order.",
        "",
        "| rule | category | asks |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {rule.name} | {rule.category} | {rule.about} |" for rule in RULES]
    return "\n".join(lines)
