"""A motion as a small model sees it."""

import numpy as np
import pytest

from motionlaw.agent.hypothesise import propose_laws
from motionlaw.agent.model import choose_model
from motionlaw.agent.swing import Units, as_swing, units_for
from motionlaw.data_builders.physsymbol import FAMILIES, Term, draw_oscillator, play_terms
from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.inputs import Inputs
from motionlaw.tools.trajectory import Trajectory


def run(t, x) -> Trajectory:
    """A recording of one coordinate."""
    return Trajectory("run", t, ("x",), np.asarray(x)[:, None], units=("m",))


@pytest.mark.parametrize("time, length, origin", [(1e-3, 100.0, 0.0), (60.0, 1e-2, 3.0), (1.0, 25.0, 600.0)])
def test_the_same_motion_in_other_units_is_shown_alike_and_answered_alike(time, length, origin):
    """Milliseconds and centimetres, pixels about the middle of a film: the laws proposed are the same laws."""
    drawn = draw_oscillator(11, 4)
    some = np.linspace(0, len(drawn.t) - 1, 200).astype(int)
    t, x = drawn.t[some], drawn.x[some] - drawn.x[some].mean()
    plain, other = run(t, x), run(t * time, origin + length * x)
    assert as_swing([plain]).units == Units()
    units = as_swing([other]).units
    shown, alike = as_swing([other]).columns, as_swing([plain]).columns
    assert units.time == pytest.approx(time)
    assert np.allclose(shown[:, 1] * units.length / length, alike[:, 1], atol=1e-3 * np.std(x))
    formula = "-2*x - 0.3*v*abs(v) + 0.4*sin(1.5*t)"
    columns = dict(zip("txv", alike.T, strict=False))
    back = {"t": columns["t"] * time, "x": origin + length * columns["x"], "v": length / time * columns["v"]}
    scaled = {name: columns[name] * (1 if name == "t" else length / units.length) for name in "txv"}
    scaled["x"] = (back["x"] - units.origin) / units.length
    there = evaluate(parse(units.law(formula)), back)
    assert np.allclose(there * units.time**2 / units.length, evaluate(parse(formula), scaled), rtol=1e-3, atol=1e-3)


def test_of_a_long_recording_the_beginning_is_shown():
    """A hundred periods in ten minutes: as fast as the model knows, for as long as it knows."""
    t = np.linspace(0, 600, 6000)
    swing = as_swing([run(t, np.cos(2 * np.pi * t / 6))])
    assert swing.columns[-1, 0] - swing.columns[0, 0] <= 30
    assert np.allclose(swing.columns[:, 1], np.cos(2 * swing.columns[:, 0]), atol=0.01)


def test_what_does_not_swing_is_none():
    """A fall, and too few rows."""
    t = np.linspace(0, 1, 50)
    assert as_swing([run(t, -4.9 * t**2)]) is None
    assert as_swing([run(t[:6], np.cos(t[:6]))]) is None
    assert units_for(t, np.ones(50)).length == 1.0


def test_the_model_proposes_the_law_of_a_recording_in_milliseconds():
    """A damped spring with a quadratic part measured in ms and mm: its terms are among the proposals."""
    numbers = {"spring": (3.0,), "damping": (0.1,), "quadratic spring": (0.3,)}
    terms = [Term(family, numbers[family.name]) for family in FAMILIES if family.name in numbers]
    t = np.linspace(0, 20, 400)
    recording = Inputs((run(1e3 * t, 1e3 * play_terms(terms, t, (1.0, 0.5))[0]),), False, True, ())
    proposals = propose_laws(recording, choose_model("embedded", talks=False), samples=8)
    laws = [parse(each.law["v"]).as_ordered_terms() for each in proposals.laws]
    found = [{str(part.as_coeff_Mul()[1]) for part in law} for law in laws]
    assert {"x", "v", "x**2"} in found
