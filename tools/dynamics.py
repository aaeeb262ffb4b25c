"""Laws in motion: a law with named constants, and playing it from a first state.

Leaves out fitting the constants (`shooting.py`) and finding the terms (`search.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.evaluation import compile_rows
from motionlaw.tools.integration import play


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

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the compiled law behind, so that a model can go to another process."""
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    @cached_property
    def _compiled(self) -> Callable[[list[Any]], list[Any]]:
        return compile_rows(list(self.equations), [*self.state, "t", *self.parameters])

    def slope_function(self, values: np.ndarray) -> Callable[[np.ndarray, np.ndarray, np.ndarray], None]:
        """Writes the time derivative of a state, shape (n, B), at times, shape (B,), into its third argument.

        Args:
            values: Constants, shape (P, B).
        """
        width, compiled, constants = len(self.coordinates), self._compiled, list(values)
        first = width if self.order == 2 else 0

        def slope(state: np.ndarray, t: np.ndarray, out: np.ndarray) -> None:
            if first:
                out[:first] = state[width:]
            for row, rate in enumerate(compiled([*state, t, *constants]), start=first):
                out[row] = rate

        return slope

    def rate_function(self, values: list[float]) -> Callable[[list[Any], Any], list[Any]]:
        """The time derivative of a state of n numbers at a time, as a list of n numbers.

        Args:
            values: The P constants, numpy's own numbers: Python's do not divide by zero.
        """
        compiled, width = self._compiled, len(self.coordinates)
        if self.order == 1:
            return lambda state, t: compiled([*state, t, *values])
        return lambda state, t: [*state[width:], *compiled([*state, t, *values])]

    def derivative(self, state: np.ndarray, t: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Time derivative of the state.

        Args:
            state: Shape (n, B).
            t: Seconds, shape (B,).
            values: Constants, shape (P, B).

        Returns:
            Shape (n, B).
        """
        out = np.empty(np.shape(state))
        with np.errstate(all="ignore"):
            self.slope_function(values)(np.asarray(state, dtype=float), t, out)
        return out

    def expressions(self) -> dict[str, sympy.Expr]:
        """The equations with the constants' values put in, by target state."""
        constants = {
            sympy.Symbol(name): sympy.Float(value) for name, value in zip(self.parameters, self.values, strict=True)
        }
        return {name: equation.subs(constants) for name, equation in zip(self.targets, self.equations, strict=True)}


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
    step = longest_step or float(np.median(np.diff(t))) / 10
    return play(model, [t], state[:, None, None], model.values[:, None, None], longest_step=step)[:, :, 0, 0]
