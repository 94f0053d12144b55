"""Many visitors at once: how long they wait, whether anything leaks between them, whether memory grows.

`python -m benchmarks.soak [--visitors 50] [--questions 1000] [--models fake|starter] [--out FILE]`, or `--quick` for
about a minute. A server in a process of its own is asked over HTTP as the page asks it, each visitor with a cookie, a
slide and questions of its own. Times are told as ratios to one visitor alone on the same server in the same run. Needs
the packages of the tests and the demo slide.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from settings import Settings
from tools.files import write_json
from tools.prepare import PrepareOptions, prepare
from tools.workspace import Workspace

ROOT = Path(__file__).parent.parent
SLIDES = 4
ASK = (
    "where is the {word}?", "show me {gene}", "which genes mark the {word}?", "heat map of {word}", "cluster the spots",
    "describe the {word}", "how far is the {word} from the epidermis?", "what am I looking at?",
    "zoom in on the {word}", "{word} minus epidermis",
)  # fmt: skip
WORDS = (
    "stroma", "collagen", "fat", "immune cells", "fibroblasts", "keratinocytes", "blood vessels", "smooth muscle",
    "dermis", "T cells", "macrophages", "necrosis", "sweat glands", "endothelium", "hair follicles", "nerve",
)  # fmt: skip
GENES = ("KRT14", "KRT5", "COL1A1", "VIM", "EPCAM", "ACTA2", "CD3E", "MS4A1")


@dataclass
class Visitor:
    """One browser, as far as the server can tell."""

    number: int
    web: httpx.AsyncClient
    slide: str
    functions: dict[str, int]
    hash: str = field(default_factory=lambda: uuid4().hex[:12])
    visit: str = ""
    asked: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    places: int = 0
    failures: list[str] = field(default_factory=list)

    async def arrive(self) -> None:
        """Open the page and the visitor's own slide."""
        (await self.web.get("/")).raise_for_status()
        said = await self._call("arrive", [])
        done = json.loads(said.splitlines()[-1][5:])
        self.visit = re.search(r"[0-9a-f]{32}", json.dumps(done["output"]["data"][0]))[0]  # type: ignore[index]
        await self._call("go", [self.visit], {"do": "open", "slide": self.slide})

    async def ask(self, question: str) -> None:
        """One question, until its answer is whole."""
        start = time.monotonic()
        said = await self._call("ask", [question, self.visit])
        self.seconds.append(time.monotonic() - start)
        self.asked.append(question)
        self.places += said.count("in line")

    async def check(self, others: list["Visitor"]) -> None:
        """What is kept for this visitor is this visitor's, and nobody else's can be read."""
        talk = (await self.web.get(f"/sw/visits/{self.visit}/export/talk")).text
        heard = re.findall(r"^## (.*)$", talk, re.M)
        if heard != self.asked:
            self.failures.append(f"{self.number}: kept {len(heard)} questions of {len(self.asked)}, or of others")
        state = (await self.web.get(f"/sw/visits/{self.visit}")).json()
        if state["slide"]["title"] != self.slide:
            self.failures.append(f"{self.number}: shows {state['slide']['title']} in place of {self.slide}")
        mine = " ".join(self.asked).lower()
        foreign = [region["query"] for region in state["regions"] if region["query"].lower() not in mine]
        if foreign:
            self.failures.append(f"{self.number}: regions that were never asked for: {foreign}")
        listed = {entry["id"] for entry in (await self.web.get("/sw/conversations")).json()}
        if listed != {self.visit}:
            self.failures.append(f"{self.number}: sees {len(listed)} conversations")
        for other in others:
            for path in ("", "/export/talk", "/spots"):
                if (await self.web.get(f"/sw/visits/{other.visit}{path}")).status_code != 404:
                    self.failures.append(f"{self.number}: reads {path} of {other.number}")

    async def _call(self, name: str, data: list[Any], event: dict[str, Any] | None = None) -> str:
        """Call one of the page's handlers as its script does; everything that came back, as text."""
        body = {"data": data, "fn_index": self.functions[name], "session_hash": self.hash, "trigger_id": None}
        joined = await self.web.post("/gradio_api/queue/join", json=body | {"event_data": event})
        joined.raise_for_status()
        said: list[str] = []
        async with self.web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.hash}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                said.append(line)
                message = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    if not message.get("success", True):
                        self.failures.append(f"{self.number}: {name} failed: {line[:300]}")
                    break
        return "\n".join(said)


def make_workspace(root: Path, models: str) -> Workspace:
    """Copies of the demo slide under names of their own, prepared."""
    demo = Settings().demo_slide
    if not demo.exists():
        sys.exit(f"The demo slide is not at {demo}; `make setup` brings it.")
    workspace = Workspace(root / "workspace")
    for n in range(SLIDES):
        copy = root / f"slide{'ABCD'[n]}.svs"
        shutil.copy(demo, copy)
        prepare(workspace, str(copy), PrepareOptions(models=models))
        sys.stderr.write(f"prepared {copy.stem}\n")
    return workspace


@contextlib.contextmanager
def served(workspace: Workspace, models: str) -> Any:
    """A server process and its address; told to end afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "serve", "--workspace", str(workspace.root), "--port", str(port)]
    env = os.environ | {"SPOTWHISPERER_MODELS": models, "SPOTWHISPERER_CHAT_MODEL": "offline"}
    with (workspace.root / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stderr=log)
        try:
            for _ in range(400):
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                        break
                time.sleep(0.3)
            yield server, f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def rss_mb(pid: int) -> float:
    """Memory of the server that lies in RAM."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


