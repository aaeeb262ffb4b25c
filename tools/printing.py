"""Prints expressions: as text that our grammar and SymPy read, and as LaTeX; and counts their nodes.

The text and its reader (`motionlaw.tools.grammar`) are each other's inverse. Terms come in the order in which
physicists write them, whatever their coefficients are.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from motionlaw.tools.nodes import rebuild

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_FUNCTION_NAMES = {"Abs": "abs"}


def round_expr(expr: sympy.Expr, digits: int = 5) -> sympy.Expr:
    """Rounds every float to significant digits; integers, fractions and constants such as pi stay exact.

    Example:
        >>> round_expr(2.0000001 * sympy.Symbol("x") + 0.123456)
        2*x + 0.12346
    """
    if expr.is_Float:
        text = f"{float(expr):.{digits}g}"
        return sympy.Integer(int(text)) if text.lstrip("-").isdigit() else sympy.Float(float(text))
    if not expr.args:
        return expr
    return rebuild(expr, [round_expr(argument, digits) for argument in expr.args])


def _rank(term: sympy.Expr) -> tuple[int, int, str]:
    """Sorts terms as physicists write them: position, velocity, both, time, constants."""
    names = {symbol.name for symbol in term.free_symbols}
    has_velocity = any(name == "v" or name.startswith("v_") for name in names)
    group = 3 if not names else 2 if "t" in names else int(has_velocity)
    return group, complexity(term), str(term)


def ordered_terms(expr: sympy.Expr) -> list[sympy.Expr]:
    """Splits a sum into its terms in the order in which they are printed.

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> ordered_terms(1 - v - sympy.sin(x))
        [-sin(x), -v, 1]
    """
    # The coefficient does not decide the place, so that it stays while numbers change.
    return sorted(sympy.Add.make_args(expr), key=lambda term: _rank(term.as_coeff_Mul()[1]))


def format_expr(expr: sympy.Expr, digits: int = 5) -> str:
    """Prints an expression in the grammar that `parse` and SymPy read.

    Args:
        expr: The expression.
        digits: Significant digits of its floats.

    Returns:
        One line; ``parse`` of it equals ``round_expr(expr, digits)``.

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> format_expr(-0.11 * v - 4.905001 * sympy.sin(x))
        '-4.905*sin(x) - 0.11*v'
    """
    return _text(round_expr(expr, digits), digits)[0]


def _text(node: sympy.Expr, digits: int) -> tuple[str, int]:
    """Text of a node and how tightly it binds."""
    if node.is_Add:
        parts = [_signed(term, digits) for term in ordered_terms(node)]
        head = ("-" if parts[0][0] else "") + parts[0][1]
        return head + "".join(f" {'-' if negative else '+'} {text}" for negative, text in parts[1:]), _SUM
    if node.is_Symbol:
        return node.name, _ATOM
    if node.is_Integer or node.is_Float:
        text = str(node) if node.is_Integer else f"{float(node):.{digits}g}"
        return text, _SUM if text.startswith("-") else _ATOM
    if node.is_Mul or node.is_Rational or (node.is_Pow and node.exp.is_Number and node.exp < 0):
        negative, text = _signed(node, digits)
        return ("-" if negative else "") + text, _SUM if negative else _PRODUCT
    if node.is_Pow:
        return _power_text(node.base, node.exp, digits)
    if node in (sympy.E, sympy.pi):
        return ("exp(1)" if node is sympy.E else "pi"), _ATOM
    name = _FUNCTION_NAMES.get(node.func.__name__, node.func.__name__)
    return f"{name}({', '.join(_text(argument, digits)[0] for argument in node.args)})", _ATOM


def _bound(node: sympy.Expr, tightness: int, digits: int) -> str:
    """Text of a node, in brackets if it binds less tightly than its place asks."""
    text, binds = _text(node, digits)
    return text if binds >= tightness else f"({text})"


def _power_text(base: sympy.Expr, exponent: sympy.Expr, digits: int) -> tuple[str, int]:
    if exponent == 1:
        return _text(base, digits)
    if exponent == sympy.Rational(1, 2):
        return f"sqrt({_text(base, digits)[0]})", _ATOM
    return f"{_bound(base, _ATOM, digits)}**{_bound(exponent, _ATOM, digits)}", _POWER


def _signed(term: sympy.Expr, digits: int) -> tuple[bool, str]:
    """Whether a term is negative, and the text of its size: coefficient, factors, then what it is divided by."""
    coefficient, rest = term.as_coeff_Mul()
    above, below = [], []
    size = abs(coefficient)
    if size.is_Float or size.p != 1:
        above.append(_text(size if size.is_Float else sympy.Integer(size.p), digits)[0])
    if size.is_Rational and size.q != 1:
        below.append(str(size.q))
    factors = sympy.Mul.make_args(rest)
    for factor in sorted(factors, key=lambda f: (not (f.is_Symbol or f.is_Pow), complexity(f), str(f))):
        if factor.is_Pow and factor.exp.is_Number and factor.exp < 0:
            text, binds = _power_text(factor.base, -factor.exp, digits)
            below.append(text if binds >= _POWER else f"({text})")
        elif factor != 1:
            is_alone = len(factors) == 1 and size == 1
            above.append(_bound(factor, _PRODUCT if is_alone else _POWER, digits))
    top = "*".join(above) or "1"
    # Read back, 2*(x + v) would be multiplied out; so it is divided by one after the other.
    if len(below) == 1 or (size.is_Rational and size.q != 1 and any(text.startswith("(") for text in below)):
        return bool(coefficient < 0), "/".join([top, *below])
    return bool(coefficient < 0), f"{top}/({'*'.join(below)})" if below else top


def to_latex(expr: sympy.Expr, digits: int = 5, *, names: Mapping[str, str] | None = None) -> str:
    r"""Prints an expression as LaTeX, with the terms in the order of `format_expr`.

    Args:
        expr: The expression.
        digits: Significant digits of its floats.
        names: LaTeX of variables that are not to be spelled by `latex_name`, e.g. ``{"v": r"\dot{x}"}``.

    Example:
        >>> theta, rate = sympy.symbols("theta v_x1")
        >>> to_latex(-4.905 * sympy.sin(theta) + rate)
        '- 4.905 \\sin{\\left(\\theta \\right)} + v_{x1}'
    """
    rounded = round_expr(expr, digits)
    given = names or {}
    spelled = {symbol: given.get(symbol.name) or latex_name(symbol.name) for symbol in rounded.free_symbols}
    text = ""
    for index, term in enumerate(ordered_terms(rounded)):
        is_negative = bool(term.as_coeff_Mul()[0] < 0)
        sign = ("- " if is_negative else "") if index == 0 else (" - " if is_negative else " + ")
        text += sign + sympy.latex(-term if is_negative else term, symbol_names=spelled)
    return text


def latex_name(name: str) -> str:
    r"""Spells a variable in LaTeX.

    Example:
        >>> latex_name("theta"), latex_name("x1"), latex_name("v_theta1")
        ('\\theta', 'x_{1}', 'v_{\\theta1}')
    """
    head, _, tail = name.partition("_")
    if not tail:
        return sympy.latex(sympy.Symbol(name))
    letters = tail.rstrip("0123456789")
    below = sympy.latex(sympy.Symbol(letters)) + tail[len(letters) :] if letters else tail
    return f"{sympy.latex(sympy.Symbol(head))}_{{{below}}}"


def complexity(expr: sympy.Expr) -> int:
    """Counts the nodes of an expression: names, numbers and operations; a minus sign or a division counts one.

    Example:
        >>> x, v = sympy.symbols("x v")
        >>> complexity(-4.9 * sympy.sin(x) - 0.1 * v), complexity(x**3), complexity(1 / x), complexity(-x)
        (8, 3, 3, 2)
    """
    if not expr.args or expr.is_Number:
        return 1
    if expr.is_Mul:
        factors = [factor for factor in expr.args if factor != -1]
        has_sign = len(factors) < len(expr.args)
        has_top = any(not _is_divisor(factor) for factor in factors)
        below = sum(complexity(1 / factor if _is_divisor(factor) else factor) for factor in factors)
        return below + len(factors) - 1 + has_sign + (0 if has_top else 2)
    if _is_divisor(expr):
        return 2 + complexity(1 / expr)
    if expr.is_Add:
        # "x - v" is one subtraction, not a sum with a sign.
        spared = min(sum(term.is_Mul and -1 in term.args for term in expr.args), len(expr.args) - 1)
        return len(expr.args) - 1 - spared + sum(complexity(term) for term in expr.args)
    return 1 + sum(complexity(argument) for argument in expr.args)


def _is_divisor(factor: sympy.Expr) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Rational and factor.exp < 0)
