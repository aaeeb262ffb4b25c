"""Known laws that the library does not span: linked pendulums, and falls under a gravity that is known.

They compete on the same score as everything else. Laws that are sums of plain terms (oscillators, drag, friction,
Duffing, van der Pol, Kepler) need no entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.search import Samples

STANDARD_GRAVITY = 9.81  # m/s^2, downwards


@dataclass(frozen=True)
class KnownLaw:
    """A law from the books with constants fitted roughly to the data; ``cost`` as in the library's prior."""

    name: str
    model: Model
    cost: float


def double_pendulum(
    samples: Sequence[Samples], acceleration: Sequence[np.ndarray], coordinates: Sequence[str]
) -> KnownLaw:
    """Two linked rigid pendulums with friction in both joints, first constants by linear least squares.

    With Δ = θ1 − θ2 the equations of motion of any two linked rigid bodies in a plane read::

        θ1'' + α cosΔ θ2'' = −α sinΔ ω2² − p sinθ1 − b ω1 − c (ω1 − ω2)
        θ2'' + β cosΔ θ1'' = +β sinΔ ω1² − q sinθ2 − d (ω2 − ω1)

    and are solved for the accelerations.

    Args:
        samples: The runs.
        acceleration: Smooth accelerations of each run, shape (T, 2).
        coordinates: Names of the two angles, both from straight down.

    Source: Goldstein, Classical Mechanics, chapter 1; general form with α, β, p, q for bodies of any shape.
    """
    states = np.concatenate([run.states for run in samples])
    a1, a2 = np.concatenate(list(acceleration)).T
    theta1, theta2, omega1, omega2 = states.T
    turn = theta1 - theta2
    first = [-(np.cos(turn) * a2 + np.sin(turn) * omega2**2), -np.sin(theta1), -omega1, -(omega1 - omega2)]
    second = [-(np.cos(turn) * a1 - np.sin(turn) * omega1**2), -np.sin(theta2), -(omega2 - omega1)]
    alpha, p, b, c = _robust_least_squares(np.column_stack(first), a1)
    beta, q, d = _robust_least_squares(np.column_stack(second), a2)
    names = ("alpha", "beta", "p", "q", "b", "c", "d")
    s = {name: sympy.Symbol(name) for name in names}
    q1, q2 = (sympy.Symbol(name) for name in coordinates)
    w1, w2 = (sympy.Symbol(name) for name in velocity_names(coordinates))
    cos, sin = sympy.cos(q1 - q2), sympy.sin(q1 - q2)
    push1 = -s["alpha"] * sin * w2**2 - s["p"] * sympy.sin(q1) - s["b"] * w1 - s["c"] * (w1 - w2)
    push2 = s["beta"] * sin * w1**2 - s["q"] * sympy.sin(q2) - s["d"] * (w2 - w1)
    shared = 1 - s["alpha"] * s["beta"] * cos**2
    equations = ((push1 - s["alpha"] * cos * push2) / shared, (push2 - s["beta"] * cos * push1) / shared)
    values = np.array([alpha, beta, p, q, b, c, d])
    return KnownLaw("double pendulum", Model(2, tuple(coordinates), equations, names, values), cost=9.0)


def falls_with_drag(samples: Sequence[Samples], acceleration: Sequence[np.ndarray], coordinate: str) -> list[KnownLaw]:
    """Vertical falls in metres: gravity is not fitted but known, so that short clips can tell the drag.

    Source: standard gravity 9.80665 m/s^2 (CGPM 1901), rounded to what the place on Earth leaves open.
    """
    v = sympy.Symbol(velocity_names((coordinate,))[0])
    drag = sympy.Symbol("c_1")
    rates = np.concatenate([run.states[:, 1] for run in samples])
    rest = np.concatenate(list(acceleration))[:, 0] + STANDARD_GRAVITY
    found = []
    for name, term, values in (
        ("fall with quadratic drag", sympy.Abs(v) * v, np.abs(rates) * rates),
        ("fall with linear drag", v, rates),
    ):
        first = float(values @ rest / max(float(values @ values), 1e-300))
        equation = -sympy.Float(STANDARD_GRAVITY) + drag * term
        found.append(KnownLaw(name, Model(2, (coordinate,), (equation,), (drag.name,), np.array([first])), cost=1.5))
    return found


def _robust_least_squares(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares with Huber weights: smoothed accelerations have outliers where the motion is fastest."""
    weights = np.ones(len(target))
    for _ in range(8):
        solution, *_ = np.linalg.lstsq(columns * weights[:, None], target * weights, rcond=None)
        residual = np.abs(target - columns @ solution)
        spread = 1.4826 * np.median(residual) + 1e-300
        weights = np.sqrt(np.minimum(1.0, 1.5 * spread / np.maximum(residual, 1e-300)))
    return solution


def known_laws(
    samples: Sequence[Samples],
    acceleration: Sequence[np.ndarray],
    *,
    coordinates: Sequence[str],
    units: Sequence[str],
    order: int,
) -> list[KnownLaw]:
    """Lists the known laws that fit the kind of coordinates, with first constants."""
    is_angle = [unit == "rad" for unit in units]
    if order == 2 and tuple(coordinates) == ("y",) and units[0] == "m" and samples:
        return falls_with_drag(samples, acceleration, coordinates[0])
    if order == 2 and len(coordinates) == 2 and all(is_angle):
        return [double_pendulum(samples, acceleration, coordinates)]
    return []
