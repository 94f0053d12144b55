"""The MCP server through the SDK's own client: stdio as a process, streamable HTTP on loopback."""

import base64
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from PIL import Image

from agent import mcp_server
from agent.session import Session
from agent.toolbox import TOOLS
from agent.toolbox.running import run_tool
from tools.prepared import PreparedSlide
from tools.workspace import Workspace

ROOT = Path(__file__).parent.parent.parent


def command(workspace: Workspace, slide: str) -> list[str]:
    return [str(ROOT / "app.py"), "mcp", "--workspace", str(workspace.root), "--slide", slide]


@pytest.fixture
def http_url(workspace: Workspace, prepared: PreparedSlide) -> Iterator[str]:
    """A server process on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *command(workspace, prepared.name), "--http", "--port", str(port)], cwd=ROOT
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(20)


async def talk(client: Client, session: Session) -> None:
    """What must hold whatever the transport is."""
    listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
    schema = next(tool for tool in listed if tool.name == "top_genes").input_schema
    assert set(schema["properties"]) == {"region", "versus", "n"} and schema["required"] == ["region"]

    outlined = await client.call_tool("highlight_region", {"query": "epidermis"})
    words, artifacts = run_tool(session, "highlight_region", {"query": "epidermis"})
    assert outlined.content[0].text == words and not outlined.is_error
    assert outlined.structured_content == {"artifacts": artifacts}
    picture = Image.open(io.BytesIO(base64.b64decode(outlined.content[1].data)))
    assert outlined.content[1].mime_type == "image/jpeg" and picture.width > 500

    follow = await client.call_tool("top_genes", {"region": "r1", "n": 3})
    assert follow.content[0].text == run_tool(session, "top_genes", {"region": "r1", "n": 3})[0]

    refused = await client.call_tool("show_gene", {"genes": ["KRT99"]})
    assert refused.is_error and "does not predict the gene 'KRT99'" in refused.content[0].text
    wrong = await client.call_tool("export_result", {"kind": "docx"})
    assert wrong.is_error and "geojson" in wrong.content[0].text

    crop = await client.call_tool("view_region", {"region": "r1"})
    assert [part.type for part in crop.content] == ["text", "image"]

    saved = await client.call_tool("export_result", {"kind": "csv", "path": "from_mcp.csv"})
    link = saved.content[1]
    table = await client.read_resource(link.uri)
    assert table.contents[0].text.startswith("spot,x,y") and table.contents[0].mime_type == "text/csv"

    uris = {str(resource.uri) for resource in (await client.list_resources()).resources}
    assert {"spotwhisperer://shown.jpg", "spotwhisperer://regions.geojson", "spotwhisperer://pictures/p1.jpg"} <= uris
    outlines = await client.read_resource("spotwhisperer://regions.geojson")
    assert '"FeatureCollection"' in outlines.contents[0].text
    shown = await client.read_resource("spotwhisperer://shown.jpg")
    assert base64.b64decode(shown.contents[0].blob).startswith(b"\xff\xd8")
    with pytest.raises(MCPError, match="no resource"):
        await client.read_resource("spotwhisperer://../../etc/passwd")


def test_stdio(workspace: Workspace, prepared: PreparedSlide, session: Session) -> None:
    server = StdioServerParameters(command=sys.executable, args=command(workspace, prepared.name), cwd=ROOT)

    async def run() -> None:
        async with Client(server) as client:
            await talk(client, session)

    anyio.run(run)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_streamable_http(http_url: str, session: Session, mode: Any) -> None:
    async def run() -> None:
        async with Client(http_url, mode=mode) as client:
            await talk(client, session)

    anyio.run(run)


def test_sessions_of_two_clients_are_apart(workspace: Workspace, prepared: PreparedSlide) -> None:
    class Context:
        def __init__(self, key: str) -> None:
            self.request = type("Request", (), {"headers": {"mcp-session-id": key} if key else {}})()

    made = mcp_server.Sessions(lambda: Session(workspace, slide=prepared, opened=prepared.name))
    one, other, again = (made.of(Context(key)) for key in ("a", "b", "a"))  # type: ignore[arg-type]
    assert one is again and one is not other
    assert made.of(Context("")) is made.of(Context(""))  # type: ignore[arg-type]
