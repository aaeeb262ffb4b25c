"""What a question of a benchmark is, whoever published it; and how its readers read files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionlaw.tools.errors import UserError

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Item:
    """A question about a video.

    Args:
        id: Unique in its benchmark.
        video: The file, or boxes in words (``.txt``); it need not be there until the question is asked.
        question: The text, without its options.
        options: Answers to choose from; empty for free questions.
        answer: A letter for options, else the words or the number; ``None`` where it is not published: never scored.
        scorer: One of `motionlaw.eval.qa.scores.SCORERS`.
        group: What error bars go by: the video.
        category: Kind of question.
        pair: Items of one pair count only together; ``""`` for items that stand alone.
        tolerance: How far a number may be off, for the scorer ``words``.
        context: What the model is told besides, e.g. a length in the scene.
        is_ours: Whether its wording is one of `motionlaw.data_builders.questions`.
    """

    id: str
    video: Path
    question: str
    answer: str | None
    scorer: str
    group: str
    options: tuple[str, ...] = ()
    category: str = ""
    pair: str = ""
    tolerance: float | None = None
    context: str = ""
    is_ours: bool = False

    @property
    def chance(self) -> float:
        """What guessing scores on average."""
        return 1 / len(self.options) if self.options else 0.5 if self.scorer == "yes_no" else 0.0


def read_json(path: Path) -> Any:
    """Reads JSON, or one JSON value a line.

    Raises:
        UserError: It is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} cannot be read as JSON: {error}. Download it again.") from None


def read_csv(path: Path) -> list[dict[str, str]]:
    """Reads a csv with a header; columns without a name are left out.

    Raises:
        UserError: It cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [{key: value or "" for key, value in row.items() if key is not None} for row in csv.DictReader(file)]
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} cannot be read as a table: {error}. Download it again.") from None


def need(value: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Makes sure that an entry has its keys.

    Raises:
        UserError: One is missing.
    """
    missing = [key for key in keys if key not in value]
    if missing:
        raise UserError(f"{where} must have {', '.join(missing)}; this is not the published format.")


def letter_of(answer: str, options: tuple[str, ...], where: str) -> str:
    """The letter of an answer that is given as its text.

    Raises:
        UserError: It is none of the options.
    """
    if answer not in options:
        raise UserError(f"{where} must have an answer among its options, got {answer!r}.")
    return LETTERS[options.index(answer)]


def found_video(folder: Path, name: str) -> Path:
    """Where a video of a benchmark lies: below its folder, under its name with or without .mp4; as named if nowhere."""
    plain = name.lstrip("/")
    for candidate in (plain, f"{plain}.mp4"):
        for parent in (folder, folder / "videos", folder / "video"):
            if (parent / candidate).is_file():
                return parent / candidate
    names = {Path(plain).name, f"{Path(plain).name}.mp4"}
    return next((path for path in sorted(folder.rglob("*.mp4")) if path.name in names), folder / plain)
