"""Events and regimes: rest, a hand that holds and lets go, contacts, jumps, gaps, and what lies between them.

A law is sought in stretches of kind ``motion``; they end at contacts, jumps and long gaps. Leaves out: changes of
acceleration alone (dry friction turning round is part of a law) and events shorter than a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from motionlaw.tools.breaks import Break, find_breaks
from motionlaw.tools.frequency import dominant_frequency
from motionlaw.tools.law import Event
from motionlaw.tools.motion import smooth
from motionlaw.tools.noise import checked_rows, segments
from motionlaw.tools.noise import noise_std as estimate_noise
from motionlaw.tools.trajectory import Trajectory

FEW_ROWS = 40
TREND = 14.0  # gain in chi-squared by which a still stretch is seen to move
HELD_SHARE = 0.02  # of the range: how far a hand that holds may tremble


@dataclass(frozen=True)
class Stretch:
    """Rows ``start`` to ``stop`` (exclusive) under one regime: rest, held or motion."""

    start: int
    stop: int
    kind: str


@dataclass(frozen=True)
class _Seen:
    """The rows with a position, and what is known of them."""

    rows: np.ndarray
    t: np.ndarray
    x: np.ndarray
    noise: np.ndarray


def _seen(t: np.ndarray, position: np.ndarray, noise: np.ndarray | None) -> _Seen:
    t, position = checked_rows(t, position)
    rows = np.flatnonzero(np.all(np.isfinite(position), axis=1))
    times, x = t[rows], position[rows]
    moving = np.ptp(x, axis=0) > 0 if len(rows) else np.zeros(position.shape[1], dtype=bool)
    x = x[:, moving]
    if noise is None:
        noise = estimate_noise(times, x)
        if 6 <= len(rows) < FEW_ROWS:
            noise = np.minimum(noise, _noise_beside_a_corner(times, x))
    else:
        noise = np.broadcast_to(np.asarray(noise, dtype=float), (position.shape[1],))[moving]
    return _Seen(rows, times, x, noise)


def _noise_beside_a_corner(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Noise of a short track if it is two straight lines: a corner must not count as noise."""
    best = np.full(x.shape[1], np.inf)
    for split in range(3, len(t) - 2):
        energy = np.zeros(x.shape[1])
        for part in (slice(0, split), slice(split, len(t))):
            design = np.stack([np.ones(len(t[part])), t[part] - t[part].mean()], axis=1)
            energy += np.sum((x[part] - design @ np.linalg.lstsq(design, x[part], rcond=None)[0]) ** 2, axis=0)
        best = np.minimum(best, energy)
    # The best of many splits looks better than it is.
    return np.sqrt(2.0 * best / max(len(t) - 4, 1)) + 1e-3 * np.std(np.diff(x, axis=0), axis=0)


def _is_still(t: np.ndarray, x: np.ndarray, noise: np.ndarray) -> bool:
    """Asks whether rows scatter about a constant with no more than the noise."""
    u = (t - t.mean()) / max(np.ptp(t), 1e-300)
    basis, _ = np.linalg.qr(np.stack([np.ones_like(u), u, u**2], axis=1))
    scaled = (x - x.mean(axis=0)) / noise
    gain = np.sum((basis[:, 1:].T @ scaled) ** 2)
    energy = np.sum(scaled**2)
    return bool(gain < TREND and energy < x.shape[1] * (len(t) + 4.0 * np.sqrt(2.0 * len(t)) + 6.0))


def _longest(count: int, accept: Callable[[int], bool], least: int) -> int:
    """Returns the largest n up to ``count`` that ``accept(n)`` still allows, growing by a quarter, then one by one."""
    good, size = 0, least
    while size <= count and accept(size):
        good, size = size, max(size + 1, int(1.25 * size))
    if not good:
        return 0
    return next((n - 1 for n in range(good + 1, min(size, count + 1)) if not accept(n)), min(size - 1, count))


