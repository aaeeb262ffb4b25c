"""Builds a data set: sources drawn by workers, parquet shards, a card and a manifest.

    motionlaw build physsymbol --n 5000 --seed 0 --out laws --workers 2

Each worker writes whole parts into ``DIR/.parts``; when all are there they become shards. A build that was killed goes
on with ``--resume``, to the same bytes. A data set is complete when its ``manifest.json`` is there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import motionlaw
from motionlaw.data_builders.builder import Builder, make_builder, resolve_settings
from motionlaw.data_builders.card import card
from motionlaw.data_builders.shards import merge, write_part
from motionlaw.data_builders.sources import find_videos
from motionlaw.tools.errors import UserError

PARTS, MANIFEST, CARD, CONFIG = ".parts", "manifest.json", "README.md", "config.json"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class BuildSettings:
    """What to build.

    Args:
        builder: Name of the builder.
        n: Number of sources.
        seed: The same seed gives the same bytes.
        settings: Some of the builder's own settings by name, as text or value; completed by its defaults.
    """

    builder: str
    n: int
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError(f"n must be at least 1, got {self.n}.")
        if self.seed < 0:
            raise UserError(f"seed must be at least 0, got {self.seed}.")
        words = {key: str(value) for key, value in self.settings.items()}
        object.__setattr__(self, "settings", resolve_settings(self.builder, words))

    @property
    def config(self) -> dict[str, Any]:
        """What decides the bytes."""
        return asdict(self) | {"version": motionlaw.__version__}

    @property
    def command(self) -> str:
        """The command that builds it."""
        usual = resolve_settings(self.builder, {})
        own = "".join(f" --set {name}={value}" for name, value in self.settings.items() if value != usual[name])
        return f"motionlaw build {self.builder} --n {self.n} --seed {self.seed}{own} --out DIR"


def build(settings: BuildSettings, folder: Path, *, workers: int = 1, resume: bool = False) -> dict[str, Any]:
    """Builds a data set into a folder.

    Args:
        settings: What to build.
        folder: Where; new or empty.
        workers: Processes, of one thread each; the bytes are the same for any number.
        resume: Go on with the build that lies there.

    Returns:
        The manifest.

    Raises:
        UserError: The settings, or the folder, cannot be used.
    """
    if workers < 1:
        raise UserError(f"workers must be at least 1, got {workers}.")
    builder = make_builder(settings.builder, settings.settings)
    try:
        _claim(folder, settings, resume=resume)
        if not (folder / MANIFEST).exists():
            parts = _make_parts(settings, folder / PARTS, workers, builder.sources_per_part)
            _finish(builder, settings, folder, parts)
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror or error}. Free space, or give another --out."
        ) from None
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _claim(folder: Path, settings: BuildSettings, *, resume: bool) -> None:
    """Makes the folder ours, or makes sure that what lies there is this build."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Give a folder, e.g. --out {folder}-data.")
    if folder.is_dir() and any(folder.iterdir()):
        if not resume:
            raise UserError(f"{folder} is not empty. Give a new folder with --out, or go on with --resume.")
        for path in (folder / MANIFEST, folder / PARTS / CONFIG):
            if path.exists():
                there = json.loads(path.read_text(encoding="utf-8"))["config"]
                if there != settings.config:
                    differing = [name for name, value in settings.config.items() if there.get(name) != value]
                    raise UserError(
                        f"{folder} holds another build: its {differing[0]} is {there.get(differing[0])!r}, not "
                        f"{settings.config[differing[0]]!r}. Give the same options, or a new folder with --out."
                    )
                return
        raise UserError(f"{folder} holds no build to resume. Give its folder, or a new one without --resume.")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    _write(folder / PARTS / CONFIG, {"config": settings.config})


