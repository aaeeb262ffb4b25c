"""Takes a law along: as SymPy, LaTeX, a Python function for SciPy, or a torch module.

Every export is read back by our own grammar and compared with the law in numbers before it is returned. Names and
notes from outside (file names, units) are reduced to harmless characters, because they end up in source text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.printing.str import StrPrinter

from motionlaw.tools.equation import evaluate, format_expr, latex_name, ordered_terms, parse, to_latex
from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.law import Discovery

# Digits that bring a double back unchanged.
# Relative difference up to which an export counts as equal to its law.
EQUAL = 1e-9
KINDS = ("sympy", "latex", "python", "torch")

_NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "Abs": "abs", "Max": "maximum"}
_NUMPY |= {"Min": "minimum"}
_TORCH = {"Abs": "abs", "Max": "maximum", "Min": "minimum"}
_BACK = {"arcsin": "asin", "arccos": "acos", "arctan2": "atan2", "arctan": "atan", "maximum": "Max", "minimum": "Min"}


@dataclass(frozen=True)
class _System:
    """A law ready for printing: its states, their derivatives, and whether it is an equation of motion at all."""

    order: int
    state: tuple[str, ...]
    law: dict[str, sympy.Expr]
    notes: tuple[str, ...]
    start: tuple[float, ...]
    span: tuple[float, float]

    def coordinate_of(self, velocity: str) -> str:
        coordinates = [name for name in self.state if name not in self.law]
        return next(
            (name for name in coordinates if velocity == f"v_{name}"), coordinates[0] if coordinates else velocity
        )

    def rates(self) -> dict[str, sympy.Expr]:
        """Time derivative of every state, in the order of the states."""
        velocities = {self.coordinate_of(name): sympy.Symbol(name) for name in self.law} if self.order == 2 else {}
        lacking = [name for name in self.state if name not in self.law and name not in velocities]
        if lacking:
            raise UserError(f"An export needs an equation for every state, got none for {lacking[0]}.")
        return {name: self.law.get(name, velocities.get(name)) for name in self.state}


def export_law(discovery: Discovery | Mapping[str, Any], kind: str) -> str:
    """Writes a law as text for another tool.

    Args:
        discovery: A discovery, or the dictionary that ``motionlaw discover --json`` prints.
        kind: ``"sympy"``, ``"latex"``, ``"python"`` or ``"torch"``.

    Returns:
        Source text that runs (sympy, python, torch) or an ``aligned`` block (latex).

    Raises:
        UserError: The kind is unknown, or there is no law to export.
        ToolError: The text does not say the same as the law (never seen; checked every time).

    Example:
        >>> law = {"order": 2, "state": ["x", "v"], "law": {"v": "-4.0*x - 0.1*v"}}
        >>> print(export_law(law, "latex"))
        \\begin{aligned}
        \\ddot{x} &= - 4 x - 0.1 \\dot{x}
        \\end{aligned}
    """
    if kind not in KINDS:
        raise UserError(f"An export must be one of {', '.join(KINDS)}, got '{kind}'.")
    system = _system(discovery)
    return {"sympy": _sympy, "latex": _latex, "python": _python, "torch": _torch}[kind](system)


def _system(discovery: Discovery | Mapping[str, Any]) -> _System:
    values = discovery.to_dict() if isinstance(discovery, Discovery) else discovery
    law, state, order = values.get("law") or {}, tuple(values.get("state") or ()), int(values.get("order") or 0)
    if not law:
        raise UserError("There is no law to export.")
    renamed = {name: _identifier(name) for name in (*state, *law)}
    expressions = {}
    for target, text in law.items():
        parsed = parse(text, variables=[*renamed, "t"])
        expressions[renamed[target]] = parsed.xreplace({sympy.Symbol(a): sympy.Symbol(b) for a, b in renamed.items()})
    start, span = _first_state(discovery, state)
    names = tuple(renamed[name] for name in state)
    return _System(order, names, expressions, tuple(_notes(values)), start, span)


def _identifier(name: str) -> str:
    """A name that Python, SymPy and our grammar accept, and that hides nothing the source uses."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    is_taken = keyword.iskeyword(plain) or plain in ("np", "torch", "nn", "self", "state", "t", "rhs", "law")
    return f"s_{plain}" if is_taken or not re.match(r"[A-Za-z]", plain) else plain


