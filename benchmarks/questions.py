"""How far one gets with our questions without watching: chance, majority, the text alone, the text and one frame.

    OMP_NUM_THREADS=1 python benchmarks/questions.py [--sources 1200] [--seed 0] [--out FILE]

Makes the items of ``motionlaw build questions`` (four options) without drawing films. Two classifiers are trained on
other sources than they are tested on (five folds by source) and choose among the options: *blind* sees the question
and the options (words, pairs of words of question and option, position, rank of a number); *one frame* also knows what
a single frame of the cut can show (places, sizes and distances of the objects asked about, the kind of scene), for the
first, the middle and the last frame in turn. Error bars are clustered by source. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from motionlaw.data_builders.clips import scene_clip
from motionlaw.data_builders.questions import RULES, Item, sets_of, shuffled
from motionlaw.data_builders.worlds import make_scene
from motionlaw.eval.metrics import clustered_mean

FOLDS, BUCKETS, RIDGE = 5, 2**15, 1.0
FRAMES = ("first", "middle", "last")
PLACES = 5  # cells each way that a place is told to


@dataclass(frozen=True)
class Asked:
    """An item as a classifier sees it: features of each option and the right one."""

    rule: str
    category: str
    source: str
    right: int
    text: list[list[str]]
    frames: dict[str, list[list[str]]]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[\d.]+", text.lower())


def text_features(question: str, options: Sequence[str]) -> list[list[str]]:
    """What the text says of each option: its words, with those of the question, its place, its rank as a number."""
    numbers = [float(re.match(r"[\d.]+", option).group()) if option[0].isdigit() else None for option in options]  # type: ignore[union-attr]
    asked = set(_words(question))
    rows = []
    for place, option in enumerate(options):
        own = [f"at {place}"]
        if numbers[place] is None:
            own += [f"o {word}" for word in set(_words(option))] + [f"O {option}"]
            own += [f"q {q} o {o}" for q in asked for o in set(_words(option))]
        else:
            rank = sorted(n for n in numbers if n is not None).index(numbers[place])
            size = round(3 * float(np.log10(max(numbers[place] or 0.0, 1e-3))))
            own += [f"rank {rank}", f"size {size}", f"number {option}"]
            own += [f"q {q} rank {rank}" for q in asked] + [f"q {q} size {size}" for q in asked]
        rows.append(own)
    return rows


def frame_words(item: Item, row: int) -> list[str]:
    """What one frame shows: the scene, and where the objects asked about are and how large."""
    clip = item.clip
    tracks = {track.name: track for track in clip.tracks}
    boxes = [tracks[name].xyxy[row] for name in item.proposal.objects]
    size = np.array([clip.width, clip.height])
    shown = [f"world {clip.scene.world if clip.scene else ''}"]
    centres = []
    for number, box in enumerate(boxes):
        if not np.isfinite(box).all():
            shown.append(f"{number} unseen")
            centres.append(np.array([np.nan, np.nan]))
            continue
        centre = (box[:2] + box[2:]) / 2 / size
        centres.append(centre)
        across, down = np.clip((centre * PLACES).astype(int), 0, PLACES - 1).tolist()
        wide = round(4 * float(np.log2(box[2] - box[0])))
        shown += [f"{number} x {across}", f"{number} y {down}", f"{number} at {across} {down}", f"{number} wide {wide}"]
        shown += [f"{shown[0]} {number} x {across}", f"{shown[0]} {number} y {down}"]
    if len(boxes) == 2 and np.isfinite(centres).all():
        apart = centres[1] - centres[0]
        shown += [f"right {apart[0] > 0}", f"below {apart[1] > 0}", f"apart {int(10 * np.hypot(*apart))}"]
        shown += [f"{shown[0]} apart {int(10 * np.hypot(*apart))}"]
        wide = [box[2] - box[0] for box in boxes]
        shown += [f"wider {wide[0] > wide[1]} much {max(wide) > 1.2 * min(wide)}"]
    return shown


def as_asked(item: Item, seed: int) -> Asked:
    """Makes the features of an item with its options shuffled."""
    options = shuffled(item.proposal.answers, seed)
    text = text_features(item.proposal.question, options)
    names = item.proposal.objects
    frames = {}
    for frame, row in zip(FRAMES, (0, len(item.clip.timestamps) // 2, -1), strict=True):
        shown = frame_words(item, row)
        rows = []
        for option, own in zip(options, text, strict=True):
            # An option's words, with an object's name as its number: "the red ball" is "the 0".
            said = option
            for number, name in enumerate(names):
                said = said.replace(name, str(number))
            keys = [f"s {said}"] if not said[0].isdigit() or item.proposal.unit is None else []
            keys += [key for key in own if key.startswith(("rank", "size"))]
            asked = _words(item.proposal.question.replace(names[0], "0"))[:3]
            rows.append([f"{key} {each} {asked}" for key in keys for each in shown])
        frames[frame] = rows
    return Asked(item.rule.name, item.rule.category, item.clip.name, options.index(item.answer), text, frames)


def _matrix(rows: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    at, column = [], []
    for number, row in enumerate(rows):
        for feature in row:
            at.append(number)
            column.append(zlib.crc32(feature.encode()) % BUCKETS)
    return sparse.csr_matrix((np.ones(len(at)), (at, column)), shape=(len(rows), BUCKETS))


def fit(features: sparse.csr_matrix, right: np.ndarray) -> np.ndarray:
    """Fits a linear choice among four options (conditional logit) with a ridge; rows are items times options."""
    count = len(right)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = (features @ weights).reshape(count, 4)
        score -= score.max(axis=1, keepdims=True)
        share = np.exp(score)
        share /= share.sum(axis=1, keepdims=True)
        value = -np.sum(np.log(share[np.arange(count), right])) + 0.5 * RIDGE * weights @ weights
        share[np.arange(count), right] -= 1.0
        return float(value), features.T @ share.ravel() + RIDGE * weights

    return minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x


def chosen(rows: list[list[list[str]]], right: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Returns the option that a classifier chooses for each item when trained on the other folds."""
    features = _matrix([option for item in rows for option in item])
    choice = np.zeros(len(right), dtype=int)
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        spread = lambda items: (items[:, None] * 4 + np.arange(4)).ravel()  # noqa: E731
        weights = fit(features[spread(train)], right[train])
        choice[test] = np.argmax((features[spread(test)] @ weights).reshape(-1, 4), axis=1)
    return choice


