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


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_only_test_ood_leaves_the_training_range(world, rng):
    """A draw for ``test_ood`` has at least one number out of its training range, any other draw has none."""

    def out_of_range(values):
        return [name for name, each in world.ranges.items() if not each.low <= values[name] <= each.high]

    for _ in range(30):
        assert out_of_range(draw_values(world, rng, is_ood=True))
        assert not out_of_range(draw_values(world, rng, is_ood=False))


def test_events_are_where_the_motion_says_so():
    """At a contact the two bodies touch, at a turning point they stand still, at rest they stay."""
    kinds = set()
    for index in range(3 * len(WORLDS)):
        scene = make_scene(6, index)
        paths = dict(zip([body.name for body in scene.bodies], scene.trajectories, strict=True))
        sizes = {body.name: body for body in scene.bodies}
        for event in scene.events:
            row = min(int(np.searchsorted(scene.timestamps, event.t)), len(scene.timestamps) - 1)
            speeds = np.hypot(*paths[event.bodies[0]].velocity.T)
            if event.kind == "contact" and all(sizes[name].shape == "ball" for name in event.bodies):
                first, second = (paths[name].position[max(row - 1, 0) : row + 1] for name in event.bodies)
                reach = sum(sizes[name].size_m[0] / 2 for name in event.bodies)
                gap = np.linalg.norm(first - second, axis=1).min() - reach
                assert -1e-3 < gap < 2 * speeds.max() / scene.fps + 1e-3
            elif event.kind == "rest":
                assert speeds[row + 1 :].max(initial=0.0) < 0.03 or any(
                    later.t > event.t and later.kind == "contact" for later in scene.events
                )
            kinds.add(event.kind)
    assert kinds >= {"contact", "bounce", "turning point", "rest", "leaves frame"}
