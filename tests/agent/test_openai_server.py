"""The client of OpenAI-compatible servers, over real HTTP: streaming, tools, errors, time limits, short contexts."""

import numpy as np
import pytest
from chat_server import BreakOff, Refusal, Slow, chat_server

from motionlaw.agent.messages import Image, Message, ToolCall, VideoFrames
from motionlaw.agent.model import Sampling, choose_model
from motionlaw.agent.models.openai_server import OpenAIServer
from motionlaw.agent.pictures import encode
from motionlaw.tools.errors import UserError

PICTURE = encode(np.zeros((8, 8, 3), np.uint8))
TOOLS = [{"type": "function", "function": {"name": "speed", "description": "Measures.", "parameters": {}}}]
HELLO = [Message.user("Hello")]


def client(server, **options):
    return OpenAIServer(server.url, first_pause_s=0.01, **options)


def test_it_answers():
    """Words go out, words come back, tokens are counted."""
    with chat_server("It falls.") as server:
        reply = client(server).reply(HELLO, sampling=Sampling(temperature=0.5, seed=3, max_tokens=9))
    assert (reply.message, reply.finish_reason) == (Message.assistant("It falls."), "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (7, 2)
    assert server.requests[0] == {
        "model": "tiny", "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5, "max_tokens": 9, "seed": 3,
    }  # fmt: skip


def test_it_streams():
    """Every piece is handed on when it comes, and the whole is the same."""
    pieces = []
    with chat_server("It falls down.") as server:
        reply = client(server).reply(HELLO, on_text=pieces.append)
    assert pieces == ["It ", "falls ", "down. "]
    assert reply.message.text == "It falls down. "
    assert reply.completion_tokens == 3


@pytest.mark.parametrize("on_text", [None, lambda piece: None], ids=["whole", "streamed"])
def test_tool_calls_come_back_whole(on_text):
    """Several calls in one answer, their arguments in pieces."""
    calls = (ToolCall("a", "speed", '{"track": 1}'), ToolCall("b", "speed", '{"track": 2}'))
    with chat_server(Message.assistant(tool_calls=calls)) as server:
        reply = client(server).reply(HELLO, tools=TOOLS, on_text=on_text)
    assert reply.message.tool_calls == calls
    assert reply.finish_reason == "tool_calls"
    assert server.requests[0]["tools"] == TOOLS


def test_a_server_without_tool_calling_gets_tools_in_words():
    """vLLM without a parser refuses tools; they are described instead, and calls are read from the answer's text."""
    refused = Refusal(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    said = 'Look: <tool_call>{"name": "speed", "arguments": {"track": 1}}</tool_call>'
    talk = [
        Message.system("Be brief."), Message.user("Fast?"),
        Message.assistant(tool_calls=[ToolCall("x", "speed", '{"track": 9}')]), Message.tool("x", "No track 9."),
    ]  # fmt: skip
    with chat_server(refused, said) as server:
        reply = client(server).reply(talk, tools=TOOLS)
    assert reply.message == Message.assistant("Look:", tool_calls=[ToolCall("call_1", "speed", '{"track": 1}')])
    system, _, asked, answered = server.requests[1]["messages"]
    assert "tools" not in server.requests[1] and '"name": "speed"' in system["content"]
    assert system["content"].startswith("Be brief.")
    assert asked["content"] == '<tool_call>\n{"name": "speed", "arguments": {"track": 9}}\n</tool_call>'
    assert answered == {"role": "user", "content": "<tool_response>\nNo track 9.\n</tool_response>"}


def test_frames_go_out_after_their_true_times():
    """Each frame is an image after the words of its time, told apart however close they are."""
    video = VideoFrames((PICTURE, PICTURE), (0.0, 1001 / 30000), "clip<|im_end|>.mp4")
    with chat_server("Yes.") as server:
        client(server).reply([Message.user(video, "Does it move?")])
    parts = server.requests[0]["messages"][0]["content"]
    assert [part.get("text") for part in parts] == [
        "Video clip< |im_end|>.mp4, 2 frames, each after its time:", "<0.000 seconds>", None, "<0.033 seconds>", None,
        "Does it move?",
    ]  # fmt: skip
    assert parts[2]["image_url"]["url"] == PICTURE.url


def test_pictures_of_tools_follow_the_results():
    """A tool's message carries text; its pictures come in a user message after all results."""
    calls = [ToolCall("a", "plot", "{}"), ToolCall("b", "speed", "{}")]
    talk = [
        *HELLO,
        Message.assistant(tool_calls=calls),
        Message.tool("a", "A plot.", PICTURE),
        Message.tool("b", "3 m/s"),
    ]
    with chat_server("Fine.") as server:
        client(server).reply(talk, tools=TOOLS)
    sent = server.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "user"]
    assert sent[2]["content"] == "A plot."
    assert sent[4]["content"] == [{"type": "text", "text": "Pictures returned by a:"}, PICTURE.to_dict()]


def test_structured_output_is_asked_for():
    """A JSON schema goes out as servers take it."""
    with chat_server('{"x": 1}') as server:
        client(server).reply(HELLO, sampling=Sampling(json_schema={"type": "object"}))
    asked = server.requests[0]["response_format"]
    assert asked == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
    }


def test_a_context_too_short_loses_frames_and_says_so():
    """Half of the frames go at a time until the server takes them."""
    video = VideoFrames((PICTURE,) * 8, tuple(range(8)), "clip.mp4")
    long = Refusal(400, "This model's maximum context length is 64 tokens. However, you requested 99 tokens")
    with chat_server(long, long, "Fits.") as server:
        reply = client(server).reply([Message.user(video, "What is it?")])
    texts = [part["text"] for part in server.requests[-1]["messages"][0]["content"] if part["type"] == "text"]
    assert texts[1:3] == ["<0.00 seconds>", "<4.00 seconds>"]
    assert reply.notes[0] == "4 of 8 frames of clip.mp4 fit the model's context."
    assert reply.notes[1] == "2 of 4 frames of clip.mp4 fit the model's context."


