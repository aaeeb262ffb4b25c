"""Rewards of a proposed law, as TRL calls them; the graders are `motionlaw.eval`'s: what is trained is reported.

Every reward takes the columns that it needs as named lists, one entry a completion, and gives a number from 0 to 1 for
each; ``None`` says that a row cannot be scored (no truth is known), never that an answer was bad: what cannot be read,
copies its question, or takes too long to be judged earns 0. Rewards of motion chains are in `motion_rewards`.

Source: the names are VIPER-R1's (arXiv 2508.17380); the structure is scored by the correct skeleton, the fit after the
refit that it lacks, and exactly one answer is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy

from motionlaw.agent.law_answer import read_law
from motionlaw.agent.law_question import filled
from motionlaw.eval.forms import law_form
from motionlaw.eval.scorers import nmse, score_law
from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.limits import call_limited
from motionlaw.tools.nodes import is_small
from motionlaw.tools.realign_rows import refit

# Seconds for judging one law that might not be judged at once.
LIMIT_S = 10.0
# Laws up to this many nodes, without sums to powers, are judged in this process.
PLAIN_NODES = 80
# A law of more terms explains nothing: the grammar's longest has six once it is expanded.
MOST_TERMS = 8
# A law that leaves this share of the variance, or what the true law leaves, fits wholly; the scale is logarithmic.
WHOLE_FIT = 1e-6
# Rows that a law is fitted to.
MOST_ROWS = 400
# A chain has at least so many words of its own, an answer at most so many characters.
FEWEST_WORDS, MOST_CHARACTERS = 8, 8000
COLUMNS = "txva"
Completion = str | Sequence[dict[str, Any]]
Rewards = list[float | None]
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_ANY_TAG = re.compile(r"</?answer>", re.IGNORECASE)


def text_of(completion: Completion) -> str:
    """The words that count: all of a text, or the last message of the assistant in a conversation.

    Example:
        >>> text_of([{"role": "assistant", "content": "wait"}, {"role": "tool", "content": "2"},
        ...          {"role": "assistant", "content": [{"type": "text", "text": "done"}]}])
        'done'
    """
    if isinstance(completion, str):
        return completion
    said = [message.get("content") for message in completion if message.get("role") == "assistant"]
    last = said[-1] if said else ""
    if isinstance(last, list):
        return "".join(str(part.get("text") or "") for part in last if part.get("type") == "text")
    return str(last or "")


def has_one_answer(text: str) -> bool:
    """Whether there is exactly one answer block, opened and closed once."""
    return len(_ANY_TAG.findall(text)) == 2 and len(_ANSWER.findall(text)) == 1


def asked(prompt: Completion) -> str:
    """All words of a prompt, whoever says them."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(text_of([{**message, "role": "assistant"}]) for message in prompt)


@dataclass(frozen=True)
class Judgement:
    """What is known of one proposed law.

    Args:
        structure: Jaccard index of the canonical terms.
        is_exact: Whether the structure is the true one.
        is_accurate: Whether, fitted again, all constants are right as well.
        fit: From 0 to 1, see `fit_reward`.
        plainness: Terms of the true law over its own, at most 1.
    """

    structure: float = 0.0
    is_exact: bool = False
    is_accurate: bool = False
    fit: float = 0.0
    plainness: float = 0.0


NOTHING = Judgement()
Values = tuple[bytes, ...]


def _values(columns: Sequence[Sequence[float]]) -> Values:
    return tuple(np.asarray(column, dtype=float).tobytes() for column in columns)


@lru_cache(maxsize=4096)
def law_in(text: str, prompt: str) -> str | None:
    """The one law that an answer holds, in our grammar; ``None`` where there is none, or it stands in the question.

    Example:
        >>> law_in("It swings. <answer>a = -2 x</answer>", ""), law_in("<answer>x</answer><answer>v</answer>", "")
        ('-2*x', None)
    """
    if len(text) > MOST_CHARACTERS:
        return None
    try:
        law, written, _ = read_law(filled(text, prompt), ("x",))
        parse(law["v"], variables=["x", "v", "t"])
    except UserError:
        return None
    return None if written.strip() in prompt else law["v"]


@lru_cache(maxsize=4096)
def _judged(found: str, truth: str, values: Values) -> Judgement:
    expression = parse(found)
    if is_small(expression, PLAIN_NODES) and not any(
        power.base.is_Add or not power.exp.is_number or abs(power.exp) > 6 for power in expression.atoms(sympy.Pow)
    ):
        return _judge(found, truth, values)
    outcome = call_limited(_judge, found, truth, values, seconds=LIMIT_S)
    return outcome.value if outcome.status == "ok" else NOTHING


def _judge(found: str, truth: str, values: Values) -> Judgement:
    mine, true = parse(found), parse(truth)
    columns = dict(zip(COLUMNS, (np.frombuffer(each) for each in values), strict=True))
    a = columns.pop("a")
    scores = score_law(mine, true, columns)
    form, true_form = law_form(mine), law_form(true)
    if scores.s_struct is None or form is None or true_form is None or len(form.terms) > MOST_TERMS:
        return Judgement(scores.s_struct or 0.0)
    step = max(1, math.ceil(len(a) / MOST_ROWS))
    few = {name: column[::step] for name, column in columns.items()}
    fitted = _refitted(mine, few, a[::step])
    error = math.inf if fitted is None else _misfit(fitted, columns, a)
    best = _refitted(true, few, a[::step]) if scores.is_exact is not True else fitted
    floor = max(WHOLE_FIT, math.inf if best is None else _misfit(best, columns, a))
    is_accurate = fitted is not None and score_law(fitted, true, columns).s_acc is True
    return Judgement(
        structure=scores.s_struct,
        is_exact=scores.is_exact is True,
        is_accurate=bool(scores.is_exact) and is_accurate,
        fit=_share(error, floor),
        plainness=min(1.0, len(true_form.terms) / len(form.terms)),
    )


