"""A cohort on Ray: a cluster of two nodes on this machine. What it makes equals what one process makes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from settings import QUIET, ROOT
from tests.synthetic import MPP
from tests.test_app import run
from tests.tools.test_workers import cut_slides
from tools.manifest import read_manifest
from tools.outcome import Outcome
from tools.prepare import PrepareOptions, Runtime, prepare
from tools.search import search_workspace
from tools.workspace import Workspace

ray = pytest.importorskip("ray", reason="needs Ray: python setup_env.py --cohort")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
OPTIONS = PrepareOptions(MPP, models="fake")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A running cluster of two nodes, with this process as its driver."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 2, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=small | {"include_dashboard": False})
    cluster.add_node(**small)
    env = {"env_vars": QUIET | {"PYTHONPATH": str(ROOT)}}
    ray.init(cluster.address, log_to_driver=False, logging_level="error", runtime_env=env)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_slides(tmp_path_factory.mktemp("cohort") / "slides", 2)


def on_ray(workspace: Workspace, folder: Path) -> dict[str, Outcome]:
    from tools.cohort import Cluster, prepare_on_ray

    entries = read_manifest([str(folder)], workspace, OPTIONS)
    found = list(prepare_on_ray(workspace, entries, Runtime(index=False), Cluster()))
    assert len(found) == len(entries)  # nobody is lost, nobody comes twice
    return {outcome.slide: outcome for outcome in found}


def test_it_makes_what_one_process_makes_and_skips_it_the_next_time(nodes: Any, folder: Path, tmp_path: Path) -> None:
    workspace, alone = Workspace(tmp_path / "ray"), Workspace(tmp_path / "alone")
    found = on_ray(workspace, folder)
    assert {name: outcome.state for name, outcome in found.items()} == {
        "broken": "failed",
        "s0": "prepared",
        "s1": "prepared",
    }
    assert "not an image" in found["broken"].error and not found["broken"].trace
    for name in ("s0", "s1"):
        prepare(alone, str(folder / f"{name}.png"), OPTIONS)
        ours, theirs = (anndata.read_h5ad(w.folder(name) / "spots.h5ad") for w in (workspace, alone))
        assert list(ours.obs_names) == list(theirs.obs_names) and np.array_equal(ours.X, theirs.X)
        assert np.array_equal(ours.obsm["X_joint"], theirs.obsm["X_joint"])
    assert {hit.slide for hit in search_workspace(workspace, "epidermis", 300, "fake", Runtime())} == {"s0", "s1"}
    assert {outcome.state for outcome in on_ray(workspace, folder).values()} == {"failed", "unchanged"}


def test_the_command_line_runs_on_a_cluster(
    nodes: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTWHISPERER_MODELS", "fake")
    done = run("prepare", str(folder), "--mpp", "1", "--engine", "ray", "--workspace", str(tmp_path), "--json")
    assert done.exit_code == 2
    assert [row["state"] for row in sorted(json.loads(done.stdout), key=lambda row: row["slide"])] == [
        "failed",
        "prepared",
        "prepared",
    ]


def test_an_encoder_that_dies_is_replaced_by_another(nodes: Any) -> None:
    from tools.cohort import _Elsewhere, _Encoder

    kind = ray.remote(_Encoder).options(num_cpus=0, max_restarts=0)
    actors = [kind.remote("cpu", None) for _ in range(2)]
    encoder = _Elsewhere("fake-encoder", actors)
    tiles = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
    before = encoder.encode_image(tiles)
    ray.kill(actors[0])
    assert np.array_equal(encoder.encode_image(tiles), before)


def test_a_bug_is_an_outcome(nodes: Any, folder: Path, tmp_path: Path) -> None:
    from tools import cohort

    entry = read_manifest([str(folder / "s0.png")], Workspace(tmp_path), OPTIONS)[0]
    wrong = replace(entry, options=replace(OPTIONS, pitch_um="wide"))  # type: ignore[arg-type]
    outcome = cohort._result(
        ray.remote(cohort._prepare_slide).remote(Workspace(tmp_path), wrong, Runtime(), []), wrong, 0
    )
    assert outcome.state == "failed" and "SpotWhisperer itself (TypeError" in outcome.error and outcome.trace


def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools import cohort
    from tools.errors import SlideError

    def absent(*_args: object, **_options: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(cohort.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(cohort.ray, "init", absent)
    with pytest.raises(SlideError, match=r"no Ray cluster at 10\.0\.0\.1:6379"):
        cohort._join(cohort.Cluster("10.0.0.1:6379"))
