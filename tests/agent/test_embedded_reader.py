"""The checkpoint that reads questions: small, with its card, reads what the rules do not know, and is the default."""

from importlib.resources import files
from pathlib import Path

import pytest

from motionlaw.agent.model import EMBEDDED, READER, choose_model
from motionlaw.agent.reading import LEAST, READINGS, read_freely
from motionlaw.tools.errors import UserError

FOLDER = Path(str(files("motionlaw.agent").joinpath(READER)))


@pytest.fixture(scope="module")
def model():
    return choose_model("embedded", talks=False, embedded=READER)


def test_it_is_small_and_says_what_it_is(model):
    """At most eight megabytes; the card names the licence, the data and the numbers."""
    assert sum(each.stat().st_size for each in FOLDER.iterdir()) < 8e6
    card = (FOLDER / "README.md").read_text("utf-8")
    assert "license: mit" in card and "data_builders/readings.py" in card and "| the model alone |" in card
    assert model.form == READINGS and model.name == READER


def test_it_reads_questions_of_new_draws(model):
    """Of questions of a seed that it was not trained on, most that it is sure of are read to the letter."""
    from motionlaw.data_builders.readings import make_reading

    rows = [make_reading(8_001, number) for number in range(40)]
    readings = [read_freely(model, row.words) for row in rows]
    sure = [
        (one.text, row.reading) for one, row in zip(readings, rows, strict=True) if one and one.probability >= LEAST
    ]
    assert len(sure) > 24 and sum(text == truth for text, truth in sure) > 0.85 * len(sure)


def test_it_answers_no_question_by_itself():
    """It is refused where laws are asked for, and where a model must talk."""
    for talks, embedded in ((True, EMBEDDED), (False, EMBEDDED)):
        with pytest.raises(UserError, match="only reads questions"):
            choose_model(str(FOLDER), talks=talks, embedded=embedded)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of a red ball and a blue one that collide."""
    pytest.importorskip("cv2")
    pytest.importorskip("av")
    from motionlaw.data_builders.render import film as rendered
    from motionlaw.data_builders.worlds import make_scene

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(rendered(make_scene(4243, 5)))
    return str(path)
