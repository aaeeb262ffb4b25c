"""Algebraic laws: y = f(other columns) from a table in which every row stands for itself.

    motionlaw discover table.csv --target y

Formulas are proposed (`algebraic_search`), fitted to y and scored (`algebraic_fit`); this file runs
the contest, checks the winner on rows it has not seen, and says so where the columns do not determine y.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import sympy

from motionlaw.tools.algebraic_fit import (
    TRANSFORMS,
    Formula,
    Rows,
    fit_formula,
    is_exact,
    linear_terms,
    rank,
    simpler,
)
from motionlaw.tools.algebraic_residual import is_white
from motionlaw.tools.algebraic_search import Leader, formula_families
from motionlaw.tools.algebraic_table import StaticTable, read_static, refuse_constant
from motionlaw.tools.algebraic_units import foreign_cost, known_dimensions
from motionlaw.tools.discovery import SHORT, DiscoverySettings
from motionlaw.tools.doubts import POSSIBLE
from motionlaw.tools.equation import coefficient_unit, compile_rhs, format_expr, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Alternative, Discovery, Hypothesis, Term
from motionlaw.tools.realign import named_constants
from motionlaw.tools.summary import with_error
from motionlaw.tools.verify import WEAK_NMSE

# The search looks at no more rows than this; the law is fitted to all.
MOST_ROWS = 2000
# Share of the rows that is kept aside, where there are rows enough.
KEPT_ASIDE = 0.2
# A formula that leaves this share of the variance in unseen rows tells no more than the mean does.
NO_BETTER = 0.9
# A formula of more than this cost describes a table rather than explaining it, unless it is exact.
LONG, EXACT = 10.0, 1e-12
# A formula of no more than this cost ends the search when what it leaves is white.
PLAIN = 6.0
# Stated errors account for the scatter where the misfit per row is below this.
ACCOUNTED = 1.5
# A law that leads the constant by less than this many nats must do better than laws for shuffled targets.
SURE, SHUFFLES = 20.0, 19
# Rounds in which idle terms are dropped and equal constants joined, and how many formulas take part.
ROUNDS, LEADERS = 5, 4


def discover_algebraic(
    paths: Sequence[str | Path],
    target: str,
    *,
    columns: Sequence[str] | str | None = None,
    settings: DiscoverySettings,
) -> Discovery:
    """Finds an algebraic law for one column of a table in terms of the others.

    Args:
        paths: Tables with the same columns; their rows are taken together.
        target: The column to explain; a column ``unc_<target>`` holds its standard errors.
        columns: The columns that may explain it; all numeric ones if not given.
        settings: Engines, time limit and seed; the order of a law of motion does not matter here.

    Returns:
        A discovery of order 0; refused, with the reason, where no column determines the target.

    Raises:
        UserError: The table has no such column, nothing to explain it by, or too few rows.
    """
    table = read_static(paths, target, columns)
    name = ", ".join(Path(path).name for path in paths)
    return replace(_discovered(table, settings), input=name)


def find_algebraic_law(
    columns: Mapping[str, np.ndarray],
    y: np.ndarray,
    *,
    target: str = "y",
    units: Mapping[str, str] | None = None,
    stderr: np.ndarray | None = None,
    time_limit: float = 60.0,
    seed: int = 0,
) -> Discovery:
    """Finds an algebraic law for numbers in memory.

    Args:
        columns: What may explain the target, by name, each of shape (n,).
        y: The target, shape (n,).
        target: Its name.
        units: Unit of each column and of the target, by name, where known.
        stderr: Standard errors of the target, shape (n,), where known.
        time_limit: Seconds for the whole search.
        seed: Seed of everything random.

    Returns:
        A discovery of order 0; refused, with the reason, where no column determines the target.

    Raises:
        UserError: The target is the same in all rows.

    Example:
        >>> x = np.linspace(1.0, 3.0, 50)
        >>> find_algebraic_law({"x": x}, 2 * x**2).law
        {'y': '2*x**2'}
    """
    units = {name: "" for name in [*columns, target]} | dict(units or {})
    rows = Rows(
        {name: np.asarray(values, dtype=float) for name, values in columns.items()}, np.asarray(y, float), stderr
    )
    refuse_constant(target, rows.y)
    table = StaticTable(rows, target, units, [])
    return _discovered(table, DiscoverySettings(time_limit=time_limit, seed=seed))


def _discovered(table: StaticTable, settings: DiscoverySettings) -> Discovery:
    """The law for a table that was read."""
    from motionlaw import __version__

    started = time.monotonic()
    deadline = started + 0.8 * settings.time_limit
    rng = np.random.default_rng(settings.seed)
    n = len(table.rows.y)
    aside = np.zeros(n, dtype=bool)
    if n >= SHORT:
        aside[rng.permutation(n)[: round(KEPT_ASIDE * n)]] = True
    ranked, was_cut, proposed = _contest(table, table.rows.only(~aside), settings, deadline, rng)
    if was_cut:
        table.warnings.append(f"The time limit of {settings.time_limit:g} s cut the search short: best law so far.")
    found = _reported(table, ranked, aside, was_cut, proposed)
    if found.law and not was_cut:
        found = _doubted(found, table, ranked, settings, deadline)
    engine = found.engine if found.law else ",".join(settings.sr)
    seconds = round(time.monotonic() - started, 3)
    return replace(found, engine=engine, seconds=seconds, seed=settings.seed, version=__version__)


def _contest(
    table: StaticTable, rows: Rows, settings: DiscoverySettings, deadline: float, rng: np.random.Generator
) -> tuple[list[Formula], bool, list[Formula]]:
    """Ranked formulas, whether time ran out, and the formulas that other engines proposed."""

    def is_late() -> bool:
        return time.monotonic() > deadline

    if len(rows.y) > MOST_ROWS:
        rows = rows.only(np.sort(rng.permutation(len(rows.y))[:MOST_ROWS]))
    dimensions = known_dimensions(table.units)
    rows = replace(rows, dimensions=dimensions)
    outsiders: list[Formula] = []
    for engine in (name for name in settings.sr if name != "search"):
        limit = max(1.0, (deadline - time.monotonic()) / len(settings.sr))
        outsiders += _from_engine(engine, rows, limit, settings.seed, table.warnings)
    fitted = [fit_formula(formula, rows) for formula in outsiders]
    tried = {formula.key for formula in fitted}

    def leader() -> Leader | None:
        best = rank(fitted, rows)[0]
        if not best.inside.has(*map(sympy.Symbol, rows.columns)):
            return None
        return Leader(_predicted(best, rows), _is_settled(best, rows))

    for number, family in enumerate(formula_families(rows, is_late, leader)):
        if number and "search" not in settings.sr:
            break  # the constant is always there to be beaten
        for proposed in family:
            if is_late() and len(fitted) > 1:
                return rank(fitted, rows), True, outsiders
            formula = proposed
            if dimensions is not None and number:
                formula = replace(formula, foreign=foreign_cost(formula, table.target, dimensions))
            if formula.key not in tried and np.isfinite(formula.foreign):
                tried.add(formula.key)
                fitted.append(fit_formula(formula, rows))
        if is_late():
            return rank(fitted, rows), True, outsiders
        if any(is_exact(formula, rows) for formula in fitted):
            break
    ranked = rank(fitted, rows)
    for _ in range(ROUNDS):
        fresh = {each.key: each for leader in ranked[:LEADERS] for each in simpler(leader) if each.key not in tried}
        if not fresh or is_late():
            break
        tried |= set(fresh)
        ranked = rank([*ranked, *(fit_formula(each, rows) for each in fresh.values())], rows)
    return ranked, False, outsiders


def _is_settled(best: Formula, rows: Rows) -> bool:
    """Whether there is nothing left to explain, and a plain formula that says so."""
    if best.cost > PLAIN:
        return False
    values = _predicted(best, rows)
    sizes = {"constant": np.ones(len(values)), "proportional": np.abs(values), "stated": rows.stderr}[best.noise]
    return is_white((rows.y - values) / sizes, rows.columns, values)


def _doubted(
    found: Discovery, table: StaticTable, ranked: list[Formula], settings: DiscoverySettings, deadline: float
) -> Discovery:
    """Repeats the search with the target shuffled where the law's lead is small: luck must not do as well."""
    lead = _lead(ranked)
    if lead > SURE:
        return found
    rng, done = np.random.default_rng(settings.seed + 1), 0
    plain = replace(settings, sr=("search",))
    while done < SHUFFLES and time.monotonic() < deadline:
        order = rng.permutation(len(table.rows.y))
        stderr = None if table.rows.stderr is None else table.rows.stderr[order]
        shuffled = replace(table.rows, y=table.rows.y[order], stderr=stderr)
        luck, was_cut, _ = _contest(table, shuffled, plain, deadline, rng)
        done += not was_cut
        if _lead(luck) >= lead:
            names = " or ".join(table.rows.columns)
            reason = (
                f"No dependence on {names} that chance would not give: with {table.target} shuffled, a formula was "
                "found that fits as well."
            )
            return replace(
                found, status="refused", reason=reason, law={}, terms=(), warnings=tuple(table.warnings),
                fit=found.fit | {"nmse_trajectory": None, "noise_std": None},
                holdout={"nmse_trajectory": None, "span_s": 0.0},
            )  # fmt: skip
    if done < SHUFFLES:
        return replace(found, status="weak", reason="There was no time to tell the law from chance.")
    return found


