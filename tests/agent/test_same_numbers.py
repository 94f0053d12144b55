"""Every tool says the same through the agent, the command line, MCP and Python."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from typer.testing import CliRunner

from agent import mcp_server
from agent.loop import Conversation
from agent.session import Session
from agent.toolbox import TOOLS
from agent.toolbox.running import run_tool
from app import app
from tests.agent.conftest import Server, calls
from tools.prepared import PreparedSlide
from tools.workspace import Workspace

ROOT = Path(__file__).parent.parent.parent
CALLS: dict[str, dict[str, Any]] = {
    "list_slides": {},
    "open_slide": {"slide": "skin"},
    "describe_slide": {},
    "tile_slide": {"spot_um": 55.0},
    "infer_expression": {},
    "rank_spots": {"query": "collagen", "minus": "fat", "top_k": 7},
    "highlight_region": {"query": "epidermis"},
    "top_genes": {"region": "epidermis", "versus": "stroma", "n": 4},
    "show_gene": {"genes": ["KRT14", "COL1A1"], "region": "epidermis"},
    "annotate_spots": {"labels": ["epidermis", "stroma", "fat"]},
    "describe_region": {"region": "stroma"},
    "compare_regions": {"region_a": "epidermis", "region_b": "collagen"},
    "cluster_spots": {"n": 3},
    "similar_spots": {"region": "epidermis", "slides": "this"},
    "search_slides": {"query": "fibroblasts", "top_k": 5},
    "score_gene_set": {"genes": ["KRT5", "KRT14"]},
    "spatial_relation": {"region_a": "immune cells", "region_b": "epidermis"},
    "view_region": {"region": "epidermis"},
    "export_result": {"kind": "csv"},
}


def test_every_tool_is_compared() -> None:
    assert set(CALLS) == {tool.name for tool in TOOLS}


@pytest.fixture
def fresh(workspace: Workspace, prepared: PreparedSlide) -> Callable[[], Session]:
    return lambda: Session(workspace, slide=prepared, opened=prepared.name)


def _without_file(words: str) -> str:
    """Words of an export up to the name of its file, which is new each time."""
    return words.partition(" File: ")[0]


def test_agent_mcp_and_python(fresh: Callable[[], Session], serve: Callable[[list[dict[str, Any]]], Server]) -> None:
    python = {name: run_tool(fresh(), name, args)[0] for name, args in CALLS.items()}

    script = [reply for name, args in CALLS.items() for reply in ({"calls": [[name, args]]}, {"text": "Done."})]
    settings = serve(script).settings()
    agent = {}
    for name in CALLS:
        event = calls(list(Conversation(fresh(), settings).ask(f"now {name.replace('_', ' ')}")))[0]
        assert not event.failed, (name, event.words)
        agent[event.tool] = event.words

    async def through_mcp() -> dict[str, str]:
        found = {}
        for name, args in CALLS.items():
            async with Client(mcp_server.build(fresh)) as client:
                found[name] = (await client.call_tool(name, args)).content[0].text
        return found

    served = anyio.run(through_mcp)
    for name in CALLS:
        words = _without_file(python[name])
        assert _without_file(agent[name]) == words, name
        assert _without_file(served[name]) == words, name


@pytest.mark.parametrize("name", list(CALLS))
def test_command_line(fresh: Callable[[], Session], workspace: Workspace, name: str) -> None:
    args = [f"{key}={json.dumps(value)}" for key, value in CALLS[name].items()]
    done = CliRunner().invoke(app, ["call", "skin", name, *args, "--workspace", str(workspace.root), "--json"])
    assert done.exit_code == 0, done.stderr
    session = Session(workspace) if name in ("list_slides", "open_slide") else fresh()
    words, artifacts = run_tool(session, name, CALLS[name])
    said = json.loads(done.stdout)
    assert _without_file(said["result"]) == _without_file(words)
    assert [artifact["kind"] for artifact in said["artifacts"]] == [artifact["kind"] for artifact in artifacts]


def test_command_line_as_a_process(fresh: Callable[[], Session], workspace: Workspace) -> None:
    command = ["app.py", "call", "skin", "top_genes", "region=epidermis", "n=3", "--workspace", str(workspace.root)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == run_tool(fresh(), "top_genes", {"region": "epidermis", "n": 3})[0]
    wrong = subprocess.run(
        [sys.executable, *command[:3], "dance", *command[-2:]], cwd=ROOT, capture_output=True, text=True
    )
    assert wrong.returncode == 2 and "There is no tool 'dance'" in wrong.stderr
