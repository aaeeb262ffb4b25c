"""Rows of a log as a table: means with error bars for every condition and solver, as Markdown, JSON and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionlaw.eval.log import Row
from motionlaw.eval.metrics import Estimate, clustered_mean, median

TABLE, PICTURE = "table.md", "table.png"
TITLES = {
    "exact": "exact structure",
    "exact_any": "exact among alternatives",
    "s_acc": "S_acc",
    "s_struct": "S_struct",
    "solution": "symbolic solution",
    "r2_above_0.999": "R² > 0.999",
    "reconstructed": "reconstructed, R² > 0.9",
    "generalised": "generalised, R² > 0.9",
    "nmse_ood": "NMSE ood, median",
    "nmse_id": "NMSE id, median",
    "nmse_acceleration": "NMSE acceleration, median",
    "r2": "R², median",
}
# A benchmark of at most so many cases is also told case by case.
FEW_CASES, LONGEST_LAW = 12, 160
# Scores without a bound: one failure would be all that their mean shows.
UNBOUNDED = ("nmse_", "r2")


@dataclass(frozen=True)
class Group:
    """One line of the table: a condition, a solver, and its scores.

    Args:
        noise: Share.
        noise_on: What it lies on.
        fraction: Share of the rows.
        solver: Who.
        scores: Means with error bars by score.
        medians: Medians of the unbounded scores.
        counts: How many cases hold, for scores that are yes or no.
        cpu_s: Median CPU seconds a case.
        failed: Rows without a law.
    """

    noise: float
    noise_on: str
    fraction: float
    solver: str
    scores: dict[str, Estimate]
    medians: dict[str, float | None]
    counts: dict[str, int]
    cpu_s: float | None
    failed: int

    def to_dict(self) -> dict[str, Any]:
        """The line for JSON."""
        scores = {
            name: each.to_dict() | ({"count": self.counts[name]} if name in self.counts else {})
            for name, each in self.scores.items()
        }
        scores |= {name: {"median": value} for name, value in self.medians.items()}
        return {
            "noise": self.noise, "noise_on": self.noise_on, "fraction": self.fraction, "solver": self.solver,
            "scores": scores, "cpu_s_median": self.cpu_s, "failed": self.failed,
        }  # fmt: skip


def summarise(rows: Sequence[Row], solvers: Sequence[str]) -> list[Group]:
    """Groups rows by condition and solver, in the order of noise, fraction and the solvers given."""
    keys = {(row["noise"], row["noise_on"], row["fraction"], row["solver"]) for row in rows}
    order = sorted(keys, key=lambda k: (k[1], k[0], -k[2], solvers.index(k[3]) if k[3] in solvers else 99))
    return [
        _group(key, [row for row in rows if (row["noise"], row["noise_on"], row["fraction"], row["solver"]) == key])
        for key in order
    ]


def _group(key: tuple[float, str, float, str], rows: list[Row]) -> Group:
    names = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    cases = [row["case"] for row in rows]
    values = {name: [row["scores"].get(name) for row in rows] for name in names}
    bounded = [name for name in names if not _is_unbounded(name)]
    return Group(
        *key,
        scores={name: clustered_mean(values[name], cases) for name in bounded},
        medians={name: median(values[name]) for name in names if _is_unbounded(name)},
        counts={
            name: sum(value is True for value in values[name])
            for name in bounded
            if any(isinstance(value, bool) for value in values[name])
        },
        cpu_s=median([row["cpu_s"] for row in rows]),
        failed=sum(not row["law"] for row in rows),
    )


def _is_unbounded(name: str) -> bool:
    return name.startswith("nmse_") or name == "r2"


def markdown(header: Row, groups: Sequence[Group], headline: Sequence[str]) -> str:
    """The table as Markdown, with what it was made by below."""
    shown = [name for name in headline if any(name in group.scores or name in group.medians for group in groups)]
    config = header["config"]
    lines = [
        " | ".join(["| noise | data | solver", *(TITLES.get(name, name) for name in shown), "CPU s a case, median |"]),
        "| --- " * (4 + len(shown)) + "|",
    ]
    for group in groups:
        noise = f"{100 * group.noise:g} % on {group.noise_on}" if group.noise else "none"
        if not group.noise and group.noise_on == "position":
            noise = "none, positions"
        cells = [noise, f"{100 * group.fraction:g} %", group.solver]
        cells += [_cell(group, name) for name in shown]
        cells.append("–" if group.cpu_s is None else f"{group.cpu_s:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    last = config["seeds"] - 1
    seeds = f"seeds 0 to {last}" if last else "seed 0"
    made = f"`{header['command']}`: {config['cases']} cases, {seeds}, at most {config['time_limit']:g} s a case"
    where = f", commit {header['commit']}" if header.get("commit") else ""
    lines += ["", f"{made}, version {header['version']}{where}. ± is one standard error, clustered by case."]
    return "\n".join(lines) + "\n"


def by_case(rows: Sequence[Row], solvers: Sequence[str]) -> str:
    """A small benchmark's rows one by one: the law that was found, and its error on the last test set."""
    order = sorted(rows, key=lambda row: (row["case"], row["noise"], -row["fraction"], solvers.index(row["solver"])))
    lines = ["| case | noise | data | solver | exact | NMSE | law |", "| --- " * 7 + "|"]
    for row in order:
        errors = [value for name, value in row["scores"].items() if name.startswith("nmse_")]
        error = "–" if not errors or errors[-1] is None else "∞" if math.isinf(errors[-1]) else f"{errors[-1]:.2g}"
        exact = {True: "yes", False: "no", None: "–"}[row["scores"].get("exact")]
        law = "; ".join(f"{target} = {text}" for target, text in row["law"].items()) or row["message"]
        law = law.replace("|", "\\|") if len(law) <= LONGEST_LAW else f"{law[:LONGEST_LAW]}…".replace("|", "\\|")
        condition = f"{100 * row['noise']:g} % | {100 * row['fraction']:g} %"
        lines.append(f"| {row['case']} | {condition} | {row['solver']} | {exact} | {error} | {law} |")
    return "\n".join(lines) + "\n"


