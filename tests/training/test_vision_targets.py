"""Pictures with direct targets: what is asked of a picture is what was drawn."""

import numpy as np

from motionlaw.data_builders.physsymbol import FAMILIES, play_terms
from motionlaw.data_builders.physsymbol_rows import is_held_out
from motionlaw.training.vision_targets import NUMBERS, draw_discs, draw_motions, draw_plot_pairs


def test_motions_follow_their_laws(rng):
    """Many motions at once are those that the exact integrator gives one by one; held-out families never meet."""
    t = np.arange(1001) * 0.02
    for terms, x, v in draw_motions(rng, 4):
        exact, _ = play_terms(terms, t, np.array([x[0], v[0]]))
        assert np.abs(x - exact).max() < 1e-3 * np.ptp(exact)
        assert not is_held_out([term.family.name for term in terms])


def test_targets_are_those_of_the_law(rng):
    """Families and numbers agree: a number is there where its family is, and lies within its range."""
    pairs = draw_plot_pairs(rng, 6)
    there = np.isfinite(pairs.numbers)
    for place, (family, _) in enumerate(NUMBERS):
        assert (there[:, place] == (pairs.present[:, family] > 0)).all()
    assert np.nanmax(np.abs(pairs.numbers)) <= 1 + 0.02
    assert pairs.present.shape == (6, len(FAMILIES))
    assert all(image.ndim == 3 and image.std() > 0 for pair in pairs.images for image in pair)


def test_a_disc_is_where_it_is_said_to_be(rng):
    """What differs most from the background is about the named place."""
    discs = draw_discs(rng, 8)
    for image, (across, down) in zip(discs.images, discs.position, strict=True):
        away = np.abs(image.astype(float) - np.median(image, axis=(0, 1))).max(axis=2)
        rows, columns = np.nonzero(away > 0.7 * away.max())
        height, width = image.shape[:2]
        assert np.hypot(np.median(columns) - across * width, np.median(rows) - down * height) < 6


def test_the_same_seed_gives_the_same_pictures():
    """Steps can be repeated after a resume."""
    one, other = (draw_plot_pairs(np.random.default_rng([0, 5]), 2) for _ in range(2))
    assert np.array_equal(one.images[0][0], other.images[0][0]) and np.array_equal(one.present, other.present)
    other = draw_plot_pairs(np.random.default_rng([0, 6]), 2)
    assert not np.array_equal(one.numbers, other.numbers, equal_nan=True)
