"""Pictures and videos for Qwen's models, by Qwen's own code: qwen-vl-utils sizes them as the models were trained.

Its reader of files is not used: it tells frames apart by their number over a mean rate, which is not when they were
taken. Frames come in as pictures, and what the model is told of their times are the container's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from motionlaw.agent.messages import VideoFrames
from motionlaw.agent.pictures import decode
from motionlaw.tools.errors import missing_extra

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5")
# Frame numbers at this rate are milliseconds: a processor that divides them by it has the true times.
TICKS_PER_S = 1000
# Frames that share one temporal patch, and one time.
FRAMES_A_PATCH = 2


def is_qwen(model_type: str) -> bool:
    """Whether a model is one of Qwen's vision-language models, by the type in its config.

    Example:
        >>> is_qwen("qwen3_vl_moe"), is_qwen("gemma3")
        (True, False)
    """
    return model_type.startswith(FAMILIES)


def told_times(video: VideoFrames) -> list[float]:
    """Returns the times that Qwen3-VL's prompt should tell, seconds: the mean of each pair of frames.

    Example:
        >>> from motionlaw.agent.messages import Image
        >>> told_times(VideoFrames((Image(b"."),) * 3, (0.5, 0.7, 2.0)))
        [0.6, 2.0]
    """
    times = padded(video.timestamps)
    return [(first + second) / 2 for first, second in zip(times[::2], times[1::2], strict=True)]


def padded(times: Sequence[float]) -> list[float]:
    """Returns times with the last one twice where they are odd in number, as the frames are padded."""
    return [*times, *times[-1:]][: len(times) + len(times) % FRAMES_A_PATCH]


def vision_inputs(processor: Any, pictures: Sequence[np.ndarray], videos: Sequence[VideoFrames]) -> dict[str, Any]:
    """Sizes pictures and frames with qwen-vl-utils.

    Args:
        processor: The checkpoint's own, which knows its patches and the sizes that it may see.
        pictures: Each of shape (H, W, 3), uint8 RGB.
        videos: Frames with their times.

    Returns:
        What the processor is called with beside the text.

    Raises:
        UserError: The extra is not installed.
    """
    try:
        from PIL import Image
        from qwen_vl_utils import process_vision_info
    except ModuleNotFoundError:
        raise missing_extra("Pictures for a model of Qwen's", "qwen-vl-utils", "serve") from None
    for_pictures, for_videos = processor.image_processor, processor.video_processor
    least, most = _pixels(for_pictures)
    least_video, most_video = _pixels(for_videos)
    parts: list[dict[str, Any]] = [
        {"type": "image", "image": Image.fromarray(one), "min_pixels": least, "max_pixels": most} for one in pictures
    ]
    parts += [
        {
            "type": "video", "video": [Image.fromarray(decode(frame)) for frame in video.frames],
            "min_pixels": least_video, "total_pixels": most_video,
        }
        for video in videos
    ]  # fmt: skip
    if not parts:
        return {}
    images, clips, options = process_vision_info(
        [{"role": "user", "content": parts}], return_video_kwargs=True, return_video_metadata=True,
        image_patch_size=for_pictures.patch_size,
    )  # fmt: skip
    media: dict[str, Any] = {"images": images} if images else {}
    if clips:
        media["videos"] = [frames for frames, _ in clips]
        media["video_metadata"] = [
            {**about, **metadata(video)} for (_, about), video in zip(clips, videos, strict=True)
        ]
        media |= options
    return {**media, "do_resize": False}


def metadata(video: VideoFrames) -> dict[str, Any]:
    """Returns what a processor is told of a video, in place of a rate: its frames' numbers are milliseconds.

    Qwen2.5-VL's reads no numbers: it takes the share of the frames that it is shown, times the rate, for the rate of
    what it sees. So their whole number is what makes that the mean rate of the frames shown.
    """
    times = video.timestamps
    ticks = [round(t * TICKS_PER_S) for t in padded(times)]
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    return {
        "total_num_frames": max(1, round(len(ticks) * step * TICKS_PER_S)),
        "fps": float(TICKS_PER_S),
        "frames_indices": ticks,
        "duration": times[-1] - times[0],
        "video_backend": "motionlaw",
    }


def _pixels(processor: Any) -> tuple[int, int]:
    """Least and most pixels that a processor lets a picture, or a whole video, have."""
    size = processor.size
    return int(size["shortest_edge"]), int(size["longest_edge"])
