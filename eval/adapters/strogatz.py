"""Strogatz's two-state systems as rows: dx/dt and dy/dt from x and y, each a case.

Source: La Cava et al. (2016); the systems are from Strogatz (2014), "Nonlinear Dynamics and Chaos". Format: files
``d_<system><1|2>.txt`` with the columns label (the derivative), x, y.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionlaw.eval.adapters.tables import split, truth_for
from motionlaw.eval.tasks import Condition, RowCase, Table

FOLDERS = ("ode_strogatz",)
MARKER = "d_*.txt"
CONDITIONS = tuple(Condition(noise) for noise in (0.0, 0.01, 0.05))
HEADLINE = ("exact", "solution", "r2_above_0.999", "s_struct")
TRUTH = {
    "bacres1": "20 - x - x*y/(1 + 0.5*x**2)",
    "bacres2": "10 - x*y/(1 + 0.5*x**2)",
    "barmag1": "0.5*sin(x - y) - sin(x)",
    "barmag2": "0.5*sin(y - x) - sin(y)",
    "glider1": "-0.05*x**2 - sin(y)",
    "glider2": "x - cos(y)/x",
    "lv1": "3*x - 2*x*y - x**2",
    "lv2": "2*y - x*y - y**2",
    "predprey1": "x*(4 - x - y/(1 + x))",
    "predprey2": "y*(x/(1 + x) - 0.075*y)",
    "shearflow1": "cos(x)*cos(y)/sin(y)",
    "shearflow2": "(cos(y)**2 + 0.1*sin(y)**2)*sin(x)",
    "vdp1": "10*(y - (x**3 - x)/3)",
    "vdp2": "-x/10",
}


def read_cases(folders: Sequence[Path]) -> list[RowCase]:
    """Two cases a system."""
    cases = []
    for path in sorted(path for folder in folders for path in folder.glob(MARKER)):
        name = path.stem.removeprefix("d_")
        label, x, y = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
        whole = Table({"x": x, "y": y}, label)
        train, test = split(whole)
        kinds = {"x": "coordinate", "y": "coordinate"}
        target = "y_dot" if name.endswith("2") else "x_dot"
        cases.append(RowCase(name, target, train, {"id": test}, truth_for(whole, TRUTH.get(name, "")), kinds))
    return cases
