"""``motionlaw track VIDEO``: tracks what moves and writes it as a table and as an overlay.

motionlaw track cart.mp4 --scale 828px=1m --out tracks.csv --overlay tracks.mp4
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.overlay import check_overlay, write_overlay
from motionlaw.tools.scale import Scale, parse_scale
from motionlaw.tools.tracking.output import check_format, write_tracks
from motionlaw.tools.tracking.result import TrackingResult
from motionlaw.tools.tracking.run import track_video


def track_command(
    video: str,
    *,
    track: list[str] | tuple[str, ...] = ("auto",),
    objects: int | None = None,
    out: str | None = None,
    overlay: str | None = None,
    scale: str | None = None,
    origin: str | None = None,
    tilt: float = 0.0,
    start: float | None = None,
    end: float | None = None,
    crop: str | None = None,
    backend: str = "classical",
    checkpoint: str | None = None,
    as_json: bool = False,
) -> int:
    """Tracks what moves in a video; prints a table, or JSON, and writes what is asked for.

    Args:
        video: The video file.
        track: ``auto``, or clicks ``x,y@t`` and boxes ``x1,y1,x2,y2@t``.
        objects: How many objects at the most.
        out: Table of positions to write: csv, parquet or json.
        overlay: Video with the tracks drawn in to write: mp4.
        scale: Pixels and length, e.g. ``120px=0.5m``; adds coordinates in metres, y up, to what is printed.
        origin: Where x = y = 0 lies, ``x,y`` in pixels.
        tilt: Angle of the x axis, degrees counter-clockwise.
        start: First time wanted, seconds.
        end: Last time wanted, seconds.
        crop: Part of the frame to look into, ``x1,y1,x2,y2``.
        backend: The tracker.
        checkpoint: Checkpoint of a learned tracker.
        as_json: Print JSON.

    Returns:
        Exit code: 0 done. Bad input raises `UserError` (exit 2) before anything is written.
    """
    ruler = parse_scale(scale, origin=origin, tilt_deg=tilt)
    if out is not None:
        check_format(out)
    if overlay is not None:
        check_overlay(overlay)
    result = _tracked(
        video,
        at=list(track),
        objects=objects,
        start_s=start,
        end_s=end,
        crop=_crop(crop),
        backend=backend,
        checkpoint=checkpoint,
    )
    if out is not None:
        write_tracks(result, out)
    if overlay is not None:
        write_overlay(video, result.tracks, overlay)
    if as_json:
        print(json.dumps(_report(result, ruler, out, overlay), allow_nan=False))
    else:
        _print_table(result, ruler, out, overlay)
    return 0


def _tracked(video: str, **options: Any) -> TrackingResult:
    """Tracks with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("tracking"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("tracking", total=1.0)
        return track_video(video, progress=lambda share: bar.update(task, completed=share), **options)


def _crop(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    try:
        x1, y1, x2, y2 = (int(float(part)) for part in text.split(","))
    except (ValueError, OverflowError):
        raise UserError(f"crop must be x1,y1,x2,y2 in pixels, got '{text}'.") from None
    return x1, y1, x2, y2


def _report(result: TrackingResult, ruler: Scale, out: str | None, overlay: str | None) -> dict[str, Any]:
    report = result.to_dict()
    for entry, track in zip(report["tracks"], result.tracks, strict=True):
        entry["trajectory"] = ruler.apply(track).to_dict()
    report["scale"] = ruler.to_dict()
    report["written"] = [path for path in (out, overlay) if path is not None]
    return report


def _print_table(result: TrackingResult, ruler: Scale, out: str | None, overlay: str | None) -> None:
    info = result.info
    rate = "variable frame rate" if info.is_variable_frame_rate else f"{info.fps:.4g} frames/s"
    print(f"{info.path}: {info.width}x{info.height}, {info.frame_count} frames, {rate}, {info.duration_s:.4g} s")
    print(
        f"{'object':<10} {'seen':>9} {'from s':>8} {'to s':>8} {'x range':>9} {'y range':>9}  {'unit':<4} "
        f"{'confidence':>10}"
    )
    for track in result.tracks:
        seen = np.isfinite(track.position).all(axis=1)
        reach = np.ptp(ruler.to_coordinates(track.position[seen]), axis=0)
        t = track.timestamps[seen]
        print(
            f"{track.name:<10} {f'{seen.sum()}/{len(seen)}':>9} {t[0]:>8.3f} {t[-1]:>8.3f} "
            f"{reach[0]:>9.4g} {reach[1]:>9.4g}  "
            f"{ruler.unit:<4} {track.confidence[seen].mean():>10.2f}"
        )
    for warning in result.warnings:
        print(f"Note: {warning}")
    for track in result.tracks:
        for warning in track.warnings:
            print(f"Note: {track.name}: {warning}")
    for path in (out, overlay):
        if path is not None:
            print(f"Wrote {path}")
