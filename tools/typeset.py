"""How names, units, numbers and laws are written for people: Unicode for plots, MathML for the report.

Nothing is measured here. MathML is what a browser typesets without a script; names and numbers that
come from outside are escaped by whoever puts them into a page.
"""

from __future__ import annotations

import html
import math
import re

import sympy
from sympy.printing.mathml import MathMLPresentationPrinter

from motionlaw.tools.law import Discovery

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")


def name_text(name: str) -> str:
    """Writes a coordinate's name as a physicist would.

    Example:
        >>> name_text("theta1"), name_text("x_12"), name_text("height")
        ('θ₁', 'x₁₂', 'height')
    """
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name, flags=re.DOTALL).groups()  # type: ignore[union-attr]
    return GREEK.get(stem, stem) + digits.translate(_SUBSCRIPT)


def rate_text(name: str, *, order: int = 1) -> str:
    """Writes a time derivative: ``dθ/dt`` or ``d²θ/dt²``."""
    raised = "²" if order == 2 else ""
    return f"d{raised}{name_text(name)}/dt{raised}"


def term_text(term: str) -> str:
    """Writes a term of a law in one line, e.g. for a plot's labels.

    Example:
        >>> term_text("v_theta2**2*sin(theta1 - 2*theta2)"), term_text("theta1**3*Abs(v)")
        ('(dθ₂/dt)²·sin(θ₁ − 2·θ₂)', 'θ₁³·|v|')
    """
    if re.fullmatch(r"v_\w+", term):
        return rate_text(term[2:])
    text = re.sub(r"\b[Aa]bs\(([^()]*)\)", r"|\1|", term)
    text = re.sub(r"\bv_(\w+)", lambda found: f"({rate_text(found[1])})", text)
    text = re.sub(r"\|\(([^()]*)\)\|", r"|\1|", text)
    text = re.sub(r"(?<![\w.])[^\W\d]\w*", lambda found: name_text(found[0]), text)
    text = re.sub(r"\*\*(\d+)(?!\.)", lambda found: found[1].translate(_SUPERSCRIPT), text)
    return text.replace("**", "^").replace("*", "·").replace("-", "−")


def unit_text(unit: str) -> str:
    """Writes a unit with raised exponents.

    Example:
        >>> unit_text("m/s^2"), unit_text("s^-2")
        ('m/s²', 's⁻²')
    """
    return re.sub(r"(?:\^|\*\*)([-+]?\d+)", lambda found: found[1].translate(_SUPERSCRIPT), unit).replace("*", "·")


