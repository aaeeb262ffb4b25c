"""The language part of a small Qwen3-VL in NumPy, and its memory of what was read.

Several conversations that share their beginning go on side by side: a step is one product for all of them.

Source: Qwen3-VL technical report (arXiv 2511.21631): interleaved M-RoPE, DeepStack, query and key norms; the names of
weights and options are those of Hugging Face's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from motionlaw.agent.models.small_arithmetic import softmax, turned, turns
from motionlaw.agent.models.small_tower import Seen


@dataclass(frozen=True)
class Memory:
    """Keys and values of what was read, of B conversations side by side; more tokens may follow in place.

    Args:
        keys: Shape (layers, B, heads, most tokens, width of a head).
        values: Likewise.
        tokens: How many are filled.
        position: Of the next token.
    """

    keys: np.ndarray
    values: np.ndarray
    tokens: int
    position: int

    def copied(self, times: int) -> Memory:
        """The memory of one conversation, for so many that go on from it."""
        return replace(self, keys=np.repeat(self.keys, times, axis=1), values=np.repeat(self.values, times, axis=1))

    def only(self, kept: np.ndarray) -> Memory:
        """Without the conversations that have ended; ``kept`` are the numbers of the others."""
        return replace(self, keys=self.keys[:, kept], values=self.values[:, kept])


@dataclass(frozen=True)
class _Layer:
    """Weights of a layer of the language part; those that read the same input stand in one matrix."""

    before: np.ndarray
    qkv: np.ndarray
    q_norm: np.ndarray
    k_norm: np.ndarray
    out: np.ndarray
    after: np.ndarray
    gate_up: np.ndarray
    down: np.ndarray


class Language:
    """The language part.

    Args:
        weights: Of the whole checkpoint.
        config: Its ``text_config``.
        is_tied: Whether tokens are told by the same vectors as they are read.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, Any], *, is_tied: bool) -> None:
        self._embedding = weights["model.language_model.embed_tokens.weight"]
        self._norm = weights["model.language_model.norm.weight"]
        self._head = self._embedding if is_tied else weights["lm_head.weight"]
        self._heads, self._shared = int(config["num_attention_heads"]), int(config["num_key_value_heads"])
        self._width, self._epsilon = int(config["head_dim"]), np.float32(config["rms_norm_eps"])
        self._layers = [
            _layer(weights, f"model.language_model.layers.{k}.") for k in range(config["num_hidden_layers"])
        ]
        rope = config["rope_parameters"]
        self._rate = 1 / float(rope["rope_theta"]) ** (np.arange(0, self._width, 2) / self._width)
        # Which of the three positions (time, row, column) turns each pair of a head: they take turns.
        self._axis = np.zeros(self._width // 2, int)
        for axis in (1, 2):
            self._axis[axis : 3 * rope["mrope_section"][axis] : 3] = axis

    def read(
        self, ids: np.ndarray, is_picture: np.ndarray, seen: Sequence[Seen], *, room: int
    ) -> tuple[np.ndarray, Memory]:
        """Reads a prompt, see `motionlaw.agent.models.small_network.SmallNetwork.read`."""
        x = self._embedding[ids]
        deep: np.ndarray | None = None
        if seen:
            x[is_picture] = np.concatenate([each.tokens for each in seen])
            deep = np.concatenate([each.deep for each in seen], axis=1)
        positions, after = _positions(is_picture, seen)
        shape = (len(self._layers), 1, self._shared, len(ids) + room, self._width)
        memory = Memory(np.zeros(shape, np.float32), np.zeros(shape, np.float32), 0, 0)
        logits = self._forward(x[None], positions, memory, is_picture, deep)[0]
        return logits, replace(memory, tokens=len(ids), position=after)

    def go_on(self, tokens: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
        """Adds one token to each conversation: logits of the next, shape (B, vocabulary), and the memory with it."""
        logits = self._forward(self._embedding[tokens][:, None], np.full((3, 1), memory.position), memory)[:, 0]
        return logits, replace(memory, tokens=memory.tokens + 1, position=memory.position + 1)

    def _forward(
        self, x: np.ndarray, positions: np.ndarray, memory: Memory,
        is_picture: np.ndarray | None = None, deep: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Logits after each token, shape (B, T, vocabulary); their keys and values are put into the memory."""
        turn = turns(positions[self._axis].T * self._rate)
        for k, layer in enumerate(self._layers):
            x = x + self._attention(self._normed(x, layer.before), layer, turn, memory, k) @ layer.out.T
            gate, up = np.split(self._normed(x, layer.after) @ layer.gate_up.T, 2, axis=-1)
            x = x + (gate * expit(gate) * up) @ layer.down.T
            if deep is not None and k < len(deep):
                x[:, is_picture] += deep[k]
        return self._normed(x, self._norm) @ self._head.T

    def _attention(
        self, x: np.ndarray, layer: _Layer, turn: tuple[np.ndarray, np.ndarray], memory: Memory, number: int
    ) -> np.ndarray:
        count, new, _ = x.shape
        heads = (x @ layer.qkv.T).reshape(count, new, -1, self._width).transpose(0, 2, 1, 3)
        q, k, v = np.split(heads, [self._heads, self._heads + self._shared], axis=1)
        before, now = memory.tokens, memory.tokens + new
        memory.keys[number, :, :, before:now] = turned(self._normed(k, layer.k_norm), turn)
        memory.values[number, :, :, before:now] = v
        keys, values = memory.keys[number, :, :, :now], memory.values[number, :, :, :now]
        # Heads that share keys are rows of one product.
        q = turned(self._normed(q, layer.q_norm), turn).reshape(count, self._shared, -1, self._width)
        scores = q @ keys.swapaxes(-1, -2) * np.float32(self._width**-0.5)
        if new > 1:
            is_later = np.arange(now) > np.arange(before, now)[:, None]
            scores[..., np.tile(is_later, (self._heads // self._shared, 1))] = -np.inf
        told = (softmax(scores) @ values).reshape(count, self._heads, new, self._width)
        return told.transpose(0, 2, 1, 3).reshape(count, new, -1)

    def _normed(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self._epsilon) * weight


def _layer(weights: dict[str, np.ndarray], name: str) -> _Layer:
    def one(part: str) -> np.ndarray:
        return weights[f"{name}{part}.weight"]

    return _Layer(
        before=one("input_layernorm"),
        qkv=np.concatenate([one(f"self_attn.{part}_proj") for part in "qkv"]),
        q_norm=one("self_attn.q_norm"),
        k_norm=one("self_attn.k_norm"),
        out=one("self_attn.o_proj"),
        after=one("post_attention_layernorm"),
        gate_up=np.concatenate([one("mlp.gate_proj"), one("mlp.up_proj")]),
        down=one("mlp.down_proj"),
    )


def _positions(is_picture: np.ndarray, seen: Sequence[Seen]) -> tuple[np.ndarray, int]:
    """Time, row and column of each token, shape (3, T), and the position of the next one.

    Words count on by one in all three; a picture is one moment, and takes as many places as its longer side has tokens.
    """
    positions = np.empty((3, len(is_picture)), int)
    at, now, left = 0, 0, list(seen)
    while at < len(is_picture):
        if not is_picture[at]:
            positions[:, at] = now
            at, now = at + 1, now + 1
            continue
        rows, columns = left.pop(0).grid
        row, column = np.divmod(np.arange(rows * columns), columns)
        positions[:, at : at + rows * columns] = now + np.stack([np.zeros_like(row), row, column])
        at, now = at + rows * columns, now + max(rows, columns)
    return positions, now
