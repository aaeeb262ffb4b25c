"""FoundationMotion's JSON, in and out: tracks as normalised boxes a frame, questions with four options.

Tracks: ``{"object_00": {"bbox": [[l, t, r, b] or null, ...], "object_type": "cup", "interactions": [["object_01"] or
null, ...]}}``, boxes as shares of the width and height. Questions: ``{"questions": [{"question", "A", "B", "C", "D",
"correct_answer"}]}``, by themselves or below ``human`` or the writer's name (``gpt4o_mini_res``); some have ``answer``
for ``correct_answer``. The format knows no times: they must come from the video.

Source: FoundationMotion, arXiv 2512.10927: the caption prompt, question writer and evaluation of its repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracks import has_box
from motionlaw.tools.trajectory import Track

LETTERS = "ABCD"


def write_tracks(tracks: Sequence[Track], width: int, height: int) -> dict[str, Any]:
    """Writes tracks; objects interact in the frames in which their boxes meet.

    Args:
        tracks: All with a row for every frame of the video.
        width: Pixels.
        height: Pixels.
    """
    scale = np.array([width, height, width, height])
    keys = [f"object_{number:02d}" for number in range(len(tracks))]
    out: dict[str, Any] = {}
    for key, track in zip(keys, tracks, strict=True):
        seen = has_box(track)
        boxes = np.round((track.xyxy + 0.5) / scale, 5)
        out[key] = {
            "bbox": [box.tolist() if is_seen else None for box, is_seen in zip(boxes, seen, strict=True)],
            "object_type": track.name,
            "interactions": [
                [other for other, rival in zip(keys, tracks, strict=True) if other != key and _meet(track, rival, row)]
                or None
                for row in range(len(seen))
            ],
        }
    return out


def _meet(one: Track, other: Track, row: int) -> bool:
    a, b = one.xyxy[row], other.xyxy[row]
    return bool(np.all(np.isfinite([a, b])) and np.all(a[:2] <= b[2:]) and np.all(b[:2] <= a[2:]))


def read_tracks(values: Any, timestamps: np.ndarray, width: int, height: int) -> tuple[Track, ...]:
    """Reads tracks.

    Args:
        values: The file's JSON.
        timestamps: Seconds of every frame of the video, shape (T,).
        width: Pixels.
        height: Pixels.

    Raises:
        UserError: It has not that form, or other than one box a frame.
    """
    if not isinstance(values, Mapping) or not values:
        raise UserError("FoundationMotion's tracks must be an object with one entry for each thing, e.g. object_00.")
    names = _different([str(_entry(key, each)["object_type"]) for key, each in values.items()])
    scale = np.array([width, height, width, height])
    out = []
    for number, (key, name) in enumerate(zip(values, names, strict=True)):
        boxes = values[key]["bbox"]
        if len(boxes) != len(timestamps):
            raise UserError(f"{key} must have a box or null for each of {len(timestamps)} frames, got {len(boxes)}.")
        if any(box is not None and len(box) != 4 for box in boxes):
            raise UserError(f"{key} must have boxes [left, top, right, bottom], got one of another length.")
        xyxy = np.array([[np.nan] * 4 if box is None else box for box in boxes], dtype=float)
        if np.nanmax(xyxy, initial=0.0) > 1.5:
            raise UserError(f"{key} must have boxes as shares of the picture, 0 to 1, got {np.nanmax(xyxy):g}.")
        xyxy = xyxy * scale - 0.5
        position = (xyxy[:, :2] + xyxy[:, 2:]) / 2
        confidence = np.isfinite(position[:, 0]).astype(float)
        out.append(Track(number, name, np.arange(len(boxes)), timestamps, position, confidence, xyxy))
    return tuple(out)


def _entry(key: str, each: Any) -> Mapping[str, Any]:
    if not isinstance(each, Mapping) or "bbox" not in each or "object_type" not in each:
        raise UserError(f"{key} must have bbox and object_type.")
    return each


def _different(names: list[str]) -> list[str]:
    """Numbers names that come up more than once."""
    return [name if names.count(name) == 1 else f"{name} {names[: k + 1].count(name)}" for k, name in enumerate(names)]


def write_questions(questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Writes the questions with four options; free ones have no place in the format and are left out.

    Args:
        questions: Each with ``question``, ``options`` and ``answer`` (a letter).
    """
    return {
        "questions": [
            {"question": each["question"]}
            | dict(zip(LETTERS, each["options"], strict=True))
            | {"correct_answer": each["answer"]}
            for each in questions
            if len(each["options"]) == len(LETTERS)
        ]
    }


def questions_in(values: Any) -> Any:
    """The part of a file that holds questions: those that people checked first, as its evaluation does; else ``None``.

    Example:
        >>> questions_in({"gpt4o_mini_res": {"questions": []}, "metadata": {}})
        {'questions': []}
    """
    if not isinstance(values, Mapping):
        return None
    names = ("human", *sorted(key for key in values if str(key).endswith("_res")))
    parts = [values, *(values[name] for name in names if name in values)]
    return next((part for part in parts if isinstance(part, Mapping) and "questions" in part), None)


def read_questions(values: Any) -> list[dict[str, Any]]:
    """Reads questions: ``question``, ``options``, ``answer``.

    Raises:
        UserError: It has not that form, or a question's right answer is none of its options.
    """
    held = questions_in(values)
    if held is None or not isinstance(held["questions"], list):
        raise UserError("FoundationMotion's questions must be an object with a list 'questions'.")
    out = []
    for number, each in enumerate(held["questions"], start=1):
        missing = [key for key in ("question", *LETTERS) if key not in each]
        if missing:
            raise UserError(f"Question {number} must have {', '.join(missing)}.")
        answer = each.get("correct_answer", each.get("answer"))
        if not isinstance(answer, str) or answer not in tuple(LETTERS):
            raise UserError(f"Question {number} must have a correct_answer of A to D, got {answer!r}.")
        options = [str(each[letter]) for letter in LETTERS]
        out.append({"question": str(each["question"]), "options": options, "answer": str(answer)})
    return out
