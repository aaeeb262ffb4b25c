"""The values that motion is handed around in: `Track` in pixels, `Trajectory` in coordinates with units.

A `Track` is what a tracker saw; a `Trajectory` is what a law is sought for. Both are plain values: they
hold arrays and convert to and from dictionaries, and compute nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError


def _listed(values: np.ndarray | None) -> Any:
    """Turns an array into lists with ``None`` where it is NaN, as JSON wants it."""
    if values is None:
        return None
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return listed.tolist()


def _array(values: Any) -> np.ndarray | None:
    return None if values is None else np.asarray(values, dtype=float)


@dataclass(frozen=True)
class Track:
    """One object followed through a video.

    Args:
        tracker_id: Number of the object in its video, from 0.
        name: What to call it, e.g. ``"object 1"``.
        frame: Frame indices in the video, shape (T,), increasing.
        timestamps: Seconds from the container, shape (T,).
        position: Centre, shape (T, 2), pixels, [x, y], y down, NaN where unseen.
        confidence: Trust in each position, shape (T,), 0 to 1, 0 where unseen.
        xyxy: Bounding box, shape (T, 4), pixels, NaN where unseen.
        warnings: Sentences about suspected id switches, drift and losses.
    """

    tracker_id: int
    name: str
    frame: np.ndarray
    timestamps: np.ndarray
    position: np.ndarray
    confidence: np.ndarray
    xyxy: np.ndarray
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        length = len(self.timestamps)
        for name, shape in (
            ("frame", (length,)),
            ("position", (length, 2)),
            ("confidence", (length,)),
            ("xyxy", (length, 4)),
        ):
            if getattr(self, name).shape != shape:
                raise UserError(f"{name} must have shape {shape}, got {getattr(self, name).shape}.")

    def to_dict(self) -> dict[str, Any]:
        """Returns the track as lists and numbers, ``None`` where the object was not seen."""
        return {
            "tracker_id": self.tracker_id,
            "name": self.name,
            "frame": self.frame.tolist(),
            "timestamps": _listed(self.timestamps),
            "position": _listed(self.position),
            "confidence": _listed(self.confidence),
            "xyxy": _listed(self.xyxy),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Track:
        """Rebuilds a track from `to_dict`."""
        arrays = {key: np.asarray(values[key], dtype=float) for key in ("timestamps", "position", "confidence", "xyxy")}
        return cls(
            tracker_id=int(values["tracker_id"]),
            name=str(values["name"]),
            frame=np.asarray(values["frame"], dtype=int),
            warnings=tuple(values["warnings"]),
            **arrays,
        )


@dataclass(frozen=True)
class Trajectory:
    """Coordinates of one run over time, in units.

    Args:
        name: Where it comes from, e.g. ``"run3.csv"`` or ``"run3.csv trial 2"``.
        t: Seconds, shape (T,), strictly increasing.
        coordinates: Names of the D coordinates, e.g. ``("x",)`` or ``("theta1", "theta2")``.
        position: Values, shape (T, D), NaN where unseen.
        velocity: Their time derivatives where the source measured them, shape (T, D), else ``None``.
        acceleration: Their second derivatives where the source measured them, shape (T, D), else ``None``.
        units: Unit of each coordinate, e.g. ``("m",)``; ``""`` where unknown, ``"rad"`` for angles.
        notes: How the coordinates were made, one sentence each (pivot found, axis turned, ...).
    """

    name: str
    t: np.ndarray
    coordinates: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray | None = None
    acceleration: np.ndarray | None = None
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = (len(self.t), len(self.coordinates))
        for name in ("position", "velocity", "acceleration"):
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise UserError(f"{name} must have shape {shape}, got {values.shape}.")
        if len(self.units) != len(self.coordinates):
            object.__setattr__(self, "units", self.units + ("",) * (len(self.coordinates) - len(self.units)))

    def rows(self, chosen: slice | np.ndarray) -> Trajectory:
        """Returns some of the rows, by a slice, a mask or indices."""
        return replace(
            self,
            t=self.t[chosen],
            position=self.position[chosen],
            velocity=None if self.velocity is None else self.velocity[chosen],
            acceleration=None if self.acceleration is None else self.acceleration[chosen],
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the trajectory as lists and numbers, ``None`` where unseen."""
        return {
            "name": self.name,
            "t": _listed(self.t),
            "coordinates": list(self.coordinates),
            "position": _listed(self.position),
            "velocity": _listed(self.velocity),
            "acceleration": _listed(self.acceleration),
            "units": list(self.units),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Trajectory:
        """Rebuilds a trajectory from `to_dict`."""
        return cls(
            name=str(values["name"]),
            t=np.asarray(values["t"], dtype=float),
            coordinates=tuple(values["coordinates"]),
            position=np.asarray(values["position"], dtype=float),
            velocity=_array(values["velocity"]),
            acceleration=_array(values["acceleration"]),
            units=tuple(values["units"]),
            notes=tuple(values["notes"]),
        )
