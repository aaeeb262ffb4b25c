"""The building blocks of our HTML pages: cards, tables, figures, and the page around them.

A page is a single file without scripts or network: plots are inline SVG in the reader's light or dark colours.
Everything that comes from outside is escaped here or by the caller. The look is in ``pages/``.
"""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from motionlaw.tools.errors import UserError

BROAD_IN, NARROW_IN = 8.6, 4.3
"""Figure widths, inches: of the page and of a card or a phone."""


def escaped(text: object) -> str:
    """Makes text from outside harmless inside HTML."""
    return html.escape(str(text))


def card(title: str, body: str, *, kind: str = "") -> str:
    """Makes a card of a body that is HTML already; ``kind`` is its class, ``wide`` for the whole row."""
    heading = f"<h2>{escaped(title)}</h2>" if title else ""
    return f'<section class="{kind}">{heading}{body}</section>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Makes a table of cells that are HTML already; a head that starts with ``#`` is a column of numbers."""
    look = [' class="number"' if head.startswith("#") else "" for head in heads]
    top = "".join(f"<th{of}>{escaped(head.lstrip('#'))}</th>" for head, of in zip(heads, look, strict=True))
    lines = "".join(
        f"<tr>{''.join(f'<td{of}>{cell}</td>' for cell, of in zip(row, look, strict=True))}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def figure(fig: Any, name: str, label: str, *, kind: str = "", caption: str = "") -> str:
    """Puts a matplotlib figure into the page; ``name`` keeps its ids apart, ``label`` is read aloud."""
    from motionlaw.tools.svg import inline_svg

    below = f"<figcaption>{escaped(caption)}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{inline_svg(fig, name=name, label=label)}{below}</figure>'


def lay_out(cards: Iterable[str]) -> str:
    """Puts narrow cards side by side; one that is left over between wide ones takes the whole row."""
    placed: list[str] = []
    alone = False
    for one in [*(one for one in cards if one), '<section class="wide">']:
        is_wide = one.startswith('<section class="wide')
        if is_wide and alone:
            placed[-1] = placed[-1].replace('<section class="', '<section class="wide single ', 1)
        alone = False if is_wide else not alone
        placed.append(one)
    return "\n".join(placed[:-1])


def _write(path: Path, text: str) -> None:
    """Writes a whole file or none."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UserError(f"Cannot write the report to {str(path)!r}: {error.strerror or error}.") from error


def write_page(path: str | Path, *, title: str, cards: Iterable[str], version: str) -> None:
    """Writes a page; its file is replaced as a whole or not at all.

    Args:
        path: The file.
        title: Text of the browser's tab.
        cards: Made by `card`, empty ones are left out.
        version: Of the program.

    Raises:
        UserError: The file cannot be written.
    """
    pages = files("motionlaw.tools") / "pages"
    page = Template((pages / "report.html").read_text(encoding="utf-8")).substitute(
        title=escaped(title),
        version=escaped(version),
        css=(pages / "report.css").read_text(encoding="utf-8"),
        body=lay_out(cards),
    )
    _write(Path(path), page)
