"""``motionlaw ask VIDEO "question"``: one answer with its evidence, measured, in the form that was asked for.

motionlaw ask clip.mp4 "Which puck is faster after the collision?"
motionlaw ask clip.mp4 "Which way does the ball move?" --options "A) left" --options "B) right" --json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.answer import SURE, Answer, answer
from motionlaw.agent.facts import Facts
from motionlaw.agent.model import EMBEDDED, MOVES, READER, Model, choose_model
from motionlaw.agent.reading import is_reader
from motionlaw.tools.errors import UserError
from motionlaw.tools.scale import Scale, parse_scale
from motionlaw.tools.summary import with_error
from motionlaw.tools.video import probe, read_frames

ASKS_OF_ALL = re.compile(r"\bhow\b.*\b(?:everything|all|they|things)\b.*\bmov(?:es?|ing)\b", re.IGNORECASE)
"""Questions about all things at once, which the rules answer of one alone."""
# The small model's telling is taken where more than half of its claims meet the tracks; else the instruments tell.
MOSTLY = 0.5 * SURE
DEMO_QUESTION = "How long does one swing of the ball take?"
"""What ``motionlaw demo`` asks about its film."""


def ask_command(
    video: str,
    question: str,
    *,
    options: Sequence[str] = (),
    scale: str | None = None,
    evidence: str | None = None,
    model: str = EMBEDDED,
    as_json: bool = False,
) -> int:
    """Answers a question about a video and prints the answer.

    Args:
        video: The video file.
        question: The question.
        options: Answers to choose from, e.g. ``"A) left"``; two or more, or none.
        scale: Pixels and length, e.g. ``120px=0.5m``; numbers are in pixels without it.
        evidence: Picture to write, .png or .jpg: frames with the boxes drawn in.
        model: Who answers, see `motionlaw.agent.model.choose_model`.
        as_json: Print JSON.

    Returns:
        The exit status: 0 with an answer, 1 without.

    Raises:
        UserError: An input or option is unusable.
    """
    if not question.strip():
        raise UserError('The question is empty. Write e.g. "Which way does the ball move?".')
    if len(options) == 1:
        raise UserError("One option is no choice. Give two or more, e.g. --options 'A) left' --options 'B) right'.")
    if evidence is not None and Path(evidence).suffix not in (".png", ".jpg"):
        raise UserError(f"evidence must be a .png or .jpg file, got '{evidence}'.")
    probe(video)
    if sys.stderr.isatty():  # no spinner: its thread would keep the instruments from being forked
        print(f"Looking at {Path(video).name} ...", file=sys.stderr)
    found = _found(video, question, options, parse_scale(scale), model)
    if evidence is not None and found.evidence:
        write_evidence(video, found, evidence)
        print(f"Evidence: {evidence}", file=sys.stderr)
    print(json.dumps(found.to_dict(), allow_nan=False) if as_json else _lines(found))
    return 0 if found.is_answered else 1


def _found(video: str, question: str, options: Sequence[str], scale: Scale, model: str) -> Answer:
    """The answer of a large model, or of the instruments; how everything moves is told by the small one that looks."""
    chosen = choose_model(model, talks=False, embedded=READER)
    if chosen is not None and not is_reader(chosen):
        return _answered_by(chosen, video, question, options, scale)
    if model == EMBEDDED and not options and ASKS_OF_ALL.search(question):
        from motionlaw.agent.ask_model import answer_by_looking

        eye = choose_model(model, talks=False, embedded=MOVES)
        told = None if eye is None else answer_by_looking(video, question, eye, scale=scale)
        if told is not None and told.confidence >= MOSTLY:
            return told
    return answer(Facts(video, scale=scale), question, options=options, reader=chosen)


def _answered_by(model: Model, video: str, question: str, options: Sequence[str], scale: Scale) -> Answer:
    """The answer of a model; everything it did is logged, to be shown by ``motionlaw chat --replay``."""
    from motionlaw.agent.ask_model import answer_with_model
    from motionlaw.agent.log import RunLog
    from motionlaw.agent.session import new_session_path

    path = new_session_path("runs")
    log = RunLog(path)
    try:
        return answer_with_model(video, question, model, options=options, scale=scale, on_event=log.write)
    finally:
        log.close()
        model.close()
        print(f"Log: {path}", file=sys.stderr)


def ask_about_demo(film: Path) -> dict[str, Any]:
    """Asks the demo's question about its film, by the instruments alone; returns the answer's JSON."""
    return answer(Facts(film), DEMO_QUESTION).to_dict()


def _lines(found: Answer) -> str:
    if not found.is_answered:
        return f"No answer: {found.reason}" + (f"  (read as: {found.read_as})" if found.read_as.endswith("?") else "")
    label = f"{found.choice}) " if found.choice else ""
    read_as = [f"read as: {found.read_as}"] if found.read_as else []
    lines = [*read_as, f"{label}{found.text}  (confidence {found.confidence:.2f})", f"  {found.reason}"]
    lines += [f"  {one.name}: {with_error(one.value, one.stderr, one.unit)}" for one in found.measurements[:6]]
    lines += [
        f"  {one.object} at {one.t:.3f} s: box {', '.join(f'{edge:g}' for edge in one.box)} px"
        for one in found.evidence[:6]
    ]
    lines.append(
        "  tools: " + ", ".join(f"{one.name} {one.seconds:.1f} s" for one in found.tools)
        if found.tools
        else "  tools: none new"
    )
    return "\n".join(lines)


def write_evidence(video: str, found: Answer, path: str) -> None:
    """Draws the boxes of the evidence into their frames, side by side.

    Args:
        video: The video.
        found: The answer.
        path: Picture to write, .png or .jpg.

    Raises:
        UserError: The picture cannot be written.
    """
    import cv2

    from motionlaw.tools.overlay import COLOURS, draw_tracks

    if not Path(path).absolute().parent.is_dir():
        raise UserError(f"The evidence's folder must exist, got {path}. Make the folder first.")
    times = sorted({one.t for one in found.evidence})
    times = [times[k] for k in np.unique(np.linspace(0, len(times) - 1, min(4, len(times))).round().astype(int))]
    stamps = probe(video).timestamps
    wanted = {int(np.argmin(np.abs(stamps - t))): t for t in times}
    names = list(dict.fromkeys(one.object for one in found.evidence))
    pictures = []
    for frame in read_frames(video, max_width=None):
        if frame.index not in wanted:
            continue
        image = frame.image.copy()
        draw_tracks(image, [], frame.timestamp)
        for one in found.evidence:
            if one.t == wanted[frame.index]:
                x1, y1, x2, y2 = (round(edge) for edge in one.box)
                colour = COLOURS[names.index(one.object) % len(COLOURS)]
                cv2.rectangle(image, (x1, y1), (x2, y2), colour, 2)
                cv2.putText(
                    image,
                    one.object[:40],
                    (max(x1, 2), max(y1 - 5, 12)),
                    cv2.FONT_HERSHEY_SIMPLEX,
                    0.5,
                    colour,
                    1,
                    cv2.LINE_AA,
                )
        pictures.append(image)
    if not cv2.imwrite(path, cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR)):
        raise UserError(f"The evidence cannot be written to {path}. Choose another place.")
