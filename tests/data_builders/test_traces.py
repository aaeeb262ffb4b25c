"""Conversations with calls: real results, true answers, repaired mistakes, and the form that TRL takes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from motionlaw.agent.messages import Image
from motionlaw.agent.pictures import decode
from motionlaw.data_builders import traces
from motionlaw.data_builders.trace_plans import Answer, Task, law_task, world_tasks
from motionlaw.data_builders.worlds import make_scene

FILM, TABLE = 5, 3  # a pendulum, and an oscillator's table


@pytest.fixture(scope="module")
def rows():
    """The conversations of a film and of a table, with mistakes wherever they may be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "MISTAKE_SHARE", 1.0)
        return traces.make(0, FILM) + traces.make(0, TABLE)


def test_every_call_has_its_result(rows):
    """Ids match one to one and in order; the last words are the answer."""
    for row in rows:
        asked = [call["id"] for message in row["messages"] for call in message["tool_calls"] or ()]
        answered = [message["tool_call_id"] for message in row["messages"] if message["role"] == "tool"]
        assert asked == answered
        assert row["messages"][-1]["content"] == [{"type": "text", "text": row["answer"]}]
        assert {message["role"] for message in row["messages"]} <= {"user", "assistant", "tool"}


def test_a_mistake_is_answered_and_repaired(rows):
    """The message named as a mistake is a call, its result says what is wrong, and the call is made again."""
    with_mistakes = [row for row in rows if row["mistakes"]]
    assert with_mistakes and all(len(row["mistakes"]) <= 1 for row in rows)
    for row in with_mistakes:
        wrong = row["messages"][row["mistakes"][0]]
        refused = row["messages"][row["mistakes"][0] + 1]
        again = row["messages"][row["mistakes"][0] + 2]
        assert wrong["tool_calls"] and refused["role"] == "tool" and again["tool_calls"]
        assert wrong["tool_calls"][0]["function"] != again["tool_calls"][0]["function"]


def test_images_fill_the_image_parts(rows):
    """As many pictures as empty parts, none in a tool's message, all of them readable."""
    for row in rows:
        parts = [(message["role"], part) for message in row["messages"] for part in message["content"]]
        empty = [role for role, part in parts if part["type"] == "image"]
        assert len(empty) == len(row["images"]) and "tool" not in empty
        assert all(decode(Image(picture["bytes"])).ndim == 3 for picture in row["images"])


def test_the_tools_are_those_that_were_called(rows):
    """Every call but the mistakes names a described tool with all of its required arguments."""
    for row in rows:
        known = {tool["function"]["name"]: tool["function"]["parameters"] for tool in json.loads(row["tools"])}
        for number, message in enumerate(row["messages"]):
            for call in message["tool_calls"] or () if number not in row["mistakes"] else ():
                json.loads(call["function"]["arguments"])
                assert call["function"]["name"] in known


def test_the_same_seed_gives_the_same_rows():
    """Down to the bytes of the pictures."""
    assert traces.make(4, FILM) == traces.make(4, FILM)


def test_an_answer_that_is_not_true_is_dropped(monkeypatch):
    """Conversations whose answers miss the truth are no rows; those of the fixture, with the real truth, are."""
    false = [
        replace(task, is_true=lambda value: False)
        for task in world_tasks(make_scene(0, FILM), np.random.default_rng(0))
    ]
    monkeypatch.setattr(traces, "world_tasks", lambda scene, rng: false)
    assert traces.make(0, FILM) == []


def test_a_law_must_have_every_term():
    """A law that fits within a percent but has a term too many, or one with a wrong number, is not true."""
    from motionlaw.data_builders.physsymbol import draw_oscillator

    drawn = draw_oscillator(traces.SEED_OF_TABLES, TABLE)
    is_true = law_task(drawn).is_true
    assert is_true(drawn.formula)
    assert not is_true(f"{drawn.formula} + 1e-9*x**5")
    assert not is_true(f"1.05*({drawn.formula})")


def test_rows_are_opened_by_datasets_as_trl_takes_them(rows, tmp_path):
    """Parquet and back: messages as they were, pictures as pictures."""
    datasets = pytest.importorskip("datasets", reason="the extra [data] is not installed")
    import pyarrow as pa
    import pyarrow.parquet as pq

    from motionlaw.data_builders.shards import full_schema

    schema = full_schema(traces.builder())
    filled = [row | {name: "" for name in schema.names if name not in row} for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema=schema), tmp_path / "rows.parquet")
    opened = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "rows.parquet"), split="train", cache_dir=tmp_path
    )
    assert opened[0]["messages"] == rows[0]["messages"]
    assert opened[0]["images"][0].size[0] <= 224


def test_a_refusal_is_a_refusal():
    """What motion does not show is refused without a call."""
    scene = make_scene(0, FILM)
    tasks = {task.topic: task for task in world_tasks(scene, np.random.default_rng(1))}
    plan = tasks["unanswerable"].plan()
    assert next(plan) == []
    with pytest.raises(StopIteration) as end:
        plan.send([])
    assert isinstance(end.value.value, Answer) and isinstance(tasks["absent"], Task)
    assert end.value.value.value == "refused"
