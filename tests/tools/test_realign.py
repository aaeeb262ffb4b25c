"""A proposed law competes at the price of its terms, whoever proposed it."""

import pytest

from motionlaw.tools.equation import parse
from motionlaw.tools.library import COSTS, feature_library
from motionlaw.tools.realign import terms_as_features

LIBRARY = feature_library(("x",), 0, order=2, is_angle=(False,))
KINDS = {"x": "coordinate", "v": "velocity", "t": "time"}


def costs(text, library=LIBRARY):
    """Each term of a formula with its cost."""
    features = terms_as_features(parse(text), library, kinds=KINDS)
    return {str(feature.expression): feature.cost for feature in features}


def test_terms_of_the_library_keep_their_cost():
    """However the model wrote them."""
    found = costs("-4*(x + 0.1*v) - 0.3*x**3")
    assert found == {"x": COSTS["position"], "v": COSTS["velocity"], "x**3": COSTS["position^3"]}


def test_other_terms_cost_about_what_the_library_would_ask():
    """The tables of pieces price the library's own terms as it does, to half a constant; nobody gets a discount."""
    listed = [feature for feature in LIBRARY if feature.expression.free_symbols]
    wanted = {str(feature.expression): feature.cost for feature in listed}
    found = costs(" + ".join(wanted), library=())
    assert set(found) == set(wanted)
    assert all(abs(found[name] - wanted[name]) <= 1.0 for name in wanted)
    assert sum(abs(found[name] - wanted[name]) for name in wanted) < 0.5 * len(wanted)


@pytest.mark.parametrize(("term", "factor"), [("x*cos(x)", "cos(x)"), ("v*sin(x)", "sin(x)"), ("x*exp(2.5*x)", "x")])
def test_a_product_is_dearer_than_its_factors(term, factor):
    """Also where it has a constant of its own."""
    (cost,) = costs(term, library=()).values()
    (part,) = costs(factor, library=()).values()
    assert cost > part


def test_a_wave_costs_what_forcing_costs():
    """Its frequency is a first guess, as the search's own."""
    assert costs("0.5*cos(1.7*t)") == {"cos(1.7*t)": COSTS["forcing"]}


def test_what_is_in_no_table_is_dear():
    """A function of a sum, or of two variables."""
    assert min(*costs("sin(x + 0.3)", ()).values(), *costs("exp(x*v)", ()).values()) > COSTS["sin(position)"]
