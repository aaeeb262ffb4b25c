"""Numbers from expressions: a small register machine over numpy, made once and called many times.

An expression becomes a list of numpy calls in which common sub-expressions are computed once; no text is compiled
and nothing is evaluated as Python. Roots and logarithms of negative numbers are NaN, as in numpy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from motionlaw.tools.errors import UserError

_UNARY: dict[Any, Callable[[Any], Any]] = {
    sympy.sin: np.sin, sympy.cos: np.cos, sympy.tan: np.tan, sympy.asin: np.arcsin, sympy.acos: np.arccos,
    sympy.atan: np.arctan, sympy.sinh: np.sinh, sympy.cosh: np.cosh, sympy.tanh: np.tanh, sympy.exp: np.exp,
    sympy.log: np.log, sympy.Abs: np.abs, sympy.sign: np.sign,
    # Derivatives of sign(v): zero but in one point.
    sympy.DiracDelta: np.zeros_like,
    # What sympy makes of abs(exp(v)), since it does not know that v is real.
    sympy.re: np.positive, sympy.im: np.zeros_like,
}  # fmt: skip
_BINARY = {sympy.Max: np.maximum, sympy.Min: np.minimum, sympy.atan2: np.arctan2}
_NO_REGISTER = -1


class _Tape:
    """Collects calls ``(function, a, b)`` on numbered registers; inputs come first, then constants, then results."""

    def __init__(self, names: Sequence[str]) -> None:
        self.inputs = {name: index for index, name in enumerate(names)}
        self.constants: dict[float, int] = {}
        self.values: list[float] = []
        self.calls: list[tuple[Callable[..., Any], int, int]] = []
        self.known: dict[Any, int] = {}

    def constant(self, value: float) -> int:
        if value not in self.constants:
            self.constants[value] = len(self.values)
            self.values.append(value)
        # Constants are numbered from -2 downwards until the tape is closed and their place is known.
        return -2 - self.constants[value]

    def call(self, function: Callable[..., Any], a: int, b: int = _NO_REGISTER) -> int:
        key = (function, a, b)
        if key not in self.known:
            self.calls.append(key)
            self.known[key] = len(self.inputs) + len(self.calls) - 1
        return self.known[key]

    def add(self, node: sympy.Expr) -> int:
        """Returns the register of a node, writing its calls first."""
        if node in self.known:
            return self.known[node]
        if node.is_Symbol:
            if node.name not in self.inputs:
                raise UserError(f"No value for '{node.name}'. Values: {', '.join(self.inputs) or 'none'}.")
            return self.inputs[node.name]
        if not node.free_symbols:
            value = complex(node)
            return self.constant(value.real if value.imag == 0 else float("nan"))
        register = self.known[node] = self.write(node)
        return register

    def write(self, node: sympy.Expr) -> int:
        if node.is_Add:
            return self.sum(node)
        if node.is_Mul:
            return self.product(node)
        if node.is_Pow:
            return self.power(node.base, node.exp)
        if node.func in _UNARY:
            return self.call(_UNARY[node.func], self.add(node.args[0]))
        if isinstance(node, sympy.Heaviside):
            return self.call(np.heaviside, self.add(node.args[0]), self.constant(0.5))
        if node.func in _BINARY:
            register = self.add(node.args[0])
            for argument in node.args[1:]:
                register = self.call(_BINARY[node.func], register, self.add(argument))
            return register
        raise UserError(f"Expressions may not hold {node.func.__name__}, got {node}.")

    def sum(self, node: sympy.Expr) -> int:
        """Adds the positive terms first, then takes the negative ones off: no product by -1."""
        signed = [(term, term.is_Mul and term.args[0] == -1) for term in node.args]
        signed.sort(key=lambda pair: pair[1])
        (first, is_negative), *rest = signed
        register = self.call(operator.neg, self.add(-first)) if is_negative else self.add(first)
        for term, is_negative in rest:
            if is_negative:
                register = self.call(operator.sub, register, self.add(-term))
            else:
                register = self.call(operator.add, register, self.add(term))
        return register

    def product(self, node: sympy.Expr) -> int:
        numbers = [factor for factor in node.args if not factor.free_symbols]
        value = float(np.prod([complex(factor).real for factor in numbers])) if numbers else 1.0
        over = [f for f in node.args if f.free_symbols and f.is_Pow and f.exp.is_Number and f.exp < 0]
        above = [self.add(f) for f in node.args if f.free_symbols and f not in over]
        below = [self.power(f.base, -f.exp) for f in over]
        register = above[0] if above else self.constant(value)
        for other in above[1:]:
            register = self.call(operator.mul, register, other)
        if above and value == -1.0:
            register = self.call(operator.neg, register)
        elif above and value != 1.0:
            register = self.call(operator.mul, register, self.constant(value))
        for other in below:
            register = self.call(operator.truediv, register, other)
        return register

    def power(self, base: sympy.Expr, exponent: sympy.Expr) -> int:
        if exponent.is_Number and exponent < 0:
            return self.call(operator.truediv, self.constant(1.0), self.power(base, -exponent))
        if exponent.is_Integer and exponent <= 64:
            return self.integer_power(self.add(base), int(exponent))
        if exponent == sympy.Rational(1, 2):
            return self.call(np.sqrt, self.add(base))
        return self.call(np.power, self.add(base), self.add(exponent))

    def integer_power(self, register: int, exponent: int) -> int:
        """Powers by repeated squaring: numpy's own power is twenty times slower than a product."""
        if exponent == 1:
            return register
        half = self.integer_power(register, exponent // 2)
        square = self.call(operator.mul, half, half)
        return self.call(operator.mul, square, register) if exponent % 2 else square

    def closed(self, registers: Sequence[int]) -> tuple[list[tuple[Callable[..., Any], int, int]], list[int]]:
        """Puts the constants behind the results: their numbers are negative indices of the full list."""
        shift = len(self.inputs)
        count = len(self.values)

        def place(register: int) -> int:
            if register == _NO_REGISTER:
                return register
            if register < 0:
                return shift - 2 - register
            return register if register < shift else register + count

        return [(function, place(a), place(b)) for function, a, b in self.calls], [place(r) for r in registers]


def compile_rows(exprs: Sequence[sympy.Expr], names: Sequence[str]) -> Callable[[list[Any]], list[Any]]:
    """Turns expressions into a function from a list with one value a name to a list with one value an expression.

    It is `compile_rhs` without its checks and copies, for inner loops; a constant stays a number.
    """
    if len(set(names)) != len(names):
        raise UserError(f"Names must differ, got {', '.join(names)}.")
    tape = _Tape(names)
    numbers_too = [sympy.sympify(expr, strict=True) if isinstance(expr, (int, float)) else expr for expr in exprs]
    registers = [tape.add(expr) for expr in numbers_too]
    calls, outputs = tape.closed(registers)
    constants = tape.values

    def run(inputs: list[Any]) -> list[Any]:
        values = inputs + constants
        append = values.append
        for function, a, b in calls:
            append(function(values[a]) if b < 0 else function(values[a], values[b]))
        return [values[index] for index in outputs]

    return run


def compile_rhs(exprs: Sequence[sympy.Expr], names: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
    """Turns expressions into one fast numpy function.

    Args:
        exprs: The expressions, in the variables of ``names``.
        names: Names of the rows of the function's argument.

    Returns:
        A function from an array of shape (len(names), ...) to one of shape (len(exprs), ...). Values that do not
        exist (logarithm of a negative number, overflow) are NaN or infinite, without a warning.

    Raises:
        UserError: A variable has no row, or a node is none of ours.

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> compile_rhs([v, -4 * sympy.sin(x) - v], ["x", "v"])(np.array([0.0, 2.0]))
        array([ 2., -2.])
    """
    run = compile_rows(exprs, list(names))
    wanted, given = len(exprs), len(names)

    def rhs(state: np.ndarray) -> np.ndarray:
        if len(state) != given:
            raise UserError(f"state must have {given} rows ({', '.join(names)}), got {len(state)}.")
        out = np.empty((wanted, *state.shape[1:]))
        with np.errstate(all="ignore"):
            for index, value in enumerate(run(list(state))):
                out[index] = value
        return out

    return rhs


def evaluate(expr: sympy.Expr, values: Mapping[str, np.ndarray | float]) -> np.ndarray:
    """Evaluates an expression at arrays of values.

    Args:
        expr: The expression.
        values: One array or number a variable; they are broadcast against each other.

    Returns:
        The values, in the common shape of the arrays.

    Example:
        >>> x = sympy.Symbol("x")
        >>> evaluate(x**2 + 1, {"x": np.array([0.0, 2.0])})
        array([1., 5.])
    """
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    with np.errstate(all="ignore"):
        result = compile_rows([expr], list(arrays))(list(arrays.values()))[0]
    return np.array(np.broadcast_to(result, shape), dtype=float)
