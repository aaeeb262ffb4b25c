"""V-STaR (Cheng et al. 2025, arXiv 2503.11495): what, when and where, in two chains, from ``V_STaR_test.json``.

First chain: what, when, then where at the seconds of the true time. Second: what, then where without being told the
time, then when with the true boxes given. Its scorer's rules are kept: a time's overlap is that of the two numbers in
their order; a box is looked for under the second of each true box, the best of several counts, a missing one is 0, and
an item's score is the mean over its true boxes. Its faults are not: an item without an answer to "what" is left out of
the overlaps there, but not of the share of right answers; the baseline of random boxes is 0, since it reads boxes by
the wrong keys. "What" is graded by a 72B model there and by words here: not comparable.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motionlaw.eval.qa.items import Item, found_video, need, read_json
from motionlaw.tools.errors import UserError

CHAINS = (("what", "when", "where"), ("what", "when 2", "where 2"))
_FORM = (
    'Answer with JSON alone: the whole seconds as keys, boxes [x1, y1, x2, y2] as values, e.g. {"3": [10, 20, 60, 90]}.'
)


def vstar(folder: Path) -> list[Item]:
    """The questions of both chains, as far as an entry has them.

    Raises:
        UserError: There is no such file, or it has another form.
    """
    path = next(iter(sorted(folder.rglob("V_STaR_test.json"))), None)
    if path is None:
        raise UserError(f"No V_STaR_test.json of V-STaR in '{folder}'. Give the folder of its files with --data.")
    items: list[Item] = []
    for number, each in enumerate(read_json(path)):
        need(each, ("vid", "question", "answer", "temporal_question", "timestamps"), f"Entry {number} of V-STaR")
        items += _of_entry(str(number), each, found_video(folder, str(each["vid"])))
    return items


def _of_entry(number: str, entry: Mapping[str, Any], video: Path) -> list[Item]:
    group = str(entry["vid"])
    start, stop = (float(t) for t in entry["timestamps"])
    times, boxes = f"{start} {stop}", _boxes(entry, number)

    def item(kind: str, question: str, answer: str, scorer: str, context: str = "") -> Item:
        return Item(f"{number} {kind}", video, str(question), answer, scorer, group, category=kind, context=context)

    asked = "Answer with the start and the end in seconds."
    items = [
        item("what", entry["question"], str(entry["answer"]), "words"),
        item("when", entry["temporal_question"], times, "interval", asked),
    ]
    if not boxes:
        return items
    frame = f"Boxes are in pixels of a picture {entry['width']} wide and {entry['height']} high, y down."
    seconds = ", ".join(str(t) for t in range(math.ceil(start), math.floor(stop) + 1))
    truth = json.dumps(boxes)
    if "spatial_question" in entry:
        context = f"For each of the seconds {seconds}. {frame} {_FORM}"
        items.append(item("where", entry["spatial_question"], truth, "boxes", context))
    if "spatial_question_2" in entry:
        given = "; ".join(str(box) for box in boxes.values())
        told = f"The key object's {len(boxes)} boxes, at times that are not told: {given}. {frame} {asked}"
        context = f"For the {len(boxes)} whole seconds that the question is about, which you must find. {frame} {_FORM}"
        items.append(item("when 2", entry["temporal_question"], times, "interval", told))
        items.append(item("where 2", entry["spatial_question_2"], truth, "boxes", context))
    return items


def _boxes(entry: Mapping[str, Any], number: str) -> dict[str, list[float]]:
    """An entry's true boxes by second."""
    out = {}
    for box in entry.get("bboxes") or ():
        need(box, ("timestamp", "xmin", "ymin", "xmax", "ymax"), f"A box of entry {number} of V-STaR")
        need(dict(entry), ("width", "height"), f"Entry {number} of V-STaR")
        out[_second(box["timestamp"])] = [float(box[key]) for key in ("xmin", "ymin", "xmax", "ymax")]
    return out


def _second(value: Any) -> str:
    """A second as a key: 3, 3.0 and "3" are one, which its own scorer does not see."""
    return f"{float(value):g}"


def read_boxes(reply: str) -> dict[str, list[list[float]]]:
    """The boxes of a reply by second, one or several each; empty if it holds none.

    Example:
        >>> read_boxes('Here: ```json [{"3": [1, 2, 3, 4]}, {"4": [[1, 2, 3, 4]]}] ```')
        {'3': [[1.0, 2.0, 3.0, 4.0]], '4': [[1.0, 2.0, 3.0, 4.0]]}
    """
    found = re.search(r"\[.*\]|\{.*\}", reply, flags=re.S) if reply.find("[") < reply.find("{") else None
    found = found or re.search(r"\{.*\}", reply, flags=re.S)
    try:
        values = json.loads(found[0].replace("'", '"')) if found else {}
    except ValueError:
        return {}
    out: dict[str, list[list[float]]] = {}
    for part in values if isinstance(values, list) else [values]:
        for key, value in part.items() if isinstance(part, dict) else ():
            boxes = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
            good = [[float(edge) for edge in box] for box in boxes if _is_box(box)]
            if good and re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", str(key)):
                out[_second(key)] = good
    return out


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(isinstance(edge, int | float) for edge in value)


def boxes_overlap(reply: Mapping[str, Sequence[Sequence[float]]], truth: Mapping[str, Sequence[float]]) -> float:
    """Mean overlap over union at the true seconds; the best of several boxes counts, and none is 0.

    Example:
        >>> boxes_overlap({"3": [[0, 0, 10, 10], [5, 0, 15, 10]]}, {"3": [0, 0, 10, 10], "4": [0, 0, 10, 10]})
        0.5
    """
    each = [max((_overlap(box, true) for box in reply.get(second, ())), default=0.0) for second, true in truth.items()]
    return sum(each) / len(each) if each else 0.0


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - across * down
    return across * down / area if area > 0 else 0.0


def chain_means(scores: Mapping[str, Sequence[float]]) -> str:
    """V-STaR's mAM and mLGM in words: means over the two chains; ``""`` where a part was not asked.

    Args:
        scores: Of every item, by category.

    Example:
        >>> chain_means({"what": [1, 0], "when": [0.4], "where": [0.3], "when 2": [0.4], "where 2": [0.3]})
        'mAM 40.0 %, mLGM 52.0 % (what by words: not comparable)'
    """
    arithmetic, logarithmic = [], []
    for chain in CHAINS:
        if not all(scores.get(part) for part in chain):
            return ""
        means = [sum(scores[part]) / len(scores[part]) for part in chain]
        arithmetic.append(sum(means) / 3)
        logarithmic.append(-sum(math.log(max(1 - mean, 1e-9)) for mean in means) / 3)
    both = [100 * sum(values) / len(values) for values in (arithmetic, logarithmic)]
    return f"mAM {both[0]:.1f} %, mLGM {both[1]:.1f} % (what by words: not comparable)"
