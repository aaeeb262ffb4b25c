"""How a small model is asked what moves, two frames at a time, and the motion chain that its replies make.

A large model sees all frames at once and writes a chain (`motionlaw.agent.mcot`). A small one is shown two frames as a
film of its own, each in a square of 64 pixels, and says in one line what it sees of each thing: its name, the words of
a motion tag, and then its middle in both frames and its width and height, two digits each, pixels of the square:

    red ball, E, fast, stable; blue block, STAT, stationary, stable. 1230 2031 0707; 4010 4010 0906.

`tell_motion` asks for each two neighbouring frames and joins what is said to a chain in the film's pixels and times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Step
from motionlaw.agent.messages import Image, Message, VideoFrames
from motionlaw.agent.model import Model, Sampling
from motionlaw.agent.pictures import decode, encode, video_frames
from motionlaw.tools.errors import ToolError
from motionlaw.tools.video import probe

PAIRS = "pairs"
"""The form of a model that is asked so."""
SIDE_PX, GREY = 64, 128
NAME = "frames"
NOTHING = "nothing"
# Frames that are nearer in time than the tenths of a second in Qwen3-VL's prompt are no film to it.
LEAST_STEP_S = 0.101
MOST_TOKENS = 160
# Share of the pairs of frames below which a thing that is seen is none.
SELDOM = 0.25
_PLACE = re.compile(r"(\d\d)(\d\d) (\d\d)(\d\d) (\d\d)(\d\d)")


@dataclass(frozen=True)
class Square:
    """A film's frames in squares: as large as they fit, in the middle, on grey.

    Args:
        width: Of the film, pixels.
        height: Of the film, pixels.
    """

    width: int
    height: int

    @property
    def size(self) -> np.ndarray:
        """Width and height of a frame in its square, pixels."""
        return np.round(np.array([self.width, self.height]) * SIDE_PX / max(self.width, self.height)).astype(int)

    @property
    def corner(self) -> np.ndarray:
        """Column and row of a frame's first pixel in its square."""
        return (SIDE_PX - self.size) // 2

    def draw(self, frame: np.ndarray) -> np.ndarray:
        """Makes a frame, shape (H, W, 3), a square one, shape (64, 64, 3)."""
        import cv2

        (across, down), (left, top) = self.size, self.corner
        square = np.full((SIDE_PX, SIDE_PX, 3), GREY, np.uint8)
        inner = cv2.resize(frame, (int(across), int(down)), interpolation=cv2.INTER_AREA)
        square[top : top + down, left : left + across] = inner
        return square

    def into(self, points: np.ndarray) -> np.ndarray:
        """From pixels of the film to those of the square, shape (N, 2), counted from its edge."""
        return (np.asarray(points) + 0.5) * self.size / [self.width, self.height] + self.corner

    def back(self, points: np.ndarray) -> np.ndarray:
        """From pixels of the square, counted from its edge, to those of the film, shape (N, 2).

        Example:
            >>> square = Square(320, 240)
            >>> square.back(square.into(np.array([[100.0, 30.0]]))).round(9).tolist()
            [[100.0, 30.0]]
        """
        return (np.asarray(points) - self.corner) * [self.width, self.height] / self.size - 0.5


@dataclass(frozen=True)
class Seen:
    """What is said of one thing.

    Args:
        name: What it is.
        words: Direction, speed and change of size, the words of a motion tag.
        place: Its middle in both frames and its width and height, [x, y, x, y, w, h], pixels of the square; ``None``
            where they are not said.
    """

    name: str
    words: tuple[str, str, str]
    place: tuple[float, ...] | None = None


def written(things: Sequence[Seen]) -> str:
    """The line that tells of things.

    Example:
        >>> written([Seen("red ball", ("E", "fast", "stable"), (12, 30, 20, 31, 7, 7))])
        'red ball, E, fast, stable. 1230 2031 0707.'
    """
    if not things:
        return NOTHING
    tags = "; ".join(", ".join([each.name, *each.words]) for each in things)
    places = [each.place for each in things if each.place is not None]
    numbers = [[f"{min(max(round(value), 0), 99):02d}" for value in place] for place in places]
    where = "; ".join(f"{a}{b} {c}{d} {e}{f}" for a, b, c, d, e, f in numbers)
    return f"{tags}. {where}." if where else f"{tags}."


