"""``motionlaw train``: the stages by name, each with options of its own.

    motionlaw train init --data msi1=laws --size 4m --output_dir start
    motionlaw train vision --checkpoint start --output_dir seeing
    motionlaw train sft --config FILE.yaml
    motionlaw train grpo --config FILE.yaml
    motionlaw train measure --checkpoint tuned --data laws=laws
    motionlaw train pack --checkpoint tuned --measured measured.json --output_dir embedded

All stages read a YAML file with ``--config``; what stands on the command line wins.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from motionlaw.tools.errors import missing_extra

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def train_command(stage: str, words: Sequence[str]) -> int:
    """Runs a stage of training.

    Args:
        stage: init, vision, sft, grpo, measure or pack.
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

        return sft_command(words)
    if stage == "grpo":
        from motionlaw.training.grpo import grpo_command

        return grpo_command(words)
    if stage == "vision":
        from motionlaw.training.vision import vision_command

        return vision_command(words)
    if stage == "measure":
        from motionlaw.training.measure import measure_command

        return measure_command(words)
    if stage == "pack":
        from motionlaw.training.pack import pack_command

        return pack_command(words)
    from motionlaw.training.start import start_command

    return start_command(words)
