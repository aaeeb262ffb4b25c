"""Physical numbers read off a law: equilibrium, period, damping, terminal speed, acceleration, with their errors.

Each number is a function of the law's constants; its standard error follows from their covariance. Only
second-order laws are read here; measured numbers that need no law (the period by spectrum) stand beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from motionlaw.tools.contest import Rival
from motionlaw.tools.dynamics import Model
from motionlaw.tools.law import Quantity
from motionlaw.tools.motion import dominant_frequency
from motionlaw.tools.observe import Evidence
from motionlaw.tools.shooting import correlation_length


def _with_error(rival: Rival, number: Callable[[Model], float | None]) -> tuple[float, float | None] | None:
    """A number computed from the law, and its standard error by the constants' covariance."""
    value = number(rival.model)
    if value is None or not np.isfinite(value):
        return None
    slope = np.zeros(len(rival.model.values))
    for k, constant in enumerate(rival.model.values):
        size = max(rival.fit.stderr[k] * 0.1, 1e-7 * max(abs(constant), 1e-6))
        moved = rival.model.values.copy()
        moved[k] += size
        shifted = number(rival.model.with_values(moved))
        if shifted is None:
            return float(value), None
        slope[k] = (shifted - value) / size
    variance = slope @ rival.fit.covariance @ slope
    return float(value), float(np.sqrt(variance)) if np.isfinite(variance) and variance >= 0 else None