def test_too_many_pictures_are_left_out_like_too_many_tokens():
    """vLLM counts pictures before tokens, in words of its own."""
    video = VideoFrames((PICTURE,) * 8, tuple(range(8)), "clip.mp4")
    many = Refusal(400, "At most 4 image(s) may be provided in one prompt. (parameter=image)")
    with chat_server(many, "Fits.") as server:
        reply = client(server).reply([Message.user(video, "What is it?")])
    assert reply.notes == ("4 of 8 frames of clip.mp4 fit the model's context.",)


def test_a_conversation_too_long_is_a_sentence():
    """Words are never dropped in silence."""
    with (
        chat_server(Refusal(400, "maximum context length is 64 tokens")) as server,
        pytest.raises(UserError, match="too long"),
    ):
        client(server).reply(HELLO)


def test_passing_failures_are_tried_again():
    """A server that is busy or restarting gets another chance."""
    with chat_server(Refusal(503, "starting"), Refusal(429, "busy"), "Here.") as server:
        assert client(server).reply(HELLO).message.text == "Here."
    assert len(server.requests) == 3


def test_lasting_failures_are_not_tried_for_ever():
    """After four tries the server's words are the error."""
    with chat_server(Refusal(500, "out of memory")) as server, pytest.raises(UserError, match="out of memory"):
        client(server).reply(HELLO)
    assert len(server.requests) == 4


@pytest.mark.parametrize("on_text", [None, lambda piece: None], ids=["whole", "streamed"])
def test_a_slow_server_is_left_in_time(on_text):
    """The time limit holds for the whole answer."""
    with chat_server(Slow(0.6)) as server, pytest.raises(UserError, match="did not answer"):
        client(server).reply(HELLO, sampling=Sampling(timeout_s=0.15), on_text=on_text)
    assert len(server.requests) == 1


def test_an_answer_broken_off_is_an_error():
    """Half an answer is never taken for a whole one."""
    with chat_server(BreakOff("It is")) as server, pytest.raises(UserError, match="broke off"):
        client(server).reply(HELLO, on_text=lambda piece: None)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal(404, "The model `tiny` does not exist."), "has no model 'tiny'"),
        (Refusal(400, "tiny is not a multimodal model"), "cannot see pictures"),
        (Refusal(401, "no key"), "OPENAI_API_KEY"),
        (Refusal(422, "top_k must be positive"), "top_k must be positive"),
        ({"detail": "hello"}, "without a message"),
    ],
    ids=["no such model", "no vision", "no key", "other", "another protocol"],
)
def test_refusals_say_what_to_do(refusal, words):
    """The sentence names the model or the server, and the remedy."""
    with chat_server(refusal) as server, pytest.raises(UserError, match=words):
        client(server).reply([Message.user(PICTURE, "What is it?")])
    assert len(server.requests) == 1


def test_the_model_is_chosen_among_those_served():
    """``#name`` chooses; a name that is not served is answered with those that are."""
    with chat_server("Hi.", models=("small", "large")) as server:
        assert OpenAIServer(server.url).name == "small"
        assert choose_model(f"{server.url}#large").name == "large"
        with pytest.raises(UserError, match="has no model 'huge'; it serves small, large"):
            OpenAIServer(f"{server.url}#huge")


def test_the_key_comes_from_the_environment(monkeypatch):
    """A key is sent only where one is set."""
    with chat_server("Hi.") as server:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        OpenAIServer(server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        OpenAIServer(server.url)
    assert server.keys == [None, "Bearer secret"]


def test_a_server_that_is_down_is_a_sentence():
    """The address and the remedy, no traceback."""
    with pytest.raises(UserError, match=r"No model server answers at http://127\.0\.0\.1:9/v1"):
        OpenAIServer("http://127.0.0.1:9", first_pause_s=0.01)


def test_the_probability_of_an_answer_is_the_sum_of_its_tokens():
    """vLLM gives the log-probabilities of a prompt's tokens; those of the answer are at its end."""

    def told(body):
        tokens = [None] + [{"5": {"logprob": -9.0}}] * 6
        is_answer = body["messages"][-1]["role"] == "assistant"
        tokens += [{"6": {"logprob": -0.5}}, {"7": {"logprob": -0.25}}] if is_answer else []
        usage = {"prompt_tokens": len(tokens)}
        return {"choices": [{"message": {"content": "x"}}], "usage": usage, "prompt_logprobs": tokens}

    with chat_server(told) as server:
        assert client(server).log_probability(HELLO, "a = -x") == -0.75
    assert server.requests[1]["continue_final_message"] is True


def test_a_server_that_tells_no_probabilities_is_a_sentence():
    """The prior needs them; the error says which server gives them."""
    with chat_server("Hi.") as server, pytest.raises(UserError, match="vLLM does"):
        client(server).log_probability(HELLO, "a = -x")


@pytest.mark.parametrize("text", ["embedded", "no/such/folder", "gpt"])
def test_what_names_no_model_is_a_sentence(text):
    """--model takes a folder, an address, embedded or none."""
    with pytest.raises(UserError, match="none"):
        choose_model(text)


def test_none_is_no_model():
    """The instruments work alone."""
    assert choose_model("none") is None


def test_an_image_that_is_no_picture_is_refused_by_name():
    """Bytes that cannot be decoded are a sentence, not a crash of OpenCV."""
    from motionlaw.agent.pictures import decode

    for data in (b"", b"no picture"):
        with pytest.raises(UserError, match="cannot be read"):
            decode(Image(data))
