"""Tools by name: schemas from type hints, and a result for every call."""

import threading
import time
from typing import Annotated, Literal

import numpy as np
import pytest

from motionlaw.tools.errors import ToolError
from motionlaw.tools.registry import Output, call, make_tool
from motionlaw.tools.schema import Between
from motionlaw.tools.workspace import Workspace


def speed(
    of: str, unit: Literal["px", "m"] = "px", rows: Annotated[int, Between(1, 9)] = 3, at: list[float] | None = None
):
    """Measures a speed.

    More about it.

    Args:
        of: Handle of a track,
            e.g. "track 1".
        unit: Unit of length.
        rows: How many rows.
        at: Times, seconds.

    Returns:
        Text.
    """
    return f"{of} {unit} {rows} {at}"


def slow(seconds: float) -> str:
    """Waits.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)
    return "done"


def broken() -> str:
    """Cannot."""
    raise ToolError("The track is empty.")


def bug() -> str:
    """Has a fault."""
    raise ZeroDivisionError("one")


def keep(workspace: Workspace, name: str) -> Output:
    """Keeps a number.

    Args:
        name: Its handle.
    """
    return Output("kept", kept={name: 42})


TOOLS = [make_tool(one) for one in (speed, broken, bug)]


def test_schema_comes_from_types_and_docstring():
    """Types, defaults, choices, bounds and descriptions are those of the function."""
    schema = TOOLS[0].parameters
    assert TOOLS[0].description == "Measures a speed. More about it."
    assert schema["required"] == ["of"] and schema["additionalProperties"] is False
    assert schema["properties"] == {
        "of": {"type": "string", "description": 'Handle of a track, e.g. "track 1".'},
        "unit": {"type": "string", "enum": ["px", "m"], "description": "Unit of length.", "default": "px"},
        "rows": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many rows.", "default": 3},
        "at": {"type": "array", "items": {"type": "number"}, "maxItems": 64, "description": "Times, seconds."},
    }


def test_strict_form_requires_all_and_allows_null():
    """Structured output needs every argument; those with a default may be null."""
    form = TOOLS[0].to_openai()
    assert form["type"] == "function" and form["function"]["strict"] is True
    parameters = form["function"]["parameters"]
    assert parameters["required"] == ["of", "unit", "rows", "at"]
    assert parameters["properties"]["unit"]["enum"] == ["px", "m", None]
    assert call(TOOLS, "speed", {"of": "track 1", "unit": None, "rows": None, "at": None}).text == "track 1 px 3 None"


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("speeed", {}, "No tool 'speeed'. Did you mean 'speed'? Tools: broken, bug, speed."),
        ("speed", {}, "speed needs the argument 'of': Handle of a track, e.g. \"track 1\"."),
        ("speed", {"of": "a", "unti": "m"}, "speed has no argument 'unti'. Did you mean 'unit'? Arguments: at,"),
        ("speed", {"of": "a", "unit": "km"}, "speed: unit cannot be 'km'. Did you mean 'm'? Choices: m, px."),
        ("speed", {"of": "a", "rows": 10}, "speed: rows must lie between 1 and 9, got 10."),
        ("speed", {"of": "a", "rows": "many"}, "speed: rows must be an integer, got 'many'."),
        ("speed", {"of": 3}, "speed: of must be a string, got 3."),
        ("speed", {"of": "a", "at": [float("nan")]}, "speed: at must be a number, got nan."),
        ("speed", "{of", "The arguments of speed are no JSON:"),
        ("speed", "[1]", "The arguments of speed must be an object, got [1]."),
        ("broken", {}, "The track is empty."),
    ],
)
def test_every_wrong_call_gets_a_sentence(name, arguments, text):
    """Name, rule, value, remedy: nothing is raised at the caller."""
    result = call(TOOLS, name, arguments)
    assert not result.ok and result.text.startswith(text) and result.data == {"error": result.text}


def test_numbers_written_as_text_are_numbers():
    """Models write 3 as "3" and 3.0."""
    assert call(TOOLS, "speed", {"of": "a", "rows": "3", "at": "1.5"}).text == "a px 3 [1.5]"
    assert call(TOOLS, "speed", '{"of": "a", "rows": 3.0}').text == "a px 3 None"


def test_a_bug_keeps_its_traceback():
    """What is neither a tool's nor a user's error is raised."""
    with pytest.raises(ZeroDivisionError):
        call(TOOLS, "bug")


def test_a_tool_that_does_not_answer_is_killed():
    """The time limit is a hard one, and the call gets a result."""
    begun = time.monotonic()
    result = call([make_tool(slow, limit_s=0.5)], "slow", {"seconds": 60})
    assert not result.ok and "did not answer within 0.5 s" in result.text and time.monotonic() - begun < 20
    assert call([make_tool(slow, limit_s=30)], "slow", {"seconds": 0}).text == "done"


def test_calls_of_one_session_from_many_threads_all_are_kept():
    """Results are kept in the session, whatever process and thread the call ran in."""
    session = Workspace()
    tool = make_tool(keep, session=session, limit_s=60)
    assert list(tool.parameters["properties"]) == ["name"]
    threads = [threading.Thread(target=call, args=([tool], "keep", {"name": f"a {k}"})) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.kept == {"a 0": 42, "a 1": 42, "a 2": 42}


def test_a_tool_without_words_is_refused():
    """An argument nobody described is a fault of the program, found when the tool is made."""

    def odd(x: float) -> str:
        """Does."""
        return ""

    with pytest.raises(TypeError, match="must give 'x' a type and a line under Args"):
        make_tool(odd)
    with pytest.raises(TypeError, match="must give 'y'"):
        make_tool(lambda y: "")


def test_images_and_data_come_through():
    """An output's pictures and data reach the caller."""

    def show() -> Output:
        """Shows."""
        return Output("seen", {"n": 1}, (np.zeros((2, 2, 3), np.uint8),))

    result = call([make_tool(show)], "show")
    assert result.data == {"n": 1} and result.images[0].shape == (2, 2, 3) and result.seconds >= 0
