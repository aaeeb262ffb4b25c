"""One object followed by its looks, from one frame both ways through a clip.

The picture of the object in its first frame is searched for near the predicted place (normalised cross-correlation),
and the peak is interpolated. Where the object turns or changes, the last sure picture of it takes over; where nothing
fits, there is a gap, and the search widens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from motionlaw.tools.tracking.clip import Clip

SURE = 0.8
"""Correlation from which the first picture is believed at once."""

ACCEPTED = 0.6
"""Correlation below which a match is no match."""

REGAINED = 0.7
"""Correlation that a lost object needs to be believed again."""

LONG_GAP = 3
"""Frames missed from which on the speed is that of the last sure matches."""

FIRST_REACH = 0.12
"""How far an object may be one frame from the first picture, as a share of the frame's longer side."""

FAR = 0.15
"""Correlation by which a match as far off as was looked must be better than one at the expected place."""

MAX_TEMPLATE = 48
"""Longest side of the searched picture, coarse pixels; the part with the strongest edges is kept."""


@dataclass(frozen=True)
class Path:
    """Where an object was seen by its looks.

    Args:
        position: Centres of its box, shape (T, 2), coarse pixels (fractions count), NaN where not found.
        score: Correlation with its picture, shape (T,), 0 where not found.
        drifted: Whether the newer picture had to be used, shape (T,).
    """

    position: np.ndarray
    score: np.ndarray
    drifted: np.ndarray


def follow(
    clip: Clip,
    *,
    seed: int,
    xyxy: np.ndarray,
    guide: np.ndarray | None = None,
    is_there: Callable[[int, np.ndarray], bool] | None = None,
) -> Path:
    """Follows what is in a box at one frame through the clip.

    Args:
        clip: The reduced frames.
        seed: Frame within the clip where the box was drawn.
        xyxy: The box, coarse pixels.
        guide: Where blobs suggest the object to be, shape (T, 2), coarse pixels, NaN where unknown.
        is_there: Whether anything but background is in a box at a frame; asked where the looks are not sure.

    Returns:
        The path, in both directions of time from the seed.
    """
    path = Path(np.full((clip.length, 2), np.nan), np.zeros(clip.length), np.zeros(clip.length, dtype=bool))
    search = _Search(clip, seed, xyxy, guide, is_there)
    centre = np.array([(xyxy[0] + xyxy[2] - 1) / 2, (xyxy[1] + xyxy[3] - 1) / 2])
    offset = centre - search.centre
    path.position[seed], path.score[seed] = centre, 1.0
    speed = search.first_speed(seed)
    for frames in (range(seed + 1, clip.length), range(seed - 1, -1, -1)):
        search.restart(speed)
        for k in frames:
            found = search.step(k)
            if found is not None:
                path.position[k], path.score[k], path.drifted[k] = found[0] + offset, found[1], found[2]
        near = path.position[seed + 1 : seed + 1 + LONG_GAP]
        seen = np.flatnonzero(np.isfinite(near[:, 0]))
        # Before the first picture it came from where it did not go afterwards.
        speed = (centre - near[seen[0]]) / (seen[0] + 1) if len(seen) else -speed
    return path


