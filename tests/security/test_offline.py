"""Offline is held at the socket: with every address but loopback denied, the whole journey works."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DENIED = """
import socket
from tools.network import OfflineError, forbid_network
forbid_network(["in-house.invalid"])
for address in (("93.184.216.34", 80), ("2606:2800:220:1::1", 443, 0, 0)):
    s = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    s.settimeout(2)
    try:
        s.connect(address)
    except OfflineError:
        pass
    else:
        raise SystemExit(f"reached {address}")
    s.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for ask in (
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: socket.gethostbyname("example.org"),
    lambda: socket.create_connection(("example.org", 80), 2),
    lambda: u.sendto(b"x", ("8.8.8.8", 53)),
    lambda: __import__("urllib.request").request.urlopen("http://example.org", timeout=2),
    lambda: __import__("httpx").get("http://example.org", timeout=2),
    lambda: __import__("asyncio").run(__import__("asyncio").open_connection("example.org", 80)),
):
    try:
        ask()
    except OSError as error:
        assert isinstance(error, OfflineError) or "offline" in str(error), repr(error)
    except Exception as error:
        assert "offline" in str(error), repr(error)
    else:
        raise SystemExit("reached example.org")
u.close()
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
server.close()
try:
    socket.getaddrinfo("in-house.invalid", 80)
except OfflineError:
    raise SystemExit("an allowed host was refused")
except OSError:
    pass  # there is no such host, but it was asked for
"""
JOURNEY = """
import sys, threading, time, urllib.request
from pathlib import Path
from settings import Settings
from commands.shared import settings_from, trail_of, workspace_of
settings = settings_from(offline=True, models="fake", workspace=Path(sys.argv[1]), port=int(sys.argv[3]))
from agent.loop import Conversation
from agent.session import Session
from tools.prepare import prepare
from tools.workspace import PrepareOptions
slide = prepare(workspace_of(settings), sys.argv[2], PrepareOptions(mpp=1.0, models="fake"))
talk = Conversation(Session(workspace_of(settings), slide=slide), settings, trail=trail_of(settings, "test"))
said = [list(talk.ask(words)) for words in ("where is the stroma?", "which genes are high there?", "export it as csv")]
assert list((settings.workspace / "exports").glob("*.csv")), said[-1]
assert not any(getattr(event, "failed", False) for turn in said for event in turn)
from viewer.routes import OPENSEADRAGON
if OPENSEADRAGON.is_file():
    import os, signal
    from viewer.server import serve
    def look():
        for _ in range(200):
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        Path(sys.argv[1], "page.html").write_bytes(page)
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=look, daemon=True).start()
    serve(settings)
    assert b"SpotWhisperer" in Path(sys.argv[1], "page.html").read_bytes()
print("arrived")
"""


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, timeout=200)


def test_nothing_but_loopback_can_be_reached() -> None:
    done = run(DENIED)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_whole_journey_needs_no_network(tmp_path: Path, he_png: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = run(JOURNEY, str(tmp_path), str(he_png), str(port))
    assert done.returncode == 0 and "arrived" in done.stdout, done.stderr


def test_a_chat_server_elsewhere_is_refused_unless_it_is_named() -> None:
    from agent import chat_models
    from settings import Settings
    from tools.errors import ModelUnavailable

    away = {"chat_model": "openai/x", "openai_base_url": "http://gpu.ward:8000/v1", "offline": True}
    with pytest.raises(ModelUnavailable, match="offline_hosts"):
        chat_models.build(Settings(**away))
    assert chat_models.build(Settings(**away, offline_hosts=("gpu.ward",))) is not None
