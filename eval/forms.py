"""The form of a law: its terms with constants taken out, so that laws are compared whatever their numbers are.

A law is expanded into canonical terms (`motionlaw.tools.canonical`). What stands before a term is its coefficient;
numbers inside become named constants: ``-0.9*x**2/(x**2 + 449.44)`` is ``c*x**2/(x**2 + k)``. Part of the structure,
and no constants, are integer exponents and fractions with small denominators, and the signs of inner constants (a
pole is no saturation). A wave of another frequency and a power of another exponent are other laws: such constants may
be fitted, but must agree to a tenth.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

import sympy

from motionlaw.eval.trees import Tree
from motionlaw.tools.equation import canonical_terms, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.limits import call_limited
from motionlaw.tools.nodes import is_small, rebuild

# Exponents within this of a fraction with at most this denominator are that fraction, and structure.
EXPONENT_TOLERANCE, MOST_DENOMINATOR = 1e-3, 4
# Frequencies and fitted exponents further apart than this share are different terms.
SAME_FREQUENCY = 0.1
# Larger expressions are brought into form in a child process with a time limit.
QUICK_NODES, FORM_S = 120, 4.0
_PERIODIC = (sympy.sin, sympy.cos, sympy.tan)
_PHASE = sympy.Symbol("phase")


@dataclass(frozen=True)
class Constant:
    """A number inside a term: its symbol, its value, and whether it is a frequency or an exponent."""

    symbol: sympy.Symbol
    value: float
    is_strict: bool


@dataclass(frozen=True)
class FormTerm:
    """A term without its coefficient.

    Args:
        tree: Its skeleton, constants as ``c`` or ``-c``.
        columns: Its expression in the inner constants; two for a wave of any phase (its sine and its cosine).
        coefficient: What stands before it; the amplitude of a wave.
        constants: The numbers inside.
    """

    tree: Tree
    columns: tuple[sympy.Expr, ...]
    coefficient: float
    constants: tuple[Constant, ...]

    def matches(self, other: FormTerm) -> bool:
        """Whether two terms are one and the same up to constants that may be fitted."""
        return self.tree == other.tree and all(
            _is_near(a.value, b.value) for a, b in zip(self.constants, other.constants, strict=True) if b.is_strict
        )


@dataclass(frozen=True)
class Form:
    """A law as terms, sorted by their skeletons."""

    terms: tuple[FormTerm, ...]

    @property
    def tree(self) -> Tree:
        """The whole law as a tree, every term with a coefficient."""
        return Tree("+", tuple(Tree("*", (Tree("c"), term.tree)) for term in self.terms))

    @property
    def n_constants(self) -> int:
        """Number of constants that are free in a law of this form."""
        return sum(len(term.columns) + len(term.constants) for term in self.terms)

    def pairs(self, other: Form) -> list[tuple[FormTerm, FormTerm]]:
        """Pairs of terms that match, each term in at most one pair."""
        left, pairs = list(other.terms), []
        for term in self.terms:
            partner = next((each for each in left if term.matches(each)), None)
            if partner is not None:
                left.remove(partner)
                pairs.append((term, partner))
        return pairs


def _is_near(a: float, b: float) -> bool:
    return abs(a - b) <= SAME_FREQUENCY * abs(b)


def law_form(expression: sympy.Expr, positive: Collection[str] = ()) -> Form | None:
    """Brings a law into its form.

    Args:
        expression: The right-hand side.
        positive: Variables known to be positive: |x| is x there.

    Returns:
        The form, ``None`` where the expression is too large for one.

    Example:
        >>> form = law_form(parse("-0.9*x**2/(2*x**2 + 900) - 0.5*v*(1 + v)"))
        >>> [(str(term.tree), round(term.coefficient, 3)) for term in form.terms]
        [('*(^(+(^(x, 2), *(c, 1)), -1), ^(x, 2))', -0.45), ('^(v, 2)', -0.5), ('v', -0.5)]
    """
    if is_small(expression, QUICK_NODES):
        return _form(expression, frozenset(positive))
    outcome = call_limited(_form, expression, frozenset(positive), seconds=FORM_S)
    return outcome.value if outcome.status == "ok" else None


def _form(expression: sympy.Expr, positive: frozenset[str]) -> Form | None:
    symbols = {symbol: sympy.Symbol(symbol.name, positive=True) for symbol in expression.free_symbols}
    known = {old: new for old, new in symbols.items() if old.name in positive}
    expression = expression.xreplace(known).xreplace({new: old for old, new in known.items()})
    terms = []
    for text, coefficient in canonical_terms(expression, digits=12).items():
        try:
            terms.append(_term(parse(text), coefficient))
        except UserError:  # longer than our grammar's limits: no law that anyone would read
            return None
    terms = [term for term in terms if term.coefficient != 0]
    if not terms:
        terms = [_term(sympy.Integer(1), 0.0)]
    key = [(str(term.tree), [constant.value for constant in term.constants]) for term in terms]
    return Form(tuple(terms[k] for k in sorted(range(len(terms)), key=key.__getitem__)))


def _term(node: sympy.Expr, coefficient: float) -> FormTerm:
    taker = _Taker()
    factor, rest, tree = taker.split(node, is_strict=False)
    columns: tuple[sympy.Expr, ...] = (rest,)
    if _PHASE in rest.free_symbols:
        columns = (rest.subs(_PHASE, 0), rest.subs(_PHASE, sympy.pi / 2))
    return FormTerm(tree, columns, coefficient * factor, tuple(taker.constants))


class _Taker:
    """Takes the numbers out of one term; the state is the list of constants taken so far."""

    def __init__(self) -> None:
        self.constants: list[Constant] = []

    def take(self, value: float, *, is_strict: bool) -> tuple[sympy.Expr, Tree]:
        """Names a number; the tree keeps its sign only."""
        symbol = sympy.Symbol(f"_k{len(self.constants)}")
        self.constants.append(Constant(symbol, value, is_strict))
        return symbol, Tree("-c" if value < 0 else "c")

    def split(self, node: sympy.Expr, *, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        """Splits a node into a number and a rest in named constants; ``is_strict`` says whether a wave is around."""
        if not node.free_symbols:
            return float(node), sympy.Integer(1), Tree("1")
        if node.is_Symbol:
            return 1.0, node, Tree(node.name)
        if node.is_Mul:
            return self._product(node, is_strict)
        if node.is_Add:
            return self._sum(node, is_strict)
        if node.is_Pow:
            return self._power(node, is_strict)
        return self._function(node, is_strict)

    def _product(self, node: sympy.Expr, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        parts = [self.split(factor, is_strict=is_strict) for factor in _in_order(node.args)]
        number = 1.0
        for factor, _, _ in parts:
            number *= factor
        trees = sorted((tree for _, rest, tree in parts if rest != 1), key=str)
        tree = trees[0] if len(trees) == 1 else Tree("*", tuple(trees))
        return number, sympy.Mul(*(rest for _, rest, _ in parts)), tree

    def _sum(self, node: sympy.Expr, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        """A sum, divided by the number before its leading term; a free phase has none."""
        phase = [part for part in node.args if part == _PHASE]
        # Terms are put in order by a skeleton of their own, so that their numbers do not decide who leads.
        inside = [part for part in node.args if part != _PHASE]
        parts = [self.split(part, is_strict=is_strict) for part in _in_order(inside)]
        lead = parts[0][0]
        total, trees = [parts[0][1]], [parts[0][2]]
        for number, rest, tree in parts[1:]:
            constant, mark = self.take(number / lead, is_strict=is_strict and rest != 1)
            total.append(constant * rest)
            trees.append(Tree("*", (mark, tree)))
        if len(parts) == 1 and not phase:
            return parts[0]
        if phase:
            scale, mark = self.take(lead, is_strict=is_strict)
            return 1.0, scale * sympy.Add(*total) + _PHASE, Tree("+", (mark, *trees, Tree("phase")))
        return lead, sympy.Add(*total), Tree("+", tuple(trees))

    def _power(self, node: sympy.Expr, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        number, rest, tree = self.split(node.base, is_strict=is_strict)
        if node.exp.free_symbols:  # a number or a sum to the power of a variable
            scale, mark = self.take(number, is_strict=is_strict)
            factor, exponent, branch = self._argument(node.exp, is_strict=is_strict)
            return factor, sympy.Pow(scale * rest, exponent), Tree("^", (mark, tree, branch))
        exponent = float(node.exp)
        fraction = Fraction(exponent).limit_denominator(MOST_DENOMINATOR)
        is_fraction = abs(float(fraction) - exponent) <= EXPONENT_TOLERANCE
        if is_fraction:
            power: sympy.Expr = sympy.Rational(fraction.numerator, fraction.denominator)
            branch = Tree(str(fraction))
        else:
            power, branch = self.take(exponent, is_strict=True)
        # A negative number cannot be taken out of a root: its sign stays inside.
        if number < 0 and not (is_fraction and fraction.denominator == 1):
            return (-number) ** exponent, sympy.Pow(-rest, power), Tree("^", (Tree("-", (tree,)), branch))
        return number**exponent, sympy.Pow(rest, power), Tree("^", (tree, branch))

    def _argument(self, node: sympy.Expr, *, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        """An argument of a function: its scale is a constant, also where it is 1."""
        number, rest, tree = self.split(node, is_strict=is_strict)
        if _PHASE in rest.free_symbols:
            return 1.0, rest, tree
        scale, mark = self.take(number, is_strict=is_strict and rest != 1)
        return 1.0, scale * rest, Tree("*", (mark, tree))

    def _function(self, node: sympy.Expr, is_strict: bool) -> tuple[float, sympy.Expr, Tree]:
        name = node.func.__name__
        if isinstance(node, (sympy.Abs, sympy.sign)):
            number, rest, tree = self.split(node.args[0], is_strict=is_strict)
            outer = abs(number) if isinstance(node, sympy.Abs) else float(number > 0) - float(number < 0)
            return outer, rebuild(node, [rest]), Tree(name, (tree,))
        inner = isinstance(node, _PERIODIC)
        parts = [self._argument(argument, is_strict=inner) for argument in node.args]
        return 1.0, rebuild(node, [rest for _, rest, _ in parts]), Tree(name, tuple(tree for _, _, tree in parts))


def _in_order(nodes: Collection[sympy.Expr]) -> list[sympy.Expr]:
    """Nodes in an order that does not depend on the numbers in them; constants last."""
    return sorted(nodes, key=lambda node: (not node.free_symbols, str(_Taker().split(node, is_strict=False)[2])))
