"""Weighs choices of terms on one set of rows: fits, noise model, description length.

A choice is a tuple of indices of candidates. Misfits are in nats under noise that is a constant, a share of the value,
or both; terms and constants have their price. Leaves out where choices come from (`regression`, `subsets`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import sympy

from motionlaw.tools.algebraic_residual import is_white
from motionlaw.tools.candidates import Candidates
from motionlaw.tools.inner import fit_inner_constants
from motionlaw.tools.pieces import Term

Choice = tuple[int, ...]
# Choices that are judged by their own noise, those of them that may give the noise for the others' first look, and
# times that a formula is weighed by its own values.
JUDGED, LEADING, REWEIGHED = 20, 5, 3
# Constant over proportional noise that is tried, in units of the target's size.
RATIOS = np.geomspace(1e-9, 10.0, 51)
# The noise never falls below this share of what it is at the target's usual size.
LEAST_SHAPE = 1e-10
# A column's part outside the others, as a share of it, above which products of columns are exact enough.
OWN = 1e-4


@dataclass(frozen=True)
class Fitted:
    """A formula fitted to rows.

    Args:
        candidates: Where its terms are from.
        support: Their indices.
        coefficients: One a term.
        stderr: Standard errors of the coefficients.
        misfit: Weighted mean square of the residuals; weights are relative.
        score: Description length in nats, lower is better.
    """

    candidates: Candidates
    support: tuple[int, ...]
    coefficients: np.ndarray
    stderr: np.ndarray
    misfit: float
    score: float

    def scaled(self, size: float) -> Fitted:
        """The formula for a target ``size`` times as large."""
        return replace(self, coefficients=self.coefficients * size, stderr=self.stderr * size)

    @property
    def terms(self) -> tuple[Term, ...]:
        return tuple(self.candidates.term(k) for k in self.support)

    @property
    def expression(self) -> sympy.Expr:
        """The formula with its numbers."""
        parts = []
        for coefficient, term in zip(self.coefficients, self.terms, strict=True):
            numbers = {sympy.Symbol(name): sympy.Float(value) for name, value in term.constants}
            parts.append(sympy.Float(coefficient) * term.expression.xreplace(numbers))
        return sympy.Add(*parts)


@dataclass(frozen=True)
class Noise:
    """Standard deviation of the noise: the root of constant² + (share·value)²."""

    constant: float = 1.0
    share: float = 0.0

    def shape(self, value: np.ndarray) -> np.ndarray:
        """The standard deviation up to a common factor; 1 where it does not depend on the value."""
        if not self.share:
            return np.ones_like(value)
        least = max(self.constant / self.share, LEAST_SHAPE * float(np.sqrt(np.mean(value**2))))
        return np.sqrt(value**2 + least**2)

    def is_like(self, other: Noise) -> bool:
        return bool(np.allclose([self.constant, self.share], [other.constant, other.share], rtol=0.03))


@dataclass(frozen=True)
class Rows:
    """The rows of a search: inputs by name, the target, its errors up to a factor (1 if not known)."""

    names: tuple[str, ...]
    inputs: np.ndarray
    y: np.ndarray
    errors: np.ndarray
    has_known_errors: bool

    def only(self, kept: np.ndarray) -> Rows:
        return replace(self, inputs=self.inputs[:, kept], y=self.y[kept], errors=self.errors[kept])


class Judge:
    """Weighs choices of terms; remembers what it has weighed.

    Args:
        rows: The rows, whose target has a mean square of 1.
        candidates: The terms; further ones may be appended.
        looked: The rows that a first look is taken at.
        independent_share: Number of independent rows over that of rows.
        floor: Mean square misfit, as a share of the target's, that is no further evidence.
    """

    def __init__(
        self, rows: Rows, candidates: Candidates, looked: np.ndarray, independent_share: float, floor: float
    ) -> None:
        self.rows, self.candidates, self.looked = rows, candidates, looked
        self.independent = independent_share * len(rows.y)
        self.independent_share, self.floor = independent_share, floor
        self._prices: dict[Choice, float] = {}
        self._inner: dict[Choice, int] = {}
        self._weights: dict[Noise, np.ndarray] = {}
        self._led: set[Noise] = set()
        self._judged: dict[tuple[Noise, Choice], Fitted] = {}
        self._looks: dict[tuple[Noise, Choice], float] = {}

    def ranked(self, choices: Iterable[Choice], noise: Noise) -> list[Fitted]:
        """The best choices, and the best of each number of constants, judged by their own likelihood, best first."""
        every = set(choices)
        if noise.share and noise not in self._led:
            self._led.add(noise)
            leading = [self.judged(each, noise) for each in self.likeliest(every, noise)[:LEADING]]
            leader = min(leading, key=lambda each: each.score)
            self._weights[noise] = 1 / (noise.shape(self.values(leader)) * self.rows.errors)
            self._looks = {key: look for key, look in self._looks.items() if key[0] != noise}
        likely = self.likeliest(every, noise)
        first = {len(each) + self.inner_count(each): each for each in reversed(likely)}
        judged = dict.fromkeys([*likely[:JUDGED], *first.values()])
        return sorted((self.judged(each, noise) for each in judged), key=lambda each: each.score)

    def likeliest(self, choices: Iterable[Choice], noise: Noise) -> list[Choice]:
        """Choices by description length for the noise of the formula that led first, before that of measured values.

        All rows are looked at: of those that the search saw, long choices say more than they should.
        """
        ordered = sorted(choices)
        self._look_at([each for each in ordered if (noise, each) not in self._looks], noise)
        return sorted(ordered, key=lambda choice: self.look(choice, noise))

    def look(self, choice: Choice, noise: Noise) -> float:
        """The description length that `likeliest` goes by."""
        self._look_at([choice] if (noise, choice) not in self._looks else [], noise)
        return self._looks[noise, choice]

    def _look_at(self, choices: list[Choice], noise: Noise) -> None:
        """Describes choices, from the products of all their columns where those are exact enough."""
        if not choices:
            return
        if noise not in self._weights:
            self._weights[noise] = 1 / (noise.shape(self.rows.y) * self.rows.errors)
        used, places = np.unique(np.concatenate(choices), return_inverse=True)
        both = np.vstack([self.candidates.columns(used), self.rows.y]) * self._weights[noise]
        products = both @ both.T
        sizes = np.array([*map(len, choices)])
        starts = np.cumsum(sizes) - sizes
        for size in np.unique(sizes):
            alike = np.flatnonzero(sizes == size)
            own = np.column_stack([places[starts[alike, None] + np.arange(size)], np.full(len(alike), len(used))])
            left = shares_left(products[own[:, :, None], own[:, None, :]])
            for place, mine, share in zip(alike.tolist(), own, left.tolist(), strict=True):
                if np.isnan(share):
                    corner = np.asarray(np.linalg.qr(both[mine].T, mode="r"))
                    share = float(corner[-1, -1] ** 2) / float(corner[:, -1] @ corner[:, -1])
                self._looks[noise, choices[place]] = self._nats(choices[place], share)

    def inner_count(self, choice: Choice) -> int:
        """How many inner constants a choice has."""
        if choice not in self._inner:
            has_any = self.candidates.has_constants[list(choice)].any()
            self._inner[choice] = len(self.candidates.constants_of(choice)) if has_any else 0
        return self._inner[choice]

    def pruned(self, choice: Choice, weights: np.ndarray, rows: np.ndarray | slice) -> Choice:
        """A choice without the terms that earn less than they cost."""
        columns = self.candidates.columns(np.array(choice), rows)
        return self.pruned_columns(choice, triangle(columns * weights, weights * self.rows.y[rows]))

    def pruned_columns(self, choice: Choice, corner: np.ndarray) -> Choice:
        """A choice without the terms that earn less than they cost, from its `triangle`."""
        total = float(corner[:, -1] @ corner[:, -1])
        best = self._nats(choice, float(corner[-1, -1] ** 2) / total)
        while len(choice) > 1:
            solution, root = solved(corner)
            # What is left grows by this when a term goes and the others are fitted again.
            misfits = corner[-1, -1] ** 2 + solution**2 / np.maximum(np.sum(root**2, axis=1), 1e-300)
            trials = 0.5 * self.independent * np.log(misfits / total + self.floor) + self._dues_without_each(choice)
            out = int(np.argmin(trials))
            if trials[out] >= best:
                break
            best, choice = float(trials[out]), choice[:out] + choice[out + 1 :]
            kept = [k for k in range(corner.shape[1]) if k != out]
            corner = np.asarray(np.linalg.qr(corner[:, kept], mode="r"))
        return choice

    def _nats(self, choice: Choice, misfit: float) -> float:
        return 0.5 * self.independent * float(np.log(misfit + self.floor)) + self.dues(choice)

    def dues(self, choice: Choice) -> float:
        """Nats of the terms and of the digits of all their constants."""
        return self.price(choice) + 0.5 * len(choice) * float(np.log(self.independent))

    def _dues_without_each(self, choice: Choice) -> np.ndarray:
        """The dues of a choice without each of its terms, shape (k,)."""
        if self.inner_count(choice):
            return np.array([self.dues(choice[:k] + choice[k + 1 :]) for k in range(len(choice))])
        costs = self.candidates.costs[list(choice)]  # nothing is shared
        return costs.sum() - costs + 0.5 * (len(choice) - 1) * float(np.log(self.independent))

    def price(self, choice: Choice) -> float:
        """Nats of the terms and of the digits of their inner constants."""
        if choice not in self._prices:
            digits = 0.5 * self.inner_count(choice) * float(np.log(self.independent))
            self._prices[choice] = self.candidates.price(choice) + digits
        return self._prices[choice]

    def judged(self, choice: Choice, noise: Noise) -> Fitted:
        """A choice fitted with weights from its own values, and its description length."""
        if (noise, choice) not in self._judged:
            self._judged[noise, choice] = self._fit(choice, noise)
        return self._judged[noise, choice]

    def _fit(self, choice: Choice, noise: Noise) -> Fitted:
        y, n, k = self.rows.y, len(self.rows.y), len(choice)
        columns = self.candidates.columns(np.array(choice))
        shape = noise.shape(y) * self.rows.errors
        for _ in range(REWEIGHED if noise.share else 1):
            solution, inverse = solved(triangle(columns / shape, y / shape))
            shape = noise.shape(solution @ columns) * self.rows.errors
        rest = (y - solution @ columns) / shape
        variance = float(np.mean(rest**2))
        least = self.floor * float(np.mean((y / shape) ** 2))
        nats = float(np.sum(np.log(shape))) + 0.5 * n * float(np.log(variance + least))
        score = self.independent_share * nats + self.dues(choice)
        errors = np.sqrt(np.sum(inverse**2, axis=1) * variance * n / max(1, n - k))
        return Fitted(self.candidates, choice, solution, errors, variance, score)

    def with_fitted_constants(self, choice: Choice, noise: Noise) -> Choice:
        """A choice with its inner constants fitted, without the terms that are idle then."""
        weights = 1 / (noise.shape(self.values(self.judged(choice, noise))) * self.rows.errors)
        inputs = dict(zip(self.rows.names, self.rows.inputs, strict=True))
        plain, shaped = self.candidates.split(choice)
        constants = fit_inner_constants(plain, shaped, inputs, self.rows.y, weights)
        self.candidates, fresh = self.candidates.refined(choice, constants, inputs)
        return self.pruned(fresh, weights, slice(None))

    def noise_of(self, best: Fitted) -> Noise:
        """The likeliest mixture of a constant noise and one that is a share of the value."""
        value = self.values(best)
        return likeliest_noise(value, self.rows.y - value)

    def is_white(self, fitted: Fitted, noise: Noise) -> bool:
        """Whether nothing of the columns is left in what a formula leaves: it is noise, and no other law needs it."""
        values = self.values(fitted)
        rest = (self.rows.y - values) / (noise.shape(values) * self.rows.errors)
        columns = dict(zip(self.rows.names, self.rows.inputs[:, self.looked], strict=True))
        return is_white(rest[self.looked], columns, values[self.looked])

    def values(self, fitted: Fitted) -> np.ndarray:
        """A formula's values, shape (n,)."""
        return fitted.coefficients @ self.candidates.columns(np.array(fitted.support))


