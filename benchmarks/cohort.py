"""Cohorts: this machine, and a Ray cluster of two nodes, one of which is killed; nothing lost, nothing doubled.

`python -m benchmarks.cohort [--slides 12] [--models starter] [--grow 8 16 32 64] [--json OUT]`: real tissue, cut from
the demo slide, is prepared by worker processes, then on clusters of one and of two nodes with a core each (processes
of this machine), then on two nodes one of which gets SIGKILL after the first slides. The reference is the local run
with one worker: names, spots, embeddings and the index of every other run are held against it. Needs Ray.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import ray
from PIL import Image
from ray.cluster_utils import Cluster as Nodes

from benchmarks.measuring import finish, parser, table
from settings import QUIET, ROOT, Settings, apply_environment
from tools.cohort import Cluster, prepare_on_ray
from tools.index import SpotIndex
from tools.manifest import read_manifest
from tools.outcome import Outcome
from tools.prepare import PrepareOptions, Runtime
from tools.search import open_index, searchable
from tools.slide import open_slide
from tools.workers import prepare_here
from tools.workspace import Workspace

SIDE = (800, 640)  # px of a cut
NODE = {"num_cpus": 1, "object_store_memory": 150 << 20}
DARK = 215  # mean grey of a piece with tissue on it
KILL_AFTER = 2  # slides


def main() -> None:
    """Run all ways, check them, print ratios."""
    made = parser(__doc__)
    made.add_argument("--slides", type=int, default=12)
    made.add_argument("--models", default="starter")
    made.add_argument("--grow", type=int, nargs="*", default=[8, 16, 32, 64], help="slides, with the fake models")
    given = made.parse_args()
    apply_environment()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ways = compare(cut_slides(root / "slides", given.slides), root, given.models)
        growth = [grow(root / f"grow-{n}", n) for n in given.grow]
    table("growth on this machine, fake models", ["slides", "spots", "s", "s a slide", "again, s"], growth)
    finish({"slides": given.slides, "models": given.models, "ways": ways, "growth": growth}, given.out)


def cut_slides(folder: Path, n: int) -> Path:
    """`n` different pieces of the demo slide, as PNG (0.499 um per pixel)."""
    folder.mkdir(parents=True)
    slide = open_slide(Settings().demo_slide)
    rng = np.random.default_rng(1)
    cut = 0
    while cut < n:
        x, y = (int(rng.integers(0, room - side)) for room, side in zip((slide.width, slide.height), SIDE, strict=True))
        pixels = slide.read(x, y, 0, *SIDE)
        if pixels.mean() < DARK:
            Image.fromarray(pixels).save(folder / f"piece{cut:03d}.png")
            cut += 1
    return folder


def compare(folder: Path, root: Path, models: str) -> list[dict[str, Any]]:
    """Every way, held against the first."""
    options = PrepareOptions(mpp=0.499, models=models)
    reference = Workspace(root / "local, 1 worker")
    found = [measure(reference, folder, options, lambda w, e: prepare_here(w, e, Runtime(index=False), 1))]
    two = Workspace(root / "local, 2 workers")
    found.append(measure(two, folder, options, lambda w, e: prepare_here(w, e, Runtime(index=False), 2)))
    for name, count, kill in (("Ray, 1 node", 1, False), ("Ray, 2 nodes", 2, False), ("Ray, 1 of 2 killed", 2, True)):
        found.append(
            measure(Workspace(root / name), folder, options, lambda w, e, c=count, k=kill: on_nodes(w, e, c, k))
        )
    for way in found:
        way |= check(Workspace(root / way["way"]), reference, models)
        way["ratio"] = way["seconds"] / found[0]["seconds"]
    heads = ["way", "seconds", "ratio", "prepared", "lost", "doubled", "spots", "difference"]
    table(
        "a cohort, wall time as a ratio to local with 1 worker", heads, [[way[key] for key in heads] for way in found]
    )
    return found


def measure(workspace: Workspace, folder: Path, options: PrepareOptions, run: Any) -> dict[str, Any]:
    """Wall time of one way, and how many of its slides it prepared."""
    entries = read_manifest([str(folder)], workspace, options)
    start, outcomes = time.perf_counter(), []
    for outcome in run(workspace, entries):
        if outcome is None:  # the cluster is up
            start = time.perf_counter()
        else:
            outcomes.append(outcome)
    for outcome in outcomes:
        assert outcome.state == "prepared", outcome
    return {"way": workspace.root.name, "seconds": time.perf_counter() - start, "prepared": len(outcomes)}


def on_nodes(workspace: Workspace, entries: Any, count: int, kill: bool) -> Iterator[Outcome | None]:
    """On a fresh cluster, None once it is up; with `kill` its second node gets SIGKILL once two slides are done."""
    nodes = Nodes(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    others = [nodes.add_node(**NODE) for _ in range(count - 1)]
    env = {"env_vars": QUIET | {"PYTHONPATH": str(ROOT)}}
    ray.init(nodes.address, log_to_driver=False, logging_level="error", runtime_env=env)
    try:
        yield None
        for number, outcome in enumerate(prepare_on_ray(workspace, entries, Runtime(index=False), Cluster()), start=1):
            yield outcome
            if kill and number == KILL_AFTER:
                nodes.remove_node(others[0], allow_graceful=False)
    finally:
        ray.shutdown()
        nodes.shutdown()


def check(workspace: Workspace, reference: Workspace, models: str) -> dict[str, Any]:
    """Slides that are missing or there twice (in the workspace or in the index), and how far embeddings differ."""
    index: SpotIndex = open_index(workspace, models, Runtime())
    ours, theirs = searchable(workspace, models), searchable(reference, models)
    doubled, spots, difference = len(ours) - len(set(ours)), 0, 0.0
    for name in set(ours) & set(theirs):
        a, b = (anndata.read_h5ad(w.folder(name) / "spots.h5ad") for w in (workspace, reference))
        assert list(a.obs_names) == list(b.obs_names) and a.obs_names.is_unique
        difference = max(difference, float(np.abs(a.obsm["X_joint"] - b.obsm["X_joint"]).max()))
        doubled += index.count(name) != a.n_obs
        spots += a.n_obs
    lost = len(set(theirs) ^ set(ours)) + len(set(ours) ^ index.slides())
    return {"lost": lost, "doubled": doubled, "spots": spots, "difference": difference}


def grow(root: Path, n: int) -> list[Any]:
    """Seconds for `n` slides with fake models, and for a second run that finds everything unchanged."""
    folder, workspace = cut_slides(root / "slides", n), Workspace(root / "workspace")
    seconds = []
    for _ in range(2):
        entries = read_manifest([str(folder)], workspace, PrepareOptions(mpp=0.499, models="fake"))
        start, outcomes = time.perf_counter(), list(prepare_here(workspace, entries, Runtime(index=False)))
        seconds.append(time.perf_counter() - start)
    return [n, sum(outcome.spots or 0 for outcome in outcomes), seconds[0], seconds[0] / n, seconds[1]]


if __name__ == "__main__":
    main()
