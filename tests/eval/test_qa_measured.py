"""Our own forms of questions, answered from tracks: each form by hand; and a film through the whole way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import moving_discs

from motionlaw.eval.qa.answerers import Instruments
from motionlaw.eval.qa.items import Item
from motionlaw.eval.qa.measured import measured_answer
from motionlaw.eval.qa.scores import score
from motionlaw.eval.qa.things import Thing, first_touch, named_things, path_length
from motionlaw.tools.trajectory import Track

T = np.arange(40) / 20


def thing(name, x, y):
    place = np.stack([x + 0 * T, y + 0 * T], axis=1)
    return Thing(name, Track(0, name, np.arange(40), T, place, np.ones(40), np.hstack([place - 10, place + 10])), 20.0)


def item(question, *options, film="c.mp4"):
    return Item("q", Path(film), question, None, "choice" if options else "words", "c", options, is_ours=True)


BACK = 200 + 100 * np.abs(T - 1)  # to the left, then to the right
ONE, TWO = thing("red ball", 100 + 50 * T, 100), thing("blue block", 400 - 20 * T, 100)
HIT = np.maximum(T - 1.013, 0.0)  # a red ball hits a blue one of three times its mass, edge to edge at 1.013 s
HITTING = thing("red ball", 200 + 100 * (T - 1.013) - 150 * HIT, 100), thing("blue ball", 220 + 50 * HIT, 100)
SPRING = thing("red ball", 300 + 100 * np.exp(-0.6 * T) * np.sin(12 * T), 9)
FLIGHT = np.mod(T + 0.13, 0.6) - 0.3  # seconds from the nearest top
BOUNCING = thing("red ball", 100 + 30 * T, 200 - 80 * (1 - (FLIGHT / 0.3) ** 2))
SWING = 0.5 * np.cos(6 * T + 0.3)
PENDULUM = thing("red ball", 200 + 120 * np.sin(SWING), 50 + 120 * np.cos(SWING))


@pytest.mark.parametrize(
    ("question", "things", "answer"),
    [
        ("How does the speed of the red ball change?", (thing("red ball", 50 + 40 * T**2, 9),), "it only gets faster"),
        ("In which order does the red ball move left and right?", (thing("red ball", BACK, 9),),
         "first left, then right"),
        ("In which order does the red ball move up and down?", (thing("red ball", 9, 300 - 50 * T),), "only up"),
        ("How does the distance between the red ball and the blue block change?", (ONE, TWO), "it only shrinks"),
        ("Of the red ball and the blue block, which moves to the left?", (ONE, TWO), "only the blue block"),
        ("The red ball is 0.40 m wide. What is its mean speed along its path?", (ONE,), "1 m/s"),
        ("The red ball is 0.40 m wide. What is its acceleration?", (thing("red ball", 9, 100 + 25 * T**2),), "1 m/s²"),
        ("What happens to the mechanical energy of the red ball?", (SPRING,), "it falls by more than half"),
        ("Does the red ball conserve its mechanical energy, and how many times is it at a highest point?", (BOUNCING,),
         "yes; 3 times"),
        ("Does the red ball conserve its mechanical energy, and how many times does it turn back?", (PENDULUM,),
         "yes; 3 times"),
        ("How many times does the red ball turn back?", (thing("red ball", 100 * np.cos(4 * T + 0.3), 9),), "2"),
        ("What is the period of the motion of the red ball?", (thing("red ball", 100 * np.cos(4 * np.pi * T), 9),),
         "0.5 s"),
        ("At what time after the start of the film do the red ball and the blue ball first touch?", HITTING, "1.013 s"),
        ("Which is heavier, the red ball or the blue ball?", HITTING, "the blue ball"),
        ("Which is heavier, the red ball or the blue block?", (ONE, TWO), "it does not show: they do not touch"),
        ("Where does the red ball get to in the 0.5 s after the film ends?",
         (thing("red ball", 100 + 50 * T, 300 - 100 * T + 24 * T**2),), "0.889 of its diagonal to the right"),
        ("How does the red ball move?", (thing("red ball", 50 + 40 * T**2, 9),), "right, getting faster"),
        ("Which corner does the red ball head for?", (thing("red ball", BACK, 300 - BACK),),
         "first the lower left corner, then the upper right corner"),
    ],
)  # fmt: skip
def test_forms_are_answered_from_things(question, things, answer):
    """Free questions, in the words of the builder."""
    assert measured_answer(item(question), things) == answer


def test_options_are_chosen_by_words_or_by_the_nearest_number():
    """A letter; for numbers the nearest in ratio."""
    speed = "The red ball is 0.40 m wide. What is its mean speed along its path?"
    assert measured_answer(item(speed, "0.5 m/s", "0.71 m/s", "1.02 m/s", "1.4 m/s"), (ONE,)) == "C"
    places = [f"{far} of its diagonal {way}" for far in ("0.4", "0.9") for way in ("to the right", "to the left")]
    asked = "Where does the red ball get to in the 0.5 s after the film ends?"
    assert measured_answer(item(asked, *places), (ONE,)) == "C"
    corners = [f"the {a} {b} corner" for a in ("upper", "lower") for b in ("left", "right")]
    rising = thing("red ball", 100 + 50 * T, 300 - 50 * T)
    assert measured_answer(item("Which corner does the red ball head for?", *corners), (rising,)) == "B"


def test_the_film_mirrored_changes_sides():
    """Equivariance: left and right, and nothing else."""
    mirrored = replace(ONE, track=replace(ONE.track, position=[640, 0] + ONE.track.position * [-1, 1]))
    asked = item("Of the red ball and the blue block, which moves to the left?")
    assert measured_answer(asked, (mirrored, TWO)) == "both"


def test_what_is_not_known_is_not_answered():
    """Another form, no thing, or too little seen of it."""
    assert measured_answer(item("What colour is the red ball?"), (ONE,)) == ""
    assert measured_answer(item("How does the speed of the red ball change?"), ()) == ""
    hidden = replace(ONE.track, position=np.where(np.arange(40)[:, None] < 3, ONE.track.position, np.nan))
    assert measured_answer(item("How does the speed of the red ball change?"), (replace(ONE, track=hidden),)) == ""


def test_noise_does_not_lengthen_a_slow_path():
    """A tenth of a pixel of noise on steps as long: the sum of the steps would be twice the way."""
    rng = np.random.default_rng(3)
    t = np.arange(200) / 25
    place = np.stack([50 + 0.1 * np.arange(200), 0 * t], axis=1) + rng.normal(0, 0.1, (200, 2))
    noisy = Thing("red ball", Track(0, "", np.arange(200), t, place, np.ones(200), np.hstack([place, place])), 20.0)
    assert path_length(noisy) == pytest.approx(19.9, rel=0.06)


def test_things_that_never_touch_in_sight_have_their_nearest_time():
    """Two that pass at a distance: the time of the least gap."""
    passing = thing("red ball", 100 + 50 * T, 100), thing("blue ball", 150, 140)
    assert first_touch(*passing) == pytest.approx(1.0, abs=0.05)


def test_a_film_of_small_steps_is_measured_by_the_instruments(tmp_path):
    """A disc that moves by a third of its size, which no median background shows: 12 px in 0.8 s, 40 px wide."""
    path = tmp_path / "film.mp4"
    moving_discs(path, [lambda t: (160 + 15 * t, 120)], times=np.arange(21) / 25, radii=(20.0,))
    asked = "The red ball is 0.40 m wide. What is its mean speed along its path?"
    (found,) = named_things(asked, path)
    assert found.width_px == pytest.approx(40, rel=0.02)
    said = Instruments().answer(item(asked, film=path), "video").text
    assert float(said.split()[0]) == pytest.approx(0.15, rel=0.04)


def test_a_free_answer_about_what_comes_next_needs_the_direction_too():
    """The number within 5 %, and the words of the way."""
    asked = replace(item("Where does it get to?"), answer="0.4 of its diagonal up", scorer="way")
    said = ("0.41 of its diagonal up", "0.41 of its diagonal up and to the left", "0.5 of its diagonal up", "0.4")
    assert [score(asked, each).value for each in said] == [1.0, 0.0, 0.0, 0.0]


def corner_block(turn, x, y):
    """The corners of a block 20 pixels wide that is turned by an angle."""
    corners = 10 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    cos, sin = np.cos(turn), np.sin(turn)
    return corners @ np.array([[cos, sin], [-sin, cos]]) + [x, y]


def test_turned_blocks_touch_with_their_corners():
    """A block on its corner meets a ball 14.1 pixels before their middles' boxes would; balls touch between frames."""
    x = 100 + 40 * np.minimum(T, 1.32)
    diamond = replace(thing("red block", x, 100), outlines=tuple(corner_block(np.pi / 4, each, 100) for each in x))
    wall = replace(thing("blue block", 177.3, 100), outlines=(corner_block(0.0, 177.3, 100),) * 40)
    # The diamond's corner is 14.14 ahead, the block's side 10 before its middle; outlines are half a pixel inside.
    assert first_touch(diamond, wall) == pytest.approx((77.3 - 14.14 - 10 - 1) / 40, abs=0.03)


def test_a_fast_touch_falls_between_frames():
    """Nine pixels apart in the nearest frame, closing by 14 a frame: they touch before the next."""
    when = 0.98
    gone = np.maximum(T - when, 0.0)
    fast = thing("red ball", 60 + 280 * (T - 1.0) + 0 * gone - 400 * gone, 100)
    still = thing("blue ball", 60 + 280 * (when - 1.0) + 20 + 120 * gone, 100)
    assert first_touch(fast, still, is_sure=True) == pytest.approx(when, abs=0.004)
