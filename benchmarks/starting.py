"""How long a start takes: the command line's import, the page until it answers its first question, where the time goes.

`python -m benchmarks.starting [--workspace WORKSPACE] [--repeats 3] [--json OUT]`: `app.py serve` is started on a
workspace in which the demo slide is prepared, and asked over HTTP as the page asks it. The first start is thrown away,
so that files lie in memory (a warm start). Reference: a bare `import torch, gradio` in a process of its own.
"""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.measuring import finish, parser, table
from settings import ROOT, Settings, apply_environment
from tools.prepare import prepare
from tools.workspace import Workspace

QUESTION = "where is the epidermis?"
IMPORTS = ("torch", "gradio", "anndata", "langchain.agents", "chromadb", "openslide", "viewer.server")
PATIENCE_S = 120


def main() -> None:
    """Measure, print medians and ratios."""
    made = parser(__doc__)
    made.add_argument("--workspace", type=Path, help="with the demo slide prepared; made where absent")
    made.add_argument("--repeats", type=int, default=3)
    given = made.parse_args()
    apply_environment()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(given.workspace or Path(scratch), Settings().demo_slide)
        prepare(workspace, "demo")
        starts = [start_and_ask(workspace) for _ in range(given.repeats + 1)][1:]
    bare = python_seconds("import torch, gradio", given.repeats)
    parts = {name: median(start[name] for start in starts) for name in starts[0]}
    parts |= {"import of the command line": python_seconds("import app", given.repeats)}
    imports = {name: python_seconds(f"import {name}", given.repeats) for name in IMPORTS}
    heads = ["part", "seconds", "ratio to import torch, gradio"]
    table("a warm start", heads, [[name, s, s / bare] for name, s in ({"import torch, gradio": bare} | parts).items()])
    table("imports, each in a process of its own", heads, [[name, s, s / bare] for name, s in imports.items()])
    finish({"import torch, gradio": bare, "start": parts, "imports": imports}, given.out)


def python_seconds(code: str, repeats: int) -> float:
    """Median wall time of a Python process that runs `code`, after one run that is thrown away."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return median(times[1:])


def start_and_ask(workspace: Workspace) -> dict[str, float]:
    """Seconds from the command to a healthy server, the page, the slide in it, the first answer, a second one."""
    begin = time.perf_counter()
    found: dict[str, float] = {}

    def note(what: str) -> None:
        found[what] = time.perf_counter() - begin

    with served(workspace) as address, httpx.Client(base_url=address, timeout=PATIENCE_S) as web:
        note("server answers")
        web.get("/").raise_for_status()
        config = web.get("/config").json()
        note("page is there")
        page = _Page(web, {str(d["api_name"]): int(d["id"]) for d in config["dependencies"]})
        visit = re.search(r"[0-9a-f]{32}", json.dumps(page.call("arrive", [])))
        assert visit is not None
        note("slide is open")
        for what in ("first answer", "second answer"):
            said = json.dumps(page.call("ask", [QUESTION, visit[0]]))
            assert "epidermis" in said
            note(what)
    return found


class _Page:
    """The page's handlers over HTTP, as its script calls them."""

    def __init__(self, web: httpx.Client, functions: dict[str, int]) -> None:
        self._web, self._functions, self._hash = web, functions, uuid4().hex[:12]

    def call(self, name: str, data: list[Any]) -> Any:
        """The last message that the handler sent."""
        body = {"data": data, "fn_index": self._functions[name], "session_hash": self._hash, "trigger_id": None}
        self._web.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self._web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._hash}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
                if message["msg"] == "process_completed":
                    assert message.get("success", True), line[:300]
                    return message
        raise AssertionError(f"{name} ended without an answer")


@contextlib.contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """A server process that answers, and its address; told to end afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "serve", "--workspace", str(workspace.root), "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/healthz", timeout=5).status_code == httpx.codes.OK:
                    break
            if server.poll() is not None:
                sys.exit(f"The server ended with {server.returncode} before it answered.")
            time.sleep(0.05)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


if __name__ == "__main__":
    main()
