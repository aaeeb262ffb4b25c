"""A camera among layers: where it is, how it is turned, what it sees.

Layers are textured planes that face the camera's first view, two or three of them at different depths, the nearer ones
in patches with gaps, and things that move by themselves. Each frame is drawn by the true homography of each plane, so
turning, zooming and travelling differ as they do before a lens. x is right, y down, z forward; lengths are those of the
distance to the nearest layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SIZE = 320, 240
FPS = (12.0, 15.0, 24.0)
LASTS_S = 1.6, 2.4
TEXTURE = 512
SPANS = 1.6  # of the picture's width at its layer's depth: a texture, before it is mirrored on
FOCAL = 1.0, 1.5  # picture widths
MIDDLE_DEPTH, FAR_DEPTH = (1.6, 2.4), (3.0, 6.0)

GROUPS = (("pan", "truck"), ("tilt", "pedestal"), ("zoom", "dolly"), ("roll",))
"""Of one group a clip shows one at most: pictures do not tell, say, a pan from the truck that undoes it."""

AMOUNTS = {
    "pan": (0.10, 0.35), "tilt": (0.10, 0.30), "roll": (0.10, 0.45), "zoom": (0.12, 0.45),
    "truck": (0.15, 0.50), "pedestal": (0.15, 0.45), "dolly": (0.18, 0.50),
}  # fmt: skip
"""Over the clip: widths of the picture, radians, e-folds; of what travelling does to the nearest layer."""

WAYS = {
    "pan": ("right", "left"), "tilt": ("down", "up"), "roll": ("clockwise", "counter-clockwise"),
    "zoom": ("in", "out"), "truck": ("right", "left"), "pedestal": ("down", "up"), "dolly": ("in", "out"),
}  # fmt: skip
STATIC_SHARE, COMPOUND_SHARE, SHAKE_SHARE = 0.12, 0.35, 0.15
SHAKE = 0.004, 0.010  # picture widths, standard deviation
MOST_THINGS = 3


@dataclass(frozen=True)
class Move:
    """A move of the camera: its kind, its signed amount, and the part of the clip in which it is made (0 to 1)."""

    kind: str
    amount: float
    start: float
    stop: float

    @property
    def way(self) -> str:
        """E.g. ``"right"``."""
        return WAYS[self.kind][int(self.amount < 0)]

    def at(self, phase: np.ndarray) -> np.ndarray:
        """How much of it is done at these parts of the clip: it starts and stops softly."""
        share = np.clip((phase - self.start) / (self.stop - self.start), 0.0, 1.0)
        return self.amount * (0.6 * share + 0.4 * (3 * share**2 - 2 * share**3))


@dataclass(frozen=True)
class Thing:
    """Something that moves by itself: depth, first place, velocity (per clip), half size; in units of depth."""

    depth: float
    place: tuple[float, float]
    way: tuple[float, float]
    half: float


@dataclass(frozen=True)
class CameraScene:
    """A made clip of a moving camera.

    Args:
        seed: Seed of the textures.
        fps: Frames a second.
        frame_count: Frames.
        focal: Focal length, picture widths, before any zoom.
        depths: Of the layers, farthest first; the nearest is at 1.
        moves: The camera's moves.
        shake: Standard deviation of its shake, picture widths; 0 for a tripod.
        things: What moves by itself.
        contrast: Of all textures, as a share of the usual.
        noise: Standard deviation of the sensor's noise, grey levels.
        gaps: Share of the picture that a nearer layer leaves free, at least and at most.
        crf: Quality of the film, 0 to 51, lower is better.
    """

    seed: int
    fps: float
    frame_count: int
    focal: float
    depths: tuple[float, ...]
    moves: tuple[Move, ...]
    shake: float
    things: tuple[Thing, ...]
    contrast: float = 1.0
    noise: float = 1.5
    gaps: tuple[float, float] = (0.5, 0.68)
    crf: int = 20

    @property
    def timestamps(self) -> np.ndarray:
        """Seconds, shape (T,)."""
        return np.arange(self.frame_count) / self.fps

    @property
    def primitives(self) -> tuple[str, ...]:
        """The moves in words, shake among them; static if there is none."""
        words = tuple(f"{move.kind} {move.way}" for move in self.moves)
        return (*words, *(["shake"] if self.shake else [])) or ("static",)

    def path(self) -> dict[str, np.ndarray]:
        """How much of each move is done in each frame, shape (T,), shake included."""
        phase = np.linspace(0, 1, self.frame_count)
        done = {kind: np.zeros(self.frame_count) for kind in AMOUNTS}
        for move in self.moves:
            done[move.kind] += move.at(phase)
        if self.shake:
            rng = np.random.default_rng([self.seed, 9])
            done["pan"] += rng.normal(0, self.shake, self.frame_count)
            done["tilt"] += rng.normal(0, self.shake, self.frame_count)
            done["roll"] += rng.normal(0, self.shake, self.frame_count)
        return done


def make_camera_scene(seed: int, index: int, *, strength: float = 1.0) -> CameraScene:
    """Draws a scene.

    Args:
        seed: Seed of the data set.
        index: Number of the scene.
        strength: By what the moves' amounts are multiplied; small moves are hard to tell.
    """
    rng = np.random.default_rng([seed, index, 5])
    fps = float(rng.choice(FPS))
    middle = (float(rng.uniform(*MIDDLE_DEPTH)),) if rng.random() < 0.5 else ()
    depths = (float(rng.uniform(*FAR_DEPTH)), *middle, 1.0)
    things = tuple(_thing(rng, depths) for _ in range(rng.integers(0, MOST_THINGS + 1)))
    moves: tuple[Move, ...] = ()
    if rng.random() >= STATIC_SHARE:
        count = 1 + int(rng.random() < COMPOUND_SHARE)
        moves = tuple(
            _move(rng, GROUPS[k], strength)
            for k in rng.choice(len(GROUPS), count, replace=False, p=[0.3, 0.3, 0.25, 0.15])
        )
    shake = float(rng.uniform(*SHAKE)) if rng.random() < SHAKE_SHARE else 0.0
    count = round(float(rng.uniform(*LASTS_S)) * fps)
    return CameraScene(int(rng.integers(2**31)), fps, count, float(rng.uniform(*FOCAL)), depths, moves, shake, things)


def _move(rng: np.random.Generator, group: tuple[str, ...], strength: float) -> Move:
    kind = str(rng.choice(group))
    start, stop = (0.0, 1.0) if rng.random() < 0.7 else (float(rng.uniform(0, 0.3)), float(rng.uniform(0.75, 1.0)))
    return Move(kind, strength * float(rng.uniform(*AMOUNTS[kind]) * rng.choice([-1, 1])), start, stop)


def _thing(rng: np.random.Generator, depths: tuple[float, ...]) -> Thing:
    depth = float(rng.uniform(0.9, 0.7 * depths[0]))
    angle, pace = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5) * depth
    x, y = rng.uniform(-0.3, 0.3, 2) * depth
    return Thing(depth, (float(x), float(y)), (float(pace * np.cos(angle)), float(pace * np.sin(angle))),
                 float(rng.uniform(0.03, 0.07) * depth))  # fmt: skip


def render_camera_scene(scene: CameraScene) -> Iterator[np.ndarray]:
    """Draws the frames of a scene, uint8, shape (H, W, 3), RGB, one after the other."""
    import cv2

    from motionlaw.tools.film import CameraNoise

    rng = np.random.default_rng([scene.seed, 1])
    planes = [_plane(rng, depth, scene, is_last=k == 0) for k, depth in enumerate(scene.depths)]
    skins = [(thing, *_skin(rng, scene.contrast)) for thing in scene.things]
    noise = CameraNoise((SIZE[1], SIZE[0], 3), scene.noise, rng)
    for k, (lens, place) in enumerate(_cameras(scene)):
        picture = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
        sheets: list[tuple[float, np.ndarray, np.ndarray | None, np.ndarray, bool]] = []
        sheets += [(depth, colour, cover, to_world, True) for depth, colour, cover, to_world in planes]
        for thing, skin, outline in skins:
            sheets.append((thing.depth, skin, outline, _patch_to_world(thing, k / scene.frame_count, outline), False))
        for depth, colour, cover, to_world, is_endless in sorted(sheets, key=lambda sheet: -sheet[0]):
            shift = np.array([[1, 0, -place[0]], [0, 1, -place[1]], [0, 0, depth - place[2]]])
            whole = lens @ shift @ to_world
            border = cv2.BORDER_REFLECT if is_endless else cv2.BORDER_CONSTANT
            drawn = cv2.warpPerspective(colour, whole, SIZE, flags=cv2.INTER_AREA, borderMode=border)
            if cover is None:
                picture[:] = drawn
                continue
            mask = cv2.warpPerspective(cover, whole, SIZE, flags=cv2.INTER_LINEAR, borderMode=border)[:, :, None]
            picture += mask * (drawn - picture)
        yield noise.add(picture)


def _cameras(scene: CameraScene) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The lens and turn of the camera, shape (3, 3), and its place, shape (3,), frame by frame; moves are its own."""
    width, height = SIZE
    done = scene.path()
    turn, place = np.eye(3), np.zeros(3)
    before = {kind: 0.0 for kind in done}
    for k in range(scene.frame_count):
        step = {kind: float(values[k]) - before[kind] for kind, values in done.items()}
        yaw, pitch, roll = step["pan"] / scene.focal, step["tilt"] / scene.focal, step["roll"]
        across = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
        upright = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        round_ = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1.0]])
        ahead = np.exp(-before["dolly"]) - np.exp(-before["dolly"] - step["dolly"])
        place = place + turn.T @ np.array([step["truck"] / scene.focal, step["pedestal"] / scene.focal, ahead])
        turn = round_ @ upright @ across @ turn
        before = {kind: float(values[k]) for kind, values in done.items()}
        focal = scene.focal * width * np.exp(before["zoom"])
        yield np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]]) @ turn, place


