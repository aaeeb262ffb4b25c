"""Batches disturbed: kill -9 at random moments, a full disk, damaged inputs, and one recording that never answers.

    OMP_NUM_THREADS=1 python benchmarks/batch_faults.py kills --rounds 20             # the driver, workers, or both
    OMP_NUM_THREADS=1 python benchmarks/batch_faults.py kills --rounds 6 --engine ray # Ray's workers as well
    OMP_NUM_THREADS=1 python benchmarks/batch_faults.py disk                          # a small tmpfs: needs root
    OMP_NUM_THREADS=1 python benchmarks/batch_faults.py forever                       # a recording that never answers

Each part compares the table of laws with that of a batch which was let alone. The recordings are short, so that a round
is; moments are CPU seconds of all processes, so that a busy machine does not push all kills to the beginning.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from batch_usage import below

from motionlaw.tools.batch.run import BatchSettings, run_batch
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.errors import UserError
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs

# Rows of a recording, and how many recordings there are for one that swings; the others are noise, refused at once.
ROWS, SWINGS = 60, 4
# What a tmpfs is given first: a shard or two.
SMALL, LARGE = "64k", "16m"
# Seconds that a recording gets in the part `forever`.
READING_S = 60.0
# The first row of the recording that never answers.
LATE = 9.0
# On a busy machine a search must not be cut by its wall time.
PATIENT = DiscoverySettings(time_limit=3600.0)
# A driver that is forked has everything loaded.
FORK = multiprocessing.get_context("fork")


def make_inputs(folder: Path, count: int) -> list[str]:
    """Damped swings, white noise, and among them damaged files, one for every twenty and two at least."""
    folder.mkdir()
    for number in range(count):
        rng = np.random.default_rng(number)
        t = np.linspace(0.0, 6.0, ROWS)
        swing = np.cos(rng.uniform(1.5, 3.0) * t) * np.exp(-0.1 * t) if number % SWINGS == 0 else 0.0
        x = swing + 0.01 * rng.normal(size=ROWS)
        pd.DataFrame({"t": t, "x": x}).to_csv(folder / f"run{number:03d}.csv", index=False)
    for number in range(max(2, count // 20)):
        name, content = (
            (f"run{number:03d}bad.csv", b"t,x\n0,1\n" + bytes(range(128, 255)) * (number + 1)),
            (f"run{number:03d}bad.mp4", b"\0\0\0\x18ftypmp42" + bytes(number + 1)),
        )[number % 2]
        (folder / name).write_bytes(content)
    return [str(folder)]


def comparable(path: Path) -> pd.DataFrame:
    """A table of laws without the seconds, which differ from run to run."""
    laws = pd.read_parquet(path).drop(columns=["seconds"])
    told = [json.dumps(json.loads(text) | {"seconds": 0}, sort_keys=True) if text else "" for text in laws["discovery"]]
    return laws.assign(discovery=told).astype(str)


@dataclass(frozen=True)
class Place:
    """Where batches are disturbed.

    Args:
        engine: ``local`` or ``ray``.
        address: Of the Ray cluster, if there is one.
        pid: The process that the cluster's own are below.
    """

    engine: str
    address: str | None = None
    pid: int | None = None

    def workers(self, driver: int) -> list[int]:
        """The processes that work for a driver now."""
        return below(driver) if self.pid is None else [one for one in below(self.pid) if "ray::_do" in _title(one)]

    def spent(self, driver: int) -> float:
        """CPU seconds of a driver and of those that work for it now."""
        return sum(cpu_seconds(one) for one in (driver, *self.workers(driver)))


@contextlib.contextmanager
def place_of(engine: str) -> Iterator[Place]:
    """Starts a Ray cluster of two processors, if one is asked for, in a process of its own."""
    if engine == "local":
        yield Place(engine)
        return
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_cluster, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield Place(engine, ours.recv(), process.pid)
    finally:
        ours.send("over")
        process.join()


def _cluster(pipe: Connection) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    pipe.send(cluster.address)
    pipe.recv()
    cluster.shutdown()


def kills(rounds: int, count: int, seed: int, place: Place) -> None:
    """Kills the driver, workers, or both at random moments, and compares the tables with an undisturbed one."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = make_inputs(folder / "runs", count)
        calmly = started(inputs, folder / "calm.parquet", place, is_resumed=False)
        spent = 0.0
        while calmly.is_alive():
            spent = max(spent, place.spent(calmly.pid or 0))
            time.sleep(0.02)
        calm = comparable(folder / "calm.parquet")
        print(f"{rounds} rounds of kill -9, {place.engine}, {len(calm)} recordings "
              f"({calm['status'].value_counts().to_dict()}), {spent:.1f} CPU s undisturbed.\n")  # fmt: skip
        print(
            "| round | killed | starts | rows | lost | twice | equal to the undisturbed table |\n" + "| --- " * 7 + "|"
        )
        for number in range(rounds):
            out = folder / f"round{number}.parquet"
            killed, starts = disturbed(inputs, out, place, rng, spent)
            table = comparable(out)
            lost = len(set(calm["name"]) - set(table["name"]))
            told = ", ".join(f"{count} {victim}" for victim, count in sorted(Counter(killed).items()))
            twice = int(table["name"].duplicated().sum())
            print(
                f"| {number} | {told} | {starts} | {len(table)} | {lost} | {twice} | {table.equals(calm)} |", flush=True
            )
            if len(table) == len(calm):
                for row in np.flatnonzero((table.fillna("") != calm.fillna("")).any(axis=1)):
                    print(f"{table['name'][row]}: {table['status'][row]}, {table['reason'][row]}", file=sys.stderr)


