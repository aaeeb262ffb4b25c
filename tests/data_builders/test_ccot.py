"""Chains of thought: every sentence holds of an independent replay of the law it is about."""

from collections import Counter

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from motionlaw.data_builders.ccot import ROLES, chain, chain_text, find_turns
from motionlaw.data_builders.physsymbol import WIDE, Oscillator, draw_oscillator, play_terms
from motionlaw.tools.equation import compile_rhs, evaluate, parse

# Draws of the eleven families, of the wide grammar, and of two laws that give rare sentences.
COUNT, WIDE_COUNT = 40, 12


class Replay:
    """The law, read from its text, played by another method with its own finding of turns."""

    def __init__(self, drawn):
        force = compile_rhs([parse(drawn.formula)], ["x", "v", "t"])
        turn = lambda t, s: s[1]  # noqa: E731
        played = solve_ivp(
            lambda t, s: (s[1], force(np.array([s[0], s[1], t]))[0]), (0, drawn.t[-1]), (drawn.x[0], drawn.v[0]),
            "DOP853", events=turn, dense_output=True, rtol=1e-10, atol=1e-12,
        )  # fmt: skip
        self.state, self.turn_t = played.sol, played.t_events[0]
        self.turn_x = played.sol(self.turn_t)[0] if len(self.turn_t) else np.zeros(0)
        self.swings = np.abs(np.diff(self.turn_x))
        self.law = parse(drawn.formula)
        self.drawn = drawn

    def acceleration(self, x, v, t):
        return float(evaluate(self.law, {"x": np.array([x]), "v": np.array([v]), "t": np.array([t])}).ravel()[0])


def near(value, other, rel=0.01):
    return value == pytest.approx(other, rel=rel, abs=2e-4)


def check(kind, values, r):
    """Whether a sentence of a kind, with its numbers, holds of a replay."""
    d = r.swings
    rising, falling = np.diff(d) > 0, np.diff(d) < 0
    end = r.state(r.drawn.t[-1])
    if kind == "few turns":
        return len(r.turn_x) == values["turns"] < 4 and near(end[0], values["last_x"])
    if kind == "orbit closed":
        return np.ptp(d) < 0.006 * d.mean() and near(d.mean(), values["swing_m"])
    if kind in ("orbit inward", "orbit to rest"):
        return falling.all() and near(d[0], values["first_swing_m"]) and near(d[-1], values["last_swing_m"], 0.05)
    if kind == "orbit outward":
        return rising.all() and near(d[0], values["first_swing_m"]) and near(d[-1], values["last_swing_m"])
    if kind == "orbit closes":
        return np.ptp(d[-3:]) < 0.006 * d[-1] and near(d[-1], values["last_swing_m"])
    if kind == "orbit irregular":
        return (
            not rising.all()
            and not falling.all()
            and near(d.min(), values["least_swing_m"], 0.05)
            and near(d.max(), values["most_swing_m"])
        )
    if kind in ("symmetric", "off centre"):
        middle, swing = (r.turn_x[-3] + 2 * r.turn_x[-2] + r.turn_x[-1]) / 4, d[-2:].mean()
        is_central = abs(middle) < 0.032 * swing
        return (
            near(swing, values["swing_m"]) and near(middle, values["middle_m"]) and is_central == (kind == "symmetric")
        )
    if kind == "beats":
        return (
            rising.any()
            and falling.any()
            and values["smallest_m"] < 0.75 * values["largest_m"]
            and values["largest_m"] <= 1.001 * d.max()
        )
    if kind == "force depends on time":
        states = r.state(values["t1_s"]), r.state(values["t2_s"])
        a = [r.acceleration(*state, t) for state, t in zip(states, (values["t1_s"], values["t2_s"]), strict=True)]
        spread = np.array([np.std(r.drawn.x), np.std(r.drawn.v)])
        return (
            (np.abs(states[0] - states[1]) < 0.011 * spread).all()
            and near(a[0], values["a1"])
            and near(a[1], values["a2"])
        )
    if kind.startswith("equilibria"):
        places = [values[f"x{k + 1}_m"] for k in range(int(values["count"]))]
        grid = np.linspace(r.drawn.x.min(), r.drawn.x.max(), 997)
        signs = np.sign([r.acceleration(x, 0.0, 0.0) for x in grid])
        size = np.std(r.drawn.a)
        return np.count_nonzero(np.diff(signs)) == len(places) and all(
            abs(r.acceleration(x, 0.0, 0.0)) < 1e-3 * size for x in places
        )
    if kind.startswith("period"):
        first, last = r.turn_t[2] - r.turn_t[0], r.turn_t[-1] - r.turn_t[-3]
        if kind == "period kept":
            return abs(last / first - 1) < 0.011
        large, small = (first, last) if falling.all() else (last, first)
        return (
            (large < small) == (kind == "period shorter at large swings")
            and near(first, values["first_period_s"])
            and near(last, values["last_period_s"])
        )
    if kind.startswith("ratio"):
        change = d[-1] / d[-2] - d[1] / d[0]
        return (
            falling.all()
            and {"ratio kept": abs(change) < 0.015, "ratio rises": change > 0.025, "ratio falls": change < -0.025}[kind]
        )
    if kind == "no velocity terms":
        return "v" not in {str(each) for each in r.law.free_symbols}
    if kind.startswith("velocity"):
        # What the terms in v do is the energy that is gained beyond the work of all other terms.
        t = np.linspace(0, r.drawn.t[-1], 20001)
        x, v = r.state(t)
        rest = evaluate(r.law, {"x": x, "v": np.zeros_like(v), "t": t}) + np.zeros_like(t)
        work = (v[-1] ** 2 - v[0] ** 2) / 2 - np.trapezoid(rest * v, t)
        return work == pytest.approx(values["work_j_per_kg"], rel=0.01, abs=1e-3) and (work < 0) == ("takes" in kind)
    raise AssertionError(f"no check for {kind}")


