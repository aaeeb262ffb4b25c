"""Runs questions: every item in every view, logged as it goes, then a table with baselines and error bars.

    motionlaw eval real-qa --model none
    motionlaw eval worlds-qa --items 200 --model http://localhost:8000/v1 --frames 16
    motionlaw eval tomato --data FOLDER --model CHECKPOINT

A question that fails is a row with its reason and counts as wrong; one without a published answer is not scored. Error
bars are clustered by video. ``--resume`` goes on.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from motionlaw.agent.model import EMBEDDED, READER, choose_model
from motionlaw.agent.reading import is_reader
from motionlaw.eval.adapters import DATA_VARIABLE
from motionlaw.eval.log import Log, Row, key_of, read_log
from motionlaw.eval.metrics import Estimate, clustered_mean
from motionlaw.eval.qa.answerers import VIEWS, Instruments, Reply, Shown, majority
from motionlaw.eval.qa.items import Item
from motionlaw.eval.qa.mot_text import mot_items
from motionlaw.eval.qa.own import made_items, recorded_items
from motionlaw.eval.qa.public import PUBLIC
from motionlaw.eval.qa.scores import score
from motionlaw.eval.qa.vstar import chain_means
from motionlaw.tools.errors import UserError

OWN = ("worlds-qa", "real-qa", "camera", "mot-text")
SETS = (*OWN, *PUBLIC)
TABLE = "table.md"
MADE = 200
ALONE = ("none", EMBEDDED)  # whose answers are measured by the instruments


@dataclass(frozen=True)
class QASettings:
    """What to ask whom.

    Args:
        name: One of `SETS`.
        model: ``none`` for the instruments, ``embedded`` for the same with the model that reads questions, a server,
            or a checkpoint.
        data: The set's folder; the usual one for ``real-qa``.
        items: At most so many; how many are made of the own sets.
        frames: Most frames that a model is shown.
        views: What it is shown, see `motionlaw.eval.qa.answerers`; the instruments see videos alone, but for
            ``worlds-qa``.
    """

    name: str
    model: str = "none"
    data: str | None = None
    items: int | None = None
    frames: int = 16
    views: tuple[str, ...] = VIEWS

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise UserError(f"frames must be at least 1, got {self.frames}.")
        if self.items is not None and self.items < 1:
            raise UserError(f"items must be at least 1, got {self.items}.")
        wrong = [view for view in self.views if view not in VIEWS]
        if wrong or not self.views:
            raise UserError(f"views must be of {', '.join(VIEWS)}, got '{', '.join(wrong)}'.")
        if self.model in ALONE and self.name != "worlds-qa":
            object.__setattr__(self, "views", ("video",))


def load_items(settings: QASettings, folder: Path) -> list[Item]:
    """Reads or makes the items of a set; films are made below ``folder``.

    Raises:
        UserError: There is no such set or no such data.
    """
    if settings.name in ("worlds-qa", "camera"):
        return made_items(settings.name, settings.items or MADE, folder / "films")
    data = Path(settings.data) if settings.data else _usual_data()
    if not data.is_dir():
        raise UserError(f"No folder '{data}' with the data of {settings.name}. Give it with --data.")
    readers = {"real-qa": recorded_items, "mot-text": mot_items} | PUBLIC
    items = readers[settings.name](data)
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UserError(f"The questions of {settings.name} must have different ids, got '{item.id}' twice.")
        seen.add(item.id)
    return items[: settings.items] if settings.items else items


def _usual_data() -> Path:
    import os

    return Path(os.environ.get(DATA_VARIABLE, Path(__file__).resolve().parents[2].parent / "shared" / "data"))


def run_questions(settings: QASettings, folder: Path, *, resume: bool = False) -> tuple[Row, list[Row]]:
    """Asks all items and writes log and table.

    Args:
        settings: What to ask whom.
        folder: For log, table and made films.
        resume: Go on with the run that lies there.

    Returns:
        The log's header and rows.

    Raises:
        UserError: Settings, data or folder cannot be used.
    """
    model = choose_model(settings.model, talks=False, embedded=READER)
    answerer = Instruments(model) if model is None or is_reader(model) else Shown(model, settings.frames)
    try:
        items = load_items(settings, folder)
        config = asdict(settings) | {"views": list(settings.views), "data": None}
        log = Log(folder, {"command": f"motionlaw eval {settings.name}", "config": config}, resume=resume)
        try:
            best = majority(items)
            for number, item in enumerate(items, start=1):
                for view in settings.views:
                    if key_of(_key(item, view)) in log.done:
                        continue
                    reply = answerer.answer(item, view)
                    log.add(item_row(item, view, reply, best[item.id], answerer.name))
                print(f"{number}/{len(items)} {item.id}", file=sys.stderr)
        finally:
            log.close()
    finally:
        answerer.close()
    header, rows = read_log(log.path)
    (folder / TABLE).write_text(table(rows, settings), encoding="utf-8")
    return header, rows


def _key(item: Item, view: str) -> Row:
    return {"case": item.id, "solver": view, "noise": 0.0, "noise_on": "", "fraction": 1.0, "seed": 0}


def item_row(item: Item, view: str, reply: Reply, best: float | None, name: str) -> Row:
    """The log's row of a reply; ``best`` is what the commonest answer scores, ``name`` who replied."""
    found = score(item, reply.text)
    return _key(item, view) | {
        "model": name, "group": item.group, "category": item.category, "pair": item.pair, "question": item.question,
        "options": list(item.options), "answer": item.answer, "reply": reply.text, "error": reply.error,
        "read_as": found.read_as, "was_read": found.was_read, "chance": item.chance, "majority": best,
        "scores": {"right": found.value}, "seconds": reply.seconds, "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens, "frames": reply.frames, "fps": reply.fps,
    }  # fmt: skip


