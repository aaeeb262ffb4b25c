"""A conversation without a model: questions are answered by rule, and what the instruments do is told as it happens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from motionlaw.agent.answer import Answer, answer, understood
from motionlaw.agent.facts import Facts
from motionlaw.agent.log import Event
from motionlaw.agent.loop import OnEvent
from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.model import Model
from motionlaw.agent.pictures import encode
from motionlaw.tools.registry import Tool, ToolResult, call
from motionlaw.tools.summary import with_error
from motionlaw.tools.table import is_table_path
from motionlaw.tools.workspace import FoundLaw, Run, Workspace

MOST_NUMBERS = 6
"""Numbers told with an answer."""

NO_VIDEO = "Show a video first; without a model, questions are about videos, and of a table its law can be asked."


class Alone:
    """Answers the questions of one session from the instruments alone; what was measured is kept for the next.

    Args:
        reader: A model that reads questions, see `motionlaw.agent.reading`.
    """

    def __init__(self, reader: Model | None = None) -> None:
        self._reader = reader
        self._facts: dict[Path, Facts] = {}
        self._calls = 0
        self._open = ToolCall("", "", "{}")

    def __call__(self, workspace: Workspace, question: str, tell: OnEvent) -> str:
        """Answers a question about the last file that was shown.

        Args:
            workspace: The session's files and scale.
            question: In words.
            tell: Told of every call and its result.

        Returns:
            The answer with its reason, or why there is none.
        """
        if not workspace.files:
            return NO_VIDEO
        path = list(workspace.files.values())[-1]
        if is_table_path(path):
            return self._of_table(workspace, path, question, tell)
        facts = self._facts.get(path)
        if facts is None or facts.workspace.scale != workspace.scale:  # the scale may be set after the first look
            facts = self._facts[path] = Facts(path, scale=workspace.scale)
        facts.on_begin = lambda name, arguments: self._begun(tell, name, arguments)
        facts.on_call = lambda name, arguments, result: self._ended(tell, result)
        found = answer(facts, question, reader=self._reader)
        workspace.kept.update(facts.workspace.all(FoundLaw))
        return _in_words(found)

    def _of_table(self, workspace: Workspace, path: Path, question: str, tell: OnEvent) -> str:
        """The law of a table; other questions about one are not understood."""
        from motionlaw.tools.instruments import instruments

        if understood(question, (), self._reader)[0].topic != "law":
            return NO_VIDEO
        tools = instruments(workspace)
        read = self._called(tell, tools, "read_table", {"table": path.name})
        runs = list(workspace.all(Run))
        if not read.ok or not runs:
            return f"No answer: {read.text}"
        found = self._called(tell, tools, "discover_law", {"of": runs})
        return found.text if found.ok else f"No answer: {found.text}"

    def _called(self, tell: OnEvent, tools: Sequence[Tool], name: str, arguments: Mapping[str, object]) -> ToolResult:
        self._begun(tell, name, arguments)
        result = call(tools, name, arguments)
        self._ended(tell, result)
        return result

    def _begun(self, tell: OnEvent, name: str, arguments: Mapping[str, object]) -> None:
        """Tells of a call before it is made, as the loop does: a log looks the same with a model and without one."""
        self._calls += 1
        self._open = ToolCall(f"alone_{self._calls}", name, json.dumps(dict(arguments)))
        tell(Event.of_message(Message("assistant", (), (self._open,))))

    def _ended(self, tell: OnEvent, result: ToolResult) -> None:
        """Tells what came of the call."""
        one = self._open
        about = {"id": one.id, "name": one.name, "arguments": one.arguments, "is_repaired": False, "ok": result.ok}
        tell(Event("call", {**about, "seconds": round(result.seconds, 3), "text": result.text}))
        tell(Event.of_message(Message.tool(one.id, result.text, *(encode(picture) for picture in result.images))))


def _in_words(found: Answer) -> str:
    read_as = [f"Read as: {found.read_as}"] if found.read_as.endswith("?") else []
    if not found.is_answered:
        return "\n".join([*read_as, f"No answer: {found.reason}"])
    lines = [*read_as, found.text, f"{found.reason} (confidence {found.confidence:.2f})"]
    lines += [f"{one.name}: {with_error(one.value, one.stderr, one.unit)}" for one in found.measurements[:MOST_NUMBERS]]
    return "\n".join(lines)
