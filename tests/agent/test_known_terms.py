"""What the small model knows laws to be sums of, and what the search makes of it."""

import numpy as np
import pytest
import sympy
from scipy.integrate import odeint

from motionlaw.agent.hypothesise import propose_laws
from motionlaw.agent.law_question import known_kinds
from motionlaw.agent.model import choose_model
from motionlaw.data_builders.physsymbol import FAMILIES, FEWEST_TERMS, MOST_TERMS, T, V, X
from motionlaw.tools.discover import discover_inputs
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.equation import parse
from motionlaw.tools.hypotheses import Reading
from motionlaw.tools.inputs import read_inputs
from motionlaw.tools.known_terms import FREQUENCY
from motionlaw.tools.trajectory import Trajectory


def recorded(rate, *, rows, noise, name="x", start=(1.2, 0.0), seed=0):
    """A table of positions with noise, a share of their spread."""
    times = np.linspace(0, 20, rows)
    path = odeint(lambda s, t: (s[1], rate(s[0], s[1], t)), start, times)[:, 0]
    path = path + noise * np.std(path) * np.random.default_rng(seed).normal(size=rows)
    return Trajectory("run", times, (name,), path[:, None], units=("m",))


def found_in(run, *, is_known):
    """The terms of the law found, with and without what the model knows."""
    name = run.coordinates[0]
    reading = Reading(known_kinds(), "someone", (name,))
    settings = DiscoverySettings(order="2", readings=(reading,) if is_known else ())
    found = discover_law([run], settings=settings)
    law = parse(found.law["v"]).xreplace({sympy.Symbol(name): sympy.Symbol("x")})
    return {str(term.as_coeff_Mul()[1]) for term in sympy.Add.make_args(law)}, found


def test_it_is_what_the_data_set_draws_laws_from():
    """Kinds, signs, ranges and numbers of terms are those of physsymbol."""
    kinds = known_kinds()
    assert (kinds.fewest, kinds.most, len(kinds.terms)) == (FEWEST_TERMS, MOST_TERMS, len(FAMILIES))
    for known, family in zip(kinds.terms, FAMILIES, strict=True):
        drawn = family.term(sympy, X, V, T, 1, *[sympy.Symbol(FREQUENCY)] * (len(family.ranges) - 1))
        assert sympy.expand(known.expression - drawn) == 0
        assert (known.strength, *([known.frequency] if known.frequency else [])) == family.ranges
        assert known.has_either_sign == family.has_sign


def test_terms_that_somebody_knows_are_plain():
    """x cos x and v³ among much noise: alone the search finds what looks alike, with the kinds known the truth."""
    run = recorded(lambda x, v, t: -1.9 * x * np.cos(x) - 0.2 * v**3, rows=100, noise=0.05, name="y")
    terms, found = found_in(run, is_known=True)
    assert terms == {"x*cos(x)", "v**3"} and found.engine == "someone, weighed"
    assert [one.used for one in found.hypotheses if one.source == found.engine].count(True) == 1


@pytest.mark.parametrize(
    ("rate", "terms", "noise"),
    [
        (lambda x, v, t: -9.81 * np.sin(x) - 0.1 * v, {"sin(x)", "v"}, 0.01),
        (lambda x, v, t: -2.2 * np.sin(x) - 0.1 * v, {"sin(x)", "v"}, 0.01),
        (lambda x, v, t: -x + 1.2 * (1 - x * x) * v, {"x", "v", "v*x**2"}, 0.01),
    ],
)
def test_other_laws_are_not_lost_to_it(rate, terms, noise):
    """A pendulum keeps its sine, a van der Pol oscillator its terms, whatever the model says of them."""
    run = recorded(rate, rows=250, noise=noise)
    assert found_in(run, is_known=True)[0] == terms


def test_a_cart_keeps_its_law(shared_data):
    """A real recording with small errors of its own: proposed terms that imitate these are not believed."""
    inputs = read_inputs([str(shared_data / "schmidt_lipson_2009/real_linear_h_1.txt")])
    told = propose_laws(inputs, choose_model("embedded", talks=False))
    alone, helped = (
        discover_inputs(inputs, settings=DiscoverySettings(hypotheses=laws, readings=readings))
        for laws, readings in (((), ()), (told.laws, told.readings))
    )
    assert told.laws and helped.law == alone.law


def test_a_law_that_proposals_end_in_and_cannot_be_relied_on_is_given_up(shared_data):
    """A filmed pendulum, whose tracker errs in its own ways: terms sought about a proposal ran away with its fit."""
    inputs = read_inputs([str(shared_data / "video_pendulum/film1_vga.mp4")], track="auto")
    told = propose_laws(inputs, choose_model("embedded", talks=False))
    found = discover_inputs(inputs, settings=DiscoverySettings(hypotheses=told.laws, readings=told.readings))
    assert found.status == "ok" and "sin(theta)" in found.law["v"]
    assert len(found.hypotheses) >= len(told.laws) and not any(each.used for each in found.hypotheses)
