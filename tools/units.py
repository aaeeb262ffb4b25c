"""Units of the terms of a law: parsed, multiplied, printed, and checked for dimensions.

A unit is a product of powers of named units, kept as the user wrote them (``cm/s`` stays cm/s). Angles are
dimensionless. Numbers are not converted here: a coefficient is reported in the units of the data it was fitted to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy

from motionlaw.tools.errors import UserError

# Powers of length, time, mass, image length, current, temperature, amount. Pixels are no metres until a scale says so.
_LENGTH, _TIME, _MASS, _IMAGE, _CURRENT, _HEAT, _AMOUNT = (tuple(int(i == k) for i in range(7)) for k in range(7))
_NONE = (0,) * 7
_DIMENSIONS: dict[str, tuple[int, ...]] = {
    "m": _LENGTH, "km": _LENGTH, "cm": _LENGTH, "mm": _LENGTH, "um": _LENGTH, "nm": _LENGTH,
    "in": _LENGTH, "ft": _LENGTH, "AU": _LENGTH, "pc": _LENGTH, "kpc": _LENGTH, "Mpc": _LENGTH,
    "s": _TIME, "ms": _TIME, "us": _TIME, "min": _TIME, "h": _TIME, "d": _TIME, "yr": _TIME,
    "Hz": (0, -1, 0, 0, 0, 0, 0), "kHz": (0, -1, 0, 0, 0, 0, 0),
    "kg": _MASS, "g": _MASS, "mg": _MASS,
    "N": (1, -2, 1, 0, 0, 0, 0), "kN": (1, -2, 1, 0, 0, 0, 0), "mN": (1, -2, 1, 0, 0, 0, 0),
    "J": (2, -2, 1, 0, 0, 0, 0), "kJ": (2, -2, 1, 0, 0, 0, 0), "eV": (2, -2, 1, 0, 0, 0, 0),
    "W": (2, -3, 1, 0, 0, 0, 0), "kW": (2, -3, 1, 0, 0, 0, 0),
    "Pa": (-1, -2, 1, 0, 0, 0, 0), "kPa": (-1, -2, 1, 0, 0, 0, 0), "bar": (-1, -2, 1, 0, 0, 0, 0),
    "L": (3, 0, 0, 0, 0, 0, 0), "mL": (3, 0, 0, 0, 0, 0, 0),
    "A": _CURRENT, "mA": _CURRENT, "C": (0, 1, 0, 0, 1, 0, 0),
    "V": (2, -3, 1, 0, -1, 0, 0), "mV": (2, -3, 1, 0, -1, 0, 0),
    "ohm": (2, -3, 1, 0, -2, 0, 0), "F": (-2, 4, -1, 0, 2, 0, 0), "H": (2, -2, 1, 0, -2, 0, 0),
    "T": (0, -2, 1, 0, -1, 0, 0), "K": _HEAT, "mol": _AMOUNT,
    "px": _IMAGE, "rad": _NONE, "deg": _NONE, "1": _NONE,
}  # fmt: skip
_ALIASES = {"pixel": "px", "pixels": "px", "°": "deg", "sec": "s", "second": "s", "metre": "m", "meter": "m"}
_ALIASES |= {"µm": "um", "μm": "um", "Ω": "ohm", "Ohm": "ohm", "day": "d", "days": "d", "year": "yr", "years": "yr"}
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-zµμ°Ω]+|1)|(?P<power>\^|\*\*)\s*(?P<exponent>[+-]?\d+|\([+-]?\d+(?:/\d+)?\))|(?P<sign>[*/·()]))"
)
_SUPERSCRIPTS = str.maketrans({"²": "^2", "³": "^3", "⁻": "-"})


@dataclass(frozen=True)
class Unit:
    """A product of powers of named units, e.g. ``(("m", 1), ("s", -2))``; empty means dimensionless."""

    powers: tuple[tuple[str, Fraction], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        return _unit([*self.powers, *other.powers])

    def __pow__(self, exponent: Fraction | int) -> Unit:
        return _unit([(name, power * exponent) for name, power in self.powers])

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    @property
    def dimension(self) -> tuple[Fraction, ...]:
        """Powers of length, time, mass, image length, current, temperature and amount."""
        total = [Fraction(0)] * len(_NONE)
        for name, power in self.powers:
            for index, part in enumerate(_DIMENSIONS[name]):
                total[index] += part * power
        return tuple(total)

    def __str__(self) -> str:
        above = [_power_text(name, power) for name, power in self.powers if power > 0]
        below = [_power_text(name, -power) for name, power in self.powers if power < 0]
        top = " ".join(above) or "1"
        if not below:
            return top
        return f"{top}/{below[0]}" if len(below) == 1 else f"{top}/({' '.join(below)})"


def _power_text(name: str, power: Fraction) -> str:
    if power == 1:
        return name
    return f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"


def _unit(powers: list[tuple[str, Fraction]]) -> Unit:
    total: dict[str, Fraction] = {}
    for name, power in powers:
        if _DIMENSIONS[name] != _NONE:
            total[name] = total.get(name, Fraction(0)) + power
    return Unit(tuple((name, power) for name, power in total.items() if power))


def parse_unit(text: str) -> Unit:
    """Reads a unit such as ``m/s^2``, ``1/(m^2 s)``, ``rad`` or ``px``; angles are dimensionless.

    Args:
        text: Names of units with powers, products and quotients; what follows ``/`` is one factor or a bracket.

    Raises:
        UserError: A name is no unit we know, or the text is no unit.

    Example:
        >>> str(parse_unit("kg m / s^2")), str(parse_unit("rad/s")), parse_unit("m/s²").dimension[:2]
        ('kg m/s^2', '1/s', (Fraction(1, 1), Fraction(-2, 1)))
    """
    rest = text.translate(_SUPERSCRIPTS).strip()
    stack, result, invert = [], Unit(), False
    place, last = 0, None
    while place < len(rest):
        match = _TOKEN.match(rest, place)
        if match is None:
            raise UserError(f"A unit must look like m/s^2, got '{text[:40]}'.")
        place = match.end()
        sign = match["sign"]
        if match["name"]:
            last = Unit() if match["name"] == "1" else _named(match["name"], text)
            last, invert = (last**-1 if invert else last), False
            result = result * last
        elif match["power"] and last is not None:
            exponent = Fraction(match["exponent"].strip("()"))
            result, last = result / last * last**exponent, None
        elif sign == "(":
            stack.append((result, invert))
            result, invert = Unit(), False
        elif sign == ")" and stack:
            outer, was_inverted = stack.pop()
            last = result**-1 if was_inverted else result
            result = outer * last
        elif sign == "/":
            invert = True
        elif sign not in ("*", "·"):
            raise UserError(f"A unit must look like m/s^2, got '{text[:40]}'.")
    if stack or invert:
        raise UserError(f"A unit must look like m/s^2, got '{text[:40]}'.")
    return result


def _named(name: str, text: str) -> Unit:
    name = _ALIASES.get(name, name)
    if name not in _DIMENSIONS:
        raise UserError(f"No unit '{name[:20]}' in '{text[:40]}'. Units: {', '.join(sorted(_DIMENSIONS))}.")
    return Unit(((name, Fraction(1)),)) if _DIMENSIONS[name] != _NONE else Unit()


def term_unit(expr: sympy.Expr, units: Mapping[str, Unit]) -> Unit:
    """Unit of an expression whose numbers are taken as dimensionless.

    Args:
        expr: A term without its coefficient, e.g. ``x**3`` or ``v*Abs(v)``.
        units: Unit of each variable.

    Returns:
        The product of its variables' units; sines, exponentials and the like have none, because the constant
        inside them carries the inverse of their argument's unit.
    """
    if expr.is_Symbol:
        return units[expr.name]
    if expr.is_Mul:
        product = Unit()
        for factor in expr.args:
            product = product * term_unit(factor, units)
        return product
    if expr.is_Pow and expr.exp.is_Number:
        return term_unit(expr.base, units) ** Fraction(str(sympy.nsimplify(expr.exp, rational=True)))
    if isinstance(expr, (sympy.Abs, sympy.Max, sympy.Min)) or expr.is_Add:
        # A number in a sum carries the unit of its neighbours.
        named = [argument for argument in expr.args if argument.free_symbols]
        return term_unit(named[0], units) if named else Unit()
    return Unit()


def coefficient_unit(term: sympy.Expr, variable_units: Mapping[str, str], target_unit: str) -> str:
    """Unit of the coefficient in front of a term, so that their product has the target's unit.

    Args:
        term: The term without its coefficient.
        variable_units: Unit of each variable; ``""`` where unknown.
        target_unit: Unit of what the equation gives, e.g. ``"m/s^2"``.

    Returns:
        The unit, ``"1"`` if dimensionless, ``""`` if a unit that matters is unknown.

    Example:
        >>> x = sympy.Symbol("x")
        >>> coefficient_unit(sympy.sin(x), {"x": "rad"}, "rad/s^2"), coefficient_unit(x**3, {"x": "m"}, "m/s^2")
        ('1/s^2', '1/(m^2 s^2)')
    """
    names = [symbol.name for symbol in sympy.sympify(term, strict=True).free_symbols]
    if not target_unit or any(not variable_units.get(name) for name in names):
        return ""
    units = {name: parse_unit(variable_units[name]) for name in names}
    return str(parse_unit(target_unit) / term_unit(sympy.sympify(term, strict=True), units))


def check_units(expr: sympy.Expr, variable_units: Mapping[str, str], target_unit: str = "") -> tuple[str, ...]:
    """Finds where an expression mixes dimensions that no constant reconciles.

    A coefficient may carry any unit, so ``-4.9*sin(2.1*x)`` is sound for x in metres, while ``sin(x)`` and
    ``(x + v)**2`` are not: nothing in them could turn metres into a number, or into a speed.

    Args:
        expr: The right-hand side.
        variable_units: Unit of each variable; terms with unknown units are not judged.
        target_unit: Unit that the whole must have; ``""`` to judge only the inside.

    Returns:
        One sentence a fault, empty if the expression is sound.

    Example:
        >>> check_units(sympy.sin(sympy.Symbol("x")), {"x": "m"})
        ('sin(x) needs an argument without unit, got m.',)
    """
    known = {name: parse_unit(text) for name, text in variable_units.items() if text}
    faults = []
    for node in sympy.preorder_traversal(expr):
        if not all(symbol.name in known for symbol in node.free_symbols) or not node.free_symbols:
            continue
        if node.is_Add and node is not expr:
            faults += _mixed(node, known)
        elif node.is_Function and not isinstance(node, (sympy.Abs, sympy.sign, sympy.Max, sympy.Min, sympy.atan2)):
            faults += _dimensional_argument(node, known)
    if target_unit:
        wanted = parse_unit(target_unit)
        for term in sympy.Add.make_args(expr):
            is_bare = not _has_constant(term) and all(symbol.name in known for symbol in term.free_symbols)
            if is_bare and term.free_symbols and term_unit(term, known).dimension != wanted.dimension:
                faults.append(f"{term} must have the unit {wanted}, got {term_unit(term, known)}.")
    return tuple(dict.fromkeys(faults))


def _has_constant(term: sympy.Expr) -> bool:
    """Whether a number multiplies the term, which may carry the missing unit (a sign does not)."""
    return any(factor.is_number and abs(factor) != 1 for factor in sympy.Mul.make_args(term))


def _mixed(node: sympy.Expr, known: Mapping[str, Unit]) -> list[str]:
    bare = [term for term in node.args if term.free_symbols and not _has_constant(term)]
    units = [term_unit(term, known) for term in bare]
    if any(unit.dimension != units[0].dimension for unit in units[1:]):
        return [f"{node} adds different units, {' and '.join(dict.fromkeys(map(str, units)))}."]
    return []


def _dimensional_argument(node: sympy.Expr, known: Mapping[str, Unit]) -> list[str]:
    for term in sympy.Add.make_args(node.args[0]):
        unit = term_unit(term, known)
        if any(unit.dimension) and not _has_constant(term):
            return [f"{node} needs an argument without unit, got {unit}."]
    return []
