"""The doctor's findings on machines that lack one thing or another."""

import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from tools.doctor import Check, Machine, examine

ROOT = Path(__file__).parent.parent.parent


def found_on(machine: Machine, *, verify: bool = False) -> dict[str, Check]:
    return {check.name: check for check in examine(machine, verify=verify)}


def test_the_doctor_names_what_is_missing_and_its_cure(tmp_path: Path) -> None:
    checks = found_on(Machine(tmp_path / "workspace", tmp_path / "demo.svs", None, "cpu"))
    assert checks["torch"].ok and checks["--models starter"].ok and "cpu" in checks["device"].found
    assert not checks["demo slide"].ok and checks["demo slide"].cure == "make setup"
    assert checks["workspace"].ok and not (tmp_path / "workspace").exists()
    assert "chat server" not in checks
    assert checks["GPU"].ok or "CPU" in checks["device"].found.upper()


def test_what_published_sets_lack_and_how_it_comes(tmp_path: Path) -> None:
    checks = found_on(Machine(tmp_path, tmp_path / "demo.svs", tmp_path / "models", "cpu"))
    paper = checks["--models paper"]
    assert not paper.ok and not paper.needed
    assert paper.found == "missing h-optimus-0, deepspot, cellwhisperer"
    assert f"hf download bioptimus/H-optimus-0 --local-dir {tmp_path / 'models' / 'h-optimus-0'}" in paper.cure
    assert "vinid/plip" in checks["plip"].cure


def test_verify_loads_what_is_here_and_names_what_does_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "uni"
    folder.mkdir(parents=True)
    import numpy as np

    save_file({"head.weight": np.ones(2, np.float32)}, folder / "model.safetensors")
    checks = found_on(Machine(tmp_path, tmp_path / "demo.svs", tmp_path / "models", "cpu"), verify=True)
    assert checks["load starter-encoder"].ok
    assert not checks["load uni"].ok and "cls_token" in checks["load uni"].found


@pytest.mark.parametrize("status", [200, 401])
def test_a_chat_server_that_answers(tmp_path: Path, status: int) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        check = found_on(Machine(tmp_path, tmp_path, None, "cpu", url))["chat server"]
        server.shutdown()
    assert check.ok and str(status) in check.found


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "ollama"])
def test_a_chat_server_that_does_not(tmp_path: Path, url: str) -> None:
    check = found_on(Machine(tmp_path, tmp_path, None, "cpu", url))["chat server"]
    assert not check.ok and "--chat-model offline" in check.cure


def test_a_torchvision_that_does_not_fit_its_torch_is_found(tmp_path: Path) -> None:
    """A package of that name whose import fails as the real one does, in a process of its own."""
    package, info = tmp_path / "torchvision", tmp_path / "torchvision-0.1.0.dist-info"
    for folder in (package, info):
        folder.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.1.0\nRequires-Dist: torch==1.0\n"
    )
    code = "from tools.doctor import _torchvision as look; print(look()[0])"
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "ok=False" in done.stdout and "nms" in done.stdout and "torch==1.0" in done.stdout, done.stderr


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100 << 30, 100 << 30, 1 << 20))
    check = found_on(Machine(tmp_path, tmp_path, None, "cpu"))["workspace"]
    assert not check.ok and check.needed and "free some space" in check.cure
