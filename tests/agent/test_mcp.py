"""The instruments as an MCP server, driven by the official client."""

import asyncio
import shutil
import sys

import numpy as np
import pytest
from films import moving_discs

pytest.importorskip("mcp", reason="the extra [mcp] is not installed")

from mcp import Client, StdioServerParameters

from motionlaw.tools.instruments import instruments
from motionlaw.tools.workspace import Workspace


def talk(folder, conversation):
    """Runs a conversation with ``motionlaw mcp`` in a process of its own."""

    async def run():
        server = StdioServerParameters(command=sys.executable, args=["-m", "motionlaw", "mcp", str(folder)])
        async with Client(server, read_timeout_seconds=120) as client:
            return await conversation(client)

    return asyncio.run(run())


def test_a_client_measures_a_film_over_stdio(tmp_path):
    """The same tools, schemas and sentences as everywhere: list, track, measure, and a wrong call."""
    moving_discs(tmp_path / "disc.mp4", [lambda t: (40 + 90 * t, 60.0)], times=np.arange(60) / 30)

    async def conversation(client):
        listed = await client.list_tools()
        tracked = await client.call_tool("track", {"video": "disc.mp4"})
        speed = await client.call_tool("speed", {"of": "track 1"})
        wrong = await client.call_tool("speed", {"off": "track 1"})
        outside = await client.call_tool("frames", {"video": "../other.mp4"})
        return client.instructions, listed.tools, tracked, speed, wrong, outside

    instructions, listed, tracked, speed, wrong, outside = talk(tmp_path, conversation)
    own = instruments(Workspace())
    assert "disc.mp4" in instructions
    assert [(one.name, one.input_schema) for one in listed] == [(one.name, one.parameters) for one in own]
    assert not tracked.is_error and [part.type for part in tracked.content] == ["text", "image"]
    mean = speed.structured_content["measurements"][0]
    assert mean["unit"] == "px/s" and mean["value"] == pytest.approx(90, abs=1)
    assert wrong.is_error and "Did you mean 'of'?" in wrong.content[0].text
    assert outside.is_error and outside.content[0].text.startswith("No file '../other.mp4' here.")


def test_a_client_measures_a_real_video(shared_data, tmp_path):
    """A filmed pendulum, tracked and measured by a client: 1.78 s."""
    shutil.copy(shared_data / "osp_tracker_clips" / "pendulum_drag" / "video.mp4", tmp_path / "swing.mp4")

    async def conversation(client):
        await client.call_tool("track", {})
        return await client.call_tool("period", {"of": "track 1"})

    found = talk(tmp_path, conversation).structured_content["measurements"][0]
    assert found["name"] == "period" and found["value"] == pytest.approx(1.78, abs=0.02)
