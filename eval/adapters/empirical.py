"""EmpiricalBench, laws of history from their own noisy tables, and a student's pendulum beside it.

Only the structure of the laws is scored: the tables' constants are the measurers' own.

Source: Cranmer (2023), arXiv 2305.01582; the pendulum is from a laboratory course (SOURCE.md of the data). Format: one
csv a law, the last column is the target, ``unc_…`` are standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionlaw.eval.adapters.tables import read_table, truth_for
from motionlaw.eval.tasks import Condition, RowCase

FOLDERS = ("pysr_empirical_bench", "student_pendulum_toronto")
MARKER = "*.csv"
CONDITIONS = (Condition(0.0),)
HEADLINE = ("exact", "s_struct", "r2_train")
TRUTH = {
    "hubble": "473*D",
    "kepler": "365.25*a_AU**1.5",
    "newton": "6.674e-11*m1*m2/r**2",
    "rydberg": "1/(1.097e7*(1/n1**2 - 1/n2**2))",
    "tully": "-2.7*log(DV) - 5",
    "leavitt": "-2*log(P) + 15",
    "bode": "0.4 + 0.3*exp(0.6931*n)",
    "planck": "1.5e-50*nu**3/(exp(4.8e-11*nu/T) - 1)",
    "schechter": "exp(-L)*L**1.25",
    "ideal_gas": "8.314*n*T/V",
    "period_vs_amplitude": "1.633 + 0.111*amplitude_rad**2",
    "period_vs_mass": "2.065",
}


def read_cases(folders: Sequence[Path]) -> list[RowCase]:
    """One case a table; there are too few rows to set some aside."""
    cases = []
    for path in sorted(path for folder in folders for path in folder.glob(MARKER)):
        table, target = read_table(path)
        text = TRUTH.get(path.stem, "")
        truth = truth_for(table, text, must_agree=False)
        cases.append(RowCase(path.stem, target, table, {}, truth, dict.fromkeys(table.columns, "plain")))
    return cases