def read(text: str) -> tuple[Seen, ...]:
    """Reads `written`; what is not in its form is left out.

    Example:
        >>> [each.name for each in read("red ball, E, fast, stable; noise; white cart, STAT, slow, stable.")]
        ['red ball', 'white cart']
    """
    tags, _, where = text.partition(".")
    places = [tuple(map(float, found)) for found in _PLACE.findall(where)]
    told = [[word.strip() for word in part.split(",")] for part in tags.split(";")]
    seen = []
    for k, words in enumerate(told):
        if len(words) == 4 and words[0]:
            seen.append(Seen(words[0], (words[1], words[2], words[3]), places[k] if k < len(places) else None))
    return tuple(seen)


def pair_question(pictures: tuple[Image, Image], times: tuple[float, float]) -> Message:
    """What a small model is asked about two frames.

    Args:
        pictures: The frames in their squares.
        times: When they were taken, seconds.
    """
    return Message.user(VideoFrames(pictures, times, NAME), f"{times[1] - times[0]:.2g} s apart. What moves?")


def most_frames(timestamps: np.ndarray, most: int) -> int:
    """How many frames of a film, at most, are so far apart that Qwen3-VL's prompt tells their times apart.

    Example:
        >>> most_frames(np.arange(33) / 25, 16), most_frames(np.arange(90) / 30, 16)
        (11, 16)
    """
    apart = int(np.ceil(LEAST_STEP_S / float(np.median(np.diff(timestamps)))))
    return max(2, min(most, (len(timestamps) - 1) // apart + 1))


def tell_motion(model: Model, path: str | Path, *, most: int) -> Chain:
    """The motion chain of a film by a model of the form `PAIRS`.

    Args:
        model: The model.
        path: The film.
        most: Most frames that it is shown.

    Returns:
        Boxes and tags in the film's pixels and times, thing by thing, named as `agreed_names` says.

    Raises:
        UserError: The film or the model cannot be used.
    """
    info = probe(path)
    square = Square(info.width, info.height)
    film = video_frames(path, most=most_frames(info.timestamps, most), max_width_px=info.width)
    pictures = [encode(square.draw(decode(frame))) for frame in film.frames]
    told = []
    for k, times in enumerate(zip(film.timestamps, film.timestamps[1:], strict=False)):
        asked = pair_question((pictures[k], pictures[k + 1]), times)
        reply = model.reply([asked], sampling=Sampling(max_tokens=MOST_TOKENS))
        told.append((times, read(reply.message.text)))
    names = agreed_names([seen for _, seen in told])
    steps: dict[str, list[Step]] = {name: [] for name in names.values()}
    for times, seen in told:
        for each in seen:
            if each.name in names:
                steps[names[each.name]] += _steps(replace(each, name=names[each.name]), times, square)
    return Chain(tuple(step for claims in steps.values() for step in claims))


def agreed_names(told: Sequence[Sequence[Seen]]) -> dict[str, str]:
    """What each name that was said of a film stands for: things of one colour are one thing, called as most often.

    Names of a colour that was seen in less than a quarter of the pairs are left out.

    Example:
        >>> pair = [[Seen(name, ("E", "fast", "stable"))] for name in ("red ball", "red block", "red ball")]
        >>> agreed_names(pair)
        {'red ball': 'red ball', 'red block': 'red ball'}
    """
    counts = Counter(each.name for seen in told for each in seen)
    colours: dict[str, list[str]] = {}
    for name, _ in counts.most_common():
        colours.setdefault(name.split()[0], []).append(name)
    return {
        name: names[0] for names in colours.values() for name in names
        if sum(counts[each] for each in names) >= SELDOM * len(told)
    }  # fmt: skip


def _steps(seen: Seen, times: tuple[float, float], square: Square) -> list[Step]:
    """The claims about one thing between two times; words that a tag cannot have are no claim."""
    try:
        tag = MotionTag(seen.name, *seen.words, t_from=times[0], t_to=times[1])
    except ToolError:
        return []
    if seen.place is None:
        return [tag]
    half = np.maximum(np.array(seen.place[4:]), 1) / 2
    steps: list[Step] = []
    for t, middle in zip(times, (seen.place[:2], seen.place[2:4]), strict=True):
        (x1, y1), (x2, y2) = square.back(np.array([middle - half, middle + half]))
        steps.append(Observation(seen.name, (x1, y1, x2, y2), t))
    return [*steps, tag]
