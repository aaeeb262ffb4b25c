"""Facts about a clip, measured from its tracks: which way, faster or slower, how often, how far apart, how heavy.

Each function answers with a word or a number, or with ``None`` where the tracks do not clearly say: what lies within
the margin of two answers is no fact. All are measured on the clip as it is cut, so that they hold for real videos too;
only masses and contacts are taken from the made scene.
"""

from __future__ import annotations

import numpy as np

from motionlaw.data_builders.clips import Clip
from motionlaw.tools.measures import oscillation, principal, turning_points
from motionlaw.tools.plain_motions import foretelling_error
from motionlaw.tools.tracks import has_box
from motionlaw.tools.trajectory import Track

CLEAR_WAY = 0.3  # box diagonals: a shorter way is not asked about
CLEAR_RATIO = 1.4  # of two speeds or amplitudes that are called different
ROUND = 0.5  # a path as wide as this share of its length goes round
FEWEST = 6
NEARLY = 0.1  # share of a way, and radians, to which it must be known; ways that one chooses from are further apart


def is_seen(track: Track, *, share: float = 0.95) -> bool:
    """Whether an object is wholly in sight in nearly all frames, the first and last included."""
    seen = has_box(track) & (track.confidence > 0)
    return len(seen) >= FEWEST and bool(seen[0] and seen[-1] and np.mean(seen) >= share)


def diagonal(track: Track) -> float:
    """Mean diagonal of the box, pixels."""
    return float(np.nanmean(np.hypot(track.xyxy[:, 2] - track.xyxy[:, 0], track.xyxy[:, 3] - track.xyxy[:, 1])))


