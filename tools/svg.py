"""A figure as SVG inside a page: small, in the page's own font and colours, with ids that meet no others.

`figure_style.save` writes the files for papers; this is the form for `report` alone.
"""

from __future__ import annotations

import base64
import html
import io
import re

from motionlaw.tools import figure_style
from motionlaw.tools.figure_style import Figure, matplotlib

# The page's CSS names a light and a dark value for each.
THEME = {
    figure_style.INK: "--ink", figure_style.MUTED: "--muted", figure_style.RULE: "--rule", figure_style.DATA: "--data",
    "#0072b2": "--blue", "#d55e00": "--vermilion", "#009e73": "--green", "#cc79a7": "--purple", "#e69f00": "--orange",
    "#56b4e9": "--sky",
}  # fmt: skip
_MARKER = re.compile(r'<path id="(\w+)" d="M 0 ([\d.]+)')
_DOTS = re.compile(r'(?:<use xlink:href="#(\w+)" x="[^"]*" y="[^"]*" style="fill: [^"]*"/>\s*){9,}')
_PLACE = re.compile(r'x="([-\d.]+)" y="([-\d.]+)"')


def _join_dots(svg: str) -> str:
    """Turns thousands of marker elements into one path of round-capped points, a fifth of the size."""
    radii = {name: float(radius) for name, radius in _MARKER.findall(svg)}

    def path(found: re.Match[str]) -> str:
        fill = re.search(r"fill: ([^;\"]+)", found[0])
        points = "".join(f"M{float(x):.1f} {float(y):.1f}h0" for x, y in _PLACE.findall(found[0]))
        width = 2 * radii.get(found[1], 1.0)
        look = f"fill:none;stroke:{fill[1] if fill else '#000000'};stroke-width:{width:.2f};stroke-linecap:round"
        return f'<path d="{points}" style="{look}"/>'

    return _DOTS.sub(path, svg)


def _as_jpeg(found: re.Match[str]) -> str:
    """Turns the PNG of a video frame into a JPEG, a tenth of the size."""
    from PIL import Image  # comes with matplotlib

    out = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB").save(out, "JPEG", quality=82)
    return f'"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"'


def inline_svg(fig: Figure, *, name: str, label: str) -> str:
    """Writes a figure as an ``<svg>`` element for an HTML page.

    Args:
        fig: A figure of `plot`.
        name: Letters and digits that start this figure's ids; no two figures of a page may share them.
        label: What a reader who cannot see the figure is told, not yet escaped.
    """
    for ax in fig.axes:
        ax.patch.set_visible(False)
    fig.patch.set_visible(False)
    buffer = io.StringIO()
    # Text stays text: it takes the page's font and is a fraction of the size of outlines.
    with matplotlib.rc_context(figure_style.style() | {"svg.fonttype": "none"}):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'"data:image/png;base64,([^"]*)"', _as_jpeg, svg)
    svg = _join_dots(svg)
    svg = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r"#[0-9a-f]{6}", lambda found: f"var({THEME[found[0]]})" if found[0] in THEME else found[0], svg)
    svg = re.sub(r'<g id="\w+">', "<g>", svg)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg role="img" aria-label="{html.escape(label)}" {box[0] if box else ""}'
    svg = head + ' xmlns="http://www.w3.org/2000/svg">' + svg[svg.index(">") + 1 :]
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", svg)).strip()
