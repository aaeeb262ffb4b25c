"""Pictures with direct targets for a vision tower, made as they are needed: plots of oscillators, and a disc somewhere.

Oscillators are integrated many at a time and drawn as the data set `physsymbol` draws them; what is asked of a pair of
plots is which families of terms are present, and their numbers. Sets of families that are kept for testing never come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from motionlaw.data_builders.curve_plots import draw_plot, draw_style
from motionlaw.data_builders.identifiability import is_identifiable
from motionlaw.data_builders.physsymbol import (
    DT_S,
    FAMILIES,
    FEWEST_TERMS,
    MOST_REACH,
    MOST_TERMS,
    START,
    T_END_S,
    Term,
    is_informative,
)
from motionlaw.data_builders.physsymbol_rows import PICTURES, is_held_out

NUMBERS = [(family, k) for family in range(len(FAMILIES)) for k in range(len(FAMILIES[family].ranges))]
"""The numbers of all families, in their order: family and place."""
# Motions integrated at a time.
TOGETHER = 128
DISC_SIDE_PX = (160, 320)
DISC_RADIUS = (0.03, 0.12)


@dataclass(frozen=True)
class PlotPairs:
    """Pairs of plots and what they show.

    Args:
        images: Phase portrait and x(t) of each motion, arrays of shape (H, W, 3), RGB.
        present: Whether each family is in the law, shape (N, 11).
        numbers: Each number of `NUMBERS`, from -1 to 1 over its range, shape (N, 13); NaN where the family is absent.
    """

    images: list[tuple[np.ndarray, np.ndarray]]
    present: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Discs:
    """Pictures of one disc.

    Args:
        images: Arrays of shape (H, W, 3), RGB.
        position: Its centre as shares of width and height, shape (N, 2).
    """

    images: list[np.ndarray]
    position: np.ndarray


def draw_motions(rng: np.random.Generator, count: int) -> list[tuple[tuple[Term, ...], np.ndarray, np.ndarray]]:
    """Draws laws whose terms all show, with their motions.

    Args:
        rng: The random numbers.
        count: How many.

    Returns:
        Terms, positions and velocities, each of shape (1001,).
    """
    found: list[tuple[tuple[Term, ...], np.ndarray, np.ndarray]] = []
    t = np.arange(round(T_END_S / DT_S) + 1) * DT_S
    while len(found) < count:
        laws = [_law(rng) for _ in range(TOGETHER)]
        x, v = _play(laws, rng.uniform(*START, size=(2, len(laws))), len(t))
        for k, law in enumerate(laws):
            if len(found) < count and is_informative(x[k]) and is_identifiable(law, t, x[k], v[k]):
                found.append((law, x[k], v[k]))
    return found


def _law(rng: np.random.Generator) -> tuple[Term, ...]:
    while True:
        chosen = rng.choice(len(FAMILIES), int(rng.integers(FEWEST_TERMS, MOST_TERMS + 1)), replace=False)
        terms = tuple(FAMILIES[k].draw(rng) for k in sorted(chosen))
        if not is_held_out([term.family.name for term in terms]):
            return terms


def _play(laws: Sequence[tuple[Term, ...]], start: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Plays many laws at once by classical Runge-Kutta; NaN where one leaves its reach. Shapes (N, T)."""
    of_family = []
    for family in FAMILIES:
        have = [(k, term.numbers) for k, law in enumerate(laws) for term in law if term.family is family]
        if have:
            places = np.array([k for k, _ in have])
            of_family.append((family.term, places, np.array([numbers for _, numbers in have]).T))

    def force(x: np.ndarray, v: np.ndarray, t: float) -> np.ndarray:
        a = np.zeros_like(x)
        for term, places, numbers in of_family:
            a[places] += term(np, x[places], v[places], t, *numbers)
        return a

    x, v = start
    xs, vs = np.empty((rows, len(laws))), np.empty((rows, len(laws)))
    h = DT_S
    with np.errstate(all="ignore"):
        for row in range(rows):
            xs[row], vs[row] = x, v
            t = row * h
            a1 = force(x, v, t)
            v2 = v + h / 2 * a1
            a2 = force(x + h / 2 * v, v2, t + h / 2)
            v3 = v + h / 2 * a2
            a3 = force(x + h / 2 * v2, v3, t + h / 2)
            v4 = v + h * a3
            a4 = force(x + h * v3, v4, t + h)
            x, v = x + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            lost = ~(np.abs(x) < MOST_REACH)
            x, v = np.where(lost, np.nan, x), np.where(lost, np.nan, v)
    return xs.T, vs.T


