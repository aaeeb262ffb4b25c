"""How good a track is: its noise, the better of two measurements, its confidence, and what to warn of."""

from __future__ import annotations

import numpy as np

SUSPECT_STEP = 8.0
"""A step this many times the usual change of step is suspected to be a switch to another object."""


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
    out = []
    for i in range(1, len(steps) - 1):
        around = 0.5 * (steps[i - 1] + steps[i + 1])
        jump = float(np.hypot(*(steps[i] - around)))
        if jump > SUSPECT_STEP * usual and jump > 0.7 * size_px and jump > 1.5 * max(speed[i - 1], speed[i + 1]):
            out.append(seen[i + 1])
    return np.asarray(out, dtype=int)


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
