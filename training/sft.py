"""Supervised tuning: motion structure induction in two phases, motion chains, and calls of instruments.

    motionlaw train sft --config training/configs/cpu-tiny.yaml --model_name_or_path seeing --output_dir tuned

TRL's trainer with our collator: the loss is on the assistant's words alone. Options are those of `SftSettings`, of
TRL's ``SFTConfig`` and of its ``ModelConfig`` (LoRA among them); the command line wins over the file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.training.collate import Collator, count_tokens
from motionlaw.training.conversations import Asking, Source, conversations, fresh_rows
from motionlaw.training.model import form_of, load_checkpoint
from motionlaw.training.optimizers import make_optimizers, together
from motionlaw.training.options import read_options
from motionlaw.training.trainer import freeze_vision, run_trainer


@dataclass
class SftSettings:
    """What to learn from.

    Args:
        data: Data sets, ``TASK=FOLDER``; tasks are msi0, msi1, msi2, mcot, pairs, readings, traces.
        rows: Rows of a motion that a question of the full form tells.
        most: Conversations of each data set; all if not given.
        longest: Tokens of a conversation; longer ones are left out.
        freeze_vision: Whether the vision tower stays as it is.
        muon: Whether matrices are trained by Muon, for small models from scratch.
        resume: Go on from the newest state in ``output_dir``.
    """

    data: list[str] = field(default_factory=list)
    rows: int = 24
    most: int | None = None
    longest: int = 4096
    freeze_vision: bool = False
    muon: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise UserError("Tuning needs data, e.g. --data msi1=laws.")


def make_dataset(
    sources: Sequence[Source],
    processor: Any,
    asking: Asking,
    *,
    most: int | None,
    longest: int,
    seed: int,
    is_first: bool = True,
) -> Any:
    """A `datasets.Dataset` of conversations that are not too long; the first process says on stderr how many were.

    They come in the order in which they are learned: rows of folders at random, fresh oscillators by their numbers
    (they are drawn in blocks), and both evenly mixed.

    Raises:
        UserError: None is left.
    """
    from datasets import Dataset

    kept, count = [], 0
    for talk in conversations([each for each in sources if not each.is_fresh], "train", asking, most=most):
        count += 1
        if count_tokens(processor, talk) <= longest:
            kept.append(talk.to_dict())
    if is_first and count:
        print(f"{len(kept)} of {count} conversations have at most {longest} tokens.", file=sys.stderr)
    places = np.random.default_rng(seed).random(len(kept)).tolist()
    for source in sources:
        rows = fresh_rows(source, asking, most=most) if source.is_fresh else []
        kept += rows
        places += np.linspace(0, 1, len(rows), endpoint=False).tolist()
    if not kept:
        raise UserError(f"No conversation has at most {longest} tokens, of {count}. Raise --longest.")
    return Dataset.from_list([kept[k] for k in np.argsort(places, kind="stable")])


def trainer_arguments(arguments: Any) -> Any:
    """Sets what our data need whatever the options say: the collator sees all columns, and nothing is packed or cut."""
    arguments.remove_unused_columns = False
    arguments.packing = False
    arguments.max_length = None
    arguments.train_sampling_strategy = "sequential"  # the data set is in order already
    return arguments


def train_sft(settings: SftSettings, arguments: Any, model_arguments: Any) -> list[dict[str, Any]]:
    """Tunes a model and saves it into ``arguments.output_dir``.

    Args:
        settings: What to learn from.
        arguments: TRL's ``SFTConfig``.
        model_arguments: TRL's ``ModelConfig``.

    Returns:
        The log: losses by step.
    """
    model, processor = load_checkpoint(model_arguments.model_name_or_path, dtype=model_arguments.dtype or "float32")
    from trl import SFTTrainer, get_peft_config

    if settings.freeze_vision:
        freeze_vision(model)
    sources = [Source.read(text) for text in settings.data]
    asking = Asking(form_of(model), settings.rows)
    data = make_dataset(
        sources,
        processor,
        asking,
        most=settings.most,
        longest=settings.longest,
        seed=arguments.seed,
        is_first=arguments.process_index == 0,
    )
    arguments = trainer_arguments(arguments)
    optimizer = together(make_optimizers([model], arguments.learning_rate)) if settings.muon else None
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        processing_class=processor,
        data_collator=Collator(processor),
        peft_config=get_peft_config(model_arguments),
        optimizers=(optimizer, None),
    )
    return run_trainer(trainer, processor, settings, model_arguments, tokens=settings.longest, rows=len(data))


def sft_command(words: Sequence[str]) -> int:
    """Reads options and tunes; prints the first and last loss as JSON."""
    from trl import ModelConfig, SFTConfig

    settings, arguments, model_arguments = read_options(words, SftSettings, SFTConfig, ModelConfig)
    with contextlib.redirect_stdout(sys.stderr):  # a trainer prints its progress
        history = train_sft(settings, arguments, model_arguments)
    losses = [each["loss"] for each in history if "loss" in each]
    if arguments.process_index == 0:
        print(json.dumps({"first_loss": losses[0], "last_loss": losses[-1], "output": arguments.output_dir}))
    return 0
