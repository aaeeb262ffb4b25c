"""How well an acceleration is known from noisy rows of a position: our smoothers beside SciPy's.

    python benchmarks/derivatives.py [--n 100] [--seed 5]

Oscillators of physsymbol, their positions at some rows with noise as a share of the spread. The error is the root mean
square over a motion's time (its ends, a twentieth each, left out for all) as a share of the acceleration's spread, the
median over the oscillators; the ratio is to SciPy's cross-validated spline in the same run, the time is CPU time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.interpolate import make_smoothing_spline
from scipy.signal import savgol_filter

from motionlaw.data_builders.oscillator_blocks import noisy_rows
from motionlaw.data_builders.physsymbol import Oscillator, draw_oscillators
from motionlaw.eval.log import commit
from motionlaw.tools.additive_smoothing import smooth_additively
from motionlaw.tools.motion import smooth
from motionlaw.tools.smoothing import smooth_curves

Way = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
CASES = ((100, 0.0), (100, 0.01), (100, 0.05), (400, 0.01), (400, 0.05))
WIDTHS = (5, 7, 9, 11, 15, 21, 31, 41, 61)
PEER = "SciPy: spline, cross-validated"


def additive(t: np.ndarray, x: np.ndarray, at: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The middle of what lies above and below in turn."""
    rows = smooth_additively(t, x)
    return np.interp(at, rows[1:-1, 0], (rows[:-2, 3] + 2 * rows[1:-1, 3] + rows[2:, 3]) / 4)


def best_window(t: np.ndarray, x: np.ndarray, at: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Cubic fits in the window that the truth itself says is best: no user can choose as well."""
    step = float(t[-1] - t[0]) / (len(t) - 1)
    tried = [np.interp(at, t, savgol_filter(x, width, 3, deriv=2, delta=step)) for width in WIDTHS]
    return min(tried, key=lambda each: float(np.mean((each - true) ** 2)))


WAYS: dict[str, Way] = {
    PEER: lambda t, x, at, true: make_smoothing_spline(t, x).derivative(2)(at),
    "SciPy: Savitzky-Golay, window chosen by the truth": best_window,
    "motionlaw: local polynomials": lambda t, x, at, true: np.interp(at, t, smooth(t, x[:, None]).acceleration[:, 0]),
    "motionlaw: quintic spline": lambda t, x, at, true: smooth_curves(t, x[:, None])[0].at(at, 2),
    "motionlaw: as the motion of an additive force": additive,
}


def errors(way: Way, drawn: list[Oscillator], rows: int, noise: float) -> tuple[float, float]:
    """Median error, and CPU seconds a motion."""
    found, began = [], time.process_time()
    for number, one in enumerate(drawn):
        t, x = noisy_rows(one.t, one.x, rows, noise, np.random.default_rng([rows, number]))
        edge = len(one.t) // 20
        at, true = one.t[edge:-edge], one.a[edge:-edge]
        found.append(np.sqrt(np.mean((way(t, x, at, true) - true) ** 2)) / np.std(true))
    return float(np.median(found)), (time.process_time() - began) / len(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accelerations from noisy rows of a position.")
    parser.add_argument("--n", type=int, default=100, help="number of oscillators")
    parser.add_argument("--seed", type=int, default=5, help="seed of the oscillators")
    options = parser.parse_args()
    drawn = draw_oscillators(options.n, seed=options.seed)
    for way in WAYS.values():
        errors(way, drawn[:1], 100, 0.01)  # imports and tables are not counted
    print("| way | " + " | ".join(f"{rows} rows, {noise:.0%}" for rows, noise in CASES) + " | ms each |")
    print("| --- | " + " | ".join("---" for _ in CASES) + " | --- |")
    peers: list[float] = []
    for name, way in WAYS.items():
        cells, seconds = zip(*(errors(way, drawn, rows, noise) for rows, noise in CASES), strict=True)
        peers = list(cells) if name == PEER else peers
        told = [f"{cell:.3f} ({cell / peer:.2f})" for cell, peer in zip(cells, peers, strict=True)]
        print(f"| {name} | {' | '.join(told)} | {1000 * np.mean(seconds):.1f} |")
    print(f"\nMedian of {options.n} oscillators, seed {options.seed}, and ratio to the first line; commit {commit()}")


if __name__ == "__main__":
    main()
