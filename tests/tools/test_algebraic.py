"""Tests of algebraic laws y = f(columns): made tables with known laws, real tables, and tables without a law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy

from motionlaw.tools.algebraic import discover_algebraic, find_algebraic_law
from motionlaw.tools.algebraic_fit import Formula, Rows, fit_formula, weight
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.equation import canonical_terms, evaluate, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.export import export_law
from motionlaw.tools.report import write_report
from motionlaw.tools.summary import summarise

SETTINGS = DiscoverySettings(time_limit=30)


@pytest.fixture
def found(tmp_path):
    """Writes columns as a table and looks for the law of one."""

    def discover(columns: dict[str, np.ndarray], target: str, **options):
        pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
        return discover_algebraic([tmp_path / "table.csv"], target, settings=SETTINGS, **options)

    return discover


def drawn(rows: int = 80, seed: int = 0, **ranges: tuple[float, float]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(low, high, rows) for name, (low, high) in ranges.items()}


LAWS = {
    "a sum": ("3.2*x - 0.7*y**2 + 1.5", {"x": (-2, 2), "y": (0.5, 3)}),
    "a power law": ("0.4*m*v**2/r", {"m": (1, 5), "v": (1, 5), "r": (1, 5)}),
    "a root of a difference": ("m/sqrt(c**2 - v**2)", {"m": (1, 5), "c": (3, 10), "v": (1, 2)}),
    "a reciprocal": ("1/(2/p + 2/q)", {"p": (1, 4), "q": (1, 4)}),
    "a distance": ("sqrt((a - b)**2 + 2*c)", {"a": (1, 5), "b": (1, 5), "c": (0.2, 2)}),
}


@pytest.mark.parametrize("kind", LAWS)
def test_exact_laws_are_found_exactly(found, kind):
    """A law without noise comes back with its own structure, and predicts rows beyond the table."""
    text, ranges = LAWS[kind]
    columns = drawn(**ranges)
    discovery = found(columns | {"target": evaluate(parse(text), columns)}, "target")
    elsewhere = drawn(seed=1, **ranges)
    wanted = evaluate(parse(text), elsewhere)
    assert discovery.status == "ok" and discovery.order == 0
    np.testing.assert_allclose(evaluate(parse(discovery.law["target"]), elsewhere), wanted, rtol=1e-4)


def test_relative_noise_is_seen_and_weighed(found):
    """With 5 % noise over five decades the constant and its error are those of a fit in logarithms."""
    rng = np.random.default_rng(2)
    x = np.geomspace(1.0, 1e5, 120)
    discovery = found({"x": x, "y": 7.0 * x**1.5 * (1 + 0.05 * rng.standard_normal(120))}, "y")
    (term,) = discovery.terms
    assert canonical_terms(parse(term.term)).keys() == canonical_terms(parse("x**(3/2)")).keys()
    assert abs(term.coefficient - 7.0) < 3 * term.stderr
    assert term.stderr == pytest.approx(7.0 * 0.05 / np.sqrt(120), rel=0.3)


def test_errors_of_coefficients_are_honest():
    """Over many draws of the noise the coefficient misses the truth by about its stated error."""
    rng = np.random.default_rng(3)
    x = np.linspace(1, 3, 30)
    first, second, place = sympy.symbols("_c1 _c2 x")
    formula = Formula(first * place + second * place**2, {"_c1": 1.0, "_c2": 1.0})
    draws = [fit_formula(formula, Rows({"x": x}, 2 * x - x**2 + 0.1 * rng.standard_normal(30))) for _ in range(60)]
    misses = np.array([(draw.values["_c2"] + 1) / draw.stderr["_c2"] for draw in draws])
    assert 0.7 < np.std(misses) < 1.4


def test_coefficients_carry_units(found):
    """Units in the headers give the coefficient's unit."""
    columns = drawn(m=(1, 3), a=(1, 3))
    named = {"m (kg)": columns["m"], "a (m/s^2)": columns["a"], "F (N)": 2 * columns["m"] * columns["a"]}
    (term,) = found(named, "F").terms
    assert term.unit == "N s^2/(m kg)"


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_law(found, seed):
    """A target that has nothing to do with the columns is refused, and says which columns."""
    rng = np.random.default_rng(seed)
    discovery = found({"a": rng.normal(size=60), "b": rng.normal(size=60), "y": 3 + rng.normal(size=60)}, "y")
    assert discovery.status == "refused" and "No dependence on a or b found" in discovery.reason
    assert "No dependence" in summarise(discovery)


