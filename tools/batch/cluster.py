"""The same work on a Ray cluster, or on Ray processes of this machine: Ray schedules, restarts and moves the data.

A task travels as its path, or, out of a dataset, as its own rows (some kilobytes), never as the dataset. No more tasks
are handed in than keep the cluster busy. A worker or a machine that is lost costs its tasks a new trial. Files are
opened where the work is done, so all machines must see them under the same path.

Source: Ray, Moritz et al. 2018, arXiv 1712.05889.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from motionlaw.tools.batch.tasks import Task
from motionlaw.tools.batch.work import Job, Row, do_task, failed
from motionlaw.tools.batch.workers import RECORDINGS_A_PROCESS, TRIALS, Done, row_of, seconds_of
from motionlaw.tools.errors import UserError, missing_extra
from motionlaw.tools.limits import Outcome, call_all

# Tasks handed in for every processor: one at work, the others on their way.
AHEAD = 4


def work_on_ray(
    tasks: Iterable[Task],
    job: Job,
    *,
    workers: int,
    address: str | None = None,
    work: Callable[[Job, Task], Row] = do_task,
) -> Generator[Done, None, None]:
    """Does tasks on Ray.

    Args:
        tasks: What to do; the next are taken when the cluster has room for them.
        job: How.
        workers: Processes, where no address is given.
        address: A running cluster, e.g. ``"ray://head:10001"`` or ``"auto"``; one on this machine if ``None``.
        work: Does one task.

    Yields:
        Tasks as they are done.

    Raises:
        UserError: Ray is not installed, or the cluster does not answer.
    """
    ray = _connected(workers, address)
    one = ray.remote(num_cpus=1, max_retries=TRIALS - 1, retry_exceptions=[_Killed])(_do_limited)
    try:
        shared, waiting = ray.put(job), iter(tasks)
        running: dict[Any, Task] = {}
        while True:
            room = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))) - len(running)
            for task in islice(waiting, max(room, 0)):
                running[one.remote(work, shared, task)] = task
            if not running:
                return
            ready, _ = ray.wait(list(running), num_returns=1, timeout=1.0)
            for reference in ready:
                yield _collected(ray, reference, running.pop(reference))
    finally:
        ray.shutdown()


class _Killed(Exception):
    """The child that did the work was ended from outside; Ray tries again."""


def _do_limited(work: Callable[[Job, Task], Row], job: Job, task: Task) -> Row:
    """The work of one task in a Ray worker, in a child of it that can be killed."""
    calls, ended = _line(seconds_of(job))
    calls.append((work, (job, task)))
    _, outcome = next(ended)
    if outcome.status == "killed":
        raise _Killed(outcome.message)
    return row_of(outcome)


@lru_cache(maxsize=1)
def _line(seconds: float) -> tuple[deque[Any], Iterator[tuple[int, Outcome]]]:
    """Where a Ray worker puts its calls, and where they come out: its child stays from one to the next."""
    calls: deque[Any] = deque()
    return calls, call_all(iter(calls.popleft, None), seconds=seconds, calls_a_child=RECORDINGS_A_PROCESS)


def _collected(ray: Any, reference: Any, task: Task) -> Done:
    try:
        return task, ray.get(reference), True
    except _Killed:
        return task, row_of(Outcome("killed")), False
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        return task, failed(f"Its Ray worker was lost {TRIALS} times ({type(error).__name__})."), False


def _connected(workers: int, address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise missing_extra("Working on a cluster", "Ray", "ray") from error
    # "local": else Ray joins whatever cluster of somebody else it finds on this machine.
    own = {"address": "local", "num_cpus": workers, "include_dashboard": False}
    options: dict[str, Any] = {"address": address} if address else own
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, ignore_reinit_error=True, **options)
    except Exception as error:  # Ray raises no less where its processes do not come up in time
        ray.shutdown()
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        if address is None:
            raise UserError(f"Ray did not start here ({reason}). Try again on a less busy machine.") from None
        raise UserError(f"No Ray cluster answers at {address} ({reason}). Start one, or leave --address out.") from None
    return ray
