"""Runs a benchmark: every case under every condition by every solver, logged as it goes, then a table.

    motionlaw eval oscillators --solvers search,sindy,operon

A case that crashes or hangs a solver is one failed row with its reason. Ctrl-C keeps what is done; ``--resume``
goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionlaw.eval.adapters import Benchmark, load
from motionlaw.eval.judge import NO_LAW, score_answer
from motionlaw.eval.log import Log, Row, key_of, read_log
from motionlaw.eval.solvers import Answer, check_solver, solve
from motionlaw.eval.summary import FEW_CASES, PICTURE, TABLE, by_case, draw, markdown, summarise
from motionlaw.eval.tasks import Case, Condition, corrupted
from motionlaw.tools.errors import UserError
from motionlaw.tools.limits import Outcome, call_all
from motionlaw.tools.printing import format_expr

# A solver is killed when it takes this many times its limit, and the scorers' time beyond.
PATIENCE, SCORING_S = 2.0, 120.0


@dataclass(frozen=True)
class EvalSettings:
    """What to run.

    Args:
        benchmark: Its name.
        data: Its folder, or one that holds it; ``None`` for the usual place.
        noise: Noise levels as shares; ``None`` for the benchmark's own conditions.
        noise_on: ``"target"`` or ``"position"``; ``None`` for the benchmark's own.
        fraction: Shares of the rows to keep.
        seeds: Number of seeds, from 0.
        solvers: Who looks for the law.
        time_limit: Seconds for each case.
        cases: Names of the cases to run; empty for all.
        workers: Cases at a time.
    """

    benchmark: str
    data: str | None = None
    noise: tuple[float, ...] | None = None
    noise_on: str | None = None
    fraction: tuple[float, ...] | None = None
    seeds: int = 1
    solvers: tuple[str, ...] = ("search",)
    time_limit: float = 10.0
    cases: tuple[str, ...] = ()
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("seeds", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not self.time_limit > 0:
            given = f"{self.time_limit:g}"
            raise UserError(f"time limit must be positive, got {given}. Give seconds, e.g. --time-limit 10.")
        if not self.solvers:
            raise UserError("solvers must name at least one, e.g. --solvers search,sindy.")
        for solver in self.solvers:
            check_solver(solver)

    def conditions(self, benchmark: Benchmark) -> list[Condition]:
        """All conditions of the run: those asked for, else the benchmark's own; each with every seed."""
        own = benchmark.conditions
        if self.noise is None and self.noise_on is None and self.fraction is None:
            plain = [(each.noise, each.noise_on, each.fraction) for each in own]
        else:
            levels = self.noise if self.noise is not None else tuple(dict.fromkeys(each.noise for each in own))
            place = self.noise_on or own[0].noise_on
            plain = [(noise, place, part) for noise in levels for part in self.fraction or (1.0,)]
        return [Condition(*each, seed=seed) for each in plain for seed in range(self.seeds)]


@dataclass(frozen=True)
class Job:
    """One piece of work: a clean case, a condition, a solver."""

    case: Case
    condition: Condition
    solver: str
    time_limit: float

    @property
    def key(self) -> Row:
        """What identifies it in a log."""
        return {
            "case": self.case.name, "solver": self.solver, "noise": self.condition.noise,
            "noise_on": self.condition.noise_on, "fraction": self.condition.fraction, "seed": self.condition.seed,
        }  # fmt: skip


def do_job(job: Job) -> tuple[Case, Answer, dict[str, Any], float, float]:
    """Corrupts, solves and scores; runs in a child process.

    Returns:
        The clean case that was scored, the answer, the scores, and the solver's CPU and wall seconds.
    """
    shown = corrupted(job.case, job.condition)
    clean = _judged(job)
    cpu, started = cpu_seconds(), time.perf_counter()
    answer = solve(shown, job.solver, time_limit=job.time_limit, seed=job.condition.seed)
    cpu, seconds = cpu_seconds() - cpu, time.perf_counter() - started
    return clean, answer, score_answer(clean, answer), cpu, seconds


def _judged(job: Job) -> Case:
    """The clean case an answer is judged by: that of the motion where the noise lies on positions."""
    return corrupted(job.case, Condition(0.0, job.condition.noise_on, 1.0, job.condition.seed))


