"""One turn of a conversation: the model is asked, its calls are made and answered, until it answers or must stop.

Every call gets a result, whatever it is: an unknown tool, broken JSON, an instrument that fails or takes too long, one
call too many. Pictures that instruments return go back to the model. Calls of one reply are made in their order, since
later ones may name what earlier ones keep. What instruments and files say is data: only the model's own words are read
for calls. Leaves out where the conversation is kept (`session`) and what is asked (`answer`, `hypothesise`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from motionlaw.agent.log import Event
from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.model import GREEDY, Model, Reply, Sampling
from motionlaw.agent.pictures import encode
from motionlaw.agent.tool_text import WordsOnly, repaired
from motionlaw.tools.registry import Tool, ToolResult, call

OnEvent = Callable[[Event], None]

# A call that has failed this often with the same arguments will not do better.
MOST_FAILURES = 3
LONGEST_RESULT = 8000
NO_CALL = 'This is no call: {said}. Write {{"name": "tool", "arguments": {{"argument": "value"}}}}.'
USED_UP = "This turn has used up its {what}. Answer with what you have."
STUCK = "{result} This call has now failed {times} times. Answer with what you have."


@dataclass(frozen=True)
class Budget:
    """What a turn may cost.

    Args:
        calls: Calls of instruments.
        tokens: Tokens read and written, over all replies.
        seconds: For all of it; one last reply may go beyond.
    """

    calls: int = 24
    tokens: int = 100_000
    seconds: float = 300.0


@dataclass(frozen=True)
class Turn:
    """What came of a turn.

    Args:
        messages: What was added to the conversation, the answer last.
        stopped: Why it ended: ``answered``, ``calls``, ``tokens``, ``seconds``, ``stuck`` (one call failed again and
            again), ``length`` (the answer was cut off) or ``empty`` (the model said nothing).
        calls: The calls in their order, each with its result.
        tokens: Tokens read and written.
        seconds: Time it took.
    """

    messages: tuple[Message, ...]
    stopped: str
    calls: tuple[tuple[ToolCall, ToolResult], ...] = ()
    tokens: int = 0
    seconds: float = 0.0

    @property
    def answer(self) -> str:
        """The model's last words."""
        return self.messages[-1].text if self.messages else ""


def run_turn(
    model: Model,
    messages: Sequence[Message],
    tools: Sequence[Tool] = (),
    *,
    budget: Budget | None = None,
    sampling: Sampling = GREEDY,
    on_event: OnEvent | None = None,
) -> Turn:
    """Lets a model answer a conversation with the help of tools.

    Args:
        model: Who answers.
        messages: The conversation so far, the question last.
        tools: What it may call.
        budget: What the turn may cost.
        sampling: How replies are drawn.
        on_event: Told of everything as it happens: pieces of text, messages, calls, the end. Replies are streamed if
            it is given.

    Raises:
        UserError: The model cannot be reached or does not answer in time; what was said so far has been told.
    """
    turn = _Turn(model, list(messages), tools, budget or Budget(), sampling, on_event or (lambda event: None))
    turn.is_streaming = on_event is not None
    return turn.run()


