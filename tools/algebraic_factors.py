"""Products: y = c·Π column^p·Π factor^q, sought in logarithms, where a factor is a plain function of a group.

In logarithms a product is a sum, so the powers come from least squares. Every column may stand to any power; beside
them one to three factors such as 1 - v²/c², exp(h·f/(k·T)) - 1, sin(n·θ/2) or a difference are chosen among some
hundred thousand: each alone, the plainer ones in all pairs, and a third upon the best pairs. Constants inside a
factor are scanned, then refined. Leaves out which groups there are (`algebraic_groups`) and the fit to y itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from motionlaw.tools.algebraic_fit import CHOICE, Formula, Rows
from motionlaw.tools.algebraic_forms import FORMS, Factor, Form
from motionlaw.tools.algebraic_groups import Pieces, groups
from motionlaw.tools.algebraic_products import Goal, formulas_of, goal_of, ranked_products

# Rows that are looked at when factors are screened.
SCREENED_ROWS = 200
BLOCK = 250
# Single factors that are refined; columns that are paired with each other; pairs and triples that are kept.
SINGLES, PAIRS, TRIPLES = 120, 60, 20
PAIRED = {"piece": 60, "exp": 250, "1 + z": 1000, "exp - 1": 100, "exp + 1": 100, "cosh": 60, "tanh": 60, "log": 60,
          "sin": 900, "cos": 600}  # fmt: skip
# Exponents for which the constant in a scanned factor is sought anew, if the fitted one is within this ratio of it;
# so many scanned factors are treated so.
PLAIN_EXPONENTS = tuple(Fraction(p) for p in ("1", "-1", "1/2", "-1/2", "2", "-2"))
LOOSE, LOOSENED = 4.0, 40
# So many sets of factors have their exponents rounded.
ROUNDED = 140
# A column that the others make up to this share of its length adds nothing.
ALIKE = 1e-9


@dataclass(frozen=True)
class _Problem:
    """The logarithm of the (transformed) target in weighted rows, free of powers of the columns.

    Args:
        pieces: What groups are made of, on the screened rows.
        weights: Of the rows, shape (n,).
        basis: Orthonormal basis of the weighted powers of columns, shape (n, B).
        rest: What they leave of the weighted target, shape (n,).
        price: Nats a free constant costs.
    """

    pieces: Pieces
    weights: np.ndarray
    basis: np.ndarray
    rest: np.ndarray
    price: float

    def freed(self, logs: np.ndarray) -> np.ndarray:
        """Columns of logarithms, shape (n, F), weighted and freed of the basis, of length one; zero where useless."""
        with np.errstate(all="ignore"):
            columns = logs * self.weights[:, None]
            lengths = np.linalg.norm(columns, axis=0)
            columns = columns - self.basis @ (self.basis.T @ columns)
            columns -= self.basis @ (self.basis.T @ columns)
            left = np.linalg.norm(columns, axis=0)
            good = np.isfinite(left) & (left > ALIKE * lengths)
            return np.where(good, columns / np.where(good, left, 1.0), 0.0)

    def gains(self, logs: np.ndarray) -> np.ndarray:
        """What each column of logarithms, shape (n, F), alone takes off the sum of squares, shape (F,)."""
        with np.errstate(all="ignore"):
            columns = logs * self.weights[:, None]
            lengths = np.einsum("nf,nf->f", columns, columns)
            left = lengths - np.sum((self.basis.T @ columns) ** 2, axis=0)
            gains = (self.rest @ columns) ** 2 / left
            return np.where(np.isfinite(gains) & (left > ALIKE * lengths), gains, 0.0)

    def value(self, factor: Factor) -> np.ndarray:
        """The factor's logarithm on the rows, shape (n, 1)."""
        group = self.pieces.of(np.array([factor.powers]))
        with np.errstate(all="ignore"):
            return FORMS[factor.form].log(factor.k * group)

    def left(self, factors: Sequence[Factor]) -> float:
        """Sum of squares that factors leave."""
        columns = self.freed(np.column_stack([self.value(factor) for factor in factors]))
        q, _ = np.linalg.qr(columns)
        rest = self.rest - q @ (q.T @ self.rest)
        return float(rest @ rest)

    def worth(self, factors: Sequence[Factor]) -> float:
        """Description length of factors with whatever exponents fit best."""
        return float(self.score(self.left(factors), sum(factor.cost for factor in factors)))

    def score(self, left: Any, cost: Any) -> Any:
        """Description length in nats of what is left and what it costs."""
        floor = 1e-22 * float(self.rest @ self.rest) + 1e-300
        return len(self.rest) * np.log(left + floor) + 2 * self.price * cost


