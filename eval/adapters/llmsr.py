"""LLM-SR's problems: two oscillators with a known law, bacterial growth and stress-strain curves without one.

Source: Shojaee et al. (2024), arXiv 2404.18400. Format: a folder a problem with ``train.csv``, ``test_id.csv`` and
``test_ood.csv``; the last column is the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionlaw.eval.adapters.tables import kinds_of, read_table, truth_for
from motionlaw.eval.tasks import Condition, RowCase

FOLDERS = ("llm_sr_problems",)
MARKER = "*/train.csv"
CONDITIONS = tuple(Condition(noise) for noise in (0.0, 0.01, 0.05))
HEADLINE = ("exact", "s_struct", "nmse_id", "nmse_ood")
TRUTH = {
    "oscillator1": "0.8*sin(x) - 0.5*v**3 - 0.2*x**3 - 0.5*x*v - x*cos(x)",
    "oscillator2": "0.3*sin(t) - 0.5*v**3 - x*v - 5*x*exp(0.5*x)",
}


def read_cases(folders: Sequence[Path]) -> list[RowCase]:
    """One case a problem."""
    cases = []
    for path in sorted(path for folder in folders for path in folder.glob(MARKER)):
        train, target = read_table(path)
        tests = {
            key: read_table(other)[0] for key in ("id", "ood") if (other := path.with_name(f"test_{key}.csv")).exists()
        }
        name = path.parent.name
        kinds = kinds_of(list(train.columns), target)
        cases.append(RowCase(name, target, train, tests, truth_for(train, TRUTH.get(name, "")), kinds))
    return cases
