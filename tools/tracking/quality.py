"""How good a track is: its noise, the better of two measurements, its confidence, and what to warn of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SUSPECT_STEP = 8.0
"""A step this many times the usual change of step is suspected to be a switch to another object."""

RECENT = 6
"""Places before a gap that tell where the object should be after it."""

LONGEST_DETOUR = 25
"""Frames after which a path that went over to another object is not expected back."""


def noise_std(position: np.ndarray) -> float:
    """Estimates the measurement noise of a smooth path, shape (T, 2), NaN where unseen.

    Third differences remove the motion itself; their median is deaf to contacts and jumps.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> path = np.linspace(0, 50, 400)[:, None] + rng.normal(0, 0.2, (400, 2))
        >>> round(noise_std(path), 1)
        0.2
    """
    third = np.diff(position, n=3, axis=0)
    third = third[np.isfinite(third).all(axis=1)]
    if len(third) < 3:
        return float("nan")
    # The variance of a third difference of white noise is 1 + 9 + 9 + 1 = 20 times its own.
    return float(np.median(np.abs(third)) * 1.4826 / np.sqrt(20.0))


def ratio_of_motion(first: np.ndarray, second: np.ndarray) -> float:
    """Returns how far the first path moves for each pixel of the second, both shape (T, 2); NaN if nobody can tell."""
    both = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    if both.sum() < 5:
        return float("nan")
    a, b = first[both] - first[both].mean(axis=0), second[both] - second[both].mean(axis=0)
    return float(np.sum(a * b) / max(np.sum(b * b), 1e-12))


def combine(main: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills the gaps of one measurement from another of the same object.

    Args:
        main: Preferred path, shape (T, 2), NaN in gaps.
        other: Another point of the same body, shape (T, 2).

    Returns:
        The filled path, and where it was filled, shape (T,). The offset between the two is taken from frames nearby.
    """
    filled, seen = main.copy(), np.isfinite(main).all(axis=1)
    both = seen & np.isfinite(other).all(axis=1)
    patch = np.zeros(len(main), dtype=bool)
    if both.sum() < 3:
        return filled, patch
    shared = np.flatnonzero(both)
    offsets = main[shared] - other[shared]
    pace = np.percentile(np.hypot(*np.diff(main[seen], axis=0).T), 95) if seen.sum() > 1 else 0.0
    known = np.flatnonzero(seen)
    fillable = np.flatnonzero(~seen & np.isfinite(other).all(axis=1))
    for run in np.split(fillable, np.flatnonzero(np.diff(fillable) > 1) + 1):
        values = [other[k] + np.median(offsets[np.argsort(np.abs(shared - k), kind="stable")[:7]], axis=0) for k in run]
        if len(run) and all(_is_near(values[i], int(run[i]), main, known, float(pace)) for i in (0, -1)):
            filled[run], patch[run] = values, True
    return filled, patch


def _is_near(value: np.ndarray, k: int, main: np.ndarray, known: np.ndarray, pace: float) -> bool:
    """Whether a filler goes on from the path: a chain of blobs may have hopped to a neighbour meanwhile."""
    nearest = int(known[np.argmin(np.abs(known - k))])
    return float(np.hypot(*(value - main[nearest]))) <= abs(k - nearest) * 1.25 * pace + 2.0


def suspicious_steps(position: np.ndarray, size_px: float) -> np.ndarray:
    """Returns the frames at which a path jumps as no body does, shape (K,), indices of the later frame.

    A contact changes the step once; a switch to another object jumps there and goes on at the old pace.
    """
    seen = np.flatnonzero(np.isfinite(position).all(axis=1))
    if len(seen) < 6:
        return np.array([], dtype=int)
    steps = np.diff(position[seen], axis=0) / np.diff(seen)[:, None]
    change = np.hypot(*np.diff(steps, axis=0).T)
    usual = max(float(np.median(change)), 0.25)
    speed = np.hypot(*steps.T)
    jump = np.hypot(*(steps[1:-1] - 0.5 * (steps[:-2] + steps[2:])).T)
    beside = np.maximum(speed[:-2], speed[2:])
    is_jump = (jump > SUSPECT_STEP * usual) & (jump > 0.7 * size_px) & (jump > 1.5 * beside)
    return seen[2:-1][is_jump]


def continuing(position: np.ndarray, seed: int, size_px: float) -> np.ndarray:
    """Tells which places go on from the one at the seed, as one body's do, shape (T,), bool.

    Places are left out from a jump on, or from a gap on that the motion before it does not lead across: what comes
    out of such a gap is most likely another object. They count again where that motion does lead to them.

    Args:
        position: Shape (T, 2), NaN where unseen.
        seed: Frame in which the object is known to be itself.
        size_px: Its size.
    """
    keep = np.zeros(len(position), dtype=bool)
    seen = np.flatnonzero(np.isfinite(position).all(axis=1))
    if not len(seen):
        return keep
    jumps = set(suspicious_steps(position, size_px).tolist())
    start = int(np.argmin(np.abs(seen - seed)))
    sides = sorted((seen[start:].tolist(), seen[start::-1].tolist()), key=len, reverse=True)
    taken = sides[0][:1]
    for side in sides:
        # The longer side comes first: the motion through it leads over to the other.
        taken, before = taken[:RECENT][::-1], side[0]
        for k in side[1:]:
            last, is_jump = taken[-1], max(k, before) in jumps
            if (before == last and is_jump) or not _leads(position, taken[-RECENT:], k, size_px):
                if abs(k - last) > LONGEST_DETOUR:
                    break
            else:
                taken.append(k)
            before = k
        keep[taken] = True
        taken = [k for k in taken if min(side) <= k <= max(side)]
    return keep


