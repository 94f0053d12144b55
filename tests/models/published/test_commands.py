"""`models`, `models convert`, `models fetch`, and sets whose weights are not here."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from typer.testing import CliRunner, Result

from app import app
from models.card import ModelUnavailable
from models.published.deepspot import PublishedPredictor
from models.registry import SETS, model_set, require
from tests.models.published.deepspot_release import release_classes, save, write_side_files

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPOTWHISPERER_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("SPOTWHISPERER_WORKSPACE", str(tmp_path / "workspace"))


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args), catch_exceptions=False)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    classes = release_classes("deepspot.model")
    torch.manual_seed(0)
    model = classes["DeepSpot"]((6, 5, 3), (2, 2), "spot_subspot_neighbors", None)
    save(tmp_path / "Lung", model, classes, "deepspot.model")
    write_side_files(tmp_path / "Lung", ["A", "B", "C"])
    return tmp_path / "Lung"


def test_the_list_says_everything_about_a_model(tmp_path: Path) -> None:
    cards: dict[str, Any] = {card["name"]: card for card in json.loads(run("models", "--json").stdout)}
    wanted = {"h-optimus-0", "uni", "uni2-h", "virchow2", "phikon-v2", "h0-mini", "midnight", "deepspot", "deepspot-m"}
    wanted |= {
        "cellwhisperer",
        "spatialwhisperer",
        "spatialwhisperer-image",
        "plip",
        "conch",
        "keep",
        "musk",
        "quiltnet",
    }
    assert wanted <= set(cards)
    conch = cards["conch"]
    assert conch["gated"] and conch["dim"] == 512 and conch["input_um"] == 112 and conch["task"] == "image-text"
    assert not conch["here"] and conch["folder"] == str(tmp_path / "models" / "conch") and conch["missing"]
    assert "MahmoodLab/conch" in conch["how_to_get"] and len(cards["starter-joint"]["sha256"]["config.json"]) == 64
    text = run("models").stdout
    assert f"expected in {tmp_path / 'models' / 'keep'}: model.safetensors, config.json, vocab.txt" in text
    assert "models fetch keep" in text and "access on request" in text and "paper" in text.splitlines()[-1]


def test_convert_writes_where_the_model_is_looked_for(tmp_path: Path, release: Path) -> None:
    done = json.loads(run("models", "convert", "deepspot", str(release), "--json").stdout)
    assert done["folder"] == str(tmp_path / "models" / "deepspot") and done["config"]["output_size"] == 3
    assert PublishedPredictor.load(tmp_path / "models" / "deepspot").genes == ("A", "B", "C")
    here = {card["name"]: card["here"] for card in json.loads(run("models", "--json").stdout)}
    assert here["deepspot"] and here["deepspot-paper-compat"] and not here["uni"]
    again = run("models", "convert", "deepspot", str(release))
    assert again.exit_code == 2 and "--replace" in again.stderr
    assert run("models", "convert", "deepspot", str(release), "--replace").exit_code == 0


def test_a_failed_conversion_leaves_what_was_there(tmp_path: Path, release: Path) -> None:
    run("models", "convert", "deepspot", str(release))
    before = (tmp_path / "models" / "deepspot" / "config.json").read_text()
    (release / "final_model.pkl").write_bytes(b"no zip")
    done = run("models", "convert", "deepspot", str(release), "--replace")
    assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "models" / "deepspot" / "config.json").read_text() == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["deepspot"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("convert", "uni", "."), "needs no conversion"), (("convert", "deepspot", "nowhere"), "no folder"),
     (("convert", "deepspot", "."), "final_model.pkl"), (("fetch", "nothing"), "known models"),
     (("fetch", "deepspot"), "zenodo")],
)  # fmt: skip
def test_mistakes_get_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    done = run("models", *arguments)
    assert done.exit_code == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_fetch_stays_home_when_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTWHISPERER_OFFLINE", "true")
    done = run("models", "fetch", "plip")
    assert done.exit_code == 2 and "offline" in done.stderr and "hf download vinid/plip" in done.stderr


def test_fetch_says_when_the_hub_cannot_be_reached() -> None:
    """The hub is off in the tests' own process, which is one way of not reaching it."""
    done = run("models", "fetch", "plip")
    assert done.exit_code == 2 and "could not be downloaded" in done.stderr