def test_a_column_without_influence_is_named(found):
    """A law that leaves a column out says so."""
    columns = drawn(x=(1, 3), z=(1, 3))
    discovery = found(columns | {"y": 2 * columns["x"]}, "y")
    assert any("No dependence on z found" in warning for warning in discovery.warnings)


def test_the_same_seed_gives_the_same_answer(found):
    """Rows kept aside are chosen by the seed alone."""
    columns = drawn(x=(1, 3))
    columns |= {"y": columns["x"] ** 2 + 0.1 * np.random.default_rng(5).normal(size=80)}
    first, second = (found(columns, "y").to_dict() | {"seconds": 0} for _ in range(2))
    assert first == second


REAL = {
    "pysr_empirical_bench/kepler.csv": ("P_days", "365*a_AU**(3/2)", 1, 0.02),
    "pysr_empirical_bench/newton.csv": ("F", "6.674e-11*m1*m2/r**2", 1, 0.05),
    "pysr_empirical_bench/rydberg.csv": ("wavelength", "1/(1.097e7*(1/n1**2 - 1/n2**2))", 1, 0.02),
    "student_pendulum_toronto/period_vs_amplitude.csv": ("period_s", "1.633*(1 + amplitude_rad**2/15)", 2, 0.02),
}


@pytest.mark.parametrize("path", REAL)
def test_real_tables(shared_data, path):
    """Laws of textbooks come out of measured or noisy tables, with no constant too many and the right size."""
    target, text, constants, tolerance = REAL[path]
    discovery = discover_algebraic([shared_data / path], target, settings=SETTINGS)
    frame = pd.read_csv(shared_data / path)
    values = {name: frame[name].to_numpy(float) for name in frame}
    assert discovery.status == "ok" and len(discovery.terms) == constants
    found, known = (evaluate(parse(each), values) for each in (discovery.law[target], text))
    np.testing.assert_allclose(found, known, rtol=tolerance)


def test_a_pendulum_does_not_weigh_its_bob(shared_data):
    """The period does not depend on the mass within the stated errors."""
    path = shared_data / "student_pendulum_toronto/period_vs_mass.csv"
    discovery = discover_algebraic([path], "period_s", settings=SETTINGS)
    assert discovery.status == "refused" and "No dependence on mass_g found" in discovery.reason


def test_results_are_written_everywhere(found, tmp_path):
    """Summary, page and exports take a law without time."""
    columns = drawn(x=(1, 3), n=(1, 3))
    discovery = found(columns | {"y": 2 * columns["x"] / columns["n"]}, "y")
    write_report(discovery, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "On the last" not in page and "On rows that were not used" in page
    assert "y = 2*x/n" in summarise(discovery)
    assert "def y(n, x):" in export_law(discovery, "python")


BAD = {
    "a misspelt target": ("lenght", {"length": [1, 2, 3, 4, 5], "y": [1, 2, 3, 4, 6]}, "Did you mean 'length'"),
    "nothing to explain by": ("y", {"y": [1, 2, 3, 4, 5], "k": [2, 2, 2, 2, 2]}, "no other column"),
    "a constant target": ("y", {"y": [1, 1, 1, 1, 1], "k": [2, 3, 2, 1, 2]}, "must vary"),
    "too few rows": ("y", {"y": [1, 2, 3, 4], "k": [2, 3, 2, 1]}, "5"),
    "a target of words": ("y", {"y": list("abcde"), "k": [2, 3, 2, 1, 4], "x": [1, 2, 3, 4, 6]}, "must hold numbers"),
}


@pytest.mark.parametrize("kind", BAD)
def test_unusable_tables_are_refused(found, kind):
    """The message names what is wrong."""
    target, columns, message = BAD[kind]
    with pytest.raises(UserError, match=message):
        found(columns, target)


def test_missing_values_are_left_out_with_a_warning(found):
    """Rows with a gap do not count."""
    columns = drawn(x=(1, 3))
    columns |= {"y": 2 * columns["x"]}
    columns["x"] = columns["x"].copy()
    columns["x"][3] = np.nan
    discovery = found(columns, "y")
    assert discovery.fit["rows"] == 79 and any("missing value" in warning for warning in discovery.warnings)


def test_plain_pieces_cost_less():
    """The prior orders pieces as physicists would."""
    costs = [weight(parse(text)) for text in ("x", "x**2", "x**3", "sin(x)", "sin(x)*x**2")]
    assert costs == sorted(costs)


def test_a_target_that_never_changes_is_refused():
    """Numbers in memory are refused in the words of a file's."""
    with pytest.raises(UserError, match="'y' must vary, but it is 3 in all 40 rows"):
        find_algebraic_law({"x": np.linspace(1, 2, 40)}, np.full(40, 3.0))
