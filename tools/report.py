"""One HTML page about one discovery: the law, its errors, the pictures that show it holds, and how to get it again.

The law is MathML, plots are inline SVG. The page around them is `html_page`, the figures are drawn in `plot`.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.html_page import BROAD_IN, NARROW_IN, card, escaped, figure, table, write_page
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
VERDICTS = {"ok": "A law that holds", "weak": "A law with weak support", "refused": "No law"}
FACTS = {
    "nmse_acceleration": "error of the acceleration", "nmse_trajectory": "error of the motion",
    "noise_std": "measurement noise", "rows": "rows used", "span_s": "length",
}  # fmt: skip
EXPORTS = {"sympy": "SymPy", "latex": "LaTeX", "python": "Python function", "torch": "PyTorch module"}


def _share(nmse: float | None) -> str:
    """Writes a normalised mean square error as what is left of the variance."""
    return "–" if nmse is None or not np.isfinite(nmse) else f"{number_text(100 * float(nmse), digits=2)} %"


def _equations(discovery: Discovery, law: dict[str, str]) -> str:
    try:
        rows = law_mathml(discovery, law)
    except (ToolError, UserError):
        # An engine may write a law that is outside our grammar; it is shown as it came.
        return "".join(f"<p><code>{escaped(key)}: {escaped(text)}</code></p>" for key, text in law.items())
    # Twelve terms at the size of two would fill the screen.
    kind = "equation long" if max(map(len, rows), default=0) > 6 else "equation"
    return "".join(f'<div class="{kind}">{" ".join(parts)}</div>' for parts in rows)


def _head(discovery: Discovery) -> str:
    verdict = VERDICTS.get(discovery.status, discovery.status)
    lines = [f"<h1>{escaped(discovery.input)}</h1>", f'<p class="verdict">{escaped(verdict)}</p>']
    if discovery.reason:
        lines.append(f"<p>{escaped(discovery.reason)}</p>")
    lines.append(_equations(discovery, discovery.law))
    tail, span = discovery.holdout.get("nmse_trajectory"), discovery.holdout.get("span_s")
    if discovery.law and tail is not None and span is not None:
        where = f"On the last {number_text(float(span), digits=2)} s, which were not used to find it,"
        if not discovery.order:
            where = "On rows that were not used to fit it,"
        lines.append(f'<p class="note">{where} the law leaves {_share(tail)} of the variance.</p>')
    facts = "".join(
        f"<div><dt>{escaped(of.name)}</dt><dd>{escaped(value_text(of.value, of.stderr, of.unit))}</dd></div>"
        for of in discovery.quantities
    )
    if facts:
        lines.append(f'<dl class="facts">{facts}</dl>')
    notes = dict.fromkeys(note for run in discovery.trajectories for note in run.notes)
    lines += [f'<p class="note">{escaped(note)}</p>' for note in list(notes)[:8]]
    return card("", "".join(lines), kind=f"wide head {escaped(discovery.status)}")


def _warnings(discovery: Discovery, tracking: Any) -> str:
    listed = list(dict.fromkeys([*discovery.warnings, *getattr(tracking, "warnings", ())]))
    if not listed:
        return ""
    return card("Warnings", f"<ul>{''.join(f'<li>{escaped(line)}</li>' for line in listed)}</ul>", kind="wide")


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


def _film(discovery: Discovery, tracking: Any) -> str:
    from motionlaw.tools import plot

    tracks = discovery.tracks or tuple(getattr(tracking, "tracks", ()))
    if not any(np.isfinite(track.position).any() for track in tracks):
        return ""
    fig = plot.tracks_over_frame(getattr(tracking, "frame", None), tracks, width_in=NARROW_IN)
    caption = f"Path of {', '.join(track.name for track in tracks)}; open circle: first sight, filled: last."
    return card("What was tracked", figure(fig, "film", caption, kind="film", caption=caption), kind="wide")


def _time_series(discovery: Discovery, pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    shown = []
    marks: dict[str, Any] = {}
    if len(discovery.trajectories) == 1:  # events carry no run, so they are drawn only where there is no doubt
        marks = {"events": discovery.events, "regimes": discovery.regimes}
    for k, (run, prediction) in enumerate(pairs):
        label = f"{run.name}: {', '.join(run.coordinates)} over time, data{' and law' if prediction else ''}"
        span = f"{number_text(float(run.t[0]), digits=3)} to {number_text(float(run.t[-1]), digits=3)} s"
        title = f"<h3>{escaped(run.name)}, {span}</h3>" if len(pairs) > 1 else ""
        if len(pairs) == 1:
            broad = plot.trajectory(run, prediction, width_in=BROAD_IN, **marks)
            shown.append(figure(broad, f"b{k}", label, kind="broad"))
        narrow = plot.trajectory(run, prediction, width_in=NARROW_IN, **marks)
        shown.append(f"<div>{title}{figure(narrow, f't{k}', label, kind='narrow' if len(pairs) == 1 else '')}</div>")
    note = ""
    if len(discovery.trajectories) > len(pairs):
        picked = "the worst" if discovery.predictions else "the first"
        note = f'<p class="note">Drawn: {picked} {len(pairs)} of {len(discovery.trajectories)} runs.</p>'
    body = "".join(shown) if len(pairs) == 1 else f'<div class="plots">{"".join(shown)}</div>'
    return card("Data and law over time" if discovery.predictions else "Data over time", body + note, kind="wide")


def _phase(discovery: Discovery, pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    played = [prediction for _, prediction in pairs if prediction is not None]
    fig = plot.phase_portrait([run for run, _ in pairs], played, order=discovery.order, width_in=NARROW_IN)
    return card("Phase portrait", figure(fig, "phase", "Phase portrait of data and law"))


def _residuals(pairs: list[tuple[Trajectory, Prediction | None]]) -> str:
    from motionlaw.tools import plot

    played = [(run, prediction) for run, prediction in pairs if prediction is not None]
    if not played:
        return ""
    run, prediction = max(played, key=lambda pair: _left(*pair))
    fig = plot.residuals(run, prediction, width_in=NARROW_IN)
    caption = f"{run.name}, the run with the largest residuals." if len(played) > 1 else ""
    label = "Residuals over time, their histogram beside a normal, and their autocorrelation"
    return card("What the law leaves", figure(fig, "left", label, caption=caption))


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
        (escaped(", ".join(_name_of(discovery, of) for of in term.of.split(","))),
         escaped(term_text(_spelled(discovery, term.term))),
         escaped(value_text(term.coefficient, term.stderr)),
         escaped(unit_text(term.unit if term.unit != "1" else "")))
        for term in discovery.terms
    ]  # fmt: skip
    spelled = [replace(of, term=_spelled(discovery, of.term), of=_spelled(discovery, of.of)) for of in discovery.terms]
    fig = plot.terms(spelled, width_in=NARROW_IN)
    caption = "An interval that reaches zero: the data cannot tell that this term is there."
    return [
        card("Terms", table(("of", "term", "#coefficient ± error", "unit"), rows)),
        card("How sure each term is", figure(fig, "terms", "95 % interval of each coefficient", caption=caption)),
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
            rows.append((escaped(where), escaped(name), escaped(f"{written} {unit}".strip())))
    return card("In numbers", table(("where", "what", "#value"), rows)) if rows else ""


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
    return card(title, table(heads, rows) + note, kind="wide")


def _spelled(discovery: Discovery, text: str) -> str:
    """Names the coordinate of a lone ``v``, so that it is written as the rate it is."""
    return re.sub(r"\bv\b", f"v_{velocities(discovery)['v']}", text) if "v" in velocities(discovery) else text


def _law_text(discovery: Discovery, law: dict[str, str]) -> str:
    sides = ((_name_of(discovery, key), term_text(_spelled(discovery, text))) for key, text in law.items())
    return "; ".join(f"{left} = {right}" for left, right in sides)


def _times(discovery: Discovery) -> str:
    rows = [(number_text(of.t), escaped(of.kind), escaped(of.detail)) for of in discovery.events]
    for of in discovery.regimes if len(discovery.regimes) > 1 else ():
        span = f"{number_text(of.t_start)} to {number_text(of.t_end)}"
        rows.append((span, escaped(of.kind), escaped(_law_text(discovery, of.law))))
    return card("Events and regimes", table(("t (s)", "kind", "detail"), rows)) if rows else ""


def _hypotheses(discovery: Discovery) -> str:
    rows = []
    for of in discovery.hypotheses:
        words = f"<div>{escaped(of.text)}</div><code>{escaped(_law_text(discovery, of.law))}</code>"
        if of.chain:
            words += f"<details><summary>reasoning</summary><pre>{escaped(of.chain)}</pre></details>"
        rows.append((escaped(of.source), words, "yes" if of.used else "no"))
    return card("Hypotheses", table(("from", "law", "used"), rows)) if rows else ""


def _exports(discovery: Discovery) -> str:
    from motionlaw.tools.export import export_law

    blocks = []
    for kind, title in EXPORTS.items() if discovery.law else ():
        try:
            blocks.append((title, export_law(discovery, kind)))
        except (ToolError, UserError) as error:
            blocks.append((title, str(error)))
    blocks.append(("JSON", json.dumps(discovery.to_dict(), indent=1, ensure_ascii=False, default=str)))
    folded = (f"<details><summary>{title}</summary><pre>{escaped(text)}</pre></details>" for title, text in blocks)
    return card("Take it along", "".join(folded), kind="wide")


def _again(discovery: Discovery, command: str) -> str:
    line = command or f"motionlaw discover {shlex.quote(discovery.input)} --seed {discovery.seed}"
    facts = (
        ("input", discovery.input), ("version", f"motionlaw {discovery.version}".strip()),
        ("seed", discovery.seed), ("engine", discovery.engine), ("model", discovery.model),
        ("time taken", f"{number_text(discovery.seconds, digits=2)} s"),
    )  # fmt: skip
    rows = [(escaped(name), escaped(value)) for name, value in facts]
    return card("Get it again", f"<pre>{escaped(line)}</pre>{table(('', ''), rows)}", kind="wide")


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
    title = f"{Path(discovery.input).name}: {VERDICTS.get(discovery.status, discovery.status)}"
    write_page(out_path, title=title, cards=cards, version=discovery.version)