def likeliest_noise(values: np.ndarray, rest: np.ndarray) -> Noise:
    """The likeliest mixture of a constant noise and one that is a share of the value, for values of size 1."""
    shapes = np.sqrt(values**2 + RATIOS[:, None] ** 2)
    scales = np.sqrt(np.mean((rest / shapes) ** 2, axis=1))
    place = int(np.argmin(np.mean(np.log(shapes), axis=1) + np.log(scales)))
    return Noise(float(scales[place] * RATIOS[place]), float(scales[place]))


def triangle(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Upper triangle of the columns, shape (k, n), with the target as last column; its last entry is what is left."""
    both = np.vstack([columns, target])
    corner = corner_of(both @ both.T)
    return np.asarray(np.linalg.qr(both.T, mode="r")) if corner is None else corner


def corner_of(products: np.ndarray) -> np.ndarray | None:
    """The same from the products of columns and target, shape (k + 1, k + 1).

    ``None`` where a column, or the target, keeps too small a part of its own for that: products are squares.
    """
    norms = np.sqrt(products.diagonal())
    if norms.min() > 0:
        with suppress(np.linalg.LinAlgError):
            corner = np.linalg.cholesky(products / (norms[:, None] * norms)).T
            if corner.diagonal().min() > OWN:
                return np.asarray(corner * norms)
    return None


def shares_left(products: np.ndarray) -> np.ndarray:
    """Shares of the target's square that columns leave, from `corner_of`'s products of S choices; NaN for its ``None``.

    Args:
        products: Shape (S, k + 1, k + 1).
    """
    norms = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = products / (norms[:, :, None] * norms[:, None])
    try:
        corners = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:  # one of them will do
        return np.array([np.nan if (c := corner_of(p)) is None else c[-1, -1] ** 2 / p[-1, -1] for p in products])
    own = np.diagonal(corners, axis1=1, axis2=2)
    return np.where(own.min(axis=1) > OWN, own[:, -1] ** 2, np.nan)


def solved(triangle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and a root of their covariance for unit noise, shape (k, k)."""
    matrix, target = triangle[:-1, :-1], triangle[:-1, -1]
    norms = np.sqrt((matrix * matrix).sum(axis=0))
    unit = matrix / norms
    is_regular = np.abs(unit.diagonal()).min() > OWN
    inverse = (np.linalg.inv(unit) if is_regular else np.linalg.pinv(unit, rcond=1e-14)) / norms[:, None]
    return inverse @ target, inverse
