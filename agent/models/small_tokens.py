"""The tokenizer of a small checkpoint: byte-level BPE of the kind that `motionlaw train init` makes.

Texts are cut at added tokens, digits and phrases, and the bytes of each piece are merged by rank. Other kinds of
tokenizers are refused: the library `tokenizers` knows them all, and is not needed for this one.

Source: Sennrich, Haddow and Birch 2016 (byte-pair encoding); the alphabet of bytes is GPT-2's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from motionlaw.tools.errors import UserError


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a vocabulary: itself where it can be printed.

    Example:
        >>> byte_letters()[ord("a")], byte_letters()[ord(" ")]
        ('a', 'Ġ')
    """
    printed = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printed else chr(next(others)) for byte in range(256)]


class SmallTokenizer:
    """Texts to tokens and back.

    Args:
        path: The ``tokenizer.json``.

    Raises:
        UserError: The file cannot be read, or holds another kind of tokenizer.
    """

    def __init__(self, path: Path) -> None:
        try:
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self._phrase = re.compile(_phrase(told))
            self._ids: dict[str, int] = told["model"]["vocab"]
            merges: list[list[str]] = told["model"]["merges"]
            added: list[dict[str, Any]] = told["added_tokens"]
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            raise UserError(
                f"{path} holds no byte-level BPE of the kind that motionlaw train makes ({error}). "
                "Name the checkpoint's folder, --model FOLDER, to read it with transformers."
            ) from None
        self._ranks = {(first, second): rank for rank, (first, second) in enumerate(merges)}
        self._added = {each["content"]: int(each["id"]) for each in added}
        self._special = {int(each["id"]) for each in added if each["special"]}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._cut = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if longest_first else None
        self._letters = byte_letters()
        self._bytes = {letter: byte for byte, letter in enumerate(self._letters)}
        self._words = {number: word for word, number in self._ids.items()}
        self._names = {number: word for word, number in self._added.items()}
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; the names of added tokens in it are these tokens."""
        parts = self._cut.split(text) if self._cut else [text]
        return [number for part in parts if part for number in self._part(part)]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; special ones, such as the end of a turn, say nothing."""
        told = bytearray()
        for number in tokens:
            if number in self._special:
                continue
            if number in self._names:
                told += self._names[number].encode("utf-8")
            else:
                told += bytes(self._bytes[letter] for letter in self._words[number])
        return told.decode("utf-8", errors="replace")

    def id_of(self, name: str) -> int:
        """The number of an added token.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self._added:
            raise UserError(f"The tokenizer has no token {name}.")
        return self._added[name]

    def _part(self, part: str) -> list[int]:
        if part in self._added:
            return [self._added[part]]
        return [number for piece in self._pieces(part) for number in self._merged(piece)]

    def _pieces(self, text: str) -> Iterable[str]:
        """Digits alone, phrases, and what is neither."""
        for stretch in re.split(r"(\d)", text):
            at = 0
            for found in self._phrase.finditer(stretch):
                if found.start() > at:
                    yield stretch[at : found.start()]
                if found.group():
                    yield found.group()
                at = found.end()
            if at < len(stretch):
                yield stretch[at:]

    def _merged(self, piece: str) -> list[int]:
        """The tokens of a piece: neighbours are merged, those of the lowest rank first."""
        if piece not in self._known:
            parts = [self._letters[byte] for byte in piece.encode("utf-8")]
            while (best := self._best(parts)) is not None:
                parts = _joined(parts, best)
            self._known[piece] = [self._ids[part] for part in parts]
        return self._known[piece]

    def _best(self, parts: Sequence[str]) -> tuple[str, str] | None:
        pairs = [pair for pair in pairwise(parts) if pair in self._ranks]
        return min(pairs, key=self._ranks.__getitem__, default=None)


def _joined(parts: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """Joins a pair wherever it stands, from the left."""
    out: list[str] = []
    k = 0
    while k < len(parts):
        if tuple(parts[k : k + 2]) == pair:
            out.append(parts[k] + parts[k + 1])
            k += 2
        else:
            out.append(parts[k])
            k += 1
    return out


def _phrase(told: dict[str, Any]) -> str:
    """The pattern by which a tokenizer cuts texts.

    Raises:
        ValueError: It is of another kind.
    """
    model = told["model"]
    plain = not any(model.get(name) for name in ("dropout", "unk_token", "continuing_subword_prefix", "byte_fallback"))
    if model["type"] != "BPE" or not plain or told.get("normalizer"):
        raise ValueError("it is no plain BPE")
    digits, split, letters = told["pre_tokenizer"]["pretokenizers"]
    wanted = (
        digits == {"type": "Digits", "individual_digits": True}
        and (split["type"], split["behavior"], split["invert"]) == ("Split", "Isolated", False)
        and (letters["type"], letters["add_prefix_space"], letters["use_regex"]) == ("ByteLevel", False, False)
    )
    if not wanted:
        raise ValueError("it cuts texts in another way")
    return str(split["pattern"]["Regex"])
