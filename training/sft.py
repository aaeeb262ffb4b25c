"""Supervised tuning: motion structure induction in two phases, motion chains, and calls of instruments.

    motionlaw train sft --config training/configs/cpu-tiny.yaml --model_name_or_path seeing --output_dir tuned

TRL's trainer with our collator: the loss is on the assistant's words alone. Options are those of `SftSettings`, of
TRL's ``SFTConfig`` and of its ``ModelConfig`` (LoRA among them); the command line wins over the file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import motionlaw
from motionlaw.tools.errors import UserError
from motionlaw.training.collate import Collator, count_tokens
from motionlaw.training.conversations import Conversation, Source, conversations
from motionlaw.training.estimate import tell_estimate
from motionlaw.training.model import load_checkpoint, save_checkpoint, save_processor
from motionlaw.training.options import read_options


@dataclass
class SftSettings:
    """What to learn from.

    Args:
        data: Data sets, ``TASK=FOLDER``; tasks are msi1, msi2, mcot, traces.
        rows: Rows of a motion that a question about its law tells.
        most: Conversations of each data set; all if not given.
        longest: Tokens of a conversation; longer ones are left out.
        freeze_vision: Whether the vision tower stays as it is.
        resume: Go on from the newest state in ``output_dir``.
    """

    data: list[str] = field(default_factory=list)
    rows: int = 24
    most: int | None = None
    longest: int = 4096
    freeze_vision: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise UserError("Tuning needs data, e.g. --data msi1=laws.")


def make_dataset(talks: Iterable[Conversation], processor: Any, *, longest: int) -> Any:
    """A `datasets.Dataset` of conversations that are not too long; how many were is said on stderr.

    Raises:
        UserError: None is left.
    """
    from datasets import Dataset

    kept, count = [], 0
    for talk in talks:
        count += 1
        if count_tokens(processor, talk) <= longest:
            kept.append(talk.to_dict())
    print(f"{len(kept)} of {count} conversations have at most {longest} tokens.", file=sys.stderr)
    if not kept:
        raise UserError(f"No conversation has at most {longest} tokens, of {count}. Raise --longest.")
    return Dataset.from_list(kept)


def freeze_vision(model: Any) -> None:
    """Keeps the vision tower as it is."""
    for weight in model.model.visual.parameters():
        weight.requires_grad_(False)


def trainer_arguments(arguments: Any) -> Any:
    """Sets what our data need whatever the options say: the collator sees all columns, and nothing is packed or cut."""
    arguments.remove_unused_columns = False
    arguments.packing = False
    arguments.max_length = None
    return arguments


def write_resolved(folder: str | Path, *settings: Any) -> None:
    """Writes the options as they were used, with the version, beside the output."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    every: dict[str, Any] = {"version": motionlaw.__version__}
    for each in settings:
        every[type(each).__name__] = each.to_dict() if hasattr(each, "to_dict") else asdict(each)
    (path / "resolved.json").write_text(json.dumps(every, indent=1, default=str) + "\n", encoding="utf-8")


def newest_state(folder: str) -> str | None:
    """The newest state that a trainer left in a folder."""
    states = [path for path in Path(folder).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(states, key=lambda path: int(path.name.split("-")[1]))) if states else None


def finish(trainer: Any, processor: Any, folder: str) -> None:
    """Saves the model, LoRA merged into it, as a checkpoint of its own."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    is_first = trainer.accelerator.is_main_process
    if hasattr(model, "merge_and_unload"):
        # An adapter beside merged weights would be laid over them again when the folder is loaded.
        if is_first:
            save_checkpoint(model.merge_and_unload(), processor, Path(folder))
        return
    trainer.save_model(folder)  # gathers weights that lie on several devices
    if is_first:
        save_processor(processor, Path(folder))


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
    talks = conversations(sources, "train", rows=settings.rows, most=settings.most)
    data = make_dataset(talks, processor, longest=settings.longest).shuffle(seed=arguments.seed)
    arguments = trainer_arguments(arguments)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        processing_class=processor,
        data_collator=Collator(processor),
        peft_config=get_peft_config(model_arguments),
    )
    tell_estimate(trainer.model, arguments, tokens=settings.longest, rows=len(data))
    write_resolved(arguments.output_dir, settings, arguments, model_arguments)
    state = newest_state(arguments.output_dir) if settings.resume else None
    if settings.resume and state is None:
        raise UserError(f"{arguments.output_dir} holds no state to resume. Leave --resume out.")
    trainer.train(resume_from_checkpoint=state)
    finish(trainer, processor, arguments.output_dir)
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def sft_command(words: Sequence[str]) -> int:
    """Reads options and tunes; prints the first and last loss as JSON."""
    from trl import ModelConfig, SFTConfig

    settings, arguments, model_arguments = read_options(words, SftSettings, SFTConfig, ModelConfig)
    with contextlib.redirect_stdout(sys.stderr):  # a trainer prints its progress
        history = train_sft(settings, arguments, model_arguments)
    losses = [each["loss"] for each in history if "loss" in each]
    print(json.dumps({"first_loss": losses[0], "last_loss": losses[-1], "output": arguments.output_dir}))
    return 0
