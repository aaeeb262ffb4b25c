"""How fast a table becomes a law: in Python, from the shell, and beside pysindy and pyoperon on the same rows; medians.

    OMP_NUM_THREADS=1 python benchmarks/speed.py [--repeat 3] [--only NAME] [--profile] [--no-peers] [--out FILE]

Tables of 1,000 rows with 1 % noise are made by simulation; the real air-track cart joins where the folder of
recordings is (MOTIONLAW_SHARED_DATA, default ``../shared/data``). Prints a Markdown table with date, commit and
number of cores, and the peak memory of a 200,000-row table. The speed of tracking is in ``tracking_speed.py``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from motionlaw.tools.discover import discover, read_inputs
from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.engines import preflight, regress
from motionlaw.tools.equation import canonical_terms, evaluate, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.frames import choose_coordinates
from motionlaw.tools.motion import smooth

PYTHON_GOAL_S, SHELL_GOAL_S = 2.0, 4.0
PEERS = ("sindy", "operon")
# Peers get the time ours took, but at least this long: most of it goes into starting their process.
LEAST_LIMIT_S = 4.0
# Terms that make up less than this share of the right-hand side are no part of a structure.
TRIFLE = 0.01
NOISE = 0.01


@dataclass(frozen=True)
class Table:
    """A table and the law behind it: the terms a recovered law has, and those it may have besides."""

    name: str
    path: Path
    terms: frozenset[str]
    optional: frozenset[str] = frozenset()

    def is_recovered(self, expression: sympy.Expr, values: dict[str, np.ndarray]) -> bool:
        """Whether an expression has exactly the law's terms; constants inside functions to one digit."""
        whole = np.sqrt(np.mean(evaluate(expression, values) ** 2))
        found = set()
        for term in sympy.Add.make_args(sympy.expand_mul(expression)):
            if np.sqrt(np.mean(evaluate(term, values) ** 2)) > TRIFLE * whole:
                found |= set(canonical_terms(term, digits=1))
        return found - self.optional == self.terms


@dataclass(frozen=True)
class World:
    """A law to be simulated: its acceleration, first state, length, and terms in canonical form."""

    name: str
    column: str
    acceleration: Callable[[float, float, float], float]
    first: tuple[float, float]
    seconds: float
    terms: frozenset[str]


WORLDS = (
    World("damped pendulum", "theta (rad)", lambda q, v, t: -9.81 / 0.8 * np.sin(q) - 0.12 * v, (1.4, 0.0), 14.0,
          frozenset({"v", "sin(theta)"})),
    World("Duffing", "x (m)", lambda q, v, t: -2.0 * q - 1.5 * q**3 - 0.1 * v, (1.5, 0.0), 20.0,
          frozenset({"x", "v", "x**3"})),
    World("van der Pol", "x (m)", lambda q, v, t: 1.2 * (1 - q**2) * v - q, (0.5, 0.0), 25.0,
          frozenset({"x", "v", "v*x**2"})),
    World("fall with quadratic drag", "y (m)", lambda q, v, t: -9.81 - 0.35 * v * abs(v), (20.0, 0.0), 3.0,
          frozenset({"1", "v*abs(v)"})),
    World("driven oscillator", "x (m)", lambda q, v, t: -4.0 * q - 0.3 * v + 2.0 * np.cos(3.0 * t), (1.0, 0.0), 20.0,
          frozenset({"x", "v", "sin(3*t + phase)"})),
)  # fmt: skip


def simulated(world: World, folder: Path, *, rows: int = 1000, periods: int = 1) -> Table:
    """Writes the table of a world; noise is a share of the standard deviation of the positions."""
    t = np.linspace(0.0, world.seconds * periods, rows)
    path = solve_ivp(lambda t, s: (s[1], world.acceleration(s[0], s[1], t)), (t[0], t[-1]), world.first,
                     t_eval=t, rtol=1e-9, atol=1e-10).y[0]  # fmt: skip
    noisy = path + NOISE * np.std(path) * np.random.default_rng(1).normal(size=rows)
    file = folder / f"{world.name.replace(' ', '_')}_{rows}.csv"
    np.savetxt(file, np.column_stack([t, noisy]), delimiter=",", header=f"t (s),{world.column}", comments="")
    return Table(world.name, file, world.terms)


def tables(folder: Path, data: Path) -> Iterator[Table]:
    """All tables."""
    for world in WORLDS:
        yield simulated(world, folder)
    cart = data / "schmidt_lipson_2009" / "real_linear_h_1.txt"
    if cart.is_file():
        yield Table("air-track cart (real)", cart, frozenset({"x", "v"}), frozenset({"1"}))


def median_seconds(job: Callable[[], object], repeat: int) -> float:
    """Median wall time of a job."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def from_shell(table: Table) -> None:
    """The command as a user types it, with the interpreter's start and all imports."""
    code = "import sys; from motionlaw.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "discover", str(table.path), "--json"], capture_output=True, text=True
    )
    if done.returncode == 2:
        raise RuntimeError(done.stderr)
    json.loads(done.stdout)


