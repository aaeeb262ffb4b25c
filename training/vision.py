"""Teaches a vision tower to look before it learns to speak: direct targets on pictures that never repeat.

    motionlaw train vision --checkpoint start --output_dir seeing --steps 2000
    motionlaw train vision --checkpoint start --output_dir seeing --steps 2000 --shows pairs

Heads on the merged tokens tell which terms the panels of an oscillator show, the numbers in them, and where a disc is;
or, of two frames of a film, which things are there and how they move (`pair_looker`). The heads are thrown away; the
tower stays. A model from scratch that is tuned without this does not come to look at all.
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
from motionlaw.tools.panels import ACROSS
from motionlaw.tools.panels import SIDE_PX as PANEL_PX
from motionlaw.training.model import MERGE, PATCH, SIDE_PX, load_checkpoint, save_checkpoint
from motionlaw.training.optimizers import make_optimizers, set_rate
from motionlaw.training.options import read_options
from motionlaw.training.tower import patches_of, picture_tokens
from motionlaw.training.vision_targets import FAMILIES, NUMBERS, Discs, Panels, draw_discs, draw_oscillator_panels

# Kinds of terms that each picture of an oscillator tells of, and no other does: what comes together in training is then
# no reason to see a term.
TOLD = (
    ("spring", "cubic spring", "quadratic spring", "x cos x", "constant force"),
    ("damping", "cubic damping", "quadratic drag", "self-excitation"),
    ("sine force", "cosine force"),
)
# Width of the heads of panels; numbers of the reach of x, v and a; discs for each oscillator.
HEAD, REACHES, DISCS = 256, 6, 1 / 16
WARM_UP = 0.02
# What an error of a frequency counts beside one of another number: a wave of a wrong frequency is another term.
FREQUENCY_WEIGHT = 6.0
# Least probability of a family that is said to be present: best for the Jaccard index, which fears omission.
LEAST_PROBABILITY = 0.4
# Seeds of the pictures that measure are not those of pictures that teach.
MEASURE_SEED = 1_000_003
STATE, LOG = "vision_state.pt", "vision_log.jsonl"
SHOWN = ("oscillators", "pairs")


@dataclass(frozen=True)
class VisionSettings:
    """What to do.

    Args:
        checkpoint: The model to start from.
        output_dir: Where the model, the log and the state go.
        steps: Updates.
        batch: Oscillators in each, discs come with them; or pairs.
        learning_rate: At its highest.
        seed: Of the pictures and the heads.
        save_steps: Updates between states that can be resumed.
        measured: Pictures of each kind in the measure at the end.
        shows: What the pictures show: oscillators, or pairs of frames.
        resume: Go on from the state in ``output_dir``.
    """

    checkpoint: str
    output_dir: str
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 2e-3
    seed: int = 0
    save_steps: int = 200
    measured: int = 200
    shows: str = "oscillators"
    resume: bool = False

    def __post_init__(self) -> None:
        if self.shows not in SHOWN:
            raise UserError(f"shows must be {' or '.join(SHOWN)}, got '{self.shows}'.")
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
        exact: Share of the pictures of which all families are right.
        position_px: Median distance of the disc's centre, pixels of a picture of 112.
        position_chance_px: The same for always saying the middle.
    """

    loss: float
    jaccard: float
    chance: float
    exact: float
    position_px: float
    position_chance_px: float


