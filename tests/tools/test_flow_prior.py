"""The prior of whole first-order laws: how terms go together, and what no law of nature does."""

import numpy as np
import pytest
import sympy

from motionlaw.tools.candidates import Term
from motionlaw.tools.dynamics import Model
from motionlaw.tools.flow import fit_flow, make_flow, trajectory_fit
from motionlaw.tools.flow_prior import RUNAWAY, mirrored, price_below_zero, price_of, price_of_running_away
from motionlaw.tools.flow_regression import Choice
from motionlaw.tools.flow_terms import Item
from motionlaw.tools.realign import named_constants

x, y = sympy.symbols("x y")
T = np.linspace(0, 5, 60)


def choice(*prices):
    items = tuple(Item((Term(expression, 1.0),), price) for expression, price in prices)
    return Choice(items, np.ones(len(items)), {}, 0.0)


def law(*equations, names=("x",)):
    return named_constants([sympy.sympify(each) for each in equations], coordinates=names, order=1)


def test_like_parts_obey_like_laws():
    """A competitor's own square costs next to nothing once the first competitor's is paid for."""
    first, second = choice((x, 1.3), (x**2, 2.4)), choice((y, 1.3), (y**2, 2.4))
    assert price_of([first, second], ("x", "y")) < price_of([first, second]) - 1
    # Another term than the mirror image is as dear as ever.
    assert price_of([first, choice((x, 1.3))], ("x", "y")) >= 3.7 + 1.0
    assert mirrored(Item((Term(x * y**2, 1.0),), 3.0), "x", "y").parts[0].expression == y * x**2


def test_friction_opposes_the_velocity():
    """The square of a velocity in its own equation costs more than where it is no velocity."""
    velocity, drag = choice((y, 1.3)), choice((y**2, 2.4), (y, 1.3))
    assert price_of([velocity, drag], ("x", "y")) > price_of([choice((x * y, 1.3)), drag], ("x", "y")) + 1


@pytest.mark.parametrize(("rate", "is_dear"), [(3 - x, False), (x - x**2, False), (x - 3, True)])
def test_what_was_never_below_zero_is_not_pushed_there(rate, is_dear):
    """A constant loss of a positive quantity costs nats; a gain, or a loss in proportion, costs none."""
    flow = make_flow(("x",), [T], [1 + np.exp(-T)[:, None]], [np.full((60, 1), 0.01)])
    assert bool(price_below_zero(flow, law(rate))) == is_dear
    signed = make_flow(("x",), [T], [np.cos(T)[:, None]], [np.full((60, 1), 0.01)])
    assert price_below_zero(signed, law(rate)) == 0


def test_laws_that_run_away_from_nearby_starts_are_dear():
    """A quadratic growth without bound runs away, a logistic one does not, and exponential growth is slow enough."""
    positions = np.linspace(0.2, 2.0, 50)[:, None]
    assert price_of_running_away(law(x**2), positions, 5.0) == pytest.approx(RUNAWAY, rel=0.6)
    assert price_of_running_away(law(x - x**2), positions, 5.0) == 0
    assert price_of_running_away(law(x), positions, 5.0) == 0


def test_constants_that_data_hardly_pin_down_cost_little():
    """The same law on data with ten times the noise costs fewer nats, about log(10) a constant."""
    model = Model(1, ("x",), (-sympy.Symbol("c_1") * x,), ("c_1",), np.array([1.0]))
    nats = []
    for noise in (0.001, 0.01):
        flow = make_flow(("x",), [T], [np.exp(-T)[:, None]], [np.full((60, 1), noise)])
        nats.append(trajectory_fit(fit_flow(flow, model)).nats_of_constants)
    assert nats[0] - nats[1] == pytest.approx(np.log(10), abs=0.05)
