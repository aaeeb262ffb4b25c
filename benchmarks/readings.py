"""How many questions in free words are read right: by the rules, by the small model, by both, by the nearest known one.

    python benchmarks/readings.py --part held [--model FOLDER] [--json]

``readings.tsv`` holds questions as different people ask them, written by hand before the grammar that the model
learned from and by the same hand, each with the form that asks the same ("-" where nothing that is asked for is
measured): those of the part ``dev`` were looked at while the model was made, those of ``held`` were not. A reading is
right where it leads to the same answer as the true form, reason and numbers included, on films of two things that
collide, of one that bounces, and of one that swings; colours are those of the films. The nearest known question is that
of most alike words (TF-IDF) among 20,000 of ``data_builders/readings.py``; its form is filled with the things that the
rules find.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from motionlaw.agent.answer import answer, understood
from motionlaw.agent.facts import Facts
from motionlaw.agent.lexicon import COLOURS
from motionlaw.agent.model import EMBEDDED, READER, Model, choose_model
from motionlaw.agent.question import plain_words, read_question
from motionlaw.agent.reading import LEAST, UNMEASURED, fill, forms, read_freely
from motionlaw.data_builders.readings import make_reading
from motionlaw.data_builders.render import film
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import make_scene
from motionlaw.tools.errors import UserError

FILE = Path(__file__).with_suffix(".tsv")
WORLDS = (("collision", 2), ("bouncing", 1), ("pendulum", 1))
SHOWN = ("red", "blue")
KNOWN, SEED = 20_000, 55
REFUSED = ("", "unseen")
Reader = Callable[[str], tuple[str, float]]
"""What a question is read as, ``""`` where it is not understood, and how sure that is."""


def questions(part: str) -> list[tuple[str, str]]:
    """The questions of a part with their true forms."""
    rows = [line.split("\t") for line in FILE.read_text("utf-8").splitlines()]
    return [(question, truth) for name, question, truth in rows if name == part]


def scenes() -> Iterator[Scene]:
    """A scene of each world whose things are red, and red and blue."""
    for world, count in WORLDS:
        yield next(
            scene for index in range(5000) if (scene := make_scene(77, index)).world == world
            and sorted(body.colour for body in scene.bodies) == sorted(SHOWN[:count]) and scene.look.camera == "still"
        )  # fmt: skip


class Judge:
    """Tells whether two questions have the same answer on the films."""

    def __init__(self, folder: Path) -> None:
        self.facts = []
        for number, scene in enumerate(scenes()):
            path = folder / f"{number}.mp4"
            path.write_bytes(film(scene))
            self.facts.append(Facts(path))
        self.outcome = cache(self._outcome)

    def _outcome(self, number: int, text: str) -> tuple[str, str]:
        """The answer, an outcome named in the question as its token, and the reason."""
        found = answer(self.facts[number], text)
        tokens = {words: token for token, words in read_question(text).alternatives}
        return tokens.get(found.text, found.text), found.reason

    def verdict(self, read_as: str, truth: str) -> str:
        """``"right"``, ``"refused"`` or ``"misread"``; the first is right for what cannot be measured."""
        is_refused = read_question(read_as).topic in REFUSED
        if truth == "-":
            return "right" if is_refused else "misread"
        if is_refused:
            return "refused"
        mine, meant = (_in_colours(each, truth) for each in (read_as, truth))
        if "law" in (topics := [read_question(each).topic for each in (mine, meant)]):
            return "right" if topics[0] == topics[1] else "misread"
        pairs = [(self.outcome(k, mine), self.outcome(k, meant)) for k in range(len(self.facts))]
        answered = [pair for pair in pairs if pair[1][0]] or pairs
        if all(one == other for one, other in answered):
            return "right"
        return "misread" if any(one[0] for one, _ in answered) else "refused"


def _in_colours(text: str, truth: str) -> str:
    """A question with the colours of the true form made those of the films."""
    named = list(dict.fromkeys(word for word in truth.split() if word in COLOURS))[: len(SHOWN)]
    new = dict(zip(named, SHOWN, strict=False))
    return re.sub(r"[a-z]+", lambda found: new.get(found.group(), found.group()), text.lower())


def by_rules(text: str) -> tuple[str, float]:
    """The question as it is."""
    return ("", 0.0) if read_question(text).topic in REFUSED else (text, 1.0)


def by_model(model: Model) -> Reader:
    """As the model reads it."""

    def read(text: str) -> tuple[str, float]:
        reading = read_freely(model, text)
        if reading is None:
            return "", 0.0
        return ("", reading.probability) if reading.text == UNMEASURED else (reading.sentence, reading.probability)

    return read


def by_both(first: Reader, second: Reader) -> Reader:
    """As the first reads it, and as the second where the first does not; what cannot be measured is left so."""

    def read(text: str) -> tuple[str, float]:
        return first(text) if read_question(text).topic else second(text)

    return read


def as_shipped(model: Model) -> Reader:
    """As ``motionlaw ask`` understands it."""

    def read(text: str) -> tuple[str, float]:
        question, told = understood(text, (), model)
        return ("", 0.0) if question.topic in REFUSED else (told or text, 1.0)

    return read


def by_nearest() -> Reader:
    """As the nearest of the model's own training questions is meant."""
    rows = [make_reading(SEED, number) for number in range(KNOWN)]
    counts = Counter(word for row in rows for word in set(_masked(row.words)))
    columns = {word: number for number, word in enumerate(counts)}
    weights = {word: np.log(KNOWN / count) for word, count in counts.items()}

    def vectors(texts: list[str]) -> csr_matrix:
        made = []
        for text in texts:
            bag = {columns[word]: weights[word] for word in _masked(text) if word in columns}
            size = np.sqrt(sum(value**2 for value in bag.values())) or 1.0
            made.append({column: value / size for column, value in bag.items()})
        ends = np.cumsum([0, *map(len, made)])
        data = [value for bag in made for value in bag.values()]
        return csr_matrix((data, [k for bag in made for k in bag], ends), shape=(len(texts), len(columns)))

    known = vectors([row.words for row in rows])
    meant = [_form_of(row.reading) for row in rows]

    def read(text: str) -> tuple[str, float]:
        alike = (known @ vectors([plain_words(text)]).T).toarray()[:, 0]
        best = int(np.argmax(alike))
        if not meant[best]:
            return "", float(alike[best])
        named = [f"the {each.name}" for each in read_question(text).things if each.colour or each.size or each.place]
        wanted = 2 if "{b}" in meant[best] else 1
        things = () if len(named) < wanted else tuple(named[:wanted])
        return fill(meant[best], things).replace("{s}", "things"), float(alike[best])

    return read


