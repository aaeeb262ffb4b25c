"""Forms: constants are taken out of laws, and what is no constant stays."""

import pytest

from motionlaw.eval.forms import law_form
from motionlaw.tools.equation import parse


def trees(text):
    return [str(term.tree) for term in law_form(parse(text)).terms]


@pytest.mark.parametrize(
    ("text", "skeletons"),
    [
        ("-2*x - 0.1*v**3", ["^(v, 3)", "x"]),
        ("x**1.5", ["^(x, 3/2)"]),
        ("x**1.27", ["^(x, c)"]),
        ("4*abs(-2*x)", ["Abs(x)"]),
        ("3*x/(2*x + 5)", ["*(^(+(x, *(c, 1)), -1), x)"]),
        ("x/(x - 5)", ["*(^(+(x, *(-c, 1)), -1), x)"]),
        ("exp(-x)", ["exp(*(-c, x))"]),
        ("7", ["1"]),
    ],
)
def test_skeletons(text, skeletons):
    """Exponents and signs inside are structure, other numbers are not."""
    assert trees(text) == skeletons


def test_numbers_do_not_decide_the_order():
    """The same form comes out whatever the constants are."""
    assert trees("x**2/(3*x**2 + v**2 + 1)") == trees("5*x**2/(0.1*x**2 + 700*v**2 + 80)")


def test_constants_keep_their_values():
    """A coefficient is taken off with what was divided out of it."""
    (term,) = law_form(parse("-0.9*x**2/(2*x**2 + 900)")).terms
    assert term.coefficient == pytest.approx(-0.45)
    assert [constant.value for constant in term.constants] == pytest.approx([450.0])


def test_a_wave_has_two_free_numbers_beside_its_frequency():
    """Sine and cosine of one frequency are one term with an amplitude and a phase."""
    form = law_form(parse("3*sin(2*t) + 4*cos(2*t)"))
    assert (len(form.terms), form.terms[0].coefficient, form.n_constants) == (1, pytest.approx(5.0), 3)


def test_what_is_too_large_has_no_form():
    """A sum of hundreds of products is no law; it is given up in time."""
    long = "+".join(f"sin({k}.5*x)*v**{k % 9}" for k in range(95))
    assert law_form(parse(long) ** 2 * parse(long.replace("x", "t")) ** 3) is None
