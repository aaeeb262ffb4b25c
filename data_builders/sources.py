"""Where the clips of a builder come from, and how their tracks are written into rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from motionlaw.data_builders.builder import Row
from motionlaw.data_builders.clips import Clip, video_clip
from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track

if TYPE_CHECKING:
    import pyarrow as pa

VIDEOS_SETTING = "--set videos=FOLDER"
ENDINGS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


def find_videos(videos: str) -> list[Path]:
    """Finds the videos of a folder (and the folders in it), or of files named with commas; none for ``""``.

    Raises:
        UserError: There is no video where one was named.
    """
    found: list[Path] = []
    for name in filter(None, (part.strip() for part in videos.split(","))):
        path = Path(name)
        inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in ENDINGS) if path.is_dir() else [path]
        if not inside or not all(each.is_file() for each in inside):
            raise UserError(f"{name} is no video and holds none. Give a folder of videos, or files with commas.")
        found += inside
    return found


def tracked(path: Path) -> Clip | None:
    """Tracks a video; one that cannot be used is told on stderr and gives no rows.

    Where the camera moves, tracks are those before the background of the first frame, not places in each picture.
    """
    try:
        clip = video_clip(path)
    except UserError as error:
        print(f"motionlaw: {path.name} is left out: {error}", file=sys.stderr)
        return None
    if clip.camera_moves:
        print(f"motionlaw: {path.name} is left out: the camera moves.", file=sys.stderr)
        return None
    return clip


def track_columns() -> pa.Field:
    """The column of tracks: name, times in seconds, places and boxes in pixels, ``None`` where unseen."""
    import pyarrow as pa

    numbers = pa.list_(pa.list_(pa.float64()))
    return pa.field(
        "tracks", pa.list_(pa.struct([("name", pa.string()), ("position", numbers), ("xyxy", numbers)]))
    )


def track_row(track: Track) -> Row:
    """A track as the column has it, at the row's ``timestamps``."""
    values = track.to_dict()
    whole = {key: [None if None in place else place for place in values[key]] for key in ("position", "xyxy")}
    return {"name": track.name} | whole
