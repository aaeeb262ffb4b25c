"""What is done, on disk: shards of results that are only ever added, and the table that is made of them at the end.

Results are kept by the content of what they were found in, so equal recordings share one, and a batch that was killed,
or ran out of disk, goes on where it was. A shard appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import motionlaw
from motionlaw.tools.batch.tasks import Task
from motionlaw.tools.batch.work import Row
from motionlaw.tools.errors import UserError

# Results held back before a shard is written, and for how long at most.
ROWS_A_SHARD, SECONDS_A_SHARD = 256, 10.0
MANIFEST, FAILURES = "manifest.json", "failures"
_TERM = pa.struct(
    [("of", pa.string()), ("term", pa.string()), ("coefficient", pa.float64()), ("stderr", pa.float64()),
     ("unit", pa.string())]
)  # fmt: skip
_QUANTITY = pa.struct([("name", pa.string()), ("value", pa.float64()), ("stderr", pa.float64()), ("unit", pa.string())])
RESULT = [
    ("digest", pa.string()), ("status", pa.string()), ("reason", pa.string()), ("order", pa.int32()),
    ("law", pa.string()), ("structure", pa.string()), ("terms", pa.list_(_TERM)), ("quantities", pa.list_(_QUANTITY)),
    ("nmse_trajectory", pa.float64()), ("nmse_holdout", pa.float64()), ("noise_std", pa.float64()),
    ("rows", pa.int64()), ("warnings", pa.list_(pa.string())), ("seconds", pa.float64()), ("discovery", pa.string()),
]  # fmt: skip
PART = pa.schema([*RESULT, ("traceback", pa.string()), ("is_final", pa.bool_())])
TABLE = pa.schema(
    [("index", pa.int64()), ("name", pa.string()), ("path", pa.string()), ("same_as", pa.string()), *RESULT,
     ("metadata", pa.string()), ("version", pa.string())]
)  # fmt: skip
"""Columns of the table of laws."""


class Ledger:
    """The results of one batch.

    Args:
        out: The table that will be written; shards lie beside it, in ``OUT.parts``.
        config: The settings; a batch can go on only under the same.
        resume: Whether to go on with what is there.

    Raises:
        UserError: Results of another batch lie there, or it cannot be written.
    """

    def __init__(self, out: Path, config: Mapping[str, Any], *, resume: bool) -> None:
        self.out, self.folder = out, out.with_name(out.name + ".parts")
        self.config = json.loads(json.dumps({"version": motionlaw.__version__, **config}))
        self.pending: list[Row] = []
        self.written = time.monotonic()
        manifest = self.folder / MANIFEST
        if (manifest.exists() or out.exists()) and not resume:
            raise UserError(f"A batch lies in {str(out)!r} already. Go on with --resume, or give another --out.")
        try:
            (self.folder / FAILURES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"Cannot write into {str(self.folder)!r}: {error.strerror}.") from None
        if manifest.exists():
            self._check(json.loads(manifest.read_text(encoding="utf-8")))
        else:
            self._write_manifest({})
        for left in self.folder.glob("*.tmp"):
            left.unlink()
        self.last_part = max((int(part.stem.partition("-")[2]) for part in self._parts()), default=0)
        self.done = {digest for part in self._parts() for digest in _finals(part)}

    def _check(self, before: Mapping[str, Any]) -> None:
        different = sorted(key for key in self.config if before["config"].get(key) != self.config[key])
        if different:
            raise UserError(
                f"The batch in {str(self.out)!r} has other settings ({', '.join(different)}). Give another --out."
            )

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def add(self, task: Task, row: Row, *, is_final: bool = True) -> None:
        """Keeps a result; a shard is written when there are enough of them.

        Args:
            task: What was done.
            row: What came out; it may say itself that it is not final.
            is_final: ``False`` for what ought to be tried again, as the work was stopped from outside.
        """
        self.pending.append({"digest": task.digest, "is_final": is_final} | row)
        if row.get("traceback"):
            self._atomic(self.folder / FAILURES / f"{task.digest[:16]}.txt", f"{task.name}\n{row['traceback']}")
        if len(self.pending) >= ROWS_A_SHARD or time.monotonic() - self.written > SECONDS_A_SHARD:
            self.flush()

    def flush(self) -> None:
        """Writes what is held back as a shard.

        Raises:
            UserError: The disk is full, or cannot be written; what was written before stays.
        """
        self.written = time.monotonic()
        if not self.pending:
            return
        table = pa.Table.from_pylist(self.pending, PART)
        target = self.folder / f"part-{self.last_part + 1:06d}.parquet"
        spare = target.with_suffix(".tmp")
        with _kept_on_error(self.folder, spare):
            pq.write_table(table, spare)
            with spare.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(spare, target)
        self.last_part += 1
        self.done |= {row["digest"] for row in self.pending if row["is_final"]}
        self.pending = []

    def _atomic(self, path: Path, text: str) -> None:
        spare = path.with_suffix(".tmp")
        with _kept_on_error(path.parent, spare):
            spare.write_text(text, encoding="utf-8")
            os.replace(spare, path)

    def _write_manifest(self, more: Mapping[str, Any]) -> None:
        text = json.dumps({"schema": 1, "config": self.config, **more}, indent=1, sort_keys=True)
        self._atomic(self.folder / MANIFEST, text + "\n")

    def results(self) -> dict[str, tuple[Path, int]]:
        """Where the newest result of each content lies: its shard and row."""
        places: dict[str, tuple[Path, int]] = {}
        for part in self._parts():
            for number, digest in enumerate(pq.read_table(part, columns=["digest"])["digest"].to_pylist()):
                places[digest] = (part, number)
        return places

    def assemble(self, tasks: Iterable[Task]) -> int:
        """Writes the table of laws: one row for every task, in their order.

        Args:
            tasks: All tasks of the batch.

        Returns:
            The number of rows.
        """
        self.flush()
        places, first = self.results(), dict[str, str]()
        spare = self.out.with_name(self.out.name + ".tmp")
        count, digest = 0, hashlib.sha256()
        with _kept_on_error(self.out.parent, spare):
            with pq.ParquetWriter(spare, TABLE) as writer:
                for chunk in _chunks(enumerate(tasks), ROWS_A_SHARD):
                    writer.write_table(pa.Table.from_pylist([*_joined(chunk, places, first)], TABLE))
                    count += len(chunk)
            with spare.open("rb+") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
                os.fsync(file.fileno())
            os.replace(spare, self.out)
        shards = {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in self._parts()}
        self._write_manifest({"rows": count, "sha256": digest.hexdigest(), "shards": shards})
        return count


@contextmanager
def _kept_on_error(folder: Path, spare: Path) -> Iterator[None]:
    """Removes a half-written file, and turns a full disk or a forbidden folder into one sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"Cannot write into {str(folder)!r}: {error.strerror or error}. What was done is kept; make room and "
            "go on with --resume."
        ) from None
    finally:  # a whole file has its own name by now
        with suppress(OSError):
            spare.unlink(missing_ok=True)


def _finals(part: Path) -> list[str]:
    table = pq.read_table(part, columns=["digest", "is_final"])
    return [
        digest for digest, final in zip(*(table[name].to_pylist() for name in table.column_names), strict=True) if final
    ]


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _joined(
    chunk: list[tuple[int, Task]], places: Mapping[str, tuple[Path, int]], first: dict[str, str]
) -> Iterator[Row]:
    """The rows of some tasks, with the results read from as few shards as hold them."""
    shards: dict[Path, list[Row]] = {}
    for index, task in chunk:
        part, number = places[task.digest]
        if part not in shards:
            shards[part] = pq.read_table(part).to_pylist()
        result = shards[part][number]
        same_as = first.setdefault(task.digest, task.name)
        discovery = result["discovery"]
        if discovery:
            discovery = json.dumps(json.loads(discovery) | {"input": task.name}, allow_nan=False)
        yield result | {
            "index": index, "name": task.name, "path": task.path, "same_as": "" if same_as == task.name else same_as,
            "discovery": discovery, "metadata": json.dumps(dict(task.metadata)), "version": motionlaw.__version__,
        }  # fmt: skip
