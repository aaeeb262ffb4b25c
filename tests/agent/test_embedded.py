"""The checkpoint that ships: small, with its card, and better at laws than always giving the most usual one."""

from importlib.resources import files

import pytest

from motionlaw.agent.model import choose_model
from motionlaw.tools.errors import UserError

FOLDER = files("motionlaw.agent").joinpath("embedded")


def test_it_is_small_and_says_what_it_is():
    """At most ten megabytes; the card names the licence, the data and the numbers."""
    sizes = [each.stat().st_size for each in FOLDER.iterdir()]
    assert sum(sizes) < 10e6
    card = FOLDER.joinpath("README.md").read_text("utf-8")
    assert "license: mit" in card and "test_structure" in card and "| model |" in card


@pytest.fixture(scope="module")
def embedded():
    model = choose_model("embedded", talks=False)
    yield model
    model.close()


class TestAnswers:
    """What it says of motions."""

    def test_its_laws_share_terms_with_the_truth(self, embedded):
        """Of oscillators whose families never met in training; always giving the most usual law shares a fifth."""
        import numpy as np

        from motionlaw.agent.law_answer import read_law
        from motionlaw.agent.law_question import brief_question, filled
        from motionlaw.agent.messages import Message
        from motionlaw.agent.model import Sampling
        from motionlaw.data_builders.physsymbol import draw_oscillator
        from motionlaw.data_builders.physsymbol_rows import is_held_out
        from motionlaw.eval.scorers import score_law
        from motionlaw.tools.equation import parse

        drawn = (draw_oscillator(3, number) for number in range(200))
        shared = []
        for each in [one for one in drawn if is_held_out(one.families)][:8]:
            pictures, text = brief_question(np.column_stack([each.t, each.x, each.v, each.a]))
            said = embedded.reply([Message.user(*pictures, text)], sampling=Sampling(max_tokens=128)).message.text
            law, _, chain = read_law(filled(said, text), ("x",))
            shared.append(score_law(parse(law["v"]), each.law, {"t": each.t, "x": each.x, "v": each.v}).s_struct)
            assert "Terms: " in chain
        assert np.mean(shared) > 0.6

    def test_it_is_not_asked_questions(self):
        """It proposes laws alone, and says so."""
        with pytest.raises(UserError, match="only proposes laws"):
            choose_model("embedded")
