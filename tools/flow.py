"""Fits of first-order laws to positions by quasi-linearisation.

The path starts as a smooth curve and is moved, step by step, until it obeys the law; each step is one linear regression
(`response`). No first guess of a first state can blow up, since the data hold the path all the way. Leaves out the
search for the terms (`flow_search`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from motionlaw.tools.dynamics import Model
from motionlaw.tools.response import (
    Cells,
    Transfer,
    deviated,
    first_state_responses,
    jacobian_of,
    make_cells,
    responses,
    transfer,
    with_starts,
)
from motionlaw.tools.shooting import TrajectoryFit, correlation_length
from motionlaw.tools.smoothing import common_noise, smooth_curves

# Steps of the fit; a path that moves by less than SETTLED of the spread obeys the law.
MOST_STEPS, SETTLED = 25, 1e-5
# Steps after which a fit that promises too little is given up.
HOPE = 3
# A single step moves the path by no more than this share of the spread: beyond it the law is not linear.
LONGEST_MOVE = 0.4
# Units of noise that a step must save for every doubling of an inner constant.
BRAKE = 1.0
# Nodes that a law is evaluated on at a time.
AT_ONCE = 40_000
# Cells are no longer than this share of the record.
CELLS = 60
# Mean squared residuals below this share of the believed noise are no further evidence.
FLOOR = 0.3


@dataclass(frozen=True)
class Flow:
    """Measured runs of one first-order law with paths near them.

    Args:
        names: Names of the D coordinates.
        cells: The path of each run.
        position: Measured coordinates of each run, shape (T, D).
        noise_std: Their noise, shape (T, D).
        spread: Spread of each coordinate, shape (D,).
        blur: A law's derivatives are taken over this share of the spread to either side: a jump or a root has none
            that holds for deviations of any size.
        noise_followed: Chi-squared of the noise that the smooth paths follow, which no law does.
    """

    names: tuple[str, ...]
    cells: tuple[Cells, ...]
    position: tuple[np.ndarray, ...]
    noise_std: tuple[np.ndarray, ...]
    spread: np.ndarray
    blur: float = 1e-5
    noise_followed: float = 0.0

    @property
    def rows(self) -> int:
        """Number of measured rows."""
        return sum(len(each) for each in self.position)

    def nodes(self) -> np.ndarray:
        """States and time on all nodes, shape (D + 1, N)."""
        parts = [np.vstack([c.state.reshape(-1, len(self.names)).T, c.t.reshape(1, -1)]) for c in self.cells]
        return np.concatenate(parts, axis=1)


def make_flow(
    names: Sequence[str],
    t: Sequence[np.ndarray],
    position: Sequence[np.ndarray],
    noise_std: Sequence[np.ndarray] | None = None,
) -> Flow:
    """Draws smooth paths through measured runs.

    Args:
        names: Names of the D coordinates.
        t: Seconds of each run, shape (T,).
        position: Measured coordinates of each run, shape (T, D).
        noise_std: Their noise, shape (T, D) or (D,); what the smooth paths leave if not given.
    """
    cells, noise, followed = [], [], 0.0
    for number, (times, places) in enumerate(zip(t, position, strict=True)):
        curves = smooth_curves(times, places)
        cells.append(make_cells(times, curves, longest=(times[-1] - times[0]) / CELLS))
        known = common_noise(curves, places) if noise_std is None else noise_std[number]
        noise.append(np.array(np.broadcast_to(known, places.shape)))
        shares = [np.mean((c.noise_std / sigma) ** 2) for c, sigma in zip(curves, noise[-1].T, strict=True)]
        followed += float(sum(c.freedom * share for c, share in zip(curves, shares, strict=True)))
    spread = np.maximum(np.std(np.concatenate(list(position)), axis=0), 1e-300)
    return Flow(tuple(names), tuple(cells), tuple(position), tuple(noise), spread, noise_followed=followed)


@dataclass(frozen=True)
class FlowFit:
    """A law fitted to a flow.

    Args:
        model: The law with its constants.
        flow: The flow with paths that obey the law.
        chi2: Sum of squared residuals over the noise.
        first_states: Number of free first states, times D.
        has_settled: Whether the paths obey the law.
    """

    model: Model
    flow: Flow
    chi2: float
    first_states: int
    has_settled: bool


@dataclass(frozen=True)
class Linearised:
    """A flow with what carries deviations along its paths.

    Args:
        flow: The flow; its paths start anew where deviations grow too much.
        moved: The transfer of each run.
    """

    flow: Flow
    moved: tuple[Transfer, ...]

    @property
    def slices(self) -> list[slice]:
        """Where each run's nodes lie among all nodes."""
        sizes = np.cumsum([0, *(c.t.size for c in self.flow.cells)])
        return [slice(a, b) for a, b in pairwise(sizes)]

    def responses(self, forces: np.ndarray, targets: int | np.ndarray) -> np.ndarray:
        """Whitened paths that forces on single coordinates add.

        Args:
            forces: Values on all nodes, shape (N, M).
            targets: Index of the coordinate, or of each force's coordinate, shape (M,), ascending.

        Returns:
            Shape (T·D of all runs, M).
        """
        targets = np.broadcast_to(targets, forces.shape[1])
        found = []
        for cells, moved, noise, part in zip(
            self.flow.cells, self.moved, self.flow.noise_std, self.slices, strict=True
        ):
            force = forces[part].reshape(*cells.t.shape, -1)
            found.append((responses(cells, moved, force, targets) / noise[:, :, None]).reshape(noise.size, -1))
        return np.concatenate(found)

    def of_rates(self, rates: np.ndarray) -> np.ndarray:
        """The whitened path that forces on all coordinates, shape (N, D), add together."""
        return self.responses(rates, np.arange(rates.shape[1])).sum(axis=1)

    def first_states(self) -> np.ndarray:
        """Whitened paths that unit changes of the first states add, shape (T·D, number of first states)."""
        blocks = [
            (first_state_responses(c, m) * np.tile(self.flow.spread, len(c.starts)) / s[:, :, None]).reshape(s.size, -1)
            for c, m, s in zip(self.flow.cells, self.moved, self.flow.noise_std, strict=True)
        ]  # fmt: skip
        found = np.zeros((sum(len(b) for b in blocks), sum(b.shape[1] for b in blocks)))
        row = column = 0
        for block in blocks:
            found[row : row + len(block), column : column + block.shape[1]] = block
            row, column = row + len(block), column + block.shape[1]
        return found

    def apart(self) -> np.ndarray:
        """Whitened measured minus present paths, shape (T·D,)."""
        parts = zip(self.flow.cells, self.flow.position, self.flow.noise_std, strict=True)
        return np.concatenate([((p - c.at_rows(c.state)) / s).ravel() for c, p, s in parts])

    def rates(self) -> np.ndarray:
        """Time derivatives of the paths on all nodes, shape (N, D)."""
        return np.concatenate([c.rate.reshape(-1, len(self.flow.names)) for c in self.flow.cells])

    def moved_paths(self, force: np.ndarray, first: np.ndarray, share: float) -> tuple[Flow, float]:
        """Moves the paths.

        Args:
            force: What the law has more than the paths' rates, shape (N, D).
            first: Changes of the first states in units of the spread, in the order of `first_states`.
            share: Share of the whole step to take, reduced further where the step would be too long.

        Returns:
            The flow, and the largest move of the whole step in units of the spread.
        """
        width, place, steps = len(self.flow.names), 0, []
        for cells, moved, part in zip(self.flow.cells, self.moved, self.slices, strict=True):
            count = len(cells.starts)
            start = first[place : place + count * width].reshape(count, width) * self.flow.spread
            place += count * width
            steps.append(deviated(cells, moved, force[part].reshape(cells.state.shape), start))
        largest = max(float(np.max(np.abs(step) / self.flow.spread)) for step in steps)
        share = min(share, LONGEST_MOVE / max(largest, 1e-300))
        there = tuple(
            replace(
                c,
                state=c.state + share * step,
                rate=c.rate + share * (force[part].reshape(step.shape) + _times(m.jacobian, step)),
            )
            for c, m, step, part in zip(self.flow.cells, self.moved, steps, self.slices, strict=True)
        )
        return replace(self.flow, cells=there), largest


