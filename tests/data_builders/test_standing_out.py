"""Ghosts and shadows are told from things: films of a disc, a shadow, and patches of the wall that nothing crosses."""

from dataclasses import replace

import numpy as np
import pytest
from films import disc, wall, write_film

from motionlaw.data_builders.measured_facts import fact, facts_of
from motionlaw.data_builders.standing_out import changed_over, things
from motionlaw.tools.trajectory import Track

T = np.arange(30) / 15


def track(x, y, *, half=14.0):
    place = np.stack([x + 0 * T, y + 0 * T], axis=1)
    return Track(0, "it", np.arange(30), T, place, np.ones(30), np.hstack([place - half, place + half]))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A red disc goes right over a wall, and a soft shadow goes right below it."""
    scene = wall(320, 240, seed=3)

    def picture(k, t):
        image = scene.copy()
        rows, columns = slice(170, 200), slice(int(40 + 100 * t), int(70 + 100 * t))
        image[rows, columns] = (0.75 * image[rows, columns]).astype(np.uint8)
        disc(image, (55 + 100 * t, 80), 12, (200, 40, 40))
        return image

    return write_film(tmp_path_factory.mktemp("films") / "shadow.mp4", picture, T)


def test_a_disc_is_a_thing_and_its_shadow_and_the_bare_wall_are_not(film):
    """Of four tracks the disc's stays; one of the wall, the shadow's, and one that keeps to its place go."""
    bare, still = track(60 + 90 * T, 30), track(300, 220)
    assert things(film, [track(55 + 100 * T, 80), track(54.5 + 100 * T, 184.5), bare, still]) == (
        True,
        False,
        False,
        False,
    )


def test_a_track_that_goes_over_to_others_is_told():
    """One that sweeps over two others has changed over, they have not; apart from each other none has."""
    one, other, sweep = track(100, 50), track(160, 50), track(80 + 60 * T, 50)
    assert changed_over([one, other, sweep]) == (False, False, True)
    assert changed_over([one, other]) == (False, False)


def test_what_the_error_does_not_allow_is_not_said():
    """A tremble is no way; a flight to the right is no way upwards; a lossy track gives nothing but its times."""
    rng = np.random.default_rng(0)
    tremble = facts_of(track(100 + rng.normal(0, 2, 30), 100 + rng.normal(0, 2, 30)))
    assert {each.name for each in tremble} & {"sideways", "upright", "direction", "mean speed", "turns"} == set()
    flight = facts_of(track(50 + 100 * T, 200 - 120 * T + 30 * T**2))
    assert (fact(flight, "sideways").word, fact(flight, "upright").word) == ("right", "up")
    throw = facts_of(track(50 + 100 * T, 200 - 200 * T + 100 * T**2))
    assert (fact(throw, "sideways").word, fact(throw, "upright").word) == ("right", "up, then down")
    lossy = track(50 + 100 * T, 100)
    lossy = replace(lossy, position=np.where(np.arange(30)[:, None] % 3 == 1, np.nan, lossy.position))
    assert {each.name for each in facts_of(lossy)} == {"first seen", "last seen"}


def test_a_fall_that_ends_on_the_floor_comes_to_rest_and_is_not_said_to_get_slower():
    """Half a second of free fall, then a second and a half of rest."""
    y = np.where(T < 0.6, 40 + 400 * T**2, 40 + 400 * 0.36)
    known = facts_of(track(100, y))
    assert fact(known, "upright").word == "down"
    assert fact(known, "ends").word == "at rest"
    assert fact(known, "phase") is None


def test_a_swing_goes_to_and_fro_while_it_dies_and_a_tremble_does_not():
    """A damped wave keeps its word, though its turns cannot be counted; uneven jumps of the same size do not."""
    swing = facts_of(track(100 + 60 * np.exp(-T) * np.cos(2 * np.pi * T / 0.5), 100))
    assert fact(swing, "sideways").word == "to and fro"
    assert fact(swing, "turns") is None
    jumps = 100 + np.random.default_rng(1).normal(0, 20, 30)
    assert fact(facts_of(track(jumps, 100)), "sideways") is None


def test_what_comes_nearer_grows_on_both_sides_and_a_box_that_narrows_does_not_shrink():
    """Size is told of the whole of a thing."""
    near = track(50 + 100 * T, 100)
    wide, high = 14 * np.exp(0.4 * T), 14 * np.exp(-0.5 * T)

    def sized(across, up):
        half = np.stack([across + 0 * T, up + 0 * T], axis=1)
        return replace(near, xyxy=np.hstack([near.position - half, near.position + half]))

    assert fact(facts_of(sized(wide, wide)), "size").word == "approaching"
    assert fact(facts_of(sized(14, high)), "size") is None
