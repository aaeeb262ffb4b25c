"""CPU seconds and memory of a process and all below it: where others use the machine, wall time says little."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import numpy as np

# Pause between two looks at the processes; what a process does in its last pause is not seen.
LOOK_S = 0.2


class Usage:
    """CPU seconds and memory of this process and of all below it, watched from a thread.

    Attributes:
        below_s: CPU seconds of the processes below, each as it was last seen.
        driver_mb: Resident memory of this process at every look.
        worker_mb: That of the largest process below.
    """

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], float] = {}
        self.driver_mb: list[float] = []
        self.worker_mb: list[float] = []
        self.watching_s = 0.0
        self.is_over = threading.Event()

    def __enter__(self) -> Usage:
        self.began_s, self.began = time.process_time(), time.perf_counter()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()
        self.driver_s = self.driver_so_far_s
        self.wall_s = time.perf_counter() - self.began

    def _watch(self) -> None:
        while not self.is_over.wait(LOOK_S):
            self._look()
            self.watching_s = time.thread_time()

    def _look(self) -> None:
        page_mb, tick = os.sysconf("SC_PAGE_SIZE") / 2**20, os.sysconf("SC_CLK_TCK")
        most = 0.0
        for pid in below(os.getpid()):
            with contextlib.suppress(OSError, IndexError):
                part = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.seen[pid, int(part[19])] = (int(part[11]) + int(part[12])) / tick
                most = max(most, int(part[21]) * page_mb)
        self.worker_mb.append(most)
        self.driver_mb.append(int(Path("/proc/self/statm").read_text().split()[1]) * page_mb)

    @property
    def below_s(self) -> float:
        return sum(self.seen.values())

    @property
    def driver_so_far_s(self) -> float:
        """CPU seconds of this process but for the watching."""
        return time.process_time() - self.began_s - self.watching_s


def by_fifths(seen: list[float]) -> str:
    """The most memory in each fifth of the time: it goes up where memory grows."""
    if len(seen) < 5:
        return "–"
    return " ".join(f"{np.max(part):.0f}" for part in np.array_split(np.array(seen), 5))


def below(pid: int) -> list[int]:
    """All processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, ring = [], {pid}
    while ring:
        ring = {child for child, parent in parents.items() if parent in ring}
        found += sorted(ring)
    return found
