"""SR² on rows: an ansatz for y = f(columns) is refitted, what it leaves over is searched, and the whole is pruned.

The numbers of an ansatz are first guesses only. They are fitted before anything is concluded; the residual is searched
only where its rows still follow one another; what is found is merged with the ansatz, all constants are fitted again,
and terms that do not pay for themselves are dropped, the ansatz's own included.

Source: Symbolic Residual Realignment of VIPER-R1 (2508.17380), with the refit and the stop at the noise that it lacks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs, evaluate
from motionlaw.tools.realign import named_constants
from motionlaw.tools.regression import find_formula

ROUNDS = 3
# Below this share of the target's mean square a residual is rounding.
ROUNDING = 1e-22
# Noise in proportion to the value is never smaller than at this share of the usual value.
LEAST_SHARE = 1e-2
# Nats that a term must earn beyond its constant, since it was chosen among about a thousand.
CHOSEN = 7.0
# A residual is structure where successive rows agree beyond this many standard errors, in the order of any column.
SURE = 4.0
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Realigned:
    """An ansatz made to fit.

    Args:
        expression: The law with its numbers.
        rounds: How often a residual was searched; 0 where the refitted ansatz left noise only.
        seconds: Wall-clock seconds.
    """

    expression: sympy.Expr
    rounds: int
    seconds: float


def realign_rows(
    ansatz: sympy.Expr,
    columns: Columns,
    y: np.ndarray,
    *,
    kinds: Mapping[str, str] | None = None,
    time_limit: float = 10.0,
    seed: int = 0,
) -> Realigned:
    """Refits an ansatz, adds what its residual holds, and drops what the data do not need.

    Args:
        ansatz: The proposed formula; its numbers need not be right.
        columns: Inputs by name, each of shape (n,).
        y: The target, shape (n,).
        kinds: What the columns are, as for `find_formula`.
        time_limit: Seconds.
        seed: Seed of the search.

    Example:
        >>> x = np.linspace(-2, 2, 200)
        >>> str(realign_rows(9.0 * sympy.Symbol("x"), {"x": x}, 2.0 * x, kinds={"x": "coordinate"}).expression)
        '2.0*x'
    """
    started = time.monotonic()
    law, weights = refit(ansatz, columns, y), np.ones(len(y))
    rounds = 0
    while rounds < ROUNDS and time.monotonic() - started < 0.5 * time_limit:
        residual = y - evaluate(law, columns)
        if is_noise(residual, columns, y):
            break
        left = time_limit - (time.monotonic() - started)
        found = find_formula(columns, residual, kinds=kinds, time_limit=0.6 * left, seed=seed)
        merged = refit(law + found.expression, columns, y)
        weights = noise_weights(evaluate(merged, columns), y)
        merged = prune(merged, columns, y, weights)
        rounds += 1
        if merged == law:
            break
        law = merged
    return Realigned(prune(law, columns, y, weights), rounds, time.monotonic() - started)


def noise_weights(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One over the noise's standard deviation: even, or a share of the value where that explains the residuals better.

    Args:
        values: Values of a law that fits, shape (n,).
        y: The target.
    """
    errors = y - values
    size = np.sqrt(values**2 + LEAST_SHARE**2 * np.mean(values**2))
    spread, share = float(np.sqrt(np.mean(errors**2))), float(np.sqrt(np.mean((errors / size) ** 2)))
    if not spread or not share:
        return np.ones(len(y))
    # Gaussian likelihoods, up to what they have in common.
    is_share = float(np.mean(np.log(share * size))) < np.log(spread)
    return 1 / (share * size) if is_share else np.full(len(y), 1 / spread)


def is_noise(residual: np.ndarray, columns: Columns, y: np.ndarray) -> bool:
    """Whether a residual is rounding or noise: successive rows tell nothing of each other, in whatever order.

    Args:
        residual: What a law leaves over, shape (n,).
        columns: Inputs; rows are put in the order of each, and in the order given.
        y: The target, shape (n,).

    Source: von Neumann (1941), ratio of the mean square successive difference to the variance.
    """
    total = float(np.mean(residual**2))
    if total <= ROUNDING * float(np.mean(y**2)):
        return True
    # Signs as well as sizes, or a few large rows of uneven noise would hide the others.
    for values in (residual, np.sign(residual)):
        for order in (np.arange(len(residual)), *(np.argsort(column, kind="stable") for column in columns.values())):
            ordered = values[order] - values.mean()
            agreement = float(ordered[1:] @ ordered[:-1]) / float(ordered @ ordered)
            if agreement > SURE / np.sqrt(len(ordered)):
                return False
    return True


