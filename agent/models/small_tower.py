"""The vision tower of a small Qwen3-VL in NumPy: a picture to tokens of the language part.

Source: Qwen3-VL technical report (arXiv 2511.21631); the names of weights are those of Hugging Face's checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf

from motionlaw.agent.models.small_arithmetic import softmax, turned, turns

BLOCK = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.linear_fc1", "mlp.linear_fc2")
MERGER = ("norm", "linear_fc1", "linear_fc2")
LAYER_NORM = 1e-6  # torch's epsilon in the tower, which configs do not tell


@dataclass(frozen=True)
class Seen:
    """What the tower makes of a picture.

    Args:
        tokens: What stands in the prompt in its place, shape (n, hidden).
        deep: What is added after the first layers of the language part, shape (layers, n, hidden).
        grid: Rows and columns of the tokens.
    """

    tokens: np.ndarray
    deep: np.ndarray
    grid: tuple[int, int]


class Tower:
    """The vision tower.

    Args:
        weights: Of the whole checkpoint.
        config: Its ``vision_config``.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, Any]) -> None:
        self._w = {
            name.removeprefix("model.visual."): each
            for name, each in weights.items()
            if name.startswith("model.visual.")
        }
        self.patch, self.merge = int(config["patch_size"]), int(config["spatial_merge_size"])
        self._depth, self._heads = int(config["depth"]), int(config["num_heads"])
        self._width = int(config["hidden_size"])
        self._deep = list(config["deepstack_visual_indexes"])
        self._base = float(config["rope_parameters"]["rope_theta"])
        kernel = self._w["patch_embed.proj.weight"]
        # A picture fills both frames of a patch alike: their kernels add up. A pair of frames fills one each.
        self._kernels = {1: kernel.sum(axis=2).reshape(len(kernel), -1), 2: kernel.reshape(len(kernel), -1)}
        table = self._w["pos_embed.weight"]
        side = round(len(table) ** 0.5)
        self._places = table.reshape(side, side, -1)
        parts = [f"blocks.{k}.{part}" for k in range(self._depth) for part in BLOCK]
        parts += [f"deepstack_merger_list.{k}.{part}" for k in range(len(self._deep)) for part in MERGER]
        parts += [f"merger.{part}" for part in MERGER]
        missing = [name for part in parts for name in (f"{part}.weight", f"{part}.bias") if name not in self._w]
        if missing:
            raise KeyError(missing[0])

    def see(self, picture: np.ndarray) -> Seen:
        """What it makes of a picture of shape (H, W, 3), or of two frames, (2, H, W, 3), their colours scaled."""
        frames = picture.reshape(-1, *picture.shape[-3:])
        rows, columns = frames.shape[1] // self.patch, frames.shape[2] // self.patch
        row, column = self._order(rows, columns)
        cut = frames.reshape(len(frames), rows, self.patch, columns, self.patch, 3)
        flat = cut.transpose(1, 3, 5, 0, 2, 4)[row, column].reshape(len(row), -1).astype(np.float32)
        x = flat @ self._kernels[len(frames)].T + self._w["patch_embed.proj.bias"]
        x = x + self._placed(row, rows, column, columns)
        turn = self._turns(row, column)
        deep = []
        for k in range(self._depth):
            x = self._block(x, f"blocks.{k}.", turn)
            if k in self._deep:
                deep.append(self._merged(x, f"deepstack_merger_list.{self._deep.index(k)}.", norm_first=False))
        tokens = self._merged(x, "merger.", norm_first=True)
        grid = rows // self.merge, columns // self.merge
        return Seen(tokens, np.array(deep).reshape(-1, *tokens.shape), grid)

    def _order(self, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each patch: those that are merged stand together."""
        shape = (rows // self.merge, self.merge, columns // self.merge, self.merge)
        grids = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        row, column = (grid.reshape(shape).transpose(0, 2, 1, 3).ravel() for grid in grids)
        return row, column

    def _placed(self, row: np.ndarray, rows: int, column: np.ndarray, columns: int) -> np.ndarray:
        """The learned positions, stretched over the picture from corner to corner."""
        side = len(self._places)
        y, x = (at * (side - 1) / max(count - 1, 1) for at, count in ((row, rows), (column, columns)))
        top, left = y.astype(int), x.astype(int)
        below, right = np.minimum(top + 1, side - 1), np.minimum(left + 1, side - 1)
        dy, dx = ((at - first).astype(np.float32)[:, None] for at, first in ((y, top), (x, left)))
        table = self._places
        upper = (1 - dx) * table[top, left] + dx * table[top, right]
        lower = (1 - dx) * table[below, left] + dx * table[below, right]
        return (1 - dy) * upper + dy * lower

    def _turns(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosines and sines by which patches are turned: half of a head by the row, half by the column."""
        width = self._width // self._heads // 2
        rate = 1 / self._base ** (np.arange(0, width, 2) / width)
        angle = np.concatenate([row[:, None] * rate, column[:, None] * rate], axis=1)
        return turns(angle)

    def _block(self, x: np.ndarray, name: str, turn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        normed = self._normed(x, f"{name}norm1")
        q, k, v = self._linear(normed, f"{name}attn.qkv").reshape(len(x), 3, self._heads, -1).transpose(1, 2, 0, 3)
        q, k = turned(q, turn), turned(k, turn)
        told = softmax(q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5) @ v
        x = x + self._linear(told.transpose(1, 0, 2).reshape(len(x), -1), f"{name}attn.proj")
        inner = self._linear(self._normed(x, f"{name}norm2"), f"{name}mlp.linear_fc1")
        inner = 0.5 * inner * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (inner + 0.044715 * inner**3)))
        return x + self._linear(inner, f"{name}mlp.linear_fc2")

    def _merged(self, x: np.ndarray, name: str, *, norm_first: bool) -> np.ndarray:
        """Joins neighbouring patches into tokens of the language part."""
        size = self.merge**2 * self._width
        x = (
            self._normed(x, f"{name}norm").reshape(-1, size)
            if norm_first
            else self._normed(x.reshape(-1, size), f"{name}norm")
        )
        inner = self._linear(x, f"{name}linear_fc1")
        inner = 0.5 * inner * (1 + erf(inner * np.float32(0.5**0.5)))
        return self._linear(inner, f"{name}linear_fc2")

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"]

    def _normed(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(LAYER_NORM))
        return centred / scale * self._w[f"{name}.weight"] + self._w[f"{name}.bias"]
