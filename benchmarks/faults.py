"""Kill preparations at random moments and see whether the next run mends it: python -m benchmarks.faults [--kills 40]

Each round starts `python app.py prepare` on the synthetic slide in a fresh workspace, kills it with SIGKILL after a
random part of the time that an undisturbed run takes, runs it again, and verifies the workspace, and that expression
and joint embedding are those of the undisturbed run.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.synthetic import MPP, write_he_png
from tools.h5ad import read_h5ad
from tools.verify import verify_workspace
from tools.workspace import Workspace

ROOT = Path(__file__).parent.parent


def command(slide: Path, workspace: Path) -> list[str]:
    """The command line that is killed."""
    app = [sys.executable, str(ROOT / "app.py"), "prepare", str(slide), "--mpp", str(MPP), "--models", "fake"]
    return [*app, "--workspace", str(workspace)]


def same(one: Path, other: Path) -> bool:
    """Whether two workspaces hold the same results."""
    a, b = (read_h5ad(root / "slides" / "tissue" / "spots.h5ad") for root in (one, other))
    return np.allclose(a.X, b.X, atol=1e-5) and np.allclose(a.obsm["X_joint"], b.obsm["X_joint"], atol=1e-5)


def reached(workspace: Path) -> str:
    """How far a killed run came, by the last file that is there."""
    folder = workspace / "slides" / "tissue"
    names = ("spots.h5ad", "embeddings.npy", "spots.npz", "slide.json")
    if (workspace / "chroma" / "chroma.sqlite3").is_file():
        return "chroma"
    return next((name for name in names if (folder / name).is_file()), "nothing yet")


def main() -> int:
    """All rounds; 1 where one was not mended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, found, lost = random.Random(asked.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        slide, whole = write_he_png(folder / "tissue.png"), folder / "whole"
        began = time.monotonic()
        subprocess.run(command(slide, whole), check=True, capture_output=True)
        lasts = time.monotonic() - began
        for number in range(asked.kills):
            root = folder / f"round{number}"
            process = subprocess.Popen(command(slide, root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.3, 1.0) * lasts)
            process.kill()
            process.wait()
            found[reached(root)] += 1
            again = subprocess.run(command(slide, root), capture_output=True, text=True)
            faults = [fault for verdict in verify_workspace(Workspace(root)) for fault in verdict.faults]
            if again.returncode or faults or not same(root, whole):
                lost += 1
                sys.stdout.write(f"round {number}: {again.returncode} {faults} {again.stderr[-300:]}\n")
            shutil.rmtree(root)
    sys.stdout.write(f"{asked.kills} kills, {asked.kills - lost} mended by the next run; killed after {dict(found)}\n")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
