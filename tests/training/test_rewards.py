"""Rewards of laws: what is right earns all, what is clever earns nothing."""

import pickle

import pytest

from motionlaw.data_builders.ccot import chain, chain_text
from motionlaw.data_builders.physsymbol import draw_oscillator
from motionlaw.training.dry_run import rehearse, require_live
from motionlaw.training.rewards import (
    LAW_REWARDS,
    accuracy_reward,
    fit_reward,
    format_reward,
    parsimony_reward,
    structure_reward,
    text_of,
)

PROMPT = (
    "Find the law.\nExample of the form:\nThe orbit spirals inward, so the velocity is damped by something in it.\n"
)
PROMPT += "<answer>a = -9.8*sin(x) - 0.1*v</answer>"
ALL_TERMS = "-x - v - x**3 - v**3 - x**2 - x*cos(x) + sin(t) + cos(t) - abs(v)*v + 1 - (1 - x**2)*v"
THINKS = "The orbit spirals inward and swings shrink, so something drags; the pull grows with the distance from zero. "


@pytest.fixture(scope="module")
def rows():
    """Rows of four drawn oscillators, as the trainer has them."""
    made = []
    for number in range(4):
        drawn = draw_oscillator(0, number)
        words = chain_text(chain(drawn), drawn.formula)
        made.append(
            {
                "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": PROMPT}]}],
                "reference": f"{words}\n<answer>a = {drawn.formula}</answer>",
                "law": drawn.formula,
                **{name: getattr(drawn, name).tolist() for name in "txva"},
            }
        )
    return made


def ask(reward, row, *texts):
    columns = {name: [row[name]] * len(texts) for name in ("law", *"txva")}
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    return reward(prompts=[row["prompt"]] * len(texts), completions=completions, trainer_state=None, **columns)


def total(row, text):
    return sum(ask(reward, row, text)[0] for reward in LAW_REWARDS)


def test_a_true_answer_earns_full_reward(rows):
    """The chain and law of a row earn 1 in every reward."""
    for row in rows:
        assert [ask(reward, row, row["reference"])[0] for reward in LAW_REWARDS] == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lorem ipsum",
        "<answer></answer>",
        "<answer>" * 500,
        "word " * 10_000,
        THINKS + "<answer>a = -2*x</answer><answer>a = -2*x - 0.5*v</answer>",
        THINKS + "<answer>a = __import__('os').system('true')</answer>",
        THINKS + "<answer>a = " + "(" * 400 + "x" + ")" * 400 + "</answer>",
        THINKS + "<answer>a = 9**9**9**9</answer>",
        THINKS + "<answer>a = x +</answer>",
        THINKS + "<answer>a = 1/0</answer>",
        THINKS + "<answer>a = b1*x+b2*v+b3*t+b4*x^2+b5*v^2+b6*x^3+b7*v^3+b8*t^2+b9</answer>",
        PROMPT,
    ],
)
def test_garbage_and_tricks_earn_nothing(rows, text):
    """Two answers, a copied prompt, ten thousand words and hostile text get 0 from every reward, without an error."""
    assert [ask(reward, rows[0], text)[0] for reward in LAW_REWARDS] == [0.0] * 5


def test_an_example_that_is_copied_out_of_the_prompt_is_no_answer(rows):
    """Own words around the prompt's own law do not make it an answer."""
    assert total(rows[0], THINKS + "<answer>a = -9.8*sin(x) - 0.1*v</answer>") == 0.0


def test_all_terms_at_once_earn_less_than_half_of_a_right_answer(rows):
    """A law of every family explains nothing, however well it fits."""
    for row in rows:
        tried = f"{THINKS}<answer>a = {ALL_TERMS}</answer>"
        assert ask(fit_reward, row, tried) == ask(parsimony_reward, row, tried) == [0.0]
        assert total(row, tried) < 0.5 * total(row, row["reference"])


def test_an_empty_chain_earns_half_of_the_form(rows):
    """An answer without reasoning is read, and told from one with reasoning."""
    answer = f"<answer>a = {rows[0]['law']}</answer>"
    assert ask(format_reward, rows[0], answer, THINKS + answer, answer + THINKS) == [0.5, 1.0, 0.5]


def test_numbers_are_first_guesses(rows):
    """A true structure with other numbers is exact, and right once it was fitted; its terms short are not."""
    import re

    row = rows[0]
    other = re.sub(r"\d+\.\d+|\b[4-9]\b", lambda found: f"{1.03 * float(found[0]):.4g}", row["law"])
    assert other != row["law"]
    assert ask(structure_reward, row, f"<answer>a = {other}</answer>") == [1.0]
    assert ask(accuracy_reward, row, f"<answer>a = {other}</answer>") == [1.0]
    short = ask(accuracy_reward, row, "<answer>a = -2*x</answer>")
    assert short == [0.0]


def test_a_better_law_fits_better(rows):
    """The fit rises from nothing to the truth; a law of no terms is short and earns nothing for it."""
    row = rows[0]
    first = row["law"].replace(" - ", " + -").split(" + ")
    grown = [" + ".join(first[:count]) for count in range(1, len(first) + 1)]
    fits = ask(fit_reward, row, *(f"<answer>a = {law}</answer>" for law in grown))
    assert fits == sorted(fits) and fits[0] < fits[-1] == pytest.approx(1.0)
    assert ask(parsimony_reward, row, "<answer>a = 0</answer>") == [0.0]


def test_expressions_that_take_long_are_cut_off(rows):
    """Nested powers of sums are judged in another process, and the reward comes back."""
    law = "(x + v + t + 1)^40 * (sin(x) + cos(v) + t)^40"
    value = ask(structure_reward, rows[0], f"<answer>a = {law}</answer>")
    assert 0.0 <= value[0] <= 0.2


def test_a_row_without_a_law_is_not_scored(rows):
    """Where no truth is known the rewards say None, not 0."""
    row = rows[0] | {"law": None}
    assert ask(structure_reward, row, "<answer>a = -x</answer>") == [None]


def test_rewards_can_be_sent_to_other_processes():
    """A trainer pickles its rewards."""
    assert all(pickle.loads(pickle.dumps(reward)) is reward for reward in LAW_REWARDS)
    assert all(reward.__name__.endswith("_reward") for reward in LAW_REWARDS)


def test_the_last_words_of_a_conversation_count():
    """With tools in the rollout the answer is the assistant's last message; earlier guesses are no answers."""
    talk = [
        {"role": "assistant", "content": "<answer>a = -x</answer>", "tool_calls": []},
        {"role": "tool", "name": "fit", "content": "residual 0.4"},
        {"role": "assistant", "content": "<answer>a = -v</answer>"},
    ]
    assert text_of(talk) == "<answer>a = -v</answer>"


def test_the_dry_run_lets_live_rewards_pass_and_refuses_dead_ones(rows):
    """Zero variance, undefined rows and rewards that pay garbage stop the training, by name."""
    rehearsals = rehearse(LAW_REWARDS, rows)
    require_live(rehearsals)
    assert all(each.reference > each.other > each.garbage for each in rehearsals if each.reward == "structure_reward")

    def dead_reward(completions, **_):
        return [0.0] * len(completions)

    def unknown_reward(completions, **_):
        return [None] * len(completions)

    def paid_for_nothing_reward(completions, **_):
        return [1.0 - 0.5 * (k % 2) for k in range(len(completions))]

    with pytest.raises(Exception, match=r"dead_reward is the same.*unknown_reward is defined on 0%.*paid_for_nothing"):
        require_live(rehearse([dead_reward, unknown_reward, paid_for_nothing_reward], rows))
