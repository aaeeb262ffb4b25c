"""Scores of trackers, by their published definitions: TAP-Vid for points; CLEAR-MOT, IDF1 and HOTA for boxes.

    python -m motionlaw.eval.tracking gt.txt tracker.txt

Sources: Doersch et al. 2022 (TAP-Vid: average Jaccard, points within k, occlusion accuracy); Bernardin & Stiefelhagen
2008 (MOTA); Ristani et al. 2016 (IDF1); Luiten et al. 2021 (HOTA).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from motionlaw.tools.errors import UserError

PIXELS = (1, 2, 4, 8, 16)
"""TAP-Vid's distances, in pictures scaled to 256 by 256."""

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""HOTA's thresholds of overlap."""

OVERLAP = 0.5
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class PointScores:
    """TAP-Vid's three, 0 to 1: average Jaccard, points within k (mean over k), occlusion accuracy."""

    average_jaccard: float
    average_pts_within_thresh: float
    occlusion_accuracy: float


def tap_vid(
    query_points: np.ndarray,
    gt_tracks: np.ndarray,
    gt_occluded: np.ndarray,
    pred_tracks: np.ndarray,
    pred_occluded: np.ndarray,
    *,
    query_mode: str = "first",
) -> PointScores:
    """Scores point tracks as TAP-Vid does.

    Args:
        query_points: Shape (N, 3), [t, y, x], where each track was asked for.
        gt_tracks: True places, shape (N, T, 2), [x, y], pixels of a picture of 256 by 256.
        gt_occluded: Whether a point cannot be seen, shape (N, T).
        pred_tracks: Like ``gt_tracks``.
        pred_occluded: Like ``gt_occluded``.
        query_mode: ``"first"``: only frames after the query count; ``"strided"``: all but the query's.

    Raises:
        UserError: Shapes do not go together, or there is no such mode.
    """
    if query_mode not in ("first", "strided"):
        raise UserError(f"query_mode must be first or strided, got '{query_mode}'.")
    if gt_tracks.ndim != 3 or gt_tracks.shape != pred_tracks.shape or gt_occluded.shape != pred_occluded.shape:
        raise UserError(f"tracks must have shape (N, T, 2) alike, got {gt_tracks.shape} and {pred_tracks.shape}.")
    frame = np.arange(gt_tracks.shape[1])[None]
    start = np.round(query_points[:, :1]).astype(int)
    counts = frame > start if query_mode == "first" else frame != start
    visible, claimed = ~gt_occluded.astype(bool), ~pred_occluded.astype(bool)
    right = np.sum((visible == claimed) & counts) / np.sum(counts)
    squared = np.sum((pred_tracks - gt_tracks) ** 2, axis=2)
    within, jaccard = [], []
    for pixels in PIXELS:
        near = squared < pixels**2
        within.append(np.sum(near & visible & counts) / np.sum(visible & counts))
        hits = np.sum(near & visible & claimed & counts)
        false = np.sum(claimed & (~visible | ~near) & counts)
        jaccard.append(hits / (np.sum(visible & counts) + false))
    return PointScores(float(np.mean(jaccard)), float(np.mean(within)), float(right))


@dataclass(frozen=True)
class Boxes:
    """Boxes of many things over time: frame (N,), tracker id (N,), xyxy (N, 4)."""

    frame: np.ndarray
    tracker_id: np.ndarray
    xyxy: np.ndarray

    def at(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """The ids and boxes in a frame."""
        rows = self.frame == frame
        return self.tracker_id[rows], self.xyxy[rows]


def read_mot(path: str | Path) -> Boxes:
    """Reads MOTChallenge's text: frame, id, left, top, width, height, confidence, ...; confidence 0 is left out.

    Raises:
        UserError: It is no such table.
    """
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} must be MOTChallenge's text, frame,id,left,top,width,height,…: {error}.") from None
    if table.shape[1] < 6:
        raise UserError(f"{path} must have six columns or more, got {table.shape[1]}.")
    if table.shape[1] > 6:
        table = table[table[:, 6] != 0]
    corner, size = table[:, 2:4], table[:, 4:6]
    return Boxes(table[:, 0].astype(int), table[:, 1].astype(int), np.concatenate([corner, corner + size], axis=1))


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (N, 4) and (M, 4), shape (N, M)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (one, other)]
    return shared / np.maximum(area[0][:, None] + area[1][None] - shared, 1e-300)


