"""Counts and ways in MOTChallenge's text, of a public sequence and of every view that a model is shown."""

import pytest

from motionlaw.eval.qa.mot_text import mot_answer, mot_items, mot_words
from motionlaw.eval.qa.scores import score


def test_every_count_and_way_of_the_public_sequences_is_right(shared_data):
    """From the boxes alone, all that facts.json says."""
    folder = shared_data / "mot_tud_text"
    if not folder.is_dir():
        pytest.skip("no mot_tud_text here")
    items = mot_items(folder)
    assert len(items) >= 14
    assert [item.id for item in items if score(item, mot_answer(item)).value != 1.0] == []


def test_views_show_all_boxes_one_frame_or_none(tmp_path):
    """Reversed: the boxes of the last frame under the first frame's number."""
    path = tmp_path / "gt.txt"
    path.write_text("1,7,0,0,10,20,1\n2,7,5,0,10,20,1\n3,7,9,0,10,20,1\n")
    assert mot_words(path, "video").splitlines()[1:] == ["1: 7 0,0,10,20", "2: 7 5,0,15,20", "3: 7 9,0,19,20"]
    assert mot_words(path, "reversed").splitlines()[1] == "1: 7 9,0,19,20"
    assert mot_words(path, "frame").splitlines()[1:] == ["2: 7 5,0,15,20"]
    assert mot_words(path, "blind") == ""
