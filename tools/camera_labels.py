"""Camera moves under the label names of CameraBench, so that either's tools can read the other's labels.

Binary labels: a label is true of a video if its move is made at any time; ``fixed_camera`` if none is, shake apart.
Labels in the ground's or a tracked object's frame need to know what is up or who is followed, and are left out.

Source: Lin et al. 2025, CameraBench, arXiv 2504.15376 (label names as published with it).
"""

from __future__ import annotations

from collections.abc import Iterable

_OWN = "cam_motion.camera_centric_movement"

LABELS = {
    "pan right": f"{_OWN}.pan_right.has_pan_right",
    "pan left": f"{_OWN}.pan_left.has_pan_left",
    "tilt up": f"{_OWN}.tilt_up.has_tilt_up",
    "tilt down": f"{_OWN}.tilt_down.has_tilt_down",
    "roll clockwise": f"{_OWN}.roll_clockwise.has_roll_clockwise",
    "roll counter-clockwise": f"{_OWN}.roll_counterclockwise.has_roll_counterclockwise",
    "zoom in": f"{_OWN}.zoom_in.has_zoom_in",
    "zoom out": f"{_OWN}.zoom_out.has_zoom_out",
    "dolly in": f"{_OWN}.forward.has_forward_wrt_camera",
    "dolly out": f"{_OWN}.backward.has_backward_wrt_camera",
    "truck right": f"{_OWN}.rightward.has_rightward",
    "truck left": f"{_OWN}.leftward.has_leftward",
    "pedestal up": f"{_OWN}.upward.has_upward_wrt_camera",
    "pedestal down": f"{_OWN}.downward.has_downward_wrt_camera",
    "static": "cam_motion.steadiness_and_movement.fixed_camera",
}
"""Our words and CameraBench's label."""


def camerabench_labels(words: Iterable[str]) -> tuple[str, ...]:
    """The labels that are true of a camera that makes these moves.

    Args:
        words: Moves, such as ``"pan right"``; shake has no label and is left out.

    Example:
        >>> camerabench_labels(["zoom in", "shake"])
        ('cam_motion.camera_centric_movement.zoom_in.has_zoom_in',)
    """
    return tuple(LABELS[each] for each in words if each in LABELS)


def moves_of_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """The moves in our words that CameraBench's labels name; labels of other things are left out.

    Example:
        >>> moves_of_labels(["cam_motion.camera_centric_movement.forward.has_forward_wrt_camera", "cam_setup.lens"])
        ('dolly in',)
    """
    words = {label: word for word, label in LABELS.items()}
    return tuple(words[each] for each in labels if each in words)
