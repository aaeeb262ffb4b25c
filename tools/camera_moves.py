"""Which of the cinematographer's moves a camera makes: turning, travelling, zooming, shaking; with confidence.

`camera` follows the background; this tells turning from travelling. Corners are carried through windows of half a
second. A camera that turns, rolls or zooms moves near and far alike: one similarity, bent off the middle by turning.
One that travels (truck, pedestal, dolly) moves what is near further: then a second layer of corners, which reaches
across the picture as no single thing does and rolls with the first, obeys another one. The nearest layer's excess is
the parallax; what it cannot explain of the farthest layer's motion is turning or zooming.

Named in the camera's own frame as it is at the start of each interval. Pictures cannot tell a truck from a pan of the
other sense at the same time, nor a dolly from a zoom that undoes it: of two explanations the one with less motion is
taken. Where only one layer is seen, travelling is called turning.

Source: plane and parallax, Irani & Anandan 1998; names of Lin et al. 2025 (CameraBench, arXiv 2504.15376).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from motionlaw.tools.camera import RATES, SIDE, TOTALS, WORDS, corners_of
from motionlaw.tools.errors import ToolError
from motionlaw.tools.video import probe, read_frames

KINDS = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly")
UNITS = {
    "pan": "picture widths", "tilt": "picture widths", "roll": "rad", "zoom": "e-folds", "truck": "picture widths",
    "pedestal": "picture widths", "dolly": "e-folds", "shake": "picture widths",
}  # fmt: skip
"""Travelling is measured by what it does to the nearest layer."""

WAYS = WORDS | {"truck": ("right", "left"), "pedestal": ("down", "up"), "dolly": ("in", "out")}
REFERENCE_FRAME = "camera"
WINDOW_S = 0.5
MOST_FRAMES = 900
BENDS = (0.0, 0.4, 0.7, 1.0)
"""Tried of the first layer: one over the focal length squared, in picture widths; 0 as when it travels."""

TRIALS = 300
LEAST_BASE = 0.08
"""Picture widths by which two corners that are to tell a layer's motion must be apart."""

STIFF = 1e-5
"""Keeps the bends of a layer that covers little from running away, against mean squares of places."""

INLIER_PX = 1.2
"""A corner obeys a layer's motion within this, pixels of a picture 320 wide."""

LAYERS = 3
FEWEST = 10
LEAST_LAYER = 0.06
"""Share of the corners that a further layer must hold."""

COLUMNS, ROWS = 6, 4
ACROSS = 0.6
"""Share of the columns, or of the rows, of the picture that a layer must be seen in: one thing is not."""

SAME_ROLL = 0.03
"""Layers of one scene roll together, radians within a window; things that move by themselves need not."""

ZOOM_SHIFT = 0.28
"""By how many picture widths the picture moves on average for one e-fold of zoom."""

FARTHEST = 2.0
"""Of the parallax: the most that travelling may move the farthest layer seen."""

JITTER = 2.0
"""Of the shake: what it may add to any motion by where it is at the interval's ends."""

LASTING = 0.2
"""A part this share of the video, and no shorter than two windows, has a say in what the video's moves are."""

SHAKE = 0.002
"""Root mean square of the quick part of the background's path that is called shake, picture widths."""


@dataclass(frozen=True)
class CameraMove:
    """One primitive.

    Args:
        kind: One of `KINDS`, ``"shake"`` or ``"static"``.
        way: E.g. ``"right"``; ``""`` for shake and static.
        amount: Size in ``unit``, over the interval.
        unit: Unit of ``amount``.
        confidence: 0 to 1; one half where the amount is just what is named.
    """

    kind: str
    way: str
    amount: float
    unit: str
    confidence: float

    @property
    def words(self) -> str:
        """E.g. ``"pan right"``."""
        return f"{self.kind} {self.way}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Returns the move as plain values."""
        return {"words": self.words, "kind": self.kind, "way": self.way, "amount": self.amount, "unit": self.unit,
                "confidence": self.confidence}  # fmt: skip


