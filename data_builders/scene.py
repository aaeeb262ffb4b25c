"""The value of a made scene: what moves, how it truly moves, what happens when, and how it is filmed.

A `Scene` holds the whole truth of one clip and all that `render` needs to film it. Metres are y up, pixels y down with
the centre of the upper left pixel at (0, 0). Leaves out how scenes are made (`worlds`) and drawn (`render`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Quantity
from motionlaw.tools.scale import Scale
from motionlaw.tools.trajectory import Track, Trajectory

COLOURS = {
    "red": (200, 40, 36), "blue": (36, 74, 196), "green": (30, 132, 58), "yellow": (226, 186, 30),
    "orange": (232, 116, 24), "purple": (124, 52, 156), "white": (240, 240, 236), "black": (34, 34, 38),
}  # fmt: skip
"""Colours that a body may have, in words and as RGB."""


@dataclass(frozen=True)
class Body:
    """Something that moves.

    Args:
        name: What a viewer would call it, unique in its scene, e.g. ``"red ball"``.
        shape: ``"ball"``, ``"block"`` or ``"cart"``.
        colour: One of `COLOURS`.
        size_m: Width and height, metres; a ball's diameter twice.
        mass_kg: Its mass.
        texture: ``"plain"``, ``"striped"``, ``"dotted"``, ``"ringed"``.
        properties: Further numbers that are true of it, by name with unit.
    """

    name: str
    shape: str
    colour: str
    size_m: tuple[float, float]
    mass_kg: float
    texture: str = "plain"
    properties: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fixture:
    """Something that does not move: a floor, a ramp, a wheel; or an occluder, which hides what passes behind.

    Args:
        name: What a viewer would call it, e.g. ``"floor"``.
        outline: Corners, metres, y up; for a disc its centre and a point on its rim.
        is_disc: Whether the outline is that of a disc.
        rgb: Its colour.
        is_in_front: Whether it hides bodies.
    """

    name: str
    outline: tuple[tuple[float, float], ...]
    rgb: tuple[int, int, int]
    is_disc: bool = False
    is_in_front: bool = False


@dataclass(frozen=True)
class Link:
    """A thread, rod or spring between two ends, each a body's number or a fixed point in metres."""

    kind: str
    start: int | tuple[float, float]
    end: int | tuple[float, float]


