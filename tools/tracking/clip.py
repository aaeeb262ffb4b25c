"""A stretch of video made small: the planes that tracking works on, a bounded number of frames at a time.

A 1080p frame is kept as a quarter-size picture whose colour has, as in the video itself, half the pixels of its luma
each way. It comes from the decoder's own planes by exact averaging over whole blocks of pixels, so centres of
brightness stay where they are, and the cost stays below that of decoding. Places are found to a few hundredths of such
a pixel: on real 1080p clips a finer picture for the last step changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from motionlaw.tools.errors import missing_extra
from motionlaw.tools.video import PlanarFrame, Video, VideoInfo, checked_crop, read_planes

COARSE_SIDE = 720
"""Longest side of the reduced picture, pixels."""

CHUNK_BYTES = 350 * 2**20
"""Reduced frames in one clip, 1,800 frames of 1080p; two clips are held where one follows the other."""

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Luma, shape (..., h, w), and the two chroma planes, shape (..., h/2, w/2), uint8."""


@dataclass(frozen=True)
class Clip:
    """A stretch of reduced frames.

    Args:
        frame: Frame indices in the video, shape (T,).
        timestamps: Seconds, shape (T,).
        planes: Luma, shape (T, h, w), and chroma, shape (T, h/2, w/2); h and w are even. ``factor`` times smaller than
            the video's own.
        factor: Pixels of the video per coarse pixel.
        offset: Where the crop begins, pixels of the video, [x, y].
        sample: The first frame of the video's range, upright and whole, shape (H, W, 3), RGB; in the first clip only.
    """

    frame: np.ndarray
    timestamps: np.ndarray
    planes: Planes
    factor: int
    offset: tuple[int, int] = (0, 0)
    sample: np.ndarray | None = None

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.timestamps)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the coarse picture."""
        return self.planes[0].shape[1], self.planes[0].shape[2]

    def frame_planes(self, k: int) -> Planes:
        """Returns luma and chroma of frame ``k``."""
        y, u, v = self.planes
        return y[k], u[k], v[k]

    def picture(self, k: int) -> Planes:
        """Returns luma and chroma of frame ``k``, the chroma enlarged to the size of the luma."""
        y, u, v = self.frame_planes(k)
        return y, enlarged(u), enlarged(v)

    def to_video(self, position: np.ndarray) -> np.ndarray:
        """Turns pixel centres of the reduced picture, [..., x, y pairs], into those of the video."""
        pairs = np.asarray(position, dtype=float)
        return (pairs + 0.5) * self.factor - 0.5 + np.resize(self.offset, pairs.shape[-1])

    def to_coarse(self, position: np.ndarray) -> np.ndarray:
        """Turns pixels of the video, [..., x, y pairs], into those of the coarse picture."""
        pairs = np.asarray(position, dtype=float)
        return (pairs - np.resize(self.offset, pairs.shape[-1]) + 0.5) / self.factor - 0.5

    def without_pictures(self) -> Clip:
        """Returns the clip's times and geometry alone, so that its frames can be forgotten."""
        y, u, v = (np.zeros((0, *plane.shape[1:]), dtype=np.uint8) for plane in self.planes)
        return replace(self, planes=(y, u, v), sample=None)


def enlarged(chroma: np.ndarray) -> np.ndarray:
    """Returns a picture of twice the size each way, shape (2 h, 2 w)."""
    import cv2

    return cv2.resize(chroma, (2 * chroma.shape[1], 2 * chroma.shape[0]), interpolation=cv2.INTER_LINEAR)


