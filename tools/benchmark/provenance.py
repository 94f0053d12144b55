"""What it takes to repeat a run: versions, checksums, seeds, the command."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from models.registry import model_class, model_set
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.files import fingerprint, sha256

PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "anndata", "torch", "transformers", "umap-learn", "matplotlib")
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Repeat:
    """How a run was asked for; `command` names no folder of this machine."""

    command: str
    seed: int
    draws: int


def provenance(repeat: Repeat, roads: Roads, samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Everything as plain JSON types."""
    return {
        "command": repeat.command,
        "seed": repeat.seed,
        "bootstrap draws": repeat.draws,
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
        "machine": {
            "processor cores": os.cpu_count(),
            "load over the last 15 minutes": round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None,
            "platform": f"{platform.system()} {platform.machine()}",
        },
        "code": _commit(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "models": _checksums(roads),
        "held out": {
            fold.test: {"trained on": list(fold.train), "training code has changed since": fold.stale}
            for fold in roads.folds.values()
        },
        "data": {s.name: fingerprint(s.slide) for s in samples if s.slide is not None},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of this checkout, and whether files differ from it."""
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", "models", "tools")
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
    return head[:12] + (" with local changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _checksums(roads: Roads) -> dict[str, dict[str, str]]:
    """SHA-256 of every weight file, shipped and held out."""
    models = model_set(roads.models)
    cards = [model_class(name).card for name in (models.encoder, models.predictor, models.joint)]
    cards += [card for card in roads.image_text_cards() if not card.missing(roads.models_dir)]
    folders = {"shipped": roads.models_dir} | {f"without {name}": fold.folder for name, fold in roads.folds.items()}
    found: dict[str, dict[str, str]] = {}
    for title, folder in folders.items():
        for card in cards:
            if folder is None or (folder / card.name).is_dir():
                path = card.folder(folder)
                found[f"{card.name}, {title}"] = {name: sha256(path / name)[:16] for name in card.files}
    return found
