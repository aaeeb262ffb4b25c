"""Cases of benchmarks and the conditions under which they are run: noise, part of the data, seed.

A `RowCase` is a table in which every row stands for itself (y = f(columns)); a `MotionCase` is a recording of
positions, whose derivatives are for the solver to find. Cases are clean; `corrupted` makes what a solver sees.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import sympy

from motionlaw.tools.dynamics import velocity_names
from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Trajectory

# Fewer rows carry no law; a smaller fraction is not taken.
FEWEST_ROWS = 6


@dataclass(frozen=True)
class Condition:
    """How a case is spoilt.

    Args:
        noise: Standard deviation of the noise as a share; see `corrupted` for what of.
        noise_on: ``"target"`` or ``"position"``.
        fraction: Share of the rows that is kept.
        seed: Seed of the noise, of the choice of rows, and of the solver.
    """

    noise: float = 0.0
    noise_on: str = "target"
    fraction: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.noise < 1:
            raise UserError(f"noise must be a share from 0 to below 1, got {self.noise:g}. 0.05 is 5 %.")
        if not 0 < self.fraction <= 1:
            raise UserError(f"fraction must be above 0 and at most 1, got {self.fraction:g}. 0.5 keeps half the rows.")
        if self.noise_on not in ("target", "position"):
            raise UserError(f"noise must be on target or position, got {self.noise_on!r}.")


@dataclass(frozen=True)
class Table:
    """Rows: inputs by name and the target, each of shape (rows,)."""

    columns: Mapping[str, np.ndarray]
    y: np.ndarray

    def rows(self, chosen: np.ndarray) -> Table:
        """Some of the rows, by a mask or indices."""
        return Table({name: values[chosen] for name, values in self.columns.items()}, self.y[chosen])


@dataclass(frozen=True)
class RowCase:
    """A table with a target.

    Args:
        name: Name of the case.
        target: Name of the target.
        train: The rows that a solver sees, clean.
        tests: Rows that it does not see, by name (``"id"``, ``"ood"``).
        truth: The true formula, ``None`` where none is known.
        kinds: What each column is: ``coordinate``, ``velocity``, ``time`` or ``plain``.
        position: The motion behind the rows, where noise may be put on its positions.
    """

    name: str
    target: str
    train: Table
    tests: Mapping[str, Table] = field(default_factory=dict)
    truth: sympy.Expr | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    position: MotionCase | None = None


@dataclass(frozen=True)
class Play:
    """A motion to be reproduced: times, shape (T,), and clean states, shape (T, n); the first row is the start."""

    t: np.ndarray
    states: np.ndarray


@dataclass(frozen=True)
class MotionCase:
    """Recordings of positions under one law.

    Args:
        name: Name of the case.
        order: Order of the law in time.
        runs: What a solver sees, clean: positions only.
        plays: Motions by name (``"reconstruct"``, ``"generalise"``) that the law is played against.
        truth: True right-hand side by target state, empty where none is known.
        is_relative: Noise multiplies each value instead of being a share of the coordinate's spread.
        tests: Rows with the exact derivative, on which the right-hand side is judged.
    """

    name: str
    order: int
    runs: tuple[Trajectory, ...]
    plays: Mapping[str, Play]
    truth: Mapping[str, sympy.Expr]
    is_relative: bool = False
    tests: Mapping[str, Table] = field(default_factory=dict)

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the states: coordinates, then (order 2) their velocities."""
        names = self.runs[0].coordinates
        return names + (velocity_names(names) if self.order == 2 else ())

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the states that have an equation."""
        names = self.runs[0].coordinates
        return velocity_names(names) if self.order == 2 else names


Case = RowCase | MotionCase


def case_rng(case: str, condition: Condition) -> np.random.Generator:
    """A generator that depends on the case and the seed, not on the order in which cases are run."""
    return np.random.default_rng([zlib.crc32(case.encode()), condition.seed])


def corrupted(case: Case, condition: Condition) -> Case:
    """What a solver sees of a case under a condition.

    Noise on the target multiplies it by ``1 + noise * N(0, 1)`` in the training rows. Noise on positions is added as
    ``noise * std(coordinate) * N(0, 1)``, or multiplies each value where the benchmark has it so; velocities and
    accelerations are withheld. Rows are dropped at random, in one draw for all noise levels.

    Args:
        case: The clean case.
        condition: Noise, fraction, seed.

    Raises:
        UserError: The noise has nothing to go on.
    """
    if isinstance(case, RowCase) and condition.noise_on == "position":
        if case.position is None:
            raise UserError(f"noise on positions needs a motion, got the table {case.name}. Use --noise-on target.")
        case = case.position
    if isinstance(case, MotionCase) and condition.noise_on == "target":
        raise UserError(f"noise on the target needs a table, got the motion {case.name}. Use --noise-on position.")
    rng = case_rng(case.name, condition)
    if isinstance(case, RowCase):
        kept = _kept(len(case.train.y), condition.fraction, rng)
        noisy = case.train.y * (1 + condition.noise * rng.normal(size=len(case.train.y)))
        return replace(case, train=Table(case.train.columns, noisy).rows(kept))
    return replace(case, runs=tuple(_noisy_run(run, case.is_relative, condition, rng) for run in case.runs))


def _noisy_run(run: Trajectory, is_relative: bool, condition: Condition, rng: np.random.Generator) -> Trajectory:
    kept = _kept(len(run.t), condition.fraction, rng)
    noise = condition.noise * rng.normal(size=run.position.shape)
    size = run.position if is_relative else np.std(run.position, axis=0)
    return replace(run, position=run.position + noise * size).rows(kept)


def _kept(rows: int, fraction: float, rng: np.random.Generator) -> np.ndarray:
    count = max(min(rows, FEWEST_ROWS), round(fraction * rows))
    return np.sort(rng.permutation(rows)[:count])
