"""Worlds: scenes are the same for a seed, survive a round trip, and obey their laws."""

import json

import numpy as np
import pytest

from motionlaw.data_builders.mechanics.motion import draw_values
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.equation import compile_rhs, parse

SCENES = range(len(WORLDS))


@pytest.mark.parametrize("index", SCENES)
def test_a_scene_survives_a_round_trip_and_is_the_same_for_its_seed(index):
    """``from_dict(to_dict(scene))`` through JSON is the scene, and drawing it again gives it again."""
    scene = make_scene(3, index)
    text = json.dumps(scene.to_dict())
    assert json.dumps(Scene.from_dict(json.loads(text)).to_dict()) == text
    assert json.dumps(make_scene(3, index).to_dict()) == text


def motions(world, count):
    """A few motions of a world, the last one out of the training range."""
    rng = np.random.default_rng(11)
    found = []
    while len(found) < count:
        motion = world.play(draw_values(world, rng, is_ood=len(found) == count - 1), rng)
        if motion is not None:
            found.append(motion)
    return found


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_true_law_holds_for_the_true_motion(world):
    """Away from contacts, the rate of change of the true velocity is what the law says."""
    for motion in motions(world, 3):
        t, h = np.linspace(0.01, motion.duration_s - 0.01, 400), 1e-4
        for law in motion.laws:
            names = law.coordinates
            names = [*names, *(("v",) if len(names) == 1 else [f"v_{name}" for name in names])]
            rates = compile_rhs([parse(text, {*names, "t"}) for text in law.law.values()], [*names, "t"])
            calm = (t > law.t_start + 2 * h) & (t < law.t_end - 2 * h)
            for event in motion.events:
                calm &= np.abs(t - event.t) > 2 * h
            if not calm.any():
                continue
            position, velocity = law.at(t[calm])
            measured = (law.at(t[calm] + h)[1] - law.at(t[calm] - h)[1]) / (2 * h)
            said = np.broadcast_to(rates(np.array([*position.T, *velocity.T, t[calm]])).T, measured.shape)
            size = np.abs(measured).max() + 1.0
            assert np.abs(measured - said).max() < 1e-3 * size
            moved = (law.at(t[calm] + h)[0] - law.at(t[calm] - h)[0]) / (2 * h)
            assert np.abs(moved - velocity).max() < 2e-3 * max(np.abs(velocity).max(), 1.0)