def _cell(group: Group, name: str) -> str:
    if name in group.medians:
        value = group.medians[name]
        return "–" if value is None else "∞" if math.isinf(value) else f"{value:.2g}"
    estimate = group.scores.get(name)
    if estimate is None or estimate.mean is None:
        return "–"
    # All or none: the spread of the cases says nothing of how sure that is.
    error = f" ± {100 * estimate.stderr:.0f}" if estimate.stderr else ""
    if name in group.counts:
        return f"{group.counts[name]}/{estimate.n} ({100 * estimate.mean:.0f}{error} %)"
    return f"{100 * estimate.mean:.0f}{error} %"


def _mean(group: Group, name: str) -> float | None:
    return group.scores[name].mean if name in group.scores else None


def draw(groups: Sequence[Group], headline: Sequence[str], path: Path) -> None:
    """Draws the scores between 0 and 1 as bars with error bars, a panel a score."""
    from motionlaw.tools.figure_style import CYCLE, Figure, save, styled

    shown = [name for name in headline if any(_mean(group, name) is not None for group in groups)]
    conditions = list(dict.fromkeys((g.noise, g.noise_on, g.fraction) for g in groups))
    solvers = list(dict.fromkeys(group.solver for group in groups))

    @styled
    def drawn() -> Figure:
        figure = Figure(figsize=(max(3.4, 2.1 * len(shown)), 2.6), layout="constrained")
        for index, name in enumerate(shown):
            axes = figure.add_subplot(1, len(shown), index + 1)
            for k, solver in enumerate(solvers):
                mine = [g for g in groups if g.solver == solver and _mean(g, name) is not None]
                width = 0.8 / len(solvers)
                place = [conditions.index((g.noise, g.noise_on, g.fraction)) + (k + 0.5) * width - 0.4 for g in mine]
                heights = [100 * (g.scores[name].mean or 0.0) for g in mine]
                errors = [100 * (g.scores[name].stderr or 0.0) for g in mine]
                color = CYCLE[k % len(CYCLE)]
                axes.bar(place, heights, width, yerr=errors, color=color, label=solver, error_kw={"lw": 0.7})
            labels = [f"{100 * noise:g} %\n{100 * part:g} %" for noise, _, part in conditions]
            axes.set_xticks(range(len(conditions)), labels)
            axes.set_ylim(0, 105)
            axes.set_title(TITLES.get(name, name))
            axes.set_xlabel("noise, data kept")
            if index == 0:
                axes.set_ylabel("cases, %")
                figure.legend(loc="outside lower center", ncols=len(solvers))
        return figure

    if shown:
        save(drawn(), path)
