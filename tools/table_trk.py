"""Reads the project files of Tracker (.trk), the video analysis tool of Open Source Physics.

Only point masses are read: their marked points, the axes and the scale. Models, vectors and lines are left out.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from motionlaw.tools.errors import UserError

POINT_MASS = "org.opensourcephysics.cabrillo.tracker.PointMass"


def read_trk(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Reads the marked points of every point mass, in the axes and scale of the file.

    Args:
        path: The .trk file.

    Returns:
        Columns ``t`` (seconds from the start frame), ``track``, ``x``, ``y`` (y up), and their units.

    Raises:
        UserError: The file is no Tracker file, or nothing is marked in it.

    Source:
        Tracker's ImageCoordSystem: origin in pixels, angle in degrees counter-clockwise, scale in pixels a unit.
    """
    text = path.read_bytes()
    if b"<!DOCTYPE" in text[:4096]:
        raise UserError(f"'{path.name}' must be a Tracker file, but it declares a document type. Save it from Tracker.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UserError(f"'{path.name}' is no Tracker file ({error}). Save it again as .trk, or export csv.") from error
    clip, control = _property(root, "videoclip"), _property(root, "clipcontrol")
    start = int(_number(clip, "startframe", 0.0))
    seconds_per_frame = _number(control, "delta_t", 0.0) / 1000
    if seconds_per_frame <= 0:
        raise UserError(f"'{path.name}' has no frame duration (delta_t). Open it in Tracker and set the frame rate.")
    axes = _frames(_property(_property(root, "coords"), "framedata"))
    pieces = []
    for item in root.iter("object"):
        if item.get("class") != POINT_MASS:
            continue
        points = _frames(_property(item, "framedata"))
        rows = [_row(frame, point, axes, start, seconds_per_frame) for frame, point in sorted(points.items())]
        pieces.append(pd.DataFrame(rows, columns=["t", "x", "y"]).assign(track=_text(item, "name")))
    if not pieces or not any(len(piece) for piece in pieces):
        raise UserError(f"'{path.name}' has no marked point mass. Mark the object in Tracker, or export csv.")
    is_scaled = any(_number(frame, "xscale", 1.0) != 1.0 for frame in axes.values())
    unit = (_text(root, "length_unit") or "m") if is_scaled else "px"
    return pd.concat(pieces, ignore_index=True), {"t": "s", "x": unit, "y": unit}


def _property(element: ElementTree.Element | None, name: str) -> ElementTree.Element | None:
    """Returns a property of an object, stepping into the object that a property holds."""
    if element is None:
        return None
    for child in element:
        if child.tag == "property" and child.get("name") == name:
            inner = child.find("object")
            return child if inner is None else inner
    return None


def _text(element: ElementTree.Element | None, name: str) -> str:
    found = _property(element, name)
    return (found.text or "").strip() if found is not None else ""


def _number(element: ElementTree.Element | None, name: str, default: float) -> float:
    text = _text(element, name)
    return float(text) if text else default


def _frames(array: ElementTree.Element | None) -> dict[int, ElementTree.Element]:
    """Returns the entries of an array by frame number; Tracker leaves out empty ones."""
    entries = {}
    for child in array if array is not None else ():
        inner = child.find("object")
        if inner is not None:
            entries[int((child.get("name") or "").strip("[]"))] = inner
    return entries


def _row(
    frame: int, point: ElementTree.Element, axes: dict[int, ElementTree.Element], start: int, seconds_per_frame: float
) -> tuple[float, float, float]:
    """Turns one marked point into seconds and world coordinates."""
    system = axes.get(max((key for key in axes if key <= frame), default=min(axes, default=0)))
    angle = np.deg2rad(_number(system, "angle", 0.0))
    right = _number(point, "x", np.nan) - _number(system, "xorigin", 0.0)
    up = _number(system, "yorigin", 0.0) - _number(point, "y", np.nan)
    x = (right * np.cos(angle) + up * np.sin(angle)) / _number(system, "xscale", 1.0)
    y = (up * np.cos(angle) - right * np.sin(angle)) / _number(system, "yscale", 1.0)
    return (frame - start) * seconds_per_frame, x, y
