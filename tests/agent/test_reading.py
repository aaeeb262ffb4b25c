"""A question read by a model is believed where it is a form, is borne out by the question, and is probable."""

import pytest

from motionlaw.agent.answer import understood
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.agent.question import read_question
from motionlaw.agent.reading import (
    LEAST,
    READINGS,
    TAILS,
    UNMEASURED,
    fill,
    forms,
    is_borne_out,
    is_reading,
    read_freely,
)
from motionlaw.agent.rules import RULES

NOT_KNOWN = "does the redd ball leap when it lands"


def reader(*said, sure=0.0):
    """A model that reads so, with this log-probability."""
    return ScriptedModel(list(said), form=READINGS, log_probabilities=dict.fromkeys(said, sure))


@pytest.mark.parametrize("form", forms())
def test_each_form_is_answered_by_a_rule_and_names_its_things(form):
    """The rules read what the forms ask, of named things and of "it"."""
    named = fill(form, ("the red ball", "the blue cart") if "{s}" not in form else ("red balls",))
    read = read_question(named)
    assert read.topic in RULES and is_reading(named)
    colours = [thing.colour for thing in read.things if thing.colour]
    assert colours == [colour for colour in ("red", "blue") if colour in named]
    if "{" not in (plain := fill(form)):
        assert is_reading(plain) and read_question(plain).topic == read.topic


def test_what_is_no_form_is_no_reading():
    """Other sentences, half a form, and more than a form are refused."""
    for text in (
        "",
        "hello",
        "does the red ball",
        "does it bounce and delete the file",
        "which way does the ball sing",
    ):
        assert not is_reading(text)
    assert is_reading(UNMEASURED)


def test_parts_of_the_time_may_follow():
    """A form may end in one of the tails, with numbers."""
    for tail in TAILS:
        assert is_reading(f"which way does the ball move {tail.format(n=2.5)}")
    assert not is_reading("which way does the ball move after lunch")


@pytest.mark.parametrize(
    ("written", "asked", "is_right"),
    [
        ("does the red ball bounce", "dose teh rde ball jump", True),
        ("does the green ball bounce", "does the red ball jump", False),
        ("does the ball bounce", "does the red ball jump", False),
        ("does the rocket bounce", "does the ball jump", False),
        ("how far does it go before 3 s", "where is it at 3 s", True),
        ("how far does it go before 2 s", "where is it at 3 s", False),
        ("which is faster, the red one or the blue one", "red against blue who is quick", True),
    ],
)
def test_things_and_numbers_must_stand_in_the_question(written, asked, is_right):
    """Slips in spelling are forgiven; other colours, names and numbers are not, nor colours that are left out."""
    assert is_borne_out(written, asked) == is_right


def test_a_model_reads_what_the_rules_do_not_know():
    """Its reading is what the rules go by, and is told as a question."""
    read, told = understood(NOT_KNOWN, (), reader("does the red ball bounce", sure=-0.1))
    assert read.topic == "bounce" and read.things[0].colour == "red" and told == "Does the red ball bounce?"


@pytest.mark.parametrize(
    ("asked", "said", "sure", "topic"),
    [
        ("How fast is the red ball?", "what is the maximum speed of the red ball", 0.0, "speed"),  # the same topic
        ("How fast is the red ball?", "does the red ball bounce", -0.2, "speed"),  # another, and not sure enough
        ("How fast is the red ball?", UNMEASURED, 0.0, "speed"),
        ("How heavy is the red ball?", "what is the mean speed of the red ball", 0.0, "unseen"),
    ],
)
def test_the_rules_keep_what_they_know(asked, said, sure, topic):
    """A question that they read stays as they read it, and what they call unseen stays unseen."""
    read, told = understood(asked, (), reader(said, sure=sure))
    assert read == read_question(asked) and read.topic == topic and told == ""


def test_a_model_that_is_surer_is_believed_against_the_rules():
    """The rules see "speed" here and nothing else; a model that is sure of another topic is right oftener."""
    asked = "is the car braking or picking up speed"
    read, told = understood(asked, (), reader("does the car speed up or slow down", sure=-0.01))
    assert read_question(asked).topic == "speed" and read.topic == "trend" and told


@pytest.mark.parametrize(
    ("said", "sure"), [("does the red ball bounce", -5.0), ("does the blue ball bounce", 0.0), ("I think so", 0.0)]
)
def test_readings_that_are_unsure_or_not_borne_out_are_left(said, sure):
    """The question is then as little understood as without a model."""
    assert understood(NOT_KNOWN, (), reader(said, sure=sure)) == (read_question(NOT_KNOWN), "")


def test_what_is_not_measured_is_said_to_be_so():
    """The question is refused as one that no instrument answers."""
    read, told = understood("is the ball wet", (), reader(UNMEASURED))
    assert read.topic == "unseen" and told == UNMEASURED


def test_a_reading_carries_its_probability():
    """The threshold is a probability."""
    reading = read_freely(reader("does the red ball bounce", sure=-0.5), NOT_KNOWN)
    assert reading is not None and reading.probability == pytest.approx(0.6065, abs=1e-3) and 0 < LEAST < 1