def _accelerations(model: Model, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Accelerations at the start of time, shape (B,), at places and velocities of that shape."""
    state = np.array([position, velocity])
    return model.derivative(state, np.zeros(len(position)), np.repeat(model.values[:, None], len(position), axis=1))[1]


def _acceleration(model: Model, position: float, velocity: float) -> float:
    return float(_accelerations(model, np.array([position]), np.array([velocity]))[0])


def _depends_on(model: Model, names: Sequence[str]) -> bool:
    symbols = {symbol.name for equation in model.equations for symbol in equation.free_symbols}
    return bool(symbols & set(names))


def _equilibrium(model: Model, low: float, high: float) -> float | None:
    """The stable place of rest within the motion's range, widened by half."""
    wide = 0.5 * (high - low)
    grid = np.linspace(low - wide, high + wide, 201)
    push = _accelerations(model, grid, np.zeros_like(grid))
    falls = np.flatnonzero((push[:-1] > 0) & (push[1:] <= 0))
    if not len(falls):
        return None
    from scipy.optimize import brentq

    nearest = falls[np.argmin(np.abs(grid[falls] - (low + high) / 2))]
    # The bracket is narrow: where the push is too flat for the last digits, the nearest place will do.
    return float(brentq(lambda q: _acceleration(model, q, 0.0), grid[nearest], grid[nearest + 1], disp=False))


def _stiffness(model: Model, low: float, high: float) -> float | None:
    """-∂a/∂x at the place of rest, 1/s²."""
    rest = _equilibrium(model, low, high)
    if rest is None:
        return None
    size = 1e-4 * (high - low)
    return -(_acceleration(model, rest + size, 0.0) - _acceleration(model, rest - size, 0.0)) / (2 * size)


def _terminal_velocity(model: Model, low: float, high: float) -> float | None:
    """The velocity at which a law without position or time gives no acceleration, near the velocities seen."""
    reach = 3 * max(abs(low), abs(high))
    grid = np.linspace(-reach, reach, 401)
    push = _accelerations(model, np.zeros_like(grid), grid)
    crossings = np.flatnonzero((push[:-1] > 0) & (push[1:] <= 0))
    if not len(crossings):
        return None
    from scipy.optimize import brentq

    nearest = crossings[np.argmin(np.abs(grid[crossings] - (low if abs(low) > abs(high) else high)))]
    return float(brentq(lambda v: _acceleration(model, 0.0, v), grid[nearest], grid[nearest + 1]))


def read_quantities(rival: Rival, evidence: Evidence) -> list[Quantity]:
    """Reads physical numbers off a fitted law.

    Args:
        rival: The winner, fitted.
        evidence: The data it was fitted to, for ranges and measured periods.

    Returns:
        Numbers that the law has; none for first-order laws.
    """
    found = _measured_periods(evidence)
    if not found:
        found = _mean_rates(evidence)
    if rival.model.order != 2:
        return found
    if len(evidence.coordinates) > 1:
        return found + _constant_rates(rival, evidence)
    position = np.concatenate([run.trajectory.position[:, 0] for run in evidence.runs])
    velocity = np.concatenate([run.states[:, 1] for run in evidence.runs])
    low, high = float(position.min()), float(position.max())
    unit = evidence.units[0] or "1"
    readers: list[tuple[str, str, Callable[[Model], float | None]]] = []
    if _depends_on(rival.model, evidence.coordinates):
        readers.append(("equilibrium", unit, lambda m: _equilibrium(m, low, high)))

        def period(model: Model) -> float | None:
            stiffness = _stiffness(model, low, high)
            return 2 * np.pi / np.sqrt(stiffness) if stiffness is not None and stiffness > 0 else None

        def frequency(model: Model) -> float | None:
            stiffness = _stiffness(model, low, high)
            return np.sqrt(stiffness) if stiffness is not None and stiffness > 0 else None

        readers.append(("angular frequency of small oscillations", "rad/s", frequency))
        readers.append(("period of small oscillations", "s", period))
    elif _depends_on(rival.model, ("v",)) and not _depends_on(rival.model, ("t",)):
        readers.append(
            ("terminal velocity", f"{unit}/s", lambda m: _terminal_velocity(m, velocity.min(), velocity.max()))
        )
    for name, its_unit, reader in readers:
        number = _with_error(rival, reader)
        is_zero = name == "equilibrium" and number is not None and abs(number[0]) < 1e-9 * (high - low)
        if number is not None and not is_zero:
            found.append(Quantity(name, *number, its_unit))
    return found + _constant_rates(rival, evidence)


def _constant_rates(rival: Rival, evidence: Evidence) -> list[Quantity]:
    """The acceleration where it is constant, and the velocity where there is no acceleration."""
    found = []
    width = len(evidence.coordinates)
    for index, (name, equation) in enumerate(zip(evidence.coordinates, rival.model.equations, strict=True)):
        unit = evidence.units[index] or "1"
        states = {*rival.model.state, "t"}
        if any(symbol.name in states for symbol in equation.free_symbols):
            continue
        if equation == 0:
            for number, (run, first) in enumerate(zip(evidence.runs, rival.fit.first_states, strict=True)):
                label = f"velocity of {name}" + (f", stretch {number + 1}" if len(evidence.runs) > 1 else "")
                span = run.trajectory.t[-1] - run.trajectory.t[0]
                error = run.noise_std[index] * np.sqrt(12 / len(run.trajectory.t)) / span
                found.append(Quantity(label, float(first[width + index]), float(error), f"{unit}/s"))
        else:
            rate = _with_error(rival, partial(_constant, index=index))
            if rate is not None:
                found.append(Quantity(f"acceleration of {name}", *rate, f"{unit}/s^2"))
    return found


def _constant(model: Model, index: int) -> float:
    width = len(model.coordinates)
    return float(model.derivative(np.zeros((2 * width, 1)), np.zeros(1), model.values[:, None])[width + index, 0])


def _mean_rates(evidence: Evidence) -> list[Quantity]:
    """Mean velocity and acceleration of each coordinate over the longest run, by a parabola, whatever the law."""
    longest = max(evidence.runs, key=lambda run: run.path_length)
    t = longest.trajectory.t - longest.trajectory.t.mean()
    found = []
    for index, name in enumerate(evidence.coordinates):
        position = longest.trajectory.position[:, index]
        (slope, speed, _), covariance = np.polyfit(t, position, 2, cov="unscaled")
        rest = position - np.polyval(np.polyfit(t, position, 2), t)
        spread = np.sqrt(np.sum(rest**2) / max(1, len(t) - 3) * correlation_length([rest]))
        unit = evidence.units[index] or "1"
        errors = spread * np.sqrt(np.diag(covariance))
        found += [
            Quantity(f"mean velocity of {name}", float(speed), float(errors[1]), f"{unit}/s"),
            Quantity(f"mean acceleration of {name}", float(2 * slope), float(2 * errors[0]), f"{unit}/s^2"),
        ]
    return found


def _measured_periods(evidence: Evidence) -> list[Quantity]:
    """Period of each coordinate by spectrum, where a run holds at least two turns of a clear oscillation."""
    longest = max(evidence.runs, key=lambda run: len(run.trajectory.t))
    t = longest.trajectory.t
    found = []
    extents = np.ptp(longest.trajectory.position, axis=0)
    for index in np.argsort(-extents, kind="stable"):  # the widest swing first: it is what a reader means
        name = evidence.coordinates[index]
        if len(t) < 16 or not np.ptp(longest.trajectory.position[:, index]) > 0:
            continue
        frequency = dominant_frequency(t, longest.trajectory.position[:, index])
        if frequency.power_share > 0.5 and frequency.value * (t[-1] - t[0]) > 4 * np.pi:
            period = 2 * np.pi / frequency.value
            error = None if frequency.stderr is None else period * frequency.stderr / frequency.value
            found.append(Quantity(f"measured period of {name}", float(period), error, "s"))
    return found
