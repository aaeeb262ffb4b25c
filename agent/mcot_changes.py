"""What becomes of a chain when its film is mirrored, played backwards, sped up or frozen.

A model that looks at the film must follow; one that guesses does not. Only claims are changed: prose and the answer
cannot be turned round by rule and are left out. Tracks change likewise in `motionlaw.tools.tracks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation, Prose, Step
from motionlaw.tools.errors import ToolError
from motionlaw.tools.motion_classes import DIRECTIONS, SPEEDS, STATIONARY, UNKNOWN, speed_word

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