class _Search:
    """The picture searched for, its last place and speed."""

    def __init__(
        self,
        clip: Clip,
        seed: int,
        xyxy: np.ndarray,
        guide: np.ndarray | None,
        is_there: Callable[[int, np.ndarray], bool] | None,
    ) -> None:
        import cv2

        self.cv2, self.is_there = cv2, is_there
        self.luma = clip.planes[0]
        self.box = _best_part(self.luma[seed], xyxy)
        self.centre = np.array([(self.box[0] + self.box[2] - 1) / 2, (self.box[1] + self.box[3] - 1) / 2])
        self.size = float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))
        self.first = self._picture(seed, self.box)
        self.guide = (
            None if guide is None else guide + (self.centre - guide[seed] if np.isfinite(guide[seed]).all() else 0.0)
        )
        self.restart(np.zeros(2))

    def restart(self, speed: np.ndarray) -> None:
        """Goes back to the first picture, to leave it at a speed, coarse pixels per frame."""
        self.place, self.speed, self.missed = self.centre.copy(), speed, 0
        self.recent: tuple[np.ndarray, np.ndarray] | None = None
        self.known = 0
        # Half hidden, an object seems to slow down: a long gap is bridged from where it was last seen for sure.
        self.sure = (self.centre.copy(), speed)
        self.since_sure = 0

    def first_speed(self, seed: int) -> np.ndarray:
        """Returns the step by which the object left its first picture, coarse pixels; zero where it is not seen twice.

        One step ahead and one back it is about as far off, on opposite sides: that tells it from its likes.
        """
        if not 0 < seed < len(self.luma) - 1:
            return np.zeros(2)
        reach = int(FIRST_REACH * max(self.luma.shape[1:]))
        after, before = (self._scores(k, reach) for k in (seed + 1, seed - 1))
        opposite = self.cv2.dilate(before[::-1, ::-1], np.ones((3, 3), np.uint8))  # speed changes a little
        steps = np.arange(-reach, reach + 1)
        away = (steps[None] ** 2 + steps[:, None] ** 2) / reach**2
        row, column = divmod(int(np.argmax(np.minimum(after, opposite) - FAR * away)), 2 * reach + 1)
        is_seen = min(after[row, column], opposite[row, column]) >= REGAINED
        return np.array([column - reach, row - reach], dtype=float) if is_seen else np.zeros(2)

    def _scores(self, k: int, reach: int) -> np.ndarray:
        """Correlation with the first picture at whole pixels up to a reach from its place, -1 outside the frame."""
        x1, y1, x2, y2 = (int(value) for value in self.box)
        height, width = self.luma.shape[1:]
        left, up, right, down = min(reach, x1), min(reach, y1), min(reach, width - x2), min(reach, height - y2)
        scores = self.cv2.matchTemplate(
            self.luma[k][y1 - up : y2 + down, x1 - left : x2 + right], self.first, self.cv2.TM_CCOEFF_NORMED
        )
        out = np.full((2 * reach + 1,) * 2, -1.0, np.float32)
        out[reach - up : reach + down + 1, reach - left : reach + right + 1] = np.where(scores > 1.001, -1.0, scores)
        return out

    def step(self, k: int) -> tuple[np.ndarray, float, bool] | None:
        """Looks into frame ``k``; returns the place, the correlation, and whether the newer picture found it."""
        self.since_sure += 1
        predicted, reach = self._expected()
        guide = None if self.guide is None or not np.isfinite(self.guide[k]).all() else self.guide[k]
        if self.missed and guide is None and self._is_outside(predicted):
            self.missed += 1
            return None  # it left; what looks like it elsewhere is another
        best = self._find(k, predicted, reach)
        if guide is not None and best[1] < SURE and np.hypot(*(guide - predicted)) > 3:
            best = max(best, self._find(k, guide, 6 + 0.4 * self.size), key=lambda found: found[1])
        if guide is not None and best[1] < SURE and np.hypot(*(best[0] - guide)) > 0.5 * self.size + 3:
            best = (best[0], 0.0, False)  # half out of the frame, or half hidden: its blob knows better
        if best[1] < (ACCEPTED if not self.missed else REGAINED) or self._is_phantom(k, best):
            self.missed += 1
            if guide is not None and self.missed <= 3:  # stay near the blob while it looks odd
                self.place = guide - self.missed * self.speed
            return None
        self._accept(k, best)
        return best

    def _expected(self) -> tuple[np.ndarray, float]:
        """Returns where the object should be by now, and how far from there to look."""
        if self.missed > LONG_GAP:
            predicted = self.sure[0] + self.since_sure * self.sure[1]
        else:
            predicted = self.place + (self.missed + 1) * self.speed
        reach = 5 + 0.3 * self.size * (1 if self.known else 2) + 0.6 * float(np.hypot(*self.speed)) + 3 * self.missed
        return predicted, min(reach, 80.0)

    def _accept(self, k: int, found: tuple[np.ndarray, float, bool]) -> None:
        """Learns place, speed and newest picture from a match."""
        place, score, drifted = found
        step = (place - self.place) / (self.missed + 1)
        self.speed = step if self.known == 0 or self.missed else 0.5 * self.speed + 0.5 * step
        self.place, self.missed, self.known = place, 0, self.known + 1
        if score >= SURE and not drifted:
            self.sure, self.since_sure = (place, self.speed), 0
        if score > 0.7:
            box = np.round(self.box + np.tile(place - self.centre, 2)).astype(int)
            if self._inside(box):
                middle = np.array([(box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2])
                self.recent = (self._picture(k, box), place - middle)

    def _find(self, k: int, near: np.ndarray, reach: float) -> tuple[np.ndarray, float, bool]:
        place, score = _peak(self.cv2, self.luma[k], self.first, near, reach)
        if score >= SURE or self.recent is None:
            return place, score, False
        newer, newer_score = _peak(self.cv2, self.luma[k], self.recent[0], near, reach)
        # The first picture keeps its place unless the newer one is clearly better: it cannot drift.
        if 0.85 * newer_score > score:
            return newer + self.recent[1], 0.9 * newer_score, True
        return place, score, False

    def _picture(self, k: int, box: np.ndarray) -> np.ndarray:
        x1, y1, x2, y2 = (int(value) for value in box)
        return self.luma[k][y1:y2, x1:x2].copy()

    def _is_phantom(self, k: int, found: tuple[np.ndarray, float, bool]) -> bool:
        """Whether a doubtful match is background that happens to look alike."""
        if self.is_there is None or (found[1] >= SURE and not found[2]):
            return False
        return not self.is_there(k, self.box + np.tile(found[0] - self.centre, 2))

    def _is_outside(self, place: np.ndarray) -> bool:
        return bool(np.any(place < -0.5) or place[0] > self.luma.shape[2] - 0.5 or place[1] > self.luma.shape[1] - 0.5)

    def _inside(self, box: np.ndarray) -> bool:
        return bool(box[0] >= 0 and box[1] >= 0 and box[2] <= self.luma.shape[2] and box[3] <= self.luma.shape[1])


def _top_near(scores: np.ndarray, j: int, i: int) -> tuple[int, int]:
    """Climbs to the next local maximum, so that preferring the near does not move the peak; returns column and row."""
    while True:
        rows, columns = slice(max(j - 1, 0), j + 2), slice(max(i - 1, 0), i + 2)
        down, right = np.unravel_index(int(np.argmax(scores[rows, columns])), scores[rows, columns].shape)
        top = (rows.start + int(down), columns.start + int(right))
        if top == (j, i) or not scores[top] > scores[j, i]:
            return int(i), int(j)
        j, i = top


def _peak(
    cv2: object, picture: np.ndarray, template: np.ndarray, near: np.ndarray, reach: float
) -> tuple[np.ndarray, float]:
    """Finds a template near a place, to a fraction of a pixel."""
    height, width = template.shape
    x1, y1 = int(near[0] - (width - 1) / 2 - reach), int(near[1] - (height - 1) / 2 - reach)
    x2, y2 = int(near[0] + (width - 1) / 2 + reach) + 2, int(near[1] + (height - 1) / 2 + reach) + 2
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, picture.shape[1]), min(y2, picture.shape[0])
    if x2 - x1 < width or y2 - y1 < height:
        return near, 0.0
    scores = cv2.matchTemplate(picture[y1:y2, x1:x2], template, cv2.TM_CCOEFF_NORMED)  # type: ignore[attr-defined]
    # Of two places that look alike, the nearer one is it: its neighbour in a row of cups looks the same.
    middle = near - np.array([x1 + (width - 1) / 2, y1 + (height - 1) / 2])
    across, down = np.arange(scores.shape[1]) - middle[0], np.arange(scores.shape[0]) - middle[1]
    away = across[None] ** 2 + down[:, None] ** 2
    row, column = divmod(int(np.argmax(scores - FAR * away / reach**2)), scores.shape[1])
    i, j = _top_near(scores, row, column)
    score = scores[j, i]
    if not np.isfinite(score) or score > 1.001:  # a flat patch has no correlation
        return near, 0.0
    dx = _vertex(scores[j, i - 1], score, scores[j, i + 1]) if 0 < i < scores.shape[1] - 1 else 0.0
    dy = _vertex(scores[j - 1, i], score, scores[j + 1, i]) if 0 < j < scores.shape[0] - 1 else 0.0
    return np.array([x1 + i + dx + (width - 1) / 2, y1 + j + dy + (height - 1) / 2]), float(score)