async def functions_of(address: str) -> dict[str, int]:
    """Which number each of the page's handlers has: arrive, go, ask."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as web:
        config = (await web.get("/config")).json()
    found: dict[str, int] = {}
    slide = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "sw-slide")
    for dependency in config["dependencies"]:
        for target, kind in dependency["targets"] if dependency["backend_fn"] else ():
            if kind == "load":
                found["arrive"] = dependency["id"]
            elif target == slide and kind == "submit":
                found["go"] = dependency["id"]
            elif kind == "submit" and target != slide and len(dependency["inputs"]) == 2:
                found["ask"] = dependency["id"]
    return found


def questions(number: int, n: int) -> list[str]:
    """What a visitor asks: the same kinds, about words that wander from visitor to visitor."""
    asked = []
    for i in range(n):
        word = WORDS[(number * 3 + i * 5) % len(WORDS)]
        asked.append(ASK[(number + i) % len(ASK)].format(word=word, gene=GENES[(number + i) % len(GENES)]))
    return asked


async def soak(address: str, pid: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """One visitor alone, then all of them at once, then one while a slide is prepared."""
    functions, each = await functions_of(address), max(1, chosen.questions // chosen.visitors)
    async with contextlib.AsyncExitStack() as stack:

        async def visitor(number: int) -> Visitor:
            web = httpx.AsyncClient(base_url=address, timeout=600, limits=httpx.Limits(max_connections=4))
            one = Visitor(number, await stack.enter_async_context(web), f"slide{'ABCD'[number % SLIDES]}", functions)
            await one.arrive()
            return one

        alone = await visitor(0)
        for question in questions(99, 5) + questions(0, 20):  # the first few load models
            await alone.ask(question)
        single = np.array(alone.seconds[5:])
        many = list(await asyncio.gather(*(visitor(n) for n in range(1, chosen.visitors + 1))))
        memory: list[tuple[int, float]] = [(0, rss_mb(pid))]
        done = 0

        async def all_of(one: Visitor) -> None:
            nonlocal done
            for question in questions(one.number, each):
                await one.ask(question)
                done += 1
                if done % 25 == 0:
                    memory.append((done, rss_mb(pid)))

        start = time.monotonic()
        await asyncio.gather(*(all_of(one) for one in many))
        took = time.monotonic() - start
        for i, one in enumerate(many):
            await one.check([many[(i + 1) % len(many)], many[(i + 7) % len(many)]] if len(many) > 7 else [])
        beside = await while_preparing(alone, address)
        health = (await alone.web.get("/health")).json()
    return report(chosen, single, many, memory, took) | beside | {"health": health}


async def while_preparing(one: Visitor, address: str) -> dict[str, Any]:
    """How long answers take while the server prepares another slide."""
    demo = Settings().demo_slide.read_bytes()
    name = (await one.web.put("/sw/uploads/slow.svs", content=demo)).json()["slide"]
    await one.web.post("/sw/jobs", json={"slide": name})
    before, state = len(one.seconds), "running"
    for question in questions(3, 40):
        await one.ask(question)
        rows = (await one.web.get("/sw/slides")).json()["slides"]
        job = next(row for row in rows if row["name"] == name)["job"]
        state = job["state"] if job else "done"
        if state == "done":
            break
    during = one.seconds[before:]
    return {"while_preparing": {"answers": len(during), "median_s": float(np.median(during)), "job_then": state}}


def report(
    chosen: argparse.Namespace, single: np.ndarray, many: list[Visitor], memory: list[tuple[int, float]], took: float
) -> dict[str, Any]:
    """Figures of a run."""
    seconds = np.concatenate([one.seconds for one in many])
    at, mb = np.array(memory).T
    late = at >= at.max() / 3
    slope = float(np.polyfit(at[late], mb[late], 1)[0]) if late.sum() > 2 else float("nan")
    alone = {"p50_s": float(np.percentile(single, 50)), "p95_s": float(np.percentile(single, 95))}
    together = {"p50_s": float(np.percentile(seconds, 50)), "p95_s": float(np.percentile(seconds, 95))}
    return {
        "visitors": len(many),
        "questions": len(seconds),
        "models": chosen.models,
        "alone": alone,
        "together": together | {"answers_per_s": len(seconds) / took},
        "ratio": {key[:3]: together[key] / alone[key] for key in alone},
        "places_shown": sum(one.places for one in many),
        "failures": [failure for one in many for failure in one.failures],
        "memory_mb": [[int(n), round(m, 1)] for n, m in memory],
        "memory_slope_kb_per_question": round(slope * 1024, 1),
    }


def ending(server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """How the server ends when it is told to."""
    start = time.monotonic()
    server.send_signal(signal.SIGTERM)
    code = server.wait(60)
    return {"ending": {"exit_code": code, "seconds": round(time.monotonic() - start, 2)}}


def main() -> None:
    """Soak, print, write where asked; exit code 1 where anything leaked or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--questions", type=int, default=1000, help="of all visitors together")
    parser.add_argument("--models", default="starter", choices=("fake", "starter"))
    parser.add_argument("--quick", action="store_true", help="10 visitors, 60 questions, fake models")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.visitors, chosen.questions, chosen.models = 10, 60, "fake"
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder), chosen.models)
        with served(workspace, chosen.models) as (server, address):
            found = asyncio.run(soak(address, server.pid, chosen)) | ending(server)
            log = (workspace.root / "server.log").read_text(errors="replace")
            broke = log.count("Traceback")
    found["tracebacks_in_log"] = broke
    sys.stderr.write(log[-4_000:] if broke else "")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if chosen.out:
        write_json(chosen.out, found)
    sys.exit(1 if found["failures"] or broke or found["ending"]["exit_code"] else 0)


if __name__ == "__main__":
    main()
