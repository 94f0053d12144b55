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
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tools.workspace import Workspace
from viewer.routes import OPENSEADRAGON

ROOT = Path(__file__).parent.parent.parent
CHROMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-sync --no-first-run --disable-background-networking "
    "--disable-component-update"
)


@pytest.fixture(scope="package")
def address(fake_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of the synthetic workspace is served."""
    if not OPENSEADRAGON.is_file():
        pytest.skip("OpenSeadragon is not set up; `make setup` brings it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "serve", "--workspace", str(fake_workspace.root), "--port", str(port)]
    environment = os.environ | {"SPOTWHISPERER_MODELS": "fake", "SPOTWHISPERER_CHAT_MODEL": "offline"}
    said = tmp_path_factory.mktemp("server") / "stderr.txt"  # a pipe that nobody empties would stop the server
    with said.open("wb") as stderr, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=stderr) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/healthz", server, said)
            yield url
        finally:
            server.terminate()


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


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The opened page. Fails the test on a console error or a request to another host."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 720}, base_url=address)
    tab = context.new_page()
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: wrong.append(request.url) if not _is_own(request.url, address) else None)
    tab.goto("/")
    tab.wait_for_selector(".sw-chip", timeout=60_000)
    yield tab
    context.close()
    assert wrong == []


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
