"""Worlds with known laws: scenes drawn by seed and number, with everything that is true of them.

    motionlaw build worlds --n 1000 --seed 0 --out worlds

Each world declares what it draws (`World.ranges`); where a number is drawn from outside its training range, the scene
belongs to the split ``test_ood``. Leaves out mechanics (`mechanics`), camera and visibility (`staging`), pictures
(`render`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motionlaw.data_builders.mechanics import (
    collisions,
    orbits,
    oscillators,
    pendulums,
    phyworld,
    pulleys,
    slopes,
    tumbling,
)
from motionlaw.data_builders.mechanics.motion import World, draw_values
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.splits import split_of_group
from motionlaw.data_builders.staging import stage

WORLDS: tuple[World, ...] = (
    *phyworld.WORLDS,
    *oscillators.WORLDS,
    *pendulums.WORLDS,
    *slopes.WORLDS,
    *collisions.WORLDS,
    *orbits.WORLDS,
    *pulleys.WORLDS,
    *tumbling.WORLDS,
)
"""All worlds, in the order in which scenes go through them."""

OOD_SHARE = 0.15


def make_scene(seed: int, index: int) -> Scene:
    """Makes one scene: the world is that of its number, everything else is drawn.

    Args:
        seed: Seed of all scenes.
        index: Number of the scene, from 0; worlds take turns.

    Returns:
        The scene, always the same for the same two numbers.

    Example:
        >>> scene = make_scene(0, 0)
        >>> scene.world, len(scene.timestamps), scene.fps
        ('uniform_motion', 32, 10.0)
    """
    scene = _made(seed, index, {})
    assert scene is not None  # only a changed number can make a motion impossible
    return scene


def make_twin(scene: Scene, changed: Mapping[str, float]) -> Scene | None:
    """Makes a scene again with some of its numbers changed; bodies, places and camera look the same.

    Args:
        scene: A made scene.
        changed: Values of some of its world's numbers, by name.

    Returns:
        The twin, of the same name; ``None`` where the changed motion is impossible.

    Example:
        >>> one = make_scene(0, 5)
        >>> other = make_twin(one, {"damping": 0.0})
        >>> one.world, bool(np.allclose(one.tracks[0].position[0], other.tracks[0].position[0]))
        ('pendulum', True)
    """
    _, seed, index = scene.name.rsplit("-", 2)
    return _made(int(seed), int(index), changed)


def _made(seed: int, index: int, changed: Mapping[str, float]) -> Scene | None:
    world = WORLDS[index % len(WORLDS)]
    rng = np.random.default_rng([seed, index])
    is_ood = rng.random() < OOD_SHARE
    name = f"{world.name}-{seed}-{index}"
    split = "test_ood" if is_ood else split_of_group(name)
    while True:
        values = draw_values(world, rng, is_ood=is_ood)
        state = rng.bit_generator.state
        motion = world.play(values, rng)
        if motion is None:
            continue
        if changed:
            rng.bit_generator.state = state
            values |= changed
            other = world.play(values, rng)
            if other is None:
                return None
            motion = replace(other, view=motion.view)  # the same camera films it
        return stage(world, motion, values, rng, name=name, split=split)
