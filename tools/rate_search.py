"""Second-order laws from estimated accelerations: the row search on smooth states, for the contest to judge.

Where positions are clean, their second derivative is known well enough to be searched like a column of a table, with
the whole grammar of terms. Leaves out noisy runs' safer weak form (`search.py`) and the choice among rivals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.candidates import TERM
from motionlaw.tools.contest import Rival, cost_of, nats_within
from motionlaw.tools.dynamics import Model, velocity_names
from motionlaw.tools.motion import noise_std
from motionlaw.tools.observe import Evidence, Run
from motionlaw.tools.regression import Fitted, Regression, find_formula
from motionlaw.tools.row_noise import noise_between_rows
from motionlaw.tools.subsets import NOISE_FREE

# Derivatives at the ends of a run are the poorest: so many rows are left out.
ENDS = 4
FEWEST_ROWS = 40
# Positions with more noise than this share of their spread are left to the weak form, and so are films and clicked
# points, whose errors are no smaller: what they err together looks like strange forces.
CLEAN = 1e-3
# An acceleration whose error is a larger share of it than this is left to the weak form.
NOISIEST = 0.3
# Neighbouring accelerations err together: so many of them are independent in one characteristic time.
INDEPENDENT = 20.0
# Smoothing is no better than this, as a share of the mean square.
FLOOR = 1e-10
# Driving waves and ratios cost as much, in free constants.
AS_WAVES = 5.0
# Formulas of each coordinate that laws are made of.
TRIED = 5


def rate_rivals(
    evidence: Evidence, *, deadline: float, seed: int = 0, most_cost: float = np.inf
) -> tuple[list[Rival], bool]:
    """Laws whose right-hand sides follow the accelerations.

    Args:
        evidence: The data.
        deadline: `time.monotonic` value; a search under way comes back with the best so far.
        seed: Chooses rows where there are many.
        most_cost: Laws that cost less, in free constants, are wanted only. Where that is little, they are sums of few
            plain terms.

    Returns:
        Rivals, the best formula of every coordinate first (none where the accelerations are too uncertain), and whether
        that one gives measured accelerations to rounding, so that no other law need be tried.
    """
    names = (*evidence.coordinates, *velocity_names(evidence.coordinates))
    find = partial(find_formula, seed=seed, **_limits(most_cost, evidence.rows))
    lists = [_formulas(evidence, target, names, deadline, find) for target in range(len(evidence.coordinates))]
    if not all(lists):
        return [], False
    if all(formulas[0].misfit < NOISE_FREE for formulas in lists):
        return [_rival([formulas[0] for formulas in lists], evidence)], True
    picks = [[formulas[0] for formulas in lists]]
    for target, formulas in enumerate(lists):
        others = formulas[1:] if len(lists) == 1 else formulas[1:TRIED]  # fits of coupled motions take long
        picks += [[*picks[0][:target], other, *picks[0][target + 1 :]] for other in others]
    rivals = [_rival(pick, evidence) for pick in picks]
    return [rival for rival in rivals if rival.cost < most_cost], False


def _limits(most_cost: float, count: int) -> dict[str, Any]:
    """What a formula of less than a cost may be made of; no limits where that leaves room for waves and ratios."""
    if most_cost > AS_WAVES:
        return {}
    # Every term costs as much as a free constant at least, and a dear one goes with one other.
    return {"most_terms": int(np.ceil(most_cost)) - 1, "dearest": nats_within(most_cost, 2, count) - TERM}


def _formulas(
    evidence: Evidence, target: int, names: Sequence[str], deadline: float, find: Callable[..., Regression]
) -> list[Fitted]:
    """Formulas for one coordinate's acceleration, best first."""
    given = _given(evidence)
    is_clean = all(map(_has_clean_positions, evidence.runs))
    runs = [run for run in evidence.runs if run.rows_fitted > 2 * ENDS + 2 and (given or is_clean)]
    parts = [slice(ENDS, run.rows_fitted - ENDS) for run in runs]
    if len(runs) < len(evidence.runs) or sum(part.stop - part.start for part in parts) < FEWEST_ROWS:
        return []

    def joined(columns: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([column[part] for column, part in zip(columns, parts, strict=True)])

    width = len(evidence.coordinates)
    t = joined([run.trajectory.t for run in runs])
    angles = zip(names[:width], evidence.is_angle, strict=True)
    kinds = {name: "angle" if is_angle else "coordinate" for name, is_angle in angles}
    kinds |= dict.fromkeys(names[width:], "velocity") | {"t": "time"}

    def search(states: np.ndarray, y: np.ndarray, **how: Any) -> Regression:
        columns = dict(zip((*names, "t"), [*states.T, t], strict=True))
        limit = max(0.1, (deadline - time.monotonic()) / (width + 1))
        return find(columns, y, kinds=kinds, time_limit=limit, **how)

    states = joined([run.states for run in runs])
    if given:
        measured = joined(given)[:, target]
        if not np.any(measured):
            return []  # no force at all: the plain laws say so
        told = joined([_measured_states(run) for run in runs])
        if noise_between_rows(t, measured, told.T) is None:
            exact = search(told, measured, stderr=np.ones_like(measured))
            if exact.best.misfit < NOISE_FREE:
                return [exact.best]
        if _is_cleaner(runs, given, target):
            found = search(states, measured)
            return _tried(found)
    if not is_clean:
        return []
    y = joined([run.acceleration[:, target] for run in runs])
    errors = joined([run.acceleration_stderr[:, target] for run in runs])
    if not 0 < np.median(errors) <= NOISIEST * np.std(y):
        return []
    span = sum(run.trajectory.t[part][-1] - run.trajectory.t[part][0] for run, part in zip(runs, parts, strict=True))
    found = search(
        states,
        y,
        # Smoothing errs together over neighbouring rows, so its own errors say little about single rows.
        stderr=np.maximum(errors, np.median(errors)),
        independent=min(len(y), INDEPENDENT * span / evidence.time_scale_s),
        floor=FLOOR,
    )
    return _tried(found)


def _tried(found: Regression) -> list[Fitted]:
    """The formulas that laws are made of: whole motions tell which of them errors of smoothing favoured."""
    return [found.best, *found.alternatives[: TRIED - 1], *found.plainer]


def is_searched(evidence: Evidence) -> bool:
    """Whether accelerations are known well enough to be searched: by clean positions, or by a clean column."""
    given = _given(evidence)
    columns = range(len(evidence.coordinates))
    has_clean_column = bool(given) and all(_is_cleaner(evidence.runs, given, target) for target in columns)
    return has_clean_column or all(map(_has_clean_positions, evidence.runs))


def has_accelerations(evidence: Evidence) -> bool:
    """Whether the file brings accelerations of its own for every run."""
    return bool(_given(evidence))


def _given(evidence: Evidence) -> list[np.ndarray]:
    """The file's own accelerations by run; none where a run is without."""
    given = [run.trajectory.acceleration for run in evidence.runs]
    return [column for column in given if column is not None] if all(c is not None for c in given) else []


def _has_clean_positions(run: Run) -> bool:
    share = run.noise_std / np.maximum(np.std(run.trajectory.position, axis=0), 1e-300)
    return bool(np.all(share <= CLEAN))


def _measured_states(run: Run) -> np.ndarray:
    """The states as the file has them, where it has them, shape (T, 2·D): what is exact must not be smoothed."""
    velocity = run.trajectory.velocity
    width = run.trajectory.position.shape[1]
    return np.hstack([run.trajectory.position, run.states[:, width:] if velocity is None else velocity])


def _is_cleaner(runs: Sequence[Run], given: Sequence[np.ndarray], target: int) -> bool:
    """Whether the file's own accelerations are cleaner than ours."""
    return all(
        noise_std(run.trajectory.t, column[:, [target]])[0] <= np.median(run.acceleration_stderr[:, target])
        for run, column in zip(runs, given, strict=True)
    )


def _rival(pick: Sequence[Fitted], evidence: Evidence) -> Rival:
    """One formula for every coordinate as a law with named constants."""
    equations, outer, inner, price = [], [], [], 0.0
    for fitted in pick:
        terms = []
        renamed = {}
        for name, value in fitted.candidates.constants_of(fitted.support).items():
            inner.append(value)
            renamed[sympy.Symbol(name)] = sympy.Symbol(f"k_{len(inner)}")
        for coefficient, term in zip(fitted.coefficients, fitted.terms, strict=True):
            outer.append(float(coefficient))
            terms.append(sympy.Symbol(f"c_{len(outer)}") * term.expression.xreplace(renamed))
        price += fitted.candidates.price(fitted.support)
        equations.append(sympy.Add(*terms))
    names = (*(f"c_{k + 1}" for k in range(len(outer))), *(f"k_{k + 1}" for k in range(len(inner))))
    model = Model(2, evidence.coordinates, tuple(equations), names, np.array([*outer, *inner]))
    return Rival(model=model, cost=cost_of(price, len(names), evidence.rows), source="search")
