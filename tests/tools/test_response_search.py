"""Second-order laws from noisy positions, sought about the path of a first law."""

from dataclasses import replace

import numpy as np
from scipy.integrate import solve_ivp

from motionlaw.tools.contest import compete
from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.equation import canonical_terms, parse
from motionlaw.tools.hypotheses import Proposal, proposed_rivals
from motionlaw.tools.observe import gather_evidence
from motionlaw.tools.response_search import is_white, response_rivals
from motionlaw.tools.shooting import UNFITTED, correlation_length
from motionlaw.tools.trajectory import Trajectory

T = np.linspace(0, 20, 2000)


def _noisy(acceleration, share: float = 0.01) -> Trajectory:
    x = solve_ivp(
        lambda t, s: [s[1], acceleration(s[0], s[1], t)], (0, 20), [1.2, 0.5], t_eval=T, rtol=1e-10, atol=1e-12
    ).y[0]
    return Trajectory("run", T, ("x",), (x + share * np.std(x) * np.random.default_rng(0).normal(size=len(x)))[:, None])


def _leader(evidence, law: str):
    rivals = proposed_rivals(Proposal({"v": law}), evidence, order=2, source="test")
    return compete(rivals[:1], evidence, deadline=np.inf)[0][0]


def test_the_law_is_proposed_about_the_path_of_one_that_nearly_holds():
    """Positions with one per cent noise, a first law whose terms are not the true ones: the true ones come first."""
    noisy = _noisy(lambda x, v, t: -1.5 * x**3 - 0.3 * v + 0.9 * np.sin(t))
    evidence = gather_evidence([noisy])
    leader = _leader(evidence, "-0.1*x - 1.4*x^3 - 0.3*v + 0.02*v^3 + 0.9*sin(t)")
    rivals = response_rivals(replace(leader, cost=9.0), evidence, deadline=np.inf)
    terms = canonical_terms(rivals[0].model.expressions()["v"])
    assert {str(term) for term in terms} == {"x**3", "v", "sin(t + phase)"}


def test_the_law_is_found_about_the_smooth_path_where_the_first_law_is_far_off():
    """A first law without the drive misses the motion by far: the smooth path serves, then those of better laws."""
    evidence = gather_evidence([_noisy(lambda x, v, t: -1.5 * x**3 - 0.6 * np.abs(v) * v + 0.9 * np.sin(t))])
    leader = _leader(evidence, "-x - 0.1*v")
    assert leader.fit.chi2 > 100 * leader.fit.count
    rivals = response_rivals(leader, evidence, deadline=np.inf)
    terms = canonical_terms(rivals[0].model.expressions()["v"])
    assert {str(term) for term in terms} == {"x**3", "v*abs(v)", "sin(t + phase)"}


def test_a_plain_law_that_leaves_noise_is_not_searched_further():
    """Where a plain law leaves nothing but noise, there is nothing to seek."""
    evidence = gather_evidence([_noisy(lambda x, v, t: -2 * x - 0.1 * v)])
    leader = _leader(evidence, "-2*x - 0.1*v")
    assert response_rivals(replace(leader, cost=2.0), evidence, deadline=np.inf) == []


def test_a_law_that_leaves_noise_is_not_left_for_a_little():
    """Van der Pol's, seen for 400 rows, leads in the noise by less than a choice among thousands may gain by luck."""
    rng = np.random.default_rng([8, 77])
    stiffness, growth, first = rng.uniform(1, 3), rng.uniform(0.3, 1.0), rng.uniform(0.5, 1.5)
    t = np.arange(0.0, 12.0, 0.03)
    x = solve_ivp(
        lambda _, s: [s[1], -stiffness * s[0] + growth * s[1] * (1 - s[0] ** 2)], (0, 12), [first, 0.0],
        t_eval=t, rtol=1e-10, atol=1e-12,
    ).y[0]  # fmt: skip
    noisy = (x + 0.01 * np.std(x) * rng.normal(size=len(t)))[:, None]
    found = discover_law([Trajectory("run", t, ("x",), noisy)], settings=DiscoverySettings(time_limit=3600.0))
    assert {str(term) for term in canonical_terms(parse(found.law["v"]))} == {"x", "v", "v*x**2"}


def test_a_stretch_of_few_rows_takes_no_part():
    """Rows are thinned; a run that has nearly none left neither stops the search nor bends it."""
    noisy = _noisy(lambda x, v, t: -1.5 * x**3 - 0.3 * v + 0.9 * np.sin(t))
    evidence = gather_evidence([noisy])
    (run,) = evidence.runs
    both = replace(evidence, runs=(run, replace(run, rows_fitted=2)))
    leader = _leader(evidence, "-0.1*x - 1.4*x^3 - 0.3*v + 0.02*v^3 + 0.9*sin(t)")
    rivals = response_rivals(replace(leader, cost=9.0), both, deadline=np.inf)
    assert "x**3" in canonical_terms(rivals[0].model.expressions()["v"])
    assert response_rivals(replace(leader, cost=9.0), replace(both, runs=both.runs[1:]), deadline=np.inf) == []


def test_white_residuals_are_seldom_taken_for_more():
    """Of 400 white residuals of 375 rows nearly all are white; those of a slow wave of a third of the noise are not."""
    rng, rows, wave = np.random.default_rng(1), 375, np.sin(np.linspace(0, 60, 375)) / 2
    noise = rng.normal(size=(400, rows))

    def whites(residuals):
        return np.mean([
            is_white(replace(UNFITTED, count=rows, correlation_length=correlation_length([each]))) for each in residuals
        ])  # fmt: skip

    assert whites(noise) > 0.9
    assert whites(noise + wave) < 0.1
