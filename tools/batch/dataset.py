"""Datasets on disk, gone through a piece at a time: parquet files, and the arrow streams that `datasets` saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DATASET_SUFFIXES = (".parquet", ".arrow")
# What lies beside datasets and is none.
RECORDS = ("dataset_info.json", "dataset_dict.json", "state.json", "manifest.json", "config.json")
# The column of a dataset that tells one trajectory from the next.
TRAJECTORY = "trajectory"
# Rows of a dataset held in memory at a time.
ROWS_AT_A_TIME = 65_536


def kind_of(path: Path) -> str:
    """Says how a dataset holds trajectories.

    Returns:
        ``"nested"`` where every row is one, ``"long"`` where a column `TRAJECTORY` tells them apart, ``""`` for what is
        no dataset, or cannot be read.
    """
    if path.suffix.lower() not in DATASET_SUFFIXES:
        return ""
    import pyarrow as pa

    try:
        schema = schema_of(path)
    except (OSError, pa.ArrowException):
        return ""
    if series_in(schema):
        return "nested"
    return "long" if TRAJECTORY in schema.names else ""


def schema_of(path: Path) -> pa.Schema:
    """Returns the columns of a dataset."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".parquet":
        return pq.read_schema(path)
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_stream(file).schema


def series_in(schema: pa.Schema) -> list[str]:
    """Names the columns that hold a series of numbers in every row."""
    import pyarrow as pa

    def is_series(kind: Any) -> bool:
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        return is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))

    return [one.name for one in schema if is_series(one.type)]


def pieces_of(path: Path, *, rows: int = ROWS_AT_A_TIME, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Goes through a dataset, at most so many rows at a time.

    Args:
        path: The file.
        rows: Most rows of a piece.
        columns: Those wanted; all if not given.

    Yields:
        Record batches.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".parquet":
        yield from pq.ParquetFile(path).iter_batches(rows, columns=columns)
        return
    with pa.memory_map(str(path)) as file:
        for batch in pa.ipc.open_stream(file):
            wanted = batch if columns is None else batch.select(list(columns))
            for start in range(0, wanted.num_rows, rows):
                yield wanted.slice(start, rows)


def trajectories_in(path: Path, kind: str) -> int:
    """Counts the trajectories of a dataset, reading no more of it than that takes."""
    total, last = 0, None
    for piece in pieces_of(path, columns=[TRAJECTORY]) if kind == "long" else ():
        keys = piece.column(0).to_pandas()
        total += int((keys != keys.shift()).sum()) - int(keys.iloc[0] == last)
        last = keys.iloc[-1]
    if kind == "nested":
        first = schema_of(path).names[:1]
        total = sum(piece.num_rows for piece in pieces_of(path, columns=first))
    return total
