"""Cost against rows, candidate terms and states: CPU seconds and memory, fitted exponents, a plot.

    python benchmarks/scale.py [--rows 1000,10000,100000,1000000] [--out FOLDER]

Each point is one search in a process of its own. Rows: a driven oscillator's a(t, x, v) through `find_formula` and x(t)
through `discover_law`. Candidates: the same rows with more and more variables. States: a chain of coupled decays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlaw.eval.log import commit
from motionlaw.eval.run import cpu_seconds
from motionlaw.tools.candidates import candidate_terms
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.limits import call_all
from motionlaw.tools.regression import find_formula, variables_of
from motionlaw.tools.trajectory import Trajectory

ROWS = (1_000, 10_000, 100_000, 1_000_000)
VARIABLES, STATES = (1, 2, 3, 4, 6), (1, 2, 3, 4)
FEW_ROWS = 2_000
NOISE = 0.01
LIMIT_S = 120.0


@dataclass(frozen=True)
class Point:
    """One measured search: what was varied, its size, CPU seconds, and memory beyond the start in megabytes."""

    series: str
    size: int
    cpu_s: float
    memory_mb: float


def oscillator(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A damped driven oscillator, exactly solved: x, v, t and the acceleration with 1 % noise."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 40, rows)
    rate = np.sqrt(4 - 0.05**2)
    x = 1.5 * np.exp(-0.05 * t) * np.cos(rate * t)
    v = np.exp(-0.05 * t) * 1.5 * (-0.05 * np.cos(rate * t) - rate * np.sin(rate * t))
    a = -4 * x - 0.1 * v
    return {"t": t, "x": x, "v": v}, a * (1 + NOISE * rng.normal(size=rows))


def formula_of_rows(rows: int) -> int:
    columns, y = oscillator(rows)
    find_formula(columns, y, kinds={"t": "time", "x": "coordinate", "v": "velocity"}, time_limit=LIMIT_S)
    return rows


def law_of_motion(rows: int) -> int:
    columns, _ = oscillator(rows)
    noisy = columns["x"] + NOISE * np.random.default_rng(0).normal(size=rows)
    run = Trajectory("run", columns["t"], ("x",), noisy[:, None])
    discover_law([run], settings=DiscoverySettings(order="2", time_limit=LIMIT_S))
    return rows


def formula_of_variables(count: int) -> int:
    """Returns the number of candidates that so many variables make."""
    rng = np.random.default_rng(0)
    columns = {f"u{k}": rng.uniform(-2, 2, FEW_ROWS) for k in range(count)}
    y = (-2 * columns["u0"] + 0.5 * columns["u0"] ** 3) * (1 + NOISE * rng.normal(size=FEW_ROWS))
    kinds = dict.fromkeys(columns, "coordinate")
    find_formula(columns, y, kinds=kinds, time_limit=LIMIT_S)
    inputs = np.array(list(columns.values()))
    return len(candidate_terms(variables_of(list(columns), kinds), list(columns), inputs).costs)


def law_of_states(count: int) -> int:
    """A chain in which each state decays into the next."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 300)
    rates = 0.5 + 0.4 * np.arange(count)
    matrix = np.diag(-rates) + np.diag(rates[:-1], -1)
    values, vectors = np.linalg.eig(matrix)
    start = np.linalg.solve(vectors, np.eye(count)[0] * 3 + 0.5)
    states = np.real((vectors * start) @ np.exp(np.outer(values, t))).T
    noisy = states + NOISE * states.std(axis=0) * rng.normal(size=states.shape)
    run = Trajectory("chain", t, tuple(f"x_{k}" for k in range(count)), noisy)
    discover_law([run], settings=DiscoverySettings(order="1", time_limit=LIMIT_S), has_velocity_meaning=False)
    return count


