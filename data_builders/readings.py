"""Questions in free words with what they ask, one of the forms of `motionlaw.agent.reading`: made up, text alone.

    motionlaw train sft --data readings=fresh:128000:1 …

The wordings of each form are written out in ``wordings/questions.txt``, with choices inside, the words for things and
times in ``wordings/words.txt``; things, times and phases are drawn and put in, with words that only go along, words
that people leave out, and slips of the pen. A row depends on its seed and number alone. Four thousand are drawn a
second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from motionlaw.agent.question import plain_words, read_question
from motionlaw.agent.reading import UNMEASURED, fill, forms, is_borne_out, is_reading

Rng = np.random.Generator
Node = str | list[Any]

NOTHING = "-"
UNMEASURED_SHARE, NAMED_SHARE = 0.16, 0.7
# Shares of the rows with an opening, a closing, a part of the time, words left out, fillers, and slips of the pen.
OPENED, CLOSED, TAILED, LEFT_OUT, FILLED, SLIPPED = 0.15, 0.15, 0.3, 0.15, 0.08, 0.35
OWNED, AHEAD = 0.15, 0.05  # "the ball's speed" for "the speed of the ball"; "the ball, does it bounce"
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
PLACED = ("ball", "disc", "puck", "block", "box", "object", "car", "thing", "one")
SIDES = ("left", "right", "upper", "lower")
TIMED = ("between {n} and {n} s", "before {n} s", "after {n} s")
MET, EDGED = ("after the collision", "before the collision"), ("at the start", "at the end")
TAILS = {
    "speed": (*TIMED, *MET, *EDGED), "trend": (*TIMED, *MET),
    "direction": (*TIMED, *MET, *EDGED, "relative to the background"),
    "acceleration": (*TIMED, *MET), "compare": (*MET, *EDGED), "kind": TIMED, "approach": MET, "relative": EDGED,
    "distance": (*TIMED, *MET, *EDGED),
}  # fmt: skip
"""The tails of each topic: those that its rule minds."""
BLOCK = 1024
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SOUNDS = (
    ("ea", "ee"), ("ee", "ea"), ("ck", "k"), ("c", "k"), ("ou", "ow"), ("ll", "l"), ("oes", "uz"), ("ow", "o"),
    ("qu", "kw"), ("wh", "w"), ("er", "a"), ("tt", "t"), ("y", "i"), ("ing", "in"), ("th", "d"), ("e", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Worded:
    """A question in free words, plain, and what it asks."""

    words: str
    reading: str


def make_reading(seed: int, number: int) -> Worded:
    """Draws a question.

    Example:
        >>> made = make_reading(0, 5)
        >>> made == make_reading(0, 5), made.words != made.reading
        (True, True)
    """
    rng = np.random.default_rng([seed, number])
    while True:
        made = _drawn(rng)
        if made.reading == UNMEASURED or (is_reading(made.reading) and is_borne_out(made.reading, made.words)):
            return made


def in_order(seed: int, count: int) -> list[int]:
    """The numbers of rows as they are learned: by length within a block, so that batches pad little."""
    numbers = range(count)
    sizes = {number: len(made.words) + len(made.reading) for number in numbers if (made := make_reading(seed, number))}
    blocks = [numbers[start : start + BLOCK] for start in range(0, count, BLOCK)]
    return [number for block in blocks for number in sorted(block, key=sizes.__getitem__)]


def _drawn(rng: Rng) -> Worded:
    form = NOTHING if rng.random() < UNMEASURED_SHARE else _one(forms(), rng)
    wording = _told(_one(wordings()[form], rng), rng)
    words, things = _with_things(wording, form, rng)
    tail = ""
    if (tails := _tails(form)) and rng.random() < TAILED:
        tail = _one(tails, rng)
        said, tail = _part(tail, rng)
        words = f"{said} {words}" if rng.random() < 0.4 else f"{words} {said}"
    if rng.random() < OPENED:
        words = f"{_one(words_for('openings'), rng)} {words}"
    if rng.random() < CLOSED:
        words = f"{words} {_one(words_for('closings'), rng)}"
    words = _spoken(words.split(), rng)
    return Worded(plain_words(words), UNMEASURED if form == NOTHING else fill(form, things, tail))


@cache
def wordings() -> dict[str, tuple[Node, ...]]:
    """The wordings of each form, with their choices.

    Raises:
        ValueError: The file names a form that is none, or lacks one.
    """
    names: dict[str, str] = {}
    found: dict[str, list[Node]] = {}
    form = ""
    for line in files("motionlaw.data_builders").joinpath("wordings/questions.txt").read_text("utf-8").splitlines():
        if line.startswith("= "):
            form = line[2:]
            found[form] = []
        elif line.startswith("$") and not form:
            name, _, told = line.partition(" ")
            names[name] = told
        elif line and not line.startswith("#"):
            found[form].append(_parsed(_named(line, names)))
    if set(found) != {*forms(), NOTHING}:
        raise ValueError(f"questions.txt and forms.txt differ: {set(found) ^ {*forms(), NOTHING}}.")
    return {name: tuple(lines) for name, lines in found.items()}


@cache
def words_for(name: str) -> tuple[str, ...]:
    """The words of a list of ``wordings/words.txt``."""
    lines = files("motionlaw.data_builders").joinpath("wordings/words.txt").read_text("utf-8").splitlines()
    return next(tuple(line.removeprefix(f"{name}: ").split(", ")) for line in lines if line.startswith(f"{name}: "))


def _named(line: str, names: dict[str, str]) -> str:
    while (found := re.search(r"\$[a-z]+", line)) is not None:
        line = line.replace(found.group(), names[found.group()], 1)
    return line


def _parsed(line: str) -> Node:
    """A wording as a tree: texts in a row, where a list in the row is a choice among rows."""
    rows: list[list[Any]] = [[[]]]  # a stack of choices, each a list of rows
    for piece in re.findall(r"[\[\]|]|[^\[\]|]+", line):
        if piece == "[":
            rows.append([[]])
        elif piece == "]":
            choice = rows.pop()
            rows[-1][-1].append(choice)
        elif piece == "|":
            rows[-1].append([])
        else:
            rows[-1][-1].append(piece)
    return rows[0][0]


def _told(row: Any, rng: Rng) -> str:
    """One of the texts of a tree."""
    return "".join(each if isinstance(each, str) else _told(_one(each, rng), rng) for each in row)


def _one(of: Any, rng: Rng) -> Any:
    return of[int(rng.integers(len(of)))]


def _with_things(wording: str, form: str, rng: Rng) -> tuple[str, tuple[str, ...]]:
    """Puts things into a wording: the words, and the things as the forms write them."""
    if "<s>" in wording:
        said, meant = _several(rng)
        return wording.replace("<s>", said), (meant,)
    is_two = "<b>" in wording or ("{b}" in form and rng.random() < NAMED_SHARE)
    if is_two:
        (one, other), things, together = _two(rng)
        both, either = together or f"{one} and {other}", f"{one} or {other}"
        if rng.random() < 0.1:
            both = both.replace(" and ", " & ").replace("&", _one(("with", "plus", "and"), rng))
        if "<" not in wording:
            return wording, ()
        for mark, words in (("<and>", both), ("<or2>", either), ("<a>", one), ("<b>", other),
                            ("<or>", _one((", ", " ", " - ", ": "), rng) + either)):  # fmt: skip
            wording = wording.replace(mark, words)
        return wording, things
    noun = _one((*words_for("round"), *words_for("nouns")), rng)
    both = (
        _one(words_for("they"), rng)
        if rng.random() < 0.6
        else f"{_one(('the', 'both', 'the two', 'these', 'those'), rng)} {noun}s"
    )
    of_them = _one(("", "", "", " of the two", " of them", f" of the {noun}s", f" of the two {noun}s"), rng)
    one, meant = _single(rng) if "<a>" in wording else ("", "it")
    if rng.random() < OWNED:
        wording = re.sub(r"(?:\bthe )?\b([a-z]+) of <a>", r"<a> s \1", wording, count=1)
    if wording.count("<a>") == 1 and meant != "it" and rng.random() < AHEAD:
        wording = "<a> " + wording.replace("<a>", _one(("it", "it", "this one", "that"), rng))
    for mark, words in (("<and>", both), ("<or2>", "one"), ("<or>", of_them), ("<a>", one)):
        wording = wording.replace(mark, words)
    return wording, (meant,) if meant != "it" and "{b}" not in form else ()


def _single(rng: Rng) -> tuple[str, str]:
    """A thing: how it is said, and how forms write it."""
    share = rng.random()
    if share < 0.25:
        return _one(words_for("it"), rng), "it"
    noun = _noun(rng)
    before = _one(("the ", "the ", "the ", "the ", "", "this ", "that ", "my ", "a ", "our "), rng)
    if share < 0.5:
        return f"{before}{_kept(noun)}", f"the {noun}"
    if share < 0.85:
        return _coloured(before, _one(COLOURS, rng), noun, rng)
    if share < 0.93:
        large = rng.random() < 0.5
        return (
            f"{before}{_one(words_for('large' if large else 'small'), rng)} {_kept(noun)}",
            f"the {'large' if large else 'small'} {noun}",
        )
    return _placed(_one(SIDES, rng), _one(PLACED, rng), rng)


def _noun(rng: Rng) -> str:
    """A name, with a slip of the pen at times, or one that means nothing."""
    if rng.random() < 0.06:
        return "".join(_one("bcdfghklmnprstvw", rng) + _one("aeiou", rng) for _ in range(int(rng.integers(2, 4))))
    noun: str = _one((*words_for("round"), *words_for("nouns")), rng)
    noun = _slip(noun, rng) if len(noun) > 3 and rng.random() < 0.06 else noun
    return f"{_one(words_for('before'), rng)} {noun}" if rng.random() < 0.08 else noun


def _kept(name: str) -> str:
    """A name with the marks that keep slips away."""
    return " ".join(f"~{word}" for word in name.split())


def _coloured(before: str, colour: str, noun: str, rng: Rng) -> tuple[str, str]:
    if rng.random() < 0.15:
        return f"{_one(('the ', '', 'the '), rng)}{colour}{_one(('', ' one'), rng)}", f"the {colour} one"
    way = rng.random()
    if way < 0.05:
        return f"{before}{_kept(noun)} that is {colour}", f"the {colour} {noun}"
    if way < 0.08:
        return f"{before}{colour} coloured {_kept(noun)}", f"the {colour} {noun}"
    return f"{before}{colour} {_kept(noun)}", f"the {colour} {noun}"


def _placed(side: str, noun: str, rng: Rng) -> tuple[str, str]:
    words = _one(words_for(side), rng)
    if side in ("left", "right") and rng.random() < 0.3:
        return f"the {noun} on the {side}", f"the {side} {noun}"
    return f"the {words} {noun}", f"the {side} {noun}"


def _two(rng: Rng) -> tuple[tuple[str, str], tuple[str, str], str]:
    """Two things: how each is said, how forms write them, and how both are said together at times."""
    share, noun = rng.random(), _noun(rng)
    before = _one(("the ", "the ", "the ", ""), rng)
    if share < 0.7:
        first, second = (COLOURS[k] for k in rng.permutation(len(COLOURS))[:2])
        way = rng.random()
        if way < 0.3:  # the red and the blue ball
            said = (f"{before}{first}", f"{before}{second} {_kept(noun)}")
            return said, (f"the {first} {noun}", f"the {second} {noun}"), f"{said[0]} and {said[1]}"
        if way < 0.5:  # red and blue
            one = _one(("", " one"), rng)
            return (f"{before}{first}{one}", f"{before}{second}{one}"), (f"the {first} one", f"the {second} one"), ""
        other = noun if rng.random() < 0.6 else _noun(rng)
        return (
            (f"{before}{first} {_kept(noun)}", f"{before}{second} {_kept(other)}"),
            (f"the {first} {noun}", f"the {second} {other}"),
            "",
        )
    if share < 0.8:
        sizes = [("large", words_for("large")), ("small", words_for("small"))]
        (first, ones), (second, others) = (sizes[k] for k in rng.permutation(2))
        said = (
            f"{before}{_one(ones, rng)} {_kept(noun)}",
            f"{before}{_one(others, rng)} {_one((f'{_kept(noun)}', 'one'), rng)}",
        )
        return said, (f"the {first} {noun}", f"the {second} {noun}"), ""
    if share < 0.9:
        pair = _one((("left", "right"), ("right", "left"), ("upper", "lower"), ("lower", "upper")), rng)
        noun = _one(PLACED, rng)
        made = [_placed(side, noun, rng) for side in pair]
        return (made[0][0], made[1][0]), (made[0][1], made[1][1]), ""
    other = _noun(rng)
    return (f"{before}{_kept(noun)}", f"{before}{_kept(other)}"), (f"the {noun}", f"the {other}"), ""


def _several(rng: Rng) -> tuple[str, str]:
    nouns = f"{_noun(rng)}s"
    if rng.random() < 0.5:
        colour = _one(COLOURS, rng)
        return f"{colour} {_kept(nouns)}", f"{colour} {nouns}"
    return f"{_kept(nouns)}", nouns


@cache
def _tails(form: str) -> tuple[str, ...]:
    """The tails that a form may have."""
    if form == NOTHING:
        return ()
    things = ("the red ball", "the blue ball")
    plain = read_question(fill(form, things))
    kept = []
    for tail in TAILS.get(plain.topic, ()):
        with_it = read_question(fill(form, things, tail.format(n=2)))
        is_of_two = plain.topic == "distance" and "{b}" in form
        if (plain.topic, plain.alternatives) != (with_it.topic, with_it.alternatives) or ("least" in form):
            continue
        if plain.topic in ("distance", "speed") and tail in EDGED and not (is_of_two or "mean speed" in form):
            continue
        if is_of_two and tail not in EDGED:
            continue
        kept.append(tail)
    return tuple(kept)


def _part(tail: str, rng: Rng) -> tuple[str, str]:
    """A part of the time in words, and as forms write it."""
    times = sorted(
        rng.choice(np.arange(1, 60), 2, replace=False) / (1 if rng.random() < 0.3 else 10 if rng.random() < 0.8 else 4)
    )
    numbers = [f"{time:g}" for time in times]
    said = (
        str(_one(words_for(tail), rng))
        .replace("{m}", _one(words_for("meeting"), rng))
        .replace("{v}", _one(words_for("meet"), rng))
    )
    said = said.replace("{s}", _one(("s", "seconds", "sec", "second"), rng))
    for number in numbers[: tail.count("{n}")]:
        said, tail = said.replace("{n}", number, 1), tail.replace("{n}", number, 1)
    return said, tail


def _spoken(words: list[str], rng: Rng) -> str:
    """What people make of a question: words left out, fillers, slips of the pen; names (~) stay as they are."""
    if rng.random() < LEFT_OUT:
        words = [word for word in words if word not in words_for("left out") or rng.random() < 0.5] or words
    if rng.random() < FILLED:
        words.insert(int(rng.integers(len(words) + 1)), _one(words_for("fillers"), rng))
    if rng.random() < SLIPPED:
        share = _one((0.08, 0.15, 0.3), rng)
        words = [
            _slip(word, rng) if len(word) > 2 and word[0] != "~" and word.isalpha() and rng.random() < share else word
            for word in words
        ]
    return " ".join(words).replace("~", "")


def _slip(word: str, rng: Rng) -> str:
    """A word with a letter missing, doubled, swapped, struck beside, or written as it sounds."""
    place = int(rng.integers(1, len(word)))
    way = rng.random()
    if way < 0.25:
        return word[:place] + word[place + 1 :]
    if way < 0.4:
        return word[:place] + word[place - 1] + word[place:]
    if way < 0.65 and place < len(word) - 1:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if way < 0.85:
        row = next((row for row in KEYS if word[place] in row), "")
        near = row[max(row.find(word[place]) - 1, 0) : row.find(word[place]) + 2].replace(word[place], "")
        return word[:place] + (_one(near, rng) if near else "") + word[place + 1 :]
    fitting = [(a, b) for a, b in SOUNDS if a in word[1:]]
    a, b = _one(fitting, rng) if fitting else (word[place], word[place])
    return word[0] + word[1:].replace(a, b, 1)
