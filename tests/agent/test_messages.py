"""Messages are pure values that survive the way to JSON and back, times included."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlaw.agent.messages import Image, Message, Text, ToolCall, VideoFrames
from motionlaw.tools.errors import UserError

images = st.builds(Image, st.binary(min_size=1, max_size=20), st.sampled_from(["image/png", "image/jpeg"]))
seconds = st.floats(min_value=0, max_value=1e4)


@st.composite
def videos(draw):
    times = sorted(draw(st.sets(seconds, min_size=1, max_size=4)))
    return VideoFrames(tuple(draw(images) for _ in times), tuple(times), draw(st.text(max_size=5)))


parts = st.lists(st.one_of(st.builds(Text, st.text()), images, videos()), max_size=4).map(tuple)
calls = st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=2).map(tuple)
messages = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), parts),
    st.builds(Message, st.just("assistant"), parts, calls),
    st.builds(Message, st.just("tool"), parts, st.just(()), st.text()),
)


@given(messages)
def test_a_message_survives_json(message):
    """What is written to a log comes back equal, every time to the last bit."""
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


def test_arguments_sent_as_an_object_become_text():
    """Some servers send a call's arguments as an object; the text is what the loop reads."""
    call = {"id": "1", "function": {"name": "a", "arguments": {"x": 1}}}
    sent = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert Message.from_dict(sent).tool_calls == (ToolCall("1", "a", '{"x": 1}'),)


@pytest.mark.parametrize(
    "times", [(0.0,), (0.0, 0.0), (1.0, 0.5), (float("nan"), 1.0)], ids=["too few", "equal", "falling", "missing"]
)
def test_frames_without_their_times_are_refused(times):
    """Every frame has a time, and times increase."""
    with pytest.raises(UserError, match="timestamps"):
        VideoFrames((Image(b"a"), Image(b"b")), times)


@pytest.mark.parametrize(
    "data",
    [
        {"role": "judge", "content": ""},
        {"content": "no role"},
        {"role": "user", "content": 3},
        {"role": "user", "content": [{"type": "audio"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://somewhere/a.png"}}]},
        {"role": "tool", "content": "no id"},
        "text",
    ],
)
def test_what_is_no_message_is_refused_in_a_sentence(data):
    """Unknown roles and parts, and addresses that would have to be fetched, are no messages."""
    with pytest.raises(UserError):
        Message.from_dict(data)
