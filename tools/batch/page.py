"""One page about a batch: what was found, laws grouped by structure, constants across runs, outliers, and failures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import motionlaw
from motionlaw.tools.batch.across import AcrossLaw, Constant, constants_of
from motionlaw.tools.html_page import NARROW_IN, card, escaped, figure, table, write_page
from motionlaw.tools.summary import with_error
from motionlaw.tools.typeset import number_text

# Structures, reasons and outliers shown, and points of a picture; what is beyond is counted.
MOST_STRUCTURES, MOST_LISTED, MOST_POINTS = 20, 30, 1000
STATUS = {"ok": "a law that holds", "weak": "a law with weak support", "refused": "no law", "failed": "not readable"}


def write_batch_page(
    path: str | Path,
    laws: pd.DataFrame,
    *,
    metadata: pd.DataFrame | None = None,
    across: Sequence[AcrossLaw] = (),
    command: str = "",
) -> None:
    """Writes one self-contained HTML page about a batch.

    Args:
        path: The page's file; replaced as a whole or not at all.
        laws: The table of laws.
        metadata: What is known about each run, in the same order.
        across: Laws across runs.
        command: The command line that makes it again.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    laws = laws.assign(name=_shortened(laws["name"]))
    cards = [_head(laws), _across(laws, across), _structures(laws), *_pictures(laws, metadata, across)]
    cards += [_outliers(laws, across), _without_law(laws), _again(laws, command)]
    title = f"{len(laws)} recordings: {(laws['status'] == 'ok').sum()} laws that hold"
    write_page(path, title=title, cards=cards, version=motionlaw.__version__)


def _shortened(names: pd.Series) -> pd.Series:
    """Names without the folder that all of them lie in."""
    folders = [os.path.dirname(os.path.abspath(name)) for name in names]
    if len(set(names.map(os.path.isabs))) > 1 or not folders:
        return names
    folder = os.path.commonpath(folders)
    return names.map(lambda name: os.path.relpath(name, folder))


def _head(laws: pd.DataFrame) -> str:
    counts = laws["status"].value_counts()
    facts = "".join(
        f"<div><dt>{escaped(text)}</dt><dd>{counts.get(status, 0):,}</dd></div>" for status, text in STATUS.items()
    )
    seconds = laws["seconds"].dropna()
    if len(seconds):
        facts += (
            f"<div><dt>seconds a recording, median</dt><dd>{number_text(float(seconds.median()), digits=2)}</dd></div>"
        )
    same = int((laws["same_as"] != "").sum())
    note = f'<p class="note">{same} recordings equal others, byte for byte, and share their law.</p>' if same else ""
    kind = "ok" if counts.get("ok", 0) * 2 >= len(laws) else "weak"
    heading = f'<h1>{len(laws):,} recordings</h1><p class="verdict">{counts.get("ok", 0):,} laws that hold</p>'
    return card("", f'{heading}<dl class="facts">{facts}</dl>{note}', kind=f"wide head {kind}")


def _across(laws: pd.DataFrame, across: Sequence[AcrossLaw]) -> str:
    if not across:
        return ""
    rows = []
    for one in across:
        law = next(iter(one.found.law.values()), "")
        told = f"<code>{escaped(law)}</code>" if law else escaped(one.found.reason)
        unseen = one.found.holdout["nmse_trajectory"]
        left = "–" if unseen is None or not law else f"{number_text(100 * float(unseen), digits=2)} %"
        rows.append((escaped(one.constant.name), told, escaped(one.found.status), f"{len(one.constant.runs)}", left))
    return card("Laws across runs", table(("constant", "=", "", "#runs", "#unseen error"), rows), kind="wide")


def _structures(laws: pd.DataFrame) -> str:
    groups = laws[laws["structure"] != ""].groupby("structure", sort=False)
    ordered = sorted(groups, key=lambda of: -len(of[1]))
    rows = [
        (f"<code>{escaped(name)}</code>", f"{len(group):,}", _middles(group), escaped(group["name"].iloc[0]))
        for name, group in ordered[:MOST_STRUCTURES]
    ]
    more = len(ordered) - len(rows)
    note = f'<p class="note">{more} more structures were found.</p>' if more > 0 else ""
    return (
        card(
            "Laws by structure",
            table(("structure", "#runs", "middle half of the coefficients", "for example"), rows) + note,
            kind="wide",
        )
        if rows
        else ""
    )


def _middles(group: pd.DataFrame) -> str:
    """The quartiles of every coefficient of a structure."""
    values: dict[str, list[float]] = {}
    for terms in group["terms"]:
        for term in terms:
            values.setdefault(term["term"], []).append(term["coefficient"])
    shown = []
    for name, listed in list(values.items())[:6]:
        ends = [number_text(float(value), digits=3) for value in np.quantile(listed, [0.25, 0.75])]
        shown.append(f"{name}: {' … '.join(dict.fromkeys(ends))}")
    return escaped("; ".join(shown))


