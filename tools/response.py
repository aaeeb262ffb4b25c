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
from scipy.linalg import lapack

from motionlaw.tools.smoothing import Curve

# Lobatto points of a cell and the matrix that integrates a polynomial through them from the cell's start.
NODES = np.array([0.0, 0.5 - np.sqrt(3 / 7) / 2, 0.5, 0.5 + np.sqrt(3 / 7) / 2, 1.0])
_POWERS = np.vander(NODES, increasing=True)
INTEGRAL = np.array([NODES ** (k + 1) / (k + 1) for k in range(len(NODES))]).T @ np.linalg.inv(_POWERS)
# A first state is believed only as far as errors in it grow by this factor; from there the run starts anew.
MOST_GROWTH = 30.0
# Cells that growth is followed over at a time.
WINDOW = 64


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
    ahead = np.empty((count, points, width, width))
    pushed = np.zeros((count, points, width, points, width))
    ahead[:, 0] = np.eye(width)  # a deviation is whole and no force has pushed yet
    h = cells.h[:, None, None, None, None]
    push = h * np.einsum("ab,de->adbe", INTEGRAL[1:], np.eye(width))
    if jacobian is None:
        ahead[:, 1:], pushed[:, 1:] = np.eye(width), push
        return Transfer(ahead, pushed)
    drag = h * np.einsum("ab,cbde->cadbe", INTEGRAL[1:], jacobian)
    later = (points - 1) * width
    matrix = np.eye(later) - drag[:, :, :, 1:].reshape(count, later, later)
    first = np.tile(np.eye(width), (points - 1, 1)) + drag[:, :, :, 0].reshape(count, later, width)
    solved = np.linalg.solve(matrix, np.concatenate([first, push.reshape(count, later, points * width)], axis=2))
    ahead[:, 1:] = solved[:, :, :width].reshape(count, points - 1, width, width)
    pushed[:, 1:] = solved[:, :, width:].reshape(count, points - 1, width, points, width)
    return Transfer(ahead, pushed, jacobian)


def with_starts(cells: Cells, moved: Transfer, scale: np.ndarray) -> Cells:
    """Lets the path start anew wherever an error in the first state would have grown by more than `MOST_GROWTH`.

    Args:
        cells: The path.
        moved: Its transfer.
        scale: Spread of each coordinate, shape (D,).
    """
    count, width = len(cells.h), len(scale)
    is_row = np.zeros(count + 1, dtype=bool)
    is_row[cells.border[1:-1]] = True
    ahead = moved.ahead[:, -1] * scale / scale[:, None]
    starts, cell, growth = [0], 0, np.eye(width)
    while cell < count:
        stop = min(cell + WINDOW, count)
        begin = np.zeros((stop - cell + 1, width, width))
        begin[0] = growth
        grown = _carried(ahead[cell:stop], begin)
        too_much = is_row[cell + 1 : stop + 1] & (np.abs(grown[1:]).max(axis=(1, 2)) > MOST_GROWTH)
        if np.any(too_much):
            cell += 1 + int(np.argmax(too_much))
            starts.append(cell)
            growth = np.eye(width)
        else:
            cell, growth = stop, grown[-1]
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
    push = np.zeros((len(cells.h) + 1, cells.state.shape[2], forces.shape[2]))
    for target in np.unique(targets):
        own = slice(*np.searchsorted(targets, [target, target + 1]))
        push[1:, :, own] = np.matmul(moved.pushed[:, -1, :, :, target], forces[:, :, own])
    push[list(cells.starts)] = 0.0
    return _carried(_between(cells, moved), push)[cells.border]


def first_state_responses(cells: Cells, moved: Transfer) -> np.ndarray:
    """Deviations at the rows for a unit change of every first state, shape (T, D, D·starts)."""
    width, count = cells.state.shape[2], len(cells.starts)
    begin = np.zeros((len(cells.h) + 1, width, width))
    begin[list(cells.starts)] = np.eye(width)
    own = _carried(_between(cells, moved), begin)[cells.border]
    found = np.zeros((len(cells.border), width, count, width))
    number = np.searchsorted(cells.starts, cells.border, side="right") - 1
    found[np.arange(len(number)), :, number] = own
    return found.reshape(len(number), width, count * width)


def _between(cells: Cells, moved: Transfer) -> np.ndarray:
    """What carries a deviation from border to border, shape (C, D, D): nothing does to where the path starts anew."""
    ahead = moved.ahead[:, -1].copy()
    ahead[np.array(cells.starts[1:], dtype=int) - 1] = 0.0
    return ahead


def _carried(ahead: np.ndarray, push: np.ndarray) -> np.ndarray:
    """Deviations y with y[0] = push[0] and y[c + 1] = ahead[c] y[c] + push[c + 1], shape (C + 1, D, M).

    All at once: a triangular system with a narrow band.
    """
    if not push.size:  # LAPACK's wrapper writes past the end of nothing
        return push
    count, width = len(push), push.shape[1]
    bands = np.zeros((2 * width, count * width))
    for d, e in np.ndindex(width, width):
        bands[width + d - e, e : (count - 1) * width : width] = -ahead[:, d, e]
    found, _ = lapack.dtbtrs(bands, push.reshape(count * width, -1), uplo="L", diag="U")
    return np.ascontiguousarray(found).reshape(push.shape)


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
    pushed = np.einsum("cadbe,cbe->cad", moved.pushed, force)
    push = np.concatenate([np.zeros_like(first[:1]), pushed[:, -1]])
    push[list(cells.starts)] = first
    border = _carried(_between(cells, moved), push[:, :, None])
    return np.matmul(moved.ahead, border[:-1, None])[..., 0] + pushed


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
    sides = np.repeat(place[:, None, None], 2 * width, axis=1).reshape(width + 1, width, 2, -1)
    columns = np.arange(width)
    sides[columns, columns, 0] += steps[:, None]
    sides[columns, columns, 1] -= steps[:, None]
    rates = law(sides.reshape(width + 1, -1)).reshape(width, width, 2, -1)
    found = (rates[:, :, 0] - rates[:, :, 1]) / (2 * steps[:, None])
    return found.transpose(2, 0, 1).reshape(count, points, width, width)
