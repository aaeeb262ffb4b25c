"""Plays laws again from a first state, by another integrator than the search uses, under a time limit."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import sympy

from motionlaw.tools.equation import compile_rhs

TOLERANCES = {"rtol": 1e-8, "atol": 1e-10}
SECONDS = 10.0
# A state this many times larger than the first one has run away; what follows is steps without end.
RUNAWAY = 1e9


class _TooSlow(Exception):
    """The time for one simulation is over."""


def resimulate(
    equations: Sequence[sympy.Expr], state: Sequence[str], t: np.ndarray, first: np.ndarray, *, seconds: float = SECONDS
) -> np.ndarray:
    """Integrates first-order equations with LSODA.

    Args:
        equations: Right-hand side of each state, in the states and ``t``.
        state: Names of the n states.
        t: Times, shape (T,), increasing.
        first: State at ``t[0]``, shape (n,).
        seconds: Time limit; what comes later is NaN.

    Returns:
        States, shape (T, n); NaN from where the law ran away or time was over.

    Example:
        >>> decay = resimulate([-sympy.Symbol("x")], ["x"], np.array([0.0, 1.0]), np.array([1.0]))
        >>> float(decay[-1, 0].round(6))
        0.367879
    """
    from scipy.integrate import LSODA

    rhs = compile_rhs(list(equations), [*state, "t"])
    deadline = time.monotonic() + seconds

    def slope(now: float, values: np.ndarray) -> np.ndarray:
        if time.monotonic() > deadline:
            raise _TooSlow
        return rhs(np.append(values, now))

    t, first = np.asarray(t, dtype=float), np.asarray(first, dtype=float)
    path = np.full((len(t), len(first)), np.nan)
    path[0] = first
    reached, size = 1, max(1.0, float(np.abs(first).max()))
    try:
        solver = LSODA(slope, t[0], first, t[-1], **TOLERANCES)
        while solver.status == "running" and reached < len(t):
            solver.step()
            if not np.abs(solver.y).max() < RUNAWAY * size:
                break
            until = int(np.searchsorted(t, solver.t, side="right"))
            if until > reached:
                path[reached:until] = solver.dense_output()(t[reached:until]).T
                reached = until
    except _TooSlow:
        pass  # what was reached is kept; the rest is NaN, which is a failure in every score
    return path
