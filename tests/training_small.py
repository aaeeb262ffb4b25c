"""What tests of training share: whether torch is here, small data sets, a model to start from."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
from pathlib import Path

import pytest

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
missing = [package for package in NEEDED if importlib.util.find_spec(package) is None]
needs_train = pytest.mark.skipif(bool(missing), reason=f"the extra [train] is not installed: no {', '.join(missing)}")


def build_laws(folder: Path, count: int) -> Path:
    """Builds a few oscillators."""
    from motionlaw.data_builders.build import BuildSettings, build

    build(BuildSettings("physsymbol", count, 0), folder)
    return folder


def train(stage: str, *words: str) -> dict:
    """Runs a stage as the command does, and returns what it prints."""
    from motionlaw.training.command import train_command

    os.environ["HF_HUB_OFFLINE"] = "1"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert train_command(stage, words) == 0
    return json.loads(out.getvalue().strip().splitlines()[-1])
