"""The arithmetic of a small Qwen3-VL in NumPy: its weights, what it sees, and what it would say next.

It reads the same files as transformers and computes the same numbers in float32; neither torch nor transformers is
needed. It knows what small checkpoints of this project are made of and nothing else: pictures, no videos; no
quantised weights; one rotary embedding.

Source: Qwen3-VL technical report (arXiv 2511.21631): interleaved M-RoPE, DeepStack, query and key norms; the names of
weights and options are those of Hugging Face's checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.models.small_arithmetic import read_weights
from motionlaw.agent.models.small_language import Language, Memory
from motionlaw.agent.models.small_tower import Seen, Tower
from motionlaw.tools.errors import UserError

WANTED: tuple[tuple[str, Any], ...] = (
    ("model_type", "qwen3_vl"), ("text_config.hidden_act", "silu"), ("text_config.attention_bias", False),
    ("text_config.rope_parameters.rope_type", "default"), ("text_config.rope_parameters.mrope_interleaved", True),
    ("vision_config.hidden_act", "gelu_pytorch_tanh"), ("vision_config.in_channels", 3),
    ("vision_config.rope_parameters.rope_type", "axial"),
)  # fmt: skip


class SmallNetwork:
    """A checkpoint's weights and how they are used.

    Args:
        folder: A folder in the Hugging Face format.

    Raises:
        UserError: It holds no checkpoint, or one that is built in another way.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise UserError(f"{folder} holds no checkpoint: there is no config.json in it.") from None
        for name, wanted in WANTED:
            if (found := _option(self.config, name)) != wanted:
                raise _unknown(folder, f"{name} is {found!r}, not {wanted!r}")
        text, vision = self.config["text_config"], self.config["vision_config"]
        weights = read_weights(folder / "model.safetensors")
        try:
            self._tower = Tower(weights, vision)
            self._language = Language(weights, text, is_tied=bool(self.config.get("tie_word_embeddings")))
        except KeyError as error:
            raise _unknown(folder, f"it lacks {error}") from None
        self.context = int(text["max_position_embeddings"])
        ends = text["eos_token_id"]
        self.ends = frozenset(ends if isinstance(ends, list) else [ends])
        self.picture_token, self.film_token = (int(self.config[f"{kind}_token_id"]) for kind in ("image", "video"))

    @property
    def factor(self) -> int:
        """Pixels that a picture's sides must be multiples of: a token's."""
        return self._tower.patch * self._tower.merge

    def see(self, picture: np.ndarray) -> Seen:
        """What the tower makes of a picture of shape (H, W, 3), or of two frames, (2, H, W, 3), already scaled."""
        return self._tower.see(picture)

    def read(self, tokens: Sequence[int], seen: Sequence[Seen], *, room: int = 0) -> tuple[np.ndarray, Memory]:
        """Reads a prompt.

        Args:
            tokens: Its tokens; those of pictures are replaced by what was seen, in order.
            seen: The pictures and pairs of frames.
            room: How many tokens the memory shall hold beside these.

        Returns:
            What comes after each token as logits, shape (T, vocabulary), and the memory of them.
        """
        ids = np.asarray(tokens)
        return self._language.read(ids, np.isin(ids, [self.picture_token, self.film_token]), seen, room=room)

    def go_on(self, tokens: np.ndarray, memory: Memory) -> tuple[np.ndarray, Memory]:
        """Adds one token to each conversation: logits of the next, shape (B, vocabulary), and the memory with it."""
        return self._language.go_on(tokens, memory)


def _option(config: dict[str, Any], name: str) -> Any:
    found: Any = config
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _unknown(folder: Path, why: str) -> UserError:
    return UserError(
        f"{folder} cannot be run without torch: {why}. Name its folder, --model FOLDER, to run it in transformers."
    )
