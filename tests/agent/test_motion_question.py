"""A small model is asked about two frames at a time: the line it says, and the chain that becomes of its lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlaw.agent.motion_question import NOTHING, Seen, read, written

NAMES = st.sampled_from(["red ball", "blue block", "white cart"])
THINGS = st.lists(
    st.builds(
        Seen,
        NAMES,
        st.tuples(st.sampled_from(["E", "NW", "STAT"]), st.sampled_from(["slow", "fast"]), st.just("stable")),
        st.tuples(*[st.integers(0, 64).map(float)] * 6),
    ),
    max_size=4,
)


@given(THINGS)
def test_what_is_written_is_read(things):
    """Every thing comes back, with its words and its place."""
    assert read(written(things)) == tuple(things)


@pytest.mark.parametrize("text", ["", NOTHING, "red ball, E", "<think></think>", "1230 2031 0707."])
def test_other_words_tell_of_nothing(text):
    """What is not in the form is no claim."""
    assert read(text) == ()


@pytest.mark.parametrize("change", ["", "mirrored", "reversed"])
def test_true_lines_make_a_true_chain(tmp_path, change):
    """A model that says what is true of each two frames is right in all words, and its boxes meet the true ones."""
    pytest.importorskip("cv2")
    pytest.importorskip("av")
    import numpy as np

    from motionlaw.agent.mcot_checks import verify_chain
    from motionlaw.agent.models.scripted import ScriptedModel
    from motionlaw.agent.motion_question import PAIRS, Square
    from motionlaw.data_builders.clips import scene_clip
    from motionlaw.data_builders.worlds import make_scene
    from motionlaw.eval.chains import changed_clip, model_tells
    from motionlaw.tools.tracks import between, box_at, motion_words

    clip = scene_clip(make_scene(0, 0))
    clip = changed_clip(clip, change) if change else clip
    square = Square(clip.width, clip.height)

    def say(messages, *_):
        first, last = messages[-1].content[0].timestamps
        things = []
        for track in clip.tracks:
            boxes = [square.into(box_at(track, t).reshape(2, 2)) for t in (first, last)]
            if all(np.isfinite(box).all() for box in boxes):
                words = motion_words(between(track, first, last))
                place = (*boxes[0].mean(axis=0), *boxes[1].mean(axis=0), *np.ptp(boxes[0], axis=0))
                things.append(Seen(track.name, (words.direction, words.speed, words.scale), place))
        return written(things)

    path = tmp_path / "film.mp4"
    path.write_bytes(clip.film())
    chain = model_tells(ScriptedModel([say] * 20, form=PAIRS), 8)(path)
    found = verify_chain(chain, clip.tracks)
    assert len(chain.motion_tags) >= 4 and all(check.share_right == 1 for check in found.tags)
    assert found.mean_iou > 0.7
