"""Boxes of named things in one frame, by a detector from a checkpoint on this machine.

Zero-shot ones, which look for any word (Grounding DINO, OWL-ViT and their like), and ones with fixed classes (RT-DETR,
DETR), through transformers' auto classes. Nothing is downloaded, and this project ships no such checkpoint: the way
through is tested with small models of random weights that are made in the test.

Sources: Liu et al. 2023, Grounding DINO, arXiv 2303.05499; Zhao et al. 2023, RT-DETR, arXiv 2304.08069.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError, missing_extra

THRESHOLD = 0.35
SAME = 0.7
"""Two boxes whose overlap is this share of their union are one thing."""


@dataclass(frozen=True)
class Detection:
    """A thing in a frame: what it was called, its box (4,) in pixels, and a score from 0 to 1."""

    label: str
    xyxy: np.ndarray
    score: float

    def pointer(self, t: float) -> str:
        """The box as `motionlaw.tools.tracking.track_video` takes it, in the frame at ``t`` seconds."""
        return ",".join(f"{edge:.1f}" for edge in self.xyxy) + f"@{t:.6f}"


@dataclass(frozen=True)
class _Loaded:
    """A detector: its model, its processor, and whether it looks for any word."""

    model: Any
    processor: Any
    is_zero_shot: bool


def detect(
    image: np.ndarray, labels: Sequence[str], *, checkpoint: str, threshold: float = THRESHOLD
) -> tuple[Detection, ...]:
    """Finds things by their names.

    Args:
        image: The frame, shape (H, W, 3), uint8 RGB.
        labels: What to look for, e.g. ``("person", "ball")``; with fixed classes, which of them, all if empty.
        checkpoint: Folder of a detector in the form of Hugging Face, with safetensors.
        threshold: Least score.

    Returns:
        The things, surest first, each once.

    Raises:
        UserError: No such folder, no transformers, nothing to look for, or a class that the detector does not know.
    """
    if not Path(checkpoint).is_dir():
        raise UserError(f"detector must be the folder of a checkpoint on this machine, got '{checkpoint}'.")
    try:
        import torch

        found = _loaded(checkpoint)
    except ImportError as error:
        raise missing_extra("A detector", "PyTorch and transformers", "serve") from error
    if found.is_zero_shot and not labels:
        raise UserError("A zero-shot detector must be told what to look for. Give --set labels=person,ball.")
    size = [image.shape[:2]]
    words = {"text": [list(labels)]} if found.is_zero_shot else {}
    inputs = found.processor(images=image, return_tensors="pt", **words).to(found.model.device)
    with torch.inference_mode():
        outputs = found.model(**inputs)
    if found.is_zero_shot:
        answer = found.processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, target_sizes=size, text_labels=[list(labels)]
        )[0]
        return detections(answer)
    answer = found.processor.post_process_object_detection(outputs, threshold=threshold, target_sizes=size)[0]
    return detections(_with_names(answer, found.model.config.id2label, labels))


@lru_cache(maxsize=1)  # one detector for all videos of a build
def _loaded(checkpoint: str) -> _Loaded:
    import torch
    from transformers import (
        AutoConfig,
        AutoImageProcessor,
        AutoModelForObjectDetection,
        AutoModelForZeroShotObjectDetection,
        AutoProcessor,
    )
    from transformers.models.auto.modeling_auto import MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES

    device = "cuda" if torch.cuda.is_available() else "cpu"
    options: dict[str, Any] = {"local_files_only": True}
    try:
        kind = AutoConfig.from_pretrained(checkpoint, **options).model_type
        is_zero_shot = kind in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES
        processor: Any = (AutoProcessor if is_zero_shot else AutoImageProcessor).from_pretrained(checkpoint, **options)
        models: Any = AutoModelForZeroShotObjectDetection if is_zero_shot else AutoModelForObjectDetection
        model = models.from_pretrained(checkpoint, use_safetensors=True, **options)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"detector must be a detector's checkpoint with safetensors, got '{checkpoint}': {reason}"
        ) from None
    return _Loaded(model.to(device).eval(), processor, is_zero_shot)


def _with_names(answer: Mapping[str, Any], names: Mapping[int, str], labels: Sequence[str]) -> dict[str, Any]:
    """The answer of a detector with fixed classes, its numbers as names, and only the classes asked for."""
    known = {name.lower() for name in names.values()}
    unknown = [label for label in labels if label.lower() not in known]
    if unknown:
        raise UserError(f"The detector does not know '{unknown[0]}'. It knows {', '.join(sorted(known))}.")
    wanted = {label.lower() for label in labels} or known
    said = [names[int(number)] for number in answer["labels"]]
    rows = [row for row, name in enumerate(said) if name.lower() in wanted]
    scores, boxes = (np.asarray(answer[key], dtype=float)[rows] for key in ("scores", "boxes"))
    return {"scores": scores, "boxes": boxes, "text_labels": [said[row] for row in rows]}


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
