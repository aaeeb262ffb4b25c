"""Films a scene: every body where it truly is, to a fraction of a pixel, with light, shadow, blur and noise.

Bodies are painted with their true edge coverage at every instant that the shutter is open; the camera's motion moves
the background and the bodies by the same map. The same scene gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from motionlaw.data_builders.scene import Body, Fixture, Link, Scene
from motionlaw.data_builders.staging import to_frame
from motionlaw.data_builders.surfaces import Patch, make_background, outside, shade
from motionlaw.tools.film import CameraNoise, paint, write_h264
from motionlaw.tools.scale import Scale

CRF = 18
FINER = 4  # pixels each way that a pixel is cut into where fixtures are drawn
SPRING_TURNS = 9
SHADOW_WAY = 0.7  # how far a shadow is shifted, in half widths of its edge
SOFT = 0.3  # of a body's lesser side: half of the width that its shadow's edge is spread over
DARKER = {"thread": 20, "rod": 18, "spring": 24}  # grey levels below the background's mean, thin as they are


def film(scene: Scene) -> bytes:
    """Films a scene as H.264 in mp4, with the scene's own timestamps.

    Args:
        scene: The scene.

    Returns:
        The file's bytes, the same for the same scene.

    Raises:
        UserError: PyAV or OpenCV is missing.
    """
    file = io.BytesIO()
    write_h264(render(scene), file, fps=scene.fps, crf=CRF)
    return file.getvalue()


def render(scene: Scene) -> Iterator[np.ndarray]:
    """Yields a scene's frames, uint8, shape (H, W, 3), RGB."""
    import cv2

    size = (scene.width, scene.height)
    margin = _margin(scene)
    still = _draw_still(scene, margin)
    front = _draw_front(scene, margin)
    rng = np.random.default_rng([scene.look.seed, 2])
    noise = CameraNoise((scene.height, scene.width, 3), scene.look.noise, rng) if scene.look.noise else None
    for k, camera in enumerate(scene.camera):
        # A pixel of the still picture lies ``margin`` further in than the frame's own.
        map_to_frame = camera.copy()
        map_to_frame[:, 2] -= camera[:, :2] @ [margin, margin]
        picture = cv2.warpAffine(still, map_to_frame, size, flags=cv2.INTER_CUBIC) if margin else still.copy()
        _draw_links(picture, scene, k)
        for number in range(len(scene.bodies)):
            _draw_shadow(picture, scene, k, number)
        for number in range(len(scene.bodies)):
            _draw_body(picture, scene, k, number)
        if front is not None:
            cover = cv2.warpAffine(front[1], map_to_frame, size) if margin else front[1]
            paint(picture, cover, front[0], 0, 0)
        yield noise.add(picture) if noise else np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _margin(scene: Scene) -> int:
    """How many pixels beyond the first frame the camera sees, on any side."""
    size = np.array([scene.width, scene.height])
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size
    linear, shift = scene.camera[:, :, :2], scene.camera[:, :, 2]
    seen = np.einsum("tij,tpj->tpi", np.linalg.inv(linear), corners - shift[:, None])
    farthest = max(float(np.max(-seen)), float(np.max(seen - size)))
    return int(np.ceil(farthest)) + 2 if farthest > 1e-9 else 0


def _draw_still(scene: Scene, margin: int) -> np.ndarray:
    """The background with what stands on it, float32, with a margin on all sides."""
    import cv2

    width, height = scene.width + 2 * margin, scene.height + 2 * margin
    picture = make_background(scene.look, width, height)
    light = np.array([np.cos(scene.look.light), np.sin(scene.look.light)])
    for fixture in scene.fixtures:
        if fixture.is_in_front:
            continue
        cover = _fixture_cover(fixture, scene.scale, margin, (width, height))
        if scene.look.shadow:
            away = np.array([[1, 0, -5 * light[0]], [0, 1, 5 * light[1]]])
            shadow = cv2.GaussianBlur(cv2.warpAffine(cover, away, (width, height)), (0, 0), 3)
            picture *= 1 - scene.look.shadow * shadow[:, :, None]
        paint(picture, cover, np.array(fixture.rgb, dtype=np.float32), 0, 0)
    return picture


