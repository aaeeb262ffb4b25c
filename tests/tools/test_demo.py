"""The demo: its film is exact, and what is found in it is what it was made with."""

import numpy as np
import pytest

from motionlaw.tools.demo import demo_command, run_demo
from motionlaw.tools.demo_video import Pendulum, render_frames


def test_the_filmed_pendulum_obeys_its_equation():
    """The energy of the undamped pendulum is constant, and its period the exact one (elliptic integral)."""
    from scipy.special import ellipk

    pendulum = Pendulum(damping_per_s=0.0)
    t = np.linspace(0, 10, 20001)
    theta = pendulum.solve(t)
    energy = np.gradient(theta, t)[1:-1] ** 2 / 2 - pendulum.g_m_per_s2 / pendulum.length_m * np.cos(theta[1:-1])
    assert np.ptp(energy) < 1e-4 * np.abs(energy).mean()
    crossings = t[:-1][(theta[:-1] > 0) & (theta[1:] <= 0)]
    period = 4 * np.sqrt(pendulum.length_m / pendulum.g_m_per_s2) * ellipk(np.sin(pendulum.theta0_rad / 2) ** 2)
    assert np.diff(crossings).mean() == pytest.approx(period, rel=1e-3)


def test_the_ball_is_drawn_where_the_pendulum_is():
    """The centre of the red pixels is the true centre to a fifth of a pixel."""
    pendulum = Pendulum(seconds=0.5, noise=0.0)
    centres = pendulum.centres(np.arange(30) / 60)
    for picture, centre in zip(render_frames(pendulum), centres, strict=True):
        red = np.clip(picture[:, :, 0].astype(float) - picture[:, :, 2] - 60, 0, 60)
        rows, columns = np.indices(red.shape)
        found = np.array([(red * columns).sum(), (red * rows).sum()]) / red.sum()
        assert np.abs(found - centre).max() < 0.2


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One run of the demo, for all tests of it."""
    return run_demo(tmp_path_factory.mktemp("demo"))


def test_the_demo_finds_g_within_its_error(result):
    """From film to law without a hint: g within 1 %, and the truth within three standard errors."""
    assert result.discovery.status == "ok"
    assert result.g.value == pytest.approx(result.g_true_m_per_s2, rel=0.01)
    assert abs(result.g.value - result.g_true_m_per_s2) < 3 * result.g.stderr


def test_the_demo_finds_the_law_it_was_made_with(result):
    """The law is -(g/L) sin(theta) - c v, with c the damping at the pivot."""
    terms = {term.term: term for term in result.discovery.terms}
    assert set(terms) == {"sin(theta)", "v"}
    assert terms["v"].coefficient == pytest.approx(-Pendulum().damping_per_s, abs=5 * terms["v"].stderr)


def test_the_demo_writes_a_report(result):
    """The page stands alone: no link leads out of it."""
    page = result.report.read_text(encoding="utf-8")
    assert "<html" in page and 'src="http' not in page


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """Where --out is a file there is one sentence about it."""
    from motionlaw.tools.errors import UserError

    (tmp_path / "taken").touch()
    with pytest.raises(UserError, match="cannot be made"):
        demo_command(str(tmp_path / "taken"))
