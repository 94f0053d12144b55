"""The door to MCP: the same tools for any client, over stdio or streamable HTTP, pictures and files as resources."""

import base64
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
from anyio.from_thread import run as run_in_loop
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from starlette.types import ASGIApp

from agent.events import Artifact, Progress
from agent.mcp_resources import content, figure_jpeg, picture_jpeg, resources
from agent.replay import WRITING
from agent.session import Call, Session
from agent.toolbox import TOOLS
from agent.toolbox.running import run_tool
from agent.web_guard import TokenGuard
from tools.errors import ToolError
from tools.network import is_loopback

NAME = "spotwhisperer"
SESSION_HEADERS = ("mcp-session-id", "x-spotwhisperer-session")
MOST_SESSIONS = 50
INSTRUCTIONS = (
    "Tools over H&E slides: open a slide first (list_slides, open_slide), then ask about regions, genes and relations; "
    "ids that a tool returns (r1, c2) can be passed to others. Expression is predicted from the image unless a result "
    "says measured. For research, never for a diagnosis."
)


class Sessions:
    """A conversation's state per MCP session; clients of a protocol without sessions share one."""

    def __init__(self, make: Callable[[], Session]) -> None:
        self._make = make
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def of(self, context: ServerRequestContext[Any]) -> Session:
        """The session of this request, begun if it is new; the longest unused go."""
        headers = getattr(context.request, "headers", None) or {}
        key = next((str(headers[name]) for name in SESSION_HEADERS if headers.get(name)), "")
        if key not in self._kept:
            self._kept[key] = self._make()
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_SESSIONS:
            self._kept.popitem(last=False)
        return self._kept[key]


def build(make_session: Callable[[], Session]) -> Server[Any]:
    """The server; `make_session` begins a conversation's state."""
    sessions = Sessions(make_session)

    async def list_tools(_: ServerRequestContext[Any], __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_declared(tool) for tool in TOOLS])

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        session = sessions.of(context)

        def report(event: Any) -> None:
            if isinstance(event, Progress):
                run_in_loop(context.session.report_progress, float(event.done), float(event.total), event.stage)

        return await anyio.to_thread.run_sync(partial(_call, session, params.name, params.arguments or {}, report))

    async def list_resources(context: ServerRequestContext[Any], _: Any) -> types.ListResourcesResult:
        found = resources(sessions.of(context))
        return types.ListResourcesResult(
            resources=[types.Resource(uri=r.uri, name=r.name, mime_type=r.mime, description=r.words) for r in found]
        )

    async def read_resource(
        context: ServerRequestContext[Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        session, uri = sessions.of(context), str(params.uri)
        try:
            mime, data = await anyio.to_thread.run_sync(partial(content, session, uri))
        except ToolError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        if mime.startswith("text/") or mime.endswith("json"):
            return types.ReadResourceResult(
                contents=[types.TextResourceContents(uri=uri, mime_type=mime, text=data.decode("utf-8"))]
            )
        blob = base64.b64encode(data).decode("ascii")
        return types.ReadResourceResult(contents=[types.BlobResourceContents(uri=uri, mime_type=mime, blob=blob)])

    return Server(
        NAME,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


def http_app(
    make_session: Callable[[], Session], host: str = "127.0.0.1", token: str | None = None, names: tuple[str, ...] = ()
) -> ASGIApp:
    """An ASGI app that speaks streamable HTTP at /mcp, to clients that send `token`.

    `names` are those of this server beside localhost. Raises ToolError for an address that others reach and no token.
    """
    if token is None and not is_loopback(host):
        raise ToolError(
            f"MCP at {host} can be reached by others, so it needs a token: set SPOTWHISPERER_MCP_TOKEN to a long "
            "random text, which clients send as 'Authorization: Bearer ...'; or leave the host at 127.0.0.1."
        )
    checked_by_us = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = build(make_session).streamable_http_app(host=host, transport_security=checked_by_us)
    app.add_middleware(TokenGuard, token=token, names=names)
    return app


async def serve_stdio(make_session: Callable[[], Session]) -> None:
    """Serve one client over standard input and output, until it hangs up."""
    server = build(make_session)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _declared(tool: Any) -> types.Tool:
    schema = tool.tool_call_schema.model_json_schema()
    schema.pop("description", None)
    writes = tool.name in WRITING
    hints = types.ToolAnnotations(
        read_only_hint=not writes, destructive_hint=tool.name == "tile_slide", open_world_hint=False
    )
    return types.Tool(name=tool.name, description=tool.description, input_schema=schema, annotations=hints)


def _call(session: Session, name: str, args: dict[str, Any], report: Callable[[Any], None]) -> types.CallToolResult:
    trail = session.trail
    begun, start, failed = trail.begin(session) if trail else {}, time.monotonic(), False
    try:
        words, artifacts = run_tool(session, name, args, report)
    except ToolError as error:
        words, artifacts, failed = str(error), [], True
    if trail:
        call = Call(name, args, words, artifacts, failed, 1000 * (time.monotonic() - start))
        trail.write(begun, session, {"question": "", "answer": ""}, (call,))
    if failed:
        return types.CallToolResult(content=[types.TextContent(type="text", text=words)], is_error=True)
    parts: list[types.ContentBlock] = [types.TextContent(type="text", text=words)]
    parts += [
        types.ImageContent(type="image", data=base64.b64encode(jpeg).decode("ascii"), mime_type="image/jpeg")
        for jpeg in _pictures(session, artifacts)
    ]
    uris = {f"file:{a['name']}" for a in artifacts if a["kind"] == "file"}
    parts += [
        types.ResourceLink(type="resource_link", uri=r.uri, name=r.name, mime_type=r.mime)
        for r in resources(session)
        if r.key in uris
    ]
    return types.CallToolResult(content=parts, structured_content={"artifacts": artifacts})


def _pictures(session: Session, artifacts: list[Artifact]) -> list[bytes]:
    """Pictures that a call made; a new map or outline as a figure of what is shown."""
    made = [picture_jpeg(session.pictures[a["image"]]) for a in artifacts if a["kind"] == "image"]
    drawn = any(a["kind"] == "layer" or (a["kind"] == "regions" and a["regions"]) for a in artifacts)
    return made if made or not drawn else [figure_jpeg(session)]