def collect(sources: int, seed: int) -> list[Asked]:
    """Makes the items of a number of made scenes."""
    items = []
    for index in range(sources):
        clip = scene_clip(make_scene(seed, index))
        rng = np.random.default_rng([seed, index, 1])
        items += [as_asked(item, int(rng.integers(2**31))) for one in sets_of(clip, rng) for item in one]
        if index % 100 == 99:
            print(f"{index + 1} sources, {len(items)} items", file=sys.stderr)
    return items


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    started = time.process_time()
    items = collect(options.sources, options.seed)
    right = np.array([item.right for item in items])
    fold = np.array([zlib.crc32(item.source.encode()) % FOLDS for item in items])
    hits = {"blind": chosen([item.text for item in items], right, fold) == right}
    for frame in FRAMES:
        with_frame = [[a + b for a, b in zip(item.text, item.frames[frame], strict=True)] for item in items]
        hits[f"{frame} frame"] = chosen(with_frame, right, fold) == right
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    lines = [
        f"{len(items)} items of {len({item.source for item in items})} films, {datetime.date.today()}, {commit}; "
        "per cent right ± standard error clustered by film; chance is 25.",
        "",
        f"| question | items | majority | {' | '.join(hits)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in hits)} |",
    ]
    groups = [("all", np.ones(len(items), dtype=bool))]
    groups += [(f"*{each}*", np.array([item.category == each for item in items])) for each in
               dict.fromkeys(rule.category for rule in RULES)]  # fmt: skip
    groups += [(rule.name, np.array([item.rule == rule.name for item in items])) for rule in RULES]
    for name, own in groups:
        if not own.any():
            lines.append(f"| {name} | 0 |" + " |" * (1 + len(hits)))
            continue
        clusters = [items[k].source for k in np.flatnonzero(own)]
        letter, _ = Counter(right[own].tolist()).most_common(1)[0]
        cells = []
        for each in [right == letter, *hits.values()]:
            found = clustered_mean(each[own].tolist(), clusters)
            cells.append(f"{100 * (found.mean or 0):.1f} ± {100 * (found.stderr or 0):.1f}")
        lines.append(f"| {name} | {int(own.sum())} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    print(f"{time.process_time() - started:.0f} s", file=sys.stderr)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