def _lead(ranked: list[Formula]) -> float:
    """How much better the best formula is than the constant, in nats."""
    constant = next((formula.score for formula in ranked if formula.inside.is_Symbol), np.inf)
    return constant - ranked[0].score


def _from_engine(engine: str, rows: Rows, limit: float, seed: int, warnings: list[str]) -> list[Formula]:
    """The formulas on another engine's front, with their numbers as constants to be fitted again."""
    from motionlaw.tools.engines import regress

    names = list(rows.columns)
    inputs = np.column_stack(list(rows.columns.values()))
    try:
        result = regress(engine, inputs, rows.y, names, time_limit=limit, seed=seed)
    except UserError as error:  # too few rows for it; the others go on
        warnings.append(f"{engine}: {error}")
        return []
    if result.status != "ok":
        warnings.append(f"{engine}: {result.message or result.status}")
    formulas = []
    hidden = {sympy.Symbol(name): sympy.Symbol(f"_u{k}") for k, name in enumerate(names)}
    back = {new: old for old, new in hidden.items()}
    for candidate in result.front[:8] + result.front[8:][-4:]:
        expression = parse(candidate.expression, variables=names).xreplace(hidden)
        model = named_constants([expression], coordinates=tuple(s.name for s in back), order=1)
        constants = {sympy.Symbol(name): sympy.Symbol(f"_{name.replace('_', '')}") for name in model.parameters}
        values = dict(zip((s.name for s in constants.values()), map(float, model.values), strict=True))
        formulas.append(Formula(model.equations[0].xreplace(constants | back), values, source=engine))
    return formulas