@dataclass(frozen=True)
class SceneEvent:
    """Something that happens at ``t`` seconds.

    Args:
        t: True time in seconds, not rounded to a frame.
        kind: ``"contact"`` of two bodies, ``"bounce"`` off a fixture, ``"stops bouncing"`` (it may roll on),
            ``"turning point"``, ``"rest"``, ``"leaves frame"``, ``"enters frame"``, ``"hidden"``, ``"reappears"``.
        bodies: Names of the bodies it happens to.
        detail: What else is true of it, e.g. ``"floor"``.
    """

    t: float
    kind: str
    bodies: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class SceneLaw:
    """The law that one or several bodies obey between two times.

    Args:
        bodies: Names of the bodies.
        law: Right-hand sides by state, with the keys of ``motionlaw discover --json``.
        trajectory: The coordinates that the law is written in, true values at the frames' times.
        t_start: From when it holds, seconds.
        t_end: Until when, seconds.
    """

    bodies: tuple[str, ...]
    law: Mapping[str, str]
    trajectory: Trajectory
    t_start: float
    t_end: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the law as plain values."""
        return {
            "bodies": list(self.bodies),
            "law": dict(self.law),
            "trajectory": self.trajectory.to_dict(),
            "t_start": self.t_start,
            "t_end": self.t_end,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SceneLaw:
        """Rebuilds a law from `to_dict`."""
        trajectory = Trajectory.from_dict(values["trajectory"])
        return cls(tuple(values["bodies"]), dict(values["law"]), trajectory, values["t_start"], values["t_end"])


@dataclass(frozen=True)
class Look:
    """How a scene is filmed.

    Args:
        level: ``"plain"``, ``"textured"`` or ``"hard"``.
        background: ``"plain"``, ``"plaster"``, ``"wood"``, ``"cloth"``, ``"tiles"``.
        background_rgb: Its mean colour.
        light: Direction that the light comes from, in the picture, radians, counter-clockwise from the right.
        shadow: Darkness of the shadows, 0 to 1.
        noise: Standard deviation of the camera's noise, grey levels of 255.
        shutter: Share of the frame interval that the shutter is open, centred on the timestamp.
        camera: The camera's motion in words: ``"still"``, ``"pan left"``, ``"zoom in"``, ``"shake"`` ...
        seed: Seed of textures and noise.
    """

    level: str
    background: str
    background_rgb: tuple[int, int, int]
    light: float
    shadow: float
    noise: float
    shutter: float
    camera: str
    seed: int


@dataclass(frozen=True)
class Scene:
    """One clip and its whole truth, for T frames and B bodies.

    Args:
        world: Name of the world, e.g. ``"pendulum"``.
        name: World, seed and number; the scene can be made again from them.
        split: ``"train"``, ``"validation"``, ``"test"``, or ``"test_ood"`` where a number is out of the training range.
        description: What is seen, in plain words.
        bodies: What moves.
        fixtures: What does not.
        links: Threads, rods and springs.
        tracks: One a body: true pixels in the frame as filmed, NaN where less than half of the body is seen;
            ``confidence`` is the share that is seen, ``xyxy`` is cut off at the frame's edges.
        trajectories: One a body: x and y in metres with velocity, at all times, seen or not.
        events: In order of time.
        laws: The true laws.
        parameters: The numbers that the scene was drawn with.
        metres_per_pixel: Length of a pixel in the first frame.
        origin_px: Where x = y = 0 lies in the first frame, pixels, [x, y].
        fps: Frames a second.
        timestamps: Seconds, shape (T,).
        width: Pixels.
        height: Pixels.
        camera: From pixels of the first frame to pixels of each frame, affine, shape (T, 2, 3).
        poses: x and y in metres and angle in radians at K instants while the shutter is open, shape (T, K, B, 3); the
            middle one is at the timestamp.
        look: How it is filmed.
    """

    world: str
    name: str
    split: str
    description: str
    bodies: tuple[Body, ...]
    fixtures: tuple[Fixture, ...]
    links: tuple[Link, ...]
    tracks: tuple[Track, ...]
    trajectories: tuple[Trajectory, ...]
    events: tuple[SceneEvent, ...]
    laws: tuple[SceneLaw, ...]
    parameters: tuple[Quantity, ...]
    metres_per_pixel: float
    origin_px: tuple[float, float]
    fps: float
    timestamps: np.ndarray
    width: int
    height: int
    camera: np.ndarray
    poses: np.ndarray
    look: Look

    def __post_init__(self) -> None:
        frames, bodies = len(self.timestamps), len(self.bodies)
        if self.camera.shape != (frames, 2, 3):
            raise UserError(f"camera must have shape {(frames, 2, 3)}, got {self.camera.shape}.")
        if self.poses.ndim != 4 or self.poses.shape[0] != frames or self.poses.shape[2:] != (bodies, 3):
            raise UserError(f"poses must have shape ({frames}, K, {bodies}, 3), got {self.poses.shape}.")
        if not len(self.tracks) == len(self.trajectories) == bodies:
            raise UserError(f"There must be one track and one trajectory for each of {bodies} bodies.")

    @property
    def scale(self) -> Scale:
        """From pixels of the first frame to metres."""
        return Scale(self.metres_per_pixel, self.origin_px, unit="m")

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as lists, numbers and strings."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*_ARRAYS, *_VALUES)}
        return (
            plain
            | {"origin_px": list(self.origin_px), "look": asdict(self.look)}
            | {name: getattr(self, name).tolist() for name in _ARRAYS}
            | {name: [_plain(value) for value in getattr(self, name)] for name in _VALUES}
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scene:
        """Rebuilds a scene from `to_dict`."""
        read: dict[str, Any] = {name: np.asarray(values[name], dtype=float) for name in _ARRAYS}
        read |= {name: tuple(_read(kind, value) for value in values[name]) for name, kind in _VALUES.items()}
        read |= {"origin_px": tuple(values["origin_px"]), "look": _read(Look, values["look"])}
        return cls(**values | read)


_ARRAYS = ("timestamps", "camera", "poses")
_VALUES: dict[str, Any] = {
    "bodies": Body, "fixtures": Fixture, "links": Link, "tracks": Track, "trajectories": Trajectory,
    "events": SceneEvent, "laws": SceneLaw, "parameters": Quantity,
}  # fmt: skip


def _plain(value: Any) -> dict[str, Any]:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return {f.name: _listed(getattr(value, f.name)) for f in fields(value)}


def _listed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_listed(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _read(kind: Any, values: dict[str, Any]) -> Any:
    return kind.from_dict(values) if hasattr(kind, "from_dict") else kind(**{k: _tupled(v) for k, v in values.items()})


def _tupled(value: Any) -> Any:
    return tuple(_tupled(each) for each in value) if isinstance(value, list) else value
