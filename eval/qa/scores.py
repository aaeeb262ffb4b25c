"""How replies are scored: letters, yes and no, words, numbers by mean relative accuracy, times by overlap.

A reply that says nothing readable is wrong, and counted as unread; an item without a published answer is not scored.
Where a benchmark's own scorer has a trap, its rule is written beside ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from motionlaw.data_builders.facts import SECTORS
from motionlaw.eval.answers import is_right
from motionlaw.eval.qa.items import LETTERS, Item
from motionlaw.eval.qa.vstar import boxes_overlap, read_boxes

VSI_THRESHOLDS = tuple(0.5 + 0.05 * k for k in range(10))
"""Yang et al. 2024, VSI-Bench: 0.5 to 0.95. Its ``linspace`` has 10 points only because 0.45 / 0.05 rounds down."""

QUANTIPHY_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""QuantiPhy, arXiv 2512.19526: other thresholds, a strict comparison, and the size of the number without its sign.

Its evaluator divides by the truth with its sign, so that any reply to a negative one is right: here by its size."""

_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|-?\.\d+")
_SAID = re.compile(r"<answer>(.*?)</answer>", flags=re.S | re.I)


@dataclass(frozen=True)
class Score:
    """A score from 0 to 1, ``None`` where there is no published answer; and whether the reply could be read."""

    value: float | None
    was_read: bool = True
    read_as: str = ""


def score(item: Item, reply: str) -> Score:
    """Scores a reply to an item."""
    if item.answer is None:
        return Score(None)
    said = _SAID.findall(reply)
    return SCORERS[item.scorer](item, said[-1].strip() if said else reply.strip())


def read_letter(reply: str, options: Sequence[str]) -> str:
    """Reads which option a reply means; ``""`` if none or more than one.

    A capital that stands first, or after "answer", or alone; else the one option whose text the reply holds. "A" as an
    article is no letter: MVP's own scorer takes it for one, and of two letters takes the second.

    Example:
        >>> [read_letter(text, ["left", "right"]) for text in ("(B)", "The answer is A.", "A ball moves right", "up")]
        ['B', 'A', 'B', '']
    """
    letters = LETTERS[: len(options)]
    if len(reply) == 1 and reply.upper() in letters:
        return reply.upper()
    marked = re.findall(rf"(?:answer|option|choice)(?:\s+is)?\s*:?\s*\**\(?([{letters}])\b", reply, flags=re.I)
    first = re.match(rf"\**\(?([{letters}])(?:[).:\]*]|\s*$|\n)", reply)
    if marked or first:
        return (marked[-1] if marked else first[1]).upper()  # type: ignore[index]
    low = reply.lower()
    held = [letter for letter, text in zip(letters, options, strict=True) if _holds(low, text.lower())]
    longest = max((options[letters.index(each)] for each in held), key=len, default="")
    apart = [each for each in held if options[letters.index(each)].lower() not in longest.lower()]
    return letters[list(options).index(longest)] if held and not apart else ""


def _holds(text: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part.strip())}(?!\w)", text) is not None


def read_number(reply: str) -> float | None:
    """The first number of a reply; ``None`` if it has none.

    Example:
        >>> read_number("about 1,250.5 cm"), read_number("many")
        (1250.5, None)
    """
    match = _NUMBER.search(reply)
    return float(match[0].replace(",", "")) if match else None


def mean_relative_accuracy(
    value: float, truth: float, thresholds: Sequence[float], *, is_strict: bool = False
) -> float | None:
    """Share of the thresholds for which the relative error is below one less the threshold; ``None`` for a truth of 0.

    Example:
        >>> mean_relative_accuracy(1.2, 1.0, VSI_THRESHOLDS)
        0.7
    """
    if truth == 0:
        return None
    error = abs(value - truth) / abs(truth)
    # 1 - 0.8 is 0.19999999999999996: an error of just 0.2 passes either way.
    passed = [error < 1 - each - 1e-12 if is_strict else error <= 1 - each + 1e-12 for each in thresholds]
    return sum(passed) / len(passed)


def _choice(item: Item, reply: str) -> Score:
    letter = read_letter(reply, item.options)
    return Score(float(letter == item.answer), bool(letter), letter)


def _yes_no(item: Item, reply: str) -> Score:
    found = re.findall(r"\b(yes|no)\b", reply.lower())
    return Score(float(bool(found) and found[0] == item.answer), bool(found), found[0] if found else "")


def _count(item: Item, reply: str) -> Score:
    value = read_number(reply)
    return Score(float(value == float(item.answer or "nan")), value is not None, "" if value is None else f"{value:g}")


def _words(item: Item, reply: str) -> Score:
    return Score(float(is_right(reply, item.answer or "", tolerance=item.tolerance)), bool(reply), reply)


def _way(item: Item, reply: str) -> Score:
    """How far and which way: the number as any other, and the direction's words, of which the longest count."""
    said = max((way for way in SECTORS if _holds(reply.lower(), way)), key=len, default="")
    far = is_right(reply, item.answer or "", tolerance=item.tolerance)
    return Score(float(far and bool(said) and (item.answer or "").endswith(f"diagonal {said}")), bool(said), reply)


def _vsi_number(item: Item, reply: str) -> Score:
    value = read_number(reply)
    if value is None:
        return Score(0.0, False)
    return Score(mean_relative_accuracy(value, float(item.answer or "nan"), VSI_THRESHOLDS), True, f"{value:g}")


def _quantiphy_number(item: Item, reply: str) -> Score:
    value = read_number(reply)
    if value is None:
        return Score(0.0, False)
    truth = abs(float(item.answer or "nan"))
    result = mean_relative_accuracy(abs(value), truth, QUANTIPHY_THRESHOLDS, is_strict=True)
    return Score(result, True, f"{value:g}")


def _interval(item: Item, reply: str) -> Score:
    """Overlap over union of two times, seconds, as V-STaR has it: an end before its start overlaps nothing."""
    numbers = [float(each.replace(",", "")) for each in _NUMBER.findall(reply.replace("-", " "))][:2]
    if len(numbers) < 2:
        return Score(0.0, False)
    start, stop = numbers
    low, high = (float(each) for each in (item.answer or "").split())
    union = max(high, stop) - min(low, start)
    return Score(max(0.0, min(high, stop) - max(low, start)) / union if union > 0 else 0.0, True, f"{start:g} {stop:g}")


def _boxes(item: Item, reply: str) -> Score:
    """Mean overlap with the true boxes of V-STaR."""
    found = read_boxes(reply)
    value = boxes_overlap(found, json.loads(item.answer or "{}"))
    return Score(value, bool(found), ", ".join(found))


SCORERS: dict[str, Callable[[Item, str], Score]] = {
    "choice": _choice, "yes_no": _yes_no, "count": _count, "words": _words, "way": _way, "vsi_number": _vsi_number,
    "quantiphy_number": _quantiphy_number, "interval": _interval, "boxes": _boxes,
}  # fmt: skip
