r"""Cuts the text of an expression into tokens: numbers, names, derivatives, LaTeX commands and signs.

Greek letters, superscripts and LaTeX spellings become plain names and signs here, so that the grammar
(`motionlaw.tools.grammar`) sees one language. Every token remembers where it stood.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass

from motionlaw.tools.errors import UserError
from motionlaw.tools.nodes import FUNCTIONS

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu nu xi omicron pi rho "
    "sigmaf sigma tau upsilon phi chi psi omega"
)
_LETTERS = {chr(0x3B1 + index): name for index, name in enumerate(_GREEK.split())}
_LETTERS |= {letter.upper(): name.capitalize() for letter, name in list(_LETTERS.items()) if name != "sigmaf"}
_LETTERS |= {"ϕ": "phi", "ϑ": "theta", "ϵ": "epsilon", "ς": "sigma", "µ": "mu"}
# SymPy and Python both need another spelling for the Greek letter that is a keyword.
_COMMAND_NAMES = {"lambda": "lamda", "varphi": "phi", "vartheta": "theta", "varepsilon": "epsilon"}
_COMMAND_LETTERS = {*_LETTERS.values(), *_COMMAND_NAMES}
_KNOWN_COMMANDS = FUNCTIONS | {"ln", "arcsin", "arccos", "arctan", "sgn"}
_SPACING = {"left", "right", "quad", "qquad", "big", "Big", "bigl", "bigr", "displaystyle", "limits"}
_SPACING |= {"mathrm", "operatorname", "text"}
_SIGNS = {"cdot": "*", "times": "*", "ast": "*", "lvert": "|", "rvert": "|", "vert": "|", "div": "/"}
_PLAIN_SIGNS = str.maketrans("·×⋅∗−–÷’′\u00a0", "****--/'' ")
_SUPERSCRIPTS = {"²": "2", "³": "3", "⁴": "4", "⁵": "5"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

# A Greek letter is a name of its own: "ωt" is a product.
_NAME = r"(?:[Ͱ-Ͽµ][0-9]*|[A-Za-z][A-Za-z0-9]*)"
_SUBSCRIPT = r"(?:_\s*\{\s*\\?[A-Za-z0-9Ͱ-Ͽ]+(?:\s*_\s*\{?\w+\}?)?\s*\}|_\\?[A-Za-z0-9Ͱ-Ͽ_]+)?"
_SQUARE = r"\^\s*\{?\s*[12]\s*\}?"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|\\[,;:!\s]|~|&)
  | (?P<ddt>\\[dt]?frac\s*\{{\s*d\s*(?P<ddt_order>{_SQUARE})?\s*(?P<ddt_name>\\?{_NAME}{_SUBSCRIPT})\s*\}}
            \s*\{{\s*d\s*t\s*(?:{_SQUARE})?\s*\}})
  | (?P<quotient>\bd(?P<quotient_order>\^?2)?(?P<quotient_name>{_NAME}(?:_\w+)?)\s*/\s*dt(?:\^?2)?\b)
  | (?P<dot>\\d(?P<dot_order>d?)ot\s*(?:\{{\s*(?P<dot_name>\\?{_NAME}{_SUBSCRIPT})\s*\}}|(?P<dot_bare>\\?[A-Za-z]+))
            (?P<dot_subscript>{_SUBSCRIPT}))
  | (?P<upright>\\(?:mathrm|operatorname|text|mathit)\s*\{{\s*(?P<upright_name>[A-Za-z]+)\s*\}})
  | (?P<letter>\\(?:{"|".join(sorted(_COMMAND_LETTERS, key=len, reverse=True))})(?![A-Za-z]){_SUBSCRIPT})
  | (?P<command>\\[A-Za-z]+)
  | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>{_NAME}{_SUBSCRIPT})(?P<primes>'*)
  | (?P<sign>\*\*|[-+*/^(){{}}\[\],|=])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One piece of an expression: its kind (number, name, dot, command, op, end), its text and its place.

    ``order`` counts time derivatives of a ``dot``; ``latex`` marks what only LaTeX writes.
    """

    kind: str
    text: str
    position: int
    latex: bool = False
    order: int = 0


def tokenise(text: str, *, offset: int, variables: frozenset[str] | None) -> list[Token]:
    """Cuts text into tokens.

    Args:
        text: The expression without fences.
        offset: Where it starts in what the user wrote, for the positions in errors.
        variables: Known names; they decide how subscripts are spelled and which letters stand alone.

    Raises:
        UserError: A sign or name is not part of the language.
    """
    text = _plain(text)
    is_latex = "\\" in text or "{" in text
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise UserError(f"Unexpected '{text[place]}' at character {offset + place + 1} of the expression.")
        tokens += _tokens(match, offset + place, is_latex, variables)
        place = match.end()
    return tokens


