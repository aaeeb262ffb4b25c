"""The verb ``motionlaw eval``: from the words of the command line to a run, and its table on stdout.

    motionlaw eval oscillators --noise 0,0.01 --solvers search,sindy
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

from motionlaw.eval.log import FILE, read_log, without_infinities
from motionlaw.eval.run import EvalSettings, run_benchmark
from motionlaw.eval.summary import TABLE, summarise
from motionlaw.tools.errors import UserError

HOME = "motionlaw-eval"


def eval_command(
    benchmark: str,
    *,
    data: str | None,
    noise: str | None,
    noise_on: str | None,
    fraction: str | None,
    seeds: int,
    solvers: str,
    time_limit: float,
    cases: str | None,
    workers: int,
    out: str | None,
    resume: bool,
    as_json: bool,
) -> int:
    """Runs a benchmark, prints its table, and says where everything is.

    Returns:
        0 done, 1 where no case was answered with a law.

    Raises:
        UserError: An option, the data or the folder cannot be used.
    """
    settings = EvalSettings(
        benchmark,
        data=data,
        noise=_numbers("noise", noise),
        noise_on=noise_on,
        fraction=_numbers("fraction", fraction),
        seeds=seeds,
        solvers=_words(solvers),
        time_limit=time_limit,
        cases=_words(cases or ""),
        workers=workers,
    )
    folder = Path(out) if out else default_folder(benchmark, resume=resume)
    command = " ".join(["motionlaw eval", benchmark, *_shown(settings)])
    path = run_benchmark(settings, folder, command=command, resume=resume)
    header, rows = read_log(path)
    groups = summarise(rows, settings.solvers)
    if as_json:
        shown = {name: header[name] for name in ("schema", "command", "config", "version", "commit")}
        results = without_infinities([group.to_dict() for group in groups])
        print(json.dumps(shown | {"log": str(path), "results": results}))
    else:
        print((folder / TABLE).read_text(encoding="utf-8"), end="")
    print(f"Log, table and picture: {folder}", file=sys.stderr)
    return 0 if any(row["law"] for row in rows) else 1


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(name: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(word) for word in _words(text))
    except ValueError:
        numbers = ()
    if not numbers:
        raise UserError(f"{name} must be numbers with commas, got {text!r}. For example --{name} 0,0.05 is 0 and 5 %.")
    return numbers


def _shown(settings: EvalSettings) -> list[str]:
    """The options that differ from the defaults, without folders, so that a table says how to make it again."""
    plain = EvalSettings(settings.benchmark)
    words = []
    for name in ("noise", "noise_on", "fraction", "seeds", "solvers", "time_limit", "cases"):
        value = getattr(settings, name)
        if value != getattr(plain, name):
            each = value if isinstance(value, tuple) else (value,)
            text = ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in each)
            words.append(f"--{name.replace('_', '-')} {text}")
    return words


def default_folder(benchmark: str, *, resume: bool) -> Path:
    """A new folder named by the time, or the newest one where a run is to go on.

    Raises:
        UserError: There is no run to go on with.
    """
    if not resume:
        return Path(HOME) / f"{benchmark}-{datetime.now():%Y%m%d-%H%M%S}"
    runs = sorted(Path(HOME).glob(f"{benchmark}-*/{FILE}"))
    if not runs:
        raise UserError(f"No run of {benchmark} in {HOME} to resume. Give its folder with --out.")
    return runs[-1].parent
