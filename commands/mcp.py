"""Serving the tools over MCP, and calling one from the command line."""

import json
from typing import Annotated, Any

import typer

from commands.shared import (
    DeviceOption,
    JsonOption,
    LogOption,
    MppOption,
    WorkspaceOption,
    open_or_prepare,
    runtime_of,
    settings_from,
    trail_of,
    workspace_of,
)
from settings import Settings
from terminal import errors_as_sentences, print_json, progress_bars, say
from tools.errors import ToolError


def mcp(
    slide: Annotated[str | None, typer.Option(help="Slide that is open from the start.")] = None,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP at /mcp; default: stdio.")] = False,
    host: Annotated[str, typer.Option(help="Another than 127.0.0.1 needs SPOTWHISPERER_MCP_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 7861,
    log: LogOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Serve the agent's tools to any MCP client, over stdio or streamable HTTP."""
    settings = settings_from(workspace=workspace, device=device, log=log)
    with errors_as_sentences():
        import anyio

        from agent import mcp_server

        if slide is not None:
            open_or_prepare(settings, slide, None)

        def begin() -> Any:
            session = _session(settings, slide)
            session.trail = trail_of(settings, "MCP")
            if http:  # whoever connects is not the one who began this server in some folder
                session.slide_folders = settings.slide_folders
            return session

        if http:
            import uvicorn

            token = settings.mcp_token.get_secret_value() if settings.mcp_token else None
            served = mcp_server.http_app(begin, host, token, settings.allowed_hosts)
            say(f"MCP at http://{host}:{port}/mcp (stop it with Ctrl+C)")
            uvicorn.run(served, host=host, port=port, log_level="warning", log_config=None)
        else:
            anyio.run(mcp_server.serve_stdio, begin)


def call(
    slide: Annotated[str, typer.Argument(help="Name in the workspace, path of a slide, or 'demo'.")],
    tool: Annotated[str, typer.Argument(help="Tool, such as spatial_relation; 'list' names them all.")],
    args: Annotated[list[str] | None, typer.Argument(help="Arguments as name=value; lists as a,b,c or JSON.")] = None,
    mpp: MppOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call one of the agent's tools: `call demo spatial_relation region_a=fat region_b=dermis`."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        from agent.toolbox import TOOLS
        from agent.toolbox.running import run_tool

        if tool == "list":
            for known in TOOLS:
                typer.echo(f"{known.name:18} {known.description.splitlines()[0]}")
            return
        given = dict(_argument(text) for text in args or [])
        session = _session(settings, None)
        if tool not in ("list_slides", "open_slide"):
            prepared = open_or_prepare(settings, slide, mpp)
            session.show(prepared.name, prepared)
        with progress_bars() as progress:
            words, artifacts = run_tool(session, tool, given, lambda e: progress(e.stage, e.done, e.total))
    if as_json:
        print_json({"tool": tool, "args": given, "result": words, "artifacts": artifacts})
    else:
        typer.echo(words)


def _session(settings: Settings, slide: str | None) -> Any:
    """State of a new conversation, with its slide open where one is named."""
    from agent.session import Session
    from tools.prepared import load_prepared

    workspace = workspace_of(settings)
    session = Session(workspace, models=settings.models, runtime=runtime_of(settings))
    session.slide_folders = (*settings.slide_folders, *session.slide_folders)
    if slide is not None:
        name = workspace.find(slide).name
        session.show(name, load_prepared(workspace, name, settings.device, settings.models_dir))
    return session


def _argument(text: str) -> tuple[str, Any]:
    """name=value; numbers and JSON are read as such, anything else is text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ToolError(f"'{text}' is no argument; write name=value, such as query='T cells'.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
