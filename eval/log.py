"""One run, one JSONL file: a header with the resolved settings, then a line for every case as it is done.

Lines are written whole and flushed, so that a run that is stopped or killed can go on where it was.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import motionlaw
from motionlaw.tools.errors import UserError

FILE = "run.jsonl"
# What makes two rows of a run the same piece of work.
KEY = ("case", "solver", "noise", "noise_on", "fraction", "seed")
INFINITIES: dict[Any, float] = {"inf": math.inf, "-inf": -math.inf}
Row = dict[str, Any]


def commit() -> str:
    """The commit of the checkout this code runs from, ``""`` outside one; ``+`` marks uncommitted changes."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return ""
    try:
        done = [
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
            for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done[0].stdout.strip() + ("+" if done[1].stdout.strip() else "")


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What identifies a row within a run."""
    return tuple(row[name] for name in KEY)


def read_log(path: Path) -> tuple[Row, list[Row]]:
    """Reads a log: its header and its rows; a last line that was cut short is left out.

    Raises:
        UserError: There is no log, or it has no header.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"Cannot read the log {str(path)!r}: {error.strerror}.") from error
    entries = list(_entries(lines, path))
    if not entries or entries[0].get("kind") != "header":
        raise UserError(f"A log must start with a header, but {str(path)!r} does not.")
    return entries[0], entries[1:]


def _entries(lines: list[str], path: Path) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        try:
            yield _with_infinities(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise UserError(f"Line {number} of the log {str(path)!r} is no JSON.") from error


def _with_infinities(row: Row) -> Row:
    """Turns the texts that stand for what JSON cannot say back into numbers."""
    scores = {name: INFINITIES.get(value, value) for name, value in row.get("scores", {}).items()}
    return row | {"scores": scores} if scores else row


class Log:
    """A log open for writing.

    Args:
        folder: Where ``run.jsonl`` lies.
        header: Settings of the run.
        resume: Go on with the log that is there; its settings must be the same.

    Raises:
        UserError: A log is there and was not to be resumed, or it is of another run.
    """

    def __init__(self, folder: Path, header: Row, *, resume: bool) -> None:
        self.path = folder / FILE
        self.rows: list[Row] = []
        is_there = self.path.exists()
        if is_there and not resume:
            raise UserError(f"A run lies in {str(folder)!r} already. Go on with --resume, or give another --out.")
        if is_there:
            before, self.rows = read_log(self.path)
            different = sorted(k for k in header["config"] if header["config"][k] != before["config"].get(k))
            if different:
                raise UserError(
                    f"The run in {str(folder)!r} has other settings ({', '.join(different)}). Give another --out."
                )
            text = self.path.read_text(encoding="utf-8")
            if not text.endswith("\n"):  # cut short by a kill: the row is done again
                self.path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file: TextIO = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"Cannot write into {str(folder)!r}: {error.strerror}.") from error
        if not is_there:
            self._write({"kind": "header", "schema": 1, **header, "version": motionlaw.__version__, "commit": commit()})

    @property
    def done(self) -> set[tuple[Any, ...]]:
        """Keys of the rows that are there."""
        return {key_of(row) for row in self.rows}

    def add(self, row: Row) -> None:
        """Writes one row."""
        self.rows.append(row)
        self._write({"kind": "row", **row})

    def _write(self, entry: Row) -> None:
        self.file.write(json.dumps(without_infinities(entry), allow_nan=False, ensure_ascii=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        """Closes the file."""
        self.file.close()


def without_infinities(value: Any) -> Any:
    """Makes numbers that JSON cannot say into text (``"inf"``) and ``None``, however deep they lie."""
    if isinstance(value, dict):
        return {name: without_infinities(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_infinities(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
