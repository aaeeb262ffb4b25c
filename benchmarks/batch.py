"""Batches measured: cost against n, workers, Ray, the batch without the search, and laws across runs of real videos.

    OMP_NUM_THREADS=1 python benchmarks/batch.py cost --counts 100,1000     # with the search; goes on where it was
    OMP_NUM_THREADS=1 python benchmarks/batch.py machinery --counts 100,1000,10000  # all but the search, and the page
    OMP_NUM_THREADS=1 python benchmarks/batch.py videos           # needs the recordings (MOTIONLAW_SHARED_DATA)

Each part prints a Markdown table. Costs are CPU seconds of the driver and of all processes below it, read from /proc
(so Linux only): on a machine that others use, wall time says little.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from batch_answers import instead_of_a_search
from batch_usage import Usage, by_fifths

from motionlaw.tools.batch.across import laws_across, read_laws, read_metadata
from motionlaw.tools.batch.cluster import work_on_ray
from motionlaw.tools.batch.page import write_batch_page
from motionlaw.tools.batch.run import BatchSettings, Progress, run_batch
from motionlaw.tools.batch.tasks import find_sources, make_tasks
from motionlaw.tools.batch.work import Job, do_task
from motionlaw.tools.batch.workers import work_locally
from motionlaw.tools.discovery import DiscoverySettings

ROWS, SECONDS = 500, 10.0
# Trajectories that are made at once, and Runge-Kutta steps from row to row: they err by less than 1e-7.
AT_ONCE, STEPS_A_ROW = 2000, 4
# Structures that the made trajectories have.
KINDS = {
    "spring": "v' = v + x", "pendulum": "v' = sin(x) + v", "Duffing": "v' = v + x + x**3",
    "quadratic drag": "v' = v*abs(v) + x",
}  # fmt: skip
NAMES = tuple(KINDS)
# On a busy machine a search must not be cut by its wall time.
PATIENT = DiscoverySettings(time_limit=3600.0)
# Pause between two lines of progress.
TELL_S = 60.0
# Fewer trajectories than this say little about how the cost grows: the start is a good part of it.
FEWEST = 100
# Numbers of trajectories at which the cost so far is noted.
NOTED = tuple(digit * 10**power for power in range(5) for digit in (1, 2, 5))


def make_dataset(path: Path, count: int, *, seed: int = 0) -> None:
    """Writes trajectories of four known laws with 0.1 % noise on the positions, one a row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    t = np.linspace(0.0, SECONDS, ROWS)
    spare = path.with_suffix(".tmp")
    writer = None
    for start in range(0, count, AT_ONCE):
        numbers = np.arange(start, min(start + AT_ONCE, count))
        k, x = made_trajectories(numbers, t, seed)
        columns = {
            "name": [f"run{number:05d}" for number in numbers], "kind": [NAMES[number % 4] for number in numbers],
            "k": k, "t": [t] * len(numbers), "x": list(x),
        }  # fmt: skip
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(spare, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    spare.replace(path)


def made_trajectories(numbers: np.ndarray, t: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Constants k, shape (N,), and noisy positions, shape (N, T), of trajectories: Runge-Kutta for all at once."""
    rngs = [np.random.default_rng([seed, number]) for number in numbers]
    k, c, b, first = np.array(
        [(r.uniform(1, 9), r.uniform(0.02, 0.2), r.uniform(0.1, 1), r.uniform(0.5, 1.5)) for r in rngs]
    ).T
    kind = numbers % 4
    linear, sine, cubic = k * (kind != 1), k * (kind == 1), b * (kind == 2)
    viscous, quadratic = c * (kind != 3), c * (kind == 3)

    def slope(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return -linear * x - sine * np.sin(x) - cubic * x**3 - (viscous + quadratic * np.abs(v)) * v

    h = (t[1] - t[0]) / STEPS_A_ROW
    x, v = first, np.zeros_like(first)
    path = [x]
    for _ in t[1:]:
        for _ in range(STEPS_A_ROW):
            a1 = slope(x, v)
            v2 = v + h / 2 * a1
            a2 = slope(x + h / 2 * v, v2)
            v3 = v + h / 2 * a2
            a3 = slope(x + h / 2 * v2, v3)
            v4 = v + h * a3
            a4 = slope(x + h * v3, v4)
            x = x + h / 6 * (v + 2 * v2 + 2 * v3 + v4)
            v = v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        path.append(x)
    clean = np.array(path).T
    noise = np.array([rng.normal(size=len(t)) for rng in rngs])
    return k, clean + 1e-3 * np.std(clean, axis=1, keepdims=True) * noise


def cost(counts: list[int], runs: list[str], picture: str | None, folder: Path) -> None:
    """Cost against n by engine and workers, with the search."""
    points: dict[str, list[tuple[int, float]]] = {run: [] for run in runs}
    print(f"{ROWS} rows a trajectory, noise 0.1 %, laws of four kinds. Load before: {os.getloadavg()[0]:.1f}.\n")
    print("| trajectories | engine | workers | CPU s each | driver, ms | wall s | driver's MB | worker's MB | ok "
          "| right structure |\n" + "| --- " * 10 + "|")  # fmt: skip
    for count in counts:
        dataset = made(folder, count)
        for run in runs:
            engine, _, workers = run.partition(":")
            out = folder / f"{count}-{engine}{workers}.parquet"
            with Usage() as usage:
                tell = Teller(usage)
                settings = BatchSettings(search=PATIENT, engine=engine, workers=int(workers))
                is_begun = out.with_name(out.name + ".parts").exists()
                run_batch([dataset], out, settings=settings, resume=is_begun, on_progress=tell)
            laws, own = read_laws(out), max(tell.own, 1)
            each, driver = (usage.driver_s + usage.below_s) / own, 1e3 * usage.driver_s / own
            print(
                f"| {own} | {engine} | {workers} | {each:.3f} | {driver:.1f} | {usage.wall_s:.0f} | "
                f"{by_fifths(usage.driver_mb)} | {by_fifths(usage.worker_mb)} | "
                f"{(laws['status'] == 'ok').sum()} | {right(laws):.1%} |",
                flush=True,
            )
            points[run] += [*tell.noted, (own, usage.driver_s + usage.below_s)]
    for run, some in points.items():
        print(f"\n{run}: {grown(some)}.")
    if picture:
        draw(points, picture)


def grown(points: list[tuple[int, float]]) -> str:
    """CPU seconds against trajectories, and the power of n that they grow as from a hundred on."""
    told = ", ".join(f"{number} in {seconds:.1f} CPU s" for number, seconds in points)
    numbers, seconds = np.array([point for point in points if point[0] >= FEWEST] or points[-1:]).T
    if len(set(numbers)) < 2:
        return told
    return f"{told}; as a power of n, n^{np.polyfit(np.log(numbers), np.log(seconds), 1)[0]:.3f}"


def made(folder: Path, count: int) -> Path:
    """The dataset of so many trajectories, made if it is not there."""
    dataset = folder / f"runs{count}.parquet"
    if not dataset.exists():
        make_dataset(dataset, count)
    return dataset


class Teller:
    """Says now and then on stderr how far a batch is and what it has cost, and counts what this run did itself."""

    def __init__(self, usage: Usage) -> None:
        self.usage, self.own, self.last = usage, 0, time.monotonic()
        self.noted: list[tuple[int, float]] = []

    def __call__(self, progress: Progress) -> None:
        self.own = progress.done - progress.counts.get("before", 0) - progress.counts.get("same", 0)
        usage = self.usage
        if self.own in NOTED and self.own not in dict(self.noted):
            self.noted.append((self.own, usage.below_s + usage.driver_so_far_s))
        if time.monotonic() - self.last < TELL_S or not self.own:
            return
        self.last = time.monotonic()
        each, driver = usage.below_s / self.own, 1e3 * usage.driver_so_far_s / self.own
        print(
            f"{progress.done}/{progress.total} {dict(progress.counts)}: {each:.3f} CPU s each, driver {driver:.1f} ms; "
            f"MB {by_fifths(usage.driver_mb)}, {by_fifths(usage.worker_mb)}",
            file=sys.stderr,
            flush=True,
        )


def right(laws: pd.DataFrame) -> float:
    """Share of the laws that have the structure they were made with."""
    truth = [KINDS[NAMES[int(name.rpartition("run")[2]) % 4]] for name in laws["name"]]
    same = [set(a[5:].split(" + ")) == set(b[5:].split(" + ")) for a, b in zip(laws["structure"], truth, strict=True)]
    return float(np.mean(same))


def machinery(counts: list[int], runs: list[str], picture: str | None, folder: Path) -> None:
    """Cost of all but the search against n: reading, hashing, processes, shards, the table, and then the page."""
    answers = folder / "answers.pickle"
    first = [task for _, task in zip(NAMES, make_tasks(find_sources([made(folder, min(counts))])), strict=False)]
    answers.write_bytes(pickle.dumps([do_task(Job(PATIENT), task) for task in first]))
    at_once = partial(instead_of_a_search, str(answers))
    print("| trajectories | engine | workers | CPU s | CPU ms each | driver, ms each | driver's MB | table, MB "
          "| laws across and page, CPU s | page, MB |\n" + "| --- " * 10 + "|")  # fmt: skip
    totals: dict[str, list[float]] = {run: [] for run in runs}
    for count, run in product(counts, runs):
        engine, _, workers = run.partition(":")
        out = folder / f"machinery{count}-{engine}{workers}.parquet"
        with (
            mock.patch("motionlaw.tools.batch.run.work_locally", partial(work_locally, work=at_once)),
            mock.patch("motionlaw.tools.batch.cluster.work_on_ray", partial(work_on_ray, work=at_once)),
            fresh(out),
            Usage() as usage,
        ):
            run_batch([made(folder, count)], out, settings=BatchSettings(engine=engine, workers=int(workers)))
        totals[run].append(usage.driver_s + usage.below_s)
        told = paged(out) if run == runs[0] else ("", "")
        print(
            f"| {count} | {engine} | {workers} | {totals[run][-1]:.1f} | {1e3 * totals[run][-1] / count:.2f} | "
            f"{1e3 * usage.driver_s / count:.2f} | {by_fifths(usage.driver_mb)} | "
            f"{out.stat().st_size / 1e6:.1f} | {told[0]} | {told[1]} |",
            flush=True,
        )
    for run, seconds in totals.items() if len(counts) > 1 else ():
        each, start = np.polyfit(counts, seconds, 1)
        exponent = np.polyfit(np.log(counts), np.log(seconds), 1)[0]
        print(f"\n{run}: {start:.1f} CPU s and {1e3 * each:.2f} ms a trajectory; as a power of n, n^{exponent:.2f}.")
    if picture:
        draw({run: list(zip(counts, seconds, strict=True)) for run, seconds in totals.items()}, picture)


def paged(out: Path) -> tuple[str, str]:
    """CPU seconds of the laws across runs and the page of a batch, and the page's MB."""
    began = time.process_time()
    laws = read_laws(out)
    metadata = read_metadata(laws, None)
    page = out.with_suffix(".html")
    write_batch_page(page, laws, metadata=metadata, across=laws_across(laws, metadata))
    return f"{time.process_time() - began:.1f}", f"{page.stat().st_size / 1e6:.2f}"


@contextlib.contextmanager
def fresh(out: Path) -> Iterator[None]:
    """Removes what an earlier run of the benchmark left."""
    import shutil

    shutil.rmtree(out.with_name(out.name + ".parts"), ignore_errors=True)
    out.unlink(missing_ok=True)
    yield


def draw(points: dict[str, list[tuple[int, float]]], path: str) -> None:
    """Draws CPU seconds against trajectories."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(5, 3.4), layout="constrained")
    ax = fig.subplots()
    for label, some in points.items():
        ax.loglog(*np.array(some).T, "o-", label=label, markersize=4)
    ax.set_xlabel("trajectories"), ax.set_ylabel("CPU seconds"), ax.legend(frameon=False)
    fig.savefig(path, dpi=150)


def videos(data: Path) -> None:
    """Laws across runs of real videos, from their pixels and a table of labels alone."""
    cases = (
        ("video_mass_spring", {}, ["mass_kg", "k_N_per_m"]),
        ("video_cart_newton2", {"scale": "828px=1m"}, ["hanging_mass_kg", "total_mass_kg"]),
    )
    print("| videos | constant | law across runs | outliers |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, reading, columns in cases:
            out = Path(folder) / f"{name}.parquet"
            run_batch(
                [data / name], out, settings=BatchSettings(reading=reading), leave_out=[data / name / "labels.csv"]
            )
            laws = read_laws(out)
            for one in laws_across(laws, read_metadata(laws, data / name / "labels.csv", columns)):
                law = next(iter(one.found.law.values()), "–")
                far = ", ".join(Path(laws["name"].iloc[run]).stem for run in one.outliers)
                print(f"| {name}, {len(one.constant.runs)} | {one.constant.name} | `{law}` | {far} |", flush=True)


def main() -> None:
    """Runs the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["cost", "machinery", "videos"], nargs="?", default="videos")
    parser.add_argument("--counts", default="100,1000")
    parser.add_argument("--runs", default="local:1,local:2,ray:2", help="engines and workers")
    parser.add_argument("--folder", type=Path, help="where runs are kept, so that they can go on")
    parser.add_argument("--picture")
    shared = os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(shared))
    options = parser.parse_args()
    counts = [int(text) for text in options.counts.split(",")]
    with tempfile.TemporaryDirectory() as spare:
        folder = options.folder or Path(spare)
        if options.part == "cost":
            cost(counts, options.runs.split(","), options.picture, folder)
        elif options.part == "machinery":
            machinery(counts, options.runs.split(","), options.picture, folder)
        elif options.data.is_dir():
            videos(options.data)
        else:
            print(f"No recordings in {options.data}: set MOTIONLAW_SHARED_DATA to their folder.")


if __name__ == "__main__":
    main()
