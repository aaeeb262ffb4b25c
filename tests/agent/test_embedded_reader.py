"""The checkpoint that reads questions: small, with its card, reads what the rules do not know, and is the default."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from motionlaw.agent.answer import understood
from motionlaw.agent.model import EMBEDDED, READER, choose_model
from motionlaw.agent.question import read_question
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
    """A film of a red ball and a yellow one that collide."""
    pytest.importorskip("cv2")
    pytest.importorskip("av")
    from motionlaw.data_builders.render import film as rendered
    from motionlaw.data_builders.worlds import make_scene

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(rendered(make_scene(4243, 31)))
    return str(path)


def asked(film, capsys, question, **options):
    from motionlaw.agent.ask import ask_command

    status = ask_command(film, question, as_json=True, **options)
    return status, json.loads(capsys.readouterr().out)


def test_it_is_the_default_and_says_how_it_read(film, capsys):
    """A question that no rule knows is read by it and answered by the instruments; without it there is no answer."""
    status, told = asked(film, capsys, "did red smash into yellow")
    plain = asked(film, capsys, "Do the red ball and the yellow ball collide?", model="none")[1]
    assert status == 0 and told["answer"] in ("yes", "no") and told["tools"] and told["evidence"]
    assert (told["answer"], told["reason"]) == (plain["answer"], plain["reason"])
    assert told["model"] == READER and told["read_as"] == "Do the red one and the yellow one collide?"
    assert asked(film, capsys, "did red smash into yellow", model="none")[0] == 1


def test_what_the_rules_know_is_answered_as_without_it(film, capsys):
    """Such a question has the same answer and says that no model read it."""
    answers = [asked(film, capsys, "Which way does the red ball move?", model=name)[1] for name in ("embedded", "none")]
    assert answers[0]["model"] == "none" and answers[0]["read_as"] == ""
    assert all(answers[0][name] == answers[1][name] for name in ("answer", "reason", "confidence", "evidence"))


def test_what_the_rules_are_tested_on_is_left_to_them(model):
    """Questions of the kind that the rules know keep their topic."""
    for question in (
        "Is the camera static or moving?", "Which way does the camera turn (pan)?", "How many pucks are there?",
        "Does the red ball end lower or higher than it began?", "Do the pucks stick together after the collision?",
        "Relative to the background, which way does the camel travel?", "What kind of motion is this?",
        "Does the swing amplitude grow, stay or shrink?", "How many times does the ball bounce?",
        "After leaving the table does the vertical speed increase, stay, or decrease?",
    ):  # fmt: skip
        assert understood(question, (), model) == (read_question(question), "")


def test_a_chat_says_how_a_question_was_read(film, tmp_path, model):
    """The instruments answer in a session, too, and the reading comes first."""
    from motionlaw.agent.session import Session
    from motionlaw.tools.workspace import Workspace

    session = Session(tmp_path / "log.jsonl", model, Workspace())
    session.show(film)
    said = session.ask("did red smash into yellow").splitlines()
    session.close()
    assert said[0] == "Read as: Do the red one and the yellow one collide?" and said[1] in ("yes", "no")
    assert f'"model": "{READER}"' in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()[0]


def test_numpy_reads_as_transformers_do(model):
    """The same weights in transformers write the same readings."""
    pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from motionlaw.agent.messages import Message
    from motionlaw.training.model import load_checkpoint

    other, processor = load_checkpoint(str(FOLDER))
    tokenizer = processor.tokenizer
    for words in ("wich is quiker red or blue", "does the swan budge", "after the bump where is the box going"):
        said = [{"role": "user", "content": words}]
        text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        asked = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            told = other.generate(**asked, max_new_tokens=48, do_sample=False)[0, asked.input_ids.shape[1] :]
        assert tokenizer.decode(told, skip_special_tokens=True) == model.reply([Message.user(words)]).message.text
