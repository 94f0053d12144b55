"""A tiny prepared slide with known tissue, sessions on it, and chat models to talk about it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from agent.events import Answer, Event, ToolFinished
from agent.loop import Conversation
from agent.session import Session
from tools.prepare import prepare
from tools.prepared import PreparedSlide
from tools.workspace import PrepareOptions, Workspace


@dataclass
class Settings:
    """The settings that a conversation reads."""

    chat_model: str = "offline"
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    offline: bool = False
    offline_hosts: tuple[str, ...] = ()
    chat_timeout_s: float = 5.0
    chat_retries: int = 0
    chat_sees: bool | None = None
    chat_strict: bool = False
    chat_price_in: float | None = None
    chat_price_out: float | None = None
    slide_folders: tuple[Path, ...] = ()


def draw_slide(path: Path) -> Path:
    """Purple epithelium above pink stroma, with a speckled round infiltrate at the lower right; 2 um per pixel."""
    rng = np.random.default_rng(0)
    height, width = 500, 800
    image = np.full((height, width, 3), 244.0)
    image[30:470, 50:750] = (226, 150, 190)
    image[30:160, 50:750] = (110, 70, 150)
    y, x = np.mgrid[:height, :width]
    speckled = rng.integers(0, 2, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1).astype(bool)
    image[((y - 330) ** 2 + (x - 580) ** 2 < 85**2) & speckled] = (70, 40, 120)
    image += rng.normal(0, 6, image.shape)
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def prepared(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> PreparedSlide:
    path = draw_slide(tmp_path_factory.mktemp("slides") / "skin.png")
    return prepare(workspace, str(path), PrepareOptions(mpp=2.0, models="fake"))


@pytest.fixture
def session(workspace: Workspace, prepared: PreparedSlide) -> Session:
    return Session(workspace, slide=prepared, opened=prepared.name)


@pytest.fixture
def offline(session: Session) -> Conversation:
    return Conversation(session, Settings())


@dataclass
class Server:
    """A scripted chat server."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        """Bodies of what was asked of it."""
        return [json.loads(line)["body"] for line in self.log.read_text().splitlines()]

    def settings(self, key: str | None = "key") -> Settings:
        """Settings that point at it."""
        return Settings("openai/test", self.url, SecretStr(key) if key else None)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[list[dict[str, Any]]], Server]]:
    """Start a server that plays a script of replies."""
    running: list[subprocess.Popen[str]] = []

    def start(replies: list[dict[str, Any]]) -> Server:
        script = tmp_path / f"script{len(running)}.json"
        script.write_text(json.dumps(replies))
        command = [sys.executable, str(Path(__file__).with_name("openai_server.py")), str(script)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        return Server(f"http://127.0.0.1:{port}/v1", script.with_suffix(".log"))

    yield start
    for process in running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def answer(events: list[Event]) -> str:
    """Text of the Answer, which must be the last event."""
    assert isinstance(events[-1], Answer)
    assert sum(isinstance(event, Answer) for event in events) == 1
    return events[-1].text


def calls(events: list[Event]) -> list[ToolFinished]:
    """Finished tool calls, in order."""
    return [event for event in events if isinstance(event, ToolFinished)]
