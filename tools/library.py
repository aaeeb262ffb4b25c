"""Candidate terms: what a law may be made of, and how plain each term is.

`feature_library` lists terms for given coordinates. Every term has a cost in `COSTS`, the physical prior: a
plain term (a spring, a drag, a constant force) is believed on less evidence than an exotic one. Costs are in
units of one free constant, so 1 is what a description-length score asks of any term. What this file leaves
out: choosing among the terms (`search.py`) and laws that are no sum of terms (`catalogue.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import sympy

from motionlaw.tools.dynamics import velocity_names

# The one table of the prior: cost of each kind of piece. A product costs the sum of its factors' costs.
COSTS = {
    "constant": 1.0,
    "position": 1.0,
    "position^2": 2.0,
    "position^3": 1.8,
    "|position|*position": 3.0,
    "sin(angle)": 0.8,
    "cos(angle)": 2.0,
    "sin(position)": 3.0,
    "cos(position)": 3.0,
    "1/position": 3.0,
    "1/position^2": 3.0,
    "velocity": 1.0,
    "velocity^2": 2.5,
    "velocity^3": 2.0,
    "|velocity|*velocity": 1.5,
    "sign(velocity)": 1.5,
    "speed*velocity": 1.5,
    "central 1/r^2": 2.0,
    "central 1/r": 2.5,
    "central r": 2.5,
    "another coordinate": 0.5,
    "product": 0.5,
    "time": 4.0,
    "forcing": 1.5,
}


@dataclass(frozen=True)
class Feature:
    """One candidate term: an expression in states, time and its own constants.

    Args:
        expression: The term without its coefficient.
        cost: How exotic it is, in free constants; from `COSTS`.
        constants: Inner constants by name with a first guess, e.g. ``{"w_1": 2.1}`` for ``sin(w_1*t)``.
    """

    expression: sympy.Expr
    cost: float
    constants: tuple[tuple[str, float], ...] = ()


def position_pieces(name: str, *, is_angle: bool) -> list[Feature]:
    """Terms in one coordinate alone."""
    q = sympy.Symbol(name)
    kind = "angle" if is_angle else "position"
    pieces = [(q, "position"), (sympy.sin(q), f"sin({kind})"), (sympy.cos(q), f"cos({kind})")]
    if not is_angle:
        pieces += [(q**2, "position^2"), (q**3, "position^3"), (sympy.Abs(q) * q, "|position|*position")]
        pieces += [(1 / q, "1/position"), (1 / q**2, "1/position^2")]
    else:
        pieces += [(q**3, "position^3"), (sympy.sin(2 * q), "cos(angle)")]
    return [Feature(expression, COSTS[key]) for expression, key in pieces]


def velocity_pieces(name: str) -> list[Feature]:
    """Terms in one velocity alone: the drags and frictions."""
    v = sympy.Symbol(name)
    pieces = [
        (v, "velocity"),
        (sympy.Abs(v) * v, "|velocity|*velocity"),
        (sympy.sign(v), "sign(velocity)"),
        (v**2, "velocity^2"),
        (v**3, "velocity^3"),
    ]
    return [Feature(expression, COSTS[key]) for expression, key in pieces]


def _products(positions: list[Feature], velocities: list[Feature]) -> list[Feature]:
    """Position times velocity: damping that depends on where the body is."""
    return [
        Feature(p.expression * v.expression, p.cost + v.cost + COSTS["product"]) for p in positions for v in velocities
    ]


def second_order_library(coordinates: Sequence[str], target: int, *, is_angle: Sequence[bool]) -> list[Feature]:
    """Terms for the acceleration of one coordinate among several.

    Args:
        coordinates: Names of the D coordinates.
        target: Index of the coordinate whose acceleration is sought.
        is_angle: Whether each coordinate is an angle.
    """
    velocities = velocity_names(coordinates)
    features = [Feature(sympy.Integer(1), COSTS["constant"]), Feature(sympy.Symbol("t"), COSTS["time"])]
    for index, (q, v) in enumerate(zip(coordinates, velocities, strict=True)):
        positions, rates = position_pieces(q, is_angle=is_angle[index]), velocity_pieces(v)
        plain = positions[:1] if is_angle[index] else [p for p in positions if p.expression.is_polynomial()][:2]
        own = positions + rates + _products(plain, [r for r in rates if r.expression.is_polynomial()][:2])
        extra = 0.0 if index == target else COSTS["another coordinate"]
        features += [Feature(f.expression, f.cost + extra) for f in own]
    if len(coordinates) > 1:
        features += _coupled(coordinates, velocities, target, is_angle)
    return features


def _coupled(
    coordinates: Sequence[str], velocities: Sequence[str], target: int, is_angle: Sequence[bool]
) -> list[Feature]:
    """Terms in which several coordinates meet: central forces, drag along the path, products."""
    q = [sympy.Symbol(name) for name in coordinates]
    v = [sympy.Symbol(name) for name in velocities]
    speed = sympy.sqrt(sum(rate**2 for rate in v))
    features = [Feature(speed * v[target], COSTS["speed*velocity"])]
    if not any(is_angle):
        r = sympy.sqrt(sum(place**2 for place in q))
        features += [
            Feature(q[target] / r**3, COSTS["central 1/r^2"]),
            Feature(q[target] / r**2, COSTS["central 1/r"]),
            Feature(q[target] / r, COSTS["central r"]),
        ]
    for a, b in combinations_with_replacement(range(len(q)), 2):
        if a != b:
            features.append(Feature(q[a] * q[b], 2.5))
            features.append(Feature(v[a] * v[b], 3.0))
            if is_angle[a] and is_angle[b]:
                turn = q[a] - q[b]
                features += [Feature(sympy.sin(turn), 1.5)]
                features += [Feature(sympy.sin(turn) * rate**2, 2.5) for rate in (v[a], v[b])]
    return features


def first_order_library(coordinates: Sequence[str], *, is_angle: Sequence[bool]) -> list[Feature]:
    """Terms for the velocity of a first-order system: polynomials up to the third degree, and plain functions."""
    q = [sympy.Symbol(name) for name in coordinates]
    features = [Feature(sympy.Integer(1), COSTS["constant"]), Feature(sympy.Symbol("t"), COSTS["time"])]
    for degree in (1, 2, 3):
        for chosen in combinations_with_replacement(q, degree):
            kinds = len(set(chosen))
            features.append(Feature(sympy.Mul(*chosen), 0.5 + 0.5 * degree + 0.25 * (kinds - 1)))
    for place, angle in zip(q, is_angle, strict=True):
        kind = "angle" if angle else "position"
        features += [Feature(sympy.sin(place), COSTS[f"sin({kind})"]), Feature(sympy.cos(place), COSTS[f"cos({kind})"])]
        features += [
            Feature(sympy.sqrt(sympy.Abs(place)), 3.0),
            Feature(sympy.exp(-place), 3.0),
            Feature(1 / place, 3.0),
        ]
    for a in q:
        features += [Feature(sympy.sin(a - b), 2.0) for b in q if a is not b]
    return features


def feature_library(coordinates: Sequence[str], target: int, *, order: int, is_angle: Sequence[bool]) -> list[Feature]:
    """Lists the candidate terms for one equation of a law.

    Args:
        coordinates: Names of the D coordinates.
        target: Index of the coordinate whose equation is sought.
        order: 1 or 2.
        is_angle: Whether each coordinate is an angle in radians.

    Returns:
        Candidate terms without duplicates, plain ones first.

    Example:
        >>> [str(f.expression) for f in feature_library(("x",), 0, order=2, is_angle=[True])][:4]
        ['sin(x)', '1', 'x', 'v']
    """
    if order == 2:
        features = second_order_library(coordinates, target, is_angle=is_angle)
    else:
        features = first_order_library(coordinates, is_angle=is_angle)
    cheapest: dict[sympy.Expr, Feature] = {}
    for feature in features:
        known = cheapest.get(feature.expression)
        if known is None or feature.cost < known.cost:
            cheapest[feature.expression] = feature
    return sorted(cheapest.values(), key=lambda feature: feature.cost)


def forcing_features(frequencies: Sequence[float], *, first: int = 1) -> list[Feature]:
    """Driving terms sin(ωt) and cos(ωt) at fitted angular frequencies, in rad/s."""
    features = []
    for index, omega in enumerate(frequencies, start=first):
        name = f"omega_{index}"
        argument = sympy.Symbol(name) * sympy.Symbol("t")
        features += [
            Feature(function(argument), COSTS["forcing"], ((name, float(omega)),))
            for function in (sympy.sin, sympy.cos)
        ]
    return features