def refit(ansatz: sympy.Expr, columns: Columns, y: np.ndarray, weights: np.ndarray | None = None) -> sympy.Expr:
    """Fits all constants of a formula by weighted least squares: coefficients exactly, inner ones from their values.

    Args:
        ansatz: The formula.
        columns: Inputs by name.
        y: The target.
        weights: One over the standard deviation of each row; equal if not given.
    """
    fit = _Fit(ansatz, columns, y, weights)
    return fit.expression(range(len(fit.terms)))


def prune(law: sympy.Expr, columns: Columns, y: np.ndarray, weights: np.ndarray | None = None) -> sympy.Expr:
    """Drops terms one by one, the idlest first, that earn less than their price; fits the rest."""
    fit = _Fit(law, columns, y, weights)
    kept = list(range(len(fit.terms)))
    while len(kept) > 1:
        trials = [(fit.nats([k for k in kept if k != out]), out) for out in kept]
        score, out = min(trials)
        if score > fit.nats(kept):
            break
        kept.remove(out)
    return fit.expression(kept)


class _Fit:
    """A formula as terms with constants inside; inner constants are fitted once, with all terms."""

    def __init__(self, law: sympy.Expr, columns: Columns, y: np.ndarray, weights: np.ndarray | None) -> None:
        hidden = {sympy.Symbol(name): sympy.Symbol(f"u{k}") for k, name in enumerate(columns)}
        self.back = {new: old for old, new in hidden.items()}
        model = named_constants([law.xreplace(hidden)], coordinates=tuple(s.name for s in self.back), order=1)
        coefficients = [sympy.Symbol(name) for name in model.parameters if name.startswith("c_")]
        inner = [name for name in model.parameters if name.startswith("k_")]
        self.terms = [model.equations[0].coeff(symbol) for symbol in coefficients]
        self.inner = [sympy.Symbol(name) for name in inner]
        self.values = np.array(model.values[len(coefficients) :], dtype=float)
        self.weights = np.ones(len(y)) if weights is None else weights
        self.target = self.weights * y
        self.rows = np.array(list(columns.values()), dtype=float)
        self.evaluated = compile_rhs(self.terms, [*(s.name for s in self.back), *inner])
        if inner:
            self._fit_inner()

    def _matrix(self, values: np.ndarray) -> np.ndarray:
        constants = np.repeat(values[:, None], self.rows.shape[1], axis=1)
        matrix = self.evaluated(np.vstack([self.rows, constants])).T * self.weights[:, None]
        return np.nan_to_num(matrix, nan=0.0, posinf=0.0, neginf=0.0)

    def _solve(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = np.linalg.norm(matrix, axis=0)
        size[size == 0] = 1.0
        solution = np.linalg.lstsq(matrix / size, self.target, rcond=1e-12)[0] / size
        return solution, self.target - matrix @ solution

    def _fit_inner(self) -> None:
        from scipy.optimize import least_squares

        scale = np.where(self.values == 0, 1.0, np.abs(self.values))
        found = least_squares(
            lambda shares: self._solve(self._matrix(shares * scale))[1], self.values / scale, max_nfev=30
        )
        self.values = found.x * scale

    def nats(self, kept: list[int]) -> float:
        """Description length of some of the terms: misfit, constants, and the price of having been chosen."""
        left = self._solve(self._matrix(self.values)[:, kept])[1]
        floor = ROUNDING * float(np.mean(self.target**2))
        misfit = 0.5 * len(left) * float(np.log(np.mean(left**2) + floor))
        return misfit + len(kept) * (0.5 * float(np.log(len(left))) + CHOSEN)

    def expression(self, kept: range | list[int]) -> sympy.Expr:
        """The formula with its numbers, of some of the terms."""
        numbers = dict(zip(self.inner, map(sympy.Float, self.values), strict=True))
        solution = self._solve(self._matrix(self.values)[:, list(kept)])[0]
        terms = [sympy.Float(c) * self.terms[k].xreplace(numbers) for c, k in zip(solution, kept, strict=True)]
        return sympy.Add(*terms).xreplace(self.back)
