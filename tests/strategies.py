"""Strategies for property tests: the motions and scene changes under which answers must change as physics says."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

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
