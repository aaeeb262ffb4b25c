"""A model behind an OpenAI-compatible server: vLLM first, and whatever else speaks ``/v1/chat/completions``.

    motionlaw chat clip.mp4 --model http://localhost:8000/v1

The key, if the server wants one, is the environment's ``OPENAI_API_KEY``. A server without native tool calling gets its
tools in words; messages that do not fit its context lose frames, and the reply says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motionlaw.agent.messages import Message, ToolCall
from motionlaw.agent.model import GREEDY, OnText, Reply, Sampling, Schema
from motionlaw.agent.models.http import FIRST_PAUSE_S, REMEDY, Connection, Refused
from motionlaw.agent.models.wire import to_wire
from motionlaw.agent.pictures import with_fewer_pictures
from motionlaw.agent.tool_text import read_calls
from motionlaw.tools.errors import UserError


class OpenAIServer:
    """A model on a server.

    Args:
        url: The server's address, e.g. ``http://localhost:8000/v1``; ``#name`` chooses among its models.
        first_pause_s: Seconds before a request that failed in passing is tried again.

    Raises:
        UserError: The server cannot be reached, or has no such model.
    """

    parallel = 8
    form = "full"

    def __init__(self, url: str, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        address, _, wanted = url.partition("#")
        self._connection = Connection(address, first_pause_s=first_pause_s)
        self.url = self._connection.url
        self._tools_in_words = False
        self.name = wanted
        try:
            self.name = self._chosen(wanted)
        except Refused as refusal:
            raise self._explained(refusal, ()) from None

    def _chosen(self, wanted: str) -> str:
        listed = self._connection.answer("GET", "/models", None, timeout_s=30.0).get("data") or []
        served = [str(model.get("id")) for model in listed]
        if wanted and wanted not in served:
            raise UserError(f"{self.url} has no model {wanted!r}; it serves {', '.join(served) or 'none'}.")
        if not wanted and not served:
            raise UserError(f"{self.url} serves no model. {REMEDY}")
        return wanted or served[0]

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Answers a conversation, see `motionlaw.agent.model.Model`."""
        notes: list[str] = []
        while True:
            try:
                return self._reply(messages, tools, sampling, on_text, tuple(notes))
            except Refused as refusal:
                if _is_about_tools(refusal) and tools and not self._tools_in_words:
                    self._tools_in_words = True
                    continue
                fewer = with_fewer_pictures(messages) if _is_about_length(refusal) else None
                if fewer is None:
                    raise self._explained(refusal, messages) from None
                messages, note = fewer
                notes.append(note)

    def _reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Schema],
        sampling: Sampling,
        on_text: OnText | None,
        notes: tuple[str, ...],
    ) -> Reply:
        in_words = self._tools_in_words and bool(tools)
        body: dict[str, Any] = {
            "model": self.name,
            "messages": to_wire(messages, tools_as_text=tools if in_words else None),
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
        }
        if tools and not in_words:
            body["tools"] = list(tools)
        if sampling.json_schema is not None:
            schema = {"name": "answer", "schema": sampling.json_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if on_text is None:
            choice, usage = _only_choice(self._posted(body, sampling.timeout_s), self.url)
        else:
            choice, usage = self._streamed(body, sampling.timeout_s, on_text)
        message = Message.from_dict({"role": "assistant", **choice["message"]})
        if not message.tool_calls and tools:
            words, calls = read_calls(message.text)
            message = Message.assistant(words, tool_calls=calls) if calls else message
        finish = "tool_calls" if message.tool_calls else str(choice.get("finish_reason") or "stop")
        counts = (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
        return Reply(message, finish, *counts, notes)

    def log_probability(self, messages: Sequence[Message], answer: str) -> float:
        """Asks for the probability of every token of the answer; vLLM tells, most other servers do not."""
        asked = {"model": self.name, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
        wire = to_wire(messages)
        try:
            before = self._posted({**asked, "messages": wire}, GREEDY.timeout_s)
            wire.append({"role": "assistant", "content": answer})
            continued = {"messages": wire, "add_generation_prompt": False, "continue_final_message": True}
            after = self._posted({**asked, **continued}, GREEDY.timeout_s)
        except Refused as refusal:
            raise self._explained(refusal, messages) from None
        tokens = after.get("prompt_logprobs")
        asked_tokens = (before.get("usage") or {}).get("prompt_tokens")
        if not isinstance(tokens, list) or not isinstance(asked_tokens, int) or len(tokens) <= asked_tokens:
            raise UserError(f"{self.url} does not tell how probable an answer is; vLLM does. Use --prior 0.")
        # Every entry holds the token that stands there first.
        return float(sum(next(iter(token.values()))["logprob"] for token in tokens[asked_tokens:]))

    def close(self) -> None:
        """Closes the connections."""
        self._connection.close()

    def _posted(self, body: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        return self._connection.answer("POST", "/chat/completions", body, timeout_s=timeout_s)

    def _streamed(
        self, body: dict[str, Any], timeout_s: float, on_text: OnText
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """One streamed request; its pieces put together again."""
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        gathered = _Gathered()
        for event in self._connection.events("/chat/completions", body, timeout_s=timeout_s):
            gathered.add(event, on_text)
        if gathered.finish_reason is None:
            raise UserError(f"{self.url} broke off in mid-answer. Ask again.")
        return gathered.choice(), gathered.usage

    def _explained(self, refusal: Refused, messages: Sequence[Message]) -> UserError:
        """What a refusal means to whoever asked."""
        said = refusal.words[:300].rstrip(".")
        if refusal.status in (401, 403):
            return UserError(f"{self.url} wants a key. Set OPENAI_API_KEY ({said}).")
        if refusal.status == 404:
            return UserError(f"{self.url} has no model {self.name!r} ({said}).")
        if _is_about_length(refusal):
            return UserError(f"The conversation is too long for {self.name} ({said}). Start a new one.")
        is_seen = any(message.has_vision for message in messages)
        if is_seen and any(word in said.lower() for word in ("image", "multimodal", "vision")):
            return UserError(f"{self.name} cannot see pictures ({said}). Serve a vision-language model.")
        return UserError(f"{self.url} refused with status {refusal.status}: {said}.")


class _Gathered:
    """The pieces of a streamed answer."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.calls: dict[int, dict[str, str]] = {}
        self.finish_reason: str | None = None
        self.usage: dict[str, Any] = {}

    def add(self, event: Mapping[str, Any], on_text: OnText) -> None:
        self.usage = event.get("usage") or self.usage
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            if delta.get("content"):
                self.text.append(delta["content"])
                on_text(delta["content"])
            for piece in delta.get("tool_calls") or ():
                call = self.calls.setdefault(int(piece.get("index", 0)), {"id": "", "name": "", "arguments": ""})
                function = piece.get("function") or {}
                call["id"] = piece.get("id") or call["id"]
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""

    def choice(self) -> dict[str, Any]:
        calls = [ToolCall(**call).to_dict() for _, call in sorted(self.calls.items())]
        message = {"content": "".join(self.text), "tool_calls": calls}
        return {"message": message, "finish_reason": self.finish_reason}


def _only_choice(answer: Mapping[str, Any], url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0].get("message"), dict):
        raise UserError(f"{url} answered without a message: {str(answer)[:80]}.")
    message = {key: choices[0]["message"].get(key) for key in ("content", "tool_calls")}
    return {**choices[0], "message": message}, answer.get("usage") or {}


def _is_about_length(refusal: Refused) -> bool:
    words = refusal.words.lower()
    too_much = ("context length", "too long", "too large", "in one prompt")  # the last: more pictures than it takes
    return refusal.status in (400, 413) and any(words_for in words for words_for in too_much)


def _is_about_tools(refusal: Refused) -> bool:
    words = refusal.words.lower()
    return refusal.status in (400, 404, 422, 500, 501) and ("tool choice" in words or "tool-call" in words or (
        "tools" in words and "support" in words
    ))  # fmt: skip
