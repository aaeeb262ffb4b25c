"""PhysSymbol rebuilt: declared families, reproducible draws, motions that obey their laws and show their terms."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from motionlaw.data_builders.identifiability import LEAST_EFFECT, LEAST_SWAPPED, misfits_without
from motionlaw.data_builders.physsymbol import (
    BENCHMARK_SEED,
    FAMILIES,
    LEAST_SPREAD,
    MOST_REACH,
    WIDE,
    Term,
    draw_oscillator,
    draw_oscillators,
    is_informative,
    play_terms,
)  # fmt: skip
from motionlaw.data_builders.physsymbol_rows import builder, is_held_out
from motionlaw.tools.equation import compile_rhs, evaluate, parse
from motionlaw.tools.errors import UserError


@pytest.fixture(scope="module")
def oscillators():
    return draw_oscillators(12, seed=3)


def test_there_are_eleven_families(oscillators):
    """As many as published, two to five in a law, none twice."""
    assert len({family.name for family in FAMILIES}) == 11
    for each in oscillators:
        assert 2 <= len(set(each.families)) == len(each.families) <= 5


def test_the_motion_is_that_of_an_independent_integrator(oscillators):
    """The law as text, parsed and integrated by another method of order 8, gives the same path."""
    for each in oscillators:
        force = compile_rhs([parse(each.formula)], ["x", "v", "t"])
        played = solve_ivp(
            lambda t, s, force=force: (s[1], force(np.array([s[0], s[1], t]))[0]),
            (0, each.t[-1]), (each.x[0], each.v[0]), "DOP853", each.t, rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        assert np.abs(played.y[0] - each.x).max() < 1e-6 * np.std(each.x)
        assert np.allclose(evaluate(each.law, {"x": each.x, "v": each.v, "t": each.t}), each.a)


@pytest.mark.parametrize("family", WIDE, ids=lambda family: family.name)
def test_a_family_is_one_expression_for_numbers_and_symbols(family, rng):
    """The law that is printed is the law that is played."""
    term = family.draw(rng)
    values = {name: rng.normal(size=5) for name in "xvt"}
    assert np.allclose(term.values(**values), evaluate(term.expression, values) + np.zeros(5))


def test_numbers_are_drawn_in_or_out_of_their_ranges(rng):
    """Inside by default, else beyond either end."""
    for family in FAMILIES:
        for _ in range(20):
            inside, outside = family.draw(rng).numbers, family.draw(rng, is_outside=True).numbers
            for value, other, (low, high) in zip(np.abs(inside), np.abs(outside), family.ranges, strict=True):
                assert 0.99 * low <= value <= 1.01 * high
                assert 0.49 * low <= other <= 1.01 * low or 0.99 * high <= other <= 1.51 * high


def test_motions_are_bounded_and_go_on_moving(oscillators):
    """What runs away or comes to rest at once is not kept."""
    for each in oscillators:
        assert np.abs(each.x).max() <= MOST_REACH and np.std(each.x) >= LEAST_SPREAD
    t = np.linspace(0, 20, 1001)
    assert is_informative(np.cos(t))
    assert not is_informative(np.exp(t)) and not is_informative(np.exp(-5 * t)) and not is_informative(0.01 * np.cos(t))
    runaway = (Term(FAMILIES[9], (2.0,)),)
    assert np.isnan(play_terms(runaway, t, np.zeros(2))[0]).any()


def test_every_term_shows(oscillators):
    """No fit of plain least squares does without a term, nor with another family in its place."""
    for each in oscillators:
        columns = [term.values(each.x, each.v, each.t) for term in each.terms]
        others = [
            family.draw(np.random.default_rng(0)).values(each.x, each.v, each.t)
            for family in FAMILIES if family.name not in each.families
        ]  # fmt: skip
        size = np.sqrt(np.mean(each.a**2))
        for k in range(len(columns)):
            rest = columns[:k] + columns[k + 1 :]
            assert missed(rest, each.a) > 0.999 * LEAST_EFFECT * size
            assert all(missed([*rest, other], each.a) > 0.999 * LEAST_SWAPPED * size for other in others)


def missed(columns, target):
    """Root mean square of what the columns leave of the target."""
    matrix = np.column_stack(columns)
    return np.sqrt(np.mean((target - matrix @ np.linalg.lstsq(matrix, target, rcond=None)[0]) ** 2))


def test_terms_that_cannot_be_told_apart_are_seen():
    """x cos x is x - x³/2 in a small swing; in a large one it is not."""
    t = np.linspace(0, 20, 1001)
    term = (Term(FAMILIES[5], (1.0,)),)
    small, large = (misfits_without(term, t, size * np.cos(t), -size * np.sin(t))[0] for size in (0.1, 3.0))
    assert small[0] == pytest.approx(1.0) and small[1] < LEAST_SWAPPED and small[2] < 1e-4
    assert large[1] > 0.1 and large[2] > 10 * small[2]


def test_a_drag_whose_velocity_keeps_its_sign_is_the_square_of_it():
    """-v|v| is v² where v < 0: the rows do not tell which, so such a law is not kept."""
    t = np.linspace(0, 20, 1001)
    drag = (Term(FAMILIES[8], (0.3,)), Term(FAMILIES[9], (1.0,)))
    onwards = misfits_without(drag, t, -t - np.sin(t) / 2, -1 - np.cos(t) / 2)[0]
    to_and_fro = misfits_without(drag, t, -2 * np.cos(t), 2 * np.sin(t))[0]
    assert onwards[1] < 1e-9 < LEAST_SWAPPED < to_and_fro[1]


def test_the_seed_gives_the_same_draw_whatever_the_count(oscillators):
    """Case 2 is case 2."""
    again = draw_oscillators(3, seed=3)[2]
    assert again.law == oscillators[2].law and np.array_equal(again.x, oscillators[2].x)
    assert draw_oscillators(1, seed=4)[0].law != oscillators[0].law


def test_process_noise_pushes_the_motion_itself():
    """The path departs from the clean one and stays smooth; without noise, pushing is playing."""
    clean, pushed, still = (draw_oscillator(0, 0, process_noise=noise) for noise in (0.0, 0.5, 1e-12))
    assert np.abs(pushed.x - clean.x).max() > 1e-3
    assert np.abs(np.diff(pushed.x)).max() < 2 * np.abs(np.diff(clean.x)).max()
    assert np.abs(still.x - clean.x).max() < 1e-5


def test_measurement_noise_changes_what_is_seen_and_not_what_is_said():
    """Rows get it, as a share of their spread; law and chain of thought are those of the clean motion."""
    clean, noisy = (builder(measurement_noise=noise).make(0, 0)[0] for noise in (0.0, 0.05))
    for name in "xva":
        assert np.std(noisy[name] - clean[name]) == pytest.approx(0.05 * np.std(clean[name]), rel=0.1)
    assert noisy["law"] == clean["law"] and noisy["ccot"] == clean["ccot"]
    assert noisy["phase_portrait"] != clean["phase_portrait"]


def test_held_out_laws_are_in_no_other_split():
    """Families decide; a tenth of all sets are held out; numbers out of range go to their own split."""
    made = builder()
    rows = [made.make(5, index)[0] for index in range(60)]
    for row in rows:
        families = [term["family"] for term in row["terms"]]
        expected = {
            (False, False): None,
            (True, False): "test_structure",
            (False, True): "test_parameters",
            (True, True): "test_both",
        }
        assert made.held_out(row) == expected[is_held_out(families), row["is_outside"]]
    assert sum(row["is_outside"] for row in rows) == 3
    assert 0 < sum(is_held_out([term["family"] for term in row["terms"]]) for row in rows) < 20


def test_the_wide_grammar_has_further_families():
    """And a third picture where asked for."""
    row = builder(grammar="wide", force_plot=True).make(1, 0)[0]
    assert row["force_plot"]["bytes"].startswith(b"\x89PNG")
    families = {term.family.name for k in range(8) for term in draw_oscillator(1, k, families=WIDE).terms}
    assert families - {family.name for family in FAMILIES}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"grammar": "narrow"}, "grammar must be eleven or wide, got 'narrow'"),
        ({"process_noise": 2.0}, "process_noise must be a share from 0 to 1, got 2"),
        ({"measurement_noise": -0.1}, "measurement_noise must be a share from 0 to 1, got -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, sentence):
    """Name, rule, value."""
    with pytest.raises(UserError, match=sentence):
        builder(**settings)


def test_the_benchmark_is_never_built():
    """Its seed is refused, so that nobody trains on it by chance."""
    with pytest.raises(UserError, match="the seed of the benchmark"):
        builder().make(BENCHMARK_SEED, 0)
