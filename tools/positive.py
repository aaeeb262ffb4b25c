"""Quantities that are never seen below zero: populations, concentrations, temperatures.

A law of such quantities does not push them below zero from zero. So an equation that would is less likely. Leaves out
what it is weighed against (`flow_prior`, `flow_regression`).

Source: no negative cross-effects, Hárs & Tóth (1979).
"""

from __future__ import annotations

import numpy as np

# Nats of an equation that pushes a coordinate below zero that was never seen there: positive numbers may be places too.
BELOW_ZERO = 2.0
# Pushes below this share of the usual rate are none.
SLIGHT = 0.01


def is_pushed_below_zero(rate_at_zero: np.ndarray, rate: np.ndarray) -> bool:
    """Whether an equation would push its coordinate below zero.

    Args:
        rate_at_zero: The coordinate's rates at zero, the other coordinates as they were, shape (N,).
        rate: Its rates where it was, shape (N,).

    Example:
        >>> x = np.linspace(1, 2, 20)
        >>> is_pushed_below_zero(3.0 - 0.0 * x, 3.0 - 2.0 * x), is_pushed_below_zero(0.0 * x - 3.0, 2.0 * x - 3.0)
        (False, True)
    """
    known = rate_at_zero[~np.isnan(rate_at_zero)]
    return bool(np.any(known < -SLIGHT * np.sqrt(np.mean(rate**2))))