def power_of_ten(exponent: int) -> str:
    """Writes ``10⁻³`` for -3."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def number_text(value: float | int | None, *, digits: int = 4) -> str:
    """Writes one number with up to ``digits`` significant digits, ``–`` where there is none.

    Example:
        >>> number_text(0.00012346), number_text(1200), number_text(-9.80665), number_text(None)
        ('1.235×10⁻⁴', '1200', '−9.807', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if isinstance(value, int):
        return str(value).replace("-", "−")
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    is_plain = -3 <= exponent < max(digits, 5)
    decimals = max(digits - 1 - exponent, 0) if is_plain else digits - 1
    text = f"{value if is_plain else value / 10.0**exponent:.{decimals}f}".replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if is_plain else f"{text}×{power_of_ten(exponent)}"


def value_text(value: float, stderr: float | None, unit: str = "") -> str:
    """Writes a measured number with its standard error, both cut where the error's second digit is.

    Example:
        >>> value_text(-4.90512, 0.0123, "1/s^2")
        '−4.905 ± 0.012 1/s²'
        >>> value_text(1.23456e-6, 2.2e-8)
        '(1.235 ± 0.022)×10⁻⁶'
        >>> value_text(9.81, None, "m/s^2")
        '9.81 m/s²'
    """
    suffix = f" {unit_text(unit)}" if unit not in ("", "1") else ""
    # Below 1e-8 of the value an error is one of arithmetic, and its digits say nothing.
    if stderr is None or not (math.isfinite(stderr) and stderr > 1e-8 * abs(value) and math.isfinite(value)):
        return number_text(value) + suffix
    size = max(abs(value), stderr)
    exponent = math.floor(math.log10(size))
    shift = exponent if not -3 <= exponent < 5 else 0
    scaled, scaled_stderr = value / 10.0**shift, stderr / 10.0**shift
    decimals = max(1 - math.floor(math.log10(float(f"{scaled_stderr:.1e}"))), 0)
    text = f"{scaled:.{decimals}f} ± {scaled_stderr:.{decimals}f}".replace("-", "−")
    return (f"({text})×{power_of_ten(shift)}" if shift else text) + suffix


def velocities(discovery: Discovery) -> dict[str, str]:
    """Names the coordinate each velocity state belongs to, e.g. ``{"v": "theta"}``; empty for first-order laws."""
    if discovery.order != 2:
        return {}
    is_velocity = [name == "v" or name.startswith("v_") for name in discovery.state]
    coordinates = [name for name, flag in zip(discovery.state, is_velocity, strict=True) if not flag]
    named = [name for name, flag in zip(discovery.state, is_velocity, strict=True) if flag]
    return {name: name[2:] if name.startswith("v_") else coordinates[0] for name in named if coordinates}


class _LawPrinter(MathMLPresentationPrinter):
    """SymPy's MathML printer, with velocities as dotted coordinates and numbers at four digits."""

    def __init__(self, dotted: dict[str, str]) -> None:
        super().__init__()
        self.dotted = dotted

    def element(self, tag: str, *children):
        """Makes one MathML element; a string child becomes its text, escaped (SymPy's own text nodes are raw)."""
        node = self.dom.createElement(tag)
        for child in children:
            node.appendChild(self.dom.createTextNode(html.escape(child)) if isinstance(child, str) else child)
        return node

    def name(self, name: str):
        """Prints a name from outside, e.g. a table's column, which need not be an identifier."""
        return super()._print_Symbol(sympy.Symbol(name)) if name.isidentifier() else self.element("mi", name)

    def dots(self, name: str, mark: str):
        """Prints a coordinate with dots over its letter, never over its subscript."""
        base = self.name(name)
        letter = base if base.tagName == "mi" else base.firstChild
        # Not marked as an accent: without a mathematical font browsers would draw an accent through the letter.
        over = self.element("mover", letter.cloneNode(True), self.element("mo", mark))
        if letter is base:
            return over
        base.replaceChild(over, letter)
        return base

    def _print_Symbol(self, sym, style="plain"):
        if sym.name in self.dotted:
            return self.dots(self.dotted[sym.name], "˙")
        return super()._print_Symbol(sym, style)

    def _print_Float(self, expr):
        text = number_text(float(expr))
        if "×10" not in text:
            return self.element("mn", text)
        mantissa, exponent = text.split("×10")
        back = exponent.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789−+"))
        power = self.element("msup", self.element("mn", "10"), self.element("mn", back))
        return self.element("mrow", self.element("mn", mantissa), self.element("mo", "×"), power)


def _ordered_terms(expr: sympy.Expr, dotted: dict[str, str]) -> list[sympy.Expr]:
    """Puts forces of position first, then those of time, then those of velocity: the order of a textbook."""

    def rank(term: sympy.Expr) -> tuple[int, int]:
        names = {symbol.name for symbol in term.free_symbols}
        kind = 1 if names & set(dotted) else 2 if names <= {"t"} else 0
        return kind, term.count_ops()

    return sorted(sympy.Add.make_args(expr), key=rank)


def _right_side(printer: _LawPrinter, expr: sympy.Expr) -> list:
    """Prints an expression as parts between which a line may break."""
    whole = [number for number in expr.atoms(sympy.Float) if float(number).is_integer()]
    expr = expr.xreplace({number: sympy.Integer(int(number)) for number in whole})
    above, below = sympy.fraction(expr)
    is_long = below != 1 and not below.is_number and len(sympy.Add.make_args(above)) > 2
    parts = [printer._print(1 / below), printer.element("mo", "(")] if is_long else []
    terms = _ordered_terms(sympy.expand_mul(above) if is_long else expr, printer.dotted)
    for index, term in enumerate(terms):
        is_negative = term.could_extract_minus_sign()
        operator = printer.element("mo", "−" if is_negative else "+")
        operator.setAttribute("form", "infix" if index else "prefix")
        body = printer._print(-term if is_negative else term)
        parts.append(body if index == 0 and not is_negative else printer.element("mrow", operator, body))
    return [*parts, printer.element("mo", ")")] if is_long else parts


def _plain(markup: str) -> str:
    """Puts a thin space for SymPy's invisible times, a minus for its hyphen and a plain letter for its ⅇ."""
    thin = '<mspace width="0.17em"></mspace>'
    markup = markup.replace("<mo>&InvisibleTimes;</mo>", thin).replace("<mo>-</mo>", "<mo>−</mo>")
    return markup.replace("&ExponentialE;", "e")


def law_mathml(discovery: Discovery, law: dict[str, str] | None = None) -> list[list[str]]:
    """Typesets a law, one equation a row.

    Args:
        discovery: Says which states are velocities (drawn as dotted coordinates).
        law: The equations to typeset instead of the discovery's own, e.g. an alternative's.

    Returns:
        For each equation its parts as ``<math>`` elements: first the left side with the equals sign, then one
        for each term with its sign, so that a narrow page can break the line between them.

    Raises:
        ToolError: If an equation is not in our grammar.
    """
    from motionlaw.tools.equation import parse

    dotted = velocities(discovery)
    printer = _LawPrinter(dotted)
    rows = []
    for target, text in (discovery.law if law is None else law).items():
        if target in dotted:
            left = printer.dots(dotted[target], "¨")
        elif discovery.order == 1:
            left = printer.dots(target, "˙")
        else:
            left = printer.name(target)
        parts = [printer.element("mrow", left, printer.element("mo", "=")), *_right_side(printer, parse(text))]
        rows.append([f'<math displaystyle="true">{_plain(part.toxml())}</math>' for part in parts])
    return rows
