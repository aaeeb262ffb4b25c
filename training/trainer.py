"""What all of TRL's trainers share here: options that are written down, resuming, and a checkpoint at the end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import motionlaw
from motionlaw.tools.errors import UserError
from motionlaw.training.estimate import tell_estimate
from motionlaw.training.model import save_checkpoint, save_processor


def run_trainer(
    trainer: Any, processor: Any, settings: Any, model_arguments: Any, *, tokens: int, rows: int
) -> list[dict[str, Any]]:
    """Tells memory and time, trains (on from the newest state if the settings say so), and saves the model.

    Args:
        trainer: TRL's, its ``args`` as the options say.
        processor: The model's.
        settings: Ours, with ``resume``.
        model_arguments: TRL's ``ModelConfig``.
        tokens: Of a conversation.
        rows: Conversations in an epoch.

    Returns:
        The log, by step.

    Raises:
        UserError: There is no state to resume.
    """
    arguments = trainer.args
    if arguments.process_index == 0:
        is_sharded = trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled
        tell_estimate(trainer.model, arguments, tokens=tokens, rows=rows, is_sharded=is_sharded)
        write_resolved(arguments.output_dir, settings, arguments, model_arguments)
    state = newest_state(arguments.output_dir) if settings.resume else None
    if settings.resume and state is None:
        raise UserError(f"{arguments.output_dir} holds no state to resume. Leave --resume out.")
    trainer.train(resume_from_checkpoint=state)
    finish(trainer, processor, arguments.output_dir)
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def freeze_vision(model: Any) -> None:
    """Keeps the vision tower as it is."""
    for weight in model.model.visual.parameters():
        weight.requires_grad_(False)


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
