"""What `batch.py machinery` puts in the place of the search; a file of its own that other processes can import."""

from __future__ import annotations

import pickle
from functools import lru_cache
from pathlib import Path

import numpy as np

from motionlaw.tools.batch.tasks import Task
from motionlaw.tools.batch.work import Job, Row


def instead_of_a_search(answers: str, job: Job, task: Task) -> Row:
    """A law of the task's kind whose first coefficient is that of the task: what a search would answer, at once.

    Args:
        answers: A file of rows that searches answered, one for each kind of law.
        job: Not looked at.
        task: Its name ends in its number, which tells its kind.
    """
    rows = _read(answers)
    number = int(task.name.rpartition("run")[2])
    row = rows[number % len(rows)]
    first, *others = row["terms"]
    scatter = 1 + 1e-4 * np.random.default_rng(number).normal()
    return row | {"terms": [first | {"coefficient": -task.metadata["k"] * scatter}, *others]}


@lru_cache(maxsize=1)
def _read(answers: str) -> list[Row]:
    return pickle.loads(Path(answers).read_bytes())
