"""Laws in motion: a law with named constants, and playing it from a first state.

Leaves out fitting the constants (`shooting.py`) and finding the terms (`search.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs


def velocity_names(coordinates: Sequence[str]) -> tuple[str, ...]:
    """Names the velocities as the JSON of ``discover`` does: ``v`` for one coordinate, ``v_x1`` … for several.

    Example:
        >>> velocity_names(("theta",)), velocity_names(("x1", "x2"))
        (('v',), ('v_x1', 'v_x2'))
    """
    return ("v",) if len(coordinates) == 1 else tuple(f"v_{name}" for name in coordinates)


@dataclass(frozen=True)
class Model:
    """A law with named constants.

    Args:
        order: 1 where the equations give velocities, 2 where they give accelerations.
        coordinates: Names of the D coordinates.
        equations: One expression a coordinate, in the states, ``t`` and the constants.
        parameters: Names of the P constants.
        values: Their values, shape (P,).
    """

    order: int
    coordinates: tuple[str, ...]
    equations: tuple[sympy.Expr, ...]
    parameters: tuple[str, ...]
    values: np.ndarray

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the states: the coordinates, then (order 2) their velocities."""
        return self.coordinates + (velocity_names(self.coordinates) if self.order == 2 else ())

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the states whose derivatives the equations give."""
        return velocity_names(self.coordinates) if self.order == 2 else self.coordinates

    def with_values(self, values: np.ndarray) -> Model:
        """Returns the same law with other constants."""
        model = replace(self, values=np.asarray(values, dtype=float))
        if "_compiled" in self.__dict__:  # the structure is the same, so is its compiled form
            model.__dict__["_compiled"] = self.__dict__["_compiled"]
        return model

    @cached_property
    def _compiled(self) -> Callable[[np.ndarray], np.ndarray]:
        return compile_rhs(list(self.equations), [*self.state, "t", *self.parameters])

    def slope_function(self, values: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Time derivative of the state as a function of state, shape (n, B), and time, shape (B,).

        Args:
            values: Constants, shape (P, B).
        """
        n, width, compiled = len(self.state), len(self.coordinates), self._compiled
        inputs = np.empty((n + 1 + len(values), values.shape[1] if len(values) else 0))
        if len(values):
            inputs[n + 1 :] = values

        def slope(state: np.ndarray, t: np.ndarray) -> np.ndarray:
            nonlocal inputs
            if inputs.shape[1] != state.shape[1]:
                inputs = np.empty((n + 1, state.shape[1]))
            inputs[:n], inputs[n] = state, t
            rate = compiled(inputs)
            return rate if self.order == 1 else np.concatenate((inputs[width:n], rate))

        return slope

    def derivative(self, state: np.ndarray, t: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Time derivative of the state.

        Args:
            state: Shape (n, B).
            t: Seconds, shape (B,).
            values: Constants, shape (P, B).

        Returns:
            Shape (n, B).
        """
        return self.slope_function(values)(state, t)

    def expressions(self) -> dict[str, sympy.Expr]:
        """The equations with the constants' values put in, by target state."""
        constants = {
            sympy.Symbol(name): sympy.Float(value) for name, value in zip(self.parameters, self.values, strict=True)
        }
        return {name: equation.subs(constants) for name, equation in zip(self.targets, self.equations, strict=True)}


@dataclass(frozen=True)
class Grid:
    """Integration steps of several segments side by side: step k of segment s is ``h[k, s]`` seconds long.

    ``seen[s]`` holds the step indices at which segment s has its observations (index 0 is the start).
    """

    start: np.ndarray
    h: np.ndarray
    seen: tuple[np.ndarray, ...]


def make_grid(times: Sequence[np.ndarray], longest_step: float) -> Grid:
    """Cuts the time between observations into equal steps no longer than ``longest_step`` seconds."""
    all_steps, all_seen = [], []
    for t in times:
        gaps = np.diff(t)
        counts = np.maximum(1, np.ceil(gaps / longest_step - 1e-9)).astype(int)
        all_steps.append(np.repeat(gaps / counts, counts))
        all_seen.append(np.concatenate([[0], np.cumsum(counts)]).astype(int))
    h = np.zeros((max((len(steps) for steps in all_steps), default=0), len(times)))
    for column, steps in enumerate(all_steps):
        h[: len(steps), column] = steps
    return Grid(start=np.array([t[0] for t in times]), h=h, seen=tuple(all_seen))


def integrate(model: Model, grid: Grid, state: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Classical Runge-Kutta over all segments and variants at once.

    Args:
        model: The law.
        grid: Steps of the S segments.
        state: First states, shape (n, S, Q) for Q variants of states and constants.
        values: Constants, shape (P, S, Q).

    Returns:
        States at every step, shape (steps + 1, n, S, Q); NaN or huge where the law runs away.
    """
    n, segments, variants = state.shape
    flat = (segments * variants,)
    now = state.reshape(n, *flat).copy()
    t = np.repeat(grid.start, variants)
    steps = np.repeat(grid.h, variants, axis=1)
    path = np.empty((len(grid.h) + 1, n, *flat))
    path[0] = now
    slope = model.slope_function(values.reshape(len(values), *flat))
    with np.errstate(all="ignore"):
        for k, h in enumerate(steps):
            half, later = 0.5 * h, t + 0.5 * h
            k1 = slope(now, t)
            k2 = slope(now + half * k1, later)
            k3 = slope(now + half * k2, later)
            t = t + h
            k4 = slope(now + h * k3, t)
            now = now + (h / 6) * (k1 + 2 * (k2 + k3) + k4)
            path[k + 1] = now
    return path.reshape(len(path), n, segments, variants)


def simulate(model: Model, t: np.ndarray, state: np.ndarray, *, longest_step: float | None = None) -> np.ndarray:
    """Plays a law from its first state.

    Args:
        model: The law with its constants.
        t: Seconds, shape (T,), increasing; the first is the start.
        state: First state, shape (n,).
        longest_step: Longest Runge-Kutta step in seconds; by default a tenth of the median spacing.

    Returns:
        States, shape (T, n); NaN after the law has run away.

    Example:
        >>> fall = Model(2, ("y",), (sympy.Symbol("g"),), ("g",), np.array([-9.81]))
        >>> float(simulate(fall, np.array([0.0, 1.0]), np.array([0.0, 0.0]))[-1, 0].round(3))
        -4.905
    """
    grid = make_grid([t], longest_step or float(np.median(np.diff(t))) / 10)
    path = integrate(model, grid, state[:, None, None], model.values[:, None, None])
    return path[grid.seen[0], :, 0, 0]
