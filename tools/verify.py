"""Whether everything in a workspace still is what the stages wrote, and belongs together."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from models.card import ModelUnavailable
from models.registry import model_set
from tools.checksums import damage, sealed
from tools.errors import SlideError
from tools.files import LEFT, read_json
from tools.h5ad import read_h5ad
from tools.recipes import STAGES, recipes
from tools.spots import Spots
from tools.stages import load_spots
from tools.workspace import SlideState, Workspace

ROOT = Path(__file__).parent.parent
FILES = ("spots.npz", "embeddings.npy", "spots.h5ad")
INDEX = "the search index"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, RuntimeError, SlideError)


@dataclass(frozen=True)
class Verdict:
    """What was found about a slide, or about the workspace as a whole: `faults` in words, none where it is whole.

    `slide` is the file it was made from, None where nothing tells.
    """

    name: str
    faults: tuple[str, ...]
    slide: Path | None = None


def verify_workspace(workspace: Workspace, models_dir: Path | None = None, url: str | None = None) -> list[Verdict]:
    """Read every file of every slide: checksums, recipes, numbers of rows, unit vectors, the index.

    Nothing is written.
    """
    folders = sorted(path for path in (workspace.root / "slides").glob("*") if path.is_dir())
    known = {state.name: state for state in workspace.slides()}
    counts = _Counts(workspace, url)
    verdicts = []
    for folder in folders:
        state = known.get(folder.name)
        if state is None:
            verdicts.append(
                Verdict(folder.name, ("slide.json is missing or damaged: nothing tells which slide this is",))
            )
        else:
            faults = tuple(_faults(folder, state, models_dir, counts))
            verdicts.append(Verdict(folder.name, faults, state.path))
    verdicts.append(Verdict("leftovers", tuple(_leftovers(workspace.root))))
    return verdicts


def _faults(folder: Path, state: SlideState, models_dir: Path | None, counts: "_Counts") -> Iterator[str]:
    if not state.path.is_file():
        yield f"the slide's file {state.path} is gone"
    made = read_json(folder / "recipes.json")
    if not made:
        yield "recipes.json is missing or damaged, or nothing is prepared yet"
        return
    due = FILES if "joint" in made or state.state == "prepared" else FILES[:1]
    broken = False
    for name in due:
        wrong = damage(folder / name, thorough=True) or ("" if sealed(folder / name) else "has no checksum")
        broken = broken or bool(wrong)
        if wrong:
            yield f"{name} {wrong}"
    if broken:
        return
    try:
        spots = load_spots(folder / "spots.npz")
        yield from _stale(state, spots, made, models_dir)
        if len(due) == len(FILES):
            yield from _disagreements(folder, spots)
            yield from counts.faults(state, len(spots))
    except UNREADABLE as error:
        yield f"a file cannot be read ({type(error).__name__}: {error})"


def _stale(state: SlideState, spots: Spots, made: dict[str, object], models_dir: Path | None) -> Iterator[str]:
    """Stages that other inputs, models or code made."""
    if not state.path.is_file():
        return
    try:
        wanted = recipes(state.path, spots, model_set(state.options.models), models_dir, STAGES[-1])
    except ModelUnavailable as error:
        yield str(error)
        return
    old = [stage for stage, recipe in wanted.items() if stage in made and made[stage] != recipe]
    if old:
        yield f"made from another slide, other models or older code: {', '.join(old)}"
    absent = [stage for stage in STAGES if stage not in made]
    if absent and len(absent) < len(STAGES) - 1:
        yield f"not finished: {', '.join(absent)}"


def _disagreements(folder: Path, spots: Spots) -> Iterator[str]:
    """Files of one slide that do not speak of the same spots."""
    embeddings = np.load(folder / "embeddings.npy", mmap_mode="r")
    if embeddings.ndim != 3 or len(embeddings) != len(spots):
        yield f"embeddings.npy has {len(embeddings):,} rows for {len(spots):,} spots"
    data = read_h5ad(folder / "spots.h5ad")
    if list(data.obs_names) != list(spots.ids):
        yield f"spots.h5ad does not hold the {len(spots):,} spots of spots.npz"
        return
    if not np.array_equal(np.asarray(data.obsm["spatial"]), spots.l0_xy):
        yield "spots.h5ad and spots.npz have the spots at different places"
    if not np.isfinite(np.asarray(data.X)).all():
        yield "spots.h5ad holds expression that is no number"
    for name in [name for name in data.obsm if name.startswith("X_")]:
        norms = np.linalg.norm(np.asarray(data.obsm[name], np.float64), axis=1)
        if not np.allclose(norms, 1.0, atol=1e-3):
            yield f"spots.h5ad holds {name} whose rows are not of unit length"


class _Counts:
    """Spots of each slide in the index, counted in a process of its own: Chroma may crash on a broken graph."""

    def __init__(self, workspace: Workspace, url: str | None) -> None:
        self._workspace, self._url = workspace, url
        self._known: dict[str, str] = {}

    def faults(self, state: SlideState, spots: int) -> Iterator[str]:
        """What the index gets wrong about a slide."""
        joint = model_set(state.options.models).joint
        if joint not in self._known:
            self._known[joint] = self._probe(joint)
        said = self._known[joint]
        if not said.startswith("{"):
            yield f"{INDEX} is damaged ({said})"
            return
        found = json.loads(said).get(state.name, 0)
        if found != spots:
            yield f"{INDEX} holds {found:,} of its {spots:,} spots"

    def _probe(self, joint: str) -> str:
        if self._url is None and not (self._workspace.root / "chroma" / "chroma.sqlite3").is_file():
            return "{}"
        folder = str(self._workspace.root / "chroma")
        names = [state.name for state in self._workspace.slides() if state.state == "prepared"]
        command = [sys.executable, "-m", "tools.index_probe", folder, joint, self._url or "", *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip().splitlines()[-1]
        if done.returncode < 0:
            return f"reading it ends with signal {-done.returncode}"
        return (done.stderr.strip().splitlines() or ["it cannot be read"])[-1]


def _leftovers(root: Path) -> list[str]:
    """Half-written files of runs that were killed; they take space and do no harm."""
    found = [path for path in root.rglob(".*.part*") if LEFT.fullmatch(path.name)]
    return [f"{os.path.relpath(path, root)} was left half-written" for path in found]
