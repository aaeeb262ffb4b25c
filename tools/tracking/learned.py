"""Learned trackers from a checkpoint on this machine: CoTracker3 for points, SAM 2 for masks.

Nothing is downloaded. Both start from clicks or boxes. The code follows the two projects' own interfaces; it has not
been run by this project, which ships no such checkpoint: only its refusals are tested.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.quality import track_warnings
from motionlaw.tools.tracking.result import Pointer
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import VideoInfo, read_frames

MAX_WIDTH = 640
"""Frames are made this wide for the models."""

MAX_FRAMES = 600
"""Frames held at one time; the models want them all together."""


def track_learned(
    info: VideoInfo,
    pointers: list[Pointer],
    *,
    backend: str,
    checkpoint: str | None,
    start_s: float | None,
    end_s: float | None,
) -> tuple[Track, ...]:
    """Tracks what the user points at with a learned tracker.

    Args:
        info: The video.
        pointers: Clicks or boxes; at least one.
        backend: ``"cotracker3"`` or ``"sam2"``.
        checkpoint: CoTracker3: a TorchScript file, or the folder of its repository with a ``.pth`` in it.
            SAM 2: a folder in the form of Hugging Face, with safetensors.
        start_s: First time wanted, seconds.
        end_s: Last time wanted.

    Returns:
        One track per pointer.

    Raises:
        UserError: No checkpoint, no torch, no pointer, or too long a range.
    """
    if checkpoint is None or not Path(checkpoint).exists():
        raise UserError(
            f"The backend {backend} needs a checkpoint on this machine, got {checkpoint!r}. Give --checkpoint PATH."
        )
    if not pointers:
        raise UserError(f"The backend {backend} needs to be pointed at the object. Give --track x,y@t.")
    torch = _torch(backend)
    frames: list[Any] = []
    for frame in read_frames(info.path, start_s=start_s, end_s=end_s, max_width=MAX_WIDTH):
        if len(frames) == MAX_FRAMES:
            raise UserError(
                f"The backend {backend} takes {MAX_FRAMES} frames at the most. "
                "Give a shorter range with --start and --end."
            )
        frames.append(frame)
    images, timestamps = np.stack([frame.image for frame in frames]), np.array([frame.timestamp for frame in frames])
    scale = info.width / images.shape[2]
    starts = [0 if one.t is None else int(np.argmin(np.abs(timestamps - one.t))) for one in pointers]
    follow = _cotracker if backend == "cotracker3" else _sam2
    position, confidence, xyxy = follow(torch, checkpoint, images, pointers, starts, scale)
    index = np.array([frame.index for frame in frames])
    return tuple(
        _track(i, index, timestamps, position[i], confidence[i], xyxy[i], scale=scale, info=info)
        for i in range(len(pointers))
    )


def _torch(backend: str) -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        raise UserError(f"The backend {backend} needs PyTorch. Install it: pip install torch.") from None
    return torch


def _cotracker(
    torch: Any, checkpoint: str, images: np.ndarray, pointers: list[Pointer], starts: list[int], scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source: N. Karaev et al., CoTracker3, 2024; queries are rows of (frame, x, y)."""
    path = Path(checkpoint)
    if path.is_dir():
        weights = sorted(path.glob("*.pth"))
        if not weights:
            raise UserError(f"There is no .pth file in {path}.")
        # A folder is the project's own repository; its hubconf builds the model without the network.
        model = torch.hub.load(str(path), "cotracker3_offline", source="local", pretrained=False)
        model.model.load_state_dict(torch.load(weights[0], map_location="cpu", weights_only=True))
    else:
        model = torch.jit.load(str(path), map_location="cpu")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    video = torch.from_numpy(images).permute(0, 3, 1, 2)[None].float().to(device)
    queries = torch.tensor(
        [[start, *((one.centre + 0.5) / scale - 0.5)] for one, start in zip(pointers, starts, strict=True)]
    )
    with torch.inference_mode():
        # Backward tracking is on: a click may be in the middle of the film.
        tracks, visible = model.to(device).eval()(
            video, queries=queries[None].float().to(device), backward_tracking=True
        )
    position = tracks[0].permute(1, 0, 2).cpu().numpy().astype(float)
    confidence = visible[0].permute(1, 0).float().cpu().numpy().astype(float)
    position[confidence < 0.5] = np.nan
    half = np.array([(max(one.x2 - one.x1, 10.0), max(one.y2 - one.y1, 10.0)) for one in pointers])[:, None] / (
        2 * scale
    )
    return position, confidence, np.concatenate([position - half, position + half], axis=2)


