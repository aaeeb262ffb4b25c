"""When two bodies of a made scene first touch, and how well a film shows it: by how the gap between them closes."""

from __future__ import annotations

import numpy as np

from motionlaw.data_builders.clips import Clip
from motionlaw.data_builders.scene import Body
from motionlaw.tools.shapes import outline_distance

GAP_PX = 0.25
"""How well the gap between two outlines is known from a film: two edges, each to a fifth of a pixel."""

CLOSING = 3
"""Frames before a touch by which the gap closes evenly, where the touch can be told between the frames."""


def touch_error(clip: Clip, names: tuple[str, str], touch_s: float) -> float:
    """How far off the best viewer may be who tells a touch by the frames before it, seconds of the scene.

    The gap in the last frames before it is carried on along a line: by how much that misses the touch, and two
    standard errors of it by a gap that is seen as well as can be.

    Args:
        clip: An uncut clip of a made scene.
        names: Of the two bodies.
        touch_s: When they touch, seconds.

    Returns:
        Seconds; infinite where one of them is hidden then, or the gap does not close evenly.
    """
    last = int(np.ceil(touch_s * clip.fps - 1e-9)) - 1
    rows = np.arange(last - CLOSING + 1, last + 2)
    if rows[0] < 0 or rows[-1] >= len(clip.timestamps):
        return float("inf")
    tracks = [track for track in clip.tracks if track.name in names]
    if not all(np.isfinite(track.xyxy[rows]).all() and (track.confidence[rows] > 0).all() for track in tracks):
        return float("inf")
    gap = gaps_px(clip, names, rows[:-1])
    slope, height = np.polyfit(rows[:-1] - last, gap, 1)
    if slope >= 0:
        return float("inf")
    missed = abs(last - height / slope - touch_s * clip.fps)
    return float(missed + 2 * GAP_PX / -slope) / clip.fps


def gaps_px(clip: Clip, names: tuple[str, str], rows: np.ndarray) -> np.ndarray:
    """How far two bodies of a made scene are apart in some frames, edge to edge, shape (N,), pixels."""
    assert clip.scene is not None
    scene = clip.scene
    numbers = [next(k for k, body in enumerate(scene.bodies) if body.name == name) for name in names]
    poses = scene.poses[:, scene.poses.shape[1] // 2]
    one, other = ([_outline(scene.bodies[number], poses[row, number]) for row in rows.tolist()] for number in numbers)
    room = sum(_radius(scene.bodies[number]) for number in numbers)
    apart = [outline_distance(a, b) - room for a, b in zip(one, other, strict=True)]
    return np.array(apart) / scene.metres_per_pixel


def _radius(body: Body) -> float:
    return body.size_m[0] / 2 if body.shape == "ball" else 0.0


def _outline(body: Body, pose: np.ndarray) -> np.ndarray:
    """The corners of a body in metres, shape (4, 2); of a ball its centre, shape (1, 2)."""
    if body.shape == "ball":
        return pose[None, :2]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(body.size_m) / 2
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return corners @ np.array([[cos, sin], [-sin, cos]]) + pose[:2]
