"""``motionlaw train``: the stages by name, each with options of its own.

    motionlaw train init --data msi1=laws --size 4m --output_dir start
    motionlaw train vision --checkpoint start --output_dir seeing
    motionlaw train sft --config FILE.yaml
    motionlaw train grpo --config FILE.yaml
    motionlaw train measure --checkpoint tuned --data laws=laws

All stages read a YAML file with ``--config``; what stands on the command line wins.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from motionlaw.tools.errors import UserError, missing_extra

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def train_command(stage: str, words: Sequence[str]) -> int:
    """Runs a stage of training.

    Args:
        stage: init, vision, sft, grpo or measure.
        words: Its options, as on the command line.

    Returns:
        0.

    Raises:
        UserError: An option, the data or a checkpoint cannot be used, or the extra ``[train]`` is not installed.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise missing_extra("Training", package, "train")
    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()
    if stage == "sft":
        from motionlaw.training.sft import sft_command

        return _without_traceback(sft_command, words)
    if stage == "grpo":
        from motionlaw.training.grpo import grpo_command

        return _without_traceback(grpo_command, words)
    if stage == "vision":
        from motionlaw.training.vision import VisionSettings, vision_command

        return vision_command(_read(VisionSettings, words))
    if stage == "measure":
        from motionlaw.training.measure import MeasureSettings, measure_command

        return measure_command(_read(MeasureSettings, words))
    from motionlaw.training.start import StartSettings, start_command

    return start_command(_read(StartSettings, words))


def _without_traceback(stage: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    """Turns a wrong option of TRL's into a sentence."""
    try:
        return stage(words)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _read(settings: type[Any], words: Sequence[str]) -> Any:
    from trl import TrlParser

    def read(given: Sequence[str]) -> int:
        (found,) = TrlParser(settings).parse_args_and_config(list(given))
        read.found = found  # type: ignore[attr-defined]
        return 0

    _without_traceback(read, words)
    return read.found  # type: ignore[attr-defined]
