"""Tests of where algebraic laws come from: groups, columns that multiply, factors, sums, free curves, residuals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from motionlaw.tools.algebraic import find_algebraic_law
from motionlaw.tools.algebraic_fit import Formula, Rows, fit_formula, is_exact, rank
from motionlaw.tools.algebraic_groups import groups, pieces_of
from motionlaw.tools.algebraic_loosen import loosened
from motionlaw.tools.algebraic_powers import multiplying_columns
from motionlaw.tools.algebraic_residual import is_white
from motionlaw.tools.algebraic_separable import separable_formulas
from motionlaw.tools.equation import evaluate, parse


def drawn(rows: int = 400, seed: int = 0, **ranges: tuple[float, float]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(low, high, rows) for name, (low, high) in ranges.items()}


def made(text: str, columns: dict[str, np.ndarray], noise: float = 0.0, seed: int = 9) -> np.ndarray:
    y = evaluate(parse(text), columns)
    return y + noise * np.std(y) * np.random.default_rng(seed).standard_normal(len(y))


def test_groups_come_plainest_first_and_once():
    columns = drawn(a=(1, 2), b=(1, 2), c=(1, 2))
    pieces = pieces_of(Rows(columns, columns["a"]), list(columns), angles=True, differences=True)
    listed = groups(pieces, 500, both_signs=True)
    expressions = [pieces.group(row) for row in listed]
    assert len(set(expressions)) == len(expressions)
    costs = pieces.cost(listed)
    assert np.all(np.diff(costs) >= 0) and {sympy.Symbol("a"), 1 / sympy.Symbol("a")} <= set(expressions[:10])
    values = np.array([evaluate(expression, columns) for expression in expressions]).T
    np.testing.assert_allclose(pieces.of(listed), values, rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_columns_that_only_multiply_are_told(noise):
    """The mass and the square of the radius stand in front; the other two do more."""
    columns = drawn(m=(1, 5), r=(1, 5), v=(1, 2), c=(3, 10))
    rows = Rows(columns, made("m*r**2/sqrt(1 - v**2/c**2)", columns, noise))
    assert {name: int(power) for name, power in multiplying_columns(rows).items()} == {"m": 1, "r": 2}


def test_loose_exponents_settle_where_the_law_has_them():
    """From terms that are nearly right the search over exponents reaches a term of five columns."""
    columns = drawn(a=(1, 3), b=(1, 3), c=(1, 3), d=(1, 3), e=(1, 3))
    rows = Rows(columns, made("2*a + 3*b*c/(d*e**2)", columns))
    first, second, a, b, e = sympy.symbols("_c1 _c2 a b e")
    start = Formula(first * a + second * b / e, {"_c1": 1.0, "_c2": 1.0})
    (settled,) = loosened([start], rows, list(columns))
    assert is_exact(fit_formula(settled, rows), rows)


LAWS = {
    "a quotient of sums": ("(a + b)/(1 + a*b/c**2)", {"a": (1, 5), "b": (1, 5), "c": (1, 5)}),
    "an exponential less one": ("a**3/(exp(0.3*a/b) - 1)", {"a": (1, 5), "b": (1, 5)}),
    "a bell about a column": ("exp(-(a - m)**2/(2*s**2))/s", {"a": (1, 3), "m": (1, 3), "s": (1, 3)}),
    "a sine of a difference": ("d*sin(t*(a - b)/2)**2", {"d": (1, 3), "t": (1, 3), "a": (1, 5), "b": (1, 5)}),
    "a power and an exponential": ("2*a**0.7*exp(-a/1.7)", {"a": (0.2, 8)}),
    "an angle": ("asin(a*b/c)", {"a": (0, 1), "b": (0, 1), "c": (1, 3)}),
    "a logarithm": ("2.5 - 1.3*log(a)", {"a": (1, 90)}),
    "growth from a floor": ("0.4 + 0.3*exp(0.69*a)", {"a": (0, 8)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", LAWS)
def test_laws_of_many_kinds_are_found_exactly(kind):
    """Without noise the law predicts rows that were not in the table to four digits."""
    text, ranges = LAWS[kind]
    columns = drawn(**ranges)
    found = find_algebraic_law(columns, made(text, columns), time_limit=120)
    elsewhere = drawn(seed=1, **ranges)
    np.testing.assert_allclose(evaluate(parse(found.law["y"]), elsewhere), made(text, elsewhere), rtol=2e-3, atol=1e-4)


NOISY = {
    "a root of a sum of squares": ("p*sqrt(x**2 + y**2)", {"p": (1, 4), "x": (1, 5), "y": (1, 5)}),
    "a resonance": ("q/(w**2 - 36)", {"q": (1, 4), "w": (1, 4)}),
    "a bell": ("exp(-t**2/(2*s**2))/s", {"t": (1, 3), "s": (1, 3)}),
}


@pytest.mark.parametrize("kind", NOISY)
def test_ten_per_cent_of_noise_leaves_the_law_in_sight(kind):
    """The law found from noisy rows stays within 3 % of the truth where there is no noise."""
    text, ranges = NOISY[kind]
    columns = drawn(800, **ranges)
    found = find_algebraic_law(columns, made(text, columns, 0.1), time_limit=120)
    expected = made(text, columns)
    error = evaluate(parse(found.law["y"]), columns) - expected
    assert found.status == "ok" and np.std(error) < 0.03 * np.std(expected)


def test_a_product_of_curves_is_taken_apart():
    """A saturation times a bump times a column: each curve gets a shape of its own."""
    columns = drawn(1500, b=(1, 5), s=(0.5, 8), t=(0, 40))
    y = columns["b"] * columns["s"] / (columns["s"] + 2) * np.exp(-(((columns["t"] - 25) / 6) ** 2))
    rows = Rows(columns, y)
    found = rank([fit_formula(each, rows) for each in separable_formulas(rows, rows.spread, lambda: False)], rows)
    assert found[0].noise_std < 1e-3 * np.std(y)


def test_a_sum_is_no_product_of_curves():
    columns = drawn(600, a=(-2, 2), b=(-2, 2))
    rows = Rows(columns, columns["a"] + columns["b"])
    assert separable_formulas(rows, rows.spread, lambda: False) == []


def test_white_and_coloured_residuals():
    """Noise passes in nearly all draws; a tenth of it as a smooth wave does not."""
    columns = drawn(800, a=(0, 1), b=(0, 1))
    draws = [np.random.default_rng(seed).standard_normal(800) for seed in range(20)]
    passed = [is_white(draw, columns, columns["a"]) for draw in draws]
    waved = [is_white(draw + 0.7 * np.sin(9 * columns["b"]), columns, columns["a"]) for draw in draws]
    assert sum(passed) >= 17 and sum(waved) == 0


def test_the_time_limit_is_kept():
    """A hopeless target comes back in about the time allowed, marked as cut short or refused."""
    columns = drawn(2000, a=(1, 2), b=(1, 2), c=(1, 2), d=(1, 2), e=(1, 2), f=(1, 2))
    y = np.random.default_rng(0).standard_normal(2000) * columns["a"] + np.sin(40 * columns["b"]) * columns["c"]
    assert find_algebraic_law(columns, y, time_limit=3).seconds < 6
