"""What the data cannot tell apart is named: a pendulum swung a little and a lot."""

import numpy as np
import pytest

from motionlaw.tools.discovery import DiscoverySettings, discover_law
from motionlaw.tools.trajectory import Trajectory

T = np.arange(0.0, 12.0, 0.03)


def swung(amplitude):
    """A damped pendulum from this angle, 1 % noise on x."""
    from scipy.integrate import solve_ivp

    path = solve_ivp(
        lambda t, s: [s[1], -4 * np.sin(s[0]) - 0.05 * s[1]], (0, 12), [amplitude, 0], t_eval=T, rtol=1e-9, atol=1e-12
    ).y[0]
    noisy = path + 0.01 * np.std(path) * np.random.default_rng(0).normal(size=len(T))
    found = discover_law([Trajectory("p", T, ("x",), noisy[:, None])], settings=DiscoverySettings(order="2"))
    named = [text for text in found.warnings if text.startswith(("The data cannot tell", "Over the range seen"))]
    return found.law["v"], " ".join(named)


@pytest.mark.parametrize("amplitude", [0.1, 0.4])
def test_at_small_amplitude_the_sine_is_named_beside_the_spring(amplitude):
    """x and sin x run alike there: whichever is chosen, the other is told."""
    law, named = swung(amplitude)
    assert "sin(x)" in law + named and "*x " in law + named


def test_at_medium_amplitude_the_cubic_is_named_beside_the_sine():
    """sin x and x - x³/6 fit alike where the fifth power is lost in noise."""
    law, named = swung(0.8)
    assert "sin(x)" in law and "x**3" in named


def test_at_large_amplitude_the_spring_is_ruled_out():
    """Nobody is told that a wide swing might be a plain spring."""
    law, named = swung(1.6)
    assert "sin(x)" in law
    assert "x - 0.0" not in named and "*x - 0.05" not in named