def _problem(rows: Rows, pieces: Pieces, names: Sequence[str], goal: Goal) -> _Problem | None:
    """The problem on some of the rows; ``None`` where too few have a logarithm."""
    if len(goal.values) < len(names) + 4:
        return None
    few = np.linspace(0, len(goal.values) - 1, min(len(goal.values), SCREENED_ROWS)).astype(int)
    kept, weights = np.flatnonzero(goal.rows)[few], goal.weights[few]
    bases = np.log(np.abs(np.array([rows.columns[name][kept] for name in names]))).T.reshape(len(kept), -1)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(kept)), bases]) * weights[:, None])
    rest = goal.values[few] * weights
    rest = rest - basis @ (basis.T @ rest)
    part = replace(pieces, values=pieces.values[kept])
    return _Problem(part, weights, basis, rest, 0.5 * (np.log(len(rows.y)) + CHOICE))


def _scans(form: Form, values: np.ndarray) -> np.ndarray:
    """Values of k to try for groups, shape (n, G) -> (K, G)."""
    with np.errstate(all="ignore"):
        size = np.max(np.abs(values), axis=0) if form.at_largest else np.median(np.abs(values), axis=0)
        scanned = np.array(form.scales)[:, None] / size
    return np.vstack([np.repeat(np.array(form.exact)[:, None], values.shape[1], axis=1), scanned])


