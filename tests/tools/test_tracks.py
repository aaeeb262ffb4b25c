"""Views of tracks: boxes between frames, noise taken out, keyframes filled in, films changed; words follow."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import tracks

from motionlaw.tools.motion_classes import DIRECTIONS, phase_class, shape_class
from motionlaw.tools.tracks import (
    box_at,
    dense,
    frozen,
    mirrored,
    motion_words,
    reversed_in_time,
    rows_of,
    smoothed,
    sparse,
    sped_up,
)
from motionlaw.tools.trajectory import Track

T = np.linspace(0.0, 2.0, 41)


def track_of(position: np.ndarray, t: np.ndarray = T, half: float = 10.0) -> Track:
    """A track along given positions with a square box."""
    xyxy = np.concatenate([position - half, position + half], axis=1)
    return Track(0, "ball", np.arange(len(t)), t, position, np.ones(len(t)), xyxy)


PATHS = {
    "straight": (100 * T, 0 * T),
    "arc": (100 * T, 60 * (T - 1) ** 2),
    "returning": (0 * T, 100 * (T - 1.1) ** 2),
    "oscillating": (100 * np.sin(4 * T), 20 * np.cos(8 * T)),
    "circular": (100 * np.cos(3.2 * T), 60 * np.sin(3.2 * T)),
    "irregular": (150 * T, 100 * np.abs(np.sin(5 * T))),
    "STAT": (0 * T, 0 * T),
}
SPEEDS = {
    "constant": 100 * T,
    "accelerating": 100 * T**2,
    "decelerating": 400 * T - 100 * T**2,
    "varying": 100 * T + 20 * np.sin(6 * T),
    "STAT": 0 * T,
}


@pytest.mark.parametrize("name", PATHS)
def test_shapes_are_told_in_any_place_direction_and_sense(name) -> None:
    """The shape of a path stays the same when it is turned, mirrored or reversed."""
    path = np.stack(PATHS[name], axis=1)
    for angle in np.linspace(0.0, 6.0, 9):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for here in (path @ turn, path[::-1] @ turn, (path * [-1, 1]) @ turn):
            assert shape_class(here + 500.0, 20.0) == name


@pytest.mark.parametrize("name", SPEEDS)
def test_phases_are_told_and_turn_round_with_time(name) -> None:
    """Reversed in time, accelerating becomes decelerating; other phases stay."""
    path = np.stack([SPEEDS[name], 0 * T], axis=1)
    back = {"accelerating": "decelerating", "decelerating": "accelerating"}.get(name, name)
    assert phase_class(T, path, 20.0) == name
    assert phase_class(T, path[::-1], 20.0) == back


@settings(deadline=None)
@given(tracks(), st.floats(min_value=0.2, max_value=5.0))
def test_words_follow_the_film(track, factor) -> None:
    """Mirrored: east becomes west. Reversed: 180 degrees. Sped up: same way, not slower. Frozen: still."""
    words = motion_words(track)
    assume(words.direction in DIRECTIONS)
    bin_ = DIRECTIONS.index(words.direction)
    back, beside = motion_words(reversed_in_time(track)), motion_words(mirrored(track, 640))
    assert back.direction == DIRECTIONS[(bin_ + 4) % 8] and back.scale == words.scale == "stable"
    assert beside.direction == DIRECTIONS[(4 - bin_) % 8]
    assert (back.speed, back.shape, beside.shape) == (words.speed, words.shape, words.shape)
    fast = sped_up(track, factor)
    assert motion_words(fast).direction == words.direction and fast.timestamps[-1] == track.timestamps[-1] / factor
    still = motion_words(frozen(rows_of(track, np.isfinite(track.position[:, 0])), 0.0))
    assert (still.direction, still.speed, still.scale) == ("STAT", "stationary", "stable")
    one = motion_words(rows_of(track, np.flatnonzero(np.isfinite(track.position[:, 0]))[:1]))
    assert (one.direction, one.speed, one.scale) == ("unknown",) * 3


@settings(deadline=None)
@given(tracks())
def test_changes_undo_themselves(track) -> None:
    """Twice mirrored or reversed is the track."""
    for twice in (mirrored(mirrored(track, 640), 640), reversed_in_time(reversed_in_time(track))):
        assert np.allclose(twice.xyxy, track.xyxy, equal_nan=True) and np.array_equal(twice.frame, track.frame)
        assert np.allclose(twice.timestamps, track.timestamps)


def test_to_and_fro_has_no_direction() -> None:
    """An exact there and back favours neither way, mirrored or reversed or not."""
    path = np.stack([np.r_[0:50:5.0, 50:-1:-5.0], np.zeros(21)], axis=1)
    assert motion_words(track_of(path, T[:21])).direction == "unknown"


def test_growing_turns_to_shrinking() -> None:
    """A box that grows approaches; reversed it recedes."""
    track = track_of(np.stack([100 * T, 0 * T], axis=1))
    size = np.exp(0.2 * T)[:, None] * [-10, -10, 10, 10]
    grown = Track(0, "ball", track.frame, T, track.position, track.confidence, np.tile(track.position, 2) + size)
    assert motion_words(grown).scale == "approaching" and motion_words(reversed_in_time(grown)).scale == "receding"


def test_noise_is_no_motion(rng) -> None:
    """A tracker's noise gives a still object a long way; smoothed it stands."""
    noisy = track_of(200.0 + 0.3 * rng.standard_normal((200, 2)), np.arange(200) / 30.0)
    assert motion_words(noisy).speed != "stationary"
    assert motion_words(smoothed(noisy)).speed == "stationary"


def test_boxes_between_frames_and_beyond() -> None:
    """Between frames a box is interpolated; outside the track it is unknown."""
    track = track_of(np.stack([100 * T, 0 * T], axis=1))
    assert box_at(track, 0.975) == pytest.approx([87.5, -10, 107.5, 10])
    assert np.isnan(box_at(track, 2.1)).all() and box_at(track, 2.01) == pytest.approx(track.xyxy[-1])


def test_keyframes_make_the_track_again() -> None:
    """Keyframes of a straight motion, filled in, are the track; a long gap stays unseen."""
    track = track_of(np.stack([100 * T, 50 * T], axis=1))
    keys = sparse(track, [0.0, 0.4, 0.41, 1.0, 2.0])
    assert keys.timestamps.tolist() == pytest.approx([0.0, 0.4, 1.0, 2.0])
    assert np.allclose(dense(keys, T, longest_gap_s=1.1).xyxy, track.xyxy)
    with_gap = dense(keys, T, longest_gap_s=0.7)
    assert np.isnan(with_gap.position[T > 1.01][:-1]).all() and np.isfinite(with_gap.position[-1]).all()
