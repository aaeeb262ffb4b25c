"""Optimisers for training from scratch: Muon for the matrices of layers, AdamW for all else.

Muon (Jordan et al. 2024) takes steps of orthogonal matrices; small towers reached the same loss in two thirds of the
time of AdamW alone (`docs/log.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Muon's rate for each unit of AdamW's, and the shorter side of a matrix that it takes: to a head with few outputs one
# step of it would be far too long.
MUON_RATE, THINNEST = 10.0, 32


def make_optimizers(parts: Sequence[Any], rate: float) -> list[Any]:
    """Optimisers for the weights of modules.

    Args:
        parts: The modules.
        rate: AdamW's highest rate.
    """
    import torch

    linear = [m.weight for part in parts for m in part.modules() if isinstance(m, torch.nn.Linear)]
    matrices = [weight for weight in linear if weight.requires_grad and min(weight.shape) >= THINNEST]
    known = {id(weight) for weight in matrices}
    others = [weight for part in parts for weight in part.parameters() if id(weight) not in known]
    rest = [weight for weight in others if weight.requires_grad]
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE * rate, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def set_rate(optimizers: Sequence[Any], share: float) -> None:
    """Sets each rate to a share of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = share * group.setdefault("highest", group["lr"])


def together(optimizers: Sequence[Any]) -> Any:
    """Several optimisers as one that a trainer takes; rates set on it are theirs.

    Args:
        optimizers: The optimisers, no weight in two of them.
    """
    import torch

    class Together(torch.optim.Optimizer):
        def __init__(self) -> None:
            super().__init__([group for each in optimizers for group in each.param_groups], {})
            self.share()

        def share(self) -> None:
            start = 0
            for each in optimizers:
                each.param_groups = self.param_groups[start : start + len(each.param_groups)]
                start += len(each.param_groups)

        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for each in optimizers:
                each.step()

        def state_dict(self) -> dict[str, Any]:
            return {"parts": [each.state_dict() for each in optimizers]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            for each, state in zip(optimizers, state_dict["parts"], strict=True):
                each.load_state_dict(state)
            self.param_groups = [group for each in optimizers for group in each.param_groups]
            self.share()

    return Together()