def _plane(
    rng: np.random.Generator, depth: float, scene: CameraScene, *, is_last: bool
) -> tuple[float, np.ndarray, np.ndarray | None, np.ndarray]:
    """A layer: its depth, colours, cover (``None``: all of it), and the way from its pixels into the world."""
    import cv2

    colour = _paint(rng, TEXTURE, scene.contrast)
    cover = None
    if not is_last:
        rough = cv2.resize(
            rng.normal(size=(14, 14)).astype(np.float32), (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC
        )
        edge = np.quantile(rough, rng.uniform(*scene.gaps))
        cover = np.clip((rough - edge) * 40 + 0.5, 0, 1).astype(np.float32)
    step = SPANS * depth / scene.focal / TEXTURE
    half = step * TEXTURE / 2
    return depth, colour, cover, np.array([[step, 0, -half], [0, step, -half], [0, 0, 1.0]])


def _paint(rng: np.random.Generator, side: int, contrast: float) -> np.ndarray:
    """Colours with structure at several sizes, float32, shape (side, side, 3)."""
    import cv2

    tint = rng.uniform(60, 190, 3)
    grey = np.zeros((side, side), np.float32)
    for cells, strength in ((side // 4, 26.0), (side // 9, 24.0), (side // 30, 18.0)):
        rough = rng.normal(size=(cells, cells)).astype(np.float32)
        grey += strength * cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(contrast * grey[:, :, None] + tint, 0, 255).astype(np.float32)


def _skin(rng: np.random.Generator, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours and cover of a thing: a soft-edged ellipse in a 64-pixel square."""
    y, x = (np.mgrid[:64, :64] - 31.5) / 28
    return _paint(rng, 64, contrast), np.clip((1 - np.hypot(x, y)) * 20, 0, 1).astype(np.float32)


def _patch_to_world(thing: Thing, share: float, cover: np.ndarray) -> np.ndarray:
    """The way from a thing's pixels into the world, shape (3, 3)."""
    step = 2 * thing.half / len(cover)
    left = thing.place[0] + share * thing.way[0] - thing.half
    top = thing.place[1] + share * thing.way[1] - thing.half
    return np.array([[step, 0, left], [0, step, top], [0, 0, 1.0]])
