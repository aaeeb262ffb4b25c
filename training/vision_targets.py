"""Pictures with direct targets for a vision tower, made as they are needed: panels of oscillators, a disc somewhere.

Oscillators come from `motionlaw.data_builders.oscillator_blocks` and are drawn as `motionlaw discover` draws what it
shows to a small model; what is asked of a picture is which families of terms are present, and their numbers. Part of
the motions are measured badly before they are drawn: fewer rows, noise, and derivatives of what is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from motionlaw.data_builders.oscillator_blocks import show
from motionlaw.data_builders.physsymbol import FAMILIES
from motionlaw.tools.panels import Motions, draw_panels

NUMBERS = [(family, k) for family in range(len(FAMILIES)) for k in range(len(FAMILIES[family].ranges))]
"""The numbers of all families, in their order: family and place."""
DISC_SIDE_PX = 112
DISC_RADIUS = (0.03, 0.12)


@dataclass(frozen=True)
class Panels:
    """Pictures of oscillators and what they show.

    Args:
        images: Three of each, shape (N, 3, 32, 64, 3), RGB.
        reach: What words tell of a motion beside its picture: least and greatest x, v and a, shape (N, 6).
        present: Whether each family is in the law, shape (N, 11).
        numbers: Each number of `NUMBERS`, from -1 to 1 over its range, a frequency by its logarithm, shape (N, 13);
            NaN where the family is absent.
    """

    images: np.ndarray
    reach: np.ndarray
    present: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Discs:
    """Pictures of one disc.

    Args:
        images: Shape (N, 112, 112, 3), RGB.
        position: Its centre as shares of width and height, shape (N, 2).
    """

    images: np.ndarray
    position: np.ndarray


@lru_cache(maxsize=1)
def _centres() -> tuple[np.ndarray, np.ndarray]:
    """Middle and half width of the range of each number; both signs where a family has them."""
    low, high = [], []
    for family, k in NUMBERS:
        first, last = FAMILIES[family].ranges[k]
        is_signed = FAMILIES[family].has_sign and k == 0
        low.append(_scaled(k, -last if is_signed else first))
        high.append(_scaled(k, last))
    return (np.array(low) + high) / 2, (np.array(high) - low) / 2


def _scaled(k: int, number: float) -> float:
    """A family's second number is a frequency, and counts by its ratios."""
    return math.log(number) if k == 1 else number


def draw_oscillator_panels(seed: int, first: int, count: int) -> Panels:
    """Draws pictures of the oscillators of a seed, from one number on.

    Example:
        >>> panels = draw_oscillator_panels(0, 0, 3)
        >>> panels.images.shape, panels.present.shape, bool((panels.present.sum(axis=1) >= 2).all())
        ((3, 3, 32, 64, 3), (3, 11), True)
    """
    present, numbers = np.zeros((count, len(FAMILIES))), np.full((count, len(NUMBERS)), np.nan)
    middle, half = _centres()
    motions = []
    for row in range(count):
        shown = show(seed, first + row)
        t, x, v, a = shown.columns.T
        motions.append(Motions(t, x[None], v[None], a[None]).joined())
        for term in shown.drawn.terms:
            family = FAMILIES.index(term.family)
            present[row, family] = 1.0
            for k, number in enumerate(term.numbers):
                place = NUMBERS.index((family, k))
                numbers[row, place] = (_scaled(k, number) - middle[place]) / half[place]
    x, v, a = (np.concatenate([getattr(each, name) for each in motions]) for name in "xva")
    together = Motions(motions[0].t, x, v, a)
    return Panels(draw_panels(together), reach_of(together), present, numbers)


def reach_of(motions: Motions) -> np.ndarray:
    """Least and greatest x, v and a of each motion, shape (N, 6)."""
    columns = [motions.x, motions.v, motions.a]
    return np.column_stack([edge for each in columns for edge in (each.min(axis=1), each.max(axis=1))])


def draw_discs(rng: np.random.Generator, count: int) -> Discs:
    """Draws square pictures of one disc on a shaded background with noise.

    Example:
        >>> discs = draw_discs(np.random.default_rng(0), 2)
        >>> discs.position.shape, discs.images.shape
        ((2, 2), (2, 112, 112, 3))
    """
    import cv2

    images, position = np.empty((count, DISC_SIDE_PX, DISC_SIDE_PX, 3), np.uint8), rng.uniform(0.1, 0.9, (count, 2))
    for row in range(count):
        ramp = np.linspace(0, rng.uniform(-40, 40), DISC_SIDE_PX)[None, :, None] + rng.uniform(40, 215, 3)
        image = ramp + rng.normal(0, rng.uniform(0, 8), (DISC_SIDE_PX, DISC_SIDE_PX, 3))
        image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
        centre = [round(float(16 * share * DISC_SIDE_PX)) for share in position[row]]
        colour = rng.integers(0, 256, 3)
        ground = image.reshape(-1, 3).mean(axis=0)
        if np.abs(colour - ground).max() < 60:  # one that can be told from the background
            colour = (ground + 128) % 256
        radius = round(16 * rng.uniform(*DISC_RADIUS) * DISC_SIDE_PX)
        cv2.circle(image, centre, radius, [int(each) for each in colour], -1, cv2.LINE_AA, 4)
        images[row] = image
    return Discs(images, position)
