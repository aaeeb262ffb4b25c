"""Questions about people whose boxes are known, from MOTChallenge's text alone: how many, which way, who is faster.

    motionlaw eval mot-text --data FOLDER

Each folder with a ``gt.txt`` and a ``facts.json`` is a sequence. The instruments count in the boxes; a model is shown
them as a table in words, for there are no pictures. What ``facts.json`` does not say is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from motionlaw.eval.qa.items import Item, need, read_json
from motionlaw.eval.tracking import Boxes, read_mot
from motionlaw.tools.errors import UserError

CLEAR_PX = 20.0  # a person who gets about by less, on the whole, is not asked which way
COUNTS = {
    "frames": "How many frames does the sequence have?",
    "distinct_people": "How many different people are there in the whole sequence?",
    "max_at_once": "How many people are there at most at the same time?",
    "people_in_frame_1": "How many people are there in frame 1?",
}


def mot_items(folder: Path) -> list[Item]:
    """The questions of all sequences below a folder.

    Raises:
        UserError: There are none, or a file has another form.
    """
    items: list[Item] = []
    for path in sorted(folder.rglob("facts.json")):
        boxes = path.parent / "gt.txt"
        if not boxes.is_file():
            continue
        facts, name = read_json(path), path.parent.name
        need(facts, (*COUNTS, "net_dx_px_by_id"), str(path))
        for key, asked in COUNTS.items():
            items.append(Item(f"{name} {key}", boxes, asked, str(facts[key]), "count", name, category="count"))
        ways = {str(number): float(way) for number, way in facts["net_dx_px_by_id"].items()}
        for number, way in ways.items():
            if abs(way) < CLEAR_PX:
                continue
            asked = f"Which way does person {number} go on the whole?"
            items.append(
                Item(f"{name} way {number}", boxes, asked, "AB"[int(way < 0)], "choice", name, ("right", "left"), "way")
            )
        most = max(ways, key=lambda number: abs(ways[number]))
        asked = "Which person gets farthest sideways, by number?"
        items.append(Item(f"{name} farthest", boxes, asked, most, "count", name, category="farthest"))
    if not items:
        raise UserError(f"No gt.txt with a facts.json in '{folder}'. Give the folder of the sequences with --data.")
    return items


def mot_answer(item: Item) -> str:
    """Answers a question from the boxes, by its wording; ``""`` for another question."""
    boxes = read_mot(item.video)
    for pattern, answer in _RULES:
        if found := re.search(pattern, item.question):
            return answer(boxes, found)
    return ""


def mot_words(path: Path, view: str) -> str:
    """The boxes as a model is shown them: all, of the middle frame alone, in the other order, or nothing.

    Args:
        path: MOTChallenge's text.
        view: One of `motionlaw.eval.qa.answerers.VIEWS`.
    """
    boxes = read_mot(path)
    if view == "blind":
        return ""
    frames = np.unique(boxes.frame)
    shown = frames[[len(frames) // 2]] if view == "frame" else frames
    times = shown[::-1] if view == "reversed" else shown
    lines = ["Boxes of people, as frame: person left,top,right,bottom; … in pixels, y down."]
    for number, frame in zip(shown.tolist(), times.tolist(), strict=True):
        people, xyxy = boxes.at(frame)
        said = (f"{person} {','.join(f'{edge:.0f}' for edge in box)}" for person, box in zip(people, xyxy, strict=True))
        lines.append(f"{number}: {'; '.join(said)}")
    return "\n".join(lines)


def _net(boxes: Boxes) -> dict[int, float]:
    """How far each person's left edge is in its last frame from where it was in its first, pixels."""
    out = {}
    for person in np.unique(boxes.tracker_id).tolist():
        rows = np.flatnonzero(boxes.tracker_id == person)
        rows = rows[np.argsort(boxes.frame[rows], kind="stable")]
        out[person] = float(boxes.xyxy[rows[-1], 0] - boxes.xyxy[rows[0], 0])
    return out


def _way(boxes: Boxes, found: re.Match[str]) -> str:
    net = _net(boxes).get(int(found[1]), 0.0)
    return "" if not net else "AB"[int(net < 0)]


def _farthest(boxes: Boxes, found: re.Match[str]) -> str:
    net = _net(boxes)
    return str(max(net, key=lambda person: abs(net[person])))


_RULES: tuple[tuple[str, Callable[[Boxes, re.Match[str]], str]], ...] = (
    (r"How many frames", lambda boxes, _: str(int(boxes.frame.max()))),
    (r"different people", lambda boxes, _: str(len(np.unique(boxes.tracker_id)))),
    (r"at most at the same time", lambda boxes, _: str(int(np.max(np.unique(boxes.frame, return_counts=True)[1])))),
    (r"people are there in frame (\d+)", lambda boxes, found: str(int(np.sum(boxes.frame == int(found[1]))))),
    (r"Which way does person (\d+) go", _way),
    (r"Which person gets farthest", _farthest),
)
