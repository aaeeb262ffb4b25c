"""Our sets of questions as tasks of lmms-eval, and its logs as ours.

    python -m motionlaw.eval.qa.lmms export worlds-qa --items 200 --out tasks
    lmms-eval --model qwen2_5_vl --tasks motionlaw_worlds_qa --include_path tasks --log_samples --output_path logs
    python -m motionlaw.eval.qa.lmms import logs/…_samples_motionlaw_worlds_qa.jsonl --out run

An exported folder holds the task (YAML and ``utils.py``, lmms-eval's form), its questions, and the films that were made
for them; motionlaw must be installed where it is run, since it scores there as it does here. The import writes the log
and table of `motionlaw eval`, with chance, majority, pairs and errors clustered by video; replies are scored again.
Written against lmms-eval 0.7.3. Leaves out logs of other people's tasks: they do not hold the questions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from motionlaw.eval.log import Log, Row, read_log
from motionlaw.eval.qa.answerers import TEXT, Reply, majority, prompt
from motionlaw.eval.qa.items import Item, read_json
from motionlaw.eval.qa.mot_text import mot_words
from motionlaw.eval.qa.run import OWN, SETS, TABLE, QASettings, item_row, load_items, table
from motionlaw.eval.qa.scores import score
from motionlaw.tools.errors import UserError

METRIC = "motionlaw"
QUESTIONS = "questions.jsonl"
UTILS = '''"""The functions that lmms-eval calls by name; motionlaw scores here as it does itself."""

from motionlaw.eval.qa.lmms import doc_to_target, doc_to_text, doc_to_visual, mean_score, process_results

__all__ = ["doc_to_target", "doc_to_text", "doc_to_visual", "mean_score", "process_results"]
'''
TASK = """task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {questions}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: !function utils.doc_to_target
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 512
  temperature: 0
  do_sample: false
metric_list:
  - metric: {metric}
    aggregation: !function utils.mean_score
    higher_is_better: true
metadata:
  - version: 1.0
"""


def export_task(settings: QASettings, folder: Path) -> Path:
    """Writes a set of questions as a task of lmms-eval.

    Args:
        settings: Which set, how many of its questions, and where its data are.
        folder: Where; new or empty.

    Returns:
        The task's YAML.

    Raises:
        UserError: There are no such questions, one of their videos is not there, or the folder is not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty. Give a new folder with --out.")
    items = load_items(settings, folder)
    missing = next((item.video for item in items if not item.video.is_file()), None)
    if missing is not None:
        raise UserError(f"There is no video {missing}. Put the videos of {settings.name} below its data folder.")
    folder.mkdir(parents=True, exist_ok=True)
    questions = (folder / QUESTIONS).resolve()
    with questions.open("w", encoding="utf-8") as file:
        for item in items:
            file.write(json.dumps(item_doc(item), ensure_ascii=False) + "\n")
    (folder / "utils.py").write_text(UTILS, encoding="utf-8")
    task = f"motionlaw_{settings.name.replace('-', '_')}"
    path = folder / f"{task}.yaml"
    path.write_text(TASK.format(task=task, questions=json.dumps(str(questions)), metric=METRIC), encoding="utf-8")
    return path


def item_doc(item: Item) -> Row:
    """An item as a line of JSON."""
    return asdict(item) | {"video": str(item.video.resolve()), "options": list(item.options)}


def doc_item(doc: dict[str, Any]) -> Item:
    """The item of a line."""
    known = {name: doc[name] for name in Item.__dataclass_fields__}
    return Item(**known | {"video": Path(doc["video"]), "options": tuple(doc["options"])})


def doc_to_visual(doc: dict[str, Any]) -> list[str]:
    """For lmms-eval: the video's path; nothing where there are only words."""
    return [] if doc["video"].endswith(TEXT) else [doc["video"]]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str] | None = None) -> str:
    """For lmms-eval: the question, its options and how to answer, with the words of `motionlaw eval`."""
    own = lmms_eval_specific_kwargs or {}
    table = f"{mot_words(Path(doc['video']), 'video')}\n\n" if doc["video"].endswith(TEXT) else ""
    return f"{own.get('pre_prompt', '')}{table}{prompt(doc_item(doc))}{own.get('post_prompt', '')}"


def doc_to_target(doc: dict[str, Any]) -> str:
    """For lmms-eval: the answer; ``""`` where none is published."""
    return str(doc["answer"] or "")


def process_results(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """For lmms-eval: scores a reply; the question goes into the log, since lmms-eval itself leaves it out."""
    return {METRIC: {"score": score(doc_item(doc), results[0]).value, "reply": results[0], "item": doc}}


def mean_score(results: Sequence[dict[str, Any]]) -> float:
    """For lmms-eval: the mean score of what has a published answer; not a number if nothing has."""
    scored = [each["score"] for each in results if each["score"] is not None]
    return sum(scored) / len(scored) if scored else float("nan")


def import_log(path: Path, folder: Path, *, model: str) -> list[Row]:
    """Turns lmms-eval's samples into a log and a table of ours.

    Args:
        path: Its ``…_samples_motionlaw_….jsonl``.
        folder: Where log and table go.
        model: What to call the model; the log does not say.

    Returns:
        The log's rows.

    Raises:
        UserError: It is no such log.
    """
    samples = [each.get(METRIC) for each in read_json(path)]
    if not samples or not all(isinstance(each, dict) and {"item", "reply"} <= set(each) for each in samples):
        raise UserError(
            f"{path.name} must be lmms-eval's samples of a task of ours, each with '{METRIC}'. Export the task with "
            "python -m motionlaw.eval.qa.lmms export, and run lmms-eval with --log_samples."
        )
    items = [doc_item(each["item"]) for each in samples]
    name = path.stem.partition("_samples_motionlaw_")[2].replace("_", "-") or path.stem
    best = majority(items)
    log = Log(folder, {"command": f"lmms-eval, {path.name}", "config": {"name": name, "model": model}}, resume=False)
    try:
        for item, each in zip(items, samples, strict=True):
            log.add(item_row(item, "video", Reply(str(each["reply"])), best[item.id], model))
    finally:
        log.close()
    _, rows = read_log(log.path)
    settings = QASettings(name, model=model, views=("video",))
    (folder / TABLE).write_text(table(rows, settings), encoding="utf-8")
    return rows


def main(words: Sequence[str] | None = None) -> int:
    """Exports a task or imports a log."""
    parser = argparse.ArgumentParser(prog="python -m motionlaw.eval.qa.lmms", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    export = verbs.add_parser("export", help="a set of questions as a task of lmms-eval")
    export.add_argument("name", choices=SETS, help=f"made here: {', '.join(OWN)}; the others need --data")
    export.add_argument("--data")
    export.add_argument("--items", type=int)
    bring = verbs.add_parser("import", help="lmms-eval's samples as a log and a table")
    bring.add_argument("log", type=Path)
    bring.add_argument("--model", default="lmms-eval", help="what to call the model")
    for each in (export, bring):
        each.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(words)
    if chosen.verb == "export":
        settings = QASettings(chosen.name, data=chosen.data, items=chosen.items)
        print(export_task(settings, chosen.out))
        return 0
    import_log(chosen.log, chosen.out, model=chosen.model)
    print((chosen.out / TABLE).read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"motionlaw: {error}")
