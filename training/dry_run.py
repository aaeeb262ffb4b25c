"""A rehearsal of rewards on real rows before anything is trained: one that cannot teach is refused.

Each reward is asked about the reference of every row, the reference of another row, a shortened one and garbage. It is
refused where it is undefined on most rows, has no variance, gives the reference less than nearly all, or pays garbage.

Source: what went wrong in Motion-o (arXiv 2603.18856), whose trajectory reward was exactly 0 on its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError

GARBAGE = "lorem ipsum <answer>"
FEWEST_DEFINED, LEAST_SPREAD, LEAST_REFERENCE, MOST_GARBAGE = 0.5, 1e-3, 0.95, 0.05
RewardFunction = Callable[..., list[float | None]]


@dataclass(frozen=True)
class Rehearsal:
    """How one reward did.

    Args:
        reward: Its name.
        defined: Share of rows in which the reference is scored.
        spread: Standard deviation over all probes.
        reference: Mean of the references.
        other: Mean of the references of other rows.
        shortened: Mean of references without their first half.
        garbage: Mean of garbage.
    """

    reward: str
    defined: float
    spread: float
    reference: float
    other: float
    shortened: float
    garbage: float

    @property
    def fault(self) -> str:
        """Why it cannot teach; empty if it can."""
        if self.defined < FEWEST_DEFINED:
            return f"is defined on {self.defined:.0%} of the rows"
        if not self.spread > LEAST_SPREAD:
            return f"is the same for every answer (standard deviation {self.spread:.2g})"
        if self.reference < LEAST_REFERENCE:
            return f"gives true answers {self.reference:.2f} of 1"
        if self.garbage > MOST_GARBAGE:
            return f"gives garbage {self.garbage:.2f} of 1"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)


def rehearse(rewards: Sequence[RewardFunction], rows: Sequence[dict[str, Any]]) -> list[Rehearsal]:
    """Asks every reward about probes of every row.

    Args:
        rewards: The rewards, with TRL's signature.
        rows: Rows with ``prompt``, ``reference`` (a true answer) and the columns that the rewards take; two at least.

    Raises:
        UserError: There are too few rows.
    """
    if len(rows) < 2:
        raise UserError(f"A dry run needs at least 2 rows, got {len(rows)}.")
    references = [row["reference"] for row in rows]
    probes = {
        "reference": references,
        "other": [*references[1:], references[0]],
        "shortened": [text[len(text) // 2 :] for text in references],
        "garbage": [GARBAGE] * len(rows),
    }
    columns = {name: [row[name] for row in rows] for name in rows[0] if name not in ("prompt", "reference")}
    prompts = [row["prompt"] for row in rows]
    found = []
    for reward in rewards:
        given = {
            probe: reward(prompts=prompts, completions=[_message(text) for text in texts], **columns)
            for probe, texts in probes.items()
        }
        known = {probe: [each for each in values if each is not None] for probe, values in given.items()}
        every = [each for values in known.values() for each in values]
        found.append(
            Rehearsal(
                reward.__name__,
                len(known["reference"]) / len(rows),
                float(np.std(every)) if every else 0.0,
                *(float(np.mean(known[probe])) if known[probe] else 0.0 for probe in probes),
            )
        )
    return found


def _message(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def require_live(rehearsals: Sequence[Rehearsal]) -> None:
    """Refuses rewards that cannot teach.

    Raises:
        UserError: One cannot; all of them are named.

    Example:
        >>> require_live([Rehearsal("fit_reward", 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)])
        Traceback (most recent call last):
        ...
        motionlaw.tools.errors.UserError: Training would not start: fit_reward is the same for every answer ...
    """
    faults = [f"{each.reward} {each.fault}" for each in rehearsals if each.fault]
    if faults:
        raise UserError(
            f"Training would not start: {'; '.join(faults)}. Leave these rewards out, or mend the rows' columns."
        )
