"""Holds a chain against tracks, and against itself.

Claims of place are compared with the tracks' boxes by intersection over union; motion tags with the words that the one
definition (`motionlaw.tools.motion_classes`) gives for the tracks between the same times. Leaving an object out costs:
`Verification.agreement` averages over the time of all tracks, claimed or not. What cannot be compared is ``None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from motionlaw.agent.mcot import Chain, MotionTag, Observation
from motionlaw.tools.motion_classes import MotionClasses, classify_motion
from motionlaw.tools.tracks import MS, between, box_at, motion_words
from motionlaw.tools.trajectory import Track

MAIN = ("direction", "speed", "scale")
SAME_BOX = 0.3  # least mean overlap by which an object of another name is taken for a track


@dataclass(frozen=True)
class ObservationCheck:
    """An observation, the track it was held against, and their overlap.

    Args:
        observation: The claim.
        track: Name of the track; ``None`` if there is none for this object.
        iou: Intersection over union at its time, 0 where the track is unseen; ``None`` without a track or a time.
    """

    observation: Observation
    track: str | None
    iou: float | None


@dataclass(frozen=True)
class TagCheck:
    """A motion tag, the words that it should have, and which of its words are right.

    Args:
        tag: The claim.
        track: Name of the track; ``None`` if there is none for this object.
        expected: The right words; ``None`` where they cannot be told (no track; no camera motion for frame="scene").
        right: For each claimed attribute whether it is right; empty where ``expected`` is ``None``.
    """

    tag: MotionTag
    track: str | None
    expected: MotionClasses | None
    right: dict[str, bool] = field(default_factory=dict)

    @property
    def share_right(self) -> float:
        """Share of direction, speed and scale that is right; 0 if there is nothing to hold it against."""
        return sum(self.right.get(each, False) for each in MAIN) / len(MAIN)


@dataclass(frozen=True)
class Verification:
    """What came of holding a chain against tracks.

    Args:
        observations: One check an observation.
        tags: One check a motion tag.
        agreement: Mean over the tracks and their time of the share of right words there; 0 where nothing is claimed.
        coverage: Share of that time in which something is claimed.
        left_out: Names of tracks about which the chain says nothing.
    """

    observations: tuple[ObservationCheck, ...]
    tags: tuple[TagCheck, ...]
    agreement: float
    coverage: float
    left_out: tuple[str, ...]

    @property
    def mean_iou(self) -> float | None:
        """Mean overlap of the observations that could be compared; one of an unknown object counts 0."""
        timed = [check for check in self.observations if check.observation.t is not None]
        return float(np.mean([check.iou or 0.0 for check in timed])) if timed else None


def box_iou(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Measures intersection over union of two boxes [x1, y1, x2, y2]; 0 if one is unknown.

    Example:
        >>> box_iou([0, 0, 2, 2], [1, 0, 3, 2])
        0.3333333333333333
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    shared = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if (shared <= 0).any():
        return 0.0
    area = float(np.prod(shared))
    return area / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - area)


def _plain(name: str) -> str:
    return name.casefold().removeprefix("the ").strip()


def match_names(chain: Chain, tracks: Sequence[Track]) -> dict[str, Track]:
    """Finds the track that each object of a chain is: by name, else by where it is said to be."""
    by_name = {_plain(track.name): track for track in tracks}
    names = dict.fromkeys([each.name for each in chain.observations] + [each.name for each in chain.motion_tags])
    matched = {name: by_name[_plain(name)] for name in names if _plain(name) in by_name}
    free = [track for track in tracks if track.tracker_id not in {each.tracker_id for each in matched.values()}]
    pairs = []
    for name in names:
        timed = [each for each in chain.observations if each.name == name and each.t is not None]
        if name in matched or not timed:
            continue
        pairs += [(np.mean([box_iou(each.box, box_at(track, each.t or 0.0)) for each in timed]), name, track)
                  for track in free]  # fmt: skip
    taken: set[int] = set()
    for overlap, name, track in sorted(pairs, key=lambda pair: -pair[0]):
        if overlap >= SAME_BOX and name not in matched and track.tracker_id not in taken:
            matched[name] = track
            taken.add(track.tracker_id)
    return matched


def span_of(tag: MotionTag, chain: Chain) -> tuple[float, float] | None:
    """Returns the times a tag speaks of: its own, else those of its object's observations; ``None`` without either."""
    times = [each.t for each in chain.observations if each.name == tag.name and each.t is not None]
    t_from = tag.t_from if tag.t_from is not None else min(times, default=None)
    t_to = tag.t_to if tag.t_to is not None else max(times, default=None)
    return None if t_from is None or t_to is None else (t_from, t_to)


def _judged(tag: MotionTag, expected: MotionClasses, attributes: Sequence[str]) -> dict[str, bool]:
    claimed = [each for each in attributes if getattr(tag, each) is not None]
    return {each: getattr(tag, each) == getattr(expected, each) for each in claimed}