def _draw_front(scene: Scene, margin: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Colour and cover of what hides bodies, if anything does."""
    size = (scene.width + 2 * margin, scene.height + 2 * margin)
    for fixture in scene.fixtures:
        if fixture.is_in_front:
            return np.array(fixture.rgb, dtype=np.float32), _fixture_cover(fixture, scene.scale, margin, size)
    return None


def _fixture_cover(fixture: Fixture, scale: Scale, margin: int, size: tuple[int, int]) -> np.ndarray:
    """How much of each pixel a fixture covers, float32, shape (H, W)."""
    import cv2

    width, height = size
    fine = np.zeros((height * FINER, width * FINER), np.uint8)
    corners = (scale.to_pixels(np.array(fixture.outline)) + margin + 0.5) * FINER - 0.5
    points = np.round(np.clip(corners, -1e5, 1e5) * 16).astype(np.int32)
    if fixture.is_disc:
        radius = float(np.hypot(*(corners[1] - corners[0])))
        cv2.circle(fine, tuple(int(v) for v in points[0]), round(16 * radius), 255, -1, cv2.LINE_8, 4)
    else:
        cv2.fillPoly(fine, [points], 255, cv2.LINE_8, 4)
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _draw_links(picture: np.ndarray, scene: Scene, k: int) -> None:
    """Draws threads, rods and springs as antialiased lines of one pixel: thicker rods are taken for parts of bodies."""
    import cv2

    if not scene.links:
        return
    middle = scene.poses[k, scene.poses.shape[1] // 2]
    drawn = np.clip(picture, 0, 255).astype(np.uint8)
    before = drawn.copy()
    for link in scene.links:
        points = _link_points(link, middle, scene, k)
        ink = tuple(max(value - DARKER[link.kind], 0) for value in scene.look.background_rgb)
        cv2.polylines(drawn, [np.round(points * 16).astype(np.int32)], False, ink, 1, cv2.LINE_AA, 4)
    changed = (drawn != before).any(axis=2)
    picture[changed] = drawn[changed]


def _link_points(link: Link, pose: np.ndarray, scene: Scene, k: int) -> np.ndarray:
    """The line of a link in frame k, shape (P, 2), pixels."""
    ends = [np.array(pose[end, :2] if isinstance(end, int) else end) for end in (link.start, link.end)]
    start, end = to_frame(scene.camera[k : k + 1], scene.scale.to_pixels(np.stack(ends)[None]))[0]
    if link.kind != "spring":
        return np.stack([start, end])
    length = max(float(np.hypot(*(end - start))), 1.0)
    forward = (end - start) / length
    share = np.linspace(0, 1, 12 * SPRING_TURNS + 1)
    calm = np.clip(np.minimum(share, 1 - share) * 12, 0, 1)  # straight ends
    swing = scene.height / 45 * calm * np.sin(2 * np.pi * SPRING_TURNS * share)
    return start + share[:, None] * (end - start) + swing[:, None] * np.array([-forward[1], forward[0]])


def _patches(
    scene: Scene, k: int, number: int, grown: float, shift: np.ndarray | None = None
) -> tuple[list[Patch], int, int]:
    """The pixels around a body, ``grown`` pixels wider and shifted by some pixels, at each instant of frame k.

    Returns:
        The patches, and the column and row of their first pixel; no patch where the body is out of the frame.
    """
    body = scene.bodies[number]
    half = np.array(body.size_m) / 2 * float(scene.camera[k, 0, 0]) / scene.metres_per_pixel
    pose = scene.poses[k, :, number]
    centres = to_frame(scene.camera[k : k + 1], scene.scale.to_pixels(pose[None, :, :2]))[0]
    if shift is not None:
        centres = centres + shift
    reach = (half[0] if body.shape == "ball" else float(np.hypot(*half))) + grown + 1
    left, top = (max(int(v), 0) for v in np.floor(centres.min(axis=0) - reach))
    right, bottom = (int(v) for v in np.ceil(centres.max(axis=0) + reach))
    right, bottom = min(right, scene.width - 1), min(bottom, scene.height - 1)
    if left > right or top > bottom:
        return [], 0, 0
    columns, rows = np.arange(left, right + 1, dtype=np.float32), np.arange(top, bottom + 1, dtype=np.float32)
    grids = np.meshgrid(columns, rows)
    patches = []
    for (x, y), angle in zip(centres, pose[:, 2], strict=True):
        to_right, up = grids[0] - np.float32(x), np.float32(y) - grids[1]
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        across, along = cos * to_right + sin * up, cos * up - sin * to_right
        patches.append(Patch(to_right, up, across, along, float(half[0]), float(half[1])))
    return patches, left, top


def _draw_shadow(picture: np.ndarray, scene: Scene, k: int, number: int) -> None:
    """Darkens what lies behind a body, on the side away from the light, softly."""
    if not scene.look.shadow:
        return
    body = scene.bodies[number]
    soft = SOFT * min(body.size_m) / scene.metres_per_pixel
    away = SHADOW_WAY * soft * np.array([-np.cos(scene.look.light), np.sin(scene.look.light)])
    patches, left, top = _patches(scene, k, number, 3 * soft, away)
    if not patches:
        return
    depth = np.clip(0.5 - outside(body, patches[len(patches) // 2]) / (2 * soft), 0, 1)
    dark = scene.look.shadow * depth * depth * (3 - 2 * depth)
    paint(picture, dark, np.zeros(3, np.float32), left, top)


def _draw_body(picture: np.ndarray, scene: Scene, k: int, number: int) -> None:
    """Paints a body as the open shutter sees it: the mean over the instants."""
    body: Body = scene.bodies[number]
    patches, left, top = _patches(scene, k, number, 1)
    if not patches:
        return
    cover = np.zeros(patches[0].right.shape, np.float32)
    light = np.zeros((*cover.shape, 3), np.float32)
    for patch in patches:
        here = np.clip(0.5 - outside(body, patch), 0, 1)
        cover += here
        light += here[:, :, None] * shade(body, patch, scene.look)
    paint(picture, cover / len(patches), light / np.maximum(cover, 1e-6)[:, :, None], left, top)