@dataclass
class _Turn:
    """The state of a turn while it runs."""

    model: Model
    messages: list[Message]
    tools: Sequence[Tool]
    budget: Budget
    sampling: Sampling
    tell: OnEvent
    is_streaming: bool = False
    started: float = field(default_factory=time.monotonic)
    added: list[Message] = field(default_factory=list)
    made: list[tuple[ToolCall, ToolResult]] = field(default_factory=list)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    tokens: int = 0
    must_stop: str = ""

    def run(self) -> Turn:
        """Asks and calls until there is an answer."""
        is_asked_again = False
        while True:
            is_last = bool(self.must_stop)
            reply = self._asked(with_tools=not is_last)
            if not reply.message.tool_calls and not reply.message.text.strip() and not is_asked_again:
                is_asked_again = True
                self.messages.append(Message.user("Answer in words, or call a tool."))
                continue
            self._add(reply.message)
            if not reply.message.tool_calls:
                return self._ended(self.must_stop or self._end_of(reply))
            for one in reply.message.tool_calls:
                self._answer(one, is_last=is_last)
            if is_last:  # it went on calling although there was nothing left to call
                return self._ended(self.must_stop)
            self.must_stop = self.must_stop or self._used_up()

    def _asked(self, *, with_tools: bool) -> Reply:
        left_s = max(self.budget.seconds - (time.monotonic() - self.started), 0.0)
        # The last reply gets what one reply may take, so that a turn out of time still ends in words.
        timeout_s = self.sampling.timeout_s if not with_tools else max(min(self.sampling.timeout_s, left_s), 1.0)
        began = time.monotonic()
        words = WordsOnly(lambda piece: self.tell(Event("text", {"text": piece})))
        reply = self.model.reply(
            self.messages,
            tools=[tool.to_openai() for tool in self.tools] if with_tools else (),
            sampling=replace(self.sampling, timeout_s=timeout_s),
            on_text=words if self.is_streaming else None,
        )
        words.end()
        self.tokens += reply.prompt_tokens + reply.completion_tokens
        for note in reply.notes:
            self.tell(Event("note", {"text": note}))
        cost = {
            "seconds": round(time.monotonic() - began, 3),
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "finish_reason": reply.finish_reason,
        }
        self.tell(Event("reply", {"model": self.model.name, **cost}))
        return replace(reply, message=self._with_own_ids(reply.message))

    def _with_own_ids(self, message: Message) -> Message:
        """Gives calls ids that no other call of the conversation has: servers and texts repeat them."""
        taken = {call.id for said in self.messages for call in said.tool_calls}
        calls = []
        for one in message.tool_calls:
            name, number = one.id or "call", len(taken)
            while not one.id or one.id in taken:
                number += 1
                one = replace(one, id=f"{name}_{number}")
            taken.add(one.id)
            calls.append(one)
        return replace(message, tool_calls=tuple(calls))

    def _answer(self, one: ToolCall, *, is_last: bool) -> None:
        """Makes a call and adds its result; there is always one."""
        result, arguments = self._result(one, is_last=is_last)
        is_repaired = arguments != one.arguments
        self.made.append((one, result))
        about = {"id": one.id, "name": one.name, "arguments": arguments, "is_repaired": is_repaired}
        self.tell(Event("call", {**about, "ok": result.ok, "seconds": round(result.seconds, 3), "text": result.text}))
        text = result.text
        if len(text) > LONGEST_RESULT:
            text = f"{text[:LONGEST_RESULT]} ... ({len(result.text)} characters in all, the rest was left out)"
        self._add(Message.tool(one.id, text, *(encode(picture) for picture in result.images)))

    def _result(self, one: ToolCall, *, is_last: bool) -> tuple[ToolResult, str]:
        """The result of a call, and its arguments as they were understood."""
        arguments = _mended(one.arguments)
        key = (one.name, arguments)
        if not one.name:
            return self._failed(key, NO_CALL.format(said=repr(one.arguments[:200]))), arguments
        if time.monotonic() - self.started > self.budget.seconds:
            self.must_stop = "seconds"
        if len(self.made) >= self.budget.calls:
            self.must_stop = self.must_stop or "calls"
        if is_last or self.must_stop in ("seconds", "calls"):
            what = {"stuck": "tries"}.get(self.must_stop, self.must_stop)
            return _refusal(USED_UP.format(what=what)), arguments
        result = call(self.tools, one.name, arguments)
        return (result if result.ok else self._failed(key, result.text, result.seconds)), arguments

    def _failed(self, key: tuple[str, str], text: str, seconds: float = 0.0) -> ToolResult:
        self.failures[key] = times = self.failures.get(key, 0) + 1
        if times >= MOST_FAILURES:
            self.must_stop = "stuck"
            text = STUCK.format(result=text, times=times)
        return _refusal(text, seconds)

    def _used_up(self) -> str:
        if self.tokens >= self.budget.tokens:
            return "tokens"
        return "seconds" if time.monotonic() - self.started > self.budget.seconds else ""

    def _end_of(self, reply: Reply) -> str:
        if not reply.message.text.strip():
            return "empty"
        return "length" if reply.finish_reason == "length" else "answered"

    def _add(self, message: Message) -> None:
        self.messages.append(message)
        self.added.append(message)
        self.tell(Event.of_message(message))

    def _ended(self, stopped: str) -> Turn:
        seconds = round(time.monotonic() - self.started, 3)
        self.tell(Event("stop", {"reason": stopped, "tokens": self.tokens, "seconds": seconds}))
        return Turn(tuple(self.added), stopped, tuple(self.made), self.tokens, seconds)


def _mended(arguments: str) -> str:
    """The arguments as JSON where they can be understood, else as they are, for the tool to refuse."""
    try:
        said = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        said = repaired(arguments)
        if not isinstance(said, dict):
            return arguments
        try:
            return json.dumps(said, allow_nan=False)
        except (ValueError, TypeError):
            return arguments
    # Some models write the object as a string of JSON.
    inner = repaired(said) if isinstance(said, str) else None
    return json.dumps(inner) if isinstance(inner, dict) else arguments


def _refusal(text: str, seconds: float = 0.0) -> ToolResult:
    return ToolResult(text, {"error": text}, (), False, seconds)