def _check_tag(
    tag: MotionTag, span: tuple[float, float] | None, matched: dict[str, Track], still: Sequence[Track] | None
) -> TagCheck:
    track = matched.get(tag.name)
    if track is None:
        return TagCheck(tag, None, None)
    reference = matched.get(tag.reference) if tag.reference else None
    if tag.frame == "scene":
        here = next((each for each in still or () if each.tracker_id == track.tracker_id), None)
    else:
        here = track
    if here is None or (tag.frame == "object" and reference is None):
        return TagCheck(tag, track.name, None)
    if span is not None:
        here = between(here, *span)
        reference = reference and between(reference, *span)
    expected = motion_words(here, reference=reference)
    return TagCheck(tag, track.name, expected, _judged(tag, expected, (*MAIN, "shape", "phase")))


def verify_chain(chain: Chain, tracks: Sequence[Track], *, still: Sequence[Track] | None = None) -> Verification:
    """Holds every claim of a chain against tracks.

    Args:
        chain: The chain, boxes in the pixels of the tracks.
        tracks: What truly moves, smoothed if it comes from a tracker.
        still: The same tracks with the camera's motion taken out, for tags with frame="scene".

    Returns:
        The checks; `Verification.agreement` is the one number for all motion tags.
    """
    matched = match_names(chain, tracks)
    seen = []
    for each in chain.observations:
        track = matched.get(each.name)
        known = track is not None and each.t is not None
        overlap = box_iou(each.box, box_at(track, each.t)) if known else None  # type: ignore[arg-type]
        seen.append(ObservationCheck(each, track.name if track else None, overlap))
    # A name that only a reference has must be matched too.
    matched |= {tag.reference: track for tag in chain.motion_tags if tag.reference and tag.reference not in matched
                for track in tracks if _plain(track.name) == _plain(tag.reference)}  # fmt: skip
    spans = [span_of(tag, chain) for tag in chain.motion_tags]
    tags = tuple(_check_tag(tag, span, matched, still) for tag, span in zip(chain.motion_tags, spans, strict=True))
    agreements, coverages, left_out = [], [], []
    for track in tracks:
        mine = [(check, span) for check, span in zip(tags, spans, strict=True) if check.track == track.name]
        t = track.timestamps[np.all(np.isfinite(track.position), axis=1)]
        if not len(t):
            continue
        right, claimed = np.zeros(len(t)), np.zeros(len(t))
        for check, span in mine:
            here = np.ones(len(t), dtype=bool) if span is None else (t >= span[0] - MS) & (t <= span[1] + MS)
            right[here] += check.share_right
            claimed[here] += 1
        agreements.append(np.mean(right / np.maximum(claimed, 1)))
        coverages.append(np.mean(claimed > 0))
        if not mine and not any(check.track == track.name for check in seen):
            left_out.append(track.name)
    return Verification(
        tuple(seen),
        tags,
        float(np.mean(agreements)) if agreements else 0.0,
        float(np.mean(coverages)) if coverages else 0.0,
        tuple(left_out),
    )


def check_itself(chain: Chain) -> tuple[TagCheck, ...]:
    """Holds each motion tag against the chain's own boxes: direction, speed and scale.

    Args:
        chain: The chain.

    Returns:
        One check a tag. With fewer than two observations the right words are unknown; tags with frame="scene" cannot
        be told from boxes.
    """
    checks = []
    for tag in chain.motion_tags:
        span = span_of(tag, chain)
        places = _observed(chain, tag.name, span)
        expected: MotionClasses | None = None
        if tag.frame == "image":
            expected = _words_of(places)
        elif tag.frame == "object":
            reference = _observed(chain, tag.reference or "", span)
            shared = {t: box for t, box in places.items() if t in reference}
            expected = _words_of(shared, reference)
        checks.append(TagCheck(tag, tag.name, expected, _judged(tag, expected, MAIN) if expected else {}))
    return tuple(checks)


def _observed(chain: Chain, name: str, span: tuple[float, float] | None) -> dict[float, tuple[float, ...]]:
    """Returns an object's boxes by their times, in order."""
    timed = [
        (each.t, each.box)
        for each in chain.observations
        if _plain(each.name) == _plain(name) and each.t is not None
        and (span is None or span[0] - MS <= each.t <= span[1] + MS)
    ]  # fmt: skip
    return dict(sorted(timed))


def _words_of(
    places: dict[float, tuple[float, ...]], reference: dict[float, tuple[float, ...]] | None = None
) -> MotionClasses:
    boxes = np.array(list(places.values()), dtype=float).reshape(-1, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    if reference is not None:
        others = np.array([reference[t] for t in places], dtype=float).reshape(-1, 4)
        centres = centres - (others[:, :2] + others[:, 2:]) / 2
    return classify_motion(np.array(list(places)), boxes, centres=centres)