def smoothed(table: Table) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Inputs and target for a regression: states and time, and the smoothed acceleration of the same rows."""
    run = choose_coordinates(list(read_inputs([table.path]).trajectories))[0].trajectories[0]
    kinematics = smooth(run.t, run.position)
    X = np.column_stack([kinematics.position, kinematics.velocity, run.t])
    return X, kinematics.acceleration[:, 0], [*run.coordinates, *velocity_names(run.coordinates), "t"]


def peer_cells(engine: str, table: Table, ours: float) -> list[str]:
    """Seconds, ours over theirs, and whether the structure was recovered, for another engine."""
    try:
        preflight(engine)
    except UserError:
        return ["not installed", "–", "–"]
    X, y, names = smoothed(table)
    result = regress(engine, X, y, names, time_limit=max(LEAST_LIMIT_S, ours), seed=0)
    if result.expression is None:
        return [f"{result.seconds:.2f}", f"{ours / result.seconds:.2f}", result.status]
    found = table.is_recovered(parse(result.expression, variables=names), dict(zip(names, X.T, strict=True)))
    return [f"{result.seconds:.2f}", f"{ours / result.seconds:.2f}", "yes" if found else "no"]


def row(table: Table, options: argparse.Namespace) -> tuple[list[str], float, float]:
    """One line of the table, seconds in Python, seconds from the shell."""
    found = discover(table.path)  # imports what is imported late
    X, _, names = smoothed(table)
    values = dict(zip(names, X.T, strict=True))
    laws = [parse(formula, variables=names) for formula in found.law.values()]
    is_exact = len(laws) == 1 and set(found.state) <= set(names) and table.is_recovered(laws[0], values)
    ours = median_seconds(lambda: discover(table.path), options.repeat)
    shell = median_seconds(lambda: from_shell(table), options.shell) if options.shell else float("nan")
    law = "; ".join(f"{target}' = {formula}" for target, formula in found.law.items()) or found.status
    cells = [
        table.name,
        str(found.fit["rows"]),
        f"{ours:.2f}",
        f"{shell:.2f}",
        "yes" if is_exact else "no",
        f"`{law}` ({found.status})",
    ]
    for engine in () if options.no_peers else PEERS:
        cells += peer_cells(engine, table, ours)
    return cells, ours, shell


def long_table(folder: Path) -> str:
    """A sentence on the time and peak memory of a 200,000-row table, in a process of its own."""
    table = simulated(WORLDS[0], folder, rows=200_000, periods=4)
    # The peak of the process's own memory: what getrusage reports can be that of the process which started it.
    code = (
        "import resource, sys, time; from pathlib import Path; from motionlaw.tools.discover import discover;"
        "t = time.time(); found = discover(sys.argv[1]); seconds = time.time() - t; status = Path('/proc/self/status');"
        "lines = status.read_text().splitlines() if status.exists() else [];"
        "own = [int(line.split()[1]) for line in lines if line.startswith('VmHWM')];"
        "print(seconds, (own or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 2**20, found.status)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(table.path)], capture_output=True, text=True, check=True)
    seconds, memory, status = done.stdout.split()
    return (
        f"200,000-row table ({table.name}): {float(seconds):.2f} s, peak memory {float(memory):.2f} GB, law {status}."
    )


def origin() -> str:
    """Date, commit and machine, to stand beside the numbers."""
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True
    ).stdout.strip()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = sys.version.split()[0]
    return f"{datetime.date.today()}, commit {commit or 'unknown'}, {os.cpu_count()} cores{load}, Python {python}."


def profiled(table: Table) -> None:
    """Prints where the time of one discovery goes."""
    import cProfile
    import pstats

    discover(table.path)
    profile = cProfile.Profile()
    profile.runcall(discover, table.path)
    for order in ("cumulative", "tottime"):
        pstats.Stats(profile).sort_stats(order).print_stats("motionlaw|sympy|numpy|scipy", 30)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--shell", type=int, default=1, help="runs from the shell, 0 for none")
    parser.add_argument("--only", default="", help="tables whose name holds this text")
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args()
    data = Path(os.environ.get("MOTIONLAW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    heads = ["table", "rows", "in Python, s", "from the shell, s", "exact structure", "law"]
    heads += [
        head
        for engine in ([] if options.no_peers else PEERS)
        for head in (f"{engine}, s", f"ours / {engine}", f"{engine} exact")
    ]
    lines = [origin(), "", f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for table in tables(Path(folder), data):
            if options.only not in table.name:
                continue
            if options.profile:
                profiled(table)
                continue
            cells, ours, shell = row(table, options)
            seconds.append((ours, shell))
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
        if not seconds:
            return
        python, shell = (statistics.median(column) for column in zip(*seconds, strict=True))
        lines += [
            "",
            f"Median {python:.2f} s in Python (goal {PYTHON_GOAL_S:g} s), "
            f"{shell:.2f} s from the shell (goal {SHELL_GOAL_S:g} s).",
        ]
        print("\n".join(lines[-2:]))
        if not options.only:
            lines.append(long_table(Path(folder)))
            print(lines[-1])
    if options.out:
        options.out.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