@pytest.fixture(scope="module")
def drawn():
    found = [draw_oscillator(11, k) for k in range(COUNT)]
    return found + [draw_oscillator(12, k, families=WIDE) for k in range(WIDE_COUNT)]


def test_every_sentence_holds_of_a_replay(drawn):
    """Forty laws of the eleven families and twelve of the wide grammar; most kinds of sentence occur."""
    seen = Counter()
    for each in drawn:
        replay = Replay(each)
        for sentence in chain(each):
            if not sentence.kind.startswith("term"):
                seen[sentence.kind.split()[0]] += 1
                assert check(sentence.kind, sentence.values, replay), (each.name, each.formula, sentence)
    assert set(seen) >= {"orbit", "equilibria", "velocity", "force", "symmetric", "off", "ratio", "period", "beats"}


def test_every_term_is_explained_by_what_is_missed_without_it(drawn):
    """Once each, with the misfit of a plain least-squares fit."""
    for each in drawn[:12]:
        sentences = [s for s in chain(each) if s.kind.startswith("term")]
        assert [s.kind for s in sentences] == [f"term {name}" for name in each.families]
        for k, sentence in enumerate(sentences):
            rest = np.column_stack([term.values(each.x, each.v, each.t) for j, term in enumerate(each.terms) if j != k])
            fit = rest @ np.linalg.lstsq(rest, each.a, rcond=None)[0]
            percent = 100 * np.sqrt(np.mean((each.a - fit) ** 2) / np.mean(each.a**2))
            assert sentence.values["missed_percent"] == pytest.approx(percent)


def test_the_numbers_of_a_sentence_are_in_its_text(drawn):
    """To three digits, so that what is tested is what is read."""
    hidden = {"count", "turns", "tops", "dips"}
    for each in drawn:
        for sentence in chain(each):
            for name, value in sentence.values.items():
                if (sentence.kind, name) == ("symmetric", "middle_m"):
                    continue  # said to be zero
                assert name in hidden or f"{abs(value):.3g}" in sentence.text, sentence


def test_the_chain_ends_with_the_law(drawn):
    """Which can be read back."""
    text = chain_text(chain(drawn[0]), drawn[0].formula)
    assert parse(text.splitlines()[-1].removeprefix("Together: a = ")) == parse(drawn[0].formula)


def test_every_family_has_words():
    """Also those of the wide grammar."""
    assert {family.name for family in WIDE} == set(ROLES)


def test_a_pendulum_is_slower_at_large_swings_and_a_hard_spring_faster():
    """The textbook's cases."""
    t = np.arange(1001) * 0.02
    by_name = {family.name: family for family in WIDE}

    def kinds(first, size):
        from motionlaw.data_builders.physsymbol import Term

        terms = (Term(by_name[first], (size,)), Term(by_name["damping"], (0.2,)))
        x, v = play_terms(terms, t, np.array([2.0, 0.0]))
        a = np.sum([term.values(x, v, t) for term in terms], axis=0)
        return {sentence.kind for sentence in chain(Oscillator("", terms, t, x, v, a))}

    assert {"period longer at large swings", "orbit inward", "equilibria 1"} <= kinds("pendulum", 4.0)
    assert {"period shorter at large swings", "symmetric"} <= kinds("cubic spring", 3.0)
    assert {"period kept", "ratio kept", "velocity takes energy"} <= kinds("spring", 4.0)


def test_turns_are_found_between_rows():
    """To the fourth order of the step."""
    t = np.linspace(0, 10, 101)
    turns = find_turns(t, np.sin(t), np.cos(t), -np.sin(t))
    assert np.allclose(turns.t, np.pi / 2 + np.pi * np.arange(3), atol=1e-3)
    assert np.allclose(np.abs(turns.x), 1.0, atol=1e-5)
