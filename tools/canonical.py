"""The canonical form of a law: the terms it is a sum of, so that laws written differently compare equal.

Products are expanded, like terms merged, integer and rational exponents and function arguments kept, and the phase
families of a driving force merged: ``A sin(wt) + B cos(wt)`` and ``C sin(wt + p)`` are one term.

Source: the rules of VIPER-R1's structure score (2508.17380) with its faults mended; v and v**3 are different terms.
"""

from __future__ import annotations

import math
from collections import defaultdict

import sympy

from motionlaw.tools.nodes import is_small
from motionlaw.tools.printing import format_expr, round_expr

# Expanding is given up where it would make more terms than this; the product then stays one term.
MOST_TERMS = 500
# An expression of more nodes or levels is no law that anyone compares: it is its own single term.
LARGEST, DEEPEST = 600, 15
# Terms this much smaller than the largest are what cancelling leaves of nothing.
CANCELLED = 1e-12


def canonical_terms(expr: sympy.Expr, *, digits: int = 3) -> dict[str, float]:
    """Splits an expression into canonical terms and their coefficients.

    Args:
        expr: The expression; its variables are taken as real.
        digits: Significant digits to which constants inside functions are told apart.

    Returns:
        Coefficient by term, plain terms first; a constant has the term ``"1"``. A driving term with any phase has
        a term such as ``"sin(2*t + phase)"`` and its amplitude as coefficient.

    Example:
        >>> x, v, t = sympy.symbols("x v t")
        >>> canonical_terms(-x * (2 + 3 * x) + 3 * sympy.sin(2 * t) + 4 * sympy.cos(2 * t))
        {'x': -2.0, 'x**2': -3.0, 'sin(2*t + phase)': 5.0}
    """
    if not is_small(expr, LARGEST) or _depth(expr) > DEEPEST:
        return {format_expr(expr, digits): 1.0}
    real = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in expr.free_symbols}
    plain = {symbol: original for original, symbol in real.items()}
    expanded = _expand(_split_phases(_expand(expr.xreplace(real))))
    coefficients: dict[str, float] = defaultdict(float)
    waves: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for term in sympy.Add.make_args(expanded):
        coefficient, rest = _separate(_merge_signs(term))
        wave = _time_wave(rest)
        if wave is None:
            coefficients[format_expr(round_expr(rest.xreplace(plain), digits), digits)] += coefficient
        else:
            others, argument, is_cosine = wave
            inner = format_expr(argument.xreplace(plain), digits)
            outer = "" if others == 1 else f"{format_expr(others.xreplace(plain), digits)}*"
            waves[f"{outer}sin({inner} + phase)"][is_cosine] += coefficient
    for key, (sine, cosine) in waves.items():
        coefficients[key] = math.hypot(sine, cosine)
    largest = max((abs(value) for value in coefficients.values()), default=0.0)
    kept = {key: value for key, value in coefficients.items() if abs(value) > CANCELLED * largest}
    return dict(sorted(kept.items(), key=lambda pair: (len(pair[0]), pair[0])))


def _count_terms(node: sympy.Expr) -> int:
    """Number of terms that expanding would make, at most."""
    if node.is_Add:
        return sum(_count_terms(argument) for argument in node.args)
    if node.is_Mul:
        return math.prod(_count_terms(argument) for argument in node.args)
    if node.is_Pow and node.exp.is_Integer and node.exp > 0:
        inside = _count_terms(node.base)
        return math.comb(inside + int(node.exp) - 1, int(node.exp)) if inside > 1 else 1
    return 1


def _depth(node: sympy.Expr) -> int:
    return 1 + max((_depth(argument) for argument in node.args), default=0)


def _expand(expr: sympy.Expr) -> sympy.Expr:
    if max((_count_terms(node) for node in sympy.preorder_traversal(expr)), default=1) > MOST_TERMS:
        return expr
    return sympy.expand(expr, power_exp=False, log=False)


def _split_phases(node: sympy.Expr) -> sympy.Expr:
    """Takes numbers out of arguments: sin(u + p) and exp(u + p) become sums and products over u alone."""
    if not node.args:
        return node
    node = node.func(*[_split_phases(argument) for argument in node.args])
    if node.func not in (sympy.sin, sympy.cos, sympy.exp) or not node.args[0].is_Add:
        return node
    phase, rest = node.args[0].as_independent(*node.args[0].free_symbols, as_Add=True)
    if phase == 0:
        return node
    p = float(phase)
    if node.func is sympy.exp:
        return sympy.Float(math.exp(p)) * sympy.exp(rest) if abs(p) < 200 else node
    if node.func is sympy.sin:
        return math.cos(p) * sympy.sin(rest) + math.sin(p) * sympy.cos(rest)
    return math.cos(p) * sympy.cos(rest) - math.sin(p) * sympy.sin(rest)


def _separate(term: sympy.Expr) -> tuple[float, sympy.Expr]:
    """Splits a term into its numeric factor and the rest."""
    numbers, rest = term, sympy.Integer(1)
    if term.free_symbols:
        numbers, rest = term.as_independent(*term.free_symbols, as_Add=False)
    return float(sympy.re(numbers.evalf())), rest


def _merge_signs(term: sympy.Expr) -> sympy.Expr:
    """Writes sign(u)*u as |u| and sign(u)*|u| as u."""
    for factor in sympy.Mul.make_args(term):
        base = factor.base if factor.is_Pow else factor
        if not isinstance(base, sympy.sign):
            continue
        argument = base.args[0]
        powers = term.as_powers_dict()
        if factor.is_Pow and factor.exp.is_Integer:
            term = term / factor * (base if factor.exp % 2 else 1)
        elif powers.get(sympy.Abs(argument), 0) != 0 and powers[sympy.Abs(argument)].is_Integer:
            term = term / factor / sympy.Abs(argument) * argument
        elif powers.get(argument, 0) != 0 and powers[argument].is_Integer and powers[argument] > 0:
            term = term / factor / argument * sympy.Abs(argument)
    return term


def _time_wave(term: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr, int] | None:
    """Finds the one sine or cosine of time in a term: the other factors, its argument, and whether it is a cosine."""
    trigonometric = [factor for factor in sympy.Mul.make_args(term) if factor.func in (sympy.sin, sympy.cos)]
    waves = [factor for factor in trigonometric if _is_of_time(factor.args[0])]
    if len(waves) != 1:
        return None
    return term / waves[0], waves[0].args[0], int(waves[0].func is sympy.cos)


def _is_of_time(argument: sympy.Expr) -> bool:
    """Whether an argument is t, or t times numbers."""
    symbols = list(argument.free_symbols)
    return [symbol.name for symbol in symbols] == ["t"] and argument.diff(symbols[0]).is_number
