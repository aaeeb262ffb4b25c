"""What becomes of a chain when its film is mirrored, played backwards, sped up or frozen.

A model that looks at the film must follow; one that guesses does not. Only claims are changed: prose and the answer
cannot be turned round by rule and are left out. Tracks change likewise in `motionlaw.tools.tracks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Prose, Step
from motionlaw.agent.mcot_checks import span_of
from motionlaw.tools.errors import ToolError
from motionlaw.tools.motion_classes import DIRECTIONS, SPEEDS, STATIONARY, UNKNOWN, speed_word

CHANGES = ("reversed", "mirrored", "faster", "frozen")
"""What can be done to a film."""

MOSTLY = 0.5
"""Share of their time that two tags must have in common to speak of the same."""

_BACKWARDS = {
    "approaching": "receding", "receding": "approaching", "accelerating": "decelerating", "decelerating": "accelerating"
}  # fmt: skip


def _changed(chain: Chain, observation: Callable[[Observation], Step], tag: Callable[[MotionTag], Step]) -> Chain:
    claims = [step for step in chain.steps if not isinstance(step, Prose)]
    return Chain(tuple(observation(step) if isinstance(step, Observation) else tag(step) for step in claims))


def _turned(direction: str, turn: Callable[[int], int]) -> str:
    return DIRECTIONS[turn(DIRECTIONS.index(direction)) % 8] if direction in DIRECTIONS else direction


def mirror_chain(chain: Chain, width: float) -> Chain:
    """Swaps left and right in a picture of ``width`` pixels: east becomes west.

    Example:
        >>> mirror_chain(Chain((MotionTag("ball", "NE"),)), 640).motion_tags[0].direction
        'NW'
    """

    def observation(step: Observation) -> Observation:
        x1, y1, x2, y2 = step.box
        return replace(step, box=(width - 1 - x2, y1, width - 1 - x1, y2))

    return _changed(
        chain, observation, lambda tag: replace(tag, direction=_turned(tag.direction, lambda bin_: 4 - bin_))
    )


def reverse_chain(chain: Chain, t_first: float, t_last: float) -> Chain:
    """Plays the film between two times backwards: directions turn by 180 degrees, approaching becomes receding.

    Example:
        >>> reverse_chain(Chain((MotionTag("ball", "NE", scale="receding", t_from=0, t_to=1),)), 0, 3).motion_tags[0]
        MotionTag(name='ball', direction='SW', speed='unknown', scale='approaching', t_from=2, t_to=3, \
frame='image', reference=None, shape=None, phase=None, measured=None)
    """

    def back(t: float | None) -> float | None:
        return None if t is None else t_first + t_last - t

    def tag(step: MotionTag) -> MotionTag:
        return replace(
            step,
            direction=_turned(step.direction, lambda bin_: bin_ + 4),
            scale=_BACKWARDS.get(step.scale, step.scale),
            phase=_BACKWARDS.get(step.phase or "", step.phase),
            t_from=back(step.t_to),
            t_to=back(step.t_from),
        )

    turned = _changed(chain, lambda step: replace(step, t=back(step.t)), tag)
    # Each kind of claim keeps its places in the chain, so that observations still come before their tag.
    observations, tags = list(turned.observations), list(turned.motion_tags)
    return Chain(tuple(observations.pop() if isinstance(step, Observation) else tags.pop() for step in turned.steps))


def speed_up_chain(chain: Chain, factor: float) -> Chain:
    """Plays the film ``factor`` times as fast: times are divided by it, measured speeds multiplied.

    A word for the speed is kept only where it must hold: where the measured speed gives it, or fast gets faster. Else
    it becomes unknown.

    Example:
        >>> speed_up_chain(Chain((MotionTag("ball", "E", "fast", t_from=0, t_to=3),)), 2).motion_tags[0].t_to
        1.5
    """
    if not factor > 0:
        raise ToolError(f"factor must be positive, got {factor}.")

    def scaled(t: float | None) -> float | None:
        return None if t is None else t / factor

    def tag(step: MotionTag) -> MotionTag:
        number = step.measured
        if number:
            number = replace(
                number, value=number.value * factor, low=number.low * factor, high=number.high * factor
            )
        if number and number.unit == "diagonals/s":
            speed = speed_word(number.value)
        else:
            holds = factor == 1.0 or step.speed == (SPEEDS[-1] if factor > 1.0 else SPEEDS[0])
            speed = step.speed if holds else UNKNOWN
        return replace(step, speed=speed, measured=number, t_from=scaled(step.t_from), t_to=scaled(step.t_to))

    return _changed(chain, lambda step: replace(step, t=scaled(step.t)), tag)


def freeze_chain(chain: Chain, t: float) -> Chain:
    """Holds the frame at ``t`` for the whole film: each object stays where it was observed nearest to that time.

    Example:
        >>> freeze_chain(Chain((MotionTag("ball", "E", "fast", "receding"),)), 0.5).motion_tags[0].direction
        'STAT'
    """
    timed: dict[str, list[Observation]] = {}
    for each in chain.observations:
        timed.setdefault(each.name, []).append(each)

    def observation(step: Observation) -> Observation:
        others = [other for other in timed[step.name] if other.t is not None] or [step]
        away = [np.inf if other.t is None else abs(other.t - t) for other in others]
        return replace(step, box=others[int(np.argmin(away))].box)

    def tag(step: MotionTag) -> MotionTag:
        number = step.measured
        return replace(
            step,
            direction=STATIONARY,
            speed=SPEEDS[0],
            scale="stable",
            shape=step.shape and STATIONARY,
            phase=step.phase and STATIONARY,
            measured=number and replace(number, value=0.0, low=0.0, high=0.0),
        )

    return _changed(chain, observation, tag)


def undone(chain: Chain, change: str, width: float, timestamps: Sequence[float] | np.ndarray, factor: float) -> Chain:
    """The claims of a chain about a changed film as they would be for the film as it is.

    Args:
        chain: What is said of the changed film.
        change: One of `CHANGES` but ``"frozen"``, which cannot be undone; ``""`` for none.
        width: Of the picture, pixels.
        timestamps: Seconds of the film as it is, shape (T,).
        factor: How many times as fast a faster film runs.
    """
    if change == "mirrored":
        return mirror_chain(chain, width)
    if change == "reversed":
        return reverse_chain(chain, float(timestamps[0]), float(timestamps[-1]))
    return speed_up_chain(chain, 1 / factor) if change == "faster" else chain


def tell_the_same(one: Chain, other: Chain) -> float:
    """Share of motion tags that give the same direction and change of size of the same object at the same time.

    Example:
        >>> east, west = (Chain((MotionTag("ball", way, scale="stable", t_from=0, t_to=1),)) for way in "EW")
        >>> tell_the_same(east, east), tell_the_same(east, west), tell_the_same(east, mirror_chain(west, 640))
        (1.0, 0.5, 1.0)
    """
    left = list(other.motion_tags)
    same = 0.0
    for tag in one.motion_tags:
        partners = [
            each for each in left
            if (each.name, each.frame, each.reference) == (tag.name, tag.frame, tag.reference)
            and shared_time(span_of(tag, one), span_of(each, other)) > MOSTLY
        ]  # fmt: skip
        if partners:
            left.remove(partners[0])
            same += (partners[0].direction == tag.direction) / 2 + (partners[0].scale == tag.scale) / 2
    return same / max(len(one.motion_tags), len(other.motion_tags), 1)


def stands_still(chain: Chain) -> float | None:
    """Share of motion tags that tell of no motion and no change of size; ``None`` without tags."""
    told = [(tag.direction == STATIONARY) / 2 + (tag.scale == "stable") / 2 for tag in chain.motion_tags]
    return float(np.mean(told)) if told else None


def shared_time(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float:
    """Overlap of two stretches of time over their union; 1 for the same instant, 0 where one is unknown."""
    if one is None or other is None:
        return 0.0
    whole = max(one[1], other[1]) - min(one[0], other[0])
    return 1.0 if whole == 0 else max(0.0, (min(one[1], other[1]) - max(one[0], other[0])) / whole)
