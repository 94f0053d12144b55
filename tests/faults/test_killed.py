"""`kill -9` at the boundaries of the stages: the next run ends with what an undisturbed one makes."""

import signal
from pathlib import Path

import numpy as np
import pytest

from tests.faults.killing import killed_at
from tests.synthetic import MPP
from tools.files import LEFT
from tools.prepare import PrepareOptions, prepare
from tools.prepared import PreparedSlide
from tools.verify import verify_workspace
from tools.workspace import Workspace

MOMENTS = [
    ("before slide.json", 1),
    ("before spots.npz", 1),
    ("after spots.npz", 1),  # written, not yet sealed
    ("embed tiles", 3),
    ("before embeddings.npy", 1),
    ("before spots.h5ad", 1),
    ("after spots.h5ad", 1),
    ("before spots.h5ad", 2),  # the joint embedding goes into the same file
    ("after spots.h5ad", 2),
    ("before checksums.json", 4),
    ("after recipes.json", 7),
    ("index spots", 1),
]


@pytest.mark.parametrize(("here", "time"), MOMENTS, ids=lambda value: str(value))
def test_the_next_run_goes_on(tmp_path: Path, he_png: Path, tissue: PreparedSlide, here: str, time: int) -> None:
    assert killed_at(tmp_path, he_png, here, time) == -signal.SIGKILL
    slide = prepare(Workspace(tmp_path), str(he_png), PrepareOptions(mpp=MPP, models="fake"))
    assert np.allclose(slide.adata.X, tissue.adata.X, atol=1e-5)
    assert np.allclose(slide.adata.obsm["X_joint"], tissue.adata.obsm["X_joint"], atol=1e-5)
    assert [verdict.faults for verdict in verify_workspace(Workspace(tmp_path))] == [(), ()]
    assert not [path for path in tmp_path.rglob(".*.part*") if LEFT.fullmatch(path.name)]
    assert not list(tmp_path.rglob("embeddings.parts-*"))
