"""Motion chains: written and read without loss, read from rubbish without fault, changed as films are."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import chains

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Prose, write_chain
from motionlaw.agent.mcot_changes import freeze_chain, mirror_chain, reverse_chain, speed_up_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.tools.errors import ToolError

PIECES = [
    "<think>", "</think>", "<answer>", "</answer>", "<obj>", "</obj>", "<box>", "</box>", "<t>", "</t>", "s", "at",
    "<motion obj=", '"', "'", "dir=E", "speed='fast'", "/>", "[1,2,3,4]", "[4,3,2,1]", "nan", "1e999", "```xml\n",
    "&amp;", "&#99999999999;", "<", ">", " ", "\n", "cup", "-0.5", "from=", "ref='cup'", "measured='3'",
]  # fmt: skip


@settings(deadline=None)
@given(chains())
def test_what_is_written_is_read(chain) -> None:
    """Reading what was written gives the same chain, and only a missing answer is a problem."""
    reading = read_chain(write_chain(chain))
    assert reading.chain == chain
    assert all("answer block" in problem for problem in reading.problems)
    assert bool(reading.problems) == (chain.answer is None)


@settings(deadline=None)
@given(chains())
def test_plain_values_give_the_chain_back(chain) -> None:
    """from_dict undoes to_dict."""
    assert Chain.from_dict(chain.to_dict()) == chain


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_rubbish_is_read_and_reads_the_same_again(pieces) -> None:
    """Any pile of pieces is read without an error, and what was read can be written and read again."""
    chain = read_chain("".join(pieces)).chain
    assert read_chain(write_chain(chain)).chain == chain


LONG = ["<obj>a</obj><box>[1,2,3,4]</box>", "<answer>x</answer>", "<motion a='<motion b='"]


@pytest.mark.parametrize("piece", PIECES + LONG)
def test_long_rubbish_takes_no_time(piece) -> None:
    """20,000 times the same piece is read in less than a second."""
    start = time.process_time()
    read_chain(piece * 20_000)
    assert time.process_time() - start < 1.0


def test_sloppy_text_is_understood() -> None:
    """Order of attributes, quotes, blanks, case, other words, escaped names and code fences do not matter."""
    text = (
        "```xml\n<THINK> Look: <obj> Tom &amp; Ann</obj> <box> [ 1 , 2.5,3, 4 ] </box> at <t> 0.5 </t>s and on"
        "<motion scale=stable   speed = 'FAST' dir=\"upper right\" obj=\"Tom &amp; Ann\" to=2s from=\"1\" />"
        "</think>\n<answer> B </answer>\n```"
    )
    reading = read_chain(text)
    assert reading.problems == ()
    assert reading.chain == Chain(
        (
            Prose("Look:"),
            Observation("Tom & Ann", (1, 2.5, 3, 4), 0.5),
            Prose("and on"),
            MotionTag("Tom & Ann", "NE", "fast", "stable", 1.0, 2.0),
        ),
        "B",
    )


@pytest.mark.parametrize(
    ("text", "answer", "problem"),
    [
        ("<think></think>", None, "exactly one answer block, got 0"),
        ("<think><answer>A</answer></think><answer>B</answer>", None, "exactly one answer block, got 2"),
        ("<answer>A", "A", "not closed"),
        ("<answer>A</answer><box>[1,2,3,4]</box>", "A", "before any object"),
        ("<answer>A</answer><obj>a</obj><box>[1,2,3]</box>", "A", "four numbers"),
        ("<answer>A</answer><obj>a</obj><box>[3,2,1,4]</box>", "A", "x1 < x2"),
        ("<answer>A</answer><obj>a</obj><box>[1,2,3,4]</box>at<t>soon</t>s", "A", "one number of seconds"),
        ("<answer>A</answer><motion obj='a' dir='sideways' speed='fast' scale='stable'/>", "A", "sideways"),
        ("<answer>A</answer><motion obj='a' dir='E' speed='fast'/>", "A", "no scale"),
        ("<answer>A</answer><motion dir='E' speed='fast' scale='stable'/>", "A", "names no object"),
    ],
)
def test_faults_are_named(text, answer, problem) -> None:
    """What is wrong with a text is said, and the answer counts only if there is exactly one."""
    reading = read_chain(text)
    assert reading.chain.answer == answer
    assert any(problem in each for each in reading.problems)


def test_values_refuse_what_is_not_in_the_grammar() -> None:
    """Unknown words, empty boxes and a frame that does not fit are errors."""
    for wrong in (
        lambda: MotionTag("a", "sideways"),
        lambda: MotionTag("a", frame="object"),
        lambda: Observation("a", (0, 0, 0, 1), 1.0),
        lambda: Observation("a", (0, 0, 1, 1), float("nan")),
    ):
        with pytest.raises(ToolError):
            wrong()


def _claims(chain: Chain) -> Chain:
    return Chain(tuple(step for step in chain.steps if not isinstance(step, Prose)))


def _close(one: Chain, other: Chain) -> bool:
    times = [t for each in (one, other) for tag in each.motion_tags for t in (tag.t_from, tag.t_to) if t is not None]
    assert all(abs(t) < 1e6 for t in times)
    words = [(tag.name, tag.direction, tag.scale, tag.phase, tag.shape) for tag in one.motion_tags]
    places = [edge for each in one.observations for edge in each.box]
    return words == [(tag.name, tag.direction, tag.scale, tag.phase, tag.shape) for tag in other.motion_tags] and (
        places == pytest.approx([edge for each in other.observations for edge in each.box], abs=1e-6)
    )


@settings(deadline=None)
@given(chains())
def test_mirror_and_reverse_undo_themselves(chain) -> None:
    """A film that is mirrored twice, or reversed twice, is the film."""
    assert _close(mirror_chain(mirror_chain(chain, 640), 640), _claims(chain))
    assert _close(reverse_chain(reverse_chain(chain, 0, 9), 0, 9), _claims(chain))


@settings(deadline=None)
@given(chains(), st.floats(min_value=0.1, max_value=10))
def test_changes_follow_the_film(chain, factor) -> None:
    """East becomes west, reversing turns by 180 degrees, times are divided, what is frozen stands."""
    opposite = {"E": "W", "NE": "SW", "N": "S", "NW": "SE", "STAT": "STAT", "unknown": "unknown"}
    opposite |= {there: here for here, there in opposite.items()}
    beside = {"E": "W", "NE": "NW", "SE": "SW", "N": "N", "S": "S", "STAT": "STAT", "unknown": "unknown"}
    beside |= {there: here for here, there in beside.items()}
    nearer = {"approaching": "receding", "receding": "approaching"}
    backwards = list(reversed(reverse_chain(chain, 0, 9).motion_tags))
    faster, still = speed_up_chain(chain, factor), freeze_chain(chain, 1.0)
    for number, tag in enumerate(chain.motion_tags):
        assert mirror_chain(chain, 640).motion_tags[number].direction == beside[tag.direction]
        assert backwards[number].direction == opposite[tag.direction]
        assert backwards[number].scale == nearer.get(tag.scale, tag.scale)
        assert faster.motion_tags[number].t_from == (None if tag.t_from is None else tag.t_from / factor)
        assert (still.motion_tags[number].direction, still.motion_tags[number].speed) == ("STAT", "stationary")
