"""How likely a whole law of first order is before its fit is looked at: prices of terms, and of how they go together.

Beyond the price of each term (`flow_terms`) whole laws have regularities that single terms do not show: what leaves
one quantity enters another; like parts obey like laws; what was never seen below zero is not pushed below it; friction
opposes the velocity; and nothing runs away to infinity from a start nearby. All are prices in nats: data can pay them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy

from motionlaw.tools.dynamics import Model
from motionlaw.tools.flow import Flow
from motionlaw.tools.flow_regression import LONELY, SHARED, Choice
from motionlaw.tools.flow_terms import Item, lonely_powers, shared_price
from motionlaw.tools.integration import play
from motionlaw.tools.positive import BELOW_ZERO, is_pushed_below_zero

# Nats of an even power of a velocity in its own equation: friction changes sign with the velocity.
EVEN_IN_VELOCITY = 1.5
# Nats of a law that runs away from every start nearby; starts, how much wider than the data they lie, steps, and the
# distance in widths of the data beyond which a motion has run away: exponential growth does not get there.
RUNAWAY, STARTS, WIDER, STEPS, FAR = 3.0, 24, 0.5, 400, 1e6


def price_of(choices: Sequence[Choice], names: Sequence[str] = ()) -> float:
    """Nats of a law's terms; one that another equation holds, or its mirror image there, costs little more.

    Args:
        choices: The terms of each equation.
        names: Names of the coordinates, one a choice; without them no mirror images are looked for.
    """
    held: list[set[str]] = []
    price = 0.0
    for target, choice in enumerate(choices):
        for item in choice.items:
            is_known = any(item.key in keys for keys in held) or any(
                mirrored(item, names[target], names[source]).key in keys
                for source, keys in enumerate(held) if names
            )  # fmt: skip
            price += min(item.price, SHARED) if is_known else item.price
        held.append({item.key for item in choice.items})
        price += LONELY * lonely_powers(choice.items)
    price += shared_price([item for choice in choices for item in choice.items])
    return price + (EVEN_IN_VELOCITY * _even_in_velocity(choices, names) if names else 0.0)


@lru_cache(maxsize=4096)
def mirrored(item: Item, one: str, other: str) -> Item:
    """A term with two coordinates exchanged: what it would be in the other's equation, were they two of a kind."""
    exchange = {sympy.Symbol(one): sympy.Symbol(other), sympy.Symbol(other): sympy.Symbol(one)}
    return Item(tuple(replace(part, template=part.template.xreplace(exchange)) for part in item.parts), item.price)


def _even_in_velocity(choices: Sequence[Choice], names: Sequence[str]) -> int:
    """Number of even powers of coordinates in their own equations, where the coordinate is another's velocity."""
    velocities = {choice.items[0].key for choice in choices if len(choice.items) == 1}
    count = 0
    for name, choice in zip(names, choices, strict=True):
        even = {str(sympy.Symbol(name) ** power) for power in (2, 4)}
        count += name in velocities and any(item.key in even for item in choice.items)
    return count


def price_below_zero(flow: Flow, model: Model) -> float:
    """Nats of the equations that would push a coordinate below zero that was never seen there."""
    nodes = flow.nodes()
    nodes = nodes[:, :: max(1, nodes.shape[1] // 200)]
    values = np.repeat(model.values[:, None], nodes.shape[1], axis=1)
    rates = model.derivative(nodes[:-1], nodes[-1], values)
    count = 0
    for target in range(len(flow.names)):
        if all(np.min(position[:, target]) > 0 for position in flow.position):
            empty = nodes.copy()
            empty[target] = 0.0
            count += is_pushed_below_zero(model.derivative(empty[:-1], empty[-1], values)[target], rates[target])
    return BELOW_ZERO * count


def price_of_running_away(model: Model, positions: np.ndarray, seconds: float) -> float:
    """Nats of a law's running away to infinity from starts in and about the data.

    Args:
        model: The law.
        positions: Measured places, shape (T, D).
        seconds: How long it is played.
    """
    low, high = positions.min(axis=0), positions.max(axis=0)
    width = np.maximum(high - low, 1e-300)
    least = np.where(low > 0, np.maximum(low - WIDER * width, 0.1 * low), low - WIDER * width)
    share = np.random.default_rng(0).random((STARTS, len(low)))
    starts = least + share * (high + WIDER * width - least)
    t = np.linspace(0.0, seconds, 2)
    constants = np.repeat(model.values[:, None, None], STARTS, axis=1)
    path = play(model, [t] * STARTS, starts.T[:, :, None], constants, longest_step=seconds / STEPS)[-1, ..., 0]
    with np.errstate(all="ignore"):
        is_near = np.all(np.abs(path - low[:, None]) < FAR * width[:, None], axis=0)
    return RUNAWAY * float(np.mean(~is_near))
