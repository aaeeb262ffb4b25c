"""Video in: what a file holds, and its frames one after the other with their true times.

Frames stream through PyAV; nothing keeps more than a few of them. Times are the container's own (``pts`` times its
time base, in seconds), never a frame count over a frame rate, and a file without them is refused. Frames are turned
upright where the file says that the camera was held on its side. Tracking is not done here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.tools.errors import UserError, missing_extra

VARIABLE_RATE_TOLERANCE = 0.2
"""A frame interval may differ from the median by this share before the rate counts as variable."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    Args:
        path: The file.
        width: Pixels across, of the upright frame.
        height: Pixels down, of the upright frame.
        fps: Mean frames per second, from the timestamps.
        duration_s: Seconds from the first frame to the end of the last.
        frame_count: Number of frames.
        rotation: Degrees by which the stored frame is turned counter-clockwise to stand upright: 0, 90, 180 or 270.
        codec: Name of the codec, e.g. ``"h264"``.
        is_variable_frame_rate: Whether the frame intervals differ by more than a fifth.
        timestamps: Seconds of every frame, shape (T,), increasing.
    """

    path: str
    width: int
    height: int
    fps: float
    duration_s: float
    frame_count: int
    rotation: int
    codec: str
    is_variable_frame_rate: bool
    timestamps: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Returns the facts as plain numbers and strings; the timestamps stay behind."""
        names = (
            "path",
            "width",
            "height",
            "fps",
            "duration_s",
            "frame_count",
            "rotation",
            "codec",
            "is_variable_frame_rate",
        )
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Frame:
    """One frame: its number in the file, its time in seconds, and its picture, shape (H, W, 3), uint8 RGB."""

    index: int
    timestamp: float
    image: np.ndarray


