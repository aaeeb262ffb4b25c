"""SR² at equal time: does an ansatz help, does a wrong one hurt, and do the refit and the stop at the noise matter?

    python benchmarks/realign.py [--data FOLDER] [--cases PO0,PO2] [--noise 0,0.05] [--time-limit 6] [--out FOLDER]

The oscillators' true laws are made into the ansätze that a model might print: *right* (all terms, numbers off by a
factor e^N(0, 1/2)), *partial* (half of its terms, rounded up, numbers off) and *wrong* (the law of the next case). Our
SR² is `motionlaw.tools.realign_rows`. The published rule (VIPER-R1, 2508.17380: the residual of the ansatz as printed
is always regressed, and the two are added) lives here only, whole and with one half mended at a time.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.adapters import load
from motionlaw.eval.log import commit
from motionlaw.eval.metrics import clustered_mean, median
from motionlaw.eval.run import cpu_seconds
from motionlaw.eval.scorers import nmse, score_law
from motionlaw.eval.solvers import solve
from motionlaw.eval.tasks import Condition, RowCase, corrupted
from motionlaw.tools.equation import evaluate, format_expr, ordered_terms
from motionlaw.tools.limits import call_all
from motionlaw.tools.realign_rows import is_noise, realign_rows, refit
from motionlaw.tools.regression import find_formula

OFF_BY = 0.5
Law = sympy.Expr | None


@dataclass(frozen=True)
class Trial:
    """One law sought in one noisy case."""

    variant: str
    case: RowCase
    ansatz: sympy.Expr | None
    condition: Condition
    time_limit: float


def printed(case: RowCase, *, share: float = 1.0) -> sympy.Expr:
    """The true law as a model might print it: some of its terms, numbers off."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    terms = ordered_terms(sympy.expand(case.truth))
    chosen = rng.permutation(len(terms))[: int(np.ceil(share * len(terms)))]
    return sympy.Add(*(sympy.Float(np.exp(OFF_BY * rng.normal())) * terms[k] for k in sorted(chosen)))


def ours(trial: Trial, case: RowCase) -> Law:
    table = case.train
    seed = trial.condition.seed
    found = realign_rows(
        trial.ansatz, table.columns, table.y, kinds=case.kinds, time_limit=trial.time_limit, seed=seed
    )
    return found.expression


def as_published(*, refits: bool, stops: bool) -> Callable[[Trial, RowCase], Law]:
    """The published rule, or with one of its halves mended: residual of the ansatz, regressed, added."""

    def solved(trial: Trial, case: RowCase) -> Law:
        table = case.train
        ansatz = refit(trial.ansatz, table.columns, table.y) if refits else trial.ansatz
        residual = table.y - evaluate(ansatz, table.columns)
        if stops and is_noise(residual, table.columns, table.y):
            return ansatz
        limit, seed = trial.time_limit, trial.condition.seed
        return ansatz + find_formula(table.columns, residual, kinds=case.kinds, time_limit=limit, seed=seed).expression

    return solved


def alone(solver: str) -> Callable[[Trial, RowCase], Law]:
    """A solver without an ansatz."""

    def solved(trial: Trial, case: RowCase) -> Law:
        answer = solve(case, solver, time_limit=trial.time_limit, seed=trial.condition.seed)
        return answer.law.get(case.target)

    return solved


# Each line of the table: who, from which ansatz, how.
VARIANTS: dict[str, tuple[str, Callable[[Trial, RowCase], Law]]] = {
    "(a) search alone": ("none", alone("search")),
    "(b) wrong ansatz + SR²": ("wrong", ours),
    "(b) partial ansatz + SR²": ("partial", ours),
    "(c) right ansatz + SR²": ("right", ours),
    "(d) operon alone": ("none", alone("operon")),
    "right ansatz, as published": ("right", as_published(refits=False, stops=False)),
    "right ansatz, published + refit": ("right", as_published(refits=True, stops=False)),
    "right ansatz, published + stop at the noise": ("right", as_published(refits=False, stops=True)),
    "right ansatz, published + both": ("right", as_published(refits=True, stops=True)),
    "partial ansatz, as published": ("partial", as_published(refits=False, stops=False)),
    "partial ansatz, published + refit": ("partial", as_published(refits=True, stops=False)),
}


