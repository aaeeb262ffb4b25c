"""Video in: what a file holds, and its frames one after the other with their true times.

Frames stream through PyAV; nothing keeps more than a few of them. Times are the container's own (``pts`` times its
time base, in seconds), never a frame count over a frame rate, and a file without them is refused. Frames are turned
upright where the file says that the camera was held on its side. Tracking is not done here.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
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
        return self.source.to_ndarray(format="rgb24", threads=1)


class Video:
    """An open video file: what it holds, and its frames, read once and in order.

    Opening a file and decoding its first frame cost a dozen frames' time, so whoever wants both the facts and the
    frames keeps it open. A context manager; leaving it closes the file.

    Args:
        path: The video file.
        threads: ``"AUTO"`` to read on, ``"NONE"`` where one frame is wanted: threads would decode a dozen ahead.

    Raises:
        UserError: The file is missing, a directory, not a video, damaged, cut off, or holds no frame or no times.
    """

    info: VideoInfo
    """What the file holds."""

    def __init__(self, path: str | os.PathLike[str], *, threads: str = "AUTO") -> None:
        name = _checked_path(path)
        self._container = _open(name)
        try:
            self._stream = _video_stream(self._container, name)
            self._stream.thread_type = threads
            timestamps = _packet_times(self._container, self._stream, name)
            self._frames = _from_beginning(self._container, self._stream)
            self._first: Any = _first_frame(self._frames, name)
            self.info = _info(name, self._stream, timestamps, self._first)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()
        self._container.close()

    def frames(self, start_s: float | None = None, end_s: float | None = None) -> Iterator[tuple[int, float, Any]]:
        """Streams numbers, times in seconds, and decoder frames that lie between two times; may be called once.

        Raises:
            UserError: No frame lies there, or the file is damaged or cut off on the way.
        """
        import av

        info = self.info
        start_s = -np.inf if start_s is None else float(start_s)
        end_s = np.inf if end_s is None else float(end_s)
        if not np.any((info.timestamps >= start_s) & (info.timestamps <= end_s)):
            raise UserError(
                f"There is no frame between {start_s:g} s and {end_s:g} s; "
                f"{info.path} runs from {info.timestamps[0]:g} s to {info.timestamps[-1]:g} s."
            )
        last = -np.inf
        try:
            for frame in self._from(start_s):
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
        half_step = 0.5 / info.fps if info.fps else 0.0
        expected = min(end_s, info.timestamps[-1])
        # A decoder may drop a last frame; a file cut off loses many.
        if last < expected - max(3 * half_step, 0.05 * info.duration_s) and end_s >= expected:
            raise UserError(
                f"{info.path} is cut off: frames end at {max(last, 0.0):.3f} s of {info.timestamps[-1]:.3f} s."
            )

    def _from(self, start_s: float) -> Iterator[Any]:
        if start_s <= self.info.timestamps[0]:
            first, self._first = self._first, None
            yield first
        else:
            self._first = None
            self._frames.close()
            self._container.seek(int(start_s / self._stream.time_base), stream=self._stream, backward=True)
            self._frames = self._container.decode(self._stream)
        yield from self._frames


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Says what a video file holds, without decoding more than its first frame.

    Args:
        path: The video file.

    Returns:
        Size, rate, length, rotation and the time of every frame.

    Raises:
        UserError: See `Video`.
    """
    with Video(path, threads="NONE") as video:
        return video.info


def _info(path: str, stream: Any, timestamps: np.ndarray, first: Any) -> VideoInfo:
    if stream.frames and len(timestamps) < stream.frames:
        raise UserError(
            f"{path} is cut off: it announces {stream.frames} frames and holds {len(timestamps)}. "
            "Copy or export it again."
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
        codec=stream.codec_context.name,
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
    with Video(path) as video:
        box = checked_crop(crop, video.info)
        for index, timestamp, frame in video.frames(start_s, end_s):
            # One thread: with several, the last corner of a picture was once not the same as the time before.
            image = np.rot90(frame.to_ndarray(format="rgb24", threads=1), k=video.info.rotation // 90)
            if box is not None:
                image = image[box[1] : box[3], box[0] : box[2]]
            image = np.ascontiguousarray(image)
            if max_width is not None and image.shape[1] > max_width:
                import cv2

                size = (max_width, max(1, round(image.shape[0] * max_width / image.shape[1])))
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            yield Frame(index, timestamp, image)


def read_planes(video: Video, *, start_s: float | None = None, end_s: float | None = None) -> Iterator[PlanarFrame]:
    """Streams the decoder's own luma and chroma planes, neither converted nor copied nor turned.

    This is the fast way in: converting 1080p frames to RGB costs more than decoding them.

    Args:
        video: The open video.
        start_s: First time wanted, seconds.
        end_s: Last time wanted, seconds.

    Yields:
        One `PlanarFrame` after the other, each valid until the next is asked for.
    """
    for index, timestamp, frame in video.frames(start_s, end_s):
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


def _from_beginning(container: Any, stream: Any) -> Generator[Any, None, None]:
    container.seek(stream.start_time or 0, stream=stream)
    yield from container.decode(stream)


def _first_frame(frames: Iterator[Any], path: str) -> Any:
    import av

    try:
        frame = next(frames, None)
    except av.error.FFmpegError as error:
        raise UserError(f"The first frame of {path} cannot be decoded ({_reason(error)}).") from None
    if frame is None:
        raise UserError(f"{path} holds no frame that can be decoded.")
    return frame


def _plane(plane: Any) -> np.ndarray:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
