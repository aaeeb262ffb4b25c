"""``motionlaw mcp FOLDER``: the instruments as an MCP server, for any MCP client, over stdin and stdout.

    {"mcpServers": {"motionlaw": {"command": "motionlaw", "args": ["mcp", "/path/to/recordings"]}}}

The tools are those of `motionlaw.tools.instruments`, with the same schemas and the same sentences where a call is
wrong. A client reaches the files of the folder and nothing else; results are kept by handle as long as the server runs.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from motionlaw import __version__
from motionlaw.tools.errors import missing_extra
from motionlaw.tools.instruments import instruments
from motionlaw.tools.registry import ToolResult, call
from motionlaw.tools.scale import parse_scale
from motionlaw.tools.workspace import Workspace

if TYPE_CHECKING:
    from mcp.server import Server

INSTRUCTIONS = (
    "Instruments that measure motion in videos and tables. Begin with track (a video) or read_table (a table); they "
    "give handles such as 'track 1' that the other tools take. Pixels have y down, coordinates y up. Files: {names}."
)


def serve(folder: str, *, scale: str | None = None) -> int:
    """Serves the instruments until the client hangs up.

    Args:
        folder: Where the files lie that clients may use.
        scale: Pixels and length, e.g. ``120px=0.5m``; videos stay in pixels without it.

    Returns:
        The exit status: 0.

    Raises:
        UserError: There is no such folder, or the extra is missing.
    """
    workspace = Workspace(folder=folder, scale=parse_scale(scale))
    server = make_server(workspace)
    import anyio
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)
    return 0


def make_server(workspace: Workspace) -> Server[Any]:
    """Makes the server for one session.

    Args:
        workspace: Its files and results.

    Raises:
        UserError: The extra is missing.
    """
    try:
        import anyio
        import mcp_types as types
        from mcp.server import Server
    except ModuleNotFoundError:
        raise missing_extra("Serving MCP clients", "the MCP SDK", "mcp") from None
    tools = instruments(workspace)
    listed = [types.Tool(name=one.name, description=one.description, input_schema=one.parameters) for one in tools]

    async def list_tools(context: Any, parameters: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(context: Any, parameters: types.CallToolRequestParams) -> types.CallToolResult:
        # In a thread: the server goes on answering while a video is tracked.
        result = await anyio.to_thread.run_sync(partial(call, tools, parameters.name, parameters.arguments))
        return types.CallToolResult.model_validate(_content(result))

    instructions = INSTRUCTIONS.format(names=", ".join(workspace.names()) or "none yet")
    return Server(
        "motionlaw", version=__version__, instructions=instructions, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _content(result: ToolResult) -> dict[str, Any]:
    """A result as MCP content: text, pictures, and the data as structured content where JSON can hold them."""
    from motionlaw.agent.pictures import encode

    content: list[dict[str, Any]] = [{"type": "text", "text": result.text}]
    for picture in result.images:
        encoded = encode(picture)
        data = encoded.url.partition(",")[2]
        content.append({"type": "image", "data": data, "mimeType": encoded.media_type})
    structured = json.loads(json.dumps(result.data, default=str, allow_nan=True), parse_constant=lambda _: None)
    return {"content": content, "structuredContent": structured, "isError": not result.ok}
