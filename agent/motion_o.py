"""Rows of Motion-o's JSON, read and written: question, chain, keyframes with boxes.

A row has ``question``, ``answer``, ``reasoning_process`` (a chain without its ``<think>``), ``key_frames``
(``[{"idx": 12, "time": 0.4}]``) and ``key_items`` (``{"12": {"cup": [[x1, y1, x2, y2]]}}``, shares of the picture), and
``video_path``, ``source``, ``task``, ``image_size`` [width, height]. Boxes are turned into pixels here. Times are taken
from ``key_frames`` alone: a frame without one is left out, never timed by a guessed frame rate.

Source: the training files of github.com/ostadabbas/Motion-o, which extend those of Open-o3 Video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from motionlaw.agent.mcot import Chain, Observation, write_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.tools.errors import ToolError
from motionlaw.tools.trajectory import Track

TASK = "temporal-spatial free-form QA"


@dataclass(frozen=True)
class MotionORow:
    """One row, with boxes in pixels.

    Args:
        question: The question.
        chain: The chain with its answer; without steps where the row has no ``reasoning_process``.
        tracks: One an object of ``key_items``, at the times of its keyframes.
        size: Width and height of the picture, pixels.
        video_path: The video, as the row names it.
        source: The collection that the video is from, as the row names it.
        task: Motion-o's name of the kind of row.
        problems: What could not be read, one sentence each.
    """

    question: str
    chain: Chain
    tracks: tuple[Track, ...]
    size: tuple[int, int]
    video_path: str = ""
    source: str = ""
    task: str = TASK
    problems: tuple[str, ...] = ()


def _scaled(chain: Chain, width: float, height: float, *, only_shares: bool) -> Chain:
    """Multiplies the boxes of a chain, or only those that are shares of the picture."""

    def scaled(step: Observation) -> Observation:
        if only_shares and max(step.box) > 1.0:
            return step
        x1, y1, x2, y2 = step.box
        return replace(step, box=(x1 * width, y1 * height, x2 * width, y2 * height))

    return replace(chain, steps=tuple(scaled(s) if isinstance(s, Observation) else s for s in chain.steps))


def _tracks(row: Mapping[str, Any], size: tuple[int, int], problems: list[str]) -> tuple[Track, ...]:
    times = {str(each["idx"]): float(each["time"]) for each in row.get("key_frames") or ()}
    places: dict[str, dict[int, Sequence[float]]] = {}
    for index, objects in (row.get("key_items") or {}).items():
        if str(index) not in times:
            problems.append(f"Frame {index} of key_items has no time in key_frames.")
            continue
        for name, boxes in (objects or {}).items():
            if boxes:
                places.setdefault(str(name), {})[int(index)] = boxes[0]
    tracks = []
    for number, (name, boxes) in enumerate(places.items()):
        frame = np.array(sorted(boxes, key=lambda index: times[str(index)]), dtype=int)
        xyxy = np.array([boxes[index] for index in frame.tolist()], dtype=float).reshape(len(frame), -1)
        if xyxy.shape[1] != 4 or not np.isfinite(xyxy).all():
            problems.append(f"The boxes of {name} must be four finite numbers each.")
            continue
        xyxy = np.where(np.max(xyxy) <= 1.0, xyxy * np.tile(np.array(size, dtype=float), 2), xyxy)
        t = np.array([times[str(index)] for index in frame])
        tracks.append(
            Track(number, name, frame, t, (xyxy[:, :2] + xyxy[:, 2:]) / 2, np.ones(len(t)), xyxy)
        )
    return tuple(tracks)


def read_motion_o(row: Mapping[str, Any], *, size: tuple[int, int] | None = None) -> MotionORow:
    """Reads a row of Motion-o's JSON.

    Args:
        row: The row.
        size: Width and height of the video, pixels, where the row has no ``image_size``.

    Raises:
        ToolError: The row has no question, or its picture no size.
    """
    if not isinstance(row.get("question"), str):
        raise ToolError("A row of Motion-o's JSON must have a question.")
    given = row.get("image_size") or size
    if not given:
        raise ToolError("A row of Motion-o's JSON without image_size needs the size of its video.")
    width, height = int(given[0]), int(given[1])
    problems: list[str] = []
    answer = str(row.get("answer", ""))
    reading = read_chain(f"<think>{row.get('reasoning_process') or ''}</think>")
    problems += [problem for problem in reading.problems if "answer" not in problem]
    chain = _scaled(replace(reading.chain, answer=answer), width, height, only_shares=True)
    return MotionORow(
        row["question"],
        chain,
        _tracks(row, (width, height), problems),
        (width, height),
        str(row.get("video_path", "")),
        str(row.get("source", "")),
        str(row.get("task", TASK)),
        tuple(problems),
    )


def write_motion_o(row: MotionORow) -> dict[str, Any]:
    """Writes a row as Motion-o has it; boxes become shares of the picture, rounded to four digits.

    Example:
        >>> row = MotionORow("Where?", Chain((Observation("cup", (32, 24, 64, 48), 0.5),), "left"), (), (64, 48))
        >>> write_motion_o(row)["reasoning_process"]
        '<obj>cup</obj><box>[0.5,0.5,1,1]</box>at<t>0.5</t>s'
    """
    width, height = row.size
    size = np.array([width, height, width, height], dtype=float)
    items: dict[str, dict[str, list[list[float]]]] = {}
    times: dict[int, float] = {}
    for track in row.tracks:
        for index, t, box in zip(track.frame.tolist(), track.timestamps.tolist(), track.xyxy, strict=True):
            if np.isfinite(box).all():
                items.setdefault(str(index), {})[track.name] = [np.round(box / size, 4).tolist()]
                times[index] = t
    shares = tuple(
        replace(step, box=tuple(np.round(np.array(step.box) / size, 4).tolist())) if isinstance(step, Observation)
        else step
        for step in row.chain.steps
    )  # fmt: skip
    text = write_chain(Chain(shares)).removeprefix("<think>").removesuffix("</think>")
    return {
        "task": row.task,
        "source": row.source,
        "video_path": row.video_path,
        "question": row.question,
        "answer": row.chain.answer or "",
        "reasoning_process": text,
        "image_size": [width, height],
        "key_frames": [{"idx": index, "time": t} for index, t in sorted(times.items())],
        "key_items": items,
    }
