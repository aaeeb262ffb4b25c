"""The verb ``motionlaw batch``: from the words of the command line to a table of laws, a page, and a summary.

motionlaw batch runs/ --out laws.parquet --metadata masses.csv --report laws.html
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from motionlaw.tools.batch.across import AcrossLaw, laws_across, read_laws, read_metadata
from motionlaw.tools.batch.run import BatchSettings, Progress, run_batch
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.hypotheses import Proposals
from motionlaw.tools.inputs import Inputs

# Seconds between two lines of progress where stderr is no terminal; between two changes of the line where it is.
SECONDS_A_LINE, SECONDS_A_CHANGE = 30.0, 0.2


def batch_command(
    paths: Sequence[str],
    *,
    out: str,
    workers: int | None,
    engine: str,
    address: str | None,
    resume: bool,
    metadata: str | None,
    metadata_columns: str | None,
    report: str | None,
    search: dict[str, Any],
    reading: dict[str, Any],
    propose: Callable[[Inputs], Proposals] | None,
    model: str,
    as_json: bool,
) -> int:
    """Seeks the law of every recording, then laws across them, and prints what was found.

    Returns:
        0 where at least one law was found, 1 where none was.

    Raises:
        UserError: An input, an option or the place to write cannot be used.
    """
    settings = BatchSettings(
        search=DiscoverySettings(**search),
        reading=reading,
        workers=workers,
        engine=engine,
        address=address,
        propose=propose,
        model=model,
    )
    with _shown() as tell:
        path = run_batch(
            paths, out, settings=settings, resume=resume, leave_out=[metadata] if metadata else [], on_progress=tell
        )
    laws = read_laws(path)
    columns = [name.strip() for name in metadata_columns.split(",")] if metadata_columns else None
    known = read_metadata(laws, metadata, columns)
    if len(known.columns):
        print(f"Seeking laws across runs in {', '.join(known.columns)} ...", file=sys.stderr)
    across = laws_across(laws, known, seed=settings.search.seed)
    if report is not None:
        from motionlaw.tools.batch.page import write_batch_page

        command = shlex.join(["motionlaw", *sys.argv[1:]])
        write_batch_page(report, laws, metadata=known, across=across, command=command)
        print(f"Report: {report}", file=sys.stderr)
    print(json.dumps(_as_json(laws, across, str(path))) if as_json else _as_text(laws, across))
    print(f"Table of laws: {path}", file=sys.stderr)
    return 0 if laws["status"].isin(("ok", "weak")).any() else 1


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """One line on stderr that changes in place, or a line now and then where stderr is no terminal."""
    last = [0.0]
    pause = SECONDS_A_CHANGE if sys.stderr.isatty() else SECONDS_A_LINE

    def tell(progress: Progress) -> None:
        if progress.seconds - last[0] < pause and progress.done < progress.total:
            return
        last[0] = progress.seconds
        start, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
        print(f"{start}{progress_line(progress)}", end=end, file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if sys.stderr.isatty() and last[0]:
            print(file=sys.stderr)


def progress_line(progress: Progress) -> str:
    """Says how far a batch has come.

    Example:
        >>> progress_line(Progress(100, {"ok": 40, "refused": 9, "failed": 1}, 25.0))
        '50/100 done: 40 found, 9 refused, 1 failed; 2.00 a second, 25 s left'
    """
    counts = progress.counts
    parts = [f"{counts.get('ok', 0) + counts.get('weak', 0)} found", f"{counts.get('refused', 0)} refused"]
    parts.append(f"{counts.get('failed', 0)} failed")
    parts += [
        f"{counts[name]} {text}" for name, text in (("before", "done before"), ("same", "equal")) if name in counts
    ]
    left = (
        ""
        if progress.seconds_left is None
        else f"; {progress.rate_per_s:.2f} a second, {_time(progress.seconds_left)} left"
    )
    return f"{progress.done}/{progress.total} done: {', '.join(parts)}{left}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _as_text(laws: pd.DataFrame, across: Sequence[AcrossLaw]) -> str:
    counts = laws["status"].value_counts()
    lines = [f"{len(laws)} recordings: " + ", ".join(f"{count} {status}" for status, count in counts.items())]
    groups = laws.loc[laws["structure"] != "", "structure"].value_counts()
    if len(groups):
        lines += ["", "laws by structure", *(f"  {count:>6}  {name}" for name, count in groups.head(10).items())]
    told = [one for one in across if one.found.law]
    if told:
        lines += ["", "laws across runs"]
        lines += [f"  {one.constant.name} = {law}  ({len(one.constant.runs)} runs, {one.found.status})"
                  for one in told for law in one.found.law.values()]  # fmt: skip
    reasons = laws.loc[laws["status"].isin(("refused", "failed")), "reason"].value_counts()
    if len(reasons):
        lines += ["", "without a law", *(f"  {count:>6}  {reason}" for reason, count in reasons.head(10).items())]
    return "\n".join(lines)


def _as_json(laws: pd.DataFrame, across: Sequence[AcrossLaw], path: str) -> dict[str, Any]:
    groups = laws.loc[laws["structure"] != "", "structure"].value_counts()
    return {
        "schema": 1,
        "table": path,
        "recordings": len(laws),
        "status": {str(name): int(count) for name, count in laws["status"].value_counts().items()},
        "structures": [{"structure": str(name), "runs": int(count)} for name, count in groups.items()],
        "across": [
            {
                "constant": one.constant.name, "unit": one.constant.unit, "runs": len(one.constant.runs),
                "status": one.found.status, "reason": one.found.reason, "law": one.found.law,
                "outliers": [str(laws["name"].iloc[run]) for run in one.outliers],
            }
            for one in across
        ],
    }  # fmt: skip
