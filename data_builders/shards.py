"""Rows on disk: parts as workers finish them, then one set of parquet shards a split.

A part holds the rows of a fixed run of sources, with their splits. Merging reads the parts in order and never holds
more than a row group of each split. The bytes depend on the rows alone. Every file is written beside its place and
moved there, so a file that has its name is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlaw.data_builders.builder import Builder, Row
from motionlaw.data_builders.splits import GROUP, PAIR, SOURCE, hashes, split_of

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "split"
# A row group ends with the first of the two, a shard with the third.
GROUP_ROWS, GROUP_BYTES, SHARD_BYTES = 200, 32_000_000, 400_000_000


@dataclass(frozen=True)
class Shard:
    """A file of a data set.

    Args:
        file: Its path below the data set's folder.
        split: Its split.
        rows: Number of rows.
        bytes: Size of the file.
        sha256: Hash of the file.
    """

    file: str
    split: str
    rows: int
    bytes: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return asdict(self)


def full_schema(builder: Builder) -> pa.Schema:
    """The builder's columns and those of every data set, with what tells `datasets` which of them are images."""
    import pyarrow as pa

    schema = builder.schema
    for name in (GROUP, SOURCE, PAIR):
        schema = schema.append(pa.field(name, pa.string()))
    features = {each.name: _feature(each) for each in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(field: pa.Field) -> dict[str, Any]:
    """A column as `datasets` describes it: {"dtype": "float64", "_type": "Value"}, {"_type": "Image"} ..."""
    import pyarrow as pa

    media = (field.metadata or {}).get(b"feature")
    if media:
        return {"_type": media.decode()}
    if pa.types.is_list(field.type):
        return {"feature": _feature(field.type.value_field), "_type": "List"}
    if pa.types.is_struct(field.type):
        return {each.name: _feature(each) for each in field.type}
    names = {"double": "float64", "float": "float32"}
    return {"dtype": names.get(str(field.type), str(field.type)), "_type": "Value"}


def write_part(builder: Builder, rows: Iterable[Row], path: Path) -> None:
    """Writes rows with their splits and hashes into one file."""
    import pyarrow as pa

    complete = [row | hashes(builder, row) | {SPLIT: split_of(builder, row)} for row in rows]
    schema = full_schema(builder).append(pa.field(SPLIT, pa.string()))
    table = pa.Table.from_pylist(complete, schema=schema)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _writer(beside, schema) as writer:
        writer.write_table(table)
    os.replace(beside, path)


def _writer(path: Path, schema: pa.Schema) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True)


class _SplitWriter:
    """Collects the rows of one split into row groups and shards."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self.folder, self.split, self.schema = folder, split, schema
        self.files: list[tuple[Path, int]] = []
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._writer: Any = None
        self._written = 0

    def add(self, table: pa.Table) -> None:
        # Row by row, so that where a group ends does not depend on how rows came in.
        for k in range(table.num_rows):
            self._waiting.append(table.slice(k, 1))
            self._waiting_bytes += self._waiting[-1].nbytes
            if len(self._waiting) >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        group = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._waiting_bytes = [], 0
        if self._writer is None:
            path = self.folder / f"{self.split}-{len(self.files):05d}"
            self._writer, self._written = _writer(path, self.schema), 0
            self.files.append((path, 0))
        self._writer.write_table(group)
        self._written += group.nbytes
        path, rows = self.files[-1]
        self.files[-1] = (path, rows + group.num_rows)
        if self._written >= SHARD_BYTES:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        if self._waiting:
            self._flush()
        self._end_shard()


def merge(builder: Builder, parts: Iterable[Path], scratch: Path, folder: Path) -> list[Shard]:
    """Merges parts into shards ``data/SPLIT-00000-of-00002.parquet``.

    Args:
        builder: Whose rows they are.
        parts: Files of `write_part`, in order.
        scratch: A folder for unfinished shards, on the same disk.
        folder: The data set's.
    """
    import pyarrow.parquet as pq

    schema = full_schema(builder)
    scratch.mkdir(exist_ok=True)
    writers: dict[str, _SplitWriter] = {}
    for part in parts:
        table = pq.read_table(part)
        splits = table.column(SPLIT).to_pylist()
        table = table.select(schema.names).cast(schema)
        for split in dict.fromkeys(splits):
            if split not in writers:
                writers[split] = _SplitWriter(scratch, split, schema)
            writers[split].add(table.take([k for k, each in enumerate(splits) if each == split]))
    shards = []
    (folder / "data").mkdir(exist_ok=True)
    for split, writer in sorted(writers.items()):
        writer.close()
        for number, (path, rows) in enumerate(writer.files):
            file = f"data/{split}-{number:05d}-of-{len(writer.files):05d}.parquet"
            os.replace(path, folder / file)
            shards.append(Shard(file, split, rows, (folder / file).stat().st_size, file_hash(folder / file)))
    return shards


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
