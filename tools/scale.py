"""Scale: from pixels, y down, to metres, y up, about an origin and along a tilted axis.

A scale is one number for the whole picture: the motion must lie in a plane facing the camera. Perspective and lens
distortion are not corrected here.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track, Trajectory

METRES_PER_UNIT = {
    "m": 1.0, "metre": 1.0, "meter": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "um": 1e-6, "µm": 1e-6, "km": 1000.0,
    "in": 0.0254, "inch": 0.0254, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "yd": 0.9144,
}  # fmt: skip
"""Lengths that a scale may be given in (the international inch and foot of 1959)."""

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_LENGTH = re.compile(rf"\s*{_NUMBER}\s*([A-Za-zµ]+)\s*")


@dataclass(frozen=True)
class Scale:
    """How pixels become coordinates.

    Args:
        metres_per_pixel: Length of one pixel; 1 where no scale is known.
        origin_px: Where x = y = 0 lies, pixels, [x, y], y down.
        tilt_rad: Angle of the x axis in the picture, counter-clockwise from the pixels' own x axis.
        unit: ``"m"``, or ``"px"`` where no scale is known.
    """

    metres_per_pixel: float = 1.0
    origin_px: tuple[float, float] = (0.0, 0.0)
    tilt_rad: float = 0.0
    unit: str = "px"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.metres_per_pixel) and self.metres_per_pixel > 0):
            raise UserError(f"metres_per_pixel must be positive, got {self.metres_per_pixel}.")
        if not all(math.isfinite(value) for value in (*self.origin_px, self.tilt_rad)):
            raise UserError(f"origin and tilt must be finite, got {self.origin_px} and {self.tilt_rad}.")

    def to_coordinates(self, position: np.ndarray) -> np.ndarray:
        """Turns pixels into coordinates.

        Args:
            position: Shape (..., 2), pixels, [x, y], y down.

        Returns:
            The same shape, [x, y], y up, in `unit`.

        Example:
            >>> Scale(0.01, origin_px=(100.0, 200.0), unit="m").to_coordinates(np.array([[150.0, 100.0]]))
            array([[0.5, 1. ]])
        """
        across = position[..., 0] - self.origin_px[0]
        up = self.origin_px[1] - position[..., 1]
        cos, sin = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        return self.metres_per_pixel * np.stack([cos * across + sin * up, -sin * across + cos * up], axis=-1)

    def to_pixels(self, coordinates: np.ndarray) -> np.ndarray:
        """Turns coordinates, shape (..., 2), y up, back into pixels, y down."""
        x, y = coordinates[..., 0] / self.metres_per_pixel, coordinates[..., 1] / self.metres_per_pixel
        cos, sin = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        return np.stack([self.origin_px[0] + cos * x - sin * y, self.origin_px[1] - (sin * x + cos * y)], axis=-1)

    def apply(self, track: Track) -> Trajectory:
        """Turns a track into a trajectory with the coordinates x and y, y up; gaps stay NaN."""
        notes = ["Length unit: pixels, no scale was given."] if self.unit == "px" else []
        if self.tilt_rad:
            notes.append(f"The x axis is tilted by {math.degrees(self.tilt_rad):g} degrees.")
        return Trajectory(
            name=track.name,
            t=track.timestamps,
            coordinates=("x", "y"),
            position=self.to_coordinates(track.position),
            units=(self.unit, self.unit),
            notes=tuple(notes),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the scale as plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scale:
        """Rebuilds a scale from `to_dict`."""
        return cls(**{**values, "origin_px": tuple(values["origin_px"])})


def parse_scale(text: str | None, *, origin: str | tuple[float, float] | None = None, tilt_deg: float = 0.0) -> Scale:
    """Reads a scale as a user writes it, e.g. ``120px=0.5m``.

    Args:
        text: ``PIXELSpx=LENGTHunit`` with m, cm, mm, km, in, ft or yd, either side first; ``None`` for no scale.
        origin: ``"x,y"`` in pixels, y down; the top left corner when ``None``.
        tilt_deg: Angle of the x axis in the picture, degrees counter-clockwise.

    Returns:
        The scale, in metres, or in pixels when ``text`` is ``None``.

    Raises:
        UserError: The text is no such equation, a length is not positive, or a unit is unknown.

    Example:
        >>> parse_scale("120px=0.5m").metres_per_pixel
        0.004166666666666667
    """
    origin_px = parse_point(origin, name="origin") if isinstance(origin, str) else origin or (0.0, 0.0)
    if text is None:
        return Scale(1.0, origin_px, math.radians(tilt_deg), "px")
    sides = [_LENGTH.fullmatch(side) for side in text.split("=")]
    if len(sides) != 2 or None in sides:
        raise UserError(f"scale must read PIXELSpx=LENGTHunit, got '{text}'. Write e.g. --scale 120px=0.5m.")
    values = [(float(side.group(1)), side.group(2).lower()) for side in sides if side]
    if values[0][1] != "px":
        values.reverse()
    (pixels, px), (length, unit) = values
    if px not in ("px", "pixel", "pixels") or unit == "px":
        raise UserError(
            f"scale needs pixels on one side and a length on the other, got '{text}'. Write e.g. --scale 120px=0.5m."
        )
    if unit not in METRES_PER_UNIT:
        raise UserError(f"scale has an unknown unit '{unit}' in '{text}'. Units: m, cm, mm, km, in, ft, yd.")
    if not (pixels > 0 and length > 0 and math.isfinite(pixels) and math.isfinite(length)):
        raise UserError(f"scale must have two positive lengths, got '{text}'.")
    return Scale(length * METRES_PER_UNIT[unit] / pixels, origin_px, math.radians(tilt_deg), "m")


def parse_point(text: str, *, name: str = "point") -> tuple[float, float]:
    """Reads ``"x,y"`` as two numbers.

    Example:
        >>> parse_point("12.5, 40")
        (12.5, 40.0)
    """
    parts = text.split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise UserError(f"{name} must be two numbers x,y in pixels, got '{text}'.") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise UserError(f"{name} must be two finite numbers, got '{text}'.")
    return x, y