@dataclass(frozen=True)
class PlanarFrame:
    """One frame as the decoder left it: luma (H, W), and the two chroma planes (H/2, W/2).

    The arrays are views into the decoder's own memory and valid until the next frame is asked for.
    """

    index: int
    timestamp: float
    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    source: Any = field(repr=False, compare=False)

    def to_rgb(self) -> np.ndarray:
        """Returns the frame in colour, not yet turned upright, shape (H, W, 3), uint8."""
        return self.source.to_ndarray(format="rgb24")


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Says what a video file holds, without decoding more than its first frame.

    Args:
        path: The video file.

    Returns:
        Size, rate, length, rotation and the time of every frame.

    Raises:
        UserError: The file is missing, a directory, not a video, damaged, cut off, or holds no frame or no times.
    """
    path = _checked_path(path)
    container = _open(path)
    with container:
        stream = _video_stream(container, path)
        stream.thread_type = "NONE"  # one frame is wanted; frame threads would decode a dozen ahead
        timestamps, declared = _packet_times(container, stream, path), stream.frames
        codec, first = stream.codec_context.name, _first_frame(container, stream, path)
    if declared and len(timestamps) < declared:
        raise UserError(
            f"{path} is cut off: it announces {declared} frames and holds {len(timestamps)}. Copy or export it again."
        )
    rotation = round(first.rotation / 90.0) * 90 % 360
    width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
    steps = np.diff(timestamps)
    step = float(np.mean(steps)) if len(steps) else 0.0
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=1.0 / step if step > 0 else 0.0,
        duration_s=float(timestamps[-1] - timestamps[0]) + step,
        frame_count=len(timestamps),
        rotation=rotation,
        codec=codec,
        is_variable_frame_rate=bool(
            len(steps) and np.any(np.abs(steps / np.median(steps) - 1) > VARIABLE_RATE_TOLERANCE)
        ),
        timestamps=timestamps,
    )


def read_frames(
    path: str | os.PathLike[str],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    max_width: int | None = None,
) -> Iterator[Frame]:
    """Streams the frames of a video, upright, in colour, with their true times.

    Args:
        path: The video file.
        start_s: First time wanted, seconds of the container; the beginning when ``None``.
        end_s: Last time wanted, seconds of the container; the end when ``None``.
        crop: Part of the upright frame, ``(x1, y1, x2, y2)`` in pixels.
        max_width: Frames wider than this are made smaller.

    Yields:
        One `Frame` after the other; only one is held at a time.

    Raises:
        UserError: See `probe`; also a crop outside the frame, a range without frames, or damage on the way.
    """
    info = probe(path)
    box = checked_crop(crop, info)
    for index, timestamp, frame in _decode(info, start_s, end_s):
        image = np.rot90(frame.to_ndarray(format="rgb24"), k=info.rotation // 90)
        if box is not None:
            image = image[box[1] : box[3], box[0] : box[2]]
        image = np.ascontiguousarray(image)
        if max_width is not None and image.shape[1] > max_width:
            import cv2

            size = (max_width, max(1, round(image.shape[0] * max_width / image.shape[1])))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield Frame(index, timestamp, image)


def read_planes(info: VideoInfo, *, start_s: float | None = None, end_s: float | None = None) -> Iterator[PlanarFrame]:
    """Streams the decoder's own luma and chroma planes, neither converted nor copied nor turned.

    This is the fast way in: converting 1080p frames to RGB costs more than decoding them.

    Args:
        info: The probed video.
        start_s: First time wanted, seconds.
        end_s: Last time wanted, seconds.

    Yields:
        One `PlanarFrame` after the other, each valid until the next is asked for.
    """
    for index, timestamp, frame in _decode(info, start_s, end_s):
        planar = frame if frame.format.name in ("yuv420p", "yuvj420p") else frame.reformat(format="yuv420p")
        y, u, v = (_plane(plane) for plane in planar.planes[:3])
        yield PlanarFrame(index, timestamp, y, u, v, frame)


def checked_crop(crop: tuple[int, int, int, int] | None, info: VideoInfo) -> tuple[int, int, int, int] | None:
    """Returns the crop as whole numbers, or says why it does not fit into the frame."""
    if crop is None:
        return None
    x1, y1, x2, y2 = (round(value) for value in crop)
    if not (0 <= x1 < x2 <= info.width and 0 <= y1 < y2 <= info.height):
        raise UserError(
            f"crop must be x1,y1,x2,y2 inside {info.width}x{info.height} with x1 < x2 and y1 < y2, got {crop}."
        )
    return x1, y1, x2, y2


def _checked_path(path: str | os.PathLike[str]) -> str:
    path = Path(path)
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    if path.is_dir():
        raise UserError(f"{path} is a directory; a video file is needed.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    return str(path)


def _open(path: str) -> Any:
    try:
        import av
    except ModuleNotFoundError:
        raise missing_extra("Reading video", "PyAV", "video") from None
    try:
        return av.open(path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as a video ({_reason(error)}); it is no video, damaged or cut off."
        ) from None


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).strip().rstrip(".") or type(error).__name__


def _video_stream(container: Any, path: str) -> Any:
    # An mp3 may carry its cover as a "video" of one picture.
    streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not streams:
        raise UserError(
            f"{path} holds no video, only {', '.join(sorted({s.type for s in container.streams})) or 'nothing'}."
        )
    stream = streams[0]
    if stream.codec_context is None:
        raise UserError(f"{path} is coded in a way that PyAV cannot decode.")
    stream.thread_type = "AUTO"
    return stream


def _packet_times(container: Any, stream: Any, path: str) -> np.ndarray:
    """Returns the time of every frame, from the packets; nothing is decoded."""
    import av

    times: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.is_corrupt:
                raise UserError(f"{path} is cut off or damaged after frame {len(times)}. Copy or export it again.")
            if packet.pts is None:
                raise UserError(f"{path} has no timestamps (frame {len(times)}); motion without times has no law.")
            times.append(packet.pts)
    except av.error.FFmpegError as error:
        raise UserError(f"{path} is cut off or damaged after frame {len(times)} ({_reason(error)}).") from None
    if not times:
        raise UserError(f"{path} holds no frame.")
    seconds = np.sort(np.asarray(times, dtype=float)) * float(stream.time_base)
    if np.any(np.diff(seconds) <= 0):
        raise UserError(
            f"{path} has two frames at {seconds[1:][np.diff(seconds) <= 0][0]:.4f} s; timestamps must increase."
        )
    return seconds


def _first_frame(container: Any, stream: Any, path: str) -> Any:
    """Goes back to the beginning and decodes one frame."""
    import av

    try:
        container.seek(stream.start_time or 0, stream=stream)
        frame = next(container.decode(stream), None)
    except av.error.FFmpegError as error:
        raise UserError(f"The first frame of {path} cannot be decoded ({_reason(error)}).") from None
    if frame is None:
        raise UserError(f"{path} holds no frame that can be decoded.")
    return frame


def _decode(info: VideoInfo, start_s: float | None, end_s: float | None) -> Iterator[tuple[int, float, Any]]:
    import av

    start_s = -np.inf if start_s is None else float(start_s)
    end_s = np.inf if end_s is None else float(end_s)
    if not np.any((info.timestamps >= start_s) & (info.timestamps <= end_s)):
        raise UserError(
            f"There is no frame between {start_s:g} s and {end_s:g} s; "
            f"{info.path} runs from {info.timestamps[0]:g} s to {info.timestamps[-1]:g} s."
        )
    half_step = 0.5 / info.fps if info.fps else 0.0
    with _open(info.path) as container:
        stream = _video_stream(container, info.path)
        if start_s > info.timestamps[0]:
            container.seek(int(start_s / stream.time_base), stream=stream, backward=True)
        last = -np.inf
        try:
            for frame in container.decode(stream):
                if frame.pts is None:
                    raise UserError(f"{info.path} has a frame without a timestamp after {last:g} s.")
                timestamp = float(frame.pts * frame.time_base)
                if timestamp > end_s:
                    return
                if timestamp < start_s or timestamp <= last:
                    continue
                last = timestamp
                yield int(np.searchsorted(info.timestamps, timestamp - 1e-9)), timestamp, frame
        except av.error.FFmpegError as error:
            raise UserError(f"{info.path} is damaged after {max(last, 0.0):.3f} s ({_reason(error)}).") from None
        expected = min(end_s, info.timestamps[-1])
        # A decoder may drop a last frame; a file cut off loses many.
        if last < expected - max(3 * half_step, 0.05 * info.duration_s) and end_s >= expected:
            raise UserError(
                f"{info.path} is cut off: frames end at {max(last, 0.0):.3f} s of {info.timestamps[-1]:.3f} s."
            )


def _plane(plane: Any) -> np.ndarray:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
