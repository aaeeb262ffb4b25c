"""SymPy nodes built under limits: the only way in which the grammar makes numbers, powers and functions.

SymPy evaluates while it builds, so ``9**9**9**9`` would run for ever: every number and exponent is checked before
and after. A ``fail`` callable turns a reason into the error with its position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import sympy

from motionlaw.tools.errors import UserError

MAX_EXPONENT = 20
MAX_NUMBER = 1e100
# An exponent such as 0.3333333333 is read as 1/3 when it is this close to a fraction with a small denominator.
MAX_DENOMINATOR = 12
FRACTION_TOLERANCE = 1e-9

Fail = Callable[[str], UserError]

_ONE = {
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
}
_ONE |= {
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "exp": sympy.exp,
    "log": sympy.log,
    "sign": sympy.sign,
}
# SymPy asks whether these are zero by splitting them into real and imaginary parts, again for every nested one.
_HYPERBOLIC = (sympy.sinh, sympy.cosh, sympy.tanh)
_MADE = ("abs", "sqrt", "cbrt", "square", "cube")
_TWO = ("atan2", "max", "min", "pow")
FUNCTIONS = frozenset((*_ONE, *_MADE, *_TWO))


def symbol(name: str) -> sympy.Symbol:
    """Makes a variable, without assumptions, so that it equals the symbols made elsewhere.

    Example:
        >>> symbol("x") == sympy.Symbol("x")
        True
    """
    return sympy.Symbol(name)


def number(text: str, fail: Fail) -> sympy.Number:
    """Reads a literal: digits alone become an integer, anything else a float."""
    value = float(text)
    if not _is_in_range(value):
        raise fail(f"A number must lie within 1e-100 and 1e100, got {text[:20]}")
    return sympy.Integer(int(text)) if text.isdigit() else sympy.Float(value)


def _is_in_range(value: float) -> bool:
    return value == 0 or 1 / MAX_NUMBER <= abs(value) <= MAX_NUMBER


def constant(node: sympy.Expr, fail: Fail) -> sympy.Expr:
    """Returns a node without variables if its value is a real number of sane size."""
    if node.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise fail("A constant is not finite (a division by zero?)")
    if node.is_Rational:
        if max(abs(node.p), node.q) > MAX_NUMBER:
            raise fail("A number must lie within 1e-100 and 1e100, got a larger one")
        return node
    value = node if node.is_Float else node.evalf(15)
    if not value.is_Float and not value.is_Rational:
        raise fail("A constant is not a real number")
    if value != 0 and not 1 / MAX_NUMBER <= abs(value) <= MAX_NUMBER:
        raise fail("A number must lie within 1e-100 and 1e100, got one beyond")
    return node


def _checked(node: sympy.Expr, fail: Fail) -> sympy.Expr:
    """Refuses what SymPy made too large by merging: coefficients of (2*x)^20, exponents of (x^20)^20."""
    if not node.free_symbols:
        return constant(node, fail)
    for factor in sympy.Mul.make_args(node):
        if factor.is_number:
            constant(factor, fail)
        elif factor.is_Pow and factor.exp.is_Number and abs(factor.exp) > MAX_EXPONENT:
            raise fail(f"An exponent must lie within -{MAX_EXPONENT} and {MAX_EXPONENT}, got {factor.exp}")
    return node


def multiply(factors: Sequence[sympy.Expr], fail: Fail) -> sympy.Expr:
    """Multiplies factors in one flat product."""
    return factors[0] if len(factors) == 1 else _checked(sympy.Mul(*factors), fail)


def as_exponent(exponent: sympy.Expr) -> sympy.Expr:
    """Turns a float exponent into the fraction with a small denominator that it plainly is."""
    if not exponent.is_Float:
        return exponent
    fraction = sympy.Rational(str(exponent)).limit_denominator(MAX_DENOMINATOR)
    return fraction if abs(float(fraction) - float(exponent)) <= FRACTION_TOLERANCE else exponent


def power(base: sympy.Expr, exponent: sympy.Expr, fail: Fail) -> sympy.Expr:
    """Raises to a power, after checking the exponent and, for numbers, the size of the result."""
    if exponent.free_symbols:
        return _checked(sympy.Pow(base, exponent), fail)
    constant(exponent, fail)
    exponent = as_exponent(exponent)
    if abs(float(exponent)) > MAX_EXPONENT:
        raise fail(f"An exponent must lie within -{MAX_EXPONENT} and {MAX_EXPONENT}, got {sympy.N(exponent, 6)}")
    if not base.free_symbols:
        size = float(base)
        if size == 0 and exponent < 0:
            raise fail("Division by zero")
        if size < 0 and not exponent.is_Integer:
            raise fail("A negative number has no real power with a fraction as exponent")
        if size and abs(math.log10(abs(size)) * float(exponent)) > 100:
            raise fail("A number must lie within 1e-100 and 1e100, got a larger power")
        # The exact root of a large integer would be sought by factoring it.
        if not exponent.is_Integer and abs(size) > 1e6:
            return sympy.Float(size ** float(exponent))
    return _checked(sympy.Pow(base, exponent), fail)


def apply(function: str, arguments: Sequence[sympy.Expr], fail: Fail) -> sympy.Expr:
    """Applies one of `FUNCTIONS` to its arguments."""
    wanted = 2 if function in _TWO else 1
    if len(arguments) != wanted and not (function in ("max", "min") and len(arguments) > 1):
        raise fail(f"Function '{function}' takes {wanted} argument{'s' * (wanted > 1)}, got {len(arguments)},")
    if function == "sqrt":
        return power(arguments[0], sympy.Rational(1, 2), fail)
    if function == "pow":
        return power(arguments[0], arguments[1], fail)
    if function in ("square", "cube"):
        return power(arguments[0], sympy.Integer(2 if function == "square" else 3), fail)
    if function == "cbrt":
        # The argument is written twice: nested roots would double in size with every level.
        if not is_small(arguments[0]):
            raise fail("The argument of cbrt is too long")
        root = power(absolute(arguments[0]), sympy.Rational(1, 3), fail)
        return multiply([sympy.sign(arguments[0]), root], fail)
    if function == "abs":
        node = absolute(arguments[0])
    elif function in ("max", "min"):
        # Evaluated, SymPy compares the arguments pairwise, which takes seconds on long ones.
        kind = sympy.Max if function == "max" else sympy.Min
        is_plain = all(argument.is_number for argument in arguments)
        node = kind(*arguments) if is_plain else kind(*arguments, evaluate=False)
    elif function == "atan2":
        node = sympy.atan2(*arguments)
    else:
        node = _call(_ONE[function], arguments[0])
    return _checked(node, fail)


def is_small(node: sympy.Expr, limit: int = 200) -> bool:
    """Whether an expression has at most ``limit`` nodes; stops counting there."""
    return all(count < limit for count, _ in enumerate(sympy.preorder_traversal(node)))


def _call(function: type[sympy.Function], argument: sympy.Expr) -> sympy.Expr:
    if function not in _HYPERBOLIC or argument.is_number:
        return function(argument)
    if not argument.could_extract_minus_sign():
        return function(argument, evaluate=False)
    mirrored = function(-argument, evaluate=False)
    return mirrored if function is sympy.cosh else -mirrored


def absolute(argument: sympy.Expr) -> sympy.Expr:
    """Absolute value with the number taken out: ``|-2*x| = 2*|x|``.

    SymPy's own evaluation expands complex conjugates for symbols without assumptions; ours are real numbers.
    """
    if argument.is_number:
        return sympy.Abs(argument)
    coefficient, rest = argument.as_coeff_Mul()
    if rest.is_Add and rest.could_extract_minus_sign():
        rest = -rest
    if isinstance(rest, sympy.Abs):
        return abs(coefficient) * rest
    return abs(coefficient) * sympy.Abs(rest, evaluate=False)


def rebuild(node: sympy.Expr, arguments: Sequence[sympy.Expr]) -> sympy.Expr:
    """Makes a node of the same kind from other arguments, in the way the grammar makes it."""
    if isinstance(node, sympy.Abs):
        return absolute(arguments[0])
    if isinstance(node, (sympy.Max, sympy.Min)) and not all(argument.is_number for argument in arguments):
        return node.func(*arguments, evaluate=False)
    if isinstance(node, _HYPERBOLIC):
        return _call(node.func, arguments[0])
    if node.is_Pow:
        return sympy.Pow(arguments[0], as_exponent(arguments[1]))
    return node.func(*arguments)
