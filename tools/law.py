"""The values a discovery is reported in: terms, events, quantities, and the `Discovery` that `--json` prints.

Nothing is computed here. `Discovery.to_dict` is the JSON that others parse: keys are added, never renamed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motionlaw.tools.trajectory import Track, Trajectory


@dataclass(frozen=True)
class Term:
    """One term of a law: ``coefficient * term`` in the equation of ``of``, with its standard error and unit."""

    of: str
    term: str
    coefficient: float
    stderr: float | None
    unit: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened at ``t`` seconds: contact, release, rest, jump, lost, regime."""

    t: float
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class Quantity:
    """A physical number read off the law or the motion, e.g. the period, with its standard error and unit."""

    name: str
    value: float
    stderr: float | None
    unit: str


@dataclass(frozen=True)
class Alternative:
    """A runner-up: its equations, its score (lower is better) and the distance to the winner."""

    law: dict[str, str]
    score: float
    delta: float
    nmse_trajectory: float | None


@dataclass(frozen=True)
class Hypothesis:
    """A law somebody proposed (the catalogue, a model, an engine), the reasoning, and whether it was used."""

    source: str
    text: str
    law: dict[str, str]
    used: bool
    chain: str = ""


@dataclass(frozen=True)
class Regime:
    """A stretch of time under one law."""

    t_start: float
    t_end: float
    kind: str
    law: dict[str, str]


@dataclass(frozen=True)
class Prediction:
    """The law simulated again from the first state of a run.

    Args:
        name: The trajectory's name.
        t: Seconds, shape (T,).
        position: Simulated coordinates, shape (T, D).
        lower: Lower end of the 95 % band of an observation, shape (T, D).
        upper: Upper end, shape (T, D).
        t_holdout: Where the held-out tail starts, seconds; ``None`` if the whole run was used for fitting.
    """

    name: str
    t: np.ndarray
    position: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    t_holdout: float | None = None


@dataclass(frozen=True)
class Discovery:
    """What came out of a search for the law: the law, its errors, its checks, its rivals, or why there is none."""

    input: str
    status: str
    reason: str
    order: int
    state: tuple[str, ...]
    length_unit: str
    law: dict[str, str]
    terms: tuple[Term, ...]
    fit: dict[str, float | int | None]
    holdout: dict[str, float | bool | None]
    alternatives: tuple[Alternative, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    events: tuple[Event, ...] = ()
    regimes: tuple[Regime, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    warnings: tuple[str, ...] = ()
    engine: str = "search"
    model: str = "none"
    time_unit: str = "s"
    seconds: float = 0.0
    seed: int = 0
    version: str = ""
    name_of_object: str = ""
    objects: tuple[Discovery, ...] = ()
    # Kept for the report, not printed as JSON: the data the law was sought in, and the law played again.
    trajectories: tuple[Trajectory, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    tracks: tuple[Track, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON of ``motionlaw discover --json``."""
        listed = ("terms", "alternatives", "hypotheses", "events", "regimes", "quantities")
        plain = (
            "input",
            "status",
            "reason",
            "order",
            "length_unit",
            "time_unit",
            "law",
            "fit",
            "holdout",
            "engine",
            "model",
            "seconds",
            "seed",
            "version",
        )
        return (
            {"schema": 1}
            | {key: getattr(self, key) for key in plain}
            | {key: [asdict(value) for value in getattr(self, key)] for key in listed}
            | {"state": list(self.state), "warnings": list(self.warnings)}
            | {"objects": [{"name": each.name_of_object} | each.to_dict() for each in self.objects]}
            | {"coordinates": [note for trajectory in self.trajectories[:1] for note in trajectory.notes]}
        )
