"""Rewards of a motion chain, as TRL calls them: the answer, times, places, tags against tracks, coverage, agreement.

What a chain earns is measured by `motionlaw.agent.mcot_checks` on the row's tracks and stands in proportion to what the
reference chain earns there, so that the reference has 1; rows in which the reference itself earns next to nothing give
``None``. Leaving an object out costs: all tracks that the reference tells of count.

Source: Motion-o (arXiv 2603.18856) for the parts; its trajectory reward was 0 on its own rows and its boxes never
counted, hence the explicit inputs, the recomputed tags and the proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag
from motionlaw.agent.mcot_changes import shared_time, tell_the_same, undone
from motionlaw.agent.mcot_checks import box_iou, check_itself, match_names, span_of, verify_chain
from motionlaw.agent.mcot_reader import read_chain
from motionlaw.eval.answers import is_right
from motionlaw.tools.tracks import box_at
from motionlaw.tools.trajectory import Track
from motionlaw.training.rewards import MOST_CHARACTERS, Completion, Rewards, has_one_answer, text_of

# A reference that earns less cannot measure anything.
LEAST_REFERENCE = 0.1
LETTERS = "ABCD"
UNCHANGED, MIRRORED, REVERSED = "", "mirrored", "reversed"
RowTracks = Sequence[dict[str, Any]]


@lru_cache(maxsize=4096)
def _chain(text: str) -> Chain:
    if len(text) > MOST_CHARACTERS:
        return Chain()
    chain = read_chain(text).chain
    return chain if has_one_answer(text) else replace(chain, answer=None)


def _said(completion: Completion) -> Chain:
    return _chain(text_of(completion))


def tracks_of(tracks: RowTracks, timestamps: Sequence[float], chain: Chain) -> list[Track]:
    """The tracks of a row that its reference chain tells of, see `all_tracks`."""
    named = {tag.name for tag in chain.motion_tags} | {each.name for each in chain.observations}
    return [track for track in all_tracks(tracks, timestamps) if track.name in named]


def all_tracks(tracks: RowTracks, timestamps: Sequence[float]) -> list[Track]:
    """The tracks of a row.

    Args:
        tracks: As the column ``tracks`` has them: name, position and xyxy, ``None`` where unseen.
        timestamps: Seconds, one a frame.
    """
    t = np.asarray(timestamps, dtype=float)
    made = []
    for number, each in enumerate(tracks):
        position = _filled(each["position"], 2)
        seen = np.isfinite(position).all(axis=1).astype(float)
        made.append(Track(number, each["name"], np.arange(len(t)), t, position, seen, _filled(each["xyxy"], 4)))
    return made


def _filled(rows: Sequence[Any], width: int) -> np.ndarray:
    unseen = [np.nan] * width
    return np.array([unseen if row is None else row for row in rows], dtype=float).reshape(-1, width)


def _in_proportion(
    measure: Callable[[Chain, list[Track]], float],
    completions: Sequence[Completion],
    chain: Sequence[str | None],
    tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]],
) -> Rewards:
    """What each chain earns over what its reference earns, at most 1."""
    rewards: Rewards = []
    for completion, reference, row, t in zip(completions, chain, tracks, timestamps, strict=True):
        if not reference:
            rewards.append(None)
            continue
        true = _chain(reference)
        here = tracks_of(row, t, true)
        most = measure(true, here)
        rewards.append(None if most < LEAST_REFERENCE else min(1.0, measure(_said(completion), here) / most))
    return rewards


def chain_format_reward(completions: Sequence[Completion], **_: Any) -> Rewards:
    """A half for exactly one answer, all where there are a claim of place and one of motion, and nothing is wrong.

    Example:
        >>> good = '<think><obj>cup</obj><box>[0,0,4,3]</box>at<t>0</t>s <motion obj="cup" dir="E" speed="slow" '
        >>> good += 'scale="stable"/></think><answer>A</answer>'
        >>> chain_format_reward([good, "<answer>A</answer>", good + "<answer>B</answer>"])
        [1.0, 0.5, 0.0]
    """
    return [_form(text_of(completion)) for completion in completions]


def _form(text: str) -> float:
    if len(text) > MOST_CHARACTERS or not has_one_answer(text):
        return 0.0
    reading = read_chain(text)
    if not reading.chain.answer:
        return 0.0
    has_claims = bool(reading.chain.observations and reading.chain.motion_tags)
    return 1.0 if has_claims and not reading.problems else 0.5


def answer_reward(
    completions: Sequence[Completion], answer: Sequence[str | None], options: Sequence[Sequence[str]], **_: Any
) -> Rewards:
    """Whether the answer is right (`motionlaw.eval.answers`); of options the letter or the words, not both of two."""
    rewards: Rewards = []
    for completion, truth, choices in zip(completions, answer, options, strict=True):
        said = _said(completion).answer or ""
        if truth is None:
            rewards.append(None)
        elif not choices:
            rewards.append(float(is_right(said, truth)))
        else:
            place = LETTERS.index(truth)
            rivals = [choice for k, choice in enumerate(choices) if k != place]
            is_letter = said.strip(" .)(").upper() == truth
            rewards.append(float(is_letter or is_right(said, choices[place], rivals=rivals)))
    return rewards


def temporal_iou_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], **_: Any,
) -> Rewards:  # fmt: skip
    """Overlap in time of the motion tags with the reference's, object by object; tags beyond its number cost."""
    rewards: Rewards = []
    for completion, reference, row, t in zip(completions, chain, tracks, timestamps, strict=True):
        if not reference:
            rewards.append(None)
            continue
        true, said = _chain(reference), _said(completion)
        names = match_names(said, tracks_of(row, t, true))
        wanted = [(tag.name, span_of(tag, true)) for tag in true.motion_tags if tag.frame == "image"]
        claimed = [
            (names[tag.name].name, span_of(tag, said))
            for tag in said.motion_tags
            if tag.name in names and tag.frame == "image"
        ]
        count = sum(tag.frame == "image" for tag in said.motion_tags)
        rewards.append(_matched(wanted, claimed, count) if wanted else None)
    return rewards


