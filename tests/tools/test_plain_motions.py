"""Plain motions: each kind is known again and carried on, its error is that of theory, contacts are not foretold."""

import numpy as np
import pytest

from motionlaw.tools.plain_motions import PLACE_PX, fits, foretelling_error, plainest, since_last_kink

T = np.arange(16) / 25
AHEAD = 0.24
WAYS = {
    "uniform": lambda t: np.stack([40 * t, 25 * t], axis=-1),
    "accelerated": lambda t: np.stack([40 * t, 30 * t - 90 * t**2], axis=-1),
    "swinging": lambda t: np.stack([50 * np.cos(7 * t), 30 * np.sin(7 * t)], axis=-1),
    "dying away": lambda t: (np.exp(-1.5 * t) * np.cos(9 * t + 0.4))[..., None] * [48.0, 36.0],
}


@pytest.mark.parametrize("kind", WAYS)
def test_each_kind_is_chosen_and_carried_on(kind):
    """With a tenth of a pixel of noise, for a third of the film's time, to some per cent."""
    noise = np.random.default_rng(4).normal(0, 0.1, (len(T), 2))
    found = plainest(T, WAYS[kind](T) + noise, noise_px=PLACE_PX)
    true = WAYS[kind](T[-1] + AHEAD) - WAYS[kind](T[-1])
    assert found.kind == kind
    assert np.linalg.norm(found.step(T[-1], T[-1] + AHEAD) - true) < 0.12 * np.linalg.norm(true) + 0.5


@pytest.mark.parametrize("kind", ["accelerated", "swinging"])
def test_the_error_of_a_step_is_its_scatter(kind):
    """Over 150 draws of the noise the steps scatter as the bound says."""
    rng = np.random.default_rng(0)
    chosen = next(each for each in fits(T, WAYS[kind](T)) if each.kind == kind)
    said = chosen.step_error(T, T[-1], T[-1] + AHEAD, 0.05)
    steps = []
    for _ in range(150):
        found = next(each for each in fits(T, WAYS[kind](T) + rng.normal(0, 0.05, (len(T), 2))) if each.kind == kind)
        steps.append(found.step(T[-1], T[-1] + AHEAD))
    worst = np.sqrt(np.linalg.eigvalsh(np.cov(np.array(steps).T))[-1])
    assert worst == pytest.approx(said, rel=0.25)


def test_a_straight_path_is_foretold_along_its_line():
    """Across the line nothing is free but its direction."""
    found = plainest(T, np.stack([30 * T, 40 * T], axis=1), noise_px=PLACE_PX)
    assert found.axes.shape == (1, 2) and found.freedom == 4
    assert found.step(0.0, 1.0) == pytest.approx([30.0, 40.0])


def test_what_a_film_does_not_show_cannot_be_foretold():
    """A contact ahead, or a turn of which hardly anything was seen; a plain motion that was seen can."""
    fall = WAYS["accelerated"]
    true = fall(T[-1] + AHEAD) - fall(T[-1])
    assert foretelling_error(T, fall(T), AHEAD, true) < 0.05 * np.linalg.norm(true)
    assert foretelling_error(T, fall(T), AHEAD, true * [1, -1]) > np.linalg.norm(true)
    swing = lambda t: np.stack([50 * np.sin(2.0 * t + 1.2), 0 * t], axis=-1)  # noqa: E731
    short = T[:8]
    step = swing(short[-1] + 1.0) - swing(short[-1])
    assert foretelling_error(short, swing(short), 1.0, step) > 0.1 * np.linalg.norm(step)


def test_the_rows_before_a_contact_do_not_count():
    """A ball that a wall sends back: only its way back goes on."""
    x = np.where(T < 0.3, 100 * T, 60 - 100 * T)
    t, path = since_last_kink(T, np.stack([x, 0 * T], axis=1))
    assert t[0] >= 0.3 and np.all(np.diff(path[:, 0]) < 0)
