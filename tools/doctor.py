"""What this machine can run now, what is missing, and the one thing that brings it."""

import importlib.metadata
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from models.device import describe_device
from models.registry import cards

GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One finding; `needed` where nothing works without it."""

    name: str
    ok: bool
    found: str
    cure: str = ""
    needed: bool = True


def examine(workspace: Path, demo: Path, models_dir: Path | None, device: str) -> list[Check]:
    """Look at packages, device, weights, demo slide, front-end library and workspace."""
    return [
        *_packages(),
        _device(device),
        *_weights(models_dir),
        Check("demo slide", demo.exists(), str(demo), "make setup", needed=False),
        _front_end(),
        _workspace(workspace),
    ]


def _packages() -> list[Check]:
    checks = []
    for name in ("openslide-python", "openslide-bin", "torch", "anndata", "chromadb", "gradio", "langchain", "openai"):
        try:
            checks.append(Check(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(name, False, "not installed", "make setup"))
    return checks


def _device(device: str) -> Check:
    return Check("device", True, describe_device(device))


def _weights(models_dir: Path | None) -> list[Check]:
    checks = []
    for card in cards():
        missing = card.missing(models_dir)
        found = "weights here" if not missing else f"missing {', '.join(str(path) for path in missing)}"
        starter = card.name.startswith("starter")
        checks.append(Check(card.name, not missing, found, f"{card.source} ({card.license})", needed=starter))
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
