"""What competes: steps of integration, and predictions of rows that a fit has not seen."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from motionlaw.tools.contest import Rival, fit_rival, longest_step, play_on
from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.observe import gather_evidence
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.verify import check_law, holdout_error

X, V, A, B, C = sympy.symbols("x v c_1 c_2 c_3")
RUBBED = Model(2, ("x",), (A * X + B * V + C * sympy.sign(V),), ("c_1", "c_2", "c_3"), np.array([-4.0, -0.1, -0.2]))
T = np.linspace(0, 8, 400)


@pytest.fixture(scope="module")
def evidence():
    """A spring with viscous drag and rows of little noise."""
    spring = replace(RUBBED, values=np.array([-4.0, -0.1, 0.0]))
    x = simulate(spring, T, np.array([1.0, 0.0]))[:, 0]
    x += 5e-4 * np.std(x) * np.random.default_rng(3).normal(size=len(T))
    return gather_evidence([Trajectory("run", T, ("x",), x[:, None])])


def test_steps_are_short_only_where_a_jump_shows(evidence):
    """A rubbing force asks for short steps, one that is too weak to be seen does not."""
    spacing = T[1] - T[0]
    weak = RUBBED.with_values(np.array([-4.0, -0.1, -1e-5]))
    assert longest_step(evidence, weak) == pytest.approx(spacing)
    assert longest_step(evidence, RUBBED) == pytest.approx(spacing / 8)


def test_a_fit_goes_on_where_it_ended(evidence):
    """Unseen rows are foretold alike from the last segment of a fit and from its first state."""
    fitted = fit_rival(Rival(model=RUBBED, cost=3.0, source="search"), evidence)
    run = evidence.runs[0]
    ahead = play_on(fitted, evidence, 0, slice(run.rows_fitted, len(T)))
    whole = simulate(fitted.model, T, fitted.fit.first_states[0], longest_step=longest_step(evidence, fitted.model))
    assert np.abs(ahead - whole[run.rows_fitted :, :1]).max() < 0.1 * run.noise_std[0]
    assert holdout_error(fitted, evidence) == pytest.approx(check_law(fitted, evidence).nmse_holdout, rel=0.02)


def test_a_hopeless_law_with_jumps_is_given_up_in_long_steps(evidence):
    """What is far behind the best fit does not cost eight times the steps, and stays far behind."""
    best = fit_rival(Rival(model=RUBBED, cost=3.0, source="search"), evidence)
    dry = Rival(Model(2, ("x",), (A * X + C * sympy.sign(V),), ("c_1", "c_3"), np.array([-4.0, -0.2])), 2.0, "search")
    quick = fit_rival(dry, evidence, hopeless_chi2=2 * best.fit.chi2)
    assert quick.fit.chi2 == pytest.approx(fit_rival(dry, evidence).fit.chi2, rel=0.2)
    assert quick.fit.chi2 > 2 * best.fit.chi2
