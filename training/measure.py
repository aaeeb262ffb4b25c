"""How good a checkpoint is by itself: its greedy answers on a split, graded as they are in training and evaluation.

    motionlaw train measure --checkpoint tuned --data laws=laws --split test_structure --most 100
    motionlaw train measure --checkpoint tuned --data laws=laws --split test_structure --measured 100 --noise 0.05

Every number comes with its standard error, beside what the reference earns and what always giving the most usual law of
the training split does.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.agent.messages import Image
from motionlaw.agent.pictures import decode
from motionlaw.agent.swing import FEWEST_ROWS
from motionlaw.data_builders.oscillator_blocks import measured
from motionlaw.eval.scorers import score_law
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError
from motionlaw.training.conversations import Asking, Source
from motionlaw.training.grpo import law_task, motion_task
from motionlaw.training.model import form_of, load_checkpoint
from motionlaw.training.motion_rewards import MOTION_REWARDS, equivariance_reward
from motionlaw.training.options import read_options
from motionlaw.training.rewards import LAW_REWARDS, asked, law_in


@dataclass(frozen=True)
class MeasureSettings:
    """What to measure.

    Args:
        checkpoint: The model.
        data: ``laws=FOLDER`` or ``motion=FOLDER``.
        split: Which rows.
        most: How many.
        rows: Rows of a motion that a question of the full form tells.
        measured: Only so many rows of the position are measured, and derivatives taken of these; all is known if 0.
        noise: Noise of the measured positions, a share of their spread.
        batch: Answers at a time.
        max_tokens: Longest answer.
        out: Where the answers are written, one JSON a line.
    """

    checkpoint: str
    data: str
    split: str = "test"
    most: int = 100
    rows: int = 24
    measured: int = 0
    noise: float = 0.0
    batch: int = 8
    max_tokens: int = 512
    out: str | None = None

    def __post_init__(self) -> None:
        if (self.measured and self.measured < FEWEST_ROWS) or self.noise < 0 or (self.noise and not self.measured):
            raise UserError(
                f"measured must be 0 or at least {FEWEST_ROWS}, noise at least 0 and of measured rows, got "
                f"{self.measured} and {self.noise:g}. Write e.g. --measured 100 --noise 0.05."
            )


def measured_row(row: dict[str, Any], rows: int, noise: float) -> dict[str, Any]:
    """A row of `physsymbol` as it is seen in rows of its position with noise, with its true columns as ``clean``."""
    rng = np.random.default_rng(zlib.crc32(row["name"].encode()))
    seen = measured(np.array(row["t"]), np.array(row["x"]), rows, noise, rng)
    return row | dict(zip("txva", seen.T.tolist(), strict=True)) | {"clean": {name: row[name] for name in "txva"}}


def answers(model: Any, processor: Any, questions: Sequence[dict[str, Any]], *, batch: int, most: int) -> list[str]:
    """The model's greedy answers.

    Args:
        model: The model.
        processor: Its processor.
        questions: Rows with ``prompt`` and ``images``.
        batch: Answers at a time.
        most: Tokens of an answer.
    """
    import torch

    said: list[str] = []
    model.eval()
    for start in range(0, len(questions), batch):
        some = questions[start : start + batch]
        inputs = processor(
            text=[
                processor.apply_chat_template(each["prompt"], add_generation_prompt=True, tokenize=False)
                for each in some
            ],
            images=[[decode(Image(picture["bytes"])) for picture in each["images"]] for each in some],
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device)
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=most, do_sample=False)
        new = out[:, inputs["input_ids"].shape[1] :]
        said += [processor.tokenizer.decode(each, skip_special_tokens=True) for each in new]
        print(f"{len(said)} of {len(questions)} answered", file=sys.stderr)
    return said


def graded(questions: Sequence[dict[str, Any]], said: Sequence[str]) -> dict[str, list[float | None]]:
    """What answers earn by each reward; of laws also ``s_acc``, where numbers count as printed, and the VIPER rule."""
    is_law = "law" in questions[0]
    rewards = LAW_REWARDS if is_law else tuple(each for each in MOTION_REWARDS if each is not equivariance_reward)
    columns = {name: [each[name] for each in questions] for name in questions[0] if name not in ("prompt", "reference")}
    prompts = [each["prompt"] for each in questions]
    found = {each.__name__: each(prompts=prompts, completions=list(said), **columns) for each in rewards}
    if is_law:
        scores = []
        for question, text in zip(questions, said, strict=True):
            law = law_in(text, asked(question["prompt"]))
            data = {name: np.asarray(question[name], dtype=float) for name in "txv"}
            scores.append(score_law(None if law is None else parse(law), parse(question["law"]), data))
        for name in ("is_exact", "s_acc", "s_struct_viper"):
            values = [getattr(each, name) for each in scores]
            found[name] = [None if value is None else float(value) for value in values]
    return found


def usual_law(source: Source, *, most: int = 2000) -> str:
    """The set of families that is most often in the training split, with the numbers of its first law."""
    counts: Counter[str] = Counter()
    laws: dict[str, str] = {}
    for row in source.rows("train", most=most):
        name = " + ".join(term["family"] for term in row["terms"])
        counts[name] += 1
        laws.setdefault(name, row["law"])
    return laws[counts.most_common(1)[0][0]]


def summary(found: dict[str, list[float | None]]) -> dict[str, dict[str, float | int]]:
    """Mean, standard error and number of scored answers by name.

    Example:
        >>> summary({"fit_reward": [0.0, 1.0, None]})
        {'fit_reward': {'mean': 0.5, 'stderr': 0.5, 'scored': 2}}
    """
    table: dict[str, dict[str, float | int]] = {}
    for name, values in found.items():
        known = np.array([value for value in values if value is not None])
        stderr = float(known.std(ddof=1) / len(known) ** 0.5) if len(known) > 1 else float("nan")
        mean = float(known.mean()) if len(known) else float("nan")
        table[name] = {"mean": round(mean, 4), "stderr": round(stderr, 4), "scored": len(known)}
    return table


def measure_command(words: Sequence[str]) -> int:
    """Reads options and measures; prints the table as JSON."""
    (settings,) = read_options(words, MeasureSettings)
    source = Source.read(settings.data)
    if source.task not in ("laws", "motion"):
        raise UserError(f"data must be laws=FOLDER or motion=FOLDER, got '{settings.data}'.")
    rows = list(source.rows(settings.split, most=settings.most))
    is_law = source.task == "laws"
    if is_law and settings.measured:
        rows = [measured_row(row, settings.measured, settings.noise) for row in rows]
    model, processor = load_checkpoint(settings.checkpoint)
    asking = Asking(form_of(model), settings.rows)
    questions = [law_task(row, asking) if is_law else motion_task(row) for row in rows]
    said = answers(model, processor, questions, batch=settings.batch, most=settings.max_tokens)
    table = {"model": summary(graded(questions, said))}
    table["reference"] = summary(graded(questions, [each["reference"] for each in questions]))
    if is_law:
        usual = f"<answer>a = {usual_law(source)}</answer>"
        table["most usual law"] = summary(graded(questions, [usual] * len(questions)))
    if settings.out:
        with open(settings.out, "w", encoding="utf-8") as file:
            for question, text in zip(questions, said, strict=True):
                print(json.dumps({"reference": question["reference"], "answer": text}), file=file)
    print(json.dumps(table))
    return 0
