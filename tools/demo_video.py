"""Renders the film of the demo: a pendulum that swings exactly as its equation says, in front of a textured wall.

The ball is drawn at sub-pixel positions with its true edge coverage and the camera adds noise, so that tracking it is a
fair task. Leaves out everything that knows the answer afterwards (`demo`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.tools.film import CameraNoise, paint, plaster, write_h264

THREAD = (132, 128, 120)  # RGB: thin and pale, as a thread is in a film


@dataclass(frozen=True)
class Pendulum:
    """A pendulum and the camera that films it: theta'' = -(g/L) sin(theta) - damping * theta'.

    Args:
        g_m_per_s2: Acceleration of gravity.
        length_m: From the pivot to the centre of the ball.
        damping_per_s: Slight drag at the pivot.
        theta0_rad: Angle of release from hanging down, at rest.
        pixels_per_metre: Scale of the picture.
        fps: Frames a second.
        seconds: Length of the film.
        noise: Standard deviation of the camera's noise, grey levels of 255.
        seed: Seed of wall and noise.
    """

    g_m_per_s2: float = 9.81
    length_m: float = 0.5
    damping_per_s: float = 0.06
    theta0_rad: float = 1.1
    pixels_per_metre: float = 600.0
    fps: float = 60.0
    seconds: float = 10.0
    noise: float = 4.0
    seed: int = 0

    width = 640
    height = 480
    pivot_px = (320.0, 70.0)
    radius_px = 15.0

    def solve(self, t: np.ndarray) -> np.ndarray:
        """Integrates the equation of motion.

        Args:
            t: Seconds, shape (T,), from 0.

        Returns:
            The angle, shape (T,), radians, 0 hanging down, positive to the right.
        """
        from scipy.integrate import solve_ivp

        stiffness = self.g_m_per_s2 / self.length_m
        solution = solve_ivp(
            lambda _, state: (state[1], -stiffness * np.sin(state[0]) - self.damping_per_s * state[1]),
            (0.0, float(t[-1])),
            (self.theta0_rad, 0.0),
            t_eval=t,
            rtol=1e-10,
            atol=1e-12,
            method="DOP853",
        )
        return solution.y[0]

    def centres(self, t: np.ndarray) -> np.ndarray:
        """Returns where the ball is in the picture, shape (T, 2), pixels, y down."""
        theta, length_px = self.solve(t), self.length_m * self.pixels_per_metre
        x = self.pivot_px[0] + length_px * np.sin(theta)
        return np.stack([x, self.pivot_px[1] + length_px * np.cos(theta)], axis=1)


def render_frames(pendulum: Pendulum) -> Iterator[np.ndarray]:
    """Yields the frames, uint8, shape (H, W, 3), RGB."""
    import cv2

    rng = np.random.default_rng(pendulum.seed)
    wall = _draw_wall(pendulum, rng)
    noise = CameraNoise(wall.shape, pendulum.noise, rng)
    t = np.arange(round(pendulum.seconds * pendulum.fps)) / pendulum.fps
    for x, y in pendulum.centres(t):
        picture = wall.copy()
        start = tuple(round(16 * value) for value in pendulum.pivot_px)
        cv2.line(picture, start, (round(16 * x), round(16 * y)), THREAD, 1, cv2.LINE_AA, shift=4)
        picture = picture.astype(np.float32)
        _draw_ball(picture, x, y, pendulum.radius_px)
        yield noise.add(picture)


def _draw_wall(pendulum: Pendulum, rng: np.random.Generator) -> np.ndarray:
    """A warm plaster wall with the board that the thread is fixed to."""
    import cv2

    grey = plaster(pendulum.width, pendulum.height, rng)
    wall = np.clip(grey[:, :, None] * np.array([1.0, 0.98, 0.93]), 0, 255).astype(np.uint8)
    x, y = (round(value) for value in pendulum.pivot_px)
    cv2.rectangle(wall, (x - 60, y - 16), (x + 60, y), (92, 80, 66), -1)
    return wall


def _draw_ball(picture: np.ndarray, x: float, y: float, radius: float) -> None:
    """Paints a shaded ball whose edge pixels are covered as far as the circle covers them."""
    left, top = int(x - radius) - 2, int(y - radius) - 2
    size = int(2 * radius) + 6
    columns, rows = np.arange(left, left + size) - x, np.arange(top, top + size) - y
    distance = np.hypot(columns[None, :], rows[:, None])
    cover = np.clip(radius - distance + 0.5, 0, 1)
    light = 1 - 0.35 * np.clip((columns[None, :] + rows[:, None]) / (2 * radius), -1, 1)[:, :, None]
    paint(picture, cover, np.array([196.0, 62.0, 38.0]) * light, left, top)


def write_video(pendulum: Pendulum, path: str | Path) -> None:
    """Writes the film as H.264.

    Args:
        pendulum: What to film.
        path: The file, ending in .mp4.

    Raises:
        UserError: PyAV or OpenCV is missing.
    """
    write_h264(render_frames(pendulum), str(path), fps=pendulum.fps, crf=20)
