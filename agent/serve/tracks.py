"""The tracks of a video for the page to draw, made once and kept beside it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.killable import Keep, Tell, run_killable

LIMIT_S, MOST_TRACKS = 180.0, 8


def tracks_of(video: Path, folder: Path) -> dict[str, Any]:
    """Tracks what moves in a video, in a process of its own.

    Args:
        video: The file.
        folder: Where the tracks are kept for the next time.

    Returns:
        ``tracks``: name, times in seconds, places in pixels and boxes, ``None`` where unseen; the size of the picture;
        or the reason why there are none.
    """
    kept = folder / f"{video.name}.tracks.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    # A fork would copy the locks of the server's threads in whatever state they are.
    ended = run_killable(partial(_tracked, str(video)), seconds=LIMIT_S, method="forkserver")
    if ended.reason:
        return {"tracks": [], "reason": f"Not tracked: it took longer than {LIMIT_S:.0f} s or failed."}
    spare = kept.with_suffix(".tmp")
    spare.write_text(json.dumps(ended.result), encoding="utf-8")
    spare.replace(kept)
    return ended.result


def _tracked(video: str, tell: Tell, keep: Keep) -> dict[str, Any]:
    from motionlaw.tools.tracking import track_video

    try:
        found = track_video(video)
    except (UserError, ToolError) as error:
        return {"tracks": [], "reason": str(error)}
    return {
        "tracks": [
            {
                "name": track.name,
                "t": [round(float(t), 4) for t in track.timestamps],
                "xy": _rounded(track.position),
                "box": _rounded(track.xyxy),
            }
            for track in found.tracks[:MOST_TRACKS]
        ],
        "width": found.info.width,
        "height": found.info.height,
        "reason": " ".join(found.warnings),
    }


def _rounded(values: np.ndarray) -> list[list[float] | None]:
    return [[round(float(v), 1) for v in row] if np.isfinite(row).all() else None for row in values]
