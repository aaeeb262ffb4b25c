"""Batches measured: throughput, memory, workers, Ray, faults, and laws across runs of real videos.

    OMP_NUM_THREADS=1 python benchmarks/batch.py cost --counts 100,1000   # against n, workers and Ray
    OMP_NUM_THREADS=1 python benchmarks/batch.py faults --rounds 20       # kill -9 at random moments
    OMP_NUM_THREADS=1 python benchmarks/batch.py videos                   # needs the recordings (MOTIONLAW_SHARED_DATA)

Each part prints a Markdown table; ``cost`` also writes docs/batch.png where ``--picture`` names it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from motionlaw.tools.batch.across import laws_across, read_laws, read_metadata
from motionlaw.tools.batch.run import BatchSettings, run_batch

ROWS = 500
KINDS = ("spring", "pendulum", "Duffing", "quadratic drag")


def make_dataset(path: Path, count: int, *, seed: int = 0) -> None:
    """Writes trajectories of four known laws with 0.1 % noise on the positions, one a row."""
    from scipy.integrate import solve_ivp

    t = np.linspace(0.0, 10.0, ROWS)
    rows = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        k, c, b, first = rng.uniform(1, 9), rng.uniform(0.02, 0.2), rng.uniform(0.1, 1), rng.uniform(0.5, 1.5)
        force = {
            "spring": lambda x, v, k=k, c=c: -k * x - c * v,
            "pendulum": lambda x, v, k=k, c=c: -k * np.sin(x) - c * v,
            "Duffing": lambda x, v, k=k, c=c, b=b: -k * x - b * x**3 - c * v,
            "quadratic drag": lambda x, v, k=k, c=c: -k * x - c * v * abs(v),
        }[KINDS[number % 4]]
        path_of = solve_ivp(lambda _, s, f=force: (s[1], f(*s)), (0, 10), (first, 0.0), t_eval=t, rtol=1e-9, atol=1e-10)
        x = path_of.y[0] + 1e-3 * np.std(path_of.y[0]) * rng.normal(size=ROWS)
        rows.append({"name": f"run{number:05d}", "kind": KINDS[number % 4], "k": k, "t": t.tolist(), "x": x.tolist()})
    pd.DataFrame(rows).to_parquet(path)


class Memory:
    """The highest resident memory of this process while it is watched, MB, at the start and at the end."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.is_over = threading.Event()

    def __enter__(self) -> Memory:
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.is_over.wait(0.5):
            self.seen.append(_resident_mb())

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()

    def told(self) -> str:
        """The memory in the first and the last fifth, which differ where memory grows."""
        if len(self.seen) < 5:
            return "–"
        fifth = max(1, len(self.seen) // 5)
        return f"{np.max(self.seen[:fifth]):.0f} → {np.max(self.seen[-fifth:]):.0f}"


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed(dataset: Path, out: Path, settings: BatchSettings) -> tuple[float, str]:
    """Wall seconds of a batch, and the memory of its driver."""
    with Memory() as memory:
        started = time.perf_counter()
        run_batch([dataset], out, settings=settings)
        seconds = time.perf_counter() - started
    return seconds, memory.told()


def cost(counts: list[int], picture: str | None) -> None:
    """Cost against n with one and two workers, and on Ray."""
    print(f"{ROWS} rows a trajectory, noise 0.1 %, laws of four kinds. Load before: {os.getloadavg()[0]:.1f}.\n")
    print("| trajectories | engine | workers | seconds | a second | efficiency | driver's MB | ok | right structure |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    seconds: dict[tuple[str, int], list[float]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            dataset = Path(folder) / "runs.parquet"
            make_dataset(dataset, count)
            for engine, workers in (("local", 1), ("local", 2), ("ray", 2)):
                out = Path(folder) / f"{engine}{workers}.parquet"
                took, memory = timed(dataset, out, BatchSettings(engine=engine, workers=workers))
                seconds.setdefault((engine, workers), []).append(took)
                one = seconds["local", 1][-1]
                laws = read_laws(out)
                told = f"{one / took / workers:.2f}"
                print(
                    f"| {count} | {engine} | {workers} | {took:.1f} | {count / took:.2f} | {told} | {memory} | "
                    f"{(laws['status'] == 'ok').sum()} | {right(laws):.1%} |",
                    flush=True,
                )
    if len(counts) > 1:
        exponent = np.polyfit(np.log(counts), np.log(seconds["local", 2]), 1)[0]
        each = seconds["local", 2][-1] * 2 / counts[-1]
        hours = each * 1e7 / 1000 / 3600
        print(f"\nSeconds grow as n^{exponent:.2f} with two workers. {each:.2f} core seconds each: 10⁷ trajectories on")
        print(f"1,000 such cores would take {hours:.1f} h, if none waits for files.")
    if picture:
        draw(counts, seconds, picture)


def right(laws: pd.DataFrame) -> float:
    """Share of the laws that have the structure they were made with."""
    known = {"spring": "v' = v + x", "pendulum": "v' = sin(x) + v", "Duffing": "v' = v + x + x**3"}
    known["quadratic drag"] = "v' = v*abs(v) + x"
    truth = [known[KINDS[int(name.rpartition("run")[2]) % 4]] for name in laws["name"]]
    same = [set(a[5:].split(" + ")) == set(b[5:].split(" + ")) for a, b in zip(laws["structure"], truth, strict=True)]
    return float(np.mean(same))


def draw(counts: list[int], seconds: dict[tuple[str, int], list[float]], path: str) -> None:
    """Draws seconds against trajectories."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(5, 3.4), layout="constrained")
    ax = fig.subplots()
    for (engine, workers), took in seconds.items():
        ax.loglog(counts, took, "o-", label=f"{engine}, {workers} workers", markersize=4)
    ax.set_xlabel("trajectories"), ax.set_ylabel("seconds"), ax.legend(frameon=False)
    fig.savefig(path, dpi=150)


def faults(rounds: int, count: int, seed: int, engine: str) -> None:
    """Kills the driver, a worker or a Ray process at random moments and compares the table with an undisturbed one."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_dataset(folder / "runs.parquet", count)
        _corrupt(folder, count)
        inputs = [str(folder / "runs.parquet"), str(folder / "bad")]
        run_batch(inputs, folder / "calm.parquet", settings=BatchSettings(workers=2))
        calm = _comparable(folder / "calm.parquet")
        corrupt = (calm["status"] == "failed").sum()
        print(f"{rounds} rounds of kill -9, {len(calm)} recordings ({corrupt} corrupt), {engine}.\n")
        print("| round | killed | times | rows | lost | twice | equal to the undisturbed table |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for number in range(rounds):
            out = folder / f"round{number}.parquet"
            killed = _disturbed(inputs, out, engine, rng)
            table = _comparable(out)
            lost = len(set(calm["name"]) - set(table["name"]))
            told = ", ".join(sorted(set(killed)))
            twice = int(table["name"].duplicated().sum())
            print(
                f"| {number} | {told} | {len(killed)} | {len(table)} | {lost} | {twice} | {table.equals(calm)} |",
                flush=True,
            )


def _corrupt(folder: Path, count: int) -> None:
    """Files that no reader can take, one for every twenty trajectories."""
    (folder / "bad").mkdir()
    for number in range(max(1, count // 20)):
        (folder / "bad" / f"bad{number}.csv").write_bytes(b"t,x\n0,1\n" + bytes(range(128, 255)) * (number + 1))


def _disturbed(inputs: list[str], out: Path, engine: str, rng: random.Random) -> list[str]:
    """Runs a batch to its end although one to three of its processes are killed on the way."""
    killed: list[str] = []
    plan = [rng.choice(["driver", "worker"]) for _ in range(rng.randint(1, 3))]
    for turn in range(len(plan) + 5):
        words = ["motionlaw", "batch", *inputs, "--out", str(out), "--workers", "2", "--engine", engine]
        words += ["--resume"] if turn else []
        with subprocess.Popen(
            [sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            while plan and process.poll() is None:
                time.sleep(rng.uniform(1.0, 5.0))
                victim = plan[0]
                if process.poll() is None and _killed(process.pid, victim, engine, rng):
                    killed.append(victim)
                    plan.pop(0)
                    if victim == "driver":
                        break
            _, said = process.communicate()
        if process.returncode == 0:
            return killed
        if process.returncode == 2:
            raise RuntimeError(said.decode())
    raise RuntimeError("The batch did not come to its end.")


def _killed(pid: int, victim: str, engine: str, rng: random.Random) -> bool:
    """Kills the driver, or one of the processes that work for it."""
    if victim == "driver":
        os.kill(pid, signal.SIGKILL)
        return True
    workers = [child for child in _below(pid) if engine == "local" or "ray::" in _title(child)]
    if not workers:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(rng.choice(workers), signal.SIGKILL)
        return True
    return False


def _below(pid: int) -> list[int]:
    """All processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, ring = [], {pid}
    while ring:
        ring = {child for child, parent in parents.items() if parent in ring}
        found += sorted(ring)
    return found


def _title(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _comparable(path: Path) -> pd.DataFrame:
    laws = pd.read_parquet(path).drop(columns=["seconds"])
    told = [json.dumps(json.loads(text) | {"seconds": 0}, sort_keys=True) if text else "" for text in laws["discovery"]]
    return laws.assign(discovery=told).astype(str)


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
    parser.add_argument("part", choices=["cost", "faults", "videos"], nargs="?", default="videos")
    parser.add_argument("--counts", default="100,1000")
    parser.add_argument("--picture")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--seed", type=int, default=0)
    shared = os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(shared))
    options = parser.parse_args()
    if options.part == "cost":
        cost([int(text) for text in options.counts.split(",")], options.picture)
    elif options.part == "faults":
        faults(options.rounds, options.count, options.seed, options.engine)
    elif options.data.is_dir():
        videos(options.data)
    else:
        print(f"No recordings in {options.data}: set MOTIONLAW_SHARED_DATA to their folder.")


if __name__ == "__main__":
    main()
