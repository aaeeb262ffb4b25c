"""Our own forms of questions, answered from tracks: each form by hand, and made films through the whole way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motionlaw.data_builders.clips import Clip
from motionlaw.eval.qa.items import Item
from motionlaw.eval.qa.measured import measured_answer
from motionlaw.tools.trajectory import Track

T = np.arange(40) / 20


def track(name, x, y):
    place = np.stack([x + 0 * T, y + 0 * T], axis=1)
    return Track(0, name, np.arange(40), T, place, np.ones(40), np.hstack([place - 10, place + 10]))


def clip(*tracks):
    return Clip("c", tracks, 640, 480, 20.0, T)


def item(question, *options):
    return Item("q", Path("c.mp4"), question, None, "choice" if options else "words", "c", options, is_ours=True)


BACK = 200 + 100 * np.abs(T - 1)  # to the left, then to the right
ONE, TWO = track("red object", 100 + 50 * T, 100), track("blue object", 400 - 20 * T, 100)


@pytest.mark.parametrize(
    ("question", "tracks", "answer"),
    [
        ("How does the speed of the red ball change?", (track("red object", 50 + 40 * T**2, 9),),
         "it only gets faster"),
        ("In which order does the red ball move left and right?", (track("red object", BACK, 9),),
         "first left, then right"),
        ("In which order does the red ball move up and down?", (track("red object", 9, 300 - 50 * T),), "only up"),
        ("How does the distance between the red ball and the blue block change?", (ONE, TWO), "it only shrinks"),
        ("Of the red ball and the blue block, which moves to the left?", (ONE, TWO), "only the blue block"),
        ("Which is faster, the blue block or the red ball, and do they come closer or move apart?", (ONE, TWO),
         "the red ball, and they come closer"),
        ("The red ball is 0.40 m wide. What is its mean speed along its path?", (ONE,), "1 m/s"),
        ("What happens to the mechanical energy of the red ball?",
         (track("red object", 300 + 100 * np.exp(-0.6 * T) * np.sin(25 * T), 9),), "it is only lost"),
    ],
)  # fmt: skip
def test_forms_are_answered_from_tracks(question, tracks, answer):
    """Free questions, in the words of the builder."""
    assert measured_answer(item(question), clip(*tracks)) == answer


def test_options_are_chosen_by_words_or_by_the_nearest_number():
    """A letter; for numbers the nearest in ratio."""
    speed = "The red ball is 0.40 m wide. What is its mean speed along its path?"
    assert measured_answer(item(speed, "0.5 m/s", "0.71 m/s", "1.02 m/s", "1.4 m/s"), clip(ONE)) == "C"
    corners = [f"the {a} {b} corner" for a in ("upper", "lower") for b in ("left", "right")]
    rising = clip(track("red object", 100 + 50 * T, 300 - 50 * T))
    assert measured_answer(item("Towards which corner does the red ball move?", *corners), rising) == "B"


def test_the_film_mirrored_changes_sides():
    """Equivariance: left and right, and nothing else."""
    mirrored = replace(ONE, position=[640, 0] + ONE.position * [-1, 1])
    asked = item("Of the red ball and the blue block, which moves to the left?")
    assert measured_answer(asked, clip(mirrored, TWO)) == "both"


def test_what_is_not_known_is_not_answered():
    """Another form, or a thing too many."""
    assert measured_answer(item("Which is heavier, the red ball or the blue block?"), clip(ONE, TWO)) == ""
    asked = "How does the distance between the green ball and the red ball change?"
    assert measured_answer(item(asked), clip(ONE)) == ""
    assert measured_answer(item(asked), clip(ONE, TWO)) == "it only shrinks"  # what is left, whatever its colour
