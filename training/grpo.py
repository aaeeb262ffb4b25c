"""Reinforcement: answers are sampled in groups, graded by `rewards`, and the better ones of each group made likelier.

    motionlaw train grpo --config training/configs/cpu-tiny.yaml --model_name_or_path tuned --output_dir calibrated

TRL's GRPO (GSPO with ``importance_sampling_level: sequence``), rollouts in this process, or by vLLM where
``use_vllm`` says so. With ``tools`` the policy may fit an ansatz and see its residual before it answers. Rewards are
rehearsed on real rows first; a dead one stops the run. Reward names and weights are in the options.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from motionlaw.agent.mcot import write_chain
from motionlaw.agent.mcot_changes import mirror_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.agent.messages import Image as Picture
from motionlaw.agent.pictures import decode, encode
from motionlaw.data_builders.chain_rows import told
from motionlaw.data_builders.sources import track_row
from motionlaw.tools.equation import evaluate, format_expr, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.limits import call_limited
from motionlaw.tools.tracks import mirrored
from motionlaw.training.collate import count_tokens
from motionlaw.training.conversations import Asking, Conversation, Source, law_answer, law_question, motion_question
from motionlaw.training.dry_run import rehearse, require_live
from motionlaw.training.model import form_of, load_checkpoint
from motionlaw.training.motion_rewards import MIRRORED, MOTION_REWARDS, all_tracks, equivariance_reward
from motionlaw.training.options import read_options
from motionlaw.training.rewards import LAW_REWARDS, LIMIT_S, MOST_ROWS
from motionlaw.training.trainer import freeze_vision, run_trainer

REWARDS = {reward.__name__: reward for reward in (*LAW_REWARDS, *MOTION_REWARDS)}
# Rows that the rehearsal of the rewards sees.
REHEARSED = 16
WITH_TOOL = "\nYou may call fit with a formula for a, as often as you like, before you answer."


@dataclass
class GrpoSettings:
    """What to practise, and what is rewarded.

    Args:
        data: A data set, ``laws=FOLDER`` (of physsymbol) or ``motion=FOLDER`` (of mcot).
        rewards: Names of rewards; their weights are TRL's ``reward_weights``, in this order.
        rows: Rows of a motion that a question of the full form tells.
        most: Questions; all if not given.
        tools: Whether the policy may call ``fit`` before it answers (laws only).
        freeze_vision: Whether the vision tower stays as it is.
        resume: Go on from the newest state in ``output_dir``.
    """

    data: str = ""
    rewards: list[str] = field(default_factory=list)
    rows: int = 24
    most: int | None = None
    tools: bool = False
    freeze_vision: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if not self.data or not self.rewards:
            raise UserError("Practice needs data and rewards, e.g. --data laws=FOLDER --rewards structure_reward.")
        unknown = [name for name in self.rewards if name not in REWARDS]
        if unknown:
            raise UserError(f"No reward '{unknown[0]}'. Rewards: {', '.join(REWARDS)}.")


def law_task(row: dict[str, Any], asking: Asking, *, has_tools: bool = False) -> dict[str, Any]:
    """A question about a law with the columns that its rewards take."""
    parts, images = law_question(row, asking)
    asked = parts[-1]["text"]
    parts[-1]["text"] += WITH_TOOL if has_tools else ""
    truth = row.get("clean", row)
    step = max(1, -(-len(truth["t"]) // MOST_ROWS))
    return {
        "prompt": [{"role": "user", "content": parts}],
        "images": [{"bytes": data, "path": None} for data in images],
        "reference": law_answer(row, asking.form, asked),
        "law": row["law"],
        **{name: list(truth[name][::step]) for name in "txva"},
    }


def motion_task(row: dict[str, Any]) -> dict[str, Any]:
    """A question about a film with the columns that its rewards take."""
    parts, images = motion_question(row)
    return {
        "prompt": [{"role": "user", "content": parts}],
        "images": [{"bytes": data, "path": None} for data in images],
        "reference": row["chain"],
        **{name: row[name] for name in ("chain", "answer", "options", "tracks", "timestamps", "width")},
        "group": "",
        "change": "",
    }


def mirrored_task(task: dict[str, Any]) -> dict[str, Any]:
    """The same question about the mirrored film; of a task without options, whose answer follows from its chain."""
    true = read_chain(task["chain"]).chain
    width = task["width"]
    turned = mirror_chain(true, width)
    turned = replace(turned, answer=told(turned))
    tracks = [mirrored(track, width) for track in all_tracks(task["tracks"], task["timestamps"])]
    flipped = [encode(decode(Picture(each["bytes"]))[:, ::-1], "image/jpeg").data for each in task["images"]]
    chain = write_chain(turned)
    return task | {
        "images": [{"bytes": data, "path": None} for data in flipped],
        "reference": chain,
        "chain": chain,
        "answer": turned.answer,
        "tracks": [track_row(track) for track in tracks],
        "change": MIRRORED,
    }


def tasks(settings: GrpoSettings, form: str) -> Iterator[dict[str, Any]]:
    """The questions of the settings' data set; those about laws in a form.

    Raises:
        UserError: There is no such kind of data.
    """
    source = Source.read(settings.data)
    if source.task not in ("laws", "motion"):
        raise UserError(f"data must be laws=FOLDER or motion=FOLDER, got '{settings.data}'.")
    for row in source.rows("train", most=settings.most):
        if source.task == "laws":
            yield law_task(row, Asking(form, settings.rows), has_tools=settings.tools)
        elif equivariance_reward.__name__ not in settings.rewards:
            yield motion_task(row)
        elif not row["options"]:
            # A film and its mirror follow each other, so that one batch holds both.
            task = motion_task(row) | {"group": f"{row['name']} {row['cut']}"}
            yield task
            yield mirrored_task(task)


class FitEnvironment:
    """What a policy can do about one question: fit a formula to its rows. TRL makes one for each rollout."""

    def __init__(self) -> None:
        self._columns: dict[str, np.ndarray] = {}

    def reset(self, **row: Any) -> None:
        """Takes the rows of the question."""
        self._columns = {name: np.asarray(row[name], dtype=float) for name in "txva"}

    def fit(self, formula: str) -> str:
        """Fits the constants of a formula for the acceleration to the measured rows.

        Args:
            formula: The right-hand side in x, v and t, e.g. -2*x - 0.1*v.

        Returns:
            The formula with fitted constants, and the share of the variance that it leaves.
        """
        try:
            expression = parse(formula, variables=["x", "v", "t"])
        except UserError as error:
            return f"Not fitted: {error}"
        outcome = call_limited(fitted_text, expression, self._columns, seconds=LIMIT_S)
        return str(outcome.value) if outcome.status == "ok" else f"Not fitted: {outcome.message}"


def fitted_text(expression: sympy.Expr, columns: dict[str, np.ndarray]) -> str:
    """Fits a formula and says what came of it.

    Example:
        >>> x = np.linspace(-1, 1, 50)
        >>> fitted_text(sympy.Symbol("x"), {"t": x, "x": x, "v": x**2, "a": -2 * x})
        'a = -2*x leaves 0 of the variance.'
    """
    from motionlaw.eval.scorers import nmse
    from motionlaw.tools.realign_rows import refit

    inputs = {name: values for name, values in columns.items() if name != "a"}
    law = refit(expression, inputs, columns["a"])
    left = nmse(np.broadcast_to(evaluate(law, inputs), columns["a"].shape), columns["a"])
    return f"a = {format_expr(law, 4)} leaves {0.0 if left is None or left < 1e-15 else left:.3g} of the variance."


def make_dataset(rows: Sequence[dict[str, Any]]) -> Any:
    """A `datasets.Dataset` whose pictures are opened when they are needed."""
    from datasets import Dataset, Image, List

    data = Dataset.from_list(list(rows))
    return data.cast_column("images", List(Image()))


def prepare_sampling(processor: Any, arguments: Any) -> None:
    """Pads prompts on the left, as TRL expects of a processor, and lets no answer hold the tokens of pictures.

    A picture's token without a picture would stop the training; a model from scratch does sample them. (vLLM is not
    told: it takes no list of tokens to leave out.)
    """
    processor.tokenizer.padding_side = "left"
    if not arguments.use_vllm:
        marks = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
        ids = [processor.tokenizer.convert_tokens_to_ids(mark) for mark in marks]
        arguments.generation_kwargs = (arguments.generation_kwargs or {}) | {"suppress_tokens": ids}


def _keep_pairs(arguments: Any) -> None:
    """Keeps a film and its mirror in one batch.

    Raises:
        UserError: A batch holds one question only.
    """
    arguments.shuffle_dataset = False
    if arguments.per_device_train_batch_size % (2 * arguments.num_generations):
        raise UserError(
            "per_device_train_batch_size must be a multiple of twice num_generations for equivariance_reward, got "
            f"{arguments.per_device_train_batch_size} and {arguments.num_generations}."
        )


def train_grpo(settings: GrpoSettings, arguments: Any, model_arguments: Any) -> list[dict[str, Any]]:
    """Practises and saves the model into ``arguments.output_dir``.

    Args:
        settings: What to practise.
        arguments: TRL's ``GRPOConfig``.
        model_arguments: TRL's ``ModelConfig``.

    Returns:
        The log: rewards by step.

    Raises:
        UserError: A reward cannot teach on these rows.
    """
    model, processor = load_checkpoint(model_arguments.model_name_or_path, dtype=model_arguments.dtype or "float32")
    rewards: list[Any] = [REWARDS[name] for name in settings.rewards]
    questions = list(tasks(settings, form_of(model)))
    rehearsals = rehearse(rewards, questions[:REHEARSED])
    if arguments.process_index == 0:
        folder = Path(arguments.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        told = json.dumps([each.to_dict() for each in rehearsals], indent=1)
        (folder / "dry_run.json").write_text(told + "\n", encoding="utf-8")
        print(told, file=sys.stderr)
    require_live(rehearsals)
    from trl import GRPOTrainer, get_peft_config

    if settings.freeze_vision:
        freeze_vision(model)
    prepare_sampling(processor, arguments)
    if equivariance_reward in rewards:
        _keep_pairs(arguments)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=rewards,
        args=arguments,
        train_dataset=make_dataset(questions),
        processing_class=processor,
        peft_config=get_peft_config(model_arguments),
        environment_factory=FitEnvironment if settings.tools else None,
    )
    first = Conversation(tuple(questions[0]["prompt"]), tuple(each["bytes"] for each in questions[0]["images"]))
    tokens = count_tokens(processor, first) + arguments.max_completion_length
    return run_trainer(trainer, processor, settings, model_arguments, tokens=tokens, rows=len(questions))


def grpo_command(words: Sequence[str]) -> int:
    """Reads options and practises; prints the mean rewards of the first and the last quarter as JSON."""
    from trl import GRPOConfig, ModelConfig

    settings, arguments, model_arguments = read_options(words, GrpoSettings, GRPOConfig, ModelConfig)
    with contextlib.redirect_stdout(sys.stderr):  # a trainer prints its progress
        history = train_grpo(settings, arguments, model_arguments)
    given = [each["reward"] for each in history if "reward" in each]
    quarter = max(1, len(given) // 4)
    first, last = float(np.mean(given[:quarter])), float(np.mean(given[-quarter:]))
    if arguments.process_index == 0:
        print(json.dumps({"first_reward": first, "last_reward": last, "output": arguments.output_dir}))
    return 0
