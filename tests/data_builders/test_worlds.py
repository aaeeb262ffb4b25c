"""Worlds: scenes are the same for a seed, survive a round trip, and obey their laws."""

import json

import numpy as np
import pytest

from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.equation import compile_rhs, parse

SCENES = range(2 * len(WORLDS))


@pytest.mark.parametrize("index", SCENES)
def test_a_scene_survives_a_round_trip_and_is_the_same_for_its_seed(index):
    """``from_dict(to_dict(scene))`` through JSON is the scene, and drawing it again gives it again."""
    scene = make_scene(3, index)
    text = json.dumps(scene.to_dict())
    assert json.dumps(Scene.from_dict(json.loads(text)).to_dict()) == text
    assert json.dumps(make_scene(3, index).to_dict()) == text


@pytest.mark.parametrize("index", SCENES)
def test_the_true_law_holds_for_the_true_motion(index):
    """Between events the rate of change of the true velocity is what the law says."""
    scene = make_scene(3, index)
    for law in scene.laws:
        path = law.trajectory
        names = [*path.coordinates, *(("v",) if len(path.coordinates) == 1 else [f"v_{c}" for c in path.coordinates])]
        rates = compile_rhs([parse(text, {*names, "t"}) for text in law.law.values()], [*names, "t"])
        states = np.array([*path.position.T, *path.velocity.T, path.t])
        rate = rates(states).T
        # Simpson's rule over two frames is the change of velocity, but for the fourth order of the step.
        change = path.velocity[2:] - path.velocity[:-2]
        step = path.t[2] - path.t[0]
        simpson = step / 6 * (rate[:-2] + 4 * rate[1:-1] + rate[2:])
        calm = np.ones(len(change), dtype=bool)
        for event in scene.events:
            if set(event.bodies) & set(law.bodies) and event.kind in ("contact", "bounce", "rest", "turning point"):
                calm &= (path.t[2:] < event.t) | (path.t[:-2] > event.t)
        calm &= path.t[2:] <= law.t_end
        assert np.abs(change - simpson)[calm].max() < 2e-3 * max(np.abs(path.velocity).max(), 0.1)
