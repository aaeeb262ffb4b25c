"""Tracks on disk: csv, parquet or json, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.result import TrackingResult

FORMATS = (".csv", ".parquet", ".json")
"""Endings that `write_tracks` knows."""


@contextlib.contextmanager
def replaced_when_done(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a file to write beside ``path``, and moves it there only when nothing failed.

    Args:
        path: Where the result shall stand.

    Yields:
        A path with the same ending in the same folder.

    Raises:
        UserError: The folder does not exist or cannot be written to.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        reason = "it is a directory" if path.is_dir() else f"there is no folder {path.parent}"
        raise UserError(f"{path} cannot be written: {reason}.")
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except PermissionError:
        raise UserError(f"{path} cannot be written: permission denied.") from None
    finally:
        partial.unlink(missing_ok=True)


def track_rows(result: TrackingResult) -> dict[str, np.ndarray]:
    """Lays all tracks out as columns, one row per object and frame, NaN where unseen.

    Args:
        result: The tracks.

    Returns:
        Columns ``trajectory``, ``frame``, ``t`` (s), ``x``, ``y`` (px, y down), ``confidence``, and the box ``x1``,
        ``y1``, ``x2``, ``y2``.
    """
    tracks = result.tracks
    columns: dict[str, Any] = {
        "trajectory": np.concatenate([np.full(len(track.frame), track.tracker_id) for track in tracks]),
        "frame": np.concatenate([track.frame for track in tracks]),
        "t": np.concatenate([track.timestamps for track in tracks]),
    }
    position = np.concatenate([track.position for track in tracks])
    columns["x"], columns["y"] = position[:, 0], position[:, 1]
    columns["confidence"] = np.concatenate([track.confidence for track in tracks])
    boxes = np.concatenate([track.xyxy for track in tracks])
    for i, name in enumerate(("x1", "y1", "x2", "y2")):
        columns[name] = boxes[:, i]
    return columns


def write_tracks(result: TrackingResult, out_path: str | os.PathLike[str]) -> Path:
    """Writes tracks as csv, parquet or json, as the ending says.

    Args:
        result: The tracks.
        out_path: File to write; an existing one is replaced.

    Returns:
        The file.

    Raises:
        UserError: The ending is none of the three, or the file cannot be written.
    """
    path = Path(out_path)
    check_format(path)
    with replaced_when_done(path) as partial:
        if path.suffix == ".json":
            partial.write_text(json.dumps(result.to_dict(), allow_nan=False))
        else:
            import pandas as pd

            table = pd.DataFrame(track_rows(result))
            if path.suffix == ".csv":
                table.to_csv(partial, index=False, float_format="%.6g")
            else:
                table.to_parquet(partial, index=False)
    return path


def check_format(path: str | os.PathLike[str]) -> None:
    """Raises a `UserError` unless tracks can be written in the format that the ending names."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise UserError(f"tracks are written as {', '.join(FORMATS)}, got '{path}'.")
