"""The grammar of candidate terms."""

import numpy as np
import pytest
import sympy

from motionlaw.tools.candidates import MOST_TERMS, candidate_terms
from motionlaw.tools.equation import compile_rhs
from motionlaw.tools.pieces import Variable

RNG = np.random.default_rng(0)
X, V, T = RNG.normal(size=200), RNG.normal(size=200), np.sort(RNG.uniform(0, 20, 200))
VARIABLES = [
    Variable(sympy.Symbol("x"), "coordinate"),
    Variable(sympy.Symbol("v"), "velocity"),
    Variable(sympy.Symbol("t"), "time"),
]


@pytest.fixture(scope="module")
def terms():
    return candidate_terms(VARIABLES, ["x", "v", "t"], np.array([X, V, T]))


def test_columns_are_the_values_of_the_terms(terms):
    """The bulk columns equal the expressions evaluated one by one, products and inner constants too."""
    chosen = np.random.default_rng(1).choice(len(terms), 60, replace=False)
    columns = terms.columns(chosen)
    for index, column in zip(chosen, columns, strict=True):
        term = terms.term(int(index))
        numbers = {sympy.Symbol(name): sympy.Float(value) for name, value in term.constants}
        expected = compile_rhs([term.expression.xreplace(numbers)], ["x", "v", "t"])(np.array([X, V, T]))[0]
        np.testing.assert_allclose(column, expected, rtol=1e-9, atol=1e-12)


def test_plain_terms_come_first(terms):
    """Costs ascend, and the constant, x and v lead."""
    assert np.all(np.diff(terms.costs) >= 0)
    assert {str(terms.term(k).expression) for k in range(3)} == {"1", "x", "v"}


def test_a_product_costs_more_than_its_factors(terms):
    """x*v is dearer than x and than v: the price is that of all its pieces."""
    cost = {str(terms.term(k).expression): terms.costs[k] for k in range(200)}
    assert cost["v*x"] > max(cost["x"], cost["v"])


def test_thousands_of_terms_are_listed_and_never_too_many(terms):
    """Three variables give thousands of terms; many variables do not pass the limit."""
    assert len(terms) > 4000
    many = [Variable(sympy.Symbol(f"q{k}"), "coordinate") for k in range(6)]
    assert len(candidate_terms(many, [f"q{k}" for k in range(6)], RNG.normal(size=(6, 100)))) <= MOST_TERMS


def test_terms_that_are_equal_on_the_data_are_listed_once():
    """Where v is positive v*abs(v) is v^2, and the plainer of both stays."""
    v = RNG.uniform(1, 2, 100)
    listed = candidate_terms([Variable(sympy.Symbol("v"), "velocity")], ["v"], v[None])
    texts = {str(listed.term(k).expression) for k in range(len(listed))}
    assert ("v**2" in texts) != ("v*Abs(v)" in texts)
    assert "sign(v)" not in texts


def test_poles_within_the_data_are_left_out(terms):
    """No negative power of a variable that passes zero is listed; of one that keeps away it is."""
    texts = {str(terms.term(k).expression) for k in range(len(terms))}
    assert "1/x" not in texts
    far = candidate_terms([Variable(sympy.Symbol("x"))], ["x"], RNG.uniform(1, 2, 100)[None])
    assert "1/x" in {str(far.term(k).expression) for k in range(40)}


def test_a_constant_column_gives_the_constant_term_only():
    """A column that does not vary offers nothing to a law."""
    listed = candidate_terms([Variable(sympy.Symbol("x"))], ["x"], np.ones((1, 50)))
    assert [str(listed.term(k).expression) for k in range(len(listed))] == ["1"]


def test_refined_terms_stand_at_the_end_with_their_new_constants(terms):
    """Refining leaves the old candidates as they are and appends the same terms with other constants."""
    index = next(k for k in range(len(terms)) if terms.term(k).constants)
    (name, value), *_ = terms.term(index).constants
    more, (place,) = terms.refined((index,), {name: 2 * value}, {"x": X, "v": V, "t": T})
    assert place == len(terms) and len(more) == len(terms) + 1
    assert more.term(place).constants[0][1] == pytest.approx(2 * value)
    np.testing.assert_array_equal(more.columns(np.arange(50)), terms.columns(np.arange(50)))
    assert not np.allclose(more.columns(np.array([place])), terms.columns(np.array([index])))