Span = tuple[str, tuple[float, float] | None]


def _matched(wanted: Sequence[Span], claimed: Sequence[Span], count: int) -> float:
    """Sum of the overlaps of the best pairs, each span in one, over the larger of the two numbers of spans."""
    overlaps = sorted(
        ((_overlap(one, other), i, j) for i, one in enumerate(wanted) for j, other in enumerate(claimed)), reverse=True
    )
    rows: set[int] = set()
    columns: set[int] = set()
    total = 0.0
    for share, i, j in overlaps:
        if i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
            total += share
    return total / max(len(wanted), count, 1)


def _overlap(one: Span, other: Span) -> float:
    return shared_time(one[1], other[1]) if one[0] == other[0] else 0.0


def spatial_iou_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], **_: Any,
) -> Rewards:  # fmt: skip
    """Overlap of the claimed boxes with the tracks at their times, averaged over objects; one left out counts 0."""
    return _in_proportion(_places, completions, chain, tracks, timestamps)


def _places(chain: Chain, tracks: list[Track]) -> float:
    matched = match_names(chain, tracks)
    means = []
    for track in tracks:
        # A box said twice at one time counts once, and the worse of the two.
        worst: dict[float, float] = {}
        for each in chain.observations:
            if each.t is not None and matched.get(each.name) is track:
                overlap = box_iou(each.box, box_at(track, each.t))
                worst[each.t] = min(worst.get(each.t, 1.0), overlap)
        means.append(float(np.mean(list(worst.values()))) if worst else 0.0)
    return float(np.mean(means)) if means else 0.0


def trajectory_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], **_: Any,
) -> Rewards:  # fmt: skip
    """Share of right direction, speed and scale over the time of all tracks, against words measured on the tracks."""
    return _in_proportion(lambda said, here: verify_chain(said, here).agreement, completions, chain, tracks, timestamps)


def coverage_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], **_: Any,
) -> Rewards:  # fmt: skip
    """Share of the time of all tracks in which something is claimed of them; "unknown" is no claim."""

    def covered(said: Chain, here: list[Track]) -> float:
        claims = tuple(s for s in said.steps if not (isinstance(s, MotionTag) and s.direction == "unknown"))
        return verify_chain(Chain(claims), here).coverage

    return _in_proportion(covered, completions, chain, tracks, timestamps)


def self_consistency_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], **_: Any,
) -> Rewards:  # fmt: skip
    """Share of right words against the chain's own boxes; a tag without two boxes of its object earns nothing."""
    return _in_proportion(_agreed, completions, chain, tracks, timestamps)


def _agreed(chain: Chain, _: list[Track]) -> float:
    checks = [check for check in check_itself(chain) if check.expected is not None]
    sure = [check.share_right if check.expected.direction != "unknown" else 0.0 for check in checks if check.expected]
    return float(np.mean(sure)) if sure else 0.0


def equivariance_reward(
    completions: Sequence[Completion], chain: Sequence[str | None], tracks: Sequence[RowTracks],
    timestamps: Sequence[Sequence[float]], width: Sequence[int], group: Sequence[str], change: Sequence[str], **_: Any,
) -> Rewards:  # fmt: skip
    """Whether what is said of a film follows when it is mirrored or reversed, times how right it is.

    The completions of one batch that have the same ``group`` and another ``change`` are changed in the same way and
    compared; ``None`` where there are none. Saying "STAT" of everything follows every change, and earns what is right.
    """
    plain = [
        undone(_said(completion), how, float(w), t, 1.0)
        for completion, how, w, t in zip(completions, change, width, timestamps, strict=True)
    ]
    right = trajectory_reward(completions, chain, tracks, timestamps)
    rewards: Rewards = []
    for k, truth in enumerate(right):
        others = [plain[j] for j in range(len(plain)) if group[j] and group[j] == group[k] and change[j] != change[k]]
        if truth is None or not others:
            rewards.append(None)
        else:
            rewards.append(truth * float(np.mean([tell_the_same(plain[k], other) for other in others])))
    return rewards


MOTION_REWARDS = (
    chain_format_reward, answer_reward, temporal_iou_reward, spatial_iou_reward, trajectory_reward, coverage_reward,
    self_consistency_reward, equivariance_reward,
)  # fmt: skip