def read_clips(
    video: Video,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Clip]:
    """Reads a video as one clip, or, where it is long, as several one after the other.

    Args:
        video: The open video.
        start_s: First time wanted, seconds.
        end_s: Last time wanted, seconds.
        crop: Part of the upright frame, ``(x1, y1, x2, y2)``.
        progress: Called with the share read so far, 0 to 1.

    Yields:
        Clips that together hold every frame in the range; each begins with the last frame of the one before.
    """
    info, reduce = video.info, _Reducer(video.info, crop)
    wanted = info.frame_count
    if start_s is not None or end_s is not None:
        low, high = (-np.inf if start_s is None else start_s), (np.inf if end_s is None else end_s)
        wanted = int(np.count_nonzero((info.timestamps >= low) & (info.timestamps <= high)))
    capacity = max(16, CHUNK_BYTES // reduce.bytes_per_frame)
    # Equal parts: a last clip of a few frames would have no background of its own.
    capacity = max(1, -(-wanted // max(1, -(-wanted // capacity))))
    store = reduce.allocate(min(capacity, max(wanted, 1)))
    for done, planar in enumerate(read_planes(video, start_s=start_s, end_s=end_s)):
        if store.count == store.size:
            clip = store.clip(reduce)
            yield replace(clip, sample=reduce.sample)
            reduce.sample = None
            store = reduce.allocate(capacity + 1)
            store.begin_with(clip)
            del clip
        if done == 0:
            reduce.sample = reduce.colour_picture(planar)
        reduce.into(store, planar)
        if progress is not None and done % 16 == 15:
            progress(min(1.0, (done + 1) / max(wanted, 1)))
    if store.count:
        yield replace(store.clip(reduce), sample=reduce.sample)


class _Store:
    """Room for the reduced frames of one clip, filled one after the other."""

    def __init__(self, size: int, coarse: tuple[int, int]) -> None:
        self.size, self.count = size, 0
        self.frame, self.timestamps = np.zeros(size, dtype=int), np.zeros(size)
        half = (coarse[0] // 2, coarse[1] // 2)
        self.planes = tuple(np.empty((size, *shape), dtype=np.uint8) for shape in (coarse, half, half))

    def begin_with(self, clip: Clip) -> None:
        for plane, target in zip(clip.planes, self.planes, strict=True):
            target[0] = plane[-1]
        self.frame[0], self.timestamps[0], self.count = clip.frame[-1], clip.timestamps[-1], 1

    def clip(self, reduce: _Reducer) -> Clip:
        n = self.count
        planes = (self.planes[0][:n], self.planes[1][:n], self.planes[2][:n])
        offset = (0, 0) if reduce.crop is None else (reduce.crop[0], reduce.crop[1])
        return Clip(self.frame[:n], self.timestamps[:n], planes, reduce.factor, offset)


class _Reducer:
    """Turns planes upright, crops them, and averages them down."""

    def __init__(self, info: VideoInfo, crop: tuple[int, int, int, int] | None) -> None:
        try:
            import cv2
        except ModuleNotFoundError:
            raise missing_extra("Tracking", "OpenCV", "video") from None
        cv2.setNumThreads(1)  # the decoder's threads own the cores
        self.cv2, self.turns, self.crop = cv2, info.rotation // 90, checked_crop(crop, info)
        if self.crop is not None:  # chroma has half the pixels: begin at even ones
            self.crop = (self.crop[0] & ~1, self.crop[1] & ~1, self.crop[2], self.crop[3])
        width, height = info.width, info.height
        if self.crop is not None:
            width, height = self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]
        side = max(width, height)
        self.factor = _power_of_two(side / COARSE_SIDE)
        self.coarse = (max(2, height // self.factor & ~1), max(2, width // self.factor & ~1))
        self.sample: np.ndarray | None = None
        self.bytes_per_frame = 3 * self.coarse[0] * self.coarse[1] // 2

    def allocate(self, size: int) -> _Store:
        return _Store(size, self.coarse)

    def into(self, store: _Store, planar: PlanarFrame) -> None:
        k = store.count
        for plane, share, target in zip((planar.y, planar.u, planar.v), (1, 2, 2), store.planes, strict=True):
            self._shrink(self._placed(plane, share), target[k])
        store.frame[k], store.timestamps[k] = planar.index, planar.timestamp
        store.count += 1

    def colour_picture(self, planar: PlanarFrame) -> np.ndarray:
        """Returns a whole frame, upright, in RGB."""
        picture = planar.to_rgb()
        return np.ascontiguousarray(np.rot90(picture, k=self.turns))

    def _placed(self, plane: np.ndarray, share: int) -> np.ndarray:
        if self.turns:
            plane = np.rot90(plane, k=self.turns)
        if self.crop is not None:
            x1, y1, x2, y2 = (value // share for value in self.crop)
            plane = plane[y1:y2, x1:x2]
        return plane if plane.strides[1] == 1 else np.ascontiguousarray(plane)

    def _shrink(self, plane: np.ndarray, target: np.ndarray) -> None:
        # Halving is vectorised in OpenCV, averaging over 4x4 is not: halve as often as needed. Rows and columns
        # beyond a whole block are cut off, so that the scale stays exactly `factor`.
        (height, width), factor = target.shape, self.factor
        plane = plane[: height * factor, : width * factor]
        while factor > 2:
            size = (plane.shape[1] // 2, plane.shape[0] // 2)
            plane, factor = self.cv2.resize(plane, size, interpolation=self.cv2.INTER_AREA), factor // 2
        if plane.shape == target.shape:
            np.copyto(target, plane)
        else:  # chroma planes of odd videos may lack half a pixel
            is_exact = plane.shape == (2 * height, 2 * width)
            kind = self.cv2.INTER_AREA if is_exact else self.cv2.INTER_LINEAR
            self.cv2.resize(plane, (width, height), dst=target, interpolation=kind)


def _power_of_two(ratio: float) -> int:
    return 1 if ratio <= 1 else 2 ** int(np.ceil(np.log2(ratio)))
