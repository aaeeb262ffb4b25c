"""Benchmark files for tests, in the published formats."""

import json

import numpy as np


def write_oscillator(folder, name="PO1", law="-2*x - 0.3*v + 0.2*sin(t)"):
    """A case in the format of the oscillators."""
    rng = np.random.default_rng(0)
    t, x, v = np.linspace(0, 40, 400), rng.normal(size=400), rng.normal(size=400)
    rows = np.column_stack([t, x, v, -2 * x - 0.3 * v + 0.2 * np.sin(t)])
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / f"{name}.npz", train=rows[:300], ood=rows[300:])
    index = folder / "index.json"
    entries = json.loads(index.read_text()) if index.exists() else []
    index.write_text(json.dumps([*entries, {"name": name, "law": law, "columns": ["t", "x", "v", "a"]}]))