def _quiet_start(t: np.ndarray, x: np.ndarray, noise: np.ndarray) -> tuple[int, str]:
    """Counts the rows at the start that rest or are held: more than the same motion would linger there by itself."""
    if len(t) < 8:
        return 0, ""
    size = float(np.linalg.norm(np.ptp(x, axis=0)))
    step = float(np.median(np.diff(t)))
    sigma = float(np.sqrt(np.mean(noise**2)))
    still = _longest(len(t), lambda n: _is_still(t[:n], x[:n], noise), 3)
    if still == len(t):
        return still, "rest"
    band = HELD_SHARE * size
    held = _longest(len(t), lambda n: bool(np.max(np.linalg.norm(x[:n] - np.median(x[:n], axis=0), axis=1)) < band), 3)
    for count, kind in ((held, "held"), (still, "rest")):
        if count < 4:
            continue
        after = slice(count, min(count + max(count, 6), len(t)))
        if after.stop - after.start < 4:
            continue
        pace = smooth(t[after], x[after], noise_std=noise).acceleration
        pull = float(np.median(np.linalg.norm(pace, axis=1))) + 1e-150  # its square must not be 0
        if kind == "held":  # twice the way through a turning point within the band, and half as much again
            linger = 6.0 * np.sqrt(4.0 * band / pull)
        else:
            linger = 2.5 * (TREND * 720.0 * sigma**2 * step / pull**2) ** 0.2 + 2.0 * step
        if t[count - 1] - t[0] > linger:
            return count, "rest" if kind == "rest" or still >= 0.8 * count else "held"
    return 0, ""


def _quiet_ends(seen: _Seen) -> tuple[tuple[int, str], tuple[int, str]]:
    if seen.x.shape[1] == 0:
        return (len(seen.t), "rest"), (0, "")
    first = _quiet_start(seen.t, seen.x, seen.noise)
    last = _quiet_start(-seen.t[::-1], seen.x[::-1], seen.noise) if first[0] < len(seen.t) else (0, "")
    return first, last


def _breaks(seen: _Seen) -> list[Break]:
    """Finds breaks with rows numbered as in the input, stretch by stretch."""
    found = []
    for part in segments(seen.t) if seen.x.shape[1] else ():
        for one in find_breaks(seen.t[part], seen.x[part], seen.noise):
            before, after = int(seen.rows[part.start + one.before]), int(seen.rows[part.start + one.after])
            found.append(Break(one.t, one.kind, before, after, one.delta_velocity, one.evidence))
    return found


def find_events(t: np.ndarray, position: np.ndarray, *, noise_std: np.ndarray | None = None) -> tuple[Event, ...]:
    """Finds what happened in one run: rest, release, contact, jump, lost.

    Args:
        t: Seconds, shape (T,), strictly increasing.
        position: Shape (T, D), NaN where unseen.
        noise_std: Measurement noise, shape (D,); estimated if not given.

    Returns:
        Events in order of time. ``release`` ends a rest or a hold at the start, ``rest`` begins one at the end.

    Example:
        >>> import numpy as np
        >>> t = np.arange(60) / 30.0
        >>> [(event.kind, round(event.t, 2)) for event in find_events(t, np.abs(t - 1.01)[:, None])]
        [('contact', 1.01)]
    """
    seen = _seen(t, position, noise_std)
    if len(seen.t) < 6:
        return ()
    events = []
    (first, first_kind), (last, last_kind) = _quiet_ends(seen)
    if 0 < first < len(seen.t):
        events.append(Event(float(seen.t[first - 1]), "release", f"{first_kind} until then"))
    elif first:
        events.append(Event(float(seen.t[0]), "rest", "nothing moves"))
    if last:
        events.append(Event(float(seen.t[len(seen.t) - last]), "rest", f"{last_kind} from then on"))
    for one in _breaks(seen):
        change = np.array2string(one.delta_velocity, precision=3, separator=", ")
        detail = f"velocity changes by {change}" if one.kind == "contact" else "position jumps"
        events.append(Event(one.t, one.kind, detail))
    for part in segments(seen.t)[1:]:
        gone = float(seen.t[part.start] - seen.t[part.start - 1])
        events.append(Event(float(seen.t[part.start - 1]), "lost", f"unseen for {gone:.3g} s"))
    return tuple(sorted(events, key=lambda event: event.t))


