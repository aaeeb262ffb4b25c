"""Sets a motion up before a camera: scale, frame rate, look, camera motion, and what of it is seen in each frame.

Turns a `Motion` in metres into a `Scene` with true pixels. Leaves out drawing (`render`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from motionlaw.data_builders.mechanics.motion import Motion, MotionLaw, World
from motionlaw.data_builders.scene import COLOURS, Body, Fixture, Look, Scene, SceneEvent, SceneLaw
from motionlaw.tools.law import Quantity
from motionlaw.tools.scale import Scale
from motionlaw.tools.trajectory import Track, Trajectory

LEVELS = {"plain": 0.4, "textured": 0.4, "hard": 0.2}
"""How often scenes look like what."""

SIZES = ((256, 256), (288, 288), (320, 240), (384, 288), (480, 270), (512, 256))
ODD_SHAPE = 1.4  # frames whose shape differs from the view's by more than this factor are not taken
RATES = (24.0, 25.0, 30000 / 1001, 30.0, 50.0)
BACKGROUNDS = ("plaster", "wood", "cloth", "tiles")
GREYS = (80, 216)  # of backgrounds
LIT = (0.68, 0.84, 1.0)  # a body's shades, from its dark to its bright side, of which ...
UNLIKE = 60.0  # ... none is nearer to the background, in RGB
TINTS = {"wood": (26, 0, -34), "plaster": (4, 1, -6), "cloth": (-8, 0, 10)}
SHADOW = {"plain": (0.0, 0.0), "textured": (0.06, 0.18), "hard": (0.1, 0.25)}
NOISE = {"plain": (0.5, 1.5), "textured": (1.0, 3.0), "hard": (1.0, 6.0)}
SHUTTER = (0.2, 0.6)  # of hard scenes
CAMERAS = ("still", "pan left", "pan right", "zoom in", "zoom out", "shake")
INSTANTS = 7  # while the shutter is open, where that is long
SEEN_SHARE = 0.5  # of its area: less, and a body counts as unseen


def stage(
    world: World,
    motion: Motion,
    values: Mapping[str, float],
    rng: np.random.Generator,
    *,
    name: str,
    split: str,
) -> Scene:
    """Films a motion, without drawing it yet.

    Args:
        world: The world.
        motion: Its motion.
        values: What it was drawn with.
        rng: The random numbers, from here on for the looks.
        name: What to call the scene.
        split: Its split.
    """
    look = draw_look(rng, [body.colour for body in motion.bodies])
    width, height = world.frame_size or _draw_size(motion, rng)
    fps = world.fps or RATES[rng.integers(len(RATES))]
    t = np.arange(round(motion.duration_s * fps)) / fps
    scale = _fit_view(motion, width, height)
    camera = _camera_motion(look, t, width, height, rng)
    fixtures = tuple(_standing_out(fixture, look) for fixture in motion.fixtures)
    if look.level == "hard" and rng.random() < 0.5:
        fixtures = (*fixtures, _occluder(motion, scale, width, rng))
    poses = _poses(motion, t, look.shutter / fps)
    pose = poses[:, poses.shape[1] // 2]
    tracks = tuple(
        _track(k, motion.bodies, pose, fixtures, t, scale, camera, (width, height)) for k in range(len(motion.bodies))
    )
    seen = [event for track in tracks for event in _sight_events(track, (width, height))]
    events = [event for event in motion.events if 0 <= event.t <= t[-1]]
    return Scene(
        world=world.name,
        name=name,
        split=split,
        description=re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", motion.description),
        bodies=motion.bodies,
        fixtures=fixtures,
        links=motion.links,
        tracks=tracks,
        trajectories=_trajectories(motion, t),
        events=tuple(sorted([*events, *seen], key=lambda event: event.t)),
        laws=tuple(_scene_law(law, motion.bodies, t) for law in motion.laws),
        parameters=_parameters(world, motion, values),
        metres_per_pixel=scale.metres_per_pixel,
        origin_px=scale.origin_px,
        fps=fps,
        timestamps=t,
        width=width,
        height=height,
        camera=camera,
        poses=poses,
        look=look,
    )


def _poses(motion: Motion, t: np.ndarray, open_s: float) -> np.ndarray:
    """Where everything is at each instant that the shutter is open for ``open_s`` seconds, shape (T, K, B, 3)."""
    instants = INSTANTS if open_s > 0 else 1
    offsets = open_s * (np.arange(instants) - instants // 2) / instants
    states = motion.states((t[:, None] + offsets).ravel())
    poses = np.concatenate([states.position, states.angle[..., None]], axis=2)
    return poses.reshape(len(t), instants, len(motion.bodies), 3)


def _trajectories(motion: Motion, t: np.ndarray) -> tuple[Trajectory, ...]:
    now = motion.states(t)
    return tuple(
        Trajectory(body.name, t, ("x", "y"), now.position[:, k], now.velocity[:, k], units=("m", "m"))
        for k, body in enumerate(motion.bodies)
    )


def _parameters(world: World, motion: Motion, values: Mapping[str, float]) -> tuple[Quantity, ...]:
    """What was drawn, and what follows from it."""
    drawn = [Quantity(name, value, None, world.ranges[name].unit) for name, value in values.items()]
    further = (motion.further or {}).items()
    return (*drawn, *(Quantity(name, value, None, unit) for name, (value, unit) in further))


def draw_look(rng: np.random.Generator, colours: Sequence[str]) -> Look:
    """Draws how a scene with bodies of these colours is filmed; the background is none of them."""
    level = str(rng.choice(list(LEVELS), p=list(LEVELS.values())))
    background = "plain" if level == "plain" else str(rng.choice(BACKGROUNDS))
    paints = np.array([[share * value for value in COLOURS[colour]] for colour in colours for share in LIT])
    while True:
        grey, tint = rng.integers(*GREYS), rng.integers(-10, 11, 3)
        rgb = np.clip(grey + tint + np.array(TINTS.get(background, (0, 0, 0))), 40, 225)
        if np.linalg.norm(paints - rgb, axis=1).min() > UNLIKE:
            break
    hard = level == "hard"
    return Look(
        level=level,
        background=background,
        background_rgb=(int(rgb[0]), int(rgb[1]), int(rgb[2])),
        light=float(rng.uniform(0.25, 0.75) * np.pi),
        shadow=float(rng.uniform(*SHADOW[level])),
        noise=float(rng.uniform(*NOISE[level])),
        shutter=float(rng.uniform(*SHUTTER)) if hard else 0.0,
        camera=str(rng.choice(CAMERAS)) if hard else "still",
        seed=int(rng.integers(2**31)),
    )


def _standing_out(fixture: Fixture, look: Look) -> Fixture:
    """A grey fixture in a lighter shade, if its own is too much like the background."""
    rgb = np.array(fixture.rgb)
    if np.linalg.norm(rgb - look.background_rgb) > UNLIKE or np.ptp(rgb) > 20:
        return fixture
    red, green, blue = (int(value) for value in np.minimum(rgb + 90, 235))
    return replace(fixture, rgb=(red, green, blue))


def _draw_size(motion: Motion, rng: np.random.Generator) -> tuple[int, int]:
    left, bottom, right, top = motion.view
    shape = (right - left) / (top - bottom)
    odd = [max(w / h / shape, shape * h / w) for w, h in SIZES]
    fit = [size for size, how_odd in zip(SIZES, odd, strict=True) if how_odd < max(ODD_SHAPE, min(odd) + 0.01)]
    return fit[rng.integers(len(fit))]


def _fit_view(motion: Motion, width: int, height: int) -> Scale:
    """The scale at which a motion fits the frame, with a margin unless it is the frame's own edge."""
    left, bottom, right, top = motion.view
    room = 1.0 if motion.is_view_exact else 0.9
    metres_per_pixel = max((right - left) / (room * width), (top - bottom) / (room * height))
    across, up = (left + right) / 2 / metres_per_pixel, (bottom + top) / 2 / metres_per_pixel
    return Scale(metres_per_pixel, ((width - 1) / 2 - across, (height - 1) / 2 + up), unit="m")


