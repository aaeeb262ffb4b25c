"""What a training will need, said before it starts: memory of weights, gradients, optimizer, activations, and time.

Weights are counted exactly; activations by the usual rule of thumb for transformers, so the total is right to a third
or so; time is 6 operations a weight and token (8 with checkpointed activations), at a rate measured on the spot.

Source: Kaplan et al. (2020) for the operations; Korthikanti et al. (2022, arXiv 2205.05198) for the activations.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

# AdamW keeps two numbers of four bytes a trained weight; with weights of two bytes a copy of four more.
ADAM_BYTES, MASTER_BYTES = 8, 4
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
        weights_gib: Memory of all weights.
        gradients_gib: Memory of gradients.
        optimizer_gib: Memory of the optimizer.
        activations_gib: Memory of one batch's activations and logits.
        tokens: Tokens in all steps.
        hours: Time at the given rate.
    """

    weights: int
    trained: int
    weights_gib: float
    gradients_gib: float
    optimizer_gib: float
    activations_gib: float
    tokens: float
    hours: float

    @property
    def total_gib(self) -> float:
        """All memory together, over all devices."""
        return self.weights_gib + self.gradients_gib + self.optimizer_gib + self.activations_gib

    def __str__(self) -> str:
        parts = {
            "weights": self.weights_gib,
            "gradients": self.gradients_gib,
            "optimizer": self.optimizer_gib,
            "activations": self.activations_gib,
        }
        memory = ", ".join(f"{name} {value:.3g}" for name, value in parts.items())
        return (
            f"{self.weights / 1e6:.3g} M weights, {self.trained / 1e6:.3g} M trained. Memory {self.total_gib:.3g} GiB "
            f"({memory}). {self.tokens:.3g} tokens, about {self.hours:.2g} h; answers that are sampled come on top."
        )


def estimate(
    config: Any,
    *,
    weights: int,
    trained: int,
    bytes_a_weight: int,
    batch: int,
    tokens: int,
    steps: int,
    is_checkpointed: bool,
    operations_per_s: float,
    updates_a_batch: int = 1,
) -> Estimate:
    """Estimates a training.

    Args:
        config: The model's configuration, for its width, depth and vocabulary.
        weights: Number of weights.
        trained: Number of trained weights.
        bytes_a_weight: 4 for float32, 2 for bfloat16.
        batch: Conversations in memory at a time.
        tokens: Tokens of a long conversation.
        steps: Updates.
        is_checkpointed: Whether activations are computed again instead of kept.
        operations_per_s: What the machine does.
        updates_a_batch: Batches that are gathered for one update.
    """
    text = config.get_text_config()
    kept = CHECKPOINTED_BYTES if is_checkpointed else KEPT_BYTES
    activations = batch * tokens * text.hidden_size * text.num_hidden_layers * kept * bytes_a_weight / 2
    logits = batch * tokens * text.vocab_size * (bytes_a_weight + 4)
    optimizer = trained * (ADAM_BYTES + (MASTER_BYTES if bytes_a_weight < 4 else 0))
    total = float(batch * tokens * steps * updates_a_batch)
    # Weights that stand still need no gradient of their own, only one that passes through.
    operations = ((4 if is_checkpointed else 2) * weights + 2 * weights + 2 * trained) * total
    return Estimate(
        weights=weights,
        trained=trained,
        weights_gib=weights * bytes_a_weight / GIB,
        gradients_gib=trained * bytes_a_weight / GIB,
        optimizer_gib=optimizer / GIB,
        activations_gib=(activations + logits) / GIB,
        tokens=total,
        hours=operations / operations_per_s / 3600,
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


def tell_estimate(model: Any, arguments: Any, *, tokens: int, rows: int) -> Estimate:
    """Prints the estimate for a trainer's arguments to stderr.

    Args:
        model: The model, with what is frozen frozen.
        arguments: A `transformers.TrainingArguments`.
        tokens: Of a long conversation.
        rows: Conversations in an epoch.
    """
    per_update = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    steps = arguments.max_steps if arguments.max_steps > 0 else rows * arguments.num_train_epochs / per_update
    weights = list(model.parameters())
    found = estimate(
        model.config,
        weights=sum(each.numel() for each in weights),
        trained=sum(each.numel() for each in weights if each.requires_grad),
        bytes_a_weight=weights[0].element_size(),
        batch=arguments.per_device_train_batch_size,
        tokens=tokens,
        steps=max(1, round(steps)),
        is_checkpointed=arguments.gradient_checkpointing,
        operations_per_s=0.4 * measured_rate(str(model.device)),
        updates_a_batch=arguments.gradient_accumulation_steps,
    )
    print(found, file=sys.stderr)
    return found