def _plain(text: str) -> str:
    """Rewrites look-alike signs, accents and small digits; only superscripts change the length."""
    text = unicodedata.normalize("NFC", text).translate(_PLAIN_SIGNS).translate(_SUBSCRIPTS)
    text = text.replace("ẋ", "\\dot{x}").replace("ẍ", "\\ddot{x}").replace("ẏ", "\\dot{y}").replace("ÿ", "\\ddot{y}")
    text = re.sub(r"([A-Za-zͰ-Ͽ])\u0307", r"\\dot{\1}", text)
    for small, digit in _SUPERSCRIPTS.items():
        text = text.replace(small, f"^{digit}")
    return text


def _tokens(match: re.Match[str], position: int, is_latex: bool, variables: frozenset[str] | None) -> list[Token]:
    groups = match.groupdict()
    if groups["space"] is not None:
        return []
    if groups["number"] is not None:
        return [Token("number", groups["number"], position)]
    if groups["sign"] is not None:
        sign = groups["sign"]
        return [Token("op", "^" if sign == "**" else sign, position, latex=sign in "{}")]
    for form in ("ddt", "quotient", "dot"):
        if groups[form] is not None:
            return [_derivative(form, groups, position, variables)]
    if groups["upright"] is not None:
        return [Token("name", groups["upright_name"], position, latex=True)]
    if groups["letter"] is not None:
        return [Token("name", spelled(groups["letter"], True, variables), position, latex=True)]
    if groups["command"] is not None:
        return _command(groups["command"][1:], position)
    return _names(groups["name"], len(groups["primes"] or ""), position, is_latex, variables)


def _derivative(form: str, groups: dict[str, str | None], position: int, variables: frozenset[str] | None) -> Token:
    mark = groups[f"{form}_order"] or ""
    name = groups[f"{form}_name"] or groups["dot_bare"] or ""
    if form == "dot":
        name += groups["dot_subscript"] or ""
    is_second = "2" in mark or mark == "d"
    return Token("dot", spelled(name, True, variables), position, latex=form != "quotient", order=2 if is_second else 1)


def _command(command: str, position: int) -> list[Token]:
    if command in _SPACING:
        return []
    if command in _SIGNS:
        return [Token("op", _SIGNS[command], position, latex=True)]
    if command in ("frac", "dfrac", "tfrac", "sqrt"):
        return [Token("command", "sqrt" if command == "sqrt" else "frac", position, latex=True)]
    if command not in _KNOWN_COMMANDS:
        raise UserError(f"No LaTeX command '\\{command[:20]}' in expressions, found at character {position + 1}.")
    return [Token("name", command, position, latex=True)]


def _names(raw: str, primes: int, position: int, is_latex: bool, variables: frozenset[str] | None) -> list[Token]:
    name = spelled(raw, is_latex, variables)
    if keyword.iskeyword(name) or len(name) > 40 or "__" in name:
        raise UserError(f"'{name[:20]}' at character {position + 1} cannot be the name of a variable.")
    if primes:
        if primes > 2:
            raise UserError(f"At most two primes may follow a name, got {primes} at character {position + 1}.")
        return [Token("dot", name, position, order=primes)]
    head = re.match(r"[A-Za-z]+", raw)
    is_known = variables is not None and name in variables
    is_word = name in _KNOWN_COMMANDS or name in _COMMAND_LETTERS
    if is_latex and not is_known and not is_word and head and len(head.group()) > 1:
        # In LaTeX "kx" is a product of k and x; a subscript or digit belongs to the last letter.
        letters = head.group()
        singles = [Token("name", letter, position + place) for place, letter in enumerate(letters[:-1])]
        last = spelled(raw[len(letters) - 1 :], True, variables)
        return [*singles, Token("name", last, position + len(letters) - 1)]
    return [Token("name", name, position, latex=ord(raw[0]) > 127)]


def spelled(raw: str, is_latex: bool, variables: frozenset[str] | None) -> str:
    r"""Spells a name in plain letters: ``θ`` and ``\theta`` as theta, ``v_{x1}`` as v_x1.

    Example:
        >>> spelled(r"\theta_{1}", True, None), spelled("ω", False, None), spelled("v_{x_1}", True, None)
        ('theta1', 'omega', 'v_x1')
    """
    name = "".join(_LETTERS.get(letter, letter) for letter in re.sub(r"[\s{}\\]", "", raw)).strip("_")
    for written, name_of_letter in _COMMAND_NAMES.items() if is_latex else ():
        name = re.sub(rf"(?<![A-Za-z]){written}(?![A-Za-z])", name_of_letter, name)
    joined = re.sub(r"_(?=\d)", "", name)
    if variables is None:
        return joined if is_latex else name
    candidates = (name, joined, name.replace("_", ""))
    return next((candidate for candidate in candidates if candidate in variables), joined if is_latex else name)
