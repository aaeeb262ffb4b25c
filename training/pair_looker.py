"""What a tower learns of two frames of a film: which things are there, of what shape and where, and how they move.

For each colour that a thing may have, one query over the tokens finds where it is in the first frame, another where it
is in the second; the token at the first place must tell the rest. While it learns, the true token is asked, so that
looking and telling are learned side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from motionlaw.agent.motion_question import SIDE_PX
from motionlaw.data_builders.motion_pairs import Pair, show_pair
from motionlaw.data_builders.scene import COLOURS
from motionlaw.tools.motion_classes import DIRECTIONS, SCALES, STATIONARY
from motionlaw.training.model import MERGE, PATCH
from motionlaw.training.tower import patches_of, picture_tokens

NAMES, SHAPES, WAYS = tuple(COLOURS), ("ball", "block", "cart"), (*DIRECTIONS, STATIONARY)
CELL_PX = PATCH * MERGE
CELLS = SIDE_PX // CELL_PX
HIDDEN = 192
# What is read off the token of a thing: whether it is there, shape, direction, change of size, eight numbers of its
# place, the logarithm of its way.
PARTS = [1, len(SHAPES), len(WAYS), len(SCALES), 8, 1]
# The way of a thing that stands still counts as this many of its diagonals.
LEAST_WAY = 0.02
# Units of the numbers: places in the picture, ways, sizes, places in a cell, pixels.
PLACE_PX, WAY_PX, SIZE_PX, IN_CELL_PX = SIDE_PX / 4, 4.0, 8.0, 4.0
# Seeds of the pictures that measure are not those of pictures that teach.
MEASURE_SEED = 1_000_003


@dataclass(frozen=True)
class SeenPairs:
    """What a tower reads off pairs of frames that it was not taught with.

    Args:
        loss: The loss.
        jaccard: Mean Jaccard index of the colours said to be present.
        direction: Share of the things that are there whose direction is right.
        usual: Share of the most frequent direction.
        way_px: Median error of their way, pixels of 64.
        place_px: Median error of where they start, pixels of 64, found as the tower says.
    """

    loss: float
    jaccard: float
    direction: float
    usual: float
    way_px: float
    place_px: float


def make_pair_heads(width: int) -> Any:
    """What reads the tokens."""
    from torch import nn

    told = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, sum(PARTS)))
    return nn.ModuleDict({"where": nn.Linear(width, 2 * len(NAMES)), "colour": nn.Embedding(len(NAMES), width),
                          "told": told})  # fmt: skip


@dataclass(frozen=True)
class Targets:
    """What is true of N pairs: tensors over pairs and colours.

    Args:
        here: Whether there is a thing of the colour, shape (N, C), and of its shape, direction and change of size.
        words: Their numbers, shape (N, C, 3).
        numbers: Start, displacement, size and start in its cell, in the units above, shape (N, C, 8).
        way: The logarithm of the way in diagonals, shape (N, C).
        cells: The cells of start and end, shape (N, C, 2).
    """

    here: Any
    words: Any
    numbers: Any
    way: Any
    cells: Any


def targets_of(pairs: list[Pair]) -> Targets:
    """The targets of pairs."""
    import torch

    shape = (len(pairs), len(NAMES))
    here, words, numbers = np.zeros(shape, bool), np.zeros((*shape, 3), int), np.zeros((*shape, 8), np.float32)
    way, cells = np.zeros(shape, np.float32), np.zeros((*shape, 2), int)
    for row, pair in enumerate(pairs):
        for seen, colour, length in zip(pair.things, pair.colours, pair.ways, strict=True):
            k = NAMES.index(colour)
            start, end, size = np.array(seen.place).reshape(3, 2)
            place = np.clip(np.stack([start, end]) // CELL_PX, 0, CELLS - 1).astype(int)
            in_cell = start - (place[0] + 0.5) * CELL_PX
            here[row, k] = True
            words[row, k] = (
                next(n for n, each in enumerate(SHAPES) if seen.name.endswith(each)),
                WAYS.index(seen.words[0]), SCALES.index(seen.words[2]),
            )  # fmt: skip
            numbers[row, k] = np.concatenate(
                [start / PLACE_PX - 2, (end - start) / WAY_PX, size / SIZE_PX, in_cell / IN_CELL_PX]
            )
            way[row, k] = math.log(length + LEAST_WAY)
            cells[row, k] = place @ [1, CELLS]
    return Targets(*(torch.from_numpy(each) for each in (here, words, numbers, way, cells)))


class PairLooker:
    """A tower with its heads, for pairs of frames."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor
        self.heads = make_pair_heads(int(model.config.vision_config.out_hidden_size))

    def read(self, pairs: list[Pair], true: Targets | None = None) -> tuple[Any, Any]:
        """What is read off the token of each colour, shape (N, C, all parts), and where each colour's is sought: logits
        of the cells of start and end, shape (N, cells, 2 C). With ``true``, things are read at their true cells."""
        import torch

        images = np.stack([pair.pictures for pair in pairs])
        tokens = picture_tokens(self.model.model.visual, *patches_of(images, self.processor.image_processor))
        where = self.heads["where"](tokens)
        share = torch.softmax(where[..., : len(NAMES)], dim=1)
        read = torch.einsum("ntc,ntd->ncd", share, tokens)
        if true is not None:
            right = torch.gather(tokens, 1, true.cells[:, :, :1].expand(-1, -1, tokens.shape[2]))
            read = torch.where(true.here[:, :, None], right, read)
        return self.heads["told"](read + self.heads["colour"].weight), where

    def drawn_loss(self, seed: int, step: int, batch: int) -> Any:
        """The loss on the pairs of an update, from 1."""
        pairs = [show_pair(seed, number) for number in range((step - 1) * batch, step * batch)]
        true = targets_of(pairs)
        return self.loss(*self.read(pairs, true), true)

    def loss(self, read: Any, where: Any, true: Targets) -> Any:
        """Cross-entropies of words and cells, and errors of numbers that are there."""
        import torch
        from torch.nn import functional

        entropy, near = functional.cross_entropy, functional.smooth_l1_loss
        here = true.here
        present, shape, direction, scale, numbers, way = torch.split(read, PARTS, dim=-1)
        words = true.words[here]
        start, end = where.transpose(1, 2).split(len(NAMES), dim=1)
        return (
            4 * functional.binary_cross_entropy_with_logits(present[..., 0], here.float())
            + 0.5 * entropy(shape[here], words[:, 0])
            + entropy(direction[here], words[:, 1])
            + 0.3 * entropy(scale[here], words[:, 2])
            + 4 * near(numbers[here], true.numbers[here], beta=0.1)
            + 0.3 * near(way[here][:, 0], true.way[here])
            + entropy(start[here], true.cells[here][:, 0])
            + entropy(end[here], true.cells[here][:, 1])
        )

    def measure(self, count: int, batch: int) -> SeenPairs:
        """Looks at pairs of its own."""
        import torch

        losses, shares, right, off, away, ways = [], [], [], [], [], []
        with torch.inference_mode():
            for first in range(0, count, batch):
                pairs = [show_pair(MEASURE_SEED, number) for number in range(first, min(first + batch, count))]
                true = targets_of(pairs)
                read, where = self.read(pairs)
                losses.append(self.loss(read, where, true).item())
                present, _, direction, _, numbers, _ = torch.split(read, PARTS, dim=-1)
                said, here = present[..., 0] > 0, true.here
                both, either = (said & here).sum(dim=1), (said | here).sum(dim=1)
                shares += (both / either.clamp(min=1)).tolist()
                right += (direction[here].argmax(dim=1) == true.words[here][:, 1]).tolist()
                ways += true.words[here][:, 1].tolist()
                error = numbers[here] - true.numbers[here]
                off += (error[:, 2:4].norm(dim=1) * WAY_PX).tolist()
                away += (error[:, :2].norm(dim=1) * PLACE_PX).tolist()
        usual = np.bincount(ways).max() / len(ways)
        return SeenPairs(float(np.mean(losses)), float(np.mean(shares)), float(np.mean(right)), float(usual),
                         float(np.median(off)), float(np.median(away)))  # fmt: skip
