"""Films of moving cameras that are hard to tell: small and slow moves, three at once, faint texture, noise, a crowd.

    motionlaw build camera --n 300 --set level=hard --out camera-hard

`camera_scene` draws them. Amounts are spread evenly over their logarithms, so that as many moves are small as large; a
move may last one second or six. Every seventh scene has a single layer, before which no camera can be told to travel,
and none does.
"""

from __future__ import annotations

import numpy as np

from motionlaw.data_builders.camera_scene import AMOUNTS, FOCAL, GROUPS, CameraScene, Move, Thing

FPS = (12.0, 15.0, 24.0)
LASTS_S = 1.6, 6.0
LEAST = {
    "pan": 0.02, "tilt": 0.02, "roll": 0.025, "zoom": 0.025, "truck": 0.05, "pedestal": 0.05, "dolly": 0.05,
}  # fmt: skip
"""Smallest amounts, in the units of `camera_scene.AMOUNTS`."""

COUNTS = (0.15, 0.45, 0.28, 0.12)  # of no move, one, two, three
SHARES = (0.3, 0.3, 0.25, 0.15)  # of the groups
DEPTHS = 2.0, 8.0
SINGLE_SHARE = 0.14
CONTRAST = 0.25, 1.0
NOISE = 1.0, 6.0
GAPS = 0.55, 0.85
QUALITY = 20, 31
SHAKE_SHARE, SHAKE = 0.25, (0.003, 0.010)
MOST_THINGS = 6
HALF = 0.03, 0.13


def make_hard_scene(seed: int, index: int) -> CameraScene:
    """Draws a scene.

    Args:
        seed: Seed of the data set.
        index: Number of the scene.
    """
    rng = np.random.default_rng([seed, index, 6])
    fps = float(rng.choice(FPS))
    is_single = bool(rng.random() < SINGLE_SHARE)
    far = float(rng.uniform(*DEPTHS))
    between = (float(rng.uniform(1.3, 0.8 * far)),) if rng.random() < 0.5 and far > 2.5 else ()
    depths = (far,) if is_single else (far, *between, 1.0)
    count = int(rng.choice(len(COUNTS), p=COUNTS))
    groups = rng.choice(len(GROUPS), count, replace=False, p=SHARES)
    moves = tuple(_move(rng, GROUPS[k], is_single=is_single) for k in groups)
    shake = float(rng.uniform(*SHAKE)) if rng.random() < SHAKE_SHARE else 0.0
    return CameraScene(
        seed=int(rng.integers(2**31)),
        fps=fps,
        frame_count=round(float(rng.uniform(*LASTS_S)) * fps),
        focal=float(rng.uniform(*FOCAL)),
        depths=depths,
        moves=moves,
        shake=shake,
        things=tuple(_thing(rng, far) for _ in range(rng.integers(0, MOST_THINGS + 1))),
        contrast=float(np.exp(rng.uniform(*np.log(CONTRAST)))),
        noise=float(rng.uniform(*NOISE)),
        gaps=GAPS,
        crf=int(rng.integers(*QUALITY)),
    )


def _move(rng: np.random.Generator, group: tuple[str, ...], *, is_single: bool) -> Move:
    kind = group[0] if is_single else str(rng.choice(group))
    amount = float(np.exp(rng.uniform(np.log(LEAST[kind]), np.log(AMOUNTS[kind][1]))))
    start, stop = (0.0, 1.0) if rng.random() < 0.6 else (float(rng.uniform(0, 0.4)), float(rng.uniform(0.6, 1.0)))
    return Move(kind, amount * float(rng.choice([-1, 1])), start, stop)


def _thing(rng: np.random.Generator, far: float) -> Thing:
    depth = float(rng.uniform(0.9, max(1.0, 0.9 * far)))
    angle, pace = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.8) * depth
    x, y = rng.uniform(-0.35, 0.35, 2) * depth
    way = float(pace * np.cos(angle)), float(pace * np.sin(angle))
    return Thing(depth, (float(x), float(y)), way, float(rng.uniform(*HALF) * depth))