def _refitted(law: sympy.Expr, columns: dict[str, np.ndarray], a: np.ndarray) -> sympy.Expr | None:
    """The law with its constants fitted; ``None`` where it has no value on the rows."""
    if not np.isfinite(evaluate(law, columns)).all():
        return None
    try:
        return refit(law, columns, a)
    except (UserError, np.linalg.LinAlgError):  # its numbers cannot be told apart, or overflow
        return None


def _misfit(law: sympy.Expr, columns: dict[str, np.ndarray], a: np.ndarray) -> float:
    values = np.broadcast_to(evaluate(law, columns), a.shape)
    found = nmse(values, a)
    return math.inf if found is None else found


def _share(error: float, floor: float) -> float:
    """How far an error has come from 1, the variance, to its floor, by orders of magnitude."""
    if not error < 1.0:
        return 0.0
    return 1.0 if error <= floor else float(np.clip(math.log(error) / math.log(floor), 0.0, 1.0))


def _judgements(
    prompts: Sequence[Completion],
    completions: Sequence[Completion],
    law: Sequence[str | None],
    columns: Sequence[Sequence[Sequence[float]]],
) -> list[Judgement | None]:
    judged: list[Judgement | None] = []
    for prompt, completion, truth, *rows in zip(prompts, completions, law, *columns, strict=True):
        if not truth:
            judged.append(None)
            continue
        found = law_in(text_of(completion), asked(prompt))
        judged.append(NOTHING if found is None else _judged(found, truth, _values(rows)))
    return judged


def format_reward(prompts: Sequence[Completion], completions: Sequence[Completion], **_: Any) -> Rewards:
    """A half for exactly one answer with one law, all for reasoning before it, in words of its own, and nothing after.

    Example:
        >>> good = "Swings shrink, so the speed is damped; the pull grows with x. <answer>a = -2*x - v</answer>"
        >>> format_reward([""] * 3, [good, "<answer>a = -2*x</answer>", good + good])
        [1.0, 0.5, 0.0]
    """
    return [_form(text_of(completion), asked(prompt)) for prompt, completion in zip(prompts, completions, strict=True)]


def _form(text: str, prompt: str) -> float:
    block = _ANSWER.search(text)
    if block is None or not has_one_answer(text) or law_in(text, prompt) is None:
        return 0.0
    sentences = re.split(r"[.\n]", text[: block.start()])
    own = {sentence.strip() for sentence in sentences if sentence.strip() and sentence.strip() not in prompt}
    words = sum(len(sentence.split()) for sentence in own)
    return 1.0 if words >= FEWEST_WORDS and not text[block.end() :].strip() else 0.5


def structure_reward(
    prompts: Sequence[Completion], completions: Sequence[Completion], law: Sequence[str | None],
    t: Sequence[Any], x: Sequence[Any], v: Sequence[Any], a: Sequence[Any], **_: Any,
) -> Rewards:  # fmt: skip
    """Jaccard index of the canonical terms (`motionlaw.eval.scorers`, S_struct)."""
    return [None if each is None else each.structure for each in _judgements(prompts, completions, law, (t, x, v, a))]


def accuracy_reward(
    prompts: Sequence[Completion], completions: Sequence[Completion], law: Sequence[str | None],
    t: Sequence[Any], x: Sequence[Any], v: Sequence[Any], a: Sequence[Any], **_: Any,
) -> Rewards:  # fmt: skip
    """A half for the exact structure, the other for right constants after they were fitted to the rows."""
    return [
        None if each is None else 0.5 * each.is_exact + 0.5 * each.is_accurate
        for each in _judgements(prompts, completions, law, (t, x, v, a))
    ]


def fit_reward(
    prompts: Sequence[Completion], completions: Sequence[Completion], law: Sequence[str | None],
    t: Sequence[Any], x: Sequence[Any], v: Sequence[Any], a: Sequence[Any], **_: Any,
) -> Rewards:  # fmt: skip
    """How well the law explains the rows once its constants are fitted: 1 where it leaves as little as the true law.

    The share of the orders of magnitude from the variance of ``a`` down to what the refitted true law leaves.
    """
    return [None if each is None else each.fit for each in _judgements(prompts, completions, law, (t, x, v, a))]


def parsimony_reward(
    prompts: Sequence[Completion], completions: Sequence[Completion], law: Sequence[str | None],
    t: Sequence[Any], x: Sequence[Any], v: Sequence[Any], a: Sequence[Any], **_: Any,
) -> Rewards:  # fmt: skip
    """The fit times the share of its terms that the truth needs: short laws that fit nothing earn nothing."""
    return [
        None if each is None else each.fit * each.plainness
        for each in _judgements(prompts, completions, law, (t, x, v, a))
    ]


LAW_REWARDS = (format_reward, structure_reward, accuracy_reward, fit_reward, parsimony_reward)
