"""Samples out of the forms in which others publish them."""

import gzip
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from models.fakes import GENES
from tests.synthetic import HEIGHT, WIDTH, he_pixels
from tests.tools.benchmark.synthetic import config
from tools.benchmark.choose import OneSlide, from_flags, ready_in
from tools.benchmark.config import Config, parse
from tools.benchmark.counts import read_counts
from tools.benchmark.samples import read_samples, visium_mpp
from tools.errors import ToolError

GROUPS = {"regions": {"title": "Regions", "queries": {"TUM": "tumor cells", "NOR": "normal cells"}}}


def paper_file(path: Path) -> None:
    """An h5ad as the paper's: x_pixel is the ROW, the slide in uns, raw counts in a layer; packed with gzip."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(200.0, 1000, 140), np.arange(150.0, 700, 140)))
    words = np.where(x < 500, "TUM", "NOR").astype(object)
    words[0] = "UNASSIGNED"
    obs = pd.DataFrame({"x_pixel": y, "y_pixel": x, "manual_anno_tls": words}, index=[f"b{i}" for i in range(len(x))])
    counts = np.random.default_rng(0).poisson(3, (len(x), len(GENES))).astype(np.float32)
    data = anndata.AnnData(np.log1p(counts), obs=obs, var=pd.DataFrame(index=list(GENES)))
    data.layers["raw_counts"] = counts
    data.uns["he_slide"] = he_pixels()
    plain = path.with_suffix("")
    data.write_h5ad(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()


def paper_config() -> Config:
    return parse(
        {
            "name": "lc",
            "title": "LC",
            "samples": ["LC1"],
            "groups": GROUPS,
            "each": {
                "slide": "{sample}.tif",
                "slide_in": "{sample}.h5ad.gz",
                "spots": "{sample}.h5ad.gz",
                "measured": "{sample}.h5ad.gz",
                "mpp": "visium",
                "labels": {
                    "regions": {
                        "h5ad": "{sample}.h5ad.gz",
                        "obs": ["region_type_expert_annotation", "manual_anno_tls"],
                    }
                },
            },
        }
    )


def test_the_papers_files(tmp_path: Path) -> None:
    paper_file(tmp_path / "LC1.h5ad.gz")
    (sample,) = read_samples(paper_config(), tmp_path, tmp_path / "work")
    assert sample.mpp == pytest.approx(100 / 140)
    assert sample.l0_xy[:, 0].max() > HEIGHT and (sample.l0_xy < [WIDTH, HEIGHT]).all()  # x is the column
    truth = sample.truths["regions"]
    assert truth.left_out == {"UNASSIGNED": 1}
    assert (truth.words[1:] == np.where(sample.l0_xy[1:, 0] < 500, "TUM", "NOR")).all()
    measured = sample.measured()
    assert measured is not None
    assert np.expm1(measured.X).sum(axis=1) == pytest.approx(np.full(measured.n_obs, 1e4), rel=1e-3)


def test_visium_pitch_gives_the_scale(tmp_path: Path) -> None:
    obs = pd.DataFrame({"x_pixel": [0.0, 200, 400], "y_pixel": [0.0, 0, 0]}, index=list("abc"))
    anndata.AnnData(np.zeros((3, 1), np.float32), obs=obs).write_h5ad(tmp_path / "a.h5ad")
    assert visium_mpp(tmp_path / "a.h5ad") == pytest.approx(0.5)


def test_10x_matrices_keep_human_genes_once_and_without_their_prefix(tmp_path: Path) -> None:
    counts = np.array([[3, 0, 9, 0], [1, 5, 2, 2]], np.int32)
    matrix = sparse.csc_matrix(counts.T)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file.create_group("matrix")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
        group["shape"] = np.array(matrix.shape)
        group["barcodes"] = np.array([b"AAAC-1", b"AAAG-1"])
        group["features/name"] = np.array([b"GRCh38__EPCAM", b"GRCh38__CD3D", b"wuhCor1__S", b"GRCh38__CD3D"])
        group["features/genome"] = np.array([b"GRCh38", b"GRCh38", b"wuhCor1", b"GRCh38"])
    data = read_counts(tmp_path / "m.h5")
    assert list(data.var_names) == ["EPCAM", "CD3D"] and list(data.obs_names) == ["AAAC-1", "AAAG-1"]
    assert np.asarray(data.X)[0] == pytest.approx([np.log1p(1e4), 0])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"LC1: there is no slide; expected LC1\.h5ad\.gz"):
        read_samples(paper_config(), tmp_path, tmp_path / "work")
    with pytest.raises(ToolError, match="no folder nowhere"):
        read_samples(config(root="nowhere"), tmp_path, tmp_path / "work")
    with pytest.raises(ToolError, match=r"Nothing in .* matches \*\.hdf"):
        read_samples(config(samples="*.hdf"), tmp_path, tmp_path / "work")


def test_a_folder_chooses_the_benchmarks_whose_data_it_holds(tmp_path: Path) -> None:
    (tmp_path / "her2st").mkdir()
    (tmp_path / "consep").mkdir()
    assert ready_in(tmp_path) == (tmp_path, ["consep-presence", "consep", "her2st"])
    assert ready_in(tmp_path / "her2st") == (tmp_path, ["her2st"])
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "LC3.h5ad").touch()
    assert ready_in(papers) == (papers, ["lc"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ToolError, match="holds no data of a ready benchmark"):
        ready_in(tmp_path / "empty")


def test_flags_must_be_complete() -> None:
    with pytest.raises(ToolError, match="give --spots, --labels"):
        from_flags(OneSlide(Path("a.png"), None, None, "label", ["TUM=tumor cells"]))
    with pytest.raises(ToolError, match="looks like"):
        from_flags(OneSlide(Path("a.png"), Path("s.csv"), Path("l.csv"), "label", ["TUM"]))