def _frames(truth: Boxes, found: Boxes) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Ids of the truth, ids that were found, and their overlaps, frame by frame; ids are counted from 0."""
    true_ids, found_ids = np.unique(truth.tracker_id), np.unique(found.tracker_id)
    for frame in np.unique(np.concatenate([truth.frame, found.frame])).tolist():
        (own, own_boxes), (other, other_boxes) = truth.at(frame), found.at(frame)
        yield np.searchsorted(true_ids, own), np.searchsorted(found_ids, other), overlaps(own_boxes, other_boxes)


@dataclass(frozen=True)
class BoxScores:
    """Scores of boxes, 0 to 1 (MOTA can be below), and the counts behind MOTA."""

    mota: float
    idf1: float
    hota: float
    det_a: float
    ass_a: float
    false_positives: int
    misses: int
    switches: int


def box_scores(truth: Boxes, found: Boxes) -> BoxScores:
    """Scores a tracker's boxes against the truth.

    Args:
        truth: True boxes.
        found: The tracker's.

    Raises:
        UserError: There is no true box.
    """
    if not len(truth.frame):
        raise UserError("The truth must have a box, got none.")
    frames = list(_frames(truth, found))
    misses, false, switches = _clear(frames)
    hota, det_a, ass_a = _hota(frames, truth, found)
    mota = 1 - (misses + false + switches) / len(truth.frame)
    return BoxScores(mota, _idf1(frames, truth, found), hota, det_a, ass_a, false, misses, switches)


Frames = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]


def _clear(frames: Frames) -> tuple[int, int, int]:
    """Misses, false positives and switches: a match of the frame before is kept while it overlaps."""
    from scipy.optimize import linear_sum_assignment

    last: dict[int, int] = {}
    misses = false = switches = 0
    for own, other, shared in frames:
        pairs: dict[int, int] = {}
        for i, true in enumerate(own.tolist()):
            same = np.flatnonzero(other == last.get(true, -1))
            if len(same) and shared[i, same[0]] >= OVERLAP:
                pairs[i] = int(same[0])
        free_i = [i for i in range(len(own)) if i not in pairs]
        free_j = [j for j in range(len(other)) if j not in pairs.values()]
        part = shared[np.ix_(free_i, free_j)]
        # Infinite where too far apart: as many pairs as can be, then the nearest.
        rows, columns = linear_sum_assignment(np.where(part >= OVERLAP, 1 - part, 1e6))
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
            if part[i, j] >= OVERLAP:
                pairs[free_i[i]] = free_j[j]
        for i, j in pairs.items():
            true, tracked = int(own[i]), int(other[j])
            switches += int(true in last and last[true] != tracked)
            last[true] = tracked
        misses += len(own) - len(pairs)
        false += len(other) - len(pairs)
    return misses, false, switches


def _counted(frames: Frames, truth: Boxes, found: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """In how many frames each true thing and each that was found are there."""
    true, tracked = np.zeros(len(np.unique(truth.tracker_id))), np.zeros(len(np.unique(found.tracker_id)))
    for own, other, _ in frames:
        np.add.at(true, own, 1)
        np.add.at(tracked, other, 1)
    return true, tracked


def _idf1(frames: Frames, truth: Boxes, found: Boxes) -> float:
    """The one pairing of things for the whole film that has most frames in common."""
    from scipy.optimize import linear_sum_assignment

    true, tracked = _counted(frames, truth, found)
    common = np.zeros((len(true), len(tracked)))
    for own, other, shared in frames:
        i, j = np.nonzero(shared >= OVERLAP)
        np.add.at(common, (own[i], other[j]), 1)
    rows, columns = linear_sum_assignment(-common)
    return float(2 * common[rows, columns].sum() / max(true.sum() + tracked.sum(), 1))


def _hota(frames: Frames, truth: Boxes, found: Boxes) -> tuple[float, float, float]:
    """HOTA, DetA and AssA, means over the thresholds."""
    from scipy.optimize import linear_sum_assignment

    true, tracked = _counted(frames, truth, found)
    potential = np.zeros((len(true), len(tracked)))
    for own, other, shared in frames:
        whole = shared.sum(axis=0)[None] + shared.sum(axis=1)[:, None] - shared
        np.add.at(potential, (own[:, None], other[None]), np.where(whole > _EPS, shared / np.maximum(whole, _EPS), 0.0))
    alignment = potential / np.maximum(true[:, None] + tracked[None] - potential, _EPS)
    matches = np.zeros((len(ALPHAS), len(true), len(tracked)))
    for own, other, shared in frames:
        rows, columns = linear_sum_assignment(-alignment[np.ix_(own, other)] * shared)
        for a, alpha in enumerate(ALPHAS):
            good = shared[rows, columns] >= alpha - _EPS
            matches[a, own[rows[good]], other[columns[good]]] += 1
    hits = matches.sum(axis=(1, 2))
    association = matches / np.maximum(true[:, None] + tracked[None] - matches, 1)
    ass_a = np.sum(matches * association, axis=(1, 2)) / np.maximum(hits, 1)
    det_a = hits / np.maximum(true.sum() + tracked.sum() - hits, 1)
    return float(np.mean(np.sqrt(det_a * ass_a))), float(np.mean(det_a)), float(np.mean(ass_a))


def main(truth: str, found: str) -> None:
    """Prints the scores of two of MOTChallenge's text files."""
    for name, value in asdict(box_scores(read_mot(truth), read_mot(found))).items():
        print(f"{name:16} {value:.4f}" if isinstance(value, float) else f"{name:16} {value}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
