"""Tools: functions that a model, an MCP client or the planner may call by name, and the one way of calling them.

Every call gets a `ToolResult`, whatever happens: an unknown name, wrong arguments, an instrument that cannot do what
it was asked, or one that does not answer in time and is killed. Anything else an instrument raises is a bug and
keeps its traceback. The one list of instruments is `instruments`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from motionlaw.tools.errors import ToolError, UserError
from motionlaw.tools.killable import Keep, Tell, run_killable
from motionlaw.tools.schema import checked, clipped, describe, did_you_mean, strict

# Where many people are served, no more instruments run at a time than there are processors; others wait.
_AT_WORK = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))


@dataclass(frozen=True)
class Output:
    """What a tool gives back.

    Args:
        text: For the model: the result in words, with errors and units.
        data: For machines: plain numbers, strings, lists and dictionaries.
        images: Pictures, each shape (H, W, 3), uint8 RGB.
        kept: Values that later calls may name, by handle, e.g. ``{"track 1": ...}``.
    """

    text: str
    data: dict[str, Any] = field(default_factory=dict)
    images: tuple[np.ndarray, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolResult:
    """What came of one call: text for the model, data for machines, pictures, whether it went well, and seconds."""

    text: str
    data: dict[str, Any]
    images: tuple[np.ndarray, ...]
    ok: bool
    seconds: float


@dataclass(frozen=True)
class Tool:
    """A function that can be called by name.

    Args:
        name: Its name.
        description: What it does, for whoever chooses among tools.
        parameters: JSON schema of its arguments.
        function: Takes the arguments by name; returns text, or an `Output`.
        session: What the function gets before its arguments: where results are kept by handle; ``None`` for none.
        limit_s: Seconds after which it is killed; ``None`` for a function that needs no watch. A function with a
            limit runs in a process of its own and must be picklable, as its session must.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    function: Callable[..., Output | str]
    session: Any = None
    limit_s: float | None = None

    def to_openai(self) -> dict[str, Any]:
        """Returns the tool as chat-completion servers take it; strict, so that arguments follow the schema."""
        function = {"name": self.name, "description": self.description, "parameters": strict(self.parameters)}
        return {"type": "function", "function": {**function, "strict": True}}


def make_tool(
    function: Callable[..., Output | str], *, session: Any = None, limit_s: float | None = None, name: str | None = None
) -> Tool:
    """Makes a tool of a typed function with a Google docstring.

    Args:
        function: Its first argument is the session if one is given.
        session: What has a dictionary ``kept``, a ``lock`` and a method ``named``, see `motionlaw.tools.workspace`.
        limit_s: Seconds after which a call is killed.
        name: Of the tool; the function's own if not given.

    Example:
        >>> def double(number: float) -> str:
        ...     '''Doubles a number.
        ...
        ...     Args:
        ...         number: The number.
        ...     '''
        ...     return f"{2 * number:g}"
        >>> call([make_tool(double)], "double", {"number": 21}).text
        '42'
    """
    about, schema = describe(function, skip=int(session is not None))
    return Tool(name or function.__name__, about, schema, function, session, limit_s)


def call(tools: Sequence[Tool], name: str, arguments: Mapping[str, Any] | str | None = None) -> ToolResult:
    """Calls a tool by name; always returns a result.

    Args:
        tools: The tools to choose from.
        name: The tool's name.
        arguments: By name, or as JSON text as models write them.

    Returns:
        The result; where ``ok`` is false, ``text`` says what was wrong and how to do better.
    """
    begun = time.monotonic()
    known = {tool.name: tool for tool in tools}
    try:
        if name not in known:
            raise ToolError(f"No tool '{clipped(name)}'.{did_you_mean(name, known, 'Tools')}")
        tool = known[name]
        output = _answer(tool, checked(name, tool.parameters, _parsed(name, arguments)))
    except (ToolError, UserError) as error:
        text = str(error) if name not in known or known[name].session is None else known[name].session.named(str(error))
        return ToolResult(text, {"error": text}, (), False, time.monotonic() - begun)
    return ToolResult(output.text, output.data, output.images, True, time.monotonic() - begun)


def _parsed(name: str, arguments: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise ToolError(f"The arguments of {name} are no JSON: {clipped(error)}.") from None
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise ToolError(f"The arguments of {name} must be an object, got {clipped(repr(arguments))}.")
    return arguments


def _answer(tool: Tool, arguments: dict[str, Any]) -> Output:
    """Runs the tool; what it keeps is kept in the session."""
    if tool.session is None:
        return _watched(tool, partial(tool.function, **arguments))
    with tool.session.lock:  # calls of one session build on each other: one after the other
        output = _watched(tool, partial(tool.function, tool.session, **arguments))
        tool.session.kept.update(output.kept)
    return output


def _watched(tool: Tool, work: Callable[[], Output | str]) -> Output:
    if tool.limit_s is None:
        answer = work()
    else:
        # A fork would copy the locks of other threads in whatever state they are.
        method = "forkserver" if threading.active_count() > 1 else None
        with _AT_WORK:
            ended = run_killable(partial(_job, work), seconds=tool.limit_s, method=method)
        if ended.reason:
            raise ToolError(f"{ended.reason.replace('The search', tool.name)} Ask for less.")
        answer = ended.result
    return Output(answer) if isinstance(answer, str) else answer


def _job(work: Callable[[], Output | str], tell: Tell, keep: Keep) -> Output | str:
    return work()
