"""Smooth curves through noisy positions, and how the noise depends on the position.

Quintic smoothing splines, their stiffness chosen by the generalised maximum likelihood of the data: with next to no
noise they pass through the rows, so that fast turns between few rows are kept. Long records are left to the local
polynomials of `motion`.

Source: Wahba (1990), Spline Models for Observational Data, chapters 1 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BPoly, BSpline, make_interp_spline

from motionlaw.tools.motion import smooth

# The algebra of a spline grows with the third power of the rows.
MOST_ROWS_OF_SPLINE = 400
DEGREE, ROUGHNESS = 5, 3  # the penalty is the integral of the squared third derivative
STIFFNESSES = np.geomspace(1e-12, 1e8, 81)
# Noise that grows with the position: its constant part as a share of the position's root mean square.
CONSTANT_PARTS = (0.05, 0.3, 1.0)
# Noise is never believed to be less than this share of the spread: files and simulations are no finer.
LEAST_NOISE = 2e-4
# Nats that a dependence of the noise must gain to be believed.
UNEVEN = 3.0
# Times that the clock is adapted to the motion.
WARPS = 2


@dataclass(frozen=True)
class Curve:
    """One smooth coordinate.

    Args:
        at: From times and the number of derivatives to values.
        noise_std: Standard deviation of the measurement in each row, shape (T,).
        freedom: Rows' worth of noise that the curve follows; 0 where that is not known.
    """

    at: Callable[[np.ndarray, int], np.ndarray]
    noise_std: np.ndarray
    freedom: float = 0.0


def smooth_curves(t: np.ndarray, position: np.ndarray) -> list[Curve]:
    """Draws a smooth curve through every coordinate.

    Args:
        t: Seconds, shape (T,), increasing.
        position: Shape (T, D), without NaN.

    Returns:
        One curve a coordinate.

    Example:
        >>> t = np.linspace(0, 3, 40)
        >>> curve = smooth_curves(t, np.exp(t)[:, None])[0]
        >>> bool(abs(curve.at(np.array([1.5]), 1)[0] - np.exp(1.5)) < 1e-4)
        True
    """
    if len(t) > MOST_ROWS_OF_SPLINE or len(t) < DEGREE + 3:
        return _polynomial_curves(t, position)
    splines = [_Spline(t, t)]
    fits = [[splines[0].best_fit(column) for column in position.T]]
    for _ in range(WARPS):
        clock = _clock(splines[-1], fits[-1], position)
        splines.append(_Spline(t, clock))
        fits.append([splines[-1].best_fit(column) for column in position.T])
    return [
        splines[best].curve(fits[best][d])
        for d in range(position.shape[1])
        for best in [min(range(len(splines)), key=lambda k: fits[k][d].cost + UNEVEN * min(k, 1))]
    ]


def _clock(spline: _Spline, fits: Sequence[_Fitted], position: np.ndarray) -> np.ndarray:
    """A time that runs fast where the motion turns quickly, at the rows: a motion that calms down bends evenly in it.

    Source: equidistribution as in de Boor (1973).
    """
    bend = np.zeros(len(spline.t))
    for fit, column in zip(fits, position.T, strict=True):
        second = np.abs(spline.curve(fit).at(spline.t, 2)) / max(float(np.std(column)), 1e-300)
        bend += second
    speed = np.log(bend + 0.1 * np.mean(bend) + 1e-300) / 3
    for _ in range(3):
        speed = np.convolve(np.pad(speed, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return make_interp_spline(spline.t, np.exp(speed), k=3).antiderivative()(spline.t)


def _polynomial_curves(t: np.ndarray, position: np.ndarray) -> list[Curve]:
    kinematics = smooth(t, position)
    states = np.stack([kinematics.position, kinematics.velocity, kinematics.acceleration], axis=-1)
    return [
        Curve(BPoly.from_derivatives(t, states[:, d]), np.full(len(t), noise))
        for d, noise in enumerate(kinematics.noise_std)
    ]


@dataclass(frozen=True)
class _Fitted:
    """Values at the rows, the noise of every row, minus the logarithm of the likelihood, the trace of the smoother."""

    fitted: np.ndarray
    sigma: np.ndarray
    cost: float
    freedom: float
    is_log: bool = False


class _Spline:
    """The splines on one set of times; their roughness is diagonal in a basis of the rows."""

    def __init__(self, t: np.ndarray, clock: np.ndarray) -> None:
        self.t, self.clock = t, make_interp_spline(t, (clock - clock[0]) / (clock[-1] - clock[0]), k=DEGREE)
        self.u = np.clip(self.clock(t), 0.0, 1.0)
        self.knots = make_interp_spline(self.u, np.zeros(len(t)), k=DEGREE).t
        self.basis = BSpline.design_matrix(self.u, self.knots, DEGREE).toarray()
        coefficients = np.linalg.inv(self.basis)  # from values at the rows
        self.roughness = coefficients.T @ _roughness(self.knots, len(t)) @ coefficients

    def best_fit(self, values: np.ndarray) -> _Fitted:
        """Fits one coordinate, or its logarithm, with equal noise in all rows or one that grows with the position."""
        best = equal = self._fit(values, np.ones(len(values)))
        is_uneven = False
        size = float(np.sqrt(np.mean(best.fitted**2)))
        for part in CONSTANT_PARTS if size > 0 else ():
            trial = self._fit(values, np.sqrt((best.fitted / size) ** 2 + part**2))
            # A curve that leaves more of the data is smoother than the motion, whatever its likelihood.
            is_close = np.sum((values - trial.fitted) ** 2) < 2 * np.sum((values - equal.fitted) ** 2)
            if is_close and trial.cost + (0.0 if is_uneven else UNEVEN) < best.cost:
                best, is_uneven = trial, True
        if np.min(values) > 0:
            # A positive quantity may vary by factors: its logarithm then bends evenly, and its noise is a share of it.
            logarithm = self._fit(np.log(values), np.ones(len(values)))
            free = 1 - ROUGHNESS / len(values)
            cost = logarithm.cost + free * float(np.sum(np.log(values)))
            if cost + UNEVEN < best.cost:
                fitted = np.exp(logarithm.fitted)
                best = _Fitted(fitted, logarithm.sigma * fitted, cost, logarithm.freedom, is_log=True)
        return best

    def curve(self, best: _Fitted) -> Curve:
        """The curve of a fit, as a function of time."""
        coefficients = np.linalg.solve(self.basis, np.log(best.fitted) if best.is_log else best.fitted)
        derivatives = [BSpline(self.knots, coefficients, DEGREE)]
        for _ in range(2):
            derivatives.append(derivatives[-1].derivative())

        def plain(times: np.ndarray, order: int) -> np.ndarray:
            u = np.clip(self.clock(times), 0.0, 1.0)
            if order == 0:
                return derivatives[0](u)
            first = self.clock(times, 1)
            if order == 1:
                return derivatives[1](u) * first
            return derivatives[2](u) * first**2 + derivatives[1](u) * self.clock(times, 2)

        def exponential(times: np.ndarray, order: int) -> np.ndarray:
            value = np.exp(plain(times, 0))
            if order == 0:
                return value
            rate = plain(times, 1)
            return value * (rate if order == 1 else rate**2 + plain(times, 2))

        return Curve(exponential if best.is_log else plain, best.sigma, best.freedom)

    def _fit(self, values: np.ndarray, shape: np.ndarray) -> _Fitted:
        """The likeliest curve for noise of a given shape."""
        bending, modes = np.linalg.eigh(shape[:, None] * self.roughness * shape)
        bending = np.maximum(bending, 0.0)
        bending[:ROUGHNESS] = 0.0
        bending /= bending[-1]
        wanted = modes.T @ (values / shape)
        size, free = max(float(np.sum(wanted**2)), 1e-300), len(values) - ROUGHNESS
        best = (np.inf, 0.0)
        for stiffness in STIFFNESSES:
            kept = stiffness * bending[ROUGHNESS:] / (1 + stiffness * bending[ROUGHNESS:])
            energy = float(np.sum(kept * wanted[ROUGHNESS:] ** 2)) + 1e-28 * size
            criterion = free * np.log(energy) - float(np.sum(np.log(np.maximum(kept, 1e-300))))
            best = min(best, (criterion, stiffness))
        kept = best[1] * bending / (1 + best[1] * bending)
        spread = float(np.sqrt(np.sum(kept * wanted**2) / free))
        cost = 0.5 * best[0] + float(np.sum(np.log(shape)))
        return _Fitted(shape * (modes @ ((1 - kept) * wanted)), spread * shape, cost, float(np.sum(1 - kept)))


def _roughness(knots: np.ndarray, count: int) -> np.ndarray:
    """Integrals of products of third derivatives of the basis, exact by Gauss-Legendre in every interval."""
    edges = np.unique(knots)
    nodes, weights = np.polynomial.legendre.leggauss(DEGREE - ROUGHNESS + 1)
    width = np.diff(edges)
    places = (edges[:-1, None] + width[:, None] * (nodes + 1) / 2).ravel()
    third = BSpline(knots, np.eye(count), DEGREE).derivative(ROUGHNESS)(places)
    return third.T @ (third * (width[:, None] * weights / 2).reshape(-1, 1))


def common_noise(curves: Sequence[Curve], position: np.ndarray) -> np.ndarray:
    """Noise of every row, shape (T, D), never less than `LEAST_NOISE` of each coordinate's spread."""
    floor = LEAST_NOISE * np.maximum(np.std(position, axis=0), 1e-300)
    return np.sqrt(np.stack([curve.noise_std for curve in curves], axis=1) ** 2 + floor**2)
