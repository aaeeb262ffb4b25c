"""What the parts of a small network in NumPy share: weights read from a file, rotations, softmax."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads a file of safetensors as float32; a bfloat16 is the upper half of one.

    Raises:
        UserError: It cannot be read, or holds numbers of another kind.
    """
    try:
        data = path.read_bytes()
        (size,) = struct.unpack_from("<Q", data)
        head: dict[str, Any] = json.loads(data[8 : 8 + size])
        weights = {}
        for name, about in head.items():
            if name == "__metadata__":
                continue
            begin, end = (8 + size + at for at in about["data_offsets"])
            values = np.frombuffer(data[begin:end], DTYPES[about["dtype"]])
            if about["dtype"] == "BF16":
                values = (values.astype("<u4") << 16).view("<f4")
            weights[name] = values.astype(np.float32).reshape(about["shape"])
        return weights
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise UserError(
            f"{path} holds no weights in float32, float16 or bfloat16 that can be read ({error})."
        ) from None


def turns(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of angles, shape (T, half a head), for both halves of it."""
    twice = np.concatenate([angle, angle], axis=-1)
    return np.cos(twice).astype(np.float32), np.sin(twice).astype(np.float32)


def turned(x: np.ndarray, turn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Rotary embedding: the two halves of a head are the two components that are turned."""
    first, second = np.split(x, 2, axis=-1)
    return x * turn[0] + np.concatenate([-second, first], axis=-1) * turn[1]


def softmax(scores: np.ndarray) -> np.ndarray:
    """Shares that add up to one over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