def _write(path: Path, value: dict[str, Any] | str) -> None:
    text = value if isinstance(value, str) else json.dumps(value, indent=1) + "\n"
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _make_parts(settings: BuildSettings, folder: Path, workers: int, size: int) -> list[Path]:
    """Makes the parts that are not there yet, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    starts = range(0, settings.n, size)
    parts = {start: folder / f"{start // size:07d}.parquet" for start in starts}
    counts = {start: min(size, settings.n - start) for start in starts}
    left = [start for start in starts if not parts[start].exists()]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        done = settings.n - sum(counts[start] for start in left)
        task = progress.add_task(settings.builder, total=settings.n, completed=done)
        for start in _in_workers(settings, left, counts, parts, workers):
            progress.advance(task, counts[start])
    return list(parts.values())


def _in_workers(
    settings: BuildSettings, left: Sequence[int], counts: dict[int, int], parts: dict[int, Path], workers: int
) -> Any:
    """Yields the first source of each part as it is done."""
    if not left:
        return
    for name in THREADS:  # read by a library when it is first imported, which the workers do afresh
        os.environ[name] = "1"
    # Started afresh, not forked: a fork in a process with threads can hang.
    context = multiprocessing.get_context("spawn")
    arguments = (settings, os.getpid())
    pool = ProcessPoolExecutor(min(workers, len(left)), mp_context=context, initializer=_prepare, initargs=arguments)
    try:
        jobs = {pool.submit(_make_part, start, counts[start], parts[start]): start for start in left}
        for job in as_completed(jobs):
            job.result()
            yield jobs.pop(job)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: dict[str, Any] = {}


def _prepare(settings: BuildSettings, parent: int) -> None:
    """A worker's start: Ctrl-C is the parent's to hear, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _worker["builder"] = make_builder(settings.builder, settings.settings)
    _worker["seed"] = settings.seed


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _make_part(start: int, count: int, path: Path) -> None:
    builder: Builder = _worker["builder"]
    rows = (row for index in range(start, start + count) for row in builder.make(_worker["seed"], index))
    write_part(builder, rows, path)


def _finish(builder: Builder, settings: BuildSettings, folder: Path, parts: Sequence[Path]) -> None:
    """Merges the parts and writes the card, then the manifest, the sign of a complete data set."""
    print(f"Merging {len(parts)} parts", file=sys.stderr)
    shards = merge(builder, parts, folder / PARTS / "shards", folder)
    _write(folder / CARD, card(builder, settings.command, shards))
    rows = {split: sum(each.rows for each in shards if each.split == split) for split in {s.split for s in shards}}
    manifest = {
        "schema": 1,
        "config": settings.config,
        "rows": dict(sorted(rows.items())),
        "shards": [shard.to_dict() for shard in shards],
    }
    _write(folder / MANIFEST, manifest)


def build_command(
    name: str,
    *,
    n: int | None,
    videos: Sequence[str],
    seed: int,
    settings: Sequence[str],
    out: str,
    workers: int,
    resume: bool,
    as_json: bool,
) -> int:
    """Builds a data set and says what it is, and how many sources a minute were made.

    Args:
        name: Name of the builder.
        n: Number of sources; all of ``videos`` if not given.
        videos: Real videos, or folders of them, that the builder takes as its sources.
        seed: Seed.
        settings: The builder's own settings, ``NAME=VALUE``.
        out: The folder.
        workers: Processes.
        resume: Go on with the build that lies there.
        as_json: Print the manifest.

    Returns:
        0.

    Raises:
        UserError: An option or the folder cannot be used.
    """
    started = time.perf_counter()
    words = [each.partition("=") for each in settings]
    wrong = next((each for each, word in zip(settings, words, strict=True) if not (word[0] and word[1])), None)
    if wrong is not None:
        raise UserError(f"set must be NAME=VALUE, got '{wrong}'.")
    own = {key.strip(): value.strip() for key, _, value in words}
    if videos:
        own["videos"] = ",".join(videos)
        n = len(find_videos(own["videos"])) if n is None else n
    if n is None:
        raise UserError("n must be given: how many sources to make. Say e.g. --n 100, or name videos with --from.")
    manifest = build(BuildSettings(name, n, seed, own), Path(out), workers=workers, resume=resume)
    if as_json:
        print(json.dumps(manifest))
    else:
        size = sum(shard["bytes"] for shard in manifest["shards"])
        for split, rows in manifest["rows"].items():
            print(f"{split}: {rows} rows")
        print(f"{out}: {len(manifest['shards'])} shards, {size / 1e6:.1f} MB")
    seconds = time.perf_counter() - started
    rate = "" if resume else f", {60 * n / seconds:.1f} sources a minute"
    print(f"{seconds:.1f} s{rate}", file=sys.stderr)
    return 0
