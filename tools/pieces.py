"""The pieces that candidate terms are products of: plain functions of one variable, each with a price.

The prior is a probability: a piece's price in nats is minus the logarithm of how likely a law is to hold it. The
tables below are the whole prior; `candidates.py` multiplies the pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.equation import parse
from motionlaw.tools.evaluation import compile_rows

# The one table of the prior, in nats. Pieces of a variable u; k is an inner constant that is fitted to the data.
PIECES = {
    "u": 1.0, "u^2": 2.0, "u^3": 2.0, "u^4": 4.0, "u^5": 4.0,
    "abs(u)": 4.0, "abs(u)*u": 2.5, "abs(u)^3": 5.0, "sign(u)": 3.0,
    "abs(u)^(1/2)": 5.0, "abs(u)^(1/3)": 5.0, "abs(u)^(2/3)": 6.0, "abs(u)^(3/2)": 5.0,
    "sign(u)*abs(u)^(1/2)": 5.0, "sign(u)*abs(u)^(1/3)": 5.0, "sign(u)*abs(u)^(3/2)": 5.0,
    "1/u": 3.0, "1/u^2": 3.0, "1/u^3": 4.0, "abs(u)^(-1/2)": 5.0,
    "sin(u)": 3.0, "cos(u)": 3.5, "sin(2*u)": 5.0, "cos(2*u)": 5.0, "tanh(u)": 4.0, "atan(u)": 5.0,
    "exp(u)": 5.0, "exp(-u)": 4.5, "exp(-abs(u))": 4.0, "exp(-u^2)": 4.5,
    "log(abs(u))": 5.0, "log(1 + abs(u))": 4.5,
    "1/(1 + abs(u))": 5.0, "1/(1 + u^2)": 4.5, "sqrt(1 + u^2)": 5.5,
}  # fmt: skip
# Angles turn round: their sines are the plain pieces, and powers hold for small turns only.
PIECES_OF_ANGLES = PIECES | {
    "sin(u)": 0.7, "cos(u)": 2.0, "sin(2*u)": 2.5, "cos(2*u)": 3.5, "sin(u)^2": 3.0, "u": 1.5, "u^2": 3.0, "u^3": 3.0,
}  # fmt: skip
# What rubs or drags acts against the velocity, whichever way that points.
PIECES_OF_VELOCITIES = PIECES | {"abs(u)*u": 2.0, "sign(u)": 2.0}
PIECES_OF_TIME = {
    "u": 3.0, "u^2": 5.0, "sin(u)": 2.5, "cos(u)": 2.5, "sin(2*u)": 3.5, "cos(2*u)": 3.5, "sin(3*u)": 4.0,
    "cos(3*u)": 4.0, "sin(u/2)": 4.0, "cos(u/2)": 4.0, "exp(-u)": 5.0,
}  # fmt: skip
SHAPES = {
    "sin(k*u)": 4.0, "cos(k*u)": 4.5, "tanh(k*u)": 4.5, "exp(-k*u)": 4.0, "exp(-k*abs(u))": 5.0, "exp(-k*u^2)": 5.0,
    "log(1 + k*abs(u))": 5.0, "1/(k + abs(u))": 4.5, "1/(k + u^2)": 4.5, "1/(k + abs(u)^3)": 6.0,
}  # fmt: skip
SHAPES_OF_TIME = {"sin(k*u)": 3.0, "cos(k*u)": 3.0, "exp(-k*u)": 5.0}
# What stands in no table.
UNLISTED = 9.0
POWERS = ("u", "u^2", "u^3", "u^4", "u^5")
POLES = ("1/u", "1/u^2", "1/u^3", "abs(u)^(-1/2)", "log(abs(u))")
# A pole's variable keeps this distance from zero, and an exponential's below that, as shares of its usual size.
POLE, LARGEST_EXPONENT = 0.02, 30.0
# Inner constants are scanned over these multiples of one over the variable's size, and refined later.
SCAN = np.geomspace(0.25, 8.0, 9)
MOST_FREQUENCIES = 200
# The inner constant of a template; no column is called so.
INNER = sympy.Symbol("_inner")
# Larger values are no numbers to compute with.
HUGE = 1e60


@dataclass(frozen=True)
class Variable:
    """What pieces are functions of.

    Args:
        expression: A symbol, or a combination of symbols such as a distance.
        kind: ``"coordinate"``, ``"angle"``, ``"velocity"``, ``"time"`` or ``"plain"``.
        surcharge: Nats added to each of its pieces.
    """

    expression: sympy.Expr
    kind: str = "plain"
    surcharge: float = 0.0


@dataclass(frozen=True)
class Term:
    """A term or a piece of one: an expression without its coefficient, its price, its inner constants' first guesses.

    Args:
        template: The expression in the data's symbols and the names of the constants, or in `INNER` for the only one.
        cost: Nats.
        constants: Name and value of each.
        is_shared: Whether a piece is paid for once, however many terms of a law hold it (a common denominator).
    """

    template: sympy.Expr
    cost: float
    constants: tuple[tuple[str, float], ...] = ()
    is_shared: bool = False

    @cached_property
    def expression(self) -> sympy.Expr:
        """The expression in the data's symbols and the names of the constants."""
        return self.template.xreplace({INNER: sympy.Symbol(self.constants[0][0])}) if self.constants else self.template

    def values(self, columns: Mapping[str, np.ndarray], constants: Mapping[str, float]) -> np.ndarray:
        """Its values for columns of one length and for constants by name; overflow is infinite, without a warning."""
        inner = tuple(name for name, _ in self.constants)
        named = (INNER.name,) if _has_inner(self.template) else inner
        run = _compiled_piece(self.template, (*columns, *named))
        with np.errstate(all="ignore"):
            return np.asarray(run([*columns.values(), *(constants[name] for name in inner)])[0])

    def renamed(self, names: Mapping[str, str], values: Mapping[str, float]) -> Term:
        """The same with other names for its constants, and values by their old names."""
        constants = tuple((new, values[old]) for old, new in names.items())
        if _has_inner(self.template):
            return replace(self, constants=constants)
        symbols = {sympy.Symbol(old): sympy.Symbol(new) for old, new in names.items()}
        return replace(self, template=self.template.xreplace(symbols), constants=constants)


