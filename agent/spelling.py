"""Slips in the spelling of questions, put right where no other word can be meant."""

from __future__ import annotations

import re
from functools import lru_cache

SHORTEST = 7
"""Words shorter than this are often one letter from another word, and are mended by list only."""

WORDS = tuple(
    re.findall(
        r"\w+",
        "direction directions oscillation oscillations oscillate oscillates oscillating collision collisions collide "
        "collides velocity acceleration accelerate accelerates accelerating amplitude frequency pendulum vertical "
        "vertically horizontal horizontally clockwise trajectory movement stationary together distance equation "
        "rotating rotation swinging bouncing bounces fastest slowest between another background travelling "
        "upwards downwards leftwards rightwards",
    )
)
"""Long words of questions."""

SLIPS = {
    "wich": "which", "whcih": "which", "whihc": "which", "teh": "the", "hte": "the", "waht": "what", "wat": "what",
    "hwo": "how", "deos": "does", "movin": "moving", "rigth": "right", "rihgt": "right", "wehn": "when",
    "dwon": "down", "fatser": "faster", "fastr": "faster", "sped": "speed", "spede": "speed", "lfet": "left",
}  # fmt: skip
"""Common slips in short words, none of them a word."""


def spelt(words: str) -> str:
    """Puts words right in which one letter is wrong, missing, too many, or swapped with the next.

    Args:
        words: A question in lower case.

    Example:
        >>> spelt("wich directon has teh oscilation")
        'which direction has the oscillation'
    """
    return " ".join(_mended(word) for word in words.split())


@lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    if word in SLIPS:
        return SLIPS[word]
    if len(word) < SHORTEST or word in WORDS:
        return word
    return next((right for right in WORDS if len(right) >= SHORTEST and _is_one_slip(word, right)), word)


def _is_one_slip(word: str, right: str) -> bool:
    same = next((k for k, (a, b) in enumerate(zip(word, right, strict=False)) if a != b), min(len(word), len(right)))
    rest, wanted = word[same:], right[same:]
    is_swapped = len(rest) == len(wanted) > 1 and rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return is_swapped or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]
