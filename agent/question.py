"""A question about motion, read by rule: what is asked, of which things, when, and in what form the answer is wanted.

The text is data: it is matched against patterns and never followed as an instruction. What the rules do not know comes
out as the topic ``""``; the planner then says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from motionlaw.agent.lexicon import COLOURS, COUNTED, OUTCOMES, ROUND_THINGS, TOPICS, tokens_in
from motionlaw.agent.spelling import spelt

LONGEST = 1000
_THING_NAMED_BY_MOTION = (
    rf"\b((?:the|this|that|which)(?: (?:{'|'.join([*COLOURS, 'large', 'larger', 'big', 'bigger', 'small', 'smaller'])}|"
    r"left|right|upper|lower|top|bottom))*) (?:circle|pendulum|projectile)(?! (?:motion|path))\b"
)
"""Things called by words that name a motion as well."""
KIND_OF = {
    "camera": "camera",
    "camera speed": "trend",
    "amplitude": "trend",
    "trend": "trend",
    "rate": "trend",
    "size": "size",
    "axis": "axis",
    "rotation": "rotation",
    "kind": "kind",
    "end": "direction",
    "direction": "direction",
    "relative": "relative",
    "moves": "moves",
}
"""The kind of outcome of each topic; others are answered by numbers, by things, or by yes and no."""

YES_NO = r"^(?:and |so |then )?(?:do|does|did|is|are|was|were|will|has|have|had|can|could)\b"
SIZES = {
    "large": "large",
    "larger": "large",
    "big": "large",
    "bigger": "large",
    "largest": "large",
    "biggest": "large",
    "small": "small",
    "smaller": "small",
    "smallest": "small",
    "little": "small",
    "tiny": "small",
}
PLACES = {
    "left": "left",
    "leftmost": "left",
    "right": "right",
    "rightmost": "right",
    "upper": "up",
    "top": "up",
    "topmost": "up",
    "lower": "down",
    "bottom": "down",
    "bottommost": "down",
}
NO_NOUN = frozenset(
    re.findall(
        r"\w+",
        "a after air along amplitude an and are at axis background before began begin beginning begins bigger camera "
        "ceiling collision collisions column did direction distance do does down during end ended ends entire "
        "fast faster first floor frame frequency full go goes going ground higher horizontal how image in is it "
        "its larger last left line lower mainly motion move moved movement moves moving of on or oscillation "
        "overall path pattern per period picture rate right row same scene screen second seconds shape slow "
        "slower smaller speed start started starts swing table than the them there they time to track "
        "trajectory travel travels trend up velocity vertical video wall was water way were what when where "
        "which who whole",
    )
)
"""Words that name nothing that moves."""


_EVENT = (
    r"(?:the |its |their |they |it |\w+ing )?(?:first |second )?(?:collision|contact|bounce|impact|hit|collide|touch|"
    r"meet|crash)"
)
PHASES = {
    "after": rf"\bafter(?:wards)? {_EVENT}|\bafterwards\b",
    "before": rf"\bbefore {_EVENT}",
    "end": r"\b(?:at|by|near|towards?|in) (?:the )?(?:very )?(?:end|last frame|final)\b|\bfinally\b|"
    r"\bin the (?:last|final|second) half\b",
    "start": r"\b(?:at|in) (?:the )?(?:very )?(?:start|beginning|first(?! \d)|outset|first frame)\b|\binitially\b|"
    r"\bin the first half\b",
}
"""Words for a part of the motion."""


@dataclass(frozen=True)
class Option:
    """One of the answers to choose from: its label and its text."""

    label: str
    text: str


@dataclass(frozen=True)
class Described:
    """A thing as a question names it.

    Args:
        name: The words for it, e.g. ``"red ball"``; ``""`` where it is not named.
        colour: Its basic colour, or ``""``.
        is_round: Whether its name is that of a round thing.
        size: ``"large"``, ``"small"`` or ``""``, beside the other things.
        place: ``"left"``, ``"right"``, ``"up"``, ``"down"`` or ``""``, at the start.
        is_plural: Whether several are meant.
    """

    name: str
    colour: str = ""
    is_round: bool = False
    size: str = ""
    place: str = ""
    is_plural: bool = False


@dataclass(frozen=True)
class Question:
    """A question as it was read.

    Args:
        text: As asked.
        topic: What is asked, see `motionlaw.agent.lexicon.TOPICS`; ``""`` where that was not understood.
        is_yes_no: Whether yes or no is wanted.
        alternatives: The outcomes that it names to choose from, each with its words; empty for an open question.
        options: The answers given to choose from.
        things: The things it is about, in order; empty where it names none by colour, size or place.
        start_s: First time asked about, seconds; ``None`` for the whole video.
        end_s: Last time.
        phase: ``"start"``, ``"end"``, ``"before"`` or ``"after"`` (a collision), or ``""``.
        frame: ``"image"``, or ``"scene"`` where the camera's motion is to be taken out; ``""`` where it does not say.
        tolerance_px: What counts as the same place, pixels, where the question says so.
    """

    text: str
    topic: str
    is_yes_no: bool
    alternatives: tuple[tuple[str, str], ...]
    options: tuple[Option, ...]
    things: tuple[Described, ...]
    start_s: float | None = None
    end_s: float | None = None
    phase: str = ""
    frame: str = ""
    tolerance_px: float | None = None

    @property
    def words(self) -> str:
        """The question in lower case, without marks."""
        return plain_words(self.text)

    def says(self, pattern: str) -> bool:
        """Whether a pattern occurs in its words."""
        return re.search(pattern, self.words) is not None


def plain_words(text: str) -> str:
    """A question in lower case, without marks, slips in its spelling put right.

    Example:
        >>> plain_words("Wich ball's faster?")
        'which ball s faster'
    """
    return spelt(_plain(text))


def read_question(text: str, options: list[str] | tuple[str, ...] = ()) -> Question:
    """Reads a question.

    Args:
        text: As asked; at most 1,000 characters are looked at.
        options: Answers to choose from, with or without labels: ``"A) left"``.

    Example:
        >>> question = read_question("Does the red ball end lower or higher than it began?")
        >>> question.topic, question.things[0].colour, question.alternatives
        ('end', 'red', (('down', 'lower'), ('up', 'higher')))
        >>> read_question("What is the meaning of it all?").topic
        ''
    """
    text = text[:LONGEST]
    words = re.sub(r"\bat first\b", "initially", plain_words(text))  # not the first of several
    words = re.sub(r"\b(up|down|left|right)(wards)? first\b", r"\1\2 initially", words)
    asked = re.sub(_THING_NAMED_BY_MOTION, r"\1 thing", words)
    topic = _topic(re.sub(PHASES["after"] + "|" + PHASES["before"], " ", asked)) or _topic(asked)
    kind = KIND_OF.get(topic, "")
    named = _alternatives(words, kind) if kind else ()
    given = tuple(_option(option, number) for number, option in enumerate(options))
    is_choice = len({token for token, _ in named}) > 1 and " or " in f" {words} "
    is_yes_no = re.search(YES_NO, words) is not None and not is_choice
    start_s, end_s = _times(words)
    within = re.search(r"within (\d+(?:\.\d+)?) ?(?:px|pixels?)", words)
    return Question(
        text,
        topic,
        is_yes_no,
        named if is_choice or is_yes_no else (),
        given,
        _things(words, topic),
        start_s,
        end_s,
        "" if topic == "trend" and re.search(r"\bthan (?:before|after|at)\b", words) else _phase(words),
        _frame(words),
        float(within[1]) if within else None,
    )


def _topic(words: str) -> str:
    return next((topic for topic, pattern in TOPICS if re.search(pattern, words)), "")


def number_in(text: str) -> float | None:
    """Reads the first number of a text, in digits or as a word.

    Example:
        >>> number_in("about 3.5 s"), number_in("Twice."), number_in("left")
        (3.5, 2.0, None)
    """
    match = re.search(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text.lower())
    if match:
        return float(match.group())
    return next((float(COUNTED[word]) for word in re.findall(r"[a-z]+", text.lower()) if word in COUNTED), None)


def describe_thing(words: str) -> Described:
    """Reads how a thing is named: its colour, size, place and name."""
    found = _things(_plain(words), "")
    return found[0] if found else Described(_plain(words))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9.\-' ]+", " ", text.lower().replace("'s", " s")).split()).rstrip(". ")


def _option(text: str, number: int) -> Option:
    match = re.match(r"\s*\(?([A-Za-z]|\d{1,2})\s*[).:]\s*(.+)", text)
    return Option(match[1].upper(), match[2].strip()) if match else Option(chr(ord("A") + number % 26), text.strip())


def _alternatives(words: str, kind: str) -> tuple[tuple[str, str], ...]:
    """The outcomes named, each once; where the frame of reference is named, its words are no outcome."""
    cut = re.sub(
        r"\b(?:relative to|in|within|from|of|than|since|along) (?:the |its )?(?:image|picture|background|"
        r"scene|frame|view|"
        r"start|beginning|camera s view)\b|\b(?:left|right)-hand\b|\bafter \w+ing the \w+|"
        r"\bafter the \w+",
        " ",
        words,
    )
    place = (
        r"\bthe (?:left|right|upper|lower|top|bottom|larger|smaller|bigger) (?=(?:one|ball|disc|disk|puck|block|"
        r"box|object|car|thing)\b)"
    )
    cut = re.sub(place, "the ", cut)
    found: dict[str, str] = {}
    for token, surface in tokens_in(cut, kind):
        found.setdefault(token, _surface(surface))
    return tuple(found.items())


def _surface(words: str) -> str:
    """The words for an outcome, without what only joins them to the sentence."""
    joining = r"^(?:to|in|into|towards?) (?:the |its )?(?!camera|viewer|us\b|me\b)|^the "
    return re.sub(joining, "", words.strip()).strip()


def _things(words: str, topic: str) -> tuple[Described, ...]:
    """The things a question names by colour, size or place, or by a name after "the"."""
    found: list[Described] = []
    words = re.sub(r"\bafter \w+ing the \w+", " ", words)
    adjectives = "|".join([*COLOURS, *SIZES, *PLACES])
    pattern = (
        rf"\b(?:the|a|an|this|that|two|both) ((?:(?:{adjectives}|other|same|two|heavy|light|moving|tracked|"
        r"falling|swinging|foreground|background)[ -])*)([a-z]+)\b"
    )
    for match in re.finditer(pattern, words):
        marks, noun = match[1].replace("-", " ").split(), match[2]
        if noun in COLOURS or (noun in PLACES and noun not in ("lower",)):  # "the red", "the left"
            if words[match.end() :].startswith((" of", " side", " hand", " then", " or")) and noun in PLACES:
                continue
            marks, noun = [*marks, noun], "one"
        is_way = re.search(r"\b(?:to|towards?|into|from) $", words[: match.start()]) is not None
        if is_way and noun in ("one", "side", "edge", "end", "corner", "half") and set(marks) <= set(PLACES):
            continue  # "to the left side" says where, not which
        marked = [mark for mark in marks if mark in COLOURS or mark in SIZES or mark in PLACES]
        if noun in NO_NOUN and all(mark in PLACES for mark in marked):
            continue
        if topic == "camera" and not marked:
            continue
        if noun in NO_NOUN:
            noun = ""
        thing = Described(
            " ".join([*[mark for mark in marks if mark not in ("two", "tracked")], noun]).strip(),
            next((COLOURS[mark] for mark in marks if mark in COLOURS), ""),
            noun in ROUND_THINGS,
            next((SIZES[mark] for mark in marks if mark in SIZES), ""),
            next((PLACES[mark] for mark in marks if mark in PLACES), ""),
            noun.endswith("s") and not noun.endswith("ss"),
        )
        if thing not in found:
            found.append(thing)
    marked_things = [thing for thing in found if thing.colour or thing.size or thing.place]
    if not found:
        plural = re.search(r"\b(?:many|number of|which(?: of)?|what|two|of the) (?:\w+ )?([a-z]+)\b", words)
        noun = plural[1] if plural and plural[1] not in NO_NOUN else ""
        colour = next((COLOURS[word] for word in words.split() if word in COLOURS), "")
        if noun or colour:
            found = [Described(noun, colour, noun in ROUND_THINGS, is_plural=noun.endswith("s"))]
    return tuple(marked_things or found)


def _times(words: str) -> tuple[float | None, float | None]:
    number = r"(\d+(?:\.\d+)?) ?(?:s|sec|seconds?)?"
    if match := re.search(rf"\b(?:between|from) {number} (?:and|to) {number}\b", words):
        return float(match[1]), float(match[2])
    if match := re.search(rf"\bfirst {number}(?= |$)", words):
        return None, float(match[1])
    if match := re.search(rf"\b(?:after|from|since) (?:t )?{number}\b(?= |$)", words):
        return float(match[1]), None
    if match := re.search(rf"\b(?:before|until) (?:t )?{number}\b(?= |$)", words):
        return None, float(match[1])
    return None, None


def _phase(words: str) -> str:
    return next((phase for phase, pattern in PHASES.items() if re.search(pattern, words)), "")


def _frame(words: str) -> str:
    if re.search(
        r"\b(?:relative to|against|compared (?:to|with)|over) the (?:background|scene|ground|world|"
        r"surroundings|floor)\b",
        words,
    ):
        return "scene"
    return "image" if re.search(r"\b(?:in|within|across|on) the (?:image|picture|frame|screen|view)\b", words) else ""


assert set(KIND_OF.values()) <= set(OUTCOMES), "every topic's outcomes have words"
