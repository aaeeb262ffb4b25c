"""How a motion answers to forces: the linear response of a path to terms of a law, row by row.

Let ``x̂(t)`` be any smooth path near the measured one and ``f`` the law sought. To first order the difference obeys
``δ' = f(x̂) + J δ - x̂'``. So every candidate term has a response, the path that it adds, and a law is a *linear*
regression of the measured positions on the responses of its terms and of the first states: no derivative of noisy
data enters, and errors of the path are of second order where ``J`` is the law's Jacobian. With ``J = 0`` it is
integral matching. Leaves out the choice of the terms (`flow_search`) and of the first path (`motion`).

Source: quasi-linearisation after Bellman & Kalaba (1965); integral matching after Dattner & Klaassen (2015);
collocation at Lobatto points, Hairer & Wanner (1996), IV.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.smoothing import Curve

# Lobatto points of a cell and the matrix that integrates a polynomial through them from the cell's start.
NODES = np.array([0.0, 0.5 - np.sqrt(3 / 7) / 2, 0.5, 0.5 + np.sqrt(3 / 7) / 2, 1.0])
_POWERS = np.vander(NODES, increasing=True)
INTEGRAL = np.array([NODES ** (k + 1) / (k + 1) for k in range(len(NODES))]).T @ np.linalg.inv(_POWERS)
# A first state is believed only as far as errors in it grow by this factor; from there the run starts anew.
MOST_GROWTH = 30.0


@dataclass(frozen=True)
class Cells:
    """A smooth path of D coordinates on the Lobatto points of C cells, which end at every measured row.

    Args:
        t: Seconds, shape (C, 5).
        h: Length of each cell in seconds, shape (C,).
        state: The path, shape (C, 5, D).
        rate: Its time derivative, shape (C, 5, D).
        border: For each of the T rows the border between cells where it lies, 0 to C.
        starts: Borders at which the path may start anew, the first being 0.
    """

    t: np.ndarray
    h: np.ndarray
    state: np.ndarray
    rate: np.ndarray
    border: np.ndarray
    starts: tuple[int, ...] = (0,)

    def at_rows(self, values: np.ndarray) -> np.ndarray:
        """Values on the nodes, shape (C, 5, …), read off at the rows, shape (T, …)."""
        ends = np.concatenate([values[:1, 0], values[:, -1]])
        return ends[self.border]


def make_cells(t: np.ndarray, curves: Sequence[Curve], *, longest: float) -> Cells:
    """Lays cells between rows, at most ``longest`` seconds long.

    Args:
        t: Seconds, shape (T,), increasing.
        curves: A smooth curve for each coordinate.
        longest: Seconds.
    """
    parts = np.maximum(1, np.ceil(np.diff(t) / longest - 1e-9).astype(int))
    border = np.concatenate([[0], np.cumsum(parts)])
    edges = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in zip(t[:-1], t[1:], parts, strict=True)])
    edges = np.append(edges, t[-1])
    h = np.diff(edges)
    nodes = edges[:-1, None] + h[:, None] * NODES
    inside = np.clip(nodes, t[0], t[-1])
    state, rate = (np.stack([curve.at(inside, order) for curve in curves], axis=-1) for order in (0, 1))
    return Cells(nodes, h, state, rate, border)


@dataclass(frozen=True)
class Transfer:
    """What carries a deviation and a force through every cell.

    Args:
        ahead: From the start of a cell to its nodes, shape (C, 5, D, D).
        pushed: From a force on the nodes (b, e) to the nodes (a, d), shape (C, 5, D, 5, D).
        jacobian: The law's derivative by the state on the nodes, shape (C, 5, D, D), ``None`` for zero.
    """

    ahead: np.ndarray
    pushed: np.ndarray
    jacobian: np.ndarray | None = None


def transfer(cells: Cells, jacobian: np.ndarray | None) -> Transfer:
    """Solves the linear equation of the deviation in every cell.

    Args:
        cells: The path.
        jacobian: Derivative of the law with respect to the state on the nodes, shape (C, 5, D, D); ``None`` for zero.
    """
    count, points, width = cells.state.shape
    size = points * width
    push = cells.h[:, None, None, None, None] * np.einsum("ab,de->adbe", INTEGRAL, np.eye(width))
    if jacobian is None:
        ahead = np.broadcast_to(np.eye(width), (count, points, width, width))
        return Transfer(ahead, np.broadcast_to(push, (count, points, width, points, width)))
    drag = cells.h[:, None, None, None, None] * np.einsum("ab,cbde->cadbe", INTEGRAL, jacobian)
    matrix = np.eye(size) - drag.reshape(count, size, size)
    right = np.concatenate(
        [
            np.broadcast_to(np.tile(np.eye(width), (points, 1)), (count, size, width)),
            np.broadcast_to(push, (count, points, width, points, width)).reshape(count, size, size),
        ],
        axis=2,
    )
    solved = np.linalg.solve(matrix, right)
    ahead = solved[:, :, :width].reshape(count, points, width, width)
    return Transfer(ahead, solved[:, :, width:].reshape(count, points, width, points, width), jacobian)


def with_starts(cells: Cells, moved: Transfer, scale: np.ndarray) -> Cells:
    """Lets the path start anew wherever an error in the first state would have grown by more than `MOST_GROWTH`.

    Args:
        cells: The path.
        moved: Its transfer.
        scale: Spread of each coordinate, shape (D,).
    """
    starts, growth = [0], np.eye(len(scale))
    rows = set(cells.border[1:-1].tolist())
    ahead = moved.ahead[:, -1] * scale / scale[:, None]
    for cell in range(len(cells.h)):
        if cell in rows and abs(growth).max() > MOST_GROWTH:
            starts.append(cell)
            growth = np.eye(len(scale))
        growth = ahead[cell] @ growth
    return replace(cells, starts=tuple(starts))


def responses(cells: Cells, moved: Transfer, forces: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Paths that forces on single coordinates add to the motion, from rest at every start.

    Args:
        cells: The path.
        moved: Its transfer.
        forces: Values of M terms on the nodes, shape (C, 5, M).
        targets: Indices of the coordinates in whose equations they stand, shape (M,), ascending.

    Returns:
        Deviations of all coordinates at the rows, shape (T, D, M).
    """
    push = np.empty((len(cells.h), cells.state.shape[2], forces.shape[2]))
    for target in np.unique(targets):
        own = slice(*np.searchsorted(targets, [target, target + 1]))
        push[:, :, own] = np.matmul(moved.pushed[:, -1, :, :, target], forces[:, :, own])
    return _carried(cells, moved, push)


