"""Pictures for a model: arrays to encoded images and back, and frames sampled from a video with their true times."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from motionlaw.agent.messages import Image, Message, VideoFrames
from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.video import VideoInfo, probe, read_frames

# Times are compared as the container states them; a log keeps them to the last bit.
TIME_TOLERANCE_S = 1e-3
FRAMES = 16
WIDTH_PX = 448
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Larger pictures are read by OpenCV, which has limits of its own.
MOST_PIXELS = 2**24


def encode(picture: np.ndarray, media_type: str = "image/png") -> Image:
    """Encodes a picture.

    Args:
        picture: Shape (H, W, 3), uint8 RGB.
        media_type: ``"image/png"`` or ``"image/jpeg"``.

    Example:
        >>> decode(encode(np.full((4, 6, 3), 7, np.uint8))).shape
        (4, 6, 3)
    """
    if media_type == "image/png":  # without OpenCV: a model may be asked about a table where there is none
        return Image(_png(picture), media_type)
    cv2 = _cv2()
    done, data = cv2.imencode({"image/jpeg": ".jpg"}[media_type], cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise UserError(f"A picture of shape {picture.shape} cannot be encoded as {media_type}.")
    return Image(data.tobytes(), media_type)


def decode(image: Image) -> np.ndarray:
    """Decodes a picture to shape (H, W, 3), uint8 RGB.

    Raises:
        UserError: The bytes are no picture.
    """
    plain = _read_png(image.data)
    if plain is not None:
        return plain
    cv2 = _cv2()
    picture = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR) if image.data else None
    if picture is None:
        raise UserError(f"An image of {len(image.data)} bytes cannot be read as {image.media_type}.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _png(picture: np.ndarray) -> bytes:
    """A PNG of three colours, its rows as they are (filter 0)."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def _read_png(data: bytes) -> np.ndarray | None:
    """A picture of `_png`; ``None`` for every other file."""
    try:
        width, height, *kind = struct.unpack_from(">IIBBBBB", data, 16)
        (size,) = struct.unpack_from(">I", data, 33)
        wanted = height * (1 + 3 * width)
        ours = data[:8] == SIGNATURE and kind == [8, 2, 0, 0, 0] and data[37:41] == b"IDAT" and height * width > 0
        if not ours or height * width > MOST_PIXELS or data[49 + size : 53 + size] != b"IEND":
            return None
        rows = np.frombuffer(zlib.decompressobj().decompress(data[41 : 41 + size], wanted), np.uint8)
    except (struct.error, zlib.error):
        return None
    if len(rows) != wanted or rows.reshape(height, -1)[:, 0].any():
        return None
    return rows.reshape(height, -1)[:, 1:].reshape(height, width, 3).copy()


def video_frames(
    path: str | os.PathLike[str], *, most: int = FRAMES, max_width_px: int = WIDTH_PX, name: str | None = None
) -> VideoFrames:
    """Takes frames evenly from a video, with the container's own times.

    Args:
        path: The video.
        most: Largest number of frames.
        max_width_px: Wider frames are made smaller.
        name: What to call it; the file's name if not given.

    Raises:
        UserError: The video cannot be read.
    """
    info = probe(path)
    wanted = set(np.linspace(0, info.frame_count - 1, min(most, info.frame_count)).round().astype(int).tolist())
    taken = [frame for frame in read_frames(path, max_width=max_width_px) if frame.index in wanted]
    frames = tuple(encode(frame.image, "image/jpeg") for frame in taken)
    video = VideoFrames(frames, tuple(frame.timestamp for frame in taken), name or os.path.basename(info.path))
    check_times(video, info)
    return video


def check_times(video: VideoFrames, info: VideoInfo) -> None:
    """Makes sure that every frame has a time of the container.

    Raises:
        UserError: A frame's time is not among them: the video was changed, or times were lost on the way.
    """
    times = np.asarray(video.timestamps)
    nearest = np.abs(info.timestamps[None, :] - times[:, None]).min(axis=1)
    if np.any(nearest > TIME_TOLERANCE_S):
        wrong = times[np.argmax(nearest)]
        raise UserError(
            f"A frame of {video.name or info.path} is said to be at {wrong:g} s, where the file has none: the times "
            "were lost or the file was changed. Take the frames again."
        )


def check_told(told_s: Sequence[float], true_s: Sequence[float], *, tolerance_s: float) -> None:
    """Makes sure that a model is told the container's times.

    Args:
        told_s: Times as they stand in the prompt, seconds.
        true_s: Times of the frames, seconds.
        tolerance_s: Rounding of the text in which they are told.

    Raises:
        UserError: They differ.
    """
    if len(told_s) != len(true_s):
        raise UserError(f"The model would be told {len(told_s)} times for {len(true_s)} frames.")
    off = np.abs(np.asarray(told_s) - np.asarray(true_s))
    if np.any(off > tolerance_s):
        worst = int(np.argmax(off))
        raise UserError(f"The model would be told {told_s[worst]:g} s for a frame at {true_s[worst]:g} s.")


def with_fewer_pictures(messages: Sequence[Message]) -> tuple[list[Message], str] | None:
    """Leaves out half of the frames of the longest video, else the oldest picture.

    Returns:
        The messages and a sentence saying what was left out; ``None`` where there is nothing to leave out.
    """
    videos = [
        (len(part.frames), m, p)
        for m, message in enumerate(messages)
        for p, part in enumerate(message.content)
        if isinstance(part, VideoFrames) and len(part.frames) > 1
    ]
    if videos:
        count, m, p = max(videos)
        video = messages[m].content[p]
        assert isinstance(video, VideoFrames)
        fewer = VideoFrames(video.frames[::2], video.timestamps[::2], video.name)
        note = f"{len(fewer.frames)} of {count} frames of {video.name or 'the video'} fit the model's context."
        return _with_part(messages, m, p, (fewer,)), note
    for m, message in enumerate(messages):
        for p, part in enumerate(message.content):
            if isinstance(part, Image):
                return _with_part(messages, m, p, ()), "An earlier picture did not fit the model's context."
    return None


def _with_part(messages: Sequence[Message], m: int, p: int, parts: tuple[VideoFrames, ...]) -> list[Message]:
    old = messages[m]
    content = (*old.content[:p], *parts, *old.content[p + 1 :])
    return [*messages[:m], Message(old.role, content, old.tool_calls, old.tool_call_id), *messages[m + 1 :]]


def _cv2():  # type: ignore[no-untyped-def]  # a module, imported where it is used
    try:
        import cv2
    except ModuleNotFoundError:
        raise missing_extra("Pictures", "OpenCV", "video") from None
    return cv2
