"""Multiple shooting: the least-squares problem behind the fit of a law to whole trajectories.

Unknowns are the law's constants and the first state of every segment. The normal equations are put together segment by
segment, since no segment knows the first state of one that is not its neighbour. Leaves out what comes before and after
a fit (`shooting`).

Source: multiple shooting after Bock (1983), with Levenberg-Marquardt steps after Marquardt (1963).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from motionlaw.tools.dynamics import Model
from motionlaw.tools.integration import at_rows, integrate, make_grid

if TYPE_CHECKING:
    from motionlaw.tools.shooting import Observation

# Continuity between shooting segments is held to this share of the measurement noise.
CONTINUITY = 1e-3
# A step that lowers chi-squared by less than this (for residuals scaled to one) moves no constant by a
# noticeable share of its error: the fit has converged. Below EXACT the residuals are numerical dust.
SMALL_GAIN = 1e-3
EXACT = 1e-8
# A fit that cannot win stops where a step lowers chi-squared by less than this share.
SMALL_GAIN_OF_LOSERS = 0.02


@dataclass(frozen=True)
class Equations:
    """The sum of squares at one place, and its normal equations where they were asked for."""

    cost: float
    normal: np.ndarray | None = None
    gradient: np.ndarray | None = None

    @property
    def is_finite(self) -> bool:
        """Whether the law did not run away, here or a small step beside."""
        return bool(np.isfinite(self.cost) and self.normal is not None and np.all(np.isfinite(self.normal)))


@dataclass(frozen=True)
class Solution:
    """Where the fit ended; ``normal`` is ``None`` where it could not start."""

    values: np.ndarray
    first: np.ndarray
    cost: float
    normal: np.ndarray | None
    converged: bool


class Shooting:
    """The least-squares problem of one fit.

    Args:
        model: The law with first constants.
        runs: The measured runs.
        rows: Rows a segment.
        joined: Whether the segments of a run must meet.
        longest_step: Seconds.
    """

    def __init__(self, model: Model, runs: Sequence[Observation], rows: int, joined: bool, longest_step: float):
        self.model, self.runs = model, runs
        self.n, self.p = len(model.state), len(model.values)
        self.slices: list[tuple[int, slice]] = []
        for index, run in enumerate(runs):
            cuts = np.linspace(0, len(run.t) - 1, max(1, round((len(run.t) - 1) / rows)) + 1).round().astype(int)
            self.slices += [(index, slice(a, b + 1)) for a, b in pairwise(cuts)]
        self.grid = make_grid([runs[i].t[cut] for i, cut in self.slices], longest_step)
        self.first = np.stack([runs[i].guess[cut.start] for i, cut in self.slices], axis=1)  # (n, S)
        self.scale = np.maximum(np.max([np.nanstd(run.guess, axis=0) for run in runs], axis=0), 1e-12)
        follows = [s for s in range(1, len(self.slices)) if self.slices[s][0] == self.slices[s - 1][0]]
        self.borders = np.array(follows, dtype=int)  # segments that continue the one before
        self._collect()
        self.tied = self.borders if joined else self.borders[:0]
        by_run = [1 / (CONTINUITY * self._tolerance(run)) for run in runs]
        weights = [by_run[self.slices[s][0]] for s in self.tied.tolist()]
        self.tie_weight = np.array(weights).reshape(-1, self.n).T
        self.count = int(np.count_nonzero(self.mask)) + self.tie_weight.size

    def _collect(self) -> None:
        """Measured states and their weights, shape (T, C, S), of the C states that are measured at all."""
        shape = (len(self.grid.before), self.n, len(self.slices))
        data, weight = np.zeros(shape), np.zeros(shape)
        for s, (index, cut) in enumerate(self.slices):
            states = self.runs[index].states[cut]
            seen = np.isfinite(states)
            if s + 1 in self.borders:  # a shared border row counts once
                seen[-1] = False
            data[: len(states), :, s] = np.where(seen, states, 0.0)
            weight[: len(states), :, s] = seen / self.runs[index].noise_std
        self.measured = np.flatnonzero(np.any(weight > 0, axis=(0, 2)))
        self.data, self.weight = data[:, self.measured], weight[:, self.measured]
        self.mask = self.weight > 0

    def _tolerance(self, run: Observation) -> np.ndarray:
        """Noise of each state, for velocities that were not measured in proportion to the positions'."""
        noise = run.noise_std.copy()
        half = len(self.model.coordinates)
        if self.model.order == 2:
            noise[half:] = noise[:half] * self.scale[half:] / self.scale[:half]
        return noise

    def _variants(self, values: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First states and constants with a small step in each unknown of a segment, and the steps."""
        extra = self.n + self.p
        steps = 1e-6 * np.concatenate([self.scale, np.maximum(np.abs(values), 1e-3)])
        state = np.repeat(first[:, :, None], 1 + extra, axis=2)
        constants = np.empty((self.p, first.shape[1], 1 + extra))
        constants[:] = values[:, None, None]
        own, shared = np.arange(self.n), np.arange(self.p)
        state[own, :, 1 + own] += steps[: self.n, None]
        constants[shared, :, 1 + self.n + shared] += steps[self.n :, None]
        return state, constants, steps

    def residuals(self, values: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Observed minus played states over noise, shape (T, C, S), zero where nothing was measured."""
        constants = np.repeat(values[:, None, None], first.shape[1], axis=1)
        path, rates = integrate(self.model, self.grid, first[:, :, None], constants)
        seen = at_rows(self.grid, path[:, self.measured], rates[:, self.measured])[..., 0]
        return np.where(self.mask, (self.data - seen) * self.weight, 0.0)

    def equations(self, values: np.ndarray, first: np.ndarray, *, jacobian: bool) -> Equations:
        """Sum of squared residuals and gaps, with the normal equations of a small step."""
        if jacobian:
            state, constants, steps = self._variants(values, first)
        else:
            state, constants = first[:, :, None], np.repeat(values[:, None, None], first.shape[1], axis=1)
        path, rates = integrate(self.model, self.grid, state, constants)
        seen = at_rows(self.grid, path[:, self.measured], rates[:, self.measured])  # (T, C, S, Q)
        residual = np.where(self.mask, (self.data - seen[..., 0]) * self.weight, 0.0)
        end = path[-1][:, self.tied - 1]  # (n, F, Q)
        gap = (end[..., 0] - first[:, self.tied]) * self.tie_weight
        cost = float(np.sum(residual**2) + np.sum(gap**2))
        if not jacobian:
            return Equations(cost)
        slope = np.where(self.mask[..., None], -(seen[..., 1:] - seen[..., :1]) / steps * self.weight[..., None], 0.0)
        slope = slope.transpose(2, 0, 1, 3).reshape(len(self.slices), -1, len(steps))  # (S, T·C, E)
        residual = residual.transpose(2, 0, 1).reshape(len(self.slices), -1, 1)
        tie = ((end[..., 1:] - end[..., :1]) / steps * self.tie_weight[..., None]).transpose(1, 0, 2)  # (F, n, E)
        return Equations(cost, *self._normal(slope, residual, tie, gap.T))

    def _normal(
        self, slope: np.ndarray, residual: np.ndarray, tie: np.ndarray, gap: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Puts the segments' blocks together; unknowns are the constants, then the first states by segment."""
        n, p, segments = self.n, self.p, len(self.slices)
        blocks = slope.transpose(0, 2, 1) @ slope  # (S, E, E), first states before constants
        sides = (slope.transpose(0, 2, 1) @ residual)[..., 0]
        if len(self.tied):
            blocks[self.tied - 1] += tie.transpose(0, 2, 1) @ tie
            sides[self.tied - 1] += np.einsum("fne,fn->fe", tie, gap)
        normal, gradient = np.zeros((p + n * segments,) * 2), np.empty(p + n * segments)
        own = p + np.arange(n * segments).reshape(segments, n)
        normal[:p, :p] = blocks[:, n:, n:].sum(axis=0)
        normal[:p, p:] = blocks[:, n:, :n].transpose(1, 0, 2).reshape(p, n * segments)
        normal[own[:, :, None], own[:, None, :]] = blocks[:, :n, :n]
        gradient[:p], gradient[p:] = sides[:, n:].sum(axis=0), sides[:, :n].ravel()
        if len(self.tied):
            here, weight = own[self.tied], self.tie_weight.T
            cross = -tie.transpose(0, 2, 1) * weight[:, None, :]  # (F, E, n)
            normal[here, here] += weight**2
            gradient[here] -= weight * gap
            normal[own[self.tied - 1][:, :, None], here[:, None, :]] = cross[:, :n]
            normal[here[:, :, None], own[self.tied - 1][:, None, :]] = cross[:, :n].transpose(0, 2, 1)
            normal[:p, here.ravel()] += cross[:, n:].transpose(1, 0, 2).reshape(p, n * len(here))
        normal[p:, :p] = normal[:p, p:].T
        return normal, gradient

    def solve(self, iterations: int, deadline: float, hopeless_chi2: float = np.inf) -> Solution:
        """Levenberg-Marquardt from the guess; above ``hopeless_chi2`` the minimum is not sought to the last digit."""
        values, first, damping = self.model.values.copy(), self.first.copy(), 1e-7
        now, converged = self.equations(values, first, jacobian=True), False
        if not now.is_finite:
            return Solution(values, first, np.inf, None, False)
        for _ in range(iterations):
            if time.monotonic() > deadline:
                break
            enough = SMALL_GAIN_OF_LOSERS if now.cost > hopeless_chi2 else SMALL_GAIN / self.count
            trial, place, damping = self._better(values, first, now, damping, enough)
            if trial is None:
                converged = True  # no step improves, or is worth trying
                break
            gain, (values, first) = now.cost - trial.cost, place
            damping = max(damping / 30, 1e-12)
            if not trial.is_finite:
                return Solution(values, first, trial.cost, now.normal, False)
            now = trial
            if gain <= enough * now.cost or now.cost < EXACT * self.count:
                converged = True
                break
        return Solution(values, first, now.cost, now.normal, converged)

    def _better(
        self, values: np.ndarray, first: np.ndarray, now: Equations, damping: float, enough: float
    ) -> tuple[Equations | None, tuple[np.ndarray, np.ndarray], float]:
        """The first step that lowers the cost, with its equations, its place and the damping it took.

        None where it promises to lower the cost by no more than the share ``enough``.
        """
        assert now.normal is not None and now.gradient is not None, "a step begins where derivatives are known"
        diagonal = np.maximum(np.diag(now.normal), 1e-300)
        is_first = True
        while damping < 1e8:
            step = -_solve(now.normal + np.diag(damping * diagonal), now.gradient, diagonal)
            if is_first and -step @ now.gradient <= enough * now.cost:
                break
            place = values + step[: self.p], first + step[self.p :].reshape(-1, self.n).T
            # Most first tries are steps that are taken: their derivatives are wanted next.
            trial = self.equations(*place, jacobian=is_first)
            if np.isfinite(trial.cost) and trial.cost <= now.cost:
                return (trial if is_first else self.equations(*place, jacobian=True)), place, damping
            is_first = False
            damping *= 30
        return None, (values, first), damping


def _solve(matrix: np.ndarray, vector: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Solves symmetric equations after scaling to a unit diagonal, by least squares where they are singular."""
    scale = 1 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale
    try:
        return scale * np.linalg.solve(scaled, scale * vector)
    except np.linalg.LinAlgError:
        return scale * np.linalg.lstsq(scaled, scale * vector, rcond=1e-12)[0]
