"""What there is to do: every recording that paths, folders, patterns and datasets name, one `Task` each.

Tasks are made one after the other, so that a dataset larger than memory can be gone through. A task knows a recording
by its content: two equal files are one piece of work, whatever they are called.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any

import pandas as pd

from motionlaw.tools.batch.dataset import (
    DATASET_SUFFIXES,
    RECORDS,
    TRAJECTORY,
    kind_of,
    pieces_of,
    schema_of,
    series_in,
    trajectories_in,
)
from motionlaw.tools.errors import UserError
from motionlaw.tools.table_files import TABLE_SUFFIXES

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv")
# Columns that name a row which holds a whole trajectory, the first that is there.
NAMES = ("name", "id", "trajectory", "index")


@dataclass(frozen=True)
class Task:
    """One recording whose law is sought.

    Args:
        name: What to call it: the path, and the trajectory in a dataset.
        path: The file.
        digest: SHA-256 of its content, hexadecimal.
        frame: Its rows where they are a part of a dataset; ``None`` for a file of its own.
        metadata: Numbers that came beside the trajectory, by name.
    """

    name: str
    path: str
    digest: str
    frame: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    metadata: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A file that holds recordings.

    Args:
        path: The file.
        rows: Kind of a dataset: ``"long"`` has a row for every instant, ``"nested"`` one for every trajectory;
            ``""`` for a file that is one recording.
    """

    path: Path
    rows: str = ""


def find_sources(paths: Sequence[str | Path]) -> list[Source]:
    """Finds the files that hold recordings.

    Args:
        paths: Tables, videos, folders (searched to the bottom), patterns such as ``runs/*.csv``, datasets (parquet,
            or what `datasets` saves, with a column ``trajectory`` or with a trajectory in every row), or ``-`` to read
            paths from standard input.

    Returns:
        The files, each once, in the order given; those of a folder by name.

    Raises:
        UserError: A path does not exist, or nothing can be read there.
    """
    given = [line for path in paths for line in (_piped() if str(path) == "-" else [str(path)])]
    if not given:
        raise UserError("No input was given. Name files, a folder or a pattern, e.g. motionlaw batch runs/.")
    found: dict[Path, None] = {}
    for text in given:
        found |= dict.fromkeys(_files(text))
    return [Source(path, kind_of(path)) for path in found]


def _piped() -> list[str]:
    return [line.rstrip("\n") for line in sys.stdin if line.strip()]


def _files(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        hidden = [part for part in path.rglob("*") if _is_recording(part)]
        files = sorted(
            part for part in hidden if not any(name.startswith(".") for name in part.relative_to(path).parts)
        )
        if not files:
            raise UserError(f"The folder '{text}' holds no table and no video. Name another, or a pattern.")
        return files
    if path.is_file():
        return [path]
    if path.exists():  # a pipe can be read once, and a recording is: for its digest, and for its law
        raise UserError(f"'{text}' is neither a file nor a folder. Save it as a file first.")
    files = sorted(Path(name) for name in glob(text, recursive=True) if Path(name).is_file())
    if not files:
        raise UserError(f"No file '{text}'. Check the path; it is read relative to the current folder.")
    return files


def _is_recording(path: Path) -> bool:
    suffixes = (*TABLE_SUFFIXES, *VIDEO_SUFFIXES, *DATASET_SUFFIXES)
    return path.suffix.lower() in suffixes and path.name not in RECORDS and path.is_file()


def count_tasks(sources: Sequence[Source]) -> int:
    """Counts what there is to do, reading no more of a dataset than it takes."""
    return sum(trajectories_in(source.path, source.rows) if source.rows else 1 for source in sources)


def make_tasks(sources: Sequence[Source]) -> Iterator[Task]:
    """Makes the tasks, one after the other.

    Args:
        sources: Where the recordings are.

    Yields:
        A task for every file, or every trajectory of a dataset, in order.

    Raises:
        UserError: The rows of a trajectory do not lie together.
    """
    for source in sources:
        if source.rows == "nested":
            yield from _rows_of(source.path)
        elif source.rows == "long":
            yield from _stretches_of(source.path)
        else:
            yield Task(str(source.path), str(source.path), _digest_of_file(source.path))


def _digest_of_file(path: Path) -> str:
    """The content's digest; the ending belongs to it, since it says how the content is read."""
    digest = hashlib.sha256(path.suffix.lower().encode())
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:  # the task fails for the same reason when it is done
        digest.update(f"unreadable {path} {error.strerror}".encode())
    return digest.hexdigest()


def _digest_of_frame(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256("\0".join(map(str, frame.columns)).encode())
    for name in frame.columns:
        values = frame[name].to_numpy()
        digest.update(values.tobytes() if values.dtype != object else "\0".join(map(str, values)).encode())
    return digest.hexdigest()


def _task(path: Path, key: Any, frame: pd.DataFrame, metadata: Mapping[str, float]) -> Task:
    return Task(f"{path} {key}", str(path), _digest_of_frame(frame), frame, metadata)


def _rows_of(path: Path) -> Iterator[Task]:
    """The trajectories of a dataset that has one in every row, with the numbers beside them."""
    import pyarrow as pa

    schema = schema_of(path)
    series = series_in(schema)
    plain = [one.name for one in schema if pa.types.is_floating(one.type) or pa.types.is_integer(one.type)]
    title = next((name for name in NAMES if name in schema.names and name not in series), None)
    wanted = [*series, *plain, *([title] if title and title not in plain else [])]
    number = 0
    for batch in pieces_of(path, rows=1024, columns=wanted):
        lists = [(name, batch.column(name)) for name in series]
        beside = batch.select([name for name in wanted if name not in series]).to_pylist()
        for place, row in enumerate(beside):
            given = {name: column[place] for name, column in lists}
            columns = {name: of.values.to_numpy(zero_copy_only=False) for name, of in given.items() if of.is_valid}
            longest = max((len(values) for values in columns.values()), default=0)
            frame = pd.DataFrame({name: values for name, values in columns.items() if len(values) == longest})
            numbers = {name: float(row[name]) for name in plain if row[name] is not None and name != title}
            yield _task(path, row[title] if title else number, frame, numbers)
            number += 1


def _stretches_of(path: Path) -> Iterator[Task]:
    """The trajectories of a dataset that has a row for every instant."""
    kept: list[pd.DataFrame] = []
    seen: set[Any] = set()
    for batch in pieces_of(path):
        rows = batch.to_pandas()
        for key, part in rows.groupby((rows[TRAJECTORY] != rows[TRAJECTORY].shift()).cumsum(), sort=False):
            del key
            if kept and kept[0][TRAJECTORY].iloc[0] != part[TRAJECTORY].iloc[0]:
                yield _stretch(path, kept, seen)
                kept = []
            kept.append(part)
    if kept:
        yield _stretch(path, kept, seen)


def _stretch(path: Path, parts: list[pd.DataFrame], seen: set[Any]) -> Task:
    frame = pd.concat(parts, ignore_index=True)
    key = frame[TRAJECTORY].iloc[0]
    if key in seen:
        raise UserError(
            f"The rows of trajectory {key} of {path.name} must lie together. Sort the table by {TRAJECTORY}."
        )
    seen.add(key)
    return _task(path, key, frame.drop(columns=TRAJECTORY), {})