@cache
def _parsed(text: str) -> sympy.Expr:
    return parse(text, variables=["u", "k"])


@cache
def _compiled(text: str) -> Callable[[list[Any]], list[Any]]:
    return compile_rows([_parsed(text)], ["u", "k"])


@lru_cache(maxsize=4096)
def _has_inner(template: sympy.Expr) -> bool:
    return bool(template.has(INNER))


@lru_cache(maxsize=2048)
def _compiled_piece(template: sympy.Expr, names: tuple[str, ...]) -> Callable[[list[Any]], list[Any]]:
    return compile_rows([template], names)


def _values(text: str, column: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Values of a function from the tables, shape (K, n), for K values of its constant."""
    with np.errstate(all="ignore"):
        found = _compiled(text)([column, constants[:, None]])[0]
    return np.array(np.broadcast_to(found, (len(constants), len(column))))


def price_of(factor: sympy.Expr, kinds: Mapping[str, str]) -> float:
    """Nats of a piece that somebody else wrote, by the tables above.

    Args:
        factor: A function, its inner constant a number.
        kinds: What each variable is, see `Variable`.

    Example:
        >>> x = sympy.Symbol("x")
        >>> price_of(sympy.cos(x), {"x": "coordinate"}), price_of(sympy.cos(1.7 * x), {"x": "coordinate"})
        (3.5, 4.5)
    """
    names = [str(symbol) for symbol in factor.free_symbols]
    if len(names) != 1 or names[0] not in kinds:
        return UNLISTED
    plain, shapes = _tables(kinds[names[0]])
    wanted = factor.xreplace({sympy.Symbol(names[0]): sympy.Symbol("u")})
    shape = wanted.xreplace({number: sympy.Symbol("k") for number in wanted.atoms(sympy.Float)})
    found = [price for text, price in plain.items() if _parsed(text) == wanted]
    found += [price for text, price in shapes.items() if _parsed(text) == shape]
    return min(found, default=UNLISTED)


def _tables(kind: str) -> tuple[dict[str, float], dict[str, float]]:
    if kind == "time":
        return PIECES_OF_TIME, SHAPES_OF_TIME
    return {"angle": PIECES_OF_ANGLES, "velocity": PIECES_OF_VELOCITIES}.get(kind, PIECES), SHAPES


def _scanned(text: str, kind: str, size: float, span: float) -> np.ndarray:
    """Values at which an inner constant is tried: frequencies a quarter turn apart over the span, else scales."""
    if kind == "time" and text.startswith(("sin", "cos")):
        return np.arange(1, MOST_FREQUENCIES + 1) * np.pi / (2 * span)
    if text.startswith("1/(k + u^2"):
        return (size / SCAN) ** 2
    if text.startswith("1/(k + abs(u)^3"):
        return (size / SCAN) ** 3
    if text.startswith("1/("):
        return size / SCAN
    if text.startswith("exp(-k*u^2"):
        return (SCAN / size) ** 2
    if text.startswith("exp(-k*u)"):
        return np.concatenate((-SCAN, SCAN)) / size
    return SCAN / size


def pieces_of(variable: Variable, column: np.ndarray, label: str) -> tuple[list[Term], list[bool], np.ndarray]:
    """Pieces of one variable that have a value in every row.

    Args:
        variable: The variable.
        column: Its values, shape (n,).
        label: Tells its constants from those of other variables.

    Returns:
        P pieces, whether each is a plain power, and their values, shape (P, n).
    """
    size, span = float(np.sqrt(np.mean(column**2))), float(np.ptp(column))
    if not size > 0 or not span > 0:
        return [], [], np.zeros((0, len(column)))
    u = sympy.Symbol("u")
    is_clear = float(np.min(np.abs(column))) > POLE * size
    plain, shapes = _tables(variable.kind)
    found: list[Term] = []
    is_power: list[bool] = []
    values: list[np.ndarray] = []
    for text, price in plain.items():
        if (text in POLES and not is_clear) or (text.startswith("exp") and size > LARGEST_EXPONENT):
            continue
        found.append(Term(_parsed(text).xreplace({u: variable.expression}), price + variable.surcharge))
        is_power.append(text in POWERS)
        values.append(_values(text, column, np.zeros(1)))
    for text, price in shapes.items():
        # A sine and a cosine of one frequency are one wave: they share their constant.
        family = list(shapes).index(text.replace("cos(", "sin("))
        constants = _scanned(text, variable.kind, size, span)
        template = _parsed(text).xreplace({u: variable.expression, sympy.Symbol("k"): INNER})
        for place, value in enumerate(constants):
            name = f"k_{label}_{family}_{place}"
            found.append(Term(template, price + variable.surcharge, ((name, float(value)),)))
        is_power += [False] * len(constants)
        values.append(_values(text, column, constants))
    every = np.concatenate(values)
    good = np.all(np.isfinite(every), axis=1) & (np.max(np.abs(every), axis=1) < HUGE)
    kept = np.flatnonzero(good)
    return [found[k] for k in kept], [is_power[k] for k in kept], every[good]
