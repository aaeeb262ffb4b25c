"""Laws that are ratios of sums: are they found, clean and with noise?

    python benchmarks/ratios.py [--draws 2] [--seed 0] [--noise 0,0.01] [--order 1|2] [--out FOLDER]

Kinetics, growth and feedback of first order are sought in positions (two runs each, noise as a share of each
coordinate's spread); forces and masses that depend on place or speed in rows of x, v and a (noise multiplies a). Starts
and constants are drawn; a law counts as exact by the rule of `eval`: all its equations, compared as structures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.log import commit
from motionlaw.eval.resimulate import resimulate
from motionlaw.eval.solvers import solve
from motionlaw.eval.structure import compare
from motionlaw.eval.tasks import MotionCase, RowCase, Table
from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.limits import Outcome, call_all
from motionlaw.tools.trajectory import Trajectory

# Wall time: a busy machine must not decide what is found.
LIMIT_S = 3600.0
ROWS = 150


@dataclass(frozen=True)
class Kind:
    """A kind of law.

    Args:
        equations: Right-hand side by state, drawn constants named ``a`` … ``d``.
        constants: Least and largest value of each of them.
        starts: Least and largest first value of each state.
        seconds: Length of a run.
        order: 1 for positions, 2 for rows of an acceleration.
    """

    equations: dict[str, str]
    constants: dict[str, tuple[float, float]]
    starts: dict[str, tuple[float, float]]
    seconds: float
    order: int = 1


SIDE = {"x": (1.5, 2.5), "v": (-0.5, 0.5)}
KINDS = {
    "enzyme": Kind({"s": "-a*s/(b + s)"}, {"a": (0.8, 2), "b": (0.5, 1.5)}, {"s": (3, 6)}, 8),
    "enzyme, inhibited by its substrate": Kind(
        {"s": "-a*s/(b + s + c*s^2)"}, {"a": (1.5, 3), "b": (0.3, 0.8), "c": (0.3, 0.8)}, {"s": (3, 5)}, 12
    ),
    "gene that turns itself on": Kind(
        {"p": "a + b*p^2/(c + p^2) - d*p"},
        {"a": (0.05, 0.2), "b": (2, 4), "c": (0.5, 2), "d": (0.6, 1)}, {"p": (0.1, 5)}, 10,
    ),
    "harvest that saturates": Kind(
        {"n": "a*n - b*n^2 - c*n/(d + n)"},
        {"a": (1, 1.5), "b": (0.1, 0.2), "c": (1.5, 2.5), "d": (0.5, 1)}, {"n": (0.5, 9)}, 8,
    ),
    "chemostat": Kind(
        {"s": "a*(4 - s) - b*s*x/(c + s)", "x": "0.5*b*s*x/(c + s) - a*x"},
        {"a": (0.15, 0.3), "b": (1.2, 2), "c": (0.4, 1)}, {"s": (1, 4), "x": (0.1, 1.5)}, 15,
    ),
    "toggle of two genes": Kind(
        {"p": "a/(1 + q^2) - p", "q": "b/(1 + p^2) - q"},
        {"a": (2, 4), "b": (2, 4)}, {"p": (0.2, 3), "q": (0.2, 3)}, 6,
    ),
    "grazing": Kind(
        {"n": "a*n - b*n^2 - c*n*p/(1 + n)", "p": "0.6*c*n*p/(1 + n) - d*p"},
        {"a": (1, 1.5), "b": (0.2, 0.35), "c": (1, 1.6), "d": (0.3, 0.45)}, {"n": (0.5, 2.5), "p": (0.5, 1.5)}, 20,
    ),
    "drag that saturates": Kind(
        {"v": "-a*x - b*v/(1 + c*v^2)"}, {"a": (2, 5), "b": (0.4, 0.8), "c": (0.2, 0.6)}, SIDE, 20, 2
    ),
    "heavier when faster": Kind({"v": "-a*x/(1 + b*v^2)"}, {"a": (2, 4), "b": (0.1, 0.4)}, SIDE, 20, 2),
    "heavier further out": Kind(
        {"v": "(-a*x - b*x*v^2 - c*v)/(1 + b*x^2)"}, {"a": (2, 5), "b": (0.2, 0.6), "c": (0.1, 0.3)}, SIDE, 20, 2
    ),
    "spring that saturates": Kind(
        {"v": "-a*x/(1 + b*x^2) - c*v"}, {"a": (2, 5), "b": (0.3, 1), "c": (0.05, 0.2)}, SIDE, 20, 2
    ),
    "magnet beside a spring": Kind(
        {"v": "-a*x - b*v + c/(d + x^2)"},
        {"a": (1, 3), "b": (0.05, 0.2), "c": (1, 3), "d": (0.4, 1)}, SIDE, 20, 2,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Repeat:
    """One draw of a kind of law under noise."""

    kind: str
    number: int
    noise: float


def drawn(repeat: Repeat) -> tuple[dict[str, sympy.Expr], MotionCase | RowCase, Table]:
    """The true law, what a solver sees of it, and clean states."""
    kind = KINDS[repeat.kind]
    rng = np.random.default_rng([repeat.number, *repeat.kind.encode()])
    constants = {sympy.Symbol(name): sympy.Float(rng.uniform(*reach), 4) for name, reach in kind.constants.items()}
    truth = {target: parse(text).xreplace(constants) for target, text in kind.equations.items()}
    names = list(kind.starts)
    if kind.order == 2:
        t = np.linspace(0, kind.seconds, 5 * ROWS)
        states = _played([parse("v"), truth["v"]], names, t, kind, rng)
        columns = dict(zip(names, states.T, strict=True))
        y = evaluate(truth["v"], columns)
        rows = Table(columns, y * (1 + repeat.noise * rng.normal(size=len(y))))
        return truth, RowCase("rows", "v", rows, kinds={"x": "coordinate", "v": "velocity"}), rows
    t = np.linspace(0, kind.seconds, ROWS)
    paths = [_played(list(truth.values()), names, t, kind, rng) for _ in range(2)]
    noise = repeat.noise * np.std(np.concatenate(paths), axis=0)
    runs = tuple(
        Trajectory(f"run {k}", t, tuple(names), path + noise * rng.normal(size=path.shape))
        for k, path in enumerate(paths, start=1)
    )
    columns = dict(zip(names, np.concatenate(paths).T, strict=True))
    return truth, MotionCase("runs", 1, runs, {}, truth), Table(columns, t)


def _played(
    equations: Sequence[sympy.Expr], names: Sequence[str], t: np.ndarray, kind: Kind, rng: np.random.Generator
) -> np.ndarray:
    first = np.array([rng.uniform(*reach) for reach in kind.starts.values()])
    return resimulate(equations, names, t, first)


def sought(repeat: Repeat) -> tuple[bool, dict[str, str]]:
    """Whether all equations are exact, and the law found."""
    truth, case, seen = drawn(repeat)
    answer = solve(case, "search", time_limit=LIMIT_S, seed=repeat.number)
    compared = [compare(answer.law[name], truth[name], seen.columns) for name in truth if name in answer.law]
    is_exact = len(compared) == len(truth) and all(each is not None and each.is_same for each in compared)
    return is_exact, {name: str(sympy.N(law, 4)) for name, law in answer.law.items()}


def ratio_table(draws: int, seed: int, noise: Sequence[float], order: int = 0) -> str:
    """Markdown: how many draws of each kind are exact, a line a kind, and every law that is not."""
    names = [name for name, kind in KINDS.items() if order in (0, kind.order)]
    todo = [Repeat(name, seed + k, level) for name in names for level in noise for k in range(draws)]
    found: dict[int, Outcome] = {}
    for k, outcome in call_all([(sought, (repeat,)) for repeat in todo], seconds=2 * LIMIT_S):
        found[k] = outcome
        verdict = "exact" if outcome.value and outcome.value[0] else "not exact"
        draw = f"{todo[k].kind}, draw {todo[k].number}, {100 * todo[k].noise:g} %"
        print(f"{draw}: {verdict}", file=sys.stderr, flush=True)
    lines = ["| law | " + " | ".join(f"{100 * level:g} % noise" for level in noise) + " |"]
    lines.append("| --- " * (len(noise) + 1) + "|")
    missed = []
    for name in [*names, "all"]:
        cells = []
        for level in noise:
            mine = [k for k, each in enumerate(todo) if name in ("all", each.kind) and each.noise == level]
            cells.append(f"{sum(bool(found[k].value and found[k].value[0]) for k in mine)}/{len(mine)}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for k, repeat in enumerate(todo):
        if not (found[k].value and found[k].value[0]):
            truth = {name: str(sympy.N(law, 4)) for name, law in drawn(repeat)[0].items()}
            got = found[k].value[1] if found[k].value else found[k].message
            missed.append(f"{repeat.kind}, draw {repeat.number}, {100 * repeat.noise:g} %: {truth} came out as {got}")
    return "\n".join([*lines, "", *missed]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="How often laws that are ratios of sums are found.")
    parser.add_argument("--draws", type=int, default=2, help="draws of the constants of every law")
    parser.add_argument("--seed", type=int, default=0, help="number of the first draw")
    parser.add_argument("--noise", default="0,0.01", help="noise levels as shares, with commas")
    parser.add_argument("--order", type=int, default=0, help="only laws of this order, 1 or 2")
    parser.add_argument("--out", default="", help="folder for ratios.md")
    options = parser.parse_args()
    noise = [float(part) for part in options.noise.split(",")]
    text = f"{ratio_table(options.draws, options.seed, noise, options.order)}\nCommit {commit()}.\n"
    print(text)
    if options.out:
        Path(options.out).mkdir(parents=True, exist_ok=True)
        (Path(options.out) / "ratios.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
