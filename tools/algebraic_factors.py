"""Products: y = c·Π column^p·Π factor^q, sought in logarithms, where a factor is a plain function of a group.

In logarithms a product is a sum, so the powers come from least squares. Every column may stand to any power; beside
them one to three factors such as 1 - v²/c², exp(h·f/(k·T)) - 1, sin(n·θ/2) or a difference are chosen among some
hundred thousand: each alone, the plainer ones in all pairs, and a third upon the best pairs. Constants inside a
factor are scanned, then refined. Leaves out which groups there are (`algebraic_groups`) and the fit to y itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
from scipy.optimize import minimize, minimize_scalar

from motionlaw.tools.algebraic_fit import TRANSFORMS, Formula, Rows
from motionlaw.tools.algebraic_groups import Pieces, groups

# Rows that are looked at when factors are screened.
SCREENED_ROWS = 200
BLOCK = 250
# Single factors that are refined; columns that are paired with each other; pairs and triples that are kept.
SINGLES, PAIRS, TRIPLES = 120, 60, 20
PAIRED = {"piece": 60, "exp": 250, "1 + z": 1000, "exp - 1": 100, "exp + 1": 100, "cosh": 60, "tanh": 60, "log": 60,
          "sin": 900, "cos": 600}  # fmt: skip
# Exponents: the largest that is believed, how near to a fraction counts as that fraction, and which fractions.
MOST_POWER, NEAR_FRACTION, DENOMINATORS = 8.0, 0.03, (1, 2, 3, 4)
# A column that the others make up to this share of its length adds nothing.
ALIKE = 1e-9
HANDED_ON = 45
# Rows count where the target exceeds this share of its standard deviation, or is among this share of the largest.
BRIGHT, BRIGHTEST = 0.3, 0.3


@dataclass(frozen=True)
class Form:
    """A function of a group that may be a factor.

    Args:
        log: Logarithm of its size, from the values of k·group.
        build: The expression, from that of k·group.
        exact: Values of k that are tried as they are; the others are scanned.
        scales: Values of k·group, at the group's median or largest size, that k is scanned over.
        at_largest: Whether ``scales`` are values at the group's largest size.
        most_cost: Groups that cost more columns than this are not tried.
        inverses: Whether a group and its inverse differ.
        cost: In free constants.
    """

    log: Callable[[np.ndarray], np.ndarray]
    build: Callable[[sympy.Expr], sympy.Expr]
    exact: tuple[float, ...]
    scales: tuple[float, ...]
    at_largest: bool
    most_cost: float
    inverses: bool
    cost: float


_TURNS = tuple(np.geomspace(0.5, 30.0, 60))
FORMS = {
    "piece": Form(lambda z: np.log(np.abs(z)), lambda z: z, (1.0,), (), False, 2.5, False, 0.3),
    "exp": Form(lambda z: z, sympy.exp, (1.0,), (), False, 99.0, True, 0.8),
    "1 + z": Form(
        lambda z: np.log(np.abs(1 + z)), lambda z: 1 + z, (-1.0, 1.0),
        (-0.98, -0.9, -0.7, -0.3, 0.3, 1.0, 3.0, 10.0, 40.0), True, 99.0, False, 0.1,
    ),
    "exp - 1": Form(
        lambda z: np.log(np.abs(np.expm1(z))), lambda z: sympy.exp(z) - 1, (-1.0, 1.0),
        (-10.0, -3.0, -1.0, -0.3, 0.3, 1.0, 3.0, 10.0, 30.0), False, 6.0, True, 0.9,
    ),
    "exp + 1": Form(
        lambda z: np.logaddexp(z, 0.0), lambda z: sympy.exp(z) + 1, (-1.0, 1.0),
        (-10.0, -3.0, -1.0, 1.0, 3.0, 10.0), False, 6.0, True, 0.9,
    ),
    "cosh": Form(
        lambda z: np.logaddexp(z, -z), lambda z: sympy.cosh(z), (1.0,), (0.5, 1.0, 2.0, 4.0), False, 6.0, True, 0.8
    ),
    "tanh": Form(
        lambda z: np.log(np.abs(np.tanh(z))), lambda z: sympy.tanh(z), (1.0,), (0.3, 1.0, 2.0), False, 6.0, True, 0.8
    ),
    "log": Form(
        lambda z: np.log(np.abs(np.log(np.abs(z)))), lambda z: sympy.log(z), (1.0,), (3.0, 10.0, 100.0),
        False, 4.0, False, 0.8,
    ),
    "sin": Form(lambda z: np.log(np.abs(np.sin(z))), sympy.sin, (0.5, 1.0, 2.0), _TURNS, True, 4.5, True, 0.8),
    "cos": Form(lambda z: np.log(np.abs(np.cos(z))), sympy.cos, (0.5, 1.0, 2.0), _TURNS, True, 4.5, True, 0.8),
}  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """A form of k times a group; ``is_exact`` if k stands as it is and is no constant of the law."""

    form: str
    powers: tuple[float, ...]
    k: float
    is_exact: bool
    cost: float

    @property
    def name(self) -> tuple[str, tuple[float, ...], bool]:
        return self.form, self.powers, self.is_exact


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

    def score(self, left: float | np.ndarray, cost: float | np.ndarray) -> float | np.ndarray:
        """Description length in nats of what is left and what it costs."""
        floor = 1e-22 * float(self.rest @ self.rest) + 1e-300
        return len(self.rest) * np.log(left + floor) + 2 * self.price * cost


@dataclass(frozen=True)
class _Goal:
    """The logarithm of a (transformed) target in the rows that have one: values and weights, shape (n,), and which."""

    values: np.ndarray
    weights: np.ndarray
    rows: np.ndarray


def _goal(rows: Rows, transform: str, relative: bool, about: np.ndarray | None) -> _Goal:
    """The logarithm of the target where it stands well above noise, or about a prediction of it.

    Noise of one size is the larger in the logarithm the smaller the target, and biased where both are alike; about a
    prediction the logarithm is taken to first order, which leaves no bias.
    """
    change = TRANSFORMS[transform]
    with np.errstate(all="ignore"):
        target = change.apply(rows.y)
        if about is not None:
            expected = change.apply(about)
            values = np.log(np.abs(expected)) + (target - expected) / expected
            weights = np.abs(expected / change.slope(about))
        else:
            values = np.log(np.abs(target))
            weights = np.ones(len(target)) if relative else np.abs(target / change.slope(rows.y))
    good = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    if not relative and np.any(good):
        few = np.quantile(weights[good], 1 - BRIGHTEST)
        good &= weights >= min(BRIGHT * np.std(rows.y), few)
    return _Goal(values[good], weights[good] / np.max(weights[good], initial=1e-300), good)


def _problem(rows: Rows, pieces: Pieces, names: Sequence[str], goal: _Goal) -> _Problem | None:
    """The problem on some of the rows; ``None`` where too few have a logarithm."""
    if len(goal.values) < len(names) + 4:
        return None
    few = np.linspace(0, len(goal.values) - 1, min(len(goal.values), SCREENED_ROWS)).astype(int)
    kept, weights = np.flatnonzero(goal.rows)[few], goal.weights[few]
    bases = np.log(np.abs(np.array([rows.columns[name][kept] for name in names]))).T.reshape(len(kept), -1)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(kept)), bases]) * weights[:, None])
    rest = goal.values[few] * weights
    rest = rest - basis @ (basis.T @ rest)
    part = Pieces(pieces.expressions, pieces.columns, pieces.values[kept], pieces.costs)
    return _Problem(part, weights, basis, rest, 0.5 * (np.log(len(rows.y)) + 2))


def _scans(form: Form, values: np.ndarray) -> np.ndarray:
    """Values of k to try for groups, shape (n, G) -> (K, G)."""
    with np.errstate(all="ignore"):
        size = np.max(np.abs(values), axis=0) if form.at_largest else np.median(np.abs(values), axis=0)
        scanned = np.array(form.scales)[:, None] / size
    return np.vstack([np.repeat(np.array(form.exact)[:, None], values.shape[1], axis=1), scanned])


def _blocks(problem: _Problem, listed: np.ndarray, costs: np.ndarray) -> Iterator[tuple[list[tuple[str, int, float, bool]], np.ndarray, np.ndarray]]:
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
    return form.cost + 0.25 * columns + (not is_exact or form.build is sympy.exp)


def _screened(
    problem: _Problem, most_groups: int, late: Callable[[], bool]
) -> tuple[list[Factor], list[Factor], np.ndarray]:
    """The best single factors, and plain ones with their columns, shape (n, F), to be paired."""
    listed = groups(problem.pieces, most_groups, both_signs=True)
    costs = problem.pieces.cost(listed)
    total = float(problem.rest @ problem.rest)
    best: dict[tuple[str, int, bool], tuple[float, Factor]] = {}
    plain: list[Factor] = []
    columns: list[np.ndarray] = []
    room: dict[str, int] = {}
    for specs, logs, prices in _blocks(problem, listed, costs):
        gains = problem.gains(logs)
        scores = np.where(gains > 0, problem.score(np.maximum(total - gains, 0.0), prices), np.inf)
        for index in np.argsort(scores)[:60]:
            form, group, k, exact = specs[index]
            if (form, group, exact) not in best or scores[index] < best[form, group, exact][0]:
                factor = Factor(form, tuple(listed[group]), k, exact, float(prices[index]))
                best[form, group, exact] = (float(scores[index]), factor)
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


def _thirds(problem: _Problem, pairs: list[list[Factor]], factors: list[Factor], columns: np.ndarray) -> list[list[Factor]]:
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
    goal = _goal(rows, transform, relative, about)
    problem = _problem(rows, pieces, names, goal)
    if problem is None:
        return []
    choices: list[list[Factor]] = [[]]
    if not pieces.expressions:
        return _formulas(rows, names, pieces, [], transform, goal)
    singles, plain, columns = _screened(problem, most_groups, late)
    refined = [_refined(problem, [factor]) for factor in singles]
    choices += refined
    if len(problem.rest) > len(names) + 8 and not late():
        scanned = [factors[0] for factors in refined if not factors[0].is_exact]
        both = plain + scanned
        if scanned:
            more = problem.freed(np.column_stack([problem.value(factor) for factor in scanned]))
            columns = np.column_stack([columns, more])
        pairs = _pairs(problem, both, columns, PAIRS)
        choices += [_refined(problem, pair) for pair in pairs]
        choices += _thirds(problem, pairs[:TRIPLES], both, columns)

    def score(factors: list[Factor]) -> float:
        left = problem.left(factors) if factors else float(problem.rest @ problem.rest)
        return float(problem.score(left, sum(factor.cost for factor in factors)))

    choices.sort(key=score)
    found: list[Formula] = []
    for factors in choices[:HANDED_ON]:
        found += _formulas(rows, names, pieces, factors, transform, goal)
    return found


def _formulas(
    rows: Rows, names: Sequence[str], pieces: Pieces, factors: Sequence[Factor], transform: str, goal: _Goal
) -> list[Formula]:
    """A product as a formula: with its exponents rounded where they are near small fractions, and with free ones."""
    values = [pieces.of(np.array([factor.powers]))[:, 0] * factor.k for factor in factors]
    with np.errstate(all="ignore"):
        logs = [np.log(np.abs(rows.columns[name])) for name in names]
        logs += [FORMS[factor.form].log(value) for factor, value in zip(factors, values, strict=True)]
    matrix = np.column_stack([np.ones(len(rows.y)), *logs])[goal.rows]
    good = np.all(np.isfinite(matrix), axis=1)
    if np.sum(good) <= matrix.shape[1]:
        return []
    weights = goal.weights[good]
    matrix, target = matrix[good] * weights[:, None], goal.values[good] * weights
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    powers, *_ = np.linalg.lstsq(matrix / scale, target, rcond=1e-12)
    variance = np.sum((target - matrix / scale @ powers) ** 2) / (len(target) - len(powers))
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(matrix.T @ matrix / np.outer(scale, scale))), 0) * variance)
    powers, errors = powers[1:] / scale[1:], errors[1:] / scale[1:]
    plain = np.array([True] * len(names) + [factor.form != "exp" for factor in factors])
    if np.any(np.abs(powers[plain]) > MOST_POWER):
        return []
    rounded = [_fraction(power, max(2 * error, NEAR_FRACTION)) for power, error in zip(powers, errors, strict=True)]
    options = [rounded]
    if any(fraction is None for fraction in rounded):
        near = [_fraction(power, np.inf) for power in powers]
        options.append(near)
    elif np.max(np.abs(np.array([float(f) for f in rounded]) - powers) / np.maximum(errors, 1e-9)) > 3:
        options.append([None] * len(powers))
    built = [_built(rows, names, pieces, factors, powers, option, transform) for option in options]
    return [formula for formula in built if formula is not None]


def _fraction(value: float, near: float) -> sympy.Rational | None:
    """The nearest plain fraction within ``near``, the plainest of those about as near; ``None`` if there is none."""
    options = [sympy.Rational(round(value * q), q) for q in DENOMINATORS]
    best = min(options, key=lambda option: abs(float(option) - value) + 0.02 * (option.q - 1))
    return best if abs(float(best) - value) < near else None


def _built(
    rows: Rows, names: Sequence[str], pieces: Pieces, factors: Sequence[Factor], powers: np.ndarray,
    rounded: Sequence[sympy.Rational | None], transform: str,
) -> Formula | None:  # fmt: skip
    """``c·Π base^power`` with the sign it needs."""
    constants: dict[str, float] = {"_c1": 1.0}
    parts: list[sympy.Expr] = [sympy.Symbol("_c1")]
    size = np.ones(len(rows.y))
    bases: list[tuple[sympy.Expr, np.ndarray]] = [(sympy.Symbol(name), rows.columns[name]) for name in names]
    for number, factor in enumerate(factors):
        group, value = pieces.group(np.array(factor.powers)), factor.k * pieces.of(np.array([factor.powers]))[:, 0]
        k: sympy.Expr = sympy.Integer(int(factor.k)) if factor.k == int(factor.k) else sympy.Rational(factor.k)
        if factor.form == "exp":
            constants[f"_k{number}"] = float(powers[len(names) + number])
            parts.append(sympy.exp(sympy.Symbol(f"_k{number}") * group))
            with np.errstate(all="ignore"):
                size *= np.exp(powers[len(names) + number] * value)
            bases.append((sympy.Integer(1), value))
            continue
        if not factor.is_exact:
            constants[f"_k{number}"] = factor.k
            k = sympy.Symbol(f"_k{number}")
        expression = FORMS[factor.form].build(k * group)
        with np.errstate(all="ignore"):
            bases.append((expression, _signed(factor.form, value)))
    for number, (base, value) in enumerate(bases):
        power = rounded[number]
        if base == 1 or power == 0:
            continue
        exponent: sympy.Expr = power if power is not None else sympy.Symbol(f"_p{number}")
        if power is None:
            constants[f"_p{number}"] = float(powers[number])
        if np.any(value < 0) and not exponent.is_Integer:
            if np.any(value > 0):
                return None  # changes sign: no real power
            base, value = -base, -value
        parts.append(base**exponent)
        with np.errstate(all="ignore"):
            size *= np.sign(value) ** int(exponent) * np.abs(value) ** float(exponent) if exponent.is_Integer else (
                np.abs(value) ** float(power if power is not None else powers[number])
            )
    with np.errstate(all="ignore"):
        target = TRANSFORMS[transform].apply(rows.y)
        ratio = target / size
        ratio = ratio[np.isfinite(ratio)]
    constants["_c1"] = float(np.median(ratio)) if len(ratio) else 1.0
    inside = sympy.Mul(*parts)
    used = {symbol.name for symbol in inside.free_symbols}
    return Formula(inside, {name: value for name, value in constants.items() if name in used}, transform)


def _signed(form: str, value: np.ndarray) -> np.ndarray:
    """The factor itself, of which `Form.log` gives the size."""
    signed = {
        "piece": lambda z: z, "1 + z": lambda z: 1 + z, "exp - 1": np.expm1, "exp + 1": lambda z: np.exp(z) + 1,
        "cosh": np.cosh, "tanh": np.tanh, "log": np.log, "sin": np.sin, "cos": np.cos,
    }  # fmt: skip
    return signed[form](value)
