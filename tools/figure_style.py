"""The one style of all figures, and the small parts they share: saving, thinning, axis labels.

Everything that says how a figure looks is here; what is drawn is in `plot`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.typeset import power_of_ten, unit_text

try:
    import matplotlib
    from matplotlib import patheffects
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ImportError as error:
    raise missing_extra("Drawing plots", "matplotlib", "plot") from error

COLUMN_IN = 3.4
INK, MUTED, RULE = "#1b1b1f", "#6a6a75", "#d4d4dc"
DATA, LAW, TAIL, RESIDUAL = "#8e8e99", "#0072b2", "#e69f00", "#d55e00"
# Okabe and Ito, Color Universal Design, 2008; yellow is left out, it does not show on white.
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = 1200  # points drawn per panel; more do not show at this size
SUFFIXES = (".png", ".svg", ".pdf")

P = ParamSpec("P")

__all__ = [
    "Axes", "Figure", "Line2D", "clipped", "dots", "label", "limits", "patheffects", "save", "scaled", "style",
    "styled", "thin", "with_gaps",
]  # fmt: skip


def style() -> dict[Any, Any]:
    """Returns the one style of all figures, as matplotlib's rc parameters."""
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same figure on every machine
        "font.size": 8.0,
        "axes.labelsize": 8.0,
        "axes.titlesize": 8.0,
        "axes.titlelocation": "left",
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "legend.fontsize": 7.0,
        "legend.frameon": False,
        "legend.handlelength": 1.5,
        "legend.columnspacing": 1.2,
        "text.color": INK,
        "text.parse_math": False,  # a "$" in a file name is a dollar
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.xmargin": 0.015,
        "axes.formatter.limits": (-4, 6),
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "lines.linewidth": 1.1,
        "path.simplify_threshold": 0.2,
        "savefig.dpi": 300,
        "figure.dpi": 150,
        "pdf.fonttype": 42,  # journals want TrueType
        "svg.hashsalt": "motionlaw",  # the same figure gives the same file
    }


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Makes a drawing function draw in our style, whatever the caller's is."""

    @wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(style()):
            return draw(*args, **kwargs)

    return inner


def save(fig: Figure, path: str | Path) -> None:
    """Writes a figure; the file's ending says how: png, svg or pdf.

    Args:
        fig: A figure of this module, or any other.
        path: Where to write.

    Raises:
        UserError: If the ending is another one or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise UserError(f"A plot's file must end in {', '.join(SUFFIXES)}, got {target.name!r}.")
    dated: dict[str, Any] | None = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(target.suffix.lower())
    try:
        with matplotlib.rc_context(style()):
            fig.savefig(target, metadata=dated)
    except OSError as error:
        raise UserError(f"Cannot write the plot {str(target)!r}: {error.strerror or error}.") from error


def thin(values: np.ndarray, *, marks: int = MARKS) -> np.ndarray:
    """Picks rows to draw so that no peak and no gap is lost.

    Args:
        values: One coordinate, shape (T,), NaN where unseen.
        marks: About how many rows to keep.

    Returns:
        Increasing row numbers: the smallest and the largest value of each bin, its first gap, and both ends.

    Example:
        >>> thin(np.array([0.0, 1.0, 9.0, 1.0, np.nan, 2.0, -7.0, 2.0]), marks=4).tolist()
        [0, 2, 4, 5, 6, 7]
    """
    rows = len(values)
    if rows <= marks:
        return np.arange(rows)
    size = -(-rows // max(marks // 2, 1))
    padded = np.full((-(-rows // size)) * size, np.nan)
    padded[:rows] = values
    bins = padded.reshape(-1, size)
    seen = np.isfinite(bins)
    starts = np.arange(len(bins)) * size
    picks = [
        (starts + np.where(seen, bins, np.inf).argmin(axis=1))[seen.any(axis=1)],
        (starts + np.where(seen, bins, -np.inf).argmax(axis=1))[seen.any(axis=1)],
        (starts + seen.argmin(axis=1))[~seen.all(axis=1)],
        np.array([0, rows - 1]),
    ]
    picked = np.unique(np.concatenate(picks))
    return picked[picked < rows]


def with_gaps(t: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Puts a NaN row where time jumps by more than ten steps, so that no line is drawn across it."""
    step = np.diff(t)
    jumps = np.flatnonzero(step > 10 * np.median(step)) + 1 if len(step) else np.array([], dtype=int)
    return tuple(np.insert(np.asarray(values, dtype=float), jumps, np.nan) for values in (t, *columns))


def dots(ax: Axes, x: np.ndarray, y: np.ndarray, **options: Any) -> None:
    """Draws data as dots, smaller where there are more of them."""
    size = float(np.clip(90.0 / np.sqrt(max(len(x), 1)), 3.2, 5.0))
    look: dict[str, Any] = {"color": DATA, "markersize": size, "zorder": 2} | options
    ax.plot(x, y, linestyle="none", marker=".", markeredgewidth=0, **look)


def scaled(values: np.ndarray) -> tuple[float, str]:
    """Returns the factor and the label's prefix that keep tick labels short, e.g. ``(1000, "10⁻³ ")``."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    if largest == 0 or not np.isfinite(largest) or 0.02 <= largest < 1e5:
        return 1.0, ""
    exponent = int(3 * np.floor(np.log10(largest) / 3))
    return 10.0**-exponent, f"{power_of_ten(exponent)} "


def clipped(text: str, *, length: int = 24) -> str:
    """Cuts text from outside so that it leaves room for the plot.

    Example:
        >>> clipped("the middle of the second pendulum's rod")
        'the middle of the secon…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def label(name: str, unit: str, *, prefix: str = "") -> str:
    """Writes an axis label: the name, and the unit in brackets where there is one."""
    inside = f"{prefix}{clipped(unit_text(unit), length=12)}".strip()
    return f"{clipped(name)} ({inside})" if inside else clipped(name)


def limits(ax: Axes, values: np.ndarray, law: np.ndarray | None = None) -> None:
    """Shows the data and as much of the law as stays near: a law that runs away must not flatten the data."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return
    low, high = finite.min(), finite.max()
    span = (high - low) or abs(high) or 1.0
    if law is not None and np.isfinite(law).any():
        low, high = (max(min(low, np.nanmin(law)), low - span), min(max(high, np.nanmax(law)), high + span))
    ax.set_ylim(low - 0.06 * span, high + 0.06 * span)