@dataclass(frozen=True)
class CameraInterval:
    """What the camera did from one time to another: its moves, surest first."""

    t_start: float
    t_end: float
    moves: tuple[CameraMove, ...]

    @property
    def is_compound(self) -> bool:
        """Whether it makes two moves or more at once, shake not counted."""
        return sum(move.kind not in ("static", "shake") for move in self.moves) > 1

    def to_dict(self) -> dict[str, Any]:
        """Returns the interval as plain values."""
        return {"t_start": self.t_start, "t_end": self.t_end, "compound": self.is_compound,
                "moves": [move.to_dict() for move in self.moves]}  # fmt: skip


@dataclass(frozen=True)
class CameraMoves:
    """The camera's moves through a video.

    Args:
        edges: Times at which the windows begin and the last one ends, shape (N + 1,), seconds.
        amounts: What the camera did in each window, shape (N, 7), in the order and units of `KINDS`.
        opposed: The part of the farthest layer's motion that parallax explains, likewise; turning and zooming only.
        shake: Root mean square of the quick part of the background's path in each window, shape (N,), picture widths.
        is_known: Whether a window had corners enough to tell, shape (N,).
    """

    edges: np.ndarray
    amounts: np.ndarray
    opposed: np.ndarray
    shake: np.ndarray
    is_known: np.ndarray

    def scores(self, chosen: slice | np.ndarray = slice(None)) -> dict[str, float]:
        """Confidence of every primitive and way over some windows, named or not; ``"static"`` and ``"shake"`` too."""
        span = float(np.sum(np.diff(self.edges)[chosen]))
        total, opposed = np.sum(self.amounts[chosen], axis=0), np.sum(np.abs(self.opposed[chosen]), axis=0)
        shake = float(np.mean(self.shake[chosen])) if span else 0.0
        out: dict[str, float] = {}
        for kind, value, explained in zip(KINDS, total.tolist(), opposed.tolist(), strict=True):
            share = abs(value) / (_least(kind, span) + JITTER * shake)
            pure = abs(value) / max(abs(value) + explained, 1e-12)
            confidence = share / (1 + share) * pure
            for way, sense in zip(WAYS[kind], (1, -1), strict=True):
                out[f"{kind} {way}"] = confidence if value * sense > 0 else 0.0
        jitter = shake / SHAKE
        out["shake"] = jitter / (1 + jitter)
        out["static"] = 1.0 - max(out.values(), default=0.0) if bool(np.any(self.is_known[chosen])) else 0.0
        return out

    def over(self, chosen: slice | np.ndarray = slice(None)) -> tuple[CameraMove, ...]:
        """Names the moves over some windows, surest first; static if there is none."""
        rows = np.arange(len(self.shake))[chosen]
        if not len(rows) or not np.any(self.is_known[chosen]):
            return ()
        scores = self.scores(chosen)
        total = dict(zip(KINDS, np.abs(np.sum(self.amounts[chosen], axis=0)).tolist(), strict=True))
        total["shake"] = float(np.mean(self.shake[chosen]))
        named = []
        for words, confidence in scores.items():
            kind, _, way = words.partition(" ")
            if kind != "static" and confidence >= 0.5:
                named.append(CameraMove(kind, way, total[kind], UNITS[kind], confidence))
        named.sort(key=lambda move: -move.confidence)
        return tuple(named) or (CameraMove("static", "", 0.0, "", scores["static"]),)

    @property
    def moves(self) -> tuple[CameraMove, ...]:
        """The moves over the whole video, and those of lasting parts of it that the whole undoes (there and back)."""
        whole = self.over()
        words = {move.words for move in whole}
        least = max(2 * WINDOW_S, LASTING * float(self.edges[-1] - self.edges[0])) - 1e-9
        lasting_parts = [part for part in self.intervals() if part.t_end - part.t_start >= least]
        more = [move for part in lasting_parts for move in part.moves if move.words not in words]
        best = {move.words: move for move in sorted(more, key=lambda move: move.confidence) if move.kind != "static"}
        lasting = tuple(move for move in whole if move.kind != "static" or not best)
        return tuple(sorted((*lasting, *best.values()), key=lambda move: -move.confidence))

    def intervals(self) -> tuple[CameraInterval, ...]:
        """Cuts the video where the moves change; no interval is shorter than a window."""
        groups: list[list[int]] = []
        before: set[str] = set()
        for row in range(len(self.shake)):
            words = {move.words for move in self.over(np.array([row]))}
            if groups and words == before:
                groups[-1].append(row)
            else:
                groups.append([row])
            before = words
        return tuple(
            CameraInterval(float(self.edges[rows[0]]), float(self.edges[rows[-1] + 1]), self.over(np.array(rows)))
            for rows in groups
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the moves as plain values."""
        return {
            "reference_frame": REFERENCE_FRAME,
            "moves": [move.to_dict() for move in self.moves],
            "intervals": [part.to_dict() for part in self.intervals()],
            "scores": self.scores(),
            "share_known": float(np.mean(self.is_known)) if len(self.is_known) else 0.0,
        }


def _least(kind: str, span_s: float) -> float:
    base = {"truck": "pan", "pedestal": "tilt", "dolly": "zoom"}.get(kind, kind)
    return max(RATES[base] * span_s, TOTALS[base])


def camera_moves(path: str | os.PathLike[str]) -> CameraMoves:
    """Measures which moves the camera makes.

    Args:
        path: The video.

    Returns:
        The moves, window by window.

    Raises:
        UserError: The file is no usable video.
        ToolError: It has fewer than four frames.
    """
    import cv2

    info = probe(path)
    stride = max(1, -(-info.frame_count // MOST_FRAMES))
    grey, times = [], []
    for count, frame in enumerate(read_frames(path, max_width=SIDE)):
        if count % stride == 0:
            grey.append(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY))
            times.append(frame.timestamp)
    if len(times) < 4:
        raise ToolError(f"Telling camera moves needs 4 frames, got {len(times)}.")
    return moves_of(np.stack(grey), np.array(times))


def moves_of(pictures: np.ndarray, timestamps: np.ndarray) -> CameraMoves:
    """Measures which moves the camera makes through grey pictures, uint8, shape (T, H, W), at times (T,), seconds."""
    count = max(1, round(float(timestamps[-1] - timestamps[0]) / WINDOW_S))
    starts = np.unique(
        np.linspace(0, len(timestamps) - 1, min(count, (len(timestamps) - 1) // 3) + 1).round().astype(int)
    )
    amounts, opposed, known, paths = [], [], [], []
    for first, last in pairwise(starts.tolist()):
        places = _carried(pictures[first : last + 1])
        layers, behind = _layers(places[0], places[-1], pictures.shape[1:])
        found = _told(layers)
        still = np.zeros((last - first, 2))
        paths.append(np.median(np.diff(places[:, behind], axis=0), axis=1) if behind.any() else still)
        known.append(found is not None)
        nothing = (np.zeros(len(KINDS)), np.zeros(len(KINDS)))
        amount, explained = nothing if found is None else found
        amounts.append(amount)
        opposed.append(explained)
    shake = _shake(paths, timestamps) / pictures.shape[2]
    return CameraMoves(timestamps[starts], np.array(amounts), np.array(opposed), shake, np.array(known))


def _carried(pictures: np.ndarray) -> np.ndarray:
    """Carries corners through pictures: the places of those that are seen in all of them, shape (T, N, 2)."""
    import cv2

    corners = corners_of(pictures[0])
    if corners is None:
        return np.zeros((len(pictures), 0, 2))
    places = corners.reshape(1, -1, 2)
    options: dict[str, Any] = {"winSize": (17, 17), "maxLevel": 4}
    for first, second in pairwise(pictures):
        if places.shape[1] < FEWEST:
            return np.zeros((len(pictures), 0, 2))
        now = np.ascontiguousarray(places[-1][:, None])
        room, again = np.empty_like(now), np.empty_like(now)
        there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, now, room, **options)
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(second, first, there, again, **options)
        good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & (np.hypot(*(back - now)[:, 0].T) < 0.7)
        places = np.concatenate([places[:, good], there[None, good, 0]])
    return places.astype(float)


@dataclass(frozen=True)
class _Layer:
    """A similarity of a layer: pan, tilt (widths), roll (rad) and zoom (e-folds) of a camera that sees it alone."""

    motion: np.ndarray

    @property
    def size(self) -> float:
        return float(np.sqrt(np.sum((self.motion * [1, 1, ZOOM_SHIFT, ZOOM_SHIFT]) ** 2)))


def _told(layers: list[_Layer]) -> tuple[np.ndarray, np.ndarray] | None:
    """What the camera did from how its layers moved, and what parallax explains; ``None`` without a layer."""
    if not layers:
        return None
    far = min(layers, key=lambda layer: layer.size)
    near = max(layers, key=lambda layer: float(np.sum(((layer.motion - far.motion) * [1, 1, 0, ZOOM_SHIFT]) ** 2)))
    parallax = near.motion - far.motion
    pan, tilt, roll, zoom = far.motion.tolist()
    if near is far:
        return np.array([pan, tilt, roll, zoom, 0.0, 0.0, 0.0]), np.zeros(len(KINDS))
    weights = np.array([1.0, 1.0, 0.0, ZOOM_SHIFT**2])
    share = float((weights * far.motion) @ parallax / max((weights * parallax) @ parallax, 1e-12))
    share = float(np.clip(share, 0.0, FARTHEST))
    explained = share * parallax * [1, 1, 0, 1]
    rest, travel = far.motion - explained, (1 + share) * parallax
    return (
        np.array([rest[0], rest[1], roll, rest[3], travel[0], travel[1], travel[3]]),
        np.array([explained[0], explained[1], 0.0, explained[3], 0.0, 0.0, 0.0]),
    )


def _layers(begun: np.ndarray, ended: np.ndarray, shape: tuple[int, ...]) -> tuple[list[_Layer], np.ndarray]:
    """The motions of layers that reach across the picture and roll together, and the corners of the first.

    Args:
        begun: Where corners begin, shape (N, 2), pixels.
        ended: Where they end.
        shape: Height and width of the picture.

    Returns:
        The layers, that with the most corners first, and a mask of its corners, shape (N,).
    """
    width = shape[1]
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    place, flow = ((begun + ended) / 2 - middle) / width, (ended - begun) / width
    limit = INLIER_PX / 320
    left = np.ones(len(begun), dtype=bool)
    behind = np.zeros(len(begun), dtype=bool)
    found: list[_Layer] = []
    for _ in range(2 * LAYERS):
        least = max(FEWEST, LEAST_LAYER * len(begun))
        if left.sum() < least or len(found) == LAYERS:
            break
        rows = np.flatnonzero(left)
        bends = BENDS if not found else (0.0,)
        fit, inlier = max(
            (_consensus(place[rows], flow[rows], bend, limit) for bend in bends), key=lambda one: one[1].sum()
        )
        if inlier.sum() < least:
            break
        if not found:
            fit, inlier = _refined(place[rows], flow[rows], inlier, limit)
        rows = rows[inlier]
        rolls_along = not found or abs(-fit[3] - found[0].motion[2]) < SAME_ROLL
        if rolls_along and _reaches_across(begun[rows], shape, has_rival=bool(found)):
            if not found:  # turning bends the flow of all layers alike
                flow = flow - _bending(place) @ fit[4:]
                behind[rows] = True
            found.append(_Layer(np.array([-fit[0], -fit[1], -fit[3], fit[2]])))
        left[rows] = False
    return found, behind


def _straight(place: np.ndarray) -> np.ndarray:
    """Flow of a shift across, a shift down, an e-fold and a radian at places, shape (N, 2, 4)."""
    x, y = place.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, zero, x, -y], axis=1), np.stack([zero, one, y, x], axis=1)], axis=1)


def _bending(place: np.ndarray) -> np.ndarray:
    """What turning adds off the middle of the picture, for each bend of pan and tilt, shape (N, 2, 2)."""
    x, y = place.T
    return np.stack([np.stack([x * x, x * y], axis=1), np.stack([x * y, y * y], axis=1)], axis=1)


def _consensus(place: np.ndarray, flow: np.ndarray, bend: float, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """The motion that most corners agree with, from pairs of corners: shift, e-fold, roll, bends (6,); who agrees (N,).

    Args:
        place: Widths from the middle of the picture, shape (N, 2).
        flow: Widths, shape (N, 2).
        bend: One over the focal length squared, in widths, of a turning camera; 0 for one that travels.
        limit: Widths by which a corner may differ.
    """
    design = _straight(place)
    design[:, :, :2] += bend * _bending(place)
    rng = np.random.default_rng(0)  # the same video gives the same answer
    pairs = rng.integers(0, len(place), (TRIALS, 2))
    matrix, wanted = design[pairs].reshape(TRIALS, 4, 4), flow[pairs].reshape(TRIALS, 4)
    usable = np.hypot(*(place[pairs[:, 0]] - place[pairs[:, 1]]).T) > LEAST_BASE
    usable &= np.abs(np.linalg.det(matrix)) > 1e-9
    if not usable.any():
        return np.zeros(6), np.zeros(len(place), dtype=bool)
    fits = np.linalg.solve(matrix[usable], wanted[usable][:, :, None])[:, :, 0]
    misfit = np.einsum("nij,tj->tni", design, fits) - flow
    agree = np.einsum("tni,tni->tn", misfit, misfit) < limit**2
    best = int(np.argmax(agree.sum(axis=1)))
    inlier = agree[best]
    fit = fits[best]
    for _ in range(2):
        if inlier.sum() < 3:
            break
        fit, *_ = np.linalg.lstsq(design[inlier].reshape(-1, 4), flow[inlier].reshape(-1), rcond=None)
        inlier = np.sum((design @ fit - flow) ** 2, axis=1) < limit**2
    return np.concatenate([fit, bend * fit[:2]]), inlier


def _refined(place: np.ndarray, flow: np.ndarray, inlier: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Lets the bends of the first layer go free, as a camera may turn one way and travel another."""
    design = np.concatenate([_straight(place), _bending(place)], axis=2)
    fit = np.zeros(6)
    for _ in range(3):
        if inlier.sum() < FEWEST:
            break
        rows, wanted = design[inlier].reshape(-1, 6), flow[inlier].reshape(-1)
        ridge = np.diag([0.0, 0.0, 0.0, 0.0, STIFF, STIFF])
        fit = np.linalg.solve(rows.T @ rows / len(rows) + ridge, rows.T @ wanted / len(rows))
        inlier = np.sum((design @ fit - flow) ** 2, axis=1) < limit**2
    return fit, inlier


def _reaches_across(points: np.ndarray, shape: tuple[int, ...], *, has_rival: bool) -> bool:
    """Whether points lie in most columns or rows of the picture; those of the first layer, in half of both."""
    column = np.unique((points[:, 0] / shape[1] * COLUMNS).astype(int))
    row = np.unique((points[:, 1] / shape[0] * ROWS).astype(int))
    if not has_rival:
        return bool(len(column) >= COLUMNS / 2 and len(row) >= ROWS / 2)
    return bool(len(column) >= ACROSS * COLUMNS or (len(row) >= 0.75 * ROWS and len(column) >= COLUMNS / 2))


def _shake(paths: list[np.ndarray], timestamps: np.ndarray) -> np.ndarray:
    """The quick part of the background's path, root mean square in each window, pixels."""
    steps = np.concatenate(paths)
    place = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    half = max(2, round(0.25 / float(np.median(np.diff(timestamps)))))
    rest = np.zeros(len(place))
    t = timestamps - timestamps[0]
    for k in range(len(place)):
        near = slice(max(0, k - half), min(len(place), k + half + 1))
        if near.stop - near.start < 5:
            continue
        design = np.vander(t[near] - t[k], 3)
        fit, *_ = np.linalg.lstsq(design, place[near], rcond=None)
        rest[k] = float(np.sum((place[k] - fit[2]) ** 2))
    ends = np.cumsum([0] + [len(path) for path in paths])
    # The median leaves out a sudden start or stop; for two normal coordinates it is 0.69 of the mean.
    return np.array([np.sqrt(np.median(rest[a : b + 1]) / 0.69) for a, b in pairwise(ends)])