def _blocks(
    problem: _Problem, listed: np.ndarray, costs: np.ndarray
) -> Iterator[tuple[list[tuple[str, int, float, bool]], np.ndarray, np.ndarray]]:
    """All factors of all forms, in blocks, with their logarithms, shape (n, F)."""
    plain = problem.pieces.columns
    for name, form in FORMS.items():
        chosen = costs <= form.most_cost
        if name == "piece":
            chosen &= (np.sum(listed != 0, axis=1) == 1) & np.any(listed[:, plain:] == 1, axis=1)
        if not form.inverses:  # 1/group gives the same factor as group
            first = np.array([next((p for p in row[:plain] if p), 1.0) for row in listed])
            chosen &= (first > 0) | np.any(listed[:, plain:] != 0, axis=1)
        indices = np.flatnonzero(chosen)
        width = max(1, BLOCK * 12 // (len(form.exact) + len(form.scales)))
        for start in range(0, len(indices), width):
            part = indices[start : start + width]
            values = problem.pieces.of(listed[part])
            scans = _scans(form, values)
            if not form.is_exponential and name != "piece":  # a bare group in a function must be a pure number
                scans[: len(form.exact), ~problem.pieces.are_numbers(listed[part])] = np.nan
            with np.errstate(all="ignore"):
                logs = form.log(values[:, None, :] * scans[None]).reshape(len(values), -1)
            count = len(form.exact)
            factors = [
                (name, g, float(scans[s, c]), s < count) for s in range(len(scans)) for c, g in enumerate(part)
            ]  # fmt: skip
            prices = [_factor_cost(form, costs[g], s < count) for s in range(len(scans)) for g in part]
            yield factors, logs, np.array(prices)


def _factor_cost(form: Form, columns: float, is_exact: bool) -> float:
    """In free constants: the exponential's exponent and a scanned k are constants of the law."""
    return form.cost + 0.25 * columns + (not is_exact or form.is_exponential)


def _screened(
    problem: _Problem, most_groups: int, late: Callable[[], bool]
) -> tuple[list[Factor], list[Factor], np.ndarray]:
    """The best single factors, and plain ones with their columns, shape (n, F), to be paired."""
    listed = groups(problem.pieces, most_groups, both_signs=True)
    costs = problem.pieces.cost(listed)
    total = float(problem.rest @ problem.rest)
    best: dict[tuple[str, int, bool, bool], tuple[float, Factor]] = {}
    plain: list[Factor] = []
    columns: list[np.ndarray] = []
    room: dict[str, int] = {}
    for specs, logs, prices in _blocks(problem, listed, costs):
        gains = problem.gains(logs)
        scores = np.where(gains > 0, problem.score(np.maximum(total - gains, 0.0), prices), np.inf)
        for index in np.argsort(scores)[:60]:
            form, group, k, exact = specs[index]
            kind = (form, group, exact, k > 0)
            if kind not in best or scores[index] < best[kind][0]:
                factor = Factor(form, tuple(listed[group]), k, exact, float(prices[index]))
                best[kind] = (float(scores[index]), factor)
        form = specs[0][0]
        kept = [k for k, spec in enumerate(specs) if spec[3] and gains[k] > 0][: PAIRED[form] - room.get(form, 0)]
        room[form] = room.get(form, 0) + len(kept)
        plain += [Factor(form, tuple(listed[specs[k][1]]), specs[k][2], True, float(prices[k])) for k in kept]
        columns.append(problem.freed(logs[:, kept]))
        if late():
            break
    singles = [factor for _, factor in sorted(best.values(), key=lambda each: each[0])[:SINGLES]]
    return singles, plain, np.column_stack(columns)


def _refined(problem: _Problem, factors: Sequence[Factor]) -> list[Factor]:
    """Factors with their scanned constants at the best values nearby."""
    free = [index for index, factor in enumerate(factors) if not factor.is_exact]
    if not free:
        return list(factors)

    def moved(steps: Sequence[float]) -> list[Factor]:
        result = list(factors)
        for index, step in zip(free, steps, strict=True):
            result[index] = replace(factors[index], k=factors[index].k * float(np.exp(step)))
        return result

    def left(steps: Sequence[float]) -> float:
        return np.log(problem.left(moved(steps)) + 1e-300)

    if len(free) == 1:
        reach = 0.08 if factors[free[0]].form in ("sin", "cos") else 1.0
        found = minimize_scalar(lambda step: left([step]), bounds=(-reach, reach), method="bounded",
                                options={"xatol": 1e-4, "maxiter": 25})  # fmt: skip
        best = [float(found.x)]
    else:
        found = minimize(left, np.zeros(len(free)), method="Nelder-Mead", options={"maxfev": 60, "xatol": 1e-4})
        best = [float(step) for step in found.x]
    return moved(best) if left(best) < left([0.0] * len(free)) else list(factors)


def _with_exponents(problem: _Problem, factor: Factor) -> list[Factor]:
    """A scanned factor with its constant sought anew for each plain exponent that the rows allow.

    With noise the constant inside and the exponent make up for each other; a fitted exponent of -1.4 is often -1.
    """
    if factor.is_exact or FORMS[factor.form].is_exponential:
        return []

    def column(step: float) -> np.ndarray:
        weighted = problem.value(replace(factor, k=factor.k * float(np.exp(step))))[:, 0] * problem.weights
        if not np.all(np.isfinite(weighted)):
            return np.zeros(len(weighted))
        return weighted - problem.basis @ (problem.basis.T @ weighted)

    here = column(0.0)
    length = float(here @ here)
    if length == 0:
        return []
    estimate = float(problem.rest @ here) / length
    error = np.sqrt(float(np.sum((problem.rest - estimate * here) ** 2)) / len(here) / length)
    result = []
    for exponent in PLAIN_EXPONENTS:
        ratio = abs(float(exponent) / estimate) if estimate else np.inf
        if np.sign(float(exponent)) == np.sign(estimate) and (
            abs(float(exponent) - estimate) < 3 * error or 1 / LOOSE < ratio < LOOSE
        ):
            found = minimize_scalar(
                lambda step, e=float(exponent): float(np.sum((problem.rest - e * column(step)) ** 2)),
                bounds=(-2.0, 2.0), method="bounded", options={"xatol": 1e-4, "maxiter": 30},
            )  # fmt: skip
            result.append(replace(factor, k=factor.k * float(np.exp(found.x)), exponent=exponent))
    return result


def _pairs(problem: _Problem, factors: list[Factor], columns: np.ndarray, count: int) -> list[list[Factor]]:
    """The best pairs of all pairs of factors."""
    if len(factors) < 2:
        return []
    moments = problem.rest @ columns
    total = float(problem.rest @ problem.rest)
    costs = np.array([factor.cost for factor in factors])
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(factors), 500):
        part = slice(start, start + 500)
        overlap = columns[:, part].T @ columns[:, start:]
        room = 1 - overlap**2
        a, b = moments[part][:, None], moments[start:][None]
        with np.errstate(all="ignore"):
            gains = np.where(room > 1e-9, (a**2 + b**2 - 2 * a * b * overlap) / room, 0.0)
            scores = problem.score(np.maximum(total - gains, 0.0), costs[part][:, None] + costs[start:][None])
        scores[gains <= 0] = np.inf
        near = np.argpartition(scores.ravel(), min(2 * count, scores.size - 1))[: 2 * count]
        rows, places = np.unravel_index(near, scores.shape)
        found += [(float(scores[r, p]), start + r, start + p) for r, p in zip(rows, places, strict=True) if r < p]
    return [[factors[i], factors[j]] for _, i, j in sorted(found)[:count]]