SERIES: dict[str, tuple[Callable[[int], int], tuple[int, ...], str]] = {
    "rows, formula": (formula_of_rows, ROWS, "rows of a(t, x, v)"),
    "rows, motion": (law_of_motion, ROWS, "rows of x(t)"),
    "candidates": (formula_of_variables, VARIABLES, f"candidate terms, {FEW_ROWS:,} rows"),
    "states": (law_of_states, STATES, "states, 300 rows"),
}


def measured(series: str, size: int) -> Point:
    """Runs one search, in its own process, and measures it."""
    import resource

    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, cpu_seconds()
    reached = SERIES[series][0](size)
    seconds = cpu_seconds() - started
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Point(series, reached, seconds, (most - before) / 1024)


def exponent(points: list[Point]) -> float:
    """Slope of log CPU seconds against log size."""
    sizes, seconds = np.log([p.size for p in points]), np.log([p.cpu_s for p in points])
    return float(np.polyfit(sizes, seconds, 1)[0])


def table(points: list[Point]) -> str:
    """Markdown: a line a series."""
    lines = ["| cost against | sizes | CPU s | memory, MB | exponent |", "| --- " * 5 + "|"]
    for series, (_, _, what) in SERIES.items():
        mine = sorted((p for p in points if p.series == series), key=lambda p: p.size)
        if len(mine) > 1:
            sizes, seconds = ", ".join(f"{p.size:,}" for p in mine), ", ".join(f"{p.cpu_s:.2f}" for p in mine)
            memory = ", ".join(f"{p.memory_mb:.0f}" for p in mine)
            lines.append(f"| {what} | {sizes} | {seconds} | {memory} | {exponent(mine):.2f} |")
    return "\n".join([*lines, "", f"One core, commit {commit()}."]) + "\n"


def draw(points: list[Point], path: Path) -> None:
    """A panel a series, both axes logarithmic, with the fitted power."""
    from matplotlib.ticker import NullFormatter

    from motionlaw.tools.figure_style import DATA, LAW, Figure, save, styled

    @styled
    def drawn() -> Figure:
        figure = Figure(figsize=(10.0, 2.8), layout="constrained")
        for index, (series, (_, _, what)) in enumerate(SERIES.items(), start=1):
            mine = sorted((p for p in points if p.series == series), key=lambda p: p.size)
            axes = figure.add_subplot(1, len(SERIES), index)
            sizes, seconds = np.array([p.size for p in mine], float), np.array([p.cpu_s for p in mine])
            axes.loglog(sizes, seconds, "o", color=DATA, markersize=4)
            if len(mine) > 1:
                power = exponent(mine)
                middle = np.exp(np.mean(np.log(seconds)) + power * (np.log(sizes) - np.mean(np.log(sizes))))
                axes.loglog(sizes, middle, color=LAW)
                axes.set_title(f"exponent {power:.2f}")
            for axis in (axes.xaxis, axes.yaxis):  # the style writes no mathematics
                axis.set_major_formatter(lambda value, _: f"{value:g}")
                axis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(what)
            if index == 1:
                axes.set_ylabel("CPU, s")
        return figure

    save(drawn(), path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost against rows, candidates and states.")
    parser.add_argument("--rows", default=",".join(map(str, ROWS)), help="numbers of rows, with commas")
    parser.add_argument("--out", default="", help="folder for scale.md and scale.png")
    options = parser.parse_args()
    rows = tuple(int(word) for word in options.rows.split(","))
    todo = [(s, size) for s, (_, sizes, _) in SERIES.items() for size in (rows if s.startswith("rows") else sizes)]
    points = []
    for index, outcome in call_all([(measured, each) for each in todo], seconds=4 * LIMIT_S):
        said = f"{outcome.value.cpu_s:.2f} s" if outcome.status == "ok" else outcome.message
        print(f"{todo[index]}: {said}", file=sys.stderr, flush=True)
        points += [outcome.value] if outcome.status == "ok" else []
    text = table(points)
    print(text)
    if options.out:
        folder = Path(options.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scale.md").write_text(text, encoding="utf-8")
        draw(points, folder / "scale.png")


if __name__ == "__main__":
    main()
