"""PhysSymbol's rows through `motionlaw discover --model none`: how many laws come back with their exact structure?

    python benchmarks/physsymbol.py [--n 200] [--seed 0] [--time-limit 60] [--out FOLDER]

Takes the noise-free rows (t, x, v, a) of the first n oscillators of `motionlaw build physsymbol --seed SEED`, writes
each into a table and finds its law as the command does. With ``--out`` every law is logged as it is found, and a run
that was stopped goes on. Misses are printed in full.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.data_builders.physsymbol_rows import builder
from motionlaw.eval.log import commit
from motionlaw.eval.run import cpu_seconds
from motionlaw.eval.scorers import score_law
from motionlaw.tools.discover import discover
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.equation import parse

LOG = "physsymbol.jsonl"
Row = dict[str, Any]


def attempt(row: Row, time_limit: float) -> Row:
    """Finds the law in one row's numbers and scores it."""
    with tempfile.TemporaryDirectory(prefix="motionlaw-") as folder:
        path = Path(folder) / "motion.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow("txva")
            writer.writerows(np.column_stack([row[name] for name in "txva"]).tolist())
        started = cpu_seconds()
        found = discover(path, settings=DiscoverySettings(time_limit=time_limit))
        seconds = cpu_seconds() - started
    law = parse(found.law["v"]) if "v" in found.law else None
    scores = score_law(law, parse(row["law"]), {name: np.asarray(row[name]) for name in "xvt"})
    return {
        "name": row["name"], "is_exact": scores.is_exact, "s_acc": scores.s_acc, "cpu_s": round(seconds, 3),
        "status": found.status, "truth": row["law"], "law": found.law.get("v", found.reason),
    }  # fmt: skip


def table(found: list[Row], time_limit: float) -> str:
    """The result in Markdown, misses below it."""
    exact, right = (sum(each[key] is True for each in found) for key in ("is_exact", "s_acc"))
    seconds = [each["cpu_s"] for each in found]
    lines = [
        "| laws | exact structure | and coefficients | CPU s, median | most |",
        "| --- " * 5 + "|",
        f"| {len(found)} | {exact} ({100 * exact / len(found):.1f} %) | {right} | {np.median(seconds):.2f} "
        f"| {max(seconds):.2f} |",
        "", f"At most {time_limit:g} s each, commit {commit()}.", "",
    ]  # fmt: skip
    lines += [f"- {each['name']}: {each['law']}; true: {each['truth']}" for each in found if not each["is_exact"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="PhysSymbol's noise-free rows through motionlaw discover.")
    parser.add_argument("--n", type=int, default=200, help="number of oscillators")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data set")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds a law")
    parser.add_argument("--out", default="", help="folder for the log; a run there goes on")
    options = parser.parse_args()
    log = Path(options.out) / LOG if options.out else None
    done: dict[str, Row] = {}
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        done = {each["name"]: each for each in map(json.loads, lines)}
    make = builder().make
    found = []
    for index in range(options.n):
        (row,) = make(options.seed, index)
        if row["name"] not in done:
            done[row["name"]] = attempt(row, options.time_limit)
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[row["name"]]) + "\n")
        found.append(done[row["name"]])
        verdict = "exact" if found[-1]["is_exact"] else f"{found[-1]['law']}; true: {found[-1]['truth']}"
        print(f"[{index + 1}/{options.n}] {found[-1]['name']}: {verdict}", file=sys.stderr, flush=True)
    print(table(found, options.time_limit))


if __name__ == "__main__":
    main()