def seen_path(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """The times and places at which the object is seen, shapes (T,) and (T, 2), y up."""
    seen = np.all(np.isfinite(track.position), axis=1)
    return track.timestamps[seen], track.position[seen] * [1.0, -1.0]


def _sense(values: np.ndarray, least: float, *, slack: float, is_gradual: bool) -> int:
    """Returns 1 or -1 if a coordinate goes one way by at least ``least`` and hardly back, else 0.

    A gradual change is spread over the time: no fifth of it holds six tenths of the change.
    """
    net = float(values[-1] - values[0])
    back = float(np.sum(np.abs(np.diff(values)))) - abs(net)
    if abs(net) < least or back > slack * abs(net):
        return 0
    fifth = max(len(values) // 5, 1)
    if is_gradual and np.max(np.abs(values[fifth:] - values[:-fifth])) > 0.6 * abs(net):
        return 0
    return int(np.sign(net))


def _in_order(
    values: np.ndarray, least: float, *, slack: float = 0.04, is_gradual: bool = False
) -> tuple[int, ...] | None:
    """Returns the one or two ways that a coordinate goes in turn, as 1 and -1; ``None`` if it is not that simple."""
    if one := _sense(values, least, slack=slack, is_gradual=is_gradual):
        return (one,)
    for turn in (int(np.argmax(values)), int(np.argmin(values))):
        if 3 <= turn < len(values) - 3:
            parts = [_sense(part, least, slack=slack, is_gradual=is_gradual)
                     for part in (values[: turn + 1], values[turn:])]  # fmt: skip
            if parts[0] and parts[1] == -parts[0]:
                return tuple(parts)
    return None


def ways(track: Track, axis: int = 0) -> tuple[str, ...] | None:
    """Says in which order an object moves left and right (axis 0), up and down (axis 1): one or two words."""
    if not is_seen(track):
        return None
    values = seen_path(track)[1]
    spread = np.ptp(values, axis=0)
    senses = _in_order(values[:, axis], max(CLEAR_WAY * diagonal(track), 0.35 * float(np.max(spread))))
    return None if senses is None else tuple((("left", "right"), ("down", "up"))[axis][sense > 0] for sense in senses)


def way(track: Track, axis: int = 0) -> str | None:
    """Says whether an object moves to the left or right (axis 0), up or down (axis 1), all the time."""
    found = ways(track, axis)
    return found[0] if found and len(found) == 1 else None


def corners(track: Track) -> tuple[str, ...] | None:
    """Says towards which corner of the picture an object moves, upper left, ..., lower right: one, or two in turn."""
    across, up = ways(track, 0), ways(track, 1)
    if across is None or up is None or len(across) != len(up):
        return None
    wide, high = np.ptp(seen_path(track)[1], axis=0)
    if not 0.45 < high / wide < 2.2:
        return None
    return tuple(f"{'upper' if v == 'up' else 'lower'} {h}" for h, v in zip(across, up, strict=True))


def corner(track: Track) -> str | None:
    """Says towards which corner of the picture an object moves all the time."""
    found = corners(track)
    return found[0] if found and len(found) == 1 else None


SECTORS = ("to the right", "up and to the right", "up", "up and to the left",
           "to the left", "down and to the left", "down", "down and to the right")  # fmt: skip


def net_way(track: Track) -> tuple[float, str] | None:
    """How far an object gets from its first place to its last, in box diagonals, and in which of eight directions."""
    if not is_seen(track):
        return None
    path = seen_path(track)[1]
    across, up = path[-1] - path[0]
    far = float(np.hypot(across, up)) / diagonal(track)
    sector = round(float(np.arctan2(up, across)) / (np.pi / 4)) % 8
    return (far, SECTORS[sector]) if far > 0.2 else None


def foretelling_share(track: Track, after: Track) -> float:
    """By what share of its way one may be off who foretells from a film where an object gets to after it ends.

    A contact ahead, or a motion that is not plain or is seen for too short a time, leaves that open to any viewer.

    Returns:
        The share; infinite where the direction is not clear by `NEARLY`, or nothing can be foretold.
    """
    t, path = seen_path(track)
    later, ahead = seen_path(after)
    if len(t) < FEWEST or not len(later):
        return float("inf")
    step = ahead[-1] - ahead[0]
    turn = float(np.arctan2(step[1], step[0])) / (np.pi / 4)
    if abs(turn - round(turn)) * (np.pi / 4) > np.pi / 8 - NEARLY:
        return float("inf")
    return foretelling_error(t, path, float(later[-1] - later[0]), step) / float(np.linalg.norm(step))


def step_of(words: str) -> np.ndarray:
    """The way that words tell, e.g. ``"0.4 of its diagonal up and to the left"``, in diagonals, [right, up]."""
    length, way = words.split(" of its diagonal ")
    angle = SECTORS.index(way) * np.pi / 4
    return float(length) * np.array([np.cos(angle), np.sin(angle)])


def are_apart(one: str, other: str) -> bool:
    """Whether two ways in words cannot be taken for each other by one who is off by `NEARLY`."""
    steps = step_of(one), step_of(other)
    return bool(np.linalg.norm(steps[0] - steps[1]) > 2.4 * NEARLY * max(map(np.linalg.norm, steps)))


def speed_changes(track: Track) -> tuple[str, ...] | None:
    """Says whether an object gets faster or slower over the clip, or first the one and then the other."""
    if not is_seen(track):
        return None
    t, path = seen_path(track)
    step = np.linalg.norm(np.diff(path, axis=0), axis=1)
    if np.sum(step) < CLEAR_WAY * diagonal(track):
        return None
    speed = step / np.diff(t)
    if np.min(speed) < 0.3 * np.max(speed):  # where a thing stands still, it can only get faster
        return None
    least = (CLEAR_RATIO - 1.0) * float(np.mean(speed))
    senses = _in_order(speed, least, slack=0.1, is_gradual=True)
    return None if senses is None else tuple("faster" if sense > 0 else "slower" for sense in senses)


def distance_changes(one: Track, other: Track) -> tuple[str, ...] | None:
    """Says whether two objects come closer to each other or move apart, or first the one and then the other."""
    if not (is_seen(one, share=1.0) and is_seen(other, share=1.0)):
        return None
    between = np.linalg.norm(one.position - other.position, axis=1)
    size = (diagonal(one) + diagonal(other)) / 2
    if np.min(between) < 0.75 * np.max(between):  # far apart or close together: one look would tell
        return None
    senses = _in_order(between, max(CLEAR_WAY * size, 0.08 * float(np.max(between))))
    return None if senses is None else tuple("apart" if sense > 0 else "closer" for sense in senses)


def mean_speed(track: Track) -> float | None:
    """Mean speed along the path, pixels per second, if that is long enough to be measured in the film."""
    if not is_seen(track):
        return None
    t, path = seen_path(track)
    length = float(np.sum(np.linalg.norm(np.diff(path, axis=0), axis=1)))
    return length / float(t[-1] - t[0]) if length > CLEAR_WAY * diagonal(track) else None


def turns(track: Track) -> int | None:
    """Counts how often an object turns back on its way, if the count does not hang on what counts as a turn.

    What goes round does not turn back: its path is nearly as wide as it is long.
    """
    if not is_seen(track):
        return None
    _, path = seen_path(track)
    along = principal(path)
    long, wide = np.linalg.svd(path - path.mean(axis=0), compute_uv=False)
    if np.ptp(along) < CLEAR_WAY * diagonal(track) or wide > ROUND * long:
        return None
    few, many = (len(turning_points(along, least=share * float(np.ptp(along)))) for share in (0.25, 0.06))
    return few if few == many else None


def swing_changes(track: Track) -> tuple[str, ...] | None:
    """Says whether an object's swings or bounces get wider or narrower, or first the one and then the other.

    Swings are measured along the main direction of the path, else upright; there must be three of them or more.
    """
    if not is_seen(track):
        return None
    _, path = seen_path(track)
    for along in (principal(path), path[:, 1]):
        size = np.abs(np.diff(along[turning_points(along)]))
        if len(size) < 3 or np.max(size) < CLEAR_WAY * diagonal(track):
            continue
        senses = _in_order(np.repeat(size, 2), 0.1 * float(np.max(size)), slack=0.0)
        if senses:
            return tuple("wider" if sense > 0 else "narrower" for sense in senses)
    return None


def turning_energies(clip: Clip, track: Track) -> tuple[np.ndarray, np.ndarray] | None:
    """Measures the energy of a made pendulum, spring or bouncing ball where it turns back: all is potential there.

    Returns:
        Seconds of the film and joules for each kilogram, shapes (K,), between the extremes' neighbouring rows by a
        parabola; ``None`` where it is out of sight, turns less than twice, or its world has no such energy.
    """
    if clip.scene is None or not is_seen(track):
        return None
    known = {each.name: each.value for each in clip.scene.parameters}
    x, y = clip.scene.scale.to_coordinates(track.position).T
    if clip.scene.world == "pendulum":
        q = np.arctan2(x, -y)
        energy = lambda q: known["gravity"] * known["length"] * (1 - np.cos(q))  # noqa: E731
    elif clip.scene.world == "spring":
        q = x if np.ptp(x) > np.ptp(y) else y
        energy = lambda q: 0.5 * known["angular frequency"] ** 2 * q**2  # noqa: E731
    elif clip.scene.world == "bouncing":
        q = y
        energy = lambda q: known["gravity"] * (q - known["radius"])  # noqa: E731
    else:
        return None
    turns = turning_points(q)
    if clip.scene.world == "bouncing":
        turns = turns[q[turns] > q[turns - 1]]  # the tops
    if len(turns) < 2 or np.ptp(q) == 0:
        return None
    before, here, after = q[turns - 1], q[turns], q[turns + 1]
    curve = before - 2 * here + after
    if np.any(curve == 0):
        return None
    return track.timestamps[turns], energy(here - (after - before) ** 2 / (8 * curve))


def energy_change(clip: Clip, track: Track) -> float | None:
    """The share of its energy that a body of a made scene gains (or loses, below 0) from its first turn to its last.

    Returns:
        0 where it stays within two hundredths; ``None`` where it is not known or does not go one way.
    """
    found = turning_energies(clip, track)
    if found is None:
        return None
    energy = found[1]
    if np.ptp(energy) < 0.02 * np.max(energy):
        return 0.0
    steps = np.diff(energy)
    return float(energy[-1] / energy[0] - 1) if np.all(steps > 0) or np.all(steps < 0) else None


def period_s(track: Track) -> float | None:
    """Period of an oscillation that turns back at even intervals, three times or more, in seconds."""
    if not is_seen(track):
        return None
    t, path = seen_path(track)
    found = {each.name: each.value for each in oscillation(t, path)}
    along = principal(path)
    halves = np.diff(t[turning_points(along)])
    if not found or len(halves) < 2 or np.ptp(along) < CLEAR_WAY * diagonal(track):
        return None
    is_even = np.ptp(halves) < 0.1 * np.mean(halves) + 1.5 * np.median(np.diff(t))
    agrees = abs(found["period"] / (2.0 * float(np.mean(halves))) - 1.0) < 0.1
    return found["period"] if is_even and agrees and found["share explained"] > 0.95 else None


def acceleration(track: Track) -> float | None:
    """Size of the acceleration where it is constant over the clip, pixels per second squared."""
    if not is_seen(track):
        return None
    t, path = seen_path(track)
    if len(t) < 8:
        return None
    u = (t - t.mean()) / np.ptp(t)
    design = np.vander(u, 4)
    fit = np.linalg.lstsq(design, path, rcond=None)[0]
    bend = float(np.linalg.norm(fit[1])) / 4  # sagitta of the whole clip, pixels
    rest = float(np.max(np.linalg.norm(path - design[:, 1:] @ np.linalg.lstsq(design[:, 1:], path, rcond=None)[0],
                                       axis=1)))  # fmt: skip
    if bend < 4.0 or rest > 0.03 * bend + 0.02:
        return None
    return 2.0 * float(np.linalg.norm(fit[1])) / float(np.ptp(t)) ** 2


def contact_s(clip: Clip, one: Track, other: Track) -> float | None:
    """Time at which two bodies of a made scene first touch, in seconds of the scene, if they touch in sight."""
    if clip.scene is None:
        return None
    names = {one.name, other.name}
    times = [event.t for event in clip.scene.events if event.kind == "contact" and set(event.bodies) == names]
    return times[0] if times else None


def metres_per_pixel(clip: Clip) -> float | None:
    """Length of a pixel, metres, where the scene is a made one."""
    return None if clip.scene is None else clip.scene.metres_per_pixel
