"""Instruments: the one list of tools that a model, an MCP client and the planner use.

Each works on files that the session names (`motionlaw.tools.workspace`), keeps its result by handle so that calls can
build on each other, is bounded in size and time, and answers with units and standard errors.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

from motionlaw.tools.instruments.laws import (
    discover_law,
    forecast,
    phase_portrait,
    regress_residual,
    simulate,
)
from motionlaw.tools.instruments.measuring import (
    acceleration,
    angle,
    count,
    distance,
    events,
    period,
    size,
    speed,
)
from motionlaw.tools.instruments.seeing import camera_motion, frames, read_table, track
from motionlaw.tools.registry import Output, Tool, make_tool
from motionlaw.tools.workspace import Workspace

__all__ = ["instruments"]

LIMIT_S = 60.0
"""Seconds for one call, where the table below does not say otherwise."""

INSTRUMENTS: dict[Callable[..., Output], float] = {
    track: 300.0,
    read_table: LIMIT_S,
    frames: LIMIT_S,
    camera_motion: 120.0,
    speed: LIMIT_S,
    acceleration: LIMIT_S,
    angle: LIMIT_S,
    distance: LIMIT_S,
    size: LIMIT_S,
    period: LIMIT_S,
    count: LIMIT_S,
    events: LIMIT_S,
    phase_portrait: LIMIT_S,
    discover_law: 90.0,
    regress_residual: LIMIT_S,
    simulate: LIMIT_S,
    forecast: LIMIT_S,
}


def instruments(workspace: Workspace) -> tuple[Tool, ...]:
    """Returns all instruments, working on the files and results of one session.

    Args:
        workspace: The session's files and results.

    Example:
        >>> [tool.name for tool in instruments(Workspace())][:4]
        ['track', 'read_table', 'frames', 'camera_motion']
    """
    # Where a session has threads, calls start from a server that has loaded this once.
    multiprocessing.set_forkserver_preload(["motionlaw.tools.instruments"])
    return tuple(make_tool(function, session=workspace, limit_s=limit) for function, limit in INSTRUMENTS.items())
