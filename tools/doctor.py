"""What this machine can run now, what is missing, and the one thing that brings it."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from models.card import ModelUnavailable
from models.device import describe_device, has_gpu
from models.registry import SETS, cards, load, model_class
from tools.redact import redacted
from tools.verify import verify_workspace
from tools.workspace import Workspace

GIB = 1 << 30
SERVER_SECONDS = 3.0
PACKAGES = ("openslide-python", "openslide-bin", "torch", "anndata", "chromadb", "gradio", "langchain", "openai")


@dataclass(frozen=True)
class Check:
    """One finding; `needed` where nothing works without it."""

    name: str
    ok: bool
    found: str
    cure: str = ""
    needed: bool = True


@dataclass(frozen=True)
class Machine:
    """What is examined. `chat_url` is the server of the chat model; None where none is asked."""

    workspace: Path
    demo: Path
    models_dir: Path | None = None
    device: str = "auto"
    chat_url: str | None = None
    chroma_url: str | None = None


def examine(machine: Machine, *, verify: bool = False) -> list[Check]:
    """Look at packages, device, model sets, other models, demo slide, front-end library, workspace, chat server.

    `verify` loads every model whose weights are here, strictly, and reads every file of the workspace.
    """
    return [
        *_packages(),
        *_torchvision(),
        Check("device", True, describe_device(machine.device)),
        _gpu(),
        *_sets(machine.models_dir),
        *_image_text(machine.models_dir),
        *(_verified(machine) if verify else []),
        Check("demo slide", machine.demo.exists(), str(machine.demo), "make setup", needed=False),
        _front_end(),
        _workspace(machine.workspace),
        *(_slides(machine) if verify else []),
        *_chat(machine.chat_url),
    ]


def _packages() -> list[Check]:
    checks = []
    for name in PACKAGES:
        try:
            checks.append(Check(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(name, False, "not installed", "make setup"))
    return checks


def _torchvision() -> list[Check]:
    """Nothing here needs torchvision; beside the wrong torch it breaks packages that do (timm, transformers)."""
    try:
        version = importlib.metadata.version("torchvision")
        wanted = importlib.metadata.requires("torchvision") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    torch = importlib.metadata.version("torch")
    pair = f"torchvision {version} beside torch {torch}"
    done = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True)
    if done.returncode == 0:
        return [Check("torchvision", True, pair)]
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    plain = [name.replace(" ", "").replace("(", "").replace(")", "") for name in wanted]
    built_for = next((name for name in plain if name.startswith("torch==")), "another torch")
    cure = (
        "nothing here needs it: pip uninstall torchvision; or bring its build for this torch "
        f"(this one wants {built_for}, and a CPU torch wants a CPU torchvision)"
    )
    return [Check("torchvision", False, f"{pair} does not import ({reason})", cure, needed=False)]


def _gpu() -> Check:
    cure = "optional: an NVIDIA GPU with its driver, then `make clean setup` brings the torch for it"
    found = (
        "a GPU is used" if has_gpu() else "no GPU: the small models take minutes a slide, the foundation models hours"
    )
    return Check("GPU", has_gpu(), found, cure, needed=False)


def _sets(models_dir: Path | None) -> list[Check]:
    """What `prepare --models` can run."""
    checks = []
    for name, models in SETS.items():
        if name == "fake":
            continue
        parts = [model_class(part).card for part in (models.encoder, models.predictor, models.joint)]
        absent = [card for card in parts if card.missing(models_dir)]
        found = "can run" if not absent else f"missing {', '.join(card.name for card in absent)}"
        cure = "; ".join(f"{card.name}: {card.how_to_get(models_dir)}" for card in absent[:1])
        checks.append(Check(f"--models {name}", not absent, found, cure, needed=name == "starter"))
    return checks


def _image_text(models_dir: Path | None) -> list[Check]:
    checks = []
    for card in cards():
        if card.task == "image-text" and card.obtain:
            absent = card.missing(models_dir)
            found = "weights here" if not absent else f"missing {', '.join(path.name for path in absent)}"
            checks.append(Check(card.name, not absent, found, card.how_to_get(models_dir), needed=False))
    return checks


def _verified(machine: Machine) -> list[Check]:
    checks = []
    for card in cards():
        if card.missing(machine.models_dir):
            continue
        try:
            load(card.name, machine.device, machine.models_dir)
        except ModelUnavailable as error:
            checks.append(Check(f"load {card.name}", False, str(error), card.how_to_get(machine.models_dir)))
        else:
            checks.append(Check(f"load {card.name}", True, "every tensor fits"))
    return checks


def _front_end() -> Check:
    library = Path(__file__).parent.parent / "viewer" / "vendor" / "openseadragon" / "openseadragon.min.js"
    return Check("OpenSeadragon", library.exists(), str(library), "make setup")


def _workspace(workspace: Path) -> Check:
    at = next(path for path in (workspace, *workspace.resolve().parents) if path.exists())
    free = shutil.disk_usage(at).free / GIB
    writable = os.access(at, os.W_OK)
    found = f"{workspace}, {free:.0f} GiB free{'' if writable else ', not writable'}"
    return Check(
        "workspace", writable and free > 1, found, "free some space, or choose another folder with --workspace"
    )


def _slides(machine: Machine) -> list[Check]:
    """Every slide of the workspace: whole, up to date, in agreement, and in the index."""
    checks = []
    for verdict in verify_workspace(Workspace(machine.workspace, machine.demo), machine.models_dir, machine.chroma_url):
        cure = "python app.py doctor --repair"
        if verdict.slide is None and verdict.name != "leftovers":
            cure = "prepare the slide's file again; it gets a name of its own, and this folder may be removed"
        elif verdict.slide is not None and not verdict.slide.is_file():
            cure = f"bring {verdict.slide} back, or prepare the file from where it is now"
        elif verdict.slide is not None:
            cure = f"python app.py prepare {verdict.name}, or doctor --repair for all"
        found = "; ".join(verdict.faults) or ("none" if verdict.name == "leftovers" else "whole")
        checks.append(Check(f"verify {verdict.name}", not verdict.faults, found, cure))
    return checks


def _chat(url: str | None) -> list[Check]:
    """Whether the chat model's server answers at all; a refusal for want of a key is an answer."""
    if url is None:
        return []
    cure = "start the server or mend OPENAI_BASE_URL; without one, --chat-model offline works"
    shown = redacted(url)  # an address may hold a password
    if not url.startswith(("http://", "https://")):
        return [Check("chat server", False, f"{shown} is no http address", cure, needed=False)]
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=SERVER_SECONDS) as answer:
            found = f"{shown} answers ({answer.status})"
    except urllib.error.HTTPError as error:
        found = f"{shown} answers ({error.code}{': it wants a key' if error.code in (401, 403) else ''})"
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        return [Check("chat server", False, redacted(f"{url} cannot be reached ({reason})"), cure, needed=False)]
    return [Check("chat server", True, found)]
