"""Lines and circles through measured points, with standard errors; arithmetic under `frames`.

Leaves out: ellipses (a tilted camera) and anything in three dimensions.

Source: Pratt 1987 and Taubin 1991 (algebraic circle fits); Gauss-Newton on the distances follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """A straight line: a point on it (2,), its unit direction (2,), the angle's standard error (rad), the rest."""

    point: np.ndarray
    direction: np.ndarray
    angle_stderr: float
    residual_std: float
    extent: float


@dataclass(frozen=True)
class Circle:
    """A circle: centre (2,), radius, their standard errors (3,), the rest, the arc covered (rad), its sagitta."""

    centre: np.ndarray
    radius: float
    stderr: np.ndarray
    residual_std: float
    arc: float
    sagitta: float


def fit_line(points: np.ndarray) -> Line:
    """Fits a line through points, shape (N, 2), by total least squares.

    Example:
        >>> import numpy as np
        >>> line = fit_line(np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]))
        >>> np.round(line.direction, 3).tolist()
        [0.707, 0.707]
    """
    middle = points.mean(axis=0)
    centred = points - middle
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    direction = axes[0]
    # To the right, or up where it is upright.
    upright = abs(direction[1]) > np.cos(np.pi / 8)
    direction = direction * np.sign(direction[1] if upright else direction[0])
    residual_std = float(sizes[1] / np.sqrt(max(len(points) - 2, 1)))
    return Line(middle, direction, float(residual_std / max(sizes[0], 1e-300)), residual_std,
                float(np.ptp(centred @ direction)))


def fit_circle(points: np.ndarray) -> Circle:
    """Fits a circle through points, shape (N, 2), to the least sum of squared distances.

    Example:
        >>> import numpy as np
        >>> angle = np.linspace(0.0, 1.0, 20)
        >>> circle = fit_circle(np.stack([3.0 + 2.0 * np.cos(angle), 2.0 * np.sin(angle)], axis=1))
        >>> round(circle.radius, 6), round(circle.arc, 6)
        (2.0, 1.0)
    """
    middle = points.mean(axis=0)
    scale = float(np.sqrt(np.mean(np.sum((points - middle) ** 2, axis=1)))) or 1.0
    u = (points - middle) / scale
    # Algebraic start: u² + v² + a u + b v + c = 0 is linear.
    design = np.column_stack([u, np.ones(len(u))])
    a, b, c = np.linalg.lstsq(design, -np.sum(u**2, axis=1), rcond=None)[0]
    parameters = np.array([-a / 2, -b / 2, np.sqrt(max((a * a + b * b) / 4 - c, 1e-12))])
    jacobian = np.empty((len(u), 3))
    for _ in range(50):
        offset = u - parameters[:2]
        distance = np.hypot(offset[:, 0], offset[:, 1])
        jacobian = np.column_stack([-offset / np.maximum(distance, 1e-12)[:, None], -np.ones(len(u))])
        step = np.linalg.lstsq(jacobian, distance - parameters[2], rcond=None)[0]
        # Nearly straight arcs run away to infinite radius; they are refused by their errors, not followed.
        step *= min(1.0, abs(parameters[2]) / max(float(np.max(np.abs(step))), 1e-300))
        parameters = parameters - step
        if np.max(np.abs(step)) < 1e-12 * (1.0 + abs(parameters[2])):
            break
    offset = u - parameters[:2]
    residual = np.hypot(offset[:, 0], offset[:, 1]) - parameters[2]
    variance = float(np.sum(residual**2) / max(len(u) - 3, 1))
    stderr = np.sqrt(np.maximum(np.diag(np.linalg.pinv(jacobian.T @ jacobian)) * variance, 0.0)) * scale
    angles = np.sort(np.arctan2(offset[:, 1], offset[:, 0]))
    arc = 2 * np.pi - float(np.max(np.r_[np.diff(angles), angles[0] + 2 * np.pi - angles[-1]]))
    radius = float(abs(parameters[2]) * scale)
    sagitta = radius * (1.0 - np.cos(min(arc / 2, np.pi)))
    return Circle(middle + parameters[:2] * scale, radius, stderr, float(np.sqrt(variance)) * scale, arc, sagitta)


def parabola_residual_std(points: np.ndarray) -> float:
    """Returns what the better of y(x) and x(y), both quadratic, leaves of points, shape (N, 2)."""
    rests = []
    for axis in (0, 1):
        extent = max(float(np.ptp(points[:, axis])), 1e-300)
        u = (points[:, axis] - points[:, axis].mean()) / extent
        design = np.stack([np.ones_like(u), u, u**2], axis=1)
        coefficient = np.linalg.lstsq(design, points[:, 1 - axis], rcond=None)[0]
        rest = points[:, 1 - axis] - design @ coefficient
        # Measured along an axis, the distance to a steep curve is overstated.
        slope = (coefficient[1] + 2.0 * coefficient[2] * u) / extent
        rests.append(float(np.sqrt(np.mean(rest**2 / (1.0 + slope**2)))))
    return min(rests)


def outline_distance(one: np.ndarray, other: np.ndarray) -> float:
    """How far two convex outlines are apart that do not overlap: from a corner of one to a side of the other.

    Args:
        one: Corners in their order, shape (N, 2); one row is a point.
        other: Likewise.

    Example:
        >>> outline_distance(np.array([[0.0, 5.0]]), np.array([[-1.0, 0.0], [1.0, 0.0], [1.0, -2.0], [-1.0, -2.0]]))
        5.0
    """
    return min(_to_sides(one, other), _to_sides(other, one))


def _to_sides(points: np.ndarray, outline: np.ndarray) -> float:
    way = np.roll(outline, -1, axis=0) - outline
    square = np.maximum(np.sum(way**2, axis=1), 1e-30)
    share = np.clip(np.sum((points[:, None] - outline) * way, axis=2) / square, 0.0, 1.0)
    return float(np.min(np.linalg.norm(points[:, None] - outline - share[:, :, None] * way, axis=2)))
