r"""Reads an expression written by a person, a model or an engine into SymPy nodes, by our own grammar.

Nothing is ever evaluated as Python: a tokeniser and a recursive-descent parser build the nodes one by one, with
limits on length, depth, exponents and the size of numbers, so that hostile text is refused and not run.
Plain text (``-4.9*sin(x) - 0.1 v``) and LaTeX (``-\frac{g}{L}\sin\theta``) are both read. Meaning, printing and
numbers are left to `motionlaw.tools.equation`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

import sympy

from motionlaw.tools.errors import UserError
from motionlaw.tools.nodes import FUNCTIONS, Fail, apply, multiply, number, power, symbol
from motionlaw.tools.tokens import Token, tokenise

MAX_DEPTH = 50
_ALIASES = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sgn": "sign"}
_ALIASES |= {"Abs": "abs", "Max": "max", "Min": "min", "fmax": "max", "fmin": "min"}
_BRACKETS = {"(": ")", "{": "}", "[": "]"}
_FENCE = re.compile(r"\A\s*```[A-Za-z]*[ \t]*\n?(.*?)```\s*\Z", re.DOTALL)
_WRAPPERS = (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)"), ("`", "`"))


@dataclass(frozen=True)
class Equation:
    """An equation as it was written.

    Args:
        target: The name on the left-hand side, ``""`` where there was none.
        derivative: How often the target is differentiated by time: 2 for ``x'' = ...``, 1 for ``dv/dt = ...``.
        expression: The right-hand side.
    """

    target: str
    derivative: int
    expression: sympy.Expr


def parse(text: str, variables: Collection[str] | None = None) -> sympy.Expr:
    """Reads an expression, with or without a left-hand side, into SymPy.

    Args:
        text: Plain text or LaTeX, at most 2,000 characters; code fences and dollar signs are taken off.
        variables: The names that may occur; ``None`` allows any name.

    Returns:
        The expression; its symbols equal ``sympy.Symbol(name)``.

    Raises:
        UserError: The text is not in the grammar, or passes its limits; one sentence with the position.

    Example:
        >>> parse("a = -4.905*sin(x) - 0.11 v")
        -0.11*v - 4.905*sin(x)
        >>> parse(r"$-\\frac{1}{2} x^{3}$")
        -x**3/2
    """
    return parse_equation(text, variables).expression


def parse_equation(text: str, variables: Collection[str] | None = None) -> Equation:
    """Reads an equation such as ``x'' = -x`` or ``dv/dt = -v``; without ``=`` the target is ``""``.

    Args:
        text: Plain text or LaTeX, as for `parse`.
        variables: The names that may occur on the right; ``None`` allows any name.

    Returns:
        The left-hand side and the expression.

    Raises:
        UserError: The text is not in the grammar, or passes its limits.

    Example:
        >>> parse_equation("dv/dt = -x")
        Equation(target='v', derivative=1, expression=-x)
    """
    stripped, offset = _unwrap(text)
    known = None if variables is None else frozenset(variables)
    tokens = tokenise(stripped, offset=offset, variables=known)
    signs = [index for index, token in enumerate(tokens) if token.text == "="]
    if len(signs) > 1:
        second = tokens[signs[1]].position + 1
        raise UserError(f"An expression may hold one '=', got {len(signs)} (the second at character {second}).")
    target, derivative = _left_hand_side(tokens[: signs[0]]) if signs else ("", 0)
    tail = tokens[signs[0] + 1 :] if signs else tokens
    return Equation(target, derivative, _Parser(tail, known).whole())


def _unwrap(text: str) -> tuple[str, int]:
    """Takes off code fences and math signs; returns the inside and where it starts."""
    if not isinstance(text, str):
        raise UserError(f"An expression must be text, got {type(text).__name__}.")
    if len(text) > 2000:
        raise UserError(f"An expression must have at most 2000 characters, got {len(text)}.")
    offset = 0
    if fence := _FENCE.match(text):
        text, offset = fence.group(1), fence.start(1)
    for opening, closing in _WRAPPERS:
        inner = text.strip()
        if inner.startswith(opening) and inner.endswith(closing) and len(inner) >= len(opening) + len(closing):
            offset += text.index(opening) + len(opening)
            text = inner[len(opening) : len(inner) - len(closing)]
    return text, offset


def _left_hand_side(tokens: list[Token]) -> tuple[str, int]:
    """Reads ``a``, ``a(x, t)``, ``x''`` or ``dv/dt`` before the equals sign."""
    if tokens and tokens[0].kind in ("name", "dot"):
        rest = [token.text for token in tokens[1:]]
        arguments = rest[1:-1]
        is_call = rest[:1] == ["("] and rest[-1:] == [")"] and not {"(", ")"} & set(arguments)
        if not rest or is_call:
            return tokens[0].text, tokens[0].order
    position = tokens[0].position + 1 if tokens else 1
    raise UserError(f"The left-hand side at character {position} must be a name or a derivative such as dv/dt or x''.")


class _Parser:
    """Recursive descent: sum > product > sign > power > atom; the state is the place in the list of tokens."""

    def __init__(self, tokens: list[Token], variables: frozenset[str] | None) -> None:
        self.tokens = tokens
        self.variables = variables
        self.index = 0
        self.depth = 0
        self.open_bars = 0
        self.is_latex = any(token.latex for token in tokens)

    @property
    def token(self) -> Token:
        return self.tokens[self.index] if self.index < len(self.tokens) else Token("end", "", -1)

    def fail(self, problem: str, token: Token | None = None, remedy: str = "") -> UserError:
        token = token or self.token
        place = "at the end" if token.kind == "end" else f"at character {token.position + 1}"
        return UserError(f"{problem} {place} of the expression.{' ' if remedy else ''}{remedy}")

    def problem_at(self, token: Token) -> Fail:
        """What the makers of nodes call when a number or power at a token is refused."""
        return lambda why: self.fail(why, token)

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def accept(self, *texts: str) -> bool:
        if self.token.kind == "op" and self.token.text in texts:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(f"Expected '{text}'" + (f", got '{self.token.text}'" if self.token.text else ""))

    def descend(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"More than {MAX_DEPTH} nested brackets or signs")

    def whole(self) -> sympy.Expr:
        """Reads all tokens as one expression."""
        expression = self.sum()
        if self.token.kind != "end":
            raise self.fail(f"Unexpected '{self.token.text}'")
        return expression

    def sum(self) -> sympy.Expr:
        self.descend()
        terms = []
        negative = self.sign()
        while True:
            terms.append(self.product(negative))
            if self.token.kind != "op" or self.token.text not in "+-":
                break
            negative = self.sign()
        self.depth -= 1
        # One flat Add: building it term by term costs quadratic time on long hostile sums.
        return terms[0] if len(terms) == 1 else sympy.Add(*terms)

    def sign(self) -> bool:
        if self.accept("-"):
            return True
        self.accept("+")
        return False

    def product(self, negative: bool) -> sympy.Expr:
        start = self.token
        factors = [sympy.Integer(-1)] if negative else []
        factors.append(self.unary())
        after_divisor = False
        while True:
            if self.accept("*"):
                factors.append(self.unary())
                after_divisor = False
            elif self.accept("/"):
                divisor = self.token
                factors.append(power(self.unary(), sympy.Integer(-1), self.problem_at(divisor)))
                after_divisor = True
            elif self.is_implicit_product():
                if after_divisor:
                    raise self.fail("Ambiguous division", remedy="Write a '*' or brackets.")
                factors.append(self.power())
            else:
                return multiply(factors, self.problem_at(start))

    def is_implicit_product(self) -> bool:
        """Whether the next token starts a factor without ``*`` and can only be meant so."""
        token, previous = self.token, self.tokens[self.index - 1]
        if token.text == "|":
            return not self.open_bars
        starts = token.kind in ("name", "dot", "command") or token.text in ("(", "[", "{")
        if not starts:
            # In LaTeX a number may follow a bracket, never another number.
            return self.is_latex and token.kind == "number" and previous.kind != "number"
        if self.is_latex or previous.text == "|":
            return True
        is_exponent = self.index >= 2 and self.tokens[self.index - 2].text == "^"
        if previous.kind == "number" and not is_exponent:
            return True
        return token.text in _BRACKETS and (previous.text in self.names() or previous.text == ")")

    def names(self) -> frozenset[str]:
        return self.variables or frozenset()

    def unary(self) -> sympy.Expr:
        if self.token.text in ("+", "-") and self.token.kind == "op":
            self.descend()
            negative = self.sign()
            inner = self.unary()
            self.depth -= 1
            return -inner if negative else inner
        return self.power()

    def power(self) -> sympy.Expr:
        base = self.atom()
        start = self.token
        if not self.accept("^"):
            return base
        self.descend()
        exponent = self.unary()
        self.depth -= 1
        return power(base, exponent, self.problem_at(start))

    def atom(self) -> sympy.Expr:
        token = self.take()
        if token.kind == "number":
            return number(token.text, self.problem_at(token))
        if token.kind == "name":
            return self.name(token)
        if token.kind == "dot":
            return self.velocity(token)
        if token.text in ("frac", "sqrt") and token.kind == "command":
            return self.command(token)
        if token.text in _BRACKETS:
            return self.bracketed(token.text)[0]
        if token.text == "|":
            return self.bars(token)
        if token.kind == "end":
            raise self.fail("A number, name or bracket is missing", token)
        raise self.fail(f"Unexpected '{token.text}'", token)

    def bracketed(self, opening: str) -> list[sympy.Expr]:
        """Reads what follows an opening bracket, comma-separated, up to its closing one."""
        bars, self.open_bars = self.open_bars, 0
        values = [self.sum()]
        while self.accept(","):
            values.append(self.sum())
        self.expect(_BRACKETS[opening])
        self.open_bars = bars
        return values

    def bars(self, token: Token) -> sympy.Expr:
        self.open_bars += 1
        inner = self.sum()
        self.expect("|")
        self.open_bars -= 1
        return apply("abs", [inner], self.problem_at(token))

    def command(self, token: Token) -> sympy.Expr:
        problem = self.problem_at(token)
        if token.text == "sqrt":
            degree = self.bracketed("[")[0] if self.accept("[") else None
            inner = self.group()
            return apply("sqrt", [inner], problem) if degree is None else power(inner, 1 / degree, problem)
        numerator = self.group()
        return multiply([numerator, power(self.group(), sympy.Integer(-1), problem)], problem)

    def group(self) -> sympy.Expr:
        return self.bracketed("{")[0] if self.accept("{") else self.atom()

    def velocity(self, token: Token) -> sympy.Expr:
        """Turns ``\\dot x`` on the right-hand side into the name of that coordinate's velocity."""
        if token.order != 1:
            raise self.fail("An acceleration may only stand on the left-hand side, got one", token)
        plain = "v" if token.text in ("x", "theta", "y", "z", "r", "q", "s") else f"v_{token.text}"
        wanted = (f"v_{token.text}", "v", "omega", f"{token.text}_dot")
        return symbol(next((name for name in wanted if name in self.names()), plain))

    def name(self, token: Token) -> sympy.Expr:
        name = token.text
        if name not in self.names():
            function = _ALIASES.get(name, name)
            if function in FUNCTIONS:
                return self.call(function, token)
            if name in ("pi", "e"):
                return sympy.pi if name == "pi" else sympy.E
            if self.variables is not None:
                listed = f"Variables: {', '.join(sorted(self.names())) or 'none'}."
                raise self.fail(f"No variable '{name}'", token, _suggest(name, self.names()) + listed)
            if self.token.text == "(" and not self.is_latex:
                listed = f"Functions: {', '.join(sorted(FUNCTIONS))}."
                raise self.fail(f"No function '{name}'", token, _suggest(name, FUNCTIONS) + listed)
        return symbol(name)

    def call(self, function: str, token: Token) -> sympy.Expr:
        problem = self.problem_at(token)
        exponent = self.function_exponent() if self.accept("^") else None
        if self.accept("("):
            arguments = self.bracketed("(")
        elif self.accept("{"):
            arguments = self.bracketed("{")
        elif self.is_latex:
            arguments = [self.bare_argument()]
        else:
            raise self.fail(f"Function '{function}' without brackets", token, f"Write {function}(x).")
        value = apply(function, arguments, problem)
        return value if exponent is None else power(value, exponent, problem)

    def function_exponent(self) -> sympy.Expr:
        """Reads the 2 of ``sin^2(x)``; -1 could mean the inverse function or the reciprocal, so it is refused."""
        start = self.token
        exponent = self.group()
        if not (exponent.is_Integer and exponent > 0):
            raise self.fail("A function's exponent must be a positive integer", start)
        return exponent

    def bare_argument(self) -> sympy.Expr:
        """Reads the argument of ``\\sin 2\\omega t``: a number and names; two names only where the last is t."""
        start, factors, names = self.token, [], []
        while self.token.kind in ("name", "dot", "number") and not _is_function(self.token.text):
            names.append(self.token.text)
            factors.append(self.power())
        if not factors:
            factors.append(self.power())
        if sum(not name[0].isdigit() for name in names) > 1 and names[-1] != "t":
            raise self.fail("Ambiguous argument of a function", start, "Write brackets around it.")
        return multiply(factors, self.problem_at(start))


def _is_function(name: str) -> bool:
    return _ALIASES.get(name, name) in FUNCTIONS


def _suggest(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"Did you mean '{near[0]}'? " if near else ""
