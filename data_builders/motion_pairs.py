"""Two frames of made films and what moves between them, drawn as they are needed, for training that never repeats.

    pair = show_pair(seed=0, number=7)

Films come in reels of 32 scenes whose camera stands still; of each, sixteen frames are drawn. Pairs of frames that are
near in time, forwards, backwards and mirrored, come in blocks, each from the films of a dozen reels, the next from one
new reel and eleven of these: of few films a model would learn by heart. A pair is the same whenever it is drawn again.
What is said of a thing are the words of `motionlaw.tools.motion_classes` for its whole way between the two frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from motionlaw.agent.motion_question import Seen, Square, most_frames
from motionlaw.data_builders.render import render
from motionlaw.data_builders.scene import Scene
from motionlaw.data_builders.worlds import make_scene
from motionlaw.tools.motion_classes import SPEEDS, STATIONARY, UNKNOWN
from motionlaw.tools.tracks import has_box, mirrored, motion_words, rows_of
from motionlaw.tools.trajectory import Track

REELS, FILMS, FRAMES, BLOCK = 12, 32, 16, 2560
# Scene numbers that a reel may go through: a fifth of the scenes have a camera that moves.
SCENES = 100
# By how many of the sixteen frames a pair is apart, and how often; 0 is a film that stands still.
APART = {0: 0.05, 1: 0.5, 2: 0.35, 3: 0.1}
# Share of a thing that must be in sight, and of pairs without any thing that are kept.
IN_SIGHT, EMPTY = 0.75, 0.2


@dataclass(frozen=True)
class Pair:
    """Two frames and the truth.

    Args:
        pictures: Shape (2, 64, 64, 3), RGB.
        times: Seconds.
        things: What moves or could, in the order of their colours' names.
        colours: The colour of each.
        ways: The way of each, in its box diagonals.
    """

    pictures: np.ndarray
    times: tuple[float, float]
    things: tuple[Seen, ...]
    colours: tuple[str, ...]
    ways: tuple[float, ...]


@dataclass(frozen=True)
class _Film:
    scene: Scene
    rows: np.ndarray
    squares: np.ndarray


def show_pair(seed: int, number: int) -> Pair:
    """One of a seed's endless pairs; the first of a seed costs some twenty seconds, in which its reels are drawn."""
    return _block(seed, number // BLOCK)[number % BLOCK]


@lru_cache(maxsize=2)
def _block(seed: int, number: int) -> tuple[Pair, ...]:
    rng = np.random.default_rng([seed, number, 3])
    films = [film for reel in range(number, number + REELS) for film in _reel(seed, reel)]
    pairs: list[Pair] = []
    while len(pairs) < BLOCK:
        pair = _drawn(films[rng.integers(len(films))], rng)
        pairs += [pair] if pair.things or rng.random() < EMPTY else []
    return tuple(pairs)


@lru_cache(maxsize=REELS + 2)
def _reel(seed: int, number: int) -> tuple[_Film, ...]:
    films: list[_Film] = []
    index = number * SCENES
    while len(films) < FILMS:
        scene = make_scene(seed, index)
        films += [_filmed(scene)] if scene.look.camera == "still" else []
        index += 1
    return tuple(films)


def _filmed(scene: Scene) -> _Film:
    count = most_frames(scene.timestamps, FRAMES)
    rows = np.unique(np.linspace(0, len(scene.timestamps) - 1, count).round().astype(int))
    few = replace(scene, timestamps=scene.timestamps[rows], camera=scene.camera[rows], poses=scene.poses[rows])
    square = Square(scene.width, scene.height)
    return _Film(scene, rows, np.stack([square.draw(frame) for frame in render(few)]))


def _drawn(film: _Film, rng: np.random.Generator) -> Pair:
    apart = min(int(rng.choice(list(APART), p=list(APART.values()))), len(film.rows) - 1)
    first = int(rng.integers(len(film.rows) - apart))
    is_reversed, is_mirrored = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    places = (first, first + apart)
    t = film.scene.timestamps[film.rows]
    told = []
    for body, track in zip(film.scene.bodies, film.scene.tracks, strict=True):
        part = rows_of(track, slice(int(film.rows[places[0]]), int(film.rows[places[1]]) + 1))
        whole = has_box(part) & (part.confidence >= IN_SIGHT)
        if whole[0] and whole[-1]:
            part = mirrored(part, film.scene.width) if is_mirrored else part
            seen, way = _said(_backwards(part) if is_reversed else part, Square(film.scene.width, film.scene.height))
            told += [(body.colour, seen, way)] if seen.words[0] != UNKNOWN else []
    told.sort(key=lambda each: (each[0], each[1].name))
    pictures = film.squares[list(places[::-1] if is_reversed else places)]
    lasts = t[places[1]] - t[places[0]] if apart else t[1] - t[0]
    return Pair(
        pictures[:, :, ::-1] if is_mirrored else pictures, (float(t[places[0]]), float(t[places[0]] + lasts)),
        tuple(seen for _, seen, _ in told), tuple(colour for colour, _, _ in told), tuple(way for *_, way in told),
    )  # fmt: skip


def _backwards(track: Track) -> Track:
    return replace(rows_of(track, np.arange(len(track.timestamps))[::-1]), timestamps=track.timestamps)


def _said(track: Track, square: Square) -> tuple[Seen, float]:
    """What is to be said of a thing, and its way in box diagonals."""
    boxes = [square.into(track.xyxy[k].reshape(2, 2)) for k in (0, -1)]
    middles = [box.mean(axis=0) for box in boxes]
    place = (*middles[0], *middles[1], *(boxes[0][1] - boxes[0][0]))
    if len(track.timestamps) == 1:
        return Seen(track.name, (STATIONARY, SPEEDS[0], "stable"), place), 0.0
    words = motion_words(track)
    path = track.position[np.isfinite(track.position).all(axis=1)]
    size = track.xyxy[:, 2:] - track.xyxy[:, :2]
    way = np.hypot(*np.diff(path, axis=0).T).sum() / np.nanmean(np.hypot(*size.T))
    return Seen(track.name, (words.direction, words.speed, words.scale), place), float(way)
