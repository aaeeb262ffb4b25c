"""Sums of known terms: which of them is believed, of what, and what it costs."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from scipy.integrate import odeint

from motionlaw.tools.known_terms import Kinds, KnownTerm, read_kinds, written
from motionlaw.tools.term_sets import weigh_sums

x, v, t = sympy.symbols("x v t")
KINDS = Kinds(
    (
        KnownTerm("-x", (0.5, 5.0)), KnownTerm("-v", (0.05, 0.5)), KnownTerm("-x**3", (0.1, 2.0)),
        KnownTerm("-v*abs(v)", (0.05, 0.5)), KnownTerm("sin(w*t)", (0.3, 2.0), False, (0.5, 3.0)),
        KnownTerm("1", (0.2, 2.0), True),
    ),
    1, 3,
)  # fmt: skip
TIMES = np.linspace(0, 9, 61)


def moved(rate, start=(1.0, 0.2), noise=0.05):
    """Positions of a motion with noise, a share of the spread."""
    path = odeint(lambda s, at: (s[1], rate(s[0], s[1], at)), start, TIMES)[:, 0]
    return path + noise * np.std(path) * np.random.default_rng(5).normal(size=len(path))


@pytest.mark.parametrize(
    ("rate", "terms"),
    [
        (lambda x, v, t: -x - 0.1 * v, {x, v}),
        (lambda x, v, t: -1.2 * x**3 - 0.3 * abs(v) * v, {x**3, v * sympy.Abs(v)}),
        (lambda x, v, t: -2 * x - 0.2 * v * abs(v) - 1.1, {x, v * sympy.Abs(v), sympy.Integer(1)}),
    ],
)
def test_the_true_sum_is_the_likeliest(rate, terms):
    best = weigh_sums(TIMES, moved(rate), KINDS, most=3)[0]
    rests = {term.as_coeff_Mul()[1] for term in sympy.Add.make_args(best.expression)}
    assert {rest.replace(lambda e: e.func is sympy.sin, lambda e: sympy.sin(t)) for rest in rests} == terms


def test_numbers_are_found_within_their_ranges():
    best = weigh_sums(TIMES, moved(lambda x, v, t: -2 * x - 0.2 * v + 0.9 * np.sin(1.7 * t)), KINDS, most=1)[0]
    assert -best.expression.coeff(x) == pytest.approx(2, rel=0.1)
    (wave,) = best.expression.atoms(sympy.sin)
    assert float(wave.args[0].coeff(t)) == pytest.approx(1.7, abs=0.05)
    weak = replace(KINDS, terms=(KnownTerm("-x", (0.1, 0.5)), *KINDS.terms[1:]))
    for each in weigh_sums(TIMES, moved(lambda x, v, t: -0.7 * x - 0.2 * v), weak, most=6):
        assert -each.expression.coeff(x) <= 0.5


def test_another_motion_is_left_alone():
    """What none of the sums comes near, has no likeliest one, nor has a time without an end."""
    assert weigh_sums(TIMES, moved(lambda x, v, t: -30 * x, noise=0.01), KINDS, most=3) == []
    assert weigh_sums(100 * TIMES, moved(lambda x, v, t: -x), KINDS, most=3) == []
    assert weigh_sums(TIMES, moved(lambda x, v, t: -x), KINDS, most=3, deadline=0.0) == []


def test_prior_of_sets_is_a_probability():
    """All sets together have probability one."""
    assert sum(np.exp(-KINDS.nats(some)) for some in KINDS.sets()) == pytest.approx(1)


def test_kinds_are_read_as_they_were_written():
    assert read_kinds(written(KINDS)) == KINDS
