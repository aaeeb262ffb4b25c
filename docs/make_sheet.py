"""Draws docs/physsymbol.jpg, forty pictures of the first twenty oscillators: ``python docs/make_sheet.py``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from motionlaw.data_builders.physsymbol_rows import builder

ACROSS, DOWN, WIDTH, HEIGHT = 8, 5, 240, 180


def fitted(picture: np.ndarray) -> np.ndarray:
    """A picture shrunk into its place on the sheet."""
    share = min((WIDTH - 4) / picture.shape[1], (HEIGHT - 4) / picture.shape[0])
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    place = np.full((HEIGHT, WIDTH, 3), 160, np.uint8)
    top, left = (HEIGHT - small.shape[0]) // 2, (WIDTH - small.shape[1]) // 2
    place[top : top + small.shape[0], left : left + small.shape[1]] = small
    return place


def main() -> None:
    make = builder().make
    rows = [make(0, index)[0] for index in range(ACROSS * DOWN // 2)]
    names = ("phase_portrait", "trajectory")
    encoded = [np.frombuffer(row[name]["bytes"], np.uint8) for row in rows for name in names]
    places = [fitted(cv2.imdecode(each, cv2.IMREAD_COLOR)) for each in encoded]
    lines = [np.hstack(places[k : k + ACROSS]) for k in range(0, len(places), ACROSS)]
    target = Path(__file__).parent / "physsymbol.jpg"
    cv2.imwrite(str(target), np.vstack(lines), [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
