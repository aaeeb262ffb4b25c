"""Forms: the plain functions of a group that may be factors of a product, and how the constant inside each is scanned.

A new form is one entry in `FORMS`. Leaves out which groups there are (`algebraic_groups`) and choosing among them
(`algebraic_factors`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy


@dataclass(frozen=True)
class Form:
    """A function of z = k·group that may be a factor.

    Args:
        log: Logarithm of its size.
        value: Its value.
        build: The expression.
        exact: Values of k that are tried as they are; the others are scanned.
        scales: Values of z, at the group's median or largest size, that k is scanned over.
        cost: In free constants.
        at_largest: Whether ``scales`` are values at the group's largest size.
        most_cost: Groups that cost more columns than this are not tried.
        inverses: Whether a group and its inverse differ.
        is_exponential: Whether its exponent is the constant inside.
    """

    log: Callable[[np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    build: Callable[[sympy.Expr], sympy.Expr]
    exact: tuple[float, ...]
    scales: tuple[float, ...]
    cost: float
    at_largest: bool = False
    most_cost: float = np.inf
    inverses: bool = True
    is_exponential: bool = False


def _itself(z: Any) -> Any:
    return z


def _log_size(z: np.ndarray) -> np.ndarray:
    return np.log(np.abs(z))


_TURNS = tuple(np.geomspace(0.5, 30.0, 60))
FORMS = {
    "piece": Form(_log_size, _itself, _itself, (1.0,), (), cost=0.3, most_cost=2.5, inverses=False),
    "exp": Form(_itself, np.exp, sympy.exp, (1.0,), (), cost=0.8, is_exponential=True),
    "1 + z": Form(
        lambda z: np.log(np.abs(1 + z)), lambda z: 1 + z, lambda z: 1 + z, (-1.0, 1.0),
        (-0.98, -0.9, -0.7, -0.3, 0.3, 1.0, 3.0, 10.0, 40.0), cost=0.1, at_largest=True, inverses=False,
    ),
    "exp - 1": Form(
        lambda z: np.log(np.abs(np.expm1(z))), np.expm1, lambda z: sympy.exp(z) - 1, (-1.0, 1.0),
        (-10.0, -3.0, -1.0, -0.3, 0.3, 1.0, 3.0, 10.0, 30.0), cost=0.9, most_cost=6.0,
    ),
    "exp + 1": Form(
        lambda z: np.logaddexp(z, 0.0), lambda z: np.exp(z) + 1, lambda z: sympy.exp(z) + 1, (-1.0, 1.0),
        (-10.0, -3.0, -1.0, 1.0, 3.0, 10.0), cost=0.9, most_cost=6.0,
    ),
    "cosh": Form(
        lambda z: np.logaddexp(z, -z) - np.log(2.0), np.cosh, sympy.cosh, (1.0,), (0.5, 1.0, 2.0, 4.0),
        cost=0.8, most_cost=6.0,
    ),
    "tanh": Form(
        lambda z: _log_size(np.tanh(z)), np.tanh, sympy.tanh, (1.0,), (0.3, 1.0, 2.0), cost=0.8, most_cost=6.0
    ),
    "log": Form(
        lambda z: _log_size(np.log(np.abs(z))), np.log, sympy.log, (1.0,), (),
        cost=0.8, most_cost=4.0, inverses=False,
    ),
    "sin": Form(
        lambda z: _log_size(np.sin(z)), np.sin, sympy.sin, (0.5, 1.0, 2.0), _TURNS,
        cost=0.8, at_largest=True, most_cost=4.5,
    ),
    "cos": Form(
        lambda z: _log_size(np.cos(z)), np.cos, sympy.cos, (0.5, 1.0, 2.0), _TURNS,
        cost=0.8, at_largest=True, most_cost=4.5,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """A form of k times a group.

    Args:
        form: Key of `FORMS`.
        powers: The group's exponents.
        k: The number in front of the group.
        is_exact: Whether k stands as it is and is no constant of the law.
        cost: In free constants.
        exponent: The factor's own exponent, where k was sought for that one.
    """

    form: str
    powers: tuple[float, ...]
    k: float
    is_exact: bool
    cost: float
    exponent: Fraction | None = None

    @property
    def name(self) -> tuple[str, tuple[float, ...], bool]:
        return self.form, self.powers, self.is_exact