def first_state_responses(cells: Cells, moved: Transfer) -> np.ndarray:
    """Deviations at the rows for a unit change of every first state, shape (T, D, D·starts)."""
    width = cells.state.shape[2]
    size = width * len(cells.starts)
    deviation = np.zeros((width, size))
    found = np.empty((len(cells.h) + 1, width, size))
    for cell in range(len(cells.h) + 1):
        if cell in cells.starts:
            number = cells.starts.index(cell)
            deviation = np.zeros((width, size))
            deviation[:, number * width : (number + 1) * width] = np.eye(width)
        found[cell] = deviation
        if cell < len(cells.h):
            deviation = moved.ahead[cell, -1] @ deviation
    return found[cells.border]


def _carried(cells: Cells, moved: Transfer, push: np.ndarray) -> np.ndarray:
    found = np.zeros((len(cells.h) + 1, *push.shape[1:]))
    for cell in range(len(cells.h)):
        now = found[cell] if cell not in cells.starts else np.zeros_like(found[cell])
        found[cell] = now
        found[cell + 1] = moved.ahead[cell, -1] @ now + push[cell]
    return found[cells.border]


def deviated(cells: Cells, moved: Transfer, force: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The deviation on all nodes under one force on every coordinate.

    Args:
        cells: The path.
        moved: Its transfer.
        force: Shape (C, 5, D).
        first: Deviation at every start, shape (starts, D).

    Returns:
        Shape (C, 5, D).
    """
    found = np.empty_like(cells.state)
    pushed = np.einsum("cadbe,cbe->cad", moved.pushed, force)
    now = first[0]
    for cell in range(len(cells.h)):
        if cell in cells.starts:
            now = first[cells.starts.index(cell)]
        found[cell] = moved.ahead[cell] @ now + pushed[cell]
        now = found[cell, -1]
    return found


def jacobian_of(law: Callable[[np.ndarray], np.ndarray], cells: Cells, blur: float) -> np.ndarray:
    """Derivatives of a law on the nodes by central differences, shape (C, 5, D, D).

    Args:
        law: From states and time, shape (D + 1, N), to rates, shape (D, N).
        cells: The path.
        blur: Half of the difference, as a share of each coordinate's spread.
    """
    count, points, width = cells.state.shape
    place = np.vstack([cells.state.reshape(-1, width).T, cells.t.reshape(1, -1)])
    steps = blur * np.maximum(np.std(place[:width], axis=1), 1e-9)
    found = np.empty((width, width, place.shape[1]))
    for column in range(width):
        side = np.zeros((width + 1, 1))
        side[column] = steps[column]
        found[:, column] = (law(place + side) - law(place - side)) / (2 * steps[column])
    return found.transpose(2, 0, 1).reshape(count, points, width, width)