def started(inputs: list[str], out: Path, place: Place, *, is_resumed: bool) -> BaseProcess:
    """The driver of a batch with two workers, in a process of its own; shards are small, so that there are many."""
    settings = BatchSettings(search=PATIENT, workers=2, engine=place.engine, address=place.address)
    process = FORK.Process(target=run_batch, args=(inputs, out), kwargs={"settings": settings, "resume": is_resumed})
    with mock.patch("motionlaw.tools.batch.ledger.ROWS_A_SHARD", 3):
        process.start()
    return process


def disturbed(inputs: list[str], out: Path, place: Place, rng: random.Random, spent: float) -> tuple[list[str], int]:
    """Runs a batch to its end although one to three of its processes are killed on the way."""
    killed: list[str] = []
    plan = [rng.choice(["driver", "worker"]) for _ in range(rng.randint(1, 3))]
    for turn in range(len(plan) + 5):
        process = started(inputs, out, place, is_resumed=turn > 0)
        assert process.pid is not None
        moments = sorted(rng.uniform(0.0, spent) for _ in plan)
        while moments and process.is_alive():
            time.sleep(0.01)
            if place.spent(process.pid) > moments[0] and _is_killed(process.pid, plan[0], place, rng):
                killed.append(plan.pop(0))
                moments.pop(0)
                if killed[-1] == "driver":
                    break
        process.join()
        if process.exitcode == 0:
            return killed, turn + 1
        if process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"The driver ended with status {process.exitcode}.")
    raise RuntimeError("The batch did not come to its end.")


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process."""
    with contextlib.suppress(OSError, IndexError):
        ticks = map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])
        return sum(ticks) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _is_killed(pid: int, victim: str, place: Place, rng: random.Random) -> bool:
    """Kills the driver, or one of the processes that work for it, if there is one by now."""
    victims = [pid] if victim == "driver" else place.workers(pid)
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(rng.choice(victims), signal.SIGKILL)
        return True
    return False


def _title(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def disk(count: int) -> None:
    """Lets a small tmpfs run full, makes room, and goes on."""
    with tempfile.TemporaryDirectory() as name:
        folder, place = Path(name), Path(name) / "small"
        place.mkdir()
        inputs = make_inputs(folder / "runs", count)
        started(inputs, folder / "calm.parquet", Place("local"), is_resumed=False).join()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)], check=True)
        try:
            out = place / "laws.parquet"
            with mock.patch("motionlaw.tools.batch.ledger.ROWS_A_SHARD", 3):
                try:
                    run_batch(inputs, out, settings=BatchSettings(search=PATIENT, workers=1))
                except UserError as error:
                    print(f"{SMALL}: {error}")
            kept = sum(len(pd.read_parquet(part)) for part in place.glob("laws.parquet.parts/part-*.parquet"))
            print(f"{kept} results kept, table written: {out.exists()}")
            subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(place)], check=True)
            run_batch(inputs, out, settings=BatchSettings(search=PATIENT, workers=1), resume=True)
            is_same = comparable(out).equals(comparable(folder / "calm.parquet"))
            print(f"{LARGE}, gone on: equal to the undisturbed table: {is_same}")
        finally:
            subprocess.run(["umount", str(place)], check=True)


def never_for_one(inputs: Inputs) -> Proposals:
    """Proposes nothing, and for the recording that starts at `LATE` it never comes back, whoever asks kindly."""
    if inputs.trajectories[0].position[0, 0] == LATE:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1.0)
    return Proposals((), (), "none")


def forever(count: int) -> None:
    """Runs a batch in which one recording never answers: it is killed, the others are done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = make_inputs(folder / "runs", count)
        run_batch(inputs, folder / "calm.parquet", settings=BatchSettings(search=PATIENT, workers=1))
        late = pd.read_csv(folder / "runs" / "run000.csv")
        late.loc[0, "x"] = LATE
        late.to_csv(folder / "runs" / "zlate.csv", index=False)
        settings = BatchSettings(search=DiscoverySettings(time_limit=60.0), propose=never_for_one, workers=2)
        with mock.patch("motionlaw.tools.batch.workers.READING_S", READING_S - 60.0):
            began = time.perf_counter()
            run_batch(inputs, folder / "laws.parquet", settings=settings)
        table, calm = comparable(folder / "laws.parquet"), comparable(folder / "calm.parquet")
        same = (table["law"].iloc[:-1].to_numpy() == calm["law"].to_numpy()).all()
        print(f"{time.perf_counter() - began:.0f} s. The late recording: {table['status'].iloc[-1]}, "
              f"{table['reason'].iloc[-1]} The other {len(calm)} as in the undisturbed table: {same}")  # fmt: skip


def main() -> None:
    """Runs the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kills", "disk", "forever"], nargs="?", default="kills")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.part == "kills":
        with place_of(options.engine) as place:
            kills(options.rounds, options.count, options.seed, place)
    elif options.part == "disk":
        disk(options.count)
    else:
        forever(options.count)


if __name__ == "__main__":
    main()