def _times(jacobian: np.ndarray | None, step: np.ndarray) -> np.ndarray:
    return np.zeros_like(step) if jacobian is None else np.einsum("cade,cae->cad", jacobian, step)


def linearised(flow: Flow, model: Model | None) -> Linearised:
    """Linearises a flow about its paths.

    Args:
        flow: The flow.
        model: The law whose derivatives carry deviations; ``None`` to let them stand still (integral matching).
    """
    if model is None:
        whole = [replace(cells, starts=(0,)) for cells in flow.cells]
        return Linearised(replace(flow, cells=tuple(whole)), tuple(transfer(cells, None) for cells in whole))

    def law(place: np.ndarray) -> np.ndarray:
        return model.derivative(place[:-1], place[-1], np.repeat(model.values[:, None], place.shape[1], axis=1))

    cells, moved = [], []
    for each in flow.cells:
        carried = transfer(each, jacobian_of(law, each, flow.blur))
        cells.append(with_starts(each, carried, flow.spread))
        moved.append(carried)
    return Linearised(replace(flow, cells=tuple(cells)), tuple(moved))


def rates_of(model: Model, values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Rates of a law on the nodes, shape (N, D); its constants, shape (P,) or (P, M), each serve for N/M nodes."""
    values = values[:, None] if values.ndim == 1 else values
    columns = np.repeat(values, nodes.shape[1] // values.shape[1], axis=1)
    return model.derivative(nodes[:-1], nodes[-1], columns).T


def slopes_of(model: Model, nodes: np.ndarray) -> np.ndarray:
    """Derivatives of a law's rates by its constants on the nodes, shape (P, N, D)."""
    size, count = len(model.values), nodes.shape[1]
    found = np.empty((size, count, len(nodes) - 1))
    steps = 1e-5 * np.maximum(np.abs(model.values), 1e-4)
    at_once = max(1, AT_ONCE // (2 * count))
    for start in range(0, size, at_once):
        some = np.arange(start, min(start + at_once, size))
        sides = np.repeat(model.values[:, None], 2 * len(some), axis=1).reshape(size, len(some), 2)
        sides[some, some - start] += steps[some, None] * [1.0, -1.0]
        rates = rates_of(model, sides.reshape(size, -1), np.tile(nodes, (1, 2 * len(some))))
        ahead, behind = rates.reshape(len(some), 2, count, -1).transpose(1, 0, 2, 3)
        found[some] = (ahead - behind) / (2 * steps[some, None, None])
    return found


def fit_flow(
    flow: Flow, model: Model, *, deadline: float = np.inf, steps: int = MOST_STEPS, hopeless_chi2: float = np.inf
) -> FlowFit:
    """Fits a law's constants to a flow.

    Args:
        flow: The flow; its paths are the first guess.
        model: The law with a first guess of its constants.
        deadline: `time.monotonic` value after which a fit may take a few steps, no more.
        steps: Most steps.
        hopeless_chi2: A fit that promises no less after a few steps is given up.

    Returns:
        The fit; chi-squared is infinite where the law has no finite value.
    """
    best = FlowFit(model, flow, np.inf, 0, False)
    measured = sum(each.size for each in flow.position)
    for number in range(steps):
        try:
            with np.errstate(all="ignore"):
                step = _step(flow, model)
        except np.linalg.LinAlgError:  # a law with a pole on the path
            step = None
        if step is None:
            return best
        moved, values, largest, chi2, count = step
        if not (np.all(np.isfinite(values)) and np.isfinite(chi2)):
            return best
        if count + len(values) >= measured:  # a path that starts anew in every row says nothing about a law
            return best
        model = model.with_values(values)
        flow = moved
        if largest < 1.0 or chi2 < best.chi2:
            best = FlowFit(model, flow, chi2, count, largest < 30 * SETTLED)
        if number >= HOPE and chi2 > hopeless_chi2 and largest < 1.0:
            return replace(best, has_settled=False)
        if largest < SETTLED or (number >= 2 * HOPE and time.monotonic() > deadline):
            break
    return best


def trajectory_fit(fit: FlowFit) -> TrajectoryFit:
    """A fit of a flow as other fits are handed around, with the covariance of the constants."""
    flow, model = fit.flow, fit.model
    with np.errstate(all="ignore"):
        design = _design(flow, model)
    residuals = tuple(
        (p - c.at_rows(c.state)) / s for c, p, s in zip(flow.cells, flow.position, flow.noise_std, strict=True)
    )
    count, size = sum(each.size for each in residuals), len(model.values)
    length = correlation_length(residuals)
    covariance, nats = np.full((size, size), np.nan), np.nan
    if design is not None:
        nats = _nats_of_constants(flow, model, design[1], design[2])
        columns = np.hstack([design[1], design[2]])
        norms = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
        inverse = (
            np.linalg.pinv((columns / norms).T @ (columns / norms), rcond=1e-13, hermitian=True)
            / norms
            / norms[:, None]
        )
        free = max(1, count - columns.shape[1])
        covariance = inverse[-size:, -size:] * fit.chi2 / free * length if size else np.zeros((0, 0))
    return TrajectoryFit(
        model=model,
        covariance=covariance,
        residuals=residuals,
        first_states=tuple(cells.state[0, 0] for cells in flow.cells),
        chi2=fit.chi2,
        count=count,
        correlation_length=length,
        status="ok" if fit.has_settled else "did not converge" if np.isfinite(fit.chi2) else "diverged",
        nats_of_constants=nats,
    )


def _nats_of_constants(flow: Flow, model: Model, firsts: np.ndarray, columns: np.ndarray) -> float:
    """What the data had to say to pin the constants down: half the log-determinant of their information.

    Before the data a coefficient is known to the size at which its term alone makes up the rate, an inner constant to
    its own size. A constant that the data hardly pin down costs next to nothing, whatever their number.

    Source: Laplace's approximation of the marginal likelihood, MacKay (1992).
    """
    if not len(model.values):
        return 0.0
    nodes = flow.nodes()
    slopes, rates = slopes_of(model, nodes), rates_of(model, model.values, nodes)
    whole = np.sqrt(np.mean(rates**2, axis=0))
    each = np.sqrt(np.mean(slopes**2, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.nanmax(np.where(each > 0, whole / each, np.nan), axis=1)
    is_outer = np.array([name.startswith("c_") for name in model.parameters])
    size = np.where(is_outer & np.isfinite(alone), alone, np.abs(model.values))
    basis, _ = np.linalg.qr(firsts / np.maximum(np.linalg.norm(firsts, axis=0), 1e-300))
    own = (columns - basis @ (basis.T @ columns)) * size
    return 0.5 * float(np.sum(np.log1p(np.linalg.svd(own, compute_uv=False) ** 2)))


def _step(flow: Flow, model: Model) -> tuple[Flow, np.ndarray, float, float, int] | None:
    """One step: the moved flow, the new constants, the path's largest move, the chi-squared promised, first states."""
    parts = _design(flow, model)
    if parts is None:
        return None
    about, firsts, columns = parts
    nodes = flow.nodes()
    missing = rates_of(model, model.values, nodes) - about.rates()
    slopes = slopes_of(model, nodes)
    wanted = about.apart() - about.of_rates(missing)
    design = np.hstack([firsts, columns])
    if not (np.all(np.isfinite(design)) and np.all(np.isfinite(wanted))):
        return None
    # Inner constants take their time: where the data hardly know them a free step would run away.
    held = np.flatnonzero([not name.startswith("c_") for name in model.parameters])
    brake = np.zeros((len(held), design.shape[1]))
    brake[np.arange(len(held)), firsts.shape[1] + held] = BRAKE / np.maximum(np.abs(model.values[held]), 1e-6)
    size = np.linalg.norm(np.vstack([design, brake]), axis=0)
    size = np.where(size > 0, size, 1.0)
    solution, *_ = np.linalg.lstsq(
        np.vstack([design, brake]) / size, np.append(wanted, np.zeros(len(held))), rcond=1e-11
    )
    chi2 = float(np.sum((wanted - design / size @ solution) ** 2))
    solution = solution / size
    first, change = solution[: firsts.shape[1]], solution[firsts.shape[1] :]
    moved, largest = about.moved_paths(missing + np.einsum("p,pnd->nd", change, slopes), first, 1.0)
    share = min(1.0, LONGEST_MOVE / max(largest, 1e-300))
    return moved, model.values + share * change, largest, chi2, firsts.shape[1]


def _design(flow: Flow, model: Model) -> tuple[Linearised, np.ndarray, np.ndarray] | None:
    """The flow about its paths, and the whitened responses of first states and constants."""
    nodes = flow.nodes()
    if not np.all(np.isfinite(rates_of(model, model.values, nodes))):
        return None
    about = linearised(flow, model)
    if not all(np.all(np.isfinite(m.ahead)) for m in about.moved):
        return None
    slopes, firsts = slopes_of(model, nodes), about.first_states()
    columns = np.zeros((len(firsts), len(model.values)))
    targets, own = np.nonzero(np.any(slopes != 0, axis=1).T)
    found = about.responses(slopes[own, :, targets].T, targets)
    for constant, response in zip(own, found.T, strict=True):  # one may stand in several equations
        columns[:, constant] += response
    return (about, firsts, columns) if np.all(np.isfinite(columns)) else None
