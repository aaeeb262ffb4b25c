"""A model in this process: a tiny checkpoint with random weights, in the real architecture, through the real code."""

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from motionlaw.agent.loop import run_turn
from motionlaw.agent.messages import Message, ToolCall, VideoFrames
from motionlaw.agent.model import Sampling, choose_model
from motionlaw.agent.pictures import encode
from motionlaw.tools.errors import UserError
from motionlaw.tools.registry import make_tool

needs_serve = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None,
    reason="the extra [serve] is not installed: no torch or transformers",
)
HELLO = [Message.user("How does it move?")]
SHORT = Sampling(max_tokens=8)


def picture(grey):
    return encode(np.full((60, 80, 3), grey, np.uint8))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The model, loaded from its folder as a user's would be."""
    from tiny_checkpoint import write_checkpoint

    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()
    model = choose_model(str(write_checkpoint(tmp_path_factory.mktemp("models") / "tiny")))
    yield model
    model.close()


@needs_serve
def test_it_answers_and_streams_the_same(tiny):
    """The pieces put together are the reply; the seed makes it the same again, and another seed another."""
    pieces = []
    how = Sampling(temperature=2.0, max_tokens=8, seed=1)
    whole = tiny.reply(HELLO, sampling=how)
    streamed = tiny.reply(HELLO, sampling=how, on_text=pieces.append)
    assert whole.message == streamed.message and "".join(pieces) == streamed.message.text
    assert whole.completion_tokens <= 8 and whole.prompt_tokens > 10
    assert tiny.reply(HELLO, sampling=Sampling(temperature=2.0, max_tokens=8, seed=2)).message != whole.message


@needs_serve
def test_it_sees_pictures(tiny):
    """What it believes depends on what is in the picture."""
    told = [tiny.log_probability([Message.user(picture(grey), "Which?")], "light") for grey in (0, 255)]
    assert abs(told[0] - told[1]) > 1e-4


@needs_serve
def test_a_slow_video_is_native_and_tells_the_true_times(tiny):
    """Qwen3-VL's own prompt carries the mean time of each pair of frames, in tenths of a second."""
    video = VideoFrames((picture(9),) * 4, (0.5, 0.7, 1.0, 2.0), "a.mp4")
    inputs = tiny._inputs([Message.user(video, "Fast?")], ())
    text = tiny._processor.tokenizer.decode(inputs["input_ids"][0])
    assert "pixel_values_videos" in inputs
    assert "<0.6 seconds>" in text and "<1.5 seconds>" in text


@needs_serve
def test_a_fast_video_goes_as_timed_images(tiny):
    """Tenths of a second would not tell its frames apart."""
    video = VideoFrames((picture(9),) * 3, (0.0, 1 / 30, 2 / 30), "a.mp4")
    inputs = tiny._inputs([Message.user(video, "Fast?")], ())
    text = tiny._processor.tokenizer.decode(inputs["input_ids"][0])
    assert "pixel_values_videos" not in inputs
    assert "<0.033 seconds>" in text and "<0.067 seconds>" in text


@needs_serve
def test_wrong_times_are_an_error(tiny, monkeypatch):
    """A processor that counts frames instead of reading their times is found out."""
    from motionlaw.agent.models import qwen

    video = VideoFrames((picture(9),) * 4, (0.0, 0.5, 1.0, 1.5), "a.mp4")
    wrong = {"total_num_frames": 4, "fps": 24.0, "frames_indices": [0, 1, 2, 3], "duration": 4 / 24}
    monkeypatch.setattr(qwen, "metadata", lambda video: dict(wrong))
    with pytest.raises(UserError, match="would be told"):
        tiny.reply([Message.user(video, "Fast?")], sampling=SHORT)


@needs_serve
def test_a_real_clip_is_seen_at_its_own_times(tiny, shared_data):
    """Through qwen-vl-utils and the processor, every pair of frames stands at the container's time, to a tenth."""
    from motionlaw.agent.models.wire import times_in
    from motionlaw.agent.pictures import video_frames
    from motionlaw.tools.video import probe

    clip = shared_data / "osp_tracker_clips" / "ball_in_oil" / "video.mp4"
    video, true = video_frames(clip, most=15, max_width_px=96), probe(clip).timestamps
    inputs = tiny._inputs([Message.user(video, "Fast?")], ())
    told = times_in(tiny._processor.tokenizer.decode(inputs["input_ids"][0]))
    rows = [int(np.argmin(np.abs(true - t))) for t in [*video.timestamps, video.timestamps[-1]]]
    pairs = (true[rows[::2]] + true[rows[1::2]]) / 2
    assert "pixel_values_videos" in inputs and inputs["video_grid_thw"][0, 0] == 8
    np.testing.assert_allclose(told, pairs, atol=0.05 + 1e-9)