def _sam2(
    torch: Any, checkpoint: str, images: np.ndarray, pointers: list[Pointer], starts: list[int], scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source: N. Ravi et al., SAM 2, 2024, through the video classes of transformers."""
    try:
        from transformers import Sam2VideoModel, Sam2VideoProcessor
    except (ModuleNotFoundError, ImportError):
        raise UserError(
            "The backend sam2 needs transformers with SAM 2. Install it: pip install transformers."
        ) from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loaded: Any = Sam2VideoModel.from_pretrained(checkpoint, local_files_only=True, use_safetensors=True)
    model = loaded.to(device).eval()
    processor = Sam2VideoProcessor.from_pretrained(checkpoint, local_files_only=True)
    session = processor.init_video_session(video=list(images), inference_device=device)
    for number, (one, start) in enumerate(zip(pointers, starts, strict=True)):
        x, y = (one.centre / scale).tolist()
        box = [[[one.x1 / scale, one.y1 / scale, one.x2 / scale, one.y2 / scale]]]
        prompt = {"input_points": [[[[x, y]]]], "input_labels": [[[1]]]} if one.is_click else {"input_boxes": box}
        processor.add_inputs_to_inference_session(inference_session=session, frame_idx=start, obj_ids=number, **prompt)
    shape = (len(pointers), len(images))
    position, confidence, xyxy = np.full((*shape, 2), np.nan), np.zeros(shape), np.full((*shape, 4), np.nan)
    with torch.inference_mode():
        for backwards in (False, True):
            for output in model.propagate_in_video_iterator(session, start_frame_idx=min(starts), reverse=backwards):
                masks = processor.post_process_masks(
                    [output.pred_masks], original_sizes=[images.shape[1:3]], binarize=False
                )[0]
                for number in range(len(pointers)):
                    _fill(masks[number, 0].float().cpu().numpy(), number, output.frame_idx, position, confidence, xyxy)
    return position, confidence, xyxy


def _fill(logits: np.ndarray, i: int, k: int, position: np.ndarray, confidence: np.ndarray, xyxy: np.ndarray) -> None:
    """Turns a mask into a centre weighted by its probability, a box, and the mean probability as confidence."""
    probability = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
    inside = probability > 0.5
    if not inside.any():
        return
    y, x = np.nonzero(inside)
    weight = probability[inside]
    position[i, k] = np.average(x, weights=weight), np.average(y, weights=weight)
    confidence[i, k], xyxy[i, k] = weight.mean(), (x.min(), y.min(), x.max() + 1, y.max() + 1)


def _track(
    number: int,
    frame: np.ndarray,
    t: np.ndarray,
    position: np.ndarray,
    confidence: np.ndarray,
    xyxy: np.ndarray,
    *,
    scale: float,
    info: VideoInfo,
) -> Track:
    position, xyxy = (position + 0.5) * scale - 0.5, xyxy * scale
    seen = np.isfinite(position).all(axis=1)
    if not seen.any():
        raise UserError(f"The object pointed at cannot be found in {info.path}. Point at another frame.")
    confidence = np.where(seen, confidence, 0.0)
    size = (info.width, info.height)
    warnings = track_warnings(position=position, confidence=confidence, xyxy=xyxy, timestamps=t, frame_size=size)
    return Track(number, f"object {number + 1}", frame, t, position, confidence, xyxy, warnings)
