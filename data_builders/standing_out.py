"""Whether what a tracker followed is a thing: it moves, and the picture there differs from the empty scene.

A tracker before a still background also follows glints, leaves, and patches of the scene that something uncovers:
ghosts, of which nothing true can be said. The empty scene is the median of the film's frames. A thing covers it
wherever it goes; a ghost's box shows the scene itself, and a shadow's shows it darker by one factor. Leaves out films
whose camera moves: they have no empty scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionlaw.tools.tracks import has_box
from motionlaw.tools.trajectory import Track
from motionlaw.tools.video import probe, read_frames

WIDE = 480  # pixels: frames are made as small as this
LOOKED_AT = 48  # frames
LEAST_SPREAD = 0.4  # of the box's diagonal: what keeps to less place is not told from a glint
AWAY = 0.5  # of its farthest way from its usual place: there a thing covers what is usually seen
COVERED = 0.12  # share of a box's pixels that must differ from the empty scene
CLEAR_LEVELS = 30.0  # sum of the three colours, least
SIGMAS = 6.0
MOSTLY = 0.7  # share of the frames
SHADE, EVEN = (0.4, 0.97), 0.07  # a shadow's factor, and how far it may differ between colours and within
SAME = 0.3  # of the smaller diagonal: centres this near are of one thing
FEWEST = 2  # frames in which it is away


def things(path: str | Path, tracks: Sequence[Track]) -> tuple[bool, ...]:
    """Tells things from ghosts and shadows.

    Args:
        path: The video, of a camera that stands still.
        tracks: In its pixels.

    Returns:
        For each track whether it is a thing that moves.
    """
    moving = [_spread(track) >= LEAST_SPREAD for track in tracks]
    if not any(moving):
        return tuple(moving)
    times, pictures, factor = _pictures(path)
    empty = np.median(pictures, axis=0)
    noise = float(np.median(np.abs(pictures - empty).sum(axis=3)))
    limit = max(CLEAR_LEVELS, SIGMAS * noise)
    return tuple(
        is_moving and _is_thing(track, times, pictures, empty, factor, limit)
        for track, is_moving in zip(tracks, moving, strict=True)
    )


def _pictures(path: str | Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Some frames of a video, made small: times (T,), float32 (T, H, W, 3), and small pixels per pixel."""
    info = probe(path)
    step = max(1, info.frame_count // LOOKED_AT)
    chosen = [frame for k, frame in enumerate(read_frames(path, max_width=WIDE)) if k % step == 0]
    pictures = np.stack([frame.image for frame in chosen]).astype(np.float32)
    return np.array([frame.timestamp for frame in chosen]), pictures, pictures.shape[2] / info.width


def _spread(track: Track) -> float:
    """How far an object gets about, in diagonals of its box; NaN if it has none."""
    seen = np.all(np.isfinite(track.position), axis=1)
    if not seen.any() or not has_box(track).any():
        return float("nan")
    low, high = np.percentile(track.position[seen], [5, 95], axis=0)
    return float(np.hypot(*(high - low))) / _diagonal(track)


def _diagonal(track: Track) -> float:
    return max(float(np.nanmean(np.hypot(*(track.xyxy[:, 2:] - track.xyxy[:, :2]).T))), 1.0)


def changed_over(tracks: Sequence[Track]) -> tuple[bool, ...]:
    """Tells which tracks may have gone over from one object to another: those that fall together with others.

    Args:
        tracks: All with the same frames.

    Returns:
        For each track whether it is in the place of another one at some time; of two that are in one place, the one
        that meets more others, or both.
    """
    size = [_diagonal(track) for track in tracks]
    meets = [
        {
            j
            for j, other in enumerate(tracks)
            if j != i
            and np.nanmin(np.hypot(*(track.position - other.position).T), initial=np.inf) < SAME * min(size[i], size[j])
        }
        for i, track in enumerate(tracks)
    ]
    return tuple(any(len(meets[i]) >= len(meets[j]) for j in meets[i]) for i in range(len(tracks)))


def _is_thing(
    track: Track, times: np.ndarray, pictures: np.ndarray, empty: np.ndarray, factor: float, limit: float
) -> bool:
    distance = np.hypot(*(track.position - np.nanmedian(track.position, axis=0)).T)
    away = distance > AWAY * float(np.nanpercentile(distance, 95))
    covered, shaded = [], []
    for time, picture in zip(times, pictures, strict=True):
        row = int(np.argmin(np.abs(track.timestamps - time)))
        if abs(track.timestamps[row] - time) > 1e-3 or not away[row] or not np.isfinite(track.xyxy[row]).all():
            continue
        box = _window(track.xyxy[row] * factor, picture.shape)
        inside, behind = picture[box].reshape(-1, 3), empty[box].reshape(-1, 3)
        differs = np.abs(inside - behind).sum(axis=1) > limit
        covered.append(bool(differs.mean() >= COVERED))
        shaded.append(_is_shade(inside[differs], behind[differs]) if covered[-1] else False)
    if len(covered) < FEWEST:
        return False
    return float(np.mean(covered)) >= MOSTLY and float(np.mean(shaded)) < MOSTLY / 2


def _window(xyxy: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box's rows and columns, three pixels each at least."""
    left, top = (int(np.clip(np.floor(edge), 0, most - 3)) for edge, most in zip(xyxy[:2], shape[1::-1], strict=True))
    right, bottom = (
        int(np.clip(np.ceil(edge) + 1, 3, most)) for edge, most in zip(xyxy[2:], shape[1::-1], strict=True)
    )
    return slice(top, max(bottom, top + 3)), slice(left, max(right, left + 3))


def _is_shade(inside: np.ndarray, behind: np.ndarray) -> bool:
    """Whether pixels are those behind them, darker by one factor: as a shadow makes them, and no thing does."""
    ratio = (inside + 1) / (behind + 1)
    each = np.median(ratio, axis=0)
    light = inside.sum(axis=1) / np.maximum(behind.sum(axis=1), 1.0)
    within = float(np.subtract(*np.percentile(light, [75, 25])))
    return bool(SHADE[0] < each.mean() < SHADE[1] and np.ptp(each) < EVEN and within < 2 * EVEN)
