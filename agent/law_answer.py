"""The one law in a model's answer: read tolerantly and safely.

``a =``, ``^``, code fences, LaTeX and letters for constants are forgiven. Text goes through our own grammar, nothing is
evaluated, and an answer must hold exactly one law. The question is worded in `motionlaw.agent.law_question`.

Source: the causal chain of thought and its ansatz are those of VIPER-R1 (arXiv 2508.17380); the rule of exactly one
answer is ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from motionlaw.agent.law_question import accelerations
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.equation import Equation, format_expr, parse_equation
from motionlaw.tools.errors import UserError

# Letters for constants that a formula may have; more are no formula but a wish.
MOST_LETTERS = 8
# Where such constants start; a 1 inside a function would be no number at all, as in sin(1 t).
LETTER = 1.1
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[A-Za-z]*\n(.*?)```", re.DOTALL)
_LEAD = re.compile(r"^(?:together|law|answer|so|hence|therefore|final answer)\s*:\s*", re.IGNORECASE)


def read_law(text: str, coordinates: Sequence[str]) -> tuple[dict[str, str], str, str]:
    """Reads the one law in a model's answer.

    Args:
        text: The whole answer.
        coordinates: Names of the coordinates.

    Returns:
        A formula for each velocity, the law as it was written, and the reasoning before it.

    Raises:
        UserError: There is no law, more than one, or one that cannot be read.

    Example:
        >>> read_law("It swings. <answer>a = -4.9 \\\\sin(x) - 0.1 v</answer>", ("x",))
        ({'v': '-4.9*sin(x) - 0.1*v'}, 'a = -4.9 \\\\sin(x) - 0.1 v', 'It swings.')
    """
    body, chain = _one_answer(text)
    lines = [line for line in (_LEAD.sub("", raw.strip()) for raw in _lines(body)) if line]
    rates = velocity_names(coordinates)
    law: dict[str, str] = {}
    for line in lines:
        equation = parse_equation(line)
        target = _target(equation, coordinates)
        if target in law:
            raise UserError(f"There must be exactly one law, got two equations for {target}.")
        law[target] = format_expr(_with_numbers(equation.expression, [*coordinates, *rates, "t"]))
    missing = [name for name in rates if name not in law]
    if missing:
        raise UserError(f"There is no equation for {missing[0]}; got {', '.join(law) or 'none'}.")
    return law, "\n".join(lines), chain


def _one_answer(text: str) -> tuple[str, str]:
    """The part of an answer that holds the law, and what comes before it."""
    answers = list(_ANSWER.finditer(text))
    if len(answers) > 1:
        raise UserError(f"There must be exactly one <answer>, got {len(answers)}.")
    if answers:
        return answers[0].group(1), _plain(text[: answers[0].start()])
    fences = list(_FENCE.finditer(text))
    if len(fences) == 1:
        return fences[0].group(1), _plain(text[: fences[0].start()])
    # Without tags the last line that is an equation is the answer; what stands before it is reasoning.
    lines = text.strip().splitlines()
    for number in range(len(lines) - 1, -1, -1):
        if "=" in lines[number]:
            return lines[number], _plain("\n".join(lines[:number]))
    raise UserError("There is no law in it: no <answer> and no equation.")


def _plain(text: str) -> str:
    return re.sub(r"</?think>", "", text).strip()


def _lines(body: str) -> list[str]:
    """The equations of an answer; one fence or pair of dollars around all of them is taken off."""
    fence = _FENCE.search(body)
    inner = fence.group(1) if fence else body
    return re.split(r"\n|;|\\\\", inner.strip().removeprefix("$$").removesuffix("$$"))


def _target(equation: Equation, coordinates: Sequence[str]) -> str:
    """The velocity that an equation is about, however its left-hand side is written."""
    rates = velocity_names(coordinates)
    known: dict[tuple[str, int], str] = {}
    for coordinate, rate, acceleration in zip(coordinates, rates, accelerations(coordinates), strict=True):
        for written in ((coordinate, 2), (rate, 1), (acceleration, 0), (f"a_{coordinate}", 0), (f"v_{coordinate}", 1)):
            known[written] = rate
    if len(coordinates) == 1:
        known |= {("", 0): rates[0], ("f", 0): rates[0], ("F", 0): rates[0]}
    if (equation.target, equation.derivative) not in known:
        raise UserError(
            f"{equation.target or 'An equation without a name'} is no acceleration of {', '.join(coordinates)}."
        )
    return known[equation.target, equation.derivative]


def _with_numbers(expression: sympy.Expr, names: Sequence[str]) -> sympy.Expr:
    """Letters that name nothing in the data are constants, fitted like all numbers."""
    letters = {symbol for symbol in expression.free_symbols if str(symbol) not in names}
    if len(letters) > MOST_LETTERS:
        raise UserError(f"A law may have {MOST_LETTERS} letters for constants, got {len(letters)}.")
    return expression.subs(dict.fromkeys(letters, sympy.Float(LETTER)))
