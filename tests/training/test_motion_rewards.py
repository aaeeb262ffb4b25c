"""Rewards of motion chains on rows of made films."""

import pickle
import re

import pytest

from motionlaw.agent.mcot import Chain, MotionTag, write_chain
from motionlaw.agent.mcot_changes import mirror_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.data_builders.chain_rows import builder
from motionlaw.training.dry_run import rehearse, require_live
from motionlaw.training.motion_rewards import (
    MIRRORED,
    MOTION_REWARDS,
    UNCHANGED,
    answer_reward,
    coverage_reward,
    equivariance_reward,
    self_consistency_reward,
    temporal_iou_reward,
    trajectory_reward,
)


@pytest.fixture(scope="module")
def rows():
    """Rows of a few made films, with the columns that a trainer has."""
    every = [row for index in (0, 3, 6) for row in builder().make(5, index)]
    return [
        {name: row[name] for name in ("chain", "answer", "options", "tracks", "timestamps", "width")}
        | {"prompt": row["question"], "reference": row["chain"], "group": "", "change": UNCHANGED}
        for row in every
    ]


def ask(reward, rows, texts):
    columns = {name: [row[name] for row in rows] for name in rows[0] if name not in ("prompt", "reference")}
    return reward(prompts=[row["prompt"] for row in rows], completions=texts, **columns)


def test_the_reference_earns_all_and_garbage_nothing(rows):
    """Every reward gives the chain of a row 1 and broken text 0; none raises."""
    for reward in MOTION_REWARDS:
        if reward is equivariance_reward:
            continue
        given = [each for each in ask(reward, rows, [row["reference"] for row in rows]) if each is not None]
        assert given and given == pytest.approx([1.0] * len(given)), reward.__name__
        for text in ("", "lorem <motion <motion", "<think></think>", "word " * 10_000, "<answer>A<answer>B</answer>"):
            assert not any(ask(reward, rows, [text] * len(rows))), reward.__name__


def test_the_rewards_are_alive_on_real_rows(rows):
    """The dry run lets all of them pass."""
    require_live(rehearse([reward for reward in MOTION_REWARDS if reward is not equivariance_reward], rows))


def test_leaving_objects_and_claims_out_costs(rows):
    """Half of the claims earn less than all, in every reward on the tracks."""
    halves = []
    for row in rows:
        chain = read_chain(row["reference"]).chain
        halves.append(write_chain(Chain(chain.steps[: len(chain.steps) // 2], chain.answer)))
    for reward in (temporal_iou_reward, trajectory_reward, coverage_reward):
        whole = [each for each in ask(reward, rows, [row["reference"] for row in rows]) if each is not None]
        part = [each for each in ask(reward, rows, halves) if each is not None]
        assert sum(part) < 0.9 * sum(whole), reward.__name__


def test_saying_everything_stands_still_earns_little(rows):
    """STAT for every object covers the time, and is wrong wherever something moves."""
    texts = []
    for row in rows:
        names = {tag.name for tag in read_chain(row["reference"]).chain.motion_tags}
        end = row["timestamps"][-1]
        tags = [MotionTag(name, "STAT", "stationary", "stable", t_from=0.0, t_to=end) for name in sorted(names)]
        texts.append(write_chain(Chain(tuple(tags), row["answer"])))
    given = [each for each in ask(trajectory_reward, rows, texts) if each is not None]
    assert sum(given) / len(given) < 0.7
    assert not any(ask(self_consistency_reward, rows, texts))


def test_repeating_a_tag_does_not_pay(rows):
    """The same motion tags ten times over overlap no better in time."""
    chain = read_chain(rows[0]["reference"]).chain
    often = write_chain(Chain((*chain.observations, *(tag for tag in chain.motion_tags for _ in range(10))), "x"))
    assert ask(temporal_iou_reward, rows[:1], [often])[0] < 0.5


def test_an_option_is_right_by_letter_or_words_and_not_with_its_rivals():
    """The letter, or the words of the right option alone."""
    columns = {"answer": ["B"] * 4, "options": [["left", "right", "up", "down"]] * 4}
    said = ["B", "right", "left or right", "A"]
    assert answer_reward(completions=[f"<answer>{each}</answer>" for each in said], **columns) == [1.0, 1.0, 0.0, 0.0]


def test_a_chain_that_follows_the_mirror_earns_the_group_reward(rows):
    """Two completions of a film and its mirror agree; one that says the same of both does not."""
    row = next(row for row in rows if re.search(r'dir="(E|W|NE|SE|NW|SW)"', row["reference"]))
    chain = read_chain(row["reference"]).chain
    turned = mirror_chain(chain, row["width"])
    w = row["width"]
    flipped = [
        track
        | {"position": [None if p is None else [w - 1 - p[0], p[1]] for p in track["position"]]}
        | {"xyxy": [None if b is None else [w - 1 - b[2], b[1], w - 1 - b[0], b[3]] for b in track["xyxy"]]}
        for track in row["tracks"]
    ]
    both = [
        row | {"group": "g", "change": UNCHANGED},
        row | {"group": "g", "change": MIRRORED, "chain": write_chain(turned), "tracks": flipped},
    ]
    follows = ask(equivariance_reward, both, [write_chain(chain), write_chain(turned)])
    repeats = ask(equivariance_reward, both, [write_chain(chain), write_chain(chain)])
    assert follows == pytest.approx([1.0, 1.0])
    assert max(repeats) < 1.0
    assert ask(equivariance_reward, rows[:1], [rows[0]["reference"]]) == [None]


def test_rewards_can_be_sent_to_other_processes():
    """A trainer pickles its rewards."""
    assert all(pickle.loads(pickle.dumps(reward)) is reward for reward in MOTION_REWARDS)
