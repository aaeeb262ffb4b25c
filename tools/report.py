"""One HTML page about one discovery: the law, its errors, the pictures that show it holds, and how to get it again.

The page is a single file without scripts or network: plots are inline SVG in the reader's light or dark colours, the
law is MathML. Everything that comes from outside is escaped. The look is in ``pages/``, the figures in `plot`.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.law import Discovery, Prediction
from motionlaw.tools.trajectory import Trajectory
from motionlaw.tools.typeset import (
    law_mathml,
    name_text,
    number_text,
    rate_text,
    term_text,
    unit_text,
    value_text,
    velocities,
)

RUNS = 6  # runs drawn; the worst are picked when there are more
BROAD_IN, NARROW_IN = 8.6, 4.3  # figure widths, inches: of the page and of a card or a phone
VERDICTS = {"ok": "A law that holds", "weak": "A law with weak support", "refused": "No law"}
FACTS = {
    "nmse_acceleration": "error of the acceleration", "nmse_trajectory": "error of the motion",
    "noise_std": "measurement noise", "rows": "rows used", "span_s": "length",
}  # fmt: skip
EXPORTS = {"sympy": "SymPy", "latex": "LaTeX", "python": "Python function", "torch": "PyTorch module"}


def _escaped(text: object) -> str:
    return html.escape(str(text))


def _card(title: str, body: str, *, kind: str = "") -> str:
    heading = f"<h2>{_escaped(title)}</h2>" if title else ""
    return f'<section class="{kind}">{heading}{body}</section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Makes a table of cells that are HTML already; a head that starts with ``#`` is a column of numbers."""
    look = [' class="number"' if head.startswith("#") else "" for head in heads]
    top = "".join(f"<th{of}>{_escaped(head.lstrip('#'))}</th>" for head, of in zip(heads, look, strict=True))
    lines = "".join(
        f"<tr>{''.join(f'<td{of}>{cell}</td>' for cell, of in zip(row, look, strict=True))}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def _share(nmse: float | None) -> str:
    """Writes a normalised mean square error as what is left of the variance."""
    return "–" if nmse is None or not np.isfinite(nmse) else f"{number_text(100 * float(nmse), digits=2)} %"


def _equations(discovery: Discovery, law: dict[str, str]) -> str:
    try:
        rows = law_mathml(discovery, law)
    except (ToolError, UserError):
        # An engine may write a law that is outside our grammar; it is shown as it came.
        return "".join(f"<p><code>{_escaped(key)}: {_escaped(text)}</code></p>" for key, text in law.items())
    # Twelve terms at the size of two would fill the screen.
    kind = "equation long" if max(map(len, rows), default=0) > 6 else "equation"
    return "".join(f'<div class="{kind}">{" ".join(parts)}</div>' for parts in rows)


def _head(discovery: Discovery) -> str:
    verdict = VERDICTS.get(discovery.status, discovery.status)
    lines = [f"<h1>{_escaped(discovery.input)}</h1>", f'<p class="verdict">{_escaped(verdict)}</p>']
    if discovery.reason:
        lines.append(f"<p>{_escaped(discovery.reason)}</p>")
    lines.append(_equations(discovery, discovery.law))
    tail, span = discovery.holdout.get("nmse_trajectory"), discovery.holdout.get("span_s")
    if discovery.law and tail is not None and span is not None:
        where = f"On the last {number_text(float(span), digits=2)} s, which were not used to find it,"
        if not discovery.order:
            where = "On rows that were not used to fit it,"
        lines.append(f'<p class="note">{where} the law leaves {_share(tail)} of the variance.</p>')
    facts = "".join(
        f"<div><dt>{_escaped(of.name)}</dt><dd>{_escaped(value_text(of.value, of.stderr, of.unit))}</dd></div>"
        for of in discovery.quantities
    )
    if facts:
        lines.append(f'<dl class="facts">{facts}</dl>')
    notes = dict.fromkeys(note for run in discovery.trajectories for note in run.notes)
    lines += [f'<p class="note">{_escaped(note)}</p>' for note in list(notes)[:8]]
    return _card("", "".join(lines), kind=f"wide head {_escaped(discovery.status)}")


def _warnings(discovery: Discovery, tracking: Any) -> str:
    listed = list(dict.fromkeys([*discovery.warnings, *getattr(tracking, "warnings", ())]))
    if not listed:
        return ""
    return _card("Warnings", f"<ul>{''.join(f'<li>{_escaped(line)}</li>' for line in listed)}</ul>", kind="wide")


def _left(run: Trajectory, prediction: Prediction | None) -> float:
    """Share of a run's variance that its law leaves; infinite if the law could not be simulated."""
    if prediction is None:
        return 0.0
    law = np.stack([np.interp(run.t, prediction.t, column) for column in prediction.position.T], axis=1)
    seen = np.isfinite(run.position) & np.isfinite(law)
    if not seen.any():
        return np.inf
    return float(((run.position - law)[seen] ** 2).mean() / max(run.position[seen].var(), 1e-300))


def _pairs(discovery: Discovery) -> list[tuple[Trajectory, Prediction | None]]:
    """Joins runs with their predictions by name, in the order given; only the worst if there are too many."""
    played = {prediction.name: prediction for prediction in discovery.predictions}
    if len(discovery.predictions) == len(discovery.trajectories):
        pairs: list[tuple[Trajectory, Prediction | None]] = list(
            zip(discovery.trajectories, discovery.predictions, strict=True)
        )
    else:
        pairs = [(run, played.get(run.name)) for run in discovery.trajectories]
    pairs = [(run, prediction) for run, prediction in pairs if len(run.t) > 1]
    worst = sorted(range(len(pairs)), key=lambda k: -_left(*pairs[k]))[:RUNS]
    return [pairs[k] for k in sorted(worst)]


def _figure(fig: Any, name: str, label: str, *, kind: str = "", caption: str = "") -> str:
    from motionlaw.tools.svg import inline_svg

    below = f"<figcaption>{_escaped(caption)}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{inline_svg(fig, name=name, label=label)}{below}</figure>'


def _film(discovery: Discovery, tracking: Any) -> str:
    from motionlaw.tools import plot

    tracks = discovery.tracks or tuple(getattr(tracking, "tracks", ()))
    if not any(np.isfinite(track.position).any() for track in tracks):
        return ""
    fig = plot.tracks_over_frame(getattr(tracking, "frame", None), tracks, width_in=NARROW_IN)
    caption = f"Path of {', '.join(track.name for track in tracks)}; open circle: first sight, filled: last."
    return _card("What was tracked", _figure(fig, "film", caption, kind="film", caption=caption), kind="wide")


def _time_series(discovery: Discovery, pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    shown = []
    marks: dict[str, Any] = {}
    if len(discovery.trajectories) == 1:  # events carry no run, so they are drawn only where there is no doubt
        marks = {"events": discovery.events, "regimes": discovery.regimes}
    for k, (run, prediction) in enumerate(pairs):
        label = f"{run.name}: {', '.join(run.coordinates)} over time, data{' and law' if prediction else ''}"
        span = f"{number_text(float(run.t[0]), digits=3)} to {number_text(float(run.t[-1]), digits=3)} s"
        title = f"<h3>{_escaped(run.name)}, {span}</h3>" if len(pairs) > 1 else ""
        if len(pairs) == 1:
            broad = plot.trajectory(run, prediction, width_in=BROAD_IN, **marks)
            shown.append(_figure(broad, f"b{k}", label, kind="broad"))
        narrow = plot.trajectory(run, prediction, width_in=NARROW_IN, **marks)
        shown.append(f"<div>{title}{_figure(narrow, f't{k}', label, kind='narrow' if len(pairs) == 1 else '')}</div>")
    note = ""
    if len(discovery.trajectories) > len(pairs):
        picked = "the worst" if discovery.predictions else "the first"
        note = f'<p class="note">Drawn: {picked} {len(pairs)} of {len(discovery.trajectories)} runs.</p>'
    body = "".join(shown) if len(pairs) == 1 else f'<div class="plots">{"".join(shown)}</div>'
    return _card("Data and law over time" if discovery.predictions else "Data over time", body + note, kind="wide")


def _phase(discovery: Discovery, pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    played = [prediction for _, prediction in pairs if prediction is not None]
    fig = plot.phase_portrait([run for run, _ in pairs], played, order=discovery.order, width_in=NARROW_IN)
    return _card("Phase portrait", _figure(fig, "phase", "Phase portrait of data and law"))


def _residuals(pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    played = [(run, prediction) for run, prediction in pairs if prediction is not None]
    if not played:
        return ""
    run, prediction = max(played, key=lambda pair: _left(*pair))
    fig = plot.residuals(run, prediction, width_in=NARROW_IN)
    caption = f"{run.name}, the run with the largest residuals." if len(played) > 1 else ""
    label = "Residuals over time, their histogram beside a normal, and their autocorrelation"
    return _card("What the law leaves", _figure(fig, "left", label, caption=caption))


def _name_of(discovery: Discovery, state: str) -> str:
    dotted = velocities(discovery)
    if state in dotted:
        return rate_text(dotted[state], order=2)
    return rate_text(state) if discovery.order == 1 else name_text(state)


def _terms(discovery: Discovery) -> list[str]:
    from motionlaw.tools import plot

    if not discovery.terms:
        return []
    rows = [
        (_escaped(", ".join(_name_of(discovery, of) for of in term.of.split(","))),
         _escaped(term_text(_spelled(discovery, term.term))),
         _escaped(value_text(term.coefficient, term.stderr)),
         _escaped(unit_text(term.unit if term.unit != "1" else "")))
        for term in discovery.terms
    ]  # fmt: skip
    spelled = [replace(of, term=_spelled(discovery, of.term), of=_spelled(discovery, of.of)) for of in discovery.terms]
    fig = plot.terms(spelled, width_in=NARROW_IN)
    caption = "An interval that reaches zero: the data cannot tell that this term is there."
    return [
        _card("Terms", _table(("of", "term", "#coefficient ± error", "unit"), rows)),
        _card("How sure each term is", _figure(fig, "terms", "95 % interval of each coefficient", caption=caption)),
    ]


def _checks(discovery: Discovery) -> str:
    rows = []
    units = {unit for run in discovery.trajectories for unit in run.units}
    for values, where in ((discovery.fit, "fit"), (discovery.holdout, "held-out tail")):
        for key, value in values.items():
            if value is None:
                continue
            written = _share(value) if key.startswith("nmse") else number_text(value)
            unit = "s" if key.endswith("_s") else units.pop() if key == "noise_std" and len(units) == 1 else ""
            name = FACTS.get(key, key.replace("_", " "))
            rows.append((_escaped(where), _escaped(name), _escaped(f"{written} {unit}".strip())))
    return _card("In numbers", _table(("where", "what", "#value"), rows)) if rows else ""


def _alternatives(discovery: Discovery) -> str:
    if not discovery.alternatives:
        return ""
    rows = [
        (_equations(discovery, of.law), number_text(of.score), number_text(of.delta), _share(of.nmse_trajectory))
        for of in discovery.alternatives
    ]
    heads = ("law", "#score", "#behind the best", "#error on the tail")
    note = '<p class="note">Lower scores are better. The error is what the re-simulated law leaves of the variance.</p>'
    title = "Alternatives" if discovery.law else "Tried, and did not hold"
    return _card(title, _table(heads, rows) + note, kind="wide")


def _spelled(discovery: Discovery, text: str) -> str:
    """Names the coordinate of a lone ``v``, so that it is written as the rate it is."""
    return re.sub(r"\bv\b", f"v_{velocities(discovery)['v']}", text) if "v" in velocities(discovery) else text


def _law_text(discovery: Discovery, law: dict[str, str]) -> str:
    sides = ((_name_of(discovery, key), term_text(_spelled(discovery, text))) for key, text in law.items())
    return "; ".join(f"{left} = {right}" for left, right in sides)


def _times(discovery: Discovery) -> str:
    rows = [(number_text(of.t), _escaped(of.kind), _escaped(of.detail)) for of in discovery.events]
    for of in discovery.regimes if len(discovery.regimes) > 1 else ():
        span = f"{number_text(of.t_start)} to {number_text(of.t_end)}"
        rows.append((span, _escaped(of.kind), _escaped(_law_text(discovery, of.law))))
    return _card("Events and regimes", _table(("t (s)", "kind", "detail"), rows)) if rows else ""


def _hypotheses(discovery: Discovery) -> str:
    rows = []
    for of in discovery.hypotheses:
        words = f"<div>{_escaped(of.text)}</div><code>{_escaped(_law_text(discovery, of.law))}</code>"
        rows.append((_escaped(of.source), words, "yes" if of.used else "no"))
    return _card("Hypotheses", _table(("from", "law", "used"), rows)) if rows else ""


def _exports(discovery: Discovery) -> str:
    from motionlaw.tools.export import export_law

    blocks = []
    for kind, title in EXPORTS.items() if discovery.law else ():
        try:
            blocks.append((title, export_law(discovery, kind)))
        except (ToolError, UserError) as error:
            blocks.append((title, str(error)))
    blocks.append(("JSON", json.dumps(discovery.to_dict(), indent=1, ensure_ascii=False, default=str)))
    folded = (f"<details><summary>{title}</summary><pre>{_escaped(text)}</pre></details>" for title, text in blocks)
    return _card("Take it along", "".join(folded), kind="wide")


def _again(discovery: Discovery, command: str) -> str:
    line = command or f"motionlaw discover {shlex.quote(discovery.input)} --seed {discovery.seed}"
    facts = (
        ("input", discovery.input), ("version", f"motionlaw {discovery.version}".strip()),
        ("seed", discovery.seed), ("engine", discovery.engine), ("model", discovery.model),
        ("time taken", f"{number_text(discovery.seconds, digits=2)} s"),
    )  # fmt: skip
    rows = [(_escaped(name), _escaped(value)) for name, value in facts]
    return _card("Get it again", f"<pre>{_escaped(line)}</pre>{_table(('', ''), rows)}", kind="wide")


def _lay_out(cards: Iterable[str]) -> str:
    """Puts narrow cards side by side; one that is left over between wide ones takes the whole row."""
    placed: list[str] = []
    alone = False
    for card in [*(card for card in cards if card), '<section class="wide">']:
        is_wide = card.startswith('<section class="wide')
        if is_wide and alone:
            placed[-1] = placed[-1].replace('<section class="', '<section class="wide single ', 1)
        alone = False if is_wide else not alone
        placed.append(card)
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


def write_report(discovery: Discovery, out_path: str | Path, *, command: str = "", tracking: Any = None) -> None:
    """Writes one self-contained HTML page about a discovery.

    Args:
        discovery: What came out of the search, refused or not.
        out_path: The page's file; it is replaced as a whole or not at all.
        command: The command line that makes it again; written from the input and the seed if empty.
        tracking: The `TrackingResult` of a video, for its sample frame, its tracks and warnings.

    Raises:
        UserError: If matplotlib is missing or the file cannot be written.
    """
    pairs = _pairs(discovery)
    cards = [_head(discovery), _warnings(discovery, tracking), _film(discovery, tracking)]
    if pairs:
        cards += [_time_series(discovery, pairs), _phase(discovery, pairs), _residuals(pairs)]
    cards += [*_terms(discovery), _checks(discovery), _times(discovery), _hypotheses(discovery)]
    cards += [_alternatives(discovery), _exports(discovery), _again(discovery, command)]
    pages = files("motionlaw.tools") / "pages"
    page = Template((pages / "report.html").read_text(encoding="utf-8")).substitute(
        title=_escaped(f"{Path(discovery.input).name}: {VERDICTS.get(discovery.status, discovery.status)}"),
        version=_escaped(discovery.version),
        css=(pages / "report.css").read_text(encoding="utf-8"),
        body=_lay_out(cards),
    )
    _write(Path(out_path), page)
