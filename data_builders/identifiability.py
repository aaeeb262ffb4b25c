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
    # Where the velocity keeps its sign, v² is the drag.
    candidates = [v**2, *(column for columns in known.values() for column in columns)]
    candidates += [wave(phase) for phase in waves for wave in (np.sin, np.cos)]
    others = []
    for column in candidates:
        if not any(column is each or np.allclose(column, each) for each in own):
            others.append(column)
    return own, others


def are_identifiable(laws: Sequence[Sequence[Term]], t: np.ndarray, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """`is_identifiable` for many motions at once, by their Gram matrices; differs from it at the very thresholds alone.

    Args:
        laws: N laws.
        t: Seconds, shape (T,).
        x: Positions, shape (N, T), without NaN.
        v: Velocities, shape (N, T).

    Returns:
        Shape (N,), bool.
    """
    columns, own, others = _gram_columns(laws, t, x, v)
    a = np.array([np.sum([term.values(x[n], v[n], t) for term in law], axis=0) for n, law in enumerate(laws)])
    everything = np.concatenate([columns, a[:, None]], axis=1)
    everything /= np.maximum(np.sqrt(np.mean(everything**2, axis=2, keepdims=True)), 1e-300)
    gram = everything @ everything.transpose(0, 2, 1) / x.shape[1]
    found = np.ones(len(laws), bool)
    for k in range(columns.shape[1]):
        rows = np.flatnonzero(own[:, k] & found)
        if len(rows):
            rest = own[rows]
            rest[:, k] = False
            found[rows] = _shows(gram[rows], rest, others[rows])
    return found


def _shows(gram: np.ndarray, rest: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether the last column of each Gram matrix is missed by ``rest``, also with one or two of ``others``."""
    both = rest[:, :, None] & rest[:, None, :]
    inner = np.where(both, gram[:, :-1, :-1], 0.0) + np.eye(rest.shape[1]) * ~rest[:, None, :]
    outer = np.where(rest[:, :, None], gram[:, :-1], 0.0)
    left = gram - outer.transpose(0, 2, 1) @ np.linalg.solve(inner, outer)
    total, square = left[:, -1, -1], np.diagonal(left[:, :-1, :-1], axis1=1, axis2=2)
    is_free = others & (square > 1e-12)
    size = np.sqrt(np.where(is_free, square, 1.0))
    along = np.where(is_free, left[:, :-1, -1] / size, 0.0)
    once = total - np.max(along**2, axis=1)
    cosine = left[:, :-1, :-1] / (size[:, :, None] * size[:, None, :])
    off = 1 - np.where(is_free[:, :, None] & is_free[:, None, :], cosine, 1.0) ** 2
    pair = along[:, :, None] ** 2 + along[:, None, :] ** 2 - 2 * cosine * along[:, :, None] * along[:, None, :]
    twice = total - np.max(np.where(off > 1e-9, pair / np.maximum(off, 1e-9), 0.0), axis=(1, 2))
    least = (LEAST_EFFECT**2, LEAST_SWAPPED**2, LEAST_SWAPPED_TWICE**2)
    return (total >= least[0]) & (once >= least[1]) & (np.minimum(once, twice) >= least[2])


def _gram_columns(
    laws: Sequence[Sequence[Term]], t: np.ndarray, x: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All kinds of columns and v², shape (N, 14, T); which are the law's own, which others may stand in, (N, 14)."""
    places = {
        "spring": [0], "damping": [1], "cubic spring": [2], "cubic damping": [3], "quadratic spring": [4],
        "x cos x": [5], "quadratic drag": [6], "constant force": [7], "self-excitation": [1, 8],
        "sine force": [9], "cosine force": [12],
    }  # fmt: skip
    own, waves = np.zeros((len(laws), 14), bool), np.zeros((len(laws), 2))
    others = np.ones_like(own)
    for n, law in enumerate(laws):
        for term in law:
            own[n, places[term.family.name]] = True
            if term.family.name in ("sine force", "cosine force"):
                waves[n, int(term.family.name == "cosine force")] = term.numbers[1]
    others[:, 9:13] = np.repeat(waves > 0, 2, axis=1)
    phase = waves[:, :, None] * t
    known = (x, v, x**3, v**3, x**2, x * np.cos(x), np.abs(v) * v, np.ones_like(x), x**2 * v)
    driven = (np.sin(phase[:, 0]), np.cos(phase[:, 0]), np.sin(phase[:, 1]), np.cos(phase[:, 1]))
    return np.stack([*known, *driven, v**2], axis=1), own, others & ~own
