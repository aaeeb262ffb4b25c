"""Claims that miss the tracks are corrected or dropped, and marked."""

import numpy as np

from motionlaw.agent.claims import checked_chain
from motionlaw.agent.mcot import Chain, MotionTag, Observation, write_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.tools.trajectory import Track

T = np.arange(20) / 10
PLACE = np.stack([20 + 30 * T, np.full(20, 50.0)], axis=1)
BALL = Track(0, "ball", np.arange(20), T, PLACE, np.ones(20), np.concatenate([PLACE - 10, PLACE + 10], axis=1))


def test_claims_that_hold_are_kept():
    """Nothing is marked where boxes and words are right."""
    chain = Chain(
        (Observation("ball", (10, 40, 30, 60), 0.0), MotionTag("ball", "E", "fast", "stable", 0.0, 1.9)), "right"
    )
    assert checked_chain(chain, [BALL]).chain == chain and not checked_chain(chain, [BALL]).marks


def test_a_box_that_misses_is_moved_and_a_wrong_word_put_right():
    """The track tells better, and the chain says that it was changed."""
    chain = Chain(
        (Observation("ball", (200, 40, 220, 60), 1.0), MotionTag("ball", "W", "fast", "stable", 0.0, 1.9)), "left"
    )
    checked = checked_chain(chain, [BALL])
    assert checked.chain.observations[0].box == (40.0, 40.0, 60.0, 60.0)
    assert checked.chain.motion_tags[0].direction == "E"
    assert len(checked.marks) == 2 and "direction W to E" in checked.marks[1]
    assert "[corrected: the box of ball at 1.00 s missed the track]" in write_chain(checked.chain)
    assert read_chain(write_chain(checked.chain)).chain == checked.chain


def test_a_thing_that_is_not_there_is_dropped():
    """No track of that name or place: the claim goes, the mark stays."""
    chain = Chain(
        (Observation("dragon", (200, 140, 220, 160), 1.0), MotionTag("dragon", "W", "fast", "stable")), "left"
    )
    checked = checked_chain(chain, [BALL])
    assert not checked.chain.observations and not checked.chain.motion_tags and len(checked.marks) == 2