@lru_cache(maxsize=1)
def _centres() -> tuple[np.ndarray, np.ndarray]:
    """Middle and half width of the range of each number; both signs where a family has them."""
    low, high = [], []
    for family, k in NUMBERS:
        first, last = FAMILIES[family].ranges[k]
        is_signed = FAMILIES[family].has_sign and k == 0
        low.append(-last if is_signed else first)
        high.append(last)
    return (np.array(low) + high) / 2, (np.array(high) - low) / 2


def draw_plot_pairs(rng: np.random.Generator, count: int) -> PlotPairs:
    """Draws pairs of plots, each in a style of its own.

    Example:
        >>> pairs = draw_plot_pairs(np.random.default_rng(0), 3)
        >>> len(pairs.images), pairs.present.shape, bool((pairs.present.sum(axis=1) >= 2).all())
        (3, (3, 11), True)
    """
    t = np.arange(round(T_END_S / DT_S) + 1) * DT_S
    images, present, numbers = [], np.zeros((count, len(FAMILIES))), np.full((count, len(NUMBERS)), np.nan)
    middle, half = _centres()
    for row, (law, x, v) in enumerate(draw_motions(rng, count)):
        values = {"t": t, "x": x, "v": v}
        drawn = []
        for across, up, names in (PICTURES[name] for name in ("phase_portrait", "trajectory")):
            plot = draw_plot(values[across], values[up], names, draw_style(rng))
            drawn.append(np.ascontiguousarray(plot[:, :, ::-1]))
        images.append((drawn[0], drawn[1]))
        for term in law:
            family = FAMILIES.index(term.family)
            present[row, family] = 1.0
            for k, number in enumerate(term.numbers):
                place = NUMBERS.index((family, k))
                numbers[row, place] = (number - middle[place]) / half[place]
    return PlotPairs(images, present, numbers)


def draw_discs(rng: np.random.Generator, count: int) -> Discs:
    """Draws pictures of one disc on a shaded background with noise.

    Example:
        >>> discs = draw_discs(np.random.default_rng(0), 2)
        >>> discs.position.shape, discs.images[0].ndim
        ((2, 2), 3)
    """
    import cv2

    images, position = [], np.empty((count, 2))
    for row in range(count):
        width, height = (int(rng.integers(*DISC_SIDE_PX)) for _ in range(2))
        radius = rng.uniform(*DISC_RADIUS) * min(width, height)
        ramp = np.linspace(0, rng.uniform(-40, 40), width)[None, :, None] + rng.uniform(40, 215, 3)
        image = np.broadcast_to(ramp, (height, width, 3)) + rng.normal(0, rng.uniform(0, 8), (height, width, 3))
        image = np.clip(image, 0, 255).astype(np.uint8)
        position[row] = rng.uniform(0.1, 0.9, 2)
        centre = [round(float(16 * share * side)) for share, side in zip(position[row], (width, height), strict=True)]
        colour = rng.integers(0, 256, 3)
        ground = image.reshape(-1, 3).mean(axis=0)
        if np.abs(colour - ground).max() < 60:  # one that can be told from the background
            colour = (ground + 128) % 256
        cv2.circle(image, centre, round(16 * radius), [int(each) for each in colour], -1, cv2.LINE_AA, 4)
        images.append(image)
    return Discs(images, position)
