"""What surfaces look like: backgrounds, the paint and the shading of bodies. Arrays in, arrays out.

Leaves out where bodies are and when (`render`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motionlaw.data_builders.scene import COLOURS, Body, Look
from motionlaw.tools.film import plaster

AMBIENT = 0.68  # share of the light that comes from everywhere
ELEVATION = 0.9  # of the light above the picture's plane, radians
ROUND = 0.12  # of a block's corners, share of its lesser side
WHEEL = 0.3  # of a cart's height: radius of its wheels


def make_background(look: Look, width: int, height: int) -> np.ndarray:
    """Makes the background.

    Args:
        look: How it looks.
        width: Pixels.
        height: Pixels.

    Returns:
        RGB, float32, shape (H, W, 3).
    """
    rng = np.random.default_rng([look.seed, 1])
    grey = _GREYS[look.background](width, height, rng)
    tint = np.array(look.background_rgb, dtype=float)
    return np.clip(grey[:, :, None] * (tint / tint.mean()) + tint, 0, 255).astype(np.float32)


def _plain(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    return np.repeat(np.linspace(4.0, -4.0, height)[:, None], width, axis=1)


def _plaster(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    return plaster(width, height, rng, grey=6.0)


def _wood(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Planks with a grain along them."""
    import cv2

    grain = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigmaX=28, sigmaY=0.8)
    fibre = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigmaX=9, sigmaY=0.6)
    plank = max(height // 5, 24)
    number = (np.arange(height) + rng.integers(plank)) // plank
    tone = rng.normal(0, 7, number[-1] + 1)[number]
    joint = np.where(np.diff(number, prepend=number[0]) > 0, -26.0, 0.0)
    return 6 * grain / grain.std() + 3 * fibre / fibre.std() + (tone + joint)[:, None]


def _cloth(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A weave with soft folds."""
    import cv2

    x, y = np.meshgrid(np.arange(width), np.arange(height))
    weave = 4 * np.sin(2 * np.pi * x / 4.3) * np.sin(2 * np.pi * y / 4.7)
    folds = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigmaX=16, sigmaY=50)
    return weave + 9 * folds / folds.std() + 2 * rng.normal(size=(height, width))


def _tiles(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Square tiles of slightly different greys with dark joints."""
    import cv2

    side = int(rng.integers(34, 56))
    rows, columns = np.arange(height) // side, np.arange(width) // side
    tones = rng.normal(0, 7, (rows[-1] + 1, columns[-1] + 1))[rows][:, columns]
    joints = (np.arange(height) % side < 2)[:, None] | (np.arange(width) % side < 2)[None, :]
    mottle = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 2)
    return cv2.GaussianBlur(np.where(joints, -24.0, tones), (0, 0), 0.7) + 3 * mottle / mottle.std()


_GREYS = {"plain": _plain, "plaster": _plaster, "wood": _wood, "cloth": _cloth, "tiles": _tiles}


@dataclass(frozen=True)
class Patch:
    """The pixels around a body at one instant, each of shape (h, w), float32, pixels.

    Args:
        right: From the body's centre to the right, in the picture.
        up: Upwards, in the picture.
        across: Along the body's own first axis.
        along: Along its second.
        half_width: Half of the body's width.
        half_height: Half of its height.
    """

    right: np.ndarray
    up: np.ndarray
    across: np.ndarray
    along: np.ndarray
    half_width: float
    half_height: float


def outside(body: Body, patch: Patch) -> np.ndarray:
    """How far each pixel is outside of the body's edge, pixels, negative inside."""
    if body.shape == "ball":
        return np.hypot(patch.right, patch.up) - patch.half_width
    rounding = ROUND * min(patch.half_width, patch.half_height)
    x = np.abs(patch.across) - (patch.half_width - rounding)
    y = np.abs(patch.along) - (patch.half_height - rounding)
    return np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0) - rounding


def shade(body: Body, patch: Patch, look: Look) -> np.ndarray:
    """The colour of each pixel of a body, float32, shape (h, w, 3)."""
    paint = np.array(COLOURS[body.colour], dtype=np.float32)
    mark = _mark(body, patch)[:, :, None]
    second = paint * 0.45 if paint.mean() > 140 else paint * 0.5 + 118
    colour = paint + mark * (second - paint)
    if body.shape == "cart":
        colour = _with_wheels(colour, paint, patch)
    light, shine = _light(body, patch, look)
    return colour * light[:, :, None] + shine[:, :, None]


def _light(body: Body, patch: Patch, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Diffuse light as a factor, and the shine that is added to it."""
    towards = np.array([np.cos(look.light), np.sin(look.light)]) * np.cos(ELEVATION)
    if body.shape != "ball":
        reach = max(patch.half_width, patch.half_height)
        slope = (towards[0] * patch.right + towards[1] * patch.up) / reach
        edge = np.clip(1 + outside(body, patch) / 2.0, 0, 1)  # the outermost two pixels are bevelled
        return (1.0 + 0.12 * slope - 0.22 * edge).astype(np.float32), np.zeros_like(slope)
    x, y = patch.right / patch.half_width, patch.up / patch.half_width
    z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    facing = np.clip(towards[0] * x + towards[1] * y + np.sin(ELEVATION) * z, 0, 1)
    shine = 70 * facing**24 if look.level != "plain" else np.zeros_like(facing)
    return (AMBIENT + (1.08 - AMBIENT) * facing).astype(np.float32), shine


def _mark(body: Body, patch: Patch) -> np.ndarray:
    """Where the second colour is, 0 to 1; marks are symmetric, so that they do not shift the body's centre."""
    half = min(patch.half_width, patch.half_height)

    def within(distance: np.ndarray) -> np.ndarray:
        return np.clip(0.5 - distance, 0, 1)

    if body.texture == "striped":
        return within(np.abs(patch.across) - 0.22 * half)
    if body.texture == "ringed":
        return within(np.abs(np.hypot(patch.across, patch.along) - 0.55 * half) - 0.14 * half)
    if body.texture == "dotted":
        return within(np.hypot(np.abs(patch.across) - 0.42 * half, np.abs(patch.along) - 0.42 * half) - 0.17 * half)
    return np.zeros_like(patch.across)


def _with_wheels(colour: np.ndarray, paint: np.ndarray, patch: Patch) -> np.ndarray:
    """Wheels in the lower half, in darker shades of the cart's own colour."""
    radius = WHEEL * 2 * patch.half_height
    above = patch.along + patch.half_height - radius
    distance = np.hypot(np.abs(patch.across) - 0.55 * patch.half_width, above)
    for reach, shade_of_paint in ((radius, 0.35), (0.4 * radius, 0.7)):
        colour = colour + np.clip(reach - distance + 0.5, 0, 1)[:, :, None] * (shade_of_paint * paint - colour)
    return colour