def _camera_motion(look: Look, t: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Affine maps, shape (T, 2, 3), from pixels of the first frame to pixels of each."""
    share = t / t[-1]
    shift, zoom = np.zeros((len(t), 2)), np.ones(len(t))
    size = rng.uniform(0.04, 0.1)
    if look.camera.startswith("pan"):
        # The picture runs the other way.
        shift[:, 0] = width * size * share * (1 if look.camera == "pan left" else -1)
    elif look.camera.startswith("zoom"):
        zoom = (1 + size) ** (share if look.camera == "zoom in" else -share)
    elif look.camera == "shake":
        for axis in range(2):
            for hertz in (0.7, 1.9, 3.3):
                wave = np.sin(2 * np.pi * (hertz * t + rng.random()))
                shift[:, axis] += rng.uniform(0.3, 1.2) / hertz * (wave - wave[0])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    maps = np.zeros((len(t), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = zoom
    maps[:, :, 2] = middle * (1 - zoom[:, None]) + shift
    return maps


def _occluder(motion: Motion, scale: Scale, width: int, rng: np.random.Generator) -> Fixture:
    """A post in front of the scene."""
    left, bottom, right, top = motion.view
    x, half = (
        rng.uniform(left + 0.25 * (right - left), right - 0.25 * (right - left)),
        scale.metres_per_pixel * width * 0.03,
    )
    tall = 2 * (top - bottom)
    corners = ((x - half, bottom - tall), (x + half, bottom - tall), (x + half, top + tall), (x - half, top + tall))
    return Fixture("post", corners, tuple(int(v) for v in rng.integers(50, 110, 3)), is_in_front=True)  # type: ignore[arg-type]


def outline_points(body: Body) -> np.ndarray:
    """Points spread evenly over a body's shape, shape (P, 2), metres from its centre."""
    if body.shape == "ball":
        k = np.arange(120)
        radius, angle = np.sqrt((k + 0.5) / len(k)), np.pi * (3 - np.sqrt(5)) * k
        return body.size_m[0] / 2 * np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    steps = (np.arange(11) + 0.5) / 11 - 0.5
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * np.array(body.size_m)


def _track(
    number: int,
    bodies: Sequence[Body],
    pose: np.ndarray,
    fixtures: Sequence[Fixture],
    t: np.ndarray,
    scale: Scale,
    camera: np.ndarray,
    size: tuple[int, int],
) -> Track:
    """True pixels of one body, and the share of it that is seen; ``pose`` has shape (T, B, 3)."""
    body, (x, y, angle) = bodies[number], pose[:, number].T
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    points = np.stack([x, y], axis=1)[:, None] + np.einsum("tij,pj->tpi", turn, outline_points(body))
    hidden = np.zeros(points.shape[:2], dtype=bool)
    for fixture in fixtures:
        if fixture.is_in_front:
            hidden |= _is_inside(points, np.array(fixture.outline))
    for other in range(number + 1, len(bodies)):  # later bodies are drawn over earlier ones
        hidden |= _covers(bodies[other], pose[:, other], points)
    width, height = size
    pixels = to_frame(camera, scale.to_pixels(points))
    inside = np.all((pixels >= -0.5) & (pixels <= np.array([width, height]) - 0.5), axis=2)
    share = np.mean(inside & ~hidden, axis=1)
    unseen = share < SEEN_SHARE
    centre = to_frame(camera, scale.to_pixels(np.stack([x, y], axis=1)))
    half = _half_extent(body, angle) / scale.metres_per_pixel * camera[:, :1, 0]
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    xyxy = np.clip(xyxy, -0.5, np.tile([width - 0.5, height - 0.5], 2))
    centre[unseen], xyxy[unseen] = np.nan, np.nan
    return Track(number, body.name, np.arange(len(t)), t, centre, np.where(unseen, 0.0, share), xyxy)


def to_frame(camera: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Moves pixels of the first frame, shape (T, 2) or (T, P, 2), to where they are in each frame."""
    moved = np.einsum("tij,t...j->t...i", camera[:, :, :2], pixels)
    return moved + (camera[:, None, :, 2] if pixels.ndim == 3 else camera[:, :, 2])


def _half_extent(body: Body, angle: np.ndarray) -> np.ndarray:
    """Half of the upright box's width and height, shape (T, 2), metres."""
    width, height = body.size_m
    if body.shape == "ball":
        return np.full((len(angle), 2), width / 2)
    cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    return np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2


def _is_inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points, shape (..., 2), lie in a convex polygon whose corners run counter-clockwise."""
    inside = np.ones(points.shape[:-1], dtype=bool)
    for start, end in pairwise([*corners, corners[0]]):
        edge, to = end - start, points - start
        inside &= edge[0] * to[..., 1] - edge[1] * to[..., 0] >= 0
    return inside


def _covers(body: Body, pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points, shape (T, P, 2), a body covers; ``pose`` has shape (T, 3)."""
    to = points - pose[:, None, :2]
    if body.shape == "ball":
        return np.hypot(to[..., 0], to[..., 1]) < body.size_m[0] / 2
    cos, sin = np.cos(pose[:, None, 2]), np.sin(pose[:, None, 2])
    across, up = cos * to[..., 0] + sin * to[..., 1], cos * to[..., 1] - sin * to[..., 0]
    return (np.abs(across) < body.size_m[0] / 2) & (np.abs(up) < body.size_m[1] / 2)


def _sight_events(track: Track, size: tuple[int, int]) -> list[SceneEvent]:
    """When a body goes out of sight and comes back, to the frame: through the frame's edge or behind something."""
    seen = np.isfinite(track.position[:, 0])
    events = []
    for k in np.flatnonzero(seen[1:] != seen[:-1]) + 1:
        box = track.xyxy[k - 1] if seen[k - 1] else track.xyxy[k]
        reach = np.ptp(box.reshape(2, 2), axis=0)
        low, high = box[:2] + 0.5 < 0.25 * reach, np.array(size) - 0.5 - box[2:] < 0.25 * reach
        at_edge = bool(np.any(low | high))
        kinds = ("leaves frame", "hidden") if seen[k - 1] else ("enters frame", "reappears")
        events.append(SceneEvent(float(track.timestamps[k]), kinds[not at_edge], (track.name,)))
    return events


def _scene_law(law: MotionLaw, bodies: Sequence[Body], t: np.ndarray) -> SceneLaw:
    position, velocity = law.at(t)
    names = tuple(bodies[k].name for k in law.bodies)
    trajectory = Trajectory(", ".join(names), t, law.coordinates, position, velocity, units=law.units)
    return SceneLaw(names, dict(law.law), trajectory, law.t_start, float(min(law.t_end, t[-1])))
