"""Does a model's proposal help the search? The same noisy motions with and without it, law by law.

    python benchmarks/proposals.py --model embedded [--n 40] [--rows 100] [--noise 0.05] [--samples 8] [--out X]
        [--priors 0 0.1 0.3 1]

Oscillators of physsymbol with families that may not meet in training (`test_structure`), their positions at a few rows
with noise as a share of the spread. Each is searched alone, then with the model's laws among the candidates. Prints how
many exact structures and what mean S_struct each way finds, and the difference with its standard error. With
``--blind`` the model is shown the motion of another oscillator: what is left of the gain is not by looking. Each of
``--priors`` is a weight of the log-probabilities of the model's laws (0 leaves them out). With ``--out`` every law is
logged as it is found, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.hypothesise import propose_laws
from motionlaw.agent.model import choose_model
from motionlaw.data_builders.oscillator_blocks import noisy_rows
from motionlaw.data_builders.physsymbol import Oscillator, draw_oscillator
from motionlaw.data_builders.physsymbol_rows import is_held_out
from motionlaw.eval.log import commit
from motionlaw.eval.scorers import score_law
from motionlaw.tools.discover import discover_inputs
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.equation import parse
from motionlaw.tools.inputs import Inputs
from motionlaw.tools.trajectory import Trajectory

LOG = "proposals.jsonl"
Row = dict[str, Any]


def unseen(seed: int) -> Iterator[Oscillator]:
    """Oscillators whose families never meet in training."""
    number = 0
    while True:
        drawn = draw_oscillator(seed, number)
        if is_held_out(drawn.families):
            yield drawn
        number += 1


def recorded(drawn: Oscillator, rows: int, noise: float) -> Inputs:
    """A recording of its position."""
    rng = np.random.default_rng([int(word) for word in drawn.name.split()[-1].split("/")])
    t, x = noisy_rows(drawn.t, drawn.x, rows, noise, rng)
    return Inputs((Trajectory("run", t, ("x",), x[:, None], units=("m",)),), False, True, ())


def helped(weight: float) -> str:
    """What a search with the model is called in the table."""
    return f"with the model, prior {weight:g}" if weight else "with the model"


def attempt(drawn: Oscillator, shown: Oscillator, model: Any, options: argparse.Namespace) -> Row:
    """One oscillator both ways, and the best of the proposals themselves; the model sees the shown one."""
    inputs = recorded(drawn, options.rows, options.noise)
    data = {"t": drawn.t, "x": drawn.x, "v": drawn.v}
    settings = DiscoverySettings(time_limit=options.time_limit, order="2")

    def scored(text: str | None) -> list[float]:
        scores = score_law(None if text is None else parse(text), drawn.law, data)
        return [float(scores.is_exact or 0), float(scores.s_struct or 0)]

    alone = discover_inputs(inputs, settings=settings)
    seen = recorded(shown, options.rows, options.noise)
    proposals = propose_laws(seen, model, samples=options.samples, prior=float(any(options.priors)), timeout_s=600.0)
    laws = {"alone": alone.law.get("v")}
    for weight in options.priors:
        weighed = tuple(replace(each, bonus=weight * each.bonus) for each in proposals.laws)
        told = replace(settings, hypotheses=weighed, readings=proposals.readings)
        laws[helped(weight)] = discover_inputs(inputs, settings=told).law.get("v")
    proposed = [scored(each.law["v"]) for each in proposals.laws]
    return {
        "name": drawn.name, "truth": drawn.formula, **laws, "scores": {key: scored(law) for key, law in laws.items()},
        "first": proposed[0] if proposed else [0.0, 0.0], "any_exact": max([each[0] for each in proposed], default=0.0),
        "proposed": [each.law["v"] for each in proposals.laws],
    }  # fmt: skip


def table(found: list[Row], options: argparse.Namespace) -> str:
    """The result in Markdown."""
    ways = [helped(weight) for weight in options.priors]
    scores = {way: np.array([row["scores"][way] for row in found]) for way in ("alone", *ways)}
    scores["model's first proposal"] = np.array([row["first"] for row in found])
    lines = ["| way | exact structure | mean S_struct |", "| --- | --- | --- |"]
    for way, values in scores.items():
        mean, stderr = values[:, 1].mean(), values[:, 1].std(ddof=1) / len(values) ** 0.5
        lines.append(f"| {way} | {int(values[:, 0].sum())} of {len(values)} | {mean:.3f} ± {stderr:.3f} |")
    pairs = [(way, "alone") for way in ways] + [(way, ways[0]) for way in ways[1:]]
    gains = []
    for one, other in pairs:
        gain = scores[one] - scores[other]
        told = [f"{g.mean():+.3f} ± {g.std(ddof=1) / len(g) ** 0.5:.3f}" for g in gain.T]
        gains.append(f"{one} less {other}: exact {told[0]}, S_struct {told[1]}")
    some = int(sum(row["any_exact"] for row in found))
    how = "Shown another motion. " if options.blind else ""
    return "\n".join(
        [
            *lines, "", *gains,
            f"{how}The truth among the proposals: {some}. {options.rows} rows, noise {options.noise:g}, "
            f"{options.samples} samples, {options.time_limit:g} s each at most, seed {options.seed}, commit {commit()}",
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="The search with and without a model's proposals.")
    parser.add_argument("--model", required=True, help="embedded, a folder or a server")
    parser.add_argument("--n", type=int, default=40, help="number of oscillators")
    parser.add_argument("--rows", type=int, default=100, help="rows of each")
    parser.add_argument("--noise", type=float, default=0.05, help="noise on x, a share of its spread")
    parser.add_argument("--samples", type=int, default=8, help="proposals for each")
    parser.add_argument("--seed", type=int, default=17, help="seed of the oscillators")
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds a law")
    parser.add_argument("--priors", type=float, nargs="+", default=[0.0], help="weights of log-probabilities")
    parser.add_argument("--blind", action="store_true", help="show the model another oscillator")
    parser.add_argument("--out", default="", help="folder for the log; a run there goes on")
    options = parser.parse_args()
    model = choose_model(options.model, talks=False)
    log = Path(options.out or ".") / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = log.read_text(encoding="utf-8").splitlines() if options.out and log.exists() else []
    done: dict[str, Row] = {each["name"]: each for each in map(json.loads, lines)}
    found: list[Row] = []
    others = unseen(options.seed + 1)
    for drawn in unseen(options.seed):
        shown = next(others) if options.blind else drawn
        row = done.get(drawn.name) or attempt(drawn, shown, model, options)
        if options.out and drawn.name not in done:
            with log.open("a", encoding="utf-8") as file:
                print(json.dumps(row), file=file)
        found.append(row)
        print(f"{len(found)} of {options.n}: {row['scores']}", file=sys.stderr)
        if len(found) == options.n:
            break
    print(table(found, options))


if __name__ == "__main__":
    main()
