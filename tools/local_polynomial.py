"""Local polynomial fits over windows of many widths: the arithmetic under `motion` and `events`.

Every fit is least squares on Legendre polynomials over a flat window, written in polynomials that are orthonormal
on the rows of that window. Then fits of lower degree are truncations, a coefficient's noise is the noise of one
row, and the energy in the next coefficients tells how far a fit of lower degree is off. Windows overlap and stand
a third of their half-width apart, so the cost per width is linear in the rows, for uniform times and any others.
Leaves out: the choice of the width, which `motion` makes.

Source: Fan and Gijbels, Local Polynomial Modelling and Its Applications, 1996, chapters 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre

COLUMNS = 10  # degrees 0 to 9: 7 is the highest used, 8 and 9 tell its error
DEGREES = (2, 3, 5, 7)
CENTRES_PER_HALF_WIDTH = 3
WIDTH_RATIO = 1.3


@lru_cache(maxsize=16)
def _derivative_matrix(columns: int) -> np.ndarray:
    """Matrix M with P'(u) = P(u) @ M for the Legendre polynomials of degrees below ``columns``."""
    matrix = np.zeros((columns, columns))
    for degree in range(1, columns):
        matrix[:degree, degree] = legendre.legder(np.eye(columns)[degree])[:degree]
    return matrix


@dataclass(frozen=True)
class LocalFits:
    """Fits over windows of one half-width; C windows, K columns, D coordinates.

    Args:
        half_width: Seconds.
        centre: Middle of each window, seconds, shape (C,).
        first: Index of each window's first row, shape (C,).
        stop: Index after each window's last row, shape (C,).
        scale: Seconds that are mapped to 1 in each window, shape (C,).
        to_orthonormal: Lower-triangular matrices A with phi = A P, shape (C, K, K).
        coefficient: Coefficients of the orthonormal polynomials, shape (C, K, D).
        residual_energy: Sum of squares that K columns leave, shape (C, D).
    """

    half_width: float
    centre: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    scale: np.ndarray
    to_orthonormal: np.ndarray
    coefficient: np.ndarray
    residual_energy: np.ndarray

    def rows(self) -> np.ndarray:
        """Returns the number of rows in each window, shape (C,)."""
        return self.stop - self.first

    def energy_beyond(self, degree: int) -> np.ndarray:
        """Returns the sum of squares that a fit of ``degree`` leaves in each window, shape (C, D)."""
        return self.residual_energy + np.sum(self.coefficient[:, degree + 1 :] ** 2, axis=1)

    def nearest(self, times: np.ndarray) -> np.ndarray:
        """Returns the index of the window whose centre is nearest to each time."""
        if len(self.centre) == 1:
            return np.zeros(len(times), dtype=int)
        right = np.clip(np.searchsorted(self.centre, times), 1, len(self.centre) - 1)
        # Ties fall to the left whatever the rounding, so that a shift or another unit of time changes nothing.
        tie = 1e-6 * self.half_width
        return np.where(times - self.centre[right - 1] <= self.centre[right] - times + tie, right - 1, right)

    def basis(self, times: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Evaluates the orthonormal polynomials and two derivatives.

        Args:
            times: Where, seconds, shape (N,).
            window: Which window each time is evaluated in, shape (N,).

        Returns:
            Values, first and second derivatives in time, shape (3, N, K).
        """
        columns = self.to_orthonormal.shape[1]
        scale = self.scale[window][:, None]
        u = (times - self.centre[window]) / self.scale[window]
        values = legendre.legvander(u, columns - 1)
        matrix = _derivative_matrix(columns)
        slopes = values @ matrix
        stacked = np.stack([values, slopes / scale, slopes @ matrix / scale**2], axis=1)
        return np.matmul(stacked, self.to_orthonormal[window].transpose(0, 2, 1)).transpose(1, 0, 2)


def fit_windows(t: np.ndarray, values: np.ndarray, half_width: float, *, columns: int = COLUMNS) -> LocalFits:
    """Fits polynomials over overlapping windows of one half-width; windows with too few rows are widened.

    Args:
        t: Seconds, shape (T,), strictly increasing, no gaps worth keeping apart.
        values: Shape (T, D), no NaN.
        half_width: Seconds.
        columns: Number of polynomials, at most T.
    """
    length = len(t)
    span = t[-1] - t[0]
    count = int(np.clip(np.ceil(span / half_width * CENTRES_PER_HALF_WIDTH - 1e-6), 1, length))
    # Centres sit on rows, so that dense stretches of uneven records are not starved of windows.
    slack = 1e-9 * span
    by_time = np.searchsorted(t, np.linspace(t[0], t[-1], count + 1) - slack)
    rows = np.unique(np.clip(by_time, 0, length - 1))
    centre = t[rows]
    first = np.searchsorted(t, centre - half_width - slack)
    stop = np.searchsorted(t, centre + half_width + slack)
    short = stop - first < columns
    first = np.where(short, np.clip(rows - columns // 2, 0, length - columns), first)
    stop = np.where(short, first + columns, stop)

    widest = int(np.max(stop - first))
    index = first[:, None] + np.arange(widest)
    inside = index < stop[:, None]
    index = np.minimum(index, length - 1)
    # About each window's own middle: one-sided windows at the ends stay well conditioned.
    middle = 0.5 * (t[stop - 1] + t[first])
    scale = np.maximum(0.5 * (t[stop - 1] - t[first]), 1e-300)
    design = legendre.legvander((t[index] - middle[:, None]) / scale[:, None], columns - 1) * inside[:, :, None]
    gram = np.matmul(design.transpose(0, 2, 1), design)
    gram += 1e-14 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(columns) / columns
    to_orthonormal = np.linalg.inv(np.linalg.cholesky(gram))
    data = values[index] * inside[:, :, None]
    coefficient = np.matmul(to_orthonormal, np.matmul(design.transpose(0, 2, 1), data))
    residual = data - np.matmul(design, np.matmul(to_orthonormal.transpose(0, 2, 1), coefficient))
    return LocalFits(half_width, middle, first, stop, scale, to_orthonormal, coefficient, np.sum(residual**2, axis=1))


def half_widths(t: np.ndarray, *, columns: int = COLUMNS) -> np.ndarray:
    """Returns the half-widths worth trying, seconds, from ``columns`` rows to the whole record."""
    span = t[-1] - t[0]
    # A small quantile, not the median: a record with dense stretches deserves narrow windows there.
    narrowest = 0.5 * np.quantile(t[columns - 1 :] - t[: len(t) - columns + 1], 0.1)
    steps = int(np.ceil(np.log(max(span / narrowest, 1.0)) / np.log(WIDTH_RATIO) - 1e-6))
    return np.minimum(narrowest * WIDTH_RATIO ** np.arange(steps + 1), span)
