"""The checkpoint that tells what moves: small, with its card, sees more than it could guess, and knows nothing else."""

import importlib.util
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from motionlaw.agent.model import MOVES, choose_model
from motionlaw.agent.motion_question import PAIRS, pair_question, read
from motionlaw.agent.pictures import encode
from motionlaw.tools.errors import UserError

pytest.importorskip("cv2")
pytest.importorskip("av")
FOLDER = Path(str(files("motionlaw.agent").joinpath(MOVES)))


@pytest.fixture(scope="module")
def model():
    return choose_model("embedded", talks=False, embedded=MOVES)


@pytest.fixture(scope="module")
def pairs():
    """Pairs of frames of a few films that it was not trained on."""
    from motionlaw.data_builders import motion_pairs

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("REELS", 1), ("FILMS", 12), ("BLOCK", 48)):
            patch.setattr(motion_pairs, name, value)
        drawn = [motion_pairs.show_pair(4_001, number) for number in range(48)]
    motion_pairs._block.cache_clear()
    motion_pairs._reel.cache_clear()
    return drawn


def asked(pair):
    return [pair_question((encode(pair.pictures[0]), encode(pair.pictures[1])), pair.times)]


def test_it_is_small_and_says_what_it_is():
    """At most eight megabytes; the card names the licence, the data and the numbers."""
    assert sum(each.stat().st_size for each in FOLDER.iterdir()) < 8e6
    card = (FOLDER / "README.md").read_text("utf-8")
    assert "license: mit" in card and "motion_pairs" in card and "| as it is |" in card


def test_it_sees_more_than_it_could_guess(model, pairs):
    """Most of what it names is there, and more than half of its directions are right, of nine."""
    known = right = said = 0
    for pair in pairs:
        true = {seen.name: seen.words for seen in pair.things}
        for seen in read(model.reply(asked(pair)).message.text):
            said += 1
            known += seen.name in true
            right += true.get(seen.name, ("",))[0] == seen.words[0]
    assert model.form == PAIRS and known > 0.6 * said > 20 and right > 0.5 * known


def test_it_answers_no_other_question():
    """It is refused where a model must talk, and the one that proposes laws where motion is asked for."""
    with pytest.raises(UserError, match="only tells what moves"):
        choose_model(str(FOLDER))
    with pytest.raises(UserError, match="only proposes laws"):
        choose_model(str(FOLDER.parent / "embedded"), talks=False, embedded=MOVES)


def test_it_is_asked_how_everything_moves_and_nothing_else(tmp_path, capsys):
    """A pendulum swings to the left and to the right; how one thing moves, and how fast, is for the instruments."""
    from motionlaw.agent.ask import ask_command
    from motionlaw.data_builders.clips import scene_clip
    from motionlaw.data_builders.worlds import make_scene

    film = tmp_path / "film.mp4"
    film.write_bytes(scene_clip(make_scene(4243, 5)).film())
    everything = "How does everything move?"
    assert ask_command(str(film), everything, model="embedded", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == MOVES and {"left", "right"} <= set(re.findall(r"\w+", told["answer"]))
    assert told["evidence"] and {each["obj"] for each in told["motion"]} == {"orange ball"}
    for question, options in (("How does the orange ball move?", ()), (everything, ("A) up", "B) down"))):
        ask_command(str(film), question, options=options, model="embedded", as_json=True)
        assert json.loads(capsys.readouterr().out)["model"] == "none"


def test_where_few_of_its_claims_meet_the_tracks_the_instruments_tell(tmp_path, capsys):
    """A block on a spring, of whose small swings its eye sees little."""
    from motionlaw.agent.ask import ask_command
    from motionlaw.data_builders.clips import scene_clip
    from motionlaw.data_builders.worlds import make_scene

    film = tmp_path / "film.mp4"
    film.write_bytes(scene_clip(make_scene(4243, 3)).film())
    assert ask_command(str(film), "How does everything move?", model="embedded", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["model"] != MOVES


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "qwen_vl_utils")),
    reason="the extra [serve] is not installed",
)
def test_numpy_says_what_transformers_say(model, pairs):
    """Two frames in one patch, the time that they share, and the same words."""
    from motionlaw.agent.models.in_process import InProcessModel

    other = InProcessModel(FOLDER)
    for pair in pairs[:3]:
        assert model.reply(asked(pair)) == other.reply(asked(pair))