def _leads(position: np.ndarray, taken: list[int], k: int, size_px: float) -> bool:
    """Whether the motion through some frames leads over a gap to where another frame sees the object.

    It need not lead there better than it does where there is no gap: who turns quickly cannot be foretold.
    """
    gap = k - taken[-1]
    if abs(gap) < 2 or len(taken) < 3:
        return True
    frames = np.asarray(taken)
    miss, speed = _misses(position, frames[None], gap)
    if miss[0] < 0.75 * size_px + 0.35 * abs(gap) * speed[0] + 2.0:
        return True
    step = 1 if gap > 0 else -1
    runs = np.arange(len(position))[:, None] + step * np.arange(1 - len(taken), 1)
    reach = np.column_stack([runs, runs[:, -1] + gap])
    runs = runs[(reach.min(axis=1) >= 0) & (reach.max(axis=1) < len(position))]
    seen = np.isfinite(position).all(axis=1)
    runs = runs[seen[runs].all(axis=1) & seen[runs[:, -1] + gap]]
    return len(runs) > 3 and miss[0] < 2.0 * float(np.median(_misses(position, runs, gap)[0]))


def _misses(position: np.ndarray, runs: np.ndarray, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """How far a line through the last three frames, or a parabola through all, passes by a place; and their speed.

    Args:
        position: Shape (T, 2).
        runs: Frames, shape (N, K), the same steps in every row.
        gap: Frames from the last of a row to the place.

    Returns:
        The smaller miss, and the greater speed, both shape (N,), pixels and pixels per frame.
    """
    target = position[runs[:, -1] + gap]
    misses, speeds = [], []
    for degree, first in ((1, -3), (2, 0)):
        frames = tuple((runs[0, first:] - runs[0, -1]).tolist())
        if len(frames) > degree + 1:
            ahead, slope = np.einsum("wk,nkd->wnd", _weights(frames, gap, degree), position[runs[:, first:]])
            misses.append(np.hypot(*(ahead - target).T))
            speeds.append(np.hypot(*slope.T))
    return np.min(misses, axis=0), np.max(speeds, axis=0)


@lru_cache(maxsize=256)
def _weights(frames: tuple[int, ...], k: int, degree: int) -> np.ndarray:
    """Weights of places that give a fitted polynomial's value at ``k`` and its slope at 0, shape (2, frames)."""
    powers = np.arange(degree + 1)
    inverse = np.linalg.pinv(np.asarray(frames, dtype=float)[:, None] ** powers)
    return np.stack([float(k) ** powers @ inverse, inverse[1]])


def track_warnings(
    *,
    position: np.ndarray,
    confidence: np.ndarray,
    xyxy: np.ndarray,
    timestamps: np.ndarray,
    frame_size: tuple[int, int],
) -> tuple[str, ...]:
    """Says in sentences what is doubtful about a track.

    Args:
        position: Shape (T, 2), pixels of the video, NaN where unseen.
        confidence: Shape (T,).
        xyxy: Boxes, shape (T, 4), pixels.
        timestamps: Seconds, shape (T,).
        frame_size: Width and height of the video.

    Returns:
        One sentence for each: leaving the frame, being lost, suspected switches, long stretches of low confidence.
    """
    out: list[str] = []
    seen = np.flatnonzero(np.isfinite(position).all(axis=1))
    last = seen[-1]
    size = float(np.nanmedian(np.maximum(xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1])))
    if last < len(timestamps) - 1:
        leaves = _leaves(position, seen, size, frame_size)
        out.append(f"{'Leaves the frame' if leaves else 'Lost'} after {timestamps[last]:.3f} s.")
    gaps = np.diff(seen)
    if np.any(gaps > 1):
        worst = int(np.argmax(gaps))
        out.append(
            f"Not seen in {int(np.sum(gaps - 1))} frames between; the longest gap is from "
            f"{timestamps[seen[worst]]:.3f} s to {timestamps[seen[worst + 1]]:.3f} s."
        )
    for k in suspicious_steps(position, size)[:3]:
        out.append(f"Jumps at {timestamps[k]:.3f} s: possibly another object from there on (id switch).")
    low = confidence[seen] < 0.5
    if low.mean() > 0.2:
        out.append(f"Confidence is below 0.5 in {100 * low.mean():.0f} % of its frames; the track may drift.")
    return tuple(out)


def _leaves(position: np.ndarray, seen: np.ndarray, size: float, frame_size: tuple[int, int]) -> bool:
    """Whether the last places head out of the picture."""
    here = position[seen[-1]]
    recent = seen[-min(5, len(seen)) :]
    speed = (position[recent[-1]] - position[recent[0]]) / max(recent[-1] - recent[0], 1)
    ahead = here + 2.5 * speed + np.sign(speed) * 0.75 * size
    return bool(np.any(ahead < 0) or np.any(ahead > np.asarray(frame_size)))
