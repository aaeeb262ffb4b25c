"""Is an answer in words right? One declared rule, for benchmarks and rewards alike.

A number is right within 5 % or its own stated tolerance; a count exactly; yes and no, and outcomes in words, where the
truth's words stand in the answer one after the other and the answer names no rival. Leaves out meaning: synonyms are
wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SMALL = frozenset(("the", "a", "an", "one", "of", "to", "in", "it", "its"))
"""Words that decide nothing."""

LONGEST = 4
"""Words that an answer may have beyond the truth's: an answer that names everything is none."""


def is_right(answer: str, truth: str, *, rivals: Sequence[str] = (), tolerance: float | None = None) -> bool:
    """Compares an answer with the truth.

    Args:
        answer: What was answered; ``""`` for no answer, which is wrong.
        truth: What is true.
        rivals: Other answers that were to choose from.
        tolerance: How far a number may be off; 5 % of the truth if not given, nothing for a whole number.

    Example:
        >>> is_right("in the same column", "same column"), is_right("left or right", "right", rivals=["left"])
        (True, False)
        >>> is_right("0.51 s", "0.5 s"), is_right("3", "2")
        (True, False)
    """
    said, true = _words(answer), _words(truth)
    if not said:
        return False
    number, value = _number(truth), _number(answer)
    if number is not None:
        is_count = re.fullmatch(r"\s*\d+\s*", truth) is not None and tolerance is None
        allowed = 0.0 if is_count else 0.05 * abs(number) if tolerance is None else tolerance
        return value is not None and abs(value - number) <= allowed + 1e-9
    if not _holds(said, true) or len(said) > len(true) + LONGEST:
        return False
    return not any(_holds(said, _words(rival)) for rival in rivals if _words(rival) and not _holds(true, _words(rival)))


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9.]+", text.lower().replace("-", " ")) if word not in SMALL]


def _holds(words: list[str], part: list[str]) -> bool:
    return any(words[k : k + len(part)] == part for k in range(len(words) - len(part) + 1))


def _number(text: str) -> float | None:
    """The number that a text begins with; words first mean that it is no answer in numbers."""
    match = re.match(r"\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?:\s|$)", text.lower())
    return float(match[1]) if match else None