@needs_serve
def test_qwens_own_reader_would_tell_other_times(tiny, shared_data, monkeypatch):
    """Frames counted at a nominal rate, as qwen-vl-utils counts a list of frames, are an error and not a guess."""
    from motionlaw.agent.models import qwen
    from motionlaw.agent.pictures import video_frames

    clip = shared_data / "osp_tracker_clips" / "ball_in_oil" / "video.mp4"
    monkeypatch.setattr(qwen, "metadata", lambda video: {})
    with pytest.raises(UserError, match="The model would be told"):
        tiny.reply([Message.user(video_frames(clip, max_width_px=96), "Fast?")], sampling=SHORT)


@needs_serve
def test_frames_that_do_not_fit_are_left_out_and_said(tiny, monkeypatch):
    """The context is counted in the model's own tokens."""
    monkeypatch.setattr(tiny, "_context", 120)
    video = VideoFrames((picture(9),) * 8, tuple(np.arange(8.0)), "a.mp4")
    reply = tiny.reply([Message.user(video, "Fast?")], sampling=SHORT)
    assert reply.notes[0] == "4 of 8 frames of a.mp4 fit the model's context."
    assert reply.prompt_tokens <= 112
    with pytest.raises(UserError, match="too long"):
        tiny.reply([Message.user("word " * 200)], sampling=SHORT)


@needs_serve
def test_a_json_schema_holds_even_random_weights(tiny):
    """Whatever it would like to say, what it says is JSON of the schema."""
    if importlib.util.find_spec("llguidance") is None:
        pytest.skip("llguidance is not installed")
    schema = {
        "type": "object", "properties": {"dir": {"enum": ["N", "S"]}, "moves": {"type": "boolean"}},
        "required": ["dir", "moves"], "additionalProperties": False,
    }  # fmt: skip
    reply = tiny.reply(HELLO, sampling=Sampling(max_tokens=60, temperature=1.0, json_schema=schema))
    said = json.loads(reply.message.text)
    assert said["dir"] in ("N", "S") and isinstance(said["moves"], bool)


@needs_serve
def test_probabilities_are_those_of_the_tokens(tiny):
    """The greedy first token is more probable than others, and all are probabilities."""
    greedy = tiny.reply(HELLO, sampling=Sampling(max_tokens=1)).message.text
    told = {word: tiny.log_probability(HELLO, word) for word in (greedy, "a", "7", "}")}
    assert max(told, key=told.get) == greedy
    assert all(value < 0 for value in told.values())


@needs_serve
def test_sixteen_requests_at_once_all_come_back(tiny):
    """One after the other inside, each with its own answer."""
    asked = [[Message.user(picture(16 * k), f"Question {k}?")] for k in range(16)]
    alone = [tiny.reply(messages, sampling=SHORT).message for messages in asked]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda messages: tiny.reply(messages, sampling=SHORT).message, asked))
    assert together == alone


@needs_serve
def test_tools_and_results_are_in_the_prompt(tiny):
    """The chat template gets the tools, the calls as objects, and the results; a turn of the loop ends."""

    def speed(track: int) -> str:
        """Measures a speed.

        Args:
            track: Number of the track.
        """
        return f"{track} m/s"

    tool = make_tool(speed)
    talk = [*HELLO, Message.assistant(tool_calls=[ToolCall("a", "speed", '{"track": 1}')]), Message.tool("a", "1 m/s")]
    text = tiny._processor.tokenizer.decode(tiny._inputs(talk, [tool.to_openai()])["input_ids"][0])
    assert "Measures a speed." in text and '"arguments": {"track": 1}' in text and "<tool_response>\n1 m/s" in text
    assert run_turn(tiny, HELLO, [tool], sampling=SHORT).stopped in ("answered", "length", "empty")


@needs_serve
def test_its_time_is_limited(tiny):
    """Generation stops soon after its time is over."""
    with pytest.raises(UserError, match="did not answer within"):
        tiny.reply(HELLO, sampling=Sampling(max_tokens=1500, timeout_s=0.05))


@needs_serve
def test_a_folder_without_a_model_is_a_sentence(tmp_path):
    """Neither an empty folder nor one with another config makes a traceback."""
    with pytest.raises(UserError, match=r"no config\.json"):
        choose_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "no such architecture"}')
    with pytest.raises(UserError, match="cannot be loaded"):
        choose_model(str(tmp_path))


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    """The sentence says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'motionlaw\[serve\]'"):
        choose_model(str(tmp_path))
