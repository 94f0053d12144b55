"""What is written in parts is what would be written whole."""

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from tools.expression import expression_parts, predict_expression, without_expression
from tools.on_disk import X_ROWS, StoredRows, add_to_h5ad, write_h5ad, write_rows
from tools.prepared import PreparedSlide

RNG = np.random.default_rng(0)


def parts_of(array: np.ndarray, *sizes: int):  # type: ignore[no-untyped-def]
    return iter(np.split(array, np.cumsum(sizes)))


def test_rows_written_in_parts_are_an_npy_file(tmp_path: Path) -> None:
    rows = RNG.random((50, 3, 4), np.float32)
    write_rows(tmp_path / "a.npy", parts_of(rows, 7, 20), 50)
    assert (np.load(tmp_path / "a.npy") == rows).all()
    stored = StoredRows(tmp_path / "a.npy")
    assert stored.shape == rows.shape and len(stored) == 50
    assert (stored[10:13] == rows[10:13]).all() and (stored.column(1, step=16) == rows[:, 1]).all()


def test_missing_rows_are_no_file_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="9 rows"):
        write_rows(tmp_path / "a.npy", parts_of(RNG.random((9, 2), np.float32), 4), 10)


def test_an_h5ad_in_parts_is_one_of_anndata(tmp_path: Path) -> None:
    n, g = X_ROWS + 300, 70
    x = RNG.random((n, g), np.float32)
    spots, genes = (pd.DataFrame(index=[f"{kind}{i}" for i in range(many)]) for kind, many in (("s", n), ("g", g)))
    shell = anndata.AnnData(obs=spots, var=genes)
    shell.obsm["spatial"] = RNG.random((n, 2))
    shell.uns["provenance"] = {"units": "log1p CP10K", "models": {"predictor": "p"}}
    write_h5ad(tmp_path / "parts.h5ad", shell, parts_of(x, 5, 1500, 800))
    whole = shell.copy()
    whole.X = x
    whole.write_h5ad(tmp_path / "whole.h5ad", compression="gzip")
    ours, theirs = (anndata.read_h5ad(tmp_path / name) for name in ("parts.h5ad", "whole.h5ad"))
    assert ours.X.dtype == np.float32 and (ours.X == theirs.X).all()
    assert ours.obs.equals(theirs.obs) and ours.var.equals(theirs.var) and ours.uns == theirs.uns
    with h5py.File(tmp_path / "parts.h5ad") as a, h5py.File(tmp_path / "whole.h5ad") as b:
        assert set(a) == set(b) and dict(a["X"].attrs) == dict(b["X"].attrs)
        assert a["X"].compression == "gzip" and a["X"].chunks[0] == X_ROWS
    before = (tmp_path / "parts.h5ad").stat().st_size
    for value in (1.0, 2.0):  # a second time replaces the first
        joint = np.full((n, 3), value, np.float32)
        add_to_h5ad(tmp_path / "parts.h5ad", {"X_joint": joint}, {"joint": f"j{value:g}"})
    again = anndata.read_h5ad(tmp_path / "parts.h5ad")
    assert (again.obsm["X_joint"] == 2).all() and np.array_equal(again.X, x)
    assert again.uns["provenance"]["models"] == {"predictor": "p", "joint": "j2"}
    assert (tmp_path / "parts.h5ad").stat().st_size < before + 50_000


def test_expression_of_too_few_spots_is_refused(tmp_path: Path) -> None:
    shell = anndata.AnnData(obs=pd.DataFrame(index=["a", "b"]), var=pd.DataFrame(index=["g"]))
    with pytest.raises(ValueError, match="1 spots"):
        write_h5ad(tmp_path / "a.h5ad", shell, iter([np.ones((1, 1), np.float32)]))


def test_expression_in_parts_is_the_expression(tissue: PreparedSlide, tmp_path: Path) -> None:
    from models.registry import load

    predictor, n = load("fake-predictor"), len(tissue.spots)
    embeddings = RNG.random((n, 5, 8), np.float32)
    whole = predict_expression(embeddings, tissue.spots, predictor)
    write_h5ad(
        tmp_path / "a.h5ad",
        without_expression(tissue.spots, predictor),
        expression_parts(embeddings, tissue.spots, predictor),
    )
    stored = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert (stored.X == whole.X).all() and stored.obs.equals(whole.obs)
    assert list(stored.var_names) == list(whole.var_names)
    np.testing.assert_array_equal(stored.var["reliability"], whole.var["reliability"])
