"""Pictures with direct targets: what is asked of a picture is what was drawn."""

import numpy as np

from motionlaw.data_builders.oscillator_blocks import show
from motionlaw.data_builders.physsymbol import FAMILIES
from motionlaw.training.vision_targets import NUMBERS, draw_discs, draw_oscillator_panels


def test_targets_are_those_of_the_law():
    """Families and numbers agree: a number is there where its family is, and lies within its range."""
    panels = draw_oscillator_panels(3, 0, 6)
    there = np.isfinite(panels.numbers)
    for place, (family, _) in enumerate(NUMBERS):
        assert (there[:, place] == (panels.present[:, family] > 0)).all()
    assert np.nanmax(np.abs(panels.numbers)) <= 1 + 0.02
    for row in range(6):
        names = {term.family.name for term in show(3, row).drawn.terms}
        assert names == {FAMILIES[k].name for k in np.flatnonzero(panels.present[row])}


def test_a_disc_is_where_it_is_said_to_be(rng):
    """What differs most from the background is about the named place."""
    discs = draw_discs(rng, 8)
    for image, (across, down) in zip(discs.images, discs.position, strict=True):
        away = np.abs(image.astype(float) - np.median(image, axis=(0, 1))).max(axis=2)
        rows, columns = np.nonzero(away > 0.7 * away.max())
        height, width = image.shape[:2]
        assert np.hypot(np.median(columns) - across * width, np.median(rows) - down * height) < 6


def test_the_same_numbers_give_the_same_pictures():
    """Steps can be repeated after a resume, whatever the batch."""
    one, other = draw_oscillator_panels(2, 5, 2), draw_oscillator_panels(2, 4, 3)
    assert np.array_equal(one.images, other.images[1:]) and np.array_equal(one.present, other.present[1:])
