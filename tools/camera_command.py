"""``motionlaw camera VIDEO``: what the camera does, interval by interval.

motionlaw camera clip.mp4
motionlaw camera clip.mp4 --json
"""

from __future__ import annotations

import json
from typing import Any

import motionlaw
from motionlaw.tools.camera_labels import camerabench_labels
from motionlaw.tools.camera_moves import CameraInterval, CameraMove, CameraMoves, camera_moves
from motionlaw.tools.errors import ToolError, UserError


def camera_command(video: str, *, as_json: bool = False) -> int:
    """Prints the camera's moves over time, or JSON.

    Args:
        video: The video file.
        as_json: Print JSON.

    Returns:
        Exit code: 0 done, 1 where no background could be followed.

    Raises:
        UserError: The file is no usable video, or too short.
    """
    try:
        found = camera_moves(video)
    except ToolError as error:
        raise UserError(f"{video} is too short: {error}") from None
    if as_json:
        print(json.dumps(report(video, found), allow_nan=False))
    elif found.moves:
        _print(found)
    else:
        print("No background was seen that could be followed.")
    return 0 if found.moves else 1


def report(video: str, found: CameraMoves) -> dict[str, Any]:
    """The moves of a video as plain values, with CameraBench's labels."""
    labels = camerabench_labels(move.words for move in found.moves)
    return {"schema": 1, "input": video} | found.to_dict() | {
        "camerabench": list(labels), "version": motionlaw.__version__}  # fmt: skip


def _print(found: CameraMoves) -> None:
    print(f"{', '.join(move.words for move in found.moves)}, in the camera's own frame")
    print(f"{'from s':>8} {'to s':>8}  moves")
    for part in found.intervals():
        print(f"{part.t_start:>8.2f} {part.t_end:>8.2f}  {_told(part)}")
    for label in camerabench_labels(move.words for move in found.moves):
        print(f"CameraBench: {label}")


def _told(part: CameraInterval) -> str:
    return "; ".join(map(_said, part.moves)) or "no background to follow"


def _said(move: CameraMove) -> str:
    size = f" {move.amount:.2g} {move.unit}" if move.unit else ""
    return f"{move.words}{size} ({move.confidence:.0%} sure)"
