"""Teaches a vision tower to look before it learns to speak: direct targets on pictures that never repeat.

    motionlaw train vision --checkpoint start --output_dir seeing --steps 2000

Linear heads on the merged tokens tell which terms two plots show, the numbers in them, and where a disc is. The heads
are thrown away; the tower stays. A model from scratch that is tuned without this does not come to look at all.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.training.model import load_checkpoint, save_checkpoint
from motionlaw.training.options import read_options
from motionlaw.training.vision_targets import FAMILIES, NUMBERS, Discs, PlotPairs, draw_discs, draw_plot_pairs

# Tokens are averaged into so many rows and columns, whatever the picture's shape.
GRID = 7
WARM_UP = 0.05
# Least probability of a family that is said to be present: best for the Jaccard index, which fears omission.
LEAST_PROBABILITY = 0.4
# Seeds of the pictures that measure are not those of pictures that teach.
MEASURE_SEED = 1_000_003
STATE, LOG = "vision_state.pt", "vision_log.jsonl"


@dataclass(frozen=True)
class VisionSettings:
    """What to do.

    Args:
        checkpoint: The model to start from.
        output_dir: Where the model, the log and the state go.
        steps: Updates.
        batch: Pairs of plots, and discs, in each.
        learning_rate: At its highest.
        seed: Of the pictures and the heads.
        save_steps: Updates between states that can be resumed.
        measured: Pictures of each kind in the measure at the end.
        resume: Go on from the state in ``output_dir``.
    """

    checkpoint: str
    output_dir: str
    steps: int = 1000
    batch: int = 16
    learning_rate: float = 1e-3
    seed: int = 0
    save_steps: int = 200
    measured: int = 200
    resume: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not self.learning_rate > 0:
            raise UserError(
                "steps and batch must be at least 1 and learning_rate positive, got "
                f"{self.steps}, {self.batch} and {self.learning_rate}."
            )


@dataclass(frozen=True)
class Seen:
    """What a tower reads off pictures that it was not taught with.

    Args:
        loss: The loss.
        jaccard: Mean Jaccard index of the families said to be present.
        chance: The same for always saying the families that are present most often.
        position_px: Median distance of the disc's centre, pixels of a picture of 112.
        position_chance_px: The same for always saying the middle.
    """

    loss: float
    jaccard: float
    chance: float
    position_px: float
    position_chance_px: float


def make_heads(width: int) -> Any:
    """Linear heads on averaged tokens: of two plots, and of one picture."""
    from torch import nn

    return nn.ModuleDict(
        {
            "plots": nn.Linear(2 * GRID**2 * width, len(FAMILIES) + len(NUMBERS)),
            "disc": nn.Linear(GRID**2 * width, 2),
        }
    )


class Looker:
    """A tower with its heads."""

    def __init__(self, model: Any, processor: Any, heads: Any) -> None:
        self.model, self.processor, self.heads = model, processor, heads
        self.merge = int(model.config.vision_config.spatial_merge_size)

    def features(self, images: list[np.ndarray]) -> Any:
        """Averaged tokens of pictures, shape (N, 49 D)."""
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        given = self.processor.image_processor(images=images, return_tensors="pt")
        grids = given["image_grid_thw"]
        found = self.model.get_image_features(given["pixel_values"], grids).pooler_output
        pooled = []
        for tokens, (_, rows, columns) in zip(found, grids.tolist(), strict=True):
            square = tokens.view(rows // self.merge, columns // self.merge, -1).permute(2, 0, 1)
            pooled.append(adaptive_avg_pool2d(square, GRID).flatten())
        return torch.stack(pooled)

    def told(self, pairs: PlotPairs, discs: Discs) -> tuple[Any, Any, Any]:
        """Logits of the families, numbers, and the disc's place, from all pictures at once."""
        flat = [image for pair in pairs.images for image in pair]
        seen = self.features([*flat, *discs.images])
        plots = self.heads["plots"](seen[: len(flat)].view(len(pairs.images), -1))
        place = self.heads["disc"](seen[len(flat) :]) + 0.5
        return plots[:, : len(FAMILIES)], plots[:, len(FAMILIES) :], place

    def loss(self, pairs: PlotPairs, discs: Discs) -> Any:
        """Cross-entropy of the families, squared errors of numbers that are there, and of the place."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        logits, numbers, place = self.told(pairs, discs)
        present = torch.tensor(pairs.present, dtype=torch.float32)
        wanted = torch.tensor(pairs.numbers, dtype=torch.float32)
        there = torch.isfinite(wanted)
        entropy = binary_cross_entropy_with_logits(logits, present)
        off = ((numbers - torch.nan_to_num(wanted)) ** 2)[there].mean()
        away = ((place - torch.tensor(discs.position, dtype=torch.float32)) ** 2).sum(dim=1).mean()
        return entropy + 0.3 * off + 5.0 * away

    def measure(self, count: int, batch: int) -> Seen:
        """Looks at pictures of its own."""
        import torch

        rng = np.random.default_rng(MEASURE_SEED)
        losses, shares, chances, away, middle = [], [], [], [], []
        usual = None
        with torch.inference_mode():
            for _ in range(math.ceil(count / batch)):
                pairs, discs = draw_plot_pairs(rng, batch), draw_discs(rng, batch)
                losses.append(self.loss(pairs, discs).item())
                logits, _, place = self.told(pairs, discs)
                said, true = torch.sigmoid(logits).numpy() > LEAST_PROBABILITY, pairs.present > 0
                usual = true.mean(axis=0) >= np.sort(true.mean(axis=0))[-3] if usual is None else usual
                shares += _jaccard(said, true)
                chances += _jaccard(np.broadcast_to(usual, true.shape), true)
                away += np.hypot(*(place.numpy() - discs.position).T).tolist()
                middle += np.hypot(*(0.5 - discs.position).T).tolist()
        side = math.sqrt(self.processor.image_processor.size["longest_edge"])
        return Seen(
            float(np.mean(losses)), float(np.mean(shares)), float(np.mean(chances)),
            side * float(np.median(away)), side * float(np.median(middle)),
        )  # fmt: skip


def _jaccard(said: np.ndarray, true: np.ndarray) -> list[float]:
    both, either = (said & true).sum(axis=1), (said | true).sum(axis=1)
    return (both / np.maximum(either, 1)).tolist()


def train_vision(settings: VisionSettings) -> tuple[Seen, Seen]:
    """Trains the tower and saves the model.

    Returns:
        What it saw before (or when it was resumed) and after.
    """
    import torch

    model, processor = load_checkpoint(settings.checkpoint)
    torch.manual_seed(settings.seed)
    heads = make_heads(int(model.config.vision_config.out_hidden_size))
    looker = Looker(model, processor, heads)
    weights = [*model.model.visual.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.01)
    out = Path(settings.output_dir)
    out.mkdir(parents=True, exist_ok=True)
    done = _resumed(settings, looker, optimizer) if settings.resume else 0
    before = looker.measure(settings.measured, settings.batch)
    with (out / LOG).open("a" if done else "w", encoding="utf-8") as log:
        for step, loss in _steps(settings, looker, optimizer, weights, done):
            print(json.dumps({"step": step, "loss": round(loss, 4)}), file=log, flush=True)
            if step % settings.save_steps == 0:
                _keep(settings, looker, optimizer, step)
                print(f"step {step} of {settings.steps}, loss {loss:.3f}", file=sys.stderr)
    after = looker.measure(settings.measured, settings.batch)
    save_checkpoint(model, processor, out)
    return before, after


def _steps(
    settings: VisionSettings, looker: Looker, optimizer: Any, weights: list[Any], done: int
) -> Iterator[tuple[int, float]]:
    import torch

    for step in range(done + 1, settings.steps + 1):
        share = step / settings.steps
        rise = min(1.0, share / WARM_UP)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rise * (0.5 + 0.5 * math.cos(math.pi * share))
        rng = np.random.default_rng([settings.seed, step])
        loss = looker.loss(draw_plot_pairs(rng, settings.batch), draw_discs(rng, settings.batch))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        yield step, loss.item()


def _keep(settings: VisionSettings, looker: Looker, optimizer: Any, step: int) -> None:
    """Writes the state whole or not at all."""
    import torch

    path = Path(settings.output_dir) / STATE
    beside = path.with_suffix(".new")
    state = {
        "step": step, "visual": looker.model.model.visual.state_dict(), "heads": looker.heads.state_dict(),
        "optimizer": optimizer.state_dict(),
    }  # fmt: skip
    torch.save(state, beside)
    beside.replace(path)


def _resumed(settings: VisionSettings, looker: Looker, optimizer: Any) -> int:
    import torch

    path = Path(settings.output_dir) / STATE
    if not path.exists():
        raise UserError(f"{settings.output_dir} holds no state to resume. Leave --resume out.")
    state = torch.load(path, weights_only=True)
    looker.model.model.visual.load_state_dict(state["visual"])
    looker.heads.load_state_dict(state["heads"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def vision_command(words: Sequence[str]) -> int:
    """Reads options and trains; prints what the tower sees before and after as JSON."""
    (settings,) = read_options(words, VisionSettings)
    started = time.perf_counter()
    before, after = train_vision(settings)
    numbers = {f"{when}_{name}": value for when, seen in (("before", before), ("after", after))
               for name, value in vars(seen).items()}  # fmt: skip
    print(json.dumps(numbers | {"seconds": round(time.perf_counter() - started, 1)}))
    return 0