def _vertex(before: float, at: float, after: float) -> float:
    bend = before - 2 * at + after
    return 0.5 * float(before - after) / float(bend) if bend < 0 else 0.0


def _best_part(luma: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """Gives a box a margin that shows its outline, and cuts it down to its part with the strongest edges."""
    import cv2

    height, width = luma.shape
    x1, y1, x2, y2 = xyxy
    margin = 2 if max(x2 - x1, y2 - y1) > 12 else 3
    box = np.array([x1 - margin, y1 - margin, x2 + margin, y2 + margin]).round().astype(int)
    box = np.clip(box, 0, [width, height, width, height])
    w, h = min(box[2] - box[0], MAX_TEMPLATE), min(box[3] - box[1], MAX_TEMPLATE)
    if (w, h) == (box[2] - box[0], box[3] - box[1]):
        return box
    part = luma[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    sums = []
    for dx, dy in ((1, 0), (0, 1)):  # edges of both directions are needed, or the picture slides along one
        squared = cv2.Sobel(part, cv2.CV_32F, dx, dy) ** 2
        sums.append(
            cv2.boxFilter(squared, -1, (int(w), int(h)), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
        )
    weaker = np.minimum(*sums)[: part.shape[0] - h + 1, : part.shape[1] - w + 1]
    _, _, _, (i, j) = cv2.minMaxLoc(weaker)
    return np.array([box[0] + i, box[1] + j, box[0] + i + w, box[1] + j + h])
