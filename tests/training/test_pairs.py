"""Pairs of frames: what is said of them is true of the pictures, and a tower learns to see it."""

import numpy as np
import pytest
from training_small import needs_train, train

pytest.importorskip("cv2")


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Blocks of few films, which are drawn in half a second."""
    from motionlaw.data_builders import motion_pairs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_pairs, "REELS", 2)
        patch.setattr(motion_pairs, "FILMS", 4)
        patch.setattr(motion_pairs, "BLOCK", 300)
        yield
    for drawn in (motion_pairs._block, motion_pairs._reel):
        drawn.cache_clear()


@pytest.fixture(scope="module")
def pairs(small_blocks):
    """Some pairs of one seed."""
    from motionlaw.data_builders.motion_pairs import show_pair

    return [show_pair(3, number) for number in range(300)]


def test_a_pair_shows_what_is_said(pairs):
    """Where a thing is said to be, the two pictures have its colour; where nothing is said to move, they are alike."""
    from motionlaw.data_builders.scene import COLOURS

    near = []
    for pair in pairs:
        for seen, colour in zip(pair.things, pair.colours, strict=True):
            x, y = (int(value) for value in seen.place[:2])
            if min(seen.place[4:]) > 5:  # smaller things are mixed with what is about them
                around = pair.pictures[0, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3).astype(float)
                near.append(np.abs(around - COLOURS[colour]).max(axis=1).min() < 90)
    assert len(near) > 30 and np.mean(near) > 0.9
    differ = [(np.abs(np.diff(pair.pictures.astype(int), axis=0)).mean(), pair.ways) for pair in pairs if pair.ways]
    still, fast = ([d for d, ways in differ if kind(ways)] for kind in (lambda w: max(w) == 0, lambda w: min(w) > 1))
    assert np.median(still) < np.median(fast)


def test_words_follow_from_places(pairs):
    """A thing that is said to go east is farther right at the end, to go north farther up."""
    ways = {"E": (1, 0), "W": (-1, 0), "N": (0, -1), "S": (0, 1)}
    along = [
        np.dot(np.array(seen.place[2:4]) - seen.place[:2], ways[seen.words[0]])
        for pair in pairs for seen in pair.things if seen.words[0] in ways
    ]  # fmt: skip
    assert len(along) > 50 and np.mean(np.array(along) > -0.1) > 0.97


def test_a_pair_is_the_same_whenever_it_is_drawn(pairs):
    """Pictures and words do not depend on what was drawn before."""
    from motionlaw.data_builders.motion_pairs import _block, _reel, show_pair

    _block.cache_clear(), _reel.cache_clear()
    again = show_pair(3, 7)
    assert np.array_equal(again.pictures, pairs[7].pictures) and again.things == pairs[7].things


@pytest.mark.needs_train
@needs_train
def test_looking_at_pairs_and_telling_of_them(tmp_path):
    """The warm-up brings the loss down; the language part learns from lines about pairs and from nothing else."""
    start, seeing = tmp_path / "start", tmp_path / "seeing"
    words = ("--data", "pairs=fresh:60:3", "--form", "pairs", "--size", "toy", "--vocab_size", "520")
    train("init", *words, "--output_dir", str(start))
    words = ("--shows", "pairs", "--steps", "40", "--batch", "16", "--measured", "32", "--save_steps", "40")
    told = train("vision", "--checkpoint", str(start), "--output_dir", str(seeing), "--seed", "3", *words)
    assert told["after_loss"] < told["before_loss"]

    from motionlaw.agent.motion_question import read
    from motionlaw.training.collate import IGNORED, Collator
    from motionlaw.training.conversations import Asking, Source, fresh_rows
    from motionlaw.training.model import load_checkpoint

    model, processor = load_checkpoint(str(seeing))
    batch = Collator(processor)(fresh_rows(Source.read("pairs=fresh:3:3"), Asking("pairs")))
    said = [processor.tokenizer.decode(row[row != IGNORED]) for row in batch["labels"]]
    assert all(read(text) and text.endswith("<|im_end|>") for text in said)
    assert "What moves?" not in "".join(said) and np.isfinite(model(**batch).loss.item())
