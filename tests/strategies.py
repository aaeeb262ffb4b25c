"""Strategies for property tests: the motions and scene changes under which answers must change as physics says."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from motionlaw.agent.mcot import FRAMES, WORDS, Chain, Measured, MotionTag, Observation, Prose
from motionlaw.tools.trajectory import Track, Trajectory


@st.composite
def times(draw: st.DrawFn) -> np.ndarray:
    """Strictly increasing times with uneven steps, seconds."""
    steps = draw(st.lists(st.floats(min_value=1e-3, max_value=0.5), min_size=8, max_size=60))
    return np.cumsum(steps)


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    """Trajectories with one to three coordinates, gaps included."""
    t = draw(times())
    dimensions = draw(st.integers(min_value=1, max_value=3))
    seed = draw(st.integers(min_value=0, max_value=2**16))
    position = np.random.default_rng(seed).normal(size=(len(t), dimensions))
    position[draw(st.integers(min_value=0, max_value=len(t) - 1))] = np.nan
    names = ("x", "y", "z")[:dimensions]
    return Trajectory(name="run", t=t, coordinates=names, position=position, units=("m",) * dimensions)


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    """Tracks in pixels with one unseen frame."""
    t = draw(times())
    seed = draw(st.integers(min_value=0, max_value=2**16))
    rng = np.random.default_rng(seed)
    position = rng.uniform(0, 640, size=(len(t), 2))
    confidence = rng.uniform(0.1, 1, size=len(t))
    unseen = draw(st.integers(min_value=0, max_value=len(t) - 1))
    position[unseen], confidence[unseen] = np.nan, 0.0
    xyxy = np.concatenate([position - 5, position + 5], axis=1)
    return Track(0, "object 1", np.arange(len(t)), t, position, confidence, xyxy)


# Names and prose with everything that a writer must escape.
_words = st.text(st.sampled_from("abç <>&\"'=/[]0.9s\n"), max_size=20)
_names = _words.filter(lambda text: text.strip() != "")
_seconds = st.floats(min_value=0.0, max_value=1e4)
_edges = st.floats(min_value=-1e4, max_value=1e4)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Observations with any name, box and time."""
    x, y = draw(_edges), draw(_edges)
    width, height = draw(st.floats(min_value=0.1, max_value=500)), draw(st.floats(min_value=0.1, max_value=500))
    return Observation(draw(_names), (x, y, x + width, y + height), draw(st.none() | _seconds))


@st.composite
def motion_tags(draw: st.DrawFn) -> MotionTag:
    """Motion tags with any of their attributes."""
    frame = draw(st.sampled_from(FRAMES))
    value = draw(st.floats(min_value=0.0, max_value=1e3))
    number = Measured(value, value - draw(_seconds), value + draw(_seconds), draw(st.sampled_from(["px/s", "m/s"])))
    return MotionTag(
        draw(_names),
        *(draw(st.sampled_from(WORDS[each])) for each in ("direction", "speed", "scale")),
        t_from=draw(st.none() | _seconds),
        t_to=draw(st.none() | _seconds),
        frame=frame,
        reference=" ".join(draw(_names).split()) if frame == "object" else None,
        shape=draw(st.none() | st.sampled_from(WORDS["shape"])),
        phase=draw(st.none() | st.sampled_from(WORDS["phase"])),
        measured=draw(st.none() | st.just(number)),
    )


def chains() -> st.SearchStrategy[Chain]:
    """Chains of prose, observations and motion tags in any order, with or without an answer."""
    steps = st.lists(st.builds(Prose, _words) | observations() | motion_tags(), max_size=8)
    return st.builds(Chain, steps.map(tuple), st.none() | _words)