def _masked(text: str) -> list[str]:
    return ["colour" if word in COLOURS else word for word in text.split()]


@cache
def _form_of(reading: str) -> str:
    """The form of a reading without its tail; ``""`` for what is not measured."""
    if reading == UNMEASURED:
        return ""
    for form in forms():
        for text in (form, fill(form)):
            body = re.sub(r"\\\{[abs]\\\}", ".+?", re.escape(text))
            if re.match(rf"{body}(?: (?:after|before|between|at the|relative)\b.*)?$", reading):
                return form
    return ""


def tally(reader: Reader, asked: list[tuple[str, str]], judge: Judge, least: float) -> tuple[Counter[str], list[str]]:
    """Counts of the verdicts, and the misread questions with their readings."""
    counts: Counter[str] = Counter()
    wrong = []
    for text, truth in asked:
        read_as, sure = reader(text)
        verdict = judge.verdict(read_as if sure >= least else "", truth)
        counts[verdict] += 1
        if verdict == "misread":
            wrong.append(f"{text} | {read_as} ({sure:.2f}) | {truth}")
    return counts, wrong


def best_least(reader: Reader, asked: list[tuple[str, str]], judge: Judge) -> float:
    """The least sureness at which right ones less two for each misread one are most."""
    found = {least: tally(reader, asked, judge, least)[0] for least in np.round(np.arange(0.0, 1.0, 0.05), 2).tolist()}
    return max(found, key=lambda least: (found[least]["right"] - 2 * found[least]["misread"], least))


def main() -> None:
    """Reads and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("dev", "held"), default="held")
    parser.add_argument(
        "--model", default=EMBEDDED, help="embedded, or the folder of a checkpoint of the form readings"
    )
    parser.add_argument(
        "--choose", action="store_true", help="choose the least probability on the part dev, and print it"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = choose_model(options.model, talks=False, embedded=READER)
    if model is None:
        raise UserError("Name a model that reads questions, or leave --model out.")
    mine, nearest = cache(by_model(model)), cache(by_nearest())
    asked = questions(options.part)
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder))
        least = best_least(by_both(by_rules, mine), questions("dev"), judge) if options.choose else LEAST
        near = best_least(by_both(by_rules, nearest), questions("dev"), judge)
        ways: dict[str, tuple[Reader, float]] = {
            "rules": (by_rules, 0.5),
            "rules, then the model": (by_both(by_rules, mine), least),
            "as shipped": (as_shipped(model), 0.5),
            "the model alone": (mine, least),
            "rules, then the nearest known": (by_both(by_rules, nearest), near),
            "the nearest known alone": (nearest, near),
        }  # fmt: skip
        told = {name: tally(reader, asked, judge, bound) for name, (reader, bound) in ways.items()}
    if options.json:
        print(json.dumps({"part": options.part, "questions": len(asked), "least": least,
                          "ways": {name: dict(counts) for name, (counts, _) in told.items()}}))  # fmt: skip
        return
    print(f"{len(asked)} questions, least probability {least:g}, least likeness of the nearest {near:g}\n")
    print("| read by | right | refused | misread |\n| --- | --- | --- | --- |")
    for name, (counts, _) in told.items():
        print(f"| {name} | {counts['right']} | {counts['refused']} | {counts['misread']} |")
    if options.part == "dev":
        for name, (_, wrong) in told.items():
            print("", f"misread, {name}:", *wrong, sep="\n")


if __name__ == "__main__":
    main()
