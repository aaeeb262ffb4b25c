"""What follows from a path in a film: the energy at its turning points, and where it goes on to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from motionlaw.eval.qa.things import Thing
from motionlaw.tools.measures import oscillation, principal, turning_points
from motionlaw.tools.shapes import fit_circle

STRAIGHT = 0.02
"""A path as wide as this share of its length is a line."""

SHARP = 3.0
"""Factor by which a path bends more at its lowest places than at its highest where it bounces."""

DEGREES = (1, 2, 3)
"""Of the polynomials for what comes next."""

LOOK_BACK, LEAST_ROWS = 2.5, 10
"""What comes next is told from the last rows, so many times as long as it is; and from how many at the least."""

NOISE_PX = 0.05
"""No motion is known better than this."""

KINK, KINK_PX = 4.0, 0.6
"""A path has a kink where it bends by so many times what it usually does, and by some tenths of a pixel."""

Design = Callable[[np.ndarray], np.ndarray]


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
    """Foretells how far a thing gets after its last row, by the plainest motion that its last rows bear out.

    Args:
        t: Seconds, shape (T,).
        path: Shape (T, 2).
        ahead_s: How long after.

    Returns:
        The step from its last place, shape (2,).

    Source: Schwarz (1978), the criterion by which a motion with more freedom must earn it.
    """
    t, path = _since_last_kink(t, path)
    rows = int(max(LEAST_ROWS, LOOK_BACK * ahead_s / float(np.median(np.diff(t)))))
    found = {each.name: each.value for each in oscillation(t, path)} if len(t) >= 8 else {}
    t, path = t[-rows:] - t[-1], path[-rows:]
    designs = [_powers(degree) for degree in DEGREES if len(t) > degree + 2]
    if found and len(t) > 6:
        designs.append(_waves(2 * np.pi / found["period"]))
    best, least = _powers(1), np.inf
    for design in designs:
        rest = path - design(t) @ np.linalg.lstsq(design(t), path, rcond=None)[0]
        count = design(t).shape[1] * path.shape[1]
        score = rest.size * np.log(np.mean(rest**2) + NOISE_PX**2) + count * np.log(rest.size)
        if score < least:
            best, least = design, score
    places = best(np.array([0.0, ahead_s])) @ np.linalg.lstsq(best(t), path, rcond=None)[0]
    return places[1] - places[0]


def _since_last_kink(t: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows since a path last bent as it never does else, at a contact; all where fewer than four are left."""
    bend = np.linalg.norm(np.diff(path, 2, axis=0), axis=1)
    sharp = np.flatnonzero(bend > KINK * np.median(bend) + KINK_PX)
    start = int(sharp[-1]) + 2 if len(sharp) else 0
    return (t[start:], path[start:]) if len(t) - start >= 4 else (t, path)


def _powers(degree: int) -> Design:
    return lambda t: np.stack([t**k for k in range(degree + 1)], axis=1)


def _waves(omega: float) -> Design:
    return lambda t: np.stack([np.ones(len(t)), np.cos(omega * t), np.sin(omega * t)], axis=1)
