"""Are the error bars honest, and is it said where the data cannot tell two laws apart?

    python benchmarks/coverage.py [--repeats 200] [--out FOLDER]

Coverage: laws with drawn coefficients are played, noise is added, the law is sought again; of the coefficients of laws
with the right terms, about 95 % must lie within 1.96 standard errors of the true ones. Motions go through
`discover_law` (positions alone), rows through `find_formula`. Identifiability: a pendulum is swung ever wider; while
sin x and its polynomials fit alike, the rival must be named. Ctrl-C ends the repeats: those that are done make a table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.forms import law_form
from motionlaw.eval.log import commit
from motionlaw.eval.metrics import clustered_mean
from motionlaw.eval.resimulate import resimulate
from motionlaw.eval.solvers import Answer, solve
from motionlaw.eval.tasks import MotionCase, RowCase, Table
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.equation import canonical_terms, evaluate
from motionlaw.tools.limits import Outcome, call_all
from motionlaw.tools.trajectory import Trajectory

X, V = sympy.symbols("x v")
LAWS: dict[str, Callable[[np.random.Generator], sympy.Expr]] = {
    "damped spring": lambda rng: -rng.uniform(1, 8) * X - rng.uniform(0.1, 0.5) * V,
    "Duffing": lambda rng: -rng.uniform(1, 4) * X - rng.uniform(0.5, 2) * X**3 - rng.uniform(0.1, 0.4) * V,
    "van der Pol": lambda rng: -rng.uniform(1, 3) * X + rng.uniform(0.3, 1.0) * (V - X**2 * V),
}
T = np.arange(0.0, 12.0, 0.03)
MOTION_NOISE, ROW_NOISE = 0.01, 0.05
WITHIN = 1.96
# How warnings about other laws begin.
NAMES = ("The data cannot tell the law from", "Over the range seen")
CALLS_A_CHILD = 64
AMPLITUDES = (0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True)
class Repeat:
    """One draw: a law by name, its number, and whether it is sought in a motion or in rows."""

    law: str
    number: int
    kind: str


def drawn(repeat: Repeat) -> tuple[sympy.Expr, MotionCase | RowCase]:
    """The true law and what a solver sees of it."""
    rng = np.random.default_rng([repeat.number, len(repeat.law)])
    law = sympy.expand(LAWS[repeat.law](rng))
    states = resimulate([V, law], ["x", "v"], T, rng.uniform(1, 2, 2))
    if repeat.kind == "motion":
        noise = MOTION_NOISE * np.std(states[:, 0]) * rng.normal(size=len(T))
        run = Trajectory("run", T, ("x",), (states[:, 0] + noise)[:, None])
        return law, MotionCase("run", 2, (run,), {}, {"v": law})
    columns = {"x": states[:, 0], "v": states[:, 1]}
    y = evaluate(law, columns)
    noisy = y * (1 + ROW_NOISE * rng.normal(size=len(y)))
    return law, RowCase("rows", "v", Table(columns, noisy), kinds={"x": "coordinate", "v": "velocity"})


def covered(repeat: Repeat) -> list[bool] | None:
    """Whether each coefficient's interval holds the true one; ``None`` where the law found has other terms."""
    law, case = drawn(repeat)
    answer = solve(case, "search", time_limit=20.0, seed=repeat.number)
    return None if not answer.law else _compared(answer, law)


def _compared(answer: Answer, law: sympy.Expr) -> list[bool] | None:
    from motionlaw.tools.equation import parse

    found, truth = canonical_terms(answer.law["v"]), canonical_terms(law)
    if set(found) != set(truth):
        return None
    errors = {}
    for text, stderr in answer.stderr["v"].items():
        form = law_form(parse(text))
        if form is not None and len(form.terms) == 1:
            (term,) = canonical_terms(parse(text))
            errors[term] = stderr
    return [abs(found[term] - truth[term]) <= WITHIN * errors[term] for term in truth if term in errors]


def coverage_table(repeats: int) -> str:
    """Markdown: share of the intervals that hold the truth, a line a law and kind of data."""
    each = range(-(-repeats // len(LAWS)))
    todo = [Repeat(law, number, kind) for number in each for kind in ("motion", "rows") for law in LAWS]
    found: dict[int, Outcome] = {}
    with suppress(KeyboardInterrupt):
        calls = [(covered, (repeat,)) for repeat in todo]
        for index, outcome in call_all(calls, seconds=120.0, calls_a_child=CALLS_A_CHILD):
            found[index] = outcome
            print(f"[{len(found)}/{len(todo)}] {todo[index]}: {outcome.value}", file=sys.stderr, flush=True)
    lines = ["| data | law | right terms | intervals that hold the truth |", "| --- " * 4 + "|"]
    data = {
        "motion": f"x(t), {100 * MOTION_NOISE:g} % noise on x",
        "rows": f"a(x, v), {100 * ROW_NOISE:g} % noise on a",
    }
    for kind in ("motion", "rows"):
        for law in (*LAWS, "all"):
            mine = [k for k in sorted(found) if todo[k].kind == kind and law in ("all", todo[k].law)]
            right = [(k, found[k].value) for k in mine if found[k].value is not None]
            hits = [hit for _, values in right for hit in values]
            mean = clustered_mean(hits, [k for k, values in right for _ in values])
            share = "–"
            if mean.mean is not None:
                share = f"{100 * mean.mean:.1f} ± {100 * (mean.stderr or 0):.1f} % of {mean.n}"
            lines.append(f"| {data[kind]} | {law} | {len(right)}/{len(mine)} | {share} |")
    return "\n".join(lines) + "\n"


def swung(amplitude: float) -> tuple[str, list[str]]:
    """The law found for a pendulum of this amplitude, and the rivals named beside it."""
    rng = np.random.default_rng(0)
    states = resimulate([V, -4.0 * sympy.sin(X) - 0.05 * V], ["x", "v"], T, np.array([amplitude, 0.0]))
    noisy = states[:, 0] + MOTION_NOISE * np.std(states[:, 0]) * rng.normal(size=len(T))
    run = Trajectory("pendulum", T, ("x",), noisy[:, None])
    found = discover_law([run], settings=DiscoverySettings(order="2", time_limit=30.0))
    named = [warning for warning in found.warnings if warning.startswith(NAMES)]
    return found.law.get("v", found.reason), named


def identifiability_table() -> str:
    """Markdown: what is found and what is named, an amplitude a line."""
    lines = ["| amplitude, rad | law found | named as no worse |", "| --- " * 3 + "|"]
    done = dict(call_all([(swung, (amplitude,)) for amplitude in AMPLITUDES], seconds=120.0))
    for index in sorted(done):
        law, named = done[index].value or (done[index].message, [])
        rivals = "; ".join(text.split(": ", 1)[1].rstrip(".") for text in named) or "nothing"
        lines.append(f"| {AMPLITUDES[index]:g} | {law} | {rivals} |".replace("||", "|"))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of the error bars, and rivals that are named.")
    parser.add_argument("--repeats", type=int, default=200, help="repeats for motions and for rows")
    parser.add_argument("--out", default="", help="folder for coverage.md")
    options = parser.parse_args()
    text = f"{coverage_table(options.repeats)}\n{identifiability_table()}\nCommit {commit()}.\n"
    print(text)
    if options.out:
        Path(options.out).mkdir(parents=True, exist_ok=True)
        (Path(options.out) / "coverage.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
