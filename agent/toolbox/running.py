"""A tool by its name, outside a conversation: what the command line, MCP and Python share with the loop."""

from collections.abc import Callable
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool
from pydantic import ValidationError

from agent.events import Artifact
from agent.session import Session
from agent.toolbox import TOOLS
from agent.toolbox.arguments import repaired, what_is_wrong
from tools.errors import ToolError
from tools.logs import timed


def tool_named(name: str) -> BaseTool:
    """The tool called `name`. Raises ToolError with those that there are."""
    by_name = {tool.name: tool for tool in TOOLS}
    if name not in by_name:
        raise ToolError(f"There is no tool '{name}'; tools: {', '.join(by_name)}.")
    return by_name[name]


def run_tool(
    session: Session, name: str, args: dict[str, Any], report: Callable[[Any], None] = lambda _: None
) -> tuple[str, list[Artifact]]:
    """Run one tool on a session: its words and its artefacts. Raises ToolError where it cannot do what is asked.

    `report` gets the Progress events of long tools.
    """
    tool = tool_named(name)
    runtime: ToolRuntime[Session] = ToolRuntime(
        state={}, context=session, config={}, stream_writer=report, tool_call_id=name, store=None, tools=[]
    )
    call = {"type": "tool_call", "id": name, "name": name, "args": repaired(tool, args) | {"runtime": runtime}}
    with session.lock, timed("tool", tool=name):
        try:
            message = tool.invoke(call)
        except ValidationError as error:
            raise ToolError(what_is_wrong(tool, error)) from error
        session.note_shown(message.artifact or [])
    return str(message.text), list(message.artifact or [])