def _pictures(laws: pd.DataFrame, metadata: pd.DataFrame | None, across: Sequence[AcrossLaw]) -> list[str]:
    """A picture of every constant: against what it depends on, or its spread over the runs."""
    known = {one.constant.name: one for one in across if one.found.law}
    cards = []
    for number, constant in enumerate(constants_of(laws)):
        one = known.get(constant.name)
        if one is not None and metadata is not None:
            picture = _against(one, metadata)
            caption = (
                f"{constant.name}: found in each run against the law across runs, {next(iter(one.found.law.values()))}"
            )
            if len(one.constant.runs) > MOST_POINTS:
                caption += f" ({MOST_POINTS:,} of {len(one.constant.runs):,} runs, and all outliers)"
        else:
            picture = _spread(constant)
            caption = f"{constant.name} in {len(constant.values)} runs"
        cards.append(card(constant.name, figure(picture, f"c{number}", caption, caption=caption)))
    return cards


def _against(one: AcrossLaw, metadata: pd.DataFrame) -> Any:
    """The constant of every run against what the law across runs says; on the line the two agree."""
    from motionlaw.tools.batch.across import told_by
    from motionlaw.tools.figure_style import matplotlib, styled

    @styled
    def draw() -> Any:
        constant = one.constant
        told = told_by(one.found, metadata.iloc[constant.runs])
        drawn = np.linspace(0, len(told) - 1, min(len(told), MOST_POINTS)).astype(int)
        drawn = np.union1d(drawn, np.flatnonzero(np.isin(constant.runs, one.outliers)))
        fig = matplotlib.figure.Figure(figsize=(NARROW_IN, 2.6), layout="constrained")
        ax = fig.subplots()
        ends = [min(told.min(), constant.values.min()), max(told.max(), constant.values.max())]
        ax.plot(ends, ends, color="#d55e00", linewidth=0.9, zorder=3)
        errors = 1.96 * np.where(np.isfinite(constant.stderr), constant.stderr, 0.0)[drawn]
        found = constant.values[drawn]
        ax.errorbar(told[drawn], found, yerr=errors, fmt="o", markersize=2.6, color="#0072b2", elinewidth=0.6)
        ax.set(xlabel="law across runs", ylabel=f"found ({constant.unit})" if constant.unit else "found")
        return fig

    return draw()


def _spread(constant: Constant) -> Any:
    from motionlaw.tools.figure_style import matplotlib, styled

    @styled
    def draw() -> Any:
        fig = matplotlib.figure.Figure(figsize=(NARROW_IN, 2.2), layout="constrained")
        ax = fig.subplots()
        low, high = np.quantile(constant.values, [0.01, 0.99])
        ax.hist(np.clip(constant.values, low, high), bins=min(40, max(5, len(constant.values) // 4)), color="#0072b2")
        ax.set(xlabel=f"found ({constant.unit})" if constant.unit else "found", ylabel="runs")
        return fig

    return draw()


def _outliers(laws: pd.DataFrame, across: Sequence[AcrossLaw]) -> str:
    rows = []
    for one in across:
        places = {int(run): k for k, run in enumerate(one.constant.runs)}
        for run in one.outliers:
            k = places[run]
            value = with_error(one.constant.values[k], one.constant.stderr[k], one.constant.unit)
            rows.append((escaped(laws["name"].iloc[run]), escaped(one.constant.name), escaped(value)))
    shown = table(("run", "constant", "#found"), rows[:MOST_LISTED])
    return card("Outliers", shown + _more(rows, "outliers"), kind="wide") if rows else ""


def _more(rows: Sequence[object], what: str) -> str:
    """Counts what is not listed."""
    beyond = len(rows) - MOST_LISTED
    return f'<p class="note">{beyond:,} more {what}: see the table of laws.</p>' if beyond > 0 else ""


def _without_law(laws: pd.DataFrame) -> str:
    """Why recordings have no law, the most frequent reasons first."""
    none = laws[laws["status"].isin(("refused", "failed"))]
    if none.empty:
        return ""
    groups = sorted(none.groupby(["status", "reason"], sort=False), key=lambda of: -len(of[1]))
    rows = [
        (escaped(status), escaped(reason), f"{len(group)}", escaped(group["name"].iloc[0]))
        for (status, reason), group in groups[:MOST_LISTED]
    ]
    shown = table(("", "reason", "#runs", "for example"), rows)
    return card("Without a law", shown + _more(groups, "reasons"), kind="wide")


def _again(laws: pd.DataFrame, command: str) -> str:
    seed = next((json.loads(text)["seed"] for text in laws["discovery"] if text), 0)
    rows = [("version", f"motionlaw {escaped(motionlaw.__version__)}"), ("seed", f"{seed}")]
    return card("Get it again", f"<pre>{escaped(command)}</pre>{table(('', ''), rows)}", kind="wide")
