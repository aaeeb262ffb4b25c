"""Runs a batch: finds what there is to do, does what is not done yet, shows how it goes, and writes the table of laws.

    motionlaw batch runs/ --out laws.parquet --workers 4

Stopped by Ctrl-C or killed, it goes on with ``--resume``. Leaves out laws across runs (`across`) and the page (`page`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from motionlaw.tools.batch.ledger import Ledger
from motionlaw.tools.batch.tasks import Source, Task, count_tasks, find_sources, make_tasks
from motionlaw.tools.batch.work import Job
from motionlaw.tools.batch.workers import Done, work_locally
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.errors import UserError
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class BatchSettings:
    """How to go through many recordings.

    Args:
        search: How each law is sought.
        reading: How each recording is read, see `read_inputs`.
        workers: Processes side by side; all processors if ``None``.
        engine: ``local`` or ``ray``.
        address: A running Ray cluster.
        propose: Asks a model for laws that compete; must be picklable. Who it asks belongs to ``model``.
        model: Whom ``propose`` asks, for the record.

    Raises:
        UserError: A value is out of its range.
    """

    search: DiscoverySettings = field(default_factory=DiscoverySettings)
    reading: Mapping[str, Any] = field(default_factory=dict)
    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    propose: Callable[[Inputs], Proposals] | None = None
    model: str = "none"

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UserError(f"engine must be {' or '.join(ENGINES)}, got {self.engine!r}.")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"workers must be at least 1, got {self.workers}.")
        if self.address is not None and self.engine != "ray":
            raise UserError("An address is of a Ray cluster. Add --engine ray, or leave --address out.")

    @property
    def processes(self) -> int:
        """Processes side by side."""
        return self.workers or len(
            os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        )


@dataclass(frozen=True)
class Progress:
    """How far a batch has come.

    Args:
        total: Recordings in all.
        counts: Recordings by status, those of earlier runs among them as ``"before"`` and equal ones as ``"same"``.
        seconds: Since this run began.
    """

    total: int
    counts: Mapping[str, int]
    seconds: float

    @property
    def done(self) -> int:
        """Recordings that are through."""
        return sum(self.counts.values())

    @property
    def rate_per_s(self) -> float:
        """Recordings worked on in a second."""
        own = self.done - self.counts.get("before", 0) - self.counts.get("same", 0)
        return own / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until all are through, if the rest goes as fast; ``None`` before anything is done."""
        return (self.total - self.done) / self.rate_per_s if self.rate_per_s > 0 else None


def run_batch(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    settings: BatchSettings | None = None,
    resume: bool = False,
    leave_out: Sequence[str | Path] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Seeks the law of every recording and writes a table with one row for each.

    Args:
        paths: See `find_sources`.
        out: The table to write, ending in ``.parquet``.
        settings: How.
        resume: Go on with a batch that was stopped.
        leave_out: Files that are no recordings, a table of metadata among them.
        on_progress: Called whenever another recording is through.

    Returns:
        The table's path.

    Raises:
        UserError: A path, the settings or the place to write cannot be used.
    """
    settings, out = settings or BatchSettings(), Path(out)
    if out.suffix != ".parquet":
        raise UserError(f"out must end in .parquet, got {str(out)!r}.")
    barred = {Path(path).resolve() for path in leave_out} | {out.resolve()}
    sources = [source for source in find_sources(paths) if not _is_barred(source, barred, out)]
    if not sources:
        raise UserError("Nothing is left to do: all files named are metadata or output.")
    config = {"search": asdict(settings.search), "reading": _plain(settings.reading), "model": settings.model}
    ledger = Ledger(out, config, resume=resume)
    tally = _Tally(count_tasks(sources), on_progress)
    work = _engine(_new_tasks(sources, ledger, tally), settings)
    try:
        for task, row, is_final in work:
            ledger.add(task, row, is_final=is_final)
            tally.count(row["status"])
    finally:  # also after Ctrl-C: what is done is kept
        work.close()
        ledger.flush()
    ledger.assemble(make_tasks(sources))
    return out


def _is_barred(source: Source, barred: set[Path], out: Path) -> bool:
    parts = out.with_name(out.name + ".parts").resolve()
    path = source.path.resolve()
    return path in barred or parts in path.parents


def _plain(reading: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reading.items() if value not in (None, 0.0, [], "auto")}


def _engine(tasks: Iterator[Task], settings: BatchSettings) -> Generator[Done, None, None]:
    job = Job(settings.search, settings.reading, settings.propose)
    if settings.engine == "ray":
        from motionlaw.tools.batch.cluster import work_on_ray

        return work_on_ray(tasks, job, workers=settings.processes, address=settings.address)
    return work_locally(tasks, job, workers=settings.processes)


class _Tally:
    """Counts what is through and tells it."""

    def __init__(self, total: int, on_progress: Callable[[Progress], None] | None) -> None:
        self.total, self.on_progress = total, on_progress
        self.counts: Counter[str] = Counter()
        self.started = time.monotonic()

    def count(self, status: str) -> None:
        self.counts[status] += 1
        if self.on_progress is not None:
            self.on_progress(Progress(self.total, dict(self.counts), time.monotonic() - self.started))


def _new_tasks(sources: Sequence[Source], ledger: Ledger, tally: _Tally) -> Iterator[Task]:
    """The tasks whose content has no result yet, each content once."""
    begun: set[str] = set()
    for task in make_tasks(sources):
        if task.digest in begun:
            tally.count("same")
        elif task.digest in ledger.done:
            tally.count("before")
        else:
            begun.add(task.digest)
            yield task
