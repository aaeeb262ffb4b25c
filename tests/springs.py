"""Recordings for tests of batches: springs and pendulums as tables, quick to find the law of."""

import numpy as np
import pandas as pd


def spring(stiffness=4.0, damping=0.1, rows=150, seconds=8.0):
    """A damped spring from rest, solved exactly, with velocity and acceleration."""
    t = np.linspace(0.0, seconds, rows)
    rate = np.sqrt(stiffness - damping**2 / 4)
    decay = np.exp(-damping * t / 2)
    x = decay * (np.cos(rate * t) + damping / (2 * rate) * np.sin(rate * t))
    v = -decay * stiffness / rate * np.sin(rate * t)
    return pd.DataFrame({"t": t, "x": x, "v": v, "a": -stiffness * x - damping * v})


def write_springs(folder, stiffnesses, suffix=".csv"):
    """Writes one table for each stiffness and returns their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, stiffness in enumerate(stiffnesses):
        path = folder / f"run{number:03d}{suffix}"
        table = spring(stiffness)
        table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
        paths.append(path)
    return paths