def test_a_set_without_its_weights_says_all_that_is_missing_in_one_screen(tmp_path: Path, he_png: Path) -> None:
    done = run("prepare", str(he_png), "--mpp", "1", "--models", "paper")
    lines = done.stderr.strip().splitlines()
    assert done.exit_code == 2 and done.stdout == "" and len(lines) <= 12
    for part in ("3 of the 3 models", "h-optimus-0", "models convert deepspot", "geneformer-12L-30M", "biobert-v1.1"):
        assert part in done.stderr
    assert not (tmp_path / "workspace").exists()


@pytest.mark.parametrize("joint", ["cellwhisperer", "spatialwhisperer"])
def test_relative_expression_is_not_given_to_a_model_that_ranks_genes(joint: str) -> None:
    with pytest.raises(ModelUnavailable, match="comparable between spots"):
        require(replace(model_set("deepspot-m"), joint=joint))
    with pytest.raises(ModelUnavailable, match="2 of the 3 models"):
        require(model_set("deepspot-m"))  # the starter's joint model fits; only its weights are absent


def test_every_set_names_known_models() -> None:
    from models.registry import REGISTRY

    for models in SETS.values():
        assert {models.encoder, models.predictor, models.joint} <= set(REGISTRY)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as a download asks for; repositories of MahmoodLab want a login."""

    files: ClassVar[dict[str, bytes]] = {"config.json": b"{}", "vocab.json": b"{}", "README.md": b"not asked for"}
    files |= {"merges.txt": b"#version: 0.2", "model.safetensors": b"weights", "flax_model.msgpack": b"not asked for"}
    commit = "0123456789abcdef0123456789abcdef01234567"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        name = self.path.split("?")[0].rpartition("/")[2]
        if "/MahmoodLab/" in self.path:
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.end_headers()
            return
        siblings = [{"rfilename": file} for file in self.files]
        listing = {"id": "vinid/plip", "sha": self.commit, "siblings": siblings, "tags": [], "private": False}
        tree = [{"type": "file", "path": file, "size": len(whole), "oid": file} for file, whole in self.files.items()]
        if "/api/" in self.path:
            content = json.dumps(tree if "/tree/" in self.path else listing).encode()
        else:
            content = self.files[name]
        self.send_response(200)
        headers = {"ETag": f'"{name}"', "X-Repo-Commit": self.commit, "Content-Length": str(len(content))}
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Callable[..., "subprocess.CompletedProcess[str]"]]:
    """Runs the command line in a process of its own, beside a hub on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        places = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "hf")}
        places |= {"SPOTWHISPERER_MODELS_DIR": str(tmp_path / "models"), "HF_HUB_DISABLE_XET": "1"}

        def command(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
            whole = [sys.executable, "app.py", *arguments]
            return subprocess.run(whole, cwd=ROOT, env=os.environ | places | more, capture_output=True, text=True)

        yield command
        server.shutdown()


def test_fetch_brings_what_a_model_reads_and_no_more(tmp_path: Path, hub: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    done = hub("models", "fetch", "plip", "--json")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "models" / "plip"
    here = {path.name for path in folder.iterdir() if path.is_file()}
    assert here == {"config.json", "vocab.json", "merges.txt", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_fetch_of_a_gated_model_says_where_to_ask(hub: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    done = hub("models", "fetch", "uni")
    assert done.returncode == 2 and "accept its terms there" in done.stderr, done.stderr


def test_fetch_without_a_network_says_what_to_do(hub: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    done = hub("models", "fetch", "keep", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2 and "On a machine with a network" in done.stderr, done.stderr
