"""The one call for many recordings in Python: ``motionlaw.batch("runs/", out="laws.parquet")``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from motionlaw.tools.batch.across import read_laws
from motionlaw.tools.batch.run import BatchSettings, Progress, run_batch


def batch(
    paths: Sequence[str | Path] | str | Path,
    *,
    out: str | Path,
    settings: BatchSettings | None = None,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Finds the laws of many recordings.

    Args:
        paths: Files, folders, patterns, or parquet datasets, see `find_sources`; one or several.
        out: The table of laws to write, ending in ``.parquet``; shards of what is done lie beside it meanwhile.
        settings: How to search and read, and where the work is done.
        resume: Go on with a batch that was stopped.
        on_progress: Called whenever another recording is through.

    Returns:
        One row for each recording, in order; ``status`` says how it ended, ``discovery`` holds the JSON that
        `Law.from_json` reads.

    Raises:
        UserError: An input or the place to write cannot be used.
    """
    listed: list[Any] = [paths] if isinstance(paths, str | Path) else list(paths)
    return read_laws(run_batch(listed, out, settings=settings, resume=resume, on_progress=on_progress))