def _harmless(text: object) -> str:
    """One line without quotes, backslashes and control signs, fit for a docstring."""
    return re.sub(r"[^\w .,:;/^*()+±=<>-]", "_", str(text))[:200]


def _notes(values: Mapping[str, Any]) -> list[str]:
    """What the docstring says: where the law comes from, and each coefficient with its error and unit."""
    notes = []
    if values.get("input"):
        version = values.get("version")
        notes.append(
            f"Found by motionlaw{f' {version}' if version else ''} in {values['input']}; {values.get('status', '')}."
        )
    for term in values.get("terms") or ():
        error = f" ± {term['stderr']:.2g}" if term.get("stderr") is not None else ""
        unit = f" {term['unit']}" if term.get("unit") else ""
        notes.append(f"{term['of']}: {term['term']} has the coefficient {term['coefficient']:.5g}{error}{unit}")
    return [_harmless(note) for note in notes]


def _first_state(
    discovery: Discovery | Mapping[str, Any], state: tuple[str, ...]
) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Where the usage example starts and ends: as the first run did, else at 1 for 10 seconds."""
    if not isinstance(discovery, Discovery) or not discovery.predictions:
        return tuple(1.0 if name not in _velocities(discovery, state) else 0.0 for name in state), (0.0, 10.0)
    played = discovery.predictions[0]
    coordinates = [name for name in state if name not in _velocities(discovery, state)]
    rates = (played.position[1] - played.position[0]) / (played.t[1] - played.t[0])
    known = dict(zip(coordinates, played.position[0], strict=False))
    known |= {name: rate for name, rate in zip(_velocities(discovery, state), rates, strict=False)}
    return tuple(float(f"{known.get(name, 0.0):.5g}") for name in state), (float(played.t[0]), float(played.t[-1]))


def _velocities(discovery: Discovery | Mapping[str, Any], state: tuple[str, ...]) -> list[str]:
    order, law = (
        (discovery.order, discovery.law)
        if isinstance(discovery, Discovery)
        else (discovery.get("order"), discovery["law"])
    )
    return [name for name in state if name in law] if order == 2 else []


class _CodePrinter(StrPrinter):
    """Prints expressions as source text: floats in full, terms in our order, functions with their module."""

    def __init__(self, module: str, spelling: Mapping[str, str]) -> None:
        super().__init__()
        self.module = module
        self.spelling = spelling

    def _print_Float(self, expr: sympy.Float) -> str:
        return repr(float(expr))

    def _print_Add(self, expr: sympy.Add, order: str | None = None) -> str:
        parts = [self.parenthesize(term, 0) for term in ordered_terms(expr)]
        return parts[0] + "".join(f" - {part[1:]}" if part.startswith("-") else f" + {part}" for part in parts[1:])

    def _print_Rational(self, expr: sympy.Rational) -> str:
        return f"{expr.p}/{expr.q}" if self.module else f"Rational({expr.p}, {expr.q})"

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        if expr.exp == sympy.Rational(1, 2):
            return self.call("sqrt", [expr.base])
        if expr.exp.is_Rational and expr.exp < 0:
            below = sympy.Pow(expr.base, -expr.exp, evaluate=False) if expr.exp != -1 else expr.base
            return f"1/{self.parenthesize(below, sympy.printing.precedence.PRECEDENCE['Pow'])}"
        return super()._print_Pow(expr, rational)

    def _print_Function(self, expr: sympy.Function) -> str:
        name = expr.func.__name__
        arguments = list(expr.args)
        # numpy and torch compare two values at a time.
        while self.module and name in ("Max", "Min") and len(arguments) > 2:
            arguments = [*arguments[:-2], expr.func(*arguments[-2:], evaluate=False)]
        return self.call(name, arguments)

    _print_Abs = _print_Max = _print_Min = _print_LatticeOp = _print_Function

    def call(self, name: str, arguments: list[sympy.Expr]) -> str:
        texts = [self._print(argument) for argument in arguments]
        if self.module == "torch" and name in ("Max", "Min", "atan2"):
            texts = [f"torch.as_tensor({text})" for text in texts]
        return f"{self.module}{'.' if self.module else ''}{self.spelling.get(name, name)}({', '.join(texts)})"

    def _print_ExpBase(self, expr: sympy.Expr) -> str:
        return self.call("exp", [expr.args[0]])

    _print_exp = _print_ExpBase


def _folded(expr: sympy.Expr) -> sympy.Expr:
    """Turns constants such as sqrt(2) or pi into floats, which every library takes; exponents stay exact."""
    if expr.is_Symbol or expr.is_Rational:
        return expr
    if not expr.free_symbols:
        return sympy.Float(float(expr))
    return expr.func(*[_folded(argument) for argument in expr.args])


def _checked(text: str, expr: sympy.Expr, *, constants: Mapping[str, float] | None = None) -> str:
    """Returns source text of an expression after reading it back and comparing it with the law in numbers."""
    plain = re.sub(r"torch\.as_tensor\(", "(", text)
    plain = re.sub(r"Rational\((-?\d+), (\d+)\)", r"(\1/\2)", re.sub(r"\b(?:np|torch|self)\.", "", plain))
    plain = re.sub(r"\b(arcsin|arccos|arctan2|arctan|maximum|minimum)\(", lambda match: f"{_BACK[match[1]]}(", plain)
    names = sorted({symbol.name for symbol in expr.free_symbols})
    generator = np.random.default_rng(0)
    points = {name: generator.uniform(0.2, 2.0, 24) * generator.choice([-1.0, 1.0], 24) for name in names}
    given = {name: np.full(24, value) for name, value in (constants or {}).items()}
    values = points | given | {"unused": np.zeros(24)}
    wanted, got = evaluate(expr, values), evaluate(parse(plain, variables=[*names, *given]), values)
    if not np.allclose(got, wanted, rtol=EQUAL, atol=1e-12, equal_nan=True):
        raise ToolError(f"The export of {format_expr(expr)} does not say the same as the law: {text}.")
    return text


def _docstring(system: _System, first: str, indent: str = "") -> str:
    if not system.notes:
        return f'{indent}"""{first}"""'
    lines = [first, "", *system.notes]
    return "\n".join([f'{indent}"""{lines[0]}', *(indent + line if line else "" for line in lines[1:]), f'{indent}"""'])


def _sympy(system: _System) -> str:
    printer = _CodePrinter("", {})
    texts = {name: _checked(printer.doprint(expr), expr) for name, expr in system.law.items()}
    texts = {name: text if system.law[name].free_symbols else f"Float({text})" for name, text in texts.items()}
    used = sorted({call for text in texts.values() for call in re.findall(r"\b([A-Za-z]\w*)\(", text)})
    if any(re.search(r"\bpi\b", text) for text in texts.values()):
        used.append("pi")
    symbols = sorted({"t", *system.state, *(s.name for expr in system.law.values() for s in expr.free_symbols)})
    lines = [
        f"from sympy import {', '.join([*used, 'symbols'])}",
        "",
        f'{", ".join(symbols)} = symbols("{" ".join(symbols)}")',
    ]
    return "\n".join([*lines, "law = {", *(f'    "{name}": {text},' for name, text in texts.items()), "}", ""])


def _latex(system: _System) -> str:
    names, left = {}, {}
    for target in system.law:
        coordinate = system.coordinate_of(target) if system.order == 2 else target
        # The dots go over the letter, not over its subscript.
        letter, mark, subscript = latex_name(coordinate).partition("_")
        left[target] = (
            ("", "\\dot", "\\ddot")[system.order] + (f"{{{letter}}}" if system.order else letter) + mark + subscript
        )
        if system.order == 2:
            names[target] = f"\\dot{{{letter}}}{mark}{subscript}"
    rows = [f"{left[name]} &= {to_latex(expr, names=names)}" for name, expr in system.law.items()]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _python(system: _System) -> str:
    printer = _CodePrinter("np", _NUMPY)
    if system.order == 0:
        return _python_formula(system, printer)
    rates = [_checked(printer.doprint(_folded(expr)), expr) for expr in system.rates().values()]
    names = ", ".join(system.state) + ("," if len(system.state) == 1 else "")
    start = ", ".join(map(repr, system.start))
    return f'''{_docstring(system, "Equation of motion in a form for scipy.integrate.solve_ivp.")}

import numpy as np


def rhs(t, state):
    """Time derivative of the state ({names})."""
    {names} = state
    return np.stack(np.broadcast_arrays(
        {(chr(10) + "        ").join(f"{rate}," for rate in rates)}
    ))


if __name__ == "__main__":
    from scipy.integrate import solve_ivp

    t = np.linspace({system.span[0]!r}, {system.span[1]!r}, 1001)
    motion = solve_ivp(rhs, (t[0], t[-1]), [{start}], t_eval=t, rtol=1e-8, atol=1e-10)
    print(np.column_stack([motion.t, motion.y.T]))
'''


def _python_formula(system: _System, printer: _CodePrinter) -> str:
    """A law without time: one function a target."""
    text = f"{_docstring(system, 'Formula found in a table.')}\n\nimport numpy as np\n"
    for target, expr in system.law.items():
        names = ", ".join(sorted(symbol.name for symbol in expr.free_symbols))
        body = _checked(printer.doprint(_folded(expr)), expr)
        text += f'\n\ndef {target}({names}):\n    """Returns {target}."""\n    return {body}\n'
    return text


def _with_parameters(expr: sympy.Expr, parameters: dict[str, float]) -> sympy.Expr:
    """Puts named parameters in place of the coefficients of terms and of the floats inside functions."""

    def named(value: float) -> sympy.Symbol:
        parameters[f"c{len(parameters) + 1}"] = value
        return sympy.Symbol(f"self.c{len(parameters)}")

    def inside(node: sympy.Expr) -> sympy.Expr:
        if node.is_Float:
            return named(float(node))
        if node.is_Pow and node.exp.is_number:
            return sympy.Pow(inside(node.base), node.exp)
        return node.func(*[inside(argument) for argument in node.args]) if node.args else node

    terms = []
    for term in ordered_terms(_folded(expr)):
        coefficient, rest = term.as_coeff_Mul()
        is_named_inside = abs(coefficient) == 1 and rest.has(sympy.Float)
        terms.append((coefficient if is_named_inside else named(float(coefficient))) * inside(rest))
    return sympy.Add(*terms)


def _torch(system: _System) -> str:
    printer = _CodePrinter("torch", _TORCH)
    parameters: dict[str, float] = {}
    outputs = system.rates() if system.order else system.law
    texts = []
    for name, expr in outputs.items():
        is_fitted = name in system.law
        text = printer.doprint(_with_parameters(expr, parameters) if is_fitted else expr)
        texts.append(_checked(text, expr, constants=parameters))
    inputs = system.state if system.order else sorted({s.name for e in system.law.values() for s in e.free_symbols})
    names = ", ".join(inputs) + ("," if len(inputs) == 1 else "")
    what = "Time derivative of the state" if system.order else f"Values of {', '.join(system.law)}"
    lines = [f"self.{name} = nn.Parameter(torch.tensor({value!r}))" for name, value in parameters.items()]
    return f'''import torch
from torch import nn


class Law(nn.Module):
{_docstring(system, "A law of motion whose coefficients can be trained on.", "    ")}

    def __init__(self):
        super().__init__()
        {(chr(10) + "        ").join(lines)}

    def forward(self, t, state):
        """{what}.

        The last axis of state holds ({names}), the last axis of the result ({", ".join(outputs)}).
        """
        t = torch.as_tensor(t, dtype=state.dtype)
        {names} = state.unbind(-1)
        rates = [
            {(chr(10) + "            ").join(f"{text}," for text in texts)}
        ]
        return torch.stack(torch.broadcast_tensors(*map(torch.as_tensor, rates)), dim=-1)
'''