def cpu_seconds() -> float:
    """CPU seconds of this process and its finished children."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the children's time is not to be had
        return time.process_time()
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def as_row(job: Job, outcome: Outcome) -> Row:
    """A log's row for a job, however it ended."""
    if outcome.status != "ok":
        clean = _judged(job)
        scores = score_answer(clean, NO_LAW)
        return job.key | {
            "status": "timeout" if outcome.status == "timeout" else "failed", "message": outcome.message,
            "law": {}, "truth": _texts(_truth(clean)),
            "scores": scores, "cpu_s": None, "seconds": None,
        }  # fmt: skip
    clean, answer, scores, cpu_s, seconds = outcome.value
    return job.key | {
        "status": "ok" if answer.law else "refused", "message": answer.message, "law": _texts(answer.law),
        "truth": _texts(_truth(clean)), "scores": scores, "cpu_s": round(cpu_s, 4), "seconds": round(seconds, 4),
    }  # fmt: skip


def _truth(case: Case) -> dict[str, Any]:
    truth = case.truth
    if isinstance(truth, dict):
        return dict(truth)
    return {} if truth is None else {case.target: truth}  # type: ignore[union-attr]


def _texts(law: Any) -> dict[str, str]:
    return {target: format_expr(expression, 6) for target, expression in law.items()}


def run_benchmark(settings: EvalSettings, folder: Path, *, command: str = "", resume: bool = False) -> Path:
    """Runs a benchmark and writes log, table and picture into a folder.

    Args:
        settings: What to run.
        folder: Where to write.
        command: The command to name below the table.
        resume: Go on with the run that lies there.

    Returns:
        The log's path.

    Raises:
        UserError: The data, the solvers or the folder cannot be used.
    """
    benchmark = load(settings.benchmark, settings.data)
    jobs = make_jobs(settings, benchmark)
    config = {
        "benchmark": settings.benchmark, "noise": settings.noise, "noise_on": settings.noise_on,
        "fraction": settings.fraction, "seeds": settings.seeds, "solvers": list(settings.solvers),
        "time_limit": settings.time_limit, "cases": len({job.case.name for job in jobs}),
    }  # fmt: skip
    header = {"command": command or f"motionlaw eval {settings.benchmark}", "config": _plain(config)}
    log = Log(folder, header, resume=resume)
    left = [job for job in jobs if key_of(job.key) not in log.done]
    calls = [(do_job, (job,)) for job in left]
    ended = call_all(calls, seconds=PATIENCE * settings.time_limit + SCORING_S, workers=settings.workers)
    try:
        for count, (index, outcome) in enumerate(ended, start=len(jobs) - len(left) + 1):
            row = as_row(left[index], outcome)
            log.add(row)
            _tell(f"[{count}/{len(jobs)}] {_line(row)}")
    finally:  # also after Ctrl-C: what is done is worth a table
        ended.close()
        log.close()
        write_tables(folder, log, benchmark.headline)
    return log.path


def make_jobs(settings: EvalSettings, benchmark: Benchmark) -> list[Job]:
    """All work of a run, condition by condition.

    Raises:
        UserError: A case is unknown, or cannot be run under a condition.
    """
    names = [case.name for case in benchmark.cases]
    unknown = [name for name in settings.cases if name not in names]
    if unknown:
        raise UserError(f"No case '{unknown[0]}' in {benchmark.name}. Cases: {', '.join(names[:60])}.")
    chosen = [case for case in benchmark.cases if not settings.cases or case.name in settings.cases]
    conditions = settings.conditions(benchmark)
    for condition in conditions:
        corrupted(chosen[0], condition)
    return [
        Job(case, condition, solver, settings.time_limit)
        for condition in conditions
        for case in chosen
        for solver in settings.solvers
    ]


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _line(row: Row) -> str:
    verdict = {True: "exact", False: "not exact", None: "no known law"}[row["scores"].get("exact")]
    verdict = verdict if row["law"] else f"no law: {row['message']}"
    seconds = "" if row["cpu_s"] is None else f", {row['cpu_s']:.2f} s"
    return f"{row['case']}, noise {100 * row['noise']:g} %, seed {row['seed']}, {row['solver']}: {verdict}{seconds}"


def write_tables(folder: Path, log: Log, headline: Sequence[str]) -> None:
    """Writes the Markdown table and, where matplotlib is installed, the picture."""
    from importlib.util import find_spec

    header, rows = read_log(log.path)
    groups = summarise(rows, header["config"]["solvers"])
    text = markdown(header, groups, headline)
    if header["config"]["cases"] <= FEW_CASES:
        text += "\n" + by_case(rows, header["config"]["solvers"])
    (folder / TABLE).write_text(text, encoding="utf-8")
    if find_spec("matplotlib") and groups:
        draw(groups, headline, folder / PICTURE)