def _predicted(formula: Formula, rows: Rows) -> np.ndarray:
    """The formula's values, shape (n,)."""
    return compile_rhs([formula.expression()], list(rows.columns))(np.array(list(rows.columns.values())))[0]


def _unseen(formula: Formula, table: StaticTable, aside: np.ndarray) -> float:
    """Error in rows that took no part in the fit, as a share of the target's variance."""
    rows = table.rows
    noises = (formula.noise,)
    if aside.any():
        fitted = fit_formula(formula, rows.only(~aside), noises=noises)
        errors = _predicted(fitted, rows.only(aside)) - rows.y[aside]
    else:
        kept = [np.arange(len(rows.y)) != row for row in range(len(rows.y))]
        errors = np.array([
            (_predicted(fit_formula(formula, rows.only(mask), noises=noises), rows.only(~mask)) - rows.y[~mask])[0]
            for mask in kept
        ])  # fmt: skip
    nmse = float(np.mean(errors**2)) / rows.spread
    return nmse if np.isfinite(nmse) else np.inf


def _reported(
    table: StaticTable, ranked: list[Formula], aside: np.ndarray, was_cut: bool, proposed: list[Formula]
) -> Discovery:
    """Checks the winner and writes the discovery."""
    rows = table.rows
    nothing = Discovery(
        input="", status="refused", reason="", order=0, state=tuple(rows.columns), law={}, terms=(),
        length_unit=table.units[table.target],
        fit={"nmse_acceleration": None, "nmse_trajectory": None, "noise_std": None, "rows": len(rows.y)},
        holdout={"nmse_trajectory": None, "span_s": 0.0},
        warnings=tuple(table.warnings),
        alternatives=_alternatives(table, ranked),
    )  # fmt: skip
    winner = ranked[0]
    used = [name for name in rows.columns if sympy.Symbol(name) in winner.inside.free_symbols]
    if not used:
        return replace(nothing, reason=_no_dependence(table, winner))
    final = fit_formula(winner, rows, noises=(winner.noise,))
    nmse, unseen = float(np.mean((_predicted(final, rows) - rows.y) ** 2)) / rows.spread, _unseen(winner, table, aside)
    status, reason = _verdict(table, final, unseen, was_cut)
    if status == "refused":
        return replace(nothing, reason=reason)
    return replace(
        nothing,
        status=status,
        reason=reason,
        law={table.target: format_expr(final.expression())},
        terms=tuple(_terms(final, table)),
        fit=nothing.fit | {"nmse_trajectory": nmse, "noise_std": final.noise_std},
        holdout={"nmse_trajectory": unseen, "span_s": 0.0},
        hypotheses=_hypotheses(table, proposed, winner),
        warnings=(*table.warnings, *_notes(table, ranked, final, used, int(aside.sum()))),
        engine=winner.source,
    )


def _no_dependence(table: StaticTable, constant: Formula) -> str:
    """Why there is no law: the target does not depend on what the table holds, as far as it can tell."""
    mean = with_error(constant.values["_c1"], constant.stderr["_c1"], table.units[table.target])
    scatter = "its stated errors" if table.rows.stderr is not None else f"scatter of {constant.noise_std:.2g}"
    return f"No dependence on {' or '.join(table.rows.columns)} found: {table.target} is {mean}, within {scatter}."


