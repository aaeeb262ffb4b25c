"""Whether each term of a drawn law shows in its motion, so that there is something to find.

The law's own terms are columns of rows (t, x, v). A term shows if the acceleration, fitted again without it, is missed
by a stated share; with another kind in its place, or two others, by a smaller stated share. All fits are linear and are
done on the triangle of one QR decomposition, so that a draw costs a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from motionlaw.data_builders.physsymbol import Term

# Shares of the acceleration's rms that a fit must miss: without a term, with another in its place, with two others.
LEAST_EFFECT, LEAST_SWAPPED, LEAST_SWAPPED_TWICE = 0.02, 0.005, 0.001


def is_identifiable(terms: Sequence[Term], t: np.ndarray, x: np.ndarray, v: np.ndarray) -> bool:
    """Whether no term can be left out or replaced by one or two others of the eleven families."""
    return all(
        effects[0] >= LEAST_EFFECT and effects[1] >= LEAST_SWAPPED and effects[2] >= LEAST_SWAPPED_TWICE
        for effects in misfits_without(terms, t, x, v)
    )


def misfits_without(
    terms: Sequence[Term], t: np.ndarray, x: np.ndarray, v: np.ndarray
) -> list[tuple[float, float, float]]:
    """What is missed without each term.

    Args:
        terms: The law.
        t: Seconds, shape (T,).
        x: Positions, shape (T,).
        v: Velocities, shape (T,).

    Returns:
        For each column of the expanded law (``-m(1 - x²)v`` has two): the shares of the acceleration's rms that the
        best fit misses without it, with the best other column in its place, and with the best two.
    """
    own, others = _columns(terms, t, x, v)
    a = np.sum([term.values(x, v, t) for term in terms], axis=0)
    everything = np.column_stack([*own, *others, a])
    size = np.sqrt(np.mean(everything**2, axis=0))
    if not np.all(size > 0):
        return [(0.0, 0.0, 0.0)]
    triangle = np.asarray(np.linalg.qr(everything / size / np.sqrt(len(x)), mode="r"))
    columns, target = triangle[:, :-1], triangle[:, -1]
    found = []
    for k in range(len(own)):
        rest = _orthonormal(columns[:, [j for j in range(len(own)) if j != k]])
        left = target - rest @ (rest.T @ target)
        free = columns[:, len(own) :]
        free = free - rest @ (rest.T @ free)
        norm = np.linalg.norm(free, axis=0)
        free = free[:, norm > 1e-9] / norm[norm > 1e-9]
        along = free.T @ left
        total = float(left @ left)
        once = total - np.max(along**2, initial=0.0)
        twice = min(
            (total - _explained(free, along, i, j) for i, j in combinations(range(len(along)), 2)), default=once
        )
        found.append((float(np.sqrt(total)), _root(once), _root(min(once, twice))))
    return found


def _explained(free: np.ndarray, along: np.ndarray, i: int, j: int) -> float:
    """The part of a target's square that two unit columns explain."""
    cosine = float(free[:, i] @ free[:, j])
    rest = 1 - cosine**2
    if rest < 1e-12:
        return float(along[i] ** 2)
    return float((along[i] ** 2 + along[j] ** 2 - 2 * cosine * along[i] * along[j]) / rest)


def _root(square: float) -> float:
    return float(np.sqrt(max(0.0, square)))


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    return np.linalg.qr(columns)[0] if columns.shape[1] else np.zeros((len(columns), 0))


def _columns(
    terms: Sequence[Term], t: np.ndarray, x: np.ndarray, v: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The columns of the expanded law, and those of all other kinds; forces at the law's own frequencies."""
    one = np.ones_like(x)
    known = {
        "spring": [x], "damping": [v], "cubic spring": [x**3], "cubic damping": [v**3], "quadratic spring": [x**2],
        "x cos x": [x * np.cos(x)], "quadratic drag": [np.abs(v) * v], "constant force": [one],
        "self-excitation": [v, x**2 * v],
    }  # fmt: skip
    own: list[np.ndarray] = []
    for term in terms:
        for column in known.get(term.family.name, [term.values(x, v, t) / term.numbers[0]]):
            if not any(column is each for each in own):
                own.append(column)
    waves = [term.numbers[1] * t for term in terms if term.family.name in ("sine force", "cosine force")]
    candidates = [column for columns in known.values() for column in columns]
    candidates += [wave(phase) for phase in waves for wave in (np.sin, np.cos)]
    others = []
    for column in candidates:
        if not any(column is each or np.allclose(column, each) for each in own):
            others.append(column)
    return own, others