def attempt(trial: Trial) -> dict[str, float | bool | str | None]:
    """Runs one trial in its own process and scores it on clean rows."""
    noisy = corrupted(trial.case, trial.condition)
    started = cpu_seconds()
    law = VARIANTS[trial.variant][1](trial, noisy)
    seconds = cpu_seconds() - started
    test = trial.case.tests["ood"]
    scores = score_law(law, trial.case.truth, trial.case.train.columns)
    error = float("inf") if law is None else nmse(np.broadcast_to(evaluate(law, test.columns), test.y.shape), test.y)
    text = "" if law is None else format_expr(law)
    return scores.to_dict() | {"nmse_ood": error, "cpu_s": seconds, "law": text}


def trials(cases: list[RowCase], noises: list[float], time_limit: float) -> list[Trial]:
    """All trials, by noise, variant and case."""
    ansatz = {
        "none": lambda k: None,
        "right": lambda k: printed(cases[k]),
        "partial": lambda k: printed(cases[k], share=0.5),
        "wrong": lambda k: printed(cases[(k + 1) % len(cases)]),
    }
    return [
        Trial(variant, case, ansatz[kind](k), Condition(noise), time_limit)
        for noise in noises
        for variant, (kind, _) in VARIANTS.items()
        for k, case in enumerate(cases)
    ]


def table(found: list[tuple[Trial, dict]], time_limit: float) -> str:
    """Markdown: a line a variant and noise."""
    lines = ["| noise | variant | exact | S_acc | S_struct | NMSE ood, median | CPU s, median |", "| --- " * 7 + "|"]
    for noise in dict.fromkeys(trial.condition.noise for trial, _ in found):
        for variant in VARIANTS:
            mine = [(t, s) for t, s in found if t.variant == variant and t.condition.noise == noise]
            names = [trial.case.name for trial, _ in mine]
            struct = clustered_mean([scores.get("s_struct") for _, scores in mine], names)
            held = [sum(scores.get(key) is True for _, scores in mine) for key in ("is_exact", "s_acc")]
            counts = [f"{count}/{len(mine)}" for count in held]
            error = median([scores.get("nmse_ood", float("inf")) for _, scores in mine])
            seconds = median([scores.get("cpu_s") for _, scores in mine])
            cells = [f"{100 * noise:g} %", variant, *counts, "–", f"{error:.2g}", "–"]
            if struct.mean is not None:
                cells[4] = f"{100 * struct.mean:.0f} ± {100 * (struct.stderr or 0):.0f} %"
            if seconds is not None:
                cells[6] = f"{seconds:.2f}"
            lines.append("| " + " | ".join(cells) + " |")
    count = len({trial.case.name for trial, _ in found})
    lines += ["", f"{count} oscillators, seed 0, at most {time_limit:g} s each, commit {commit()}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="SR² at equal time, and what its two corrections are worth.")
    parser.add_argument("--data", help="folder with the oscillators, or one that holds it")
    parser.add_argument("--cases", default="", help="names with commas; all if not given")
    parser.add_argument("--noise", default="0,0.05", help="shares with commas")
    parser.add_argument("--time-limit", type=float, default=6.0, help="seconds a trial")
    parser.add_argument("--out", default="", help="folder for realign.md")
    options = parser.parse_args()
    chosen = [name for name in options.cases.split(",") if name]
    cases = [case for case in load("oscillators", options.data).cases if not chosen or case.name in chosen]
    todo = trials(cases, [float(word) for word in options.noise.split(",")], options.time_limit)  # type: ignore[arg-type]
    found: dict[int, dict] = {}
    for index, outcome in call_all([(attempt, (trial,)) for trial in todo], seconds=10 * options.time_limit + 60):
        found[index] = outcome.value or {}
        trial, said = todo[index], found[index].get("law", outcome.message)
        which = f"{trial.case.name}, noise {trial.condition.noise:g}, {trial.variant}"
        print(f"[{len(found)}/{len(todo)}] {which}: {said}", file=sys.stderr, flush=True)
    text = table([(todo[k], found[k]) for k in sorted(found)], options.time_limit)
    print(text)
    if options.out:
        Path(options.out).mkdir(parents=True, exist_ok=True)
        (Path(options.out) / "realign.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
