"""Solvers: who looks for the law. ``search`` is this project; ``sindy``, ``operon`` and ``gplearn`` are its peers.

All get the same rows and the same time. Peers know rows only: of a motion they get states and derivatives read off
local polynomials, as the search's own first guess does. Each runs in a child process (`motionlaw.tools.engines`).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sympy

from motionlaw.eval.tasks import Case, MotionCase, RowCase, Table
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.engines import ENGINES, REFERENCES, preflight, regress
from motionlaw.tools.equation import format_expr, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.motion import smooth
from motionlaw.tools.regression import find_formula

SOLVERS = ("search", *(name for name in (*ENGINES, *REFERENCES) if name != "pysr"))
Law = Mapping[str, sympy.Expr]


@dataclass(frozen=True)
class Answer:
    """What a solver found.

    Args:
        law: Right-hand side by target; empty where it found none.
        alternatives: Its runners-up, best first.
        stderr: Standard errors of coefficients by target and term.
        message: Why there is no law, or what went wrong on the way.
    """

    law: Law
    alternatives: tuple[Law, ...] = ()
    stderr: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    message: str = ""


def check_solver(name: str) -> None:
    """Checks that a solver is known and can run here.

    Raises:
        UserError: It is not; the sentence says what to install.
    """
    if name not in SOLVERS:
        raise UserError(f"No solver '{name}'. Solvers: {', '.join(SOLVERS)}.")
    if name != "search":
        preflight(name)


def solve(case: Case, solver: str, *, time_limit: float, seed: int) -> Answer:
    """Lets a solver look for the law of a case, in the rows it is shown.

    Args:
        case: The case, noise and all.
        solver: One of `SOLVERS`.
        time_limit: Seconds for all its equations.
        seed: Seed of the solver.
    """
    if isinstance(case, RowCase):
        if solver == "search":
            return _search_rows(case, time_limit, seed)
        return _from_engine({case.target: case.train}, solver, time_limit, seed)
    if solver == "search":
        return _search_motion(case, time_limit, seed)
    return _from_engine(_derivative_rows(case), solver, time_limit, seed)


def _search_rows(case: RowCase, time_limit: float, seed: int) -> Answer:
    if all(kind == "plain" for kind in case.kinds.values()):
        return _search_table(case, time_limit, seed)
    found = find_formula(case.train.columns, case.train.y, kinds=case.kinds, time_limit=time_limit, seed=seed)
    stderr = {}
    for term, error in zip(found.best.terms, found.best.stderr.tolist(), strict=True):
        numbers = {sympy.Symbol(name): sympy.Float(value) for name, value in term.constants}
        stderr[format_expr(term.expression.xreplace(numbers), 12)] = error
    alternatives = tuple({case.target: each.expression} for each in found.alternatives)
    return Answer({case.target: found.expression}, alternatives, {case.target: stderr})


def _search_table(case: RowCase, time_limit: float, seed: int) -> Answer:
    from motionlaw.tools.algebraic import discover_algebraic

    with tempfile.TemporaryDirectory(prefix="motionlaw-") as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*case.train.columns, case.target])
            writer.writerows(np.column_stack([*case.train.columns.values(), case.train.y]).tolist())
        found = discover_algebraic([path], case.target, settings=DiscoverySettings(time_limit=time_limit, seed=seed))
    if not found.law and found.reason.startswith("No dependence"):
        return Answer({case.target: sympy.Float(case.train.y.mean())}, message=found.reason)
    return _as_answer(found)


def _search_motion(case: MotionCase, time_limit: float, seed: int) -> Answer:
    settings = DiscoverySettings(order=str(case.order), time_limit=time_limit, seed=seed)
    return _as_answer(discover_law(case.runs, settings=settings, has_velocity_meaning=case.order == 2))


def _as_answer(found) -> Answer:  # type: ignore[no-untyped-def]
    """An answer from a `Discovery`."""
    stderr: dict[str, dict[str, float]] = {}
    for term in found.terms:
        if term.stderr is not None:
            stderr.setdefault(term.of, {})[term.term] = term.stderr
    alternatives = tuple(_parsed(each.law) for each in found.alternatives)
    return Answer(_parsed(found.law), alternatives, stderr, found.reason)


def _parsed(law: Mapping[str, str]) -> dict[str, sympy.Expr]:
    return {target: parse(text) for target, text in law.items()}


def _derivative_rows(case: MotionCase) -> dict[str, Table]:
    """States and derivatives of a motion as rows, a table for each target."""
    parts = []
    for run in case.runs:
        kinematics = smooth(run.t, run.position)
        states = [*kinematics.position.T, *(kinematics.velocity.T if case.order == 2 else ())]
        rates = kinematics.acceleration if case.order == 2 else kinematics.velocity
        parts.append((np.array([*states, run.t]), rates.T))
    inputs = np.concatenate([inputs for inputs, _ in parts], axis=1)
    targets = np.concatenate([rates for _, rates in parts], axis=1)
    names = [*case.state, "t"] if case.order == 2 else list(case.state)
    usable = np.isfinite(inputs).all(axis=0) & np.isfinite(targets).all(axis=0)
    columns = {name: values[usable] for name, values in zip(names, inputs, strict=False)}
    return {target: Table(columns, rate[usable]) for target, rate in zip(case.targets, targets, strict=True)}


def _from_engine(tables: Mapping[str, Table], engine: str, time_limit: float, seed: int) -> Answer:
    """One formula a target, each in its share of the time."""
    law, messages = {}, []
    for target, table in tables.items():
        inputs = np.column_stack(list(table.columns.values()))
        found = regress(
            engine, inputs, table.y, list(table.columns), time_limit=time_limit / len(tables), seed=seed
        )
        if found.expression is not None:
            law[target] = parse(found.expression, variables=list(table.columns))
        if found.message:
            messages.append(found.message)
    return Answer(law if len(law) == len(tables) else {}, message=" ".join(messages))