def paired(rows: Sequence[Row], value: str = "right") -> Estimate | None:
    """The share of pairs of which every item is right, clustered by video; ``None`` where there are no pairs."""
    pairs: dict[str, list[Row]] = {}
    for row in rows:
        if row["pair"] and row["scores"]["right"] is not None:
            pairs.setdefault(row["pair"], []).append(row)
    whole = [members for members in pairs.values() if len(members) > 1]
    if not whole:
        return None
    right = [all(member["scores"][value] == 1.0 for member in members) for members in whole]
    return clustered_mean(right, [members[0]["group"] for members in whole])


def table(rows: Sequence[Row], settings: QASettings) -> str:
    """The results as Markdown: one line a view, beside chance and majority; then by category; then the cost."""
    lines = [f"# {settings.name}, {rows[0]['model'] if rows else settings.model}", ""]
    lines += ["| shown | score | questions | videos | not scored | unread | pairs right |",
              "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for view in settings.views:
        mine = [row for row in rows if row["solver"] == view]
        if mine:
            lines.append(_line(view, mine))
    first = [row for row in rows if row["solver"] == settings.views[0] and row["scores"]["right"] is not None]
    groups = [row["group"] for row in first]
    for name in ("chance", "majority"):
        estimate = clustered_mean([row[name] for row in first], groups)
        lines.append(f"| {name} | {_percent(estimate)} | {estimate.n} | {estimate.n_clusters} | | | |")
    lines += ["", "| category | questions | " + " | ".join(settings.views) + " | chance | majority |",
              "| --- | --- |" + " --- |" * (len(settings.views) + 2)]  # fmt: skip
    for category in sorted({row["category"] for row in rows}):
        lines.append(_category_line(category, rows, settings.views))
    means = _category_means(rows, settings.views[0])
    lines += ["", f"Mean over categories ({settings.views[0]}): {100 * means:.1f} %" if means is not None else ""]
    lines += _chains(rows, settings)
    lines.append(_cost(rows, settings))
    return "\n".join(lines) + "\n"


def _line(view: str, rows: Sequence[Row]) -> str:
    estimate = clustered_mean([row["scores"]["right"] for row in rows], [row["group"] for row in rows])
    pairs = paired(rows)
    unread = sum(not row["was_read"] for row in rows)
    both = "–" if pairs is None else f"{_percent(pairs)} of {pairs.n}"
    counts = f"{estimate.n} | {estimate.n_clusters} | {estimate.n_unscored} | {unread}"
    return f"| {view} | {_percent(estimate)} | {counts} | {both} |"


def _category_line(category: str, rows: Sequence[Row], views: Sequence[str]) -> str:
    mine = [row for row in rows if row["category"] == category]
    cells = []
    for view in views:
        part = [row for row in mine if row["solver"] == view]
        cells.append(_percent(clustered_mean([r["scores"]["right"] for r in part], [r["group"] for r in part])))
    first = [row for row in mine if row["solver"] == views[0] and row["scores"]["right"] is not None]
    for name in ("chance", "majority"):
        cells.append(_percent(clustered_mean([row[name] for row in first], [row["group"] for row in first])))
    return f"| {category or '–'} | {len(first)} | " + " | ".join(cells) + " |"


def _category_means(rows: Sequence[Row], view: str) -> float | None:
    """The mean of the categories' means, which QuantiPhy and VSI-Bench report; easy, medium and hard are one there."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["solver"] == view and row["scores"]["right"] is not None:
            whole = re.sub(r"_(?:easy|medium|hard)$", "", row["category"])
            values.setdefault(whole, {}).setdefault(row["category"], []).append(row["scores"]["right"])
    means = [sum(sum(each) / len(each) for each in parts.values()) / len(parts) for parts in values.values()]
    return sum(means) / len(means) if means else None


def _chains(rows: Sequence[Row], settings: QASettings) -> list[str]:
    """V-STaR's own means, where its parts were all asked."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        if row["solver"] == settings.views[0] and row["scores"]["right"] is not None:
            scores.setdefault(row["category"], []).append(row["scores"]["right"])
    said = chain_means(scores) if settings.name == "vstar" else ""
    return [said] if said else []


def _percent(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "–"
    return f"{100 * estimate.mean:.1f}" + (f" ± {100 * estimate.stderr:.1f}" if estimate.stderr is not None else "")


def _cost(rows: Sequence[Row], settings: QASettings) -> str:
    seconds = sum(row["seconds"] for row in rows) / max(len(rows), 1)
    if not seconds:  # a log of another program
        return ""
    text = f"Cost: {seconds:.1f} s a question"
    if settings.model in ALONE:
        return text + "; the instruments read every frame."
    tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows) / len(rows)
    rates = sorted(row["fps"] for row in rows if row["fps"])
    shown = f", {rates[len(rates) // 2]:.2g} frames/s in the median" if rates else ""
    return text + f", {tokens:.0f} tokens; at most {settings.frames} frames a video{shown}."


def qa_command(settings: QASettings, *, out: str | None, resume: bool, as_json: bool) -> int:
    """Runs a set of questions and prints its table.

    Returns:
        0 done, 1 where nothing was answered.

    Raises:
        UserError: Settings, data or folder cannot be used.
    """
    from motionlaw.eval.command import default_folder

    folder = Path(out) if out else default_folder(settings.name, resume=resume)
    header, rows = run_questions(settings, folder, resume=resume)
    if as_json:
        views = {}
        for view in settings.views:
            mine = [row for row in rows if row["solver"] == view]
            estimate = clustered_mean([row["scores"]["right"] for row in mine], [row["group"] for row in mine])
            pairs = paired(mine)
            views[view] = {"score": estimate.to_dict(), "pairs": None if pairs is None else pairs.to_dict()}
        print(json.dumps({"schema": 1, "config": header["config"], "version": header["version"], "results": views}))
    else:
        print((folder / TABLE).read_text(encoding="utf-8"), end="")
    print(f"Log and table: {folder}", file=sys.stderr)
    return 0 if any(row["reply"] for row in rows) else 1