def _thirds(
    problem: _Problem, pairs: list[list[Factor]], factors: list[Factor], columns: np.ndarray
) -> list[list[Factor]]:
    """The best factor upon each pair."""
    result = []
    for pair in pairs:
        q, _ = np.linalg.qr(problem.freed(np.column_stack([problem.value(factor) for factor in pair])))
        rest = problem.rest - q @ (q.T @ problem.rest)
        free = columns - q @ (q.T @ columns)
        lengths = np.sum(free**2, axis=0)
        with np.errstate(all="ignore"):
            gains = np.where(lengths > 1e-9, (rest @ free) ** 2 / lengths, 0.0)
        left = np.maximum(rest @ rest - gains, 0.0)
        scores = problem.score(left, np.array([factor.cost for factor in factors]))
        result += [[*pair, factors[k]] for k in np.argsort(scores)[:2]]
    return result


def factor_formulas(
    rows: Rows,
    pieces: Pieces,
    *,
    transform: str = "",
    relative: bool = False,
    about: np.ndarray | None = None,
    most_groups: int = 1500,
    late: Callable[[], bool] = lambda: False,
) -> list[Formula]:
    """Products of powers of all columns and up to three factors, most promising first.

    Args:
        rows: The table.
        pieces: What the factors' groups are made of.
        transform: What of the target is a product.
        most_groups: How many groups to consider.
        relative: Whether rows count alike (noise is a share of y) rather than by the target's size.
        about: A prediction of the target, about which its logarithm is taken.
        late: Whether time is up.
    """
    names = [name for name, values in rows.columns.items() if np.all(values != 0)]
    goal = goal_of(rows, transform, relative, about)
    problem = _problem(rows, pieces, names, goal)
    if problem is None:
        return []
    choices: list[list[Factor]] = []
    if pieces.expressions:
        choices = _choices(problem, len(names), most_groups, late)
    choices.sort(key=problem.worth)
    chosen = ranked_products(rows, names, pieces, [[], *choices[:ROUNDED]], goal, problem.price)
    return [formula for product in chosen for formula in formulas_of(rows, names, pieces, product, transform)]


def _choices(
    problem: _Problem, columns_in_front: int, most_groups: int, late: Callable[[], bool]
) -> list[list[Factor]]:
    """Single factors, pairs and triples that may make up the law, their constants refined."""
    singles, plain, columns = _screened(problem, most_groups, late)
    refined = [_refined(problem, [factor]) for factor in singles]
    if len(problem.rest) <= columns_in_front + 8 or late():
        return refined
    scanned = [factors[0] for factors in refined if not factors[0].is_exact]
    both = plain + scanned
    if scanned:
        more = problem.freed(np.column_stack([problem.value(factor) for factor in scanned]))
        columns = np.column_stack([columns, more])
    pairs = _pairs(problem, both, columns, PAIRS)
    result = refined + [_refined(problem, pair) for pair in pairs]
    result += [[each] for factor in scanned[:LOOSENED] for each in _with_exponents(problem, factor)]
    return result + _thirds(problem, pairs[:TRIPLES], both, columns)
