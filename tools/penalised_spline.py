"""A smooth curve through many noisy rows: a quintic spline whose roughness costs, with the stiffness by likelihood.

All algebra is banded, so that time and memory grow with the rows, not with their cube as in `smoothing`. For rows with
noise: those without are better followed by the splines there. Leaves out noise that depends on the place.

Source: Eilers & Marx (1996), with the penalty of Wahba (1990), chapters 1 and 4.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import cho_solve_banded, cholesky_banded

DEGREE, ROUGHNESS = 5, 3  # the penalty is the integral of the squared third derivative
ROWS_PER_KNOT = 2
# Stiffnesses that are tried, as powers of ten over what makes roughness and rows weigh alike; then finer ones.
POWERS, FINER = np.arange(-6.0, 10.0), np.array([-2 / 3, -1 / 3, 1 / 3, 2 / 3])


class PenalisedSpline:
    """A curve through one coordinate.

    Args:
        t: Seconds, shape (T,), increasing.
        values: Shape (T,), without NaN, T at least 12.

    Example:
        >>> t = np.linspace(0, 10, 500)
        >>> x = np.sin(t) + 0.01 * np.random.default_rng(0).normal(size=500)
        >>> curve = PenalisedSpline(t, x)
        >>> bool(abs(curve.at(np.array([5.0]), 1)[0] - np.cos(5.0)) < 0.02)
        True
    """

    def __init__(self, t: np.ndarray, values: np.ndarray) -> None:
        self.start, self.span = float(t[0]), float(t[-1] - t[0])
        rows = (t - t[0]) / self.span
        inner = np.quantile(rows, np.linspace(0, 1, max(2, len(t) // ROWS_PER_KNOT - DEGREE + 1)))
        knots = np.concatenate([np.zeros(DEGREE), inner, np.ones(DEGREE)])
        basis = BSpline.design_matrix(rows, knots, DEGREE)
        self._middle = float(np.mean(values))
        self._basis, self._values = basis, values - self._middle
        self._rough = _roughness(knots)
        self._bands = _bands(basis.T @ basis), _bands(self._rough)
        self._spline = BSpline(knots, self._likeliest(), DEGREE)

    @cached_property
    def _derivatives(self) -> tuple[BSpline, ...]:
        return (self._spline, self._spline.derivative(1), self._spline.derivative(2), self._spline.derivative(3))

    def at(self, times: np.ndarray, order: int) -> np.ndarray:
        """Values, or derivatives of up to the third order, at times within the rows."""
        places = np.clip((times - self.start) / self.span, 0.0, 1.0)
        found = np.asarray(self._derivatives[order](places)) / self.span**order
        return found + self._middle if order == 0 else found

    def _likeliest(self) -> np.ndarray:
        """Coefficients for the stiffness under which the rows are likeliest."""
        gram, rough = self._bands
        unit = np.sum(gram[-1]) / np.sum(rough[-1])
        trials = [self._trial(unit * 10**power) for power in POWERS]
        best = POWERS[int(np.argmin([cost for cost, _ in trials]))]
        trials += [self._trial(unit * 10 ** (best + step)) for step in FINER]
        return min(trials, key=lambda trial: trial[0])[1]

    def _trial(self, stiffness: float) -> tuple[float, np.ndarray]:
        """Twice minus the logarithm of the likelihood of a stiffness, and the coefficients."""
        gram, rough = self._bands
        try:
            factor = cholesky_banded(gram + stiffness * rough)
        except np.linalg.LinAlgError:  # so soft that a knot without rows is free
            return np.inf, np.zeros(gram.shape[1])
        coefficients = cho_solve_banded((factor, False), self._basis.T @ self._values)
        energy = float(np.sum((self._values - self._basis @ coefficients) ** 2))
        energy += stiffness * float(coefficients @ (self._rough @ coefficients))
        free, width = len(self._values) - ROUGHNESS, len(coefficients) - ROUGHNESS
        cost = free * np.log(max(energy, 1e-300)) + 2 * float(np.sum(np.log(factor[-1]))) - width * np.log(stiffness)
        return cost, coefficients


def _bands(matrix) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The upper bands of a symmetric sparse matrix, as SciPy's banded Cholesky factorisation wants them."""
    bands = np.zeros((DEGREE + 1, matrix.shape[0]))
    for place in range(DEGREE + 1):
        bands[DEGREE - place, place:] = matrix.diagonal(place)
    return bands


def _roughness(knots: np.ndarray):  # type: ignore[no-untyped-def]
    """Integrals of products of third derivatives of the basis, exact by Gauss-Legendre in every interval."""
    from scipy.sparse import diags_array, eye_array

    count = len(knots) - DEGREE - 1
    derive, inner, degree = eye_array(count, format="csr"), knots, DEGREE
    for _ in range(ROUGHNESS):  # coefficients of a derivative, de Boor (1978), chapter X
        left = derive.shape[0] - 1
        slopes = degree / (inner[degree + 1 : degree + 1 + left] - inner[1 : left + 1])
        derive = diags_array([-slopes, slopes], offsets=[0, 1], shape=(left, left + 1)) @ derive
        inner, degree = inner[1:-1], degree - 1
    edges = np.unique(knots)
    nodes, weights = np.polynomial.legendre.leggauss(DEGREE - ROUGHNESS + 1)
    width = np.diff(edges)
    places = (edges[:-1, None] + width[:, None] * (nodes + 1) / 2).ravel()
    third = BSpline.design_matrix(places, inner, degree) @ derive
    return third.T @ diags_array((width[:, None] * weights / 2).ravel()) @ third
