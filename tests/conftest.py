"""Fixtures for all tests: where real data lie, and one thread a process."""

import os
from pathlib import Path

# Two threads on busy cores make every numeric test slower, and its time unpredictable.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("MOTIONLAW_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real recordings here: set MOTIONLAW_SHARED_DATA to their folder")
    return folder


@pytest.fixture
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    """A random generator that gives the same numbers in every run."""
    return np.random.default_rng(0)
