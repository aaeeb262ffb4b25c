"""The strongest frequency of a signal, with its error: a damped sine fitted to the rows themselves.

Leaves out: whether the motion is periodic at all; ``power_share`` tells how much of it one damped sine explains.

Source: Lomb 1976 (periodogram for uneven times); Golub and Pereyra 1973 (variable projection).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS_FOR_PERIODOGRAM = 4000


@dataclass(frozen=True)
class Frequency:
    """An angular frequency.

    Args:
        value: Radians per second, NaN where no frequency could be fitted.
        stderr: Standard error, radians per second; widened where the rest is not white.
        power_share: Share of the variance that one damped sine explains, 0 to 1.
        damping: Decay rate of the amplitude, per second.
    """

    value: float
    stderr: float
    power_share: float
    damping: float = 0.0


def _start(t: np.ndarray, x: np.ndarray) -> float:
    """Finds the peak of the periodogram, radians per second."""
    stride = max(len(t) // ROWS_FOR_PERIODOGRAM, 1)
    if stride > 1:  # averages, not every n-th row: high frequencies must not alias
        count = len(t) // stride * stride
        t, x = t[:count].reshape(-1, stride).mean(axis=1), x[:count].reshape(-1, stride).mean(axis=1)
    steps = np.diff(t)
    span = t[-1] - t[0]
    if np.max(steps) < 1.5 * np.median(steps):
        count = 8 * 2 ** int(np.ceil(np.log2(len(t))))
        even = np.interp(np.linspace(t[0], t[-1], len(t)), t, x)
        power = np.abs(np.fft.rfft(even * np.hanning(len(even)), count)) ** 2
        omega = 2 * np.pi * np.arange(len(power)) * (len(t) - 1) / (count * span)
    else:
        top = np.pi / np.median(steps)
        omega = np.linspace(np.pi / span, top, min(int(4 * top * span / (2 * np.pi)) + 8, 20_000))
        stride = max(len(t) * len(omega) // 20_000_000, 1)
        from scipy.signal import lombscargle  # a second of imports, for uneven times only

        power = lombscargle(t[::stride], x[::stride], omega)
    power = np.where(omega < 2 * np.pi * 0.4 / span, 0.0, power)
    return float(omega[np.argmax(power)])


def _design(t: np.ndarray, omega: float, damping: float) -> np.ndarray:
    decay = np.exp(np.clip(-damping * t, -50.0, 50.0))
    return np.stack([decay * np.cos(omega * t), decay * np.sin(omega * t), np.ones_like(t)], axis=1)


def dominant_frequency(t: np.ndarray, signal: np.ndarray) -> Frequency:
    """Measures the strongest angular frequency in a signal.

    Args:
        t: Seconds, shape (T,), uneven or not.
        signal: Shape (T,), NaN where unseen.

    Returns:
        The frequency of the damped sine (with an offset) that fits best, and its error.

    Example:
        >>> import numpy as np
        >>> t = np.linspace(0.0, 10.0, 500)
        >>> round(dominant_frequency(t, 1.0 + np.exp(-0.1 * t) * np.cos(6.1 * t)).value, 4)
        6.1
    """
    from scipy.optimize import least_squares  # a third of a second of imports, for oscillations only

    t, x = np.asarray(t, dtype=float), np.asarray(signal, dtype=float)
    seen = np.isfinite(x)
    t, x = t[seen], x[seen]
    variance = float(np.var(x)) if len(x) else 0.0
    if len(x) < 6 or variance <= (1e-12 * np.max(np.abs(x))) ** 2:
        return Frequency(float("nan"), float("nan"), 0.0)
    t = t - t.mean()
    scaled = (x - x.mean()) / np.sqrt(variance)
    span = t[-1] - t[0]
    start = _start(t, scaled)

    def residual(parameters: np.ndarray) -> np.ndarray:
        design = _design(t, parameters[0] / span, parameters[1] / span)
        return scaled - design @ np.linalg.lstsq(design, scaled, rcond=None)[0]

    bounds = ([0.5 * start * span, -20.0], [2.0 * start * span, 40.0])
    fitted = least_squares(residual, [start * span, 0.3], bounds=bounds, x_scale=[1.0, 1.0])
    omega, damping = fitted.x / span
    rest = fitted.fun
    stderr = np.sqrt(_full_variance(t, omega, damping, scaled, rest) * _correlation_time(rest))
    return Frequency(float(omega), float(stderr), float(np.clip(1.0 - np.mean(rest**2), 0.0, 1.0)), float(damping))


def _full_variance(t: np.ndarray, omega: float, damping: float, x: np.ndarray, rest: np.ndarray) -> float:
    """Variance of the frequency with amplitudes, damping and offset free."""
    design = _design(t, omega, damping)
    a, b, _ = np.linalg.lstsq(design, x, rcond=None)[0]
    model = a * design[:, 0] + b * design[:, 1]
    slope = t * (b * design[:, 0] - a * design[:, 1])
    jacobian = np.column_stack([slope, -t * model, design])
    freedom = max(len(x) - 5, 1)
    return float(np.linalg.pinv(jacobian.T @ jacobian)[0, 0] * np.sum(rest**2) / freedom)


def _correlation_time(rest: np.ndarray) -> float:
    """Rows per independent row in a residual: sums its autocorrelation up to the first negative value."""
    count = len(rest)
    spectrum = np.abs(np.fft.rfft(rest, 2 * count)) ** 2
    correlation = np.fft.irfft(spectrum)[:count]
    if correlation[0] <= 0:
        return 1.0
    correlation = correlation / correlation[0]
    negative = np.flatnonzero(correlation < 0)
    stop = int(negative[0]) if len(negative) else count
    return float(max(1.0, 1.0 + 2.0 * np.sum(correlation[1:stop])))
