"""What a training will need, said before it starts: memory of weights, gradients, optimizer, activations, and time.

Weights and gradients are counted exactly, and the optimizer's numbers if it is AdamW (Muon keeps one of the two);
activations by the usual rule of thumb for transformers, so the total is right to a third or so. It is the memory of
one process. Time is 6 operations a weight and token (8 with checkpointed activations), at a rate measured on the spot.

Source: Kaplan et al. (2020) for the operations; Korthikanti et al. (2022, arXiv 2205.05198) for the activations.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

# AdamW keeps two numbers of the trained weight's own kind. ZeRO-3 and FSDP keep them, and a copy of the weight, in four
# bytes each.
MASTER_BYTES = 12
# Bytes of activations a token, layer and unit of width, at two bytes a number: all kept, or only the inputs of layers.
KEPT_BYTES, CHECKPOINTED_BYTES = 34, 2
GIB = 2**30
# Side of the square matrices whose product measures the machine, and how often it is done.
SIDE, TIMES = 1024, 4


@dataclass(frozen=True)
class Estimate:
    """What a training needs.

    Args:
        weights: Number of weights.
        trained: Number of those that are trained.
        weights_gib: Memory of all weights, or of a process's share.
        gradients_gib: Memory of gradients, likewise.
        optimizer_gib: Memory of the optimizer, likewise.
        activations_gib: Memory of one batch's activations and logits.
        tokens: Tokens in all steps of all processes.
        hours: Time at the given rate.
        processes: How many work side by side.
    """

    weights: int
    trained: int
    weights_gib: float
    gradients_gib: float
    optimizer_gib: float
    activations_gib: float
    tokens: float
    hours: float
    processes: int = 1

    @property
    def total_gib(self) -> float:
        """The memory of one process."""
        return self.weights_gib + self.gradients_gib + self.optimizer_gib + self.activations_gib

    def __str__(self) -> str:
        parts = {
            "weights": self.weights_gib,
            "gradients": self.gradients_gib,
            "optimizer": self.optimizer_gib,
            "activations": self.activations_gib,
        }
        memory = ", ".join(f"{name} {value:.3g}" for name, value in parts.items())
        each = f"Each of {self.processes} processes: memory" if self.processes > 1 else "Memory"
        return (
            f"{self.weights / 1e6:.3g} M weights, {self.trained / 1e6:.3g} M trained. {each} {self.total_gib:.3g} GiB "
            f"({memory}). {self.tokens:.3g} tokens, about {self.hours:.2g} h; answers that are sampled come on top."
        )


def estimate(
    config: Any,
    *,
    weights: int,
    trained: int,
    bytes_a_weight: float,
    bytes_a_trained: float,
    batch: int,
    tokens: int,
    steps: int,
    is_checkpointed: bool,
    operations_per_s: float,
    updates_a_batch: int = 1,
    processes: int = 1,
    is_sharded: bool = False,
) -> Estimate:
    """Estimates a training.

    Args:
        config: The model's configuration, for its width, depth and vocabulary.
        weights: Number of weights.
        trained: Number of trained weights.
        bytes_a_weight: 4 for float32, 2 for bfloat16; the mean of all weights.
        bytes_a_trained: The same of trained weights; those of LoRA are float32 beside bfloat16.
        batch: Conversations in memory at a time.
        tokens: Tokens of a long conversation.
        steps: Updates.
        is_checkpointed: Whether activations are computed again instead of kept.
        operations_per_s: What the machine does.
        updates_a_batch: Batches that are gathered for one update.
        processes: How many work side by side, each with batches of its own.
        is_sharded: Whether weights, gradients and optimizer are shared out among them (ZeRO-3, FSDP).
    """
    text = config.get_text_config()
    kept = CHECKPOINTED_BYTES if is_checkpointed else KEPT_BYTES
    activations = batch * tokens * text.hidden_size * text.num_hidden_layers * kept * bytes_a_weight / 2
    logits = batch * tokens * text.vocab_size * (bytes_a_weight + 4)
    optimizer = trained * (MASTER_BYTES if is_sharded and bytes_a_trained < 4 else 2 * bytes_a_trained)
    shares = (processes if is_sharded else 1) * GIB
    total = float(batch * tokens * steps * updates_a_batch * processes)
    # Weights that stand still need no gradient of their own, only one that passes through.
    operations = ((4 if is_checkpointed else 2) * weights + 2 * weights + 2 * trained) * total
    return Estimate(
        weights=weights,
        trained=trained,
        weights_gib=weights * bytes_a_weight / shares,
        gradients_gib=trained * bytes_a_trained / shares,
        optimizer_gib=optimizer / shares,
        activations_gib=(activations + logits) / GIB,
        tokens=total,
        hours=operations / operations_per_s / 3600 / processes,
        processes=processes,
    )


def measured_rate(device: str = "cpu") -> float:
    """Operations a second of a matrix product, of which a training reaches a third to a half."""
    import torch

    a = torch.rand(SIDE, SIDE, device=device)
    (a @ a).sum().item()
    started = time.perf_counter()
    for _ in range(TIMES):
        b = a @ a
    b.sum().item()
    return TIMES * 2 * SIDE**3 / (time.perf_counter() - started)


def count_weights(config: Any) -> int:
    """Counts the weights of a configuration without making them.

    Args:
        config: Of a vision-language model.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    return sum(weight.numel() for weight in model.parameters())


def count_of(weight: Any) -> int:
    """Numbers of a weight, also where ZeRO-3 has shared it out and this process holds none of them."""
    return int(getattr(weight, "ds_numel", weight.numel()))


def tell_estimate(model: Any, arguments: Any, *, tokens: int, rows: int, is_sharded: bool = False) -> Estimate:
    """Prints the estimate for a trainer's arguments to stderr.

    Args:
        model: The model, with what is frozen frozen.
        arguments: A `transformers.TrainingArguments`.
        tokens: Of a long conversation.
        rows: Conversations in an epoch.
        is_sharded: Whether processes share the weights out.
    """
    processes = arguments.world_size
    per_update = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps * processes
    steps = arguments.max_steps if arguments.max_steps > 0 else rows * arguments.num_train_epochs / per_update
    weights = list(model.parameters())
    trained = [each for each in weights if each.requires_grad]
    count, count_trained = (sum(count_of(each) for each in some) for some in (weights, trained))
    found = estimate(
        model.config,
        weights=count,
        trained=count_trained,
        bytes_a_weight=sum(count_of(each) * each.element_size() for each in weights) / count,
        bytes_a_trained=sum(count_of(each) * each.element_size() for each in trained) / count_trained,
        batch=arguments.per_device_train_batch_size,
        tokens=tokens,
        steps=max(1, round(steps)),
        is_checkpointed=arguments.gradient_checkpointing,
        operations_per_s=0.4 * measured_rate(str(model.device)),
        updates_a_batch=arguments.gradient_accumulation_steps,
        processes=processes,
        is_sharded=is_sharded,
    )
    print(found, file=sys.stderr)
    return found