def find_regimes(t: np.ndarray, position: np.ndarray, *, noise_std: np.ndarray | None = None,
                 events: tuple[Event, ...] | None = None) -> tuple[Stretch, ...]:
    """Cuts one run into stretches of rest, hold and motion; motion ends at contacts, jumps and long gaps.

    Args:
        t: Seconds, shape (T,), strictly increasing.
        position: Shape (T, D), NaN where unseen.
        noise_std: Measurement noise, shape (D,); estimated if not given.
        events: The run's events; found if not given.

    Returns:
        Stretches of at least two seen rows, in order; rows inside a contact belong to none.

    Example:
        >>> import numpy as np
        >>> t = np.arange(60) / 30.0
        >>> [(part.start, part.stop, part.kind) for part in find_regimes(t, np.abs(t - 1.01)[:, None])]
        [(0, 31, 'motion'), (31, 60, 'motion')]
    """
    t = np.asarray(t, dtype=float)
    events = find_events(t, position, noise_std=noise_std) if events is None else events
    cuts: list[tuple[int, str]] = [(0, "")]
    released, kind_before, kind_after = 0, "motion", {}
    for event in events:
        row = int(np.searchsorted(t, event.t, side="right"))
        if event.kind == "release":
            released, kind_before = row, "held" if event.detail.startswith("held") else "rest"
        elif event.kind == "rest":
            row = int(np.searchsorted(t, event.t))
            kind_after[row] = "held" if event.detail.startswith("held") else "rest"
        elif event.kind not in ("contact", "jump", "lost"):
            continue
        cuts.append((row, event.kind))
    bounds = sorted({row for row, _ in cuts} | {len(t)})
    seen = np.all(np.isfinite(np.asarray(position, dtype=float).reshape(len(t), -1)), axis=1)
    stretches = []
    for start, stop in pairwise(bounds):
        if np.sum(seen[start:stop]) >= 2:
            after = next((kind_after[row] for row in kind_after if row <= start), "motion")
            kind = kind_before if stop <= released else after
            stretches.append(Stretch(start, stop, kind))
    return tuple(stretches)


def find_contacts(a: Trajectory, b: Trajectory) -> tuple[Event, ...]:
    """Finds contacts between two bodies: their relative velocity breaks where they are nearest.

    Args:
        a: One body.
        b: The other, in the same coordinates and units; times need only overlap.

    Returns:
        Contacts in order of time; a break far from the least distance (a wall, a hand) is none.
    """
    start, stop = max(a.t[0], b.t[0]), min(a.t[-1], b.t[-1])
    t = a.t[(a.t >= start) & (a.t <= stop)]
    if len(t) < 6:
        return ()
    near = np.min(np.abs(b.t[:, None] - t[None, :]), axis=0) < 2.0 * np.median(np.diff(b.t))
    other = np.stack([np.interp(t, b.t[seen], b.position[seen, k]) for k in range(b.position.shape[1])
                      for seen in [np.isfinite(b.position[:, k])]], axis=1)
    between = np.where(near[:, None], a.position[np.isin(a.t, t)] - other, np.nan)
    distance = np.linalg.norm(between, axis=1)
    contacts = []
    for event in find_events(t, between):
        if event.kind != "contact":
            continue
        row = int(np.searchsorted(t, event.t))
        here = np.nanmin(distance[max(row - 2, 0) : row + 2])
        around = distance[max(row - 8, 0) : row + 8]
        if here <= np.nanmin(around) + 0.15 * (np.nanmax(around) - np.nanmin(around)):
            contacts.append(Event(event.t, "contact", f"{a.name} and {b.name}; relative {event.detail}"))
    return tuple(contacts)


def steady_oscillation(t: np.ndarray, signal: np.ndarray, *, share: float = 0.9) -> slice | None:
    """Finds the longest stretch of a record that is one steady, slowly damped oscillation, free of handling.

    Args:
        t: Seconds, shape (T,).
        signal: Shape (T,), e.g. an accelerometer's axis.
        share: Least share of the variance that one damped sine must explain over three periods.

    Returns:
        The rows, or None if there is no such stretch of four periods.

    Example:
        >>> import numpy as np
        >>> t = np.arange(1000) / 100.0
        >>> shake = np.where(t < 2.0, np.random.default_rng(0).standard_normal(1000), 0.0)
        >>> rows = steady_oscillation(t, np.cos(6.0 * t) + shake)
        >>> 150 < rows.start < 260
        True
    """
    whole = dominant_frequency(t, signal)
    if not np.isfinite(whole.value):
        return None
    period = 2.0 * np.pi / whole.value
    starts = np.arange(t[0], t[-1] - 3.0 * period + 1e-9, 0.5 * period)
    steady = []
    for start in starts:
        rows = slice(*np.searchsorted(t, [start, start + 3.0 * period]))
        local = dominant_frequency(t[rows], signal[rows])
        steady.append(local.power_share >= share and abs(local.value / whole.value - 1.0) < 0.15)
    edges = np.flatnonzero(np.diff(np.r_[0, np.array(steady, dtype=int), 0]))
    if not len(edges):
        return None
    runs = edges.reshape(-1, 2)
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    begin, end = starts[first], starts[last - 1] + 3.0 * period
    return slice(*np.searchsorted(t, [begin, end]).tolist()) if end - begin >= 4.0 * period else None
