"""Public benchmarks as cases, one file each: it reads the published files and knows the published truth.

An adapter has ``FOLDERS`` (where its data usually lie; none if they are made here), ``MARKER`` (a file pattern by which
its folder is known), ``CONDITIONS`` (what a bare run does), ``HEADLINE`` (scores of the table) and ``read_cases``.
Nothing here is seen by a solver.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionlaw.eval.tasks import Case, Condition
from motionlaw.tools.errors import UserError

BENCHMARKS = ("oscillators", "odebench", "strogatz", "llmsr", "empirical", "feynman", "physsymbol-laws")
DATA_VARIABLE = "MOTIONLAW_SHARED_DATA"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its cases and what a bare run does.

    Args:
        name: Its name on the command line.
        cases: Clean cases in their published order.
        conditions: Conditions of a bare run, for seed 0.
        headline: Scores of the table, most important first.
    """

    name: str
    cases: tuple[Case, ...]
    conditions: tuple[Condition, ...]
    headline: tuple[str, ...]


def load(name: str, data: str | Path | None = None) -> Benchmark:
    """Reads a benchmark.

    Args:
        name: One of `BENCHMARKS`.
        data: The benchmark's own folder or one that holds it; by default the folder that ``MOTIONLAW_SHARED_DATA``
            names, or ``../shared/data`` beside the checkout.

    Raises:
        UserError: There is no such benchmark, or no such data.
    """
    if name not in BENCHMARKS:
        raise UserError(f"No benchmark '{name}'. Benchmarks: {', '.join(BENCHMARKS)}.")
    adapter = importlib.import_module(f"motionlaw.eval.adapters.{name.replace('-laws', '')}")
    folders = find_folders(name, adapter.FOLDERS, adapter.MARKER, data) if adapter.FOLDERS else []
    read: Callable[[Sequence[Path]], list[Case]] = adapter.read_cases
    cases = read(folders)
    if not cases:
        raise UserError(f"No case of {name} in {', '.join(map(str, folders))}.")
    return Benchmark(name, tuple(cases), adapter.CONDITIONS, adapter.HEADLINE)


def find_folders(name: str, names: Sequence[str], marker: str, data: str | Path | None) -> list[Path]:
    """Folders with a benchmark's files: the one given, or those of its usual names inside it.

    Raises:
        UserError: Nothing there looks like the benchmark.
    """
    home = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    root = Path(data) if data is not None else Path(os.environ.get(DATA_VARIABLE, home))
    if not root.is_dir():
        raise UserError(f"No folder {str(root)!r} with the data of {name}. Give it with --data or {DATA_VARIABLE}.")
    if any(root.glob(marker)) and not any((root / each).is_dir() for each in names):
        return [root]
    found = [root / each for each in names if any((root / each).glob(marker))]
    if not found and data is not None:
        found = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and any(folder.glob(marker))][:1]
    if not found:
        usual = ", ".join(names)
        raise UserError(f"No {marker} of {name} in {str(root)!r} or in {usual} there. Give the folder with --data.")
    return found
