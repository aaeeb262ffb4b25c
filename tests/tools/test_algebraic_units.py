"""Tests of dimensional analysis: units that are read, laws that may not hold, and laws that need no odd constant."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from motionlaw.tools.algebraic import find_algebraic_law
from motionlaw.tools.algebraic_fit import Formula
from motionlaw.tools.algebraic_units import FOREIGN, foreign_cost, known_dimensions
from motionlaw.tools.equation import parse
from motionlaw.tools.units import check_units, parse_unit

UNITS = {"m": "kg", "v": "m/s", "c": "m/s", "E": "J"}


def formula(text: str, transform: str = "") -> Formula:
    names = sympy.symbols("m v c _c1 _c2 _k1")
    expressions = {
        "m c^2": lambda m, v, c, a, b, k: a * m * c**2,
        "m c^2 + m v^2": lambda m, v, c, a, b, k: a * m * c**2 + b * m * v**2,
        "m c": lambda m, v, c, a, b, k: a * m * c,
        "m c^2/sqrt(1 - v^2/c^2)": lambda m, v, c, a, b, k: a * m * c**2 / sympy.sqrt(1 - v**2 / c**2),
        "m c^2 exp(v)": lambda m, v, c, a, b, k: a * m * c**2 * sympy.exp(v),
        "m c^2 exp(k v)": lambda m, v, c, a, b, k: a * m * c**2 * sympy.exp(k * v),
        "m (c + v^2)": lambda m, v, c, a, b, k: a * m * (c + v**2),
        "m (1 + v)": lambda m, v, c, a, b, k: a * m * (1 + v),
    }
    return Formula(expressions[text](*names), {"_c1": 1.0}, transform)


COSTS = {
    "m c^2": 0.0, "m c^2 + m v^2": 0.0, "m c^2/sqrt(1 - v^2/c^2)": 0.0, "m c^2 exp(k v)": 0.0,
    "m c": FOREIGN, "m c^2 exp(v)": np.inf, "m (c + v^2)": np.inf, "m (1 + v)": np.inf,
}  # fmt: skip


@pytest.mark.parametrize("text", COSTS)
def test_units_price_and_forbid(text):
    """Pure coefficients are free, coefficients with units cost, and sums of unlike things cannot hold."""
    dimensions = known_dimensions(UNITS)
    assert foreign_cost(formula(text), "E", dimensions) == COSTS[text]


def test_nothing_is_judged_where_a_unit_is_unknown():
    assert known_dimensions(UNITS | {"v": ""}) is None


def test_electric_and_thermal_units_agree():
    """An ohm is a volt by an ampere, a tesla a newton by ampere and metre."""
    assert parse_unit("ohm").dimension == parse_unit("V/A").dimension
    assert parse_unit("T").dimension == parse_unit("N/(A m)").dimension
    assert parse_unit("F V^2").dimension == parse_unit("J").dimension
    assert parse_unit("Pa m^3").dimension == parse_unit("J").dimension != parse_unit("J/(mol K)").dimension


def test_units_keep_a_law_sound():
    """From noisy rows only laws come back that add like to like, with the constant's unit."""
    rng = np.random.default_rng(0)
    columns = {"m": rng.uniform(1, 5, 300), "c": rng.uniform(3, 10, 300), "v": rng.uniform(1, 2, 300)}
    y = columns["m"] * columns["c"] ** 2 / np.sqrt(1 - columns["v"] ** 2 / columns["c"] ** 2)
    y = y + 0.1 * np.std(y) * rng.standard_normal(300)
    found = find_algebraic_law(columns, y, target="E", units=UNITS, time_limit=120)
    laws = [found.law["E"], *(each.law["E"] for each in found.alternatives)]
    assert found.status == "ok" and not any(check_units(parse(law), UNITS) for law in laws)


def test_a_constant_of_nature_gets_its_unit():
    """The square root of 2 g comes with the root of its unit."""
    rng = np.random.default_rng(1)
    h = rng.uniform(1, 5, 200)
    speed = np.sqrt(2 * 9.81 * h) * (1 + 0.02 * rng.standard_normal(200))
    found = find_algebraic_law({"h": h}, speed, target="v", units={"h": "m", "v": "m/s"})
    (term,) = found.terms
    assert term.unit == "m^(1/2)/s" and abs(term.coefficient - np.sqrt(2 * 9.81)) < 3 * term.stderr
