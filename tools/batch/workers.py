"""Many pieces of work side by side on one machine, in processes that are killed when a recording's time is over.

Work whose process somebody else ends, the system for want of memory among them, is tried again, and then given up with
the reason. A process does some dozens of recordings before another takes its place, so that what they leave in memory
is gone with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from motionlaw.tools.batch.tasks import Task
from motionlaw.tools.batch.work import Job, Row, do_task, failed
from motionlaw.tools.discover import GRACE_S
from motionlaw.tools.limits import Outcome, call_all

# Times that a piece of work is begun before it is given up, where its process is ended from outside.
TRIALS = 3
# Recordings that a process does: a new one costs as much as a tenth of a short search.
RECORDINGS_A_PROCESS = 64
# Seconds beyond the search's own limit, to read a recording (a video is tracked first) and to report.
READING_S = 120.0

Done = tuple[Task, Row, bool]
"""A task, its row, and whether that is final (not so where the work was ended from outside)."""


def seconds_of(job: Job) -> float:
    """Wall time that a recording gets before its process is killed."""
    return job.settings.time_limit + GRACE_S + READING_S


def row_of(outcome: Outcome) -> Row:
    """The row of a piece of work, however its process ended."""
    if outcome.status == "ok":
        return outcome.value
    if outcome.status == "killed":
        return failed(f"Its process was ended from outside {TRIALS} times, perhaps for want of memory.")
    return failed(outcome.message)


def work_locally(
    tasks: Iterable[Task], job: Job, *, workers: int, work: Callable[[Job, Task], Row] = do_task
) -> Generator[Done, None, None]:
    """Does tasks side by side.

    Args:
        tasks: What to do; the next is taken when there is room for it.
        job: How.
        workers: Processes at a time.
        work: Does one task.

    Yields:
        Tasks as they are done. Closing the generator ends the processes.
    """
    queue = _Queue(tasks)
    while True:
        calls = ((work, (job, task)) for task in queue)
        ended = call_all(calls, seconds=seconds_of(job), workers=workers, calls_a_child=RECORDINGS_A_PROCESS)
        try:
            for index, outcome in ended:
                task, trial = queue.given.pop(index)
                if outcome.status == "killed" and trial < TRIALS:
                    queue.again.append((task, trial + 1))
                    continue
                yield task, row_of(outcome), outcome.status != "killed"
        finally:
            ended.close()
        if not queue.again:  # else what was ended from outside after all others had been begun
            return


class _Queue:
    """Hands out tasks, those to be tried again first, and remembers which call got which."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = iter(tasks)
        self.again: deque[tuple[Task, int]] = deque()
        self.given: dict[int, tuple[Task, int]] = {}

    def __iter__(self) -> Iterator[Task]:
        count = 0
        while True:
            task, trial = self.again.popleft() if self.again else (next(self.tasks, None), 1)
            if task is None:
                return
            self.given[count] = (task, trial)
            count += 1
            yield task