def _verdict(table: StaticTable, final: Formula, unseen: float, was_cut: bool) -> tuple[str, str]:
    """Whether the law holds on unseen rows."""
    if not unseen < NO_BETTER:
        return "refused", f"No formula tells {table.target} in unseen rows better than its mean does."
    free = len(table.rows.y) - len(final.values)
    is_accounted = table.rows.stderr is not None and final.misfit / free < ACCOUNTED
    if was_cut:
        return "weak", "The time limit cut the search short."
    if unseen > WEAK_NMSE and not is_accounted:
        left = f"The law leaves {100 * unseen:.0f} % of the variance in unseen rows"
        return "weak", f"{left}: scatter, or causes that are not in the table."
    if final.cost > LONG and unseen > EXACT:
        count = len(final.values)
        return "weak", f"With {count} constants the formula describes the table; no plain law explains it."
    return "ok", ""


def _notes(table: StaticTable, ranked: list[Formula], final: Formula, used: list[str], aside: int) -> list[str]:
    """How the law was checked and what the table does not tell."""
    how = f"{aside} of {len(table.rows.y)} rows, chosen at random, were kept aside to check the law."
    if not aside:
        count = len(table.rows.y)
        how = f"With {count} rows the terms were chosen on all of them; each row was checked by a fit to the others."
    notes = [how]
    unused = [name for name in table.rows.columns if name not in used]
    if unused:
        notes.append(f"No dependence on {' or '.join(unused)} found.")
    if final.noise == "proportional":
        notes.append(f"The scatter grows with {table.target} and was weighed so.")
    rivals = [rival for rival in ranked[1:4] if rival.score - ranked[0].score < POSSIBLE]
    near = [format_expr(rival.expression(), digits=4) for rival in rivals]
    near = [text for text in near if text != format_expr(final.expression(), digits=4)]
    if near:
        notes.append(f"The data cannot tell the law from: {'; '.join(near)}.")
    return notes


def _terms(final: Formula, table: StaticTable) -> list[Term]:
    """Every constant with its error and, where the headers tell, its unit."""
    of = TRANSFORMS[final.transform].text.format(table.target)
    unit = table.units[table.target]
    power = TRANSFORMS[final.transform].power
    unit = f"({unit})^({power})" if unit and power not in (None, 1) else unit if power else ""
    inner = {name: value for name, value in final.values.items() if not name.startswith("_c")}
    numbers = {sympy.Symbol(name): sympy.Float(value) for name, value in inner.items()}
    terms, listed = [], []
    for name, term in linear_terms(final):
        listed.append(name)
        rest = term.subs(numbers)
        # Where an exponent or a rate is a constant of its own, the unit is no product of small powers.
        of_term = coefficient_unit(rest, table.units, unit) if not term.has(*numbers) else ""
        terms.append(Term(of, format_expr(rest), final.values[name], _finite(final.stderr[name]), of_term))
    for name in final.values:
        if name not in listed:
            terms.append(Term(of, _role(name, final.inside), final.values[name], _finite(final.stderr[name])))
    return terms


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _role(name: str, inside: sympy.Expr) -> str:
    """What an inner constant is, in words, e.g. ``exponent of x`` or ``k in exp(k*x)``."""
    symbol = sympy.Symbol(name)
    for node in sympy.preorder_traversal(inside):
        if node.is_Pow and node.exp == symbol:
            return f"exponent of {format_expr(node.base)}"
    nodes = [node for node in sympy.postorder_traversal(inside) if node.has(symbol)]
    holders = [node for node in nodes if node.is_Function or node.is_Pow]
    text = holders[0].subs(symbol, sympy.Symbol("k")) if holders else sympy.Symbol("k")
    others = {s: sympy.Symbol(s.name.lstrip("_")) for s in text.free_symbols if s.name.startswith("_")}
    return f"k in {format_expr(text.xreplace(others))}"


def _alternatives(table: StaticTable, ranked: list[Formula]) -> tuple[Alternative, ...]:
    """The runners-up with their error in all rows."""
    found = []
    for rival in ranked[1:6]:
        nmse = float(np.mean((_predicted(rival, table.rows) - table.rows.y) ** 2)) / table.rows.spread
        law, delta = {table.target: format_expr(rival.expression())}, rival.score - ranked[0].score
        found.append(Alternative(law, round(rival.score, 3), round(delta, 3), nmse if np.isfinite(nmse) else None))
    return tuple(found)


def _hypotheses(table: StaticTable, proposed: list[Formula], winner: Formula) -> tuple[Hypothesis, ...]:
    """What other engines proposed, and whether it won."""
    found = []
    for formula in proposed:
        text, is_used = format_expr(formula.expression()), formula.key == winner.key
        found.append(Hypothesis(formula.source, f"{table.target} = {text}", {table.target: text}, is_used))
    return tuple(found)