def make_heads(width: int) -> Any:
    """What reads the tokens of each of an oscillator's pictures, with the reach that words tell, and says of each token
    of a disc's picture how much the disc is there."""
    from torch import nn

    values = ACROSS * (PANEL_PX // (PATCH * MERGE)) ** 2 * width + REACHES

    def reader(families: list[int], numbers: list[int]) -> nn.Module:
        told = len(families) + len(numbers)
        return nn.Sequential(nn.LayerNorm(values), nn.Linear(values, HEAD), nn.GELU(), nn.Linear(HEAD, told))

    readers = [reader(*places) for places in told_places()]
    return nn.ModuleDict({"panels": nn.ModuleList(readers), "disc": nn.Linear(width, 1)})


def told_places() -> list[tuple[list[int], list[int]]]:
    """Places of the families, and of their numbers, that each picture tells of."""
    names = [family.name for family in FAMILIES]
    families = [[names.index(name) for name in told] for told in TOLD]
    return [(some, [k for k, (family, _) in enumerate(NUMBERS) if family in some]) for some in families]


class Looker:
    """A tower with its heads, for pictures of oscillators and discs."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor
        self.heads = make_heads(int(model.config.vision_config.out_hidden_size))

    def tokens(self, images: np.ndarray) -> Any:
        """Tokens of pictures of one size, shape (N, tokens, D)."""
        return picture_tokens(self.model.model.visual, *patches_of(images, self.processor.image_processor))

    def told(self, panels: Panels, discs: Discs) -> tuple[Any, Any, Any]:
        """Logits of the families, numbers, and the disc's place."""
        import torch

        reach = torch.from_numpy(panels.reach).float()
        count, pictures = panels.images.shape[:2]
        tokens = self.tokens(panels.images.reshape(-1, *panels.images.shape[2:])).view(count, pictures, -1)
        logits, numbers = torch.empty(count, len(FAMILIES)), torch.empty(count, len(NUMBERS))
        for k, (families, places) in enumerate(told_places()):
            read = self.heads["panels"][k](torch.cat([tokens[:, k], reach], dim=1))
            logits[:, families], numbers[:, places] = read[:, : len(families)], read[:, len(families) :]
        share = torch.softmax(self.heads["disc"](self.tokens(discs.images))[..., 0], dim=1)
        side = SIDE_PX // (PATCH * MERGE)
        middle = (torch.stack([torch.arange(side**2) % side, torch.arange(side**2) // side], dim=1) + 0.5) / side
        place = share @ middle
        return logits, numbers, place

    def drawn_loss(self, seed: int, step: int, batch: int) -> Any:
        """The loss on the pictures of an update, from 1."""
        panels = draw_oscillator_panels(seed, (step - 1) * batch, batch)
        return self.loss(panels, draw_discs(np.random.default_rng([seed, step]), max(1, round(DISCS * batch))))

    def loss(self, panels: Panels, discs: Discs) -> Any:
        """Cross-entropy of the families, squared errors of numbers that are there, and of the place."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        logits, numbers, place = self.told(panels, discs)
        present = torch.tensor(panels.present, dtype=torch.float32)
        wanted = torch.tensor(panels.numbers, dtype=torch.float32)
        there = torch.isfinite(wanted)
        entropy = binary_cross_entropy_with_logits(logits, present)
        weights = torch.tensor([FREQUENCY_WEIGHT if k == 1 else 1.0 for _, k in NUMBERS])
        off = (weights * (numbers - torch.nan_to_num(wanted)) ** 2)[there].mean()
        away = ((place - torch.tensor(discs.position, dtype=torch.float32)) ** 2).sum(dim=1).mean()
        return entropy + 0.3 * off + 2.0 * away

    def measure(self, count: int, batch: int) -> Seen:
        """Looks at pictures of its own."""
        import torch

        rng = np.random.default_rng(MEASURE_SEED)
        losses, shares, chances, whole, away, middle = [], [], [], [], [], []
        usual = None
        with torch.inference_mode():
            for first in range(0, count, batch):
                panels, discs = draw_oscillator_panels(MEASURE_SEED, first, batch), draw_discs(rng, batch)
                losses.append(self.loss(panels, discs).item())
                logits, _, place = self.told(panels, discs)
                said, true = torch.sigmoid(logits).numpy() > LEAST_PROBABILITY, panels.present > 0
                usual = true.mean(axis=0) >= np.sort(true.mean(axis=0))[-3] if usual is None else usual
                shares += _jaccard(said, true)
                chances += _jaccard(np.broadcast_to(usual, true.shape), true)
                whole += (said == true).all(axis=1).tolist()
                away += np.hypot(*(place.numpy() - discs.position).T).tolist()
                middle += np.hypot(*(0.5 - discs.position).T).tolist()
        return Seen(
            float(np.mean(losses)), float(np.mean(shares)), float(np.mean(chances)), float(np.mean(whole)),
            SIDE_PX * float(np.median(away)), SIDE_PX * float(np.median(middle)),
        )  # fmt: skip


def _jaccard(said: np.ndarray, true: np.ndarray) -> list[float]:
    both, either = (said & true).sum(axis=1), (said | true).sum(axis=1)
    return (both / np.maximum(either, 1)).tolist()


def train_vision(settings: VisionSettings) -> tuple[Any, Any]:
    """Trains the tower and saves the model.

    Returns:
        What it saw before (or when it was resumed) and after: `Seen`, or `pair_looker.SeenPairs`.
    """
    import torch

    from motionlaw.training.pair_looker import PairLooker

    model, processor = load_checkpoint(settings.checkpoint)
    torch.manual_seed(settings.seed)
    looker = (PairLooker if settings.shows == "pairs" else Looker)(model, processor)
    weights = [*model.model.visual.parameters(), *looker.heads.parameters()]
    optimizers = make_optimizers([model.model.visual, looker.heads], settings.learning_rate)
    out = Path(settings.output_dir)
    out.mkdir(parents=True, exist_ok=True)
    done = _resumed(settings, looker, optimizers) if settings.resume else 0
    before = looker.measure(settings.measured, settings.batch)
    with (out / LOG).open("a" if done else "w", encoding="utf-8") as log:
        for step, loss in _steps(settings, looker, optimizers, weights, done):
            print(json.dumps({"step": step, "loss": round(loss, 4)}), file=log, flush=True)
            if step % settings.save_steps == 0:
                _keep(settings, looker, optimizers, step)
                print(f"step {step} of {settings.steps}, loss {loss:.3f}", file=sys.stderr)
    after = looker.measure(settings.measured, settings.batch)
    save_checkpoint(model, processor, out)
    return before, after


def _steps(
    settings: VisionSettings, looker: Any, optimizers: list[Any], weights: list[Any], done: int
) -> Iterator[tuple[int, float]]:
    import torch

    for step in range(done + 1, settings.steps + 1):
        share = step / settings.steps
        rise = min(1.0, share / WARM_UP)
        set_rate(optimizers, rise * (0.5 + 0.5 * math.cos(math.pi * share)))
        loss = looker.drawn_loss(settings.seed, step, settings.batch)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        yield step, loss.item()


def _keep(settings: VisionSettings, looker: Any, optimizers: list[Any], step: int) -> None:
    """Writes the state whole or not at all."""
    import torch

    path = Path(settings.output_dir) / STATE
    beside = path.with_suffix(".new")
    state = {
        "step": step, "visual": looker.model.model.visual.state_dict(), "heads": looker.heads.state_dict(),
        "optimizers": [each.state_dict() for each in optimizers],
    }  # fmt: skip
    torch.save(state, beside)
    beside.replace(path)


def _resumed(settings: VisionSettings, looker: Any, optimizers: list[Any]) -> int:
    import torch

    path = Path(settings.output_dir) / STATE
    if not path.exists():
        raise UserError(f"{settings.output_dir} holds no state to resume. Leave --resume out.")
    state = torch.load(path, weights_only=True)
    looker.model.model.visual.load_state_dict(state["visual"])
    looker.heads.load_state_dict(state["heads"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
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
