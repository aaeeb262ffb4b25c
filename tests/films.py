"""Films with known motion, rendered for the tests of video and tracking."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np


def disc(image: np.ndarray, centre: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    """Draws a disc with a smooth edge whose centre is exact to a hundredth of a pixel."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    cover = np.clip(radius + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
    image[:] = np.round(image * (1 - cover) + np.array(colour) * cover).astype(np.uint8)


def wall(width: int = 320, height: int = 240, seed: int = 0) -> np.ndarray:
    """Returns a still picture with soft structure, so that a camera's motion shows in it."""
    import cv2

    rough = np.random.default_rng(seed).integers(120, 170, (height // 8 + 2, width // 8 + 2, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def write_film(
    path: Path,
    picture: Callable[[int, float], np.ndarray],
    times: np.ndarray,
    *,
    crf: int = 12,
) -> Path:
    """Encodes ``picture(k, t)`` at each time, with exactly these timestamps, as H.264 in an mp4 file."""
    import av

    with av.open(str(path), "w") as container:
        stream = None
        for k, t in enumerate(times):
            image = picture(k, float(t))
            if stream is None:
                options = {"crf": str(crf), "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
                stream = container.add_stream("libx264", rate=Fraction(30), options=options)
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
                stream.codec_context.time_base = Fraction(1, 12000)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 12000), round(t * 12000)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


def moving_discs(
    path: Path,
    paths: list[Callable[[float], tuple[float, float]]],
    *,
    times: np.ndarray | None = None,
    radii: tuple[float, ...] = (11.0, 8.0, 14.0),
    size: tuple[int, int] = (320, 240),
    shake: np.ndarray | None = None,
) -> Path:
    """Films discs on known paths before a still wall; ``shake`` shifts the whole picture, whole pixels, per frame."""
    colours = ((200, 40, 40), (30, 60, 190), (20, 120, 40))
    still = wall(*size)
    times = np.arange(60) / 30 if times is None else times

    def picture(k: int, t: float) -> np.ndarray:
        image = still.copy()
        for move, radius, colour in zip(paths, radii, colours, strict=False):
            disc(image, move(t), radius, colour)
        if shake is None:
            return image
        dx, dy = (int(v) for v in shake[k])
        padded = np.pad(image, ((20, 20), (20, 20), (0, 0)), mode="edge")
        return padded[20 - dy : 20 - dy + size[1], 20 - dx : 20 - dx + size[0]]

    return write_film(path, picture, times)


def set_rotation(path: Path, quarter_turns_clockwise: int) -> None:
    """Writes a display matrix into the mp4's track header, as a phone held on its side does."""
    a, b, c, d = {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}[quarter_turns_clockwise]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8  # version and flags, times and ids, reserved, layer and volume
    words = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join((word & 0xFFFFFFFF).to_bytes(4, "big") for word in words)
    path.write_bytes(bytes(data))
