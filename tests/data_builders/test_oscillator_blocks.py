"""Oscillators in blocks: the same laws and motions as those drawn one by one."""

import numpy as np

from motionlaw.data_builders.identifiability import are_identifiable, is_identifiable
from motionlaw.data_builders.oscillator_blocks import MEASURED, draw_block, measured_badly, show
from motionlaw.data_builders.physsymbol import play_terms
from motionlaw.data_builders.physsymbol_rows import is_held_out


def test_motions_follow_their_laws():
    """Many motions at once are those that the exact integrator gives one by one; held-out families never meet."""
    block = draw_block(4, 0)
    for k in range(6):
        m = block.motions
        exact, _ = play_terms(block.laws[k], m.t, np.array([m.x[k, 0], m.v[k, 0]]))
        assert np.abs(m.x[k] - exact).max() < 1e-3 * np.ptp(exact)
        force = np.sum([term.values(m.x[k], m.v[k], m.t) for term in block.laws[k]], axis=0)
        assert np.allclose(m.a[k], force, atol=1e-9)
    assert not any(is_held_out([term.family.name for term in law]) for law in block.laws)


def test_terms_show_by_either_way():
    """What is identifiable by Gram matrices is so by QR, for motions that were and were not kept."""
    block = draw_block(4, 0)
    motions = block.motions
    rows = slice(None, None, 5)
    t, x, v = motions.t[rows], motions.x[:60, rows], motions.v[:60, rows]
    laws = list(block.laws[:30]) + list(block.laws[100:130])  # the second half have the motions of others
    quick = are_identifiable(laws, t, x, v)
    exact = np.array([is_identifiable(law, t, x[k], v[k]) for k, law in enumerate(laws)])
    assert quick[:30].all() and 0 < quick[30:].sum() < 30
    assert (quick == exact).mean() > 0.95


def test_a_bad_measurement_is_near_the_motion_and_its_acceleration_is_farthest_off(rng):
    """It is told at even times whatever rows were measured."""
    block = draw_block(4, 0)
    t, truth = block.motions.t, [block.motions.x[0], block.motions.v[0], block.motions.a[0]]
    seen = measured_badly(t, truth[0], rng)
    off = [np.std(seen[:, k + 1] - np.interp(seen[:, 0], t, truth[k])) / np.std(truth[k]) for k in (0, 2)]
    assert 0 < off[0] < 0.08 and off[0] < off[1] < 1


def test_every_second_one_is_measured_badly_and_comes_again():
    """The others are shown as they are."""
    assert np.array_equal(show(4, 9).columns, show(4, 9 + MEASURED).columns)
    exact = show(4, 8)
    assert np.array_equal(exact.columns[:, 1], exact.drawn.x)
