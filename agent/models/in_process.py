"""A model in this process: a local checkpoint in transformers, with the same contract as a server.

    motionlaw chat clip.mp4 --model path/to/checkpoint

Replies are generated one at a time. Calls are read from the text (Hermes form), JSON schemas hold replies by
llguidance, and frames carry the container's times: Qwen3-VL gets a native video where its one decimal of a second tells
frames apart, and every other model, or faster video, gets images after the words of their times. What Qwen's models see
goes through qwen-vl-utils (`motionlaw.agent.models.qwen`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionlaw.agent.messages import Image, Message, VideoFrames
from motionlaw.agent.model import GREEDY, OnText, Reply, Sampling, Schema
from motionlaw.agent.models import qwen
from motionlaw.agent.models.torch_setup import prepare_torch
from motionlaw.agent.models.wire import timed_frames, times_in, to_wire, untimed_film
from motionlaw.agent.pictures import check_told, decode, with_fewer_pictures
from motionlaw.agent.tool_text import read_calls
from motionlaw.tools.errors import UserError, missing_extra

# Qwen3-VL writes tenths of a second.
NATIVE_STEP_S = 0.1


class InProcessModel:
    """A checkpoint loaded into this process.

    Args:
        folder: A folder in the Hugging Face format.

    Raises:
        UserError: The folder holds no vision-language model, or the extra ``[serve]`` is not installed.
    """

    parallel = 1

    def __init__(self, folder: str | Path) -> None:
        prepare_torch()
        from transformers import AutoModelForImageTextToText, AutoProcessor

        path = Path(folder)
        if not (path / "config.json").is_file():
            raise UserError(f"{path} holds no checkpoint: there is no config.json in it.")
        try:
            self._processor: Any = AutoProcessor.from_pretrained(path, local_files_only=True)
            model: Any = AutoModelForImageTextToText.from_pretrained(path, local_files_only=True, dtype="auto")
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise UserError(f"{path} cannot be loaded as a vision-language model ({reason[:200]}).") from None
        self.form = str(getattr(model.config, "question_form", "full"))
        if self.form != "full":  # a small model ships in bfloat16, in which a CPU is slow
            model = model.float()
        self._model: Any = model.to(_device()).eval()
        self.name = path.resolve().name
        self._lock = threading.Lock()
        self._context = int(self._model.config.get_text_config().max_position_embeddings)
        family = str(self._model.config.model_type)
        self._is_qwen, self._is_timed = qwen.is_qwen(family), family.startswith("qwen3_vl")
        self._knows_tools = "tools" in str(self._processor.chat_template)

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Schema] = (),
        sampling: Sampling = GREEDY,
        on_text: OnText | None = None,
    ) -> Reply:
        """Answers a conversation, see `motionlaw.agent.model.Model`."""
        with self._lock:
            inputs, notes = self._fitting(messages, tools, sampling.max_tokens)
            asked = inputs["input_ids"].shape[1]
            new, was_cut = self._generated(inputs, sampling, on_text)
        text = self._processor.tokenizer.decode(new, skip_special_tokens=True)
        words, calls = read_calls(text) if tools else (text, ())
        finish = "tool_calls" if calls else "length" if was_cut else "stop"
        return Reply(Message.assistant(words, tool_calls=calls), finish, asked, len(new), tuple(notes))

    def log_probability(self, messages: Sequence[Message], answer: str) -> float:
        """Returns the sum of the log-probabilities of the answer's tokens."""
        import torch

        with self._lock, torch.inference_mode():
            inputs, _ = self._fitting(messages, (), 1)
            tokens = self._processor.tokenizer(answer, add_special_tokens=False, return_tensors="pt")["input_ids"]
            tokens = tokens.to(self._model.device)
            asked = inputs["input_ids"].shape[1]
            for name, filler in (("input_ids", None), ("attention_mask", 1), ("mm_token_type_ids", 0)):
                if name in inputs:
                    more = tokens if filler is None else torch.full_like(tokens, filler)
                    inputs[name] = torch.cat([inputs[name], more.to(inputs[name].dtype)], dim=1)
            logits = self._model(**inputs).logits[0, asked - 1 : -1].float()
            told = torch.log_softmax(logits, dim=-1).gather(1, tokens[0][:, None])
        return float(told.sum())

    def close(self) -> None:
        """Lets go of the weights."""
        self._model = None

    def _fitting(
        self, messages: Sequence[Message], tools: Sequence[Schema], max_tokens: int
    ) -> tuple[dict[str, Any], list[str]]:
        """The model's inputs; frames are left out until they fit its context."""
        notes: list[str] = []
        while True:
            inputs = self._inputs(messages, tools)
            tokens = inputs["input_ids"].shape[1]
            if tokens + max_tokens <= self._context:
                return inputs, notes
            fewer = with_fewer_pictures(messages)
            if fewer is None:
                raise UserError(
                    f"The conversation is too long for {self.name}: {tokens} tokens and {max_tokens} for the answer, "
                    f"its context has {self._context}. Start a new one."
                )
            messages, note = fewer
            notes.append(note)

    def _inputs(self, messages: Sequence[Message], tools: Sequence[Schema]) -> dict[str, Any]:
        """The prompt with its pictures as tensors; the times in it are compared with the container's."""
        videos: list[VideoFrames] = []
        pictures: list[np.ndarray] = []

        def native(video: VideoFrames) -> list[dict[str, Any]]:
            steps = np.diff(video.timestamps)
            if not self._is_timed or not len(steps) or steps.min() < NATIVE_STEP_S:
                return timed_frames(video)
            videos.append(video)
            return untimed_film(video)

        in_words = tools if tools and not self._knows_tools else None
        wire = [
            _for_template(message, pictures)
            for message in to_wire(messages, tools_as_text=in_words, write_video=native)
        ]
        text = self._processor.apply_chat_template(
            wire, tools=list(tools) or None if in_words is None else None, add_generation_prompt=True, tokenize=False
        )
        if self._is_qwen:
            media = qwen.vision_inputs(self._processor, pictures, videos)
        else:
            media = {"images": pictures} if pictures else {}
        inputs = self._processor(text=[text], return_tensors="pt", **media)
        self._check_times(inputs, wire, videos)
        wanted = {name: value for name, value in inputs.items() if hasattr(value, "to")}
        return {name: value.to(self._model.device) for name, value in wanted.items()}

    def _check_times(self, inputs: Any, wire: Sequence[dict[str, Any]], videos: Sequence[VideoFrames]) -> None:
        """Reads the times that the prompt tells back from its tokens; those of native videos are means of pairs."""
        if not videos:
            return
        tokenizer = self._processor.tokenizer
        written = [time_s for message in wire for time_s in times_in(str(message.get("content")))]
        told = times_in(tokenizer.decode(inputs["input_ids"][0], skip_special_tokens=False))
        wanted = [*written, *(time_s for video in videos for time_s in qwen.told_times(video))]
        check_told(sorted(told), sorted(wanted), tolerance_s=NATIVE_STEP_S / 2 + 1e-3)

    def _generated(self, inputs: dict[str, Any], sampling: Sampling, on_text: OnText | None) -> tuple[list[int], bool]:
        """New tokens, and whether max_tokens cut them off."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        clock = _Deadline(time.monotonic() + sampling.timeout_s)
        options: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            options = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
        if sampling.json_schema is not None:
            options["logits_processor"] = LogitsProcessorList([self._held_to(sampling.json_schema)])
        if on_text is not None:
            options["streamer"] = _streamer(self._processor.tokenizer, on_text)
        torch.manual_seed(sampling.seed)
        with torch.inference_mode():
            out = self._model.generate(
                **inputs,
                max_new_tokens=sampling.max_tokens,
                stopping_criteria=StoppingCriteriaList([clock]),
                **options,
            )
        if clock.is_over:
            raise UserError(
                f"{self.name} did not answer within {sampling.timeout_s:g} s. Ask for less, or wait longer."
            )
        new = out[0, inputs["input_ids"].shape[1] :].tolist()
        return new, len(new) >= sampling.max_tokens

    def _held_to(self, schema: Schema) -> Any:
        """Lets through only tokens that go on towards JSON of a schema."""
        try:
            import llguidance
            import llguidance.hf
            import torch
        except ModuleNotFoundError:
            raise missing_extra("Answers in a JSON schema", "llguidance", "serve") from None
        tokenizer = llguidance.hf.from_tokenizer(self._processor.tokenizer)
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), {"whitespace_flexible": False})
        matcher = llguidance.LLMatcher(tokenizer, grammar)
        if matcher.is_error():
            raise UserError(f"The JSON schema cannot be followed ({matcher.get_error()}).")
        seen = 0

        def held(ids: Any, scores: Any) -> Any:
            nonlocal seen
            if seen:
                matcher.consume_token(int(ids[0, -1]))
            seen += 1
            # llguidance's own step for torch is compiled when first used, which takes a minute and a C++ compiler.
            bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
            allowed = np.zeros(scores.shape[-1], dtype=bool)
            allowed[: len(bits)] = bits[: len(allowed)]
            return scores.masked_fill(torch.from_numpy(~allowed).to(scores.device), -torch.inf)

        return held


class _Deadline:
    """Stops generation when its time is over."""

    def __init__(self, at: float) -> None:
        self.at, self.is_over = at, False

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.is_over = time.monotonic() > self.at
        return torch.full((ids.shape[0],), self.is_over, dtype=torch.bool, device=ids.device)


def _streamer(tokenizer: Any, on_text: OnText) -> Any:
    from transformers import TextStreamer

    class Told(TextStreamer):  # type: ignore[misc]  # transformers has no types here
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text:
                on_text(text)

    return Told(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _for_template(message: dict[str, Any], pictures: list[np.ndarray]) -> dict[str, Any]:
    """A message as chat templates of transformers take it; its pictures are put aside in their order."""
    made = dict(message)
    if isinstance(message.get("content"), list):
        made["content"] = [_placed(part, pictures) for part in message["content"]]
    made["content"] = made.get("content") or ""
    if message.get("tool_calls"):
        made["tool_calls"] = [
            {"type": "function", "function": {"name": each["function"]["name"], "arguments": _object(each)}}
            for each in message["tool_calls"]
        ]
    return made


def _placed(part: dict[str, Any], pictures: list[np.ndarray]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return part
    pictures.append(decode(Image.from_url(part["image_url"]["url"])))
    return {"type": "image"}


def _object(one: dict[str, Any]) -> Any:
    """Arguments as templates want them: an object where they are one."""
    try:
        return json.loads(one["function"]["arguments"] or "{}")
    except ValueError:
        return {"text": one["function"]["arguments"]}


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
