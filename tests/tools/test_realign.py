"""A proposed law competes at the price that the search would pay for it, whoever proposed it."""

import numpy as np
import pytest
import sympy

from motionlaw.tools.contest import cost_of
from motionlaw.tools.equation import parse
from motionlaw.tools.library import COSTS, feature_library
from motionlaw.tools.realign import Prices
from motionlaw.tools.search import WeakSystem, best_subsets

LIBRARY = feature_library(("x",), 0, order=2, is_angle=(False,))
KINDS = {"x": "coordinate", "v": "velocity", "t": "time"}
PRICES = Prices(LIBRARY, KINDS, 100)


def cost(text, prices=PRICES):
    """What a law costs."""
    return prices.of([feature.expression for feature in prices.features(parse(text))])


@pytest.mark.parametrize("law", ["-4*(x + 0.1*v) - 0.3", "-x + 0.5*cos(1.7*t)", "-9.8*sin(x) - 0.1*v*abs(v)"])
def test_a_proposal_pays_no_less_than_the_library_asks(law):
    """However it is written, whatever its numbers are; and not much more where the terms are plain."""
    features = PRICES.features(parse(law))
    asked = sum(feature.cost for feature in features)
    known = {feature.expression: feature.cost for feature in LIBRARY}
    assert all(feature.cost == known.get(feature.expression, COSTS["forcing"]) for feature in features)
    assert asked <= cost(law) < asked + len(features)


def test_the_grammar_prices_the_librarys_terms_much_as_it_does():
    """In nats they are one more than in the library's constants, to half a constant: nobody gets a discount."""
    for feature in LIBRARY:
        found = cost_of(feature.cost + 1, 1, PRICES.rows)
        by_grammar = PRICES._by_grammar([feature.expression])
        assert abs(by_grammar - found) < 0.5, feature.expression


@pytest.mark.parametrize(("term", "factor"), [("x*cos(x)", "cos(x)"), ("v*sin(x)", "sin(x)"), ("x*exp(2.5*x)", "x")])
def test_a_product_is_dearer_than_its_factors(term, factor):
    """Also where it has a constant of its own."""
    assert cost(term) > PRICES._by_grammar([sympy.sympify(factor)])


def test_more_terms_cost_more():
    """A law is never cheaper for one more term."""
    laws = ("-x", "-x + x*cos(x)", "-x + x*cos(x) - v", "-x + x*cos(x) - v + sin(2.2*t)")
    costs = [cost(law) for law in laws]
    assert costs == sorted(costs) and len(set(costs)) == len(costs)


def test_what_is_in_no_table_is_dear():
    """A function of a sum, or of two variables."""
    assert min(cost("sin(x + 0.3)"), cost("exp(x*v)")) > COSTS["sin(position)"]


def test_an_ansatz_may_say_a_thing_twice():
    """Terms that are one on these data, or nothing at all, are counted once, and the others still found."""
    columns = np.random.default_rng(0).normal(size=(50, 5))
    columns[:, 2], columns[:, 3] = columns[:, 0] - 2 * columns[:, 1], 0.0
    vector = columns @ np.array([1.0, 2.0, 0.0, 0.0, -3.0])
    system = WeakSystem(columns, vector, tuple(LIBRARY[:5]), 50)
    best = best_subsets(system, most_terms=5, forced=[0, 1, 2, 3])[0]
    assert {feature.expression for feature in best.features} == {LIBRARY[k].expression for k in (0, 1, 4)}
    np.testing.assert_allclose(sorted(best.coefficients), [-3, 1, 2], atol=1e-6)
