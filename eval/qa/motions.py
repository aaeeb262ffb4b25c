"""What follows from a path in a film: the energy at its turning points, and where it goes on to."""

from __future__ import annotations

import numpy as np

from motionlaw.eval.qa.things import Thing
from motionlaw.tools.measures import principal, turning_points
from motionlaw.tools.plain_motions import PLACE_PX, plainest, since_last_kink
from motionlaw.tools.shapes import fit_circle

STRAIGHT = 0.02
"""A path as wide as this share of its length is a line."""

SHARP = 3.0
"""Factor by which a path bends more at its lowest places than at its highest where it bounces."""

def turning_energies(thing: Thing) -> np.ndarray:
    """The energies of a swinging, springing or bouncing thing where it turns back, to a common factor, shape (K,).

    All is potential there: by the height of a swing or of a bounce's top, or by the square of a spring's stretch.
    """
    path = thing.path
    if len(path) < 8 or np.ptp(path) == 0:
        return np.zeros(0)
    if _bounces(path[:, 1]):
        q = path[:, 1]
        turns = turning_points(q)
        floor = _floor(q, turns[q[turns] < q[turns - 1]])
        return _extremes(q, turns[q[turns] > q[turns - 1]]) - floor
    long, wide = np.linalg.svd(path - path.mean(axis=0), compute_uv=False)
    if wide > STRAIGHT * long:
        across, up = (path - fit_circle(path).centre).T
        q = np.arctan2(across, -up)
        return 1 - np.cos(_extremes(q, turning_points(q)))
    q = principal(path)
    return (_extremes(q, turning_points(q)) - _rest_place(q)) ** 2


def _bounces(y: np.ndarray) -> bool:
    """Whether a height turns round sharply below and gently above."""
    bend = np.abs(np.diff(y, 2))
    middle, reach = y[1:-1], float(np.ptp(y))
    low, high = bend[middle < np.min(y) + 0.15 * reach], bend[middle > np.max(y) - 0.15 * reach]
    return bool(reach > 0 and len(low) and len(high) and np.max(low) > SHARP * np.max(high))


def _extremes(q: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The values at turning points, between the rows, by parabolas."""
    turns = turns[(turns > 0) & (turns < len(q) - 1)]
    before, here, after = q[turns - 1], q[turns], q[turns + 1]
    curve = before - 2 * here + after
    return here - (after - before) ** 2 / (8 * np.where(curve == 0, np.inf, curve))


def _floor(y: np.ndarray, lows: np.ndarray) -> float:
    """Where the lines into and out of bounces cross, in the middle; the lowest place where there is none."""
    crossings = []
    for k in lows:
        if 2 <= k < len(y) - 2:
            down, up = y[k - 1] - y[k - 2], y[k + 2] - y[k + 1]
            if down < 0 < up:  # from both sides the bounce is half a row or less away from the lowest one
                share = (y[k + 1] - up - y[k - 1] - down) / (down - up)
                crossings.append(y[k - 1] + (1 + share) * down)
    return float(min(np.median(crossings), np.min(y))) if crossings else float(np.min(y))


def _rest_place(q: np.ndarray) -> float:
    """Where a spring is at rest: its acceleration is -k (q - rest) - c velocity, by least squares over some rows."""
    turns = turning_points(q)
    step = max(1, len(q) // (6 * (len(turns) + 1)))
    before, here, after = q[: -2 * step], q[step:-step], q[2 * step :]
    design = np.stack([here, after - before, np.ones(len(here))], axis=1)
    stiffness, _, push = np.linalg.lstsq(design, before - 2 * here + after, rcond=None)[0]
    return float(-push / stiffness) if stiffness < 0 else float(np.mean(q))


def foretold(t: np.ndarray, path: np.ndarray, ahead_s: float) -> np.ndarray:
    """Foretells how far a thing gets after its last row, by the plainest motion that its places bear out.

    Args:
        t: Seconds, shape (T,).
        path: Shape (T, 2).
        ahead_s: How long after.

    Returns:
        The step from its last place, shape (2,).
    """
    t, path = since_last_kink(t, path)
    motion = plainest(t, path, noise_px=PLACE_PX)
    return np.zeros(2) if motion is None else motion.step(float(t[-1]), float(t[-1]) + ahead_s)
