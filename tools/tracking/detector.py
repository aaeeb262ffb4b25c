"""Boxes of named things in one frame, by a zero-shot detector from a checkpoint on this machine.

Grounding DINO, OWL-ViT and their like through transformers' auto classes (written against the signatures of
transformers 5.19). Nothing is downloaded. It has not been run by this project, which ships no such checkpoint: only its
refusals and what it makes of a detector's answer are tested.

Source: Liu et al. 2023, Grounding DINO, arXiv 2303.05499.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError

THRESHOLD = 0.35
SAME = 0.7
"""Two boxes whose overlap is this share of their union are one thing."""


@dataclass(frozen=True)
class Detection:
    """A thing in a frame: what it was called, its box (4,) in pixels, and a score from 0 to 1."""

    label: str
    xyxy: np.ndarray
    score: float

    @property
    def pointer(self) -> str:
        """The box as `motionlaw.tools.tracking.track_video` takes it, in the first frame."""
        return ",".join(f"{edge:.1f}" for edge in self.xyxy) + "@0"


def detect(image: np.ndarray, labels: Sequence[str], *, checkpoint: str) -> tuple[Detection, ...]:
    """Finds things by their names.

    Args:
        image: The frame, shape (H, W, 3), uint8 RGB.
        labels: What to look for, e.g. ``("person", "ball")``.
        checkpoint: Folder of a zero-shot detector in the form of Hugging Face, with safetensors.

    Returns:
        The things, surest first, each once.

    Raises:
        UserError: No such folder, no transformers, or nothing to look for.
    """
    if not Path(checkpoint).is_dir():
        raise UserError(f"detector must be the folder of a checkpoint on this machine, got '{checkpoint}'.")
    if not labels:
        raise UserError("A detector must be told what to look for. Give --set labels=person,ball.")
    try:
        import torch
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor
    except ImportError:
        raise UserError(
            "A detector needs PyTorch and transformers. Install them: pip install 'motionlaw[serve]'."
        ) from None
    processor = AutoProcessor.from_pretrained(checkpoint, local_files_only=True)
    model = AutoModelForZeroShotObjectDetection.from_pretrained(checkpoint, local_files_only=True, use_safetensors=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = processor(images=image, text=[list(labels)], return_tensors="pt").to(device)
    with torch.inference_mode():
        outputs = model.to(device).eval()(**inputs)
    found: Any = processor.post_process_grounded_object_detection(
        outputs, threshold=THRESHOLD, target_sizes=[image.shape[:2]], text_labels=[list(labels)]
    )
    return detections(found[0])


def detections(answer: Mapping[str, Any]) -> tuple[Detection, ...]:
    """Reads a detector's answer for one picture: ``scores``, ``boxes`` and ``text_labels``, surest first, each once."""
    scores, boxes = np.asarray(answer["scores"], dtype=float), np.asarray(answer["boxes"], dtype=float)
    kept: list[Detection] = []
    for number in np.argsort(-scores, kind="stable").tolist():
        box = boxes[number]
        if all(_overlap(box, each.xyxy) < SAME for each in kept):
            kept.append(Detection(str(answer["text_labels"][number]), box, float(scores[number])))
    return tuple(kept)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    side = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0.0)
    shared = float(np.prod(side))
    whole = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared
    return shared / whole if whole > 0 else 0.0
