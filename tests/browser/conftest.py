"""A server in its own process over a synthetic prepared slide, and a Chromium that watches for what must not happen."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from setup_env import CHROMES
from tools.workspace import Workspace
from viewer.routes import OPENSEADRAGON

ROOT = Path(__file__).parent.parent.parent
LARGEST_SHIFT = 0.02  # sum over the whole visit; below 0.1 counts as good (https://web.dev/articles/cls)
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = (entry.sources || []).map(({ node }) => node?.id || node?.className || node?.nodeName);
    if (!entry.hadRecentInput) window.shifts.push({ value: entry.value, at: Math.round(entry.startTime), moved });
  }
}).observe({ type: 'layout-shift', buffered: true });
"""
FLAGS = (
    "--no-sandbox --disable-gpu --disable-sync --no-first-run --disable-background-networking "
    "--disable-component-update"
)


@contextmanager
def served(workspace: Workspace, folder: Path, models: str) -> Iterator[str]:
    """The address of a server, in a process of its own, over a workspace."""
    if not OPENSEADRAGON.is_file():
        pytest.skip("OpenSeadragon is not set up; `make setup` brings it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "serve", "--workspace", str(workspace.root), "--port", str(port)]
    environment = os.environ | {"SPOTWHISPERER_MODELS": models, "SPOTWHISPERER_CHAT_MODEL": "offline"}
    said = folder / "stderr.txt"  # a pipe that nobody empties would stop the server
    with said.open("wb") as stderr, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=stderr) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/healthz", server, said)
            yield url
        finally:
            server.terminate()


@contextmanager
def served_copy(workspace: Workspace, temporary: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a copy of a workspace is served, with fake models."""
    root = temporary.mktemp("served")
    shutil.copytree(workspace.root, root, dirs_exist_ok=True)
    with served(Workspace(root), temporary.mktemp("server"), "fake") as url:
        yield url


@pytest.fixture(scope="package")
def address(fake_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of the synthetic slide is served, over a copy of its workspace."""
    with served_copy(fake_workspace, tmp_path_factory) as url:
        yield url


@pytest.fixture
def empty_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a workspace without slides is served."""
    with served(Workspace(tmp_path_factory.mktemp("nothing")), tmp_path_factory.mktemp("server"), "fake") as url:
        yield url


@pytest.fixture(scope="package")
def demo_address(demo_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of the demo slide is served, over a copy of its workspace."""
    root = tmp_path_factory.mktemp("served_demo")
    shutil.copytree(demo_workspace.root, root, dirs_exist_ok=True)
    with served(Workspace(root), tmp_path_factory.mktemp("demo_server"), "starter") as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, wherever it is installed. Gone after this folder: Playwright keeps an event loop running meanwhile."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, CHROMES)), None)
        own = Path(playwright.chromium.executable_path)
        if found is None and not own.is_file():
            pytest.skip(f"no Chromium here (looked for {', '.join(CHROMES)})")
        chromium = playwright.chromium.launch(executable_path=found or own, args=FLAGS.split())
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Browser, url: str, slide: bool = True, **how: Any) -> Iterator[Page]:
    """The page, opened by a new visitor. Fails on a console error, a request to another host, a shift of the layout."""
    wrong: list[str] = []
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 720}, "base_url": url} | how))
    context.add_init_script(WATCH_SHIFTS)
    tab = context.new_page()
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: wrong.append(request.url) if not _is_own(request.url, url) else None)
    tab.goto("/")
    tab.wait_for_selector(".sw-chip", timeout=60_000)
    if slide:
        tab.wait_for_function("() => window.SpotWhisperer?.page.left.viewer.isOpen()", timeout=60_000)
    yield tab
    shifts = tab.evaluate("() => window.shifts")
    context.close()
    assert wrong == []
    assert sum(shift["value"] for shift in shifts) < LARGEST_SHIFT, shifts


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page of the synthetic slide, opened by a new visitor."""
    with opened(browser, address) as tab:
        yield tab


@pytest.fixture(scope="module")
def demo_page(browser: Browser, demo_address: str) -> Iterator[Page]:
    """The page of the demo slide; one visitor who stays for a whole file."""
    with opened(browser, demo_address) as tab:
        yield tab


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:", address.replace("http", "ws")))


def _wait_for(url: str, server: subprocess.Popen[bytes], said: Path, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {said.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    pytest.fail(f"the server did not answer within {seconds:g} s")
