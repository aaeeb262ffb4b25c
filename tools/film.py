"""What made films have in common: a plaster wall, paint with true edge coverage, a camera's noise, and H.264.

`demo_video` films one pendulum with it, `motionlaw.data_builders.render` whole worlds. Knows nothing of motion.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import IO

import numpy as np

from motionlaw.tools.errors import missing_extra

AVX512_SKX = 256
"""OpenCV's number (``CV_CPU_AVX512_SKX``) for what x264's AVX-512 code needs. Its mbtree weighs blocks by memory that
nobody wrote, so that a film would depend on what its process did before; the AVX2 code does not."""


def plaster(width: int, height: int, rng: np.random.Generator, *, grey: float = 176.0) -> np.ndarray:
    """Makes a plaster wall: blotched at several sizes, darker towards the lower right corner.

    Args:
        width: Pixels.
        height: Pixels.
        rng: The random numbers.
        grey: Its mean grey, before it gets darker.

    Returns:
        Grey levels, shape (H, W).
    """
    import cv2

    wall = np.full((height, width), grey)
    for size, strength in ((3, 5.0), (12, 7.0), (60, 9.0)):
        blotches = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), size)
        wall += strength * blotches / blotches.std()
    return wall - 26 * np.linspace(0, 1, width)[None, :] * np.linspace(0, 1, height)[:, None]


def paint(picture: np.ndarray, cover: np.ndarray, colour: np.ndarray, left: int, top: int) -> None:
    """Paints a patch into a picture, as far as it covers each pixel; what lies outside the picture is left out.

    Args:
        picture: Float, shape (H, W, 3); changed in place.
        cover: How much of each pixel of the patch is covered, 0 to 1, shape (h, w).
        colour: RGB, shape (h, w, 3) or (3,).
        left: Column of the patch's first pixel in the picture.
        top: Its row.
    """
    rows = slice(max(-top, 0), min(picture.shape[0] - top, cover.shape[0]))
    columns = slice(max(-left, 0), min(picture.shape[1] - left, cover.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = picture[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    part += cover[rows, columns, None] * ((colour[rows, columns] if colour.ndim == 3 else colour) - part)


class CameraNoise:
    """A camera's noise: a few noise fields, shifted anew for each frame; to a tracker as good as fresh noise.

    Args:
        shape: Height, width, channels.
        std: Standard deviation, grey levels.
        rng: The random numbers, used on for every frame.
    """

    def __init__(self, shape: tuple[int, int, int], std: float, rng: np.random.Generator) -> None:
        self._rng = rng
        self._fields = rng.normal(0, std, (6, *shape)).astype(np.float32)

    def add(self, picture: np.ndarray) -> np.ndarray:
        """Adds noise to a picture, float, shape (H, W, 3), and returns it as uint8."""
        shift = tuple(int(value) for value in self._rng.integers(0, 400, 2))
        picture += np.roll(self._fields[self._rng.integers(len(self._fields))], shift, axis=(0, 1))
        return np.clip(picture, 0, 255).astype(np.uint8)


def write_h264(frames: Iterable[np.ndarray], file: str | IO[bytes], *, fps: float, crf: int) -> None:
    """Writes frames as H.264 in mp4, one frame every 1/fps seconds from 0; the same frames give the same bytes.

    Args:
        frames: Pictures, uint8, shape (H, W, 3), RGB, with even sides.
        file: A path ending in .mp4, or a file open for writing bytes.
        fps: Frames a second; 30000/1001 is kept exactly.
        crf: Quality, 0 to 51, lower is better.

    Raises:
        UserError: PyAV or OpenCV is missing.
    """
    try:
        import av
        import cv2
    except ImportError as error:
        raise missing_extra("Making films", "PyAV and OpenCV", "video") from error
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}  # more threads: other bytes elsewhere
        if cv2.checkHardwareSupport(AVX512_SKX):
            options["x264-params"] = "asm=avx2"
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.pix_fmt = "yuv420p"
        for k, picture in enumerate(frames):
            if k == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", threads=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
