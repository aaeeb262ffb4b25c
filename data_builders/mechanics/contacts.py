"""Discs that fly, slide and collide, exactly: parabolas from contact to contact, the time of each contact solved for.

Nothing is stepped, so there is no step to choose: between two contacts positions are polynomials of the time, and the
next contact is the first root of one. Gravity and sliding friction exclude each other. Spin and rotation are left out
(`tumbling` has them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motionlaw.data_builders.mechanics.motion import States, upright
from motionlaw.data_builders.scene import Body, SceneEvent

# A leading coefficient of a smaller share of the largest has roots beyond all numbers.
NEGLIGIBLE = 1e-100
SOON = 1e-12  # seconds within which a contact is now
REST_SPEED = 2e-3  # metres per second: a bounce slower than this ends in rest
_Found = tuple[float, int, int | None, str]  # how long to wait, first and second disc, wall
WALLS = ("left", "right", "bottom", "top")


@dataclass(frozen=True)
class Disc:
    """A disc at the start: position and velocity, metres and metres per second, [x, y], its radius and its mass."""

    position: tuple[float, float]
    velocity: tuple[float, float]
    radius_m: float
    mass_kg: float


@dataclass(frozen=True)
class Table:
    """Where discs move.

    Args:
        walls: Left, right, bottom and top, metres; infinite where there is none.
        gravity: Downwards, m/s².
        friction: Deceleration of what slides or rolls on the table, m/s².
        wall_restitution: Speed after over speed before a bounce.
        restitution: Likewise for two discs, of their approach.
    """

    walls: tuple[float, float, float, float] = (-np.inf, np.inf, -np.inf, np.inf)
    gravity: float = 0.0
    friction: float = 0.0
    wall_restitution: float = 1.0
    restitution: float = 1.0


@dataclass(frozen=True)
class Contact:
    """A contact at ``t`` seconds of disc ``first`` with disc ``second``, or with a wall; or its coming to rest.

    ``speed_before`` and ``speed_after`` are those of approach and of parting.
    """

    t: float
    first: int
    second: int | None
    wall: str
    speed_before: float
    speed_after: float


@dataclass(frozen=True)
class _Piece:
    """From ``t`` on: positions, velocities and accelerations, each of shape (N, 2)."""

    t: float
    x: np.ndarray
    v: np.ndarray
    a: np.ndarray


@dataclass(frozen=True)
class Played:
    """The motion of N discs: its pieces and its contacts, in order of time."""

    pieces: tuple[_Piece, ...]
    contacts: tuple[Contact, ...]

    def states(self, t: np.ndarray) -> States:
        """Returns where the discs are at times, shape (T,)."""
        t = np.asarray(t, dtype=float)
        starts = np.array([piece.t for piece in self.pieces])
        which = np.maximum(np.searchsorted(starts, t, side="right") - 1, 0)
        x, v, a = (np.stack([getattr(piece, name) for piece in self.pieces])[which] for name in "xva")
        since = (t - starts[which])[:, None, None]
        return upright(x + v * since + a * since**2 / 2, v + a * since)


def play_discs(discs: Sequence[Disc], table: Table, duration_s: float) -> Played:
    """Plays discs from contact to contact.

    Args:
        discs: The N discs; they must not overlap.
        table: Where they move.
        duration_s: How far.

    Returns:
        The motion, exact but for rounding.

    Example:
        >>> two = [Disc((0.0, 0.0), (1.0, 0.0), 0.1, 2.0), Disc((1.0, 0.0), (0.0, 0.0), 0.1, 1.0)]
        >>> played = play_discs(two, Table(), 2.0)
        >>> round(played.contacts[0].t, 9), played.states(np.array([2.0])).velocity[0, :, 0].round(6).tolist()
        (0.8, [0.333333, 1.333333])
    """
    x, v = (np.array([getattr(disc, name) for disc in discs], dtype=float) for name in ("position", "velocity"))
    piece = _Piece(0.0, x, v, _accelerations(x, v, discs, table))
    pieces = [piece]
    contacts: list[Contact] = []
    while True:
        found = _next_contact(piece, discs, table)
        if found is None or piece.t + found[0] > duration_s + 0.1:
            return Played(tuple(pieces), tuple(contact for contact in contacts if contact.t <= duration_s))
        wait, first, second, wall = found
        x = piece.x + piece.v * wait + piece.a * wait**2 / 2
        v = piece.v + piece.a * wait
        x, v, speeds = _resolved(x, v, (first, second, wall), discs, table)
        contacts.append(Contact(piece.t + wait, first, second, wall, *speeds))
        piece = _Piece(piece.t + wait, x, v, _accelerations(x, v, discs, table))
        pieces.append(piece)


def contact_events(
    played: Played, bodies: Sequence[Body], *, walls: Mapping[str, str] | None = None
) -> tuple[SceneEvent, ...]:
    """Puts contacts in words.

    Args:
        played: The motion.
        bodies: The discs' bodies, in the same order.
        walls: What a viewer calls the walls, by ``"left"``, ``"right"``, ``"bottom"``, ``"top"``.
    """
    events = []
    for contact in played.contacts:
        names = tuple(bodies[k].name for k in (contact.first, contact.second) if k is not None)
        if contact.wall == "rest":
            events.append(SceneEvent(contact.t, "rest", names))
        elif contact.speed_after == 0 and contact.second is None:
            events.append(SceneEvent(contact.t, "stops bouncing", names, (walls or {}).get(contact.wall, contact.wall)))
        elif contact.second is None:
            events.append(SceneEvent(contact.t, "bounce", names, (walls or {}).get(contact.wall, contact.wall)))
        else:
            events.append(SceneEvent(contact.t, "contact", names))
    return tuple(events)


def highest_points(played: Played, disc: int, name: str) -> tuple[SceneEvent, ...]:
    """Finds where a disc under gravity stops rising."""
    events = []
    for piece, after in zip(played.pieces, [*(each.t for each in played.pieces[1:]), np.inf], strict=True):
        rise, pull = piece.v[disc, 1], -piece.a[disc, 1]
        if rise > 0 and pull > 0 and piece.t + rise / pull < after:
            events.append(SceneEvent(float(piece.t + rise / pull), "turning point", (name,), "highest"))
    return tuple(events)


def _accelerations(x: np.ndarray, v: np.ndarray, discs: Sequence[Disc], table: Table) -> np.ndarray:
    a = np.zeros_like(x)
    if table.gravity:
        lies = (v[:, 1] == 0) & np.isclose(x[:, 1], table.walls[2] + np.array([disc.radius_m for disc in discs]))
        a[:, 1] = np.where(lies, 0.0, -table.gravity)
    if table.friction:
        speed = np.hypot(v[:, 0], v[:, 1])[:, None]
        a -= table.friction * np.divide(v, speed, out=np.zeros_like(v), where=speed > 0)
    return a


def _next_contact(piece: _Piece, discs: Sequence[Disc], table: Table) -> _Found | None:
    """How long until the next contact, and who takes part in it."""
    best: _Found | None = None
    for i, disc in enumerate(discs):
        for wall, limit in zip(WALLS, table.walls, strict=True):
            axis, sign = (0 if wall in ("left", "right") else 1), (1.0 if wall in ("right", "top") else -1.0)
            gap = (limit - sign * disc.radius_m - piece.x[i, axis]) * sign
            if np.isfinite(gap):
                # The gap closes where it is nought and shrinks.
                wait = _first_root([-sign * piece.a[i, axis] / 2, -sign * piece.v[i, axis], gap])
                best = _sooner(best, (wait, i, None, wall))
        speed = float(np.hypot(*piece.v[i]))
        if table.friction and speed > 0:
            best = _sooner(best, (speed / table.friction, i, None, "rest"))
        for j in range(i):
            dx, dv, da = (getattr(piece, name)[i] - getattr(piece, name)[j] for name in "xva")
            reach = disc.radius_m + discs[j].radius_m
            quartic = [da @ da / 4, dv @ da, dv @ dv + dx @ da, 2 * dx @ dv, dx @ dx - reach**2]
            best = _sooner(best, (_first_root(quartic), j, i, ""))
    return best


def _sooner(best: _Found | None, other: _Found) -> _Found | None:
    return other if np.isfinite(other[0]) and (best is None or other[0] < best[0]) else best


def _first_root(polynomial: Sequence[float]) -> float:
    """The first time from now at which a polynomial of the time falls through nought; infinite if it never does."""
    least = NEGLIGIBLE * max(abs(value) for value in polynomial)
    first = next((k for k, value in enumerate(polynomial) if abs(value) > least), len(polynomial))
    coefficients = np.asarray(polynomial[first:], dtype=float)
    if len(coefficients) < 2:
        return np.inf
    roots = np.roots(coefficients)
    size = np.abs(roots)
    real = np.sort(roots.real[np.abs(roots.imag) < 1e-9 * np.maximum(size, 1e-3)])
    slope = np.polyder(coefficients)
    for root in real:
        if root > -SOON and np.polyval(slope, max(root, 0.0)) < 0:
            return max(float(root), 0.0)
    return np.inf


def _resolved(
    x: np.ndarray, v: np.ndarray, who: tuple[int, int | None, str], discs: Sequence[Disc], table: Table
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Positions and velocities after a contact, and the speeds of approach and parting."""
    first, second, wall = who
    x, v = x.copy(), v.copy()
    if wall == "rest":
        speed, v[first] = float(np.hypot(*v[first])), 0.0
        return x, v, (speed, 0.0)
    if second is None:
        axis, number = (0 if wall in ("left", "right") else 1), WALLS.index(wall)
        before = abs(float(v[first, axis]))
        after = table.wall_restitution * before
        if table.gravity and wall == "bottom" and after < REST_SPEED:
            after = 0.0
        sign = 1.0 if wall in ("left", "bottom") else -1.0
        x[first, axis] = table.walls[number] + sign * discs[first].radius_m
        v[first, axis] = sign * after
        return x, v, (before, after)
    normal = x[second] - x[first]
    normal /= np.hypot(*normal)
    before = float((v[first] - v[second]) @ normal)
    masses = discs[first].mass_kg, discs[second].mass_kg
    push = (1 + table.restitution) * before * masses[0] * masses[1] / sum(masses)
    v[first] -= push / masses[0] * normal
    v[second] += push / masses[1] * normal
    return x, v, (before, table.restitution * before)
